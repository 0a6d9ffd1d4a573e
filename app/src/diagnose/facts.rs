//! From what the phone shows and measured to the facts that are judged.

use phone_core::diagnose::facts::{
    DeviceFacts, Direction, EchoFacts, Facts, FailureFacts, MicrophoneFacts, Origin, OutputFacts, PathFacts,
    Permission, PolicyFacts, RelayMode, ServiceFacts, SessionFacts, SoundFacts,
};
use phone_core::event::{CallDirection, EndReason};
use phone_core::measurement::{self, Measured, Measurement, NotMeasured};
use phone_core::media::MediaPath;
use phone_core::phone::relays::region_of;
use phone_core::policy::Setting;
use phone_core::snapshot::{Snapshot, Standing};
use phone_core::sound::{DeviceChoice, DeviceClass, SoundProblem, SoundRole};
use phone_device::mixer::Mixer;

use crate::model::sound::role_of;

/// The device that a role uses, or would use.
pub fn device_of(snapshot: &Snapshot, role: SoundRole) -> Option<DeviceFacts> {
    let view = role_of(snapshot, role);
    let input = role == SoundRole::Microphone;
    let listed = |id: &str| snapshot.sound.devices.iter().find(|device| device.input == input && device.id == id);
    let of = |device: &phone_core::sound::SoundDevice| DeviceFacts {
        id: device.id.clone(),
        name: device.name.clone(),
        class: device.class,
        default: device.default,
        rank: None,
    };
    if let Some((id, name)) = &view.device {
        return Some(listed(id).map_or_else(
            // A file or a tone in place of a device is in no list.
            || DeviceFacts {
                id: id.clone(),
                name: name.clone(),
                class: DeviceClass::Virtual,
                default: false,
                rank: None,
            },
            of,
        ));
    }
    view.choice.pick(role, &snapshot.sound.devices).map(of)
}

/// All devices, and those in use.
pub fn sound(snapshot: &Snapshot) -> SoundFacts {
    let list = |input: bool, role: SoundRole| {
        let mut devices: Vec<DeviceFacts> = snapshot
            .sound
            .devices
            .iter()
            .filter(|device| device.input == input)
            .map(|device| DeviceFacts {
                id: device.id.clone(),
                name: device.name.clone(),
                class: device.class,
                default: device.default,
                rank: None,
            })
            .collect();
        let used = device_of(snapshot, role);
        if let Some(used) = used.clone().filter(|used| devices.iter().all(|device| device.id != used.id)) {
            devices.push(used);
        }
        (devices, used.map(|used| used.id))
    };
    let (microphones, microphone) = list(true, SoundRole::Microphone);
    let (speakers, speaker) = list(false, SoundRole::Speaker);
    let problem = |role| role_of(snapshot, role).problem.clone();
    let problems = [problem(SoundRole::Microphone), problem(SoundRole::Speaker)];
    let has = |wanted: &SoundProblem| problems.iter().flatten().any(|problem| problem == wanted);
    SoundFacts {
        no_service: has(&SoundProblem::NoSoundServer) && microphones.is_empty() && speakers.is_empty(),
        permission: if has(&SoundProblem::NoPermission) { Permission::Denied } else { Permission::Unknown },
        microphones,
        speakers,
        microphone,
        speaker,
        microphone_chosen: matches!(role_of(snapshot, SoundRole::Microphone).choice, DeviceChoice::Device(_)),
    }
}

/// Why a device could not be used.
fn problem_of(why: &NotMeasured) -> Option<SoundProblem> {
    match why {
        NotMeasured::NoDevice { problem, .. } => Some(problem.clone()),
        NotMeasured::Stuck { .. } => Some(SoundProblem::Failed("it is open, and no sound flows".to_owned())),
        NotMeasured::DeviceChanged => Some(SoundProblem::Failed("it went away meanwhile".to_owned())),
        NotMeasured::Failed(why) => Some(SoundProblem::Failed(why.clone())),
        NotMeasured::Busy | NotMeasured::InCall | NotMeasured::Cancelled | NotMeasured::NoRecording => None,
    }
}

