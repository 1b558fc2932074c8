//! Proxied applications that deviate from the RFCs: the resources they show are accepted as they are,
//! and their claims about lists are checked.

use std::io::Write;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::habits::{Received, Response, Upstream};
use crate::harness::server::{Answer, Client, Server, user};

const INCOMPLETE: &str = "the application did not list all that it has";

/// A recorder in front of a stub application.
pub struct Before {
    pub server: Server,
    pub app: Client,
    _folder: tempfile::TempDir,
}

impl Before {
    pub fn start(upstream: &Upstream) -> Before {
        let folder = tempfile::tempdir().unwrap();
        let server = Server::start(&folder.path().join("recorder"));
        let app = add(&server, folder.path(), "boat", &upstream.url);
        Before { server, app, _folder: folder }
    }

    fn look(&self, how: &str) -> Answer {
        self.server.admin().post(&format!("/api/v1/apps/boat/{how}"), &Value::Null)
    }

    /// A baseline or drift check that succeeds.
    #[track_caller]
    pub fn looked(&self, how: &str) -> Value {
        let answer = self.look(how);
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    }

    fn users(&self) -> Answer {
        self.server.admin().get("/api/v1/apps/boat/users?limit=1000")
    }

    fn names(&self) -> Vec<String> {
        let users = self.users().body;
        let rows = users["rows"].as_array().unwrap().iter();
        let mut names: Vec<String> =
            rows.map(|row| row["userName"].as_str().unwrap_or_default().to_owned()).collect();
        names.sort();
        names
    }

    fn user(&self, id: &str) -> Value {
        self.server.admin().get(&format!("/api/v1/apps/boat/users/{id}")).body["resource"].clone()
    }

    fn operations(&self) -> Vec<Value> {
        self.server.admin().rows("/api/v1/operations?app=boat")
    }

    /// The newest operation.
    pub fn last(&self) -> Value {
        let answer = self.server.admin().get("/api/v1/operations?app=boat").body;
        // Ignore the recorder's own read-backs.
        let is_asked =
            |row: &&Value| !row["operation"].as_str().unwrap().starts_with("observation");
        answer["rows"].as_array().unwrap().iter().find(is_asked).unwrap().clone()
    }

