//! Work that a request needs, on the thread where it holds nobody up.

use std::panic::{AssertUnwindSafe, catch_unwind};

use scim::ScimError;
use store::with_causes;

use crate::errors::defect;

/// How much work something is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Weight {
    /// Some microseconds, and a few rows that are most likely in memory: to hand it to another thread
    /// would take longer.
    Light,
    /// It may take long, and goes where it holds nobody up.
    Heavy,
}

/// Runs something that reads the store or a body, and survives a panic in it: the request then fails
/// as a defect and is recorded as such.
pub(super) async fn work<T: Send + 'static, E: std::error::Error + Send + 'static>(
    weight: Weight,
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> Result<T, ScimError> {
    let work = move || catch_unwind(AssertUnwindSafe(work));
    let ran = match weight {
        Weight::Light => Ok(work()),
        Weight::Heavy => tokio::task::spawn_blocking(work).await,
    };
    match ran {
        Ok(Ok(Ok(value))) => Ok(value),
        Ok(Ok(Err(error))) => {
            let error = with_causes(&error);
            tracing::error!(error, "a request could not be understood");
            Err(defect())
        }
        Ok(Err(_)) | Err(_) => {
            tracing::error!("a request panicked while it was understood");
            Err(defect())
        }
    }
}
