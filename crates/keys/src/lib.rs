//! The files of the data keys with which parts are sealed. They are the one thing in a data folder that is
//! changed in place: to erase a person is to overwrite that person's key.
//!
//! ```text
//!  DIR/keys/persons-7   the keys of the numbers of application 7, by number
//!  DIR/keys/months-7    the keys of what concerns no person there, by month since January 1970
//!  DIR/keys/sent-7      the keys of what was sent there, by month since January 1970
//!  DIR/master.key       the master key, if it was not configured elsewhere
//! ```
//!
//! A crate of its own, and not a part of `store`, because it needs no database: its tests and the commands
//! that use it alone do not link RocksDB.
//!
//! # A file
//!
//! A table of slots of one size, so that a key is one read at a known place. Numbers are big-endian.
//!
//! ```text
//!  0          4096       8192      8272      8352
//! +----------+----------+---------+---------+--- …
//! | header A | header B | slot 0  | slot 1  |
//! +----------+----------+---------+---------+--- …
//!
//! header, the rest of its 4096 bytes is zero:
//! +----------------+---------+-------+---+-------------+-----+------------+-------+------------+--------+
//! | "provlog keys" | version | table | 0 | application | log | master key | slots | generation | crc32c |
//! |      12        | u16: 1  |  u8   |   |    u32      | u64 |  8: its id |  u32  |    u64     |  u32   |
//! +----------------+---------+-------+---+-------------+-----+------------+-------+------------+--------+
//! table: 1 persons, 2 months, 3 sent; slots: so many were made and synced
//!
//! slot of a key:                                   slot of a key that was destroyed:
//! +---+--------------------+-------+--------+      +---+---------+------+--------+--------+
//! | 1 | wrapped key        | 0 0 0 | crc32c |      | 2 | seq u64 | mark | zeros  | crc32c |
//! |   |   72 bytes         |       |  u32   |      |   |         |  16  |   51   |  u32   |
//! +---+--------------------+-------+--------+      +---+---------+------+--------+--------+
//! ```
//!
//! `sealing` wraps keys and makes marks. Both are bound to the log, the application, the table and the slot's
//! number, so slots and files cannot be exchanged. The header with the higher generation counts; the other one
//! is replaced next, so a torn header leaves the one before it.
//!
//! # What a crash leaves
//!
//! * **While keys are made** ([`KeyStore::make_numbers`]): slots are written and synced, then a header that
//!   counts them is written and synced. Only then may an event use them. Before that, there are slots behind
//!   the counted ones. When the file is opened, those that are whole are counted, and those between them
//!   are made again. So no slot that may be in use is ever overwritten, even if a header is lost.
//! * **While keys are destroyed** ([`KeyStore::erase`]): the slot is the old one, the new one, or torn, which
//!   reads as damaged. The erasure's event is in the log before, so the next start repeats it, and the slot is
//!   overwritten whole.
//! * **While keys are wrapped anew** ([`rewrap`]): a file is written beside the old one, synced, and takes its
//!   name; so each file is wholly under the old or wholly under the new master key. The same call again
//!   does the rest.
//!
//! # What is damage
//!
//! A key is there, was destroyed ([`KeysError::Erased`], with the seq of the erasure), or was never made
//! ([`KeysError::NeverMade`]). All else is damage with a reason: a file that is missing or shorter than its
//! header says, a slot that is not whole or not its owner's. [`KeyStore::require_numbers`] finds a file that
//! is older than the log. A key that was destroyed and of which the log has no erasure is damage too, which
//! the caller finds with [`KeyStore::scan`].
//!
//! # Copies
//!
//! A file may be copied from its beginning to its end at any time: the header was read first, and all that it
//! counts is there. A slot that was destroyed meanwhile may be torn in the copy; the erasure list that every
//! restore needs repeats it.
//!
//! Overwriting a slot removes the key from the file. Solid-state disks, and file systems that copy on write
//! or take snapshots, may keep the old block. Those copies stay wrapped: [`rewrap`] and then destroying the
//! old master key makes them worthless, as it does for old backups.

#![warn(unreachable_pub)]

mod cache;
mod disk;
mod error;
mod file;
mod layout;
mod master;
mod rewrap;
mod store;
mod vault;

#[cfg(test)]
mod tests;

pub use error::KeysError;
pub use file::KeyState;
pub use master::{MasterError, MasterSource, own_master_key};
pub use rewrap::{Rewrapped, rewrap};
pub use store::{CACHED_KEYS, KeyStore, holds_keys};
pub use vault::Vault;
