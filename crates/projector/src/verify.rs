//! Verifies that the log is what was signed.
//!
//! Every event is read, decoded and hashed anew, and the tree over them is compared with each checkpoint
//! that is known. Where they differ, the rows of the tree tell which event was altered, unless they were
//! made anew too: then the event lies between two checkpoints.

use std::collections::HashMap;
use std::ops::{ControlFlow, Range};

use event::codec::decode;
use event::{Application, Event, LinkKind, Number, Seq, Timestamp};
use evidence::Entry;
use foldhash::fast::RandomState;
use store::{Store, StoreError, key};
use tlog::{Frontier, Hash, ReadTile, TILE_WIDTH, Tile, TreeHead, read_frontier};

use crate::error::ProjectorError;

/// Hashes of the tree's rows that are read at once.
const HASHES_PER_READ: u64 = 4_096;
/// Bytes of events between two calls of `pace`.
const PIECE_BYTES: usize = 1 << 20;

/// What a verification found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verified {
    /// How many events were verified, and the root of the tree over all events before the last of them and
    /// it.
    pub head: TreeHead,
    /// How many of them are covered by a checkpoint that agrees.
    pub covered: u64,
    /// When the first and the last of the others were recorded, if there are any.
    pub uncovered: Option<(Timestamp, Timestamp)>,
    /// What is wrong; empty if nothing is.
    pub faults: Vec<Fault>,
}

/// What is wrong with a log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// An event is missing, or cannot be read or decoded. Nothing after it was verified.
    #[error("event {seq} cannot be read: {why}")]
    Unreadable {
        /// Its place.
        seq: Seq,
        /// Why, in one line.
        why: String,
    },
    /// An event is not the one that was signed.
    #[error("event {seq} is not the one that was recorded")]
    Altered {
        /// Its place. Later ones may be altered too.
        seq: Seq,
    },
    /// The events differ from those that were signed, and the rows of the tree do too.
    #[error(
        "the events {from} to {} are not those that were signed; which of them, the rows of the tree do \
         not tell", to - 1
    )]
    Between {
        /// The first event behind the last checkpoint that agrees.
        from: Seq,
        /// Events in the checkpoint that does not.
        to: Seq,
    },
    /// The log ends before a checkpoint.
    #[error("the log ends after {log} events, and a checkpoint of {signed} was signed")]
    Truncated {
        /// Events in the log.
        log: Seq,
        /// Events in the checkpoint.
        signed: u64,
    },
    /// An event was recorded before the one that it follows.
    #[error("event {seq} was recorded earlier than the one before it")]
    Time {
        /// Its place.
        seq: Seq,
    },
    /// A link does not name the last event that changed the same.
    #[error("event {seq} does not name the event that changed the same thing before it")]
    Link {
        /// Its place.
        seq: Seq,
    },
    /// The rows of the tree are not those of the log, which agrees with the checkpoints.
    #[error("the rows of the tree differ from the log at event {seq}: run `provlog rebuild`")]
    Rows {
        /// The first event whose hash they have wrong.
        seq: Seq,
    },
}

/// What to verify.
#[derive(Clone, Debug)]
pub struct Extent {
    /// How many events. A log that grows meanwhile can be verified up to where it was.
    pub size: Seq,
    /// How many of them the rows of the tree have.
    pub folded: Seq,
    /// What was signed, in any order. The caller has verified the signatures.
    pub checkpoints: Vec<TreeHead>,
    /// Whether links are checked too, for which the last event of each thing must be remembered: some 50
    /// bytes for each person and kind of thing.
    pub links: bool,
}

