//! The picture of the phone, and the record of a call.

use std::sync::Arc;
use std::time::Instant;

use super::Phone;
use crate::call::{Call, share};
use crate::event::{AudioFigures, CallReport, EndReason, EndedBy, MosFigures, NetworkFigures, PacketCounts, millis};
use crate::hold;
use crate::media::RelayPolicy;
use crate::quality::mos;
use crate::snapshot::{CallState, CallView, PersistentView, SettingsChanged, Snapshot};

impl Phone {
    pub(super) fn phone_change_refused(&self) -> Option<&'static str> {
        if !self.calls.is_empty() {
            return Some("a call is in progress");
        }
        self.refusal(|can| can.choose_phone)
    }

    pub(super) fn build_snapshot(&self) -> Snapshot {
        let config = self.session_config();
        Snapshot {
            standing: self.standing.clone(),
            account: self.account.clone(),
            phones: self.phones.clone(),
            phone_missing: self.missing.clone(),
            settings_changed: (!self.settings_changed.is_empty())
                .then(|| SettingsChanged { changes: self.settings_changed.clone(), after_call: self.apply_settings }),
            wrap_ups: self.wrap_ups.clone(),
            sign_in_page: self.sign_in_page.clone(),
            phone_change_refused: self.phone_change_refused(),
            persistent: self.persistent_view(),
            calls: self.calls.iter().map(|call| self.call_view(call)).collect(),
            muted: self.muted,
            sound: self.sound.clone(),
            recent: self.recent.iter().cloned().collect(),
            relay_forced: config.relay == RelayPolicy::ForceRelay,
            media_servers: config.servers,
            dscp: config.dscp,
            settings: Arc::clone(&self.rules.effective),
            session_settings: self.rules.session.clone(),
            settings_wait: self.rules.waiting.is_some(),
            revision: self.revision,
        }
    }

    fn persistent_view(&self) -> PersistentView {
        match self.hold.view() {
            hold::View::Off => PersistentView::Off,
            hold::View::Closed => PersistentView::Closed,
            hold::View::Opening => PersistentView::Opening,
            hold::View::Warm { until } => PersistentView::Warm { until: Some(until) },
            hold::View::InCall | hold::View::Unsure { call: true } => PersistentView::InCall,
            hold::View::Unsure { call: false } => PersistentView::Warm { until: None },
            hold::View::Recovering { since } => PersistentView::Recovering { since },
        }
    }

    pub(super) fn transfer_refused(&self, call: &Call) -> Option<&'static str> {
        match call.state() {
            CallState::Connected | CallState::Held { .. } | CallState::Recovering { .. } => {
                self.refusal(|can| can.transfer)
            }
            _ => Some("the call is not connected yet"),
        }
    }

    fn call_view(&self, call: &Call) -> CallView {
        let hold_refused = match call.state() {
            CallState::Connected | CallState::Held { .. } => self.refusal(|can| can.hold),
            CallState::Recovering { .. } => Some("the connection is being restored"),
            _ => Some("the call is not connected yet"),
        };
        let measured = matches!(call.state(), CallState::Connected);
        CallView {
            id: call.id,
            direction: call.direction,
            peer_name: call.peer_name.clone(),
            peer_address: call.peer_address.clone(),
            queue: call.queue.clone(),
            state: call.state(),
            muted: self.muted,
            pending: call.pending(),
            hold_refused,
            transfer_refused: self.transfer_refused(call),
            consult: call.consult.clone(),
            started: call.started,
            connected: call.connected,
            quality: call.measures.quality().cloned(),
            media: call.media.clone(),
            far_hears: call.measures.far_hears().filter(|_| measured),
            digits: call.digits.clone(),
        }
    }
}

/// The record of a call that ended.
pub fn report(now: Instant, call: &Call, by: EndedBy, reason: EndReason, code: Option<String>) -> CallReport {
    let total = call.measures.total();
    let audio = call.measures.audio_measured();
    let facts = call.media.as_ref();
    let loss = share(total.packets_lost, total.packets_received);
    let peer = if call.peer_name.reveal().is_empty() { &call.peer_address } else { &call.peer_name };
    CallReport {
        id: call.id.to_string(),
        direction: call.direction,
        // The record is the user's own; it goes to the screen and to the command line, not to a log.
        peer: peer.reveal().clone(),
        warm: call.warm,
        setup_ms: call.setup(),
        path: facts.map(|facts| facts.path),
        relay: facts.and_then(|facts| facts.relay.clone()),
        codec: facts.map(|facts| facts.codec.to_string()),
        security: facts.map(|facts| facts.security.clone()),
        dscp: facts.map(|facts| facts.dscp),
        packets: PacketCounts {
            sent: total.packets_sent,
            received: total.packets_received,
            lost: total.packets_lost,
            late: audio.map_or(0, |audio| audio.late_packets),
            blocked_by_relay_fence: total.blocked_by_relay_fence,
        },
        audio: AudioFigures {
            concealed_ms: audio.map(|audio| audio.concealed_ms),
            stretched_ms: audio.map(|audio| audio.stretched_ms),
            jitter_ms: total.jitter_ms,
            buffer_ms: audio.map(|audio| audio.buffer_ms),
            level_in_dbfs: audio.and_then(|audio| audio.level_in_dbfs),
            level_out_dbfs: audio.and_then(|audio| audio.level_out_dbfs),
        },
        network: NetworkFigures { rtt_ms: total.rtt_ms, loss, jitter_ms: total.jitter_ms },
        mos: MosFigures {
            listening: loss.and_then(|loss| mos(total.rtt_ms, total.jitter_ms, Some(loss))),
            far: total.far_loss.and_then(|far| mos(total.rtt_ms, total.far_jitter_ms, Some(far))),
        },
        ended_by: by,
        end_reason: reason,
        code,
        connected_ms: call.connected.map(|at| millis(now.saturating_duration_since(at))),
    }
}
