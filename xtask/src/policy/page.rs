//! The administrator's page about policies.

use std::fmt::Write as _;

use super::schema::{Change, Kind, Object, Schema, Setting, User};

pub fn page(schema: &Schema) -> String {
    let mut out = format!(
        "<!-- Made from packaging/policy/schema.toml by `cargo xtask policy`; do not edit. -->\n\
        # Policies\n\n\
        A policy sets a value for everybody on a computer (machine), or for one user. *Mandatory* values cannot be changed by\n\
        the user: not in the window, not on the command line, not in a settings file; they stay visible, with a lock and where\n\
        they come from. *Recommended* values are defaults. Unknown keys and values that do not fit are ignored and listed by\n\
        `offhook policy report`; they never stop the phone. Secrets are no policy values.\n\n\
        ## Where policies are read\n\n\
        | System | Mandatory | Recommended |\n|---|---|---|\n\
        | Windows | `HKLM\\{registry}`, then `HKCU\\{registry}` | the key `Recommended` below each |\n\
        | macOS | `/Library/Managed Preferences/{domain}.plist`, then `/Library/Managed Preferences/USER/{domain}.plist` | \
        `/Library/Preferences/{domain}.plist` |\n\
        | Linux | `/etc/xdg/offhook/policies/managed/*.json`, then `~/.config/offhook/policies/managed/*.json` | \
        `policies/recommended/*.json` in the same two places |\n\n\
        On Linux machine policy must belong to root and be writable by nobody else, folders included; otherwise the file is\n\
        refused and the report says so. Several files are read in the order of their names; a later one wins, and a conflict is\n\
        reported. Changes are noticed within 15 seconds and applied as soon as no call is up.\n\n\
        Templates, in `packaging/policy/gen/`: `offhook.admx` with `en-US/offhook.adml` for group policy and Intune,\n\
        `offhook.mobileconfig` and the manifest `{domain}.plist` for macOS, `policy.schema.json` and `example-managed.json` for\n\
        everything that writes JSON.\n\n\
        ## Which value wins\n\n\
        Strongest first. Machine comes before user.\n\n\
        1. mandatory policy of the machine, then of the user\n\
        2. command line, choice in the window, settings file: where the table below lets the user choose\n\
        3. what the service tells of the phone in use: the sum of its phone, base settings and site\n\
        4. recommended policy of the machine, then of the user\n\
        5. what the installer was told (`Deployment`)\n\
        6. the built-in default\n\n\
        ## See what is in force\n\n\
        ```\n\
        offhook policy show              every setting, its value, and where it comes from\n\
        offhook policy show force_relay  one setting with all its layers\n\
        offhook policy report            what was ignored, overruled or refused, and why\n\
        offhook policy validate FILE     check a policy file before it is rolled out\n\
        offhook policy export            the values in force as a policy file\n\
        ```\n\n\
        With `--json` each gives JSON. In the window, rows that a policy sets are locked and say so.\n",
        registry = schema.registry,
        domain = schema.macos_domain,
    );
    for group in &schema.groups {
        _ = write!(out, "\n## {}\n", group.title);
        for setting in schema.of_group(group) {
            section(&mut out, setting);
        }
    }
    out
}

fn section(out: &mut String, setting: &Setting) {
    _ = write!(out, "\n### {}\n\n{}\n\n", setting.title, setting.text);
    _ = writeln!(out, "| | |\n|---|---|");
    _ = writeln!(out, "| Policy | `{}` ({}) |", setting.policy, registry_type(setting.kind));
    _ = writeln!(out, "| Key in files | `{}` |", setting.key);
    if let Some(option) = &setting.option {
        _ = writeln!(out, "| Command line | `{option}` |");
    }
    _ = writeln!(out, "| Values | {} |", setting.values_words());
    _ = writeln!(out, "| Default | {} |", setting.default_words());
    if let Some(example) = &setting.example {
        _ = writeln!(out, "| Example | `{example}` |");
    }
    let level = match (setting.mandatory(), setting.recommended()) {
        (true, true) => "mandatory or recommended",
        (true, false) => "mandatory only",
        _ => "recommended only",
    };
    _ = writeln!(out, "| Level | {level} |");
    if !setting.provision.is_empty() {
        let objects: Vec<&str> = setting
            .provision
            .iter()
            .map(|object| match object {
                Object::Global => "global",
                Object::Site => "site",
                Object::Base => "base settings",
                Object::Phone => "phone",
            })
            .collect();
        _ = writeln!(out, "| Set by | {} |", objects.join(", "));
    }
    let user = match setting.user {
        User::Any => "may choose",
        User::UnlessProvisioned => "may choose what no object above sets",
        User::OnlyOn => "may switch it on, not off where an object asks for it",
        User::Never => "may not choose",
    };
    _ = writeln!(out, "| User | {user} |");
    let change = match setting.change {
        Change::Nothing => "at once",
        Change::NextCall => "with the next call",
        Change::NewSession => "with the next media session",
        Change::SignIn => "at the next sign-in",
        Change::Restart => "at the next start",
    };
    _ = writeln!(out, "| A change holds | {change} |");
    if !setting.also.is_empty() {
        _ = writeln!(out, "| Also called | {} |", setting.also.join(", "));
    }
}

fn registry_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Boolean => "REG_DWORD 0 or 1, true or false elsewhere",
        Kind::Integer => "REG_DWORD, a number elsewhere",
        Kind::Choice | Kind::Text => "REG_SZ, a text elsewhere",
        Kind::List => "a key with one REG_SZ an item, an array elsewhere",
    }
}
