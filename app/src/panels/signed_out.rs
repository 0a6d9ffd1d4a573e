//! Signed out: one button to work. Also the progress of signing in.

use eframe::egui::{Align, Id, Rect, Role, ScrollArea, Ui, UiBuilder, pos2, vec2};
use phone_core::command::{Service, ServiceSignIn};
use phone_core::line::genesys::REGIONS;
use phone_core::snapshot::SignInStep;
use phone_core::{Command, Private, SignIn};

use super::{Action, Metrics};
use crate::text;
use crate::theme::{IconWeight, Type, palette, size};
use crate::widgets::{Button, Control, Face, Field, Icon, icon, paint};

/// Whether the practice exchange can be started from here.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Practice {
    /// This start of the program has none.
    #[default]
    None,
    Ready,
    Starting,
    Failed(String),
}

/// Mark, name and claim. Gives the y below them.
fn heading(ui: &Ui, rect: Rect, metrics: &Metrics) -> f32 {
    let colors = palette(ui);
    let mut top = rect.top() + if metrics.small { 12.0 } else { 24.0 };
    let center = rect.center().x;
    let mark = Rect::from_min_size(pos2(center - 28.0, top), vec2(56.0, 56.0));
    icon::mark(ui.painter(), mark, colors.ink, colors.ink_on);
    top += 56.0 + 12.0;
    let line = |top: f32, kind: Type| Rect::from_min_size(pos2(rect.left(), top), vec2(rect.width(), kind.line()));
    paint::label(ui, line(top, Type::Display), Align::Center, text::PRODUCT, Type::Display, colors.text);
    top += 36.0 + 12.0;
    paint::label(ui, line(top, Type::Body), Align::Center, text::CLAIM, Type::Body, colors.muted);
    top + 20.0
}

/// Accounts offered; more would push the rest off the page.
const ACCOUNTS: usize = 2;

/// What the user chose or typed to sign in with.
#[derive(Clone, Debug, PartialEq)]
pub struct Form {
    /// Without the region and client that the user chooses here.
    pub service: Service,
    /// Key and "name · organisation" of accounts that were signed in to before, the last one first.
    pub accounts: Vec<(String, String, Service)>,
    pub regions_open: bool,
    /// Why region and client cannot be chosen, where a policy decides them.
    pub region_lock: Option<String>,
    pub client_lock: Option<String>,
}

impl Default for Form {
    fn default() -> Self {
        let environment = REGIONS.first().map_or("", |region| region.environment).to_owned();
        let service = Service { environment, ..Service::default() };
        Self { service, accounts: Vec::new(), regions_open: false, region_lock: None, client_lock: None }
    }
}

impl Form {
    fn sign_in(&self, somebody_else: bool) -> Action {
        let sign_in = ServiceSignIn { service: self.service.clone(), somebody_else, ..ServiceSignIn::default() };
        Action::Send(Command::SignIn(SignIn::Service(Box::new(sign_in))))
    }

    fn sign_in_again(key: &str, service: &Service) -> Action {
        let account = Some(key.to_owned());
        let sign_in = ServiceSignIn { service: service.clone(), account, ..ServiceSignIn::default() };
        Action::Send(Command::SignIn(SignIn::Service(Box::new(sign_in))))
    }
}

fn region_words(environment: &str) -> String {
    match REGIONS.iter().find(|region| region.environment == environment) {
        Some(region) => format!("{} · {environment}", region.place),
        None => environment.to_owned(),
    }
}

