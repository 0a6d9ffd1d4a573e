//! Faults of settings, calls and trunks of a line, and the seeds' own tables of causes against the rules.

use super::*;

fn session(facts: &mut Facts) -> &mut SessionFacts {
    facts.session.get_or_insert_default()
}

#[expect(clippy::unnecessary_wraps, reason = "as the facts hold it")]
fn flow(change: impl FnOnce(&mut CallFlowFacts)) -> Option<CallFlowFacts> {
    let codecs = || vec!["opus/48000/2".to_owned(), "PCMU/8000".to_owned()];
    let mut flow = CallFlowFacts {
        seconds: 40.0,
        sent: 2_000,
        received: 2_000,
        other_received: Some(1_990),
        codecs_ours: codecs(),
        codecs_theirs: vec!["pcmu/8000".to_owned(), "telephone-event/8000".to_owned()],
        advertised: Some([198, 51, 100, 9].into()),
        source: Some([198, 51, 100, 9].into()),
        port: 16_384,
        broke: None,
    };
    change(&mut flow);
    Some(flow)
}

fn failure(direction: Direction, origin: Origin, status: Option<u16>) -> FailureFacts {
    FailureFacts {
        method: "INVITE".into(),
        direction,
        origin,
        status,
        unanswered: None,
        server: "sip.example.org:8060".into(),
        retry_after_s: None,
        our_address: Some([203, 0, 113, 9].into()),
        challenge: None,
    }
}

/// Our INVITE, refused there with this status.
fn refused_there(status: u16) -> Vec<FailureFacts> {
    vec![failure(Direction::Out, Origin::Other, Some(status))]
}

/// Their INVITE, refused here.
fn refused_here(status: u16) -> Vec<FailureFacts> {
    vec![failure(Direction::In, Origin::This, Some(status))]
}

fn register(mut failure: FailureFacts) -> Vec<FailureFacts> {
    failure.method = "REGISTER".into();
    vec![failure]
}

fn unanswered(why: Unanswered) -> FailureFacts {
    FailureFacts { unanswered: Some(why), ..failure(Direction::Out, Origin::Other, None) }
}

fn challenged(status: u16, change: impl FnOnce(&mut ChallengeFacts)) -> Vec<FailureFacts> {
    let mut challenge = ChallengeFacts {
        realm: "trunk.example.org".into(),
        realm_known: true,
        algorithm: "MD5".into(),
        algorithm_known: true,
        refused_again: true,
    };
    change(&mut challenge);
    let failure = FailureFacts { challenge: Some(challenge), ..failure(Direction::Out, Origin::Other, Some(status)) };
    register(failure)
}

#[expect(clippy::unnecessary_wraps, reason = "as the facts hold it")]
fn trunk(change: impl FnOnce(&mut TrunkFacts)) -> Option<TrunkFacts> {
    let mut trunk = TrunkFacts {
        name: "Retell".into(),
        port: 8061,
        transport: "tls".into(),
        platform_ports: vec![8060, 8061],
        srtp: true,
        registered: Some(true),
        probes_sent: 60,
        probes_lost: 1,
        register_waiting: 4,
        register_rate: 2.0,
        expires_s: 300,
        ..TrunkFacts::default()
    };
    change(&mut trunk);
    Some(trunk)
}

fn tls(fault: TlsFault) -> Option<TrunkFacts> {
    trunk(|trunk| {
        trunk.tls = Some(TlsFacts { subject: "sip.example.org".into(), issuer: "Example Root CA 1".into(), fault });
    })
}

fn header(message: &str, header: &str) -> HeaderFacts {
    HeaderFacts {
        message: message.into(),
        header: header.into(),
        problem: "missing".into(),
        section: "RFC 3261 §8.1.1.8".into(),
        origin: Origin::Other,
    }
}

fn missing(facts: &mut Facts, why: crate::snapshot::PhoneMissing) {
    facts.service = Some(ServiceFacts { signed_in: true, missing: Some(why), ..ServiceFacts::default() });
}

fn name() -> String {
    "Ana_WebRTC".to_owned()
}