/// Verifies the log. After each piece `pace` is called with the events read so far, how many there are, and
/// the bytes of the piece; it may sleep, or break off. Reads past the block cache.
///
/// # Errors
/// When the rows of the tree cannot be read. `None` when it was broken off.
pub fn verify(
    store: &Store,
    extent: &Extent,
    mut pace: impl FnMut(Seq, Seq, usize) -> ControlFlow<()>,
) -> Result<Option<Verified>, ProjectorError> {
    let mut anchors = extent.checkpoints.clone();
    anchors.sort_by_key(|head| head.size);
    let mut waiting = anchors.iter().peekable();
    let mut run = Run {
        store,
        folded: extent.folded,
        tree: Frontier::new(),
        covered: 0,
        uncovered_since: None,
        suspect: None,
        last: Timestamp(i64::MIN),
        links: extent.links.then(HashMap::default),
        rows: LeafRows { store, first: 0, hashes: vec![] },
        faults: vec![],
    };
    let mut is_cut = false;
    loop {
        while let Some(anchor) = waiting.next_if(|head| head.size == run.tree.size()) {
            run.compare(anchor);
        }
        let from = run.tree.size();
        if from >= extent.size || is_cut {
            break;
        }
        // A piece ends where a checkpoint does.
        let to = waiting.peek().map_or(extent.size, |head| head.size.min(extent.size));
        let mut bytes = 0;
        let read = store.scrub_log(from, to, PIECE_BYTES, |seq, stored| {
            bytes += stored.len();
            run.take(seq, stored)
        });
        match read {
            Ok(_) => {}
            Err(Stopped::Rows(error)) => return Err(error),
            Err(Stopped::Log(why)) => {
                run.faults.push(Fault::Unreadable { seq: run.tree.size(), why });
                is_cut = true;
            }
        }
        if pace(run.tree.size(), extent.size, bytes).is_break() {
            return Ok(None);
        }
    }
    let beyond = anchors.last().filter(|head| head.size > extent.size && !is_cut);
    if let Some(TreeHead { size: signed, .. }) = beyond {
        run.faults.push(Fault::Truncated { log: extent.size, signed: *signed });
    }
    Ok(Some(run.finish()))
}

/// Why reading the log stopped.
enum Stopped {
    /// Rows of the tree cannot be read.
    Rows(ProjectorError),
    /// An event is missing, or cannot be read or decoded: why, in one line.
    Log(String),
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Stopped {
        Stopped::Log(store::with_causes(&error))
    }
}

/// A verification under way.
struct Run<'a> {
    store: &'a Store,
    folded: Seq,
    tree: Frontier,
    /// Events covered by the last checkpoint that agrees.
    covered: u64,
    /// When the first event behind it was recorded.
    uncovered_since: Option<Timestamp>,
    /// The first event since then whose hash is not that of the rows.
    suspect: Option<Seq>,
    last: Timestamp,
    /// The last event that changed a thing, if links are checked.
    links: Option<HashMap<(Application, LinkKind, Number), Seq, RandomState>>,
    rows: LeafRows<'a>,
    faults: Vec<Fault>,
}

