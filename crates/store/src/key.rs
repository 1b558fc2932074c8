//! Every kind of row on one page: its key, its value, and whether it is ever written again.
//!
//! Numbers are big-endian, so byte order is log order. `!x` is the complement of `x`, so the newest comes
//! first. A signed number in a key has its sign bit flipped. The kinds and layouts may change with any
//! release by raising the fold version; the log's own key may not.
//!
//! | kind | row            | key after the kind's byte                    | value                          | written   |
//! |------|----------------|----------------------------------------------|--------------------------------|-----------|
//! | 1    | watermark      |                                              | next seq u64, fold version u32 | rewritten |
//! | 2    | application    | application u32                              | its configuration              | rewritten |
//! | 3    | slug           | slug                                         | application u32                | once      |
//! | 4    | credential     | credential u32                               | application, role, SHA-256 of the token or identity, added, revoked | rewritten |
//! | 5    | token          | SHA-256 of the token                         | credential u32                 | once      |
//! | 6    | numbers        | application u32                              | highest number assigned u32    | rewritten |
//! | 7    | id             | application u32, type u8, SCIM id            | number u32                     | once      |
//! | 8    | mention        | application u32, type u8, attribute u8, value | number u32, since seq u64     | rewritten |
//! | 9    | mentioned      | application u32, number u32                  | seq, attribute, value, type, display, externalId | rewritten |
//! | 10   | lookup         | `name`, number u32                           | since seq u64                  | removed   |
//! | 11   | version        | application u32, number u32, !seq u64        | the resource without members   | once      |
//! | 12   | set changes    | `set`, seq u64 and member u32 of the first of at most 64 changes | members before it u32; for each: seq minus the first's u31, added or not u1, member u32 | rewritten |
//! | 13   | set base       | `set`, seq u64                               | length u32, bitmap of all members; since which seq each is: the lowest u64, the number of bytes of a distance from there u8, the highest byte of each, the next one, … | once |
//! | 14   | mirror         | application u32, member u32, set's kind u8, set's number u32 | start seq u64 of the present stay | removed |
//! | 14   | mirror         | the same, !start seq u64                     | end seq u64 of a past stay     | once      |
//! | 15   | operation      | seq u64                                      | summary                        | once      |
//! | 16   | second         | seconds since 1970 i64                       | seq u64 of its first event     | once      |
//! | 17   | recorder       |                                              | running or stopped             | rewritten |
//! | 18   | gap            | seq u64 of the event that reported it        | from, to, reason               | once      |
//! | 19   | resource type  | type u8                                      | name                           | once      |
//! | 20   | identity role  | credential u32, !seq u64                     | role u8                        | once      |
//! | 21   | class          | `class`                                      | number of its operations, and the seq of the first in its last row by class | rewritten |
//! | 22   | by class       | `class`, !seq u64 of the first of at most 64 operations | the first's place in it u64; for each after the first: seq minus the first's u32 | rewritten |
//! | 23   | by resource    | application u32, number u32, !seq u64        | up to here, operations that touch it or are on it, and how many only touch it | once |
//! | 24   | by request     | first 6 bytes of the hash of the request id, !seq u64 |                                | once      |
//! | 25   | named          | `name`, number u32, !since seq u64           | until seq u64                  | once      |
//! | 26   | unique         | application u32, type u8, attribute u8, value | number u32, since seq u64, and since seq u64 of an e-mail with the same text; further holders and e-mails have a lookup | rewritten, removed |
//! | 27   | set head       | `set`                                        | members u32, changes since the last base u32; if another change fits into the last row of changes, its seq u64, member u32 and number of changes u32 | rewritten |
//! | 28   | intent         | seq u64                                      | application u32                | removed   |
//! | 29   | unsettled      | application u32, number u32, seq u64         |                                | removed   |
//! | 30   | doubt          | seq u64                                      | number u32, effect u8, recorded at i64; if settled also the observation's seq u64, verdict u8, changed u8, recorded at i64 | rewritten |
//! | 31   | entry          | application u32, provider's id of an imported entry | seq u64                 | once      |
//! | 32   | claim          | application u32, `moment`                    | summary of the entry           | once      |
//! | 33   | claim about    | application u32, number u32, `moment`        | summary of the entry           | once      |
//! | 34   | claim by code  | application u32, kind u8, length u16, code, `moment` |                        | once      |
//! | 35   | claim day      | application u32, source u8, day i32, `claim class` | number of entries u64 | rewritten |
//! | 36   | import         | application u32, seq u64                     | run, span                      | once      |
//! | 37   | evidence       | the operation's seq u64, seq u64             |                                | once      |
//! | 38   | reference list | length u16, name, !seq u64                   | rows u32, application u32      | once      |
//! | 39   | access         | !seq u64                                     | application u32, credential u32, all applications u32 | once |
//! | 40   | claim head     | application u32                              | first and last seq u64 of its claims | rewritten |
//! | 41   | mention before | `name`, !since seq u64                       | number u32                     | once      |
//! | 42   | resource head  | application u32, number u32                  | operations that touch it and on it; how many writes failed since one that did not; the last events that changed its state, its members and its memberships | rewritten |
//! | 43   | change         | application u32, !seq u64                    |                                | once      |
//! | 44   | listing        | application u32, seq u64                     | 1 complete, 0 not u8           | once      |
//! | 45   | settled        | application u32, the observation's seq u64, seq u64 |                         | once      |
//! | 46   | configuration  | !seq u64                                     | application u32, credential u32, kind u8, seq before u64 | once |
//! | 47   | configured     | application u32, kind u8, what it is         | seq u64 of its last change     | rewritten |
//! | 48   | token use      | credential u32                               | seq u64 of the last event with it that is no operation | rewritten |
//! | 49   | privileged     | application u32, number u32, !seq u64        | privileged or not u8           | once      |
//! | 50   | saved question | length u16, name, !seq u64                               | application u32, there or not u8 | once    |
//! | 51   | failing        | application u32, number u32                  | seq u64 of the last write, how many failed since one that did not u64 | removed |
//! | 52   | review         | application u32, !seq u64                    |                                | once      |
//! | 53   | identity       | SHA-256 of issuer and subject                | credential u32                 | once      |
//! | 54   | population     | application u32                              | seq u64 of the last event that changed who exists or is active | rewritten |
//! | 55   | coverage       |                                              | seq u64 of the last event about what was watched | rewritten |
//! | 56   | tile hash      | level u8, index u64                          | 32 bytes: a hash of the log's tree | once |
//! | 57   | mention name   | application u32, number u32, the key of a mention |                           | removed   |
//! | 58   | erased         | application u32, number u32                  | seq u64 of the erasure         | once      |
//! | 59   | erasure        | seq u64                                      | application u32, seq u64 of the event that says it was carried out | rewritten |
//! | 60   | hold           | application u32, number u32                  | seq u64 of the legal hold      | removed   |
//! | 61   | retention      | application u32                              | months u16, erased through which month u32 | rewritten |
//! | 62   | commitment     | application u32, seq u64 of the state that is committed to | seq u64 of the event with the root | rewritten |
//! | 63   | state secret   | application u32                              | seq u64 of the event with the secret of its next commitment | rewritten |
//!
//! * `name` is `application u32, type u8, attribute u8, length u16, value`. A value in a key is case-folded.
//! * `set` is `application u32, kind u8, number u32`.
//! * `class` is `application u32, credential u32, status u8, action u8, type u8, effect u8, HTTP status u16`.
//! * `claim class` is `action u8, status u8, type u8, credential u32`.
//! * `moment` is `!occurredAt i64, !seq u64` of an imported entry, whose time is its source's.
//!
//! Personal data is only in rows whose key begins with that person's number (mentioned, mention name,
//! version), and in the keys of id, mention, mention before, lookup, named and unique. An erasure empties
//! the person's versions and removes the others, whether written once or not.
//!
//! The log's key is the seq alone: u64, big-endian.

