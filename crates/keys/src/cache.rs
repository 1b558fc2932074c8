//! Keys that were unwrapped lately: at most a given number, the least used of them forgotten.

use std::collections::HashMap;
use std::sync::Arc;

use sealing::{DataKey, Owner};

type Keys = HashMap<Owner, Arc<DataKey>, foldhash::fast::RandomState>;

/// Two halves: when the newer one is full it becomes the older one, and what was in that is forgotten. A key
/// that is used moves to the newer one. Keys stand behind a pointer, so that a table that grows leaves no
/// copy of a key behind.
#[derive(Debug)]
pub(crate) struct Cache {
    newer: Keys,
    older: Keys,
    half: usize,
    /// How often a key was forgotten because it was destroyed.
    erasures: u64,
}

impl Cache {
    pub(crate) fn new(keys_max: usize) -> Cache {
        Cache { newer: Keys::default(), older: Keys::default(), half: keys_max / 2, erasures: 0 }
    }

    pub(crate) fn get(&mut self, owner: Owner) -> Option<Arc<DataKey>> {
        if let Some(key) = self.newer.get(&owner) {
            return Some(key.clone());
        }
        let key = self.older.remove(&owner)?;
        self.put(owner, key.clone());
        Some(key)
    }

    pub(crate) fn put(&mut self, owner: Owner, key: Arc<DataKey>) {
        if self.newer.len() >= self.half {
            self.older = std::mem::take(&mut self.newer);
        }
        self.newer.insert(owner, key);
    }

    /// Forgets a key that was destroyed.
    pub(crate) fn forget(&mut self, owner: Owner) {
        self.erasures += 1;
        self.newer.remove(&owner);
        self.older.remove(&owner);
    }

    /// Changes with each key that is destroyed.
    pub(crate) fn erasures(&self) -> u64 {
        self.erasures
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.newer.len() + self.older.len()
    }
}
