//! The whole window, drawn without a display: what is on it, and what each press and each key asks for.

mod diagnostics;

use std::sync::Arc;
use std::time::{Duration, Instant};

use eframe::egui::{Key, Modifiers, Role, Theme, Vec2, vec2};
use egui_kittest::Harness;
use egui_kittest::kittest::{NodeT as _, Queryable as _};
use phone_core::Command;
use phone_core::command::Command::{Answer, Decline, HangUp, Hold, Mute, SendDigits};
use phone_core::ids::CallId;
use phone_core::measurement::{Measurement, Side};
use phone_core::policy::{Layer, Layers, Setting, Source, Value, resolve};
use phone_core::snapshot::{CallState, PersistentView, PhoneView, Snapshot, Standing};
use phone_core::sound::{DeviceChoice, DeviceClass, NoiseReduction, Processing, SoundDevice, SoundRole};
use phone_core::update::Offer;

use super::{Order, Scene, Screen};
use crate::model::Levels;
use crate::model::history::History;
use crate::model::made_up::{self, call, scenes, snapshot};
use crate::os::preferences::Preferences;
use crate::panels::signed_out::Practice;
use crate::panels::sound_page::TRIES;
use crate::panels::{Action, Page, Popup};
use crate::text;
use crate::theme::{self, ThemeChoice, size};

const CALL: CallId = CallId(1);
const CTRL_SHIFT: Modifiers = Modifiers::COMMAND.plus(Modifiers::SHIFT);

/// A screen, the phone's picture it is drawn from, and all it has asked for.
struct Stage {
    screen: Screen,
    snapshot: Snapshot,
    levels: Levels,
    diagnosis: crate::model::findings::Diagnosis,
    update: Option<Offer>,
    now: Instant,
    orders: Vec<Order>,
}

impl Stage {
    fn scene<'a>(
        snapshot: &'a Snapshot,
        history: &'a History,
        levels: Levels,
        diagnosis: &'a crate::model::findings::Diagnosis,
        now: Instant,
    ) -> Scene<'a> {
        Scene { snapshot, history, levels, practice: &Practice::Ready, diagnosis, update: None, ignored: &[], now }
    }
}

/// The window on a display that is not there.
struct Desk {
    harness: Harness<'static, Stage>,
}

impl Desk {
    fn sized(snapshot: Snapshot, size: impl Into<Vec2>) -> Self {
        let now = Instant::now() + scenes::HEAD_START;
        // Nothing moves, so that a frame is the same whenever it is drawn.
        let preferences = Preferences { reduce_motion: true, theme: ThemeChoice::Light, ..Preferences::default() };
        let screen = Screen::new(preferences, now);
        let stage = Stage {
            screen,
            snapshot,
            levels: Levels::SILENCE,
            diagnosis: crate::model::findings::Diagnosis::default(),
            update: None,
            now,
            orders: Vec::new(),
        };
        let harness = Harness::builder()
            .with_size(size)
            .with_theme(Theme::Light)
            .with_context_setup(|ctx| {
                theme::install(ctx);
                theme::set_reduced_motion(ctx, true);
            })
            .build_ui_state(
                |ui, stage: &mut Stage| {
                    let history = History::default();
                    let scene = Stage::scene(&stage.snapshot, &history, stage.levels, &stage.diagnosis, stage.now);
                    let scene = Scene { update: stage.update.as_ref(), ..scene };
                    let orders = stage.screen.ui(ui, &scene);
                    stage.orders.extend(orders);
                },
                stage,
            );
        let mut desk = Self { harness };
        desk.frames(3);
        desk
    }

    fn new(snapshot: Snapshot) -> Self {
        Self::sized(snapshot, size::WINDOW)
    }

    fn frames(&mut self, count: usize) {
        self.harness.run_steps(count);
    }

    fn perform(&mut self, action: Action) {
        let stage = self.harness.state_mut();
        let history = History::default();
        let scene = Stage::scene(&stage.snapshot, &history, stage.levels, &stage.diagnosis, stage.now);
        let orders = stage.screen.perform(action, &scene);
        stage.orders.extend(orders);
        self.frames(3);
    }

