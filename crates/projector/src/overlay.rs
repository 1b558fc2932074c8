//! A snapshot's rows with unpublished changes on top.

mod changed;

use std::ops::ControlFlow;

use event::{Application, Number, Seq};
use store::key::{self, Class, KeyRange, Set};
use store::{Direction, ReadRows, Row, StoreError, Visit};
use tlog::{Frontier, Hash, TileHash};

use crate::class::ClassHead;
use crate::error::ProjectorError;
use crate::memory::Memory;
use crate::reads::Reads;
use crate::row::{self, ResourceHead};
use crate::set::Head;
use crate::tree;
use crate::view::View;
pub(crate) use changed::Changed;

/// Rows with unpublished changes on top; reads see both.
pub(crate) struct Overlay<'a> {
    below: Below<'a>,
    changed: Changed,
    /// Of the published rows.
    reads: Reads,
}

/// What the changes of an overlay lie on.
#[derive(Clone, Copy)]
enum Below<'a> {
    /// Published rows, of which something may be remembered.
    Rows(&'a dyn ReadRows, Option<&'a Memory>),
    /// Changes that are being published meanwhile.
    Batch(&'a Overlay<'a>),
}

impl<'a> Overlay<'a> {
    /// An overlay without changes.
    #[cfg(test)]
    pub(crate) fn new(base: &'a dyn ReadRows) -> Overlay<'a> {
        Overlay::below(Below::Rows(base, None), Changed::default())
    }

    /// An overlay over published rows of which something is remembered.
    pub(crate) fn with_memory(base: &'a dyn ReadRows, memory: &'a Memory) -> Overlay<'a> {
        Overlay::of(Changed::default(), base, memory)
    }

