//! What a device is, told from its id and name, and which one a role gets.

use phone_audio::sound::{Because, Choice, Class, DeviceInfo, Role, SoundError, Wish};

/// A recording of what a speaker plays; no microphone.
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only PulseAudio tells"))]
pub fn is_monitor(id: &str) -> bool {
    id.starts_with("pulseaudio:") && id.ends_with(".monitor")
}

/// Names ALSA has beside real cards: conversions, plug-ins, and bridges to sound services that are not there.
pub fn is_pseudo(id: &str) -> bool {
    id.strip_prefix("alsa:").is_some_and(|name| !(name.starts_with("plughw:") || name.starts_with("sysdefault:CARD")))
}

/// What the system says of a device's kind (`device.form_factor`, a form factor of Windows, a transport of macOS).
#[cfg_attr(not(target_os = "linux"), allow(dead_code, reason = "only PulseAudio tells"))]
pub fn class_of_form(form: &str) -> Option<Class> {
    Some(match form {
        "headset" | "headphone" | "hands-free" | "handset" => Class::Headset,
        "internal" => Class::BuiltIn,
        "speaker" | "hifi" | "tv" => Class::Speaker,
        _ => return None,
    })
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

/// The device a choice means, of those that are there; whether it is the one that was wanted most.
fn wanted<'a>(role: Role, choice: &Choice, devices: &'a [DeviceInfo]) -> Option<&'a DeviceInfo> {
    let of_role = || devices.iter().filter(|device| fits(role, device));
    let chosen = match choice {
        Choice::Device(id) => of_role().find(|device| device.id == *id),
        Choice::Ranked(wishes) => wishes.iter().find_map(|wish| grant(wish, role, devices)),
        _ => None,
    };
    // A further ringer in the place of one that is gone would ring twice on the same device.
    let falls_back = !matches!(role, Role::AlsoRinger(_));
    chosen.or_else(|| system_device(role, devices).filter(|_| falls_back))
}

fn grant<'a>(wish: &Wish, role: Role, devices: &'a [DeviceInfo]) -> Option<&'a DeviceInfo> {
    let of_role = || devices.iter().filter(|device| fits(role, device));
    match wish {
        Wish::System => system_device(role, devices),
        Wish::Known { id, port, name } => of_role()
            .find(|device| device.id == *id)
            .or_else(|| {
                of_role().find(|device| port.is_some() && device.port == *port && same_kind(&device.name, name))
            })
            .or_else(|| of_role().find(|device| same_kind(&device.name, name))),
        Wish::Named(pattern) => {
            of_role().find(|device| matches(pattern, &device.name) || matches(pattern, model(&device.name)))
        }
    }
}

/// The same model, whatever was added to tell two of it apart.
fn same_kind(one: &str, other: &str) -> bool {
    model(one) == model(other)
}

fn model(name: &str) -> &str {
    name.split_once(APART).map_or(name, |(model, _)| model)
}

/// Whether a name fits a pattern in which `*` stands for anything; case does not matter. Takes time in proportion to
/// both lengths, whatever the pattern.
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.to_lowercase(), name.to_lowercase());
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    if !pattern.contains('*') {
        return rest.is_empty();
    }
    let mut parts = parts.peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        let Some(at) = rest.find(part) else { return false };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    true
}

/// Between the name of a model and what tells two of it apart.
const APART: &str = " · ";

/// Gives devices of one name different ones: by where they are plugged in, else by their order, which is that of their
/// ids and so the same every time.
pub fn tell_apart(devices: &mut [DeviceInfo]) {
    let names: Vec<(bool, String)> = devices.iter().map(|device| (device.input, device.name.clone())).collect();
    for (index, device) in devices.iter_mut().enumerate() {
        let alike = |(input, name): &&(bool, String)| *input == device.input && *name == device.name;
        if names.iter().filter(alike).count() < 2 {
            continue;
        }
        let number = names.iter().take(index + 1).filter(alike).count();
        let mark = device.port.as_deref().map_or_else(|| number.to_string(), short_port);
        device.name = format!("{}{APART}{mark}", device.name);
    }
}

/// The end of a port or serial number, which is what differs: `usb-0000:00:14.0-3.2` is shown as `3.2`.
fn short_port(port: &str) -> String {
    let end = port.rsplit(['-', '/', '_']).find(|part| !part.is_empty()).unwrap_or(port);
    let skip = end.chars().count().saturating_sub(8);
    end.chars().skip(skip).collect()
}

