//! One window a user: a second start hands its link to the first and ends. The two meet at a local socket whose name
//! holds the user's, so that people on one computer do not share a phone.

use std::io::{BufRead, BufReader, Read, Write};
use std::time::Duration;

use interprocess::local_socket::traits::{ListenerExt as _, Stream as _};
#[cfg(unix)]
use interprocess::local_socket::{GenericFilePath, ToFsName as _};
#[cfg(windows)]
use interprocess::local_socket::{GenericNamespaced, ToNsName as _};
use interprocess::local_socket::{Listener, ListenerOptions, Name, Stream};

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
    match name() {
        Ok(name) => claim_at(&name, link),
        Err(error) => {
            tracing::warn!(%error, "later starts cannot reach this window");
            Instance::First(Door { listener: None })
        }
    }
}

fn claim_at(name: &Name<'_>, link: Option<&str>) -> Instance {
    match Stream::connect(name.borrow()) {
        Ok(stream) => match hand_over(&stream, link.unwrap_or(SHOW)) {
            Ok(()) => return Instance::HandedOver,
            Err(error) => tracing::warn!(%error, "the window that is open does not answer; another one opens"),
        },
        Err(error) => tracing::debug!(%error, "no other window is open"),
    }
    let listener = ListenerOptions::new().name(name.borrow()).try_overwrite(true).create_sync();
    if let Err(error) = &listener {
        tracing::warn!(%error, "later starts cannot reach this window");
    }
    Instance::First(Door { listener: listener.ok() })
}

fn hand_over(mut stream: &Stream, words: &str) -> std::io::Result<()> {
    stream.set_send_timeout(Some(PATIENCE))?;
    stream.set_recv_timeout(Some(PATIENCE))?;
    stream.write_all(format!("{words}\n").as_bytes())?;
    let mut answer = [0];
    stream.read_exact(&mut answer)
}

/// A socket in a folder that is the user's alone: nobody else can take the name first, or send a link.
#[cfg(unix)]
fn name() -> std::io::Result<Name<'static>> {
    let base = directories::BaseDirs::new().ok_or_else(|| std::io::Error::other("there is no home folder"))?;
    let folder = if let Some(folder) = base.runtime_dir() {
        folder.to_owned()
    } else {
        let folder = base.data_local_dir().join("offhook");
        std::fs::create_dir_all(&folder)?;
        std::fs::set_permissions(&folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))?;
        folder
    };
    folder.join("window.sock").to_fs_name::<GenericFilePath>().map(Name::into_owned)
}

/// A named pipe; its name holds the user's home folder.
#[cfg(windows)]
fn name() -> std::io::Result<Name<'static>> {
    let base = directories::BaseDirs::new().ok_or_else(|| std::io::Error::other("there is no home folder"))?;
    let home = base.home_dir().display().to_string().replace(['/', '\\', ':'], "-");
    format!("offhook-{home}").to_ns_name::<GenericNamespaced>()
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

#[cfg(all(test, unix))]
#[allow(clippy::expect_used, reason = "a test")]
mod tests {
    use std::sync::mpsc::sync_channel;

    use interprocess::local_socket::traits::Listener as _;

    use super::*;

    fn scratch(what: &str) -> Name<'static> {
        let path = std::env::temp_dir().join(format!("offhook-{what}-{}.sock", std::process::id()));
        path.to_fs_name::<GenericFilePath>().expect("a path is a name").into_owned()
    }

    #[test]
    fn a_second_start_hands_its_link_to_the_first_and_ends() {
        let name = scratch("second-start");
        let Instance::First(door) = claim_at(&name, None) else { panic!("nobody was there") };
        let (tell, told) = sync_channel(4);
        door.watch(move |dial| tell.send(dial).expect("the test listens"));
        assert!(matches!(claim_at(&name, Some("tel:+1-317-555-0100")), Instance::HandedOver));
        assert_eq!(told.recv(), Ok(Some("+13175550100".to_owned())));
        assert!(matches!(claim_at(&name, None), Instance::HandedOver));
        assert_eq!(told.recv(), Ok(None));
    }

    #[test]
    fn garbage_and_a_caller_who_says_nothing_leave_the_door_open() {
        let name = scratch("garbage");
        let Instance::First(door) = claim_at(&name, None) else { panic!("nobody was there") };
        let (tell, told) = sync_channel(4);
        door.watch(move |dial| tell.send(dial).expect("the test listens"));
        drop(Stream::connect(name.borrow()).expect("the door is open"));
        let garbage = [&[0xff; 4_000][..], b"\n"].concat();
        let mut stream = Stream::connect(name.borrow()).expect("the door is open");
        // It is cut off in the middle, so the end of this may meet a closed socket.
        stream.write_all(&garbage).ok();
        assert!(matches!(claim_at(&name, Some("http://example.org")), Instance::HandedOver), "taken, and thrown away");
        assert!(matches!(claim_at(&name, Some("tel:1")), Instance::HandedOver));
        assert_eq!(told.recv(), Ok(Some("1".to_owned())));
    }

    #[test]
    fn a_socket_that_a_crash_left_behind_is_taken_over() {
        let name = scratch("left-behind");
        let Instance::First(door) = claim_at(&name, None) else { panic!("nobody was there") };
        if let Some(mut listener) = door.listener {
            listener.do_not_reclaim_name_on_drop();
        }
        assert!(matches!(claim_at(&name, None), Instance::First(Door { listener: Some(_) })));
    }
}
