//! Asks a running server, as the command line does.

use std::ffi::OsString;

use serde_json::Value;

/// A command that printed something other than an answer.
#[derive(Debug, thiserror::Error)]
#[error("{printed}")]
pub struct Refused {
    /// What it printed.
    pub printed: String,
}

/// Runs a command against the server at `server` and returns what it prints; `flags` are added, such as
/// `--json`. Blocks, so a task that serves must not call this or [`answer`].
pub fn ask(command: &[String], server: &str, token: &str, flags: &[&str]) -> String {
    let words = std::iter::once("provlog").chain(command.iter().map(String::as_str));
    let words = words.chain(["--server", server, "--token", token]).chain(flags.iter().copied());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    provlog::run(words.map(OsString::from), &mut out, &mut err);
    out.append(&mut err);
    String::from_utf8_lossy(&out).into_owned()
}

/// The JSON answer to a command.
///
/// # Errors
/// If the command printed something else.
pub fn answer(command: &[String], server: &str, token: &str) -> Result<Value, Refused> {
    let printed = ask(command, server, token, &["--json"]);
    serde_json::from_str(&printed).map_err(|_| Refused { printed: printed.trim_end().to_owned() })
}

/// Words as arguments.
pub(crate) fn command(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
