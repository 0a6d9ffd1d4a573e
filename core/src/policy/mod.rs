//! Settings: one schema, one precedence engine. Each value knows who decided it, what it overruled, and whether the
//! user may change it.
//!
//! Whoever has a say fills a layer of [`Layers`]; [`resolve()`] finds what holds. Nothing here fails: what is unknown,
//! of the wrong type or not allowed is ignored and becomes a [`Finding`] for the report.
//!
//! | Layer, weakest first | Who |
//! |---|---|
//! | built-in | the schema |
//! | deployment | what the installer was told |
//! | recommended (user, machine) | policy that users may change |
//! | global, site, base settings, phone | provisioning, of the service or local |
//! | service | what the service tells of the phone in use |
//! | settings file, choice in the window, command line | the user, where the schema allows it |
//! | mandatory (user, machine) | policy that users cannot change |

pub mod effect;
pub mod keys;
pub mod layers;
pub mod read;
pub mod resolve;
pub mod schema;
mod table;
pub mod value;

pub use effect::Difference;
pub use keys::Setting;
pub use layers::{Layers, Source};
pub use read::{Finding, Trouble};
pub use resolve::{Effective, Given, Ignored, Lock, Resolved, resolve};
pub use schema::{Change, Entry, Format, Kind, Layer, Platform, UserRight};
pub use value::Value;

/// Body of the fuzz target: whatever stands in a policy or settings file, nothing panics, and what is taken fits the
/// schema.
///
/// # Panics
///
/// When a value was taken that does not fit, which is what the fuzzer looks for.
pub fn fuzz(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = Source::new(Layer::MandatoryMachine, "fuzz");
    let (mut layers, mut findings) = (Layers::default(), Vec::new());
    read::policy_text(text, &source, Platform::Linux, &mut layers, &mut findings);
    for setting in Setting::ALL {
        if let Some((value, _)) = layers.get(setting, Layer::MandatoryMachine) {
            assert!(setting.entry().accept(value.clone()).is_ok(), "{setting:?} took {value:?}");
        }
    }
    drop(resolve(&layers));
}