impl Run<'_> {
    /// Takes in the next event.
    fn take(&mut self, seq: Seq, stored: &[u8]) -> Result<(), Stopped> {
        let decoded = decode(seq, stored).and_then(|event| {
            let entry = Entry::of_event(self.store.log_id(), &event, stored)?;
            Ok((event, entry))
        });
        let (event, entry) = decoded.map_err(|error| Stopped::Log(store::with_causes(&error)))?;
        let leaf = entry.leaf();
        let compares = self.suspect.is_none() && seq < self.folded;
        if compares && self.rows.leaf(seq).map_err(Stopped::Rows)? != Some(leaf) {
            self.suspect = Some(seq);
        }
        self.tree.append(leaf);
        if event.header.recorded_at < self.last {
            self.fault(Fault::Time { seq });
        }
        self.last = event.header.recorded_at;
        self.uncovered_since.get_or_insert(self.last);
        self.check_links(&event);
        Ok(())
    }

    fn check_links(&mut self, event: &Event) {
        let Some(links) = &mut self.links else { return };
        let mut is_whole = true;
        for link in event.links() {
            let application = match link.kind {
                LinkKind::Recorder => Application::RECORDER,
                _ => event.header.application,
            };
            let thing = (application, link.kind, link.number);
            is_whole &= links.insert(thing, event.seq) == link.before;
        }
        if !is_whole {
            self.fault(Fault::Link { seq: event.seq });
        }
    }

    /// One fault of each kind is enough.
    fn fault(&mut self, fault: Fault) {
        let is_same = |one: &Fault| std::mem::discriminant(one) == std::mem::discriminant(&fault);
        if !self.faults.iter().any(is_same) {
            self.faults.push(fault);
        }
    }

    /// Compares the tree so far with what was signed of it.
    fn compare(&mut self, signed: &TreeHead) {
        if self.tree.root() == signed.root {
            if let Some(seq) = self.suspect.take() {
                self.fault(Fault::Rows { seq });
            }
            self.covered = signed.size;
            self.uncovered_since = None;
            return;
        }
        // If the rows of the tree are those that were signed, they tell which event is not.
        let by_rows = read_frontier(&ScrubbedTiles(self.store), signed.size);
        match (by_rows, self.suspect) {
            (Ok(tree), Some(seq)) if tree.root() == signed.root => {
                self.fault(Fault::Altered { seq });
            }
            _ => self.fault(Fault::Between { from: self.covered, to: signed.size }),
        }
    }

    fn finish(mut self) -> Verified {
        let is_explained = self.faults.iter().any(|fault| {
            matches!(
                fault,
                Fault::Altered { .. } | Fault::Between { .. } | Fault::Unreadable { .. }
            )
        });
        // Behind the last checkpoint nothing tells which of the two is right.
        if let Some(seq) = self.suspect
            && !is_explained
        {
            self.fault(Fault::Altered { seq });
        }
        Verified {
            head: self.tree.head(),
            covered: self.covered,
            uncovered: self.uncovered_since.map(|since| (since, self.last)),
            faults: self.faults,
        }
    }
}

/// The hashes of events in the rows of the tree, read in pieces.
struct LeafRows<'a> {
    store: &'a Store,
    /// The event of the first of `hashes`.
    first: Seq,
    hashes: Vec<Option<Hash>>,
}

impl LeafRows<'_> {
    fn leaf(&mut self, seq: Seq) -> Result<Option<Hash>, ProjectorError> {
        if seq < self.first || seq >= self.first + self.hashes.len() as u64 {
            self.first = seq;
            self.hashes = hashes(self.store, 0, seq..seq + HASHES_PER_READ)?;
        }
        Ok(self.hashes[(seq - self.first) as usize])
    }
}

/// The tiles, read past the block cache.
struct ScrubbedTiles<'a>(&'a Store);

impl ReadTile for ScrubbedTiles<'_> {
    type Error = ProjectorError;

    fn read_tile(&self, tile: Tile, places: &mut [Hash]) -> Result<(), ProjectorError> {
        let first = tile.index() * u64::from(TILE_WIDTH);
        let found = hashes(self.0, tile.level(), first..first + places.len() as u64)?;
        for (place, hash) in places.iter_mut().zip(found) {
            *place = hash.ok_or(ProjectorError::Tile { tile })?;
        }
        Ok(())
    }
}

/// The hashes of a level in the rows; `None` where there is no row.
fn hashes(
    store: &Store,
    level: u8,
    indexes: Range<u64>,
) -> Result<Vec<Option<Hash>>, ProjectorError> {
    let mut hashes = vec![None; (indexes.end - indexes.start) as usize];
    store.scrub_range(&key::tile_hashes(level, &indexes), |key, value| {
        let index = key.last_chunk::<8>().map(|index| u64::from_be_bytes(*index));
        let place = index.and_then(|index| hashes.get_mut((index - indexes.start) as usize));
        if let Some(place) = place {
            *place = value.try_into().ok().map(Hash::new);
        }
    })?;
    Ok(hashes)
}

#[cfg(test)]
mod tests;
