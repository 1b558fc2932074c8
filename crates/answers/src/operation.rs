//! What one operation was, with all that belongs to it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Number, Value};

use crate::operations::{BY_NAME, Operation, holder, in_words, resource, target};
use crate::question::{Grid, Part};
use crate::table::{Cell, Column, Heading, any, count, number, or_nothing, second};
use crate::words::{Present, plain};
use crate::{Lead, Moment, Nothing, Question, Shape, Time};

/// One operation: what it changed, what was asked and what was answered
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct OneOperation {
    /// The operation: its event id, or the number of its event
    pub operation: String,
}

/// An operation with all that belongs to it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
#[serde(rename_all = "camelCase")]
pub struct WholeOperation {
    /// What lists show of it.
    #[serde(flatten)]
    pub row: Operation,
    /// The values and memberships that it changed
    pub changes: Vec<Change>,
    /// The steps of an imported entry, in order; empty for everything else
    pub steps: Vec<Step>,
    /// For a request: the imported entries that explain it, the surest first
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explained_by: Option<Vec<ExplainedBy>>,
    /// For an imported entry: the request that it explains; null if none is known
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub explains: Option<Option<Explains>>,
    /// For an imported entry: the entry as its log had it, in Microsoft Graph's spelling
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entry: Option<Map<String, Value>>,
    /// What was received; null if it was no request
    pub request: Option<Request>,
    /// What was answered; null if it was not answered
    pub response: Option<Response>,
    /// For a request that was sent on: the event that recorded, before that, what was sent
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub intent_seq: Option<u64>,
}

/// A changed value, or a membership that began or ended.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Change {
    /// The path of the value; `members` for a membership
    pub path: String,
    /// `add`, `remove` or `replace`
    pub op: String,
    /// The value before, or the SCIM id of the member that left; null if there was none
    pub old_value: Value,
    /// The value after, or the SCIM id of the member that joined; null if there is none
    pub new_value: Value,
    /// SCIM id of the changed resource; absent if that is the one that the operation was about
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub resource_id: Option<Option<String>>,
}

/// A step that a provider took.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Step {
    /// Its place, from 1
    pub step_no: u32,
    /// Its kind, in the words of Microsoft Graph, such as `matching` or `export`
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its name
    pub name: Option<String>,
    /// How it ended
    pub status: Option<String>,
    /// What happened, in the provider's words
    pub description: Option<String>,
    /// Further details from the provider
    pub details: Value,
}

/// An imported entry that explains a request.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ExplainedBy {
    /// The event that has it
    pub seq: u64,
    /// Its id in its log
    pub entry_id: Option<String>,
    /// When it happened, according to its source
    pub occurred_at: Moment,
    /// What it asked for
    pub action: String,
    /// How it ended
    pub status: String,
    /// How sure it is that the two belong together: `possible`, `probable` or `certain`
    pub confidence: String,
}

/// The request that an imported entry explains.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Explains {
    /// The event that has it
    pub seq: u64,
    /// How sure it is that the two belong together: `possible`, `probable` or `certain`
    pub confidence: String,
}

/// A request as it was received.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// Its method
    pub method: String,
    /// Its address below the application's; null if it was not kept
    pub target: Option<String>,
    /// Its body without secrets; null if there was none or it was not kept
    pub body: Value,
    /// Why its body was not kept; null if it was, or if there was none
    pub body_note: Option<BodyNote>,
}

/// An answer.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Response {
    /// Its HTTP status
    pub status: u16,
    /// The error that it reported
    pub error: Option<String>,
    /// The upstream's body; only for a request that was sent on
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub body: Option<Option<Value>>,
    /// Why that body was not kept
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub body_note: Option<Option<BodyNote>>,
    /// The `Location` that the upstream answered
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "Present::read")]
    pub location: Option<Option<String>>,
    /// How long the upstream took, in milliseconds
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answered_after_ms: Option<Number>,
}

/// Why a body was not kept.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct BodyNote {
    /// The reason, in words
    pub reason: String,
    /// How long the body was, in bytes
    pub length_bytes: Option<u64>,
    /// The media type that it had
    pub media_type: Option<String>,
    /// The line at which it could not be read, from 1
    pub line: Option<u32>,
    /// The column of that line, from 1
    pub column: Option<u32>,
}

/// A row of the file `steps` that an export of operations has.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ExportedStep {
    /// The event of the operation
    pub seq: u64,
    /// The change id that joins the files
    pub change_id: Option<String>,
    /// Its place, from 1
    pub step_no: u32,
    /// Its kind
    #[serde(rename = "type")]
    pub kind: Option<String>,
    /// Its name
    pub name: Option<String>,
    /// How it ended
    pub status: Option<String>,
    /// What happened, in the provider's words
    pub description: Option<String>,
    /// Further details from the provider
    pub details: Value,
}

