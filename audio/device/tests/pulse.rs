//! Real streams against a private PulseAudio server: heard tones, plugging, defaults, a server that comes late.
#![allow(clippy::unwrap_used, clippy::cast_possible_wrap, reason = "tests")]

mod server;

use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use phone_audio::measure::{chirp, chirps_in, sine, tone_in};
use phone_audio::ring::{CaptureReader, PlaybackWriter};
use phone_audio::sound::{Because, Choice, Class, Role, SoundError, SoundNews, SoundRequest, Wish};
use phone_audio::{FRAME_SAMPLES, Frame};
use server::{Ear, Server, isolated, pactl, plug, unplug};

/// What the program promises when a device goes or the default changes.
const SOON: Duration = Duration::from_secs(1);
/// A first opening may meet a sleeping sink.
const OPENING: Duration = Duration::from_secs(5);

fn playback(news: SoundNews) -> Option<(String, Because, PlaybackWriter)> {
    match news {
        SoundNews::Playback { info, because, stream, .. } => {
            Some((info.id, because, PlaybackWriter::new(stream).unwrap()))
        }
        SoundNews::Failed { error, .. } => panic!("{error}"),
        _ => None,
    }
}

fn capture(news: SoundNews) -> Option<(String, Because, CaptureReader)> {
    match news {
        SoundNews::Capture { info, because, stream } => Some((info.id, because, CaptureReader::new(stream).unwrap())),
        SoundNews::Failed { error, .. } => panic!("{error}"),
        _ => None,
    }
}

/// Plays a sound into a sink of the server, from outside.
struct Pacat(Child);

