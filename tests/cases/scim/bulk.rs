//! Many operations in one request (RFC 7644 §3.7).

use serde_json::{Value, json};

use super::served;
use crate::harness::server::{Client, Server, bulk, group, patch, user};

const ENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

fn post(path: &str, bulk_id: &str, data: &Value) -> Value {
    json!({"method": "POST", "path": path, "bulkId": bulk_id, "data": data})
}

fn crew(name: &str, members: &[&str]) -> Value {
    let members: Value = members.iter().map(|value| json!({ "value": value })).collect();
    json!({"displayName": name, "members": members})
}

/// The results of a Bulk request that is answered 200.
fn results(scim: &Client, operations: &Value) -> Vec<Value> {
    let answer = scim.post("/Bulk", &bulk(operations));
    assert_eq!(answer.status, 200, "{answer:?}");
    let urn = "urn:ietf:params:scim:api:messages:2.0:BulkResponse";
    assert_eq!(answer.body["schemas"], json!([urn]));
    answer.body["Operations"].as_array().unwrap().clone()
}

fn statuses(results: &[Value]) -> Vec<&str> {
    results.iter().map(|one| one["status"].as_str().expect("statuses are texts")).collect()
}

/// The path of a result's location, relative to the base.
fn path_of(scim: &Client, result: &Value) -> String {
    let location = result["location"].as_str().unwrap_or_else(|| panic!("no location: {result}"));
    location.strip_prefix(scim.base()).unwrap().to_owned()
}

fn id_of(scim: &Client, result: &Value) -> String {
    path_of(scim, result).rsplit('/').next().unwrap().to_owned()
}

