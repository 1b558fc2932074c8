//! Checks RocksDB's write-ahead log before RocksDB opens it.
//!
//! RocksDB silently ends the log at the first broken record, whether a crash or damage broke it. This
//! module tells the two apart:
//!
//! * A killed process leaves complete records, and at most a last one that is cut by the end of the file.
//! * A loss of power may also leave gaps: pages of the last second that were never written, with written
//!   pages behind them. None of that was synced.
//! * Anything else is damage. It is damage if a later record notes that the log was synced beyond the
//!   broken one. And it is damage if the operating system was not restarted since, unless the broken
//!   record is the last one and cut by the end of the file.
//!
//! A file consists of blocks of 32 KiB, and a record lies within one block (little-endian):
//!
//! ```text
//! | crc32c u32, masked | length u16 | type u8 | payload |     type 1 whole, 2 first, 3 middle, 4 last
//! ```
//!
//! The payload of a whole record, or of a first, middle and last ones together, is one append. Behind
//! RocksDB's 12 bytes its first entry is our [`Note`], which exists in the write-ahead log only.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use event::Seq;

use crate::error::StoreError;
use crate::folder::file_error;
use crate::kept::Kept;

const BLOCK_BYTES: usize = 32 << 10;
const HEADER_BYTES: usize = 7;
/// RocksDB's sequence number and count, before the first entry of a batch.
const BATCH_HEADER_BYTES: usize = 12;
/// The tag of an entry that is in the write-ahead log only.
const LOG_DATA: u8 = 3;

/// What each append notes about itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Note {
    /// The seq of its first event.
    pub first: Seq,
    /// How many events it has.
    pub count: u64,
    /// How many events were known to be synced before it.
    pub synced: Seq,
}

impl Note {
    const BYTES: usize = 24;

    pub(crate) fn encode(self) -> [u8; Note::BYTES] {
        let mut bytes = [0; Note::BYTES];
        for (place, number) in bytes.chunks_exact_mut(8).zip([self.first, self.count, self.synced])
        {
            place.copy_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    /// The note in an append's payload. The write of the format record has none.
    fn of(payload: &[u8]) -> Option<Note> {
        let rest =
            payload.get(BATCH_HEADER_BYTES..)?.strip_prefix(&[LOG_DATA, Note::BYTES as u8])?;
        let bytes: &[u8; Note::BYTES] = rest.first_chunk()?;
        let number = |place: usize| {
            let (bytes, _) = bytes[place * 8..].split_first_chunk::<8>()?;
            Some(u64::from_be_bytes(*bytes))
        };
        Some(Note { first: number(0)?, count: number(1)?, synced: number(2)? })
    }
}

/// A record that is incomplete or has a wrong checksum.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Broken {
    /// Where it begins in its file.
    offset: u64,
    /// It may be a correct record that the end of the file cuts.
    cut: bool,
}

/// What was found in one file.
#[derive(Default)]
struct Found {
    /// One past the last event before the broken record.
    end: Option<Seq>,
    broken: Option<Broken>,
    /// Whether a correct record comes after the broken one.
    whole_after: bool,
    /// From the notes after the broken record: the first event, and the highest number of synced events.
    first_after: Option<Seq>,
    synced_after: Seq,
    bytes: u64,
}

/// The first broken record, if a crash explains it.
#[derive(Debug)]
pub(crate) struct Torn {
    end: TornEnd,
    /// The files after the one that has it.
    behind: Vec<PathBuf>,
    /// Whether there is more than one cut record, so that RocksDB cannot be trusted to end the log there.
    pub needs_cutting: bool,
}

impl Torn {
    /// Cuts the log before the record, in the database's folder or a copy of it.
    pub(crate) fn cut(&self, database: &Path) -> Result<(), StoreError> {
        let there =
            |path: &Path| path.file_name().map_or(path.to_owned(), |name| database.join(name));
        shorten(&there(&self.end.path), self.end.offset)?;
        self.behind.iter().try_for_each(|path| shorten(&there(path), 0))
    }
}

/// The unfinished write at the end of a log, which was never known to be synced.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TornEnd {
    /// The file with the broken record.
    pub path: PathBuf,
    /// Where that record begins.
    pub offset: u64,
    /// Bytes from there to the end of the file.
    pub bytes: u64,
}

