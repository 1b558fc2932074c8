//! One file of keys: opened and checked, extended, read, and its keys destroyed.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use event::{LogId, Seq};
use sealing::{DataKey, MasterKeyId, Nonce, Owner, WrapKey};

use crate::disk::{self, Disk};
use crate::error::KeysError;
use crate::layout::{
    BLOCK, HEADER_BYTES, Header, NoHeader, SLOT_BYTES, SLOTS_BEGIN, SLOTS_MAX, Slot, Table,
    VERSION, slot_at,
};

/// Slots that are written or read in one call while many are.
pub(crate) const SLOTS_AT_ONCE: u32 = 16 * BLOCK;

/// Keys that [`KeyFile::make`] returns at most.
const MADE_MAX: u32 = 16 * 1_024;

/// What a slot holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyState {
    /// A key.
    Live,
    /// The mark that the key was destroyed for the event at `seq`.
    Erased {
        /// The seq of the erasure's event.
        seq: Seq,
    },
    /// Neither: it is torn, or not of its owner.
    Damaged,
}

/// For which log the files are, and under which master key.
pub(crate) struct Wrapping {
    pub(crate) log: LogId,
    pub(crate) master: MasterKeyId,
    pub(crate) wrap: WrapKey,
}

impl Wrapping {
    /// The key in a slot, or why there is none.
    pub(crate) fn open(&self, owner: Owner, slot: &Slot) -> Result<DataKey, KeyState> {
        match slot {
            Slot::Live(wrapped) => self.wrap.unwrap(owner, wrapped).ok_or(KeyState::Damaged),
            Slot::Erased { seq, mark } if self.wrap.is_mark(owner, *seq, mark) => {
                Err(KeyState::Erased { seq: *seq })
            }
            Slot::Erased { .. } | Slot::Damaged => Err(KeyState::Damaged),
        }
    }
}

/// An open file.
pub(crate) struct KeyFile {
    disk: Disk,
    table: Table,
    /// Whoever writes holds it.
    header: Mutex<Header>,
    /// Slots that may be used; never more than are synced.
    slots: AtomicU32,
    /// A write failed; what is on disk is not known.
    has_failed: AtomicBool,
}

/// Reads and checks the header that counts.
pub(crate) fn read_header(disk: &Disk, table: Table, log: LogId) -> Result<Header, KeysError> {
    let path = || disk.path.clone();
    let bytes = disk.bytes()?;
    if bytes < SLOTS_BEGIN {
        return Err(KeysError::Short { path: path(), found: bytes, expected: SLOTS_BEGIN });
    }
    let mut newest: Option<Header> = None;
    for place in 0..2 {
        let mut bytes = [0; HEADER_BYTES];
        disk.read(&mut bytes, place * HEADER_BYTES as u64)?;
        match Header::read(&bytes) {
            Ok(header) if newest.is_none_or(|other| other.generation < header.generation) => {
                newest = Some(header);
            }
            Ok(_) | Err(NoHeader::Damaged) => {}
            Err(NoHeader::Newer { version: found }) => {
                return Err(KeysError::Newer { path: path(), found, known: VERSION });
            }
        }
    }
    let header = newest.ok_or_else(|| KeysError::Header { path: path() })?;
    if header.table != table {
        return Err(KeysError::Misnamed { path: path() });
    }
    if header.log != log {
        return Err(KeysError::OtherLog { path: path(), found: header.log, log });
    }
    let expected = slot_at(header.slots);
    if bytes < expected {
        return Err(KeysError::Short { path: path(), found: bytes, expected });
    }
    Ok(header)
}

impl KeyFile {
    /// Makes an empty file. A crash leaves none, or all of it.
    pub(crate) fn create(
        folder: &Path,
        table: Table,
        wrapping: &Wrapping,
    ) -> Result<KeyFile, KeysError> {
        let path = folder.join(table.file_name());
        let part = path.with_extension("part");
        let Wrapping { log, master, .. } = *wrapping;
        let header = Header { table, log, master, slots: 0, generation: 1 };
        let disk = Disk::create(&part)?;
        disk.write(&[0; SLOTS_BEGIN as usize], 0)?;
        disk.write(&header.to_bytes(), header.offset())?;
        disk.sync()?;
        disk::rename(&part, &path)?;
        Ok(KeyFile::new(Disk { file: disk.file, path }, header))
    }

