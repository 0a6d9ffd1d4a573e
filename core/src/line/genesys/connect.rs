//! From nothing to ready: token, identity, channel, stream, subscriptions; and what to do when a step fails.

use std::time::{Duration, Instant};

use url::Url;
use url::form_urlencoded::Serializer;

use super::rest::{self, Ask, CONNECT_LIMIT_S, Purpose, Reply};
use super::{GenesysLine, Timer, notice, wire, write};
use crate::command::SignIn;
use crate::entropy::pkce_challenge;
use crate::event::Notice;
use crate::ids::LinkId;
use crate::input::{HttpError, HttpResponse};
use crate::line::{LineEvent, LineOutput, LineStanding, SessionEnd};
use crate::link;
use crate::output::{HttpBody, Method};
use crate::redact::Private;
use crate::snapshot::SignInStep;

const CLIENT_ID: &str = "offhook";
/// The practice exchange redirects at once and nothing listens there: we read the address from the answer.
const REDIRECT_URI: &str = "http://127.0.0.1/callback";
/// After this many reconnects on one channel the next one takes a new channel.
const MAX_SOFT_RECONNECTS: u32 = 9;
/// Wait before a failed renewal is tried again while all else works.
const RENEW_AGAIN: Duration = Duration::from_secs(30);
/// Time for the last requests of a sign-out.
const SIGN_OUT_LIMIT: Duration = Duration::from_secs(2);

