//! The engine thread: owns the [`Phone`], hands it one input at a time, does what it puts out, and waits.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use phone_core::command::ServiceSignIn;
use phone_core::event::Notice;
use phone_core::ids::{LinkId, RequestId};
use phone_core::input::{BrowserError, BrowserEvent, HttpError};
use phone_core::output::{BrowserCommand, HttpRequest, SecretCommand};
use phone_core::phone::settings::device_setting;
use phone_core::policy::Layers;
use phone_core::{Command, Event, Input, Output, Phone, PhoneConfig, Private, SignIn};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep_until, timeout_at};

use crate::clock;
use crate::handle::OpenBrowser;
use crate::mailbox::Mailbox;
use crate::media_loop::{MediaLink, ToMedia};
use crate::net::http::{HttpClient, host_of};
use crate::net::redirect::Door;
use crate::net::tls::Trust;
use crate::net::websocket::{self, OPEN_LIMIT, TEXT_QUEUE, Target};
use crate::policy::{ReadSettings, SettingsWatch};
use crate::secrets::Secrets;
use crate::store::{Settings, Store};
use crate::watch::{self, NetworkWatch};

/// Commands of the user that wait. Full-policy: refused, and the sender is told.
pub(crate) const COMMANDS: usize = 64;
/// Inputs of links, requests and media that wait. Full-policy: links and requests wait (and read no faster); the
/// media thread keeps its own backlog.
pub(crate) const INPUTS: usize = 256;
/// Requests on their way. One more is answered at once: the phone has a handful, so this is a fault to contain.
const REQUESTS: usize = 64;
/// What ending takes at least once the phone has said goodbye: closing links, files and devices.
const CLOSING: Duration = Duration::from_millis(500);

/// What the engine thread is made of.
pub(crate) struct Parts {
    pub(crate) config: PhoneConfig,
    pub(crate) mailbox: Arc<Mailbox>,
    pub(crate) media: MediaLink,
    pub(crate) network: NetworkWatch,
    pub(crate) secrets: Arc<Secrets>,
    pub(crate) open_browser: OpenBrowser,
    /// Where settings are kept, and which were.
    pub(crate) kept: Option<(Store, Settings)>,
    /// What went wrong before the start.
    pub(crate) notices: Vec<Notice>,
    /// Reads settings anew, with those read at the start.
    pub(crate) settings: Option<(ReadSettings, Layers)>,
    pub(crate) trust: Trust,
    pub(crate) commands: mpsc::Receiver<Command>,
    pub(crate) inputs: mpsc::Receiver<Input>,
    /// The other end of `inputs`, for links and requests.
    pub(crate) answers: mpsc::Sender<Input>,
    /// A limit comes when the program ends.
    pub(crate) stop: mpsc::Receiver<Duration>,
}

pub(crate) struct Engine {
    phone: Phone,
    mailbox: Arc<Mailbox>,
    media: MediaLink,
    /// Links that the phone has not closed. What still comes of others is stale.
    links: BTreeMap<LinkId, mpsc::Sender<Private<String>>>,
    /// All link and request tasks, so that goodbyes can be waited for.
    tasks: JoinSet<()>,
    http: Arc<HttpClient>,
    requests: usize,
    trust: Trust,
    answers: mpsc::Sender<Input>,
    secrets: Arc<Secrets>,
    open_browser: OpenBrowser,
    /// Doors that are open for a browser to come back; dropping one closes it. One for each sign-in.
    doors: BTreeMap<RequestId, oneshot::Sender<()>>,
    keeper: Keeper,
    /// Of the snapshot that was published last.
    revision: Option<u64>,
}

impl Engine {
    /// Runs until the program ends. Call it inside a single-threaded runtime.
    pub(crate) async fn run(parts: Parts) {
        let Parts {
            config,
            mailbox,
            media,
            mut network,
            secrets,
            open_browser,
            kept,
            notices,
            settings,
            trust,
            mut commands,
            mut inputs,
            answers,
            mut stop,
        } = parts;
        let mut watch = SettingsWatch::new(settings);
        let commands_at_start = kept.as_ref().map(|(_, kept)| kept.commands()).unwrap_or_default();
        let mut engine = Self {
            phone: Phone::new(config, clock::now()),
            mailbox,
            media,
            links: BTreeMap::new(),
            tasks: JoinSet::new(),
            http: Arc::new(HttpClient::new(trust.clone())),
            requests: 0,
            trust,
            answers,
            secrets,
            open_browser,
            doors: BTreeMap::new(),
            keeper: Keeper::new(kept),
            revision: None,
        };
        engine.start(commands_at_start, notices);
        let mut look = interval(watch::INTERVAL);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The end, once it is asked for: when it must be over.
        let mut end: Option<Instant> = None;
        let mut ticked = false;
        loop {
            let deadline = engine.deadline(ticked, end);
            ticked = false;
            let input = tokio::select! {
                Some(limit) = stop.recv(), if end.is_none() => {
                    end = Some(clock::now() + limit.saturating_sub(CLOSING));
                    Input::Command(Command::Quit)
                }
                Some(input) = inputs.recv() => input,
                Some(command) = commands.recv() => Input::Command(command),
                () = sleep_until(deadline.into()) => {
                    ticked = true;
                    Input::Tick
                }
                _ = look.tick() => match network.look() {
                    Some(change) => {
                        tracing::info!(?change, "the network changed");
                        engine.media.send(ToMedia::LocalAddresses(network.addresses().to_vec()));
                        Input::NetworkChanged
                    }
                    None => continue,
                },
                Some(layers) = watch.next() => Input::Command(Command::ReplaceSettings(Box::new(layers))),
                Some(ended) = engine.tasks.join_next() => {
                    if let Err(error) = ended {
                        tracing::error!(%error, "a network task failed");
                    }
                    continue;
                }
            };
            engine.handle(input);
            let quiet = engine.links.is_empty() && engine.requests == 0;
            if end.is_some_and(|end| quiet || clock::now() >= end) {
                break;
            }
        }
        engine.finish(&mut inputs).await;
    }

