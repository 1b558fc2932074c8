//! The whole answer of a question as files: a zip with CSV or NDJSON and a manifest, as it is made.

use std::io::{self, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::Router;
use axum::body::HttpBody;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use event::{Application, Number};
use serde_json::{Map, Value};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tower::ServiceExt;

use super::access::Asked;
use super::{Ask, questions};
use crate::Query;
use crate::answer::Told;
use crate::error::Error;
use crate::export::columns::of_question;
use crate::export::{Export, ExportError, Form, Zip};
use crate::params::Params;

/// Rows that are asked for at a time.
const PAGE_ROWS: usize = 1_000;
/// An answer has at most so many bytes a page.
const PAGE_BYTES_MAX: usize = 256 << 20;
/// Pieces that wait for a slow client; then the export waits too.
const PIECES_MAX: usize = 8;

/// Marks the requests of an export: the export is recorded once, not page by page.
#[derive(Clone, Copy)]
pub(super) struct OfExport;

/// `GET /api/v1/export?question=&format=`: `question` is the address of a list below `/api/v1`, with its
/// parameters.
pub(super) async fn export(
    State(query): State<Arc<Query>>,
    ask: Ask,
    request: Request,
) -> Result<Response, Error> {
    let params = Params::read(request.uri(), &["question", "format", "bom"])?;
    let accepts = "the address of a list below /api/v1, such as apps/paperboat/users?at=2026-03-31";
    let needed = Error::Parameter { name: "question", accepts };
    let question = params.read_as("question", accepts, Question::parse)?.ok_or(needed)?;
    let (name, columns) = question.file;
    let with_bom = params.flag("bom")?.unwrap_or(false);
    let is_csv = params.read_as("format", "csv or ndjson", |text| match text {
        "csv" => Some(true),
        "ndjson" => Some(false),
        _ => None,
    })?;
    let (form, file) = match is_csv.unwrap_or(true) {
        true => (Form::Csv { columns, bom: with_bom }, format!("{name}.csv")),
        false => (Form::Ndjson, format!("{name}.ndjson")),
    };
    let asked = Asked::of(&ask).exporting(&question.target);
    let seen = ask.read(|reading| Ok((reading.caller.origin().clone(), reading.record.head)));
    let (origin, head) = seen.await?;

    let headers = request.headers().clone();
    let mut pages = Pages { router: questions(&query), headers, question, next: None };
    let first = match pages.next().await? {
        Page::Answer(first) => first,
        Page::Refused(refusal) => {
            let told = Exported { rows: 0, status: refusal.status().as_u16() };
            asked.record(&query, origin, head, &Ok(told)).await?;
            return Ok(refusal);
        }
    };
    let rows = first.get("rowCount").and_then(Value::as_u64).unwrap_or(0);
    asked.record(&query, origin, head, &Ok(Exported { rows, status: 200 })).await?;

    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    let version = query.version;
    spawn_blocking(move || {
        let written = write(first, &mut pages, version, (form, &file), Pipe(sender.clone()));
        if let Err(error) = written {
            tracing::warn!(%error, "an export broke off");
            // Without the end of the zip, and with a broken body, nobody takes it for whole.
            let _ = sender.blocking_send(Err(io::Error::other("the export broke off")));
        }
    });
    let mut response = Body::new(Pieces(pieces)).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    let disposition = format!("attachment; filename=\"provlog-{name}.zip\"");
    if let Ok(disposition) = HeaderValue::from_str(&disposition) {
        headers.insert(CONTENT_DISPOSITION, disposition);
    }
    Ok(response)
}

/// What is kept of an export.
struct Exported {
    rows: u64,
    status: u16,
}

impl Told for Exported {
    fn row_count(&self) -> u64 {
        self.rows
    }

    fn about(&self) -> Option<(Application, Number)> {
        None
    }

    fn status(&self) -> u16 {
        self.status
    }
}

/// A question whose rows are exported.
struct Question {
    /// Path and parameters, from `/api/v1` on, without those of paging.
    target: String,
    file: (&'static str, &'static [&'static str]),
}

impl Question {
    fn parse(text: &str) -> Option<Question> {
        let below = text.strip_prefix("/api/v1/").unwrap_or(text).trim_start_matches('/');
        let (path, parameters) = below.split_once('?').unwrap_or((below, ""));
        let file = of_question(path)?;
        let paging = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            !matches!(name, "limit" | "cursor" | "")
        };
        let kept: Vec<&str> = parameters.split('&').filter(paging).collect();
        let target = format!("/api/v1/{path}?{}", kept.join("&"));
        // What is no address is no question.
        target.parse::<Uri>().ok()?;
        Some(Question { target, file })
    }
}

/// The pages of a question, asked of the router as the client would.
struct Pages {
    router: Router,
    headers: axum::http::HeaderMap,
    question: Question,
    next: Option<String>,
}

enum Page {
    Answer(Map<String, Value>),
    Refused(Response),
}

impl Pages {
    async fn next(&mut self) -> Result<Page, Error> {
        let mut target = format!("{}&limit={PAGE_ROWS}", self.question.target);
        if let Some(next) = &self.next {
            target.push_str(&format!("&cursor={next}"));
        }
        let mut request = Request::get(target).body(Body::empty()).map_err(|_| Error::Defect)?;
        *request.headers_mut() = self.headers.clone();
        request.extensions_mut().insert(OfExport);
        let Ok(response) = self.router.clone().oneshot(request).await;
        if !response.status().is_success() {
            return Ok(Page::Refused(response));
        }
        let bytes = to_bytes(response.into_body(), PAGE_BYTES_MAX).await;
        let page: Map<String, Value> = bytes
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or(Error::Defect)?;
        self.next = page.get("next").and_then(Value::as_str).map(str::to_owned);
        Ok(Page::Answer(page))
    }
}

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("a page could not be made")]
    Page,
    #[error("{written} rows were written, and the answer has {counted}")]
    Count { written: u64, counted: u64 },
}

