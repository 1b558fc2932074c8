//! Commits the log to the state of an application: computes the tree over it from a snapshot of the rows, and
//! has the committer record its root. `evidence::state` says what the tree is of, and why.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use event::codec::{decode_facts, decode_header};
use event::{
    Application, Event, Fact, LinkKind, Number, ResourceType, Seq, StateCommitted, StateRoot,
    StateSecret,
};
use evidence::Rooted;
use evidence::state::{Leaf, Salted, Salts, SetOf, Since, Top, list_root, prove_in, root_over};
use store::key::{self, Set};
use store::{Direction, Snapshot, Store, StoreError};
use tlog::{Hash, InclusionProof};

use crate::bundle::groups_at;
use crate::command::{Decision, Durability};
use crate::committer::Committer;
use crate::draft::Draft;
use crate::error::{CommitError, ProjectorError};
use crate::row;
use crate::set::MemberSince;
use crate::view::View;

mod again;
mod schedule;

pub use again::{FalseCommitment, replayed, verify_commitments};
pub use schedule::Schedule;

/// Trees that are remembered of each application. An answer about a time before them begins at the first event.
const TREES_KEPT: usize = 4;
/// Behind so many events a tree is made anew and not from the one before.
const EVENTS_SINCE_MAX: Seq = 1 << 20;

/// The tree over the state of an application right after an event.
pub struct StateTree {
    /// What stands above it.
    pub top: Top,
    /// The event with the secret that it is keyed by.
    secret: Seq,
    salts: Salts,
    /// The hashes of the leaves, by number.
    hashes: Vec<Hash>,
}

impl StateTree {
    /// The state of an application as a snapshot has it.
    fn of_rows(
        store: &Store,
        snapshot: &Snapshot<'_>,
        application: Application,
        before: Option<&StateTree>,
    ) -> Result<StateTree, ProjectorError> {
        let view = View::new(snapshot);
        let (size, _) = snapshot.watermark()?.unwrap_or_default();
        // A secret was recorded before, so there is an event.
        let at = size.saturating_sub(1);
        let secret = view.state_secret(application)?.ok_or(ProjectorError::row("a secret"))?;
        let salts = Salts::new(&secret_at(store, secret)?);
        let count = view.next_number(application)?.0;
        let before = before.filter(|tree| {
            tree.secret == secret && tree.top.at <= at && at - tree.top.at <= EVENTS_SINCE_MAX
        });
        let mut hashes = before.map_or_else(Vec::new, |tree| tree.hashes.clone());
        let mut changed: BTreeSet<Number> = (hashes.len() as u32..count).map(Number).collect();
        hashes.resize(count as usize, Hash::EMPTY_TREE);
        if let Some(before) = before {
            changed_since(store, application, before.top.at..at, &mut changed)?;
        }
        let rows = Rows { store, view, application, salts: &salts };
        for number in changed {
            let place = hashes.get_mut(number.0 as usize).ok_or(ProjectorError::row("numbers"))?;
            *place = rows.leaf(number)?.hash();
        }
        let mut sets = vec![];
        for set in (0..=u8::MAX).map(SetOf) {
            let entries = rows.set(set)?;
            if !entries.is_empty() {
                sets.push((set, list_root(&salts.salt(Salted::Set(set)), &entries)));
            }
        }
        let top = Top {
            log: store.log_id(),
            application,
            at,
            numbers: Rooted { count, root: root_over(&hashes) },
            population: view.population(application)?,
            recorder: view.coverage()?,
            sets,
        };
        Ok(StateTree { top, secret, salts, hashes })
    }

    /// The leaf of a number, from rows that know at least the events of the tree; `None` if the state has no
    /// such number.
    ///
    /// # Errors
    /// When a row cannot be read, or the rows do not lead to this tree.
    pub fn leaf(
        &self,
        store: &Store,
        snapshot: &Snapshot<'_>,
        number: Number,
    ) -> Result<Option<Leaf>, ProjectorError> {
        let Some(hash) = self.hashes.get(number.0 as usize) else { return Ok(None) };
        let (application, at) = (self.top.application, self.top.at);
        let view = View::new(snapshot);
        let rows = Rows { store, view, application, salts: &self.salts };
        let leaf = rows.leaf_at(number, at)?;
        match leaf.hash() == *hash {
            true => Ok(Some(leaf)),
            false => Err(ProjectorError::row("the state")),
        }
    }

    /// The proof of a number's leaf; `None` if the state has no such number.
    #[must_use]
    pub fn prove(&self, number: Number) -> Option<InclusionProof> {
        prove_in(&self.hashes, number.0 as usize)
    }

    /// The salt of one thing in it.
    #[must_use]
    pub fn salts(&self) -> &Salts {
        &self.salts
    }
}

