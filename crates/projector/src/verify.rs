//! Verifies that the log is what was signed.
//!
//! Every event is read, decoded and hashed anew, and the tree over them is compared with each checkpoint
//! that is known, and with the rows of the tree. From the first event on whose hash the rows have otherwise,
//! a second tree takes the hashes of the rows. Where the first one is not what was signed, and the second is,
//! that event was altered. Where neither is, the rows were made anew too: then the event lies between two
//! checkpoints.

use std::collections::HashMap;
use std::ops::ControlFlow;

use event::codec::decode_facts;
use event::{Application, Event, LinkKind, Number, Seq, Timestamp};
use evidence::Entry;
use foldhash::fast::RandomState;
use store::{Store, StoreError};
use tlog::{Frontier, Hash, TileHash, TreeHead};

use crate::error::ProjectorError;
use crate::tree::stored_hashes;

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
        /// Events in the checkpoint that does not, above `from`.
        to: Seq,
    },
    /// The events differ from those that were signed, and a later checkpoint agrees with them.
    #[error(
        "the events {from} to {} are not those that were signed at first, and a later checkpoint agrees \
         with them: the log was written and signed anew", to - 1
    )]
    SignedAnew {
        /// The first event that may differ.
        from: Seq,
        /// The event behind the last of them, above `from`.
        to: Seq,
    },
    /// A checkpoint contradicts another one of the same size, or the tree without events.
    #[error(
        "a checkpoint of {signed} events is of another history: another one of as many events agrees with \
         the log"
    )]
    OtherHistory {
        /// Events in the checkpoint.
        signed: u64,
    },
    /// An event that no checkpoint covers is not the one of which the rows have the hash.
    #[error(
        "event {seq} is not the one of which the rows have the hash, and no checkpoint covers it: either \
         was altered"
    )]
    Differs {
        /// Its place. Later ones may be altered too.
        seq: Seq,
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
        /// The first event at which they are wrong.
        seq: Seq,
    },
    /// The rows of the tree cannot be read. The log was verified without them from there on.
    #[error("the rows of the tree cannot be read at event {seq}: {why}")]
    RowsUnreadable {
        /// The first event that was not compared with them.
        seq: Seq,
        /// Why, in one line.
        why: String,
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
/// the bytes of the piece; it may sleep, or break off. Reads past the block cache. `None` when it was broken
/// off.
pub fn verify(
    store: &Store,
    extent: &Extent,
    mut pace: impl FnMut(Seq, Seq, usize) -> ControlFlow<()>,
) -> Option<Verified> {
    let mut anchors = extent.checkpoints.clone();
    anchors.sort_by_key(|head| head.size);
    let mut waiting = anchors.iter().peekable();
    let mut run = Run {
        store,
        tree: Frontier::new(),
        covered: 0,
        uncovered_since: None,
        contradicted: None,
        last: Timestamp(i64::MIN),
        links: extent.links.then(HashMap::default),
        rows: RowsCompared::new(store, extent.folded),
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
        if let Err(Unreadable(why)) = read {
            run.faults.push(Fault::Unreadable { seq: run.tree.size(), why });
            is_cut = true;
        }
        if pace(run.tree.size(), extent.size, bytes).is_break() {
            return None;
        }
    }
    let beyond = anchors.last().filter(|head| head.size > extent.size && !is_cut);
    if let Some(TreeHead { size: signed, .. }) = beyond {
        run.faults.push(Fault::Truncated { log: extent.size, signed: *signed });
    }
    Some(run.finish())
}

/// An event is missing, or cannot be read or decoded: why, in one line.
struct Unreadable(String);

impl From<StoreError> for Unreadable {
    fn from(error: StoreError) -> Unreadable {
        Unreadable(store::with_causes(&error))
    }
}

/// A verification under way.
struct Run<'a> {
    store: &'a Store,
    tree: Frontier,
    /// Events covered by the last checkpoint that agrees.
    covered: u64,
    /// When the first event behind it was recorded.
    uncovered_since: Option<Timestamp>,
    /// The size of the first checkpoint that does not agree, and what that means unless a later one does.
    contradicted: Option<(u64, Fault)>,
    last: Timestamp,
    /// The last event that changed a thing, if links are checked.
    links: Option<HashMap<(Application, LinkKind, Number), Seq, RandomState>>,
    rows: RowsCompared<'a>,
    faults: Vec<Fault>,
}

