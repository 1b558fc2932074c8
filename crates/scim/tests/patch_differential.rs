//! PATCH and the matching of filters against a second implementation, the Python package
//! scim2-models: random resources with random operations and filters must come to the same resource,
//! the same answer or the same refusal. [`Difference`] names what differs, with the clause of the RFC
//! that decides; anything else fails with the smallest case that was found.
//!
//! `PROVLOG_TEST_DIFFERENTIAL` is the number of cases.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use caseless::case_folded;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use scim::{
    AttrPath, Filter, Member, MemberOperation, PatchMiss, Registry, Resource, ResourceType,
    Settings, apply_patch, parse_patch,
};
use serde_json::{Map, Value, json};

mod difference;

use difference::Difference;

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

// The other implementation.

struct Peer {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Peer {
    fn start() -> Peer {
        let conformance = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance");
        let installed = Command::new(format!("{conformance}/venv")).arg("scim2").output().unwrap();
        assert!(installed.status.success(), "{installed:?}");
        let commands = String::from_utf8(installed.stdout).unwrap();
        let mut child = Command::new(format!("{}/python", commands.trim()))
            .arg(format!("{conformance}/peer.py"))
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/schemas"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let questions = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap());
        Peer { child, questions, answers }
    }

    fn ask(&mut self, question: &Value) -> Value {
        writeln!(self.questions, "{question}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap_or_else(|_| panic!("the peer fell silent"))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

// Both sides of one case.

/// A resource as both sides are given it: what is kept of it, and the members of a group.
#[derive(Clone)]
struct State {
    rt: &'static ResourceType,
    attributes: Map<String, Value>,
    members: Vec<Member>,
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.rt.name, self.to_json())
    }
}

/// A resource in the one form in which both are compared, or the keyword of a refusal.
type Outcome = Result<Value, String>;

impl State {
    /// What we keep of a body; `None` if we refuse it.
    fn of(rt: &'static ResourceType, body: &Value) -> Option<State> {
        let read = Resource::read(rt, Registry::core(), &Settings::generic(), body).ok()?;
        Some(State { rt, attributes: read.attributes, members: read.members.unwrap_or_default() })
    }

    fn to_json(&self) -> Value {
        let mut body = self.attributes.clone();
        if !self.members.is_empty() {
            body.insert("members".to_owned(), self.members.iter().map(Member::to_json).collect());
        }
        Value::Object(body)
    }

    fn patched(&self, settings: &Settings, operations: &[Value]) -> Result<State, String> {
        let keyword = |error: scim::ScimError| {
            error.scim_type.map_or_else(|| error.status.to_string(), |one| one.as_str().to_owned())
        };
        let registry = Registry::core();
        let operations = parse_patch(json!({"Operations": operations}), 100).map_err(keyword)?;
        let patched = apply_patch(self.rt, registry, settings, &self.attributes, &operations)
            .map_err(keyword)?;
        let mut members = self.members.clone();
        for operation in patched.members {
            match operation {
                MemberOperation::Add(more) => {
                    for one in more {
                        if members.iter().all(|member| member.value != one.value) {
                            members.push(one);
                        }
                    }
                }
                MemberOperation::Remove(gone) => {
                    members.retain(|member| !gone.contains(&member.value));
                }
                MemberOperation::RemoveMatching(filter) => {
                    members.retain(|member| !filter.matches_member(self.rt, registry, member));
                }
                MemberOperation::RemoveAll => members.clear(),
                MemberOperation::Replace(all) => members = all,
            }
        }
        Ok(State { rt: self.rt, attributes: patched.attributes, members })
    }