    /// Presses the control with this name.
    fn press(&mut self, name: &str) {
        self.harness.get_by(|node| node.label().as_deref() == Some(name) && node.role() != Role::Label).click();
        self.frames(3);
    }

    fn key(&mut self, modifiers: Modifiers, key: Key) {
        self.harness.key_press_modifiers(modifiers, key);
        self.frames(3);
    }

    fn type_text(&mut self, text: &str) {
        self.harness.event(eframe::egui::Event::Text(text.to_owned()));
        self.frames(3);
    }

    fn later(&mut self, milliseconds: u64) {
        self.harness.state_mut().now += Duration::from_millis(milliseconds);
        self.frames(2);
    }

    fn shows(&self, name: &str) -> bool {
        // Plain text has its words as its value, controls as their label.
        let has = |words: Option<String>| words.as_deref() == Some(name);
        self.harness.query_all_by(|node| has(node.label()) || has(node.value())).next().is_some()
    }

    /// What a screen reader is told of the state.
    fn status(&self) -> String {
        self.harness.get_all_by_role(Role::Status).find_map(|node| node.accesskit_node().label()).unwrap_or_default()
    }

    #[expect(clippy::redundant_closure_for_method_calls, reason = "the method is bound to one lifetime")]
    fn focused(&self) -> String {
        self.harness
            .query_all_by(|node| node.is_focused())
            .find_map(|node| {
                node.accesskit_node().label().or_else(|| node.accesskit_node().placeholder().map(str::to_owned))
            })
            .unwrap_or_default()
    }

    fn refused(&self, name: &str) -> bool {
        self.harness
            .get_by(|node| node.label().as_deref() == Some(name) && node.role() != Role::Label)
            .accesskit_node()
            .is_disabled()
    }

    /// What was asked for since the last time.
    fn asked(&mut self) -> Vec<Command> {
        std::mem::take(&mut self.harness.state_mut().orders)
            .into_iter()
            .filter_map(|order| match order {
                Order::Send(command) => Some(command),
                _ => None,
            })
            .collect()
    }
}

fn started() -> Instant {
    Instant::now() + scenes::HEAD_START.saturating_sub(Duration::from_mins(1))
}

fn with_call(state: CallState) -> Snapshot {
    snapshot(vec![call(1, "Maria Lopez", state, started())])
}

fn talking() -> Snapshot {
    with_call(CallState::Connected)
}

fn ringing() -> Snapshot {
    with_call(CallState::Alerting { gives_up: None })
}

fn on_hold() -> Snapshot {
    with_call(CallState::Held { since: started() })
}

fn with_sound(mut picture: Snapshot) -> Snapshot {
    let device = |id: &str, name: &str, input| SoundDevice {
        id: id.to_owned(),
        name: name.to_owned(),
        input,
        class: DeviceClass::Headset,
        default: true,
        ..SoundDevice::default()
    };
    picture.sound.devices = vec![device("mic", "Jabra", true), device("ear", "Jabra", false)];
    picture
}

#[test]
fn each_button_asks_for_its_command() {
    let rows: Vec<(Snapshot, &str, Command)> = vec![
        (ringing(), "Answer", Answer(CALL)),
        (ringing(), "Decline", Decline(CALL)),
        (talking(), "Mute", Mute { muted: true }),
        (talking(), "Hold", Hold { call: CALL, held: true }),
        (on_hold(), "Resume", Hold { call: CALL, held: false }),
        (talking(), "End call", HangUp(CALL)),
        (snapshot(vec![]), "Echo test", Command::Dial { to: "echo".into() }),
        (snapshot(vec![]), "Call me", Command::CallMe),
        (snapshot(vec![]), "Louder", Command::SetVolume { role: SoundRole::Speaker, percent: 75 }),
        (snapshot(vec![]), "Quieter", Command::SetVolume { role: SoundRole::Speaker, percent: 65 }),
    ];
    for (picture, button, command) in rows {
        let mut desk = Desk::new(picture);
        desk.press(button);
        assert_eq!(desk.asked(), [command], "{button}");
    }
}

