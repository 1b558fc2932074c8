//! The bytes of an event, and of a row's value. The only place that uses bincode.
//!
//! An event, version 2. Its seq is the log's key and not repeated. `n` is a number in seven bits a byte,
//! lowest first, in its shortest form; `L` is such a number that says how many bytes follow:
//!
//! ```text
//!  0         1      2
//! +---------+------+---+----------------+---+------------------+-------+---------+ …
//! | version | kind | L | header         | L | structural facts | parts | part    |
//! |    2    |  u8  |   | (bincode)      |   |                  |   n   |         |
//! +---------+------+---+----------------+---+------------------+-------+---------+ …
//!
//! header:  application, recordedAt µs, raw clock less recordedAt µs, credential of the request if there
//!          was one; then the fields of the kind
//!
//! structural facts; none at all if the event has none:
//! +--------+------------+----------+----------+---------+ …
//! | action | population | recorder | subjects | subject |
//! |   u8   |     n      |    n     |    n     |         |
//! +--------+------------+----------+----------+---------+ …
//! action:  with 0x80 the operation was forwarded, and `n` follows: how many events back its intent is;
//!          with 0x40 the first 6 bytes of the hash of the request's id follow, behind that
//! subject:
//! +--------+------+-------+---------+-------+---------+--------+--------------+------+--------------+
//! | number | type | codes | mention | state | members | joined | member, link | left | member, link |
//! |   n    |  u8  |  u8   |   u8    |   n   |    n    |   n    |  n, n each   |  n   |  n, n each   |
//! +--------+------+-------+---------+-------+---------+--------+--------------+------+--------------+
//! codes:   bits 0-1: 1 created, 2 deleted, 3 restored; bits 2-3: 1 inactive, 2 active afterwards;
//!          bits 4-5: which part has the values: 1 changed values, 2 state, 3 name of a mention
//! mention: by which kind of name a number without a resource is mentioned
//! population, recorder, state, members, link: how many events back the same was changed before; 0 never
//!
//! part:
//! +------+------+----------+------------+------------+----------------+---+-------+
//! | kind | form | subjects | number     | commitment | if that is 1:  | L | bytes |
//! |  u8  |  u8  |    n     | n each     |   0 or 1   | 32 bytes       |   |       |
//! +------+------+----------+------------+------------+----------------+---+-------+
//! ```
//!
//! Kinds of event: 1 operation, 2 recorder started, 3 recorder stopped, 4 application added,
//! 5 credential added, 6 resource type added, 7 unauthenticated requests, 8 credential revoked,
//! 9 intent, 10 observation, 11 upstream set, 12 imported entry, 13 import batch, 14 access,
//! 15 evidence added, 16 reference list added, 17 service principal set, 18 listing, 19 connections
//! refused, 20 profile changed, 21 group marked, 22 question saved, 23 question removed, 24 review added,
//! 25 identity set, 26 state committed, 27 subjects erased, 28 erasure completed, 29 legal hold, 30 retention
//! set, 31 sent erased.
//! Kinds of part: 1 origin, 2 target, 3 body, 4 changed values, 5 state, 6 name of a mention, 7 detail,
//! 8 flags, 9 answer, 10 entry, 11 note. Parts 4, 5 and 6 belong to the subjects in their order.
//! Forms: 0 plain; what the others are is known to whoever seals and opens them ([`Parts`]).
//!
//! Header and structural facts stand before all parts and need none of them: sets, counts, classes and
//! versions follow from these two alone, and the form of a part can change (compressed, sealed) without a
//! change of them.
//!
//! The value of a row is one version byte and bincode. When the form of rows changes they are made again
//! from the log, so only one version is ever read.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::content::{
    Answer, Changes, Content, Detail, Flag, Lifecycle, Mention, MentionedName, Part, ValueChange,
    Values,
};
use crate::event::{Event, Header, ResourceType};
use crate::id::{Number, Seq};
use crate::secret;
use crate::stored::frame::{FrameWriter, Lengths};
use crate::stored::structure::{self, Subject, ValuesCode};
use crate::stored::v2;

pub use crate::parts::{
    DisclosedValue, Disclosure, FORM_PLAIN, NotPlain, OpenedPart, PartError, PartPlace, Parts,
    Plain, StoredPart,
};
pub use crate::stored::frame::{COMMITMENT_BYTES, Frame, FramedPart, put_varint, read_varint};

