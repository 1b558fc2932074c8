//! The changes of an overlay, until they are published.

use std::borrow::Cow;
use std::collections::HashMap;

use event::Seq;
use foldhash::fast::RandomState;
use store::key::{self, KeyRange};
use store::{Direction, Row, Store, StoreError};

use crate::memory::{Heads, RowsByKey};
use crate::row;

/// The changes of an overlay.
///
/// They are found by a hash of their key, and are sorted once, when they are published. Keys of kinds
/// that the fold scans are listed too, by the prefix that their scans share. The heads of classes and
/// sets, which nearly every event changes, are kept decoded until then. Indexes, which the fold only
/// writes, are a plain list.
#[derive(Default)]
pub(crate) struct Changed {
    pub(super) rows: RowsByKey,
    /// The rows of [`key::is_index`]. Each key is written once.
    pub(super) index: Index,
    /// The changed keys by their [`key::scan_prefix`], in the order in which they were changed first; keys
    /// without one are not here, nor are indexes.
    scanned: HashMap<Vec<u8>, Vec<Vec<u8>>, RandomState>,
    pub(super) heads: Heads,
    /// The rows of [`key::is_hot`] that were read, as they were before.
    pub(super) hot: RowsByKey,
    /// What was written, what was overwritten included.
    pub(super) bytes: usize,
}

/// Rows one behind the other in few pieces of memory, because they are many and short.
#[derive(Default)]
pub(super) struct Index {
    bytes: Vec<u8>,
    /// Where a key begins, where it ends, and where its value ends.
    places: Vec<[usize; 3]>,
}

impl Index {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    fn push(&mut self, key: &[u8], value: &[u8]) {
        let begin = self.bytes.len();
        self.bytes.extend_from_slice(key);
        let middle = self.bytes.len();
        self.bytes.extend_from_slice(value);
        self.places.push([begin, middle, self.bytes.len()]);
    }

    fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let row = |[begin, middle, end]: &[usize; 3]| {
            (&self.bytes[*begin..*middle], &self.bytes[*middle..*end])
        };
        self.places.iter().map(row)
    }

    fn remove(&mut self, key: &[u8]) {
        let Index { bytes, places } = self;
        places.retain(|[begin, middle, _]| bytes[*begin..*middle] != *key);
    }
}

/// A changed row: its key, and its value unless it was deleted.
type Change<'r> = (Cow<'r, [u8]>, Option<Cow<'r, [u8]>>);

