//! Getting a token and keeping it fresh: OAuth code and PKCE (RFC 6749, RFC 7636), with the browser of the system
//! (RFC 8252) for a live service and without one for the practice exchange, which grants at once.

use std::time::{Duration, Instant};

use url::Url;
use url::form_urlencoded::{self, Serializer};

use super::rest::{Ask, CONNECT_LIMIT_S, Purpose, Reply};
use super::{GenesysLine, Timer, notice, wire};
use crate::command::{KeptToken, ServiceSignIn, SignIn};
use crate::entropy::pkce_challenge;
use crate::event::Notice;
use crate::ids::RequestId;
use crate::input::{BrowserError, BrowserEvent, HttpError, HttpResponse};
use crate::line::{LineEvent, LineOutput};
use crate::link;
use crate::output::{BrowserCommand, HttpBody, KeptAccount, Method, SecretCommand};
use crate::redact::Private;
use crate::snapshot::SignInStep;

/// The practice exchange knows this client without a registration.
pub(super) const PRACTICE_CLIENT: &str = "offhook";
/// The practice exchange redirects at once and nothing listens there: we read the address from the answer.
pub(super) const PRACTICE_REDIRECT: &str = "http://127.0.0.1/callback";
/// Wait before a failed renewal is tried again while all else works.
const RENEW_AGAIN: Duration = Duration::from_secs(30);
/// A token without a stated life is renewed when it is refused.
const LONGEST_LIFE: Duration = Duration::from_hours(30 * 24);
/// Characters of a query that is read.
const MAX_QUERY: usize = 4096;

/// Where getting a token stands.
#[derive(Debug)]
pub enum SignInState {
    Idle,
    /// The practice exchange was asked.
    Authorising {
        verifier: Private<String>,
        state: Private<String>,
    },
    /// A door for the browser is being opened.
    Listening {
        wait: RequestId,
        verifier: Private<String>,
        state: Private<String>,
    },
    /// The user is in the browser.
    Browser {
        wait: RequestId,
        verifier: Private<String>,
        state: Private<String>,
        redirect: String,
        url: Private<String>,
    },
    Exchanging {
        /// It began in the browser, so it outlives an attempt to connect.
        browser: bool,
    },
}

impl SignInState {
    /// The user is asked, which takes as long as it takes.
    pub fn in_browser(&self) -> bool {
        matches!(self, Self::Listening { .. } | Self::Browser { .. } | Self::Exchanging { browser: true })
    }
}

impl GenesysLine {
    pub(super) fn service(&self) -> Option<&ServiceSignIn> {
        match &self.sign_in {
            SignIn::Service(service) => Some(service),
            SignIn::Practice { .. } | SignIn::Token { .. } => None,
        }
    }

    /// A new token can be had without asking the user.
    pub(super) fn can_renew(&self) -> bool {
        // A token that was never good is not replaced again and again.
        let may = self.token_proved || !matches!(self.signing_in, SignInState::Idle);
        may && (self.practice() || self.refresh.is_some())
    }

    /// Takes what an earlier sign-in left.
    pub(super) fn take_kept_token(&mut self, now: Instant) {
        let SignIn::Service(service) = &mut self.sign_in else { return };
        let Some(KeptToken { token, refresh, life }) = service.kept.take() else { return };
        self.token = Some(token);
        self.token_kept = true;
        // It was good the last time.
        self.token_proved = true;
        self.refresh = refresh;
        if let Some(life) = life {
            self.plan_renewal(now, life);
        }
    }

    fn plan_renewal(&mut self, now: Instant, life: Duration) {
        // A tenth before its end, so that no request meets the end.
        let due = life.min(LONGEST_LIFE).mul_f64(0.9).max(Duration::from_secs(30));
        self.timers.set(Timer::TokenRenew, now + due);
    }

