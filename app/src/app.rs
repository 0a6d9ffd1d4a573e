//! The window of a running phone: `logic` drains events, `ui` draws; nothing more.

use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use eframe::egui::{self, ViewportBuilder, ViewportCommand};
use phone_core::command::SignIn;
use phone_core::event::Event;
use phone_core::measurement::MeasurementPhase;
use phone_core::policy::Finding;
use phone_core::sound::OpenedBecause;
use phone_core::{Command, Snapshot};
use phone_io::PhoneHandle;

use crate::alert::Alert;
use crate::checks::Checks;
use crate::cli::config::data_dir;
use crate::diagnose::Scope;
use crate::diagnose::baseline::Baselines;
use crate::model::history::History;
use crate::model::{self, Levels};
use crate::os::draws_in_software;
use crate::os::icon::window_icon;
use crate::os::preferences::{Preferences, keep_in_background};
use crate::panels::screen::{Order, Scene, Screen, apply_preferences};
use crate::panels::signed_out::{Form, Practice};
use crate::panels::sound_page;
use crate::text;
use crate::theme::{self, ThemeChoice, size};
use crate::updates::Updates;

/// Starts the practice exchange, if it does not run yet, and says how to sign in to it. Called on its own thread.
pub type StartPractice = Arc<dyn Fn() -> anyhow::Result<SignIn> + Send + Sync>;

/// What was ignored when settings were read last. Locked for as long as a few lines take to copy.
pub type Report = Arc<Mutex<Vec<Finding>>>;

/// What the window needs to start.
pub struct WindowOptions {
    pub handle: PhoneHandle,
    /// The slot whose [`WakeSlot::callback`] the phone was started with.
    pub wake: Arc<WakeSlot>,
    /// Sign in to the practice exchange at once.
    pub demo: bool,
    /// `None`: the button that starts the practice exchange is greyed out.
    pub start_practice: Option<StartPractice>,
    /// Where theme and text size are kept; `None`: nowhere.
    pub settings_file: Option<PathBuf>,
    /// What holds, and who decided it, as of the start.
    pub rules: phone_core::policy::Effective,
    /// What was ignored in policies and files, kept current by whoever reads them.
    pub report: Report,
    /// Overrides the theme kept there.
    pub theme: Option<ThemeChoice>,
    /// Starts that came to this window: what they want in the dial field, if anything.
    pub later_starts: Receiver<Option<String>>,
    /// What the sign-in page begins with.
    pub form: Form,
    /// Sign in like this at once.
    pub at_once: Option<SignIn>,
}

/// Lets the phone, which starts before the window, ask the window for a new frame.
#[derive(Default)]
pub struct WakeSlot {
    ctx: OnceLock<egui::Context>,
    quits: AtomicBool,
}

impl WakeSlot {
    /// Something new is there to draw. Returns at once, from any thread; does nothing before the window is open.
    pub fn wake(&self) {
        if let Some(ctx) = self.ctx.get() {
            ctx.request_repaint();
        }
    }

    /// Asks the window to close, from any thread, as its close button does.
    pub fn close(&self) {
        if let Some(ctx) = self.ctx.get() {
            ctx.send_viewport_cmd(ViewportCommand::Close);
            ctx.request_repaint();
        }
    }

    /// Closes the window without a question, from any thread; a call is hung up.
    pub fn quit(&self) {
        self.quits.store(true, Ordering::Relaxed);
        self.close();
    }

    /// What `phone_io::start` wants as its wake.
    pub fn callback(self: &Arc<Self>) -> Arc<dyn Fn() + Send + Sync> {
        let slot = Arc::clone(self);
        Arc::new(move || slot.wake())
    }

    fn fill(&self, ctx: &egui::Context) {
        // A second window would keep the first one's context; there is only one.
        if self.ctx.set(ctx.clone()).is_err() {
            tracing::debug!("the wake slot is filled already");
        }
    }
}

/// The phone as the window sees it.
pub trait Link {
    /// `false`: the phone did not take it.
    fn send(&self, command: Command) -> bool;
    fn snapshot(&self) -> Arc<Snapshot>;
    fn next_event(&self) -> Option<Event>;
    fn levels(&self) -> Levels;
    /// For what only the running phone counts.
    fn meters(&self) -> Option<Arc<phone_io::Meters>> {
        None
    }
}

impl Link for Rc<PhoneHandle> {
    fn send(&self, command: Command) -> bool {
        PhoneHandle::send(self, command)
    }

    fn snapshot(&self) -> Arc<Snapshot> {
        PhoneHandle::snapshot(self)
    }

