//! Concurrent clients: no membership is lost and no userName is given twice.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;

use event::{Application, Fact, Method, Number, ResourceType};
use projector::last_recorded_at;
use serde_json::{Map, Value, json};

use crate::harness::in_process::InProcess;
use crate::harness::server::{Answer, Client, Server, group, user};
use crate::oracle::{self, World};

const CLIENTS: usize = 64;
const MEMBERS_EACH: usize = 10;

#[test]
fn sixty_four_clients_that_patch_one_group_lose_no_member() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let group_id = scim.post("/Groups", &group("Harbour crew")).id();
    let users: Vec<String> = (0..CLIENTS * MEMBERS_EACH)
        .map(|index| scim.post("/Users", &user(&format!("user-{index}"))).id())
        .collect();
    thread::scope(|scope| {
        for mine in users.chunks(MEMBERS_EACH) {
            // Its own client, so that there are 64 connections.
            let client = scim.with_token(&scim.token);
            let path = format!("/Groups/{group_id}");
            scope.spawn(move || {
                for id in mine {
                    let operations =
                        json!([{"op": "Add", "path": "members", "value": [{"value": id}]}]);
                    assert_eq!(client.patch(&path, &operations).status, 204);
                }
                // One member leaves again, in the dialect with a list of values.
                let leave =
                    json!([{"op": "Remove", "path": "members", "value": [{"value": mine[0]}]}]);
                assert_eq!(client.patch(&path, &leave).status, 204);
            });
        }
    });
    let expected: BTreeSet<&str> =
        users.chunks(MEMBERS_EACH).flat_map(|mine| &mine[1..]).map(String::as_str).collect();
    let answer = scim.get(&format!("/Groups/{group_id}"));
    let found: BTreeSet<&str> = answer.body["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|member| member["value"].as_str().unwrap())
        .collect();
    assert_eq!(found, expected);
    let rows = server.admin().rows(&format!("/api/v1/apps/boat/groups/{group_id}/members"));
    let asked: BTreeSet<&str> = rows.iter().map(|row| row["userId"].as_str().unwrap()).collect();
    assert_eq!(asked, expected);
}

#[test]
fn of_racing_creates_with_one_user_name_exactly_one_wins() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    for round in 0..20 {
        let statuses: Vec<u16> = thread::scope(|scope| {
            let racers: Vec<_> = (0..8)
                .map(|racer| {
                    let client = scim.clone();
                    // The letter case differs, which must not matter.
                    let name = format!("user-{round}");
                    let name = if racer % 2 == 0 { name.to_uppercase() } else { name };
                    scope.spawn(move || client.post("/Users", &user(&name)).status)
                })
                .collect();
            racers.into_iter().map(|racer| racer.join().unwrap()).collect()
        });
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
    }
}

const SESSIONS: usize = 20;
const STEPS: usize = 40;
const GROUPS: usize = 4;

/// A successful write.
struct Accepted {
    method: &'static str,
    status: u16,
    /// The event in the answer's ETag; `None` for a deletion, which has no version.
    seq: Option<u64>,
}

/// One client's session: it creates its own users, and joins, renames, replaces and deletes resources
/// that all sessions share.
fn session(scim: &Client, number: usize, groups: &[String]) -> Vec<Accepted> {
    let mut accepted = Vec::new();
    let mut mine: Vec<String> = Vec::new();
    let mut random = number as u64 + 1;
    let mut next = |below: usize| {
        random =
            random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) as usize % below
    };
    let mut keep = |method, answer: &Answer| {
        assert!(answer.status < 500, "{answer:?}");
        if answer.status < 300 {
            let seq = answer.header("etag").trim_start_matches("W/\"").trim_end_matches('"');
            accepted.push(Accepted { method, status: answer.status, seq: seq.parse().ok() });
        }
    };
    for step in 0..STEPS {
        let group_path = format!("/Groups/{}", groups[next(groups.len())]);
        match next(10) {
            // Several sessions compete for some of the names.
            0..=2 => {
                let name = match next(3) {
                    0 => format!("shared-{}", next(8)),
                    _ => format!("user-{number}-{step}"),
                };
                let answer = scim.post("/Users", &user(&name));
                keep("POST", &answer);
                mine.extend(
                    answer.body["id"].as_str().filter(|_| answer.status == 201).map(str::to_owned),
                );
            }
            3..=5 if !mine.is_empty() => {
                let value = json!([{"value": mine[next(mine.len())]}]);
                keep(
                    "PATCH",
                    &scim.patch(
                        &group_path,
                        &json!([{"op": "add", "path": "members", "value": value}]),
                    ),
                );
            }
            6 if !mine.is_empty() => {
                let path = format!("members[value eq \"{}\"]", mine[next(mine.len())]);
                keep("PATCH", &scim.patch(&group_path, &json!([{"op": "remove", "path": path}])));
            }
            7 if !mine.is_empty() => {
                let id = mine.swap_remove(next(mine.len()));
                keep("DELETE", &scim.delete(&format!("/Users/{id}")));
            }
            8 if !mine.is_empty() => {
                let path = format!("/Users/{}", mine[next(mine.len())]);
                let body =
                    json!({"userName": format!("shared-{}", next(8)), "title": format!("t{step}")});
                keep("PUT", &scim.put(&path, &body));
            }
            _ => {
                let name = format!("Crew {}", next(5));
                keep(
                    "PATCH",
                    &scim.patch(
                        &group_path,
                        &json!([{"op": "replace", "path": "displayName", "value": name}]),
                    ),
                );
            }
        }
    }
    accepted
}

