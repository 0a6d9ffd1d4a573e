//! `cargo xtask bench`: the figures a user feels, taken from a release build.

use std::process::ExitCode;

use anyhow::Result;

use crate::install::{BENCH, BUILD, TEST, WINDOW, install};
use crate::npm::install_clients;
use crate::tools::{cargo, code_of, must, show_and_run};

/// Builds the release, then lets the bench of the test crate drive it: the sound servers, TURN servers and the
/// hands on the program are the tests' own.
///
/// `bench audio` is another: simulated time on the sound library alone, with nothing to install but what it is built with.
pub fn bench(arguments: &[String]) -> Result<ExitCode> {
    if let [audio, arguments @ ..] = arguments
        && audio == "audio"
    {
        install(&[BUILD], "the bench")?;
        let mut words = vec!["run", "--release", "--quiet", "--package", "phone_audio", "--example", "bench", "--"];
        words.extend(arguments.iter().map(String::as_str));
        return show_and_run(&mut cargo(&words)).map(code_of);
    }
    install(&[BUILD, WINDOW, TEST, BENCH], "the bench")?;
    install_clients("the bench")?;
    must(&mut cargo(&["build", "--release", "--package", "phone_app", "--bin", "offhook"]))?;
    let mut words = vec!["run", "--release", "--quiet", "--package", "phone_tests", "--bin", "bench", "--"];
    words.extend(arguments.iter().map(String::as_str));
    show_and_run(&mut cargo(&words)).map(code_of)
}
