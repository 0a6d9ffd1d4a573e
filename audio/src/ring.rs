//! The media thread's ends of the device rings: whole frames at 48 kHz, whatever the device's rate and rhythm.
//!
//! Clocks. A device's clock is never exactly ours, so one of two things must give. Here the devices set the pace: the
//! microphone is read as fast as it delivers ([`CaptureReader::read`] until it says no), and sound for the speaker is
//! made as fast as the speaker takes it ([`PlaybackWriter::wants`]). Neither ring then grows or runs dry however far
//! the clocks drift. What remains is absorbed by the two jitter buffers, here and at the far end, which follow their
//! sender's clock anyway.
//!
//! Delay. The playback ring is filled to 15 ms: a device takes 10 ms at once, and the rest covers the phase between the
//! device and the media thread. A device that takes larger bites, or a thread that is late, shows as an underrun; then
//! the ring is filled higher, and slowly lower again, each time more slowly.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use crate::resample::{FromFrames, IntoFrames, ResampleError};
use crate::sound::{CaptureStream, PlaybackStream, StreamHealth};
use crate::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};

/// More than this in the capture ring is the past: the media thread was stalled. Milliseconds.
const BACKLOG_MS: u32 = 80;
/// What is kept of such a backlog.
const KEEP_MS: u32 = 20;

/// Fill of the playback ring in frames of the device.
const FILL_LEAST_MS: f32 = 15.0;
const FILL_MOST_MS: f32 = 80.0;
/// After an underrun.
const FILL_MORE_MS: f32 = 5.0;
/// Per written frame (10 ms) without underrun: 2.5 ms less in half a minute at first, half as fast after each underrun.
const FILL_LESS_MS: f32 = 2.5 / 3000.0;

/// Frames out of a microphone.
pub struct CaptureReader {
    stream: CaptureStream,
    /// `None` at 48 kHz.
    resampler: Option<IntoFrames>,
    scratch: Vec<f32>,
    dropped: u64,
}

impl CaptureReader {
    pub fn new(stream: CaptureStream) -> Result<Self, ResampleError> {
        let resampler = match stream.rate_hz {
            SAMPLE_RATE_HZ => None,
            other => Some(IntoFrames::new(other)?),
        };
        let room = resampler.as_ref().map_or(0, IntoFrames::needed_at_most);
        Ok(Self { stream, resampler, scratch: vec![0.0; room], dropped: 0 })
    }

    /// The next 10 ms, if the device has delivered them. Call until `false`.
    pub fn read(&mut self, frame: &mut Frame) -> bool {
        self.drop_backlog();
        let Some(resampler) = &mut self.resampler else {
            return self.stream.samples.pop_entire_slice(&mut frame.0).is_ok();
        };
        let Some(samples) = self.scratch.get_mut(..resampler.needed()) else { return false };
        if self.stream.samples.pop_entire_slice(samples).is_err() {
            return false;
        }
        resampler.process(samples, frame);
        true
    }

    fn drop_backlog(&mut self) {
        let waiting = self.stream.samples.slots();
        if waiting <= self.in_samples(BACKLOG_MS) {
            return;
        }
        let old = waiting - self.in_samples(KEEP_MS);
        if let Ok(chunk) = self.stream.samples.read_chunk(old) {
            chunk.commit_all();
            self.dropped += old as u64;
        }
    }

    fn in_samples(&self, ms: u32) -> usize {
        (self.stream.rate_hz / 1000 * ms) as usize
    }

    /// Sound that waits in the ring.
    pub fn delay(&self) -> Duration {
        seconds(self.stream.samples.slots(), self.stream.rate_hz)
    }

    /// Samples of the device that were lost because nobody read them in time. When this grows, near and far sound have
    /// shifted against each other.
    pub fn lost(&self) -> u64 {
        self.dropped + self.stream.health.overrun.load(Relaxed)
    }

    /// Samples a second of the device.
    pub fn rate_hz(&self) -> u32 {
        self.stream.rate_hz
    }

    /// Whether the device's side is gone.
    pub fn is_abandoned(&self) -> bool {
        self.stream.samples.is_abandoned()
    }

    pub fn health(&self) -> &Arc<StreamHealth> {
        &self.stream.health
    }
}

/// Frames into a speaker.
pub struct PlaybackWriter {
    stream: PlaybackStream,
    /// `None` at 48 kHz.
    resampler: Option<FromFrames>,
    fill_ms: f32,
    fill_less_ms: f32,
    underrun: u64,
    dropped: u64,
}

impl PlaybackWriter {
    pub fn new(stream: PlaybackStream) -> Result<Self, ResampleError> {
        let resampler = match stream.rate_hz {
            SAMPLE_RATE_HZ => None,
            other => Some(FromFrames::new(other)?),
        };
        let underrun = stream.health.underrun.load(Relaxed);
        Ok(Self { stream, resampler, fill_ms: FILL_LEAST_MS, fill_less_ms: FILL_LESS_MS, underrun, dropped: 0 })
    }

    /// Whether the device soon needs another frame. Call until `false`, and write a frame each time.
    pub fn wants(&self) -> bool {
        let target = (self.fill_ms * self.stream.rate_hz as f32 / 1e3) as usize;
        self.waiting() < target && self.stream.samples.slots() > 2 * FRAME_SAMPLES
    }

