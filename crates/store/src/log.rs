//! The log: events in order, appended once and never changed.

use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use event::Seq;
use rocksdb::{DB, Direction, IteratorMode, ReadOptions, WriteBatch, WriteOptions};

use crate::error::StoreError;
use crate::key;
use crate::options::LOG_FAMILY;
use crate::store::Store;
use crate::wal::Note;

impl Store {
    /// Appends events in one write. With `sync` they survive a loss of power when this returns. Without
    /// it they survive only the end of the process, until [`Store::sync`] has run.
    ///
    /// # Errors
    /// When RocksDB cannot write. Whether the events are in the log is then known only after opening the
    /// store again.
    pub fn append(&self, events: &[(Seq, Vec<u8>)], sync: bool) -> Result<(), StoreError> {
        let Some((first, _)) = events.first() else { return Ok(()) };
        let family = self.log_family();
        let mut batch = WriteBatch::default();
        let synced = self.synced.load(Ordering::Relaxed);
        let note = Note { first: *first, count: events.len() as u64, synced };
        // Put first, so that it is found without reading the events.
        batch.put_log_data(note.encode());
        for (seq, bytes) in events {
            batch.put_cf(&family, key::log(*seq), bytes);
        }
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        self.db.write_opt(batch, &options).map_err(self.write_failed("append to the log"))?;
        let size = note.first + note.count;
        self.appended.store(size, Ordering::Relaxed);
        if sync {
            // There is one write-ahead log, so this synced the earlier appends too.
            self.synced.store(size, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Syncs everything appended so far: it then survives a loss of power.
    ///
    /// # Errors
    /// When the operating system cannot.
    pub fn sync(&self) -> Result<(), StoreError> {
        let appended = self.appended.load(Ordering::Relaxed);
        self.db.flush_wal(true).map_err(self.write_failed("sync the log"))?;
        self.synced.fetch_max(appended, Ordering::Relaxed);
        Ok(())
    }

    /// The stored bytes of one event; `None` if the log has no such event.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn event_bytes(&self, seq: Seq) -> Result<Option<Vec<u8>>, StoreError> {
        let family = self.log_family();
        self.db.get_cf(&family, key::log(seq)).map_err(self.log_failed("read an event"))
    }

    /// Visits the stored bytes of some events, in the given order. Reads all of them into memory at once,
    /// which is faster than one by one.
    ///
    /// # Errors
    /// When RocksDB cannot read, or [`StoreError::Gap`] when a seq is missing.
    pub fn read_events<E: From<StoreError>>(
        &self,
        seqs: &[Seq],
        mut visit: impl FnMut(Seq, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let keys: Vec<_> = seqs.iter().map(|seq| key::log(*seq)).collect();
        let found = self.db.batched_multi_get_cf(&self.log_family(), &keys, false);
        for (seq, bytes) in seqs.iter().zip(found) {
            let bytes = bytes.map_err(self.log_failed("read an event"))?;
            visit(*seq, &bytes.ok_or(StoreError::Gap { expected: *seq })?)?;
        }
        Ok(())
    }

    /// Visits every event from `from` on, in order, until `visit` breaks off.
    ///
    /// # Errors
    /// When RocksDB cannot read, or [`StoreError::Gap`] when a seq is missing.
    pub fn scan_log<E: From<StoreError>>(
        &self,
        from: Seq,
        visit: impl FnMut(Seq, &[u8]) -> Result<ControlFlow<()>, E>,
    ) -> Result<(), E> {
        scan(&self.db, from, visit)
    }

    /// How many events the log holds, which is the seq of the next one.
    ///
    /// # Errors
    /// When RocksDB cannot read.
    pub fn log_size(&self) -> Result<Seq, StoreError> {
        let family = self.log_family();
        match self.db.iterator_cf(&family, IteratorMode::End).next() {
            None => Ok(0),
            Some(entry) => {
                let (key, _) = entry.map_err(self.log_failed("find the end of the log"))?;
                Ok(seq_of(&key)? + 1)
            }
        }
    }
}

/// [`Store::scan_log`] for a database that may be open without its rows.
pub(crate) fn scan<E: From<StoreError>>(
    db: &DB,
    from: Seq,
    mut visit: impl FnMut(Seq, &[u8]) -> Result<ControlFlow<()>, E>,
) -> Result<(), E> {
    let Some(family) = db.cf_handle(LOG_FAMILY) else {
        return Err(StoreError::Damaged { what: "the database (it has no log)".into() }.into());
    };
    let mut options = ReadOptions::default();
    options.set_readahead_size(4 << 20);
    let start = key::log(from);
    let mode = IteratorMode::From(&start, Direction::Forward);
    for (expected, entry) in (from..).zip(db.iterator_cf_opt(&family, options, mode)) {
        let failed = |source| StoreError::LogUnreadable { attempt: "scan the log", source };
        let (key, bytes) = entry.map_err(failed)?;
        let seq = seq_of(&key)?;
        if seq != expected {
            return Err(StoreError::Gap { expected }.into());
        }
        if visit(seq, &bytes)?.is_break() {
            break;
        }
    }
    Ok(())
}

pub(crate) fn seq_of(key: &[u8]) -> Result<Seq, StoreError> {
    let bytes =
        key.try_into().map_err(|_| StoreError::Damaged { what: "a key of the log".into() })?;
    Ok(Seq::from_be_bytes(bytes))
}
