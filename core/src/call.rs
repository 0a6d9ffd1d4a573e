//! One call: what it is, what was asked of it, and what it has measured.
//!
//! Feed [`Call::handle`] one input and its time, drain [`Call::poll`]. Requests are `pending` until the service
//! confirms or refuses; only the service's word changes the state.
//!
//! | State | Input | Next | Effects |
//! |---|---|---|---|
//! | Alerting | Answer | pending Answer | Ask |
//! | Alerting | Decline, HangUp | pending Decline | Ask |
//! | Alerting | AutoAnswered | pending Answer | – |
//! | Dialling, Ringing, Connected, Held, Recovering | HangUp | pending HangUp | Ask |
//! | Connected / Held | Hold(true) / Hold(false) | pending Hold / Resume | Ask |
//! | Dialling | Ringing | Ringing | Tell |
//! | Alerting, Dialling, Ringing | Connected | Connected | Tell |
//! | Connected | Held(true) | Held | Tell |
//! | Held | Held(false) | Connected | Tell |
//! | Connected, Held | MediaLost | Recovering(from) | – |
//! | Recovering | MediaBack | from | – |
//! | Recovering | Held(x) | Recovering(x) | Tell |
//! | any, pending | Refused | same, nothing pending | – |
//! | any, pending HangUp | time is up | same | GiveUp: nobody confirms it, it is over here all the same |
//! | any, pending | time is up | same, nothing pending | Unconfirmed |

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::event::{AudioStats, CallDirection, Event, Quality, SetupTimes, millis};
use crate::ids::{CallId, SessionId};
use crate::line::Request;
use crate::media::{MediaStats, MediaUp};
use crate::quality::{WayThere, far_hears, mos};
use crate::redact::Private;
use crate::snapshot::{CallState, ConsultView, PendingRequest};

/// Time for the service to confirm or refuse a request.
const CONFIRM_LIMIT: Duration = Duration::from_secs(15);
/// Digits shown.
pub const MAX_DIGITS: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    Answer,
    Decline,
    HangUp,
    Hold(bool),
    AutoAnswered,
    Ringing,
    Connected,
    Held(bool),
    MediaLost,
    MediaBack,
    Refused(Request),
    Tick,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    Ask(PendingRequest),
    Tell(Event),
    /// The hang-up was never confirmed.
    GiveUp,
    Unconfirmed(PendingRequest),
}

/// See the module's table.
#[derive(Clone, Debug)]
pub struct Call {
    pub id: CallId,
    pub direction: CallDirection,
    pub peer_name: Private<String>,
    pub peer_address: Private<String>,
    pub queue: Option<String>,
    pub session: Option<SessionId>,
    /// It uses a session that was there before it.
    pub warm: bool,
    pub started: Instant,
    /// Dialled or answered: where the clock of the set-up starts.
    pub asked: Option<Instant>,
    /// The description of its own session came.
    pub described: Option<Instant>,
    pub connected: Option<Instant>,
    pub first_media: Option<Instant>,
    /// The session's facts, while it has one and after.
    pub media: Option<MediaUp>,
    pub media_up_at: Option<Instant>,
    pub digits: String,
    /// A transfer that is being talked over.
    pub consult: Option<ConsultView>,
    /// Pressed before it was connected; they go out then.
    pub early_digits: String,
    pub measures: Measures,
    state: CallState,
    pending: Option<(PendingRequest, Instant)>,
    /// A few effects an input, drained after each.
    out: VecDeque<Effect>,
    /// What a recovering call goes back to.
    back_to: CallState,
}

impl Call {
    pub fn new(now: Instant, id: CallId, direction: CallDirection, answered: bool) -> Self {
        let state = match direction {
            CallDirection::In => CallState::Alerting { gives_up: None },
            CallDirection::Out => CallState::Dialling,
        };
        let by_rule = answered && direction == CallDirection::In;
        Self {
            id,
            direction,
            peer_name: Private::default(),
            peer_address: Private::default(),
            queue: None,
            session: None,
            warm: false,
            started: now,
            asked: answered.then_some(now),
            described: None,
            connected: None,
            first_media: None,
            media: None,
            media_up_at: None,
            digits: String::new(),
            consult: None,
            early_digits: String::new(),
            measures: Measures::default(),
            state,
            pending: by_rule.then(|| (PendingRequest::Answer, now + CONFIRM_LIMIT)),
            out: VecDeque::new(),
            back_to: CallState::Connected,
        }
    }

