//! Start-up order only: everything else is in the library, where tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    phone_app::cli::main()
}
