//! Claims: entries imported from a provider's log. Rows index them by time, by the resource or person
//! they are about and by code, and count them by day. A claim never changes recorded state.

use std::ops::ControlFlow;

use event::{
    Action, Application, CodeKind, Credential, Event, ImportBatch, Imported, Number, ResourceType,
    Seq, Source, Status, Timestamp,
};
use store::key::{self, ClaimClass, KeyRange, Moment};
use store::{Direction, ReadRows};

use crate::error::ProjectorError;
use crate::fold::change_application;
use crate::overlay::Overlay;
use crate::row::{self, ApplicationRow};
use crate::view::View;

const DAY_MICROS: i64 = 86_400 * 1_000_000;

/// The summary of an imported entry: what lists filter by, without reading the event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// When it happened by the source's clock, and the event that recorded it.
    pub moment: Moment,
    /// The application.
    pub application: Application,
    /// The resource or person it is about; nobody when it names none.
    pub number: Number,
    /// The type of resource.
    pub resource_type: ResourceType,
    /// What the provider meant to do.
    pub action: Action,
    /// How it ended.
    pub status: Status,
    /// Which log it comes from.
    pub source: Source,
    /// The credential it was imported with.
    pub credential: Credential,
}

/// The values by which imported entries are filtered and counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClaimKind {
    /// Which log it comes from.
    pub source: Source,
    /// What the provider meant to do.
    pub action: Action,
    /// How it ended.
    pub status: Status,
    /// The type of resource.
    pub resource_type: ResourceType,
    /// The credential it was imported with.
    pub credential: Credential,
}

impl ClaimKind {
    fn class(self) -> ClaimClass {
        ClaimClass {
            action: self.action as u8,
            status: self.status as u8,
            resource_type: self.resource_type,
            credential: self.credential,
        }
    }

    fn of_class(source: Source, class: ClaimClass) -> Option<ClaimKind> {
        Some(ClaimKind {
            source,
            action: Action::from_code(class.action)?,
            status: Status::from_code(class.status)?,
            resource_type: class.resource_type,
            credential: class.credential,
        })
    }
}

impl Claim {
    /// What it is counted as.
    pub fn kind(&self) -> ClaimKind {
        ClaimKind {
            source: self.source,
            action: self.action,
            status: self.status,
            resource_type: self.resource_type,
            credential: self.credential,
        }
    }

    fn of(event: &Event, entry: &Imported) -> Claim {
        let origin = event.header.origin.as_ref();
        Claim {
            moment: Moment { occurred_at: entry.occurred_at, seq: event.seq },
            application: event.header.application,
            number: entry.number,
            resource_type: entry.resource_type,
            action: entry.action,
            status: entry.status,
            source: entry.source,
            credential: origin.map_or(Credential::NONE, |origin| origin.credential),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(12);
        out.extend_from_slice(&self.number.0.to_be_bytes());
        out.extend_from_slice(&self.credential.0.to_be_bytes());
        let codes = [self.resource_type.0, self.action as u8, self.status as u8, self.source as u8];
        out.extend_from_slice(&codes);
        out
    }

    fn decode(application: Application, key: &[u8], bytes: &[u8]) -> Option<Claim> {
        let ([number, credential, codes], []) = bytes.as_chunks::<4>() else { return None };
        let [resource_type, action, status, source] = *codes;
        Some(Claim {
            moment: key::claim_moment(key)?,
            application,
            number: Number(u32::from_be_bytes(*number)),
            resource_type: ResourceType(resource_type),
            action: Action::from_code(action)?,
            status: Status::from_code(status)?,
            source: [Source::Provisioning, Source::DirectoryAudit]
                .into_iter()
                .find(|known| *known as u8 == source)?,
            credential: Credential(u32::from_be_bytes(*credential)),
        })
    }
}

/// One request of an import.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Import {
    /// The event that ended it.
    pub seq: Seq,
    /// The id of the import; the same for all of its requests.
    pub run: u64,
    /// The earliest and the latest time of its entries.
    pub span: Option<(Timestamp, Timestamp)>,
}