    pub fn state(&self) -> CallState {
        self.state
    }

    pub fn pending(&self) -> Option<PendingRequest> {
        self.pending.map(|(request, _)| request)
    }

    pub fn gives_up(&mut self, at: Instant) {
        if let CallState::Alerting { gives_up } = &mut self.state {
            *gives_up = Some(at);
        }
    }

    pub fn handle(&mut self, now: Instant, input: Input) {
        use CallState::{Alerting, Connected, Dialling, Held, Recovering, Ringing};
        self.state = match (self.state, input) {
            (Alerting { .. }, Input::Answer) if self.pending.is_none() => {
                self.asked = Some(now);
                self.ask(now, PendingRequest::Answer)
            }
            (Alerting { .. }, Input::AutoAnswered) if self.pending.is_none() => {
                self.asked = Some(now);
                self.pending = Some((PendingRequest::Answer, now + CONFIRM_LIMIT));
                self.state
            }
            (Alerting { .. }, Input::Decline | Input::HangUp) if self.pending() != Some(PendingRequest::Decline) => {
                self.ask(now, PendingRequest::Decline)
            }
            (Alerting { .. }, _) if self.pending.is_some() && input == Input::Answer => self.state,
            (Dialling | Ringing | Connected | Held { .. } | Recovering { .. }, Input::HangUp)
                if self.pending() != Some(PendingRequest::HangUp) =>
            {
                self.ask(now, PendingRequest::HangUp)
            }
            (Connected, Input::Hold(true)) if self.pending.is_none() => self.ask(now, PendingRequest::Hold),
            (Held { .. }, Input::Hold(false)) if self.pending.is_none() => self.ask(now, PendingRequest::Resume),

            (Dialling, Input::Ringing) => {
                self.out.push_back(Effect::Tell(Event::Ringing { call: self.id }));
                Ringing
            }
            (Alerting { .. } | Dialling | Ringing, Input::Connected) => {
                self.connected = Some(now);
                self.asked = self.asked.or(Some(now));
                self.settled(PendingRequest::Answer);
                self.settled(PendingRequest::Decline);
                self.out.push_back(Effect::Tell(Event::Connected { call: self.id }));
                Connected
            }
            (Connected, Input::Held(true)) => {
                self.settled(PendingRequest::Hold);
                self.out.push_back(Effect::Tell(Event::Held { call: self.id }));
                Held { since: now }
            }
            (Held { .. }, Input::Held(false)) => {
                self.settled(PendingRequest::Resume);
                self.out.push_back(Effect::Tell(Event::Resumed { call: self.id }));
                Connected
            }
            (Connected | Held { .. }, Input::MediaLost) => {
                self.back_to = self.state;
                Recovering { since: now }
            }
            (Recovering { .. }, Input::MediaBack) => self.back_to,
            (Recovering { since }, Input::Held(held)) => {
                let event = if held {
                    self.settled(PendingRequest::Hold);
                    self.back_to = Held { since: now };
                    Event::Held { call: self.id }
                } else {
                    self.settled(PendingRequest::Resume);
                    self.back_to = Connected;
                    Event::Resumed { call: self.id }
                };
                self.out.push_back(Effect::Tell(event));
                Recovering { since }
            }
            (state, Input::Refused(request)) => {
                let concerns = matches!(
                    (request, self.pending()),
                    (Request::Answer, Some(PendingRequest::Answer))
                        | (Request::Decline, Some(PendingRequest::Decline))
                        | (Request::HangUp, Some(PendingRequest::HangUp))
                        | (Request::Hold, Some(PendingRequest::Hold | PendingRequest::Resume))
                );
                if concerns {
                    self.not_answered_after_all();
                    self.pending = None;
                }
                state
            }
            (state, Input::Tick) => {
                if let Some((request, until)) = self.pending.filter(|(_, until)| *until <= now) {
                    if request == PendingRequest::HangUp {
                        // Once is enough; the owner ends it.
                        self.pending = Some((request, until + Duration::from_hours(24)));
                        self.out.push_back(Effect::GiveUp);
                    } else {
                        self.not_answered_after_all();
                        self.pending = None;
                        self.out.push_back(Effect::Unconfirmed(request));
                    }
                }
                state
            }
            // What is not possible now, and what is said twice, changes nothing.
            (state, _) => state,
        };
    }

