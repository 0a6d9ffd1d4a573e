//! Made-up people: users, their stations (phones) and the organisation.

use serde_json::{Value, json};

use crate::ExchangeOptions;
use crate::chance::{stable_hex, stable_uuid};
use crate::directory::{Decided, Directory, Shelf, first_line, reference, text};

/// Domain of every JID.
pub const DOMAIN: &str = "practice0000000000.orgspan.com";
pub const ORGANISATION: &str = "Offhook Practice";
/// Most users an exchange has; names beyond are ignored.
const MOST_USERS: usize = 64;

/// Index of a user in [`People::users`].
pub type UserIx = usize;

#[derive(Clone, Debug)]
pub struct User {
    /// What `login_hint` names.
    pub login: String,
    pub name: String,
    pub id: String,
    /// Bare JID.
    pub jid: String,
    /// Id of the station in use.
    pub station: Option<String>,
    pub routing_status: String,
    /// Has the permission to administer phones.
    pub administrator: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StationKind {
    WebRtc {
        /// Id of the phone that it belongs to.
        phone: String,
    },
    /// A desk phone that is out of order: to be seen, not to be chosen.
    Desk,
}

#[derive(Clone, Debug)]
pub struct Station {
    pub id: String,
    pub name: String,
    /// Id.
    pub site: String,
    pub kind: StationKind,
    pub owner: UserIx,
    /// Who is associated.
    pub user: Option<UserIx>,
}

impl Station {
    fn phone(&self) -> Option<&str> {
        match &self.kind {
            StationKind::WebRtc { phone } => Some(phone),
            StationKind::Desk => None,
        }
    }
}

#[derive(Debug)]
pub struct People {
    pub users: Vec<User>,
    pub stations: Vec<Station>,
    pub directory: Directory,
}

impl People {
    pub fn new(options: &ExchangeOptions) -> Self {
        let directory = Directory::practice(options);
        let mut people = Self { users: Vec::new(), stations: Vec::new(), directory };
        for login in options.users.iter().take(MOST_USERS) {
            let login = login.trim().to_lowercase();
            if login.is_empty() || people.by_login(&login).is_some() {
                continue;
            }
            let ix = people.users.len();
            let name = full_name(&login);
            let short = short_name(&name);
            let user_id = stable_uuid("user", &login);
            let stations = [
                (format!("{short}_WebRTC"), "Madrid", Some("Office_WebRTC_Standard")),
                (format!("{short}_WebRTC_Home"), "Lisboa", Some("Home_WebRTC_Standard")),
                (format!("{short}_Desk"), "Madrid", None),
            ];
            let first = stable_uuid("station", &format!("{login}/{short}_WebRTC"));
            for (name, site, base) in stations {
                let id = stable_uuid("station", &format!("{login}/{name}"));
                let user = (id == first).then_some(ix);
                let kind = match base {
                    Some(base) => StationKind::WebRtc {
                        phone: people.directory.add_practice_phone(&name, site, base, &user_id, &id),
                    },
                    None => StationKind::Desk,
                };
                people.stations.push(Station { id, name, site: stable_uuid("site", site), kind, owner: ix, user });
            }
            people.users.push(User {
                id: user_id,
                administrator: options.administrators.iter().any(|name| name.trim().eq_ignore_ascii_case(&login)),
                jid: format!("{}@{DOMAIN}", stable_hex("user", &login)),
                station: Some(first),
                routing_status: "OFF_QUEUE".to_owned(),
                name,
                login,
            });
        }
        people
    }

    pub fn by_login(&self, login: &str) -> Option<UserIx> {
        let login = login.trim().to_lowercase();
        self.users.iter().position(|user| user.login == login)
    }

    pub fn by_id(&self, id: &str) -> Option<UserIx> {
        self.users.iter().position(|user| user.id == id)
    }

    /// A user as a person dials: log-in name, display name or the user part of an address.
    pub fn by_any_name(&self, name: &str) -> Option<UserIx> {
        self.by_login(name).or_else(|| {
            let name = name.trim().to_lowercase();
            self.users.iter().position(|user| user.name.to_lowercase() == name)
        })
    }

    pub fn user(&self, ix: UserIx) -> Option<&User> {
        self.users.get(ix)
    }

    /// The log-in name, for sentences.
    pub fn login(&self, ix: UserIx) -> &str {
        self.users.get(ix).map_or("nobody", |user| &user.login)
    }

    pub fn station(&self, id: &str) -> Option<&Station> {
        self.stations.iter().find(|station| station.id == id)
    }

    /// The WebRTC station a user is on now.
    pub fn webrtc_station(&self, ix: UserIx) -> Option<&Station> {
        let id = self.users.get(ix)?.station.as_deref()?;
        self.station(id).filter(|station| matches!(station.kind, StationKind::WebRtc { .. }))
    }

