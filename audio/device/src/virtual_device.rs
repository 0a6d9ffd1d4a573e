//! Files, tones, silence and nothing as sound devices, clocked in real time by a thread of their own.
//!
//! The schedule is absolute: frame `n` is due `n` × 10 ms after the start, so lateness never adds up.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use phone_audio::level::from_db;
use phone_audio::sound::{Choice, Class, DeviceInfo, Role, SoundError, StreamHealth};
use phone_audio::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};

use crate::callback::{CaptureEnd, PlaybackEnd};
use crate::stream::End;
use crate::wav::{WavError, WavSink, WavSource};

const FRAME_TIME: Duration = Duration::from_millis(10);
/// Later than this the computer was asleep: the missed time is skipped, not played fast.
const ASLEEP: Duration = Duration::from_millis(500);
/// Amplitude of the tone device.
const TONE_DBFS: f32 = -20.0;

/// A running device; stopped, and its file finished, when dropped.
pub struct VirtualDevice {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for VirtualDevice {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        if let Some(thread) = self.thread.take() {
            // At most one frame long, and a panic there was already reported.
            drop(thread.join());
        }
    }
}

/// A device that was started.
pub struct Started {
    pub device: VirtualDevice,
    pub end: End,
    pub health: Arc<StreamHealth>,
}

enum Source {
    Wav(Box<WavSource>),
    Tone { hz: f32, phase: f32 },
    Silence,
}

impl Source {
    fn next(&mut self, frame: &mut Frame) {
        match self {
            Self::Wav(wav) => {
                wav.next(frame);
            }
            Self::Tone { hz, phase } => {
                for sample in &mut frame.0 {
                    *sample = from_db(TONE_DBFS) * (std::f32::consts::TAU * *phase).sin();
                    *phase = (*phase + *hz / SAMPLE_RATE_HZ as f32).fract();
                }
            }
            Self::Silence => *frame = Frame::SILENCE,
        }
    }
}

/// What a choice without hardware is called; `None` for real devices.
pub fn info(choice: &Choice, role: Role) -> Option<DeviceInfo> {
    let (id, name) = match choice {
        Choice::FollowSystem | Choice::Device(_) | Choice::Ranked(_) => return None,
        Choice::WavFile(path) => {
            let file = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            (format!("wav:{}", path.display()), file)
        }
        Choice::Tone(hz) => (format!("tone:{hz}"), format!("Tone of {hz} Hz")),
        Choice::Silence => ("silence".to_owned(), "Silence".to_owned()),
        Choice::Null => ("null".to_owned(), "No output".to_owned()),
    };
    Some(DeviceInfo {
        id,
        name,
        input: role == Role::Microphone,
        class: Class::Virtual,
        default: false,
        rate_hz: Some(SAMPLE_RATE_HZ),
        channels: Some(1),
        ..DeviceInfo::default()
    })
}

/// The choice an id means: `wav:PATH`, `tone:HZ`, `silence`, `null`; anything else is a real device.
pub fn choice_of_id(id: &str) -> Choice {
    if let Some(path) = id.strip_prefix("wav:") {
        return Choice::WavFile(path.into());
    }
    if let Some(hz) = id.strip_prefix("tone:").and_then(|hz| hz.parse().ok()) {
        return Choice::Tone(hz);
    }
    match id {
        "silence" => Choice::Silence,
        "null" => Choice::Null,
        _ => Choice::Device(id.to_owned()),
    }
}

/// Starts the device of a choice without hardware.
pub fn start(choice: &Choice, role: Role) -> Result<Started, SoundError> {
    if role == Role::Microphone {
        let source = match choice {
            Choice::WavFile(path) => Source::Wav(Box::new(WavSource::open(path).map_err(sentence)?)),
            Choice::Tone(hz) if hz.is_finite() && (1.0..=20_000.0).contains(hz) => Source::Tone { hz: *hz, phase: 0.0 },
            Choice::Tone(hz) => return Err(SoundError::Failed(format!("a tone of {hz} Hz cannot be made"))),
            _ => Source::Silence,
        };
        start_input(source)
    } else {
        let sink = match choice {
            Choice::WavFile(path) => Some(create(path)?),
            _ => None,
        };
        start_output(sink)
    }
}

