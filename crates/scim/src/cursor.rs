//! Cursors (RFC 9865): places in a list that clients send back unchanged. A cursor holds its place
//! itself, so that the server keeps no state, and a seal, so that clients cannot forge one.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Bytes of the seal: half an HMAC-SHA-256, which cannot be guessed.
const SEAL_BYTES: usize = 16;
/// Maximum length of our cursors.
const TEXT_BYTES_MAX: usize = 512;

/// The key that seals cursors; 256 random bits.
#[derive(Clone)]
pub struct CursorKey([u8; BLOCK_BYTES]);

/// The block size of SHA-256. A shorter HMAC key is padded with zeros (RFC 2104 §2).
const BLOCK_BYTES: usize = 64;

impl CursorKey {
    /// A key of random bytes. A new key only makes all cursors invalid.
    pub fn new(bytes: [u8; 32]) -> CursorKey {
        let mut key = [0; BLOCK_BYTES];
        key[..bytes.len()].copy_from_slice(&bytes);
        CursorKey(key)
    }

    /// A cursor with this content, which clients can read but not change. It has only characters that
    /// need no escapes in an address (RFC 9865 §2).
    pub fn seal(&self, content: &[u8]) -> String {
        let mut bytes = content.to_vec();
        bytes.extend_from_slice(&self.mac(content).finalize().into_bytes()[..SEAL_BYTES]);
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The content of a cursor; `None` if [`CursorKey::seal`] did not make the text.
    pub fn open(&self, text: &str) -> Option<Vec<u8>> {
        if text.len() > TEXT_BYTES_MAX {
            return None;
        }
        let mut bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let seal = bytes.split_off(bytes.len().checked_sub(SEAL_BYTES)?);
        self.mac(&bytes).verify_truncated_left(&seal).ok()?;
        Some(bytes)
    }

    fn mac(&self, content: &[u8]) -> Hmac<Sha256> {
        let keyed = Hmac::<Sha256>::new(&self.0.into());
        keyed.chain_update(content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_opens() {
        let key = CursorKey::new([7; 32]);
        let text = key.seal(b"place");
        assert_eq!(key.open(&text).as_deref(), Some(&b"place"[..]));
        assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)));
        assert_eq!(CursorKey::new([8; 32]).open(&text), None);
        for place in 0..text.len() {
            let mut forged = text.clone().into_bytes();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            assert_eq!(key.open(std::str::from_utf8(&forged).unwrap()), None, "at {place}");
        }
        for text in ["", "x", "é", "AAAA", &text[1..], &"A".repeat(10_000)] {
            assert_eq!(key.open(text), None, "{text}");
        }
    }
}
