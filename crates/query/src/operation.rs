//! Operations as answers show them: requests, observations, counted requests and imported entries.

use std::collections::{BTreeMap, BTreeSet};

use answers::row;
use event::{
    Action, Application, CodeKind, Credential, Effect, Event, EventId, Fact, Imported, Number,
    Observation, Operation, ResourceType, Seq, Status, Timestamp, Unauthenticated, Verdict,
};
use projector::{Identity, ProjectorError, effect_of_observation, status_of};
use scim::ScimType;
use serde_json::{Number as JsonNumber, Value};
use store::key::Moment;

use crate::as_of::{identity_at, scim_id};
use crate::change::{ADD, REMOVE, change_row, op};
use crate::entry::Entry;
use crate::error::Error;
use crate::join::{explained, explaining};
use crate::record::Record;
use crate::shown::{Shown, What, json_value};
use crate::type_names::TypeNames;
use crate::values::changed;

/// The status of every counted request.
pub(crate) const UNAUTHENTICATED: u16 = 401;

/// RFC 7644 §3.12: a name is taken.
const CONFLICT: u16 = 409;

/// Makes the rows of operations. Names of applications and resource types are read once.
pub(crate) struct Operations<'a> {
    record: &'a Record<'a>,
    slugs: BTreeMap<Application, String>,
    types: TypeNames,
}

/// The resource that holds the name for which a request was refused, with its names at that time.
pub(crate) fn name_holder(
    record: &Record<'_>,
    event: &Event,
) -> Result<Option<Identity>, ProjectorError> {
    let Fact::Operation(operation) = &event.header.fact else { return Ok(None) };
    let is_clash = operation.status == CONFLICT && operation.effect == Effect::Rejected;
    let Some(holder) = operation.touches.first().filter(|_| is_clash) else { return Ok(None) };
    identity_at(&record.view, event.header.application, *holder, event.seq).map(Some)
}

