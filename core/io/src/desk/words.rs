//! The same things in the words of the sound devices and in those of the phone.

use phone_audio::sound::{Because, Choice, Class, DeviceInfo, Role, SoundError};
use phone_core::sound::{
    DeviceChoice, DeviceClass, OpenedBecause, SoundDevice, SoundEvent, SoundProblem, SoundRole, Tone,
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
        Role::Ringer => SoundRole::Ringer,
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
    }
}

pub(super) fn device_of(info: DeviceInfo) -> SoundDevice {
    let class = match info.class {
        Class::Headset => DeviceClass::Headset,
        Class::BuiltIn => DeviceClass::BuiltIn,
        Class::Speaker => DeviceClass::Speaker,
        Class::BluetoothNarrowband => DeviceClass::BluetoothNarrowband,
        Class::Virtual => DeviceClass::Virtual,
        Class::Unknown => DeviceClass::Unknown,
    };
    SoundDevice { id: info.id, name: info.name, input: info.input, class, default: info.default }
}

fn because_of(because: Because) -> OpenedBecause {
    match because {
        Because::Asked => OpenedBecause::Asked,
        Because::FellBack => OpenedBecause::FellBack,
        Because::FollowedSystem => OpenedBecause::FollowedSystem,
        Because::CameBack => OpenedBecause::CameBack,
    }
}

fn problem_of(error: SoundError) -> SoundProblem {
    match error {
        SoundError::NoServer => SoundProblem::NoSoundServer,
        SoundError::NoDevice => SoundProblem::NoDevice,
        SoundError::Missing(id) => SoundProblem::Missing(id),
        SoundError::Busy(id) => SoundProblem::Busy(id),
        SoundError::NoPermission => SoundProblem::NoPermission,
        SoundError::Failed(why) => SoundProblem::Failed(why),
    }
}
