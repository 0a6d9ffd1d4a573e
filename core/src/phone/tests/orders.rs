//! Inputs in any order: what must hold whatever happens. [`Sim::check`] looks after every single input.

use proptest::prelude::*;

use super::*;
use crate::media::MediaError;

/// One thing that may happen at any time.
fn step(sim: &mut Sim, what: usize, which: u64) {
    let conversation = format!("C{}", which % 3);
    let session = format!("S{}", which % 4);
    let id = sim.media.get(which as usize % 4).copied().unwrap_or(SessionId(which));
    let call = CallId(which % 5);
    let up = sim.link.is_some();
    let states = ["alerting", "contacting", "dialing", "connected", "disconnected", "terminated"];
    let flags = serde_json::json!({"held": which.is_multiple_of(2), "muted": which.is_multiple_of(5)});
    match what {
        0 if up => sim.event(&conversation, "alerting", "inbound"),
        1 if up => {
            let direction = if which.is_multiple_of(2) { "inbound" } else { "outbound" };
            sim.event_with(&conversation, states[which as usize % 6], direction, &flags);
        }
        2 if up => sim.propose(&session, &conversation, ""),
        3 if up => sim.propose(&session, &conversation, r#"inin-autoanswer="true""#),
        4 if up => sim.propose(&session, "fake", r#"inin-priv-answer-mode="Auto""#),
        5 if up => sim.offer(&session, &conversation),
        6 if up => {
            let offer = sim.service.offer(&session, &conversation, &which.to_string(), which.is_multiple_of(2));
            sim.says(offer);
        }
        7 if up => {
            let text = sim.service.terminate(&session, "success");
            sim.says(text);
        }
        8 if up => {
            let text = sim.service.retract(&session);
            sim.says(text);
        }
        9 => sim.up(id.0),
        10 => sim.input(Input::Media(MediaEvent::Interrupted { session: id })),
        11 => {
            sim.media.retain(|known| *known != id);
            sim.microphones.remove(&id);
            sim.input(Input::Media(MediaEvent::Failed { session: id, error: MediaError::ConsentLost }));
        }
        12 => sim.command(Command::Answer(call)),
        13 => sim.command(Command::HangUp(call)),
        14 => sim.command(Command::Decline(call)),
        15 => sim.command(Command::Hold { call, held: which.is_multiple_of(2) }),
        16 => sim.command(Command::Mute { muted: which.is_multiple_of(2) }),
        17 => sim.command(dial()),
        18 if up => sim.drop_link(),
        19 => sim.input(Input::NetworkChanged),
        20 => sim.command(Command::StopPersistentConnection),
        21 => sim.service.silent = which.is_multiple_of(3),
        22 => sim.service.expire_tokens(),
        23 if up => {
            let state = ["PERSISTED", "DISCONNECTED"][which as usize % 2];
            let body = serde_json::json!({"persistentState": state});
            let text = sim.service.notification("persistentconnection", &body);
            sim.says(text);
        }
        24 => sim.command(Command::SendDigits { call, digits: "12".into() }),
        25 => {
            sim.service.refuse.insert("participants", 500);
        }
        26 => sim.service.refuse.clear(),
        27 if which == 0 => sim.command(Command::SignOut),
        28 if which == 1 => sim.sign_in(),
        29 => sim.input(Input::Media(MediaEvent::FirstMedia { session: id })),
        30 => {
            let stats = MediaStats { packets_received: which, packets_lost: 20 - which, ..MediaStats::default() };
            sim.input(Input::Media(MediaEvent::Stats { session: id, stats: Box::new(stats) }));
        }
        _ => {}
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_order_of_inputs_opens_a_microphone_without_a_call(
        kept: bool,
        many: bool,
        auto_answer: bool,
        steps in prop::collection::vec((0..31_usize, 0..20_u64, 0..20_000_u64), 1..80)
    ) {
        let appearances = if many { 10 } else { 1 };
        let service = Service::new().with(|service| {
            service.persistent = kept;
            service.appearances = appearances;
        });
        let mut sim = Sim::ready(PhoneConfig { auto_answer, ..PhoneConfig::default() }, service);
        let mut revision = 0;
        for (what, which, ms) in steps {
            sim.advance_ms(ms);
            step(&mut sim, what, which);
            let snapshot = sim.phone.snapshot();
            prop_assert!(snapshot.revision >= revision);
            revision = snapshot.revision;
        }
        // Whatever happened, signing out leaves nothing open and nothing to wait for.
        sim.command(Command::SignOut);
        sim.advance(Duration::from_secs(10));
        prop_assert!(sim.media.is_empty(), "{}", sim.transcript);
        prop_assert_eq!(sim.phone.deadline(), None);
        prop_assert!(sim.phone.snapshot().calls.is_empty());
    }
}
