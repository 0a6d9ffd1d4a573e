//! The scenes of the screenshots. People, numbers and devices are made up.

use std::sync::Arc;
use std::time::{Duration, Instant};

use phone_core::diagnose::{Plan, Report, Symptom};
use phone_core::event::{CallDirection, EndReason, Event, Notice, Quality};
use phone_core::ids::CallId;
use phone_core::policy::{Finding, Layer, Layers, Setting, Source, Trouble, Value, resolve};
use phone_core::snapshot::{
    CallState, CallView, PersistentView, PhoneView, RecentCall, RoleView, SignInStep, Snapshot, Standing,
};
use phone_core::sound::{DeviceChoice, DeviceClass, SoundDevice, SoundProblem, SoundRole};

use super::{call, diagnosis, snapshot};
use crate::diagnose::older::Older;
use crate::diagnose::{Ask, Scope};
use crate::model::Levels;
use crate::model::findings::Diagnosis;
use crate::model::history::{History, SECONDS};
use crate::model::wizard::Step;
use crate::panels::diagnostics::DiagnoseAction;
use crate::panels::signed_out::Practice;
use crate::panels::{Action, Page, Popup};
use crate::theme::{ThemeChoice, size};

/// Scenes play this long after the program's start, so that what happened before can be told.
pub const HEAD_START: Duration = Duration::from_hours(4);

/// One picture.
#[derive(Clone)]
pub struct Shot {
    pub name: &'static str,
    pub snapshot: fn(Instant) -> Snapshot,
    pub levels: Levels,
    /// What was pressed before.
    pub press: Vec<Action>,
    pub practice: Practice,
    /// Quality of each second of the last minute.
    pub quality: Option<fn(usize) -> Quality>,
    pub tell: Option<&'static str>,
    pub diagnosis: fn(Instant) -> Diagnosis,
    pub ignored: fn() -> Vec<Finding>,
    /// A newer version is told.
    pub update: bool,
    /// In pixels.
    pub size: [f32; 2],
    pub text_size: u16,
    pub theme: ThemeChoice,
}

impl Shot {
    fn new(name: &'static str, snapshot: fn(Instant) -> Snapshot) -> Self {
        Self {
            name,
            snapshot,
            levels: Levels { microphone: -22.0, speaker: -37.0, ringer: -25.0 },
            press: Vec::new(),
            practice: Practice::Ready,
            quality: None,
            tell: None,
            diagnosis: |_| Diagnosis::default(),
            ignored: Vec::new,
            update: false,
            size: size::WINDOW,
            text_size: 100,
            theme: ThemeChoice::Light,
        }
    }

    fn press(mut self, action: Action) -> Self {
        self.press.push(action);
        self
    }

    fn quality(mut self, quality: fn(usize) -> Quality) -> Self {
        self.quality = Some(quality);
        self
    }

    fn diagnosis(mut self, diagnosis: fn(Instant) -> Diagnosis) -> Self {
        self.diagnosis = diagnosis;
        self
    }

    pub fn file_name(&self) -> String {
        let theme = if self.theme == ThemeChoice::Dark { "dark" } else { "light" };
        let width = self.size[0] as u32;
        let zoom = if self.text_size == 100 { String::new() } else { format!("-{}", self.text_size) };
        format!("{}-{theme}-{width}{zoom}", self.name)
    }

    pub fn history(&self, now: Instant) -> History {
        let mut history = History::default();
        let minutes_ago = |minutes: u64| before(now, 60 * minutes);
        history.note(minutes_ago(44), &Event::Registered { again: false });
        history.note(minutes_ago(12), &Event::Connected { call: CallId(7) });
        history.note(minutes_ago(9), &Event::Unregistered);
        history.note(minutes_ago(9), &Event::Registered { again: true });
        if let Some(quality) = self.quality {
            for second in 0..SECONDS {
                history.note(now, &Event::Quality { call: CallId(1), quality: quality(second) });
            }
        }
        history
    }
}

