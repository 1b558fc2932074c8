//! Read-backs after answers that leave a doubt, and requests that are not sent.

use std::collections::BTreeMap;
use std::io::Write;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use event::Stopwatch;
use serde_json::{Value, json};

use crate::cases::proxy_doubt::{NEVER, Proxied, list, mira};
use crate::harness::server::{Client, Server, bulk, group, patch, user};
use crate::harness::stub::{Reply, Request, Stub};

/// Attempts without delay.
const AT_ONCE: &str = "0,1,2";

/// An application with users and groups that supports ids and filters.
#[derive(Clone, Default)]
struct Fleet(Arc<Mutex<BTreeMap<String, Value>>>);

impl Fleet {
    fn put(&self, id: &str, resource: Value) {
        self.0.lock().unwrap().insert(id.to_owned(), resource);
    }

    fn read(&self, request: &Request) -> Reply {
        let all = self.0.lock().unwrap();
        let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
        let names = if path.starts_with("/Users") { "userName" } else { "displayName" };
        let of_kind = all.values().filter(|one| one.get(names).is_some());
        if let Some((_, id)) = path[1..].split_once('/') {
            return all.get(id).map_or(Reply::error(404), |one| Reply::json(200, one));
        }
        let filter = query.strip_prefix("filter=").map(|text| {
            let text = text.replace("%20", " ").replace("%22", "\"").replace("%40", "@");
            let (name, value) = text.split_once(" eq ").unwrap();
            (name.to_owned(), value.trim_matches('"').to_owned())
        });
        let fits =
            |one: &&Value| filter.as_ref().is_none_or(|(name, value)| one[name] == value.as_str());
        let page: Vec<Value> = of_kind.filter(fits).cloned().collect();
        let start = query.contains("startIndex=") && !query.contains("startIndex=1&");
        Reply::json(200, &list(if start { &[] } else { &page }))
    }
}

#[test]
fn a_write_acknowledged_without_a_body_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::default();
    fleet.put("u1", mira());
    let behind = fleet.clone();
    let proxied = Proxied::start(folder.path(), AT_ONCE, move |request| {
        match (request.method.as_str(), request.target.as_str()) {
            ("GET", _) => return behind.read(request),
            ("PATCH", "/Users/u1") => {
                let mut mira = mira();
                mira["active"] = json!(false);
                behind.put("u1", mira);
            }
            ("DELETE", "/Users/u1") => drop(behind.0.lock().unwrap().remove("u1")),
            other => panic!("{other:?}"),
        }
        Reply::empty(204)
    });
    assert_eq!(proxied.baseline().status, 200);
    let off = json!([{"op": "replace", "path": "active", "value": false}]);
    assert_eq!(proxied.app.patch("/Users/u1", &off).status, 204);
    let row = proxied.last_write();
    assert_eq!(proxied.settled(&row)["verdict"], "confirmed");
    assert_eq!(proxied.user("u1")["coverage"]["state"], "complete");
    assert_eq!(proxied.app.delete("/Users/u1").status, 204);
    let row = proxied.last_write();
    let settled = proxied.settled(&row);
    assert_eq!(settled["verdict"], "confirmed");
    let by = proxied.ask(&format!("operations/{}", settled["bySeq"]));
    assert_eq!(by["resource"]["operation"], "observation (read-back)");
    assert_eq!(by["resource"]["actorId"], Value::Null, "nobody asked for it: {by}");
    assert_eq!(proxied.user("u1")["exists"], "deleted");
}

