//! Interval bars: one row for each member, one bar for each stay.

use askama::Template;

use super::{Axis, Figure, Time, fill};
use crate::view::{Cell, Look, Tone};

/// A stay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Its start, or when it was first seen.
    pub from: Time,
    /// Whether it started then. If not, the start of the bar is hatched.
    pub is_start_known: bool,
    /// Its end; none while it lasts: then the bar ends in an arrow.
    pub to: Option<Time>,
    /// Its hue.
    pub tone: Tone,
    /// What else is told of it.
    pub note: String,
    /// The event that began it.
    pub href: Option<String>,
}

/// A row.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BarRow {
    /// Whose stays they are.
    pub name: Cell,
    /// The stays, in the order of time.
    pub bars: Vec<Bar>,
}

/// Stays of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bars {
    /// What is drawn.
    pub caption: String,
    /// The heading of the names.
    pub names: String,
    /// The times that are shown.
    pub axis: Axis,
    /// The rows.
    pub rows: Vec<BarRow>,
    /// A time to mark: the one that the page is about.
    pub mark: Option<Time>,
}

struct Drawn {
    x: String,
    width: String,
    end: String,
    fill: &'static str,
    is_open: bool,
    is_start_known: bool,
    words: String,
}

struct Line<'a> {
    name: &'a Cell,
    bars: Vec<Drawn>,
    summary: String,
}

#[derive(Template)]
#[template(path = "charts/bars.html")]
struct Picture<'a> {
    chart: &'a Bars,
    lines: Vec<Line<'a>>,
    bands: Vec<(String, String, String)>,
    mark: Option<String>,
    plot: u32,
}

impl Bars {
    fn words(bar: &Bar) -> String {
        let start = if bar.is_start_known { "" } else { "seen since " };
        let end = bar.to.map_or_else(|| "now".to_owned(), Time::words);
        let note = if bar.note.is_empty() { String::new() } else { format!(", {}", bar.note) };
        format!("{start}{} to {end}{note}", bar.from.words())
    }

    fn is_seen(&self, bar: &Bar) -> bool {
        bar.from <= self.axis.to && bar.to.is_none_or(|to| to >= self.axis.from)
    }

    fn line<'a>(&self, row: &'a BarRow) -> Line<'a> {
        let drawn = |bar: &Bar| {
            let to = bar.to.unwrap_or(self.axis.to);
            Drawn {
                x: self.axis.x(bar.from),
                width: self.axis.wide(bar.from, to),
                end: self.axis.x(to),
                fill: fill(bar.tone),
                is_open: bar.to.is_none(),
                is_start_known: bar.is_start_known,
                words: Bars::words(bar),
            }
        };
        let bars: Vec<Drawn> = row.bars.iter().filter(|bar| self.is_seen(bar)).map(drawn).collect();
        let words: Vec<&str> = bars.iter().map(|bar| bar.words.as_str()).collect();
        let summary =
            if words.is_empty() { "none in this time".to_owned() } else { words.join("; ") };
        Line { name: &row.name, bars, summary }
    }

    /// The bars with the same stays as a table.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let picture = Picture {
            chart: self,
            lines: self.rows.iter().map(|row| self.line(row)).collect(),
            bands: self.axis.bands(),
            mark: self.mark.map(|mark| self.axis.x(mark)),
            plot: 0,
        };
        let stay = |name: &Cell, bar: &Bar| {
            let from = Cell::time(bar.from.moment());
            let from = match &bar.href {
                Some(href) => from.linked(href),
                None => from,
            };
            let known = if bar.is_start_known { "yes" } else { "no: seen since" };
            let to = bar.to.map_or_else(|| Cell::text("lasts"), |to| Cell::time(to.moment()));
            vec![name.clone(), from, Cell::text(known), to, Cell::text(bar.note.clone())]
        };
        let rows = self.rows.iter().flat_map(|row| row.bars.iter().map(|bar| stay(&row.name, bar)));
        Figure {
            caption: self.caption.clone(),
            remark: self.axis.words(),
            picture: picture.to_string(),
            legend: Vec::new(),
            headings: Figure::columns(&[
                (Look::Text, &self.names),
                (Look::Time, "Start"),
                (Look::Text, "Start known"),
                (Look::Time, "End"),
                (Look::Text, "Remark"),
            ]),
            rows: rows.collect(),
            has_gaps: !self.axis.bands().is_empty(),
        }
    }
}
