//! `/v1.0/auditLogs/provisioning` and `/beta/auditLogs/provisioning`: the log in the shape of Microsoft
//! Graph, with Graph's query options and errors.
//!
//! Graph takes addresses in any case, with a trailing slash, and with a key in parentheses. So this file
//! handles everything below `/v1.0` and `/beta`, and refuses unknown addresses in Graph's form.

use answers::encoded;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query as Pairs};
use axum::http::header::{ALLOW, CONTENT_TYPE};
use axum::http::{HeaderValue, Method, Uri};
use axum::response::{IntoResponse, Response};
use event::{Application, Number};
use serde::Serialize;
use serde_json::{Map, Value};
use store::key::Moment;

use super::ask::{Ask, Reading};
use crate::answer::Told;
use crate::cursor::{self, Cursor};
use crate::error::Error;
use crate::graph::entry::{Entries, Entry};
use crate::graph::filter::Filter;
use crate::graph::page::Asked;
use crate::operation::Operations;
use crate::params::page_rows;

const TOP_DEFAULT: usize = 100;
/// The address of the log below the version, by segments, in lower case.
const LOG: [&str; 2] = ["auditlogs", "provisioning"];

/// A version of Graph's interface.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Version {
    V1,
    Beta,
}

impl Version {
    fn name(self) -> &'static str {
        match self {
            Version::V1 => "v1.0",
            Version::Beta => "beta",
        }
    }

    /// The log's address: the route under which questions are recorded.
    fn path(self) -> &'static str {
        match self {
            Version::V1 => "/v1.0/auditLogs/provisioning",
            Version::Beta => "/beta/auditLogs/provisioning",
        }
    }

    /// The same address with the version in lower case, if it was written otherwise.
    pub(super) fn respelled(uri: &Uri) -> Option<Uri> {
        let (first, rest) = match uri.path().strip_prefix('/')?.split_once('/') {
            Some((first, _)) => (first, &uri.path()[first.len() + 1..]),
            None => (uri.path().strip_prefix('/')?, ""),
        };
        let all = [Version::V1, Version::Beta];
        let version = all.into_iter().find(|one| one.name().eq_ignore_ascii_case(first))?;
        let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
        let mut parts = uri.clone().into_parts();
        parts.path_and_query = format!("/{}{rest}{query}", version.name()).parse().ok();
        Uri::from_parts(parts).ok()
    }

    /// The members of an entry.
    fn members(self) -> impl Iterator<Item = &'static str> {
        let own: &[&str] = match self {
            Version::V1 => &[],
            Version::Beta => &BETA_MEMBERS,
        };
        MEMBERS.iter().chain(own).copied()
    }
}

/// What the address below a version means.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Named {
    List,
    Count,
    One(String),
    Nothing,
}

impl Named {
    /// Reads `path`, the unescaped rest after the version.
    fn of(path: &str) -> Named {
        let segments: Vec<&str> = path.trim_end_matches('/').split('/').collect();
        let is = |place: usize, word: &str| {
            segments.get(place).is_some_and(|text| text.eq_ignore_ascii_case(word))
        };
        if !is(0, LOG[0]) {
            return Named::Nothing;
        }
        // OData's own ways to write a key: `provisioning('…')` and `provisioning(id='…')`.
        let keyed = segments.get(1).and_then(|segment| {
            let (log, rest) = segment.split_at_checked(LOG[1].len())?;
            let rest = rest.strip_prefix('(')?;
            let key = rest.strip_prefix("id=").unwrap_or(rest);
            let key = key.strip_prefix('\'')?.strip_suffix("')")?;
            (log.eq_ignore_ascii_case(LOG[1]) && !key.is_empty()).then(|| key.replace("''", "'"))
        });
        match (segments.len(), keyed) {
            (2, Some(key)) => Named::One(key),
            (2, None) if is(1, LOG[1]) => Named::List,
            (3, None) if is(1, LOG[1]) && is(2, "$count") => Named::Count,
            (3, None) if is(1, LOG[1]) && !segments[2].starts_with('$') => {
                Named::One(segments[2].to_owned())
            }
            _ => Named::Nothing,
        }
    }
}

