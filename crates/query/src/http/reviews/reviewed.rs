//! The question of a review: which questions can be reviewed, the one form of its address, and its whole
//! answer.

use answers::{AccessMatrix, Described, Kind, Members, Place, Question, encoded, question_at};
use axum::http::Uri;
use event::{Application, ResourceType, Seq, Timestamp};
use percent_encoding::percent_decode_str;
use projector::ApplicationRow;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use crate::answer::Written;
use crate::as_of::scim_id;
use crate::error::Error;
use crate::http::ask::Reading;
use crate::http::{question, resource};
use crate::name::{joined, parted};
use crate::params::Params;
use crate::record::Record;
use crate::standpoint::Standpoint;

/// What can be reviewed.
const PATHS: [&str; 2] = [Members::PATH, AccessMatrix::PATH];
/// Rows of one page, while an answer is made.
const PAGE_ROWS: usize = 1_000;

/// A question about the memberships of an application at an instant.
pub(super) struct Reviewed {
    described: &'static Described,
    /// Its names and parameters but for those of time and pages: groups by their ids, instants resolved.
    pairs: Vec<(&'static str, String)>,
    pub(super) application: Application,
    /// The instant that it is about.
    pub(super) at: Timestamp,
    /// Whether the address names that instant.
    pub(super) names_at: bool,
    /// The earlier instant that it compares with, if any.
    compare: Option<Timestamp>,
    /// How many events its answer may use.
    pub(super) size: Seq,
}

impl Reviewed {
    /// Reads an address; `None` if it is of no question that can be reviewed. `find` gives the application
    /// of a name.
    pub(super) fn read(
        record: &Record<'_>,
        address: &str,
        find: impl Fn(&str) -> Result<ApplicationRow, Error>,
    ) -> Result<Option<Reviewed>, Error> {
        let path = address.split('?').next().unwrap_or_default();
        let described = question_at(path).filter(|one| PATHS.contains(&one.path));
        let Some(described) = described else { return Ok(None) };
        let Ok(uri) = address.parse::<Uri>() else { return Ok(None) };
        let params = Params::read(&uri, &described.known)?;
        let names = names_in(described, path)?;
        let in_path: Vec<_> = names.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let stand = Standpoint::of_one(record, &params, &in_path)?;
        let slug = in_path.iter().find(|(name, _)| *name == "app").map_or("", |(_, slug)| slug);
        let application = find(slug)?.number;

        let id_of = |name: &str| -> Result<String, Error> {
            let (view, kind) = (&record.view, ResourceType::GROUP);
            let number = resource::named(view, application, kind, name, stand.at_seq)?.number;
            Ok(scim_id(view, application, number)?.map_or_else(|| name.to_owned(), plain_id))
        };
        let mut pairs = vec![];
        for parameter in &described.parameters {
            let name = parameter.name;
            let given = match parameter.place {
                Place::Path => in_path.iter().find(|(one, _)| *one == name).map(|(_, text)| *text),
                Place::Query => params.get(name),
                Place::Time | Place::Page => None,
            };
            let Some(text) = given else { continue };
            let text = match parameter.kind {
                Kind::Group => id_of(text)?,
                Kind::Groups => {
                    let wrong = Error::Parameter { name, accepts: &parameter.accepts };
                    let ids = parted(text).ok_or(wrong)?;
                    joined(&ids.iter().map(|name| id_of(name)).collect::<Result<Vec<_>, _>>()?)
                }
                Kind::Instant(_) => {
                    let resolved = stand.question.get(name).and_then(Value::as_str);
                    resolved.unwrap_or(text).to_owned()
                }
                Kind::Flag if text == "false" => continue,
                _ => text.to_owned(),
            };
            pairs.push((name, text));
        }
        Ok(Some(Reviewed {
            described,
            pairs,
            application,
            at: stand.time,
            compare: stand.compare.map(|(compare, _)| compare),
            names_at: params.get("at").is_some(),
            size: stand.size,
        }))
    }

    /// The same question about no later instant than this, after which nothing was recorded.
    pub(super) fn not_after(mut self, last: Timestamp) -> Reviewed {
        self.at = self.at.min(last);
        if self.compare.is_some_and(|compare| compare > self.at) {
            let earlier = self.pairs.iter_mut().find(|(name, _)| *name == "compare");
            earlier.into_iter().for_each(|(_, text)| *text = self.at.to_string());
        }
        self
    }

    /// Its address without the instant: the same for all spellings of the question.
    pub(super) fn subject(&self) -> String {
        let (mut path, mut query) = (self.described.path.to_owned(), String::new());
        for (name, text) in &self.pairs {
            let place = format!("{{{name}}}");
            if path.contains(&place) {
                path = path.replace(&place, &encoded(text));
            } else {
                query.push(if query.is_empty() { '?' } else { '&' });
                query.push_str(&format!("{name}={}", encoded(text)));
            }
        }
        path + &query
    }

