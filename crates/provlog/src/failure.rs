//! Failures of commands.

/// Why a command failed: one line on stderr and the exit code.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command or its arguments are wrong: exit code 2.
    Wrong(String),
    /// The command failed: exit code 1.
    Failed(String),
    /// The reader of the answer has closed the pipe. Not an error: exit code 0.
    Closed,
}
