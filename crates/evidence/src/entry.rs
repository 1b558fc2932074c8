//! The entry of an event: the bytes of its leaf in the log's tree.

use event::codec::{CodecError, Frame, FramedPart, decode_facts};
use event::{Application, Event, Link, LogId, Number, Seq, Timestamp};
use sha2::{Digest as _, Sha256};
use tlog::{Frontier, HASH_BYTES, Hash};

/// Bytes of an entry.
pub const ENTRY_BYTES: usize = FIRST_LINE.len() + 29 + 2 * HASH_BYTES + 2 * (4 + HASH_BYTES);

/// How every entry begins: what it is, and the version of its form.
const FIRST_LINE: &[u8] = b"provlog entry/1\n";

/// What the tree holds of an event.
///
/// It follows from the event's stored bytes, its place and the id of its log, and from nothing else: no
/// row, no key. So it is the same after a person was erased, and anybody who copies the log can make it.
/// It holds digests of what is stored and no personal data. Numbers are big-endian:
///
/// ```text
///  bytes
///    16   "provlog entry/1\n"
///     8   log id                    ┐
///     8   seq                       │ which event
///     4   application               │
///     8   recordedAt, µs since 1970 │
///     1   kind of event             ┘
///    32   SHA-256 of the header's stored bytes
///    32   SHA-256 of the structural facts' stored bytes
/// 4, 32   number of links, and root of the tree over them
/// 4, 32   number of parts, and root of the tree over them
///   181   in all
///
///  a link, by kind and number, each thing once:
///     1   kind: 1 state, 2 members, 3 memberships, 4 population, 5 recorder
///     4   number
///  1, 8   1 and the seq of the event that changed it before, or 0 and 0
///
///  a part, in the order in which they are stored:
///     1   kind
///     1   form
///     4   number of subjects
///     4   each subject
/// 1, 32   1 and the commitment, or 0 and zeros
///    32   SHA-256 of its stored bytes
/// ```
///
/// The trees over links and parts are those of RFC 6962 §2.1, as the log's is. By them one link or one part
/// can be shown without the others. [`event::codec`] draws the stored bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Entry {
    /// The log.
    pub log: LogId,
    /// The event's place in it, which is the entry's index in the tree.
    pub seq: Seq,
    /// The application.
    pub application: Application,
    /// When it was recorded.
    pub recorded_at: Timestamp,
    /// The stored number of the kind of event.
    pub kind: u8,
    /// Digest of the header.
    pub header_sha256: [u8; 32],
    /// Digest of the structural facts.
    pub structure_sha256: [u8; 32],
    /// The links.
    pub links: Rooted,
    /// The parts.
    pub parts: Rooted,
}

/// How many records there are, and the root of the tree over them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Rooted {
    /// How many.
    pub count: u32,
    /// RFC 6962 §2.1.
    pub root: Hash,
}

impl Entry {
    /// The entry of the event with these stored bytes.
    ///
    /// # Errors
    /// When the bytes cannot be decoded.
    pub fn of_stored(log: LogId, seq: Seq, stored: &[u8]) -> Result<Entry, CodecError> {
        Entry::of_event(log, &decode_facts(seq, stored)?, stored)
    }

    /// The same of an event that is decoded already, whichever of its parts are.
    ///
    /// # Errors
    /// When `stored` are not the bytes of an event.
    pub fn of_event(log: LogId, event: &Event, stored: &[u8]) -> Result<Entry, CodecError> {
        let frame = Frame::read(stored)?;
        Ok(Entry {
            log,
            seq: event.seq,
            application: event.header.application,
            recorded_at: event.header.recorded_at,
            kind: frame.kind,
            header_sha256: Sha256::digest(frame.header).into(),
            structure_sha256: Sha256::digest(frame.structure).into(),
            links: Rooted::over(event.links().iter().map(link_record)),
            parts: Rooted::over(frame.parts.iter().map(part_record)),
        })
    }