impl Changed {
    /// The rows of the heads that changed.
    fn head_rows(&self) -> impl Iterator<Item = Row> + '_ {
        let classes = self.heads.classes.iter();
        let classes = classes.map(|(class, head)| (key::class(*class), head.encode()));
        let sets = self.heads.sets.iter();
        let sets = sets
            .map(|((application, set), head)| (key::set_head(*application, *set), head.encode()));
        let resources = self.heads.resources.iter();
        let resources = resources.map(|((application, number), head)| {
            (key::resource_head(*application, *number), head.encode())
        });
        let numbers = self.heads.numbers.iter();
        let numbers = numbers
            .map(|(application, last)| (key::numbers(*application), row::encode_number(last.0)));
        classes.chain(sets).chain(resources).chain(numbers)
    }

    /// All changes but those of heads, in no order.
    fn iter(&self) -> impl Iterator<Item = (&[u8], Option<&[u8]>)> {
        let rows = self.rows.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        rows.chain(self.index.iter().map(|(key, value)| (key, Some(value))))
    }

    /// Writes the changes into the store; the rows then have all events before `next`.
    ///
    /// # Errors
    /// When the store cannot write.
    pub(crate) fn publish(
        &self,
        store: &Store,
        next: Seq,
        fold_version: u32,
    ) -> Result<(), StoreError> {
        let heads: Vec<Row> = self.head_rows().collect();
        store.publish_sorted(&self.sorted(&heads), next, fold_version)
    }

    fn sorted<'r>(&'r self, heads: &'r [Row]) -> Vec<(&'r [u8], Option<&'r [u8]>)> {
        // The first bytes of a key as a number: comparing those of two keys nearly always tells which is
        // the lower one, without a look at keys that lie anywhere in memory.
        let beginning = |key: &[u8]| {
            let mut bytes = [0; 16];
            let length = key.len().min(bytes.len());
            bytes[..length].copy_from_slice(&key[..length]);
            u128::from_be_bytes(bytes)
        };
        let heads = heads.iter().map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
        let rows = self.iter().chain(heads);
        let mut rows: Vec<_> = rows.map(|(key, value)| (beginning(key), key, value)).collect();
        rows.sort_by(|one, other| one.0.cmp(&other.0).then_with(|| one.1.cmp(other.1)));
        rows.into_iter().map(|(_, key, value)| (key, value)).collect()
    }

    /// The changed rows, sorted.
    #[cfg(test)]
    pub(crate) fn to_rows(&self) -> store::RowChanges {
        let heads: Vec<Row> = self.head_rows().collect();
        let owned =
            |(key, value): (&[u8], Option<&[u8]>)| (key.to_vec(), value.map(<[u8]>::to_vec));
        self.sorted(&heads).into_iter().map(owned).collect()
    }

    /// What the memory learns from: the changed rows but for indexes, the heads, and the hot rows that
    /// were read.
    pub(crate) fn into_parts(self) -> (RowsByKey, Heads, RowsByKey) {
        (self.rows, self.heads, self.hot)
    }

    pub(super) fn set(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        if key::is_index(&key) {
            match value {
                Some(value) => self.index.push(&key, &value),
                // Nothing removes an index. If it did, the row would be gone all the same.
                None => {
                    self.index.remove(&key);
                    self.rows.insert(key, None);
                }
            }
            return;
        }
        if let Some(known) = self.rows.get_mut(&key) {
            *known = value;
            return;
        }
        if let Some(prefix) = key::scan_prefix(&key) {
            match self.scanned.get_mut(prefix) {
                // An erasure rewrites old versions; the newest stays the last one.
                Some(keys)
                    if key::is_version(&key) && keys.last().is_some_and(|last| *last < key) =>
                {
                    keys.insert(keys.len() - 1, key.clone());
                }
                Some(keys) => keys.push(key.clone()),
                None => {
                    self.scanned.insert(prefix.to_vec(), vec![key.clone()]);
                }
            }
        }
        self.rows.insert(key, value);
    }

    /// Whether a key was changed, and to what.
    pub(super) fn get(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        if key::is_index(key)
            && let Some((_, value)) = self.index.iter().find(|(known, _)| *known == key)
        {
            return Some(Some(value.to_vec()));
        }
        if let Some(value) = self.rows.get(key) {
            return Some(value.clone());
        }
        if let Some(resource) = key::resource_of_head(key) {
            return self.heads.resources.get(&resource).map(|head| Some(head.encode()));
        }
        if let Some(application) = key::application_of_numbers(key) {
            let last = self.heads.numbers.get(&application);
            return last.map(|last| Some(row::encode_number(last.0)));
        }
        let to = [key, &[0]].concat();
        if key::has_heads(&KeyRange { from: key.to_vec(), to })
            && let Some((_, value)) = self.head_rows().find(|(changed, _)| changed == key)
        {
            return Some(Some(value));
        }
        None
    }

    /// The newest version below a prefix that was changed: the last of them, see [`Changed::set`].
    pub(super) fn newest_version(&self, prefix: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
        let key = self.scanned.get(prefix)?.last()?;
        Some((key, self.rows.get(key)?.as_deref()))
    }

    /// The changes in a range, in the direction of a scan.
    pub(super) fn in_range<'r>(
        &'r self,
        range: &'r KeyRange,
        direction: Direction,
    ) -> Box<dyn Iterator<Item = Change<'r>> + 'r> {
        if let Some(prefix) = range.prefix_of_all()
            && !key::is_index(&range.from)
        {
            let Some(keys) = self.scanned.get(prefix) else { return Box::new(std::iter::empty()) };
            let mut keys: Vec<&Vec<u8>> =
                keys.iter().filter(|key| range.from <= **key && **key < range.to).collect();
            keys.sort_unstable();
            let changes = keys.into_iter().map(|key| {
                let value = self.rows.get(key).and_then(Option::as_deref);
                (Cow::from(key), value.map(Cow::from))
            });
            return match direction {
                Direction::Forward => Box::new(changes),
                Direction::Backward => Box::new(changes.rev()),
            };
        }
        // The fold makes no such scan, and decide seldom, when there are few changes.
        let inside = |key: &[u8]| range.from[..] <= *key && *key < range.to[..];
        let changes = self.iter().filter(|(key, _)| inside(key));
        let mut changes: Vec<Change<'r>> =
            changes.map(|(key, value)| (Cow::from(key), value.map(Cow::from))).collect();
        if key::has_heads(range) {
            let heads = self.head_rows().filter(|(key, _)| inside(key));
            changes.extend(heads.map(|(key, value)| (Cow::from(key), Some(Cow::from(value)))));
        }
        changes.sort_unstable_by(|one, other| match direction {
            Direction::Forward => one.0.cmp(&other.0),
            Direction::Backward => other.0.cmp(&one.0),
        });
        Box::new(changes.into_iter())
    }
}
