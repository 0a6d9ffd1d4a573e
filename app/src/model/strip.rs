//! The status strip: one shape, one word, one time.

use std::time::{Duration, Instant};

use phone_core::snapshot::{CallState, PersistentView, Snapshot, Standing};

use super::calls::{Desk, desk, incoming, peer};
use super::history::History;
use super::quality::Verdict;
use super::{State, next_second, next_second_down, seconds_left, since, sooner};
use crate::text;

/// Told apart without colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Ring,
    Tick,
    /// Turning.
    Arrows,
    Triangle,
    Bell,
    PhoneOut,
    PhoneWaves,
    Pause,
}

/// Paper at rest, tint when it wants attention, solid in a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fill {
    Paper,
    Tint(State),
    Solid(State),
}

/// The one chip there is room for.
#[derive(Clone, Debug, PartialEq)]
pub enum Chip {
    Muted,
    Quality(Verdict),
}

#[derive(Clone, Debug, PartialEq)]
pub struct Strip {
    pub shape: Shape,
    pub word: String,
    pub timer: Option<String>,
    pub detail: Option<String>,
    /// With the link icon of a warm connection.
    pub warm: bool,
    pub fill: Fill,
    pub chip: Option<Chip>,
    /// A button that leads to the remedy.
    pub fix: bool,
    pub why: String,
    /// What a screen reader says when the state changes: no running seconds in it.
    pub spoken: String,
    /// Said at once, not when there is a pause.
    pub urgent: bool,
    /// Draw again after this, because a time on it has changed.
    pub redraw: Option<Duration>,
}

impl Strip {
    fn new(shape: Shape, word: impl Into<String>, fill: Fill, why: &str) -> Self {
        let word = word.into();
        Self {
            shape,
            spoken: word.clone(),
            word,
            timer: None,
            detail: None,
            warm: false,
            fill,
            chip: None,
            fix: false,
            why: why.to_owned(),
            urgent: false,
            redraw: None,
        }
    }

    /// The whole strip as a sentence, on request.
    pub fn sentence(&self) -> String {
        let mut parts = vec![self.word.clone()];
        parts.extend(self.timer.clone());
        parts.extend(self.detail.clone());
        match &self.chip {
            Some(Chip::Muted) => parts.push("muted".to_owned()),
            Some(Chip::Quality(verdict)) => parts.push(verdict.word.to_owned()),
            None => {}
        }
        parts.join(", ")
    }
}

pub fn strip(snapshot: &Snapshot, history: &History, now: Instant) -> Strip {
    let desk = desk(&snapshot.calls);
    let mut strip = of_call(&desk, history, now).unwrap_or_else(|| of_standing(snapshot, now));
    if snapshot.muted || desk.main.is_some_and(|call| call.muted) {
        strip.chip = Some(Chip::Muted);
        strip.spoken.push_str(", muted");
    }
    strip
}

fn of_call(desk: &Desk<'_>, history: &History, now: Instant) -> Option<Strip> {
    let Some(call) = desk.main else {
        let call = incoming(desk.alerting.first()?, now);
        let mut strip = Strip::new(Shape::Bell, text::INCOMING, Fill::Solid(State::Info), text::WHY_RINGING);
        match call.countdown {
            Some(countdown) => strip.timer = Some(text::seconds(countdown.left)),
            None => strip.detail = Some(call.name.clone()),
        }
        let queue = call.queue.map(|queue| format!(", {queue}")).unwrap_or_default();
        strip.spoken = format!("Incoming call, {}{queue}. Control Shift A to answer", call.name);
        strip.urgent = true;
        strip.redraw = call.redraw;
        return Some(strip);
    };
    let talking_since = call.connected.unwrap_or(call.started);
    let mut strip = match call.state {
        CallState::Dialling | CallState::Ringing => {
            let mut strip = Strip::new(Shape::PhoneOut, text::CALLING, Fill::Tint(State::Info), text::WHY_CALLING);
            strip.detail = Some(peer(call));
            strip
        }
        CallState::Held { since: then } => {
            let mut strip = Strip::new(Shape::Pause, text::ON_HOLD, Fill::Solid(State::Warn), text::WHY_ON_HOLD);
            strip.timer = Some(text::short_timer(since(now, then)));
            strip.redraw = Some(next_second(now, then));
            strip
        }
        CallState::Recovering { since: then } => {
            let mut strip = Strip::new(Shape::Arrows, text::REPAIRING, Fill::Tint(State::Warn), text::WHY_REPAIRING);
            strip.timer = Some(text::seconds(since(now, then).as_secs()));
            strip.urgent = true;
            strip.redraw = Some(next_second(now, then));
            strip
        }
        CallState::Connected | CallState::Alerting { .. } | CallState::Ended { .. } => {
            let mut strip =
                Strip::new(Shape::PhoneWaves, text::ON_CALL, Fill::Solid(State::Success), text::WHY_ON_CALL);
            strip.timer = Some(text::timer(since(now, talking_since)));
            strip.redraw = Some(next_second(now, talking_since));
            let verdict = history.verdict(call);
            if verdict.state.is_some() {
                strip.chip = Some(Chip::Quality(verdict));
            }
            strip
        }
    };
    strip.spoken = format!("{}, {}", strip.word.trim_end_matches('…'), peer(call));
    Some(strip)
}

