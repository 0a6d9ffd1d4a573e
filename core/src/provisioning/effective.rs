//! What holds for a phone, with who decided it; and why a user has no phone.

use std::fmt::Write as _;

use super::day::Day;
use super::field::{Field, Kind, applies};
use super::object::{Object, Objects};
use super::region::{self, Region, RelayMode};
use crate::policy::{Change, Effective, Layer, Layers, Setting, Source, Value, resolve};

/// One phone, decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectivePhone {
    pub phone: String,
    pub user: String,
    pub site: String,
    pub base_settings: String,
    pub model: String,
    pub settings: Effective,
    /// Of the site, in its order.
    pub regions: Vec<Region>,
    pub relay: RelayMode,
}

/// Why there is no phone, in the words of rule DX-04.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Missing {
    /// DX-04a.
    NotCreated,
    /// DX-04b.
    OtherUser { phone: String },
    /// DX-04c.
    Disabled { phone: String },
    /// DX-04d: base settings or site that it names are not there.
    Incomplete { phone: String, what: &'static str, name: String },
}

impl Missing {
    pub fn sentence(&self) -> String {
        match self {
            Self::NotCreated => "No phone was created for this user.".to_owned(),
            Self::OtherUser { phone } => format!("Phone {phone} is assigned to another user."),
            Self::Disabled { phone } => format!("Phone {phone} is disabled."),
            Self::Incomplete { phone, what, name } if name.is_empty() => format!("Phone {phone} has no {what}."),
            Self::Incomplete { phone, what, name } => {
                format!("Phone {phone} uses the {what} {name}, which do not exist.")
            }
        }
    }
}

/// What the objects say about a phone, as layers: to be merged with policies, files and what the user chose. Media
/// regions that do not exist yet on this day do not count; without a day all do.
pub fn layers(objects: &Objects, phone: &Object, today: Option<Day>) -> Layers {
    let mut layers = Layers::default();
    let base = objects.get(Kind::BaseSettings, phone.text(Field::BaseSettings));
    let site = objects.get(Kind::Site, phone.text(Field::Site));
    let model = base.map_or("", |base| base.text(Field::Model));
    for object in [objects.of(Kind::Global).next(), site, base, Some(phone)].into_iter().flatten() {
        let Some(layer) = object.kind.layer() else { continue };
        for (setting, value) in object.settings.iter().filter(|(setting, _)| applies(model, **setting)) {
            layers.set(*setting, value.clone(), Source::new(layer, object.name.clone()));
        }
    }
    if let Some(site) = site {
        relays(site, today, &mut layers);
    }
    layers
}

/// The relay behaviour of a site, where its media regions name servers; else the service decides it alone.
fn relays(site: &Object, today: Option<Day>, layers: &mut Layers) {
    let listed: Vec<String> =
        region::listed(site.regions(), today).map(|(region, server)| format!("{}={server}", region.name)).collect();
    if listed.is_empty() {
        return;
    }
    let choice = match site.relay() {
        RelayMode::Listed => "listed",
        RelayMode::LowestLatency => "lowest-latency",
    };
    let source = || Source::new(Layer::Site, site.name.clone());
    layers.set(Setting::RelayServers, Value::List(listed), source());
    layers.set(Setting::RelayChoice, Value::Text(choice.to_owned()), source());
}

/// A phone by its name.
pub fn of_phone(objects: &Objects, name: &str) -> Result<EffectivePhone, Missing> {
    let phone = objects.find(Kind::Phone, name).ok_or(Missing::NotCreated)?;
    let wanted = |field: Field, kind: Kind, what: &'static str| {
        let named = phone.text(field);
        objects.get(kind, named).ok_or_else(|| Missing::Incomplete {
            phone: phone.name.clone(),
            what,
            name: named.to_owned(),
        })
    };
    let base = wanted(Field::BaseSettings, Kind::BaseSettings, "base settings")?;
    let site = wanted(Field::Site, Kind::Site, "site")?;
    Ok(EffectivePhone {
        phone: phone.name.clone(),
        user: phone.text(Field::User).to_owned(),
        site: site.name.clone(),
        base_settings: base.name.clone(),
        model: base.text(Field::Model).to_owned(),
        settings: resolve(&layers(objects, phone, None)),
        regions: site.regions().to_vec(),
        relay: site.relay(),
    })
}

