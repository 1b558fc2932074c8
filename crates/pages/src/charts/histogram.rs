//! Stacked bars: how many of what kind in each part of a time.

use askama::Template;

use super::{Axis, Figure, Legend, Time, fill, pattern, round_up, short};
use crate::text::grouped;
use crate::view::{Cell, Look, Tone};

/// One kind of what is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    /// Its word.
    pub word: String,
    /// Its hue.
    pub tone: Tone,
}

/// A part of the time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bucket {
    /// Its start.
    pub from: Time,
    /// Its end.
    pub to: Time,
    /// How many of each kind, in the order of the kinds.
    pub counts: Vec<u64>,
    /// The page that shows this part alone.
    pub href: Option<String>,
}

/// Counts by kind over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram {
    /// What is counted.
    pub caption: String,
    /// The times that are shown.
    pub axis: Axis,
    /// The kinds, from below.
    pub series: Vec<Series>,
    /// The parts.
    pub buckets: Vec<Bucket>,
    /// Whether the script lets the reader narrow the time by dragging.
    pub can_brush: bool,
    /// Whether it is drawn small, without axis, legend and numbers in view.
    pub is_small: bool,
}

struct Part {
    y: String,
    height: String,
    fill: &'static str,
    pattern: Option<&'static str>,
}

struct Column<'a> {
    x: String,
    width: String,
    parts: Vec<Part>,
    words: String,
    href: Option<&'a str>,
}

#[derive(Template)]
#[template(path = "charts/histogram.html")]
struct Picture<'a> {
    chart: &'a Histogram,
    columns: Vec<Column<'a>>,
    summary: String,
    top: String,
    plot: u32,
}

const PLOT: u32 = 96;
const SMALL_PLOT: u32 = 36;

impl Histogram {
    fn has_links(&self) -> bool {
        self.buckets.iter().any(|bucket| bucket.href.is_some())
    }

    fn total(&self, series: usize) -> u64 {
        self.buckets.iter().filter_map(|bucket| bucket.counts.get(series)).sum()
    }

    /// The chart without kinds that nothing is of: they need no place in the legend. What succeeded and what
    /// failed is always told.
    #[must_use]
    pub fn without_empty_kinds(mut self) -> Histogram {
        let is_told = |at: usize, series: &Series| {
            matches!(series.tone, Tone::Good | Tone::Bad) || self.total(at) > 0
        };
        let told: Vec<bool> =
            self.series.iter().enumerate().map(|(at, series)| is_told(at, series)).collect();
        let mut of_series = told.iter();
        self.series.retain(|_| *of_series.next().unwrap_or(&true));
        for bucket in &mut self.buckets {
            let mut of_counts = told.iter();
            bucket.counts.retain(|_| *of_counts.next().unwrap_or(&true));
        }
        self
    }

    fn summary(&self) -> String {
        let parts: Vec<String> = (self.series.iter().enumerate())
            .map(|(at, series)| format!("{} {}", grouped(self.total(at)), series.word))
            .collect();
        format!("{}, {}: {}", self.caption, self.axis.words(), parts.join(", "))
    }

    fn column<'a>(&self, bucket: &'a Bucket, top: u64, plot: u32) -> Column<'a> {
        let mut below = 0u64;
        let mut parts = Vec::new();
        let mut words = Vec::new();
        let scale = f64::from(plot) / top.max(1) as f64;
        for (series, count) in
            self.series.iter().zip(&bucket.counts).filter(|(_, count)| **count > 0)
        {
            // One of a million is still something: it is at least one pixel high.
            let height = (*count as f64 * scale).max(1.0);
            let y = (f64::from(plot) - below as f64 * scale - height).max(0.0);
            let (fill, pattern) = (fill(series.tone), pattern(series.tone));
            parts.push(Part { y: short(y), height: short(height), fill, pattern });
            words.push(format!("{} {}", grouped(*count), series.word));
            below = below.saturating_add(*count);
        }
        let words = if words.is_empty() { "nothing".to_owned() } else { words.join(", ") };
        Column {
            x: self.axis.x(bucket.from),
            width: self.axis.wide(bucket.from, bucket.to),
            parts,
            words: format!("{} to {}: {words}", bucket.from.words(), bucket.to.words()),
            href: bucket.href.as_deref(),
        }
    }

    /// The chart with its numbers.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let most =
            self.buckets.iter().map(|bucket| bucket.counts.iter().sum::<u64>()).max().unwrap_or(0);
        let top = round_up(most);
        let plot = if self.is_small { SMALL_PLOT } else { PLOT };
        let columns = self.buckets.iter().map(|bucket| self.column(bucket, top, plot)).collect();
        let picture =
            Picture { chart: self, columns, summary: self.summary(), top: grouped(top), plot };
        let mut headings = Figure::columns(&[(Look::Time, "From"), (Look::Time, "To")]);
        headings.extend(
            self.series.iter().map(|series| crate::view::Heading::new(Look::Number, &series.word)),
        );
        let row = |bucket: &Bucket| {
            let from = Cell::time(bucket.from.moment());
            let from = match &bucket.href {
                Some(href) => from.linked(href),
                None => from,
            };
            let mut row = vec![from, Cell::time(bucket.to.moment())];
            row.extend(bucket.counts.iter().map(|count| Cell::number(*count)));
            row
        };
        let legend = |(at, series): (usize, &Series)| Legend {
            tone: series.tone,
            word: series.word.clone(),
            total: Some(self.total(at)),
        };
        Figure {
            caption: self.caption.clone(),
            remark: self.axis.words(),
            picture: picture.to_string(),
            legend: self.series.iter().enumerate().map(legend).collect(),
            headings,
            rows: self
                .buckets
                .iter()
                .filter(|bucket| bucket.counts.iter().any(|count| *count > 0))
                .map(row)
                .collect(),
            has_gaps: !self.axis.bands().is_empty(),
        }
    }
}
