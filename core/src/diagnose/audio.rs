//! Judges the sound devices and what they delivered.

use super::facts::{ButtonFacts, DeviceFacts, Facts, MicrophoneFacts, OutputFacts, Permission, RivalFacts};
use super::finding::{Cause, Evidence, Line, Remedy, RemedyRole, Verdict};
use super::limits::Limits;
use super::words::{count, db, ms, percent};
use crate::sound::{DeviceClass, SoundProblem};

/// What was in the microphone while it was open.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Heard {
    /// Nothing was measured.
    Unknown,
    /// Exactly zero, all the time.
    Nothing,
    /// Less than any room has.
    Silence,
    /// A room in which nobody spoke.
    Room,
    /// Steady noise that a voice would not stand out of.
    Noise,
    Voice,
}

fn heard(microphone: &MicrophoneFacts, limits: &Limits) -> Heard {
    let (Some(level), Some(noise)) = (microphone.level_dbfs, microphone.noise_dbfs) else { return Heard::Unknown };
    if microphone.all_zero {
        Heard::Nothing
    } else if level < limits.silent_dbfs {
        Heard::Silence
    } else if level - noise >= limits.voice_above_noise_db {
        Heard::Voice
    } else if noise > limits.noise_dbfs {
        Heard::Noise
    } else {
        Heard::Room
    }
}

const NOT_LISTENED: &str = "The microphone was not opened";

/// The line of a check of sound; `None`: not one of ours.
pub fn line(check: &str, facts: &Facts, limits: &Limits) -> Option<Line> {
    let microphone = facts.microphone.as_ref();
    let skipped = |why: &str| Line::new(check, Verdict::Skipped, why);
    Some(match check {
        "A1" => permission(check, facts),
        "A2" => microphone.map_or_else(|| skipped(NOT_LISTENED), |facts| opens(check, facts)),
        "A3" => microphone.map_or_else(|| skipped(NOT_LISTENED), |m| arrives(check, m, &facts.rivals, limits)),
        "A4" => microphone.map_or_else(|| skipped(NOT_LISTENED), |facts| level(check, facts, limits)),
        "A4b" => microphone.map_or_else(|| skipped(NOT_LISTENED), |facts| noise(check, facts, limits)),
        "A4c" => microphone.map_or_else(|| skipped(NOT_LISTENED), |facts| peaks(check, facts, limits)),
        "A14" => kinds(check, facts),
        "A10" => microphone.map_or_else(|| skipped(NOT_LISTENED), |facts| bluetooth(check, facts)),
        "A13" => microphone.map_or_else(|| skipped(NOT_LISTENED), |facts| untouched(check, facts, limits)),
        "A6" => facts.speaker.as_ref().map_or_else(|| skipped("The speaker was not opened"), |f| output(check, f)),
        "A7" => facts.ringer.as_ref().map_or_else(|| skipped("The ringer was not opened"), |f| output(check, f)),
        "A8" => echo(check, facts, limits),
        "A9" => path(check, facts),
        "A5" => match facts.sounds_right {
            None => skipped("Not asked: only the sound check step by step does"),
            Some(true) => Line::new(check, Verdict::Pass, "You sound right to yourself"),
            Some(false) => Line::new(check, Verdict::Warn, "You do not sound right to yourself"),
        },
        "A11" => facts.buttons.map_or_else(
            || skipped("Not asked: only the sound check step by step does"),
            |buttons| match (buttons.volume, buttons.mute) {
                (true, true) => Line::new(check, Verdict::Pass, "Volume and mute arrive"),
                (true, false) => Line::new(check, Verdict::Pass, "Volume arrives; mute was not seen"),
                (false, true) => Line::new(check, Verdict::Pass, "Mute arrives; volume was not seen"),
                (false, false) => Line::new(check, Verdict::Warn, "No press arrived"),
            },
        ),
        _ => return None,
    })
}

fn permission(check: &str, facts: &Facts) -> Line {
    match facts.sound.as_ref() {
        None => Line::new(check, Verdict::Skipped, "The sound service was not asked"),
        Some(sound) => match sound.permission {
            Permission::Denied => Line::new(check, Verdict::Fail, "The system does not let Offhook listen"),
            Permission::Allowed => Line::new(check, Verdict::Pass, "Allowed"),
            Permission::Unknown => Line::new(check, Verdict::Pass, "This system asks for none"),
        },
    }
}

