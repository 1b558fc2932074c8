//! What the answers of a proxied application mean: the record never claims more than they show.

use std::path::Path;

use event::Stopwatch;
use serde_json::{Value, json};

use crate::harness::server::{Answer, Client, Server, group, user};
use crate::harness::stub::{Reply, Request, Stub};

/// A recorder in front of a stub application.
pub struct Proxied {
    pub server: Server,
    pub app: Client,
    pub stub: Stub,
}

/// No read-back within the time of a test.
pub const NEVER: &str = "86400000";

impl Proxied {
    /// `after` gives the delays of read-backs.
    pub fn start(
        folder: &Path,
        after: &str,
        answers: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Proxied {
        let stub = Stub::start(answers);
        let flags = ["--read-back-after-ms", after];
        let server = Server::start_with(&folder.join("recorder"), &flags, &[]).unwrap();
        let file = folder.join("app.token");
        std::fs::write(&file, "any").unwrap();
        let upstream = json!({"url": stub.url, "tokenFile": file});
        let new = json!({"application": "boat", "upstream": upstream});
        let added = server.admin().post("/api/v1/apps", &new);
        assert_eq!(added.status, 201, "{}", added.text);
        let text = |name: &str| added.body[name].as_str().unwrap().to_owned();
        let app = Client::new(&text("tenantUrl"), &text("secretToken"));
        Proxied { server, app, stub }
    }

    pub fn ask(&self, path: &str) -> Value {
        let answer = self.server.admin().get(&format!("/api/v1/{path}"));
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.body
    }

    pub fn rows(&self, path: &str) -> Vec<Value> {
        self.server.admin().rows(&format!("/api/v1/{path}"))
    }

    pub fn user(&self, id: &str) -> Value {
        self.ask(&format!("apps/boat/users/{id}"))
    }

    /// The newest write that was recorded.
    pub fn last_write(&self) -> Value {
        let rows = self.rows("operations?app=boat");
        let is_write = |row: &&Value| {
            let operation = row["operation"].as_str().unwrap();
            !operation.starts_with("GET ") && !operation.starts_with("observation")
        };
        rows.iter().find(is_write).unwrap().clone()
    }

    pub fn observations(&self) -> Vec<Value> {
        let mut rows = self.rows("operations?app=boat");
        rows.retain(|row| row["operation"].as_str().unwrap().starts_with("observation"));
        rows
    }

    /// The observation that settled an operation; waits for it.
    pub fn settled(&self, operation: &Value) -> Value {
        let seq = operation["seq"].as_u64().unwrap();
        let watch = Stopwatch::start();
        loop {
            let settled = self.ask(&format!("operations/{seq}"))["resource"]["settled"].clone();
            if !settled.is_null() {
                return settled;
            }
            assert!(watch.elapsed().as_secs() < 30, "it stays in doubt: {operation}");
            std::thread::yield_now();
        }
    }

    pub fn baseline(&self) -> Answer {
        self.server.admin().post("/api/v1/apps/boat/baseline", &json!({}))
    }
}

pub fn mira() -> Value {
    json!({"id": "u1", "userName": "mira@fjord.example", "active": true})
}

pub fn list(resources: &[Value]) -> Value {
    json!({"totalResults": resources.len(), "Resources": resources})
}

/// An application with Mira that answers reads correctly, and writes with `reply`.
fn with_mira(reply: Reply) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    move |request| match (request.method.as_str(), request.target.as_str()) {
        ("GET", "/Users/u1") => Reply::json(200, &mira()),
        ("GET", target) if target.starts_with("/Users") => Reply::json(200, &list(&[mira()])),
        ("GET", _) => Reply::json(200, &list(&[])),
        _ => reply.clone(),
    }
}

fn switch_off() -> Value {
    json!([{"op": "replace", "path": "active", "value": false}])
}

