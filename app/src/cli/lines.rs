//! The JSON of the command line: one object a line, each with its event's name and the time since the start.
//!
//! Fields may be added, never renamed without a note in the changelog.

use phone_audio::sound::Class;
use phone_core::diagnose::catalogue::Group;
use phone_core::diagnose::report::Change;
use phone_core::diagnose::{Report, Rule, Verdict};
use phone_core::event::{CallReport, Notice, Quality};
use phone_core::snapshot::MicrophoneTime;
use phone_core::sound::{OpenedBecause, SoundRole};
use serde::Serialize;
use serde_json::{Map, Value};

/// One line of output, as JSON and as a sentence ([`super::human`]).
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Line {
    /// The practice exchange runs.
    Exchange {
        origin: String,
        users: Vec<String>,
    },
    /// A fault was injected.
    Fault {
        fault: String,
    },
    /// A client of the exchange broke a rule.
    Violation {
        rule: String,
    },
    /// Able to take calls; `again` after a reconnect.
    Registered {
        account: String,
        again: bool,
    },
    Unregistered,
    Dialling {
        call: u64,
        peer: String,
    },
    /// An incoming call rings here.
    Alerting {
        call: u64,
        peer: String,
    },
    /// Our call rings there.
    Ringing {
        call: u64,
    },
    Connected {
        call: u64,
    },
    /// The first packet was heard.
    Media {
        call: u64,
    },
    Quality {
        call: u64,
        #[serde(flatten)]
        quality: Quality,
    },
    Held {
        call: u64,
    },
    Resumed {
        call: u64,
    },
    Muted {
        muted: bool,
    },
    Digit {
        call: u64,
        digit: char,
        received: bool,
    },
    Device {
        role: SoundRole,
        name: String,
        why: OpenedBecause,
    },
    Ended {
        call: u64,
        #[serde(flatten)]
        report: Box<CallReport>,
    },
    /// Something the user should read: cause and remedy.
    Error(Notice),
    /// Something worth knowing that is no error.
    Note {
        text: String,
    },
    /// How the recording compares with what was sent.
    Heard(Heard),
    Summary(Summary),
    /// One sound device of this computer.
    Found(Found),
    /// One check of a diagnosis is done.
    Check(Checked),
    /// One cause that is looked for.
    Rule(&'static Rule),
    /// What changed since an older result.
    Change(Changed),
    /// The last line of a diagnosis.
    Report(Box<Report>),
    /// Whether there is a newer version.
    Update(Versions),
    /// The last line of the practice exchange.
    ExchangeSummary {
        violations: Vec<String>,
    },
}

/// What runs, and what is newer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Versions {
    pub version: String,
    pub channel: &'static str,
    /// `null`: what runs is the newest that is meant for this computer.
    pub newer: Option<String>,
    /// What runs is older than the feed allows.
    pub required: bool,
    pub notes: Option<String>,
}

/// The last line of a run with calls.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub calls: Vec<CallReport>,
    pub registration: Registration,
    pub microphone: Microphone,
    pub exit: u8,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Registration {
    pub reconnects: u32,
}

/// `null`: no sound side told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Microphone {
    pub open_ms: Option<u64>,
    pub open_while_idle_ms: Option<u64>,
}

impl From<Option<MicrophoneTime>> for Microphone {
    fn from(time: Option<MicrophoneTime>) -> Self {
        Self { open_ms: time.map(|t| t.open_ms), open_while_idle_ms: time.map(|t| t.open_while_idle_ms) }
    }
}

/// What of the sent speech was found again in the recording.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Heard {
    pub file: String,
    /// Share of the spoken half seconds that were recognised, 0–1; `null`: nothing to compare with.
    pub recognised: Option<f32>,
    /// Median delay of what was recognised, from where it stands in the one file to where it stands in the other.
    pub delay_ms: Option<f64>,
    pub gain_db: Option<f32>,
    pub level_dbfs: Option<f32>,
}

/// A sound device, as `offhook devices` lists it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Found {
    pub id: String,
    pub name: String,
    pub kind: DeviceKind,
    pub class: &'static str,
    pub rate_hz: Option<u32>,
    pub channels: Option<u16>,
    pub default: bool,
    /// Roles that the user chose this device for.
    pub chosen: Vec<SoundRole>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DeviceKind {
    Input,
    Output,
}

/// One check of a diagnosis.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Checked {
    pub id: &'static str,
    pub name: &'static str,
    pub group: Group,
    pub verdict: Verdict,
    pub words: String,
    pub value: String,
    pub limit: String,
}

/// A check that ended differently than in an older result; `null`: it was not made.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Changed {
    pub id: String,
    pub name: String,
    pub worse: bool,
    pub before: Option<phone_core::diagnose::Line>,
    pub after: Option<phone_core::diagnose::Line>,
}

impl From<Change> for Changed {
    fn from(change: Change) -> Self {
        let Change { check, name, before, after, worse } = change;
        Self { id: check, name, worse, before, after }
    }
}

