//! What an installer says, as the rows of its tables. Nothing is written here, so tests read the same rows as Windows.
//! Table and column names, types and action numbers are those of the Windows Installer database reference.

use std::collections::BTreeMap;

use ::msi::Value;
use anyhow::Result;
use uuid::Uuid;

use super::resources::four_numbers;
use crate::Build;
use crate::description::Description;

/// For whom it installs. Never both in one package: an upgrade cannot cross over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    Machine,
    User,
}

impl Scope {
    pub fn word(self) -> &'static str {
        match self {
            Self::Machine => "machine",
            Self::User => "user",
        }
    }

    /// `msidbRegistryRootLocalMachine` or `msidbRegistryRootCurrentUser`.
    fn root(self) -> i32 {
        match self {
            Self::Machine => 2,
            Self::User => 1,
        }
    }
}

/// The files.
pub struct Contents {
    pub program: Vec<u8>,
    pub launcher: Vec<u8>,
    pub terms: String,
}

impl Contents {
    /// Key of the File table, name with its short form, bytes.
    pub fn files(&self) -> [(&'static str, &'static str, &[u8]); 3] {
        [
            ("program", "offhook.exe", &self.program),
            ("launcher", "OFFHOO~1.EXE|offhook-window.exe", &self.launcher),
            ("terms", "THIRDP~1.TXT|third-party.txt", self.terms.as_bytes()),
        ]
    }
}

/// 64-bit component; its key path is a registry value.
const WIDE: i32 = 256;
const KEY_IS_VALUE: i32 = 4;
/// A raw registry value in the 64-bit view.
const RAW_WIDE: i32 = 2 + 16;
/// Sets a property.
const SET: i32 = 51;
/// A program in a folder's surroundings, as the system, later, failure ignored; the same when it is rolled back.
const RUN_LATER: i32 = 34 + 1024 + 2048 + 64;
const RUN_ON_ROLLBACK: i32 = RUN_LATER + 256;

/// Property that clears one that was remembered.
const NONE: &str = "none";

/// Each property the installer takes beside the values of the program. All are remembered.
pub const CHOICES: [&str; 7] =
    ["AUTOSTART", "DESKTOP_SHORTCUT", "HANDLE_TEL", "HANDLE_SIP", "HANDLE_CALLTO", "INSTALL_FIREWALL_RULE", "QOS_DSCP"];

/// A table: its columns in the notation of .idt files, `*` at those of the key, and its rows.
pub type Tables = BTreeMap<&'static str, (&'static str, Vec<Vec<Value>>)>;

