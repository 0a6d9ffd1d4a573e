//! Prints the manual of the checks; `cargo xtask docs` puts it into `docs/diagnosis.md`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(phone_core::diagnose::markdown().as_bytes())
}
