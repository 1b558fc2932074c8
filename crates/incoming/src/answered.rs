//! What is counted and logged of an answered request.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use metrics::Histogram;

/// A request that takes longer is logged.
const SLOW: Duration = Duration::from_secs(1);

/// Whether an answer is worth a log line at `info`; others get one at `debug`. The record itself says who
/// sent what. `is_ours` is false if somebody else decided the status.
pub fn is_notable(status: u16, is_ours: bool, elapsed: Duration) -> bool {
    status >= 500 || (is_ours && status >= 400) || elapsed >= SLOW
}

/// A histogram of how long requests took, by method, by one more label, and by status. A handle is looked
/// up in the registry of metrics at the first request of its kind.
pub struct Durations {
    name: &'static str,
    label: &'static str,
    /// By the value of the label. There are few values, and few kinds of each.
    kinds: RwLock<HashMap<Box<str>, Vec<Kind>>>,
}

struct Kind {
    method: &'static str,
    status: u16,
    took: Histogram,
}

impl Durations {
    /// The histogram with this name. The values of the label must be few.
    pub fn new(name: &'static str, label: &'static str) -> Durations {
        Durations { name, label, kinds: RwLock::default() }
    }

    /// Records how long a request took.
    pub fn record(&self, method: &'static str, value: &str, status: u16, elapsed: Duration) {
        let seconds = elapsed.as_secs_f64();
        {
            // A panic under this lock leaves no half-made state.
            let kinds = self.kinds.read().unwrap_or_else(PoisonError::into_inner);
            let known = kinds.get(value).and_then(|kinds| known(kinds, method, status));
            if let Some(kind) = known {
                return kind.took.record(seconds);
            }
        }
        let took = metrics::histogram!(
            self.name,
            "method" => method,
            self.label => value.to_owned(),
            "code" => status.to_string(),
        );
        took.record(seconds);
        let mut kinds = self.kinds.write().unwrap_or_else(PoisonError::into_inner);
        let kinds = kinds.entry(value.into()).or_default();
        // Another request of this kind may have been as early.
        if known(kinds, method, status).is_none() {
            kinds.push(Kind { method, status, took });
        }
    }
}

fn known<'k>(kinds: &'k [Kind], method: &'static str, status: u16) -> Option<&'k Kind> {
    kinds.iter().find(|kind| kind.status == status && kind.method == method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_of_ours_failures_and_slow_requests_are_notable() {
        let check = |status, is_ours, elapsed, expected| {
            assert_eq!(is_notable(status, is_ours, elapsed), expected, "{status} {is_ours}");
        };
        let quick = SLOW - Duration::from_millis(1);
        for status in [200, 201, 204, 304] {
            check(status, true, quick, false);
            check(status, true, SLOW, true);
        }
        check(400, true, quick, true);
        check(404, true, quick, true);
        check(404, false, quick, false);
        check(404, false, SLOW, true);
        check(500, true, quick, true);
        check(502, false, quick, true);
    }

    #[test]
    fn each_kind_of_request_has_one_handle() {
        let durations = Durations::new("provlog_test_seconds", "route");
        for _ in 0..2 {
            durations.record("GET", "/a", 200, SLOW);
            durations.record("GET", "/a", 404, SLOW);
            durations.record("PUT", "/a", 200, SLOW);
            durations.record("GET", "/b", 200, SLOW);
        }
        let kinds = durations.kinds.read().unwrap();
        assert_eq!((kinds["/a"].len(), kinds["/b"].len(), kinds.len()), (3, 1, 2));
    }
}