/// All resources of a list, over all its pages.
async fn listed(server: &InProcess, token: &str, kind: &str) -> BTreeMap<String, Value> {
    let mut all = BTreeMap::new();
    loop {
        let path = format!("/apps/boat/scim/v2/{kind}?count=50&startIndex={}", all.len() + 1);
        let page = server.send("GET", &path, token, &Value::Null).await;
        assert_eq!(page.status, 200);
        for resource in page.body["Resources"].as_array().unwrap() {
            all.insert(resource["id"].as_str().unwrap().to_owned(), resource.clone());
        }
        if all.len() == page.body["totalResults"].as_u64().unwrap() as usize {
            return all;
        }
    }
}

#[tokio::test]
async fn twenty_sessions_on_shared_groups_end_in_the_fold_of_the_events() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let scim = server.add_app("boat");
    let groups: Vec<String> = (0..GROUPS)
        .map(|index| scim.post("/Groups", &group(&format!("Crew {index}"))).id())
        .collect();
    let accepted: Vec<Accepted> = thread::scope(|scope| {
        let sessions: Vec<_> = (0..SESSIONS)
            .map(|number| {
                let client = scim.with_token(&scim.token);
                let groups = &groups;
                scope.spawn(move || session(&client, number, groups))
            })
            .collect();
        sessions.into_iter().flat_map(|session| session.join().unwrap()).collect()
    });
    server.stop();

    let time = {
        let store = store::Store::open_existing(&data, &store::Options::default()).unwrap();
        last_recorded_at(&store).unwrap()
    };
    let server = InProcess::open(&data, time).await;
    let events = server.events();

    // Each success has an event with the same status, and no other event has one.
    let operations: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.header.fact {
            Fact::Operation(operation) => Some((event.seq, operation)),
            _ => None,
        })
        .filter(|(_, one)| one.status < 300 && one.method != Method::Get)
        .collect();
    assert_eq!(operations.len(), accepted.len() + GROUPS);
    for one in &accepted {
        match one.seq {
            // A no-op shows the version of an earlier change.
            Some(seq) => assert!(operations.iter().any(|(found, operation)| {
                *found == seq && (operation.status == one.status || one.method != "POST")
            })),
            None => assert_eq!(one.method, "DELETE"),
        }
    }

    let world = World::at(&events, Application(1), events.last().map(|event| event.seq));
    let id_of = |number: &Number| -> Option<&str> {
        world.resources.get(number)?.attributes.get("id")?.as_str()
    };
    let mut users = listed(&server, &scim.token, "Users").await;
    let mut shown_groups = listed(&server, &scim.token, "Groups").await;
    let mut names = BTreeSet::new();
    for (number, oracle::Resource { kind, attributes, .. }) in &world.resources {
        let id = id_of(number).unwrap();
        let shown = match *kind {
            ResourceType::USER => users.remove(id),
            _ => shown_groups.remove(id),
        };
        let mut shown: Map<String, Value> = shown.unwrap().as_object().unwrap().clone();
        let members: BTreeSet<&str> = world
            .members
            .get(number)
            .into_iter()
            .flatten()
            .map(|(member, _)| id_of(member).unwrap())
            .collect();
        let found = shown.remove("members").unwrap_or(json!([]));
        let found: BTreeSet<&str> =
            found.as_array().unwrap().iter().map(|one| one["value"].as_str().unwrap()).collect();
        assert_eq!(found, members, "members of {id}");
        for derived in ["schemas", "meta", "groups"] {
            shown.remove(derived);
        }
        assert_eq!(&shown, attributes, "{id}");
        if let Some(name) = attributes.get("userName").and_then(Value::as_str) {
            assert!(names.insert(name.to_lowercase()), "two users are called {name}");
        }
    }
    assert!(users.is_empty() && shown_groups.is_empty(), "shown, but in no event");
    server.close().await;
}