/// Answers that neither confirm nor refuse, or are about something else.
fn inconclusive_replies() -> Vec<Reply> {
    let to = "https://login.example/";
    let mut replies: Vec<Reply> =
        [301, 302, 303, 307, 308].map(|status| Reply::empty(status).with("Location", to)).into();
    replies.extend([300, 304].map(Reply::empty));
    replies.push(Reply::text(200, "text/html", "<html>Sign in</html>"));
    replies.push(Reply::text(200, "text/plain", "OK"));
    let other = json!({"id": "u2", "userName": "ole@fjord.example"});
    let message = json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"]});
    let odd = json!({"id": "u1", "error": "no licence"});
    for body in [json!({"status": "error"}), json!([]), json!("done"), other, message, odd] {
        replies.push(Reply::json(200, &body));
    }
    replies
}

#[test]
fn an_inconclusive_answer_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, with_mira(Reply::empty(500)));
    assert_eq!(proxied.baseline().status, 200);
    let put = json!({"userName": "mira@fjord.example", "active": false});
    for reply in inconclusive_replies() {
        proxied.stub.answer(with_mira(reply.clone()));
        for method in ["DELETE", "PATCH", "PUT"] {
            let answer = match method {
                "DELETE" => proxied.app.delete("/Users/u1"),
                "PATCH" => proxied.app.patch("/Users/u1", &switch_off()),
                _ => proxied.app.put("/Users/u1", &put),
            };
            assert!(answer.status < 400, "{reply:?}");
            let row = proxied.last_write();
            assert_eq!(row["effect"], "unverified", "{method} {reply:?}");
            let expected = if answer.status < 300 { "success" } else { "failure" };
            assert_eq!(row["status"], expected, "{method} {reply:?}");
            assert_ne!(row["action"], "disable", "nothing shows that it did: {reply:?}");
        }
        let now = proxied.user("u1");
        assert_eq!((&now["exists"], &now["resource"]["active"]), (&json!("yes"), &json!(true)));
        assert_eq!(now["coverage"]["state"], "partial", "{now}");
    }
    assert_eq!(proxied.rows("reports/leavers?app=boat"), [] as [Value; 0]);
    let seen = proxied.stub.seen();
    assert!(!seen.iter().any(|one| one.contains("login")), "a redirect was followed: {seen:?}");
    // The next read shows the state and settles all of them.
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    let now = proxied.user("u1");
    assert_eq!((&now["exists"], &now["coverage"]["state"]), (&json!("yes"), &json!("complete")));
    assert_eq!(proxied.settled(&proxied.last_write())["verdict"], "contradicted");
}

#[test]
fn a_202_is_not_confirmation() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, with_mira(Reply::empty(202)));
    assert_eq!(proxied.baseline().status, 200);
    assert_eq!(proxied.app.delete("/Users/u1").status, 202);
    assert_eq!(proxied.last_write()["effect"], "unverified");
    assert_eq!(proxied.user("u1")["exists"], "yes");
    assert_eq!(proxied.app.patch("/Users/u1", &switch_off()).status, 202);
    let row = proxied.last_write();
    assert_eq!((&row["effect"], &row["action"]), (&json!("unverified"), &json!("disable")));
    let now = proxied.user("u1");
    assert_eq!(
        (&now["resource"]["active"], &now["coverage"]["state"]),
        (&json!(false), &json!("partial"))
    );
    // It was not carried out after all.
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    let settled = proxied.settled(&row);
    assert_eq!(settled["verdict"], "contradicted");
    let now = proxied.user("u1");
    assert_eq!(
        (&now["resource"]["active"], &now["coverage"]["state"]),
        (&json!(true), &json!("complete"))
    );
    let then = format!("apps/boat/users/u1?at={}", row["recordedAt"].as_str().unwrap());
    assert_eq!(proxied.ask(&then)["coverage"]["state"], "partial", "it was taken to be done");
}

