//! Wrapping all keys under a new master key.

use std::path::Path;

use event::LogId;
use sealing::{MasterKey, Nonce, WrapKey};

use crate::disk::{self, Disk};
use crate::error::KeysError;
use crate::file::{KeyFile, KeyState, SLOTS_AT_ONCE, Wrapping, read_header};
use crate::layout::{Header, SLOT_BYTES, SLOTS_BEGIN, Slot, slot_at};
use crate::store::tables;

/// What [`rewrap`] did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Rewrapped {
    /// Files that are now under the new master key.
    pub files: usize,
    /// Files that were so before, by an earlier call that did not come to its end.
    pub files_before: usize,
    /// Keys and marks in the files of this call.
    pub keys: u64,
}

/// Wraps all keys of a folder under a new master key. The keys themselves stay, so nothing in the log changes.
/// Each file is replaced as a whole: a call that is interrupted leaves some under the old and some under the
/// new master key, and the same call again does the rest. Nobody may have the folder open.
///
/// # Errors
/// As [`KeyStore::open`](crate::KeyStore::open), when a file is under neither master key, and
/// [`KeysError::Damaged`] for a key that does not open: repeat unfinished erasures and restore what is
/// damaged first. The file it is in stays under the old master key.
pub fn rewrap(
    folder: &Path,
    log: LogId,
    old: &MasterKey,
    new: &MasterKey,
) -> Result<Rewrapped, KeysError> {
    let [old, new] = [old, new].map(|master| Wrapping {
        log,
        master: master.id(),
        wrap: WrapKey::new(master, log),
    });
    let mut done = Rewrapped::default();
    for (table, path) in tables(folder)? {
        if read_header(&Disk::open(&path)?, table, log)?.master == new.master {
            done.files_before += 1;
            continue;
        }
        let from = KeyFile::open(&path, table, &old)?;
        rewrap_file(&from, &old, &new)?;
        done.files += 1;
        done.keys += u64::from(from.slots());
    }
    Ok(done)
}

fn rewrap_file(from: &KeyFile, old: &Wrapping, new: &Wrapping) -> Result<(), KeysError> {
    let (table, slots) = (from.table(), from.slots());
    let path = from.path();
    let part = path.with_extension("part");
    let to = Disk::create(&part)?;
    let header = Header { table, log: new.log, master: new.master, slots, generation: 1 };
    to.write(&[0; SLOTS_BEGIN as usize], 0)?;
    to.write(&header.to_bytes(), header.offset())?;
    let mut bytes = Vec::with_capacity(SLOTS_AT_ONCE as usize * SLOT_BYTES);
    let mut begin = 0;
    from.visit(0, slots, |slot, at| {
        let owner = table.owner(at);
        let slot = match old.open(owner, slot) {
            Ok(key) => Slot::Live(new.wrap.wrap(owner, &Nonce::random()?, &key)),
            Err(KeyState::Erased { seq }) => Slot::erased(&new.wrap, owner, seq),
            Err(KeyState::Live | KeyState::Damaged) => {
                return Err(KeysError::Damaged { owner, path: path.to_owned() });
            }
        };
        bytes.extend_from_slice(&slot.to_bytes());
        if bytes.len() >= SLOTS_AT_ONCE as usize * SLOT_BYTES || at + 1 == slots {
            to.write(&bytes, slot_at(begin))?;
            bytes.clear();
            begin = at + 1;
        }
        Ok(true)
    })?;
    to.sync()?;
    // A crash before this leaves the old file, and one beside it that the next open removes.
    disk::rename(&part, path)
}
