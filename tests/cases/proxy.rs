//! The recording proxy in front of real applications.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::cases::proxy_doubt::NEVER;
use crate::harness::server::{Client, Server, group, run, user};
use crate::harness::upstream::{Relay, Scim2Server, Tls};

/// A proxied application.
struct Proxied {
    server: Server,
    app: Client,
    slug: &'static str,
}

impl Proxied {
    fn start(folder: &Path, upstream: &str, token: &str, keep_locations: bool) -> Proxied {
        // Only the reads of these tests settle doubts.
        let flags = ["--read-back-after-ms", NEVER];
        let server = Server::start_with(&folder.join("recorder"), &flags, &[]).unwrap();
        let app = add(&server, folder, "boat", upstream, token, keep_locations);
        Proxied { server, app, slug: "boat" }
    }

    fn rows(&self, path: &str) -> Vec<Value> {
        self.server.admin().rows(&format!("/api/v1/{path}"))
    }

    /// The newest operation on a user or group.
    fn last(&self, id: &str) -> Value {
        let slug = self.slug;
        let path = format!("/api/v1/operations?app={slug}&resource={id}&limit=1");
        self.server.admin().get(&path).body["rows"][0].clone()
    }
}

fn add(
    server: &Server,
    folder: &Path,
    slug: &str,
    upstream: &str,
    token: &str,
    keep_locations: bool,
) -> Client {
    let file = folder.join(format!("{slug}.token"));
    std::fs::write(&file, format!("{token}\n")).unwrap();
    let added = server.admin().post(
        "/api/v1/apps",
        &json!({"application": slug, "upstream": {
            "url": upstream, "tokenFile": file, "rewritesLocations": !keep_locations,
        }}),
    );
    assert_eq!(added.status, 201, "{}", added.text);
    let text = |name: &str| added.body[name].as_str().unwrap().to_owned();
    Client::new(&text("tenantUrl"), &text("secretToken"))
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").split('/').next().unwrap().parse().unwrap()
}

/// Every user and group of a SCIM server: attributes without `meta` and the like, and members.
fn everything(client: &Client) -> BTreeMap<String, (Value, BTreeSet<String>)> {
    let mut all = BTreeMap::new();
    for kind in ["Users", "Groups"] {
        let mut start = 1;
        loop {
            let page = client.get(&format!("/{kind}?startIndex={start}&count=100")).body;
            let shown = page["Resources"].as_array().cloned().unwrap_or_default();
            for mut one in shown.iter().cloned() {
                let id = one["id"].as_str().unwrap().to_owned();
                let members = one["members"].as_array().cloned().unwrap_or_default();
                let member = |one: &Value| one["value"].as_str().unwrap().to_owned();
                let members = members.iter().map(member).collect();
                let object = one.as_object_mut().unwrap();
                for own in ["meta", "schemas", "members", "groups"] {
                    object.remove(own);
                }
                all.insert(id, (one, members));
            }
            start += shown.len();
            if shown.is_empty() || start as u64 > page["totalResults"].as_u64().unwrap() {
                break;
            }
        }
    }
    all
}

/// The same from the recorder.
fn recorded(proxied: &Proxied) -> BTreeMap<String, (Value, BTreeSet<String>)> {
    let admin = proxied.server.admin();
    let mut all = BTreeMap::new();
    let mut put = |path: &str, id: &str, members: BTreeSet<String>| {
        let answer = admin.get(&format!("/api/v1/apps/boat/{path}/{id}"));
        let mut one = answer.body["resource"].clone();
        for own in ["meta", "schemas"] {
            one.as_object_mut().unwrap().remove(own);
        }
        all.insert(id.to_owned(), (one, members));
    };
    for row in proxied.rows("apps/boat/users") {
        put("users", row["userId"].as_str().unwrap(), BTreeSet::new());
    }
    let operations = proxied.rows("operations?app=boat");
    let groups = operations.iter().filter(|row| row["resourceType"] == "Group");
    let groups: BTreeSet<_> = groups.filter_map(|row| row["resourceId"].as_str()).collect();
    for id in groups {
        let members = proxied.rows(&format!("apps/boat/groups/{id}/members"));
        let member = |row: &Value| row["userId"].as_str().unwrap().to_owned();
        put("groups", id, members.iter().map(member).collect());
    }
    all
}

