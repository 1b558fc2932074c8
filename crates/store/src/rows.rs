//! The rows: what the fold made from the log. They are a cache: never synced, and made again if in doubt.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use event::Seq;
use rocksdb::{ReadOptions, WriteBatch, WriteOptions};
use sha2::{Digest, Sha256};

use crate::error::StoreError;
use crate::key::{self, KeyRange};
use crate::options::ROWS_FAMILY;
use crate::store::Store;

/// The order of a scan.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Direction {
    /// Lowest key first.
    Forward,
    /// Highest key first.
    Backward,
}

/// A row's key and value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Called with the key and value of one row after the other; may break off.
pub type Visit<'a> = &'a mut dyn FnMut(&[u8], &[u8]) -> ControlFlow<()>;

/// Read access to rows: a snapshot of the store, an overlay over one, or a map in tests.
pub trait ReadRows {
    /// The value of a key.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The values of some keys, in their order.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn get_all(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        keys.iter().map(|key| self.get(key)).collect()
    }

    /// Visits the rows of a range in order, until `visit` breaks off.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), StoreError>;

    /// The first row of a range in the given direction.
    ///
    /// # Errors
    /// When the store cannot be read.
    fn first(&self, range: &KeyRange, direction: Direction) -> Result<Option<Row>, StoreError> {
        let mut found = None;
        self.scan(range, direction, &mut |key, value| {
            found = Some((key.to_vec(), value.to_vec()));
            ControlFlow::Break(())
        })?;
        Ok(found)
    }
}

/// Rows to write; `None` deletes. Each key once, and sorted, so that the write does not depend on the order
/// of changes and the memtable is filled in order.
pub type RowChanges = Vec<(Vec<u8>, Option<Vec<u8>>)>;

/// All rows as they were when the snapshot was taken.
pub struct Snapshot<'a> {
    store: &'a Store,
    /// Iterators for reuse, because creating one costs more than moving it: one for all ranges, and one
    /// for ranges within a prefix. They must be dropped before the snapshot, so they come before it.
    idle: [RefCell<Option<RowIterator<'a>>>; 2],
    rocks: rocksdb::SnapshotWithThreadMode<'a, rocksdb::DB>,
}

type RowIterator<'a> = rocksdb::DBRawIteratorWithThreadMode<'a, rocksdb::DB>;

impl<'a> Snapshot<'a> {
    /// An iterator over all rows, or only over those with the prefix of the key it is moved to. A scan
    /// within a scan gets a new one.
    fn iterator(&self, within_prefix: bool) -> RowIterator<'a> {
        self.idle[usize::from(within_prefix)].take().unwrap_or_else(|| {
            let mut options = ReadOptions::default();
            options.set_snapshot(&self.rocks);
            options.set_total_order_seek(!within_prefix);
            options.set_prefix_same_as_start(within_prefix);
            self.store.db.raw_iterator_cf_opt(&self.store.rows_family(), options)
        })
    }
}

impl ReadRows for Snapshot<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.rows_read.fetch_add(1, Ordering::Relaxed);
        self.rocks
            .get_cf(&self.store.rows_family(), key)
            .map_err(self.store.rows_failed("read a row"))
    }

    /// One batched read, which is faster than one by one.
    fn get_all(&self, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, StoreError> {
        self.store.rows_read.fetch_add(keys.len() as u64, Ordering::Relaxed);
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.rocks);
        let family = self.store.rows_family();
        let found = self.store.db.batched_multi_get_cf_opt(&family, keys, false, &options);
        let values = found.into_iter().map(|value| Ok(value?.map(|value| value.to_vec())));
        values.collect::<Result<_, _>>().map_err(self.store.rows_failed("read rows"))
    }

    fn scan(
        &self,
        range: &KeyRange,
        direction: Direction,
        visit: Visit<'_>,
    ) -> Result<(), StoreError> {
        if range.from >= range.to {
            return Ok(());
        }
        let within_prefix = range.has_one_prefix(direction == Direction::Backward);
        let mut rows = self.iterator(within_prefix);
        match direction {
            Direction::Forward => rows.seek(&range.from),
            Direction::Backward => {
                rows.seek_for_prev(&range.to);
                if rows.key() == Some(&range.to) {
                    rows.prev();
                }
            }
        }
        let mut shown = 0;
        while let Some((key, value)) = rows.item() {
            let inside = match direction {
                Direction::Forward => key < range.to.as_slice(),
                Direction::Backward => key >= range.from.as_slice(),
            };
            if !inside {
                break;
            }
            shown += 1;
            if visit(key, value).is_break() {
                break;
            }
            match direction {
                Direction::Forward => rows.next(),
                Direction::Backward => rows.prev(),
            }
        }
        // An iterator without a row has reached the end, or could not read.
        rows.status().map_err(self.store.rows_failed("scan rows"))?;
        self.idle[usize::from(within_prefix)].replace(Some(rows));
        // Counted once for each scan: updating a shared counter for each row would be slow.
        self.store.rows_read.fetch_add(shown, Ordering::Relaxed);
        Ok(())
    }
}

