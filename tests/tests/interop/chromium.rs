//! Headless Chromium as the far media peer: Opus heard both ways, measured on both sides.

use std::time::Duration;

use phone_core::media::{Codec, MediaPath};
use phone_tests::chromium::Chromium;
use phone_tests::peer::Peer;
use phone_tests::signal;
use serde_json::{Value, json};

const SECOND: Duration = Duration::from_secs(1);
/// What we say, and what the page's oscillator says.
const OURS_HZ: f64 = 520.0;
const THEIRS_HZ: f64 = 880.0;

/// The browser runs on its own; our side talks while the browser is asked.
struct Pair {
    runtime: tokio::runtime::Runtime,
    chromium: Chromium,
    peer: Peer,
}

impl Pair {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let mut chromium = runtime.block_on(Chromium::start());
        let ready = runtime.block_on(chromium.run(include_str!("page.js")));
        assert_eq!(ready, "ready");
        Self { runtime, chromium, peer: Peer::new(OURS_HZ) }
    }

    fn page(&mut self, script: &str) -> Value {
        self.runtime.block_on(self.chromium.run(script))
    }

    /// Chromium offers, we answer.
    fn chromium_offers(&mut self) {
        let offer = self.page("far.offer()");
        let answer = self.peer.answer(offer.as_str().unwrap());
        self.page(&format!("far.accept({})", json!(answer)));
    }

    /// Both hear the right tone, as measured by both.
    #[track_caller]
    fn assert_both_hear(&mut self) {
        let facts = self.peer.wait_up(10 * SECOND);
        assert_eq!((facts.codec, facts.path), (Codec::Opus, MediaPath::Direct), "{facts:?}");
        let heard = self.peer.talk(3 * SECOND);
        let heard = signal::between(&heard, SECOND, 3 * SECOND);
        signal::assert_tone("what Chromium says", heard, THEIRS_HZ, -26.0..=-17.0);
        let page = self.page("far.hears()");
        let (hz, db) = (page["hz"].as_f64().unwrap(), page["db"].as_f64().unwrap());
        assert!((hz - OURS_HZ).abs() < 3.0, "Chromium hears {hz} Hz at {db} dB; {}", self.page("far.state()"));
        assert!(db > -40.0, "Chromium hears us at {db} dB only");
    }
}

#[test]
fn chromium_offers_and_both_hear_each_other_in_opus() {
    let mut pair = Pair::start();
    pair.chromium_offers();
    pair.assert_both_hear();
    let page = pair.page("far.stats()");
    let ours = pair.peer.stats();
    assert!(page["received"].as_u64().unwrap() > 100 && page["sent"].as_u64().unwrap() > 100, "{page}");
    assert_eq!(page["lost"], 0, "{page}");
    let share = page["concealed"].as_f64().unwrap() / page["samples"].as_f64().unwrap();
    assert!(share < 0.2, "{share} of what Chromium heard was made up: {page}");
    assert!(page["codecs"].to_string().contains("audio/opus"), "{page}");
    assert!(ours.packets_received > 100 && ours.packets_lost == 0, "{ours:?}");
    assert!(ours.rtt_ms.is_some_and(|ms| ms < 100.0), "{ours:?}");
}

#[test]
fn we_offer_and_chromium_answers() {
    let mut pair = Pair::start();
    let offer = pair.peer.offer();
    let answer = pair.page(&format!("far.answer({})", json!(offer)));
    pair.peer.accept_answer(answer.as_str().unwrap());
    pair.assert_both_hear();
}

#[test]
fn chromium_holds_and_resumes_and_restarts_ice_on_a_living_call() {
    let mut pair = Pair::start();
    pair.chromium_offers();
    pair.assert_both_hear();
    pair.page("far.direction('inactive')");
    pair.chromium_offers();
    pair.peer.talk(SECOND);
    let held = pair.peer.talk(SECOND);
    assert!(signal::tone_dbfs(&held, THEIRS_HZ) < -60.0, "heard while on hold");
    pair.page("far.direction('sendrecv')");
    pair.chromium_offers();
    pair.assert_both_hear();
    let offer = pair.page("far.offer({ iceRestart: true })");
    let answer = pair.peer.answer(offer.as_str().unwrap());
    pair.page(&format!("far.accept({})", json!(answer)));
    pair.peer.talk(SECOND);
    pair.assert_both_hear();
}

#[test]
fn digits_pressed_in_chromium_arrive() {
    let mut pair = Pair::start();
    pair.chromium_offers();
    pair.peer.wait_up(10 * SECOND);
    pair.peer.talk(SECOND);
    pair.page("far.digits('19#')");
    pair.peer.talk(2 * SECOND);
    assert_eq!(pair.peer.digits(), "19#");
}
