//! A snapshot's rows with unpublished changes on top.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::{Bound, ControlFlow};

use event::{Application, Seq};
use foldhash::fast::RandomState;
use store::key::{self, Class, KeyRange, Set};
use store::{Direction, ReadRows, Row, StoreError, Visit};

use crate::class::ClassHead;
use crate::error::ProjectorError;
use crate::memory::{Heads, Memory, Unpublished};
use crate::set::Head;

/// Rows with unpublished changes on top; reads see both.
///
/// Changes are found by a hash of their key, and are sorted once, when they are published. Keys of kinds
/// that the fold scans stand sorted too, by the prefix that their scans share. The heads of classes and
/// sets, which nearly every event changes, are kept decoded until then.
pub(crate) struct Overlay<'a> {
    base: &'a dyn ReadRows,
    memory: Option<&'a Memory>,
    changes: HashMap<Vec<u8>, Option<Vec<u8>>, RandomState>,
    /// The changed keys by their [`key::scan_prefix`]; keys without one are not here.
    scanned: HashMap<Vec<u8>, BTreeSet<Vec<u8>>, RandomState>,
    heads: Heads,
    bytes: usize,
}

/// A changed row: its key, and its value unless it was deleted.
type Change<'r> = (Cow<'r, [u8]>, Option<Cow<'r, [u8]>>);

impl<'a> Overlay<'a> {
    /// An overlay without changes.
    pub(crate) fn new(base: &'a dyn ReadRows) -> Overlay<'a> {
        Overlay {
            base,
            memory: None,
            changes: HashMap::default(),
            scanned: HashMap::default(),
            heads: Heads::default(),
            bytes: 0,
        }
    }

    /// An overlay over published rows of which something is remembered.
    pub(crate) fn with_memory(base: &'a dyn ReadRows, memory: &'a Memory) -> Overlay<'a> {
        Overlay { memory: Some(memory), ..Overlay::new(base) }
    }

    /// Sets the value of a key.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.set(key, Some(value));
    }

    /// Adds bytes to the end of a key's value.
    pub(crate) fn append(&mut self, key: Vec<u8>, bytes: &[u8]) -> Result<(), StoreError> {
        if let Some(Some(value)) = self.changes.get_mut(&key) {
            value.extend_from_slice(bytes);
            self.bytes += bytes.len();
            return Ok(());
        }
        let mut value = self.get(&key)?.unwrap_or_default();
        value.extend_from_slice(bytes);
        self.put(key, value);
        Ok(())
    }

    /// Removes a key.
    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.set(key, None);
    }

    fn set(&mut self, key: Vec<u8>, value: Option<Vec<u8>>) {
        self.bytes += key.len() + value.as_ref().map_or(0, Vec::len);
        if let Some(known) = self.changes.get_mut(&key) {
            *known = value;
            return;
        }
        if let Some(prefix) = key::scan_prefix(&key) {
            match self.scanned.get_mut(prefix) {
                Some(keys) => {
                    keys.insert(key.clone());
                }
                None => {
                    self.scanned.insert(prefix.to_vec(), BTreeSet::from([key.clone()]));
                }
            }
        }
        self.changes.insert(key, value);
    }

    /// Writes that a second has an event; the row of a second has its first one.
    pub(crate) fn begin_second(&mut self, second: i64, seq: Seq) -> Result<(), StoreError> {
        let remembered = self.memory.and_then(|memory| memory.heads.second);
        let last = self.heads.second.max(remembered);
        if last == Some(second) {
            return Ok(());
        }
        let key = key::second(second);
        if self.get(&key)?.is_none() {
            self.put(key, seq.to_be_bytes().to_vec());
        }
        self.heads.second = last.max(Some(second));
        Ok(())
    }

    /// The head of a class.
    pub(crate) fn class_head(&self, class: Class) -> Result<Option<ClassHead>, ProjectorError> {
        let remembered = || self.memory?.heads.classes.get(&class);
        if let Some(head) = self.heads.classes.get(&class).or_else(remembered) {
            return Ok(Some(*head));
        }
        let row = self.base.get(&key::class(class))?;
        row.map(|row| ClassHead::decode(&row)).transpose()
    }

    /// Sets the head of a class.
    pub(crate) fn put_class_head(&mut self, class: Class, head: ClassHead) {
        self.heads.classes.insert(class, head);
    }

    /// The head of a set.
    pub(crate) fn set_head(
        &self,
        application: Application,
        set: Set,
    ) -> Result<Option<Head>, ProjectorError> {
        let remembered = || self.memory?.heads.sets.get(&(application, set));
        if let Some(head) = self.heads.sets.get(&(application, set)).or_else(remembered) {
            return Ok(Some(*head));
        }
        let row = self.base.get(&key::set_head(application, set))?;
        row.map(|row| Head::decode(&row)).transpose()
    }

    /// Sets the head of a set.
    pub(crate) fn put_set_head(&mut self, application: Application, set: Set, head: Head) {
        self.heads.sets.insert((application, set), head);
    }

    /// The rows of the heads that changed.
    fn head_rows(&self) -> impl Iterator<Item = Row> + '_ {
        let classes = self.heads.classes.iter();
        let classes = classes.map(|(class, head)| (key::class(*class), head.encode()));
        let sets = self.heads.sets.iter();
        classes.chain(
            sets.map(|((application, set), head)| {
                (key::set_head(*application, *set), head.encode())
            }),
        )
    }

    /// The changes, to be published.
    pub(crate) fn into_unpublished(self) -> Unpublished {
        let heads: Vec<Row> = self.head_rows().collect();
        let heads = heads.into_iter().map(|(key, value)| (key, Some(value)));
        let mut rows: Vec<_> = self.changes.into_iter().chain(heads).collect();
        rows.sort_unstable_by(|one, other| one.0.cmp(&other.0));
        Unpublished { rows, heads: self.heads }
    }

    /// How many rows changed.
    pub(crate) fn len(&self) -> usize {
        self.changes.len() + self.heads.classes.len() + self.heads.sets.len()
    }

    /// How many bytes were written, what was overwritten included.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The changes in a range, in the direction of a scan.
    fn changes_in<'r>(
        &'r self,
        range: &'r KeyRange,
        direction: Direction,
    ) -> Box<dyn Iterator<Item = Change<'r>> + 'r> {
        if let Some(prefix) = range.prefix_of_all() {
            let Some(keys) = self.scanned.get(prefix) else { return Box::new(std::iter::empty()) };
            let bounds = (Bound::Included(&range.from[..]), Bound::Excluded(&range.to[..]));
            let changes = keys.range::<[u8], _>(bounds).map(|key| {
                let value = self.changes.get(key).and_then(Option::as_deref);
                (Cow::from(key), value.map(Cow::from))
            });
            return match direction {
                Direction::Forward => Box::new(changes),
                Direction::Backward => Box::new(changes.rev()),
            };
        }
        // The fold makes no such scan, and decide seldom, when there are few changes.
        let inside = |key: &[u8]| range.from[..] <= *key && *key < range.to[..];
        let changes = self.changes.iter().filter(|(key, _)| inside(key));
        let mut changes: Vec<Change<'r>> =
            changes.map(|(key, value)| (Cow::from(key), value.as_deref().map(Cow::from))).collect();
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

    /// Whether the published rows certainly have none with this name.
    fn lacks(&self, name: &[u8]) -> bool {
        self.memory.is_some_and(|memory| memory.names.lacks(name))
    }
}

