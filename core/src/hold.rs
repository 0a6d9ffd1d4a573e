//! Keeps one media session open between calls (the persistent connection), so that the next call starts at once.
//!
//! Feed [`Hold::handle`] one input and the time it happened, drain [`Hold::poll`], then wait until
//! [`Hold::deadline`] or the next input. A *call* here is one that wants sound: answered, or dialled; one that only
//! rings is not.
//!
//! | State | Input | Next | Commands |
//! |---|---|---|---|
//! | Off | Policy(on) | Closed | – |
//! | any | Policy(off) | Off | EndSession if there is one |
//! | Closed | Open | Opening | OpenMedia |
//! | Closed | CallStarted | Opening(call) | OpenMedia |
//! | Closed | back-off is over, eager | Opening | OpenMedia |
//! | Opening | CallStarted, LastCallEnded | Opening(±call) | – |
//! | Opening | MediaUp | Held or InCall | CloseMicrophone or OpenMicrophone |
//! | Opening | time is up, MediaLost, MediaGone | Closed | EndSession, ReportFailure, back off |
//! | Held | CallStarted | InCall | OpenMicrophone |
//! | Held | idle limit | Closed | EndSession |
//! | InCall | LastCallEnded | Held | CloseMicrophone, idle clock starts |
//! | Held, InCall | MediaLost | Recovering(from) | RestartIce |
//! | Recovering | MediaUp | from | – |
//! | Recovering | CallStarted, LastCallEnded | Recovering(±call) | OpenMicrophone or CloseMicrophone |
//! | Held, InCall, Recovering | time is up in Recovering, MediaGone | Closed, or Opening(call) | EndSession, reopen |
//! | Held, InCall, Recovering | LinkDown | Unsure(from) | – |
//! | Unsure | MediaLost, MediaGone / MediaUp | Unsure(dead / alive) | – |
//! | Unsure | LinkUp, server has it, media alive | from | ResyncCalls |
//! | Unsure | LinkUp, server has it, media dead | Closed, or Opening(call) | EndSession **first**, reopen |
//! | Unsure | LinkUp, server has none | Closed, or Opening(call) | CloseMedia, reopen |
//! | any with media | ServerEnded | Closed, or Opening(call) | CloseMedia, reopen |
//! | any with media | Reinvite | same | SwapSession |
//! | with a call | Stop | same | AskUser: it would end the call |
//! | any other with media | Stop | Closed | EndSession |
//! | any with media | SignOut | Closed | EndSession |
//! | Closed, nothing held since the link came up | ServerHoldsOne | Closed, or Opening if eager | EndSession |

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::backoff;

/// Time allowed for offer, answer, ICE and DTLS together.
const OPEN_LIMIT: Duration = Duration::from_secs(15);
/// Time allowed for lost media to come back. Consent is given up after 30 s without an answer (RFC 7675 §5.1); by
/// then the user has long noticed.
const RECOVER_LIMIT: Duration = Duration::from_secs(25);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Whether sessions are to be kept at all.
    Policy(bool),
    /// A session is wanted, or offered, without a call.
    Open,
    CallStarted,
    LastCallEnded,
    /// ICE and DTLS are done, or consent is back.
    MediaUp,
    /// Nothing comes through at the moment; it may come back.
    MediaLost,
    /// The session is broken for good.
    MediaGone,
    /// The server offers a new session in place of this one.
    Reinvite,
    /// The server ended the session.
    ServerEnded,
    /// At start-up or after a reconnect: the server believes in a session.
    ServerHoldsOne,
    LinkDown,
    LinkUp {
        server_has_it: bool,
    },
    /// The user does not want the session to be kept.
    Stop,
    /// Log-out, sleep, quit: nobody is asked.
    SignOut,
    Tick,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Accept the session the server offers; quietly, there is no ring in it.
    OpenMedia,
    OpenMicrophone,
    /// Silence goes out instead: the path stays warm and nobody is overheard.
    CloseMicrophone,
    RestartIce,
    /// Tells the far side too. A session that only we forgot blocks the next call.
    EndSession,
    /// Ours alone: the far side has none any more.
    CloseMedia,
    /// The new session takes the place of the old one, which is ended.
    SwapSession,
    ResyncCalls,
    AskUser,
    ReportFailure,
}

