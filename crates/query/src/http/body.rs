//! Request bodies: whole, in time and within bounds.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};

use answers::act::JSON_BYTES_MAX;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use budget::{Budget, Work};
use event::Application;
use serde::de::DeserializeOwned;

use crate::Query;
use crate::error::Error;

/// The memory that a request's body occupies until the answer is made.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<Option<Work>>>);

/// A request body, unread. The bodies of all questions share one budget, as those of one application do.
pub(crate) struct Upload {
    body: Body,
    budget: Budget,
    kept: Kept,
}

impl FromRequest<Arc<Query>> for Upload {
    type Rejection = Infallible;

    async fn from_request(request: Request, query: &Arc<Query>) -> Result<Upload, Infallible> {
        let kept = request.extensions().get::<Kept>().cloned().unwrap_or_default();
        Ok(Upload { body: request.into_body(), budget: query.budget.clone(), kept })
    }
}

impl Upload {
    /// A body that is to be read.
    pub(crate) fn new(body: Body, budget: &Budget, kept: Kept) -> Upload {
        Upload { body, budget: budget.clone(), kept }
    }

    /// Reads a small JSON body. `form` describes it in the error; serde's message could repeat values.
    pub(super) async fn json<T: DeserializeOwned>(self, form: &str) -> Result<T, Error> {
        self.json_within(form, JSON_BYTES_MAX).await
    }

    /// Reads a JSON body of at most so many bytes.
    pub(super) async fn json_within<T: DeserializeOwned>(
        self,
        form: &str,
        bytes_max: usize,
    ) -> Result<T, Error> {
        let bytes = self.bytes(bytes_max).await?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let (line, column) = (error.line(), error.column());
            Error::Body(format!("the body is not {form} (line {line}, column {column})"))
        })
    }

    /// Reads the whole body. Stops at the limit and at the timeout.
    pub(crate) async fn bytes(self, bytes_max: usize) -> Result<Vec<u8>, Error> {
        const WHOSE: Application = Application::RECORDER;
        let Upload { body, budget, kept } = self;
        let arrived = incoming::receive(&budget, WHOSE, body, bytes_max, bytes_max).await;
        let arrived = arrived.map_err(|missing| Error::upload(missing, bytes_max))?;
        let (bytes, work) = arrived.carried_out(&budget, WHOSE).await;
        // A panic under this lock leaves no half-made state.
        *kept.0.lock().unwrap_or_else(PoisonError::into_inner) = work;
        Ok(bytes)
    }
}
