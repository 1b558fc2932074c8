//! What the committer remembers of the rows from one batch to the next: which names there are, and the
//! heads of classes and sets, decoded.
//!
//! It changes speed only. It learns from a batch after the batch was published, so it never knows anything
//! of a command that failed or of a batch that was not written; and whatever it does not know is read from
//! the rows.

use std::collections::HashMap;
use std::hash::Hash;

use event::Application;
use foldhash::fast::RandomState;
use store::key::{Class, Set};
use store::{ReadRows, RowChanges, StoreError};

use crate::class::ClassHead;
use crate::names::Names;
use crate::set::Head;

/// So many heads of each kind are remembered, about 100 bytes each. When there are more, all are forgotten.
const HEADS_MAX: usize = 10_000;
/// The filter of names is filled from so many rows between two batches: about a millisecond.
const ROWS_PER_FILLING: usize = 2_000;

/// The heads that a batch changed, or that are remembered.
#[derive(Default)]
pub(crate) struct Heads {
    pub classes: HashMap<Class, ClassHead, RandomState>,
    pub sets: HashMap<(Application, Set), Head, RandomState>,
    /// The latest second that has an event, since 1970.
    pub second: Option<i64>,
}

/// The rows that a batch changed, to be published and then [learned](Memory::learn).
pub(crate) struct Unpublished {
    pub rows: RowChanges,
    pub heads: Heads,
}

/// What is remembered of the published rows.
pub(crate) struct Memory {
    pub names: Names,
    pub heads: Heads,
}

impl Memory {
    /// Remembers nothing of the rows that there are.
    pub(crate) fn new() -> Memory {
        Memory { names: Names::default(), heads: Heads::default() }
    }

    /// The memory of a store without rows.
    pub(crate) fn of_no_rows() -> Memory {
        Memory { names: Names::of_no_rows(), heads: Heads::default() }
    }

    /// Takes in what was published.
    pub(crate) fn learn(&mut self, published: Unpublished) {
        for (key, value) in &published.rows {
            if value.is_some() {
                self.names.add(key);
            }
        }
        extend(&mut self.heads.classes, published.heads.classes);
        extend(&mut self.heads.sets, published.heads.sets);
        self.heads.second = self.heads.second.max(published.heads.second);
    }

    /// Whether [`Memory::fill`] has something left to do.
    pub(crate) fn wants_filling(&self) -> bool {
        self.names.wants_filling()
    }

    /// Fills the filter of names from some further rows. `rows` must have everything that was published.
    pub(crate) fn fill(&mut self, rows: &dyn ReadRows) -> Result<(), StoreError> {
        self.names.fill(rows, ROWS_PER_FILLING)
    }

    /// Remembers no names from now on.
    pub(crate) fn give_names_up(&mut self) {
        self.names = Names::given_up();
    }
}

fn extend<K: Eq + Hash, V>(
    known: &mut HashMap<K, V, RandomState>,
    new: HashMap<K, V, RandomState>,
) {
    if known.len() + new.len() > HEADS_MAX {
        known.clear();
    }
    if new.len() <= HEADS_MAX {
        known.extend(new);
    }
}