impl Run<'_> {
    /// Takes in the next event.
    fn take(&mut self, seq: Seq, stored: &[u8]) -> Result<(), Unreadable> {
        let decoded = decode_facts(seq, stored).and_then(|event| {
            let entry = Entry::of_event(self.store.log_id(), &event, stored)?;
            Ok((event, entry))
        });
        let (event, entry) = decoded.map_err(|error| Unreadable(store::with_causes(&error)))?;
        if let Err(error) = self.rows.append(&mut self.tree, entry.leaf()) {
            // Without them the log can still be compared with the checkpoints.
            self.rows.end_at(seq);
            self.fault(Fault::RowsUnreadable { seq, why: store::with_causes(&error) });
        }
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
        let size = signed.size;
        if self.tree.root() == signed.root {
            match self.contradicted.take() {
                Some((signed, _)) if signed == size => self.fault(Fault::OtherHistory { signed }),
                Some((_, Fault::Altered { seq })) => {
                    self.fault(Fault::SignedAnew { from: seq, to: seq + 1 });
                }
                Some((to, _)) => self.fault(Fault::SignedAnew { from: self.covered, to }),
                None => {}
            }
            if let Some(seq) = self.rows.is_right() {
                self.fault(Fault::Rows { seq });
            }
            self.covered = size;
            self.uncovered_since = None;
        } else if self.covered == size {
            self.fault(Fault::OtherHistory { signed: size });
        } else if self.contradicted.is_none() {
            // No later one agrees because of the same event.
            let fault = match self.rows.suspect {
                Some(seq) if self.rows.has_root(signed.root) => Fault::Altered { seq },
                _ => Fault::Between { from: self.covered, to: size },
            };
            self.contradicted = Some((size, fault));
        }
    }

    fn finish(mut self) -> Verified {
        let is_cut = self.faults.iter().any(|fault| matches!(fault, Fault::Unreadable { .. }));
        match self.contradicted.take() {
            Some((_, fault)) => self.fault(fault),
            None if is_cut => {}
            // Behind the last checkpoint nothing tells which of the two is right.
            None => match (self.rows.suspect, self.rows.above) {
                (Some(seq), _) => self.fault(Fault::Differs { seq }),
                (None, Some(seq)) => self.fault(Fault::Rows { seq }),
                (None, None) => {}
            },
        }
        Verified {
            head: self.tree.head(),
            covered: self.covered,
            uncovered: self.uncovered_since.map(|since| (since, self.last)),
            faults: self.faults,
        }
    }
}

/// What the rows of the tree say of the events so far.
struct RowsCompared<'a> {
    store: &'a Store,
    /// How many events they have.
    end: Seq,
    /// The first event since the last checkpoint that agrees whose hash they have otherwise.
    suspect: Option<Seq>,
    /// The tree of the hashes that they have, from that event on; `None` too if they lack one.
    tree: Option<Frontier>,
    /// The first event since then, without a suspect, that completes a tile whose hash they have otherwise.
    above: Option<Seq>,
    /// By level.
    read: Vec<ReadHashes>,
}

/// Hashes of one level that were read.
#[derive(Default)]
struct ReadHashes {
    /// The index of the first.
    first: u64,
    hashes: Vec<Option<Hash>>,
}

impl RowsCompared<'_> {
    fn new(store: &Store, end: Seq) -> RowsCompared<'_> {
        RowsCompared { store, end, suspect: None, tree: None, above: None, read: vec![] }
    }

    /// Appends the hash of an event to the tree of the log, and compares all that it adds with the rows. The
    /// tree has it also when the rows cannot be read.
    fn append(&mut self, tree: &mut Frontier, leaf: Hash) -> Result<(), ProjectorError> {
        let seq = tree.size();
        let row = if seq < self.end { self.hash(0, seq) } else { Ok(None) };
        if let Ok(row) = row
            && seq < self.end
            && (row != Some(leaf) || self.suspect.is_some())
        {
            if self.suspect.is_none() {
                self.suspect = Some(seq);
                self.tree = Some(tree.clone());
            }
            match (&mut self.tree, row) {
                (Some(tree), Some(row)) => tree.append(row),
                (tree, _) => *tree = None,
            }
        }
        let mut above = vec![];
        tree.append_to_tiles(leaf, |gained| {
            if gained.level > 0 {
                above.push(gained);
            }
        });
        if seq >= self.end {
            self.tree = None;
            return Ok(());
        }
        row?;
        for TileHash { level, index, hash } in above {
            let is_wrong = self.hash(level, index)? != Some(hash);
            if is_wrong && self.suspect.is_none() && self.above.is_none() {
                self.above = Some(seq);
            }
        }
        Ok(())
    }

    /// Compares nothing from this event on.
    fn end_at(&mut self, seq: Seq) {
        self.end = seq;
        self.tree = None;
    }

    /// Whether the tree with the hashes of the rows has this root.
    fn has_root(&self, root: Hash) -> bool {
        self.tree.as_ref().is_some_and(|tree| tree.root() == root)
    }

    /// The log is what was signed. Returns the first event at which the rows are not, if they are not.
    fn is_right(&mut self) -> Option<Seq> {
        self.tree = None;
        let (suspect, above) = (self.suspect.take(), self.above.take());
        suspect.into_iter().chain(above).min()
    }

    fn hash(&mut self, level: u8, index: u64) -> Result<Option<Hash>, ProjectorError> {
        let place = usize::from(level);
        if self.read.len() <= place {
            self.read.resize_with(place + 1, ReadHashes::default);
        }
        let read = &mut self.read[place];
        if index < read.first || index >= read.first + read.hashes.len() as u64 {
            read.first = index;
            read.hashes = stored_hashes(self.store, level, index..index + HASHES_PER_READ)?;
        }
        Ok(self.read[place].hashes[(index - self.read[place].first) as usize])
    }
}

#[cfg(test)]
mod tests;
