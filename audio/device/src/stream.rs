//! Opens one device for one role: through cpal, but on PulseAudio with streams of our own.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use cpal::traits::{DeviceTrait, StreamTrait};
use cpal::{BufferSize, Device, FromSample, SampleFormat, SizedSample, Stream, StreamConfig, SupportedStreamConfig};
use phone_audio::SAMPLE_RATE_HZ;
use phone_audio::sound::{DeviceInfo, Role, SoundError, StreamHealth};

use crate::callback::{CaptureEnd, PlaybackEnd};
use crate::host::{Handle, explain};

/// How long a service may take to open a stream.
const OPEN_LIMIT: Duration = Duration::from_secs(2);

/// The media thread's end of a ring.
pub enum End {
    Capture(rtrb::Consumer<f32>),
    Playback(rtrb::Producer<f32>),
}

/// An open device; closed when dropped.
pub struct OpenDevice {
    /// Keeps it open.
    pub stream: Box<dyn Any + Send>,
    pub end: End,
    pub rate_hz: u32,
    pub health: Arc<StreamHealth>,
}

/// Opens the device and starts it; blocks for up to seconds. `broken` is called, on a thread of the sound service, when
/// the stream has failed; also wrongly, after it was closed.
pub fn open(
    handle: &Handle,
    info: &DeviceInfo,
    role: Role,
    broken: impl Fn() + Send + 'static,
) -> Result<OpenDevice, SoundError> {
    let device = match handle {
        #[cfg(target_os = "linux")]
        Handle::Pulse => return crate::pulse::open(&info.id, role, broken),
        Handle::Cpal(device) => device,
    };
    let name = info.name.as_str();
    let what = |error: cpal::Error| explain(&error, name);
    let input = role == Role::Microphone;
    let (config, format) = configuration(device, input).map_err(what)?;
    let health = Arc::<StreamHealth>::default();
    let on_error = {
        let name = name.to_owned();
        move |error: cpal::Error| {
            if matters(error.kind()) {
                tracing::debug!(%error, device = %name, "the stream reported an error");
                broken();
            }
        }
    };
    let (stream, end) = if input {
        // Half a second. Full: the newest samples are lost and counted.
        let (producer, consumer) = rtrb::RingBuffer::new(config.sample_rate as usize / 2);
        let callback = CaptureEnd::new(producer, Arc::clone(&health));
        let stream = match format {
            SampleFormat::I16 => build_input::<i16>(device, config, callback, on_error),
            SampleFormat::I32 => build_input::<i32>(device, config, callback, on_error),
            _ => build_input::<f32>(device, config, callback, on_error),
        };
        (stream.map_err(what)?, End::Capture(consumer))
    } else {
        // A quarter of a second; the writer keeps it nearly empty. Full: what is written is dropped and counted.
        let (producer, consumer) = rtrb::RingBuffer::new(config.sample_rate as usize / 4);
        let callback = PlaybackEnd::new(consumer, Arc::clone(&health));
        let stream = match format {
            SampleFormat::I16 => build_output::<i16>(device, config, callback, on_error),
            SampleFormat::I32 => build_output::<i32>(device, config, callback, on_error),
            _ => build_output::<f32>(device, config, callback, on_error),
        };
        (stream.map_err(what)?, End::Playback(producer))
    };
    stream.play().map_err(what)?;
    Ok(OpenDevice { stream: Box::new(stream), end, rate_hz: config.sample_rate, health })
}

fn build_input<T: SizedSample>(
    device: &Device,
    config: StreamConfig,
    mut end: CaptureEnd,
    on_error: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<Stream, cpal::Error>
where
    f32: FromSample<T>,
{
    let channels = usize::from(config.channels);
    device.build_input_stream(config, move |data: &[T], _: &_| end.push(data, channels), on_error, Some(OPEN_LIMIT))
}

fn build_output<T: SizedSample + FromSample<f32>>(
    device: &Device,
    config: StreamConfig,
    mut end: PlaybackEnd,
    on_error: impl FnMut(cpal::Error) + Send + 'static,
) -> Result<Stream, cpal::Error> {
    let channels = usize::from(config.channels);
    device.build_output_stream(
        config,
        move |data: &mut [T], _: &_| end.fill(data, channels),
        on_error,
        Some(OPEN_LIMIT),
    )
}

/// 48 kHz and f32 where the device has it, else its own. Always a fixed buffer of 10 ms: some
/// services take seconds by default.
fn configuration(device: &Device, input: bool) -> Result<(StreamConfig, SampleFormat), cpal::Error> {
    let native = if input { device.default_input_config()? } else { device.default_output_config()? };
    let (rate, format, channels) = if has(device, input, &native, SAMPLE_RATE_HZ, SampleFormat::F32) {
        (SAMPLE_RATE_HZ, SampleFormat::F32, native.channels())
    } else if has(device, input, &native, SAMPLE_RATE_HZ, native.sample_format()) {
        (SAMPLE_RATE_HZ, native.sample_format(), native.channels())
    } else {
        (native.sample_rate(), native.sample_format(), native.channels())
    };
    let config = StreamConfig { channels, sample_rate: rate, buffer_size: BufferSize::Fixed((rate / 100).max(1)) };
    Ok((config, format))
}

fn has(device: &Device, input: bool, native: &SupportedStreamConfig, rate: u32, format: SampleFormat) -> bool {
    let fits = |range: cpal::SupportedStreamConfigRange| {
        range.channels() == native.channels()
            && range.sample_format() == format
            && (range.min_sample_rate()..=range.max_sample_rate()).contains(&rate)
    };
    if input {
        device.supported_input_configs().is_ok_and(|mut ranges| ranges.any(fits))
    } else {
        device.supported_output_configs().is_ok_and(|mut ranges| ranges.any(fits))
    }
}

/// Xruns and refused priorities do not end a stream.
fn matters(kind: cpal::ErrorKind) -> bool {
    use cpal::ErrorKind;
    !matches!(kind, ErrorKind::Xrun | ErrorKind::RealtimeDenied)
}