/// The phone that a user gets without asking: the last one chosen, else the only one. `wanted` is the phone that was
/// chosen last, or that the user asks for.
pub fn phone_of_user<'a>(objects: &'a Objects, login: &str, wanted: Option<&str>) -> Result<&'a Object, Missing> {
    let user =
        objects.of(Kind::User).find(|user| user.text(Field::Login).eq_ignore_ascii_case(login) || user.name == login);
    let user_name = user.map_or(login, |user| user.name.as_str());
    if let Some(other) =
        wanted.and_then(|name| objects.find(Kind::Phone, name)).filter(|phone| phone.text(Field::User) != user_name)
    {
        return Err(Missing::OtherUser { phone: other.name.clone() });
    }
    let own = objects.phones_with(Field::User, user_name);
    let last = wanted.and_then(|name| own.iter().find(|phone| phone.name == name));
    let usable = own.iter().find(|phone| phone.is_on(Field::Enabled));
    let Some(phone) = last.or(usable).or(own.first()) else { return Err(Missing::NotCreated) };
    if !phone.is_on(Field::Enabled) {
        return Err(Missing::Disabled { phone: phone.name.clone() });
    }
    of_phone(objects, &phone.name).map(|_| *phone)
}

/// Users who must sign in again for what changed between two sets of objects, sorted, each once.
pub fn must_sign_in_again(before: &Objects, after: &Objects) -> Vec<String> {
    let mut users = Vec::new();
    for phone in before.of(Kind::Phone) {
        let Ok(old) = of_phone(before, &phone.name) else { continue };
        let Ok(new) = of_phone(after, &phone.name) else {
            users.push(old.user);
            continue;
        };
        let costs = |setting: &Setting| setting.entry().change >= Change::NewSession;
        let settings = Setting::ALL.into_iter().filter(costs);
        let changed = settings.into_iter().any(|setting| old.settings.value(setting) != new.settings.value(setting));
        if changed || (&old.regions, old.relay, &old.user) != (&new.regions, new.relay, &new.user) {
            users.push(old.user);
        }
    }
    users.sort();
    users.dedup();
    users
}

