//! `cargo xtask run` and `cargo xtask screenshots`: the program as a user starts it.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::install::{BUILD, WINDOW, XVFB, install};
use crate::tools::{cargo, code_of, has_display, must, root, show_and_run};

/// The sentences that speak where there is no microphone.
const SPEECH: &str = "exchange/assets/speech.wav";
const HEARD: &str = "target/heard.wav";

/// Builds and starts Offhook; without a display it does the main job without a window.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    install(&[BUILD, WINDOW], "Offhook")?;
    if !arguments.is_empty() {
        return offhook(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    }
    if has_display() {
        return offhook(&["--demo"]);
    }
    eprintln!("There is no display here, so no window opens. Calling the practice echo without one instead:");
    eprintln!("a spoken sentence goes in, what comes back is measured, and the recording is kept as {HEARD}.");
    std::fs::create_dir_all(root().join("target"))?;
    offhook(&["call", "echo", "--demo", "--duration", "12s", "--input", SPEECH, "--output", HEARD])
}

fn offhook(arguments: &[&str]) -> Result<ExitCode> {
    show_and_run(Command::new(build()?).args(arguments).current_dir(root())).map(code_of)
}

/// Builds the program and says where it is. For the whole workspace, because then its dependencies have the features
/// they have in the tests: what `cargo xtask test` built is used again (docs/decisions/0004-one-dev-profile.md).
fn build() -> Result<PathBuf> {
    must(&mut cargo(&["build", "--workspace", "--bin", "offhook"]))?;
    // Cargo puts it where it put this program.
    let own = std::env::current_exe().context("the folder of the built programs could not be found")?;
    Ok(own.with_file_name(format!("offhook{}", std::env::consts::EXE_SUFFIX)))
}

/// Draws every panel on a virtual display, where all machines draw the same.
pub fn screenshots(folder: &str, only: Option<&str>) -> Result<ExitCode> {
    install(&[BUILD, WINDOW], "Offhook")?;
    let offhook = build()?;
    let mut arguments = vec!["screenshots", folder];
    arguments.extend(only.iter().flat_map(|only| ["--only", *only]));
    let mut command = if cfg!(target_os = "linux") {
        install(&[XVFB], "a picture")?;
        let mut command = Command::new("xvfb-run");
        command.args(["--auto-servernum", "--server-args=-screen 0 1920x1400x24"]);
        command.arg(offhook).args(arguments).current_dir(root());
        // The same renderer everywhere, and a display of our own even in a Wayland session.
        command.env("LIBGL_ALWAYS_SOFTWARE", "1").env_remove("WAYLAND_DISPLAY");
        command
    } else {
        let mut command = Command::new(offhook);
        command.args(arguments).current_dir(root());
        command
    };
    must(&mut command)?;
    eprintln!("The pictures are in {}.", root().join(Path::new(folder)).display());
    Ok(ExitCode::SUCCESS)
}
