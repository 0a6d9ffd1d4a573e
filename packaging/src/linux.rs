//! Linux: what is installed where, and the two packages of it.

mod deb;
mod rpm;
mod texts;

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::papers::Papers;
use crate::tree::Tree;
use crate::{Build, icons, tree};

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
    let papers = Papers::of(build, TARGET)?;
    let files = contents(build, program, &papers.terms)?;

    let written = vec![deb::write(build, &files)?, rpm::write(build, &files)?];
    papers.release(build, "", written)
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
