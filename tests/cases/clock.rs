//! A wrong clock: affected requests are refused and recorded with a plausible time, until the clock is
//! right again.

use event::{Fact, Timestamp};
use serde_json::{Value, json};

use crate::harness::in_process::{InProcess, START};
use crate::harness::server::user;

const DAY_US: i64 = 24 * 3_600 * 1_000_000;
const YEARS_US: i64 = 50 * 365 * DAY_US;

fn after(micros: i64) -> Timestamp {
    Timestamp(START.0.saturating_add(micros))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_jumps_ahead_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let server = InProcess::open(&folder.path().join("data"), START).await;
    let token = server.add_app("boat").await;
    let users = "/apps/boat/scim/v2/Users";
    let auditor = server.admin("POST", "/api/v1/tokens", &json!({"role": "auditor"})).await.body;
    for (turn, ahead) in [2 * 60 * 1_000_000, YEARS_US, i64::MAX / 2].into_iter().enumerate() {
        server.clock.jump(after(ahead));
        let refused = server.send("POST", users, &token, &user(&format!("mira-{turn}"))).await;
        assert_eq!(refused.status, 503, "{refused:?}");
        let detail = refused.body["detail"].as_str().unwrap();
        assert!(detail.contains("jumped ahead"), "{detail}");
        let read = server.send("GET", users, &token, &Value::Null).await;
        assert_eq!((read.status, &read.body["totalResults"]), (200, &json!(turn)));
        let refused = server.admin("POST", "/api/v1/tokens", &json!({"role": "auditor"})).await;
        assert_eq!((refused.status, &refused.body["type"]), (503, &json!("/problems/clock-ahead")));
        let asked = server.admin("GET", "/api/v1/apps", &Value::Null).await;
        assert_eq!(
            asked.body["generatedAt"],
            START.to_string(),
            "the present is not believed either"
        );

        server.clock.jump(START);
        let created = server.send("POST", users, &token, &user(&format!("mira-{turn}"))).await;
        assert_eq!(created.status, 201, "{created:?}");
    }
    server.clock.jump(after(YEARS_US));
    let id = format!("/api/v1/tokens/{}", auditor["id"].as_str().unwrap());
    assert_eq!(server.admin("DELETE", &id, &Value::Null).await.status, 200, "whatever it shows");
    for event in server.events() {
        assert_eq!(event.header.recorded_at, START, "{event:?}");
    }
    let is_refused = |fact: &Fact| matches!(fact, Fact::Operation(one) if one.status == 503);
    let refused = server.events().into_iter().filter(|event| is_refused(&event.header.fact));
    let shown: Vec<Timestamp> = refused.map(|event| event.header.raw_clock).collect();
    let expected = [after(2 * 60 * 1_000_000), after(YEARS_US), after(i64::MAX / 2)];
    assert_eq!(shown, expected, "what it showed is recorded");
    server.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_far_ahead_needs_to_be_accepted() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    InProcess::open(&data, START).await.close().await;
    let size = InProcess::open(&data, after(364 * DAY_US)).await;
    let before = size.events().len();
    size.close().await;
    let last = 364 * DAY_US;
    for ahead in [last + 366 * DAY_US, last + YEARS_US] {
        let refused = InProcess::try_open(&data, after(ahead), false).await.err().unwrap();
        let words = refused.to_string();
        assert!(
            words.contains("more than 365 days") && words.contains("--accept-clock"),
            "{words}"
        );
    }
    for odd in [Timestamp(-1), Timestamp(i64::MIN / 2), Timestamp(i64::MAX)] {
        for accept in [false, true] {
            let refused = InProcess::try_open(&data, odd, accept).await.err().unwrap();
            assert!(refused.to_string().contains("1970 to 9999"), "{refused}");
        }
    }
    let server = InProcess::try_open(&data, after(last + YEARS_US), true).await.unwrap();
    assert_eq!(server.events().len(), before + 2, "the stop before, and this start");
    server.close().await;
}

/// A machine that starts with a wrong time: the kept file must not make the next start accept it, nor
/// hide the gap.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_was_never_accepted_is_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    for (turn, ahead) in [366 * DAY_US, YEARS_US, 7_000 * 365 * DAY_US].into_iter().enumerate() {
        let data = folder.path().join(format!("data-{turn}"));
        InProcess::open(&data, START).await.close().await;
        let server = InProcess::open(&data, after(-2 * DAY_US)).await;
        server.clock.jump(after(ahead));
        server.close().await;

        let refused = InProcess::try_open(&data, after(ahead), false).await.err();
        let words = refused.map(|refused| refused.to_string()).unwrap_or_default();
        assert!(words.contains("--accept-clock"), "its clock is still wrong: {words:?}");

        let server = InProcess::open(&data, after(3 * DAY_US)).await;
        let asked = server.admin("GET", "/api/v1/operations", &Value::Null).await;
        let gaps = asked.body["coverage"]["gaps"].as_array().unwrap();
        let unwatched = json!({
            "from": START.to_string(),
            "to": after(3 * DAY_US).to_string(),
            "reason": "recorder stopped",
        });
        assert!(gaps.contains(&unwatched), "{gaps:?}");
        server.close().await;
    }
}
