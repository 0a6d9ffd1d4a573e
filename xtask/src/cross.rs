//! A compiler for Windows on Debian, and a standard library to go with it. Nothing of the system is changed: Debian's
//! packages are unpacked below `target/cross` and used from there. Where rustup has the target, its own library would
//! do as well; Debian's has the sources with it, so this works from a distribution's mirror alone.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::tools::{must, root};

pub const WINDOWS: &str = "x86_64-pc-windows-gnu";

/// Found by its name alone, below [`Toolchain::folder`].
const LINKER: &str = "offhook-windows-link";

/// The compiler with its sources and libraries, and the C compiler and linker for Windows.
const PACKAGES: &[&str] = &[
    "rustc-web",
    "libstd-rust-web-1.96",
    "libstd-rust-web-dev",
    "rust-web-src",
    "libllvm22",
    "libz3-4",
    "binutils-mingw-w64-x86-64",
    "gcc-mingw-w64-base",
    "gcc-mingw-w64-x86-64-posix",
    "gcc-mingw-w64-x86-64-posix-runtime",
    "g++-mingw-w64-x86-64-posix",
    "mingw-w64-common",
    "mingw-w64-x86-64-dev",
];

/// Where the toolchain is.
pub struct Toolchain {
    folder: PathBuf,
}

impl Toolchain {
    /// Fetches, unpacks and builds what is not there yet: once, some three minutes.
    pub fn get() -> Result<Self> {
        ensure!(
            Path::new("/etc/debian_version").exists() && cfg!(target_arch = "x86_64"),
            "the Windows program is cross-built on x86-64 Debian; on Windows itself `cargo build --release` does it"
        );
        let toolchain = Self { folder: root().join("target/cross") };
        toolchain.unpack()?;
        toolchain.write_linker()?;
        toolchain.build_std()?;
        Ok(toolchain)
    }

    fn usr(&self) -> PathBuf {
        self.folder.join("root/usr")
    }

    /// A tool of it, for instance `windres`.
    pub fn tool(&self, name: &str) -> Command {
        let usr = self.usr();
        let mut command = Command::new(usr.join("bin").join(format!("x86_64-w64-mingw32-{name}")));
        command.env("LD_LIBRARY_PATH", usr.join("lib/x86_64-linux-gnu"));
        command
    }

    fn unpack(&self) -> Result<()> {
        // Written last, so what broke off is done anew.
        let done = self.folder.join("unpacked");
        let list = PACKAGES.join("\n");
        if std::fs::read_to_string(&done).is_ok_and(|text| text == list) {
            return Ok(());
        }
        eprintln!("Fetching the compiler for Windows into target/cross: 200 MB, 1.3 GB unpacked");
        let debs = self.folder.join("debs");
        std::fs::create_dir_all(&debs)?;
        must(Command::new("apt-get").args(["download", "--quiet=2"]).args(PACKAGES).current_dir(&debs))
            .context("the packages could not be fetched; `apt-get update` as root, then try again")?;
        let target = self.folder.join("root");
        for deb in std::fs::read_dir(&debs)? {
            let deb = deb?.path();
            if deb.extension().is_some_and(|end| end == "deb") {
                ensure!(
                    Command::new("dpkg-deb").arg("-x").arg(&deb).arg(&target).status()?.success(),
                    "{} cannot be unpacked; remove target/cross and try again",
                    deb.display()
                );
            }
        }
        std::fs::remove_dir_all(&debs)?;
        // Alone in a folder that is looked in first: else gcc takes the import library of a DLL that no PC has.
        let statics = self.folder.join("static");
        std::fs::create_dir_all(&statics)?;
        std::fs::copy(self.usr().join("lib/gcc/x86_64-w64-mingw32/12-posix/libssp.a"), statics.join("libssp.a"))
            .context("libssp.a of gcc 12")?;
        std::fs::write(&done, list).context("target/cross")
    }