#[test]
fn a_create_answered_with_only_an_id_is_settled_by_the_first_read() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, |_| Reply::empty(500));
    let there = |id: &str, name: &str| json!({"id": id, "userName": name, "active": true});
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    let own = json!({"id": "u-b", "schemas": [schema], "meta": {"resourceType": "User"}});
    let location = format!("{}/Users/u-c", proxied.stub.url);
    let replies = [
        ("u-a", Reply::json(201, &json!({"id": "u-a"}))),
        ("u-b", Reply::json(200, &own)),
        ("u-c", Reply::empty(201).with("Location", &location)),
        ("u-d", Reply::json(202, &there("u-d", "u-d@fjord.example"))),
    ];
    for (id, reply) in replies {
        let name = format!("{id}@fjord.example");
        // The provider looks the name up first, so it is mentioned.
        proxied.stub.answer(|_| Reply::json(200, &list(&[])));
        proxied.app.get(&format!("/Users?filter=userName%20eq%20%22{id}%40fjord.example%22"));
        proxied.stub.answer(move |_| reply.clone());
        let status = proxied.app.post("/Users", &user(&name)).status;
        assert!((200..300).contains(&status));
        let row = proxied.last_write();
        assert_eq!(row["effect"], "unverified", "{id}");
        assert_eq!(
            proxied.rows("apps/boat/users").iter().filter(|row| row["userId"] == id).count(),
            0
        );
        let shown = there(id, &name);
        proxied.stub.answer(move |_| Reply::json(200, &shown));
        assert_eq!(proxied.app.get(&format!("/Users/{id}")).status, 200);
        assert_eq!(proxied.settled(&row)["verdict"], "confirmed", "{id}");
        let causes = proxied.rows(&format!("apps/boat/users/{id}/blame"));
        assert!(!causes.is_empty());
        for cause in &causes {
            assert_eq!(
                (&cause["setSeq"], &cause["operation"]),
                (&row["seq"], &json!("POST User")),
                "{cause}"
            );
        }
        assert_eq!(proxied.user(id)["coverage"]["state"], "complete");
    }
}

#[test]
fn a_deletion_that_only_deactivated_is_contradicted() {
    let folder = tempfile::tempdir().unwrap();
    let there = |active: bool| {
        let mut mira = mira();
        mira["active"] = json!(active);
        let crew = json!({"id": "g1", "displayName": "Crew", "members": [{"value": "u1"}]});
        move |request: &Request| match (request.method.as_str(), request.target.as_str()) {
            ("GET", "/Users/u1") => Reply::json(200, &mira),
            ("GET", "/Groups/g1") => Reply::json(200, &crew),
            ("GET", target) if target.starts_with("/Users") => {
                Reply::json(200, &list(std::slice::from_ref(&mira)))
            }
            ("GET", _) => Reply::json(200, &list(std::slice::from_ref(&crew))),
            _ => Reply::empty(204),
        }
    };
    let proxied = Proxied::start(folder.path(), NEVER, there(true));
    assert_eq!(proxied.baseline().status, 200);
    let began = proxied.rows("operations?app=boat")[0]["recordedAt"].as_str().unwrap().to_owned();
    let members = || proxied.rows("apps/boat/groups/g1/members");
    assert_eq!(members().len(), 1);
    proxied.stub.answer(there(false));
    assert_eq!(proxied.app.delete("/Users/u1").status, 204);
    let row = proxied.last_write();
    assert_eq!(
        (&row["effect"], &proxied.user("u1")["exists"]),
        (&json!("applied"), &json!("deleted"))
    );
    assert_eq!(members().len(), 0);
    let known = row["recordedAt"].as_str().unwrap();
    let question = format!("apps/boat/users/u1?at={known}&knownAt={known}");
    let before = proxied.ask(&question);

    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    assert_eq!(proxied.settled(&row)["verdict"], "contradicted");
    let now = proxied.user("u1");
    assert_eq!((&now["exists"], &now["resource"]["active"]), (&json!("yes"), &json!(false)));
    let users = proxied.rows("apps/boat/users");
    assert_eq!(users.len(), 1, "the same account: {users:?}");
    assert_eq!(members().len(), 1, "what followed from the deletion did not happen either");
    assert_eq!(proxied.observations()[0]["action"], "disable");
    let joiners = proxied.rows(&format!("reports/joiners?app=boat&from={began}"));
    assert!(
        joiners.iter().all(|row| row["seq"] != proxied.observations()[0]["seq"]),
        "{joiners:?}"
    );
    let leavers = proxied.rows(&format!("reports/leavers?app=boat&from={began}"));
    assert_eq!(leavers.len(), 1);
    assert_eq!(leavers[0]["how"], "deactivated", "{leavers:?}");
    // An answer pinned to that time stays the same.
    let after = proxied.ask(&question);
    for name in ["resource", "exists", "rowCount", "atSeq", "coverage"] {
        assert_eq!(after[name], before[name], "{name}");
    }
    let then = format!("apps/boat/users/u1?at={known}");
    assert_eq!(proxied.ask(&then)["coverage"]["state"], "partial", "it was wrong then");
    assert_eq!(now["coverage"]["state"], "complete");

    proxied.stub.answer(there(true));
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    let back = proxied.rows(&format!("reports/reactivated?app=boat&from={began}"));
    assert_eq!(back.len(), 1, "switched on again: {back:?}");
}

