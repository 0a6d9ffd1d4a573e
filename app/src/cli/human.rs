//! The words of the command line for people: aligned, coloured on a terminal, one line that moves while it waits.

use std::time::Duration;

use phone_core::event::{CallDirection, CallReport, EndReason, EndedBy, Quality};
use phone_core::media::{MediaPath, TurnTransport};
use phone_core::sound::{OpenedBecause, SoundRole};

use super::lines::{Heard, Line, Summary, Versions};

/// Whether escape codes may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint(pub bool);

/// One of few meanings that have a colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    Good,
    Bad,
    Warn,
    Faint,
    Strong,
}

impl Paint {
    pub fn text(self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Good => "32",
            Ink::Bad => "31",
            Ink::Warn => "33",
            Ink::Faint => "2",
            Ink::Strong => "1",
        };
        if self.0 { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// What a line says to a person; `None`: nothing, it is for scripts.
pub fn sentence(line: &Line, paint: Paint) -> Option<String> {
    Some(match line {
        Line::Exchange { origin, .. } => format!("Practice exchange at {origin}"),
        Line::Fault { fault } => paint.text(Ink::Warn, &format!("Fault injected: {fault}")),
        Line::Violation { rule } => paint.text(Ink::Bad, &format!("A phone broke a rule: {rule}")),
        Line::Registered { account, again: false } => format!("Signed in as {account}"),
        Line::Registered { again: true, .. } => paint.text(Ink::Good, "Connected to the exchange again"),
        Line::Unregistered => paint.text(Ink::Warn, "The connection to the exchange is lost; trying again"),
        Line::Dialling { peer, .. } => format!("Calling {}", paint.text(Ink::Strong, peer)),
        Line::Alerting { peer, .. } => format!("{} is calling", paint.text(Ink::Strong, peer)),
        Line::Ringing { .. } => "It rings there".to_owned(),
        Line::Connected { .. } => paint.text(Ink::Good, "Connected"),
        Line::Held { .. } => "On hold".to_owned(),
        Line::Resumed { .. } => "Off hold".to_owned(),
        Line::Muted { muted } => if *muted { "Microphone muted" } else { "Microphone on" }.to_owned(),
        Line::Digit { digit, received, .. } => format!("Digit {digit} {}", if *received { "received" } else { "sent" }),
        Line::Device { role, name, why } => device(*role, name, *why),
        Line::Ended { report, .. } => ended(report, paint),
        Line::Note { text } => text.clone(),
        Line::Update(found) => newer(found),
        Line::Heard(heard) => comparison(heard, paint),
        Line::Summary(summary) => all_calls(summary, paint)?,
        Line::ExchangeSummary { violations } => match violations.len() {
            0 => "Practice exchange stopped; no phone broke a rule".to_owned(),
            1 => paint.text(Ink::Warn, "Practice exchange stopped; one rule was broken"),
            count => paint.text(Ink::Warn, &format!("Practice exchange stopped; rules were broken {count} times")),
        },
        // Told by other means: the moving line, the table of devices, stderr.
        Line::Media { .. }
        | Line::Quality { .. }
        | Line::Found(_)
        | Line::Error(_)
        | Line::Check(_)
        | Line::Rule(_)
        | Line::Change(_)
        | Line::Report(_) => return None,
    })
}

fn device(role: SoundRole, name: &str, why: OpenedBecause) -> String {
    let role = match role {
        SoundRole::Microphone => "Microphone",
        SoundRole::Speaker => "Speaker",
        SoundRole::Ringer => "Ringer",
    };
    let why = match why {
        OpenedBecause::Asked => "",
        OpenedBecause::FellBack => " (the one before is gone)",
        OpenedBecause::FollowedSystem => " (the system's default changed)",
        OpenedBecause::CameBack => " (it is back)",
        OpenedBecause::Preferred => " (preferred to the one before)",
    };
    format!("{role}: {name}{why}")
}

/// A length of time as people write it.
pub fn time(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds < 10 {
        format!("{:.1} s", duration.as_secs_f64())
    } else if seconds < 60 {
        format!("{seconds} s")
    } else if seconds < 3_600 {
        format!("{}:{:02} min", seconds / 60, seconds % 60)
    } else {
        format!("{}:{:02}:{:02} h", seconds / 3_600, seconds / 60 % 60, seconds % 60)
    }
}

fn millis(ms: f64) -> String {
    if ms < 10.0 { format!("{ms:.1} ms") } else { format!("{ms:.0} ms") }
}

fn or_dash<T>(value: Option<T>, show: impl FnOnce(T) -> String) -> String {
    value.map_or_else(|| "–".to_owned(), show)
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn newer(found: &Versions) -> String {
    let Versions { version, channel, newer, required, notes } = found;
    let Some(newer) = newer else {
        return format!("Offhook {version} is the newest {channel} version.");
    };
    let notes = notes.as_ref().map_or_else(String::new, |url| format!(" What is new: {url}"));
    let need = if *required { ", and this one is too old to be used" } else { "" };
    format!("Offhook {newer} is out; this is {version}{need}. Install it as your programs are installed.{notes}")
}

/// The line that moves during a call.
pub fn moving(quality: &Quality, lasted: Duration) -> String {
    format!(
        "  {}   you {} dBFS   they {} dBFS   loss {}   jitter {}   round trip {}   quality {}",
        time(lasted),
        or_dash(quality.level_in_dbfs, |level| format!("{level:.0}")),
        or_dash(quality.level_out_dbfs, |level| format!("{level:.0}")),
        or_dash(quality.loss, percent),
        or_dash(quality.jitter_ms, millis),
        or_dash(quality.rtt_ms, millis),
        or_dash(quality.mos, |mos| format!("{mos:.1}")),
    )
}

const fn reason(reason: EndReason) -> &'static str {
    match reason {
        EndReason::Hangup => "hung up",
        EndReason::Declined => "declined",
        EndReason::Busy => "busy",
        EndReason::NoAnswer => "no answer",
        EndReason::NotFound => "nobody there by that name or number",
        EndReason::Transferred => "transferred",
        EndReason::AnsweredElsewhere => "answered elsewhere",
        EndReason::Cancelled => "cancelled",
        EndReason::MediaFailed => "no sound could get through",
        EndReason::ServiceFailed => "the service failed",
        EndReason::SignedOut => "signed out",
    }
}

fn ended(report: &CallReport, paint: Paint) -> String {
    let who = match report.ended_by {
        EndedBy::Local => "here",
        EndedBy::Remote => "there",
        EndedBy::System => "by the service",
    };
    // The service's own word is evidence when something went wrong, and noise otherwise.
    let code = report.code.as_deref().filter(|_| report.end_reason != EndReason::Hangup);
    let code = code.map(|code| format!(" [{code}]")).unwrap_or_default();
    let lasted =
        report.connected_ms.map(|ms| format!(" after {}", time(Duration::from_secs_f64(ms.max(0.0) / 1_000.0))));
    let ink = match report.end_reason {
        EndReason::MediaFailed | EndReason::ServiceFailed => Ink::Bad,
        _ if report.connected_ms.is_some() => Ink::Strong,
        _ => Ink::Warn,
    };
    let head = format!("Call ended{}: {} {who}{code}", lasted.unwrap_or_default(), reason(report.end_reason));
    let mut text = paint.text(ink, &head);
    for (name, value) in figures(report) {
        text.push_str("\n  ");
        text.push_str(&paint.text(Ink::Faint, &format!("{name:<10}")));
        text.push_str("  ");
        text.push_str(&value);
    }
    text
}

/// The rows under an ended call; none for one that had no media.
fn figures(report: &CallReport) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if let Some(total) = report.setup_ms.total {
        let steps = [
            ("signalling", report.setup_ms.signalling),
            ("ICE", report.setup_ms.ice),
            ("DTLS", report.setup_ms.dtls),
            ("first sound", report.setup_ms.first_media),
        ];
        let steps: Vec<String> =
            steps.iter().filter_map(|(name, ms)| ms.map(|ms| format!("{name} {}", millis(ms)))).collect();
        let warm = if report.warm { "warm; " } else { "" };
        rows.push(("Set-up", format!("{}  ({warm}{})", millis(total), steps.join(", "))));
    }
    if let Some(path) = report.path {
        let how = match path {
            MediaPath::Direct => "direct",
            MediaPath::RelayNeeded => "relayed, because no direct path worked",
            MediaPath::RelayForced => "relayed, as policy demands",
        };
        let relay = report.relay.as_ref().map(|relay| {
            let transport = match relay.transport {
                TurnTransport::Udp => "UDP",
                TurnTransport::Tcp => "TCP",
                TurnTransport::Tls => "TLS",
            };
            format!(" ({} over {transport})", relay.server)
        });
        rows.push(("Path", format!("{how}{}", relay.unwrap_or_default())));
    }
    if let Some(codec) = &report.codec {
        let security = report.security.as_deref().map(|s| format!(", {s}")).unwrap_or_default();
        let dscp = report.dscp.and_then(|dscp| dscp.effective).map(|dscp| format!(", DSCP {dscp}"));
        rows.push(("Media", format!("{codec}{security}{}", dscp.unwrap_or_default())));
    }
    let packets = report.packets;
    if packets.sent + packets.received > 0 {
        rows.push((
            "Packets",
            format!(
                "{} sent, {} received, {} lost, {} late",
                packets.sent, packets.received, packets.lost, packets.late
            ),
        ));
        rows.push((
            "Sound",
            format!(
                "buffer {}, concealed {}, you {} dBFS, they {} dBFS",
                or_dash(report.audio.buffer_ms, millis),
                or_dash(report.audio.concealed_ms, millis),
                or_dash(report.audio.level_in_dbfs, |level| format!("{level:.1}")),
                or_dash(report.audio.level_out_dbfs, |level| format!("{level:.1}")),
            ),
        ));
        rows.push((
            "Network",
            format!(
                "round trip {}, jitter {}, loss {}",
                or_dash(report.network.rtt_ms, millis),
                or_dash(report.network.jitter_ms, millis),
                or_dash(report.network.loss, percent),
            ),
        ));
        let mos = |value: Option<f64>| or_dash(value, |mos| format!("{mos:.1}"));
        rows.push((
            "Quality",
            format!("{} for you, {} for them (1 to 4.5)", mos(report.mos.listening), mos(report.mos.far)),
        ));
    }
    if packets.blocked_by_relay_fence > 0 {
        rows.push(("Fence", format!("{} packets were stopped; please report this", packets.blocked_by_relay_fence)));
    }
    rows
}

/// After several calls, a table of their set-up times; after one, nothing more than was said.
fn all_calls(summary: &Summary, paint: Paint) -> Option<String> {
    if summary.calls.len() < 2 {
        return None;
    }
    let head =
        format!("{:>4}  {:<16} {:<4} {:>5} {:>10} {:>7}  {}", "Call", "With", "", "Warm", "Set-up", "Quality", "Ended");
    let mut text = paint.text(Ink::Faint, &head);
    for (index, call) in summary.calls.iter().enumerate() {
        let direction = if call.direction == CallDirection::In { "in" } else { "out" };
        let row = format!(
            "\n{:>4}  {:<16} {direction:<4} {:>5} {:>10} {:>7}  {}",
            index + 1,
            call.peer.chars().take(16).collect::<String>(),
            if call.warm { "yes" } else { "no" },
            or_dash(call.setup_ms.total, millis),
            or_dash(call.mos.listening, |mos| format!("{mos:.1}")),
            reason(call.end_reason),
        );
        text.push_str(&row);
    }
    Some(text)
}

fn comparison(heard: &Heard, paint: Paint) -> String {
    let file = format!("The recording is {}", heard.file);
    let Some(recognised) = heard.recognised else {
        let level = or_dash(heard.level_dbfs, |level| format!("{level:.0} dBFS"));
        return format!("Heard at {level}. {file}");
    };
    let share = format!("{:.0} % of the spoken half seconds came back", recognised * 100.0);
    let ink = if recognised > 0.8 { Ink::Good } else { Ink::Warn };
    let share = paint.text(ink, &share);
    let delay = heard.delay_ms.map(|ms| format!(", {} later", millis(ms))).unwrap_or_default();
    let gain = heard.gain_db.map(|db| format!(", {db:+.1} dB")).unwrap_or_default();
    format!("{share}{delay}{gain}. {file}")
}

#[cfg(test)]
mod tests {
    use phone_core::event::SetupTimes;

