//! The system's own mute switch and volume of a device: read for diagnosis, and changed only when the user presses
//! the button that says so. On Linux through PulseAudio; elsewhere the system is not asked, and says nothing.

/// What the system does to a device.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Mixer {
    pub muted: bool,
    /// Of the loudest channel, in percent of the system's own scale; 100 is unchanged.
    pub volume_percent: f32,
}

/// Reads it; `None`: the system does not tell. Blocks, for two seconds when the sound service hangs.
pub fn mixer(id: &str, input: bool) -> Option<Mixer> {
    #[cfg(target_os = "linux")]
    return pulse::mixer(id, input);
    #[cfg(not(target_os = "linux"))]
    {
        let _unused = (id, input);
        None
    }
}

/// Switches the device on, and up from zero; whether that worked. Blocks as [`mixer`] does.
pub fn unmute(id: &str, input: bool) -> bool {
    #[cfg(target_os = "linux")]
    return pulse::unmute(id, input);
    #[cfg(not(target_os = "linux"))]
    {
        let _unused = (id, input);
        false
    }
}

#[cfg(target_os = "linux")]
mod pulse {
    use std::ffi::CString;

    use pulseaudio::protocol::{
        self, ChannelVolume, Command, GetSinkInfo, GetSourceInfo, SetDeviceMuteParams, SetDeviceVolumeParams, SinkInfo,
        SourceInfo, Volume,
    };

    use super::Mixer;
    use crate::pulse::Connection;

    /// 100 % of PulseAudio's scale.
    const FULL: f32 = 65_536.0;

    fn name_of(id: &str) -> Option<CString> {
        CString::new(id.strip_prefix("pulseaudio:")?).ok()
    }

    fn look(id: &str, input: bool) -> Option<(Mixer, ChannelVolume)> {
        let name = Some(name_of(id)?);
        let mut connection = Connection::open().ok()?;
        let (muted, volume) = if input {
            connection.send(2, &Command::GetSourceInfo(GetSourceInfo { index: None, name })).ok()?;
            let (_, info) =
                protocol::read_reply_message::<SourceInfo>(&mut connection.socket, connection.version).ok()?;
            (info.muted, info.cvolume)
        } else {
            connection.send(2, &Command::GetSinkInfo(GetSinkInfo { index: None, name })).ok()?;
            let (_, info) =
                protocol::read_reply_message::<SinkInfo>(&mut connection.socket, connection.version).ok()?;
            (info.muted, info.cvolume)
        };
        let loudest = volume.channels().iter().map(Volume::as_u32).max().unwrap_or(0);
        Some((Mixer { muted, volume_percent: loudest as f32 / FULL * 100.0 }, volume))
    }

    pub fn mixer(id: &str, input: bool) -> Option<Mixer> {
        look(id, input).map(|(mixer, _)| mixer)
    }

    pub fn unmute(id: &str, input: bool) -> bool {
        let Some((mixer, volume)) = look(id, input) else { return false };
        let change = || {
            let mut connection = Connection::open().ok()?;
            let mute = SetDeviceMuteParams { device_index: None, device_name: Some(name_of(id)?), mute: false };
            let command = if input { Command::SetSourceMute(mute) } else { Command::SetSinkMute(mute) };
            connection.send(2, &command).ok()?;
            protocol::read_ack_message(&mut connection.socket).ok()?;
            if mixer.volume_percent < 1.0 {
                let mut louder = ChannelVolume::empty();
                for _ in volume.channels() {
                    louder.push(Volume::from_u32_clamped((FULL * 0.8) as u32));
                }
                let params =
                    SetDeviceVolumeParams { device_index: None, device_name: Some(name_of(id)?), volume: louder };
                let command = if input { Command::SetSourceVolume(params) } else { Command::SetSinkVolume(params) };
                connection.send(3, &command).ok()?;
                protocol::read_ack_message(&mut connection.socket).ok()?;
            }
            Some(())
        };
        change().is_some()
    }
}
