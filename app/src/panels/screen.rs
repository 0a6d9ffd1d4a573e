//! The window as a whole: which page, which pop-up, what the keyboard does. Holds what only the window knows.

use std::time::{Duration, Instant};

use eframe::egui::{Id, Key, Modifiers, Rect, Ui, Vec2, pos2, vec2};
use phone_core::Command;
use phone_core::ids::CallId;
use phone_core::snapshot::{CallState, Snapshot, Standing};
use phone_core::sound::SoundRole;

use super::signed_out::Practice;
use super::toast::Toast;
use super::{Action, Metrics, Page, Popup, calls, card, devices, incoming, leave, menu, phones, problem, settings};
use super::{signed_out, sound_bar, sound_page, strip, tabs, toast};
use crate::model::calls::{Calls, HoldTile};
use crate::model::history::History;
use crate::model::sound::SoundBar;
use crate::model::strip::{Shape, Strip};
use crate::model::{self, Levels, sooner};
use crate::os::preferences::Preferences;
use crate::shortcuts::{self, Asked};
use crate::text;
use crate::theme::{self, palette, size};
use crate::widgets::control;
use crate::widgets::meter::{Needle, TalkDetector};
use crate::widgets::{paint, popup};

/// After Answer nothing in the panel reacts for this long, so that a double click cannot end the call.
const DEAD_TIME: Duration = Duration::from_millis(400);
/// Meters move at 30 frames a second.
const FRAME: Duration = Duration::from_millis(33);
/// Where motion is reduced, at five.
const CALM_FRAME: Duration = Duration::from_millis(200);

/// What one frame is drawn from.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    pub snapshot: &'a Snapshot,
    pub history: &'a History,
    pub levels: Levels,
    pub practice: &'a Practice,
    pub now: Instant,
}

/// What leaves the window.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    Send(Command),
    StartPractice,
    /// The user changed how the window looks.
    Keep(Preferences),
    Copy(String),
    Quit,
}

/// Where pop-ups open from, as drawn last.
#[derive(Clone, Copy, Debug)]
struct Anchors {
    strip: strip::Anchors,
    phones: Rect,
    lanes: [(SoundRole, Rect); 2],
    fields: [Rect; 3],
    tools: Rect,
}

pub struct Screen {
    pub preferences: Preferences,
    page: Page,
    popup: Option<Popup>,
    popup_is_new: bool,
    /// What had the focus when the pop-up opened.
    focus_before: Option<Id>,
    /// Takes the focus in the next frame.
    focus_next: Option<Id>,
    dial: String,
    dial_keys: bool,
    call_keys: Option<CallId>,
    /// Digits typed in this call, sent or not.
    asked_digits: Option<(CallId, String)>,
    phone_search: String,
    toast: Option<Toast>,
    dead_until: Option<Instant>,
    /// Microphone, speaker, ringer.
    needles: [Needle; 3],
    talk: TalkDetector,
    live_call: Option<CallId>,
    anchors: Anchors,
    born: Instant,
    first_frame: bool,
}

impl Screen {
    pub fn new(preferences: Preferences, now: Instant) -> Self {
        Self {
            preferences,
            page: Page::Calls,
            popup: None,
            popup_is_new: false,
            focus_before: None,
            focus_next: None,
            dial: String::new(),
            dial_keys: false,
            call_keys: None,
            asked_digits: None,
            phone_search: String::new(),
            toast: None,
            dead_until: None,
            needles: [Needle::new(now); 3],
            talk: TalkDetector::default(),
            live_call: None,
            anchors: Anchors {
                strip: strip::Anchors { why: Rect::NOTHING, menu: Rect::NOTHING },
                phones: Rect::NOTHING,
                lanes: [(SoundRole::Microphone, Rect::NOTHING), (SoundRole::Speaker, Rect::NOTHING)],
                fields: [Rect::NOTHING; 3],
                tools: Rect::NOTHING,
            },
            born: now,
            first_frame: true,
        }
    }

    /// A notice at the bottom for five seconds.
    pub fn tell(&mut self, words: impl Into<String>, now: Instant) {
        self.toast = Some(Toast::new(words, now));
    }

    /// Opens the question whether to leave a call.
    pub fn ask_to_leave(&mut self) {
        self.open(Popup::Leave, None);
        self.focus_next = Some(leave::first_focus());
    }

