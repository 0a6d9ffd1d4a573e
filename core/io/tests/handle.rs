//! Whole threads from outside: start, send, watch, shut down.

#![allow(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests run in real time and fail by panic")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use phone_audio::sound::{Choice, Role, Sound, SoundNews, SoundRequest};
use phone_core::snapshot::Standing;
use phone_core::sound::{DeviceChoice, SoundRole};
use phone_core::{Command, Event, PhoneConfig, SignIn, Snapshot};
use phone_io::{PhoneHandle, StartOptions};

/// Generous: only a defect takes this long.
const LIMIT: Duration = Duration::from_secs(20);

/// A sound system without devices that tells what it is asked.
struct NoSound(std::sync::mpsc::Sender<SoundRequest>);

impl Sound for NoSound {
    fn request(&mut self, request: SoundRequest) {
        self.0.send(request).ok();
    }

    fn poll(&mut self) -> Option<SoundNews> {
        None
    }
}

struct Phone {
    handle: PhoneHandle,
    wakes: Arc<AtomicU32>,
    sound: std::sync::mpsc::Receiver<SoundRequest>,
}

impl Phone {
    fn start(data_dir: Option<PathBuf>) -> Self {
        let wakes = Arc::new(AtomicU32::new(0));
        let counter = Arc::clone(&wakes);
        let (requests, sound) = std::sync::mpsc::channel();
        let options = StartOptions {
            phone: PhoneConfig::default(),
            sound: Box::new(NoSound(requests)),
            wake: Arc::new(move || {
                counter.fetch_add(1, Ordering::Relaxed);
            }),
            data_dir,
            read_settings: None,
            allow_loopback: true,
            open_browser: Arc::new(|_| false),
            extra_ca: None,
        };
        Self { handle: phone_io::start(options).unwrap(), wakes, sound }
    }

    fn sign_in(&self, origin: String) {
        assert!(self.handle.send(Command::SignIn(SignIn::Practice { origin, user: "ana".into() })));
    }

    fn wait_for(&self, what: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let until = Instant::now() + LIMIT;
        loop {
            let snapshot = self.handle.snapshot();
            if what(&snapshot) {
                return snapshot;
            }
            assert!(Instant::now() < until, "it stayed {snapshot:?}");
            // Events come with most changes; the limit is for those without.
            self.handle.wait_event(Duration::from_millis(20));
        }
    }
}

/// A folder of its own per test, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("offhook-handle-{}-{name}", std::process::id()));
        std::fs::remove_dir_all(&path).ok();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

fn troubled(snapshot: &Snapshot) -> bool {
    matches!(snapshot.standing, Standing::Problem { .. } | Standing::Reconnecting { .. })
}

#[test]
fn a_phone_that_does_nothing_starts_and_ends_at_once() {
    let start = Instant::now();
    let phone = Phone::start(None);
    assert_eq!(phone.handle.snapshot().standing, Standing::SignedOut);
    assert!(phone.wakes.load(Ordering::Relaxed) <= 1);
    phone.handle.shut_down(LIMIT);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // The sound system went with the media thread.
    assert!(phone.sound.recv_timeout(LIMIT).is_err());
}

#[test]
fn a_service_that_is_not_there_becomes_a_standing_and_a_wake() {
    let phone = Phone::start(None);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    phone.sign_in(origin);
    phone.wait_for(troubled);
    assert!(phone.wakes.load(Ordering::Relaxed) >= 2);
}

#[test]
fn a_service_that_talks_nonsense_becomes_a_standing() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            // As much of the request as is there; the answer is nonsense anyway.
            if stream.read(&mut [0; 4096]).is_err() {
                continue;
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<xml>").ok();
        }
    });
    let phone = Phone::start(None);
    phone.sign_in(origin);
    phone.wait_for(troubled);
}

#[test]
fn shutting_down_keeps_its_limit_while_a_service_is_silent() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let phone = Phone::start(None);
    phone.sign_in(format!("http://{}", listener.local_addr().unwrap()));
    phone.wait_for(|snapshot| snapshot.standing != Standing::SignedOut);
    // The request is on its way and will never be answered.
    let (_request, _) = listener.accept().unwrap();
    let start = Instant::now();
    phone.handle.shut_down(Duration::from_secs(1));
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn volumes_and_devices_come_back_after_a_restart() {
    let folder = Folder::new("settings");
    let phone = Phone::start(Some(folder.0.clone()));
    let choice = DeviceChoice::Device("fake:7".to_owned());
    assert!(phone.handle.send(Command::SetVolume { role: SoundRole::Ringer, percent: 35 }));
    assert!(phone.handle.send(Command::ChooseDevice { role: SoundRole::Speaker, choice: choice.clone() }));
    phone.wait_for(|snapshot| snapshot.sound.speaker.choice == choice && snapshot.sound.ringer.volume_percent == 35);
    phone.handle.shut_down(LIMIT);

    let phone = Phone::start(Some(folder.0.clone()));
    let snapshot = phone.wait_for(|snapshot| snapshot.sound.ringer.volume_percent == 35);
    assert_eq!(snapshot.sound.speaker.choice, choice);
    let asked = phone.sound.recv_timeout(LIMIT).unwrap();
    assert_eq!(asked, SoundRequest::Choose { role: Role::Speaker, choice: Choice::Device("fake:7".to_owned()) });
}

#[test]
fn broken_settings_are_told_and_do_not_keep_the_phone_from_starting() {
    let folder = Folder::new("broken");
    std::fs::create_dir_all(&folder.0).unwrap();
    std::fs::write(folder.0.join("settings.toml"), "speaker = [").unwrap();
    let phone = Phone::start(Some(folder.0.clone()));
    match phone.handle.wait_event(LIMIT) {
        Some(Event::Problem(notice)) => assert_eq!(notice.id, "settings-broken"),
        other => panic!("{other:?}"),
    }
    assert!(folder.0.join("settings.toml.broken").exists());
}

#[test]
fn a_dropped_handle_ends_its_threads() {
    let phone = Phone::start(None);
    let sound = phone.sound;
    drop(phone.handle);
    assert!(matches!(sound.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected)));
}
