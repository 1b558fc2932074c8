//! Pages that do not shift while new events arrive.

use event::{Changes, Method, ResourceType};
use serde_json::Value;

use crate::harness::{MINUTE, Server, applied, numbers, operation, part};

fn column(answer: &Value, name: &str) -> Vec<Value> {
    answer["rows"].as_array().unwrap().iter().map(|row| row[name].clone()).collect()
}

/// Reads all pages of a list, and lets something happen after each.
async fn read(server: &Server, path: &str, name: &str, meanwhile: impl AsyncFn()) -> Vec<Value> {
    let first = server.ask(path).await;
    let mut seen = column(&first, name);
    let mut next = first["next"].clone();
    while let Some(cursor) = next.as_str() {
        meanwhile().await;
        let page = server.ask(&format!("{path}&cursor={cursor}")).await;
        for member in ["atSeq", "rowCount", "coverage"] {
            assert_eq!(page[member], first[member], "{member}");
        }
        assert_eq!(page["query"]["at"], first["query"]["at"]);
        seen.extend(column(&page, name));
        next = page["next"].clone();
    }
    assert_eq!(seen.len() as u64, first["rowCount"].as_u64().unwrap());
    seen
}

#[tokio::test]
async fn users_stay_as_they_were_at_the_first_page() {
    let server = Server::with_application().await;
    for number in 1..=5 {
        server.user(number, None).await;
    }
    let next = std::cell::Cell::new(10);
    let meanwhile = async || {
        server.pass(MINUTE);
        server.user(next.get(), None).await;
        server.delete(ResourceType::USER, next.get() - 6, &[]).await;
        next.set(next.get() + 1);
    };
    let expected = ["user-1", "user-2", "user-3", "user-4", "user-5"];
    let path = "/api/v1/apps/paperboat/users?limit=2&active=true";
    assert_eq!(read(&server, path, "userId", meanwhile).await, expected);
}

/// A question about the future means the newest event, and on later pages still the same one.
#[tokio::test]
async fn an_instant_in_the_future_is_pinned_too() {
    let server = Server::with_application().await;
    for number in 1..=3 {
        server.user(number, None).await;
    }
    let next = std::cell::Cell::new(10);
    let meanwhile = async || {
        server.pass(MINUTE);
        server.user(next.get(), None).await;
        next.set(next.get() + 1);
    };
    let path = "/api/v1/apps/paperboat/users?limit=1&at=2026-03-03";
    let expected = ["user-1", "user-2", "user-3"];
    assert_eq!(read(&server, path, "userId", meanwhile).await, expected);
}

#[tokio::test]
async fn members_and_operations_stay_too() {
    let server = Server::with_application().await;
    for number in 1..=3 {
        server.user(number, None).await;
    }
    server.group(4, &[1, 2, 3]).await;
    let left = std::cell::Cell::new(3);
    let meanwhile = async || {
        server.pass(MINUTE);
        let left_now = numbers(&[left.get()]);
        let changes = Changes { left: left_now, ..Changes::default() };
        let patch = operation(Method::Patch, ResourceType::GROUP, 4, 204);
        server.append(applied(patch, vec![part(4, changes)])).await;
        left.set(left.get() - 1);
    };
    let path = "/api/v1/apps/paperboat/groups/group-4/members?limit=1";
    assert_eq!(read(&server, path, "userId", &meanwhile).await, ["user-1", "user-2", "user-3"]);
    let before = server.ask("/api/v1/operations").await;
    left.set(1);
    let meanwhile = async || {
        server.user(20, None).await;
    };
    let seen = read(&server, "/api/v1/operations?limit=4", "seq", meanwhile).await;
    assert_eq!(seen, column(&before, "seq"), "newest first, without the new ones");
}

#[tokio::test]
async fn applications_have_pages() {
    let server = Server::start().await;
    for slug in ["c", "a", "b"] {
        let body = serde_json::json!({"application": slug});
        server.post("/api/v1/apps", &server.admin, body).await;
    }
    let meanwhile = async || {
        let body = serde_json::json!({"application": "late"});
        server.post("/api/v1/apps", &server.admin, body).await;
    };
    let seen = read(&server, "/api/v1/apps?limit=2", "application", meanwhile).await;
    assert_eq!(seen, ["c", "a", "b"]);
}

#[tokio::test]
async fn a_cursor_serves_its_own_question_alone() {
    let server = Server::with_application().await;
    for number in 1..=3 {
        server.user(number, None).await;
    }
    let users = "/api/v1/apps/paperboat/users";
    let first = server.ask(&format!("{users}?limit=1&at=-1s")).await;
    assert_eq!(first.get("next"), None, "nobody was there");
    let first = server.ask(&format!("{users}?limit=1&active=true")).await;
    let cursor = first["next"].as_str().unwrap();
    let check = async |path: String, status: u16, slug: &str| {
        assert_eq!(server.refused(&path).await, (status, slug.to_owned()), "{path}");
    };
    check(format!("{users}?cursor={cursor}"), 400, "cursor-mismatch").await;
    check(format!("{users}?active=false&cursor={cursor}"), 400, "cursor-mismatch").await;
    check(format!("{users}?active=true&at=-1s&cursor={cursor}"), 400, "cursor-mismatch").await;
    check(format!("/api/v1/operations?cursor={cursor}"), 400, "cursor-mismatch").await;
    check(format!("{users}?active=true&cursor=x"), 400, "invalid-parameter").await;
    check(format!("{users}?active=true&cursor="), 400, "invalid-parameter").await;
    check(format!("{users}?active=true&cursor={cursor}AAAA"), 400, "invalid-parameter").await;
    let other_limit = server.ask(&format!("{users}?limit=7&active=true&cursor={cursor}")).await;
    assert_eq!(column(&other_limit, "userId"), ["user-2", "user-3"], "a page may be larger");
}

#[tokio::test]
async fn a_cursor_that_was_changed_anywhere_is_refused() {
    let server = Server::with_application().await;
    for number in 1..=3 {
        server.user(number, None).await;
    }
    let users = "/api/v1/apps/paperboat/users?limit=1";
    let cursor = server.ask(users).await["next"].as_str().unwrap().to_owned();
    for place in 0..cursor.len() {
        let mut forged = cursor.clone().into_bytes();
        forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        let refused = server.refused(&format!("{users}&cursor={forged}")).await;
        assert_eq!(refused, (400, "invalid-parameter".to_owned()), "at {place}");
    }
    server.ask(&format!("{users}&cursor={cursor}")).await;
}
