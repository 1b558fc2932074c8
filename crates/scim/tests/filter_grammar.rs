//! The grammar of filters against a second reader of it, the crate `scim_v2`: filters made from the
//! grammar of RFC 7644 §3.4.2.2 and near misses of them must be accepted or refused by both, and mean
//! the same. Where we differ on purpose, [`Leniency`] and [`Strictness`] name it, with the clause that
//! decides; anything else fails.
//!
//! `PROVLOG_TEST_DIFFERENTIAL` is the number of filters.

use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use scim::{AttrPath, CompareOp, Filter, Kind, Literal, Mutability, Registry, ResourceType};
use scim_v2::filter as peer;

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

const INSTANT: &str = "2026-03-01T10:00:00Z";

fn user() -> &'static ResourceType {
    Registry::core().resource_type("User").unwrap()
}

/// What we accept and the grammar does not have. Each is undone in [`strict_form`], after which the
/// other reader must accept the filter, and find the same in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leniency {
    /// `userName eq bo`, `active eq True`, `title eq 007`: RFC 7644 §3.4.2.2 wants JSON values.
    BareValue,
    /// `+` for a space that was not decoded; §3.4.2.2 has `SP` alone.
    Plus,
    /// No space where §3.4.2.2 wants one, as in `userName eq"bo"` and `)and(`.
    NoSpace,
    /// `emails[type eq "work"].value eq "x"`: §3.4.2.2 ends a `valuePath` at its bracket.
    DotAfterBracket,
    /// `not(title pr)`: §3.4.2.2 has no space after `not`, and the other reader wants one (erratum
    /// 7319).
    NotWithoutSpace,
    /// `groups.$ref`: RFC 7643 §2.1 gives names no `$`, and §4.1.2 has `$ref` all the same.
    Dollar,
    /// An attribute named `true`, `and` or `eq`: an `ATTRNAME` of §3.4.2.2 like any other, where a
    /// word has its other meaning only in its place.
    KeywordAsName,
    /// `urn:title`: a URN has a namespace (RFC 8141 §2), so `urn` names no schema. Names of schemas
    /// that nobody has are passed over.
    ShortUrn,
}

/// What the other reader accepts and we refuse.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Strictness {
    /// `password`: RFC 7643 §7, `returned: never`; every answer would tell something of it.
    Secret,
    /// A value that is none of the attribute's type, or an operator that its type has not: RFC 7644
    /// §3.4.2.2 (`gt` of booleans and binary values) and §3.12 (`invalidFilter` is the combination).
    Type,
    /// `title gt null`: there is nothing to compare with; RFC 7643 §2.5, null is unassigned.
    NullOrder,
    /// `name eq "x"`: an attribute with parts but no `value` (RFC 7643 §2.4) has nothing to compare.
    Whole,
    /// `emails[a.b eq 1]`: within a bracket stand sub-attributes (RFC 7644 §3.4.2.2), which have no
    /// parts of their own (RFC 7643 §2.3.8).
    PathInBracket,
    /// `emails.value[type pr]`: a sub-attribute has no parts (RFC 7643 §2.3.8).
    BracketAfterSub,
    /// `emails [type pr]`: RFC 7644 §3.4.2.2, no space in a `valuePath`.
    SpaceBeforeBracket,
    /// A schema's URN by itself, which reads as an attribute `User` of `...:2.0`: RFC 7644 §3.10.
    NoAttribute,
    /// `urn:...:enterprise:2.0:User:x:title`: what follows a registered URN names an attribute of it
    /// (RFC 7644 §3.10), and `x:title` is no name.
    LongerUrn,
    /// `x:y:title`: RFC 7643 §3, a schema is named by a URN.
    NoUrn,
    /// More than our 8 KiB or 32 brackets: RFC 7644 §3.4.2.2 leaves to the server what is too much.
    Bounds,
}

// Both readings in one form.

#[derive(Clone, Debug, PartialEq)]
enum Meaning {
    And(Vec<Meaning>),
    Or(Vec<Meaning>),
    Not(Box<Meaning>),
    Within(String, Box<Meaning>),
    Present(String),
    Compare(String, String, String),
}

impl Meaning {
    /// `and` and `or` do not care how their terms are grouped.
    fn all(terms: Vec<Meaning>) -> Meaning {
        let flat = terms.into_iter().flat_map(|term| match term {
            Meaning::And(terms) => terms,
            other => vec![other],
        });
        Meaning::And(flat.collect())
    }

