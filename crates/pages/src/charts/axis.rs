//! The time axis.

use chrono::{DateTime, Datelike, Months, NaiveDate, Utc};

use super::short;

/// An instant to the second, in seconds since 1970 in UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub i64);

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

impl Time {
    /// Reads RFC 3339; nothing if it is something else.
    #[must_use]
    pub fn read(moment: &str) -> Option<Time> {
        DateTime::parse_from_rfc3339(moment).ok().map(|time| Time(time.timestamp()))
    }

    fn date(self) -> Option<DateTime<Utc>> {
        DateTime::from_timestamp(self.0, 0)
    }

    /// RFC 3339 to the second.
    #[must_use]
    pub fn moment(self) -> String {
        self.date().map_or_else(String::new, |date| date.format("%Y-%m-%dT%H:%M:%SZ").to_string())
    }

    /// As people read it: the date alone at midnight, else with the time, without seconds if they are 0.
    #[must_use]
    pub fn words(self) -> String {
        let form = match self.0 {
            time if time % DAY == 0 => "%Y-%m-%d",
            time if time % MINUTE == 0 => "%Y-%m-%d %H:%M",
            _ => "%Y-%m-%d %H:%M:%S",
        };
        self.date().map_or_else(String::new, |date| date.format(form).to_string())
    }
}

/// A time that was not watched: drawn as a hatched band. Without an end it lasts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gap {
    /// Its start; none if it is unknown.
    pub from: Option<Time>,
    /// Its end; none while it lasts.
    pub to: Option<Time>,
    /// Why nothing was watched.
    pub reason: String,
}

/// A mark on the axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tick {
    /// Where, in per cent.
    pub x: String,
    /// What is written there.
    pub label: String,
    /// How the label lies at its place, so that it does not leave the picture.
    pub anchor: &'static str,
}

/// The times that a chart shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Axis {
    /// The left end.
    pub from: Time,
    /// The right end.
    pub to: Time,
    /// What was not watched.
    pub gaps: Vec<Gap>,
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Seconds(i64),
    Months(u32),
}

const STEPS: [Step; 20] = [
    Step::Seconds(1),
    Step::Seconds(10),
    Step::Seconds(MINUTE),
    Step::Seconds(5 * MINUTE),
    Step::Seconds(15 * MINUTE),
    Step::Seconds(30 * MINUTE),
    Step::Seconds(HOUR),
    Step::Seconds(3 * HOUR),
    Step::Seconds(6 * HOUR),
    Step::Seconds(12 * HOUR),
    Step::Seconds(DAY),
    Step::Seconds(2 * DAY),
    Step::Seconds(7 * DAY),
    Step::Seconds(14 * DAY),
    Step::Months(1),
    Step::Months(3),
    Step::Months(6),
    Step::Months(12),
    Step::Months(5 * 12),
    Step::Months(20 * 12),
];

impl Step {
    fn seconds(self) -> i64 {
        match self {
            Step::Seconds(seconds) => seconds,
            Step::Months(months) => i64::from(months) * 30 * DAY,
        }
    }
}

impl Axis {
    /// An axis; an end that is not after the start is put after it.
    #[must_use]
    pub fn new(from: Time, to: Time) -> Axis {
        Axis { from, to: to.max(Time(from.0.saturating_add(1))), gaps: Vec::new() }
    }

    /// The axis with the times that were not watched.
    #[must_use]
    pub fn with_gaps(mut self, gaps: Vec<Gap>) -> Axis {
        self.gaps = gaps;
        self
    }

    /// Where a time is, from 0 to 100; a time outside is at the nearer end.
    #[must_use]
    pub fn place(&self, time: Time) -> f64 {
        let span = (self.to.0 as f64 - self.from.0 as f64).max(1.0);
        ((time.0 as f64 - self.from.0 as f64) / span * 100.0).clamp(0.0, 100.0)
    }

    pub(crate) fn x(&self, time: Time) -> String {
        short(self.place(time))
    }

    /// The width in per cent between two times.
    pub(super) fn wide(&self, from: Time, to: Time) -> String {
        short((self.place(to) - self.place(from)).max(0.0))
    }

    /// The first and the last time, in words.
    #[must_use]
    pub fn words(&self) -> String {
        format!("{} to {} UTC", self.from.words(), self.to.words())
    }

    /// The bands of what was not watched and can be seen: place and width in per cent, and the words.
    pub(crate) fn bands(&self) -> Vec<(String, String, String)> {
        let seen = |gap: &&Gap| {
            gap.from.is_none_or(|from| from < self.to) && gap.to.is_none_or(|to| to > self.from)
        };
        self.gaps.iter().filter(seen).map(|gap| self.band(gap)).collect()
    }

    pub(super) fn band(&self, gap: &Gap) -> (String, String, String) {
        let (from, to) = (gap.from.unwrap_or(self.from), gap.to.unwrap_or(self.to));
        let words =
            |time: Option<Time>, none: &str| time.map_or_else(|| none.to_owned(), Time::words);
        let (start, end) = (words(gap.from, "the beginning"), words(gap.to, "now"));
        let words = format!("not watched: {start} to {end}, {}", gap.reason);
        (self.x(from), self.wide(from, to), words)
    }

    /// Marks at round times, at most 9.
    #[must_use]
    pub fn ticks(&self) -> Vec<Tick> {
        let span = self.to.0.saturating_sub(self.from.0);
        let fits = |step: &&Step| span / step.seconds() < 8;
        let step = STEPS.iter().find(fits).copied().unwrap_or(Step::Months(100 * 12));
        let times = match step {
            Step::Seconds(seconds) => self.even(seconds),
            Step::Months(months) => self.months(months),
        };
        times.into_iter().map(|time| self.tick(time, step)).collect()
    }

    fn even(&self, step: i64) -> Vec<Time> {
        // Weeks begin on Monday; 1970 began on a Thursday.
        let shift = if step % (7 * DAY) == 0 { 4 * DAY } else { 0 };
        let first = (self.from.0 - shift).div_euclid(step) * step + shift;
        (0..12)
            .map(|at| Time(first + at * step))
            .filter(|time| (self.from..=self.to).contains(time))
            .collect()
    }

    fn months(&self, step: u32) -> Vec<Time> {
        let Some(start) = self.from.date() else { return Vec::new() };
        let year = if step > 12 {
            start.year() - start.year().rem_euclid((step / 12) as i32)
        } else {
            start.year()
        };
        let first = NaiveDate::from_ymd_opt(year, 1, 1);
        let at = |number: u32| {
            let date = first?.checked_add_months(Months::new(number.checked_mul(step)?))?;
            Some(Time(date.and_time(chrono::NaiveTime::MIN).and_utc().timestamp()))
        };
        (0..40)
            .map_while(at)
            .skip_while(|time| *time < self.from)
            .take_while(|time| *time <= self.to)
            .collect()
    }

    fn tick(&self, time: Time, step: Step) -> Tick {
        let form = match step {
            Step::Seconds(_) if time.0 % DAY == 0 => "%-d %b",
            Step::Seconds(seconds) if seconds < MINUTE => "%H:%M:%S",
            Step::Seconds(_) => "%H:%M",
            Step::Months(months) if months >= 12 => "%Y",
            Step::Months(_) => "%b %Y",
        };
        let place = self.place(time);
        let anchor = match place {
            place if place < 4.0 => "start",
            place if place > 96.0 => "end",
            _ => "middle",
        };
        let label = time.date().map_or_else(String::new, |date| date.format(form).to_string());
        Tick { x: short(place), label, anchor }
    }
}
