//! Random filters in varied spelling, compared with a second, simple implementation that shares no code
//! with the first.

use std::cell::Cell;
use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

use super::{Filter, Literal, Operator, Required};

mod spelling;

use spelling::Spelling;

const CASES: u32 = 3_000;

const TEXTS: [&str; 24] = [
    "id",
    "tenantId",
    "jobId",
    "cycleId",
    "changeId",
    "provisioningAction",
    "provisioningStatusInfo/status",
    "provisioningStatusInfo/errorInformation/errorCode",
    "provisioningStatusInfo/errorInformation/errorCategory",
    "provisioningStatusInfo/errorInformation/reason",
    "provisioningStatusInfo/errorInformation/additionalDetails",
    "provisioningStatusInfo/errorInformation/recommendedAction",
    "servicePrincipal/id",
    "servicePrincipal/displayName",
    "sourceSystem/displayName",
    "sourceSystem/details/Region",
    "targetSystem/id",
    "targetSystem/details/ApplicationId",
    "initiatedBy/id",
    "initiatedBy/initiatorType",
    "sourceIdentity/identityType",
    "sourceIdentity/details/userPrincipalName",
    "targetIdentity/displayName",
    "targetIdentity/details/odatatype",
];
const INTEGER: &str = "durationInMilliseconds";
const TIME: &str = "activityDateTime";
const STEPS: (&str, &[&str]) = (
    "provisioningSteps",
    &["name", "provisioningStepType", "status", "description", "details/SkipReason"],
);
const MODIFIED: (&str, &[&str]) = ("modifiedProperties", &["displayName", "oldValue", "newValue"]);

/// Fields with enumeration words, which ignore case.
const WORDS: [&str; 6] = [
    "provisioningAction",
    "provisioningStatusInfo/status",
    "provisioningStatusInfo/errorInformation/errorCategory",
    "initiatedBy/initiatorType",
    "provisioningStepType",
    "status",
];

/// A value; times in nanoseconds since 1970.
#[derive(Clone, Debug, PartialEq)]
enum Plain {
    Text(String),
    Integer(i64),
    Time(i64),
}

/// Values by path.
type Values = BTreeMap<&'static str, Plain>;

#[derive(Clone, Debug)]
struct Entry {
    values: Values,
    lists: BTreeMap<&'static str, Vec<Values>>,
}

