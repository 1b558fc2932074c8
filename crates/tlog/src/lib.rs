//! The proofs of the log. Pure: bytes in, bytes or refusals out; no files, no network, no clock, no
//! randomness.
//!
//! Somebody who holds a small file from last year can check, without us, that an event was recorded then
//! and is still what it was. This crate makes such files and checks them, in formats that public tools
//! read: RFC 6962 for the tree, and the C2SP specifications <https://c2sp.org> tlog-tiles, signed-note,
//! tlog-checkpoint, tlog-cosignature, tlog-witness and tlog-proof.
//!
//! ```text
//!  entry            bytes of an event that never change, however its parts are erased
//!    │ Hash::of_leaf
//!    ▼
//!  leaf hash ─────▶ Frontier::append_to_tiles          the right edge of the tree, at most 63 hashes
//!    │                │                │
//!    │                │ TileHash       │ head()
//!    │                ▼                ▼
//!    │              tiles            TreeHead            size and root: stands for all entries
//!    │              (ReadTile)         │ Checkpoint::new, with the origin: which log
//!    │                │                ▼
//!    │                │              Checkpoint          three lines of text
//!    │                │                │ SignedCheckpoint::sign, with the log's key
//!    │                │                ▼
//!    │                │              SignedCheckpoint    a signed note
//!    │                │                │ AddCheckpoint ──────▶ a witness: knows the last checkpoint,
//!    │                │                │  with prove_consistency    verifies the step from it to this
//!    │                │                │ add ◀──────────────── cosign: "at this time I knew no other"
//!    │                ▼                ▼
//!    │              prove_inclusion ─▶ ProofFile         index, proof, signed checkpoint
//!    ▼                                 │
//!  the same entry, years later ──────▶ │ ProofFile::verify, with a Policy: which log, whose keys
//!                                      ▼
//!                                    VerifiedCheckpoint, or one reason why not
//! ```
//!
//! # What a proof says
//!
//! * **Inclusion**: the tree of the checkpoint has this entry at this index. No tree with the same root has
//!   another one there.
//! * **Consistency**: a tree is the beginning of a larger one. Nothing in it was changed, removed or moved.
//! * **The log's signature**: the log has committed itself to this tree. If it signs two trees of which
//!   neither begins with the other, whoever holds both checkpoints can show it.
//! * **A cosignature**: somebody else saw the log grow up to this tree, at this time, and signs nothing that
//!   is inconsistent with it. Without witnesses a log can show different trees to different people.
//!
//! # Where things are kept
//!
//! The caller keeps the state of the tree ([`Frontier::to_bytes`]), and tiles as it likes: a row for each
//! hash, or files. It hands the hashes of a tile to [`prove_inclusion`], [`prove_consistency`] and
//! [`read_frontier`] by [`ReadTile`]. It alone decides when a checkpoint may be signed.
//!
//! # What is refused
//!
//! Whatever comes from outside is bounded before memory is taken for it, has one accepted form, and is
//! refused with a reason of its own. What was read prints as the same bytes. The formats demand that some
//! things be ignored, and they are: signatures of unknown keys, and the extra data of a proof file, which
//! nobody signs.
//!
//! Kinds of signature that are not supported, among them ML-DSA-44 cosignatures (type 0x06), are those of
//! unknown keys.
//!
//! # Example
//!
//! ```
//! use tlog::{
//!     Checkpoint, Frontier, Hash, KeyKind, KeyName, Policy, ProofFile, SignedCheckpoint, SignerKey,
//!     Tile, TileHash, cosign, prove_inclusion,
//! };
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! // The log appends, and keeps each hash of its tiles.
//! let mut tree = Frontier::new();
//! let mut kept = Vec::new();
//! for entry in ["first", "second", "third"] {
//!     tree.append_to_tiles(Hash::of_leaf(entry.as_bytes()), |hash: TileHash| kept.push(hash));
//! }
//! let log = SignerKey::from_seed(KeyName::parse("log.example/audit")?, KeyKind::Ed25519, [1; 32])?;
//! let checkpoint = Checkpoint::new("log.example/audit", tree.head())?;
//! let mut signed = SignedCheckpoint::sign(checkpoint, &log)?;
//!
//! // A witness adds that it saw the log grow.
//! let name = KeyName::parse("witness.example/w1")?;
//! let witness = SignerKey::from_seed(name, KeyKind::CosignatureV1, [2; 32])?;
//! signed.add(cosign(signed.unverified(), 1_772_539_200, &witness)?)?;
//!
//! // The log proves that its second entry is there.
//! let tiles = |tile: Tile, hashes: &mut [Hash]| {
//!     for (number, hash) in (tile.index() * 256..).zip(hashes) {
//!         let found = kept.iter().find(|one| (one.level, one.index) == (tile.level(), number));
//!         *hash = found.ok_or("no such hash")?.hash;
//!     }
//!     Ok::<(), &str>(())
//! };
//! let proof = prove_inclusion(&tiles, 1, 3).map_err(|error| error.to_string())?;
//! let file = ProofFile::new(1, proof, signed).to_string();
//!
//! // Anybody with the entry, the file and the keys checks it offline.
//! let policy = Policy::new(
//!     "log.example/audit",
//!     vec![log.verifier().clone()],
//!     vec![witness.verifier().clone()],
//!     1,
//! )?;
//! let file = ProofFile::parse(file.as_bytes())?;
//! let verified = file.verify(Hash::of_leaf(b"second"), &policy)?;
//! assert_eq!(verified.head().size, 3);
//! assert_eq!(verified.witnesses()[0].time_s, Some(1_772_539_200));
//! assert!(file.verify(Hash::of_leaf(b"forged"), &policy).is_err());
//! # Ok(())
//! # }
//! ```

