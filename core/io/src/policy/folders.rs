//! Policy folders of Unix: `policies/managed/*.json` and `policies/recommended/*.json`, for the machine and for the
//! user. What others than its keeper may write is refused.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use phone_core::policy::read::policy_text;
use phone_core::policy::{Finding, Layer, Platform, Source, Trouble};

use super::{Places, Policies};

/// Most files of one folder.
const FILES_LIMIT: usize = 64;
/// Longest file.
const FILE_LIMIT: u64 = 256 * 1024;

/// Who may own a policy.
#[derive(Clone, Copy)]
enum Keeper {
    /// The administrator, and nobody else.
    Root,
    /// The user, or the administrator.
    User(u32),
}

pub(super) fn read(places: &Places, into: &mut Policies) {
    let me = our_uid();
    // In the order of their strength, so that the report lists the weakest first.
    let machine = if is_stand_in(&places.machine) { Keeper::User(me) } else { Keeper::Root };
    file(&places.machine.join("deployment.json"), Layer::Deployment, machine, into);
    let of = |folder: &Path, name: &str| folder.join("policies").join(name);
    if let Some(user) = &places.user {
        folder(&of(user, "recommended"), Layer::RecommendedUser, Keeper::User(me), into);
    }
    folder(&of(&places.machine, "recommended"), Layer::RecommendedMachine, machine, into);
    if let Some(user) = &places.user {
        folder(&of(user, "managed"), Layer::MandatoryUser, Keeper::User(me), into);
    }
    folder(&of(&places.machine, "managed"), Layer::MandatoryMachine, machine, into);
}

/// Tests run as any user.
fn is_stand_in(machine: &Path) -> bool {
    cfg!(debug_assertions) && !machine.starts_with("/etc")
}

/// Who we are, as the system sees a file that we may own: the owner of our process's own folder.
fn our_uid() -> u32 {
    fs::metadata("/proc/self").map_or(u32::MAX, |facts| facts.uid())
}

fn folder(path: &Path, layer: Layer, keeper: Keeper, into: &mut Policies) {
    let entries = match fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => return,
        Err(error) => return tell(into, path, Trouble::Unreadable, format!("the folder cannot be read ({error})")),
    };
    // The folder, the one it stands in, and the program's own: whoever may write one of them may put files here.
    for folder in path.ancestors().take(3) {
        if let Err(why) = fs::metadata(folder).map_err(|error| error.to_string()).and_then(|facts| safe(&facts, keeper))
        {
            let text =
                format!("{} {why}, so nothing in it was taken; let only root write it (chmod go-w)", folder.display());
            return tell(into, path, Trouble::Unsafe, text);
        }
    }
    let mut names: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension() == Some(OsStr::new("json")) && !hidden(path))
        .collect();
    names.sort();
    if names.len() > FILES_LIMIT {
        names.truncate(FILES_LIMIT);
        tell(into, path, Trouble::Unreadable, format!("only the first {FILES_LIMIT} files were read"));
    }
    for name in names {
        file(&name, layer, keeper, into);
    }
}

fn hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

fn file(path: &Path, layer: Layer, keeper: Keeper, into: &mut Policies) {
    let opened = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return,
        Err(error) => {
            return tell(into, path, Trouble::Unreadable, format!("it cannot be read ({error}); it was ignored"));
        }
    };
    // Of what was opened, not of the name: that may lead elsewhere a moment later.
    let facts = match opened.metadata() {
        Ok(facts) if facts.is_file() => facts,
        _ => return tell(into, path, Trouble::Unreadable, "it is no file; it was ignored".to_owned()),
    };
    if let Err(why) = safe(&facts, keeper) {
        return tell(
            into,
            path,
            Trouble::Unsafe,
            format!("it {why}, so it was not taken; let only root write it (chmod go-w)"),
        );
    }
    let mut text = String::new();
    match opened.take(FILE_LIMIT + 1).read_to_string(&mut text) {
        Ok(_) if text.len() as u64 > FILE_LIMIT => {
            tell(
                into,
                path,
                Trouble::Unreadable,
                format!("it is longer than {} KiB; it was ignored", FILE_LIMIT / 1024),
            );
        }
        Ok(_) => {
            let source = Source::new(layer, path.display().to_string());
            into.sources.push(source.place.clone());
            policy_text(&text, &source, Platform::Linux, &mut into.layers, &mut into.findings);
        }
        Err(error) => tell(into, path, Trouble::Unreadable, format!("it cannot be read ({error}); it was ignored")),
    }
}

/// Whether only its keeper may write it; if not, who else.
fn safe(facts: &Metadata, keeper: Keeper) -> Result<(), String> {
    let owner = facts.uid();
    let known = match keeper {
        Keeper::Root => owner == 0,
        Keeper::User(me) => owner == 0 || owner == me,
    };
    if !known {
        return Err(format!("belongs to user {owner}"));
    }
    match facts.mode() {
        mode if mode & 0o002 != 0 => Err("can be written by everybody".to_owned()),
        mode if mode & 0o020 != 0 => Err("can be written by its group".to_owned()),
        _ => Ok(()),
    }
}

