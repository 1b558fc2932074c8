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
//! | 8    | mention     | application u32, type u8, attribute u8, folded value | number u32, since seq u64 |
//! | 9    | mentioned   | application u32, number u32                         | seq, attribute, value |
//! | 10   | lookup      | application u32, type u8, attribute u8, length u16, folded value, number u32 | since seq u64 |
//! | 11   | version     | application u32, number u32, !seq u64               | the resource         |
//! | 12   | set change  | set, seq u64, member u32                            | added or removed, counts |
//! | 13   | set base    | set, seq u64                                        | all members, starts  |
//! | 14   | mirror      | application u32, member u32, set's kind u8, set's number u32 | start seq u64 of the stay that lasts |
//! | 14   | mirror      | the same, !start u64                                | end seq u64          |
//! | 15   | operation   | seq u64                                             | summary              |
//! | 16   | second      | seconds since 1970 i64                              | first seq u64        |
//! | 17   | recorder    |                                                     | running or stopped   |
//! | 18   | gap         | seq u64 of the event that told of it                | from, to, reason     |
//! | 19   | resource type | type u8                                           | name                 |
//! | 20   | set pack    | set, seq u64                                        | changes since the last base or pack |
//! | 21   | class       | class                                               | how many operations it has u64 |
//! | 22   | by class    | class, !seq u64                                     | the operation's place in it u64 |
//! | 23   | by resource | application u32, number u32, !seq u64               | the operation's places u64, u64 |
//! | 24   | by request  | hash of the request id u64, !seq u64                |                      |
//! | 25   | named       | as lookup, !since seq u64                           | until seq u64        |
//! | 26   | unique      | application u32, type u8, attribute u8, folded value | number u32, since seq u64; further holders have a lookup |
//! | 27   | set head    | set                                                 | counts after the last change |
//! | 28   | intent      | seq u64                                             | application u32      |
//! | 29   | unsettled   | application u32, number u32, seq u64                |                      |
//! | 30   | doubt       | seq u64                                             | number u32, effect u8, when i64; settled: the observation's seq u64, verdict u8, changed u8, when i64 |
//! | 31   | entry       | application u32, id of an imported entry            | seq u64              |
//! | 32   | claim       | application u32, moment                             | summary of the entry |
//! | 33   | claim about | application u32, number u32, moment                 | summary of the entry |
//! | 34   | claim by code | application u32, kind u8, length u16, code, moment |                     |
//! | 35   | claim day   | application u32, source u8, day i32, action u8, status u8 | how many entries u64 |
//! | 36   | import      | application u32, seq u64                            | run, span            |
//! | 37   | evidence    | the operation's seq u64, seq u64                    |                      |
//! | 38   | reference list | name, !seq u64                                   | rows u32, application u32 |
//! | 39   | access      | !seq u64                                            | application u32, credential u32, all applications u32 |
//! | 40   | claim head  | application u32                                     | first and last seq u64 of its claims |
//! | 41   | mention before | as lookup, !since seq u64                        | number u32           |
//! | 42   | resource places | application u32, number u32                      | the places of its last operation |
//! | 43   | change      | application u32, !seq u64                           |                      |
//! | 44   | listing     | application u32, seq u64                            | whole or not u8      |
//! | 45   | settled     | application u32, the observation's seq u64, seq u64 |                      |
//!
//! `moment` is `!occurredAt i64, !seq u64` of an imported entry: what a source claims has its own time, and
//! the newest comes first. `set` is `application u32, kind u8, number u32`; `class` is `application u32, credential u32,
//! status u8, action u8`. Values of persons stand only in rows whose key begins with that person's
//! number (mentioned, version) and in the keys of id, mention, mention before, lookup, named and unique.
//!
//! The log's key is the seq alone: u64, big-endian.

use std::ops::Range;