/// A row of the file `changes` that an export of operations has.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ExportedChange {
    /// The event of the operation
    pub seq: u64,
    /// The change id that joins the files
    pub change_id: Option<String>,
    /// The path of the value; `members` for a membership
    pub path: String,
    /// `add`, `remove` or `replace`
    pub op: String,
    /// The value before
    pub old_value: Value,
    /// The value after
    pub new_value: Value,
    /// Whether the provider withheld one of the values
    pub redacted: bool,
    /// SCIM id of the changed resource: a deletion also ends memberships in other resources
    pub resource_id: Option<String>,
}

/// What stands in a part of its own.
const PART: &str = "a part below the lines";

impl Question for OneOperation {
    type Row = WholeOperation;
    type Beside = Nothing;
    const COMMAND: &'static str = "operation";
    const PATH: &'static str = "/api/v1/operations/{operation}";
    const TIME: Time = Time::Known;
    const SHAPE: Shape = Shape::One;
    const NOT_SHOWN: &'static [(&'static str, &'static str)] = &[
        ("source", BY_NAME),
        ("log", BY_NAME),
        ("groupId", "only a timeline and an export have it"),
        ("groupName", "only a timeline and an export have it"),
        ("membership", "only a timeline has it"),
        ("evidenceRefs", "only an export has it; the evidence is shown"),
        ("eventHash", "`provlog proof` shows it with its proof"),
        ("changedPaths", "the changes have them"),
        ("entry", "`--json` shows it; what it says stands in the lines and steps"),
        ("flags", PART),
        ("changes", PART),
        ("steps", PART),
        ("request", PART),
        ("response", PART),
    ];

    fn title(&self, _: &Nothing) -> String {
        format!("Operation {}", self.operation)
    }

    fn columns(&self) -> Vec<Column<WholeOperation>> {
        vec![
            Column::text("Operation", &["operation"], |one| one.row.operation.clone()),
            Column::text("Application", &["application"], |one: &WholeOperation| {
                or_nothing(one.row.application.as_ref())
            })
            .leads(|one| Lead::application(one.row.application.as_ref())),
            Column::text("About", &["userName", "displayName", "resourceId"], about)
                .leads(|one| resource(&one.row)),
            Column::text("Type", &["resourceType"], |one| {
                or_nothing(one.row.resource_type.as_ref())
            }),
            Column::id("External id", &["externalId"], |one| {
                or_nothing(one.row.external_id.as_ref())
            }),
            Column::text("Action", &["action"], |one| plain(&one.row.action)),
            Column::status("Status", &["status", "httpStatus"], |one| {
                let http = one.row.http_status.map(|status| format!("HTTP {status}"));
                with(&one.row.status, http.as_ref())
            }),
            Column::status("Effect", &["effect"], |one| {
                one.row.effect.as_deref().map(plain).unwrap_or_default()
            }),
            Column::text("Reason", &["reason", "scimType"], |one| {
                with(&or_nothing(one.row.reason.as_ref()), one.row.scim_type.as_ref())
            }),
            Column::text("Taken by", &["holderName", "holderId"], |one: &WholeOperation| {
                match (&one.row.holder_name, &one.row.holder_id) {
                    (Some(Some(name)), id) => with(name, id.iter().flatten().next()),
                    (_, id) => told(id),
                }
            })
            .leads(|one| holder(&one.row)),
            Column::text("Error code", &["errorCode", "errorCategory"], |one| {
                let category = one.row.error_category.iter().flatten().next();
                with(&told(&one.row.error_code), category)
            }),
            Column::text("Skip reason", &["skipReason"], |one| told(&one.row.skip_reason)),
            Column::number("Requests", &["count"], |one| {
                one.row.count.map(count).unwrap_or_default()
            }),
            Column::time("First", &["firstAt"], |one| second(one.row.first_at.as_ref())),
            Column::time("Last", &["lastAt"], |one| second(one.row.last_at.as_ref())),
            Column::time("Occurred", &["occurredAt"], |one| second(Some(&one.row.occurred_at))),
            Column::time("Recorded", &["recordedAt"], |one| second(Some(&one.row.recorded_at))),
            Column::whole("Took", &["durationMs"], |one| {
                one.row.duration_ms.as_ref().map(milliseconds).unwrap_or_default()
            }),
            Column::number("Results", &["results"], |one| number(one.row.results)),
            Column::event("Saw up to", &["sawSeq"], |one| event(one.row.saw_seq)),
            Column::text("By", &["actorType", "actorId", "actorName"], actor),
            Column::id("From", &["sourceIp"], |one| or_nothing(one.row.source_ip.as_ref())),
            Column::text("Client", &["userAgent"], |one| or_nothing(one.row.user_agent.as_ref())),
            Column::id("Request id", &["requestId", "index"], |one| {
                let part = one.row.index.map(|index| format!("part {index}"));
                with(&or_nothing(one.row.request_id.as_ref()), part.as_ref())
            }),
            Column::text("Sent on", &["forwarded", "intentSeq"], |one| {
                match (one.row.forwarded, one.intent_seq) {
                    (Some(true), Some(seq)) => {
                        format!("to the upstream; event {seq} has what was sent")
                    }
                    (Some(true), None) => "to the upstream".to_owned(),
                    (Some(false) | None, _) => String::new(),
                }
            }),
            Column::text("Settled", &["settled"], |one: &WholeOperation| {
                let Some(Some(settled)) = &one.row.settled else { return String::new() };
                match settled.verdict.as_str() {
                    "none" => format!("event {} could not tell", settled.by_seq),
                    verdict => format!("{verdict} by event {}", settled.by_seq),
                }
            })
            .leads(|one| {
                let settled = one.row.settled.iter().flatten().next();
                Lead::operation(settled.map(|settled| settled.by_seq))
            }),
            Column::text("Settles", &["settles", "verdict"], settles)
                .leads(|one| only(one.row.settles.iter().flatten().copied())),
            Column::id("Tenant", &["tenant"], |one| told(&one.row.tenant)),
            Column::id("Log entry", &["entryId"], |one| or_nothing(one.row.entry_id.as_ref())),
            Column::text("Imported by", &["importedBy"], |one| match told(&one.row.imported_by) {
                id if id.is_empty() => id,
                id => format!("token {id}"),
            }),
            Column::id("Job", &["jobId"], |one| told(&one.row.job_id)),
            Column::id("Cycle", &["cycleId"], |one| told(&one.row.cycle_id)),
            Column::id("Change", &["changeId"], |one| told(&one.row.change_id)),
            Column::text("Explained by", &["explainedBy"], |one: &WholeOperation| {
                let links = one.explained_by.iter().flatten().map(|link| {
                    let entry = link.entry_id.as_ref().map(|id| format!(", entry {id}"));
                    let entry = entry.unwrap_or_default();
                    format!("event {}{entry} ({})", link.seq, link.confidence)
                });
                links.collect::<Vec<_>>().join("; ")
            })
            .leads(|one| only(one.explained_by.iter().flatten().map(|link| link.seq))),
            Column::text("Explains", &["explains"], |one: &WholeOperation| {
                let link = one.explains.iter().flatten().next();
                let words = |link: &Explains| format!("event {} ({})", link.seq, link.confidence);
                link.map(words).unwrap_or_default()
            })
            .leads(|one| only(one.explains.iter().flatten().map(|link| link.seq))),
            Column::event("Event", &["seq"], |one: &WholeOperation| number(Some(one.row.seq)))
                .leads(|one| Lead::operation(Some(one.row.seq))),
            Column::id("Event id", &["eventId"], |one| one.row.event_id.clone()),
        ]
    }

    fn parts(&self, one: &WholeOperation) -> Vec<Part> {
        let tables = [("Unusual", unusual(one)), ("Changes", changes(one)), ("Steps", steps(one))];
        let tables = tables.into_iter().filter(|(_, table)| !table.rows.is_empty());
        let mut parts: Vec<Part> = tables
            .map(|(title, table)| Part { title, table: Some(table), lines: vec![] })
            .collect();
        let lines = [
            ("Request", one.request.as_ref().map(received)),
            ("Response", one.response.as_ref().map(answered)),
        ];
        let lines = lines.into_iter().filter_map(|(title, lines)| Some((title, lines?)));
        parts.extend(lines.map(|(title, lines)| Part { title, table: None, lines }));
        parts
    }
}