#[test]
fn a_second_press_while_the_first_is_on_its_way_asks_nothing() {
    let mut picture = talking();
    picture.calls[0].pending = Some(phone_core::snapshot::PendingRequest::HangUp);
    let mut desk = Desk::new(picture);
    desk.press("Ending…");
    assert_eq!(desk.asked(), []);
}

#[test]
fn a_double_click_on_answer_does_not_end_the_call() {
    let mut desk = Desk::new(ringing());
    desk.press("Answer");
    assert_eq!(desk.asked(), [Answer(CALL)]);
    desk.harness.state_mut().snapshot = talking();
    desk.later(100);
    desk.press("End call");
    desk.key(CTRL_SHIFT, Key::E);
    assert_eq!(desk.asked(), [], "nothing reacts for 400 ms");
    desk.later(400);
    desk.press("End call");
    assert_eq!(desk.asked(), [HangUp(CALL)]);
}

#[test]
fn answer_and_end_never_share_a_place() {
    let place = |picture, name: &str| {
        let desk = Desk::new(picture);
        desk.harness.get_by_label(name).rect()
    };
    assert!(!place(ringing(), "Answer").intersects(place(talking(), "End call")));
    let (answer, decline) = (place(ringing(), "Answer"), place(ringing(), "Decline"));
    assert!(decline.left() - answer.right() >= 16.0);
}

#[test]
fn keys_ask_for_the_same_as_buttons() {
    let rows: Vec<(Snapshot, Key, Vec<Command>)> = vec![
        (ringing(), Key::A, vec![Answer(CALL)]),
        (ringing(), Key::X, vec![Decline(CALL)]),
        (ringing(), Key::E, vec![Decline(CALL)]),
        (talking(), Key::E, vec![HangUp(CALL)]),
        (talking(), Key::M, vec![Mute { muted: true }]),
        (talking(), Key::H, vec![Hold { call: CALL, held: true }]),
        (on_hold(), Key::H, vec![Hold { call: CALL, held: false }]),
        (snapshot(vec![]), Key::A, vec![]),
        (snapshot(vec![]), Key::E, vec![]),
    ];
    for (picture, key, commands) in rows {
        let mut desk = Desk::new(picture);
        desk.key(CTRL_SHIFT, key);
        assert_eq!(desk.asked(), commands, "{key:?}");
    }
}

#[test]
fn digits_typed_in_a_call_are_sent() {
    let mut desk = Desk::new(talking());
    desk.type_text("4");
    desk.type_text("#");
    desk.type_text("x");
    let digits = |text: &str| SendDigits { call: CALL, digits: text.to_owned() };
    assert_eq!(desk.asked(), [digits("4"), digits("#")]);
    desk.press("Keypad");
    desk.press("7");
    desk.press("Star");
    assert_eq!(desk.asked(), [digits("7"), digits("*")]);
}

#[test]
fn escape_closes_the_top_layer_and_never_the_call() {
    let mut desk = Desk::new(talking());
    desk.press("Keypad");
    desk.press("More for this call");
    assert!(desk.shows("Copy the number") && desk.shows("Star"));
    desk.key(Modifiers::NONE, Key::Escape);
    assert!(!desk.shows("Copy the number") && desk.shows("Star"), "only the menu is gone");
    desk.key(Modifiers::NONE, Key::Escape);
    assert!(!desk.shows("Star"));
    desk.key(Modifiers::NONE, Key::Escape);
    assert_eq!(desk.asked(), []);
}

#[test]
fn enter_in_the_dial_field_calls() {
    let mut desk = Desk::new(snapshot(vec![]));
    assert_eq!(desk.focused(), "Number, name or link", "the field has the focus at the start");
    desk.type_text("+44 20 7946 0958");
    desk.key(Modifiers::NONE, Key::Enter);
    assert_eq!(desk.asked(), [Command::Dial { to: "+44 20 7946 0958".into() }]);
}

