//! Pages by cursor (RFC 9865).

use serde_json::{Value, json};

use super::projection::users;
use super::served;
use crate::harness::in_process::{InProcess, START};
use crate::harness::server::{Answer, Client, Server, encoded, group, user};

fn resources(list: &Answer) -> Vec<Value> {
    assert_eq!(list.status, 200, "{list:?}");
    let page = list.body["Resources"].as_array().unwrap();
    assert_eq!(list.body["itemsPerPage"], json!(page.len()));
    page.clone()
}

fn next(list: &Answer) -> Option<String> {
    list.body.get("nextCursor").map(|cursor| cursor.as_str().unwrap().to_owned())
}

/// All pages of a query; calls `between` before each but the first.
fn walk(scim: &Client, query: &str, count: usize, mut between: impl FnMut(usize)) -> Vec<Value> {
    let (mut seen, mut cursor) = (vec![], String::new());
    for round in 0.. {
        if round > 0 {
            between(round);
        }
        let page = scim.get(&format!("{query}&count={count}&cursor={cursor}"));
        let found = resources(&page);
        assert!(found.len() <= count, "{query}");
        seen.extend(found);
        assert_eq!(page.body.get("startIndex"), None, "a cursor has no index");
        match next(&page) {
            None => break,
            Some(next) => cursor = next,
        }
        let plain = |c: char| c.is_ascii_alphanumeric() || "-._~".contains(c);
        assert!(cursor.chars().all(plain), "needs no escaping: {cursor}");
        assert!(round < 1_000, "{query} has an end");
    }
    seen
}

#[test]
fn a_walk_by_cursor_shows_everything_once_and_ends() {
    served(|scim| {
        let ids = users(scim, 12);
        for count in [1, 3, 4, 5, 12, 13, 1_000] {
            for query in [
                "/Users?attributes=id",
                "/Users?attributes=id&sortBy=meta.created",
                "/Users?attributes=id&filter=active%20eq%20true",
                "/?attributes=id&filter=userName%20pr&sortBy=externalId2",
            ] {
                let mut pages = 1;
                let seen = walk(scim, query, count, |_| pages += 1);
                let seen: Vec<&str> = seen.iter().map(|one| one["id"].as_str().unwrap()).collect();
                assert_eq!(seen, ids, "{query} {count}");
                assert_eq!(pages, 12_usize.div_ceil(count), "no empty page at the end: {query}");
            }
        }
        let first = scim.get("/Users?cursor");
        assert_eq!(resources(&first).len(), 12, "a cursor without an equals sign begins too");
        assert_eq!((next(&first), &first.body["totalResults"]), (None, &json!(12)));
        let none = scim.get("/Users?cursor&count=0");
        assert_eq!((resources(&none).len(), next(&none)), (0, None));
        assert_eq!(none.body["totalResults"], 12);
        let nobody = scim.get("/Users?cursor=&filter=title%20pr");
        assert_eq!((resources(&nobody).len(), next(&nobody)), (0, None));

        // The same in the body of a search; the count need not be repeated.
        let begun = scim.post("/Users/.search", &json!({"cursor": "", "count": 8}));
        assert_eq!(resources(&begun).len(), 8);
        let rest = scim.post("/Users/.search", &json!({"cursor": next(&begun), "count": 8}));
        assert_eq!((resources(&rest).len(), next(&rest)), (4, None));
        let rest = scim.post("/Users/.search", &json!({"cursor": next(&begun)}));
        assert_eq!((resources(&rest).len(), next(&rest)), (4, None));
        // With a cursor, `startIndex` is ignored.
        let first = scim.get("/Users?cursor=&startIndex=7&count=2&attributes=id");
        assert_eq!(first.body["Resources"][0]["id"], ids[0].as_str());
    });
}

