//! Runs a request's work on a thread where it does not delay others.

use std::panic::{AssertUnwindSafe, catch_unwind};

use scim::ScimError;
use store::with_causes;

use crate::errors::defect;

/// How long work takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weight {
    /// Microseconds, and a few rows that are most likely in memory: another thread would take longer.
    Light,
    /// Possibly long: it runs on a blocking thread.
    Heavy,
}

/// Runs work that reads the store or a body. If it panics, the request fails as a defect and is
/// recorded as such.
pub(super) async fn work<T: Send + 'static, E: std::error::Error + Send + 'static>(
    weight: Weight,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ScimError> {
    match weight {
        Weight::Light => light(work),
        Weight::Heavy => tokio::task::spawn_blocking(|| light(work)).await.unwrap_or_else(|_| {
            tracing::error!("a request was not carried out: the server ends");
            Err(defect())
        }),
    }
}

/// The same for [`Weight::Light`] work, which may borrow.
pub(super) fn light<T, E: std::error::Error + 'static>(
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, ScimError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => {
            let error = with_causes(&error);
            tracing::error!(error, "a request failed before it reached the committer");
            Err(defect())
        }
        Err(_) => {
            tracing::error!("a request panicked before it reached the committer");
            Err(defect())
        }
    }
}
