//! Which stretches were not watched.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::Column;
use crate::{AppFilter, Below, Lead, Moment, Nothing, Question, Shape, Time};

/// Why a stretch was not watched: the words in answers, each with what it means.
pub const GAP_REASONS: [(&str, &str); 12] = [
    ("before the record began", "nothing was recorded before the first event"),
    ("in the future", "it has not happened yet"),
    ("after what was known then", "`knownAt` leaves out what was recorded later"),
    ("recorder stopped", "the recorder was stopped in order"),
    ("recorder killed", "the recorder was killed, or lost its power"),
    ("connections refused", "the recorder had no room for connections"),
    (
        "the outcome of a forwarded request is unknown",
        "nobody heard what the application behind the proxy answered",
    ),
    (
        "the answer to a forwarded request does not show what it did",
        "it did not repeat what was asked for",
    ),
    (
        "a later look refuted what a forwarded request was answered",
        "the record was wrong until that look",
    ),
    (
        "the application did not list all that it has",
        "from a listing that was not whole to the next that was",
    ),
    (
        "memberships are not observable: the imported log has none",
        "the application is known from imports alone",
    ),
    ("no imported log", "the imported entries do not reach there"),
];

/// When nobody was recording, and why
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Unwatched {
    /// Only this application; without it, all that the token may see
    pub app: Option<AppFilter>,
}

/// A time that was not recorded.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Stretch {
    /// The application that was not recorded; null for all of them
    pub application: Option<String>,
    /// When it began; null if it has no beginning
    pub from: Option<Moment>,
    /// When it ended; null while it lasts
    pub to: Option<Moment>,
    /// Why it was not recorded: `before the record began`, `in the future`, `after what was known then`,
    /// `recorder stopped`, `recorder killed`, `connections refused`,
    /// `the outcome of a forwarded request is unknown`,
    /// `the answer to a forwarded request does not show what it did`,
    /// `a later look refuted what a forwarded request was answered`,
    /// `the application did not list all that it has`,
    /// `memberships are not observable: the imported log has none` or `no imported log`
    pub reason: String,
}

impl Question for Unwatched {
    type Row = Stretch;
    type Beside = Nothing;
    const COMMAND: &'static str = "coverage";
    const PATH: &'static str = "/api/v1/coverage";
    const TIME: Time = Time::Stretch;
    const SHAPE: Shape = Shape::List { file: "coverage" };

    fn title(&self, _: &Nothing) -> String {
        let title = "Stretches that were not watched";
        match &self.app {
            Some(app) => format!("{title} in {}", app.0),
            None => title.to_owned(),
        }
    }

    fn columns(&self) -> Vec<Column<Stretch>> {
        vec![
            // Needed where the title names one, too: a row may be of all.
            Column::text("Application", &["application"], |row: &Stretch| {
                row.application.clone().unwrap_or_else(|| "all".to_owned())
            })
            .leads(|row| Lead::application(row.application.as_ref())),
            Column::time("From", &["from"], |row| end(row.from.as_ref(), "the beginning")),
            Column::time("To", &["to"], |row| end(row.to.as_ref(), "now")),
            Column::text("Reason", &["reason"], |row| row.reason.clone()),
        ]
    }

    fn below(&self, _: &Nothing, rows: u64) -> Below {
        let lines = match rows {
            0 => vec!["Everything was watched.".to_owned()],
            _ => vec![],
        };
        Below { lines, names_gaps: true, ..Below::default() }
    }
}

fn end(moment: Option<&Moment>, open: &str) -> String {
    moment.map_or_else(|| open.to_owned(), Moment::second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documentation_of_a_reason_lists_all() {
        let schema = schemars::schema_for!(Stretch);
        let words = schema.pointer("/properties/reason/description").unwrap();
        // Schemas keep the lines of the documentation.
        let words = words.as_str().unwrap().replace('\n', " ");
        for (reason, meaning) in GAP_REASONS {
            assert!(words.contains(&format!("`{reason}`")), "{reason}: {words}");
            assert!(!meaning.is_empty(), "{reason}");
        }
        assert_eq!(words.matches('`').count(), 2 * GAP_REASONS.len(), "{words}");
    }

    #[test]
    fn nothing_to_show_is_said_in_words() {
        let asked = Unwatched { app: None };
        let none = asked.below(&Nothing {}, 0);
        assert_eq!(
            (none.lines, none.names_gaps),
            (vec!["Everything was watched.".to_owned()], true)
        );
        assert!(asked.below(&Nothing {}, 2).lines.is_empty());
    }
}