/// `Copy`, so that the next state is computed from the old one as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Off,
    Closed { retry: Option<Instant> },
    Opening { until: Instant, call: bool },
    Held { until: Instant },
    InCall,
    Recovering { since: Instant, until: Instant, call: bool },
    Unsure { call: bool, alive: bool, idle_until: Instant },
}

/// What is shown of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Off,
    Closed,
    Opening,
    Warm {
        until: Instant,
    },
    InCall,
    Recovering {
        since: Instant,
    },
    /// The link is down: nobody knows.
    Unsure {
        call: bool,
    },
}

/// The machine. One per line that can hold a session.
#[derive(Clone, Debug)]
pub struct Hold {
    state: State,
    idle_limit: Duration,
    /// Reopen by ourselves; where the server opens sessions this is `false`.
    eager: bool,
    seed: u64,
    /// Openings that failed in a row.
    failures: u32,
    /// A session was opened since the link came up, so a report of the server is about that one.
    opened: bool,
    /// Grows by a few commands an input and is drained after each.
    out: VecDeque<Command>,
}

impl Hold {
    pub fn new(idle_limit: Duration, eager: bool, seed: u64) -> Self {
        Self { state: State::Off, idle_limit, eager, seed, failures: 0, opened: false, out: VecDeque::new() }
    }

