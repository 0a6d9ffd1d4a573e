//! Windows only: opens Offhook's window without the console that a console program would bring along. `offhook.exe` is a
//! console program, so that it can be used in a terminal; shortcuts and links start this instead.

#![cfg_attr(windows, windows_subsystem = "windows")]

use std::process::{Command, ExitCode};

fn main() -> ExitCode {
    let Ok(here) = std::env::current_exe() else { return ExitCode::FAILURE };
    let mut command = Command::new(here.with_file_name("offhook").with_extension(std::env::consts::EXE_EXTENSION));
    command.args(std::env::args_os().skip(1));
    without_console(&mut command);
    // It is not waited for: the window lives by itself.
    if command.spawn().is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(windows)]
fn without_console(command: &mut Command) {
    use std::os::windows::process::CommandExt;
    /// `CREATE_NO_WINDOW` of the process creation flags.
    const CREATE_NO_WINDOW: u32 = 0x0800_0000;
    command.creation_flags(CREATE_NO_WINDOW);
}

#[cfg(not(windows))]
fn without_console(_: &mut Command) {}
