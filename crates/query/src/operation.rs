//! An operation as answers show it, and what stands among the operations.

use std::collections::{BTreeMap, BTreeSet};

use event::{
    Action, Application, CodeKind, Credential, Effect, Event, EventId, Fact, Imported, Number,
    Observation, Operation, ResourceType, Seq, Status, Unauthenticated, Verdict,
};
use projector::{Identity, ProjectorError, action_of, action_seen, status_of};
use scim::ScimType;
use serde_json::{Map, Value, json};
use store::key::Moment;

use crate::as_of::{identity_at, scim_id};
use crate::entry::Entry;
use crate::error::Error;
use crate::join::{explained, explaining};
use crate::record::Record;
use crate::shown::{Shown, What, json_value};
use crate::type_names::TypeNames;

/// What every counted request was answered.
pub(crate) const UNAUTHENTICATED: u16 = 401;

/// RFC 7644 §3.12: a name is taken.
const CONFLICT: u16 = 409;

/// Shows operations; what they have in common is read once.
pub(crate) struct Operations<'a> {
    record: &'a Record<'a>,
    slugs: BTreeMap<Application, String>,
    types: TypeNames,
}

/// Whose the name is that a refused request asked for, as they were called then.
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

    /// What is shown, and on what it stands.
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

    /// The rows of the operations at these places.
    pub(crate) fn rows(&self, seqs: impl Iterator<Item = Seq>) -> Result<Vec<Value>, Error> {
        let seqs: Vec<Seq> = seqs.collect();
        let rows = self.record.events(&seqs).map(|event| {
            let event = event?;
            let shown = Shown::of(&event).ok_or(Error::Damaged("an operation"))?;
            Ok(self.row(&shown)?.into())
        });
        rows.collect()
    }

    /// The rows of the operations at these places, in the timeline of a user or group: each says too
    /// which group it joined or left by it.
    pub(crate) fn rows_about(
        &self,
        numbers: &BTreeSet<Number>,
        seqs: impl Iterator<Item = Seq>,
    ) -> Result<Vec<Value>, Error> {
        let seqs: Vec<Seq> = seqs.collect();
        let rows = self.record.events(&seqs).map(|event| {
            let event = event?;
            let shown = Shown::of(&event).ok_or(Error::Damaged("an operation"))?;
            let mut row = self.row(&shown)?;
            let (word, group) = match shown.membership(numbers) {
                Some((word, group)) => {
                    let application = event.header.application;
                    (Some(word), identity_at(&self.record.view, application, group, event.seq)?)
                }
                None => (None, Identity::default()),
            };
            row.insert("membership".into(), word.into());
            row.insert("groupId".into(), group.id.into());
            row.insert("groupName".into(), group.display_name.into());
            Ok(row.into())
        });
        rows.collect()
    }

    /// The row of an operation.
    pub(crate) fn row(&self, shown: &Shown<'_>) -> Result<Map<String, Value>, Error> {
        let row = match shown.what {
            What::Request(operation) => self.request_row(shown, operation)?,
            What::Seen(seen) => self.seen_row(shown, seen)?,
            What::Counted(requests) => self.counted_row(shown, requests)?,
            What::Imported(entry) => self.imported_row(shown, entry)?,
        };
        match row {
            Value::Object(row) => Ok(row),
            _ => Err(Error::Defect),
        }
    }

    /// What every row has, filled in as far as the event alone tells it.
    fn common(&self, shown: &Shown<'_>) -> Result<Value, Error> {
        let header = shown.header();
        let recorded_at = header.recorded_at.to_string();
        let origin = header.origin.clone().unwrap_or_default();
        let seq = shown.event.seq;
        let identity = identity_at(&self.record.view, header.application, shown.number(), seq)?;
        let token = (origin.credential != Credential::NONE).then_some(origin.credential);
        Ok(json!({
            "seq": seq,
            "eventId": EventId::new(self.record.log(), seq).to_string(),
            // What we record is what we saw happen.
            "occurredAt": recorded_at,
            "recordedAt": recorded_at,
            "source": "recorded",
            "application": self.slugs.get(&header.application),
            "operation": shown.name(&self.types),
            "resourceType": null,
            "resourceId": identity.id,
            "userName": identity.user_name,
            "externalId": identity.external_id,
            "displayName": identity.display_name,
            "scimType": null,
            "reason": shown.detail().and_then(|detail| detail.error.as_deref()),
            "actorType": if token.is_some() { "token" } else { "none" },
            "actorId": token.map(|credential| credential.to_string()),
            "sourceIp": origin.client.map(|client| client.to_string()),
            "userAgent": header.origin.as_ref().map(|origin| origin.user_agent.as_str()),
            "requestId": header.origin.as_ref().map(|origin| origin.request_id.as_str()),
            "index": null,
            "durationMs": null,
            "results": null,
            "sawSeq": null,
            "changedPaths": shown.changed_paths(),
            "flags": shown.flags(),
        }))
    }

    fn request_row(&self, shown: &Shown<'_>, operation: &Operation) -> Result<Value, Error> {
        let mut row = self.common(shown)?;
        let scim_type = ScimType::from_code(operation.scim_type).map(ScimType::as_str);
        row["action"] = action_of(operation, &shown.event.parts).name().into();
        row["resourceType"] = self.types.name(operation.resource_type).into();
        row["status"] = status_of(operation).name().into();
        row["httpStatus"] = operation.status.into();
        row["scimType"] = scim_type.into();
        row["effect"] = operation.effect.name().into();
        row["index"] = operation.index.into();
        row["durationMs"] = (f64::from(operation.decided_after_us) / 1e3).into();
        row["results"] = operation.results.into();
        row["sawSeq"] = operation.saw_seq.into();
        if let Some(holder) = name_holder(self.record, shown.event)? {
            row["holderId"] = holder.id.into();
            row["holderName"] = holder.user_name.or(holder.display_name).into();
        }
        if shown.answer().is_some() {
            row["forwarded"] = true.into();
            row["settled"] = match self.record.view.settled(shown.event.seq)? {
                Some((seq, verdict)) => json!({"bySeq": seq, "verdict": verdict_name(verdict)}),
                None => Value::Null,
            };
        }
        Ok(row)
    }

    /// An observation is no request: nobody was answered.
    fn seen_row(&self, shown: &Shown<'_>, seen: &Observation) -> Result<Value, Error> {
        let mut row = self.common(shown)?;
        row["action"] = action_seen(seen, &shown.event.parts).name().into();
        row["resourceType"] = self.types.name(seen.resource_type).into();
        row["status"] = Status::Success.name().into();
        row["httpStatus"] = Value::Null;
        let changed = !shown.changed_paths().is_empty();
        row["effect"] = if changed { Effect::Applied } else { Effect::NoOp }.name().into();
        row["settles"] = json!(seen.settles);
        row["verdict"] = match seen.verdict {
            Verdict::None => Value::Null,
            verdict => verdict_name(verdict).into(),
        };
        Ok(row)
    }

    /// The members of a request's row, without what only one request has, and how many there were.
    fn counted_row(&self, shown: &Shown<'_>, requests: &Unauthenticated) -> Result<Value, Error> {
        let mut row = self.common(shown)?;
        row["action"] = Action::Other.name().into();
        row["status"] = Status::Failure.name().into();
        row["httpStatus"] = UNAUTHENTICATED.into();
        row["effect"] = Effect::Rejected.name().into();
        row["count"] = requests.count.into();
        row["firstAt"] = requests.first.to_string().into();
        row["lastAt"] = requests.last.to_string().into();
        Ok(row)
    }

    /// What a source claims: its time, its words, and whom it names.
    fn imported_row(&self, shown: &Shown<'_>, entry: &Imported) -> Result<Value, Error> {
        let mut row = self.common(shown)?;
        let said = Entry::of(shown.entry()?);
        row["occurredAt"] = entry.occurred_at.to_string().into();
        row["source"] = "imported".into();
        row["log"] = entry.source.name().into();
        row["action"] = entry.action.name().into();
        row["resourceType"] = self.types.name(entry.resource_type).into();
        row["status"] = entry.status.name().into();
        row["httpStatus"] = Value::Null;
        row["effect"] = match entry.status {
            Status::Skipped => Effect::Skipped.name().into(),
            Status::Success | Status::Failure | Status::Warning => Value::Null,
        };
        for (name, value) in [
            ("resourceId", said.target_id()),
            ("userName", said.user_name()),
            ("displayName", said.display_name()),
        ] {
            if row[name].is_null() {
                row[name] = value.into();
            }
        }
        row["entryId"] = entry.entry.as_str().into();
        for (name, kind) in [
            ("jobId", CodeKind::Job),
            ("cycleId", CodeKind::Cycle),
            ("changeId", CodeKind::Change),
            ("errorCode", CodeKind::Error),
            ("skipReason", CodeKind::SkipReason),
        ] {
            row[name] = entry.code(kind).into();
        }
        row["tenant"] = said.tenant_id().into();
        row["errorCategory"] = said.error_category().into();
        row["reason"] = said.reason().into();
        row["durationMs"] = said.duration_ms().into();
        row["flags"] = said.flags().into();
        row["changedPaths"] = said.modified_paths().into();
        let (actor_id, actor_name) = said.initiator();
        row["actorType"] = "provider".into();
        row["actorId"] = actor_id.into();
        row["actorName"] = actor_name.into();
        row["sourceIp"] = Value::Null;
        row["userAgent"] = Value::Null;
        row["importedBy"] = shown.header().origin.as_ref().map(|o| o.credential.to_string()).into();
        Ok(row)
    }

    /// The row of an operation with all that belongs to it.
    pub(crate) fn whole(&self, shown: &Shown<'_>) -> Result<Map<String, Value>, Error> {
        let mut row = self.row(shown)?;
        let intent = shown.answer().and_then(|answer| answer.intent);
        let intent = intent.map(|seq| self.record.event(seq)).transpose()?;
        let (changes, steps) = match shown.what {
            What::Imported(_) => {
                let said = Entry::of(shown.entry()?);
                let told = (said.changes(), said.steps());
                row.insert("entry".into(), said.into_json().into());
                told
            }
            // A request tells nothing of the steps before it; imported entries do.
            What::Request(_) | What::Seen(_) | What::Counted(_) => (self.changes(shown)?, vec![]),
        };
        row.insert("changes".into(), changes.into());
        row.insert("steps".into(), steps.into());
        self.insert_joins(&mut row, shown)?;
        row.insert("request".into(), shown.request(intent.as_ref())?);
        row.insert("response".into(), shown.response()?);
        if let Some(intent) = intent {
            row.insert("intentSeq".into(), intent.seq.into());
        }
        Ok(row)
    }

    /// What imported entries say of a request, or what an entry explains.
    fn insert_joins(&self, row: &mut Map<String, Value>, shown: &Shown<'_>) -> Result<(), Error> {
        let (record, seq) = (self.record, shown.event.seq);
        let application = shown.header().application;
        match shown.what {
            What::Imported(entry) => {
                let moment = Moment { occurred_at: entry.occurred_at, seq };
                let claim = record.view.claim(application, moment)?;
                let claim = claim.ok_or(Error::Damaged("a claim"))?;
                let joined = explained(record, &claim)?;
                let explains = joined.map(|joined| {
                    let confidence = joined.confidence.name();
                    json!({"seq": joined.operation, "confidence": confidence})
                });
                row.insert("explains".into(), explains.into());
            }
            What::Request(operation) => {
                let at = (seq, shown.header().recorded_at);
                let joined = explaining(record, application, operation.number, at)?;
                for name in ["jobId", "cycleId", "changeId"] {
                    row.insert(name.into(), Value::Null);
                }
                let mut entries = vec![];
                for (place, one) in joined.into_iter().enumerate() {
                    let told = self.rows(std::iter::once(one.entry))?.pop().unwrap_or_default();
                    // The surest is believed.
                    for name in ["jobId", "cycleId", "changeId"].into_iter().filter(|_| place == 0)
                    {
                        row.insert(name.into(), told[name].clone());
                    }
                    entries.push(json!({
                        "seq": one.entry,
                        "entryId": told["entryId"],
                        "occurredAt": told["occurredAt"],
                        "action": told["action"],
                        "status": told["status"],
                        "confidence": one.confidence.name(),
                    }));
                }
                row.insert("explainedBy".into(), entries.into());
            }
            What::Seen(_) | What::Counted(_) => {}
        }
        Ok(())
    }

    pub(crate) fn changes(&self, shown: &Shown<'_>) -> Result<Vec<Value>, Error> {
        let application = shown.header().application;
        let mut rows = vec![];
        for (subject, changes) in shown.changes() {
            let mut own = vec![];
            for change in &changes.values {
                let what = "a changed value";
                let op = match (&change.old, &change.new) {
                    (None, _) => "add",
                    (Some(_), None) => "remove",
                    (Some(_), Some(_)) => "replace",
                };
                let old = json_value(change.old.as_deref(), what)?;
                let new = json_value(change.new.as_deref(), what)?;
                own.push(change_row(&change.path.to_string(), op, old, new));
            }
            for member in &changes.joined {
                let id = self.id_of(application, *member)?.into();
                own.push(change_row("members", "add", Value::Null, id));
            }
            for member in &changes.left {
                let id = self.id_of(application, *member)?.into();
                own.push(change_row("members", "remove", id, Value::Null));
            }
            if subject != shown.number() && !own.is_empty() {
                let id = Value::from(self.id_of(application, subject)?);
                for row in &mut own {
                    row["resourceId"] = id.clone();
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

pub(crate) fn change_row(path: &str, op: &str, old: Value, new: Value) -> Value {
    json!({"path": path, "op": op, "oldValue": old, "newValue": new})
}

pub(crate) fn verdict_name(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::None => "none",
        Verdict::Confirmed => "confirmed",
        Verdict::Contradicted => "contradicted",
    }
}