#[track_caller]
fn same(proxied: &Proxied, direct: &Client) {
    let (recorded, there) = (recorded(proxied), everything(direct));
    for (id, one) in &there {
        assert_eq!(recorded.get(id), Some(one));
    }
    assert_eq!(recorded.len(), there.len());
}

#[test]
fn after_a_baseline_the_record_is_what_the_application_has() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Scim2Server::start(folder.path(), "upstream");
    let direct = upstream.client();
    let mut ids = Vec::new();
    for number in 0..500 {
        let mut body = user(&format!("u{number}@fjord.example"));
        body["displayName"] = json!(format!("User {number}"));
        body["emails"] = json!([{"type": "work", "value": format!("u{number}@fjord.example")}]);
        body["active"] = json!(number % 7 != 0);
        let created = direct.post("/Users", &body);
        assert_eq!(created.status, 201, "{}", created.text);
        ids.push(created.id());
    }
    for (name, members) in [("Deck", &ids[..120]), ("Crew", &ids[100..300]), ("Empty", &ids[..0])] {
        let mut body = group(name);
        let members: Vec<Value> = members.iter().map(|id| json!({"value": id})).collect();
        body["members"] = json!(members);
        assert_eq!(direct.post("/Groups", &body).status, 201);
    }
    let proxied = Proxied::start(folder.path(), &upstream.url, "any", false);
    let output = proxied.server.command(&["app", "baseline", "boat"]);
    assert!(output.status.success(), "{output:?}");
    same(&proxied, &direct);
    // They existed before the baseline, so their start is not known.
    let users = proxied.rows("apps/boat/users");
    assert!(users.iter().all(|row| row["startKnown"] == false), "{:?}", users[0]);
    let first = format!("users/{}", users[0]["userId"].as_str().unwrap());
    for one in [&first, "groups/displayName:Deck"] {
        let one = proxied.server.admin().get(&format!("/api/v1/apps/boat/{one}")).body;
        assert_eq!((&one["exists"], &one["startKnown"]), (&json!("yes"), &json!(false)), "{one}");
    }
    let members = proxied.rows("apps/boat/groups/displayName:Deck/members");
    assert_eq!(members.len(), 120);
    assert!(members.iter().all(|row| row["startKnown"] == false), "{:?}", members[0]);
    let both = proxied.rows("reports/overlap?app=boat&groups=displayName:Deck,displayName:Crew");
    assert_eq!(both.len(), 20);
    assert!(both.iter().all(|row| row["startKnown"] == false), "{:?}", both[0]);
    let list = folder.path().join("staff.csv");
    std::fs::write(&list, "userName\nnobody@fjord.example\n").unwrap();
    let added = proxied.server.command(&["list", "add", "staff", list.to_str().unwrap()]);
    assert!(added.status.success(), "{added:?}");
    let orphans = proxied.rows("reports/orphans?app=boat&list=staff");
    assert_eq!(orphans.len(), ids.len() - ids.len().div_ceil(7), "all that are active");
    assert!(orphans.iter().all(|row| row["startKnown"] == false), "{:?}", orphans[0]);
    let again = proxied.server.command(&["app", "drift", "boat"]);
    assert_eq!(again.status.code(), Some(0), "{again:?}");

    // Changes through the proxy, by PATCH.
    let active = json!([{"op": "Replace", "path": "active", "value": "False"}]);
    let patched = proxied.app.patch(
        &format!("/Users/{}", ids[3]),
        &json!([
        {"op": "replace", "path": "active", "value": false}]),
    );
    assert!(patched.status == 200 || patched.status == 204, "{active} {}", patched.text);
    let removed = proxied.app.delete(&format!("/Users/{}", ids[404]));
    assert_eq!(removed.status, 204);
    let renamed = user("new@fjord.example");
    let created = proxied.app.post("/Users", &renamed);
    assert_eq!(created.status, 201, "{}", created.text);
    same(&proxied, &direct);

    // Changes that bypass the proxy.
    let by_hand = json!([{"op": "replace", "path": "displayName", "value": "By hand"}]);
    let changed = direct.patch(&format!("/Users/{}", ids[9]), &by_hand);
    assert!(changed.status < 300, "{}", changed.text);
    assert_eq!(direct.delete(&format!("/Users/{}", ids[410])).status, 204);
    let drift = proxied.server.command(&["app", "drift", "boat"]);
    assert_eq!(drift.status.code(), Some(1), "{drift:?}");
    let table = String::from_utf8(drift.stdout).unwrap();
    let line = |id: &str| table.lines().find(|line| line.contains(id)).unwrap_or_default();
    assert!(line(&ids[9]).contains("displayName") && line(&ids[9]).contains("By hand"), "{table}");
    assert!(line(&ids[410]).contains("the resource"), "{table}");
    same(&proxied, &direct);
    assert_eq!(proxied.server.command(&["app", "drift", "boat"]).status.code(), Some(0));
}

