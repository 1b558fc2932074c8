//! Handles of the metrics of requests, looked up once.

use std::time::Duration;

use incoming::Durations;
use metrics::Counter;

/// Handles of the metrics of requests.
pub(super) struct Handles {
    pub(super) durations: Durations,
    pub(super) understand: Stage,
    pub(super) commit: Stage,
    pub(super) reply: Stage,
}

/// The time spent in one stage of all requests.
pub(super) struct Stage(Counter);

impl Stage {
    fn new(stage: &'static str) -> Stage {
        Stage(metrics::counter!("provlog_stage_nanoseconds_total", "stage" => stage))
    }

    pub(super) fn add(&self, spent: Duration) {
        self.0.increment(spent.as_nanos() as u64);
    }
}

impl Handles {
    pub(super) fn new() -> Handles {
        Handles {
            durations: Durations::new("provlog_scim_request_duration_seconds", "resource"),
            understand: Stage::new("understand"),
            commit: Stage::new("commit"),
            reply: Stage::new("reply"),
        }
    }
}
