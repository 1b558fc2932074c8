//! The keys of names: of living resources, of former holders, and of mentions without a resource.

use event::{Application, Attribute, Number, ResourceType, Seq};

use super::{Key, KeyRange, LOOKUP, MENTION, MENTION_BEFORE, MENTIONED, NAMED, UNIQUE};

/// The number that was last mentioned by a name that no resource had. The resource type is `NONE` for an
/// id that was mentioned without a type.
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

/// A number that was mentioned by a name from `since` on, until the name was given another number.
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

/// All [`mention_before`] rows of a value, newest first.
pub fn mentions_before(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    case_folded: &str,
) -> KeyRange {
    let prefix = lookup_prefix(MENTION_BEFORE, application, resource_type, attribute, case_folded);
    KeyRange::prefix(prefix.0)
}

/// The `since` of a [`mention_before`] key found in `range`. `None` if it is the key of another, overlong
/// value, whose length does not fit the field.
pub fn mention_since(key: &[u8], range: &KeyRange) -> Option<Seq> {
    let since = key.strip_prefix(&range.from[..])?;
    Some(!u64::from_be_bytes(since.try_into().ok()?))
}

/// How a number was first mentioned.
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
    // A length and no terminator, so that no value is a prefix of another. The fold writes no lookup row
    // for a value whose length does not fit (`projector::LOOKUP_BYTES_MAX`).
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

/// The living resource that has this value of a unique attribute. Found without a scan, and written
/// instead of a [`lookup`] row.
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

/// A resource that had this value from `since` on and no longer has it.
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

/// All former holders of this value, by number, newest first.
pub fn names(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    case_folded: &str,
) -> KeyRange {
    KeyRange::prefix(lookup_prefix(NAMED, application, resource_type, attribute, case_folded).0)
}

/// The number and the `since` of a [`named`] key.
pub fn named_parts(key: &[u8]) -> Option<(Number, Seq)> {
    let tail = key.last_chunk::<12>()?;
    let (number, since) = (tail.first_chunk::<4>()?, tail.last_chunk::<8>()?);
    Some((Number(u32::from_be_bytes(*number)), !u64::from_be_bytes(*since)))
}

/// The number at the end of a [`lookup`] key.
pub fn lookup_number(key: &[u8]) -> Option<Number> {
    Some(Number(u32::from_be_bytes(*key.last_chunk::<4>()?)))
}
