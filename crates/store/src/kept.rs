//! The kept file: what is known of the log from outside of the database.
//!
//! RocksDB's point-in-time recovery silently cuts the log at damage in its newest file. This small
//! file, replaced whole after a sync, is what notices. Its text:
//!
//! ```text
//! provlog kept 1
//! log 0123456789abcde
//! size 1842
//! alive 1772442847120001
//! end
//! ```
//!
//! `size` is the number of events that were synced, `alive` the microseconds since 1970 at which
//! the recorder was last known to run.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use event::{LogId, Seq, Timestamp};

use crate::error::StoreError;

/// What the kept file says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The log's name.
    pub log: LogId,
    /// How many events were synced.
    pub size: Seq,
    /// When the recorder was last known to run.
    pub alive: Timestamp,
}

impl Kept {
    /// Where the file stands in the data folder.
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join("kept")
    }

    /// Reads the file; `None` when there is none.
    pub(crate) fn read(folder: &Path) -> Result<Option<Kept>, StoreError> {
        let path = Kept::path(folder);
        match fs::read_to_string(&path) {
            Ok(text) => Kept::parse(&text).map(Some).ok_or_else(|| StoreError::Damaged {
                what: format!("the kept file {}", path.display()),
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(StoreError::File { attempt: "read", path, source }),
        }
    }

    /// Replaces the file: after return it survives a loss of power, before that the old one does.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let path = Kept::path(folder);
        let part = folder.join("kept.part");
        let replace = || -> io::Result<()> {
            let mut file = File::create(&part)?;
            file.write_all(self.to_text().as_bytes())?;
            file.sync_all()?;
            fs::rename(&part, &path)?;
            File::open(folder)?.sync_all()
        };
        replace().map_err(|source| StoreError::File {
            attempt: "write",
            path: path.clone(),
            source,
        })
    }

    fn to_text(self) -> String {
        format!(
            "provlog kept 1\nlog {}\nsize {}\nalive {}\nend\n",
            self.log, self.size, self.alive.0
        )
    }

    fn parse(text: &str) -> Option<Kept> {
        let rest = text.strip_prefix("provlog kept 1\nlog ")?;
        let (log, rest) = rest.split_once("\nsize ")?;
        let (size, rest) = rest.split_once("\nalive ")?;
        let alive = rest.strip_suffix("\nend\n")?;
        Some(Kept {
            log: log.parse().ok()?,
            size: size.parse().ok()?,
            alive: Timestamp(alive.parse().ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_round_trips_and_a_cut_one_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Kept::read(folder.path()).unwrap(), None);
        let kept = Kept { log: LogId::from_random(77), size: 1842, alive: Timestamp(-5) };
        kept.write(folder.path()).unwrap();
        assert_eq!(Kept::read(folder.path()).unwrap(), Some(kept));

        let text = kept.to_text();
        for end in 0..text.len() {
            fs::write(Kept::path(folder.path()), &text[..end]).unwrap();
            assert!(matches!(Kept::read(folder.path()), Err(StoreError::Damaged { .. })));
        }
    }
}
