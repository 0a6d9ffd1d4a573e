//! Listens to the other microphones for a moment, when the one in use is silent: does another one hear the user?

use std::time::{Duration, Instant};

use phone_audio::level::rms_dbfs;
use phone_audio::sound::{Choice, Role, SoundNews, SoundRequest};
use phone_core::diagnose::facts::{DeviceFacts, RivalFacts};

/// How long each of them is open; all at the same time.
pub const LENGTH: Duration = Duration::from_millis(700);
/// For opening one.
const OPEN_LIMIT: Duration = Duration::from_millis(1_500);
const LOOK: Duration = Duration::from_millis(10);
/// At most so many.
const MOST: usize = 4;

/// Blocks for about a second.
pub fn listen(others: &[DeviceFacts]) -> Vec<RivalFacts> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = others
            .iter()
            .take(MOST)
            .filter_map(|device| {
                let thread = std::thread::Builder::new().name("check-microphone".to_owned());
                thread.spawn_scoped(scope, || level(&device.id)).ok().map(|thread| (device, thread))
            })
            .collect();
        threads
            .into_iter()
            .filter_map(|(device, thread)| {
                let level_dbfs = thread.join().ok()??;
                Some(RivalFacts { id: device.id.clone(), name: device.name.clone(), class: device.class, level_dbfs })
            })
            .collect()
    })
}

/// The level of one microphone; `None`: it did not open.
fn level(id: &str) -> Option<f32> {
    let mut sound = phone_device::start(&[(Role::Microphone, Choice::Device(id.to_owned()))]);
    sound.request(SoundRequest::Open { role: Role::Microphone });
    let start = Instant::now();
    let mut stream = loop {
        match sound.poll() {
            Some(SoundNews::Capture { info, stream, .. }) if info.id == id => break stream,
            // Another device in its place says nothing about this one.
            Some(SoundNews::Capture { .. } | SoundNews::Failed { .. }) => return None,
            Some(_) => {}
            None if start.elapsed() > OPEN_LIMIT => return None,
            None => std::thread::sleep(LOOK),
        }
    };
    let (start, mut samples) = (Instant::now(), Vec::new());
    while start.elapsed() < LENGTH {
        std::thread::sleep(LOOK);
        let ready = stream.samples.slots();
        if let Ok(chunk) = stream.samples.read_chunk(ready) {
            samples.extend(chunk);
        }
    }
    // What came while the device started is not to be relied on.
    let kept = samples.get(samples.len() / 4..).unwrap_or_default();
    (!kept.is_empty()).then(|| rms_dbfs(kept))
}
