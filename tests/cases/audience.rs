//! Who sees what, and who saw it: every question names the applications that it showed, and whoever sees
//! one application learns nothing of others.

use std::ops::Range;

use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::samples::{Address, Samples};

/// What an answer shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Shown {
    /// What is of no application.
    Nothing,
    Boat,
    /// All applications.
    All,
}

/// Questions about no application, each with why.
const ABOUT_NONE: [(&str, &str); 1] = [("/api/v1/profiles", "the answer is part of the program")];

struct Two {
    server: InProcess,
    boat: String,
    kite: String,
    _folder: tempfile::TempDir,
}

impl Two {
    /// Two applications with a user each.
    async fn new() -> Two {
        let folder = tempfile::tempdir().unwrap();
        let server = InProcess::open(&folder.path().join("data"), START).await;
        let (boat, kite) = (server.add_app("boat").await, server.add_app("kite").await);
        let two = Two { server, boat, kite, _folder: folder };
        two.add("boat", &two.boat, "mira").await;
        two.add("kite", &two.kite, "zoltan").await;
        two
    }

    async fn add(&self, slug: &str, token: &str, name: &str) {
        let path = format!("/apps/{slug}/scim/v2/Users");
        let body = json!({"userName": name, "active": true});
        assert_eq!(self.server.send("POST", &path, token, &body).await.status, 201);
    }

    async fn token(&self, role: Value) -> String {
        let answer = self.server.admin("POST", "/api/v1/tokens", &role).await;
        answer.body["token"].as_str().unwrap().to_owned()
    }

    async fn auditor_of(&self, slug: &str) -> String {
        self.token(json!({"role": "app-auditor", "application": slug})).await
    }

