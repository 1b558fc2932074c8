//! A bundle: one file from which anybody derives an answer offline, and sees that nothing was left out.
//!
//! ```text
//!  events ──▶ 0 ────────●──────────────●───────●────────●───────────▶ checkpoint
//!                    earlier         changes  atSeq   later
//!                    commitment      between          commitment
//!                       │               │                │
//!             the list that it holds    │         the last change that it names
//!                       └───────────────┴────────────────┘
//!              the links of the changes run without a hole from the later commitment back to the earlier
//!              one, or to the first change; applying them to the earlier list gives the list of the later
//! ```
//!
//! [`verify`] repeats the fold over these few events. What it gives follows from the checkpoint's signature; it
//! trusts nothing else in the file.

use std::collections::BTreeMap;

use event::codec::decode_shown;
use event::{Application, Event, Fact, LinkKind, LogId, Number, Seq, StateCommitted, Timestamp};
use sha2::{Digest as _, Sha256};
use tlog::{Hash, InclusionProof, Policy, SignedCheckpoint, TreeHead};

use crate::entry::Entry;
use crate::state::{Leaf, Top};

mod derived;
mod form;
mod opened;
mod refusal;
mod run;

pub use derived::{Answer, Derived, Gap, Step, UserSince};
pub use form::{
    BUNDLE_BYTES_MAX, BUNDLE_FORMAT, Bundle, Bytes, Committed, Facts, Kind, LeafShown, List,
    Opened, OpenedCommitment, OpenedValue, Openings, Question, Shown,
};
pub use opened::{OpenedPart, part_kind_name};
pub use refusal::BundleRefusal;
use run::Run;

/// A proof has at most so many hashes: trees have at most 2^63 leaves.
const PROOF_HASHES_MAX: usize = 64;

/// Derives the answer of a bundle, or says why it shows none.
///
/// # Errors
/// See [`BundleRefusal`].
pub fn verify(bytes: &[u8], trust: &Policy) -> Result<Derived, BundleRefusal> {
    let bundle = Bundle::parse(bytes)?;
    let signed = SignedCheckpoint::parse(bundle.checkpoint.as_bytes())?;
    let verified = trust.verify(&signed)?;
    let events = Events::read(&bundle, verified.head())?;
    let at = events.instant(&bundle)?;
    let later = bundle.later.as_ref().map(|later| events.state(&bundle, later)).transpose()?;
    let earlier =
        bundle.earlier.as_ref().map(|earlier| events.state(&bundle, earlier)).transpose()?;
    let question = &bundle.question;
    let opened = opened::verify(&bundle, &events.by_seq)?;
    let (answer, gaps) = match question.kind {
        Kind::Operation => (events.operation(&bundle)?, None),
        _ => {
            let (Some(later), stands) = (later.as_ref(), bundle.at_seq) else {
                return Err(BundleRefusal::NoLater);
            };
            let (before, after) = (earlier.as_ref().map(|one| one.top.at), later.top.at);
            if stands.is_some_and(|at| at > after)
                || before.is_some_and(|one| stands.is_none_or(|at| one > at))
            {
                let why = "it is on the wrong side of the answer";
                return Err(BundleRefusal::OtherCommitment { seq: later.event, why });
            }
            let run =
                Run { question, events: &events, earlier: earlier.as_ref(), later, at: stands };
            (run.answer()?, Some(events.gaps(later.top.recorder)?))
        }
    };
    Ok(Derived {
        kind: question.kind,
        application: Application(question.application),
        number: Number(question.number),
        instant: question.at_us.map(Timestamp),
        log: events.log,
        head: *verified.head(),
        signed_by: verified.log_key().to_string(),
        witnessed_by: verified
            .witnesses()
            .iter()
            .map(|one| (one.key.name().to_string(), one.time_s))
            .collect(),
        at_seq: bundle.at_seq,
        recorded_at: at,
        earlier: earlier.map(|one| one.top.at),
        later: later.map(|one| one.top.at),
        answer,
        gaps,
        opened,
    })
}

/// The events of a bundle, all of them in the log of the checkpoint.
struct Events {
    log: LogId,
    by_seq: BTreeMap<Seq, Proven>,
}

/// One of them.
pub(crate) struct Proven {
    pub(crate) entry: Entry,
    pub(crate) event: Option<Event>,
}

/// What a commitment says, as far as it is shown.
struct State<'a> {
    event: Seq,
    top: Top,
    leaf: Option<Leaf>,
    lists: &'a [List],
}