fn opens(check: &str, facts: &MicrophoneFacts) -> Line {
    if let Some(problem) = &facts.problem {
        return Line::new(check, Verdict::Fail, super::words::sentence(&problem.to_string()));
    }
    let rate = facts.rate_hz.map_or_else(String::new, |rate| format!("{:.0} kHz", f64::from(rate) / 1_000.0));
    Line::new(check, Verdict::Pass, facts.name.clone()).value(rate)
}

fn arrives(check: &str, facts: &MicrophoneFacts, rivals: &[RivalFacts], limits: &Limits) -> Line {
    if facts.problem.is_some() {
        return Line::new(check, Verdict::Skipped, "The microphone did not open");
    }
    let value = facts.level_dbfs.map(db).unwrap_or_default();
    let limit = format!("≥ {}", db(limits.silent_dbfs));
    match heard(facts, limits) {
        Heard::Unknown => Line::new(check, Verdict::Fail, "The microphone delivered nothing"),
        Heard::Nothing if facts.system_muted == Some(true) => {
            Line::new(check, Verdict::Fail, "Muted in the system").value(value).limit(limit)
        }
        Heard::Nothing => Line::new(check, Verdict::Fail, "Exactly zero all the time").value(value).limit(limit),
        Heard::Silence => match loudest(rivals).filter(|rival| rival.level_dbfs > limits.silent_dbfs) {
            Some(rival) => Line::new(check, Verdict::Fail, format!("Silent here; {} hears you", rival.name)),
            None => Line::new(check, Verdict::Fail, "Silent: muted on the headset?"),
        }
        .value(value)
        .limit(limit),
        Heard::Room | Heard::Noise | Heard::Voice => {
            Line::new(check, Verdict::Pass, facts.name.clone()).value(value).limit(limit)
        }
    }
}

fn level(check: &str, facts: &MicrophoneFacts, limits: &Limits) -> Line {
    let (low, high) = limits.level_dbfs;
    let limit = format!("{low:.0} to {high:.0}").replace('-', "−");
    let value = facts.level_dbfs.map(db).unwrap_or_default();
    match (heard(facts, limits), facts.level_dbfs) {
        (Heard::Voice, Some(level)) if level < low => {
            Line::new(check, Verdict::Warn, "Too quiet").value(value).limit(limit)
        }
        (Heard::Voice, Some(level)) if level > high => {
            Line::new(check, Verdict::Warn, "Too loud").value(value).limit(limit)
        }
        (Heard::Voice, _) => Line::new(check, Verdict::Pass, "Level is right").value(value).limit(limit),
        (Heard::Room | Heard::Noise, _) => Line::new(check, Verdict::Skipped, "Nobody spoke meanwhile").value(value),
        _ => Line::new(check, Verdict::Skipped, "No sound to judge"),
    }
}

fn noise(check: &str, facts: &MicrophoneFacts, limits: &Limits) -> Line {
    let heard = heard(facts, limits);
    let (Some(level), Some(noise)) = (facts.level_dbfs, facts.noise_dbfs) else {
        return Line::new(check, Verdict::Skipped, "No sound to judge");
    };
    match heard {
        Heard::Voice => {
            let verdict = if level - noise < limits.snr_db { Verdict::Warn } else { Verdict::Pass };
            let words = if verdict == Verdict::Warn { "Your voice hardly stands out" } else { "Quiet enough" };
            Line::new(check, verdict, words).value(db(level - noise)).limit(format!("≥ {}", db(limits.snr_db)))
        }
        Heard::Noise => Line::new(check, Verdict::Warn, "A steady noise is in your microphone")
            .value(db(noise))
            .limit(format!("≤ {}", db(limits.noise_dbfs))),
        Heard::Room => Line::new(check, Verdict::Pass, "Quiet enough")
            .value(db(noise))
            .limit(format!("≤ {}", db(limits.noise_dbfs))),
        _ => Line::new(check, Verdict::Skipped, "No sound to judge"),
    }
}

