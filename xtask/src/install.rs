//! Installs missing system packages on Debian and its kin, and says so in one line. Elsewhere it does nothing:
//! macOS and Windows bring what building needs with their compilers.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::tools::output_of;

/// For compiling: the C parts of Opus and ring, and ALSA's headers.
pub const BUILD: &[&str] = &["pkg-config", "libasound2-dev", "cmake", "make", "gcc", "libc6-dev"];

/// What the window loads at run time.
pub const WINDOW: &[&str] = &[
    "libgl1",
    "libegl1",
    "libgl1-mesa-dri",
    "libxkbcommon0",
    "libxkbcommon-x11-0",
    "libx11-6",
    "libx11-xcb1",
    "libxcursor1",
    "libxi6",
    "libxrandr2",
    "libwayland-client0",
    "libwayland-egl1",
];

/// Foreign peers and virtual devices of the tests.
pub const TEST: &[&str] =
    &["pulseaudio", "pulseaudio-utils", "coturn", "chromium", "tcpdump", "xvfb", "xauth", "procps", "ffmpeg"];

/// Hands for the window, for the bench alone.
pub const BENCH: &[&str] = &["xdotool"];

/// What finds a program's libraries and packs, and what examines packages.
pub const LINUX_PACKAGES: &[&str] =
    &["dpkg-dev", "lintian", "desktop-file-utils", "appstream", "rpm", "debootstrap", "xvfb", "xauth", "imagemagick"];

/// A Windows to try programs and installers in, and what signs and looks at pictures.
pub const WINDOWS_CHECK: &[&str] = &["wine", "wine64", "xvfb", "xauth", "imagemagick", "openssl", "osslsigncode"];

/// What fetches a C compiler for macOS.
pub const MACOS_CHECK: &[&str] = &["python3", "python3-pip"];

/// A window without a display.
pub const XVFB: &[&str] = &["xvfb", "xauth"];

/// Makes sure that these packages are there.
pub fn install(sets: &[&[&str]], why: &str) -> Result<()> {
    if !cfg!(target_os = "linux") {
        return Ok(());
    }
    let wanted: Vec<&str> = sets.concat();
    if !Path::new("/etc/debian_version").exists() {
        eprintln!("This is no Debian, so nothing is installed. {why} needs what Debian calls: {}", wanted.join(" "));
        return Ok(());
    }
    let missing = missing(&wanted, &installed());
    if missing.is_empty() {
        return Ok(());
    }
    let list = missing.join(" ");
    let by_hand = format!("apt-get install --no-install-recommends {list}");
    let Some(prefix) = root_prefix() else {
        bail!("{why} needs packages that are missing. Ask somebody with root rights to run: {by_hand}");
    };
    eprintln!("Installing what {why} needs and is missing: {list}");
    let had_coturn = !missing.contains(&"coturn");
    if !lists_are_there() {
        apt(&prefix, &["update"]).context("the package lists could not be fetched")?;
    }
    let arguments: Vec<&str> = ["install", "--yes", "--no-install-recommends"].into_iter().chain(missing).collect();
    if apt(&prefix, &arguments).is_err() {
        // Lists that are out of date name packages that are gone.
        apt(&prefix, &["update"])
            .and_then(|()| apt(&prefix, &arguments))
            .with_context(|| format!("the packages could not be installed; check the network, or run: {by_hand}"))?;
    }
    if !had_coturn {
        stop_service(&prefix, "coturn");
    }
    Ok(())
}

/// The packages that are installed, one a line.
fn installed() -> String {
    output_of("dpkg-query", &["--show", "--showformat=${db:Status-Abbrev} ${Package}\n"]).unwrap_or_default()
}

fn missing<'a>(wanted: &[&'a str], installed: &str) -> Vec<&'a str> {
    let there = |package: &str| {
        installed.lines().any(|line| line.strip_prefix("ii").is_some_and(|rest| rest.trim_start() == package))
    };
    wanted.iter().copied().filter(|package| !there(package)).collect()
}

/// What to put before a command to run it as root; `None`: there is no way.
fn root_prefix() -> Option<Vec<&'static str>> {
    if output_of("id", &["-u"])?.trim() == "0" {
        return Some(Vec::new());
    }
    // It may ask for a password, which it does by itself.
    output_of("sudo", &["--version"]).map(|_| vec!["sudo"])
}

fn lists_are_there() -> bool {
    let Ok(entries) = std::fs::read_dir("/var/lib/apt/lists") else { return false };
    entries.flatten().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
}

fn apt(prefix: &[&str], arguments: &[&str]) -> Result<()> {
    let settings = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet=2", "-o", "Dpkg::Use-Pty=0"];
    let words: Vec<&str> = prefix.iter().chain(&settings).chain(arguments).copied().collect();
    let (program, rest) = words.split_first().context("there is nothing to run")?;
    // Its chatter would hide the tests' own output, so only what went wrong is shown.
    let status = Command::new(program).args(rest).stdin(Stdio::inherit()).stdout(Stdio::null()).status()?;
    if status.success() { Ok(()) } else { bail!("apt-get {} failed ({status})", arguments.join(" ")) }
}

/// Debian starts a server as soon as it is installed; the tests start their own, on private ports.
fn stop_service(prefix: &[&str], name: &str) {
    if !Path::new("/run/systemd/system").exists() {
        return;
    }
    let words: Vec<&str> = prefix.iter().copied().chain(["systemctl", "disable", "--now", name]).collect();
    if let Some((program, rest)) = words.split_first() {
        match Command::new(program).args(rest).stderr(Stdio::null()).status() {
            Ok(status) if status.success() => eprintln!("Stopped the service {name} that its package has started."),
            _ => eprintln!("The service {name} may be running now; the tests do not need it."),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_that_are_fully_installed_count() {
        let installed = "ii  cmake\nrc  coturn\nii  libgl1-mesa-dri\n";
        assert_eq!(missing(&["cmake", "coturn", "libgl1"], installed), ["coturn", "libgl1"]);
        assert_eq!(missing(&["cmake"], installed), Vec::<&str>::new());
    }

    #[test]
    fn no_package_is_named_twice() {
        let mut all = [BUILD, WINDOW, TEST, BENCH].concat();
        let count = all.len();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), count);
    }
}
