//! A refused create belongs to its intended subject, not to the holder of the name that it asked for.

use std::fs;

use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::server::{Client, Server};
use crate::harness::upstream::Answering;

struct Boat {
    server: InProcess,
    token: String,
    _folder: tempfile::TempDir,
}

impl Boat {
    async fn new() -> Boat {
        let folder = tempfile::tempdir().unwrap();
        let server = InProcess::open(&folder.path().join("data"), START).await;
        let token = server.add_app("boat").await;
        Boat { server, token, _folder: folder }
    }

    async fn post(&self, resource: &str, body: Value) -> u16 {
        self.send("POST", resource, body).await
    }

    async fn user(&self, name: &str, external_id: Option<&str>) -> u16 {
        let mut body = json!({"userName": name});
        if let Some(external_id) = external_id {
            body["externalId"] = external_id.into();
        }
        self.post("Users", body).await
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> u16 {
        let path = format!("/apps/boat/scim/v2/{path}");
        self.server.send(method, &path, &self.token, &body).await.status
    }

    async fn user_id(&self, body: Value) -> String {
        let answer = self.server.send("POST", "/apps/boat/scim/v2/Users", &self.token, &body).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_str().unwrap().to_owned()
    }

    async fn ask(&self, path: &str) -> Value {
        let answer = self.server.admin("GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    /// The failing report: externalId, userName, and the holder of the name.
    async fn failing(&self) -> Vec<[Value; 3]> {
        let rows = self.ask("/api/v1/reports/failing").await["rows"].clone();
        let rows = rows.as_array().unwrap().clone();
        rows.iter()
            .map(|row| [&row["externalId"], &row["userName"], &row["holderName"]].map(Clone::clone))
            .collect()
    }

    /// The text in `why` about the answer to a user's last request.
    async fn answered(&self, user: &str) -> String {
        let why = self.ask(&format!("/api/v1/apps/boat/users/{user}/why")).await;
        let nodes = why["resource"]["nodes"].as_array().unwrap().clone();
        let node = nodes.iter().find(|node| node["name"] == "answered");
        node.map_or_else(|| panic!("{why}"), |node| node["text"].as_str().unwrap().to_owned())
    }

    async fn import(&self, source_id: &str, name: &str, external_id: &str) {
        let entry = json!({
            "id": format!("c-{source_id}-{external_id}"),
            "activityDateTime": self.server.clock.now().to_string(),
            "provisioningAction": "create",
            "provisioningStatusInfo": {"status": "failure", "errorInformation":
                {"errorCode": "EntryConflict", "reason": "The name is taken."}},
            "modifiedProperties": [
                {"displayName": "userName", "oldValue": null, "newValue": "eli@tern.example"},
                {"displayName": "externalId", "oldValue": null, "newValue": external_id},
            ],
            "sourceIdentity": {"id": source_id, "identityType": "User",
                "details": {"UserPrincipalName": name}},
            "targetIdentity": {"id": ""},
        });
        let path = "/api/v1/apps/boat/imports?run=7";
        let answer = self.server.admin_text("POST", path, &entry.to_string()).await;
        assert_eq!((answer.status, &answer.body["new"]), (200, &json!(1)), "{answer:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_external_id_gives_the_subject_of_a_refused_create() {
    let boat = Boat::new().await;
    assert_eq!(boat.user("eli@tern.example", Some("e-1")).await, 201);
    assert_eq!(boat.user("eli@tern.example", Some("e-2")).await, 409);
    let other = [json!("e-2"), Value::Null, json!("eli@tern.example")];
    assert_eq!(boat.failing().await, [other]);
    let text = boat.answered("externalId:e-2").await;
    assert!(
        text.contains("409") && text.contains("the name belongs to eli@tern.example"),
        "{text}"
    );
    let own = boat.answered("userName:eli@tern.example").await;
    assert!(own.contains("201"), "{own}");

    // The provider's log gives the person's name at the source.
    boat.import("e-2", "eli.ext@tern.example", "e-2").await;
    let text = boat.answered("userName:eli.ext@tern.example").await;
    assert!(text.contains("409"), "{text}");

    // Created under another name, nobody is failing.
    assert_eq!(boat.user("eli.ext@tern.example", Some("e-2")).await, 201);
    assert_eq!(boat.failing().await, Vec::<[Value; 3]>::new());
    let text = boat.answered("userName:eli.ext@tern.example").await;
    assert!(text.contains("201"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_import_before_the_refusal_joins_too() {
    let boat = Boat::new().await;
    assert_eq!(boat.user("eli@tern.example", Some("e-1")).await, 201);
    boat.import("s-9", "eli.ext@tern.example", "e-2").await;
    assert_eq!(boat.user("eli@tern.example", Some("e-2")).await, 409);
    let text = boat.answered("userName:eli.ext@tern.example").await;
    assert!(text.contains("409"), "{text}");
    assert_eq!(boat.user("eli.ext@tern.example", Some("e-2")).await, 201);
    assert_eq!(boat.failing().await, Vec::<[Value; 3]>::new());
}

/// Somebody left and returned: the provider has a new person with the old name.
#[tokio::test(flavor = "multi_thread")]
async fn an_import_with_another_external_id_is_not_about_the_holder_of_the_name() {
    let boat = Boat::new().await;
    let id = boat.user_id(json!({"userName": "eli@tern.example", "externalId": "e-1"})).await;
    boat.import("s-2", "eli@tern.example", "e-2").await;
    let imported = async |user: &str| {
        let path = format!("/api/v1/operations?app=boat&resource={user}&source=imported");
        boat.ask(&path).await["rowCount"].clone()
    };
    assert_eq!(imported(&id).await, 0);
    assert_eq!(imported("externalId:e-2").await, 1);
    assert_eq!(boat.user("eli@tern.example", Some("e-2")).await, 409);
    let [own, ..] = boat.failing().await.remove(0);
    assert_eq!(own, "e-2");
    assert!(boat.answered("externalId:e-1").await.contains("201"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_subject_of_a_refusal_without_a_conflict() {
    let boat = Boat::new().await;
    // A repeated create is meant for its own account.
    assert_eq!(boat.user("mira", Some("m-1")).await, 201);
    assert_eq!(boat.user("mira", Some("m-1")).await, 409);
    assert_eq!(boat.failing().await, [[json!("m-1"), json!("mira"), Value::Null]]);
    // Renamed at the source and sent as new: still the same person, although somebody else holds the
    // name.
    assert_eq!(boat.user("ole", Some("o-1")).await, 201);
    assert_eq!(boat.user("ole", Some("m-1")).await, 409);
    assert_eq!(boat.failing().await, [[json!("m-1"), json!("mira"), json!("ole")]]);
    // Without an externalId the name decides.
    assert_eq!(boat.user("ole", None).await, 409);
    assert_eq!(boat.failing().await[0], [json!("o-1"), json!("ole"), Value::Null]);
    // Refused for another reason and created later: the same subject by either name.
    let bad = json!({"userName": "lena", "externalId": "l-1", "active": {"no": 1}});
    assert_eq!(boat.post("Users", bad).await, 400);
    let text = boat.answered("userName:lena").await;
    assert!(text.contains("400") && !text.contains("belongs"), "{text}");
    assert!(boat.answered("externalId:l-1").await.contains("400"));
    assert_eq!(boat.user("lena.l", Some("l-1")).await, 201);
    assert_eq!(boat.failing().await.len(), 2);
}

/// Two people with the same name at the provider, distinguished by their externalIds.
#[tokio::test(flavor = "multi_thread")]
async fn another_external_id_is_another_person_even_without_accounts() {
    let boat = Boat::new().await;
    let bad = |external_id: &str| json!({"userName": "sol@tern.example", "externalId": external_id, "active": {"no": 1}});
    // Clients look the name up first, which mentions it.
    let looked = "/apps/boat/scim/v2/Users?filter=userName%20eq%20%22sol@tern.example%22";
    assert_eq!(boat.server.send("GET", looked, &boat.token, &Value::Null).await.status, 200);
    assert_eq!(boat.post("Users", bad("s-1")).await, 400);
    assert_eq!(boat.post("Users", bad("s-2")).await, 400);
    let row = |external_id: &str, name: Value| [json!(external_id), name, Value::Null];
    let (one, other) = (row("s-1", json!("sol@tern.example")), row("s-2", Value::Null));
    assert_eq!(boat.failing().await, [other, one.clone()]);
    // The second person gets the account; the first is still failing.
    assert_eq!(boat.user("sol@tern.example", Some("s-2")).await, 201);
    assert_eq!(boat.failing().await, [one]);
    assert!(boat.answered("externalId:s-1").await.contains("400"));
    assert!(boat.answered("externalId:s-2").await.contains("201"));
    // The same for a third, unknown person.
    assert_eq!(
        boat.post("Users", json!({"userName": "kai", "externalId": "k-1", "active": {}})).await,
        201
    );
    assert_eq!(
        boat.post("Users", json!({"userName": "kai.l", "externalId": "k-2", "active": {"no": 1}}))
            .await,
        400
    );
    assert_eq!(boat.user("kai.l", Some("k-3")).await, 201);
    assert!(boat.answered("externalId:k-2").await.contains("400"));
}

/// A body that is refused still names its subject, in whatever form.
#[tokio::test(flavor = "multi_thread")]
async fn the_names_of_a_refused_body_are_read_as_those_of_an_accepted_one() {
    const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
    let boat = Boat::new().await;
    assert_eq!(boat.user("eli@tern.example", Some("1")).await, 201);
    let name = "eli@tern.example";
    for (external_id, mut body) in [
        ("2", json!({"userName": name, "externalId": 2})),
        ("3", json!({"userName": name, "EXTERNALID": [{"$ref": null, "value": "3"}]})),
        ("4", json!({format!("{USER}:userName"): name, format!("{USER}:externalId"): "4"})),
        ("5", json!({USER: {"userName": name, "externalId": "5"}})),
    ] {
        body["active"] = json!({"no": 1});
        assert_eq!(boat.post("Users", body.clone()).await, 400, "{body}");
        let [own, _, _] = boat.failing().await.remove(0);
        assert_eq!(own, external_id, "{body}");
    }
    // An unusable externalId does not belong to the holder of the userName either.
    for own in [json!("x".repeat(1_025)), json!("x".repeat(70_000)), json!(1.5), json!(["6", "7"])]
    {
        let body = json!({"userName": name, "externalId": own});
        assert_eq!(boat.post("Users", body).await, 400);
    }
    assert_eq!(boat.failing().await.len(), 4);
    assert!(boat.answered("externalId:1").await.contains("201"));
    // The same if a parameter is wrong instead of the body.
    let body = json!({"userName": "ida", "externalId": "8"});
    let query = "Users?attributes=id&excludedAttributes=id";
    assert_eq!(boat.post(query, body).await, 400);
    assert!(boat.answered("externalId:8").await.contains("400"));
}

/// Operations of a Bulk request follow the same rule, including skipped ones.
#[tokio::test(flavor = "multi_thread")]
async fn operations_of_a_bulk_request_belong_to_their_intended_subject() {
    let boat = Boat::new().await;
    assert_eq!(boat.user("eli@tern.example", Some("e-1")).await, 201);
    let post = |bulk_id: Option<&str>, name: &str, external_id: &str| {
        let data = json!({"userName": name, "externalId": external_id});
        json!({"method": "POST", "path": "/Users", "bulkId": bulk_id, "data": data})
    };
    let mut lost = post(Some("c"), "ole@tern.example", "e-4");
    lost["data"]["title"] = json!("bulkId:gone");
    let operations = [
        post(Some("a"), "eli@tern.example", "e-2"),
        post(None, "mo@tern.example", "e-3"),
        lost,
        post(Some("d"), "ann@tern.example", "e-5"),
        json!({"method": "DELETE", "path": "/Users", "data": {}}),
    ];
    let body = json!({"Operations": operations, "failOnErrors": 3});
    assert_eq!(boat.post("Bulk", body).await, 200);
    for (external_id, told) in [
        ("e-2", "the name belongs to eli@tern.example"),
        ("e-3", "needs a bulkId"),
        ("e-4", "bulkId"),
        ("e-5", "failOnErrors"),
    ] {
        let text = boat.answered(&format!("externalId:{external_id}")).await;
        assert!(text.contains(told), "{text}");
        assert!(external_id == "e-2" || !text.contains("belongs"), "{text}");
    }
    assert!(boat.answered("externalId:e-1").await.contains("201"));
    let own = async || boat.failing().await.iter().map(|[own, ..]| own.clone()).collect::<Vec<_>>();
    assert_eq!(own().await, ["e-4", "e-3", "e-2"]);
    // A skipped operation says nothing about whether the failure continues.
    let first = json!({"method": "DELETE", "path": "/Users", "data": {}});
    let body = json!({"Operations": [first, post(Some("a"), "mo@tern.example", "e-3")], "failOnErrors": 1});
    assert_eq!(boat.post("Bulk", body).await, 200);
    assert_eq!(own().await, ["e-4", "e-3", "e-2"]);
}

/// A user who gets an account other than by a create is no longer failing.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_takes_the_name_of_a_refused_create_ends_the_failure() {
    let boat = Boat::new().await;
    let id = boat.user_id(json!({"userName": "eli@tern.example", "externalId": "e-1"})).await;
    let other = boat.user_id(json!({"userName": "eli2@tern.example"})).await;
    for own in ["e-2", "e-3"] {
        assert_eq!(boat.user("eli@tern.example", Some(own)).await, 409);
    }
    assert_eq!(boat.failing().await.len(), 2);
    let before = boat.server.clock.now().to_string();
    boat.server.clock.set(event::Timestamp(boat.server.clock.now().0 + 1_000_000));
    let patch =
        |own: &str| json!({"Operations": [{"op": "replace", "path": "externalId", "value": own}]});
    assert_eq!(boat.send("PATCH", &format!("Users/{id}"), patch("e-2")).await, 200);
    let [own, _, _] = boat.failing().await.remove(0);
    assert_eq!(own, "e-3");
    assert_eq!(boat.send("PATCH", &format!("Users/{other}"), patch("e-3")).await, 200);
    assert_eq!(boat.failing().await, Vec::<[Value; 3]>::new());
    let then = boat.ask(&format!("/api/v1/reports/failing?at={before}")).await;
    assert_eq!(then["rows"].as_array().unwrap().len(), 2, "{then}");
    // A deleted account is not failing.
    assert_eq!(boat.send("DELETE", &format!("Users/{other}"), Value::Null).await, 204);
    assert_eq!(boat.failing().await, Vec::<[Value; 3]>::new());
}

/// Whoever has an account goes on failing, even if somebody else gets the name that was refused once.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_goes_on_failing_when_its_first_name_is_taken() {
    let boat = Boat::new().await;
    let bad = json!({"userName": "lena", "active": {"no": 1}});
    assert_eq!(boat.post("Users", bad).await, 400);
    let id = boat.user_id(json!({"userName": "lena"})).await;
    let named =
        |name: Value| json!({"Operations": [{"op": "replace", "path": "userName", "value": name}]});
    assert_eq!(boat.send("PATCH", &format!("Users/{id}"), named("lena.l".into())).await, 200);
    assert_eq!(boat.send("PATCH", &format!("Users/{id}"), named(json!({"no": 1}))).await, 400);
    assert_eq!(boat.user("lena", None).await, 201);
    assert_eq!(boat.failing().await, [[Value::Null, json!("lena.l"), Value::Null]]);
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_with_the_same_name_are_distinguished_too() {
    let boat = Boat::new().await;
    let settings = json!({"application": "kite", "settings": {"unique_group_names": true}});
    let added = boat.server.admin("POST", "/api/v1/apps", &settings).await;
    assert_eq!(added.status, 201, "{added:?}");
    let token = added.body["secretToken"].as_str().unwrap();
    let post = async |external_id: &str| {
        let body = json!({"displayName": "Crew", "externalId": external_id});
        boat.server.send("POST", "/apps/kite/scim/v2/Groups", token, &body).await.status
    };
    assert_eq!((post("g-1").await, post("g-2").await), (201, 409));
    let rows = boat.ask("/api/v1/reports/failing?app=kite").await["rows"].clone();
    assert_eq!(rows[0]["externalId"], "g-2");
    assert_eq!(rows[0]["holderName"], "Crew");
}

/// The same for creates that a proxied application refuses.
#[test]
fn the_same_through_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let mut made = 0;
    let upstream = Answering::start(move |request| match (request.method.as_str(), made) {
        ("POST", 0) => {
            made += 1;
            let mut user: Value = serde_json::from_slice(&request.body).unwrap();
            user["id"] = "u-1".into();
            (201, user.to_string())
        }
        ("POST", _) => (409, json!({"detail": "taken", "scimType": "uniqueness"}).to_string()),
        _ => (404, json!({"detail": "no such user"}).to_string()),
    });
    let server = Server::start(&folder.path().join("data"));
    let file = folder.path().join("data").join("boat.token");
    fs::write(&file, "upstream-secret-1\n").unwrap();
    let added = server.admin().post(
        "/api/v1/apps",
        &json!({"application": "boat", "upstream": {"url": upstream.url, "tokenFile": file}}),
    );
    assert_eq!(added.status, 201, "{}", added.text);
    let text = |name: &str| added.body[name].as_str().unwrap().to_owned();
    let scim = Client::new(&text("tenantUrl"), &text("secretToken"));
    let eli = |external_id: &str| {
        let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
        json!({"schemas": [schema], "userName": "eli@tern.example", "externalId": external_id})
    };
    assert_eq!(scim.post("/Users", &eli("e-1")).status, 201);
    assert_eq!(scim.post("/Users", &eli("e-2")).status, 409);
    let rows = server.admin().rows("/api/v1/reports/failing");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(rows[0]["externalId"], "e-2", "{rows:?}");
    assert_eq!(
        (&rows[0]["holderId"], &rows[0]["holderName"]),
        (&json!("u-1"), &json!("eli@tern.example"))
    );
}