/// Handles every request to a version of Graph.
pub(super) async fn any(
    version: Version,
    method: Method,
    below: Result<Path<String>, PathRejection>,
    mut ask: Ask,
) -> Result<Response, Error> {
    // An address that cannot be unescaped is not found.
    let named = below.map_or(Named::Nothing, |Path(below)| Named::of(&below));
    if named == Named::Nothing {
        return Err(Error::NotFound(
            "of Microsoft Graph there is auditLogs/provisioning here, with /$count and /{id} below it",
        ));
    }
    if method != Method::GET && method != Method::HEAD {
        return Ok(([(ALLOW, "GET, HEAD")], Error::Method).into_response());
    }
    ask.route = match named {
        Named::One(_) => format!("{}/{{id}}", version.path()),
        Named::Count => format!("{}/$count", version.path()),
        Named::List | Named::Nothing => version.path().to_owned(),
    };
    match named {
        Named::One(id) => one(version, ask, id).await.map(IntoResponse::into_response),
        Named::Count => count(version, ask).await.map(IntoResponse::into_response),
        Named::List | Named::Nothing => list(version, ask).await.map(IntoResponse::into_response),
    }
}

/// The members of a `provisioningObjectSummary`.
const MEMBERS: [&str; 17] = [
    "id",
    "activityDateTime",
    "tenantId",
    "jobId",
    "cycleId",
    "changeId",
    "provisioningAction",
    "durationInMilliseconds",
    "provisioningStatusInfo",
    "provisioningSteps",
    "modifiedProperties",
    "servicePrincipal",
    "sourceSystem",
    "targetSystem",
    "initiatedBy",
    "sourceIdentity",
    "targetIdentity",
];

/// Members of a beta entry under their names before v1.0.
const BETA_MEMBERS: [&str; 2] = ["action", "statusInfo"];

/// Adds the members of the beta to those of v1.0.
fn add_beta(members: &mut Map<String, Value>) {
    let upper_first = |word: &str| {
        let mut chars = word.chars();
        chars.next().map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
    };
    let action = members.get("provisioningAction").and_then(Value::as_str).and_then(upper_first);
    let said = members.get("provisioningStatusInfo");
    let status = said.and_then(|said| said.get("status")).cloned().unwrap_or_default();
    let error = said.and_then(|said| said.get("errorInformation")).and_then(Value::as_object);
    let mut info = Map::new();
    info.insert("status".into(), status);
    if let Some(error) = error {
        info.insert("@odata.type".into(), "#microsoft.graph.statusDetails".into());
        for (name, value) in error {
            let value = match (name.as_str(), value.as_str()) {
                ("errorCategory", Some(word)) => upper_first(word).into(),
                _ => value.clone(),
            };
            info.insert(name.clone(), value);
        }
    } else {
        info.insert("@odata.type".into(), "#microsoft.graph.statusBase".into());
    }
    members.insert("action".into(), action.into());
    members.insert("statusInfo".into(), info.into());
}

/// An answer in Graph's shape, serialized.
pub(super) struct GraphAnswer {
    body: Vec<u8>,
    media_type: &'static str,
    rows: u64,
    about: Option<(Application, Number)>,
}

impl Told for GraphAnswer {
    fn row_count(&self) -> u64 {
        self.rows
    }

    fn about(&self) -> Option<(Application, Number)> {
        self.about
    }
}

impl IntoResponse for GraphAnswer {
    fn into_response(self) -> Response {
        let media_type = HeaderValue::from_static(self.media_type);
        ([(CONTENT_TYPE, media_type)], self.body).into_response()
    }
}