#[expect(clippy::unnecessary_wraps, reason = "as the facts hold it")]
fn route(change: impl FnOnce(&mut RoutingFacts)) -> Option<RoutingFacts> {
    let mut routing = RoutingFacts {
        site: "Madrid".into(),
        site_has_route: true,
        plan: Some("National".into()),
        trunk: Some("Retell".into()),
        trunk_in_service: true,
    };
    change(&mut routing);
    Some(routing)
}

pub const FAULTS: &[Fault] = &[
    ("DX-01a", |f| {
        (session(f).persistent, session(f).answer_ms) =
            (Some(false), vec![1_900.0, 2_400.0, 2_100.0, 1_800.0, 2_200.0]);
    }),
    ("DX-01a", |f| (session(f).persistent, session(f).missed) = (Some(false), 1)),
    ("DX-01b", |f| (session(f).persistent, session(f).persistent_used) = (Some(true), Some(false))),
    ("DX-01b", |f| {
        (session(f).persistent, session(f).persistent_used) = (Some(true), Some(false));
        session(f).changed = vec![("Persistent Connection".into(), "off".into(), "on".into())];
    }),
    ("DX-04a", |f| missing(f, crate::snapshot::PhoneMissing::NotCreated)),
    ("DX-04a", |f| {
        missing(f, crate::snapshot::PhoneMissing::NotCreated);
        f.service.as_mut().unwrap().signed_in = false;
    }),
    ("DX-04b", |f| missing(f, crate::snapshot::PhoneMissing::OtherUser { name: name() })),
    ("DX-04b", |f| {
        missing(f, crate::snapshot::PhoneMissing::OtherUser { name: name() });
        f.symptom = Some(Symptom::PhoneMissing);
    }),
    ("DX-04c", |f| missing(f, crate::snapshot::PhoneMissing::Disabled { name: name() })),
    ("DX-04c", |f| {
        missing(f, crate::snapshot::PhoneMissing::Disabled { name: name() });
        f.symptom = Some(Symptom::DidNotRing);
    }),
    ("DX-04d", |f| missing(f, crate::snapshot::PhoneMissing::NoBaseSettings { name: name() })),
    ("DX-04d", |f| {
        missing(f, crate::snapshot::PhoneMissing::NoBaseSettings { name: name() });
        f.symptom = Some(Symptom::PhoneMissing);
    }),
    ("DX-05a", |f| f.routing = route(|routing| routing.plan = None)),
    ("DX-05a", |f| f.routing = route(|routing| (routing.plan, routing.trunk_in_service) = (None, false))),
    ("DX-05b", |f| f.routing = route(|routing| routing.trunk_in_service = false)),
    ("DX-05b", |f| f.routing = route(|routing| (routing.trunk, routing.trunk_in_service) = (None, false))),
    ("DX-05c", |f| f.routing = route(|routing| routing.site_has_route = false)),
    ("DX-05c", |f| f.routing = Some(RoutingFacts::default())),
    ("DX-06", |f| session(f).changed = vec![("Media DSCP".into(), "0".into(), "46".into())]),
    ("DX-06", |f| {
        (session(f).persistent, session(f).persistent_used) = (Some(true), Some(true));
        session(f).changed = vec![("Relay behaviour".into(), "all regions".into(), "force TURN".into())];
    }),
    ("DX-R1a", |f| f.failures = refused_there(403)),
    ("DX-R1a", |f| f.failures = register(failure(Direction::Out, Origin::Other, Some(403)))),
    ("DX-R1b", |f| f.failures = refused_here(403)),
    ("DX-R1b", |f| f.failures = [refused_here(403), refused_here(403)].concat()),
    ("DX-R2a", |f| f.failures = refused_there(404)),
    ("DX-R2a", |f| {
        f.failures = vec![FailureFacts { our_address: None, ..failure(Direction::Out, Origin::Other, Some(404)) }];
    }),
    ("DX-R2b", |f| f.failures = refused_here(404)),
    ("DX-R2b", |f| {
        f.failures = refused_here(404);
        f.symptom = Some(Symptom::DidNotRing);
    }),
    ("DX-R3a", |f| f.failures = vec![unanswered(Unanswered::NameNotFound)]),
    ("DX-R3a", |f| f.failures = register(unanswered(Unanswered::NameNotFound))),
    ("DX-R3b", |f| f.failures = vec![unanswered(Unanswered::TimedOut)]),
    ("DX-R3b", |f| f.failures = register(unanswered(Unanswered::Refused))),
    ("DX-R3c", |f| f.failures = refused_there(503)),
    ("DX-R3c", |f| {
        f.failures =
            vec![FailureFacts { retry_after_s: Some(30), ..failure(Direction::Out, Origin::Other, Some(503)) }];
    }),
    ("DX-R4", |f| f.failures = refused_here(503)),
    ("DX-R4", |f| f.trunk = trunk(|trunk| trunk.registered = Some(false))),
    ("DX-R4", |f| f.trunk = trunk(|trunk| trunk.probes_lost = 15)),
    ("DX-R5", |f| f.failures = refused_there(488)),
    ("DX-R5", |f| f.failures = refused_here(606)),
    ("DX-R5", |f| f.flow = flow(|flow| flow.codecs_theirs = vec!["G729/8000".into(), "telephone-event/8000".into()])),
    ("DX-R6", |f| f.trunk = trunk(|trunk| trunk.headers = vec![header("INVITE", "Contact")])),
    ("DX-R6", |f| f.trunk = trunk(|trunk| trunk.headers = vec![header("200 OK", "Via")])),
    ("DX-R7a", |f| f.failures = challenged(401, |_| {})),
    ("DX-R7a", |f| f.failures = challenged(407, |challenge| challenge.algorithm = "SHA-256".into())),
    ("DX-R7b", |f| f.failures = challenged(401, |challenge| challenge.realm_known = false)),
    ("DX-R7b", |f| {
        f.failures = challenged(407, |challenge| (challenge.realm_known, challenge.refused_again) = (false, false));
    }),
    ("DX-R7c", |f| f.failures = challenged(401, |challenge| challenge.algorithm_known = false)),
    ("DX-R7c", |f| {
        f.failures = challenged(407, |challenge| (challenge.algorithm_known, challenge.realm_known) = (false, false));
    }),
    ("DX-R8", |f| f.flow = flow(|flow| flow.advertised = Some([192, 168, 1, 4].into()))),
    ("DX-R8", |f| {
        f.flow = flow(|flow| (flow.advertised, flow.received) = (Some([10, 0, 0, 4].into()), 0));
    }),
    ("DX-R9a", |f| f.flow = flow(|flow| flow.received = 0)),
    ("DX-R9a", |f| f.flow = flow(|flow| (flow.received, flow.other_received) = (0, Some(0)))),
    ("DX-R9b", |f| f.flow = flow(|flow| flow.other_received = Some(0))),
    ("DX-R9b", |f| f.flow = flow(|flow| (flow.sent, flow.other_received) = (0, None))),
    ("DX-R10", |f| f.trunk = trunk(|trunk| trunk.port = 5061)),
    ("DX-R10", |f| {
        f.trunk = trunk(|trunk| (trunk.port, trunk.srtp, trunk.transport) = (5060, false, "udp".into()));
    }),
    ("DX-R11", |f| f.trunk = trunk(|trunk| (trunk.transport, trunk.port) = ("tcp".into(), 8060))),
    ("DX-R11", |f| f.trunk = trunk(|trunk| (trunk.transport, trunk.port) = ("udp".into(), 8060))),
    ("DX-R12a", |f| f.trunk = tls(TlsFault::UnknownRoot)),
    ("DX-R12a", |f| {
        f.trunk = tls(TlsFault::UnknownRoot);
        f.symptom = Some(Symptom::CannotSignIn);
    }),
    ("DX-R12b", |f| f.trunk = tls(TlsFault::MissingIntermediate)),
    ("DX-R12b", |f| {
        f.trunk = tls(TlsFault::MissingIntermediate);
        f.trunk.as_mut().unwrap().registered = Some(false);
    }),
    ("DX-R12c", |f| f.trunk = tls(TlsFault::Expired)),
    ("DX-R12c", |f| {
        f.trunk = tls(TlsFault::Expired);
        f.trunk.as_mut().unwrap().registered = Some(false);
    }),
    ("DX-R12d", |f| f.trunk = tls(TlsFault::WrongName)),
    ("DX-R12d", |f| {
        f.trunk = tls(TlsFault::WrongName);
        f.trunk.as_mut().unwrap().registered = None;
    }),
    ("DX-R12e", |f| f.trunk = tls(TlsFault::WeakKey)),
    ("DX-R12e", |f| {
        f.trunk = tls(TlsFault::WeakKey);
        f.symptom = Some(Symptom::CannotSignIn);
    }),
    ("DX-R13", |f| f.trunk = tls(TlsFault::Intercepted)),
    ("DX-R13", |f| {
        f.trunk = tls(TlsFault::Intercepted);
        f.trunk.as_mut().unwrap().registered = Some(false);
    }),
    ("DX-R14a", |f| f.flow = flow(|flow| (flow.broke, flow.seconds) = (Some(Broke::RequestUnanswered), 31.0))),
    ("DX-R14a", |f| {
        f.flow = flow(|flow| (flow.broke, flow.seconds) = (Some(Broke::RequestUnanswered), 900.0));
        f.symptom = Some(Symptom::CallsDrop);
    }),
    ("DX-R14b", |f| f.flow = flow(|flow| (flow.broke, flow.seconds) = (Some(Broke::NoAck), 32.0))),
    ("DX-R14b", |f| {
        f.flow = flow(|flow| (flow.broke, flow.advertised) = (Some(Broke::NoAck), Some([10, 1, 1, 1].into())));
    }),
    ("DX-R14c", |f| f.flow = flow(|flow| (flow.broke, flow.seconds) = (Some(Broke::TimerExpired), 1_800.0))),
    ("DX-R14c", |f| {
        f.flow = flow(|flow| flow.broke = Some(Broke::TimerExpired));
        f.symptom = Some(Symptom::CallsDrop);
    }),
    ("DX-R15", |f| f.trunk = trunk(|trunk| (trunk.register_waiting, trunk.register_rate) = (900, 1.0))),
    ("DX-R15", |f| f.trunk = trunk(|trunk| (trunk.register_throttled, trunk.registered) = (12, Some(false)))),
];

