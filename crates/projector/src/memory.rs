//! What the committer remembers of the rows from one batch to the next: which names there are, the heads
//! of classes and sets and the highest numbers, decoded, and the few rows that nearly every event reads. A
//! fold of many events also remembers heads and newest versions of resources.
//!
//! It changes speed only. It learns from a batch after the batch was published, so it never knows anything
//! of a command that failed or of a batch that was not written; and whatever it does not know is read from
//! the rows.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

use event::{Application, Number};
use foldhash::fast::RandomState;
use store::key::{self, Class, Set};
use store::{ReadRows, Row, StoreError};
use tlog::Frontier;

use crate::class::ClassHead;
use crate::names::Names;
use crate::overlay::Changed;
use crate::row::ResourceHead;
use crate::set::Head;

/// So many heads of each kind, and so many rows, are remembered, about 100 bytes each. When there are more,
/// all are forgotten.
const HEADS_MAX: usize = 10_000;
/// The filter of names is filled from so many rows between two batches: about a millisecond.
const ROWS_PER_FILLING: usize = 2_000;

/// The heads that a batch changed, or that are remembered.
#[derive(Default)]
pub(crate) struct Heads {
    pub classes: HashMap<Class, ClassHead, RandomState>,
    pub sets: HashMap<(Application, Set), Head, RandomState>,
    pub resources: HashMap<(Application, Number), ResourceHead, RandomState>,
    /// The highest number assigned in an application.
    pub numbers: HashMap<Application, Number, RandomState>,
    /// The latest second that has an event, since 1970.
    pub second: Option<i64>,
    /// The right edge of the log's tree.
    pub tree: Option<Frontier>,
}

/// Values of rows by key; `None` where there is no row.
pub(crate) type RowsByKey = HashMap<Vec<u8>, Option<Vec<u8>>, RandomState>;

/// A row's key, and its value unless it was deleted.
type ChangedRow = (Vec<u8>, Option<Vec<u8>>);

/// What is remembered of the published rows.
pub(crate) struct Memory {
    pub names: Names,
    pub heads: Heads,
    /// Rows of [`key::is_hot`] that were read. What `heads` has is newer.
    pub hot: RowsByKey,
    /// Heads of resources, which are too many for all to be remembered.
    pub resources: Recent<(Application, Number), ResourceHead>,
    /// The newest version of resources, by the prefix of its key.
    pub versions: Recent<Vec<u8>, Row>,
}

/// So many bytes of each kind of row are remembered while many events are folded, when there is nothing
/// else in memory. That is all of some 100,000 resources.
const BULK_BYTES_MAX: usize = 64 << 20;

impl Memory {
    /// Remembers nothing of the rows that there are, and of rows no more than heads: beside requests, which
    /// mostly need rows that were written long ago, reading them is cheaper than to keep them.
    pub(crate) fn new() -> Memory {
        let (resources, versions) = (Recent::new(0), Recent::new(0));
        let (names, heads, hot) = (Names::default(), Heads::default(), RowsByKey::default());
        Memory { names, heads, hot, resources, versions }
    }

    /// The memory of a store without rows.
    pub(crate) fn of_no_rows() -> Memory {
        Memory { names: Names::of_no_rows(), ..Memory::new() }
    }

    /// The same with room for the rows that a fold of many events needs again.
    pub(crate) fn for_bulk(self) -> Memory {
        let (resources, versions) = (Recent::new(BULK_BYTES_MAX), Recent::new(BULK_BYTES_MAX));
        Memory { resources, versions, ..self }
    }

