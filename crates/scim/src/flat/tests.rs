//! The quick way against the general way: whatever the quick way accepts, the general way accepts with
//! the same state, members and flags. Bodies of every type are made at random, plain and not.
//!
//! `PROVLOG_TEST_DIFFERENTIAL` is the number of bodies for each type and profile.

use proptest::prelude::Rng;
use proptest::test_runner::{RngAlgorithm, TestRng};
use serde_json::{Map, Value, json};

use super::*;
use crate::diff::{diff, diff_from_nothing, settle};
use crate::json::{Bounds, parse_json};
use crate::patch::{apply_patch, parse_patch};
use crate::profile::Profiles;
use crate::resource::Resource;

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
const SECRETS: [&str; 1] = ["pin"];
const ID: &str = "7c0e2ab2-5d8e-4f53-9e0b-b5b0bf6f4c11";

/// A type with every kind of attribute.
const BOAT_SCHEMA: &str = r#"{"id": "urn:example:boat:2.0:Boat", "attributes": [
    {"name": "name", "required": true}, {"name": "value"}, {"name": "displayName"}, {"name": "path"},
    {"name": "launched", "type": "dateTime"}, {"name": "plan", "type": "binary"},
    {"name": "masts", "type": "integer"}, {"name": "length", "type": "decimal"},
    {"name": "afloat", "type": "boolean"}, {"name": "page", "type": "reference", "referenceTypes": ["uri"]},
    {"name": "flags", "multiValued": true}, {"name": "hull", "mutability": "immutable"},
    {"name": "serial", "mutability": "readOnly"}, {"name": "pin", "mutability": "writeOnly", "returned": "never"},
    {"name": "home", "type": "complex", "subAttributes": [
        {"name": "port", "required": true}, {"name": "berth", "type": "integer"},
        {"name": "code", "mutability": "readOnly"}]},
    {"name": "crew", "type": "complex", "multiValued": true, "subAttributes": [
        {"name": "value", "caseExact": true}, {"name": "type"}, {"name": "primary", "type": "boolean"},
        {"name": "since", "type": "dateTime"}, {"name": "rank", "type": "integer"}]},
    {"name": "owner", "type": "complex", "subAttributes": [
        {"name": "value"}, {"name": "$ref", "type": "reference", "referenceTypes": ["User"], "mutability": "readOnly"},
        {"name": "displayName", "mutability": "readOnly"}]}]}"#;
const RIG_SCHEMA: &str = r#"{"id": "urn:example:rig:2.0:Boat", "attributes": [
    {"name": "sails", "type": "integer", "required": true}, {"name": "maker", "type": "complex",
    "subAttributes": [{"name": "name"}, {"name": "country"}]}]}"#;
const BOAT_TYPE: &str = r#"{"name": "Boat", "endpoint": "/Boats", "schema": "urn:example:boat:2.0:Boat",
    "schemaExtensions": [{"schema": "urn:example:rig:2.0:Boat", "required": false}]}"#;

struct World {
    registry: Registry,
    profiles: Profiles,
}

impl World {
    fn new() -> World {
        let files = [("boat", BOAT_SCHEMA), ("rig", RIG_SCHEMA), ("type", BOAT_TYPE)];
        let files = files.map(|(name, text)| (name.to_owned(), text.to_owned()));
        let (registry, profiles) = Profiles::load(&files, &[]).unwrap();
        World { registry, profiles }
    }

    fn way(&self, rt: &str, profile: &Arc<ProfileVersion>, own: &[u8]) -> Way<'_> {
        let rt = self.registry.resource_type(rt).unwrap();
        let settings = profile.settings(own);
        let leave = |_: Option<&str>, name: &str| name == "crewless";
        let plan = Plan::of(&self.registry, rt, &settings, profile, &SECRETS, leave).unwrap();
        Way { registry: &self.registry, rt, settings, profile: Arc::clone(profile), plan }
    }

    fn versions(&self) -> impl Iterator<Item = (&str, &Arc<ProfileVersion>)> {
        let profiles = self.profiles.all();
        profiles
            .flat_map(|one| one.versions().iter().map(move |version| (one.name.as_str(), version)))
    }
}

/// Both ways under one profile and one set of settings.
struct Way<'a> {
    registry: &'a Registry,
    rt: &'a ResourceType,
    settings: Settings,
    profile: Arc<ProfileVersion>,
    plan: Plan,
}

