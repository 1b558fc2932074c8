//! The body of a request, bounded in bytes and time.

use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING};
use budget::{Budget, Held, Work};
use event::{Application, BodyNote, secret};
use scim::ScimError;
use tokio_util::sync::CancellationToken;

use crate::limits::BODY_BYTES_MAX;
use crate::record::ReceivedBody;

/// A body that takes longer to arrive is refused.
const RECEIVE_MAX: Duration = Duration::from_secs(30);
/// So much of a body that is too large is still read and thrown away, so that the client gets to
/// read the answer instead of a broken connection.
const DISCARD_BYTES_MAX: usize = 4 * BODY_BYTES_MAX;
const MEDIA_TYPE_BYTES_MAX: usize = 128;

/// A body that arrived whole.
pub(crate) struct Received {
    pub bytes: Vec<u8>,
    pub media_type: Option<String>,
    /// To be kept until the request is answered.
    pub share: Option<Work>,
}

/// So much of a body is received before it is charged.
const UNSHARED_BYTES_MAX: usize = 16 << 10;
/// Smaller bodies do not wait behind large ones.
const SMALL_BYTES_MAX: usize = 64 << 10;

/// The memory that bodies of all interfaces may take while they arrive and while they are carried out,
/// and the end of receiving at a stop.
pub(crate) struct Reception {
    budget: Budget,
    stopping: CancellationToken,
}

impl Reception {
    /// Receives until `stopping` is cancelled; what is still under way then is refused.
    pub(crate) fn new(budget: Budget, stopping: CancellationToken) -> Reception {
        Reception { budget, stopping }
    }

    /// Waits until there is memory to carry a body out.
    async fn share(&self, application: Application, bytes: &[u8]) -> Option<Work> {
        if bytes.len() <= SMALL_BYTES_MAX {
            return None;
        }
        let objects = bytes.iter().filter(|byte| **byte == b'{').count();
        Some(self.budget.work(application, bytes.len(), objects).await)
    }
}

/// Receives the body of a request of an application, or says what is to be recorded and answered instead.
pub(crate) async fn receive(
    reception: &Reception,
    application: Application,
    headers: &HeaderMap,
    body: Body,
) -> Result<Received, (BodyNote, ScimError)> {
    let media_type = media_type(headers);
    let note = |reason: &str, length_bytes: Option<u64>| BodyNote {
        reason: reason.to_owned(),
        length_bytes,
        media_type: media_type.clone(),
        line: 0,
        column: 0,
    };
    let is_plain = |coding: &axum::http::HeaderValue| {
        coding.as_bytes().trim_ascii().eq_ignore_ascii_case(b"identity")
    };
    if !headers.get_all(CONTENT_ENCODING).iter().all(is_plain) {
        // RFC 9110 §15.5.16. A few bytes could stand for any number of them.
        let detail = "a body must not be compressed: send it without Content-Encoding";
        let error = ScimError::new(415, None, detail);
        return Err((note("it is compressed", announced(headers)), error));
    }
    let mut bytes = Vec::new();
    // A body of unknown length may be as large as any.
    let chunked = headers.contains_key(TRANSFER_ENCODING);
    let share = match announced(headers) {
        Some(length) => usize::try_from(length).unwrap_or(usize::MAX).min(BODY_BYTES_MAX),
        None if chunked => BODY_BYTES_MAX,
        None => 0,
    };
    let collecting = collect(reception, application, share, body, &mut bytes);
    let collected = tokio::select! {
        collected = tokio::time::timeout(RECEIVE_MAX, collecting) => collected,
        () = reception.stopping.cancelled() => {
            let detail = "the server is stopping; ask again later";
            let error = ScimError::new(503, None, detail);
            return Err((note("the server stopped before it came", announced(headers)), error));
        }
    };
    match collected {
        Ok(Ok((length, held))) if length <= BODY_BYTES_MAX => {
            let share = reception.share(application, &bytes).await;
            drop(held);
            Ok(Received { bytes, media_type, share })
        }
        Ok(Ok((length, _held))) => {
            let known = announced(headers).unwrap_or(length as u64);
            let detail = format!("the body is larger than {BODY_BYTES_MAX} bytes");
            Err((note("it is too large", Some(known)), ScimError::too_large(detail)))
        }
        Ok(Err(())) => {
            let detail = "the body broke off before its end";
            let error = ScimError::invalid_syntax(detail);
            Err((note("it broke off", announced(headers)), error))
        }
        Err(_elapsed) => {
            let seconds = RECEIVE_MAX.as_secs();
            let detail = format!("the body did not arrive within {seconds} seconds");
            let error = ScimError::new(408, None, detail);
            Err((note("it did not arrive in time", announced(headers)), error))
        }
    }
}

