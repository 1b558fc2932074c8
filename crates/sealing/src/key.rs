//! Data keys, their owners, and the key of a part that several owners share.

use std::fmt;
use std::sync::LazyLock;

use event::{Application, Number};
use hmac::Mac as _;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

use crate::derive::{HmacSha256, expand, extracted, hmac};
use crate::{RandomError, random};

/// Bytes of a data key.
pub const DATA_KEY_BYTES: usize = 32;
/// Bytes of an owner where keys are derived or wrapped.
pub(crate) const OWNER_BYTES: usize = 9;

/// A month of the recorder's clock, in UTC, counted from January 1970 as 0.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Month(pub u32);

/// Whose key it is. Erasing the owner destroys the key.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Owner {
    /// A person or resource of an application. [`Number::NOBODY`] has no key: what concerns nobody belongs
    /// to a month.
    Person {
        /// The application.
        application: Application,
        /// The number in it.
        number: Number,
    },
    /// What concerns no person, and where requests came from, by application and month.
    Month {
        /// The application.
        application: Application,
        /// The month.
        month: Month,
    },
}

impl Owner {
    /// Kind u8 (1 person, 2 month), application u32, number or month u32, big-endian.
    pub(crate) fn to_bytes(self) -> [u8; OWNER_BYTES] {
        let (kind, application, index) = match self {
            Owner::Person { application, number } => (1, application, number.0),
            Owner::Month { application, month } => (2, application, month.0),
        };
        let mut bytes = [kind; OWNER_BYTES];
        bytes[1..5].copy_from_slice(&application.0.to_be_bytes());
        bytes[5..].copy_from_slice(&index.to_be_bytes());
        bytes
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Owner::Person { application, number } => {
                write!(f, "number {number} of application {application}")
            }
            Owner::Month { application, month: Month(month) } => {
                let (year, month) = (1970 + month / 12, month % 12 + 1);
                write!(f, "month {year}-{month:02} of application {application}")
            }
        }
    }
}

/// 32 random bytes that belong to one owner. Overwritten in memory when it is dropped; never printed.
pub struct DataKey([u8; DATA_KEY_BYTES]);

impl DataKey {
    /// The key with these bytes, which must be random.
    pub fn new(bytes: &[u8; DATA_KEY_BYTES]) -> DataKey {
        DataKey(*bytes)
    }

    /// A new key.
    ///
    /// # Errors
    /// When the operating system gives no random bytes.
    pub fn random() -> Result<DataKey, RandomError> {
        let bytes = Zeroizing::new(random()?);
        Ok(DataKey::new(&bytes))
    }

    pub(crate) fn bytes(&self) -> &[u8; DATA_KEY_BYTES] {
        &self.0
    }
}

/// In constant time.
impl PartialEq for DataKey {
    fn eq(&self, other: &DataKey) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Drop for DataKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DataKey(…)")
    }
}

/// The key of all parts that belong to the same owners.
///
/// It is HKDF-SHA256 over the data keys of all of them. HKDF because it is a published construction that
/// takes an input of any length: as long as 32 of its bytes are unknown, which is so when any one of the
/// data keys is destroyed, nothing can be told of its output. One HMAC for each data key, combined by XOR,
/// would do as well, and costs four times as much for a part of a thousand persons.
pub struct PartKey {
    pub(crate) seal: Zeroizing<[u8; 32]>,
    pub(crate) salts: HmacSha256,
}

impl PartKey {
    /// Derives the key of a part from the data keys of all its owners, each once, in any order:
    ///
    /// ```text
    /// PRK       HMAC-SHA256("provlog part key 1", for each owner, ascending: owner ‖ data key)
    /// seal key  HMAC-SHA256(PRK, "seal" ‖ 1)       salt key  HMAC-SHA256(PRK, "salt" ‖ 1)
    /// owner     kind u8 (1 person, 2 month) ‖ application u32 ‖ number or month u32, big-endian
    /// ```
    ///
    /// # Errors
    /// When there is no owner, or one stands there twice.
    pub fn derive(owners: &[(Owner, &DataKey)]) -> Result<PartKey, OwnersError> {
        // The key schedule of the label is the same for all.
        static LABEL: LazyLock<HmacSha256> = LazyLock::new(|| hmac(b"provlog part key 1"));
        let mut sorted;
        let owners = match owners {
            [] => return Err(OwnersError::None),
            [_] => owners,
            _ => {
                sorted = owners.to_vec();
                sorted.sort_unstable_by_key(|(owner, _)| *owner);
                &sorted
            }
        };
        if let Some(pair) = owners.windows(2).find(|pair| pair[0].0 == pair[1].0) {
            return Err(OwnersError::Twice { owner: pair[0].0 });
        }
        let mut input = LABEL.clone();
        for (owner, key) in owners {
            input.update(&owner.to_bytes());
            input.update(key.bytes());
        }
        let prk = extracted(input);
        Ok(PartKey { seal: expand(&prk, b"seal"), salts: hmac(&*expand(&prk, b"salt")) })
    }
}

impl fmt::Debug for PartKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartKey(…)")
    }
}

/// Why a part can have no key.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OwnersError {
    /// A part of no owner could never be erased.
    #[error("a part without an owner has no key: what concerns nobody belongs to a month")]
    None,
    /// One stands there twice.
    #[error("{owner} is named twice as the owner of a part")]
    Twice {
        /// Which.
        owner: Owner,
    },
}