    fn new(disk: Disk, header: Header) -> KeyFile {
        KeyFile {
            disk,
            table: header.table,
            header: Mutex::new(header),
            slots: AtomicU32::new(header.slots),
            has_failed: AtomicBool::new(false),
        }
    }

    /// Opens a file, and counts what a crash left behind the counted slots.
    pub(crate) fn open(
        path: &Path,
        table: Table,
        wrapping: &Wrapping,
    ) -> Result<KeyFile, KeysError> {
        let disk = Disk::open(path)?;
        let header = read_header(&disk, table, wrapping.log)?;
        if header.master != wrapping.master {
            let (found, given) = (header.master, wrapping.master);
            return Err(KeysError::OtherMaster { path: disk.path, found, given });
        }
        let bytes = disk.bytes()?;
        let file = KeyFile::new(disk, header);
        let left = (bytes - slot_at(header.slots)) / SLOT_BYTES as u64;
        let end = u64::from(header.slots) + left;
        let end = u32::try_from(end).unwrap_or(u32::MAX).min(SLOTS_MAX);
        let (mut whole, mut holes) = (header.slots, Vec::new());
        file.visit(header.slots, end, |slot, at| {
            if wrapping.open(table.owner(at), slot).err() == Some(KeyState::Damaged) {
                holes.push(at);
            } else {
                whole = at + 1;
            }
            Ok(true)
        })?;
        if whole > header.slots {
            let mut header = file.lock();
            for hole in holes.into_iter().filter(|hole| *hole < whole) {
                file.disk.write(&file.new_slot(wrapping, hole)?.0, slot_at(hole))?;
            }
            // The others may be nowhere but in memory yet.
            file.disk.sync()?;
            file.count(&mut header, whole)?;
        }
        Ok(file)
    }

    /// A slot with a new key.
    fn new_slot(
        &self,
        wrapping: &Wrapping,
        slot: u32,
    ) -> Result<([u8; SLOT_BYTES], DataKey), KeysError> {
        let (nonce, key) = (Nonce::random()?, DataKey::random()?);
        let wrapped = wrapping.wrap.wrap(self.table.owner(slot), &nonce, &key);
        Ok((Slot::Live(wrapped).to_bytes(), key))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.disk.path
    }

    pub(crate) fn table(&self) -> Table {
        self.table
    }

    /// So many slots may be used.
    pub(crate) fn slots(&self) -> u32 {
        self.slots.load(Ordering::Acquire)
    }

    /// Somebody who panicked while writing has set `has_failed`, or written nothing.
    fn lock(&self) -> std::sync::MutexGuard<'_, Header> {
        self.header.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Runs what writes. After a failure nothing is written any more: a sync that failed once may succeed the
    /// next time without having written anything.
    fn writing<T>(&self, write: impl FnOnce() -> Result<T, KeysError>) -> Result<T, KeysError> {
        if self.has_failed.swap(true, Ordering::AcqRel) {
            return Err(KeysError::Failed { path: self.disk.path.clone() });
        }
        let result = write()?;
        self.has_failed.store(false, Ordering::Release);
        Ok(result)
    }

    /// Writes and syncs a header that counts so many slots, which are synced.
    fn count(&self, header: &mut Header, slots: u32) -> Result<(), KeysError> {
        let next = Header { slots, generation: header.generation + 1, ..*header };
        self.disk.write(&next.to_bytes(), next.offset())?;
        self.disk.sync()?;
        *header = next;
        self.slots.store(slots, Ordering::Release);
        Ok(())
    }