    #[track_caller]
    pub fn check_coverage(&self, incomplete: bool) {
        let coverage = self.users().body["coverage"].clone();
        let reasons: Vec<&str> = coverage["gaps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|gap| gap["reason"].as_str().unwrap())
            .collect();
        assert_eq!(reasons.contains(&INCOMPLETE), incomplete, "{coverage}");
    }
}

fn add(server: &Server, folder: &Path, slug: &str, url: &str) -> Client {
    let file = folder.join(format!("{slug}.token"));
    std::fs::write(&file, "any\n").unwrap();
    let added = server.admin().post(
        "/api/v1/apps",
        &json!({"application": slug, "upstream": {"url": url, "tokenFile": file}}),
    );
    assert_eq!(added.status, 201, "{}", added.text);
    let text = |name: &str| added.body[name].as_str().unwrap().to_owned();
    Client::new(&text("tenantUrl"), &text("secretToken"))
}

fn named(id: Value, name: &str) -> Value {
    let mut user = user(name);
    user["id"] = id;
    user
}

pub fn crew(count: u64) -> Vec<Value> {
    (1..=count).map(|n| named(json!(format!("u{n}")), &format!("u{n}@fjord.example"))).collect()
}

#[test]
fn an_id_may_be_a_number() {
    let mira = || named(json!(7), "mira@fjord.example");
    let upstream =
        Upstream::start(move |received| match (received.method.as_str(), received.path()) {
            ("POST", "/Users") => Response::json(201, &named(json!(8), "ole@fjord.example")),
            ("PATCH", "/Users/8") => {
                let mut ole = named(json!(8), "ole@fjord.example");
                ole["title"] = json!("Mate");
                Response::json(200, &ole)
            }
            ("DELETE", "/Users/8") => Response::empty(204),
            ("GET", "/Users/8") => Response::error(404),
            ("GET", "/Users") => {
                let odd = |id: Value| named(id, "odd@fjord.example");
                let ids =
                    [json!(7.5), json!(1e30), json!(null), json!(""), json!("x".repeat(1_025))];
                let mut all = vec![mira()];
                all.extend(ids.map(odd));
                Response::page(received, &all)
            }
            ("GET", "/Groups") => {
                let mut group = json!({"id": -3, "displayName": "Crew"});
                group["members"] = json!([{"value": 7, "display": "Mira"}]);
                Response::page(received, &[group])
            }
            _ => Response::error(404),
        });
    let before = Before::start(&upstream);
    let answer = before.looked("baseline");
    assert_eq!(answer["seen"], json!({"User": 1, "Group": 1}));
    assert_eq!(answer["refused"], json!({"User": 5}));
    assert_eq!(answer["incomplete"], true, "{answer}");
    before.check_coverage(true);
    assert!(before.server.log_lines().contains("whose ids cannot be told"));
    assert_eq!(before.names(), ["mira@fjord.example"]);
    let members = before.server.admin().rows("/api/v1/apps/boat/groups/-3/members");
    assert_eq!((members.len(), &members[0]["userId"]), (1, &json!("7")));

    let created = before.app.post("/Users", &user("ole@fjord.example"));
    assert_eq!((created.status, &created.body["id"]), (201, &json!(8)), "relayed as it came");
    assert_eq!(before.last()["resourceId"], "8");
    let title = json!([{"op": "replace", "path": "title", "value": "Mate"}]);
    assert_eq!(before.app.patch("/Users/8", &title).status, 200);
    assert_eq!(before.user("8")["title"], "Mate");
    assert_eq!(before.app.delete("/Users/8").status, 204);
    assert_eq!(before.last()["resourceId"], "8");
    assert_eq!(before.names(), ["mira@fjord.example"]);
}

#[test]
fn values_outside_our_schema_are_kept_and_flagged() {
    let odd = || {
        let mut odd = named(json!("u1"), "mira@fjord.example");
        odd["active"] = json!("Yes");
        odd["emails"] = json!([{"value": "a@fjord.example", "primary": true},
            {"value": "b@fjord.example", "primary": true}]);
        odd["phoneNumbers"] = json!([{"type": "work", "value": 4711}]);
        odd["name"] = json!("Mira Lund");
        odd["title"] = json!("x".repeat(70_000));
        odd["nickName"] = json!("Mimi");
        odd
    };
    let nameless = json!({"id": "u2", "displayName": "No name"});
    let users = move || vec![odd(), nameless.clone()];
    let all = users.clone();
    let upstream = Upstream::start(move |received| Response::of_users(received, &all()));
    let before = Before::start(&upstream);
    let answer = before.looked("baseline");
    assert_eq!((&answer["seen"]["User"], &answer["flagged"]["User"]), (&json!(2), &json!(2)));
    assert_eq!((&answer["incomplete"], &answer["refused"]), (&json!(false), &json!({})));
    before.check_coverage(false);
    let shown = before.user("u1");
    let expected = &users()[0];
    for name in ["userName", "active", "emails", "phoneNumbers", "name", "nickName"] {
        assert_eq!(shown[name], expected[name], "{name}");
    }
    assert_eq!(shown["title"], Value::Null);
    assert_eq!(before.user("u2")["displayName"], "No name");
    let rows = before.operations();
    let flags = |id: &str| {
        let row = rows.iter().find(|row| row["resourceId"] == id).unwrap();
        let flags = row["flags"].as_array().unwrap().iter();
        let words = |flag: &Value| format!("{} {}", flag["kind"], flag["path"]).replace('"', "");
        flags.map(words).collect::<Vec<_>>()
    };
    let all = ["active", "emails", "name", "phoneNumbers.value"];
    let mut all: Vec<String> = all.map(|path| format!("schemaViolation {path}")).to_vec();
    all.push("tooLarge title".to_owned());
    assert_eq!(flags("u1"), all);
    assert_eq!(flags("u2"), ["schemaViolation userName"]);
    let drift = before.looked("drift");
    assert_eq!((&drift["rowCount"], &drift["recorded"]), (&json!(0), &json!(0)), "{drift}");
    // A later valid value replaces it.
    let mut fits = users();
    fits[0]["active"] = json!(false);
    fits[0]["emails"][1]["primary"] = json!(false);
    upstream.respond(move |received| Response::of_users(received, &fits));
    assert_eq!(before.app.get("/Users/u1").status, 200);
    assert_eq!(before.user("u1")["active"], false);
    assert_eq!(before.user("u1")["emails"][1]["primary"], false);
}

#[test]
fn unreadable_members_remove_nobody() {
    let group = |members: Value| json!({"id": "g1", "displayName": "Crew", "members": members});
    let show = move |members: Value| {
        move |received: &Received| match received.path() {
            "/Groups" => Response::page(received, &[group(members.clone())]),
            _ => Response::of_users(received, &crew(3)),
        }
    };
    let upstream = Upstream::start(show(json!([{"value": "u1"}, {"value": "u2"}])));
    let before = Before::start(&upstream);
    before.looked("baseline");
    let check = |members: Value, expected: &[&str], flagged: bool| {
        upstream.respond(show(members));
        let answer = before.looked("drift");
        assert_eq!(answer["flagged"].get("Group").is_some(), flagged, "{answer}");
        let rows = before.server.admin().rows("/api/v1/apps/boat/groups/g1/members");
        let mut ids: Vec<&str> = rows.iter().map(|row| row["userId"].as_str().unwrap()).collect();
        ids.sort_unstable();
        assert_eq!(ids, expected);
    };
    check(json!([{"value": "u3"}, {"display": "Somebody"}]), &["u1", "u2", "u3"], true);
    check(json!("x".repeat(2_000)), &["u1", "u2", "u3"], true);
    check(json!([{"value": "u3"}]), &["u3"], false);
    check(json!([]), &[], false);
}

#[test]
fn a_list_is_read_to_its_end_and_its_totals_are_checked() {
    type Habit = fn(&Received) -> Response;
    fn cut(received: &Received, count: usize) -> Vec<Value> {
        let start = received.number("startIndex").unwrap() as usize - 1;
        crew(150).into_iter().skip(start).take(count).collect()
    }
    let cases: [(&str, Habit, u64, bool); 8] = [
        ("it keeps to the RFC", |received| Response::page(received, &crew(150)), 150, false),
        (
            "fewer on a page than asked for",
            |received| Response::list(150, &cut(received, 40)),
            150,
            false,
        ),
        (
            "its total is that of the page",
            |received| {
                let page = cut(received, 100);
                Response::list(page.len() as u64, &page)
            },
            150,
            true,
        ),
        ("it begins anew for every page", |_| Response::list(150, &crew(100)), 100, true),
        ("it shows all on every page", |_| Response::list(150, &crew(150)), 150, false),
        (
            "it ends before its total",
            |received| Response::list(200, &cut(received, 100)),
            150,
            true,
        ),
        (
            "beyond its end it refuses",
            |received| match cut(received, 100) {
                page if page.is_empty() => Response::error(400),
                page => Response::list(150, &page),
            },
            150,
            false,
        ),
        (
            "it has no total",
            |received| Response::json(200, &json!({"Resources": cut(received, 100)})),
            150,
            false,
        ),
    ];
    let upstream = Upstream::start(|_| Response::error(500));
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(&folder.path().join("recorder"));
    for (place, (what, habit, seen, incomplete)) in cases.into_iter().enumerate() {
        upstream.respond(move |received| match received.path() {
            "/Users" => habit(received),
            _ => Response::page(received, &[]),
        });
        let slug = format!("boat-{place}");
        add(&server, folder.path(), &slug, &upstream.url);
        let output = server.command(&["app", "baseline", &slug]);
        let text = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(i32::from(incomplete)), "{what}: {text}");
        assert_eq!(text.contains("incomplete: user: "), incomplete, "{what}: {text}");
        assert!(text.contains(&format!("{seen} user resources")), "{what}: {text}");
        let users = server.admin().get(&format!("/api/v1/apps/{slug}/users?limit=1")).body;
        assert_eq!(users["rowCount"], seen, "{what}");
        let expected = if incomplete { "partial" } else { "complete" };
        assert_eq!(users["coverage"]["state"], expected, "{what}: {}", users["coverage"]);
    }
}