impl Way<'_> {
    /// What the general way reads; `None` if it refuses the body.
    fn general(&self, body: &[u8], id: Option<&str>, active: Option<bool>) -> Option<Flat> {
        let value = parse_json(body, &Bounds::default()).ok()?;
        let resource = Resource::read(self.rt, self.registry, &self.settings, &value).ok()?;
        let mut attributes = resource.attributes;
        if self.profile.missing(self.rt, &attributes).is_some() {
            return None;
        }
        if let Some(active) = active {
            attributes.entry("active").or_insert(Value::Bool(active));
        }
        if let Some(id) = id {
            attributes.insert("id".to_owned(), id.into());
        }
        let state = settle(&Map::new(), attributes);
        let mut unexpected = self.profile.unexpected(self.rt, &diff(&Map::new(), &state));
        unexpected.extend(resource.unknown.into_iter().map(|name| format!("unknown: {name}")));
        let mut schemas = vec![self.rt.schema.clone()];
        schemas.extend(state.keys().filter(|name| name.starts_with("urn:")).cloned());
        Some(Flat {
            state: Document::of(&state),
            schemas: canonical::json(&json!(schemas)),
            members: resource.members,
            unexpected,
        })
    }

    /// Whether the quick way reads a body; the general way must agree.
    #[track_caller]
    fn is_quick(&self, body: &[u8]) -> bool {
        let is_user = self.rt.name == "User";
        let created = self.plan.read(body, Some(ID), is_user.then_some(true));
        let replaced = self.plan.read(body, None, None);
        let text = || String::from_utf8_lossy(body).into_owned();
        assert_eq!(created.is_some(), replaced.is_some(), "{}", text());
        let Some(created) = created else { return false };
        let general = self.general(body, Some(ID), is_user.then_some(true));
        assert_eq!(Some(created), general, "{}", text());
        assert_eq!(replaced, self.general(body, None, None), "{}", text());
        true
    }
}

/// The bodies that Entra ID and Okta send by default.
fn provider_bodies() -> Vec<(&'static str, Value)> {
    let user = "urn:ietf:params:scim:schemas:core:2.0:User";
    let group = "urn:ietf:params:scim:schemas:core:2.0:Group";
    let entra = json!({
        "schemas": [user, ENT], "externalId": "mira_lund", "userName": "mira@fjord.test", "active": true,
        "emails": [{"primary": true, "type": "work", "value": "mira@fjord.test"}],
        "meta": {"resourceType": "User"},
        "name": {"formatted": "Mira Lund", "familyName": "Lund", "givenName": "Mira"},
        "addresses": [{"type": "work", "country": "NO", "locality": "Bergen", "streetAddress": "Kai 1"}],
        "phoneNumbers": [{"type": "mobile", "value": "+47 1"}, {"type": "work", "value": "+47 2"}],
        "preferredLanguage": "nb", "title": "Kaptein på broen", "displayName": "Mira Lund",
        ENT: {"department": "Deck", "employeeNumber": "7", "manager": {"value": "u-7"}},
    });
    let okta = json!({
        "schemas": [user], "userName": "mira@fjord.test",
        "name": {"givenName": "Mira", "familyName": "Lund"},
        "emails": [{"primary": true, "value": "mira@fjord.test", "type": "work"}],
        "displayName": "Mira Lund", "locale": "en_US", "externalId": "00ujl29u0le5T6Aj10h7",
        "groups": [], "active": true, "nickName": null, "title": "",
    });
    let put = json!({
        "schemas": [user], "id": "u-1", "userName": "mira@fjord.test", "active": false, "name": {},
        "groups": [{"value": "g-1", "display": "Deck"}], "emails": [],
        "meta": {"resourceType": "User", "created": "2026-03-01T10:00:00Z", "location": "https://x.test/u-1"},
    });
    let entra_group = json!({
        "schemas": [group, "http://schemas.microsoft.com/2006/11/ResourceManagement/ADSCIM/2.0/Group"],
        "externalId": "8aa1a0c0", "displayName": "Deck", "meta": {"resourceType": "Group"}, "members": [],
    });
    let members = json!({
        "schemas": [group], "displayName": "Deck", "externalId": "g",
        "members": [{"value": "u-1", "type": "User"}, {"value": "u-2", "$ref": "../Users/u-2"}, {"value": "u-1"}],
    });
    let users = [("User", entra), ("User", okta), ("User", put)];
    users.into_iter().chain([("Group", entra_group), ("Group", members)]).collect()
}