#[test]
fn an_empty_field_redials_or_says_why_not() {
    let mut desk = Desk::new(snapshot(vec![]));
    assert!(desk.refused("Call"));
    desk.key(Modifiers::NONE, Key::Enter);
    assert_eq!(desk.asked(), []);

    let mut picture = snapshot(vec![]);
    picture.recent = vec![phone_core::snapshot::RecentCall {
        peer_name: "Tom".into(),
        peer_address: "+1 202 555 0110".into(),
        direction: phone_core::event::CallDirection::Out,
        queue: None,
        ended: started(),
        connected_s: Some(5),
        reason: phone_core::event::EndReason::Hangup,
        warm: false,
        setup_ms: Some(380.0),
    }];
    let mut desk = Desk::new(picture);
    desk.key(Modifiers::NONE, Key::Enter);
    assert_eq!(desk.asked(), [Command::Dial { to: "+1 202 555 0110".into() }]);
}

#[test]
fn space_on_the_focused_mute_toggles() {
    let mut desk = Desk::new(ringing());
    desk.harness.state_mut().snapshot = talking();
    desk.frames(3);
    assert_eq!(desk.focused(), "Mute", "after Answer the focus is on Mute");
    desk.key(Modifiers::NONE, Key::Space);
    assert_eq!(desk.asked(), [Mute { muted: true }]);
    desk.harness.state_mut().snapshot.muted = true;
    desk.frames(2);
    desk.key(Modifiers::NONE, Key::Space);
    assert_eq!(desk.asked(), [Mute { muted: false }]);
}

#[test]
fn f6_walks_through_the_parts() {
    let mut desk = Desk::new(talking());
    let mut parts = Vec::new();
    for _ in 0..5 {
        desk.key(Modifiers::NONE, Key::F6);
        parts.push(desk.focused());
    }
    let status = "On call, Maria Lopez. Why, and what happened last";
    // The focus starts on Mute, which is in the second part.
    assert_eq!(parts, ["Microphone: No device", "Calls", status, "Mute", "Microphone: No device"]);
    desk.key(Modifiers::SHIFT, Key::F6);
    assert_eq!(desk.focused(), "Mute");
}

#[test]
fn refused_controls_are_off_and_say_why() {
    let mut picture = talking();
    picture.calls[0].hold_refused = Some("The service does it.");
    let mut desk = Desk::new(picture);
    assert!(desk.refused("Hold"));
    let reason = desk.harness.get_by_label("Hold").accesskit_node().data().description().map(str::to_owned);
    assert_eq!(reason.as_deref(), Some("The service does it."));
    desk.press("Hold");
    assert_eq!(desk.asked(), []);
    desk.key(CTRL_SHIFT, Key::H);
    assert_eq!(desk.asked(), []);
    assert!(desk.shows("The service does it."), "the key tells the reason too");

    let mut desk = Desk::new(with_call(CallState::Dialling));
    assert!(desk.refused("Hold") && desk.refused("Keypad"));
    desk.type_text("5");
    assert_eq!(desk.asked(), []);
}

#[test]
fn the_state_is_told_in_words() {
    let standing = |standing| Snapshot { standing, ..snapshot(vec![]) };
    let mut muted = talking();
    muted.muted = true;
    let rows = [
        (Snapshot::default(), "Signed out"),
        (snapshot(vec![]), "Ready"),
        (Snapshot { persistent: PersistentView::Warm { until: None }, ..snapshot(vec![]) }, "Ready, warm"),
        (standing(Standing::Reconnecting { since: started(), next_try: None }), "Reconnecting"),
        (ringing(), "Incoming call, Maria Lopez. Control Shift A to answer"),
        (with_call(CallState::Ringing), "Calling, Maria Lopez"),
        (talking(), "On call, Maria Lopez"),
        (muted, "On call, Maria Lopez, muted"),
        (on_hold(), "On hold, Maria Lopez"),
    ];
    for (picture, words) in rows {
        assert_eq!(Desk::new(picture).status(), words);
    }
}

