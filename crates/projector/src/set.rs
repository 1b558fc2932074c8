//! Sets with members over time: the members of a group, the users that exist, the active users.
//!
//! One set has five kinds of row:
//!
//! * A **change** (set, seq, member): added or removed, and how many members there are after it.
//! * The **head** (set): the number of members, and of changes since the last base and pack.
//! * A **base** (set, seq): all members and since when, written every max(256, members / 16) changes.
//! * A **pack** (set, seq): the net effect of the changes since the last base or pack, written every 64
//!   changes.
//! * The **mirror** (member, set, and start once the stay is over), of groups only: one scan gives all
//!   groups of a member, and when.
//!
//! The members at a seq are the last base, then the packs after it, then the changes after those. So the
//! past costs as much to read as the present, and the cost of one change does not grow with the set.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use event::{Application, Number, Seq};
use roaring::RoaringBitmap;
use store::key::{self, KeyRange, Set};
use store::{Direction, ReadRows};

use crate::error::ProjectorError;
use crate::overlay::Overlay;
use crate::row;

/// A member of a set, and the event with which the stay began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MemberSince {
    /// The member.
    pub member: Number,
    /// The event that added it.
    pub since: Seq,
}

/// One stay of a member in a set: from joining to leaving.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Stay {
    /// The set.
    pub set: Set,
    /// The event that added the member.
    pub start: Seq,
    /// The event that removed the member; `None` while it still is one.
    pub end: Option<Seq>,
}

impl Stay {
    /// Whether the member was in the set right after the event at `seq`.
    pub fn covers(&self, seq: Seq) -> bool {
        self.start <= seq && self.end.is_none_or(|end| seq < end)
    }
}

const CHANGES_PER_BASE_MIN: u32 = 256;
const CHANGES_PER_PACK: u32 = 64;
const OPEN: Seq = Seq::MAX;

/// The head of a set: what writing the next change needs to know.
#[derive(Clone, Copy, Default)]
struct Head {
    /// Members after the last change.
    count: u32,
    /// Changes since the last base.
    since_base: u32,
    /// Changes since the last base or pack.
    since_pack: u32,
    /// The seq of the last base or pack.
    packed_until: Option<Seq>,
}

impl Head {
    fn encode(self) -> Vec<u8> {
        let mut out = [self.count, self.since_base, self.since_pack].map(u32::to_be_bytes).concat();
        out.extend(self.packed_until.map(u64::to_be_bytes).into_iter().flatten());
        out
    }

    fn decode(bytes: &[u8]) -> Option<Head> {
        let (counts, packed_until) = bytes.split_at_checked(12)?;
        let ([count, since_base, since_pack], []) = counts.as_chunks::<4>() else { return None };
        let number = |bytes: &[u8; 4]| u32::from_be_bytes(*bytes);
        Some(Head {
            count: number(count),
            since_base: number(since_base),
            since_pack: number(since_pack),
            packed_until: match packed_until {
                [] => None,
                seq => Some(Seq::from_be_bytes(seq.try_into().ok()?)),
            },
        })
    }
}

/// The value of a change row.
#[derive(Clone, Copy)]
struct Change {
    added: bool,
    /// Members after it.
    count: u32,
}

impl Change {
    fn encode(self) -> Vec<u8> {
        let [a, b, c, d] = self.count.to_be_bytes();
        vec![u8::from(self.added), a, b, c, d]
    }

    fn decode(bytes: &[u8]) -> Option<Change> {
        let (added, count) = bytes.split_first()?;
        let added = match added {
            0 => false,
            1 => true,
            _ => return None,
        };
        Some(Change { added, count: u32::from_be_bytes(count.try_into().ok()?) })
    }
}

fn damaged() -> ProjectorError {
    ProjectorError::row("a set")
}