fn members(scim: &Client, path: &str) -> Vec<String> {
    let body = scim.get(path).body;
    let members = body["members"].as_array().cloned().unwrap_or_default();
    members.iter().map(|member| member["value"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn each_operation_gets_its_own_result() {
    served(|scim| {
        let mira = scim.post("/Users", &user("mira"));
        let nils = scim.post("/Users", &user("nils")).id();
        let mira_path = format!("/Users/{}", mira.id());
        let title = patch(&json!([{"op": "add", "path": "title", "value": "Clerk"}]));
        let done = results(
            scim,
            &json!([
                {"method": "post", "path": "/users", "bulkId": "b1", "data": user("ada")},
                {"method": "PATCH", "path": mira_path, "bulkId": "b2", "data": title},
                {"method": "PUT", "path": format!("/Users/{nils}"), "data": user("nils2")},
                {"method": "DELETE", "path": format!("/Users/{nils}")},
                {"method": "POST", "path": "/Users", "bulkId": "b3", "data": user("MIRA")},
                {"method": "PATCH", "path": "/Users/absent", "data": title},
                {"method": "POST", "path": "/Users", "data": user("bo")},
                {"method": "GET", "path": mira_path},
                {"method": "POST", "path": "/Bulk", "bulkId": "b4", "data": {}},
                {"method": "DELETE", "path": "/Users"},
                {"method": "PUT", "path": mira_path},
                {"method": "POST", "path": "Users", "bulkId": "b5", "data": user("bo")},
            ]),
        );
        let expected =
            ["201", "200", "200", "204", "409", "404", "400", "400", "404", "405", "400", "400"];
        assert_eq!(statuses(&done), expected, "{done:#?}");
        for (index, result) in done.iter().enumerate() {
            let failed = index > 3;
            let number: u16 = expected[index].parse().unwrap();
            assert_eq!(result.get("response").is_some(), failed, "{result}");
            if failed {
                assert_eq!(result["response"]["status"], number.to_string(), "{result}");
                assert!(!result["response"]["detail"].as_str().unwrap().is_empty(), "{result}");
            }
        }
        let ada = scim.get(&path_of(scim, &done[0]));
        assert_eq!((ada.status, &ada.body["userName"]), (200, &json!("ada")));
        assert_eq!((&done[0]["method"], &done[0]["bulkId"]), (&json!("POST"), &json!("b1")));
        assert_eq!(done[0]["version"], ada.header("etag"));
        assert_eq!(done[1]["bulkId"], "b2");
        assert_eq!(done[1]["location"], format!("{}{mira_path}", scim.base()));
        assert_eq!(done[1]["version"], scim.get(&mira_path).header("etag"));
        assert_eq!(done[2].get("bulkId"), None, "none was sent");
        assert_eq!(done[3]["location"], format!("{}/Users/{nils}", scim.base()));
        assert_eq!((done[3].get("version"), done[4].get("location")), (None, None));
        assert_eq!(done[4]["response"]["scimType"], "uniqueness");
        assert_eq!(done[5]["location"], format!("{}/Users/absent", scim.base()));
        assert_eq!(scim.get("/Users").body["totalResults"], 2, "mira and ada");
    });
}

/// References to later operations work like those to earlier ones.
#[test]
fn references_are_resolved_forward_and_wherever_they_stand() {
    served(|scim| {
        let deckhand = json!({
            "schemas": [ENT], "userName": "bo", ENT: {"manager": {"value": "bulkId:chief"}},
        });
        let join = patch(&json!([
            {"op": "add", "path": "members", "value": [{"value": "bulkId:chief"}]},
            {"op": "add", "value": {"members": [{"value": "BULKID:bo"}], "externalId": "bulkId:chief"}},
        ]));
        let done = results(
            scim,
            &json!([
                post("/Groups", "crew", &crew("Crew", &["bulkId:bo", "somebody"])),
                {"method": "PATCH", "path": "/Groups/bulkId:watch", "data": join},
                {"method": "PUT", "path": "/Users/bulkId:bo?attributes=id", "data": deckhand},
                post("/Users", "bo", &deckhand),
                post("/Groups", "watch", &group("Watch")),
                post("/Users", "chief", &user("chief")),
                {"method": "DELETE", "path": "/Groups/bulkId:crew", "bulkId": "bulkId:bo"},
            ]),
        );
        assert_eq!(statuses(&done), ["201", "204", "200", "201", "201", "201", "204"], "{done:#?}");
        let (bo, chief) = (id_of(scim, &done[3]), id_of(scim, &done[5]));
        let watch = scim.get(&path_of(scim, &done[4]));
        assert_eq!(watch.body["externalId"], chief.as_str(), "any text may be a reference");
        let mut joined = members(scim, &path_of(scim, &done[1]));
        joined.sort();
        let mut expected = [bo.clone(), chief.clone()];
        expected.sort();
        assert_eq!(joined, expected);
        let manager = scim.get(&format!("/Users/{bo}")).body[ENT]["manager"].clone();
        assert_eq!(manager["value"], chief.as_str());
        assert_eq!(manager["displayName"], "chief");
        assert_eq!(done[6]["bulkId"], "bulkId:bo", "a name is given back as it is");
        assert_eq!(scim.get(&path_of(scim, &done[6])).status, 404);
    });
}

#[test]
fn circles_and_references_to_oneself_are_completed_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let scim = &server.add_app("boat");
    let check = |operations: Value, expected: &[&[usize]]| {
        let done = results(scim, &operations);
        let ids: Vec<String> = done.iter().map(|one| id_of(scim, one)).collect();
        for (index, result) in done.iter().enumerate() {
            assert_eq!(result["status"], "201", "{result}");
            let path = format!("/Groups/{}", ids[index]);
            let mut found = members(scim, &path);
            found.sort();
            let mut expected: Vec<String> =
                expected[index].iter().map(|one| ids[*one].clone()).collect();
            expected.sort();
            assert_eq!(found, expected, "{operations} {index}");
            assert_eq!(result["version"], scim.get(&path).header("etag"), "as it stands now");
        }
    };
    let a = |members: &[&str]| post("/Groups", "a", &crew("A", members));
    let b = |members: &[&str]| post("/Groups", "b", &crew("B", members));
    let c = |members: &[&str]| post("/Groups", "c", &crew("C", members));
    check(json!([a(&["bulkId:b"]), b(&["bulkId:a"])]), &[&[1], &[0]]);
    check(json!([a(&["bulkId:b"]), b(&["bulkId:c"]), c(&["bulkId:a"])]), &[&[1], &[2], &[0]]);
    check(json!([a(&["bulkId:a"])]), &[&[0]]);
    let all = ["bulkId:a", "bulkId:b", "bulkId:c"];
    check(json!([a(&all), b(&all), c(&all)]), &[&[0, 1, 2], &[0, 1, 2], &[0, 1, 2]]);
    // A slash or a query in the path must not disturb the second change.
    for path in ["/Groups/", "/groups?attributes=id", "/Groups/?excludedAttributes=members"] {
        check(json!([post(path, "a", &crew("A", &["bulkId:a"]))]), &[&[0]]);
    }

    // Two users who manage each other.
    let managed = |name: &str, by: &str| {
        post("/Users", name, &json!({"userName": name, ENT: {"manager": {"value": by}}}))
    };
    let headers = [("x-request-id", "circle")];
    let body = bulk(&json!([managed("ada", "bulkId:bo"), managed("bo", "bulkId:ada")])).to_string();
    let answer = scim.send("POST", "/Bulk", &headers, body.as_bytes()).unwrap();
    let done = answer.body["Operations"].as_array().unwrap();
    assert_eq!(statuses(done), ["201", "201"], "{done:?}");
    for (one, other) in [(0, 1), (1, 0)] {
        let manager = scim.get(&path_of(scim, &done[one])).body[ENT]["manager"]["value"].clone();
        assert_eq!(manager, id_of(scim, &done[other]).as_str());
    }
    // Each operation has its own event, and so has the change that closes the circle.
    let rows = server.admin().rows("/api/v1/operations?requestId=circle");
    let rows: Vec<(&str, u64)> = rows
        .iter()
        .rev()
        .map(|row| (row["operation"].as_str().unwrap(), row["httpStatus"].as_u64().unwrap()))
        .collect();
    assert_eq!(rows, [("POST User", 201), ("POST User", 201), ("PATCH User", 200)]);
    server.stop();
}

#[test]
fn operations_that_refer_to_a_failed_one_fail_and_the_rest_is_done() {
    served(|scim| {
        assert_eq!(scim.post("/Users", &user("taken")).status, 201);
        let failing = post("/Users", "no", &user("TAKEN"));
        let join = patch(&json!([{"op": "add", "path": "members", "value": ["bulkId:no"]}]));
        let done = results(
            scim,
            &json!([
                failing,
                post("/Groups", "g", &crew("G", &["bulkId:no"])),
                post("/Groups", "h", &crew("H", &["bulkId:never"])),
                {"method": "PATCH", "path": "/Groups/bulkId:g", "data": join},
                {"method": "DELETE", "path": "/Users/bulkId:no"},
                post("/Users", "ok", &user("ada")),
            ]),
        );
        assert_eq!(statuses(&done), ["409", "409", "409", "409", "409", "201"], "{done:#?}");
        assert_eq!(done[1]["response"].get("scimType"), None, "it is no uniqueness");
        assert!(done[1]["response"]["detail"].as_str().unwrap().contains("bulkId"), "{done:?}");

        // In a circle the first is created before the second fails.
        let broken = json!({"members": [{"value": "bulkId:first"}]}); // no displayName
        let done = results(
            scim,
            &json!([
                post("/Groups", "first", &crew("First", &["bulkId:second", "bulkId:first"])),
                post("/Groups", "second", &broken),
                post("/Users", "free", &user("free")),
            ]),
        );
        assert_eq!(statuses(&done), ["409", "400", "201"], "{done:#?}");
        let first = path_of(scim, &done[0]);
        assert_eq!(scim.get(&first).status, 200, "made, without what it waited for: {done:?}");
        assert_eq!(members(scim, &first), [""; 0]);

        // The same name twice: the second create fails, and references mean the first.
        let done = results(
            scim,
            &json!([
                post("/Users", "twin", &user("twin-1")),
                post("/Users", "twin", &user("twin-2")),
                post("/Groups", "g", &crew("Twins", &["bulkId:twin"])),
            ]),
        );
        assert_eq!(statuses(&done), ["201", "400", "201"], "{done:#?}");
        assert_eq!(members(scim, &path_of(scim, &done[2])), [id_of(scim, &done[0])]);
    });
}

#[test]
fn fail_on_errors_stops_and_records_the_rest_as_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("data"));
    let check = |slug: &str, fail_on_errors: Value, expected: &[&str], users: u64| {
        let scim = server.add_app(slug);
        let operations = json!([
            post("/Users", "a", &user("ada")),
            post("/Users", "b", &user("ADA")),
            post("/Users", "c", &user("cora")),
            {"method": "DELETE", "path": "/Users/absent"},
            post("/Users", "e", &user("eli")),
        ]);
        let mut body = bulk(&operations);
        body["failOnErrors"] = fail_on_errors;
        let headers = [("x-request-id", slug)];
        let answer = scim.send("POST", "/Bulk", &headers, body.to_string().as_bytes()).unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        assert_eq!(statuses(answer.body["Operations"].as_array().unwrap()), expected, "{slug}");
        assert_eq!(scim.get("/Users").body["totalResults"], users, "{slug}");
        let rows = server.admin().rows(&format!("/api/v1/operations?requestId={slug}"));
        assert_eq!(rows.len(), 5, "an event each: {rows:?}");
        let skipped = rows.iter().filter(|row| row["effect"] == "skipped").count();
        assert_eq!(skipped, 5 - expected.len(), "{rows:?}");
    };
    check("one", json!(1), &["201", "409"], 1);
    check("two", json!(2), &["201", "409", "201", "404"], 2);
    check("three", json!(3), &["201", "409", "201", "404", "201"], 3);
    check("all", Value::Null, &["201", "409", "201", "404", "201"], 3);
    server.stop();
}