/// What listening found. `before` and `after`: the system's mute switch and volume around it.
pub fn microphone(
    snapshot: &Snapshot,
    measured: &Measured,
    before: Option<Mixer>,
    after: Option<Mixer>,
) -> Option<MicrophoneFacts> {
    let device = device_of(snapshot, SoundRole::Microphone);
    let mut facts = device.map_or_else(
        || MicrophoneFacts::new("", "", DeviceClass::Unknown),
        |device| MicrophoneFacts::new(device.id, device.name, device.class),
    );
    facts.system_muted = before.map(|mixer| mixer.muted);
    facts.volume_before = before.map(|mixer| mixer.volume_percent);
    facts.volume_after = after.map(|mixer| mixer.volume_percent);
    let found = match &measured.result {
        Ok(found) => found,
        Err(why) => {
            facts.problem = Some(problem_of(why)?);
            return Some(facts);
        }
    };
    if let Some(stream) = &found.microphone {
        facts.id.clone_from(&stream.device);
        facts.name.clone_from(&stream.name);
        facts.class = stream.class;
        facts.rate_hz = Some(stream.rate_hz);
        facts.lost_samples = (stream.lost + stream.overrun).as_millis() as u64 * 48;
    }
    if let Some(input) = &found.input {
        input_facts(&mut facts, input);
    }
    Some(facts)
}

fn input_facts(facts: &mut MicrophoneFacts, input: &measurement::InputFacts) {
    facts.listened_ms = input.length.as_millis() as u64;
    facts.open_ms = facts.listened_ms;
    facts.level_dbfs = Some(input.speech_dbfs.unwrap_or(input.level_dbfs));
    facts.noise_dbfs = Some(input.noise_dbfs);
    facts.peak_dbfs = Some(input.peak_dbfs);
    facts.clipped = Some(input.clipped_share);
    facts.all_zero = input.silence == measurement::Silence::Digital;
    facts.bandwidth_hz = input.bandwidth_hz.map(|hz| hz as f32);
}

/// What playing a tone found.
pub fn output(snapshot: &Snapshot, role: SoundRole, measured: &Measured, mixer: Option<Mixer>) -> Option<OutputFacts> {
    let device = device_of(snapshot, role);
    let mut facts = device.map_or_else(
        || OutputFacts::new("", "", DeviceClass::Unknown),
        |device| OutputFacts::new(device.id, device.name, device.class),
    );
    facts.system_muted = mixer.map(|mixer| mixer.muted);
    facts.volume_percent = mixer.map(|mixer| mixer.volume_percent);
    match &measured.result {
        Ok(found) => {
            if let Some(stream) = &found.speaker {
                facts.id.clone_from(&stream.device);
                facts.name.clone_from(&stream.name);
                facts.class = stream.class;
                facts.lost_samples = stream.lost.as_millis() as u64 * 48;
            }
            // The measurement is refused as stuck when the device takes nothing.
            facts.played_ms = if role == SoundRole::Ringer { 4_000 } else { 1_200 };
        }
        Err(why) => facts.problem = Some(problem_of(why)?),
    }
    Some(facts)
}

/// What came back of the sweep.
pub fn echo(measured: &Measured) -> Option<EchoFacts> {
    let echo = measured.result.as_ref().ok()?.echo.as_ref()?;
    Some(EchoFacts {
        return_loss_db: echo.found.map(|found| found.loss_db),
        delay_ms: echo.found.map(|found| found.round_trip.as_secs_f32() * 1_000.0),
        visible_to_db: echo.loss_at_least_db,
    })
}

/// How the streams kept time; the round trip is the echo's, where one was found.
pub fn path(measured: &Measured, echo: Option<&EchoFacts>) -> Option<PathFacts> {
    let found = measured.result.as_ref().ok()?;
    let streams = [found.microphone.as_ref(), found.speaker.as_ref()];
    let lost = streams.iter().flatten().map(|stream| (stream.lost + stream.overrun + stream.underrun).as_millis());
    let seconds = match measured.what {
        Measurement::Streams { length } => length.as_secs_f32(),
        _ => streams.iter().flatten().map(|stream| stream.length.as_secs_f32()).fold(0.0, f32::max),
    };
    Some(PathFacts {
        round_trip_ms: echo.and_then(|echo| echo.delay_ms),
        lost_samples: lost.sum::<u128>() as u64 * 48,
        seconds,
    })
}