fn create(path: &Path) -> Result<WavSink, SoundError> {
    WavSink::create(path).map_err(sentence)
}

#[expect(clippy::needless_pass_by_value, reason = "reads better as a function to map with")]
fn sentence(error: WavError) -> SoundError {
    SoundError::Failed(error.to_string())
}

fn start_input(mut source: Source) -> Result<Started, SoundError> {
    let health = Arc::<StreamHealth>::default();
    // Half a second, as for real microphones. Full: the newest samples are lost and counted.
    let (producer, consumer) = rtrb::RingBuffer::new(SAMPLE_RATE_HZ as usize / 2);
    let mut end = CaptureEnd::new(producer, Arc::clone(&health));
    let mut frame = Frame::SILENCE;
    let device = every_frame("sound-file-in", move || {
        source.next(&mut frame);
        end.push(&frame.0, 1);
    })?;
    Ok(Started { device, end: End::Capture(consumer), health })
}

fn start_output(sink: Option<WavSink>) -> Result<Started, SoundError> {
    let health = Arc::<StreamHealth>::default();
    // A quarter of a second, as for real speakers. Full: what is written is dropped and counted.
    let (producer, consumer) = rtrb::RingBuffer::new(SAMPLE_RATE_HZ as usize / 4);
    let mut end = PlaybackEnd::new(consumer, Arc::clone(&health));
    let mut samples = [0.0; FRAME_SAMPLES];
    let mut sink = Finish(sink);
    let device = every_frame("sound-file-out", move || {
        end.fill(&mut samples, 1);
        if let Some(Err(error)) = sink.0.as_mut().map(|sink| sink.write(&samples)) {
            tracing::warn!(%error, "the recording ends here");
            sink.0 = None;
        }
    })?;
    Ok(Started { device, end: End::Playback(producer), health })
}

/// Finishes the file when the device's thread ends.
struct Finish(Option<WavSink>);

impl Drop for Finish {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.0.take().map(WavSink::finish) {
            tracing::warn!(%error, "the recording could not be finished");
        }
    }
}

/// Runs `work` every 10 ms of real time until the device is dropped.
fn every_frame(name: &str, mut work: impl FnMut() + Send + 'static) -> Result<VirtualDevice, SoundError> {
    let stop = Arc::<AtomicBool>::default();
    let stopped = Arc::clone(&stop);
    let thread = std::thread::Builder::new()
        .name(name.to_owned())
        .spawn(move || {
            let mut due = Instant::now();
            while !stopped.load(Relaxed) {
                let now = Instant::now();
                if now < due {
                    std::thread::sleep(due - now);
                    continue;
                }
                if now - due > ASLEEP {
                    due = now;
                }
                work();
                due += FRAME_TIME;
            }
        })
        .map_err(|error| SoundError::Failed(format!("a thread could not be started: {error}")))?;
    Ok(VirtualDevice { stop, thread: Some(thread) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_the_devices_they_came_from() {
        for choice in [Choice::WavFile("/tmp/a b.wav".into()), Choice::Tone(440.5), Choice::Silence, Choice::Null] {
            let info = info(&choice, Role::Speaker).unwrap();
            assert_eq!(choice_of_id(&info.id), choice);
            assert!(!info.input);
        }
        assert_eq!(choice_of_id("pulseaudio:null"), Choice::Device("pulseaudio:null".to_owned()));
        assert_eq!(info(&Choice::FollowSystem, Role::Speaker), None);
    }

    #[test]
    fn a_tone_keeps_its_phase_from_frame_to_frame() {
        let mut source = Source::Tone { hz: 441.0, phase: 0.0 };
        let mut sound = Vec::new();
        for _ in 0..100 {
            let mut frame = Frame::SILENCE;
            source.next(&mut frame);
            sound.extend_from_slice(&frame.0);
        }
        let tone = phone_audio::measure::tone_in(&sound).unwrap();
        assert!((tone.hz - 441.0).abs() < 0.3 && (tone.dbfs + 20.0).abs() < 0.1 && tone.purity > 0.99, "{tone:?}");
    }

    #[test]
    fn a_tone_nobody_can_hear_is_refused() {
        assert!(start(&Choice::Tone(f32::NAN), Role::Microphone).is_err());
        assert!(start(&Choice::Tone(48_000.0), Role::Microphone).is_err());
    }
}