fn write(
    mut page: Map<String, Value>,
    pages: &mut Pages,
    version: &str,
    (form, file): (Form, &str),
    pipe: Pipe,
) -> Result<(), Broken> {
    let question = page.get("query").cloned().unwrap_or_default();
    let told = serde_json::json!({"question": pages.question.target, "query": question});
    let mut export = Export::new(Zip::new(pipe), version, told);
    let mut out = export.file(file, form)?;
    let mut written = 0;
    loop {
        let Some(Value::Array(rows)) = page.remove("rows") else { return Err(Broken::Page) };
        for row in rows {
            let Value::Object(mut row) = row else { return Err(Broken::Page) };
            if matches!(form, Form::Csv { .. }) {
                add_whereabouts(&mut row, &page);
            }
            out.row(&row)?;
            written += 1;
        }
        if pages.next.is_none() {
            break;
        }
        match Handle::current().block_on(pages.next()) {
            Ok(Page::Answer(next)) => page = next,
            Ok(Page::Refused(_)) | Err(_) => return Err(Broken::Page),
        }
    }
    out.finish()?;
    let counted = page.get("rowCount").and_then(Value::as_u64).unwrap_or(0);
    if written != counted {
        return Err(Broken::Count { written, counted });
    }
    Ok(export.finish(&page.into())?)
}

/// What a file's row says of the whole answer, for a file is read without it.
fn add_whereabouts(row: &mut Map<String, Value>, page: &Map<String, Value>) {
    let at = page.get("query").and_then(|query| query.get("at")).cloned();
    let given = [
        ("at", at),
        ("atSeq", page.get("atSeq").cloned()),
        ("groupId", page.get("groupId").cloned()),
        ("groupName", page.get("groupName").cloned()),
    ];
    for (name, value) in given {
        if let Some(value) = value
            && !row.contains_key(name)
        {
            row.insert(name.to_owned(), value);
        }
    }
}

/// Where the writer's bytes go.
struct Pipe(mpsc::Sender<io::Result<Bytes>>);

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let piece = Bytes::copy_from_slice(bytes);
        let gone = |_| io::Error::from(io::ErrorKind::BrokenPipe);
        self.0.blocking_send(Ok(piece)).map_err(gone)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The body that hands them on.
struct Pieces(mpsc::Receiver<io::Result<Bytes>>);

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, io::Error>>> {
        self.0.poll_recv(context).map(|piece| piece.map(|piece| piece.map(http_body::Frame::data)))
    }
}
