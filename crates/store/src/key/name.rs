//! The keys of what users and groups are called, now, before, and without being there.

use event::{Application, Attribute, Number, ResourceType, Seq};

use super::{Key, KeyRange, LOOKUP, MENTION, MENTION_BEFORE, MENTIONED, NAMED, UNIQUE};

/// The number under which somebody without a resource was last mentioned. An id may be mentioned
/// without a type.
pub fn mention(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    case_folded: &str,
) -> Vec<u8> {
    Key::new(MENTION)
        .app(application)
        .u8(resource_type.0)
        .u8(attribute as u8)
        .bytes(case_folded.as_bytes())
        .0
}

/// A number under which somebody was mentioned from `since` on, until another one was.
pub fn mention_before(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    case_folded: &str,
    since: Seq,
) -> Vec<u8> {
    let prefix = mentions_before(application, resource_type, attribute, case_folded).from;
    Key(prefix).u64(!since).0
}

/// All rows of [`mention_before`] of a value, newest first.
pub fn mentions_before(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    case_folded: &str,
) -> KeyRange {
    let prefix = lookup_prefix(MENTION_BEFORE, application, resource_type, attribute, case_folded);
    KeyRange::prefix(prefix.0)
}

/// The beginning of a [`mention_before`] key that was found in its range. `None` for that of another
/// value, whose length the field does not hold.
pub fn mention_since(key: &[u8], range: &KeyRange) -> Option<Seq> {
    let since = key.strip_prefix(&range.from[..])?;
    Some(!u64::from_be_bytes(since.try_into().ok()?))
}

/// By what a number was first mentioned.
pub fn mentioned(application: Application, number: Number) -> Vec<u8> {
    Key::new(MENTIONED).app(application).u32(number.0).0
}

fn lookup_prefix(
    kind: u8,
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    case_folded: &str,
) -> Key {
    // A length instead of a terminator, so that no value is the beginning of another. The fold puts
    // no value into a key whose length the field would not hold (`projector::LOOKUP_BYTES_MAX`).
    let length = (case_folded.len() as u16).to_be_bytes();
    Key::new(kind)
        .app(application)
        .u8(resource_type.0)
        .u8(attribute as u8)
        .bytes(&length)
        .bytes(case_folded.as_bytes())
}

/// One living resource that has this value.
pub fn lookup(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    case_folded: &str,
    number: Number,
) -> Vec<u8> {
    lookup_prefix(LOOKUP, application, resource_type, attribute, case_folded).u32(number.0).0
}

/// All living resources that have this value, by number.
pub fn lookups(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    case_folded: &str,
) -> KeyRange {
    KeyRange::prefix(lookup_prefix(LOOKUP, application, resource_type, attribute, case_folded).0)
}

/// All lookups of an attribute, whatever the value.
pub fn all_lookups(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
) -> KeyRange {
    let key = Key::new(LOOKUP).app(application).u8(resource_type.0).u8(attribute as u8);
    KeyRange::prefix(key.0)
}

/// The living resource that has this value, of an attribute of which no two have the same: a row that
/// is found without a scan. It takes the place of the [`lookup`] row.
pub fn unique(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    case_folded: &str,
) -> Vec<u8> {
    Key::new(UNIQUE)
        .app(application)
        .u8(resource_type.0)
        .u8(attribute as u8)
        .bytes(case_folded.as_bytes())
        .0
}

/// One resource that had this value from `since` on and has it no more.
pub fn named(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    case_folded: &str,
    (number, since): (Number, Seq),
) -> Vec<u8> {
    let prefix = lookup_prefix(NAMED, application, resource_type, attribute, case_folded);
    prefix.u32(number.0).u64(!since).0
}

/// All resources that had this value and have it no more, by number and newest first.
pub fn names(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    case_folded: &str,
) -> KeyRange {
    KeyRange::prefix(lookup_prefix(NAMED, application, resource_type, attribute, case_folded).0)
}

/// The number and the beginning of a [`named`] key.
pub fn named_parts(key: &[u8]) -> Option<(Number, Seq)> {
    let tail = key.last_chunk::<12>()?;
    let (number, since) = (tail.first_chunk::<4>()?, tail.last_chunk::<8>()?);
    Some((Number(u32::from_be_bytes(*number)), !u64::from_be_bytes(*since)))
}

/// The number at the end of a [`lookup`] key.
pub fn lookup_number(key: &[u8]) -> Option<Number> {
    Some(Number(u32::from_be_bytes(*key.last_chunk::<4>()?)))
}
