//! The vendor's own SDK in a browser and Offhook as two users of one exchange: both hear each other.

use std::time::Duration;

use phone_core::Command;
use phone_core::event::Event;
use phone_core::snapshot::CallState;
use phone_exchange::{ExchangeOptions, Fault, RunningExchange};
use phone_tests::phone::{Setup, TestPhone};
use phone_tests::sdk::{SDK_TONE_HZ, SdkAgent};
use serde_json::json;

/// What Offhook's microphone hears (its default tone).
const OURS_HZ: f64 = 440.0;

/// Ana's phone is the SDK, Ben's is Offhook.
struct Pair {
    exchange: RunningExchange,
    agent: SdkAgent,
    phone: TestPhone,
}

impl Pair {
    #[track_caller]
    fn start(options: ExchangeOptions) -> Self {
        let exchange = phone_exchange::start(options).unwrap();
        let agent = SdkAgent::signed_in(exchange.origin(), "ana");
        let phone = TestPhone::signed_in(&exchange, "ben", Setup::default());
        Self { exchange, agent, phone }
    }

    /// Ben rings, Ana answers; the conversation's id.
    #[track_caller]
    fn ben_calls_ana(&mut self) -> String {
        self.phone.send(Command::Dial { to: "ana".into() });
        let pending = self.agent.wait("pendingSession");
        assert_eq!((&pending["sessionType"], &pending["autoAnswer"]), (&json!("softphone"), &json!(false)));
        let id = pending["conversationId"].as_str().unwrap().to_owned();
        self.agent.call("acceptPendingSession", &json!({ "conversationId": id }));
        self.agent.wait_call(&id, "call.state === 'connected'");
        self.phone.wait("media", |event| matches!(event, Event::Media { .. }));
        id
    }

    #[track_caller]
    fn assert_both_hear(&mut self) {
        self.agent.assert_hears(OURS_HZ);
        self.phone.assert_hears(SDK_TONE_HZ);
    }

    #[track_caller]
    fn hang_up_in_the_browser(&mut self, id: &str) {
        self.agent.call("endSession", &json!({ "conversationId": id }));
        self.agent.wait_where("sessionEnded", "true");
        self.phone.wait("ended", |event| matches!(event, Event::Ended { .. }));
    }

    /// Nobody broke a rule of the service.
    #[track_caller]
    fn assert_no_violations(&mut self) {
        assert_eq!(self.exchange.violations(), Vec::<String>::new(), "{}", self.agent.story());
    }
}

/// Every call has a session of its own.
fn transient() -> ExchangeOptions {
    ExchangeOptions { persistent: None, ..ExchangeOptions::default() }
}

#[test]
fn the_sdk_signs_in_and_becomes_ready() {
    let exchange = phone_exchange::start(ExchangeOptions::default()).unwrap();
    let mut agent = SdkAgent::signed_in(exchange.origin(), "ana");
    agent.wait("connected");
    agent.wait_where("station", "it.action === 'Associated'");
    agent.wait("ready");
    assert_eq!(exchange.violations(), Vec::<String>::new(), "{}", agent.story());
}

#[test]
fn offhook_calls_the_sdk_and_hold_and_mute_are_heard_on_both_sides() {
    let mut pair = Pair::start(transient());
    let id = pair.ben_calls_ana();
    pair.assert_both_hear();

    pair.agent.call("setAudioMute", &json!({ "conversationId": id, "mute": true }));
    pair.agent.wait_call(&id, "call.muted");
    pair.phone.assert_does_not_hear(SDK_TONE_HZ);
    pair.agent.assert_hears(OURS_HZ);
    pair.agent.call("setAudioMute", &json!({ "conversationId": id, "mute": false }));
    pair.agent.wait_call(&id, "!call.muted");
    pair.assert_both_hear();

    pair.agent.call("setConversationHeld", &json!({ "conversationId": id, "held": true }));
    pair.agent.wait_call(&id, "call.held");
    pair.phone.assert_does_not_hear(SDK_TONE_HZ);
    pair.agent.assert_does_not_hear(OURS_HZ);
    pair.agent.call("setConversationHeld", &json!({ "conversationId": id, "held": false }));
    pair.agent.wait_call(&id, "!call.held");
    pair.assert_both_hear();

    pair.hang_up_in_the_browser(&id);
    pair.assert_no_violations();
}

#[test]
fn the_sdk_calls_offhook() {
    let mut pair = Pair::start(transient());
    pair.agent.call("startSoftphoneSession", &json!({ "phoneNumber": "ben", "sessionType": "softphone" }));
    pair.phone.wait("alerting", |event| matches!(event, Event::Alerting { .. }));
    let snapshot =
        pair.phone.wait_snapshot("it rings", |s| s.calls.iter().any(|c| matches!(c.state, CallState::Alerting { .. })));
    let call = snapshot.calls.iter().find(|call| matches!(call.state, CallState::Alerting { .. })).unwrap().id;
    pair.phone.send(Command::Answer(call));
    let started = pair.agent.wait("sessionStarted");
    let id = started["conversationId"].as_str().unwrap().to_owned();
    pair.agent.wait_call(&id, "call.state === 'connected'");
    pair.assert_both_hear();
    pair.phone.hang_up(call);
    pair.agent.wait("sessionEnded");
    pair.assert_no_violations();
}

#[test]
fn a_second_call_on_the_persistent_session_of_the_sdk_needs_no_new_media() {
    let mut pair = Pair::start(ExchangeOptions::default());
    let first = pair.ben_calls_ana();
    pair.assert_both_hear();
    pair.hang_up_in_the_browser(&first);
    let kept = pair.agent.run("agent.connections()");
    assert_eq!((kept.as_array().unwrap().len(), &kept[0]["pc"]), (1, &json!("connected")), "{kept}");

    let second = pair.ben_calls_ana();
    assert_ne!(first, second);
    pair.assert_both_hear();
    let still = pair.agent.run("agent.connections()");
    assert_eq!(still[0]["id"], kept[0]["id"], "another session carries the second call: {still}");
    pair.hang_up_in_the_browser(&second);
    pair.assert_no_violations();
}

#[test]
fn a_dropped_socket_leaves_the_call_and_the_sdk_takes_control_back() {
    let mut pair = Pair::start(transient());
    let id = pair.ben_calls_ana();
    pair.assert_both_hear();
    pair.agent.run("agent.forget()");
    pair.exchange.inject(Fault::DropSockets);
    pair.agent.wait("disconnected");
    pair.assert_both_hear();
    pair.agent.wait_where("connected", "it.reconnect");
    pair.agent.call("setAudioMute", &json!({ "conversationId": id, "mute": true }));
    pair.agent.wait_call(&id, "call.muted");
    pair.phone.assert_does_not_hear(SDK_TONE_HZ);
    pair.hang_up_in_the_browser(&id);
    pair.assert_no_violations();
}

#[test]
fn the_sdk_follows_a_session_that_is_offered_anew() {
    let mut pair = Pair::start(transient());
    let id = pair.ben_calls_ana();
    pair.assert_both_hear();
    pair.exchange.inject(Fault::Reinvite);
    pair.agent.wait_where("sessionEnded", "it.reason === 'alternative-session'");
    pair.phone.listen(Duration::from_millis(500));
    pair.assert_both_hear();
    pair.hang_up_in_the_browser(&id);
    pair.assert_no_violations();
}