/// Why bytes cannot be decoded as an event or a row, or the other way round.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// There are too few bytes, or too many.
    #[error("the stored bytes are too short or too long")]
    Length,
    /// A newer program wrote this.
    #[error("format version {0} is newer than this program reads: use a newer release")]
    Version(u8),
    /// A program of before the first release wrote this.
    #[error(
        "format version 1 was never released and is not read any more: begin a new log in another folder"
    )]
    Unreleased,
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
    /// A part that could not be read cannot be written either.
    #[error("a part cannot be read")]
    Unreadable,
    /// A part cannot be sealed or opened.
    #[error("part {index} cannot be sealed or opened")]
    Part {
        /// Which of the event's parts, from 0.
        index: u32,
        /// Why not.
        #[source]
        source: PartError,
    },
    /// bincode cannot encode a value.
    #[error("cannot be encoded")]
    Encode(#[source] bincode::error::EncodeError),
}

/// The version byte of row values.
const ROW_VERSION: u8 = 1;
/// Maximum size of a header, part or row. The decoder refuses more, so the encoder does too. Decide
/// limits resources to far less.
const FIELD_BYTES_MAX: usize = 64 << 20;

/// The kind of a part: where a request came from.
pub const PART_ORIGIN: u8 = 1;
/// The kind of a part: path and query.
pub const PART_TARGET: u8 = 2;
/// The kind of a part: the received body.
pub const PART_BODY: u8 = 3;
/// The kind of a part: changed values, which [`changed_values`] reads.
pub const PART_VALUES: u8 = 4;
/// The kind of a part: a whole state, as canonical JSON.
pub const PART_STATE: u8 = 5;
const PART_NAME: u8 = 6;
const PART_DETAIL: u8 = 7;
const PART_FLAGS: u8 = 8;
/// The kind of a part: the answer of an upstream.
pub const PART_ANSWER: u8 = 9;
const PART_ENTRY: u8 = 10;
const PART_NOTE: u8 = 11;

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

/// The bytes of an event with all parts plain. The log stores what [`seal`] makes of them.
///
/// # Errors
/// When a header or part is larger than 64 MiB, which [`decode`] would refuse, or a part is unreadable.
pub fn encode(event: &Event) -> Result<Vec<u8>, CodecError> {
    encode_as(event, config(), Lengths::Short)
}

/// The bytes of an event as the log stores them: those that [`encode`] made of it, with the parts sealed.
///
/// # Errors
/// When a part cannot be sealed.
pub fn seal(event: &Event, plain: &[u8], parts: &dyn Parts) -> Result<Vec<u8>, CodecError> {
    let frame = Frame::read(plain)?;
    let mut out =
        FrameWriter::new(frame.kind, Lengths::Short, plain.len() + 96 * frame.parts.len());
    out.sized(frame.header)?;
    out.sized(frame.structure)?;
    out.count(frame.parts.len())?;
    for (index, part) in (0..).zip(&frame.parts) {
        let place = place_of(event.seq, &event.header, index);
        let sealed = parts.seal(place, part);
        let StoredPart { form, commitment, bytes } =
            sealed.map_err(|source| CodecError::Part { index, source })?;
        out.put(part.kind, form, (part.subject, &part.others), commitment.as_ref(), &bytes)?;
    }
    Ok(out.into_bytes())
}

fn place_of(seq: Seq, header: &Header, index: u32) -> PartPlace {
    let Header { application, recorded_at, .. } = *header;
    PartPlace { seq, application, recorded_at, index }
}

/// The values in a plain part of changed values.
///
/// # Errors
/// When it is none.
pub fn changed_values(bytes: &[u8]) -> Result<Vec<ValueChange>, CodecError> {
    let changed = from_bytes::<Vec<v2::ValueChangeV2<'_>>>(bytes)?.into_iter();
    changed.map(TryFrom::try_from).collect()
}