    fn next_event(&self) -> Option<Event> {
        self.try_event()
    }

    fn levels(&self) -> Levels {
        let meters = PhoneHandle::meters(self);
        Levels { microphone: meters.microphone_dbfs(), speaker: meters.speaker_dbfs(), ringer: meters.ringer_dbfs() }
    }

    fn meters(&self) -> Option<Arc<phone_io::Meters>> {
        Some(PhoneHandle::meters(self))
    }
}

/// Opens the window and returns when it was closed; calls and sessions have ended cleanly then.
pub fn run_window(options: WindowOptions) -> anyhow::Result<()> {
    let WindowOptions {
        handle,
        wake,
        demo,
        start_practice,
        settings_file,
        rules,
        report,
        theme,
        later_starts,
        form,
        at_once,
    } = options;
    let chosen = settings_file.as_deref().filter(|file| file.exists()).map(Preferences::load);
    let mut preferences = chosen.unwrap_or_else(|| Preferences::recommended(&rules));
    preferences.obey(&rules);
    if let Some(theme) = theme {
        preferences.theme = theme;
    }
    let handle = Rc::new(handle);
    let link = Rc::clone(&handle);
    let result = eframe::run_native(
        text::PRODUCT,
        native_options(),
        Box::new(move |creation| {
            prepare(&creation.egui_ctx, &preferences);
            wake.fill(&creation.egui_ctx);
            let mut window = Window::new(link, preferences, Instant::now());
            window.wake = wake;
            window.start_practice = start_practice;
            window.settings_file = settings_file;
            window.later_starts = Some(later_starts);
            window.screen.slow_display = draws_in_software();
            window.screen.form = form;
            window.report = report;
            window.checks = Checks::keeping(Baselines::below(data_dir()));
            window.updates = Updates::start(data_dir().map(|folder| folder.join("updates.toml")), Instant::now());
            if let Some(sign_in) = at_once {
                window.carry_out_sign_in(sign_in, Instant::now());
            }
            if demo {
                window.begin_practice(&creation.egui_ctx);
            } else if window.start_practice.is_some() {
                window.practice = Practice::Ready;
            }
            Ok(Box::new(window))
        }),
    );
    // The window has dropped its share by now; a session that nobody ends would block the next call.
    if let Some(handle) = Rc::into_inner(handle) {
        handle.shut_down(Duration::from_secs(3));
    }
    result.map_err(|error| anyhow::anyhow!("{error}")).context("the window could not be opened")
}

/// How the window is opened, also for its pictures.
pub fn native_options() -> eframe::NativeOptions {
    eframe::NativeOptions {
        viewport: ViewportBuilder::default()
            .with_title(text::PRODUCT)
            .with_app_id("offhook")
            .with_inner_size(size::WINDOW)
            .with_min_inner_size(size::WINDOW_SMALLEST)
            .with_icon(window_icon()),
        dithering: false,
        ..eframe::NativeOptions::default()
    }
}

/// Fonts, styles and what the user prefers. Before the first frame.
pub fn prepare(ctx: &egui::Context, preferences: &Preferences) {
    theme::install(ctx);
    apply_preferences(ctx, preferences);
}

/// The window's state between frames.
pub struct Window<L> {
    link: L,
    screen: Screen,
    snapshot: Arc<Snapshot>,
    history: History,
    alert: Alert,
    practice: Practice,
    starting: Option<Receiver<Result<SignIn, String>>>,
    start_practice: Option<StartPractice>,
    settings_file: Option<PathBuf>,
    report: Report,
    later_starts: Option<Receiver<Option<String>>>,
    /// The user has answered the question about the call.
    may_close: bool,
    /// The system says that the window has to close.
    wake: Arc<WakeSlot>,
    checks: Checks,
    updates: Updates,
    /// At least one frame was.
    drawn: bool,
}

/// Events taken in one frame; the rest waits for the next, so that a flood never stops drawing.
const EVENTS_PER_FRAME: usize = 256;

impl<L: Link> Window<L> {
    pub fn new(link: L, preferences: Preferences, now: Instant) -> Self {
        let snapshot = link.snapshot();
        Self {
            link,
            screen: Screen::new(preferences, now),
            snapshot,
            history: History::default(),
            alert: Alert::default(),
            practice: Practice::None,
            starting: None,
            start_practice: None,
            settings_file: None,
            report: Report::default(),
            later_starts: None,
            may_close: false,
            wake: Arc::default(),
            checks: Checks::default(),
            updates: Updates::start(None, now),
            drawn: false,
        }
    }