#[test]
fn a_contradicted_deletion_is_neither_leaver_nor_joiner() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, with_mira(Reply::empty(204)));
    assert_eq!(proxied.baseline().status, 200);
    let began = proxied.rows("operations?app=boat")[0]["recordedAt"].as_str().unwrap().to_owned();
    assert_eq!(proxied.app.delete("/Users/u1").status, 204);
    let report = |name: &str| proxied.rows(&format!("reports/{name}?app=boat&from={began}")).len();
    assert_eq!(proxied.user("u1")["exists"], "deleted");
    assert_eq!((report("leavers"), report("reactivated")), (1, 0), "as it was acknowledged");
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    assert_eq!(proxied.user("u1")["exists"], "yes");
    assert_eq!((report("leavers"), report("reactivated")), (0, 0));
}

#[test]
fn an_id_keeps_its_number_and_old_answers_stay() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, with_mira(Reply::empty(500)));
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    proxied.stub.answer(|_| Reply::error(404));
    assert_eq!(proxied.app.get("/Users/u1").status, 404);
    assert_eq!(proxied.user("u1")["exists"], "deleted");
    let known = proxied.observations()[0]["recordedAt"].as_str().unwrap().to_owned();
    let questions = [
        format!("apps/boat/users/u1?at={known}&knownAt={known}"),
        format!("apps/boat/users/u1/timeline?knownAt={known}"),
        format!("apps/boat/users?at={known}&knownAt={known}"),
        format!("apps/boat/users/userName:mira@fjord.example?at={known}&knownAt={known}"),
    ];
    let before: Vec<Value> = questions.iter().map(|one| proxied.ask(one)).collect();
    proxied.stub.answer(with_mira(Reply::empty(500)));
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    assert_eq!(proxied.user("u1")["exists"], "yes");
    for (question, before) in questions.iter().zip(before) {
        let after = proxied.ask(question);
        for name in ["resource", "rows", "exists", "rowCount", "atSeq", "coverage"] {
            assert_eq!(after[name], before[name], "{name} of {question}");
        }
    }
    assert_eq!(proxied.rows("apps/boat/users").len(), 1);
    // Deleted and restored again, it keeps its number.
    proxied.stub.answer(|_| Reply::error(404));
    assert_eq!(proxied.app.get("/Users/u1").status, 404);
    proxied.stub.answer(with_mira(Reply::empty(500)));
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    assert_eq!(proxied.user("userName:mira@fjord.example")["exists"], "yes");
    assert_eq!(proxied.rows("reports/joiners?app=boat").len(), 1, "who came back did not come");
    let rebuilt = proxied.server.command(&["app", "drift", "boat"]);
    assert_eq!(rebuilt.status.code(), Some(0), "{rebuilt:?}");
}

