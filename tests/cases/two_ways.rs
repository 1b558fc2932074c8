//! Plain bodies go a quick way from bytes to event, rows and answer. A request with a query goes the
//! general way. Two servers get the same bodies, one in each way: answers, events and rows must be equal.
//! Lookups by name go a short way, and the same query by `.search` does not.
//!
//! `PROVLOG_TEST_EXAMPLES` times twenty is the number of bodies, and times ten that of lookups.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use axum::body::Body;
use axum::http::Request;
use event::{Content, Event, Fact, Method, Route, Values};
use serde_json::{Map, Value, json};
use store::key::KeyRange;
use store::{Direction, ReadRows};

use crate::harness::in_process::{InProcess, START};
use crate::harness::repetitions;
use crate::harness::server::encoded;

const PROFILES: [&str; 6] = ["generic", "strict", "hootsuite", "hoxhunt", "howspace", "jostle"];
const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (self.0 >> 33) as usize % limit
    }

    fn one_in(&mut self, limit: usize) -> bool {
        self.below(limit) == 0
    }

    fn of<'a>(&mut self, texts: &[&'a str]) -> &'a str {
        texts[self.below(texts.len())]
    }
}

/// A body as providers send it, mostly; else something is unusual, or wrong.
fn body(random: &mut Random, kind: &str, place: usize) -> Vec<u8> {
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| {
        body.insert(name.to_owned(), value);
    };
    put("schemas", json!([format!("urn:ietf:params:scim:schemas:core:2.0:{kind}")]));
    let texts = [
        "Mira",
        "Ørsted",
        "O'Neil",
        "",
        "  ",
        "日本",
        "a%20b",
        "{x}",
        "plg_",
        "a\u{300}b",
        "x\ty",
        "password=1",
        "\u{202e}gnp",
        "<b>",
        "urn:x:y",
    ];
    // Names are shared now and then: then the answer is a conflict.
    let who = match random.one_in(6) {
        true => random.below(12),
        false => place,
    };
    if kind == "User" {
        put("userName", json!(format!("User{who}@boat.example")));
        put("name", json!({"givenName": random.of(&texts), "familyName": "Lund"}));
        put("active", json!(random.below(3) > 0));
        put(
            "emails",
            json!([
                {"value": format!("user{who}@boat.example"), "type": "work", "primary": true},
                {"value": random.of(&["a@x.example", "b@x.example"]), "type": random.of(&["home", "other"])},
            ]),
        );
        for name in ["title", "nickName", "locale", "timezone", "userType", "preferredLanguage"] {
            if random.one_in(2) {
                put(name, json!(random.of(&texts)));
            }
        }
        if random.one_in(2) {
            put(
                "phoneNumbers",
                json!([{"value": "+47 555", "type": random.of(&["work", "mobile"])}]),
            );
            put("addresses", json!([{"type": "work", "locality": "Bergen", "country": "NO"}]));
        }
        if random.one_in(2) {
            let mut more = json!({"department": random.of(&texts), "employeeNumber": "7"});
            if random.one_in(3) {
                more["manager"] = json!({"value": "0c0e2ab2-5d8e-4f53-9e0b-b5b0bf6f4c11"});
            }
            put("schemas", json!(["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE]));
            put(ENTERPRISE, more);
        }
    } else if random.one_in(4) {
        put("members", json!([{"value": format!("nobody-{}", random.below(9))}]));
    }
    put("displayName", json!(format!("{} {who}", random.of(&["Crew", "Crew é"]))));
    if random.one_in(2) {
        put("externalId", json!(format!("e-{who}")));
    }
    let mut odd = match random.below(14) {
        0 => json!({"userName": 7}),
        1 => json!({"USERNAME": "twice@boat.example"}),
        2 => json!({"active": "True"}),
        3 => json!({"shoeSize": 42}),
        4 => json!({"password": "not to be kept"}),
        5 => json!({"emails": [], "title": null}),
        6 => json!({"id": "mine", "meta": {"resourceType": "User"}}),
        7 => json!({"externalId": "x".repeat(2_000)}),
        8 => {
            json!({"emails": [{"value": "a@x.example", "type": "work"}, {"value": "A@x.example", "type": "Work"}]})
        }
        9 => json!({"roles": ["admin", {"value": "x"}]}),
        _ => json!({}),
    };
    body.append(odd.as_object_mut().unwrap());
    let body = Value::Object(body);
    match random.below(12) {
        0 => serde_json::to_vec_pretty(&body).unwrap(),
        1 => body.to_string().replace("Mira", "M\\u0069ra").into_bytes(),
        2 => {
            let mut text = body.to_string();
            text.insert_str(1, "\"displayName\":\"twice\",");
            text.into_bytes()
        }
        3 if random.one_in(2) => body.to_string().into_bytes()[..20].to_vec(),
        _ => body.to_string().into_bytes(),
    }
}

/// A server, and the ids that it gave, in their order.
struct One {
    server: InProcess,
    ids: Vec<String>,
    tokens: BTreeMap<&'static str, String>,
}

impl One {
    async fn open(folder: &std::path::Path) -> One {
        let server = InProcess::open(folder, START).await;
        let mut tokens = BTreeMap::new();
        for profile in PROFILES {
            let body = json!({"application": profile, "profile": profile});
            let added = server.admin("POST", "/api/v1/apps", &body).await;
            tokens.insert(profile, added.body["secretToken"].as_str().unwrap().to_owned());
        }
        One { server, ids: vec![], tokens }
    }

    /// The answer: status, headers that matter, body.
    async fn send(&mut self, app: &'static str, path: &str, body: &[u8]) -> (u16, String, String) {
        let request = Request::builder()
            .method("POST")
            .uri(path)
            .header("authorization", format!("Bearer {}", self.tokens[app]))
            .header("content-type", "application/scim+json")
            .header("x-request-id", "the-same")
            .body(Body::from(body.to_vec()))
            .unwrap();
        let response = self.server.request(request).await;
        let header = |name: &str| {
            let value = response.headers().get(name).and_then(|value| value.to_str().ok());
            value.unwrap_or_default().to_owned()
        };
        let headers = format!("{} {}", header("location"), header("etag"));
        let (status, text) = (response.status().as_u16(), response.body().clone());
        if status == 201 {
            let value: Value = serde_json::from_str(&text).unwrap();
            let id = value["id"].as_str().unwrap().to_owned();
            if !self.ids.contains(&id) {
                self.ids.push(id);
            }
        }
        (status, self.with_places(&headers), self.with_places(&text))
    }

    /// Status and body of the answer to a read.
    async fn ask(&self, method: &str, path: &str, body: Vec<u8>) -> (u16, Value) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {}", self.tokens["generic"]))
            .header("content-type", "application/scim+json")
            .body(Body::from(body))
            .unwrap();
        let response = self.server.request(request).await;
        let status = response.status().as_u16();
        let value = match response.body().as_str() {
            "" => Value::Null,
            text => serde_json::from_str(text).unwrap(),
        };
        (status, value)
    }

    /// The text with the place of each of our ids instead of the id.
    fn with_places(&self, text: &str) -> String {
        String::from_utf8(self.placed(text.as_bytes())).unwrap()
    }

    fn placed(&self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for at in 0..out.len().saturating_sub(35) {
            if out[at + 8] == b'-' && out[at + 13] == b'-' {
                let place = self.ids.iter().position(|id| id.as_bytes() == &out[at..at + 36]);
                if let Some(place) = place {
                    out[at..at + 36].copy_from_slice(format!("{place:036}").as_bytes());
                }
            }
        }
        out
    }

    /// The events of requests, with places for ids and without what the way itself decides.
    fn events(&self) -> Vec<Event> {
        let mut events = self.server.events();
        events.retain(|event| matches!(event.header.fact, Fact::Operation(_)));
        for event in &mut events {
            if let Fact::Operation(operation) = &mut event.header.fact {
                operation.decided_after_us = 0;
            }
            for part in &mut event.parts {
                match &mut part.content {
                    // The general way is asked for by a query.
                    Content::Target(target) => *target = target.replace("?general=1", ""),
                    Content::Changes(changes) => {
                        if let Values::State(state) = &mut changes.values {
                            *state = std::sync::Arc::new(self.placed(state));
                        }
                    }
                    _ => {}
                }
            }
        }
        events
    }

    /// All rows that requests make, with places for ids.
    fn rows(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let snapshot = self.server.server.committer().store().snapshot();
        // Tokens are random, and the tree has the log's id.
        let of_tokens = [
            store::key::tile_hash(0, 0)[0],
            store::key::credential(event::Credential(1))[0],
            store::key::token(&[0; 32])[0],
            store::key::application(event::Application(1))[0],
        ];
        let mut rows = BTreeMap::new();
        let all = KeyRange { from: vec![2], to: vec![u8::MAX] };
        snapshot
            .scan(&all, Direction::Forward, &mut |key, value| {
                if !of_tokens.contains(&key[0]) {
                    rows.insert(self.placed(key), self.placed(value));
                }
                ControlFlow::Continue(())
            })
            .unwrap();
        rows
    }
}

#[tokio::test]
async fn the_quick_way_gives_the_same_answers_events_and_rows() {
    let count = repetitions("PROVLOG_TEST_EXAMPLES", 15) as usize;
    let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let mut quick = One::open(&folders[0].path().join("data")).await;
    let mut general = One::open(&folders[1].path().join("data")).await;
    let mut random = Random(20_261_130);
    let mut statuses: BTreeMap<u16, usize> = BTreeMap::new();
    for place in 0..count * 20 {
        let app = PROFILES[random.below(PROFILES.len())];
        let kind = if random.one_in(4) { "Group" } else { "User" };
        let body = body(&mut random, kind, place);
        let path = format!("/apps/{app}/scim/v2/{kind}s");
        let one = quick.send(app, &path, &body).await;
        let other = general.send(app, &format!("{path}?general=1"), &body).await;
        assert_eq!(one, other, "{app}: {}", String::from_utf8_lossy(&body));
        *statuses.entry(one.0).or_default() += 1;
    }
    assert!(statuses[&201] > count * 5 && statuses[&400] > count, "{statuses:?}");
    assert!(statuses[&409] > 2, "{statuses:?}");
    assert_eq!(quick.events(), general.events());
    let (one, other) = (quick.rows(), general.rows());
    for (key, value) in &one {
        assert_eq!(Some(value), other.get(key), "row {key:?}");
    }
    assert_eq!(one.len(), other.len());
    quick.server.close().await;
    general.server.close().await;
}

/// A random query: mostly a lookup, as parameters and as the body of a search.
fn query(
    random: &mut Random,
    ids: &[String],
    people: usize,
) -> (Vec<(&'static str, String)>, Value) {
    let who = random.below(people + 3);
    let lookups = [
        format!("userName eq \"user{who}@boat.example\""),
        format!("USERNAME Eq \"USER{who}@BOAT.example\""),
        format!("id eq \"{}\"", ids[random.below(ids.len())]),
        format!("userName eq \"user{who}@boat.example\" and active eq true"),
        format!("userName eq \"user{who}@boat.example\" and emails.type eq \"home\""),
        format!("emails.value eq \"user{who}@boat.example\""),
        format!("userName eq \"user{who}@boat.example\" or title eq \"Mira\""),
        "userName eq".to_owned(),
        "userName eq 7".to_owned(),
    ];
    let mut parameters = vec![("filter", lookups[random.below(lookups.len())].clone())];
    let mut body = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:SearchRequest"],
        "filter": parameters[0].1,
    });
    let mut put = |name: &'static str, text: &str, value: Value| {
        parameters.push((name, text.to_owned()));
        body[name] = value;
    };
    match random.below(6) {
        0 => put("attributes", "emails.type,name", json!(["emails.type", "name"])),
        1 => put("excludedAttributes", "name,meta.version", json!(["name", "meta.version"])),
        2 => put("count", "0", json!(0)),
        3 => put("startIndex", "2", json!(2)),
        4 => put("sortBy", "userName", json!("userName")),
        _ => {}
    }
    (parameters, body)
}

