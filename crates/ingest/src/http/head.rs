//! What the head of a request tells.

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use event::{Application, Method, Origin, ResourceType, Stopwatch};
use std::net::SocketAddr;

use crate::address::Address;
use crate::catalog::Catalog;
use crate::cuts;
use crate::http::TARGET_BYTES_MAX;
use crate::record::{Arrival, ReceivedBody};

/// Longer names of methods that SCIM does not use are stored cut.
const METHOD_NAME_BYTES_MAX: usize = 32;

/// The arrival that the head makes; application, credential and body are not known yet.
pub(crate) fn arrival(
    watch: Stopwatch,
    parts: &Parts,
    address: &Address,
    catalog: &Catalog,
) -> Arrival {
    let (method, method_name) = method(parts.method.as_str());
    let client = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let presented = presented(&parts.headers);
    let resource_type = address.resource_type.as_deref();
    let target = cuts::cut_target(&address.target, catalog.secrets(), &presented, TARGET_BYTES_MAX);
    Arrival {
        watch,
        application: Application::RECORDER,
        origin: Origin {
            credential: event::Credential::NONE,
            client: client.map(|ConnectInfo(address)| address.ip().to_canonical()),
            user_agent: user_agent(&parts.headers),
            request_id: request_id(&parts.headers),
        },
        route: address.route,
        resource_type: resource_type.map_or(ResourceType::NONE, |name| catalog.stored_type(name)),
        method,
        method_name,
        target,
        body: ReceivedBody::None,
        index: 0,
    }
}

fn method(name: &str) -> (Method, Option<String>) {
    let known =
        [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete, Method::Head];
    match known.into_iter().find(|method| method.name() == name) {
        Some(method) => (method, None),
        None => {
            let name = cuts::cut_tokens(name);
            // Methods are ASCII (RFC 9110 §9.1), so any byte is a boundary.
            let end = name.len().min(METHOD_NAME_BYTES_MAX);
            (Method::Other, Some(name.get(..end).unwrap_or_default().to_owned()))
        }
    }
}

/// What a request says of who sends it.
pub(crate) enum Presented {
    /// Nothing.
    Nothing,
    /// Something else than `Bearer` and a token (RFC 6750 §2.1).
    NoBearer,
    /// A token, which may be anybody's.
    Token(String),
}

impl Presented {
    pub(crate) fn of(headers: &HeaderMap) -> Presented {
        let Some(value) = headers.get(AUTHORIZATION) else { return Presented::Nothing };
        let pair = value.to_str().ok().and_then(|value| value.split_once([' ', '\t']));
        match pair {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                Presented::Token(token.trim().to_owned())
            }
            Some(_) | None => Presented::NoBearer,
        }
    }

    pub(crate) fn token(&self) -> Option<&str> {
        match self {
            Presented::Token(token) => Some(token),
            Presented::Nothing | Presented::NoBearer => None,
        }
    }

    pub(crate) fn into_token(self) -> Option<String> {
        match self {
            Presented::Token(token) => Some(token),
            Presented::Nothing | Presented::NoBearer => None,
        }
    }
}

/// Everything that may be a token in the head, well-formed or not, so that it can be cut elsewhere.
fn presented(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(AUTHORIZATION).iter().filter_map(|value| value.to_str().ok());
    values.filter_map(|value| value.split_ascii_whitespace().last()).map(str::to_owned).collect()
}

fn user_agent(headers: &HeaderMap) -> String {
    let value = headers.get(USER_AGENT).map(|value| value.as_bytes()).unwrap_or_default();
    let mut text = cuts::cut_tokens(&String::from_utf8_lossy(value)).into_owned();
    let mut end = text.len().min(Origin::USER_AGENT_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

/// The client's request id, when it is short and printable, or one of ours.
fn request_id(headers: &HeaderMap) -> String {
    headers
        .get("x-request-id")
        .and_then(|value| value.to_str().ok())
        .filter(|id| !id.is_empty() && id.len() <= Origin::REQUEST_ID_BYTES_MAX)
        .filter(|id| id.bytes().all(|byte| byte.is_ascii_graphic()) && !cuts::holds_token(id))
        .map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: &'static str, value: &[u8]) -> HeaderMap {
        let value = axum::http::HeaderValue::from_bytes(value).unwrap();
        HeaderMap::from_iter([(axum::http::HeaderName::from_static(name), value)])
    }

    #[test]
    fn tokens_are_taken_from_bearer_headers_alone() {
        assert!(matches!(Presented::of(&HeaderMap::new()), Presented::Nothing));
        let check = |value: &[u8], expected: Option<&str>| {
            let presented = Presented::of(&headers("authorization", value));
            assert_eq!(presented.token(), expected);
            assert_eq!(matches!(presented, Presented::NoBearer), expected.is_none());
        };
        check(b"Bearer abc", Some("abc"));
        check(b"bearer  abc ", Some("abc"));
        check(b"Bearer\tabc", Some("abc"));
        check(b"Basic abc", None);
        check(b"Bearer", None);
        check(b"Bearer \xff", None);
        check(b"plg_0123", None);
        check(b"", None);
    }

    #[test]
    fn request_ids_are_kept_when_short_and_printable() {
        let check = |value: &[u8], kept: bool| {
            let id = request_id(&headers("x-request-id", value));
            assert_eq!(id.as_bytes() == value, kept);
            assert!(!id.is_empty() && id.len() <= Origin::REQUEST_ID_BYTES_MAX);
        };
        check(b"req-1", true);
        check(format!("x-plg_{}", "0a".repeat(32)).as_bytes(), false);
        check(&[b'a'; 128], true);
        check(&[b'a'; 129], false);
        check(b"a b", false);
        check(b"", false);
        check(b"\xc3\xa4", false);
    }

    #[test]
    fn user_agents_are_cut_at_a_character() {
        let long = "ä".repeat(200);
        let kept = user_agent(&headers("user-agent", long.as_bytes()));
        assert_eq!(kept.len(), 256);
        let long = format!("a{long}");
        assert_eq!(user_agent(&headers("user-agent", long.as_bytes())).len(), 255);
    }

    #[test]
    fn methods_that_scim_does_not_use_keep_their_name() {
        assert_eq!(method("PATCH"), (Method::Patch, None));
        assert_eq!(method("patch"), (Method::Other, Some("patch".to_owned())));
        assert_eq!(method(&"X".repeat(99)).1.map(|name| name.len()), Some(32));
        let token = format!("plg_{}", "0a".repeat(32));
        assert_eq!(method(&token).1.as_deref(), Some("null"));
    }
}
