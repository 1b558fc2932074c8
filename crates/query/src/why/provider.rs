//! The steps at the provider, before any request: whether it knows the person, what its checks say, whether
//! it found an account, and how it was configured.

use std::ops::ControlFlow;

use event::{Source, Timestamp};
use store::key::Moment;

use super::evidence::{ACTIVE, ASSIGNED, About, Evidence, ROLE, Requests, SCOPE, second, told};
use super::node::{Node, State};
use crate::error::Error;
use crate::imported_accounts::entry_of;

/// The number of configuration changes that are listed.
const CONFIGURATION_MAX: usize = 5;

impl About<'_> {
    pub(super) fn source(&self, evidence: &Evidence) -> Node {
        if let Some((claim, ..)) = evidence.entries.first() {
            let text = "The provider's log tells of the person, so its source has them.";
            let mut node = Node::new("knownToSource", State::Yes, text, &[claim.moment.seq]);
            node.nodes.push(self.check(evidence, "activeInSource", ACTIVE, "active in the source"));
            return node;
        }
        let Requests { first_write, first_lookup, .. } = evidence.requests;
        match first_write.or(first_lookup) {
            Some(seq) => {
                let text = "The provider asked for them, so it knew them then.";
                Node::new("knownToSource", State::Yes, text, &[seq])
            }
            None => Node::not_observable("knownToSource"),
        }
    }

    /// The node of a check, from the newest entry that has its result.
    pub(super) fn check(
        &self,
        evidence: &Evidence,
        name: &'static str,
        spellings: &[&str],
        words: &str,
    ) -> Node {
        match told(evidence, spellings) {
            Some((seq, result)) => {
                let text = match result {
                    true => format!("The person was {words}."),
                    false => format!("The person was not {words}."),
                };
                Node::new(name, State::of(Some(result)), text, &[seq])
            }
            None => Node::not_observable(name),
        }
    }

    pub(super) fn role(&self, evidence: &Evidence) -> Node {
        let mut node = match told(evidence, ROLE) {
            Some((seq, result)) => {
                let text = match result {
                    true => "The person had a role that entitles to an account.",
                    false => "The person had no role that the provider takes for an entitlement.",
                };
                Node::new("role", State::of(Some(result)), text, &[seq])
            }
            None => Node::not_observable("role"),
        };
        if let Some((claim, entry, _)) = evidence.entries.first()
            && let Some(role) = entry.detail("appRoleAssignments")
        {
            let text = format!("Role at the source: {role}.");
            node.nodes.push(Node::new("roleName", State::Yes, text, &[claim.moment.seq]));
        }
        node
    }

    pub(super) fn scope(&self, evidence: &Evidence) -> Node {
        let mut node = match told(evidence, SCOPE) {
            Some((seq, result)) => {
                let text = match result {
                    true => "The scoping filters let the person pass.",
                    false => "A scoping filter kept the person out.",
                };
                Node::new("scopeFilters", State::of(Some(result)), text, &[seq])
            }
            None => Node::not_observable("scopeFilters"),
        };
        let scoped = evidence.entries.iter().find(|(_, entry, _)| !entry.scope_checks().is_empty());
        if let Some((claim, entry, _)) = scoped {
            let known = [ACTIVE, ASSIGNED, ROLE, SCOPE].concat();
            for (filter, result) in entry.scope_checks() {
                if !known.iter().any(|name| name.eq_ignore_ascii_case(&filter)) {
                    let seqs = [claim.moment.seq];
                    let state = State::of(Some(result));
                    node.nodes.push(Node::new("scopeFilter", state, filter, &seqs));
                }
            }
        }
        node
    }

    pub(super) fn matched(&self, evidence: &Evidence) -> Node {
        if let Some((seq, results)) = evidence.requests.matching {
            return match results {
                0 => Node::new(
                    "matched",
                    State::No,
                    "The provider looked for the account and found none.",
                    &[seq],
                ),
                _ => Node::new("matched", State::Yes, "The provider found the account.", &[seq]),
            };
        }
        for (claim, entry, _) in &evidence.entries {
            let seqs = [claim.moment.seq];
            if entry.seen().is_some() {
                let text = "By the provider's log the account was seen in the application.";
                return Node::new("matched", State::Yes, text, &seqs);
            }
            if entry.steps_named("EntrySynchronizationAdd").next().is_some() {
                let text = "By the provider's log no account matched.";
                return Node::new("matched", State::No, text, &seqs);
            }
            if entry.steps_named("EntrySynchronizationUpdate").next().is_some() {
                let text = "By the provider's log an account matched.";
                return Node::new("matched", State::Yes, text, &seqs);
            }
        }
        Node::not_observable("matched")
    }

    /// The changes of the provider's configuration before the instant, newest first.
    pub(super) fn configuration(&self) -> Result<Option<Node>, Error> {
        let mut seqs = vec![];
        let mut node = Node::new(
            "configuration",
            State::Yes,
            "The provider's configuration was changed before.",
            &[],
        );
        let start = Moment::start_of(Timestamp(i64::MIN));
        let before = Moment::start_of(Timestamp(self.time.0.saturating_add(1)));
        let mut claims = vec![];
        self.record.view.claims(self.application, (start, before), &mut |claim| {
            if claim.source == Source::DirectoryAudit {
                claims.push(claim);
            }
            match claims.len() < CONFIGURATION_MAX {
                true => ControlFlow::Continue(()),
                false => ControlFlow::Break(()),
            }
        })?;
        for claim in claims {
            let entry = entry_of(self.record, &claim)?;
            let what = entry.display_name().unwrap_or("Something").to_owned();
            let text = format!("{what} at {}.", second(claim.moment.occurred_at));
            node.nodes.push(Node::new("change", State::Yes, text, &[claim.moment.seq]));
            seqs.push(claim.moment.seq);
        }
        node.seqs = seqs;
        Ok((!node.nodes.is_empty()).then_some(node))
    }
}
