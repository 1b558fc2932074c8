//! The operations of a class: how many there are, and which.
//!
//! A row holds at most 64 of them, so that an operation costs a class four bytes and seldom a row of its
//! own. The last row grows; the head of the class says where it begins.

use event::Seq;
use store::key::{self, Class};

use crate::error::ProjectorError;
use crate::overlay::Overlay;

/// How many operations a row holds.
const OPERATIONS_PER_ROW: usize = 64;

/// The head of a class: what counting the next operation needs to know.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) struct ClassHead {
    /// How many operations the class has.
    pub count: u64,
    /// The first operation in the last row; nothing for [`Class::ALL`], which has no rows.
    growing: Seq,
    /// The place of that operation in the class.
    place: u64,
}

fn damaged() -> ProjectorError {
    ProjectorError::row("a class")
}

impl ClassHead {
    pub(crate) fn encode(self) -> Vec<u8> {
        [self.count, self.growing, self.place].map(u64::to_be_bytes).concat()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<ClassHead, ProjectorError> {
        let ([count, growing, place], []) = bytes.as_chunks::<8>() else { return Err(damaged()) };
        let [count, growing, place] = [count, growing, place].map(|word| u64::from_be_bytes(*word));
        Ok(ClassHead { count, growing, place })
    }
}

/// Counts an operation among all of the log, and returns its place among them.
pub(crate) fn count(rows: &mut Overlay<'_>) -> Result<u64, ProjectorError> {
    let head = rows.class_head(Class::ALL)?.unwrap_or_default();
    let count = head.count + 1;
    rows.put_class_head(Class::ALL, ClassHead { count, ..head });
    Ok(count)
}

/// Adds an operation to its class.
pub(crate) fn record(rows: &mut Overlay<'_>, class: Class, seq: Seq) -> Result<(), ProjectorError> {
    let head = rows.class_head(class)?.unwrap_or_default();
    let count = head.count + 1;
    let fits = head.count > 0 && count < head.place + OPERATIONS_PER_ROW as u64;
    let distance = seq.checked_sub(head.growing).and_then(|distance| u32::try_from(distance).ok());
    let head = match distance.filter(|_| fits) {
        Some(distance) => {
            rows.append(key::by_class(class, head.growing), &distance.to_be_bytes())?;
            ClassHead { count, ..head }
        }
        None => {
            rows.put(key::by_class(class, seq), count.to_be_bytes().to_vec());
            ClassHead { count, growing: seq, place: count }
        }
    };
    rows.put_class_head(class, head);
    Ok(())
}

/// A decoded row of operations of a class.
pub(crate) struct ClassRow<'a> {
    first: Seq,
    place: u64,
    /// How far the operations after the first are from it.
    distances: &'a [[u8; 4]],
}

impl<'a> ClassRow<'a> {
    pub(crate) fn decode(key: &[u8], value: &'a [u8]) -> Result<ClassRow<'a>, ProjectorError> {
        let first = key::index_seq(key).ok_or_else(damaged)?;
        let (place, distances) = value.split_first_chunk::<8>().ok_or_else(damaged)?;
        let (distances, []) = distances.as_chunks::<4>() else { return Err(damaged()) };
        Ok(ClassRow { first, place: u64::from_be_bytes(*place), distances })
    }

    /// The first operation.
    pub(crate) fn first_seq(&self) -> Seq {
        self.first
    }

    /// The place of the first operation in the class, from 1.
    pub(crate) fn first_place(&self) -> u64 {
        self.place
    }

    /// The operations, oldest first.
    pub(crate) fn seqs(&self) -> impl DoubleEndedIterator<Item = Seq> + '_ {
        let later = self.distances.iter().map(|distance| u64::from(u32::from_be_bytes(*distance)));
        std::iter::once(self.first).chain(later.map(|distance| self.first + distance))
    }
}

#[cfg(test)]
mod tests {
    use event::{Application, Credential, ResourceType};

    use super::*;
    use crate::overlay::tests::MapRows;
    use crate::view::View;

    fn class(http_status: u16) -> Class {
        Class {
            application: Application(1),
            credential: Credential(2),
            status: 1,
            action: 1,
            resource_type: ResourceType::USER,
            effect: 1,
            http_status,
        }
    }

    /// Two classes in turn, published at random places, against plain lists.
    #[test]
    fn operations_of_a_class_are_those_of_a_plain_list() {
        let mut published = MapRows::default();
        let mut random = 99_u64;
        let mut below = |limit: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (random >> 33) % limit
        };
        let mut lists = [vec![], vec![]];
        let mut seq = 0;
        while lists[0].len() < 400 {
            let mut rows = Overlay::new(&published);
            for _ in 0..below(90) {
                seq += 1 + below(3);
                // Once in a while too far for the row.
                seq += if below(150) == 0 { 1 << 32 } else { 0 };
                let which = below(2) as usize;
                assert_eq!(count(&mut rows).unwrap() as usize, lists[0].len() + lists[1].len() + 1);
                record(&mut rows, class(which as u16), seq).unwrap();
                lists[which].push(seq);
            }
            let changes = rows.into_changed().to_rows();
            published.0.extend(changes.into_iter().filter_map(|(key, value)| Some((key, value?))));
        }
        let view = View::new(&published);
        assert_eq!(
            view.classes().unwrap(),
            [0, 1].map(|which| (class(which), lists[usize::from(which)].len() as u64))
        );
        for (which, list) in lists.iter().enumerate() {
            let class = class(which as u16);
            assert_eq!(view.first_of_class(class).unwrap(), list.first().copied());
            let edges = list.iter().flat_map(|seq| [*seq - 1, *seq, *seq + 1]);
            let edges: Vec<Seq> = edges.step_by(7).chain([0, Seq::MAX]).collect();
            for to in &edges {
                let older = list.iter().filter(|seq| *seq < to).count() as u64;
                assert_eq!(view.class_count_before(class, *to).unwrap(), older, "before {to}");
                for from in edges.iter().step_by(5) {
                    for limit in [0, 1, 70, usize::MAX] {
                        let inside = list.iter().rev().filter(|seq| (*from..*to).contains(seq));
                        let expected: Vec<Seq> = inside.copied().take(limit).collect();
                        assert_eq!(view.by_class(class, *from..*to, limit).unwrap(), expected);
                    }
                }
            }
        }
    }
}
