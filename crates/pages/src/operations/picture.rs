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
    // Most stores have no warnings: a kind without a bar needs no place in the legend.
    let kinds = kinds.into_iter().filter(|(word, _, count)| {
        *word == "success" || *word == "failure" || rows.iter().any(|row| count(row) > 0)
    });
    let kinds: Vec<_> = kinds.collect();
    let bucket = |row: &OperationBucket| {
        let times = [("from", Some(row.start.0.as_str())), ("to", Some(row.end.0.as_str()))];
        let narrowed = given.with(&[times[0], times[1], ("open", None), ("q", None)]);
        let counts: Vec<u64> = kinds.iter().map(|(_, _, count)| count(row)).collect();
        let href = counts.iter().any(|count| *count > 0).then(|| narrowed.page());
        Some(Bucket { from: time(&row.start)?, to: time(&row.end)?, counts, href })
    };
    let series =
        |(word, tone, _): &(&str, Tone, _)| Series { word: (*word).to_owned(), tone: *tone };
    Some(Histogram {
        caption: "Operations over time".to_owned(),
        axis,
        series: kinds.iter().map(series).collect(),
        buckets: rows.iter().filter_map(bucket).collect(),
        can_brush: true,
        is_small: false,
    })
}
