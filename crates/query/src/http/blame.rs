//! Why a user or group has each value and membership: the event, the credential, the address, the time.

use std::collections::{BTreeMap, BTreeSet};

use answers::row::{self, Blamed, Existence as Existed, ExistingGroup, ExistingUser};
use answers::{App, AttributePath, BlameOfGroup, BlameOfUser, Question};
use event::{ResourceType, Seq, Verdict};
use projector::Identity;
use serde_json::{Value, json};

use super::question::{Answered, Asked};
use super::resource;
use crate::answer::Found;
use crate::as_of::Existence;
use crate::blame::{Cause, What, memberships, values};
use crate::coverage::Coverage;
use crate::error::Error;
use crate::operation::{Operations, verdict_name};
use crate::person::identity;
use crate::shown::json_value;

impl Answered for BlameOfUser {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<BlameOfUser>, Error> {
        let user = (ResourceType::USER, self.user.0.as_str());
        blame(asked, &self.app, user, self.path.as_ref(), |named, existence| ExistingUser {
            user: resource::of_user(named),
            existence,
        })
    }
}

impl Answered for BlameOfGroup {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<BlameOfGroup>, Error> {
        let group = (ResourceType::GROUP, self.group.0.as_str());
        blame(asked, &self.app, group, self.path.as_ref(), |named, existence| ExistingGroup {
            group: resource::of_group(named),
            existence,
        })
    }
}

/// What gave a resource its values as of an instant; for a deleted resource, its last values.
fn blame<Q: Question<Row = Blamed>>(
    asked: &Asked<'_>,
    app: &App,
    (resource_type, named): (ResourceType, &str),
    path: Option<&AttributePath>,
    beside: fn(Identity, Existed) -> Q::Beside,
) -> Result<Found<Q>, Error> {
    let application = asked.application(app)?.number;
    let stand = asked.standpoint()?;
    let record = &asked.reading.record.limited_to(stand.size);
    let view = &record.view;
    let found = resource::named(view, application, resource_type, named, stand.at_seq)?;
    let until = match &found.existence {
        Existence::Exists(_) => stand.at_seq,
        Existence::Deleted { seq } => seq.checked_sub(1),
        Existence::NotYet { .. } => None,
    };
    let mut causes = vec![];
    if let Some(until) = until {
        causes = values(record, application, found.number, until)?;
        causes.append(&mut memberships(record, application, found.number, until)?);
    }
    if let Some(AttributePath(path)) = path {
        causes.retain(|cause| cause.what.is_named(path));
    }
    let (page, next) = stand.part_of(&causes);
    // One event sets most values of a user, so read each event once.
    let seqs: BTreeSet<Seq> = page.iter().map(|cause| cause.seq).collect();
    let read = Operations::new(record)?;
    let operations = read.rows(seqs.iter().copied())?;
    let mut operations: BTreeMap<Seq, row::Operation> = seqs.into_iter().zip(operations).collect();
    let confirmed = verdict_name(Verdict::Confirmed);
    // When an observation confirmed a request of unknown outcome, that request is the cause.
    let behind: BTreeMap<Seq, Seq> = operations
        .iter()
        .filter(|(_, row)| row.verdict.iter().flatten().any(|word| word == confirmed))
        .filter_map(|(seq, row)| Some((*seq, *row.settles.as_ref()?.last()?)))
        .collect();
    let requests = read.rows(behind.values().copied())?;
    operations.extend(behind.values().copied().zip(requests));
    let rows = page.iter().map(|Cause { what, seq }| {
        let seq = behind.get(seq).unwrap_or(seq);
        let (old_value, value) = match what {
            What::Value(change) => (
                json_value(change.old.as_deref(), "a changed value")?,
                json_value(change.new.as_deref(), "a changed value")?,
            ),
            What::Membership { group, joined } => {
                let group = identity(record, application, *group, until)?;
                let group = json!({"groupId": group.id, "groupName": group.display_name});
                if *joined { (Value::Null, group) } else { (group, Value::Null) }
            }
        };
        let operation = operations.get(seq).ok_or(Error::Damaged("an operation"))?;
        Ok(Blamed {
            path: what.path(),
            value,
            removed: !what.is_present(),
            set_at: operation.recorded_at.clone(),
            set_seq: *seq,
            event_id: operation.event_id.clone(),
            actor_id: operation.actor_id.clone(),
            source_ip: operation.source_ip.clone(),
            operation: operation.operation.clone(),
            request_id: operation.request_id.clone(),
            old_value,
            actor_type: operation.actor_type.clone(),
        })
    });
    let rows = rows.collect::<Result<Vec<_>, Error>>()?;
    let coverage = Coverage::at(record, &stand, &[application])?;
    let (exists, exists_seq) = resource::existence(&found);
    let answer = Found::new(record, &stand, &coverage).about(application, found.number);
    let named = identity(record, application, found.number, stand.at_seq)?;
    let answer = answer.beside(beside(named, Existed { exists, exists_seq }));
    Ok(answer.rows(rows, causes.len() as u64, next))
}