    /// Queues 10 ms. What does not fit is dropped and counted.
    pub fn write(&mut self, frame: &Frame) {
        let underrun = self.stream.health.underrun.load(Relaxed);
        if underrun > self.underrun {
            self.fill_ms = (self.fill_ms + FILL_MORE_MS).min(FILL_MOST_MS);
            self.fill_less_ms /= 2.0;
        } else {
            self.fill_ms = (self.fill_ms - self.fill_less_ms).max(FILL_LEAST_MS);
        }
        self.underrun = underrun;
        let samples = match &mut self.resampler {
            Some(resampler) => resampler.process(frame),
            None => &frame.0,
        };
        let (_, rest) = self.stream.samples.push_partial_slice(samples);
        self.dropped += rest.len() as u64;
    }

    fn waiting(&self) -> usize {
        self.stream.samples.buffer().capacity() - self.stream.samples.slots()
    }

    /// Sound that waits in the ring.
    pub fn delay(&self) -> Duration {
        seconds(self.waiting(), self.stream.rate_hz)
    }

    /// Samples the device wanted and did not get, since it was opened.
    pub fn underrun(&self) -> u64 {
        self.underrun
    }

    /// Samples that found the ring full.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Samples a second of the device.
    pub fn rate_hz(&self) -> u32 {
        self.stream.rate_hz
    }

    /// Whether the device's side is gone.
    pub fn is_abandoned(&self) -> bool {
        self.stream.samples.is_abandoned()
    }

    pub fn health(&self) -> &Arc<StreamHealth> {
        &self.stream.health
    }
}

fn seconds(samples: usize, rate_hz: u32) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(rate_hz.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{sine, tone_in};

    fn capture(rate_hz: u32) -> (rtrb::Producer<f32>, CaptureReader) {
        let (device, samples) = rtrb::RingBuffer::new(rate_hz as usize / 2);
        let stream = CaptureStream { samples, rate_hz, health: Arc::default(), keep: Box::new(()) };
        (device, CaptureReader::new(stream).unwrap())
    }

    fn playback(rate_hz: u32) -> (rtrb::Consumer<f32>, PlaybackWriter) {
        let (samples, device) = rtrb::RingBuffer::new(rate_hz as usize / 4);
        let stream = PlaybackStream { samples, rate_hz, health: Arc::default(), keep: Box::new(()) };
        (device, PlaybackWriter::new(stream).unwrap())
    }

    #[test]
    fn odd_bites_of_the_device_become_whole_frames() {
        let (mut device, mut reader) = capture(48_000);
        let (mut heard, mut frame) = (Vec::new(), Frame::SILENCE);
        for bite in sine(440.0, -20.0, 48_000).chunks(441) {
            device.push_entire_slice(bite).unwrap();
            while reader.read(&mut frame) {
                heard.extend_from_slice(&frame.0);
            }
        }
        assert_eq!(heard.len(), 48_000);
        assert!(tone_in(&heard).unwrap().purity > 0.99);
        assert_eq!(reader.lost(), 0);
    }

    #[test]
    fn after_a_stall_only_the_present_is_read() {
        let (mut device, mut reader) = capture(48_000);
        device.push_entire_slice(&vec![0.1; 9600]).unwrap();
        let mut frame = Frame::SILENCE;
        let mut frames = 0;
        while reader.read(&mut frame) {
            frames += 1;
        }
        assert_eq!(frames, 2);
        assert_eq!(reader.lost(), 9600 - 960);
    }

    /// Three minutes.
    const TICKS: u32 = 18_000;

    /// Simulates a device that takes 10 ms at a time, `ppm` faster than our ticks, with ticks that are `late` samples
    /// late at times; returns samples it missed and the longest wait in the ring.
    fn play(rate_hz: u32, ppm: f64, late: impl Fn(u32) -> f64) -> (u64, Duration) {
        let (mut device, mut writer) = playback(rate_hz);
        let (mut missed, mut longest) = (0, Duration::ZERO);
        let mut taken_at = 0.0_f64;
        let bite = rate_hz as usize / 100;
        for tick in 0..TICKS {
            let now = f64::from(tick) * 0.010 + late(tick);
            while taken_at < now {
                let mut room = vec![0.0; bite];
                let short = device.pop_partial_slice(&mut room).1.len() as u64;
                if tick > 10 {
                    missed += short;
                    writer.stream.health.underrun.fetch_add(short, Relaxed);
                }
                taken_at += 0.010 / (1.0 + ppm / 1e6);
            }
            while writer.wants() {
                writer.write(&Frame::SILENCE);
            }
            longest = longest.max(writer.delay());
        }
        assert_eq!(writer.dropped(), 0);
        (missed, longest)
    }

    #[test]
    fn minutes_of_drifting_clocks_neither_dry_nor_fill_the_ring() {
        for ppm in [-300.0, -20.0, 0.0, 20.0, 300.0] {
            for rate_hz in [48_000, 44_100, 16_000] {
                let (missed, longest) = play(rate_hz, ppm, |_| 0.0);
                // While the phase crosses, one bite may come up short, and the ring is then filled higher.
                assert!(missed <= u64::from(rate_hz) / 100, "{ppm} ppm at {rate_hz}: {missed}");
                assert!(longest <= Duration::from_millis(36), "{ppm} ppm at {rate_hz}: {longest:?}");
            }
        }
    }

    #[test]
    fn late_ticks_fill_the_ring_higher_until_nothing_is_missed() {
        // Every 50th tick is 18 ms late.
        let late = |tick: u32| if tick.is_multiple_of(50) { 0.018 } else { 0.0 };
        let (missed, longest) = play(48_000, 10.0, late);
        assert!(missed < 48 * 30, "{missed} samples in three minutes");
        assert!(longest < Duration::from_millis(50), "{longest:?}");
    }
}