/// Every picture: each scene in both themes and both sizes, some in special sizes.
pub fn all() -> Vec<Shot> {
    let mut shots = Vec::new();
    for scene in scenes() {
        for size in [size::WINDOW, size::WINDOW_SMALLEST] {
            for theme in [ThemeChoice::Light, ThemeChoice::Dark] {
                shots.push(Shot { size, theme, ..scene.clone() });
            }
        }
    }
    for scene in scenes() {
        if matches!(scene.name, "c-call" | "a-ready" | "b-incoming") {
            shots.push(Shot { text_size: 200, size: size::WINDOW_SMALLEST, ..scene.clone() });
            shots.push(Shot { text_size: 150, ..scene.clone() });
            shots.push(Shot { size: [900.0, 680.0], ..scene });
        }
    }
    shots
}

const CALL: CallId = CallId(1);

fn scenes() -> Vec<Shot> {
    let silent = |shot: Shot| Shot { levels: Levels::SILENCE, ..shot };
    vec![
        Shot::new("g-quality", talking).quality(good).press(Action::Go(Page::Quality)),
        Shot::new("g-choppy", choppy).quality(choppy_second).press(Action::Go(Page::Quality)),
        silent(Shot::new("f-home", ready)).press(Action::Go(Page::Diagnostics)).diagnosis(checked),
        silent(Shot::new("f-running", ready)).press(quick()).diagnosis(running),
        silent(Shot::new("f-result", ready)).press(open_result()).press(Action::Go(Page::Diagnostics)).diagnosis(wrong),
        silent(Shot::new("f-healthy", ready))
            .press(open_result())
            .press(Action::Go(Page::Diagnostics))
            .diagnosis(checked),
        silent(Shot::new("f-older", ready)).press(open_result()).press(go_check()).diagnosis(older),
        silent(Shot::new("f-wizard", ready))
            .press(step_by_step())
            .press(go_check())
            .diagnosis(|_| walk(Step::Sentence)),
        silent(Shot::new("f-wizard-1", ready))
            .press(step_by_step())
            .press(go_check())
            .diagnosis(|_| walk(Step::Devices)),
        silent(Shot::new("f-wizard-3", ready)).press(step_by_step()).press(go_check()).diagnosis(|_| walk(Step::Sides)),
        silent(Shot::new("f-wizard-4", ready)).press(step_by_step()).press(go_check()).diagnosis(|_| walk(Step::Echo)),
        silent(Shot::new("f-wizard-5", ready))
            .press(step_by_step())
            .press(go_check())
            .diagnosis(|_| walk(Step::Buttons)),
        silent(Shot::new("f-wizard-6", ready)).press(step_by_step()).press(go_check()).diagnosis(|_| walk(Step::Call)),
        silent(Shot::new("f-wizard-7", ready))
            .press(step_by_step())
            .press(go_check())
            .diagnosis(|_| walk(Step::Summary)),
        silent(Shot::new("a-ready", ready)),
        silent(Shot::new("a-empty", practice)),
        silent(Shot { update: true, ..Shot::new("a-update", ready) }),
        silent(Shot::new("a-phones", ready)).press(Action::Toggle(Popup::Phones)),
        silent(Shot::new("a-keys", practice)).press(Action::TypeDial('4')).press(Action::ToggleDialKeys),
        silent(Shot::new("a-why", ready)).press(Action::Toggle(Popup::Why)),
        silent(Shot::new("a-menu", ready)).press(Action::Toggle(Popup::Menu)),
        silent(Shot::new("a-devices", ready)).press(Action::Toggle(Popup::Devices(SoundRole::Microphone))),
        Shot { tell: Some("They did not answer."), ..silent(Shot::new("a-toast", ready)) },
        Shot::new("b-incoming", incoming),
        Shot::new("b-second", second_call).quality(good),
        Shot::new("c-calling", calling),
        Shot::new("c-call", talking).quality(good),
        Shot {
            tell: Some("Microphone: now Laptop microphone, the other one is gone"),
            ..Shot::new("c-toast", talking)
        },
        Shot::new("c-held", with_held).quality(good),
        Shot::new("c-choppy", choppy).quality(choppy_second),
        Shot::new("c-keypad", keypad).quality(good).press(Action::ToggleCallKeys(CALL)),
        Shot::new("c-tools", talking).quality(good).press(Action::Toggle(Popup::Tools)),
        Shot::new("d-muted", muted).quality(good),
        Shot::new("d-hold", held).quality(good),
        Shot::new("d-repairing", repairing).quality(good),
        Shot::new("d-leave", talking).quality(good).press(Action::Quit),
        silent(Shot::new("e-sound", ready)).press(Action::Go(Page::Sound)),
        Shot::new("e-sound-call", talking).quality(good).press(Action::Go(Page::Sound)),
        silent(Shot::new("h-signin", signed_out)),
        silent(Shot::new("h-signing", signing_in)),
        silent(Shot::new("h-problem", problem)),
        silent(Shot::new("h-reconnecting", reconnecting)),
        silent(Shot::new("i-settings", ready)).press(Action::Go(Page::Settings)),
        managed(Shot::new("i-managed", ruled)).press(Action::Go(Page::Settings)),
        managed(Shot::new("i-rules", ruled)).press(Action::Go(Page::Rules)),
    ]
}

