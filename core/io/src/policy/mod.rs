//! Where policies come from on this system, and a watch for changes.

#[cfg(unix)]
mod folders;
#[cfg(any(target_os = "macos", test))]
mod macos;
#[cfg(windows)]
mod windows;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use phone_core::policy::{Finding, Layers};
use tokio::task::JoinHandle;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// How often policies and files are looked at.
const LOOK: Duration = Duration::from_secs(10);

/// What was read, and what was wrong with it.
#[derive(Debug, Default)]
pub struct Policies {
    pub layers: Layers,
    pub findings: Vec<Finding>,
    /// Every source that was there, for the report.
    pub sources: Vec<String>,
}

/// Where this system keeps policies.
#[derive(Clone, Debug)]
pub struct Places {
    /// The folder of the machine's policies; on Windows and macOS the system has other places for them.
    pub machine: PathBuf,
    /// The folder of this user's policies.
    pub user: Option<PathBuf>,
}

/// Set by tests of the built program only: a stand-in for the machine's folder. A program that is shipped does not
/// look at it, or every user could put himself above the administrator.
#[cfg(debug_assertions)]
const TEST_ROOT: &str = "OFFHOOK_TEST_MACHINE_POLICIES";

impl Places {
    /// `config`: the folder of this user's settings.
    pub fn of_system(config: Option<PathBuf>) -> Self {
        let machine = PathBuf::from("/etc/xdg/offhook");
        #[cfg(debug_assertions)]
        let machine = std::env::var_os(TEST_ROOT).map_or(machine, PathBuf::from);
        Self { machine, user: config }
    }
}

/// Reads all policies there are. Never fails: what cannot be read is a finding.
pub fn read(places: &Places) -> Policies {
    let mut policies = Policies::default();
    #[cfg(windows)]
    {
        _ = places;
        windows::read(&mut policies);
    }
    #[cfg(target_os = "macos")]
    macos::read(std::path::Path::new("/Library"), whoami().as_deref(), &mut policies);
    #[cfg(unix)]
    if !cfg!(target_os = "macos") {
        folders::read(places, &mut policies);
    }
    policies
}

#[cfg(target_os = "macos")]
fn whoami() -> Option<String> {
    std::env::var("USER").ok().filter(|name| !name.is_empty() && !name.contains('/'))
}

/// Reads all layers but what was chosen in the window.
pub type ReadSettings = Arc<dyn Fn() -> Layers + Send + Sync>;

/// Looks every few seconds whether the settings are what they were. Reading may wait for a disk, so it has a thread
/// of its own.
pub(crate) struct SettingsWatch {
    settings: Option<(ReadSettings, Layers)>,
    look: Option<Interval>,
    reading: Option<JoinHandle<Layers>>,
}

impl SettingsWatch {
    pub(crate) fn new(settings: Option<(ReadSettings, Layers)>) -> Self {
        Self { settings, look: None, reading: None }
    }

    /// Settings that are not what they were. Nothing is lost when this is dropped while it waits.
    pub(crate) async fn next(&mut self) -> Option<Layers> {
        let Some((read, known)) = self.settings.as_mut() else { return std::future::pending().await };
        let look = self.look.get_or_insert_with(|| {
            let mut look = interval(LOOK);
            look.set_missed_tick_behavior(MissedTickBehavior::Delay);
            // The first tick comes at once, and then all is as it was.
            look.reset();
            look
        });
        loop {
            if self.reading.is_none() {
                look.tick().await;
                let read = Arc::clone(read);
                self.reading = Some(tokio::task::spawn_blocking(move || read()));
            }
            let Some(reading) = self.reading.as_mut() else { continue };
            let read = reading.await;
            self.reading = None;
            match read {
                Ok(layers) if layers != *known => {
                    tracing::info!(?layers, "settings changed");
                    known.clone_from(&layers);
                    return Some(layers);
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "settings could not be read anew"),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU8, Ordering};

    use phone_core::policy::{Layer, Setting, Source, Value};

    use super::*;

    fn layers(dscp: u8) -> Layers {
        let mut layers = Layers::default();
        layers.set(Setting::Dscp, Value::Integer(dscp.into()), Source::new(Layer::MandatoryMachine, "p"));
        layers
    }

    #[test]
    fn a_changed_policy_is_noticed_within_seconds_and_an_unchanged_one_is_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let value = Arc::new(AtomicU8::new(46));
            let shared = Arc::clone(&value);
            let read: ReadSettings = Arc::new(move || layers(shared.load(Ordering::Relaxed)));
            let mut watch = SettingsWatch::new(Some((read, layers(46))));
            let quiet = tokio::time::timeout(LOOK * 3, watch.next()).await;
            assert!(quiet.is_err(), "nothing had changed");
            value.store(34, Ordering::Relaxed);
            let changed = tokio::time::timeout(LOOK * 2, watch.next()).await.unwrap();
            assert_eq!(changed, Some(layers(34)));
        });
    }
}