    fn outcome(&self) -> Value {
        plain(&self.to_json()).unwrap_or_default()
    }
}

/// Without what is unassigned, without what is no part of the comparison, lists in one order: neither
/// says anything in SCIM (RFC 7643 §2.4, §2.5).
fn plain(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::String(text) => (!text.is_empty()).then(|| value.clone()),
        Value::Array(list) => {
            let mut list: Vec<Value> = list.iter().filter_map(plain).collect();
            list.sort_by_cached_key(Value::to_string);
            (!list.is_empty()).then_some(Value::Array(list))
        }
        Value::Object(object) => {
            let object: Map<String, Value> = object
                .iter()
                // `schemas` and `meta` are derived, `password` is not kept.
                .filter(|(name, _)| !["schemas", "meta", "password"].contains(&name.as_str()))
                .filter_map(|(name, value)| Some((name.clone(), plain(value)?)))
                .collect();
            (!object.is_empty()).then_some(Value::Object(object))
        }
        other => Some(other.clone()),
    }
}

fn theirs(answer: &Value) -> Outcome {
    match answer.get("resource") {
        Some(resource) => Ok(plain(resource).unwrap_or_default()),
        None => Err(answer["error"].as_str().unwrap_or("none").to_owned()),
    }
}

/// What came of the cases, for whoever looks at the run.
#[derive(Default)]
struct Tally {
    same: u32,
    differences: BTreeMap<&'static str, u32>,
}

impl Tally {
    fn count(&mut self, difference: Option<Difference>) {
        match difference {
            None => self.same += 1,
            Some(one) => *self.differences.entry(one.name()).or_default() += 1,
        }
    }

