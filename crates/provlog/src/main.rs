//! Parses, runs, and turns the end into an exit code: 0, 1 when something failed, 2 when the
//! command itself was wrong.

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    provlog::cli::main()
}
