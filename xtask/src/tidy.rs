//! `cargo xtask tidy`: rules of this project that no compiler knows. Each finding names the file, the line and the
//! reason, so that it can be mended without asking.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::tools::root;

mod documents;
mod sources;

/// One thing that is not as it should be.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    /// Relative to the root, with forward slashes.
    pub file: String,
    /// From 1; 0 means the file as a whole.
    pub line: usize,
    pub why: String,
}

impl Finding {
    fn new(file: &str, line: usize, why: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, why: why.into() }
    }
}

/// A file of the repository with its text; binary files have none.
pub struct SourceFile {
    pub path: String,
    pub text: Option<String>,
}

impl SourceFile {
    #[cfg(test)]
    pub fn new(path: &str, text: &str) -> Self {
        Self { path: path.to_owned(), text: Some(text.to_owned()) }
    }

    fn has_extension(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// Its lines, numbered from 1.
    fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        self.text.as_deref().unwrap_or_default().lines().enumerate().map(|(index, line)| (index + 1, line))
    }
}

pub fn tidy() -> Result<ExitCode> {
    let files = read_all(&root())?;
    let findings = check(&files);
    for Finding { file, line, why } in &findings {
        let place = if *line == 0 { file.clone() } else { format!("{file}:{line}") };
        eprintln!("{place}: {why}");
    }
    if findings.is_empty() {
        eprintln!("tidy: {} files are in order", files.len());
        return Ok(ExitCode::SUCCESS);
    }
    eprintln!("tidy: {} findings", findings.len());
    Ok(ExitCode::FAILURE)
}

fn check(files: &[SourceFile]) -> Vec<Finding> {
    let mut findings = sources::check(files);
    findings.extend(documents::check(files));
    findings.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    findings
}

/// Every file of the work tree but what is built.
fn read_all(root: &Path) -> Result<Vec<SourceFile>> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries =
            std::fs::read_dir(root.join(&folder)).with_context(|| format!("{} cannot be read", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type()?;
            let name = entry.file_name();
            if kind.is_dir() {
                if name != ".git" && !name.to_string_lossy().starts_with("target") {
                    folders.push(path);
                }
            } else if kind.is_file() && name != "Cargo.lock" {
                let text = std::fs::read(root.join(&path)).ok().and_then(|bytes| String::from_utf8(bytes).ok());
                files.push(SourceFile { path: path.to_string_lossy().replace('\\', "/"), text });
            }
        }
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_repository_is_tidy() {
        let files = read_all(&root()).expect("the repository can be read");
        assert!(files.len() > 50, "only {} files were found", files.len());
        assert_eq!(check(&files), Vec::new());
    }
}
