//! The metrics registry of the process, and its text.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use budget::Budget;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use projector::Committer;
use tokio_util::sync::CancellationToken;

/// How often samples of histograms are folded into their buckets.
const METRICS_AFTER: Duration = Duration::from_secs(5);
/// The upper bounds of the buckets of append durations, in seconds.
const APPEND_BUCKETS: [f64; 9] = [0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.02, 0.1, 1.0];
/// The upper bounds of the buckets of request durations, in seconds.
const REQUEST_BUCKETS: [f64; 10] = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.1, 0.5, 2.0, 10.0];

/// One registry per process, even if a test opens several servers.
fn metrics_registry() -> Option<&'static PrometheusHandle> {
    static HANDLE: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    let handle = HANDLE.get_or_init(|| {
        let buckets = [
            ("provlog_append_duration_seconds", APPEND_BUCKETS.as_slice()),
            ("provlog_scim_request_duration_seconds", &REQUEST_BUCKETS),
            ("provlog_query_duration_seconds", &REQUEST_BUCKETS),
        ];
        let mut builder = PrometheusBuilder::new();
        for (name, bounds) in buckets {
            builder = builder
                .set_buckets_for_metric(Matcher::Full(name.to_owned()), bounds)
                .inspect_err(|error| tracing::error!(%error, "there are no metrics"))
                .ok()?;
        }
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).ok()?;
        Some(handle)
    });
    handle.as_ref()
}

/// Sets the registry, before anything looks up a handle of a metric: a handle without it counts nothing.
pub(super) fn install() {
    metrics_registry();
}

/// Folds the samples of histograms into their buckets regularly. Otherwise each sample is kept until
/// the metrics are read.
pub(super) async fn keep_metrics_small(stopping: CancellationToken) {
    loop {
        tokio::select! {
            () = stopping.cancelled() => return,
            () = tokio::time::sleep(METRICS_AFTER) => {
                if let Some(registry) = metrics_registry() {
                    registry.run_upkeep();
                }
            }
        }
    }
}

/// A function that returns the current metrics as text.
pub(super) fn render_metrics(
    committer: Committer,
    budget: Budget,
) -> Arc<dyn Fn() -> String + Send + Sync> {
    let registry = metrics_registry();
    Arc::new(move || {
        metrics::gauge!("provlog_disk_free_bytes").set(committer.disk_free_bytes() as f64);
        metrics::gauge!("provlog_store_bytes").set(committer.store().size_bytes() as f64);
        metrics::counter!("provlog_rows_read_total").absolute(committer.store().rows_read());
        metrics::counter!("provlog_rows_written_total").absolute(committer.store().rows_written());
        let damage = committer.store().damage();
        for (part, found) in [("log", &damage.log), ("rows", &damage.rows)] {
            let damaged = if found.is_some() { 1.0 } else { 0.0 };
            metrics::gauge!("provlog_damaged", "part" => part).set(damaged);
        }
        metrics::gauge!("provlog_answers_unread_bytes").set(budget.bytes() as f64);
        metrics::gauge!("provlog_exports_under_way").set(budget.exports() as f64);
        let poisoned = if committer.check().is_err() { 1.0 } else { 0.0 };
        metrics::gauge!("provlog_poisoned").set(poisoned);
        registry.map(PrometheusHandle::render).unwrap_or_default()
    })
}