fn peaks(check: &str, facts: &MicrophoneFacts, limits: &Limits) -> Line {
    let Some(clipped) = facts.clipped else { return Line::new(check, Verdict::Skipped, "No sound to judge") };
    let limit = format!("under {}", percent(f64::from(limits.clipped)));
    if clipped > limits.clipped {
        Line::new(check, Verdict::Warn, "Peaks are cut off").value(percent(f64::from(clipped))).limit(limit)
    } else {
        let value = if clipped > 0.0 { percent(f64::from(clipped)) } else { "none".to_owned() };
        Line::new(check, Verdict::Pass, "Nothing is cut off").value(value).limit(limit)
    }
}

fn used<'a>(devices: &'a [DeviceFacts], id: Option<&String>) -> Option<&'a DeviceFacts> {
    id.and_then(|id| devices.iter().find(|device| device.id == *id))
}

/// Both ends built in: where the nudge towards a headset belongs.
fn both_built_in(facts: &Facts) -> bool {
    let Some(sound) = &facts.sound else { return false };
    let is = |device: Option<&DeviceFacts>| device.is_some_and(|device| device.class == DeviceClass::BuiltIn);
    is(used(&sound.microphones, sound.microphone.as_ref())) && is(used(&sound.speakers, sound.speaker.as_ref()))
}

/// A headset that is plugged in while another kind of microphone is in use.
fn unused_headset(facts: &Facts) -> Option<(&DeviceFacts, &DeviceFacts)> {
    let sound = facts.sound.as_ref()?;
    let current = used(&sound.microphones, sound.microphone.as_ref())?;
    if matches!(current.class, DeviceClass::Headset | DeviceClass::Virtual) {
        return None;
    }
    let better = sound.microphones.iter().find(|device| device.class == DeviceClass::Headset)?;
    // A place in the user's own order says more than our guess of the class.
    let overruled = matches!((current.rank, better.rank), (Some(current), Some(better)) if current < better);
    (!overruled).then_some((current, better))
}

fn kinds(check: &str, facts: &Facts) -> Line {
    let Some(sound) = &facts.sound else {
        return Line::new(check, Verdict::Skipped, "The sound service was not asked");
    };
    if sound.no_service {
        return Line::new(check, Verdict::Fail, "This computer has no sound service");
    }
    if sound.microphones.is_empty() {
        return Line::new(check, Verdict::Fail, "No microphone is plugged in");
    }
    if sound.speakers.is_empty() {
        return Line::new(check, Verdict::Fail, "No speaker is plugged in");
    }
    if both_built_in(facts) {
        return Line::new(check, Verdict::Warn, "Laptop microphone and speakers; a headset avoids echo");
    }
    if let Some((current, better)) = unused_headset(facts) {
        return Line::new(check, Verdict::Warn, format!("{} is used, {} is plugged in", current.name, better.name));
    }
    let name = used(&sound.microphones, sound.microphone.as_ref()).map_or("", |device| device.name.as_str());
    Line::new(check, Verdict::Pass, name).value(count(sound.microphones.len(), "microphone"))
}

/// Narrow, by class or by what the device itself runs at. A service that resamples hides the latter.
fn narrow(facts: &MicrophoneFacts) -> bool {
    let wireless = facts.id.contains("bluez") || facts.name.to_lowercase().contains("bluetooth");
    facts.class == DeviceClass::BluetoothNarrowband
        || wireless && facts.rate_hz.is_some_and(|rate| rate <= 16_000)
        || wireless && facts.bandwidth_hz.is_some_and(|hz| hz < 4_200.0)
}

fn bluetooth(check: &str, facts: &MicrophoneFacts) -> Line {
    if narrow(facts) {
        return Line::new(check, Verdict::Warn, "Hands-free profile: telephone quality")
            .value(facts.rate_hz.map_or_else(String::new, |rate| format!("{:.0} kHz", f64::from(rate) / 1_000.0)));
    }
    Line::new(check, Verdict::Pass, "Not in a narrow Bluetooth profile")
}

