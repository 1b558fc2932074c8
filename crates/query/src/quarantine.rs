//! Finds in the provider's audit log whether an application's provisioning is in quarantine. The log has
//! an activity for the start, whose name and details vary over the years, but none for the end.

use std::ops::ControlFlow;

use event::{Action, Application, Number, Seq, Source, Status, Timestamp};
use projector::Claim;
use store::key::Moment;

use crate::entry::Entry;
use crate::error::Error;
use crate::imported_accounts::entry_of;
use crate::record::Record;

/// How many of the newest entries are searched by their summaries.
const LOOKED_AT_MAX: usize = 100_000;
/// How many of these are read in full.
const OPENED_MAX: usize = 2_000;

/// The `ErrorCode`s of Microsoft Entra's quarantines.
const REASONS: [&str; 8] = [
    "EncounteredBaseEscrowThreshold",
    "EncounteredTotalEscrowThreshold",
    "EncounteredEscrowProportionThreshold",
    "EncounteredQuarantineException",
    "QuarantinedOnDemand",
    "QuarantineOnDemand",
    "TooManyDeletes",
    "IngestionInterrupted",
];

/// A quarantine that no later entry ends.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Quarantine {
    /// When it began; the log may repeat it later.
    pub(crate) since: Timestamp,
    /// The entry with which it began.
    pub(crate) seq: Seq,
    /// The time of the last entry about it.
    pub(crate) last: Timestamp,
    /// The last known reason.
    pub(crate) reason: Option<String>,
}

/// The quarantine in force before a moment. It ends with any later success, or when somebody restarts,
/// stops or deletes the job.
pub(crate) fn quarantine(
    record: &Record<'_>,
    application: Application,
    before: Moment,
) -> Result<Option<Quarantine>, Error> {
    let mut telling: Vec<Claim> = vec![];
    let mut looked_at = 0;
    let stretch = (Moment::start_of(Timestamp(i64::MIN)), before);
    record.view.claims(application, stretch, &mut |claim| {
        looked_at += 1;
        let is_success = claim.source == Source::Provisioning && claim.status == Status::Success;
        if is_success || is_of_the_job(&claim) {
            telling.push(claim);
        }
        match is_success || looked_at == LOOKED_AT_MAX || telling.len() == OPENED_MAX {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    let mut found: Option<Quarantine> = None;
    // Newest first, so the end of a quarantine is seen before its start.
    for claim in telling.iter().filter(|claim| is_of_the_job(claim)) {
        let entry = entry_of(record, claim)?;
        let Moment { occurred_at, seq } = claim.moment;
        if is_quarantine(&entry) {
            let (last, reason) = match found.take() {
                Some(later) => (later.last, later.reason.or_else(|| reason_of(&entry))),
                None => (occurred_at, reason_of(&entry)),
            };
            found = Some(Quarantine { since: occurred_at, seq, last, reason });
        } else if is_of_configuration(&entry) {
            break;
        }
    }
    Ok(found)
}

/// Whether an entry concerns the job itself, not an object.
fn is_of_the_job(claim: &Claim) -> bool {
    claim.source == Source::DirectoryAudit
        && claim.number == Number::NOBODY
        && claim.action == Action::Other
}

fn is_quarantine(entry: &Entry) -> bool {
    let names = |text: &str| text.to_lowercase().contains("quarantine");
    let is_reason = |code: &str| REASONS.iter().any(|one| one.eq_ignore_ascii_case(code));
    entry.activity().is_some_and(names)
        || entry.audit_detail("ErrorCode").is_some_and(|code| names(code) || is_reason(code))
}

/// Whether the job was added, started, stopped, restarted or deleted.
fn is_of_configuration(entry: &Entry) -> bool {
    let name = entry.activity().unwrap_or_default().to_lowercase();
    name.contains("provisioning configuration")
}

fn reason_of(entry: &Entry) -> Option<String> {
    let details = ["Details", "ErrorCode"].iter().filter_map(|key| entry.audit_detail(key));
    let mut told = entry.reason().into_iter().chain(details);
    told.find(|text| *text != "None").map(str::to_owned)
}
