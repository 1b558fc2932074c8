//! A number that holds until it changes, and the same very small.

use std::borrow::Cow;
use std::fmt::Write;

use askama::Template;

use super::{Axis, Figure, Time, round_up, short};
use crate::text::grouped;
use crate::view::{Cell, Look};

/// What the number is from a time on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Point {
    /// From when.
    pub at: Time,
    /// The number.
    pub value: u64,
}

/// A number over time: the size of a group, say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Steps {
    /// What is counted.
    pub caption: String,
    /// What one is called when there are several: `members`.
    pub unit: String,
    /// The times that are shown.
    pub axis: Axis,
    /// The changes, in the order of time.
    pub points: Vec<Point>,
    /// Whether the points are no changes but what the number was at some instants: it changed more often.
    pub is_sampled: bool,
    /// A time to mark: the one that the page is about.
    pub mark: Option<Time>,
    /// The start of an address that ends in an instant: each number leads there.
    pub link: Option<String>,
}

/// More points than this cannot be told apart.
const POINTS_MAX: usize = 400;

#[derive(Template)]
#[template(path = "charts/steps.html")]
struct Picture<'a> {
    chart: &'a Steps,
    area: String,
    line: String,
    summary: String,
    top: String,
    mark: Option<String>,
    plot: u32,
    hits: Vec<Hit>,
}

/// The time in which a number holds, as a place to click.
struct Hit {
    x: String,
    width: String,
    href: String,
    words: String,
}

const PLOT: u32 = 96;

impl Steps {
    /// The points that are drawn: all, or the last in each of many equal parts of the time.
    fn drawn(&self) -> Cow<'_, [Point]> {
        if self.points.len() <= POINTS_MAX {
            return Cow::Borrowed(&self.points);
        }
        let part = |point: &Point| (self.axis.place(point.at) / 100.0 * POINTS_MAX as f64) as u64;
        let mut drawn: Vec<Point> = Vec::with_capacity(POINTS_MAX + 1);
        for point in &self.points {
            match drawn.last_mut() {
                Some(last) if part(last) == part(point) => *last = *point,
                _ => drawn.push(*point),
            }
        }
        Cow::Owned(drawn)
    }

    /// The address of the instant at which a number holds. A point is known to the second, and what made it
    /// may have happened later in that second.
    fn href(&self, point: &Point) -> Option<String> {
        let moment = Time(point.at.0.saturating_add(1)).moment();
        Some(format!("{}{}", self.link.as_ref()?, answers::encoded(&moment)))
    }

    fn hits(&self, points: &[Point]) -> Vec<Hit> {
        let ends = points.iter().skip(1).map(|point| point.at).chain([self.axis.to]);
        let hit = |(point, end): (&Point, Time)| {
            let value = grouped(point.value);
            let since = if self.is_sampled { "at" } else { "from" };
            Some(Hit {
                x: self.axis.x(point.at),
                width: self.axis.wide(point.at, end),
                href: self.href(point)?,
                words: format!("{value} {} {since} {} UTC", self.unit, point.at.words()),
            })
        };
        points.iter().zip(ends).filter_map(hit).collect()
    }

    /// The chart with its numbers.
    #[must_use]
    pub fn figure(&self) -> Figure {
        let points = self.drawn();
        let top = round_up(points.iter().map(|point| point.value).max().unwrap_or(0));
        // The inner picture is 1000 wide and 100 high, and stretched to its place.
        let y = |value: u64| short(100.0 - value as f64 / top.max(1) as f64 * 100.0);
        let mut line = String::new();
        let mut start = None;
        for point in points.iter() {
            let x = short(self.axis.place(point.at) * 10.0);
            // Writing into a String cannot fail.
            let _ = match start {
                None => write!(line, "M{x} {}", y(point.value)),
                Some(_) => write!(line, "H{x}V{}", y(point.value)),
            };
            start.get_or_insert(x);
        }
        let area = match &start {
            Some(start) => {
                line.push_str("H1000");
                format!("{line}V100H{start}Z")
            }
            None => String::new(),
        };
        let range = match (points.first(), points.last()) {
            (Some(first), Some(last)) => {
                let most = points.iter().map(|point| point.value).max().unwrap_or(0);
                // Between two of them it may have been more.
                let among = if self.is_sampled { " at these instants" } else { "" };
                format!(
                    "{} at first, {} at last, {} at most{among}",
                    grouped(first.value),
                    grouped(last.value),
                    grouped(most),
                )
            }
            _ => "nothing is known".to_owned(),
        };
        let picture = Picture {
            chart: self,
            area,
            line,
            summary: format!("{}, {}: {range}", self.caption, self.axis.words()),
            top: format!("{} {}", grouped(top), self.unit),
            mark: self.mark.map(|mark| self.axis.x(mark)),
            plot: PLOT,
            hits: self.hits(&points),
        };
        let left_out = self.points.len() - points.len();
        let remark = match left_out {
            0 if self.is_sampled => format!(
                "{}; as it was at {} instants, because it changed more often",
                self.axis.words(),
                grouped(points.len() as u64),
            ),
            0 => self.axis.words(),
            _ => format!(
                "{}; {} of {} changes can be told apart",
                self.axis.words(),
                grouped(points.len() as u64),
                grouped(self.points.len() as u64),
            ),
        };
        Figure {
            caption: self.caption.clone(),
            remark,
            picture: picture.to_string(),
            legend: Vec::new(),
            headings: Figure::columns(&[
                (Look::Time, if self.is_sampled { "At" } else { "From" }),
                (Look::Number, &self.unit),
            ]),
            rows: points
                .iter()
                .map(|point| {
                    let time = Cell::time(point.at.moment());
                    let time = match self.href(point) {
                        Some(href) => time.linked(href),
                        None => time,
                    };
                    vec![time, Cell::number(point.value)]
                })
                .collect(),
            has_gaps: !self.axis.bands().is_empty(),
        }
    }
}

/// A row of numbers as a line without axis, as high as a line of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spark {
    /// What they are, with the last of them in words: it is all that is read aloud.
    pub words: String,
    /// The numbers.
    pub values: Vec<u64>,
}

#[derive(Template)]
#[template(path = "charts/spark.html")]
struct SparkPicture<'a> {
    words: &'a str,
    points: String,
}

impl Spark {
    /// The picture.
    #[must_use]
    pub fn picture(&self) -> String {
        let most = self.values.iter().copied().max().unwrap_or(0).max(1) as f64;
        let step = 100.0 / (self.values.len().max(2) - 1) as f64;
        let point = |(at, value): (usize, &u64)| {
            format!("{},{}", short(at as f64 * step), short(19.0 - *value as f64 / most * 18.0))
        };
        let points: Vec<String> = self.values.iter().enumerate().map(point).collect();
        SparkPicture { words: &self.words, points: points.join(" ") }.to_string()
    }
}