/// The word of a class, as in the rest of the JSON.
pub const fn class_word(class: Class) -> &'static str {
    match class {
        Class::Headset => "headset",
        Class::BuiltIn => "built-in",
        Class::Speaker => "speaker",
        Class::BluetoothNarrowband => "bluetooth-narrowband",
        Class::Virtual => "virtual",
        Class::Unknown => "unknown",
    }
}

/// The line as one JSON object: the event's name first, then the time, then the rest in the order of the alphabet.
pub fn json(line: &Line, t_ms: f64) -> String {
    let value = match serde_json::to_value(line) {
        Ok(value) => rounded(value),
        // A map with a key that is no text is the only cause, and there is none.
        Err(error) => {
            tracing::error!(%error, "an event could not be written");
            Value::Null
        }
    };
    let mut fields = match value {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    let event = fields.remove("event").unwrap_or(Value::Null);
    let event = if event == "exchange-summary" { Value::from("summary") } else { event };
    let rest = Value::Object(fields).to_string();
    let rest = rest.strip_prefix('{').unwrap_or_default();
    let comma = if rest == "}" { "" } else { "," };
    format!("{{\"event\":{event},\"t_ms\":{}{comma}{rest}", Value::from(round(t_ms)))
}

/// Three decimals are a thousand times finer than anything measured here.
fn round(number: f64) -> f64 {
    (number * 1_000.0).round() / 1_000.0
}

fn rounded(value: Value) -> Value {
    match value {
        Value::Number(number) if number.is_f64() => number.as_f64().map_or(Value::Null, |n| Value::from(round(n))),
        Value::Array(items) => items.into_iter().map(rounded).collect(),
        Value::Object(fields) => fields.into_iter().map(|(name, value)| (name, rounded(value))).collect(),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use phone_core::event::EndReason;

    use super::super::exit::tests::good_call;
    use super::*;

    #[test]
    fn every_line_starts_with_its_event_and_its_time() {
        assert_eq!(json(&Line::Unregistered, 12.345_678), r#"{"event":"unregistered","t_ms":12.346}"#);
        assert_eq!(json(&Line::Connected { call: 7 }, 1.0), r#"{"event":"connected","t_ms":1.0,"call":7}"#);
    }

    #[test]
    fn an_error_carries_cause_and_remedy() {
        let notice = Notice { id: "turn-silent", text: "It is silent.".to_owned(), remedy: "Shout.".to_owned() };
        assert_eq!(
            json(&Line::Error(notice), 0.0),
            r#"{"event":"error","t_ms":0.0,"id":"turn-silent","remedy":"Shout.","text":"It is silent."}"#
        );
    }

    #[test]
    fn what_was_not_measured_is_null_and_figures_are_rounded() {
        let quality = Quality { rtt_ms: Some(0.412_345), level_in_dbfs: Some(-26.1), ..Quality::default() };
        let value: Value = serde_json::from_str(&json(&Line::Quality { call: 1, quality }, 5.0)).expect("it is JSON");
        assert_eq!(value["rtt_ms"], 0.412);
        assert_eq!(value["level_in_dbfs"], -26.1);
        assert!(value["mos"].is_null() && value.get("mos").is_some());
    }

    #[test]
    fn the_summary_has_the_shape_that_was_promised() {
        let summary = Summary {
            calls: vec![good_call()],
            registration: Registration { reconnects: 1 },
            microphone: Some(MicrophoneTime { open_ms: 10_021, open_while_idle_ms: 0 }).into(),
            exit: 0,
        };
        let value: Value = serde_json::from_str(&json(&Line::Summary(summary), 9.0)).expect("it is JSON");
        let wanted: Value = serde_json::from_str(include_str!("summary.json")).expect("the sample is JSON");
        assert_eq!(shape(&value), shape(&wanted), "{value:#}");
    }

    /// All field names with their nesting; what is `null` in one and an object in the other counts as `null`.
    fn shape(value: &Value) -> Vec<String> {
        fn walk(path: &str, value: &Value, out: &mut Vec<String>) {
            match value {
                Value::Object(fields) if !path.ends_with("relay") && !path.ends_with("dscp") => {
                    for (name, value) in fields {
                        walk(&format!("{path}/{name}"), value, out);
                    }
                }
                Value::Array(items) => items.iter().for_each(|item| walk(&format!("{path}[]"), item, out)),
                _ => out.push(path.to_owned()),
            }
        }
        let mut out = Vec::new();
        walk("", value, &mut out);
        out
    }

    #[test]
    fn an_ended_call_is_its_report_with_a_number() {
        let report = CallReport { end_reason: EndReason::NoAnswer, ..good_call() };
        let line = json(&Line::Ended { call: 3, report: Box::new(report) }, 2.0);
        let value: Value = serde_json::from_str(&line).expect("it is JSON");
        assert_eq!(
            (&value["event"], &value["call"], &value["end_reason"]),
            (&"ended".into(), &3.into(), &"no-answer".into())
        );
    }
}
