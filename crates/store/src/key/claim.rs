//! The keys of imported entries (claims), evidence, reference lists and questions.

use std::ops::Range;

use event::{Application, CodeKind, Credential, Number, ResourceType, Seq, Timestamp};

use super::{
    ACCESS, CLAIM, CLAIM_ABOUT, CLAIM_BY_CODE, CLAIM_DAY, CLAIM_HEAD, ENTRY, EVIDENCE, IMPORT, Key,
    KeyRange, REFERENCE_LIST, REVIEW,
};

/// The place of an imported entry among the claims: its time by the source's clock, then its seq.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Moment {
    /// When it happened, by the source's clock.
    pub occurred_at: Timestamp,
    /// The event that recorded it.
    pub seq: Seq,
}

impl Moment {
    /// After all claims.
    pub const END: Moment = Moment { occurred_at: Timestamp(i64::MAX), seq: Seq::MAX };

    /// Before all claims of an instant.
    pub fn start_of(time: Timestamp) -> Moment {
        Moment { occurred_at: time, seq: 0 }
    }
}

impl Key {
    /// Sorts newest first. The sign bit is flipped, so that times before 1970 are older.
    fn moment(self, moment: Moment) -> Key {
        self.u64(!((moment.occurred_at.0 as u64) ^ (1 << 63))).u64(!moment.seq)
    }

    /// The moments from `from` (included) to `before` (excluded) under this prefix, newest first.
    fn moments(self, from: Moment, before: Moment) -> KeyRange {
        let prefix = self.0.clone();
        // In reverse order the range begins right behind `before` and ends right behind `from`.
        let mut first = self.moment(before).0;
        first.push(0);
        let mut last = Key(prefix).moment(from).0;
        last.push(0);
        KeyRange { from: first, to: last }
    }

    /// A text preceded by its length, so that no text is a prefix of another.
    pub(super) fn text(self, text: &str) -> Key {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.bytes(&length.to_be_bytes()).bytes(text.as_bytes())
    }
}

/// The event of an imported entry, by the provider's id.
pub fn entry(application: Application, id: &str) -> Vec<u8> {
    Key::new(ENTRY).app(application).bytes(id.as_bytes()).0
}

/// The seqs of the first and last recorded claim of an application.
pub fn claim_head(application: Application) -> Vec<u8> {
    Key::new(CLAIM_HEAD).app(application).0
}

/// An imported entry.
pub fn claim(application: Application, moment: Moment) -> Vec<u8> {
    Key::new(CLAIM).app(application).moment(moment).0
}

/// The imported entries of an application from `from` to `before` (excluded), newest first.
pub fn claims(application: Application, from: Moment, before: Moment) -> KeyRange {
    Key::new(CLAIM).app(application).moments(from, before)
}

/// An imported entry about a resource or person.
pub fn claim_about(application: Application, number: Number, moment: Moment) -> Vec<u8> {
    Key::new(CLAIM_ABOUT).app(application).u32(number.0).moment(moment).0
}

/// The imported entries about a resource or person from `from` to `before` (excluded), newest first.
pub fn claims_about(
    application: Application,
    number: Number,
    from: Moment,
    before: Moment,
) -> KeyRange {
    Key::new(CLAIM_ABOUT).app(application).u32(number.0).moments(from, before)
}

/// An imported entry, by one of its codes.
pub fn claim_by_code(
    application: Application,
    kind: CodeKind,
    code: &str,
    moment: Moment,
) -> Vec<u8> {
    Key::new(CLAIM_BY_CODE).app(application).u8(kind as u8).text(code).moment(moment).0
}

/// The imported entries with a code from `from` to `before` (excluded), newest first.
pub fn claims_by_code(
    application: Application,
    kind: CodeKind,
    code: &str,
    from: Moment,
    before: Moment,
) -> KeyRange {
    Key::new(CLAIM_BY_CODE).app(application).u8(kind as u8).text(code).moments(from, before)
}

/// All imported entries with a code of a kind, by code, then newest first.
pub fn all_claims_by_code(application: Application, kind: CodeKind) -> KeyRange {
    KeyRange::prefix(Key::new(CLAIM_BY_CODE).app(application).u8(kind as u8).0)
}

/// The code in a [`claim_by_code`] key.
pub fn claim_code(key: &[u8]) -> Option<&str> {
    const TEXT_AT: usize = 1 + 4 + 1 + 2;
    let text = key.get(TEXT_AT..key.len().checked_sub(16)?)?;
    std::str::from_utf8(text).ok()
}

