//! Exports: a question's whole answer as a zip with CSV or NDJSON and a manifest, made while it is sent.
//!
//! Steps and changes of operations are separate files. A zip is written one file after the other, so each
//! file reads the pages again, as of the event and the instant of the first page. At most one page and
//! one operation are in memory.

mod details;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use answers::FileColumn;
use answers::act::described_act;
use axum::Router;
use axum::body::HttpBody;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::{HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use event::{Application, Number, secret};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tower::ServiceExt;

use super::access::Asked;
use super::ask::{Ask, Names};
use super::of_export::{First, OfExport, Questions};
use super::question::read_address;
use super::reviews;
use crate::Query;
use crate::answer::{self, Seen};
use crate::error::Error;
use crate::export::columns::{self, Exported, of_question};
use crate::export::{Export, ExportError, Form, Signed, Zip};

/// Rows of one page.
const PAGE_ROWS: usize = 1_000;
/// Most bytes of one page.
const PAGE_BYTES_MAX: usize = 256 << 20;
/// Pieces that may wait for a slow client, each written between two waits; then the export waits too.
const PIECES_MAX: usize = 1;
/// Rows to write before the thread is yielded to other tasks.
const ROWS_AT_ONCE: usize = 50;

/// What a file holds for each row of the question.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Rows,
    Steps,
    Changes,
}

/// How files are written.
#[derive(Clone, Copy)]
struct Writing {
    is_csv: bool,
    bom: bool,
}

impl Writing {
    /// The full name and the format of a file.
    fn of(self, name: &str, columns: Vec<FileColumn>) -> (String, Form) {
        match self.is_csv {
            true => (format!("{name}.csv"), Form::Csv { columns, bom: self.bom }),
            false => (format!("{name}.ndjson"), Form::Ndjson),
        }
    }
}