/// The checks of scim2-tester by their outcome.
fn tested(base: &str, token: &str) -> String {
    let scripts = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/conformance");
    let mut suite = Command::new(format!("{scripts}/scim2-tester"));
    let output = run(suite.env("BASE_URL", base).env("TOKEN", token));
    let report = String::from_utf8(output.stdout).unwrap();
    let last = report.lines().last().unwrap_or_default().to_owned();
    assert!(last.contains(" passed, "), "{report}");
    last
}

#[test]
fn a_suite_gives_the_same_result_with_and_without_the_proxy() {
    let folder = tempfile::tempdir().unwrap();
    let alone = Scim2Server::start(folder.path(), "alone");
    let behind = Scim2Server::start(folder.path(), "behind");
    let proxied = Proxied::start(folder.path(), &behind.url, "any", false);
    let direct = tested(&alone.url, "any");
    assert_eq!(tested(proxied.app.base(), &proxied.app.token), direct);
    // Exactly the requests that the application received are on record.
    let rows = proxied.rows("operations?app=boat");
    let forwarded = rows.iter().filter(|row| row["forwarded"] == true);
    let (reads, writes): (Vec<_>, Vec<_>) =
        forwarded.partition(|row| row["operation"].as_str().unwrap().starts_with("GET "));
    assert_eq!(writes.len(), behind.writes());
    assert!(reads.len() + writes.len() > 100, "{} {}", reads.len(), writes.len());
}

#[test]
fn a_write_without_an_answer_is_unknown_until_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("upstream");
    let upstream = Server::start(&data);
    let behind = upstream.add_app("boat");
    let relay = Relay::to(address(&upstream.url));
    let base = format!("http://{}/apps/boat/scim/v2", relay.address);
    let proxied = Proxied::start(folder.path(), &base, &behind.token, false);
    let created = proxied.app.post("/Users", &user("mira@fjord.example"));
    assert_eq!(created.status, 201, "{}", created.text);
    let id = created.id();

    // The application is killed after it carried out the request, before its answer arrives.
    let upstream = Arc::new(Mutex::new(Some(upstream)));
    let victim = Arc::clone(&upstream);
    relay.cut_before_the_next_answer(move || victim.lock().unwrap().take().unwrap().kill());
    let path = format!("/Users/{id}");
    let title = json!([{"op": "replace", "path": "title", "value": "Mate"}]);
    let broken = proxied.app.patch(&path, &title);
    assert_eq!((broken.status, &broken.body["status"]), (504, &json!("504")), "{}", broken.text);
    let unknown = proxied.last(&id);
    assert_eq!((&unknown["effect"], &unknown["settled"]), (&json!("unknown"), &Value::Null));
    assert_eq!(unknown["status"], "failure");
    let upstream = Server::start(&data);
    *relay.target.lock().unwrap() = address(&upstream.url);
    let read = proxied.app.get(&path);
    assert_eq!((read.status, &read.body["title"]), (200, &json!("Mate")));
    let seq = unknown["seq"].as_u64().unwrap();
    let settled = proxied.server.admin().get(&format!("/api/v1/operations/{seq}")).body;
    assert_eq!(settled["resource"]["settled"]["verdict"], "confirmed");
    assert_eq!(settled["resource"]["request"]["body"]["Operations"][0]["value"], "Mate");
    let now = proxied.server.admin().get(&format!("/api/v1/apps/boat/users/{id}")).body;
    assert_eq!(now["resource"]["title"], "Mate");
}

