//! Why somebody has an account, or has none: what the evidence at hand says of each step on the way from
//! the provider's directory to the application.

use std::ops::{ControlFlow, Range};

use answers::row::{self, Reasons};
use event::{
    Action, Application, CodeKind, Effect, Fact, Number, Seq, Source, Status, Timestamp, Verdict,
};
use projector::{Claim, OperationSummary, Order};

use crate::entry::Entry;
use crate::error::Error;
use crate::imported_accounts::{account_at, claims_until, entry_of};
use crate::operation::name_holder;
use crate::person::identity;
use crate::record::Record;
use crate::why::cause::{Cause, cause_of};
use crate::why::words::{advice_for_error, advice_for_skip, sentence_for_skip};

mod cause;
mod unfulfilled;
mod words;

/// So many of the newest entries are read for what they tell of the checks of scope.
const ENTRIES_READ_MAX: usize = 64;
const NOT_MODIFIED: u16 = 304;
/// So many changes of the provider's configuration are named.
const CONFIGURATION_MAX: usize = 5;

/// What is known of a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Yes,
    No,
    /// There is evidence, and it does not tell.
    Unknown,
    /// Nothing that we have could tell.
    NotObservable,
}

impl State {
    fn name(self) -> &'static str {
        match self {
            State::Yes => "yes",
            State::No => "no",
            State::Unknown => "unknown",
            State::NotObservable => "notObservable",
        }
    }

    fn of(told: Option<bool>) -> State {
        match told {
            Some(true) => State::Yes,
            Some(false) => State::No,
            None => State::NotObservable,
        }
    }
}

/// One step, with the events that tell of it.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Node {
    name: &'static str,
    state: State,
    text: String,
    seqs: Vec<Seq>,
    nodes: Vec<Node>,
}

const NOT_OBSERVABLE: &str = "Not observable from here; an imported provisioning log would tell.";

impl Node {
    fn new(name: &'static str, state: State, text: impl Into<String>, seqs: &[Seq]) -> Node {
        Node { name, state, text: text.into(), seqs: seqs.to_vec(), nodes: vec![] }
    }

    fn not_observable(name: &'static str) -> Node {
        Node::new(name, State::NotObservable, NOT_OBSERVABLE, &[])
    }

    fn into_row(self) -> row::Node {
        row::Node {
            name: self.name.to_owned(),
            state: self.state.name().to_owned(),
            text: self.text,
            seqs: self.seqs,
            nodes: self.nodes.into_iter().map(Node::into_row).collect(),
        }
    }
}

/// Whom and when a question is about.
pub(crate) struct About<'a> {
    pub(crate) record: &'a Record<'a>,
    pub(crate) application: Application,
    pub(crate) number: Number,
    /// Everybody who ever bore the name that was asked for, `number` among them.
    pub(crate) numbers: &'a [Number],
    pub(crate) time: Timestamp,
    pub(crate) at: Option<Seq>,
}

/// What was found.
struct Evidence {
    /// What the provider's log says of the person, newest first.
    entries: Vec<(Claim, Entry, Option<String>)>,
    requests: Requests,
}

/// What the requests about somebody tell, without reading them all.
#[derive(Default)]
struct Requests {
    /// The first and the last that wanted to change the person's account.
    first_write: Option<Seq>,
    last_write: Option<OperationSummary>,
    first_lookup: Option<Seq>,
    /// The last lookup before the account was to be made: the provider's matching step. How many it found.
    matching: Option<(Seq, u32)>,
}

