//! `cargo xtask test` and `cargo xtask ci`.

use std::process::ExitCode;

use anyhow::Result;

use crate::dist::{System, dist};
use crate::install::{BUILD, TEST, WINDOW, install};
use crate::npm::install_clients;
use crate::tidy;
use crate::tools::{cargo, code_of, must, output_of, show_and_run};

/// Runs all tests with nextest where it is installed, else with cargo's own runner; both print their summary last.
pub fn test(arguments: &[String]) -> Result<ExitCode> {
    install(&[BUILD, WINDOW, TEST], "the tests")?;
    install_clients("the tests")?;
    let mut words =
        if has_nextest() { vec!["nextest", "run", "--no-fail-fast"] } else { vec!["test", "--no-fail-fast"] };
    let narrowed = arguments.iter().any(|argument| argument == "-p" || argument.starts_with("--package"));
    if !narrowed {
        words.push("--workspace");
    }
    words.extend(arguments.iter().map(String::as_str));
    show_and_run(&mut cargo(&words)).map(code_of)
}

fn has_nextest() -> bool {
    output_of("cargo", &["nextest", "--version"]).is_some()
}

/// Everything a change has to pass, quickest first. With `full` the packages of every system too, examined as far as this
/// one can, and the tests that take minutes each: a release build for each, so two hours on a small machine.
pub fn ci(full: bool) -> Result<ExitCode> {
    install(&[BUILD, WINDOW, TEST], "the checks")?;
    must(&mut cargo(&["fmt", "--all", "--check"]))?;
    if tidy::tidy()? != ExitCode::SUCCESS {
        return Ok(ExitCode::FAILURE);
    }
    must(&mut cargo(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "--deny", "warnings"]))?;
    let tested = test(&[])?;
    if !full || tested != ExitCode::SUCCESS {
        return Ok(tested);
    }
    // Those that take minutes each.
    let long: &[&str] =
        if has_nextest() { &["--profile", "long", "--run-ignored", "only"] } else { &["--", "--ignored"] };
    let tested = test(&long.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())?;
    if tested != ExitCode::SUCCESS {
        return Ok(tested);
    }
    for system in [System::Macos, System::Windows, System::Linux] {
        if dist(system, true)? != ExitCode::SUCCESS {
            return Ok(ExitCode::FAILURE);
        }
    }
    Ok(ExitCode::SUCCESS)
}
