//! Claims: entries imported from a provider's log. Rows index them by time, by the resource or person
//! they are about and by code, and count them by day. A claim never changes recorded state.

use std::ops::ControlFlow;

use event::{
    Action, Application, CodeKind, Credential, Event, ImportBatch, Imported, Number, ResourceType,
    Seq, Source, Status, Timestamp,
};
use store::key::{self, KeyRange, Moment};
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

impl Claim {
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
    let class = (entry.action as u8, entry.status as u8);
    let key = key::claim_day(application, entry.source as u8, day(entry.occurred_at), class);
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

/// Selects claims; a field that is `None` selects all.
#[derive(Clone, Copy, Default, Debug)]
pub struct ClaimFilter {
    /// The log they come from.
    pub source: Option<Source>,
    /// What the provider meant to do.
    pub action: Option<Action>,
    /// How they ended.
    pub status: Option<Status>,
    /// The credential they were imported with.
    pub credential: Option<Credential>,
}

impl ClaimFilter {
    /// Whether a claim is selected.
    pub fn fits(&self, claim: &Claim) -> bool {
        self.source.is_none_or(|wanted| claim.source == wanted)
            && self.action.is_none_or(|wanted| claim.action == wanted)
            && self.status.is_none_or(|wanted| claim.status == wanted)
            && self.credential.is_none_or(|wanted| claim.credential == wanted)
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
    /// (excluded). Uses the counts by day where it can: not when the view is limited and later imports
    /// are in those counts, nor when a credential is asked for.
    pub fn claim_count(
        &self,
        application: Application,
        filter: &ClaimFilter,
        (from, before): (Moment, Moment),
    ) -> Result<u64, ProjectorError> {
        let (first, last) = (day(from.occurred_at), day(before.occurred_at));
        if filter.credential.is_some() || last <= first || !self.knows_all_imports(application)? {
            return self.claims_between(application, filter, (from, before));
        }
        let start = |day: i32| Moment::start_of(Timestamp(i64::from(day) * DAY_MICROS));
        let mut count = self.claims_between(application, filter, (from, start(first + 1)))?;
        if last < i32::MAX {
            count += self.claims_between(application, filter, (start(last), before))?;
        }
        for source in [Source::Provisioning, Source::DirectoryAudit] {
            if filter.source.is_some_and(|wanted| wanted != source) {
                continue;
            }
            let days = key::claim_days(application, source as u8, first + 1, last);
            let counts = self.collect(&days, |key, value| {
                let class = key::claim_day_class(key).ok_or_else(damaged_claim)?;
                Ok((class, row::decode_seq("a day", value)?))
            })?;
            let fits = |(action, status): (u8, u8)| {
                filter.action.is_none_or(|wanted| wanted as u8 == action)
                    && filter.status.is_none_or(|wanted| wanted as u8 == status)
            };
            count +=
                counts.into_iter().filter(|(class, _)| fits(*class)).map(|(_, n)| n).sum::<u64>();
        }
        Ok(count)
    }

    fn claims_between(
        &self,
        application: Application,
        filter: &ClaimFilter,
        stretch: (Moment, Moment),
    ) -> Result<u64, ProjectorError> {
        let mut count = 0;
        self.claims(application, stretch, &mut |claim| {
            count += u64::from(filter.fits(&claim));
            ControlFlow::Continue(())
        })?;
        Ok(count)
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