/// A client that copies an application page by page must not miss a resource because of a concurrent
/// change: all pages show the state of the first.
#[test]
fn a_walk_shows_one_state_while_writes_go_on() {
    served(|scim| {
        let ent = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let ids = users(scim, 10);
        for (index, id) in ids.iter().enumerate() {
            let title = format!("Title {}", index % 3);
            let change = json!([{"op": "add", "value": {
                "title": title, "displayName": "Deck", ent: {"manager": {"value": ids[0]}},
            }}]);
            assert_eq!(scim.patch(&format!("/Users/{id}"), &change).status, 200);
        }
        let members = json!([{"value": ids[8]}, {"value": ids[9]}, {"value": "stranger"}]);
        let crew = scim.post("/Groups", &json!({"displayName": "Crew", "members": members}));
        let crew = format!("/Groups/{}", crew.id());

        let late = user("mmm");
        let change = |round: usize| {
            let user = |index: usize| format!("/Users/{}", ids[index]);
            let rename = |name: &str| json!([{"op": "replace", "value": {"userName": name, "title": "A", "displayName": name}}]);
            match round {
                1 => {
                    assert_eq!(scim.delete(&user(9)).status, 204);
                    assert_eq!(scim.delete(&user(0)).status, 204, "everybody's manager");
                }
                2 => {
                    assert_eq!(scim.patch(&user(8), &rename("aaa")).status, 200);
                    assert_eq!(scim.patch(&user(1), &rename("zzz")).status, 200);
                    assert_eq!(scim.post("/Users", &late).status, 201);
                }
                3 => assert_eq!(scim.delete(&crew).status, 204),
                _ => {}
            }
        };
        // All walks start before the changes and continue after them, interleaved: separate walks would
        // see earlier changes.
        let queries = [
            "/Users?".to_owned(),
            "/?sortBy=userName&sortOrder=descending".to_owned(),
            "/Users?sortBy=title".to_owned(),
            format!("/Users?filter={}", encoded("title sw \"title\"")),
            format!("/Users?filter={}", encoded("displayName eq \"deck\"")),
            format!("/Users?filter={}&sortBy=emails", encoded("groups pr or not (groups pr)")),
            "/Users?excludedAttributes=groups,meta".to_owned(),
            "/Groups?".to_owned(),
            "/?attributes=members,userName".to_owned(),
        ];
        let expected: Vec<Vec<Value>> =
            queries.iter().map(|query| resources(&scim.get(query))).collect();
        let mut walks: Vec<(Vec<Value>, Option<String>)> =
            queries.iter().map(|_| (vec![], Some(String::new()))).collect();
        for round in 0..12 {
            change(round);
            for (query, (seen, cursor)) in queries.iter().zip(&mut walks) {
                let Some(place) = cursor.take() else { continue };
                let page = scim.get(&format!("{query}&count=3&cursor={place}"));
                seen.extend(resources(&page));
                *cursor = next(&page);
            }
        }
        for ((query, (seen, cursor)), expected) in queries.iter().zip(walks).zip(expected) {
            assert_eq!(cursor, None, "{query} ends");
            assert_eq!(json!(seen), json!(expected), "{query}");
        }
    });
}

/// Each page is a recorded read, so the second one already shows an earlier seq; the index of a
/// member's groups must work for that too.
#[test]
fn later_pages_over_the_groups_of_a_member_read_no_other_members() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = server.add_app("boat");
    let ids = users(&scim, 3);
    let crowd: Value = (0..1_000).map(|index| json!({"value": format!("m-{index}")})).collect();
    let crowd = json!({"displayName": "Crowd", "members": crowd});
    let mut groups = vec![];
    for index in 0..6 {
        if index == 3 {
            assert_eq!(scim.post("/Groups", &crowd).status, 201);
        }
        let body = json!({"displayName": format!("G{index}"), "members": [{"value": ids[1]}]});
        groups.push(scim.post("/Groups", &body).id());
    }
    let filter = encoded(&format!("members.value eq \"{}\"", ids[1]));
    let query = format!("/Groups?filter={filter}&attributes=id");
    let mut before = 0;
    let seen = walk(&scim, &query, 2, |round| {
        let rows = server.rows_read();
        assert!(round == 1 || rows - before < 200, "page {round} reads {} rows", rows - before);
        before = rows;
        // A member who leaves meanwhile was there at the first page.
        if round == 1 {
            let remove = json!([{"op": "remove", "path": "members"}]);
            assert_eq!(scim.patch(&format!("/Groups/{}", groups[5]), &remove).status, 204);
            before = server.rows_read();
        }
    });
    let seen: Vec<&str> = seen.iter().map(|group| group["id"].as_str().unwrap()).collect();
    assert_eq!(seen, groups);
    server.stop();
}