/// The moment at the end of a [`claim`], [`claim_about`] or [`claim_by_code`] key.
pub fn claim_moment(key: &[u8]) -> Option<Moment> {
    let tail = key.last_chunk::<16>()?;
    let (time, seq) = (tail.first_chunk::<8>()?, tail.last_chunk::<8>()?);
    let time = (!u64::from_be_bytes(*time) ^ (1 << 63)) as i64;
    Some(Moment { occurred_at: Timestamp(time), seq: !u64::from_be_bytes(*seq) })
}

/// The class of an imported entry. The entries of a day are counted by class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct ClaimClass {
    /// Stored number of the [`event::Action`]; from 1.
    pub action: u8,
    /// Stored number of the [`event::Status`]; from 1.
    pub status: u8,
    /// The type of resource.
    pub resource_type: ResourceType,
    /// The credential they were imported with.
    pub credential: Credential,
}

/// How many entries of a source a day has in a class. Days count from 1970-01-01.
pub fn claim_day(application: Application, source: u8, day: i32, class: ClaimClass) -> Vec<u8> {
    let ClaimClass { action, status, resource_type, credential } = class;
    let key = claim_day_prefix(application, source, day).u8(action).u8(status);
    key.u8(resource_type.0).u32(credential.0).0
}

fn claim_day_prefix(application: Application, source: u8, day: i32) -> Key {
    Key::new(CLAIM_DAY).app(application).u8(source).u32((day as u32) ^ (1 << 31))
}

/// The counts of the days from `from` (included) to `before` (excluded).
pub fn claim_days(application: Application, source: u8, from: i32, before: i32) -> KeyRange {
    KeyRange {
        from: claim_day_prefix(application, source, from).0,
        to: claim_day_prefix(application, source, before).0,
    }
}

/// The day and the class of a [`claim_day`] key.
pub fn claim_day_parts(key: &[u8]) -> Option<(i32, ClaimClass)> {
    let (day, class) = key.last_chunk::<11>()?.split_first_chunk::<4>()?;
    let ([action, status, resource_type], credential) = class.split_first_chunk::<3>()?;
    let class = ClaimClass {
        action: *action,
        status: *status,
        resource_type: ResourceType(*resource_type),
        credential: Credential(u32::from_be_bytes(credential.try_into().ok()?)),
    };
    Some(((u32::from_be_bytes(*day) ^ (1 << 31)) as i32, class))
}

/// One request of an import.
pub fn import(application: Application, seq: Seq) -> Vec<u8> {
    Key::new(IMPORT).app(application).u64(seq).0
}

/// The imports of an application in a range of events, oldest first.
pub fn imports(application: Application, seqs: Range<Seq>) -> KeyRange {
    KeyRange { from: import(application, seqs.start), to: import(application, seqs.end) }
}

/// Evidence of an operation.
pub fn evidence(operation: Seq, seq: Seq) -> Vec<u8> {
    Key::new(EVIDENCE).u64(operation).u64(seq).0
}

/// All evidence of an operation, oldest first.
pub fn all_evidence(operation: Seq) -> KeyRange {
    KeyRange::prefix(Key::new(EVIDENCE).u64(operation).0)
}

/// A review of an answer about an application.
pub fn review(application: Application, seq: Seq) -> Vec<u8> {
    Key::new(REVIEW).app(application).u64(!seq).0
}

/// The reviews of an application in a range of events, newest first.
pub fn reviews(application: Application, seqs: &Range<Seq>) -> KeyRange {
    Key::new(REVIEW).app(application).newest_first(seqs)
}

/// The upload of a reference list by the event at `seq`.
pub fn reference_list(name: &str, seq: Seq) -> Vec<u8> {
    Key::new(REFERENCE_LIST).text(name).u64(!seq).0
}

/// The uploads of a list at `until` and before, newest first.
pub fn reference_lists(name: &str, until: Seq) -> KeyRange {
    let all = KeyRange::prefix(Key::new(REFERENCE_LIST).text(name).0);
    KeyRange { from: reference_list(name, until), to: all.to }
}

/// All uploads of all lists, by name, newest first.
pub fn all_reference_lists() -> KeyRange {
    KeyRange::prefix(vec![REFERENCE_LIST])
}

/// The name and the seq of a [`reference_list`] key.
pub fn reference_list_parts(key: &[u8]) -> Option<(&str, Seq)> {
    let (name, seq) = key.get(3..)?.split_last_chunk::<8>()?;
    Some((str::from_utf8(name).ok()?, !u64::from_be_bytes(*seq)))
}

/// A question that was answered.
pub fn access(seq: Seq) -> Vec<u8> {
    Key::new(ACCESS).u64(!seq).0
}

/// The questions answered in a range of events, newest first.
pub fn accesses(seqs: &Range<Seq>) -> KeyRange {
    Key::new(ACCESS).newest_first(seqs)
}
