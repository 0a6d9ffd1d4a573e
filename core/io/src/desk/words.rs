//! The same things in the words of the sound devices and in those of the phone.

use phone_audio::capture::CaptureSettings;
use phone_audio::measure::facts;
use phone_audio::noise::NoisePreset;
use phone_audio::sound::{Because, Choice, Class, DeviceInfo, Role, SoundError, Wish};
use phone_core::measurement::{EchoFacts, EchoFound, InputFacts, Silence, StreamFacts};
use phone_core::sound::{
    DeviceChoice, DeviceClass, DeviceWish, NoiseReduction, OpenedBecause, Processing, SoundDevice, SoundEvent,
    SoundProblem, SoundRole, Tone,
};

pub(super) fn opened(role: SoundRole, info: DeviceInfo, because: Because) -> SoundEvent {
    SoundEvent::Opened { role, id: info.id, name: info.name, why: because_of(because) }
}

pub(super) fn failed(role: Role, error: SoundError) -> SoundEvent {
    SoundEvent::Failed { role: role_of(role), problem: problem_of(error) }
}

pub(super) fn tone(tone: Tone) -> phone_audio::tone::Tone {
    use phone_audio::tone::Tone as T;
    match tone {
        Tone::Ring => T::Ring,
        Tone::Ringback => T::Ringback,
        Tone::Busy => T::Busy,
        Tone::CallWaiting => T::CallWaiting,
    }
}

pub(super) fn role_of(role: Role) -> SoundRole {
    match role {
        Role::Microphone => SoundRole::Microphone,
        Role::Speaker => SoundRole::Speaker,
        Role::Ringer | Role::AlsoRinger(_) => SoundRole::Ringer,
    }
}

pub(super) fn role(role: SoundRole) -> Role {
    match role {
        SoundRole::Microphone => Role::Microphone,
        SoundRole::Speaker => Role::Speaker,
        SoundRole::Ringer => Role::Ringer,
    }
}

pub(super) fn choice(choice: DeviceChoice) -> Choice {
    match choice {
        DeviceChoice::FollowSystem => Choice::FollowSystem,
        DeviceChoice::Device(id) => Choice::Device(id),
        DeviceChoice::Ranked(wishes) => Choice::Ranked(wishes.into_iter().map(wish).collect()),
    }
}

fn wish(wish: DeviceWish) -> Wish {
    match wish {
        DeviceWish::System => Wish::System,
        DeviceWish::Known { id, port, name } => Wish::Known { id, port, name },
        DeviceWish::Named(pattern) => Wish::Named(pattern),
    }
}

/// What is done to this microphone. One without hardware gives sound that somebody else has made already: a file, a tone,
/// another program that cleans a real microphone.
pub(super) fn processing(processing: Processing, device: Option<&DeviceInfo>) -> CaptureSettings {
    let real = device.is_some_and(|device| device.class != Class::Virtual);
    let usual = if real { NoiseReduction::Normal } else { NoiseReduction::Off };
    CaptureSettings {
        echo: processing.cancel_echo.unwrap_or(real),
        noise: match processing.reduce_noise.unwrap_or(usual) {
            NoiseReduction::Off => NoisePreset::Off,
            NoiseReduction::Normal => NoisePreset::Normal,
            NoiseReduction::Strong => NoisePreset::Strong,
        },
        even_out: processing.even_out,
    }
}

pub(super) fn device_of(info: DeviceInfo) -> SoundDevice {
    SoundDevice {
        class: class_of(info.class),
        id: info.id,
        name: info.name,
        input: info.input,
        default: info.default,
        port: info.port,
        muted: info.muted,
        system_volume_percent: info.system_volume_percent,
    }
}

fn class_of(class: Class) -> DeviceClass {
    match class {
        Class::Headset => DeviceClass::Headset,
        Class::BuiltIn => DeviceClass::BuiltIn,
        Class::Speaker => DeviceClass::Speaker,
        Class::BluetoothNarrowband => DeviceClass::BluetoothNarrowband,
        Class::Virtual => DeviceClass::Virtual,
        Class::Unknown => DeviceClass::Unknown,
    }
}

fn because_of(because: Because) -> OpenedBecause {
    match because {
        Because::Asked => OpenedBecause::Asked,
        Because::FellBack => OpenedBecause::FellBack,
        Because::FollowedSystem => OpenedBecause::FollowedSystem,
        Because::CameBack => OpenedBecause::CameBack,
        Because::Preferred => OpenedBecause::Preferred,
    }
}

pub(super) fn problem_of(error: SoundError) -> SoundProblem {
    match error {
        SoundError::NoServer => SoundProblem::NoSoundServer,
        SoundError::NoDevice => SoundProblem::NoDevice,
        SoundError::Missing(id) => SoundProblem::Missing(id),
        SoundError::Busy(id) => SoundProblem::Busy(id),
        SoundError::NoPermission => SoundProblem::NoPermission,
        SoundError::Failed(why) => SoundProblem::Failed(why),
    }
}

pub(super) fn input_facts(facts: &facts::InputFacts) -> InputFacts {
    let silence = match facts.silence {
        facts::Silence::None => Silence::None,
        facts::Silence::Quiet => Silence::Quiet,
        facts::Silence::Hardware => Silence::Hardware,
        facts::Silence::Digital => Silence::Digital,
    };
    InputFacts {
        length: facts.length,
        silence,
        level_dbfs: facts.level_dbfs,
        peak_dbfs: facts.peak_dbfs,
        speech_dbfs: facts.speech_dbfs,
        speech_share: facts.speech_share,
        noise_dbfs: facts.noise_dbfs,
        snr_db: facts.snr_db,
        clipped_share: facts.clipped_share,
        offset: facts.offset,
        holes: facts.holes,
        holes_length: facts.holes_length,
        bandwidth_hz: facts.bandwidth_hz,
    }
}

pub(super) fn echo_facts(facts: &facts::EchoFacts) -> EchoFacts {
    let found = facts.found.as_ref();
    EchoFacts {
        played_dbfs: facts.played_dbfs,
        noise_dbfs: facts.noise_dbfs,
        found: found.map(|echo| EchoFound { loss_db: echo.loss_db, round_trip: echo.delay, tail: echo.tail }),
        loss_at_least_db: facts.loss_at_least_db,
    }
}

pub(super) fn stream_facts(device: &DeviceInfo, rate_hz: u32, facts: facts::StreamFacts) -> StreamFacts {
    let ms = |time: std::time::Duration| time.as_secs_f32() * 1e3;
    StreamFacts {
        device: device.id.clone(),
        name: device.name.clone(),
        class: class_of(device.class),
        rate_hz,
        length: facts.length,
        callbacks: facts.callbacks,
        callback_ms: ms(facts.callback),
        longest_pause_ms: ms(facts.longest_pause),
        drift_ppm: facts.drift_ppm,
        drift_error_ppm: facts.drift_error_ppm,
        lost: facts.lost,
        overrun: facts.overrun,
        underrun: facts.underrun,
    }
}