/// A page as it is written.
#[derive(Serialize)]
struct Body {
    #[serde(rename = "@odata.context")]
    context: String,
    #[serde(rename = "@odata.count", skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(rename = "@odata.nextLink", skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    value: Vec<Selected>,
}

/// An entry, or some members of it.
#[derive(Serialize)]
#[serde(untagged)]
enum Selected {
    Whole(Entry),
    Members(Map<String, Value>),
}

impl Selected {
    fn of(version: Version, entry: Entry, wanted: Option<&[&str]>) -> Result<Selected, Error> {
        if version == Version::V1 && wanted.is_none() {
            return Ok(Selected::Whole(entry));
        }
        Ok(Selected::Members(members_of(version, &entry, wanted)?))
    }
}

/// The members of an entry, or some of them.
fn members_of(
    version: Version,
    entry: &Entry,
    wanted: Option<&[&str]>,
) -> Result<Map<String, Value>, Error> {
    let mut members = entry.members()?;
    if version == Version::Beta {
        add_beta(&mut members);
    }
    if let Some(wanted) = wanted {
        members.retain(|name, _| wanted.contains(&name.as_str()));
    }
    Ok(members)
}

/// The query options, parsed.
#[derive(Default)]
struct Options {
    filter: Option<String>,
    order: Option<String>,
    top: Option<String>,
    skip_token: Option<String>,
    count: Option<String>,
    select: Option<String>,
}

impl Options {
    fn read(reading: &Reading<'_>) -> Result<Options, Error> {
        let pairs = Pairs::<Vec<(String, String)>>::try_from_uri(reading.uri);
        let mut options = Options::default();
        for (name, value) in pairs.map_err(|_| Error::Defect)?.0 {
            // The `$` before a name may be left out (OData 4.01, URL conventions §5).
            let name = name.to_ascii_lowercase();
            let place = match name.strip_prefix('$').unwrap_or(&name) {
                "filter" => &mut options.filter,
                "orderby" => &mut options.order,
                "top" => &mut options.top,
                "skiptoken" => &mut options.skip_token,
                "count" => &mut options.count,
                "select" => &mut options.select,
                _ => return Err(Error::Option(UNKNOWN)),
            };
            if place.replace(value).is_some() {
                return Err(Error::Option("a query option is given more than once"));
            }
        }
        Ok(options)
    }

    fn top(&self) -> Result<usize, Error> {
        let Some(text) = &self.top else { return Ok(TOP_DEFAULT) };
        page_rows(text).ok_or(Error::Option("$top takes a number from 1 to 1000"))
    }

    fn is_ascending(&self) -> Result<bool, Error> {
        let Some(text) = &self.order else { return Ok(false) };
        let words: Vec<String> =
            text.split_ascii_whitespace().map(str::to_ascii_lowercase).collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
            ["activitydatetime"] | ["activitydatetime", "asc"] => Ok(true),
            ["activitydatetime", "desc"] => Ok(false),
            _ => Err(Error::Option("$orderby takes activityDateTime, with asc or desc after it")),
        }
    }

    fn counts(&self) -> Result<bool, Error> {
        match self.count.as_deref().map(str::to_ascii_lowercase).as_deref() {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Error::Option("$count takes true or false")),
        }
    }

    /// The selected members; `None` for all.
    fn members(&self, version: Version) -> Result<Option<Vec<&'static str>>, Error> {
        let Some(text) = &self.select else { return Ok(None) };
        let member =
            |name: &str| version.members().find(|member| member.eq_ignore_ascii_case(name.trim()));
        let members: Option<Vec<&'static str>> = text.split(',').map(member).collect();
        members.map(Some).ok_or(Error::Option(
            "$select takes members of provisioningObjectSummary, with commas between them",
        ))
    }

    fn filter(&self, version: Version) -> Result<Option<Filter>, Error> {
        let Some(text) = &self.filter else { return Ok(None) };
        let filter = match version {
            Version::V1 => Filter::parse(text),
            Version::Beta => Filter::parse_beta(text),
        };
        filter.map(Some).map_err(|error| Error::Filter(error.to_string()))
    }

    /// The address of the next page.
    fn next(&self, version: Version, base: &str, token: &str) -> String {
        let mut url = format!("{base}{}?", version.path());
        let kept = [
            ("$filter", &self.filter),
            ("$orderby", &self.order),
            ("$top", &self.top),
            ("$count", &self.count),
            ("$select", &self.select),
        ];
        for (name, value) in kept {
            if let Some(value) = value {
                url.push_str(&format!("{name}={}&", encoded(value)));
            }
        }
        url.push_str(&format!("$skiptoken={}", encoded(token)));
        url
    }
}

