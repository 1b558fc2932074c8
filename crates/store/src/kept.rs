//! The kept file: how far the log was synced, stored outside of the database.
//!
//! RocksDB's point-in-time recovery silently ends the log at damage in its newest file. This small file,
//! replaced as a whole after a sync, makes that noticeable. Its text:
//!
//! ```text
//! provlog kept 3
//! log 0123456789abcde
//! size 1842
//! alive 1772442847120001
//! boot 6f1d3c0a9b7e4d52a1c08e4f5b2d7a90
//! manifest 5 1739
//! checkpoint 187
//! provlog/0123456789abcde
//! 1842
//! …
//! crc32c 89abcdef
//! ```
//!
//! `size` is the number of synced events, `alive` the time when the recorder was last known to run, in
//! microseconds since 1970, `boot` the boot id of the operating system then, or `unknown`. `manifest` is
//! the number and length of the database's list of files (see `manifest`), or `unknown`. `checkpoint` is
//! the last signed checkpoint of the log, behind its length in bytes; the first start of a server signs one,
//! so it is missing only where nothing signs. It stands here before anybody sees it, so that no other one is ever signed
//! that contradicts it. The last line is the checksum of the lines before it.

use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use event::{LogId, Seq, Timestamp};

use crate::error::StoreError;
use crate::folder::{file_error, replace_file};
use crate::format::FORMAT_VERSION;
use crate::manifest::Manifest;

/// The first line in every version, up to the version.
const FIRST_WORDS: &str = "provlog kept ";
/// The version that is written, and the only one that is read: the file belongs to the format of the folder.
const VERSION: u32 = FORMAT_VERSION;
/// Longer than the file can be.
const BYTES_MAX: u64 = 1024 + CHECKPOINT_BYTES_MAX as u64;
/// A checkpoint has about a hundred bytes, and as many for each signature.
const CHECKPOINT_BYTES_MAX: usize = 64 << 10;
/// Linux's boot id.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// What the kept file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Kept {
    /// The log's id.
    pub log: LogId,
    /// How many events were synced.
    pub size: Seq,
    /// When the recorder was last known to run.
    pub alive: Timestamp,
    /// The boot id of the operating system then; `None` if unknown.
    pub boot: Option<u128>,
    /// The synced part of the database's list of files; `None` if unknown.
    pub manifest: Option<Manifest>,
    /// The last signed checkpoint, as it is handed out.
    pub checkpoint: Option<String>,
}

/// The boot id of the operating system. It is another one after a loss of power.
pub(crate) fn boot_id() -> Option<u128> {
    let text = fs::read_to_string(BOOT_ID).ok()?;
    u128::from_str_radix(&text.trim_end().replace('-', ""), 16).ok()
}

impl Kept {
    /// The path of the file in the data folder.
    pub(crate) fn path(folder: &Path) -> PathBuf {
        folder.join("kept")
    }