impl Store {
    /// A consistent view of the rows. Later publishes do not change it.
    pub fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { store: self, idle: Default::default(), rocks: self.db.snapshot() }
    }

    /// Writes rows and the watermark in one write, without the write-ahead log. After a crash the rows
    /// may end before the log, but never in the middle of a publish.
    ///
    /// # Errors
    /// When RocksDB cannot write.
    pub fn publish(
        &self,
        changes: &RowChanges,
        next_seq: Seq,
        fold_version: u32,
    ) -> Result<(), StoreError> {
        let borrowed = changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        self.publish_sorted(&borrowed.collect::<Vec<_>>(), next_seq, fold_version)
    }

    /// [`Store::publish`] of rows that stand anywhere; sorted as [`RowChanges`] are.
    ///
    /// # Errors
    /// When RocksDB cannot write.
    pub fn publish_sorted(
        &self,
        changes: &[(&[u8], Option<&[u8]>)],
        next_seq: Seq,
        fold_version: u32,
    ) -> Result<(), StoreError> {
        let family = self.rows_family();
        // About what RocksDB adds to each row, so that the batch is not moved while it grows.
        const ROW_BYTES: usize = 12;
        let bytes = |(key, value): &(&[u8], Option<&[u8]>)| {
            ROW_BYTES + key.len() + value.map_or(0, <[u8]>::len)
        };
        let mut batch =
            WriteBatch::with_capacity_bytes(64 + changes.iter().map(bytes).sum::<usize>());
        for (key, value) in changes {
            match value {
                Some(value) => batch.put_cf(&family, key, value),
                None => batch.delete_cf(&family, key),
            }
        }
        let mut watermark = next_seq.to_be_bytes().to_vec();
        watermark.extend_from_slice(&fold_version.to_be_bytes());
        batch.put_cf(&family, key::watermark(), watermark);
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        self.db.write_opt(batch, &options).map_err(self.write_failed("publish rows"))?;
        self.rows_written.fetch_add(changes.len() as u64 + 1, Ordering::Relaxed);
        Ok(())
    }

    /// Removes all rows, watermark included. The caller, or the next start, then folds from seq 0.
    ///
    /// # Errors
    /// When RocksDB cannot write.
    pub fn clear_rows(&self) -> Result<(), StoreError> {
        let attempt = StoreError::rocks("clear the rows");
        // After a crash between the two, the next open creates the family again, empty.
        self.db.drop_cf(ROWS_FAMILY).map_err(&attempt)?;
        self.db.create_cf(ROWS_FAMILY, &self.row_options).map_err(&attempt)
    }
}

/// The seq of the first event not yet folded, and the fold version; `None` if there are no rows.
///
/// # Errors
/// When the rows cannot be read.
pub(crate) fn watermark(rows: &dyn ReadRows) -> Result<Option<(Seq, u32)>, StoreError> {
    let Some(value) = rows.get(&key::watermark())? else { return Ok(None) };
    let seq = value.first_chunk::<8>().ok_or(StoreError::WatermarkDamaged)?;
    let version = <[u8; 4]>::try_from(&value[8..]).map_err(|_| StoreError::WatermarkDamaged)?;
    Ok(Some((Seq::from_be_bytes(*seq), u32::from_be_bytes(version))))
}

impl Snapshot<'_> {
    /// The seq of the first event not yet folded into these rows, and their fold version; `None` if there
    /// are no rows.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn watermark(&self) -> Result<Option<(Seq, u32)>, StoreError> {
        watermark(self)
    }
}