fn moved(facts: &MicrophoneFacts, limits: &Limits) -> Option<(f32, f32)> {
    let (before, after) = (facts.volume_before?, facts.volume_after?);
    ((before - after).abs() > limits.volume_percent).then_some((before, after))
}

fn untouched(check: &str, facts: &MicrophoneFacts, limits: &Limits) -> Line {
    match (moved(facts, limits), facts.volume_before) {
        (Some((before, after)), _) => Line::new(check, Verdict::Warn, "The input volume moved during the test")
            .value(format!("{before:.0} → {after:.0} %")),
        (None, Some(volume)) => Line::new(check, Verdict::Pass, "Nobody moved it").value(format!("{volume:.0} %")),
        (None, None) => Line::new(check, Verdict::Skipped, "This system does not tell the input volume"),
    }
}

fn silent_output(facts: &OutputFacts) -> bool {
    facts.system_muted == Some(true) || facts.volume_percent.is_some_and(|volume| volume < 1.0)
}

fn output(check: &str, facts: &OutputFacts) -> Line {
    if let Some(problem) = &facts.problem {
        return Line::new(check, Verdict::Fail, super::words::sentence(&problem.to_string()));
    }
    if silent_output(facts) {
        let words = if facts.system_muted == Some(true) { "Muted in the system" } else { "Its volume is zero" };
        return Line::new(check, Verdict::Fail, format!("{}: {words}", facts.name));
    }
    if facts.heard_left == Some(false) || facts.heard_right == Some(false) {
        let side = match (facts.heard_left, facts.heard_right) {
            (Some(false), Some(false)) => "You heard nothing",
            (Some(false), _) => "Nothing on the left",
            _ => "Nothing on the right",
        };
        return Line::new(check, Verdict::Fail, side);
    }
    if facts.played_ms == 0 {
        return Line::new(check, Verdict::Fail, format!("{} took no sound", facts.name));
    }
    let said = if facts.heard_left == Some(true) { "heard" } else { "played" };
    Line::new(check, Verdict::Pass, facts.name.clone()).value(said)
}

fn echo(check: &str, facts: &Facts, limits: &Limits) -> Line {
    let Some(echo) = &facts.echo else { return Line::new(check, Verdict::Skipped, "Not measured") };
    let limit = format!("≥ {}", db(limits.echo_return_loss_db));
    match echo.return_loss_db {
        Some(loss) if loss < limits.echo_return_loss_db => {
            Line::new(check, Verdict::Warn, "The microphone hears the speaker").value(db(loss)).limit(limit)
        }
        Some(loss) if echo.delay_ms.is_some_and(|delay| delay > limits.echo_delay_ms) => {
            Line::new(check, Verdict::Warn, "A weak echo comes late").value(db(loss)).limit(limit)
        }
        Some(loss) => Line::new(check, Verdict::Pass, "Weak enough to be cancelled").value(db(loss)).limit(limit),
        None => Line::new(check, Verdict::Pass, "No echo found")
            .value(format!("> {}", db(echo.visible_to_db.max(0.0))))
            .limit(limit),
    }
}

fn path(check: &str, facts: &Facts) -> Line {
    let Some(path) = &facts.path else { return Line::new(check, Verdict::Skipped, "Not measured") };
    let value = path.round_trip_ms.map(|time| ms(f64::from(time))).unwrap_or_default();
    // One block of 10 ms at the start is no glitch.
    if path.lost_samples > 480 {
        let words = format!("{} of sound lost in {:.0} s", ms(path.lost_samples as f64 / 48.0), path.seconds);
        return Line::new(check, Verdict::Warn, words).value(value);
    }
    Line::new(check, Verdict::Pass, "No samples lost").value(value)
}

fn loudest(rivals: &[RivalFacts]) -> Option<&RivalFacts> {
    rivals.iter().max_by(|a, b| a.level_dbfs.total_cmp(&b.level_dbfs))
}

