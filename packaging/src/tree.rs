//! The files of a package before they are packed.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

/// One file or folder; folders are only named where they are to exist empty.
#[derive(Debug)]
pub enum Entry {
    File { content: Vec<u8>, executable: bool },
    Folder,
}

/// Relative paths with `/`, in order, so that two builds pack in the same order.
#[derive(Debug, Default)]
pub struct Tree(pub BTreeMap<String, Entry>);

impl Tree {
    pub fn file(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), Entry::File { content: content.into(), executable: false });
    }

    pub fn program(&mut self, path: impl Into<String>, content: Vec<u8>) {
        self.0.insert(path.into(), Entry::File { content, executable: true });
    }

    pub fn folder(&mut self, path: impl Into<String>) {
        self.0.insert(path.into(), Entry::Folder);
    }

    /// Bytes of all files.
    pub fn size(&self) -> u64 {
        let size = |entry: &Entry| match entry {
            Entry::File { content, .. } => content.len() as u64,
            Entry::Folder => 0,
        };
        self.0.values().map(size).sum()
    }

    /// Writes everything below `folder`, which must not exist yet.
    pub fn write(&self, folder: &Path) -> Result<()> {
        for (path, entry) in &self.0 {
            let at = folder.join(path);
            match entry {
                Entry::Folder => std::fs::create_dir_all(&at)?,
                Entry::File { content, executable } => {
                    if let Some(parent) = at.parent() {
                        std::fs::create_dir_all(parent)?;
                    }
                    std::fs::write(&at, content).with_context(|| format!("{} cannot be written", at.display()))?;
                    set_mode(&at, if *executable { 0o755 } else { 0o644 })?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(unix)]
fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    Ok(std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))?)
}

#[cfg(not(unix))]
fn set_mode(_: &Path, _: u32) -> Result<()> {
    Ok(())
}

/// When the commit was made that is checked out, in seconds since 1970.
pub fn commit_time(root: &Path) -> Result<u32> {
    let text = output(Command::new("git").args(["log", "-1", "--format=%ct"]).current_dir(root))
        .context("outside a git checkout SOURCE_DATE_EPOCH says when this source is from")?;
    Ok(text.trim().parse()?)
}

/// What a command prints; an error with what it complained of when it fails.
pub fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("{name} could not be started; is it installed?"))?;
    if !output.status.success() {
        bail!("{name} failed ({}): {}", output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8(output.stdout)?)
}