/// SHA-256 over all rows but the watermark, in key order: for each, the length of the key as u32,
/// the key, the length of the value as u32, the value.
///
/// # Errors
/// When the rows cannot be read.
pub fn digest(rows: &dyn ReadRows) -> Result<[u8; 32], StoreError> {
    let mut hash = Sha256::new();
    rows.scan(&KeyRange::all_rows(), Direction::Forward, &mut |key, value| {
        hash.update((key.len() as u32).to_be_bytes());
        hash.update(key);
        hash.update((value.len() as u32).to_be_bytes());
        hash.update(value);
        ControlFlow::Continue(())
    })?;
    Ok(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use event::{Application, Attribute, Number, ResourceType};

    use super::*;
    use crate::key::Set;
    use crate::options::Options;

    const APP: Application = Application(1);

    /// Rows of the kinds whose files have filters on prefixes, in several files and in memory: each
    /// scan shows what a sorted map has.
    #[test]
    fn scans_show_what_a_sorted_map_has() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &Options::default(), 1).unwrap();
        let mut random = 1_u64;
        let mut below = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % limit
        };
        let numbers = [0, 1, 2, 254, 255, 256, u32::MAX - 1, u32::MAX].map(Number);
        let names = ["", "a", "ab", "b", "\u{10ffff}"];
        let mut rows = BTreeMap::new();
        for file in 0..6 {
            let mut changes = BTreeMap::new();
            for _ in 0..40 {
                let (seq, number) = (below(9), numbers[below(8) as usize]);
                let set = Set::Members(number);
                let name = names[below(5) as usize];
                let (user, attribute) = (ResourceType::USER, Attribute::UserName);
                let key = match below(7) {
                    0 => key::version(APP, number, seq),
                    1 => key::set_change(APP, set, seq, Number(3)),
                    2 => key::set_base(APP, set, seq),
                    3 => key::mirror(APP, number, set, seq),
                    4 => key::lookup(APP, user, attribute, name, number),
                    5 => key::named(APP, user, attribute, name, (number, seq)),
                    _ => key::operation(seq),
                };
                let value = (below(4) > 0).then(|| vec![file]);
                changes.insert(key, value);
            }
            for (key, value) in &changes {
                match value {
                    Some(value) => rows.insert(key.clone(), value.clone()),
                    None => rows.remove(key),
                };
            }
            let changes: RowChanges = changes.into_iter().collect();
            store.publish(&changes, u64::from(file), 1).unwrap();
            if file < 5 {
                store.flush(true).unwrap();
            }
        }
        let snapshot = store.snapshot();
        let mut shown = 0;
        let mut check = |range: &KeyRange| {
            let inside = |key: &Vec<u8>| (&range.from..&range.to).contains(&key);
            let expected: Vec<Row> =
                rows.clone().into_iter().filter(|(key, _)| inside(key)).collect();
            shown += expected.len();
            for direction in [Direction::Forward, Direction::Backward] {
                let mut seen = Vec::new();
                snapshot
                    .scan(range, direction, &mut |key, value| {
                        seen.push((key.to_vec(), value.to_vec()));
                        ControlFlow::Continue(())
                    })
                    .unwrap();
                if direction == Direction::Backward {
                    seen.reverse();
                }
                assert_eq!(seen, expected, "{direction:?} {range:?}");
            }
        };
        for number in numbers {
            let set = Set::Members(number);
            check(&key::mirrors(APP, number));
            check(&key::mirrors_in(APP, number, set));
            for seq in (0..10).chain([Seq::MAX]) {
                check(&key::versions_until(APP, number, seq));
                check(&key::set_bases(APP, set, seq));
                check(&key::mirrors_until(APP, number, set, seq));
                for after in (0..9).map(Some).chain([None, Some(Seq::MAX)]) {
                    check(&key::set_changes(APP, set, after, seq));
                }
            }
        }
        for name in names {
            check(&key::lookups(APP, ResourceType::USER, Attribute::UserName, name));
            check(&key::names(APP, ResourceType::USER, Attribute::UserName, name));
        }
        check(&key::operations(&(2..7)));
        check(&KeyRange::all_rows());
        assert!(shown > 1_000, "{shown}");
    }
}
