//! `cargo xtask docs`: writes the pages of the manual that are made from the program itself.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::tools::{cargo, root};

/// Each page, and the example of a crate that prints it.
const PAGES: [(&str, &str, &str); 1] = [("docs/diagnosis.md", "phone_core", "diagnosis")];

pub fn docs() -> Result<ExitCode> {
    for (page, package, example) in PAGES {
        let output = cargo(&["run", "--quiet", "--package", package, "--example", example])
            .stderr(std::process::Stdio::inherit())
            .output()
            .with_context(|| format!("{page} cannot be made"))?;
        if !output.status.success() {
            bail!("{page} cannot be made");
        }
        std::fs::write(root().join(page), output.stdout).with_context(|| format!("{page} cannot be written"))?;
        eprintln!("{page} is written");
    }
    Ok(ExitCode::SUCCESS)
}
