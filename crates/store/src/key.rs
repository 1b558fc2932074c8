//! Every key of the rows, on one page. Numbers are big-endian, so byte order is log order; `!seq` is
//! the complement, so the newest comes first. All but the log's own keys can change at any time by
//! raising the fold version.
//!
//! | kind | row         | key after the kind's byte                           | value                |
//! |------|-------------|-----------------------------------------------------|----------------------|
//! | 1    | watermark   |                                                     | next seq, fold version |
//! | 2    | application | application u32                                     | its configuration    |
//! | 3    | slug        | slug                                                | application u32      |
//! | 4    | credential  | credential u32                                      | role, application    |
//! | 5    | token       | SHA-256 of the token                                | credential u32       |
//! | 6    | numbers     | application u32                                     | highest number given u32 |
//! | 7    | id          | application u32, type u8, SCIM id                   | number u32           |
//! | 8    | mention     | application u32, type u8, attribute u8, folded value | number u32          |
//! | 9    | mentioned   | application u32, number u32                         | attribute, value     |
//! | 10   | lookup      | application u32, type u8, attribute u8, length u16, folded value, number u32 | |
//! | 11   | version     | application u32, number u32, !seq u64               | the resource         |
//! | 12   | set change  | set, seq u64, member u32                            | added or removed, counts |
//! | 13   | set base    | set, seq u64                                        | all members, starts  |
//! | 14   | mirror      | application u32, member u32, set's kind u8, set's number u32, !start u64 | end seq u64 |
//! | 15   | operation   | seq u64                                             | summary              |
//! | 16   | second      | seconds since 1970 i64                              | first seq u64        |
//! | 17   | recorder    |                                                     | running or stopped   |
//! | 18   | gap         | seq u64 of the start that ended it                  | from, to, reason     |
//! | 19   | resource type | type u8                                           | name                 |
//! | 20   | set pack    | set, seq u64                                        | changes since the last base or pack |
//!
//! `set` is `application u32, kind u8, number u32`. Values of persons stand only in rows whose key
//! begins with that person's number (mentioned, version) and in the keys of id, mention and lookup.
//!
//! The log's key is the seq alone: u64, big-endian.

use event::{Application, Attribute, Credential, Number, ResourceType, Seq};

const WATERMARK: u8 = 1;
const APPLICATION: u8 = 2;
const SLUG: u8 = 3;
const CREDENTIAL: u8 = 4;
const TOKEN: u8 = 5;
const NUMBERS: u8 = 6;
const ID: u8 = 7;
const MENTION: u8 = 8;
const MENTIONED: u8 = 9;
const LOOKUP: u8 = 10;
const VERSION: u8 = 11;
const SET_CHANGE: u8 = 12;
const SET_BASE: u8 = 13;
const MIRROR: u8 = 14;
const OPERATION: u8 = 15;
const SECOND: u8 = 16;
const RECORDER: u8 = 17;
const GAP: u8 = 18;
const RESOURCE_TYPE: u8 = 19;
const SET_PACK: u8 = 20;

/// A half-open range of keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRange {
    /// The first key that may be in it.
    pub from: Vec<u8>,
    /// The first key that is beyond it.
    pub to: Vec<u8>,
}

impl KeyRange {
    /// All keys that begin with `prefix`, which has a byte below 255.
    fn prefix(prefix: Vec<u8>) -> KeyRange {
        let mut to = prefix.clone();
        while to.pop_if(|byte| *byte == u8::MAX).is_some() {}
        if let Some(last) = to.last_mut() {
            *last += 1;
        }
        KeyRange { from: prefix, to }
    }

    /// All rows of every kind but the watermark: what the digest covers.
    pub fn all_rows() -> KeyRange {
        KeyRange { from: vec![WATERMARK + 1], to: vec![u8::MAX] }
    }
}

/// Something that has members over time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Set {
    /// The direct members of a resource.
    Members(Number),
    /// The resources of a type that exist.
    Existing(ResourceType),
    /// The users that exist and are active.
    Active,
}

impl Set {
    fn codes(self) -> (u8, u32) {
        match self {
            Set::Members(number) => (1, number.0),
            Set::Existing(resource_type) => (2, u32::from(resource_type.0)),
            Set::Active => (3, 0),
        }
    }