    pub fn poll(&mut self) -> Option<Effect> {
        self.out.pop_front()
    }

    /// When an unconfirmed request is given up.
    pub fn deadline(&self) -> Option<Instant> {
        self.pending.map(|(_, until)| until)
    }

    fn ask(&mut self, now: Instant, request: PendingRequest) -> CallState {
        self.pending = Some((request, now + CONFIRM_LIMIT));
        self.out.push_back(Effect::Ask(request));
        self.state
    }

    fn settled(&mut self, request: PendingRequest) {
        if self.pending() == Some(request) {
            self.pending = None;
        }
    }

    fn not_answered_after_all(&mut self) {
        if self.pending() == Some(PendingRequest::Answer) && self.connected.is_none() {
            self.asked = None;
        }
    }

    /// The microphone may be sent: connected, and neither held nor about to be held or ended.
    pub fn may_speak(&self) -> bool {
        let connected = match self.state {
            CallState::Connected => true,
            CallState::Recovering { .. } => self.back_to == CallState::Connected,
            _ => false,
        };
        connected && !matches!(self.pending(), Some(PendingRequest::Hold | PendingRequest::HangUp))
    }

    /// What arrives is for the user's ear: while connected, and while it rings there (announcements come so).
    pub fn may_hear(&self) -> bool {
        matches!(self.state, CallState::Dialling | CallState::Ringing) && self.pending().is_none() || self.may_speak()
    }

    /// It needs a session, now or at once.
    pub fn wants_media(&self) -> bool {
        let cancelled = self.connected.is_none() && self.pending() == Some(PendingRequest::HangUp);
        self.asked.is_some() && !cancelled
    }

    /// It rings here and nobody did anything about it.
    pub fn rings(&self) -> bool {
        matches!(self.state, CallState::Alerting { .. }) && self.pending.is_none()
    }

    /// How long the steps to the first packet took.
    pub fn setup(&self) -> SetupTimes {
        let between = |from: Option<Instant>, to: Option<Instant>| Some(millis(to?.saturating_duration_since(from?)));
        let (described, secured) =
            if self.warm { (self.connected, self.connected) } else { (self.described, self.media_up_at) };
        let facts = self.media.as_ref().filter(|_| !self.warm);
        SetupTimes {
            signalling: between(self.asked, described),
            ice: facts.map(|facts| facts.ice_ms),
            dtls: facts.map(|facts| facts.dtls_ms),
            first_media: between(secured, self.first_media),
            total: between(self.asked, self.first_media),
        }
    }
}

/// What was measured of one call. The counters of a session go on over several calls, so each call keeps where they
/// stood when it was connected.
#[derive(Clone, Debug, Default)]
pub struct Measures {
    base: MediaStats,
    audio_base: AudioStats,
    /// Counted on sessions that the call had before.
    carried: MediaStats,
    audio_carried: AudioStats,
    last: Option<MediaStats>,
    audio: Option<AudioStats>,
    quality: Option<Quality>,
    level_in: Loudness,
    level_out: Loudness,
    far_hears: Option<bool>,
    /// When something louder than a pause was last among what we sent.
    spoke: Option<Instant>,
    /// When the far end last reported about what we send.
    reported: Option<Instant>,
    /// Media was told though no single packet was reported.
    pub media_told: bool,
}

impl Measures {
    /// The call begins here.
    pub fn start(&mut self, base: MediaStats, audio_base: AudioStats) {
        *self = Self { base, audio_base, ..Self::default() };
    }