/// Where getting a token stands.
#[derive(Debug)]
pub enum SignInState {
    Idle,
    Authorising { verifier: Private<String>, state: Private<String> },
    Exchanging,
}

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

    pub(super) fn sign_out(&mut self, now: Instant) {
        self.leaving = true;
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
                link::Command::Abandon { timed_out } => self.abandon(timed_out),
            }
        }
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
                LineStanding::Problem { notice: notice::no_phone(), retry_at: None }
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
        if self.soft_reconnects >= MAX_SOFT_RECONNECTS {
            self.hard = true;
        }
        if self.hard {
            self.channel = None;
            self.hard = false;
            self.soft_reconnects = 0;
        }
        let Some(channel) = self.channel.clone() else {
            if !self.in_flight(&Purpose::Channel) {
                let path = "/api/v2/notifications/channels?connectionType=streaming".into();
                self.send_body(Purpose::Channel, Method::Post, path, HttpBody::Empty);
            }
            return;
        };
        self.soft_reconnects += 1;
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
                let station = me.station.effective_station.or(me.station.associated_station);
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

    fn abandon(&mut self, timed_out: bool) {
        if let Some(stream) = self.stream.take() {
            self.out.push_back(LineOutput::CloseLink { link: stream.link });
        }
        self.timers.cancel(&Timer::Ping);
        self.timers.cancel(&Timer::IceRefresh);
        if timed_out {
            let notice = notice::silent(&self.host_name());
            self.tell_once(notice);
        }
        if self.leaving {
            return;
        }
        self.pending.retain(|_, pending| {
            !pending.purpose.connecting() && !matches!(pending.purpose, Purpose::Authorise | Purpose::Token)
        });
        self.signing_in = SignInState::Idle;
        self.fail_again();
    }

    // Tokens.

    pub(super) fn can_renew(&self) -> bool {
        self.practice() && (self.token_proved || !matches!(self.signing_in, SignInState::Idle))
    }

    /// Gets a token, in the way of the sign-in. Does nothing while that is under way.
    pub(super) fn authorise(&mut self) {
        if !matches!(self.signing_in, SignInState::Idle) {
            return;
        }
        let user = match &self.sign_in {
            SignIn::Token { token, .. } => {
                self.token = Some(token.clone());
                self.step = SignInStep::Identity;
                self.get(Purpose::Me, "/api/v2/users/me?expand=station".into());
                if self.organisation.is_none() {
                    self.get(Purpose::Organisation, "/api/v2/organizations/me".into());
                }
                return;
            }
            SignIn::Practice { user, .. } => user.clone(),
        };
        let Some(login) = self.hosts.as_ref().map(|hosts| hosts.login.clone()) else { return };
        let (verifier, state) = (self.entropy.url_safe(), self.entropy.url_safe());
        let query = Serializer::new(String::new())
            .append_pair("response_type", "code")
            .append_pair("client_id", CLIENT_ID)
            .append_pair("redirect_uri", REDIRECT_URI)
            .append_pair("code_challenge", &pkce_challenge(&verifier))
            .append_pair("code_challenge_method", "S256")
            .append_pair("state", &state)
            .append_pair("login_hint", &user)
            .finish();
        self.signing_in = SignInState::Authorising { verifier: verifier.into(), state: state.into() };
        let path = format!("/oauth/authorize?{query}");
        let url = format!("{login}{path}");
        let ask = Ask { method: Method::Get, path, body: HttpBody::Empty, limit_s: CONNECT_LIMIT_S };
        self.transmit(url, None, Purpose::Authorise, ask);
    }

    pub(super) fn renew_token(&mut self, _now: Instant) {
        if self.practice() && !self.leaving {
            self.authorise();
        }
    }

    /// The redirect with the code came.
    pub(super) fn authorised(&mut self, now: Instant, result: Result<HttpResponse, HttpError>) {
        let state = std::mem::replace(&mut self.signing_in, SignInState::Idle);
        let SignInState::Authorising { verifier, state } = state else { return };
        let response = match result {
            Ok(response) => response,
            Err(error) => return self.no_token(now, Trouble::Heals(notice::of_http(&error), None)),
        };
        let away = response.retry_after_s.map(|s| Duration::from_secs(u64::from(s)));
        let host = self.host_name();
        let location = response.location.as_deref().and_then(|location| Url::parse(location).ok());
        let location = match (response.status, location) {
            (300..400, Some(location)) if location.as_str().starts_with(REDIRECT_URI) => location,
            (401 | 403 | 400, _) => {
                let why = format!("the service answered with HTTP {}", response.status);
                return self.no_token(now, Trouble::Stays(notice::sign_in_refused(&why)));
            }
            (429 | 500.., _) => {
                return self.no_token(now, Trouble::Heals(notice::failing(&host, response.status), away));
            }
            _ => return self.no_token(now, Trouble::Heals(notice::garbage(&host), None)),
        };
        let field =
            |name: &str| location.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        if field("state").as_ref() != Some(state.reveal()) {
            return self.no_token(now, Trouble::Stays(notice::sign_in_forged()));
        }
        let Some(code) = field("code").filter(|code| !code.is_empty()) else {
            let why = field("error_description").or_else(|| field("error")).unwrap_or_default();
            let why = super::calls::sentence(&why);
            return self.no_token(now, Trouble::Stays(notice::sign_in_refused(&why)));
        };
        let Some(login) = self.hosts.as_ref().map(|hosts| hosts.login.clone()) else { return };
        self.signing_in = SignInState::Exchanging;
        self.step = SignInStep::Authorising;
        self.link.handle(now, link::Input::Progress);
        let path = "/oauth/token".to_owned();
        let body = HttpBody::Form(vec![
            ("grant_type", "authorization_code".into()),
            ("code", code.into()),
            ("code_verifier", verifier),
            ("client_id", CLIENT_ID.into()),
            ("redirect_uri", REDIRECT_URI.into()),
        ]);
        let url = format!("{login}{path}");
        let ask = Ask { method: Method::Post, path, body, limit_s: CONNECT_LIMIT_S };
        self.transmit(url, None, Purpose::Token, ask);
    }

    pub(super) fn token_came(&mut self, now: Instant, result: Result<HttpResponse, HttpError>) {
        self.signing_in = SignInState::Idle;
        let host = self.host_name();
        let response = match result {
            Ok(response) => response,
            Err(error) => return self.no_token(now, Trouble::Heals(notice::of_http(&error), None)),
        };
        let away = response.retry_after_s.map(|s| Duration::from_secs(u64::from(s)));
        match response.status {
            200..300 => {}
            429 | 500.. => return self.no_token(now, Trouble::Heals(notice::failing(&host, response.status), away)),
            _ => {
                let why = format!("the service answered with HTTP {}", response.status);
                return self.no_token(now, Trouble::Stays(notice::sign_in_refused(&why)));
            }
        }
        let Some(reply) = wire::parse::<wire::TokenReply>(&response.body).filter(|r| !r.access_token.is_empty()) else {
            return self.no_token(now, Trouble::Heals(notice::garbage(&host), None));
        };
        self.token = Some(reply.access_token.into());
        if let Some(seconds) = reply.expires_in {
            // A tenth before its end, so that no request meets the end.
            let life = Duration::from_secs(seconds.min(30 * 86_400));
            self.timers.set(Timer::TokenRenew, now + life.mul_f64(0.9).max(Duration::from_secs(30)));
        }
        for (purpose, ask) in std::mem::take(&mut self.again) {
            self.ask(purpose, ask);
        }
        self.link.handle(now, link::Input::Progress);
        self.connect_next(now);
    }

    fn no_token(&mut self, now: Instant, trouble: Trouble) {
        self.fail_again();
        let up = matches!(self.link.state(), link::State::Up { .. });
        match trouble {
            Trouble::Heals(..) if up && self.token.is_some() => {
                self.timers.set(Timer::TokenRenew, now + RENEW_AGAIN);
            }
            Trouble::Heals(notice, stay_away) => self.fail(now, Some(notice), stay_away),
            Trouble::Stays(notice) => self.refuse(now, notice),
        }
    }

    /// Requests that waited for a new token get none.
    fn fail_again(&mut self) {
        for (purpose, _) in std::mem::take(&mut self.again) {
            self.failed_for_want_of_token(purpose);
        }
    }

    fn failed_for_want_of_token(&mut self, purpose: Purpose) {
        match purpose {
            Purpose::Stations => self.stations_came(&Reply::Unauthorised),
            Purpose::SelectPhone { id } => self.phone_selected(&id, &Reply::Unauthorised),
            Purpose::Dial { call } => self.dial_failed(call, &Reply::Unauthorised),
            Purpose::CallMe => self.call_me_answered(&Reply::Unauthorised),
            Purpose::Patch { call, request, tries } => {
                self.patch_answered(call, request, tries, &Reply::Unauthorised);
            }
            Purpose::Digits { call, digits } => self.digits_answered(call, digits, &Reply::Unauthorised),
            _ => {}
        }
    }
}

/// Why there is no token.
enum Trouble {
    Heals(Notice, Option<Duration>),
    Stays(Notice),
}