pub(crate) fn fold_imported(
    rows: &mut Overlay<'_>,
    event: &Event,
    entry: &Imported,
) -> Result<(), ProjectorError> {
    let claim = Claim::of(event, entry);
    let (application, moment) = (claim.application, claim.moment);
    rows.put(key::entry(application, &entry.entry), event.seq.to_be_bytes().to_vec());
    rows.put(key::claim(application, moment), claim.encode());
    let first = claim_head(rows, application)?.map_or(event.seq, |(first, _)| first);
    let head = [first, event.seq].map(Seq::to_be_bytes).concat();
    rows.put(key::claim_head(application), head);
    if entry.number != Number::NOBODY {
        rows.put(key::claim_about(application, entry.number, moment), claim.encode());
    }
    for (kind, code) in &entry.codes {
        match kind {
            // Most entries have the same job, so an index by job would find nothing faster.
            CodeKind::Job => {}
            CodeKind::ServicePrincipal => note_principal(rows, application, code)?,
            CodeKind::Error | CodeKind::SkipReason | CodeKind::Cycle | CodeKind::Change => {
                rows.put(key::claim_by_code(application, *kind, code, moment), vec![]);
            }
        }
    }
    let (source, day) = (entry.source as u8, day(entry.occurred_at));
    let key = key::claim_day(application, source, day, claim.kind().class());
    let count = rows.get(&key)?.map_or(Ok(0), |count| row::decode_seq("a day", &count))?;
    rows.put(key, (count + 1).to_be_bytes().to_vec());
    Ok(())
}

/// Adds a service principal to those whose entries were imported.
fn note_principal(
    rows: &mut Overlay<'_>,
    application: Application,
    id: &str,
) -> Result<(), ProjectorError> {
    let Some(row) = View::new(rows).application_of(application)? else { return Ok(()) };
    let known = &row.imported_principals;
    if known.len() == ApplicationRow::PRINCIPALS_MAX || known.iter().any(|one| one == id) {
        return Ok(());
    }
    change_application(rows, application, |row| row.imported_principals.push(id.to_owned()))
}

pub(crate) fn fold_import(
    rows: &mut Overlay<'_>,
    event: &Event,
    batch: &ImportBatch,
) -> Result<(), ProjectorError> {
    let value = row::encode("an import", &(batch.run, batch.span))?;
    rows.put(key::import(event.header.application, event.seq), value);
    Ok(())
}

/// The seqs of the first and the last recorded claim of an application.
fn claim_head(
    rows: &dyn ReadRows,
    application: Application,
) -> Result<Option<(Seq, Seq)>, ProjectorError> {
    let Some(value) = rows.get(&key::claim_head(application))? else { return Ok(None) };
    match value.as_chunks::<8>() {
        ([first, last], []) => Ok(Some((Seq::from_be_bytes(*first), Seq::from_be_bytes(*last)))),
        _ => Err(damaged_claim()),
    }
}

/// Days since 1970-01-01, UTC.
fn day(time: Timestamp) -> i32 {
    i32::try_from(time.0.div_euclid(DAY_MICROS)).unwrap_or(i32::MAX)
}

/// The first moment of a day.
fn day_start(day: i32) -> Moment {
    Moment::start_of(Timestamp(i64::from(day).saturating_mul(DAY_MICROS)))
}

/// Selects claims; a field that is `None` selects all.
#[derive(Clone, Copy, Default, Debug)]
pub struct ClaimFilter {
    /// The log they come from.
    pub source: Option<Source>,
    /// What the provider meant to do.
    pub action: Option<Action>,
    /// How they ended.
    pub status: Option<Status>,
    /// The type of resource.
    pub resource_type: Option<ResourceType>,
    /// The credential they were imported with.
    pub credential: Option<Credential>,
}

impl ClaimFilter {
    /// Whether it selects every claim.
    pub fn selects_all(&self) -> bool {
        let ClaimFilter { source, action, status, resource_type, credential } = self;
        source.is_none()
            && action.is_none()
            && status.is_none()
            && resource_type.is_none()
            && credential.is_none()
    }

    /// Whether a claim of a kind is selected.
    pub fn fits(&self, kind: &ClaimKind) -> bool {
        self.source.is_none_or(|wanted| kind.source == wanted)
            && self.action.is_none_or(|wanted| kind.action == wanted)
            && self.status.is_none_or(|wanted| kind.status == wanted)
            && self.resource_type.is_none_or(|wanted| kind.resource_type == wanted)
            && self.credential.is_none_or(|wanted| kind.credential == wanted)
    }
}