    /// Most cases must need no excuse, or there would be nothing left to compare.
    #[expect(clippy::print_stdout, reason = "tools/test shows what differed how often")]
    fn tell(&self, what: &str) {
        println!("{what}: {} the same, {:#?}", self.same, self.differences);
        let differing: u32 = self.differences.values().sum();
        assert!(self.same > differing, "{what}: {} of {differing} differ", self.same);
    }
}

/// Compares one operation after the other, each on what we made of the one before, and then all of
/// them at once if none of them differed.
fn compare_patch(
    peer: &mut Peer,
    tally: &mut Tally,
    start: &State,
    create: bool,
    operations: &[Value],
) -> Result<(), String> {
    let settings = if create {
        Settings { patch_miss: PatchMiss::Create, ..Settings::strict() }
    } else {
        Settings::strict()
    };
    let mut ask = |state: &State, operations: &[Value]| {
        let question = json!({
            "do": "patch",
            "type": state.rt.name,
            "create": create,
            "resource": state.to_json(),
            "operations": operations,
        });
        let answer = peer.ask(&question);
        let our = state.patched(&settings, operations);
        (our, theirs(&answer), answer)
    };
    let mut state = start.clone();
    for operation in operations {
        let (our, their, answer) = ask(&state, std::slice::from_ref(operation));
        let outcome = our.as_ref().map(State::outcome).map_err(String::clone);
        if outcome != their {
            let case = difference::Step { state: &state, create, operation };
            let found = difference::of_patch(&case, &outcome, &their);
            tally.count(found);
            return match found {
                Some(_) => Ok(()),
                None => Err(format!(
                    "create: {create}\nresource: {}\noperation: {operation}\n  ours   {}\n  theirs {answer}",
                    state.to_json(),
                    shown(&outcome),
                )),
            };
        }
        match our {
            Ok(next) => state = next,
            // Which fault of several operations is told is not decided anywhere.
            Err(_) => {
                tally.count(None);
                return Ok(());
            }
        }
    }
    tally.count(None);
    // What is empty may stay on one side, unseen until the next operation finds it.
    if operations.iter().filter_map(|one| one.get("value")).any(difference::is_empty) {
        return Ok(());
    }
    let (our, their, answer) = ask(start, operations);
    let outcome = our.map(|state| state.outcome());
    if outcome == their {
        return Ok(());
    }
    Err(format!(
        "only all at once:\nresource: {}\noperations: {}\n  ours   {}\n  theirs {answer}",
        start.to_json(),
        Value::from(operations),
        shown(&outcome),
    ))
}

fn shown(outcome: &Outcome) -> String {
    match outcome {
        Ok(resource) => resource.to_string(),
        Err(keyword) => format!("refused: {keyword}"),
    }
}

fn compare_match(
    peer: &mut Peer,
    tally: &mut Tally,
    state: &State,
    text: &str,
) -> Result<(), String> {
    let registry = Registry::core();
    let mut resource = state.to_json();
    resource["id"] = "u-1".into();
    resource["meta"] = json!({
        "resourceType": state.rt.name,
        "created": "2026-03-01T10:00:00Z",
        "lastModified": "2026-03-02T10:00:00.5Z",
        "version": "W/\"7\"",
    });
    let question =
        json!({"do": "match", "type": state.rt.name, "resource": resource, "filter": text});
    let answer = peer.ask(&question);
    let their = match answer["match"].as_bool() {
        Some(matches) => Ok(matches),
        None => Err(answer["error"].as_str().unwrap_or("none").to_owned()),
    };
    let filter = Filter::parse(text, Some(state.rt), registry);
    let our = match (&filter, resource.as_object()) {
        (Ok(filter), Some(resource)) => Ok(filter.matches(state.rt, registry, resource)),
        (Err(error), _) => Err(error.scim_type.map_or("none", scim::ScimType::as_str).to_owned()),
        (Ok(_), None) => unreachable!("a resource is an object"),
    };
    if our == their {
        tally.count(None);
        return Ok(());
    }
    let found = difference::of_match(state.rt, text, &our, &their);
    tally.count(found);
    match found {
        Some(_) => Ok(()),
        None => Err(format!(
            "resource: {resource}\nfilter: {text}\n  ours   {our:?}\n  theirs {answer}"
        )),
    }
}

// Resources, operations and filters that meet often: few names, few values.

fn text() -> impl Strategy<Value = String> {
    select(vec![
        "a@x", "b@x", "A@X", "work", "home", "Work", "Bo", "bo", "u-1", "u-2", "ÅSA", "åsa",
    ])
    .prop_map(str::to_owned)
}

/// What texts are compared with: texts, and pieces of them from each end and the middle.
fn literal() -> impl Strategy<Value = String> {
    prop_oneof![
        2 => text(),
        1 => select(vec!["o", "@", "@x", "A@", "wo", "rk", "or", "-", "-2", "U", "s", "å", "zz"])
            .prop_map(str::to_owned),
    ]
}

fn user_body() -> impl Strategy<Value = Value> {
    let name = object(vec![("givenName", word()), ("familyName", word())]);
    let manager = object(vec![("value", word())]);
    let enterprise =
        object(vec![("department", word()), ("employeeNumber", word()), ("manager", manager)]);
    let attributes = vec![
        ("title", word()),
        ("nickName", word()),
        ("externalId", word()),
        ("active", any::<bool>().prop_map(Value::Bool).boxed()),
        ("name", name),
        ("emails", elements()),
        ("roles", elements()),
        ("addresses", proptest::collection::vec(address(), 0..3).prop_map(Value::Array).boxed()),
        (ENT, enterprise),
    ];
    (word(), object(attributes)).prop_map(|(name, mut body)| {
        body["userName"] = name;
        body
    })
}

fn word() -> BoxedStrategy<Value> {
    text().prop_map(Value::String).boxed()
}

fn element() -> BoxedStrategy<Value> {
    object(vec![
        ("value", word()),
        ("type", word()),
        ("display", word()),
        ("primary", any::<bool>().prop_map(Value::Bool).boxed()),
    ])
}

fn address() -> BoxedStrategy<Value> {
    object(vec![("country", word()), ("locality", word()), ("type", word())])
}

fn elements() -> BoxedStrategy<Value> {
    proptest::collection::vec(element(), 0..4).prop_map(Value::Array).boxed()
}

fn group_body() -> impl Strategy<Value = Value> {
    let attributes = vec![("externalId", word()), ("members", members())];
    (word(), object(attributes)).prop_map(|(name, mut body)| {
        body["displayName"] = name;
        body
    })
}

fn member() -> BoxedStrategy<Value> {
    let value = select(vec!["u-1", "u-2", "u-3", "U-1"]);
    let kind = proptest::option::of(select(vec!["User", "Group"]));
    (value, kind)
        .prop_map(|(value, kind)| match kind {
            Some(kind) => json!({"value": value, "type": kind}),
            None => json!({"value": value}),
        })
        .boxed()
}

fn members() -> BoxedStrategy<Value> {
    proptest::collection::vec(member(), 0..4).prop_map(Value::Array).boxed()
}

/// An object with some of these parts.
fn object(parts: Vec<(&'static str, BoxedStrategy<Value>)>) -> BoxedStrategy<Value> {
    let parts: Vec<_> = parts
        .into_iter()
        .map(|(name, value)| proptest::option::of(value.prop_map(move |value| (name, value))))
        .collect();
    parts
        .prop_map(|parts| {
            let parts = parts.into_iter().flatten();
            Value::Object(parts.map(|(name, value)| (name.to_owned(), value)).collect())
        })
        .boxed()
}

fn start() -> impl Strategy<Value = State> {
    let registry = Registry::core();
    let [user, group] = ["User", "Group"].map(|name| registry.resource_type(name).unwrap());
    prop_oneof![
        3 => user_body().prop_filter_map("refused", move |body| State::of(user, &body)),
        1 => group_body().prop_filter_map("refused", move |body| State::of(group, &body)),
    ]
}

/// A filter over the parts of an element.
fn bracket() -> BoxedStrategy<String> {
    let part = select(vec!["type", "value", "display", "TYPE"]);
    let op = select(vec!["eq", "eq", "eq", "ne", "co", "sw", "ew", "gt", "le"]);
    let compare = (part, op, literal())
        .prop_map(|(part, op, value)| format!("{part} {op} {}", quoted(&value)));
    let term = prop_oneof![
        8 => compare,
        1 => any::<bool>().prop_map(|value| format!("primary eq {value}")),
        1 => select(vec!["value pr", "type pr", "primary pr", "shoe pr", "value eq null"])
            .prop_map(str::to_owned),
    ];
    logic(term.boxed())
}

fn logic(term: BoxedStrategy<String>) -> BoxedStrategy<String> {
    term.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            2 => (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} and {other}")),
            1 => (inner.clone(), inner.clone()).prop_map(|(one, other)| format!("{one} or {other}")),
            1 => inner.clone().prop_map(|one| format!("not ({one})")),
            1 => inner.prop_map(|one| format!("({one})")),
        ]
    })
    .boxed()
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// Where an operation of a resource type works, and a fitting value for it.
fn target(rt: &str) -> BoxedStrategy<(Option<String>, BoxedStrategy<Value>)> {
    let at = |path: &str, value: BoxedStrategy<Value>| Just((Some(path.to_owned()), value)).boxed();
    if rt == "Group" {
        let filtered = (prop_oneof![2 => select(vec![
            "value eq \"u-1\"", "value eq \"u-2\" or value eq \"u-1\"", "type eq \"User\"",
            "value eq \"U-1\"", "not (value eq \"u-1\")",
        ]).prop_map(str::to_owned), 1 => bracket()])
        .prop_map(|filter| (Some(format!("members[{filter}]")), member()));
        return prop_oneof![
            4 => at("members", members()),
            1 => at("Members", member()),
            3 => filtered,
            1 => at("displayName", word()),
            1 => at("externalId", word()),
            1 => at("members.value", word()),
            1 => Just((None, object(vec![("displayName", word()), ("members", members())]))),
        ]
        .boxed();
    }
    let single =
        select(vec!["title", "TITLE", "nickName", "externalId", "userName", "displayName"])
            .prop_map(|path| (Some(path.to_owned()), word()));
    let core = format!("{}:title", Registry::core().resource_type("User").unwrap().schema);
    let part = select(vec!["name.givenName", "Name.FamilyName"])
        .prop_map(|path| (Some(path.to_owned()), word()));
    let extension = select(vec!["department", "manager.value", "employeeNumber"])
        .prop_map(|path| (Some(format!("{ENT}:{path}")), word()));
    let list = select(vec!["emails", "roles"])
        .prop_map(|path| (Some(path.to_owned()), prop_oneof![elements(), element()].boxed()));
    let element_part = select(vec!["type", "value", "display"]);
    let filtered = (select(vec!["emails", "roles", "Emails"]), bracket())
        .prop_map(|(list, filter)| (Some(format!("{list}[{filter}]")), element()));
    let filtered_part = (select(vec!["emails", "roles"]), bracket(), element_part.clone())
        .prop_map(|(list, filter, part)| (Some(format!("{list}[{filter}].{part}")), word()));
    let filtered_primary = bracket().prop_map(|filter| {
        let value = any::<bool>().prop_map(Value::Bool).boxed();
        (Some(format!("emails[{filter}].primary")), value)
    });
    let parts = (select(vec!["emails", "roles"]), element_part)
        .prop_map(|(list, part)| (Some(format!("{list}.{part}")), word()));
    let several = object(vec![
        ("title", word()),
        ("name", object(vec![("givenName", word())])),
        ("name.familyName", word()),
        ("emails", elements()),
        ("active", any::<bool>().prop_map(Value::Bool).boxed()),
        (ENT, object(vec![("department", word())])),
    ]);
    let enterprise =
        object(vec![("department", word()), ("manager", object(vec![("value", word())]))]);
    prop_oneof![
        4 => single,
        2 => part,
        2 => extension,
        4 => list,
        5 => filtered,
        5 => filtered_part,
        2 => filtered_primary,
        1 => parts,
        2 => Just((None, several)),
        1 => at(ENT, enterprise),
        1 => at("name", object(vec![("givenName", word()), ("middleName", word())])),
        1 => at("active", any::<bool>().prop_map(Value::Bool).boxed()),
        1 => at(&core, word()),
        1 => at("addresses", proptest::collection::vec(address(), 0..3).prop_map(Value::Array).boxed()),
        1 => at("addresses[type eq \"work\"].country", word()),
        1 => at("shoeSize", word()),
        1 => select(vec!["id", "groups", "meta.created", "groups[value eq \"u-1\"]"])
            .prop_map(|path| (Some(path.to_owned()), word())),
        1 => select(vec!["title[value eq \"a\"]", "emails[", "a.b.c", "emails[type is \"a\"]",
            "name[givenName eq \"Bo\"]", "emails.type[value pr]", " title", "emails[type eq \"a\"]x"])
            .prop_map(|path| (Some(path.to_owned()), word())),
    ]
    .boxed()
}