use std::ops::Range;

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
const SET_CHANGES: u8 = 12;
const SET_BASE: u8 = 13;
const MIRROR: u8 = 14;
const OPERATION: u8 = 15;
const SECOND: u8 = 16;
const RECORDER: u8 = 17;
const GAP: u8 = 18;
const RESOURCE_TYPE: u8 = 19;
const IDENTITY_ROLE: u8 = 20;
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
const RESOURCE_HEAD: u8 = 42;
const CHANGE: u8 = 43;
const LISTING: u8 = 44;
const SETTLED: u8 = 45;
const CONFIGURATION: u8 = 46;
const CONFIGURED: u8 = 47;
const TOKEN_USE: u8 = 48;
const PRIVILEGED: u8 = 49;
const SAVED_QUESTION: u8 = 50;
const FAILING: u8 = 51;
const REVIEW: u8 = 52;
const IDENTITY: u8 = 53;
const POPULATION: u8 = 54;
const COVERAGE: u8 = 55;
const TILE_HASH: u8 = 56;
const MENTION_NAME: u8 = 57;
const ERASED: u8 = 58;
const ERASURE: u8 = 59;
const HOLD: u8 = 60;
const RETENTION: u8 = 61;
const COMMITMENT: u8 = 62;
const STATE_SECRET: u8 = 63;