const COLUMNS: [(&str, &str); 22] = [
    ("AdminExecuteSequence", "*s72 Action;S255 Condition;I2 Sequence"),
    ("AdminUISequence", "*s72 Action;S255 Condition;I2 Sequence"),
    ("AdvtExecuteSequence", "*s72 Action;S255 Condition;I2 Sequence"),
    ("AppSearch", "*s72 Property;*s72 Signature_"),
    ("Component", "*s72 Component;S38 ComponentId;s72 Directory_;i2 Attributes;S255 Condition;S72 KeyPath"),
    ("CustomAction", "*s72 Action;i2 Type;S72 Source;S255 Target"),
    ("Directory", "*s72 Directory;S72 Directory_Parent;l255 DefaultDir"),
    (
        "Feature",
        "*s38 Feature;S38 Feature_Parent;L64 Title;L255 Description;I2 Display;i2 Level;S72 Directory_;i2 Attributes",
    ),
    ("FeatureComponents", "*s38 Feature_;*s72 Component_"),
    ("File", "*s72 File;s72 Component_;l255 FileName;i4 FileSize;S72 Version;S20 Language;I2 Attributes;i2 Sequence"),
    ("Icon", "*s72 Name;v0 Data"),
    ("InstallExecuteSequence", "*s72 Action;S255 Condition;I2 Sequence"),
    ("InstallUISequence", "*s72 Action;S255 Condition;I2 Sequence"),
    ("LaunchCondition", "*s255 Condition;l255 Description"),
    ("Media", "*i2 DiskId;i2 LastSequence;L64 DiskPrompt;S255 Cabinet;S32 VolumeLabel;S72 Source"),
    ("Property", "*s72 Property;l0 Value"),
    ("RegLocator", "*s72 Signature_;i2 Root;s255 Key;S255 Name;I2 Type"),
    ("Registry", "*s72 Registry;i2 Root;l255 Key;L255 Name;L0 Value;s72 Component_"),
    (
        "Shortcut",
        "*s72 Shortcut;s72 Directory_;l128 Name;s72 Component_;s72 Target;S255 Arguments;L255 Description;I2 Hotkey;S72 Icon_;\
         I2 IconIndex;I2 ShowCmd;S72 WkDir",
    ),
    (
        "Signature",
        "*s72 Signature;s255 FileName;S20 MinVersion;S20 MaxVersion;I4 MinSize;I4 MaxSize;I4 MinDate;I4 MaxDate;S255 Languages",
    ),
    (
        "Upgrade",
        "*s38 UpgradeCode;*S20 VersionMin;*S20 VersionMax;*S255 Language;*i4 Attributes;S255 Remove;s72 ActionProperty",
    ),
    ("RemoveFile", "*s72 FileKey;s72 Component_;L255 FileName;s72 DirProperty;i2 InstallMode"),
];

/// `{…}` in capitals, as the tables want it.
pub fn code(description: &Description, words: &[&str]) -> String {
    let name = words.join("/");
    let id = Uuid::new_v5(&description.windows.namespace, name.as_bytes());
    format!("{{{}}}", id.hyphenated().to_string().to_uppercase())
}

struct Maker<'a> {
    build: &'a Build,
    scope: Scope,
    tables: Tables,
    values: usize,
}

fn text(text: impl Into<String>) -> Value {
    Value::Str(text.into())
}

fn maybe(text: &str) -> Value {
    if text.is_empty() { Value::Null } else { Value::Str(text.to_owned()) }
}

