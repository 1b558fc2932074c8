//! The body of a request, bounded in bytes and time.

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use budget::{Budget, Work};
use event::{Application, BodyNote, secret};
use incoming::{Missing, RECEIVE_MAX};
use scim::ScimError;
use tokio_util::sync::CancellationToken;

use crate::limits::BODY_BYTES_MAX;
use crate::record::ReceivedBody;

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
    let Reception { budget, stopping } = reception;
    let receiving = incoming::receive(budget, application, body, BODY_BYTES_MAX, DISCARD_BYTES_MAX);
    let arrived = tokio::select! {
        arrived = receiving => arrived,
        () = stopping.cancelled() => {
            let detail = "the server is stopping; ask again later";
            let error = ScimError::new(503, None, detail);
            return Err((note("the server stopped before it came", announced(headers)), error));
        }
    };
    match arrived {
        Ok(arrived) => {
            let (bytes, share) = arrived.carried_out(budget, application).await;
            Ok(Received { bytes, media_type, share })
        }
        Err(Missing::TooLarge { length }) => {
            let known = announced(headers).unwrap_or(length as u64);
            let detail = format!("the body is larger than {BODY_BYTES_MAX} bytes");
            Err((note("it is too large", Some(known)), ScimError::too_large(detail)))
        }
        Err(Missing::Broken) => {
            let detail = "the body broke off before its end";
            let error = ScimError::invalid_syntax(detail);
            Err((note("it broke off", announced(headers)), error))
        }
        Err(Missing::Late) => {
            let seconds = RECEIVE_MAX.as_secs();
            let detail = format!("the body did not arrive within {seconds} seconds");
            let error = ScimError::new(408, None, detail);
            Err((note("it did not arrive in time", announced(headers)), error))
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
    use axum::body::{Bytes, HttpBody};

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