    pub fn is_administrator(&self, ix: UserIx) -> bool {
        self.users.get(ix).is_some_and(|user| user.administrator)
    }

    /// What an administrator decided for the WebRTC station that a user is on.
    pub fn decided(&self, ix: UserIx) -> Option<Decided> {
        let StationKind::WebRtc { phone } = &self.webrtc_station(ix)?.kind else { return None };
        Some(self.directory.decided(phone))
    }

    /// The same for the station that the user would take, where there is none in use.
    pub fn would_be_decided(&self, ix: UserIx) -> Option<Decided> {
        let first = || self.stations.iter().filter(|station| station.owner == ix).find_map(Station::phone);
        self.decided(ix).or_else(|| first().map(|phone| self.directory.decided(phone)))
    }

    /// Stations follow the phones of the directory. Gives the users who lost the one they were on.
    pub fn settle_stations(&mut self) -> Vec<UserIx> {
        let mut wanted: Vec<(String, String, String, String, UserIx)> = Vec::new();
        for phone in self.directory.all(Shelf::Phones).filter(|phone| text(phone, "state") == "active") {
            let Some(owner) = self.by_id(reference(phone, "webRtcUser")) else { continue };
            let station = first_line(phone).get("id").and_then(Value::as_str).unwrap_or_default();
            let of = |field: &str| text(phone, field).to_owned();
            wanted.push((station.to_owned(), of("id"), of("name"), reference(phone, "site").to_owned(), owner));
        }
        for (id, phone, name, site, owner) in &wanted {
            match self.stations.iter_mut().find(|station| station.id == *id) {
                Some(station) => {
                    name.clone_into(&mut station.name);
                    site.clone_into(&mut station.site);
                    station.owner = *owner;
                }
                None => self.stations.push(Station {
                    id: id.clone(),
                    name: name.clone(),
                    site: site.clone(),
                    kind: StationKind::WebRtc { phone: phone.clone() },
                    owner: *owner,
                    user: None,
                }),
            }
        }
        self.stations
            .retain(|station| station.kind == StationKind::Desk || wanted.iter().any(|(id, ..)| *id == station.id));
        let mut lost = Vec::new();
        for (ix, user) in self.users.iter_mut().enumerate() {
            let Some(id) = user.station.as_deref() else { continue };
            let station = self.stations.iter_mut().find(|station| station.id == id);
            match station {
                Some(station) if station.owner == ix => {}
                station => {
                    if let Some(station) = station {
                        station.user = None;
                    }
                    user.station = None;
                    lost.push(ix);
                }
            }
        }
        lost
    }

    /// Puts the user on this station, or on none.
    pub fn associate(&mut self, ix: UserIx, station: Option<&str>) {
        for other in &mut self.stations {
            if other.user == Some(ix) {
                other.user = None;
            }
            if Some(other.id.as_str()) == station {
                other.user = Some(ix);
            }
        }
        if let Some(user) = self.users.get_mut(ix) {
            user.station = station.map(str::to_owned);
        }
    }

    pub fn station_json(&self, station: &Station) -> Value {
        let user = |ix: Option<UserIx>| ix.and_then(|ix| self.users.get(ix)).map(|user| user.id.clone());
        let webrtc = matches!(station.kind, StationKind::WebRtc { .. });
        let site = self.directory.name(Shelf::Sites, &station.site);
        let mut value = json!({
            "id": station.id,
            "name": station.name,
            "description": if webrtc { "" } else { "Out of order" },
            "status": if station.user.is_some() { "ASSOCIATED" } else { "AVAILABLE" },
            "userId": user(station.user),
            "webRtcUserId": user(Some(station.owner)),
            "primaryEdge": { "id": stable_uuid("edge", &station.site), "name": format!("Edge {site}") },
            "site": { "id": station.site, "name": site },
            "type": if webrtc { "inin_webrtc_softphone" } else { "inin_remote" },
            "lineAppearanceId": stable_uuid("line", &station.id),
            "userSelectable": webrtc,
            "selfUri": format!("/api/v2/stations/{}", station.id),
        });
        if let (StationKind::WebRtc { phone }, Some(map)) = (&station.kind, value.as_object_mut()) {
            let decided = self.directory.decided(phone);
            map.insert("webRtcMediaDscp".to_owned(), decided.dscp.into());
            map.insert("webRtcPersistentEnabled".to_owned(), decided.persistent.into());
            map.insert("webRtcForceTurn".to_owned(), decided.force_turn.into());
            map.insert("webRtcCallAppearances".to_owned(), decided.appearances.into());
            map.insert("webRtcRequireMediaHelper".to_owned(), false.into());
        }
        value
    }

