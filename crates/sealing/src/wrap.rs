//! Wrapping a data key, and marking that one was destroyed.

use std::fmt;

use chacha20poly1305::{AeadInOut as _, KeyInit as _, XChaCha20Poly1305};
use event::{LogId, Seq};
use hmac::Mac as _;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::derive::{HmacSha256, expand, extracted, hmac};
use crate::key::{DATA_KEY_BYTES, DataKey, Owner};
use crate::master::MasterKey;
use crate::seal::{NONCE_BYTES, Nonce, TAG_BYTES};

/// Bytes of a wrapped data key: nonce, ciphertext, tag.
pub const WRAPPED_BYTES: usize = NONCE_BYTES + DATA_KEY_BYTES + TAG_BYTES;

/// A wrapped data key. Worth nothing without the master key.
pub type Wrapped = [u8; WRAPPED_BYTES];

/// What the master key becomes for one log.
///
/// ```text
/// PRK        HMAC-SHA256("provlog wrap key 1", master key)          (HKDF, RFC 5869)
/// wrap key   HMAC-SHA256(PRK, "wrap" ‖ log u64 ‖ 1)
/// mark key   HMAC-SHA256(PRK, "mark" ‖ log u64 ‖ 1)
/// wrapped    nonce ‖ XChaCha20-Poly1305(wrap key, nonce, data key, "provlog data key 1" ‖ log u64 ‖ owner)
/// mark       HMAC-SHA256(mark key, owner ‖ seq u64), the first 16 bytes
/// ```
///
/// So a wrapped key opens at the place of its own owner in its own log only.
pub struct WrapKey {
    log: LogId,
    wrap: Zeroizing<[u8; 32]>,
    mark: HmacSha256,
}

/// Bytes of the mark of a destroyed key.
const MARK_BYTES: usize = 16;

impl WrapKey {
    /// For the data keys of this log.
    pub fn new(master: &MasterKey, log: LogId) -> WrapKey {
        let prk = extracted(hmac(b"provlog wrap key 1").chain_update(master.bytes()));
        let info = |word: &[u8; 4]| [&word[..], &log.get().to_be_bytes()[..]].concat();
        let mark = hmac(&*expand(&prk, &info(b"mark")));
        WrapKey { log, wrap: expand(&prk, &info(b"wrap")), mark }
    }

    /// Wraps the key of an owner. `nonce` must be new.
    pub fn wrap(&self, owner: Owner, nonce: &Nonce, key: &DataKey) -> Wrapped {
        let mut wrapped = [0; WRAPPED_BYTES];
        let (front, rest) = wrapped.split_at_mut(NONCE_BYTES);
        front.copy_from_slice(&nonce.0);
        let (sealed, end) = rest.split_at_mut(DATA_KEY_BYTES);
        sealed.copy_from_slice(key.bytes());
        let tag = XChaCha20Poly1305::new((&*self.wrap).into())
            .encrypt_inout_detached((&nonce.0).into(), &self.associated_data(owner), sealed.into())
            // Fails only for messages above 256 GiB.
            .expect("32 bytes are within the cipher's limit");
        end.copy_from_slice(&tag);
        wrapped
    }

    /// The key of an owner; `None` if these bytes are not what was wrapped for it with this key.
    pub fn unwrap(&self, owner: Owner, wrapped: &Wrapped) -> Option<DataKey> {
        let nonce: &[u8; NONCE_BYTES] = wrapped.first_chunk()?;
        let tag: &[u8; TAG_BYTES] = wrapped.last_chunk()?;
        let mut key = Zeroizing::new([0; DATA_KEY_BYTES]);
        key.copy_from_slice(&wrapped[NONCE_BYTES..NONCE_BYTES + DATA_KEY_BYTES]);
        XChaCha20Poly1305::new((&*self.wrap).into())
            .decrypt_inout_detached(
                nonce.into(),
                &self.associated_data(owner),
                key.as_mut_slice().into(),
                tag.into(),
            )
            .ok()?;
        Some(DataKey::new(&key))
    }

    /// What stands in place of an owner's key that was destroyed for the event at `seq`. Nobody without the
    /// master key can make it, so a destroyed key cannot be feigned.
    pub fn mark(&self, owner: Owner, seq: Seq) -> [u8; MARK_BYTES] {
        let mac = self.mark.clone().chain_update(owner.to_bytes()).chain_update(seq.to_be_bytes());
        let mac: [u8; 32] = mac.finalize().into_bytes().into();
        let mut mark = [0; MARK_BYTES];
        mark.copy_from_slice(&mac[..MARK_BYTES]);
        mark
    }

    /// Whether it is the mark of this owner and seq.
    pub fn is_mark(&self, owner: Owner, seq: Seq, mark: &[u8; MARK_BYTES]) -> bool {
        self.mark(owner, seq).ct_eq(mark).into()
    }

    fn associated_data(&self, owner: Owner) -> [u8; 35] {
        let mut data = [0; 35];
        data[..18].copy_from_slice(b"provlog data key 1");
        data[18..26].copy_from_slice(&self.log.get().to_be_bytes());
        data[26..].copy_from_slice(&owner.to_bytes());
        data
    }
}

impl fmt::Debug for WrapKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WrapKey(…)")
    }
}