#[tokio::test]
async fn a_lookup_answers_like_a_search() {
    let count = repetitions("PROVLOG_TEST_EXAMPLES", 15) as usize;
    let folder = tempfile::tempdir().unwrap();
    let mut one = One::open(&folder.path().join("data")).await;
    let mut random = Random(20_261_201);
    const PEOPLE: usize = 20;
    for place in 0..PEOPLE {
        let path = "/apps/generic/scim/v2/Users";
        one.send("generic", path, &body(&mut random, "User", place)).await;
    }
    let ids = one.ids.clone();
    let members: Vec<Value> = ids[..ids.len() / 2].iter().map(|id| json!({"value": id})).collect();
    let group = json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:Group"],
        "displayName": "Crew", "members": members});
    let groups = "/apps/generic/scim/v2/Groups";
    assert_eq!(one.ask("POST", groups, group.to_string().into_bytes()).await.0, 201);
    let gone = format!("/apps/generic/scim/v2/Users/{}", ids[0]);
    assert_eq!(one.ask("DELETE", &gone, vec![]).await.0, 204);
    let mut found: BTreeMap<String, u32> = BTreeMap::new();
    let mut in_groups = 0;
    for _ in 0..count * 10 {
        let (parameters, body) = query(&mut random, &ids, PEOPLE);
        let pairs = parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value)));
        let pairs = pairs.collect::<Vec<_>>().join("&");
        let base = "/apps/generic/scim/v2/Users";
        let looked_up = one.ask("GET", &format!("{base}?{pairs}"), vec![]).await;
        let search = body.to_string().into_bytes();
        let searched = one.ask("POST", &format!("{base}/.search"), search).await;
        assert_eq!(looked_up, searched, "{body}");
        let (status, answer) = looked_up;
        in_groups += u32::from(!answer["Resources"][0]["groups"].is_null());
        *found.entry(format!("{status} {}", answer["totalResults"])).or_default() += 1;
    }
    for expected in ["200 0", "200 1", "400 null"] {
        assert!(found.contains_key(expected), "{found:?}");
    }
    assert!(in_groups > 5, "{in_groups}");
    // Both are recorded alike, but for their route.
    let recorded = one.events().into_iter().filter_map(|event| match event.header.fact {
        Fact::Operation(read) if read.results.is_some() || read.route == Route::Search => {
            Some(read)
        }
        Fact::Operation(read) if read.method == Method::Get => Some(read),
        _ => None,
    });
    let recorded: Vec<_> = recorded
        .map(|read| (read.number, read.status, read.scim_type, read.effect, read.results))
        .collect();
    assert_eq!(recorded.len(), count * 20);
    for pair in recorded.chunks(2) {
        assert_eq!(pair[0], pair[1]);
    }
    one.server.close().await;
}