    /// The members of a row of its answer.
    pub(super) fn members(&self) -> Vec<String> {
        self.described.members.iter().map(|name| (*name).to_owned()).collect()
    }

    /// Makes its whole answer, as it was with the first `size` events at the instant `at`, and gives each
    /// row with its answer to `each`. The digest covers only the `members` of each row, because a later
    /// version may add some.
    pub(super) fn answer(
        &self,
        reading: &Reading<'_>,
        (size, at): (Seq, Timestamp),
        members: &[String],
        each: EachRow<'_>,
    ) -> Result<Rows, Error> {
        let last = size.checked_sub(1).ok_or(Error::Defect)?;
        let record = reading.record.as_of_then(size, reading.record.recorded_at(last)?);
        let caller = reading.caller.clone();
        let reading = &Reading { query: reading.query, record, caller, uri: reading.uri };
        let (mut hash, mut count, mut cursor) = (Sha256::new(), 0, None);
        loop {
            let Value::Object(mut answer) = self.page(reading, at, cursor)? else {
                return Err(Error::Defect);
            };
            let Some(Value::Array(rows)) = answer.remove("rows") else { return Err(Error::Defect) };
            for row in rows {
                let Value::Object(mut row) = row else { return Err(Error::Defect) };
                each(&answer, &row);
                row.retain(|name, _| members.iter().any(|member| member == name));
                hash.update(canonical::text(&row.into()));
                hash.update(b"\n");
                count += 1;
            }
            cursor = answer.get("next").and_then(Value::as_str).map(str::to_owned);
            if cursor.is_none() {
                return Ok(Rows { count, sha256: hash.finalize().into() });
            }
        }
    }

    /// One page of its answer.
    fn page(
        &self,
        reading: &Reading<'_>,
        at: Timestamp,
        cursor: Option<String>,
    ) -> Result<Value, Error> {
        let described = self.described;
        let pairs = self.pairs.iter().map(|(name, text)| ((*name).to_owned(), text.clone()));
        let is_in_path = |(name, _): &(String, String)| {
            described.parameter(name).is_some_and(|one| one.place == Place::Path)
        };
        let (names, mut own): (Vec<_>, Vec<_>) = pairs.partition(is_in_path);
        own.push(("at".to_owned(), at.to_string()));
        own.push(("limit".to_owned(), PAGE_ROWS.to_string()));
        own.extend(cursor.map(|cursor| ("cursor".to_owned(), cursor)));
        let params = Params::of(own, &described.known)?;
        let answer = match described.path {
            Members::PATH => {
                Written::of(question::answer::<Members>(reading, described, names, params)?)
            }
            AccessMatrix::PATH => {
                Written::of(question::answer::<AccessMatrix>(reading, described, names, params)?)
            }
            _ => Err(Error::Defect),
        };
        Ok(answer?.into_body())
    }
}

/// Takes each row of an answer, after the rest of the answer.
type EachRow<'a> = &'a mut dyn FnMut(&Map<String, Value>, &Map<String, Value>);

/// The rows of a whole answer.
pub(super) struct Rows {
    pub(super) count: u64,
    /// SHA-256 of the rows, each as canonical JSON and a line feed.
    pub(super) sha256: [u8; 32],
}

/// The address of a question at an instant, with what was known at an event.
pub(super) fn pinned(subject: &str, at: Timestamp, known_at: Option<Seq>) -> String {
    let joint = if subject.contains('?') { '&' } else { '?' };
    let known = known_at.map(|seq| format!("&knownAt={seq}")).unwrap_or_default();
    format!("{subject}{joint}at={at}{known}")
}

/// The address of the question that an answer repeats in `query`.
pub(super) fn repeated(described: &Described, query: &Map<String, Value>) -> String {
    let (mut path, mut pairs) = (described.path.to_owned(), vec![]);
    for parameter in described.parameters.iter().filter(|one| one.place != Place::Page) {
        let Some(Value::String(text)) = query.get(parameter.name) else { continue };
        match parameter.place {
            Place::Path => path = path.replace(&format!("{{{}}}", parameter.name), &encoded(text)),
            _ => pairs.push(format!("{}={}", parameter.name, encoded(text))),
        }
    }
    format!("{path}?{}", pairs.join("&"))
}

/// The names in a path.
fn names_in(
    described: &'static Described,
    path: &str,
) -> Result<Vec<(&'static str, String)>, Error> {
    let mut names = vec![];
    for (template, segment) in described.path.split('/').zip(path.split('/')) {
        let name = template.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        let Some(parameter) = name.and_then(|name| described.parameter(name)) else { continue };
        let text = percent_decode_str(segment).decode_utf8();
        let text = text.map_err(|_| Error::NotFound("there is nothing at this address"))?;
        names.push((parameter.name, text.into_owned()));
    }
    Ok(names)
}

/// An id as a name. One that reads as another name, or as a step in a path, gets the prefix of ids.
fn plain_id(id: String) -> String {
    if id.contains(':') || id == "." || id == ".." { format!("id:{id}") } else { id }
}
