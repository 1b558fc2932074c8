//! A filter as the strict grammar of RFC 7644 §3.4.2.2 writes it.

use crate::{KEYWORDS, Leniency};

#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    pub text: &'a str,
    /// White space comes before it.
    pub spaced: bool,
    /// A `+` is among that.
    pub plus: bool,
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '+'
}

/// Texts in quotes, brackets, and the words between them. Within a word `+` is no space: it can be
/// part of a value.
pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(|c| !is_space(c)).unwrap_or(rest.len());
        let (space, after) = rest.split_at(end);
        let Some(first) = after.chars().next() else {
            return tokens;
        };
        let end = match first {
            '(' | ')' | '[' | ']' => 1,
            '"' => {
                let mut escaped = false;
                let closing = after.char_indices().skip(1).find(|&(_, c)| {
                    let closing = c == '"' && !escaped;
                    escaped = c == '\\' && !escaped;
                    closing
                });
                closing.map_or(after.len(), |(index, _)| index + 1)
            }
            _ => after
                .find(|c: char| c.is_whitespace() || "()[]\"".contains(c))
                .unwrap_or(after.len()),
        };
        let (token, after) = after.split_at(end);
        tokens.push(Token { text: token, spaced: !space.is_empty(), plus: space.contains('+') });
        rest = after;
    }
}

/// Writes a filter that we accept in the strict grammar, and says what was not strict in it; `None`
/// if it is no filter even so.
pub fn strict_form(text: &str) -> Option<(String, Vec<Leniency>)> {
    let mut writer = Writer { rest: text, out: String::new(), found: Vec::new() };
    writer.disjunction()?;
    writer.space();
    writer.rest.is_empty().then_some((writer.out, writer.found))
}

struct Writer<'a> {
    rest: &'a str,
    out: String,
    found: Vec<Leniency>,
}

impl<'a> Writer<'a> {
    fn space(&mut self) -> bool {
        let end = self.rest.find(|c| !is_space(c)).unwrap_or(self.rest.len());
        let (space, rest) = self.rest.split_at(end);
        if space.contains('+') {
            self.found.push(Leniency::Plus);
        }
        self.rest = rest;
        !space.is_empty()
    }

    /// A bare `+47…` behind a space that was decoded keeps its `+`: passes that space over.
    fn telephone_number(&mut self) -> bool {
        let number = self.rest.trim_start_matches(char::is_whitespace);
        let digits = number.strip_prefix('+').filter(|_| number.len() < self.rest.len());
        let is_one = digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        if is_one {
            self.rest = number;
        }
        is_one
    }

    fn take(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !wanted(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn eat(&mut self, wanted: char) -> Option<()> {
        self.rest = self.rest.strip_prefix(wanted)?;
        self.out.push(wanted);
        Some(())
    }

    fn is_word(&self, word: &str) -> bool {
        let end = self.rest.find(|c: char| !is_name_part(c) && c != '[').unwrap_or(self.rest.len());
        self.rest[..end].eq_ignore_ascii_case(word)
    }

    fn joined(&mut self, word: &str, one: fn(&mut Self) -> Option<()>) -> Option<()> {
        one(self)?;
        loop {
            let spaced = self.space();
            if !self.is_word(word) {
                return Some(());
            }
            self.rest = &self.rest[word.len()..];
            let spaced = self.space() && spaced;
            if !spaced {
                self.found.push(Leniency::NoSpace);
            }
            self.out.push_str(&format!(" {word} "));
            one(self)?;
        }
    }

    fn disjunction(&mut self) -> Option<()> {
        self.joined("or", Self::conjunction)
    }

    fn conjunction(&mut self) -> Option<()> {
        self.joined("and", Self::unary)
    }

    fn unary(&mut self) -> Option<()> {
        if self.space() && self.out.ends_with(['(', '[']) {
            self.found.push(Leniency::SpaceInBracket);
        }
        if self.is_word("not") {
            self.rest = &self.rest[3..];
            if !self.space() {
                self.found.push(Leniency::NotWithoutSpace);
            }
            self.out.push_str("not ");
            return self.group();
        }
        if self.rest.starts_with('(') { self.group() } else { self.term() }
    }

    fn group(&mut self) -> Option<()> {
        self.eat('(')?;
        self.disjunction()?;
        self.space();
        self.eat(')')
    }

    fn term(&mut self) -> Option<()> {
        self.name()?;
        if !self.rest.starts_with('[') {
            return self.comparison();
        }
        self.eat('[')?;
        let inner = self.out.len();
        self.disjunction()?;
        self.space();
        if self.rest.strip_prefix(']')?.starts_with('.') {
            self.found.push(Leniency::DotAfterBracket);
            self.rest = &self.rest[2..];
            self.out.insert(inner, '(');
            self.out.push_str(") and ");
            self.name()?;
            self.comparison()?;
            self.out.push(']');
            return Some(());
        }
        self.eat(']')
    }

    fn name(&mut self) -> Option<()> {
        let name = self.take(is_name_part);
        if name.contains('$') {
            self.found.push(Leniency::Dollar);
        }
        let mut name = name.replace('$', "");
        if KEYWORDS.iter().any(|one| name.eq_ignore_ascii_case(one)) {
            self.found.push(Leniency::KeywordAsName);
            name.push('_');
        }
        if let Some((urn, attribute)) = name.rsplit_once(':')
            && urn.eq_ignore_ascii_case("urn")
        {
            self.found.push(Leniency::ShortUrn);
            name = format!("urn::{attribute}");
        }
        self.out.push_str(&name);
        (!name.is_empty()).then_some(())
    }

    fn comparison(&mut self) -> Option<()> {
        if !self.space() {
            return None;
        }
        let op = self.take(|c| c.is_ascii_alphanumeric()).to_ascii_lowercase();
        self.out.push_str(&format!(" {op}"));
        if op == "pr" {
            return Some(());
        }
        if !self.telephone_number() && !self.space() {
            self.found.push(Leniency::NoSpace);
        }
        self.out.push(' ');
        if self.rest.starts_with('"') {
            let token = *tokens(self.rest).first()?;
            self.rest = &self.rest[token.text.len()..];
            self.out.push_str(token.text);
            return Some(());
        }
        let value = self.take(|c| !c.is_whitespace() && !"()[]\"".contains(c));
        let is_json = ["true", "false", "null"].contains(&value)
            || serde_json::from_str::<serde_json::Number>(value).is_ok();
        if is_json {
            self.out.push_str(value);
        } else {
            self.found.push(Leniency::BareValue);
            let lower = value.to_ascii_lowercase();
            if ["true", "false", "null"].contains(&lower.as_str()) {
                self.out.push_str(&lower);
            } else {
                self.out.push_str(&serde_json::Value::from(value).to_string());
            }
        }
        (!value.is_empty()).then_some(())
    }
}

fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || "_-.:$".contains(c)
}