/// User, phone, base settings, site, regions and trunks as an indented text.
pub fn topology(objects: &Objects) -> String {
    let mut text = String::new();
    let mut line = |depth: usize, words: String| {
        // Writing to a string never fails.
        writeln!(text, "{:1$}{words}", "", depth * 2).ok();
    };
    for site in objects.of(Kind::Site) {
        line(0, site.title());
        let regions: Vec<&str> = site.regions().iter().map(|region| region.name.as_str()).collect();
        if !regions.is_empty() {
            line(1, format!("media regions {} ({})", regions.join(", "), site.relay().word()));
        }
        for trunk in site.list(Field::Trunks) {
            line(1, format!("trunk {trunk}"));
        }
        for phone in objects.phones_with(Field::Site, &site.name) {
            let off = if phone.is_on(Field::Enabled) { "" } else { ", disabled" };
            let (base, user) = (phone.text(Field::BaseSettings), phone.text(Field::User));
            line(1, format!("{} ({base}{off}): {user}", phone.title()));
        }
    }
    let homeless: Vec<&Object> =
        objects.of(Kind::Phone).filter(|phone| objects.get(Kind::Site, phone.text(Field::Site)).is_none()).collect();
    if !homeless.is_empty() {
        line(0, "without a site".to_owned());
        for phone in homeless {
            line(1, phone.title());
        }
    }
    text.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::super::object::Stated;
    use super::super::read::{self, tests::sample};
    use super::super::region::RegionKind;
    use super::*;

    fn put(objects: &mut Objects, kind: Kind, name: &str, edit: impl FnOnce(Object) -> Object) {
        let object = objects.get(kind, name).cloned().unwrap();
        objects.put(edit(object));
    }

    #[track_caller]
    fn holds(objects: &Objects, phone: &str, setting: Setting, value: Value, layer: Layer, place: &str) {
        let effective = of_phone(objects, phone).unwrap();
        let resolved = effective.settings.get(setting).unwrap();
        assert_eq!(resolved.value, Some(value), "{setting:?} of {phone}");
        assert_eq!(resolved.origin, Source::new(layer, place), "{setting:?} of {phone}");
    }

    #[test]
    fn row_4_and_130_every_setting_of_a_phone_names_the_object_that_decided_it() {
        let objects = sample();
        let timeout = Setting::PersistentTimeout;
        holds(&objects, "AnaK_WebRTC", timeout, Value::Integer(600), Layer::BaseSettings, "Support_WebRTC_Standard");
        holds(&objects, "AnaK_WebRTC", Setting::ForceRelay, Value::Bool(false), Layer::Phone, "AnaK_WebRTC");
        holds(&objects, "AnaK_WebRTC", Setting::AutoAnswer, Value::Bool(false), Layer::BuiltIn, "");
        let all = of_phone(&objects, "AnaK_WebRTC").unwrap();
        assert_eq!(all.settings.iter().count(), Setting::ALL.len());
    }

    #[test]
    fn row_38_and_45_the_regions_of_the_site_say_which_relays_may_be_used_and_in_which_order() {
        let mut objects = sample();
        put(&mut objects, Kind::Site, "Madrid", |site| {
            let region = |name: &str, since: Option<Day>| Region {
                servers: vec![format!("turn:{name}.example:3478")],
                since,
                ..Region::new(name, RegionKind::Core)
            };
            let regions = vec![region("eu-west-1", None), region("eu-south-2", Day::new(2026, 9, 1))];
            site.with(Field::MediaRegions, Stated::Regions(regions))
        });
        let phone = objects.get(Kind::Phone, "AnaK_WebRTC").cloned().unwrap();
        let on = |day: Option<Day>| {
            let decided = resolve(&layers(&objects, &phone, day));
            assert_eq!(decided.text(Setting::RelayChoice), Some("lowest-latency"));
            assert_eq!(decided.get(Setting::RelayServers).unwrap().origin, Source::new(Layer::Site, "Madrid"));
            decided.list(Setting::RelayServers).to_vec()
        };
        assert_eq!(on(Day::new(2026, 6, 1)), ["eu-west-1=turn:eu-west-1.example:3478"]);
        assert_eq!(on(Day::new(2026, 9, 1)).len(), 2, "from its day on");
        let lisboa = objects.get(Kind::Phone, "BenO_WebRTC").cloned().unwrap();
        let decided = resolve(&layers(&objects, &lisboa, None));
        assert!(!decided.is_set(Setting::RelayServers), "regions without servers leave it to the service");
    }

    #[test]
    fn row_6_a_global_default_reaches_the_phones_that_do_not_override_it() {
        let mut objects = sample();
        put(&mut objects, Kind::BaseSettings, "Support_WebRTC_Standard", |mut base| {
            base.settings.remove(&Setting::Dscp);
            base
        });
        put(&mut objects, Kind::Phone, "BenO_WebRTC", |phone| phone.with_setting(Setting::Dscp, Value::Integer(34)));
        objects.put(objects.global().with_setting(Setting::Dscp, Value::Integer(40)));
        holds(&objects, "AnaK_WebRTC", Setting::Dscp, Value::Integer(40), Layer::Global, "");
        holds(&objects, "BenO_WebRTC", Setting::Dscp, Value::Integer(34), Layer::Phone, "BenO_WebRTC");
    }

    #[test]
    fn row_22_the_phone_s_force_turn_is_inherited_on_or_off() {
        let objects = sample();
        holds(&objects, "AnaK_WebRTC", Setting::ForceRelay, Value::Bool(false), Layer::Phone, "AnaK_WebRTC");
        let base = "Support_WebRTC_Standard";
        holds(&objects, "BenO_WebRTC", Setting::ForceRelay, Value::Bool(true), Layer::BaseSettings, base);
    }

    #[test]
    fn row_11_the_topology_of_three_sites_is_a_text() {
        insta::assert_snapshot!(topology(&sample()), @r"
        site Madrid
          media regions eu-west-1, ap-south-1 (lowest latency via geo-lookup)
          trunk PSTN
          phone AnaK_WebRTC (Support_WebRTC_Standard): Ana Kovacs
        site Lisboa
          media regions eu-west-1 (any media region set on this site)
          phone BenO_WebRTC (Support_WebRTC_Standard): Ben Okafor
        site Leeds
        ");
    }

    #[test]
    fn row_21_a_change_says_who_must_sign_in_again() {
        let before = sample();
        let mut after = before.clone();
        put(&mut after, Kind::BaseSettings, "Support_WebRTC_Standard", |base| {
            base.with_setting(Setting::PersistentConnection, Value::Bool(false))
        });
        assert_eq!(must_sign_in_again(&before, &after), ["Ana Kovacs", "Ben Okafor"]);
        assert_eq!(must_sign_in_again(&before, &before), [""; 0]);

        let mut after = before.clone();
        put(&mut after, Kind::Site, "Lisboa", |site| site.with_text(Field::Relay, RelayMode::LowestLatency.word()));
        assert_eq!(must_sign_in_again(&before, &after), ["Ben Okafor"]);

        let mut after = before.clone();
        put(&mut after, Kind::BaseSettings, "Support_WebRTC_Standard", |base| {
            base.with_setting(Setting::AutoAnswer, Value::Bool(true))
        });
        assert_eq!(must_sign_in_again(&before, &after), [""; 0], "that counts with the next call");
    }

    #[test]
    fn row_27_four_reasons_give_four_messages() {
        let (objects, _) = read::text(
            r#"{"sites": [{"name": "S"}], "base_settings": [{"name": "B"}],
                "users": [{"name": "Ana", "login": "ana"}, {"name": "Ben", "login": "ben"}, {"name": "Cy", "login": "cy"}],
                "phones": [
                    {"name": "Ben_WebRTC", "site": "S", "base_settings": "B", "user": "Ben", "enabled": false},
                    {"name": "Cy_WebRTC", "site": "S", "base_settings": "gone", "user": "Cy"}]}"#,
        );
        let said = |login: &str, wanted: Option<&str>| phone_of_user(&objects, login, wanted).unwrap_err().sentence();
        assert_eq!(said("ana", None), "No phone was created for this user.");
        assert_eq!(said("ana", Some("Ben_WebRTC")), "Phone Ben_WebRTC is assigned to another user.");
        assert_eq!(said("ben", None), "Phone Ben_WebRTC is disabled.");
        assert_eq!(said("cy", None), "Phone Cy_WebRTC uses the base settings gone, which do not exist.");
    }

    #[test]
    fn row_137_the_only_phone_is_selected_and_of_several_the_last_choice() {
        let mut objects = sample();
        assert_eq!(phone_of_user(&objects, "ana", None).unwrap().name, "AnaK_WebRTC");
        let mut home = objects.get(Kind::Phone, "AnaK_WebRTC").cloned().unwrap();
        home.name = "AnaKHome_WebRTC".to_owned();
        objects.add(home);
        assert_eq!(phone_of_user(&objects, "ana", Some("AnaKHome_WebRTC")).unwrap().name, "AnaKHome_WebRTC");
        assert_eq!(phone_of_user(&objects, "Ana Kovacs", None).unwrap().name, "AnaK_WebRTC");
        put(&mut objects, Kind::Phone, "AnaK_WebRTC", |phone| phone.with(Field::Enabled, Stated::Flag(false)));
        assert_eq!(
            phone_of_user(&objects, "ana", None).unwrap().name,
            "AnaKHome_WebRTC",
            "a disabled one is passed over"
        );
    }

    #[test]
    fn row_15_settings_that_the_make_and_model_does_not_have_count_for_nothing() {
        let mut objects = sample();
        put(&mut objects, Kind::BaseSettings, "Support_WebRTC_Standard", |base| {
            base.with_text(Field::Model, "Generic SIP phone")
        });
        holds(&objects, "BenO_WebRTC", Setting::ForceRelay, Value::Bool(false), Layer::BuiltIn, "");
    }
}