/// Everything the facts on sound speak for, in no order.
pub fn causes(facts: &Facts, limits: &Limits) -> Vec<Cause> {
    let mut causes = Vec::new();
    if facts.sound.as_ref().is_some_and(|sound| sound.permission == Permission::Denied) {
        causes.push(
            Cause::new("DX-02a", 0.98, true, Remedy::OpenPermissions)
                .because(Evidence::bad("The system’s microphone permission", "denied")),
        );
    }
    if let Some(microphone) = &facts.microphone {
        match &microphone.problem {
            Some(problem) => causes.push(cannot_open(problem, &microphone.name, RemedyRole::Microphone, facts)),
            None => silence(microphone, facts, limits, &mut causes),
        }
        loudness(microphone, limits, &mut causes);
    } else if facts.sound.as_ref().is_some_and(|sound| sound.no_service) {
        causes.push(cannot_open(&SoundProblem::NoSoundServer, "", RemedyRole::Microphone, facts));
    }
    headset(facts, &mut causes);
    for (output, role) in [(&facts.speaker, RemedyRole::Speaker), (&facts.ringer, RemedyRole::Ringer)] {
        if let Some(output) = output {
            outputs(output, role, facts, &mut causes);
        }
    }
    echoes(facts, limits, &mut causes);
    if facts.buttons == Some(ButtonFacts::default()) {
        let name = facts.microphone.as_ref().map_or("the headset", |microphone| microphone.name.as_str());
        causes.push(
            Cause::new("DX-H1", 0.6, false, Remedy::CheckAgain)
                .because(Evidence::bad(format!("Presses that arrived of {name}"), "none")),
        );
    }
    causes
}

fn cannot_open(problem: &SoundProblem, name: &str, role: RemedyRole, facts: &Facts) -> Cause {
    if *problem == SoundProblem::NoPermission {
        return Cause::new("DX-02a", 0.97, true, Remedy::OpenPermissions)
            .because(Evidence::bad("The system refused the microphone", name));
    }
    let devices = facts.sound.as_ref().map(|sound| match role {
        RemedyRole::Microphone => (&sound.microphones, sound.microphone.as_ref()),
        RemedyRole::Speaker | RemedyRole::Ringer => (&sound.speakers, sound.speaker.as_ref()),
    });
    let other = devices.and_then(|(devices, used)| devices.iter().find(|device| Some(&device.id) != used));
    let remedy = match other {
        Some(other) if *problem != SoundProblem::NoSoundServer => {
            Remedy::UseDevice { role, id: other.id.clone(), name: other.name.clone() }
        }
        _ => Remedy::OpenSystemSound,
    };
    Cause::new("DX-02f", 0.95, true, remedy)
        .because(Evidence::bad(super::words::sentence(&problem.to_string()), name))
        .because(Evidence::note("Devices of this kind", devices.map_or(0, |(devices, _)| devices.len()).to_string()))
}

