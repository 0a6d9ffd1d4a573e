//! The window on a virtual display: how soon it is drawn, and what it costs idle and in a call.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use phone_exchange::ExchangeOptions;
use phone_tests::process::{Running, Scratch, program, wait_for};
use phone_tests::pulse::Pulse;
use phone_tests::signal;

use crate::cost::{processor_share, pss_mib};
use crate::{Bench, figure, median_and_max};

const SECOND: Duration = Duration::from_secs(1);

pub fn run(bench: &Bench) {
    let scratch = Scratch::new("window");
    let (_server, display) = display(&scratch);
    let pulse = Pulse::start();
    let _speaking = pulse.play_forever("micfeed", &signal::speech(1, 10 * SECOND));
    let exchange = phone_exchange::start(ExchangeOptions::default()).unwrap();
    let open = || {
        bench
            .offhook()
            .envs(pulse.environment())
            .env("DISPLAY", &display)
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .args(["--exchange", exchange.origin(), "--log", "info"])
            .start()
    };
    let mut starts = Vec::new();
    for _ in 0..5 {
        let begun = Instant::now();
        let session = open();
        let drawn = wait_for(30 * SECOND, || session.log().contains("first frame").then(|| begun.elapsed()));
        starts.extend(drawn.map(|time| time.as_secs_f64() * 1_000.0));
    }
    match median_and_max(starts) {
        Some((median, largest)) => {
            figure("start to first frame", format!("{median:.0} ms"), &format!("largest: {largest:.0} ms"));
        }
        None => figure("start to first frame", "not measured", ""),
    }

    let session = open();
    std::thread::sleep(5 * SECOND);
    let rate = processor_share(session.id(), 20 * SECOND);
    figure("processor time, s per idle minute, window open", format!("{:.2} s", rate * 60.0), "aim 0.1 s");
    figure("memory (PSS) idle, window open", format!("{:.1} MiB", pss_mib(session.id())), "");
    // The dial field has the focus at the start.
    type_into_window(&display, &["type", "echo"]);
    type_into_window(&display, &["key", "Return"]);
    let recording = wait_for(10 * SECOND, || (pulse.recorders_of("mic") > 0).then_some(()));
    if recording.is_none() {
        figure("memory (PSS) in a call, window open", "no call came up", "aim 80 MiB");
        return;
    }
    std::thread::sleep(3 * SECOND);
    let rate = processor_share(session.id(), 15 * SECOND);
    figure("processor time, s per minute of call, window open", format!("{:.2} s", rate * 60.0), "");
    figure("memory (PSS) in a call, window open", format!("{:.1} MiB", pss_mib(session.id())), "aim 80 MiB");
}

/// A virtual display that chose its own number.
fn display(scratch: &Scratch) -> (Running, String) {
    let number = scratch.file("display");
    let mut command = Command::new("sh");
    let server = program("Xvfb", "xvfb");
    let line = format!("exec {} -displayfd 3 -screen 0 1280x900x24 3>{}", server.display(), number.display());
    let running = Running::start(command.args(["-c", &line]), &scratch.file("xvfb.log"));
    let text = wait_for(20 * SECOND, || read_line(&number)).expect("Xvfb starts");
    (running, format!(":{text}"))
}

fn read_line(path: &Path) -> Option<String> {
    std::fs::read_to_string(path).ok()?.strip_suffix('\n').map(str::to_owned)
}

fn type_into_window(display: &str, words: &[&str]) {
    let mut command = Command::new(program("xdotool", "xdotool"));
    command.env("DISPLAY", display).args(["search", "--onlyvisible", "--name", "Offhook", "windowfocus", "--sync"]);
    // Without a window manager nothing answers the request for the focus: it takes effect all the same.
    command.args(words).stdout(Stdio::null()).stderr(Stdio::null());
    if let Ok(mut child) = command.spawn() {
        let ended = wait_for(5 * SECOND, || child.try_wait().ok().flatten());
        if ended.is_none() && child.kill().is_ok() {
            eprintln!("the window did not take the keys");
        }
    }
}
