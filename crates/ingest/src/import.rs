//! Imported log entries become events: each once, with the number of its subject.
//!
//! An entry is a claim beside the record and changes no state. Its subject is the resource whose SCIM
//! id the entry names, else whoever an earlier entry gave the same source id, else whoever holds the
//! name; a subject mentioned for the first time gets a new number.
//!
//! ```text
//!  body ─▶ dates      which of day and month is first, of all lines
//!          principal  which lines are of this application
//!          decide     256 entries at a time: those that are not known become events
//! ```

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use entra_log::{DateOrder, Dates, Entry, Kind, Refused, Undecided, said, understand};
use event::{
    Application, CodeKind, Content, Fact, ImportBatch, Imported, Number, Origin, ResourceType,
    ServicePrincipalSet, Timestamp,
};
use projector::{
    CommitError, Committer, Decision, Draft, Durability, Gate, Passed, PassedPart, ProjectorError,
    Revoked, Stamp, View,
};
use serde_json::Value;
use tokio::task::{JoinHandle, spawn_blocking};

use people::People;
pub use principal::Principal;
use principal::{Applications, choose};

mod people;
mod principal;

/// At most this many entries in one decision, which delays waiting SCIM requests by a few milliseconds.
const ENTRIES_PER_DECISION: usize = 256;
/// At most this many refusals are listed; the rest are counted.
const REFUSALS_MAX: usize = 1_000;

/// At most this many skip reasons of one entry are indexed; providers have about thirty.
const SKIP_REASONS_MAX: usize = 100;

/// An entry further ahead of our clock has a wrong time: our clock and the provider's differ by less.
const AHEAD_MICROS_MAX: i64 = 86_400 * 1_000_000;

/// How to import the records of one request.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// A number that the requests of one import share.
    pub run: u64,
    /// Whether day or month comes first in dates with slashes; `None` infers it from the request's
    /// records.
    pub dates: Option<DateOrder>,
    /// The id or display name of the service principal whose entries belong to this application; `None`
    /// means the one that the application has on record.
    pub service_principal: Option<String>,
    /// Whether to list the entries of other applications one by one.
    pub lists_others: bool,
    /// Examine the records without recording any.
    pub is_check: bool,
}

/// The result for the records of one request.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many records there were.
    pub read: u32,
    /// How many were recorded.
    pub new: u32,
    /// How many had been imported already.
    pub known: u32,
    /// How many could not be understood.
    pub refused: u32,
    /// The line, counted from 1, and why; the first thousand.
    pub refusals: Vec<(u32, Refused)>,
    /// How many are entries of neither the provider's provisioning log nor its audit log.
    pub passed_over: u32,
    /// How many were kept out because they belong to other applications.
    pub of_others: u32,
    /// With `lists_others`, the first thousand of those: the line, the entry's id, and its service
    /// principal's id or else name.
    pub others: Vec<(u32, String, Option<String>)>,
    /// The service principals of the entries that were kept out; for a check, of all entries.
    pub principals: Vec<Principal>,
    /// For a check, the service principals whose entries were imported before, by id or else name.
    pub before: Vec<String>,
    /// The application's own service principal, if known by now.
    pub own: Option<String>,
}

impl Outcome {
    fn refuse(&mut self, line: u32, refused: Refused) {
        self.refused += 1;
        if self.refusals.len() < REFUSALS_MAX {
            self.refusals.push((line, refused));
        }
    }

    /// Adds the result of later lines.
    fn add(&mut self, later: Outcome) {
        let Outcome { read, refused, refusals, passed_over, .. } = later;
        self.read += read;
        self.refused += refused;
        self.passed_over += passed_over;
        let left = REFUSALS_MAX.saturating_sub(self.refusals.len());
        self.refusals.extend(refusals.into_iter().take(left));
    }

    /// Counts an entry of another application.
    fn keep_out(&mut self, parsed: &ParsedEntry, lists: bool) {
        self.of_others += 1;
        if lists && self.others.len() < REFUSALS_MAX {
            let of = parsed.principal.as_ref().and_then(Principal::key).map(str::to_owned);
            self.others.push((parsed.line, parsed.entry.id.clone(), of));
        }
    }
}

