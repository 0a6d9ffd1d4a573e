//! The vendor's own client: its SDK as npm delivers it, unmodified, in a page of a headless Chromium.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use axum::http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE};
use axum::routing::get;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::chromium::Chromium;
use crate::process::Scratch;
use crate::signal;

/// What the browser's microphone hears, at −20 dBFS.
pub const SDK_TONE_HZ: f64 = 880.0;
/// The file of the SDK's package that is made for pages.
const BUNDLE: &str = "node_modules/genesys-cloud-webrtc-sdk/dist/genesys-cloud-webrtc-sdk.bundle.min.js";
const PAGE: &str = "<!doctype html><meta charset=utf-8><title>Agent</title><script src=/sdk.js></script><script src=/page.js></script>";

/// An agent whose phone is the SDK in a browser. The browser ends when this is dropped.
pub struct SdkAgent {
    runtime: Runtime,
    chromium: Chromium,
    _scratch: Scratch,
}

impl SdkAgent {
    /// A browser with the page loaded; nobody is signed in.
    #[track_caller]
    pub fn start() -> Self {
        let bundle = bundle();
        let scratch = Scratch::new("sdk");
        let microphone = scratch.file("microphone.wav");
        // Whole periods, because the browser plays it over and over.
        signal::write_wav(&microphone, &signal::tone(SDK_TONE_HZ, -20.0, Duration::from_secs(5)));
        let flags = [
            "--use-fake-ui-for-media-stream".to_owned(),
            "--use-fake-device-for-media-stream".to_owned(),
            format!("--use-file-for-fake-audio-capture={}", microphone.display()),
        ];
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let chromium = runtime.block_on(async {
            let origin = serve(bundle).await;
            Chromium::start_at(&format!("{origin}/"), &flags).await
        });
        Self { runtime, chromium, _scratch: scratch }
    }

    /// Signs in with PKCE and runs the SDK's `initialize()` to its end.
    #[track_caller]
    pub fn sign_in(&mut self, exchange: &str, user: &str) {
        self.sign_in_with(exchange, user, &json!({}));
    }

    /// The same with more options of the SDK.
    #[track_caller]
    pub fn sign_in_with(&mut self, exchange: &str, user: &str, options: &Value) {
        let script = format!("agent.signIn({}, {}, {options})", json!(exchange), json!(user));
        assert_eq!(self.run(&script), json!("ready"), "{}", self.story());
    }

    /// A browser in which `user` is signed in to the exchange.
    #[track_caller]
    pub fn signed_in(exchange: &str, user: &str) -> Self {
        let mut agent = Self::start();
        agent.sign_in(exchange, user);
        agent
    }

    #[track_caller]
    pub fn run(&mut self, script: &str) -> Value {
        self.runtime.block_on(self.chromium.run(script))
    }

    /// Waits for the next event of the SDK with this name; earlier ones are skipped.
    #[track_caller]
    pub fn wait(&mut self, event: &str) -> Value {
        self.wait_where(event, "true")
    }

    /// The same for an event whose data `it` fulfil a JavaScript expression.
    #[track_caller]
    pub fn wait_where(&mut self, event: &str, fits: &str) -> Value {
        let found = self.run(&format!("agent.next({}, (it) => {fits})", json!(event)));
        assert!(!found.is_null(), "the SDK did not tell `{event}` where {fits}; {}", self.story());
        found
    }

    /// Waits until the SDK's newest state of a conversation fulfils an expression over `call`.
    #[track_caller]
    pub fn wait_call(&mut self, conversation: &str, fits: &str) {
        let ok = self.run(&format!("agent.callIs({}, (call) => {fits})", json!(conversation)));
        assert_eq!(ok, json!(true), "no state of the call fits {fits}; {}", self.story());
    }

    /// Calls a method of the SDK and waits for its promise.
    #[track_caller]
    pub fn call(&mut self, method: &str, argument: &Value) -> Value {
        self.run(&format!("agent.call({}, {argument})", json!(method)))
    }

    /// Fails unless the loudest that the browser hears becomes this tone.
    #[track_caller]
    pub fn assert_hears(&mut self, hz: f64) {
        let mut last = Value::Null;
        for _ in 0..20 {
            last = self.run("agent.hears()");
            let (found, db) = (last["hz"].as_f64().unwrap_or_default(), last["db"].as_f64().unwrap_or(-300.0));
            // A tone of −20 dBFS shows as −33.5 dB in the analyser: half of it is in each of two bins, and the window
            // keeps 0.42 of that.
            if (found - hz).abs() < 3.0 && (-40.0..-28.0).contains(&db) {
                return;
            }
        }
        panic!("the browser hears {last} and not {hz} Hz; {}", self.story());
    }

    /// Fails unless it becomes silent for this tone.
    #[track_caller]
    pub fn assert_does_not_hear(&mut self, hz: f64) {
        let mut last = Value::Null;
        for _ in 0..20 {
            last = self.run(&format!("agent.level({hz})"));
            if last.as_f64().is_some_and(|db| db < -70.0) {
                return;
            }
        }
        panic!("the browser still hears {hz} Hz at {last} dB; {}", self.story());
    }

    /// Everything that the page noted, for a failed test.
    pub fn story(&mut self) -> String {
        let story = self.run("agent.story()");
        story.as_str().map_or_else(|| story.to_string(), str::to_owned)
    }
}

/// Where `cargo xtask` has installed the SDK.
#[track_caller]
fn bundle() -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/npm").join(BUNDLE);
    assert!(path.is_file(), "this test needs the SDK from npm, which is not installed: cargo xtask test does it");
    path
}

/// Serves the page to this computer; gives its origin. A page on loopback is a secure context, so it may use the
/// microphone.
async fn serve(bundle: PathBuf) -> String {
    let sdk = std::fs::read_to_string(bundle).unwrap();
    let script = |text: String| {
        let reply = ([(CONTENT_TYPE, "text/javascript; charset=utf-8")], text);
        get(move || async move { reply })
    };
    let pages = Router::new()
        .route("/", get(|| async { ([(CONTENT_TYPE, "text/html; charset=utf-8")], PAGE) }))
        .route("/sdk.js", script(sdk))
        .route("/page.js", script(include_str!("sdk_page.js").to_owned()))
        // Where sign-in leads back to; the page reads the code from the address. After a redirect between origins the
        // browser asks in nobody's name.
        .route("/signed-in", get(|| async { [(ACCESS_CONTROL_ALLOW_ORIGIN, "*")] }));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let origin = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, pages).into_future());
    origin
}
