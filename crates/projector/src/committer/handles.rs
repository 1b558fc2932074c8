//! The metrics of the committer's thread: their handles are looked up once, at its start.

use std::time::Duration;

use metrics::{Counter, Histogram};

/// Handles of the metrics of a batch.
pub(super) struct Handles {
    /// How long appends took that were synced, and others.
    synced: Histogram,
    appended: Histogram,
    pub(super) events: Counter,
    pub(super) decide: Stage,
    pub(super) encode: Stage,
    pub(super) fold: Stage,
    pub(super) append: Stage,
    pub(super) publish: Stage,
}

/// The time spent in one stage of all batches.
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
        let took = |kind: &'static str| metrics::histogram!("provlog_append_duration_seconds", "kind" => kind);
        Handles {
            synced: took("synced"),
            appended: took("appended"),
            events: metrics::counter!("provlog_events_appended_total"),
            decide: Stage::new("decide"),
            encode: Stage::new("encode"),
            fold: Stage::new("fold"),
            append: Stage::new("append"),
            publish: Stage::new("publish"),
        }
    }

    /// How long appends took.
    pub(super) fn append_took(&self, is_synced: bool) -> &Histogram {
        if is_synced { &self.synced } else { &self.appended }
    }
}