impl View<'_> {
    /// Whether anything was imported for an application.
    ///
    /// # Errors
    /// Here and in the following, when the rows cannot be read.
    pub fn has_imports(&self, application: Application) -> Result<bool, ProjectorError> {
        let head = claim_head(self.rows(), application)?;
        Ok(head.is_some_and(|(first, _)| self.knows(first)))
    }

    /// The requests of an application's imports, oldest first.
    pub fn imports(&self, application: Application) -> Result<Vec<Import>, ProjectorError> {
        let what = "an import";
        let range = key::imports(application, 0..self.size());
        self.collect(&range, |key, value| {
            let seq = key::last_seq(key).ok_or_else(|| ProjectorError::row(what))?;
            let (run, span) = row::decode(what, value)?;
            Ok(Import { seq, run, span })
        })
    }

    /// The event that imported the entry with the provider's id `id`.
    pub fn entry(&self, application: Application, id: &str) -> Result<Option<Seq>, ProjectorError> {
        let value = self.rows().get(&key::entry(application, id))?;
        let seq = value.map(|value| row::decode_seq("an entry", &value)).transpose()?;
        Ok(seq.filter(|seq| self.knows(*seq)))
    }

    /// Visits the claims of an application from `from` (included) to `before` (excluded), newest first,
    /// until `visit` breaks off.
    pub fn claims(
        &self,
        application: Application,
        (from, before): (Moment, Moment),
        visit: &mut dyn FnMut(Claim) -> ControlFlow<()>,
    ) -> Result<(), ProjectorError> {
        self.visit_claims(application, &key::claims(application, from, before), visit)
    }

    /// Visits the claims about one resource or person, newest first.
    pub fn claims_about(
        &self,
        application: Application,
        number: Number,
        (from, before): (Moment, Moment),
        visit: &mut dyn FnMut(Claim) -> ControlFlow<()>,
    ) -> Result<(), ProjectorError> {
        let range = key::claims_about(application, number, from, before);
        self.visit_claims(application, &range, visit)
    }

    /// The moments of the claims with a code, newest first, at most `limit`.
    pub fn claims_by_code(
        &self,
        application: Application,
        (kind, code): (CodeKind, &str),
        (from, before): (Moment, Moment),
        limit: usize,
    ) -> Result<Vec<Moment>, ProjectorError> {
        let range = key::claims_by_code(application, kind, code, from, before);
        let mut found = vec![];
        let mut damaged = false;
        self.rows().scan(&range, Direction::Forward, &mut |key, _| {
            let Some(moment) = key::claim_moment(key) else {
                damaged = true;
                return ControlFlow::Break(());
            };
            if self.knows(moment.seq) {
                found.push(moment);
            }
            if found.len() < limit { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        if damaged { Err(damaged_claim()) } else { Ok(found) }
    }

    /// The codes of a kind in the claims of a stretch, by code, each with its claims.
    pub fn claim_codes(
        &self,
        application: Application,
        kind: CodeKind,
        (from, before): (Moment, Moment),
    ) -> Result<Vec<(String, Vec<Moment>)>, ProjectorError> {
        let mut found: Vec<(String, Vec<Moment>)> = vec![];
        let mut damaged = false;
        let range = key::all_claims_by_code(application, kind);
        self.rows().scan(&range, Direction::Forward, &mut |key, _| {
            let (Some(code), Some(moment)) = (key::claim_code(key), key::claim_moment(key)) else {
                damaged = true;
                return ControlFlow::Break(());
            };
            if from <= moment && moment < before && self.knows(moment.seq) {
                match found.last_mut() {
                    Some((last, moments)) if last == code => moments.push(moment),
                    Some(_) | None => found.push((code.to_owned(), vec![moment])),
                }
            }
            ControlFlow::Continue(())
        })?;
        if damaged { Err(damaged_claim()) } else { Ok(found) }
    }

    /// The codes of a kind, by code, each with its oldest claim. Claims between the first and the last of a
    /// code are not read.
    pub fn claim_code_starts(
        &self,
        application: Application,
        kind: CodeKind,
    ) -> Result<Vec<(String, Moment)>, ProjectorError> {
        let mut left = key::all_claims_by_code(application, kind);
        let mut found = vec![];
        while let Some((newest, _)) = self.rows().first(&left, Direction::Forward)? {
            let code = key::claim_code(&newest).ok_or_else(damaged_claim)?;
            let always = (Moment::start_of(Timestamp(i64::MIN)), Moment::END);
            let range = key::claims_by_code(application, kind, code, always.0, always.1);
            let mut oldest = None;
            // Newer claims may have been imported before older ones, so one that is not known yet is passed.
            self.rows().scan(&range, Direction::Backward, &mut |key, _| {
                oldest = key::claim_moment(key).filter(|moment| self.knows(moment.seq));
                if oldest.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })?;
            found.extend(oldest.map(|oldest| (code.to_owned(), oldest)));
            left.from = range.to;
        }
        Ok(found)
    }

    /// The claim at a moment.
    pub fn claim(
        &self,
        application: Application,
        moment: Moment,
    ) -> Result<Option<Claim>, ProjectorError> {
        let key = key::claim(application, moment);
        let Some(value) = self.rows().get(&key)?.filter(|_| self.knows(moment.seq)) else {
            return Ok(None);
        };
        Claim::decode(application, &key, &value).map(Some).ok_or_else(damaged_claim)
    }

    /// The number of claims that `filter` selects, from the first moment (included) to the second
    /// (excluded).
    pub fn claim_count(
        &self,
        application: Application,
        filter: &ClaimFilter,
        stretch: (Moment, Moment),
    ) -> Result<u64, ProjectorError> {
        let mut count = 0;
        self.claim_counts(application, stretch, true, &mut |kind, _, number| {
            count += if filter.fits(&kind) { number } else { 0 };
        })?;
        Ok(count)
    }

    /// Visits the claims from the first moment (included) to the second (excluded): their kind, their
    /// time, and how many they are. With `by_day` the claims of a kind on a whole day are visited together,
    /// at the start of the day, from their stored count. A view that is limited to a time before later
    /// imports cannot use those counts, and visits each claim.
    pub fn claim_counts(
        &self,
        application: Application,
        (from, before): (Moment, Moment),
        by_day: bool,
        visit: &mut dyn FnMut(ClaimKind, Timestamp, u64),
    ) -> Result<(), ProjectorError> {
        let mut each = |from: Moment, before: Moment| {
            self.claims(application, (from, before), &mut |claim| {
                visit(claim.kind(), claim.moment.occurred_at, 1);
                ControlFlow::Continue(())
            })
        };
        let first = match day(from.occurred_at) {
            day if from == day_start(day) => day,
            day => day.saturating_add(1),
        };
        let last = day(before.occurred_at);
        if !by_day || last <= first || !self.knows_all_imports(application)? {
            return each(from, before);
        }
        each(from, day_start(first))?;
        each(day_start(last), before)?;
        for source in [Source::Provisioning, Source::DirectoryAudit] {
            let days = key::claim_days(application, source as u8, first, last);
            let counts = self.collect(&days, |key, value| {
                let (day, class) = key::claim_day_parts(key).ok_or_else(damaged_claim)?;
                let kind = ClaimKind::of_class(source, class).ok_or_else(damaged_claim)?;
                Ok((kind, day_start(day).occurred_at, row::decode_seq("a day", value)?))
            })?;
            for (kind, time, count) in counts {
                visit(kind, time, count);
            }
        }
        Ok(())
    }

    /// The times of the first and the last claim of an application; `None` if it has none.
    pub fn claims_span(
        &self,
        application: Application,
    ) -> Result<Option<(Timestamp, Timestamp)>, ProjectorError> {
        let all = key::claims(application, Moment::start_of(Timestamp(i64::MIN)), Moment::END);
        let first = self.first_claim(&all, Direction::Backward)?;
        let last = self.first_claim(&all, Direction::Forward)?;
        Ok(first.zip(last))
    }

    /// The time of the first claim of a range that the view knows.
    fn first_claim(
        &self,
        range: &KeyRange,
        direction: Direction,
    ) -> Result<Option<Timestamp>, ProjectorError> {
        let mut found = Ok(None);
        self.rows().scan(range, direction, &mut |key, _| match key::claim_moment(key) {
            Some(moment) if !self.knows(moment.seq) => ControlFlow::Continue(()),
            Some(moment) => {
                found = Ok(Some(moment.occurred_at));
                ControlFlow::Break(())
            }
            None => {
                found = Err(damaged_claim());
                ControlFlow::Break(())
            }
        })?;
        found
    }

    fn knows_all_imports(&self, application: Application) -> Result<bool, ProjectorError> {
        // An interrupted import has claims but no closing event, so look at the claims themselves.
        let head = claim_head(self.rows(), application)?;
        Ok(head.is_none_or(|(_, last)| self.knows(last)))
    }

    fn visit_claims(
        &self,
        application: Application,
        range: &KeyRange,
        visit: &mut dyn FnMut(Claim) -> ControlFlow<()>,
    ) -> Result<(), ProjectorError> {
        let mut damaged = false;
        self.rows().scan(range, Direction::Forward, &mut |key, value| match Claim::decode(
            application,
            key,
            value,
        ) {
            Some(claim) if self.knows(claim.moment.seq) => visit(claim),
            Some(_) => ControlFlow::Continue(()),
            None => {
                damaged = true;
                ControlFlow::Break(())
            }
        })?;
        if damaged { Err(damaged_claim()) } else { Ok(()) }
    }
}

fn damaged_claim() -> ProjectorError {
    ProjectorError::row("a claim")
}
