//! Made-up runs and results, judged by the real rules.

use std::time::Instant;

use phone_core::diagnose::catalogue::checks_of;
use phone_core::diagnose::facts::{
    ButtonFacts, CallFacts, ComputerFacts, DeviceFacts, EchoFacts, Lookup, MarkFacts, MicrophoneFacts, NameFacts,
    OutputFacts, PolicyFacts, ReachFacts, RelayFacts, RivalFacts, RouteFacts, ServiceFacts, SoundFacts, StunFacts,
};
use phone_core::diagnose::{Facts, Limits, Plan, Report, Symptom, judge};
use phone_core::event::Quality;
use phone_core::media::TurnTransport;
use phone_core::sound::DeviceClass;

use crate::diagnose::{Progress, Scope, State};
use crate::model::findings::RunView;
use crate::model::wizard::{Step, Walk, all_checks};

fn device(id: &str, name: &str, class: DeviceClass, rank: u32) -> DeviceFacts {
    DeviceFacts { id: id.into(), name: name.into(), class, default: false, rank: Some(rank) }
}

fn facts() -> Facts {
    let speaker = |id: &str, name: &str| OutputFacts {
        played_ms: 1_200,
        system_muted: Some(false),
        volume_percent: Some(70.0),
        ..OutputFacts::new(id, name, DeviceClass::Headset)
    };
    let relay = |transport, time| RelayFacts {
        host: "turn.example.org".into(),
        port: 3478,
        transport,
        region: Some("Frankfurt".into()),
        allocate_ms: Some(2.0 * time),
        round_trip_ms: Some(time),
        address: None,
        failed: None,
        refused: None,
    };
    let reach = |websocket| ReachFacts {
        host: "api.example.org:443".into(),
        websocket,
        tcp_ms: Some(21.0),
        tls_ms: None,
        status: Some(if websocket { 101 } else { 401 }),
        failed: None,
        certificate: None,
        clock_s: Some(0.2),
    };
    Facts {
        sound: Some(SoundFacts {
            microphones: vec![
                device("jabra", "Jabra Evolve2 65", DeviceClass::Headset, 1),
                device("cam", "C920 webcam", DeviceClass::Unknown, 2),
            ],
            speakers: vec![device("jabra-out", "Jabra Evolve2 65", DeviceClass::Headset, 1)],
            microphone: Some("jabra".into()),
            speaker: Some("jabra-out".into()),
            ..SoundFacts::default()
        }),
        microphone: Some(MicrophoneFacts {
            rate_hz: Some(48_000),
            level_dbfs: Some(-22.0),
            noise_dbfs: Some(-63.0),
            clipped: Some(0.0),
            system_muted: Some(false),
            volume_before: Some(80.0),
            volume_after: Some(80.0),
            ..MicrophoneFacts::new("jabra", "Jabra Evolve2 65", DeviceClass::Headset)
        }),
        speaker: Some(speaker("jabra-out", "Jabra Evolve2 65")),
        ringer: Some(speaker("laptop", "Laptop speakers")),
        computer: Some(ComputerFacts {
            cpu: Some(0.12),
            free_memory_mb: Some(5_000),
            missed_deadlines: Some(0),
            ..ComputerFacts::default()
        }),
        names: Some(NameFacts {
            lookups: vec![Lookup { host: "api.example.org".into(), v4: 2, v6: 0, ms: 14.0, failed: None }],
            servers: Vec::new(),
        }),
        reach: vec![reach(false), reach(true)],
        stun: vec![StunFacts {
            server: "stun.example.org:3478".into(),
            sent: 3,
            answered: 3,
            round_trip_ms: Some(31.0),
            translated: Some(true),
            failed: None,
        }],
        relays: vec![relay(TurnTransport::Udp, 31.0), relay(TurnTransport::Tcp, 33.0)],
        call: Some(CallFacts {
            seconds: 5.0,
            sent: 250,
            received: 250,
            loss: Some(0.0),
            jitter_ms: Some(2.0),
            round_trip_ms: Some(62.0),
            mos: Some(4.4),
            ..CallFacts::default()
        }),
        mark: Some(MarkFacts { configured: 46, effective: Some(46), echoed: None }),
        route: Some(RouteFacts { interface: "Ethernet".into(), tunnel: false }),
        service: Some(ServiceFacts {
            signed_in: true,
            problem: None,
            phones: 1,
            usable_phones: 1,
            phone_selected: true,
            missing: None,
        }),
        policy: Some(PolicyFacts::default()),
        ..Facts::default()
    }
}