    fn any(terms: Vec<Meaning>) -> Meaning {
        let flat = terms.into_iter().flat_map(|term| match term {
            Meaning::Or(terms) => terms,
            other => vec![other],
        });
        Meaning::Or(flat.collect())
    }
}

/// A path without what only we know of it: spelling, the base schema's own URN, and `value` as the
/// part that is compared where an attribute was named as a whole.
fn plain_path(path: &str) -> String {
    let path = path.to_ascii_lowercase().replace('$', "");
    let base = format!("{}:", user().schema.to_ascii_lowercase());
    let path = path.strip_prefix(&base).unwrap_or(&path);
    path.strip_suffix(".value").unwrap_or(path).to_owned()
}

/// A value by its text. A boolean may have been written as a text, a text as a number.
fn plain_value(value: &str) -> String {
    match value.parse::<serde_json::Number>() {
        Ok(number) => number.to_string(),
        Err(_) if ["true", "false", "null"].iter().any(|one| value.eq_ignore_ascii_case(one)) => {
            value.to_ascii_lowercase()
        }
        Err(_) => value.to_owned(),
    }
}

fn ours(filter: &Filter) -> Meaning {
    match filter {
        Filter::And(terms) => Meaning::all(terms.iter().map(ours).collect()),
        Filter::Or(terms) => Meaning::any(terms.iter().map(ours).collect()),
        Filter::Not(term) => Meaning::Not(Box::new(ours(term))),
        Filter::Present(path) => Meaning::Present(plain_path(&path.to_string())),
        Filter::ValuePath { path, filter } => {
            Meaning::Within(plain_path(&path.to_string()), Box::new(ours(filter)))
        }
        Filter::Compare { path, op, value } => {
            let op = match op {
                CompareOp::Eq => "eq",
                CompareOp::Ne => "ne",
                CompareOp::Co => "co",
                CompareOp::Sw => "sw",
                CompareOp::Ew => "ew",
                CompareOp::Gt => "gt",
                CompareOp::Ge => "ge",
                CompareOp::Lt => "lt",
                CompareOp::Le => "le",
            };
            let value = match value {
                Literal::String(text) => text.as_str().to_owned(),
                other => other.to_json().to_string(),
            };
            Meaning::Compare(plain_path(&path.to_string()), op.to_owned(), plain_value(&value))
        }
    }
}

fn theirs_term(term: &peer::AttrExp) -> Meaning {
    match term {
        peer::AttrExp::Present(path) => Meaning::Present(plain_path(&path.to_string())),
        peer::AttrExp::Comparison(path, op, value) => {
            let value = match value {
                peer::CompValue::Str(text) => text.clone(),
                other => other.to_string(),
            };
            Meaning::Compare(plain_path(&path.to_string()), op.to_string(), plain_value(&value))
        }
    }
}

fn theirs_within(filter: &peer::ValFilter) -> Meaning {
    match filter {
        peer::ValFilter::Attr(term) => theirs_term(term),
        peer::ValFilter::Not(term) => Meaning::Not(Box::new(theirs_within(term))),
        peer::ValFilter::And(terms) => Meaning::all(terms.iter().map(theirs_within).collect()),
        peer::ValFilter::Or(terms) => Meaning::any(terms.iter().map(theirs_within).collect()),
    }
}

fn theirs(filter: &peer::Filter) -> Meaning {
    match filter {
        peer::Filter::Attr(term) => theirs_term(term),
        peer::Filter::ValuePath(within) => Meaning::Within(
            plain_path(&within.attr.to_string()),
            Box::new(theirs_within(&within.filter)),
        ),
        peer::Filter::Not(term) => Meaning::Not(Box::new(theirs(term))),
        peer::Filter::And(terms) => Meaning::all(terms.iter().map(theirs).collect()),
        peer::Filter::Or(terms) => Meaning::any(terms.iter().map(theirs).collect()),
    }
}

// Why we may refuse what the other reader accepts.

/// Every reason to refuse that a filter holds.
fn refusals(text: &str, filter: &peer::Filter) -> Vec<Strictness> {
    let mut found = Vec::new();
    let mut nested = 0_usize;
    let mut deepest = 0;
    for token in tokens(text) {
        match token.text {
            "(" | "[" => {
                nested += 1;
                deepest = deepest.max(nested);
            }
            ")" | "]" => nested = nested.saturating_sub(1),
            _ => {}
        }
        if token.text == "[" && token.spaced {
            found.push(Strictness::SpaceBeforeBracket);
        }
    }
    if text.len() > 8 * 1024 || deepest > 32 {
        found.push(Strictness::Bounds);
    }
    refusals_of(filter, &mut found);
    found
}

