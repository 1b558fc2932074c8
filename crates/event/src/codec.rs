//! The bytes of an event, and of a row's value. The only place that uses bincode.
//!
//! An event, version 1 (integers big-endian; the seq is the log's key and not repeated):
//!
//! ```text
//!  0        1     2                 6
//! +--------+-----+-----------------+------------------+-----------------+-------- …
//! | version| kind| header length   | header (bincode) | parts, count    | parts
//! |   1    |  u8 |  u32            |                  |  u32            |
//! +--------+-----+-----------------+------------------+-----------------+-------- …
//!
//! part:  | kind u8 | form u8 | subject u32 | length u32 | bytes |
//! ```
//!
//! Kinds of event: 1 operation, 2 recorder started, 3 recorder stopped, 4 application added,
//! 5 credential added, 6 resource type added, 7 unauthenticated requests, 8 credential revoked,
//! 9 intent, 10 observation, 11 upstream set, 12 imported entry, 13 import batch, 14 access,
//! 15 evidence added, 16 reference list added, 17 service principal set, 18 listing, 19 connections
//! refused. Kinds of part: 1 target, 2 body, 3 changes, 4 detail, 5 flags, 6 answer, 7 entry, 8 note.
//! Forms: 0 plain.
//! The header comes first and alone, so that a scan decodes no part, and the form of a part can change
//! (compressed, sealed) without a change of the header.
//!
//! The value of a row is one version byte and bincode. When the form of rows changes they are made again
//! from the log, so only one version is ever read.

use serde::{Deserialize, Serialize};

use crate::content::{Answer, Changes, Content, Detail, Flag, Part};
use crate::event::{Event, Header};
use crate::id::{Number, Seq};
use crate::secret;
use crate::stored::v1;

/// Why bytes cannot be decoded as an event or a row, or the other way round.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// There are too few bytes, or too many.
    #[error("the stored bytes are too short or too long")]
    Length,
    /// A newer program wrote this.
    #[error("format version {0} is newer than this program reads: use a newer release")]
    Version(u8),
    /// A stored number that this program does not know.
    #[error("unknown {what} {code}")]
    Code {
        /// What the number stands for.
        what: &'static str,
        /// The number.
        code: u32,
    },
    /// bincode cannot decode a field.
    #[error("malformed field")]
    Decode(#[source] bincode::error::DecodeError),
    /// A header, part or row is larger than 64 MiB, which decoding would refuse.
    #[error("{bytes} bytes are too many to store in one place")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// bincode cannot encode a value.
    #[error("cannot be encoded")]
    Encode(#[source] bincode::error::EncodeError),
}

/// The version byte of the events that this program writes.
const EVENT_VERSION: u8 = 1;
/// The version byte of row values.
const ROW_VERSION: u8 = 1;
/// Maximum size of a header, part or row. The decoder refuses more, so the encoder does too. Decide
/// limits resources to far less.
const FIELD_BYTES_MAX: usize = 64 << 20;

const PART_TARGET: u8 = 1;
const PART_BODY: u8 = 2;
const PART_CHANGES: u8 = 3;
const PART_DETAIL: u8 = 4;
const PART_FLAGS: u8 = 5;
const PART_ANSWER: u8 = 6;
const PART_ENTRY: u8 = 7;
const PART_NOTE: u8 = 8;
const FORM_PLAIN: u8 = 0;

fn config() -> impl bincode::config::Config {
    bincode::config::standard().with_limit::<FIELD_BYTES_MAX>()
}

fn to_bytes<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    to_bytes_as(value, config())
}

fn to_bytes_as<T: Serialize>(
    value: &T,
    config: impl bincode::config::Config,
) -> Result<Vec<u8>, CodecError> {
    let bytes = bincode::serde::encode_to_vec(value, config).map_err(CodecError::Encode)?;
    // bincode itself applies the limit only when decoding.
    if bytes.len() > FIELD_BYTES_MAX {
        return Err(CodecError::TooLarge { bytes: bytes.len() });
    }
    Ok(bytes)
}

fn from_bytes<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, CodecError> {
    let (value, used) =
        bincode::serde::borrow_decode_from_slice(bytes, config()).map_err(CodecError::Decode)?;
    if used == bytes.len() { Ok(value) } else { Err(CodecError::Length) }
}

/// The bytes of an event as the log stores them.
///
/// # Errors
/// When a header or part is larger than 64 MiB, which [`decode`] would refuse.
pub fn encode(event: &Event) -> Result<Vec<u8>, CodecError> {
    encode_as(event, config())
}

/// Whether any text of an event holds one of our tokens; `encoded` are its stored bytes.
///
/// Searching the bytes covers every text. But a length byte can look like a digit, and two adjacent
/// texts like one. So a match is confirmed in an encoding with fixed-width big-endian lengths, which
/// begin with a zero byte and so keep texts apart.
pub fn holds_token(event: &Event, encoded: &[u8]) -> bool {
    let apart = bincode::config::standard().with_big_endian().with_fixed_int_encoding();
    secret::stands_in(encoded, &[])
        && encode_as(event, apart).map_or(true, |apart| secret::stands_in(&apart, &[]))
}

