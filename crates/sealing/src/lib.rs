//! Seals the parts of events, so that a person can be erased, and commits to what the parts hold, so that
//! proofs outlive the erasure. Pure: no files, no clock; the only randomness is [`Nonce::random`] and
//! [`DataKey::random`].
//!
//! ```text
//!  master key ──▶ WrapKey        wraps each data key on its own; where they are kept is the caller's
//!                   │
//!                   ▼
//!  data keys of all owners of a part        one random key for each person, for each month of what concerns
//!        │                                  no person, and for each month of what was sent
//!        │ PartKey::derive                  HKDF-SHA256; without any one of the data keys it is gone
//!        ▼
//!  part key ──▶ seal, open                  zstd with a dictionary, then XChaCha20-Poly1305
//!        │
//!        └────▶ Salts ──▶ commit_whole, ValueTree    a hash that stays in the event for ever, and hides
//!                              │                     the content from whoever lacks its salt
//!                              ▼
//!                         WholeOpening, ValueOpening    show one content or value to somebody without keys; whoever
//!                                                       checks one needs the crate `evidence` alone
//! ```
//!
//! # A sealed part
//!
//! The form byte stands in the frame of the event, before these bytes:
//!
//! ```text
//! form 1, sealed; form 2, compressed and sealed:
//!  0        24                     n+24      n+40
//! +--------+----------------------+---------+
//! | nonce  | ciphertext           | tag     |
//! |   24   | as long as what is   |   16    |
//! |        | sealed: n bytes      |         |
//! +--------+----------------------+---------+
//!
//! what is sealed:  form 1: the content
//!                  form 2: +------------+---------------------------------------+
//!                          | dictionary | one zstd frame (RFC 8878) with its    |
//!                          |  version 1 | content size, without its magic bytes |
//!                          +------------+---------------------------------------+
//! associated data: "provlog part 1", log u64, kind of part u8, form u8; numbers are big-endian
//! ```
//!
//! A content has at most 64 MiB ([`PART_BYTES_MAX`]). It is compressed only where that makes it smaller.
//! Whoever sees the stored bytes learns how long the compressed content is; nothing is padded.
//!
//! # Why one part key may seal many parts
//!
//! The part key depends on the owners alone, so that it can be kept for the next part of the same person. A
//! nonce has 192 random bits. Among 2^40 parts under one key two have the same nonce with a chance of
//! 2^-113; a person has some thousand parts. The tag of a part of 64 MiB is guessed with a chance below
//! 2^-80 in each attempt. So neither bound is near, and no counter must survive a crash: an append that is
//! lost, or a backup that is restored, gives a seq for a second time, but never a nonce.
//!
//! The key binds the owners: who they are is derived into it, so a part under other subjects does not open.
//! The associated data binds the log, the kind of part and the form. It does not bind the seq, so that a
//! part can be sealed before its seq is certain. A part that was moved to another event of the same owners
//! opens there, and is found by its commitment, whose salts have the seq in them, and by the log's tree,
//! which has the SHA-256 of the stored bytes in its leaf.
//!
//! XChaCha20-Poly1305 alone does not commit to its key: who holds two keys can make one part that opens under
//! both. That gains nothing here, because the content is held to the commitment.
//!
//! # A commitment
//!
//! Hashes and tree are those of RFC 6962. A commitment is 32 bytes:
//!
//! ```text
//! salt       HMAC-SHA256(salt key of the part key, what ‖ log u64 ‖ seq u64 ‖ part u32 ‖ nonce ‖ place u32)
//!            what: 1 whole content, 2 one value; nonce: the 24 bytes of the sealed part
//! whole      SHA-256(0x00 ‖ 1 ‖ salt ‖ content)
//! value      SHA-256(0x00 ‖ 2 ‖ salt ‖ length of name u32 ‖ name ‖ value)
//! values     root of the tree over the values in their order, SHA-256(0x01 ‖ left ‖ right)
//! ```
//!
//! The byte behind 0x00 keeps a whole content apart from a value, and RFC 6962's 0x00 and 0x01 keep both
//! apart from inner nodes. The nonce gives two events that had one seq, of which one was lost, different
//! salts; so to open the one says nothing about the other. An opening of one value tells neither another
//! value nor its salt. It does not show that there is no other value; all values together do.
//!
//! Salts are never stored. They are gone with the part key, and with them every way to tell from a
//! commitment what it is of.

#![warn(unreachable_pub)]

use std::cell::RefCell;

mod commit;
mod compress;
mod derive;
mod key;
mod master;
mod seal;
mod wrap;

#[cfg(test)]
mod tests;

pub use evidence::{OpeningError, Salt, ValueOpening, WholeOpening};

pub use commit::{PartAt, Salts, ValueTree, commit_values, commit_whole, open_whole};
pub use compress::DICTIONARY_VERSION;
pub use key::{DATA_KEY_BYTES, DataKey, Month, Owner, OwnersError, PartKey};
pub use master::{MASTER_TEXT_BYTES_MAX, MasterKey, MasterKeyId, MasterTextError};
pub use seal::{
    Form, NONCE_BYTES, Nonce, OpenError, PART_BYTES_MAX, SealContext, SealError, Sealed, nonce_of,
    open, seal,
};
pub use wrap::{WRAPPED_BYTES, WrapKey, Wrapped};

/// The operating system gives no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the operating system gives no random bytes: {0}")]
pub struct RandomError(getrandom::Error);

/// Random bytes of the operating system that are no secret. Drawn many at once, because each call of the
/// operating system takes as long as sealing a short part.
fn public_random<const N: usize>() -> Result<[u8; N], RandomError> {
    const DRAWN: usize = 1_024;
    thread_local! {
        static LEFT: RefCell<Vec<u8>> = const { RefCell::new(vec![]) };
    }
    LEFT.with_borrow_mut(|left| {
        if left.len() < N {
            left.resize(DRAWN.max(N), 0);
            if let Err(error) = getrandom::fill(left) {
                left.clear();
                return Err(RandomError(error));
            }
        }
        let mut bytes = [0; N];
        bytes.copy_from_slice(&left[left.len() - N..]);
        left.truncate(left.len() - N);
        Ok(bytes)
    })
}

/// Random bytes of the operating system.
fn random<const N: usize>() -> Result<[u8; N], RandomError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(RandomError)?;
    Ok(bytes)
}
