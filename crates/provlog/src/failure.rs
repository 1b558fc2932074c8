//! Why a command ends without success.

/// Why a command ends without success: one line on stderr and the exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command or what it was given is wrong: 2.
    Wrong(String),
    /// The command failed: 1.
    Failed(String),
    /// Nobody reads the answer any more, which is no failure: 0.
    Closed,
}
