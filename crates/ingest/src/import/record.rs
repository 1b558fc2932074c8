//! Imported entries become events: each once, with the number of whom it is about.
//!
//! An entry is a claim beside the record and changes no state. Its person or resource gets a number as
//! everybody does, at the first mention: the one whose SCIM id the entry names, else whoever the
//! provider called so before, else whoever bears the name.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use event::{
    Application, Attribute, Changes, CodeKind, Content, Fact, ImportBatch, Imported, Mention,
    Number, Origin, Part, ResourceType, Timestamp,
};
use projector::{
    CommitError, Committer, Decision, Draft, Durability, LOOKUP_BYTES_MAX, ProjectorError, Revoked,
    Stamp, View, folded,
};
use serde_json::Value;
use tokio::task::{JoinHandle, spawn_blocking};

use super::{Entry, Kind, Refused, understand};

/// So many entries are decided at once; SCIM requests that wait meanwhile wait for a few milliseconds.
const ENTRIES_PER_DECISION: usize = 256;
/// So many refusals are told one by one; the others are counted.
const REFUSALS_MAX: usize = 1_000;

/// What came of the records of one request.
#[derive(Debug, Default)]
pub struct Outcome {
    /// How many records there were.
    pub read: u32,
    /// How many were recorded.
    pub new: u32,
    /// How many had been imported before.
    pub known: u32,
    /// How many could not be understood.
    pub refused: u32,
    /// Where, counted from 1, and why; the first thousand.
    pub refusals: Vec<(u32, Refused)>,
}

impl Outcome {
    fn refuse(&mut self, line: u32, refused: Refused) {
        self.refused += 1;
        if self.refusals.len() < REFUSALS_MAX {
            self.refusals.push((line, refused));
        }
    }

    /// Adds what came of later lines.
    fn add(&mut self, later: Outcome) {
        let Outcome { read, new, known, refused, refusals } = later;
        self.read += read;
        self.new += new;
        self.known += known;
        self.refused += refused;
        let left = REFUSALS_MAX.saturating_sub(self.refusals.len());
        self.refusals.extend(refusals.into_iter().take(left));
    }
}

