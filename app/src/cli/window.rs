//! `offhook`: the window.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex, PoisonError};

use phone_audio::sound::{Choice, Role};
use phone_core::SignIn;
use phone_core::command::ServiceSignIn;
use phone_core::policy::{Lock, Setting};
use phone_exchange::RunningExchange;
use phone_io::secrets::{SavedAccount, saved_accounts};

use super::args::ScreenshotArgs;
use super::config::{self, Settings};
use super::exit::{Exit, Failure};
use super::interrupt::{Asker, Interrupt};
use super::station::{checked_origin, is_loopback, live_sign_in, practice_options, start_phone, start_practice};
use crate::app::{StartPractice, WakeSlot, WindowOptions, run_window};
use crate::os::instance::{self, Instance};
use crate::os::link::dial_text;
use crate::panels::signed_out::Form;
use crate::text;

pub fn window(settings: &Settings, link: Option<&str>) -> Result<Exit, Failure> {
    need_display()?;
    // Practice may run beside the phone of the working day, and never takes its links.
    let door = match (!settings.demo).then(|| instance::claim(link)) {
        Some(Instance::HandedOver) => return Ok(Exit::Fine),
        Some(Instance::First(door)) => Some(door),
        None => None,
    };
    let origin = settings.exchange.as_deref().map(checked_origin).transpose()?;
    let wake = Arc::new(WakeSlot::default());
    let sound: Vec<(Role, Choice)> = [
        (Role::Microphone, &settings.microphone),
        (Role::Speaker, &settings.speaker),
        (Role::Ringer, &settings.ringer),
    ]
    .into_iter()
    .map(|(role, choice)| (role, choice.clone().unwrap_or(Choice::FollowSystem)))
    .collect();
    // Practice leaves no trace in the settings of the working day.
    let data_dir = config::data_dir().filter(|_| !settings.demo);
    let allow_loopback = origin.as_deref().is_none_or(is_loopback);
    let handle = start_phone(settings, &sound, false, allow_loopback, wake.callback(), data_dir)?;

    // Ctrl+C closes the window as its button does, which asks in a call; once more ends at once. When the user's session
    // ends, calls are hung up without a question.
    let slot = Arc::clone(&wake);
    let interrupt = Interrupt::listen(move |asker| match asker {
        Asker::User => slot.close(),
        Asker::System => slot.quit(),
    })?;

    // Outlives the window, so that sessions end cleanly before it does.
    let exchange: Arc<Mutex<Option<RunningExchange>>> = Arc::default();
    let signs_in = settings.demo || origin.is_some();
    let accounts = if settings.demo { Vec::new() } else { allowed(settings, saved()) };
    let form = form(settings, &accounts);
    let at_once = at_once(settings, &accounts).filter(|_| !signs_in);
    let start = sign_in(settings, origin, Arc::clone(&exchange));
    // A person clicks one link at a time; of more than these the newest are dropped.
    let (later, later_starts) = sync_channel(16);
    if let Some(dial) = link.and_then(|link| dial_text(link).ok())
        && later.try_send(Some(dial)).is_err()
    {
        tracing::debug!("the window takes no link");
    }
    if let Some(door) = door {
        let wake = Arc::clone(&wake);
        door.watch(move |dial| {
            if later.try_send(dial).is_ok() {
                wake.wake();
            }
        });
    }
    let result = run_window(WindowOptions {
        later_starts,
        handle,
        wake,
        demo: signs_in,
        start_practice: Some(start),
        settings_file: config::folders().map(|folders| folders.config_dir().join("window.toml")),
        rules: settings.effective.clone(),
        report: settings.reader.report(),
        theme: None,
        form,
        at_once,
    });
    drop(exchange);
    let exit = if interrupt.came() { Exit::Interrupted } else { Exit::Fine };
    result.map(|()| exit).map_err(|error| {
        Failure::usage(
            "no-window",
            format!("The window could not be opened: {error:#}."),
            "Check the display and the graphics driver (OpenGL 2.1 is enough); `offhook call` works without a window.",
        )
    })
}