#[test]
fn without_fail_on_errors_or_with_0_there_is_no_limit() {
    served(|scim| {
        for (round, fail) in [json!(null), json!(0)].into_iter().enumerate() {
            let (bad, good) = (json!({}), user(&format!("user-{round}")));
            let operations = [post("/Users", "a", &bad), post("/Users", "b", &bad)];
            let operations = [operations.as_slice(), &[post("/Users", "c", &good)]].concat();
            let body = json!({"Operations": operations, "failOnErrors": fail});
            let answer = scim.post("/Bulk", &body);
            assert_eq!(answer.status, 200, "{answer:?}");
            let results = answer.body["Operations"].as_array().unwrap().clone();
            assert_eq!(statuses(&results), ["400", "400", "201"], "{fail}");
        }
    });
}

/// RFC 7644 §3.7 shows the operations of a PATCH without the object around them.
#[test]
fn the_operations_of_a_patch_may_stand_alone_in_a_bulk_request() {
    served(|scim| {
        let id = scim.post("/Users", &user("mira")).id();
        let path = format!("/Users/{id}");
        let patch = |data: Value| json!({"method": "PATCH", "path": path, "data": data});
        let off = json!([
            {"op": "replace", "path": "active", "value": false},
            {"op": "replace", "path": "password", "value": "sesame-2"},
        ]);
        let crew = post("/Groups", "crew", &json!({"displayName": "Crew"}));
        let results = results(scim, &json!([patch(off), patch(json!([])), crew]));
        assert_eq!(statuses(&results), ["200", "400", "201"], "{results:?}");
        assert_eq!(scim.get(&path).body["active"], false);
        // Outside of Bulk it is not a PATCH body.
        let alone = json!([{"op": "replace", "path": "active", "value": true}]).to_string();
        assert_eq!(scim.send("PATCH", &path, &[], alone.as_bytes()).unwrap().status, 400);
    });
}

