//! `offhook listen`: waits for calls and answers them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use phone_core::ids::CallId;
use phone_core::{Command, Event};

use super::args::{Answer, ListenArgs};
use super::config::Settings;
use super::exit::{Exit, Failure};
use super::human::Ink;
use super::interrupt::Interrupt;
use super::run::{Run, Stop};
use super::sound::Devices;
use super::voice::Voice;

pub fn listen(
    args: &ListenArgs,
    settings: &Settings,
    voice: &mut Voice,
    interrupt: &Interrupt,
) -> Result<Exit, Failure> {
    let auto = args.answer == Answer::Auto;
    let devices = Devices::choose(&args.sound, settings, !auto, settings.demo)?;
    let mut run = Run::start(settings, devices, auto, voice, interrupt)?;
    let result = calls(&mut run, args);
    Ok(run.finish(result))
}

fn calls(run: &mut Run<'_>, args: &ListenArgs) -> Result<(), Stop> {
    run.ready()?;
    let hint = format!(
        "Waiting for calls; Ctrl+C ends. To call: offhook call {} --exchange {} --account ben",
        run.account(),
        run.origin()
    );
    let hint = run.voice().paint().text(Ink::Faint, &hint);
    run.voice().print(&hint);

    // When to hang each call up.
    let mut ends: BTreeMap<CallId, Instant> = BTreeMap::new();
    loop {
        if args.calls.is_some_and(|calls| run.reports.len() >= calls as usize) {
            return Ok(());
        }
        let now = Instant::now();
        for call in ends.iter().filter(|(_, end)| now >= **end).map(|(call, _)| *call).collect::<Vec<_>>() {
            ends.remove(&call);
            run.send(Command::HangUp(call))?;
        }
        let next = ends.values().min().map_or(Duration::MAX, |end| end.saturating_duration_since(now));
        match run.step(next)? {
            Some(Event::Connected { call }) => {
                if let Some(duration) = args.duration {
                    ends.insert(call, Instant::now() + duration);
                }
            }
            Some(Event::Ended { call, .. }) => {
                ends.remove(&call);
            }
            _ => {}
        }
    }
}
