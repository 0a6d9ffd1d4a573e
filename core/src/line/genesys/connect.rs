//! From nothing to ready: token, identity, channel, stream, subscriptions; and what to do when a step fails.

use std::time::{Duration, Instant};

use super::rest::{self, Purpose, Reply};
use super::signin::SignInState;
use super::{GenesysLine, Timer, notice, wire, write};
use crate::event::Notice;
use crate::ids::LinkId;
use crate::input::HttpError;
use crate::line::{LineEvent, LineOutput, LineStanding, SessionEnd};
use crate::link;
use crate::output::{HttpBody, Method};
use crate::redact::Private;
use crate::snapshot::SignInStep;

/// After this many streams on one channel, the first included, the next one takes a new channel.
const MAX_STREAMS: u32 = 10;
/// Time for the last requests of a sign-out.
const SIGN_OUT_LIMIT: Duration = Duration::from_secs(2);

/// Who we are.
#[derive(Clone, Debug)]
pub struct Identity {
    pub user: String,
    pub name: Private<String>,
    /// The bare address on the stream.
    pub bare: Private<String>,
    pub station: Option<String>,
}

impl Identity {
    /// The part of the bare address that the stream is opened to.
    pub fn domain(&self) -> &str {
        self.bare.reveal().rsplit_once('@').map_or("", |(_, domain)| domain)
    }
}

impl GenesysLine {
    pub(super) fn connect_now(&mut self, now: Instant) {
        self.leaving = false;
        if self.hosts.is_none() {
            return self.refuse(now, notice::bad_environment());
        }
        self.blocked = None;
        if self.token.is_none() {
            self.take_kept_token(now);
        }
        if self.token.is_none() && self.service().is_some() && self.refresh.is_none() {
            // The user takes as long as the user takes: no attempt is running meanwhile.
            if self.service().is_some_and(|sign_in| sign_in.service.client_id.trim().is_empty()) {
                return self.refuse(now, notice::no_client_id());
            }
            return self.authorise();
        }
        self.link.handle(now, link::Input::Connect);
    }

    /// As signing out and in, for what the service decides: every session ends, everything is asked for again.
    pub(super) fn renew(&mut self, now: Instant) {
        let sessions: Vec<_> = self.sessions.iter().map(|session| session.id).collect();
        for session in sessions {
            self.end_session(session, SessionEnd::NotNeeded);
            self.emit(LineEvent::SessionEnded { session });
        }
        self.identity = None;
        self.station = None;
        self.subscribed = None;
        self.hard = true;
        self.link.handle(now, link::Input::Restart);
        self.link.handle(now, link::Input::Connect);
    }

    /// Addresses changed or the computer slept: wait no longer, and find out whether the stream still lives.
    pub(super) fn network_changed(&mut self, now: Instant) {
        match self.link.state() {
            link::State::Waiting { .. } => self.link.handle(now, link::Input::Connect),
            link::State::Up { .. } => self.probe(now),
            link::State::Down | link::State::Connecting { .. } => {}
        }
    }

    pub(super) fn sign_out(&mut self, now: Instant, forget: bool) {
        self.leaving = true;
        self.close_browser();
        let live: Vec<_> = self.calls.iter().map(|call| call.call).collect();
        for call in live {
            self.hang_up(call);
        }
        let sessions: Vec<_> = self.sessions.iter().map(|session| session.id).collect();
        for session in sessions {
            self.end_session(session, SessionEnd::NotNeeded);
        }
        if let Some(stream) = self.stream.as_ref().filter(|stream| stream.is_open()) {
            let link = stream.link;
            self.out.push_back(LineOutput::SendText { link, text: write::close().into() });
        }
        if forget {
            self.revoke_token();
        }
        self.link.handle(now, link::Input::Stop);
        self.timers.cancel_all();
        self.timers.set(Timer::SignedOut, now + SIGN_OUT_LIMIT);
    }

    pub(super) fn signed_out(&mut self) {
        if !self.leaving {
            return;
        }
        self.timers.cancel(&Timer::SignedOut);
        self.pending.clear();
        self.again.clear();
        self.token = None;
        self.refresh = None;
        self.channel = None;
        self.subscribed = None;
        self.standing = None;
        self.leaving = false;
        self.emit(LineEvent::SignedOut);
    }

    /// Carries out what the link machine wants and says where we stand. Last in every input.
    pub(super) fn settle(&mut self, now: Instant) {
        while let Some(command) = self.link.poll() {
            match command {
                link::Command::Connect => {
                    self.step = SignInStep::Contacting;
                    self.connect_next(now);
                }
                link::Command::Abandon { timed_out } => self.abandon(now, timed_out),
            }
        }
        self.keep_sessions();
        if self.leaving {
            if self.pending.is_empty() {
                self.signed_out();
            }
            return;
        }
        self.announce();
    }

