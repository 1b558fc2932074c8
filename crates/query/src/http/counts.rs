//! Operations over time, and by the values of filters.

use std::collections::BTreeMap;

use answers::choice::Source;
use answers::row::{FacetValue, HistogramSeen, OperationBucket};
use answers::{OperationFacets, OperationHistogram};
use event::{Application, CodeKind, Credential, Number, Seq, Timestamp};

use super::operations::{filter, wanted};
use super::question::{Answered, Asked, Found};
use crate::coverage::Coverage;
use crate::error::Error;
use crate::identity::name_of;
use crate::log::{Buckets, Field, Filter, Kind, Log, Wanted};
use crate::record::Record;
use crate::standpoint::Standpoint;
use crate::type_names::TypeNames;

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK: i64 = 7 * DAY;
/// The lengths of buckets in seconds; after the last come its doubles.
const LENGTHS: [i64; 8] = [MINUTE, 5 * MINUTE, 15 * MINUTE, HOUR, 6 * HOUR, DAY, WEEK, 30 * DAY];
const BUCKETS: u16 = 100;
/// Weeks begin on Mondays: 1970-01-05 was one.
const MONDAY: i64 = 4 * DAY;
const MICROS: i64 = 1_000_000;

impl Answered for OperationHistogram {
    /// Oldest first, without holes. The length of the buckets depends on the time that is asked about,
    /// and not on the other filters.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<OperationHistogram>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let record = &reading.record.limited_to(stand.size);
        let filters = self.filters();
        let application = asked.narrowed_to(filters.app.as_ref())?.or(reading.caller.scope());
        let filter = filter(asked, &record.view, &filters, application)?;
        let applications = reading.applications(application)?;
        let log = Log::new(record.view, record.store);
        let most = usize::from(self.buckets.unwrap_or(BUCKETS));
        let (seconds, times) = match span(&log, &stand, &seen(reading, application)?)? {
            Some(span) => edges(span, most),
            None => (LENGTHS[0], vec![]),
        };
        let mut counts = vec![];
        if times.len() > 1 {
            let buckets = Buckets {
                seqs: seqs(record, &stand, &times)?,
                are_days: seconds % DAY == 0,
                times: times.clone(),
            };
            counts = log.histogram(&wanted(filter, filters.source), &buckets)?;
        }
        let moment = |time: Timestamp| answers::Moment::from(time.to_string());
        let rows = times.windows(2).zip(&counts).map(|(edges, counts)| OperationBucket {
            start: moment(edges[0]),
            end: moment(edges[1]),
            success: counts.success,
            warning: counts.warning,
            failure: counts.failure,
            skipped: counts.skipped,
        });
        let rows: Vec<OperationBucket> = rows.collect();
        let beside = HistogramSeen {
            bucket_seconds: seconds.unsigned_abs(),
            operations: counts.iter().map(|one| one.total()).sum(),
        };
        let coverage = Coverage::between(record, &stand, &applications)?;
        let found = Found::new(record, &stand, &coverage).beside(beside);
        let found = found.about(reading.asked_application(application), Number::NOBODY);
        let (page, next) = stand.part_of(&rows);
        Ok(found.rows(page.iter().cloned(), rows.len() as u64, next))
    }
}

/// The applications whose operations are listed. Requests that name no application belong to the recorder;
/// only a caller who may see all applications sees them.
fn seen(
    reading: &super::ask::Reading<'_>,
    application: Option<Application>,
) -> Result<Vec<Application>, Error> {
    let mut all = reading.applications(application)?;
    if application.is_none() {
        all.push(Application::RECORDER);
    }
    Ok(all)
}

