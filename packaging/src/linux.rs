//! Linux: what is installed where, and the two packages of it.

mod deb;
mod rpm;
mod texts;

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};

use crate::sbom::Materials;
use crate::tree::Tree;
use crate::{Build, icons, licences, tree};

/// What an administrator needs to write policies, and where it stands below the documentation of the package.
const POLICY_DOCUMENTS: [(&str, &str); 3] = [
    ("packaging/policy/gen/policy.schema.json", "policy.schema.json"),
    ("packaging/policy/gen/example-managed.json", "examples/managed.json"),
    ("docs/administrator/policy.md", "policy.md"),
];

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Writes the .deb, the .rpm, the bill of materials, the licences and the checksums of all of them.
pub fn packages(build: &Build, program: &Path) -> Result<()> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("Linux packages are made on x86-64 Linux, best on the oldest Debian they are to run on");
    }
    let name = &build.description.app.program;
    let materials = Materials::of(&build.root, TARGET)?;
    let bill = serde_json::to_string_pretty(&materials.cyclonedx(name, build.version))? + "\n";
    let fonts = ["Inter", "Phosphor"].map(|font| {
        let file = build.root.join(format!("assets/fonts/LICENSE-{font}.txt"));
        std::fs::read_to_string(&file).map(|text| (font, text)).with_context(|| file.display().to_string())
    });
    let [inter, phosphor] = fonts;
    let (inter, phosphor) = (inter?, phosphor?);
    let terms = licences::third_party(&materials, &[(inter.0, &inter.1), (phosphor.0, &phosphor.1)])?;
    let files = contents(build, program, &terms)?;

    let mut written = vec![deb::write(build, &files)?, rpm::write(build, &files)?];
    for (ending, text) in [("cdx.json", bill), ("third-party.txt", terms)] {
        let file = build.out.join(format!("{name}-{}.{ending}", build.version));
        std::fs::write(&file, text)?;
        written.push(file);
    }
    let mut sums = String::new();
    for file in &written {
        let bytes = std::fs::read(file)?;
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        println!("{name:<44} {:>9.2} MiB", bytes.len() as f64 / f64::from(1 << 20));
        for byte in Sha256::digest(&bytes) {
            write!(sums, "{byte:02x}")?;
        }
        writeln!(sums, "  {name}")?;
    }
    std::fs::write(build.out.join("SHA256SUMS"), sums)?;
    println!("in {}", build.out.display());
    Ok(())
}

/// Everything that is installed.
fn contents(build: &Build, program: &Path, terms: &str) -> Result<Tree> {
    let app = &build.description.app;
    let linux = &build.description.linux;
    let name = &app.program;
    let mut files = Tree::default();
    let bytes = std::fs::read(program).with_context(|| format!("{} cannot be read", program.display()))?;
    files.program(format!("usr/bin/{name}"), bytes);
    files.file(format!("usr/share/applications/{}.desktop", linux.desktop_id), texts::desktop(&build.description));
    files.file(
        format!("usr/share/metainfo/{}.metainfo.xml", app.id),
        texts::metainfo(&build.description, build.version, build.epoch),
    );
    for size in icons::LINUX_SIZES {
        let path = format!("usr/share/icons/hicolor/{size}x{size}/apps/{}.png", linux.desktop_id);
        files.file(path, icons::png(size)?);
    }
    files.file(format!("usr/share/icons/hicolor/scalable/apps/{}.svg", linux.desktop_id), icons::SVG);
    // The program writes its own manual, so that it names every command there is.
    let manual = tree::output(std::process::Command::new(program).arg("manual"))?;
    files.file(format!("usr/share/man/man1/{name}.1.gz"), texts::gzip(manual.as_bytes())?);
    files.file(format!("usr/share/doc/{name}/copyright"), texts::copyright(build)?);
    files.file(format!("usr/share/doc/{name}/third-party.txt.gz"), texts::gzip(terms.as_bytes())?);
    for (from, to) in POLICY_DOCUMENTS {
        let file = build.root.join(from);
        let bytes = std::fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        files.file(format!("usr/share/doc/{name}/{to}"), bytes);
    }
    for folder in &linux.policy_folders {
        files.folder(folder.clone());
    }
    Ok(files)
}
