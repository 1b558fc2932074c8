//! Concurrent clients: no membership is lost and no userName is given twice.

use std::collections::BTreeSet;
use std::thread;

use serde_json::json;

use crate::harness::server::{Server, group, user};

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
            // A client of its own: 64 connections at once.
            let client = scim.with_token(&scim.token);
            let path = format!("/Groups/{group_id}");
            scope.spawn(move || {
                for id in mine {
                    let operations =
                        json!([{"op": "Add", "path": "members", "value": [{"value": id}]}]);
                    assert_eq!(client.patch(&path, &operations).status, 204);
                }
                // One leaves again, in the dialect that selects by a value list.
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
                    // The case differs, and must not matter.
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
