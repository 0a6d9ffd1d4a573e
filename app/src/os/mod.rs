//! What the window needs from the system it runs on.

pub mod icon;
pub mod instance;
pub mod link;
pub mod message;
pub mod preferences;

/// Whether the processor draws, for want of a graphics device. Every frame then costs as much as a few frames of sound.
pub fn draws_in_software() -> bool {
    cfg!(target_os = "linux") && !std::path::Path::new("/dev/dri").exists()
}