    fn from_codes(kind: u8, number: u32) -> Option<Set> {
        match (kind, number) {
            (1, number) => Some(Set::Members(Number(number))),
            (2, number) => Some(Set::Existing(ResourceType(u8::try_from(number).ok()?))),
            (3, 0) => Some(Set::Active),
            _ => None,
        }
    }
}

struct Key(Vec<u8>);

impl Key {
    fn new(kind: u8) -> Key {
        let mut bytes = Vec::with_capacity(32);
        bytes.push(kind);
        Key(bytes)
    }

    fn app(self, application: Application) -> Key {
        self.u32(application.0)
    }

    fn u8(mut self, value: u8) -> Key {
        self.0.push(value);
        self
    }

    fn u32(mut self, value: u32) -> Key {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    fn u64(mut self, value: u64) -> Key {
        self.0.extend_from_slice(&value.to_be_bytes());
        self
    }

    fn bytes(mut self, value: &[u8]) -> Key {
        self.0.extend_from_slice(value);
        self
    }

    fn set(self, application: Application, set: Set) -> Key {
        let (kind, number) = set.codes();
        self.app(application).u8(kind).u32(number)
    }
}

/// Where the event at `seq` stands in the log.
pub fn log(seq: Seq) -> [u8; 8] {
    seq.to_be_bytes()
}

/// How far the rows go.
pub fn watermark() -> Vec<u8> {
    Key::new(WATERMARK).0
}

/// An application's configuration.
pub fn application(application: Application) -> Vec<u8> {
    Key::new(APPLICATION).app(application).0
}

/// All applications, by number.
pub fn applications() -> KeyRange {
    KeyRange::prefix(vec![APPLICATION])
}

/// The application of a slug.
pub fn slug(slug: &str) -> Vec<u8> {
    Key::new(SLUG).bytes(slug.as_bytes()).0
}

/// A credential.
pub fn credential(credential: Credential) -> Vec<u8> {
    Key::new(CREDENTIAL).u32(credential.0).0
}

/// All credentials, by number.
pub fn credentials() -> KeyRange {
    KeyRange::prefix(vec![CREDENTIAL])
}

/// The credential of a token.
pub fn token(sha256: &[u8; 32]) -> Vec<u8> {
    Key::new(TOKEN).bytes(sha256).0
}

/// The highest number given in an application.
pub fn numbers(application: Application) -> Vec<u8> {
    Key::new(NUMBERS).app(application).0
}

/// The number of a SCIM id, living or deleted.
pub fn id(application: Application, resource_type: ResourceType, id: &str) -> Vec<u8> {
    Key::new(ID).app(application).u8(resource_type.0).bytes(id.as_bytes()).0
}

/// The number under which somebody without a resource was last mentioned. A mention by id says
/// nothing of a type.
pub fn mention(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    folded: &str,
) -> Vec<u8> {
    let resource_type = if attribute == Attribute::Id { ResourceType::NONE } else { resource_type };
    Key::new(MENTION)
        .app(application)
        .u8(resource_type.0)
        .u8(attribute as u8)
        .bytes(folded.as_bytes())
        .0
}

/// By what a number was first mentioned.
pub fn mentioned(application: Application, number: Number) -> Vec<u8> {
    Key::new(MENTIONED).app(application).u32(number.0).0
}

fn lookup_prefix(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    folded: &str,
) -> Key {
    // A length instead of a terminator, so that no value is the beginning of another. The fold puts
    // no value into a key whose length the field would not hold (`projector::LOOKUP_BYTES_MAX`).
    let length = (folded.len() as u16).to_be_bytes();
    Key::new(LOOKUP)
        .app(application)
        .u8(resource_type.0)
        .u8(attribute as u8)
        .bytes(&length)
        .bytes(folded.as_bytes())
}

/// One living resource that has this value.
pub fn lookup(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    folded: &str,
    number: Number,
) -> Vec<u8> {
    lookup_prefix(application, resource_type, attribute, folded).u32(number.0).0
}

/// All living resources that have this value, by number.
pub fn lookups(
    application: Application,
    resource_type: ResourceType,
    attribute: Attribute,
    folded: &str,
) -> KeyRange {
    KeyRange::prefix(lookup_prefix(application, resource_type, attribute, folded).0)
}

/// The number at the end of a [`lookup`] key.
pub fn lookup_number(key: &[u8]) -> Option<Number> {
    Some(Number(u32::from_be_bytes(*key.last_chunk::<4>()?)))
}

/// The state that a resource got at `seq`.
pub fn version(application: Application, number: Number, seq: Seq) -> Vec<u8> {
    Key::new(VERSION).app(application).u32(number.0).u64(!seq).0
}

/// The states that a resource had at `seq` and before, newest first.
pub fn versions_until(application: Application, number: Number, seq: Seq) -> KeyRange {
    let all = KeyRange::prefix(Key::new(VERSION).app(application).u32(number.0).0);
    KeyRange { from: version(application, number, seq), to: all.to }
}

/// The seq of a [`version`] key.
pub fn version_seq(key: &[u8]) -> Option<Seq> {
    Some(!u64::from_be_bytes(*key.last_chunk::<8>()?))
}

/// One member's change in a set.
pub fn set_change(application: Application, set: Set, seq: Seq, member: Number) -> Vec<u8> {
    Key::new(SET_CHANGE).set(application, set).u64(seq).u32(member.0).0
}

/// The changes of a set after `after` (all for `None`) up to and with `until`, oldest first.
pub fn set_changes(application: Application, set: Set, after: Option<Seq>, until: Seq) -> KeyRange {
    set_range(SET_CHANGE, application, set, after, until)
}

/// The rows of a set of one kind, after `after` (all for `None`) up to and with `until`.
fn set_range(
    kind: u8,
    application: Application,
    set: Set,
    after: Option<Seq>,
    until: Seq,
) -> KeyRange {
    let start = |seq: Option<Seq>| {
        let prefix = Key::new(kind).set(application, set);
        match seq {
            Some(seq) => prefix.u64(seq).0,
            None => KeyRange::prefix(prefix.0).to,
        }
    };
    KeyRange {
        from: start(after.map_or(Some(0), |seq| seq.checked_add(1))),
        to: start(until.checked_add(1)),
    }
}

/// The seq and the member of a [`set_change`] key.
pub fn set_change_parts(key: &[u8]) -> Option<(Seq, Number)> {
    let tail = key.last_chunk::<12>()?;
    let (seq, member) = (tail.first_chunk::<8>()?, tail.last_chunk::<4>()?);
    Some((u64::from_be_bytes(*seq), Number(u32::from_be_bytes(*member))))
}

/// All members of a set after `seq`.
pub fn set_base(application: Application, set: Set, seq: Seq) -> Vec<u8> {
    Key::new(SET_BASE).set(application, set).u64(seq).0
}

/// The bases of a set up to and with `until`, oldest first.
pub fn set_bases(application: Application, set: Set, until: Seq) -> KeyRange {
    set_range(SET_BASE, application, set, None, until)
}

/// The seq of a [`set_base`] key.
pub fn set_base_seq(key: &[u8]) -> Option<Seq> {
    Some(u64::from_be_bytes(*key.last_chunk::<8>()?))
}

/// The changes of a set from its last base or pack on up to and with `seq`, in one row.
pub fn set_pack(application: Application, set: Set, seq: Seq) -> Vec<u8> {
    Key::new(SET_PACK).set(application, set).u64(seq).0
}

/// The packs of a set after `after` (all for `None`) up to and with `until`, oldest first.
pub fn set_packs(application: Application, set: Set, after: Option<Seq>, until: Seq) -> KeyRange {
    set_range(SET_PACK, application, set, after, until)
}

/// The seq of a [`set_pack`] key.
pub fn set_pack_seq(key: &[u8]) -> Option<Seq> {
    Some(u64::from_be_bytes(*key.last_chunk::<8>()?))
}

/// One stay of a member in a set.
pub fn mirror(application: Application, member: Number, set: Set, start: Seq) -> Vec<u8> {
    let (kind, number) = set.codes();
    Key::new(MIRROR).app(application).u32(member.0).u8(kind).u32(number).u64(!start).0
}

/// The stays of a member in a set, newest first.
pub fn mirrors_in(application: Application, member: Number, set: Set) -> KeyRange {
    let (kind, number) = set.codes();
    KeyRange::prefix(Key::new(MIRROR).app(application).u32(member.0).u8(kind).u32(number).0)
}

/// The stays of a member in a set that began at `seq` or before, newest first.
pub fn mirrors_until(application: Application, member: Number, set: Set, seq: Seq) -> KeyRange {
    let all = mirrors_in(application, member, set);
    KeyRange { from: mirror(application, member, set, seq), to: all.to }
}

/// The stays of a member in the members of any resource, by resource and newest first.
pub fn mirrors(application: Application, member: Number) -> KeyRange {
    let (kind, _) = Set::Members(Number::NOBODY).codes();
    KeyRange::prefix(Key::new(MIRROR).app(application).u32(member.0).u8(kind).0)
}

/// The set and the start of a [`mirror`] key.
pub fn mirror_parts(key: &[u8]) -> Option<(Set, Seq)> {
    let tail = key.last_chunk::<13>()?;
    let number = u32::from_be_bytes(tail[1..5].try_into().ok()?);
    let start = !u64::from_be_bytes(*tail.last_chunk::<8>()?);
    Some((Set::from_codes(tail[0], number)?, start))
}

/// The summary of the operation at `seq`.
pub fn operation(seq: Seq) -> Vec<u8> {
    Key::new(OPERATION).u64(seq).0
}

/// The summaries of the operations before `before` (all for `None`).
pub fn operations(before: Option<Seq>) -> KeyRange {
    let all = KeyRange::prefix(vec![OPERATION]);
    KeyRange { from: all.from, to: before.map_or(all.to, operation) }
}

/// The seq of an [`operation`] key.
pub fn operation_seq(key: &[u8]) -> Option<Seq> {
    Some(u64::from_be_bytes(*key.last_chunk::<8>()?))
}

/// The first event that was recorded in a second.
pub fn second(seconds: i64) -> Vec<u8> {
    // The sign bit is turned, so that times before 1970 sort first.
    Key::new(SECOND).u64((seconds as u64) ^ (1 << 63)).0
}

/// All seconds up to and with this one, oldest first.
pub fn seconds_until(seconds: i64) -> KeyRange {
    let all = KeyRange::prefix(vec![SECOND]);
    KeyRange { from: all.from, to: seconds.checked_add(1).map_or(all.to, second) }
}

/// All seconds after this one, oldest first.
pub fn seconds_after(seconds: i64) -> KeyRange {
    let all = KeyRange::prefix(vec![SECOND]);
    KeyRange { from: seconds.checked_add(1).map_or(all.to.clone(), second), to: all.to }
}

/// Whether the recorder runs.
pub fn recorder() -> Vec<u8> {
    Key::new(RECORDER).0
}

/// The stretch without a recorder that the start at `seq` ended.
pub fn gap(seq: Seq) -> Vec<u8> {
    Key::new(GAP).u64(seq).0
}

/// The gaps that were known at `until`, oldest first.
pub fn gaps(until: Seq) -> KeyRange {
    let all = KeyRange::prefix(vec![GAP]);
    KeyRange { from: all.from, to: until.checked_add(1).map_or(all.to, gap) }
}

/// A resource type beyond `User` and `Group`.
pub fn resource_type(resource_type: ResourceType) -> Vec<u8> {
    Key::new(RESOURCE_TYPE).u8(resource_type.0).0
}

/// All resource types beyond `User` and `Group`, by number.
pub fn resource_types() -> KeyRange {
    KeyRange::prefix(vec![RESOURCE_TYPE])
}

/// The number of a [`resource_type`] key.
pub fn resource_type_number(key: &[u8]) -> Option<ResourceType> {
    key.last().copied().map(ResourceType)
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Application = Application(0x0102_0304);
    const SOMEBODY: Number = Number(9);

    #[test]
    fn every_kind_has_a_byte_of_its_own() {
        let members = Set::Members(SOMEBODY);
        let keys = [
            watermark(),
            application(APP),
            slug("x"),
            credential(Credential(1)),
            token(&[0; 32]),
            numbers(APP),
            id(APP, ResourceType::USER, "x"),
            mention(APP, ResourceType::USER, Attribute::Id, "x"),
            mentioned(APP, SOMEBODY),
            lookup(APP, ResourceType::USER, Attribute::UserName, "x", SOMEBODY),
            version(APP, SOMEBODY, 1),
            set_change(APP, members, 1, SOMEBODY),
            set_base(APP, members, 1),
            mirror(APP, SOMEBODY, members, 1),
            operation(1),
            second(1),
            recorder(),
            gap(1),
            resource_type(ResourceType(3)),
            set_pack(APP, members, 1),
        ];
        for (index, key) in keys.iter().enumerate() {
            assert_eq!(usize::from(key[0]), index + 1);
            let all = KeyRange::all_rows();
            assert_eq!(*key >= all.from && *key < all.to, index > 0, "the digest covers it");
        }
    }

    #[test]
    fn order_of_keys_is_order_of_what_they_name() {
        let set = Set::Members(SOMEBODY);
        assert!(set_change(APP, set, 255, Number(9)) < set_change(APP, set, 256, Number(0)));
        assert!(version(APP, SOMEBODY, 256) < version(APP, SOMEBODY, 255), "newest first");
        assert!(second(-1) < second(0) && second(0) < second(1));
        assert!(second(i64::MIN) < second(i64::MAX));
    }

    #[test]
    fn parts_come_back_out_of_keys() {
        for set in [Set::Members(Number(u32::MAX)), Set::Existing(ResourceType(7)), Set::Active] {
            let key = mirror(APP, SOMEBODY, set, 77);
            assert_eq!(mirror_parts(&key), Some((set, 77)));
            let key = set_change(APP, set, 78, SOMEBODY);
            assert_eq!(set_change_parts(&key), Some((78, SOMEBODY)));
            assert_eq!(set_base_seq(&set_base(APP, set, 79)), Some(79));
            assert_eq!(set_pack_seq(&set_pack(APP, set, 80)), Some(80));
        }
        assert_eq!(version_seq(&version(APP, SOMEBODY, 80)), Some(80));
        assert_eq!(operation_seq(&operation(81)), Some(81));
        assert_eq!(resource_type_number(&resource_type(ResourceType(5))), Some(ResourceType(5)));
    }

    #[test]
    fn ranges_hold_what_they_say() {
        let inside = |range: &KeyRange, key: &[u8]| range.from[..] <= *key && *key < range.to[..];
        let set = Set::Members(SOMEBODY);
        let range = set_changes(APP, set, Some(3), 5);
        for seq in 0..9 {
            let key = set_change(APP, set, seq, Number(u32::MAX));
            assert_eq!(inside(&range, &key), seq == 4 || seq == 5);
        }
        assert!(inside(&set_changes(APP, set, None, u64::MAX), &set_change(APP, set, 0, SOMEBODY)));
        let last = set_change(APP, set, u64::MAX, SOMEBODY);
        assert!(inside(&set_changes(APP, set, None, u64::MAX), &last));
        assert!(!inside(&set_changes(APP, set, Some(u64::MAX), u64::MAX), &last));
        let other = set_change(APP, Set::Members(Number(10)), 4, SOMEBODY);
        assert!(!inside(&range, &other));

        let (bases, packs) = (set_bases(APP, set, 5), set_packs(APP, set, Some(3), 5));
        for seq in 0..9 {
            assert_eq!(inside(&bases, &set_base(APP, set, seq)), seq <= 5);
            assert_eq!(inside(&packs, &set_pack(APP, set, seq)), seq == 4 || seq == 5);
        }
        let (last, other) = (set_base(APP, set, u64::MAX), Set::Members(Number(10)));
        assert!(inside(&set_bases(APP, set, u64::MAX), &last));
        assert!(!inside(&set_bases(APP, set, u64::MAX), &set_base(APP, other, 1)));

        let range = versions_until(APP, SOMEBODY, 5);
        for seq in 0..9 {
            assert_eq!(inside(&range, &version(APP, SOMEBODY, seq)), seq <= 5);
        }
        assert!(!inside(&range, &version(APP, Number(10), 1)));

        let range = lookups(APP, ResourceType::USER, Attribute::UserName, "ab");
        let key = |text| lookup(APP, ResourceType::USER, Attribute::UserName, text, SOMEBODY);
        assert!(inside(&resource_types(), &resource_type(ResourceType(u8::MAX))));
        assert!(inside(&range, &key("ab")));
        assert!(!inside(&range, &key("abc")) && !inside(&range, &key("a")));
    }
}
