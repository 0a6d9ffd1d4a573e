//! `offhook call`: one call after the other.

use std::time::{Duration, Instant};

use phone_core::ids::CallId;
use phone_core::{Command, Event};

use super::args::CallArgs;
use super::config::Settings;
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::run::{HANG_UP_LIMIT, Run, Stop};
use super::sound::Devices;
use super::voice::Voice;

/// How long the phone may take to make a call of a wish.
const DIAL_LIMIT: Duration = Duration::from_secs(20);
/// The same, once it told a problem: then nothing may come any more.
const PROBLEM_LIMIT: Duration = Duration::from_secs(2);
/// Nobody lets a telephone ring longer.
const ANSWER_LIMIT: Duration = Duration::from_mins(2);

pub fn call(args: &CallArgs, settings: &Settings, voice: &mut Voice, interrupt: &Interrupt) -> Result<Exit, Failure> {
    if args.address.trim().is_empty() {
        return Err(Failure::usage("no-address", "It is not said whom to call.", "Name somebody, for instance echo."));
    }
    let devices = Devices::choose(&args.sound, settings, false, settings.demo)?;
    let mut run = Run::start(settings, devices, false, voice, interrupt)?;
    let result = calls(&mut run, args);
    Ok(run.finish(result))
}

fn calls(run: &mut Run<'_>, args: &CallArgs) -> Result<(), Stop> {
    for number in 0..args.repeat {
        if number > 0 {
            pause(run, args.gap)?;
        }
        run.ready()?;
        one_call(run, &args.address, args.duration)?;
    }
    Ok(())
}

fn pause(run: &mut Run<'_>, length: Duration) -> Result<(), Stop> {
    let end = Instant::now() + length;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(());
        }
        run.step(left)?;
    }
}

/// Where a call is.
#[derive(Clone, Copy)]
enum Stage {
    /// Asked for; the phone has to show it until then.
    Wished {
        until: Instant,
    },
    Dialled {
        call: CallId,
        until: Instant,
    },
    /// Hung up at `until`, if ever.
    Connected {
        call: CallId,
        until: Option<Instant>,
    },
    HungUp {
        call: CallId,
        until: Instant,
    },
}

fn one_call(run: &mut Run<'_>, to: &str, duration: Option<Duration>) -> Result<(), Stop> {
    let since = Instant::now();
    run.dial(to)?;
    let mut stage = Stage::Wished { until: since + DIAL_LIMIT };
    loop {
        let now = Instant::now();
        let due = match stage {
            Stage::Wished { until } | Stage::Dialled { until, .. } | Stage::HungUp { until, .. } => Some(until),
            Stage::Connected { until, .. } => until,
        };
        if due.is_some_and(|due| now >= due) {
            match stage {
                Stage::Wished { .. } => {
                    run.note_missing_call();
                    return Ok(());
                }
                Stage::Connected { call, .. } | Stage::Dialled { call, .. } => {
                    run.send(Command::HangUp(call))?;
                    stage = Stage::HungUp { call, until: now + HANG_UP_LIMIT };
                }
                Stage::HungUp { .. } => return Err(not_ended().into()),
            }
            continue;
        }
        if matches!(stage, Stage::Wished { .. } | Stage::Dialled { .. }) {
            run.voice().waiting("Waiting for an answer", since);
        }
        let limit = due.map_or(Duration::MAX, |due| due.saturating_duration_since(now));
        stage = match (stage, run.step(limit)?) {
            (Stage::Wished { .. }, Some(Event::Dialling { call })) => {
                Stage::Dialled { call, until: now + ANSWER_LIMIT }
            }
            (Stage::Wished { until }, Some(Event::Problem(_))) => {
                Stage::Wished { until: until.min(Instant::now() + PROBLEM_LIMIT) }
            }
            // Refused before it was anything.
            (Stage::Wished { .. }, Some(Event::Ended { .. })) => return Ok(()),
            (Stage::Dialled { call, .. }, Some(Event::Connected { call: other })) if call == other => {
                Stage::Connected { call, until: duration.map(|duration| Instant::now() + duration) }
            }
            (
                Stage::Dialled { call, .. } | Stage::Connected { call, .. } | Stage::HungUp { call, .. },
                Some(Event::Ended { call: other, .. }),
            ) if call == other => return Ok(()),
            (stage, _) => stage,
        };
    }
}

fn not_ended() -> Failure {
    Failure::new(
        Exit::Failed,
        "hang-up-silent",
        format!("The exchange did not confirm within {} s that the call is over.", HANG_UP_LIMIT.as_secs()),
        "Check the connection to the exchange; the call ends there by itself.",
    )
}