    fn start(&mut self, commands: Vec<Command>, notices: Vec<Notice>) {
        for command in commands {
            // What was chosen counts again when the policy goes; until then nobody needs to be told at each start.
            if let Command::ChooseDevice { role, .. } = &command
                && self.phone.snapshot().settings.lock(device_setting(*role)).is_some()
            {
                continue;
            }
            self.handle(Input::Command(command));
        }
        for notice in notices {
            self.mailbox.push(Event::Problem(notice));
        }
        self.drain();
        self.publish();
        self.mailbox.wake();
    }

    /// When to go on without an input. A deadline that a tick did not move must not spin.
    fn deadline(&self, ticked: bool, end: Option<Instant>) -> Instant {
        let now = clock::now();
        let earliest = if ticked { now + Duration::from_millis(1) } else { now };
        let due = self.phone.deadline().unwrap_or(now + Duration::from_hours(1)).max(earliest);
        end.map_or(due, |end| due.min(end))
    }

    fn handle(&mut self, input: Input) {
        match &input {
            Input::LinkOpened { link } | Input::LinkReceived { link, .. } if !self.links.contains_key(link) => return,
            Input::LinkClosed { link, .. } if self.links.remove(link).is_none() => return,
            Input::HttpDone { .. } => self.requests = self.requests.saturating_sub(1),
            // The token of an account lies in the key store, which may take its time.
            Input::Command(Command::SignIn(SignIn::Service(sign_in)))
                if sign_in.account.is_some() && sign_in.kept.is_none() =>
            {
                return self.sign_in_saved(sign_in.clone());
            }
            _ => {}
        }
        self.phone.handle(clock::now(), input);
        let told = self.drain();
        if self.publish() || told {
            self.mailbox.wake();
        }
    }

    /// Does everything the phone wants done; whether there was an event.
    fn drain(&mut self) -> bool {
        let mut told = false;
        while let Some(output) = self.phone.poll() {
            match output {
                Output::OpenLink { link, url, subprotocol, dscp } => {
                    self.open_link(Target { link, url, subprotocol, dscp, limit: OPEN_LIMIT });
                }
                Output::CloseLink { link } => drop(self.links.remove(&link)),
                Output::SendText { link, text } => self.send_text(link, text),
                Output::Http(request) => self.request(request),
                Output::Media(command) => self.media.send(ToMedia::Command(command)),
                Output::Sound(command) => self.media.send(ToMedia::Sound(command)),
                Output::Browser(command) => self.browser(command),
                Output::Secret(command) => self.secret(command),
                Output::KeepSessions(text) => {
                    if let Some(store) = &self.keeper.store {
                        store.keep_sessions(&text);
                    }
                }
                Output::Event(event) => {
                    self.mailbox.push(event);
                    told = true;
                }
            }
        }
        told
    }

    /// Signs in with what was kept of an account.
    fn sign_in_saved(&mut self, mut sign_in: Box<ServiceSignIn>) {
        let (secrets, answers) = (Arc::clone(&self.secrets), self.answers.clone());
        let key = sign_in.account.take();
        self.tasks.spawn(async move {
            let load = move || key.and_then(|key| secrets.load(&key));
            sign_in.kept = tokio::task::spawn_blocking(load).await.ok().flatten();
            if sign_in.only_kept && sign_in.kept.is_none() {
                return;
            }
            drop(answers.send(Input::Command(Command::SignIn(SignIn::Service(sign_in)))).await);
        });
    }

    fn browser(&mut self, command: BrowserCommand) {
        match command {
            BrowserCommand::Listen { wait, ports, state } => {
                let (open, stop) = oneshot::channel();
                self.doors.insert(wait, open);
                self.tasks.spawn(Door::new(wait, ports, state).run(self.answers.clone(), stop));
            }
            BrowserCommand::Open { wait, url } => {
                let (open, answers) = (Arc::clone(&self.open_browser), self.answers.clone());
                self.tasks.spawn(async move {
                    let opened = tokio::task::spawn_blocking(move || open(url.reveal())).await.unwrap_or(false);
                    if !opened {
                        let failed = BrowserEvent::Failed { wait, why: BrowserError::NoBrowser };
                        drop(answers.send(Input::Browser(failed)).await);
                    }
                });
            }
            BrowserCommand::Stop { wait } => drop(self.doors.remove(&wait)),
        }
    }