    /// Compiles the standard library once and puts it where the compiler looks for it.
    fn build_std(&self) -> Result<()> {
        let library = self.usr().join("lib/rustlib").join(WINDOWS).join("lib");
        let there = |path: &Path| {
            std::fs::read_dir(path).is_ok_and(|files| {
                files.flatten().any(|file| file.file_name().to_string_lossy().starts_with("libstd-"))
            })
        };
        if there(&library) {
            return Ok(());
        }
        let project = self.folder.join("std");
        std::fs::create_dir_all(project.join("src"))?;
        std::fs::write(
            project.join("Cargo.toml"),
            "[package]\nname = \"std-for-windows\"\nedition = \"2024\"\n\n[workspace]\n\n[profile.release]\nstrip = \"debuginfo\"\n",
        )?;
        std::fs::write(project.join("src/lib.rs"), "")?;
        let mut command = self.cargo(&["build", "--release", "-Zbuild-std=std,panic_unwind,test"]);
        // The sources belong to this very compiler, so what is said to be unstable is as stable as it.
        // With bitcode, or nothing could be optimised across the border to it.
        let flags = [self.remapping().join("\u{1f}"), "-Cembed-bitcode=yes".to_owned()].join("\u{1f}");
        command.env("CARGO_ENCODED_RUSTFLAGS", flags).env("RUSTC_BOOTSTRAP", "1");
        must(command.current_dir(&project).env("CARGO_TARGET_DIR", "target"))?;
        std::fs::create_dir_all(&library)?;
        let built = project.join("target").join(WINDOWS).join("release/deps");
        let mut files: Vec<PathBuf> = std::fs::read_dir(&built)?.flatten().map(|file| file.path()).collect();
        // `libstd-…` shows that all are there, so it comes last.
        files.sort_by_key(|file| file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("libstd-")));
        for file in files.iter().filter(|file| file.extension().is_some_and(|end| end == "rlib")) {
            let name = file.file_name().context("a file has a name")?;
            if !name.to_string_lossy().starts_with("libstd_for_windows") {
                std::fs::copy(file, library.join(name))?;
            }
        }
        if !there(&library) {
            bail!("the standard library was not built; remove target/cross/std and try again");
        }
        Ok(())
    }

    /// Places of this machine, and what they are called in the program: for privacy, and so that two machines build
    /// the same bytes.
    fn places(&self) -> Vec<(String, &'static str)> {
        let home = std::env::var("CARGO_HOME").or_else(|_| std::env::var("HOME").map(|home| home + "/.cargo"));
        let mut places = vec![
            (root().display().to_string(), "/offhook"),
            (home.unwrap_or_default(), "/cargo"),
            (self.usr().display().to_string(), "/rustc"),
        ];
        places.retain(|(from, _)| !from.is_empty());
        places
    }

    fn remapping(&self) -> Vec<String> {
        self.places().iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")).collect()
    }

    /// The linker's wrapper. What it adds is no flag of the compiler, because those are part of what symbols are named
    /// after, and a folder's name shall not decide about the program.
    fn write_linker(&self) -> Result<()> {
        let text = format!(
            "#!/bin/sh\nexec x86_64-w64-mingw32-gcc-posix -L'{}' \"$@\" -lmingwex -lmsvcrt -ladvapi32 -lkernel32 \
             -Wl,--no-insert-timestamp $OFFHOOK_RESOURCES\n",
            self.folder.join("static").display()
        );
        let file = self.usr().join("bin").join(LINKER);
        std::fs::write(&file, text)?;
        ensure!(Command::new("chmod").arg("755").arg(&file).status()?.success(), "{} is not mine", file.display());
        Ok(())
    }

    /// A program that calls this compiler in place of the system's.
    fn with_compiler(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let usr = self.usr();
        let path = std::env::var("PATH").unwrap_or_default() + ":" + &usr.join("bin").display().to_string();
        let mut command = Command::new(program);
        command
            .current_dir(root())
            .env("PATH", path)
            .env("RUSTC", usr.join("bin/rustc"))
            .env("LD_LIBRARY_PATH", usr.join("lib/x86_64-linux-gnu"));
        command
    }

    /// Cargo with this compiler. Its results have a folder of their own: two compilers in one would build everything anew
    /// each time they take turns.
    pub fn cargo(&self, arguments: &[&str]) -> Command {
        let c_flags: Vec<String> =
            self.places().iter().rev().map(|(from, to)| format!("-ffile-prefix-map={from}={to}")).collect();
        let mut command = self.with_compiler(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command
            .args(arguments)
            .args(["--target", WINDOWS])
            .env("CARGO_TARGET_DIR", root().join("target/windows"))
            .env("CARGO_ENCODED_RUSTFLAGS", self.remapping().join("\u{1f}"))
            .env("CARGO_TARGET_X86_64_PC_WINDOWS_GNU_LINKER", LINKER)
            .env("CC_x86_64_pc_windows_gnu", "x86_64-w64-mingw32-gcc-posix")
            .env("CXX_x86_64_pc_windows_gnu", "x86_64-w64-mingw32-g++-posix")
            .env("AR_x86_64_pc_windows_gnu", "x86_64-w64-mingw32-ar")
            .env("CFLAGS_x86_64_pc_windows_gnu", c_flags.join(" "))
            .env("CXXFLAGS_x86_64_pc_windows_gnu", c_flags.join(" "));
        command
    }

    /// Compiles the whole program for Apple's processors up to the linker, which needs what only a Mac has. The C parts are
    /// compiled by zig, which brings a libc's headers for it.
    pub fn check_macos(&self) -> Result<()> {
        let zig = self.folder.join("zig");
        let builder = zig.join("bin/cargo-zigbuild");
        if !builder.exists() {
            eprintln!("Fetching a C compiler for macOS into target/cross: 100 MB, 420 MB unpacked");
            must(
                Command::new("python3")
                    .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target"])
                    .arg(&zig)
                    .args(["ziglang==0.17.1", "cargo-zigbuild==0.24.0"]),
            )?;
        }
        let mut command = self.with_compiler(builder);
        command
            .args(["check", "--locked", "-p", "phone_app", "--bin", "offhook"])
            .args(["-Zbuild-std=std,panic_unwind", "--target", "aarch64-apple-darwin"])
            .env("RUSTC_BOOTSTRAP", "1")
            .env("CARGO_ZIGBUILD_ZIG_PATH", zig.join("ziglang/zig"))
            .env("CARGO_TARGET_DIR", root().join("target/macos-check"))
            .env("MACOSX_DEPLOYMENT_TARGET", "11.0");
        must(&mut command)
    }
}
