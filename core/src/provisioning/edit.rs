//! One field of an object, as a person types it: `force_relay=on`, `site=Madrid`, `dscp=inherit`.

use serde_json::Value as Json;

use super::field::{Field, Form, Kind, elsewhere};
use super::object::Object;
use super::read::field_value;
use crate::policy::{Setting, Value};

/// Why a field was not set: one clause.
pub type Refused = String;

/// Sets a field or a setting. An empty text, `inherit` or `default` takes back what was stated.
pub fn set(object: &mut Object, key: &str, text: &str) -> Result<(), Refused> {
    let key = key.trim();
    let text = text.trim();
    let taken_back = text.is_empty() || ["inherit", "default"].iter().any(|word| text.eq_ignore_ascii_case(word));
    if let Some(entry) = object.kind.fields().find(|e| e.key == key || e.title.eq_ignore_ascii_case(key)) {
        if entry.field == Field::Name {
            return Err("an object is renamed by creating another one".to_owned());
        }
        if taken_back {
            object.fields.remove(&entry.field);
            return Ok(());
        }
        let json = typed(entry.form, text)?;
        object.fields.insert(entry.field, field_value(entry, &json)?);
        return Ok(());
    }
    let setting = Setting::by_any_name(key).filter(|setting| object.kind.settings().any(|found| found == *setting));
    let Some(setting) = setting else {
        return Err(match elsewhere(object.kind, key) {
            Some(hint) => format!("it has no such field: {hint}"),
            None => format!("it has no such field; it has {}", keys(object.kind).join(", ")),
        });
    };
    if taken_back {
        object.settings.remove(&setting);
        return Ok(());
    }
    let value = setting.entry().parse(text)?;
    object.settings.insert(setting, value);
    Ok(())
}

/// What can be set on a kind.
pub fn keys(kind: Kind) -> Vec<&'static str> {
    let fields = kind.fields().filter(|entry| entry.field != Field::Name).map(|entry| entry.key);
    fields.chain(kind.settings().map(|setting| setting.entry().key)).collect()
}

fn typed(form: Form, text: &str) -> Result<Json, Refused> {
    Ok(match form {
        Form::Flag => match text.to_ascii_lowercase().as_str() {
            "on" | "true" | "yes" | "1" => true.into(),
            "off" | "false" | "no" | "0" => false.into(),
            _ => return Err("it is on or off".to_owned()),
        },
        Form::List | Form::References(_) => {
            text.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>().into()
        }
        // By names alone, or in full as JSON.
        Form::Regions | Form::Plans if text.starts_with('[') => {
            serde_json::from_str(text).map_err(|error| format!("it is no JSON (column {})", error.column()))?
        }
        Form::Regions => text.split(',').map(|item| item.trim().to_owned()).collect::<Vec<_>>().into(),
        Form::Plans => return Err("number plans are written as JSON, or imported".to_owned()),
        _ => text.into(),
    })
}

/// What a person has to read and agree to before a change: it costs, or it reaches further than it seems.
pub fn consent(before: Option<&Object>, after: &Object) -> Option<&'static str> {
    let on = |object: &Object| object.settings.get(&Setting::ForceRelay).and_then(Value::as_bool) == Some(true);
    (on(after) && !before.is_some_and(on)).then_some(
        "Force TURN cuts resiliency: calls cannot go the direct way any more, and all audio passes the relay even where \
         that is not needed. Switch it on only where the network asks for it.",
    )
}

#[cfg(test)]
mod tests {
    use super::super::object::Stated;
    use super::*;

    fn edited(kind: Kind, edits: &[(&str, &str)]) -> Result<Object, Refused> {
        let mut object = Object::new(kind, "x");
        for (key, text) in edits {
            set(&mut object, key, text)?;
        }
        Ok(object)
    }

    #[test]
    fn fields_and_settings_are_set_by_key_or_title_and_taken_back() {
        let phone =
            edited(Kind::Phone, &[("site", "Madrid"), ("Base Settings", "B"), ("Force TURN", "on"), ("dscp", "34")]);
        let mut phone = phone.unwrap();
        assert_eq!((phone.text(Field::Site), phone.text(Field::BaseSettings)), ("Madrid", "B"));
        assert_eq!(phone.settings.get(&Setting::Dscp), Some(&Value::Integer(34)));
        set(&mut phone, "dscp", "inherit").unwrap();
        set(&mut phone, "site", "").unwrap();
        assert!(!phone.settings.contains_key(&Setting::Dscp) && !phone.fields.contains_key(&Field::Site));
    }

    #[test]
    fn what_does_not_fit_says_why() {
        for (kind, key, text, why) in [
            (Kind::BaseSettings, "media_regions", "eu-west-1", "set it on the Site"),
            (Kind::BaseSettings, "dscp", "64", "from 0 to 63"),
            (Kind::BaseSettings, "persistent_timeout", "10 min", "from 30 to 86400"),
            (Kind::Phone, "enabled", "perhaps", "on or off"),
            (Kind::Phone, "elephant", "1", "it has id, site, base_settings"),
            (Kind::Phone, "name", "other", "renamed"),
            (Kind::Site, "relay", "anywhere", "lowest latency"),
        ] {
            let said = edited(kind, &[(key, text)]).unwrap_err();
            assert!(said.contains(why), "{key}={text}: {said}");
        }
    }

    #[test]
    fn row_38_regions_are_put_in_order_by_their_names() {
        let site = edited(Kind::Site, &[("media_regions", "eu-west-1, eu-central-1")]).unwrap();
        let Some(Stated::Regions(regions)) = site.fields.get(&Field::MediaRegions) else { panic!("{site:?}") };
        assert_eq!(
            regions.iter().map(|region| region.name.as_str()).collect::<Vec<_>>(),
            ["eu-west-1", "eu-central-1"]
        );
    }

    #[test]
    fn row_42_and_136_switching_force_turn_on_asks_first_and_off_does_not() {
        let off = edited(Kind::BaseSettings, &[]).unwrap();
        let on = edited(Kind::BaseSettings, &[("force_relay", "on")]).unwrap();
        assert!(consent(Some(&off), &on).unwrap().contains("resiliency"));
        assert!(consent(None, &on).is_some());
        assert_eq!(consent(Some(&on), &off), None);
        assert_eq!(consent(Some(&on), &on), None);
    }
}