    /// The bytes.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ENTRY_BYTES] {
        let mut bytes = [0; ENTRY_BYTES];
        let mut rest = bytes.as_mut_slice();
        let mut put = |field: &[u8]| {
            let (place, behind) = std::mem::take(&mut rest).split_at_mut(field.len());
            place.copy_from_slice(field);
            rest = behind;
        };
        put(FIRST_LINE);
        put(&self.log.get().to_be_bytes());
        put(&self.seq.to_be_bytes());
        put(&self.application.0.to_be_bytes());
        put(&self.recorded_at.0.to_be_bytes());
        put(&[self.kind]);
        put(&self.header_sha256);
        put(&self.structure_sha256);
        for part in [&self.links, &self.parts] {
            put(&part.count.to_be_bytes());
            put(part.root.as_bytes());
        }
        bytes
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave.
    ///
    /// # Errors
    /// When it is something else, or of a version that this program does not know.
    pub fn parse(bytes: &[u8]) -> Result<Entry, EntryError> {
        let bytes: &[u8; ENTRY_BYTES] =
            bytes.try_into().map_err(|_| EntryError::Length { found: bytes.len() })?;
        let mut rest = bytes.strip_prefix(FIRST_LINE).ok_or(EntryError::FirstLine)?;
        fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
            let mut field = [0; N];
            let (taken, behind) = rest.split_at(N);
            field.copy_from_slice(taken);
            *rest = behind;
            field
        }
        let log = u64::from_be_bytes(take(&mut rest));
        if LogId::from_random(log).get() != log {
            return Err(EntryError::Log);
        }
        Ok(Entry {
            log: LogId::from_random(log),
            seq: u64::from_be_bytes(take(&mut rest)),
            application: Application(u32::from_be_bytes(take(&mut rest))),
            recorded_at: Timestamp(i64::from_be_bytes(take(&mut rest))),
            kind: u8::from_be_bytes(take(&mut rest)),
            header_sha256: take(&mut rest),
            structure_sha256: take(&mut rest),
            links: Rooted {
                count: u32::from_be_bytes(take(&mut rest)),
                root: Hash::new(take(&mut rest)),
            },
            parts: Rooted {
                count: u32::from_be_bytes(take(&mut rest)),
                root: Hash::new(take(&mut rest)),
            },
        })
    }

    /// The hash of its leaf.
    #[must_use]
    pub fn leaf(&self) -> Hash {
        Hash::of_leaf(&self.to_bytes())
    }
}

impl Rooted {
    pub(crate) fn over<R: AsRef<[u8]>>(records: impl ExactSizeIterator<Item = R>) -> Rooted {
        // A stored event has fewer than 2^32 of either.
        let count = records.len() as u32;
        let mut tree = Frontier::new();
        records.for_each(|record| tree.append(Hash::of_leaf(record.as_ref())));
        Rooted { count, root: tree.root() }
    }
}

fn link_record(link: &Link) -> [u8; 14] {
    let mut record = [0; 14];
    record[0] = link.kind as u8;
    record[1..5].copy_from_slice(&link.number.0.to_be_bytes());
    if let Some(before) = link.before {
        record[5] = 1;
        record[6..].copy_from_slice(&before.to_be_bytes());
    }
    record
}

fn part_record(part: &FramedPart<'_>) -> Vec<u8> {
    let subjects = part.subject.iter().chain(&part.others);
    let mut record = Vec::with_capacity(71 + 4 * (1 + part.others.len()));
    record.extend_from_slice(&[part.kind, part.form]);
    record.extend_from_slice(&(subjects.clone().count() as u32).to_be_bytes());
    subjects.for_each(|subject| record.extend_from_slice(&subject.0.to_be_bytes()));
    record.push(u8::from(part.commitment.is_some()));
    record.extend_from_slice(&part.commitment.unwrap_or_default());
    record.extend_from_slice(&Sha256::digest(part.bytes));
    record
}

/// The record of each part of an event, as it stands in the tree over its parts.
///
/// # Errors
/// When `stored` are not the bytes of an event.
pub fn part_records(stored: &[u8]) -> Result<Vec<Vec<u8>>, CodecError> {
    Ok(Frame::read(stored)?.parts.iter().map(part_record).collect())
}

/// What the tree holds of a part. [`Entry`] draws its bytes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct PartRecord {
    pub(crate) kind: u8,
    pub(crate) subjects: Vec<Number>,
    pub(crate) commitment: Option<[u8; 32]>,
    pub(crate) sha256: [u8; 32],
}

impl PartRecord {
    /// Reads the bytes; `None` if they are none.
    pub(crate) fn parse(bytes: &[u8]) -> Option<PartRecord> {
        let ([kind, _form], rest) = bytes.split_first_chunk()?;
        let (count, rest) = rest.split_first_chunk()?;
        let count = usize::try_from(u32::from_be_bytes(*count)).ok()?;
        let (subjects, rest) = rest.split_at_checked(count.checked_mul(4)?)?;
        let (subjects, []) = subjects.as_chunks::<4>() else { return None };
        let ([flag], rest) = rest.split_first_chunk()?;
        let (commitment, rest) = rest.split_first_chunk()?;
        Some(PartRecord {
            kind: *kind,
            subjects: subjects.iter().map(|one| Number(u32::from_be_bytes(*one))).collect(),
            commitment: (*flag == 1).then_some(*commitment),
            sha256: rest.try_into().ok()?,
        })
    }
}

/// Why bytes are no entry.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EntryError {
    /// There are too few bytes, or too many.
    #[error("an entry has {ENTRY_BYTES} bytes, and there are {found}")]
    Length {
        /// How many there are.
        found: usize,
    },
    /// It does not begin as an entry of this version does.
    #[error("the entry is not of the version that this program knows")]
    FirstLine,
    /// The number of the log is larger than any.
    #[error("the entry names no log")]
    Log,
}

#[cfg(test)]
mod tests;