#![warn(unreachable_pub)]

mod checkpoint;
mod cosignature;
mod decimal;
mod entries;
mod hash;
mod key;
mod note;
mod policy;
mod proof;
mod proof_file;
mod prove;
mod signature;
mod tile;
mod tree;
mod way;
mod witness;

#[cfg(test)]
mod tests;

pub use checkpoint::{Checkpoint, CheckpointError, SignedCheckpoint, SignedCheckpointError};
pub use cosignature::{TIME_S_MAX, cosign};
pub use decimal::DecimalError;
pub use entries::{ENTRY_BYTES_MAX, EntriesError, push_entry, split_entries};
pub use hash::{HASH_BYTES, Hash, HashTextError};
pub use key::{
    KEY_BYTES, KEY_NAME_BYTES_MAX, KEY_TEXT_BYTES_MAX, KeyError, KeyId, KeyKind, KeyName,
    KeyNameError, SignerKey, VerifierKey,
};
pub use note::{
    NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX, Note, NoteError, NoteSignError, Signed, VerifyError,
};
pub use policy::{Policy, PolicyError, PolicyRefusal, VerifiedCheckpoint};
pub use proof::{
    CONSISTENCY_HASHES_MAX, ConsistencyError, ConsistencyProof, INCLUSION_HASHES_MAX,
    InclusionError, InclusionProof,
};
pub use proof_file::{
    EXTRA_BYTES_MAX, HashLinesError, PROOF_FILE_BYTES_MAX, ProofFile, ProofFileError,
    ProofFileRefusal,
};
pub use prove::{ProveError, ReadTile, prove_consistency, prove_inclusion, read_frontier};
pub use signature::{SignError, Signature, SignatureError};
pub use tile::{
    EntryBundle, LEVEL_MAX, TILE_BYTES, TILE_INDEX_MAX, TILE_WIDTH, Tile, TileError, TileHash,
};
pub use tree::{Frontier, FrontierError, SIZE_MAX, TreeHead};
pub use witness::{
    ADD_CHECKPOINT_BYTES_MAX, AddCheckpoint, AddCheckpointError, SIZE_MEDIA_TYPE, SizeError,
    parse_cosignatures, parse_size, print_cosignatures, print_size,
};