fn report(facts: Facts) -> Report {
    let limits = Limits::default();
    let checks = checks_of(Plan::Quick);
    let lines = checks.iter().map(|check| judge::line(check.id, &facts, &limits)).collect();
    Report::new(Plan::Quick, (1_795_510_320, 11_800), lines, checks.len(), facts, &limits)
}

pub fn healthy() -> Report {
    report(facts())
}

/// The one of the design: the docked laptop took the webcam.
pub fn wrong_microphone() -> Report {
    let mut facts = facts();
    facts.symptom = Some(Symptom::NotHeard);
    if let Some(sound) = &mut facts.sound {
        sound.microphone = Some("cam".into());
    }
    facts.microphone = Some(MicrophoneFacts {
        rate_hz: Some(48_000),
        level_dbfs: Some(-78.0),
        noise_dbfs: Some(-81.0),
        clipped: Some(0.0),
        system_muted: Some(false),
        volume_before: Some(100.0),
        volume_after: Some(100.0),
        ..MicrophoneFacts::new("cam", "C920 webcam", DeviceClass::Unknown)
    });
    facts.rivals = vec![RivalFacts {
        id: "jabra".into(),
        name: "Jabra Evolve2 65".into(),
        class: DeviceClass::Headset,
        level_dbfs: -22.0,
    }];
    report(facts)
}

/// Sound and computer are done, the network is looked at.
pub fn half_done(now: Instant) -> RunView {
    let (facts, limits) = (facts(), Limits::default());
    let progress = checks_of(Plan::Quick)
        .into_iter()
        .enumerate()
        .map(|(index, check)| Progress {
            check,
            state: match index {
                0..17 => State::Done(judge::line(check.id, &facts, &limits)),
                17 => State::Running,
                _ => State::Waiting,
            },
        })
        .collect();
    RunView { scope: Scope::Plan(Plan::Quick), progress, began: now }
}

/// The sound check at this step, with all that came before it.
pub fn walk(step: Step) -> Walk {
    let mut facts = facts();
    facts.echo = Some(EchoFacts { return_loss_db: Some(46.0), delay_ms: Some(38.0), visible_to_db: 55.0 });
    facts.sounds_right = Some(true);
    for output in [&mut facts.speaker, &mut facts.ringer].into_iter().flatten() {
        (output.heard_left, output.heard_right) = (Some(true), Some(true));
    }
    facts.buttons = Some(ButtonFacts { volume: true, mute: step == Step::Summary });
    let mut walk = Walk::new(facts);
    walk.step = step;
    walk.recorded = step == Step::Sentence;
    walk.wave = (0..100_u8).map(|n| -50.0 + 34.0 * (f32::from(n) * 0.35).sin().abs()).collect();
    walk.played = [true; 3];
    if step == Step::Sides
        && let Some(speaker) = &mut walk.facts.speaker
    {
        speaker.heard_right = None;
    }
    walk.seconds = (0..15_u8)
        .map(|n| Quality { mos: Some(4.35 - if n == 9 { 0.5 } else { 0.0 }), ..Quality::default() })
        .collect();
    if step == Step::Summary {
        let limits = Limits::default();
        let lines: Vec<_> = all_checks().map(|check| judge::line(check, &walk.facts, &limits)).collect();
        let count = lines.len();
        walk.report =
            Some(Report::new(Plan::Audio, (1_795_510_320, 96_000), lines, count, walk.facts.clone(), &limits));
        walk.baseline = Some(healthy());
    }
    walk
}
