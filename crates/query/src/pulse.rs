//! Whether a provider is alive: when it last sent a request, how that went, and whether it is in
//! quarantine. Found from the classes of operations, without reading operations that do not matter.

use std::collections::BTreeSet;

use event::{Action, Application, Credential, Role, Seq, Status, Timestamp};
use store::key::{Class, Moment};

use crate::error::Error;
use crate::quarantine::{Quarantine, quarantine};
use crate::record::Record;
use crate::standpoint::Standpoint;

/// How often a provider runs in steady state.
pub(crate) const INTERVAL_SECONDS: i64 = 2_400;
/// After this long without a request, a provider is silent, not just late.
const SILENT_SECONDS: i64 = 24 * 3_600;
const DAY_MICROS: i64 = 24 * 3_600 * 1_000_000;

/// The last request of some kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Last {
    /// Its event.
    pub(crate) seq: Seq,
    /// When it arrived.
    pub(crate) at: Timestamp,
    /// How it ended.
    pub(crate) status: Status,
}

/// The requests of an application's provider up to an instant.
#[derive(Debug)]
pub(crate) struct Pulse {
    pub(crate) last_request: Option<Last>,
    pub(crate) last_success: Option<Last>,
    /// The last one that asked for a change.
    pub(crate) last_write: Option<Last>,
    pub(crate) seconds_since_last_request: Option<i64>,
    pub(crate) requests_in_day: u64,
    pub(crate) failures_in_day: u64,
    /// The quarantine in force.
    pub(crate) quarantine: Option<Quarantine>,
}

impl Pulse {
    pub(crate) fn of(
        record: &Record<'_>,
        stand: &Standpoint,
        application: Application,
    ) -> Result<Pulse, Error> {
        let end = stand.at_seq.map_or(0, |seq| seq + 1);
        let day_ago = Timestamp(stand.time.0.saturating_sub(DAY_MICROS));
        let start = record.seq_at(record.size, day_ago)?.map_or(0, |seq| seq + 1).min(end);
        let (mut requests, mut failures) = (0, 0);
        let (mut last_request, mut last_success) = (None, None);
        let (mut last_write, mut last_written) = (None, None);
        for class in classes(record, application)? {
            let Some(newest) = record.view.by_class(class, 0..end, 1)?.first().copied() else {
                continue;
            };
            let is_success = class.status == Status::Success as u8;
            let is_write = class.action != Action::Other as u8;
            last_request = last_request.max(Some(newest));
            if is_success {
                last_success = last_success.max(Some(newest));
            }
            if is_write {
                last_write = last_write.max(Some(newest));
            }
            if is_write && is_success {
                last_written = last_written.max(Some(newest));
            }
            if newest >= start {
                let before = |seq| record.view.class_count_before(class, seq);
                let count = before(end)?.saturating_sub(before(start)?);
                requests += count;
                failures += if class.status == Status::Failure as u8 { count } else { 0 };
            }
        }
        let last = |seq: Option<Seq>| -> Result<Option<Last>, Error> {
            let Some(seq) = seq else { return Ok(None) };
            let summary = record.view.operation(seq)?.ok_or(Error::Defect)?;
            Ok(Some(Last { seq, at: summary.recorded_at, status: summary.status }))
        };
        let last_request = last(last_request)?;
        let last_written = last(last_written)?;
        let beyond = Moment::start_of(Timestamp(stand.time.0.saturating_add(1)));
        // In quarantine a provider retries ever more rarely. A write after it means that it has ended.
        let quarantine = quarantine(record, application, beyond)?
            .filter(|one| last_written.is_none_or(|written| written.at < one.last));
        let since = |last: Last| stand.time.0.saturating_sub(last.at.0) / 1_000_000;
        Ok(Pulse {
            last_request,
            last_success: last(last_success)?,
            last_write: last(last_write)?,
            seconds_since_last_request: last_request.map(since),
            requests_in_day: requests,
            failures_in_day: failures,
            quarantine,
        })
    }

    /// The state, as the question `job` has it.
    pub(crate) fn state(&self) -> &'static str {
        match self.seconds_since_last_request {
            None => "never",
            Some(_) if self.quarantine.is_some() => "quarantined",
            Some(_) if self.failures_in_day * 2 > self.requests_in_day => "failing",
            Some(seconds) if seconds > SILENT_SECONDS => "silent",
            Some(seconds) if seconds > INTERVAL_SECONDS => "late",
            Some(_) => "active",
        }
    }
}

/// The classes of the requests that count as the provider's: those with a SCIM token of the application,
/// and those refused because they had none. Requests with other tokens look at an upstream, and an
/// observation is no request but what one found there.
fn classes(record: &Record<'_>, application: Application) -> Result<Vec<Class>, Error> {
    let tokens = record.view.credentials()?.into_iter();
    let tokens = tokens.filter(|one| one.application == application && one.role == Role::Scim);
    let tokens: BTreeSet<Credential> = tokens.map(|one| one.number).collect();
    let all = record.view.classes()?.into_iter().map(|(class, _)| class);
    let is_of_provider = |class: &Class| {
        let is_observation = class.http_status == 0 && class.status == Status::Success as u8;
        let is_refused =
            class.credential == Credential::NONE && class.status == Status::Failure as u8;
        class.application == application
            && !is_observation
            && (is_refused || tokens.contains(&class.credential))
    };
    Ok(all.filter(is_of_provider).collect())
}

impl From<Quarantine> for answers::row::Quarantine {
    fn from(one: Quarantine) -> answers::row::Quarantine {
        let Quarantine { since, reason, seq, .. } = one;
        answers::row::Quarantine { since: since.to_string().into(), reason, seq }
    }
}
