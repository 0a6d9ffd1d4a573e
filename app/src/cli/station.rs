//! A phone that runs: the practice exchange inside if asked for, the phone's threads, the sign-in.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use phone_audio::sound::{Choice, Role};
use phone_core::command::ServiceSignIn;
use phone_core::{Command, PhoneConfig, SignIn};
use phone_exchange::{ExchangeOptions, RunningExchange};
use phone_io::{PhoneHandle, StartOptions};

use super::config::Settings;
use super::exit::{Exit, Failure};

/// How long ending sessions cleanly may take.
const END_LIMIT: Duration = Duration::from_secs(3);

pub struct Station {
    pub handle: PhoneHandle,
    /// Runs inside this program; ends after the phone.
    exchange: Option<RunningExchange>,
    /// Of the exchange inside; none of one elsewhere.
    pub users: Vec<String>,
    pub account: String,
    pub origin: String,
    /// The user signs in with a browser, which takes as long as it takes.
    pub asks_browser: bool,
}

impl Station {
    /// Starts everything and asks to be signed in; whether that works is told by events.
    pub fn start(settings: &Settings, sound: &[(Role, Choice)], auto_answer: bool) -> Result<Self, Failure> {
        let options = practice_options(settings);
        let users = if settings.demo { options.users.clone() } else { Vec::new() };
        let exchange = if settings.demo { Some(start_practice(options)?) } else { None };
        let live = live_sign_in(settings).filter(|_| exchange.is_none());
        let origin = match (&exchange, &settings.exchange, &settings.service) {
            (Some(exchange), ..) => exchange.origin().to_owned(),
            (None, Some(origin), _) => checked_origin(origin)?,
            (None, None, Some(service)) => service.environment.clone(),
            (None, None, None) => {
                return Err(Failure::usage(
                    "no-service",
                    "It is not said where to sign in.",
                    "Add --demo for a practice exchange inside this program, --exchange URL for one that runs, or \
                     --region for a live service.",
                ));
            }
        };
        let handle = start_phone(settings, sound, auto_answer, is_loopback(&origin), Arc::new(|| {}), None)?;
        let asks_browser = matches!(live, Some(SignIn::Service(_)));
        let station = Self { handle, exchange, users, account: settings.account.clone(), origin, asks_browser };
        let practice = || SignIn::Practice { origin: station.origin.clone(), user: station.account.clone().into() };
        let sign_in = live.unwrap_or_else(practice);
        if !station.handle.send(Command::SignIn(sign_in)) {
            return Err(stopped());
        }
        Ok(station)
    }

    pub fn is_demo(&self) -> bool {
        self.exchange.is_some()
    }

    /// Ends sessions, threads, devices, and then the exchange.
    pub fn stop(self) {
        self.handle.shut_down(END_LIMIT);
        drop(self.exchange);
    }
}

/// How to sign in to a live service, or with a token; `None`: that is not asked for.
pub fn live_sign_in(settings: &Settings) -> Option<SignIn> {
    match (&settings.token, &settings.service, &settings.exchange) {
        (Some(token), Some(service), _) => {
            Some(SignIn::Token { environment: service.environment.clone(), token: token.clone() })
        }
        (Some(token), None, Some(origin)) => Some(SignIn::Token { environment: origin.clone(), token: token.clone() }),
        (None, Some(service), None) => {
            let sign_in = ServiceSignIn { service: service.clone(), ..ServiceSignIn::default() };
            Some(SignIn::Service(Box::new(sign_in)))
        }
        _ => None,
    }
}

