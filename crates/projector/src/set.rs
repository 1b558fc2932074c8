//! Sets with members over time: the members of a group, the users that exist, the active users.
//!
//! One set has four kinds of row:
//!
//! * **Changes** (set, first seq and member): up to 64 changes, and how many members there were before
//!   them. The last row grows until it is full or a base is written.
//! * The **head** (set): the number of members, of changes since the last base, and the row that grows.
//! * A **base** (set, seq): all members and since when, written every so many changes.
//! * The **mirror** (member, set, and start once the stay is over), of groups only: one scan gives all
//!   groups of a member, and when.
//!
//! The members at a seq are the last base, then the changes after it. So the past costs as much to read
//! as the present, and the cost of one change does not grow with the set.

mod changes;

use std::ops::ControlFlow;

use event::{Application, Number, Seq};
use roaring::RoaringBitmap;
use store::key::{self, KeyRange, Set};
use store::{Direction, ReadRows};

use crate::error::ProjectorError;
use crate::overlay::Overlay;
use crate::row;
use changes::Changes;

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

/// How many changes a row holds.
const CHANGES_PER_ROW: u32 = 64;

/// How many changes there are between two bases of a set with `count` members. Groups are asked for at
/// many times, and have few members each. The users that exist or are active are many, and a base of them
/// is long; nearly every question about them is about their number, which needs no base.
fn changes_per_base(set: Set, count: u32) -> u32 {
    match set {
        Set::Members(_) => 256.max(count / 16),
        Set::Existing(_) | Set::Active => 1_024.max(count / 4),
    }
}

/// The head of a set: what writing the next change needs to know.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct Head {
    /// Members after the last change.
    count: u32,
    /// Changes since the last base.
    since_base: u32,
    /// The row of changes that grows; `None` when the next change begins a new one.
    growing: Option<Growing>,
}

/// A row of changes that is not full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Growing {
    /// Its first change.
    seq: Seq,
    member: Number,
    /// How many changes it has.
    length: u32,
}

