//! The line that filters: `status:failure app:kite user:"Mira Berg"`. Each term is a parameter of the question.

use std::fmt::Write;

use answers::{Described, Kind, Parameter, Place};

use crate::address::Given;

/// Short words for parameters, with those parameters and what the value begins with there.
const SHORT: [(&str, &str, &str); 11] = [
    ("user", "resource", "userName:"),
    ("group", "resource", "displayName:"),
    ("id", "resource", "id:"),
    ("type", "resourceType", ""),
    ("code", "errorCode", ""),
    ("token", "credential", ""),
    ("http", "httpStatus", ""),
    ("request", "requestId", ""),
    ("skip", "skipReason", ""),
    ("cycle", "cycleId", ""),
    ("change", "changeId", ""),
];

/// The parameters that narrow the list.
pub(super) fn filters(described: &'static Described) -> impl Iterator<Item = &'static Parameter> {
    described.parameters.iter().filter(|one| one.place == Place::Query)
}

/// The filters of an address as a line.
pub(super) fn line(described: &'static Described, given: &Given) -> String {
    let mut line = String::new();
    for one in filters(described) {
        if let Some(text) = given.get(one.name) {
            let (word, text) = told(one.name, text);
            let space = if line.is_empty() { "" } else { " " };
            let is_plain = !text.is_empty() && !text.contains([' ', '"']);
            // Writing into a String cannot fail.
            let _ = match is_plain {
                true => write!(line, "{space}{word}:{text}"),
                false => write!(line, "{space}{word}:\"{}\"", text.replace('"', "\"\"")),
            };
        }
    }
    line
}

/// The word and the value by which a line says a parameter.
fn told<'a>(name: &'a str, text: &'a str) -> (&'a str, &'a str) {
    let short = SHORT.iter().filter(|(_, parameter, _)| *parameter == name);
    let fitting = short.filter_map(|(word, _, start)| Some((*word, text.strip_prefix(start)?)));
    fitting.into_iter().next().unwrap_or((name, text))
}

/// Reads a line: names of parameters with their texts, or the term that is not understood.
pub(super) fn read(
    described: &'static Described,
    line: &str,
) -> Result<Vec<(&'static str, String)>, String> {
    let mut found: Vec<(&'static str, String)> = vec![];
    for (word, text) in terms(line) {
        let (name, text) = match word.as_str() {
            // A bare word is somebody's name.
            "" => ("resource", format!("userName:{text}")),
            _ => resolved(described, &word, &text).ok_or_else(|| format!("{word}:{text}"))?,
        };
        if text.is_empty() || found.iter().any(|(known, _)| *known == name) {
            return Err(format!("{word}:{text}"));
        }
        found.push((name, text));
    }
    Ok(found)
}

/// A parameter with its text, if there is one of this name and it takes the text.
fn resolved(
    described: &'static Described,
    word: &str,
    text: &str,
) -> Option<(&'static str, String)> {
    let short = SHORT.iter().find(|(short, ..)| short.eq_ignore_ascii_case(word));
    if let Some((_, name, start)) = short {
        return Some((name, format!("{start}{text}")));
    }
    let one = filters(described).find(|one| one.name.eq_ignore_ascii_case(word))?;
    let text = match &one.kind {
        Kind::Choice(words) => {
            let is_it = |known: &str| known.eq_ignore_ascii_case(text);
            words.iter().find(|one| is_it(&one.word) || is_it(&one.label))?.word.clone()
        }
        _ => text.to_owned(),
    };
    Some((one.name, text))
}

/// The words and texts of a line. A text in quotes may have spaces; two quotes in it are one.
fn terms(line: &str) -> Vec<(String, String)> {
    let mut terms = vec![];
    let mut chars = line.chars().peekable();
    while chars.peek().is_some() {
        let (mut word, mut text) = (None, String::new());
        let mut is_quoted = false;
        while let Some(char) = chars.next() {
            match char {
                '"' if is_quoted && chars.peek() == Some(&'"') => {
                    chars.next();
                    text.push('"');
                }
                '"' => is_quoted = !is_quoted,
                ':' if !is_quoted && word.is_none() => word = Some(std::mem::take(&mut text)),
                char if char.is_whitespace() && !is_quoted => break,
                char => text.push(char),
            }
        }
        if word.is_some() || !text.is_empty() {
            terms.push((word.unwrap_or_default(), text));
        }
    }
    terms
}

#[cfg(test)]
mod tests {
    use super::*;
    use answers::{Operations, described};

    fn described_log() -> &'static Described {
        described::<Operations>().unwrap()
    }

    fn check(line: &str, expected: Result<&[(&str, &str)], &str>) {
        let found = read(described_log(), line);
        let found: Result<Vec<_>, &str> = match &found {
            Ok(pairs) => Ok(pairs.iter().map(|(name, text)| (*name, text.as_str())).collect()),
            Err(term) => Err(term.as_str()),
        };
        assert_eq!(found, expected.map(<[_]>::to_vec), "{line}");
    }

    #[test]
    fn a_line_is_read_as_parameters() {
        check("", Ok(&[]));
        check(
            "status:failure  app:kite httpStatus:409",
            Ok(&[("status", "failure"), ("app", "kite"), ("httpStatus", "409")]),
        );
        check(
            "STATUS:Failure effect:\"no change\"",
            Ok(&[("status", "failure"), ("effect", "no_op")]),
        );
        check("user:mira", Ok(&[("resource", "userName:mira")]));
        check("mira@fjord.example", Ok(&[("resource", "userName:mira@fjord.example")]));
        check("group:\"Deck \"\"A\"\" crew\"", Ok(&[("resource", "displayName:Deck \"A\" crew")]));
        check("resource:externalId:7", Ok(&[("resource", "externalId:7")]));
        check("code:Gone http:404", Ok(&[("errorCode", "Gone"), ("httpStatus", "404")]));
    }

    #[test]
    fn what_is_not_understood_is_named() {
        check("status:broken", Err("status:broken"));
        check("colour:red app:kite", Err("colour:red"));
        check("app:kite app:boat", Err("app:boat"));
        check("app:", Err("app:"));
        check("-status:failure", Err("-status:failure"));
    }

    #[test]
    fn a_line_that_is_written_is_read_again() {
        let log = described_log();
        let query = "/operations?status=failure&resource=displayName%3ADeck%20%22A%22&cycleId=c%201&limit=5";
        let given = Given::read(log, &[], vec![], &query.parse().unwrap());
        let written = line(log, &given);
        assert_eq!(written, "status:failure group:\"Deck \"\"A\"\"\" cycle:\"c 1\"");
        let pairs = read(log, &written).unwrap();
        let pairs: Vec<_> = pairs.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let expected =
            [("status", "failure"), ("resource", "displayName:Deck \"A\""), ("cycleId", "c 1")];
        assert_eq!(pairs, expected);
    }
}
