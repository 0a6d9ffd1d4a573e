//! More priority for the thread that carries sound, where the system grants it without asking anybody.

/// Asks for real-time scheduling of the calling thread and does not wait for the answer. Most desktops refuse it to
/// ordinary users, and then nothing changes; a busy computer is where it is heard.
///
/// The standard library cannot do it, so on Linux the system's own tool does. On macOS and Windows the thread keeps
/// its normal priority, which foreground programs share with little else.
#[cfg(target_os = "linux")]
pub(crate) fn raise() {
    use std::process::{Command, Stdio};

    /// Above all ordinary threads, below those of the sound service.
    const PRIORITY: &str = "10";
    // `PID/task/TID`
    let Some(thread) =
        std::fs::read_link("/proc/thread-self").ok().and_then(|link| link.file_name().map(std::ffi::OsStr::to_owned))
    else {
        return;
    };
    let ask = move || {
        // Threads that the media thread starts do not inherit it: they look up names.
        let status = Command::new("/usr/bin/chrt")
            .args(["--reset-on-fork", "--rr", "--pid", PRIORITY])
            .arg(thread)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status();
        let granted = status.is_ok_and(|status| status.success());
        tracing::debug!(granted, "asked for real-time priority of the media thread");
    };
    if let Err(error) = std::thread::Builder::new().name("offhook-priority".to_owned()).spawn(ask) {
        tracing::debug!(%error, "the media thread keeps its normal priority");
    }
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn raise() {}