/// Refuses a damaged write-ahead log. What a crash left from the first broken record on is cut off where
/// RocksDB might otherwise read on behind it.
///
/// # Errors
/// [`StoreError::WalDamaged`], and when a file cannot be read.
pub(crate) fn check(database: &Path, kept: Option<&Kept>) -> Result<Option<TornEnd>, StoreError> {
    let Some(torn) = look(database, kept)? else { return Ok(None) };
    if torn.needs_cutting {
        torn.cut(database)?;
    }
    Ok(Some(torn.end))
}

/// The same without changing anything.
///
/// # Errors
/// As [`check`].
pub(crate) fn look(database: &Path, kept: Option<&Kept>) -> Result<Option<Torn>, StoreError> {
    let files = files(database).map_err(file_error("look into", database))?;
    let mut broken: Option<(PathBuf, Found)> = None;
    let mut behind = vec![];
    for path in files {
        let found = read(&path).map_err(file_error("read", &path))?;
        match &mut broken {
            None if found.broken.is_some() => broken = Some((path, found)),
            None => {}
            Some((_, first)) => {
                first.whole_after |= found.end.is_some() || found.whole_after;
                first.first_after = first.first_after.or(found.first_after);
                first.synced_after = first.synced_after.max(found.synced_after);
                behind.push(path);
            }
        }
    }
    let Some((path, found)) = broken else { return Ok(None) };
    let Some(Broken { offset, cut }) = found.broken else { return Ok(None) };
    // The seq of the first lost event: the broken record has at least one, before those of later records.
    let lost = found.end.or(found.first_after.map(|first| first.saturating_sub(1)));
    let synced = lost.is_some_and(|lost| found.synced_after > lost);
    let same_run = kept.is_some_and(Kept::is_of_this_run);
    if synced || (same_run && (found.whole_after || !cut)) {
        return Err(StoreError::WalDamaged { path, offset });
    }
    let end = TornEnd { path, offset, bytes: found.bytes - offset };
    Ok(Some(Torn { end, behind, needs_cutting: found.whole_after || !cut }))
}

/// Cuts a file to this length, and syncs it.
pub(crate) fn shorten(path: &Path, bytes: u64) -> Result<(), StoreError> {
    let shorten = || -> io::Result<()> {
        let file = OpenOptions::new().write(true).open(path)?;
        file.set_len(bytes)?;
        file.sync_all()
    };
    shorten().map_err(file_error("cut the end off", path))
}

/// The files of the write-ahead log, oldest first.
pub(crate) fn files(database: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(database) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(vec![]),
        Err(error) => return Err(error),
    };
    let mut files = vec![];
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let number = name.strip_suffix(".log").and_then(|number| number.parse::<u64>().ok());
        files.extend(number.map(|number| (number, path)));
    }
    files.sort();
    Ok(files.into_iter().map(|(_, path)| path).collect())
}

/// How a file of this form ends. The database's list of files has the same form.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// Every record is correct.
    Whole,
    /// The last record, which begins at this byte, is cut by the end of the file.
    Cut(u64),
    /// From this byte on there is no correct record, and it is not just one cut record.
    Torn(u64),
    /// A broken record has correct ones behind it.
    Damaged,
}

/// How a file of this form ends.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn ending(path: &Path) -> io::Result<Ending> {
    let found = read(path)?;
    Ok(match found.broken {
        None => Ending::Whole,
        Some(_) if found.whole_after => Ending::Damaged,
        Some(Broken { offset, cut: true }) => Ending::Cut(offset),
        Some(Broken { offset, cut: false }) => Ending::Torn(offset),
    })
}

