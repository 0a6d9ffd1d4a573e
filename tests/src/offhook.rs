//! The built `offhook` program as a black box: its NDJSON, its exit code, its log.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::capture::Ports;
use crate::process::{Running, Scratch};

/// How a run is started.
pub struct Offhook {
    command: Command,
    scratch: Scratch,
}

impl Offhook {
    /// `program` is the built binary; it gets a home of its own and no sound server unless [`env`](Self::env) says so.
    pub fn new(program: impl AsRef<Path>) -> Self {
        let scratch = Scratch::new("offhook");
        let mut command = Command::new(program.as_ref());
        command
            .env("HOME", scratch.path())
            .env("XDG_RUNTIME_DIR", scratch.path())
            .env("XDG_CONFIG_HOME", scratch.file("config"))
            .env("XDG_DATA_HOME", scratch.file("data"))
            .env("PULSE_SERVER", format!("unix:{}", scratch.file("no-sound-server").display()))
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY")
            .env_remove("RUST_LOG");
        Self { command, scratch }
    }

    #[must_use]
    pub fn args<'a>(mut self, arguments: impl IntoIterator<Item = &'a str>) -> Self {
        self.command.args(arguments);
        self
    }

    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.arg(argument);
        self
    }

    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<std::ffi::OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    #[must_use]
    pub fn envs(mut self, variables: Vec<(&'static str, String)>) -> Self {
        self.command.envs(variables);
        self
    }

    pub fn start(mut self) -> Session {
        let log = std::fs::File::create(self.scratch.file("log")).unwrap();
        let child = self.command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn();
        let mut child = child.unwrap_or_else(|e| panic!("{}: {e}", self.command.get_program().display()));
        let output = child.stdout.take().unwrap();
        let shared = Arc::new((Mutex::new(Lines::default()), Condvar::new()));
        let writer = Arc::clone(&shared);
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                writer.0.lock().unwrap().lines.push(line);
                writer.1.notify_all();
            }
            writer.0.lock().unwrap().ended = true;
            writer.1.notify_all();
        });
        Session { child: Running::from_child("offhook", child), lines: shared, next: 0, scratch: self.scratch }
    }

    /// Runs it to its end.
    #[track_caller]
    pub fn finish(self, limit: Duration) -> Outcome {
        self.start().finish(limit)
    }
}

#[derive(Debug, Default)]
struct Lines {
    lines: Vec<String>,
    ended: bool,
}

/// A running `offhook`.
pub struct Session {
    child: Running,
    lines: Arc<(Mutex<Lines>, Condvar)>,
    next: usize,
    scratch: Scratch,
}

impl Session {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn interrupt(&self) {
        self.child.interrupt();
    }

    /// A file in the run's own home.
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.file(name)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.file("log")).unwrap_or_default()
    }

    /// The next line on stdout, at most this long.
    fn next_line(&mut self, limit: Duration) -> Option<String> {
        let end = Instant::now() + limit;
        let (lock, wake) = &*self.lines;
        let mut lines = lock.lock().unwrap();
        loop {
            if let Some(line) = lines.lines.get(self.next) {
                self.next += 1;
                return Some(line.clone());
            }
            let left = end.saturating_duration_since(Instant::now());
            if lines.ended || left.is_zero() {
                return None;
            }
            lines = wake.wait_timeout(lines, left).unwrap().0;
        }
    }

    /// Reads events until one has this name.
    #[track_caller]
    pub fn until(&mut self, event: &str, limit: Duration) -> Value {
        let found = self.until_some(limit, |value| value["event"] == event);
        found.unwrap_or_else(|| panic!("no event `{event}` within {limit:?}\n{}", self.story()))
    }

    /// Reads events until one fits.
    pub fn until_some(&mut self, limit: Duration, mut fits: impl FnMut(&Value) -> bool) -> Option<Value> {
        let end = Instant::now() + limit;
        while let Some(line) = self.next_line(end.saturating_duration_since(Instant::now())) {
            let value: Value = serde_json::from_str(&line)
                .unwrap_or_else(|e| panic!("stdout carries something else than JSON ({e}): {line}"));
            if fits(&value) {
                return Some(value);
            }
        }
        None
    }

    /// All it said so far, for a failed test.
    pub fn story(&self) -> String {
        let lines = self.lines.0.lock().unwrap().lines.join("\n");
        format!("--- stdout\n{lines}\n--- log\n{}", self.log())
    }

    /// Waits for the end; fails the test when it does not come.
    #[track_caller]
    pub fn finish(self, limit: Duration) -> Outcome {
        self.finish_watched(limit, &mut |_| {})
    }

    /// The same, noting the process's ports every 20 ms.
    #[track_caller]
    pub fn finish_audited(self, limit: Duration, ports: &mut Ports) -> Outcome {
        self.finish_watched(limit, &mut |process| ports.look(process))
    }

    #[track_caller]
    fn finish_watched(mut self, limit: Duration, watch: &mut dyn FnMut(u32)) -> Outcome {
        let process = self.child.id();
        let status = crate::process::wait_for(limit, || {
            watch(process);
            self.child.ended()
        });
        let Some(status) = status else { panic!("offhook did not end within {limit:?}\n{}", self.story()) };
        let end = Instant::now() + Duration::from_secs(5);
        let mut lines = self.lines.0.lock().unwrap();
        while !lines.ended && Instant::now() < end {
            lines = self.lines.1.wait_timeout(lines, Duration::from_millis(100)).unwrap().0;
        }
        let stdout = lines.lines.clone();
        drop(lines);
        Outcome { code: status.code(), stdout, log: self.log(), _scratch: self.scratch }
    }
}

/// How a run ended.
pub struct Outcome {
    pub code: Option<i32>,
    pub stdout: Vec<String>,
    pub log: String,
    _scratch: Scratch,
}

impl Outcome {
    /// Every line as JSON; a line that is none fails the test.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let parse = |line: &String| {
            serde_json::from_str(line)
                .unwrap_or_else(|e| panic!("stdout carries something else than JSON ({e}): {line}"))
        };
        self.stdout.iter().map(parse).collect()
    }

    #[track_caller]
    pub fn event(&self, name: &str) -> Value {
        let found = self.events().into_iter().find(|value| value["event"] == name);
        found.unwrap_or_else(|| panic!("no event `{name}`\n{self}"))
    }

    #[track_caller]
    pub fn count(&self, name: &str) -> usize {
        self.events().iter().filter(|value| value["event"] == name).count()
    }

    /// The last line, which has to be the summary.
    #[track_caller]
    pub fn summary(&self) -> Value {
        let last = self.events().pop().unwrap_or_default();
        assert_eq!(last["event"], "summary", "the last line is no summary\n{self}");
        last
    }

    #[track_caller]
    pub fn assert_code(&self, code: i32) {
        assert_eq!(self.code, Some(code), "wrong exit code\n{self}");
    }
}

impl std::fmt::Display for Outcome {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let tail = self.log.len().saturating_sub(6_000);
        let tail = self.log.get(tail..).unwrap_or(&self.log);
        write!(f, "exit code {:?}\n--- stdout\n{}\n--- log (its end)\n{tail}", self.code, self.stdout.join("\n"))
    }
}