impl About<'_> {
    /// The answer: a conclusion, what would have to change, and the steps.
    pub(crate) fn answer(&self) -> Result<Reasons, Error> {
        let evidence = self.evidence()?;
        let version = match self.at {
            Some(at) => self.record.view.version(self.application, self.number, at)?,
            None => None,
        };
        // What no entry tells of stands on the record, though nothing may have been made.
        let is_recorded = version.is_some() || evidence.entries.is_empty();
        let mut off = None;
        let (exists, active, is_deleted) = match &version {
            Some(version) => (version.state.is_some(), version.active, version.state.is_none()),
            None => {
                // Where nothing was recorded, the provider's log is the only witness.
                let account = account_at(self.record, self.application, self.number, self.time)?;
                off = account.off;
                (account.exists, account.active, account.was_deleted && !account.exists)
            }
        };
        let mut nodes = vec![
            self.source(&evidence),
            self.check(&evidence, "assigned", ASSIGNED, "assigned to the application"),
            self.role(&evidence),
            self.scope(&evidence),
            self.matched(&evidence),
        ];
        nodes.extend(self.requested(&evidence)?);
        nodes.push(self.still(&evidence, exists, active, is_deleted)?);
        nodes.extend(self.configuration()?);

        let mut cause = None;
        let (conclusion, remedy) = if exists && active {
            ("The account is there and active.".to_owned(), None)
        } else if exists {
            let found = cause_of(self, &evidence, off)?;
            let told = (found.conclusion(), Some(found.remedy().to_owned()));
            cause = Some(found.into_row());
            told
        } else if is_deleted {
            ("The account was there and was deleted.".to_owned(), None)
        } else {
            self.why_not(&evidence)?
        };
        let person = identity(self.record, self.application, self.number, self.at)?;
        Ok(Reasons {
            user_id: person.id,
            user_name: person.user_name,
            external_id: person.external_id,
            display_name: person.display_name,
            exists,
            active: exists.then_some(active),
            basis: if is_recorded { "recorded" } else { "imported" }.to_owned(),
            conclusion,
            remedy,
            cause,
            nodes: nodes.into_iter().map(Node::into_row).collect(),
        })
    }

    fn evidence(&self) -> Result<Evidence, Error> {
        let record = self.record;
        let mut claims = vec![];
        for number in self.numbers {
            claims.append(&mut claims_until(record, self.application, *number, self.time)?);
        }
        claims.retain(|claim| claim.source == Source::Provisioning);
        claims.sort_by_key(|claim| std::cmp::Reverse(claim.moment));
        claims.truncate(ENTRIES_READ_MAX);
        let mut entries = vec![];
        for claim in claims {
            let header = record.header(claim.moment.seq)?;
            let skip = match &header.fact {
                Fact::Imported(imported) => imported.code(CodeKind::SkipReason).map(str::to_owned),
                _ => None,
            };
            entries.push((claim, entry_of(record, &claim)?, skip));
        }
        Ok(Evidence { entries, requests: self.requests()? })
    }

    fn requests(&self) -> Result<Requests, Error> {
        let until = self.at.map_or(0, |at| at + 1);
        let is_write = |one: &OperationSummary| one.action != Action::Other;
        let is_lookup = |one: &OperationSummary| one.effect == Some(Effect::Read);
        let (mut found, mut created) = (Requests::default(), None::<Seq>);
        for number in self.numbers {
            let (mut first_write, mut first_lookup, mut first_create) = (None, None, None);
            self.walk(*number, 0..until, Order::OldestFirst, &mut |one| {
                if is_lookup(&one) {
                    first_lookup = first_lookup.or(Some(one.seq));
                } else if is_write(&one) {
                    first_write = first_write.or(Some(one.seq));
                    first_create = Some(one.seq).filter(|_| one.action == Action::Create);
                }
                first_create.is_some()
            })?;
            found.first_write = found.first_write.into_iter().chain(first_write).min();
            found.first_lookup = found.first_lookup.into_iter().chain(first_lookup).min();
            created = created.into_iter().chain(first_create).min();
        }
        for number in self.numbers {
            let newest = |end: Seq, fits: &dyn Fn(&OperationSummary) -> bool| {
                let mut newest = None;
                self.walk(*number, 0..end, Order::NewestFirst, &mut |one| {
                    newest = Some(one).filter(|one| fits(one));
                    newest.is_some()
                })?;
                Ok::<_, Error>(newest)
            };
            let write = newest(until, &is_write)?;
            let is_later = |one: &OperationSummary| {
                found.last_write.as_ref().is_none_or(|last| last.seq < one.seq)
            };
            if write.as_ref().is_some_and(is_later) {
                found.last_write = write;
            }
            let lookup = newest(created.unwrap_or(until), &is_lookup)?.map(|one| one.seq);
            if let Some(seq) = lookup
                && found.matching.is_none_or(|(last, _)| last < seq)
                && let Fact::Operation(operation) = self.record.header(seq)?.fact
            {
                // Who is as the client knew them is not shown, and is there.
                let is_unchanged = operation.status == NOT_MODIFIED;
                let results = operation.results.unwrap_or(0) + u32::from(is_unchanged);
                found.matching = Some((seq, results));
            }
        }
        Ok(found)
    }

    /// Walks along the requests on somebody until one is enough.
    fn walk(
        &self,
        number: Number,
        seqs: Range<Seq>,
        order: Order,
        is_enough: &mut dyn FnMut(OperationSummary) -> bool,
    ) -> Result<(), Error> {
        Ok(self.record.view.operations_of(self.application, number, seqs, order, &mut |one| {
            let is_own = one.number == number && !one.is_observation();
            match is_own && is_enough(one) {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?)
    }

    fn source(&self, evidence: &Evidence) -> Node {
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

    /// What the newest entry that tells of a check says of it.
    fn check(
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

    fn role(&self, evidence: &Evidence) -> Node {
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

    fn scope(&self, evidence: &Evidence) -> Node {
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

    fn matched(&self, evidence: &Evidence) -> Node {
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

    /// Whether a request came, how it was answered, and whether it took.
    fn requested(&self, evidence: &Evidence) -> Result<Vec<Node>, Error> {
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
            (Some(Effect::Skipped), ..) => {
                let text = format!("It was passed over{}", self.refusal(last.seq)?);
                Node::new("answered", State::No, text, &seqs)
            }
            (Some(Effect::Unknown), ..) | (_, 0, _) => {
                Node::new("answered", State::Unknown, "No answer was heard.", &seqs)
            }
            (Some(Effect::Unverified), status, _) => {
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
            (Some(Effect::Applied), Some((by, Verdict::Contradicted))) => {
                let text = "It was acknowledged, and a later look contradicts it.";
                Node::new("applied", State::No, text, &[last.seq, by])
            }
            (Some(Effect::Applied), _) => {
                Node::new("applied", State::Yes, "It changed the account.", &seqs)
            }
            (Some(Effect::NoOp), _) => Node::new(
                "applied",
                State::Yes,
                "Everything was so already; nothing had to be changed.",
                &seqs,
            ),
            (Some(Effect::Unknown | Effect::Unverified), Some((by, verdict))) => {
                let (state, text) = match verdict {
                    Verdict::Confirmed => (State::Yes, "A later look confirmed it."),
                    Verdict::Contradicted => (State::No, "A later look contradicts it."),
                    Verdict::None => (State::Unknown, "A later look does not tell."),
                };
                Node::new("applied", state, text, &[last.seq, by])
            }
            (Some(Effect::Unknown | Effect::Unverified), None) => {
                Node::new("applied", State::Unknown, "Nobody has looked since.", &seqs)
            }
            _ => Node::new("applied", State::No, "It changed nothing.", &seqs),
        };
        Ok(vec![requested, answered, applied])
    }

    fn refusal(&self, seq: Seq) -> Result<String, Error> {
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

    fn still(
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

    /// What people changed in the provider's configuration before, newest first.
    fn configuration(&self) -> Result<Option<Node>, Error> {
        let mut seqs = vec![];
        let mut node = Node::new(
            "configuration",
            State::Yes,
            "The provider's configuration was changed before.",
            &[],
        );
        let start = store::key::Moment::start_of(Timestamp(i64::MIN));
        let before = store::key::Moment::start_of(Timestamp(self.time.0.saturating_add(1)));
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

    /// Why there never was an account, and what would have to change.
    fn why_not(&self, evidence: &Evidence) -> Result<(String, Option<String>), Error> {
        if let Some((claim, entry, skip)) = evidence.entries.first() {
            let when = second(claim.moment.occurred_at);
            match claim.status {
                Status::Skipped => {
                    let sentence = sentence_for_skip(skip.as_deref(), entry);
                    let remedy = advice_for_skip(skip.as_deref(), entry);
                    return Ok((format!("{sentence} ({when})"), Some(remedy)));
                }
                Status::Failure => {
                    let code = entry.error_code().unwrap_or("an error without a code");
                    let reason = entry.reason().map(|reason| format!(": {reason}"));
                    let text = format!(
                        "The provider tried at {when} and failed with {code}{}",
                        reason.unwrap_or_else(|| ".".to_owned())
                    );
                    return Ok((text, Some(advice_for_error(code).to_owned())));
                }
                Status::Success | Status::Warning => {}
            }
        }
        if let Some(last) = &evidence.requests.last_write {
            let (text, remedy) = self.unfulfilled(last)?;
            return Ok((text, Some(remedy.to_owned())));
        }
        if let Some((seq, _)) = evidence.requests.matching {
            let when = second(self.record.recorded_at(seq)?);
            let text = format!(
                "The provider looked for the account at {when}, found none, and sent no request to \
                 create it: it decided against it, or has not come to it yet."
            );
            let remedy = "Import the provider's log: it says what kept the person out.";
            return Ok((text, Some(remedy.to_owned())));
        }
        let text = "Nothing that was recorded or imported up to then tells of an attempt.";
        let remedy = "See whether the person is assigned to the application at the provider, and \
                      import its log.";
        Ok((text.to_owned(), Some(remedy.to_owned())))
    }
}

/// An instant as a sentence has it: to the second.
fn second(time: Timestamp) -> String {
    let text = time.to_string();
    text.split_once('.').map_or(text.clone(), |(second, _)| format!("{second}Z"))
}

/// How the checks are spelled, in logs of different years.
const ACTIVE: &[&str] = &["Active in the source system", "IsActive", "Active"];
const ASSIGNED: &[&str] = &["Assigned to the application", "Assigned"];
const ROLE: &[&str] = &[
    "User has the required role",
    "Group has the required role",
    "IsEffectivelyEntitledForProvisioning",
];
const SCOPE: &[&str] = &[
    "Scoping filter evaluation passed",
    "IsInProvisioningScope",
    "IsInProvisioningScopeDisplayName",
    "Passed scope filter",
];

/// What the newest entry that tells of a check says.
fn told(evidence: &Evidence, spellings: &[&str]) -> Option<(Seq, bool)> {
    let mut entries = evidence.entries.iter();
    entries.find_map(|(claim, entry, _)| Some((claim.moment.seq, entry.check(spellings)?)))
}

/// A cause is told with its events.
impl Cause {
    fn into_row(self) -> row::Cause {
        row::Cause {
            known: self.kind.is_some(),
            kind: self.kind.map(|kind| kind.name().to_owned()),
            candidates: self.candidates().into_iter().map(str::to_owned).collect(),
            seqs: self.seqs,
        }
    }
}
