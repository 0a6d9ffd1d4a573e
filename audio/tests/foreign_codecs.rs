//! Our codecs of the telephone network against another implementation, bit for bit. ffmpeg's G.722 equals the ITU's test
//! vectors both ways, which may not be kept here.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::Write;
use std::process::{Command, Stdio};

use phone_audio::codec::{G722Decoder, G722Encoder, Law};

/// What ffmpeg makes of `input`; `from` and `to` describe both sides.
fn ffmpeg(input: &[u8], from: &[&str], to: &[&str]) -> Vec<u8> {
    let mut child = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin"])
        .args(from)
        .args(["-i", "pipe:0"])
        .args(to)
        .arg("pipe:1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("ffmpeg is missing: `cargo xtask test` installs it, or apt-get install ffmpeg");
    let mut stdin = child.stdin.take().unwrap();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input).unwrap());
        child.wait_with_output().unwrap()
    });
    assert!(output.status.success() && !output.stdout.is_empty());
    output.stdout
}

/// 20 s that drive every part of the codec: sweeps of both bands, steps of level, full-scale noise, squares, silence.
fn signal() -> Vec<i16> {
    let mut seed = 7_u32;
    let mut phase = 0.0_f64;
    (0..320_000_u32)
        .map(|n| {
            let t = f64::from(n) / 16_000.0;
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = f64::from(seed) / f64::from(u32::MAX) * 2.0 - 1.0;
            phase += (50.0 + 7_800.0 * (t * 0.37).fract()) / 16_000.0;
            let sweep = (std::f64::consts::TAU * phase).sin();
            let level = 10_f64.powf(-3.0 * (t * 1.3).fract());
            let value = match n / 32_000 {
                0 | 5 => sweep,
                1 | 6 => noise * level,
                2 => {
                    if (n / 40) % 2 == 0 {
                        1.0
                    } else {
                        -1.0
                    }
                }
                3 => {
                    if (n / 800) % 4 == 0 {
                        noise
                    } else {
                        0.0
                    }
                }
                4 => sweep * level,
                7 => (sweep + noise * 0.1) * 1.5,
                _ => sweep * 0.3 + noise * level * 0.3,
            };
            (value * 32_767.0) as i16
        })
        .collect()
}

fn bytes(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|sample| sample.to_le_bytes()).collect()
}

fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

const PCM: &[&str] = &["-f", "s16le", "-ar", "16000", "-ac", "1"];

#[test]
fn g722_encodes_every_bit_as_ffmpeg_does() {
    let signal = signal();
    let mut encoder = G722Encoder::default();
    let ours: Vec<u8> = signal.chunks_exact(2).map(|pair| encoder.encode(pair[0], pair[1])).collect();
    let theirs = ffmpeg(&bytes(&signal), PCM, &["-c:a", "g722", "-f", "g722"]);
    let different = ours.iter().zip(&theirs).position(|(a, b)| a != b);
    assert_eq!(different, None, "of {} codes", ours.len());
    assert!(theirs.len() >= ours.len());
}

#[test]
fn g722_decodes_every_bit_as_ffmpeg_does() {
    let signal = signal();
    let mut encoder = G722Encoder::default();
    let mut codes: Vec<u8> = signal.chunks_exact(2).map(|pair| encoder.encode(pair[0], pair[1])).collect();
    // Codes no encoder would send in this order, too.
    let mut seed = 3_u32;
    codes.extend((0..80_000).map(|_| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 24) as u8
    }));
    let mut decoder = G722Decoder::default();
    let ours: Vec<i16> = codes.iter().flat_map(|code| decoder.decode(*code)).collect();
    let theirs = samples(&ffmpeg(&codes, &["-f", "g722", "-c:a", "g722"], &["-f", "s16le"]));
    assert_eq!(ours.len(), theirs.len());
    let different = ours.iter().zip(&theirs).position(|(a, b)| a != b);
    assert_eq!(different, None);
}

#[test]
fn g711_decodes_every_code_as_ffmpeg_does() {
    let codes: Vec<u8> = (0..=255).collect();
    for (law, name) in [(Law::A, "alaw"), (Law::Mu, "mulaw")] {
        let ours: Vec<i16> = codes.iter().map(|code| law.decode(*code)).collect();
        let theirs = ffmpeg(&codes, &["-f", name, "-ar", "8000"], &["-f", "s16le"]);
        assert_eq!(ours, samples(&theirs), "{name}");
    }
}
