//! `/v1.0/auditLogs/provisioning`: the log in the shape of Microsoft Graph, with Graph's query options
//! and errors.

use axum::extract::Query as Pairs;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use event::{Application, Number};
use serde::Serialize;
use serde_json::{Map, Value};
use store::key::Moment;

use super::{Ask, Names, Reading};
use crate::answer::Told;
use crate::cursor::{self, Cursor, List};
use crate::error::Error;
use crate::graph::entry::{Entries, Entry};
use crate::graph::filter::Filter;
use crate::graph::page::Asked;
use crate::operation::Operations;

const TOP_DEFAULT: usize = 100;
const TOP_MAX: usize = 1_000;
const PATH: &str = "/v1.0/auditLogs/provisioning";

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

/// An answer in Graph's shape, written out.
pub(super) struct GraphAnswer {
    body: Vec<u8>,
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
        let json = HeaderValue::from_static("application/json");
        ([(CONTENT_TYPE, json)], self.body).into_response()
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
    fn of(entry: Entry, members: Option<&[&str]>) -> Result<Selected, Error> {
        let Some(wanted) = members else { return Ok(Selected::Whole(entry)) };
        let mut members = entry.members()?;
        members.retain(|name, _| wanted.contains(&name.as_str()));
        Ok(Selected::Members(members))
    }
}

/// The query options, understood.
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
            let place = match name.to_ascii_lowercase().as_str() {
                "$filter" => &mut options.filter,
                "$orderby" => &mut options.order,
                "$top" => &mut options.top,
                "$skiptoken" => &mut options.skip_token,
                "$count" => &mut options.count,
                "$select" => &mut options.select,
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
        let digits = text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(top @ 1..=TOP_MAX) if digits => Ok(top),
            Ok(_) | Err(_) => Err(Error::Option("$top takes a number from 1 to 1000")),
        }
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

    /// The members that are asked for; all of them when there is no such option.
    fn members(&self) -> Result<Option<Vec<&'static str>>, Error> {
        let Some(text) = &self.select else { return Ok(None) };
        let member = |name: &str| {
            MEMBERS.into_iter().find(|member| member.eq_ignore_ascii_case(name.trim()))
        };
        let members: Option<Vec<&'static str>> = text.split(',').map(member).collect();
        members.map(Some).ok_or(Error::Option(
            "$select takes members of provisioningObjectSummary, with commas between them",
        ))
    }

    /// The address of the next page.
    fn next(&self, base: &str, token: &str) -> String {
        let mut url = format!("{base}{PATH}?");
        let kept = [
            ("$filter", &self.filter),
            ("$orderby", &self.order),
            ("$top", &self.top),
            ("$count", &self.count),
            ("$select", &self.select),
        ];
        for (name, value) in kept {
            if let Some(value) = value {
                url.push_str(&format!("{name}={}&", escaped(value)));
            }
        }
        url.push_str(&format!("$skiptoken={}", escaped(token)));
        url
    }
}

const UNKNOWN: &str = "an unknown query option; there are $filter, $orderby, $top, $skiptoken, $count and \
                       $select";

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            byte => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}

/// `GET /v1.0/auditLogs/provisioning`
pub(super) async fn list(ask: Ask) -> Result<GraphAnswer, Error> {
    ask.answer(|reading| {
        let options = Options::read(&reading)?;
        let (top, ascending) = (options.top()?, options.is_ascending()?);
        let (counts, members) = (options.counts()?, options.members()?);
        let filter = options.filter.as_deref().map(Filter::parse).transpose();
        let filter = filter.map_err(|error| Error::Filter(error.to_string()))?;

        // The token is bound to filter and order, and pins what the first page knew.
        let parts = [
            ("$filter", options.filter.as_deref().unwrap_or_default()),
            ("$orderby", if ascending { "asc" } else { "desc" }),
        ];
        let binding = cursor::binding(reading.record.log(), &parts);
        let mut size = reading.record.size;
        let mut after = None;
        if let Some(token) = &options.skip_token {
            let opened = Cursor::open(token, reading.record.cursor_key);
            let opened = opened
                .filter(|(kind, cursor)| *kind == List::Graph as u8 && cursor.binding == binding);
            let (_, cursor) = opened.ok_or(Error::Option(
                "$skiptoken belongs to another question; follow @odata.nextLink unchanged",
            ))?;
            size = cursor.size.min(size);
            after = Some(Moment { occurred_at: cursor.after_time, seq: cursor.after });
        }
        let record = reading.record.of_first(size);
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
            options.next(base, &next.seal(List::Graph, reading.record.cursor_key))
        });
        let rows = page.entries.len() as u64;
        let value = page.entries.into_iter().map(|entry| Selected::of(entry, members.as_deref()));
        let body = Body {
            context: format!("{base}/v1.0/$metadata#auditLogs/provisioning"),
            count: if counts { Some(asked.count(&entries)?) } else { None },
            next,
            value: value.collect::<Result<_, _>>()?,
        };
        let body = serde_json::to_vec(&body).map_err(|_| Error::Damaged("an imported entry"))?;
        let about = scope.map(|scope| (scope, Number::NOBODY));
        Ok(GraphAnswer { body, rows, about })
    })
    .await
}

/// `GET /v1.0/auditLogs/provisioning/{id}`
pub(super) async fn one(ask: Ask, Names(id): Names<String>) -> Result<GraphAnswer, Error> {
    ask.answer(move |reading| {
        let options = Options::read(&reading)?;
        let members = options.members()?;
        let record = &reading.record;
        let operations = Operations::new(record)?;
        let scope = reading.caller.scope();
        let asked = Asked { record, scope, filter: None, ascending: false };
        let seq = asked.one(&id)?.ok_or(Error::NotFound("the log has no entry of that id"))?;
        let mut body = Entries::new(&operations).entry(record.event(seq)?)?.members()?;
        if let Some(members) = &members {
            body.retain(|name, _| members.contains(&name.as_str()));
        }
        let base = &reading.query.public_url;
        let context = format!("{base}/v1.0/$metadata#auditLogs/provisioning/$entity");
        body.insert("@odata.context".into(), context.into());
        let header = record.header(seq)?;
        let body = serde_json::to_vec(&body).map_err(|_| Error::Defect)?;
        Ok(GraphAnswer { body, rows: 1, about: Some((header.application, Number::NOBODY)) })
    })
    .await
}
