//! Makes bundles: collects from the log what somebody needs to derive an answer without it.
//! `evidence::bundle` says what that is, and derives it.

use std::collections::BTreeMap;

use event::codec::{CodecError, FORM_PLAIN, Frame, PartPlace, Parts, decode_facts};
use event::{Application, Event, Header, LinkKind, Number, ResourceType, Seq, Timestamp};
use evidence::bundle::{
    BUNDLE_FORMAT, Bundle, Bytes, Committed, Facts, Kind, LeafShown, List, Opened,
    OpenedCommitment, OpenedValue, Openings, Question, Shown,
};
use evidence::state::{Salted, SetOf, Since};
use evidence::{Entry, part_records};
use store::key::Set;
use store::{Snapshot, Store, StoreError};
use tlog::{InclusionProof, ProveError, SignedCheckpoint, prove_inclusion};

use crate::error::ProjectorError;
use crate::set::MemberSince;
use crate::state::{Commitment, StateTree};
use crate::tree::TileRows;
use crate::view::View;

/// A bundle has at most so many events. A longer chain needs an earlier commitment.
const EVENTS_MAX: usize = 20_000;

/// What a bundle is asked for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BundleAsk {
    /// Which question.
    pub kind: Kind,
    /// In which application.
    pub application: Application,
    /// About whom; [`Number::NOBODY`] if it is about all.
    pub number: Number,
    /// The instant; none if the question is about an event.
    pub instant: Option<Timestamp>,
    /// The event that the answer stands at: the last one up to the instant.
    pub at_seq: Option<Seq>,
    /// Whether values are opened too.
    pub opens: bool,
}

/// Why there is no bundle.
#[derive(Debug, thiserror::Error)]
pub enum BundleError {
    /// The log or the rows cannot be read.
    #[error("the log cannot be read")]
    Read(#[from] ProjectorError),
    /// There are too many events between the commitments.
    #[error("the answer rests on more than {EVENTS_MAX} events")]
    TooMany,
    /// What was handed in does not fit together.
    #[error("the commitments do not fit the question")]
    Unfit,
}

impl From<StoreError> for BundleError {
    fn from(error: StoreError) -> BundleError {
        BundleError::Read(error.into())
    }
}

impl BundleAsk {
    /// What the chain of changes is about.
    fn thing(&self) -> Option<(LinkKind, Number)> {
        match self.kind {
            Kind::Members => Some((LinkKind::Members, self.number)),
            Kind::Groups => Some((LinkKind::Memberships, self.number)),
            Kind::User | Kind::Why => Some((LinkKind::State, self.number)),
            Kind::Users => Some((LinkKind::Population, Number::NOBODY)),
            Kind::Operation => None,
        }
    }

    /// Whether the bundle may begin at a commitment. Reasons, and the values of a user, begin with the first
    /// event.
    #[must_use]
    pub fn may_begin_later(&self) -> bool {
        self.kind != Kind::Why && !(self.kind == Kind::User && self.opens)
    }

    /// Of some commitments, the last one up to the answer and the first one from there on.
    #[must_use]
    pub fn around<'a>(
        &self,
        all: &'a [Commitment],
    ) -> (Option<&'a Commitment>, Option<&'a Commitment>) {
        let at = |one: &&Commitment| one.tree.top.at;
        let before = all.iter().filter(|one| self.at_seq.is_some_and(|seq| at(one) <= seq));
        let after = all.iter().filter(|one| self.at_seq.is_none_or(|seq| at(one) >= seq));
        let before = before.max_by_key(at).filter(|_| self.may_begin_later());
        (before, after.min_by_key(at))
    }
}

