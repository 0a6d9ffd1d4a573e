//! News of the media thread and of the sound system.

use std::time::Instant;

use super::{Phone, Timer, notice};
use crate::call;
use crate::event::{AudioStats, Event};
use crate::hold;
use crate::ids::{CallId, SessionId};
use crate::line::{LineCommand, SessionEnd};
use crate::media::{DescriptionKind, MediaError, MediaEvent, MediaStats, MediaUp};
use crate::snapshot::{CallState, MicrophoneTime, RoleView};
use crate::sound::{SoundCommand, SoundEvent, SoundRole};

impl Phone {
    pub(super) fn media_event(&mut self, now: Instant, event: MediaEvent) {
        match event {
            MediaEvent::Description { session, kind: DescriptionKind::Answer, sdp } => {
                self.tell_line(now, LineCommand::Answered { session, sdp });
            }
            MediaEvent::LocalCandidate { session, mid, candidate } => {
                self.tell_line(now, LineCommand::LocalCandidate { session, mid, candidate });
            }
            MediaEvent::EndOfCandidates { session } => self.tell_line(now, LineCommand::EndOfCandidates { session }),
            MediaEvent::Up { session, facts } => self.session_is_up(now, session, &facts),
            MediaEvent::FirstMedia { session } => self.first_media(now, session),
            MediaEvent::Interrupted { session } => self.session_interrupted(now, session),
            // No line of ours offers; what may flow is the service's to decide, held calls are told by its events.
            MediaEvent::Description { kind: DescriptionKind::Offer, .. } | MediaEvent::RemoteDirection { .. } => {}
            MediaEvent::Digit { session, digit } => {
                if let Some(call) = self.speaking_call(session) {
                    self.event(Event::DigitReceived { call, digit });
                }
            }
            MediaEvent::DigitSent { session, digit } => {
                if let Some(call) = self.speaking_call(session) {
                    self.digit_sent(call, digit);
                }
            }
            MediaEvent::Stats { session, stats } => self.media_stats(now, session, &stats),
            MediaEvent::Counted { session, call, stats, audio } => {
                self.counted(session, call, stats.map(|stats| *stats), audio);
            }
            MediaEvent::Failed { session, error } => self.session_failed(now, session, &error),
        }
    }

    fn calls_on(&self, session: SessionId) -> Vec<CallId> {
        self.calls.iter().filter(|call| call.session == Some(session)).map(|call| call.id).collect()
    }

    fn speaking_call(&self, session: SessionId) -> Option<CallId> {
        self.calls.iter().find(|call| call.session == Some(session) && call.may_speak()).map(|call| call.id)
    }

    fn session_is_up(&mut self, now: Instant, id: SessionId, facts: &MediaUp) {
        let Some(session) = self.session_mut(id) else { return };
        session.up = Some((now, facts.clone()));
        session.lost = false;
        self.changed();
        self.tell_line(now, LineCommand::SessionUp { session: id });
        if self.held == Some(id) {
            self.hold.handle(now, hold::Input::MediaUp);
        }
        for call in self.calls_on(id) {
            self.timers.cancel(&Timer::Recover(call));
            if let Some(call) = self.call_mut(call) {
                // After a recovery the first figures stay: they are those of the set-up.
                if call.media_up_at.is_none() {
                    call.media_up_at = Some(now);
                }
                call.media = Some(facts.clone());
            }
            self.tell_call(now, call, call::Input::MediaBack);
        }
    }

    fn first_media(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        session.first_media = Some(now);
        for id in self.calls_on(id) {
            let Some(call) = self.call_mut(id) else { continue };
            // On a warm session packets flow before the call is up; only what it hears itself counts.
            if call.first_media.is_none() && (!call.warm || call.may_hear()) {
                call.first_media = Some(now);
                self.tell_media(id);
            }
        }
    }

    /// Tells that the call was heard, once, and not before it is connected.
    pub(super) fn tell_media(&mut self, id: CallId) {
        let Some(call) = self.call_mut(id).filter(|call| call.connected.is_some()) else { return };
        if !std::mem::replace(&mut call.measures.media_told, true) {
            self.event(Event::Media { call: id });
        }
    }

    fn session_interrupted(&mut self, now: Instant, id: SessionId) {
        let Some(session) = self.session_mut(id) else { return };
        session.lost = true;
        self.changed();
        if self.held == Some(id) {
            self.hold.handle(now, hold::Input::MediaLost);
        }
        for call in self.calls_on(id) {
            // The engine goes on trying and says when it gives up, so there is no limit of ours.
            self.tell_call(now, call, call::Input::MediaLost);
        }
    }

