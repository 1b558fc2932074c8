//! Reviews: who may sign off memberships, what is kept of it, and what it tells later.

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::matrix::Boat;

const REVIEWS: &str = "/api/v1/reviews";

impl Boat {
    async fn token(&self, role: Value) -> String {
        let answer = self.server.admin("POST", "/api/v1/tokens", &role).await;
        answer.body["token"].as_str().unwrap().to_owned()
    }

    /// Adds a review with a token; its status and answer.
    async fn review(&self, token: &str, body: Value) -> (u16, Value) {
        let answer = self.server.send("POST", REVIEWS, token, &body).await;
        (answer.status, answer.body)
    }

    async fn reviewed(&self, body: Value) -> Value {
        let (status, answer) = self.review(&self.server.admin_token, body).await;
        assert_eq!(status, 201, "{answer:#}");
        answer
    }

    async fn show(&self, review: &Value) -> Value {
        let (status, answer) = self.ask(&format!("/reviews/{}", review["seq"])).await;
        assert_eq!(status, 200, "{answer:#}");
        answer["resource"].clone()
    }

    /// The reviews that a token sees.
    async fn list(&self, query: &str, token: &str) -> Vec<Value> {
        let path = format!("{REVIEWS}?{query}");
        let answer = self.server.send("GET", &path, token, &Value::Null).await;
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.body["rows"].as_array().unwrap().iter().map(|row| row["seq"].clone()).collect()
    }
}