#[test]
fn plain_bodies_of_providers_go_the_quick_way() {
    let world = World::new();
    let mut flagged = 0;
    for (name, version) in world.versions() {
        for (rt, body) in provider_bodies() {
            if !version.serves(world.registry.resource_type(rt).unwrap()) {
                continue;
            }
            let way = world.way(rt, version, b"{}");
            for text in [body.to_string(), serde_json::to_string_pretty(&body).unwrap()] {
                assert!(way.is_quick(text.as_bytes()), "{name} {:?}: {text}", version.from);
                let flat = way.plan.read(text.as_bytes(), Some(ID), None).unwrap();
                flagged += usize::from(!flat.unexpected.is_empty());
            }
        }
    }
    assert!(flagged > 10, "profiles flag what they do not list: {flagged}");
}

#[test]
fn what_could_be_secret_is_not_plain() {
    let world = World::new();
    let generic = world.profiles.get("generic").unwrap().at(0).0;
    let way = world.way("User", generic, b"{}");
    let with = |name: &str, value: Value| {
        let mut body = json!({"userName": "mira"});
        body[name] = value;
        way.is_quick(body.to_string().as_bytes())
    };
    assert!(with("title", "Chef: Deck".into()) && with("title", "plg_".repeat(2)[..3].into()));
    let token = format!("plg_{}", "0a".repeat(32));
    for text in [
        token.as_str(),
        &token.to_uppercase(),
        &format!("x{token}"),
        "100%",
        "{\"password\":\"x\"}",
        "PASSWORD=x",
        "pass-word: x",
        "<pwd>x",
        "pin=1",
        "Köche: pass",
    ] {
        assert!(!with("title", text.into()), "{text}");
        assert!(!with("schemas", json!([text])) || !text.contains("plg"), "{text}");
    }
    for value in [
        json!({"password": "x"}),
        json!({"a": token}),
        json!({"path": "x"}),
        json!({"a": {"A": 1, "a": 1}}),
        json!([{"members": []}]),
        json!("password=x"),
        json!([[[[[[[1]]]]]]]),
    ] {
        assert!(!with("meta", value.clone()), "{value}");
    }
    assert!(!with("password", "x".into()) && !with("password", Value::Null));
    // Beside a `value`, a name tells what that is.
    let way = world.way("Boat", generic, b"{}");
    assert!(way.is_quick(br#"{"name":"Kari","value":"x"}"#));
    for body in [
        r#"{"name":"password","value":"x"}"#,
        r#"{"name":"a","displayName":"my pin","value":"x"}"#,
        r#"{"name":"a","path":"x"}"#,
        r#"{"name":"a","pin":"1"}"#,
    ] {
        assert!(!way.is_quick(body.as_bytes()), "{body}");
    }
    let way = world.way("Group", generic, b"{}");
    for member in [
        json!({"value": "u", "display": "Mira"}),
        json!({"value": "display: u"}),
        json!({"$ref": "u"}),
        json!("u"),
        json!({"value": " u"}),
        json!({"value": null}),
    ] {
        let body = json!({"displayName": "Deck", "members": [member]}).to_string();
        assert!(!way.is_quick(body.as_bytes()), "{body}");
    }
}

#[test]
fn what_is_left_by_the_caller_is_not_plain() {
    let world = World::new();
    let generic = world.profiles.get("generic").unwrap().at(0).0;
    let rt = world.registry.resource_type("User").unwrap();
    let settings = Settings::generic();
    let leave = |schema: Option<&str>, name: &str| (schema, name) == (Some(ENT), "manager");
    let plan = Plan::of(&world.registry, rt, &settings, generic, &[], leave).unwrap();
    let body = |inner: Value| json!({"userName": "mira", ENT: inner}).to_string();
    assert!(plan.read(body(json!({"department": "Deck"})).as_bytes(), None, None).is_some());
    assert!(plan.read(body(json!({"manager": {"value": "u"}})).as_bytes(), None, None).is_none());
}

#[test]
fn cut_bodies_are_not_plain() {
    let world = World::new();
    let generic = world.profiles.get("generic").unwrap().at(0).0;
    for (rt, body) in provider_bodies() {
        let way = world.way(rt, generic, b"{}");
        let text = body.to_string();
        for end in 0..text.len() {
            assert!(!way.is_quick(&text.as_bytes()[..end]), "{}", &text[..end.min(40)]);
        }
    }
}

/// Makes bodies.
struct Random(TestRng);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        (self.0.next_u64() % end as u64) as usize
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'t>(&mut self, from: &[&'t str]) -> &'t str {
        from[self.below(from.len())]
    }

    fn text(&mut self) -> String {
        if self.one_in(40) {
            let odd = [
                r#""""#,
                r#"" ""#,
                r#""a\nb""#,
                r#""\u0061""#,
                r#""50%""#,
                r#""a: b""#,
                r#""x: password""#,
                "\"\u{a0}\"",
                r#""{\"a\":1}""#,
                r#"7"#,
                r#"["one"]"#,
                r#"{"value":"x"}"#,
                "\"\u{1}\"",
            ];
            return self.pick(&odd).to_owned();
        }
        if self.one_in(200) {
            let length = [1024, 1025, 65_536, 65_537][self.below(4)];
            return format!("\"{}\"", "a".repeat(length));
        }
        let plain = [
            "mira",
            "Mira",
            "a@fjord.test",
            "work",
            "Work",
            "home",
            "Ærlig",
            "ærlig",
            "en_US",
            "x-1",
            "null",
            "2026-03-01T10:00:00Z",
            "QUJD",
            "https://x.test/a",
            "urn:x:y",
            "plg_1",
        ];
        format!("\"{}\"", self.pick(&plain))
    }

    fn number(&mut self) -> String {
        let numbers = [
            "0",
            "7",
            "-5",
            "42",
            "999999999999999999",
            "-0",
            "01",
            "1.5",
            "1e3",
            "18446744073709551615",
            "-",
        ];
        let end = if self.one_in(6) { numbers.len() } else { 5 };
        self.pick(&numbers[..end]).to_owned()
    }

    fn space(&mut self) -> &'static str {
        if self.one_in(6) { self.pick(&[" ", "\n  ", "\t"]) } else { "" }
    }

    /// An object of these members in some order.
    fn object(&mut self, mut members: Vec<(String, String)>) -> String {
        if self.one_in(80)
            && let Some(one) = members.first().cloned()
        {
            members.push(one);
        }
        for place in 1..members.len() {
            if self.one_in(2) {
                members.swap(place, self.below(place));
            }
        }
        let mut out = String::from("{");
        for (place, (name, value)) in members.iter().enumerate() {
            let name = if self.one_in(80) { name.to_uppercase() } else { name.clone() };
            let comma = if place == 0 { "" } else { "," };
            let spaces = [self.space(), self.space(), self.space(), self.space()];
            let [a, b, c, d] = spaces;
            out.push_str(&format!("{comma}{a}\"{name}\"{b}:{c}{value}{d}"));
        }
        out.push_str(if self.one_in(200) { ",}" } else { "}" });
        out
    }

    fn value(&mut self, attribute: &Attribute) -> String {
        if self.one_in(25) {
            let odd = [
                "null", "[]", "{}", "\"\"", "true", "7", "\"x\"", "[null]", "[{}]", "[[]]",
                "\"True\"",
            ];
            return self.pick(&odd).to_owned();
        }
        if !attribute.multi_valued {
            return self.one(attribute);
        }
        let count = if self.one_in(60) { 18 } else { self.below(4) };
        let mut elements: Vec<String> = (0..count).map(|_| self.one(attribute)).collect();
        if self.one_in(10) {
            elements.push("null".to_owned());
        }
        format!("[{}]", elements.join(if self.one_in(3) { " , " } else { "," }))
    }

    fn one(&mut self, attribute: &Attribute) -> String {
        match attribute.kind {
            Kind::Boolean => self.pick(&["true", "false", "false"]).to_owned(),
            Kind::Integer | Kind::Decimal => self.number(),
            Kind::DateTime if !self.one_in(8) => "\"2026-03-01T10:00:00Z\"".to_owned(),
            Kind::Binary if !self.one_in(8) => "\"QUJD\"".to_owned(),
            Kind::String | Kind::DateTime | Kind::Reference | Kind::Binary => self.text(),
            Kind::Complex => {
                let mut members = Vec::new();
                for part in &attribute.sub_attributes {
                    let is_derived =
                        part.mutability == Mutability::ReadOnly || part.name == "display";
                    if self.one_in(if is_derived { 12 } else { 2 }) {
                        members.push((part.name.clone(), self.value(part)));
                    }
                }
                self.object(members)
            }
        }
    }

    fn attributes<'t>(
        &mut self,
        attributes: impl Iterator<Item = &'t Attribute>,
        often: &[&str],
    ) -> Vec<(String, String)> {
        let mut members = Vec::new();
        for attribute in attributes {
            let is_rare = attribute.mutability == Mutability::WriteOnly || attribute.name == "path";
            let is_wanted = match often.contains(&attribute.name.as_str()) {
                true => !self.one_in(20),
                false => self.one_in(if is_rare { 60 } else { 5 }),
            };
            if is_wanted {
                members.push((attribute.name.clone(), self.value(attribute)));
            }
        }
        members
    }

    fn body(&mut self, registry: &Registry, rt: &ResourceType) -> String {
        let often = ["userName", "displayName", "externalId", "name"];
        let own = registry.attributes(rt, None).filter(|one| one.name != "schemas");
        let mut members = self.attributes(own, &often);
        for (urn, _) in &rt.extensions {
            if self.one_in(3) {
                let inner = self.attributes(registry.attributes(rt, Some(urn)), &["sails"]);
                let inner = if self.one_in(15) { "null".to_owned() } else { self.object(inner) };
                members.push((urn.clone(), inner));
            }
        }
        if !self.one_in(10) {
            let mut urns = vec![rt.schema.as_str()];
            urns.extend(rt.extensions.iter().map(|(urn, _)| urn.as_str()));
            urns.retain(|_| !self.one_in(6));
            members.push(("schemas".to_owned(), json!(urns).to_string()));
        }
        if self.one_in(40) {
            let odd = ["shoeSize", "name.givenName", "urn:x:y", "department", rt.schema.as_str()];
            members.push((self.pick(&odd).to_owned(), "\"x\"".to_owned()));
        }
        let text = self.object(members);
        format!("{}{text}{}", self.space(), self.space())
    }
}