impl Maker<'_> {
    fn row(&mut self, table: &'static str, cells: Vec<Value>) {
        if let Some((_, rows)) = self.tables.get_mut(table) {
            rows.push(cells);
        }
    }

    /// Something that comes and goes as a whole, where `condition` holds.
    fn component(&mut self, name: &str, attributes: i32, condition: &str, key: &str) {
        let id = code(&self.build.description, &["component", self.scope.word(), name]);
        self.row(
            "Component",
            vec![text(name), text(id), text("INSTALLDIR"), Value::Int(WIDE + attributes), maybe(condition), text(key)],
        );
        self.row("FeatureComponents", vec![text("Main"), text(name)]);
    }

    /// A component of registry values; the first is its key path.
    fn registry(&mut self, component: &str, condition: &str, values: &[(String, &str, String)]) {
        let first = format!("value{:03}", self.values + 1);
        self.component(component, KEY_IS_VALUE, condition, &first);
        for (key, name, value) in values {
            self.values += 1;
            let id = format!("value{:03}", self.values);
            let root = Value::Int(self.scope.root());
            self.row("Registry", vec![text(id), root, text(key), maybe(name), maybe(value), text(component)]);
        }
    }

    /// What was said at an earlier installation holds at an upgrade that says nothing.
    fn remember(&mut self, property: &str, key: &str, name: &str, action: i32) {
        let kept = format!("KEPT_{property}");
        let place = format!("find.{property}");
        let root = Value::Int(self.scope.root());
        self.row("RegLocator", vec![text(&place), root, text(key), text(name), Value::Int(RAW_WIDE)]);
        self.row("AppSearch", vec![text(&kept), text(&place)]);
        let keep = format!("keep.{property}");
        self.row("CustomAction", vec![text(&keep), Value::Int(SET), text(property), text(format!("[{kept}]"))]);
        // The search would overwrite what the command line says if it searched for the property itself.
        let condition = format!("{kept} AND NOT {property}");
        for sequence in ["InstallExecuteSequence", "InstallUISequence"] {
            self.row(sequence, vec![text(&keep), text(&condition), Value::Int(action)]);
        }
    }

    fn sequences(&mut self) {
        let execute: &[(&str, &str, i32)] = &[
            ("FindRelatedProducts", "", 25),
            ("AppSearch", "", 50),
            ("LaunchConditions", "", 100),
            ("ValidateProductID", "", 700),
            ("CostInitialize", "", 800),
            ("FileCost", "", 900),
            ("CostFinalize", "", 1000),
            ("place", "", 1010),
            ("MigrateFeatureStates", "", 1200),
            ("InstallValidate", "", 1400),
            ("InstallInitialize", "", 1500),
            // Within the transaction: where the new version fails, the old one comes back.
            ("RemoveExistingProducts", "", 1501),
            ("ProcessComponents", "", 1600),
            ("UnpublishFeatures", "", 1800),
            ("RemoveRegistryValues", "", 2600),
            ("RemoveShortcuts", "", 3200),
            ("RemoveFiles", "", 3500),
            ("InstallFiles", "", 4000),
            ("CreateShortcuts", "", 4500),
            ("WriteRegistryValues", "", 5000),
            ("RegisterUser", "", 6000),
            ("RegisterProduct", "", 6100),
            ("PublishFeatures", "", 6300),
            ("PublishProduct", "", 6400),
            ("InstallFinalize", "", 6600),
        ];
        let window: &[(&str, &str, i32)] = &[
            ("FindRelatedProducts", "", 25),
            ("AppSearch", "", 50),
            ("LaunchConditions", "", 100),
            ("ValidateProductID", "", 700),
            ("CostInitialize", "", 800),
            ("FileCost", "", 900),
            ("CostFinalize", "", 1000),
            ("ExecuteAction", "", 1300),
        ];
        let administrative: &[(&str, &str, i32)] = &[
            ("CostInitialize", "", 800),
            ("FileCost", "", 900),
            ("CostFinalize", "", 1000),
            ("InstallValidate", "", 1400),
            ("InstallInitialize", "", 1500),
            ("InstallAdminPackage", "", 3900),
            ("InstallFiles", "", 4000),
            ("InstallFinalize", "", 6600),
        ];
        let advertise: &[(&str, &str, i32)] = &[
            ("CostInitialize", "", 800),
            ("CostFinalize", "", 1000),
            ("InstallValidate", "", 1400),
            ("InstallInitialize", "", 1500),
            ("CreateShortcuts", "", 4500),
            ("PublishFeatures", "", 6300),
            ("PublishProduct", "", 6400),
            ("InstallFinalize", "", 6600),
        ];
        let administrative_window: &[(&str, &str, i32)] = &[
            ("CostInitialize", "", 800),
            ("FileCost", "", 900),
            ("CostFinalize", "", 1000),
            ("ExecuteAction", "", 1300),
        ];
        for (table, actions) in [
            ("InstallExecuteSequence", execute),
            ("InstallUISequence", window),
            ("AdminExecuteSequence", administrative),
            ("AdminUISequence", administrative_window),
            ("AdvtExecuteSequence", advertise),
        ] {
            for (action, condition, number) in actions {
                self.row(table, vec![text(*action), maybe(condition), Value::Int(*number)]);
            }
        }
        self.row(
            "CustomAction",
            vec![text("place"), Value::Int(SET), text("ARPINSTALLLOCATION"), text("[INSTALLDIR]")],
        );
    }

    fn folders(&mut self) {
        let folders: &[(&str, &str, &str)] = match self.scope {
            Scope::Machine => &[
                ("TARGETDIR", "", "SourceDir"),
                ("ProgramFiles64Folder", "TARGETDIR", "."),
                ("INSTALLDIR", "ProgramFiles64Folder", "Offhook"),
            ],
            Scope::User => &[
                ("TARGETDIR", "", "SourceDir"),
                ("LocalAppDataFolder", "TARGETDIR", "."),
                ("UserPrograms", "LocalAppDataFolder", "Programs"),
                ("INSTALLDIR", "UserPrograms", "Offhook"),
            ],
        };
        let common = [("ProgramMenuFolder", "TARGETDIR", "."), ("DesktopFolder", "TARGETDIR", ".")];
        for (folder, parent, name) in folders.iter().chain(&common) {
            self.row("Directory", vec![text(*folder), maybe(parent), text(*name)]);
        }
    }

    fn files(&mut self, contents: &Contents, version: &str) -> Result<()> {
        let four = four_numbers(version)?.map(|number| number.to_string()).join(".");
        for ((key, name, bytes), number) in contents.files().into_iter().zip(1..) {
            self.component(key, 0, "", key);
            let version = if name.to_ascii_lowercase().ends_with(".exe") { text(&four) } else { Value::Null };
            let size = Value::Int(i32::try_from(bytes.len())?);
            // 512: a file that has to be there.
            self.row(
                "File",
                vec![text(key), text(key), text(name), size, version, Value::Null, Value::Int(512), Value::Int(number)],
            );
        }
        let last = i32::try_from(contents.files().len())?;
        let cabinet = text("#offhook.cab");
        self.row("Media", vec![Value::Int(1), Value::Int(last), Value::Null, cabinet, Value::Null, Value::Null]);
        self.row("Icon", vec![text("offhook.ico"), Value::Binary]);
        let summary = self.build.description.app.summary.clone();
        self.shortcut("menu", "ProgramMenuFolder", "launcher", "Main", &summary);
        Ok(())
    }

    fn shortcut(&mut self, id: &str, folder: &str, component: &str, target: &str, summary: &str) {
        let name = text(&self.build.description.app.name);
        let mut cells = vec![text(id), text(folder), name, text(component), text(target), Value::Null, text(summary)];
        cells.extend([Value::Null, text("offhook.ico"), Value::Int(0), Value::Int(1), text("INSTALLDIR")]);
        self.row("Shortcut", cells);
    }

    fn settings(&mut self) {
        let description = &self.build.description;
        let ours = description.windows.registry.clone();
        let (deployment, installer) = (format!(r"{ours}\Deployment"), format!(r"{ours}\Installer"));
        // What detection rules of deployment tools ask for.
        let about = [("Version", "[ProductVersion]"), ("InstallLocation", "[INSTALLDIR]"), ("InstallKind", "msi")]
            .map(|(name, value)| (ours.clone(), name, value.to_owned()));
        self.registry("about", "", &about);
        let mut number = 51;
        self.remember("INSTALLDIR", &ours, "InstallLocation", number);
        for (property, name) in &description.windows.values {
            let value = [(deployment.clone(), name.as_str(), format!("[{property}]"))];
            self.registry(&format!("value.{property}"), &given(property), &value);
            number += 1;
            self.remember(property, &deployment, name, number);
        }
        for property in CHOICES {
            let value = [(installer.clone(), property, format!("[{property}]"))];
            self.registry(&format!("choice.{property}"), &given(property), &value);
            number += 1;
            self.remember(property, &installer, property, number);
        }
    }

    fn integration(&mut self) {
        let description = &self.build.description;
        let (app, windows) = (&description.app, &description.windows);
        let start = "[INSTALLDIR]offhook-window.exe";
        let run =
            [(r"SOFTWARE\Microsoft\Windows\CurrentVersion\Run".to_owned(), app.name.as_str(), format!("\"{start}\""))];
        self.registry("autostart", &wanted("AUTOSTART"), &run);

        let (capabilities, class) =
            (format!(r"{}\Capabilities", windows.registry), format!(r"SOFTWARE\Classes\{}", windows.link_class));
        // Offered to the user as one of several: the default is the user's, or set by the administrator's list.
        let offer = [
            (capabilities.clone(), "ApplicationName", app.name.clone()),
            (capabilities.clone(), "ApplicationDescription", app.summary.clone()),
            (r"SOFTWARE\RegisteredApplications".to_owned(), app.name.as_str(), capabilities.clone()),
            (class.clone(), "", format!("URL:{} call", app.name)),
            (class.clone(), "URL Protocol", "[~]".to_owned()),
            (format!(r"{class}\DefaultIcon"), "", "[INSTALLDIR]offhook.exe,0".to_owned()),
            (format!(r"{class}\shell\open\command"), "", format!("\"{start}\" \"%1\"")),
        ];
        self.registry("links", "", &offer);
        for (property, schemes) in
            [("HANDLE_TEL", &["tel"][..]), ("HANDLE_SIP", &["sip", "sips"]), ("HANDLE_CALLTO", &["callto"])]
        {
            let values: Vec<_> = schemes
                .iter()
                .map(|scheme| (format!(r"{capabilities}\URLAssociations"), *scheme, windows.link_class.clone()))
                .collect();
            self.registry(&format!("links.{property}"), &unless_refused(property), &values);
        }

        let desktop = [(format!(r"{}\Installer", windows.registry), "DesktopShortcut", "#1".to_owned())];
        self.registry("desktop", &wanted("DESKTOP_SHORTCUT"), &desktop);
        self.shortcut("desktop", "DesktopFolder", "desktop", "[#launcher]", &app.summary);

        if self.scope == Scope::Machine {
            self.network();
        }
    }

    /// Only an administrator may: the firewall's rule, and the marking of packets, which Windows leaves to policy.
    fn network(&mut self) {
        let name = self.build.description.app.name.clone();
        let qos = format!(r"SOFTWARE\Policies\Microsoft\Windows\QoS\{name}");
        let values = [
            ("Version", "1.0"),
            ("Application Name", "offhook.exe"),
            ("Protocol", "UDP"),
            ("Local Port", "*"),
            ("Local IP", "*"),
            ("Local IP Prefix Length", "*"),
            ("Remote Port", "*"),
            ("Remote IP", "*"),
            ("Remote IP Prefix Length", "*"),
            ("DSCP Value", "[QOS_DSCP]"),
            ("Throttle Rate", "-1"),
        ]
        .map(|(name, value)| (qos.clone(), name, value.to_owned()));
        self.registry("qos", &wanted("QOS_DSCP"), &values);

        let netsh = "\"[System64Folder]netsh.exe\" advfirewall firewall";
        let add = format!(
            "{netsh} add rule name=\"{name}\" dir=in action=allow protocol=UDP program=\"[INSTALLDIR]offhook.exe\" \
             profile=domain,private enable=yes"
        );
        let delete = format!("{netsh} delete rule name=\"{name}\" program=\"[INSTALLDIR]offhook.exe\"");
        let add_when = format!("NOT REMOVE AND {}", unless_refused("INSTALL_FIREWALL_RULE"));
        for (action, kind, command, condition, number) in [
            ("firewall.delete", RUN_LATER, &delete, "REMOVE=\"ALL\"", 1502),
            ("firewall.undo", RUN_ON_ROLLBACK, &delete, add_when.as_str(), 4001),
            ("firewall.add", RUN_LATER, &add, add_when.as_str(), 4002),
        ] {
            self.row("CustomAction", vec![text(action), Value::Int(kind), text("INSTALLDIR"), text(command)]);
            self.row("InstallExecuteSequence", vec![text(action), text(condition), Value::Int(number)]);
        }
    }

    fn product(&mut self, version: &str) {
        let description = &self.build.description;
        let app = &description.app;
        let upgrade = code(&self.build.description, &["upgrade", self.scope.word()]);
        let product = code(&self.build.description, &["product", self.scope.word(), version]);
        let kept = std::iter::once("INSTALLDIR")
            .chain(description.windows.values.iter().map(|(property, ..)| property.as_str()))
            .chain(CHOICES);
        let mut secure: Vec<String> = kept.flat_map(|name| [name.to_owned(), format!("KEPT_{name}")]).collect();
        secure.extend(["NEWERFOUND", "OLDERFOUND", "MACHINEWIDE"].map(str::to_owned));
        let mut properties = vec![
            ("ARPHELPLINK", app.homepage.clone()),
            ("ARPNOMODIFY", "1".to_owned()),
            ("ARPPRODUCTICON", "offhook.ico".to_owned()),
            ("ARPURLINFOABOUT", app.homepage.clone()),
            ("INSTALLLEVEL", "1".to_owned()),
            ("Manufacturer", app.vendor.clone()),
            ("ProductCode", product),
            ("ProductLanguage", "1033".to_owned()),
            ("ProductName", app.name.clone()),
            ("ProductVersion", version.to_owned()),
            // A phone never restarts the computer.
            ("REBOOT", "ReallySuppress".to_owned()),
            ("SecureCustomProperties", secure.join(";")),
            ("UpgradeCode", upgrade.clone()),
        ];
        if self.scope == Scope::Machine {
            properties.push(("ALLUSERS", "1".to_owned()));
        }
        for (property, value) in properties {
            self.row("Property", vec![text(property), text(value)]);
        }
        // 256: the lower end belongs to it; 2: only look.
        let (none, mine) = (Value::Null, text(version));
        let older = vec![
            text(&upgrade),
            text("0.0.0"),
            mine.clone(),
            none.clone(),
            Value::Int(256),
            none.clone(),
            text("OLDERFOUND"),
        ];
        let newer = vec![text(&upgrade), mine, none.clone(), none.clone(), Value::Int(2), none, text("NEWERFOUND")];
        self.row("Upgrade", older);
        self.row("Upgrade", newer);
        let mut conditions = vec![
            ("VersionNT64", "64-bit Windows 10 or newer is needed."),
            ("NOT NEWERFOUND", "A newer version of [ProductName] is installed. Remove it first if you want this one."),
        ];
        if self.scope == Scope::User {
            let key = text(&description.windows.registry);
            self.row(
                "RegLocator",
                vec![text("find.machine"), Value::Int(2), key, text("Version"), Value::Int(RAW_WIDE)],
            );
            self.row("AppSearch", vec![text("MACHINEWIDE"), text("find.machine")]);
            conditions.push((
                "Installed OR NOT MACHINEWIDE",
                "[ProductName] is installed for everybody on this computer already.",
            ));
        }
        for (condition, words) in conditions {
            self.row("LaunchCondition", vec![text(condition), text(words)]);
        }
        let mut feature = vec![text("Main"), Value::Null, text(&app.name), text(&app.summary), Value::Int(1)];
        feature.extend([Value::Int(1), text("INSTALLDIR"), Value::Int(0)]);
        self.row("Feature", feature);
    }
}

/// Said, and not taken back.
fn given(property: &str) -> String {
    format!("{property} AND {property}<>\"{NONE}\"")
}

/// Off unless asked for.
fn wanted(property: &str) -> String {
    format!("{property} AND {property}<>\"0\" AND {property}<>\"{NONE}\"")
}

/// On unless refused.
fn unless_refused(property: &str) -> String {
    format!("NOT ({property}=\"0\")")
}

/// Every row of the installer.
pub fn tables(build: &Build, scope: Scope, version: &str, contents: &Contents) -> Result<Tables> {
    let tables = COLUMNS.into_iter().map(|(name, columns)| (name, (columns, Vec::new()))).collect();
    let mut maker = Maker { build, scope, tables, values: 0 };
    maker.folders();
    maker.files(contents, version)?;
    maker.settings();
    maker.integration();
    maker.product(version);
    maker.sequences();
    Ok(maker.tables)
}
