//! What a device is, told from its id and name, and which one a role gets.

use phone_audio::sound::{Because, Choice, Class, DeviceInfo, Role, SoundError};

/// A recording of what a speaker plays; no microphone.
pub fn is_monitor(id: &str) -> bool {
    id.starts_with("pulseaudio:") && id.ends_with(".monitor")
}

/// Names ALSA has beside real cards: conversions, plug-ins, and bridges to sound services that are not there.
pub fn is_pseudo(id: &str) -> bool {
    id.strip_prefix("alsa:").is_some_and(|name| !(name.starts_with("plughw:") || name.starts_with("sysdefault:CARD")))
}

/// A guess for the symbol shown and for sensible defaults; nothing depends on it being right.
pub fn class(id: &str, name: &str) -> Class {
    let text = format!("{id} {name}").to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if has(&["handsfree", "hands-free", "head_unit", "head-unit", "headset_head", ".hfp", ".hsp", "_hfp", "_hsp"]) {
        Class::BluetoothNarrowband
    } else if has(&[
        "headset",
        "headphone",
        "earphone",
        "earbud",
        "airpods",
        "jabra",
        "plantronics",
        "poly ",
        "sennheiser",
        "epos",
        "yealink",
        "logi zone",
        "bluez_output",
        "bluez_sink",
    ]) {
        Class::Headset
    } else if has(&["null", "virtual", "remap", "loopback", "dummy", "blackhole", "vb-audio", "cable"]) {
        Class::Virtual
    } else if has(&["built-in", "builtin", "internal", "alsa_input.pci", "macbook", "imac", "array"])
        || (has(&["alsa_output.pci"]) && !has(&["hdmi"]))
    {
        Class::BuiltIn
    } else if has(&["speaker", "hdmi", "displayport", "soundbar", "monitor"]) {
        Class::Speaker
    } else {
        Class::Unknown
    }
}

/// A device for a role that nothing was chosen for: the system's, else the first.
fn system_device(role: Role, devices: &[DeviceInfo]) -> Option<&DeviceInfo> {
    let mut fitting = devices.iter().filter(|device| fits(role, device));
    fitting.clone().find(|device| device.default).or_else(|| fitting.next())
}

fn fits(role: Role, device: &DeviceInfo) -> bool {
    device.input == (role == Role::Microphone)
}

/// What happened to a role so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Past {
    /// The device that is open or being opened.
    pub using: Option<String>,
    /// The device that went away, until something else was asked for.
    pub lost: Option<String>,
}

/// What is to be done for a role that is to be open.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    Keep,
    Open {
        device: DeviceInfo,
        because: Because,
    },
    /// Nothing to open.
    Fail(SoundError),
}

/// Decides which device a role uses now. `past` is brought up to date, assuming that the step is done.
pub fn next_step(role: Role, choice: &Choice, past: &mut Past, devices: &[DeviceInfo]) -> Step {
    let present = |id: &str| devices.iter().find(|device| fits(role, device) && device.id == id);
    let chosen = match choice {
        Choice::Device(id) => Some(id.as_str()),
        _ => None,
    };
    let Some(wanted) = chosen.and_then(present).or_else(|| system_device(role, devices)) else {
        past.lost = past.using.take().or(past.lost.take());
        return Step::Fail(SoundError::NoDevice);
    };
    if past.using.as_deref() == Some(wanted.id.as_str()) {
        return Step::Keep;
    }
    let gone = past.using.take().filter(|id| present(id).is_none());
    let because = if past.lost.as_deref() == Some(wanted.id.as_str()) {
        Because::CameBack
    } else if gone.is_some() || past.lost.is_some() && chosen.is_none() {
        Because::FellBack
    } else if chosen == Some(wanted.id.as_str()) {
        if past.lost.is_some() { Because::CameBack } else { Because::Asked }
    } else {
        Because::FollowedSystem
    };
    past.lost = match because {
        Because::CameBack | Because::Asked => None,
        _ => gone.or(past.lost.take()),
    };
    past.using = Some(wanted.id.clone());
    Step::Open { device: wanted.clone(), because }
}