/// A half-open range of keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KeyRange {
    /// The first key that may be in it.
    pub from: Vec<u8>,
    /// The first key that is beyond it.
    pub to: Vec<u8>,
}

impl KeyRange {
    /// All keys that begin with `prefix`, which must have a byte below 255.
    fn prefix(prefix: Vec<u8>) -> KeyRange {
        let mut to = prefix.clone();
        while to.pop_if(|byte| *byte == u8::MAX).is_some() {}
        if let Some(last) = to.last_mut() {
            *last += 1;
        }
        KeyRange { from: prefix, to }
    }

    /// The [`scan_prefix`] that all keys of this range have, if they have the same.
    pub fn prefix_of_all(&self) -> Option<&[u8]> {
        scan_prefix(&self.from).filter(|_| self.has_one_prefix(false))
    }

    /// Whether all keys of this range, and its lower end, have the same [`scan_prefix`]; with `upper`,
    /// its upper end too.
    pub(crate) fn has_one_prefix(&self, upper: bool) -> bool {
        let Some(prefix) = scan_prefix(&self.from) else { return false };
        self.to.starts_with(prefix) || (!upper && self.to == KeyRange::prefix(prefix.to_vec()).to)
    }

    /// All rows except the watermark. The digest covers these.
    pub(crate) fn all_rows() -> KeyRange {
        KeyRange { from: vec![WATERMARK + 1], to: vec![u8::MAX] }
    }
}

/// Where the value of a key with a `name` begins.
const VALUE_AT: usize = 9;

/// The prefix that all keys of one scan share: the resource, the set or the value. `None` for kinds
/// that are not scanned so, and for a key that is too short. Table files hold filters on these
/// prefixes, so the prefix of a stored key must never change.
pub fn scan_prefix(key: &[u8]) -> Option<&[u8]> {
    let length = match *key.first()? {
        VERSION | MIRROR | BY_RESOURCE | UNSETTLED | CLAIM_ABOUT => 1 + 4 + 4,
        LISTING => 1 + 4,
        SET_CHANGES | SET_BASE => 1 + 4 + 1 + 4,
        LOOKUP | NAMED => {
            let length = key.get(VALUE_AT - 2..VALUE_AT)?.try_into().ok()?;
            VALUE_AT + usize::from(u16::from_be_bytes(length))
        }
        _ => return None,
    };
    key.get(..length)
}

/// What stands for a name in the key of a row that is written when the name is first used: a mention, the
/// holder of a unique value, or a lookup by externalId. Each create asks for such names, and usually there
/// are none. `None` for other keys. A name is the same for all keys that begin with it.
pub fn name(key: &[u8]) -> Option<&[u8]> {
    const ATTRIBUTE_AT: usize = 6;
    match *key.first()? {
        MENTION | UNIQUE => Some(key),
        LOOKUP if key.get(ATTRIBUTE_AT) == Some(&(Attribute::ExternalId as u8)) => scan_prefix(key),
        _ => None,
    }
}

/// The rows whose keys have a [`name`], and others between them.
pub fn names_after(key: &[u8]) -> [KeyRange; 3] {
    [MENTION, LOOKUP, UNIQUE].map(|kind| {
        let all = KeyRange::prefix(vec![kind]);
        KeyRange { from: all.from.max(key.to_vec()).min(all.to.clone()), to: all.to }
    })
}

/// Whether a key is that of a version. The version that an event makes comes before all older ones.
pub fn is_version(key: &[u8]) -> bool {
    key.first() == Some(&VERSION)
}

