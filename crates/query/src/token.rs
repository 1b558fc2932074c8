//! Bearer tokens as they are made: shown once, stored as a digest alone.

use std::fmt;

use projector::token_sha256;

const PREFIX: &str = "plg_";
const DIGITS: usize = 64;

/// The operating system gave no random bits.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bits")]
pub struct NoRandomBits(#[source] getrandom::Error);

/// A new bearer token: 256 random bits as 64 hexadecimal digits after `plg_`, so that scanners for
/// leaked secrets know it.
pub struct Token(String);

impl Token {
    /// Draws a token.
    ///
    /// # Errors
    /// When the operating system gives no random bits.
    pub fn generate() -> Result<Token, NoRandomBits> {
        let mut bits = [0_u8; DIGITS / 2];
        getrandom::fill(&mut bits).map_err(NoRandomBits)?;
        let digits: String = bits.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Token(format!("{PREFIX}{digits}")))
    }

    /// The token itself: for the one who asked for it, once, and for nothing else.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest under which it is stored.
    pub fn sha256(&self) -> [u8; 32] {
        token_sha256(&self.0)
    }
}

/// Tells nothing of the token, so that it cannot get into a log.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

/// Whether a text holds what has the shape of a token of ours, in any case of its letters.
pub(crate) fn holds_token(text: &str) -> bool {
    text.as_bytes().windows(PREFIX.len() + DIGITS).any(|window| {
        let (prefix, digits) = window.split_at(PREFIX.len());
        prefix.eq_ignore_ascii_case(PREFIX.as_bytes()) && digits.iter().all(u8::is_ascii_hexdigit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_do_not_show() {
        let (one, other) = (Token::generate().unwrap(), Token::generate().unwrap());
        assert_ne!(one.as_str(), other.as_str());
        assert_ne!(one.sha256(), other.sha256());
        assert_eq!(one.as_str().len(), 4 + 64);
        assert!(one.as_str().starts_with("plg_"));
        assert_eq!(format!("{one:?}"), "Token(…)");
    }

    #[test]
    fn tokens_are_known_by_their_shape() {
        let token = Token::generate().unwrap();
        let token = token.as_str();
        for text in [token.to_owned(), token.to_uppercase(), format!("plg_0, é{token}0")] {
            assert!(holds_token(&text), "{text}");
        }
        for text in ["", "plg_", &token[..67], &token[1..], &token.replace('_', "-")] {
            assert!(!holds_token(text), "{text}");
        }
    }
}