#[test]
fn a_cursor_is_valid_for_its_own_query_only() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let (boat, ship) = (server.add_app("boat"), server.add_app("ship"));
    for scim in [&boat, &ship] {
        users(scim, 5);
        assert_eq!(scim.post("/Groups", &group("Crew")).status, 201);
    }
    let query = "sortBy=userName&sortOrder=ascending&attributes=userName&filter=active%20eq%20true";
    let begun = boat.get(&format!("/Users?{query}&count=2&cursor="));
    let cursor = next(&begun).unwrap();
    let good = format!("/Users?{query}&count=2&cursor={cursor}");
    let second = boat.get(&good);
    assert_eq!(resources(&second).len(), 2);
    // The next cursor contains when it was issued.
    assert_eq!(resources(&boat.get(&good)), resources(&second), "a page can be asked for again");

    let check = |scim: &Client, path: &str, scim_type: &str| {
        let refused = scim.get(path);
        assert_eq!(refused.status, 400, "{path}: {refused:?}");
        assert_eq!(refused.body["scimType"], scim_type, "{path}");
        assert!(refused.body["detail"].as_str().unwrap().len() > 10, "{refused:?}");
    };
    let changed = |from: &str, to: &str| {
        let path = good.replace(from, to);
        assert_ne!(path, good);
        path
    };
    // Another query.
    for (from, to) in [
        ("true", "false"),
        ("&filter=active%20eq%20true", ""),
        ("sortBy=userName", "sortBy=title"),
        ("sortBy=userName&", ""),
        ("sortOrder=ascending", "sortOrder=descending"),
        ("attributes=userName", "attributes=userName,title"),
        ("attributes=userName", "excludedAttributes=userName"),
        ("&attributes=userName", ""),
        ("/Users", "/Groups"),
        ("/Users", "/"),
    ] {
        check(&boat, &changed(from, to), "invalidCursor");
    }
    check(&boat, &changed("count=2", "count=3"), "invalidCount");
    check(&boat, &changed("count=2", "count=0"), "invalidCount");
    for count in ["-1", "x", "1001", "99999999999999999999"] {
        check(&boat, &format!("/Users?cursor=&count={count}"), "invalidCount");
    }
    // Another application, with the same data and the same query.
    check(&ship, &good, "invalidCursor");
    let stolen = boat.with_token(&ship.token).get(&good);
    assert_eq!(stolen.status, 401, "a cursor is no key: {stolen:?}");
    // Invented or damaged.
    let mut forged = vec!["x".to_owned(), "AAAA".repeat(20), "%00".to_owned(), "a b".to_owned()];
    forged.push(cursor[1..].to_owned());
    forged.push(cursor[..cursor.len() - 1].to_owned());
    forged.push(format!("{cursor}A"));
    forged.push("A".repeat(5_000));
    for place in (0..cursor.len()).step_by(7) {
        let mut bytes = cursor.clone().into_bytes();
        bytes[place] = if bytes[place] == b'Q' { b'R' } else { b'Q' };
        forged.push(String::from_utf8(bytes).unwrap());
    }
    for forged in forged {
        let path = format!("/Users?{query}&count=2&cursor={}", encoded(&forged));
        check(&boat, &path, "invalidCursor");
        let body = json!({"sortBy": "userName", "attributes": "userName", "cursor": forged,
            "filter": "active eq true"});
        let refused = boat.post("/Users/.search", &body);
        assert_eq!((refused.status, &refused.body["scimType"]), (400, &json!("invalidCursor")));
    }
    let refused = boat.post("/Users/.search", &json!({"cursor": 7}));
    assert_eq!((refused.status, &refused.body["scimType"]), (400, &json!("invalidCursor")));
    server.stop();

    // The server stores no cursors, so they survive a restart.
    let server = Server::start(&data);
    let boat = Client::new(&boat.base().replace(&url_of(&boat), &server.url), &boat.token);
    assert_eq!(resources(&boat.get(&good)).len(), 2);
    server.stop();
}

/// The server's address in a client's base.
fn url_of(scim: &Client) -> String {
    scim.base().split("/apps/").next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cursor_expires() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), START).await;
    let token = server.add_app("boat").await;
    for name in ["ada", "bo", "cora"] {
        server.send("POST", "/apps/boat/scim/v2/Users", &token, &user(name)).await;
    }
    let page = async |cursor: &str| {
        let path = format!("/apps/boat/scim/v2/Users?count=1&cursor={cursor}");
        server.send("GET", &path, &token, &Value::Null).await
    };
    let config = "/apps/boat/scim/v2/ServiceProviderConfig";
    let config = server.send("GET", config, &token, &Value::Null).await.body;
    let timeout = config["pagination"]["cursorTimeout"].as_i64().unwrap();
    assert_eq!(timeout, 3_600);
    let first = page("").await.body["nextCursor"].as_str().unwrap().to_owned();
    let after = |seconds: i64| event::Timestamp(START.0 + seconds * 1_000_000);
    server.clock.set(after(timeout));
    let second = page(&first).await;
    assert_eq!((second.status, &second.body["Resources"][0]["userName"]), (200, &json!("bo")));
    let second = second.body["nextCursor"].as_str().unwrap().to_owned();
    server.clock.set(after(timeout + 1));
    let refused = page(&first).await;
    assert_eq!((refused.status, &refused.body["scimType"]), (400, &json!("expiredCursor")));
    // Each page starts a new hour.
    assert_eq!(page(&second).await.status, 200);
    server.clock.set(after(2 * timeout + 1));
    assert_eq!(page(&second).await.body["scimType"], "expiredCursor");
    server.close().await;
}
