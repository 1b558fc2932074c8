//! HKDF with SHA-256 (RFC 5869), for outputs of one block.

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

pub(crate) type HmacSha256 = Hmac<Sha256>;

/// HMAC under a key of any length.
pub(crate) fn hmac(key: &[u8]) -> HmacSha256 {
    // HMAC takes keys of every length (RFC 2104 §3), so this cannot fail.
    HmacSha256::new_from_slice(key).expect("HMAC takes keys of every length")
}

/// The first 32 bytes of HKDF-Expand (RFC 5869 §2.3), which are one HMAC.
pub(crate) fn expand(prk: &HmacSha256, info: &[u8]) -> Zeroizing<[u8; 32]> {
    let mac = prk.clone().chain_update(info).chain_update([1]);
    Zeroizing::new(mac.finalize().into_bytes().into())
}

/// HKDF-Extract (RFC 5869 §2.2) as the HMAC to which the input's pieces are given; its output, keyed.
pub(crate) fn extracted(input: HmacSha256) -> HmacSha256 {
    let prk: Zeroizing<[u8; 32]> = Zeroizing::new(input.finalize().into_bytes().into());
    hmac(&*prk)
}
