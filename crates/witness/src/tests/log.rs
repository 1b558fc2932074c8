//! An invented log, which can also do what a log must not.

use tlog::{
    AddCheckpoint, Checkpoint, ConsistencyProof, Frontier, Hash, KeyKind, SignedCheckpoint,
    SignerKey, Tile, TileHash, TreeHead, prove_consistency, read_frontier,
};

use super::key;

pub(super) struct Log {
    pub(super) key: SignerKey,
    hashes: Vec<Vec<Hash>>,
}

impl Log {
    /// The log with so many entries.
    pub(super) fn new(entries: u64) -> Log {
        Log::of(key("log.example/audit", KeyKind::Ed25519, 1), entries, u64::MAX)
    }

    /// The same log with another history: its entries differ from this one on.
    pub(super) fn forked(entries: u64, from: u64) -> Log {
        Log::of(key("log.example/audit", KeyKind::Ed25519, 1), entries, from)
    }

    /// Another log.
    pub(super) fn named(name: &str, entries: u64) -> Log {
        Log::of(key(name, KeyKind::Ed25519, 2), entries, u64::MAX)
    }

    fn of(key: SignerKey, entries: u64, forked_from: u64) -> Log {
        let mut hashes: Vec<Vec<Hash>> = vec![Vec::new(); 2];
        let mut tree = Frontier::new();
        for number in 0..entries {
            let entry = format!("{number}{}", if number >= forked_from { " forked" } else { "" });
            tree.append_to_tiles(Hash::of_leaf(entry.as_bytes()), |one: TileHash| {
                hashes[usize::from(one.level)].push(one.hash);
            });
        }
        Log { key, hashes }
    }

    fn tiles(&self) -> impl Fn(Tile, &mut [Hash]) -> Result<(), &'static str> {
        |tile, hashes| {
            let first = 256 * tile.index() as usize;
            let level = &self.hashes[usize::from(tile.level())];
            hashes.copy_from_slice(level.get(first..first + hashes.len()).ok_or("no such tile")?);
            Ok(())
        }
    }

    pub(super) fn head(&self, size: u64) -> TreeHead {
        read_frontier(&self.tiles(), size).unwrap().head()
    }

    pub(super) fn prove(&self, old: u64, new: u64) -> Result<ConsistencyProof, String> {
        prove_consistency(&self.tiles(), old, new).map_err(|error| error.to_string())
    }

    pub(super) fn signed(&self, size: u64) -> SignedCheckpoint {
        self.signed_head(self.head(size))
    }

    pub(super) fn signed_head(&self, head: TreeHead) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(self.key.verifier().name().as_str(), head).unwrap();
        SignedCheckpoint::sign(checkpoint, &self.key).unwrap()
    }

    /// The request to go on from one size to another.
    pub(super) fn request(&self, old: u64, new: u64) -> AddCheckpoint {
        AddCheckpoint::new(old, self.prove(old, new).unwrap(), self.signed(new)).unwrap()
    }

    pub(super) fn body(&self, old: u64, new: u64) -> Vec<u8> {
        self.request(old, new).to_string().into_bytes()
    }
}
