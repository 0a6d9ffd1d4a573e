//! Windows only: opens Offhook's window without the console that a console program would bring along. `offhook.exe` is a
//! console program, so that it can be used in a terminal; shortcuts and links start this instead.

#![cfg_attr(windows, windows_subsystem = "windows")]

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use phone_app::os::message;

fn main() -> ExitCode {
    let Err(words) = std::env::current_exe().map_err(|error| unplaced(&error)).and_then(|here| start(&here)) else {
        return ExitCode::SUCCESS;
    };
    message::show(&words);
    ExitCode::FAILURE
}

/// Starts the program beside this one, and does not wait for it: the window lives by itself. `Err` holds what to show.
fn start(here: &Path) -> Result<(), String> {
    let program = program_beside(here);
    let mut command = Command::new(&program);
    command.args(std::env::args_os().skip(1)).env(message::WITHOUT_TERMINAL, "1");
    without_console(&mut command);
    command.spawn().map(drop).map_err(|error| unstarted(&program, &error))
}

fn program_beside(here: &Path) -> PathBuf {
    here.with_file_name("offhook").with_extension(std::env::consts::EXE_EXTENSION)
}

fn unplaced(error: &std::io::Error) -> String {
    message::words(
        &format!("Offhook could not be started: Windows does not say where it is installed ({error})."),
        "Sign out of Windows and in again. If that does not help, ask your IT to install Offhook again.",
    )
}

fn unstarted(program: &Path, error: &std::io::Error) -> String {
    let (place, remedy) = (program.display(), "ask your IT to install Offhook again");
    match error.kind() {
        std::io::ErrorKind::NotFound => message::words(
            &format!("Offhook could not be started: {place} is missing."),
            &format!("An update may be running: try again in a minute. If that does not help, {remedy}."),
        ),
        std::io::ErrorKind::PermissionDenied => message::words(
            &format!("Offhook could not be started: {place} may not be run here ({error})."),
            "Ask your IT whether a virus scanner or a rule for programs holds it back, and to allow it.",
        ),
        _ => message::words(
            &format!("Offhook could not be started: {place} did not run ({error})."),
            &format!("Restart the computer. If that does not help, {remedy}."),
        ),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_not_there_is_told_with_its_place_and_what_to_do() {
        let folder = std::env::temp_dir().join(format!("offhook-window-{}", std::process::id()));
        let words = start(&folder.join("offhook-window")).expect_err("the folder does not exist");
        assert!(words.contains(&folder.join("offhook").display().to_string()), "{words}");
        assert!(words.contains("missing") && words.contains("\n\nAn update may be running"), "{words}");
    }

    #[test]
    fn every_refusal_of_the_system_has_a_cause_and_a_remedy() {
        for kind in [std::io::ErrorKind::PermissionDenied, std::io::ErrorKind::Other] {
            let words = unstarted(Path::new("offhook.exe"), &kind.into());
            let (cause, remedy) = words.split_once("\n\n").expect("two paragraphs");
            assert!(cause.contains("offhook.exe") && cause.ends_with('.') && remedy.ends_with('.'), "{words}");
        }
    }
}