/// The time that is counted, its end excluded: what was asked about, or as far as there are operations.
fn span(
    log: &Log<'_>,
    stand: &Standpoint,
    applications: &[Application],
) -> Result<Option<(Timestamp, Timestamp)>, Error> {
    let known = match (stand.from, stand.to) {
        (Some(_), Some(_)) => None,
        _ => log.span(applications)?,
    };
    let from = stand.from.or(known.map(|(first, _)| first));
    // An imported entry may have a time that is still to come.
    let last = known.map_or(stand.now, |(_, last)| last.max(stand.now));
    let to = stand.to.unwrap_or(Timestamp(last.0.saturating_add(1)));
    Ok(from.map(|from| (from, to)).filter(|(from, to)| from < to))
}

/// The length of the buckets in seconds, and the edges of at most `most` of them. The first and the last
/// edge are those of the time that is counted, all others are multiples of the length.
fn edges((from, to): (Timestamp, Timestamp), most: usize) -> (i64, Vec<Timestamp>) {
    let number = |time: Timestamp, seconds: i64| {
        let offset = if seconds == WEEK { MONDAY * MICROS } else { 0 };
        time.0.saturating_sub(offset).div_euclid(seconds * MICROS)
    };
    let count = |seconds: i64| {
        let (first, last) = (number(from, seconds), number(Timestamp(to.0 - 1), seconds));
        usize::try_from(last - first + 1).unwrap_or(usize::MAX)
    };
    let doubled = |length: &i64| length.checked_mul(2).filter(|length| *length < i64::MAX / MICROS);
    let longer = std::iter::successors(LENGTHS.last().copied(), doubled).skip(1);
    let mut lengths = LENGTHS.into_iter().chain(longer);
    let fitting = lengths.find(|seconds| count(*seconds) <= most);
    // Two always fit, before and after 1970, except for times that nobody can write.
    let seconds = fitting.unwrap_or(i64::MAX / MICROS / 2);
    let offset = if seconds == WEEK { MONDAY * MICROS } else { 0 };
    let first = number(from, seconds) + 1;
    let inner = (first..first.saturating_add(count(seconds) as i64 - 1))
        .map(|number| Timestamp((number * seconds * MICROS).saturating_add(offset)));
    let edges = std::iter::once(from).chain(inner).chain(std::iter::once(to));
    (seconds, edges.collect())
}

/// For each edge the first event that is not before it.
fn seqs(record: &Record<'_>, stand: &Standpoint, times: &[Timestamp]) -> Result<Vec<Seq>, Error> {
    let before = |time: &Timestamp| -> Result<Seq, Error> {
        let last = record.seq_at(stand.size, Timestamp(time.0.saturating_sub(1)))?;
        Ok(last.map_or(0, |last| last + 1))
    };
    times.iter().map(before).collect()
}

impl Answered for OperationFacets {
    /// By facet, then the most frequent first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<OperationFacets>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let record = &reading.record.limited_to(stand.size);
        let filters = self.filters();
        let scope = reading.caller.scope();
        let application = asked.narrowed_to(filters.app.as_ref())?.or(scope);
        let applications = reading.applications(application)?;
        let log = Log::new(record.view, record.store);
        // The counts by application also cover those that the filter leaves out.
        let base = filter(asked, &record.view, &filters, scope)?;
        let chosen =
            Chosen { filter: Filter { application, ..base.clone() }, source: filters.source };
        let mut values = Values::read(asked, record)?;
        chosen.count(&log, base, &stand, &mut values)?;
        let rows = values.rows();
        let coverage = Coverage::between(record, &stand, &applications)?;
        let found = Found::new(record, &stand, &coverage);
        let found = found.about(reading.asked_application(application), Number::NOBODY);
        let (page, next) = stand.part_of(&rows);
        Ok(found.rows(page.iter().cloned(), rows.len() as u64, next))
    }
}

/// The filters of a question about facets.
struct Chosen {
    filter: Filter,
    source: Option<Source>,
}

impl Chosen {
    /// The filters that reject operations of a kind.
    fn rejecting(&self, kind: &Kind) -> Vec<Field> {
        let mut rejecting = self.filter.rejects(kind);
        let is_source = match self.source {
            None => true,
            Some(Source::Recorded) => kind.log.is_none(),
            Some(Source::Imported) => kind.log.is_some(),
        };
        if !is_source {
            rejecting.push(Field::Source);
        }
        rejecting
    }