#[derive(Clone, Debug)]
enum Term {
    Field(&'static str),
    /// `None` is null.
    Value(Option<Plain>),
    Lower(Box<Term>),
    Upper(Box<Term>),
}

#[derive(Clone, Debug)]
enum Tree {
    And(Vec<Tree>),
    Or(Vec<Tree>),
    Not(Box<Tree>),
    /// A condition compared with a boolean: `eq` if the first flag is set, else `ne`.
    Is(Box<Tree>, bool, bool),
    Compare(Term, &'static str, Term),
    Function(&'static str, Term, Term),
    In(Term, Vec<Option<Plain>>),
    Any(&'static str, Box<Tree>),
    All(&'static str, Box<Tree>),
    Constant(bool),
}

// The simple implementation.

fn holds(tree: &Tree, values: &Values, lists: &BTreeMap<&'static str, Vec<Values>>) -> bool {
    match tree {
        Tree::And(terms) => !terms.iter().any(|term| !holds(term, values, lists)),
        Tree::Or(terms) => terms.iter().any(|term| holds(term, values, lists)),
        Tree::Not(term) => !holds(term, values, lists),
        Tree::Is(term, equal, value) => (holds(term, values, lists) == *value) == *equal,
        Tree::Compare(left, operator, right) => {
            compares(&value(left, values), operator, &value(right, values))
        }
        Tree::Function(name, left, right) => {
            let is_word = |term: &Term| matches!(term, Term::Field(field) if WORDS.contains(field));
            let has_no_case = is_word(left) || is_word(right);
            match (value(left, values), value(right, values)) {
                (Some(Plain::Text(left)), Some(Plain::Text(right))) => match has_no_case {
                    true => tests(name, &left.to_lowercase(), &right.to_lowercase()),
                    false => tests(name, &left, &right),
                },
                _ => false,
            }
        }
        Tree::In(left, list) => list.contains(&value(left, values)),
        Tree::Any(list, term) => {
            lists[list].iter().filter(|element| holds(term, element, lists)).count() > 0
        }
        Tree::All(list, term) => {
            lists[list].iter().filter(|element| !holds(term, element, lists)).count() == 0
        }
        Tree::Constant(value) => *value,
    }
}

fn value(term: &Term, values: &Values) -> Option<Plain> {
    let mapped = |inner: &Term, map: fn(&str) -> String| match value(inner, values) {
        Some(Plain::Text(text)) => Some(Plain::Text(map(&text))),
        _ => None,
    };
    match term {
        Term::Field(path) => values.get(path).cloned(),
        Term::Value(value) => value.clone(),
        Term::Lower(inner) => mapped(inner, str::to_lowercase),
        Term::Upper(inner) => mapped(inner, str::to_uppercase),
    }
}

fn compares(left: &Option<Plain>, operator: &str, right: &Option<Plain>) -> bool {
    let number = |value: &Option<Plain>| match value {
        Some(Plain::Integer(number) | Plain::Time(number)) => Some(*number),
        Some(Plain::Text(_)) | None => None,
    };
    match (operator, left, right) {
        ("eq", None, None) => true,
        ("ne", None, None) => false,
        ("eq", None, Some(_)) | ("eq", Some(_), None) => false,
        ("ne", None, Some(_)) | ("ne", Some(_), None) => true,
        ("eq", Some(left), Some(right)) => left == right,
        ("ne", Some(left), Some(right)) => left != right,
        _ => match (number(left), number(right)) {
            (Some(left), Some(right)) => match operator {
                "gt" => left > right,
                "ge" => left >= right,
                "lt" => left < right,
                "le" => left <= right,
                other => unreachable!("{other}"),
            },
            _ => false,
        },
    }
}

fn tests(name: &str, text: &str, part: &str) -> bool {
    let (text, part): (Vec<char>, Vec<char>) = (text.chars().collect(), part.chars().collect());
    let Some(last) = text.len().checked_sub(part.len()) else {
        return false;
    };
    (0..=last).filter(|start| text[*start..*start + part.len()] == part).any(|start| match name {
        "contains" => true,
        "startswith" => start == 0,
        "endswith" => start == last,
        other => unreachable!("{other}"),
    })
}

/// Whether an entry satisfies a required comparison.
fn satisfies(required: Required<'_>, entry: &Entry) -> bool {
    let path = required
        .key
        .map_or(required.property.to_owned(), |key| format!("{}/{key}", required.property));
    let found = |values: &Values, path: &str| {
        values
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(path))
            .map(|(_, value)| value.clone())
    };
    let list = entry
        .lists
        .iter()
        .find_map(|(list, elements)| Some((elements, path.strip_prefix(list)?.strip_prefix('/')?)));
    let candidates = match list {
        Some((elements, path)) => elements.iter().map(|element| found(element, path)).collect(),
        None => vec![found(&entry.values, &path)],
    };
    candidates.into_iter().any(|candidate| {
        let mut values = required.values.iter().map(|value| match value {
            Literal::Text(text) => Some(Plain::Text(text.clone())),
            Literal::Integer(integer) => Some(Plain::Integer(*integer)),
            Literal::Time(time) => Some(Plain::Time(time.timestamp_nanos_opt().unwrap())),
            Literal::Null => None,
        });
        let operator = match required.operator {
            Operator::Eq => "eq",
            Operator::Ne => "ne",
            Operator::Gt => "gt",
            Operator::Ge => "ge",
            Operator::Lt => "lt",
            Operator::Le => "le",
            Operator::Contains => "contains",
            Operator::StartsWith => "startswith",
            Operator::EndsWith => "endswith",
        };
        values.any(|value| match (operator, &candidate, &value) {
            (
                "contains" | "startswith" | "endswith",
                Some(Plain::Text(text)),
                Some(Plain::Text(part)),
            ) => tests(operator, text, part),
            ("contains" | "startswith" | "endswith", _, _) => false,
            _ => compares(&candidate, operator, &value),
        })
    })
}

// Generators of trees and entries.

fn a_text() -> impl Strategy<Value = Plain> {
    let texts = ["", "a", "A", "ab", "aB'", "'", "''", "åsa", "ÅSA", "b a", "and (", "null"];
    select(texts.to_vec()).prop_map(|text| Plain::Text(text.to_owned()))
}

fn an_integer() -> impl Strategy<Value = Plain> {
    select(vec![i64::MIN, -5, 0, 3, 1874, i64::MAX]).prop_map(Plain::Integer)
}

const DAY_NS: i64 = 86_400 * 1_000_000_000;
/// 2026-07-30.
const DAYS: i64 = 20_664;

fn a_time() -> impl Strategy<Value = Plain> {
    (0..2_i64, select(vec![0, 1, 120_000_000, 29_727_123_456_700, DAY_NS - 1]))
        .prop_map(|(day, within_ns)| Plain::Time((DAYS + day) * DAY_NS + within_ns))
}

fn text_term(fields: &'static [&'static str]) -> impl Strategy<Value = Term> {
    let leaf = prop_oneof![
        3 => select(fields).prop_map(Term::Field),
        2 => a_text().prop_map(|text| Term::Value(Some(text))),
    ];
    leaf.prop_recursive(2, 3, 1, |inner| {
        (inner, any::<bool>()).prop_map(|(inner, lower)| match lower {
            true => Term::Lower(Box::new(inner)),
            false => Term::Upper(Box::new(inner)),
        })
    })
}

/// Comparisons of one type; `ordered` says whether its values can be ordered.
fn comparison(
    term: BoxedStrategy<Term>,
    value: BoxedStrategy<Plain>,
    ordered: bool,
) -> impl Strategy<Value = Tree> {
    let operators: &[&str] =
        if ordered { &["eq", "ne", "gt", "ge", "lt", "le"] } else { &["eq", "ne"] };
    let null = Just(Term::Value(None));
    let nullable = prop_oneof![2 => term.clone(), 1 => null];
    let values = prop::collection::vec(prop::option::weighted(0.8, value), 1..4);
    prop_oneof![
        3 => (term.clone(), select(operators), term.clone())
            .prop_map(|(left, operator, right)| Tree::Compare(left, operator, right)),
        1 => (nullable.clone(), select(&["eq", "ne"][..]), nullable)
            .prop_map(|(left, operator, right)| Tree::Compare(left, operator, right)),
        1 => (term, values).prop_map(|(left, values)| Tree::In(left, values)),
    ]
}

fn texts_compared(fields: &'static [&'static str]) -> impl Strategy<Value = Tree> {
    let functions = select(&["contains", "startswith", "endswith"][..]);
    prop_oneof![
        2 => comparison(text_term(fields).boxed(), a_text().boxed(), false),
        1 => (functions, text_term(fields), text_term(fields))
            .prop_map(|(name, left, right)| Tree::Function(name, left, right)),
    ]
}

fn joined(leaf: BoxedStrategy<Tree>, depth: u32, size: u32) -> BoxedStrategy<Tree> {
    leaf.prop_recursive(depth, size, 3, |inner| {
        let terms = prop::collection::vec(inner.clone(), 2..4);
        prop_oneof![
            2 => terms.clone().prop_map(Tree::And),
            2 => terms.prop_map(Tree::Or),
            1 => inner.clone().prop_map(|inner| Tree::Not(Box::new(inner))),
            1 => (inner, any::<bool>(), any::<bool>())
                .prop_map(|(inner, equal, value)| Tree::Is(Box::new(inner), equal, value)),
        ]
    })
    .boxed()
}

fn of_elements(
    (list, fields): (&'static str, &'static [&'static str]),
) -> impl Strategy<Value = Tree> {
    let inner = prop_oneof![
        9 => joined(texts_compared(fields).boxed(), 2, 4),
        1 => Just(Tree::Constant(true)),
    ];
    (inner, any::<bool>()).prop_map(move |(inner, every)| match every {
        true => Tree::All(list, Box::new(inner)),
        false => Tree::Any(list, Box::new(inner)),
    })
}

/// Filters that `required` describes completely.
fn of_an_index() -> impl Strategy<Value = Tree> {
    let text = |fields: &'static [&'static str]| {
        let operators = select(&["eq", "ne", "contains", "startswith", "endswith"][..]);
        (select(fields), operators, a_text()).prop_map(|(field, operator, text)| {
            let (left, right) = (Term::Field(field), Term::Value(Some(text)));
            match operator {
                "eq" | "ne" => Tree::Compare(left, operator, right),
                _ => Tree::Function(operator, left, right),
            }
        })
    };
    let time = (select(&["gt", "ge", "lt", "le"][..]), a_time(), any::<bool>());
    prop_oneof![
        3 => text(&TEXTS),
        2 => time.prop_map(|(operator, time, swap)| {
            let (field, time) = (Term::Field(TIME), Term::Value(Some(time)));
            let (left, right) = if swap { (time, field) } else { (field, time) };
            Tree::Compare(left, operator, right)
        }),
        1 => text(STEPS.1).prop_map(|inner| Tree::Any(STEPS.0, Box::new(inner))),
    ]
}

fn a_tree() -> BoxedStrategy<Tree> {
    let or_field = |path, value: BoxedStrategy<Plain>| {
        let value = value.prop_map(|value| Term::Value(Some(value)));
        prop_oneof![2 => Just(Term::Field(path)), 1 => value].boxed()
    };
    let integer = or_field(INTEGER, an_integer().boxed());
    let time = or_field(TIME, a_time().boxed());
    let leaf = prop_oneof![
        6 => texts_compared(&TEXTS),
        2 => comparison(integer, an_integer().boxed(), true),
        3 => comparison(time, a_time().boxed(), true),
        2 => of_elements(STEPS),
        2 => of_elements(MODIFIED),
        1 => any::<bool>().prop_map(Tree::Constant),
    ];
    let told = prop::collection::vec(of_an_index(), 1..4)
        .prop_map(|mut terms| if terms.len() == 1 { terms.remove(0) } else { Tree::And(terms) });
    prop_oneof![3 => joined(leaf.boxed(), 3, 12), 1 => told].boxed()
}

fn values(fields: &'static [&'static str]) -> impl Strategy<Value = Values> {
    prop::collection::vec(prop::option::weighted(0.75, a_text()), fields.len()).prop_map(|texts| {
        fields.iter().zip(texts).filter_map(|(field, text)| Some((*field, text?))).collect()
    })
}

fn an_entry() -> impl Strategy<Value = Entry> {
    let list = |fields| prop::collection::vec(values(fields), 0..3);
    let integer = prop::option::weighted(0.75, an_integer());
    let time = prop::option::weighted(0.75, a_time());
    (values(&TEXTS), integer, time, list(STEPS.1), list(MODIFIED.1)).prop_map(
        |(mut values, integer, time, steps, modified)| {
            values.extend(integer.map(|integer| (INTEGER, integer)));
            values.extend(time.map(|time| (TIME, time)));
            Entry { values, lists: [(STEPS.0, steps), (MODIFIED.0, modified)].into() }
        },
    )
}

fn nodes(tree: &Tree) -> usize {
    fn of_term(term: &Term) -> usize {
        match term {
            Term::Field(_) | Term::Value(_) => 1,
            Term::Lower(inner) | Term::Upper(inner) => 1 + of_term(inner),
        }
    }
    match tree {
        Tree::And(terms) | Tree::Or(terms) => {
            terms.iter().map(nodes).sum::<usize>() + terms.len() - 1
        }
        Tree::Not(term) | Tree::Any(_, term) | Tree::All(_, term) => 1 + nodes(term),
        Tree::Is(term, ..) => 2 + nodes(term),
        Tree::Compare(left, _, right) | Tree::Function(_, left, right) => {
            1 + of_term(left) + of_term(right)
        }
        Tree::In(left, _) => 1 + of_term(left),
        Tree::Constant(_) => 1,
    }
}

#[test]
fn a_filter_fits_what_a_plain_reading_of_its_tree_fits() {
    let choices = || prop::collection::vec(any::<u8>(), 1..64);
    let cases = (a_tree(), choices(), prop::collection::vec((an_entry(), choices()), 4));
    let config = Config { cases: CASES, failure_persistence: None, ..Config::default() };
    let [fitting, other, all_required, told] = [const { Cell::new(0_u32) }; 4];
    let count = |counter: &Cell<u32>| counter.set(counter.get() + 1);
    let run = TestRunner::new(config).run(&cases, |(tree, choices, entries)| {
        let text = Spelling::new(&choices).tree(&tree, None);
        prop_assume!(nodes(&tree) <= 200 && text.len() <= 4096);
        let filter = Filter::parse(&text);
        prop_assert!(filter.is_ok(), "{text}: {}", filter.unwrap_err());
        let filter = filter.unwrap();
        for (entry, choices) in &entries {
            let json = Spelling::new(choices).json(entry);
            let fits = filter.fits(&json);
            count(if fits { &fitting } else { &other });
            let expected = holds(&tree, &entry.values, &entry.lists);
            prop_assert_eq!(fits, expected, "{} for {}", text, Value::Object(json));

            let satisfied = filter.required().all(|required| satisfies(required, entry));
            prop_assert!(satisfied || !fits, "required too much: {}", text);
            if filter.required().next().is_some() {
                count(&told);
            }
            if filter.is_all_required() {
                count(&all_required);
                prop_assert_eq!(satisfied, fits, "required too little: {}", text);
            }
        }
        Ok(())
    });
    if let Err(error) = run {
        panic!("{error}");
    }
    // The test would prove little if all or no filters matched.
    let all = 4 * CASES;
    for (what, counter, least) in [
        ("fitting", fitting, all / 5),
        ("not fitting", other, all / 5),
        ("something required", told, all / 5),
        ("all required", all_required, all / 10),
    ] {
        assert!(counter.get() > least, "{what}: {} of {all}", counter.get());
    }
}