/// Whether a key is that of a row which the fold writes once and never reads: operations by seq, by request
/// and by resource, and the hashes of the tree.
pub fn is_index(key: &[u8]) -> bool {
    matches!(key.first(), Some(&(OPERATION | BY_REQUEST | BY_RESOURCE | TILE_HASH)))
}

/// Whether a key is that of a row which nearly every event of an application reads: there are few.
pub fn is_hot(key: &[u8]) -> bool {
    matches!(key.first(), Some(&(CREDENTIAL | NUMBERS | POPULATION | COVERAGE)))
}

/// Whether a range has keys of heads: of classes, sets or resources; or of the numbers assigned.
pub fn has_heads(range: &KeyRange) -> bool {
    [CLASS, SET_HEAD, RESOURCE_HEAD, NUMBERS].iter().any(|kind| {
        let all = KeyRange::prefix(vec![*kind]);
        range.from < all.to && all.from < range.to
    })
}

/// A set with members over time.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Set {
    /// The direct members of a group, or of another resource with members.
    Members(Number),
    /// The existing resources of a type.
    Existing(ResourceType),
    /// The existing users that are active.
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

/// The class of an operation. Operations are counted and listed by class. The fields have few values,
/// and most combinations never occur. So there are few classes, and a filter on any of the fields selects
/// some of them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Class {
    /// The application.
    pub application: Application,
    /// The credential the operations were sent with.
    pub credential: Credential,
    /// Stored number of the [`event::Status`]; from 1.
    pub status: u8,
    /// Stored number of the [`event::Action`]; from 1.
    pub action: u8,
    /// The type of resource.
    pub resource_type: ResourceType,
    /// Stored number of the [`event::Effect`]; from 1.
    pub effect: u8,
    /// The HTTP status that was answered; 0 for an observation.
    pub http_status: u16,
}

impl Class {
    /// Stands for all operations of the log.
    pub const ALL: Class = Class {
        application: Application::RECORDER,
        credential: Credential::NONE,
        status: 0,
        action: 0,
        resource_type: ResourceType::NONE,
        effect: 0,
        http_status: 0,
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
        let Class { application, credential, status, action, resource_type, effect, http_status } =
            class;
        let key = self.app(application).u32(credential.0).u8(status).u8(action);
        key.u8(resource_type.0).u8(effect).bytes(&http_status.to_be_bytes())
    }