fn encode_as(event: &Event, config: impl bincode::config::Config) -> Result<Vec<u8>, CodecError> {
    let (kind, header) = v1::header_to_stored(&event.header, |header| to_bytes_as(header, config))?;
    let mut out = Vec::with_capacity(256);
    out.push(EVENT_VERSION);
    out.push(kind);
    put_length(&mut out, header.len())?;
    out.extend_from_slice(&header);
    put_length(&mut out, event.parts.len())?;
    for part in &event.parts {
        let encoded;
        let (kind, bytes): (u8, &[u8]) = match &part.content {
            Content::Target(text) => (PART_TARGET, text.as_bytes()),
            Content::Body(bytes) => (PART_BODY, bytes),
            Content::Changes(changes) => {
                encoded = to_bytes_as(&v1::ChangesV1::from(changes), config)?;
                (PART_CHANGES, &encoded)
            }
            Content::Detail(detail) => {
                encoded = to_bytes_as(&v1::DetailV1::from(detail), config)?;
                (PART_DETAIL, &encoded)
            }
            Content::Flags(flags) => {
                let flags: Vec<v1::FlagV1> = flags.iter().map(v1::FlagV1::from).collect();
                encoded = to_bytes_as(&flags, config)?;
                (PART_FLAGS, &encoded)
            }
            Content::Answer(answer) => {
                encoded = to_bytes_as(&v1::AnswerV1::from(answer), config)?;
                (PART_ANSWER, &encoded)
            }
            Content::Entry(json) => (PART_ENTRY, json),
            Content::Note(json) => (PART_NOTE, json),
        };
        out.push(kind);
        out.push(FORM_PLAIN);
        out.extend_from_slice(&part.subject.0.to_be_bytes());
        put_length(&mut out, bytes.len())?;
        out.extend_from_slice(bytes);
    }
    Ok(out)
}

fn put_length(out: &mut Vec<u8>, length: usize) -> Result<(), CodecError> {
    let length = u32::try_from(length).map_err(|_| CodecError::Length)?;
    out.extend_from_slice(&length.to_be_bytes());
    Ok(())
}

/// Decodes what [`encode`] wrote; `seq` is the log's key.
///
/// # Errors
/// [`CodecError`] when the bytes are damaged or newer than this program.
pub fn decode(seq: Seq, bytes: &[u8]) -> Result<Event, CodecError> {
    let mut rest = bytes;
    let header = take_header(&mut rest)?;
    let count = take_u32(&mut rest)?;
    // A part takes at least ten bytes, so a damaged count cannot cause a large allocation.
    if count as usize > rest.len() / 10 {
        return Err(CodecError::Length);
    }
    let mut parts = Vec::with_capacity(count as usize);
    for _ in 0..count {
        let [kind, form] = take(&mut rest, 2)? else { return Err(CodecError::Length) };
        if *form != FORM_PLAIN {
            return Err(CodecError::Code { what: "form of a part", code: u32::from(*form) });
        }
        let subject = Number(take_u32(&mut rest)?);
        let length = take_u32(&mut rest)? as usize;
        let bytes = take(&mut rest, length)?;
        let content = match *kind {
            PART_TARGET => {
                Content::Target(String::from_utf8(bytes.to_vec()).map_err(|_| CodecError::Length)?)
            }
            PART_BODY => Content::Body(bytes.to_vec()),
            PART_CHANGES => {
                Content::Changes(Changes::try_from(from_bytes::<v1::ChangesV1>(bytes)?)?)
            }
            PART_DETAIL => Content::Detail(Detail::from(from_bytes::<v1::DetailV1>(bytes)?)),
            PART_FLAGS => {
                let flags = from_bytes::<Vec<v1::FlagV1>>(bytes)?.into_iter();
                Content::Flags(flags.map(Flag::try_from).collect::<Result<_, _>>()?)
            }
            PART_ANSWER => Content::Answer(Answer::from(from_bytes::<v1::AnswerV1>(bytes)?)),
            PART_ENTRY => Content::Entry(bytes.to_vec()),
            PART_NOTE => Content::Note(bytes.to_vec()),
            code => return Err(CodecError::Code { what: "kind of part", code: u32::from(code) }),
        };
        parts.push(Part { subject, content });
    }
    if !rest.is_empty() {
        return Err(CodecError::Length);
    }
    Ok(Event { seq, header, parts })
}

/// Decodes the header alone.
///
/// # Errors
/// As [`decode`].
pub fn decode_header(bytes: &[u8]) -> Result<Header, CodecError> {
    let mut rest = bytes;
    take_header(&mut rest)
}

fn take_header(rest: &mut &[u8]) -> Result<Header, CodecError> {
    let [version, kind] = take(rest, 2)? else { return Err(CodecError::Length) };
    if *version != EVENT_VERSION {
        return Err(CodecError::Version(*version));
    }
    let length = take_u32(rest)? as usize;
    let header = take(rest, length)?;
    v1::header_from_stored(*kind, header)
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8], CodecError> {
    let (taken, left) = rest.split_at_checked(length).ok_or(CodecError::Length)?;
    *rest = left;
    Ok(taken)
}

fn take_u32(rest: &mut &[u8]) -> Result<u32, CodecError> {
    let bytes = take(rest, 4)?.try_into().map_err(|_| CodecError::Length)?;
    Ok(u32::from_be_bytes(bytes))
}

/// The bytes of a row's value.
///
/// # Errors
/// When the value is larger than 64 MiB.
pub fn encode_row<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let mut out = vec![ROW_VERSION];
    out.extend_from_slice(&to_bytes(value)?);
    Ok(out)
}

/// Decodes what [`encode_row`] wrote. The value may borrow texts and bytes.
///
/// # Errors
/// [`CodecError`] when the bytes are damaged.
pub fn decode_row<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, CodecError> {
    match bytes.split_first() {
        Some((&ROW_VERSION, rest)) => from_bytes(rest),
        Some((version, _)) => Err(CodecError::Version(*version)),
        None => Err(CodecError::Length),
    }
}

pub(crate) fn header_fields<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, CodecError> {
    from_bytes(bytes)
}

#[cfg(test)]
mod tests;