/// The same with an application that loses its state when it is killed.
#[test]
fn a_write_to_a_killed_public_server_is_unknown_until_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Scim2Server::start(folder.path(), "killed");
    let relay = Relay::to(address(&upstream.url));
    let base = format!("http://{}/v2", relay.address);
    let proxied = Proxied::start(folder.path(), &base, "any", false);
    let id = proxied.app.post("/Users", &user("mira@fjord.example")).id();
    relay.cut_before_the_next_answer(move || drop(upstream));
    let path = format!("/Users/{id}");
    let title = json!([{"op": "replace", "path": "title", "value": "Mate"}]);
    assert_eq!(proxied.app.patch(&path, &title).status, 504);
    let unknown = proxied.last(&id);
    assert_eq!((&unknown["effect"], &unknown["settled"]), (&json!("unknown"), &Value::Null));

    let upstream = Scim2Server::start(folder.path(), "again");
    *relay.target.lock().unwrap() = address(&upstream.url);
    assert_eq!(proxied.app.get(&path).status, 404);
    let seq = &unknown["seq"];
    let whole = proxied.server.admin().get(&format!("/api/v1/operations/{seq}")).body;
    assert_eq!(whole["resource"]["settled"]["verdict"], "contradicted");
    let now = proxied.server.admin().get(&format!("/api/v1/apps/boat/users/{id}")).body;
    assert_eq!((&now["exists"], &now["resource"]), (&json!("deleted"), &Value::Null));
}

/// A deletion and a create without an answer.
#[test]
fn an_unknown_deletion_and_an_unknown_creation_are_settled() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Server::start(&folder.path().join("upstream"));
    let behind = upstream.add_app("boat");
    let relay = Relay::to(address(&upstream.url));
    let base = format!("http://{}/apps/boat/scim/v2", relay.address);
    let proxied = Proxied::start(folder.path(), &base, &behind.token, false);
    let settled = |seq: &Value| {
        let whole = proxied.server.admin().get(&format!("/api/v1/operations/{seq}")).body;
        whole["resource"]["settled"]["verdict"].clone()
    };
    let id = proxied.app.post("/Users", &user("mira@fjord.example")).id();
    relay.cut_before_the_next_answer(|| {});
    assert_eq!(proxied.app.delete(&format!("/Users/{id}")).status, 504);
    let unknown = proxied.last(&id);
    assert_eq!(unknown["effect"], "unknown");
    assert_eq!(proxied.app.get(&format!("/Users/{id}")).status, 404);
    assert_eq!(settled(&unknown["seq"]), "confirmed");

    let lookup = "/Users?filter=userName%20eq%20%22ole%40fjord.example%22";
    relay.cut_before_the_next_answer(|| {});
    assert_eq!(proxied.app.post("/Users", &user("ole@fjord.example")).status, 504);
    let unknown = proxied.rows("operations?app=boat&action=create")[0].clone();
    assert_eq!((&unknown["effect"], &settled(&unknown["seq"])), (&json!("unknown"), &Value::Null));
    let found = proxied.app.get(lookup).body;
    assert_eq!(found["totalResults"], 1);
    assert_eq!(settled(&unknown["seq"]), "confirmed");
    let id = found["Resources"][0]["id"].as_str().unwrap();
    let now = proxied.server.admin().get(&format!("/api/v1/apps/boat/users/{id}")).body;
    assert_eq!(now["resource"]["userName"], "ole@fjord.example");
}

/// A read that was answered before a write must not undo it when it arrives later.
#[test]
fn a_late_answer_undoes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Server::start(&folder.path().join("upstream"));
    let behind = upstream.add_app("boat");
    let relay = Relay::to(address(&upstream.url));
    let base = format!("http://{}/apps/boat/scim/v2", relay.address);
    let proxied = Proxied::start(folder.path(), &base, &behind.token, false);
    let id = proxied.app.post("/Users", &user("mira@fjord.example")).id();
    let path = format!("/Users/{id}");
    let title = json!([{"op": "replace", "path": "title", "value": "Mate"}]);
    for read in [path.as_str(), "/Users"] {
        let (writer, to, title) = (proxied.app.clone(), path.clone(), title.clone());
        relay.before_the_next_answer(move || {
            assert_eq!(writer.patch(&to, &title).status, 200);
        });
        let late = proxied.app.get(read);
        assert_eq!(late.status, 200);
        assert!(!late.text.contains("Mate"), "it was read before: {}", late.text);
        let now = proxied.server.admin().get(&format!("/api/v1/apps/boat/users/{id}")).body;
        assert_eq!(now["resource"]["title"], "Mate", "{read}");
        let clear = json!([{"op": "remove", "path": "title"}]);
        assert_eq!(proxied.app.patch(&path, &clear).status, 200);
    }
    let rows = proxied.rows("operations?app=boat");
    let observed = |row: &&Value| row["operation"].as_str().unwrap().starts_with("observation");
    assert_eq!(rows.iter().filter(observed).count(), 0, "{rows:?}");
}