/// Why records are not imported; those before may have been.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The log takes nothing now.
    #[error(transparent)]
    Commit(#[from] CommitError),
    /// The clock is not believed, or the disk is nearly full.
    #[error("the log takes no imports now: its clock is wrong, or its disk is nearly full")]
    Refused,
    /// The credential that imports was revoked meanwhile.
    #[error(transparent)]
    Revoked(#[from] Revoked),
    /// A defect.
    #[error("the records could not be understood because of a defect")]
    Defect,
}

/// An entry on its way into an event.
struct Ready {
    entry: Entry,
    /// The entry as canonical JSON.
    text: Vec<u8>,
}

/// Records the entries of a body that has one record of a provider's log in each line. `run` is what the
/// requests of one import have in common. What is known by its id is not recorded again.
///
/// # Errors
/// When the log takes nothing; records before that place were imported.
pub async fn import(
    committer: &Committer,
    application: Application,
    origin: Origin,
    run: u64,
    body: Vec<u8>,
) -> Result<Outcome, ImportError> {
    // Thousands of entries wait with the application's requests, and hold up no other's.
    let committer = committer.of(application);
    let body = Arc::new(body);
    let mut chunks = chunks(&body).into_iter();
    let mut next = chunks.next().map(|chunk| understanding(&body, chunk));
    let mut outcome = Outcome::default();
    let mut span: Option<(Timestamp, Timestamp)> = None;
    let credential = origin.credential;
    while let Some(understood) = next {
        let (found, entries) = understood.await.map_err(|_| ImportError::Defect)?;
        // The next lines are read while the committer works.
        next = chunks.next().map(|chunk| understanding(&body, chunk));
        outcome.add(found);
        for at in entries.iter().map(|ready| Timestamp(ready.entry.occurred_at_us)) {
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
    let Outcome { new, known, refused, .. } = outcome;
    let fact = Fact::ImportBatch(ImportBatch { run, span, new, known, refused });
    let draft = Draft { application, origin: Some(origin), fact, parts: vec![] };
    // Synced, and so are the entries before it.
    let decide = move |authority: Result<(), Revoked>, _: &View<'_>, stamp: Stamp| match authority {
        Err(revoked) => refusal(revoked.into()),
        Ok(()) if stamp.clock_fault.is_some() || stamp.disk_full => refusal(ImportError::Refused),
        Ok(()) => Ok(Decision { events: vec![draft], reply: Ok(()) }),
    };
    committer.submit_for(credential, Durability::Synced, decide).await??;
    Ok(outcome)
}

fn refusal<T>(error: ImportError) -> Result<Decision<Result<T, ImportError>>, ProjectorError> {
    Ok(Decision { events: vec![], reply: Err(error) })
}

/// Some lines of a body, and the number of the first, from 1.
struct Chunk {
    bytes: Range<usize>,
    first: u32,
}

/// The lines of a body, as many together as are decided at once.
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

fn understanding(body: &Arc<Vec<u8>>, chunk: Chunk) -> JoinHandle<(Outcome, Vec<Ready>)> {
    let body = Arc::clone(body);
    spawn_blocking(move || understand_lines(&body[chunk.bytes], chunk.first))
}

fn understand_lines(lines: &[u8], first: u32) -> (Outcome, Vec<Ready>) {
    let mut outcome = Outcome::default();
    let mut entries = vec![];
    let lines = lines.split(|byte| *byte == b'\n').zip(first..);
    for (line, place) in lines.filter(|(line, _)| !line.trim_ascii().is_empty()) {
        outcome.read += 1;
        match understand_line(line) {
            Ok(ready) => entries.push(ready),
            Err(refused) => outcome.refuse(place, refused),
        }
    }
    (outcome, entries)
}

fn understand_line(line: &[u8]) -> Result<Ready, Refused> {
    let record: Value = serde_json::from_slice(line).map_err(|_| Refused {
        path: String::new(),
        what: "a JSON object in one line is expected".to_owned(),
    })?;
    let mut entry = understand(record)?;
    // Its names are sorted, and a map of JSON values has no way to fail.
    let text = serde_json::to_vec(&std::mem::take(&mut entry.body)).unwrap_or_default();
    Ok(Ready { entry, text })
}

type Counted = Result<(u32, u32), ImportError>;

/// The events of some entries, without those that are known; and how many are new and known.
fn decide(
    view: &View<'_>,
    stamp: Stamp,
    application: Application,
    origin: Origin,
    entries: Vec<Ready>,
) -> Result<Decision<Counted>, ProjectorError> {
    if stamp.clock_fault.is_some() || stamp.disk_full {
        return Ok(Decision { events: vec![], reply: Err(ImportError::Refused) });
    }
    let (mut events, mut known) = (vec![], 0);
    let mut people = People::new(view, application)?;
    let mut ids = std::collections::BTreeSet::new();
    for Ready { entry, text } in entries {
        if !ids.insert(entry.id.clone()) || view.entry(application, &entry.id)?.is_some() {
            known += 1;
            continue;
        }
        let resource_type = match entry.kind {
            Kind::User => ResourceType::USER,
            Kind::Group => ResourceType::GROUP,
            Kind::Other => ResourceType::NONE,
        };
        let (number, mut parts) = people.subject(resource_type, &entry)?;
        parts.push(Part { subject: number, content: Content::Entry(text) });
        let fact = Fact::Imported(Imported {
            source: entry.source,
            occurred_at: Timestamp(entry.occurred_at_us),
            resource_type,
            number,
            action: entry.action,
            status: entry.status,
            codes: codes(&entry),
            entry: entry.id,
        });
        events.push(Draft { application, origin: Some(origin.clone()), fact, parts });
    }
    let new = u32::try_from(events.len()).unwrap_or(u32::MAX);
    Ok(Decision { events, reply: Ok((new, known)) })
}

/// What an entry is found by. A code that is too long is no code, and stands in the entry alone.
fn codes(entry: &Entry) -> Vec<(CodeKind, String)> {
    let all = [
        (CodeKind::Error, &entry.error_code),
        (CodeKind::SkipReason, &entry.skip_reason),
        (CodeKind::Cycle, &entry.cycle_id),
        (CodeKind::Change, &entry.change_id),
        (CodeKind::Job, &entry.job_id),
    ];
    let given = all.into_iter().filter_map(|(kind, code)| Some((kind, code.clone()?)));
    given.filter(|(_, code)| code.len() <= Imported::CODE_BYTES_MAX).collect()
}

/// Who is who within one decision.
struct People<'a> {
    view: &'a View<'a>,
    application: Application,
    next: Number,
    /// What this decision itself mentions.
    mentions: BTreeMap<(Attribute, ResourceType, String), Number>,
}

impl<'a> People<'a> {
    fn new(view: &'a View<'a>, application: Application) -> Result<People<'a>, ProjectorError> {
        let next = view.next_number(application)?;
        Ok(People { view, application, next, mentions: BTreeMap::new() })
    }

    /// The number of whom an entry is about, and the mentions that it makes.
    fn subject(
        &mut self,
        resource_type: ResourceType,
        entry: &Entry,
    ) -> Result<(Number, Vec<Part>), ProjectorError> {
        if resource_type == ResourceType::NONE {
            return Ok((Number::NOBODY, vec![]));
        }
        let fits = |text: &&str| !text.is_empty() && text.len() <= LOOKUP_BYTES_MAX / 3;
        let target = entry.target_id.as_deref().filter(fits);
        let source = entry.source_id.as_deref().filter(fits);
        let name = match resource_type {
            ResourceType::USER => (Attribute::UserName, entry.user_name.as_deref().filter(fits)),
            _ => (Attribute::DisplayName, entry.source_name.as_deref().filter(fits)),
        };
        let by_target = match target {
            Some(id) => match self.view.number_of_id(self.application, resource_type, id)? {
                Some(number) => Some(number),
                None => self.mentioned(Attribute::Id, ResourceType::NONE, id)?,
            },
            None => None,
        };
        let by_source = match source {
            Some(id) => self.mentioned(Attribute::SourceId, resource_type, id)?,
            None => None,
        };
        let mut parts = vec![];
        let number = match by_target.or(by_source) {
            Some(number) => {
                // Whoever was renamed at the source is found by both names.
                if let (attribute, Some(name)) = name
                    && self.is_unheard(resource_type, attribute, name)?
                {
                    parts.push(self.mention(number, attribute, resource_type, name));
                }
                number
            }
            None => match self.named(resource_type, name)? {
                Some(number) => number,
                None => {
                    let by = match (name, target) {
                        ((attribute, Some(name)), _) => Some((attribute, name)),
                        ((_, None), Some(id)) => Some((Attribute::Id, id)),
                        ((_, None), None) => source.map(|id| (Attribute::SourceId, id)),
                    };
                    let Some((attribute, text)) = by else { return Ok((Number::NOBODY, vec![])) };
                    let number = self.next;
                    self.next = Number(number.0 + 1);
                    parts.push(self.mention(number, attribute, resource_type, text));
                    number
                }
            },
        };
        if let Some(id) = target
            && by_target.is_none()
            && !parts.iter().any(|part| mentions(part, Attribute::Id))
        {
            parts.push(self.mention(number, Attribute::Id, resource_type, id));
        }
        if let Some(id) = source
            && by_source != Some(number)
            && !parts.iter().any(|part| mentions(part, Attribute::SourceId))
        {
            parts.push(self.mention(number, Attribute::SourceId, resource_type, id));
        }
        Ok((number, parts))
    }

    /// Who was last mentioned so.
    fn mentioned(
        &self,
        attribute: Attribute,
        resource_type: ResourceType,
        text: &str,
    ) -> Result<Option<Number>, ProjectorError> {
        let folded = folded(attribute, text);
        if let Some(number) = self.mentions.get(&(attribute, resource_type, folded.clone())) {
            return Ok(Some(*number));
        }
        self.view.mention(self.application, resource_type, attribute, &folded)
    }

    /// The one who bears a name; else whoever was mentioned so.
    fn named(
        &self,
        resource_type: ResourceType,
        (attribute, name): (Attribute, Option<&str>),
    ) -> Result<Option<Number>, ProjectorError> {
        let Some(name) = name else { return Ok(None) };
        let folded = folded(attribute, name);
        let bearers = self.view.lookup(self.application, resource_type, attribute, &folded)?;
        match bearers.as_slice() {
            [one] => Ok(Some(*one)),
            // Nobody guesses among several.
            [_, _, ..] => Ok(None),
            [] => self.mentioned(attribute, resource_type, name),
        }
    }

    /// Whether nobody bears a name or was mentioned by it.
    fn is_unheard(
        &self,
        resource_type: ResourceType,
        attribute: Attribute,
        name: &str,
    ) -> Result<bool, ProjectorError> {
        let folded = folded(attribute, name);
        let bearers = self.view.lookup(self.application, resource_type, attribute, &folded)?;
        Ok(bearers.is_empty() && self.mentioned(attribute, resource_type, name)?.is_none())
    }

    fn mention(
        &mut self,
        number: Number,
        attribute: Attribute,
        resource_type: ResourceType,
        text: &str,
    ) -> Part {
        let folded = folded(attribute, text);
        let key_type = if attribute == Attribute::Id { ResourceType::NONE } else { resource_type };
        self.mentions.insert((attribute, key_type, folded.clone()), number);
        let mention = Mention { attribute, value: text.to_owned(), folded, resource_type };
        let changes = Changes { mention: Some(mention), ..Changes::default() };
        Part { subject: number, content: Content::Changes(changes) }
    }
}

fn mentions(part: &Part, attribute: Attribute) -> bool {
    match &part.content {
        Content::Changes(changes) => {
            changes.mention.as_ref().is_some_and(|mention| mention.attribute == attribute)
        }
        _ => false,
    }
}
