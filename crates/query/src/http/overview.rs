//! The applications at a glance: what start pages and watchers ask.

use answers::row::{ApplicationSeen, OperationBucket};
use answers::table::span;
use answers::{Gap, Moment, Overview};
use event::{Application, Number, ResourceType, Role, Seq, Timestamp};
use projector::{ApplicationRow, CredentialRow};
use store::key::Set;

use super::question::{Answered, Asked, Found};
use crate::coverage::Coverage;
use crate::error::Error;
use crate::imported_accounts::is_only_imported;
use crate::log::{Buckets, ByStatus, Filter, Log, Wanted};
use crate::pulse::Pulse;
use crate::record::Record;
use crate::report::operations::failing;
use crate::standpoint::Standpoint;

const DAYS: i64 = 90;
const DAY_MICROS: i64 = 86_400 * 1_000_000;
/// A token that ends within this many days needs attention.
const TOKEN_DAYS: i64 = 14;

impl Answered for Overview {
    /// What needs attention first, then by name.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Overview>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let record = &reading.record.limited_to(stand.size);
        let one = asked.narrowed_to(self.app.as_ref())?;
        let applications = reading.applications(one)?;
        let tokens = record.view.credentials()?;
        let days = days(record, &stand)?;
        let mut all = vec![];
        for row in record.view.applications()? {
            let is_known = stand.at_seq.is_some_and(|at| row.added_seq <= at);
            if is_known && applications.contains(&row.number) {
                let glance = Glance { record, stand: &stand, row, tokens: &tokens, days: &days };
                all.push(glance.row()?);
            }
        }
        all.sort_by(|(urgency, one), (other_urgency, other)| {
            (urgency, &one.application).cmp(&(other_urgency, &other.application))
        });
        let coverage = Coverage::at(record, &stand, &applications)?;
        let found = Found::new(record, &stand, &coverage);
        let found = found.about(reading.asked_application(one), Number::NOBODY);
        let (page, next) = stand.part_of(&all);
        Ok(found.rows(page.iter().map(|(_, row)| row.clone()), all.len() as u64, next))
    }
}

/// The last days in UTC, with the one of the question's instant, which ends there.
fn days(record: &Record<'_>, stand: &Standpoint) -> Result<Buckets, Error> {
    let today = stand.time.0.div_euclid(DAY_MICROS);
    let starts = (today - DAYS + 1..=today).map(|day| Timestamp(day * DAY_MICROS));
    let end = Timestamp(stand.time.0.saturating_add(1));
    let times: Vec<Timestamp> = starts.chain(std::iter::once(end)).collect();
    let before = |time: &Timestamp| -> Result<Seq, Error> {
        let last = record.seq_at(stand.size, Timestamp(time.0.saturating_sub(1)))?;
        Ok(last.map_or(0, |last| last + 1))
    };
    let seqs = times.iter().map(before).collect::<Result<_, _>>()?;
    Ok(Buckets { times, seqs, are_days: true })
}

/// One application.
struct Glance<'a> {
    record: &'a Record<'a>,
    stand: &'a Standpoint,
    row: ApplicationRow,
    tokens: &'a [CredentialRow],
    days: &'a Buckets,
}

/// The most urgent first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Urgency {
    Never,
    Quarantined,
    Failing,
    Silent,
    Late,
    NoToken,
    SomeFailing,
    TokenEnds,
    None,
}

