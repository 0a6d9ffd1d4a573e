//! The phone (station): which exist, which is used, and what it decides.

use std::time::{Duration, Instant};

use super::rest::{self, Purpose, Reply};
use super::{GenesysLine, Timer, notice, wire};
use crate::line::{LineEvent, LineSettings};
use crate::media::IceServer;
use crate::output::{HttpBody, Method};
use crate::snapshot::{PhoneMissing, PhoneView, SettingChange};

/// Phones shown.
const MAX_PHONES: usize = 200;
/// How often the phone's settings are looked at: a change is told within 30 s.
const CHECK_EVERY: Duration = Duration::from_secs(25);

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
        self.sort_stations();
        let none_selected =
            self.station.is_none() && self.identity.as_ref().is_some_and(|identity| identity.station.is_none());
        if none_selected && let [only] = self.stations.as_slice() {
            let id = only.id.clone();
            self.select_phone(&id);
        } else if none_selected && !self.stations.iter().any(wire::Station::is_webrtc) {
            // DX-04: find out why. Administrators may look at the phones; others may at least look at the last one.
            let user = self.identity.as_ref().map(|identity| rest::segment(&identity.user)).unwrap_or_default();
            let path =
                format!("/api/v2/telephony/providers/edges/phones?webRtcUser.id={user}&pageSize=25&fields=webRtcUser");
            self.get(Purpose::MyPhones, path);
        }
        self.phones_changed();
    }

    /// WebRTC phones first, then by name.
    fn sort_stations(&mut self) {
        self.stations.sort_by_key(|station| (!station.is_webrtc(), station.name.to_lowercase()));
    }

    pub(super) fn my_phones_came(&mut self, reply: &Reply) {
        let phones = match reply {
            Reply::Good(body) => wire::parse::<wire::Page<wire::AdminPhone>>(body).map(|page| page.entities),
            _ => None,
        };
        let user = self.identity.as_ref().map(|identity| identity.user.clone()).unwrap_or_default();
        let missing = phones.as_ref().and_then(|phones| {
            let phone = phones.first()?;
            let name = phone.name.clone();
            let base = phone.phone_base_settings.as_ref().is_some_and(|base| !base.id.is_empty());
            Some(if phone.web_rtc_user.as_ref().is_some_and(|other| !other.id.is_empty() && other.id != user) {
                PhoneMissing::OtherUser { name }
            } else if phone.state == "inactive" || phone.state == "deleted" {
                PhoneMissing::Disabled { name }
            } else if !base {
                PhoneMissing::NoBaseSettings { name }
            } else {
                // It is there and all right: its station is still being made.
                return None;
            })
        });
        match (missing, self.last_station.clone()) {
            (Some(missing), _) => self.phone_is_missing(Some(missing)),
            (None, Some(last)) => self.get(Purpose::StationCheck, format!("/api/v2/stations/{}", rest::segment(&last))),
            (None, None) if phones.as_ref().is_none_or(Vec::is_empty) => {
                self.phone_is_missing(Some(PhoneMissing::NotCreated));
            }
            (None, None) => {}
        }
    }

    fn phone_is_missing(&mut self, missing: Option<PhoneMissing>) {
        if self.phone_missing != missing {
            self.phone_missing.clone_from(&missing);
            self.emit(LineEvent::PhoneMissing(missing));
        }
    }

    // Settings that change while they are in use.

    pub(super) fn watch_station(&mut self, now: Instant) {
        self.timers.set(Timer::StationCheck, now + CHECK_EVERY);
    }

    pub(super) fn check_station(&mut self, now: Instant) {
        if let Some(id) = self.station.as_ref().map(|station| rest::segment(&station.id)) {
            self.get(Purpose::StationCheck, format!("/api/v2/stations/{id}"));
        }
        self.watch_station(now);
    }

    /// The service does not tell when base settings, phone or site change, and it applies them to new sign-ins only.
    /// So we look, and say so.
    pub(super) fn station_checked(&mut self, reply: &Reply) {
        let station = match reply {
            Reply::Good(body) => wire::parse::<wire::Station>(body).filter(|station| !station.id.is_empty()),
            _ => None,
        };
        let user = self.identity.as_ref().map(|identity| identity.user.clone()).unwrap_or_default();
        let Some(used) = self.station.clone() else {
            // Asked because there is no phone.
            let other = station.filter(|station| {
                !station.web_rtc_user_id.is_empty() && station.web_rtc_user_id != user
                    || !station.user_id.is_empty() && station.user_id != user
            });
            let missing = match other {
                Some(station) => PhoneMissing::OtherUser { name: station.name },
                None => PhoneMissing::NotCreated,
            };
            return self.phone_is_missing(Some(missing));
        };
        if let Some(station) = station.filter(|station| station.id == used.id) {
            self.compare(&used, &station);
        }
    }

    fn compare(&mut self, used: &wire::Station, new: &wire::Station) {
        let on = |on: bool| if on { "on" } else { "off" }.to_owned();
        let number = |number: Option<u32>| number.map_or_else(|| "not set".to_owned(), |number| number.to_string());
        let persistent = |station: &wire::Station| on(station.is_webrtc() && station.web_rtc_persistent_enabled);
        let values = |station: &wire::Station| {
            [
                ("persistent connection", persistent(station)),
                ("Force TURN", on(station.web_rtc_force_turn)),
                ("media DSCP", number(station.web_rtc_media_dscp.map(u32::from))),
                ("calls at once", number(station.web_rtc_call_appearances)),
                ("phone name", station.name.clone()),
                ("site", site_name(station)),
            ]
        };
        let changes: Vec<SettingChange> = values(used)
            .into_iter()
            .zip(values(new))
            .filter(|((_, used), (_, new))| used != new)
            .map(|((name, used), (_, new))| SettingChange { name, used, new })
            .collect();
        if changes != self.outdated {
            self.outdated.clone_from(&changes);
            self.emit(LineEvent::SettingsChanged(changes));
        }
    }

    pub(super) fn release_phone(&mut self) {
        let path = "/api/v2/users/stations/me/associatedstation".into();
        self.send_body(Purpose::ReleasePhone, Method::Delete, path, HttpBody::Empty);
    }

    pub(super) fn phone_released(&mut self, reply: &Reply) {
        // The event that follows takes it off the screen.
        if let Some(why) = reply.failure() {
            self.problem(notice::request_failed("release the phone", &why));
        }
    }

    pub(super) fn station_known(&mut self, station: wire::Station) {
        if let Some(identity) = self.identity.as_mut() {
            identity.station = Some(station.id.clone());
        }
        match self.stations.iter_mut().find(|known| known.id == station.id) {
            Some(known) => *known = station.clone(),
            None => self.stations.push(station.clone()),
        }
        self.sort_stations();
        self.station = Some(station);
        self.phone_is_missing(None);
        if !self.outdated.is_empty() {
            self.outdated.clear();
            self.emit(LineEvent::SettingsChanged(Vec::new()));
        }
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
            // The one that is in use already: what changed of it waits for a new sign-in.
            ("Associated", Some(id))
                if self.station.as_ref().is_some_and(|station| station.id == id)
                    && !self.pending.values().any(|p| matches!(p.purpose, Purpose::ForgetStation { .. })) =>
            {
                self.get(Purpose::StationCheck, format!("/api/v2/stations/{}", rest::segment(&id)));
            }
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
                site: site_name(station),
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

/// The site, where the service says it; else the edge, which belongs to one.
fn site_name(station: &wire::Station) -> String {
    let place = station.site.as_ref().or(station.primary_edge.as_ref());
    place.map(|place| place.name.clone()).unwrap_or_default()
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
