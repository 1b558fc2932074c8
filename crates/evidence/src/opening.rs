//! The opening of a part: a content or a value, and what shows that an event committed to it. The page of the
//! crate `sealing`, which makes them, draws what is hashed.

use sha2::{Digest as _, Sha256};
use tlog::{Hash, InclusionError, InclusionProof, TreeHead};

/// What stands before a leaf when it is hashed (RFC 6962 §2.1).
const LEAF: [u8; 1] = [0x00];
/// What is committed to: a whole content, or one of several values.
const WHOLE: [u8; 1] = [1];
const VALUE: [u8; 1] = [2];

/// 32 bytes that hide what a commitment is of. Secret until they are shown in an opening.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Salt(pub [u8; 32]);

/// The commitment to a whole content.
#[must_use]
pub fn whole_hash(salt: &Salt, content: &[u8]) -> Hash {
    let hash = Sha256::new().chain_update(LEAF).chain_update(WHOLE).chain_update(salt.0);
    Hash::new(hash.chain_update(content).finalize().into())
}

/// The leaf of a value. A name above 4 GiB cannot be: it would not fit into a part.
#[must_use]
pub fn value_hash(salt: &Salt, name: &[u8], value: &[u8]) -> Hash {
    let mut front = [0; 38];
    front[..1].copy_from_slice(&LEAF);
    front[1..2].copy_from_slice(&VALUE);
    front[2..34].copy_from_slice(&salt.0);
    front[34..].copy_from_slice(&(name.len() as u32).to_be_bytes());
    let hash = Sha256::new().chain_update(front).chain_update(name).chain_update(value);
    Hash::new(hash.finalize().into())
}

/// A whole content and what shows that an event committed to it. Needs no key to be checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WholeOpening {
    /// The salt.
    pub salt: Salt,
    /// The content.
    pub content: Vec<u8>,
}

impl WholeOpening {
    /// Checks that the commitment is to this content.
    ///
    /// # Errors
    /// [`OpeningError::OtherContent`] if it is not.
    pub fn verify(&self, commitment: &Hash) -> Result<(), OpeningError> {
        match whole_hash(&self.salt, &self.content) == *commitment {
            true => Ok(()),
            false => Err(OpeningError::OtherContent),
        }
    }
}

/// One value of a part and what shows that an event committed to it. Needs no key to be checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ValueOpening {
    /// The salt.
    pub salt: Salt,
    /// The value's place among the values of its part, from 0.
    pub place: u32,
    /// How many values the part has.
    pub values: u32,
    /// What the value is called.
    pub name: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
    /// The hashes beside the way to the commitment.
    pub proof: InclusionProof,
}

impl ValueOpening {
    /// Checks that the commitment is to this value, by this name. Place and number of values are as the opener
    /// states them: they follow from the commitment only when every value is opened.
    ///
    /// # Errors
    /// [`OpeningError::Inclusion`] if it does not follow.
    pub fn verify(&self, commitment: &Hash) -> Result<(), OpeningError> {
        let head = TreeHead { size: self.values.into(), root: *commitment };
        let leaf = value_hash(&self.salt, &self.name, &self.value);
        self.proof.verify(leaf, self.place.into(), &head).map_err(OpeningError::Inclusion)
    }
}

/// Why an opening does not fit a commitment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum OpeningError {
    /// The commitment is to another content, or was made with another salt.
    #[error("the commitment is not to this content with this salt")]
    OtherContent,
    /// The value is not shown to be among those that were committed to.
    #[error("the commitment is not shown to be to this value")]
    Inclusion(#[source] InclusionError),
}