/// Accounts, the button, region and client. Gives what was asked for, and the y below.
fn sign_in_ui(ui: &mut Ui, column: Rect, top: f32, form: &Form, metrics: &Metrics) -> (Option<Action>, f32) {
    let colors = palette(ui);
    let width = column.width();
    let gap = if metrics.small { 6.0 } else { 8.0 };
    let mut y = top;
    let mut action = None;
    let row = |y: &mut f32, height: f32| {
        let rect = Rect::from_min_size(pos2(column.left(), *y), vec2(width, height));
        *y += height + gap;
        rect
    };
    for (index, (key, words, service)) in form.accounts.iter().take(ACCOUNTS).enumerate() {
        let words = text::continue_as(words);
        let face = if index == 0 { Face::Primary } else { Face::Quiet };
        if Button::new(("account", index), face, &words).add(ui, row(&mut y, size::CONTROL_M)).clicked {
            action = Some(Form::sign_in_again(key, service));
        }
    }
    let first = form.accounts.is_empty();
    let missing = form.service.client_id.trim().is_empty().then_some(text::CLIENT_ID_MISSING);
    let (face, words) = if first { (Face::Primary, text::SIGN_IN_BROWSER) } else { (Face::Quiet, text::SIGN_IN_OTHER) };
    let button = Button::new("sign-in", face, words).refused(missing);
    let button = if first { button.title() } else { button };
    if button.add(ui, row(&mut y, if first { size::CONTROL_L } else { size::CONTROL_M })).clicked {
        action = Some(form.sign_in(!first));
    }
    let region = region_words(&form.service.environment);
    let words = format!("{}: {region}", text::REGION);
    let field = row(&mut y, size::CONTROL_M);
    if Button::new("region", Face::Outline, &words).refused(form.region_lock.as_deref()).add(ui, field).clicked {
        action = Some(Action::ToggleRegions);
    }
    let field = row(&mut y, size::CONTROL_M);
    let client_id = &form.service.client_id;
    if let Some(lock) = &form.client_lock {
        let words = format!("{}: {client_id}", text::CLIENT_ID);
        Button::new("client-id", Face::Outline, &words).refused(Some(lock)).add(ui, field);
    } else if let (_, Some(typed)) = Field::new(Id::unique("client-id"), text::CLIENT_ID).add(ui, field, client_id) {
        action = Some(Action::TypeClientId(typed));
    }
    if form.region_lock.is_some() || form.client_lock.is_some() {
        paint::label(ui, row(&mut y, 16.0), Align::Center, text::MANAGED, Type::Small, colors.muted);
    }
    let line = row(&mut y, 16.0);
    paint::label(ui, line, Align::Center, text::NEVER_SEES_PASSWORD, Type::Small, colors.muted);
    (action, y)
}

/// All regions, grouped by part of the world.
fn regions_ui(ui: &mut Ui, rect: Rect, form: &Form) -> Option<Action> {
    let colors = palette(ui);
    paint::card(ui, rect);
    let inner = rect.shrink(1.0);
    let mut child = ui.new_child(UiBuilder::new().max_rect(inner).id_salt("regions"));
    child.spacing_mut().item_spacing = vec2(0.0, 0.0);
    let mut action = None;
    ScrollArea::vertical().auto_shrink(false).show(&mut child, |ui| {
        let mut part = "";
        for (index, region) in REGIONS.iter().enumerate() {
            if region.part != part {
                part = region.part;
                let (_, line) = ui.allocate_space(vec2(inner.width(), 28.0));
                let line = line.shrink2(vec2(12.0, 0.0));
                paint::label(ui, line, Align::Min, part, Type::SmallStrong, colors.muted);
            }
            let (_, row) = ui.allocate_space(vec2(inner.width(), 32.0));
            let chosen = region.environment == form.service.environment;
            let words = format!("{} · {}", region.place, region.environment);
            let touch = Control::new(("region-row", index), &words)
                .role(Role::ListBoxOption)
                .selected(chosen)
                .add(ui, row.shrink(2.0));
            if chosen || touch.hovered {
                paint::block(ui, row.shrink(2.0), size::RADIUS_M, colors.quiet, None);
            }
            paint::glyphs(ui, row.shrink2(vec2(12.0, 0.0)), Align::Min, &words, Type::Body, colors.text);
            if touch.clicked {
                action = Some(Action::ChooseRegion(region.environment));
            }
        }
    });
    action
}

/// The user is in the browser: a way back to the page, and a way out.
pub fn browser_ui(ui: &mut Ui, rect: Rect, page: Option<&Private<String>>, metrics: &Metrics) -> Option<Action> {
    let colors = palette(ui);
    let width = rect.width().min(388.0) - 32.0;
    let column = Rect::from_center_size(rect.center(), vec2(width, rect.height()));
    let mut y = heading(ui, column, metrics) + 24.0;
    let mut row = |height: f32| {
        let rect = Rect::from_min_size(pos2(column.left(), y), vec2(width, height));
        y += height + 8.0;
        rect
    };
    paint::label(ui, row(20.0), Align::Center, text::WAITING_FOR_BROWSER, Type::Label, colors.text);
    let mut action = None;
    if let Some(page) = page {
        if Button::new("open-page", Face::Primary, text::OPEN_PAGE).add(ui, row(size::CONTROL_M)).clicked {
            action = Some(Action::Send(Command::OpenSignInPage));
        }
        if Button::new("copy-page", Face::Quiet, text::COPY_PAGE).add(ui, row(size::CONTROL_M)).clicked {
            action = Some(Action::Copy(page.reveal().clone()));
        }
    }
    if Button::new("cancel-sign-in", Face::Quiet, text::CANCEL).add(ui, row(size::CONTROL_M)).clicked {
        action = Some(Action::Send(Command::SignOut));
    }
    action
}

