//! The phone selector and the persistent connection below it.

use std::time::{Duration, Instant};

use phone_core::snapshot::{PersistentView, PhoneView, Snapshot};

use super::next_second_down;
use crate::text;

/// From this many phones on the list can be searched.
const SEARCH_FROM: usize = 6;

#[derive(Clone, Debug, PartialEq)]
pub struct Selector {
    pub name: String,
    pub site: String,
    pub rows: Vec<Row>,
    pub searchable: bool,
    /// Why no other phone can be chosen now.
    pub refused: Option<&'static str>,
    pub persistent: Persistent,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub id: String,
    pub name: String,
    pub detail: String,
    pub selected: bool,
    pub refused: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Persistent {
    pub line: String,
    /// Whether it can be ended now.
    pub can_stop: bool,
    pub redraw: Option<Duration>,
    /// Why it is worth having, with what it saved on this computer.
    pub why: String,
}

/// Calls that the saving is told of.
const SAVING_CALLS: usize = 20;

/// The median set-up without and with a connection that was open already, in milliseconds, and of how many calls.
/// `None`: one of the two kinds did not happen.
fn saving(snapshot: &Snapshot) -> Option<(f64, f64, usize)> {
    let calls = || {
        let heard = snapshot.recent.iter().filter_map(|call| Some((call.warm, call.setup_ms?)));
        heard.take(SAVING_CALLS)
    };
    let median = |warm: bool| {
        let mut times: Vec<f64> = calls().filter(|call| call.0 == warm).map(|call| call.1).collect();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied()
    };
    Some((median(false)?, median(true)?, calls().count()))
}

pub fn selector(snapshot: &Snapshot, now: Instant) -> Selector {
    let selected = snapshot.phones.iter().find(|phone| phone.selected);
    let (name, site) = match selected {
        Some(phone) => (phone.name.clone(), phone.site.clone()),
        None if snapshot.phones.is_empty() => (text::NO_PHONE.to_owned(), String::new()),
        None => (text::CHOOSE_PHONE.to_owned(), String::new()),
    };
    Selector {
        name,
        site,
        rows: snapshot.phones.iter().map(row).collect(),
        searchable: snapshot.phones.len() >= SEARCH_FROM,
        refused: snapshot.phone_change_refused,
        persistent: persistent(snapshot, now),
    }
}

fn row(phone: &PhoneView) -> Row {
    let kind = if phone.webrtc { "WebRTC" } else { "Desk phone" };
    let detail = if phone.site.is_empty() { kind.to_owned() } else { format!("{} · {kind}", phone.site) };
    Row {
        id: phone.id.clone(),
        name: phone.name.clone(),
        detail,
        selected: phone.selected,
        refused: phone.refused.clone(),
    }
}

fn persistent(snapshot: &Snapshot, now: Instant) -> Persistent {
    let (line, can_stop, redraw) = match &snapshot.persistent {
        PersistentView::Off => ("Off. Your organisation decides this.".to_owned(), false, None),
        PersistentView::Closed => ("Closed. It opens with the next call.".to_owned(), false, None),
        PersistentView::Opening => ("Opening…".to_owned(), false, None),
        PersistentView::Warm { until } => {
            let left = until.map(|until| until.saturating_duration_since(now));
            (text::warm_left(left), true, until.map(|until| next_second_down(now, until)))
        }
        PersistentView::InCall => ("Carries this call. Stopping it would end the call.".to_owned(), false, None),
        PersistentView::Recovering { .. } => ("Broken; being repaired".to_owned(), false, None),
    };
    Persistent { line, can_stop, redraw, why: text::why_persistent(saving(snapshot)) }
}

/// The rows whose name or site contains the words typed.
pub fn matching<'a>(rows: &'a [Row], typed: &str) -> Vec<&'a Row> {
    let typed = typed.trim().to_lowercase();
    rows.iter().filter(|row| format!("{} {}", row.name, row.detail).to_lowercase().contains(&typed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::made_up::snapshot;

    fn phone(name: &str, selected: bool) -> PhoneView {
        PhoneView { id: name.into(), name: name.into(), site: "Madrid".into(), selected, refused: None, webrtc: true }
    }

    #[test]
    fn the_selector_shows_the_phone_in_use() {
        let mut picture = snapshot(vec![]);
        assert_eq!(selector(&picture, Instant::now()).name, "No phone is assigned to you");
        picture.phones = vec![phone("Home", false), phone("Office", true)];
        let model = selector(&picture, Instant::now());
        assert_eq!((model.name.as_str(), model.site.as_str(), model.searchable), ("Office", "Madrid", false));
    }

    #[test]
    fn search_looks_at_name_and_site() {
        let rows: Vec<Row> = [phone("Home", false), phone("Office", true)].iter().map(row).collect();
        let found = |typed| matching(&rows, typed).iter().map(|row| row.name.as_str()).collect::<Vec<_>>();
        assert_eq!(found("off"), ["Office"]);
        assert_eq!(found("madrid"), ["Home", "Office"]);
        assert_eq!(found("paris"), [""; 0]);
    }

    #[test]
    fn only_a_warm_connection_can_be_stopped() {
        let now = Instant::now();
        let persistent = |view| persistent(&Snapshot { persistent: view, ..snapshot(vec![]) }, now);
        let warm = persistent(PersistentView::Warm { until: Some(now + Duration::from_secs(462)) });
        assert_eq!((warm.line.as_str(), warm.can_stop), ("Stays open 7:42 more", true));
        for view in [PersistentView::Off, PersistentView::Closed, PersistentView::InCall] {
            assert!(!persistent(view).can_stop);
        }
    }

    #[test]
    fn row_138_the_answer_to_why_is_the_guide_s_with_the_saving_measured_here() {
        let call = |warm, setup_ms| phone_core::snapshot::RecentCall {
            peer_name: "Tom".into(),
            peer_address: "7".into(),
            direction: phone_core::event::CallDirection::In,
            queue: None,
            ended: Instant::now(),
            connected_s: Some(60),
            reason: phone_core::event::EndReason::Hangup,
            warm,
            setup_ms,
        };
        let why = |recent| {
            let picture = Snapshot { recent, ..snapshot(vec![]) };
            selector(&picture, Instant::now()).persistent.why
        };
        let claim = "Improves subsequent call handling speed";
        assert_eq!(why(vec![]), format!("{claim}."));
        assert_eq!(why(vec![call(true, Some(300.0)), call(false, None)]), format!("{claim}."), "nothing to compare");
        let mut calls = vec![call(true, Some(280.0)); 12];
        calls.extend(vec![call(true, Some(350.0)); 5]);
        calls.extend([call(false, Some(2_080.0)), call(false, Some(9_000.0)), call(false, Some(1_200.0))]);
        // Older ones do not count.
        calls.extend(vec![call(false, Some(60_000.0)); 9]);
        assert_eq!(why(calls), format!("{claim}: 2.1 s → 0.3 s over your last 20 calls."));
    }
}