    use super::super::exit::tests::good_call;
    use super::super::lines::{Microphone, Registration};
    use super::*;

    const PLAIN: Paint = Paint(false);

    #[test]
    fn an_ended_call_is_told_with_aligned_figures() {
        let line = Line::Ended { call: 1, report: Box::new(good_call()) };
        insta::assert_snapshot!(sentence(&line, PLAIN).expect("it is told"), @r"
        Call ended after 10 s: hung up here
          Set-up      96 ms  ()
          Media       opus/48000/2
          Packets     500 sent, 498 received, 2 lost, 0 late
          Sound       buffer –, concealed –, you – dBFS, they – dBFS
          Network     round trip 0.4 ms, jitter –, loss –
          Quality     – for you, – for them (1 to 4.5)
        ");
    }

    #[test]
    fn several_calls_end_with_a_table() {
        let cold = CallReport { setup_ms: SetupTimes { total: Some(80.0), ..SetupTimes::default() }, ..good_call() };
        let warm =
            CallReport { warm: true, setup_ms: SetupTimes { total: Some(9.04), ..cold.setup_ms }, ..good_call() };
        let summary = Summary {
            calls: vec![cold, warm],
            registration: Registration::default(),
            microphone: Microphone::default(),
            exit: 0,
        };
        insta::assert_snapshot!(sentence(&Line::Summary(summary), PLAIN).expect("there are two"), @r"
        Call  With                   Warm     Set-up Quality  Ended
           1  echo             out     no      80 ms       –  hung up
           2  echo             out    yes     9.0 ms       –  hung up
        ");
    }

    #[test]
    fn without_colour_nothing_is_escaped() {
        let line = Line::Connected { call: 1 };
        assert_eq!(sentence(&line, PLAIN).as_deref(), Some("Connected"));
        assert_eq!(sentence(&line, Paint(true)).as_deref(), Some("\x1b[32mConnected\x1b[0m"));
    }

    #[test]
    fn times_read_naturally() {
        for (ms, text) in
            [(0, "0.0 s"), (9_960, "10.0 s"), (10_000, "10 s"), (61_000, "1:01 min"), (3_725_000, "1:02:05 h")]
        {
            assert_eq!(time(Duration::from_millis(ms)), text);
        }
    }
}