    /// Makes keys until there is one in `slot`, in blocks of [`BLOCK`], and returns the last of them. When this returns
    /// they survive a loss of power.
    pub(crate) fn make(
        &self,
        wrapping: &Wrapping,
        slot: u32,
    ) -> Result<Vec<(Owner, DataKey)>, KeysError> {
        if slot < self.slots() {
            return Ok(vec![]);
        }
        if slot >= SLOTS_MAX {
            return Err(KeysError::Full { application: self.table.application });
        }
        let mut header = self.lock();
        let end = (slot + 1).next_multiple_of(BLOCK);
        let begin = header.slots;
        if end <= begin {
            return Ok(vec![]); // somebody else was faster
        }
        self.writing(|| {
            let mut made = vec![];
            let mut next = begin;
            while next < end {
                let until = end.min(next.saturating_add(SLOTS_AT_ONCE));
                let mut bytes = Vec::with_capacity((until - next) as usize * SLOT_BYTES);
                for slot in next..until {
                    let (stored, key) = self.new_slot(wrapping, slot)?;
                    bytes.extend_from_slice(&stored);
                    // Of very many only those are returned that a cache may keep.
                    if end - slot <= MADE_MAX {
                        made.push((self.table.owner(slot), key));
                    }
                }
                self.disk.write(&bytes, slot_at(next))?;
                next = until;
            }
            // A crash before this leaves slots that are not counted, whole or not.
            self.disk.sync()?;
            self.count(&mut header, end)?;
            Ok(made)
        })
    }

    fn never_made(&self, slot: u32) -> KeysError {
        KeysError::NeverMade { owner: self.table.owner(slot) }
    }

    fn slot(&self, slot: u32) -> Result<Slot, KeysError> {
        if slot >= self.slots() {
            return Err(self.never_made(slot));
        }
        let mut bytes = [0; SLOT_BYTES];
        self.disk.read(&mut bytes, slot_at(slot))?;
        Ok(Slot::read(&bytes))
    }

    /// The key in a slot.
    pub(crate) fn key(&self, wrapping: &Wrapping, slot: u32) -> Result<DataKey, KeysError> {
        let owner = self.table.owner(slot);
        wrapping.open(owner, &self.slot(slot)?).map_err(|state| match state {
            KeyState::Erased { seq } => KeysError::Erased { owner, seq },
            KeyState::Live | KeyState::Damaged => {
                KeysError::Damaged { owner, path: self.disk.path.clone() }
            }
        })
    }

    /// Destroys the keys in these slots, which were made. One that was destroyed before keeps its seq. When this returns, that
    /// survives a loss of power.
    pub(crate) fn erase(
        &self,
        wrapping: &Wrapping,
        slots: &[u32],
        seq: Seq,
    ) -> Result<(), KeysError> {
        let _header = self.lock();
        self.writing(|| {
            for slot in slots {
                let owner = self.table.owner(*slot);
                // A torn slot is overwritten too: what tore it may have been this erasure. So is one that
                // was destroyed before, because that may be in memory alone since a sync failed.
                let seq = match wrapping.open(owner, &self.slot(*slot)?) {
                    Err(KeyState::Erased { seq }) => seq,
                    Ok(_) | Err(KeyState::Live | KeyState::Damaged) => seq,
                };
                let erased = Slot::erased(&wrapping.wrap, owner, seq);
                self.disk.write(&erased.to_bytes(), slot_at(*slot))?;
            }
            self.disk.sync()
        })
    }

    /// Visits slots in order, until `visit` says no.
    pub(crate) fn visit(
        &self,
        begin: u32,
        end: u32,
        mut visit: impl FnMut(&Slot, u32) -> Result<bool, KeysError>,
    ) -> Result<(), KeysError> {
        let mut next = begin;
        while next < end {
            let until = end.min(next.saturating_add(SLOTS_AT_ONCE));
            let mut bytes = vec![0; (until - next) as usize * SLOT_BYTES];
            self.disk.read(&mut bytes, slot_at(next))?;
            let (slots, _) = bytes.as_chunks::<SLOT_BYTES>();
            for (at, slot) in (next..).zip(slots) {
                if !visit(&Slot::read(slot), at)? {
                    return Ok(());
                }
            }
            next = until;
        }
        Ok(())
    }
}
