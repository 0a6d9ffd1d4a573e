//! Settings of a phone that runs: who says what, what holds, and when a change counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Phone, PhoneConfig, notice};
use crate::hold;
use crate::media::RelayPolicy;
use crate::policy::{Effective, Layer, Layers, Lock, Setting, Source, Value, resolve};
use crate::sound::{DeviceChoice, Processing, SoundCommand, SoundRole};

/// A session is kept this much longer here than the service says, so that the service's own end comes first.
const GRACE: Duration = Duration::from_mins(1);

/// The device that the system uses.
const FOLLOW_SYSTEM: &str = "default";

/// What was said, and what holds.
#[derive(Debug)]
pub(super) struct Rules {
    /// Policies, files, command line, local provisioning, and what was chosen in the window.
    local: Layers,
    /// What the service says.
    service: Layers,
    /// Takes the place of `local` when the last call has ended.
    pub(super) waiting: Option<Layers>,
    pub(super) effective: Arc<Effective>,
    /// As it was when the sign-in began to work.
    pub(super) session: Option<Arc<Effective>>,
    /// Of the phone's configuration.
    idle_limit: Duration,
}

impl Rules {
    pub(super) fn new(config: &PhoneConfig) -> Self {
        let mut local = config.settings.clone();
        if config.relay == RelayPolicy::ForceRelay {
            local.set(Setting::ForceRelay, Value::Bool(true), Source::new(Layer::CommandLine, ""));
        }
        let effective = Arc::new(resolve(&local));
        Self {
            local,
            service: Layers::default(),
            waiting: None,
            effective,
            session: None,
            idle_limit: config.idle_limit,
        }
    }

    pub(super) fn transport_dscp(&self) -> u8 {
        self.effective.integer(Setting::TransportDscp).and_then(|dscp| u8::try_from(dscp).ok()).unwrap_or(0).min(63)
    }

    /// How long a session is kept without a call.
    pub(super) fn idle_limit(&self) -> Duration {
        let Some(resolved) = self.effective.get(Setting::PersistentTimeout).filter(|resolved| resolved.is_changed())
        else {
            return self.idle_limit;
        };
        let seconds = resolved.value.as_ref().and_then(Value::as_integer).and_then(|s| u64::try_from(s).ok());
        let limit = Duration::from_secs(seconds.unwrap_or(0));
        if resolved.origin.layer.is_mandatory() { limit } else { limit + GRACE }
    }

    pub(super) fn signed_in(&mut self, again: bool) {
        if !again || self.session.is_none() {
            self.session = Some(Arc::clone(&self.effective));
        }
    }

    pub(super) fn forget_service(&mut self) {
        self.service = Layers::default();
        self.session = None;
        self.decide();
    }

    /// Whether anything came out differently.
    fn decide(&mut self) -> bool {
        let mut all = self.local.clone();
        all.merge(&self.service);
        let effective = resolve(&all);
        let changed = *self.effective != effective;
        if changed {
            self.effective = Arc::new(effective);
        }
        changed
    }

    fn adopt(&mut self, mut layers: Layers) {
        for setting in Setting::ALL {
            layers.unset(setting, Layer::Chosen);
            if let Some((value, source)) = self.local.get(setting, Layer::Chosen) {
                layers.set(setting, value.clone(), source.clone());
            }
        }
        self.local = layers;
    }
}

/// The setting that says which device a role uses.
pub const fn device_setting(role: SoundRole) -> Setting {
    match role {
        SoundRole::Microphone => Setting::SoundMicrophone,
        SoundRole::Speaker => Setting::SoundSpeaker,
        SoundRole::Ringer => Setting::SoundRinger,
    }
}

impl Phone {
    pub(super) fn answers_by_itself(&self) -> bool {
        self.config.auto_answer || self.rules.effective.is_on(Setting::AutoAnswer)
    }

    /// The line told what the service decides about the phone in use.
    pub(super) fn service_told(&mut self, now: Instant) {
        let name = self.phones.iter().find(|phone| phone.selected).map(|phone| phone.name.clone()).unwrap_or_default();
        let source = Source::new(Layer::Service, name);
        let told = &self.settings;
        let mut values = vec![(Setting::PersistentConnection, Value::Bool(told.held_session))];
        // That the service asks for no relay takes nothing back from an administrator who does.
        values.extend(told.relay_forced.then_some((Setting::ForceRelay, Value::Bool(true))));
        values.extend(told.dscp.map(|dscp| (Setting::Dscp, Value::Integer(i64::from(dscp)))));
        self.rules.service = Layers::default();
        for (setting, value) in values {
            self.rules.service.set(setting, value, source.clone());
        }
        self.settings_decided(now);
    }