/// Decides which device a role uses now. `past` is brought up to date, assuming that the step is done.
pub fn next_step(role: Role, choice: &Choice, past: &mut Past, devices: &[DeviceInfo]) -> Step {
    let present = |id: &str| devices.iter().any(|device| fits(role, device) && device.id == id);
    let chosen = match choice {
        Choice::Device(id) => Some(id.as_str()),
        _ => None,
    };
    let Some(wanted) = wanted(role, choice, devices) else {
        past.lost = past.using.take().or(past.lost.take());
        return Step::Fail(SoundError::NoDevice);
    };
    if past.using.as_deref() == Some(wanted.id.as_str()) {
        return Step::Keep;
    }
    let ranked = matches!(choice, Choice::Ranked(_));
    let was_open = past.using.is_some();
    let gone = past.using.take().filter(|id| !present(id));
    let because = if past.lost.as_deref() == Some(wanted.id.as_str()) {
        Because::CameBack
    } else if gone.is_some() || past.lost.is_some() && chosen.is_none() && !(ranked && was_open) {
        Because::FellBack
    } else if chosen == Some(wanted.id.as_str()) {
        if past.lost.is_some() { Because::CameBack } else { Because::Asked }
    } else if ranked {
        Because::Preferred
    } else {
        Because::FollowedSystem
    };
    past.lost = match because {
        Because::CameBack | Because::Asked | Because::Preferred => None,
        Because::FellBack | Because::FollowedSystem => gone.or(past.lost.take()),
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
            ..DeviceInfo::default()
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
    fn row_54_a_preferred_headset_is_taken_when_it_is_plugged_in_and_left_when_it_goes() {
        let named = |pattern: &str| Wish::Named(pattern.to_owned());
        let mut sim = Sim::new(Choice::Ranked(vec![named("jabra*"), named("*USB*"), Wish::System]));
        assert_eq!(sim.list(&["pci*"]), "pci Asked");
        assert_eq!(sim.list(&["pci*", "my usb thing"]), "my usb thing Preferred");
        assert_eq!(sim.list(&["pci*", "my usb thing", "Jabra 65"]), "Jabra 65 Preferred");
        assert_eq!(sim.list(&["pci*", "my usb thing"]), "my usb thing FellBack");
        assert_eq!(sim.list(&["pci*", "my usb thing", "Jabra 65"]), "Jabra 65 CameBack");
        assert_eq!(sim.list(&["pci*"]), "pci FellBack");
        assert_eq!(sim.list(&["pci", "tv*"]), "tv Preferred", "the last wish follows the system");
        assert_eq!(sim.list(&[]), "no device is plugged in");
    }

    #[test]
    fn a_known_device_is_found_by_id_then_by_port_then_by_name() {
        let at = |id: &str, port: &str| DeviceInfo {
            port: Some(port.to_owned()),
            name: "Jabra".to_owned(),
            ..device(id, false, false)
        };
        let wish = Wish::Known { id: "usb-2".to_owned(), port: Some("3.1".to_owned()), name: "Jabra".to_owned() };
        let choice = Choice::Ranked(vec![wish]);
        let found = |devices: &[DeviceInfo]| wanted(Role::Speaker, &choice, devices).map(|device| device.id.clone());
        let other = device("pci", false, true);
        let (first, second, moved) = (at("usb-1", "3.1"), at("usb-2", "9"), at("usb-3", "7"));
        assert_eq!(found(&[other.clone(), first.clone(), second]).as_deref(), Some("usb-2"));
        assert_eq!(found(&[other.clone(), moved.clone(), first]).as_deref(), Some("usb-1"));
        let mut two = [moved.clone(), at("usb-4", "8")];
        tell_apart(&mut two);
        assert_eq!(two.each_ref().map(|device| device.name.as_str()), ["Jabra · 7", "Jabra · 8"]);
        assert_eq!(found(&[other.clone(), two[0].clone(), two[1].clone()]).as_deref(), Some("usb-3"));
        assert_eq!(found(&[other]).as_deref(), Some("pci"), "without it the system's");
    }

    #[test]
    fn devices_of_one_name_are_told_apart_by_port_or_by_order() {
        let named = |id: &str, input, port: Option<&str>| DeviceInfo {
            name: "USB Audio".to_owned(),
            port: port.map(str::to_owned),
            ..device(id, input, false)
        };
        let mut list =
            [named("a", true, None), named("b", false, Some("pci-0000:00:14.0-usb-0:3.2")), named("c", false, None)];
        tell_apart(&mut list);
        assert_eq!(
            list.each_ref().map(|device| device.name.as_str()),
            ["USB Audio", "USB Audio · 0:3.2", "USB Audio · 2"]
        );
    }

    #[test]
    fn patterns_match_as_people_expect() {
        for (pattern, name, expected) in [
            ("Jabra*", "jabra evolve2 65", true),
            ("*usb*", "My USB thing", true),
            ("*usb", "My USB thing", false),
            ("Jabra", "Jabra Evolve", false),
            ("J*a*5", "Jabra 65", true),
            ("*", "", true),
            ("", "x", false),
            ("a**b", "ab", true),
            ("ab*ab", "ab", false),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
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
