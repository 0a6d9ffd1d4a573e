//! `cargo xtask bench`: the figures a user feels, taken by driving the built program: set-up times, cost of a call,
//! window start, mouth to ear. Medians of several runs; nothing here passes or fails.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a bench that cannot measure has nothing to say")]

mod cost;
mod mouth_to_ear;
mod set_up;
mod window;

use std::path::PathBuf;

use phone_tests::offhook::Offhook;

/// The four rooms, by the word that `--only` takes.
type Section = (&'static str, fn(&Bench));
const SECTIONS: [Section; 4] =
    [("set-up", set_up::run), ("cost", cost::run), ("window", window::run), ("mouth-to-ear", mouth_to_ear::run)];

/// What all sections need.
pub struct Bench {
    program: PathBuf,
}

impl Bench {
    pub fn offhook(&self) -> Offhook {
        Offhook::new(&self.program)
    }
}

/// One figure with its unit; `aim` is what the project set itself.
pub fn figure(what: &str, value: impl std::fmt::Display, aim: &str) {
    println!("{what:<52} {value:>16}  {aim}");
}

/// Median and largest value.
pub fn median_and_max(mut values: Vec<f64>) -> Option<(f64, f64)> {
    values.sort_by(f64::total_cmp);
    Some((*values.get(values.len() / 2)?, *values.last()?))
}

/// The value that 95 of 100 stay below.
pub fn p95(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get((values.len() * 95 / 100).min(values.len().saturating_sub(1))).copied()
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let only = match arguments.as_slice() {
        [] => None,
        [flag, word] if flag == "--only" && SECTIONS.iter().any(|(name, _)| name == word) => Some(word.as_str()),
        _ => {
            let names: Vec<&str> = SECTIONS.iter().map(|(name, _)| *name).collect();
            eprintln!("usage: bench [--only {}]", names.join("|"));
            std::process::exit(3);
        }
    };
    let here = std::env::current_exe().expect("the bench knows where it is");
    let program = here.with_file_name(format!("offhook{}", std::env::consts::EXE_SUFFIX));
    assert!(program.is_file(), "{} is not built: cargo build --release -p phone_app", program.display());
    let bench = Bench { program };
    for (name, section) in SECTIONS {
        if only.is_none_or(|only| only == name) {
            println!("\n{name}");
            section(&bench);
        }
    }
}
