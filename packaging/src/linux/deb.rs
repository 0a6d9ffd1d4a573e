//! The .deb. Debian's own tools find the libraries and pack: they know the archive's format and its rules.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use super::texts::{gzip, wrapped};
use crate::Build;
use crate::tree::{Tree, output};

pub fn write(build: &Build, files: &Tree) -> Result<PathBuf> {
    let app = &build.description.app;
    let name = &app.program;
    let staged = build.out.join("deb");
    if staged.exists() {
        std::fs::remove_dir_all(&staged)?;
    }
    files.write(&staged)?;
    let changelog = format!(
        "{name} ({}) stable; urgency=medium\n\n  * See CHANGELOG.md of this version.\n\n -- {}  {}\n",
        version(build),
        app.contact,
        output(Command::new("date").args(["--utc", "-R", "-d", &format!("@{}", build.epoch)]))?.trim()
    );
    let mut ours = Tree::default();
    ours.file(format!("usr/share/doc/{name}/changelog.Debian.gz"), gzip(changelog.as_bytes())?);
    ours.file("DEBIAN/control", control(build, files, &linked(build)?));
    ours.write(&staged)?;

    let package = build.out.join(format!("{name}_{}_amd64.deb", version(build)));
    output(
        Command::new("dpkg-deb")
            .args(["--root-owner-group", "-Zxz", "--build"])
            .arg(&staged)
            .arg(&package)
            .env("SOURCE_DATE_EPOCH", build.epoch.to_string()),
    )?;
    std::fs::remove_dir_all(&staged)?;
    Ok(package)
}

fn version(build: &Build) -> String {
    format!("{}-1", build.version)
}

/// Packages of the libraries that the program is linked with.
fn linked(build: &Build) -> Result<Vec<String>> {
    // dpkg-shlibdeps insists on a source tree around it.
    let source = build.out.join("shlibdeps");
    std::fs::create_dir_all(source.join("debian"))?;
    let name = &build.description.app.program;
    std::fs::write(source.join("debian/control"), format!("Source: {name}\n\nPackage: {name}\nArchitecture: amd64\n"))?;
    let program = std::fs::canonicalize(build.out.join("deb/usr/bin").join(name))?;
    let text = output(Command::new("dpkg-shlibdeps").arg("-O").arg(program).current_dir(&source))?;
    std::fs::remove_dir_all(&source)?;
    let list = text.trim().strip_prefix("shlibs:Depends=").context("dpkg-shlibdeps found no libraries")?;
    Ok(list.split(',').map(|package| package.trim().to_owned()).collect())
}

fn control(build: &Build, files: &Tree, linked: &[String]) -> String {
    let app = &build.description.app;
    let linux = &build.description.linux;
    let mut depends: Vec<&str> = linked.iter().chain(&linux.loaded).map(String::as_str).collect();
    depends.sort_unstable();
    depends.dedup();
    let description: Vec<String> =
        build.description.paragraphs().map(|text| format!(" {}", wrapped(text, 78).join("\n "))).collect();
    format!(
        "Package: {}\n\
         Version: {}\n\
         Architecture: amd64\n\
         Maintainer: {}\n\
         Section: comm\n\
         Priority: optional\n\
         Installed-Size: {}\n\
         Depends: {}\n\
         Recommends: {}\n\
         Homepage: {}\n\
         Description: {}\n{}\n",
        app.program,
        version(build),
        app.contact,
        files.size().div_ceil(1024),
        depends.join(", "),
        linux.recommended.join(", "),
        app.homepage,
        lower_first(&app.summary),
        description.join("\n .\n")
    )
}

/// Debian's synopsis is no sentence.
fn lower_first(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_lowercase().chain(letters).collect()).unwrap_or_default()
}