    pub(super) fn choose_setting(&mut self, now: Instant, setting: Setting, value: Option<Value>) {
        if let Some(lock) = self.rules.effective.lock(setting) {
            let notice = notice::setting_locked(setting, lock);
            return self.problem(notice);
        }
        match value.map(|value| setting.entry().accept(value)) {
            None => self.rules.local.unset(setting, Layer::Chosen),
            Some(Ok(value)) => {
                self.rules.local.set(setting, value, Source::new(Layer::Chosen, ""));
            }
            Some(Err(why)) => {
                let notice = notice::setting_refused(setting, &why);
                return self.problem(notice);
            }
        }
        self.settings_decided(now);
    }

    pub(super) fn choose_device(&mut self, now: Instant, role: SoundRole, choice: DeviceChoice) {
        let setting = device_setting(role);
        if let Some(lock) = self.rules.effective.lock(setting) {
            let notice = notice::setting_locked(setting, lock);
            return self.problem(notice);
        }
        self.rules.local.unset(setting, Layer::Chosen);
        let word = match &choice {
            DeviceChoice::Device(id) => Some(format!("device:{id}")),
            DeviceChoice::FollowSystem => Some(FOLLOW_SYSTEM.to_owned()),
            // A list of wishes is no single value; it is kept with the devices.
            DeviceChoice::Ranked(_) => None,
        };
        if let Some(word) = word {
            self.rules.local.set(setting, Value::Text(word), Source::new(Layer::Chosen, ""));
        }
        self.role_view(role).choice = choice.clone();
        self.sound(SoundCommand::Choose { role, choice });
        self.settle_volume(role);
        self.settings_decided(now);
    }

    /// What differs from what holds is the user's choice; the rest stays as whoever decided it.
    pub(super) fn choose_processing(&mut self, now: Instant, wanted: Processing) {
        let before = self.sound.processing.settings();
        for ((setting, value), (_, old)) in wanted.settings().into_iter().zip(before) {
            if value != old {
                self.choose_setting(now, setting, Some(value));
            }
        }
    }

    /// Changed policies or files: at once, or when the last call has ended.
    pub(super) fn replace_settings(&mut self, now: Instant, layers: Layers) {
        if self.calls.is_empty() {
            self.rules.waiting = None;
            self.rules.adopt(layers);
            self.settings_decided(now);
        } else {
            self.rules.waiting = Some(layers);
        }
    }

    /// After every input: what waited for the end of the last call. Says whether there was anything.
    pub(super) fn settle_settings(&mut self, now: Instant) -> bool {
        if self.calls.is_empty()
            && let Some(layers) = self.rules.waiting.take()
        {
            self.changed();
            self.rules.adopt(layers);
            self.settings_decided(now);
            return true;
        }
        false
    }

    /// Devices that a policy names. Others are chosen by the user, by command.
    pub(super) fn settle_devices(&mut self) {
        for role in [SoundRole::Microphone, SoundRole::Speaker, SoundRole::Ringer] {
            let setting = device_setting(role);
            if !matches!(self.rules.effective.lock(setting), Some(Lock::Policy(_))) {
                continue;
            }
            let choice = match self.rules.effective.text(setting).and_then(|text| text.strip_prefix("device:")) {
                Some(id) => DeviceChoice::Device(id.to_owned()),
                None => DeviceChoice::FollowSystem,
            };
            if self.role_view(role).choice != choice {
                self.changed();
                self.role_view(role).choice = choice.clone();
                self.sound(SoundCommand::Choose { role, choice });
                self.settle_volume(role);
            }
        }
    }

    /// What is done to the microphone's sound is what the settings say.
    pub(super) fn settle_processing(&mut self) {
        let processing = Processing::of(&self.rules.effective);
        if self.sound.processing != processing {
            self.changed();
            self.sound.processing = processing;
            self.sound(SoundCommand::Process(processing));
        }
    }

    fn settings_decided(&mut self, now: Instant) {
        if self.rules.decide() {
            self.changed();
        }
        self.settle_devices();
        self.settle_processing();
        self.hold.set_idle_limit(self.rules.idle_limit());
        // Never on where the service ends the session anyway.
        let held = self.settings.held_session && self.rules.effective.is_on(Setting::PersistentConnection);
        self.hold.handle(now, hold::Input::Policy(held));
    }
}