#[test]
fn a_gap_after_an_incomplete_list_ends_with_a_complete_one() {
    let upstream = Upstream::start(|received| match received.path() {
        "/Users" => Response::list(3, &crew(2)),
        _ => Response::page(received, &[]),
    });
    let before = Before::start(&upstream);
    before.looked("baseline");
    before.check_coverage(true);
    let between = before.users().body["generatedAt"].as_str().unwrap().to_owned();
    upstream.respond(|received| Response::of_users(received, &crew(3)));
    assert_eq!(before.looked("drift")["incomplete"], false);
    before.check_coverage(false);
    let then = before.server.admin().query("/api/v1/apps/boat/users", &[("at", &between)]);
    assert_eq!(then.body["coverage"]["gaps"][0]["reason"], INCOMPLETE, "{}", then.text);
    // A failed check changes nothing.
    upstream.respond(|_| Response::error(500));
    assert_eq!(before.look("drift").status, 502);
    before.check_coverage(false);
}

#[test]
fn an_unusable_answer_changes_nothing() {
    let upstream = Upstream::start(|received| Response::of_users(received, &crew(4)));
    let before = Before::start(&upstream);
    assert_eq!(before.looked("baseline")["seen"]["User"], 4);
    type Habit = fn(&Received) -> Response;
    let cases: [(Habit, &str); 7] = [
        (|_| Response::text(404, "text/plain", "no route"), "404"),
        (|_| Response::error(404), "404"),
        (|_| Response::empty(302).with("location", "/login"), "redirects are not followed"),
        (|_| Response::text(200, "text/html", "<html>Sign in</html>"), "text/html, is no JSON"),
        (|_| Response::json(200, &json!({"status": "error"})), "no ListResponse"),
        (|_| Response::empty(200), "it is empty"),
        (|_| Response::empty(503), "503"),
    ];
    for (habit, words) in cases {
        upstream.respond(habit);
        for how in ["drift", "baseline"] {
            let answer = before.look(how);
            assert_eq!(answer.status, 502, "{words}");
            let detail = answer.body["detail"].as_str().unwrap();
            assert!(detail.contains(words), "{detail}");
        }
        let drift = before.server.command(&["app", "drift", "boat"]);
        assert!(!drift.status.success(), "{words}");
        assert_eq!(before.names().len(), 4, "{words}");
    }
    // One type is no longer served.
    upstream.respond(|received| match received.path() {
        "/Users" => Response::text(404, "text/plain", "no route"),
        _ => Response::page(received, &[]),
    });
    let answer = before.looked("drift");
    assert_eq!(answer["incomplete"], true, "{answer}");
    assert_eq!(before.names().len(), 4);
    // A type that was never served is no problem.
    upstream.respond(|received| match received.path() {
        "/Groups" => Response::error(404),
        _ => Response::of_users(received, &crew(4)),
    });
    let answer = before.looked("drift");
    assert_eq!((&answer["incomplete"], &answer["notServed"]), (&json!(false), &json!(["Group"])));
}