#[test]
fn a_request_that_is_no_bulk_request_is_refused_whole() {
    served(|scim| {
        let check = |body: Value, status: u16, scim_type: Option<&str>, named: &str| {
            let refused = scim.post("/Bulk", &body);
            assert_eq!(refused.status, status, "{:.200}", body.to_string());
            assert_eq!(refused.body["scimType"].as_str(), scim_type, "{refused:?}");
            let detail = refused.body["detail"].as_str().unwrap();
            assert!(detail.contains(named), "{detail} names {named}");
        };
        let one = post("/Users", "a", &user("ada"));
        let with = |fail: Value| json!({"Operations": [one], "failOnErrors": fail});
        check(json!([]), 400, Some("invalidSyntax"), "object");
        check(json!({"Operations": []}), 400, Some("invalidSyntax"), "Operations");
        check(json!({"Operations": [7]}), 400, Some("invalidSyntax"), "Operations[0]");
        check(with(json!(-1)), 400, Some("invalidValue"), "failOnErrors");
        check(with(json!("x")), 400, Some("invalidValue"), "failOnErrors");
        // Beyond a limit: the error names the announced limit.
        let config = scim.get("/ServiceProviderConfig").body["bulk"].clone();
        let most = config["maxOperations"].as_u64().unwrap();
        let operations: Vec<Value> =
            (0..=most).map(|index| post("/Users", &index.to_string(), &user("x"))).collect();
        check(bulk(&json!(operations)), 413, None, &most.to_string());
        let bytes = config["maxPayloadSize"].as_u64().unwrap();
        let large = json!({"userName": "x", "title": "x".repeat(bytes as usize)});
        check(bulk(&json!([post("/Users", "a", &large)])), 413, None, &bytes.to_string());
        assert_eq!(scim.get("/Users").body["totalResults"], 0);
        for method in ["GET", "PUT", "PATCH", "DELETE"] {
            let answer = scim.send(method, "/Bulk", &[], b"").unwrap();
            assert_eq!((answer.status, answer.header("allow")), (405, "POST"), "{method}");
        }
    });
}
