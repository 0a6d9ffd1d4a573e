//! The devices of PulseAudio, which `PipeWire` also speaks, with what a phone needs to know beside their names: where
//! they are plugged in, what kind they are, and whether the system has muted them. Linux only.

use std::ffi::CStr;

use phone_audio::sound::{Class, DeviceInfo, SoundError};
use pulseaudio::protocol::{
    self, ChannelVolume, Command, Prop, Props, ProtocolError, PulseError, ServerInfo, SinkInfo, SourceInfo, Volume,
};

use crate::catalog;
use crate::pulse::Connection;

/// All microphones and speakers, without monitors of speakers. Blocks, for two seconds when the service hangs.
pub fn list() -> Result<Vec<DeviceInfo>, SoundError> {
    ask().map_err(|error| match error {
        ProtocolError::Io(io) if io.kind() == std::io::ErrorKind::WouldBlock => {
            SoundError::Failed("the sound service does not answer".to_owned())
        }
        ProtocolError::Io(_) => SoundError::NoServer,
        ProtocolError::ServerError(PulseError::AccessDenied | PulseError::AuthKey) => SoundError::Failed(
            "the sound service does not let this user in (it runs for another user, or PULSE_COOKIE is wrong)"
                .to_owned(),
        ),
        other => SoundError::Failed(format!("the sound service does not tell its devices: {other}")),
    })
}

fn ask() -> Result<Vec<DeviceInfo>, ProtocolError> {
    let mut connection = Connection::open()?;
    let version = connection.version;
    connection.send(2, &Command::GetServerInfo)?;
    let (_, server) = protocol::read_reply_message::<ServerInfo>(&mut connection.socket, version)?;
    connection.send(3, &Command::GetSourceInfoList)?;
    let (_, sources) = protocol::read_reply_message::<Vec<SourceInfo>>(&mut connection.socket, version)?;
    connection.send(4, &Command::GetSinkInfoList)?;
    let (_, sinks) = protocol::read_reply_message::<Vec<SinkInfo>>(&mut connection.socket, version)?;
    let is_default = |default: &Option<std::ffi::CString>, name: &CStr| default.as_deref() == Some(name);
    let sources = sources.into_iter().filter(|source| source.monitor_of_sink_index.is_none()).map(|source| {
        let port = source.ports.get(source.active_port).map(|port| words(&port.name));
        let device = Device {
            name: &source.name,
            description: source.description.as_deref(),
            props: &source.props,
            active_port: port,
            volume: &source.cvolume,
        };
        DeviceInfo {
            input: true,
            default: is_default(&server.default_source_name, &source.name),
            rate_hz: Some(source.sample_spec.sample_rate),
            channels: Some(u16::from(source.sample_spec.channels)),
            muted: Some(source.muted),
            ..device.info()
        }
    });
    let sinks = sinks.into_iter().map(|sink| {
        let port = sink.ports.get(sink.active_port).map(|port| words(&port.name));
        let device = Device {
            name: &sink.name,
            description: sink.description.as_deref(),
            props: &sink.props,
            active_port: port,
            volume: &sink.cvolume,
        };
        DeviceInfo {
            default: is_default(&server.default_sink_name, &sink.name),
            rate_hz: Some(sink.sample_spec.sample_rate),
            channels: Some(u16::from(sink.sample_spec.channels)),
            muted: Some(sink.muted),
            ..device.info()
        }
    });
    Ok(sources.chain(sinks).filter(|device| !catalog::is_monitor(&device.id)).collect())
}

/// What sinks and sources have in common.
struct Device<'a> {
    name: &'a CStr,
    description: Option<&'a CStr>,
    props: &'a Props,
    active_port: Option<String>,
    volume: &'a ChannelVolume,
}

