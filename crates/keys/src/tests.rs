//! Tests of the whole crate. Their master keys are fixed; data keys are random as always.

pub(crate) mod crashes;
mod damage;
mod keys;
mod masters;
mod rewrapping;
mod vault;

use std::path::Path;

use event::{Application, LogId, Number};
use sealing::{DataKey, MasterKey, Month, Owner};

use crate::layout::{SLOT_BYTES, Table, slot_at};
use crate::*;

fn log() -> LogId {
    LogId::from_random(0x0123_4567_89ab_cdef)
}

fn master() -> MasterKey {
    MasterKey::new(&[7; 32])
}

const APP: Application = Application(1);

fn person(number: u32) -> Owner {
    Owner::Person { application: APP, number: Number(number) }
}

fn month(month: u32) -> Owner {
    Owner::Month { application: APP, month: Month(month) }
}

fn open(folder: &Path) -> KeyStore {
    KeyStore::open(folder, log(), &master()).unwrap()
}

/// With application 1 and keys for numbers up to 300 and months up to 682.
fn made(folder: &Path) -> KeyStore {
    let keys = open(folder);
    keys.add_application(APP).unwrap();
    keys.make_numbers(APP, Number(300)).unwrap();
    keys.make_months(APP, Month(682)).unwrap();
    keys
}

/// The file of an owner, and where its slot begins.
fn place(folder: &Path, owner: Owner) -> (std::path::PathBuf, usize) {
    let (table, slot) = Table::of(owner);
    (folder.join(table.file_name()), slot_at(slot) as usize)
}

/// The wrapped key of an owner, as it stands in the file: nonce, ciphertext and tag.
fn wrapped(folder: &Path, owner: Owner) -> Vec<u8> {
    let (path, begin) = place(folder, owner);
    std::fs::read(path).unwrap()[begin + 1..begin + 73].to_vec()
}

/// Whether any eight bytes of `secret` stand in any file of the folder.
fn is_left(folder: &Path, secret: &[u8]) -> bool {
    std::fs::read_dir(folder).unwrap().any(|entry| {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        secret.windows(8).any(|piece| bytes.windows(8).any(|here| here == piece))
    })
}

/// Changes the bytes of an owner's slot in the file.
fn change_slot(folder: &Path, owner: Owner, change: impl FnOnce(&mut [u8])) {
    let (path, begin) = place(folder, owner);
    let mut bytes = std::fs::read(&path).unwrap();
    change(&mut bytes[begin..begin + SLOT_BYTES]);
    std::fs::write(path, bytes).unwrap();
}

fn key(keys: &KeyStore, owner: Owner) -> std::sync::Arc<DataKey> {
    keys.key(owner).unwrap()
}