/// Who or what keeps the microphone silent.
fn silence(microphone: &MicrophoneFacts, facts: &Facts, limits: &Limits, causes: &mut Vec<Cause>) {
    let heard = heard(microphone, limits);
    let level = microphone.level_dbfs.map_or_else(|| "nothing".to_owned(), db);
    let silent = || Evidence::bad(format!("{}, in use, is silent", microphone.name), level.clone());
    let muted = microphone.system_muted == Some(true) || microphone.volume_before.is_some_and(|volume| volume < 1.0);
    if muted {
        causes.push(
            Cause::new(
                "DX-02b",
                0.97,
                true,
                Remedy::Unmute {
                    role: RemedyRole::Microphone,
                    id: microphone.id.clone(),
                    name: microphone.name.clone(),
                },
            )
            .because(silent())
            .because(match microphone.volume_before {
                Some(volume) if microphone.system_muted != Some(true) => {
                    Evidence::bad("Its volume in the system", format!("{volume:.0} %"))
                }
                _ => Evidence::bad("Muted in the system’s sound settings", "muted"),
            }),
        );
        return;
    }
    if !matches!(heard, Heard::Unknown | Heard::Nothing | Heard::Silence) {
        return;
    }
    let rival = loudest(&facts.rivals).filter(|rival| {
        rival.level_dbfs > limits.silent_dbfs + 10.0
            && microphone.level_dbfs.is_none_or(|level| rival.level_dbfs > level + 15.0)
    });
    if let Some(rival) = rival {
        let remedy = Remedy::UseDevice { role: RemedyRole::Microphone, id: rival.id.clone(), name: rival.name.clone() };
        let mut cause = Cause::new("DX-02d", 0.93, true, remedy)
            .because(silent())
            .because(Evidence::good(format!("{} hears you", rival.name), db(rival.level_dbfs)));
        if let Some(rank) = facts
            .sound
            .as_ref()
            .and_then(|sound| sound.microphones.iter().find(|device| device.id == rival.id))
            .and_then(|device| device.rank)
        {
            cause = cause.because(Evidence::good(format!("{} is in your order", rival.name), format!("rank {rank}")));
        }
        causes.push(cause);
    }
    // What is left when another microphone explains it better.
    let rest = if rival.is_some() { 0.25 } else { 1.0 };
    if microphone.headset_muted == Some(true) {
        causes.push(
            Cause::new("DX-02c", 0.96 * rest, true, Remedy::CheckAgain)
                .because(silent())
                .because(Evidence::bad("The headset’s own mute switch", "on")),
        );
    }
    let (blocked, switch) = match heard {
        // Zeros come from a gate in software; a switch in the headset leaves a trace of noise.
        Heard::Nothing => (0.7, 0.35),
        Heard::Unknown => (0.6, 0.2),
        _ => (0.1, 0.75),
    };
    causes.push(
        Cause::new("DX-02a", blocked * rest, true, Remedy::OpenPermissions)
            .because(silent())
            .because(Evidence::note("Every sample is exactly zero", if microphone.all_zero { "yes" } else { "no" })),
    );
    if microphone.headset_muted != Some(true) {
        causes.push(
            Cause::new("DX-02c", switch * rest, true, Remedy::CheckAgain)
                .because(silent())
                .because(Evidence::good("Not muted in the system", "")),
        );
    }
}

fn loudness(microphone: &MicrophoneFacts, limits: &Limits, causes: &mut Vec<Cause>) {
    let heard = heard(microphone, limits);
    if let Some(clipped) = microphone.clipped.filter(|clipped| *clipped > limits.clipped) {
        let confidence = if clipped > 4.0 * limits.clipped { 0.95 } else { 0.8 };
        let mut cause = Cause::new("DX-A2", confidence, false, Remedy::OpenSystemSound)
            .because(Evidence::bad("Samples at the rail", percent(f64::from(clipped))));
        if let Some(level) = microphone.level_dbfs {
            cause = cause.because(Evidence::note("Level of your voice", db(level)));
        }
        if let Some(volume) = microphone.volume_before {
            cause = cause.because(Evidence::note("The system’s input volume", format!("{volume:.0} %")));
        }
        causes.push(cause);
    }
    if let (Some(level), Some(noise)) = (microphone.level_dbfs, microphone.noise_dbfs) {
        let clipped = microphone.clipped.is_some_and(|clipped| clipped > limits.clipped);
        match heard {
            Heard::Noise if !clipped => causes.push(
                Cause::new("DX-A3", 0.85, false, Remedy::CheckAgain)
                    .because(Evidence::bad("Steady noise in the microphone", db(noise)))
                    .because(Evidence::note("Louder moments", db(level))),
            ),
            Heard::Voice if level - noise < limits.snr_db => causes.push(
                Cause::new("DX-A3", 0.8, false, Remedy::CheckAgain)
                    .because(Evidence::bad("Voice above noise", db(level - noise)))
                    .because(Evidence::note("Noise", db(noise))),
            ),
            Heard::Voice if level < limits.level_dbfs.0 => causes.push(
                Cause::new("DX-A6", 0.85, false, Remedy::OpenSystemSound)
                    .because(Evidence::bad("Level of your voice", db(level)))
                    .because(Evidence::note("Noise", db(noise))),
            ),
            _ => {}
        }
    }
    if let Some((before, after)) = moved(microphone, limits) {
        causes.push(
            Cause::new("DX-A4", 0.9, false, Remedy::OpenSystemSound)
                .because(Evidence::bad("Input volume before", format!("{before:.0} %")))
                .because(Evidence::bad("Input volume after", format!("{after:.0} %")))
                .because(Evidence::good("Offhook never touches it", "")),
        );
    }
    if narrow(microphone) {
        let mut cause = Cause::new("DX-03d", 0.9, false, Remedy::OpenDevices)
            .because(Evidence::bad(format!("{} is in its hands-free profile", microphone.name), ""));
        if let Some(rate) = microphone.rate_hz {
            cause = cause.because(Evidence::note("Sample rate", format!("{:.0} kHz", f64::from(rate) / 1_000.0)));
        }
        causes.push(cause);
    }
}