/// A lagging replica shows the old state for a while.
#[test]
fn only_the_last_attempt_may_contradict() {
    let folder = tempfile::tempdir().unwrap();
    let reads = Arc::new(AtomicUsize::new(0));
    let late = |reads: &Arc<AtomicUsize>, until: usize| {
        let reads = Arc::clone(reads);
        reads.store(0, Ordering::SeqCst);
        move |request: &Request| match request.method.as_str() {
            "GET" if reads.fetch_add(1, Ordering::SeqCst) < until => Reply::json(200, &mira()),
            "GET" => Reply::error(404),
            _ => Reply::empty(204),
        }
    };
    let proxied = Proxied::start(folder.path(), AT_ONCE, |request| {
        let is_users = request.target.starts_with("/Users");
        Reply::json(200, &list(if is_users { std::slice::from_ref(&USER) } else { &[] }))
    });
    assert_eq!(proxied.baseline().status, 200);
    let before = proxied.observations().len();
    proxied.stub.answer(late(&reads, 2));
    assert_eq!(proxied.app.delete("/Users/u1").status, 204);
    let row = proxied.last_write();
    assert_eq!(proxied.settled(&row)["verdict"], "confirmed");
    assert_eq!(proxied.observations().len(), before + 1, "the early looks left nothing");
    assert_eq!(proxied.user("u1")["exists"], "deleted");
    assert_eq!(reads.load(Ordering::SeqCst), 3);

    // The user exists again, so a deletion that the last attempt does not confirm is contradicted.
    proxied.stub.answer(late(&reads, usize::MAX));
    assert_eq!(proxied.app.get("/Users/u1").status, 200);
    reads.store(0, Ordering::SeqCst);
    assert_eq!(proxied.app.delete("/Users/u1").status, 204);
    let row = proxied.last_write();
    assert_eq!(proxied.settled(&row)["verdict"], "contradicted");
    assert_eq!(reads.load(Ordering::SeqCst), 3);
    assert_eq!(proxied.user("u1")["exists"], "yes");
}

static USER: std::sync::LazyLock<Value> = std::sync::LazyLock::new(mira);

#[test]
fn retry_after_is_respected() {
    let folder = tempfile::tempdir().unwrap();
    let (times, watch): (Arc<Mutex<Vec<Duration>>>, _) = (Arc::default(), Stopwatch::start());
    let asked = Arc::clone(&times);
    let proxied = Proxied::start(folder.path(), AT_ONCE, move |request| {
        if request.method != "GET" {
            return Reply::empty(204);
        }
        let mut asked = asked.lock().unwrap();
        asked.push(watch.elapsed());
        match asked.len() {
            1 => Reply::empty(429).with("Retry-After", "1"),
            _ => Reply::error(404),
        }
    });
    assert_eq!(proxied.app.delete("/Users/u1").status, 204);
    assert_eq!(proxied.settled(&proxied.last_write())["verdict"], "confirmed");
    let times = times.lock().unwrap();
    assert_eq!(times.len(), 2);
    assert!((times[1] - times[0]).as_millis() >= 1_000);
}

/// Kills the recorder while a request is in flight, and restarts it.
fn killed(
    folder: &std::path::Path,
    after: &str,
    send: impl FnOnce(&Client),
    fleet: &Fleet,
    carries_out: bool,
) -> Proxied {
    let victim: Arc<Mutex<Option<Server>>> = Arc::default();
    let (behind, killing) = (fleet.clone(), Arc::clone(&victim));
    let (killed, is_killed) = std::sync::mpsc::channel();
    let Proxied { server, app, stub } = Proxied::start(folder, NEVER, move |request| {
        if request.method == "GET" {
            return behind.read(request);
        }
        if carries_out {
            let operations = match request.body["Operations"].as_array() {
                Some(operations) => operations.iter().map(|one| one["data"].clone()).collect(),
                None => vec![request.body.clone()],
            };
            for (place, mut one) in operations.into_iter().enumerate() {
                let id = format!("new-{place}");
                one["id"] = json!(id);
                behind.put(&id, one);
            }
        }
        killing.lock().unwrap().take().unwrap().kill();
        let _ = killed.send(());
        Reply::none()
    });
    *victim.lock().unwrap() = Some(server);
    send(&app);
    // The connection breaks before the process has ended, and with it the lock of its folder.
    is_killed.recv().unwrap();
    let flags = ["--read-back-after-ms", after];
    let server = Server::start_with(&folder.join("recorder"), &flags, &[]).unwrap();
    let app = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &app.token);
    Proxied { server, app, stub }
}

