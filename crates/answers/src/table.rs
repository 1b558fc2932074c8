//! The columns of tables for people, and functions that format cells.

use crate::Lead;

/// A column of a table, or a line of an answer about one thing.
pub struct Column<Row> {
    /// Its heading.
    pub heading: Heading,
    text: fn(&Row) -> String,
    lead: Option<fn(&Row) -> Option<Lead>>,
}

/// The heading of a column: what the column shows, and how.
#[derive(Clone, Copy, Debug)]
pub struct Heading {
    /// Its text.
    pub text: &'static str,
    /// How the column may be shortened.
    pub width: Width,
    /// What its cells are.
    pub look: Look,
    /// The members of a row that the column shows.
    pub members: &'static [&'static str],
    /// Whether the column is hidden when the title names the application.
    pub is_application: bool,
}

/// A cell: a text, not yet escaped, and where it leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cell {
    /// Its text.
    pub text: String,
    /// Where it leads.
    pub lead: Option<Lead>,
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

/// What the cells of a column are, which decides how a page draws them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Words and names.
    Text,
    /// A number.
    Number,
    /// A time to the second, perhaps with words around it, or a word in its place. [`time_in`] finds it.
    Time,
    /// The number of an event, perhaps with a word before it.
    Event,
    /// An id, a digest or a network address: something that people compare letter by letter.
    Id,
    /// A word for a status, perhaps with an explanation behind it.
    Status,
}

impl Heading {
    const fn new(text: &'static str, width: Width, look: Look) -> Heading {
        Heading { text, width, look, members: &[], is_application: false }
    }

    /// Of texts that are never cut.
    #[must_use]
    pub const fn whole(text: &'static str) -> Heading {
        Heading::new(text, Width::Whole, Look::Text)
    }

    /// Of numbers.
    #[must_use]
    pub const fn number(text: &'static str) -> Heading {
        Heading::new(text, Width::Number, Look::Number)
    }

    /// Of texts of any length.
    #[must_use]
    pub const fn text(text: &'static str) -> Heading {
        Heading::new(text, Width::Text, Look::Text)
    }

    /// Of additional texts.
    #[must_use]
    pub const fn extra(text: &'static str) -> Heading {
        Heading::new(text, Width::Extra, Look::Text)
    }

    /// Of times.
    #[must_use]
    pub const fn time(text: &'static str) -> Heading {
        Heading::new(text, Width::Whole, Look::Time)
    }

    /// Of the numbers of events.
    #[must_use]
    pub const fn event(text: &'static str) -> Heading {
        Heading::new(text, Width::Number, Look::Event)
    }

    /// Of ids.
    #[must_use]
    pub const fn id(text: &'static str) -> Heading {
        Heading::new(text, Width::Whole, Look::Id)
    }

    /// Of words for a status.
    #[must_use]
    pub const fn status(text: &'static str) -> Heading {
        Heading::new(text, Width::Whole, Look::Status)
    }

    /// The same with another look.
    #[must_use]
    pub const fn looks(self, look: Look) -> Heading {
        Heading { look, ..self }
    }
}

impl Cell {
    /// The same cell, leading there.
    #[must_use]
    pub(crate) fn leads(self, lead: Option<Lead>) -> Cell {
        Cell { lead, ..self }
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Cell {
        Cell { text, lead: None }
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Cell {
        text.to_owned().into()
    }
}

impl<Row> Clone for Column<Row> {
    fn clone(&self) -> Column<Row> {
        *self
    }
}

impl<Row> Copy for Column<Row> {}

/// Constructors with the names and meanings of those of [`Heading`].
macro_rules! constructors {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        #[must_use]
        pub const fn $name(
            heading: &'static str,
            members: &'static [&'static str],
            text: fn(&Row) -> String,
        ) -> Column<Row> {
            let heading = Heading { members, ..Heading::$name(heading) };
            Column { heading, text, lead: None }
        }
    )+};
}

impl<Row> Column<Row> {
    constructors! {
        /// A column that is never cut.
        whole;
        /// A column of numbers.
        number;
        /// A column of texts of any length.
        text;
        /// A column of additional texts.
        extra;
        /// A column of times.
        time;
        /// A column of the numbers of events.
        event;
        /// A column of ids.
        id;
        /// A column of words for a status.
        status;
    }

    /// The application's column, hidden when the title names the application.
    #[must_use]
    pub const fn application(text: fn(&Row) -> String) -> Column<Row> {
        let column = Column::text("Application", &["application"], text);
        let heading = Heading { is_application: true, ..column.heading };
        Column { heading, ..column }
    }

    /// The same column with another look.
    #[must_use]
    pub const fn looks(self, look: Look) -> Column<Row> {
        Column { heading: self.heading.looks(look), ..self }
    }

    /// The same column, whose cells lead somewhere.
    #[must_use]
    pub const fn leads(self, lead: fn(&Row) -> Option<Lead>) -> Column<Row> {
        Column { lead: Some(lead), ..self }
    }

    /// The cell of a row. A cell without a text leads nowhere.
    #[must_use]
    pub fn cell(&self, row: &Row) -> Cell {
        let text = (self.text)(row);
        let lead = self.lead.filter(|_| !text.is_empty()).and_then(|lead| lead(row));
        Cell { text, lead }
    }
}

/// The cells of a row, one for each column.
#[must_use]
pub fn cells<Row>(columns: &[Column<Row>], row: &Row) -> Vec<Cell> {
    columns.iter().map(|column| column.cell(row)).collect()
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

/// The first time to the second in a text, with the texts before and after it; `None` if there is none.
#[must_use]
pub fn time_in(text: &str) -> Option<(&str, &str, &str)> {
    const FORM: &[u8] = b"0000-00-00T00:00:00Z";
    let is_time = |window: &[u8]| {
        window.iter().zip(FORM).all(|(byte, form)| match form {
            b'0' => byte.is_ascii_digit(),
            form => byte == form,
        })
    };
    let start = text.as_bytes().windows(FORM.len()).position(is_time)?;
    let end = start + FORM.len();
    Some((text.get(..start)?, text.get(start..end)?, text.get(end..)?))
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

    #[test]
    fn a_time_is_found_among_words() {
        let time = "2026-03-01T08:00:00Z";
        assert_eq!(time_in(time), Some(("", time, "")));
        let told = format!("by {time} (event 5)");
        assert_eq!(time_in(&told), Some(("by ", time, " (event 5)")));
        for none in ["", "never", "2026-03-01", "2026-03-01T08:00:00.5Z", "–2026-03-01T08:00:0é"]
        {
            assert_eq!(time_in(none), None, "{none}");
        }
    }

    #[test]
    fn a_cell_leads_somewhere_if_it_says_something() {
        let column = Column::event("Event", &["seq"], |row: &Option<u64>| number(*row))
            .leads(|row| Lead::operation(row.or(Some(1))));
        let cell = column.cell(&Some(7));
        assert_eq!((cell.text.as_str(), cell.lead), ("7", Some(Lead::Operation(7))));
        assert_eq!(column.cell(&None), Cell::default());
        assert_eq!(column.heading.look, Look::Event);
        assert_eq!(column.heading.members, ["seq"]);
    }
}
