//! Checks proofs and bundles offline. It has no database, no network and no configuration, so that who relies on it can
//! read all of it: this file, and the crates `evidence`, `event` and `tlog`.
//!
//! ```text
//! provlog-verify FILE --key VKEY… [--witness VKEY…]
//! ```
//!
//! The exit code is 0 if it holds, 1 if it does not, 2 if the command is wrong.

use std::fmt;
use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::ExitCode;

use evidence::bundle::BUNDLE_BYTES_MAX;
use evidence::verify_file;
use tlog::{Policy, VerifierKey};

const USAGE: &str = "usage: provlog-verify FILE --key VKEY... [--witness VKEY...]

  FILE       a proof or a bundle, as `provlog proof` and `provlog bundle` print it
  --key      verifier key of the log; one of several has to have signed
  --witness  verifier key of a witness; each has to have signed too";

/// Why there is no answer: the exit code, and why in one line.
struct Failure(u8, String);

fn wrong(why: impl fmt::Display) -> Failure {
    Failure(2, why.to_string())
}

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (code, told, is_error) = match run(&words) {
        Ok(text) => (0, text, false),
        Err(Failure(code, why)) => (code, format!("provlog-verify: {why}\n"), true),
    };
    // Whether somebody reads it is not our concern.
    let _ = match is_error {
        true => std::io::stderr().write_all(told.as_bytes()),
        false => std::io::stdout().write_all(told.as_bytes()),
    };
    ExitCode::from(code)
}

fn run(words: &[String]) -> Result<String, Failure> {
    let (mut file, mut keys, mut witnesses) = (None, vec![], vec![]);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let mut key = || -> Result<VerifierKey, Failure> {
            let text = words.next().ok_or_else(|| wrong(format!("{word} needs a key")))?;
            VerifierKey::parse(text).map_err(|error| wrong(format!("{word}: {error}")))
        };
        match word.as_str() {
            "-h" | "--help" => return Ok(format!("{USAGE}\n")),
            "--key" => keys.push(key()?),
            "--witness" => witnesses.push(key()?),
            flag if flag.starts_with('-') => return Err(wrong(format!("unknown flag {flag}"))),
            path if file.is_none() => file = Some(path),
            _ => return Err(wrong("one file at a time; --help shows how")),
        }
    }
    let file = file.ok_or_else(|| wrong("which file? --help shows how"))?;
    let first =
        keys.first().ok_or_else(|| wrong("--key is missing: a proof needs a key that you know"))?;
    let (origin, required) = (first.name().as_str().to_owned(), witnesses.len());
    let policy =
        Policy::new(&origin, keys, witnesses, required).map_err(|error| wrong(words_of(&error)))?;
    let shown = verify_file(&read(file)?, &policy);
    let shown = shown.map_err(|error| Failure(1, words_of(&error)))?;
    Ok(shown.to_string())
}

/// A file, no longer than any evidence may be.
fn read(path: &str) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(BUNDLE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| wrong(format!("{path}: {error}")))?;
    Ok(bytes)
}

/// An error with its causes, in one line.
fn words_of(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        words += &format!(": {error}");
        cause = error.source();
    }
    words
}
