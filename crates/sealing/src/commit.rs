//! Commitments to the contents of parts, and opening them for somebody who has no keys. The crate's page
//! draws what is hashed; `evidence` checks what is opened.

use event::{LogId, Seq};
use evidence::{Salt, ValueOpening, WholeOpening, value_hash, whole_hash};
use hmac::Mac as _;
use tlog::{Frontier, Hash, Tile, TileHash, TreeHead};

use crate::derive::HmacSha256;
use crate::key::PartKey;
use crate::seal::Nonce;

/// What is committed to: a whole content, or one of several values.
const WHOLE: [u8; 1] = [1];
const VALUE: [u8; 1] = [2];

/// A part's place in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PartAt {
    /// The log's id.
    pub log: LogId,
    /// The event's seq.
    pub seq: Seq,
    /// Which of the event's parts, from 0 in their stored order.
    pub part: u32,
}

/// The salts of one part.
pub struct Salts {
    key: HmacSha256,
    /// All that stands before the place.
    at: [u8; 44],
}

impl Salts {
    /// The salts of the part at this place that was sealed with this nonce.
    pub fn new(key: &PartKey, at: PartAt, nonce: &Nonce) -> Salts {
        let mut bytes = [0; 44];
        bytes[..8].copy_from_slice(&at.log.get().to_be_bytes());
        bytes[8..16].copy_from_slice(&at.seq.to_be_bytes());
        bytes[16..20].copy_from_slice(&at.part.to_be_bytes());
        bytes[20..].copy_from_slice(&nonce.0);
        Salts { key: key.salts.clone(), at: bytes }
    }

    fn at(&self, what: [u8; 1], place: u32) -> Salt {
        // With the padding this is one block of SHA-256.
        let mut bytes = [0; 49];
        bytes[..1].copy_from_slice(&what);
        bytes[1..45].copy_from_slice(&self.at);
        bytes[45..].copy_from_slice(&place.to_be_bytes());
        Salt(self.key.clone().chain_update(bytes).finalize().into_bytes().into())
    }

    fn whole(&self) -> Salt {
        self.at(WHOLE, 0)
    }

    fn value(&self, place: u32) -> Salt {
        self.at(VALUE, place)
    }
}

impl std::fmt::Debug for Salts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Salts(…)")
    }
}

/// The commitment of a part that opens as one.
pub fn commit_whole(salts: &Salts, content: &[u8]) -> Hash {
    whole_hash(&salts.whole(), content)
}

/// The commitment of a part of which values can be opened one by one: name and value of each, in the order in
/// which they stand in the part. At most 2^32 - 1 of them.
pub fn commit_values<'a>(
    salts: &Salts,
    values: impl IntoIterator<Item = (&'a [u8], &'a [u8])>,
) -> Hash {
    let mut tree = Frontier::new();
    for (place, (name, value)) in (0..).zip(values) {
        tree.append(value_hash(&salts.value(place), name, value));
    }
    tree.root()
}

/// Opens a content; the salts are those of its part.
pub fn open_whole(salts: &Salts, content: Vec<u8>) -> WholeOpening {
    WholeOpening { salt: salts.whole(), content }
}

/// All values of a part, of which each can be opened alone.
#[derive(Debug)]
pub struct ValueTree<'a> {
    salts: &'a Salts,
    values: Vec<(&'a [u8], &'a [u8])>,
    /// The tree's hashes as tiles keep them.
    hashes: Vec<TileHash>,
    head: TreeHead,
}

impl<'a> ValueTree<'a> {
    /// Of the same values as [`commit_values`].
    pub fn new(salts: &'a Salts, values: Vec<(&'a [u8], &'a [u8])>) -> ValueTree<'a> {
        let (mut tree, mut hashes) = (Frontier::new(), Vec::with_capacity(values.len()));
        for (place, (name, value)) in (0..).zip(&values) {
            let leaf = value_hash(&salts.value(place), name, value);
            tree.append_to_tiles(leaf, |hash| hashes.push(hash));
        }
        // Tiles are read in order, level by level.
        hashes.sort_unstable_by_key(|hash| (hash.level, hash.index));
        ValueTree { salts, values, hashes, head: tree.head() }
    }

    /// The commitment.
    pub fn commitment(&self) -> Hash {
        self.head.root
    }

    /// Opens the value at a place, counted from 0; `None` if there is none.
    pub fn open(&self, place: u32) -> Option<ValueOpening> {
        let (name, value) = *self.values.get(place as usize)?;
        let tiles = |tile: Tile, out: &mut [Hash]| {
            let first = (tile.level(), tile.index() * u64::from(tlog::TILE_WIDTH));
            let begin = self.hashes.partition_point(|hash| (hash.level, hash.index) < first);
            for (out, hash) in out.iter_mut().zip(self.hashes.get(begin..).ok_or(())?) {
                *out = hash.hash;
            }
            Ok::<(), ()>(())
        };
        let proof = tlog::prove_inclusion(&tiles, place.into(), self.head.size).ok()?;
        Some(ValueOpening {
            salt: self.salts.value(place),
            place,
            values: u32::try_from(self.head.size).ok()?,
            name: name.to_vec(),
            value: value.to_vec(),
            proof,
        })
    }
}