#[test]
fn the_phone_selector_chooses_refuses_and_stops() {
    let phone = |id: &str, selected, refused: Option<&str>| PhoneView {
        id: id.to_owned(),
        name: id.to_owned(),
        site: "Madrid".to_owned(),
        selected,
        refused: refused.map(str::to_owned),
        webrtc: true,
    };
    let mut picture = snapshot(vec![]);
    picture.phones = vec![phone("Office", true, None), phone("Home", false, None), phone("Desk", false, Some("Off"))];
    picture.persistent = PersistentView::Warm { until: None };
    let mut desk = Desk::new(picture);
    desk.key(Modifiers::ALT, Key::P);
    assert_eq!(desk.focused(), "Office, Madrid · WebRTC", "the list opens on the phone in use");
    desk.press("Desk, Madrid · WebRTC");
    assert_eq!(desk.asked(), [], "a refused phone cannot be chosen");
    desk.press("Stop");
    assert_eq!(desk.asked(), [Command::StopPersistentConnection]);
    desk.press("Home, Madrid · WebRTC");
    assert_eq!(desk.asked(), [Command::SelectPhone { id: "Home".to_owned() }]);
    assert!(!desk.shows("Persistent connection"), "the list closes");
}

#[test]
fn row_8_a_phone_is_found_and_selected_by_keys_alone() {
    let phone = |name: String, selected| PhoneView {
        id: name.clone(),
        name,
        site: "Madrid".to_owned(),
        selected,
        refused: None,
        webrtc: true,
    };
    let mut picture = snapshot(vec![]);
    picture.phones = vec![phone("Office".to_owned(), true), phone("Home".to_owned(), false)];
    let mut desk = Desk::new(picture.clone());
    desk.key(Modifiers::ALT, Key::P);
    desk.key(Modifiers::NONE, Key::ArrowDown);
    desk.key(Modifiers::NONE, Key::Enter);
    assert_eq!(desk.asked(), [Command::SelectPhone { id: "Home".to_owned() }]);

    // Of many it is searched for.
    picture.phones.extend((0..20).map(|number| phone(format!("Hall {number}"), false)));
    let mut desk = Desk::new(picture);
    desk.key(Modifiers::ALT, Key::P);
    let search = crate::text::SEARCH_PHONES;
    for _ in 0..30 {
        if desk.focused() == search {
            break;
        }
        desk.key(Modifiers::SHIFT, Key::Tab);
    }
    assert_eq!(desk.focused(), search, "the search is reached by keys");
    desk.type_text("hall 17");
    desk.key(Modifiers::NONE, Key::Tab);
    desk.key(Modifiers::NONE, Key::Enter);
    assert_eq!(desk.asked(), [Command::SelectPhone { id: "Hall 17".to_owned() }]);
}

#[test]
fn arrows_and_enter_choose_a_device() {
    let mut desk = Desk::new(with_sound(snapshot(vec![])));
    desk.key(Modifiers::ALT, Key::D);
    assert_eq!(desk.focused(), "Follow the system");
    desk.key(Modifiers::NONE, Key::ArrowDown);
    desk.key(Modifiers::NONE, Key::Enter);
    let choice = DeviceChoice::Device("mic".to_owned());
    assert_eq!(desk.asked(), [Command::ChooseDevice { role: SoundRole::Microphone, choice }]);
}

#[test]
fn a_slider_moves_by_keys() {
    let mut desk = Desk::new(with_sound(snapshot(vec![])));
    desk.perform(Action::Go(Page::Sound));
    desk.harness.get_by_label("Speaker volume").focus();
    desk.frames(2);
    desk.key(Modifiers::NONE, Key::ArrowRight);
    desk.key(Modifiers::NONE, Key::PageDown);
    let volume = |percent| Command::SetVolume { role: SoundRole::Speaker, percent };
    assert_eq!(desk.asked(), [volume(71), volume(60)]);
}

