//! Who asked what.

use std::ops::ControlFlow;

use answers::{AccessLog, row};
use event::{Content, Fact, Number, Seq};
use projector::{AccessSummary, ApplicationRow};

use super::question::{Answered, Asked};
use crate::answer::Found;
use crate::as_of::ERASED;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::record::Record;

impl Answered for AccessLog {
    /// Newest first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<AccessLog>, Error> {
        let reading = asked.reading;
        let application = asked.narrowed_to(self.app.as_ref())?.or(reading.caller.scope());
        let credential = self.credential.map(|id| asked.credential(&id)).transpose()?;
        let stand = asked.standpoint()?;
        let record = &reading.record.limited_to(stand.size);
        let wanted = application.map(|number| record.view.application_of(number)).transpose()?;
        // A question about all applications showed each that existed then.
        let shows = |one: &AccessSummary, wanted: &ApplicationRow| {
            one.application == wanted.number || (one.all_applications && wanted.added_seq < one.seq)
        };
        let fits = |one: &AccessSummary| {
            wanted.as_ref().is_none_or(|wanted| wanted.as_ref().is_some_and(|row| shows(one, row)))
                && credential.is_none_or(|wanted| one.credential == wanted)
        };
        let mut found = stand.newest_first();
        record.view.accesses(stand.seqs.clone(), &mut |one| {
            if fits(&one) {
                found.add(one.seq, one.seq);
            }
            ControlFlow::Continue(())
        })?;
        let (page, count, next) = found.cut(&stand);
        let rows = page.iter().map(|seq| access(record, *seq));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let coverage = Coverage::between(record, &stand, &[])?;
        let found = Found::new(record, &stand, &coverage);
        let found = found.about(reading.asked_application(application), Number::NOBODY);
        Ok(found.rows(rows, count, next))
    }
}

fn access(record: &Record<'_>, seq: Seq) -> Result<row::Access, Error> {
    let event = record.event(seq)?;
    let Fact::Access(access) = event.header.fact else { return Err(Error::Damaged("an access")) };
    let origin = event.header.origin.unwrap_or_default();
    let role = record.view.role_at(origin.credential, seq)?;
    let application = event.header.application;
    let slug = record.view.application_of(application)?.map(|row| row.slug);
    // A question about all applications may name people of others, and its row count includes theirs.
    let is_own = record.scope.is_none_or(|scope| scope == application);
    let saw_seq = match access.saw_seq {
        Some(saw) => record.last_told(saw + 1)?,
        None => None,
    };
    let target = event.parts.into_iter().find_map(|part| match part.content {
        Content::Target(target) => Some(target),
        Content::Unreadable(_) => Some(ERASED.to_owned()),
        _ => None,
    });
    Ok(row::Access {
        seq,
        recorded_at: event.header.recorded_at.to_string().into(),
        application: slug,
        all_applications: access.all_applications,
        actor_id: origin.credential.to_string(),
        role: role.map(|role| role.name().to_owned()),
        route: access.route,
        target: target.filter(|_| is_own),
        status: access.status,
        rows: is_own.then_some(access.rows),
        exported: access.exported,
        saw_seq,
        source_ip: origin.client.map(|client| client.to_string()),
        user_agent: origin.user_agent,
        request_id: origin.request_id,
    })
}
