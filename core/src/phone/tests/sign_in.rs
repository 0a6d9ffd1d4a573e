//! Sign-in with the browser of the system, and what becomes of the token.

use super::*;
use crate::command::{KeptToken, ServiceSignIn};
use crate::input::BrowserError;
use crate::snapshot::{CallState, SignInStep};

fn service_sign_in() -> ServiceSignIn {
    let service = crate::command::Service {
        environment: "http://service.test:1".into(),
        client_id: "client-1".into(),
        redirect_ports: vec![21451],
        ..crate::command::Service::default()
    };
    ServiceSignIn { service, ..ServiceSignIn::default() }
}

impl Sim {
    fn sign_in_with(&mut self, sign_in: ServiceSignIn) {
        self.service.new_client();
        self.quiet = true;
        self.command(Command::SignIn(SignIn::Service(Box::new(sign_in))));
        self.quiet = false;
    }

    /// The user signs in on the page that is open.
    fn come_back(&mut self) {
        let (wait, url) = self.browser.take().expect("a page");
        let query = self.service.page(&url).into();
        self.quiet = true;
        self.input(Input::Browser(BrowserEvent::Came { wait, query }));
        self.quiet = false;
    }

    fn in_the_browser(&self) -> bool {
        matches!(self.phone.snapshot().standing, Standing::SigningIn { step: SignInStep::Browser, .. })
    }
}

fn signed_in(service: Service) -> Sim {
    let mut sim = Sim::with(PhoneConfig::default(), service);
    sim.sign_in_with(service_sign_in());
    sim.come_back();
    assert_eq!(sim.phone.snapshot().standing, Standing::Ready, "{}", sim.transcript);
    sim
}

