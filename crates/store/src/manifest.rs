//! Checks RocksDB's list of its files, the `MANIFEST`, before RocksDB opens it.
//!
//! A list that lost its end looks like an older list. RocksDB would open it and delete every file that it
//! does not name, even tables with the only copy of events. So the kept file has the number and length of
//! the list, and an older or shorter one is refused while all files are still there.
//!
//! After a loss of power, pages beyond the synced part may read as zeros, because they were never
//! written. The change that was being added was not complete, so the list is cut before it.

use std::error::Error;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::error::{StoreError, is_hindered};
use crate::kept::Kept;
use crate::wal::{self, Ending};

/// The prefix of a list's file name; its number follows.
const PREFIX: &str = "MANIFEST-";

/// Identifies a list, and its length when it was last synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Manifest {
    /// The number in its file name. Each opening begins a new list with a higher number.
    pub number: u64,
    /// Its length in bytes. A list only grows.
    pub bytes: u64,
}

/// Syncs the current list and returns it. `known` is the one that was synced last.
///
/// # Errors
/// When the operating system cannot, or when there is no list.
pub(crate) fn synced(database: &Path, known: Option<Manifest>) -> io::Result<Manifest> {
    let (number, path) =
        current(database)?.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
    let file = File::open(path)?;
    let found = Manifest { number, bytes: file.metadata()?.len() };
    if known != Some(found) {
        file.sync_all()?;
    }
    Ok(found)
}

/// A list with an incomplete change at its end, which a loss of power left.
#[derive(Debug)]
pub(crate) struct TornList {
    path: PathBuf,
    /// Where the incomplete change begins.
    offset: u64,
}

impl TornList {
    /// Cuts it off, so that RocksDB does not have to interpret it.
    pub(crate) fn cut(&self) -> Result<(), StoreError> {
        wal::shorten(&self.path, self.offset)
    }
}