/// Collects a bundle. The checkpoint covers all of its events; of the commitments the earlier one may be left
/// out, and an operation needs none.
///
/// # Errors
/// See [`BundleError`].
pub fn bundle(
    store: &Store,
    ask: &BundleAsk,
    (earlier, later): (Option<&Commitment>, Option<&Commitment>),
    signed: &SignedCheckpoint,
) -> Result<Bundle, BundleError> {
    let snapshot = store.snapshot();
    let mut events = Collected { store, ask, shown: BTreeMap::new() };
    if let Some((kind, number)) = ask.thing() {
        let later = later.ok_or(BundleError::Unfit)?;
        let last = |one: &Commitment| last_change(store, &snapshot, ask, &one.tree);
        let stop = earlier.map(last).transpose()?.flatten();
        events.chain((kind, number), last(later)?, stop)?;
        events.chain((LinkKind::Recorder, Number::NOBODY), later.tree.top.recorder, None)?;
    }
    for one in [earlier, later].into_iter().flatten() {
        events.add(one.event, true)?;
    }
    if let Some(seq) = ask.at_seq {
        events.add(seq, ask.kind == Kind::Operation)?;
    }
    if ask.instant.is_some() {
        events.add(ask.at_seq.map_or(0, |seq| seq + 1), false)?;
    }
    let size = signed.unverified().head().size;
    let mut shown: Vec<Shown> = events.shown.into_values().collect();
    for one in &mut shown {
        let proof = prove_inclusion(&TileRows(&snapshot), one.seq, size);
        one.proof = hashes(&proof.map_err(|error| match error {
            ProveError::Read { source, .. } => BundleError::Read(source),
            _ => BundleError::Unfit,
        })?);
    }
    let committed = |one: Option<&Commitment>, lists: bool| {
        one.map(|one| committed(store, &snapshot, ask, one, lists)).transpose()
    };
    Ok(Bundle {
        format: BUNDLE_FORMAT.to_owned(),
        question: Question {
            kind: ask.kind,
            application: ask.application.0,
            number: ask.number.0,
            at_us: ask.instant.map(|instant| instant.0),
        },
        checkpoint: signed.to_string(),
        at_seq: ask.at_seq,
        earlier: committed(earlier, true)?,
        later: committed(later, false)?,
        events: shown,
    })
}

/// The last event by the state of a tree that changed what is asked about.
fn last_change(
    store: &Store,
    snapshot: &Snapshot<'_>,
    ask: &BundleAsk,
    tree: &StateTree,
) -> Result<Option<Seq>, ProjectorError> {
    match ask.kind {
        Kind::Users => Ok(tree.top.population),
        Kind::Operation => Ok(None),
        Kind::Members | Kind::Groups | Kind::User | Kind::Why => {
            let leaf = tree.leaf(store, snapshot, ask.number)?;
            Ok(leaf.and_then(|leaf| match ask.kind {
                Kind::Members => leaf.members_changed,
                Kind::Groups => leaf.groups_changed,
                _ => leaf.state,
            }))
        }
    }
}

fn hashes(proof: &InclusionProof) -> Bytes {
    Bytes(proof.hashes().iter().flat_map(|hash| *hash.as_bytes()).collect())
}

fn committed(
    store: &Store,
    snapshot: &Snapshot<'_>,
    ask: &BundleAsk,
    commitment: &Commitment,
    is_earlier: bool,
) -> Result<Committed, BundleError> {
    let Commitment { event, tree } = commitment;
    let (application, number, at) = (ask.application, ask.number, tree.top.at);
    let view = View::new(snapshot).limited_to(at + 1);
    let list = |salted: Salted, entries: &dyn Fn() -> Result<Vec<Since>, ProjectorError>| {
        let entries = match is_earlier {
            true => Some(entries()?.iter().map(|one| (one.number.0, one.since)).collect()),
            false => None,
        };
        Ok::<_, ProjectorError>(List { salt: Bytes(tree.salts().salt(salted).0.to_vec()), entries })
    };
    let members = |set: Set| {
        let since = |one: MemberSince| Since { number: one.member, since: one.since };
        let members = view.members(application, set, at)?;
        Ok(members.into_iter().map(since).collect::<Vec<_>>())
    };
    let lists = match ask.kind {
        Kind::Members => {
            vec![list(Salted::Members(number), &|| members(Set::Members(number)))?]
        }
        Kind::Groups => {
            vec![list(Salted::Groups(number), &|| groups_at(&view, application, number, at))?]
        }
        Kind::Users => {
            let users = ResourceType::USER;
            vec![
                list(Salted::Set(SetOf(users.0)), &|| members(Set::Existing(users)))?,
                list(Salted::Set(SetOf::ACTIVE), &|| members(Set::Active))?,
            ]
        }
        Kind::User | Kind::Why | Kind::Operation => vec![],
    };
    let leaf = match ask.kind {
        Kind::Users | Kind::Operation => None,
        _ => match (tree.leaf(store, snapshot, number)?, tree.prove(number)) {
            (Some(leaf), Some(proof)) => {
                Some(LeafShown { bytes: Bytes(leaf.to_bytes()), proof: hashes(&proof) })
            }
            _ => None,
        },
    };
    Ok(Committed { event: *event, top: Bytes(tree.top.to_bytes()), leaf, lists })
}