fn of_standing(snapshot: &Snapshot, now: Instant) -> Strip {
    match &snapshot.standing {
        Standing::SignedOut => {
            let mut strip = Strip::new(Shape::Ring, text::SIGNED_OUT, Fill::Paper, text::WHY_SIGNED_OUT);
            strip.detail = Some(text::CANNOT_TAKE.to_owned());
            strip
        }
        Standing::SigningIn { since: then, step } => {
            let waited = since(now, *then).as_secs();
            let step = text::sign_in_step(*step);
            let mut strip = Strip::new(Shape::Arrows, text::SIGNING_IN, Fill::Tint(State::Info), &format!("{step}."));
            strip.timer = (waited > 0).then(|| text::seconds(waited));
            strip.detail = Some(step.to_owned());
            strip.redraw = Some(next_second(now, *then));
            strip
        }
        Standing::Ready => {
            let mut strip = Strip::new(Shape::Tick, text::READY, Fill::Paper, text::WHY_READY);
            if let PersistentView::Warm { until } = snapshot.persistent {
                let left = until.map(|until| until.saturating_duration_since(now));
                strip.warm = true;
                strip.detail = Some(text::warm(left));
                text::WHY_READY_WARM.clone_into(&mut strip.why);
                "Ready, warm".clone_into(&mut strip.spoken);
                strip.redraw = until.zip(left).map(|(until, left)| {
                    // Above one minute the strip counts minutes, so that a phone at rest draws once a minute.
                    let below_minute = Duration::from_secs(left.as_secs() % 60);
                    let second = next_second_down(now, until);
                    if left.as_secs() < 60 { second } else { below_minute + second }
                });
            }
            strip
        }
        Standing::Reconnecting { since: then, next_try } => {
            let mut strip =
                Strip::new(Shape::Arrows, text::RECONNECTING, Fill::Tint(State::Warn), text::WHY_RECONNECTING);
            strip.timer = Some(text::seconds(since(now, *then).as_secs()));
            strip.detail = Some(text::CALLS_WAIT.to_owned());
            strip.urgent = true;
            strip.redraw = sooner(
                Some(next_second(now, *then)),
                next_try.filter(|at| *at > now).map(|at| next_second_down(now, at)),
            );
            strip
        }
        Standing::Problem { notice, retry_at } => {
            let mut strip = Strip::new(Shape::Triangle, text::PROBLEM, Fill::Tint(State::Danger), &notice.text);
            strip.spoken = format!("{}: {}", text::PROBLEM, notice.text);
            strip.urgent = true;
            strip.fix = true;
            strip.redraw = retry_at.filter(|at| *at > now).map(|at| next_second_down(now, at));
            strip
        }
    }
}

/// Cause and remedy under the strip, while there is a problem.
#[derive(Clone, Debug, PartialEq)]
pub struct Problem {
    pub id: &'static str,
    pub text: String,
    pub remedy: String,
    pub retry: Option<String>,
}

pub fn problem(snapshot: &Snapshot, now: Instant) -> Option<Problem> {
    let Standing::Problem { notice, retry_at } = &snapshot.standing else { return None };
    let retry = retry_at.filter(|at| *at > now).map(|at| text::retries_in(seconds_left(now, at)));
    Some(Problem { id: notice.id, text: notice.text.clone(), remedy: notice.remedy.clone(), retry })
}

