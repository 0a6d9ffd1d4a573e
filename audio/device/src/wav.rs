//! WAV files: any rate, channels and format in; 48 kHz mono 16 bit out.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hound::{SampleFormat, WavReader, WavSpec, WavWriter};
use phone_audio::resample::IntoFrames;
use phone_audio::{FRAME_SAMPLES, Frame, SAMPLE_RATE_HZ};

/// A WAV file cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum WavError {
    #[error("the file {} does not exist", .0.display())]
    Missing(PathBuf),
    #[error("the file {} cannot be opened: {why}", path.display())]
    Io { path: PathBuf, why: String },
    #[error("the file {} is not a WAV file", .0.display())]
    NotWav(PathBuf),
    #[error("the file {} has a format that cannot be used: {why}", path.display())]
    Format { path: PathBuf, why: String },
}

/// Reads a file frame by frame, converted to 48 kHz mono.
pub struct WavSource {
    samples: Samples,
    channels: usize,
    /// `None` at 48 kHz.
    resampler: Option<IntoFrames>,
    scratch: Vec<f32>,
    /// Frames still to come out of the resampler after the file's end.
    tail: u32,
}

/// One channel's samples after the other, as f32; `None` at the end or at damage.
type Samples = Box<dyn Iterator<Item = f32> + Send>;

impl WavSource {
    pub fn open(path: &Path) -> Result<Self, WavError> {
        let file = File::open(path).map_err(|error| io_error(path, &error))?;
        let reader = WavReader::new(BufReader::new(file)).map_err(|error| hound_error(path, &error))?;
        let spec = reader.spec();
        let unusable = |why: String| WavError::Format { path: path.to_owned(), why };
        let resampler = match spec.sample_rate {
            SAMPLE_RATE_HZ => None,
            other => Some(IntoFrames::new(other).map_err(|error| unusable(error.to_string()))?),
        };
        if spec.channels == 0 {
            return Err(unusable("it has no channel".to_owned()));
        }
        let samples: Samples = match (spec.sample_format, spec.bits_per_sample) {
            (SampleFormat::Float, 32) => Box::new(reader.into_samples::<f32>().map_while(Result::ok)),
            (SampleFormat::Int, bits @ 8..=32) => {
                let scale = 1.0 / f32::powi(2.0, i32::from(bits) - 1);
                Box::new(reader.into_samples::<i32>().map_while(Result::ok).map(move |sample| sample as f32 * scale))
            }
            (format, bits) => return Err(unusable(format!("{bits} bit {format:?}"))),
        };
        let room = resampler.as_ref().map_or(FRAME_SAMPLES, IntoFrames::needed_at_most);
        Ok(Self {
            samples,
            channels: usize::from(spec.channels),
            resampler,
            scratch: Vec::with_capacity(room),
            tail: 1,
        })
    }

    /// The next 10 ms, filled up with silence at the end; `false` when nothing was left.
    pub fn next(&mut self, frame: &mut Frame) -> bool {
        let needed = self.resampler.as_ref().map_or(FRAME_SAMPLES, IntoFrames::needed);
        self.scratch.clear();
        while self.scratch.len() < needed {
            let mut sum = 0.0;
            let mut got = 0;
            for sample in self.samples.by_ref().take(self.channels) {
                sum += sample;
                got += 1;
            }
            if got < self.channels {
                break;
            }
            let mono = sum / self.channels as f32;
            self.scratch.push(if mono.is_finite() { mono.clamp(-1.0, 1.0) } else { 0.0 });
        }
        if self.scratch.is_empty() {
            if self.tail == 0 || self.resampler.is_none() {
                *frame = Frame::SILENCE;
                return false;
            }
            self.tail -= 1;
        }
        self.scratch.resize(needed, 0.0);
        match &mut self.resampler {
            Some(resampler) => resampler.process(&self.scratch, frame),
            None => frame.0.iter_mut().zip(&self.scratch).for_each(|(to, from)| *to = *from),
        }
        true
    }
}

/// Files that this program made. It grows with the outputs a user names, which are few.
static MADE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Writes frames to a file. The header is brought up to date every second, so that the file can be read whatever
/// becomes of the program.
pub struct WavSink {
    writer: WavWriter<BufWriter<File>>,
    unflushed: u32,
}

impl WavSink {
    /// Makes the file; one that this program made before is continued, so that a recording survives a hold and
    /// holds every call of a row.
    pub fn create(path: &Path) -> Result<Self, WavError> {
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if made.contains(path)
            && path.exists()
            && let Ok(writer) = WavWriter::append(path)
        {
            return Ok(Self { writer, unflushed: 0 });
        }
        let sink = Self::new(path)?;
        made.insert(path.to_owned());
        Ok(sink)
    }

    fn new(path: &Path) -> Result<Self, WavError> {
        let file = File::create(path).map_err(|error| io_error(path, &error))?;
        let spec =
            WavSpec { channels: 1, sample_rate: SAMPLE_RATE_HZ, bits_per_sample: 16, sample_format: SampleFormat::Int };
        let mut writer = WavWriter::new(BufWriter::new(file), spec).map_err(|error| hound_error(path, &error))?;
        writer.flush().map_err(|error| hound_error(path, &error))?;
        Ok(Self { writer, unflushed: 0 })
    }

