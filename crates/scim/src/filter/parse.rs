//! A recursive-descent parser for filters.

use super::{CompareOp, Filter, Literal, Numeral};
use crate::error::ScimError;
use crate::path::AttrPath;
use crate::schema::{Attribute, Kind, Mutability, Registry, ResourceType, is_name};
use crate::value::instant;

const LENGTH_BYTES_MAX: usize = 8 * 1024;
const TERMS_MAX: usize = 1_000;
const DEPTH_MAX: usize = 32;
/// Quotes that shells, languages and word processors use instead of `"`. Taken as part of the value, they
/// would make the filter match nothing, so they are refused.
const OTHER_QUOTES: [char; 32] = [
    '\'', '`', '´', '‘', '’', '‚', '‛', '“', '”', '„', '‟', '«', '»', '‹', '›', '＂', '＇', '｀',
    '′', '″', 'ʺ', '〝', '〞', '〟', '「', '」', '『', '』', '｢', '｣', '❝', '❞',
];
/// A quote that was encoded twice and decoded once.
const ENCODED_QUOTES: [&str; 6] = ["%22", "%27", "&quot;", "&#34;", "&apos;", "&#39;"];

pub(super) fn parse(
    text: &str,
    rt: Option<&ResourceType>,
    registry: &Registry,
) -> Result<Filter, ScimError> {
    let mut parser = Parser::new(text, Scope::Resource(rt), registry)?;
    let filter = parser.disjunction()?;
    parser.skip_space();
    if parser.rest().is_empty() {
        Ok(filter)
    } else {
        Err(parser.error("expected `and`, `or` or the end"))
    }
}

/// Reads a filter over the sub-attributes of an attribute (`None` if unknown) up to its closing bracket.
/// Also returns the rest of the text.
pub(crate) fn parse_bracket<'a>(
    text: &'a str,
    attribute: Option<&'a Attribute>,
    registry: &'a Registry,
) -> Result<(Filter, &'a str), ScimError> {
    let mut parser = Parser::new(text, Scope::Element(attribute), registry)?;
    let filter = parser.disjunction()?;
    parser.expect(']')?;
    Ok((filter, parser.rest()))
}

#[derive(Clone, Copy)]
enum Scope<'a> {
    Resource(Option<&'a ResourceType>),
    Element(Option<&'a Attribute>),
}

struct Parser<'a> {
    text: &'a str,
    /// Bytes read; always at a character boundary.
    at: usize,
    depth: usize,
    terms: usize,
    scope: Scope<'a>,
    registry: &'a Registry,
}

/// A value as written.
enum Written {
    Quoted(String),
    Bare(String),
}

