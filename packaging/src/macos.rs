//! macOS: the bundle's tree, and a lint of it that needs no Mac.

mod lint;

use std::path::Path;

use anyhow::{Context, Result, bail};
use plist::{Dictionary, Value};

use crate::tree::Tree;
use crate::{Build, icons};

/// The only right the hardened runtime has to be asked for. Without it the signed program gets no microphone, and no
/// question either.
const MICROPHONE: &str = "com.apple.security.device.audio-input";

/// Writes `Offhook.app` and `entitlements.plist`, lints both, and says what is left to a macOS machine.
pub fn bundle(build: &Build, program: Option<&Path>) -> Result<()> {
    let description = &build.description;
    let app = &description.app;
    let mut tree = Tree::default();
    let folder = format!("{}.app/Contents", app.name);
    let binary = program.map(|file| std::fs::read(file).with_context(|| file.display().to_string())).transpose()?;
    let stand_in = binary.is_none();
    tree.program(format!("{folder}/MacOS/{}", app.program), binary.unwrap_or_default());
    tree.file(format!("{folder}/Info.plist"), xml(&information(build))?);
    tree.file(format!("{folder}/PkgInfo"), "APPL????");
    tree.file(format!("{folder}/Resources/{}.icns", app.program), icons::icns()?);
    tree.file("entitlements.plist", xml(&entitlements())?);
    let staged = build.out.join("macos");
    if staged.exists() {
        std::fs::remove_dir_all(&staged)?;
    }
    tree.write(&staged)?;

    let mut faults = lint::bundle(&staged.join(format!("{}.app", app.name)), &staged.join("entitlements.plist"))?;
    if stand_in {
        faults.retain(|fault| !matches!(fault, lint::Fault::Program(_)));
    }
    for fault in &faults {
        eprintln!("{fault}");
    }
    if !faults.is_empty() {
        bail!("the bundle has {} faults", faults.len());
    }
    println!("{}: keys, entitlement, icon and layout are in order", staged.join(format!("{}.app", app.name)).display());
    if stand_in {
        println!("not checked: the program (none was given), so neither its two slices nor the libraries it loads");
    }
    println!("not run here: lipo, codesign, notarytool, hdiutil, productbuild; see packaging/macos/build.sh");
    Ok(())
}

fn information(build: &Build) -> Value {
    let description = &build.description;
    let (app, macos) = (&description.app, &description.macos);
    let mut keys = Dictionary::new();
    let mut text = |key: &str, value: &str| {
        keys.insert(key.to_owned(), Value::String(value.to_owned()));
    };
    text("CFBundleDevelopmentRegion", "en");
    text("CFBundleDisplayName", &app.name);
    text("CFBundleExecutable", &app.program);
    text("CFBundleIconFile", &format!("{}.icns", app.program));
    text("CFBundleIdentifier", &app.id);
    text("CFBundleInfoDictionaryVersion", "6.0");
    text("CFBundleName", &app.name);
    text("CFBundlePackageType", "APPL");
    text("CFBundleShortVersionString", build.version);
    text("CFBundleVersion", build.version);
    text("LSApplicationCategoryType", &macos.category);
    text("LSMinimumSystemVersion", &macos.minimum_system);
    text("NSLocalNetworkUsageDescription", &macos.local_network);
    text("NSMicrophoneUsageDescription", &macos.microphone);
    keys.insert("NSHighResolutionCapable".to_owned(), Value::Boolean(true));
    let schemes = app.link_schemes.iter().cloned().map(Value::String).collect();
    let mut link = Dictionary::new();
    link.insert("CFBundleURLName".to_owned(), Value::String(app.id.clone()));
    link.insert("CFBundleURLSchemes".to_owned(), Value::Array(schemes));
    keys.insert("CFBundleURLTypes".to_owned(), Value::Array(vec![Value::Dictionary(link)]));
    Value::Dictionary(keys)
}

fn entitlements() -> Value {
    let mut keys = Dictionary::new();
    keys.insert(MICROPHONE.to_owned(), Value::Boolean(true));
    Value::Dictionary(keys)
}

fn xml(value: &Value) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    value.to_writer_xml(&mut bytes)?;
    bytes.push(b'\n');
    Ok(bytes)
}
