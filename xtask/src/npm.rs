//! Clients of others that come from the npm registry, installed below `target/npm` for the tests that need them.

use std::fs;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::install::install;
use crate::tools::{output_of, root};

/// Only where no npm is on the path: one that came another way conflicts with Debian's.
const NPM: &[&str] = &["npm"];

/// Makes sure that what `tests/interop/package-lock.json` lists is there, by the ordinary client.
pub fn install_clients(why: &str) -> Result<()> {
    let (from, folder) = (root().join("tests/interop"), root().join("target/npm"));
    let manifest = fs::read(from.join("package.json")).context("tests/interop/package.json")?;
    let lock = fs::read(from.join("package-lock.json")).context("tests/interop/package-lock.json")?;
    // Written last, so an installation that broke off is done anew.
    let done = folder.join("installed-lock.json");
    if fs::read(&done).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    if output_of("npm", &["--version"]).is_none() {
        install(&[NPM], why)?;
    }
    eprintln!("Installing the clients of others that {why} needs into target/npm");
    fs::create_dir_all(&folder)?;
    fs::write(folder.join("package.json"), &manifest)?;
    fs::write(folder.join("package-lock.json"), &lock)?;
    let status = Command::new("npm")
        // Nothing of theirs is run to install it.
        .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"])
        .current_dir(&folder)
        .stdin(Stdio::null())
        .status()
        .context("npm could not be started")?;
    if !status.success() {
        bail!("npm ci failed ({status}) in target/npm; check the network, then run this again");
    }
    fs::write(&done, &lock).context("target/npm")
}
