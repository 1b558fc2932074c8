//! Makes commitments again from the events alone: to check them, and to prove by an old one.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use event::codec::decode_header;
use event::{Application, Fact, LogId, Seq, StateCommitted, StateRoot};
use evidence::state::{Replay, Salts};
use store::{Store, StoreError};

use super::{Commitment, StateTree, scan_facts, secret_at};
use crate::error::ProjectorError;

/// The tree of an old commitment is made again from at most so many events.
const REPLAYED_MAX: Seq = 1 << 24;

/// The tree of an old commitment, made again from the events up to its state; `None` if those are more than
/// `REPLAYED_MAX`.
///
/// # Errors
/// When an event cannot be read, or gives another tree.
pub fn replayed(store: &Store, event: Seq) -> Result<Option<Commitment>, ProjectorError> {
    let bytes = store.event_bytes(event)?.ok_or(StoreError::Gap { expected: event })?;
    let header =
        decode_header(&bytes).map_err(|source| ProjectorError::Event { seq: event, source })?;
    let Fact::StateCommitted(StateCommitted::Root(root)) = header.fact else {
        return Err(ProjectorError::row("a commitment"));
    };
    if root.at >= REPLAYED_MAX {
        return Ok(None);
    }
    let application = header.application;
    let (mut replay, mut recorder) = (Replay::default(), None);
    scan_facts(store, 0, &mut |event| {
        if event.seq > root.at {
            return Ok(ControlFlow::Break(()));
        }
        if event.header.fact.watches() {
            recorder = Some(event.seq);
        }
        if event.header.application == application {
            replay.apply(&event);
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let salts = Salts::new(&secret_at(store, root.secret)?);
    let top = replay.top(&salts, store.log_id(), application, (root.at, recorder));
    if *top.root().as_bytes() != root.root {
        return Err(ProjectorError::row("a commitment"));
    }
    let tree = StateTree { top, secret: root.secret, salts, hashes: replay.into_hashes() };
    Ok(Some(Commitment { event, tree: Arc::new(tree) }))
}

/// What is wrong with a commitment of the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FalseCommitment {
    /// The event that holds it.
    pub seq: Seq,
}

/// Recomputes every commitment of a log from the structural facts of its events alone, so also after
/// erasures. Holds one record for each number of each application that was committed to.
///
/// # Errors
/// When an event cannot be read.
pub fn verify_commitments(store: &Store) -> Result<Vec<FalseCommitment>, ProjectorError> {
    let mut wanted: BTreeMap<(Seq, Application), Vec<(Seq, StateRoot)>> = BTreeMap::new();
    let mut secrets = BTreeMap::new();
    scan_facts(store, 0, &mut |event| {
        match event.header.fact {
            Fact::StateCommitted(StateCommitted::Secret(secret)) => {
                secrets.insert((event.seq, event.header.application), secret);
            }
            Fact::StateCommitted(StateCommitted::Root(root)) => {
                let of = wanted.entry((root.at, event.header.application)).or_default();
                of.push((event.seq, root));
            }
            _ => {}
        }
        Ok(ControlFlow::Continue(()))
    })?;
    let mut wrong = vec![];
    let mut replays: BTreeMap<Application, (Replay, Option<Seq>)> = BTreeMap::new();
    for (_, application) in wanted.keys() {
        replays.entry(*application).or_default();
    }
    let mut recorder = None;
    let log: LogId = store.log_id();
    if replays.is_empty() {
        return Ok(wrong);
    }
    scan_facts(store, 0, &mut |event| {
        let seq = event.seq;
        if event.header.fact.watches() {
            recorder = Some(seq);
        }
        if let Some((replay, _)) = replays.get_mut(&event.header.application) {
            replay.apply(&event);
        }
        for (application, (replay, keyed)) in &mut replays {
            for (holder, root) in wanted.remove(&(seq, *application)).into_iter().flatten() {
                let secret = secrets.get(&(root.secret, *application));
                let is_true = secret.is_some_and(|secret| {
                    if *keyed != Some(root.secret) {
                        replay.forget_hashes();
                        *keyed = Some(root.secret);
                    }
                    let salts = Salts::new(secret);
                    let top = replay.top(&salts, log, *application, (seq, recorder));
                    // Nothing is claimed of what is not recorded yet.
                    holder > seq
                        && top.numbers.count == root.numbers
                        && *top.root().as_bytes() == root.root
                });
                if !is_true {
                    wrong.push(FalseCommitment { seq: holder });
                }
            }
        }
        Ok(ControlFlow::Continue(()))
    })?;
    // Of a state that the log does not have.
    wrong.extend(wanted.into_values().flatten().map(|(seq, _)| FalseCommitment { seq }));
    wrong.sort_unstable_by_key(|one| one.seq);
    Ok(wrong)
}
