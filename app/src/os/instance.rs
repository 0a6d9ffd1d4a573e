//! One window a user: a second start hands its link to the first and ends. The two meet at a local socket whose name
//! holds the user's, so that people on one computer do not share a phone.

use std::io::{BufRead, BufReader, Read, Write};
use std::time::Duration;

use interprocess::local_socket::traits::{ListenerExt as _, Stream as _};
use interprocess::local_socket::{GenericFilePath, GenericNamespaced, Listener, ListenerOptions, Name, NameType as _};
use interprocess::local_socket::{Stream, ToFsName as _, ToNsName as _};

use super::link;

/// Longer than any link; a stranger who sends more is cut off.
const LONGEST: u64 = 1024;
/// For a first instance that hangs.
const PATIENCE: Duration = Duration::from_secs(2);
const SHOW: &str = "show";

/// What came of the start.
pub enum Instance {
    /// Nobody else is there; keep it while the window is open.
    First(Door),
    /// The window that was open already comes to the front.
    HandedOver,
}

/// Where later starts knock.
pub struct Door {
    listener: Option<Listener>,
}

/// Asks whether a window is open, and hands the link over if so. Where no socket can be had, every start is the first.
pub fn claim(link: Option<&str>) -> Instance {
    match name().and_then(|name| Stream::connect(name)) {
        Ok(stream) => match hand_over(stream, link.unwrap_or(SHOW)) {
            Ok(()) => return Instance::HandedOver,
            Err(error) => tracing::warn!(%error, "the window that is open does not answer; another one opens"),
        },
        Err(error) => tracing::debug!(%error, "no other window is open"),
    }
    let listener = name().and_then(|name| ListenerOptions::new().name(name).try_overwrite(true).create_sync());
    if let Err(error) = &listener {
        tracing::warn!(%error, "later starts cannot reach this window");
    }
    Instance::First(Door { listener: listener.ok() })
}

fn hand_over(stream: Stream, words: &str) -> std::io::Result<()> {
    stream.set_send_timeout(Some(PATIENCE))?;
    stream.set_recv_timeout(Some(PATIENCE))?;
    (&stream).write_all(format!("{words}\n").as_bytes())?;
    let mut answer = [0];
    (&stream).read_exact(&mut answer)
}

/// In the user's run-time folder where there is one; a name in the system's own space elsewhere.
fn name() -> std::io::Result<Name<'static>> {
    let user = directories::BaseDirs::new();
    if let Some(folder) = user.as_ref().and_then(|base| base.runtime_dir()) {
        return folder.join("offhook.sock").to_fs_name::<GenericFilePath>().map(Name::into_owned);
    }
    let home = user.map(|base| base.home_dir().display().to_string()).unwrap_or_default();
    if GenericNamespaced::is_supported() {
        return format!("offhook-{}", home.replace(['/', '\\', ':'], "-")).to_ns_name::<GenericNamespaced>();
    }
    format!("{home}/.offhook.sock").to_fs_name::<GenericFilePath>()
}

impl Door {
    /// Tells of every later start, from a thread of its own: the text for the dial field, or `None` for the window alone.
    pub fn watch(self, tell: impl Fn(Option<String>) + Send + 'static) {
        let Some(listener) = self.listener else { return };
        let watch = move || {
            for stream in listener.incoming() {
                match stream.and_then(|stream| heard(&stream)) {
                    Ok(words) if words == SHOW => tell(None),
                    Ok(words) => match link::dial_text(&words) {
                        Ok(text) => tell(Some(text)),
                        Err(why) => tracing::warn!(why, "a link was handed over that says nothing"),
                    },
                    Err(error) => tracing::debug!(%error, "a later start could not be heard"),
                }
            }
        };
        // The thread ends with the program: it only waits.
        if let Err(error) = std::thread::Builder::new().name("later-starts".to_owned()).spawn(watch) {
            tracing::warn!(%error, "later starts cannot reach this window");
        }
    }
}

fn heard(stream: &Stream) -> std::io::Result<String> {
    stream.set_recv_timeout(Some(PATIENCE))?;
    let mut line = String::new();
    BufReader::new(stream.take(LONGEST)).read_line(&mut line)?;
    let mut to = stream;
    to.write_all(b"+")?;
    Ok(line.trim().to_owned())
}