impl<'a> Parser<'a> {
    fn new(
        text: &'a str,
        scope: Scope<'a>,
        registry: &'a Registry,
    ) -> Result<Parser<'a>, ScimError> {
        if text.len() > LENGTH_BYTES_MAX {
            return Err(ScimError::invalid_filter(format!(
                "the filter is longer than {LENGTH_BYTES_MAX} bytes"
            )));
        }
        Ok(Parser { text, at: 0, depth: 0, terms: 0, scope, registry })
    }

    fn disjunction(&mut self) -> Result<Filter, ScimError> {
        let first = self.conjunction()?;
        let mut terms = vec![first];
        while self.eat_word("or") {
            terms.push(self.conjunction()?);
        }
        Ok(one_or(terms, Filter::Or))
    }

    fn conjunction(&mut self) -> Result<Filter, ScimError> {
        let first = self.unary()?;
        let mut terms = vec![first];
        while self.eat_word("and") {
            terms.push(self.unary()?);
        }
        Ok(one_or(terms, Filter::And))
    }

    fn unary(&mut self) -> Result<Filter, ScimError> {
        if self.eat_word("not") {
            self.expect('(')?;
            return Ok(Filter::Not(Box::new(self.group()?)));
        }
        if self.eat('(') {
            return self.group();
        }
        self.term()
    }

    /// Reads what follows an opening parenthesis, with the closing one.
    fn group(&mut self) -> Result<Filter, ScimError> {
        self.deeper()?;
        let filter = self.disjunction()?;
        self.expect(')')?;
        self.depth -= 1;
        Ok(filter)
    }

    fn term(&mut self) -> Result<Filter, ScimError> {
        self.skip_space();
        let name = self.take_while(|c| c.is_ascii_alphanumeric() || "_-.:$".contains(c));
        if name.is_empty() {
            return Err(self.error("expected an attribute"));
        }
        if !self.rest().starts_with('[') {
            let (path, attribute) = self.resolve(name)?;
            return self.comparison(path, attribute);
        }
        let Scope::Resource(rt) = self.scope else {
            return Err(self.error("brackets cannot be nested"));
        };
        self.expect('[')?;
        let path = AttrPath::parse(name, rt, self.registry)
            .map_err(|_| self.error("this is no attribute path"))?;
        if path.sub.is_some() {
            return Err(self.error("a bracket must follow an attribute, not a sub-attribute"));
        }
        let attribute = self.registry.attribute(rt, &path);
        refuse_secret(attribute)?;
        let outer = std::mem::replace(&mut self.scope, Scope::Element(attribute));
        self.deeper()?;
        let mut filter = self.disjunction()?;
        self.expect(']')?;
        // Not in the RFC, but identity providers send it when matching on the work address.
        if self.rest().starts_with('.') {
            self.at += 1;
            let name = self.take_while(|c| c.is_ascii_alphanumeric() || "_-$".contains(c));
            let (path, attribute) = self.resolve(name)?;
            let term = self.comparison(path, attribute)?;
            filter = match filter {
                Filter::And(mut terms) => {
                    terms.push(term);
                    Filter::And(terms)
                }
                other => Filter::And(vec![other, term]),
            };
        }
        self.depth -= 1;
        self.scope = outer;
        Ok(Filter::ValuePath { path, filter: Box::new(filter) })
    }

    /// The path for a name in this scope, and its attribute if known.
    fn resolve(&self, name: &str) -> Result<(AttrPath, Option<&'a Attribute>), ScimError> {
        let (path, attribute) = match self.scope {
            Scope::Resource(rt) => {
                let path = AttrPath::parse(name, rt, self.registry)
                    .map_err(|_| self.error("this is no attribute path"))?;
                let attribute = self.registry.attribute(rt, &path);
                refuse_secret(attribute)?;
                let attribute = match &path.sub {
                    Some(sub) => attribute.and_then(|one| one.sub(sub)),
                    None => attribute,
                };
                (path, attribute)
            }
            Scope::Element(parent) => {
                if !is_name(name) {
                    return Err(self.error("expected a sub-attribute"));
                }
                let attribute = parent.and_then(|one| one.sub(name));
                let path = AttrPath {
                    schema: None,
                    attribute: attribute.map_or(name, |one| &one.name).to_owned(),
                    sub: None,
                };
                (path, attribute)
            }
        };
        refuse_secret(attribute)?;
        Ok((path, attribute))
    }

    fn comparison(
        &mut self,
        mut path: AttrPath,
        mut attribute: Option<&'a Attribute>,
    ) -> Result<Filter, ScimError> {
        self.terms += 1;
        if self.terms > TERMS_MAX {
            return Err(self.error("more than 1000 comparisons"));
        }
        self.skip_space();
        let word = self.take_while(|c| c.is_ascii_alphanumeric());
        let op = match word.to_ascii_lowercase().as_str() {
            "pr" => return Ok(Filter::Present(path)),
            "eq" => CompareOp::Eq,
            "ne" => CompareOp::Ne,
            "co" => CompareOp::Co,
            "sw" => CompareOp::Sw,
            "ew" => CompareOp::Ew,
            "gt" => CompareOp::Gt,
            "ge" => CompareOp::Ge,
            "lt" => CompareOp::Lt,
            "le" => CompareOp::Le,
            _ => {
                return Err(self.error("expected one of eq, ne, co, sw, ew, gt, ge, lt, le, pr"));
            }
        };
        let written = self.written()?;
        if let Some(complex) = attribute
            && complex.kind == Kind::Complex
        {
            attribute = complex.sub("value");
            match attribute {
                Some(value) => path.sub = Some(value.name.clone()),
                None => {
                    return Err(ScimError::invalid_filter(format!(
                        "{path} has parts and cannot be compared as a whole"
                    )));
                }
            }
        }
        let value = match attribute {
            Some(attribute) => typed(attribute, op, written).map_err(|problem| {
                ScimError::invalid_filter(format!("comparison with {path}: {problem}"))
            })?,
            None => untyped(written),
        };
        if value == Literal::Null && !op.is_equality() {
            return Err(self.error("null can only be compared by eq and ne"));
        }
        Ok(Filter::Compare { path, op, value })
    }

    fn written(&mut self) -> Result<Written, ScimError> {
        let space = self.take_while(char::is_whitespace);
        // After a decoded space, a plus before a digit begins a telephone number.
        let digits = self.rest().strip_prefix('+').filter(|_| !space.is_empty());
        if !digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            self.skip_space();
        }
        let rest = self.rest();
        let is_encoded = ENCODED_QUOTES.iter().any(|quote| rest.starts_with(quote));
        if rest.starts_with(OTHER_QUOTES) || is_encoded {
            return Err(self.error("a text must be in double quotes (\"), not in others"));
        }
        if !rest.starts_with('"') {
            let word = self.take_while(|c| !c.is_whitespace() && !"()[]\"".contains(c));
            return if word.is_empty() {
                Err(self.error("expected a value"))
            } else {
                Ok(Written::Bare(word.to_owned()))
            };
        }
        let mut escaped = false;
        let end = rest
            .char_indices()
            .skip(1)
            .find(|&(_, c)| {
                let closing = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                closing
            })
            .map(|(index, _)| index + 1)
            .ok_or_else(|| self.error("a text has no closing quote"))?;
        let text = serde_json::from_str(&rest[..end])
            .map_err(|_| self.error("a text in quotes must be a JSON string"))?;
        self.at += end;
        Ok(Written::Quoted(text))
    }

    fn deeper(&mut self) -> Result<(), ScimError> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.error("more than 32 nested brackets"));
        }
        Ok(())
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// `+` is a space that the client's encoding left; no token begins with it.
    fn skip_space(&mut self) {
        self.take_while(|c| c.is_whitespace() || c == '+');
    }

    fn eat(&mut self, wanted: char) -> bool {
        self.skip_space();
        let found = self.rest().starts_with(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), ScimError> {
        if self.eat(wanted) { Ok(()) } else { Err(self.error(&format!("expected `{wanted}`"))) }
    }

    /// Consumes a keyword, in any case, unless a longer word begins so.
    fn eat_word(&mut self, word: &str) -> bool {
        self.skip_space();
        let rest = self.rest();
        let found = rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word))
            && !rest[word.len()..]
                .starts_with(|c: char| c.is_ascii_alphanumeric() || "_-.:$[".contains(c));
        if found {
            self.at += word.len();
        }
        found
    }

    /// An error with its place in characters, from 1. It never quotes the filter.
    fn error(&self, problem: &str) -> ScimError {
        let character = self.text[..self.at].chars().count() + 1;
        ScimError::invalid_filter(format!("filter, at character {character}: {problem}"))
    }
}

