//! Proofs of a split view: two checkpoints of one size that a log signed, with different roots.

use std::io;
use std::path::PathBuf;

use tlog::SignedCheckpoint;

use crate::folder::Folder;
use crate::state::digest;

/// Files of this kind that are kept for one log at most. One is enough to prove it.
pub const SPLITS_MAX: usize = 16;

/// What became of a proof.
#[derive(Debug)]
pub(crate) enum Kept {
    /// It is in this file, now or since an earlier request.
    In(PathBuf),
    /// [`SPLITS_MAX`] others are there already.
    TooMany,
}

/// The proofs of one log in a folder.
#[derive(Debug)]
pub(crate) struct Splits<'a> {
    pub(crate) folder: &'a Folder,
    /// SHA-256 of the origin in hexadecimal digits.
    pub(crate) hash: &'a str,
}

impl Splits<'_> {
    /// Where those are that were found before.
    pub(crate) fn known(&self) -> io::Result<Vec<PathBuf>> {
        let names = self.folder.names(&format!("{}.split-", self.hash), SPLITS_MAX)?;
        Ok(names.iter().map(|name| self.folder.path_of(name)).collect())
    }

    /// Writes two checkpoints to a file of their own, unless the second is in one already. When this
    /// returns, the file survives a loss of power.
    pub(crate) fn keep(
        &self,
        signed: &SignedCheckpoint,
        other: &SignedCheckpoint,
        url: Option<&str>,
    ) -> io::Result<Kept> {
        let size = other.unverified().head().size;
        let other_hash = digest(other.note().text().as_bytes());
        let name = format!("{}.split-{size}-{}", self.hash, &other_hash[..16]);
        let path = self.folder.path_of(&name);
        let known = self.known()?;
        if known.contains(&path) {
            return Ok(Kept::In(path));
        }
        if known.len() >= SPLITS_MAX {
            return Ok(Kept::TooMany);
        }
        self.folder.replace(&name, text(signed, other, url).as_bytes())?;
        Ok(Kept::In(path))
    }
}

fn text(signed: &SignedCheckpoint, other: &SignedCheckpoint, url: Option<&str>) -> String {
    let (origin, size) = (other.unverified().origin(), other.unverified().head().size);
    let served = url.map(|url| format!("Address of the log: {url}\n")).unwrap_or_default();
    format!(
        "The log {origin} signed two trees of {size} entries with different roots.\n{served}\
         Keep this file. Each note below is whole, and anybody with the log's key can check it.\n\
         \n--- The note that this witness has signed\n{signed}\
         --- The note that this witness has refused\n{other}"
    )
}
