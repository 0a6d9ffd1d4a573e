//! Objects that an administrator of phones edits: global settings, sites, trunks, base settings, users and phones.
//!
//! One schema ([`field`]) says what each kind of object has, with unit, range and default; what is a setting of the
//! phone stands in the schema of [`crate::policy`], whose engine decides what holds. The same objects are read from a
//! service and from a local folder.
//!
//! | Step | Where |
//! |---|---|
//! | text to objects, with findings for what does not fit | [`read`] |
//! | one field, typed by a person | [`edit`] |
//! | names, references, pools, number plans | [`check`] |
//! | what holds for a phone, and who decided it | [`effective`] |
//! | draft, activation, rollback | [`store`] |

pub mod check;
pub mod day;
pub mod edit;
pub mod effective;
pub mod field;
pub mod naming;
pub mod number_plan;
pub mod object;
pub mod permission;
pub mod read;
pub mod region;
pub mod store;
pub mod timeout;

pub use check::{Finding, Severity};
pub use day::Day;
pub use effective::{EffectivePhone, Missing};
pub use field::{Field, Form, Kind};
pub use object::{Object, Objects, Stated};
pub use permission::{ADMINISTRATION, Permission, Required};
pub use region::{Region, RegionKind, RelayMode};
pub use store::{Difference, Store};

/// Body of the fuzz target: whatever is imported, nothing panics, what is taken can be written and read again, and
/// every check ends.
///
/// # Panics
///
/// When something is written in another way than it is read: that is what the fuzzer looks for.
pub fn fuzz(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let (objects, findings) = read::text(text);
    let today = Day::new(2026, 1, 1).unwrap_or_default();
    drop(check::all(&objects, today));
    for phone in objects.of(Kind::Phone) {
        drop(effective::of_phone(&objects, &phone.name));
    }
    if findings.iter().all(|finding| finding.severity == Severity::Warning) {
        let (again, _) = read::text(&read::to_text(&objects));
        assert_eq!(again, objects, "what was written is read as something else");
    }
}
