//! What lines are told, and what their news mean for calls and sessions.

use std::time::Instant;

use super::ending::Count;
use super::{Phone, RECOVER_LIMIT, Session, Timer};
use crate::call::{self, Call};
use crate::event::{AudioStats, CallDirection, Event};
use crate::hold;
use crate::ids::{CallId, SessionId};
use crate::line::{
    CallNews, Can, Capabilities, LineCommand, LineEvent, LineInput, LineSettings, LineStanding, WrapUpNews,
};
use crate::media::MediaStats;
use crate::output::MediaCommand;
use crate::snapshot::{AccountView, CallState, Standing, WrapUpView};

impl Phone {
    pub(super) fn tell_lines(&mut self, now: Instant, input: &LineInput) {
        // A line lets pass what is not its own.
        for line in self.line.iter_mut().chain(&mut self.leaving) {
            line.receive(now, input.clone());
        }
    }

    pub(super) fn tell_line(&mut self, now: Instant, command: LineCommand) {
        if let Some(line) = self.line.as_mut() {
            line.command(now, command);
        }
    }

    /// Why the line cannot do it; `None` when it can.
    pub(super) fn refusal(&self, which: impl FnOnce(&Capabilities) -> Can) -> Option<&'static str> {
        match &self.line {
            Some(line) => which(&line.capabilities()).refusal(),
            None => Some("you are not signed in"),
        }
    }

    pub(super) fn line_event(&mut self, now: Instant, event: LineEvent) {
        match event {
            LineEvent::Standing(standing) => self.line_standing(now, standing),
            LineEvent::Account { user, organisation } => {
                self.account = Some(AccountView { user, organisation, practice: self.practice });
            }
            LineEvent::Phones(phones) => self.phones = phones,
            LineEvent::PhoneMissing(missing) => self.missing = missing,
            LineEvent::SettingsChanged(changes) => self.settings_changed = changes,
            LineEvent::SignInPage(page) => self.sign_in_page = page,
            LineEvent::WrapUp { call, news } => self.wrap_up_news(now, call, news),
            LineEvent::Settings(settings) => self.line_settings(now, settings),
            LineEvent::Call { call, news } => self.call_news(now, call, news),
            LineEvent::SessionOffered { session, call, offer, replaces } => {
                self.session_offered(now, session, call, offer, replaces);
            }
            LineEvent::SessionRenegotiated { session, offer } => {
                let config = self.session_config();
                self.media(MediaCommand::AcceptOffer { session, offer, config });
            }
            LineEvent::RemoteCandidate { session, candidate } => {
                self.media(MediaCommand::AddRemoteCandidate { session, candidate });
            }
            LineEvent::SessionEnded { session } => self.session_ended(now, session),
            LineEvent::ServerHoldsSession => {
                self.forgotten = true;
                if self.held.is_none() && self.hold.view() == hold::View::Opening {
                    // A call waits for a session that the service gives to nobody.
                    self.forgotten = false;
                    self.tell_line(now, LineCommand::EndForgottenSession);
                } else {
                    self.hold.handle(now, hold::Input::ServerHoldsOne);
                }
            }
            LineEvent::Problem(notice) => self.problem(notice),
            LineEvent::SignedOut => {}
        }
    }

    fn line_standing(&mut self, now: Instant, standing: LineStanding) {
        let since = match self.standing {
            Standing::SigningIn { since, .. } | Standing::Reconnecting { since, .. } => since,
            _ => now,
        };
        let connected = match &standing {
            LineStanding::Ready { .. } => true,
            // The link is up, only the phone is missing.
            LineStanding::Problem { notice, .. } => notice.id == "no-phone",
            _ => false,
        };
        self.standing = match standing {
            LineStanding::SigningIn(step) => Standing::SigningIn { since, step },
            LineStanding::Reconnecting { next_try } => Standing::Reconnecting { since, next_try },
            LineStanding::Problem { notice, retry_at } => Standing::Problem { notice, retry_at },
            LineStanding::Ready { again } => {
                self.registered = true;
                self.rules.signed_in(again);
                self.event(Event::Registered { again });
                Standing::Ready
            }
        };
        if self.standing != Standing::Ready && std::mem::take(&mut self.registered) {
            self.event(Event::Unregistered);
        }
        let input = if connected { hold::Input::LinkUp { server_has_it: true } } else { hold::Input::LinkDown };
        self.hold.handle(now, input);
    }

    fn line_settings(&mut self, now: Instant, settings: LineSettings) {
        self.settings = settings;
        self.changed();
        self.service_told(now);
        self.call_wants_media = false;
    }

    fn call_news(&mut self, now: Instant, call: CallId, news: CallNews) {
        match news {
            CallNews::Started { direction, answered } => self.call_started(now, call, direction, answered),
            CallNews::Peer { name, address, queue } => {
                if let Some(call) = self.call_mut(call) {
                    call.peer_name = name;
                    call.peer_address = address;
                    call.queue = queue;
                }
            }
            CallNews::GivesUp { after } => {
                if let Some(call) = self.call_mut(call) {
                    call.gives_up(now + after);
                }
            }
            CallNews::AutoAnswered => self.tell_call(now, call, call::Input::AutoAnswered),
            CallNews::Attached { session } => self.attached(now, call, session),
            CallNews::Ringing => self.tell_call(now, call, call::Input::Ringing),
            CallNews::Connected => self.call_connected(now, call),
            CallNews::Held(held) => self.tell_call(now, call, call::Input::Held(held)),
            CallNews::Muted(muted) => self.muted_by_news(now, muted),
            CallNews::Consult(consult) => {
                if let Some(call) = self.call_mut(call) {
                    call.consult = consult;
                }
            }
            CallNews::DigitsSent { digits } => {
                for digit in digits.chars() {
                    self.digit_sent(call, digit);
                }
            }
            CallNews::DigitsRefused { digits } => {
                // Then as telephone-events, which reach most far ends too.
                if let Some(session) = self.call_mut(call).and_then(|call| call.session) {
                    self.media(MediaCommand::SendDigits { session, digits });
                }
            }
            CallNews::Refused { request, notice } => {
                self.tell_call(now, call, call::Input::Refused(request));
                self.problem(notice);
            }
            CallNews::Ended { by, reason, code } => self.finish(now, call, by, reason, code),
        }
    }

    fn wrap_up_news(&mut self, now: Instant, call: CallId, news: WrapUpNews) {
        let due = self.wrap_ups.iter().position(|due| due.call == call);
        match (news, due) {
            (WrapUpNews::Due { required, within }, None) => {
                let known = self.call_mut(call).map(|call| (call.peer_name.clone(), call.queue.clone()));
                let (peer_name, queue) = known.unwrap_or_default();
                let until = within.map(|within| now + within);
                let (codes, sent) = (Vec::new(), false);
                self.wrap_ups.push(WrapUpView { call, peer_name, queue, required, until, codes, sent });
            }
            (WrapUpNews::Codes(codes), Some(index)) => {
                if let Some(due) = self.wrap_ups.get_mut(index) {
                    due.codes = codes;
                }
            }
            (WrapUpNews::Refused, Some(index)) => {
                if let Some(due) = self.wrap_ups.get_mut(index) {
                    due.sent = false;
                }
            }
            (WrapUpNews::Done, Some(index)) => drop(self.wrap_ups.remove(index)),
            _ => {}
        }
    }

    fn call_started(&mut self, now: Instant, id: CallId, direction: CallDirection, answered: bool) {
        self.calls.push(Call::new(now, id, direction, answered));
        self.event(match direction {
            CallDirection::In => Event::Alerting { call: id },
            CallDirection::Out => Event::Dialling { call: id },
        });
        if self.answers_by_itself() && direction == CallDirection::In && !answered {
            self.tell_call(now, id, call::Input::Answer);
        }
    }

    fn call_connected(&mut self, now: Instant, id: CallId) {
        let Some(call) = self.call_mut(id) else { return };
        let session = call.session;
        let first = call.connected.is_none();
        self.tell_call(now, id, call::Input::Connected);
        if first {
            let counters = session.and_then(|session| self.session_mut(session)).map(|s| (s.stats.clone(), s.audio));
            let (stats, audio) = counters.unwrap_or_default();
            if let Some(call) = self.call_mut(id).filter(|call| call.warm) {
                call.measures.start(stats, audio);
                // These are up to a second old.
                if let Some(session) = session {
                    self.count(session, id, Count::Start);
                }
            }
        }
        if self.muted {
            self.tell_line(now, LineCommand::Mute { call: id, muted: true });
        }
        let early = self.call_mut(id).map(|call| std::mem::take(&mut call.early_digits)).unwrap_or_default();
        if !early.is_empty() {
            self.tell_line(now, LineCommand::Digits { call: id, digits: early });
        }
        if self.call_mut(id).is_some_and(|call| call.first_media.is_some()) {
            self.tell_media(id);
        }
    }

    /// The service shows us muted, or not. It may close the microphone, and open only what it closed itself.
    fn muted_by_news(&mut self, now: Instant, muted: bool) {
        if muted && !self.muted {
            self.mute(now, true, true);
        } else if !muted && self.muted && self.muted_by_service {
            self.mute(now, false, true);
        }
    }

    pub(super) fn digit_sent(&mut self, call: CallId, digit: char) {
        let Some(known) = self.call_mut(call) else { return };
        if known.digits.len() < call::MAX_DIGITS {
            known.digits.push(digit);
        }
        self.event(Event::DigitSent { call, digit });
    }

    fn attached(&mut self, now: Instant, call: CallId, session: SessionId) {
        let up = self.sessions.iter().find(|known| known.id == session).map(|known| known.up.clone());
        let Some(call) = self.calls.iter_mut().find(|known| known.id == call) else { return };
        call.session = Some(session);
        // A session that is still being built is not warm: the call waits for it.
        call.warm = matches!(up, Some(Some(_)));
        if let Some(Some((at, facts))) = up {
            call.media = Some(facts);
            call.media_up_at = Some(at);
        } else {
            call.described = Some(now);
        }
    }

    fn session_offered(
        &mut self,
        now: Instant,
        session: SessionId,
        call: Option<CallId>,
        offer: String,
        replaces: Option<SessionId>,
    ) {
        let moved: Vec<CallId> = match replaces {
            Some(old) => self.calls.iter().filter(|call| call.session == Some(old)).map(|call| call.id).collect(),
            None => Vec::new(),
        };
        let was_held = replaces.is_some() && self.held == replaces;
        if let Some(old) = replaces {
            self.close_session(old);
        }
        self.sessions.push(Session {
            id: session,
            up: None,
            lost: false,
            first_media: None,
            microphone: false,
            heard: false,
            stats: MediaStats::default(),
            audio: AudioStats::default(),
        });
        for id in moved.into_iter().chain(call) {
            let Some(call) = self.call_mut(id).filter(|call| call.session != Some(session)) else { continue };
            let again = call.described.is_some() || call.warm;
            call.session = Some(session);
            if again {
                call.measures.other_session();
            } else {
                call.described = Some(now);
            }
        }
        self.hold_offered(now, session, was_held);
        let config = self.session_config();
        self.media(MediaCommand::AcceptOffer { session, offer, config });
    }

    /// Whether the new session is the one to be kept.
    fn hold_offered(&mut self, now: Instant, session: SessionId, was_held: bool) {
        match self.hold.view() {
            hold::View::Off => return,
            hold::View::Closed => {
                // A call may have been answered in this very input.
                self.settle_hold(now);
                self.hold.handle(now, hold::Input::Open);
            }
            hold::View::Opening => {}
            _ if was_held || self.held.is_none() => self.hold.handle(now, hold::Input::Reinvite),
            // One more beside the one that is kept: a call's own.
            _ => return,
        }
        self.held = Some(session);
    }

    /// The far side ended a session. Calls on it get another one, or the news of their end follow.
    fn session_ended(&mut self, now: Instant, session: SessionId) {
        if self.held == Some(session) {
            self.hold.handle(now, hold::Input::ServerEnded);
            // The machine knows; it must not end another one in its place.
            while let Some(command) = self.hold.poll() {
                tracing::debug!(?command, "the far side ended the session");
            }
        }
        let calls: Vec<CallId> = self.calls.iter().filter(|c| c.session == Some(session)).map(|c| c.id).collect();
        self.close_session(session);
        for call in calls {
            self.call_lost_media(now, call);
        }
    }

    /// Shows the call as recovering and gives it time.
    pub(super) fn call_lost_media(&mut self, now: Instant, call: CallId) {
        self.tell_call(now, call, call::Input::MediaLost);
        let waits = self.call_mut(call).is_some_and(|call| {
            matches!(call.state(), CallState::Recovering { .. }) || call.asked.is_some() && call.session.is_none()
        });
        if waits {
            self.timers.set(Timer::Recover(call), now + RECOVER_LIMIT);
        }
    }
}