/// Why an import failed. Records before the failure may have been imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The events cannot be written.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The clock is wrong, or the disk is nearly full.
    #[error("imports are refused while the server's clock is wrong or its disk is nearly full")]
    Refused,
    /// The importing credential was revoked meanwhile.
    #[error(transparent)]
    Revoked(#[from] Revoked),
    /// Whether day or month comes first cannot be inferred.
    #[error(transparent)]
    Dates(#[from] Undecided),
    /// The records belong to several applications at the provider, and none is known to be this one.
    #[error(
        "the records are of several applications at the provider, and which of them is this one is not \
         known: {}; choose one with `servicePrincipal`", principal::list(.0)
    )]
    Several(Vec<Principal>),
    /// The application has another service principal than the one given.
    #[error("the application has another service principal: change that in its settings first")]
    NotOwn,
    /// A defect.
    #[error("the records could not be understood because of a defect")]
    Defect,
}

/// A parsed entry that is not decided yet.
struct ParsedEntry {
    line: u32,
    entry: Entry,
    /// The application at the provider that it belongs to.
    principal: Option<Principal>,
    /// The skip reasons of its steps, each once.
    skip_reasons: Vec<String>,
    /// The entry as canonical JSON, checked for secrets before the committer's thread gets it.
    stored: Passed,
}

/// Records the entries of a body that holds one log record per line. An entry whose id is known is not
/// recorded again.
///
/// # Errors
/// Before any record is imported: if the date order or the service principal is unclear. In the middle:
/// if an event cannot be written; the records before that are imported.
pub async fn import(
    committer: &Committer,
    application: Application,
    origin: Origin,
    options: Options,
    body: Vec<u8>,
) -> Result<Outcome, ImportError> {
    // Thousands of entries queue with this application's requests and delay no other application's.
    let committer = &committer.of(application);
    let body = Arc::new(body);
    let dates = match options.dates {
        Some(dates) => Some(dates),
        None => dates_of(&body).await?,
    };
    let now = committer.clock().now();
    let mut chunks = chunks(&body).into_iter();
    let understanding = |chunk| understanding(committer, &body, chunk, dates, now);
    let mut outcome = Outcome::default();
    let look = move |view: &View<'_>, _: Stamp| {
        let own = view.application_of(application)?.and_then(|row| row.service_principal);
        Ok(Decision { events: vec![], reply: own })
    };
    let known = committer.submit(Durability::Appended, look).await?;
    if let (Some(known), Some(given)) = (&known, &options.service_principal)
        && !known.eq_ignore_ascii_case(given)
    {
        return Err(ImportError::NotOwn);
    }
    outcome.own = known.clone();
    let mut waiting = VecDeque::new();
    if known.is_none() || options.is_check {
        // All records are needed to decide which application they belong to.
        for chunk in chunks.by_ref() {
            let (found, entries) = understanding(chunk).await.map_err(|_| ImportError::Defect)?;
            outcome.add(found);
            waiting.push_back(entries);
        }
        let choice = choose(committer, application, waiting.make_contiguous(), &options).await?;
        if options.is_check {
            (outcome.principals, outcome.before) = (choice.principals, choice.before);
            return Ok(outcome);
        }
        outcome.own = choice.decided()?;
        if let Some(own) = outcome.own.clone() {
            let fact = Fact::ServicePrincipalSet(ServicePrincipalSet { id: Some(own) });
            record(committer, application, &origin, fact, Durability::Appended).await?;
        }
    }
    let credential = origin.credential;
    let mut next = chunks.next().map(&understanding);
    let mut span: Option<(Timestamp, Timestamp)> = None;
    let (mut applications, mut kept_out) = (Applications::default(), Applications::default());
    // Entries whose application only the other entries can tell.
    let mut doubtful: VecDeque<ParsedEntry> = VecDeque::new();
    // Whether any entry belongs to another application; known once all are read.
    let mut has_others: Option<bool> = None;
    loop {
        let mut entries = match (waiting.pop_front(), next.take()) {
            (Some(entries), left) => {
                next = left;
                entries
            }
            (None, Some(understood)) => {
                let (found, entries) = understood.await.map_err(|_| ImportError::Defect)?;
                // Parse the next lines while the committer works.
                next = chunks.next().map(&understanding);
                outcome.add(found);
                entries
            }
            (None, None) if doubtful.is_empty() => break,
            (None, None) => {
                let own = outcome.own.as_deref().unwrap_or_default();
                has_others.get_or_insert_with(|| applications.has_others(own));
                doubtful.drain(..doubtful.len().min(ENTRIES_PER_DECISION)).collect()
            }
        };
        if let Some(own) = outcome.own.clone() {
            for parsed in std::mem::take(&mut entries) {
                let of = parsed.principal.as_ref();
                let is_own = match has_others {
                    Some(has_others) => Some(applications.is_of(of, &own, has_others)),
                    None => {
                        applications.add(of);
                        Applications::is_own(of, &own)
                    }
                };
                match is_own {
                    Some(true) => entries.push(parsed),
                    Some(false) => {
                        kept_out.add(of);
                        outcome.keep_out(&parsed, options.lists_others);
                    }
                    None => doubtful.push_back(parsed),
                }
            }
        }
        for at in entries.iter().map(|parsed| Timestamp(parsed.entry.occurred_at_us)) {
            let (first, last) = span.unwrap_or((at, at));
            span = Some((first.min(at), last.max(at)));
        }
        if entries.is_empty() {
            continue;
        }
        let origin = origin.clone();
        let decide =
            move |authority: Result<(), Revoked>, view: &View<'_>, stamp: Stamp| match authority {
                Ok(()) => decide(view, stamp, application, origin, entries),
                Err(revoked) => refusal(revoked.into()),
            };
        let (new, known) = committer.submit_for(credential, Durability::Appended, decide).await??;
        outcome.new += new;
        outcome.known += known;
    }
    outcome.principals = kept_out.counted();
    let Outcome { new, known, refused, .. } = outcome;
    let fact = Fact::ImportBatch(ImportBatch { run: options.run, span, new, known, refused });
    // Syncs the entries before it as well.
    record(committer, application, &origin, fact, Durability::Synced).await?;
    Ok(outcome)
}