impl Glance<'_> {
    fn row(&self) -> Result<(Urgency, ApplicationSeen), Error> {
        let (record, stand, application) = (self.record, self.stand, self.row.number);
        let pulse = Pulse::of(record, stand, application)?;
        let log = Log::new(record.view, record.store);
        let filter = Filter { application: Some(application), ..Filter::default() };
        let counts = log.histogram(&Wanted::both(filter), self.days)?;
        let until = stand.at_seq.map_or(0, |seq| seq + 1);
        let failing = failing(record, application, until)?.len() as u64;
        let tokens = self.valid_tokens(until);
        let next_end = tokens.iter().filter_map(|one| one.expires_at).min();
        let (urgency, attention) = self.attention(&pulse, failing, tokens.len(), next_end);
        let users = self.size(Set::Existing(ResourceType::USER))?;
        let moment = |time: Timestamp| Moment::from(time.to_string());
        let days = self.days.times.windows(2).zip(&counts).map(|(edges, counts)| OperationBucket {
            start: moment(edges[0]),
            end: moment(edges[1]),
            success: counts.success,
            warning: counts.warning,
            failure: counts.failure,
            skipped: counts.skipped,
        });
        let sum = |of: fn(&ByStatus) -> u64| counts.iter().map(of).sum();
        let seen = ApplicationSeen {
            application: self.row.slug.clone(),
            attention,
            state: pulse.state().to_owned(),
            proxied: self.row.upstream.is_some(),
            last_request_at: pulse.last_request.map(|last| moment(last.at)),
            last_request_seq: pulse.last_request.map(|last| last.seq),
            last_request_status: pulse.last_request.map(|last| last.status.name().to_owned()),
            last_success_at: pulse.last_success.map(|last| moment(last.at)),
            last_success_seq: pulse.last_success.map(|last| last.seq),
            seconds_since_last_request: pulse.seconds_since_last_request,
            requests_in_last_day: pulse.requests_in_day,
            failures_in_last_day: pulse.failures_in_day,
            success: sum(|one| one.success),
            warning: sum(|one| one.warning),
            failure: sum(|one| one.failure),
            skipped: sum(|one| one.skipped),
            days: days.collect(),
            users,
            active_users: self.size(Set::Active)?,
            groups: self.size(Set::Existing(ResourceType::GROUP))?,
            failing,
            quarantine: pulse.quarantine.map(Into::into),
            gaps: self.gaps(application)?,
            valid_tokens: tokens.len() as u64,
            oldest_token_at: tokens.iter().map(|one| one.added_at).min().map(moment),
            newest_token_at: tokens.iter().map(|one| one.added_at).max().map(moment),
            next_token_end_at: next_end.map(moment),
        };
        Ok((urgency, seen))
    }

    /// The size of a set; `None` if the application is known only from imports.
    fn size(&self, set: Set) -> Result<Option<u64>, Error> {
        if is_only_imported(self.record, self.row.number)? {
            return Ok(None);
        }
        match self.stand.at_seq {
            Some(at) => Ok(Some(self.record.view.set_size(self.row.number, set, at)?)),
            None => Ok(Some(0)),
        }
    }

    /// The application's SCIM tokens that were valid then. `until` is the number of events by then.
    fn valid_tokens(&self, until: Seq) -> Vec<&CredentialRow> {
        let is_valid = |one: &&CredentialRow| {
            one.role == Role::Scim
                && one.application == self.row.number
                && one.added_seq < until
                && one.revoked_seq.is_none_or(|seq| seq >= until)
                && one.expires_at.is_none_or(|end| self.stand.time < end)
        };
        self.tokens.iter().filter(is_valid).collect()
    }

    fn gaps(&self, application: Application) -> Result<Vec<Gap>, Error> {
        let time = |time: Option<Timestamp>| time.map(|time| time.to_string().into());
        let from = self.days.times.first().copied().unwrap_or(self.stand.time);
        let coverage = Coverage::lately(self.record, self.stand, application, from)?;
        let gaps = coverage.holes().iter().map(|hole| Gap {
            application: None,
            from: time(hole.from),
            to: time(hole.to),
            reason: hole.reason.to_owned(),
        });
        Ok(gaps.collect())
    }

    /// What is most urgent, and everything that needs attention, in sentences.
    fn attention(
        &self,
        pulse: &Pulse,
        failing: u64,
        tokens: usize,
        next_end: Option<Timestamp>,
    ) -> (Urgency, Option<String>) {
        let seconds = pulse.seconds_since_last_request.unwrap_or(0).try_into().unwrap_or(0);
        let ago = span(seconds);
        let mut reasons = vec![];
        match pulse.state() {
            "never" => {
                reasons.push((Urgency::Never, "No request has ever arrived.".to_owned()));
            }
            "quarantined" => {
                let text = "The identity provider has all but stopped: quarantine.";
                reasons.push((Urgency::Quarantined, text.to_owned()));
            }
            "failing" => {
                let text = "More than half of the last day's requests failed.";
                reasons.push((Urgency::Failing, text.to_owned()));
            }
            "silent" => {
                reasons.push((Urgency::Silent, format!("No request has arrived for {ago}.")));
            }
            "late" => {
                let text = format!("The next request is overdue: the last arrived {ago} ago.");
                reasons.push((Urgency::Late, text));
            }
            _ => {}
        }
        if tokens == 0 {
            let text = "No SCIM token is valid, so every request is refused.";
            reasons.push((Urgency::NoToken, text.to_owned()));
        }
        match failing {
            0 => {}
            1 => {
                reasons.push((Urgency::SomeFailing, "1 account's last request failed.".to_owned()))
            }
            _ => {
                let count = answers::table::count(failing);
                let text = format!("The last requests of {count} accounts failed.");
                reasons.push((Urgency::SomeFailing, text));
            }
        }
        let soon = Timestamp(self.stand.time.0.saturating_add(TOKEN_DAYS * DAY_MICROS));
        if let Some(end) = next_end.filter(|end| *end < soon) {
            let text = format!("A SCIM token ends at {}.", Moment::from(end.to_string()).second());
            reasons.push((Urgency::TokenEnds, text));
        }
        let urgency = reasons.first().map_or(Urgency::None, |(urgency, _)| *urgency);
        let texts: Vec<String> = reasons.into_iter().map(|(_, text)| text).collect();
        (urgency, (!texts.is_empty()).then(|| texts.join(" ")))
    }
}
