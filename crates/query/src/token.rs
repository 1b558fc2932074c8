//! Bearer tokens: generated, shown once, stored only as a digest.

use std::fmt;

use data_encoding::HEXLOWER;
use projector::token_sha256;

const PREFIX: &str = "plg_";
const DIGITS: usize = 64;

/// The operating system gave no random bits.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bits")]
pub struct NoRandomBits(#[source] getrandom::Error);

impl NoRandomBits {
    pub(crate) fn of(error: getrandom::Error) -> NoRandomBits {
        NoRandomBits(error)
    }
}

/// A new bearer token: `plg_` and 64 hexadecimal digits (256 random bits). The prefix lets scanners for
/// leaked secrets recognize it.
pub struct Token(String);

impl Token {
    /// Generates a token.
    ///
    /// # Errors
    /// When the operating system gives no random bits.
    pub fn generate() -> Result<Token, NoRandomBits> {
        let mut bits = [0_u8; DIGITS / 2];
        getrandom::fill(&mut bits).map_err(NoRandomBits::of)?;
        Ok(Token(format!("{PREFIX}{}", HEXLOWER.encode(&bits))))
    }

    /// The token itself. Show it once, to the caller who asked for it.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The digest that is stored.
    pub fn sha256(&self) -> [u8; 32] {
        token_sha256(&self.0)
    }
}

/// Hides the token, so that it cannot be logged.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
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
        assert!(event::secret::holds_token(one.as_str()), "known by its shape");
    }
}
