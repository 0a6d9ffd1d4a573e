//! Headless Chromium as the far media peer: Opus heard both ways, measured on both sides.

use std::sync::atomic::{AtomicBool, Ordering};
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
        let done = AtomicBool::new(false);
        let peer = &mut self.peer;
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    peer.turn();
                }
            });
            let answer = self.runtime.block_on(self.chromium.run(script));
            done.store(true, Ordering::Relaxed);
            answer
        })
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
        let mut last = Vec::new();
        let heard = (0..20).any(|_| {
            last = self.peer.talk(SECOND / 2);
            signal::loudest_hz(&last).is_some_and(|hz| (hz - THEIRS_HZ).abs() < 3.0)
                && (-24.0..-17.0).contains(&signal::tone_dbfs(&last, THEIRS_HZ))
        });
        let (hz, db) = (signal::loudest_hz(&last), signal::level_dbfs(&last));
        assert!(heard, "Chromium is heard as {hz:?} Hz at {db} dBFS");
        // The analyser looks back over 0.7 s and shows a tone of −20 dBFS at −33.5 dB: a sine has half its amplitude
        // in each of two bins, and the Blackman window keeps 0.42 of that.
        let mut page = Value::Null;
        let heard = (0..10).any(|_| {
            self.peer.talk(SECOND / 2);
            page = self.page("far.hears()");
            let (hz, db) = (page["hz"].as_f64().unwrap(), page["db"].as_f64().unwrap());
            (hz - OURS_HZ).abs() < 3.0 && (-40.0..-28.0).contains(&db)
        });
        assert!(heard, "Chromium hears {page}, {}; {}", self.page("far.state()"), self.page("far.stats()"));
    }
}

#[test]
fn chromium_offers_and_both_hear_each_other_in_opus() {
    let mut pair = Pair::start();
    pair.chromium_offers();
    pair.assert_both_hear();
    let page = pair.page("far.stats()");
    // While its jitter buffer finds its level Chromium stretches and makes up sound; what counts is the call after that.
    pair.peer.talk(4 * SECOND);
    let later = pair.page("far.stats()");
    assert!(later["received"].as_u64().unwrap() > 100 && later["sent"].as_u64().unwrap() > 100, "{later}");
    assert_eq!(later["lost"], 0, "{later}");
    let ours = pair.peer.stats();
    let grown = |what: &str| later[what].as_f64().unwrap() - page[what].as_f64().unwrap();
    let share = grown("concealed") / grown("samples");
    assert!(share < 0.2, "{share} of what Chromium heard was made up: {page}, {later}");
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

/// Found that Chromium does not play a stream announced with its old SSRC after a hold.
#[test]
fn chromium_holds_and_resumes_and_restarts_ice_on_a_living_call() {
    let mut pair = Pair::start();
    pair.chromium_offers();
    pair.assert_both_hear();
    pair.page("far.direction('inactive')");
    pair.chromium_offers();
    let levels: Vec<f64> = (0..8).map(|_| signal::tone_dbfs(&pair.peer.talk(SECOND / 2), THEIRS_HZ)).collect();
    assert!(levels.iter().rev().take(4).all(|level| *level < -60.0), "heard while on hold: {levels:.1?} dBFS");
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
