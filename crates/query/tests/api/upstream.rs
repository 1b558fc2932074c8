//! What was seen at an upstream, in the answers to what is asked of requests.

use event::{Effect, Fact, Method, Observation, Occasion, ResourceType, Seq, Verdict};
use serde_json::json;

use crate::harness::{
    MINUTE, PAPERBOAT, Server, applied, created, draft, numbers, operation, part, set,
};

/// User 1 was there when somebody looked, and its client finds it unchanged.
async fn seen() -> (Server, Seq) {
    let server = Server::start().await;
    let upstream = json!({"url": "http://127.0.0.1:9", "tokenFile": server.file("up.token", "t")});
    let new = json!({"application": "paperboat", "upstream": upstream});
    assert_eq!(server.post("/api/v1/apps", &server.admin, new).await.status, 201);
    let values = vec![
        set("id", json!("user-1")),
        set("userName", json!("u1@northwind.test")),
        set("active", json!(true)),
    ];
    let changes = created(ResourceType::USER, values, &[]);
    let look = Observation {
        resource_type: ResourceType::USER,
        number: numbers(&[1])[0],
        touches: vec![],
        occasion: Occasion::Baseline,
        settles: vec![],
        verdict: Verdict::None,
    };
    server.append(draft(PAPERBOAT, Fact::Observation(look), vec![part(1, changes)])).await;
    server.pass(MINUTE);
    let mut read = operation(Method::Get, ResourceType::USER, 1, 304);
    (read.effect, read.results) = (Effect::Read, Some(0));
    let read = server.append(applied(read, vec![])).await;
    (server, read)
}

#[tokio::test]
async fn an_account_that_is_as_its_client_knew_it_was_found() {
    let (server, read) = seen().await;
    let why = server.ask("/api/v1/apps/paperboat/users/user-1/why").await;
    let nodes = why["resource"]["nodes"].as_array().unwrap();
    let matched = nodes.iter().find(|node| node["name"] == "matched").unwrap();
    assert_eq!((&matched["state"], &matched["seqs"]), (&json!("yes"), &json!([read])));
}

#[tokio::test]
async fn a_look_is_no_request() {
    let (server, _) = seen().await;
    let job = server.ask("/api/v1/jobs/paperboat").await["resource"].clone();
    assert_eq!((&job["requestsInLastDay"], &job["failuresInLastDay"]), (&json!(1), &json!(0)));
    assert_eq!(job["lastRequestAt"], "2026-03-02T09:01:00.000000Z");
    assert_eq!(job["lastSuccessAt"], job["lastRequestAt"]);
    assert_eq!(job["lastWriteAt"], json!(null), "what was seen was written by nobody that we know");
}

#[tokio::test]
async fn a_file_that_is_no_secret_of_an_upstream_is_refused() {
    let server = Server::start().await;
    let good = server.file("up.token", "t");
    server.file("admin.token", "plg_mine");
    let folder = good.parent().unwrap();
    for (file, words) in [
        (folder.join("admin.token"), "is a file of the log itself"),
        (folder.join("db/CURRENT"), "is a file of the log itself"),
        (folder.join("absent"), "cannot be read"),
        ("/dev/zero".into(), "must be in the folder"),
        (folder.join(".."), "must be in the folder"),
        (folder.join("db/../.."), "must be in the folder"),
        (server.file("large", &"x".repeat((16 << 10) + 1)), "is larger than 16384 bytes"),
        ("up.token".into(), "absolute paths"),
    ] {
        let upstream = json!({"url": "http://127.0.0.1:9", "tokenFile": file});
        let trusting = json!({"url": "http://127.0.0.1:9", "tokenFile": good, "caFile": file});
        for upstream in [upstream, trusting] {
            let new = json!({"application": "paperboat", "upstream": upstream});
            let reply = server.post("/api/v1/apps", &server.admin, new).await;
            assert_eq!((reply.status.as_u16(), reply.problem()), (400, "invalid-body".into()));
            let detail = reply.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(words), "{file:?}: {detail}");
        }
    }
}

/// What would fail with the first request is said when it is configured.
#[tokio::test]
async fn a_file_without_one_token_is_refused() {
    let server = Server::start().await;
    for (text, words) in [
        ("", "is empty"),
        (" \n", "is empty"),
        ("one\ntwo\n", "more than one line"),
        ("one two", "no token has"),
    ] {
        let upstream =
            json!({"url": "http://127.0.0.1:9", "tokenFile": server.file("up.token", text)});
        let new = json!({"application": "paperboat", "upstream": upstream});
        let reply = server.post("/api/v1/apps", &server.admin, new).await;
        assert_eq!((reply.status.as_u16(), reply.problem()), (400, "invalid-body".into()));
        let detail = reply.json()["detail"].as_str().unwrap().to_owned();
        assert!(detail.contains("`upstream.tokenFile`") && detail.contains(words), "{detail}");
    }
    let file = server.file("up.token", "t");
    std::fs::write(&file, b"\xff\xfe").unwrap();
    let upstream = json!({"url": "http://127.0.0.1:9", "tokenFile": file});
    let new = json!({"application": "paperboat", "upstream": upstream});
    let reply = server.post("/api/v1/apps", &server.admin, new).await;
    assert!(reply.text.contains("is not UTF-8 text"), "{}", reply.text);
    let own = server.file("admin.token", "plg_mine");
    let link = own.with_file_name("linked.token");
    std::fs::hard_link(&own, &link).unwrap();
    let upstream = json!({"url": "http://127.0.0.1:9", "tokenFile": link});
    let new = json!({"application": "paperboat", "upstream": upstream});
    let reply = server.post("/api/v1/apps", &server.admin, new).await;
    assert_eq!(reply.status.as_u16(), 400);
    assert!(reply.text.contains("is a file of the log itself"), "{}", reply.text);
}
