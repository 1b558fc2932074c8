//! The master key: under it every data key is wrapped. Its text form, and its name.

use std::fmt;

use data_encoding::HEXLOWER;
use hmac::Mac as _;
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::derive::hmac;
use crate::{RandomError, random};

/// Longer than the text of a master key, with space and line ends around it.
pub const MASTER_TEXT_BYTES_MAX: usize = 256;

/// What the text begins with, up to the version.
const FIRST_WORDS: &str = "provlog-master-key-";
/// The version that is written, and the only one that is read.
const VERSION: u32 = 1;
const KEY_BYTES: usize = 32;
const CHECK_BYTES: usize = 4;

/// 32 random bytes. Overwritten in memory when it is dropped; never printed but by
/// [`to_text`](MasterKey::to_text). As text it is one line without spaces; the last field is a checksum:
///
/// ```text
/// provlog-master-key-1.b0b1…64 hexadecimal digits….01234567
/// check: first 4 bytes of SHA-256("provlog master key 1" ‖ the 32 bytes)
/// ```
pub struct MasterKey([u8; KEY_BYTES]);

impl MasterKey {
    /// The key with these bytes, which must be random.
    pub fn new(bytes: &[u8; KEY_BYTES]) -> MasterKey {
        MasterKey(*bytes)
    }

    /// A new key.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<MasterKey, RandomError> {
        let bytes = Zeroizing::new(random()?);
        Ok(MasterKey::new(&bytes))
    }

    /// Reads the text form. Space and line ends around it are allowed.
    ///
    /// # Errors
    /// What is wrong with it; no error quotes it.
    pub fn parse(text: &str) -> Result<MasterKey, MasterTextError> {
        if text.len() > MASTER_TEXT_BYTES_MAX {
            return Err(MasterTextError::TooLong);
        }
        let text = text.trim();
        if text.is_empty() {
            return Err(MasterTextError::Empty);
        }
        let rest = text.strip_prefix(FIRST_WORDS).ok_or(MasterTextError::Other)?;
        let (version, rest) = rest.split_once('.').ok_or(MasterTextError::Other)?;
        let version: u32 = version.parse().map_err(|_| MasterTextError::Other)?;
        if version != VERSION {
            return Err(MasterTextError::Version { version });
        }
        let (key, check) = rest.split_once('.').ok_or(MasterTextError::Torn)?;
        if key.len() != 2 * KEY_BYTES || check.len() != 2 * CHECK_BYTES {
            return Err(MasterTextError::Torn);
        }
        let mut bytes = Zeroizing::new([0; KEY_BYTES]);
        let mut found = [0; CHECK_BYTES];
        let decode = |text: &str, out: &mut [u8]| {
            HEXLOWER.decode_mut(text.as_bytes(), out).map_err(|_| MasterTextError::Torn)
        };
        decode(key, &mut *bytes)?;
        decode(check, &mut found)?;
        let key = MasterKey::new(&bytes);
        match bool::from(key.check().ct_eq(&found)) {
            true => Ok(key),
            false => Err(MasterTextError::Check),
        }
    }

    /// The text form, without a line end. It is the secret itself.
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut text = Zeroizing::new(String::with_capacity(MASTER_TEXT_BYTES_MAX));
        text.push_str(FIRST_WORDS);
        text.push_str(&VERSION.to_string());
        text.push('.');
        HEXLOWER.encode_append(&self.0, &mut text);
        text.push('.');
        HEXLOWER.encode_append(&self.check(), &mut text);
        text
    }

    fn check(&self) -> [u8; CHECK_BYTES] {
        let hash = Sha256::new().chain_update(b"provlog master key 1").chain_update(self.0);
        let hash: Zeroizing<[u8; 32]> = Zeroizing::new(hash.finalize().into());
        [hash[0], hash[1], hash[2], hash[3]]
    }

    /// Its name in files and messages. Says nothing about the key.
    pub fn id(&self) -> MasterKeyId {
        let mac = hmac(&self.0).chain_update(b"provlog master key id 1");
        let mac: [u8; 32] = mac.finalize().into_bytes().into();
        let mut id = [0; 8];
        id.copy_from_slice(&mac[..8]);
        MasterKeyId(id)
    }

    pub(crate) fn bytes(&self) -> &[u8; KEY_BYTES] {
        &self.0
    }
}

impl Drop for MasterKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id())
    }
}

/// Names a master key. As text 16 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct MasterKeyId(pub [u8; 8]);

impl fmt::Display for MasterKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Why a text is not a master key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MasterTextError {
    /// There is nothing.
    #[error("the master key is empty")]
    Empty,
    /// It is longer than any master key.
    #[error("the master key has more than {MASTER_TEXT_BYTES_MAX} bytes")]
    TooLong,
    /// It does not begin as a master key does.
    #[error("this is not a master key: one begins with `{FIRST_WORDS}{VERSION}.`")]
    Other,
    /// It is of another version.
    #[error(
        "the master key has version {version}, this program reads version {VERSION}: use a newer release"
    )]
    Version {
        /// The version.
        version: u32,
    },
    /// Some of it is missing, too much, or no hexadecimal digit.
    #[error("the master key is not whole: it has 64 and 8 hexadecimal digits in lower case")]
    Torn,
    /// The checksum is another one.
    #[error("the master key has a wrong checksum: a character of it was changed")]
    Check,
}
