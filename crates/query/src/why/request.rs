//! The last request: whether one came, how it was answered, what it changed, and whether that is still so.

use event::{Action, Effect, Seq, Status, Verdict};

use super::evidence::{About, Evidence};
use super::node::{Node, State};
use crate::error::Error;
use crate::operation::name_holder;

impl About<'_> {
    /// Whether a request arrived, how it was answered, and whether it was applied.
    pub(super) fn requested(&self, evidence: &Evidence) -> Result<Vec<Node>, Error> {
        let Some(last) = &evidence.requests.last_write else {
            let told = evidence.entries.iter().any(|(claim, ..)| claim.status == Status::Success);
            let (state, text) = match told {
                true => (
                    State::Unknown,
                    "No request was recorded; the provider's log says that it wrote.",
                ),
                false => (State::No, "No request to make or change the account arrived."),
            };
            return Ok(vec![Node::new("requested", state, text, &[])]);
        };
        let seqs = [last.seq];
        let words = match last.action {
            Action::Create => "to create it",
            Action::Update => "to change it",
            Action::Disable => "to switch it off",
            Action::Delete | Action::StagedDelete => "to delete it",
            Action::Other => "about it",
        };
        let requested =
            Node::new("requested", State::Yes, format!("The last request was {words}."), &seqs);
        let answered = match (last.effect, last.http_status, last.status) {
            (Effect::Skipped, ..) => {
                let text = format!("It was passed over{}", self.refusal(last.seq)?);
                Node::new("answered", State::No, text, &seqs)
            }
            (Effect::Unknown, ..) | (_, 0, _) => {
                Node::new("answered", State::Unknown, "No answer was heard.", &seqs)
            }
            (Effect::Unverified, status, _) => {
                let text = format!("It was answered {status}, which does not show what was done.");
                Node::new("answered", State::Unknown, text, &seqs)
            }
            (_, status, Status::Success) => {
                Node::new("answered", State::Yes, format!("It was answered {status}."), &seqs)
            }
            (_, status, _) => {
                let detail = self.refusal(last.seq)?;
                let text = format!("It was refused with {status}{detail}");
                Node::new("answered", State::No, text, &seqs)
            }
        };
        let settled = self.record.view.settled(last.seq)?;
        let applied = match (last.effect, settled) {
            (Effect::Applied, Some((by, Verdict::Contradicted))) => {
                let text = "It was acknowledged, and a later look contradicts it.";
                Node::new("applied", State::No, text, &[last.seq, by])
            }
            (Effect::Applied, _) => {
                Node::new("applied", State::Yes, "It changed the account.", &seqs)
            }
            (Effect::NoOp, _) => Node::new(
                "applied",
                State::Yes,
                "Everything was so already; nothing had to be changed.",
                &seqs,
            ),
            (Effect::Unknown | Effect::Unverified, Some((by, verdict))) => {
                let (state, text) = match verdict {
                    Verdict::Confirmed => (State::Yes, "A later look confirmed it."),
                    Verdict::Contradicted => (State::No, "A later look contradicts it."),
                    Verdict::None => (State::Unknown, "A later look does not tell."),
                };
                Node::new("applied", state, text, &[last.seq, by])
            }
            (Effect::Unknown | Effect::Unverified, None) => {
                Node::new("applied", State::Unknown, "Nobody has looked since.", &seqs)
            }
            _ => Node::new("applied", State::No, "It changed nothing.", &seqs),
        };
        Ok(vec![requested, answered, applied])
    }

    pub(super) fn refusal(&self, seq: Seq) -> Result<String, Error> {
        let event = self.record.event(seq)?;
        let error = event.parts.iter().find_map(|part| match &part.content {
            event::Content::Detail(detail) => detail.error.as_deref(),
            _ => None,
        });
        let mut text = error.map_or_else(|| ".".to_owned(), |error| format!(": {error}"));
        if let Some(holder) = name_holder(self.record, &event)?
            && let Some(name) = holder.user_name.or(holder.display_name)
        {
            text.push_str(&format!("; the name belongs to {name}"));
            if let Some(external_id) = holder.external_id {
                text.push_str(&format!(" (externalId {external_id})"));
            }
        }
        Ok(text)
    }

    pub(super) fn still(
        &self,
        evidence: &Evidence,
        exists: bool,
        active: bool,
        is_deleted: bool,
    ) -> Result<Node, Error> {
        let by = match self.at {
            Some(at) => self.record.view.version(self.application, self.number, at)?,
            None => None,
        };
        let mut seqs: Vec<Seq> = by.map(|version| version.seq).into_iter().collect();
        if seqs.is_empty() {
            seqs.extend(evidence.entries.first().map(|(claim, ..)| claim.moment.seq));
        }
        let (state, text) = match (exists, active, is_deleted) {
            (true, true, _) => (State::Yes, "The account is there and active."),
            (true, false, _) => (State::No, "The account is there and switched off."),
            (false, _, true) => (State::No, "The account is gone."),
            (false, _, false) => (State::No, "There is no account."),
        };
        Ok(Node::new("stillSo", state, text, &seqs))
    }
}