    async fn ask_as(&self, path: &str, token: &str) -> Value {
        let answer = self.server.send("GET", path, token, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body
    }

    async fn ask(&self, path: &str) -> Value {
        self.ask_as(path, &self.server.admin_token).await
    }

    /// The addresses of the questions that showed an application, oldest first.
    async fn looks_at(&self, slug: &str) -> Vec<(String, bool)> {
        self.looks_between(slug, &(0..u64::MAX)).await
    }

    /// The same of those whose events are in a range.
    async fn looks_between(&self, slug: &str, seqs: &Range<u64>) -> Vec<(String, bool)> {
        let log = self.ask(&format!("/api/v1/access-log?app={slug}&limit=1000")).await;
        assert_eq!(log["next"], Value::Null, "more than a page");
        let rows = log["rows"].as_array().unwrap().iter().rev();
        let rows = rows.filter(|row| seqs.contains(&row["seq"].as_u64().unwrap()));
        rows.map(|row| {
            let target = row["target"].as_str().unwrap().to_owned();
            (target, row["allApplications"].as_bool().unwrap())
        })
        .collect()
    }

    /// How many events there are.
    fn size(&self) -> u64 {
        self.server.server.committer().store().log_size().unwrap()
    }

    async fn upload(&self, query: &str, csv: &str) {
        let path = format!("/api/v1/reference-lists?{query}");
        assert_eq!(self.server.admin_text("POST", &path, csv).await.status, 201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_question_is_found_by_each_application_that_it_showed() {
    let two = Two::new().await;
    let members = json!([{"value": two.ask("/api/v1/apps/boat/users").await["rows"][0]["userId"]}]);
    for name in ["Crew", "Deck"] {
        let body = json!({"displayName": name, "members": members});
        let path = "/apps/boat/scim/v2/Groups";
        assert_eq!(two.server.send("POST", path, &two.boat, &body).await.status, 201);
    }
    two.upload("name=staff", "userName,terminatedAt\nmira,2026-01-01\n").await;
    let saved = json!({"name": "weekly", "question": "/api/v1/apps/boat/groups"});
    assert_eq!(two.server.admin("POST", "/api/v1/saved-questions", &saved).await.status, 201);
    let review = json!({"question": "/api/v1/apps/boat/matrix", "outcome": "approved"});
    let review = two.server.admin("POST", "/api/v1/reviews", &review).await;
    assert_eq!(review.status, 201, "{review:?}");
    let operations = two.ask("/api/v1/operations?app=boat").await;
    let samples = Samples {
        app: "boat",
        user: "userName:mira",
        group: "displayName:Crew",
        groups: "displayName:Crew,displayName:Deck",
        list: "staff",
        saved: "weekly",
        token: "1".to_owned(),
        operation: operations["rows"][0]["seq"].to_string(),
        review: review.body["seq"].to_string(),
    };
    // What is shown, whether that is of all applications, and how it is asked for.
    let mut asked: Vec<(Shown, String)> = vec![];
    for one in answers::all() {
        for Address { text, is_of_application } in samples.forms(one.path, &one.parameters) {
            let shown =
                match (ABOUT_NONE.iter().any(|(path, _)| *path == one.path), is_of_application) {
                    (true, _) => Shown::Nothing,
                    (false, true) => Shown::Boat,
                    (false, false) => Shown::All,
                };
            asked.push((shown, text.clone()));
            // An export is found as its question is.
            if one.is_list() && shown != Shown::Nothing {
                let question = text.strip_prefix("/api/v1/").unwrap();
                let question = question.replace('?', "%3F").replace('&', "%26").replace('=', "%3D");
                asked.push((shown, format!("/api/v1/export?question={question}")));
            }
        }
    }
    for version in ["/v1.0", "/beta"] {
        for path in ["provisioning", "provisioning/$count"] {
            asked.push((Shown::All, format!("{version}/auditLogs/{path}")));
        }
    }
    let from = two.size();
    for (_, path) in &asked {
        let answer = two.server.admin("GET", path, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
    }
    let seqs = from..two.size();
    let target = |path: &str| match path.strip_prefix("/api/v1/export?question=") {
        Some(question) => {
            let question = question.replace("%3F", "?").replace("%26", "&").replace("%3D", "=");
            format!("/api/v1/{question}")
        }
        None => path.to_owned(),
    };
    for (slug, own) in [("boat", Shown::Boat), ("kite", Shown::All)] {
        let asked = asked.iter().filter(|(shown, _)| [own, Shown::All].contains(shown));
        let expected = asked.map(|(shown, path)| (target(path), *shown == Shown::All));
        let mut expected: Vec<_> = expected.collect();
        expected.sort();
        let looks = two.looks_between(slug, &seqs).await;
        // An export's target ends with what its pages are asked with.
        let mut looks: Vec<_> = looks
            .into_iter()
            .map(|(target, all)| (target.trim_end_matches(['?', '&']).to_owned(), all))
            .collect();
        looks.sort();
        assert_eq!(looks, expected, "{slug}");
    }
    // Whoever asked about everything before an application was there did not see it.
    two.server.add_app("raft").await;
    assert_eq!(two.looks_at("raft").await, vec![]);
    two.ask("/api/v1/operations").await;
    assert_eq!(two.looks_at("raft").await.iter().filter(|(_, all)| *all).count(), 1);
}

/// A look is one also where its method is that of a change, and whatever comes of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_by_a_post_is_found_by_the_application_that_it_showed() {
    let two = Two::new().await;
    let entry = json!({"id": "a", "activityDateTime": "2026-02-14T08:02:11Z", "jobId": "j",
        "changeId": "c", "provisioningAction": "create"});
    let other = |principal: &str| {
        json!({"id": principal, "activityDateTime": "2026-02-14T08:02:11Z",
        "changeId": "c", "servicePrincipal": {"id": principal}})
    };
    let several = [other("sp-a"), other("sp-b")].map(|one| one.to_string()).join("\n");
    let path = |query: &str| format!("/api/v1/apps/boat/imports?{query}");
    let mut expected = vec![];
    for (query, body, status) in [
        ("check=true", entry.to_string(), 200),
        ("check=true", String::new(), 200),
        ("run=7", several, 400),
    ] {
        let answer = two.server.admin_text("POST", &path(query), &body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        expected.push((path(query), false));
        let mut looks = two.looks_at("boat").await;
        looks.retain(|(target, _)| !target.starts_with("/api/v1/access-log"));
        assert_eq!(looks, expected);
    }
    // What is imported is on record by that.
    let imported = two.server.admin_text("POST", &path("run=8"), &entry.to_string()).await;
    assert_eq!(imported.status, 200, "{imported:?}");
    let mut looks = two.looks_at("boat").await;
    looks.retain(|(target, _)| !target.starts_with("/api/v1/access-log"));
    assert_eq!(looks, expected);
    let kite = two.looks_at("kite").await;
    assert!(kite.iter().all(|(target, _)| !target.contains("imports")), "{kite:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_of_one_application_learns_nothing_of_people_elsewhere() {
    let two = Two::new().await;
    let auditor = two.auditor_of("boat").await;
    let csv = "userName,terminatedAt\nceo@corp.example,2026-01-01\nmira,2026-01-01\n";
    two.upload("name=hr", csv).await;
    two.upload("name=own&app=boat", csv).await;
    two.upload("name=theirs&app=kite", csv).await;
    let subjects = async |list: &str, token: &str| {
        let path = format!("/api/v1/reports/leavers?list={list}");
        let report = two.ask_as(&path, token).await;
        let rows = report["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| row["subject"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(subjects("hr", &auditor).await, ["mira"]);
    assert_eq!(subjects("own", &auditor).await, ["ceo@corp.example", "mira"]);
    let admin = two.server.admin_token.clone();
    assert_eq!(subjects("hr", &admin).await, ["ceo@corp.example", "mira"]);
    let theirs = "/api/v1/reports/leavers?list=theirs";
    assert_eq!(two.server.send("GET", theirs, &auditor, &Value::Null).await.status, 404);
    let theirs = "/api/v1/reports/orphans?list=theirs";
    assert_eq!(two.server.send("GET", theirs, &auditor, &Value::Null).await.status, 404);
    let lists = two.ask_as("/api/v1/reference-lists", &auditor).await;
    assert_eq!((&lists["rowCount"], &lists["rows"][0]["name"]), (&json!(1), &json!("own")));
    assert_eq!(lists["rows"][0]["application"], "boat");
    assert_eq!(two.ask("/api/v1/reference-lists").await["rowCount"], 3);

    // What others asked of everything may name people of other applications.
    two.ask("/api/v1/operations?resource=userName:zoltan").await;
    let log = two.ask_as("/api/v1/access-log", &auditor).await;
    assert!(!log.to_string().contains("zoltan"), "{log}");
    let row = &log["rows"][0];
    assert_eq!((&row["allApplications"], &row["rows"]), (&json!(true), &Value::Null), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_auditor_of_one_application_is_not_told_how_busy_others_are() {
    let two = Two::new().await;
    let auditor = two.auditor_of("boat").await;
    let stands = async |path: &str| {
        let answer = two.ask_as(path, &auditor).await;
        (answer["head"]["seq"].clone(), answer["atSeq"].clone())
    };
    let paths = ["/api/v1/operations", "/api/v1/apps/boat/users", "/api/v1/access-log"];
    let mut before = vec![];
    for path in paths {
        before.push(stands(path).await);
    }
    assert_eq!(before[0].0, before[0].1);
    let pinned = format!("/api/v1/apps/boat/users?knownAt={}", before[0].0);
    let known = two.ask_as(&pinned, &auditor).await;
    for name in ["a", "b", "c"] {
        two.add("kite", &two.kite, name).await;
        two.ask("/api/v1/apps/kite/users").await;
    }
    for (path, before) in paths.iter().zip(&before) {
        assert_eq!(&stands(path).await, before, "{path}");
    }
    // Nor can they be counted by asking what was known at an event.
    let last = before[0].0.as_u64().unwrap();
    for (seq, status) in [(last, 200), (last + 1, 400), (last + 1_000, 400)] {
        let path = format!("/api/v1/apps/boat/users?knownAt={seq}");
        let answer = two.server.send("GET", &path, &auditor, &Value::Null).await;
        assert_eq!(answer.status, status, "{path}");
    }
    // Its own events move it, and an instant that was known stays as it was.
    two.add("boat", &two.boat, "lena").await;
    let after = stands("/api/v1/operations").await;
    assert!(after.0.as_u64() > before[0].0.as_u64(), "{after:?}");
    let again = two.ask_as(&pinned, &auditor).await;
    for name in ["rows", "rowCount", "atSeq", "coverage"] {
        assert_eq!(known[name], again[name], "{name}");
    }
    // Whoever sees everything is told the log's end.
    let whole = two.ask("/api/v1/operations").await["head"]["seq"].as_u64();
    assert!(whole > after.0.as_u64());
}

#[tokio::test(flavor = "multi_thread")]
async fn later_pages_know_what_the_first_knew() {
    let two = Two::new().await;
    let second =
        |time: event::Timestamp, seconds: i64| event::Timestamp(time.0 + seconds * 1_000_000);
    for name in ["a", "b", "c", "d"] {
        two.server.clock.set(second(two.server.clock.now(), 600));
        two.add("boat", &two.boat, name).await;
    }
    two.server.clock.set(second(two.server.clock.now(), 60));
    let path = "/api/v1/operations?app=boat&limit=1&knownAt=-5m";
    let mut page = two.ask(path).await;
    let known_at = page["query"]["knownAt"].clone();
    let mut seqs = vec![];
    loop {
        let rows = page["rows"].as_array().unwrap().clone();
        seqs.extend(rows.iter().map(|row| row["seq"].as_u64().unwrap()));
        assert_eq!(page["query"]["knownAt"], known_at);
        let Some(next) = page["next"].as_str().map(str::to_owned) else { break };
        // Time passes between the pages.
        two.server.clock.set(second(two.server.clock.now(), 1_500));
        page = two.ask(&format!("{path}&cursor={next}")).await;
    }
    assert_eq!(seqs.len() as u64, page["rowCount"].as_u64().unwrap());
    assert!(seqs.is_sorted_by(|one, other| one > other), "{seqs:?}");
    assert_eq!(seqs.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn leavers_that_could_not_be_late() {
    let two = Two::new().await;
    let now = two.server.clock.now();
    let path = "/apps/boat/scim/v2/Users";
    let off = json!({"userName": "never", "active": false});
    assert_eq!(two.server.send("POST", path, &two.boat, &off).await.status, 201);
    two.server.clock.set(event::Timestamp(now.0 + 3_600_000_000));
    let csv = format!("userName,terminatedAt\nnever,{now}\nmira,{now}\nceo,{now}\n");
    two.upload("name=hr", &csv).await;
    let within = async |limit: &str| {
        let path = format!("/api/v1/reports/leavers?app=boat&list=hr&within={limit}");
        let report = two.ask(&path).await;
        let rows = report["rows"].as_array().unwrap().clone();
        rows.iter().map(|row| row["within"].clone()).collect::<Vec<_>>()
    };
    // Never switched on; still on with time left; nobody.
    assert_eq!(within("PT24H").await, [json!(true), Value::Null, json!(true)]);
    assert_eq!(within("PT30M").await, [json!(true), json!(false), json!(true)]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_whose_name_has_a_comma_can_be_named() {
    let two = Two::new().await;
    let users = two.ask("/api/v1/apps/boat/users").await;
    let id = users["rows"][0]["userId"].as_str().unwrap().to_owned();
    for name in ["A, B", "C"] {
        let body = json!({"displayName": name, "members": [{"value": id}]});
        let path = "/apps/boat/scim/v2/Groups";
        assert_eq!(two.server.send("POST", path, &two.boat, &body).await.status, 201);
    }
    for groups in
        ["%22displayName:A,%20B%22,displayName:C", "displayName:C,displayName:%22A,%20B%22"]
    {
        let path = format!("/api/v1/reports/overlap?app=boat&groups={groups}");
        assert_eq!(two.ask(&path).await["rowCount"], 1, "{groups}");
    }
    let open = "/api/v1/reports/overlap?app=boat&groups=%22A,C";
    assert_eq!(two.server.admin("GET", open, &Value::Null).await.status, 400);
}
