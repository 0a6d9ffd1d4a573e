//! What a bundle must have, checked without a Mac: keys, entitlements, icon, slices, libraries.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::{Context, Result};
use object::macho::{CPU_TYPE_ARM64, CPU_TYPE_X86_64, MachHeader64};
use object::read::macho::{FatArch, MachHeader, MachOFatFile32};
use plist::Value;

use super::MICROPHONE;

/// Rights that would weaken the hardened runtime, and that nothing here needs.
const UNWANTED: [&str; 4] = [
    "com.apple.security.cs.disable-library-validation",
    "com.apple.security.cs.allow-unsigned-executable-memory",
    "com.apple.security.cs.allow-dyld-environment-variables",
    "com.apple.security.get-task-allow",
];
const TEXTS: [&str; 9] = [
    "CFBundleExecutable",
    "CFBundleIconFile",
    "CFBundleIdentifier",
    "CFBundleName",
    "CFBundleShortVersionString",
    "CFBundleVersion",
    "LSMinimumSystemVersion",
    "NSLocalNetworkUsageDescription",
    "NSMicrophoneUsageDescription",
];

#[derive(Debug, PartialEq)]
pub enum Fault {
    Keys(String),
    Entitlements(String),
    Icon(String),
    Program(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Keys(text) => write!(f, "Info.plist: {text}"),
            Self::Entitlements(text) => write!(f, "entitlements: {text}"),
            Self::Icon(text) => write!(f, "icon: {text}"),
            Self::Program(text) => write!(f, "program: {text}"),
        }
    }
}

/// All that is wrong with a bundle.
pub fn bundle(app: &Path, entitlements: &Path) -> Result<Vec<Fault>> {
    let contents = app.join("Contents");
    let information = Value::from_file(contents.join("Info.plist")).context("Info.plist cannot be read")?;
    let rights = Value::from_file(entitlements).context("the entitlements cannot be read")?;
    let mut faults = keys(&information);
    faults.extend(self::entitlements(&rights));
    let text = |key: &str| information.as_dictionary().and_then(|keys| keys.get(key)).and_then(Value::as_string);
    let icon = contents.join("Resources").join(text("CFBundleIconFile").unwrap_or_default());
    match std::fs::read(&icon) {
        Ok(bytes) if bytes.starts_with(b"icns") => {}
        Ok(_) => faults.push(Fault::Icon(format!("{} is no icon of Apple's", icon.display()))),
        Err(error) => faults.push(Fault::Icon(format!("{} cannot be read: {error}", icon.display()))),
    }
    let program = contents.join("MacOS").join(text("CFBundleExecutable").unwrap_or_default());
    match std::fs::read(&program) {
        Ok(bytes) => faults.extend(self::program(&bytes)),
        Err(error) => faults.push(Fault::Program(format!("{} cannot be read: {error}", program.display()))),
    }
    Ok(faults)
}

fn keys(information: &Value) -> Vec<Fault> {
    let Some(keys) = information.as_dictionary() else { return vec![Fault::Keys("it is no dictionary".to_owned())] };
    let text = |key: &str| keys.get(key).and_then(Value::as_string).unwrap_or_default();
    let mut faults: Vec<Fault> = Vec::new();
    let mut fault = |text: String| faults.push(Fault::Keys(text));
    for key in TEXTS {
        if text(key).is_empty() {
            fault(format!("{key} is missing"));
        }
    }
    if text("NSMicrophoneUsageDescription").len() < 20 {
        fault("NSMicrophoneUsageDescription is what the user reads when macOS asks; it has to say why".to_owned());
    }
    let number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    let version = text("CFBundleShortVersionString");
    if !(2..=3).contains(&version.split('.').count()) || !version.split('.').all(number) {
        fault(format!("CFBundleShortVersionString `{version}` is not two or three numbers"));
    }
    let schemes: BTreeSet<&str> = keys
        .get("CFBundleURLTypes")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(|link| link.as_dictionary()?.get("CFBundleURLSchemes")?.as_array())
        .flatten()
        .filter_map(Value::as_string)
        .collect();
    for scheme in ["tel", "sip", "callto"] {
        if !schemes.contains(scheme) {
            fault(format!("links of {scheme}: do not open it"));
        }
    }
    faults
}

fn entitlements(rights: &Value) -> Vec<Fault> {
    let right = |key: &str| rights.as_dictionary().and_then(|keys| keys.get(key));
    let mut faults = Vec::new();
    if right(MICROPHONE).and_then(Value::as_boolean) != Some(true) {
        faults.push(Fault::Entitlements(format!("{MICROPHONE} is missing: no microphone, and no question")));
    }
    for key in UNWANTED {
        if right(key).is_some() {
            faults.push(Fault::Entitlements(format!("{key} is not needed")));
        }
    }
    faults
}

/// Both processors, and no library that does not come with the system.
fn program(bytes: &[u8]) -> Vec<Fault> {
    slices(bytes).unwrap_or_else(|error| vec![Fault::Program(format!("it cannot be read: {error}"))])
}

fn slices(bytes: &[u8]) -> object::Result<Vec<Fault>> {
    let mut faults = Vec::new();
    let mut missing = BTreeSet::from([CPU_TYPE_ARM64, CPU_TYPE_X86_64]);
    for slice in MachOFatFile32::parse(bytes)?.arches() {
        missing.remove(&slice.cputype());
        let data = slice.data(bytes)?;
        let header = MachHeader64::<object::Endianness>::parse(data, 0)?;
        let endian = header.endian()?;
        let mut commands = header.load_commands(endian, data, 0)?;
        while let Some(command) = commands.next()? {
            let Some(library) = command.dylib()? else { continue };
            let name = String::from_utf8_lossy(command.string(endian, library.dylib.name)?).into_owned();
            if !["/usr/lib/", "/System/Library/"].iter().any(|folder| name.starts_with(folder)) {
                faults.push(Fault::Program(format!("it loads {name}, which macOS does not bring")));
            }
        }
    }
    for (cpu, name) in [(CPU_TYPE_ARM64, "Apple silicon"), (CPU_TYPE_X86_64, "Intel")] {
        if missing.contains(&cpu) {
            faults.push(Fault::Program(format!("it does not run on {name}")));
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_information_file_is_told_key_by_key() {
        let faults = keys(&Value::Dictionary(plist::Dictionary::new()));
        assert!(faults.contains(&Fault::Keys("CFBundleIdentifier is missing".to_owned())));
        assert!(faults.contains(&Fault::Keys("links of tel: do not open it".to_owned())));
    }

    #[test]
    fn the_microphone_right_must_be_there_and_others_must_not() {
        let mut rights = plist::Dictionary::new();
        rights.insert(UNWANTED[3].to_owned(), Value::Boolean(true));
        assert_eq!(entitlements(&Value::Dictionary(rights.clone())).len(), 2);
        rights.clear();
        rights.insert(MICROPHONE.to_owned(), Value::Boolean(true));
        assert_eq!(entitlements(&Value::Dictionary(rights)), []);
    }

    #[test]
    fn what_is_no_universal_program_is_a_fault_and_no_panic() {
        for bytes in [&b""[..], b"\x7fELF", &[0xCA, 0xFE, 0xBA, 0xBE, 0, 0, 0, 2]] {
            assert!(!program(bytes).is_empty());
        }
    }
}