impl Device<'_> {
    fn info(&self) -> DeviceInfo {
        let id = format!("pulseaudio:{}", words(self.name));
        let name = self.description.map_or_else(|| words(self.name), words);
        DeviceInfo {
            class: self.class(&id, &name),
            port: self.prop(Prop::DeviceSerial).or_else(|| self.prop(Prop::DeviceBusPath)),
            system_volume_percent: percent(self.volume),
            id,
            name,
            ..DeviceInfo::default()
        }
    }

    /// By what the system knows, else by its name.
    fn class(&self, id: &str, name: &str) -> Class {
        let profile = self.named("bluetooth.protocol").or_else(|| self.named("api.bluez5.profile")).unwrap_or_default();
        if profile.contains("headset_head_unit") || profile.contains("headset-head-unit") || profile.contains("hfp") {
            return Class::BluetoothNarrowband;
        }
        // A headset in the socket of a laptop is a port of its sound card.
        let port = self.active_port.as_deref().unwrap_or_default();
        if port.contains("headset") || port.contains("headphone") {
            return Class::Headset;
        }
        let form = self.prop(Prop::DeviceFormFactor).and_then(|form| catalog::class_of_form(&form));
        form.unwrap_or_else(|| catalog::class(id, name))
    }

    fn prop(&self, prop: Prop) -> Option<String> {
        self.props.get(prop).and_then(value)
    }

    fn named(&self, name: &str) -> Option<String> {
        self.props.iter().find(|(key, _)| key.to_bytes() == name.as_bytes()).and_then(|(_, bytes)| value(bytes))
    }
}

/// The loudest channel.
fn percent(volume: &ChannelVolume) -> Option<u16> {
    let loudest = volume.channels().iter().map(Volume::as_u32).max()?;
    let whole = u64::from(Volume::NORM.as_u32());
    u16::try_from((u64::from(loudest) * 100 + whole / 2) / whole).ok()
}

fn words(name: &CStr) -> String {
    name.to_string_lossy().into_owned()
}

/// Properties are bytes that end with a zero.
fn value(bytes: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(bytes.strip_suffix(b"\0").unwrap_or(bytes)).into_owned();
    Some(text).filter(|text| !text.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &CStr, port: Option<&str>, props: &[(&CStr, &str)]) -> Class {
        let mut list = Props::new();
        for (key, value) in props {
            list.set_bytes(*key, format!("{value}\0").as_bytes());
        }
        let volume = ChannelVolume::norm(2);
        let active_port = port.map(str::to_owned);
        Device { name, description: Some(c"A device"), props: &list, active_port, volume: &volume }.info().class
    }

    #[test]
    fn row_57_headsets_and_built_in_devices_are_told_by_what_the_system_knows() {
        let pci = c"alsa_output.pci-0000_00_1f.3.analog-stereo";
        assert_eq!(class(pci, Some("analog-output-speaker"), &[]), Class::BuiltIn);
        assert_eq!(class(pci, Some("analog-output-headphones"), &[]), Class::Headset);
        assert_eq!(class(c"alsa_input.pci", Some("analog-input-headset-mic"), &[]), Class::Headset);
        assert_eq!(class(c"x", None, &[(c"device.form_factor", "headset")]), Class::Headset);
        assert_eq!(class(c"x", None, &[(c"device.form_factor", "internal")]), Class::BuiltIn);
        let headset = (c"device.form_factor", "headset");
        for profile in [(c"api.bluez5.profile", "headset-head-unit"), (c"bluetooth.protocol", "headset_head_unit")] {
            assert_eq!(class(c"bluez", None, &[headset, profile]), Class::BluetoothNarrowband);
        }
        assert_eq!(class(c"bluez", None, &[headset, (c"api.bluez5.profile", "a2dp-sink")]), Class::Headset);
    }

    #[test]
    fn volume_of_the_system_is_read_in_percent() {
        assert_eq!(percent(&ChannelVolume::norm(2)), Some(100));
        assert_eq!(percent(&ChannelVolume::muted(1)), Some(0));
        assert_eq!(percent(&ChannelVolume::empty()), None);
    }
}
