//! The border between the media thread and sound devices: requests one way, opened streams and news the other.
//! Whoever implements [`Sound`] never blocks the caller; opening happens on its own thread.

use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{AtomicU8, AtomicU64};

/// What a device is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    Microphone,
    Speaker,
    Ringer,
    /// A further device that rings together with the ringer, 0–3.
    AlsoRinger(u8),
}

/// How many devices may ring beside the ringer.
pub const ALSO_RINGERS: u8 = 4;

/// What a role should use. The last four are sound devices without hardware, clocked in real time.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    FollowSystem,
    /// A stable id, for instance `pulseaudio:spk`.
    Device(String),
    /// The first of these that is plugged in; a better one is taken as soon as it comes.
    Ranked(Vec<Wish>),
    /// Input: played once, then silence. Output: written as 48 kHz mono 16 bit.
    WavFile(PathBuf),
    /// Input: a sine of this many hertz at −20 dBFS.
    Tone(f32),
    /// Input: digital silence.
    Silence,
    /// Output: taken in real time and thrown away.
    Null,
}

/// One entry of a list of preference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Whatever the system's default is.
    System,
    /// A device that was seen before: by its id; else, after the system gave it another one, by name and port; else, at
    /// another port, by its name.
    Known { id: String, port: Option<String>, name: String },
    /// Any device with such a name; `*` stands for anything, case does not matter.
    Named(String),
}

/// A device of this computer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceInfo {
    pub id: String,
    pub name: String,
    pub input: bool,
    pub class: Class,
    pub default: bool,
    /// Native sample rate in Hz, where the system tells.
    pub rate_hz: Option<u32>,
    pub channels: Option<u16>,
    /// Where it is plugged in, or its serial number: what tells two of a kind apart.
    pub port: Option<String>,
    /// Muted in the settings of the system, where it tells.
    pub muted: Option<bool>,
    /// Its volume there in percent; may be above 100.
    pub system_volume_percent: Option<u16>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Class {
    Headset,
    BuiltIn,
    Speaker,
    BluetoothNarrowband,
    Virtual,
    #[default]
    Unknown,
}

/// Asked of the sound system; never blocks.
#[derive(Clone, Debug, PartialEq)]
pub enum SoundRequest {
    /// Remember the choice for a role, and reopen at once if the role is open.
    Choose {
        role: Role,
        choice: Choice,
    },
    Open {
        role: Role,
    },
    Close {
        role: Role,
    },
}

/// Why a stream was opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because {
    Asked,
    FellBack,
    FollowedSystem,
    CameBack,
    /// It stands higher in the list of preference and was plugged in.
    Preferred,
}

/// Why a device could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SoundError {
    #[error("this computer has no sound service")]
    NoServer,
    #[error("no device is plugged in")]
    NoDevice,
    #[error("the device {0} is not plugged in")]
    Missing(String),
    #[error("another program holds the device {0}")]
    Busy(String),
    #[error("the system does not let this program use the microphone")]
    NoPermission,
    #[error("{0}")]
    Failed(String),
}

/// What the sound system tells.
pub enum SoundNews {
    /// The whole list, when anything in it changed; first soon after the start.
    Devices(Vec<DeviceInfo>),
    Capture {
        info: DeviceInfo,
        because: Because,
        stream: CaptureStream,
    },
    Playback {
        role: Role,
        info: DeviceInfo,
        because: Because,
        stream: PlaybackStream,
    },
    Closed {
        role: Role,
    },
    /// Nothing could be opened for this role; it tries again when the list changes.
    Failed {
        role: Role,
        error: SoundError,
    },
}

/// The reader's end of an open microphone. Dropping it closes the device.
pub struct CaptureStream {
    /// Mono samples at `rate_hz`.
    pub samples: rtrb::Consumer<f32>,
    pub rate_hz: u32,
    pub health: Arc<StreamHealth>,
    /// Keeps the device open.
    pub keep: Box<dyn Any + Send>,
}

/// The writer's end of an open speaker or ringer. Dropping it closes the device.
pub struct PlaybackStream {
    /// Mono samples at `rate_hz`; the callback copies them to every channel.
    pub samples: rtrb::Producer<f32>,
    pub rate_hz: u32,
    pub health: Arc<StreamHealth>,
    pub keep: Box<dyn Any + Send>,
}

/// Which side of a speaker with two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ears {
    #[default]
    Both,
    Left,
    Right,
}

/// Counters that the device callback writes and others read, and the one thing it is told.
#[derive(Debug, Default)]
pub struct StreamHealth {
    /// Callbacks so far.
    pub callbacks: AtomicU64,
    /// Samples captured or asked for by the device so far.
    pub samples: AtomicU64,
    /// Captured samples that found the ring full.
    pub overrun: AtomicU64,
    /// Samples the device wanted and the ring did not have.
    pub underrun: AtomicU64,
    /// An [`Ears`].
    ears: AtomicU8,
}

impl StreamHealth {
    /// On which sides a speaker plays from the next callback on; microphones do not care.
    pub fn set_ears(&self, ears: Ears) {
        self.ears.store(ears as u8, Relaxed);
    }

    pub fn ears(&self) -> Ears {
        match self.ears.load(Relaxed) {
            1 => Ears::Left,
            2 => Ears::Right,
            _ => Ears::Both,
        }
    }
}

/// A sound system: real devices, or a test's.
pub trait Sound: Send {
    fn request(&mut self, request: SoundRequest);
    /// The next news, or `None` when there is none now.
    fn poll(&mut self) -> Option<SoundNews>;
}
