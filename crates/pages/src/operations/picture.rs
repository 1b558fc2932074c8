//! The histogram: how many operations of which status over time. Each bar leads to its time.

use answers::row::OperationBucket;

use crate::address::Given;
use crate::charts::{Axis, Bucket, Gap, Histogram, Series, Time};
use crate::view::{CoverageView, Tone};

/// How an operation may end, with its hue and how many of a time did.
type Counted = (&'static str, Tone, fn(&OperationBucket) -> u64);

/// The chart; nothing if no time was counted.
pub(super) fn picture(
    given: &Given,
    rows: &[OperationBucket],
    coverage: &CoverageView,
) -> Option<Histogram> {
    let time = |moment: &answers::Moment| Time::read(&moment.0);
    let (first, last) = rows.first().zip(rows.last())?;
    let gaps = coverage.gaps.iter().map(|gap| Gap {
        from: gap.from.as_deref().and_then(Time::read),
        to: gap.to.as_deref().and_then(Time::read),
        reason: gap.reason.clone(),
    });
    let axis = Axis::new(time(&first.start)?, time(&last.end)?).with_gaps(gaps.collect());
    let kinds: [Counted; 4] = [
        ("success", Tone::Good, |row| row.success),
        ("warning", Tone::Warn, |row| row.warning),
        ("failure", Tone::Bad, |row| row.failure),
        ("skipped", Tone::Quiet, |row| row.skipped),
    ];
    let bucket = |row: &OperationBucket| {
        let times = [("from", Some(row.start.0.as_str())), ("to", Some(row.end.0.as_str()))];
        let narrowed = given.with(&[times[0], times[1], ("open", None), ("q", None)]);
        let counts: Vec<u64> = kinds.iter().map(|(_, _, count)| count(row)).collect();
        let href = counts.iter().any(|count| *count > 0).then(|| narrowed.page());
        Some(Bucket { from: time(&row.start)?, to: time(&row.end)?, counts, href })
    };
    let series =
        |(word, tone, _): &(&str, Tone, _)| Series { word: (*word).to_owned(), tone: *tone };
    let chart = Histogram {
        caption: "Operations over time".to_owned(),
        axis,
        series: kinds.iter().map(series).collect(),
        buckets: rows.iter().filter_map(bucket).collect(),
        can_brush: true,
        is_small: false,
    };
    Some(chart.without_empty_kinds())
}

/// A few operations long before the others, as of an old log that was imported: drawn with them, everything
/// else would be a thin line at the edge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Apart {
    /// How many there are.
    pub(super) count: u64,
    /// Where their time begins and ends.
    pub(super) from: String,
    pub(super) to: String,
    /// Where the time of the others begins.
    pub(super) rest: String,
}

/// At most one in so many operations is set apart.
const APART_PART: u64 = 20;
/// The time without any between them and the others is at least this part of the whole.
const APART_GAP: usize = 3;

/// How many operations a part of the time has.
pub(super) fn count(row: &OperationBucket) -> u64 {
    row.success + row.warning + row.failure + row.skipped
}

/// The operations that are drawn apart, if there are any.
pub(super) fn apart(rows: &[OperationBucket]) -> Option<Apart> {
    let total: u64 = rows.iter().map(count).sum();
    let filled = rows.iter().enumerate().filter(|(_, row)| count(row) > 0).map(|(at, _)| at);
    let filled: Vec<usize> = filled.collect();
    // The last wide gap with few operations before it.
    let (last, first) = filled.windows(2).rev().find_map(|pair| {
        let (last, first) = (pair[0], pair[1]);
        let before: u64 = rows[..first].iter().map(count).sum();
        let is_wide = (first - last - 1) * APART_GAP >= rows.len();
        (is_wide && before * APART_PART <= total).then_some((last, first))
    })?;
    Some(Apart {
        count: rows[..first].iter().map(count).sum(),
        from: rows[filled[0]].start.0.clone(),
        to: rows[last].end.0.clone(),
        rest: rows[first].start.0.clone(),
    })
}

#[cfg(test)]
mod tests {
    use answers::Moment;

    use super::*;

    #[test]
    fn a_few_old_operations_are_set_apart() {
        let check = |counts: &[u64], expected: Option<(u64, usize, usize)>| {
            let time = |at: usize| Moment(format!("2026-01-{:02}T00:00:00Z", at + 1));
            let rows = counts.iter().enumerate().map(|(at, count)| OperationBucket {
                start: time(at),
                end: time(at + 1),
                success: *count,
                warning: 0,
                failure: 0,
                skipped: 0,
            });
            let found = apart(&rows.collect::<Vec<_>>());
            let expected = expected.map(|(count, last, first)| Apart {
                count,
                from: time(0).0,
                to: time(last + 1).0,
                rest: time(first).0,
            });
            assert_eq!(found, expected, "{counts:?}");
        };
        check(&[1, 0, 1, 0, 0, 0, 0, 0, 50, 40], Some((2, 2, 8)));
        // Two old logs, far from each other.
        check(&[1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 50, 40], Some((2, 5, 10)));
        // As many as that are no exception, and a short gap is none.
        check(&[30, 0, 1, 0, 0, 0, 0, 0, 50, 40], None);
        check(&[1, 0, 1, 1, 1, 1, 1, 0, 50, 40], None);
        check(&[0, 0, 0], None);
        check(&[], None);
    }
}
