//! [`Phone`]: owns lines, calls and sessions; the one way in and out.

mod ending;
mod lines;
mod media;
mod notice;
pub mod relays;
pub mod settings;
#[cfg(test)]
mod tests;
mod view;

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use self::ending::{Count, Ending};
use crate::call::{self, Call, Effect};
use crate::command::{Command, SignIn};
use crate::entropy::Entropy;
use crate::event::{AudioStats, CallDirection, EndReason, EndedBy, Event, Notice};
use crate::hold::{self, Hold};
use crate::ids::{CallId, LineId, SessionId};
use crate::input::Input;
use crate::journal::Journal;
use crate::line::genesys::{GenesysLine, LineOptions};
use crate::line::{Line, LineCommand, LineInput, LineOutput, LineSettings, SessionEnd};
use crate::media::{IceServer, MediaStats, MediaUp, RelayPolicy, SessionConfig};
use crate::output::{MediaCommand, Output};
use crate::policy::{Layers, Setting};
use crate::redact::Private;
use crate::snapshot::{
    AccountView, CallState, PendingRequest, PhoneMissing, PhoneView, RecentCall, SettingChange, Snapshot, SoundView,
    Standing, WrapUpView,
};
use crate::sound::{ALSO_RINGERS, SoundCommand, SoundRole, Tone};
use crate::timers::{Timers, earliest};
use settings::Rules;

/// Calls shown under "recent"; the oldest goes.
const MAX_RECENT: usize = 50;
/// Time a session that was not asked to stay is left to the service before we end it.
const UNUSED_LIMIT: Duration = Duration::from_secs(5);
/// Time for a call whose session broke to get another one.
const RECOVER_LIMIT: Duration = Duration::from_secs(15);
const BUSY_TONE: Duration = Duration::from_secs(3);
/// Digits taken at once.
const MAX_DIGITS_AT_ONCE: usize = 32;
/// Lines that still say good-bye; more are dropped without.
const MAX_LEAVING: usize = 2;

/// What is decided before the phone starts.
#[derive(Clone, Debug)]
pub struct PhoneConfig {
    /// Force relay by local policy; the server may force it too.
    pub relay: RelayPolicy,
    /// What policies, files, local provisioning and the command line say.
    pub settings: Layers,
    /// Answer incoming calls without asking (`offhook listen`).
    pub auto_answer: bool,
    /// Longest time a warm session is kept without a call; the server's own limit usually comes first.
    pub idle_limit: Duration,
    /// Seed of back-off jitter and of names that need no secrecy.
    pub seed: u64,
    /// Let the service do the keep-alive of the signalling link, where it wants to.
    pub server_pings: bool,
    /// What the last [`Output::KeepSessions`] held, when the program ended without saying good-bye.
    pub left_sessions: Option<Private<String>>,
}

