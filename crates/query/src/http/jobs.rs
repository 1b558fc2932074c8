//! Whether provisioning is alive: when the provider last sent a request, and how it went.

use std::ops::ControlFlow;

use answers::{Job, row};
use event::{Application, CodeKind, Fact, Number, Timestamp};
use store::key::Moment;

use super::ask::Reading;
use super::question::{Answered, Asked};
use crate::answer::Found;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::pulse::{INTERVAL_SECONDS, Pulse};
use crate::record::Record;
use crate::standpoint::Standpoint;

/// How many of the newest entries are searched for job ids.
const LOOKED_AT_MAX: usize = 2_000;

impl Answered for Job {
    /// By the application's name, or by a job id of an imported log.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Job>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let record = &reading.record.limited_to(stand.size);
        let (application, slug) = application_of(reading, record, &self.job)?;
        let found = state(record, &stand, application, slug)?;
        let coverage = Coverage::at(record, &stand, &[application])?;
        let answer = Found::new(record, &stand, &coverage).about(application, Number::NOBODY);
        Ok(answer.resource(Some(found)))
    }
}

fn application_of(
    reading: &Reading<'_>,
    record: &Record<'_>,
    job: &str,
) -> Result<(Application, String), Error> {
    if let Some(row) = record.view.application(job)?
        && reading.caller.may_see(row.number)
    {
        return Ok((row.number, row.slug));
    }
    for row in record.view.applications()? {
        if reading.caller.may_see(row.number) && jobs_of(record, row.number)?.contains(job) {
            return Ok((row.number, row.slug));
        }
    }
    Err(Error::NotFound("there is no application of that name, and no imported job of that id"))
}

/// The jobs that an application's newest entries name.
fn jobs_of(
    record: &Record<'_>,
    application: Application,
) -> Result<std::collections::BTreeSet<String>, Error> {
    let mut jobs = std::collections::BTreeSet::new();
    for seq in newest_claims(record, application, Moment::END)? {
        if let Fact::Imported(entry) = record.header(seq)?.fact {
            jobs.extend(entry.code(CodeKind::Job).map(str::to_owned));
        }
    }
    Ok(jobs)
}

fn newest_claims(
    record: &Record<'_>,
    application: Application,
    before: Moment,
) -> Result<Vec<u64>, Error> {
    let mut seqs = vec![];
    let stretch = (Moment::start_of(Timestamp(i64::MIN)), before);
    record.view.claims(application, stretch, &mut |claim| {
        seqs.push(claim.moment.seq);
        match seqs.len() < LOOKED_AT_MAX {
            true => ControlFlow::Continue(()),
            false => ControlFlow::Break(()),
        }
    })?;
    Ok(seqs)
}

fn state(
    record: &Record<'_>,
    stand: &Standpoint,
    application: Application,
    slug: String,
) -> Result<row::Provisioning, Error> {
    let beyond = Moment::start_of(Timestamp(stand.time.0.saturating_add(1)));
    let pulse = Pulse::of(record, stand, application)?;
    let claims = newest_claims(record, application, beyond)?;
    let mut last_entry = None;
    let mut jobs = std::collections::BTreeSet::new();
    for seq in claims {
        let header = record.header(seq)?;
        let Fact::Imported(imported) = &header.fact else { continue };
        last_entry = last_entry.max(Some(imported.occurred_at));
        jobs.extend(imported.code(CodeKind::Job).map(str::to_owned));
    }
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string().into());
    Ok(row::Provisioning {
        application: slug,
        job_ids: jobs.into_iter().collect(),
        state: pulse.state().to_owned(),
        last_request_at: time(pulse.last_request.map(|last| last.at)),
        last_success_at: time(pulse.last_success.map(|last| last.at)),
        last_write_at: time(pulse.last_write.map(|last| last.at)),
        last_entry_at: time(last_entry),
        expected_interval_seconds: INTERVAL_SECONDS.unsigned_abs(),
        seconds_since_last_request: pulse.seconds_since_last_request,
        requests_in_last_day: pulse.requests_in_day,
        failures_in_last_day: pulse.failures_in_day,
        quarantine: pulse.quarantine.map(row::Quarantine::from),
    })
}
