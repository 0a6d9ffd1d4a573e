//! The phone (station): which exist, which is used, and what it decides.

use super::rest::{self, Purpose, Reply};
use super::{GenesysLine, notice, wire};
use crate::line::{LineEvent, LineSettings};
use crate::media::IceServer;
use crate::output::{HttpBody, Method};
use crate::snapshot::PhoneView;

/// Phones shown.
const MAX_PHONES: usize = 200;

impl GenesysLine {
    pub(super) fn list_stations(&mut self) {
        let Some(user) = self.identity.as_ref().map(|identity| rest::segment(&identity.user)) else { return };
        self.get(Purpose::Stations, format!("/api/v2/stations?webRtcUserId={user}&pageSize=100"));
    }

    pub(super) fn stations_came(&mut self, reply: &Reply) {
        let page = match reply {
            Reply::Good(body) => wire::parse::<wire::Page<wire::Station>>(body),
            _ => None,
        };
        // Without the list calls work all the same.
        let Some(mut page) = page else { return };
        page.entities.retain(|station| !station.id.is_empty());
        page.entities.truncate(MAX_PHONES);
        self.stations = page.entities;
        let none_selected =
            self.station.is_none() && self.identity.as_ref().is_some_and(|identity| identity.station.is_none());
        if none_selected && let [only] = self.stations.as_slice() {
            let id = only.id.clone();
            self.select_phone(&id);
        }
        self.phones_changed();
    }

    pub(super) fn station_known(&mut self, station: wire::Station) {
        if let Some(identity) = self.identity.as_mut() {
            identity.station = Some(station.id.clone());
        }
        match self.stations.iter_mut().find(|known| known.id == station.id) {
            Some(known) => *known = station.clone(),
            None => self.stations.push(station.clone()),
        }
        self.station = Some(station);
        self.phones_changed();
        self.settings_changed();
    }

    pub(super) fn select_phone(&mut self, id: &str) {
        let path = format!("/api/v2/users/stations/me/associatedstation/{}", rest::segment(id));
        let purpose = Purpose::SelectPhone { id: id.to_owned() };
        self.send_body(purpose, Method::Put, path, HttpBody::Empty);
    }

    pub(super) fn phone_selected(&mut self, id: &str, reply: &Reply) {
        match reply.failure() {
            None => self.get(Purpose::Station, format!("/api/v2/stations/{}", rest::segment(id))),
            Some(why) => {
                let status = if let Reply::Refused { status, .. } = reply { Some(*status) } else { None };
                self.problem(notice::phone_refused(status, &why));
            }
        }
    }

    pub(super) fn station_event(&mut self, action: &str, event: wire::StationEvent) {
        let id = event.associated_station.map(|station| station.id).filter(|id| !id.is_empty());
        let current = self.station.as_ref().map(|station| station.id.clone());
        match (action, id.or(current)) {
            ("Associated" | "WebRTCMigration", Some(id)) => {
                self.get(Purpose::Station, format!("/api/v2/stations/{}", rest::segment(&id)));
            }
            // Unless we let go of it only to take it again.
            ("Disassociated", _)
                if !self
                    .pending
                    .values()
                    .any(|p| matches!(p.purpose, Purpose::SelectPhone { .. } | Purpose::ForgetStation { .. })) =>
            {
                self.station = None;
                if let Some(identity) = self.identity.as_mut() {
                    identity.station = None;
                }
                self.phones_changed();
                self.settings_changed();
            }
            _ => {}
        }
    }

    /// The service knows a session that we do not: letting go of the phone and taking it again ends it. There is no
    /// other way to name a session of which we know nothing.
    pub(super) fn end_forgotten_session(&mut self) {
        let Some(id) = self.station.as_ref().map(|station| station.id.clone()) else { return };
        let path = "/api/v2/users/stations/me/associatedstation".into();
        self.send_body(Purpose::ForgetStation { id }, Method::Delete, path, HttpBody::Empty);
    }

    fn phones_changed(&mut self) {
        let user = self.identity.as_ref().map(|identity| identity.user.clone()).unwrap_or_default();
        let selected = self.station.as_ref().map(|station| station.id.clone());
        let phones = self
            .stations
            .iter()
            .map(|station| PhoneView {
                id: station.id.clone(),
                name: station.name.clone(),
                site: station
                    .site
                    .as_ref()
                    .or(station.primary_edge.as_ref())
                    .map(|site| site.name.clone())
                    .unwrap_or_default(),
                selected: selected.as_deref() == Some(&station.id),
                refused: refusal(station, &user),
                webrtc: station.is_webrtc(),
            })
            .collect();
        self.emit(LineEvent::Phones(phones));
    }

    /// What station and ICE discovery together decide about media.
    pub(super) fn settings_changed(&mut self) {
        let turn = self.turn.clone().unwrap_or_default();
        let stun = self.stun.clone().unwrap_or_default();
        let station = self.station.as_ref();
        // TURN servers without any STUN server is how the service says that a relay has to be used.
        let only_turn = !turn.is_empty() && self.stun.is_some() && stun.is_empty();
        let has_turn = turn.iter().any(|server| matches!(server, IceServer::Turn { .. }));
        let settings = LineSettings {
            held_session: self.persistent(),
            relay_forced: only_turn && has_turn || station.is_some_and(|station| station.web_rtc_force_turn),
            dscp: station.and_then(|station| station.web_rtc_media_dscp).filter(|dscp| *dscp < 64),
            servers: turn.into_iter().chain(stun).collect(),
        };
        if settings != self.settings {
            self.settings = settings.clone();
            self.emit(LineEvent::Settings(settings));
        }
    }
}

/// Why a phone cannot be selected.
fn refusal(station: &wire::Station, user: &str) -> Option<String> {
    if !station.is_webrtc() {
        return Some("It is not a WebRTC phone.".into());
    }
    if !station.web_rtc_user_id.is_empty() && station.web_rtc_user_id != user {
        return Some("It was made for another user.".into());
    }
    if station.status == "ASSOCIATED" && !station.user_id.is_empty() && station.user_id != user {
        return Some("Another user is using it.".into());
    }
    station.web_rtc_require_media_helper.then(|| "It needs the vendor's media helper.".into())
}
