//! A private, headless PulseAudio server with a virtual speaker, ringer and microphone.
//!
//! Works as root, without D-Bus and without a sound card. Sinks: `spk` (default), `ringer`, `spare`; source `mic`
//! (default), which hears what is played to the sink `micfeed`; source `mic2`, which hears `mic2feed`. Every sink
//! has a reader with 10 ms latency: an idle null sink renders up to 2 s ahead, and a new stream would wait for it.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::process::{Running, Scratch, program, wait_for};

const SINKS: [(&str, &str); 5] = [
    ("spk", "VirtualSpeaker"),
    ("ringer", "VirtualRinger"),
    ("spare", "SpareSpeaker"),
    ("micfeed", "MicFeed"),
    ("mic2feed", "SecondMicFeed"),
];
const SOURCES: [(&str, &str, &str); 2] =
    [("mic", "micfeed.monitor", "VirtualMic"), ("mic2", "mic2feed.monitor", "SecondMic")];

/// A running server. Clients find it by [`Pulse::environment`].
pub struct Pulse {
    socket: PathBuf,
    // Readers first: they end before the server does.
    readers: HashMap<String, Running>,
    server: Running,
    scratch: Scratch,
}

impl Pulse {
    pub fn start() -> Self {
        let scratch = Scratch::new("pulse");
        let socket = scratch.file("native");
        let mut script =
            format!("load-module module-native-protocol-unix auth-anonymous=1 socket={}\n", socket.display());
        for (name, description) in SINKS {
            writeln!(
                script,
                "load-module module-null-sink sink_name={name} rate=48000 channels=1 sink_properties=device.description={description}"
            )
            .unwrap();
        }
        for (name, master, description) in SOURCES {
            writeln!(
                script,
                "load-module module-remap-source source_name={name} master={master} channels=1 source_properties=device.description={description}"
            )
            .unwrap();
        }
        script.push_str("set-default-sink spk\nset-default-source mic\n");
        std::fs::write(scratch.file("test.pa"), script).unwrap();
        let mut command = Command::new(program("pulseaudio", "pulseaudio"));
        command
            .args(["-n", "--daemonize=no", "--system=false", "--exit-idle-time=-1", "--use-pid-file=no"])
            .args(["--realtime=no", "--high-priority=no", "--disable-shm=yes", "--log-level=notice"])
            .arg(format!("--file={}", scratch.file("test.pa").display()))
            .env("XDG_RUNTIME_DIR", scratch.path())
            .env("PULSE_RUNTIME_PATH", scratch.path())
            .env("PULSE_STATE_PATH", scratch.path())
            .env("HOME", scratch.path());
        let server = Running::start(&mut command, &scratch.file("pulse.log"));
        let mut pulse = Self { socket, readers: HashMap::new(), server, scratch };
        let up = wait_for(Duration::from_secs(20), || {
            (pulse.socket.exists() && pulse.pactl_status(&["info"]).is_some()).then_some(())
        });
        assert!(up.is_some(), "PulseAudio did not start:\n{}", pulse.log());
        for (name, _) in SINKS {
            pulse.keep_reading(name);
        }
        pulse
    }