    /// Reads the file; `None` when there is none.
    pub(crate) fn read(folder: &Path) -> Result<Option<Kept>, StoreError> {
        let path = Kept::path(folder);
        let mut text = Vec::new();
        // Whatever was put in its place: follow no link, and do not wait for a pipe.
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
        let opened = OpenOptions::new().read(true).custom_flags(flags as i32).open(&path);
        match opened.and_then(|file| file.take(BYTES_MAX).read_to_end(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(file_error("read", &path)(source)),
        }
        let text = String::from_utf8(text).unwrap_or_default();
        match version(&text) {
            Some(found) if found < VERSION => Err(StoreError::Older { found, known: VERSION }),
            Some(found) if found > VERSION => Err(StoreError::Newer { found, known: VERSION }),
            Some(_) | None => Kept::parse(&text).map(Some).ok_or(StoreError::KeptDamaged { path }),
        }
    }

    /// Replaces the file atomically. When this returns, the new file survives a loss of power.
    ///
    /// # Errors
    /// When it cannot be written, or the checkpoint is so long that it could not be read again.
    pub(crate) fn write(&self, folder: &Path) -> Result<(), StoreError> {
        let path = Kept::path(folder);
        if self.checkpoint.as_ref().is_some_and(|text| text.len() > CHECKPOINT_BYTES_MAX) {
            let words = format!("its checkpoint has more than {CHECKPOINT_BYTES_MAX} bytes");
            return Err(file_error("write", &path)(io::Error::other(words)));
        }
        replace_file(&path, self.to_text().as_bytes()).map_err(file_error("write", &path))
    }

    fn to_text(&self) -> String {
        let manifest = self.manifest.map_or("unknown".to_owned(), |manifest| {
            format!("{} {}", manifest.number, manifest.bytes)
        });
        let checkpoint = self.checkpoint.as_ref().map_or(String::new(), |checkpoint| {
            format!("checkpoint {}\n{checkpoint}", checkpoint.len())
        });
        let boot = self.boot.map_or("unknown".to_owned(), |boot| format!("{boot:032x}"));
        let text = format!(
            "{FIRST_WORDS}{VERSION}\nlog {}\nsize {}\nalive {}\nboot {boot}\nmanifest {manifest}\n\
             {checkpoint}",
            self.log, self.size, self.alive.0
        );
        format!("{text}crc32c {:08x}\n", crc32c::crc32c(text.as_bytes()))
    }

    fn parse(text: &str) -> Option<Kept> {
        let (_, rest) = text.split_once("\nlog ")?;
        let (log, rest) = rest.split_once("\nsize ")?;
        let (size, rest) = rest.split_once("\nalive ")?;
        let (alive, rest) = rest.split_once("\nboot ")?;
        let (rest, _) = rest.rsplit_once("crc32c ")?;
        let (rest, checkpoint) = match rest.split_once("\ncheckpoint ") {
            Some((rest, checkpoint)) => (rest, Some(checkpoint.split_once('\n')?.1.to_owned())),
            None => (rest.strip_suffix('\n')?, None),
        };
        let (boot, manifest) = rest.split_once("\nmanifest ")?;
        let kept = Kept {
            log: log.parse().ok()?,
            size: size.parse().ok()?,
            alive: Timestamp(alive.parse().ok()?),
            boot: match boot {
                "unknown" => None,
                boot => Some(u128::from_str_radix(boot, 16).ok()?),
            },
            manifest: match manifest {
                "unknown" => None,
                manifest => {
                    let (number, bytes) = manifest.split_once(' ')?;
                    Some(Manifest { number: number.parse().ok()?, bytes: bytes.parse().ok()? })
                }
            },
            checkpoint,
        };
        // There is only one way to write these values, so any other text is damaged.
        (kept.to_text() == text).then_some(kept)
    }

    /// Whether the operating system is known not to have been restarted since this was written.
    pub(crate) fn is_of_this_run(&self) -> bool {
        self.boot.is_some() && self.boot == boot_id()
    }
}

/// The version, if the file is complete: version 1 had an end line, every later one has a checksum.
fn version(text: &str) -> Option<u32> {
    let (version, _) = text.strip_prefix(FIRST_WORDS)?.split_once('\n')?;
    let version = version.parse().ok()?;
    let whole = if version == 1 {
        text.ends_with("\nend\n")
    } else {
        let lines = text.len().checked_sub("crc32c 01234567\n".len())?;
        let (lines, last) = text.split_at_checked(lines)?;
        last == format!("crc32c {:08x}\n", crc32c::crc32c(lines.as_bytes()))
    };
    whole.then_some(version)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const CHECKPOINT: &str =
        "provlog/0123456789abcde\n1840\ncrc32c x\n\n— provlog/0123456789abcde AAAA\n";

    fn kept() -> Kept {
        let manifest = Some(Manifest { number: 5, bytes: 1739 });
        let log = LogId::from_random(77);
        let checkpoint = Some(CHECKPOINT.to_owned());
        Kept { log, size: 1842, alive: Timestamp(-5), boot: Some(7), manifest, checkpoint }
    }

    #[test]
    fn the_file_round_trips() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Kept::read(folder.path()).unwrap(), None);
        let none = Kept { boot: None, manifest: None, checkpoint: None, ..kept() };
        for kept in [kept(), Kept { checkpoint: None, ..kept() }, none] {
            kept.write(folder.path()).unwrap();
            assert_eq!(Kept::read(folder.path()).unwrap(), Some(kept));
        }
        assert!(boot_id().is_some(), "Linux tells");
    }

    #[test]
    fn a_checkpoint_that_could_not_be_read_again_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        kept().write(folder.path()).unwrap();
        for (length, is_kept) in [(CHECKPOINT_BYTES_MAX, true), (CHECKPOINT_BYTES_MAX + 1, false)] {
            let long = Kept { checkpoint: Some("x".repeat(length)), ..kept() };
            assert_eq!(long.write(folder.path()).is_ok(), is_kept);
            let read = Kept::read(folder.path()).unwrap().unwrap();
            assert_eq!(read.checkpoint.unwrap().len(), CHECKPOINT_BYTES_MAX);
        }
    }

    #[test]
    fn a_cut_a_flipped_bit_and_a_byte_too_many_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        let check = |bytes: &[u8], what: &str| {
            fs::write(Kept::path(folder.path()), bytes).unwrap();
            let read = Kept::read(folder.path());
            assert!(matches!(read, Err(StoreError::KeptDamaged { .. })), "{what}: {read:?}");
        };
        let without = Kept { checkpoint: None, ..kept() };
        for text in [kept().to_text(), without.to_text()] {
            let text = text.into_bytes();
            for end in 0..text.len() {
                check(&text[..end], "cut");
            }
            for bit in 0..text.len() * 8 {
                let mut flipped = text.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                check(&flipped, &format!("bit {bit}"));
            }
            check(&[&text[..], b"\n"].concat(), "one byte more");
        }
        check(&vec![b'x'; 5000], "something else");
    }

    #[test]
    fn other_forms_are_named_as_such_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = Kept::path(folder.path());
        let ended = |text: &str| format!("{text}crc32c {:08x}\n", crc32c::crc32c(text.as_bytes()));
        let first = "provlog kept 1\nlog 0123456789abcde\nsize 3\nalive 7\nend\n".to_owned();
        let second = ended("provlog kept 2\nlog 0123456789abcde\nsize 3\nalive 7\nboot unknown\n");
        for (version, older) in [(1, first), (2, second)] {
            fs::write(&path, older).unwrap();
            let error = Kept::read(folder.path()).unwrap_err();
            let is_older =
                matches!(error, StoreError::Older { found, known: 3 } if found == version);
            assert!(is_older, "{error}");
        }
        fs::write(&path, ended("provlog kept 4\nheads 7\n")).unwrap();
        let error = Kept::read(folder.path()).unwrap_err();
        assert!(matches!(error, StoreError::Newer { found: 4, known: 3 }), "{error}");

        fs::remove_file(&path).unwrap();
        symlink("/dev/zero", &path).unwrap();
        assert!(matches!(Kept::read(folder.path()), Err(StoreError::File { .. })));
    }
}
