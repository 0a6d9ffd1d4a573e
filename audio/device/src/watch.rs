//! Tells the sound thread at once when something is plugged in or out, or when the system's default changes.
//!
//! On Linux by a subscription of our own at the sound service, because cpal has none; elsewhere the sound thread's
//! regular look at the list has to do.

#[cfg(target_os = "linux")]
pub use pulse::Watcher;

#[cfg(not(target_os = "linux"))]
pub use none::Watcher;

#[cfg(not(target_os = "linux"))]
mod none {
    use std::sync::mpsc::SyncSender;

    use crate::sound_thread::Message;

    /// Sees nothing.
    pub struct Watcher;

    impl Watcher {
        pub fn start(_wake: &SyncSender<Message>) -> Option<Self> {
            None
        }

        pub fn is_alive(&self) -> bool {
            false
        }
    }
}

#[cfg(target_os = "linux")]
mod pulse {
    use std::net::Shutdown;
    use std::os::unix::net::UnixStream;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
    use std::sync::mpsc::SyncSender;

    use pulseaudio::protocol::{
        self, Command, ProtocolError, SubscriptionEventFacility, SubscriptionEventType, SubscriptionMask,
    };

    use crate::pulse::Connection;
    use crate::sound_thread::Message;

    /// A subscription; ended when dropped.
    pub struct Watcher {
        socket: UnixStream,
        alive: Arc<AtomicBool>,
    }

    impl Watcher {
        /// `None`: there is no PulseAudio to be asked.
        pub fn start(wake: &SyncSender<Message>) -> Option<Self> {
            let connection = Connection::open().ok()?;
            let socket = connection.socket.get_ref().try_clone().ok()?;
            let alive = Arc::<AtomicBool>::default();
            let watcher = Self { socket, alive: Arc::clone(&alive) };
            let wake = wake.clone();
            std::thread::Builder::new()
                .name("sound-watch".to_owned())
                .spawn(move || {
                    if let Err(error) = watch(connection, &alive, &wake) {
                        tracing::debug!(%error, "the subscription at the sound service ended");
                    }
                    alive.store(false, Relaxed);
                    // The service may be gone. If the queue is full, the thread is about to look anyway.
                    wake.try_send(Message::Look).ok();
                })
                .ok()?;
            Some(watcher)
        }

        /// Whether changes are told; until then, and afterwards, they have to be looked for.
        pub fn is_alive(&self) -> bool {
            self.alive.load(Relaxed)
        }
    }

    impl Drop for Watcher {
        fn drop(&mut self) {
            // Ends the read that the thread waits in.
            self.socket.shutdown(Shutdown::Both).ok();
        }
    }

    /// Runs until the connection ends.
    fn watch(mut connection: Connection, alive: &AtomicBool, wake: &SyncSender<Message>) -> Result<(), ProtocolError> {
        // A change of the server itself is one of its defaults.
        let mask = SubscriptionMask::SINK | SubscriptionMask::SOURCE | SubscriptionMask::SERVER;
        connection.send(2, &Command::Subscribe(mask))?;
        protocol::read_ack_message(&mut connection.socket)?;
        connection.socket.get_ref().set_read_timeout(None)?;
        alive.store(true, Relaxed);
        // Changes before the subscription are seen by this look.
        wake.try_send(Message::Look).ok();
        loop {
            let (_, command) = protocol::read_command_message(&mut connection.socket, connection.version)?;
            let Command::SubscribeEvent(event) = command else { continue };
            // Volumes and states change all the time; which devices there are does not.
            let hurries = event.event_facility == SubscriptionEventFacility::Server
                || event.event_type != SubscriptionEventType::Changed;
            wake.try_send(if hurries { Message::Look } else { Message::Glance }).ok();
        }
    }
}