    /// What a client needs to find this server and no other.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PULSE_SERVER", format!("unix:{}", self.socket.display())),
            ("XDG_RUNTIME_DIR", self.scratch.path().display().to_string()),
            ("HOME", self.scratch.path().display().to_string()),
        ]
    }

    /// The same server through a door that lets in its own user only, for a client that has another server's cookie.
    pub fn environment_with_a_foreign_cookie(&self) -> Vec<(&'static str, String)> {
        let socket = self.scratch.file("guarded");
        self.pactl(&["load-module", "module-native-protocol-unix", &format!("socket={}", socket.display())]);
        let cookie = self.scratch.file("cookie");
        std::fs::write(&cookie, [7; 256]).unwrap();
        let mut environment = self.environment();
        environment.retain(|(name, _)| *name != "PULSE_SERVER");
        environment.push(("PULSE_SERVER", format!("unix:{}", socket.display())));
        environment.push(("PULSE_COOKIE", cookie.display().to_string()));
        environment
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.scratch.file("pulse.log")).unwrap_or_default()
    }

    fn client(&self, name: &str) -> Command {
        let mut command = Command::new(program(name, "pulseaudio-utils"));
        command.envs(self.environment());
        command
    }

    fn pactl_status(&self, arguments: &[&str]) -> Option<String> {
        let output = self.client("pactl").args(arguments).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs `pactl`; what it printed.
    #[track_caller]
    pub fn pactl(&self, arguments: &[&str]) -> String {
        self.pactl_status(arguments).unwrap_or_else(|| panic!("pactl {arguments:?} failed:\n{}", self.log()))
    }

    /// Keeps a reader open on a sink, as a real sound card does.
    fn keep_reading(&mut self, sink: &str) {
        let mut command = self.client("parec");
        command.args(["--latency-msec=10", "--raw", "-d", &format!("{sink}.monitor")]);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        self.readers.insert(sink.to_owned(), Running::from_child("parec", child));
    }

    /// Plugs another speaker in.
    pub fn plug_in_speaker(&mut self, name: &str) {
        self.pactl(&[
            "load-module",
            "module-null-sink",
            &format!("sink_name={name}"),
            "rate=48000",
            "channels=1",
            &format!("sink_properties=device.description={name}"),
        ]);
        self.keep_reading(name);
    }

    /// Pulls a sink or source out, as unplugging does.
    pub fn unplug(&mut self, name: &str) {
        self.readers.remove(name);
        let needles = [format!("sink_name={name} "), format!("source_name={name} ")];
        let modules = self.pactl(&["list", "short", "modules"]);
        let module = modules
            .lines()
            .find(|line| needles.iter().any(|needle| line.contains(needle)))
            .and_then(|line| line.split_whitespace().next())
            .unwrap_or_else(|| panic!("no module made {name}:\n{modules}"));
        self.pactl(&["unload-module", module]);
    }

    /// From now on the microphone `mic` hears what the speaker `spk` plays, as loud as it is and this much later.
    pub fn loop_back(&self, delay: Duration) {
        let latency = format!("latency_msec={}", delay.as_millis());
        let way = ["load-module", "module-loopback", "source=spk.monitor", "sink=micfeed", &latency];
        // It would hunt for that delay by thousands of parts per million, as no speaker and microphone differ.
        self.pactl(&[&way[..], &["adjust_time=0"]].concat());
    }

    pub fn set_default_sink(&self, name: &str) {
        self.pactl(&["set-default-sink", name]);
    }

    pub fn set_default_source(&self, name: &str) {
        self.pactl(&["set-default-source", name]);
    }

    /// How many programs record from this source now, the harness's own readers aside.
    pub fn recorders_of(&self, source: &str) -> usize {
        let sources = self.pactl(&["list", "short", "sources"]);
        let Some(index) = sources.lines().find_map(|line| {
            let mut words = line.split_whitespace();
            let index = words.next()?;
            (words.next() == Some(source)).then(|| index.to_owned())
        }) else {
            return 0;
        };
        let streams = self.pactl(&["list", "short", "source-outputs"]);
        streams.lines().filter(|line| line.split_whitespace().nth(1) == Some(index.as_str())).count()
    }

    /// Starts to play this sound to a sink, over and over until dropped.
    pub fn play_forever(&self, sink: &str, samples: &[f32]) -> Player {
        let mut command = self.client("pacat");
        command.args(["--playback", "--raw", "--format=float32le", "--rate=48000", "--channels=1"]);
        command.args(["--latency-msec=20", "-d", sink]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut input = child.stdin.take().unwrap();
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        // Ends with the pipe, which ends with the child.
        std::thread::spawn(move || while input.write_all(&bytes).is_ok() {});
        Player(Running::from_child("pacat", child))
    }

    /// Starts to record what a sink plays.
    pub fn record(&self, sink: &str) -> Recording {
        let mut command = self.client("parec");
        command.args(["--raw", "--format=float32le", "--rate=48000", "--channels=1", "--latency-msec=10"]);
        command.args(["-d", &format!("{sink}.monitor")]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let samples = Arc::new(Mutex::new(Vec::new()));
        let began = Arc::new(Mutex::new(None));
        let (shared, earliest) = (Arc::clone(&samples), Arc::clone(&began));
        std::thread::spawn(move || {
            let (mut buffer, mut rest) = ([0_u8; 8_192], Vec::new());
            while let Ok(count @ 1..) = output.read(&mut buffer) {
                rest.extend_from_slice(&buffer[..count]);
                let whole = rest.len() / 4 * 4;
                let mut shared = shared.lock().unwrap();
                let length = Duration::from_secs_f64((shared.len() + whole / 4) as f64 / 48_000.0);
                let start = Instant::now().checked_sub(length);
                // The piece that was held up least tells the start best.
                let mut earliest = earliest.lock().unwrap();
                *earliest = match (*earliest, start) {
                    (Some(known), Some(start)) => Some(start.min(known)),
                    (known, start) => known.or(start),
                };
                shared.extend(rest[..whole].chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])));
                rest.drain(..whole);
            }
        });
        Recording { samples, began, _parec: Running::from_child("parec", child) }
    }

    /// Ends the sound server under everybody's feet.
    pub fn crash(&mut self) {
        self.readers.clear();
        self.server.kill();
    }
}

/// Sound that goes on until this is dropped.
#[derive(Debug)]
pub struct Player(#[expect(dead_code, reason = "held for its drop")] Running);

/// What a sink played so far.
#[derive(Debug)]
pub struct Recording {
    samples: Arc<Mutex<Vec<f32>>>,
    began: Arc<Mutex<Option<Instant>>>,
    _parec: Running,
}

impl Recording {
    /// When the first sample was played, as the pieces' arrival tells it; the same small delay is in every recording,
    /// so that two of them can be held against each other.
    pub fn began(&self) -> Option<Instant> {
        *self.began.lock().unwrap()
    }

    pub fn so_far(&self) -> Vec<f32> {
        self.samples.lock().unwrap().clone()
    }

    pub fn len(&self) -> usize {
        self.samples.lock().unwrap().len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Waits until this much more was recorded and gives it.
    #[track_caller]
    pub fn next(&self, length: Duration) -> Vec<f32> {
        let (from, wanted) = (self.len(), (length.as_secs_f64() * 48_000.0) as usize);
        let done = wait_for(length * 3 + Duration::from_secs(5), || (self.len() >= from + wanted).then_some(()));
        assert!(done.is_some(), "only {} of {wanted} samples were recorded", self.len() - from);
        self.samples.lock().unwrap()[from..from + wanted].to_vec()
    }
}