/// The groups that a number was a member of right after an event.
pub(crate) fn groups_at(
    view: &View<'_>,
    application: Application,
    number: Number,
    at: Seq,
) -> Result<Vec<Since>, ProjectorError> {
    let stays = view.stays(application, number)?;
    let mut groups: Vec<Since> = stays
        .into_iter()
        .filter(|stay| stay.covers(at))
        .filter_map(|stay| match stay.set {
            Set::Members(group) => Some(Since { number: group, since: stay.start }),
            Set::Existing(_) | Set::Active => None,
        })
        .collect();
    groups.sort_unstable();
    Ok(groups)
}

/// The events of a bundle, without their proofs yet.
struct Collected<'a> {
    store: &'a Store,
    ask: &'a BundleAsk,
    shown: BTreeMap<Seq, Shown>,
}

impl Collected<'_> {
    /// Adds an event, with or without what is stored of it.
    fn add(&mut self, seq: Seq, with_facts: bool) -> Result<Event, BundleError> {
        let stored = self.store.event_bytes(seq)?.ok_or(StoreError::Gap { expected: seq })?;
        let failed = |source| ProjectorError::Event { seq, source };
        let event = decode_facts(seq, &stored).map_err(failed)?;
        let entry = Entry::of_event(self.store.log_id(), &event, &stored).map_err(failed)?;
        let is_known = self.shown.contains_key(&seq);
        let shown = self.shown.entry(seq).or_insert_with(|| Shown {
            seq,
            entry: Bytes(entry.to_bytes().to_vec()),
            proof: Bytes::default(),
            facts: None,
            openings: None,
        });
        if with_facts && shown.facts.is_none() {
            let frame = Frame::read(&stored).map_err(failed)?;
            let (header, structure) = (frame.header.to_vec(), frame.structure.to_vec());
            shown.facts = Some(Facts { header: Bytes(header), structure: Bytes(structure) });
            if self.ask.opens {
                let parts = self.store.parts();
                let opened = openings(self.ask, (&event, parts), &frame, &stored);
                shown.openings = opened.map_err(failed)?;
            }
        }
        if !is_known && self.shown.len() > EVENTS_MAX {
            return Err(BundleError::TooMany);
        }
        Ok(event)
    }

    /// Adds the events that changed a thing behind `stop`, up to and including `from`.
    fn chain(
        &mut self,
        (kind, number): (LinkKind, Number),
        from: Option<Seq>,
        stop: Option<Seq>,
    ) -> Result<(), BundleError> {
        let mut at = from;
        while at != stop {
            let seq = at.ok_or(BundleError::Unfit)?;
            let event = self.add(seq, true)?;
            let mut links = event.links().into_iter();
            let link = links.find(|link| (link.kind, link.number) == (kind, number));
            at = link.ok_or(BundleError::Unfit)?.before;
        }
        Ok(())
    }
}

/// Opens the parts of an event that are about the one who is asked about and nobody else; of an operation that
/// is asked for, all of its parts.
fn openings(
    ask: &BundleAsk,
    (event, parts): (&Event, &dyn Parts),
    frame: &Frame<'_>,
    stored: &[u8],
) -> Result<Option<Openings>, CodecError> {
    let is_wanted = |part: &event::codec::FramedPart<'_>| match ask.kind {
        Kind::Operation => true,
        Kind::User | Kind::Why => {
            part.subject == Some(ask.number) && part.others.is_empty() && matches!(part.kind, 4..=6)
        }
        Kind::Members | Kind::Groups | Kind::Users => false,
    };
    let mut opened: Vec<Opened> = vec![];
    for (index, part) in (0..).zip(&frame.parts).filter(|(_, part)| is_wanted(part)) {
        if part.form == FORM_PLAIN {
            let stored = Some(Bytes(part.bytes.to_vec()));
            opened.push(Opened { part: index, stored, committed: None });
            continue;
        }
        let Header { application, recorded_at, .. } = event.header;
        let place = PartPlace { seq: event.seq, application, recorded_at, index };
        let disclosed = parts.disclose(place, part);
        let disclosed = disclosed.map_err(|source| CodecError::Part { index, source })?;
        opened.extend(disclosed.into_iter().map(|one| Opened {
            part: index,
            stored: None,
            committed: Some(OpenedCommitment {
                salt: Bytes(one.salt.to_vec()),
                content: Bytes(one.content),
                value: one.value.map(|value| OpenedValue {
                    name: Bytes(value.name),
                    place: value.place,
                    values: value.values,
                    proof: Bytes(value.proof.concat()),
                }),
            }),
        }));
    }
    if opened.is_empty() {
        return Ok(None);
    }
    let records = part_records(stored)?.into_iter().map(Bytes).collect();
    Ok(Some(Openings { records, opened }))
}

#[cfg(test)]
mod tests;