    /// Counts the operations under the values of each facet. `base` has the filters without the application.
    fn count(
        &self,
        log: &Log<'_>,
        base: Filter,
        stand: &Standpoint,
        values: &mut Values,
    ) -> Result<(), Error> {
        let indexed = Filter {
            application: base.application,
            resources: base.resources.clone(),
            request_id: base.request_id.clone(),
            code: base.code.clone(),
            ..Filter::default()
        };
        let needed = |kind: &Kind| self.rejecting(kind).len() <= 1;
        let stretch = stand.stretch();
        log.kinds(&Wanted::both(indexed), &stretch, &needed, &mut |kind, count| match self
            .rejecting(&kind)[..]
        {
            [] => FIELDS.iter().for_each(|field| values.add(*field, &kind, count)),
            [field] => values.add(field, &kind, count),
            _ => {}
        })?;
        // The filter on the error code does not limit this facet.
        let code = base.code.filter(|(kind, _)| *kind != CodeKind::Error);
        let filter = Filter { code, ..self.filter.clone() };
        if self.source != Some(Source::Recorded)
            && let Some(filter) = Wanted::both(filter).imported
        {
            values.error_codes = log.error_codes(&filter, stretch.moments)?;
        }
        Ok(())
    }
}

/// The facets that are counted by kind, in the order of the answer.
const FIELDS: [Field; 9] = [
    Field::Status,
    Field::Action,
    Field::Application,
    Field::Credential,
    Field::ResourceType,
    Field::Effect,
    Field::HttpStatus,
    Field::Source,
    Field::Log,
];

/// The counts of each value of each facet.
struct Values {
    counts: BTreeMap<(Field, String), u64>,
    error_codes: BTreeMap<String, u64>,
    slugs: BTreeMap<Application, String>,
    types: TypeNames,
    /// The names of the tokens that the caller may see.
    tokens: BTreeMap<String, String>,
}

impl Values {
    fn read(asked: &Asked<'_>, record: &Record<'_>) -> Result<Values, Error> {
        let caller = &asked.reading.caller;
        let mut tokens = BTreeMap::new();
        for one in record.view.credentials()? {
            if caller.may_see(one.application)
                && let Some(name) = name_of(record, &one)?
            {
                tokens.insert(one.number.to_string(), name);
            }
        }
        Ok(Values {
            counts: BTreeMap::new(),
            error_codes: BTreeMap::new(),
            slugs: asked.reading.slugs()?,
            types: TypeNames::read(&record.view)?,
            tokens,
        })
    }

    /// Counts operations of a kind under their value, if they have one.
    fn add(&mut self, field: Field, kind: &Kind, count: u64) {
        if let Some(value) = self.value(field, kind) {
            *self.counts.entry((field, value)).or_default() += count;
        }
    }

    /// The value as its filter takes it.
    fn value(&self, field: Field, kind: &Kind) -> Option<String> {
        Some(match field {
            Field::Status => kind.status.name().to_owned(),
            Field::Action => kind.action.name().to_owned(),
            Field::Application => self.slugs.get(&kind.application)?.clone(),
            Field::Credential if kind.credential == Credential::NONE => "none".to_owned(),
            Field::Credential => kind.credential.to_string(),
            Field::ResourceType => self.types.name(kind.resource_type)?.to_owned(),
            Field::Effect => kind.effect?.name().to_owned(),
            Field::HttpStatus => kind.http_status?.to_string(),
            Field::Source if kind.log.is_some() => "imported".to_owned(),
            Field::Source => "recorded".to_owned(),
            Field::Log => kind.log?.name().to_owned(),
        })
    }

