//! The harness itself: its servers start, and what it measures is right.

use std::time::Duration;

use phone_core::media::TurnTransport;
use phone_tests::chromium::Chromium;
use phone_tests::coturn::{Coturn, CoturnOptions};
use phone_tests::pulse::Pulse;
use phone_tests::signal;

#[test]
fn sound_played_to_a_private_sound_server_is_recorded_again() {
    let mut pulse = Pulse::start();
    let recording = pulse.record("spk");
    let _player = pulse.play_forever("spk", &signal::tone(500.0, -20.0, Duration::from_secs(1)));
    // A new stream stutters for a moment.
    let mut last = Vec::new();
    let steady = (0..20).any(|_| {
        last = recording.next(Duration::from_millis(500));
        signal::tone_share(&last, 500.0) > 0.98
    });
    assert!(steady, "no steady tone was recorded: {}", pulse.log());
    signal::assert_tone("the sound server", &last, 500.0, -21.0..=-19.0);
    pulse.plug_in_speaker("another");
    assert!(pulse.pactl(&["list", "short", "sinks"]).contains("another"));
    pulse.unplug("another");
    assert!(!pulse.pactl(&["list", "short", "sinks"]).contains("another"));
    assert_eq!(pulse.recorders_of("mic"), 0);
}

#[test]
fn a_private_turn_server_answers_on_its_own_ports() {
    let coturn = Coturn::start(CoturnOptions::default());
    let (_, udp) = coturn.address(TurnTransport::Udp);
    let (_, tls) = coturn.address(TurnTransport::Tls);
    assert_ne!(udp, tls);
    // A binding request (RFC 8489 §6) over UDP.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut request = vec![0, 1, 0, 0, 0x21, 0x12, 0xA4, 0x42];
    request.extend([7; 12]);
    socket.send_to(&request, ("127.0.0.1", udp)).unwrap();
    let mut answer = [0; 200];
    let count = socket.recv(&mut answer).unwrap();
    assert_eq!((&answer[..2], &answer[8..20]), (&[1, 1][..], &[7; 12][..]), "{:?}", &answer[..count]);
}

#[test]
fn a_page_of_the_private_browser_runs_scripts() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let answer = runtime.block_on(async {
        let mut chromium = Chromium::start().await;
        chromium.run("Promise.resolve(typeof RTCPeerConnection + ' ' + 6 * 7)").await
    });
    assert_eq!(answer, "function 42");
}