#[test]
fn the_browser_is_asked_and_may_take_its_time() {
    let mut sim = Sim::new();
    sim.sign_in_with(service_sign_in());
    assert!(sim.in_the_browser());
    assert!(sim.phone.snapshot().sign_in_page.unwrap().reveal().starts_with("http://service.test:1/oauth/authorize?"));
    sim.advance(Duration::from_mins(4));
    assert!(sim.in_the_browser(), "{}", sim.transcript);
    sim.come_back();
    assert_eq!(sim.phone.snapshot().standing, Standing::Ready);
    assert_eq!(sim.phone.snapshot().sign_in_page, None);
    insta::assert_snapshot!(sim.transcript, @r"
        0.0  browser listen [21451]
        0.0  browser open
      240.0  keep token of service.test:1/U1 for Some(86400) s, refresh false
      240.0  Registered { again: false }
    ");
}

#[test]
fn an_answer_that_is_not_ours_does_not_sign_in() {
    for query in ["code=CODE&state=guess", "code=CODE", "", "state=a&state=b&code=c"] {
        let mut sim = Sim::new();
        sim.sign_in_with(service_sign_in());
        let (wait, _) = sim.browser.take().unwrap();
        sim.input(Input::Browser(BrowserEvent::Came { wait, query: query.into() }));
        assert_eq!(sim.standing_word(), "problem sign-in-forged", "{query}");
    }
    // The answer to another question changes nothing.
    let mut sim = Sim::new();
    sim.sign_in_with(service_sign_in());
    let wait = crate::ids::RequestId(9_999);
    sim.input(Input::Browser(BrowserEvent::Came { wait, query: "code=c&state=s".into() }));
    assert!(sim.in_the_browser());
    sim.come_back();
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn a_refusal_on_the_page_is_told_in_the_services_words() {
    let mut sim = Sim::new();
    sim.sign_in_with(service_sign_in());
    let (wait, _) = sim.browser.take().unwrap();
    let state = sim.service.browser_state.clone();
    let query = format!("error=access_denied&error_description=You+may+not.&state={state}").into();
    sim.input(Input::Browser(BrowserEvent::Came { wait, query }));
    let Standing::Problem { notice, .. } = sim.phone.snapshot().standing else { panic!() };
    assert_eq!(notice.text, "The sign-in was refused: You may not.");
}

#[test]
fn ports_browser_and_patience_may_be_missing() {
    for (why, id) in [(BrowserError::NoPort, "no-redirect-port"), (BrowserError::TimedOut, "sign-in-timed-out")] {
        let mut sim = Sim::new();
        sim.sign_in_with(service_sign_in());
        let (wait, _) = sim.browser.take().unwrap();
        sim.input(Input::Browser(BrowserEvent::Failed { wait, why }));
        assert_eq!(sim.standing_word(), format!("problem {id}"));
        sim.command(Command::Reconnect);
        sim.come_back();
        assert_eq!(sim.standing_word(), "Ready");
    }
    // Without a browser the page's address is on the screen, and can still be used.
    let mut sim = Sim::new();
    sim.sign_in_with(service_sign_in());
    let (wait, _) = sim.browser.clone().unwrap();
    sim.input(Input::Browser(BrowserEvent::Failed { wait, why: BrowserError::NoBrowser }));
    assert!(sim.in_the_browser() && sim.transcript.contains("problem no-browser"));
    sim.come_back();
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn signing_out_while_the_browser_is_open_closes_the_door() {
    let mut sim = Sim::new();
    sim.sign_in_with(service_sign_in());
    sim.command(Command::SignOut);
    assert!(sim.transcript.contains("browser stop"), "{}", sim.transcript);
    assert_eq!(sim.phone.snapshot().standing, Standing::SignedOut);
}

#[test]
fn a_kept_token_needs_no_browser() {
    let mut sim = Sim::new();
    let life = Some(Duration::from_hours(2));
    let kept = Some(KeptToken { token: "TOKEN-0".into(), refresh: None, life });
    sim.sign_in_with(ServiceSignIn { kept, ..service_sign_in() });
    assert_eq!(sim.standing_word(), "Ready", "{}", sim.transcript);
    assert!(sim.browser.is_none());
    assert!(!sim.transcript.contains("keep token"), "it is kept already: {}", sim.transcript);
}

#[test]
fn a_kept_token_that_aged_leads_to_the_browser_when_asked() {
    let mut sim = Sim::new();
    let kept = Some(KeptToken { token: "OLD".into(), refresh: None, life: None });
    sim.sign_in_with(ServiceSignIn { kept, ..service_sign_in() });
    assert_eq!(sim.standing_word(), "problem token-refused");
    sim.command(Command::Reconnect);
    sim.come_back();
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn a_refresh_token_renews_in_silence_before_the_end() {
    let mut sim = signed_in(Service::new().with(|service| {
        service.refreshes = true;
        service.token_life = 3_600;
    }));
    let first = sim.kept.clone().unwrap().1;
    sim.advance(Duration::from_mins(55));
    let second = sim.kept.clone().unwrap().1;
    assert_ne!(first.token, second.token);
    assert!(sim.browser.is_none());
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn without_a_refresh_token_the_browser_is_asked_before_the_end_and_never_in_a_call() {
    let mut sim = signed_in(Service::new().with(|service| service.token_life = 3_600));
    sim.advance(Duration::from_mins(53));
    assert!(sim.browser.is_none());
    sim.connected("C1", "S1");
    sim.advance(Duration::from_mins(5));
    assert!(sim.browser.is_none(), "in a call: {}", sim.transcript);
    assert_eq!(sim.transcript.matches("problem sign-in-ends").count(), 1);
    sim.event("C1", "disconnected", "inbound");
    sim.advance(Duration::from_secs(31));
    assert!(sim.browser.is_some(), "{}", sim.transcript);
    assert_eq!(sim.standing_word(), "Ready", "all goes on meanwhile");
    sim.come_back();
    assert_eq!(sim.standing_word(), "Ready");
}

#[test]
fn a_token_that_ends_in_a_call_leaves_the_call_and_asks_for_a_new_sign_in() {
    let mut sim = signed_in(Service::new());
    let call = sim.connected("C1", "S1");
    sim.service.expire_tokens();
    sim.command(Command::Hold { call, held: true });
    assert_eq!(sim.standing_word(), "problem token-refused");
    let calls = sim.phone.snapshot().calls;
    assert_eq!((calls.len(), calls[0].state), (1, CallState::Connected));
    assert_eq!(sim.media.len(), 1, "media goes on");
    sim.command(Command::Reconnect);
    assert!(sim.browser.is_some());
    sim.come_back();
    assert_eq!(sim.standing_word(), "Ready", "{}", sim.transcript);
    assert_eq!(sim.phone.snapshot().calls.len(), 1);
}

#[test]
fn signing_out_revokes_and_forgets_and_quitting_does_not() {
    let mut sim = signed_in(Service::new());
    sim.transcript.clear();
    sim.command(Command::Quit);
    assert!(!sim.transcript.contains("tokens/me") && !sim.transcript.contains("forget"), "{}", sim.transcript);
    let mut sim = signed_in(Service::new());
    sim.command(Command::SignOut);
    assert!(sim.transcript.contains("forget token of service.test:1/U1"), "{}", sim.transcript);
    assert!(sim.transcript.contains("DELETE /tokens/me"), "{}", sim.transcript);
}

#[test]
fn somebody_else_is_asked_for_the_password_and_an_organisation_for_its_own_page() {
    let mut sim = Sim::new();
    let mut sign_in = service_sign_in();
    sign_in.somebody_else = true;
    sign_in.service.organisation = Some("acme".into());
    sign_in.service.provider = Some("adfs".into());
    sim.sign_in_with(sign_in);
    let (_, url) = sim.browser.clone().unwrap();
    assert!(url.contains("&prompt=login") && url.contains("&org=acme&provider=adfs"), "{url}");
}

#[test]
fn without_a_client_id_nothing_is_asked_and_the_remedy_says_whom() {
    let mut sim = Sim::new();
    let mut sign_in = service_sign_in();
    sign_in.service.client_id = String::new();
    sim.sign_in_with(sign_in);
    assert_eq!(sim.standing_word(), "problem no-client-id");
}
