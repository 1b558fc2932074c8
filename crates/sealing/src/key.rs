//! Data keys, their owners, and the key of a part that several owners share.

use std::fmt;
use std::sync::LazyLock;

use event::{Application, Number, Timestamp};
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

impl Month {
    /// The month of an instant; what is before 1970 belongs to its first month.
    pub fn of(time: Timestamp) -> Month {
        let day = time.0.div_euclid(86_400_000_000).max(0);
        // Days since 1 March of the year 0, in eras of 400 years (H. Hinnant, "chrono-compatible low-level
        // date algorithms"): the leap day is the last day of such a year.
        let shifted = day + 719_468;
        let (era, of_era) = (shifted / 146_097, shifted % 146_097);
        let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year + year / 4 - year / 100);
        let month = (5 * of_year + 2) / 153;
        let months = (era * 400 + year) * 12 + month + 2 - 1_970 * 12;
        Month(u32::try_from(months).unwrap_or(u32::MAX))
    }
}

/// As `2026-03`.
impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{:02}", 1970 + self.0 / 12, self.0 % 12 + 1)
    }
}

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
    /// What concerns no person, by application and month.
    Month {
        /// The application.
        application: Application,
        /// The month.
        month: Month,
    },
    /// What was sent and from where, by application and month: it may be kept for a shorter time than the
    /// rest.
    Sent {
        /// The application.
        application: Application,
        /// The month.
        month: Month,
    },
}

impl Owner {
    /// Kind u8 (1 person, 2 month, 3 sent), application u32, number or month u32, big-endian.
    pub(crate) fn to_bytes(self) -> [u8; OWNER_BYTES] {
        let (kind, application, index) = match self {
            Owner::Person { application, number } => (1, application, number.0),
            Owner::Month { application, month } => (2, application, month.0),
            Owner::Sent { application, month } => (3, application, month.0),
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
            Owner::Month { application, month } => {
                write!(f, "month {month} of application {application}")
            }
            Owner::Sent { application, month } => {
                write!(f, "what was sent to application {application} in {month}")
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
    /// owner     kind u8 (1 person, 2 month, 3 sent) ‖ application u32 ‖ number or month u32, big-endian
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