#[test]
fn a_404_deletes_nothing_without_a_scim_error() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), "0", with_mira(Reply::empty(500)));
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    let html = Reply::text(404, "text/html", "<html>no route</html>");
    let moved = Reply::empty(302).with("Location", "https://login.example/");
    let schema = "urn:ietf:params:scim:schemas:core:2.0:User";
    for (status, reply) in [
        (404, Reply::text(404, "text/plain", "default backend - 404")),
        (404, html),
        (404, Reply::empty(404)),
        (404, Reply::json(404, &json!({"message": "no such route", "schemas": [schema]}))),
        (410, Reply::empty(410)),
        (302, moved),
        (304, Reply::empty(304)),
        (200, Reply::text(200, "text/html", "<html>Sign in</html>")),
        (200, Reply::json(200, &json!({"status": "error"}))),
        (503, Reply::empty(503)),
    ] {
        // Every request is answered like this, the list too.
        let told = reply.clone();
        proxied.stub.answer(move |_| told.clone());
        assert_eq!(proxied.app.get("/Users/u1").status, status);
        assert_eq!(proxied.user("u1")["exists"], "yes", "{reply:?}");
    }
    // A 404 without a SCIM error, confirmed by a list filtered by id.
    proxied.stub.answer(|request| match request.target.contains("filter=id") {
        true => Reply::json(200, &list(&[])),
        false => Reply::empty(404),
    });
    assert_eq!(proxied.app.get("/Users/u1").status, 404);
    while proxied.user("u1")["exists"] == "yes" {
        std::thread::yield_now();
    }
    assert_eq!(proxied.user("u1")["exists"], "deleted");
    assert_eq!(proxied.observations()[0]["operation"], "observation (read-back)");
}

#[test]
fn a_write_of_an_unknown_resource_is_settled_when_it_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, with_mira(Reply::empty(204)));
    assert_eq!(proxied.app.patch("/Users/u1", &switch_off()).status, 204);
    let row = proxied.last_write();
    assert_eq!(row["effect"], "unverified");
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    assert_eq!(proxied.settled(&row)["verdict"], "contradicted", "she is still active");
    assert_eq!(proxied.app.delete("/Users/u9").status, 204);
    let row = proxied.last_write();
    assert_eq!(row["effect"], "applied");
    proxied.stub.answer(|_| Reply::error(404));
    assert_eq!(proxied.app.get("/Users/u9").status, 404);
    assert_eq!(proxied.settled(&row)["verdict"], "confirmed");
}

/// A write is judged only by the attributes that it set.
#[test]
fn a_change_is_judged_by_the_attributes_it_set() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, with_mira(Reply::empty(204)));
    assert_eq!(proxied.baseline().status, 200);
    let title = json!([{"op": "replace", "path": "title", "value": "Mate"}]);
    let mut seen = mira();
    for (told, there, expected) in [
        (Reply::empty(204), json!("Mate"), "confirmed"),
        (Reply::none(), json!("Cook"), "contradicted"),
        (Reply::none(), json!("Mate"), "confirmed"),
    ] {
        // Another attribute changes each time as well.
        seen["nickName"] = json!(format!("{expected} {}", proxied.observations().len()));
        seen["title"] = json!("Boy");
        let before = seen.clone();
        proxied.stub.answer(move |_| Reply::json(200, &before));
        assert_eq!(proxied.app.get("/Users/u1").status, 200);
        proxied.stub.answer(with_mira(told));
        proxied.app.patch("/Users/u1", &title);
        let row = proxied.last_write();
        seen["title"] = there;
        seen["nickName"] = json!(format!("after {}", proxied.observations().len()));
        let after = seen.clone();
        proxied.stub.answer(move |_| Reply::json(200, &after));
        assert_eq!(proxied.app.get("/Users/u1").status, 200);
        assert_eq!(proxied.settled(&row)["verdict"], expected, "{row}");
    }
    // An empty lookup by name says nothing about a change.
    proxied.stub.answer(|_| Reply::none());
    proxied.app.patch("/Users/u1", &title);
    let row = proxied.last_write();
    proxied.stub.answer(|_| Reply::json(200, &list(&[])));
    proxied.app.get("/Users?filter=userName%20eq%20%22mira%40fjord.example%22");
    let whole = proxied.ask(&format!("operations/{}", row["seq"]));
    assert_eq!(whole["resource"]["settled"], Value::Null);
}