fn refusals_of(filter: &peer::Filter, found: &mut Vec<Strictness>) {
    match filter {
        peer::Filter::Attr(term) => refusals_of_term(None, term, found),
        peer::Filter::Not(term) => refusals_of(term, found),
        peer::Filter::And(terms) | peer::Filter::Or(terms) => {
            terms.iter().for_each(|term| refusals_of(term, found));
        }
        peer::Filter::ValuePath(within) => {
            if within.attr.sub_attr.is_some() {
                found.push(Strictness::BracketAfterSub);
            }
            refusals_of_path(&within.attr, found);
            let whole = peer::AttrPath { sub_attr: None, ..within.attr.clone() };
            refusals_within(&whole, &within.filter, found);
        }
    }
}

fn refusals_within(whole: &peer::AttrPath, filter: &peer::ValFilter, found: &mut Vec<Strictness>) {
    match filter {
        peer::ValFilter::Attr(term) => refusals_of_term(Some(whole), term, found),
        peer::ValFilter::Not(term) => refusals_within(whole, term, found),
        peer::ValFilter::And(terms) | peer::ValFilter::Or(terms) => {
            terms.iter().for_each(|term| refusals_within(whole, term, found));
        }
    }
}

fn refusals_of_term(
    whole: Option<&peer::AttrPath>,
    term: &peer::AttrExp,
    found: &mut Vec<Strictness>,
) {
    let (path, comparison) = match term {
        peer::AttrExp::Present(path) => (path, None),
        peer::AttrExp::Comparison(path, op, value) => (path, Some((op, value))),
    };
    let path = match whole {
        None => path.clone(),
        Some(whole) => {
            if path.uri.is_some() || path.sub_attr.is_some() {
                found.push(Strictness::PathInBracket);
            }
            peer::AttrPath { sub_attr: Some(path.name.clone()), ..whole.clone() }
        }
    };
    refusals_of_path(&path, found);
    let Some((op, value)) = comparison else {
        return;
    };
    let ordering = matches!(
        op,
        peer::CompareOp::Gt | peer::CompareOp::Ge | peer::CompareOp::Lt | peer::CompareOp::Le
    );
    let equality = matches!(op, peer::CompareOp::Eq | peer::CompareOp::Ne);
    if *value == peer::CompValue::Null && !equality {
        found.push(Strictness::NullOrder);
    }
    let registry = Registry::core();
    let Ok(path) = AttrPath::parse(&path.to_string(), Some(user()), registry) else {
        return;
    };
    let Some(mut attribute) = registry.attribute(Some(user()), &path) else {
        return;
    };
    let sub = |attribute: &'static scim::Attribute, name: &str| {
        attribute.sub_attributes.iter().find(|one| one.name.eq_ignore_ascii_case(name))
    };
    if let Some(name) = &path.sub {
        match sub(attribute, name) {
            Some(part) => attribute = part,
            None => return,
        }
    }
    if attribute.kind == Kind::Complex {
        match sub(attribute, "value") {
            Some(part) => attribute = part,
            None => {
                found.push(Strictness::Whole);
                return;
            }
        }
    }
    let text = match value {
        peer::CompValue::Str(text) => text.clone(),
        peer::CompValue::Null => return,
        other => other.to_string(),
    };
    let is_boolean = ["true", "false"].iter().any(|one| text.eq_ignore_ascii_case(one));
    let fits = match attribute.kind {
        Kind::Boolean => equality && is_boolean,
        Kind::Binary => !ordering,
        // The one instant that filters here are made with.
        Kind::DateTime => !(equality || ordering) || text == INSTANT,
        _ => true,
    };
    if !fits {
        found.push(Strictness::Type);
    }
}

fn refusals_of_path(path: &peer::AttrPath, found: &mut Vec<Strictness>) {
    if path.name.eq_ignore_ascii_case("password") {
        found.push(Strictness::Secret);
    }
    let Some(uri) = &path.uri else {
        return;
    };
    let whole = format!("{uri}:{}", path.name);
    for schema in Registry::core().schemas() {
        let id = schema.id.len();
        let is_head =
            |text: &str| text.get(..id).is_some_and(|head| head.eq_ignore_ascii_case(&schema.id));
        if is_head(&whole) && whole.len() == id {
            found.push(Strictness::NoAttribute);
        }
        if is_head(uri) && uri[id..].starts_with(':') {
            found.push(Strictness::LongerUrn);
        }
    }
    if !uri.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")) {
        found.push(Strictness::NoUrn);
    }
}