    #[expect(clippy::too_many_lines, clippy::match_same_arms, reason = "the rows of one table, in its order")]
    pub fn handle(&mut self, now: Instant, input: Input) {
        use State::{Closed, Held, InCall, Off, Opening, Recovering, Unsure};
        let before = self.state;
        self.state = match (self.state, input) {
            (Off, Input::Policy(true)) => {
                self.opened = false;
                Closed { retry: None }
            }
            (Off, _) => Off,
            (Closed { .. }, Input::Policy(false)) => Off,
            (_, Input::Policy(false)) => {
                self.leave(Command::EndSession);
                Off
            }

            (Closed { .. }, Input::Open) => self.open(now, false),
            (Closed { .. }, Input::CallStarted) => self.open(now, true),
            (Closed { retry: Some(at) }, Input::Tick) if at <= now => {
                if self.eager {
                    self.open(now, false)
                } else {
                    Closed { retry: None }
                }
            }
            (Closed { .. }, Input::ServerHoldsOne) if !self.opened => {
                // Left by a crash: it would swallow the next call.
                self.out.push_back(Command::EndSession);
                self.opened = true;
                if self.eager { self.open(now, false) } else { Closed { retry: None } }
            }
            (Closed { retry }, Input::LinkDown) => {
                self.opened = false;
                Closed { retry }
            }

            (Opening { until, .. }, Input::CallStarted) => Opening { until, call: true },
            (Opening { until, .. }, Input::LastCallEnded) => Opening { until, call: false },
            (Opening { call, .. }, Input::MediaUp) => {
                self.failures = 0;
                if call {
                    self.out.push_back(Command::OpenMicrophone);
                    InCall
                } else {
                    self.out.push_back(Command::CloseMicrophone);
                    Held { until: now + self.idle_limit }
                }
            }
            (Opening { until, .. }, Input::Tick) if now < until => self.state,
            (Opening { .. }, Input::Tick | Input::MediaLost | Input::MediaGone) => {
                self.leave(Command::EndSession);
                self.out.push_back(Command::ReportFailure);
                let retry = now + backoff::delay(self.failures, self.seed);
                self.failures = self.failures.saturating_add(1);
                Closed { retry: Some(retry) }
            }

            (Held { .. }, Input::CallStarted) => {
                self.out.push_back(Command::OpenMicrophone);
                InCall
            }
            (Held { until }, Input::Tick) if until <= now => {
                self.leave(Command::EndSession);
                Closed { retry: None }
            }
            (InCall, Input::LastCallEnded) => {
                self.out.push_back(Command::CloseMicrophone);
                Held { until: now + self.idle_limit }
            }
            (Held { .. } | InCall, Input::MediaLost) => {
                self.out.push_back(Command::RestartIce);
                Recovering { since: now, until: now + RECOVER_LIMIT, call: self.state == InCall }
            }

            (Recovering { call: true, .. }, Input::MediaUp) => InCall,
            (Recovering { call: false, .. }, Input::MediaUp) => Held { until: now + self.idle_limit },
            (Recovering { since, until, .. }, Input::CallStarted) => {
                self.out.push_back(Command::OpenMicrophone);
                Recovering { since, until, call: true }
            }
            (Recovering { since, until, .. }, Input::LastCallEnded) => {
                self.out.push_back(Command::CloseMicrophone);
                Recovering { since, until, call: false }
            }
            (Recovering { until, .. }, Input::Tick) if until <= now => self.reopen(now, Command::EndSession),
            (Held { .. } | InCall | Recovering { .. }, Input::MediaGone) => self.reopen(now, Command::EndSession),

            (Held { until }, Input::LinkDown) => Unsure { call: false, alive: true, idle_until: until },
            (InCall, Input::LinkDown) => Unsure { call: true, alive: true, idle_until: now + self.idle_limit },
            (Recovering { call, .. }, Input::LinkDown) => {
                Unsure { call, alive: false, idle_until: now + self.idle_limit }
            }
            (Unsure { call, idle_until, .. }, Input::MediaLost | Input::MediaGone) => {
                Unsure { call, alive: false, idle_until }
            }
            (Unsure { call, idle_until, .. }, Input::MediaUp) => Unsure { call, alive: true, idle_until },
            (Unsure { alive, idle_until, .. }, Input::CallStarted) => {
                self.out.push_back(Command::OpenMicrophone);
                Unsure { call: true, alive, idle_until }
            }
            (Unsure { alive, .. }, Input::LastCallEnded) => {
                self.out.push_back(Command::CloseMicrophone);
                Unsure { call: false, alive, idle_until: now + self.idle_limit }
            }
            (Unsure { call, alive: true, idle_until }, Input::LinkUp { server_has_it: true }) => {
                self.out.push_back(Command::ResyncCalls);
                if call {
                    InCall
                } else if now < idle_until {
                    Held { until: idle_until }
                } else {
                    self.leave(Command::EndSession);
                    Closed { retry: None }
                }
            }
            // Else no call arrives until the server's own timer lets go of the dead session.
            (Unsure { .. }, Input::LinkUp { server_has_it: true }) => self.reopen(now, Command::EndSession),
            (Unsure { .. }, Input::LinkUp { server_has_it: false }) => self.reopen(now, Command::CloseMedia),

            (Closed { .. }, Input::ServerEnded | Input::Reinvite | Input::Stop | Input::SignOut) => self.state,
            (_, Input::ServerEnded) => self.reopen(now, Command::CloseMedia),
            (state, Input::Reinvite) => {
                self.out.push_back(Command::SwapSession);
                state
            }
            (state, Input::Stop) if self.in_call() => {
                self.out.push_back(Command::AskUser);
                state
            }
            (_, Input::Stop | Input::SignOut) => {
                self.leave(Command::EndSession);
                Closed { retry: None }
            }

            // Late and repeated inputs are normal on a network; they change nothing.
            (state, _) => state,
        };
        if std::mem::discriminant(&before) != std::mem::discriminant(&self.state) {
            tracing::debug!(?input, from = state_name(before), to = state_name(self.state), "persistent connection");
        }
    }

    /// How long a session is kept without a call; counts from the next idle time on.
    pub fn set_idle_limit(&mut self, limit: Duration) {
        self.idle_limit = limit;
    }

    pub fn poll(&mut self) -> Option<Command> {
        self.out.pop_front()
    }

    /// Idle limit, opening limit, recovery limit or back-off, whichever the state has.
    pub fn deadline(&self) -> Option<Instant> {
        match self.state {
            State::Opening { until, .. } | State::Held { until } | State::Recovering { until, .. } => Some(until),
            State::Closed { retry } => retry,
            State::Off | State::InCall | State::Unsure { .. } => None,
        }
    }

    /// Whether a call uses the session, or waits for it: the only time a microphone may be open.
    pub fn in_call(&self) -> bool {
        match self.state {
            State::InCall => true,
            State::Recovering { call, .. } | State::Unsure { call, .. } => call,
            _ => false,
        }
    }