/// The Sound page, tall enough for all of it.
fn sound_page(picture: Snapshot) -> Desk {
    let mut desk = Desk::sized(picture, [420.0, 1200.0]);
    desk.perform(Action::Go(Page::Sound));
    desk
}

#[test]
fn the_sound_page_lets_the_user_hear_each_device() {
    let tone = |role, side| Measurement::Tone { role, side };
    let rows = [
        ("Hear myself", Measurement::HearMyself { length: Duration::from_secs(5) }),
        ("Left", tone(SoundRole::Speaker, Side::Left)),
        ("Right", tone(SoundRole::Speaker, Side::Right)),
        ("Preview", tone(SoundRole::Ringer, Side::Both)),
    ];
    for (button, what) in rows {
        let mut desk = sound_page(with_sound(snapshot(vec![])));
        desk.press(button);
        assert_eq!(desk.asked(), [Command::Measure { id: TRIES, what }], "{button}");
        assert_eq!(desk.shows(text::SPEAK_NOW), button == "Hear myself");
    }
}

#[test]
fn each_switch_of_the_voice_asks_for_itself_and_keeps_the_others() {
    let mut picture = with_sound(snapshot(vec![]));
    let before = Processing { cancel_echo: Some(true), reduce_noise: Some(NoiseReduction::Strong), even_out: true };
    picture.sound.processing = before;
    let rows = [
        ("Automatic", Processing { cancel_echo: None, ..before }),
        ("Never", Processing { cancel_echo: Some(false), ..before }),
        ("Off", Processing { reduce_noise: Some(NoiseReduction::Off), ..before }),
        ("Normal", Processing { reduce_noise: Some(NoiseReduction::Normal), ..before }),
        ("Automatic level", Processing { even_out: false, ..before }),
    ];
    for (button, processing) in rows {
        let mut desk = sound_page(picture.clone());
        desk.press(button);
        assert_eq!(desk.asked(), [Command::SetProcessing(processing)], "{button}");
    }
    let mut desk = sound_page(picture);
    for chosen in ["Always", "Strong"] {
        desk.press(chosen);
        assert_eq!(desk.asked(), [], "{chosen} is chosen already");
    }
}

/// A locked switch says who decided it, and pressing it asks the phone, which says no with the same reason.
#[test]
fn a_managed_switch_of_the_voice_says_who_decided_it() {
    let mut layers = Layers::default();
    let policy = || Source::new(Layer::MandatoryMachine, "10.json");
    let managed = "Managed by your organisation: policy for this computer 10.json";
    layers.set(Setting::SoundEvenOut, Value::Bool(true), policy());
    let mut picture = with_sound(snapshot(vec![]));
    assert!(!sound_page(picture.clone()).shows(managed));
    picture.settings = Arc::new(resolve(&layers));
    picture.sound.processing = Processing::of(&picture.settings);
    let mut desk = sound_page(picture);
    assert!(desk.shows(managed) && !desk.shows(text::EVEN_OUT_NOTE));
    desk.press("Automatic level");
    assert_eq!(desk.asked(), [Command::SetProcessing(Processing::default())]);
}

#[test]
fn row_57_a_built_in_pair_is_told_to_use_a_headset() {
    let mut picture = with_sound(snapshot(vec![]));
    assert!(!sound_page(picture.clone()).shows(text::HEADSET_AVOIDS_ECHO));
    for device in &mut picture.sound.devices {
        device.class = DeviceClass::BuiltIn;
    }
    assert!(sound_page(picture).shows(text::HEADSET_AVOIDS_ECHO));
}

#[test]
fn a_second_call_is_answered_after_the_first_is_held() {
    let mut picture = talking();
    picture.calls.push(call(2, "Priya Shah", CallState::Alerting { gives_up: None }, started()));
    let mut desk = Desk::new(picture);
    desk.press("Answer and hold");
    assert_eq!(desk.asked(), [Hold { call: CALL, held: true }, Answer(CallId(2))]);
}

