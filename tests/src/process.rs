//! Private processes, folders and ports of one test.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Where a program is, or a failed test whose sentence names the Debian package.
#[track_caller]
pub fn program(name: &str, package: &str) -> PathBuf {
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&paths)
        .chain(["/usr/sbin".into(), "/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("this test needs {name}, which is not installed: apt-get install {package} (cargo xtask test does it)")
    })
}

/// A folder of this test's own, removed when dropped.
#[derive(Debug)]
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("offhook-test-{}-{number}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        // PulseAudio refuses a runtime folder that others may read.
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o700)).unwrap();
        }
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("kept for you to look at: {}", self.0.display());
        } else if let Err(error) = std::fs::remove_dir_all(&self.0) {
            eprintln!("{} could not be removed: {error}", self.0.display());
        }
    }
}

/// A child process that ends with its owner.
#[derive(Debug)]
pub struct Running {
    name: String,
    child: Child,
}

impl Running {
    /// Starts it with its output in `log`.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        let name = command.get_program().to_string_lossy().into_owned();
        let out = File::create(log).unwrap_or_else(|e| panic!("{}: {e}", log.display()));
        let err = out.try_clone().unwrap();
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn();
        let child = child.unwrap_or_else(|e| panic!("{name} could not be started: {e}"));
        Self { name, child }
    }

    pub fn from_child(name: &str, child: Child) -> Self {
        Self { name: name.to_owned(), child }
    }

    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap_or_else(|e| panic!("{}: {e}", self.name))
    }

    /// Waits for its end, at most this long.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        wait_for(limit, || self.ended())
    }

    /// A polite end: SIGINT, as from a user's Ctrl-C.
    pub fn interrupt(&self) {
        signal("-INT", self.id());
    }

    /// Stops it in its tracks without closing its sockets, as a machine that hangs.
    pub fn freeze(&self) {
        signal("-STOP", self.id());
    }

    pub fn kill(&mut self) {
        let (killed, waited) = (self.child.kill(), self.child.wait());
        if let Err(error) = killed.and(waited.map(drop)) {
            eprintln!("{} could not be ended: {error}", self.name);
        }
    }
}

/// Through the shell's own `kill`, because sending signals needs unsafe code otherwise.
fn signal(which: &str, process: u32) {
    let status = Command::new("kill").arg(which).arg(process.to_string()).status();
    assert!(status.is_ok_and(|s| s.success()), "kill {which} {process} failed");
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Asks every 20 ms until there is an answer or the time is up: for what other processes do, which cannot be
/// waited for otherwise.
pub fn wait_for<T>(limit: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + limit;
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if Instant::now() >= end {
            return None;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A port that nobody listens on at 127.0.0.1, neither UDP nor TCP. Below the range that the system hands out by
/// itself, so that nobody takes it by chance before the test's server does.
pub fn free_port() -> u16 {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    for _ in 0..1_000 {
        let step = COUNT.fetch_add(1, Ordering::Relaxed);
        let start = u64::from(std::process::id()).wrapping_mul(131);
        let port = 15_000 + ((start + step * 7) % 17_000) as u16;
        let address = (Ipv4Addr::LOCALHOST, port);
        if UdpSocket::bind(address).is_ok() && TcpListener::bind(address).is_ok() {
            return port;
        }
    }
    panic!("no free port between 15000 and 32000");
}

/// A port on which nothing answers: it refuses.
pub fn dead_port() -> u16 {
    free_port()
}
