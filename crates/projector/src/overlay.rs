//! A snapshot's rows with unpublished changes on top.

use std::ops::ControlFlow;

use store::key::KeyRange;
use store::{Direction, ReadRows, RowChanges, StoreError, Visit};

/// Rows with unpublished changes on top; reads see both.
pub(crate) struct Overlay<'a> {
    base: &'a dyn ReadRows,
    changes: RowChanges,
}

impl<'a> Overlay<'a> {
    /// An overlay without changes.
    pub(crate) fn new(base: &'a dyn ReadRows) -> Overlay<'a> {
        Overlay { base, changes: RowChanges::new() }
    }

    /// Sets the value of a key.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>) {
        self.changes.insert(key, Some(value));
    }

    /// Removes a key.
    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.changes.insert(key, None);
    }

    /// The changes, to be published.
    pub(crate) fn into_changes(self) -> RowChanges {
        self.changes
    }

    /// How many rows changed.
    pub(crate) fn len(&self) -> usize {
        self.changes.len()
    }
}

impl ReadRows for Overlay<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(key),
        }
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
        let over = self.changes.range(range.from.clone()..range.to.clone());
        // Merge the changes into the base's rows, both in the scan's direction.
        let mut over: Box<dyn Iterator<Item = _>> = match direction {
            Direction::Forward => Box::new(over),
            Direction::Backward => Box::new(over.rev()),
        };
        let mut ahead = over.next();
        let mut stopped = false;
        self.base.scan(range, direction, &mut |key, value| {
            while let Some((own_key, own_value)) = ahead {
                let order = match direction {
                    Direction::Forward => own_key.as_slice().cmp(key),
                    Direction::Backward => key.cmp(own_key.as_slice()),
                };
                if order.is_gt() {
                    break;
                }
                ahead = over.next();
                if let Some(own_value) = own_value
                    && visit(own_key, own_value).is_break()
                {
                    stopped = true;
                    return ControlFlow::Break(());
                }
                if order.is_eq() {
                    return ControlFlow::Continue(()); // the change replaces or removes this row
                }
            }
            let flow = visit(key, value);
            stopped = flow.is_break();
            flow
        })?;
        while let (false, Some((own_key, own_value))) = (stopped, ahead) {
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
