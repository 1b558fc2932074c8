//! One value: in a table, or in a list of facts.

use answers::Look;
use askama::Template;

use crate::text;

/// The class of a table's cell with a look.
#[must_use]
pub fn class(look: Look) -> &'static str {
    match look {
        Look::Text => "text",
        Look::Number => "number",
        Look::Time => "time",
        Look::Event => "event",
        Look::Id => "id",
        Look::Status => "status",
    }
}

/// What a word says about what it stands beside. A glyph says the same for those who do not see the hue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// It is as it should be.
    Good,
    /// It failed.
    Bad,
    /// Somebody should look.
    Warn,
    /// Nothing happened, or it no longer matters.
    Quiet,
    /// Two records say different things.
    Doubt,
    /// The word says nothing of the kind.
    Plain,
}

impl Tone {
    /// The class that gives the hue.
    #[must_use]
    pub fn class(self) -> &'static str {
        match self {
            Tone::Good => "good",
            Tone::Bad => "bad",
            Tone::Warn => "warn",
            Tone::Quiet => "quiet",
            Tone::Doubt => "doubt",
            Tone::Plain => "plain",
        }
    }

    /// The glyph.
    #[must_use]
    pub fn glyph(self) -> &'static str {
        match self {
            Tone::Good => "✓",
            Tone::Bad => "✗",
            Tone::Warn => "!",
            Tone::Quiet => "○",
            Tone::Doubt => "≠",
            Tone::Plain => "·",
        }
    }
}

/// The tone of a status: of its words, or of those before an explanation like `(409)`, `, 3 h` or `: why`, or of
/// the first. Case and what separates the parts of a word do not matter.
#[must_use]
pub fn tone(status: &str) -> Tone {
    let before = status.split(['(', ',', ':', ';']).next().unwrap_or_default();
    let first = before.split_whitespace().next().unwrap_or_default();
    [status, before, first]
        .into_iter()
        .map(one_tone)
        .find(|tone| *tone != Tone::Plain)
        .unwrap_or(Tone::Plain)
}

fn one_tone(word: &str) -> Tone {
    if word.len() > 40 {
        return Tone::Plain;
    }
    let plain: String =
        word.chars().filter(|char| char.is_alphanumeric()).flat_map(char::to_lowercase).collect();
    match plain.as_str() {
        "success" | "applied" | "active" | "yes" | "complete" | "ok" | "within" | "true"
        | "valid" | "alive" | "ready" | "added" | "until" | "lasts" => Tone::Good,
        "failure" | "failed" | "failing" | "rejected" | "no" | "error" | "false" | "invalid"
        | "quarantined" | "quarantine" | "revoked" | "removed" => Tone::Bad,
        "warning" | "partial" | "unverified" | "unknown" | "late" | "silent" | "expired"
        | "stale" | "privileged" | "changed" | "gaps" | "stillactive" | "activeagain" => Tone::Warn,
        "skipped" | "noop" | "inactive" | "deleted" | "read" | "none" | "never" | "notyet"
        | "idle" | "disabled" | "noaccount" | "nochange" | "deactivated" | "gone" => Tone::Quiet,
        "contradicted" | "drifted" | "differs" => Tone::Doubt,
        _ => Tone::Plain,
    }
}

/// Longer texts are shown to about here, and whole on request.
const SHOWN_CHARS: usize = 160;

/// A longer word would widen its column.
const WORD_BYTES: usize = 40;

/// One value.
#[derive(Template, Clone, Debug, PartialEq, Eq)]
#[template(path = "view/cell.html")]
pub struct Cell {
    /// The value.
    pub text: String,
    /// How it is written.
    pub look: Look,
    /// Where it leads.
    pub href: Option<String>,
    /// A short remark after it.
    pub note: Option<String>,
    /// Whether the page shows it beside what the question's own table has.
    pub is_own: bool,
    /// The term that finds rows with this value, like `status:failure`. The script offers "only" and "not".
    pub term: Option<String>,
}

impl Default for Cell {
    fn default() -> Cell {
        Cell {
            text: String::new(),
            look: Look::Text,
            href: None,
            note: None,
            is_own: false,
            term: None,
        }
    }
}

impl Cell {
    /// A value with a look.
    pub fn new(look: Look, text: impl Into<String>) -> Cell {
        Cell { text: text.into(), look, ..Cell::default() }
    }

    /// A text.
    pub fn text(text: impl Into<String>) -> Cell {
        Cell::new(Look::Text, text)
    }

    /// A number.
    #[must_use]
    pub fn number(number: u64) -> Cell {
        Cell::new(Look::Number, text::grouped(number))
    }