    fn rows(self) -> Vec<FacetValue> {
        let tokens = self.tokens;
        let facet = |name: &str, values: Vec<(String, u64)>| -> Vec<FacetValue> {
            let mut values = values;
            values.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let row = |(value, count): (String, u64)| FacetValue {
                facet: name.to_owned(),
                label: tokens.get(&value).filter(|_| name == "credential").cloned(),
                value,
                count,
            };
            values.into_iter().map(row).collect()
        };
        let mut by_field = BTreeMap::<Field, Vec<(String, u64)>>::new();
        for ((field, value), count) in self.counts {
            by_field.entry(field).or_default().push((value, count));
        }
        let mut rows = vec![];
        for field in FIELDS {
            rows.extend(facet(name(field), by_field.remove(&field).unwrap_or_default()));
        }
        rows.extend(facet("errorCode", self.error_codes.into_iter().collect()));
        rows
    }
}

/// The name of the filter.
fn name(field: Field) -> &'static str {
    match field {
        Field::Status => "status",
        Field::Action => "action",
        Field::Application => "app",
        Field::Credential => "credential",
        Field::ResourceType => "resourceType",
        Field::Effect => "effect",
        Field::HttpStatus => "httpStatus",
        Field::Source => "source",
        Field::Log => "log",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instant::{Role, Zone, parse};

    fn check(from: &str, to: &str, most: usize, seconds: i64, expected: &[&str]) {
        let time = |text: &str| parse(text, Role::At, Timestamp(0), Zone::UTC).unwrap();
        let (found, edges) = edges((time(from), time(to)), most);
        let edges: Vec<String> = edges.iter().map(ToString::to_string).collect();
        let expected: Vec<String> = expected.iter().map(|text| time(text).to_string()).collect();
        assert_eq!((found, edges), (seconds, expected), "{from} to {to} in {most}");
    }

    #[test]
    fn buckets_are_as_short_as_fits_and_begin_at_multiples_of_their_length() {
        let [two, three] = ["2026-03-02T12:00:30Z", "2026-03-02T12:02:00Z"];
        check(two, three, 2, MINUTE, &[two, "2026-03-02T12:01:00Z", three]);
        let [two, three] = ["2026-03-02T12:00:30Z", "2026-03-02T12:03:00Z"];
        check(two, three, 2, 5 * MINUTE, &[two, three]);
        // From a Saturday to a Tuesday: a week begins on the Monday between them.
        let [saturday, tuesday] = ["2026-02-28T06:00:00Z", "2026-03-03T01:00:00Z"];
        check(saturday, tuesday, 2, WEEK, &[saturday, "2026-03-02T00:00:00Z", tuesday]);
        check(
            saturday,
            tuesday,
            4,
            DAY,
            &[
                saturday,
                "2026-03-01T00:00:00Z",
                "2026-03-02T00:00:00Z",
                "2026-03-03T00:00:00Z",
                tuesday,
            ],
        );
        // The end is excluded, so what ends at a multiple needs no further bucket.
        let [start, end] = ["2026-03-02T00:00:00Z", "2026-03-02T02:00:00Z"];
        check(start, end, 2, HOUR, &[start, "2026-03-02T01:00:00Z", end]);
    }

    #[test]
    fn any_time_fits_into_few_buckets() {
        // The first and the last year that can be written.
        let (first, last) = (-62_135_596_800 * MICROS, 253_402_300_800 * MICROS);
        for (from, to) in [(first, last), (-1, 1), (0, last), (7, 8)] {
            for most in [2, 100, 1_000] {
                let (seconds, edges) = edges((Timestamp(from), Timestamp(to)), most);
                assert!(edges.len() - 1 <= most, "{from} to {to}: {} of {seconds}", edges.len());
                assert!(edges.is_sorted_by(|one, other| one < other), "{from} to {to}: {edges:?}");
                assert_eq!(edges[0], Timestamp(from));
                assert_eq!(edges[edges.len() - 1], Timestamp(to));
            }
        }
    }
}
