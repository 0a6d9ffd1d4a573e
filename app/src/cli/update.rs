//! `offhook update`: whether there is a newer version. It installs nothing.

use phone_core::event::Notice;
use phone_core::policy::Setting;
use phone_core::update::{Channel, Offer};

use super::config::Settings;
use super::exit::{Exit, Failure};
use super::lines::{Line, Versions};
use super::voice::Voice;
use crate::updates;

pub fn update(settings: &Settings, voice: &mut Voice) -> Result<Exit, Failure> {
    let rules = &settings.effective;
    let Some(source) = updates::source(rules) else {
        return Err(Failure::usage(
            "no-update-feed",
            "It is not set where newer versions are published, so your package manager alone knows.",
            "Set update.feed and update.key in the settings file or by policy; `offhook policy show update.feed` explains.",
        ));
    };
    // Who asks is told, whatever share of computers is to be told by itself.
    let offer = updates::look(rules, &source, None).map_err(|notice| {
        let Notice { id, text, remedy } = notice;
        Failure::new(Exit::Failed, id, text, remedy)
    })?;
    let channel = rules.text(Setting::UpdateChannel).and_then(Channel::of).unwrap_or_default();
    voice.say(&Line::Update(newer(offer, channel)));
    Ok(Exit::Fine)
}

fn newer(offer: Option<Offer>, channel: Channel) -> Versions {
    let version = updates::own_version().to_string();
    let channel = if channel == Channel::Beta { "beta" } else { "stable" };
    let (newer, required, notes) = match offer {
        Some(offer) => (Some(offer.version.to_string()), offer.required, offer.notes),
        None => (None, false, None),
    };
    Versions { version, channel, newer, required, notes }
}