/// Writes the changes that the event at `seq` makes to a set. Decide guarantees that `joined` are not
/// members and `left` are, and that both lists are ascending and have no number in common.
pub(crate) fn record(
    rows: &mut Overlay<'_>,
    application: Application,
    set: Set,
    seq: Seq,
    joined: &[Number],
    left: &[Number],
) -> Result<(), ProjectorError> {
    if joined.is_empty() && left.is_empty() {
        return Ok(());
    }
    let head_key = key::set_head(application, set);
    let mut head = match rows.get(&head_key)? {
        Some(bytes) => Head::decode(&bytes).ok_or_else(damaged)?,
        None => Head::default(),
    };
    let mut changes: Vec<(Number, bool)> = Vec::with_capacity(joined.len() + left.len());
    changes.extend(joined.iter().map(|member| (*member, true)));
    changes.extend(left.iter().map(|member| (*member, false)));
    changes.sort_unstable();

    for (member, added) in changes {
        head.count = if added { head.count + 1 } else { head.count.saturating_sub(1) };
        let change = Change { added, count: head.count };
        rows.put(key::set_change(application, set, seq, member), change.encode());
        head.since_base += 1;
        head.since_pack += 1;
        if !matches!(set, Set::Members(_)) {
            // No mirror: a resource's versions say whether it exists and is active.
        } else if added {
            let key = key::mirror_open(application, member, set);
            rows.put(key, seq.to_be_bytes().to_vec());
        } else {
            let open = key::mirror_open(application, member, set);
            if let Some(start) = rows.get(&open)? {
                let start = row::decode_seq("a set", &start)?;
                let key = key::mirror(application, member, set, start);
                rows.put(key, seq.to_be_bytes().to_vec());
            }
            rows.delete(open);
        }
    }
    if head.since_base >= CHANGES_PER_BASE_MIN.max(head.count / 16) {
        let members = members_at(rows, application, set, seq)?;
        rows.put(key::set_base(application, set, seq), encode_base(&members)?);
        (head.since_base, head.since_pack, head.packed_until) = (0, 0, Some(seq));
    } else if head.since_pack >= CHANGES_PER_PACK {
        let mut changed = Changed::new();
        gather(rows, (application, set), (head.packed_until, seq), &mut changed)?;
        rows.put(key::set_pack(application, set, seq), encode_pack(&changed));
        (head.since_pack, head.packed_until) = (0, Some(seq));
    }
    rows.put(head_key, head.encode());
    Ok(())
}

/// One change of a set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetChange {
    /// The event that made it.
    pub seq: Seq,
    /// The member.
    pub member: Number,
    /// Whether it joined; otherwise it left.
    pub joined: bool,
}

/// The changes of a set after `after` up to and including `until`, oldest first.
pub(crate) fn changes_in(
    rows: &dyn ReadRows,
    application: Application,
    set: Set,
    (after, until): (Option<Seq>, Seq),
) -> Result<Vec<SetChange>, ProjectorError> {
    let mut changes = vec![];
    let mut broken = false;
    let range = key::set_changes(application, set, after, until);
    rows.scan(&range, Direction::Forward, &mut |key, value| match (
        key::set_change_parts(key),
        Change::decode(value),
    ) {
        (Some((seq, member)), Some(change)) => {
            changes.push(SetChange { seq, member, joined: change.added });
            ControlFlow::Continue(())
        }
        _ => {
            broken = true;
            ControlFlow::Break(())
        }
    })?;
    if broken { Err(damaged()) } else { Ok(changes) }
}

/// How many members a set had after an event that changed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetSize {
    /// The event.
    pub seq: Seq,
    /// The members after it.
    pub count: u64,
}

fn size(key: &[u8], value: &[u8]) -> Result<SetSize, ProjectorError> {
    let (seq, _) = key::set_change_parts(key).ok_or_else(damaged)?;
    let change = Change::decode(value).ok_or_else(damaged)?;
    Ok(SetSize { seq, count: u64::from(change.count) })
}

/// The size of a set right after the event at `seq`; `None` before its first change.
pub(crate) fn size_at(
    rows: &dyn ReadRows,
    application: Application,
    set: Set,
    seq: Seq,
) -> Result<Option<SetSize>, ProjectorError> {
    let range = key::set_changes(application, set, None, seq);
    // The last change of an event counts all of its changes.
    let last = rows.first(&range, Direction::Backward)?;
    last.map(|(key, value)| size(&key, &value)).transpose()
}