    /// For the pictures of the window.
    pub fn screen_mut(&mut self) -> &mut Screen {
        &mut self.screen
    }

    /// Takes what the phone has told since the last frame.
    pub fn drain(&mut self, ctx: &egui::Context, now: Instant) {
        self.snapshot = self.link.snapshot();
        for taken in 0..EVENTS_PER_FRAME {
            let Some(event) = self.link.next_event() else { break };
            self.checks.event(&event, now, &self.snapshot);
            self.history.note(now, &event);
            if let Some(words) = notice(&event) {
                self.screen.tell(words, now);
            }
            if taken + 1 == EVENTS_PER_FRAME {
                ctx.request_repaint();
            }
        }
        self.practice_started(now);
        for command in self.checks.follow(now, &self.snapshot) {
            if !self.link.send(command) {
                self.screen.tell(text::PHONE_BUSY, now);
            }
        }
        for words in self.checks.news() {
            self.screen.tell(words, now);
        }
        self.updates.follow(&self.snapshot, now, || self.wake.callback());
        while let Some(Ok(dial)) = self.later_starts.as_ref().map(Receiver::try_recv) {
            self.show(ctx, dial);
        }
        let strip = model::strip::strip(&self.snapshot, &self.history, now);
        Alert::apply(ctx, self.alert.follow(&self.snapshot, strip.word.trim_end_matches('…')));
    }

    /// Another start came here: the window comes to the front, with its number in the dial field.
    fn show(&mut self, ctx: &egui::Context, dial: Option<String>) {
        ctx.send_viewport_cmd(ViewportCommand::Minimized(false));
        ctx.send_viewport_cmd(ViewportCommand::Focus);
        if let Some(dial) = dial {
            self.screen.fill_dial(dial);
        }
    }

    /// Draws, and does what the user asked for.
    pub fn draw(&mut self, ui: &mut egui::Ui, now: Instant) {
        let ignored = self.report.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let scene = Scene {
            ignored: &ignored,
            snapshot: &self.snapshot,
            history: &self.history,
            levels: self.link.levels(),
            practice: &self.practice,
            diagnosis: self.checks.view(),
            update: self.updates.offer(&self.snapshot),
            now,
        };
        let orders = self.screen.ui(ui, &scene);
        for order in orders {
            self.carry_out(ui.ctx(), order, now);
        }
        // A result that was dropped on the window is there to be compared with.
        if let Some(file) = ui.input(|input| input.raw.dropped_files.first().map(|file| file.path().to_owned())) {
            self.screen.show_result(self.checks.view());
            self.checks.compare_with_file(&file, ui.ctx());
        }
        if ui.input(|input| input.viewport().close_requested())
            && !self.may_close
            && !self.wake.quits.load(Ordering::Relaxed)
            && model::calls::in_call(&self.snapshot)
        {
            ui.ctx().send_viewport_cmd(ViewportCommand::CancelClose);
            self.screen.ask_to_leave();
        }
    }

    fn carry_out(&mut self, ctx: &egui::Context, order: Order, now: Instant) {
        match order {
            Order::Send(command) => {
                if !self.link.send(command) {
                    self.screen.tell(text::PHONE_BUSY, now);
                }
            }
            Order::StartPractice => self.begin_practice(ctx),
            Order::Keep(preferences) => {
                if let Some(file) = &self.settings_file {
                    keep_in_background(preferences, file.clone());
                }
            }
            Order::Copy(words) => ctx.copy_text(words),
            Order::OpenPage(url) => {
                if !phone_io::system_browser()(&url) {
                    self.screen.tell(text::no_browser(&url), now);
                }
            }
            Order::PutOffUpdate => self.updates.put_off(),
            Order::Check(scope) => self.check(ctx, scope),
            Order::StopCheck => {
                for command in self.checks.stop() {
                    self.carry_out(ctx, Order::Send(command), now);
                }
            }
            Order::Wizard(asked) => {
                let ctx_of_wake = ctx.clone();
                let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(move || ctx_of_wake.request_repaint());
                for command in self.checks.wizard(asked, now, &self.snapshot, self.link.meters(), wake) {
                    self.carry_out(ctx, Order::Send(command), now);
                }
            }
            Order::Remedy(remedy) => self.checks.remedy(remedy, ctx),
            Order::SaveReport => self.checks.save(ctx),
            Order::ShowOlder(shown) => self.checks.show_older(shown, ctx),
            Order::CompareWith(index) => self.checks.compare_with(index),
            Order::Quit => {
                self.may_close = true;
                ctx.send_viewport_cmd(ViewportCommand::Close);
            }
        }
    }