use event::{Application, Credential, Number, ResourceType, Seq};

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
const CLASS: u8 = 21;
const BY_CLASS: u8 = 22;
const BY_RESOURCE: u8 = 23;
const BY_REQUEST: u8 = 24;
const NAMED: u8 = 25;
const UNIQUE: u8 = 26;
const SET_HEAD: u8 = 27;
const INTENT: u8 = 28;
const UNSETTLED: u8 = 29;
const DOUBT: u8 = 30;
const ENTRY: u8 = 31;
const CLAIM: u8 = 32;
const CLAIM_ABOUT: u8 = 33;
const CLAIM_BY_CODE: u8 = 34;
const CLAIM_DAY: u8 = 35;
const IMPORT: u8 = 36;
const EVIDENCE: u8 = 37;
const REFERENCE_LIST: u8 = 38;
const ACCESS: u8 = 39;
const CLAIM_HEAD: u8 = 40;
const MENTION_BEFORE: u8 = 41;
const RESOURCE_PLACES: u8 = 42;
const CHANGE: u8 = 43;
const LISTING: u8 = 44;
const SETTLED: u8 = 45;

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

    /// Whether the keys of this range and its lower end have one [`scan_prefix`]; with `upper`, the
    /// upper end too.
    pub(crate) fn has_one_prefix(&self, upper: bool) -> bool {
        let Some(prefix) = scan_prefix(&self.from) else { return false };
        self.to.starts_with(prefix) || (!upper && self.to == KeyRange::prefix(prefix.to_vec()).to)
    }

    /// All rows of every kind but the watermark: what the digest covers.
    pub(crate) fn all_rows() -> KeyRange {
        KeyRange { from: vec![WATERMARK + 1], to: vec![u8::MAX] }
    }
}

/// The beginning of a key that is the same in all keys among which it is looked for: those of one
/// resource, of one set, of one value. `None` for kinds that are not scanned in such stretches, and for
/// a key that is too short. The files remember by how they hash which prefixes they hold, so this must
/// not change for keys that are stored.
pub(crate) fn scan_prefix(key: &[u8]) -> Option<&[u8]> {
    const VALUE_AT: usize = 9;
    let length = match *key.first()? {
        VERSION | MIRROR | BY_RESOURCE | UNSETTLED | CLAIM_ABOUT => 1 + 4 + 4,
        SET_CHANGE | SET_BASE | SET_PACK => 1 + 4 + 1 + 4,
        LOOKUP | NAMED => {
            let length = key.get(VALUE_AT - 2..VALUE_AT)?.try_into().ok()?;
            VALUE_AT + usize::from(u16::from_be_bytes(length))
        }
        _ => return None,
    };
    key.get(..length)
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

/// What operations have in common by which they are counted and listed. Each has few values, so there
/// are few classes, and every question about these four is one about some of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Class {
    /// Whose operations.
    pub application: Application,
    /// With which credential.
    pub credential: Credential,
    /// Stored number of how they ended; from 1 on.
    pub status: u8,
    /// Stored number of what was asked; from 1 on.
    pub action: u8,
}

impl Class {
    /// Stands for all operations of the log.
    pub const ALL: Class = Class {
        application: Application::RECORDER,
        credential: Credential::NONE,
        status: 0,
        action: 0,
    };
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

    fn class(self, class: Class) -> Key {
        self.app(class.application).u32(class.credential.0).u8(class.status).u8(class.action)
    }

