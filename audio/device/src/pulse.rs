//! Streams on PulseAudio, which `PipeWire` also speaks, over a connection of their own. Linux only.
//!
//! cpal opens such streams too, but at a price that a phone pays all day: it asks the sink for its least latency, so
//! that a null sink renders half a millisecond at a time, asks for the latency again after every callback, and clears
//! a megabyte for every message. Here each stream is a socket and a thread that sleeps in `read`: one message every
//! 5 ms, nothing allocated, and a service that dies is noticed at once. The protocol itself is the crate's.

use std::io::{BufReader, Cursor, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;
use std::time::Duration;

use phone_audio::SAMPLE_RATE_HZ;
use phone_audio::sound::{Role, SoundError, StreamHealth};
use pulseaudio::protocol::stream::{BufferAttr, StreamFlags};
use pulseaudio::protocol::{
    self, AuthParams, AuthReply, ChannelMap, Command, CreatePlaybackStreamReply, CreateRecordStreamReply,
    DESCRIPTOR_SIZE, Descriptor, DescriptorFlags, MAX_VERSION, PlaybackStreamParams, Prop, Props, ProtocolError,
    PulseError, RecordStreamParams, SampleFormat, SampleSpec, SetClientNameReply, SetPlaybackStreamBufferAttrParams,
};

use crate::callback::{CaptureEnd, PlaybackEnd};
use crate::stream::{End, OpenDevice};

/// Channels of a speaker: a test tone can be played on one side.
const EARS: usize = 2;
/// For everything up to the open stream.
const ANSWER_LIMIT: Duration = Duration::from_secs(2);
const BYTES_PER_SAMPLE: u32 = 4;
/// The same for all ears.
const BYTES_PER_PLAYED: u32 = BYTES_PER_SAMPLE * EARS as u32;
/// All of the way through the service and the device's buffer that may be chosen.
const TARGET: u32 = samples_in_ms(20);
/// A computer that twice within [`UNDERFLOWS_APART`] did not let us answer in time gets this much more, up to
/// [`TARGET_MOST`].
const TARGET_MORE: u32 = samples_in_ms(10);
const TARGET_MOST: u32 = samples_in_ms(60);
const UNDERFLOWS_APART: u64 = samples_in_ms(10_000) as u64;
/// Playback is asked for in bites of at least this. The device's buffer gets (target − 2 bites) / 2 of the way.
const BITE: u32 = samples_in_ms(5);
/// What a microphone delivers at once.
const FRAGMENT: u32 = samples_in_ms(5);
/// Commands of the service are a few dozen bytes; data comes in fragments. What is longer is taken in parts.
const ROOM: usize = 16 * 1024;
/// The channel of messages that are commands.
const COMMANDS: u32 = u32::MAX;

const fn samples_in_ms(ms: u32) -> u32 {
    SAMPLE_RATE_HZ / 1000 * ms
}

/// A connection that has introduced itself.
pub struct Connection {
    pub socket: BufReader<UnixStream>,
    pub version: u16,
}

impl Connection {
    /// Finds the service by the environment, as all its clients do. Reads are limited to two seconds each.
    pub fn open() -> Result<Self, ProtocolError> {
        let path = pulseaudio::socket_path_from_env()
            .ok_or_else(|| std::io::Error::new(std::io::ErrorKind::NotFound, "no PulseAudio socket"))?;
        let socket = UnixStream::connect(path)?;
        socket.set_read_timeout(Some(ANSWER_LIMIT))?;
        // With this set on either end the system writes on each message whose it is (unix(7)). The service sets it on its
        // own end only after it took the connection: what came sooner was anonymous, and refused where the cookie is
        // another's.
        socket2::SockRef::from(&socket).set_passcred(true)?;
        let mut socket = BufReader::with_capacity(ROOM, socket);
        let cookie = pulseaudio::cookie_path_from_env().and_then(|path| std::fs::read(path).ok()).unwrap_or_default();
        let auth = AuthParams { version: MAX_VERSION, supports_shm: false, supports_memfd: false, cookie };
        protocol::write_command_message(socket.get_mut(), 0, &Command::Auth(auth), MAX_VERSION)?;
        let (_, reply) = protocol::read_reply_message::<AuthReply>(&mut socket, MAX_VERSION)?;
        let version = reply.version.min(MAX_VERSION);
        let mut properties = Props::new();
        properties.set(Prop::ApplicationName, c"Offhook");
        protocol::write_command_message(socket.get_mut(), 1, &Command::SetClientName(properties), version)?;
        protocol::read_reply_message::<SetClientNameReply>(&mut socket, version)?;
        Ok(Self { socket, version })
    }

    pub fn send(&mut self, sequence: u32, command: &Command) -> Result<(), ProtocolError> {
        protocol::write_command_message(self.socket.get_mut(), sequence, command, self.version)
    }
}

/// An open stream; closed when dropped.
struct PulseStream {
    socket: UnixStream,
    closing: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for PulseStream {
    fn drop(&mut self) {
        self.closing.store(true, Relaxed);
        // Ends the read that the thread waits in; the service removes the stream with its connection.
        self.socket.shutdown(Shutdown::Both).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// Opens the device with this id, `pulseaudio:NAME`. `broken` is called when the stream ended by itself.
pub fn open(id: &str, role: Role, broken: impl Fn() + Send + 'static) -> Result<OpenDevice, SoundError> {
    let explain = |error: &ProtocolError| explain(error, id);
    let name = id.strip_prefix("pulseaudio:").and_then(|name| std::ffi::CString::new(name).ok());
    let name = name.ok_or_else(|| SoundError::Missing(id.to_owned()))?;
    let mut connection = Connection::open().map_err(|error| explain(&error))?;
    let health = Arc::<StreamHealth>::default();
    let spec = |channels| SampleSpec { format: SampleFormat::Float32Le, channels, sample_rate: SAMPLE_RATE_HZ };
    let flags = StreamFlags { adjust_latency: true, ..StreamFlags::default() };

    let (mut pump, end) = if role == Role::Microphone {
        let params = RecordStreamParams {
            sample_spec: spec(1),
            channel_map: ChannelMap::mono(),
            source_name: Some(name),
            buffer_attr: BufferAttr { fragment_size: FRAGMENT * BYTES_PER_SAMPLE, ..BufferAttr::default() },
            flags,
            props: properties(role),
            ..RecordStreamParams::default()
        };
        connection.send(2, &Command::CreateRecordStream(params)).map_err(|error| explain(&error))?;
        let (_, reply) =
            protocol::read_reply_message::<CreateRecordStreamReply>(&mut connection.socket, connection.version)
                .map_err(|error| explain(&error))?;
        // Half a second. Full: the newest samples are lost and counted.
        let (producer, consumer) = rtrb::RingBuffer::new(SAMPLE_RATE_HZ as usize / 2);
        let side = Side::Capture(CaptureEnd::new(producer, Arc::clone(&health)));
        (Pump::new(connection, reply.channel, side), End::Capture(consumer))
    } else {
        let params = PlaybackStreamParams {
            sample_spec: spec(EARS as u8),
            channel_map: ChannelMap::stereo(),
            sink_name: Some(name),
            buffer_attr: playback_buffer(TARGET),
            flags,
            props: properties(role),
            ..PlaybackStreamParams::default()
        };
        connection.send(2, &Command::CreatePlaybackStream(params)).map_err(|error| explain(&error))?;
        let (_, reply) =
            protocol::read_reply_message::<CreatePlaybackStreamReply>(&mut connection.socket, connection.version)
                .map_err(|error| explain(&error))?;
        tracing::debug!(sink = ?reply.sink_name, buffer = ?reply.buffer_attr, "opened");
        // A quarter of a second; the writer keeps it nearly empty. Full: what is written is dropped and counted.
        let (producer, consumer) = rtrb::RingBuffer::new(SAMPLE_RATE_HZ as usize / 4);
        let side = Side::Playback(PlaybackEnd::new(consumer, Arc::clone(&health)));
        let mut pump = Pump::new(connection, reply.channel, side);
        pump.play(reply.requested_bytes as usize).map_err(|error| explain(&ProtocolError::Io(error)))?;
        (pump, End::Playback(producer))
    };

    let failed = |error: std::io::Error| SoundError::Failed(format!("the stream could not be started: {error}"));
    let socket = pump.connection.socket.get_ref().try_clone().map_err(failed)?;
    socket.set_read_timeout(None).map_err(failed)?;
    let closing = Arc::<AtomicBool>::default();
    let closed = Arc::clone(&closing);
    let thread = std::thread::Builder::new()
        .name("sound-stream".to_owned())
        .spawn(move || {
            let ended = pump.run();
            if !closed.load(Relaxed) {
                tracing::debug!(?ended, "the stream ended");
                broken();
            }
        })
        .map_err(failed)?;
    let stream = PulseStream { socket, closing, thread: Some(thread) };
    Ok(OpenDevice { stream: Box::new(stream), end, rate_hz: SAMPLE_RATE_HZ, health })
}

/// The service starts, and starts again after an underflow, as soon as it has one bite.
fn playback_buffer(target: u32) -> BufferAttr {
    BufferAttr {
        target_length: target * BYTES_PER_PLAYED,
        minimum_request_length: BITE * BYTES_PER_PLAYED,
        pre_buffering: BITE * BYTES_PER_PLAYED,
        ..BufferAttr::default()
    }
}

fn properties(role: Role) -> Props {
    let mut properties = Props::new();
    properties.set(Prop::ApplicationName, c"Offhook");
    let (media, kind) = match role {
        Role::Microphone => (c"Microphone", c"phone"),
        Role::Speaker => (c"Call", c"phone"),
        Role::Ringer | Role::AlsoRinger(_) => (c"Ringer", c"event"),
    };
    properties.set(Prop::MediaName, media);
    // Lets the service pause music during calls, if the user wants that.
    properties.set(Prop::MediaRole, kind);
    properties
}

fn explain(error: &ProtocolError, id: &str) -> SoundError {
    match error {
        ProtocolError::ServerError(PulseError::NoEntity) => SoundError::Missing(id.to_owned()),
        ProtocolError::ServerError(PulseError::Busy) => SoundError::Busy(id.to_owned()),
        ProtocolError::ServerError(PulseError::AccessDenied | PulseError::AuthKey) => SoundError::NoPermission,
        ProtocolError::Io(io) if io.kind() == std::io::ErrorKind::WouldBlock => {
            SoundError::Failed("the sound service does not answer".to_owned())
        }
        ProtocolError::Io(_) => SoundError::NoServer,
        other => SoundError::Failed(format!("the sound service refused {id}: {other}")),
    }
}

enum Side {
    Capture(CaptureEnd),
    Playback(PlaybackEnd),
}

/// Moves sound between the socket and the ring. Its loop does not allocate.
struct Pump {
    connection: Connection,
    channel: u32,
    side: Side,
    bytes: Vec<u8>,
    samples: Vec<f32>,
    /// Of the playback, in samples, as asked for.
    target: u32,
    /// Samples sent so far, which is the clock here, and when the service last ran dry.
    sent: u64,
    underflow_at: Option<u64>,
}

impl Pump {
    fn new(connection: Connection, channel: u32, side: Side) -> Self {
        Self {
            connection,
            channel,
            side,
            bytes: vec![0; DESCRIPTOR_SIZE + ROOM],
            samples: vec![0.0; ROOM / BYTES_PER_SAMPLE as usize],
            target: TARGET,
            sent: 0,
            underflow_at: None,
        }
    }

    /// Until the connection ends.
    fn run(&mut self) -> Result<(), ProtocolError> {
        loop {
            self.step()?;
        }
    }

    /// Waits for one message and does what it says.
    fn step(&mut self) -> Result<(), ProtocolError> {
        let descriptor = protocol::read_descriptor(&mut self.connection.socket)?;
        let length = descriptor.length as usize;
        if descriptor.channel == COMMANDS {
            self.command(length)
        } else {
            Ok(self.data(length, descriptor.channel == self.channel)?)
        }
    }

    fn command(&mut self, length: usize) -> Result<(), ProtocolError> {
        let Some(room) = self.bytes.get_mut(..length) else {
            return Err(ProtocolError::Invalid("a command is too long".to_owned()));
        };
        self.connection.socket.read_exact(room)?;
        match Command::read_tag_prefixed(&mut Cursor::new(&*room), self.connection.version) {
            Ok((_, Command::Request(request))) if request.channel == self.channel => {
                self.play(request.length as usize)?;
            }
            Ok((_, Command::PlaybackStreamKilled(_) | Command::RecordStreamKilled(_))) => {
                return Err(ProtocolError::ServerError(PulseError::Killed));
            }
            Ok((_, Command::Underflow(_))) => self.underflow()?,
            // Moved, suspended, latency changed: nothing to do. What a newer service says in words this crate does not
            // know is as unimportant.
            Ok(_) | Err(_) => {}
        }
        Ok(())
    }

    /// The service had nothing to play: this thread did not run in time. Rare, so it may allocate.
    fn underflow(&mut self) -> Result<(), ProtocolError> {
        let again = self.underflow_at.is_some_and(|before| self.sent - before < UNDERFLOWS_APART);
        self.underflow_at = Some(self.sent);
        if !again || self.target >= TARGET_MOST {
            return Ok(());
        }
        self.target += TARGET_MORE;
        self.underflow_at = None;
        let params = SetPlaybackStreamBufferAttrParams {
            index: self.channel,
            buffer_attr: playback_buffer(self.target),
            adjust_latency: true,
            early_requests: false,
        };
        self.connection.send(3, &Command::SetPlaybackStreamBufferAttr(params))
    }

    /// Sends as much as the service asked for.
    fn play(&mut self, requested: usize) -> std::io::Result<()> {
        let Side::Playback(end) = &mut self.side else { return Ok(()) };
        let mut left = requested / BYTES_PER_PLAYED as usize;
        while left > 0 {
            let count = left.min(self.samples.len() / EARS);
            left -= count;
            let (Some(samples), Some(message)) = (
                self.samples.get_mut(..count * EARS),
                self.bytes.get_mut(..DESCRIPTOR_SIZE + count * BYTES_PER_PLAYED as usize),
            ) else {
                return Ok(());
            };
            end.fill(samples, EARS);
            self.sent += count as u64;
            let Some((head, body)) = message.split_first_chunk_mut::<DESCRIPTOR_SIZE>() else { return Ok(()) };
            let descriptor = Descriptor {
                length: body.len() as u32,
                channel: self.channel,
                offset: 0,
                flags: DescriptorFlags::empty(),
            };
            protocol::encode_descriptor(head, &descriptor);
            for (bytes, sample) in body.chunks_exact_mut(BYTES_PER_SAMPLE as usize).zip(samples.iter()) {
                bytes.copy_from_slice(&sample.to_le_bytes());
            }
            self.connection.socket.get_mut().write_all(message)?;
        }
        Ok(())
    }

    /// Takes sound from the service, or passes over what is not ours.
    fn data(&mut self, length: usize, ours: bool) -> std::io::Result<()> {
        let mut left = length;
        while left > 0 {
            let count = left.min(ROOM);
            left -= count;
            let Some(room) = self.bytes.get_mut(..count) else { return Ok(()) };
            self.connection.socket.read_exact(room)?;
            let Side::Capture(end) = &mut self.side else { continue };
            if !ours {
                continue;
            }
            let mut taken = 0;
            for (sample, bytes) in self.samples.iter_mut().zip(room.as_chunks::<4>().0) {
                *sample = f32::from_le_bytes(*bytes);
                taken += 1;
            }
            end.push(self.samples.get(..taken).unwrap_or_default(), 1);
        }
        Ok(())
    }
}

// The allocator that counts exists in debug builds only.
#[cfg(all(test, debug_assertions))]
#[allow(clippy::unwrap_used, reason = "a test")]
mod tests {
    use assert_no_alloc::{assert_no_alloc, reset_violation_count, violation_count};
    use pulseaudio::protocol::{Request, Underflow};

    use super::*;

    const CHANNEL: u32 = 7;

    /// A pump, and the service's end of its socket.
    fn pump(side: impl FnOnce(Arc<StreamHealth>) -> Side) -> (Pump, UnixStream, Arc<StreamHealth>) {
        let (ours, service) = UnixStream::pair().unwrap();
        let connection = Connection { socket: BufReader::with_capacity(ROOM, ours), version: MAX_VERSION };
        let health = Arc::<StreamHealth>::default();
        (Pump::new(connection, CHANNEL, side(Arc::clone(&health))), service, health)
    }

    fn say(service: &mut UnixStream, command: &Command) {
        protocol::write_command_message(service, 0, command, MAX_VERSION).unwrap();
    }

    /// Handles one message; nothing may be allocated meanwhile.
    fn step(pump: &mut Pump) {
        reset_violation_count();
        assert_no_alloc(|| pump.step()).unwrap();
        assert_eq!(violation_count(), 0);
    }

    #[test]
    fn the_service_gets_as_much_as_it_asks_for() {
        let (mut producer, consumer) = rtrb::RingBuffer::new(48_000);
        let (mut pump, mut service, health) = pump(|health| Side::Playback(PlaybackEnd::new(consumer, health)));
        producer.push_entire_slice(&[0.25; 240]).unwrap();
        // More than fits into one message of ours.
        let asked = ROOM as u32 + 960;
        say(&mut service, &Command::Request(Request { channel: CHANNEL, length: asked }));
        step(&mut pump);
        let mut sound = Vec::new();
        while sound.len() < asked as usize {
            let descriptor = protocol::read_descriptor(&mut service).unwrap();
            assert_eq!(descriptor.channel, CHANNEL);
            let mut part = vec![0; descriptor.length as usize];
            service.read_exact(&mut part).unwrap();
            sound.extend_from_slice(&part);
        }
        let sound: Vec<f32> = sound.as_chunks::<4>().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect();
        assert!(sound[..2 * 240].iter().all(|x| (*x - 0.25).abs() < f32::EPSILON), "the same in both ears");
        assert_eq!((sound.len() as u64, sound.last()), (2 * health.samples.load(Relaxed), Some(&0.0)));
        // Somebody else's stream is not ours to fill.
        say(&mut service, &Command::Request(Request { channel: 8, length: 960 }));
        step(&mut pump);
        assert_eq!(health.callbacks.load(Relaxed), 2);
    }

    #[test]
    fn what_the_service_hears_is_in_the_ring() {
        let (producer, mut consumer) = rtrb::RingBuffer::new(48_000);
        let (mut pump, mut service, health) = pump(|health| Side::Capture(CaptureEnd::new(producer, health)));
        for (channel, value) in [(8, 0.9_f32), (CHANNEL, 0.5)] {
            let descriptor = Descriptor { length: 960, channel, offset: 0, flags: DescriptorFlags::empty() };
            protocol::write_descriptor(&mut service, &descriptor).unwrap();
            service.write_all(&value.to_le_bytes().repeat(240)).unwrap();
            step(&mut pump);
        }
        assert_eq!(health.samples.load(Relaxed), 240);
        let mut heard = [0.0; 240];
        consumer.pop_entire_slice(&mut heard).unwrap();
        assert!(heard.iter().all(|x| (*x - 0.5).abs() < f32::EPSILON));
    }

    #[test]
    fn two_underflows_in_a_row_get_a_longer_buffer_and_single_ones_do_not() {
        let (_producer, consumer) = rtrb::RingBuffer::new(48_000);
        let (mut pump, mut service, _) = pump(|health| Side::Playback(PlaybackEnd::new(consumer, health)));
        let underflow = Command::Underflow(Underflow { channel: CHANNEL, offset: 0 });
        for (seconds, target) in [(0_u64, 20), (20, 20), (40, 20), (41, 30), (60, 30), (61, 40)] {
            pump.sent = seconds * 48_000;
            say(&mut service, &underflow);
            pump.step().unwrap();
            assert_eq!(pump.target, samples_in_ms(target), "after {seconds} s");
        }
        let mut service = BufReader::new(service);
        let (_, command) = protocol::read_command_message(&mut service, MAX_VERSION).unwrap();
        let Command::SetPlaybackStreamBufferAttr(params) = command else { panic!("{command:?}") };
        assert_eq!((params.index, params.buffer_attr.target_length), (CHANNEL, 30 * 48 * 8));
    }

    #[test]
    fn a_stream_that_is_killed_and_nonsense_end_the_pump() {
        let (producer, _consumer) = rtrb::RingBuffer::new(48_000);
        let (mut pump, mut service, _) = pump(|health| Side::Capture(CaptureEnd::new(producer, health)));
        say(&mut service, &Command::RecordStreamKilled(CHANNEL));
        assert!(pump.step().is_err());
        let descriptor = Descriptor { length: u32::MAX, channel: COMMANDS, offset: 0, flags: DescriptorFlags::empty() };
        protocol::write_descriptor(&mut service, &descriptor).unwrap();
        assert!(pump.step().is_err());
        drop(service);
        assert!(pump.step().is_err());
    }
}
