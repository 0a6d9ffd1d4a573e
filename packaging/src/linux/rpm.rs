//! The .rpm, written by the `rpm` crate: no RPM tools are needed where it is made.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context, Result};
use object::read::elf::{Dyn, FileHeader};
use rpm::{BuildConfig, CompressionType, Dependency, FileOptions, PackageBuilder};

use crate::Build;
use crate::tree::{Entry, Tree};

pub fn write(build: &Build, files: &Tree) -> Result<PathBuf> {
    let app = &build.description.app;
    let name = &app.program;
    let mut package = PackageBuilder::new(name, build.version, &app.licence, "x86_64", &app.summary);
    package
        .using_config(BuildConfig::v4().compression(CompressionType::Gzip).source_date(build.epoch))
        .release("1")
        .build_host("offhook")
        .vendor(&app.vendor)
        .packager(&app.contact)
        .url(&app.homepage)
        .description(build.description.paragraphs().collect::<Vec<_>>().join("\n\n"));
    for library in linked(files, name)?.iter().chain(&build.description.linux.loaded_rpm) {
        package.requires(Dependency::any(library));
    }
    for (path, entry) in &files.0 {
        let at = format!("/{path}");
        match entry {
            Entry::Folder => package.with_dir_entry(FileOptions::dir(at))?,
            Entry::File { content, executable } => {
                let mode = if *executable { 0o755 } else { 0o644 };
                package.with_file_contents(content.clone(), FileOptions::new(at).permissions(mode))?
            }
        };
    }
    let file = build.out.join(format!("{name}-{}-1.x86_64.rpm", build.version));
    package.build()?.write_file(&file)?;
    Ok(file)
}

/// The libraries that the program's dynamic section names, as RPM capabilities.
fn linked(files: &Tree, name: &str) -> Result<BTreeSet<String>> {
    let Some(Entry::File { content, .. }) = files.0.get(&format!("usr/bin/{name}")) else {
        anyhow::bail!("the program is in the tree");
    };
    let header = object::elf::FileHeader64::<object::LittleEndian>::parse(content.as_slice())?;
    let endian = header.endian()?;
    let sections = header.sections(endian, content.as_slice())?;
    let (entries, strings) =
        sections.dynamic(endian, content.as_slice())?.context("the program is linked statically")?;
    let strings = sections.strings(endian, content.as_slice(), strings)?;
    let mut found = BTreeSet::new();
    for entry in entries.iter().filter(|entry| entry.tag32(endian) == Some(object::elf::DT_NEEDED)) {
        found.insert(format!("{}()(64bit)", String::from_utf8_lossy(entry.string(endian, strings)?)));
    }
    Ok(found)
}