// Our leniency, undone.

#[derive(Clone, Copy, Debug)]
struct Token<'a> {
    text: &'a str,
    /// White space comes before it.
    spaced: bool,
    /// A `+` is among that.
    plus: bool,
}

fn is_space(c: char) -> bool {
    c.is_whitespace() || c == '+'
}

/// Texts in quotes, brackets, and the words between them. Within a word `+` is no space: it can be
/// part of a value.
fn tokens(text: &str) -> Vec<Token<'_>> {
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
fn strict_form(text: &str) -> Option<(String, Vec<Leniency>)> {
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
        self.space();
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
        if !self.space() {
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

const KEYWORDS: [&str; 15] = [
    "true", "false", "null", "and", "or", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le",
    "pr",
];

/// Names that only we allow, as [`strict_form`] writes them.
fn undo_renaming(meaning: Meaning) -> Meaning {
    let path = |path: String| {
        let path = path.strip_suffix('_').unwrap_or(&path);
        path.replacen("urn::", "urn:", 1)
    };
    let each = |terms: Vec<Meaning>| terms.into_iter().map(undo_renaming).collect();
    match meaning {
        Meaning::And(terms) => Meaning::And(each(terms)),
        Meaning::Or(terms) => Meaning::Or(each(terms)),
        Meaning::Not(term) => Meaning::Not(Box::new(undo_renaming(*term))),
        Meaning::Within(name, term) => Meaning::Within(path(name), Box::new(undo_renaming(*term))),
        Meaning::Present(name) => Meaning::Present(path(name)),
        Meaning::Compare(name, op, value) => Meaning::Compare(path(name), op, value),
    }
}

fn check(text: &str) -> Result<(), String> {
    let our = Filter::parse(text, Some(user()), Registry::core());
    let their = text.parse::<peer::Filter>();
    match (our, their) {
        (Err(_), Err(_)) => Ok(()),
        (Ok(our), Ok(their)) => same(&ours(&our), &theirs(&their)),
        (Err(error), Ok(their)) => {
            if refusals(text, &their).is_empty() {
                return Err(format!("only we refuse it, for no reason that is named: {error}"));
            }
            Ok(())
        }
        (Ok(our), Err(error)) => {
            let Some((strict, found)) = strict_form(text) else {
                return Err(format!("only we accept it, and it is no filter: {error}"));
            };
            if found.is_empty() {
                return Err(format!("only we accept it, for no reason that is named: {error}"));
            }
            match strict.parse::<peer::Filter>() {
                Err(error) => Err(format!(
                    "only we accept it, not only for {found:?}: {strict:?} is refused too: {error}"
                )),
                Ok(their) => same(&undo_renaming(ours(&our)), &undo_renaming(theirs(&their))),
            }
        }
    }
}

fn same(ours: &Meaning, theirs: &Meaning) -> Result<(), String> {
    if ours == theirs {
        Ok(())
    } else {
        Err(format!("two meanings:\n  ours   {ours:?}\n  theirs {theirs:?}"))
    }
}

// Filters of the strict grammar.

fn any_case(word: &'static str) -> impl Strategy<Value = String> {
    any::<u8>().prop_map(move |bits| {
        let letter = |(index, c): (usize, char)| {
            if bits >> (index % 8) & 1 == 1 { c.to_ascii_uppercase() } else { c }
        };
        word.chars().enumerate().map(letter).collect()
    })
}

fn path() -> impl Strategy<Value = String> {
    let known = select(vec![
        "userName",
        "title",
        "name.familyName",
        "emails",
        "emails.type",
        "emails.value",
        "active",
        "meta.created",
        "externalId",
        "x509Certificates.value",
        "roles.primary",
        "groups.value",
    ]);
    let name = "[a-zA-Z][a-zA-Z0-9_-]{0,6}(\\.[a-zA-Z][a-zA-Z0-9_-]{0,4})?";
    prop_oneof![
        6 => known.prop_map(str::to_owned),
        1 => select(vec!["department", "manager.value", "manager"])
            .prop_map(|name| format!("{ENT}:{name}")),
        1 => Just(format!("{}:userName", user().schema)),
        1 => Just("urn:example:1.5:Boat:berth.size".to_owned()),
        1 => select(vec!["password", "name", "notes", "orbit", "andy", "prow", "nullable"])
            .prop_map(str::to_owned),
        1 => name.prop_map(|name: String| name),
    ]
}

fn value() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-zA-Z0-9 @.]{0,8}".prop_map(|text: String| format!("\"{text}\"")),
        1 => "\\PC{0,6}".prop_map(|text: String| serde_json::Value::from(text).to_string()),
        1 => select(vec![
            r#""] and (""#, r#""\"""#, r#""\\""#, r#""\u00e5\n""#, r#""😀""#, r#""True""#,
            r#""2026-03-01T10:00:00Z""#, r#""not (""#, r#""a+b""#,
        ]).prop_map(str::to_owned),
        2 => select(vec!["true", "false", "null"]).prop_map(str::to_owned),
        1 => select(vec!["0", "-1", "42", "1.5", "-0.25", "1e3", "2E-2"]).prop_map(str::to_owned),
    ]
}