#[test]
fn a_killed_recorder_knows_what_it_had_sent() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Server::start(&folder.path().join("upstream"));
    let behind = upstream.add_app("boat");
    let relay = Relay::to(address(&upstream.url));
    let base = format!("http://{}/apps/boat/scim/v2", relay.address);
    let Proxied { server, app, slug } = Proxied::start(folder.path(), &base, &behind.token, false);
    let id = app.post("/Users", &user("mira@fjord.example")).id();
    let recorder = Arc::new(Mutex::new(Some(server)));
    let victim = Arc::clone(&recorder);
    relay.cut_before_the_next_answer(move || victim.lock().unwrap().take().unwrap().kill());
    let title = json!([{"op": "replace", "path": "title", "value": "Mate"}]);
    let body = crate::harness::server::patch(&title).to_string();
    let path = format!("/Users/{id}");
    assert!(app.send("PATCH", &path, &[], body.as_bytes()).is_err(), "nobody answered");

    let server = Server::start(&folder.path().join("recorder"));
    let app = Client::new(&format!("{}/apps/boat/scim/v2", server.url), &app.token);
    let proxied = Proxied { server, app, slug };
    let unknown = proxied.last(&id);
    assert_eq!(
        (&unknown["operation"], &unknown["effect"]),
        (&json!("PATCH User"), &json!("unknown"))
    );
    let seq = &unknown["seq"];
    let whole = proxied.server.admin().get(&format!("/api/v1/operations/{seq}")).body;
    assert_eq!(whole["resource"]["request"]["body"]["Operations"][0]["value"], "Mate");
    assert_eq!(proxied.app.get(&path).body["title"], "Mate");
    let whole = proxied.server.admin().get(&format!("/api/v1/operations/{seq}")).body;
    assert_eq!(whole["resource"]["settled"]["verdict"], "confirmed");
    // Settled once: another start records nothing more.
    proxied.server.kill();
    let server = Server::start(&folder.path().join("recorder"));
    let rows = server.admin().rows(&format!("/api/v1/operations?app=boat&resource={id}"));
    let unknown = rows.iter().filter(|row| row["effect"] == "unknown").count();
    assert_eq!(unknown, 1, "{rows:?}");
}

#[test]
fn a_request_that_was_never_sent_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    // Nothing listens there.
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let proxied = Proxied::start(folder.path(), &format!("http://{closed}/v2"), "any", false);
    let refused = proxied.app.post("/Users", &user("mira"));
    assert_eq!((refused.status, &refused.body["status"]), (502, &json!("502")));
    assert_eq!(proxied.rows("operations?app=boat")[0]["effect"], "rejected");
    std::fs::remove_file(folder.path().join("boat.token")).unwrap();
    assert_eq!(proxied.app.get("/Users").status, 502);
    assert!(proxied.server.log_lines().contains("boat.token cannot be read"));
}

#[test]
fn tls_trusts_only_the_given_authorities() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Server::start(&folder.path().join("upstream"));
    let behind = upstream.add_app("boat");
    let ca = folder.path().join("ca.pem");
    let tls = Tls::before(address(&upstream.url), &ca);
    let base = format!("https://localhost:{}/apps/boat/scim/v2", tls.address.port());
    let proxied = Proxied::start(folder.path(), &base, &behind.token, false);
    // The system does not trust the certificate, so nothing was sent.
    assert_eq!(proxied.app.post("/Users", &user("mira")).status, 502);
    assert_eq!(upstream.admin().rows("/api/v1/operations?app=boat").len(), 0);
    let added = proxied.server.admin().post(
        "/api/v1/apps",
        &json!({"application": "trusted", "upstream": {
            "url": base, "tokenFile": folder.path().join("boat.token"), "caFile": ca,
        }}),
    );
    let text = |name: &str| added.body[name].as_str().unwrap().to_owned();
    let trusted = Client::new(&text("tenantUrl"), &text("secretToken"));
    assert_eq!(trusted.post("/Users", &user("mira")).status, 201);
    assert_eq!(trusted.get("/Users").body["totalResults"], 1);
}