impl Events {
    fn read(bundle: &Bundle, head: &TreeHead) -> Result<Events, BundleRefusal> {
        let mut by_seq = BTreeMap::new();
        let mut log = None;
        let mut last = None;
        for shown in &bundle.events {
            let seq = shown.seq;
            if last.is_some_and(|last| last >= seq) {
                return Err(BundleRefusal::Order { seq });
            }
            last = Some(seq);
            let entry = Entry::parse(&shown.entry.0)
                .map_err(|source| BundleRefusal::Entry { seq, source })?;
            if entry.seq != seq || *log.get_or_insert(entry.log) != entry.log {
                return Err(BundleRefusal::OtherEvent { seq });
            }
            proof(&shown.proof, "an event")?
                .verify(entry.leaf(), seq, head)
                .map_err(|source| BundleRefusal::NotInLog { seq, source })?;
            let event = shown.facts.as_ref().map(|facts| {
                let (header, structure) = (&facts.header.0, &facts.structure.0);
                let is_own = Sha256::digest(header)[..] == entry.header_sha256
                    && Sha256::digest(structure)[..] == entry.structure_sha256;
                if !is_own {
                    return Err(BundleRefusal::OtherFacts { seq });
                }
                decode_shown(seq, entry.kind, header, structure)
                    .map_err(|_| BundleRefusal::Undecodable { seq })
            });
            by_seq.insert(seq, Proven { entry, event: event.transpose()? });
        }
        let Some(log) = log else {
            return Err(BundleRefusal::Missing { seq: 0, why: "is the first of any log" });
        };
        Ok(Events { log, by_seq })
    }

    fn entry(&self, seq: Seq, why: &'static str) -> Result<&Entry, BundleRefusal> {
        let found = self.by_seq.get(&seq).map(|one| &one.entry);
        found.ok_or(BundleRefusal::Missing { seq, why })
    }

    fn event(&self, seq: Seq, why: &'static str) -> Result<&Event, BundleRefusal> {
        let found = self.by_seq.get(&seq).and_then(|one| one.event.as_ref());
        found.ok_or(BundleRefusal::Missing { seq, why })
    }

    /// When the event was recorded that the answer stands at, which is the last one up to the instant.
    fn instant(&self, bundle: &Bundle) -> Result<Option<Timestamp>, BundleRefusal> {
        let instant = bundle.question.at_us.map(Timestamp);
        let why = "shows which one the instant is at";
        let at = bundle.at_seq.map(|seq| self.entry(seq, why)).transpose()?;
        let Some(instant) = instant else {
            return match at {
                Some(at) => Ok(Some(at.recorded_at)),
                None => Err(BundleRefusal::Question { why: "it names neither instant nor event" }),
            };
        };
        // Times never decrease from event to event.
        let seq = bundle.at_seq.map_or(0, |seq| seq.saturating_add(1));
        let next = self.entry(seq, why)?;
        let seq = bundle.at_seq.unwrap_or_default();
        if at.is_some_and(|at| at.recorded_at > instant) {
            return Err(BundleRefusal::Instant { seq, why: "it was recorded later" });
        }
        if next.recorded_at <= instant {
            return Err(BundleRefusal::Instant {
                seq,
                why: "the next one was recorded by then too",
            });
        }
        Ok(at.map(|at| at.recorded_at))
    }

