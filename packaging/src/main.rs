//! Makes Offhook's packages from `packaging/app.toml`. `cargo xtask dist` builds the program and then runs this.

mod description;
mod icons;
mod licences;
mod linux;
mod macos;
mod papers;
#[cfg(test)]
mod recipes;
mod sbom;
mod tree;
mod windows;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};

use description::Description;

/// Makes packages out of a built program.
#[derive(Parser)]
#[command(name = "dist")]
struct Arguments {
    #[command(subcommand)]
    system: System,
}

#[derive(Subcommand)]
enum System {
    /// A .deb and a .rpm, with SBOM, licences and checksums
    Linux {
        /// The built program
        program: PathBuf,
        /// Where the packages go
        #[arg(long, default_value = "target/dist")]
        out: PathBuf,
    },
    /// The bundle's tree and a lint of it; what needs a macOS machine is said
    Macos {
        /// The built universal program; without it the layout is checked with a stand-in
        program: Option<PathBuf>,
        #[arg(long, default_value = "target/dist")]
        out: PathBuf,
    },
    /// Two .msi, for the machine and for one user, with SBOM, licences and checksums
    Windows {
        /// The built offhook.exe
        program: PathBuf,
        /// The built offhook-window.exe
        #[arg(long)]
        launcher: PathBuf,
        #[arg(long, default_value = "target/dist")]
        out: PathBuf,
        /// Packages of the next version too, to try upgrading with
        #[arg(long)]
        trial: bool,
    },
    /// Version, icon and manifest for the resource compiler
    WindowsResources {
        #[arg(long, default_value = "target/dist/windows-resources")]
        out: PathBuf,
    },
}

/// What every part needs to know of this build.
pub struct Build {
    pub description: Description,
    /// The project's root.
    pub root: PathBuf,
    pub version: &'static str,
    /// Seconds since 1970 that everything is stamped with: the same commit gives the same bytes.
    pub epoch: u32,
    pub out: PathBuf,
}

fn main() -> ExitCode {
    match run(Arguments::parse().system) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(system: System) -> Result<()> {
    match system {
        System::Linux { program, out } => linux::packages(&build(out)?, &program),
        System::Macos { program, out } => macos::bundle(&build(out)?, program.as_deref()),
        System::Windows { program, launcher, out, trial } => {
            windows::packages(&build(out)?, &program, &launcher, trial)
        }
        System::WindowsResources { out } => windows::resources(&build(out)?),
    }
}

fn build(out: PathBuf) -> Result<Build> {
    let root =
        PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().context("packaging stands below the root")?.to_owned();
    let description = Description::read(&root.join("packaging/app.toml"))?;
    std::fs::create_dir_all(&out).with_context(|| format!("{} cannot be made", out.display()))?;
    let epoch = match std::env::var("SOURCE_DATE_EPOCH") {
        Ok(text) => text.trim().parse().context("SOURCE_DATE_EPOCH is no number of seconds")?,
        Err(_) => tree::commit_time(&root)?,
    };
    Ok(Build { description, root, version: env!("CARGO_PKG_VERSION"), epoch, out })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }
}