#[test]
fn addresses_are_ours_or_the_upstreams_depending_on_the_setting() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Server::start(&folder.path().join("upstream"));
    let behind = upstream.add_app("boat");
    let proxied = Proxied::start(folder.path(), behind.base(), &behind.token, false);
    let kept = add(&proxied.server, folder.path(), "kept", behind.base(), &behind.token, true);
    for (client, name, base) in
        [(&proxied.app, "mira", proxied.app.base()), (&kept, "ole", behind.base())]
    {
        let created = client.post("/Users", &user(name));
        let location = format!("{base}/Users/{}", created.id());
        assert_eq!(created.header("location"), location);
        assert_eq!(created.body["meta"]["location"], location);
        let read = client.get(&format!("/Users/{}", created.id()));
        assert_eq!(read.body["meta"]["location"], location);
        assert_eq!(read.header("etag"), created.header("etag"));
    }
    // The record has the application's original addresses.
    let row = proxied.rows("operations?app=boat")[0].clone();
    let whole = proxied.server.admin().get(&format!("/api/v1/operations/{}", row["seq"])).body;
    let body = &whole["resource"]["response"]["body"];
    assert!(body["meta"]["location"].as_str().unwrap().starts_with(behind.base()), "{body}");
}

/// If an application answers a change of members without a body, the request is interpreted as it would
/// be.
#[test]
fn members_are_interpreted_as_the_application_does() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Server::start(&folder.path().join("upstream"));
    let behind = upstream.add_app("boat");
    let proxied = Proxied::start(folder.path(), behind.base(), &behind.token, false);
    let id = proxied.app.post("/Users", &user("mira")).id();
    let path = format!("/Groups/{}", proxied.app.post("/Groups", &group("Crew")).id());
    let change = |op: &str, value: Value| {
        let operations = json!([{"op": op, "path": "members", "value": value}]);
        proxied.app.patch(&path, &operations).status
    };
    let members = || {
        let rows = proxied.rows(&format!("apps/boat{}/members", path.replace('G', "g")));
        rows.iter().map(|row| row["userId"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    for value in [
        json!([{"value": id.to_uppercase()}]),
        json!([{"$ref": format!("../Users/{id}")}]),
        json!([{"$ref": format!("{}/Users/{id}", behind.base())}]),
    ] {
        assert_eq!(change("add", value.clone()), 204, "{value}");
        assert_eq!(members(), [id.as_str()], "{value}");
        assert_eq!(change("remove", value.clone()), 204, "{value}");
        assert_eq!(members(), [""; 0], "{value}");
    }
    // A request that the application refuses changes nothing.
    assert_eq!(change("add", json!([id])), 204);
    for value in [json!(json!([{"value": id}]).to_string()), json!([format!(" {id}")])] {
        assert_eq!(change("replace", value.clone()), 400, "{value}");
        assert_eq!(members(), [id.as_str()], "{value}");
    }
}

#[test]
fn refusals_of_an_application_are_relayed_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let upstream = Server::start(&folder.path().join("upstream"));
    let behind = upstream.add_app("boat");
    let proxied = Proxied::start(folder.path(), behind.base(), &behind.token, false);
    assert_eq!(proxied.app.post("/Users", &user("mira")).status, 201);
    let taken = proxied.app.post("/Users", &user("MIRA"));
    assert_eq!((taken.status, &taken.body["scimType"]), (409, &json!("uniqueness")));
    assert_eq!(taken.header("content-type"), "application/scim+json");
    let rows = proxied.rows("operations?app=boat&status=failure");
    assert_eq!((&rows[0]["httpStatus"], &rows[0]["scimType"]), (&json!(409), &json!("uniqueness")));
    assert_eq!(rows[0]["effect"], "rejected");
    // A request needs our own token, which is not forwarded.
    let stranger = proxied.app.with_token(&behind.token);
    assert_eq!(stranger.get("/Users").status, 401);
    let before = upstream.admin().rows("/api/v1/operations?app=boat").len();
    assert_eq!(before, 2, "the stranger's request was not sent on");
}
