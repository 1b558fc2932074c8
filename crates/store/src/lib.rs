//! The log and the rows on disk: the only crate that knows RocksDB.
//!
//! One folder holds one log:
//!
//! ```text
//!  DIR/db/         RocksDB. Family `log`: seq → event bytes, the truth, synced.
//!                  Family `rows`: what the fold made of the log, a cache with its own watermark.
//!                  Family `default`: the format record alone.
//!  DIR/kept        the log's id and how many events were synced, outside the database, so that a
//!                  log that lost its end is noticed
//!  DIR/cursor.key  32 secret bytes that sign page cursors; not part of the record
//! ```
//!
//! [`key`] lists every kind of row on one page. This crate stores and finds bytes; the projector knows
//! what a row means.

#![warn(unreachable_pub)]

mod damage;
mod error;
mod folder;
mod format;
mod kept;
pub mod key;
mod log;
mod manifest;
mod open;
mod options;
mod rows;
mod salvage;
mod scrub;
mod secret;
mod secret_folder;
mod store;
mod wal;

pub use damage::Damage;
pub use error::{StoreError, with_causes};
pub use folder::replace_file;
pub use kept::Kept;
pub use manifest::Manifest;
pub use options::{MEMTABLE_BYTES, Options};
pub use rows::{Direction, ReadRows, Row, RowChanges, Snapshot, Visit, digest};
pub use salvage::salvage;
pub use secret::secret_file;
pub use secret_folder::{SecretFileError, SecretFolder};
pub use store::Store;
pub use wal::TornEnd;