/// Adds the numbers whose state the events behind `range.start` changed, up to and including `range.end`.
fn changed_since(
    store: &Store,
    application: Application,
    range: std::ops::Range<Seq>,
    changed: &mut BTreeSet<Number>,
) -> Result<(), ProjectorError> {
    scan_facts(store, range.start + 1, &mut |event| {
        if event.seq > range.end {
            return Ok(ControlFlow::Break(()));
        }
        if event.header.application == application {
            let of_numbers = event.links().into_iter().filter(|link| {
                matches!(link.kind, LinkKind::State | LinkKind::Members | LinkKind::Memberships)
            });
            changed.extend(of_numbers.map(|link| link.number));
        }
        Ok(ControlFlow::Continue(()))
    })
}

/// Visits header and structural facts of the events from `from` on.
pub(crate) fn scan_facts(
    store: &Store,
    from: Seq,
    visit: &mut dyn FnMut(Event) -> Result<ControlFlow<()>, ProjectorError>,
) -> Result<(), ProjectorError> {
    store.scan_log(from, |seq, stored| {
        let event =
            decode_facts(seq, stored).map_err(|source| ProjectorError::Event { seq, source })?;
        visit(event)
    })
}

/// What stands in the rows.
struct Rows<'a> {
    store: &'a Store,
    view: View<'a>,
    application: Application,
    salts: &'a Salts,
}

impl Rows<'_> {
    /// The leaf of a number as it is now.
    fn leaf(&self, number: Number) -> Result<Leaf, ProjectorError> {
        self.leaf_at(number, View::NOW)
    }

    /// The leaf of a number as it was right after an event.
    fn leaf_at(&self, number: Number, at: Seq) -> Result<Leaf, ProjectorError> {
        let (view, application) = (&self.view, self.application);
        let head = view.resource_head(application, number)?;
        let version = view.version(application, number, at)?;
        let members = match head.members {
            Some(_) => since(view.members(application, Set::Members(number), at)?),
            None => vec![],
        };
        let groups = match head.memberships {
            Some(_) => groups_at(view, application, number, at)?,
            None => vec![],
        };
        let salt = |of| self.salts.salt(of);
        Ok(Leaf {
            salt: salt(Salted::Leaf(number)),
            resource_type: version.as_ref().map_or(0, |version| version.resource_type.0),
            exists: version.as_ref().is_some_and(|version| version.state.is_some()),
            active: version.as_ref().is_some_and(|version| version.active),
            state: self.changed(LinkKind::State, number, head.state, at)?,
            members_changed: self.changed(LinkKind::Members, number, head.members, at)?,
            groups_changed: self.changed(LinkKind::Memberships, number, head.memberships, at)?,
            members: list_root(&salt(Salted::Members(number)), &members),
            groups: list_root(&salt(Salted::Groups(number)), &groups),
        })
    }

    /// The last event up to `at` that changed a thing, by the links back from the last one.
    fn changed(
        &self,
        kind: LinkKind,
        number: Number,
        last: Option<Seq>,
        at: Seq,
    ) -> Result<Option<Seq>, ProjectorError> {
        let mut found = last;
        while let Some(seq) = found.filter(|seq| *seq > at) {
            let stored = self.store.event_bytes(seq)?.ok_or(StoreError::Gap { expected: seq })?;
            let event = decode_facts(seq, &stored)
                .map_err(|source| ProjectorError::Event { seq, source })?;
            let mut links = event.links().into_iter();
            let link = links.find(|link| (link.kind, link.number) == (kind, number));
            found = link.ok_or(ProjectorError::row("what is known of a resource"))?.before;
        }
        Ok(found)
    }

    fn set(&self, set: SetOf) -> Result<Vec<Since>, ProjectorError> {
        let set = match set {
            SetOf::ACTIVE => Set::Active,
            SetOf(resource_type) => Set::Existing(ResourceType(resource_type)),
        };
        Ok(since(self.view.members(self.application, set, View::NOW)?))
    }
}

fn since(members: Vec<MemberSince>) -> Vec<Since> {
    let since = |one: MemberSince| Since { number: one.member, since: one.since };
    members.into_iter().map(since).collect()
}

/// The secret that an event holds.
fn secret_at(store: &Store, seq: Seq) -> Result<StateSecret, ProjectorError> {
    match fact_at(store, seq)? {
        Fact::StateCommitted(StateCommitted::Secret(secret)) => Ok(secret),
        _ => Err(ProjectorError::row("a secret")),
    }
}

fn fact_at(store: &Store, seq: Seq) -> Result<Fact, ProjectorError> {
    let bytes = store.event_bytes(seq)?.ok_or(StoreError::Gap { expected: seq })?;
    Ok(decode_header(&bytes).map_err(|source| ProjectorError::Event { seq, source })?.fact)
}

