//! The grammar of filters against a second reader of it, the crate `scim_v2`: filters made from the
//! grammar of RFC 7644 §3.4.2.2 and near misses of them must be accepted or refused by both, and mean
//! the same. Where we differ on purpose, [`Leniency`] and [`Strictness`] name it, with the clause that
//! decides; anything else fails.
//!
//! `PROVLOG_TEST_DIFFERENTIAL` is the number of filters.

use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use scim::{AttrPath, CompareOp, Filter, Kind, Literal, Mutability, Registry, ResourceType};
use scim_v2::filter as peer;

mod grammar;

use grammar::generate::{filter, mutate, mutation};
use grammar::strict_form::{strict_form, tokens};

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
    /// White space after an opening bracket: §3.4.2.2 has none there. The other reader takes it, except
    /// before a name that begins with `pr`, which it takes for the operator.
    SpaceInBracket,
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
        ("( prand pr)", "(prand pr)", Leniency::SpaceInBracket),
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