    /// A time: RFC 3339 in UTC.
    pub fn time(moment: impl Into<String>) -> Cell {
        Cell::new(Look::Time, moment)
    }

    /// An event, with the address of its page.
    #[must_use]
    pub fn event(seq: u64) -> Cell {
        Cell::new(Look::Event, seq.to_string()).linked(format!("/operations/{seq}"))
    }

    /// An id.
    pub fn id(text: impl Into<String>) -> Cell {
        Cell::new(Look::Id, text)
    }

    /// A word with a tone.
    pub fn status(word: impl Into<String>) -> Cell {
        Cell::new(Look::Status, word)
    }

    /// The value, leading somewhere.
    #[must_use]
    pub fn linked(mut self, href: impl Into<String>) -> Cell {
        self.href = Some(href.into());
        self
    }

    /// The value with a remark.
    #[must_use]
    pub fn noted(mut self, note: impl Into<String>) -> Cell {
        self.note = Some(note.into());
        self
    }

    fn tone(&self) -> Tone {
        tone(&self.text)
    }

    /// What came and went has the signs of a difference.
    fn glyph(&self) -> &'static str {
        match self.text.as_str() {
            "added" => "+",
            "removed" => "−",
            "returned" | "passed" => "↺",
            _ => self.tone().glyph(),
        }
    }

    fn told(&self) -> Option<text::Told<'_>> {
        text::time_in(&self.text)
    }

    fn is_long(&self) -> bool {
        // Bytes first: counting the characters of 64 KiB for every cell would be waste.
        self.text.len() > SHOWN_CHARS && self.text.chars().nth(SHOWN_CHARS).is_some()
    }

    /// Whether a word is so long that it may break anywhere; a character that is not seen is written out.
    fn has_long_word(&self) -> bool {
        self.text.split_whitespace().any(|word| word.len() > WORD_BYTES)
            || self.text.chars().any(text::is_unseen)
    }

    /// Whether names of SCIM's extensions are in it.
    fn is_urn(&self) -> bool {
        self.text.contains("urn:")
    }

    fn start(&self) -> &str {
        let end =
            self.text.char_indices().nth(SHOWN_CHARS - 20).map_or(self.text.len(), |(at, _)| at);
        &self.text[..end]
    }

    fn length(&self) -> String {
        text::grouped(self.text.chars().count() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_tones() {
        for (tone_expected, words) in [
            (Tone::Good, vec!["success", "applied", "active", "yes", "complete", "Success"]),
            (Tone::Bad, vec!["failure", "rejected", "no"]),
            (Tone::Warn, vec!["warning", "partial", "unverified", "unknown", "late"]),
            (Tone::Quiet, vec!["skipped", "no_op", "noOp", "no op", "inactive", "deleted", "read"]),
            (Tone::Doubt, vec!["contradicted"]),
            (
                Tone::Bad,
                vec![
                    "failure (409)",
                    "no, 3 h (gaps)",
                    "revoked (event 7)",
                    "failing: requests arrive",
                ],
            ),
            (
                Tone::Warn,
                vec!["still active", "active again", "(gaps)", "late: the next is overdue"],
            ),
            (Tone::Good, vec!["yes, 5 min", "until 2026-03-31T00:00:00Z"]),
            (Tone::Quiet, vec!["no account", "no change", "deactivated", "gone"]),
            (Tone::Plain, vec!["", "add", "something else"]),
        ] {
            for word in words {
                assert_eq!(tone(word), tone_expected, "{word:?}");
            }
        }
    }

    #[test]
    fn a_value_is_escaped_whatever_its_look() {
        for look in [Look::Text, Look::Number, Look::Time, Look::Event, Look::Id, Look::Status] {
            let cell =
                Cell::new(look, "<script>\u{202e}").linked("/x?a=\"><b>").noted("<i>").to_string();
            assert!(cell.contains(r"&#60;script&#62;\u{202e}"), "{cell}");
            for tag in ["<script", "<b>", "<i>"] {
                assert!(!cell.contains(tag), "{cell}");
            }
        }
    }

    #[test]
    fn a_long_text_is_cut_with_its_length_and_is_there_whole() {
        let long = "é".repeat(70_000);
        let cell = Cell::text(long.clone()).to_string();
        assert!(cell.contains("70,000 characters"));
        assert!(cell.contains(&long));
        assert!(!Cell::text("é".repeat(160)).to_string().contains("characters"));
    }

    #[test]
    fn a_time_is_read_to_the_second_and_kept_whole() {
        let cell = Cell::time("2026-03-31T17:00:00.123456Z").to_string();
        assert!(cell.contains(
            r#"<time datetime="2026-03-31T17:00:00.123456Z">2026-03-31 17:00:00</time>"#
        ));
    }
}