    fn state<'a>(
        &self,
        bundle: &Bundle,
        committed: &'a Committed,
    ) -> Result<State<'a>, BundleRefusal> {
        let seq = committed.event;
        let other = |why| BundleRefusal::OtherCommitment { seq, why };
        let event = self.event(seq, "commits to a state")?;
        let Fact::StateCommitted(StateCommitted::Root(root)) = &event.header.fact else {
            return Err(other("it is no commitment"));
        };
        let top = Top::parse(&committed.top.0)
            .map_err(|source| BundleRefusal::State { at: root.at, source })?;
        if *top.root().as_bytes() != root.root {
            return Err(other("the root differs"));
        }
        let application = Application(bundle.question.application);
        if event.header.application != application || top.application != application {
            return Err(other("it is of another application"));
        }
        let is_same = (top.log, top.at, top.numbers.count) == (self.log, root.at, root.numbers);
        // What is not recorded yet cannot be claimed.
        if !is_same || root.at >= seq {
            return Err(other("it is of another state"));
        }
        let about = match bundle.question.kind {
            Kind::Users | Kind::Operation => None,
            _ => Some(bundle.question.number),
        };
        let at = root.at;
        let leaf = match (about, &committed.leaf) {
            (Some(number), Some(shown)) if number < top.numbers.count => {
                let leaf = Leaf::parse(&shown.bytes.0)
                    .map_err(|source| BundleRefusal::State { at, source })?;
                let head = TreeHead { size: top.numbers.count.into(), root: top.numbers.root };
                proof(&shown.proof, "a leaf")?
                    .verify(leaf.hash(), number.into(), &head)
                    .map_err(|source| BundleRefusal::OtherLeaf { at, source })?;
                Some(leaf)
            }
            (Some(number), None) if number >= top.numbers.count => None,
            (None, None) => None,
            _ => return Err(BundleRefusal::Leaf { at }),
        };
        Ok(State { event: seq, top, leaf, lists: &committed.lists })
    }

    /// The events that changed one thing after `stop` and up to `from`, oldest first: each names the one before
    /// it.
    fn chain(
        &self,
        thing: (Application, LinkKind, Number),
        from: Option<Seq>,
        stop: Option<Seq>,
    ) -> Result<Vec<&Event>, BundleRefusal> {
        let (application, kind, number) = thing;
        let (mut at, mut newest_first, mut above) = (from, vec![], None);
        while at != stop {
            let beyond = |before: &str| BundleRefusal::Chain {
                seq: above.unwrap_or_default(),
                before: before.to_owned(),
            };
            let Some(seq) = at else { return Err(beyond("none")) };
            if stop.is_some_and(|stop| seq < stop) {
                return Err(beyond(&format!("event {seq}")));
            }
            let event = self.event(seq, "changed what the question is about")?;
            if kind != LinkKind::Recorder && event.header.application != application {
                return Err(BundleRefusal::NoLink { seq });
            }
            let link =
                event.links().into_iter().find(|link| (link.kind, link.number) == (kind, number));
            let link = link.ok_or(BundleRefusal::NoLink { seq })?;
            if link.before.is_some_and(|before| before >= seq) {
                return Err(BundleRefusal::NoLink { seq });
            }
            newest_first.push(event);
            (at, above) = (link.before, Some(seq));
        }
        newest_first.reverse();
        Ok(newest_first)
    }

    /// The times that were not recorded, according to all events about what was watched.
    fn gaps(&self, last: Option<Seq>) -> Result<Vec<Gap>, BundleRefusal> {
        let thing = (Application::RECORDER, LinkKind::Recorder, Number::NOBODY);
        let (mut gaps, mut before) = (vec![], None);
        for event in self.chain(thing, last, None)? {
            let to = event.header.recorded_at;
            match &event.header.fact {
                Fact::RecorderStarted(started) => {
                    if let (Some(reason), Some(from)) = (before, started.last_alive) {
                        gaps.push(Gap { from, to, reason });
                    }
                    before = Some("recorder killed");
                }
                Fact::RecorderStopped(_) => before = Some("recorder stopped"),
                Fact::ConnectionsRefused(refused) => {
                    let to = refused.last.max(refused.first).0.saturating_add(1);
                    let (from, to) = (refused.first, Timestamp(to));
                    gaps.push(Gap { from, to, reason: "connections refused" });
                }
                _ => {}
            }
        }
        Ok(gaps)
    }

    fn operation(&self, bundle: &Bundle) -> Result<Answer, BundleRefusal> {
        let Some(seq) = bundle.at_seq else {
            return Err(BundleRefusal::Question { why: "it names no operation" });
        };
        let event = self.event(seq, "is asked for")?;
        let Question { application, number, .. } = bundle.question;
        let step = Step::of(event);
        if event.header.application != Application(application) || step.number != Number(number) {
            return Err(BundleRefusal::Question { why: "the operation is about something else" });
        }
        Ok(Answer::Operation(step))
    }
}

/// Hashes, one behind the other.
pub(crate) fn proof(bytes: &Bytes, place: &'static str) -> Result<InclusionProof, BundleRefusal> {
    let (hashes, rest) = bytes.0.as_chunks::<32>();
    if !rest.is_empty() || hashes.len() > PROOF_HASHES_MAX {
        return Err(BundleRefusal::Hashes { place });
    }
    Ok(InclusionProof::new(hashes.iter().map(|hash| Hash::new(*hash)).collect()))
}

#[cfg(test)]
mod tests;