    /// The seqs of a range under this prefix, newest first.
    fn newest_first(self, seqs: &Range<Seq>) -> KeyRange {
        let prefix = self.0.clone();
        // `!` reverses the order, so the last seq of the range comes first.
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

/// The key of the event at `seq` in the log.
pub fn log(seq: Seq) -> [u8; 8] {
    seq.to_be_bytes()
}

/// How many events were folded into the rows.
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

/// The application with a slug.
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

/// The highest number assigned in an application.
pub fn numbers(application: Application) -> Vec<u8> {
    Key::new(NUMBERS).app(application).0
}

/// Whose [`numbers`] a key is that of; `None` for other keys.
pub fn application_of_numbers(key: &[u8]) -> Option<Application> {
    let (&NUMBERS, rest) = key.split_first()? else { return None };
    Some(Application(u32::from_be_bytes(rest.try_into().ok()?)))
}

/// The number of a SCIM id, living or deleted.
pub fn id(application: Application, resource_type: ResourceType, id: &str) -> Vec<u8> {
    Key::new(ID).app(application).u8(resource_type.0).bytes(id.as_bytes()).0
}

/// The version of a resource that the event at `seq` made.
pub fn version(application: Application, number: Number, seq: Seq) -> Vec<u8> {
    Key::new(VERSION).app(application).u32(number.0).u64(!seq).0
}

/// The versions of a resource at `seq` and before, newest first.
pub fn versions_until(application: Application, number: Number, seq: Seq) -> KeyRange {
    let all = KeyRange::prefix(Key::new(VERSION).app(application).u32(number.0).0);
    KeyRange { from: version(application, number, seq), to: all.to }
}

/// The seq of a [`version`] key.
pub fn version_seq(key: &[u8]) -> Option<Seq> {
    Some(!u64::from_be_bytes(*key.last_chunk::<8>()?))
}

/// A row of changes of a set, by the first of them.
pub fn set_change(application: Application, set: Set, seq: Seq, member: Number) -> Vec<u8> {
    Key::new(SET_CHANGES).set(application, set).u64(seq).u32(member.0).0
}

/// The rows of changes of a set whose first change is after `after` (`None`: any) and not after `until`,
/// oldest first.
pub fn set_changes(application: Application, set: Set, after: Option<Seq>, until: Seq) -> KeyRange {
    set_range(SET_CHANGES, application, set, after, until)
}

/// The rows of one kind of a set after `after` (`None`: from the first) up to and including `until`.
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

/// The head of a set: its counts after the last change.
pub fn set_head(application: Application, set: Set) -> Vec<u8> {
    Key::new(SET_HEAD).set(application, set).0
}

/// All members of a set after `seq`.
pub fn set_base(application: Application, set: Set, seq: Seq) -> Vec<u8> {
    Key::new(SET_BASE).set(application, set).u64(seq).0
}

/// The bases of a set up to and including `until`, oldest first.
pub fn set_bases(application: Application, set: Set, until: Seq) -> KeyRange {
    set_range(SET_BASE, application, set, None, until)
}

/// The seq of a [`set_base`] key.
pub fn set_base_seq(key: &[u8]) -> Option<Seq> {
    Some(u64::from_be_bytes(*key.last_chunk::<8>()?))
}

/// The present stay of a member in a set.
pub fn mirror_open(application: Application, member: Number, set: Set) -> Vec<u8> {
    let (kind, number) = set.codes();
    Key::new(MIRROR).app(application).u32(member.0).u8(kind).u32(number).0
}

/// A past stay of a member in a set.
pub fn mirror(application: Application, member: Number, set: Set, start: Seq) -> Vec<u8> {
    Key(mirror_open(application, member, set)).u64(!start).0
}

/// The past stays of a member in a set that began at `seq` or before, newest first.
pub fn mirrors_until(application: Application, member: Number, set: Set, seq: Seq) -> KeyRange {
    let all = KeyRange::prefix(mirror_open(application, member, set));
    KeyRange { from: mirror(application, member, set, seq), to: all.to }
}

/// All stays of a member in a set: the present one first, then the past ones, newest first.
pub fn mirrors_in(application: Application, member: Number, set: Set) -> KeyRange {
    KeyRange::prefix(mirror_open(application, member, set))
}

/// All stays of a member in groups, by group; within a group in the order of [`mirrors_in`].
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

/// A hash of the log's tree, by its level in the tiles and its place there.
pub fn tile_hash(level: u8, index: u64) -> Vec<u8> {
    Key::new(TILE_HASH).u8(level).u64(index).0
}

/// The hashes of one level in a range, in order.
pub fn tile_hashes(level: u8, indexes: &Range<u64>) -> KeyRange {
    KeyRange { from: tile_hash(level, indexes.start), to: tile_hash(level, indexes.end) }
}

/// Where the state of an application right after the event at `at` is committed to.
pub fn commitment(application: Application, at: Seq) -> Vec<u8> {
    Key::new(COMMITMENT).app(application).u64(at).0
}

/// The commitments to the states of an application right after the events of a range, oldest first.
pub fn commitments(application: Application, at: &Range<Seq>) -> KeyRange {
    KeyRange { from: commitment(application, at.start), to: commitment(application, at.end) }
}

/// The secret of the next commitment to a state of an application.
pub fn state_secret(application: Application) -> Vec<u8> {
    Key::new(STATE_SECRET).app(application).0
}

/// The summary of the operation at `seq`.
pub fn operation(seq: Seq) -> Vec<u8> {
    Key::new(OPERATION).u64(seq).0
}

/// The summaries of the operations in a range, oldest first.
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
    let (numbers, rest) = key.last_chunk::<14>()?.split_first_chunk::<8>()?;
    let ([application, credential], []) = numbers.as_chunks::<4>() else { return None };
    let [status, action, resource_type, effect, high, low] = *rest else { return None };
    Some(Class {
        application: Application(u32::from_be_bytes(*application)),
        credential: Credential(u32::from_be_bytes(*credential)),
        status,
        action,
        resource_type: ResourceType(resource_type),
        effect,
        http_status: u16::from_be_bytes([high, low]),
    })
}

/// A row of operations of a class, by the first of them.
pub fn by_class(class: Class, seq: Seq) -> Vec<u8> {
    Key::new(BY_CLASS).class(class).u64(!seq).0
}

/// An event that changed an application's configuration or closed an import, by application. Answers may
/// depend on it, but it is not listed with the operations.
pub fn change(application: Application, seq: Seq) -> Vec<u8> {
    Key::new(CHANGE).app(application).u64(!seq).0
}

/// The [`change`] rows of a range of events, newest first.
pub fn changes(application: Application, seqs: &Range<Seq>) -> KeyRange {
    Key::new(CHANGE).app(application).newest_first(seqs)
}

/// The rows of operations of a class whose first operation is older than `before`, newest first.
pub fn by_class_before(class: Class, before: Seq) -> KeyRange {
    Key::new(BY_CLASS).class(class).newest_first(&(0..before))
}

/// An operation on a resource or person, or one that touches it.
pub fn by_resource(application: Application, number: Number, seq: Seq) -> Vec<u8> {
    Key::new(BY_RESOURCE).app(application).u32(number.0).u64(!seq).0
}

/// What is known of a resource or person up to the last event that concerned it.
pub fn resource_head(application: Application, number: Number) -> Vec<u8> {
    Key::new(RESOURCE_HEAD).app(application).u32(number.0).0
}

/// Whose [`resource_head`] a key is that of; `None` for other keys.
pub fn resource_of_head(key: &[u8]) -> Option<(Application, Number)> {
    let (&RESOURCE_HEAD, rest) = key.split_first()? else { return None };
    let [application, number] = *rest.as_chunks::<4>().0 else { return None };
    Some((Application(u32::from_be_bytes(application)), Number(u32::from_be_bytes(number))))
}

/// The operations in a range that are on a resource or person, or touch it, newest first.
pub fn all_by_resource(application: Application, number: Number, seqs: &Range<Seq>) -> KeyRange {
    Key::new(BY_RESOURCE).app(application).u32(number.0).newest_first(seqs)
}

/// An operation by the hash of its request id.
pub fn by_request(request_id_hash: [u8; 6], seq: Seq) -> Vec<u8> {
    of_request(request_id_hash).u64(!seq).0
}

/// The operations in a range whose request id has this hash, newest first.
pub fn all_by_request(request_id_hash: [u8; 6], seqs: &Range<Seq>) -> KeyRange {
    of_request(request_id_hash).newest_first(seqs)
}

/// Six bytes of the hash tell the requests of a log apart. Where they do not, the events do.
fn of_request(request_id_hash: [u8; 6]) -> Key {
    Key::new(BY_REQUEST).bytes(&request_id_hash)
}

/// The seq at the end of a [`by_class`], [`by_resource`] or [`by_request`] key.
pub fn index_seq(key: &[u8]) -> Option<Seq> {
    Some(!u64::from_be_bytes(*key.last_chunk::<8>()?))
}

/// The first event that was recorded in a second.
pub fn second(seconds: i64) -> Vec<u8> {
    // The sign bit is flipped, so that times before 1970 sort first.
    Key::new(SECOND).u64((seconds as u64) ^ (1 << 63)).0
}

/// The second of a [`second`] key.
pub fn second_of(key: &[u8]) -> Option<i64> {
    Some((u64::from_be_bytes(*key.last_chunk::<8>()?) ^ (1 << 63)) as i64)
}

/// All seconds up to and including this one, oldest first.
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

/// The last event that changed who exists or is active in an application.
pub fn population(application: Application) -> Vec<u8> {
    Key::new(POPULATION).app(application).0
}

/// The last event about what was watched.
pub fn coverage() -> Vec<u8> {
    Key::new(COVERAGE).0
}

/// A gap in the record; `seq` is the event that reported it.
pub fn gap(seq: Seq) -> Vec<u8> {
    Key::new(GAP).u64(seq).0
}

/// The gaps that were known at `until`, oldest first.
pub fn gaps(until: Seq) -> KeyRange {
    let all = KeyRange::prefix(vec![GAP]);
    KeyRange { from: all.from, to: until.checked_add(1).map_or(all.to, gap) }
}

/// The seq at the end of a key that stores it uncomplemented, such as [`intent`] or [`unsettled`].
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
mod configuration;
mod name;
mod outcome;
mod privacy;

pub use claim::*;
pub use configuration::*;
pub use name::*;
pub use outcome::*;
pub use privacy::*;

#[cfg(test)]
mod tests;