#[test]
fn a_list_that_shrinks_is_not_accepted_at_once() {
    let upstream = Upstream::start(|received| Response::of_users(received, &crew(20)));
    let before = Before::start(&upstream);
    before.looked("baseline");
    // A quarter may be missing.
    upstream.respond(|received| Response::of_users(received, &crew(15)));
    let answer = before.looked("drift");
    assert_eq!(
        (&answer["rowCount"], &answer["incomplete"]),
        (&json!(5), &json!(false)),
        "{answer}"
    );
    assert_eq!(before.names().len(), 15);
    for left in [11, 0] {
        upstream.respond(move |received| Response::of_users(received, &crew(left)));
        let drift = before.server.command(&["app", "drift", "boat"]);
        let text = String::from_utf8(drift.stdout).unwrap();
        assert_eq!(drift.status.code(), Some(1), "{text}");
        assert!(text.contains("--accept-shrink"), "{text}");
        assert_eq!(before.names().len(), 15);
        before.check_coverage(true);
    }
    let drift = before.server.command(&["app", "drift", "boat", "--accept-shrink"]);
    assert_eq!(drift.status.code(), Some(1), "it differs");
    assert_eq!(before.names().len(), 0);
    before.check_coverage(false);
    assert_eq!(before.server.command(&["app", "drift", "boat"]).status.code(), Some(0));
}

