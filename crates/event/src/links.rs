//! The links of an event: for each thing that it changes, the event that changed the same thing before.
//!
//! Whoever holds the last event that changed a thing can so walk back to the first one and knows that none
//! was left out between. They follow from the structural facts alone.

use std::cmp::Reverse;

use crate::content::{Changes, Lifecycle};
use crate::event::{Event, Fact};
use crate::id::{Number, Seq};

/// What a link is about. The numbers stand in the entries of the log's tree.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum LinkKind {
    /// The values of a number, or whether its resource exists.
    State = 1,
    /// The members of a number.
    Members = 2,
    /// The groups in which a number is a member.
    Memberships = 3,
    /// Who exists or is active in the event's application. Its number is [`Number::NOBODY`].
    Population = 4,
    /// What was watched. Its number is [`Number::NOBODY`].
    Recorder = 5,
}

/// One thing that an event changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Link {
    /// What kind of thing.
    pub kind: LinkKind,
    /// Whose, in the event's application.
    pub number: Number,
    /// The event that changed it before; `None` if this is the first.
    pub before: Option<Seq>,
}

impl Event {
    /// The links, by kind and number, each thing once.
    pub fn links(&self) -> Vec<Link> {
        let mut links = Vec::new();
        let mut population = false;
        for part in &self.parts {
            let Some(changes) = part.content.changes() else { continue };
            population |= changes.lifecycle.is_some() || changes.active.is_some();
            push_links(&mut links, part.subject, changes);
        }
        let mut whole = |kind, before| links.push(Link { kind, number: Number::NOBODY, before });
        if population {
            whole(LinkKind::Population, self.structure.population);
        }
        if self.header.fact.watches() {
            whole(LinkKind::Recorder, self.structure.recorder);
        }
        // What an event changes twice has its link at the first place only.
        links.sort_unstable_by_key(|link| (link.kind, link.number, Reverse(link.before)));
        links.dedup_by_key(|link| (link.kind, link.number));
        links
    }
}

impl Fact {
    /// Whether this is about what was watched.
    pub fn watches(&self) -> bool {
        matches!(
            self,
            Fact::RecorderStarted(_) | Fact::RecorderStopped(_) | Fact::ConnectionsRefused(_)
        )
    }
}

fn push_links(links: &mut Vec<Link>, number: Number, changes: &Changes) {
    if changes.mention.is_some() {
        return;
    }
    if changes.lifecycle.is_some() || !changes.values.is_none() {
        let first = matches!(changes.lifecycle, Some(Lifecycle::Created(_)));
        let before = changes.links.state.filter(|_| !first);
        links.push(Link { kind: LinkKind::State, number, before });
    }
    if changes.joined.is_empty() && changes.left.is_empty() {
        return;
    }
    links.push(Link { kind: LinkKind::Members, number, before: changes.links.members });
    let mut memberships = changes.links.memberships.iter();
    for member in changes.joined.iter().chain(&changes.left) {
        let before = memberships.next().copied().flatten();
        links.push(Link { kind: LinkKind::Memberships, number: *member, before });
    }
}