fn operation(rt: &str) -> impl Strategy<Value = Value> {
    let odd = select(vec![
        json!(""),
        json!([]),
        json!({}),
        json!(null),
        json!(7),
        json!(true),
        json!("x"),
    ]);
    let op = select(vec!["add", "add", "replace", "replace", "remove", "Replace"]);
    (op, target(rt))
        .prop_flat_map(move |(op, (path, value))| {
            // Mostly values that fit, and a remove mostly without.
            let value = match op {
                "remove" => prop_oneof![
                    8 => Just(None), 1 => value.prop_map(Some), 1 => odd.clone().prop_map(Some),
                ]
                .boxed(),
                _ => prop_oneof![
                    1 => Just(None), 24 => value.prop_map(Some), 3 => odd.clone().prop_map(Some),
                ]
                .boxed(),
            };
            (Just(op), Just(path), value)
        })
        .prop_map(|(op, path, value)| {
            let mut operation = json!({"op": op});
            if let Some(path) = path {
                operation["path"] = path.into();
            }
            if let Some(value) = value {
                operation["value"] = value;
            }
            operation
        })
}

fn patch_case() -> impl Strategy<Value = (State, bool, Vec<Value>)> {
    (start(), any::<bool>()).prop_flat_map(|(state, create)| {
        let operations = proptest::collection::vec(operation(&state.rt.name), 1..4);
        (Just(state), Just(create), operations)
    })
}

