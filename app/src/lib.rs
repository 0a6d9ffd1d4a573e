//! Offhook: the window and the command line.

pub mod alert;
pub mod app;
pub mod checks;
pub mod cli;
pub mod diagnose;
pub mod model;
pub mod os;
pub mod panels;
pub mod screenshots;
pub mod shortcuts;
pub mod text;
pub mod theme;
pub mod updates;
pub mod widgets;

pub use app::{StartPractice, WakeSlot, WindowOptions, run_window};
