//! Windows: what is compiled into the program, what it may not hold, and the two installers.

mod inspect;
mod msi;
mod resources;
mod tables;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::Build;
use crate::papers::Papers;
use tables::{Contents, Scope};

const TARGET: &str = "x86_64-pc-windows-gnu";

/// Writes the sources of the resource compiler.
pub fn resources(build: &Build) -> Result<()> {
    resources::write(build)
}

/// Examines the program, and writes the installers with what goes with them.
pub fn packages(build: &Build, program: &Path, launcher: &Path, trial: bool) -> Result<()> {
    let read = |file: &Path| std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()));
    let (program, launcher) = (read(program)?, read(launcher)?);
    for (name, bytes) in [("offhook.exe", &program), ("offhook-window.exe", &launcher)] {
        let faults = inspect::faults(bytes, &build.description.windows.libraries, &inspect::places(&build.root))?;
        for fault in &faults {
            eprintln!("{name}: {fault}");
        }
        if !faults.is_empty() {
            bail!("{name} is not fit to be given away");
        }
    }
    let papers = Papers::of(build, TARGET)?;
    let contents = Contents { program, launcher, terms: papers.terms.clone() };
    let mut written = Vec::new();
    for scope in [Scope::Machine, Scope::User] {
        written.push(installer(build, &build.out, scope, build.version, &contents)?);
    }
    if trial {
        let folder = build.out.join("trial");
        std::fs::create_dir_all(&folder)?;
        for scope in [Scope::Machine, Scope::User] {
            installer(build, &folder, scope, &next(build.version)?, &contents)?;
        }
    }
    papers.release(build, "-windows", written)
}

fn installer(build: &Build, folder: &Path, scope: Scope, version: &str, contents: &Contents) -> Result<PathBuf> {
    let app = &build.description.app;
    let file = folder.join(format!("{}-{version}-{}-x64.msi", app.program, scope.word()));
    let bytes = msi::bytes(build, scope, version, contents)?;
    ensure!(bytes.len() <= 12 << 20, "{} is over 12 MiB", file.display());
    std::fs::write(&file, bytes).with_context(|| format!("{} cannot be written", file.display()))?;
    // It does nothing without a certificate.
    let signed = Command::new("sh").arg(build.root.join("packaging/sign/windows.sh")).arg(&file).status();
    ensure!(signed.context("sh could not be started")?.success(), "{} could not be signed", file.display());
    Ok(file)
}

/// The version after this one.
fn next(version: &str) -> Result<String> {
    let (front, last) = version.rsplit_once('.').context("a version has dots")?;
    Ok(format!("{front}.{}", last.parse::<u32>()? + 1))
}

/// What an administrator can say to the installer.
#[cfg(test)]
pub fn properties(description: &crate::description::Description) -> Vec<String> {
    let values = description.windows.values.iter().map(|(property, _)| property.as_str());
    values.chain(tables::CHOICES).chain(["INSTALLDIR"]).map(str::to_owned).collect()
}

/// They say that another version is the same program: for the machine, for one user.
#[cfg(test)]
pub fn upgrade_codes(description: &crate::description::Description) -> [String; 2] {
    [Scope::Machine, Scope::User].map(|scope| tables::code(description, &["upgrade", scope.word()]))
}
