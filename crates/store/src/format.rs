//! The format record: the version of the data folder's format, and the log's id.
//!
//! | version | since | change                                                     |
//! |---------|-------|------------------------------------------------------------|
//! | 1       | 0.1.0 | first format; no longer read                               |
//! | 2       | 0.1.0 | the kept file has a checksum and the boot id; no longer    |
//! |         |       | read                                                       |
//! | 3       | 0.1.0 | it has the database's list of files and the last           |
//! |         |       | checkpoint; parts of events are sealed. May still change   |
//! |         |       | until 0.1.0 is released                                    |
//!
//! The version covers the families, the log's key and the kept file. Events have their own version byte,
//! and rows of another fold version are made again.

use event::LogId;

use crate::error::StoreError;

/// The version that this program writes, and the only one it reads: no older one was released.
pub(crate) const FORMAT_VERSION: u32 = 3;

/// The record's key in the family `default`.
pub(crate) const FORMAT_KEY: &[u8] = b"format";

/// `version u32 | log id u64`, big-endian.
pub(crate) fn encode(log: LogId) -> [u8; 12] {
    let mut record = [0; 12];
    record[..4].copy_from_slice(&FORMAT_VERSION.to_be_bytes());
    record[4..].copy_from_slice(&log.get().to_be_bytes());
    record
}

/// The log's id.
pub(crate) fn decode(record: &[u8]) -> Result<LogId, StoreError> {
    let damaged = || StoreError::Damaged { what: "the format record".into() };
    // The version comes first in every format, so that a newer one can be recognised.
    let version = record.first_chunk::<4>().ok_or_else(damaged)?;
    let version = u32::from_be_bytes(*version);
    if version > FORMAT_VERSION {
        return Err(StoreError::Newer { found: version, known: FORMAT_VERSION });
    }
    if version < FORMAT_VERSION {
        return Err(StoreError::Older { found: version, known: FORMAT_VERSION });
    }
    let log = <[u8; 8]>::try_from(&record[4..]).map_err(|_| damaged())?;
    Ok(LogId::from_random(u64::from_be_bytes(log)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_record_round_trips_and_older_and_newer_ones_are_refused() {
        let log = LogId::from_random(0x1234_5678_9abc);
        let mut record = encode(log);
        assert_eq!(decode(&record).unwrap(), log);
        record[3] = FORMAT_VERSION as u8 + 1;
        assert!(matches!(decode(&record), Err(StoreError::Newer { found: 4, known: 3 })));
        record[3] = FORMAT_VERSION as u8 - 1;
        assert!(matches!(decode(&record), Err(StoreError::Older { found: 2, known: 3 })));
        assert!(decode(&record[..3]).is_err());
        assert!(decode(&encode(log)[..11]).is_err());
    }
}