impl ReadRows for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(value) = self.changes.get(key) {
            return Ok(value.clone());
        }
        if key::name(key).is_some_and(|name| self.lacks(name)) {
            return Ok(None);
        }
        let to = [key, &[0]].concat();
        if key::has_heads(&KeyRange { from: key.to_vec(), to })
            && let Some((_, value)) = self.head_rows().find(|(changed, _)| changed == key)
        {
            return Ok(Some(value));
        }
        self.base.get(key)
    }

    fn first(&self, range: &KeyRange, direction: Direction) -> Result<Option<Row>, StoreError> {
        // A version that is not published yet is newer than all that are, and the newest comes first.
        if direction == Direction::Forward
            && key::is_version(&range.from)
            && let Some((key, Some(value))) = self.changes_in(range, direction).next()
        {
            return Ok(Some((key.into_owned(), value.into_owned())));
        }
        let mut found = None;
        self.scan(range, direction, &mut |key, value| {
            found = Some((key.to_vec(), value.to_vec()));
            ControlFlow::Break(())
        })?;
        Ok(found)
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
        // Merge the changes into the base's rows, both in the scan's direction.
        let mut over = self.changes_in(range, direction);
        let mut ahead = over.next();
        let mut stopped = false;
        let name = range.prefix_of_all().and_then(key::name);
        if !name.is_some_and(|name| self.lacks(name)) {
            self.base.scan(range, direction, &mut |key, value| {
                while let Some((own_key, own_value)) = &ahead {
                    let order = match direction {
                        Direction::Forward => (**own_key).cmp(key),
                        Direction::Backward => key.cmp(own_key),
                    };
                    if order.is_gt() {
                        break;
                    }
                    if let Some(own_value) = own_value
                        && visit(own_key, own_value).is_break()
                    {
                        stopped = true;
                        return ControlFlow::Break(());
                    }
                    ahead = over.next();
                    if order.is_eq() {
                        return ControlFlow::Continue(()); // the change replaces or removes this row
                    }
                }
                let flow = visit(key, value);
                stopped = flow.is_break();
                flow
            })?;
        }
        while let (false, Some((own_key, own_value))) = (stopped, &ahead) {
            if let Some(own_value) = own_value {
                stopped = visit(own_key, own_value).is_break();
            }
            ahead = over.next();
        }
        Ok(())
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;

    /// Rows in a plain map.
    #[derive(Default)]
    pub(crate) struct MapRows(pub(crate) BTreeMap<Vec<u8>, Vec<u8>>);

    impl ReadRows for MapRows {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.0.get(key).cloned())
        }

        fn scan(
            &self,
            range: &KeyRange,
            direction: Direction,
            visit: Visit<'_>,
        ) -> Result<(), StoreError> {
            let rows = self.0.range(range.from.clone()..range.to.clone());
            let rows: Vec<_> = match direction {
                Direction::Forward => rows.collect(),
                Direction::Backward => rows.rev().collect(),
            };
            for (key, value) in rows {
                if visit(key, value).is_break() {
                    break;
                }
            }
            Ok(())
        }
    }

    /// Scans within one prefix find the changes through the sorted keys, other scans through all of them.
    #[test]
    fn scans_of_a_prefix_and_of_all_rows_see_the_same_changes() {
        let app = Application(1);
        let (mut base, mut merged) = (MapRows::default(), BTreeMap::new());
        let version = |number, seq| key::version(app, event::Number(number), seq);
        for (number, seq) in [(1, 1), (1, 5), (2, 2), (3, 3)] {
            base.0.insert(version(number, seq), vec![0]);
        }
        merged.extend(base.0.clone());
        let mut rows = Overlay::new(&base);
        for (number, seq) in [(1, 7), (1, 9), (2, 8), (4, 6)] {
            rows.put(version(number, seq), vec![1]);
            merged.insert(version(number, seq), vec![1]);
        }
        rows.delete(version(3, 3));
        merged.remove(&version(3, 3));
        let head = Head::default();
        rows.put_set_head(app, Set::Active, head);
        merged.insert(key::set_head(app, Set::Active), head.encode());
        assert_eq!(rows.get(&key::set_head(app, Set::Active)).unwrap(), Some(head.encode()));

        let all = KeyRange { from: vec![2], to: vec![u8::MAX] };
        let of_one = (0..5).map(|one| key::versions_until(app, event::Number(one), Seq::MAX));
        let until = (0..5).map(|one| key::versions_until(app, event::Number(one), 6));
        for range in of_one.chain(until).chain([all]) {
            let inside = merged.range(range.from.clone()..range.to.clone());
            let mut expected: Vec<Row> =
                inside.map(|(key, value)| (key.clone(), value.clone())).collect();
            for direction in [Direction::Forward, Direction::Backward] {
                let mut seen = vec![];
                rows.scan(&range, direction, &mut |key, value| {
                    seen.push((key.to_vec(), value.to_vec()));
                    ControlFlow::Continue(())
                })
                .unwrap();
                assert_eq!(seen, expected, "{direction:?} {range:?}");
                assert_eq!(rows.first(&range, direction).unwrap(), expected.first().cloned());
                expected.reverse();
            }
        }
        let published: Vec<_> = rows.into_unpublished().rows;
        assert!(published.is_sorted(), "sorted by key, the heads among them");
        assert_eq!(published.len(), 6);
    }

    /// Every small overlay over every small base reads like the map that both together make.
    #[test]
    fn an_overlay_reads_like_the_merged_map() {
        let key = |index: u8| vec![1, index];
        let range = KeyRange { from: vec![1], to: vec![2] };
        for pattern in 0..3_u32.pow(4) * 2_u32.pow(4) {
            let (mut base, mut merged) = (MapRows::default(), BTreeMap::new());
            for index in 0..4 {
                if pattern >> index & 1 == 1 {
                    base.0.insert(key(index), vec![index]);
                    merged.insert(key(index), vec![index]);
                }
            }
            let mut overlay = Overlay::new(&base);
            let mut rest = pattern / 16;
            for index in 0..4 {
                match rest % 3 {
                    1 => {
                        overlay.put(key(index), vec![100 + index]);
                        merged.insert(key(index), vec![100 + index]);
                    }
                    2 => {
                        overlay.delete(key(index));
                        merged.remove(&key(index));
                    }
                    _ => {}
                }
                rest /= 3;
            }
            for direction in [Direction::Forward, Direction::Backward] {
                let mut expected: Vec<_> = merged.clone().into_iter().collect();
                if direction == Direction::Backward {
                    expected.reverse();
                }
                for take in 1..=5 {
                    let mut seen = vec![];
                    overlay
                        .scan(&range, direction, &mut |key, value| {
                            seen.push((key.to_vec(), value.to_vec()));
                            if seen.len() == take {
                                ControlFlow::Break(())
                            } else {
                                ControlFlow::Continue(())
                            }
                        })
                        .unwrap();
                    assert_eq!(seen, expected[..take.min(expected.len())], "{pattern}");
                }
            }
            for index in 0..4 {
                assert_eq!(overlay.get(&key(index)).unwrap(), merged.get(&key(index)).cloned());
            }
        }
    }
}