impl Default for PhoneConfig {
    fn default() -> Self {
        Self {
            relay: RelayPolicy::All,
            settings: Layers::default(),
            auto_answer: false,
            idle_limit: Duration::from_mins(11),
            seed: 1,
            server_pings: false,
            left_sessions: None,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    /// A session without a call that nobody asked to keep.
    Unused(SessionId),
    /// A call whose session broke.
    Recover(CallId),
    BusyTone,
    /// The last figures of a call that is over.
    Counted(CallId),
}

/// One media session, from its offer to its end.
#[derive(Clone, Debug)]
struct Session {
    id: SessionId,
    up: Option<(Instant, MediaUp)>,
    /// Consent is overdue.
    lost: bool,
    first_media: Option<Instant>,
    microphone: bool,
    heard: bool,
    stats: MediaStats,
    audio: AudioStats,
}

/// The whole phone without its sockets and devices.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
#[derive(Debug)]
pub struct Phone {
    config: PhoneConfig,
    entropy: Option<Entropy>,
    journal: Journal,
    timers: Timers<Timer>,
    /// Drained after each input; what one input causes is bounded by what there is: calls, sessions, requests.
    out: VecDeque<Output>,
    revision: u64,

    lines_so_far: u64,
    line: Option<Box<dyn Line>>,
    /// Lines that were signed out and still say good-bye.
    leaving: Vec<Box<dyn Line>>,
    practice: bool,
    standing: Standing,
    registered: bool,
    account: Option<AccountView>,
    phones: Vec<PhoneView>,
    missing: Option<PhoneMissing>,
    /// What this session does not use yet.
    settings_changed: Vec<SettingChange>,
    /// The user asked for it while a call was on.
    apply_settings: bool,
    sign_in_page: Option<Private<String>>,
    wrap_ups: Vec<WrapUpView>,
    settings: LineSettings,
    rules: Rules,
    prepared: Option<SessionConfig>,

    calls: Vec<Call>,
    /// Over, and waiting for their last figures.
    endings: Vec<Ending>,
    /// Figures asked for, in that order.
    counting: Vec<(SessionId, CallId, Count)>,
    recent: VecDeque<RecentCall>,
    sessions: Vec<Session>,
    hold: Hold,
    /// The session that `hold` is about.
    held: Option<SessionId>,
    /// The service holds a session that we do not know, and `hold` was told.
    forgotten: bool,
    call_wants_media: bool,

    muted: bool,
    /// The service muted us, so it may unmute us too.
    muted_by_service: bool,
    sound: SoundView,
    tone: Option<Tone>,
    told_sound: Vec<(SoundRole, String)>,
}

impl Phone {
    /// A phone that is signed out. Draws its one secret from the operating system; if that fails it says so at
    /// sign-in.
    pub fn new(config: PhoneConfig, now: Instant) -> Self {
        Self::build(config, now, Entropy::from_system().ok())
    }

    /// A phone whose secret names follow from `secret`: for tests and replays, where the same inputs have to cause
    /// the same outputs.
    pub fn with_secret(config: PhoneConfig, now: Instant, secret: [u8; 32]) -> Self {
        Self::build(config, now, Some(Entropy::from_secret(secret)))
    }

    fn build(config: PhoneConfig, now: Instant, entropy: Option<Entropy>) -> Self {
        let mut phone = Self {
            entropy,
            journal: Journal::new(now),
            timers: Timers::default(),
            out: VecDeque::new(),
            revision: 0,
            lines_so_far: 0,
            line: None,
            leaving: Vec::new(),
            practice: false,
            standing: Standing::SignedOut,
            registered: false,
            account: None,
            phones: Vec::new(),
            missing: None,
            settings_changed: Vec::new(),
            apply_settings: false,
            sign_in_page: None,
            wrap_ups: Vec::new(),
            settings: LineSettings::default(),
            rules: Rules::new(&config),
            prepared: None,
            calls: Vec::new(),
            endings: Vec::new(),
            counting: Vec::new(),
            recent: VecDeque::new(),
            sessions: Vec::new(),
            hold: Hold::new(config.idle_limit, false, config.seed),
            held: None,
            forgotten: false,
            call_wants_media: false,
            muted: false,
            muted_by_service: false,
            sound: SoundView::default(),
            tone: None,
            told_sound: Vec::new(),
            config,
        };
        phone.settle_devices();
        phone.settle_processing();
        phone
    }

    /// Takes one input that happened at `now`. Drain [`poll`](Self::poll) afterwards.
    pub fn handle(&mut self, now: Instant, input: Input) {
        self.journal.input(now, &input);
        let before = self.out.len();
        match input {
            Input::Command(command) => {
                self.changed();
                self.command(now, command);
            }
            Input::LinkOpened { link } => self.tell_lines(now, &LineInput::LinkOpened { link }),
            Input::LinkReceived { link, text } => self.tell_lines(now, &LineInput::LinkReceived { link, text }),
            Input::LinkClosed { link, why } => self.tell_lines(now, &LineInput::LinkClosed { link, why }),
            Input::HttpDone { request, result } => self.tell_lines(now, &LineInput::HttpDone { request, result }),
            Input::Browser(event) => self.tell_lines(now, &LineInput::Browser(event)),
            Input::Media(event) => self.media_event(now, event),
            Input::AudioStats { session, stats } => self.audio_stats(now, session, stats),
            Input::Sound(event) => self.sound_event(event),
            Input::NetworkChanged => self.network_changed(now),
            Input::Tick => self.tick(now),
        }
        self.settle(now);
        for output in self.out.iter().skip(before) {
            self.journal.output(now, output);
        }
    }

    /// The next thing to do; drain until `None` after every input.
    pub fn poll(&mut self) -> Option<Output> {
        self.out.pop_front()
    }

    /// When to hand in [`Input::Tick`]; never in the past after a drain.
    pub fn deadline(&self) -> Option<Instant> {
        let lines = self.line.iter().chain(&self.leaving).filter_map(|line| line.deadline()).min();
        let calls = self.calls.iter().filter_map(Call::deadline).min();
        earliest(earliest(lines, calls), earliest(self.hold.deadline(), self.timers.next()))
    }

    /// The picture as of the last input.
    pub fn snapshot(&self) -> Snapshot {
        self.build_snapshot()
    }

    /// What happened lately, without anything private.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    fn changed(&mut self) {
        self.revision += 1;
    }

    fn event(&mut self, event: Event) {
        self.changed();
        self.out.push_back(Output::Event(event));
    }

    fn problem(&mut self, notice: Notice) {
        self.event(Event::Problem(notice));
    }

    fn media(&mut self, command: MediaCommand) {
        self.out.push_back(Output::Media(command));
    }

    fn sound(&mut self, command: SoundCommand) {
        self.out.push_back(Output::Sound(command));
    }

    fn call_index(&self, call: CallId) -> Option<usize> {
        self.calls.iter().position(|known| known.id == call)
    }

    fn call_mut(&mut self, call: CallId) -> Option<&mut Call> {
        self.calls.iter_mut().find(|known| known.id == call)
    }

    fn session_mut(&mut self, session: SessionId) -> Option<&mut Session> {
        self.sessions.iter_mut().find(|known| known.id == session)
    }

    // Inputs.

    fn tick(&mut self, now: Instant) {
        for line in self.line.iter_mut().chain(&mut self.leaving) {
            if line.deadline().is_some_and(|due| due <= now) {
                line.tick(now);
            }
        }
        if self.hold.deadline().is_some_and(|due| due <= now) {
            self.changed();
            self.hold.handle(now, hold::Input::Tick);
        }
        let due: Vec<CallId> = self
            .calls
            .iter()
            .filter(|call| call.deadline().is_some_and(|due| due <= now))
            .map(|call| call.id)
            .collect();
        for call in due {
            self.tell_call(now, call, call::Input::Tick);
        }
        while let Some(timer) = self.timers.expired(now) {
            self.changed();
            match timer {
                Timer::Unused(session) => self.end_session(session, SessionEnd::NotNeeded),
                Timer::Recover(call) => self.fail_call(now, call, "media-lost"),
                Timer::BusyTone => self.settle_tone(),
                Timer::Counted(call) => self.stop_waiting(call),
            }
        }
    }

    fn network_changed(&mut self, now: Instant) {
        self.tell_line(now, LineCommand::NetworkChanged);
        self.prepared = None;
    }

    fn command(&mut self, now: Instant, command: Command) {
        match command {
            Command::SignIn(sign_in) => self.sign_in(now, sign_in),
            Command::SignOut => self.sign_out(now, true),
            Command::Quit => self.sign_out(now, false),
            Command::OpenSignInPage => self.tell_line(now, LineCommand::OpenSignInPage),
            Command::Transfer { call, to } => self.hand_on(now, call, to, false),
            Command::Consult { call, to } => self.hand_on(now, call, to, true),
            Command::Speak { call, with } => self.tell_line(now, LineCommand::Speak { call, with }),
            Command::CompleteTransfer(call) => self.tell_line(now, LineCommand::CompleteTransfer { call }),
            Command::CancelTransfer(call) => self.tell_line(now, LineCommand::CancelTransfer { call }),
            Command::WrapUp { call, code, notes } => self.wrap_up(now, call, code, notes),
            Command::Dial { to } if to.reveal().trim().is_empty() => self.problem(notice::nothing_to_dial()),
            Command::Dial { to } => match self.refusal(|can| can.dial) {
                None => self.tell_line(now, LineCommand::Dial { to }),
                Some(why) => self.problem(notice::not_possible("place a call", why)),
            },
            Command::CallMe => match self.refusal(|can| can.call_me) {
                None => self.tell_line(now, LineCommand::CallMe),
                Some(why) => self.problem(notice::not_possible("be called back", why)),
            },
            Command::Answer(call) => self.tell_call(now, call, call::Input::Answer),
            Command::Decline(call) => self.tell_call(now, call, call::Input::Decline),
            Command::HangUp(call) => self.tell_call(now, call, call::Input::HangUp),
            Command::Hold { call, held } => match self.refusal(|can| can.hold) {
                None => self.tell_call(now, call, call::Input::Hold(held)),
                Some(why) => self.problem(notice::not_possible("hold", why)),
            },
            Command::Mute { muted } => self.mute(now, muted, false),
            Command::SendDigits { call, digits } => self.send_digits(now, call, &digits),
            Command::SelectPhone { id } => match self.phone_change_refused() {
                None => self.tell_line(now, LineCommand::SelectPhone { id }),
                Some(why) => self.problem(notice::not_possible("change the phone", why)),
            },
            Command::ReleasePhone => match self.phone_change_refused() {
                None => self.tell_line(now, LineCommand::ReleasePhone),
                Some(why) => self.problem(notice::not_possible("release the phone", why)),
            },
            Command::ApplySettings => self.apply_settings = self.line.is_some(),
            Command::StopPersistentConnection => self.hold.handle(now, hold::Input::Stop),
            Command::ChooseDevice { role, choice } => self.choose_device(now, role, choice),
            Command::SetVolume { role, percent } => {
                let device = self.device_of_role(role).unwrap_or_default();
                self.set_volume(role, device, percent);
            }
            Command::SetDeviceVolume { role, device, percent } => self.set_volume(role, device, percent),
            Command::AlsoRing(mut devices) => {
                devices.truncate(ALSO_RINGERS);
                self.sound.also_ring.clone_from(&devices);
                self.sound(SoundCommand::AlsoRing(devices));
            }
            Command::Measure { id, what } => self.sound(SoundCommand::Measure { id, what }),
            Command::CancelMeasurement(id) => self.sound(SoundCommand::CancelMeasurement(id)),
            Command::SetProcessing(processing) => self.choose_processing(now, processing),
            Command::ChooseSetting { setting, value } => self.choose_setting(now, setting, value.into_inner()),
            Command::ReplaceSettings(layers) => self.replace_settings(now, *layers),
            Command::Reconnect => self.tell_line(now, LineCommand::Connect),
        }
    }

    fn hand_on(&mut self, now: Instant, call: CallId, to: Private<String>, ask: bool) {
        let refused = match self.call_index(call).and_then(|index| self.calls.get(index)) {
            Some(call) => self.transfer_refused(call),
            None => return,
        };
        match refused {
            None if to.reveal().trim().is_empty() => self.problem(notice::nothing_to_dial()),
            None if ask => self.tell_line(now, LineCommand::Consult { call, to }),
            None => self.tell_line(now, LineCommand::Transfer { call, to }),
            Some(why) => self.problem(notice::not_possible("transfer the call", why)),
        }
    }

    fn wrap_up(&mut self, now: Instant, call: CallId, code: String, notes: Private<String>) {
        let Some(due) = self.wrap_ups.iter_mut().find(|due| due.call == call && !due.sent) else { return };
        due.sent = true;
        self.tell_line(now, LineCommand::WrapUp { call, code, notes });
    }

    fn sign_in(&mut self, now: Instant, sign_in: SignIn) {
        self.sign_out(now, false);
        let Some(entropy) = self.entropy.as_mut().map(Entropy::fork) else {
            let notice = notice::no_secret();
            self.standing = Standing::Problem { notice: notice.clone(), retry_at: None };
            return self.problem(notice);
        };
        self.lines_so_far += 1;
        self.practice = matches!(sign_in, SignIn::Practice { .. });
        let options =
            LineOptions { server_pings: self.config.server_pings, left_sessions: self.config.left_sessions.take() };
        let id = LineId(self.lines_so_far);
        self.line = Some(Box::new(GenesysLine::new(id, sign_in, entropy, self.config.seed, options)));
        self.tell_line(now, LineCommand::Connect);
    }

    fn sign_out(&mut self, now: Instant, forget: bool) {
        let Some(mut line) = self.line.take() else { return };
        line.command(now, LineCommand::SignOut { forget });
        if self.leaving.len() == MAX_LEAVING {
            self.leaving.remove(0);
        }
        self.leaving.push(line);
        self.hold.handle(now, hold::Input::Policy(false));
        while self.hold.poll().is_some() {}
        for call in self.calls.iter().map(|call| call.id).collect::<Vec<_>>() {
            self.finish(now, call, EndedBy::Local, EndReason::SignedOut, None);
        }
        // Whoever quits does not wait.
        self.stop_waiting_for_all();
        for session in std::mem::take(&mut self.sessions) {
            self.media(MediaCommand::Close { session: session.id });
        }
        self.held = None;
        self.timers.cancel_all();
        self.account = None;
        self.phones.clear();
        self.missing = None;
        self.settings_changed.clear();
        self.apply_settings = false;
        self.sign_in_page = None;
        self.wrap_ups.clear();
        self.settings = LineSettings::default();
        self.rules.forget_service();
        self.prepared = None;
        self.standing = Standing::SignedOut;
        if std::mem::take(&mut self.registered) {
            self.event(Event::Unregistered);
        }
    }

    fn mute(&mut self, now: Instant, muted: bool, by_service: bool) {
        if self.muted == muted {
            return;
        }
        self.muted = muted;
        self.muted_by_service = muted && by_service;
        // The local gate first: nothing more leaves, whatever the service does about it.
        self.sound(SoundCommand::Mute { muted });
        self.event(Event::Muted { muted });
        if !by_service {
            for call in
                self.calls.iter().filter(|call| call.connected.is_some()).map(|call| call.id).collect::<Vec<_>>()
            {
                self.tell_line(now, LineCommand::Mute { call, muted });
            }
        }
    }

    fn send_digits(&mut self, now: Instant, call: CallId, digits: &str) {
        let Some(known) = self.call_mut(call) else { return };
        let connected = known.connected.is_some();
        let may_come = matches!(known.state(), CallState::Dialling | CallState::Ringing);
        let digits: String = digits
            .chars()
            .map(|c| c.to_ascii_uppercase())
            .filter(|c| matches!(c, '0'..='9' | '*' | '#' | 'A'..='D'))
            .take(MAX_DIGITS_AT_ONCE)
            .collect();
        if !(connected || may_come) || digits.is_empty() {
            return;
        }
        for digit in digits.chars() {
            self.sound(SoundCommand::DigitTone(digit));
        }
        if connected {
            self.tell_line(now, LineCommand::Digits { call, digits });
        } else if let Some(known) = self.call_mut(call) {
            // The far end may be heard before the service says that it answered, and people press digits then.
            let room = call::MAX_DIGITS.saturating_sub(known.early_digits.len());
            known.early_digits.extend(digits.chars().take(room));
        }
    }

    // Calls.

    fn tell_call(&mut self, now: Instant, call: CallId, input: call::Input) {
        let Some(known) = self.call_mut(call) else { return };
        known.handle(now, input);
        self.changed();
        loop {
            let Some(effect) = self.call_mut(call).and_then(Call::poll) else { return };
            match effect {
                Effect::Ask(request) => {
                    let command = match request {
                        PendingRequest::Answer => LineCommand::Answer { call },
                        PendingRequest::Decline => LineCommand::Decline { call },
                        PendingRequest::HangUp => LineCommand::HangUp { call },
                        PendingRequest::Hold => LineCommand::Hold { call, held: true },
                        PendingRequest::Resume => LineCommand::Hold { call, held: false },
                    };
                    self.tell_line(now, command);
                }
                Effect::Tell(event) => self.event(event),
                Effect::GiveUp => self.give_up(now, call),
                Effect::Unconfirmed(request) => self.problem(notice::unconfirmed(request)),
            }
        }
    }

    // Sessions.

    /// Ends a session here and there.
    fn end_session(&mut self, session: SessionId, why: SessionEnd) {
        let Some(line) = self.line.as_mut() else { return };
        // Time does not matter to this command.
        line.command(self.journal.last(), LineCommand::EndSession { session, why });
        self.close_session(session);
    }

    /// Forgets a session here; the far side has none any more.
    fn close_session(&mut self, session: SessionId) {
        let Some(index) = self.sessions.iter().position(|known| known.id == session) else { return };
        self.count_last(session);
        self.sessions.remove(index);
        self.timers.cancel(&Timer::Unused(session));
        if self.held == Some(session) {
            self.held = None;
        }
        for call in self.calls.iter_mut().filter(|call| call.session == Some(session)) {
            call.session = None;
        }
        self.media(MediaCommand::Close { session });
        self.changed();
    }

    fn session_config(&self) -> SessionConfig {
        let rules = &self.rules.effective;
        let relay = if rules.is_on(Setting::ForceRelay) { RelayPolicy::ForceRelay } else { RelayPolicy::All };
        let default = SessionConfig::default();
        let dscp = rules.integer(Setting::Dscp).and_then(|dscp| u8::try_from(dscp).ok());
        let (servers, order) = relays::choose(&self.settings.servers, rules);
        SessionConfig { relay, servers, order, dscp: dscp.unwrap_or(default.dscp).min(63), codecs: default.codecs }
    }

    // What follows from the state, computed again after every input.

    fn settle(&mut self, now: Instant) {
        // Each round is caused by an output of the round before; machines come to rest after a few.
        loop {
            if self.apply_settings && self.calls.is_empty() {
                // Only now: a call would lose its session.
                self.apply_settings = false;
                self.tell_line(now, LineCommand::Renew);
            }
            let moved = self.drain_lines(now);
            self.settle_hold(now);
            let commanded = self.drain_hold(now);
            let adopted = self.settle_settings(now);
            if !moved && !commanded && !adopted {
                break;
            }
        }
        self.settle_sessions(now);
        self.settle_tone();
        self.settle_prepared();
    }

    /// Tells the hold machine when the first call wants sound and when the last one is gone.
    fn settle_hold(&mut self, now: Instant) {
        let wanted = self.calls.iter().any(Call::wants_media);
        if wanted != self.call_wants_media {
            self.call_wants_media = wanted;
            let input = if wanted { hold::Input::CallStarted } else { hold::Input::LastCallEnded };
            self.hold.handle(now, input);
            if !wanted && self.held.is_none() && self.hold.view() == hold::View::Opening {
                // The call was cancelled before the service offered anything: there is nothing to wait for.
                self.hold.handle(now, hold::Input::Stop);
            }
        }
    }

    fn drain_hold(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while let Some(command) = self.hold.poll() {
            moved = true;
            self.changed();
            match command {
                hold::Command::EndSession => match self.held {
                    Some(session) => {
                        let lost = self.session_mut(session).is_none_or(|session| session.lost || session.up.is_none());
                        let why = if lost { SessionEnd::MediaFailed } else { SessionEnd::NotNeeded };
                        let calls: Vec<CallId> =
                            self.calls.iter().filter(|c| c.session == Some(session)).map(|c| c.id).collect();
                        self.end_session(session, why);
                        for call in calls {
                            self.call_lost_media(now, call);
                        }
                    }
                    None if std::mem::take(&mut self.forgotten) => {
                        self.tell_line(now, LineCommand::EndForgottenSession);
                    }
                    None => {}
                },
                hold::Command::CloseMedia => {
                    if let Some(session) = self.held {
                        self.close_session(session);
                    }
                }
                hold::Command::RestartIce => {
                    if let Some(session) = self.held
                        && self.refusal(|can| can.ice_restart).is_none()
                    {
                        self.media(MediaCommand::RestartIce { session });
                    }
                }
                hold::Command::AskUser => self.problem(notice::session_in_use()),
                hold::Command::ReportFailure => {
                    self.problem(notice::session_not_opened());
                    let waiting = |call: &&Call| call.wants_media() && call.session.is_none();
                    let calls: Vec<CallId> = self.calls.iter().filter(waiting).map(|call| call.id).collect();
                    for call in calls {
                        self.fail_call(now, call, "persistent-not-opened");
                    }
                }
                hold::Command::ResyncCalls => self.tell_line(now, LineCommand::Resync),
                // The service offers sessions, so there is nothing to ask for; the microphone follows from the
                // state below; a swapped session was closed when its successor came.
                hold::Command::OpenMedia
                | hold::Command::OpenMicrophone
                | hold::Command::CloseMicrophone
                | hold::Command::SwapSession => {}
            }
        }
        moved
    }

    /// Microphone and ear of each session, and sessions that nobody needs.
    fn settle_sessions(&mut self, now: Instant) {
        let holding = self.hold.view() != hold::View::Off;
        let mut commands = Vec::new();
        for session in &mut self.sessions {
            let held = holding && self.held == Some(session.id);
            let calls = || self.calls.iter().filter(|call| call.session == Some(session.id));
            let microphone = session.up.is_some() && (!held || self.hold.in_call()) && calls().any(Call::may_speak);
            let heard = calls().any(Call::may_hear);
            if microphone != session.microphone {
                session.microphone = microphone;
                commands.push(MediaCommand::Microphone { session: session.id, open: microphone });
            }
            if heard != session.heard {
                session.heard = heard;
                commands.push(MediaCommand::Hear { session: session.id, heard });
            }
            let unused = Timer::Unused(session.id);
            if held || calls().next().is_some() {
                self.timers.cancel(&unused);
            } else if self.timers.due(&unused).is_none() {
                self.timers.set(unused, now + UNUSED_LIMIT);
            }
        }
        self.out.extend(commands.into_iter().map(Output::Media));
    }

    fn settle_tone(&mut self) {
        let incoming = self.calls.iter().any(|call| call.direction == CallDirection::In && call.rings());
        let busy = self.calls.iter().any(Call::wants_media);
        let ringing = self
            .calls
            .iter()
            .any(|call| call.state() == CallState::Ringing && call.first_media.is_none() && call.pending().is_none());
        let tone = if incoming && busy {
            Some(Tone::CallWaiting)
        } else if incoming && !self.answers_by_itself() {
            Some(Tone::Ring)
        } else if ringing {
            Some(Tone::Ringback)
        } else if !busy && self.timers.due(&Timer::BusyTone).is_some() {
            Some(Tone::Busy)
        } else {
            None
        };
        if tone != self.tone {
            self.tone = tone;
            self.sound(SoundCommand::Tone(tone));
        }
    }

    /// Keeps a TURN allocation ready whenever the servers are known.
    fn settle_prepared(&mut self) {
        if self.settings.servers.is_empty() {
            return;
        }
        let config = self.session_config();
        if self.prepared.as_ref() != Some(&config) {
            let relay = |servers: &[IceServer]| servers.iter().any(|server| matches!(server, IceServer::Turn { .. }));
            if relay(&self.settings.servers) && !relay(&config.servers) {
                self.problem(notice::no_allowed_relay());
            }
            self.prepared = Some(config.clone());
            self.media(MediaCommand::Prepare { config });
        }
    }

    /// Hands all outputs of the lines on; says whether there were any.
    fn drain_lines(&mut self, now: Instant) -> bool {
        let mut moved = false;
        while let Some(output) = self.line.as_mut().and_then(|line| line.poll()) {
            moved = true;
            match output {
                LineOutput::Event(event) => {
                    self.changed();
                    self.line_event(now, event);
                }
                output => self.forward(output),
            }
        }
        let mut gone = Vec::new();
        for index in 0..self.leaving.len() {
            while let Some(output) = self.leaving.get_mut(index).and_then(|line| line.poll()) {
                match output {
                    LineOutput::Event(crate::line::LineEvent::SignedOut) => gone.push(index),
                    // Whatever it still tells is about a sign-in that is over.
                    LineOutput::Event(_) => {}
                    output => self.forward(output),
                }
            }
        }
        for index in gone.into_iter().rev() {
            self.leaving.remove(index);
        }
        moved
    }

    fn forward(&mut self, output: LineOutput) {
        self.out.push_back(match output {
            LineOutput::OpenLink { link, url, subprotocol } => {
                Output::OpenLink { link, url, subprotocol, dscp: self.rules.transport_dscp() }
            }
            LineOutput::CloseLink { link } => Output::CloseLink { link },
            LineOutput::SendText { link, text } => Output::SendText { link, text },
            LineOutput::Http(request) => Output::Http(request),
            LineOutput::Browser(command) => Output::Browser(command),
            LineOutput::Secret(command) => Output::Secret(command),
            LineOutput::KeepSessions(text) => Output::KeepSessions(text),
            LineOutput::Event(_) => return,
        });
    }
}