/// A headset that lies beside the laptop, and a laptop without one.
fn headset(facts: &Facts, causes: &mut Vec<Cause>) {
    let proved = causes.iter().any(|cause| cause.rule == "DX-02d");
    if let Some((current, better)) = unused_headset(facts)
        && !proved
    {
        let remedy =
            Remedy::UseDevice { role: RemedyRole::Microphone, id: better.id.clone(), name: better.name.clone() };
        causes.push(
            Cause::new("DX-02d", 0.55, false, remedy)
                .because(Evidence::bad(format!("{} is in use", current.name), ""))
                .because(Evidence::good(format!("{} is plugged in", better.name), "headset")),
        );
    }
    if both_built_in(facts) {
        causes.push(
            Cause::new("DX-A7", 0.5, false, Remedy::OpenDevices)
                .because(Evidence::bad("Microphone and speaker in use", "built in")),
        );
    }
}

fn outputs(output: &OutputFacts, role: RemedyRole, facts: &Facts, causes: &mut Vec<Cause>) {
    if let Some(problem) = &output.problem {
        // One missing sound service is one cause, not three.
        if *problem != SoundProblem::NoSoundServer || causes.iter().all(|cause| cause.rule != "DX-02f") {
            causes.push(cannot_open(problem, &output.name, role, facts));
        }
        return;
    }
    let (id, name) = (output.id.clone(), output.name.clone());
    if silent_output(output) {
        let evidence = if output.system_muted == Some(true) {
            Evidence::bad(format!("{name} is muted in the system"), "muted")
        } else {
            Evidence::bad(format!("{name} is turned down"), "0 %")
        };
        causes.push(Cause::new("DX-02e", 0.95, true, Remedy::Unmute { role, id, name }).because(evidence));
    } else if output.heard_left == Some(false) || output.heard_right == Some(false) {
        let both = output.heard_left == Some(false) && output.heard_right == Some(false);
        let other = facts
            .sound
            .as_ref()
            .and_then(|sound| sound.speakers.iter().find(|device| device.id != output.id))
            .map(|device| Remedy::UseDevice { role, id: device.id.clone(), name: device.name.clone() });
        causes.push(
            Cause::new("DX-02e", if both { 0.85 } else { 0.7 }, both, other.unwrap_or(Remedy::OpenSystemSound))
                .because(Evidence::bad(format!("You did not hear the tone on {name}"), ""))
                .because(Evidence::good("The device took the sound", ms(output.played_ms as f64))),
        );
    } else if output.played_ms == 0 {
        causes.push(
            Cause::new("DX-02e", 0.7, true, Remedy::OpenDevices)
                .because(Evidence::bad(format!("{name} is open and takes no sound"), "0 ms")),
        );
    }
}

fn echoes(facts: &Facts, limits: &Limits, causes: &mut Vec<Cause>) {
    let Some(echo) = &facts.echo else { return };
    let Some(loss) = echo.return_loss_db else { return };
    let late = echo.delay_ms.is_some_and(|delay| delay > limits.echo_delay_ms);
    if loss >= limits.echo_return_loss_db && !late {
        return;
    }
    let confidence = if loss < limits.echo_return_loss_db { 0.92 } else { 0.6 };
    let mut cause = Cause::new("DX-A1", confidence, loss < 10.0, Remedy::OpenDevices)
        .because(Evidence::bad("Echo return loss", db(loss)));
    if let Some(delay) = echo.delay_ms {
        let text = ms(f64::from(delay));
        cause = cause.because(if late { Evidence::bad("Delay", text) } else { Evidence::note("Delay", text) });
    }
    causes.push(cause);
}
