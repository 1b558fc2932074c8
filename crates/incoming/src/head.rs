//! The head of a request: the token that it presents, and what an event keeps of its sender.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use axum::http::header::{AUTHORIZATION, COOKIE, HeaderName, USER_AGENT};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use event::{Credential, Origin, secret};
use uuid::Uuid;

/// The header that names a request, of a request and of its answer.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The cookie of a session with a browser.
pub const SESSION_COOKIE: &str = "provlog_session";
/// The same over TLS: browsers take a cookie with this prefix over TLS only, and from this host only.
pub const SECURE_SESSION_COOKIE: &str = "__Host-provlog_session";

/// What a request says of who sends it. It has no `Debug`: the token must not get into a log.
pub enum Presented {
    /// Nothing.
    Nothing,
    /// Something else than `Bearer` and a token (RFC 6750 §2.1).
    NoBearer,
    /// A token, which may be anybody's.
    Token(String),
}

impl Presented {
    /// Reads `Authorization`. The scheme may be in any letter case (RFC 9110 §11.1), and any number of
    /// blanks may stand around the token. A token is ASCII. Of several such headers the first counts.
    pub fn of(headers: &HeaderMap) -> Presented {
        let Some(value) = headers.get(AUTHORIZATION) else { return Presented::Nothing };
        match value.to_str().ok().and_then(bearer_token) {
            Some(token) => Presented::Token(token.to_owned()),
            None => Presented::NoBearer,
        }
    }

    /// The token, where there is one.
    pub fn token(&self) -> Option<&str> {
        match self {
            Presented::Token(token) => Some(token),
            Presented::Nothing | Presented::NoBearer => None,
        }
    }

    /// The token, where there is one.
    pub fn into_token(self) -> Option<String> {
        match self {
            Presented::Token(token) => Some(token),
            Presented::Nothing | Presented::NoBearer => None,
        }
    }
}

/// The value of a cookie. A browser that sends two of one name gets none: one of them was planted.
pub fn only_cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = cookies.flat_map(|value| value.split(';'));
    let mut found = pairs.filter_map(|pair| {
        let (one, value) = pair.trim().split_once('=')?;
        (one == name).then_some(value)
    });
    let value = found.next()?;
    found.next().is_none().then_some(value)
}

/// By what a sender is told from others before anybody looks who they are: the token that they present, or
/// without any `Authorization` the cookie of a session. It may be anybody's.
pub fn told_by<'a>(presented: &'a Presented, headers: &'a HeaderMap) -> Option<&'a str> {
    match presented {
        Presented::Token(token) => Some(token),
        Presented::NoBearer => None,
        Presented::Nothing => [SECURE_SESSION_COOKIE, SESSION_COOKIE]
            .into_iter()
            .find_map(|name| only_cookie(headers, name)),
    }
}

fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once([' ', '\t'])?;
    let token = token.trim_ascii();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

/// Everything that may be a token in the head, well-formed or not, so that it can be cut elsewhere.
pub fn presented_texts(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(AUTHORIZATION).iter().map(HeaderValue::as_bytes);
    let last = |value: &[u8]| {
        let text = String::from_utf8_lossy(value);
        text.split_ascii_whitespace().last().map(str::to_owned)
    };
    values.filter_map(last).collect()
}

/// What an event keeps of the sender of a request with this id; no credential is known yet.
///
/// The client's address is that of the connection. A server behind a proxy puts the right one into the
/// request's `ConnectInfo` before.
pub fn origin(parts: &Parts, request_id: String) -> Origin {
    let address = parts.extensions.get::<ConnectInfo<SocketAddr>>();
    let user_agent = parts.headers.get(USER_AGENT).map(HeaderValue::as_bytes);
    Origin {
        credential: Credential::NONE,
        client: address.map(|ConnectInfo(address)| address.ip().to_canonical()),
        user_agent: kept_user_agent(user_agent.unwrap_or_default()),
        request_id,
    }
}

/// The id of a request: the client's when it can be kept, else a new one.
pub fn request_id(headers: &HeaderMap) -> String {
    let sent = headers.get(REQUEST_ID).and_then(|value| value.to_str().ok());
    let kept = sent.filter(|id| is_request_id(id)).map(str::to_owned);
    kept.unwrap_or_else(|| Uuid::new_v4().to_string())
}

/// Whether a client's request id can be kept: 1 to [`Origin::REQUEST_ID_BYTES_MAX`] visible ASCII
/// characters without a token among them.
fn is_request_id(sent: &str) -> bool {
    (1..=Origin::REQUEST_ID_BYTES_MAX).contains(&sent.len())
        && sent.bytes().all(|byte| byte.is_ascii_graphic())
        && !secret::holds_token(sent)
}