/// Records one fact.
async fn record(
    committer: &Committer,
    application: Application,
    origin: &Origin,
    fact: Fact,
    durability: Durability,
) -> Result<(), ImportError> {
    let draft =
        Draft { application, origin: Some(origin.clone()), fact, parts: vec![], passed: vec![] };
    let decide = move |authority: Result<(), Revoked>, _: &View<'_>, stamp: Stamp| match authority {
        Err(revoked) => refusal(revoked.into()),
        Ok(()) if stamp.clock_fault.is_some() || stamp.disk_full => refusal(ImportError::Refused),
        Ok(()) => Ok(Decision { events: vec![draft], reply: Ok(()) }),
    };
    committer.submit_for(origin.credential, durability, decide).await?
}

fn refusal<T>(error: ImportError) -> Result<Decision<Result<T, ImportError>>, ProjectorError> {
    Ok(Decision { events: vec![], reply: Err(error) })
}

/// Infers whether day or month comes first in the dates of a body.
async fn dates_of(body: &Arc<Vec<u8>>) -> Result<Option<DateOrder>, ImportError> {
    let body = Arc::clone(body);
    let told = spawn_blocking(move || {
        let mut dates = Dates::default();
        body.split(|byte| *byte == b'\n').for_each(|line| dates.add_line(line));
        dates.order()
    });
    Ok(told.await.map_err(|_| ImportError::Defect)??)
}

/// Consecutive lines of a body, and the number of the first, from 1.
struct Chunk {
    bytes: Range<usize>,
    first: u32,
}

/// The lines of a body in chunks of one decision each.
fn chunks(body: &[u8]) -> Vec<Chunk> {
    let mut chunks = vec![];
    let (mut start, mut end, mut first) = (0, 0, 1);
    for (line, place) in body.split_inclusive(|byte| *byte == b'\n').zip(1_u32..) {
        end += line.len();
        if (place + 1 - first) as usize == ENTRIES_PER_DECISION {
            chunks.push(Chunk { bytes: start..end, first });
            (start, first) = (end, place + 1);
        }
    }
    if start < end {
        chunks.push(Chunk { bytes: start..end, first });
    }
    chunks
}

fn understanding(
    committer: &Committer,
    body: &Arc<Vec<u8>>,
    chunk: Chunk,
    dates: Option<DateOrder>,
    now: Timestamp,
) -> JoinHandle<(Outcome, Vec<ParsedEntry>)> {
    let (body, committer) = (Arc::clone(body), committer.clone());
    spawn_blocking(move || {
        understand_lines(committer.gate(), &body[chunk.bytes], chunk.first, dates, now)
    })
}

fn understand_lines(
    gate: &Gate,
    lines: &[u8],
    first: u32,
    dates: Option<DateOrder>,
    now: Timestamp,
) -> (Outcome, Vec<ParsedEntry>) {
    let mut outcome = Outcome::default();
    let mut entries = vec![];
    let lines = lines.split(|byte| *byte == b'\n').zip(first..);
    for (text, line) in lines.filter(|(text, _)| !text.trim_ascii().is_empty()) {
        outcome.read += 1;
        match understand_line(gate, text, line, dates, now) {
            Ok(Some(parsed)) => entries.push(parsed),
            Ok(None) => outcome.passed_over += 1,
            Err(refused) => outcome.refuse(line, refused),
        }
    }
    (outcome, entries)
}

