//! Whether provisioning is alive: when the provider last sent a request, and how it went.

use std::ops::ControlFlow;

use answers::{Job, row};
use event::{Action, Application, CodeKind, Credential, Fact, Number, Role, Status, Timestamp};
use store::key::Moment;

use super::ask::Reading;
use super::question::{Answered, Asked};
use crate::answer::Found;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::log::{Filter, Item, Log, Stretch, Wanted};
use crate::quarantine::quarantine;
use crate::record::Record;
use crate::standpoint::Standpoint;

/// How often a provider runs in steady state.
const INTERVAL_SECONDS: i64 = 2_400;
/// After this long without a request, a provider is silent, not just late.
const SILENT_SECONDS: i64 = 24 * 3_600;
/// Operations read at a time.
const PAGE: usize = 256;
const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;
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

/// The requests that count as the provider's: those with a SCIM token of the application, and those
/// refused because they had none. Requests with other tokens look at an upstream.
fn senders(record: &Record<'_>, application: Application) -> Result<Vec<Filter>, Error> {
    let of = |credential, status| Filter {
        application: Some(application),
        credential: Some(credential),
        status,
        ..Filter::default()
    };
    let tokens = record.view.credentials()?.into_iter();
    let tokens = tokens.filter(|one| one.application == application && one.role == Role::Scim);
    let mut senders: Vec<Filter> = tokens.map(|token| of(token.number, None)).collect();
    senders.push(of(Credential::NONE, Some(Status::Failure)));
    Ok(senders)
}

/// Visits the times of the requests among some operations, newest first, until `visit` breaks off. Skips
/// observations: they are what a request found at the upstream.
fn requests_of(
    log: &Log<'_>,
    wanted: &Wanted,
    stretch: &Stretch,
    visit: &mut dyn FnMut(Timestamp) -> ControlFlow<()>,
) -> Result<(), Error> {
    let mut left = stretch.clone();
    loop {
        let page = log.page(wanted, &left, PAGE)?;
        for item in &page.rows {
            let is_request = matches!(item, Item::Recorded(one) if !one.is_observation());
            if is_request && visit(item.moment().occurred_at).is_break() {
                return Ok(());
            }
        }
        match page.rows.last().filter(|_| page.more) {
            Some(last) => left.seqs.end = last.moment().seq,
            None => return Ok(()),
        }
    }
}

fn state(
    record: &Record<'_>,
    stand: &Standpoint,
    application: Application,
    slug: String,
) -> Result<row::Provisioning, Error> {
    let log = Log::new(record.view, record.store);
    let end = stand.at_seq.map_or(0, |seq| seq + 1);
    let beyond = Moment::start_of(Timestamp(stand.time.0.saturating_add(1)));
    let until = Stretch { seqs: 0..end, ..Stretch::all() };
    let of = |filter: &Filter| Wanted { recorded: Some(filter.clone()), imported: None };
    let senders = senders(record, application)?;
    let known = record.view.application_of(application)?;
    let is_proxied = known.is_some_and(|one| one.upstream.is_some());
    let last = |action: Option<Action>, status: Option<Status>| {
        let mut last = None;
        for sender in &senders {
            if sender.status.is_some_and(|only| status.is_some_and(|status| status != only)) {
                continue;
            }
            let filter = Filter { action, status: sender.status.or(status), ..sender.clone() };
            requests_of(&log, &of(&filter), &until, &mut |time| {
                last = last.max(Some(time));
                ControlFlow::Break(())
            })?;
        }
        Ok::<_, Error>(last)
    };
    let success = Some(Status::Success);
    let (last_request, last_success) = (last(None, None)?, last(None, success)?);
    let (mut last_write, mut last_written) = (None, None);
    for action in [Action::Create, Action::Update, Action::Disable, Action::Delete] {
        last_write = last_write.max(last(Some(action), None)?);
        last_written = last_written.max(last(Some(action), success)?);
    }

    let day_ago = Timestamp(stand.time.0.saturating_sub(DAY_MICROS));
    let start = record.seq_at(record.size, day_ago)?.map_or(0, |seq| seq + 1).min(end);
    let day = Stretch { seqs: start..end, ..Stretch::all() };
    let (mut requests, mut failures) = (0, 0);
    for sender in &senders {
        if is_proxied {
            requests_of(&log, &of(sender), &day, &mut |_| {
                requests += 1;
                ControlFlow::Continue(())
            })?;
        } else {
            requests += log.count(&of(sender), &day)?;
        }
        let failed = Filter { status: Some(Status::Failure), ..sender.clone() };
        failures += log.count(&of(&failed), &day)?;
    }

    let claims = newest_claims(record, application, beyond)?;
    let mut last_entry = None;
    let mut jobs = std::collections::BTreeSet::new();
    for seq in claims {
        let header = record.header(seq)?;
        let Fact::Imported(imported) = &header.fact else { continue };
        last_entry = last_entry.max(Some(imported.occurred_at));
        jobs.extend(imported.code(CodeKind::Job).map(str::to_owned));
    }
    // In quarantine a provider retries ever more rarely. A write after it means that it has ended.
    let quarantine = quarantine(record, application, beyond)?
        .filter(|quarantine| last_written.is_none_or(|written| written < quarantine.last));
    let since = last_request.map(|last| stand.time.0.saturating_sub(last.0) / 1_000_000);
    let word = match since {
        None => "never",
        Some(_) if quarantine.is_some() => "quarantined",
        Some(_) if requests > 0 && failures * 2 > requests => "failing",
        Some(seconds) if seconds > SILENT_SECONDS => "silent",
        Some(seconds) if seconds > INTERVAL_SECONDS => "late",
        Some(_) => "active",
    };
    let time = |time: Option<Timestamp>| time.map(|time| time.to_string().into());
    Ok(row::Provisioning {
        application: slug,
        job_ids: jobs.into_iter().collect(),
        state: word.to_owned(),
        last_request_at: time(last_request),
        last_success_at: time(last_success),
        last_write_at: time(last_write),
        last_entry_at: time(last_entry),
        expected_interval_seconds: INTERVAL_SECONDS.unsigned_abs(),
        seconds_since_last_request: since,
        requests_in_last_day: requests,
        failures_in_last_day: failures,
        quarantine: quarantine.map(|one| row::Quarantine {
            since: one.since.to_string().into(),
            reason: one.reason,
            seq: one.seq,
        }),
    })
}
