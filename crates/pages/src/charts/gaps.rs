//! A strip of time with the parts that were not watched.

use askama::Template;

use super::{Axis, Figure, Gap, Time};
use crate::view::{Cell, Look};

/// What was watched of a time, and what was not: the gaps of the axis.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strip {
    /// What was watched.
    pub caption: String,
    /// The times that are shown, with the gaps.
    pub axis: Axis,
    /// Whether it is drawn small, without axis.
    pub is_small: bool,
}

#[derive(Template)]
#[template(path = "charts/gaps.html")]
struct Picture<'a> {
    chart: &'a Strip,
    summary: String,
    plot: u32,
}

impl Strip {
    fn summary(&self) -> String {
        let count = match self.axis.bands().len() {
            0 => "watched without a gap".to_owned(),
            1 => "1 gap".to_owned(),
            gaps => format!("{gaps} gaps"),
        };
        format!("{}, {}: {count}", self.caption, self.axis.words())
    }

    /// The strip with its gaps as a table.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let picture = Picture {
            chart: self,
            summary: self.summary(),
            plot: if self.is_small { 10 } else { 16 },
        };
        let end = |time: Option<Time>, none: &str| {
            time.map_or_else(|| Cell::text(none), |time| Cell::time(time.moment()))
        };
        let row = |gap: &Gap| {
            vec![end(gap.from, "the beginning"), end(gap.to, "now"), Cell::text(gap.reason.clone())]
        };
        Figure {
            caption: self.caption.clone(),
            remark: self.axis.words(),
            picture: picture.to_string(),
            legend: Vec::new(),
            headings: Figure::columns(&[
                (Look::Time, "From"),
                (Look::Time, "To"),
                (Look::Text, "Why"),
            ]),
            rows: self.axis.gaps.iter().map(row).collect(),
            has_gaps: !self.axis.bands().is_empty(),
        }
    }
}