#[test]
fn why_does_not_call_an_unanswered_write_refused() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, |_| Reply::none());
    assert_eq!(proxied.app.post("/Users", &user("mira@fjord.example")).status, 504);
    let why = || proxied.ask("apps/boat/users/userName:mira@fjord.example/why")["resource"].clone();
    let state = |why: &Value, name: &str| {
        let nodes = why["nodes"].as_array().unwrap().clone();
        nodes.into_iter().find(|node| node["name"] == name).unwrap()["state"].clone()
    };
    let told = why();
    let conclusion = told["conclusion"].as_str().unwrap();
    assert!(conclusion.contains("no answer was heard"), "{conclusion}");
    assert_eq!(
        (state(&told, "answered"), state(&told, "applied")),
        (json!("unknown"), json!("unknown"))
    );
    // A read that finds nobody shows that it was not carried out.
    proxied.stub.answer(|_| Reply::json(200, &list(&[])));
    proxied.app.get("/Users?filter=userName%20eq%20%22mira%40fjord.example%22");
    let told = why();
    let conclusion = told["conclusion"].as_str().unwrap();
    assert!(conclusion.contains("had not done it"), "{conclusion}");
    assert_eq!(state(&told, "applied"), "no");
    // A 302 says nothing.
    proxied.stub.answer(|_| Reply::empty(302));
    proxied.app.post("/Users", &user("ole@fjord.example"));
    let told = proxied.ask("apps/boat/users/userName:ole@fjord.example/why")["resource"].clone();
    let conclusion = told["conclusion"].as_str().unwrap();
    assert!(conclusion.contains("302") && !conclusion.contains("refused"), "{conclusion}");
}

#[test]
fn groups_follow_the_same_rules_as_users() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, |_| Reply::json(201, &json!({"id": "g1"})));
    assert_eq!(proxied.app.post("/Groups", &group("Crew")).status, 201);
    let made = proxied.last_write();
    assert_eq!(made["effect"], "unverified");
    let crew = |members: &[&str]| {
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        let crew = json!({"id": "g1", "displayName": "Crew", "members": members});
        move |request: &Request| match request.method.as_str() {
            "GET" => Reply::json(200, &crew),
            _ => Reply::empty(204),
        }
    };
    proxied.stub.answer(crew(&[]));
    assert_eq!(proxied.app.get("/Groups/g1").status, 200);
    assert_eq!(proxied.settled(&made)["verdict"], "confirmed");
    for (there, expected) in [(&["u1", "u2"][..], "confirmed"), (&["u2"][..], "contradicted")] {
        let add = json!([{"op": "add", "path": "members", "value": [{"value": "u1"}]}]);
        assert_eq!(proxied.app.patch("/Groups/g1", &add).status, 204);
        let row = proxied.last_write();
        proxied.stub.answer(crew(there));
        // A read without members says nothing about them.
        let partial = "/Groups/g1?excludedAttributes=members";
        assert_eq!(proxied.app.get(partial).status, 200);
        let whole = proxied.ask(&format!("operations/{}", row["seq"]));
        assert_eq!(whole["resource"]["settled"], Value::Null);
        assert_eq!(proxied.app.get("/Groups/g1").status, 200);
        assert_eq!(proxied.settled(&row)["verdict"], expected);
    }
}