    /// Gets a token, in the way of the sign-in. Does nothing while that is under way.
    pub(super) fn authorise(&mut self) {
        if !matches!(self.signing_in, SignInState::Idle) {
            return;
        }
        match self.sign_in.clone() {
            SignIn::Token { token, .. } => {
                self.token = Some(token);
                self.step = SignInStep::Identity;
                self.get(Purpose::Me, "/api/v2/users/me?expand=station".into());
                if self.organisation.is_none() {
                    self.get(Purpose::Organisation, "/api/v2/organizations/me".into());
                }
            }
            SignIn::Practice { user, .. } => self.authorise_practice(user.reveal()),
            SignIn::Service(service) => {
                if let Some(refresh) = self.refresh.take() {
                    return self.refresh_token(&service, refresh);
                }
                let (verifier, state) = (self.entropy.url_safe(), self.entropy.url_safe());
                let wait = RequestId(self.requests.next());
                let state: Private<String> = state.into();
                let listen =
                    BrowserCommand::Listen { wait, ports: service.service.redirect_ports, state: state.clone() };
                self.signing_in = SignInState::Listening { wait, verifier: verifier.into(), state };
                self.step = SignInStep::Browser;
                self.out.push_back(LineOutput::Browser(listen));
            }
        }
    }

    fn authorise_practice(&mut self, user: &str) {
        let Some(login) = self.hosts.as_ref().map(|hosts| hosts.login.clone()) else { return };
        let (verifier, state) = (self.entropy.url_safe(), self.entropy.url_safe());
        let query = authorise_query(PRACTICE_CLIENT, PRACTICE_REDIRECT, &verifier, &state)
            .append_pair("login_hint", user)
            .finish();
        self.signing_in = SignInState::Authorising { verifier: verifier.into(), state: state.into() };
        let path = format!("/oauth/authorize?{query}");
        let url = format!("{login}{path}");
        let ask = Ask { method: Method::Get, path, body: HttpBody::Empty, limit_s: CONNECT_LIMIT_S };
        self.transmit(url, None, Purpose::Authorise, ask);
    }

    fn refresh_token(&mut self, service: &ServiceSignIn, refresh: Private<String>) {
        self.signing_in = SignInState::Exchanging { browser: false };
        let form = vec![
            ("grant_type", "refresh_token".into()),
            ("refresh_token", refresh),
            ("client_id", service.service.client_id.as_str().into()),
        ];
        self.exchange(form, Purpose::Token { refresh: true });
    }