#[test]
fn swap_holds_one_call_and_takes_the_other() {
    let mut picture = talking();
    picture.calls.insert(0, call(2, "Tom", CallState::Held { since: started() }, started()));
    let mut desk = Desk::new(picture);
    desk.press("Swap");
    assert_eq!(desk.asked(), [Hold { call: CALL, held: true }, Hold { call: CallId(2), held: false }]);
}

#[test]
fn talking_while_muted_is_noticed_from_the_meter() {
    let mut picture = talking();
    picture.muted = true;
    picture.sound.microphone.open = true;
    let mut desk = Desk::new(picture);
    let note = "You are talking while muted.";
    assert!(!desk.shows(note));
    desk.harness.state_mut().levels.microphone = -20.0;
    for _ in 0..10 {
        desk.later(100);
    }
    assert!(desk.shows(note));
}

#[test]
fn leaving_in_a_call_asks_first() {
    let mut desk = Desk::new(talking());
    desk.key(Modifiers::COMMAND, Key::Q);
    assert!(desk.harness.state().orders.is_empty());
    assert_eq!(desk.focused(), "Stay in the call");
    desk.press("End call and close");
    assert_eq!(desk.harness.state().orders, [Order::Quit]);

    let mut desk = Desk::new(snapshot(vec![]));
    desk.key(Modifiers::COMMAND, Key::Q);
    assert_eq!(desk.harness.state().orders, [Order::Quit], "at rest it just closes");
}

#[test]
fn the_theme_is_chosen_and_kept() {
    let mut desk = Desk::new(snapshot(vec![]));
    desk.perform(Action::Go(Page::Settings));
    desk.press("Dark");
    let kept = desk.harness.state().orders.clone();
    assert!(matches!(kept.as_slice(), [Order::Keep(preferences)] if preferences.theme == ThemeChoice::Dark));
}

#[test]
fn a_newer_version_can_be_read_about_and_put_off_unless_it_is_required() {
    let mut desk = Desk::new(snapshot(vec![]));
    desk.harness.state_mut().update = Some(made_up::newer_version());
    desk.frames(3);
    assert!(desk.shows("Offhook 0.2.0 is out. It comes as your programs do: from your IT or your package manager."));
    desk.press("What is new");
    desk.press("Not now");
    let page = Order::OpenPage("https://example.org/offhook/0.2.0".to_owned());
    assert_eq!(desk.harness.state().orders, [page, Order::PutOffUpdate]);

    let required = Offer { required: true, notes: None, ..made_up::newer_version() };
    desk.harness.state_mut().update = Some(required);
    desk.frames(3);
    assert!(desk.harness.query_by(|node| node.label().as_deref() == Some("Not now")).is_none());
}

/// What a policy decides stays on the screen, can be focused and says who decided it; pressing it changes nothing.
#[test]
fn a_managed_setting_is_visible_and_cannot_be_changed_from_the_window() {
    let mut layers = Layers::default();
    let policy = || Source::new(Layer::MandatoryMachine, "10.json");
    layers.set(Setting::WindowTheme, Value::Text("dark".to_owned()), policy());
    layers.set(Setting::ForceRelay, Value::Bool(true), policy());
    let settings = Arc::new(resolve(&layers));
    let mut desk = Desk::new(Snapshot { settings, ..snapshot(vec![]) });
    desk.perform(Action::Go(Page::Settings));
    desk.press("Light");
    assert_eq!(desk.harness.state().orders, [], "nothing was kept");
    assert_eq!(desk.harness.state().screen.preferences.theme, ThemeChoice::Dark);
    desk.perform(Action::Go(Page::Rules));
    let row = "Force TURN: On. Managed by your organisation: policy for this computer 10.json";
    // It may be below what the window shows at first, where nobody can press it.
    desk.harness.get_by(|node| node.label().as_deref() == Some(row)).scroll_to_me();
    desk.frames(30);
    desk.press(row);
    let orders = desk.harness.state().orders.clone();
    assert!(matches!(orders.as_slice(), [Order::Copy(line)] if line.contains("10.json")), "{orders:?}");
}

