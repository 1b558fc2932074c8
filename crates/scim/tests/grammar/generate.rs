//! Filters of the grammar, and near misses of them.

use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::strict_form::tokens;
use crate::{ENT, user};

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

pub fn filter() -> BoxedStrategy<String> {
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
pub enum Mutation {
    Drop(Index),
    Double(Index),
    Swap(Index, Index),
    Replace(Index, &'static str),
    Insert(Index, &'static str),
    DropCharacter(Index),
}

pub fn mutation() -> impl Strategy<Value = Mutation> {
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

pub fn mutate(text: &str, mutation: &Mutation) -> String {
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