    /// Takes in what was published.
    pub(crate) fn learn(&mut self, published: Changed) {
        let (rows, heads, hot) = published.into_parts();
        // As they were before the batch; then what the batch made of them.
        extend(&mut self.hot, hot);
        for application in heads.numbers.keys() {
            self.hot.remove(&key::numbers(*application));
        }
        let mut newest: HashMap<Vec<u8>, ChangedRow, RandomState> = HashMap::default();
        for (key, value) in rows {
            if key::is_hot(&key) {
                self.hot.insert(key, value);
            } else if key::is_version(&key) {
                let Some(prefix) = key::scan_prefix(&key) else { continue };
                // The newest version has the lowest key.
                let is_newer = |(known, _): &ChangedRow| *known < key;
                if self.versions.keeps_any() && !newest.get(prefix).is_some_and(is_newer) {
                    newest.insert(prefix.to_vec(), (key, value));
                }
            } else if value.is_some() {
                self.names.add(&key);
            }
        }
        for (prefix, (key, value)) in newest {
            match value {
                Some(value) => {
                    let bytes = prefix.len() + key.len() + value.len();
                    self.versions.set(prefix, (key, value), bytes);
                }
                None => self.versions.forget(&prefix),
            }
        }
        extend(&mut self.heads.classes, heads.classes);
        extend(&mut self.heads.sets, heads.sets);
        extend(&mut self.heads.numbers, heads.numbers);
        for (resource, head) in heads.resources {
            self.resources.set(resource, head, size_of::<ResourceHead>());
        }
        self.heads.second = self.heads.second.max(heads.second);
        if heads.tree.is_some() {
            self.heads.tree = heads.tree;
        }
    }

    /// Whether [`Memory::fill`] has something left to do.
    pub(crate) fn wants_filling(&self) -> bool {
        self.names.wants_filling()
    }

    /// Fills the filter of names from some further rows. `rows` must have everything that was published.
    pub(crate) fn fill(&mut self, rows: &dyn ReadRows) -> Result<(), StoreError> {
        self.names.fill(rows, ROWS_PER_FILLING)
    }

    /// Remembers no names from now on.
    pub(crate) fn give_names_up(&mut self) {
        self.names = Names::given_up();
    }
}

/// What was set last, by key, up to a number of bytes. When half of them are used, what was not set again
/// since the last time is forgotten.
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V, RandomState>,
    old: HashMap<K, V, RandomState>,
    /// Of the young ones, what was overwritten included.
    bytes: usize,
    bytes_max: usize,
}

/// Bytes that an entry takes in the map, beside its own.
const ENTRY_BYTES: usize = 150;

impl<K: Eq + Hash, V> Recent<K, V> {
    fn new(bytes_max: usize) -> Recent<K, V> {
        Recent { young: HashMap::default(), old: HashMap::default(), bytes: 0, bytes_max }
    }

    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        self.young.get(key).or_else(|| self.old.get(key))
    }

    fn keeps_any(&self) -> bool {
        self.bytes_max > 0
    }

    fn set(&mut self, key: K, value: V, bytes: usize) {
        if self.bytes_max == 0 {
            return;
        }
        if self.bytes > self.bytes_max / 2 {
            self.old = std::mem::take(&mut self.young);
            self.bytes = 0;
        }
        self.bytes += ENTRY_BYTES + bytes;
        self.young.insert(key, value);
    }

    fn forget<Q: Eq + Hash + ?Sized>(&mut self, key: &Q)
    where
        K: Borrow<Q>,
    {
        self.young.remove(key);
        self.old.remove(key);
    }
}

fn extend<K: Eq + Hash, V>(
    known: &mut HashMap<K, V, RandomState>,
    new: HashMap<K, V, RandomState>,
) {
    if known.len() + new.len() > HEADS_MAX {
        known.clear();
    }
    if new.len() <= HEADS_MAX {
        known.extend(new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_set_last_is_remembered_as_it_was_set() {
        let mut recent = Recent::new(40 * ENTRY_BYTES);
        let mut last = HashMap::new();
        for turn in 0_u32..1_000 {
            let key = turn * turn % 31;
            recent.set(key, turn, 0);
            last.insert(key, turn);
            for (key, value) in &last {
                let known = recent.get(key);
                assert!(known.is_none_or(|known| known == value), "{turn}: never an older one");
                assert!(turn - value > 20 || known.is_some(), "{turn}: the last twenty are known");
            }
            assert!(recent.young.len() + recent.old.len() <= 42);
        }
        recent.forget(&1);
        assert_eq!(recent.get(&1), None);
    }
}
