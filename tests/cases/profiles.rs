//! Profiles: an event is flagged by the version of the profile that applied at its time.

use event::Timestamp;
use serde_json::{Value, json};

use crate::harness::in_process::InProcess;
use crate::harness::server::{Server, provlog, run};

const HOOTSUITE: &str = "urn:ietf:params:scim:schemas:extension:Hootsuite:2.0:User";

fn at(day: &str) -> Timestamp {
    let instant: chrono::DateTime<chrono::Utc> = format!("{day}T12:00:00Z").parse().unwrap();
    Timestamp(instant.timestamp_micros())
}

/// An application with its SCIM base and token.
struct App<'a> {
    server: &'a InProcess,
    slug: &'static str,
    token: String,
}

impl<'a> App<'a> {
    async fn add(server: &'a InProcess, slug: &'static str, profile: &str) -> App<'a> {
        let body = json!({"application": slug, "profile": profile});
        let added = server.admin("POST", "/api/v1/apps", &body).await;
        assert_eq!(added.status, 201, "{added:?}");
        let token = added.body["secretToken"].as_str().unwrap().to_owned();
        App { server, slug, token }
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        let path = format!("/apps/{}/scim/v2{path}", self.slug);
        let answer = self.server.send(method, &path, &self.token, body).await;
        (answer.status, answer.body)
    }

    /// The newest operation's row.
    async fn last(&self) -> Value {
        let path = format!("/api/v1/operations?app={}&limit=1", self.slug);
        self.server.admin("GET", &path, &Value::Null).await.body["rows"][0].clone()
    }

    async fn flags(&self) -> Vec<String> {
        let last = self.last().await;
        let flags = last["flags"].as_array().unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        flags.iter().map(|one| format!("{} {}", text(&one["kind"]), text(&one["path"]))).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_version_of_a_profile_depends_on_the_date() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), at("2020-06-15")).await;
    let app = App::add(&server, "social", "hootsuite").await;
    let mira = json!({"userName": "mira@fjord.example", HOOTSUITE: {"teamIds": "7"}});
    let (status, created) = app.send("POST", "/Users", &mira).await;
    assert_eq!((status, &created[HOOTSUITE]["teamIds"]), (201, &json!("7")));
    assert_eq!(app.flags().await, [""; 0]);

    // The running server's clock passes the date on which the profile changed.
    server.clock.set(at("2020-11-15"));
    let ole = json!({"userName": "ole@fjord.example", HOOTSUITE: {"teamIds": "8"}, "shoeSize": 44});
    let (status, created) = app.send("POST", "/Users", &ole).await;
    let team = format!("outsideProfile {HOOTSUITE}:teamIds");
    assert_eq!(app.flags().await, [team.as_str(), "noSchema shoeSize"]);
    // The attribute is in the state; an attribute without a schema is not.
    assert_eq!((status, &created[HOOTSUITE]["teamIds"]), (201, &json!("8")));
    assert_eq!(created["shoeSize"], Value::Null);
    let seq = app.last().await["seq"].clone();
    let whole = server.admin("GET", &format!("/api/v1/operations/{seq}"), &Value::Null).await.body;
    assert_eq!(whole["resource"]["request"]["body"]["shoeSize"], 44);

    // A PATCH is flagged for what it changes, in either dialect.
    let id = created["id"].as_str().unwrap();
    let path = format!("/Users/{id}");
    for operation in [
        json!({"op": "Replace", "path": format!("{HOOTSUITE}:teamIds"), "value": "9"}),
        json!({"op": "replace", "value": {format!("{HOOTSUITE}:teamIds"): "10"}}),
    ] {
        let (status, _) = app.send("PATCH", &path, &json!({"Operations": [operation]})).await;
        assert_eq!((status, app.flags().await), (200, vec![team.clone()]));
    }
    let unknown = json!({"Operations": [
        {"op": "add", "path": "shoeSize", "value": 44},
        {"op": "replace", "path": "displayName", "value": "Ole"},
        {"op": "replace", "value": {"name": {"nick": "O", "givenName": "Ole"}}},
    ]});
    assert_eq!(app.send("PATCH", &path, &unknown).await.0, 200);
    assert_eq!(app.flags().await, ["noSchema name.nick", "noSchema shoeSize"]);
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_without_groups_has_none() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), at("2026-11-20")).await;
    for (slug, has_groups, extensions) in [
        ("hootsuite", true, [].as_slice()),
        ("hoxhunt", false, &["enterprise"]),
        ("jostle", false, &["jostle"]),
        ("howspace", true, &[]),
    ] {
        let app = App::add(&server, slug, slug).await;
        let group = json!({"displayName": "Deck", "externalId": "g-1"});
        let (status, answer) = app.send("POST", "/Groups", &group).await;
        assert_eq!(status, if has_groups { 201 } else { 404 }, "{slug}: {answer}");
        let last = app.last().await;
        assert_eq!(
            (&last["operation"], &last["httpStatus"]),
            (&json!("POST Group"), &json!(status))
        );
        let expected = if has_groups { 200 } else { 404 };
        let filter = "/Groups?filter=displayName%20eq%20%22Deck%22";
        for path in ["/Groups", filter, "/ResourceTypes/Group"] {
            assert_eq!(app.send("GET", path, &Value::Null).await.0, expected, "{slug} {path}");
        }
        let urn = "/Schemas/urn:ietf:params:scim:schemas:core:2.0:Group";
        assert_eq!(app.send("GET", urn, &Value::Null).await.0, expected, "{slug}");
        let bulk = json!({"Operations": [{"method": "POST", "path": "/Groups", "bulkId": "a",
            "data": {"displayName": "Crew", "externalId": "g-2"}}]});
        let (status, answer) = app.send("POST", "/Bulk", &bulk).await;
        let made = if has_groups { "201" } else { "404" };
        assert_eq!((status, &answer["Operations"][0]["status"]), (200, &json!(made)), "{slug}");

        let (_, types) = app.send("GET", "/ResourceTypes", &Value::Null).await;
        let user = &types["Resources"][0];
        assert_eq!(types["totalResults"], if has_groups { 2 } else { 1 }, "{slug}");
        let shown = user["schemaExtensions"].as_array().cloned().unwrap_or_default();
        let shown: Vec<_> = shown.iter().map(|one| one["schema"].as_str().unwrap()).collect();
        assert_eq!(shown.len(), extensions.len(), "{slug}: {shown:?}");
        for (urn, word) in shown.iter().zip(extensions) {
            assert!(urn.contains(word), "{urn}");
            assert_eq!(app.send("GET", &format!("/Schemas/{urn}"), &Value::Null).await.0, 200);
        }
    }
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn attributes_that_a_profile_requires_must_be_present() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), at("2026-11-20")).await;
    let app = App::add(&server, "howspace", "howspace").await;
    let group = |external: Option<&str>| json!({"displayName": "Deck", "externalId": external});
    let refused = |(status, answer): (u16, Value)| {
        assert_eq!((status, &answer["scimType"]), (400, &json!("invalidValue")), "{answer}");
        assert!(answer["detail"].as_str().unwrap().contains("externalId is required"), "{answer}");
    };
    refused(app.send("POST", "/Groups", &group(None)).await);
    let (status, created) = app.send("POST", "/Groups", &group(Some("g-1"))).await;
    assert_eq!(status, 201);
    let path = format!("/Groups/{}", created["id"].as_str().unwrap());
    refused(app.send("PUT", &path, &group(None)).await);
    let remove = json!({"Operations": [{"op": "remove", "path": "externalId"}]});
    refused(app.send("PATCH", &path, &remove).await);
    let rename = json!({"Operations": [{"op": "replace", "path": "displayName", "value": "Crew"}]});
    assert_eq!(app.send("PATCH", &path, &rename).await.0, 204);
    // A filter by an attribute that is not listed as filterable is answered and flagged.
    let filter = "/Users?filter=externalId%20eq%20%22x%22%20or%20userName%20eq%20%22x%22";
    assert_eq!(app.send("GET", filter, &Value::Null).await.0, 200);
    assert_eq!(app.flags().await, ["notFilterable externalId"]);
    server.close().await;
}

