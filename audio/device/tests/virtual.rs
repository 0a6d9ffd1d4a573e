//! Files, tones and silence as devices, in real time and without a sound server.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::PathBuf;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::sleep;
use std::time::{Duration, Instant};

use phone_audio::Frame;
use phone_audio::measure::{sine, tone_in};
use phone_audio::ring::{CaptureReader, PlaybackWriter};
use phone_audio::sound::{Because, Choice, Role, Sound, SoundError, SoundNews, SoundRequest};
use phone_device::wav;

fn file(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("offhook-virtual-{}-{name}.wav", std::process::id()))
}

fn next(sound: &mut dyn Sound) -> SoundNews {
    let start = Instant::now();
    loop {
        match sound.poll() {
            Some(SoundNews::Devices(_)) => {}
            Some(news) => return news,
            None => sleep(Duration::from_millis(1)),
        }
        assert!(start.elapsed() < Duration::from_secs(5), "nothing was told");
    }
}

fn microphone(sound: &mut dyn Sound) -> CaptureReader {
    sound.request(SoundRequest::Open { role: Role::Microphone });
    match next(sound) {
        SoundNews::Capture { because: Because::Asked, stream, .. } => CaptureReader::new(stream).unwrap(),
        SoundNews::Failed { error, .. } => panic!("{error}"),
        _ => panic!("something else was told"),
    }
}

fn speaker(sound: &mut dyn Sound) -> PlaybackWriter {
    sound.request(SoundRequest::Open { role: Role::Speaker });
    match next(sound) {
        SoundNews::Playback { because: Because::Asked, stream, .. } => PlaybackWriter::new(stream).unwrap(),
        SoundNews::Failed { error, .. } => panic!("{error}"),
        _ => panic!("something else was told"),
    }
}

#[test]
fn a_file_is_played_once_in_real_time_into_another_file() {
    let (from, to) = (file("from"), file("to"));
    wav::write(&from, &sine(800.0, -20.0, 48_000)).unwrap();
    let mut sound = phone_device::start(&[
        (Role::Microphone, Choice::WavFile(from.clone())),
        (Role::Speaker, Choice::WavFile(to.clone())),
    ]);
    let mut writer = speaker(&mut *sound);
    let mut reader = microphone(&mut *sound);
    let start = Instant::now();
    let (mut frame, mut waiting) = (Frame::SILENCE, Vec::new());
    let mut loud = 0;
    while start.elapsed() < Duration::from_millis(1500) {
        while reader.read(&mut frame) {
            loud += usize::from(frame.0.iter().any(|x| x.abs() > 0.05));
            waiting.push(frame.clone());
        }
        while writer.wants() {
            writer.write(&if waiting.is_empty() { Frame::SILENCE } else { waiting.remove(0) });
        }
        sleep(Duration::from_millis(3));
    }
    assert_eq!(loud, 100, "the whole file came, once");
    let frames = reader.health().callbacks.load(Relaxed);
    assert!((145..=156).contains(&frames), "{frames} frames in 1.5 s");
    drop((reader, writer, sound));
    // The handle's end waits for the file.
    let heard = wav::read(&to).unwrap();
    let onset = heard.iter().position(|x| x.abs() > 0.05).unwrap();
    let tone = tone_in(&heard[onset + 480..]).unwrap();
    assert!((tone.hz - 800.0).abs() < 1.0 && (tone.dbfs + 20.0).abs() < 0.5, "{tone:?}");
    std::fs::remove_file(from).ok();
    std::fs::remove_file(to).ok();
}

#[test]
fn devices_without_hardware_are_chosen_by_id_too() {
    let mut sound = phone_device::start(&[(Role::Microphone, Choice::Device("tone:440".to_owned()))]);
    let mut reader = microphone(&mut *sound);
    let mut heard = Vec::new();
    let mut frame = Frame::SILENCE;
    let start = Instant::now();
    while start.elapsed() < Duration::from_millis(400) {
        while reader.read(&mut frame) {
            heard.extend_from_slice(&frame.0);
        }
        sleep(Duration::from_millis(5));
    }
    let tone = tone_in(&heard).unwrap();
    assert!((tone.hz - 440.0).abs() < 1.0 && (tone.dbfs + 20.0).abs() < 0.3, "{tone:?}");
    // Dropping the stream closes the device.
    drop(reader);
    assert!(matches!(next(&mut *sound), SoundNews::Closed { role: Role::Microphone }));
    // And it can be opened again.
    drop(microphone(&mut *sound));
}

#[test]
fn a_file_that_is_not_there_is_a_sentence() {
    let choices = [(Role::Microphone, Choice::WavFile("/nowhere/hello.wav".into()))];
    let mut sound = phone_device::start(&choices);
    sound.request(SoundRequest::Open { role: Role::Microphone });
    let SoundNews::Failed { role: Role::Microphone, error } = next(&mut *sound) else {
        panic!("something else was told");
    };
    assert_eq!(error, SoundError::Failed("the file /nowhere/hello.wav does not exist".to_owned()));
    // Another choice helps at once.
    sound.request(SoundRequest::Choose { role: Role::Microphone, choice: Choice::Silence });
    assert!(matches!(next(&mut *sound), SoundNews::Capture { .. }));
}