fn whole_filter(rt: &str) -> BoxedStrategy<String> {
    let names = if rt == "Group" {
        vec!["displayName", "externalId", "members", "members.value", "members.type", "userName"]
    } else {
        vec![
            "userName",
            "USERNAME",
            "title",
            "nickName",
            "externalId",
            "id",
            "name.givenName",
            "emails",
            "emails.value",
            "emails.type",
            "roles.display",
            "name",
            "shoeSize",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
            "urn:ietf:params:scim:schemas:core:2.0:User:title",
        ]
    };
    let list = if rt == "Group" { vec!["members"] } else { vec!["emails", "roles", "addresses"] };
    let op = select(vec!["eq", "eq", "ne", "co", "sw", "ew", "gt", "ge", "lt", "le"]);
    let term = prop_oneof![
        8 => (select(names.clone()), op.clone(), literal())
            .prop_map(|(name, op, value)| format!("{name} {op} {}", quoted(&value))),
        2 => select(names).prop_map(|name| format!("{name} pr")),
        3 => (select(list), bracket()).prop_map(|(list, filter)| format!("{list}[{filter}]")),
        1 => (select(vec!["active", "emails.primary"]), op.clone(), any::<bool>())
            .prop_map(|(name, op, value)| format!("{name} {op} {value}")),
        1 => (select(vec!["meta.created", "meta.lastModified"]), op, select(vec![
            "2026-03-01T10:00:00Z", "2026-03-01T11:00:00+01:00", "2026-03-02T10:00:00.500Z",
            "2025-01-01T00:00:00Z", "2026-03",
        ])).prop_map(|(name, op, value)| format!("{name} {op} {}", quoted(value))),
        1 => select(vec!["title eq null", "title ne null", "emails eq null", "active eq null",
            "name pr", "name eq \"Bo\""])
            .prop_map(str::to_owned),
    ];
    logic(term.boxed())
}

