//! The bytes of an entry bundle (C2SP tlog-tiles, "Log entries"): each entry with its length before it, a
//! big-endian number of two bytes. Over HTTP they are usually compressed; that is not done here.

use crate::tile::EntryBundle;

/// Bytes that an entry has at most, because its length has two bytes.
pub const ENTRY_BYTES_MAX: usize = u16::MAX as usize;

/// Appends an entry to the bytes of a bundle.
pub fn push_entry(bundle: &mut Vec<u8>, entry: &[u8]) -> Result<(), EntriesError> {
    let length = u16::try_from(entry.len())
        .map_err(|_| EntriesError::EntryTooLong { bytes: entry.len() })?;
    bundle.extend_from_slice(&length.to_be_bytes());
    bundle.extend_from_slice(entry);
    Ok(())
}

/// The entries in the bytes of a bundle, in order: as many as the bundle is wide, and nothing after them.
pub fn split_entries(bundle: EntryBundle, bytes: &[u8]) -> Result<Vec<&[u8]>, EntriesError> {
    let mut rest = bytes;
    let mut entries = Vec::with_capacity(usize::from(bundle.width()));
    for place in 0..bundle.width() {
        let Some((length, after)) = rest.split_first_chunk::<2>() else {
            return Err(EntriesError::Cut { place });
        };
        let length = usize::from(u16::from_be_bytes(*length));
        let Some((entry, after)) = after.split_at_checked(length) else {
            return Err(EntriesError::Cut { place });
        };
        entries.push(entry);
        rest = after;
    }
    if rest.is_empty() { Ok(entries) } else { Err(EntriesError::Trailing { bytes: rest.len() }) }
}

/// Why an entry does not fit in a bundle, or bytes are not a bundle.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EntriesError {
    /// The entry is longer than [`ENTRY_BYTES_MAX`].
    #[error("an entry of {bytes} bytes is too long for a bundle")]
    EntryTooLong {
        /// Bytes of the entry.
        bytes: usize,
    },
    /// The bytes end before or within an entry.
    #[error("the bundle ends before its entry {place} does")]
    Cut {
        /// Which one in the bundle, from 0.
        place: u16,
    },
    /// There are bytes after the last entry.
    #[error("{bytes} bytes stand after the last entry of the bundle")]
    Trailing {
        /// How many.
        bytes: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_gives_back_its_entries() {
        let entries: [&[u8]; 3] = [b"", b"one", &[7; ENTRY_BYTES_MAX]];
        let mut bytes = Vec::new();
        for entry in entries {
            push_entry(&mut bytes, entry).unwrap();
        }
        assert_eq!(&bytes[..7], b"\0\0\0\x03one");
        let bundle = EntryBundle::new(5, 3).unwrap();
        assert_eq!(split_entries(bundle, &bytes).unwrap(), entries);
    }

    #[test]
    fn a_bundle_has_exactly_its_entries() {
        let long = [0; ENTRY_BYTES_MAX + 1];
        let refused = push_entry(&mut Vec::new(), &long);
        assert_eq!(refused, Err(EntriesError::EntryTooLong { bytes: 65_536 }));
        let two = EntryBundle::new(0, 2).unwrap();
        let bytes = b"\0\x01a\0\x02bc";
        assert!(split_entries(two, bytes).is_ok());
        for end in 0..bytes.len() {
            let place = u16::from(end >= 3);
            assert_eq!(split_entries(two, &bytes[..end]), Err(EntriesError::Cut { place }));
        }
        let one = EntryBundle::new(0, 1).unwrap();
        assert_eq!(split_entries(one, bytes), Err(EntriesError::Trailing { bytes: 4 }));
        let full = EntryBundle::new(0, 256).unwrap();
        assert_eq!(split_entries(full, bytes), Err(EntriesError::Cut { place: 2 }));
    }
}