#[test]
fn both_ways_read_the_same() {
    let count: u32 = match std::env::var("PROVLOG_TEST_DIFFERENTIAL") {
        Ok(text) => text.parse().expect("PROVLOG_TEST_DIFFERENTIAL must be a number"),
        Err(_) => 50,
    };
    let world = World::new();
    let mut random = Random(TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let owns: [&[u8]; 3] =
        [b"{}", br#"{"require_schemas": true}"#, br#"{"lenient_booleans": false}"#];
    for (name, version) in world.versions() {
        for rt in ["User", "Group", "Boat"] {
            if !version.serves(world.registry.resource_type(rt).unwrap()) {
                continue;
            }
            let ways = owns.map(|own| world.way(rt, version, own));
            let (mut quick, mut refused) = (0, 0);
            for case in 0..count.max(20) {
                let way = &ways[case as usize % ways.len()];
                let body = random.body(&world.registry, way.rt);
                let is_quick = way.is_quick(body.as_bytes());
                quick += u32::from(is_quick);
                refused +=
                    u32::from(!is_quick && way.general(body.as_bytes(), None, None).is_none());
                // One character less mostly makes it no JSON, or another name.
                let lost = random.below(body.len());
                let rest = body.chars().enumerate().filter(|(place, _)| *place != lost);
                way.is_quick(rest.map(|(_, c)| c).collect::<String>().as_bytes());
            }
            // Both kinds of bodies were tried.
            assert!(
                quick * 20 >= count && refused > 0,
                "{name} {rt}: {quick}, {refused} of {count}"
            );
        }
    }
}

impl Random {
    /// A PATCH operation on a user, most of them as providers send them.
    fn operation(&mut self) -> Value {
        let op = self.pick(&["replace", "Replace", "add", "add", "remove"]);
        let path = self.pick(&[
            "active",
            "displayName",
            "title",
            "userName",
            "name.givenName",
            "name",
            "emails",
            "nickName",
            "emails[type eq \"work\"].value",
            "emails[primary eq true]",
            "phoneNumbers[type eq \"x\"].value",
            "addresses[type eq \"home\"].country",
            "externalId",
            "shoeSize",
            "id",
            "meta.version",
            "members",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department",
            "department",
            "a b",
            "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User",
            "urn:ietf:params:scim:schemas:core:2.0:User:title",
            "urn:ietf:params:scim:schemas:core:2.0:User",
        ]);
        let values = [
            json!("x"),
            json!("work"),
            json!(false),
            json!(null),
            json!(""),
            json!({"givenName": "Bo"}),
            json!([{"value": "x@y", "type": "work", "primary": true}]),
            json!({"department": "Deck"}),
            json!({"title": "Cook", "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:division": "A",
                "name.familyName": "Ek", "shoe": 1}),
            json!([{"value": "u-1"}]),
        ];
        let value = &values[self.below(values.len())];
        match self.below(6) {
            0 => json!({"op": op, "value": value}),
            1 => json!({"op": op, "path": path}),
            _ => json!({"op": op, "path": path, "value": value}),
        }
    }
}

#[test]
fn patches_of_documents_are_those_of_maps() {
    let count: u32 = match std::env::var("PROVLOG_TEST_DIFFERENTIAL") {
        Ok(text) => text.parse().expect("PROVLOG_TEST_DIFFERENTIAL must be a number"),
        Err(_) => 50,
    };
    let world = World::new();
    let mut random = Random(TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    for (name, version) in
        world.versions().filter(|(name, _)| ["generic", "strict", "howspace"].contains(name))
    {
        let (mut applied, mut refused, mut kept) = (0, 0, 0);
        let way = world.way("User", version, b"{}");
        for _ in 0..count.max(100) {
            let body = random.body(&world.registry, way.rt);
            let Some(state) = way.general(body.as_bytes(), Some(ID), Some(true)) else { continue };
            let mut old = state.state.to_map().unwrap();
            if random.one_in(12) {
                // A state that was accepted under other rules.
                old.remove(["userName", "displayName"][random.below(2)]);
                old.insert(
                    "emails".to_owned(),
                    json!([{"primary": true}, {"value": "b", "primary": true}]),
                );
            }
            let document = Document::of(&old);
            assert_eq!(diff_from_nothing(&document).unwrap(), diff(&Map::new(), &old));
            let missing = version.missing_in(way.rt, &document);
            assert_eq!(missing, version.missing(way.rt, &old));
            old.remove("id");

            let operations: Vec<Value> =
                (0..=random.below(3)).map(|_| random.operation()).collect();
            let body = json!({"Operations": operations});
            let Ok(operations) = parse_patch(body.clone(), 100) else { continue };
            let (registry, settings) = (way.registry, &way.settings);
            let general = apply_patch(way.rt, registry, settings, &old, &operations);
            let quick = way.plan.patch(registry, settings, &document, &operations).unwrap();
            match (general, quick) {
                (Ok(general), Ok(quick)) => {
                    applied += 1;
                    kept += usize::from(quick.before.len() + 1 < old.len());
                    assert_eq!(
                        (&general.members, &general.unknown),
                        (&quick.members, &quick.unknown)
                    );
                    let (new, changes) = quick.finish().unwrap();
                    let mut expected = settle(&old, general.attributes);
                    assert_eq!(changes, diff(&old, &expected), "{document:?} {body}");
                    expected.insert("id".to_owned(), ID.into());
                    assert_eq!(new, Document::of(&expected), "{document:?} {body}");
                }
                (Err(general), Err(quick)) => {
                    refused += 1;
                    assert_eq!(general, quick, "{document:?} {body}");
                }
                (general, quick) => panic!("{document:?} {body}: {general:?} {quick:?}"),
            }
        }
        assert!(applied > 5 && refused > 0 && kept > 0, "{name}: {applied} {refused} {kept}");
    }
}

#[test]
fn a_patch_knows_the_size_of_all() {
    let world = World::new();
    let generic = world.profiles.get("generic").unwrap().at(0).0;
    let way = world.way("User", generic, b"{}");
    let emails: Vec<Value> =
        (0..17).map(|at| json!({"value": format!("{at}{}", "a".repeat(60_000))})).collect();
    let old =
        Document::of(json!({"emails": emails, "id": ID, "userName": "bo"}).as_object().unwrap());
    let patch = |bytes: usize| {
        let body =
            json!({"Operations": [{"op": "add", "path": "title", "value": "a".repeat(bytes)}]});
        let operations = parse_patch(body, 10).unwrap();
        let patched = way.plan.patch(way.registry, &way.settings, &old, &operations).unwrap();
        patched.map(|patch| patch.finish().unwrap().0.bytes().len()).map_err(|error| error.status)
    };
    assert!(patch(20_000).unwrap() > 1_000_000);
    assert_eq!(patch(60_000), Err(413));
    assert_eq!(
        way.plan
            .patch(way.registry, &way.settings, &Document::from_canonical(b"{\"a".to_vec()), &[])
            .err(),
        Some(canonical::Damaged)
    );
}