/// The first opening of a role, when the user asked for it.
pub fn first_step(role: Role, choice: &Choice, past: &mut Past, devices: &[DeviceInfo]) -> Step {
    *past = Past::default();
    let step = next_step(role, choice, past, devices);
    match (step, choice) {
        (Step::Open { device, .. }, Choice::Device(id)) if device.id != *id => {
            past.lost = Some(id.clone());
            Step::Open { device, because: Because::FellBack }
        }
        (Step::Open { device, .. }, _) => Step::Open { device, because: Because::Asked },
        (Step::Fail(SoundError::NoDevice), Choice::Device(id)) => {
            past.lost = Some(id.clone());
            Step::Fail(SoundError::Missing(id.clone()))
        }
        (step, _) => step,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn device(id: &str, input: bool, default: bool) -> DeviceInfo {
        DeviceInfo {
            id: id.to_owned(),
            name: id.to_owned(),
            input,
            class: Class::Unknown,
            default,
            rate_hz: Some(48_000),
            channels: Some(1),
        }
    }

    /// A speaker role that is open, and lists that come one after the other. `*` marks the default.
    struct Sim {
        choice: Choice,
        past: Past,
        opened: bool,
    }

    impl Sim {
        fn new(choice: Choice) -> Self {
            Self { choice, past: Past::default(), opened: false }
        }

        fn list(&mut self, names: &[&str]) -> String {
            let devices: Vec<_> = names
                .iter()
                .map(|name| device(name.trim_end_matches('*'), false, name.ends_with('*')))
                .chain([device("microphone", true, true)])
                .collect();
            let decide = if self.opened { next_step } else { first_step };
            self.opened = true;
            match decide(Role::Speaker, &self.choice, &mut self.past, &devices) {
                Step::Keep => "keep".to_owned(),
                Step::Open { device, because } => format!("{} {because:?}", device.id),
                Step::Fail(error) => error.to_string(),
            }
        }
    }

    #[test]
    fn a_chosen_device_is_left_when_it_goes_and_taken_again_when_it_comes() {
        let mut sim = Sim::new(Choice::Device("usb".to_owned()));
        assert_eq!(sim.list(&["usb", "pci*"]), "usb Asked");
        assert_eq!(sim.list(&["usb", "pci", "tv*"]), "keep");
        assert_eq!(sim.list(&["pci*", "tv"]), "pci FellBack");
        assert_eq!(sim.list(&["pci", "tv*"]), "tv FollowedSystem");
        assert_eq!(sim.list(&["pci", "tv*", "usb"]), "usb CameBack");
    }

    #[test]
    fn a_chosen_device_that_is_not_there_falls_back_at_once() {
        let mut sim = Sim::new(Choice::Device("usb".to_owned()));
        assert_eq!(sim.list(&["pci*"]), "pci FellBack");
        assert_eq!(sim.list(&["pci*", "usb"]), "usb CameBack");
        let mut sim = Sim::new(Choice::Device("usb".to_owned()));
        assert_eq!(sim.list(&[]), "the device usb is not plugged in");
        assert_eq!(sim.list(&["usb"]), "usb CameBack");
    }

    #[test]
    fn who_follows_the_system_follows_its_default_and_survives_a_loss() {
        let mut sim = Sim::new(Choice::FollowSystem);
        assert_eq!(sim.list(&["pci*", "usb"]), "pci Asked");
        assert_eq!(sim.list(&["pci", "usb*"]), "usb FollowedSystem");
        assert_eq!(sim.list(&["pci*"]), "pci FellBack");
        assert_eq!(sim.list(&["pci", "usb*"]), "usb CameBack");
        assert_eq!(sim.list(&[]), "no device is plugged in");
        assert_eq!(sim.list(&["usb*"]), "usb CameBack");
    }

    #[test]
    fn without_a_default_the_first_device_serves() {
        let mut sim = Sim::new(Choice::FollowSystem);
        assert_eq!(sim.list(&["a", "b"]), "a Asked");
    }

    #[test]
    fn classes_follow_common_names() {
        for (id, name, expected) in [
            ("pulseaudio:alsa_output.usb-GN_Netcom_A_S_Jabra_EVOLVE_20", "Jabra EVOLVE 20", Class::Headset),
            ("pulseaudio:bluez_sink.00_1B.headset_head_unit", "WH-1000", Class::BluetoothNarrowband),
            ("pulseaudio:alsa_output.pci-0000_00_1f.3.analog-stereo", "Built-in Audio", Class::BuiltIn),
            ("pulseaudio:alsa_output.pci-0000_00_1f.3.hdmi-stereo", "LG TV (HDMI)", Class::Speaker),
            ("pulseaudio:spk", "Null Output", Class::Virtual),
            ("coreaudio:x", "MacBook Pro Microphone", Class::BuiltIn),
            ("wasapi:{0.0.1}", "Mikrofon (C920)", Class::Unknown),
        ] {
            assert_eq!(class(id, name), expected, "{name}");
        }
    }

    #[test]
    fn monitors_and_alsa_plug_ins_are_no_devices() {
        assert!(is_monitor("pulseaudio:spk.monitor"));
        assert!(!is_monitor("pulseaudio:mic"));
        assert!(is_pseudo("alsa:null"));
        assert!(!is_pseudo("alsa:plughw:0,0"));
        assert!(!is_pseudo("pulseaudio:null"));
    }
}