/// Whether any text of an event holds one of our tokens; `encoded` are its bytes with all parts plain.
///
/// Searching the bytes covers every text. But a length byte can look like a digit, and two adjacent
/// texts like one. So a match is confirmed in an encoding with fixed-width big-endian lengths, which
/// begin with a zero byte and so keep texts apart.
pub fn holds_token(event: &Event, encoded: &[u8]) -> bool {
    let apart = bincode::config::standard().with_big_endian().with_fixed_int_encoding();
    secret::stands_in(encoded, &[])
        && encode_as(event, apart, Lengths::Apart)
            .map_or(true, |apart| secret::stands_in(&apart, &[]))
}

fn encode_as(
    event: &Event,
    config: impl bincode::config::Config,
    lengths: Lengths,
) -> Result<Vec<u8>, CodecError> {
    let (kind, header) = v2::header_to_stored(&event.header, |header| to_bytes_as(header, config))?;
    let changes = event.parts.iter().filter_map(|part| match &part.content {
        Content::Changes(changes) => Some(subject_of(part.subject, changes)),
        _ => None,
    });
    let subjects: Vec<Subject> = changes.collect();
    let structure = structure::write(event.seq, &event.structure, &subjects);
    let of_contents: usize = event.parts.iter().map(|part| bytes_hint(&part.content)).sum();
    let mut out =
        FrameWriter::new(kind, lengths, 256 + header.len() + structure.len() + of_contents);
    out.sized(&header)?;
    out.sized(&structure)?;
    let is_stored =
        |part: &&Part| !matches!(&part.content, Content::Changes(one) if has_no_part(one));
    let origin = event.header.origin.as_ref();
    out.count(event.parts.iter().filter(is_stored).count() + usize::from(origin.is_some()))?;
    if let Some(origin) = origin {
        let bytes = to_bytes_as(&v2::OriginV2::from(origin), config)?;
        out.part(&plain(PART_ORIGIN, None, vec![], &bytes))?;
    }
    for part in event.parts.iter().filter(is_stored) {
        let encoded;
        let (kind, bytes): (u8, &[u8]) = match &part.content {
            Content::Target(text) => (PART_TARGET, text.as_bytes()),
            Content::Body(bytes) => (PART_BODY, bytes),
            Content::Changes(Changes {
                mention: Some(Mention { name: Some(name), .. }), ..
            }) => {
                encoded = to_bytes_as(&v2::NameV2::from(name), config)?;
                (PART_NAME, &encoded)
            }
            Content::Changes(Changes { values: Values::State(state), .. }) => (PART_STATE, state),
            Content::Changes(Changes { values: Values::Changed(changed), .. }) => {
                let changed: Vec<v2::ValueChangeV2<'_>> = changed.iter().map(Into::into).collect();
                encoded = to_bytes_as(&changed, config)?;
                (PART_VALUES, &encoded)
            }
            Content::Changes(_) | Content::Unreadable(_) => return Err(CodecError::Unreadable),
            Content::Detail(detail) => {
                encoded = to_bytes_as(&v2::DetailV2::from(detail), config)?;
                (PART_DETAIL, &encoded)
            }
            Content::Flags(flags) => {
                let flags: Vec<v2::FlagV2> = flags.iter().map(v2::FlagV2::from).collect();
                encoded = to_bytes_as(&flags, config)?;
                (PART_FLAGS, &encoded)
            }
            Content::Answer(answer) => {
                encoded = to_bytes_as(&v2::AnswerV2::from(answer), config)?;
                (PART_ANSWER, &encoded)
            }
            Content::Entry(json) => (PART_ENTRY, json),
            Content::Note(json) => (PART_NOTE, json),
        };
        if bytes.len() > FIELD_BYTES_MAX {
            return Err(CodecError::TooLarge { bytes: bytes.len() });
        }
        let own = Some(part.subject).filter(|subject| *subject != Number::NOBODY);
        out.part(&plain(kind, own, part.others.clone(), bytes))?;
    }
    Ok(out.into_bytes())
}

fn plain(kind: u8, subject: Option<Number>, others: Vec<Number>, bytes: &[u8]) -> FramedPart<'_> {
    FramedPart { kind, form: FORM_PLAIN, subject, others, commitment: None, bytes }
}

fn has_no_part(changes: &Changes) -> bool {
    changes.mention.is_none() && changes.values.is_none()
}

fn bytes_hint(content: &Content) -> usize {
    match content {
        Content::Target(text) => text.len(),
        Content::Body(bytes) | Content::Entry(bytes) | Content::Note(bytes) => bytes.len(),
        Content::Changes(Changes { values: Values::State(state), .. }) => state.len(),
        Content::Answer(Answer { body: Some(body), .. }) => body.len(),
        _ => 32,
    }
}