    /// Does something as if it had been pressed; for pictures of the window.
    pub fn perform(&mut self, action: Action, scene: &Scene<'_>) -> Vec<Order> {
        let mut orders = Vec::new();
        self.apply(action, scene, None, &mut orders);
        orders
    }

    /// Draws everything and says what was asked for.
    pub fn ui(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<Order> {
        let ctx = ui.ctx().clone();
        control::begin_frame(&ctx);
        let now = scene.now;
        let window = ui.max_rect();
        self.follow(scene);

        let calls = model::calls::calls(scene.snapshot, scene.history, self.talk.talks(), now);
        let strip = model::strip::strip(scene.snapshot, scene.history, now);
        let bar = model::sound::sound_bar(scene.snapshot);
        self.keep_focus(ui, &calls);

        let mut actions: Vec<Action> = Vec::new();
        if self.popup.is_none() {
            actions.extend(self.keys(ui, scene, &calls));
        }
        ui.painter().rect_filled(window, 0.0, palette(ui).window);
        self.draw(ui, window, scene, &strip, &calls, &bar, &mut actions);
        let redraw = self.draw_toast(ui, window, now, &mut actions);
        self.draw_popup(ui, window, scene, &strip, &calls, &mut actions);

        let mut orders = Vec::new();
        let focused = ctx.memory(|memory| memory.focused());
        for action in actions {
            self.apply(action, scene, focused, &mut orders);
        }
        if orders.is_empty() && self.popup_is_new {
            ctx.request_repaint();
        }
        for order in &orders {
            if let Order::Keep(preferences) = order {
                apply_preferences(&ctx, preferences);
            }
        }
        self.plan_redraw(ui, scene, &strip, &calls, &bar, redraw);
        self.first_frame = false;
        orders
    }

    /// Meters and what is known of calls follow the snapshot.
    fn follow(&mut self, scene: &Scene<'_>) {
        let Levels { microphone, speaker, ringer } = scene.levels;
        let sound = &scene.snapshot.sound;
        let levels = [(microphone, sound.microphone.open), (speaker, sound.speaker.open), (ringer, sound.ringer.open)];
        for (needle, (level, open)) in self.needles.iter_mut().zip(levels) {
            needle.follow(scene.now, if open { level } else { Levels::SILENCE.microphone });
        }
        let desk = model::calls::desk(&scene.snapshot.calls);
        let live = desk.main.filter(|call| matches!(call.state, CallState::Connected));
        if live.is_some() && scene.snapshot.muted && sound.microphone.open {
            self.talk.follow(scene.now, microphone);
        } else {
            self.talk = TalkDetector::default();
        }
        let main = desk.main.map(|call| call.id);
        if self.call_keys.is_some_and(|call| main != Some(call)) {
            self.call_keys = None;
        }
        if self.asked_digits.as_ref().is_some_and(|(call, _)| main != Some(*call)) {
            self.asked_digits = None;
        }
        if self.popup == Some(Popup::Tools) && main.is_none() || self.popup == Some(Popup::Leave) && main.is_none() {
            self.popup = None;
        }
        let live = live.map(|call| call.id);
        if live.is_some() && live != self.live_call && self.popup.is_none() {
            self.page = Page::Calls;
            self.focus_next = Some(card::mute_id());
        }
        self.live_call = live;
    }

    fn keep_focus(&mut self, ui: &Ui, calls: &Calls) {
        if let Some(id) = self.focus_next.take() {
            ui.memory_mut(|memory| memory.request_focus(id));
        } else if self.first_frame && calls.card.is_none() && calls.incoming.is_empty() {
            ui.memory_mut(|memory| memory.request_focus(Id::unique("dial")));
        }
    }

    /// What the keyboard asks for while no pop-up is open.
    fn keys(&mut self, ui: &Ui, scene: &Scene<'_>, calls: &Calls) -> Vec<Action> {
        let mut actions = Vec::new();
        for asked in shortcuts::take(ui.ctx()) {
            actions.extend(self.key(ui, asked, scene, calls));
        }
        if let Some(card) = calls.card.as_ref().filter(|card| card.keypad_refused.is_none())
            && self.page == Page::Calls
        {
            actions.extend(shortcuts::take_digits(ui.ctx()).into_iter().map(|digit| Action::SendDigit(card.id, digit)));
        }
        let typing = ui.ctx().text_edit_focused();
        if !typing && ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Escape)) {
            actions.extend(self.escape());
        }
        actions
    }

    /// Closes the top layer only, and never a call.
    fn escape(&self) -> Option<Action> {
        match (self.page, self.call_keys, self.dial_keys) {
            (Page::Sound, ..) => Some(Action::Go(Page::Settings)),
            (Page::Settings, ..) => Some(Action::Go(Page::Calls)),
            (Page::Calls, Some(call), _) => Some(Action::ToggleCallKeys(call)),
            (Page::Calls, None, true) => Some(Action::ToggleDialKeys),
            (Page::Calls, None, false) => self.toast.is_some().then_some(Action::DismissToast),
        }
    }

    fn key(&mut self, ui: &Ui, asked: Asked, scene: &Scene<'_>, calls: &Calls) -> Option<Action> {
        let ringing = calls.incoming.first();
        let card = calls.card.as_ref();
        match asked {
            Asked::Answer => ringing.map(|call| answer(call.id, hold_for_answer(calls))),
            Asked::Decline => ringing.map(|call| Action::Send(Command::Decline(call.id))),
            Asked::End => match (card, ringing) {
                (Some(card), _) => Some(Action::Send(Command::HangUp(card.id))),
                (None, Some(call)) => Some(Action::Send(Command::Decline(call.id))),
                (None, None) => None,
            },
            Asked::Mute => {
                let muted = card.map_or(scene.snapshot.muted, |card| card.muted);
                Some(Action::Send(Command::Mute { muted: !muted }))
            }
            Asked::Hold => {
                let card = card?;
                if let Some(reason) = card.hold_refused {
                    self.tell(reason, scene.now);
                    return None;
                }
                let waiting = matches!(card.hold, HoldTile::Holding | HoldTile::Resuming);
                (!waiting).then_some(Action::Send(Command::Hold { call: card.id, held: !card.held }))
            }
            Asked::Keypad => match card {
                Some(card) => match card.keypad_refused {
                    None => Some(Action::ToggleCallKeys(card.id)),
                    Some(reason) => {
                        self.tell(reason, scene.now);
                        None
                    }
                },
                None => Some(Action::ToggleDialKeys),
            },
            Asked::SayStatus => Some(Action::SayStatus),
            Asked::Phones => calls.card.is_none().then(|| {
                control::show_focus(ui.ctx());
                self.page = Page::Calls;
                Action::Toggle(Popup::Phones)
            }),
            Asked::Devices => {
                control::show_focus(ui.ctx());
                Some(Action::Toggle(Popup::Devices(SoundRole::Microphone)))
            }
            Asked::NextPart | Asked::PreviousPart => {
                self.focus_next = control::neighbour(ui.ctx(), asked == Asked::PreviousPart);
                control::show_focus(ui.ctx());
                ui.ctx().request_repaint();
                None
            }
            Asked::Tab(index) => tabs::TABS.get(index).map(|(page, ..)| Action::Go(*page)),
            Asked::Quit => Some(Action::Quit),
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one frame is drawn from all of them; a struct would only rename them"
    )]
    fn draw(
        &mut self,
        ui: &mut Ui,
        window: Rect,
        scene: &Scene<'_>,
        strip: &Strip,
        calls: &Calls,
        bar: &SoundBar,
        actions: &mut Vec<Action>,
    ) {
        let mut rest = window;
        if window.width() >= size::TWO_COLUMNS {
            let rail = paint::cut_left(&mut rest, size::RAIL, 0.0);
            let mut column = paint::cut_left(&mut rest, size::CALLS_COLUMN, 0.0);
            let metrics = Metrics::of(column.width().max(size::SMALL_WIDTH), window.height());
            let top = paint::cut_top(&mut column, size::STRIP, 0.0);
            self.draw_strip(ui, top, scene, strip, actions);
            self.draw_calls(ui, column, scene, calls, bar, &metrics, actions);
            let edge = Rect::from_min_size(rest.min, vec2(size::STROKE, rest.height()));
            ui.painter().rect_filled(edge, 0.0, palette(ui).border_soft);
            rest.min.x += size::STROKE;
            let page = if self.page == Page::Calls { Page::Sound } else { self.page };
            self.draw_page(ui, rest, page, scene, true, &Metrics::of(rest.width(), window.height()), actions);
            actions.extend(tabs::rail_ui(ui, rail, self.page));
            return;
        }

        let metrics = Metrics::of(window.width(), window.height());
        let at_rest = calls.card.is_none() && calls.incoming.is_empty();
        let signed_out = scene.snapshot.account.is_none() && at_rest;
        let ready = scene.snapshot.standing == Standing::Ready && at_rest && strip.chip.is_none();
        if self.page == Page::Calls || !ready {
            let top = paint::cut_top(&mut rest, size::STRIP, 0.0);
            self.draw_strip(ui, top, scene, strip, actions);
        }
        let show_tabs = !(signed_out && self.page == Page::Calls);
        let tabs = show_tabs.then(|| paint::cut_bottom(&mut rest, metrics.tabs(), 0.0));
        match self.page {
            Page::Calls => self.draw_calls(ui, rest, scene, calls, bar, &metrics, actions),
            page => self.draw_page(ui, rest, page, scene, ready, &metrics, actions),
        }
        if let Some(tabs) = tabs {
            actions.extend(tabs::ui(ui, tabs, self.page, &metrics));
        }
    }

    fn draw_strip(&mut self, ui: &mut Ui, rect: Rect, scene: &Scene<'_>, strip: &Strip, actions: &mut Vec<Action>) {
        let (action, anchors) = strip::ui(ui, rect, strip, self.turn(ui, scene.now), self.pulse(ui, scene.now));
        actions.extend(action);
        self.anchors.strip = anchors;
    }

    /// Share of a turn, in eight steps a second.
    fn turn(&self, ui: &Ui, now: Instant) -> f32 {
        if !theme::moves(ui) {
            return 0.0;
        }
        let eighths = now.saturating_duration_since(self.born).as_millis() / 125 % 8;
        eighths as f32 / 8.0
    }

    /// 0.7–1, once a second.
    fn pulse(&self, ui: &Ui, now: Instant) -> f32 {
        if !theme::moves(ui) {
            return 1.0;
        }
        let phase = now.saturating_duration_since(self.born).as_secs_f32().fract();
        0.85 + 0.15 * (phase * std::f32::consts::TAU).cos()
    }

    fn draw_page(
        &mut self,
        ui: &mut Ui,
        mut rest: Rect,
        page: Page,
        scene: &Scene<'_>,
        ready: bool,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let header = paint::cut_top(&mut rest, size::HEADER, 0.0);
        let (title, back) = match page {
            Page::Sound => (text::PAGE_SOUND, (self.page == Page::Sound).then_some(Page::Settings)),
            Page::Settings | Page::Calls => (text::PAGE_SETTINGS, None),
        };
        let shows_ready = ready && self.page == page && ui.max_rect().width() < size::TWO_COLUMNS;
        actions.extend(settings::header_ui(ui, header, title, back, shows_ready));
        if page == Page::Sound {
            let models = [SoundRole::Microphone, SoundRole::Speaker, SoundRole::Ringer]
                .map(|role| model::sound::role_card(scene.snapshot, role));
            let needles = self.needles;
            let (action, fields) = sound_page::ui(ui, rest, &models, |role| needle(&needles, role), metrics);
            actions.extend(action);
            self.anchors.fields = fields;
        } else {
            actions.extend(settings::ui(ui, rest, scene.snapshot, &self.preferences, metrics));
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one frame is drawn from all of them; a struct would only rename them"
    )]
    fn draw_calls(
        &mut self,
        ui: &mut Ui,
        mut rest: Rect,
        scene: &Scene<'_>,
        calls: &Calls,
        bar: &SoundBar,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let at_rest = calls.card.is_none() && calls.incoming.is_empty();
        if at_rest && scene.snapshot.account.is_none() {
            card::enter(ui);
            self.draw_signed_out(ui, rest, scene, metrics, actions);
            return;
        }
        let bar_rect = (metrics.sound_bar() > 0.0).then(|| paint::cut_bottom(&mut rest, metrics.sound_bar(), 0.0));
        card::enter(ui);
        if calls.card.is_some() {
            self.draw_card(ui, rest, scene, calls, metrics, actions);
        } else {
            self.draw_idle(ui, rest, scene, calls, metrics, actions);
        }
        if let Some(bar_rect) = bar_rect {
            let needles = self.needles;
            let (action, anchors) = sound_bar::ui(ui, bar_rect, bar, |role| needle(&needles, role), metrics);
            actions.extend(action);
            for ((slot, lane), anchor) in self.anchors.lanes.iter_mut().zip(&bar.lanes).zip(anchors) {
                *slot = (lane.role, anchor);
            }
        }
    }

    fn draw_signed_out(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        scene: &Scene<'_>,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let mut rest = rect;
        if let Some(model) = model::strip::problem(scene.snapshot, scene.now) {
            rest.min.y += 12.0;
            let width = rest.width() - 2.0 * metrics.edge;
            let height = problem::height(ui, width, &model);
            let block = paint::cut_top(&mut rest, height, 12.0).shrink2(vec2(metrics.edge, 0.0));
            actions.extend(problem::ui(ui, block, &model));
        }
        if let Standing::SigningIn { step, .. } = scene.snapshot.standing {
            signed_out::progress_ui(ui, rest, step, metrics);
        } else {
            actions.extend(signed_out::ui(ui, rest, scene.practice, metrics));
        }
    }

    fn draw_idle(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        scene: &Scene<'_>,
        calls: &Calls,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let mut rest = rect.shrink2(vec2(metrics.edge, 0.0));
        rest.min.y += if metrics.small { 8.0 } else { 12.0 };
        let alert = self.pulse(ui, scene.now);
        for (index, call) in calls.incoming.iter().enumerate() {
            let height = incoming::height(call, metrics);
            if rest.height() >= height || index == 0 {
                let card = paint::cut_top(&mut rest, height, 12.0);
                actions.extend(incoming::ui(ui, card, call, alert, metrics));
            }
        }
        if let Some(model) = model::strip::problem(scene.snapshot, scene.now) {
            let height = problem::height(ui, rest.width(), &model);
            let block = paint::cut_top(&mut rest, height, 12.0);
            actions.extend(problem::ui(ui, block, &model));
        }
        let selector = model::phones::selector(scene.snapshot, scene.now);
        if rest.height() >= size::CONTROL_M {
            let row = paint::cut_top(&mut rest, size::CONTROL_M, 12.0);
            let (action, anchor) = calls::selector_ui(ui, row, &selector);
            actions.extend(action);
            self.anchors.phones = anchor;
        }
        let practice = scene.snapshot.account.as_ref().is_some_and(|account| account.practice);
        if calls.incoming.is_empty() && rest.height() >= size::CONTROL_M {
            let model = calls::Dial {
                text: self.dial.clone(),
                keys: self.dial_keys,
                refused: self.dial_refused(scene),
                practice,
            };
            let (action, changed) = calls::dial_ui(ui, &mut rest, &model, metrics);
            if let Some(changed) = changed {
                self.dial = changed;
            }
            actions.extend(action);
        }
        let rows = model::recent::rows(scene.snapshot, scene.now);
        actions.extend(calls::recent_ui(ui, rest, &rows, practice));
    }

    fn dial_refused(&self, scene: &Scene<'_>) -> Option<&'static str> {
        if scene.snapshot.standing != Standing::Ready {
            return Some(text::NOT_READY_TO_DIAL);
        }
        let nothing = self.dial.trim().is_empty() && model::recent::redial(scene.snapshot).is_none();
        nothing.then_some(text::NOTHING_TO_DIAL)
    }

    fn draw_card(
        &mut self,
        ui: &mut Ui,
        rect: Rect,
        scene: &Scene<'_>,
        calls: &Calls,
        metrics: &Metrics,
        actions: &mut Vec<Action>,
    ) {
        let Some(model) = &calls.card else { return };
        let mut rest = rect.shrink2(vec2(metrics.edge, 8.0));
        let alert = self.pulse(ui, scene.now);
        for call in &calls.incoming {
            let row = paint::cut_top(&mut rest, incoming::ROW, 8.0);
            actions.extend(incoming::row_ui(ui, row, call, hold_for_answer(calls), alert, metrics));
        }
        let keys = self.call_keys == Some(model.id) && model.keypad_refused.is_none();
        // The card needs its height more than the held calls need theirs.
        let room = rest.height() - calls.held.len() as f32 * (size::HELD_CALL + 8.0);
        let fold = !calls.held.is_empty() && (keys || metrics.small || room < 340.0);
        let swap_with = (!model.held && model.hold_refused.is_none()).then_some(model.id);
        if fold {
            let row = paint::cut_top(&mut rest, 32.0, 8.0);
            card::folded_ui(ui, row, calls.held.len());
        } else {
            for held in &calls.held {
                let row = paint::cut_top(&mut rest, size::HELD_CALL, 8.0);
                actions.extend(card::held_ui(ui, row, held, swap_with, metrics));
            }
        }
        let asked = self.asked_digits.as_ref().map_or("", |(_, digits)| digits.as_str());
        let drawn = card::ui(ui, rest, model, scene.history.seconds(model.id), keys, asked, metrics);
        actions.extend(drawn.action);
        self.anchors.tools = drawn.tools;
    }

    /// Gives when the notice has to go.
    fn draw_toast(&mut self, ui: &mut Ui, window: Rect, now: Instant, actions: &mut Vec<Action>) -> Option<Duration> {
        let toast = self.toast.as_mut()?;
        if now >= toast.until {
            self.toast = None;
            return None;
        }
        let metrics = Metrics::of(window.width(), window.height());
        let mut area = window;
        if window.width() >= size::TWO_COLUMNS {
            area = Rect::from_min_size(
                pos2(window.left() + size::RAIL, window.top()),
                vec2(size::CALLS_COLUMN, window.height()),
            );
            area.max.y -= metrics.sound_bar();
        } else {
            area.max.y -= metrics.tabs() + if self.page == Page::Calls { metrics.sound_bar() } else { 0.0 };
        }
        control::leave(ui.ctx());
        let (action, kept) = toast::ui(ui, area, toast, &metrics);
        if kept {
            toast.until = now + Duration::from_secs_f32(theme::motion::TOAST);
        }
        actions.extend(action);
        Some(toast.until.saturating_duration_since(now))
    }

    fn draw_popup(
        &mut self,
        ui: &mut Ui,
        window: Rect,
        scene: &Scene<'_>,
        strip: &Strip,
        calls: &Calls,
        actions: &mut Vec<Action>,
    ) {
        let Some(open) = self.popup else { return };
        let is_new = std::mem::take(&mut self.popup_is_new);
        let ctx = ui.ctx().clone();
        let snapshot = scene.snapshot;
        let signed_in = snapshot.account.is_some();
        let in_call = calls.card.is_some();
        let mut asked: Option<Action> = None;
        let dismissed = match open {
            Popup::Phones => {
                let model = model::phones::selector(snapshot, scene.now);
                let anchor = self.anchors.phones;
                let place = popup::Place::at(anchor, vec2(anchor.width(), phones::height(&model)), window);
                popup::show(&ctx, "Phones", place, is_new, |ui, rect| {
                    asked = phones::ui(ui, rect, &model, &self.phone_search);
                })
            }
            Popup::Devices(role) => {
                let rows = model::sound::device_rows(snapshot, role);
                let with_link = self.page != Page::Sound;
                let anchor = self.device_anchor(role, window);
                let wanted = vec2(anchor.width().max(320.0), devices::height(&rows, with_link));
                let place = popup::Place::at(anchor, wanted, window);
                popup::show(&ctx, text::role(role), place, is_new, |ui, rect| {
                    asked = devices::ui(ui, rect, role, &rows, with_link);
                })
            }
            Popup::Menu => {
                let wanted = vec2(240.0, menu::main_height(signed_in, in_call));
                let place = popup::Place::at(self.anchors.strip.menu, wanted, window);
                popup::show(&ctx, text::MORE, place, is_new, |ui, rect| {
                    asked = menu::main_ui(ui, rect, signed_in, in_call);
                })
            }
            Popup::Tools => {
                let Some(card) = &calls.card else { return };
                let wanted = vec2(240.0, menu::call_height(card));
                let place = popup::Place::at(self.anchors.tools, wanted, window);
                popup::show(&ctx, "More for this call", place, is_new, |ui, rect| {
                    asked = menu::call_ui(ui, rect, card);
                })
            }
            Popup::Why => {
                let problem = model::strip::problem(snapshot, scene.now);
                let width = (window.width() - 32.0).min(388.0);
                let height = menu::why_height(ui, width, strip, problem.as_ref(), scene.history);
                let place = popup::Place::at(self.anchors.strip.why, vec2(width, height), window);
                popup::show(&ctx, text::WHY, place, is_new, |ui, rect| {
                    asked = menu::why_ui(ui, rect, strip, problem.as_ref(), scene.history, scene.now);
                })
            }
            Popup::Leave => {
                let wanted = Vec2::from(leave::SIZE).min(window.size() - vec2(16.0, 16.0));
                let corner = window.center() - wanted / 2.0;
                let place = popup::Place {
                    top_left: pos2(corner.x.round(), corner.y.round()),
                    width: wanted.x,
                    height: wanted.y,
                };
                popup::show(&ctx, text::LEAVE_TITLE, place, is_new, |ui, rect| asked = leave::ui(ui, rect))
            }
        };
        if let Some(action) = asked {
            let stays = matches!(action, Action::SearchPhones(_) | Action::Send(Command::StopPersistentConnection));
            actions.push(action);
            if !stays {
                actions.push(Action::ClosePopup);
            }
        } else if dismissed {
            actions.push(Action::ClosePopup);
        }
    }

    fn device_anchor(&self, role: SoundRole, window: Rect) -> Rect {
        let field = match role {
            SoundRole::Microphone => self.anchors.fields[0],
            SoundRole::Speaker => self.anchors.fields[1],
            SoundRole::Ringer => self.anchors.fields[2],
        };
        let lane = self.anchors.lanes.iter().find(|(lane, _)| *lane == role).map(|(_, rect)| *rect);
        let anchor = if self.page == Page::Sound { field } else { lane.unwrap_or(Rect::NOTHING) };
        if anchor.is_positive() { anchor } else { Rect::from_min_size(window.center(), vec2(1.0, 1.0)) }
    }

    fn open(&mut self, popup: Popup, focused: Option<Id>) {
        self.popup = Some(popup);
        self.popup_is_new = true;
        self.focus_before = focused;
        self.phone_search.clear();
    }

    fn close(&mut self) {
        if self.popup.take().is_some() {
            self.focus_next = self.focus_before.take();
        }
    }

    fn apply(&mut self, action: Action, scene: &Scene<'_>, focused: Option<Id>, orders: &mut Vec<Order>) {
        if self.dead_until.is_some_and(|until| scene.now < until) {
            return;
        }
        match action {
            Action::Send(command) => {
                if matches!(command, Command::Answer(_)) {
                    self.dead_until = Some(scene.now + DEAD_TIME);
                }
                orders.push(Order::Send(command));
            }
            Action::Swap { hold, resume } => {
                orders.push(Order::Send(Command::Hold { call: hold, held: true }));
                orders.push(Order::Send(Command::Hold { call: resume, held: false }));
            }
            Action::AnswerAndHold { hold, answer } => {
                self.dead_until = Some(scene.now + DEAD_TIME);
                orders.push(Order::Send(Command::Hold { call: hold, held: true }));
                orders.push(Order::Send(Command::Answer(answer)));
            }
            Action::Dial => self.dial(scene, orders),
            Action::FillDial(number) => {
                self.dial = number;
                self.focus_next = Some(Id::unique("dial"));
            }
            Action::TypeDial(digit) => self.dial.push(digit),
            Action::DeleteDial => {
                self.dial.pop();
            }
            Action::ToggleDialKeys => self.dial_keys = !self.dial_keys,
            Action::ToggleCallKeys(call) => {
                self.page = Page::Calls;
                self.call_keys = if self.call_keys == Some(call) { None } else { Some(call) };
            }
            Action::SendDigit(call, digit) => {
                let sent = scene.snapshot.calls.iter().find(|c| c.id == call).map_or("", |c| c.digits.as_str());
                let asked = self.asked_digits.get_or_insert_with(|| (call, sent.to_owned()));
                asked.1.push(digit);
                orders.push(Order::Send(Command::SendDigits { call, digits: digit.to_string() }));
            }
            Action::Go(page) => {
                self.close();
                self.page = page;
            }
            Action::Toggle(popup) if self.popup == Some(popup) => self.close(),
            Action::Toggle(popup) => {
                self.open(popup, focused);
                self.focus_next = self.first_focus(popup, scene);
            }
            Action::ClosePopup => self.close(),
            Action::SearchPhones(typed) => self.phone_search = typed,
            Action::StartPractice => orders.push(Order::StartPractice),
            Action::SetTheme(theme) => self.prefer(orders, |preferences| preferences.theme = theme),
            Action::SetTextSize(percent) => self.prefer(orders, |preferences| preferences.text_size = percent),
            Action::SetReducedMotion(reduce) => self.prefer(orders, |preferences| preferences.reduce_motion = reduce),
            Action::SayStatus => {
                let strip = model::strip::strip(scene.snapshot, scene.history, scene.now);
                let calls = model::calls::calls(scene.snapshot, scene.history, false, scene.now);
                let mut words = strip.sentence();
                if let Some(card) = calls.card {
                    words = format!("{words}, {}", card.name);
                    if let Some(verdict) = card.verdict {
                        words = format!("{words}, {}", verdict.word);
                    }
                }
                self.tell(words, scene.now);
            }
            Action::Copy(words) => orders.push(Order::Copy(words)),
            Action::DismissToast => self.toast = None,
            Action::Quit if model::calls::in_call(scene.snapshot) => self.ask_to_leave(),
            Action::Quit | Action::QuitNow => orders.push(Order::Quit),
        }
    }

    fn prefer(&mut self, orders: &mut Vec<Order>, change: impl FnOnce(&mut Preferences)) {
        change(&mut self.preferences);
        orders.push(Order::Keep(self.preferences.clone()));
    }

    fn first_focus(&self, popup: Popup, scene: &Scene<'_>) -> Option<Id> {
        match popup {
            Popup::Phones => {
                let model = model::phones::selector(scene.snapshot, scene.now);
                Some(if model.searchable { Id::unique("phone-search") } else { phones::first_focus(&model) })
            }
            Popup::Devices(role) => Some(devices::first_focus(&model::sound::device_rows(scene.snapshot, role))),
            Popup::Menu | Popup::Tools => Some(menu::first_focus()),
            Popup::Why => None,
            Popup::Leave => Some(leave::first_focus()),
        }
    }

    fn dial(&mut self, scene: &Scene<'_>, orders: &mut Vec<Order>) {
        if let Some(reason) = self.dial_refused(scene) {
            self.tell(reason, scene.now);
            return;
        }
        let typed = self.dial.trim();
        let to = if typed.is_empty() { model::recent::redial(scene.snapshot) } else { Some(typed.to_owned()) };
        if let Some(to) = to {
            self.dial.clear();
            self.dial_keys = false;
            orders.push(Order::Send(Command::Dial { to: to.into() }));
        }
    }

    /// Asks for the next frame at the moment something on screen changes, and not before.
    fn plan_redraw(
        &self,
        ui: &Ui,
        scene: &Scene<'_>,
        strip: &Strip,
        calls: &Calls,
        bar: &SoundBar,
        toast: Option<Duration>,
    ) {
        let frame = if theme::moves(ui) { FRAME } else { CALM_FRAME };
        let mut next = sooner(strip.redraw, sooner(calls.redraw, toast));
        let sound = &scene.snapshot.sound;
        let meters = match self.page {
            Page::Calls => bar.live(),
            Page::Sound => sound.microphone.open,
            Page::Settings => false,
        };
        let wide = ui.max_rect().width() >= size::TWO_COLUMNS;
        if meters || wide && (bar.live() || sound.microphone.open) {
            next = sooner(next, Some(frame));
        }
        if self.live_call.is_some() && scene.snapshot.muted && sound.microphone.open {
            next = sooner(next, Some(Duration::from_millis(100)));
        }
        if theme::moves(ui) {
            let turns = (strip.shape == Shape::Arrows).then_some(Duration::from_millis(125));
            let pulses = (!calls.incoming.is_empty()).then_some(Duration::from_millis(50));
            next = sooner(next, sooner(turns, pulses));
        }
        match self.popup {
            Some(Popup::Phones) => {
                next = sooner(next, model::phones::selector(scene.snapshot, scene.now).persistent.redraw);
            }
            Some(Popup::Why) => next = sooner(next, Some(Duration::from_secs(60))),
            _ => {}
        }
        if self.page == Page::Calls && calls.card.is_none() {
            next = sooner(next, model::recent::redraw(scene.snapshot, scene.now));
        }
        if let Some(next) = next {
            // A little late rather than a little early: an early frame would show the old second again.
            ui.ctx().request_repaint_after(next + Duration::from_millis(5));
        }
    }
}

/// Theme, size and motion as the user wants them.
pub fn apply_preferences(ctx: &eframe::egui::Context, preferences: &Preferences) {
    ctx.set_theme(preferences.theme);
    ctx.set_zoom_factor(preferences.zoom());
    theme::set_reduced_motion(ctx, preferences.reduce_motion);
}

fn needle(needles: &[Needle; 3], role: SoundRole) -> Needle {
    match role {
        SoundRole::Microphone => needles[0],
        SoundRole::Speaker => needles[1],
        SoundRole::Ringer => needles[2],
    }
}

/// The call to put on hold before another is answered.
fn hold_for_answer(calls: &Calls) -> Option<CallId> {
    calls.card.as_ref().filter(|card| !card.held && card.hold_refused.is_none()).map(|card| card.id)
}

fn answer(call: CallId, hold: Option<CallId>) -> Action {
    match hold {
        Some(hold) => Action::AnswerAndHold { hold, answer: call },
        None => Action::Send(Command::Answer(call)),
    }
}