fn tell(into: &mut Policies, path: &Path, trouble: Trouble, text: String) {
    into.findings.push(Finding::new(&path.display().to_string(), "", trouble, text));
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use phone_core::policy::{Setting, Value, resolve};

    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("offhook-policy-{}-{name}", std::process::id()));
            fs::remove_dir_all(&path).ok();
            for folder in ["machine", "user"] {
                for kind in ["managed", "recommended"] {
                    fs::create_dir_all(path.join(folder).join("policies").join(kind)).unwrap();
                }
            }
            let folder = Self(path);
            for part in ["machine", "user"] {
                for path in ["", "policies", "policies/managed", "policies/recommended"] {
                    folder.mode(&format!("{part}/{path}"), 0o755);
                }
            }
            folder
        }

        fn write(&self, path: &str, text: &str) {
            fs::write(self.0.join(path), text).unwrap();
            self.mode(path, 0o644);
        }

        fn mode(&self, path: &str, mode: u32) {
            fs::set_permissions(self.0.join(path), fs::Permissions::from_mode(mode)).unwrap();
        }

        fn read(&self) -> Policies {
            let mut policies = Policies::default();
            read(&Places { machine: self.0.join("machine"), user: Some(self.0.join("user")) }, &mut policies);
            policies
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn machine_and_user_mandatory_and_recommended_all_find_their_layer() {
        let folder = Folder::new("layers");
        folder.write("machine/deployment.json", r#"{"MediaDscp": 1}"#);
        folder.write("user/policies/recommended/a.json", r#"{"MediaDscp": 2}"#);
        folder.write("machine/policies/recommended/a.json", r#"{"MediaDscp": 3}"#);
        folder.write("user/policies/managed/a.json", r#"{"MediaDscp": 4}"#);
        folder.write("machine/policies/managed/a.json", r#"{"MediaDscp": 5}"#);
        folder.write("machine/policies/managed/.hidden.json", "nonsense");
        folder.write("machine/policies/managed/notes.txt", "nonsense");
        let policies = folder.read();
        assert_eq!(policies.findings, []);
        assert_eq!(policies.sources.len(), 5);
        let values: Vec<_> = policies.layers.of(Setting::Dscp).map(|(value, _)| value.as_integer().unwrap()).collect();
        assert_eq!(values, [1, 2, 3, 4, 5]);
        let effective = resolve(&policies.layers);
        let origin = &effective.get(Setting::Dscp).unwrap().origin;
        assert!(origin.place.ends_with("machine/policies/managed/a.json"), "{origin}");
    }

    #[test]
    fn what_others_may_write_is_refused_and_told() {
        for (unsafe_path, mode, word) in [
            ("machine/policies/managed/a.json", 0o666, "everybody"),
            ("machine/policies/managed/a.json", 0o664, "its group"),
            ("machine/policies/managed", 0o777, "everybody"),
            ("machine/policies", 0o777, "everybody"),
            ("machine", 0o775, "its group"),
        ] {
            let folder = Folder::new("unsafe");
            folder.write("machine/policies/managed/a.json", r#"{"ForceTurn": true}"#);
            folder.mode(unsafe_path, mode);
            let policies = folder.read();
            assert!(policies.layers.is_empty(), "{unsafe_path} was trusted");
            let of_managed = policies.findings.iter().find(|finding| finding.place.contains("managed"));
            let finding = of_managed.unwrap_or_else(|| panic!("{unsafe_path}: {:?}", policies.findings));
            assert_eq!(finding.trouble, Trouble::Unsafe);
            assert!(finding.text.contains(word), "{finding}");
        }
    }

    #[test]
    fn files_that_are_no_policies_are_told_and_the_others_count() {
        let folder = Folder::new("broken");
        folder.write("machine/policies/managed/10.json", r#"{"ForceTurn": tru"#);
        folder.write("machine/policies/managed/20.json", &format!("{{\"Account\": \"{}\"}}", "x".repeat(300_000)));
        folder.write("machine/policies/managed/30.json", r#"{"MediaDscp": 34, "ForceTurn": "perhaps"}"#);
        fs::write(folder.0.join("machine/policies/managed/40.json"), [0xff, 0xfe]).unwrap();
        folder.mode("machine/policies/managed/40.json", 0o644);
        fs::create_dir(folder.0.join("machine/policies/managed/50.json")).unwrap();
        std::os::unix::fs::symlink("/no/such/file", folder.0.join("machine/policies/managed/60.json")).unwrap();
        let policies = folder.read();
        let (value, _) = policies.layers.get(Setting::Dscp, Layer::MandatoryMachine).unwrap();
        assert_eq!(value, &Value::Integer(34));
        assert_eq!(policies.layers.iter().count(), 1);
        let told: Vec<String> = policies.findings.iter().map(ToString::to_string).collect();
        for part in ["10.json: it is no JSON", "20.json: it is longer", "ForceTurn: the value", "40.json", "50.json"] {
            assert!(told.iter().any(|text| text.contains(part)), "{part}: {told:#?}");
        }
    }
}