pub fn service(snapshot: &Snapshot) -> ServiceFacts {
    let problem = match &snapshot.standing {
        Standing::Problem { notice, .. } => Some(format!("{} {}", notice.text, notice.remedy)),
        Standing::SigningIn { .. } => Some("The sign-in does not finish.".to_owned()),
        Standing::Reconnecting { .. } => Some("The connection to the service is lost.".to_owned()),
        Standing::SignedOut => Some("You are signed out.".to_owned()),
        Standing::Ready => None,
    };
    ServiceFacts {
        signed_in: snapshot.standing == Standing::Ready,
        problem,
        phones: snapshot.phones.len() as u32,
        usable_phones: snapshot.phones.iter().filter(|phone| phone.refused.is_none()).count() as u32,
        phone_selected: snapshot.phones.iter().any(|phone| phone.selected && phone.refused.is_none()),
        missing: snapshot.phone_missing.clone(),
    }
}

/// The settings of this sign-in against the service's, and how fast its calls were answered.
pub fn session(snapshot: &Snapshot) -> SessionFacts {
    let persistent = Setting::PersistentConnection;
    let changed = snapshot.settings_changed.iter().flat_map(|changed| &changed.changes);
    let incoming = || snapshot.recent.iter().filter(|call| call.direction == CallDirection::In);
    SessionFacts {
        persistent: Some(snapshot.settings.is_on(persistent)),
        persistent_used: snapshot.session_settings.as_ref().map(|settings| settings.is_on(persistent)),
        changed: changed.map(|change| (change.name.to_owned(), change.used.clone(), change.new.clone())).collect(),
        answer_ms: incoming().filter_map(|call| call.setup_ms).collect(),
        missed: incoming().filter(|call| call.reason == EndReason::NoAnswer).count() as u32,
    }
}

/// Calls of this session that were refused, as far as the service says by whom.
pub fn failures(snapshot: &Snapshot) -> Vec<FailureFacts> {
    let out = snapshot.recent.iter().filter(|call| call.direction == CallDirection::Out);
    out.filter(|call| call.reason == EndReason::NotFound)
        .map(|_| FailureFacts {
            method: "call".to_owned(),
            direction: Direction::Out,
            origin: Origin::Other,
            status: Some(404),
            unanswered: None,
            server: "the service".to_owned(),
            retry_after_s: None,
            our_address: None,
            challenge: None,
        })
        .collect()
}

pub fn policy(snapshot: &Snapshot) -> PolicyFacts {
    let media = snapshot.calls.iter().find_map(|call| call.media.as_ref());
    let rules = &snapshot.settings;
    let listed = rules.list(Setting::RelayServers);
    let mut regions: Vec<String> =
        listed.iter().filter_map(|entry| Some(entry.split_once('=')?.0.to_owned())).collect();
    regions.dedup();
    let relay = media.and_then(|media| media.relay.as_ref()).filter(|_| !listed.is_empty());
    PolicyFacts {
        relay_mode: match rules.text(Setting::RelayChoice) {
            _ if listed.is_empty() => RelayMode::Service,
            Some("listed") => RelayMode::SiteList,
            _ => RelayMode::LowestLatency,
        },
        unlisted_relay: relay
            .filter(|relay| region_of(rules, &relay.server).is_none())
            .map(|relay| relay.server.clone()),
        listed_regions: regions,
        relay_forced: snapshot.relay_forced,
        relay_in_use: media.is_some_and(|media| media.path != MediaPath::Direct),
        direct_works: media.and_then(|media| (media.path == MediaPath::Direct).then_some(true)),
        ..PolicyFacts::default()
    }
}

/// Whether the microphone in use heard so little that others should be asked.
pub fn is_silent(facts: &Facts) -> bool {
    facts.microphone.as_ref().is_some_and(|microphone| {
        microphone.problem.is_none()
            && microphone.system_muted != Some(true)
            && (microphone.all_zero || microphone.level_dbfs.is_none_or(|level| level < -70.0))
    })
}
