//! Pages that do not shift while new events arrive.

use event::{Changes, Method, ResourceType};
use serde_json::{Value, json};

use crate::harness::{MINUTE, START, Server, applied, numbers, operation, part};

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

const TIME: usize = 10;
const NOW: usize = 18;
const SIZE: usize = 26;

/// A cursor with other numbers at some of its places; see `cursor.rs` for the layout.
fn forged(cursor: &str, numbers: &[(usize, i64)]) -> String {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let value = |byte| digits.iter().position(|digit| *digit == byte).unwrap();
    let mut bytes = vec![];
    for four in cursor.as_bytes().chunks(4) {
        let bits = four.iter().fold(0, |bits, byte| bits << 6 | value(*byte));
        bytes.extend([bits >> 16, bits >> 8, bits].map(|bits| bits as u8));
    }
    assert_eq!(bytes.len(), 42);
    for (place, number) in numbers {
        bytes[*place..place + 8].copy_from_slice(&number.to_be_bytes());
    }
    let text = bytes.chunks(3).flat_map(|three| {
        let bits = three.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(digits[bits >> shift & 63]))
    });
    text.collect()
}

#[tokio::test]
async fn a_cursor_that_we_cannot_have_given_out_is_refused() {
    let server = Server::with_application().await;
    for number in 1..=3 {
        server.user(number, None).await; // seq 4 to 6 at 09:00
    }
    server.pass(5 * MINUTE);
    server.user(4, None).await; // seq 7 at 09:05
    server.pass(MINUTE);
    let present = START.0 + 6 * MINUTE;
    let users = "/api/v1/apps/paperboat/users";
    let ask = async |at: &str, numbers: &[(usize, i64)]| {
        let first = server.ask(&format!("{users}?limit=1{at}")).await;
        let cursor = forged(first["next"].as_str().unwrap(), numbers);
        let reply = server.get(&format!("{users}?limit=1{at}&cursor={cursor}")).await;
        if reply.status != 200 {
            assert_eq!(
                (reply.status.as_u16(), reply.problem().as_str()),
                (400, "invalid-parameter")
            );
        }
        reply.status == 200
    };
    let both = |time: i64| [(NOW, time), (TIME, time)];
    assert!(ask("", &[]).await);
    assert!(ask("", &both(present)).await, "as it was");
    assert!(ask("", &both(present - 1)).await, "may have been");
    let (before_year_0, after_year_9999) = (-62_167_219_200_000_001, 253_402_300_800_000_000);
    for time in [i64::MIN, before_year_0, present + 1, after_year_9999, i64::MAX] {
        assert!(!ask("", &both(time)).await, "{time}");
        assert!(!ask("", &[(TIME, time)]).await, "{time}");
        assert!(!ask("", &[(NOW, time)]).await, "{time}");
        assert!(!ask("&at=-1m", &[(TIME, time)]).await, "{time}");
        assert!(!ask("&at=2026-03-02", &[(TIME, time)]).await, "{time}");
    }
    assert!(!ask("", &[(TIME, present - 1)]).await, "without `at` the instant is the present");
    assert!(!ask("&at=-1m", &[(NOW, present - 1)]).await, "and with it what `at` means then");
    assert!(ask("&at=-1m", &[(NOW, present - 1), (TIME, present - 1 - MINUTE)]).await);

    for size in [-1, 9, 0, i64::MAX] {
        assert!(!ask("", &[(SIZE, size)]).await, "{size}");
    }
    let at_start = both(START.0);
    let with_size = |size| [at_start[0], at_start[1], (SIZE, size)];
    assert!(ask("", &with_size(7)).await, "the first seven events, then");
    assert!(!ask("", &at_start).await, "the last event was not there yet");
    assert!(!ask("", &both(START.0 - 1)).await, "nor was any");
    let late = both(START.0 + 5 * MINUTE + MINUTE);
    assert!(!ask("", &[late[0], late[1], (SIZE, 6)]).await, "long after, an event is not unseen");
}

#[tokio::test]
async fn no_cursor_hides_that_nobody_watched() {
    let server = Server::with_application().await;
    for number in 1..=2 {
        server.user(number, None).await;
    }
    let users = "/api/v1/apps/paperboat/users?limit=1";
    let first = server.ask(users).await;
    assert_eq!(first["coverage"]["state"], "complete");
    server.pass(MINUTE);
    let alive = server.clock.now();
    server.pass(10 * MINUTE);
    server.restarted(Some(alive)).await;
    let stopped = START.0 + 5 * MINUTE;
    let cursor = first["next"].as_str().unwrap();
    let cursor = forged(cursor, &[(NOW, stopped), (TIME, stopped)]);
    let page = server.ask(&format!("{users}&cursor={cursor}")).await;
    assert_eq!(page["query"]["at"], "2026-03-02T09:05:00.000000Z");
    let gap = json!({
        "from": "2026-03-02T09:01:00.000000Z", "to": "2026-03-02T09:11:00.000000Z",
        "reason": "recorder killed",
    });
    assert_eq!(page["coverage"], json!({"state": "partial", "gaps": [gap]}));
}