fn sends(method: &'static str, path: &'static str, body: Value) -> impl FnOnce(&Client) {
    move |app| {
        let sent = app.send(method, path, &[], body.to_string().as_bytes());
        assert!(sent.is_err(), "nobody answered");
    }
}

#[test]
fn a_create_interrupted_by_a_kill_is_settled_by_name() {
    let mut external = user("mira@fjord.example");
    external["externalId"] = json!("7");
    for (path, body) in
        [("/Users", user("mira@fjord.example")), ("/Users", external), ("/Groups", group("Crew"))]
    {
        for carried_out in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let fleet = Fleet::default();
            let send = sends("POST", path, body.clone());
            let proxied = killed(folder.path(), AT_ONCE, send, &fleet, carried_out);
            let row = proxied.last_write();
            assert_eq!(row["effect"], "unknown");
            let expected = if carried_out { "confirmed" } else { "contradicted" };
            assert_eq!(proxied.settled(&row)["verdict"], expected, "{path} {carried_out}");
            let users = proxied.ask("apps/boat/users");
            assert_eq!(users["coverage"]["gaps"].as_array().unwrap().len(), 0, "{users}");
            let count = usize::from(carried_out && path == "/Users");
            assert_eq!(users["rowCount"], count);
        }
    }
}

#[test]
fn an_interrupted_bulk_request_is_settled_by_its_operations() {
    let operations = json!([
        {"method": "POST", "path": "/Users", "bulkId": "a", "data": user("mira@fjord.example")},
        {"method": "POST", "path": "/Users", "bulkId": "b", "data": user("ole@fjord.example")},
    ]);
    for carried_out in [true, false] {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Fleet::default();
        let send = sends("POST", "/Bulk", bulk(&operations));
        let proxied = killed(folder.path(), AT_ONCE, send, &fleet, carried_out);
        let row = proxied.last_write();
        let expected = if carried_out { "confirmed" } else { "contradicted" };
        assert_eq!(proxied.settled(&row)["verdict"], expected);
        let users = proxied.ask("apps/boat/users");
        assert_eq!(users["rowCount"], if carried_out { 2 } else { 0 });
        assert_eq!(users["coverage"]["state"], "complete", "{users}");
    }
}

/// A create with an externalId is not confirmed by another user with the same userName.
#[test]
fn a_create_is_not_settled_by_another_user_with_that_name() {
    let mut first = user("eli@fjord.example");
    first["externalId"] = json!("e-1");
    let mut second = first.clone();
    second["externalId"] = json!("e-2");
    first["id"] = json!("u1");
    let of =
        |body: &Value| json!({"method": "POST", "path": "/Users", "bulkId": "a", "data": body});
    let (one, other) = (of(&second), of(&user("ole@fjord.example")));
    for (path, body) in [
        ("/Users", second.clone()),
        ("/Bulk", bulk(&json!([one]))),
        ("/Bulk", bulk(&json!([one, other]))),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Fleet::default();
        fleet.put("u1", first.clone());
        let send = |app: &Client| {
            assert_eq!(app.get("/Users/u1").status, 200);
            sends("POST", path, body.clone())(app);
        };
        let proxied = killed(folder.path(), AT_ONCE, send, &fleet, false);
        let settled = proxied.settled(&proxied.last_write());
        assert_eq!(settled["verdict"], "contradicted", "{body} {settled}");
        let users = proxied.ask("apps/boat/users");
        let told = (&users["rowCount"], &users["coverage"]["state"]);
        assert_eq!(told, (&json!(1), &json!("complete")));
    }
}