#[test]
fn lines_that_are_well_raise_nothing() {
    let variations: [fn(&mut Facts); 7] = [
        |f| f.trunk = trunk(|_| {}),
        |f| f.trunk = tls(TlsFault::None),
        |f| f.flow = flow(|_| {}),
        |f| f.flow = flow(|flow| (flow.seconds, flow.received) = (1.0, 0)),
        |f| f.routing = route(|_| {}),
        // The first challenge of a registration is how it goes.
        |f| f.failures = challenged(401, |challenge| challenge.refused_again = false),
        |f| {
            (session(f).persistent, session(f).persistent_used) = (Some(false), Some(false));
            session(f).answer_ms = vec![2_000.0, 400.0, 380.0, 410.0, 300.0];
        },
    ];
    for (number, change) in variations.into_iter().enumerate() {
        let mut facts = healthy();
        change(&mut facts);
        assert_eq!(report(facts).causes, Vec::new(), "variation {number}");
    }
}

/// The rules of the one cause that a code raises.
fn rules_of(direction: Direction, origin: Origin, status: u16) -> Vec<String> {
    let facts = Facts { failures: vec![failure(direction, origin, Some(status))], ..healthy() };
    judge::causes(&facts, &Limits::default()).into_iter().map(|cause| cause.rule).collect()
}

