//! What the fuzzers start from and what once broke something, on every run of the tests and with the stable
//! toolchain: each input as it is, and a few hundred damaged copies of it.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::path::Path;
use std::time::Instant;

use phone_core::line::genesys::fuzz as genesys;
use phone_tests::random::Random;

/// Runs a fuzz body on the corpus of this name.
fn check(name: &str, copies: usize, body: impl Fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpora").join(name);
    let mut files: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() > 1, "{} is nearly empty", folder.display());
    for file in files {
        let input = std::fs::read(&file).unwrap();
        body(&input);
        let mut random = Random::new(input.len() as u64);
        for copy in 0..copies {
            let damaged = damage(&mut random, &input);
            let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| body(&damaged)));
            assert!(ran.is_ok(), "copy {copy} of {} breaks it: {damaged:?}", file.display());
        }
    }
}

/// Changes, cuts, repeats or inserts a few bytes.
fn damage(random: &mut Random, input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len() as u64 + 1) as usize;
        let length = random.below(9) as usize;
        let end = (at + length).min(bytes.len());
        match random.below(4) {
            0 => drop(bytes.splice(at..end, random.bytes(end - at))),
            1 => drop(bytes.drain(at..end)),
            2 => {
                let piece = bytes[at..end].to_vec();
                bytes.splice(at..at, piece);
            }
            _ => drop(bytes.splice(at..at, random.bytes(length))),
        }
    }
    bytes
}

#[test]
fn descriptions_and_candidates() {
    check("sdp", 400, phone_core::sdp::fuzz);
}

#[test]
fn what_arrives_on_media_sockets() {
    check("media_receive", 60, |bytes| phone_core::media::fuzz_receive(Instant::now(), bytes));
}

#[test]
fn what_the_service_says() {
    check("genesys", 200, |bytes| {
        genesys::stanza(bytes);
        genesys::notification(bytes);
        genesys::http_body(bytes);
        genesys::sign_in_answer(bytes);
        genesys::line(Instant::now(), bytes);
    });
}

#[test]
fn packets_for_the_jitter_buffer() {
    check("jitter", 100, phone_audio::fuzz::fuzz_jitter);
}

#[test]
fn payloads_that_are_no_opus() {
    check("opus_decode", 300, phone_audio::fuzz::fuzz_decode);
}

#[test]
fn answers_of_stun_servers_and_results_of_checks() {
    check("diagnosis", 200, phone_core::diagnose::fuzz);
}

#[test]
fn answers_of_name_servers_and_web_servers_and_certificates() {
    check("probes", 300, phone_io::probe::fuzz);
}

#[test]
fn payloads_of_the_telephones_codecs_and_comfort_noise() {
    check("telephone", 200, phone_audio::fuzz::fuzz_telephone);
}

#[test]
fn objects_of_phone_administration() {
    check("provisioning", 200, phone_core::provisioning::fuzz);
}

#[test]
fn policies_of_an_organisation() {
    check("policy", 200, phone_core::policy::fuzz);
}

#[test]
fn the_feed_of_versions_and_its_signature() {
    check("update", 200, phone_core::update::fuzz);
}