    fn announce(&mut self) {
        let standing = match self.link.state() {
            link::State::Down if self.signing_in.in_browser() => LineStanding::SigningIn(self.step),
            link::State::Down => match self.blocked.clone() {
                Some(notice) => LineStanding::Problem { notice, retry_at: None },
                None => return,
            },
            link::State::Connecting { .. } if self.been_ready => LineStanding::Reconnecting { next_try: None },
            link::State::Connecting { .. } => LineStanding::SigningIn(self.step),
            link::State::Waiting { until } => match self.blocked.clone() {
                Some(notice) => LineStanding::Problem { notice, retry_at: Some(until) },
                None => LineStanding::Reconnecting { next_try: Some(until) },
            },
            link::State::Up { .. } if self.station.is_none() => {
                let notice = notice::no_phone(self.phone_missing.as_ref());
                LineStanding::Problem { notice, retry_at: None }
            }
            link::State::Up { .. } => {
                if matches!(self.standing, Some(LineStanding::Ready { .. })) {
                    return;
                }
                let again = std::mem::replace(&mut self.been_ready, true);
                LineStanding::Ready { again }
            }
        };
        if self.standing.as_ref() != Some(&standing) {
            self.standing = Some(standing.clone());
            self.emit(LineEvent::Standing(standing));
        }
    }

    /// Starts the first step that is still missing.
    pub(super) fn connect_next(&mut self, now: Instant) {
        if !matches!(self.link.state(), link::State::Connecting { .. }) {
            return;
        }
        if self.token.is_none() && self.service().is_some() && self.refresh.is_none() {
            // Only the user can get one.
            return self.token_refused(now);
        }
        if self.token.is_none() {
            self.step = SignInStep::Contacting;
            return self.authorise();
        }
        if self.identity.is_none() || self.organisation.is_none() {
            self.step = SignInStep::Identity;
            if self.identity.is_none() && !self.in_flight(&Purpose::Me) {
                self.get(Purpose::Me, "/api/v2/users/me?expand=station".into());
            }
            if self.organisation.is_none() && !self.in_flight(&Purpose::Organisation) {
                self.get(Purpose::Organisation, "/api/v2/organizations/me".into());
            }
            return;
        }
        if self.stream.is_some() {
            return;
        }
        self.step = SignInStep::Connecting;
        if self.streams_on_channel >= MAX_STREAMS {
            self.hard = true;
        }
        if self.hard {
            self.channel = None;
            self.server_pings = false;
            self.hard = false;
            self.streams_on_channel = 0;
        }
        let Some(channel) = self.channel.clone() else {
            if !self.in_flight(&Purpose::Channel) {
                let path = "/api/v2/notifications/channels?connectionType=streaming".into();
                self.send_body(Purpose::Channel, Method::Post, path, HttpBody::Empty);
            }
            return;
        };
        self.streams_on_channel += 1;
        let Some(streaming) = self.hosts.as_ref().map(|hosts| hosts.streaming.clone()) else { return };
        let link = LinkId(self.links.next());
        self.stream = Some(super::Stream::new(link));
        let url = format!("{streaming}/stream/channels/{}", rest::segment(&channel));
        self.out.push_back(LineOutput::OpenLink { link, url, subprotocol: "xmpp" });
        self.link.handle(now, link::Input::Progress);
    }

    fn in_flight(&self, purpose: &Purpose) -> bool {
        self.pending.values().any(|pending| pending.purpose == *purpose)
    }

