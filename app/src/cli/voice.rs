//! Where a run says what happens: JSON for scripts, sentences for people.

use std::io::{ErrorKind, IsTerminal, Write};
use std::time::{Duration, Instant};

use phone_core::event::{Notice, Quality};

use super::human::{self, Ink, Paint};
use super::lines::{Line, json};

/// What takes longer than this shows that it goes on.
const PATIENCE: Duration = Duration::from_secs(1);

/// The output of one run.
#[expect(clippy::struct_excessive_bools, reason = "independent facts")]
pub struct Voice {
    start: Instant,
    json: bool,
    paint: Paint,
    /// Stdout is a terminal, so a line may be drawn over.
    live: bool,
    /// A moving line is on the screen and has to be wiped before anything else is written.
    drawn: bool,
    /// A wait that was told once, where nothing can be drawn over.
    told: Option<&'static str>,
    /// Nobody reads any more.
    closed: bool,
}

impl Voice {
    pub fn new(json: bool) -> Self {
        let terminal = std::io::stdout().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        // https://no-color.org: present and not empty.
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            start: Instant::now(),
            json,
            paint: Paint(terminal && !plain),
            live: terminal && !json,
            drawn: false,
            told: None,
            closed: false,
        }
    }

    pub fn is_json(&self) -> bool {
        self.json
    }

    pub fn paint(&self) -> Paint {
        self.paint
    }

    /// Stdout was closed by whoever read it: there is nobody to work for.
    pub fn is_closed(&self) -> bool {
        self.closed
    }

    pub fn say(&mut self, line: &Line) {
        if self.json {
            let t_ms = self.start.elapsed().as_secs_f64() * 1_000.0;
            self.write(&format!("{}\n", json(line, t_ms)));
        } else if let Line::Error(notice) = line {
            self.complain(notice);
        } else if let Some(text) = human::sentence(line, self.paint) {
            self.told = None;
            self.wipe();
            self.write(&format!("{text}\n"));
        }
    }

    /// For people only: text that has no place in JSON.
    pub fn print(&mut self, text: &str) {
        if !self.json {
            self.wipe();
            self.write(&format!("{text}\n"));
        }
    }

    /// What was asked for as a whole, JSON or text: for people and scripts alike.
    pub fn document(&mut self, text: &str) {
        self.wipe();
        self.write(&format!("{text}\n"));
    }

    /// Shows that a wait goes on. Call it every now and then while waiting.
    pub fn waiting(&mut self, what: &'static str, since: Instant) {
        let waited = since.elapsed();
        if self.json || waited < PATIENCE {
            return;
        }
        if self.live {
            let text = self.paint.text(Ink::Faint, &format!("{what} … {} s", waited.as_secs()));
            self.draw(&text);
        } else if self.told != Some(what) {
            self.told = Some(what);
            self.write(&format!("{what} …\n"));
        }
    }

    /// Shows how a call is, where a line can be drawn over.
    pub fn quality(&mut self, quality: &Quality, lasted: Duration) {
        if self.live {
            let text = self.paint.text(Ink::Faint, &human::moving(quality, lasted));
            self.draw(&text);
        }
    }

    /// The moving line's turn is over.
    pub fn wipe(&mut self) {
        if std::mem::take(&mut self.drawn) {
            self.write("\r\x1b[K");
        }
    }

    fn draw(&mut self, text: &str) {
        self.drawn = true;
        self.write(&format!("\r\x1b[K{text}"));
    }

    /// A remark beside what was asked for: on stderr, so that stdout stays what a script expects.
    pub fn remark(&mut self, text: &str) {
        self.wipe();
        Self::to_stderr(&format!("{text}\n"));
    }

    fn complain(&mut self, notice: &Notice) {
        self.wipe();
        let paint = Paint(self.paint.0 && std::io::stderr().is_terminal());
        Self::to_stderr(&format!("{} {}\n  {}\n", paint.text(Ink::Bad, "error:"), notice.text, notice.remedy));
    }

    fn to_stderr(text: &str) {
        // Where even stderr is gone, nobody can be told.
        if let Err(error) = std::io::stderr().write_all(text.as_bytes()) {
            tracing::debug!(%error, "stderr is closed");
        }
    }

    fn write(&mut self, text: &str) {
        let mut out = std::io::stdout().lock();
        if let Err(error) = out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
            if error.kind() != ErrorKind::BrokenPipe {
                tracing::error!(%error, "stdout cannot be written to");
            }
            self.closed = true;
        }
    }
}