const PROFILE: &str = r#"name = "paperboat"
title = "Paperboat"
[[versions]]
[versions.users]
attributes = ["userName"]
"#;

#[test]
fn a_folder_of_profiles_is_read_at_the_start_or_refused() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = folder.path().join("profiles");
    std::fs::create_dir(&profiles).unwrap();
    let file = profiles.join("paperboat.toml");
    let data = folder.path().join("data");
    let serve = || {
        let mut serve = provlog();
        serve.args(["serve", "--listen", "127.0.0.1:0", "--data"]).arg(&data);
        serve.arg("--profiles").arg(&profiles);
        serve
    };
    std::fs::write(&file, PROFILE.replace("\"userName\"", "\"userName\", \"berth\"")).unwrap();
    let output = run(&mut serve());
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let expected =
        format!("provlog: {}:5: berth: no schema has this attribute for a User\n", file.display());
    assert_eq!(String::from_utf8_lossy(&output.stderr), expected);
    assert!(!data.exists(), "nothing was opened");

    std::fs::write(&file, PROFILE).unwrap();
    let folder = profiles.to_str().unwrap();
    let server = Server::start_with(&data, &["--profiles", folder], &[]).unwrap();
    let body = json!({"application": "boat", "profile": "paperboat"});
    assert_eq!(server.admin().post("/api/v1/apps", &body).status, 201);
    let listed = server.admin().get("/api/v1/profiles").body;
    let rows = listed["rows"].as_array().unwrap();
    let names: Vec<_> = rows.iter().map(|row| row["profile"].as_str().unwrap()).collect();
    let expected = ["generic", "hootsuite", "howspace", "hoxhunt", "jostle", "paperboat", "strict"];
    assert_eq!((names.as_slice(), &listed["rowCount"]), (expected.as_slice(), &json!(7)));
    server.stop();
    // Without the file, events would be flagged differently, so the start is refused.
    let Err(refused) = Server::start_with(&data, &[], &[]) else { panic!("it started") };
    assert!(refused.contains("the application boat uses the profile paperboat"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_tokens_work_during_a_rotation_and_the_old_one_not_after() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), at("2026-11-20")).await;
    let app = App::add(&server, "boat", "generic").await;
    let body = json!({"role": "scim", "application": "boat"});
    let second = server.admin("POST", "/api/v1/tokens", &body).await;
    assert_eq!(second.status, 201);
    let third = server.admin("POST", "/api/v1/tokens", &body).await;
    assert_eq!((third.status, &third.body["type"]), (409, &json!("/problems/two-tokens")));
    let new = second.body["token"].as_str().unwrap();
    let works = async |token: &str| {
        server.send("GET", "/apps/boat/scim/v2/Users", token, &Value::Null).await.status
    };
    assert_eq!((works(&app.token).await, works(new).await), (200, 200));

    let listed = server.admin("GET", "/api/v1/tokens", &Value::Null).await.body;
    let rows = listed["rows"].as_array().unwrap();
    let old = rows.iter().find(|row| row["application"] == "boat").unwrap()["id"].as_str().unwrap();
    let path = format!("/api/v1/tokens/{old}");
    let revoked = server.admin("DELETE", &path, &Value::Null).await;
    assert_eq!(revoked.status, 200);
    assert_eq!((works(&app.token).await, works(new).await), (401, 200));
    let again = server.admin("DELETE", &path, &Value::Null).await;
    assert_eq!(again.body["revokedSeq"], revoked.body["revokedSeq"], "nothing more was recorded");
    // The slot of the revoked token is free again.
    assert_eq!(server.admin("POST", "/api/v1/tokens", &body).await.status, 201);
    let own = server.admin("DELETE", "/api/v1/tokens/1", &Value::Null).await;
    assert_eq!((own.status, &own.body["type"]), (409, &json!("/problems/last-admin")));
    for unknown in ["99", "x", "-1"] {
        let path = format!("/api/v1/tokens/{unknown}");
        assert_eq!(server.admin("DELETE", &path, &Value::Null).await.status, 404);
    }
    let auditor = server.admin("POST", "/api/v1/tokens", &json!({"role": "auditor"})).await;
    let auditor = auditor.body["token"].as_str().unwrap();
    for (method, path) in [("GET", "/api/v1/tokens"), ("DELETE", "/api/v1/tokens/2")] {
        assert_eq!(server.send(method, path, auditor, &Value::Null).await.status, 403);
    }
    server.close().await;
}