    pub fn view(&self) -> View {
        match self.state {
            State::Off => View::Off,
            State::Closed { .. } => View::Closed,
            State::Opening { .. } => View::Opening,
            State::Held { until } => View::Warm { until },
            State::InCall => View::InCall,
            State::Recovering { since, .. } => View::Recovering { since },
            State::Unsure { call, .. } => View::Unsure { call },
        }
    }

    fn open(&mut self, now: Instant, call: bool) -> State {
        self.opened = true;
        self.out.push_back(Command::OpenMedia);
        State::Opening { until: now + OPEN_LIMIT, call }
    }

    /// Gives up the session in the way `how` says; a call that remains wants another one.
    fn reopen(&mut self, now: Instant, how: Command) -> State {
        let call = self.in_call() || matches!(self.state, State::Opening { call: true, .. });
        self.leave(how);
        if call { self.open(now, true) } else { State::Closed { retry: None } }
    }

    fn leave(&mut self, how: Command) {
        self.out.extend([Command::CloseMicrophone, how]);
    }
}

/// The state without its times, which say nothing in a log.
const fn state_name(state: State) -> &'static str {
    match state {
        State::Off => "off",
        State::Closed { .. } => "closed",
        State::Opening { .. } => "opening",
        State::Held { .. } => "held",
        State::InCall => "in call",
        State::Recovering { .. } => "recovering",
        State::Unsure { .. } => "unsure",
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A [`Hold`] on a clock that moves only when told to.
    struct Sim {
        hold: Hold,
        start: Instant,
        now: Instant,
        transcript: String,
        microphone_open: bool,
        /// Opened and not ended.
        sessions: i32,
        stale: bool,
    }

    impl Sim {
        fn new(eager: bool) -> Self {
            let now = crate::media::testing::epoch();
            let hold = Hold::new(Duration::from_mins(10), eager, 1);
            let mut sim = Self {
                hold,
                start: now,
                now,
                transcript: String::new(),
                microphone_open: false,
                sessions: 0,
                stale: false,
            };
            sim.input(Input::Policy(true));
            sim
        }

        fn input(&mut self, input: Input) {
            if input == Input::ServerHoldsOne && self.sessions == 0 {
                self.stale = true;
            }
            self.hold.handle(self.now, input);
            while let Some(command) = self.hold.poll() {
                let at = (self.now - self.start).as_secs();
                writeln!(self.transcript, "{at:>4} s  {command:?}").unwrap();
                match command {
                    Command::OpenMedia => self.sessions += 1,
                    Command::EndSession if self.stale && self.sessions == 0 => self.stale = false,
                    Command::EndSession | Command::CloseMedia => self.sessions -= 1,
                    Command::OpenMicrophone => self.microphone_open = true,
                    Command::CloseMicrophone => self.microphone_open = false,
                    _ => {}
                }
            }
        }

        fn inputs(&mut self, inputs: &[Input]) {
            for input in inputs {
                self.input(*input);
            }
        }

        fn advance(&mut self, by: Duration) {
            let end = self.now + by;
            while let Some(due) = self.hold.deadline().filter(|due| *due <= end) {
                self.now = due;
                self.input(Input::Tick);
            }
            self.now = end;
        }
    }

    /// One row of the table: from a state reached by `setup`, `input` gives `commands` and `view`.
    fn row(setup: &[Input], input: Input, commands: &[Command], view: impl Fn(View) -> bool) {
        let mut sim = Sim::new(false);
        sim.inputs(setup);
        sim.hold.handle(sim.now, input);
        let out: Vec<_> = std::iter::from_fn(|| sim.hold.poll()).collect();
        assert_eq!(out, commands, "{setup:?} then {input:?}");
        assert!(view(sim.hold.view()), "{setup:?} then {input:?}: {:?}", sim.hold.view());
    }

    const HELD: &[Input] = &[Input::Open, Input::MediaUp];
    const IN_CALL: &[Input] = &[Input::CallStarted, Input::MediaUp];
    const RECOVERING: &[Input] = &[Input::CallStarted, Input::MediaUp, Input::MediaLost];
    const UNSURE: &[Input] = &[Input::CallStarted, Input::MediaUp, Input::LinkDown];
    const UNSURE_HELD: &[Input] = &[Input::Open, Input::MediaUp, Input::LinkDown];
    const UNSURE_DEAD: &[Input] = &[Input::Open, Input::MediaUp, Input::LinkDown, Input::MediaLost];

    #[test]
    fn every_row_of_the_table_holds() {
        use Command::{
            AskUser, CloseMedia, CloseMicrophone, EndSession, OpenMedia, OpenMicrophone, ReportFailure, RestartIce,
            ResyncCalls, SwapSession,
        };
        use Input::{
            CallStarted, LastCallEnded, LinkDown, LinkUp, MediaGone, MediaLost, MediaUp, Open, Policy, Reinvite,
            ServerEnded, ServerHoldsOne, SignOut, Stop,
        };
        let closed = |view| view == View::Closed;
        let opening = |view| view == View::Opening;
        let warm = |view| matches!(view, View::Warm { .. });
        let in_call = |view| view == View::InCall;
        let recovering = |view| matches!(view, View::Recovering { .. });
        let unsure = |view| matches!(view, View::Unsure { .. });
        let end = [CloseMicrophone, EndSession];
        let end_and_reopen = [CloseMicrophone, EndSession, OpenMedia];

        row(&[Policy(false)], Policy(true), &[], closed);
        row(&[Policy(false)], Open, &[], |view| view == View::Off);
        row(HELD, Policy(false), &end, |view| view == View::Off);
        row(&[], Open, &[OpenMedia], opening);
        row(&[], CallStarted, &[OpenMedia], opening);
        row(&[Open], CallStarted, &[], opening);
        row(&[Open, CallStarted], MediaUp, &[OpenMicrophone], in_call);
        row(&[CallStarted, LastCallEnded], MediaUp, &[CloseMicrophone], warm);
        row(&[Open], MediaUp, &[CloseMicrophone], warm);
        row(&[Open], MediaLost, &[CloseMicrophone, EndSession, ReportFailure], closed);
        row(HELD, CallStarted, &[OpenMicrophone], in_call);
        row(IN_CALL, LastCallEnded, &[CloseMicrophone], warm);
        row(HELD, MediaLost, &[RestartIce], recovering);
        row(IN_CALL, MediaLost, &[RestartIce], recovering);
        row(RECOVERING, MediaUp, &[], in_call);
        row(RECOVERING, LastCallEnded, &[CloseMicrophone], recovering);
        row(RECOVERING, MediaGone, &end_and_reopen, opening);
        row(HELD, MediaGone, &end, closed);
        row(HELD, LinkDown, &[], unsure);
        row(IN_CALL, LinkDown, &[], unsure);
        row(RECOVERING, LinkDown, &[], unsure);
        row(UNSURE, MediaLost, &[], unsure);
        row(UNSURE, LinkUp { server_has_it: true }, &[ResyncCalls], in_call);
        row(UNSURE_HELD, LinkUp { server_has_it: true }, &[ResyncCalls], warm);
        row(UNSURE_DEAD, LinkUp { server_has_it: true }, &end, closed);
        row(UNSURE_HELD, LinkUp { server_has_it: false }, &[CloseMicrophone, CloseMedia], closed);
        row(UNSURE, LinkUp { server_has_it: false }, &[CloseMicrophone, CloseMedia, OpenMedia], opening);
        row(HELD, ServerEnded, &[CloseMicrophone, CloseMedia], closed);
        row(IN_CALL, ServerEnded, &[CloseMicrophone, CloseMedia, OpenMedia], opening);
        row(IN_CALL, Reinvite, &[SwapSession], in_call);
        row(HELD, Reinvite, &[SwapSession], warm);
        row(IN_CALL, Stop, &[AskUser], in_call);
        row(HELD, Stop, &end, closed);
        row(IN_CALL, SignOut, &end, closed);
        row(&[], Stop, &[], closed);
        row(&[], ServerHoldsOne, &[EndSession], closed);
        row(HELD, ServerHoldsOne, &[], warm);
        row(&[Open, MediaUp, Stop], ServerHoldsOne, &[], closed);
    }

    #[test]
    fn held_session_ends_once_after_ten_idle_minutes() {
        let mut sim = Sim::new(false);
        sim.input(Input::Open);
        sim.advance(SECOND);
        sim.input(Input::MediaUp);
        sim.advance(Duration::from_hours(24));
        insta::assert_snapshot!(sim.transcript, @r"
           0 s  OpenMedia
           1 s  CloseMicrophone
         601 s  CloseMicrophone
         601 s  EndSession
        ");
    }

    #[test]
    fn ten_calls_use_one_session() {
        let mut sim = Sim::new(false);
        for _ in 0..10 {
            sim.input(Input::CallStarted);
            sim.advance(SECOND);
            sim.input(Input::MediaUp);
            sim.advance(20 * SECOND);
            sim.input(Input::LastCallEnded);
            sim.advance(60 * SECOND);
        }
        assert_eq!(sim.transcript.matches("OpenMedia").count(), 1);
        assert_eq!(sim.transcript.matches("OpenMicrophone").count(), 10);
        assert_eq!(sim.transcript.matches("EndSession").count(), 0);
    }

    #[test]
    fn an_opening_that_fails_backs_off_before_it_is_tried_again() {
        let mut sim = Sim::new(true);
        sim.input(Input::Open);
        sim.advance(Duration::from_secs(55));
        insta::assert_snapshot!(sim.transcript, @r"
           0 s  OpenMedia
          15 s  CloseMicrophone
          15 s  EndSession
          15 s  ReportFailure
          17 s  OpenMedia
          32 s  CloseMicrophone
          32 s  EndSession
          32 s  ReportFailure
          36 s  OpenMedia
          51 s  CloseMicrophone
          51 s  EndSession
          51 s  ReportFailure
        ");
    }

    #[test]
    fn lost_media_that_stays_lost_opens_another_session_for_the_call() {
        let mut sim = Sim::new(false);
        sim.inputs(RECOVERING);
        sim.advance(30 * SECOND);
        sim.input(Input::MediaUp);
        insta::assert_snapshot!(sim.transcript, @r"
           0 s  OpenMedia
           0 s  OpenMicrophone
           0 s  RestartIce
          25 s  CloseMicrophone
          25 s  EndSession
          25 s  OpenMedia
          30 s  OpenMicrophone
        ");
    }

    #[test]
    fn a_session_left_by_a_crash_is_ended_before_a_new_one_is_opened() {
        let mut sim = Sim::new(true);
        sim.input(Input::ServerHoldsOne);
        sim.input(Input::ServerHoldsOne);
        insta::assert_snapshot!(sim.transcript, @r"
           0 s  EndSession
           0 s  OpenMedia
        ");
    }

    const INPUTS: [Input; 16] = [
        Input::Policy(true),
        Input::Policy(false),
        Input::Open,
        Input::CallStarted,
        Input::LastCallEnded,
        Input::MediaUp,
        Input::MediaLost,
        Input::MediaGone,
        Input::Reinvite,
        Input::ServerEnded,
        Input::ServerHoldsOne,
        Input::LinkDown,
        Input::LinkUp { server_has_it: true },
        Input::LinkUp { server_has_it: false },
        Input::Stop,
        Input::SignOut,
    ];

    proptest! {
        #[test]
        fn whatever_the_order_of_inputs(
            eager: bool,
            steps in prop::collection::vec((0..INPUTS.len(), 0..900_u64), 0..80)
        ) {
            let mut sim = Sim::new(eager);
            for (i, secs) in steps {
                sim.advance(Duration::from_secs(secs));
                sim.stale = false;
                sim.input(INPUTS[i]);
                // The microphone is open exactly while a call uses the session.
                prop_assert_eq!(sim.microphone_open, sim.hold.in_call());
                // One session at most, and none is ended that was not opened.
                prop_assert!((0..=1).contains(&sim.sessions), "{}", sim.transcript);
                let has_media = !matches!(sim.hold.view(), View::Off | View::Closed);
                prop_assert_eq!(sim.sessions == 1, has_media, "{}", sim.transcript);
                prop_assert!(sim.hold.deadline().is_none_or(|due| due > sim.now), "{:?}", sim.hold);
                if sim.hold.view() == View::Off {
                    prop_assert_eq!(sim.hold.deadline(), None);
                }
            }
        }
    }
}
