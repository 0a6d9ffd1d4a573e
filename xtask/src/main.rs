//! The project's chores: `cargo xtask` alone lists them.

mod bench;
mod cross;
mod dist;
mod docs;
mod install;
mod npm;
mod policy;
mod run;
mod test;
mod tidy;
mod tools;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// The chores of this project.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Option<Chore>,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what is missing, build, and open Offhook signed in to the practice exchange
    Run {
        /// Arguments for offhook in place of --demo
        #[arg(last = true)]
        arguments: Vec<String>,
    },
    /// Install what the tests need and run them all
    Test {
        /// Arguments for the test runner, for instance -p `phone_core`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// All that a change has to pass: format, lints, tidy, tests
    Ci {
        /// The packages too: release builds for Linux and Windows, installed and tried, and the macOS layout
        #[arg(long)]
        full: bool,
    },
    /// Build a release and print its figures: set-up times, cost, window start, mouth to ear
    Bench {
        /// Arguments for the bench, for instance --only set-up; `audio` alone is the sound library in simulated time
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Make packages: a release build, packed, with SBOM, licences and checksums
    Dist {
        system: dist::System,
        /// Examine them too: linters, and an installation in an empty Debian
        #[arg(long)]
        check: bool,
    },
    /// Write what follows from packaging/policy/schema.toml: the Rust reader, templates, documentation
    Policy {
        /// Write nothing, only tell what is not current
        #[arg(long)]
        check: bool,
    },
    /// Check the rules that no compiler knows
    Tidy,
    /// Write the pages of the manual that are made from the program: docs/diagnosis.md
    Docs,
    /// Write pictures of every panel, in both themes
    Screenshots {
        /// Where to
        #[arg(default_value = "target/screenshots")]
        folder: String,
        /// Only those whose name contains this
        #[arg(long)]
        only: Option<String>,
    },
}

fn main() -> ExitCode {
    let result = match Arguments::parse().chore {
        None => Arguments::command().print_help().map(|()| ExitCode::SUCCESS).map_err(Into::into),
        Some(Chore::Run { arguments }) => run::run(&arguments),
        Some(Chore::Test { arguments }) => test::test(&arguments),
        Some(Chore::Ci { full }) => test::ci(full),
        Some(Chore::Bench { arguments }) => bench::bench(&arguments),
        Some(Chore::Dist { system, check }) => dist::dist(system, check),
        Some(Chore::Policy { check }) => policy::policy(check),
        Some(Chore::Tidy) => tidy::tidy(),
        Some(Chore::Docs) => docs::docs(),
        Some(Chore::Screenshots { folder, only }) => run::screenshots(&folder, only.as_deref()),
    };
    result.unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        ExitCode::FAILURE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn arguments_after_two_dashes_go_to_offhook() {
        let parsed = Arguments::parse_from(["xtask", "run", "--", "call", "echo", "--demo"]).chore;
        assert!(matches!(parsed, Some(Chore::Run { arguments }) if arguments == ["call", "echo", "--demo"]));
        let parsed = Arguments::parse_from(["xtask", "test", "-p", "phone_core"]).chore;
        assert!(matches!(parsed, Some(Chore::Test { arguments }) if arguments == ["-p", "phone_core"]));
    }
}
