//! `offhook devices`: microphones and speakers, with the ids that other commands take.

use phone_audio::sound::{Choice, DeviceInfo};
use phone_core::sound::SoundRole;

use super::config::Settings;
use super::exit::{Exit, Failure};
use super::human::{Ink, Paint};
use super::lines::{DeviceKind, Found, Line, class_word};
use super::voice::Voice;

pub fn devices(settings: &Settings, voice: &mut Voice) -> Result<Exit, Failure> {
    let found = phone_device::list().map_err(|error| {
        Failure::usage(
            "no-sound-service",
            format!("Sound devices cannot be listed: {error}."),
            "Start the sound service of this computer (PulseAudio, PipeWire or ALSA), or use files: --input FILE.wav --output FILE.wav.",
        )
    })?;
    let found: Vec<Found> = found.iter().map(|device| describe(device, settings)).collect();
    if found.is_empty() {
        return Err(Failure::usage(
            "no-device",
            "This computer has a sound service, and no microphone or speaker.",
            "Plug one in, or use files: --input FILE.wav --output FILE.wav.",
        ));
    }
    voice.print(&table(&found, voice.paint()));
    for device in found {
        voice.say(&Line::Found(device));
    }
    Ok(Exit::Fine)
}

fn describe(device: &DeviceInfo, settings: &Settings) -> Found {
    let roles = [
        (SoundRole::Microphone, &settings.microphone),
        (SoundRole::Speaker, &settings.speaker),
        (SoundRole::Ringer, &settings.ringer),
    ];
    let chosen = roles.into_iter().filter(|(role, choice)| {
        let right_way = (*role == SoundRole::Microphone) == device.input;
        right_way && matches!(choice, Some(Choice::Device(id)) if *id == device.id)
    });
    Found {
        id: device.id.clone(),
        name: device.name.clone(),
        kind: if device.input { DeviceKind::Input } else { DeviceKind::Output },
        class: class_word(device.class),
        rate_hz: device.rate_hz,
        channels: device.channels,
        default: device.default,
        chosen: chosen.map(|(role, _)| role).collect(),
    }
}

fn marks(device: &Found) -> String {
    let role = |role: &SoundRole| match role {
        SoundRole::Microphone => "chosen as microphone",
        SoundRole::Speaker => "chosen as speaker",
        SoundRole::Ringer => "chosen as ringer",
    };
    let marks = device.default.then_some("default").into_iter().chain(device.chosen.iter().map(role));
    marks.collect::<Vec<_>>().join(", ")
}

fn table(devices: &[Found], paint: Paint) -> String {
    let rows: Vec<[String; 5]> = devices
        .iter()
        .map(|device| {
            let rate = device.rate_hz.map(|rate| format!("{:.1} kHz", f64::from(rate) / 1_000.0));
            let channels = device.channels.map(|channels| format!(" × {channels}"));
            [
                device.id.clone(),
                device.name.clone(),
                device.class.to_owned(),
                format!("{}{}", rate.unwrap_or_default(), channels.unwrap_or_default()),
                marks(device),
            ]
        })
        .collect();
    let head = ["Id", "Name", "Class", "Rate", ""].map(str::to_owned);
    let width = |column: usize| {
        let cells = rows.iter().chain([&head]).filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths = [0, 1, 2, 3, 4].map(width);
    let line = |row: &[String; 5]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut text = String::new();
    for (title, kind) in [("Microphones", DeviceKind::Input), ("Speakers", DeviceKind::Output)] {
        let mut chosen = devices.iter().zip(&rows).filter(|(device, _)| device.kind == kind).peekable();
        if chosen.peek().is_none() {
            text.push_str(&paint.text(Ink::Warn, &format!("{title}: none\n")));
            continue;
        }
        text.push_str(&paint.text(Ink::Strong, title));
        text.push('\n');
        text.push_str(&paint.text(Ink::Faint, &line(&head)));
        text.push('\n');
        for (_, row) in chosen {
            text.push_str(&line(row));
            text.push('\n');
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use phone_audio::sound::Class;

    use super::*;

    fn device(id: &str, name: &str, input: bool, default: bool) -> DeviceInfo {
        let class = if input { Class::Headset } else { Class::BuiltIn };
        DeviceInfo {
            id: id.to_owned(),
            name: name.to_owned(),
            input,
            class,
            default,
            rate_hz: Some(48_000),
            channels: Some(2),
            ..DeviceInfo::default()
        }
    }

    fn settings() -> Settings {
        Settings { ringer: Some(Choice::Device("pulseaudio:spk".to_owned())), ..Settings::default() }
    }

    #[test]
    fn devices_are_shown_in_aligned_columns_with_their_marks() {
        let found = [
            device("pulseaudio:mic", "Headset", true, true),
            device("pulseaudio:spk", "Built-in speaker", false, true),
        ];
        let found: Vec<Found> = found.iter().map(|device| describe(device, &settings())).collect();
        insta::assert_snapshot!(table(&found, Paint(false)), @r"
        Microphones
        Id              Name              Class     Rate
        pulseaudio:mic  Headset           headset   48.0 kHz × 2  default
        Speakers
        Id              Name              Class     Rate
        pulseaudio:spk  Built-in speaker  built-in  48.0 kHz × 2  default, chosen as ringer
        ");
    }

    #[test]
    fn a_microphone_is_never_chosen_as_a_ringer() {
        let found = describe(&device("pulseaudio:spk", "odd", true, false), &settings());
        assert_eq!(found.chosen, Vec::new());
    }
}