pub fn ui(ui: &mut Ui, rect: Rect, practice: &Practice, form: &Form, metrics: &Metrics) -> Option<Action> {
    let colors = palette(ui);
    let width = rect.width().min(388.0) - 32.0;
    let column = Rect::from_center_size(rect.center(), vec2(width, rect.height()));
    let top = heading(ui, column, metrics) + if metrics.small { 12.0 } else { 24.0 };
    let (asked, top) = sign_in_ui(ui, column, top, form, metrics);
    if form.regions_open {
        let list = Rect::from_min_max(pos2(column.left(), top), pos2(column.right(), rect.bottom() - 8.0));
        return regions_ui(ui, list, form).or(asked);
    }
    let top = top + if metrics.small { 0.0 } else { 8.0 };

    let words = match practice {
        Practice::Failed(why) => format!("{} {why}", text::PRACTICE_FAILED),
        Practice::None => text::NO_PRACTICE.to_owned(),
        Practice::Ready | Practice::Starting => text::PRACTICE_TEXT.to_owned(),
    };
    let room = width - 34.0 - 52.0;
    let words_height = paint::text_height(ui, room, &words, Type::Small).max(20.0);
    let card =
        Rect::from_min_size(pos2(column.left(), top), vec2(width, 17.0 + 20.0 + words_height + 16.0 + 48.0 + 17.0));
    paint::card(ui, card);
    let mut rest = card.shrink(17.0);
    let tile = Rect::from_min_size(rest.min, vec2(40.0, 40.0));
    paint::block(ui, tile, size::RADIUS_M, colors.quiet, None);
    Icon::WAVEFORM.paint(ui.painter(), tile.center(), 20.0, IconWeight::Regular, colors.text);
    let left = tile.right() + 12.0;
    let title = Rect::from_min_size(pos2(left, rest.top()), vec2(room, 20.0));
    paint::label(ui, title, Align::Min, text::PRACTICE_TITLE, Type::Label, colors.text);
    let ink = if matches!(practice, Practice::Failed(_)) { colors.danger.text } else { colors.muted };
    paint::text(ui, pos2(left, rest.top() + 20.0), room, &words, Type::Small, ink);

    let button_rect = paint::cut_bottom(&mut rest, size::CONTROL_L, 0.0);
    let starting = *practice == Practice::Starting;
    let button = Button::new(
        "start-practice",
        Face::Primary,
        if starting { text::STARTING_PRACTICE } else { text::START_PRACTICE },
    )
    .title()
    .refused((*practice == Practice::None).then_some(text::NO_PRACTICE));
    let clicked = button.add(ui, button_rect).clicked && !starting;

    let foot = Rect::from_min_size(pos2(column.left(), rect.bottom() - 32.0), vec2(width, 16.0));
    if foot.top() > card.bottom() + 8.0 {
        let version = format!("{} {}", text::PRODUCT, env!("CARGO_PKG_VERSION"));
        paint::label(ui, foot, Align::Min, &version, Type::Small, colors.muted);
    }
    clicked.then_some(Action::StartPractice).or(asked)
}

const STEPS: [SignInStep; 5] = [
    SignInStep::Contacting,
    SignInStep::Authorising,
    SignInStep::Identity,
    SignInStep::Connecting,
    SignInStep::Subscribing,
];

/// The five steps of signing in.
pub fn progress_ui(ui: &mut Ui, rect: Rect, step: SignInStep, metrics: &Metrics) {
    let colors = palette(ui);
    let width = rect.width().min(388.0) - 32.0;
    let column = Rect::from_center_size(rect.center(), vec2(width, rect.height()));
    let top = heading(ui, column, metrics) + 32.0;
    let done = STEPS.iter().position(|candidate| *candidate == step).unwrap_or(0);
    let part = (width - 4.0 * 4.0) / 5.0;
    for index in 0..STEPS.len() {
        let left = column.left() + index as f32 * (part + 4.0);
        let bar = Rect::from_min_size(pos2(left, top), vec2(part, size::COUNTDOWN));
        ui.painter().rect_filled(bar, 2.0, if index <= done { colors.ink } else { colors.track });
    }
    let line = Rect::from_min_size(pos2(column.left(), top + 16.0), vec2(width, 20.0));
    paint::label(ui, line, Align::Center, text::sign_in_step(step), Type::Label, colors.text);
}