const UNKNOWN: &str = "an unknown query option; there are $filter, $orderby, $top, $skiptoken, $count and \
                       $select";

/// `GET /v1.0/auditLogs/provisioning`
async fn list(version: Version, ask: Ask) -> Result<GraphAnswer, Error> {
    ask.answer(move |reading| {
        let options = Options::read(&reading)?;
        let (top, ascending) = (options.top()?, options.is_ascending()?);
        let (counts, members) = (options.counts()?, options.members(version)?);
        let filter = options.filter(version)?;

        // The token is bound to filter and order, and pins the events of the first page.
        let parts = [
            ("", "graph"),
            ("$filter", options.filter.as_deref().unwrap_or_default()),
            ("$orderby", if ascending { "asc" } else { "desc" }),
        ];
        let binding = cursor::binding(reading.record.log(), &parts);
        let mut size = reading.record.size;
        let mut after = None;
        if let Some(token) = &options.skip_token {
            let opened = Cursor::open(token, reading.record.cursor_key);
            let cursor = opened.filter(|cursor| cursor.binding == binding).ok_or(Error::Option(
                "$skiptoken belongs to another question; follow @odata.nextLink unchanged",
            ))?;
            size = cursor.size.min(size);
            after = Some(Moment { occurred_at: cursor.after_time, seq: cursor.after });
        }
        let record = reading.record.limited_to(size);
        let operations = Operations::new(&record)?;
        let entries = Entries::new(&operations);
        let scope = reading.caller.scope();
        let asked = Asked { record: &record, scope, filter: filter.as_ref(), ascending };
        let page = asked.page(&entries, after, top)?;

        let base = &reading.query.public_url;
        let next = page.next.map(|Moment { occurred_at, seq }| {
            let now = reading.record.now;
            let next =
                Cursor { binding, time: now, now, size, after: seq, after_time: occurred_at };
            options.next(version, base, &next.seal(reading.record.cursor_key))
        });
        let rows = page.entries.len() as u64;
        let value =
            page.entries.into_iter().map(|entry| Selected::of(version, entry, members.as_deref()));
        let body = Body {
            context: format!("{base}/{}/$metadata#auditLogs/provisioning", version.name()),
            count: if counts { Some(asked.count(&entries)?) } else { None },
            next,
            value: value.collect::<Result<_, _>>()?,
        };
        let body = serde_json::to_vec(&body).map_err(|_| Error::Damaged("an imported entry"))?;
        let about = Some((reading.asked_application(None), Number::NOBODY));
        Ok(GraphAnswer { body, media_type: JSON, rows, about })
    })
    .await
}

const JSON: &str = "application/json";