#[test]
fn a_single_resource_may_be_missing() {
    let upstream = Upstream::start(|received| Response::of_users(received, &crew(1)));
    let before = Before::start(&upstream);
    before.looked("baseline");
    upstream.respond(|received| Response::of_users(received, &[]));
    assert_eq!(before.looked("drift")["rowCount"], 1);
    assert_eq!(before.names().len(), 0);
}

#[test]
fn a_name_with_another_holder_stays_with_it() {
    let bob = |id: &str| vec![named(json!(id), "bob@fjord.example")];
    let upstream = Upstream::start(move |received| Response::of_users(received, &bob("id1")));
    let before = Before::start(&upstream);
    before.looked("baseline");
    // Deleted unnoticed and created again.
    upstream.respond(move |received| match received.method.as_str() {
        "POST" => Response::json(201, &bob("id2")[0]),
        _ => Response::of_users(received, &bob("id2")),
    });
    assert_eq!(before.app.post("/Users", &user("bob@fjord.example")).status, 201);
    let drift = before.looked("drift");
    assert_eq!(drift["rows"][0]["resourceId"], "id1", "{drift}");
    let path = "/api/v1/apps/boat/users/userName:bob@fjord.example";
    let found = before.server.admin().get(path);
    assert_eq!(
        (found.status, &found.body["resource"]["id"]),
        (200, &json!("id2")),
        "{}",
        found.text
    );
}

#[test]
fn ids_are_found_encoded_and_raw() {
    let ids = ["a%3Db", "cn=bo,ou=deck", "a/b", "a b", "a+b", "ø", "50%"];
    let users = move || -> Vec<Value> {
        ids.iter().map(|id| named(json!(id), &format!("{id}@fjord.example"))).collect()
    };
    let upstream = Upstream::start(move |received| match received.method.as_str() {
        "DELETE" => Response::empty(204),
        _ => Response::of_users(received, &users()),
    });
    let before = Before::start(&upstream);
    assert_eq!(before.looked("baseline")["seen"]["User"], 7);
    for (sent, id) in [
        ("a%3Db", "a%3Db"),
        ("cn%3Dbo%2Cou%3Ddeck", "cn=bo,ou=deck"),
        ("a%2Fb", "a/b"),
        ("a%20b", "a b"),
        ("a+b", "a+b"),
        ("%C3%B8", "ø"),
        ("50%25", "50%"),
    ] {
        assert_eq!(before.app.delete(&format!("/Users/{sent}")).status, 204);
        assert_eq!(before.last()["resourceId"], id, "{sent}");
        // The recorder reads them back as well.
        let mut deletions =
            upstream.received().into_iter().filter(|received| received.method == "DELETE");
        assert_eq!(deletions.next_back().unwrap().path(), format!("/Users/{sent}"));
    }
    assert_eq!(before.names(), Vec::<String>::new());
}