    /// The seqs of a range under this prefix, newest first.
    fn newest_first(self, seqs: &Range<Seq>) -> KeyRange {
        let prefix = self.0.clone();
        // `!` turns the order round: the last seq of the range comes first.
        let from = match seqs.end.checked_sub(1) {
            Some(last) => self.u64(!last).0,
            None => KeyRange::prefix(self.0).to,
        };
        let to = match seqs.start.checked_sub(1) {
            Some(before) => Key(prefix).u64(!before).0,
            None => KeyRange::prefix(prefix).to,
        };
        KeyRange { from, to }
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

/// How far a set has come.
pub fn set_head(application: Application, set: Set) -> Vec<u8> {
    Key::new(SET_HEAD).set(application, set).0
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

/// The stay of a member in a set that lasts.
pub fn mirror_open(application: Application, member: Number, set: Set) -> Vec<u8> {
    let (kind, number) = set.codes();
    Key::new(MIRROR).app(application).u32(member.0).u8(kind).u32(number).0
}

/// One stay of a member in a set that is over.
pub fn mirror(application: Application, member: Number, set: Set, start: Seq) -> Vec<u8> {
    Key(mirror_open(application, member, set)).u64(!start).0
}

/// The stays of a member in a set that are over and began at `seq` or before, newest first.
pub fn mirrors_until(application: Application, member: Number, set: Set, seq: Seq) -> KeyRange {
    let all = KeyRange::prefix(mirror_open(application, member, set));
    KeyRange { from: mirror(application, member, set, seq), to: all.to }
}

/// All stays of a member in a set: the one that lasts comes first, then those that are over, newest
/// first.
pub fn mirrors_in(application: Application, member: Number, set: Set) -> KeyRange {
    KeyRange::prefix(mirror_open(application, member, set))
}

/// The stays of a member in the members of any resource, by resource, each as [`mirrors_in`] has them.
pub fn mirrors(application: Application, member: Number) -> KeyRange {
    let (kind, _) = Set::Members(Number::NOBODY).codes();
    KeyRange::prefix(Key::new(MIRROR).app(application).u32(member.0).u8(kind).0)
}

/// The set of a [`mirror_open`] key, or the set and the start of a [`mirror`] key.
pub fn mirror_parts(key: &[u8]) -> Option<(Set, Option<Seq>)> {
    let (kind, rest) = key.get(1 + 4 + 4..)?.split_first()?;
    let (number, rest) = rest.split_first_chunk::<4>()?;
    let start = match rest {
        [] => None,
        start => Some(!u64::from_be_bytes(start.try_into().ok()?)),
    };
    Some((Set::from_codes(*kind, u32::from_be_bytes(*number))?, start))
}

/// The summary of the operation at `seq`.
pub fn operation(seq: Seq) -> Vec<u8> {
    Key::new(OPERATION).u64(seq).0
}

/// The summaries of the operations of a range, oldest first.
pub fn operations(seqs: &Range<Seq>) -> KeyRange {
    KeyRange { from: operation(seqs.start), to: operation(seqs.end) }
}

/// The seq of an [`operation`] key.
pub fn operation_seq(key: &[u8]) -> Option<Seq> {
    Some(u64::from_be_bytes(*key.last_chunk::<8>()?))
}

/// How many operations a class has.
pub fn class(class: Class) -> Vec<u8> {
    Key::new(CLASS).class(class).0
}

/// All classes that have operations, [`Class::ALL`] first.
pub fn classes() -> KeyRange {
    KeyRange::prefix(vec![CLASS])
}

/// The class of a [`class()`] key.
pub fn class_parts(key: &[u8]) -> Option<Class> {
    let tail = key.last_chunk::<10>()?;
    let number = |bytes: &[u8]| Some(u32::from_be_bytes(bytes.try_into().ok()?));
    Some(Class {
        application: Application(number(&tail[..4])?),
        credential: Credential(number(&tail[4..8])?),
        status: tail[8],
        action: tail[9],
    })
}

/// An operation of a class.
pub fn by_class(class: Class, seq: Seq) -> Vec<u8> {
    Key::new(BY_CLASS).class(class).u64(!seq).0
}

/// An event of an application that is no operation and no question, and that answers may rest on.
pub fn change(application: Application, seq: Seq) -> Vec<u8> {
    Key::new(CHANGE).app(application).u64(!seq).0
}

/// Those of a range of events, newest first.
pub fn changes(application: Application, seqs: &Range<Seq>) -> KeyRange {
    Key::new(CHANGE).app(application).newest_first(seqs)
}

/// The operations of a class in a range, newest first.
pub fn all_by_class(class: Class, seqs: &Range<Seq>) -> KeyRange {
    Key::new(BY_CLASS).class(class).newest_first(seqs)
}

/// An operation on a resource or person, or one that concerns it.
pub fn by_resource(application: Application, number: Number, seq: Seq) -> Vec<u8> {
    Key::new(BY_RESOURCE).app(application).u32(number.0).u64(!seq).0
}

/// How many operations concern a resource or person.
pub fn resource_places(application: Application, number: Number) -> Vec<u8> {
    Key::new(RESOURCE_PLACES).app(application).u32(number.0).0
}

/// The operations of a range that concern a resource or person, newest first.
pub fn all_by_resource(application: Application, number: Number, seqs: &Range<Seq>) -> KeyRange {
    Key::new(BY_RESOURCE).app(application).u32(number.0).newest_first(seqs)
}

/// An operation by the hash of its request's id.
pub fn by_request(request_id_hash: u64, seq: Seq) -> Vec<u8> {
    Key::new(BY_REQUEST).u64(request_id_hash).u64(!seq).0
}

/// The operations of a range whose request's id has this hash, newest first.
pub fn all_by_request(request_id_hash: u64, seqs: &Range<Seq>) -> KeyRange {
    Key::new(BY_REQUEST).u64(request_id_hash).newest_first(seqs)
}

/// The seq at the end of a [`by_class`], [`by_resource`] or [`by_request`] key.
pub fn index_seq(key: &[u8]) -> Option<Seq> {
    Some(!u64::from_be_bytes(*key.last_chunk::<8>()?))
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

/// The seq at the end of a key of an intent or of what is unsettled.
pub fn last_seq(key: &[u8]) -> Option<Seq> {
    Some(u64::from_be_bytes(*key.last_chunk::<8>()?))
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

mod claim;
mod name;
mod outcome;

pub use claim::*;
pub use name::*;
pub use outcome::*;

#[cfg(test)]
mod tests;