fn read(path: &Path) -> io::Result<Found> {
    let mut file = File::open(path)?;
    let mut reader = Reader::default();
    let mut block = Vec::with_capacity(BLOCK_BYTES);
    loop {
        block.clear();
        let bytes = (&mut file).take(BLOCK_BYTES as u64).read_to_end(&mut block)?;
        reader.block(&block);
        reader.found.bytes += bytes as u64;
        if bytes < BLOCK_BYTES {
            reader.end();
            return Ok(reader.found);
        }
    }
}

#[derive(Default)]
struct Reader {
    found: Found,
    /// Where a first record begins, and its payload with that of its middle records so far.
    parts: Option<(u64, Vec<u8>)>,
}

/// What is at a place of a block.
enum Place<'a> {
    Record(u8, &'a [u8]),
    /// The block has no room for another record.
    Full,
    Broken {
        cut: bool,
    },
}

impl Reader {
    fn block(&mut self, block: &[u8]) {
        let mut at = 0;
        while at < block.len() {
            match place(block, at) {
                Place::Full => return,
                Place::Record(kind, payload) => {
                    self.record(self.found.bytes + at as u64, kind, payload);
                    at += HEADER_BYTES + payload.len();
                }
                Place::Broken { cut } => {
                    self.broken(self.found.bytes + at as u64, cut);
                    // Its length may be wrong too, so a record may begin at any later byte.
                    let whole = |at: &usize| matches!(place(block, *at), Place::Record(..));
                    let Some(next) = (at + 1..block.len()).find(whole) else { return };
                    at = next;
                }
            }
        }
    }

    fn record(&mut self, offset: u64, kind: u8, payload: &[u8]) {
        if self.found.broken.is_some() {
            self.found.whole_after = true;
        }
        match (kind, self.parts.take()) {
            (1, None) => self.note(payload),
            (2, None) => self.parts = Some((offset, payload.to_vec())),
            (3, Some((first, mut parts))) => {
                parts.extend_from_slice(payload);
                self.parts = Some((first, parts));
            }
            (4, Some((_, mut parts))) => {
                parts.extend_from_slice(payload);
                self.note(&parts);
            }
            // A first without its last, or a last without its first: something between them is missing.
            (1..=4, parts) => {
                self.broken(parts.map_or(offset, |(first, _)| first), false);
                self.found.whole_after = true;
                match kind {
                    1 => self.note(payload),
                    2 => self.parts = Some((offset, payload.to_vec())),
                    _ => {}
                }
            }
            // RocksDB's own notes.
            (_, parts) => self.parts = parts,
        }
    }

    fn note(&mut self, payload: &[u8]) {
        let Some(note) = Note::of(payload) else { return };
        if self.found.broken.is_none() {
            self.found.end = Some(note.first + note.count);
        } else {
            self.found.first_after.get_or_insert(note.first);
            self.found.synced_after = self.found.synced_after.max(note.synced);
        }
    }

    /// Notes a broken record. Only the first one matters, because the log ends there.
    fn broken(&mut self, offset: u64, cut: bool) {
        let offset = self.parts.take().map_or(offset, |(first, _)| first);
        self.found.broken.get_or_insert(Broken { offset, cut });
    }

    fn end(&mut self) {
        if let Some((first, _)) = self.parts.take() {
            self.broken(first, true);
        }
    }
}

