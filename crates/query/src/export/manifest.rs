//! The manifest of an export: the question, the state that the answer used, and the files.
//!
//! ```text
//! {"format": 1, "generator": "provlog 0.1.0", "query": {…}, "generatedAt": "…", "atSeq": 1842,
//!  "head": {…}, "coverage": {…}, "rowCount": 3, "seqs": {"first": 311, "last": 977},
//!  "reviews": [{"seq": 1900, "outcome": "approved", …, "revoke": [{"userName": "mira", …}]}],
//!  "reviewCount": 1,
//!  "files": [{"name": "operations.csv", "rows": 3, "bytes": 412, "sha256": "…", "guardedCells": 0,
//!             "seqs": {"first": 311, "last": 977}}]}
//! ```
//!
//! `bytes` and `sha256` (hexadecimal) are those of the unpacked file, including header and byte order
//! mark; `rows` excludes the header; `guardedCells` counts cells that got a leading `'`. `seqs` is the
//! least and greatest `seq` of the rows, in a file and in all files; null if no row has one. `reviews` are
//! those of the question at the same instant, the newest 1,000 of `reviewCount`, each with the memberships that
//! are to end; beyond 20,000 of these, `revoke` is null. A question that nobody can review has neither.

use std::collections::BTreeSet;

use canonical::SortedObject;
use serde_json::{Map, Value, json};

use super::error::{CheckError, ExportError};
use super::limits::FILES_MAX;

/// Name of the manifest, the last file of every export.
pub(super) const NAME: &str = "manifest.json";
/// Ending of a temporary file in a folder.
pub(super) const PART: &str = ".part";
/// Version of the manifest.
const FORMAT: u64 = 1;
/// Fits every file system, including the temporary ending.
const NAME_BYTES_MAX: usize = 64;
/// Members taken from the answer's envelope.
const ENVELOPE: [&str; 5] = ["generatedAt", "atSeq", "head", "coverage", "rowCount"];

/// What the manifest says about a file.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) sha256: String,
    pub(super) guarded_cells: u64,
    /// The least and the greatest `seq` of its rows.
    pub(super) seqs: Option<(u64, u64)>,
}

impl Written {
    /// Adds the events of a row or of another file.
    pub(super) fn add_seqs(&mut self, seqs: (u64, u64)) {
        let (first, last) = self.seqs.unwrap_or(seqs);
        self.seqs = Some((first.min(seqs.0), last.max(seqs.1)));
    }
}

/// The reviews of the answer.
#[derive(Debug)]
pub struct Signed {
    /// The newest of them, each with the memberships that are to end.
    pub reviews: Value,
    /// How many there are in all.
    pub count: u64,
}

/// What a listed file must match.
#[derive(Debug)]
pub(super) struct Listed {
    pub(super) name: String,
    pub(super) bytes: u64,
    pub(super) sha256: String,
}

/// Whether a name is allowed on every system.
pub(super) fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_' | b'.')
    };
    name.len() <= NAME_BYTES_MAX
        && name.bytes().all(plain)
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name != NAME
        && !name.ends_with(PART)
}

/// The manifest as text: indented, names sorted.
pub(super) fn text(
    generator: &str,
    question: Value,
    envelope: &Value,
    reviews: Option<Signed>,
    files: &[Written],
) -> Result<Vec<u8>, ExportError> {
    let range =
        |seqs: Option<(u64, u64)>| seqs.map(|(first, last)| json!({"first": first, "last": last}));
    let mut all = Written::default();
    files.iter().filter_map(|file| file.seqs).for_each(|seqs| all.add_seqs(seqs));
    let files = files.iter().map(|file| {
        json!({
            "name": file.name,
            "rows": file.rows,
            "bytes": file.bytes,
            "sha256": file.sha256,
            "guardedCells": file.guarded_cells,
            "seqs": range(file.seqs),
        })
    });
    let mut manifest = Map::new();
    manifest.insert("format".into(), FORMAT.into());
    manifest.insert("generator".into(), generator.into());
    manifest.insert("query".into(), question);
    for member in ENVELOPE {
        let value = envelope.get(member).ok_or(ExportError::Envelope { member })?;
        manifest.insert(member.into(), value.clone());
    }
    manifest.insert("seqs".into(), range(all.seqs).into());
    if let Some(Signed { reviews, count }) = reviews {
        manifest.insert("reviews".into(), reviews);
        manifest.insert("reviewCount".into(), count.into());
    }
    manifest.insert("files".into(), files.collect());
    let written = |source: serde_json::Error| ExportError::Write {
        name: NAME.to_owned(),
        source: source.into(),
    };
    let mut text = serde_json::to_vec_pretty(&SortedObject(&manifest)).map_err(written)?;
    text.push(b'\n');
    Ok(text)
}

/// Parses the list of files in a manifest. Trusts nothing in it.
pub(super) fn read(bytes: &[u8]) -> Result<Vec<Listed>, CheckError> {
    let wrong = |what| CheckError::Manifest { what };
    let manifest: Value = serde_json::from_slice(bytes).map_err(|_| wrong("it is not JSON"))?;
    match manifest.get("format").and_then(Value::as_u64) {
        Some(FORMAT) => {}
        Some(format) => return Err(CheckError::Format { format }),
        None => return Err(wrong("it has no `format`")),
    }
    let files = manifest.get("files").and_then(Value::as_array);
    let files = files.ok_or(wrong("it lists no `files`"))?;
    if files.len() > FILES_MAX {
        return Err(wrong("it lists more files than an export has"));
    }
    let mut names = BTreeSet::new();
    let listed = files.iter().map(|file| {
        let text = |member| file.get(member).and_then(Value::as_str);
        let name = text("name").filter(|name| is_plain(name));
        let name = name.ok_or(wrong("a file has no name that an export gives"))?;
        if !names.insert(name) {
            return Err(wrong("it lists a file twice"));
        }
        let bytes = file.get("bytes").and_then(Value::as_u64);
        match (bytes, text("sha256")) {
            (Some(bytes), Some(sha256)) => {
                Ok(Listed { name: name.to_owned(), bytes, sha256: sha256.to_owned() })
            }
            _ => Err(wrong("a file has no `bytes` or `sha256`")),
        }
    });
    listed.collect()
}