    fn session_failed(&mut self, now: Instant, id: SessionId, error: &MediaError) {
        if self.session_mut(id).is_none() {
            return;
        }
        let calls = self.calls_on(id);
        let in_call = calls.iter().any(|call| self.call_mut(*call).is_some_and(|call| call.connected.is_some()));
        self.problem(notice::media_failed(error, in_call));
        if let Some(session) = self.session_mut(id) {
            session.lost = true;
        }
        let held = self.held == Some(id);
        self.end_session(id, SessionEnd::MediaFailed);
        if held {
            self.hold.handle(now, hold::Input::MediaGone);
        }
        for call in calls {
            let recovers = *error == MediaError::ConsentLost
                && self.call_mut(call).is_some_and(|call| {
                    matches!(call.state(), CallState::Connected | CallState::Held { .. } | CallState::Recovering { .. })
                });
            if recovers {
                self.call_lost_media(now, call);
            } else {
                self.fail_call(now, call, notice::media_code(error));
            }
        }
    }

    fn media_stats(&mut self, now: Instant, id: SessionId, stats: &MediaStats) {
        let Some(session) = self.session_mut(id) else { return };
        let flows = stats.packets_received > session.stats.packets_received;
        session.stats = stats.clone();
        for id in self.calls_on(id) {
            let Some(call) = self.call_mut(id) else { continue };
            if !matches!(call.state(), CallState::Connected | CallState::Held { .. } | CallState::Recovering { .. }) {
                continue;
            }
            let quality = call.measures.stats(now, call.connected, stats);
            let heard = flows && call.first_media.is_none() && call.may_hear() && !call.measures.media_told;
            if heard {
                // The packet itself was not reported, so its time is not known; that it came is.
                self.tell_media(id);
            }
            self.event(Event::Quality { call: id, quality });
        }
    }

    pub(super) fn audio_stats(&mut self, now: Instant, id: SessionId, stats: AudioStats) {
        let Some(session) = self.session_mut(id) else { return };
        session.audio = stats;
        for id in self.calls_on(id) {
            if let Some(call) = self.call_mut(id).filter(|call| call.connected.is_some()) {
                call.measures.audio(now, stats);
            }
        }
    }

    // Sound.

    pub(super) fn role_view(&mut self, role: SoundRole) -> &mut RoleView {
        match role {
            SoundRole::Microphone => &mut self.sound.microphone,
            SoundRole::Speaker => &mut self.sound.speaker,
            SoundRole::Ringer => &mut self.sound.ringer,
        }
    }

    /// The device that a role uses, or would use.
    pub(super) fn device_of_role(&mut self, role: SoundRole) -> Option<String> {
        let view = self.role_view(role);
        let open = view.device.as_ref().filter(|_| view.open).map(|(id, _)| id.clone());
        let choice = view.choice.clone();
        open.or_else(|| choice.pick(role, &self.sound.devices).map(|device| device.id.clone()))
    }

    pub(super) fn set_volume(&mut self, role: SoundRole, device: String, percent: u8) {
        let volumes = &mut self.role_view(role).volumes;
        // More devices than anybody has; what is left out has the usual volume.
        if volumes.len() < 256 || volumes.contains_key(&device) {
            volumes.insert(device, percent.min(100));
        }
        self.settle_volume(role);
    }

    /// Brings the volume in force to that of the device.
    pub(super) fn settle_volume(&mut self, role: SoundRole) {
        let device = self.device_of_role(role).unwrap_or_default();
        let view = self.role_view(role);
        let usual = RoleView::default().volume_percent;
        let percent = view.volumes.get(&device).or_else(|| view.volumes.get("")).copied().unwrap_or(usual);
        if view.volume_percent != percent {
            view.volume_percent = percent;
            self.sound(SoundCommand::Volume { role, percent });
        }
    }

    pub(super) fn sound_event(&mut self, event: SoundEvent) {
        self.changed();
        match event {
            SoundEvent::Devices(devices) => {
                self.sound.devices = devices;
                for role in [SoundRole::Microphone, SoundRole::Speaker, SoundRole::Ringer] {
                    self.settle_volume(role);
                }
                // With other devices an old problem may be a new one.
                self.told_sound.clear();
            }
            SoundEvent::Opened { role, id, name, why } => {
                let view = self.role_view(role);
                view.device = Some((id, name.clone()));
                view.open = true;
                view.problem = None;
                self.told_sound.retain(|(told, _)| *told != role);
                self.settle_volume(role);
                self.event(Event::Device { role, name, why });
            }
            SoundEvent::Closed { role } => self.role_view(role).open = false,
            SoundEvent::Failed { role, problem } => {
                let notice = notice::sound_failed(role, &problem);
                let view = self.role_view(role);
                view.open = false;
                view.problem = Some(problem);
                // Devices are tried again and again; one notice for each problem is enough, and one for all roles
                // where there is no sound at all.
                let told = (role, notice.text.clone());
                let again = self
                    .told_sound
                    .iter()
                    .any(|known| *known == told || notice.id == "no-sound-server" && known.1 == notice.text);
                if !again {
                    self.told_sound.push(told);
                    self.problem(notice);
                }
            }
            SoundEvent::Measuring { id, phase } => self.event(Event::Measuring { id, phase }),
            SoundEvent::Measured(measured) => self.event(Event::Measured(measured)),
            SoundEvent::MicrophoneTime { open_ms, open_while_idle_ms } => {
                self.sound.microphone_time = Some(MicrophoneTime { open_ms, open_while_idle_ms });
            }
        }
    }
}
