//! What the head of a request tells, read in one way on every address.

use crate::event::Origin;
use crate::secret;

/// The token of an `Authorization: Bearer …` header (RFC 6750 §2.1); the scheme in any case.
pub fn bearer_token(authorization: &str) -> Option<&str> {
    let (scheme, token) = authorization.split_once([' ', '\t'])?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// What is kept of a `User-Agent`: without tokens, at most [`Origin::USER_AGENT_BYTES_MAX`] bytes.
pub fn user_agent(sent: &[u8]) -> String {
    let sent = String::from_utf8_lossy(sent);
    let mut kept = secret::cut(&sent, &[]).into_owned();
    kept.truncate(kept.floor_char_boundary(Origin::USER_AGENT_BYTES_MAX));
    kept
}

/// The client's request id when it can be kept: 1 to [`Origin::REQUEST_ID_BYTES_MAX`] visible ASCII
/// characters without a token among them.
pub fn request_id(sent: &str) -> Option<&str> {
    let fits = (1..=Origin::REQUEST_ID_BYTES_MAX).contains(&sent.len())
        && sent.bytes().all(|byte| byte.is_ascii_graphic())
        && !secret::holds_token(sent);
    fits.then_some(sent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_taken_from_bearer_headers_alone() {
        assert_eq!(bearer_token("Bearer abc"), Some("abc"));
        assert_eq!(bearer_token("bearer  abc "), Some("abc"));
        assert_eq!(bearer_token("Bearer\tabc"), Some("abc"));
        assert_eq!(bearer_token("Basic abc"), None);
        assert_eq!(bearer_token("Bearer"), None);
    }

    #[test]
    fn user_agents_are_cut_at_a_character_and_have_no_token() {
        let long = "ä".repeat(200);
        assert_eq!(user_agent(long.as_bytes()).len(), 256);
        assert_eq!(user_agent(format!("a{long}").as_bytes()).len(), 255);
        let token = format!("plg_{}", "0a".repeat(32));
        assert_eq!(user_agent(format!("x {token} \u{e9}").as_bytes()), "x null é");
        // Cut first and shortened afterwards, so that no piece of a token is left.
        let late = format!("{}{token}", "a".repeat(230));
        assert_eq!(user_agent(late.as_bytes()), format!("{}null", "a".repeat(230)));
    }

    #[test]
    fn request_ids_are_kept_when_short_and_printable() {
        let check = |sent: &str, kept: bool| assert_eq!(request_id(sent).is_some(), kept, "{sent}");
        check("req-1", true);
        check(&format!("x-plg_{}", "0a".repeat(32)), false);
        check(&"a".repeat(128), true);
        check(&"a".repeat(129), false);
        check("a b", false);
        check("", false);
        check("\u{e4}", false);
    }
}