/// Refuses a list that is damaged, or older or shorter than the kept file says. No list at all is
/// accepted. Changes nothing.
///
/// Checks every record, because some flipped bits make RocksDB loop for ever.
///
/// # Errors
/// What is wrong with it; an [`io::Error`] when it could not be read.
pub(crate) fn look(
    database: &Path,
    kept: Option<&Kept>,
) -> Result<Option<TornList>, Box<dyn Error + Send + Sync>> {
    let (number, path) = match current(database) {
        Ok(Some(current)) => current,
        Ok(None) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let looked = wal::ending(&path).and_then(|ending| Ok((ending, fs::metadata(&path)?.len())));
    let (ending, bytes) = match looked {
        Ok(looked) => looked,
        Err(error) if is_hindered(&error) => return Err(error.into()),
        Err(error) => return Err(format!("its file {name} cannot be read: {error}").into()),
    };
    let known = kept.and_then(|kept| kept.manifest);
    if let Some(known) = known {
        if number < known.number {
            return Err(format!("its file {name} is an older list of its tables").into());
        }
        if number == known.number && bytes < known.bytes {
            return Err(format!("its file {name} has {bytes} bytes and had {}", known.bytes).into());
        }
    }
    let is_same = |known: &Manifest| known.number == number;
    let lost_power = kept.is_some_and(|kept| !kept.is_of_this_run());
    match ending {
        Ending::Whole => Ok(None),
        // Cut within the synced part is damage: the record's length must be wrong.
        Ending::Cut(offset) if known.filter(is_same).is_none_or(|known| known.bytes <= offset) => {
            Ok(None)
        }
        Ending::Torn(offset)
            if lost_power && known.filter(is_same).is_some_and(|known| known.bytes <= offset) =>
        {
            Ok(Some(TornList { path, offset }))
        }
        Ending::Cut(_) | Ending::Torn(_) | Ending::Damaged => {
            Err(format!("its file {name} has a record that is not whole").into())
        }
    }
}

/// The list that the file `CURRENT` names, and its number; `None` if there is no such file.
fn current(database: &Path) -> io::Result<Option<(u64, PathBuf)>> {
    let current = match fs::read(database.join("CURRENT")) {
        Ok(current) => current,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let name = std::str::from_utf8(&current).ok().and_then(|text| text.strip_suffix('\n'));
    let number = name.and_then(|name| name.strip_prefix(PREFIX)?.parse().ok());
    match name.zip(number) {
        Some((name, number)) => Ok(Some((number, database.join(name)))),
        None => Err(io::Error::other("its file CURRENT names no list of tables")),
    }
}

#[cfg(test)]
mod tests {
    use event::{Seq, Timestamp};

    use super::*;
    use crate::options::Options;
    use crate::store::Store;

    const EVENTS: Seq = 40;
    /// The last event that is synced.
    const SYNCED: Seq = 30;

    /// A folder as a killed process leaves it, its list, and what the list holds: the first events are in
    /// tables, and the rest, not synced, in the write-ahead log.
    fn killed(folder: &Path) -> (PathBuf, PathBuf, Vec<u8>) {
        let live = folder.join("live");
        let store = Store::open(&live, &Options::default(), 7).unwrap();
        store.keep(0, Timestamp(0), None).unwrap();
        for seq in 0..EVENTS {
            store.append(&[(seq, vec![seq as u8; 3_000])], seq <= SYNCED).unwrap();
            // Not so often that tables are compacted.
            if [6, 13].contains(&seq) {
                store.flush(true).unwrap();
                store.keep(seq + 1, Timestamp(9), None).unwrap();
            }
        }
        let left = folder.join("left");
        fs::create_dir_all(left.join("db")).unwrap();
        fs::copy(live.join("kept"), left.join("kept")).unwrap();
        for entry in fs::read_dir(live.join("db")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, left.join("db").join(path.file_name().unwrap())).unwrap();
        }
        let (_, list) = current(&left.join("db")).unwrap().unwrap();
        let whole = fs::read(&list).unwrap();
        (left, list, whole)
    }

    /// As if the machine had been started anew since.
    fn lose_power(left: &Path) -> Kept {
        let kept = Kept::read(left).unwrap().unwrap();
        let kept = Kept { boot: kept.boot.map(|boot| !boot), ..kept };
        kept.write(left).unwrap();
        kept
    }

    fn opened(left: &Path) -> Result<Seq, StoreError> {
        Store::open_existing(left, &Options::default())?.log_size()
    }

    /// Where each record begins; the list is shorter than a block.
    fn records(list: &[u8]) -> Vec<usize> {
        let length = |at: usize| 7 + usize::from(u16::from_le_bytes([list[at + 4], list[at + 5]]));
        let next = |at: &usize| Some(at + length(*at)).filter(|at| *at < list.len());
        std::iter::successors(Some(0), next).collect()
    }

    /// What a loss of power leaves of a record that was being added: pages that read as zeros.
    #[test]
    fn what_power_cut_off_behind_the_synced_part_of_a_list_is_no_damage() {
        type Tail = fn(&[u8]) -> Vec<u8>;
        fn last(whole: &[u8]) -> Vec<u8> {
            whole[*records(whole).last().unwrap()..].to_vec()
        }
        let tails: [Tail; 5] = [
            |_| vec![0; 7],
            |_| vec![0; 4_096],
            |whole| vec![0; 4_096 - whole.len() % 4_096],
            |whole| {
                let mut half = last(whole);
                let length = half.len();
                half[length / 2..].fill(0);
                half
            },
            |whole| {
                let record = last(whole);
                [&record[..10], &[0; 500]].concat()
            },
        ];
        for (turn, tail) in tails.iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let (left, list, whole) = killed(folder.path());
            let torn = [&whole[..], &tail(&whole)].concat();
            fs::write(&list, &torn).unwrap();
            let refused = opened(&left).unwrap_err();
            assert!(
                matches!(refused, StoreError::DatabaseDamaged { .. }),
                "{turn}: power was there"
            );
            assert_eq!(fs::read(&list).unwrap(), torn, "{turn}: nothing was touched");
            let kept = lose_power(&left);
            let known = kept.manifest.unwrap();
            // Nobody knows of a list without a length, nor of one that was said to be longer.
            let longer = Manifest { bytes: known.bytes + 1, ..known };
            for manifest in
                [None, Some(longer), Some(Manifest { number: known.number - 1, ..known })]
            {
                Kept { manifest, ..kept.clone() }.write(&left).unwrap();
                assert!(opened(&left).is_err(), "{turn}: {manifest:?}");
            }
            kept.write(&left).unwrap();
            assert_eq!(opened(&left).unwrap(), EVENTS, "{turn}");
            assert_eq!(opened(&left).unwrap(), EVENTS, "{turn}, again");
        }
    }

    #[test]
    fn a_record_that_was_synced_is_damaged_whether_power_was_lost_or_not() {
        for lost in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let (left, list, whole) = killed(folder.path());
            if lost {
                lose_power(&left);
            }
            let starts = records(&whole);
            assert!(starts.len() > 4, "{starts:?}");
            for (turn, start) in starts.iter().enumerate() {
                let end = starts.get(turn + 1).copied().unwrap_or(whole.len());
                let mut zeros = whole.clone();
                zeros[*start..end].fill(0);
                // It reads as one that the end of the file cuts.
                let mut longer = whole.clone();
                longer[start + 5] ^= 0x40;
                for harmed in [zeros, longer] {
                    fs::write(&list, &harmed).unwrap();
                    let refused = opened(&left).unwrap_err();
                    assert!(
                        matches!(refused, StoreError::DatabaseDamaged { .. }),
                        "{turn} {refused}"
                    );
                    assert_eq!(fs::read(&list).unwrap(), harmed);
                }
            }
        }
        // Behind what is known, others that are whole prove it.
        let folder = tempfile::tempdir().unwrap();
        let (left, list, mut whole) = killed(folder.path());
        let kept = lose_power(&left);
        let starts = records(&whole);
        let (from, to) = (starts[starts.len() - 2], starts[starts.len() - 1]);
        let manifest = kept.manifest.map(|known| Manifest { bytes: from as u64, ..known });
        Kept { manifest, ..kept.clone() }.write(&left).unwrap();
        whole[from..to].fill(0);
        fs::write(&list, &whole).unwrap();
        assert!(opened(&left).is_err());
    }

    /// Whichever of the two is damaged, the torn end of the other is still there afterwards.
    #[test]
    fn nothing_is_cut_of_a_folder_that_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let (left, list, whole) = killed(folder.path());
        lose_power(&left);
        let log = wal::files(&left.join("db")).unwrap().pop().unwrap();
        let logged = fs::read(&log).unwrap();
        let mut torn_log = logged.clone();
        let page = logged.len() / 4_096 - 2;
        torn_log[page * 4_096..(page + 1) * 4_096].fill(0);
        let mut damaged_list = whole.clone();
        damaged_list[10] ^= 1;
        let mut torn_list = whole.clone();
        torn_list.extend([0; 100]);
        let mut damaged_log = logged.clone();
        damaged_log[100] ^= 1;
        for (one, other, words) in
            [(&torn_log, &damaged_list, "list"), (&damaged_log, &torn_list, "log")]
        {
            fs::write(&log, one).unwrap();
            fs::write(&list, other).unwrap();
            let refused = opened(&left).unwrap_err();
            match words {
                "list" => {
                    assert!(matches!(refused, StoreError::DatabaseDamaged { .. }), "{refused}")
                }
                _ => assert!(matches!(refused, StoreError::WalDamaged { .. }), "{refused}"),
            }
            assert_eq!(&fs::read(&log).unwrap(), one, "{words}");
            assert_eq!(&fs::read(&list).unwrap(), other, "{words}");
        }
        fs::write(&log, &torn_log).unwrap();
        fs::write(&list, &torn_list).unwrap();
        assert!((SYNCED + 1..EVENTS).contains(&opened(&left).unwrap()));
    }
}