/// An application without filters, or a request without a name.
#[test]
fn a_write_that_cannot_be_looked_up_is_settled_by_a_baseline() {
    let nameless =
        json!({"schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "title": "Mate"});
    for (body, carried_out, expected) in [
        (user("mira@fjord.example"), true, "confirmed"),
        (user("mira@fjord.example"), false, "contradicted"),
        (nameless, false, "none"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let fleet = Fleet::default();
        let send = sends("POST", "/Users", body);
        let proxied = killed(folder.path(), AT_ONCE, send, &fleet, carried_out);
        let behind = fleet.clone();
        let row = proxied.last_write();
        // Only unfiltered lists are answered.
        proxied.stub.answer(move |request| match request.target.contains("filter=") {
            true => Reply::error(400),
            false => behind.read(request),
        });
        assert_eq!(proxied.baseline().status, 200);
        let settled = proxied.settled(&row);
        assert_eq!(settled["verdict"], expected, "{settled}");
        assert_eq!(proxied.ask("apps/boat/users")["coverage"]["state"], "complete");
    }
}

/// Requests for one resource are forwarded one at a time; a waiting client may disconnect.
#[test]
fn an_answer_is_withheld_if_the_token_was_revoked_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
    let held = Arc::clone(&gate);
    let proxied = Proxied::start(folder.path(), NEVER, move |_| {
        let opened = held.0.lock().unwrap();
        drop(held.1.wait_while(opened, |opened| !*opened).unwrap());
        Reply::json(200, &mira())
    });
    let admin = proxied.server.admin();
    let issued = admin.post("/api/v1/tokens", &json!({"role": "scim", "application": "boat"}));
    let second = proxied.app.with_token(issued.body["token"].as_str().unwrap());
    let reading = std::thread::spawn(move || second.get("/Users/u1"));
    while proxied.stub.seen().is_empty() {
        std::thread::yield_now();
    }
    let revoked = admin.delete(&format!("/api/v1/tokens/{}", issued.body["id"].as_str().unwrap()));
    assert_eq!(revoked.status, 200);
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    let answer = reading.join().unwrap();
    assert_eq!(answer.status, 401);
    assert!(!answer.text.contains("mira@fjord.example"), "{}", answer.text);
    let rows = proxied.rows("operations?app=boat");
    assert_eq!(rows.len(), 1, "what it showed is not taken over for its sake: {rows:?}");
    assert_eq!((&rows[0]["effect"], &rows[0]["httpStatus"]), (&json!("rejected"), &json!(401)));
}

#[test]
fn a_waiting_request_is_skipped_if_its_client_disconnects() {
    let folder = tempfile::tempdir().unwrap();
    let gate: Arc<(Mutex<bool>, Condvar)> = Arc::default();
    let held = Arc::clone(&gate);
    let proxied = Proxied::start(folder.path(), NEVER, move |request| {
        if request.method == "PATCH" {
            let opened = held.0.lock().unwrap();
            drop(held.1.wait_while(opened, |opened| !*opened).unwrap());
        }
        let mut shown = mira();
        if let Some(title) = request.body.pointer("/Operations/0/value") {
            shown["title"] = title.clone();
        }
        Reply::json(200, &shown)
    });
    let body = |title: &str| patch(&json!([{"op": "replace", "path": "title", "value": title}]));
    let address = proxied.server.url.trim_start_matches("http://").to_owned();
    let begin = |title: &str| {
        let body = body(title).to_string();
        let mut client = TcpStream::connect(&address).unwrap();
        let head = format!(
            "PATCH /apps/boat/scim/v2/Users/u1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            proxied.app.token,
            body.len()
        );
        client.write_all(head.as_bytes()).unwrap();
        client
    };
    let patches = || proxied.stub.seen().iter().filter(|one| one.starts_with("PATCH")).count();
    let first = begin("Mate");
    while patches() == 0 {
        std::thread::yield_now();
    }
    // They wait for the first and disconnect; one stays.
    let waiting: Vec<TcpStream> = ["Cook", "Boy"].map(begin).into();
    let stays = begin("Smith");
    while !proxied.server.admin().get("/metrics").text.contains("forwarded_writes_waiting 3") {
        std::thread::yield_now();
    }
    drop(waiting);
    // The one that was sent continues without its client and is recorded.
    drop(first);
    *gate.0.lock().unwrap() = true;
    gate.1.notify_all();
    let rows = || {
        let mut rows = proxied.rows("operations?app=boat");
        rows.retain(|row| row["operation"] == "PATCH User");
        rows
    };
    while rows().len() < 4 {
        std::thread::yield_now();
    }
    drop(stays);
    let (skipped, sent): (Vec<Value>, Vec<Value>) =
        rows().into_iter().partition(|row| row["effect"] == "skipped");
    assert_eq!((skipped.len(), sent.len(), patches()), (2, 2, 2), "{skipped:?}");
    for row in &skipped {
        assert_eq!((&row["status"], &row["httpStatus"]), (&json!("skipped"), &json!(503)));
        assert_eq!(row["forwarded"], true);
        let whole = proxied.ask(&format!("operations/{}", row["seq"]));
        assert!(whole["resource"]["request"]["body"]["Operations"].is_array(), "{whole}");
    }
    assert_eq!(proxied.user("u1")["coverage"]["state"], "complete");
}

#[test]
fn a_baseline_ends_when_its_token_is_revoked() {
    let folder = tempfile::tempdir().unwrap();
    let proxied = Proxied::start(folder.path(), NEVER, move |request| {
        let start = request.target.split_once("startIndex=").map_or("1", |(_, rest)| rest);
        let start: u64 = start.split('&').next().unwrap().parse().unwrap();
        let one = json!({"id": format!("u{start}"), "userName": format!("u{start}@fjord.example")});
        Reply::json(200, &json!({"totalResults": 1_000_000, "Resources": [one]}))
    });
    let address = proxied.server.url.trim_start_matches("http://").to_owned();
    let mut client = TcpStream::connect(address).unwrap();
    let head = format!(
        "POST /api/v1/apps/boat/baseline HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\
         Content-Length: 0\r\n\r\n",
        proxied.server.admin().token
    );
    client.write_all(head.as_bytes()).unwrap();
    while proxied.stub.seen().len() < 3 {
        std::thread::yield_now();
    }
    drop(client);
    let began = Stopwatch::start();
    let mut pages = 0;
    // No further page is requested.
    while pages < proxied.stub.seen().len() {
        pages = proxied.stub.seen().len();
        for _ in 0..50 {
            proxied.ask("apps");
        }
        assert!(began.elapsed().as_secs() < 30, "it goes on: {pages} pages");
    }
    assert!(proxied.rows("apps/boat/users").len() >= 2, "what was seen is recorded");
}

#[test]
fn a_stop_cancels_read_backs_and_the_next_start_resumes_them() {
    let folder = tempfile::tempdir().unwrap();
    let fleet = Fleet::default();
    fleet.put("u1", mira());
    let behind = fleet.clone();
    let Proxied { server, app, stub } = Proxied::start(folder.path(), NEVER, move |request| {
        if request.method == "GET" { behind.read(request) } else { Reply::empty(302) }
    });
    assert_eq!(app.delete("/Users/u1").status, 302);
    let began = Stopwatch::start();
    server.stop();
    assert!(began.elapsed().as_secs() < 9, "a look of tomorrow held up the stop");
    let flags = ["--read-back-after-ms", AT_ONCE];
    let server = Server::start_with(&folder.path().join("recorder"), &flags, &[]).unwrap();
    let app = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &app.token);
    let proxied = Proxied { server, app, stub };
    assert_eq!(proxied.settled(&proxied.last_write())["verdict"], "contradicted");
    assert_eq!(proxied.user("u1")["exists"], "yes");
}

/// Read-backs never delay a stop, and can be switched off.
#[test]
fn read_backs_can_be_switched_off() {
    let folder = tempfile::tempdir().unwrap();
    let stub = Stub::start(|_| Reply::empty(204));
    for (flags, expected) in [
        (vec!["--read-back-after-ms", "x"], "invalid value"),
        (vec!["--read-back-after-ms", "86400001"], "is not in"),
    ] {
        let refused = Server::start_with(&folder.path().join("recorder"), &flags, &[]);
        let log = refused.err().unwrap();
        assert!(log.contains(expected), "{log}");
    }
    assert!(stub.seen().is_empty());
}