fn place(block: &[u8], at: usize) -> Place<'_> {
    let room = BLOCK_BYTES - at;
    let rest = &block[at..];
    if room < HEADER_BYTES {
        return Place::Full;
    }
    let Some((header, rest)) = rest.split_first_chunk::<HEADER_BYTES>() else {
        return Place::Broken { cut: true };
    };
    let [c0, c1, c2, c3, l0, l1, kind] = *header;
    let (checksum, length) =
        (u32::from_le_bytes([c0, c1, c2, c3]), usize::from(u16::from_le_bytes([l0, l1])));
    let is_right = |payload: &[u8]| {
        let unmasked = checksum.wrapping_sub(0xa282_ead8).rotate_left(15);
        crc32c::crc32c_append(crc32c::crc32c(&[kind]), payload) == unmasked
    };
    // All kinds that are ever written. A page that was never written is all zeros.
    if !matches!(kind, 1..=4 | 9 | 10 | 130) {
        return Place::Broken { cut: false };
    }
    match rest.get(..length) {
        Some(payload) if is_right(payload) => Place::Record(kind, payload),
        Some(_) => Place::Broken { cut: false },
        // No crash leaves a record longer than its block, or one that is correct but for its length.
        None => Place::Broken { cut: HEADER_BYTES + length <= room && !is_right(rest) },
    }
}

#[cfg(test)]
mod tests {
    use event::{LogId, Timestamp};

    use super::*;
    use crate::kept;
    use crate::options::Options;
    use crate::store::Store;

