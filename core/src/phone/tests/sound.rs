//! Devices, their volumes, and which of them is meant.

use super::*;
use crate::Input;
use crate::output::Output;
use crate::sound::{DeviceChoice, DeviceWish, OpenedBecause, SoundCommand, SoundDevice, SoundEvent, SoundRole};

const NONE: [u8; 0] = [];

fn phone() -> (Phone, Instant) {
    let now = crate::media::testing::epoch();
    (Phone::with_secret(PhoneConfig::default(), now, [9; 32]), now)
}

fn device(id: &str, default: bool) -> SoundDevice {
    SoundDevice { id: id.to_owned(), name: id.to_owned(), default, ..SoundDevice::default() }
}

/// Volumes of the speaker that the sound side was told since the last time.
fn told((phone, now): &mut (Phone, Instant), input: Input) -> Vec<u8> {
    phone.handle(*now, input);
    std::iter::from_fn(|| phone.poll())
        .filter_map(|output| match output {
            Output::Sound(SoundCommand::Volume { role: SoundRole::Speaker, percent }) => Some(percent),
            _ => None,
        })
        .collect()
}

#[test]
fn row_55_each_device_keeps_its_volume_over_a_replug() {
    let mut phone = phone();
    let plugged = |ids: &[&str]| {
        let list = ids.iter().enumerate().map(|(n, id)| device(id, n == 0)).collect();
        Input::Sound(SoundEvent::Devices(list))
    };
    let set = |percent| Input::Command(Command::SetVolume { role: SoundRole::Speaker, percent });
    let opened = |id: &str| {
        let (id, name) = (id.to_owned(), id.to_owned());
        Input::Sound(SoundEvent::Opened { role: SoundRole::Speaker, id, name, why: OpenedBecause::FellBack })
    };
    assert_eq!(told(&mut phone, plugged(&["usb", "pci"])), NONE);
    assert_eq!(told(&mut phone, set(40)), [40]);
    assert_eq!(told(&mut phone, opened("usb")), NONE);
    // Pulled out: the other device has its own volume.
    assert_eq!(told(&mut phone, opened("pci")), [100]);
    assert_eq!(told(&mut phone, set(70)), [70]);
    assert_eq!(told(&mut phone, opened("usb")), [40], "back in");
    assert_eq!(told(&mut phone, Input::Sound(SoundEvent::Closed { role: SoundRole::Speaker })), NONE);
    assert_eq!(told(&mut phone, plugged(&["pci"])), [70], "while closed, that of the device that will be used");
    assert_eq!(phone.0.snapshot().sound.speaker.volume_percent, 70);
    // What was kept from the last start is in force before and after the device is known.
    let kept = Command::SetDeviceVolume { role: SoundRole::Speaker, device: "tv".to_owned(), percent: 15 };
    assert_eq!(told(&mut phone, Input::Command(kept)), NONE);
    assert_eq!(told(&mut phone, plugged(&["tv"])), [15]);
}

#[test]
fn row_54_a_choice_means_a_device_that_is_there() {
    let list = [device("pci", true), device("My Jabra 65", false), SoundDevice { input: true, ..device("mic", true) }];
    let pick = |choice: DeviceChoice| choice.pick(SoundRole::Speaker, &list).map(|device| device.id.as_str());
    assert_eq!(pick(DeviceChoice::FollowSystem), Some("pci"));
    assert_eq!(pick(DeviceChoice::Device("My Jabra 65".into())), Some("My Jabra 65"));
    assert_eq!(pick(DeviceChoice::Device("mic".into())), Some("pci"), "no microphone is a speaker");
    let known = DeviceWish::Known { id: "usb-9".into(), port: None, name: "My Jabra 65".into() };
    assert_eq!(pick(DeviceChoice::Ranked(vec![known])), Some("My Jabra 65"));
    for (pattern, found) in [("*jabra*", "My Jabra 65"), ("*6", "pci"), ("my*65", "My Jabra 65"), ("jabra*", "pci")] {
        assert_eq!(pick(DeviceChoice::Ranked(vec![DeviceWish::Named(pattern.into())])), Some(found), "{pattern}");
    }
    assert_eq!(DeviceChoice::FollowSystem.pick(SoundRole::Speaker, &[]), None);
}