#[test]
fn hop_by_hop_headers_and_addresses_are_not_forwarded() {
    let upstream = Upstream::start(|received| {
        Response::of_users(received, &crew(1))
            .with("connection", "close, X-Inner")
            .with("x-inner", "1")
            .with("keep-alive", "timeout=5")
            .with("x-outer", "2")
    });
    let before = Before::start(&upstream);
    let headers = [
        ("connection", "x-foo, X-Bar"),
        ("x-foo", "1"),
        ("x-bar", "2"),
        ("x-baz", "3"),
        ("x-original-url", "/admin"),
    ];
    let answer = before.app.send("GET", "/Users/u1", &headers, b"").unwrap();
    let received = upstream.received().pop().unwrap();
    for gone in ["x-foo", "x-bar", "x-original-url"] {
        assert_eq!(received.header(gone), None, "{gone}");
    }
    assert_eq!(received.header("x-baz"), Some("3"));
    assert_eq!((answer.header("x-inner"), answer.header("keep-alive")), ("", ""));
    assert_eq!(answer.header("x-outer"), "2");
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(vec![], flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn compressed_answers_and_byte_order_marks_are_read() {
    let zipped = |mut response: Response| {
        response.body = gzip(&response.body);
        response.with("content-encoding", "gzip")
    };
    let upstream = Upstream::start(move |received| zipped(Response::of_users(received, &crew(3))));
    let before = Before::start(&upstream);
    assert_eq!(before.looked("baseline")["seen"]["User"], 3);
    let read = before.app.get("/Users/u1");
    assert_eq!((&read.body["id"], read.header("content-encoding")), (&json!("u1"), ""));
    let marked = |mut response: Response| {
        response.body.splice(0..0, *b"\xEF\xBB\xBF");
        response
    };
    upstream.respond(move |received| marked(Response::of_users(received, &crew(4))));
    assert_eq!(before.looked("drift")["rows"][0]["resourceId"], "u4");
    // An answer that cannot be read is reported.
    let strange = |response: Response| response.with("content-encoding", "br");
    upstream.respond(move |received| strange(Response::of_users(received, &crew(4))));
    let refused = before.look("drift");
    assert_eq!(refused.status, 502);
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("content coding br, which is not read"), "{detail}");
    let read = before.app.get("/Users/u1");
    assert_eq!((read.status, read.header("content-encoding")), (200, "br"), "relayed as it came");
    let seq = before.last()["seq"].clone();
    let whole = before.server.admin().get(&format!("/api/v1/operations/{seq}")).body;
    let note = whole["resource"]["response"].to_string();
    assert!(note.contains("content coding br"), "{note}");
    // An answer that would never end is not read.
    upstream.respond(|_| {
        let mut bomb = Response::json(200, &json!({}));
        bomb.body = gzip(&vec![b' '; 64 << 20]);
        bomb.with("content-encoding", "gzip")
    });
    assert_eq!(before.app.get("/Users/u1").status, 504);
    assert_eq!(before.look("drift").status, 502);
}

/// Sends a request with a target that client libraries refuse.
pub fn raw(client: &Client, line: &str, headers: &str) -> u16 {
    use std::io::Read;
    let base = client.base().trim_start_matches("http://");
    let (address, path) = base.split_once('/').unwrap();
    let (method, below) = line.split_once(' ').unwrap();
    let mut stream = std::net::TcpStream::connect(address).unwrap();
    let token = &client.token;
    let request = format!(
        "{method} /{path}{below} HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {token}\r\n\
         {headers}connection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
fn an_ambiguous_request_is_refused() {
    let upstream = Upstream::start(|received| match received.method.as_str() {
        "GET" => Response::of_users(received, &crew(1)),
        _ => Response::empty(204),
    });
    let before = Before::start(&upstream);
    let alone = before.server.add_app("alone");
    let refused = [
        ("GET /Users/u1", "X-HTTP-Method-Override: DELETE\r\n"),
        ("GET /Users/u1", "x-http-method: DELETE\r\n"),
        ("GET /Users", "X-Method-Override: GET\r\n"),
        ("POST /Users", "X_HTTP_Method_Override: PUT\r\n"),
        ("GET /Users/u1?_method=DELETE", ""),
        ("GET /Users?%5Fmethod=delete&count=1", ""),
        ("GET /../../admin", ""),
        ("GET /Users/%2e%2e/%2E%2e/admin", ""),
        ("DELETE /Users/..%2f..%2fadmin", ""),
        ("GET /Users/%252e%252e/admin", ""),
        ("GET /Users/..;/admin", ""),
        ("GET /Users/..%5cadmin", ""),
        ("GET /Users/.", ""),
    ];
    for client in [&before.app, &alone] {
        for (line, headers) in refused {
            assert_eq!(raw(client, line, headers), 400, "{line} {headers}");
        }
    }
    assert_eq!(upstream.received().len(), 0);
    for slug in ["boat", "alone"] {
        let rows = before.server.admin().rows(&format!("/api/v1/operations?app={slug}"));
        assert_eq!(rows.len(), refused.len(), "each is on record");
        assert!(rows.iter().all(|row| row["effect"] == "rejected" && row["httpStatus"] == 400));
    }
    // Requests that the application could misread are refused before they are forwarded.
    for line in ["DELETE /Users%2Fu1", "DELETE //Users/u1", "DELETE /%55sers/u1"] {
        assert_eq!(raw(&before.app, line, ""), 400, "{line}");
    }
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let sent = before.app.send("POST", "/Users/u1", &form, b"_method=DELETE").unwrap();
    assert_eq!(sent.status, 415);
    let mut body = user("bo@fjord.example");
    body["_method"] = json!("DELETE");
    assert_eq!(before.app.post("/Users/u1", &body).status, 400);
    let path = json!({"Operations": [{"method": "DELETE", "path": "/Users/../Groups/1"}]});
    assert_eq!(before.app.post("/Bulk", &path).status, 400);
    assert_eq!(upstream.received().len(), 0);
    assert_eq!(before.app.get("/Users/u1").status, 200);
}

#[test]
fn an_overlong_id_affects_only_its_own_resource() {
    let long = || named(json!("x".repeat(70_000)), "long@fjord.example");
    let upstream = Upstream::start(move |received| match received.method.as_str() {
        "POST" => Response::json(201, &long()),
        _ => {
            let mut all = crew(3);
            all.insert(1, long());
            Response::of_users(received, &all)
        }
    });
    let before = Before::start(&upstream);
    for how in ["baseline", "drift"] {
        let answer = before.looked(how);
        assert_eq!((&answer["seen"]["User"], &answer["refused"]["User"]), (&json!(3), &json!(1)));
        assert_eq!(answer["incomplete"], true);
    }
    assert_eq!(before.app.post("/Users", &user("long@fjord.example")).status, 201);
    assert_eq!(before.last()["effect"], "unverified");
    assert_eq!(before.app.get("/Users").status, 200);
    assert_eq!(before.names().len(), 3);
}

#[test]
fn a_drift_check_without_an_upstream_is_a_client_error() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(folder.path());
    server.add_app("alone");
    for how in ["baseline", "drift"] {
        let answer = server.admin().post(&format!("/api/v1/apps/alone/{how}"), &Value::Null);
        assert_eq!(answer.status, 409, "{}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let path = format!("/api/v1/apps/alone/{how}?acceptShrink=perhaps");
        assert_eq!(server.admin().post(&path, &Value::Null).status, 400);
    }
}

#[test]
fn differences_found_by_a_read_are_drift_too() {
    let upstream = Upstream::start(|received| Response::of_users(received, &crew(2)));
    let before = Before::start(&upstream);
    before.looked("baseline");
    let drifted = || before.server.admin().rows("/api/v1/reports/drift?app=boat");
    assert_eq!(drifted().len(), 0);
    upstream.respond(|received| {
        let mut all = crew(2);
        all[0]["title"] = json!("Mate");
        Response::of_users(received, &all)
    });
    assert_eq!(before.app.get("/Users/u1").status, 200);
    let rows = drifted();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!(
        (&rows[0]["resourceId"], &rows[0]["operation"]),
        (&json!("u1"), &json!("observation (read)"))
    );
}