    fn exchange(&mut self, form: Vec<(&'static str, Private<String>)>, purpose: Purpose) {
        let Some(login) = self.hosts.as_ref().map(|hosts| hosts.login.clone()) else { return };
        let path = "/oauth/token".to_owned();
        let url = format!("{login}{path}");
        let ask = Ask { method: Method::Post, path, body: HttpBody::Form(form), limit_s: CONNECT_LIMIT_S };
        self.transmit(url, None, purpose, ask);
    }

    /// The token ages. With a call on, the user is not sent to a browser: that waits, and is said.
    pub(super) fn renew_token(&mut self, now: Instant) {
        if self.leaving {
            return;
        }
        if self.practice() || self.refresh.is_some() || self.service().is_some() && self.calls.is_empty() {
            self.authorise();
        } else if self.service().is_some() {
            self.tell_once(notice::sign_in_ends());
            self.timers.set(Timer::TokenRenew, now + RENEW_AGAIN);
        }
    }

    pub(super) fn open_sign_in_page(&mut self) {
        if let SignInState::Browser { wait, url, .. } = &self.signing_in {
            let open = BrowserCommand::Open { wait: *wait, url: url.clone() };
            self.out.push_back(LineOutput::Browser(open));
        }
    }

    /// The user is not asked any more.
    pub(super) fn close_browser(&mut self) {
        if let SignInState::Listening { wait, .. } | SignInState::Browser { wait, .. } = self.signing_in {
            self.out.push_back(LineOutput::Browser(BrowserCommand::Stop { wait }));
            self.signing_in = SignInState::Idle;
            self.emit(LineEvent::SignInPage(None));
        }
    }

    pub(super) fn browser_event(&mut self, now: Instant, event: BrowserEvent) {
        let state = std::mem::replace(&mut self.signing_in, SignInState::Idle);
        match (event, state) {
            (BrowserEvent::Listening { wait, uri }, SignInState::Listening { wait: ours, verifier, state })
                if wait == ours =>
            {
                let url = self.sign_in_url(&uri, &verifier, &state);
                self.out.push_back(LineOutput::Browser(BrowserCommand::Open { wait, url: url.clone() }));
                self.emit(LineEvent::SignInPage(Some(url.clone())));
                self.signing_in = SignInState::Browser { wait, verifier, state, redirect: uri, url };
            }
            (
                BrowserEvent::Came { wait, query },
                SignInState::Browser { wait: ours, verifier, state, redirect, .. },
            ) if wait == ours => {
                self.emit(LineEvent::SignInPage(None));
                let answer = Answer::read(query.reveal());
                self.code_came(now, &answer, &state, verifier, redirect, true);
            }
            (BrowserEvent::Failed { wait, why }, state @ SignInState::Browser { wait: ours, .. })
                if wait == ours && why == BrowserError::NoBrowser =>
            {
                // The page is on the screen as a link; the door stays open.
                self.signing_in = state;
                self.problem(notice::no_browser());
            }
            (
                BrowserEvent::Failed { wait, why },
                SignInState::Listening { wait: ours, .. } | SignInState::Browser { wait: ours, .. },
            ) if wait == ours => {
                self.emit(LineEvent::SignInPage(None));
                self.no_token(now, Trouble::Stays(notice::browser_failed(why)));
            }
            // Of a sign-in that is over.
            (_, state) => self.signing_in = state,
        }
    }

    fn sign_in_url(&self, redirect: &str, verifier: &Private<String>, state: &Private<String>) -> Private<String> {
        let login = self.hosts.as_ref().map(|hosts| hosts.login.as_str()).unwrap_or_default();
        let Some(sign_in) = self.service() else { return Private::default() };
        let service = &sign_in.service;
        let mut query = authorise_query(&service.client_id, redirect, verifier.reveal(), state.reveal());
        if let (Some(organisation), Some(provider)) = (&service.organisation, &service.provider) {
            query.append_pair("org", organisation).append_pair("provider", provider);
        }
        if sign_in.somebody_else {
            query.append_pair("prompt", "login");
        }
        format!("{login}/oauth/authorize?{}", query.finish()).into()
    }

    /// The practice exchange redirected.
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
            (300..400, Some(location)) if location.as_str().starts_with(PRACTICE_REDIRECT) => location,
            (401 | 403 | 400, _) => {
                let why = format!("the service answered with HTTP {}", response.status);
                return self.no_token(now, Trouble::Stays(notice::sign_in_refused(&why)));
            }
            (429 | 500.., _) => {
                return self.no_token(now, Trouble::Heals(notice::failing(&host, response.status), away));
            }
            _ => return self.no_token(now, Trouble::Heals(notice::garbage(&host), None)),
        };
        let answer = Answer::read(location.query().unwrap_or_default());
        self.code_came(now, &answer, &state, verifier, PRACTICE_REDIRECT.to_owned(), false);
    }

    fn code_came(
        &mut self,
        now: Instant,
        answer: &Answer,
        state: &Private<String>,
        verifier: Private<String>,
        redirect: String,
        browser: bool,
    ) {
        if answer.state.as_ref() != Some(state) {
            return self.no_token(now, Trouble::Stays(notice::sign_in_forged()));
        }
        let Some(code) = answer.code.clone() else {
            let why = super::calls::sentence(&answer.error);
            return self.no_token(now, Trouble::Stays(notice::sign_in_refused(&why)));
        };
        let client = self.service().map_or(PRACTICE_CLIENT, |sign_in| sign_in.service.client_id.as_str()).to_owned();
        self.signing_in = SignInState::Exchanging { browser };
        self.step = SignInStep::Authorising;
        self.link.handle(now, link::Input::Progress);
        let form = vec![
            ("grant_type", "authorization_code".into()),
            ("code", code),
            ("code_verifier", verifier),
            ("client_id", client.into()),
            ("redirect_uri", redirect.into()),
        ];
        self.exchange(form, Purpose::Token { refresh: false });
    }

    pub(super) fn token_came(&mut self, now: Instant, refresh: bool, result: Result<HttpResponse, HttpError>) {
        if !matches!(self.signing_in, SignInState::Exchanging { .. }) {
            return;
        }
        self.signing_in = SignInState::Idle;
        let response = match result {
            Ok(response) => response,
            Err(error) => return self.no_token(now, Trouble::Heals(notice::of_http(&error), None)),
        };
        let host = self.host_name();
        let away = response.retry_after_s.map(|s| Duration::from_secs(u64::from(s)));
        match response.status {
            200..300 => {}
            429 | 500.. => return self.no_token(now, Trouble::Heals(notice::failing(&host, response.status), away)),
            // What renews in silence has aged: now the user is asked.
            _ if refresh => return self.no_token(now, Trouble::Stays(notice::token_refused(&host))),
            _ => {
                let why = format!("the service answered with HTTP {}", response.status);
                return self.no_token(now, Trouble::Stays(notice::sign_in_refused(&why)));
            }
        }
        let Some(reply) = wire::parse::<wire::TokenReply>(&response.body).filter(|r| !r.access_token.is_empty()) else {
            return self.no_token(now, Trouble::Heals(notice::garbage(&host), None));
        };
        self.token = Some(reply.access_token.into());
        self.refresh = reply.refresh_token.filter(|token| !token.is_empty()).map(Private::new);
        self.token_life = reply.expires_in.map(Duration::from_secs);
        self.timers.cancel(&Timer::TokenRenew);
        if let Some(life) = self.token_life {
            self.plan_renewal(now, life);
        }
        self.blocked = None;
        self.token_kept = self.identity.is_some();
        self.keep_token();
        for (purpose, ask) in std::mem::take(&mut self.again) {
            self.ask(purpose, ask);
        }
        self.link.handle(now, link::Input::Progress);
        if matches!(self.link.state(), link::State::Down) {
            // The browser was asked before anything was tried.
            self.link.handle(now, link::Input::Connect);
        } else {
            self.connect_next(now);
        }
    }

    /// Hands the token to the key store, once it is known whose it is.
    pub(super) fn keep_token(&mut self) {
        let (Some(sign_in), Some(token), Some(identity)) = (self.service(), &self.token, &self.identity) else {
            return;
        };
        let Some(organisation) = self.organisation.clone() else { return };
        let account = KeptAccount {
            key: self.account_key(),
            service: sign_in.service.clone(),
            user: identity.name.clone(),
            organisation: organisation.into(),
        };
        let token = KeptToken { token: token.clone(), refresh: self.refresh.clone(), life: self.token_life };
        self.out.push_back(LineOutput::Secret(SecretCommand::Keep { account: Box::new(account), token }));
    }

    fn account_key(&self) -> String {
        let user = self.identity.as_ref().map_or("", |identity| identity.user.as_str());
        format!("{}/{user}", self.host_name())
    }

    /// The service forgets the token, and so does the key store.
    pub(super) fn revoke_token(&mut self) {
        if self.service().is_some() && self.identity.is_some() {
            let key = self.account_key();
            self.out.push_back(LineOutput::Secret(SecretCommand::Forget { key }));
        }
        // A token that was handed to us is somebody else's to revoke.
        if self.token.is_some() && self.service().is_some() {
            self.send_body(Purpose::Ignored, Method::Delete, "/api/v2/tokens/me".into(), HttpBody::Empty);
        }
    }

    fn no_token(&mut self, now: Instant, trouble: Trouble) {
        self.fail_again(now);
        let up = matches!(self.link.state(), link::State::Up { .. });
        match trouble {
            Trouble::Heals(..) if up && self.token.is_some() => {
                self.timers.set(Timer::TokenRenew, now + RENEW_AGAIN);
            }
            // What works goes on; the user signs in when the token is refused.
            Trouble::Stays(notice) if up && self.token.is_some() && self.service().is_some() => self.problem(notice),
            Trouble::Heals(notice, _) if matches!(self.link.state(), link::State::Down) => self.refuse(now, notice),
            Trouble::Heals(notice, stay_away) => self.fail(now, Some(notice), stay_away),
            Trouble::Stays(notice) => self.refuse(now, notice),
        }
    }

    /// Requests that waited for a new token get none.
    pub(super) fn fail_again(&mut self, now: Instant) {
        for (purpose, _) in std::mem::take(&mut self.again) {
            self.failed_for_want_of_token(now, purpose);
        }
    }

    fn failed_for_want_of_token(&mut self, now: Instant, purpose: Purpose) {
        match purpose {
            Purpose::Stations => self.stations_came(&Reply::Unauthorised),
            Purpose::SelectPhone { id } => self.phone_selected(&id, &Reply::Unauthorised),
            Purpose::Dial { call } => self.dial_failed(now, call, &Reply::Unauthorised),
            Purpose::CallMe => self.call_me_answered(&Reply::Unauthorised),
            Purpose::Patch { call, request, tries } => {
                self.patch_answered(now, call, request, tries, &Reply::Unauthorised);
            }
            Purpose::Digits { call, digits } => self.digits_answered(call, digits, &Reply::Unauthorised),
            Purpose::Transfer { call, step } => self.transfer_answered(call, step, &Reply::Unauthorised),
            Purpose::WrapUp { call } => self.wrap_up_answered(call, &Reply::Unauthorised),
            _ => {}
        }
    }
}

