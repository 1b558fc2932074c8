//! The bytes of the structural facts. [`crate::codec`] draws them.

use super::frame::{put_varint, read_count, read_number, read_varint, take};
use super::v2::unknown;
use crate::action::Action;
use crate::codec::CodecError;
use crate::content::{Lifecycle, NumberLinks};
use crate::event::{ResourceType, Structure};
use crate::id::{Attribute, Number, Seq};

/// What an event does to one number: codes and numbers, no values.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Subject {
    pub number: Number,
    /// Of what is created; else of what is mentioned, 0 when that was not said.
    pub resource_type: ResourceType,
    pub lifecycle: Option<Lifecycle>,
    pub active: Option<bool>,
    pub mention: Option<Attribute>,
    pub values: ValuesCode,
    pub joined: Vec<Number>,
    pub left: Vec<Number>,
    pub links: NumberLinks,
}

/// Which part has the values of a subject.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum ValuesCode {
    None = 0,
    /// Changed values.
    Changed = 1,
    /// The whole state.
    State = 2,
    /// The name of a mention.
    Name = 3,
}

/// Beside the action: the operation was forwarded, and its intent follows.
const FORWARDED: u8 = 0x80;
/// Beside the action: the hash of the request's id follows.
const HASHED: u8 = 0x40;
/// The fewest bytes of a subject.
const SUBJECT_BYTES_MIN: usize = 8;

/// The bytes of the structural facts of the event at `seq`; none if there are no facts.
pub(crate) fn write(seq: Seq, structure: &Structure, subjects: &[Subject]) -> Vec<u8> {
    if *structure == Structure::default() && subjects.is_empty() {
        return vec![];
    }
    let mut out = Vec::with_capacity(8 + 16 * subjects.len());
    let forwarded = if structure.forwarded { FORWARDED } else { 0 };
    let hashed = if structure.request_hash.is_some() { HASHED } else { 0 };
    out.push(structure.action.map_or(0, |action| action as u8) | forwarded | hashed);
    if structure.forwarded {
        put_link(&mut out, seq, structure.intent);
    }
    out.extend_from_slice(structure.request_hash.as_ref().map_or(&[], |hash| hash.as_slice()));
    put_link(&mut out, seq, structure.population);
    put_link(&mut out, seq, structure.recorder);
    put_varint(&mut out, subjects.len() as u64);
    for subject in subjects {
        put_varint(&mut out, subject.number.0.into());
        out.push(subject.resource_type.0);
        let lifecycle = match subject.lifecycle {
            None => 0,
            Some(Lifecycle::Created(_)) => 1,
            Some(Lifecycle::Deleted) => 2,
            Some(Lifecycle::Restored) => 3,
        };
        let active = match subject.active {
            None => 0,
            Some(false) => 1,
            Some(true) => 2,
        };
        out.push(lifecycle | active << 2 | (subject.values as u8) << 4);
        out.push(subject.mention.map_or(0, |attribute| attribute as u8));
        put_link(&mut out, seq, subject.links.state);
        put_link(&mut out, seq, subject.links.members);
        let mut memberships = subject.links.memberships.iter();
        for members in [&subject.joined, &subject.left] {
            put_varint(&mut out, members.len() as u64);
            for member in members {
                put_varint(&mut out, member.0.into());
                put_link(&mut out, seq, memberships.next().copied().flatten());
            }
        }
    }
    out
}