    fn secret(&mut self, command: SecretCommand) {
        let (secrets, mailbox) = (Arc::clone(&self.secrets), Arc::clone(&self.mailbox));
        self.tasks.spawn(async move {
            if let Ok(Some(notice)) = tokio::task::spawn_blocking(move || secrets.run(command)).await {
                mailbox.push(Event::Problem(notice));
                mailbox.wake();
            }
        });
    }

    fn open_link(&mut self, target: Target) {
        let (sender, texts) = mpsc::channel(TEXT_QUEUE);
        self.links.insert(target.link, sender);
        self.tasks.spawn(websocket::run(target, self.trust.clone(), texts, self.answers.clone()));
    }

    fn send_text(&mut self, link: LinkId, text: Private<String>) {
        let Some(texts) = self.links.get(&link) else { return };
        if texts.try_send(text).is_err() {
            // The link is over, and its `LinkClosed` is on the way; or it is stuck, and its own limit will end it.
            tracing::warn!(%link, "a text could not be sent");
        }
    }

    fn request(&mut self, request: HttpRequest) {
        let (id, answers, http) = (request.request, self.answers.clone(), Arc::clone(&self.http));
        self.requests += 1;
        let full = self.requests > REQUESTS;
        self.tasks.spawn(async move {
            let result = if full {
                Err(HttpError::Unreachable { host: host_of(&request.url), why: "too many requests at once".to_owned() })
            } else {
                http.run(request).await
            };
            // Fails only when the engine is gone.
            drop(answers.send(Input::HttpDone { request: id, result }).await);
        });
    }

    /// Publishes the picture if it changed; whether it did.
    fn publish(&mut self) -> bool {
        let snapshot = self.phone.snapshot();
        if self.revision == Some(snapshot.revision) {
            return false;
        }
        self.revision = Some(snapshot.revision);
        let (select, notice) = self.keeper.keep(&snapshot);
        if let Some(notice) = notice {
            self.mailbox.push(Event::Problem(notice));
        }
        if let Some(command) = select {
            // The phone of the last time, now that the account's phones are known; it comes as if the user asked.
            drop(self.answers.try_send(Input::Command(command)));
        }
        self.mailbox.publish(snapshot);
        true
    }

    /// Lets links say goodbye, then closes media.
    async fn finish(&mut self, inputs: &mut mpsc::Receiver<Input>) {
        self.links.clear();
        self.doors.clear();
        // Answers are no longer wanted, but a full queue would keep the tasks from ending.
        inputs.close();
        let until = tokio::time::Instant::now() + CLOSING / 2;
        let goodbyes = async { while self.tasks.join_next().await.is_some() {} };
        if timeout_at(until, goodbyes).await.is_err() {
            tracing::debug!("a link ended without a goodbye");
        }
        self.tasks.abort_all();
        self.media.send(ToMedia::Stop);
    }
}

/// Keeps settings from one start to the next.
struct Keeper {
    store: Option<Store>,
    kept: Settings,
    /// The phone of the last time, until it was asked for once.
    wanted_phone: Option<String>,
    /// The last attempt to save failed, and the user knows.
    failed: bool,
}

impl Keeper {
    fn new(kept: Option<(Store, Settings)>) -> Self {
        let (store, kept) = kept.map_or((None, Settings::default()), |(store, kept)| (Some(store), kept));
        let wanted_phone = kept.phone.clone();
        Self { store, kept, wanted_phone, failed: false }
    }

    /// Saves what changed, and says which phone to select and what went wrong.
    fn keep(&mut self, snapshot: &phone_core::Snapshot) -> (Option<Command>, Option<Notice>) {
        let Some(store) = self.store.as_ref() else { return (None, None) };
        let mut select = None;
        if !snapshot.phones.is_empty()
            && let Some(id) = self.wanted_phone.take()
        {
            // The service remembers the phone too; its word counts.
            let known = snapshot.phones.iter().any(|phone| phone.id == id && phone.refused.is_none());
            let selected = snapshot.phones.iter().any(|phone| phone.selected);
            select =
                (known && !selected && snapshot.phone_change_refused.is_none()).then_some(Command::SelectPhone { id });
        }
        let settings = Settings::of(snapshot, &self.kept);
        if settings != self.kept {
            // A few hundred bytes, seldom: quicker than handing them to another thread.
            match store.save(&settings) {
                Ok(()) => {
                    self.failed = false;
                    self.kept = settings;
                }
                // Tried again with the next change of the picture; told once. The old file stays whole.
                Err(error) => {
                    tracing::warn!(%error, "settings could not be saved");
                    let told = std::mem::replace(&mut self.failed, true);
                    return (select, (!told).then(|| store.not_saved(&error)));
                }
            }
        }
        (select, None)
    }
}
