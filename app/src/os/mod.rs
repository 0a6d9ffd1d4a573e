//! What the window needs from the system it runs on.

pub mod icon;
pub mod preferences;