    /// The `station` part of a user: which stations apply.
    pub fn user_stations_json(&self, ix: UserIx) -> Value {
        let Some(user) = self.users.get(ix) else { return json!({}) };
        let first = self.stations.iter().find(|station| station.owner == ix).map(|station| station.id.as_str());
        let entry = |id: Option<&str>, associated: bool| match id {
            Some(id) if associated => json!({ "id": id, "name": self.station(id).map(|s| s.name.clone()),
                "associatedUser": { "id": user.id } }),
            Some(id) => json!({ "id": id, "name": self.station(id).map(|s| s.name.clone()) }),
            None => Value::Null,
        };
        // Practice users have no default station, so effective is what is associated.
        let mut value = json!({ "lastAssociatedStation": entry(user.station.as_deref().or(first), false) });
        if let (Some(id), Some(map)) = (user.station.as_deref(), value.as_object_mut()) {
            map.insert("associatedStation".to_owned(), entry(Some(id), true));
            map.insert("effectiveStation".to_owned(), entry(Some(id), true));
        }
        value
    }

    /// The `authorization` part of a user.
    pub fn authorization_json(&self, ix: UserIx) -> Value {
        let mut permissions = vec!["conversation:call:add", "telephony:selfStationAssociation:edit"];
        let mut roles = vec![json!({ "id": stable_uuid("role", "agent"), "name": "Agent" })];
        if self.is_administrator(ix) {
            permissions.push(crate::admin::PERMISSION);
            roles.push(json!({ "id": stable_uuid("role", "telephony"), "name": "Telephony Admin" }));
        }
        json!({ "roles": roles, "permissions": permissions })
    }

    pub fn user_json(&self, ix: UserIx, with_station: bool) -> Value {
        let Some(user) = self.users.get(ix) else { return Value::Null };
        let mut value = json!({
            "id": user.id,
            "name": user.name,
            "division": { "id": stable_uuid("division", "home"), "name": "Home" },
            "chat": { "jabberId": user.jid },
            "email": format!("{}@practice.invalid", user.login),
            "username": format!("{}@practice.invalid", user.login),
            "department": "Service",
            "state": "active",
            "version": 1,
            "acdAutoAnswer": false,
            "selfUri": format!("/api/v2/users/{}", user.id),
        });
        if let (true, Some(map)) = (with_station, value.as_object_mut()) {
            map.insert("station".to_owned(), self.user_stations_json(ix));
        }
        value
    }
}

pub fn organisation_json() -> Value {
    json!({
        "id": stable_uuid("organisation", ORGANISATION),
        "name": ORGANISATION,
        "defaultLanguage": "en-us",
        "thirdPartyOrgName": DOMAIN.split('.').next(),
        "domain": "practice",
        "state": "active",
    })
}

fn full_name(login: &str) -> String {
    match login {
        "ana" => "Ana Kovacs".to_owned(),
        "ben" => "Ben Okafor".to_owned(),
        "carla" => "Carla Mendes".to_owned(),
        "dev" => "Dev Patel".to_owned(),
        _ => {
            let mut chars = login.chars();
            let first: String = chars.next().into_iter().flat_map(char::to_uppercase).collect();
            format!("{first}{} Example", chars.as_str())
        }
    }
}

/// `Ana Kovacs` becomes `AnaK`.
fn short_name(name: &str) -> String {
    let (first, last) = name.split_once(' ').unwrap_or((name, ""));
    first.chars().chain(last.chars().take(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn people() -> People {
        let users = ["ana", "ben", "ana", ""].map(str::to_owned).to_vec();
        People::new(&ExchangeOptions { users, force_turn: true, ..ExchangeOptions::default() })
    }

    #[test]
    fn users_have_three_stations_and_are_on_the_first() {
        let people = people();
        assert_eq!(people.users.len(), 2);
        let ana = people.by_login("Ana").unwrap();
        let station = people.webrtc_station(ana).unwrap();
        assert_eq!(station.name, "AnaK_WebRTC");
        let json = people.station_json(station);
        assert_eq!(json["type"], "inin_webrtc_softphone");
        assert_eq!(json["webRtcForceTurn"], true);
        assert_eq!(json["site"]["name"], "Madrid");
        assert_eq!(people.stations.iter().filter(|s| s.owner == ana).count(), 3);
    }

    #[test]
    fn association_moves_from_one_station_to_the_other() {
        let mut people = people();
        let home = people.stations.iter().find(|s| s.name == "AnaK_WebRTC_Home").unwrap().id.clone();
        people.associate(0, Some(&home));
        assert_eq!(people.stations.iter().filter(|s| s.user == Some(0)).count(), 1);
        assert_eq!(people.user_stations_json(0)["effectiveStation"]["id"], home.as_str());
        people.associate(0, None);
        assert!(people.user_stations_json(0)["effectiveStation"].is_null());
    }

    #[test]
    fn people_are_found_by_every_name_they_have() {
        let people = people();
        assert_eq!(people.by_any_name("ben okafor"), people.by_any_name("BEN"));
        assert_eq!(people.by_any_name("nobody"), None);
    }
}