/// A text that may be null, or not there at all.
fn told(text: &Option<Option<String>>) -> String {
    or_nothing(text.as_ref().and_then(Option::as_ref))
}

/// A text with another in brackets behind it.
fn with(text: &str, more: Option<&String>) -> String {
    match more {
        None => text.to_owned(),
        Some(more) => format!("{text} ({more})").trim_start().to_owned(),
    }
}

fn event(seq: Option<u64>) -> String {
    seq.map(|seq| format!("event {seq}")).unwrap_or_default()
}

fn milliseconds(length: &Number) -> String {
    length.as_f64().map(|ms| format!("{ms} ms")).unwrap_or_default()
}

fn about(one: &WholeOperation) -> String {
    match (target(&one.row), &one.row.resource_id) {
        (name, Some(id)) if name != *id => format!("{name} ({id})"),
        (name, _) => name,
    }
}

/// Leads to the operation if there is exactly one: a cell has one lead.
fn only(mut seqs: impl Iterator<Item = u64>) -> Option<Lead> {
    let first = seqs.next()?;
    seqs.next().is_none().then_some(Lead::Operation(first))
}

fn actor(one: &WholeOperation) -> String {
    match one.row.actor_type.as_str() {
        // What is no request was asked by nobody.
        "" | "none" if one.request.is_none() => String::new(),
        "" | "none" => "without a valid token".to_owned(),
        kind => {
            let name = one.row.actor_name.iter().flatten().next().or(one.row.actor_id.as_ref());
            format!("{kind} {}", or_nothing(name)).trim_end().to_owned()
        }
    }
}

