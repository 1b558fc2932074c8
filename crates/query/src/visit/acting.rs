//! What a form does: its requests to the API, and what it uploads.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use answers::act::UPLOAD_BYTES_MAX;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ConnectInfo;
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap, HeaderValue, Method, Request, StatusCode};
use axum::response::Response;
use budget::{Counted, Owner, UnderWay};
use incoming::{HasLeft, Missing, RECEIVE_MAX, next_piece};
use tokio::time::{Instant, timeout, timeout_at};
use tower::ServiceExt;

use super::{Refusal, Watch};
use crate::Query;
use crate::caller::FromForm;
use crate::error::Error;
use crate::frame::RequestId;
use crate::http::{Kept, Questions};
use crate::session::IDLE_MAX_S;

/// A large upload that takes longer to arrive is refused. Its session lasts until then.
const STREAM_MAX: Duration = Duration::from_secs(50 * 60);
const _: () = assert!(STREAM_MAX.as_secs() < IDLE_MAX_S.cast_unsigned());

/// Acts as the caller of the session in which a form was sent. It ends with the session or the token, and does
/// not keep the session from ending.
pub struct Acting {
    headers: HeaderMap,
    extensions: Extensions,
    watch: Watch,
}

impl Acting {
    /// Goes on for the form whose request has this head.
    pub(super) fn of(parts: &Parts, query: &Arc<Query>) -> Acting {
        let mut extensions = of_connection(&parts.extensions);
        // Of the request that will have been answered: its client may leave, and it holds nothing any more.
        extensions.remove::<HasLeft>();
        extensions.remove::<Counted>();
        extensions.remove::<UnderWay>();
        extensions.insert(FromForm::Before);
        let mut parts = parts.clone();
        parts.extensions = extensions.clone();
        let headers = parts.headers.clone();
        Acting { headers, extensions, watch: Watch { query: Arc::clone(query), parts } }
    }

    /// Notes that the session is used now: somebody waited until all that the form sends had arrived.
    pub fn is_used(&self) {
        let query = &self.watch.query;
        if let Some(session) = query.sessions.brought(&self.headers) {
            query.sessions.used(&session, query.committer.now());
        }
    }

    /// Whether the session has ended, or its token.
    pub async fn has_ended(&self) -> bool {
        let looked = self.watch.look(|_| Ok(())).await;
        looked.is_err_and(|refusal| refusal.status() == StatusCode::UNAUTHORIZED)
    }

    /// Sends one request, as [`super::Visitor::act`] does.
    ///
    /// # Errors
    /// [`Refusal`], when it cannot be sent. What the API refuses is its response.
    pub async fn act(
        &self,
        method: Method,
        path: &str,
        body: Body,
        content_type: &'static str,
    ) -> Result<Response, Refusal> {
        let mut extensions = self.extensions.clone();
        extensions.insert(Kept::default());
        act(self.headers.clone(), extensions, (method, path, body, content_type)).await
    }
}

/// Hands a request to the routes of the API.
pub(super) async fn act(
    headers: HeaderMap,
    extensions: Extensions,
    (method, path, body, content_type): (Method, &str, Body, &'static str),
) -> Result<Response, Refusal> {
    let questions: Router = match extensions.get::<Questions>() {
        Some(Questions(questions)) => questions.clone(),
        None => return Err(Error::Defect.into()),
    };
    let request = Request::builder().method(method).uri(path).body(body);
    let mut request = request.map_err(|_| Error::Defect)?;
    *request.headers_mut() = headers;
    // They describe the body of the form.
    for name in [CONTENT_LENGTH, TRANSFER_ENCODING] {
        request.headers_mut().remove(name);
    }
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    *request.extensions_mut() = extensions;
    let Ok(response) = questions.oneshot(request).await;
    Ok(response)
}

/// An upload that is read piece by piece.
pub struct Uploading {
    body: Body,
    until: Instant,
}

impl Uploading {
    /// Reads a body within the time that an upload has.
    #[must_use]
    pub fn new(body: Body) -> Uploading {
        Uploading { body, until: Instant::now() + STREAM_MAX }
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// [`Refusal`], when it breaks off, nothing comes for a while, or it takes too long.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Refusal> {
        let pause = Instant::now() + RECEIVE_MAX;
        let (until, bound) = match self.until < pause {
            true => (self.until, STREAM_MAX),
            false => (pause, RECEIVE_MAX),
        };
        let piece = timeout_at(until, next_piece(&mut self.body)).await;
        match piece {
            Ok(piece) => piece.transpose().map_err(|_| broken()),
            Err(_) => Err(Error::BodyLate { seconds: bound.as_secs() }.into()),
        }
    }

    /// Reads what is left and throws it away, for a while: a browser that still sends does not read why it was
    /// refused.
    pub async fn discard(mut self) {
        let rest = async { while let Ok(Some(_)) = self.next().await {} };
        // What is not read by then is cut off.
        let _ = timeout(RECEIVE_MAX, rest).await;
    }
}

fn broken() -> Refusal {
    Refusal::from(Error::upload(Missing::Broken, UPLOAD_BYTES_MAX))
}

/// What the listener and the frame know of a request, for one that is sent on. The names in the page's own
/// address stay behind: the router would add them to those of the other address.
pub(super) fn of_connection(page: &Extensions) -> Extensions {
    fn copy<T: Clone + Send + Sync + 'static>(from: &Extensions, to: &mut Extensions) {
        if let Some(value) = from.get::<T>() {
            to.insert(value.clone());
        }
    }
    let mut carried = Extensions::new();
    copy::<ConnectInfo<SocketAddr>>(page, &mut carried);
    copy::<Owner>(page, &mut carried);
    copy::<HasLeft>(page, &mut carried);
    copy::<RequestId>(page, &mut carried);
    copy::<Questions>(page, &mut carried);
    copy::<Kept>(page, &mut carried);
    copy::<Counted>(page, &mut carried);
    copy::<UnderWay>(page, &mut carried);
    carried
}
