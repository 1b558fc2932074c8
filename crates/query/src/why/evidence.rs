//! The evidence for `why`: entries of the provider's log, and requests about the person.

use std::ops::{ControlFlow, Range};

use event::{Action, Application, CodeKind, Effect, Fact, Number, Seq, Source, Timestamp};
use projector::{Claim, OperationSummary, Order};

use crate::entry::Entry;
use crate::error::Error;
use crate::imported_accounts::{claims_until, entry_of};
use crate::record::Record;

/// The number of newest log entries that are read.
const ENTRIES_READ_MAX: usize = 64;
const NOT_MODIFIED: u16 = 304;
/// The person and the instant that the question is about.
pub(crate) struct About<'a> {
    pub(crate) record: &'a Record<'a>,
    pub(crate) application: Application,
    pub(crate) number: Number,
    /// Everybody who ever had the requested name, including `number`.
    pub(crate) numbers: &'a [Number],
    pub(crate) time: Timestamp,
    pub(crate) at: Option<Seq>,
}

/// What was found.
pub(super) struct Evidence {
    /// The entries about the person in the provider's log, newest first.
    pub(super) entries: Vec<(Claim, Entry, Option<String>)>,
    pub(super) requests: Requests,
}

/// The requests about the person that matter; the others are not read.
#[derive(Default)]
pub(super) struct Requests {
    /// The first and the last request that asked to change the account.
    pub(super) first_write: Option<Seq>,
    pub(super) last_write: Option<OperationSummary>,
    pub(super) first_lookup: Option<Seq>,
    /// The last lookup before the create request, which is the provider's matching step; and how many
    /// accounts it found.
    pub(super) matching: Option<(Seq, u32)>,
}

impl About<'_> {
    pub(super) fn evidence(&self) -> Result<Evidence, Error> {
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
        let is_lookup = |one: &OperationSummary| one.effect == Effect::Read;
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
                // 304: the account is as the client last saw it, so it is there and not listed.
                let is_unchanged = operation.status == NOT_MODIFIED;
                let results = operation.results.unwrap_or(0) + u32::from(is_unchanged);
                found.matching = Some((seq, results));
            }
        }
        Ok(found)
    }

    /// Visits the requests on a person until `is_enough` says stop.
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
}

/// The result of a check in the newest entry that has it.
pub(super) fn told(evidence: &Evidence, spellings: &[&str]) -> Option<(Seq, bool)> {
    let mut entries = evidence.entries.iter();
    entries.find_map(|(claim, entry, _)| Some((claim.moment.seq, entry.check(spellings)?)))
}

/// The spellings of the checks in logs of different years.
pub(super) const ACTIVE: &[&str] = &["Active in the source system", "IsActive", "Active"];
pub(super) const ASSIGNED: &[&str] = &["Assigned to the application", "Assigned"];
pub(super) const ROLE: &[&str] = &[
    "User has the required role",
    "Group has the required role",
    "IsEffectivelyEntitledForProvisioning",
];
pub(super) const SCOPE: &[&str] = &[
    "Scoping filter evaluation passed",
    "IsInProvisioningScope",
    "IsInProvisioningScopeDisplayName",
    "Passed scope filter",
];

/// An instant to the second, for sentences.
pub(super) fn second(time: Timestamp) -> String {
    answers::Moment::from(time.to_string()).second()
}
