//! Members of several groups at the same time.

use std::collections::BTreeMap;
use std::ops::Range;

use event::{Application, Number, Seq};
use projector::{ProjectorError, View};

use crate::history::{Interval, intervals_of_group};

/// A stretch in which somebody was in all of the groups.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Overlap {
    /// The member.
    pub member: Number,
    /// The event with which the last of the memberships began.
    pub start: Seq,
    /// The event with which the first of them ended; `None` while all last.
    pub end: Option<Seq>,
}

/// The stretches that meet a range of events and in which somebody was a direct member of all the
/// groups; by member and start.
///
/// # Errors
/// When the rows cannot be read.
pub(crate) fn overlaps(
    view: &View<'_>,
    application: Application,
    groups: &[Number],
    seqs: &Range<Seq>,
) -> Result<Vec<Overlap>, ProjectorError> {
    let everything = 0..Seq::MAX;
    let mut together: Option<BTreeMap<Number, Vec<Stretch>>> = None;
    for group in groups {
        let mut of_group = BTreeMap::<Number, Vec<Stretch>>::new();
        for Interval { member, start, end, .. } in
            intervals_of_group(view, application, *group, &everything)?
        {
            of_group.entry(member).or_default().push((start, end));
        }
        together = Some(match together {
            None => of_group,
            Some(before) => {
                let both = before.into_iter().filter_map(|(member, stretches)| {
                    let others = of_group.get(&member)?;
                    Some((member, intersection(&stretches, others)))
                });
                both.collect()
            }
        });
    }
    let stretches = together.unwrap_or_default().into_iter();
    let all = stretches.flat_map(|(member, stretches)| {
        stretches.into_iter().map(move |(start, end)| Overlap { member, start, end })
    });
    let meets = |one: &Overlap| one.start < seqs.end && one.end.is_none_or(|end| end >= seqs.start);
    Ok(all.filter(meets).collect())
}

type Stretch = (Seq, Option<Seq>);

/// The intersection of two ordered lists of half-open stretches.
fn intersection(one: &[Stretch], other: &[Stretch]) -> Vec<Stretch> {
    let end_of = |end: Option<Seq>| end.unwrap_or(Seq::MAX);
    let (mut left, mut right) = (one.iter().peekable(), other.iter().peekable());
    let mut common = vec![];
    while let (Some(&&a), Some(&&b)) = (left.peek(), right.peek()) {
        let start = a.0.max(b.0);
        let end = if end_of(a.1) <= end_of(b.1) { a.1 } else { b.1 };
        if start < end_of(end) {
            common.push((start, end));
        }
        if end_of(a.1) <= end_of(b.1) {
            left.next();
        } else {
            right.next();
        }
    }
    common
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_have_in_common_what_both_hold() {
        let check = |one: &[Stretch], other: &[Stretch], expected: &[Stretch]| {
            assert_eq!(intersection(one, other), expected);
            assert_eq!(intersection(other, one), expected);
        };
        check(&[(1, Some(5))], &[(3, None)], &[(3, Some(5))]);
        check(&[(1, Some(3))], &[(3, None)], &[]);
        check(&[(1, None)], &[(2, None)], &[(2, None)]);
        check(&[(1, Some(4)), (6, Some(9))], &[(2, Some(7))], &[(2, Some(4)), (6, Some(7))]);
        check(&[(1, Some(9))], &[(2, Some(3)), (5, Some(6))], &[(2, Some(3)), (5, Some(6))]);
        check(&[], &[(2, None)], &[]);
    }
}