impl View<'_> {
    /// The event with the secret of an application's next commitment.
    pub(crate) fn state_secret(
        &self,
        application: Application,
    ) -> Result<Option<Seq>, ProjectorError> {
        let value = self.rows().get(&key::state_secret(application))?;
        value.map(|value| row::decode_seq("a secret", &value)).transpose()
    }

    /// The events that hold the last commitment to a state of an application before `at` or right after it, and
    /// the first one from there on.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub fn commitments_around(
        &self,
        application: Application,
        at: Seq,
    ) -> Result<(Option<Seq>, Option<Seq>), ProjectorError> {
        let first = |range, direction| {
            let found = self.rows().first(&range, direction)?;
            found.map(|(_, value)| row::decode_seq("a commitment", &value)).transpose()
        };
        let before = key::commitments(application, &(0..at.saturating_add(1)));
        let after = key::commitments(application, &(at..Seq::MAX));
        Ok((first(before, Direction::Backward)?, first(after, Direction::Forward)?))
    }
}

/// A commitment that was recorded, and the tree that it is to.
#[derive(Clone)]
pub struct Commitment {
    /// The event with the root.
    pub event: Seq,
    /// The tree.
    pub tree: Arc<StateTree>,
}

/// Makes commitments, one at a time, and remembers the last trees of each application.
pub struct StateCommitter {
    committer: Committer,
    running: tokio::sync::Mutex<()>,
    trees: Mutex<BTreeMap<Application, VecDeque<Commitment>>>,
}

/// Why there is no commitment.
#[derive(Debug, thiserror::Error)]
pub enum CommitmentError {
    /// The events cannot be recorded.
    #[error("the commitment cannot be recorded")]
    Commit(#[from] CommitError),
    /// The state cannot be read.
    #[error("the state cannot be read")]
    Read(#[from] ProjectorError),
    /// The task that computes it ended early.
    #[error("the state was not computed to the end")]
    Ended,
}

impl StateCommitter {
    /// Commits by this committer.
    #[must_use]
    pub fn new(committer: Committer) -> Arc<StateCommitter> {
        Arc::new(StateCommitter {
            committer,
            running: tokio::sync::Mutex::default(),
            trees: Mutex::default(),
        })
    }

    /// Commits to the present state of an application; waits for the one under way. `random` are random bytes
    /// for the secret, if the application has none yet.
    ///
    /// # Errors
    /// When the state cannot be read, or the events not be recorded.
    pub async fn commit(
        self: &Arc<Self>,
        application: Application,
        random: [u8; 32],
    ) -> Result<Commitment, CommitmentError> {
        let turn = self.running.lock().await;
        let made = self.made(application, random).await;
        drop(turn);
        made
    }

    /// The same, if none is under way; else `None`: a late one is left out.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub async fn commit_if_idle(
        self: &Arc<Self>,
        application: Application,
        random: [u8; 32],
    ) -> Result<Option<Commitment>, CommitmentError> {
        let Ok(turn) = self.running.try_lock() else { return Ok(None) };
        let made = self.made(application, random).await.map(Some);
        drop(turn);
        made
    }

    async fn made(
        self: &Arc<Self>,
        application: Application,
        random: [u8; 32],
    ) -> Result<Commitment, CommitmentError> {
        let committer = self.committer.of(application);
        let drawn = committer.submit(Durability::Appended, move |view, _| {
            let secret = StateCommitted::Secret(StateSecret(random));
            let events = match view.state_secret(application)? {
                None => vec![own(application, secret)],
                Some(_) => vec![],
            };
            Ok(Decision { events, reply: () })
        });
        drawn.await?;
        let this = Arc::clone(self);
        // From a snapshot, so that the committer goes on meanwhile.
        let computed = tokio::task::spawn_blocking(move || {
            let store = this.committer.store();
            let last = this.trees(application).back().cloned();
            let last = last.as_ref().map(|last| &*last.tree);
            StateTree::of_rows(store, &store.snapshot(), application, last)
        });
        let tree = Arc::new(computed.await.map_err(|_| CommitmentError::Ended)??);
        let root = StateRoot {
            at: tree.top.at,
            numbers: tree.top.numbers.count,
            root: *tree.top.root().as_bytes(),
            secret: tree.secret,
        };
        let event = committer.submit(Durability::Appended, move |_, stamp| {
            let events = vec![own(application, StateCommitted::Root(root))];
            Ok(Decision { events, reply: stamp.seq })
        });
        let commitment = Commitment { event: event.await?, tree };
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = trees.entry(application).or_default();
        kept.push_back(commitment.clone());
        if kept.len() > TREES_KEPT {
            kept.pop_front();
        }
        Ok(commitment)
    }

    fn trees(&self, application: Application) -> VecDeque<Commitment> {
        let trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        trees.get(&application).cloned().unwrap_or_default()
    }

    /// Those that are remembered of an application, oldest first.
    #[must_use]
    pub fn remembered(&self, application: Application) -> Vec<Commitment> {
        self.trees(application).into()
    }
}

/// An event of the recorder itself.
fn own(application: Application, committed: StateCommitted) -> Draft {
    let fact = Fact::StateCommitted(committed);
    Draft { application, origin: None, fact, parts: vec![], passed: vec![] }
}

#[cfg(test)]
pub(crate) mod tests;