/// Reads what [`write`] wrote.
pub(crate) fn read(seq: Seq, bytes: &[u8]) -> Result<(Structure, Vec<Subject>), CodecError> {
    if bytes.is_empty() {
        return Ok((Structure::default(), vec![]));
    }
    let mut rest = bytes;
    let codes = read_u8(&mut rest)?;
    let action = match codes & !(FORWARDED | HASHED) {
        0 => None,
        code => Some(Action::from_code(code).ok_or_else(|| unknown("action", code))?),
    };
    let forwarded = codes & FORWARDED != 0;
    let intent = if forwarded { read_link(&mut rest, seq)? } else { None };
    let request_hash = match codes & HASHED {
        0 => None,
        _ => Some(take(&mut rest, 6)?.try_into().map_err(|_| CodecError::Length)?),
    };
    let population = read_link(&mut rest, seq)?;
    let recorder = read_link(&mut rest, seq)?;
    let count = read_count(&mut rest)?;
    if count > rest.len() / SUBJECT_BYTES_MIN {
        return Err(CodecError::Length);
    }
    let mut subjects = Vec::with_capacity(count);
    for _ in 0..count {
        subjects.push(read_subject(&mut rest, seq)?);
    }
    let structure = Structure { action, population, recorder, forwarded, intent, request_hash };
    if !rest.is_empty() || (structure == Structure::default() && subjects.is_empty()) {
        return Err(CodecError::Length);
    }
    Ok((structure, subjects))
}

fn read_subject(rest: &mut &[u8], seq: Seq) -> Result<Subject, CodecError> {
    let number = read_number(rest)?;
    let resource_type = ResourceType(read_u8(rest)?);
    let codes = read_u8(rest)?;
    let lifecycle = match codes & 3 {
        1 => Some(Lifecycle::Created(resource_type)),
        2 => Some(Lifecycle::Deleted),
        3 => Some(Lifecycle::Restored),
        _ => None,
    };
    let active = match codes >> 2 & 3 {
        0 => None,
        1 => Some(false),
        2 => Some(true),
        code => return Err(unknown("activity", code)),
    };
    let values = match codes >> 4 {
        0 => ValuesCode::None,
        1 => ValuesCode::Changed,
        2 => ValuesCode::State,
        3 => ValuesCode::Name,
        code => return Err(unknown("form of values", code)),
    };
    let mention = match read_u8(rest)? {
        0 => None,
        code => Some(Attribute::from_code(code).ok_or_else(|| unknown("attribute", code))?),
    };
    let is_typed = matches!(lifecycle, Some(Lifecycle::Created(_))) || mention.is_some();
    if mention.is_some() != (values == ValuesCode::Name)
        || (mention.is_some() && codes != (ValuesCode::Name as u8) << 4)
        || (resource_type != ResourceType::NONE && !is_typed)
    {
        return Err(CodecError::Length);
    }
    let mut links = NumberLinks {
        state: read_link(rest, seq)?,
        members: read_link(rest, seq)?,
        memberships: vec![],
    };
    let joined = read_members(rest, seq, &mut links.memberships)?;
    let left = read_members(rest, seq, &mut links.memberships)?;
    // No link at all is the same as no list of links.
    if links.memberships.iter().all(Option::is_none) {
        links.memberships.clear();
    }
    Ok(Subject { number, resource_type, lifecycle, active, mention, values, joined, left, links })
}

fn read_members(
    rest: &mut &[u8],
    seq: Seq,
    links: &mut Vec<Option<Seq>>,
) -> Result<Vec<Number>, CodecError> {
    let count = read_count(rest)?;
    if count > rest.len() / 2 {
        return Err(CodecError::Length);
    }
    let mut members = Vec::with_capacity(count);
    for _ in 0..count {
        members.push(read_number(rest)?);
        links.push(read_link(rest, seq)?);
    }
    Ok(members)
}

fn read_u8(rest: &mut &[u8]) -> Result<u8, CodecError> {
    let [byte] = *take(rest, 1)? else { return Err(CodecError::Length) };
    Ok(byte)
}

/// A link is stored as the distance back to the event that it names; 0 is none.
fn put_link(out: &mut Vec<u8>, seq: Seq, link: Option<Seq>) {
    // A link to what is not before the event would be none.
    let distance = link.map_or(0, |before| seq.saturating_sub(before));
    put_varint(out, distance);
}

fn read_link(rest: &mut &[u8], seq: Seq) -> Result<Option<Seq>, CodecError> {
    match read_varint(rest)? {
        0 => Ok(None),
        distance => Ok(Some(seq.checked_sub(distance).ok_or(CodecError::Length)?)),
    }
}