    /// An overlay of changes that were made before.
    pub(crate) fn of(changed: Changed, base: &'a dyn ReadRows, memory: &'a Memory) -> Overlay<'a> {
        Overlay::below(Below::Rows(base, Some(memory)), changed)
    }

    /// An overlay over changes that are not published yet.
    pub(crate) fn over(batch: &'a Overlay<'a>) -> Overlay<'a> {
        Overlay::below(Below::Batch(batch), Changed::default())
    }

    fn below(below: Below<'a>, changed: Changed) -> Overlay<'a> {
        Overlay { below, changed, reads: Reads::default() }
    }

    /// Sets the value of a key.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changed.set(key, Some(value));
    }

    /// Adds bytes to the end of a key's value.
    pub(crate) fn append(&mut self, key: Vec<u8>, bytes: &[u8]) -> Result<(), StoreError> {
        if let Some(Some(value)) = self.changed.rows.get_mut(&key) {
            value.extend_from_slice(bytes);
            self.changed.bytes += bytes.len();
            return Ok(());
        }
        let mut value = self.get(&key)?.unwrap_or_default();
        value.extend_from_slice(bytes);
        self.put(key, value);
        Ok(())
    }

    /// Removes a key.
    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.changed.set(key, None);
    }

    /// Writes that a second has an event; the row of a second has its first one.
    pub(crate) fn begin_second(&mut self, second: i64, seq: Seq) -> Result<(), StoreError> {
        let last = self.last_second()?;
        // Nothing is asked for a later second than all that there are.
        let is_new = match last {
            Some(last) if last == second => return Ok(()),
            Some(last) if last > second => self.get(&key::second(second))?.is_none(),
            Some(_) | None => true,
        };
        if is_new {
            self.put(key::second(second), seq.to_be_bytes().to_vec());
        }
        self.changed.heads.second = last.max(Some(second));
        Ok(())
    }

    /// The latest second that has an event.
    fn last_second(&self) -> Result<Option<i64>, StoreError> {
        if self.changed.heads.second.is_some() {
            return Ok(self.changed.heads.second);
        }
        match self.below {
            Below::Batch(batch) => batch.last_second(),
            Below::Rows(_, Some(memory)) if memory.heads.second.is_some() => {
                Ok(memory.heads.second)
            }
            Below::Rows(rows, _) => {
                let last = rows.first(&key::seconds_until(i64::MAX), Direction::Backward)?;
                Ok(last.and_then(|(key, _)| key::second_of(&key)))
            }
        }
    }

    /// The right edge of the tree over the first `size` events.
    ///
    /// # Errors
    /// When a row of it cannot be read.
    pub(crate) fn tree(&self, size: Seq) -> Result<Frontier, ProjectorError> {
        if let Some(tree) = &self.changed.heads.tree {
            return Ok(tree.clone());
        }
        match self.below {
            Below::Batch(batch) => batch.tree(size),
            Below::Rows(rows, memory) => {
                match memory.and_then(|memory| memory.heads.tree.as_ref()) {
                    Some(tree) => Ok(tree.clone()),
                    None => tree::frontier(rows, size),
                }
            }
        }
    }

    /// Appends a leaf to the tree over the events before `seq`.
    ///
    /// # Errors
    /// As [`Overlay::tree`], and when the tree is not of that size.
    pub(crate) fn append_leaf(&mut self, seq: Seq, leaf: Hash) -> Result<(), ProjectorError> {
        let mut tree = match self.changed.heads.tree.take() {
            Some(tree) => tree,
            None => self.tree(seq)?,
        };
        if tree.size() != seq {
            return Err(ProjectorError::TreeSize { size: tree.size(), seq });
        }
        tree.append_to_tiles(leaf, |TileHash { level, index, hash }| {
            self.changed.set(key::tile_hash(level, index), Some(hash.as_bytes().to_vec()));
        });
        self.changed.heads.tree = Some(tree);
        Ok(())
    }

    /// The head of a class.
    pub(crate) fn class_head(&self, class: Class) -> Result<Option<ClassHead>, ProjectorError> {
        if let Some(head) = self.changed.heads.classes.get(&class) {
            return Ok(Some(*head));
        }
        match self.below {
            Below::Batch(batch) => batch.class_head(class),
            Below::Rows(rows, memory) => {
                if let Some(head) = memory.and_then(|memory| memory.heads.classes.get(&class)) {
                    return Ok(Some(*head));
                }
                let row = rows.get(&key::class(class))?;
                row.map(|row| ClassHead::decode(&row)).transpose()
            }
        }
    }

    /// Sets the head of a class.
    pub(crate) fn put_class_head(&mut self, class: Class, head: ClassHead) {
        self.changed.heads.classes.insert(class, head);
    }

    /// The head of a set.
    pub(crate) fn set_head(
        &self,
        application: Application,
        set: Set,
    ) -> Result<Option<Head>, ProjectorError> {
        if let Some(head) = self.changed.heads.sets.get(&(application, set)) {
            return Ok(Some(*head));
        }
        match self.below {
            Below::Batch(batch) => batch.set_head(application, set),
            Below::Rows(rows, memory) => {
                let remembered =
                    memory.and_then(|memory| memory.heads.sets.get(&(application, set)));
                if let Some(head) = remembered {
                    return Ok(Some(*head));
                }
                let row = rows.get(&key::set_head(application, set))?;
                row.map(|row| Head::decode(&row)).transpose()
            }
        }
    }

    /// Sets the head of a set.
    pub(crate) fn put_set_head(&mut self, application: Application, set: Set, head: Head) {
        self.changed.heads.sets.insert((application, set), head);
    }

    /// The head of a resource or person.
    pub(crate) fn resource_head(
        &self,
        application: Application,
        number: Number,
    ) -> Result<ResourceHead, ProjectorError> {
        let resource = (application, number);
        if let Some(head) = self.changed.heads.resources.get(&resource) {
            return Ok(*head);
        }
        match self.below {
            Below::Batch(batch) => batch.resource_head(application, number),
            Below::Rows(_, memory) => {
                if let Some(head) = memory.and_then(|memory| memory.resources.get(&resource)) {
                    return Ok(*head);
                }
                View::new(self).resource_head(application, number)
            }
        }
    }

    /// Sets the head of a resource or person.
    pub(crate) fn put_resource_head(
        &mut self,
        application: Application,
        number: Number,
        head: ResourceHead,
    ) {
        self.changed.bytes += size_of::<ResourceHead>();
        self.changed.heads.resources.insert((application, number), head);
    }

    /// The number for the next person or resource of an application.
    pub(crate) fn next_number(&self, application: Application) -> Result<Number, ProjectorError> {
        if let Some(last) = self.changed.heads.numbers.get(&application) {
            return Ok(Number(last.0 + 1));
        }
        match self.below {
            Below::Batch(batch) => batch.next_number(application),
            Below::Rows(_, memory) => {
                let last = memory.and_then(|memory| memory.heads.numbers.get(&application));
                match last {
                    Some(last) => Ok(Number(last.0 + 1)),
                    None => View::new(self).next_number(application),
                }
            }
        }
    }

    /// Sets the highest number assigned in an application.
    pub(crate) fn put_last_number(&mut self, application: Application, last: Number) {
        self.changed.heads.numbers.insert(application, last);
    }

    /// The changes, to be published.
    pub(crate) fn into_changed(self) -> Changed {
        let Overlay { mut changed, reads, .. } = self;
        changed.hot = reads.into_values().filter(|(key, _)| key::is_hot(key)).collect();
        changed
    }

    /// The changes.
    pub(crate) fn changed(&self) -> &Changed {
        &self.changed
    }

    /// How many rows changed.
    pub(crate) fn len(&self) -> usize {
        let Changed { rows, index, heads, .. } = &self.changed;
        let heads = [heads.classes.len(), heads.sets.len(), heads.resources.len()];
        rows.len() + index.len() + heads.iter().sum::<usize>()
    }

    /// How many bytes were written, what was overwritten included.
    pub(crate) fn bytes(&self) -> usize {
        self.changed.bytes
    }

    /// What is remembered of the rows right below.
    fn memory(&self) -> Option<&'a Memory> {
        match self.below {
            Below::Rows(_, memory) => memory,
            Below::Batch(_) => None,
        }
    }

    /// Whether the published rows certainly have none with this name.
    fn lacks(&self, name: &[u8]) -> bool {
        self.memory().is_some_and(|memory| memory.names.lacks(name))
    }
}