fn comparison(path: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let op =
        select(vec!["eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]).prop_flat_map(any_case);
    let rest = prop_oneof![
        1 => any_case("pr"),
        4 => (op, value()).prop_map(|(op, value)| format!("{op} {value}")),
    ];
    (path, rest).prop_map(|(path, rest)| format!("{path} {rest}"))
}

fn logic(term: BoxedStrategy<String>) -> BoxedStrategy<String> {
    term.prop_recursive(4, 12, 3, |inner| {
        let word = prop_oneof![any_case("and"), any_case("or")];
        prop_oneof![
            3 => (inner.clone(), word, inner.clone())
                .prop_map(|(left, word, right)| format!("{left} {word} {right}")),
            1 => inner.clone().prop_map(|inner| format!("({inner})")),
            1 => (any_case("not"), inner).prop_map(|(not, inner)| format!("{not} ({inner})")),
        ]
    })
    .boxed()
}

fn filter() -> BoxedStrategy<String> {
    let part = select(vec!["type", "value", "primary", "display", "TYPE", "shoe"]);
    let within = logic(comparison(part.prop_map(str::to_owned)).boxed());
    let list = select(vec!["emails", "EMAILS", "phoneNumbers", "boats", "urn:example:x:boats"]);
    let value_path = (list, within).prop_map(|(list, within)| format!("{list}[{within}]"));
    let term = prop_oneof![4 => comparison(path()), 1 => value_path].boxed();
    let deep = (0_usize..40, logic(term.clone()))
        .prop_map(|(depth, one)| format!("{}{one}{}", "(".repeat(depth), ")".repeat(depth)));
    prop_oneof![30 => logic(term), 1 => deep].boxed()
}

/// What near misses are made with.
const PIECES: [&str; 41] = [
    " ",
    "  ",
    "+",
    "\t",
    "(",
    ")",
    "[",
    "]",
    ".",
    ":",
    "\"",
    "\\",
    "$ref",
    "and",
    " or ",
    "not",
    "not(",
    "pr",
    "eq",
    " eq ",
    "is",
    "xor",
    " xor ",
    ",",
    "true",
    "True",
    "null",
    "bo",
    "007",
    "1.",
    "-",
    "1e999",
    "\u{a0}",
    "å",
    ".value eq \"x\"",
    "groups.$ref pr",
    "a.b.c",
    "urn:x",
    "x:y:z",
    ENT,
    "\"bo\"",
];

/// A change of one token, or of one character.
#[derive(Clone, Debug)]
enum Mutation {
    Drop(Index),
    Double(Index),
    Swap(Index, Index),
    Replace(Index, &'static str),
    Insert(Index, &'static str),
    DropCharacter(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let place = any::<Index>;
    let piece = || select(PIECES.to_vec());
    prop_oneof![
        place().prop_map(Mutation::Drop),
        place().prop_map(Mutation::Double),
        (place(), place()).prop_map(|(one, other)| Mutation::Swap(one, other)),
        (place(), piece()).prop_map(|(place, piece)| Mutation::Replace(place, piece)),
        (place(), piece()).prop_map(|(place, piece)| Mutation::Insert(place, piece)),
        place().prop_map(Mutation::DropCharacter),
    ]
}

fn mutate(text: &str, mutation: &Mutation) -> String {
    // Spaces are pieces of their own.
    let mut pieces: Vec<String> = Vec::new();
    for token in tokens(text) {
        if token.spaced && !pieces.is_empty() {
            pieces.push(if token.plus { "+" } else { " " }.to_owned());
        }
        pieces.push(token.text.to_owned());
    }
    if pieces.is_empty() {
        return text.to_owned();
    }
    let count = pieces.len();
    match mutation {
        Mutation::Drop(place) => {
            pieces.remove(place.index(count));
        }
        Mutation::Double(place) => {
            let place = place.index(count);
            pieces.insert(place, pieces[place].clone());
        }
        Mutation::Swap(one, other) => pieces.swap(one.index(count), other.index(count)),
        Mutation::Replace(place, piece) => pieces[place.index(count)] = (*piece).to_owned(),
        Mutation::Insert(place, piece) => {
            pieces.insert(place.index(count + 1), (*piece).to_owned());
        }
        Mutation::DropCharacter(place) => {
            let mut characters: Vec<char> = pieces.concat().chars().collect();
            characters.remove(place.index(characters.len()));
            return characters.into_iter().collect();
        }
    }
    pieces.concat()
}

fn cases() -> u32 {
    match std::env::var("PROVLOG_TEST_DIFFERENTIAL") {
        Ok(text) => text.parse().expect("PROVLOG_TEST_DIFFERENTIAL must be a number"),
        Err(_) => 500,
    }
}

#[track_caller]
fn compare_all(filters: &BoxedStrategy<String>) {
    // Both readers are quick.
    let cases = cases() * 10;
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let result = TestRunner::new_with_rng(config, random).run(filters, |text| {
        check(&text).map_err(|difference| TestCaseError::fail(format!("{text}\n{difference}")))
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn differential_filters_of_the_grammar() {
    compare_all(&filter());
}

#[test]
fn differential_near_misses() {
    let mutated = (filter(), proptest::collection::vec(mutation(), 1..4))
        .prop_map(|(text, mutations)| mutations.iter().fold(text, |text, one| mutate(&text, one)));
    compare_all(&mutated.boxed());
}

#[test]
fn each_leniency_is_undone() {
    for (text, expected, leniency) in [
        ("userName eq bo", r#"userName eq "bo""#, Leniency::BareValue),
        ("active eq True", "active eq true", Leniency::BareValue),
        ("userName+pr", "userName pr", Leniency::Plus),
        (r#"userName eq"bo""#, r#"userName eq "bo""#, Leniency::NoSpace),
        (
            r#"emails[type eq "work"].value pr"#,
            r#"emails[(type eq "work") and value pr]"#,
            Leniency::DotAfterBracket,
        ),
        ("not(title pr)", "not (title pr)", Leniency::NotWithoutSpace),
        ("groups.$ref pr", "groups.ref pr", Leniency::Dollar),
        ("true pr", "true_ pr", Leniency::KeywordAsName),
        ("urn:title pr", "urn::title pr", Leniency::ShortUrn),
    ] {
        assert_eq!(strict_form(text), Some((expected.to_owned(), vec![leniency])));
        assert!(text.parse::<peer::Filter>().is_err(), "{text}");
        assert_eq!(check(text), Ok(()), "{text}");
    }
}

#[test]
fn each_strictness_is_seen() {
    let deep = format!("{}title pr{}", "(".repeat(33), ")".repeat(33));
    let bare = format!("{ENT} pr");
    let longer = format!("{ENT}:x:title pr");
    for (text, strictness) in [
        ("password pr", Strictness::Secret),
        (r#"active eq "often""#, Strictness::Type),
        ("active gt true", Strictness::Type),
        (r#"meta.created gt "noon""#, Strictness::Type),
        ("title gt null", Strictness::NullOrder),
        (r#"name eq "x""#, Strictness::Whole),
        ("emails[a.b pr]", Strictness::PathInBracket),
        ("emails.value[type pr]", Strictness::BracketAfterSub),
        ("emails [type pr]", Strictness::SpaceBeforeBracket),
        (&bare, Strictness::NoAttribute),
        (&longer, Strictness::LongerUrn),
        ("x:y:title pr", Strictness::NoUrn),
        (&deep, Strictness::Bounds),
    ] {
        let theirs = text.parse::<peer::Filter>().unwrap();
        assert_eq!(refusals(text, &theirs), [strictness], "{text}");
        assert!(Filter::parse(text, Some(user()), Registry::core()).is_err(), "{text}");
    }
    assert_eq!(
        Registry::core().schemas()[0]
            .attributes
            .iter()
            .filter(|one| { one.mutability == Mutability::WriteOnly })
            .count(),
        1,
        "password is the only secret"
    );
}