/// `GET /v1.0/auditLogs/provisioning/$count`: how many entries match, as a plain number (OData 4.01, URL
/// conventions §4.8).
async fn count(version: Version, ask: Ask) -> Result<GraphAnswer, Error> {
    ask.answer(move |reading| {
        let options = Options::read(&reading)?;
        let Options { order: None, top: None, skip_token: None, count: None, select: None, .. } =
            &options
        else {
            return Err(Error::Option("/$count takes $filter alone"));
        };
        let filter = options.filter(version)?;
        let operations = Operations::new(&reading.record)?;
        let scope = reading.caller.scope();
        let record = &reading.record;
        let asked = Asked { record, scope, filter: filter.as_ref(), ascending: false };
        let count = asked.count(&Entries::new(&operations))?;
        let about = Some((reading.asked_application(None), Number::NOBODY));
        let body = count.to_string().into_bytes();
        Ok(GraphAnswer { body, media_type: "text/plain", rows: 1, about })
    })
    .await
}

/// `GET /v1.0/auditLogs/provisioning/{id}`
async fn one(version: Version, ask: Ask, id: String) -> Result<GraphAnswer, Error> {
    ask.answer(move |reading| {
        let options = Options::read(&reading)?;
        let members = options.members(version)?;
        let record = &reading.record;
        let operations = Operations::new(record)?;
        let scope = reading.caller.scope();
        let asked = Asked { record, scope, filter: None, ascending: false };
        let seq = asked.one(&id)?.ok_or(Error::NotFound("the log has no entry of that id"))?;
        let entry = Entries::new(&operations).entry(record.event(seq)?)?;
        let mut body = members_of(version, &entry, members.as_deref())?;
        let (base, version) = (&reading.query.public_url, version.name());
        let context = format!("{base}/{version}/$metadata#auditLogs/provisioning/$entity");
        body.insert("@odata.context".into(), context.into());
        let header = record.header(seq)?;
        let body = serde_json::to_vec(&body).map_err(|_| Error::Defect)?;
        let about = Some((header.application, Number::NOBODY));
        Ok(GraphAnswer { body, media_type: JSON, rows: 1, about })
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_log_are_known_in_every_spelling() {
        let check = |path: &str, expected: Named| assert_eq!(Named::of(path), expected, "{path}");
        for path in ["auditLogs/provisioning", "auditlogs/provisioning/", "AUDITLOGS/Provisioning"]
        {
            check(path, Named::List);
            check(&format!("{}/$count", path.trim_end_matches('/')), Named::Count);
            check(&format!("{}/$COUNT/", path.trim_end_matches('/')), Named::Count);
            check(&format!("{}/7", path.trim_end_matches('/')), Named::One("7".into()));
        }
        check("auditLogs/provisioning('7''x')", Named::One("7'x".into()));
        check("auditLogs/provisioning(id='7')/", Named::One("7".into()));
        for path in [
            "",
            "/",
            "users",
            "auditLogs",
            "auditLogs/signIns",
            "auditLogs/provisioning/7/8",
            "auditLogs/provisioning('')",
            "auditLogs/provisioning(id=7)",
            "auditLogs/provisioning(changeId='7')",
            "auditLogs/provisioning/$ref",
            "auditLogs//provisioning",
            "x/auditLogs/provisioning",
        ] {
            check(path, Named::Nothing);
        }
    }

    #[test]
    fn the_beta_has_its_former_members_too() {
        let entry = |error: Value| {
            let said = serde_json::json!({"status": "failure", "errorInformation": error});
            let entry = serde_json::json!({"provisioningAction": "stagedDelete", "provisioningStatusInfo": said});
            let Value::Object(mut members) = entry else { unreachable!() };
            add_beta(&mut members);
            (members["action"].clone(), members["statusInfo"].clone())
        };
        let error = serde_json::json!({"errorCode": "E", "errorCategory": "nonServiceFailure"});
        let (action, info) = entry(error);
        assert_eq!(action, "StagedDelete");
        let expected = serde_json::json!({"@odata.type": "#microsoft.graph.statusDetails",
            "status": "failure", "errorCode": "E", "errorCategory": "NonServiceFailure"});
        assert_eq!(info, expected);
        let expected =
            serde_json::json!({"@odata.type": "#microsoft.graph.statusBase", "status": "failure"});
        assert_eq!(entry(Value::Null).1, expected);
    }
}
