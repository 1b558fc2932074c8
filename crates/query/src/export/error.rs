//! Why an export failed, and why one cannot be checked.

use std::io;
use std::path::PathBuf;

use super::limits::{ENTRIES_MAX, FILES_MAX};

/// Why an export failed. Messages repeat nothing of the rows.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum ExportError {
    #[error(
        "`{name}` cannot name a file of an export: use up to 64 of a-z, 0-9, `-`, `_`, `.`, a letter \
         or digit first; `manifest.json` and names in `.part` are taken"
    )]
    Name { name: String },
    #[error("`{name}` is in the export already")]
    Repeated { name: String },
    #[error("an export has at most {FILES_MAX} files")]
    TooManyFiles,
    #[error("`{name}` was not finished, so neither can the export be")]
    Unfinished { name: String },
    #[error("the envelope of the answer has no `{member}`")]
    Envelope { member: &'static str },
    #[error("`{name}` could not be written")]
    Write { name: String, source: io::Error },
}

/// Why an export cannot be checked.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "the texts say it")]
pub enum CheckError {
    #[error("{} is neither a folder nor a whole zip file", path.display())]
    NotAnExport { path: PathBuf, source: io::Error },
    #[error("there is no manifest.json: the export was not finished, or this is none")]
    NoManifest,
    #[error("manifest.json is damaged: {what}")]
    Manifest { what: &'static str },
    #[error("manifest.json has format {format}; a newer provlog reads it")]
    Format { format: u64 },
    #[error("more than {ENTRIES_MAX} files; an export has a few")]
    TooMany,
    #[error("`{name}` could not be read")]
    Read { name: String, source: io::Error },
}
