//! The columns of tables for people, and functions that format cells.

/// A column of a table, or a line of an answer about one thing.
pub struct Column<Row> {
    /// Its heading.
    pub heading: &'static str,
    /// How it may be shortened.
    pub width: Width,
    /// The members of a row that it shows.
    pub members: &'static [&'static str],
    /// The text of a row's cell, not yet escaped.
    pub cell: fn(&Row) -> String,
    /// Whether it is hidden when the title names the application.
    pub is_application: bool,
}

/// How a column may be shortened when the terminal is too narrow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// Ids, times, single words: never cut.
    Whole,
    /// Numbers, aligned to the right: never cut.
    Number,
    /// Texts of any length: cut.
    Text,
    /// Additional texts: cut before others, and left out before others become too short.
    Extra,
}

impl<Row> Clone for Column<Row> {
    fn clone(&self) -> Column<Row> {
        *self
    }
}

impl<Row> Copy for Column<Row> {}

impl<Row> Column<Row> {
    const fn new(
        width: Width,
        heading: &'static str,
        members: &'static [&'static str],
        cell: fn(&Row) -> String,
    ) -> Column<Row> {
        Column { heading, width, members, cell, is_application: false }
    }

    /// A column that is never cut.
    #[must_use]
    pub const fn whole(
        heading: &'static str,
        members: &'static [&'static str],
        cell: fn(&Row) -> String,
    ) -> Column<Row> {
        Column::new(Width::Whole, heading, members, cell)
    }

    /// A column of numbers.
    #[must_use]
    pub const fn number(
        heading: &'static str,
        members: &'static [&'static str],
        cell: fn(&Row) -> String,
    ) -> Column<Row> {
        Column::new(Width::Number, heading, members, cell)
    }

    /// A column of texts of any length.
    #[must_use]
    pub const fn text(
        heading: &'static str,
        members: &'static [&'static str],
        cell: fn(&Row) -> String,
    ) -> Column<Row> {
        Column::new(Width::Text, heading, members, cell)
    }

    /// A column of additional texts.
    #[must_use]
    pub const fn extra(
        heading: &'static str,
        members: &'static [&'static str],
        cell: fn(&Row) -> String,
    ) -> Column<Row> {
        Column::new(Width::Extra, heading, members, cell)
    }

    /// The application's column, hidden when the title names the application.
    #[must_use]
    pub const fn application(cell: fn(&Row) -> String) -> Column<Row> {
        let column = Column::new(Width::Text, "Application", &["application"], cell);
        Column { is_application: true, ..column }
    }
}

/// The text; empty for `None`.
#[must_use]
pub(crate) fn or_nothing(text: Option<&String>) -> String {
    text.cloned().unwrap_or_default()
}

/// The first text that is present; empty if none is.
#[must_use]
pub fn first(texts: &[&Option<String>]) -> String {
    texts.iter().find_map(|text| text.as_ref()).cloned().unwrap_or_default()
}

/// The number as text; empty for `None`.
#[must_use]
pub fn number<N: ToString>(number: Option<N>) -> String {
    number.map(|number| number.to_string()).unwrap_or_default()
}

/// The time to the second; empty for `None`.
#[must_use]
pub fn second(moment: Option<&crate::Moment>) -> String {
    moment.map(crate::Moment::second).unwrap_or_default()
}

/// The time since when something has been so: `by` a time if only its first sighting is known.
#[must_use]
pub fn since(moment: Option<&crate::Moment>, start_known: bool) -> String {
    match second(moment) {
        time if start_known || time.is_empty() => time,
        time => format!("by {time}"),
    }
}

/// A number with commas between its thousands.
#[must_use]
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The words for an active or inactive account.
#[must_use]
pub fn activity(active: bool) -> &'static str {
    if active { "active" } else { "inactive" }
}

/// `yes` or `no`.
#[must_use]
pub(crate) fn yes_or_no(yes: bool) -> &'static str {
    if yes { "yes" } else { "no" }
}

/// The word of an enum's value in JSON.
#[must_use]
pub fn word<W: serde::Serialize>(word: &W) -> String {
    any(&serde_json::to_value(word).unwrap_or_default())
}

/// A JSON value as a cell: texts without quotes, empty for null.
#[must_use]
pub fn any(value: &serde_json::Value) -> String {
    match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A row lists at most this many groups and counts the others.
pub(crate) const GROUPS_MAX: usize = 12;

/// Joins texts with commas. Counts those beyond the first `max`.
#[must_use]
pub fn several(texts: &[String], max: usize) -> String {
    let mut text = texts[..texts.len().min(max)].join(", ");
    if texts.len() > max {
        text.push_str(&format!(" and {} more", count((texts.len() - max) as u64)));
    }
    text
}

/// A length of time in its two largest units, such as `1d 3h`.
#[must_use]
pub fn span(seconds: u64) -> String {
    let units = [(86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let mut left = seconds;
    let parts = units.map(|(length, unit)| {
        let whole = left / length;
        left %= length;
        (whole, unit)
    });
    let first = parts.iter().position(|(whole, _)| *whole > 0);
    let Some(first) = first else { return "0s".to_owned() };
    let parts = parts[first..].iter().take(2).filter(|(whole, _)| *whole > 0);
    parts.map(|(whole, unit)| format!("{whole}{unit}")).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_has_two_units_at_most() {
        let check = |seconds: u64, expected: &str| assert_eq!(span(seconds), expected);
        check(0, "0s");
        check(59, "59s");
        check(60, "1m");
        check(61, "1m 1s");
        check(3_599, "59m 59s");
        check(97_325, "1d 3h");
        check(86_400 + 59, "1d");
        check(365 * 86_400, "365d");
    }

    #[test]
    fn counts_have_their_thousands_apart() {
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (33_012, "33,012")] {
            assert_eq!(count(number), expected);
        }
        assert_eq!(count(1_234_567), "1,234,567");
    }

    #[test]
    fn what_was_only_seen_began_by_then() {
        let moment = crate::Moment("2026-03-01T08:00:00.500000Z".to_owned());
        assert_eq!(since(Some(&moment), true), "2026-03-01T08:00:00Z");
        assert_eq!(since(Some(&moment), false), "by 2026-03-01T08:00:00Z");
        assert_eq!(since(None, false), "");
    }
}
