//! Devices, their volumes, and which of them is meant.

use super::*;
use crate::Input;
use crate::output::Output;
use crate::policy::{Layer, Layers, Setting, Source, Value};
use crate::sound::{
    DeviceChoice, DeviceWish, NoiseReduction, OpenedBecause, Processing, SoundCommand, SoundDevice, SoundEvent,
    SoundRole,
};

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

/// What the sound side is told to do to the microphone's sound, and the ids of problems told meanwhile.
fn processed(phone: &mut Phone) -> (Vec<Processing>, Vec<&'static str>) {
    let (mut told, mut problems) = (Vec::new(), Vec::new());
    while let Some(output) = phone.poll() {
        match output {
            Output::Sound(SoundCommand::Process(processing)) => told.push(processing),
            Output::Event(Event::Problem(notice)) => problems.push(notice.id),
            _ => {}
        }
    }
    (told, problems)
}

#[test]
fn row_58_processing_is_what_settings_say_and_a_policy_cannot_be_switched_off() {
    let now = crate::media::testing::epoch();
    let text = |word: &str| Value::Text(word.to_owned());
    let mut layers = Layers::default();
    layers.set(Setting::SoundReduceNoise, text("strong"), Source::new(Layer::File, "offhook.toml"));
    layers.set(Setting::SoundCancelEcho, text("always"), Source::new(Layer::MandatoryMachine, "10.json"));
    let config = PhoneConfig { settings: layers.clone(), ..PhoneConfig::default() };
    let mut phone = Phone::with_secret(config, now, [9; 32]);
    let start = Processing { cancel_echo: Some(true), reduce_noise: Some(NoiseReduction::Strong), even_out: false };
    assert_eq!(processed(&mut phone), (vec![start], vec![]), "from the start");

    // The window asks for the whole; only what differs is a choice, and the file's word stays the file's.
    let louder = Processing { even_out: true, ..start };
    phone.handle(now, Input::Command(Command::SetProcessing(louder)));
    assert_eq!(processed(&mut phone), (vec![louder], vec![]));
    let settings = phone.snapshot().settings;
    let origin = |setting| settings.get(setting).map(|resolved| resolved.origin.layer);
    assert_eq!(origin(Setting::SoundEvenOut), Some(Layer::Chosen));
    assert_eq!(origin(Setting::SoundReduceNoise), Some(Layer::File));

    phone.handle(now, Input::Command(Command::SetProcessing(Processing { cancel_echo: Some(false), ..louder })));
    assert_eq!(processed(&mut phone), (vec![], vec!["setting-managed"]));
    assert_eq!(phone.snapshot().sound.processing, louder);

    // The policy goes while the phone runs: the canceller is the phone's choice again.
    layers.unset(Setting::SoundCancelEcho, Layer::MandatoryMachine);
    phone.handle(now, Input::Command(Command::ReplaceSettings(Box::new(layers))));
    assert_eq!(processed(&mut phone), (vec![Processing { cancel_echo: None, ..louder }], vec![]));
}
