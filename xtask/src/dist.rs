//! `cargo xtask dist`: the packages of one system, made of a release build.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::install::{BUILD, LINUX_PACKAGES, WINDOW, install};
use crate::tools::{cargo, code_of, must, root, show_and_run};

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum System {
    /// .deb and .rpm
    Linux,
    /// The bundle's layout and its lint; the rest needs a Mac
    Macos,
}

/// Builds and packs. With `check` the packages are examined as well: Debian's linters, and for Linux an installation in
/// an empty Debian where the window opens and a call is made.
pub fn dist(system: System, check: bool) -> Result<ExitCode> {
    match system {
        System::Linux => linux(check),
        System::Macos => show_and_run(&mut packager(&["macos"])).map(code_of),
    }
}

fn packager(arguments: &[&str]) -> std::process::Command {
    let mut words = vec!["run", "--quiet", "--package", "phone_packaging", "--"];
    words.extend(arguments);
    cargo(&words)
}

fn linux(check: bool) -> Result<ExitCode> {
    if !cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        bail!("Linux packages are made on x86-64 Linux");
    }
    install(&[BUILD, WINDOW, LINUX_PACKAGES], "packing")?;
    // A folder of its own: the flags below would make every other build start anew.
    let target = root().join("target/dist-build");
    let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cargo"));
    // No path of this machine in the program: for privacy, and so that two machines build the same bytes.
    let flags = [(root().display().to_string(), "/offhook"), (home.unwrap_or_default(), "/cargo")]
        .iter()
        .filter(|(from, _)| !from.is_empty())
        .map(|(from, to)| format!("--remap-path-prefix={from}={to}"))
        .collect::<Vec<_>>()
        .join("\u{1f}");
    let mut build = cargo(&["build", "--release", "--locked", "--package", "phone_app", "--bin", "offhook"]);
    must(build.env("CARGO_TARGET_DIR", &target).env("CARGO_ENCODED_RUSTFLAGS", flags))?;
    let program = target.join("release/offhook").display().to_string();
    must(&mut packager(&["linux", &program]))?;
    if check {
        let script = root().join("packaging/linux/check.sh");
        must(std::process::Command::new("sh").arg(script).current_dir(root()))?;
    }
    Ok(ExitCode::SUCCESS)
}
