//! How a run ends: its exit code, and the failure that ends it early.

use phone_core::event::{CallReport, EndReason, Notice};

/// The exit codes of product.md.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Exit {
    Fine = 0,
    /// It worked, and something is worth a look.
    Warned = 1,
    Failed = 2,
    /// Bad usage, a missing file or device, no network: nothing was tried, or nothing could be.
    CouldNotRun = 3,
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// Why a run ends early: one sentence with the cause, one with the remedy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    pub exit: Exit,
    pub notice: Notice,
}

impl Failure {
    pub fn new(exit: Exit, id: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { exit, notice: Notice { id, text: text.into(), remedy: remedy.into() } }
    }

    /// Nothing was started.
    pub fn usage(id: &'static str, text: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Exit::CouldNotRun, id, text, remedy)
    }
}

/// What happened besides the calls themselves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Something was told that the user should read.
    pub warned: bool,
    pub interrupted: bool,
    /// A call was asked for and there is no record of it.
    pub missing: bool,
}

/// The exit code of calls that were made, or taken.
pub fn verdict(calls: &[CallReport], marks: Marks) -> Exit {
    if marks.interrupted {
        Exit::Interrupted
    } else if marks.missing || calls.iter().any(failed) {
        Exit::Failed
    } else if marks.warned || calls.iter().any(doubtful) {
        Exit::Warned
    } else {
        Exit::Fine
    }
}

/// A call that was not what the user asked for.
fn failed(call: &CallReport) -> bool {
    match call.end_reason {
        EndReason::MediaFailed | EndReason::ServiceFailed | EndReason::SignedOut => true,
        // An incoming call that nobody answers is part of life.
        _ => call.connected_ms.is_none() && call.direction == phone_core::event::CallDirection::Out,
    }
}

/// A call that connected, and in which something was not right.
fn doubtful(call: &CallReport) -> bool {
    let silent = call.connected_ms.is_some_and(|ms| ms > 2_000.0) && call.packets.received == 0;
    silent || call.packets.blocked_by_relay_fence > 0
}

#[cfg(test)]
pub mod tests {
    use std::process::ExitCode;

    use phone_core::event::{
        AudioFigures, CallDirection, EndedBy, MosFigures, NetworkFigures, PacketCounts, SetupTimes,
    };

    use super::*;

    pub fn good_call() -> CallReport {
        CallReport {
            id: "c1".to_owned(),
            direction: CallDirection::Out,
            peer: "echo".to_owned(),
            warm: false,
            setup_ms: SetupTimes { total: Some(96.3), ..SetupTimes::default() },
            path: None,
            relay: None,
            codec: Some("opus/48000/2".to_owned()),
            security: None,
            dscp: None,
            packets: PacketCounts { sent: 500, received: 498, lost: 2, ..PacketCounts::default() },
            audio: AudioFigures::default(),
            network: NetworkFigures { rtt_ms: Some(0.4), ..NetworkFigures::default() },
            mos: MosFigures::default(),
            ended_by: EndedBy::Local,
            end_reason: EndReason::Hangup,
            code: None,
            connected_ms: Some(10_000.0),
        }
    }

    #[test]
    fn the_worst_that_happened_decides_the_exit_code() {
        let good = good_call();
        let failed = CallReport { end_reason: EndReason::MediaFailed, ..good_call() };
        let busy = CallReport { end_reason: EndReason::Busy, connected_ms: None, ..good_call() };
        let missed = CallReport { direction: CallDirection::In, end_reason: EndReason::NoAnswer, ..busy.clone() };
        let deaf = CallReport { packets: PacketCounts { sent: 500, ..PacketCounts::default() }, ..good_call() };
        let mut leaky = good_call();
        leaky.packets.blocked_by_relay_fence = 1;
        let none = Marks::default();
        let warned = Marks { warned: true, ..none };
        let interrupted = Marks { interrupted: true, warned: true, missing: true };

        for (calls, marks, exit) in [
            (vec![good.clone()], none, Exit::Fine),
            (vec![], none, Exit::Fine),
            (vec![missed], none, Exit::Fine),
            (vec![good.clone()], warned, Exit::Warned),
            (vec![deaf], none, Exit::Warned),
            (vec![leaky], none, Exit::Warned),
            (vec![good.clone(), failed.clone()], none, Exit::Failed),
            (vec![busy], none, Exit::Failed),
            (vec![good], Marks { missing: true, ..none }, Exit::Failed),
            (vec![failed], interrupted, Exit::Interrupted),
        ] {
            assert_eq!(verdict(&calls, marks), exit, "{calls:?} {marks:?}");
        }
    }

    #[test]
    fn exit_codes_are_those_that_scripts_rely_on() {
        for (exit, code) in
            [(Exit::Fine, 0), (Exit::Warned, 1), (Exit::Failed, 2), (Exit::CouldNotRun, 3), (Exit::Interrupted, 130)]
        {
            assert_eq!(ExitCode::from(exit), ExitCode::from(code));
        }
    }
}