/// The phone's threads, not signed in.
pub fn start_phone(
    settings: &Settings,
    sound: &[(Role, Choice)],
    auto_answer: bool,
    allow_loopback: bool,
    wake: Arc<dyn Fn() + Send + Sync>,
    data_dir: Option<PathBuf>,
) -> Result<PhoneHandle, Failure> {
    // The window's choices count for a call without a window too, as `offhook policy show` says.
    let phone = PhoneConfig { settings: settings.of_phone(), auto_answer, seed: seed(), ..PhoneConfig::default() };
    let read_settings = Some(settings.reader.again(&settings.chosen));
    let sound = phone_device::start(sound);
    let open_browser = phone_io::system_browser();
    let options = StartOptions {
        phone,
        sound,
        wake,
        data_dir,
        read_settings,
        allow_loopback,
        open_browser,
        extra_ca: settings.ca.clone(),
    };
    phone_io::start(options).map_err(|error| {
        Failure::usage(
            "no-threads",
            format!("The phone could not be started: {}.", with_causes(&error)),
            "Close other programs, or restart the computer, and try again.",
        )
    })
}

/// The practice exchange inside this program knows the user who signs in.
pub fn practice_options(settings: &Settings) -> ExchangeOptions {
    let mut options = ExchangeOptions::default();
    if !options.users.contains(&settings.account) {
        options.users.push(settings.account.clone());
    }
    options
}

/// Starts the practice exchange inside this program.
pub fn start_practice(options: ExchangeOptions) -> Result<RunningExchange, Failure> {
    phone_exchange::start(options).map_err(|error| exchange_failed(&error))
}

/// Why the exchange could not be started.
pub fn exchange_failed(error: &phone_exchange::ExchangeError) -> Failure {
    Failure::usage(
        "exchange-not-started",
        format!("The practice exchange could not be started: {}.", with_causes(error)),
        "Is another one running there? Choose another port with --listen, or end the other program.",
    )
}

/// An error and what caused it, in one line.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// The phone's threads are gone, which nothing but a fault of this program explains.
pub fn stopped() -> Failure {
    Failure::new(
        Exit::Failed,
        "phone-stopped",
        "The phone has stopped working.",
        "Start it again, and please report this with --log debug.",
    )
}

/// Jitter of retries differs from phone to phone; nothing secret comes of it.
fn seed() -> u64 {
    use std::hash::{BuildHasher, Hasher};
    std::collections::hash_map::RandomState::new().build_hasher().finish()
}

/// The address without its final slash.
pub fn checked_origin(text: &str) -> Result<String, Failure> {
    let origin = text.trim_end_matches('/');
    let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    match host {
        Some(host) if !host.is_empty() && !host.contains(['/', '?', '#', '@', ' ']) => Ok(origin.to_owned()),
        _ => Err(Failure::usage(
            "bad-exchange",
            format!("`{text}` is no address of an exchange."),
            "Write it as http://HOST:PORT, as `offhook exchange` prints it.",
        )),
    }
}

/// Whether the exchange runs on this computer, so that media may use 127.0.0.1.
pub fn is_loopback(origin: &str) -> bool {
    let host = origin.split_once("://").map_or(origin, |(_, host)| host);
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exchange_on_this_computer_is_told_from_one_elsewhere() {
        for origin in ["http://127.0.0.1:8443", "http://127.9.9.9", "http://localhost:1", "http://[::1]:8443"] {
            assert!(is_loopback(origin), "{origin}");
        }
        for origin in ["http://192.0.2.7:8443", "https://exchange.test", "http://[2001:db8::1]:1", "", "http://"] {
            assert!(!is_loopback(origin), "{origin}");
        }
    }

    #[test]
    fn addresses_of_exchanges_are_checked() {
        assert_eq!(checked_origin("http://h:1/").as_deref(), Ok("http://h:1"));
        for text in ["", "h:1", "ftp://h", "http://", "http://h/path", "http://user@h"] {
            assert!(checked_origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn nowhere_to_sign_in_is_told_with_a_remedy() {
        let failure = Station::start(&Settings::default(), &[], false).err().expect("it is not said where");
        assert_eq!(failure.exit, Exit::CouldNotRun);
        assert!(failure.notice.remedy.contains("--demo"));
    }
}
