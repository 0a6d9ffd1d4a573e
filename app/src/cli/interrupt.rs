//! Ctrl+C, and the polite signals of other programs: the first ends calls cleanly, the second ends at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::exit::{Exit, Failure};

/// Who wants the program to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asker {
    /// Ctrl+C: a person who can be asked back.
    User,
    /// The user's session ends, or another program says so: nobody may be there to answer.
    System,
}

/// Tells whether the user wants to stop.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Takes the signals from now on. `first` is called on another thread at the first one.
    pub fn listen(first: impl Fn(Asker) + Send + 'static) -> Result<Self, Failure> {
        let interrupt = Self::default();
        let came = Arc::clone(&interrupt.0);
        let failed = |error: std::io::Error| {
            Failure::usage(
                "no-signals",
                format!("Ctrl+C cannot be listened for: {error}."),
                "Close programs that hold many files or threads, and try again.",
            )
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(failed)?;
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    while let Ok(asker) = wait().await {
                        if came.swap(true, Ordering::Relaxed) {
                            std::process::exit(i32::from(Exit::Interrupted as u8));
                        }
                        first(asker);
                    }
                });
            })
            .map_err(failed)?;
        Ok(interrupt)
    }

    pub fn came(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[cfg(unix)]
async fn wait() -> std::io::Result<Asker> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut hang_up = signal(SignalKind::hangup())?;
    tokio::select! {
        result = tokio::signal::ctrl_c() => result.map(|()| Asker::User),
        _ = terminate.recv() => Ok(Asker::System),
        _ = hang_up.recv() => Ok(Asker::System),
    }
}

#[cfg(not(unix))]
async fn wait() -> std::io::Result<Asker> {
    tokio::signal::ctrl_c().await.map(|()| Asker::User)
}