/// The digest of rows, as anybody can compute it.
fn sha256(rows: &Value) -> String {
    let lines = rows.as_array().unwrap().iter().map(|row| canonical::text(row) + "\n");
    let digest = Sha256::digest(lines.collect::<String>());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_keeps_which_answer_was_signed_off() {
    let boat = Boat::new().await;
    let (mira, ole) = (boat.user("mira").await, boat.user("ole").await);
    let crew = boat.group("Crew", &[&mira, &ole]).await;
    boat.later();
    for question in [
        "/api/v1/apps/boat/groups/displayName:Crew/members?limit=1",
        "/api/v1/apps/boat/matrix?groups=displayName:Crew",
        "/api/v1/apps/boat/matrix?nested=true&allUsers=true&compare=-1s",
    ] {
        let body = json!({"question": question, "outcome": "approved", "remark": "fine"});
        let added = boat.reviewed(body).await;
        let pinned = added["question"].as_str().unwrap();
        assert!(pinned.contains("at=2026-") && pinned.contains("knownAt="), "{pinned}");
        assert!(!pinned.contains("limit=") && !pinned.contains("Crew"), "{pinned}");
        // Whoever asks the pinned question has the rows that were reviewed, now and later.
        let check = async || {
            let answer = boat.server.admin("GET", pinned, &Value::Null).await;
            assert_eq!(answer.status, 200, "{answer:?}");
            assert_eq!(answer.body["rowCount"], added["rows"]);
            assert_eq!(answer.body["coverage"]["state"], "complete", "{answer:?}");
            assert_eq!(added["sha256"], sha256(&answer.body["rows"]), "{answer:?}");
        };
        check().await;
        boat.later();
        boat.user(&format!("later-{}", added["seq"])).await;
        boat.patch(&crew, "remove", &ole).await;
        boat.later();
        check().await;
        let shown = boat.show(&added).await;
        assert_eq!((&shown["sameAnswer"], &shown["question"]), (&json!(true), &added["question"]));
        assert_eq!((&shown["remark"], &shown["role"]), (&json!("fine"), &json!("admin")));
        boat.patch(&crew, "add", &ole).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_tells_whether_memberships_have_ended_since() {
    let boat = Boat::new().await;
    let (mira, ole) = (boat.user("mira").await, boat.user("ole").await);
    let crew = boat.group("Crew", &[&mira, &ole, "nobody-knows"]).await;
    let deck = boat.group("Deck", &[&ole]).await;
    let revoke = |user: &str, group: &str| json!({"userId": user, "groupId": group});
    let revoked = [revoke(&ole, &crew), revoke(&ole, &deck), revoke("nobody-knows", &crew)];
    let added = boat
        .reviewed(json!({"question": "/api/v1/apps/boat/matrix",
                         "outcome": "approvedWithRevocations", "revoke": revoked}))
        .await;
    let state = async || {
        let shown = boat.show(&added).await;
        let rows = shown["revoke"].as_array().unwrap().clone();
        assert_eq!(shown["revocations"], rows.len());
        let state =
            |row: &Value| (row["ended"].as_bool().unwrap(), row["memberNow"].as_bool().unwrap());
        (shown["lasting"].as_u64().unwrap(), rows.iter().map(state).collect::<Vec<_>>(), rows)
    };
    let (lasting, states, rows) = state().await;
    assert_eq!((lasting, states), (3, vec![(false, true); 3]));
    assert_eq!((&rows[0]["userName"], &rows[1]["groupName"]), (&json!("ole"), &json!("Deck")));
    assert_eq!(rows[2]["userId"], "nobody-knows");

    boat.later();
    boat.patch(&crew, "remove", &ole).await;
    let (lasting, states, rows) = state().await;
    assert_eq!((lasting, states), (2, vec![(true, false), (false, true), (false, true)]));
    let ended = rows[0]["endedSeq"].as_u64().unwrap();
    let event = boat.server.events().into_iter().find(|event| event.seq == ended).unwrap();
    assert_eq!(rows[0]["endedAt"], event.header.recorded_at.to_string());
    // What ended has ended, although there is a new membership.
    boat.patch(&crew, "add", &ole).await;
    let (lasting, states, _) = state().await;
    assert_eq!((lasting, states), (2, vec![(true, true), (false, true), (false, true)]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_without_an_answer_or_with_others_memberships_is_refused() {
    let boat = Boat::new().await;
    let (mira, ole) = (boat.user("mira").await, boat.user("ole").await);
    let crew = boat.group("Crew", &[&mira]).await;
    boat.group("All hands", &[&crew]).await;
    let members = "/api/v1/apps/boat/groups/displayName:Crew/members";
    let hands = "/api/v1/apps/boat/groups/displayName:All%20hands/members?nested=true";
    let matrix = "/api/v1/apps/boat/matrix";
    let revoke = |user: &str| json!([{"userId": user}]);
    let token = format!("plg_{}", "0a".repeat(32));
    let many: Vec<Value> = (0..5_001).map(|n| json!({"userId": format!("u-{n}")})).collect();
    let check = async |question: &str, other: Value, status: u16, why: &str| {
        let mut body = json!({"question": question, "outcome": "approvedWithRevocations"});
        for (name, value) in other.as_object().unwrap() {
            body[name] = value.clone();
        }
        let before = boat.server.events().len();
        let (got, refusal) = boat.review(&boat.server.admin_token, body.clone()).await;
        assert_eq!(got, status, "{body}: {refusal}");
        assert!(refusal["detail"].as_str().unwrap().contains(why), "{body}: {refusal}");
        // A refusal can tell who is in a group, so it is on record.
        assert_eq!(boat.server.events().len(), before + 1, "{body}");
    };
    let approved = |remark: &str| json!({"outcome": "approved", "remark": remark});
    check("/api/v1/apps/boat/users", approved(""), 400, "`question` takes").await;
    check("matrix", approved(""), 400, "`question` takes").await;
    check("/api/v1/apps/kite/matrix", approved(""), 404, "no such application").await;
    let nothing = "/api/v1/apps/boat/groups/displayName:None/members";
    check(nothing, approved(""), 404, "no event has").await;
    check(&format!("{matrix}?at=2027-01-01"), approved(""), 400, "has not passed").await;
    check(&format!("{matrix}?odd=1"), approved(""), 400, "unknown parameter").await;
    check(members, approved(&"x".repeat(4_097)), 400, "`remark` takes").await;
    check(members, approved(&token), 400, "secret").await;
    check(members, json!({}), 400, "names the memberships").await;
    check(members, json!({"outcome": "approved", "revoke": revoke(&mira)}), 400, "nothing").await;
    check(members, json!({"revoke": many}), 400, "at most 5,000").await;
    check(members, json!({"revoke": revoke(&ole)}), 400, "membership 1 of").await;
    check(matrix, json!({"revoke": revoke(&mira)}), 400, "membership 1 of").await;
    // Through another group: it is that one's members that can be taken out.
    check(hands, json!({"revoke": revoke(&mira)}), 400, "membership 1 of").await;
    let fine = json!({"question": members, "outcome": "rejected", "revoke": revoke(&mira)});
    assert_eq!(boat.show(&boat.reviewed(fine).await).await["revocations"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn reviews_are_found_by_their_question_and_exported_with_its_answer() {
    let boat = Boat::new().await;
    let mira = boat.user("mira").await;
    let crew = boat.group("Crew", &[&mira]).await;
    let at = boat.later();
    boat.later();
    let admin = boat.server.admin_token.clone();
    let add = async |question: String| {
        let added = boat.reviewed(json!({"question": question, "outcome": "approved"})).await;
        added["seq"].clone()
    };
    let by_name = "apps/boat/groups/displayName:Crew/members";
    let first = add(format!("/api/v1/{by_name}?at={at}")).await;
    let second = add(format!("/api/v1/apps/boat/groups/{crew}/members")).await;
    let matrix = add(format!("/api/v1/apps/boat/matrix?groups={crew}&at={at}")).await;
    boat.user("another").await;

    let list = async |query: &str| boat.list(query, &admin).await;
    let all = [matrix.clone(), second.clone(), first.clone()];
    assert_eq!(list("").await, all);
    assert_eq!(list("app=boat&limit=1").await, all[..1]);
    assert_eq!(list(&format!("question={by_name}")).await, all[1..]);
    assert_eq!(list(&format!("question={by_name}%3Fat={at}")).await, all[2..]);
    let spelled = format!("question=/api/v1/apps/boat/matrix%3Fat={at}%26groups=displayName:Crew");
    assert_eq!(list(&spelled).await, [matrix]);
    assert_eq!(list("question=apps/boat/matrix").await, Vec::<Value>::new());
    assert_eq!(list("question=operations").await, Vec::<Value>::new());
    let (status, _) = boat.ask("/reviews?question=nothing").await;
    assert_eq!(status, 400);

    // The manifest names the reviews of the question at the same instant.
    let in_manifest = async |question: &str| -> Value {
        let files = boat.server.export(question, &admin).await;
        serde_json::from_str::<Value>(&files["manifest.json"]).unwrap()["reviews"].clone()
    };
    let mut named = in_manifest(&format!("apps/boat/groups/{crew}/members?at={at}")).await;
    let (_, shown) = boat.ask(&format!("/reviews?question={by_name}%3Fat={at}")).await;
    let revoke = named[0].as_object_mut().unwrap().remove("revoke");
    assert_eq!(revoke, Some(json!([])));
    assert_eq!((&named, named.as_array().unwrap().len()), (&shown["rows"], 1));
    boat.later();
    assert_eq!(in_manifest(by_name).await, json!([]));
    assert_eq!(in_manifest("apps/boat/users").await, Value::Null);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_manifest_names_the_memberships_that_are_to_end() {
    let boat = Boat::new().await;
    let (mira, ole) = (boat.user("mira").await, boat.user("ole").await);
    let crew = boat.group("Crew", &[&mira, &ole]).await;
    let at = boat.later();
    boat.later();
    let question = format!("apps/boat/matrix?at={at}");
    let added = boat
        .reviewed(json!({"question": format!("/api/v1/{question}"),
                         "outcome": "approvedWithRevocations",
                         "revoke": [{"userId": ole, "groupId": crew}]}))
        .await;
    boat.later();
    boat.patch(&crew, "remove", &ole).await;
    let files = boat.server.export(&question, &boat.server.admin_token).await;
    let manifest: Value = serde_json::from_str(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["reviewCount"], 1);
    assert_eq!(manifest["reviews"][0]["revoke"], boat.show(&added).await["revoke"]);
    assert_eq!(manifest["reviews"][0]["revoke"][0]["userName"], "ole");
    assert_eq!(manifest["reviews"][0]["revoke"][0]["ended"], true);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_review_stays_with_an_instant_after_the_last_event() {
    let boat = Boat::new().await;
    let mira = boat.user("mira").await;
    boat.group("Crew", &[&mira]).await;
    boat.later();
    let (_, before) = boat.ask("/apps/boat/matrix").await;
    // Nothing happens until a while later, when somebody reviews.
    boat.later();
    let at = boat.later();
    boat.later();
    let question = format!("apps/boat/matrix?at={at}");
    let body = json!({"question": format!("/api/v1/{question}"), "outcome": "approved"});
    let added = boat.reviewed(body).await;
    assert!(!added["question"].as_str().unwrap().contains(&*at), "{added}: {before}");
    let address = answers::encoded(&question);
    let admin = boat.server.admin_token.clone();
    let all = [added["seq"].clone()];
    assert_eq!(boat.list(&format!("question={address}"), &admin).await, all);
    let files = boat.server.export(&question, &admin).await;
    let manifest: Value = serde_json::from_str(&files["manifest.json"]).unwrap();
    assert_eq!(manifest["reviews"][0]["seq"], added["seq"]);
    // At a later instant more was recorded.
    let later = answers::encoded(&format!("apps/boat/matrix?at={}", boat.later()));
    assert_eq!(boat.list(&format!("question={later}"), &admin).await, Vec::<Value>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn auditors_review_what_they_may_see() {
    let boat = Boat::new().await;
    let mira = boat.user("mira").await;
    boat.group("Crew", &[&mira]).await;
    boat.server.add_app("kite").await;
    let auditor = boat.token(json!({"role": "auditor"})).await;
    let own = boat.token(json!({"role": "app-auditor", "application": "boat"})).await;
    let other = boat.token(json!({"role": "app-auditor", "application": "kite"})).await;
    let body = json!({"question": "/api/v1/apps/boat/matrix", "outcome": "approved"});
    let mut added = vec![];
    for (token, expected) in
        [(&auditor, 201), (&own, 201), (&other, 404), (&boat.token, 403), (&String::new(), 401)]
    {
        let (status, answer) = boat.review(token, body.clone()).await;
        assert_eq!(status, expected, "{answer}");
        if expected == 201 {
            added.insert(0, answer["seq"].clone());
        }
    }
    for (token, seen) in [(&auditor, &added[..]), (&own, &added[..]), (&other, &[])] {
        assert_eq!(boat.list("", token).await, seen);
        for seq in &added {
            let path = format!("{REVIEWS}/{seq}");
            let answer = boat.server.send("GET", &path, token, &Value::Null).await;
            assert_eq!(answer.status, if seen.is_empty() { 404 } else { 200 }, "{answer:?}");
            if let Some(question) = answer.body["resource"]["question"].as_str() {
                // An auditor of the application can ask what was reviewed, by whomever.
                let answer = boat.server.send("GET", question, token, &Value::Null).await;
                assert_eq!(answer.status, 200, "{answer:?}");
                assert_eq!(answer.body["rowCount"], 1);
            }
        }
    }
    // Another event is no review.
    let (status, _) = boat.ask("/reviews/0").await;
    assert_eq!(status, 404);
}