fn older(now: Instant) -> Diagnosis {
    let saved = Report { began_s: 1_795_400_000, ..diagnosis::wrong_microphone() };
    let saved = Older { baseline: false, report: saved };
    let older = Some(vec![Older { baseline: true, report: diagnosis::healthy() }, saved]);
    Diagnosis { older, previous: Some(diagnosis::wrong_microphone()), ..checked(now) }
}

fn step_by_step() -> Action {
    Action::Diagnose(DiagnoseAction::Wizard(Ask::Start))
}

fn go_check() -> Action {
    Action::Go(Page::Diagnostics)
}

fn walk(step: Step) -> Diagnosis {
    Diagnosis { walk: Some(diagnosis::walk(step)), ..Diagnosis::default() }
}

fn managed(shot: Shot) -> Shot {
    let ignored = || {
        let place = "/etc/xdg/offhook/policies/managed/20-sales.json";
        let unknown = "there is no such setting; it was ignored. Is `ForceTurn` meant?";
        let folder = "it can be written by everybody, so it was not taken; let only root write it (chmod go-w)";
        vec![
            Finding::new(place, "ForceTurm", Trouble::UnknownKey, unknown),
            Finding::new("/etc/xdg/offhook/policies/managed/30-try.json", "", Trouble::Unsafe, folder),
        ]
    };
    Shot { ignored, levels: Levels::SILENCE, ..shot }
}

/// An organisation decides some settings.
fn ruled(now: Instant) -> Snapshot {
    let mut layers = Layers::default();
    let policy = || Source::new(Layer::MandatoryMachine, "/etc/xdg/offhook/policies/managed/10-all.json");
    layers.set(Setting::ForceRelay, Value::Bool(true), policy());
    layers.set(Setting::ForceRelay, Value::Bool(false), Source::new(Layer::CommandLine, ""));
    layers.set(Setting::WindowTextSize, Value::Text("100".to_owned()), policy());
    layers.set(Setting::Region, Value::Text("mypurecloud.de".to_owned()), policy());
    layers.set(Setting::Dscp, Value::Integer(34), Source::new(Layer::Service, "Ana's WebRTC phone"));
    layers.set(Setting::PersistentConnection, Value::Bool(true), Source::new(Layer::Service, "Ana's WebRTC phone"));
    layers.set(
        Setting::Log,
        Value::Text("warn".to_owned()),
        Source::new(Layer::File, "~/.config/offhook/offhook.toml"),
    );
    Snapshot { settings: Arc::new(resolve(&layers)), ..ready(now) }
}