    /// Starts the checks; the probes ask for a new frame when they know something.
    fn check(&mut self, ctx: &egui::Context, scope: Scope) {
        let ctx = ctx.clone();
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(move || ctx.request_repaint());
        self.checks.start(scope, &self.snapshot, self.link.meters(), wake);
    }

    /// Starts the practice exchange on a thread of its own.
    fn begin_practice(&mut self, ctx: &egui::Context) {
        let (Some(start), None) = (self.start_practice.clone(), &self.starting) else { return };
        // One answer; the thread never waits for the window.
        let (answer, starting) = sync_channel(1);
        let ctx = ctx.clone();
        let spawned = std::thread::Builder::new().name("start-practice".to_owned()).spawn(move || {
            let result = start().map_err(|error| format!("{error:#}"));
            // The window may have gone by now, and then nobody wants the answer.
            if answer.send(result).is_ok() {
                ctx.request_repaint();
            }
        });
        match spawned {
            Ok(_) => {
                self.practice = Practice::Starting;
                self.starting = Some(starting);
            }
            Err(error) => self.practice = Practice::Failed(error.to_string()),
        }
    }

    fn practice_started(&mut self, now: Instant) {
        let Some(starting) = &self.starting else { return };
        let result = match starting.try_recv() {
            Ok(result) => result,
            Err(TryRecvError::Empty) => return,
            Err(TryRecvError::Disconnected) => Err("It stopped unexpectedly.".to_owned()),
        };
        self.starting = None;
        match result {
            Ok(sign_in) => {
                self.practice = Practice::Ready;
                self.carry_out_sign_in(sign_in, now);
            }
            Err(why) => self.practice = Practice::Failed(why),
        }
    }

    fn carry_out_sign_in(&mut self, sign_in: SignIn, now: Instant) {
        self.checks.signed_in_by(&sign_in);
        if !self.link.send(Command::SignIn(sign_in)) {
            self.screen.tell(text::PHONE_BUSY, now);
        }
    }
}

/// What is worth a notice at the bottom of the window.
fn notice(event: &Event) -> Option<String> {
    match event {
        Event::Ended { report, .. } => text::end_sentence(report.end_reason, report.direction).map(str::to_owned),
        Event::Device { role, name, why } if *why != OpenedBecause::Asked => {
            Some(text::device_changed(*role, name, *why))
        }
        Event::Measuring { id: sound_page::TRIES, phase: MeasurementPhase::Playing } => {
            Some(text::THIS_IS_YOU.to_owned())
        }
        Event::Measured(measured) if measured.id == sound_page::TRIES => {
            measured.result.as_ref().err().and_then(text::not_tried)
        }
        Event::Problem(notice) => Some(format!("{} {}", notice.text, notice.remedy)),
        _ => None,
    }
}

