//! A PulseAudio server of our own, and a test body that runs in a process of its own against it.
//!
//! cpal finds the server through the environment, and a process cannot change that safely, so each test runs its own
//! executable again with `PULSE_SERVER` set. Nothing touches the server of the computer's user.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use phone_audio::sound::{Choice, DeviceInfo, Role, Sound, SoundNews, SoundRequest};

const INSIDE: &str = "OFFHOOK_TEST_SOUND_DIR";

/// Runs `body` in a process that sees a fresh server, if `with_server`, else none at all. `test` is the test's name.
pub fn isolated(test: &str, with_server: bool, body: impl FnOnce(&Path)) {
    if let Some(dir) = std::env::var_os(INSIDE) {
        body(Path::new(&dir));
        return;
    }
    if !Path::new("/usr/bin/pulseaudio").exists() {
        eprintln!("skipped: this test needs the program pulseaudio, which is not installed");
        return;
    }
    let dir = Folder::new(test);
    let server = with_server.then(|| Server::start(&dir.0));
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--include-ignored", "--nocapture", "--test-threads=1"])
        .env(INSIDE, &dir.0)
        .env("PULSE_SERVER", address(&dir.0))
        .env("XDG_RUNTIME_DIR", &dir.0)
        .env("HOME", &dir.0)
        .status()
        .unwrap();
    drop(server);
    assert!(status.success(), "{test} failed in its own process: {status}");
}

fn address(dir: &Path) -> String {
    format!("unix:{}/native", dir.display())
}

/// A folder under the system's temporary one, gone with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("offhook-{}-{test}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        Self(dir)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// The server, and a reader on each sink. An idle null sink renders two seconds at a time and lets a new stream wait as
/// long, which no real device does; a reader that wants 10 ms keeps it quick.
pub struct Server(Vec<Child>);

impl Server {
    /// A speaker `spk`, and a microphone `mic` that hears what is played into the sink `mouth`.
    pub fn start(dir: &Path) -> Self {
        let script = dir.join("server.pa");
        std::fs::write(
            &script,
            format!(
                "load-module module-native-protocol-unix auth-anonymous=1 socket={}/native\n\
                 load-module module-null-sink sink_name=spk rate=48000 channels=2\n\
                 load-module module-null-sink sink_name=mouth rate=48000 channels=1\n\
                 load-module module-remap-source master=mouth.monitor source_name=mic channels=1\n\
                 set-default-sink spk\n\
                 set-default-source mic\n",
                dir.display()
            ),
        )
        .unwrap();
        let child = Command::new("pulseaudio")
            .args(["-n", "--exit-idle-time=-1", "--daemonize=no", "--use-pid-file=no", "-F"])
            .arg(&script)
            .env("HOME", dir)
            .env("XDG_RUNTIME_DIR", dir)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut server = Self(vec![child]);
        let limit = Instant::now() + Duration::from_secs(10);
        while !(dir.join("native").exists() && pactl_at(&address(dir), &["info"]).is_some()) {
            assert!(Instant::now() < limit, "the server does not come up");
            sleep(Duration::from_millis(20));
        }
        for monitor in ["spk.monitor", "mouth.monitor"] {
            let reader = Command::new("parec")
                .args(["-d", monitor, "--format=s16le", "--rate=48000", "--channels=1", "--latency-msec=10", "--raw"])
                .env("PULSE_SERVER", address(dir))
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            server.0.push(reader);
        }
        server
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        for child in &mut self.0 {
            child.kill().ok();
            child.wait().ok();
        }
    }
}

fn pactl_at(address: &str, arguments: &[&str]) -> Option<String> {
    let output =
        Command::new("pactl").args(arguments).env("PULSE_SERVER", address).stderr(Stdio::null()).output().unwrap();
    output.status.success().then(|| String::from_utf8(output.stdout).unwrap().trim().to_owned())
}

/// `pactl`, inside a test body.
pub fn pactl(arguments: &[&str]) -> String {
    pactl_at(&std::env::var("PULSE_SERVER").unwrap(), arguments).unwrap_or_else(|| panic!("pactl {arguments:?} failed"))
}

/// Plugs in a sink; the number unplugs it again.
pub fn plug(name: &str) -> String {
    pactl(&["load-module", "module-null-sink", &format!("sink_name={name}"), "rate=48000"])
}

pub fn unplug(module: &str) {
    pactl(&["unload-module", module]);
}

/// A phone's sound, and all it told.
pub struct Ear {
    pub sound: Box<dyn Sound>,
}

impl Ear {
    pub fn new(choices: &[(Role, Choice)]) -> Self {
        Self { sound: phone_device::start(choices) }
    }

    pub fn open(&mut self, role: Role) {
        self.sound.request(SoundRequest::Open { role });
    }

    /// The first news that `wanted` makes something of, within `limit`; others are passed over.
    pub fn wait<T>(&mut self, limit: Duration, what: &str, mut wanted: impl FnMut(SoundNews) -> Option<T>) -> T {
        let start = Instant::now();
        loop {
            while let Some(news) = self.sound.poll() {
                if let Some(found) = wanted(news) {
                    eprintln!("{what}: after {:?}", start.elapsed());
                    return found;
                }
            }
            assert!(start.elapsed() < limit, "{what}: nothing within {limit:?}");
            sleep(Duration::from_millis(2));
        }
    }

    pub fn devices(&mut self) -> Vec<DeviceInfo> {
        self.wait(Duration::from_secs(5), "the list", |news| match news {
            SoundNews::Devices(devices) => Some(devices),
            _ => None,
        })
    }
}