#[test]
fn row_132_the_same_code_means_another_cause_and_another_owner_by_who_asked_and_who_said_it() {
    for (status, there, here) in [(403, "DX-R1a", "DX-R1b"), (404, "DX-R2a", "DX-R2b"), (503, "DX-R3c", "DX-R4")] {
        assert_eq!(rules_of(Direction::Out, Origin::Other, status), [there], "our call, refused there with {status}");
        assert_eq!(rules_of(Direction::In, Origin::This, status), [here], "their call, refused here with {status}");
        let advice = |id| catalogue::rule(id).unwrap().remedy;
        assert_ne!(advice(there), advice(here), "{status}");
    }
    // Nobody's fault of ours: they called, and they said no to somebody else.
    assert_eq!(rules_of(Direction::Out, Origin::Other, 486), [""; 0]);
}

#[test]
fn what_was_told_of_a_refused_call_says_which_way_it_went() {
    let mut facts = healthy();
    facts.failures = [refused_there(403), refused_here(404)].concat();
    let causes = judge::causes(&facts, &Limits::default());
    let told: Vec<&str> = causes.iter().map(|cause| cause.evidence[0].fact.as_str()).collect();
    assert!(told.contains(&"Our INVITE to sip.example.org:8060"), "{told:?}");
    assert!(told.contains(&"INVITE from sip.example.org:8060"), "{told:?}");
}