/// What is structural of the changes of one number.
fn subject_of(number: Number, changes: &Changes) -> Subject {
    let Changes { lifecycle, mention, active, values, joined, left, links } = changes;
    Subject {
        number,
        resource_type: match (lifecycle, mention) {
            (Some(Lifecycle::Created(resource_type)), _) => *resource_type,
            (None, Some(mention)) => mention.resource_type,
            (_, _) => ResourceType::NONE,
        },
        lifecycle: *lifecycle,
        active: *active,
        mention: mention.as_ref().map(|mention| mention.attribute),
        values: match values {
            _ if mention.is_some() => ValuesCode::Name,
            Values::None => ValuesCode::None,
            Values::Changed(_) | Values::Unreadable => ValuesCode::Changed,
            Values::State(_) => ValuesCode::State,
        },
        joined: joined.clone(),
        left: left.clone(),
        links: links.clone(),
    }
}

/// The changes of one number, with values that are not read yet.
fn changes_of(subject: Subject) -> Part {
    let Subject { number, resource_type, lifecycle, active, mention, values, joined, left, links } =
        subject;
    let mention = mention.map(|attribute| Mention { attribute, resource_type, name: None });
    let values = match values {
        ValuesCode::None | ValuesCode::Name => Values::None,
        ValuesCode::Changed | ValuesCode::State => Values::Unreadable,
    };
    let changes = Changes { lifecycle, mention, active, values, joined, left, links };
    Part::new(number, Content::Changes(changes))
}

/// Decodes what [`seal`] or [`encode`] wrote; `seq` is the log's key. Changes stand behind the target and
/// the body, in their order, each before the part that followed it. Parts that were erased are unreadable.
///
/// # Errors
/// [`CodecError`] when the bytes are damaged or of another version than this program's, and when a part
/// does not open.
pub fn decode(seq: Seq, bytes: &[u8], parts: &dyn Parts) -> Result<Event, CodecError> {
    decode_with(seq, bytes, parts, |_| true)
}

/// The same, but only the parts that the fold reads, as if no other could be read: values, and names of
/// mentions. Leaves out opening the body, which is most of an event.
///
/// # Errors
/// As [`decode`], save that damage within another part is not found.
pub fn decode_to_fold(seq: Seq, bytes: &[u8], parts: &dyn Parts) -> Result<Event, CodecError> {
    decode_with(seq, bytes, parts, |kind| matches!(kind, PART_VALUES | PART_STATE | PART_NAME))
}

/// The same from the header and the structural facts alone, as if no part could be read.
///
/// # Errors
/// As [`decode`], save that damage within a part is not found.
pub fn decode_facts(seq: Seq, bytes: &[u8]) -> Result<Event, CodecError> {
    decode_with(seq, bytes, &Plain, |_| false)
}

/// An event of its kind, the stored bytes of its header and those of its structural facts, for whoever has
/// nothing else of it. Its values count as unreadable, and it has no other part.
///
/// # Errors
/// As [`decode`].
pub fn decode_shown(
    seq: Seq,
    kind: u8,
    header: &[u8],
    structure: &[u8],
) -> Result<Event, CodecError> {
    let header = v2::header_from_stored(kind, header)?;
    let (structure, subjects) = structure::read(seq, structure)?;
    let parts = subjects.into_iter().map(changes_of).collect();
    Ok(Event { seq, header, structure, parts })
}