    /// Another session carries the call, with counters of its own; what was counted so far stays counted.
    pub fn other_session(&mut self) {
        self.carried = self.total();
        self.audio_carried = self.audio_total();
        self.base = MediaStats::default();
        self.audio_base = AudioStats::default();
        self.last = None;
        self.audio = None;
        self.reported = None;
    }

    /// The counters as they stood when the call was connected, which are known a moment later.
    pub fn start_was(&mut self, base: MediaStats, audio_base: Option<AudioStats>) {
        self.base = base;
        self.audio_base = audio_base.unwrap_or(self.audio_base);
    }

    /// The counters as they stand now that the call is over.
    pub fn finish(&mut self, stats: MediaStats, audio: Option<AudioStats>) {
        self.last = Some(stats);
        match (&mut self.audio, audio) {
            // The levels of silence after the hang-up are none of the call's.
            (Some(known), Some(audio)) => {
                *known =
                    AudioStats { level_in_dbfs: known.level_in_dbfs, level_out_dbfs: known.level_out_dbfs, ..audio };
            }
            (None, Some(audio)) => {
                self.level_in.add(audio.level_in_dbfs);
                self.level_out.add(audio.level_out_dbfs);
                self.audio = Some(audio);
            }
            (_, None) => {}
        }
    }

    pub fn audio(&mut self, now: Instant, stats: AudioStats) {
        if stats.spoken_ms > self.audio.unwrap_or(self.audio_base).spoken_ms {
            self.spoke = Some(now);
        }
        self.level_in.add(stats.level_in_dbfs);
        self.level_out.add(stats.level_out_dbfs);
        self.audio = Some(stats);
    }

    /// Takes the counters of one more second; gives what that second was like.
    pub fn stats(&mut self, now: Instant, connected: Option<Instant>, stats: &MediaStats) -> Quality {
        let before = self.last.as_ref().unwrap_or(&self.base);
        let received = stats.packets_received.saturating_sub(before.packets_received);
        let lost = stats.packets_lost.saturating_sub(before.packets_lost);
        let loss = share(lost, received);
        // A session that was warm has its reports from before; whether they go on shows soon.
        if stats.far_reports > before.far_reports || self.last.is_none() && stats.far_loss.is_some() {
            self.reported = Some(now);
        }
        let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
        self.far_hears = far_hears(WayThere {
            leaves: stats.packets_sent > before.packets_sent,
            lasted: since(connected).unwrap_or_default(),
            reported: since(self.reported),
            loss: stats.far_loss,
            spoke: since(self.spoke),
        });
        let audio = self.audio.unwrap_or_default();
        let quality = Quality {
            rtt_ms: stats.rtt_ms,
            jitter_ms: stats.jitter_ms,
            loss,
            buffer_ms: self.audio.map(|audio| audio.buffer_ms),
            level_in_dbfs: audio.level_in_dbfs,
            level_out_dbfs: audio.level_out_dbfs,
            mos: loss.and_then(|loss| mos(stats.rtt_ms, stats.jitter_ms, Some(loss))),
            far_mos: stats.far_loss.and_then(|far| mos(stats.rtt_ms, stats.far_jitter_ms, Some(far))),
        };
        self.last = Some(stats.clone());
        self.quality = Some(quality.clone());
        quality
    }

    pub fn quality(&self) -> Option<&Quality> {
        self.quality.as_ref()
    }

    pub fn far_hears(&self) -> Option<bool> {
        self.far_hears
    }

    /// Counters of this call alone.
    pub fn total(&self) -> MediaStats {
        let Some(last) = &self.last else { return self.carried.clone() };
        let (base, carried) = (&self.base, &self.carried);
        MediaStats {
            packets_sent: carried.packets_sent + last.packets_sent.saturating_sub(base.packets_sent),
            packets_received: carried.packets_received + last.packets_received.saturating_sub(base.packets_received),
            packets_lost: carried.packets_lost + last.packets_lost.saturating_sub(base.packets_lost),
            bytes_sent: carried.bytes_sent + last.bytes_sent.saturating_sub(base.bytes_sent),
            bytes_received: carried.bytes_received + last.bytes_received.saturating_sub(base.bytes_received),
            blocked_by_relay_fence: carried.blocked_by_relay_fence
                + last.blocked_by_relay_fence.saturating_sub(base.blocked_by_relay_fence),
            ..last.clone()
        }
    }

