//! A row of changes of a set: how many members there were before them, then up to 64 changes in eight
//! bytes each. The lengths are fixed, so a change is added without reading the others.

use event::{Number, Seq};
use store::key;

use super::{SetChange, SetSize, damaged};
use crate::error::ProjectorError;

/// The first bit of a change says whether the member joined; the seq takes 31 bits, the member 32.
const JOINED: u32 = 1 << 31;

/// A change in the row that begins at `first`; `None` if it is too far from there for the row.
pub(super) fn encode(first: Seq, change: SetChange) -> Option<[u8; 8]> {
    let distance = u32::try_from(change.seq.checked_sub(first)?).ok()?;
    if distance & JOINED != 0 {
        return None;
    }
    let joined = if change.joined { JOINED } else { 0 };
    let word = (u64::from(distance | joined) << 32) | u64::from(change.member.0);
    Some(word.to_be_bytes())
}

/// A row with one change, after which the set no longer has just `before` members.
pub(super) fn encode_first(before: u32, change: SetChange) -> Vec<u8> {
    let joined = if change.joined { JOINED } else { 0 };
    [before, joined, change.member.0].map(u32::to_be_bytes).concat()
}

/// A decoded row of changes.
pub(super) struct Changes<'a> {
    first: Seq,
    before: u32,
    items: &'a [[u8; 8]],
}

impl<'a> Changes<'a> {
    pub(super) fn decode(key: &[u8], value: &'a [u8]) -> Result<Changes<'a>, ProjectorError> {
        let (first, _) = key::set_change_parts(key).ok_or_else(damaged)?;
        let (before, items) = value.split_first_chunk::<4>().ok_or_else(damaged)?;
        match items.as_chunks::<8>() {
            ([], _) => Err(damaged()),
            (items, []) => Ok(Changes { first, before: u32::from_be_bytes(*before), items }),
            _ => Err(damaged()),
        }
    }

    /// The event of the first change.
    pub(super) fn first_seq(&self) -> Seq {
        self.first
    }

    /// The event of the last change.
    pub(super) fn last_seq(&self) -> Seq {
        self.iter().next_back().map_or(self.first, |change| change.seq)
    }

    /// The changes, oldest first.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = SetChange> + '_ {
        self.items.iter().map(|item| {
            let word = u64::from_be_bytes(*item);
            let (upper, member) = ((word >> 32) as u32, word as u32);
            SetChange {
                seq: self.first + u64::from(upper & !JOINED),
                member: Number(member),
                joined: upper & JOINED != 0,
            }
        })
    }

    /// The size of the set after each change.
    pub(super) fn sizes(&self) -> impl Iterator<Item = SetSize> + '_ {
        let mut count = u64::from(self.before);
        self.iter().map(move |change| {
            count = if change.joined { count + 1 } else { count.saturating_sub(1) };
            SetSize { seq: change.seq, count }
        })
    }

    /// The size after this row's last change of the first event after `after`.
    pub(super) fn first_size(&self, after: Seq) -> Option<SetSize> {
        let seq = self.iter().find(|change| change.seq > after)?.seq;
        self.sizes().take_while(|size| size.seq <= seq).last()
    }
}

#[cfg(test)]
mod tests {
    use event::Application;
    use store::key::Set;

    use super::*;

    #[test]
    fn changes_come_back_out_of_a_row() {
        let change = |seq, member, joined| SetChange { seq, member: Number(member), joined };
        let changes =
            [change(7, u32::MAX, true), change(7 + (1 << 31) - 1, 0, false), change(9, 3, true)];
        let key = key::set_change(Application(1), Set::Active, 7, Number(u32::MAX));
        let mut value = encode_first(40, changes[0]);
        for change in &changes[1..] {
            value.extend(encode(7, *change).unwrap());
        }
        let row = Changes::decode(&key, &value).unwrap();
        assert_eq!(row.iter().collect::<Vec<_>>(), changes);
        assert_eq!(row.sizes().map(|size| size.count).collect::<Vec<_>>(), [41, 40, 41]);
        assert_eq!((row.first_seq(), row.last_seq()), (7, 9));
        for end in 0..value.len() {
            let whole = end >= 12 && end % 8 == 4;
            assert_eq!(Changes::decode(&key, &value[..end]).is_ok(), whole, "{end}");
        }
        assert_eq!(encode(7, change(7 + (1 << 31), 0, true)), None, "too far for the row");
        assert_eq!(encode(7, change(6, 0, true)), None, "before it");
    }
}
