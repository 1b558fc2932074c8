//! What admins configure, and who can see that they did: the log of it, tokens with an end, privileged
//! groups, saved questions.

use event::Timestamp;
use serde_json::{Value, json};

use crate::harness::in_process::{Answer, InProcess, START};
use crate::harness::server::Server;

const SECOND: i64 = 1_000_000;

struct World {
    server: InProcess,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let server = InProcess::open(&folder.path().join("data"), START).await;
        World { server, _folder: folder }
    }

    fn pass(&self, micros: i64) {
        let now = self.server.clock.now();
        self.server.clock.set(Timestamp(now.0 + micros));
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.server.admin("GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    async fn get_as(&self, path: &str, token: &str) -> Answer {
        self.server.send("GET", path, token, &Value::Null).await
    }

    async fn change(&self, method: &str, path: &str, body: Value, status: u16) -> Value {
        let answer = self.server.admin(method, path, &body).await;
        assert_eq!(answer.status, status, "{method} {path}: {answer:?}");
        answer.body
    }

    async fn token(&self, body: Value) -> (String, String) {
        let issued = self.change("POST", "/api/v1/tokens", body, 201).await;
        let text = |name: &str| issued[name].as_str().unwrap().to_owned();
        (text("token"), text("id"))
    }
}

/// What a row says, in short.
fn told(row: &Value) -> (&str, &str, Value, Value, Value, Value) {
    let text = |name: &str| row[name].as_str().unwrap();
    let value = |name: &str| row[name].clone();
    (
        text("kind"),
        text("change"),
        value("application"),
        value("subject"),
        value("oldValue"),
        value("newValue"),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn every_change_of_the_configuration_is_told_with_what_was_before() {
    let world = World::new().await;
    let boat = world.server.add_app("boat").await;
    world.server.add_app("kite").await;
    let group = json!({"displayName": "Crew"});
    let group = world.server.send("POST", "/apps/boat/scim/v2/Groups", &boat, &group).await.body;
    let operation = world.get("/api/v1/operations").await["rows"][0]["seq"].clone();
    let principal = |id: Value| json!({"servicePrincipal": id});
    world.change("PATCH", "/api/v1/apps/boat", principal(json!("sp-1")), 200).await;
    world.change("PATCH", "/api/v1/apps/boat", principal(json!("sp-2")), 200).await;
    world.change("PATCH", "/api/v1/apps/boat", principal(Value::Null), 200).await;
    let named = json!({"role": "auditor", "name": "yearly audit", "expires": "90d"});
    let (_, id) = world.token(named).await;
    world.change("DELETE", &format!("/api/v1/tokens/{id}"), Value::Null, 200).await;
    let evidence = format!("/api/v1/operations/{operation}/evidence");
    world.change("POST", &evidence, json!({"kind": "ticket", "ref": "T-1"}), 201).await;
    let upload = "/api/v1/reference-lists?name=staff";
    for csv in ["userName\nmira\n", "userName\nmira\nole\n"] {
        assert_eq!(world.server.admin_text("POST", upload, csv).await.status, 201);
    }
    let mark = "/api/v1/apps/boat/groups/displayName:Crew/privileged";
    world.change("POST", mark, Value::Null, 200).await;
    world.change("DELETE", mark, Value::Null, 200).await;
    let question = json!({"name": "failed", "question": "/api/v1/operations?status=failure"});
    world.change("POST", "/api/v1/saved-questions", question, 201).await;
    let other = json!({"name": "failed", "question": "/api/v1/apps/boat/groups"});
    world.change("POST", "/api/v1/saved-questions", other, 201).await;
    world.change("DELETE", "/api/v1/saved-questions/failed", Value::Null, 200).await;

    let log = world.get("/api/v1/configuration-log").await;
    let rows = log["rows"].as_array().unwrap();
    let found: Vec<_> = rows.iter().rev().map(told).collect();
    let expires = (START.0 + 90 * 86_400 * SECOND) as u64;
    let expires = Timestamp(expires as i64).to_string();
    let profile = &rows[rows.len() - 2]["newValue"]["profileSha256"];
    assert_eq!(profile.as_str().unwrap().len(), 64);
    let application = json!({"profile": "generic", "profileSha256": profile, "settings": {}});
    let scim = json!({"role": "scim", "name": null, "expiresAt": null});
    let admin = json!({"role": "admin", "name": "made by the first start", "expiresAt": null});
    let auditor = json!({"role": "auditor", "name": "yearly audit", "expiresAt": expires});
    let list = |row: usize, people: u32| json!({"rows": people, "sha256": rows[rows.len() - 1 - row]["newValue"]["sha256"]});
    let (none, boat, kite) = (Value::Null, json!("boat"), json!("kite"));
    let privileged = json!({"privileged": true});
    let service = |id: &str| json!({"servicePrincipal": id});
    let asks = |question: &str| json!({"question": question});
    let (failure, groups) =
        (asks("/api/v1/operations?status=failure"), asks("/api/v1/apps/boat/groups"));
    let staff = || json!("staff");
    let failed = || json!("failed");
    let n = || none.clone();
    let expected = vec![
        ("token", "added", n(), json!("1"), n(), admin),
        ("application", "added", boat.clone(), n(), n(), application.clone()),
        ("token", "added", boat.clone(), json!("2"), n(), scim.clone()),
        ("application", "added", kite.clone(), n(), n(), application),
        ("token", "added", kite, json!("3"), n(), scim),
        ("servicePrincipal", "added", boat.clone(), n(), n(), service("sp-1")),
        ("servicePrincipal", "changed", boat.clone(), n(), service("sp-1"), service("sp-2")),
        ("servicePrincipal", "removed", boat.clone(), n(), service("sp-2"), n()),
        ("token", "added", n(), json!(id), n(), auditor.clone()),
        ("token", "removed", n(), json!(id), auditor, n()),
        (
            "evidence",
            "added",
            boat.clone(),
            json!(operation.to_string()),
            n(),
            json!({"kind": "ticket", "ref": "T-1", "url": null, "approvedBy": null,
                   "approvedAt": null}),
        ),
        ("referenceList", "added", n(), staff(), n(), list(11, 1)),
        ("referenceList", "changed", n(), staff(), list(11, 1), list(12, 2)),
        ("privilegedGroup", "added", boat.clone(), group["id"].clone(), n(), privileged.clone()),
        ("privilegedGroup", "removed", boat.clone(), group["id"].clone(), privileged, n()),
        ("savedQuestion", "added", n(), failed(), n(), failure.clone()),
        ("savedQuestion", "changed", boat.clone(), failed(), failure, groups.clone()),
        ("savedQuestion", "removed", boat.clone(), failed(), groups, n()),
    ];
    assert_eq!(found, expected);
    assert_eq!(log["rowCount"], expected.len());
    // The one that nobody asked for, and those of the admin.
    assert_eq!(rows[rows.len() - 1]["actorId"], Value::Null);
    assert!(rows[..rows.len() - 1].iter().all(|row| row["actorId"] == "1"), "{rows:?}");
    assert_eq!(rows[0]["actorName"], "made by the first start");
    let marked = rows.iter().find(|row| row["kind"] == "privilegedGroup").unwrap();
    assert_eq!(marked["subjectName"], "Crew");

    // By kind, by application, by token, in pages, and as it was known.
    let count = async |path: &str| world.get(path).await["rowCount"].as_u64().unwrap();
    let of = |query: &str| format!("/api/v1/configuration-log?{query}");
    assert_eq!(count(&of("kind=token")).await, 5);
    assert_eq!(count(&of("app=kite")).await, 2);
    assert_eq!(count(&of("credential=1")).await, 17);
    assert_eq!(count(&of("credential=3")).await, 0);
    let first = world.get(&of("limit=5")).await;
    let second = format!("limit=5&cursor={}", first["next"].as_str().unwrap());
    assert_eq!(world.get(&of(&second)).await["rows"], json!(rows[5..10]));
    let known = rows[3]["seq"].as_u64().unwrap();
    assert_eq!(world.get(&of(&format!("knownAt={known}"))).await["rows"], json!(rows[3..]));

    // An auditor of one application sees its own, and not what another's question was.
    let (auditor, _) = world.token(json!({"role": "app-auditor", "application": "boat"})).await;
    let own = world.get_as("/api/v1/configuration-log", &auditor).await.body;
    let own = own["rows"].as_array().unwrap();
    assert!(own.iter().all(|row| row["application"] == "boat"), "{own:?}");
    assert!(own.iter().all(|row| row["actorName"] == n()), "{own:?}");
    let replaced = own.iter().find(|row| row["kind"] == "savedQuestion" && row["newValue"] != n());
    assert_eq!(replaced.unwrap()["oldValue"], Value::Null);
    world.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_refused_from_its_end_on() {
    let world = World::new().await;
    world.server.add_app("boat").await;
    let scim = json!({"role": "scim", "application": "boat", "expires": "2m", "name": "for tests"});
    let (scim, scim_id) = world.token(scim).await;
    let (admin, admin_id) = world.token(json!({"role": "admin", "expires": "2m"})).await;
    let users = "/apps/boat/scim/v2/Users";
    // Twice, so that the second is known already.
    for _ in 0..2 {
        assert_eq!(world.get_as(users, &scim).await.status, 200);
        assert_eq!(world.get_as("/api/v1/apps", &admin).await.status, 200);
    }
    let valid = async |id: &str| {
        let rows = world.get("/api/v1/tokens").await["rows"].as_array().unwrap().clone();
        rows.into_iter().find(|row| row["id"] == id).unwrap()
    };
    let row = valid(&scim_id).await;
    assert_eq!((&row["valid"], &row["name"]), (&json!(true), &json!("for tests")));
    assert_eq!(row["addedBy"], "1");
    assert_eq!(row["expiresAt"], Timestamp(START.0 + 120 * SECOND).to_string());
    world.pass(120 * SECOND - 1);
    assert_eq!(world.get_as(users, &scim).await.status, 200);
    let last = world.get(&format!("/api/v1/operations?credential={scim_id}")).await;
    assert_eq!(valid(&scim_id).await["lastUsedSeq"], last["rows"][0]["seq"]);
    let asked = world.get(&format!("/api/v1/access-log?credential={admin_id}")).await;
    assert_eq!(valid(&admin_id).await["lastUsedSeq"], asked["rows"][0]["seq"]);

    world.pass(1);
    assert_eq!(world.get_as(users, &scim).await.status, 401);
    assert_eq!(world.get_as("/api/v1/apps", &admin).await.status, 401);
    let new = json!({"role": "auditor"});
    assert_eq!(world.server.send("POST", "/api/v1/tokens", &admin, &new).await.status, 401);
    assert_eq!(valid(&scim_id).await["valid"], false);
    // It is none of the two that an application may have.
    world.token(json!({"role": "scim", "application": "boat"})).await;

    for (expires, words) in [
        ("soon", "`expires` takes"),
        ("-1d", "`expires` takes"),
        ("", "`expires` takes"),
        ("0s", "not in the future"),
        ("2026-03-01", "not in the future"),
        ("99999999999w", "after the year 9999"),
    ] {
        let body = json!({"role": "auditor", "expires": expires});
        let refused = world.change("POST", "/api/v1/tokens", body, 400).await;
        let detail = refused["detail"].as_str().unwrap();
        assert!(detail.contains(words), "{expires}: {detail}");
    }
    let long = json!({"role": "auditor", "name": "n".repeat(129)});
    world.change("POST", "/api/v1/tokens", long, 400).await;
    let secret = json!({"role": "auditor", "name": format!("plg_{:064x}", 7)});
    world.change("POST", "/api/v1/tokens", secret, 400).await;
    world.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_that_expired_is_none_that_is_left() {
    let world = World::new().await;
    let (_, other) = world.token(json!({"role": "admin", "expires": "1h"})).await;
    let revoke = async |id: &str| {
        let answer =
            world.server.admin("DELETE", &format!("/api/v1/tokens/{id}"), &Value::Null).await;
        (answer.status, answer.body["type"].clone())
    };
    // It is the token that asks, and not the last.
    assert_eq!(revoke("1").await, (409, json!("/problems/token-in-use")));
    world.pass(3_600 * SECOND);
    assert_eq!(revoke("1").await, (409, json!("/problems/last-admin")));
    assert_eq!(revoke(&other).await.0, 200, "what has expired can be revoked");
    world.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_group_that_exists_is_marked_and_the_last_mark_is_told() {
    let world = World::new().await;
    let boat = world.server.add_app("boat").await;
    let crew = json!({"displayName": "Crew"});
    let made = world.server.send("POST", "/apps/boat/scim/v2/Groups", &boat, &crew).await;
    let id = made.body["id"].as_str().unwrap();
    let path = format!("/api/v1/apps/boat/groups/{id}/privileged");
    let never = world.change("DELETE", &path, Value::Null, 200).await;
    assert_eq!((&never["privileged"], &never["seq"]), (&json!(false), &Value::Null));
    let marked = world.change("POST", &path, Value::Null, 200).await;
    assert_eq!(world.change("POST", &path, Value::Null, 200).await, marked);
    let taken = world.change("DELETE", &path, Value::Null, 200).await;
    assert!(taken["seq"].as_u64() > marked["seq"].as_u64(), "{taken}");
    assert_eq!(world.change("DELETE", &path, Value::Null, 200).await, taken);
    let group = format!("/apps/boat/scim/v2/Groups/{id}");
    assert_eq!(world.server.send("DELETE", &group, &boat, &Value::Null).await.status, 204);
    let refused = world.change("POST", &path, Value::Null, 404).await;
    assert!(refused["detail"].as_str().unwrap().contains("was deleted"), "{refused}");
    world.server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_is_saved_without_its_page_and_a_refused_one_is_on_record() {
    let world = World::new().await;
    world.server.add_app("boat").await;
    let save = async |question: &str, status: u16| {
        let body = json!({"name": "weekly", "question": question});
        world.change("POST", "/api/v1/saved-questions", body, status).await
    };
    let saved = save("/api/v1/operations?limit=3&status=failure&cursor=x", 201).await;
    assert_eq!(saved["question"], "/api/v1/operations?status=failure");
    assert_eq!(save("/api/v1/apps?limit=3", 201).await["question"], "/api/v1/apps");
    for odd in ["/api/v1/apps#x", "/api/v1/nothing", "https://other.example/api/v1/apps", ""] {
        save(odd, 400).await;
    }
    let question = "/api/v1/apps/boat/users/userName:mira/timeline";
    save(question, 404).await;
    let asked = &world.get("/api/v1/access-log?limit=1").await["rows"][0];
    assert_eq!((&asked["target"], &asked["status"]), (&json!(question), &json!(404)));
    assert_eq!(asked["route"], "/api/v1/saved-questions");
    world.server.close().await;
}

#[test]
fn a_profile_that_a_start_finds_changed_is_on_record() {
    let folder = tempfile::tempdir().unwrap();
    let (data, profiles) = (folder.path().join("data"), folder.path().join("profiles"));
    std::fs::create_dir(&profiles).unwrap();
    let write = |title: &str| {
        let text = format!(
            "name = \"paperboat\"\ntitle = \"{title}\"\n\n[[versions]]\n[versions.users]\n"
        );
        std::fs::write(profiles.join("paperboat.toml"), text).unwrap();
    };
    let start = || {
        let arguments = ["--profiles", profiles.to_str().unwrap()];
        Server::start_with(&data, &arguments, &[]).unwrap()
    };
    let rows = |server: &Server| server.admin().rows("/api/v1/configuration-log?kind=profile");
    write("Paperboat");
    let server = start();
    let added = json!({"application": "boat", "profile": "paperboat"});
    assert_eq!(server.admin().post("/api/v1/apps", &added).status, 201);
    assert_eq!(rows(&server), Vec::<Value>::new());
    server.stop();
    let server = start();
    assert_eq!(rows(&server), Vec::<Value>::new(), "it is what it was");
    server.stop();
    write("Paperboat 2");
    let server = start();
    let found = rows(&server);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["change"], &found[0]["actorId"]), (&json!("changed"), &Value::Null));
    assert_ne!(found[0]["oldValue"], found[0]["newValue"]);
    let first = found[0]["newValue"].clone();
    server.stop();
    write("Paperboat 3");
    let server = start();
    let found = rows(&server);
    assert_eq!((found.len(), &found[0]["oldValue"]), (2, &first));
    server.stop();
}

#[test]
fn a_saved_question_is_asked_as_its_command_asks_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let server = Server::start(&data);
    let boat = server.add_app("boat");
    let mira = boat.post("/Users", &json!({"userName": "mira"})).id();
    let crew = json!({"displayName": "Crew & Co", "members": [{"value": mira}]});
    assert_eq!(boat.post("/Groups", &crew).status, 201);
    let ask = |words: &[&str], code: i32| {
        let output = server.command(words);
        assert_eq!(output.status.code(), Some(code), "{words:?}: {output:?}");
        let text = if code == 0 { output.stdout } else { output.stderr };
        String::from_utf8(text).unwrap()
    };
    let question = ["members", "--app", "boat", "Crew & Co", "--nested"];
    let saved = [&["saved", "add", "crew"], question.as_slice()].concat();
    assert!(ask(&saved, 0).starts_with("Question crew is saved (event "));
    // The instant and the event that an answer stands on move with every question.
    let lasting = |text: String| text.split_once('\n').unwrap().1.to_owned();
    assert_eq!(lasting(ask(&["saved", "ask", "crew"], 0)), lasting(ask(&question, 0)));
    let csv = |words: &[&str]| {
        let text = ask(&[words, &["--csv"]].concat(), 0);
        text.lines().map(|line| line.splitn(3, ',').last().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(csv(&["saved", "ask", "crew"]), csv(&question));
    let user = ["user", "--app", "boat", "mira", "--include-groups"];
    ask(&[&["saved", "add", "mira"], user.as_slice()].concat(), 0);
    assert_eq!(lasting(ask(&["saved", "ask", "mira"], 0)), lasting(ask(&user, 0)));

    let list = ask(&["saved", "list"], 0);
    assert!(list.contains("crew") && list.contains("mira") && list.contains("2 rows"), "{list}");
    let refused = ask(&["saved", "add", "odd", "members", "--app", "boat", "Nobody"], 2);
    assert!(refused.contains("no event has a resource of that"), "{refused}");
    let refused = ask(&["saved", "add", "odd", "serve"], 2);
    assert!(refused.starts_with("provlog: the question cannot be saved: "), "{refused}");
    ask(&["saved", "remove", "crew"], 0);
    assert!(ask(&["saved", "ask", "crew"], 2).contains("no question is saved under that name"));
    assert!(ask(&["privileged", "add", "Crew & Co", "--app", "boat"], 0).contains("is privileged"));
    assert!(ask(&question, 0).starts_with("Direct and indirect members of Crew & Co (privileged)"));
    let list = ask(&["privileged", "list"], 0);
    assert!(list.contains("Crew & Co") && list.contains("1 row"), "{list}");
    let gone = ask(&["privileged", "remove", "Crew & Co", "--app", "boat"], 0);
    assert!(gone.starts_with("Group Crew & Co is not privileged (event "), "{gone}");
    server.stop();
}
