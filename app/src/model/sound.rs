//! The sound bar and the Sound page: which device, open or closed, and do they hear you.

use phone_core::policy::Setting;
use phone_core::snapshot::{CallState, RoleView, Snapshot};
use phone_core::sound::{DeviceChoice, DeviceClass, NoiseReduction, Processing, SoundRole};

use super::State;
use super::calls::desk;
use crate::text;

/// What stands at the right of a lane.
#[derive(Clone, Debug, PartialEq)]
pub enum LaneEnd {
    Quiet(&'static str),
    Word(State, Sign, &'static str),
    /// A shape without a claim: an empty ring.
    Waiting(&'static str),
    Volume(u8),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    Tick,
    Triangle,
    CrossedMicrophone,
    Pause,
    Barred,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MeterLook {
    /// The device is closed: an empty track.
    Empty,
    Live,
    /// No sound can flow.
    Dashes(State),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LaneIcon {
    Microphone,
    MicrophoneOff,
    Speaker,
    Bell,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    pub role: SoundRole,
    pub icon: LaneIcon,
    pub device: String,
    pub end: LaneEnd,
    pub meter: MeterLook,
    /// The whole story, as a tooltip and for screen readers.
    pub detail: String,
}

/// Microphone above, speaker (or, while it rings, ringer) below.
#[derive(Clone, Debug, PartialEq)]
pub struct SoundBar {
    pub lanes: [Lane; 2],
}

impl SoundBar {
    /// Whether a meter moves.
    pub fn live(&self) -> bool {
        self.lanes.iter().any(|lane| lane.meter == MeterLook::Live)
    }
}

pub fn role_of(snapshot: &Snapshot, role: SoundRole) -> &RoleView {
    match role {
        SoundRole::Microphone => &snapshot.sound.microphone,
        SoundRole::Speaker => &snapshot.sound.speaker,
        SoundRole::Ringer => &snapshot.sound.ringer,
    }
}

/// The name of the device in use, or of the one that will be used.
pub fn device_name(snapshot: &Snapshot, role: SoundRole) -> String {
    let view = role_of(snapshot, role);
    // After it closed, another one may be meant by now.
    if let Some((_, name)) = view.device.as_ref().filter(|_| view.open) {
        return name.clone();
    }
    let meant = view.choice.pick(role, &snapshot.sound.devices);
    let before = view.device.as_ref().map(|(_, name)| name.clone());
    meant.map(|device| device.name.clone()).or(before).unwrap_or_else(|| text::NO_DEVICE.to_owned())
}

pub fn sound_bar(snapshot: &Snapshot) -> SoundBar {
    let desk = desk(&snapshot.calls);
    let rings = desk.main.is_none() && !desk.alerting.is_empty();
    SoundBar { lanes: [microphone(snapshot), if rings { ringer(snapshot) } else { speaker(snapshot) }] }
}

fn lane(snapshot: &Snapshot, role: SoundRole, icon: LaneIcon, end: LaneEnd, meter: MeterLook) -> Lane {
    let device = device_name(snapshot, role);
    let detail = role_of(snapshot, role)
        .problem
        .as_ref()
        .map_or_else(|| format!("{}: {device}", text::role(role)), text::sound_problem);
    Lane { role, icon, device, end, meter, detail }
}

fn microphone(snapshot: &Snapshot) -> Lane {
    let view = &snapshot.sound.microphone;
    let desk = desk(&snapshot.calls);
    let muted = snapshot.muted || desk.main.is_some_and(|call| call.muted);
    let lane = |icon, end, meter| lane(snapshot, SoundRole::Microphone, icon, end, meter);

    if let Some(problem) = &view.problem {
        let word = LaneEnd::Word(State::Danger, Sign::Barred, text::sound_problem_short(problem));
        return lane(LaneIcon::MicrophoneOff, word, MeterLook::Dashes(State::Danger));
    }
    match desk.main {
        Some(call) if matches!(call.state, CallState::Held { .. }) => lane(
            LaneIcon::Microphone,
            LaneEnd::Word(State::Warn, Sign::Pause, text::PAUSED),
            MeterLook::Dashes(State::Warn),
        ),
        Some(_) if muted => lane(
            LaneIcon::MicrophoneOff,
            LaneEnd::Word(State::Danger, Sign::CrossedMicrophone, text::THEY_DONT_HEAR),
            MeterLook::Dashes(State::Danger),
        ),
        Some(call) if matches!(call.state, CallState::Connected | CallState::Recovering { .. }) => {
            let end = match call.far_hears {
                _ if !view.open => LaneEnd::Quiet(text::OPENING),
                Some(true) => LaneEnd::Word(State::Success, Sign::Tick, text::THEY_HEAR),
                Some(false) => LaneEnd::Word(State::Warn, Sign::Triangle, text::THEY_MAY_NOT_HEAR),
                None => LaneEnd::Waiting(text::WAITING_FOR_PROOF),
            };
            lane(LaneIcon::Microphone, end, if view.open { MeterLook::Live } else { MeterLook::Empty })
        }
        _ if view.open => lane(LaneIcon::Microphone, LaneEnd::Quiet(text::OPEN), MeterLook::Live),
        Some(_) => lane(LaneIcon::Microphone, LaneEnd::Quiet(text::OPENS_ON_CONNECT), MeterLook::Empty),
        None if !desk.alerting.is_empty() => {
            lane(LaneIcon::Microphone, LaneEnd::Quiet(text::OPENS_ON_ANSWER), MeterLook::Empty)
        }
        None => lane(LaneIcon::Microphone, LaneEnd::Quiet(text::CLOSED), MeterLook::Empty),
    }
}

fn speaker(snapshot: &Snapshot) -> Lane {
    let view = &snapshot.sound.speaker;
    let held = desk(&snapshot.calls).main.is_some_and(|call| matches!(call.state, CallState::Held { .. }));
    let (end, meter) = match &view.problem {
        Some(problem) => (
            LaneEnd::Word(State::Danger, Sign::Barred, text::sound_problem_short(problem)),
            MeterLook::Dashes(State::Danger),
        ),
        None if held => (LaneEnd::Volume(view.volume_percent), MeterLook::Dashes(State::Warn)),
        None => (LaneEnd::Volume(view.volume_percent), if view.open { MeterLook::Live } else { MeterLook::Empty }),
    };
    lane(snapshot, SoundRole::Speaker, LaneIcon::Speaker, end, meter)
}

fn ringer(snapshot: &Snapshot) -> Lane {
    let view = &snapshot.sound.ringer;
    let (end, meter) = match (&view.problem, view.open) {
        (Some(_), _) => {
            (LaneEnd::Word(State::Danger, Sign::Barred, text::NOBODY_HEARS_RING), MeterLook::Dashes(State::Danger))
        }
        (None, true) => (LaneEnd::Word(State::Success, Sign::Tick, text::RINGING_ALOUD), MeterLook::Live),
        (None, false) => (LaneEnd::Quiet(text::OPENING), MeterLook::Empty),
    };
    lane(snapshot, SoundRole::Ringer, LaneIcon::Bell, end, meter)
}

/// One line in the list of devices.
#[derive(Clone, Debug, PartialEq)]
pub struct DeviceRow {
    pub choice: DeviceChoice,
    pub name: String,
    pub note: Option<String>,
    pub badge: Option<&'static str>,
    pub chosen: bool,
}

/// What can be chosen for a role: "Follow the system" first.
pub fn device_rows(snapshot: &Snapshot, role: SoundRole) -> Vec<DeviceRow> {
    let wants_input = role == SoundRole::Microphone;
    let choice = &role_of(snapshot, role).choice;
    let devices: Vec<_> = snapshot.sound.devices.iter().filter(|device| device.input == wants_input).collect();
    let default = devices.iter().find(|device| device.default).map(|device| device.name.clone());
    let mut rows = vec![DeviceRow {
        choice: DeviceChoice::FollowSystem,
        name: text::FOLLOW_SYSTEM.to_owned(),
        note: default,
        badge: None,
        chosen: *choice == DeviceChoice::FollowSystem,
    }];
    rows.extend(devices.into_iter().map(|device| DeviceRow {
        choice: DeviceChoice::Device(device.id.clone()),
        name: device.name.clone(),
        note: None,
        badge: text::device_class(device.class),
        chosen: *choice == DeviceChoice::Device(device.id.clone()),
    }));
    if let DeviceChoice::Ranked(wishes) = choice {
        let meant = choice.pick(role, &snapshot.sound.devices).map(|device| device.name.clone());
        let row = DeviceRow {
            choice: choice.clone(),
            name: text::preferred(wishes.len()),
            note: meant,
            badge: None,
            chosen: true,
        };
        rows.insert(1, row);
    }
    // A chosen device that is unplugged stays in the list, so that the choice can be seen and changed.
    if let DeviceChoice::Device(id) = choice
        && !rows.iter().any(|row| row.chosen)
    {
        rows.push(DeviceRow {
            choice: choice.clone(),
            name: id.split_once(':').map_or(id.as_str(), |(_, name)| name).to_owned(),
            note: Some("not plugged in".to_owned()),
            badge: None,
            chosen: true,
        });
    }
    rows
}

/// One card of the Sound page.
#[derive(Clone, Debug, PartialEq)]
pub struct RoleCard {
    pub role: SoundRole,
    pub device: String,
    pub badge: Option<&'static str>,
    pub volume: u8,
    pub open: bool,
    pub problem: Option<String>,
}

pub fn role_card(snapshot: &Snapshot, role: SoundRole) -> RoleCard {
    let view = role_of(snapshot, role);
    let device = device_name(snapshot, role);
    let wants_input = role == SoundRole::Microphone;
    let badge = snapshot
        .sound
        .devices
        .iter()
        .find(|candidate| candidate.input == wants_input && candidate.name == device)
        .and_then(|found| text::device_class(found.class));
    RoleCard {
        role,
        device,
        badge,
        volume: view.volume_percent,
        open: view.open,
        problem: view.problem.as_ref().map(text::sound_problem),
    }
}

/// What is done to the microphone's sound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessingCard {
    pub asked: Processing,
    /// In force, also when the choice is left to the phone.
    pub noise: NoiseReduction,
    /// Who decided echo, noise and level, where the user cannot.
    pub locks: [Option<String>; 3],
}

pub fn processing_card(snapshot: &Snapshot) -> ProcessingCard {
    let asked = snapshot.sound.processing;
    let device = snapshot.sound.microphone.choice.pick(SoundRole::Microphone, &snapshot.sound.devices);
    let ready_made = device.is_some_and(|device| device.class == DeviceClass::Virtual);
    let usual = if ready_made { NoiseReduction::Off } else { NoiseReduction::Normal };
    let locks = [Setting::SoundCancelEcho, Setting::SoundReduceNoise, Setting::SoundEvenOut]
        .map(|setting| snapshot.settings.lock(setting).map(text::lock_sentence));
    ProcessingCard { asked, noise: asked.reduce_noise.unwrap_or(usual), locks }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use phone_core::sound::{SoundDevice, SoundProblem};

    use super::*;
    use crate::model::made_up::{call, snapshot};

    fn in_call(change: impl FnOnce(&mut Snapshot)) -> Lane {
        let mut picture = snapshot(vec![call(1, "Maria", CallState::Connected, Instant::now())]);
        picture.sound.microphone.open = true;
        change(&mut picture);
        sound_bar(&picture).lanes[0].clone()
    }

    #[test]
    fn only_a_report_from_the_far_side_says_they_hear_you() {
        assert_eq!(in_call(|_| {}).end, LaneEnd::Waiting(text::WAITING_FOR_PROOF));
        let heard = in_call(|picture| picture.calls[0].far_hears = Some(true));
        assert_eq!(heard.end, LaneEnd::Word(State::Success, Sign::Tick, text::THEY_HEAR));
        let unheard = in_call(|picture| picture.calls[0].far_hears = Some(false));
        assert_eq!(unheard.end, LaneEnd::Word(State::Warn, Sign::Triangle, text::THEY_MAY_NOT_HEAR));
    }

    #[test]
    fn muted_and_blocked_are_dashed() {
        assert_eq!(in_call(|picture| picture.muted = true).meter, MeterLook::Dashes(State::Danger));
        let blocked = in_call(|picture| picture.sound.microphone.problem = Some(SoundProblem::NoPermission));
        assert_eq!(blocked.meter, MeterLook::Dashes(State::Danger));
        assert!(blocked.detail.contains("privacy settings"), "the detail says what to do: {}", blocked.detail);
    }

    #[test]
    fn at_rest_no_meter_moves() {
        assert!(!sound_bar(&snapshot(vec![])).live());
    }

    #[test]
    fn while_it_rings_the_second_lane_is_the_ringer() {
        let mut picture = snapshot(vec![call(1, "Maria", CallState::Alerting { gives_up: None }, Instant::now())]);
        picture.sound.ringer.open = true;
        let lane = &sound_bar(&picture).lanes[1];
        assert_eq!((lane.role, lane.icon), (SoundRole::Ringer, LaneIcon::Bell));
        assert_eq!(lane.end, LaneEnd::Word(State::Success, Sign::Tick, text::RINGING_ALOUD));
    }

    #[test]
    fn a_chosen_device_that_is_gone_stays_in_the_list() {
        let mut picture = snapshot(vec![]);
        picture.sound.devices = vec![SoundDevice {
            id: "pulse:laptop".into(),
            name: "Laptop".into(),
            input: true,
            class: DeviceClass::BuiltIn,
            default: true,
            ..SoundDevice::default()
        }];
        picture.sound.microphone.choice = DeviceChoice::Device("pulse:Jabra".into());
        let rows: Vec<_> =
            device_rows(&picture, SoundRole::Microphone).into_iter().map(|row| (row.name, row.chosen)).collect();
        assert_eq!(rows, [("Follow the system".into(), false), ("Laptop".into(), false), ("Jabra".to_owned(), true)]);
    }
}