    /// A step of connecting was answered.
    pub(super) fn connect_step(&mut self, now: Instant, purpose: &Purpose, reply: Reply) {
        let connected = matches!(self.link.state(), link::State::Up { .. });
        if connected && let Some(why) = reply.failure() {
            // Asked for again later than the connect, by a change of the phone: nothing to drop the link for.
            return self.problem(notice::phone_refused(None, &why));
        }
        let body = match reply {
            Reply::Good(body) => body,
            // The name of the organisation is decoration.
            Reply::Refused { .. } if *purpose == Purpose::Organisation => b"{}".to_vec(),
            // No such phone any more.
            Reply::Refused { status: 404, .. } if *purpose == Purpose::Station => {
                self.station = None;
                return self.setup_done(now, super::stream::Setup::Station);
            }
            Reply::Unauthorised => return self.token_refused(now),
            Reply::Refused { status: 403, .. } => {
                let notice = notice::forbidden(&self.host_name());
                return self.refuse(now, notice);
            }
            Reply::Refused { status, stay_away, .. } => {
                if status == 404 {
                    self.hard = true;
                }
                let notice = notice::failing(&self.host_name(), status);
                return self.fail(now, Some(notice), stay_away);
            }
            Reply::Lost(error) => return self.lost(now, &error),
        };
        self.link.handle(now, link::Input::Progress);
        let understood = match purpose {
            Purpose::Organisation => wire::parse::<wire::Organisation>(&body).map(|organisation| {
                self.organisation = Some(organisation.name);
                self.account_known();
            }),
            Purpose::Me => wire::parse::<wire::Me>(&body).filter(|me| me.chat.jabber_id.contains('@')).map(|me| {
                let stations = me.station;
                let last = stations.default_station.or(stations.last_associated_station);
                self.last_station = last.map(|station| station.id).filter(|id| !id.is_empty());
                let station = stations.effective_station.or(stations.associated_station);
                self.identity = Some(Identity {
                    user: me.id,
                    name: me.name.into(),
                    bare: me.chat.jabber_id.into(),
                    station: station.map(|station| station.id).filter(|id| !id.is_empty()),
                });
                self.account_known();
            }),
            Purpose::Channel => {
                wire::parse::<wire::Channel>(&body).filter(|channel| !channel.id.is_empty()).map(|channel| {
                    self.channel = Some(channel.id);
                })
            }
            Purpose::Station => {
                wire::parse::<wire::Station>(&body).filter(|station| !station.id.is_empty()).map(|station| {
                    self.station_known(station);
                    self.setup_done(now, super::stream::Setup::Station);
                })
            }
            Purpose::Bulk => {
                self.subscriptions_came(&body);
                self.subscribed.clone_from(&self.channel);
                self.setup_done(now, super::stream::Setup::Bulk);
                Some(())
            }
            _ => Some(()),
        };
        if understood.is_none() {
            let notice = notice::garbage(&self.host_name());
            return self.fail(now, Some(notice), None);
        }
        self.connect_next(now);
    }

    fn account_known(&mut self) {
        if let (Some(identity), Some(organisation)) = (&self.identity, &self.organisation) {
            let (user, organisation) = (identity.name.clone(), Private::new(organisation.clone()));
            self.emit(LineEvent::Account { user, organisation });
            if !std::mem::replace(&mut self.token_kept, true) {
                self.keep_token();
            }
        }
    }

    /// The attempt or the connection failed in a way that may heal.
    pub(super) fn fail(&mut self, now: Instant, notice: Option<Notice>, stay_away: Option<Duration>) {
        if let Some(notice) = notice {
            // The user can do something about this one, and waiting rarely helps.
            self.blocked = (notice.id == "certificate-untrusted").then(|| notice.clone());
            self.tell_once(notice);
        }
        self.link.handle(now, link::Input::Failed { stay_away });
    }

    /// An outage makes one notice, not one for each attempt.
    pub(super) fn tell_once(&mut self, notice: Notice) {
        if self.told != Some(notice.id) {
            self.told = Some(notice.id);
            self.problem(notice);
        }
    }

    fn lost(&mut self, now: Instant, error: &HttpError) {
        self.fail(now, Some(notice::of_http(error)), None);
    }

    /// The user has to act: nothing more is tried.
    pub(super) fn refuse(&mut self, now: Instant, notice: Notice) {
        self.blocked = Some(notice.clone());
        self.problem(notice);
        self.link.handle(now, link::Input::Stop);
    }

    pub(super) fn token_refused(&mut self, now: Instant) {
        self.token = None;
        self.token_proved = false;
        let notice = notice::token_refused(&self.host_name());
        self.refuse(now, notice);
    }

    fn abandon(&mut self, now: Instant, timed_out: bool) {
        if let Some(stream) = self.stream.take() {
            self.out.push_back(LineOutput::CloseLink { link: stream.link });
        }
        self.timers.cancel(&Timer::Ping);
        self.timers.cancel(&Timer::Silence);
        self.timers.cancel(&Timer::StationCheck);
        self.timers.cancel(&Timer::IceRefresh);
        if timed_out {
            let notice = notice::silent(&self.host_name());
            self.tell_once(notice);
        }
        if self.leaving {
            return;
        }
        let in_browser = self.signing_in.in_browser();
        self.pending.retain(|_, pending| match pending.purpose {
            Purpose::Authorise | Purpose::Token { .. } => in_browser,
            _ => !pending.purpose.connecting(),
        });
        if !in_browser {
            self.signing_in = SignInState::Idle;
        }
        self.fail_again(now);
    }
}
