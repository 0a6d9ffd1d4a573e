//! The command line: reads arguments and settings, runs one task, ends with an exit code that scripts rely on.

mod args;
mod call;
pub(crate) mod config;
mod devices;
mod diagnose;
mod exchange;
mod exit;
mod human;
mod interrupt;
mod lines;
mod listen;
mod phones;
mod policy;
mod run;
mod sound;
mod station;
mod update;
mod values;
mod voice;
mod window;

use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use phone_core::policy::Trouble;
use tracing_subscriber::EnvFilter;

use args::{Arguments, Task};
use config::Settings;
use exit::{Exit, Failure};
use interrupt::Interrupt;
use lines::{Line, Microphone, Registration, Summary};
use voice::Voice;

use crate::os::message;

/// The crates whose log lines are known to hide what is private; others only warn.
const OUR_CRATES: [&str; 6] = ["phone_core", "phone_io", "phone_audio", "phone_device", "phone_exchange", "phone_app"];

/// The whole program.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let exit = if error.use_stderr() { Exit::CouldNotRun } else { Exit::Fine };
            if error.use_stderr() && message::is_needed() {
                message::show(&message::words(
                    &format!("Offhook could not be started: {}.", error.kind()),
                    "Check the shortcut or link that was used; the one in the Start menu works.",
                ));
            }
            // A closed stdout is the only cause, and then nobody can be told.
            return error.print().map_or(Exit::CouldNotRun, |()| exit).into();
        }
    };
    let mut voice = Voice::new(arguments.common.json);
    let exit = start(&arguments, &mut voice).unwrap_or_else(|failure| {
        let Failure { exit, notice } = failure;
        voice.wipe();
        if arguments.task.is_none() && message::is_needed() {
            message::show(&message::words(&notice.text, &notice.remedy));
        }
        voice.say(&Line::Error(notice));
        if matches!(arguments.task, Some(Task::Call(_) | Task::Listen(_))) {
            voice.say(&Line::Summary(Summary {
                calls: Vec::new(),
                registration: Registration::default(),
                microphone: Microphone::default(),
                exit: exit as u8,
            }));
        }
        exit
    });
    exit.into()
}

fn start(arguments: &Arguments, voice: &mut Voice) -> Result<Exit, Failure> {
    let settings = Settings::load(&arguments.common)?;
    start_log(settings.log.as_deref())?;
    // Commands about settings tell all of it themselves.
    if !matches!(arguments.task, Some(Task::Policy(_))) {
        let ignored = settings.findings.iter().filter(|finding| finding.trouble != Trouble::Conflict);
        for text in ignored.map(ToString::to_string).chain(settings.in_vain()) {
            voice.say(&Line::Note { text });
        }
    }
    match &arguments.task {
        None => {
            if voice.is_json() {
                return Err(Failure::usage(
                    "no-json",
                    "The window prints nothing, so --json has no meaning.",
                    "Leave it out, or use a command such as `offhook call echo --demo --json`.",
                ));
            }
            window::window(&settings, arguments.link.as_deref())
        }
        Some(Task::Call(args)) => call::call(args, &settings, voice, &Interrupt::listen(|_| {})?),
        Some(Task::Listen(args)) => listen::listen(args, &settings, voice, &Interrupt::listen(|_| {})?),
        Some(Task::Diagnose(args)) => diagnose::diagnose(args, &settings, voice, &Interrupt::listen(|_| {})?),
        Some(Task::Devices) => devices::devices(&settings, voice),
        Some(Task::Policy(args)) => policy::policy(args, &settings, voice),
        Some(Task::Update) => update::update(&settings, voice),
        Some(Task::Phones(args)) => phones::phones(args, &settings, voice),
        Some(Task::Exchange(args)) => exchange::exchange(args, voice, &Interrupt::listen(|_| {})?),
        Some(Task::Manual) => manual(),
        Some(Task::Screenshots(args)) => window::screenshots(args),
    }
}

/// The manual page, from the same definition as `--help`.
fn manual() -> Result<Exit, Failure> {
    clap_mangen::Man::new(Arguments::command()).render(&mut std::io::stdout()).map_err(|error| {
        Failure::new(
            Exit::CouldNotRun,
            "no-output",
            format!("The manual could not be written: {error}."),
            "Send it to a file that can be written.",
        )
    })?;
    Ok(Exit::Fine)
}

/// Logs to stderr; without a word only what was lost.
fn start_log(level: Option<&str>) -> Result<(), Failure> {
    let from_environment = std::env::var("RUST_LOG").ok();
    let text = level.or(from_environment.as_deref()).unwrap_or("error");
    let filter = log_filter(text).map_err(|why| {
        let remedy = "Write error, warn, info, debug or trace, or a filter such as phone_io=debug.";
        Failure::usage("bad-log-level", format!("{why}."), remedy)
    })?;
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let log = log.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr()));
    if let Err(error) = log.try_init() {
        tracing::debug!(%error, "logging was set up already");
    }
    Ok(())
}

/// `Err` says in words what is wrong.
fn log_filter(text: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(directives(text)).map_err(|_| format!("`{text}` is no log level"))
}

/// Libraries that call ordinary steps errors (a TURN server's first answer is always 401) and may print addresses.
const LOUD: [&str; 3] = ["stun_proto", "turn_server_proto", "rtc_ice"];

/// A bare level is meant for Offhook; the libraries below it may print what is private.
fn directives(text: &str) -> String {
    let level = text.trim().to_ascii_lowercase();
    if !["off", "error", "warn", "info", "debug", "trace"].contains(&level.as_str()) {
        return text.to_owned();
    }
    let others = if level == "off" || level == "error" { level.as_str() } else { "warn" };
    let text = LOUD.iter().fold(others.to_owned(), |text, name| format!("{text},{name}=off"));
    OUR_CRATES.iter().fold(text, |text, name| format!("{text},{name}={level}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_leaves_the_libraries_quiet() {
        let text = directives("TRACE");
        assert!(text.starts_with("warn,") && text.contains(",phone_core=trace,"), "{text}");
        assert!(text.contains("phone_io=trace") && text.contains("stun_proto=off"), "{text}");
        assert_eq!(directives("phone_io=debug"), "phone_io=debug");
    }

    #[test]
    fn nonsense_is_no_log_level() {
        let failure = start_log(Some("phone_io=loud")).expect_err("there is no such level");
        assert_eq!(failure.exit, Exit::CouldNotRun);
        assert!(failure.notice.text.contains("phone_io=loud"));
    }
}