/// The size of a set after the first event that changed it after `after`, up to and including `until`.
pub(crate) fn next_size(
    rows: &dyn ReadRows,
    application: Application,
    set: Set,
    (after, until): (Option<Seq>, Seq),
) -> Result<Option<SetSize>, ProjectorError> {
    let range = key::set_changes(application, set, after, until);
    let Some((key, _)) = rows.first(&range, Direction::Forward)? else { return Ok(None) };
    let (seq, _) = key::set_change_parts(&key).ok_or_else(damaged)?;
    size_at(rows, application, set, seq)
}

/// The net effect of some changes: since when each changed number is a member, or `None` if it left.
type Changed = BTreeMap<Number, Option<Seq>>;

/// Adds the changes of a set, after the first seq and up to and including the second, to `changed`.
fn gather(
    rows: &dyn ReadRows,
    (application, set): (Application, Set),
    stretch: (Option<Seq>, Seq),
    changed: &mut Changed,
) -> Result<(), ProjectorError> {
    for change in changes_in(rows, application, set, stretch)? {
        changed.insert(change.member, change.joined.then_some(change.seq));
    }
    Ok(())
}

/// For each changed number u32: since when it is a member u64, or [`OPEN`] if it left.
fn encode_pack(changed: &Changed) -> Vec<u8> {
    let mut out = Vec::with_capacity(changed.len() * 12);
    for (member, since) in changed {
        out.extend_from_slice(&member.0.to_be_bytes());
        out.extend_from_slice(&since.unwrap_or(OPEN).to_be_bytes());
    }
    out
}

fn decode_pack(bytes: &[u8], changed: &mut Changed) -> Result<(), ProjectorError> {
    let (entries, rest) = bytes.as_chunks::<12>();
    if !rest.is_empty() || entries.is_empty() {
        return Err(damaged());
    }
    for entry in entries {
        let (member, since) = entry.split_first_chunk::<4>().ok_or_else(damaged)?;
        let since = row::decode_seq("a set", since)?;
        changed.insert(Number(u32::from_be_bytes(*member)), (since != OPEN).then_some(since));
    }
    Ok(())
}

/// The members of a set right after the event at `seq`, ascending by number.
pub(crate) fn members_at(
    rows: &dyn ReadRows,
    application: Application,
    set: Set,
    seq: Seq,
) -> Result<Vec<MemberSince>, ProjectorError> {
    let bases = key::set_bases(application, set, seq);
    let (base_seq, base) = match rows.first(&bases, Direction::Backward)? {
        None => (None, Vec::new()),
        Some((key, value)) => {
            (Some(key::set_base_seq(&key).ok_or_else(damaged)?), decode_base(&value)?)
        }
    };
    let mut changed = Changed::new();
    let mut packed_until = base_seq;
    let mut outcome = Ok(());
    let packs = key::set_packs(application, set, base_seq, seq);
    rows.scan(&packs, Direction::Forward, &mut |key, value| {
        packed_until = packed_until.max(key::set_pack_seq(key));
        outcome = decode_pack(value, &mut changed);
        if outcome.is_ok() { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
    })?;
    outcome?;
    gather(rows, (application, set), (packed_until, seq), &mut changed)?;
    if changed.is_empty() {
        return Ok(base);
    }
    // Merge the two, both sorted by number; a change overrides the base.
    let mut members = Vec::with_capacity(base.len() + changed.len());
    let mut changed = changed.into_iter().peekable();
    for entry in base {
        while let Some((member, since)) = changed.next_if(|(member, _)| *member < entry.member) {
            members.extend(since.map(|since| MemberSince { member, since }));
        }
        match changed.next_if(|(member, _)| *member == entry.member) {
            Some((member, since)) => {
                members.extend(since.map(|since| MemberSince { member, since }))
            }
            None => members.push(entry),
        }
    }
    members.extend(
        changed.filter_map(|(member, since)| since.map(|since| MemberSince { member, since })),
    );
    Ok(members)
}

fn encode_base(members: &[MemberSince]) -> Result<Vec<u8>, ProjectorError> {
    let mut bitmap = RoaringBitmap::new();
    for entry in members {
        bitmap.insert(entry.member.0);
    }
    let mut out = (bitmap.serialized_size() as u32).to_be_bytes().to_vec();
    // A write into a Vec cannot fail.
    bitmap.serialize_into(&mut out).map_err(|_| damaged())?;
    for entry in members {
        out.extend_from_slice(&entry.since.to_be_bytes());
    }
    Ok(out)
}

fn decode_base(bytes: &[u8]) -> Result<Vec<MemberSince>, ProjectorError> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
    let length = u32::from_be_bytes(*length) as usize;
    let (bitmap, starts) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let bitmap = RoaringBitmap::deserialize_from(bitmap).map_err(|_| damaged())?;
    if starts.len() as u64 != bitmap.len() * 8 {
        return Err(damaged());
    }
    let starts = starts.as_chunks::<8>().0.iter().map(|bytes| Seq::from_be_bytes(*bytes));
    Ok(bitmap
        .iter()
        .zip(starts)
        .map(|(member, since)| MemberSince { member: Number(member), since })
        .collect())
}