impl<'a> Below<'a> {
    fn rows(self) -> &'a dyn ReadRows {
        match self {
            Below::Rows(rows, _) => rows,
            Below::Batch(batch) => batch,
        }
    }
}

impl ReadRows for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        if let Some(value) = self.changed.get(key) {
            return Ok(value);
        }
        if let Some(memory) = self.memory() {
            if key::name(key).is_some_and(|name| memory.names.lacks(name)) {
                return Ok(None);
            }
            if let Some(resource) = key::resource_of_head(key)
                && let Some(head) = memory.resources.get(&resource)
            {
                return Ok(Some(head.encode()));
            }
            if let Some(application) = key::application_of_numbers(key)
                && let Some(last) = memory.heads.numbers.get(&application)
            {
                return Ok(Some(row::encode_number(last.0)));
            }
            if let Some(value) = memory.hot.get(key) {
                return Ok(value.clone());
            }
            return self.reads.value(key, || self.below.rows().get(key));
        }
        self.below.rows().get(key)
    }

    fn first(&self, range: &KeyRange, direction: Direction) -> Result<Option<Row>, StoreError> {
        // A version that is not published yet is newer than all that are, and the newest comes first.
        if direction == Direction::Forward
            && key::is_version(&range.from)
            && let Some(prefix) = range.prefix_of_all()
        {
            match self.changed.newest_version(prefix) {
                Some((key, Some(value))) if range.from.as_slice() <= key => {
                    return Ok(Some((key.to_vec(), value.to_vec())));
                }
                Some(_) => {}
                None => {
                    let below = || self.below.rows().first(range, direction);
                    let Some(memory) = self.memory() else { return below() };
                    return match memory.versions.get(prefix) {
                        Some((key, value)) if range.from <= *key => {
                            Ok(Some((key.clone(), value.clone())))
                        }
                        Some(_) | None => self.reads.first(&range.from, below),
                    };
                }
            }
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
        let mut over = self.changed.in_range(range, direction);
        let mut ahead = over.next();
        let mut stopped = false;
        let name = range.prefix_of_all().and_then(key::name);
        if !name.is_some_and(|name| self.lacks(name)) {
            self.below.rows().scan(range, direction, &mut |key, value| {
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

    /// Scans within one prefix find the changes through the list of their keys, other scans through all of
    /// them.
    #[test]
    fn scans_of_a_prefix_and_of_all_rows_see_the_same_changes() {
        for below in [Under::Rows, Under::RememberedRows, Under::Batch] {
            check_scans(below);
        }
    }

    #[derive(Clone, Copy, PartialEq)]
    enum Under {
        Rows,
        RememberedRows,
        Batch,
    }

    fn check_scans(under: Under) {
        let app = Application(1);
        let (mut base, mut merged) = (MapRows::default(), BTreeMap::new());
        let version = |number, seq| key::version(app, Number(number), seq);
        let mut memory = Memory::new().for_bulk();
        let published = [(1, 1), (1, 5), (2, 2), (3, 3)].map(|(number, seq)| version(number, seq));
        let nothing = MapRows::default();
        let mut learned = Overlay::new(&nothing);
        for key in published {
            base.0.insert(key.clone(), vec![0]);
            learned.put(key, vec![0]);
        }
        memory.learn(learned.into_changed());
        merged.extend(base.0.clone());
        let mut batch = Overlay::with_memory(&base, &memory);
        let (before, after) = match under {
            Under::Batch => ([(1, 7), (2, 8)].as_slice(), [(1, 9), (4, 6)].as_slice()),
            _ => ([].as_slice(), [(1, 7), (1, 9), (2, 8), (4, 6)].as_slice()),
        };
        for (number, seq) in before {
            batch.put(version(*number, *seq), vec![1]);
            merged.insert(version(*number, *seq), vec![1]);
        }
        let mut rows = match under {
            Under::Rows => Overlay::new(&base),
            Under::RememberedRows => Overlay::with_memory(&base, &memory),
            Under::Batch => Overlay::over(&batch),
        };
        for (number, seq) in after {
            rows.put(version(*number, *seq), vec![1]);
            merged.insert(version(*number, *seq), vec![1]);
        }
        rows.delete(version(3, 3));
        merged.remove(&version(3, 3));
        let head = Head::default();
        rows.put_set_head(app, Set::Active, head);
        merged.insert(key::set_head(app, Set::Active), head.encode());
        assert_eq!(rows.get(&key::set_head(app, Set::Active)).unwrap(), Some(head.encode()));
        let head = ResourceHead { members: Some(0), memberships: Some(7), ..Default::default() };
        assert_eq!(ResourceHead::decode(&head.encode()).unwrap(), head);
        rows.put_resource_head(app, Number(3), head);
        merged.insert(key::resource_head(app, Number(3)), head.encode());
        assert_eq!(View::new(&rows).resource_head(app, Number(3)).unwrap(), head);
        assert_eq!(View::new(&rows).resource_head(app, Number(4)).unwrap(), Default::default());
        rows.put_last_number(app, Number(8));
        merged.insert(key::numbers(app), 8_u32.to_be_bytes().to_vec());
        assert_eq!(View::new(&rows).next_number(app).unwrap(), Number(9));

        let all = KeyRange { from: vec![2], to: vec![u8::MAX] };
        let of_one = (0..5).map(|one| key::versions_until(app, Number(one), Seq::MAX));
        let until = (0..5).map(|one| key::versions_until(app, Number(one), 6));
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
                for _ in 0..2 {
                    assert_eq!(rows.first(&range, direction).unwrap(), expected.first().cloned());
                }
                expected.reverse();
            }
        }
        let published = rows.into_changed().to_rows();
        assert!(published.is_sorted(), "sorted by key, the heads among them");
        assert_eq!(published.len(), 4 + after.len());
    }

    /// What a batch writes may be more than is remembered, and its rows are learned in any order.
    #[test]
    fn the_newest_version_is_remembered_whatever_else_a_batch_wrote() {
        let app = Application(1);
        let version = |number, seq| key::version(app, Number(number), seq);
        let nothing = MapRows::default();
        let mut memory = Memory::new().for_bulk();
        let mut rows = Overlay::new(&nothing);
        for number in 0..12 {
            for seq in 0..8 {
                rows.put(version(number, seq), vec![seq as u8; 1 << 20]);
            }
        }
        memory.learn(rows.into_changed());
        let rows = Overlay::with_memory(&nothing, &memory);
        let newest = |number| key::versions_until(app, Number(number), Seq::MAX);
        let found: Vec<Row> = (0..12)
            .filter_map(|number| rows.first(&newest(number), Direction::Forward).unwrap())
            .collect();
        assert_eq!(found.len(), 12);
        assert!(found.iter().all(|(_, value)| value[0] == 7));
    }

    /// What every event reads is read from the rows once, and follows what is published.
    #[test]
    fn hot_rows_are_remembered() {
        let mut base = MapRows::default();
        let (hot, cold) = (key::population(Application(1)), key::operation(7));
        base.0.extend([(hot.clone(), vec![1]), (cold.clone(), vec![1])]);
        let mut memory = Memory::new();
        let batch = |base: &MapRows, memory: &Memory, new: Option<Vec<u8>>| {
            let mut rows = Overlay::with_memory(base, memory);
            let read = [&hot, &cold].map(|key| rows.get(key).unwrap());
            if let Some(new) = new {
                rows.put(hot.clone(), new);
            }
            (read, rows.into_changed())
        };
        let (read, changed) = batch(&base, &memory, None);
        assert_eq!(read, [Some(vec![1]), Some(vec![1])]);
        memory.learn(changed);
        // From now on the rows are not asked: what they say here shows who was.
        base.0.extend([(hot.clone(), vec![9]), (cold.clone(), vec![9])]);
        let (read, changed) = batch(&base, &memory, Some(vec![2]));
        assert_eq!(read, [Some(vec![1]), Some(vec![9])]);
        drop(changed);
        let (read, changed) = batch(&base, &memory, Some(vec![2]));
        assert_eq!(read[0], Some(vec![1]), "a batch that was not written is not remembered");
        memory.learn(changed);
        let (read, _) = batch(&base, &memory, None);
        assert_eq!(read[0], Some(vec![2]));
    }

    /// The highest number is read as a row by decide, and kept decoded by the fold.
    #[test]
    fn the_last_number_is_the_same_in_both_forms() {
        let app = Application(1);
        let mut base = MapRows::default();
        base.0.insert(key::numbers(app), row::encode_number(4));
        let mut memory = Memory::new();
        for turn in 0..3 {
            let mut rows = Overlay::with_memory(&base, &memory);
            for place in 0..3 {
                let next = Number(5 + turn * 3 + place);
                assert_eq!(View::new(&rows).next_number(app).unwrap(), next);
                assert_eq!(rows.next_number(app).unwrap(), next);
                rows.put_last_number(app, next);
            }
            let changed = rows.into_changed();
            base.0.extend(changed.to_rows().into_iter().map(|(key, value)| (key, value.unwrap())));
            memory.learn(changed);
            if turn == 1 {
                // As when there are more applications than are remembered.
                memory.heads.numbers.clear();
            }
        }
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
