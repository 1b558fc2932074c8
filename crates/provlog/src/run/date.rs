//! The `Date` of each answer (RFC 9110 §6.6.1).

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::extract::Request;
use axum::http::HeaderValue;
use axum::http::header::DATE;
use axum::middleware::{self, Next};
use event::Timestamp;
use projector::Committer;

/// The same routes, with a `Date` in each answer. hyper's own panics if the clock's time has no HTTP date.
pub(super) fn dated(router: Router, committer: Committer) -> Router {
    let latest = Arc::new(Latest::default());
    router.layer(middleware::from_fn(move |request: Request, next: Next| {
        let (latest, now) = (Arc::clone(&latest), committer.now());
        async move {
            let mut response = next.run(request).await;
            if let Some(date) = latest.at(now) {
                response.headers_mut().entry(DATE).or_insert(date);
            }
            response
        }
    }))
}

/// The header that was written last, with its second: the calendar is asked once a second.
#[derive(Default)]
struct Latest(Mutex<Option<(i64, HeaderValue)>>);

impl Latest {
    fn at(&self, now: Timestamp) -> Option<HeaderValue> {
        let second = now.0.div_euclid(1_000_000);
        // A panic under this lock leaves no half-made state.
        let mut latest = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, date)) = &*latest
            && *known == second
        {
            return Some(date.clone());
        }
        let date = HeaderValue::try_from(now.to_http_date()?).ok()?;
        *latest = Some((second, date.clone()));
        Some(date)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_date_is_that_of_each_second() {
        let latest = Latest::default();
        let check = |micros, expected: Option<&str>| {
            let date = latest.at(Timestamp(micros));
            assert_eq!(date.as_ref().map(|date| date.to_str().unwrap()), expected, "{micros}");
        };
        check(999_999, Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        check(0, Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        check(-1, None);
        check(1_000_000, Some("Thu, 01 Jan 1970 00:00:01 GMT"));
        check(999_999, Some("Thu, 01 Jan 1970 00:00:00 GMT"));
        check(i64::MAX, None);
    }
}