fn match_case() -> impl Strategy<Value = (State, String)> {
    start().prop_flat_map(|state| {
        let filter = whole_filter(&state.rt.name);
        (Just(state), filter)
    })
}

fn run<S: Strategy>(
    what: &str,
    times: u32,
    cases: &S,
    compare: impl Fn(&mut Peer, &mut Tally, S::Value) -> Result<(), String>,
) {
    let count: u32 = match std::env::var("PROVLOG_TEST_DIFFERENTIAL") {
        Ok(text) => text.parse().expect("PROVLOG_TEST_DIFFERENTIAL must be a number"),
        Err(_) => 500,
    };
    let config = Config {
        cases: count * times,
        failure_persistence: None,
        max_local_rejects: u32::MAX,
        max_global_rejects: u32::MAX,
        ..Config::default()
    };
    let random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let side = RefCell::new((Peer::start(), Tally::default()));
    let result = TestRunner::new_with_rng(config, random).run(cases, |case| {
        let (peer, tally) = &mut *side.borrow_mut();
        compare(peer, tally, case).map_err(TestCaseError::fail)
    });
    if let Err(failure) = result {
        panic!("{what}: {failure}");
    }
    side.borrow().1.tell(what);
}

#[test]
fn differential_patch() {
    run("PATCH", 1, &patch_case(), |peer, tally, (state, create, operations)| {
        compare_patch(peer, tally, &state, create, &operations)
    });
}

#[test]
fn differential_match() {
    // One question each, where a PATCH has several.
    run("filters", 4, &match_case(), |peer, tally, (state, filter)| {
        compare_match(peer, tally, &state, &filter)
    });
}