    /// The files of a log as a killed process leaves them: eleven appends of which the sixth spans
    /// blocks; `synced` says which are synced.
    fn killed(synced: impl Fn(Seq) -> bool) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("live"), &Options::default(), 7).unwrap();
        store.keep(0, Timestamp(0), None).unwrap();
        for seq in 0..11 {
            let bytes = vec![seq as u8; if seq == 5 { 100_000 } else { 3_000 }];
            store.append(&[(seq, bytes)], synced(seq)).unwrap();
        }
        let left = folder.path().join("left");
        fs::create_dir_all(left.join("db")).unwrap();
        fs::copy(folder.path().join("live/kept"), left.join("kept")).unwrap();
        for entry in fs::read_dir(folder.path().join("live/db")).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), left.join("db").join(entry.file_name())).unwrap();
        }
        drop(store);
        let wal = files(&left.join("db")).unwrap().pop().unwrap();
        (folder, wal)
    }

    fn kept(same_run: bool) -> Kept {
        let boot = kept::boot_id().map(|boot| if same_run { boot } else { !boot });
        let log = LogId::from_random(7);
        Kept { log, size: 0, alive: Timestamp(0), boot, manifest: None, checkpoint: None }
    }

    fn database(wal: &Path) -> &Path {
        wal.parent().unwrap()
    }

    /// Where each record begins, and the end.
    fn records(bytes: &[u8]) -> Vec<usize> {
        let mut offsets = vec![];
        for (number, block) in bytes.chunks(BLOCK_BYTES).enumerate() {
            let mut at = 0;
            while let (true, Place::Record(_, payload)) = (at < block.len(), place(block, at)) {
                offsets.push(number * BLOCK_BYTES + at);
                at += HEADER_BYTES + payload.len();
            }
        }
        offsets.push(bytes.len());
        offsets
    }

    #[test]
    fn the_notes_of_a_whole_log_are_read() {
        let (_folder, wal) = killed(|_| true);
        let found = read(&wal).unwrap();
        assert_eq!((found.end, found.broken), (Some(11), None));
        assert_eq!(found.bytes, fs::metadata(&wal).unwrap().len());
        assert_eq!(
            records(&fs::read(&wal).unwrap()).len() - 1,
            15,
            "one is in four parts, and the format"
        );
        assert_eq!(check(database(&wal), Some(&kept(true))).unwrap(), None);
        let manifest = fs::read_dir(database(&wal)).unwrap().map(|entry| entry.unwrap().path());
        let manifest =
            manifest.into_iter().find(|path| path.to_str().unwrap().contains("MANIFEST"));
        let manifest = manifest.unwrap();
        assert_eq!(ending(&manifest).unwrap(), Ending::Whole);
    }

    /// Every bit of every header, and some of the payloads: a record behind the broken one proves it,
    /// wherever the machine was started since; at the very end the run of the system does.
    #[test]
    fn a_flipped_bit_is_damage_wherever_it_is() {
        let (_folder, wal) = killed(|_| true);
        let whole = fs::read(&wal).unwrap();
        let records = records(&whole);
        let last = records[records.len() - 2];
        let headers = records[..records.len() - 1].iter().flat_map(|at| at * 8..(at + 7) * 8);
        let payloads = (0..whole.len() * 8).step_by(4_999);
        for bit in headers.chain(payloads) {
            let mut harmed = whole.clone();
            harmed[bit / 8] ^= 1 << (bit % 8);
            fs::write(&wal, &harmed).unwrap();
            let error = check(database(&wal), Some(&kept(true))).unwrap_err();
            assert!(matches!(error, StoreError::WalDamaged { .. }), "bit {bit}: {error}");
            if bit / 8 < last {
                let error = check(database(&wal), Some(&kept(false))).unwrap_err();
                assert!(matches!(error, StoreError::WalDamaged { .. }), "bit {bit}: {error}");
            }
            assert_eq!(fs::read(&wal).unwrap(), harmed, "nothing was touched");
        }
    }

    #[test]
    fn a_cut_is_what_a_killed_process_leaves_and_is_told() {
        let (_folder, wal) = killed(|_| true);
        let whole = fs::read(&wal).unwrap();
        let records = records(&whole);
        for (one, next) in records.iter().zip(&records[1..]) {
            for length in [one + 1, one + 6, one + 7, (one + next) / 2, next - 1] {
                fs::write(&wal, &whole[..length]).unwrap();
                for same_run in [true, false] {
                    let torn = check(database(&wal), Some(&kept(same_run))).unwrap().unwrap();
                    assert!(torn.offset as usize <= *one && torn.bytes > 0, "{length}: {torn:?}");
                    assert_eq!(torn.offset + torn.bytes, length as u64);
                }
            }
        }
    }

    /// Pages that a loss of power left unwritten: what was not synced may be gone, what was may not.
    #[test]
    fn a_hole_is_damage_exactly_where_it_was_synced() {
        for synced_until in 0..11 {
            let (_folder, wal) = killed(|seq| seq < synced_until);
            let whole = fs::read(&wal).unwrap();
            // The first page has the first event: before it nothing says where the log ended.
            for page in 1..whole.len() / 4096 {
                let mut harmed = whole.clone();
                harmed[page * 4096..(page + 1) * 4096].fill(0);
                fs::write(&wal, &harmed).unwrap();
                let end = read(&wal).unwrap().end.unwrap_or(0);
                let checked = check(database(&wal), Some(&kept(false)));
                if end < synced_until {
                    assert!(matches!(checked, Err(StoreError::WalDamaged { .. })), "{page} {end}");
                    continue;
                }
                let torn = checked.unwrap().unwrap();
                assert_eq!(fs::metadata(&wal).unwrap().len(), torn.offset, "the rest is cut off");
                assert_eq!(read(&wal).unwrap().end, (end > 0).then_some(end));
                fs::write(&wal, &harmed).unwrap();
                assert!(check(database(&wal), Some(&kept(true))).is_err(), "power was not lost");
            }
        }
    }

    /// What is let through opens, with everything that was synced.
    #[test]
    fn a_log_that_lost_its_unsynced_end_opens() {
        let (_folder, wal) = killed(|seq| seq < 7);
        let whole = fs::read(&wal).unwrap();
        let mut harmed = whole.clone();
        let page = whole.len() / 4096 - 2;
        harmed[page * 4096..(page + 1) * 4096].fill(0);
        fs::write(&wal, &harmed).unwrap();
        let data = database(&wal).parent().unwrap();
        kept(false).write(data).unwrap();
        let store = Store::open(data, &Options::default(), 1).unwrap();
        let size = store.log_size().unwrap();
        assert!((7..11).contains(&size), "{size}");
        let torn = store.torn_end().unwrap();
        assert!(torn.bytes > 4_096, "{torn:?}");
        drop(store);
        let store = Store::open(data, &Options::default(), 1).unwrap();
        assert_eq!((store.log_size().unwrap(), store.torn_end().cloned()), (size, None));
    }
}
