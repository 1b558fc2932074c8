//! The published rows that a batch has read, so that none is read twice: deciding, completing and folding
//! an event ask for the same ones.

use std::cell::RefCell;
use std::collections::HashMap;

use foldhash::fast::RandomState;
use store::Row;

/// The most that is kept of one batch. What does not fit is read again.
const ROWS_MAX: usize = 1_000;
const BYTES_MAX: usize = 1 << 20;

/// Published rows by key. They do not change while a batch is made.
#[derive(Default)]
pub(crate) struct Reads(RefCell<Kept>);

#[derive(Default)]
struct Kept {
    values: HashMap<Vec<u8>, Option<Vec<u8>>, RandomState>,
    /// The first row of a range, by where the range begins.
    firsts: HashMap<Vec<u8>, Option<Row>, RandomState>,
    bytes: usize,
}

impl Reads {
    /// The value of a key, from here or by `read`.
    pub(crate) fn value<E>(
        &self,
        key: &[u8],
        read: impl FnOnce() -> Result<Option<Vec<u8>>, E>,
    ) -> Result<Option<Vec<u8>>, E> {
        if let Some(value) = self.0.borrow().values.get(key) {
            return Ok(value.clone());
        }
        let value = read()?;
        let mut kept = self.0.borrow_mut();
        if kept.takes(key.len() + value.as_ref().map_or(0, Vec::len)) {
            kept.values.insert(key.to_vec(), value.clone());
        }
        Ok(value)
    }

    /// The first row of the range that begins here, from here or by `read`. All ranges that begin at the
    /// same key must end alike.
    pub(crate) fn first<E>(
        &self,
        from: &[u8],
        read: impl FnOnce() -> Result<Option<Row>, E>,
    ) -> Result<Option<Row>, E> {
        if let Some(row) = self.0.borrow().firsts.get(from) {
            return Ok(row.clone());
        }
        let row = read()?;
        let mut kept = self.0.borrow_mut();
        let bytes = row.as_ref().map_or(0, |(key, value)| key.len() + value.len());
        if kept.takes(from.len() + bytes) {
            kept.firsts.insert(from.to_vec(), row.clone());
        }
        Ok(row)
    }

    /// The values by key.
    pub(crate) fn into_values(self) -> impl Iterator<Item = (Vec<u8>, Option<Vec<u8>>)> {
        self.0.into_inner().values.into_iter()
    }
}

impl Kept {
    /// Whether so many bytes more may be kept; counts them if so.
    fn takes(&mut self, bytes: usize) -> bool {
        let rows = self.values.len() + self.firsts.len();
        let fits = rows < ROWS_MAX && self.bytes + bytes <= BYTES_MAX;
        self.bytes += if fits { bytes } else { 0 };
        fits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_once_while_there_is_room() {
        let reads = Reads::default();
        let count = std::cell::Cell::new(0);
        let value = |key: &[u8], value: Option<Vec<u8>>| {
            let read = || {
                count.set(count.get() + 1);
                Ok::<_, ()>(value.clone())
            };
            assert_eq!(reads.value(key, read), Ok(value.clone()));
        };
        for _ in 0..3 {
            value(b"one", Some(vec![1]));
            value(b"none", None);
        }
        assert_eq!(count.get(), 2);
        let first = || Ok::<_, ()>(Some((b"two".to_vec(), vec![2])));
        assert_eq!(reads.first(b"o", first), first());
        assert_eq!(reads.first(b"o", || Err(())), first());
        assert_eq!(reads.first(b"one", || Ok::<_, ()>(None)), Ok(None), "not that of the key");
        for _ in 0..3 {
            value(b"large", Some(vec![0; BYTES_MAX]));
        }
        assert_eq!(count.get(), 5, "it is not kept");
        for index in 0..2 * ROWS_MAX {
            value(&index.to_be_bytes(), None);
        }
        assert!(reads.into_values().count() < ROWS_MAX);
        assert_eq!(Reads::default().value(b"x", || Err(7)), Err(7));
    }
}