#[test]
fn a_managed_region_cannot_be_left_on_the_sign_in_page() {
    let mut desk = Desk::new(Snapshot::default());
    let before = desk.harness.state().screen.form.service.environment.clone();
    desk.harness.state_mut().screen.form.region_lock = Some("Managed by your organisation".to_owned());
    desk.perform(Action::ToggleRegions);
    desk.perform(Action::ChooseRegion("mypurecloud.ie.test"));
    let form = &desk.harness.state().screen.form;
    assert_eq!((form.regions_open, &form.service.environment), (false, &before));
}

#[test]
fn at_rest_nothing_is_drawn_again() {
    let delay = |picture: Snapshot| {
        let desk = Desk::new(picture);
        desk.harness.output().viewport_output.values().map(|output| output.repaint_delay).min()
    };
    assert_eq!(delay(snapshot(vec![])), Some(Duration::MAX));
    let warm = PersistentView::Warm { until: Some(started() + Duration::from_mins(10)) };
    let warm = delay(Snapshot { persistent: warm, ..snapshot(vec![]) });
    assert!(warm > Some(Duration::from_secs(5)), "a warm phone counts minutes: {warm:?}");
    let mut open = talking();
    open.sound.microphone.open = true;
    let open = delay(open);
    assert!(open < Some(Duration::from_millis(250)), "a meter moves while its device is open: {open:?}");
}

#[test]
fn every_control_is_large_enough_and_inside_the_window() {
    for shot in scenes::all() {
        let now = Instant::now() + scenes::HEAD_START;
        let zoom = f32::from(shot.text_size) / 100.0;
        let window = Vec2::from(shot.size) / zoom;
        let mut desk = Desk::sized((shot.snapshot)(now), window);
        for action in shot.press.clone() {
            desk.perform(action);
        }
        // What scrolls may lie below the edge.
        let scrolls = ["i-", "e-", "f-"].iter().any(|page| shot.name.starts_with(page));
        for node in desk.harness.root().children_recursive() {
            let role = node.accesskit_node().role();
            if !eframe::egui::accessibility::is_input(role) || role == Role::TextInput {
                continue;
            }
            let rect = node.rect();
            let name = node.accesskit_node().label().unwrap_or_default();
            let of = format!("“{name}” of {} at {window:?}: {rect:?}", shot.file_name());
            let listed = name.contains("min ago") || name.contains("h ago");
            assert!(rect.height() >= 31.9 && rect.width() >= 31.9, "too small: {of}");
            let inside = rect.right() <= window.x + 1.0 && rect.left() >= -1.0;
            assert!(inside && (scrolls || listed || rect.bottom() <= window.y + 1.0), "outside: {of}");
        }
    }
}

#[test]
fn at_200_percent_in_the_smallest_window_mute_and_end_stay() {
    let tiny = vec2(180.0, 280.0);
    let desk = Desk::sized(talking(), tiny);
    for name in ["Mute", "Hold", "End call"] {
        let rect = desk.harness.get_by_label(name).rect();
        assert!(rect.bottom() <= tiny.y && rect.right() <= tiny.x, "{name}: {rect:?}");
        assert!(rect.height() >= 44.0, "{name}: {rect:?}");
    }
    let mut desk = Desk::sized(ringing(), tiny);
    desk.press("Decline");
    assert_eq!(desk.asked(), [Decline(CALL)]);
}

#[test]
fn a_press_beside_a_popup_closes_it_and_does_nothing_else() {
    let mut desk = Desk::new(talking());
    desk.perform(Action::Toggle(Popup::Menu));
    assert!(desk.shows("Quit Offhook"));
    desk.press("End call");
    assert!(!desk.shows("Quit Offhook"));
    assert_eq!(desk.asked(), []);
}
