//! The addresses of a witness.
//!
//! | request | answer |
//! |---|---|
//! | `POST /add-checkpoint` | 200 and the cosignature, or why not |
//! | `GET /HASH/checkpoint`, HASH being the SHA-256 of an origin in hexadecimal digits | 200 and the last checkpoint that was signed, or 404 |

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use http_body_util::BodyExt;
use tlog::{ADD_CHECKPOINT_BYTES_MAX, SIZE_MEDIA_TYPE, print_cosignatures, print_size};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::witness::{Refusal, Witness};

/// Requests that are received or carried out at once. Further ones are answered 503.
pub const REQUESTS_MAX: usize = 64;
/// A body that takes longer to arrive is refused. A usual one has less than 2 KiB.
pub const BODY_MAX: Duration = Duration::from_secs(10);

const TEXT: &str = "text/plain; charset=utf-8";

/// The routes of a witness. Nest them below a prefix, if it has one.
///
/// The bodies are bounded in bytes and time, the requests in number. How long a request's head may take,
/// and how many connections there are, is the listener's to bound.
pub fn router(witness: Arc<Witness>) -> Router {
    routes(witness, BODY_MAX)
}

pub(crate) fn routes(witness: Arc<Witness>, body_max: Duration) -> Router {
    let served = Served { witness, body_max, places: Arc::new(Semaphore::new(REQUESTS_MAX)) };
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/{origin_hash}/checkpoint", get(last_signed))
        .with_state(served)
}

#[derive(Clone)]
struct Served {
    witness: Arc<Witness>,
    body_max: Duration,
    places: Arc<Semaphore>,
}

impl Served {
    /// Runs what may wait for the disk; to its end, also if the client hangs up. The place is taken until
    /// then.
    async fn run<T: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        work: impl FnOnce(&Witness) -> T + Send + 'static,
    ) -> Result<T, Missing> {
        let witness = Arc::clone(&self.witness);
        let run = tokio::task::spawn_blocking(move || {
            let done = work(&witness);
            drop(place);
            done
        });
        run.await.map_err(|_| Missing::Failed)
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, Missing> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|_| Missing::Busy)
    }
}

async fn add_checkpoint(State(served): State<Served>, body: Body) -> Response {
    let answered = async {
        let place = served.place()?;
        let received = tokio::time::timeout(served.body_max, receive(body)).await;
        let body = received.map_err(|_| Missing::Late)??;
        served.run(place, move |witness| witness.add_checkpoint(&body)).await
    };
    match answered.await {
        Ok(Ok(signature)) => text(StatusCode::OK, print_cosignatures(&[signature])),
        Ok(Err(refusal)) => refused(&refusal),
        Err(missing) => missing.into_response(),
    }
}

async fn last_signed(State(served): State<Served>, Path(origin_hash): Path<String>) -> Response {
    let answered = async {
        let place = served.place()?;
        served.run(place, move |witness| witness.last_signed(&origin_hash)).await
    };
    match answered.await {
        Ok(Some(note)) => {
            let headers = [(CONTENT_TYPE, TEXT), (CACHE_CONTROL, "max-age=5")];
            (StatusCode::OK, headers, note.to_string()).into_response()
        }
        Ok(None) => text(StatusCode::NOT_FOUND, "nothing was signed of such a log\n".to_owned()),
        Err(missing) => missing.into_response(),
    }
}

/// Receives a body of at most [`ADD_CHECKPOINT_BYTES_MAX`]. The pieces are copied together: each is a part
/// of a buffer of its connection, which can be far larger.
async fn receive(mut body: Body) -> Result<Vec<u8>, Missing> {
    if body.size_hint().lower() > ADD_CHECKPOINT_BYTES_MAX as u64 {
        return Err(Missing::TooLarge);
    }
    let mut bytes = Vec::new();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Missing::Broken)?;
        let Ok(piece) = frame.into_data() else { continue };
        if bytes.len() + piece.len() > ADD_CHECKPOINT_BYTES_MAX {
            return Err(Missing::TooLarge);
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Why a request was not looked at.
enum Missing {
    /// As many others are under way as may be.
    Busy,
    TooLarge,
    Broken,
    Late,
    /// The work panicked; the log line of that says where.
    Failed,
}

impl IntoResponse for Missing {
    fn into_response(self) -> Response {
        let (status, reason) = match self {
            Missing::Busy => {
                let reason = "this witness is busy; try again\n".to_owned();
                return later(1, text(StatusCode::SERVICE_UNAVAILABLE, reason));
            }
            Missing::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "the request is too long\n"),
            Missing::Broken => (StatusCode::BAD_REQUEST, "the request broke off\n"),
            Missing::Late => (StatusCode::REQUEST_TIMEOUT, "the request took too long to arrive\n"),
            Missing::Failed => (StatusCode::INTERNAL_SERVER_ERROR, "this witness has a fault\n"),
        };
        text(status, reason.to_owned())
    }
}

fn refused(refusal: &Refusal) -> Response {
    let reason = || format!("{}\n", with_causes(refusal));
    match refusal {
        Refusal::Malformed(_) | Refusal::Note(_) => text(StatusCode::BAD_REQUEST, reason()),
        Refusal::UnknownLog => text(StatusCode::NOT_FOUND, reason()),
        Refusal::NotSigned(_) => text(StatusCode::FORBIDDEN, reason()),
        Refusal::OtherSize { known_size } => {
            let media_type = [(CONTENT_TYPE, SIZE_MEDIA_TYPE)];
            (StatusCode::CONFLICT, media_type, print_size(*known_size)).into_response()
        }
        Refusal::Inconsistent(_) => text(StatusCode::UNPROCESSABLE_ENTITY, reason()),
        Refusal::ClockBehind { .. } | Refusal::Sign(_) => {
            later(60, text(StatusCode::SERVICE_UNAVAILABLE, reason()))
        }
        Refusal::Unwritten(error) => {
            // Paths and errors of the disk are for the person who runs the witness.
            tracing::error!(%error, "cannot write what is signed");
            later(60, text(StatusCode::SERVICE_UNAVAILABLE, format!("{refusal}\n")))
        }
    }
}

fn text(status: StatusCode, body: String) -> Response {
    (status, [(CONTENT_TYPE, TEXT)], body).into_response()
}

fn later(seconds: u32, response: Response) -> Response {
    let after: [(HeaderName, String); 1] = [(RETRY_AFTER, seconds.to_string())];
    (after, response).into_response()
}

/// An error with what caused it, in one line.
fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text
}
