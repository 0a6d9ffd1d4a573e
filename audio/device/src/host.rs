//! The sound service of this computer: connect, list. Opening is in [`crate::stream`].
//!
//! Through cpal, but on PulseAudio by its own protocol, which tells more. Everything here may block for two seconds when
//! the service is hung.

use cpal::traits::{DeviceTrait, HostTrait};
use cpal::{Device, Host};
use phone_audio::sound::{DeviceInfo, SoundError};

use crate::catalog;

/// A connection to the sound service.
pub enum System {
    #[cfg(target_os = "linux")]
    Pulse,
    Cpal(Host),
}

/// A device, and what the service needs to open it.
pub struct Listed {
    pub info: DeviceInfo,
    pub handle: Handle,
}

/// What opens a device.
#[derive(Clone)]
pub enum Handle {
    /// Its id does.
    #[cfg(target_os = "linux")]
    Pulse,
    Cpal(Box<Device>),
}

impl System {
    pub fn connect() -> Result<Self, SoundError> {
        connect()
    }

    /// All microphones and speakers, without monitors of speakers; each has a name of its own.
    pub fn list(&self) -> Result<Vec<Listed>, SoundError> {
        let mut found: Vec<(DeviceInfo, Handle)> = match self {
            #[cfg(target_os = "linux")]
            Self::Pulse => crate::pulse_list::list()?.into_iter().map(|info| (info, Handle::Pulse)).collect(),
            Self::Cpal(host) => {
                list(host)?.into_iter().map(|(info, device)| (info, Handle::Cpal(Box::new(device)))).collect()
            }
        };
        // By id before they get their numbers: a device keeps its name whatever was plugged in first.
        found.sort_by(|(a, _), (b, _)| (!a.input, &a.name, &a.id).cmp(&(!b.input, &b.name, &b.id)));
        let (mut infos, handles): (Vec<_>, Vec<_>) = found.into_iter().unzip();
        catalog::tell_apart(&mut infos);
        let listed = infos.into_iter().zip(handles).map(|(info, handle)| Listed { info, handle }).collect();
        Ok(listed)
    }
}

fn list(host: &Host) -> Result<Vec<(DeviceInfo, Device)>, SoundError> {
    let default = |device: Option<Device>| device.and_then(|device| device.id().ok()).map(|id| id.to_string());
    let default_input = default(host.default_input_device());
    let default_output = default(host.default_output_device());
    let mut listed = Vec::new();
    for device in host.devices().map_err(|error| explain(&error, "the list of devices"))? {
        let (Ok(id), Ok(description)) = (device.id(), device.description()) else { continue };
        let (id, name) = (id.to_string(), description.name().to_owned());
        if catalog::is_pseudo(&id) {
            continue;
        }
        let details = crate::system::details(&id);
        for input in [true, false] {
            let config = if input { device.default_input_config() } else { device.default_output_config() };
            // A device has a configuration only for the directions it has.
            let Ok(config) = config else { continue };
            let default = if input { &default_input } else { &default_output };
            let info = DeviceInfo {
                class: details.class.unwrap_or_else(|| catalog::class(&id, &name)),
                default: default.as_deref() == Some(id.as_str()),
                id: id.clone(),
                name: name.clone(),
                input,
                rate_hz: Some(config.sample_rate()),
                channels: Some(config.channels()),
                port: details.port.clone(),
                muted: details.muted,
                system_volume_percent: details.volume_percent,
            };
            listed.push((info, device.clone()));
        }
    }
    Ok(listed)
}

/// PulseAudio, which `PipeWire` also speaks; else ALSA where there is a card at all.
#[cfg(target_os = "linux")]
fn connect() -> Result<System, SoundError> {
    match crate::pulse::Connection::open() {
        Ok(_) => Ok(System::Pulse),
        Err(error) => {
            tracing::debug!(%error, "no PulseAudio");
            // Asking ALSA about cards that do not exist makes its library write to the terminal.
            let cards = std::fs::read_to_string("/proc/asound/cards").unwrap_or_default();
            if cards.contains("]:") {
                cpal::host_from_id(cpal::HostId::Alsa).map(System::Cpal).map_err(|_| SoundError::NoServer)
            } else {
                Err(SoundError::NoServer)
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn connect() -> Result<System, SoundError> {
    Ok(System::Cpal(cpal::default_host()))
}

/// cpal's error as the one thing the user can do something about.
pub fn explain(error: &cpal::Error, what: &str) -> SoundError {
    use cpal::ErrorKind;
    match error.kind() {
        ErrorKind::DeviceNotAvailable => SoundError::Missing(what.to_owned()),
        ErrorKind::DeviceBusy => SoundError::Busy(what.to_owned()),
        ErrorKind::HostUnavailable => SoundError::NoServer,
        ErrorKind::PermissionDenied => SoundError::NoPermission,
        _ => SoundError::Failed(format!("{what} failed: {error}")),
    }
}
