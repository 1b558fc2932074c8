//! Asks a running server: as the command line does, and by HTTP what the command line does not ask.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::company::App;
use crate::questions::Question;
use crate::why::Why;

/// An import is sent in requests of about this size; the server takes twice as much.
const IMPORT_BYTES: usize = 4 << 20;

/// Why nothing is answered.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The server refused, or did not answer.
    #[error("cannot ask {path}")]
    Http {
        /// What was asked for.
        path: String,
        /// The client's words.
        #[source]
        source: ureq::Error,
    },
    /// A log cannot be read.
    #[error("cannot read {file}")]
    File {
        /// The file.
        file: PathBuf,
        /// The operating system's words.
        #[source]
        source: std::io::Error,
    },
}

/// The answer to a question, from the server at `server`; `flags` are further ones, such as `--json`.
/// Waits for it, so nothing that serves the server may call this, nor the following.
pub fn ask(question: &Question, server: &str, token: &str, flags: &[&str]) -> String {
    let words = std::iter::once("provlog").chain(question.arguments.iter().map(String::as_str));
    let words = words.chain(["--server", server, "--token", token]).chain(flags.iter().copied());
    let (mut out, mut err) = (Vec::new(), Vec::new());
    provlog::run(words.map(OsString::from), &mut out, &mut err);
    out.append(&mut err);
    String::from_utf8_lossy(&out).into_owned()
}

/// The answer to a [`Why`].
///
/// # Errors
/// See [`AskError`].
pub fn ask_why(why: &Why, server: &str, token: &str) -> Result<Value, AskError> {
    let path = why.path();
    let request = ureq::get(format!("{server}{path}")).header("Authorization", bearer(token));
    let answer = request.call().and_then(|mut response| response.body_mut().read_json());
    answer.map_err(|source| AskError::Http { path, source })
}

/// What became of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Imported {
    /// Entries.
    pub read: u64,
    /// Those that were not known before.
    pub new: u64,
    /// Those that are none.
    pub refused: usize,
}

/// Imports a file of the provider's log into an application.
///
/// # Errors
/// See [`AskError`]; what was sent until then is imported.
pub fn import(app: App, file: &Path, server: &str, token: &str) -> Result<Imported, AskError> {
    let path = format!("/api/v1/apps/{}/imports", app.slug());
    let text = std::fs::read_to_string(file)
        .map_err(|source| AskError::File { file: file.to_owned(), source })?;
    // All requests of a file are one import.
    let run = uuid::Uuid::new_v4().as_u64_pair().0;
    let url = format!("{server}{path}?run={run:x}");
    let mut imported = Imported::default();
    for part in parts(&text) {
        let request = ureq::post(&url)
            .header("Authorization", bearer(token))
            .header("Content-Type", "application/x-ndjson");
        let answer = request.send(part).and_then(|mut response| response.body_mut().read_json());
        let answer: Value =
            answer.map_err(|source| AskError::Http { path: path.clone(), source })?;
        imported.read += answer["read"].as_u64().unwrap_or_default();
        imported.new += answer["new"].as_u64().unwrap_or_default();
        imported.refused += answer["refused"].as_array().map_or(0, Vec::len);
    }
    Ok(imported)
}

/// Whole lines, as many as make a request.
fn parts(text: &str) -> Vec<&str> {
    let (mut parts, mut begin, mut end) = (vec![], 0, 0);
    for line in text.split_inclusive('\n') {
        if end > begin && end + line.len() - begin > IMPORT_BYTES {
            parts.push(&text[begin..end]);
            begin = end;
        }
        end += line.len();
    }
    parts.push(&text[begin..end]);
    parts
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}
