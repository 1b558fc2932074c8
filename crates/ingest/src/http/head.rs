//! What the head of a request tells.

use axum::extract::ConnectInfo;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, USER_AGENT};
use axum::http::request::Parts;
use event::{Application, Method, Origin, ResourceType, Stopwatch, head, secret};
use std::net::SocketAddr;

use crate::address::Address;
use crate::catalog::Catalog;
use crate::cuts;
use crate::limits::TARGET_BYTES_MAX;
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
            let name = secret::cut(name, &[]);
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
        match value.to_str().ok().and_then(head::bearer_token) {
            Some(token) => Presented::Token(token.to_owned()),
            None => Presented::NoBearer,
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
    head::user_agent(headers.get(USER_AGENT).map(|value| value.as_bytes()).unwrap_or_default())
}

/// The client's request id, when it is short and printable, or one of ours.
fn request_id(headers: &HeaderMap) -> String {
    let sent = headers.get("x-request-id").and_then(|value| value.to_str().ok());
    sent.and_then(head::request_id).map_or_else(|| uuid::Uuid::new_v4().to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_bearer_token_is_told_from_nothing() {
        assert!(matches!(Presented::of(&HeaderMap::new()), Presented::Nothing));
        let check = |value: &[u8], expected: Option<&str>| {
            let value = axum::http::HeaderValue::from_bytes(value).unwrap();
            let presented = Presented::of(&HeaderMap::from_iter([(AUTHORIZATION, value)]));
            assert_eq!(presented.token(), expected);
            assert_eq!(matches!(presented, Presented::NoBearer), expected.is_none());
        };
        check(b"Bearer abc", Some("abc"));
        check(b"Basic abc", None);
        check(b"Bearer \xff", None);
        check(b"plg_0123", None);
        check(b"", None);
    }

    #[test]
    fn a_request_without_a_usable_id_gets_one() {
        let with = |value: &'static str| {
            let name = axum::http::HeaderName::from_static("x-request-id");
            request_id(&HeaderMap::from_iter([(name, value.parse().unwrap())]))
        };
        assert_eq!(with("req-1"), "req-1");
        assert_eq!((with("a b").len(), request_id(&HeaderMap::new()).len()), (36, 36));
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