impl<'a> Operations<'a> {
    pub(crate) fn new(record: &'a Record<'a>) -> Result<Operations<'a>, Error> {
        let applications = record.view.applications()?.into_iter();
        let slugs = applications.map(|application| (application.number, application.slug));
        let types = TypeNames::read(&record.view)?;
        Ok(Operations { record, slugs: slugs.collect(), types })
    }

    /// The record from which the rows are made.
    pub(crate) fn record(&self) -> &'a Record<'a> {
        self.record
    }

    /// An application's name.
    pub(crate) fn slug(&self, application: Application) -> Option<&str> {
        self.slugs.get(&application).map(String::as_str)
    }

    /// A resource type's name.
    pub(crate) fn type_name(&self, resource_type: ResourceType) -> Option<&str> {
        self.types.name(resource_type)
    }

    /// Method and resource type.
    pub(crate) fn name(&self, shown: &Shown<'_>) -> String {
        shown.name(&self.types)
    }

    /// The rows of the operations with these seqs.
    pub(crate) fn rows(
        &self,
        seqs: impl Iterator<Item = Seq>,
    ) -> Result<Vec<row::Operation>, Error> {
        let seqs: Vec<Seq> = seqs.collect();
        let rows = self.record.events(&seqs).map(|event| {
            let event = event?;
            let shown = Shown::of(&event).ok_or(Error::Damaged("an operation"))?;
            self.row(&shown)
        });
        rows.collect()
    }

    /// The rows of the operations with these seqs for a timeline. Each also says which group the user or group
    /// joined or left.
    pub(crate) fn rows_about(
        &self,
        numbers: &BTreeSet<Number>,
        seqs: impl Iterator<Item = Seq>,
    ) -> Result<Vec<row::Operation>, Error> {
        let seqs: Vec<Seq> = seqs.collect();
        let rows = self.record.events(&seqs).map(|event| {
            let event = event?;
            let shown = Shown::of(&event).ok_or(Error::Damaged("an operation"))?;
            let (word, group) = match shown.membership(numbers) {
                Some((word, group)) => {
                    let application = event.header.application;
                    (Some(word), identity_at(&self.record.view, application, group, event.seq)?)
                }
                None => (None, Identity::default()),
            };
            Ok(row::Operation {
                membership: Some(word.map(str::to_owned)),
                group_id: Some(group.id),
                group_name: Some(group.display_name),
                ..self.row(&shown)?
            })
        });
        rows.collect()
    }

    /// The row of an operation.
    pub(crate) fn row(&self, shown: &Shown<'_>) -> Result<row::Operation, Error> {
        match shown.what {
            What::Request(operation) => self.request_row(shown, operation),
            What::Seen(seen) => self.seen_row(shown, seen),
            What::Counted(requests) => self.counted_row(shown, requests),
            What::Imported(entry) => self.imported_row(shown, entry),
        }
    }

    /// The members that all rows share, as far as the event alone tells them.
    fn common(&self, shown: &Shown<'_>) -> Result<row::Operation, Error> {
        let header = shown.header();
        // A recorded event occurred when it was recorded; only imported entries have a time of their own.
        let recorded_at = moment(header.recorded_at);
        let origin = header.origin.as_ref();
        let seq = shown.event.seq;
        let identity = identity_at(&self.record.view, header.application, shown.number(), seq)?;
        let token = origin.map(|origin| origin.credential);
        let token = token.filter(|credential| *credential != Credential::NONE);
        Ok(row::Operation {
            seq,
            event_id: EventId::new(self.record.log(), seq).to_string(),
            occurred_at: recorded_at.clone(),
            recorded_at,
            source: "recorded".to_owned(),
            application: self.slugs.get(&header.application).cloned(),
            operation: shown.name(&self.types),
            resource_id: identity.id,
            user_name: identity.user_name,
            external_id: identity.external_id,
            display_name: identity.display_name,
            reason: shown.detail().and_then(|detail| detail.error.clone()),
            actor_type: if token.is_some() { "token" } else { "none" }.to_owned(),
            actor_id: token.map(|credential| credential.to_string()),
            source_ip: origin.and_then(|origin| origin.client).map(|client| client.to_string()),
            user_agent: origin.map(|origin| origin.user_agent.clone()),
            request_id: origin.map(|origin| origin.request_id.clone()),
            changed_paths: shown.changed_paths()?.into_iter().collect(),
            flags: shown.flags(),
            ..row::Operation::default()
        })
    }

    fn request_row(
        &self,
        shown: &Shown<'_>,
        operation: &Operation,
    ) -> Result<row::Operation, Error> {
        let scim_type = ScimType::from_code(operation.scim_type).map(ScimType::as_str);
        let holder = name_holder(self.record, shown.event)?;
        let (holder_id, holder_name) = match holder {
            Some(holder) => (Some(holder.id), Some(holder.user_name.or(holder.display_name))),
            None => (None, None),
        };
        let forwarded = shown.answer().map(|_| true);
        let settled = match forwarded {
            Some(_) => Some(self.record.view.settled(shown.event.seq)?),
            None => None,
        };
        let settled = settled.map(|settled| {
            settled.map(|(by_seq, verdict)| row::Settled {
                by_seq,
                verdict: verdict_name(verdict).to_owned(),
            })
        });
        Ok(row::Operation {
            action: shown.action().name().to_owned(),
            resource_type: self.types.name(operation.resource_type).map(str::to_owned),
            status: status_of(operation).name().to_owned(),
            http_status: Some(operation.status),
            scim_type: scim_type.map(str::to_owned),
            effect: Some(operation.effect.name().to_owned()),
            index: Some(operation.index),
            duration_ms: JsonNumber::from_f64(f64::from(operation.decided_after_us) / 1e3),
            results: operation.results,
            saw_seq: operation.saw_seq,
            holder_id,
            holder_name,
            forwarded,
            settled,
            ..self.common(shown)?
        })
    }

    /// The row of an observation. It is no request, so it has no HTTP status and no duration.
    fn seen_row(&self, shown: &Shown<'_>, seen: &Observation) -> Result<row::Operation, Error> {
        let common = self.common(shown)?;
        let effect = effect_of_observation(&shown.event.parts);
        let verdict = Some(seen.verdict).filter(|verdict| *verdict != Verdict::None);
        Ok(row::Operation {
            action: shown.action().name().to_owned(),
            resource_type: self.types.name(seen.resource_type).map(str::to_owned),
            status: Status::Success.name().to_owned(),
            effect: Some(effect.name().to_owned()),
            settles: Some(seen.settles.clone()),
            verdict: Some(verdict.map(|verdict| verdict_name(verdict).to_owned())),
            ..common
        })
    }

    /// The row of counted requests: the members that all of them share, and how many there were.
    fn counted_row(
        &self,
        shown: &Shown<'_>,
        requests: &Unauthenticated,
    ) -> Result<row::Operation, Error> {
        Ok(row::Operation {
            action: Action::Other.name().to_owned(),
            status: Status::Failure.name().to_owned(),
            http_status: Some(UNAUTHENTICATED),
            effect: Some(Effect::Rejected.name().to_owned()),
            count: Some(requests.count),
            first_at: Some(moment(requests.first)),
            last_at: Some(moment(requests.last)),
            ..self.common(shown)?
        })
    }

    /// The row of an imported entry, with the time, words and names that its source claims.
    fn imported_row(&self, shown: &Shown<'_>, entry: &Imported) -> Result<row::Operation, Error> {
        let common = self.common(shown)?;
        let said = Entry::of(shown.entry()?);
        let owned = |text: Option<&str>| text.map(str::to_owned);
        let code = |kind: CodeKind| Some(entry.code(kind).map(str::to_owned));
        let effect = match entry.status {
            Status::Skipped => Some(Effect::Skipped.name().to_owned()),
            Status::Success | Status::Failure | Status::Warning => None,
        };
        let (actor_id, actor_name) = said.initiator();
        let origin = shown.header().origin.as_ref();
        Ok(row::Operation {
            occurred_at: moment(entry.occurred_at),
            source: "imported".to_owned(),
            log: Some(entry.source.name().to_owned()),
            action: entry.action.name().to_owned(),
            resource_type: self.types.name(entry.resource_type).map(str::to_owned),
            status: entry.status.name().to_owned(),
            effect,
            resource_id: common.resource_id.or_else(|| owned(said.target_id())),
            user_name: common.user_name.or_else(|| owned(said.user_name())),
            display_name: common.display_name.or_else(|| owned(said.display_name())),
            entry_id: Some(entry.entry.clone()),
            job_id: code(CodeKind::Job),
            cycle_id: code(CodeKind::Cycle),
            change_id: code(CodeKind::Change),
            error_code: code(CodeKind::Error),
            skip_reason: code(CodeKind::SkipReason),
            tenant: Some(owned(said.tenant_id())),
            error_category: Some(owned(said.error_category())),
            reason: owned(said.reason()),
            duration_ms: said.duration_ms().map(JsonNumber::from),
            flags: said.flags(),
            changed_paths: said.modified_paths().into_iter().map(str::to_owned).collect(),
            actor_type: "provider".to_owned(),
            actor_id: owned(actor_id),
            actor_name: Some(owned(actor_name)),
            source_ip: None,
            user_agent: None,
            imported_by: Some(origin.map(|origin| origin.credential.to_string())),
            ..common
        })
    }

    /// An operation with its changes, steps, request, response and joins.
    pub(crate) fn whole(&self, shown: &Shown<'_>) -> Result<row::WholeOperation, Error> {
        let intent = shown.answer().and_then(|answer| answer.intent);
        let intent = intent.map(|seq| self.record.event(seq)).transpose()?;
        let one = row::WholeOperation {
            row: self.row(shown)?,
            request: shown.request(intent.as_ref())?,
            response: shown.response()?,
            intent_seq: intent.map(|intent| intent.seq),
            ..row::WholeOperation::default()
        };
        match shown.what {
            What::Imported(entry) => self.whole_entry(one, shown, entry),
            What::Request(operation) => self.whole_request(one, shown, operation),
            What::Seen(_) | What::Counted(_) => {
                Ok(row::WholeOperation { changes: self.changes(shown)?, ..one })
            }
        }
    }

    /// Adds what an imported entry says, and the request it explains.
    fn whole_entry(
        &self,
        one: row::WholeOperation,
        shown: &Shown<'_>,
        entry: &Imported,
    ) -> Result<row::WholeOperation, Error> {
        let moment = Moment { occurred_at: entry.occurred_at, seq: shown.event.seq };
        let claim = self.record.view.claim(shown.header().application, moment)?;
        let claim = claim.ok_or(Error::Damaged("a claim"))?;
        let joined = explained(self.record, &claim)?;
        let explains = joined.map(|joined| row::Explains {
            seq: joined.operation,
            confidence: joined.confidence.name().to_owned(),
        });
        let said = Entry::of(shown.entry()?);
        Ok(row::WholeOperation {
            changes: said.changes(),
            steps: said.steps(),
            explains: Some(explains),
            entry: Some(said.into_json()),
            ..one
        })
    }

    /// Adds what a request changed, and the entries that explain it.
    fn whole_request(
        &self,
        mut one: row::WholeOperation,
        shown: &Shown<'_>,
        operation: &Operation,
    ) -> Result<row::WholeOperation, Error> {
        let header = shown.header();
        let at = (shown.event.seq, header.recorded_at);
        let joined = explaining(self.record, header.application, operation.number, at)?;
        let mut entries = vec![];
        let mut surest = None;
        for joined in joined {
            let told = self.rows(std::iter::once(joined.entry))?.pop().unwrap_or_default();
            entries.push(row::ExplainedBy {
                seq: joined.entry,
                entry_id: told.entry_id.clone(),
                occurred_at: told.occurred_at.clone(),
                action: told.action.clone(),
                status: told.status.clone(),
                confidence: joined.confidence.name().to_owned(),
            });
            surest.get_or_insert(told);
        }
        let surest = surest.unwrap_or_default();
        one.row.job_id = Some(surest.job_id.flatten());
        one.row.cycle_id = Some(surest.cycle_id.flatten());
        one.row.change_id = Some(surest.change_id.flatten());
        let changes = self.changes(shown)?;
        Ok(row::WholeOperation { changes, explained_by: Some(entries), ..one })
    }

    /// What an operation changed, resource by resource.
    pub(crate) fn changes(&self, shown: &Shown<'_>) -> Result<Vec<row::Change>, Error> {
        let application = shown.header().application;
        let mut rows = vec![];
        for (subject, changes) in shown.changes() {
            let mut own = vec![];
            for change in changed(&changes.values)?.iter() {
                let what = "a changed value";
                let op = op(change.old.as_ref(), change.new.as_ref());
                let old = json_value(change.old.as_deref(), what)?;
                let new = json_value(change.new.as_deref(), what)?;
                own.push(change_row(&change.path.to_string(), op, old, new));
            }
            for member in &changes.joined {
                let id = self.id_of(application, *member)?.into();
                own.push(change_row("members", ADD, Value::Null, id));
            }
            for member in &changes.left {
                let id = self.id_of(application, *member)?.into();
                own.push(change_row("members", REMOVE, id, Value::Null));
            }
            if subject != shown.number() && !own.is_empty() {
                let id = self.id_of(application, subject)?;
                for row in &mut own {
                    row.resource_id = Some(id.clone());
                }
            }
            rows.append(&mut own);
        }
        Ok(rows)
    }

    pub(crate) fn id_of(
        &self,
        application: Application,
        number: Number,
    ) -> Result<Option<String>, Error> {
        if number == Number::NOBODY {
            return Ok(None);
        }
        Ok(scim_id(&self.record.view, application, number)?)
    }
}

/// An instant as rows have it.
pub(crate) fn moment(time: Timestamp) -> answers::Moment {
    time.to_string().into()
}

pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::None => "none",
        Verdict::Confirmed => "confirmed",
        Verdict::Contradicted => "contradicted",
    }
}
