//! Asks a running server as the command line does.

use std::ffi::OsString;

use crate::questions::Question;

/// The answer to a question, from the server at `server`; `flags` are further ones, such as `--json`.
/// Waits for it, so nothing that serves the server may call this.
pub fn ask(question: &Question, server: &str, token: &str, flags: &[&str]) -> String {
    let words = std::iter::once("provlog").chain(question.arguments.iter().map(String::as_str));
    let words = words.chain(["--server", server, "--token", token]).chain(flags.iter().copied());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    provlog::run(words.map(OsString::from), &mut out, &mut err);
    out.append(&mut err);
    String::from_utf8_lossy(&out).into_owned()
}