/// Reads up to the bound into `bytes` and returns how long the body is, as far as it was read, and the
/// memory that it holds. A body is charged for what has arrived once that is much: clients that announce
/// much and send nothing, or little at a time, keep nobody else waiting.
async fn collect(
    reception: &Reception,
    application: Application,
    share: usize,
    body: Body,
    bytes: &mut Vec<u8>,
) -> Result<(usize, Option<Held>), ()> {
    let mut body = std::pin::pin!(body);
    let mut length = 0_usize;
    let mut held = None;
    loop {
        let frame = std::future::poll_fn(|task| body.as_mut().poll_frame(task)).await;
        let data: Bytes = match frame {
            None => return Ok((length, held)),
            Some(Err(_)) => return Err(()),
            Some(Ok(frame)) => frame.into_data().unwrap_or_default(), // trailers say nothing to us
        };
        length += data.len();
        if length > UNSHARED_BYTES_MAX {
            let held = held.get_or_insert_with(|| {
                // Address space alone: a page counts once something is written there.
                bytes.reserve_exact(share.saturating_sub(bytes.len()));
                reception.budget.body(application)
            });
            held.grow(length.min(BODY_BYTES_MAX)).await;
        }
        if length <= BODY_BYTES_MAX {
            bytes.extend_from_slice(&data);
        } else if length > DISCARD_BYTES_MAX {
            return Ok((length, held));
        }
    }
}

/// A body that nobody reads, as far as the head announces one.
pub(crate) fn describe_unread(headers: &HeaderMap, reason: &str) -> ReceivedBody {
    match announced(headers) {
        None | Some(0) => ReceivedBody::None,
        length_bytes => ReceivedBody::Described(BodyNote {
            reason: reason.to_owned(),
            length_bytes,
            media_type: media_type(headers),
            line: 0,
            column: 0,
        }),
    }
}

/// Whether a media type announces JSON; none at all is tolerated.
pub(crate) fn is_json(media_type: Option<&str>) -> bool {
    let Some(media_type) = media_type else { return true };
    ["application/scim+json", "application/json"]
        .iter()
        .any(|known| media_type.eq_ignore_ascii_case(known))
}

fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn media_type(headers: &HeaderMap) -> Option<String> {
    // Without its parameters: they say nothing that we use, and could say anything.
    let essence = headers.get(CONTENT_TYPE)?.to_str().ok()?.split(';').next()?.trim();
    let text = secret::cut(essence, &[]);
    // A header value that `to_str` takes is ASCII, so any byte is a boundary.
    Some(text[..text.len().min(MEDIA_TYPE_BYTES_MAX)].to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const APP: Application = Application(1);

    #[test]
    fn json_goes_by_two_names_with_or_without_a_charset() {
        let check = |text: Option<&str>, expected| assert_eq!(is_json(text), expected);
        check(None, true);
        check(Some("application/scim+json"), true);
        check(Some("Application/JSON"), true);
        check(Some("text/json"), false);
        check(Some(""), false);
    }

    #[test]
    fn media_types_are_kept_without_parameters_and_tokens() {
        let check = |text: &str, expected: &str| {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, text.parse().unwrap())]);
            assert_eq!(media_type(&headers).as_deref(), Some(expected));
        };
        check("application/json ; charset=utf-8;password=x", "application/json");
        check(&format!("text/plg_{}", "0a".repeat(32)), "text/null");
    }

    /// A body of which nothing comes.
    struct Silent;

    impl HttpBody for Silent {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            self: std::pin::Pin<&mut Self>,
            _: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, Self::Error>>> {
            std::task::Poll::Pending
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_does_not_come_is_refused_in_time() {
        let reception = Reception::new(Budget::new(2), CancellationToken::new());
        let headers = HeaderMap::from_iter([(CONTENT_LENGTH, "5".parse().unwrap())]);
        let (note, error) =
            receive(&reception, APP, &headers, Body::new(Silent)).await.err().unwrap();
        assert_eq!((note.length_bytes, error.status), (Some(5), 408));
    }

    #[tokio::test(start_paused = true)]
    async fn a_small_body_does_not_wait_behind_large_ones() {
        let reception = Reception::new(Budget::new(2), CancellationToken::new());
        let taken = [reception.budget.body(APP), reception.budget.body(APP)];
        taken[1].grow(budget::BODIES_BYTES_MAX / 4).await;
        let check = async |length: usize| {
            let body = Body::from(vec![b' '; length]);
            receive(&reception, APP, &HeaderMap::new(), body)
                .await
                .err()
                .map(|(_, error)| error.status)
        };
        assert_eq!(check(UNSHARED_BYTES_MAX).await, None);
        assert_eq!(check(UNSHARED_BYTES_MAX + 1).await, Some(408), "it waits for its share");
    }

    #[tokio::test]
    async fn a_compressed_body_is_refused_unread() {
        let reception = Reception::new(Budget::new(2), CancellationToken::new());
        let check = async |coding: &'static str, expected: Option<u16>| {
            let headers = HeaderMap::from_iter([(CONTENT_ENCODING, coding.parse().unwrap())]);
            let received = receive(&reception, APP, &headers, Body::from("{}")).await;
            assert_eq!(received.err().map(|(_, error)| error.status), expected, "{coding}");
        };
        check("gzip", Some(415)).await;
        check("Identity", None).await;
    }

    #[tokio::test]
    async fn a_body_at_the_bound_is_taken_and_one_above_is_not() {
        let reception = Reception::new(Budget::new(2), CancellationToken::new());
        let check = async |length: usize| {
            receive(&reception, APP, &HeaderMap::new(), Body::from(vec![b' '; length])).await
        };
        assert_eq!(check(BODY_BYTES_MAX).await.ok().map(|r| r.bytes.len()), Some(BODY_BYTES_MAX));
        let (note, error) = check(BODY_BYTES_MAX + 1).await.err().unwrap();
        assert_eq!((note.length_bytes, error.status), (Some(BODY_BYTES_MAX as u64 + 1), 413));
    }
}