    pub fn audio_measured(&self) -> Option<AudioStats> {
        self.audio.map(|_| self.audio_total())
    }

    fn audio_total(&self) -> AudioStats {
        let Some(audio) = self.audio else { return self.audio_carried };
        let (base, carried) = (&self.audio_base, &self.audio_carried);
        AudioStats {
            concealed_ms: carried.concealed_ms + (audio.concealed_ms - base.concealed_ms).max(0.0),
            stretched_ms: carried.stretched_ms + (audio.stretched_ms - base.stretched_ms).max(0.0),
            buffer_ms: audio.buffer_ms,
            late_packets: carried.late_packets + audio.late_packets.saturating_sub(base.late_packets),
            spoken_ms: carried.spoken_ms + (audio.spoken_ms - base.spoken_ms).max(0.0),
            level_in_dbfs: self.level_in.mean_dbfs(),
            level_out_dbfs: self.level_out.mean_dbfs(),
        }
    }
}

/// `part` of `part + rest`; `None` of nothing.
pub fn share(part: u64, rest: u64) -> Option<f64> {
    let all = part.saturating_add(rest);
    (all > 0).then(|| part as f64 / all as f64)
}

/// Mean power over the seconds of a call.
#[derive(Clone, Copy, Debug, Default)]
struct Loudness {
    power: f64,
    seconds: u32,
}

impl Loudness {
    fn add(&mut self, dbfs: Option<f32>) {
        if let Some(dbfs) = dbfs.filter(|dbfs| !dbfs.is_nan()) {
            self.power += 10_f64.powf(f64::from(dbfs.min(0.0)) / 10.0);
            self.seconds = self.seconds.saturating_add(1);
        }
    }

