//! Cosignatures: what a witness says of a checkpoint, and when (C2SP tlog-cosignature, Ed25519).
//!
//! ```text
//! signed message                                      bytes in the signature line, after the key id
//!   cosignature/v1                                      time, 8 bytes big-endian | Ed25519, 64 bytes
//!   time 1679315147
//!   log.example/audit                                 The message goes on with the whole text of
//!   20852163                                          the checkpoint.
//!   CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
//! ```

use crate::checkpoint::Checkpoint;
use crate::key::{ED25519_BYTES, KeyKind, SignerKey, VerifierKey};
use crate::signature::{SignError, Signature};
use crate::tree::SIZE_MAX;

/// Seconds since 1970 that a cosignature can state at most.
pub const TIME_S_MAX: u64 = SIZE_MAX;

/// Signs a checkpoint as a witness: at this time (seconds since 1970), no larger consistent tree of this
/// log was known. Whether that is so is the caller's to check and to remember, before it signs.
///
/// # Errors
/// [`SignError::Kind`] if the key is not for cosignatures, [`SignError::Time`] for a time of 0 or above
/// [`TIME_S_MAX`].
pub fn cosign(
    checkpoint: &Checkpoint,
    time_s: u64,
    key: &SignerKey,
) -> Result<Signature, SignError> {
    if key.verifier().kind() != KeyKind::CosignatureV1 {
        return Err(SignError::Kind);
    }
    if time_s == 0 || time_s > TIME_S_MAX {
        return Err(SignError::Time { time_s });
    }
    let mut bytes = time_s.to_be_bytes().to_vec();
    bytes.extend_from_slice(&key.sign_bytes(&message(time_s, &checkpoint.to_string())));
    Ok(Signature::by(key, bytes))
}

/// The time that a signature states, if it has the form of a cosignature.
pub(crate) fn read_time_s(signature: &Signature) -> Option<u64> {
    let (time_s, _) = split(signature)?;
    Some(time_s)
}

/// Whether the bytes are this key's cosignature of the text.
pub(crate) fn is_by(key: &VerifierKey, text: &str, signature: &Signature) -> bool {
    match split(signature) {
        Some((time_s, ed25519)) => key.has_signed(&message(time_s, text), ed25519),
        None => false,
    }
}

fn split(signature: &Signature) -> Option<(u64, &[u8; ED25519_BYTES])> {
    let (time, ed25519) = signature.bytes().split_first_chunk::<8>()?;
    let time_s = u64::from_be_bytes(*time);
    let ed25519 = ed25519.try_into().ok()?;
    (time_s <= TIME_S_MAX).then_some((time_s, ed25519))
}

fn message(time_s: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {time_s}\n{text}").into_bytes()
}