impl<L: Link> eframe::App for Window<L> {
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.drain(ctx, Instant::now());
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.draw(ui, Instant::now());
        if !std::mem::replace(&mut self.drawn, true) {
            tracing::info!("the first frame is drawn");
        }
    }

    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;
    use phone_core::event::Notice;

    use super::*;
    use crate::model::made_up::snapshot;

    /// A phone that notes what it is asked, and may be too busy for it.
    #[derive(Default)]
    struct FakePhone {
        busy: Cell<bool>,
        asked: RefCell<Vec<Command>>,
        events: RefCell<Vec<Event>>,
        snapshot: RefCell<Arc<Snapshot>>,
    }

    impl Link for Rc<FakePhone> {
        fn send(&self, command: Command) -> bool {
            self.asked.borrow_mut().push(command);
            !self.busy.get()
        }

        fn snapshot(&self) -> Arc<Snapshot> {
            Arc::clone(&self.snapshot.borrow())
        }

        fn next_event(&self) -> Option<Event> {
            self.events.borrow_mut().pop()
        }

        fn levels(&self) -> Levels {
            Levels::SILENCE
        }
    }

    fn open(phone: &Rc<FakePhone>, start: Option<StartPractice>) -> Harness<'static, Window<Rc<FakePhone>>> {
        let preferences = Preferences { reduce_motion: true, ..Preferences::default() };
        let mut window = Window::new(Rc::clone(phone), preferences, Instant::now());
        window.practice = if start.is_some() { Practice::Ready } else { Practice::None };
        window.start_practice = start;
        let mut harness = Harness::builder()
            .with_size(size::WINDOW)
            .with_context_setup(|ctx| prepare(ctx, &Preferences { reduce_motion: true, ..Preferences::default() }))
            .build_ui_state(
                |ui, window: &mut Window<Rc<FakePhone>>| {
                    let now = Instant::now();
                    window.drain(ui.ctx(), now);
                    window.draw(ui, now);
                },
                window,
            );
        harness.run_steps(3);
        harness
    }

    fn shows(harness: &Harness<'_, Window<Rc<FakePhone>>>, words: &str) -> bool {
        harness
            .query_all_by(|node| [node.label(), node.value()].into_iter().flatten().any(|said| said.contains(words)))
            .next()
            .is_some()
    }

    #[test]
    fn a_phone_that_takes_nothing_is_not_silent() {
        let phone = Rc::new(FakePhone::default());
        phone.busy.set(true);
        *phone.snapshot.borrow_mut() = Arc::new(snapshot(vec![]));
        let mut harness = open(&phone, None);
        harness.get_by_label("Echo test").click();
        harness.run_steps(4);
        assert_eq!(phone.asked.borrow().len(), 1);
        assert!(shows(&harness, text::PHONE_BUSY));
    }

    #[test]
    fn a_problem_event_is_read_with_its_remedy() {
        let phone = Rc::new(FakePhone::default());
        *phone.snapshot.borrow_mut() = Arc::new(snapshot(vec![]));
        let mut harness = open(&phone, None);
        let notice = Notice { id: "x", text: "The relay is silent.".into(), remedy: "Ask IT.".into() };
        phone.events.borrow_mut().push(Event::Problem(notice));
        harness.run_steps(2);
        assert!(shows(&harness, "The relay is silent. Ask IT."));
    }

    /// Presses "Start practice" and waits, a bounded number of frames, until `done`.
    fn start(
        result: fn() -> anyhow::Result<SignIn>,
        done: impl Fn(&FakePhone, &Window<Rc<FakePhone>>) -> bool,
    ) -> bool {
        let phone = Rc::new(FakePhone::default());
        let mut harness = open(&phone, Some(Arc::new(result)));
        harness.get_by_label("Start practice").click();
        harness.run_steps(4);
        (0..10_000).any(|_| {
            std::thread::yield_now();
            harness.step();
            done(&phone, harness.state())
        })
    }

    #[test]
    fn start_practice_signs_in_when_the_exchange_is_open() {
        let sign_in = || SignIn::Practice { origin: "http://127.0.0.1:1".to_owned(), user: "ana".into() };
        let asked = start(
            move || Ok(SignIn::Practice { origin: "http://127.0.0.1:1".to_owned(), user: "ana".into() }),
            |phone, _| *phone.asked.borrow() == [Command::SignIn(sign_in())],
        );
        assert!(asked);
    }

    #[test]
    fn a_practice_exchange_that_does_not_start_says_why() {
        let told = start(
            || anyhow::bail!("the port is taken"),
            |_, window| window.practice == Practice::Failed("the port is taken".to_owned()),
        );
        assert!(told);
    }

    #[derive(Debug)]
    struct Dropped(PathBuf);

    impl egui::DroppedFile for Dropped {
        fn path(&self) -> &std::path::Path {
            &self.0
        }

        fn bytes(&self) -> Result<Vec<u8>, String> {
            std::fs::read(&self.0).map_err(|error| error.to_string())
        }
    }

    #[test]
    fn a_result_that_is_dropped_on_the_window_is_compared_with_and_another_file_is_refused() {
        use crate::model::made_up::diagnosis::{healthy, wrong_microphone};

        let scratch = phone_tests::process::Scratch::new("dropped");
        let phone = Rc::new(FakePhone::default());
        *phone.snapshot.borrow_mut() = Arc::new(snapshot(vec![]));
        let mut harness = open(&phone, None);
        let drop_file = |harness: &mut Harness<'_, Window<Rc<FakePhone>>>, name: &str, words: &str, expected: &str| {
            let file = scratch.file(name);
            std::fs::write(&file, words).unwrap();
            harness.input_mut().dropped_files.push(Arc::new(Dropped(file)));
            let told = phone_tests::process::wait_for(Duration::from_secs(20), || {
                harness.step();
                shows(harness, expected).then_some(())
            });
            assert!(told.is_some(), "“{expected}” is not shown");
        };
        drop_file(&mut harness, "good.json", &healthy().to_json(), text::DIAG_CHECK_FIRST);
        harness.state_mut().checks = Checks::showing(wrong_microphone());
        let when = phone_core::diagnose::report::moment(healthy().began_s);
        drop_file(&mut harness, "good.json", &healthy().to_json(), &text::changed_since(&when));
        drop_file(&mut harness, "other.json", "hello", "it is no result of a check");
    }
}