fn stay(key: &[u8], value: &[u8]) -> Result<Stay, ProjectorError> {
    let (set, start) = key::mirror_parts(key).ok_or_else(damaged)?;
    let seq = row::decode_seq("a set", value)?;
    Ok(match start {
        None => Stay { set, start: seq, end: None },
        Some(start) => Stay { set, start, end: Some(seq) },
    })
}

/// The stay of a member in a set that covers `seq`.
pub(crate) fn stay_at(
    rows: &dyn ReadRows,
    application: Application,
    set: Set,
    member: Number,
    seq: Seq,
) -> Result<Option<Stay>, ProjectorError> {
    if let Some(start) = rows.get(&key::mirror_open(application, member, set))? {
        let start = row::decode_seq("a set", &start)?;
        if start <= seq {
            return Ok(Some(Stay { set, start, end: None }));
        }
    }
    if seq == Seq::MAX {
        return Ok(None);
    }
    // Stays do not overlap, so only the last one that began by `seq` can cover it.
    let range = key::mirrors_until(application, member, set, seq);
    let Some((key, value)) = rows.first(&range, Direction::Forward)? else { return Ok(None) };
    Ok(Some(stay(&key, &value)?).filter(|stay| stay.covers(seq)))
}

/// The stays of a range of mirror rows.
pub(crate) fn stays_in(rows: &dyn ReadRows, range: &KeyRange) -> Result<Vec<Stay>, ProjectorError> {
    let mut stays = Vec::new();
    let mut failed = None;
    rows.scan(range, Direction::Forward, &mut |key, value| match stay(key, value) {
        Ok(stay) => {
            stays.push(stay);
            ControlFlow::Continue(())
        }
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    })?;
    match failed {
        Some(error) => Err(error),
        None => Ok(stays),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::overlay::tests::MapRows;

    const APP: Application = Application(1);
    const SET: Set = Set::Members(Number(1_000_000));

    /// A long history of one set against a map that is folded naively, at every seq.
    #[test]
    fn members_at_every_seq_are_those_of_a_naive_fold_across_bases() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        let mut naive: BTreeMap<Number, Seq> = BTreeMap::new();
        let mut history = Vec::new();
        let mut random = 12_345_u64;
        let mut next = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % below
        };
        for seq in 0..900 {
            let mut joined = vec![];
            let mut left = vec![];
            for _ in 0..=next(3) {
                let member = Number(next(300) as u32);
                if joined.contains(&member) || left.contains(&member) {
                    continue;
                }
                if naive.remove(&member).is_some() {
                    left.push(member);
                } else {
                    joined.push(member);
                }
            }
            joined.sort_unstable();
            left.sort_unstable();
            naive.extend(joined.iter().map(|member| (*member, seq)));
            record(&mut rows, APP, SET, seq, &joined, &left).unwrap();
            history.push(naive.clone());
        }
        assert!(
            rows.first(&key::set_bases(APP, SET, 900), Direction::Forward).unwrap().is_some(),
            "the history is long enough for bases"
        );
        let mut packs = 0;
        rows.scan(&key::set_packs(APP, SET, None, 900), Direction::Forward, &mut |_, _| {
            packs += 1;
            ControlFlow::Continue(())
        })
        .unwrap();
        assert!(packs > 10, "and for packs: {packs}");
        let head = rows.get(&key::set_head(APP, SET)).unwrap().unwrap();
        assert_eq!(Head::decode(&head).unwrap().count as usize, naive.len());
        for (seq, expected) in history.iter().enumerate() {
            let seq = seq as Seq;
            let found = members_at(&rows, APP, SET, seq).unwrap();
            let found_map: BTreeMap<_, _> = found.iter().map(|s| (s.member, s.since)).collect();
            assert_eq!(&found_map, expected, "at {seq}");
            assert!(found.is_sorted_by_key(|entry| entry.member));
            let size = size_at(&rows, APP, SET, seq).unwrap().map_or(0, |size| size.count);
            assert_eq!(size, expected.len() as u64, "at {seq}");
            for member in [Number(0), Number(17), Number(299)] {
                let stay = stay_at(&rows, APP, SET, member, seq).unwrap();
                assert_eq!(stay.map(|stay| stay.start), expected.get(&member).copied());
            }
        }
        let (mut after, mut steps) = (Some(99), vec![]);
        while let Some(step) = next_size(&rows, APP, SET, (after, 199)).unwrap() {
            after = Some(step.seq);
            steps.push(step);
        }
        let changes = changes_in(&rows, APP, SET, (Some(99), 199)).unwrap();
        let mut seqs: Vec<Seq> = changes.iter().map(|change| change.seq).collect();
        seqs.dedup();
        assert_eq!(steps.iter().map(|step| step.seq).collect::<Vec<_>>(), seqs, "one an event");
        for step in steps {
            assert_eq!(step.count as usize, history[step.seq as usize].len(), "at {}", step.seq);
        }
    }

    #[test]
    fn a_base_is_written_after_256_changes_and_for_large_sets_after_a_sixteenth() {
        let base = MapRows::default();
        let mut rows = Overlay::new(&base);
        let many: Vec<Number> = (0..32_000).map(Number).collect();
        record(&mut rows, APP, SET, 0, &many, &[]).unwrap();
        for seq in 1..=2_500 {
            let member = Number(100_000 + seq as u32);
            record(&mut rows, APP, SET, seq, &[member], &[]).unwrap();
        }
        let mut seqs = vec![];
        rows.scan(&key::set_bases(APP, SET, Seq::MAX), Direction::Forward, &mut |key, _| {
            seqs.extend(key::set_base_seq(key));
            ControlFlow::Continue(())
        })
        .unwrap();
        assert_eq!(seqs, [0, 2_133], "the second after members / 16 changes");
    }

    #[test]
    fn a_damaged_base_is_an_error() {
        let members = [MemberSince { member: Number(3), since: 9 }];
        let bytes = encode_base(&members).unwrap();
        assert_eq!(decode_base(&bytes).unwrap(), members);
        for end in 0..bytes.len() {
            assert!(decode_base(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn a_damaged_pack_is_an_error() {
        let changed = Changed::from([(Number(3), Some(9)), (Number(5), None)]);
        let bytes = encode_pack(&changed);
        let mut decoded = Changed::new();
        decode_pack(&bytes, &mut decoded).unwrap();
        assert_eq!(decoded, changed);
        for end in 0..bytes.len() {
            assert_eq!(decode_pack(&bytes[..end], &mut Changed::new()).is_ok(), end == 12);
        }
    }
}