/// `GET /api/v1/export?question=&format=`: `question` is the address of a list below `/api/v1`, with its
/// parameters.
pub(super) async fn export(
    State(query): State<Arc<Query>>,
    ask: Ask,
    request: Request,
) -> Result<Response, Error> {
    let described = described_act::<answers::act::Export>().ok_or(Error::Defect)?;
    let asked: answers::act::Export = read_address(described, request.uri(), &Names(vec![]))?;
    let wrong = || {
        let parameter = described.parameters.iter().find(|one| one.name == "question");
        let accepts = parameter.map_or("", |one| one.accepts.as_str());
        Error::Parameter { name: "question", accepts }
    };
    let question = Question::parse(&asked.question).ok_or_else(wrong)?;
    let name = question.exported.name;
    let is_csv = !matches!(asked.format, Some(answers::act::Form::Ndjson));
    let writing = Writing { is_csv, bom: asked.bom };
    let asked = Asked::of(&ask).exporting(&question.target);
    let seen = ask.read(|reading| Ok((reading.caller.origin().clone(), reading.record.head)));
    let (origin, head) = seen.await?;
    let owner = incoming::owner(request.extensions());
    let place = match query.budget.export(owner) {
        Ok(place) => place,
        Err(full) => {
            let refused: Result<Told, Error> = Err(Error::Exports(full));
            asked.record(&query, origin, head, &refused).await?;
            return Err(Error::Exports(full));
        }
    };

    let questions = request.extensions().get::<Questions>();
    let Questions(router) = questions.cloned().ok_or(Error::Defect)?;
    let headers = request.headers().clone();
    let mut pages = Pages { router, headers, question, next: None, first: None, about: None };
    let page = match pages.next().await? {
        Page::Answer(page) => page,
        Page::Refused(refusal) => {
            let told = Told { rows: 0, status: refusal.status().as_u16(), about: None };
            asked.record(&query, origin, head, &Ok(told)).await?;
            return Ok(refusal);
        }
    };
    let rows = count_of(&page);
    asked.record(&query, origin, head, &Ok(Told { rows, status: 200, about: pages.about })).await?;

    let (sender, pieces) = mpsc::channel(PIECES_MAX);
    let pipe = Pipe { sender: sender.clone(), written: Arc::default() };
    tokio::spawn(async move {
        let _place = place;
        if let Err(error) = write(&query, page, &mut pages, writing, pipe).await {
            tracing::warn!(%error, "an export broke off");
            // The zip has no directory and the body is cut off, so no client takes it for complete.
            let _ = sender.send(Err(io::Error::other("the export broke off"))).await;
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

/// What is recorded of an export.
struct Told {
    rows: u64,
    status: u16,
    about: Option<(Application, Number)>,
}

impl answer::Told for Told {
    fn row_count(&self) -> u64 {
        self.rows
    }

    fn about(&self) -> Option<(Application, Number)> {
        self.about
    }

    fn status(&self) -> u16 {
        self.status
    }
}

/// A question whose rows are exported.
struct Question {
    /// Path and parameters, from `/api/v1` on, without the paging parameters.
    target: String,
    exported: Exported,
}

impl Question {
    fn parse(text: &str) -> Option<Question> {
        let below = text.strip_prefix("/api/v1/").unwrap_or(text).trim_start_matches('/');
        let (path, parameters) = below.split_once('?').unwrap_or((below, ""));
        let exported = of_question(path)?;
        let paging = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            !matches!(name, "limit" | "cursor" | "")
        };
        let kept: Vec<&str> = parameters.split('&').filter(paging).collect();
        let target = format!("/api/v1/{path}?{}", kept.join("&"));
        // A text that is not an address is not a question.
        target.parse::<Uri>().ok()?;
        Some(Question { target, exported })
    }
}

/// The pages of a question, requested from the router as a client would.
struct Pages {
    router: Router,
    headers: axum::http::HeaderMap,
    question: Question,
    next: Option<String>,
    first: Option<First>,
    /// The subject of the pages, for the access log.
    about: Option<(Application, Number)>,
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
        request.extensions_mut().insert(OfExport { first: self.first });
        let Ok(response) = self.router.clone().oneshot(request).await;
        if !response.status().is_success() {
            return Ok(Page::Refused(response));
        }
        let told = response.extensions().get::<Seen>().copied().ok_or(Error::Defect)?;
        let bytes = to_bytes(response.into_body(), PAGE_BYTES_MAX).await;
        let page: Map<String, Value> = bytes
            .ok()
            .and_then(|bytes| serde_json::from_slice(&bytes).ok())
            .ok_or(Error::Defect)?;
        self.next = page.get("next").and_then(Value::as_str).map(str::to_owned);
        if self.first.is_none() {
            self.first = Some(First::of(&page, told.size).ok_or(Error::Defect)?);
            self.about = told.about;
        }
        Ok(Page::Answer(page))
    }

    /// The next page, or the first again after the last one.
    async fn turn(&mut self) -> Result<Map<String, Value>, Broken> {
        match self.next().await {
            Ok(Page::Answer(page)) => Ok(page),
            Ok(Page::Refused(_)) | Err(_) => Err(Broken::Page),
        }
    }
}

fn count_of(page: &Map<String, Value>) -> u64 {
    page.get("rowCount").and_then(Value::as_u64).unwrap_or(0)
}

/// Why an export broke off.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Export(#[from] ExportError),
    #[error("a page could not be made")]
    Page,
    #[error("its reader has gone")]
    Gone,
    #[error(transparent)]
    Details(#[from] Error),
    #[error("{rows} rows were read, and the answer has {counted}")]
    Count { rows: u64, counted: u64 },
}

/// Writes the files. Rows are written and dropped before the task waits for the client, so that a slow
/// client holds no thread and only a few pieces of the zip.
async fn write(
    query: &Arc<Query>,
    first: Map<String, Value>,
    pages: &mut Pages,
    writing: Writing,
    pipe: Pipe,
) -> Result<(), Broken> {
    let exported = pages.question.exported;
    let question = first.get("query").cloned().unwrap_or_default();
    let asked = secret::cut(&pages.question.target, &[]);
    let told = serde_json::json!({"question": asked, "query": question});
    let reviews = reviews_of(query, pages.question.exported.described.path, &first).await?;
    let export = Export::new(Zip::new(pipe.clone()), query.version, told);
    let mut export = export.reviewed(reviews);
    let own = exported.described.file_columns(&first);
    let mut files = vec![(Part::Rows, exported.name, own)];
    if exported.are_operations {
        files.push((Part::Steps, "steps", columns::steps()));
        files.push((Part::Changes, "changes", columns::changes()));
    }
    let (mut page, mut envelope) = (Some(first), Map::new());
    for (part, name, columns) in files {
        let (name, form) = writing.of(name, columns);
        let mut out = export.file(&name, form)?;
        let mut read = 0;
        loop {
            let mut one = match page.take() {
                Some(first) => first,
                None => pages.turn().await?,
            };
            let Some(Value::Array(rows)) = one.remove("rows") else { return Err(Broken::Page) };
            read += rows.len() as u64;
            let rows = rows.into_iter().map(|row| match row {
                Value::Object(row) => Ok(row),
                _ => Err(Broken::Page),
            });
            let mut rows = rows.collect::<Result<VecDeque<_>, _>>()?;
            while !rows.is_empty() {
                let made = match exported.are_operations {
                    true => details_of(query, &one, part, &mut rows).await?,
                    false => std::mem::take(&mut rows).into(),
                };
                for (index, mut row) in made.into_iter().enumerate() {
                    if part == Part::Rows {
                        exported.described.with_context(&mut row, &one);
                    }
                    out.row(&row)?;
                    // Let other tasks use this thread.
                    if index % ROWS_AT_ONCE == ROWS_AT_ONCE - 1 {
                        tokio::task::yield_now().await;
                    }
                }
                pipe.hand_on().await?;
            }
            envelope = one;
            if pages.next.is_none() {
                break;
            }
        }
        out.finish()?;
        pipe.hand_on().await?;
        let counted = count_of(&envelope);
        if read != counted {
            return Err(Broken::Count { rows: read, counted });
        }
    }
    export.finish(&envelope.into())?;
    pipe.hand_on().await
}

/// The reviews of the question. Uses a blocking thread: it reads the disk.
async fn reviews_of(
    query: &Arc<Query>,
    path: &'static str,
    first: &Map<String, Value>,
) -> Result<Option<Signed>, Broken> {
    let asked = first.get("query").cloned().unwrap_or_default();
    let query = Arc::clone(query);
    let reading = spawn_blocking(move || reviews::of_export(&query, path, &asked));
    Ok(reading.await.map_err(|_| Broken::Page)??)
}

/// A file's rows for the next operations of a page. Uses a blocking thread: it reads the disk.
async fn details_of(
    query: &Arc<Query>,
    page: &Map<String, Value>,
    part: Part,
    rows: &mut VecDeque<Map<String, Value>>,
) -> Result<Vec<Map<String, Value>>, Broken> {
    // A list of operations has no instant: its `atSeq` is the last event that it knows.
    let size = page.get("atSeq").and_then(Value::as_u64).map_or(0, |seq| seq + 1);
    let (query, mut taken) = (Arc::clone(query), std::mem::take(rows));
    let making = spawn_blocking(move || {
        let made = details::next(&query, size, part, &mut taken)?;
        Ok::<_, Broken>((made, taken))
    });
    let (made, rest) = making.await.map_err(|_| Broken::Page)??;
    *rows = rest;
    Ok(made)
}

/// Buffers the writer's bytes until the client has room for them.
#[derive(Clone)]
struct Pipe {
    sender: mpsc::Sender<io::Result<Bytes>>,
    written: Arc<Mutex<Vec<u8>>>,
}

impl Pipe {
    fn written(&self) -> MutexGuard<'_, Vec<u8>> {
        // A panic under this lock leaves no half-made state.
        self.written.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sends the buffered bytes, once the client has room for them.
    async fn hand_on(&self) -> Result<(), Broken> {
        let gathered = std::mem::take(&mut *self.written());
        if gathered.is_empty() {
            return Ok(());
        }
        self.sender.send(Ok(gathered.into())).await.map_err(|_| Broken::Gone)
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The response body.
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