/// A moment in the past. The scenes play hours after the program's start, so there always is one.
fn before(now: Instant, seconds: u64) -> Instant {
    now.checked_sub(Duration::from_secs(seconds)).unwrap_or(now)
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn devices() -> Vec<SoundDevice> {
    let device = |id: &str, name: &str, input, class, default| SoundDevice {
        id: format!("pulseaudio:{id}"),
        name: name.to_owned(),
        input,
        class,
        default,
        ..SoundDevice::default()
    };
    vec![
        device("jabra-in", "Jabra Evolve2 65", true, DeviceClass::Headset, true),
        device("laptop-in", "Laptop microphone", true, DeviceClass::BuiltIn, false),
        device("car-in", "Car kit", true, DeviceClass::BluetoothNarrowband, false),
        device("jabra-out", "Jabra Evolve2 65", false, DeviceClass::Headset, false),
        device("laptop-out", "Laptop speakers", false, DeviceClass::BuiltIn, true),
    ]
}

fn role(id: &str, name: &str, volume_percent: u8) -> RoleView {
    RoleView {
        choice: DeviceChoice::Device(format!("pulseaudio:{id}")),
        device: Some((format!("pulseaudio:{id}"), name.to_owned())),
        open: false,
        problem: None,
        volume_percent,
        ..RoleView::default()
    }
}

fn recent(name: &str, number: &str, queue: Option<&str>, ended: Instant) -> RecentCall {
    RecentCall {
        peer_name: name.into(),
        peer_address: number.into(),
        direction: CallDirection::In,
        queue: queue.map(str::to_owned),
        ended,
        connected_s: Some(372),
        reason: EndReason::Hangup,
        warm: true,
        setup_ms: Some(310.0),
    }
}

fn practice(_: Instant) -> Snapshot {
    let phone = |name: &str, site: &str, selected, refused: Option<&str>, webrtc| PhoneView {
        id: name.to_owned(),
        name: name.to_owned(),
        site: site.to_owned(),
        selected,
        refused: refused.map(str::to_owned),
        webrtc,
    };
    let mut picture = snapshot(vec![]);
    picture.phones = vec![
        phone("AnaK_WebRTC", "Madrid", true, None, true),
        phone("AnaK_WebRTC_Home", "Madrid", false, None, true),
        phone("AnaK_Desk", "Lisbon", false, Some("Disabled by IT"), false),
    ];
    picture.sound.devices = devices();
    picture.sound.microphone = role("jabra-in", "Jabra Evolve2 65", 100);
    picture.sound.speaker = role("jabra-out", "Jabra Evolve2 65", 70);
    picture.sound.ringer = role("laptop-out", "Laptop speakers", 85);
    picture
}

fn ready(now: Instant) -> Snapshot {
    let mut picture = practice(now);
    if let Some(account) = &mut picture.account {
        account.practice = false;
        account.organisation = "Contoso".into();
    }
    picture.persistent = PersistentView::Warm { until: Some(now + seconds(462)) };
    let mut tom = recent("Tom Becker", "+1 202 555 0110", Some("Colleague"), before(now, 60 * 25));
    tom.direction = CallDirection::Out;
    tom.connected_s = Some(63);
    let mut missed = recent("", "+1 202 555 0164", Some("Sales"), before(now, 60 * 43));
    missed.connected_s = None;
    missed.reason = EndReason::Cancelled;
    let mut elsewhere = recent("", "+44 7700 900377", Some("Billing"), before(now, 60 * 74));
    elsewhere.connected_s = None;
    elsewhere.reason = EndReason::AnsweredElsewhere;
    let mut sales = recent("", "+44 20 7946 0958", Some("Sales"), before(now, 60 * 57));
    sales.connected_s = Some(700);
    picture.recent = vec![
        recent("Priya Shah", "+44 20 7946 0101", Some("Billing"), before(now, 60 * 4)),
        tom,
        missed,
        sales,
        elsewhere,
    ];
    picture
}

fn maria(now: Instant, state: CallState, lasted: u64) -> CallView {
    let mut view = call(CALL.0, "Maria Lopez", state, before(now, lasted));
    view.queue = Some("Billing".to_owned());
    view.far_hears = Some(true);
    view.quality = Some(good(0));
    view
}

fn with_calls(now: Instant, calls: Vec<CallView>) -> Snapshot {
    let mut picture = ready(now);
    picture.persistent = PersistentView::InCall;
    picture.phone_change_refused = Some("You are in a call. Change the phone when it has ended.");
    let live = calls.iter().any(|call| call.connected.is_some());
    picture.sound.microphone.open = live;
    picture.sound.speaker.open = live;
    picture.calls = calls;
    picture
}

fn incoming(now: Instant) -> Snapshot {
    let view = maria(now, CallState::Alerting { gives_up: Some(now + seconds(9)) }, 3);
    let mut picture = with_calls(now, vec![view]);
    picture.sound.ringer.open = true;
    picture
}

fn talking(now: Instant) -> Snapshot {
    with_calls(now, vec![maria(now, CallState::Connected, 252)])
}

fn second_call(now: Instant) -> Snapshot {
    let mut second = call(2, "Priya Shah", CallState::Alerting { gives_up: Some(now + seconds(9)) }, before(now, 3));
    second.queue = Some("Sales".to_owned());
    with_calls(now, vec![maria(now, CallState::Connected, 252), second])
}

fn with_held(now: Instant) -> Snapshot {
    let mut other = call(2, "", CallState::Held { since: before(now, 70) }, before(now, 400));
    other.peer_address = "+44 20 7946 0958".into();
    other.queue = Some("Sales".to_owned());
    with_calls(now, vec![other, maria(now, CallState::Connected, 252)])
}

fn calling(now: Instant) -> Snapshot {
    let mut view = call(CALL.0, "Tom Becker", CallState::Ringing, before(now, 4));
    view.direction = CallDirection::Out;
    view.peer_address = "+1 202 555 0110".into();
    with_calls(now, vec![view])
}

fn choppy(now: Instant) -> Snapshot {
    with_calls(now, vec![maria(now, CallState::Connected, 200)])
}

fn keypad(now: Instant) -> Snapshot {
    let mut view = maria(now, CallState::Connected, 271);
    "4417".clone_into(&mut view.digits);
    with_calls(now, vec![view])
}

fn muted(now: Instant) -> Snapshot {
    let mut picture = with_calls(now, vec![maria(now, CallState::Connected, 298)]);
    picture.muted = true;
    picture
}

fn held(now: Instant) -> Snapshot {
    with_calls(now, vec![maria(now, CallState::Held { since: before(now, 70) }, 372)])
}

fn repairing(now: Instant) -> Snapshot {
    with_calls(now, vec![maria(now, CallState::Recovering { since: before(now, 3) }, 372)])
}

fn signed_out(_: Instant) -> Snapshot {
    Snapshot::default()
}

fn signing_in(now: Instant) -> Snapshot {
    Snapshot {
        standing: Standing::SigningIn { since: before(now, 2), step: SignInStep::Identity },
        ..Snapshot::default()
    }
}

fn problem(now: Instant) -> Snapshot {
    let mut picture = ready(now);
    picture.persistent = PersistentView::Closed;
    picture.standing = Standing::Problem {
        notice: Notice {
            id: "microphone-blocked",
            text: "The system does not let Offhook use the microphone.".to_owned(),
            remedy: "Callers would not hear you. Allow the microphone in the privacy settings, then try again."
                .to_owned(),
        },
        retry_at: None,
    };
    picture.sound.microphone.problem = Some(SoundProblem::NoPermission);
    picture
}

fn reconnecting(now: Instant) -> Snapshot {
    let mut picture = ready(now);
    picture.persistent = PersistentView::Recovering { since: before(now, 12) };
    picture.standing = Standing::Reconnecting { since: before(now, 12), next_try: Some(now + seconds(4)) };
    picture
}

fn good(second: usize) -> Quality {
    let dip = if (38..42).contains(&second) { 0.3 } else { 0.03 * (second % 3) as f64 };
    Quality {
        rtt_ms: Some(24.0),
        jitter_ms: Some(2.0),
        loss: Some(0.0),
        mos: Some(4.35 - dip),
        far_mos: Some(4.42),
        ..Quality::default()
    }
}

fn choppy_second(second: usize) -> Quality {
    let swing = if second > 30 { 0.75 + 0.6 * (second as f64 / 3.0).sin() } else { 0.1 };
    Quality {
        rtt_ms: Some(48.0),
        jitter_ms: Some(22.0),
        loss: Some(if second > 30 { 0.06 } else { 0.0 }),
        mos: Some(4.3 - swing),
        far_mos: Some(4.4),
        ..Quality::default()
    }
}

fn quick() -> Action {
    Action::Diagnose(DiagnoseAction::Start(Scope::Plan(Plan::Quick)))
}

fn open_result() -> Action {
    Action::Diagnose(DiagnoseAction::Open)
}

fn checked(now: Instant) -> Diagnosis {
    Diagnosis {
        report: Some((diagnosis::healthy(), before(now, 300))),
        scope: Some(Scope::Plan(Plan::Quick)),
        ..Diagnosis::default()
    }
}

fn wrong(now: Instant) -> Diagnosis {
    Diagnosis {
        report: Some((diagnosis::wrong_microphone(), now)),
        scope: Some(Scope::Symptom(Symptom::NotHeard)),
        ..Diagnosis::default()
    }
}

fn running(now: Instant) -> Diagnosis {
    Diagnosis { run: Some(diagnosis::half_done(now)), ..Diagnosis::default() }
}