fn one_or(mut terms: Vec<Filter>, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match terms.pop() {
        Some(only) if terms.is_empty() => only,
        last => {
            terms.extend(last);
            join(terms)
        }
    }
}

/// Refuses secrets (RFC 7643 §7, `writeOnly`): each comparison would confirm or deny a guess.
fn refuse_secret(attribute: Option<&Attribute>) -> Result<(), ScimError> {
    match attribute {
        Some(one) if one.mutability == Mutability::WriteOnly => {
            Err(ScimError::invalid_filter(format!("{} cannot be used in a filter", one.name)))
        }
        _ => Ok(()),
    }
}

/// The literal for an attribute of a known kind.
fn typed(attribute: &Attribute, op: CompareOp, written: Written) -> Result<Literal, &'static str> {
    let text = match written {
        Written::Bare(text) if text.eq_ignore_ascii_case("null") => return Ok(Literal::Null),
        Written::Bare(text) | Written::Quoted(text) => text,
    };
    match attribute.kind {
        Kind::Boolean if !op.is_equality() => Err("booleans can only be compared by eq and ne"),
        Kind::Boolean if text.eq_ignore_ascii_case("true") => Ok(Literal::Boolean(true)),
        Kind::Boolean if text.eq_ignore_ascii_case("false") => Ok(Literal::Boolean(false)),
        Kind::Boolean => Err("expected true or false"),
        Kind::Integer | Kind::Decimal if !op.is_equality() && !op.is_ordering() => {
            Err("numbers cannot be searched as text")
        }
        Kind::Integer | Kind::Decimal => match Numeral::parse(&text) {
            Some(number) => Ok(Literal::Number(number)),
            None => Err("expected a number"),
        },
        Kind::Binary if op.is_ordering() => Err("binary values have no order"),
        Kind::DateTime if (op.is_equality() || op.is_ordering()) && instant(&text).is_none() => {
            Err("expected a date and time such as 2026-03-01T10:00:00Z")
        }
        Kind::DateTime | Kind::Binary | Kind::String | Kind::Reference | Kind::Complex => {
            Ok(Literal::String(text.into()))
        }
    }
}