    fn mean_dbfs(self) -> Option<f32> {
        (self.seconds > 0).then(|| (10.0 * (self.power / f64::from(self.seconds)).max(1e-10).log10()) as f32)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CALL: CallId = CallId(1);

    fn drain(call: &mut Call) -> Vec<Effect> {
        std::iter::from_fn(|| call.poll()).collect()
    }

    fn connected(now: Instant) -> Call {
        let mut call = Call::new(now, CALL, CallDirection::Out, true);
        call.handle(now, Input::Connected);
        drain(&mut call);
        call
    }

    #[test]
    fn a_request_is_pending_until_the_service_says_so() {
        let now = crate::media::testing::epoch();
        let mut call = connected(now);
        call.handle(now, Input::Hold(true));
        assert_eq!(drain(&mut call), [Effect::Ask(PendingRequest::Hold)]);
        assert_eq!((call.state(), call.pending()), (CallState::Connected, Some(PendingRequest::Hold)));
        assert!(!call.may_speak(), "nobody is heard who asked to be held");
        call.handle(now, Input::Held(true));
        assert_eq!((call.state(), call.pending()), (CallState::Held { since: now }, None));
    }

    #[test]
    fn a_hang_up_that_nobody_confirms_is_given_up_once_and_the_microphone_stays_closed() {
        let now = crate::media::testing::epoch();
        let mut call = connected(now);
        call.handle(now, Input::HangUp);
        drain(&mut call);
        let later = call.deadline().unwrap();
        call.handle(later, Input::Tick);
        call.handle(later, Input::Tick);
        assert_eq!(drain(&mut call), [Effect::GiveUp]);
        assert!(!call.may_speak());
    }

    #[test]
    fn a_refused_answer_rings_again() {
        let now = crate::media::testing::epoch();
        let mut call = Call::new(now, CALL, CallDirection::In, false);
        assert!(call.rings());
        call.handle(now, Input::Answer);
        assert!(!call.rings() && call.wants_media());
        call.handle(now, Input::Refused(Request::Answer));
        assert!(call.rings() && !call.wants_media());
    }

    #[test]
    fn warm_calls_have_neither_ice_nor_dtls() {
        let now = crate::media::testing::epoch();
        let at = |ms| now + Duration::from_millis(ms);
        let mut call = Call::new(now, CALL, CallDirection::In, false);
        call.warm = true;
        call.handle(at(100), Input::Answer);
        call.handle(at(140), Input::Connected);
        call.first_media = Some(at(150));
        let expected =
            SetupTimes { signalling: Some(40.0), ice: None, dtls: None, first_media: Some(10.0), total: Some(50.0) };
        assert_eq!(call.setup(), expected);
    }

    #[test]
    fn counters_of_an_earlier_call_do_not_count() {
        let now = crate::media::testing::epoch();
        let earlier = MediaStats { packets_sent: 500, packets_received: 400, packets_lost: 100, ..Default::default() };
        let mut measures = Measures::default();
        measures.start(earlier.clone(), AudioStats { concealed_ms: 40.0, ..Default::default() });
        let second = MediaStats { packets_sent: 550, packets_received: 450, packets_lost: 100, ..earlier };
        let quality = measures.stats(now, Some(now), &second);
        assert_eq!(quality.loss, Some(0.0));
        assert_eq!((measures.total().packets_lost, measures.total().packets_sent), (0, 50));
        measures.audio(now, AudioStats { concealed_ms: 60.0, level_in_dbfs: Some(-20.0), ..Default::default() });
        let audio = measures.audio_measured().unwrap();
        assert!((audio.concealed_ms - 20.0).abs() < 1e-9);
        assert!((audio.level_in_dbfs.unwrap() + 20.0).abs() < 1e-3);

        measures.other_session();
        measures.stats(now, Some(now), &MediaStats { packets_sent: 7, ..Default::default() });
        assert_eq!(measures.total().packets_sent, 57);
    }

    const INPUTS: [Input; 18] = [
        Input::Answer,
        Input::Decline,
        Input::HangUp,
        Input::Hold(true),
        Input::Hold(false),
        Input::AutoAnswered,
        Input::Ringing,
        Input::Connected,
        Input::Held(true),
        Input::Held(false),
        Input::MediaLost,
        Input::MediaBack,
        Input::Refused(Request::Answer),
        Input::Refused(Request::Decline),
        Input::Refused(Request::HangUp),
        Input::Refused(Request::Hold),
        Input::Refused(Request::Mute),
        Input::Tick,
    ];

    proptest! {
        #[test]
        fn whatever_the_order_of_inputs(
            inbound: bool,
            answered: bool,
            steps in prop::collection::vec((0..INPUTS.len(), 0..30_u64), 0..60)
        ) {
            let start = crate::media::testing::epoch();
            let mut now = start;
            let direction = if inbound { CallDirection::In } else { CallDirection::Out };
            let mut call = Call::new(now, CALL, direction, answered || !inbound);
            let mut told_connected = 0;
            for (i, secs) in steps {
                now += Duration::from_secs(secs);
                while call.deadline().is_some_and(|due| due <= now) {
                    call.handle(now, Input::Tick);
                }
                call.handle(now, INPUTS[i]);
                for effect in drain(&mut call) {
                    if effect == Effect::Tell(Event::Connected { call: CALL }) {
                        told_connected += 1;
                    }
                }
                prop_assert!(call.deadline().is_none_or(|due| due > now));
                // Speaking implies connected, told once, and nothing pending that forbids it.
                if call.may_speak() {
                    prop_assert!(call.connected.is_some() && told_connected == 1);
                    let silent = matches!(call.state(), CallState::Held { .. } | CallState::Alerting { .. });
                    prop_assert!(!silent);
                    prop_assert!(call.may_hear() && call.wants_media());
                }
                let alerting = matches!(call.state(), CallState::Alerting { .. });
                prop_assert!(!(alerting && call.may_hear()));
                prop_assert!(told_connected <= 1);
            }
        }
    }
}