impl Pacat {
    fn play(sink: &str, sound: &[f32]) -> Self {
        let mut child = Command::new("pacat")
            .args(["--playback", "-d", sink, "--format=float32le", "--rate=48000", "--channels=1", "--latency-msec=20"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let bytes: Vec<u8> = sound.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        let mut input = child.stdin.take().unwrap();
        std::thread::spawn(move || input.write_all(&bytes).ok());
        Self(child)
    }

    fn record(source: &str) -> Self {
        let child = Command::new("parec")
            .args(["-d", source, "--format=float32le", "--rate=48000", "--channels=1", "--latency-msec=10", "--raw"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn take(&mut self, samples: usize) -> Vec<f32> {
        let mut bytes = vec![0; samples * 4];
        self.0.stdout.as_mut().unwrap().read_exact(&mut bytes).unwrap();
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes(four.try_into().unwrap())).collect()
    }
}

impl Drop for Pacat {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Runs a media thread's ticks: `tick` is called every 10 ms.
fn ticks(time: Duration, mut tick: impl FnMut()) {
    let start = Instant::now();
    let mut due = start;
    while start.elapsed() < time {
        tick();
        due += Duration::from_millis(10);
        sleep(due.saturating_duration_since(Instant::now()));
    }
}

#[test]
fn the_list_has_real_devices_with_stable_ids_and_marks_the_defaults() {
    isolated("the_list_has_real_devices_with_stable_ids_and_marks_the_defaults", true, |_| {
        let list = phone_device::list().unwrap();
        let brief: Vec<_> = list.iter().map(|d| (d.id.as_str(), d.input, d.default)).collect();
        assert_eq!(
            brief,
            [("pulseaudio:mic", true, true), ("pulseaudio:mouth", false, false), ("pulseaudio:spk", false, true)]
        );
        assert!(list.iter().all(|device| device.rate_hz == Some(48_000) && device.class == Class::Virtual));
        assert_eq!(Ear::new(&[]).devices(), list);
    });
}

#[test]
fn a_tone_comes_through_the_microphone() {
    isolated("a_tone_comes_through_the_microphone", true, |_| {
        let _mouth = Pacat::play("mouth", &sine(440.0, -20.0, 48_000 * 10));
        let mut ear = Ear::new(&[]);
        ear.open(Role::Microphone);
        let (id, because, mut reader) = ear.wait(OPENING, "microphone", capture);
        assert_eq!((id.as_str(), because), ("pulseaudio:mic", Because::Asked));
        let (mut heard, mut frame) = (Vec::new(), Frame::SILENCE);
        let start = Instant::now();
        // A null sink that was idle takes its time.
        while heard.len() < 48_000 * 2 && start.elapsed() < Duration::from_secs(8) {
            while reader.read(&mut frame) {
                heard.extend_from_slice(&frame.0);
            }
            sleep(Duration::from_millis(5));
        }
        eprintln!("{} samples after {:?}, {:?}", heard.len(), start.elapsed(), reader.health());
        let tone = tone_in(&heard[heard.len() - 65_536..]).unwrap();
        assert!((tone.hz - 440.0).abs() < 1.0 && (tone.dbfs + 20.0).abs() < 0.5 && tone.purity > 0.98, "{tone:?}");
        assert_eq!(reader.lost(), 0);
    });
}

#[test]
fn what_is_written_is_heard_from_the_speaker() {
    isolated("what_is_written_is_heard_from_the_speaker", true, |_| {
        let mut ear = Ear::new(&[]);
        ear.open(Role::Speaker);
        let (id, _, mut writer) = ear.wait(OPENING, "speaker", playback);
        assert_eq!(id, "pulseaudio:spk");
        let sound = sine(500.0, -12.0, 48_000 * 20);
        let mut frames = sound.chunks_exact(FRAME_SAMPLES);
        let recorder = std::thread::spawn(|| Pacat::record("spk.monitor").take(48_000 * 3));
        let mut longest = Duration::ZERO;
        ticks(Duration::from_secs(6), || {
            while writer.wants() {
                if let Some(chunk) = frames.next() {
                    writer.write(&Frame(chunk.try_into().unwrap()));
                }
            }
            longest = longest.max(writer.delay());
        });
        let heard = recorder.join().unwrap();
        let tone = tone_in(&heard[48_000..]).unwrap();
        eprintln!("longest wait in the ring {longest:?}, {:?}", writer.health());
        assert!((tone.hz - 500.0).abs() < 1.0 && (tone.dbfs + 12.0).abs() < 0.5, "{tone:?}");
    });
}

#[test]
fn an_unplugged_speaker_is_replaced_and_taken_again_when_it_comes_back() {
    isolated("an_unplugged_speaker_is_replaced_and_taken_again_when_it_comes_back", true, |_| {
        let module = plug("usb");
        let mut ear = Ear::new(&[(Role::Speaker, Choice::Device("pulseaudio:usb".to_owned()))]);
        ear.open(Role::Speaker);
        let (id, because, writer) = ear.wait(OPENING, "opened", playback);
        assert_eq!((id.as_str(), because), ("pulseaudio:usb", Because::Asked));

        unplug(&module);
        let (id, because, fallback) = ear.wait(SOON, "fell back", playback);
        assert_eq!((id.as_str(), because), ("pulseaudio:spk", Because::FellBack));
        assert!(writer.is_abandoned(), "the old stream is closed");
        drop(writer);

        plug("usb");
        let (id, because, _writer) = ear.wait(SOON, "came back", playback);
        assert_eq!((id.as_str(), because), ("pulseaudio:usb", Because::CameBack));
        assert!(fallback.is_abandoned());
    });
}

#[test]
fn who_follows_the_system_follows_a_new_default() {
    isolated("who_follows_the_system_follows_a_new_default", true, |_| {
        plug("usb");
        let mut ear = Ear::new(&[(Role::Speaker, Choice::FollowSystem)]);
        ear.open(Role::Speaker);
        let (id, _, _first) = ear.wait(OPENING, "opened", playback);
        assert_eq!(id, "pulseaudio:spk");
        pactl(&["set-default-sink", "usb"]);
        let (id, because, _second) = ear.wait(SOON, "followed", playback);
        assert_eq!((id.as_str(), because), ("pulseaudio:usb", Because::FollowedSystem));
    });
}

#[test]
fn changing_the_choice_during_a_call_changes_the_device() {
    isolated("changing_the_choice_during_a_call_changes_the_device", true, |_| {
        let mut ear = Ear::new(&[]);
        ear.open(Role::Speaker);
        let (_, _, _first) = ear.wait(OPENING, "opened", playback);
        let choice = Choice::Device("pulseaudio:mouth".to_owned());
        ear.sound.request(SoundRequest::Choose { role: Role::Speaker, choice });
        let (id, because, second) = ear.wait(SOON, "changed", playback);
        assert_eq!((id.as_str(), because), ("pulseaudio:mouth", Because::Asked));
        // Dropping the stream closes the device and says so.
        drop(second);
        ear.wait(SOON, "closed", |news| matches!(news, SoundNews::Closed { role: Role::Speaker }).then_some(()));
    });
}

#[test]
fn without_a_server_it_says_so_and_recovers_when_one_appears() {
    isolated("without_a_server_it_says_so_and_recovers_when_one_appears", false, |dir| {
        assert_eq!(phone_device::list(), Err(SoundError::NoServer));
        let mut ear = Ear::new(&[(Role::Microphone, Choice::Tone(330.0))]);
        let listed = ear.devices();
        assert!(listed.iter().all(|device| device.id == "tone:330"), "{listed:?}");
        ear.open(Role::Speaker);
        let error = ear.wait(SOON, "failed", |news| match news {
            SoundNews::Failed { role: Role::Speaker, error } => Some(error),
            _ => None,
        });
        assert_eq!(error, SoundError::NoServer);
        // Devices without hardware need no server.
        ear.open(Role::Microphone);
        let (_, _, mut reader) = ear.wait(SOON, "tone", capture);
        sleep(Duration::from_millis(200));
        assert!(reader.read(&mut Frame::SILENCE.clone()));

        let _server = Server::start(dir);
        let (id, _, _writer) = ear.wait(Duration::from_secs(4), "speaker after the server came", playback);
        assert_eq!(id, "pulseaudio:spk");
    });
}

#[test]
fn a_server_that_dies_is_noticed_and_its_successor_found() {
    isolated("a_server_that_dies_is_noticed_and_its_successor_found", false, |dir| {
        let server = Server::start(dir);
        let mut ear = Ear::new(&[]);
        ear.open(Role::Speaker);
        let (_, _, _writer) = ear.wait(OPENING, "opened", playback);
        drop(server);
        let empty = ear.wait(SOON * 3, "no devices", |news| match news {
            SoundNews::Devices(devices) => Some(devices.is_empty()),
            _ => None,
        });
        assert!(empty);
        std::fs::remove_file(dir.join("native")).ok();
        let _server = Server::start(dir);
        ear.wait(Duration::from_secs(5), "opened again", |news| {
            matches!(news, SoundNews::Playback { .. }).then_some(())
        });
    });
}

/// From a sample written to the speaker's ring to the same sample read from the microphone's ring, through the server:
/// both device buffers and both rings, without network and codec.
#[test]
fn the_way_through_speaker_and_microphone_is_short() {
    isolated("the_way_through_speaker_and_microphone_is_short", true, |_| {
        let speaker = Choice::Device("pulseaudio:mouth".to_owned());
        let mut ear = Ear::new(&[(Role::Speaker, speaker)]);
        ear.open(Role::Speaker);
        let (_, _, mut writer) = ear.wait(OPENING, "speaker", playback);
        ear.open(Role::Microphone);
        let (_, _, mut reader) = ear.wait(OPENING, "microphone", capture);
        // Chirps every half second, and what came back on the same tick.
        let mut sent: Vec<f32> = Vec::new();
        let mut heard: Vec<f32> = Vec::new();
        let mut pattern = chirp();
        pattern.resize(24_000, 0.0);
        let mut source = pattern.iter().copied().cycle();
        let mut frame = Frame::SILENCE;
        ticks(Duration::from_secs(6), || {
            while reader.read(&mut frame) {
                heard.extend_from_slice(&frame.0);
            }
            while writer.wants() {
                for sample in &mut frame.0 {
                    *sample = source.next().unwrap();
                }
                sent.extend_from_slice(&frame.0);
                writer.write(&frame);
            }
        });
        // Both count samples of the same server from the same moment on, so positions compare.
        let offset = sent.len() as i64 - heard.len() as i64;
        let (sent, heard) = (chirps_in(&sent), chirps_in(&heard));
        let delays: Vec<i64> = heard
            .iter()
            .filter_map(|at| sent.iter().map(|sent| *at as i64 + offset - *sent as i64).filter(|d| *d >= 0).min())
            .collect();
        eprintln!("delays in samples: {delays:?}; {:?} {:?}", writer.health(), reader.health());
        let mut late: Vec<i64> = delays.iter().skip(delays.len() / 2).copied().collect();
        late.sort_unstable();
        let median = late.get(late.len() / 2).copied().unwrap();
        assert!(median < 48 * 60, "{} ms", median / 48);
    });
}

/// One device is pulled out and plugged in again and again during a call: each time sound goes on elsewhere, and
/// nothing is left behind.
fn plug_and_unplug(times: usize) {
    // The fallback is a null sink that renders its first two seconds at once, before its reader makes it quick.
    sleep(Duration::from_millis(2_500));
    let mut module = plug("usb");
    let mut ear = Ear::new(&[(Role::Speaker, Choice::Device("pulseaudio:usb".to_owned()))]);
    ear.open(Role::Speaker);
    let (_, _, mut writer) = ear.wait(OPENING, "opened", playback);
    let (mut open, mut longest) = (None, Duration::ZERO);
    for n in 0..times {
        for plugged in [false, true] {
            if plugged {
                module = plug("usb");
            } else {
                unplug(&module);
            }
            let since = Instant::now();
            let (id, because, next) = ear.wait(SOON, "changed", playback);
            let expected =
                if plugged { ("pulseaudio:usb", Because::CameBack) } else { ("pulseaudio:spk", Because::FellBack) };
            assert_eq!((id.as_str(), because), expected, "round {n}");
            writer = next;
            // Until the new device has asked for sound. The one that was plugged in is a null sink that nobody reads,
            // which lets a new stream wait for two seconds as no real device does; there the open stream has to do.
            while !plugged && writer.health().callbacks.load(std::sync::atomic::Ordering::Relaxed) < 2 {
                while writer.wants() {
                    writer.write(&Frame::SILENCE);
                }
                assert!(since.elapsed() < SOON, "round {n}: no sound after {:?}", since.elapsed());
                sleep(Duration::from_millis(1));
            }
            longest = longest.max(since.elapsed());
        }
        // What the first rounds leave is there for good; then nothing more may come.
        if n == 2 {
            open = Some(left_open());
        }
    }
    drop(writer);
    ear.wait(SOON, "closed", |news| matches!(news, SoundNews::Closed { role: Role::Speaker }).then_some(()));
    eprintln!("{times} rounds: the longest gap was {longest:?}, open before and after: {open:?} {:?}", left_open());
    assert!(longest < Duration::from_millis(500), "{longest:?}");
    let (files, threads) = left_open();
    assert!(
        open.is_some_and(|(before, others)| files <= before && threads <= others),
        "{open:?}, then {files} {threads}"
    );
}

/// Open files and threads of this process.
fn left_open() -> (usize, usize) {
    let count = |folder: &str| std::fs::read_dir(folder).unwrap().count();
    (count("/proc/self/fd"), count("/proc/self/task"))
}

#[test]
fn row_54_two_hundred_unpluggings_cost_under_half_a_second_each() {
    isolated("row_54_two_hundred_unpluggings_cost_under_half_a_second_each", true, |_| {
        plug_and_unplug(200);
    });
}

#[test]
fn row_59_a_device_muted_in_the_system_is_told_within_a_second() {
    isolated("row_59_a_device_muted_in_the_system_is_told_within_a_second", true, |_| {
        let mut ear = Ear::new(&[]);
        let find = |devices: Vec<phone_audio::sound::DeviceInfo>| devices.into_iter().find(|device| device.input);
        assert_eq!(find(ear.devices()).and_then(|mic| mic.muted), Some(false));
        sleep(Duration::from_millis(100));
        pactl(&["set-source-mute", "mic", "1"]);
        pactl(&["set-source-volume", "mic", "40%"]);
        ear.wait(SOON, "muted", |news| match news {
            SoundNews::Devices(list) => {
                find(list).filter(|mic| mic.muted == Some(true) && mic.system_volume_percent == Some(40)).map(drop)
            }
            _ => None,
        });
    });
}

#[test]
fn row_54_a_preferred_device_is_taken_when_plugged_and_two_of_a_kind_have_two_names() {
    isolated("row_54_a_preferred_device_is_taken_when_plugged_and_two_of_a_kind_have_two_names", true, |_| {
        let wishes = vec![Wish::Named("*usb*".to_owned()), Wish::System];
        let mut ear = Ear::new(&[(Role::Speaker, Choice::Ranked(wishes))]);
        ear.open(Role::Speaker);
        let (id, _, _first) = ear.wait(OPENING, "opened", playback);
        assert_eq!(id, "pulseaudio:spk");
        let same = |name: &str| {
            let (sink, label) = (format!("sink_name={name}"), "sink_properties=device.description=MyUsb");
            pactl(&["load-module", "module-null-sink", &sink, "rate=48000", label])
        };
        let module = same("usb");
        let (id, because, _second) = ear.wait(SOON, "preferred", playback);
        assert_eq!((id.as_str(), because), ("pulseaudio:usb", Because::Preferred));
        same("usb-other");
        ear.wait(SOON, "told apart", |news| match news {
            SoundNews::Devices(list) => {
                let names: Vec<_> = list.iter().filter(|d| d.name.starts_with("MyUsb")).map(|d| &d.name).collect();
                (names == ["MyUsb · 1", "MyUsb · 2"]).then_some(())
            }
            _ => None,
        });
        unplug(&module);
        let (id, because, _third) = ear.wait(SOON, "the other of the kind", playback);
        assert_eq!((id.as_str(), because), ("pulseaudio:usb-other", Because::FellBack));
    });
}