/// The literal for an unknown attribute, typed by its form.
fn untyped(written: Written) -> Literal {
    match written {
        Written::Quoted(text) => Literal::String(text.into()),
        Written::Bare(text) => match text.to_ascii_lowercase().as_str() {
            "true" => Literal::Boolean(true),
            "false" => Literal::Boolean(false),
            "null" => Literal::Null,
            _ => match Numeral::parse(&text) {
                Some(number) => Literal::Number(number),
                None => Literal::String(text.into()),
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ScimType;
    use proptest::prelude::*;

    #[track_caller]
    fn check_refused(text: &str, expected: &str) {
        let registry = Registry::core();
        let error = parse(text, registry.resource_type("User"), registry).unwrap_err();
        assert_eq!((error.status, error.scim_type), (400, Some(ScimType::InvalidFilter)));
        assert!(error.detail.contains(expected), "{}", error.detail);
        assert!(!error.detail.contains("secret"), "{}", error.detail);
    }

    #[test]
    fn refusals() {
        check_refused("", "expected an attribute");
        check_refused("userName", "expected one of eq");
        check_refused("userName is \"secret\"", "expected one of eq");
        check_refused("userName eq", "expected a value");
        check_refused("userName eq \"secret", "closing quote");
        for text in [
            "userName eq '007'",
            "userName eq \u{201c}secret\u{201d}",
            "userName eq \u{2018}secret\u{2019}",
            "userName eq `secret`",
            "userName eq \u{300c}secret\u{300d}",
            "userName eq \u{2033}secret\u{2033}",
            "userName eq %22secret%22",
            "userName eq &quot;secret&quot;",
            "active eq 'true'",
            "nobody eq 'secret'",
            "emails[type eq 'work']",
            "emails[type eq \"work\"].value eq 'secret'",
            "title pr and not (userName sw «secret»)",
        ] {
            check_refused(text, "double quotes (\")");
        }
        check_refused("userName eq \"\\x secret\"", "must be a JSON string");
        check_refused("userName eq \"secret\" title pr", "character 22");
        check_refused("(userName pr", "expected `)`");
        check_refused("not userName pr", "expected `(`");
        check_refused("userName pr)", "the end");
        check_refused("emails[type eq work", "expected `]`");
        check_refused("emails[a[b pr]]", "nested");
        check_refused("emails.value[type pr]", "not a sub-attribute");
        check_refused("emails[type pr].x.y pr", "expected one of eq");
        check_refused("a.b.c pr", "no attribute path");
        check_refused("name eq \"secret\"", "name has parts");
        check_refused("active gt true", "only be compared by eq");
        check_refused("active eq \"secret\"", "true or false");
        check_refused("x509Certificates.value gt \"a\"", "no order");
        check_refused("meta.created gt \"secret\"", "date and time");
        check_refused("userName gt null", "null");
    }

    #[test]
    fn passwords_cannot_be_guessed() {
        let registry = Registry::core();
        for text in [
            "password eq \"secret\"",
            "PASSWORD pr",
            "not (urn:ietf:params:scim:schemas:core:2.0:User:password sw \"secret\")",
            "password[value eq \"secret\"]",
            "password.x eq \"secret\"",
        ] {
            check_refused(text, "password cannot be used");
            assert!(parse(text, None, registry).is_err(), "{text}");
        }
    }

    #[test]
    fn bounds() {
        let nested = |depth: usize| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
        let many = |count: usize| vec!["a pr"; count].join(" or ");
        assert!(parse(&nested(32), None, Registry::core()).is_ok());
        check_refused(&nested(33), "nested");
        check_refused(&"not(".repeat(1_000), "nested");
        assert!(parse(&many(1_000), None, Registry::core()).is_ok());
        check_refused(&many(1_001), "1000");
        check_refused(&" ".repeat(8 * 1024 + 1), "8192 bytes");
    }

    proptest! {
        #[test]
        fn never_panics(
            text in "\\PC*|(title|emails|not|and|or|eq|pr|\"a\"|é|[\\[\\]().+ \\\\\"]){0,20}",
        ) {
            let _ = parse(&text, None, Registry::core());
            let _ = parse_bracket(&text, None, Registry::core());
        }
    }
}