fn saved() -> Vec<SavedAccount> {
    config::data_dir().map(|folder| saved_accounts(&folder)).unwrap_or_default()
}

/// Accounts of another service or client than a policy names are left out.
fn allowed(settings: &Settings, mut accounts: Vec<SavedAccount>) -> Vec<SavedAccount> {
    let named = |setting| {
        let locked = matches!(settings.effective.lock(setting), Some(Lock::Policy(_)));
        settings.effective.text(setting).filter(|_| locked)
    };
    let (region, client) = (named(Setting::Region), named(Setting::ClientId));
    accounts.retain(|account| {
        region.is_none_or(|region| account.service.environment == region)
            && client.is_none_or(|client| account.service.client_id == client)
    });
    accounts
}

/// The sign-in page begins with what the settings say, else with what was used last.
fn form(settings: &Settings, accounts: &[SavedAccount]) -> Form {
    let lock = |setting| match settings.effective.lock(setting) {
        Some(lock @ Lock::Policy(_)) => Some(text::lock_sentence(lock)),
        _ => None,
    };
    let (region_lock, client_lock) = (lock(Setting::Region), lock(Setting::ClientId));
    let mut form = Form { region_lock, client_lock, ..Form::default() };
    form.service = match (&settings.service, accounts.first()) {
        (Some(service), _) => service.clone(),
        (None, Some(account)) => account.service.clone(),
        (None, None) => form.service,
    };
    if let Some(client) = settings.effective.text(Setting::ClientId).filter(|_| form.client_lock.is_some()) {
        client.clone_into(&mut form.service.client_id);
    }
    form.accounts = accounts
        .iter()
        .map(|account| {
            let words = format!("{} · {}", account.user.reveal(), account.organisation.reveal());
            (account.key.clone(), words, account.service.clone())
        })
        .collect();
    form
}

/// A token that was given, or the account of last time if that works without asking anybody.
fn at_once(settings: &Settings, accounts: &[SavedAccount]) -> Option<SignIn> {
    if settings.token.is_some() {
        return live_sign_in(settings);
    }
    let account = accounts.first()?;
    let sign_in = ServiceSignIn {
        service: account.service.clone(),
        account: Some(account.key.clone()),
        only_kept: true,
        ..ServiceSignIn::default()
    };
    Some(SignIn::Service(Box::new(sign_in)))
}

/// Says how to sign in; without an address, to an exchange inside that it starts the first time.
fn sign_in(settings: &Settings, origin: Option<String>, inside: Arc<Mutex<Option<RunningExchange>>>) -> StartPractice {
    let settings = settings.clone();
    Arc::new(move || {
        let origin = if let Some(origin) = &origin {
            origin.clone()
        } else {
            let mut inside = inside.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(running) = &*inside {
                running.origin().to_owned()
            } else {
                let running = start_practice(practice_options(&settings))
                    .map_err(|failure| anyhow::anyhow!(failure.notice.text))?;
                let origin = running.origin().to_owned();
                *inside = Some(running);
                origin
            }
        };
        Ok(SignIn::Practice { origin, user: settings.account.clone().into() })
    })
}

pub fn screenshots(args: &ScreenshotArgs) -> Result<Exit, Failure> {
    need_display()?;
    match crate::screenshots::screenshots(&args.folder, args.only.as_deref()) {
        Ok(count) => {
            tracing::info!(count, "pictures written");
            Ok(Exit::Fine)
        }
        Err(error) => Err(Failure::new(
            Exit::Failed,
            "no-pictures",
            format!("The pictures could not be made: {error:#}."),
            "Try it under Xvfb: cargo xtask screenshots.",
        )),
    }
}

/// On Unix a window needs a display server; elsewhere there always is one.
fn need_display() -> Result<(), Failure> {
    let there = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if cfg!(any(target_os = "macos", target_os = "windows")) || there("DISPLAY") || there("WAYLAND_DISPLAY") {
        return Ok(());
    }
    Err(Failure::usage(
        "no-display",
        "There is no display here, so no window can be opened.",
        "Start Offhook from a desktop session, or make a call without a window: offhook call echo --demo.",
    ))
}
