//! Small parts that panels are made of. Each draws into a rectangle it is given; none knows the phone.

pub mod button;
pub mod control;
pub mod field;
pub mod icon;
pub mod meter;
pub mod paint;
pub mod popup;
pub mod quality;
pub mod slider;

pub use button::{Button, Face};
pub use control::{Control, Region};
pub use field::Field;
pub use icon::Icon;
