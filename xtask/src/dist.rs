//! `cargo xtask dist`: the packages of one system, made of a release build.

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};

use crate::cross::{Toolchain, WINDOWS};
use crate::install::{BUILD, LINUX_PACKAGES, MACOS_CHECK, WINDOW, WINDOWS_CHECK, install};
use crate::tools::{cargo, must, root};

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum System {
    /// .deb and .rpm
    Linux,
    /// Two .msi, for the machine and for one user, cross-built on Debian
    Windows,
    /// The bundle's layout and its lint; the rest needs a Mac
    Macos,
}

/// Builds and packs. With `check` the packages are examined as well: Debian's linters, and for Linux an installation in
/// an empty Debian where the window opens and a call is made.
pub fn dist(system: System, check: bool) -> Result<ExitCode> {
    match system {
        System::Linux => linux(check),
        System::Windows => windows(check),
        System::Macos => macos(check),
    }
}

fn packager(arguments: &[&str]) -> std::process::Command {
    let mut words = vec!["run", "--quiet", "--package", "phone_packaging", "--"];
    words.extend(arguments);
    cargo(&words)
}

/// The same program gives the same packages, byte for byte. That two builds give the same program is not looked at here:
/// it takes a second build from nothing.
fn packs_the_same_again(words: &[&str], sums: &str) -> Result<()> {
    let (first, again) = (root().join("target/dist"), root().join("target/dist-again"));
    let out = again.display().to_string();
    must(&mut packager(&[words, &["--out", &out]].concat()))?;
    let [one, two] = [first, again.clone()].map(|folder| std::fs::read_to_string(folder.join(sums)));
    let (one, two) = (one?, two?);
    std::fs::remove_dir_all(again)?;
    ensure!(one == two, "packed twice, the packages differ:\n{one}and\n{two}");
    eprintln!("Packed twice, the packages are the same, byte for byte.");
    Ok(())
}

fn macos(check: bool) -> Result<ExitCode> {
    must(&mut packager(&["macos"]))?;
    if check {
        if cfg!(target_os = "macos") {
            eprintln!(
                "not run: the type check, because this is a Mac; packaging/macos/build.sh builds the program itself"
            );
        } else {
            install(&[BUILD, MACOS_CHECK], "the type check for macOS")?;
            Toolchain::get()?.check_macos()?;
            eprintln!("The program is right for aarch64-apple-darwin as far as the compiler tells; it was not linked.");
        }
    }
    Ok(ExitCode::SUCCESS)
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
        packs_the_same_again(&["linux", &program], "SHA256SUMS")?;
        let script = root().join("packaging/linux/check.sh");
        must(std::process::Command::new("sh").arg(script).current_dir(root()))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn windows(check: bool) -> Result<ExitCode> {
    install(if check { &[BUILD, WINDOWS_CHECK] } else { &[BUILD] }, "packing")?;
    let toolchain = Toolchain::get()?;
    let (out, made) = (root().join("target/dist"), root().join("target/dist/windows-resources"));
    must(&mut packager(&["windows-resources", "--out", &made.display().to_string()]))?;
    let object = made.join("offhook.o");
    must(
        toolchain
            .tool("windres")
            // There is nothing to preprocess, and gcc is not where windres would look for it.
            .args(["--preprocessor=cat", "-O", "coff", "offhook.rc", "offhook.o"])
            .current_dir(&made),
    )?;
    let words = ["build", "--profile=dist", "--locked", "-p", "phone_app", "--features", "windows-launcher", "--bins"];
    must(toolchain.cargo(&words).env("OFFHOOK_RESOURCES", &object))?;
    let built = root().join("target/windows").join(WINDOWS).join("dist");
    let programs = ["offhook.exe", "offhook-window.exe"].map(|name| built.join(name).display().to_string());
    let signer = root().join("packaging/sign/windows.sh");
    for program in &programs {
        must(std::process::Command::new("sh").arg(&signer).arg(program))?;
    }
    let [program, launcher] = programs;
    let out = out.display().to_string();
    let mut words = vec!["windows", &program, "--launcher", &launcher, "--out", &out];
    if check {
        words.push("--trial");
    }
    must(&mut packager(&words))?;
    if check {
        // A signature holds the time it was made at.
        if std::env::var_os("OFFHOOK_SIGN_CERTIFICATE").is_none() {
            packs_the_same_again(&["windows", &program, "--launcher", &launcher], "SHA256SUMS-windows")?;
        }
        let shim = made.join("bcryptprimitives.dll");
        let source = root().join("packaging/windows/bcryptprimitives.c");
        must(toolchain.tool("gcc-posix").args(["-shared", "-O2", "-o"]).arg(&shim).arg(source).arg("-ladvapi32"))?;
        let script = root().join("packaging/windows/check.sh");
        must(std::process::Command::new("sh").arg(script).arg(&built).arg(shim).current_dir(root()))?;
    }
    Ok(ExitCode::SUCCESS)
}
