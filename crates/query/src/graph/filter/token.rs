//! Splits a filter into tokens.

use std::borrow::Cow;

use chrono::{DateTime, NaiveDate, NaiveTime, Utc};

use super::property::Enumeration;
use super::tree::{FilterError, Literal};

const FRACTION_DIGITS_MAX: usize = 9;

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token<'a> {
    /// A keyword, a function, a path or a variable.
    Word(&'a str),
    /// A text, an integer or a time.
    Literal(Literal),
    /// A word of an enumeration after its type's name,
    /// `microsoft.graph.provisioningResult'failure'`.
    Typed(&'static Enumeration, &'static str),
    Open,
    Close,
    Comma,
    Colon,
    End,
}

pub(super) struct Tokens<'a> {
    text: &'a str,
    /// Bytes read so far; always at a character boundary.
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn new(text: &'a str) -> Tokens<'a> {
        Tokens { text, at: 0 }
    }

    /// The next token and the byte at which it begins. Returns the end token again and again at the end.
    pub(super) fn next(&mut self) -> Result<(usize, Token<'a>), FilterError> {
        self.take_while(char::is_whitespace);
        let start = self.at;
        let Some(first) = self.rest().chars().next() else {
            return Ok((start, Token::End));
        };
        let mark = match first {
            '(' => Token::Open,
            ')' => Token::Close,
            ',' => Token::Comma,
            ':' => Token::Colon,
            '\'' => return Ok((start, Token::Literal(Literal::Text(self.quoted()?)))),
            '0'..='9' | '-' => return Ok((start, Token::Literal(self.bare()?))),
            _ if first.is_alphabetic() || first == '_' => {
                let word = self.take_while(|c| c.is_alphanumeric() || "_/.-".contains(c));
                if self.rest().starts_with('\'') && word.contains('.') {
                    return Ok((start, self.typed(start, word)?));
                }
                return Ok((start, Token::Word(word)));
            }
            '"' | '‘' | '’' | '“' | '”' | '`' => {
                return Err(self.error(start, "texts stand in single quotes, as in 'create'"));
            }
            _ => {
                let problem = "this character means nothing here; operators are words such as eq, and, \
                               not, and texts stand in single quotes";
                return Err(self.error(start, problem));
            }
        };
        self.at += first.len_utf8();
        Ok((start, mark))
    }

    /// An error at a byte position.
    pub(super) fn error(&self, at: usize, message: impl Into<String>) -> FilterError {
        let position = self.text.char_indices().take_while(|(place, _)| *place < at).count() + 1;
        FilterError { position, message: message.into() }
    }

    /// A quoted text; two quotes inside mean one.
    fn quoted(&mut self) -> Result<String, FilterError> {
        let start = self.at;
        let mut content = String::new();
        loop {
            self.at += 1;
            content.push_str(self.take_while(|c| c != '\''));
            if !self.rest().starts_with('\'') {
                return Err(self.error(start, "this text has no closing quote"));
            }
            self.at += 1;
            if !self.rest().starts_with('\'') {
                break;
            }
            content.push('\'');
        }
        // Probably an unescaped quote inside the text.
        if self.rest().starts_with(char::is_alphanumeric) {
            return Err(self.error(self.at, "a space after a text, and '' for a quote inside one"));
        }
        Ok(content)
    }

    /// A literal after its type's name.
    fn typed(&mut self, start: usize, name: &str) -> Result<Token<'a>, FilterError> {
        let Some(words) = Enumeration::of_type(name) else {
            let problem = "no type of literals is called so; those are the enumerations such as \
                           microsoft.graph.provisioningResult";
            return Err(self.error(start, problem));
        };
        let quote = self.at;
        let text = self.quoted()?;
        match words.literal(&text) {
            Some(word) => Ok(Token::Typed(words, word)),
            None => {
                let problem = format!("{} has the words {}", words.name, words.choices());
                Err(self.error(quote, problem))
            }
        }
    }

    /// An integer or a time.
    fn bare(&mut self) -> Result<Literal, FilterError> {
        let start = self.at;
        let written = self.take_while(|c| c.is_alphanumeric() || "+-.:".contains(c));
        if let Ok(integer) = written.parse() {
            return Ok(Literal::Integer(integer));
        }
        if let Some(time) = instant(written) {
            return Ok(Literal::Time(time));
        }
        // The `+` of the offset may have arrived as a space.
        let end = self.at + " 00:00".len();
        if let Some(time) = self.text.get(start..end).and_then(instant) {
            self.at = end;
            return Ok(Literal::Time(time));
        }
        let problem = "expected an integer such as 1500, a date such as 2026-07-30 or a time such as \
                       2026-07-30T08:00:00Z; a text stands in single quotes";
        Err(self.error(start, problem))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }
}

/// The time of an RFC 3339 text, or the start of a date in UTC.
pub(super) fn instant(text: &str) -> Option<DateTime<Utc>> {
    let is_date = text.len() == 10
        && text.bytes().enumerate().all(|(place, byte)| match place {
            4 | 7 => byte == b'-',
            _ => byte.is_ascii_digit(),
        });
    if is_date {
        let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?;
        return Some(date.and_time(NaiveTime::MIN).and_utc());
    }
    let fraction = text.split_once('.').map_or("", |(_, fraction)| fraction);
    if fraction.bytes().take_while(u8::is_ascii_digit).count() > FRACTION_DIGITS_MAX {
        return None;
    }
    DateTime::parse_from_rfc3339(&with_seconds(&with_plus(text))).ok().map(|time| time.to_utc())
}

/// OData allows a time without seconds, such as `2026-07-30T08:00Z` (ABNF, `timeOfDayValue`).
fn with_seconds(text: &str) -> Cow<'_, str> {
    match text.split_at_checked("2026-07-30T08:00".len()) {
        Some((minute, zone)) if zone.starts_with(['Z', 'z', '+', '-']) => {
            format!("{minute}:00{zone}").into()
        }
        _ => text.into(),
    }
}

/// In a query `+` means a space, and few clients escape the one before an offset.
fn with_plus(text: &str) -> Cow<'_, str> {
    match text.len().checked_sub("+00:00".len()).and_then(|place| text.split_at_checked(place)) {
        Some((time, offset)) => match offset.strip_prefix(' ') {
            Some(offset) => format!("{time}+{offset}").into(),
            None => text.into(),
        },
        None => text.into(),
    }
}