/// What is kept of a `User-Agent`: without tokens, at most [`Origin::USER_AGENT_BYTES_MAX`] bytes.
fn kept_user_agent(sent: &[u8]) -> String {
    let sent = String::from_utf8_lossy(sent);
    let mut kept = secret::cut(&sent, &[]).into_owned();
    kept.truncate(kept.floor_char_boundary(Origin::USER_AGENT_BYTES_MAX));
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    fn authorization(values: &[&[u8]]) -> HeaderMap {
        let value = |bytes: &&[u8]| (AUTHORIZATION, HeaderValue::from_bytes(bytes).unwrap());
        values.iter().map(value).collect()
    }

    #[test]
    fn a_token_is_read_from_bearer_headers_alone() {
        assert!(matches!(Presented::of(&HeaderMap::new()), Presented::Nothing));
        let check = |values: &[&[u8]], expected: Option<&str>| {
            let presented = Presented::of(&authorization(values));
            assert_eq!(presented.token(), expected, "{values:?}");
            assert_eq!(matches!(presented, Presented::NoBearer), expected.is_none(), "{values:?}");
        };
        check(&[b"Bearer abc"], Some("abc"));
        check(&[b"bearer abc"], Some("abc"));
        check(&[b"BEARER abc"], Some("abc"));
        check(&[b"Bearer   abc  "], Some("abc"));
        check(&[b"Bearer\tabc\t"], Some("abc"));
        check(&[b"Bearer", b"Bearer abc"], None);
        check(&[b"Bearer abc", b"Bearer def"], Some("abc"));
        check(&[b"Bearer abc, Bearer def"], Some("abc, Bearer def"));
        check(&[b"Basic abc", b"Bearer abc"], None);
        check(&[b"Basic abc"], None);
        check(&[b"Bearer"], None);
        check(&[b"Bearer "], None);
        check(&[b"Bearer \t "], None);
        check(&[b"Bearerabc"], None);
        check(&[b" Bearer abc"], None);
        check(&[b"plg_0123"], None);
        check(&[b""], None);
        check(&["Bearer t\u{f6}ken".as_bytes()], None);
        check(&["Bearer\u{a0}abc".as_bytes()], None);
        check(&[b"Bearer \xff"], None);
        let long = "a".repeat(100 << 10);
        check(&[format!("Bearer {long}").as_bytes()], Some(&long));
    }

    #[test]
    fn whatever_may_be_a_token_is_known_so_that_it_can_be_cut() {
        let check = |values: &[&[u8]], expected: &[&str]| {
            assert_eq!(presented_texts(&authorization(values)), expected);
        };
        check(&[b"Bearer abc", b"Basic def ", b"", b"ghi"], &["abc", "def", "ghi"]);
        check(&["Bearer t\u{f6}ken".as_bytes()], &["t\u{f6}ken"]);
    }

    #[test]
    fn user_agents_are_cut_at_a_character_and_have_no_token() {
        let long = "ä".repeat(200);
        assert_eq!(kept_user_agent(long.as_bytes()).len(), 256);
        assert_eq!(kept_user_agent(format!("a{long}").as_bytes()).len(), 255);
        let token = format!("plg_{}", "0a".repeat(32));
        assert_eq!(kept_user_agent(format!("x {token} \u{e9}").as_bytes()), "x null é");
        // Cut first and shortened afterwards, so that no piece of a token is left.
        let late = format!("{}{token}", "a".repeat(230));
        assert_eq!(kept_user_agent(late.as_bytes()), format!("{}null", "a".repeat(230)));
    }

    #[test]
    fn request_ids_are_kept_when_short_and_printable() {
        let check = |sent: &str, is_kept: bool| {
            let value = HeaderValue::from_bytes(sent.as_bytes()).unwrap();
            let id = request_id(&HeaderMap::from_iter([(REQUEST_ID, value)]));
            assert_eq!(id == sent, is_kept, "{sent}");
            assert!(is_kept || id.len() == 36, "{id}");
        };
        check("req-1", true);
        check(&format!("x-plg_{}", "0a".repeat(32)), false);
        check(&"a".repeat(128), true);
        check(&"a".repeat(129), false);
        check("a b", false);
        check("", false);
        check("\u{e4}", false);
        assert_eq!(request_id(&HeaderMap::new()).len(), 36);
    }

    #[test]
    fn an_origin_has_the_address_of_the_connection() {
        let request = axum::http::Request::get("/").header(USER_AGENT, "fjord/1");
        let (mut parts, ()) = request.body(()).unwrap().into_parts();
        assert_eq!(origin(&parts, "req-1".into()).client, None);
        let address: SocketAddr = "[::ffff:192.0.2.7]:5".parse().unwrap();
        parts.extensions.insert(ConnectInfo(address));
        let origin = origin(&parts, "req-1".into());
        assert_eq!(origin.client, Some("192.0.2.7".parse().unwrap()));
        assert_eq!((origin.user_agent.as_str(), origin.request_id.as_str()), ("fjord/1", "req-1"));
        assert_eq!(origin.credential, Credential::NONE);
    }
}
