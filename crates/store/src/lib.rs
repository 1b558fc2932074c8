//! The log and the rows on disk: the only crate that knows RocksDB.
//!
//! One folder holds one log:
//!
//! ```text
//!  DIR/db/         RocksDB. Family `log`: seq → event bytes, the truth, synced.
//!                  Family `rows`: what the fold made of the log, a cache with its own watermark.
//!                  Family `default`: the format record alone.
//!  DIR/kept        the log's name and how far it was synced, outside the database, so that a log
//!                  which came back shorter is noticed
//!  DIR/cursor.key  32 secret bytes that sign page cursors; no part of the record
//! ```
//!
//! [`key`] has every key of the rows on one page. The crate stores and finds bytes; what a row
//! means is the projector's business.

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
pub use options::Options;
pub use rows::{Direction, ReadRows, Row, RowChanges, Snapshot, Visit, digest};
pub use salvage::salvage;
pub use secret::secret_file;
pub use secret_folder::{SecretFileError, SecretFolder};
pub use store::Store;
pub use wal::TornEnd;