impl Head {
    pub(crate) fn encode(self) -> Vec<u8> {
        let mut out = [self.count, self.since_base].map(u32::to_be_bytes).concat();
        if let Some(row) = self.growing {
            out.extend(row.seq.to_be_bytes());
            out.extend([row.member.0, row.length].map(u32::to_be_bytes).concat());
        }
        out
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Head, ProjectorError> {
        let (words, []) = bytes.as_chunks::<4>() else { return Err(damaged()) };
        let growing = match *words {
            [_, _] => None,
            [_, _, high, low, member, length] => {
                let [a, b, c, d] = high;
                let [e, f, g, h] = low;
                Some(Growing {
                    seq: Seq::from_be_bytes([a, b, c, d, e, f, g, h]),
                    member: Number(u32::from_be_bytes(member)),
                    length: u32::from_be_bytes(length),
                })
            }
            _ => return Err(damaged()),
        };
        let [count, since_base] = [words[0], words[1]].map(u32::from_be_bytes);
        Ok(Head { count, since_base, growing })
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
    let mut head = rows.set_head(application, set)?.unwrap_or_default();
    let mut changes: Vec<(Number, bool)> = Vec::with_capacity(joined.len() + left.len());
    changes.extend(joined.iter().map(|member| (*member, true)));
    changes.extend(left.iter().map(|member| (*member, false)));
    changes.sort_unstable();

    for (member, joined) in changes {
        let change = SetChange { seq, member, joined };
        let growing = head.growing.and_then(|row| Some((row, changes::encode(row.seq, change)?)));
        head.growing = match growing {
            Some((row, item)) => {
                let key = key::set_change(application, set, row.seq, row.member);
                rows.append(key, &item)?;
                Some(Growing { length: row.length + 1, ..row })
            }
            None => {
                let key = key::set_change(application, set, seq, member);
                rows.put(key, changes::encode_first(head.count, change));
                Some(Growing { seq, member, length: 1 })
            }
        };
        head.growing = head.growing.filter(|row| row.length < CHANGES_PER_ROW);
        head.count = if joined { head.count + 1 } else { head.count.saturating_sub(1) };
        head.since_base += 1;
        if matches!(set, Set::Members(_)) {
            mirror(rows, application, set, change)?;
        }
        // Of other sets there is no mirror: a resource's versions say whether it exists and is active.
    }
    if head.since_base >= changes_per_base(set, head.count) {
        let members = members_at(rows, application, set, seq)?;
        rows.put(key::set_base(application, set, seq), encode_base(&members)?);
        (head.since_base, head.growing) = (0, None);
    }
    rows.put_set_head(application, set, head);
    Ok(())
}

/// Writes a change into the rows of the member.
fn mirror(
    rows: &mut Overlay<'_>,
    application: Application,
    set: Set,
    change: SetChange,
) -> Result<(), ProjectorError> {
    let open = key::mirror_open(application, change.member, set);
    let seq = change.seq.to_be_bytes().to_vec();
    if change.joined {
        rows.put(open, seq);
        return Ok(());
    }
    if let Some(start) = rows.get(&open)? {
        let start = row::decode_seq("a set", &start)?;
        rows.put(key::mirror(application, change.member, set, start), seq);
    }
    rows.delete(open);
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
    let mut newest_first = vec![];
    let mut outcome = Ok(());
    // Backward, because the row that `after` falls into begins before it.
    let range = key::set_changes(application, set, None, until);
    rows.scan(&range, Direction::Backward, &mut |key, value| {
        let row = match Changes::decode(key, value) {
            Ok(row) => row,
            Err(error) => {
                outcome = Err(error);
                return ControlFlow::Break(());
            }
        };
        let inside = |change: &SetChange| {
            change.seq <= until && after.is_none_or(|after| change.seq > after)
        };
        newest_first.extend(row.iter().rev().filter(inside));
        match after {
            Some(after) if row.first_seq() <= after => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        }
    })?;
    outcome?;
    newest_first.reverse();
    Ok(newest_first)
}

/// How many members a set had after an event that changed it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SetSize {
    /// The event.
    pub seq: Seq,
    /// The members after it.
    pub count: u64,
}

/// The size of a set right after the event at `seq`; `None` before its first change.
pub(crate) fn size_at(
    rows: &dyn ReadRows,
    application: Application,
    set: Set,
    seq: Seq,
) -> Result<Option<SetSize>, ProjectorError> {
    let range = key::set_changes(application, set, None, seq);
    // The last row that begins by then has the last change, and its last one of an event counts all of
    // that event's.
    let Some((key, value)) = rows.first(&range, Direction::Backward)? else { return Ok(None) };
    let row = Changes::decode(&key, &value)?;
    let last = row.sizes().take_while(|size| size.seq <= seq).last();
    last.map(Some).ok_or_else(damaged)
}

/// The size of a set after the first event that changed it after `after`, up to and including `until`.
pub(crate) fn next_size(
    rows: &dyn ReadRows,
    application: Application,
    set: Set,
    (after, until): (Option<Seq>, Seq),
) -> Result<Option<SetSize>, ProjectorError> {
    if let Some(after) = after {
        let before = key::set_changes(application, set, None, after);
        if let Some((key, value)) = rows.first(&before, Direction::Backward)? {
            let row = Changes::decode(&key, &value)?;
            if let Some(size) = row.first_size(after) {
                return whole_size(rows, (application, set), size, &row, until);
            }
        }
    }
    let range = key::set_changes(application, set, after, until);
    let Some((key, value)) = rows.first(&range, Direction::Forward)? else { return Ok(None) };
    let row = Changes::decode(&key, &value)?;
    match row.sizes().next() {
        Some(first) => {
            let seq = first.seq;
            let size = row.sizes().take_while(|size| size.seq == seq).last().unwrap_or(first);
            whole_size(rows, (application, set), size, &row, until)
        }
        None => Err(damaged()),
    }
}

/// `size`, which is after a row's last change of an event; but if that is the last change of the row, the
/// event may have further ones in the next row.
fn whole_size(
    rows: &dyn ReadRows,
    (application, set): (Application, Set),
    size: SetSize,
    row: &Changes<'_>,
    until: Seq,
) -> Result<Option<SetSize>, ProjectorError> {
    if size.seq > until {
        return Ok(None);
    }
    if row.last_seq() > size.seq {
        return Ok(Some(size));
    }
    size_at(rows, application, set, size.seq)
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
    let mut changes = vec![];
    let mut outcome = Ok(());
    // After a base a new row begins, so no row before it has changes after it.
    let range = key::set_changes(application, set, base_seq, seq);
    rows.scan(&range, Direction::Forward, &mut |key, value| match Changes::decode(key, value) {
        Ok(row) => {
            changes.extend(row.iter().filter(|change| change.seq <= seq));
            ControlFlow::Continue(())
        }
        Err(error) => {
            outcome = Err(error);
            ControlFlow::Break(())
        }
    })?;
    outcome?;
    if changes.is_empty() {
        return Ok(base);
    }
    // Merge the two, both sorted by number. Of a number's changes the last one counts, and it overrides
    // the base. The sort is stable, so a number's changes stay in their order.
    changes.sort_by_key(|change| change.member);
    let mut members = Vec::with_capacity(base.len() + changes.len());
    let mut base = base.into_iter().peekable();
    for of_one in changes.chunk_by(|one, next| one.member == next.member) {
        let Some(last) = of_one.last() else { continue };
        while let Some(entry) = base.next_if(|entry| entry.member < last.member) {
            members.push(entry);
        }
        base.next_if(|entry| entry.member == last.member);
        if last.joined {
            members.push(MemberSince { member: last.member, since: last.seq });
        }
    }
    members.extend(base);
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
    // From the lowest one on, and first the highest byte of each, then the next one: high bytes are mostly
    // the same, which compresses well, and all are read in a few passes.
    let first = members.iter().map(|entry| entry.since).min().unwrap_or_default();
    let last = members.iter().map(|entry| entry.since).max().unwrap_or_default();
    let width = 8 - (last - first).leading_zeros() / 8;
    out.extend_from_slice(&first.to_be_bytes());
    out.push(width as u8);
    for shift in (0..width).rev().map(|byte| 8 * byte) {
        out.extend(members.iter().map(|entry| ((entry.since - first) >> shift) as u8));
    }
    Ok(out)
}

fn decode_base(bytes: &[u8]) -> Result<Vec<MemberSince>, ProjectorError> {
    let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(damaged)?;
    let length = u32::from_be_bytes(*length) as usize;
    let (bitmap, rest) = rest.split_at_checked(length).ok_or_else(damaged)?;
    let bitmap = RoaringBitmap::deserialize_from(bitmap).map_err(|_| damaged())?;
    let (first, rest) = rest.split_first_chunk::<8>().ok_or_else(damaged)?;
    let (width, rest) = rest.split_first().ok_or_else(damaged)?;
    let count = bitmap.len() as usize;
    if *width > 8 || rest.len() != count * usize::from(*width) {
        return Err(damaged());
    }
    let mut distances = vec![0_u64; count];
    // Without members there are no bytes either.
    for bytes in rest.chunks_exact(count.max(1)) {
        for (distance, byte) in distances.iter_mut().zip(bytes) {
            *distance = *distance << 8 | u64::from(*byte);
        }
    }
    let first = Seq::from_be_bytes(*first);
    let since = distances.into_iter().map(|distance| first.wrapping_add(distance));
    let members = bitmap.iter().zip(since);
    Ok(members.map(|(member, since)| MemberSince { member: Number(member), since }).collect())
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
        let mut lengths = vec![];
        rows.scan(&key::set_changes(APP, SET, None, 900), Direction::Forward, &mut |key, value| {
            lengths.push(Changes::decode(key, value).unwrap().iter().count());
            ControlFlow::Continue(())
        })
        .unwrap();
        let full = lengths.iter().filter(|length| **length == CHANGES_PER_ROW as usize).count();
        assert!(full > 10 && full > lengths.len() / 2, "and for rows: {lengths:?}");
        assert!(lengths.iter().all(|length| *length <= CHANGES_PER_ROW as usize));
        let head = rows.set_head(APP, SET).unwrap().unwrap();
        assert_eq!(head.count as usize, naive.len());
        assert_eq!(Head::decode(&head.encode()).unwrap(), head);
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
        for sinces in [vec![], vec![9], vec![9, 9], vec![700, 9, 264], vec![0, Seq::MAX]] {
            let member = |(number, since)| MemberSince { member: Number(number), since };
            let members: Vec<MemberSince> = (3..).zip(sinces).map(member).collect();
            let bytes = encode_base(&members).unwrap();
            assert_eq!(decode_base(&bytes).unwrap(), members);
            for end in 0..bytes.len() {
                assert!(decode_base(&bytes[..end]).is_err());
            }
        }
    }

    /// The row that grows is found again in the rows, so that a batch's end makes no difference.
    #[test]
    fn rows_of_changes_do_not_depend_on_where_batches_end() {
        let together = MapRows::default();
        let mut together = Overlay::new(&together);
        let mut apart = MapRows::default();
        for seq in 0..700 {
            let joined = [Number(2 * seq as u32), Number(2 * seq as u32 + 1)];
            record(&mut together, APP, SET, seq, &joined, &[]).unwrap();
            let mut alone = Overlay::new(&apart);
            record(&mut alone, APP, SET, seq, &joined, &[]).unwrap();
            let changes = alone.into_changed().to_rows();
            apart.0.extend(changes.into_iter().filter_map(|(key, value)| Some((key, value?))));
        }
        let changes = together.into_changed().to_rows();
        let together: BTreeMap<_, _> =
            changes.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        assert_eq!(apart.0, together);
    }
}