pub(super) fn authorise_query(
    client: &str,
    redirect: &str,
    verifier: &str,
    state: &str,
) -> Serializer<'static, String> {
    let mut query = Serializer::new(String::new());
    query
        .append_pair("response_type", "code")
        .append_pair("client_id", client)
        .append_pair("redirect_uri", redirect)
        .append_pair("code_challenge", &pkce_challenge(verifier))
        .append_pair("code_challenge_method", "S256")
        .append_pair("state", state);
    query
}

/// The query of a redirect (RFC 6749 §4.1.2).
#[derive(Debug, Default, PartialEq)]
pub(super) struct Answer {
    pub(super) state: Option<Private<String>>,
    pub(super) code: Option<Private<String>>,
    /// In the service's words.
    error: String,
}

impl Answer {
    /// A parameter that comes twice makes the answer void (RFC 6749 §3.1).
    pub(super) fn read(query: &str) -> Self {
        let mut answer = Self::default();
        let mut seen = std::collections::BTreeSet::new();
        if query.len() > MAX_QUERY {
            return answer;
        }
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            if !seen.insert(name.to_string()) {
                return Self::default();
            }
            match &*name {
                "state" => answer.state = Some(value.into_owned().into()),
                "code" if !value.is_empty() => answer.code = Some(value.into_owned().into()),
                "error_description" => answer.error = value.into_owned(),
                "error" if answer.error.is_empty() => answer.error = value.into_owned(),
                _ => {}
            }
        }
        answer
    }
}

/// The body of a fuzz target.
pub fn fuzz_answer(query: &[u8]) {
    drop(Answer::read(&String::from_utf8_lossy(query)));
}

/// Why there is no token.
enum Trouble {
    Heals(Notice, Option<Duration>),
    Stays(Notice),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_of_the_browser_is_read() {
        let answer = Answer::read("code=a%2Fb&state=s&ignored=1");
        assert_eq!((answer.code, answer.state), (Some("a/b".into()), Some("s".into())));
        let refused = Answer::read("state=s&error=access_denied&error_description=You+may+not.");
        assert_eq!((refused.code, refused.error.as_str()), (None, "You may not."));
    }

    #[test]
    fn a_parameter_that_comes_twice_makes_the_answer_void() {
        assert_eq!(Answer::read("state=s&code=good&code=evil"), Answer::default());
        assert_eq!(Answer::read(&format!("state={}", "s".repeat(5_000))), Answer::default());
    }
}