#[cfg(test)]
mod tests {
    use phone_core::event::{Notice, Quality};

    use super::*;
    use crate::model::made_up::{call, snapshot};

    fn look(snapshot: &Snapshot, now: Instant) -> (String, Shape, Fill) {
        let strip = strip(snapshot, &History::default(), now);
        let words = [Some(strip.word), strip.timer, strip.detail].into_iter().flatten().collect::<Vec<_>>().join(" ");
        (words, strip.shape, strip.fill)
    }

    fn standing(standing: Standing) -> Snapshot {
        Snapshot { standing, ..snapshot(vec![]) }
    }

    #[test]
    fn every_state_has_its_own_word_shape_and_fill() {
        let start = Instant::now();
        let now = start + Duration::from_secs(252);
        let s = Duration::from_secs;
        let notice = Notice { id: "x", text: "No network.".into(), remedy: "Plug in a cable.".into() };
        let ago = |seconds| now.checked_sub(s(seconds)).expect("the clock is older");
        let in_call = |state| snapshot(vec![call(1, "Tom", state, start)]);
        let rows = [
            (standing(Standing::SignedOut), "Signed out Cannot take calls", Shape::Ring, Fill::Paper),
            (standing(Standing::Ready), "Ready", Shape::Tick, Fill::Paper),
            (
                standing(Standing::Reconnecting { since: ago(12), next_try: None }),
                "Reconnecting 12 s calls wait",
                Shape::Arrows,
                Fill::Tint(State::Warn),
            ),
            (
                standing(Standing::Problem { notice, retry_at: None }),
                "Cannot receive calls",
                Shape::Triangle,
                Fill::Tint(State::Danger),
            ),
            (
                in_call(CallState::Alerting { gives_up: Some(now + s(9)) }),
                "Incoming call 9 s",
                Shape::Bell,
                Fill::Solid(State::Info),
            ),
            (in_call(CallState::Dialling), "Calling… Tom", Shape::PhoneOut, Fill::Tint(State::Info)),
            (in_call(CallState::Connected), "On call 04:12", Shape::PhoneWaves, Fill::Solid(State::Success)),
            (in_call(CallState::Held { since: ago(70) }), "On hold 1:10", Shape::Pause, Fill::Solid(State::Warn)),
            (
                in_call(CallState::Recovering { since: ago(3) }),
                "Repairing the call 3 s",
                Shape::Arrows,
                Fill::Tint(State::Warn),
            ),
        ];
        for (snapshot, words, shape, fill) in rows {
            assert_eq!(look(&snapshot, now), (words.to_owned(), shape, fill));
        }
    }

    #[test]
    fn a_warm_phone_says_for_how_long_and_draws_once_a_minute() {
        let now = Instant::now();
        let mut warm = standing(Standing::Ready);
        warm.persistent = PersistentView::Warm { until: Some(now + Duration::from_secs(462)) };
        let strip = strip(&warm, &History::default(), now);
        assert_eq!(strip.detail.as_deref(), Some("warm 8 min"));
        assert_eq!(strip.redraw, Some(Duration::from_secs(43)));
    }

    #[test]
    fn muted_comes_before_quality_on_the_chip() {
        let now = Instant::now();
        let mut view = call(1, "Tom", CallState::Connected, now);
        view.quality = Some(Quality { mos: Some(2.5), loss: Some(0.1), ..Quality::default() });
        let mut picture = snapshot(vec![view]);
        let chip = |picture: &Snapshot| strip(picture, &History::default(), now).chip;
        assert!(matches!(chip(&picture), Some(Chip::Quality(verdict)) if verdict.word == "Choppy"));
        picture.muted = true;
        assert_eq!(chip(&picture), Some(Chip::Muted));
    }

    #[test]
    fn a_ring_is_announced_with_caller_and_queue() {
        let now = Instant::now();
        let mut view = call(1, "Maria Lopez", CallState::Alerting { gives_up: None }, now);
        view.queue = Some("Billing".into());
        let strip = strip(&snapshot(vec![view]), &History::default(), now);
        assert_eq!(strip.spoken, "Incoming call, Maria Lopez, Billing. Control Shift A to answer");
        assert!(strip.urgent);
    }
}