/// Each row of the seeds that names a cause, and the rules that prove it.
const SEEDS: [(&str, &[&str]); 28] = [
    ("WebRTC: cannot answer reliably, persistent connection disabled or not applied", &["DX-01a", "DX-01b"]),
    ("WebRTC: no audio", &["DX-02a", "DX-02b", "DX-02c", "DX-02d", "DX-02e", "DX-02f"]),
    ("WebRTC: poor call quality", &["DX-03a", "DX-03b", "DX-03c", "DX-03d", "DX-03e"]),
    ("WebRTC: phone not visible", &["DX-04a", "DX-04b", "DX-04c", "DX-04d"]),
    ("WebRTC: calls do not route", &["DX-05a", "DX-05b", "DX-05c"]),
    ("WebRTC: settings change not applied", &["DX-06"]),
    ("WebRTC: unexpected TURN or media path", &["DX-07a", "DX-07b", "DX-07c"]),
    ("quick reference: call not reaching the platform", &["DX-R3b", "DX-R1a"]),
    ("quick reference: 403 Forbidden", &["DX-R1a", "DX-R1b"]),
    ("quick reference: 503 Service Unavailable", &["DX-R3a", "DX-R3b", "DX-R3c"]),
    ("quick reference: one-way audio", &["DX-R9a", "DX-R9b", "DX-R8"]),
    ("quick reference: no audio, codec", &["DX-R5"]),
    ("quick reference: drops at 30 s", &["DX-R14a", "DX-R14b", "DX-R14c"]),
    ("quick reference: drops on register", &["DX-R15"]),
    ("codes: 403", &["DX-R1a", "DX-R1b"]),
    ("codes: 404", &["DX-R2a", "DX-R2b"]),
    ("codes: 503", &["DX-R3a", "DX-R3b", "DX-R3c", "DX-R4"]),
    ("trunk status: down or degraded", &["DX-R4"]),
    ("trace: codec mismatch", &["DX-R5"]),
    ("trace: missing or rejected Contact or Via", &["DX-R6"]),
    ("trace: authentication challenges", &["DX-R7a", "DX-R7b", "DX-R7c"]),
    ("trace: NAT, enable FENT", &["DX-R8"]),
    ("one-way audio: UDP 16384–32766 in both directions", &["DX-R9a", "DX-R9b"]),
    ("one-way audio: the address in c= and m=", &["DX-R8"]),
    ("one-way audio: did the other side receive", &["DX-R9b"]),
    ("TLS: unknown CA", &["DX-R12a"]),
    ("TLS: incomplete chain", &["DX-R12b"]),
    ("TLS: a session border controller intercepts", &["DX-R13"]),
];

#[test]
fn row_131_all_28_diagnoses_of_the_seeds_have_a_rule_with_cause_and_remedy_and_two_faults() {
    for (seed, rules) in SEEDS {
        for id in rules {
            let rule = catalogue::rule(id).unwrap_or_else(|| panic!("{seed}: {id} is no rule"));
            assert!(!rule.cause.is_empty() && !rule.remedy.is_empty() && !rule.source.is_empty(), "{id}");
            let faults = super::faults().filter(|(rule, _)| rule == id).count();
            assert!(faults >= 2, "{seed}: {id} has {faults} faults");
        }
    }
}
