//! What keys and presses do.

use std::time::Duration;

use eframe::egui::{Id, Key, Modifiers, Ui};
use phone_core::Command;
use phone_core::diagnose::Remedy;
use phone_core::ids::CallId;
use phone_core::measurement::Measurement;
use phone_core::snapshot::Standing;
use phone_core::sound::SoundRole;

use super::{Order, Scene, Screen};
use crate::diagnose::{Ask, Scope};
use crate::model;
use crate::model::calls::{Calls, HoldTile};
use crate::os::preferences::Preferences;
use crate::panels::diagnostics::{DiagnoseAction, View};
use crate::panels::{Action, Page, Popup, devices, diagnostics_wizard, leave, menu, phones, sound_bar, tabs, transfer};
use crate::shortcuts::{self, Asked};
use crate::text;
use crate::widgets::control;

/// After Answer nothing in the panel reacts for this long, so that a double click cannot end the call.
const DEAD_TIME: Duration = Duration::from_millis(400);

impl Screen {
    /// What the keyboard asks for while no pop-up is open.
    pub(super) fn keys(&mut self, ui: &Ui, scene: &Scene<'_>, calls: &Calls) -> Vec<Action> {
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
    pub(super) fn escape(&self) -> Option<Action> {
        if let Some(call) = self.transfer_open.filter(|_| self.page == Page::Calls) {
            return Some(Action::ToggleTransfer(call));
        }
        match (self.page, self.call_keys, self.dial_keys) {
            (Page::Sound | Page::Rules, ..) => Some(Action::Go(Page::Settings)),
            (Page::Calls, Some(call), _) => Some(Action::ToggleCallKeys(call)),
            (Page::Calls, None, true) => Some(Action::ToggleDialKeys),
            (Page::Diagnostics, _, _) if self.diagnostics == View::Wizard => {
                Some(Action::Diagnose(DiagnoseAction::Wizard(Ask::Leave)))
            }
            (Page::Diagnostics, _, _) if self.diagnostics != View::Home => Some(Action::Diagnose(DiagnoseAction::Home)),
            (Page::Settings | Page::Quality | Page::Diagnostics, ..) => Some(Action::Go(Page::Calls)),
            (Page::Calls, None, false) => self.toast.is_some().then_some(Action::DismissToast),
        }
    }

    pub(super) fn key(&mut self, ui: &Ui, asked: Asked, scene: &Scene<'_>, calls: &Calls) -> Option<Action> {
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
            Asked::Quality => match (card, self.page) {
                (_, Page::Quality) => Some(Action::Go(Page::Calls)),
                (Some(_), _) => Some(Action::Go(Page::Quality)),
                (None, _) => None,
            },
            Asked::QuickCheck => {
                Some(Action::Diagnose(DiagnoseAction::Start(Scope::Plan(phone_core::diagnose::Plan::Quick))))
            }
            Asked::Louder | Asked::Quieter => Some(self.turn_volume(asked == Asked::Louder, scene, calls)),
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

    /// Of what is heard now: the ring while it rings, else the calls.
    fn turn_volume(&mut self, louder: bool, scene: &Scene<'_>, calls: &Calls) -> Action {
        let rings = calls.card.is_none() && !calls.incoming.is_empty();
        let role = if rings { SoundRole::Ringer } else { SoundRole::Speaker };
        let before = model::sound::role_of(scene.snapshot, role).volume_percent;
        let step = sound_bar::STEP;
        let percent = if louder { before.saturating_add(step).min(100) } else { before.saturating_sub(step) };
        self.tell(text::volume_is(role, percent), scene.now);
        Action::Send(Command::SetVolume { role, percent })
    }

    pub(super) fn dial_refused(&self, scene: &Scene<'_>) -> Option<&'static str> {
        let nothing = self.dial.trim().is_empty() && model::recent::redial(scene.snapshot).is_none();
        not_ready(scene).or(nothing.then_some(text::NOTHING_TO_DIAL))
    }

    pub(super) fn open(&mut self, popup: Popup, focused: Option<Id>) {
        self.popup = Some(popup);
        self.popup_is_new = true;
        self.focus_before = focused;
        self.phone_search.clear();
    }

    pub(super) fn close(&mut self) {
        if self.popup.take().is_some() {
            self.focus_next = self.focus_before.take();
        }
    }

    pub(super) fn apply(&mut self, action: Action, scene: &Scene<'_>, focused: Option<Id>, orders: &mut Vec<Order>) {
        if self.dead_until.is_some_and(|until| scene.now < until) {
            return;
        }
        match action {
            Action::Send(command) => {
                if matches!(command, Command::Transfer { .. } | Command::Consult { .. }) {
                    self.transfer_open = None;
                }
                if matches!(command, Command::Answer(_)) {
                    self.dead_until = Some(scene.now + DEAD_TIME);
                }
                if matches!(command, Command::Measure { what: Measurement::HearMyself { .. }, .. }) {
                    self.tell(text::SPEAK_NOW, scene.now);
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
            Action::FillDial(number) => self.fill_dial(number),
            Action::TypeDial(digit) => self.dial.push(digit),
            Action::DeleteDial => {
                self.dial.pop();
            }
            Action::ToggleDialKeys => self.dial_keys = !self.dial_keys,
            Action::ToggleCallKeys(call) => {
                self.page = Page::Calls;
                self.transfer_open = None;
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
                self.focus_next = Self::first_focus(popup, scene);
            }
            Action::ClosePopup => self.close(),
            Action::SearchPhones(typed) => self.phone_search = typed,
            Action::ToggleRegions | Action::ChooseRegion(_) if self.form.region_lock.is_some() => {}
            Action::TypeClientId(_) if self.form.client_lock.is_some() => {}
            Action::ToggleRegions => self.form.regions_open = !self.form.regions_open,
            Action::ChooseRegion(environment) => {
                environment.clone_into(&mut self.form.service.environment);
                self.form.regions_open = false;
            }
            Action::TypeClientId(typed) => self.form.service.client_id = typed,
            Action::ToggleTransfer(call) => {
                self.call_keys = None;
                let open = self.transfer_open != Some(call);
                self.transfer_open = open.then_some(call);
                self.transfer_to.clear();
                if open {
                    self.focus_next = Some(transfer::first_focus());
                }
            }
            Action::TypeTransfer(typed) => self.transfer_to = typed,
            Action::StartPractice => orders.push(Order::StartPractice),
            Action::SetTheme(theme) => self.prefer(scene, orders, |preferences| preferences.theme = theme),
            Action::SetTextSize(percent) => self.prefer(scene, orders, |preferences| preferences.text_size = percent),
            Action::SetReducedMotion(reduce) => {
                self.prefer(scene, orders, |preferences| preferences.reduce_motion = reduce);
            }
            Action::SayStatus => self.say_status(scene),
            Action::Copy(words) => orders.push(Order::Copy(words)),
            Action::OpenPage(url) => orders.push(Order::OpenPage(url)),
            Action::PutOffUpdate => orders.push(Order::PutOffUpdate),
            Action::CopyLine(line) => {
                orders.push(Order::Copy(line));
                self.tell(text::RULES_COPIED, scene.now);
            }
            Action::Diagnose(action) => self.diagnose(&action, scene, orders),
            Action::DismissToast => self.toast = None,
            Action::Quit if model::calls::in_call(scene.snapshot) => self.ask_to_leave(),
            Action::Quit | Action::QuitNow => orders.push(Order::Quit),
        }
    }

    fn say_status(&mut self, scene: &Scene<'_>) {
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

    fn diagnose(&mut self, action: &DiagnoseAction, scene: &Scene<'_>, orders: &mut Vec<Order>) {
        let report = scene.diagnosis.report.as_ref().map(|(report, _)| report);
        match action {
            DiagnoseAction::Start(scope) => self.start_check(*scope, orders),
            DiagnoseAction::Again => {
                let scope = scene.diagnosis.scope.unwrap_or(Scope::Plan(phone_core::diagnose::Plan::Quick));
                self.start_check(scope, orders);
            }
            DiagnoseAction::Wizard(asked) => {
                orders.push(Order::Wizard(*asked));
                let walk = scene.diagnosis.walk.as_ref();
                let step = walk.map(|walk| walk.step);
                match asked {
                    Ask::Start => {
                        self.diagnostics = View::Wizard;
                        self.focus_next = Some(diagnostics_wizard::first_focus(model::wizard::Step::Devices));
                    }
                    Ask::Leave => {
                        let found = walk.is_some_and(model::wizard::Walk::has_results);
                        self.diagnostics = if found { View::Result } else { View::Home };
                        (self.open_cause, self.all_lines) = (0, true);
                    }
                    Ask::Back => {
                        let step = step.and_then(model::wizard::Step::previous);
                        self.focus_next = step.map(diagnostics_wizard::first_focus);
                    }
                    Ask::Skip | Ask::Done => {
                        self.focus_next = step.and_then(model::wizard::Step::next).map(diagnostics_wizard::first_focus);
                    }
                    Ask::Heard(what, _) => self.focus_next = Some(diagnostics_wizard::after_answer(*what)),
                    _ => {}
                }
            }
            DiagnoseAction::Stop => orders.push(Order::StopCheck),
            DiagnoseAction::Home => {
                if scene.diagnosis.run.is_some() {
                    orders.push(Order::StopCheck);
                }
                self.diagnostics = View::Home;
            }
            DiagnoseAction::Open => {
                self.diagnostics = View::Result;
                (self.open_cause, self.all_lines) = (0, report.is_some_and(|report| report.causes.is_empty()));
            }
            DiagnoseAction::OpenCause(index) => self.open_cause = *index,
            DiagnoseAction::ShowAll(all) => self.all_lines = *all,
            DiagnoseAction::Save => orders.push(Order::SaveReport),
            DiagnoseAction::Older(shown) => orders.push(Order::ShowOlder(*shown)),
            DiagnoseAction::CompareWith(index) => orders.push(Order::CompareWith(*index)),
            DiagnoseAction::CopyForIt => {
                if let Some(report) = report {
                    orders.push(Order::Copy(report.to_text()));
                    self.tell(text::DIAG_COPIED, scene.now);
                }
            }
            DiagnoseAction::Fix(index) => {
                let Some(cause) = report.and_then(|report| report.causes.get(*index)) else { return };
                match cause.remedy.clone() {
                    Remedy::UseDevice { role, id, .. } => {
                        let choice = phone_core::sound::DeviceChoice::Device(id);
                        orders.push(Order::Send(Command::ChooseDevice { role: role.into(), choice }));
                        self.diagnose(&DiagnoseAction::Again, scene, orders);
                    }
                    Remedy::OpenDevices => self.page = Page::Sound,
                    Remedy::SignInAgain => {
                        orders.push(Order::Send(Command::Reconnect));
                        self.tell(text::DIAG_SIGNING_IN, scene.now);
                    }
                    Remedy::CopyForIt => self.diagnose(&DiagnoseAction::CopyForIt, scene, orders),
                    Remedy::CheckAgain => self.diagnose(&DiagnoseAction::Again, scene, orders),
                    remedy => orders.push(Order::Remedy(remedy)),
                }
            }
        }
    }

    fn start_check(&mut self, scope: Scope, orders: &mut Vec<Order>) {
        self.close();
        self.page = Page::Diagnostics;
        self.diagnostics = View::Running;
        orders.push(Order::Check(scope));
    }

    pub(super) fn prefer(&mut self, scene: &Scene<'_>, orders: &mut Vec<Order>, change: impl FnOnce(&mut Preferences)) {
        change(&mut self.preferences);
        if self.preferences.obey(&scene.snapshot.settings) {
            self.tell(text::MANAGED, scene.now);
            return;
        }
        orders.push(Order::Keep(self.preferences.clone()));
    }

    fn first_focus(popup: Popup, scene: &Scene<'_>) -> Option<Id> {
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

    pub(super) fn dial(&mut self, scene: &Scene<'_>, orders: &mut Vec<Order>) {
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
}

/// The call to put on hold before another is answered.
pub(super) fn hold_for_answer(calls: &Calls) -> Option<CallId> {
    calls.card.as_ref().filter(|card| !card.held && card.hold_refused.is_none()).map(|card| card.id)
}

fn answer(call: CallId, hold: Option<CallId>) -> Action {
    match hold {
        Some(hold) => Action::AnswerAndHold { hold, answer: call },
        None => Action::Send(Command::Answer(call)),
    }
}

/// Why nothing can be called at all.
pub(super) fn not_ready(scene: &Scene<'_>) -> Option<&'static str> {
    (scene.snapshot.standing != Standing::Ready).then_some(text::NOT_READY_TO_DIAL)
}
