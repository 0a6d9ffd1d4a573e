//! A headless Chromium, driven over the `DevTools` protocol.

use std::process::Command;
use std::time::{Duration, Instant};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use crate::process::{Running, Scratch, program, wait_for};

/// Nothing may call home, and WebRTC has to show real addresses and take loopback ones.
const FLAGS: [&str; 14] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--mute-audio",
    "--autoplay-policy=no-user-gesture-required",
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
    "--remote-debugging-port=0",
];

/// One browser with one page. Ends when dropped.
pub struct Chromium {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    session: String,
    last_id: u64,
    _browser: Running,
    scratch: Scratch,
}

impl Chromium {
    /// Starts it with an empty page.
    pub async fn start() -> Self {
        Self::start_at("about:blank", &[]).await
    }

    /// Starts it with this page, loaded to its end. `flags` are added to the usual ones.
    pub async fn start_at(page: &str, flags: &[String]) -> Self {
        let scratch = Scratch::new("chromium");
        let mut command = Command::new(program("chromium", "chromium"));
        command
            .args(FLAGS)
            .args(flags)
            .arg(format!("--user-data-dir={}", scratch.file("profile").display()))
            .arg("about:blank")
            .env("HOME", scratch.path())
            .env("XDG_RUNTIME_DIR", scratch.path())
            .env_remove("PULSE_SERVER");
        let mut browser = Running::start(&mut command, &scratch.file("chromium.log"));
        let port_file = scratch.file("profile").join("DevToolsActivePort");
        let address = wait_for(Duration::from_mins(1), || {
            assert!(browser.ended().is_none(), "Chromium ended at once: {}", log(&scratch));
            let text = std::fs::read_to_string(&port_file).ok()?;
            let (port, path) = text.trim().split_once('\n')?;
            Some(format!("ws://127.0.0.1:{port}{path}"))
        });
        let address = address.unwrap_or_else(|| panic!("Chromium did not start: {}", log(&scratch)));
        let (socket, _) = tokio_tungstenite::connect_async(address).await.unwrap();
        let mut chromium = Self { socket, session: String::new(), last_id: 0, _browser: browser, scratch };
        let target = chromium.call("Target.createTarget", json!({"url": page})).await;
        let target = target["targetId"].as_str().unwrap().to_owned();
        let attached = chromium.call("Target.attachToTarget", json!({"targetId": target, "flatten": true})).await;
        chromium.session = attached["sessionId"].as_str().unwrap().to_owned();
        // A script that comes before the page would run in the empty one that it replaces.
        let loaded =
            json!({ "expression": format!("location.href === {} && document.readyState === 'complete'", json!(page)) });
        let end = Instant::now() + Duration::from_mins(1);
        while chromium.call("Runtime.evaluate", loaded.clone()).await["result"]["value"] != true {
            assert!(Instant::now() < end, "{page} was not loaded: {}", log(&chromium.scratch));
        }
        chromium
    }

    /// One `DevTools` command and its result.
    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let id = self.last_id;
        let mut message = json!({"id": id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        self.socket.send(Message::text(message.to_string())).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_mins(1), async {
            loop {
                let Some(Ok(message)) = self.socket.next().await else {
                    panic!("Chromium closed the DevTools connection: {}", log(&self.scratch))
                };
                let Ok(text) = message.to_text() else { continue };
                let value: Value = serde_json::from_str(text).unwrap_or_default();
                if value["id"] == json!(id) {
                    return value;
                }
            }
        });
        let mut answer = answer.await.unwrap_or_else(|_| panic!("Chromium did not answer {method}"));
        assert!(answer["error"].is_null(), "{method}: {}", answer["error"]);
        answer["result"].take()
    }

    /// Runs JavaScript in the page, waits for its promise, and gives its value.
    pub async fn run(&mut self, script: &str) -> Value {
        let params = json!({"expression": script, "awaitPromise": true, "returnByValue": true, "userGesture": true});
        let mut result = self.call("Runtime.evaluate", params).await;
        assert!(result["exceptionDetails"].is_null(), "the page threw: {}", result["exceptionDetails"]);
        result["result"]["value"].take()
    }
}

fn log(scratch: &Scratch) -> String {
    std::fs::read_to_string(scratch.file("chromium.log")).unwrap_or_default()
}