fn settles(one: &WholeOperation) -> String {
    let Some(seqs) = one.row.settles.as_ref().filter(|seqs| !seqs.is_empty()) else {
        return String::new();
    };
    let word = if seqs.len() == 1 { "event" } else { "events" };
    let seqs = seqs.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
    match told(&one.row.verdict) {
        verdict if verdict.is_empty() => format!("{word} {seqs}, and cannot tell"),
        verdict => format!("{word} {seqs}: {verdict}"),
    }
}

fn unusual(one: &WholeOperation) -> Grid {
    let headings = vec![Heading::text("Path"), Heading::text("What")];
    let rows =
        one.row.flags.iter().map(|flag| vec![flag.path.clone().into(), in_words(flag).into()]);
    Grid { headings, rows: rows.collect() }
}

/// The paths that changed. An operation on one resource can change others.
fn changes(one: &WholeOperation) -> Grid {
    let mut headings = vec![
        Heading::text("Path"),
        Heading::whole("Op"),
        Heading::text("Old value"),
        Heading::text("New value"),
    ];
    let others = one.changes.iter().any(|change| matches!(change.resource_id, Some(Some(_))));
    if others {
        headings.push(Heading::id("Of"));
    }
    let rows = one.changes.iter().map(|change| {
        let mut cells: Vec<Cell> = vec![
            change.path.clone().into(),
            change.op.clone().into(),
            any(&change.old_value).into(),
            any(&change.new_value).into(),
        ];
        if others {
            let other = change.resource_id.iter().flatten().next();
            cells.push(or_nothing(other.or(one.row.resource_id.as_ref())).into());
        }
        cells
    });
    Grid { headings, rows: rows.collect() }
}

fn steps(one: &WholeOperation) -> Grid {
    let headings = vec![
        Heading::number("No"),
        Heading::whole("Type"),
        Heading::text("Name"),
        Heading::status("Status"),
        Heading::text("Description"),
    ];
    let rows = one.steps.iter().map(|step| {
        let kind = step.kind.as_deref().map(plain);
        let texts = [&kind, &step.name, &step.status, &step.description];
        let texts = texts.into_iter().map(|text| or_nothing(text.as_ref()));
        std::iter::once(step.step_no.to_string()).chain(texts).map(Cell::from).collect()
    });
    Grid { headings, rows: rows.collect() }
}

fn received(request: &Request) -> Vec<String> {
    let target = or_nothing(request.target.as_ref());
    let mut lines = vec![format!("{} {target}", request.method)];
    lines.extend(body(&request.body, request.body_note.as_ref()));
    lines
}

fn answered(response: &Response) -> Vec<String> {
    let error = response.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
    let mut lines = vec![format!("{}{error}", response.status)];
    if let Some(Some(location)) = &response.location {
        lines.push(format!("Location: {location}"));
    }
    if let Some(length) = &response.answered_after_ms {
        lines.push(format!("The upstream answered after {}", milliseconds(length)));
    }
    let kept = response.body.iter().flatten().next().unwrap_or(&Value::Null);
    lines.extend(body(kept, response.body_note.iter().flatten().next()));
    lines
}

/// A body over several lines, or why there is none.
fn body(body: &Value, note: Option<&BodyNote>) -> Vec<String> {
    let mut lines = vec![];
    if !body.is_null() {
        let pretty = serde_json::to_string_pretty(body).unwrap_or_default();
        lines.extend(pretty.lines().map(str::to_owned));
    }
    if let Some(BodyNote { reason, length_bytes, media_type, line, column }) = note {
        let more = [
            length_bytes.map(|bytes| format!("{} bytes", count(bytes))),
            media_type.clone(),
            line.map(|line| format!("line {line}")),
            column.map(|column| format!("column {column}")),
        ];
        let words: Vec<String> =
            std::iter::once(reason.clone()).chain(more.into_iter().flatten()).collect();
        lines.push(format!("(the body was not kept: {})", words.join(", ")));
    }
    lines
}