/// The entry of a line; `None` if it belongs to another log.
fn understand_line(
    gate: &Gate,
    text: &[u8],
    line: u32,
    dates: Option<DateOrder>,
    now: Timestamp,
) -> Result<Option<ParsedEntry>, Refused> {
    let record: Value = serde_json::from_slice(text).map_err(|_| Refused {
        path: String::new(),
        what: "a JSON object in one line is expected".to_owned(),
    })?;
    let Some(mut entry) = understand(record, dates)? else { return Ok(None) };
    if entry.occurred_at_us > now.0.saturating_add(AHEAD_MICROS_MAX) {
        return Err(Refused {
            path: "activityDateTime".to_owned(),
            what: "is more than a day ahead of the server's clock".to_owned(),
        });
    }
    let principal = Principal::of(&entry.body);
    let mut skip_reasons: Vec<String> = vec![];
    for reason in said::skip_reasons(&entry.body) {
        if skip_reasons.len() < SKIP_REASONS_MAX && !skip_reasons.iter().any(|one| one == reason) {
            skip_reasons.push(reason.to_owned());
        }
    }
    let text = canonical::object(&std::mem::take(&mut entry.body));
    let stored = gate.passed(Content::Entry(text));
    Ok(Some(ParsedEntry { line, entry, principal, skip_reasons, stored }))
}

type Counted = Result<(u32, u32), ImportError>;

/// The events of the entries that are not known yet, and how many are new and known.
fn decide(
    view: &View<'_>,
    stamp: Stamp,
    application: Application,
    origin: Origin,
    entries: Vec<ParsedEntry>,
) -> Result<Decision<Counted>, ProjectorError> {
    if stamp.clock_fault.is_some() || stamp.disk_full {
        return Ok(Decision { events: vec![], reply: Err(ImportError::Refused) });
    }
    let (mut events, mut known) = (vec![], 0);
    let mut people = People::new(view, application)?;
    let mut ids = std::collections::BTreeSet::new();
    for ParsedEntry { entry, principal, skip_reasons, stored, .. } in entries {
        if !ids.insert(entry.id.clone()) || view.entry(application, &entry.id)?.is_some() {
            known += 1;
            continue;
        }
        let resource_type = type_of(&entry);
        let (number, parts) = people.subject(resource_type, &entry)?;
        let mut others: Vec<Number> = parts.iter().map(|part| part.subject).collect();
        others.sort_unstable();
        others.dedup();
        others.retain(|other| *other != number);
        let fact = Fact::Imported(Imported {
            source: entry.source,
            occurred_at: Timestamp(entry.occurred_at_us),
            resource_type,
            number,
            action: entry.action,
            status: entry.status,
            codes: codes(&entry, principal, skip_reasons),
            entry: entry.id,
        });
        events.push(Draft {
            application,
            origin: Some(origin.clone()),
            fact,
            parts,
            passed: vec![PassedPart { subject: number, others, content: stored }],
        });
    }
    let new = u32::try_from(events.len()).unwrap_or(u32::MAX);
    Ok(Decision { events, reply: Ok((new, known)) })
}

fn type_of(entry: &Entry) -> ResourceType {
    match entry.kind {
        Kind::User => ResourceType::USER,
        Kind::Group => ResourceType::GROUP,
        Kind::Other => ResourceType::NONE,
    }
}

/// The codes by which an entry is indexed. A longer text is no code and stays in the entry only.
fn codes(
    entry: &Entry,
    principal: Option<Principal>,
    skip_reasons: Vec<String>,
) -> Vec<(CodeKind, String)> {
    let principal = principal.and_then(|principal| principal.id.or(principal.name));
    let all = [
        (CodeKind::Error, &entry.error_code),
        (CodeKind::SkipReason, &entry.skip_reason),
        (CodeKind::Cycle, &entry.cycle_id),
        (CodeKind::Change, &entry.change_id),
        (CodeKind::Job, &entry.job_id),
        (CodeKind::ServicePrincipal, &principal),
    ];
    let given = all.into_iter().filter_map(|(kind, code)| Some((kind, code.clone()?)));
    let mut further = skip_reasons;
    further.retain(|one| entry.skip_reason.as_ref() != Some(one));
    let given = given.chain(further.into_iter().map(|one| (CodeKind::SkipReason, one)));
    given.filter(|(_, code)| code.len() <= Imported::CODE_BYTES_MAX).collect()
}