/// Decodes an event, but of its parts only those of some kinds.
fn decode_with(
    seq: Seq,
    bytes: &[u8],
    parts: &dyn Parts,
    is_wanted: impl Fn(u8) -> bool,
) -> Result<Event, CodecError> {
    let frame = Frame::read(bytes)?;
    let mut header = v2::header_from_stored(frame.kind, frame.header)?;
    let (structure, subjects) = structure::read(seq, frame.structure)?;
    let mut decoded = Vec::with_capacity(frame.parts.len() + subjects.len());
    let mut subjects = subjects.into_iter().peekable();
    for (index, part) in (0..).zip(frame.parts) {
        let opened = match is_wanted(part.kind) {
            true => parts.open(place_of(seq, &header, index), &part),
            false => Ok(OpenedPart::Erased),
        };
        let opened = match opened.map_err(|source| CodecError::Part { index, source })? {
            OpenedPart::Content(content) => Some(content),
            OpenedPart::Erased => None,
        };
        let (subject, others) = (part.subject.unwrap_or(Number::NOBODY), part.others);
        let expected = match part.kind {
            PART_VALUES => ValuesCode::Changed,
            PART_STATE => ValuesCode::State,
            PART_NAME => ValuesCode::Name,
            _ => ValuesCode::None,
        };
        if !matches!(part.kind, PART_ORIGIN | PART_TARGET | PART_BODY) {
            let without = |one: &Subject| one.values == ValuesCode::None;
            while let Some(subject) = subjects.next_if(without) {
                decoded.push(changes_of(subject));
            }
        }
        if expected != ValuesCode::None {
            let owner = subjects.next().filter(|owner| owner.values == expected);
            let mut changes = changes_of(owner.ok_or(CodecError::Length)?);
            if changes.subject != subject {
                return Err(CodecError::Length);
            }
            if let (Content::Changes(changes), Some(content)) = (&mut changes.content, opened) {
                read_values(changes, expected, content)?;
            }
            changes.others = others;
            decoded.push(changes);
            continue;
        }
        if part.kind == PART_ORIGIN {
            let origin = header.origin.as_mut().ok_or(CodecError::Length)?;
            if let Some(content) = opened {
                *origin = from_bytes::<v2::OriginV2<'_>>(&content)?.with(origin.credential)?;
            }
            continue;
        }
        let content = match opened.map(|content| read_content(part.kind, content)).transpose()? {
            Some(Content::Answer(answer)) => {
                Content::Answer(Answer { intent: structure.intent, ..answer })
            }
            Some(content) => content,
            None => Content::Unreadable(part.kind),
        };
        decoded.push(Part { subject, others, content });
    }
    for subject in subjects {
        if subject.values != ValuesCode::None {
            return Err(CodecError::Length);
        }
        decoded.push(changes_of(subject));
    }
    Ok(Event { seq, header, structure, parts: decoded })
}

fn read_values(
    changes: &mut Changes,
    code: ValuesCode,
    bytes: Cow<'_, [u8]>,
) -> Result<(), CodecError> {
    match code {
        ValuesCode::None => {}
        ValuesCode::Changed => {
            changes.values = Values::from(changed_values(&bytes)?);
            if changes.values.is_none() {
                return Err(CodecError::Length);
            }
        }
        ValuesCode::State => changes.values = Values::State(Arc::new(bytes.into_owned())),
        ValuesCode::Name => {
            let name = MentionedName::from(from_bytes::<v2::NameV2>(&bytes)?);
            changes.mention.iter_mut().for_each(|mention| mention.name = Some(name.clone()));
        }
    }
    Ok(())
}

fn read_content(kind: u8, bytes: Cow<'_, [u8]>) -> Result<Content, CodecError> {
    Ok(match kind {
        PART_TARGET => {
            Content::Target(String::from_utf8(bytes.into_owned()).map_err(|_| CodecError::Length)?)
        }
        PART_BODY => Content::Body(bytes.into_owned()),
        PART_DETAIL => Content::Detail(Detail::from(from_bytes::<v2::DetailV2>(&bytes)?)),
        PART_FLAGS => {
            let flags = from_bytes::<Vec<v2::FlagV2>>(&bytes)?.into_iter();
            Content::Flags(flags.map(Flag::try_from).collect::<Result<_, _>>()?)
        }
        PART_ANSWER => Content::Answer(Answer::from(from_bytes::<v2::AnswerV2>(&bytes)?)),
        PART_ENTRY => Content::Entry(bytes.into_owned()),
        PART_NOTE => Content::Note(bytes.into_owned()),
        code => return Err(CodecError::Code { what: "kind of part", code: u32::from(code) }),
    })
}

/// Decodes the header alone. Of the origin it has the credential and no texts, which stand in a part.
///
/// # Errors
/// As [`decode`].
pub fn decode_header(bytes: &[u8]) -> Result<Header, CodecError> {
    let (kind, header) = Frame::header_of(bytes)?;
    v2::header_from_stored(kind, header)
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