    /// Appends; an error means that the disk is full or gone.
    pub fn write(&mut self, samples: &[f32]) -> Result<(), hound::Error> {
        for sample in samples {
            self.writer.write_sample((sample.clamp(-1.0, 1.0) * 32_767.0).round() as i16)?;
        }
        self.unflushed += samples.len() as u32;
        if self.unflushed >= SAMPLE_RATE_HZ {
            self.unflushed = 0;
            self.writer.flush()?;
        }
        Ok(())
    }

    pub fn finish(self) -> Result<(), hound::Error> {
        self.writer.finalize()
    }
}

/// A whole file as 48 kHz mono.
pub fn read(path: &Path) -> Result<Vec<f32>, WavError> {
    let mut source = WavSource::open(path)?;
    let mut all = Vec::new();
    let mut frame = Frame::SILENCE;
    while source.next(&mut frame) {
        all.extend_from_slice(&frame.0);
    }
    Ok(all)
}

/// Writes a whole file as 48 kHz mono 16 bit.
pub fn write(path: &Path, samples: &[f32]) -> Result<(), WavError> {
    let mut sink = WavSink::create(path)?;
    sink.write(samples).and_then(|()| sink.finish()).map_err(|error| hound_error(path, &error))
}

fn io_error(path: &Path, error: &std::io::Error) -> WavError {
    if error.kind() == std::io::ErrorKind::NotFound {
        WavError::Missing(path.to_owned())
    } else {
        WavError::Io { path: path.to_owned(), why: error.to_string() }
    }
}

fn hound_error(path: &Path, error: &hound::Error) -> WavError {
    match error {
        hound::Error::IoError(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => io_error(path, error),
        hound::Error::Unsupported => WavError::Format { path: path.to_owned(), why: "it is compressed".to_owned() },
        _ => WavError::NotWav(path.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use phone_audio::measure::{sine, tone_in};

    use super::*;

    fn file(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("offhook-wav-{}-{name}.wav", std::process::id()))
    }

    fn write_as(name: &str, spec: WavSpec, hz: f64) -> PathBuf {
        let path = file(name);
        let mut writer = WavWriter::create(&path, spec).unwrap();
        for n in 0..spec.sample_rate * 2 {
            let value = 0.25 * (std::f64::consts::TAU * hz * f64::from(n) / f64::from(spec.sample_rate)).sin();
            for _ in 0..spec.channels {
                match spec.sample_format {
                    SampleFormat::Float => writer.write_sample(value as f32).unwrap(),
                    SampleFormat::Int => {
                        writer
                            .write_sample((value * f64::from(1_i32 << (spec.bits_per_sample - 2)) * 2.0) as i32)
                            .unwrap();
                    }
                }
            }
        }
        writer.finalize().unwrap();
        path
    }

    #[test]
    fn a_recording_that_is_opened_again_goes_on() {
        let path = file("again");
        for _ in 0..2 {
            let mut sink = WavSink::create(&path).unwrap();
            sink.write(&[0.25; 480]).unwrap();
            sink.finish().unwrap();
        }
        assert_eq!(hound::WavReader::open(&path).unwrap().duration(), 960);
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn every_rate_channel_count_and_format_is_read() {
        for (rate, channels, bits, format) in [
            (48_000, 1, 16, SampleFormat::Int),
            (8_000, 1, 8, SampleFormat::Int),
            (44_100, 2, 24, SampleFormat::Int),
            (16_000, 1, 32, SampleFormat::Int),
            (96_000, 6, 32, SampleFormat::Float),
        ] {
            let spec = WavSpec { channels, sample_rate: rate, bits_per_sample: bits, sample_format: format };
            let path = write_as(&format!("{rate}-{channels}-{bits}"), spec, 440.0);
            let sound = read(&path).unwrap();
            std::fs::remove_file(&path).unwrap();
            assert!(sound.len().abs_diff(96_000) <= 960, "{spec:?}: {}", sound.len());
            let tone = tone_in(&sound[4800..]).unwrap();
            assert!((tone.hz - 440.0).abs() < 0.5, "{spec:?}: {tone:?}");
            assert!((tone.dbfs + 12.04).abs() < 0.3, "{spec:?}: {tone:?}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let path = file("back");
        let sound = sine(500.0, -6.0, 4800);
        write(&path, &sound).unwrap();
        let back = read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(back.len(), 4800);
        assert!(back.iter().zip(&sound).all(|(a, b)| (a - b).abs() < 1e-4));
    }

    #[test]
    fn an_unfinished_file_can_be_read() {
        let path = file("unfinished");
        let mut sink = WavSink::create(&path).unwrap();
        sink.write(&sine(500.0, -6.0, 48_000)).unwrap();
        std::mem::forget(sink);
        let back = read(&path).unwrap();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(back.len(), 48_000);
    }

    #[test]
    fn errors_are_sentences() {
        let missing = WavSource::open(Path::new("/nowhere/x.wav")).err().unwrap();
        assert_eq!(missing.to_string(), "the file /nowhere/x.wav does not exist");
        let path = file("text");
        std::fs::write(&path, "not at all").unwrap();
        let error = WavSource::open(&path).err().unwrap().to_string();
        std::fs::remove_file(&path).unwrap();
        assert!(error.ends_with("is not a WAV file"), "{error}");
        assert!(WavSink::create(Path::new("/nowhere/x.wav")).is_err());
    }
}
