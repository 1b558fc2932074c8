//! Bodies that arrive whole, in time and within bounds.

use std::future::poll_fn;
use std::pin::pin;
use std::time::Duration;

use axum::body::{Body, HttpBody};
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use crate::error::Error;

const BODY_BYTES_MAX: usize = 64 << 10;
/// A body that takes longer to arrive is refused.
const RECEIVE_MAX: Duration = Duration::from_secs(30);

/// A small JSON body. `form` says what it looks like; serde's own words could repeat values.
pub(super) async fn read_body<T: DeserializeOwned>(body: Body, form: &str) -> Result<T, Error> {
    let bytes = receive(body, BODY_BYTES_MAX).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Error::Body(format!("the body is not {form} (line {line}, column {column})"))
    })
}

/// The bytes of a body that arrives whole, and in time.
pub(super) async fn receive(body: Body, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let late = |_| Error::BodyLate { seconds: RECEIVE_MAX.as_secs() };
    timeout(RECEIVE_MAX, read_whole(body, bytes_max)).await.map_err(late)?
}

/// One that is longer than the bound is read no further.
async fn read_whole(body: Body, bytes_max: usize) -> Result<Vec<u8>, Error> {
    let mut body = pin!(body);
    let mut bytes = Vec::new();
    while let Some(frame) = poll_fn(|task| body.as_mut().poll_frame(task)).await {
        let broken = |_| Error::Body("the body broke off before its end".into());
        // Trailers have no data and say nothing to us.
        let data = frame.map_err(broken)?.into_data().unwrap_or_default();
        if bytes.len() + data.len() > bytes_max {
            return Err(Error::BodyTooLarge { bytes_max });
        }
        bytes.extend_from_slice(&data);
    }
    Ok(bytes)
}
