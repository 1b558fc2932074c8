//! `/apps/{app}/imports`: which imports of a provider's log there were, and a form for another one.
//!
//! ```text
//!  form ──▶ receive   the token of the form, then its files into temporary files, within bounds
//!           job       reads them on a thread of its own, and sends their records to the import address
//!  page ◀── progress  how far it is: as server-sent events, or loaded anew without a script
//! ```
//!
//! The files are read twice (first to learn the order of their dates and whose they are), so they are kept in
//! temporary files in the data folder, whose disk is watched; they have no name, and a crash leaves nothing of them.

mod job;
mod receive;

use std::sync::Arc;
use std::time::Duration;

use answers::{Imports, described};
use askama::Template;
use axum::body::{Body, Bytes};
use axum::extract::{Form, Path};
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use importer::Report;
use query::Query;
use query::visit::{Refusal, Visit, Visitor, Watch};
use serde::Deserialize;
use tokio::sync::mpsc::{self, Sender};
use uuid::Uuid;

use self::job::{FILES_MAX, FORM_BYTES_MAX, Job, Options, ROOM_BYTES_MAX, State, Step};
use self::receive::{Failed, too_large};
use crate::address::{Given as Address, encoded, with_query};
use crate::admin;
use crate::error::{rendered, sentence};
use crate::place;
use crate::plain::PlainPage;
use crate::question::{More, Page, Shown};
use crate::stream::{Tails, data, streamed};
use crate::text::grouped;
use crate::view::{Choice, Crumb, Field, FormView, Html, Kind, Link, Method, Notice, Section};

pub use self::job::Uploads;

/// How often the page of an import is told how far it is.
const TELL_EVERY: Duration = Duration::from_millis(500);
/// How often the session is looked at meanwhile.
const TELLS_PER_LOOK: u32 = 4;
const REFRESH_SECONDS: u32 = 2;
/// The fields of a form, and what stands between its parts.
const FORM_OVERHEAD_BYTES: u64 = 64 << 10;

const FORMS: [(&str, &str); 8] = [
    ("", "recognised"),
    ("graph", "Graph: auditLogs/provisioning"),
    ("portal-json", "JSON download of the portal"),
    ("portal-csv", "CSV download of the portal: its three files together"),
    ("stream", "diagnostic settings: event hub or storage account"),
    ("log-analytics", "Log Analytics: rows or an answer of its API"),
    ("log-analytics-csv", "CSV download of Log Analytics"),
    ("audit", "directory audit log"),
];
const DATES: [(&str, &str); 3] = [
    ("", "decided from all dates of a file"),
    ("dmy", "day first: 25/10/2026"),
    ("mdy", "month first: 10/25/2026"),
];

impl Page for Imports {
    fn more(shown: &Shown<'_, Imports>) -> Result<More, Refusal> {
        if !shown.who.is_admin() {
            return Ok(More::default());
        }
        let csrf = shown.who.form_token.as_deref().unwrap_or_default();
        let form = panel(&shown.question.app.0, csrf, &Given::default());
        Ok(More { above: vec![form.to_string()], ..More::default() })
    }
}

/// Adds what the form does, and the pages of its imports.
pub(crate) fn acts(router: Router<Arc<Query>>, uploads: Uploads) -> Router<Arc<Query>> {
    let imports = Arc::new(job::Imports::new(uploads));
    let of_imports = Router::new()
        .route("/apps/{app}/imports", post(add))
        .route("/apps/{app}/imports/{run}", get(page))
        .route("/apps/{app}/imports/{run}/stop", post(stop))
        .route("/apps/{app}/imports/{run}/progress", get(follow))
        .layer(Extension(imports))
        .layer(Extension(Tails::default()));
    router.merge(of_imports)
}

/// What a form says beside its files, to be shown again.
#[derive(Clone, Default)]
struct Given {
    form: String,
    dates: String,
    service_principal: String,
}

#[derive(Template)]
#[template(path = "imports/form.html")]
struct Panel<'a> {
    app: &'a str,
    form: FormView,
    files_max: usize,
    bytes_max: String,
    room_bytes_max: String,
}

fn panel<'a>(app: &'a str, csrf: &str, given: &Given) -> Panel<'a> {
    let field = |name: &str, label: &str, help: &str, value: &str| Field {
        name: name.to_owned(),
        label: label.to_owned(),
        help: help.to_owned(),
        value: value.to_owned(),
        ..Field::default()
    };
    let choices = |all: &[(&str, &str)]| {
        Kind::Select(all.iter().map(|(value, label)| Choice::new(*value, *label)).collect())
    };
    let files = "Also compressed with gzip. The three of the portal's CSV download together";
    let own = "Its id at the provider, or its display name if the log has no ids. It is kept for later imports";
    let form = FormView {
        id: "import".to_owned(),
        action: format!("/apps/{}/imports", encoded(app)),
        method: Method::Post { csrf: csrf.to_owned(), is_upload: true },
        fields: vec![Field {
            kind: Kind::Files { bytes_max: FORM_BYTES_MAX, files_max: FILES_MAX },
            required: true,
            ..field("file", "Files", files, "")
        }],
        more: vec![
            Field { kind: choices(&FORMS), ..field("form", "Form of the files", "", &given.form) },
            Field {
                kind: choices(&DATES),
                ..field("dates", "Order of dates", "In dates such as 05/10/2026", &given.dates)
            },
            field("servicePrincipal", "Service principal", own, &given.service_principal),
        ],
        submit: "Import".to_owned(),
        ..FormView::default()
    };
    let (bytes_max, room_bytes_max) = (size(FORM_BYTES_MAX), size(ROOM_BYTES_MAX));
    Panel { app, form, files_max: FILES_MAX, bytes_max, room_bytes_max }
}

/// The form again, with what was wrong.
fn form_page(
    visit: &Visit<'_>,
    app: &str,
    given: &Given,
    wrong: String,
) -> Result<PlainPage, Refusal> {
    let notice = Notice { is_good: false, text: wrong };
    framed(visit, app, "Import a log", None, Some(notice), |csrf| {
        vec![panel(app, csrf, given).to_string()]
    })
}

/// A page of an application's imports.
fn framed(
    visit: &Visit<'_>,
    app: &str,
    title: &str,
    at: Option<&str>,
    notice: Option<Notice>,
    pieces: impl FnOnce(&str) -> Vec<String>,
) -> Result<PlainPage, Refusal> {
    let mut page = admin::page(visit, title, "", notice, |csrf| Ok(pieces(csrf)))?;
    let of_app = format!("/apps/{}", encoded(app));
    let crumb = |label: &str, href: Option<String>| Crumb { label: label.to_owned(), href };
    if let Some(described) = described::<Imports>() {
        let given = Address::of(described, &[("app".to_owned(), app.to_owned())]);
        page.tabs = place::tabs(described, &given);
    }
    page.shell.section = Section::Applications;
    page.shell.crumbs = vec![
        crumb("Applications", Some("/apps".to_owned())),
        crumb(app, Some(of_app.clone())),
        crumb("Imports", Some(format!("{of_app}/imports"))),
        crumb(at.unwrap_or(title), None),
    ];
    Ok(page)
}

/// `POST /apps/{app}/imports`
async fn add(
    visitor: Visitor,
    after: Visitor,
    Path(app): Path<String>,
    Extension(imports): Extension<Arc<job::Imports>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Refusal> {
    let mut form = receive::Form::new(&headers, visitor.uploading(body)?)?;
    form.until_file().await?;
    let csrf = form.text("csrf");
    let acting = match visitor.acting(&csrf) {
        Ok(acting) => acting,
        Err(refusal) => {
            form.discard().await;
            return Err(refusal);
        }
    };
    let after = after.of_form(&csrf)?;
    let begun = begin(&app, &imports, &mut form, acting, &headers).await;
    let given = Given {
        form: form.text("form"),
        dates: form.text("dates"),
        service_principal: form.text("servicePrincipal"),
    };
    match begun {
        Ok(job) => Ok(Redirect::to(&job.page()).into_response()),
        Err(Failed::Refused(refusal)) => {
            form.discard().await;
            Err(refusal)
        }
        Err(Failed::Said(wrong)) => {
            form.discard().await;
            let page = after.page(None, move |visit| form_page(visit, &app, &given, wrong));
            Ok(rendered(&page.await?))
        }
    }
}

/// Receives the files of a form that is one of ours, and begins to import them.
async fn begin(
    app: &str,
    imports: &job::Imports,
    form: &mut receive::Form,
    acting: query::visit::Acting,
    headers: &HeaderMap,
) -> Result<Arc<Job>, Failed> {
    // Whoever may not import is refused before a file is kept.
    let run = Uuid::new_v4().as_u64_pair().0;
    let asked = job::address(app, &importer::checking(run));
    let known = job::post(&acting, &asked, vec![]).await.map_err(|refused| match refused {
        (StatusCode::FORBIDDEN, _) => Failed::Refused(Refusal::admins_only()),
        (StatusCode::NOT_FOUND, _) => Failed::Refused(Refusal::not_found()),
        (_, words) => Failed::Said(sentence(&words)),
    })?;
    let announced = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if announced.is_some_and(|bytes: u64| bytes > FORM_BYTES_MAX + FORM_OVERHEAD_BYTES) {
        return Err(Failed::Said(too_large()));
    }
    let place = imports.place().ok_or_else(|| {
        Failed::Said("Other files are being imported: wait until that has ended.".to_owned())
    })?;
    let files = form.files(&place.room, FORM_BYTES_MAX).await?;
    acting.is_used();
    if files.is_empty() {
        return Err(Failed::Said("Choose a file.".to_owned()));
    }
    let wrong = |what: &str| Failed::Said(sentence(what));
    let chosen = |name: &str| Some(form.text(name)).filter(|text| !text.is_empty());
    let options = Options {
        form: chosen("form")
            .map(|text| {
                text.parse().map_err(|error: importer::NoSuchForm| wrong(&error.to_string()))
            })
            .transpose()?,
        dates: chosen("dates")
            .map(|text| {
                text.parse().map_err(|error: importer::NoSuchOrder| wrong(&error.to_string()))
            })
            .transpose()?,
        service_principal: chosen("servicePrincipal"),
    };
    let names = files.iter().map(|(name, _)| name.clone()).collect();
    let job = Job::new(run, app.to_owned(), names);
    Ok(imports.begin(job, files, options, known, acting, place))
}

/// `GET /apps/{app}/imports/{run}`
async fn page(
    visitor: Visitor,
    Path((app, run)): Path<(String, String)>,
    Extension(imports): Extension<Arc<job::Imports>>,
) -> Result<Response, Refusal> {
    let Some(job) = imports.find(&app, &run) else {
        // What it recorded is in the list.
        return Ok(Redirect::to(&format!("/apps/{}/imports", encoded(&app))).into_response());
    };
    Ok(rendered(&visitor.page(None, move |visit| show(visit, &job)).await?))
}

fn show(visit: &Visit<'_>, job: &Job) -> Result<PlainPage, Refusal> {
    let (state, reached) = job.now();
    let title = format!("Import of {}", job.names.join(", "));
    let mut page = framed(visit, &job.app, &title, Some(&job.run_name()), None, |csrf| {
        let mut pieces = vec![Telling::of(job, &state, reached).to_string()];
        match &state.ended {
            Some(ended) => pieces.push(Rest::of(&job.app, &ended.report).to_string()),
            None => {
                let action = format!("{}/stop", job.page());
                pieces.push(admin::act(csrf, &action, "Stop the import").to_string());
            }
        }
        pieces
    })?;
    page.refresh_seconds = state.ended.is_none().then_some(REFRESH_SECONDS);
    Ok(page)
}

/// What a form with nothing but a button sends.
#[derive(Deserialize)]
struct Button {
    csrf: String,
}

/// `POST /apps/{app}/imports/{run}/stop`
async fn stop(
    visitor: Visitor,
    Path((app, run)): Path<(String, String)>,
    Extension(imports): Extension<Arc<job::Imports>>,
    Form(button): Form<Button>,
) -> Result<Response, Refusal> {
    let job = imports.find(&app, &run).ok_or_else(Refusal::not_found)?;
    let stopped = Arc::clone(&job);
    let act = visitor.of_form(&button.csrf)?.page(None, move |visit| {
        if !visit.signed_in()?.is_admin() {
            return Err(Refusal::admins_only());
        }
        stopped.stop();
        Ok(())
    });
    act.await?;
    Ok(Redirect::to(&job.page()).into_response())
}

/// `GET /apps/{app}/imports/{run}/progress`: the panel of the import, whenever it has changed, until it ends.
async fn follow(
    visitor: Visitor,
    Path((app, run)): Path<(String, String)>,
    Extension(imports): Extension<Arc<job::Imports>>,
    Extension(tails): Extension<Tails>,
) -> Result<Response, Refusal> {
    let job = imports.find(&app, &run).ok_or_else(Refusal::not_found)?;
    let first = |visit: &Visit<'_>| {
        let who = visit.signed_in()?;
        if who.is_admin() { Ok(who.token) } else { Err(Refusal::admins_only()) }
    };
    let (token, watch) = visitor.watch(None, first).await?;
    let counted = tails.count(token)?;
    let (sender, receiver) = mpsc::channel(4);
    tokio::spawn(async move {
        tell(&sender, &job, &watch).await;
        drop(counted);
    });
    Ok(streamed(receiver))
}

/// Tells how far an import is until it ends, the reader leaves, or the session ends.
async fn tell(sender: &Sender<Bytes>, job: &Job, watch: &Watch) {
    let mut before = String::new();
    for tells in 0_u32.. {
        if tells % TELLS_PER_LOOK == 0 && watch.look(|_| Ok(())).await.is_err() {
            let _ = sender.send(Bytes::from(format!("event: end\n{}", data("gone")))).await;
            return;
        }
        // Looked at first, so that what is told last is how it ended.
        let has_ended = job.has_ended();
        let (state, reached) = job.now();
        let panel = Telling::of(job, &state, reached).to_string();
        let mut text = String::new();
        if panel != before {
            text.push_str(&data(&panel));
            before = panel;
        }
        if has_ended {
            text.push_str(&format!("event: end\n{}", data("ended")));
        }
        if !text.is_empty() && sender.send(Bytes::from(text)).await.is_err() || has_ended {
            return;
        }
        tokio::select! {
            () = sender.closed() => return,
            () = tokio::time::sleep(TELL_EVERY) => {}
        }
    }
}

/// How far an import is, or how it ended.
#[derive(Template)]
#[template(path = "imports/progress.html")]
struct Telling {
    /// Its class, glyph and word.
    badge: (&'static str, &'static str, &'static str),
    words: String,
    /// How much of the present file was read, in per cent.
    width: Option<String>,
    /// What came of it so far, if anything.
    summary: Option<String>,
    /// Where its next states come from.
    stream: Option<String>,
}

impl Telling {
    fn of(job: &Job, state: &State, reached: u64) -> Telling {
        let Some(ended) = &state.ended else {
            let so_far = Report { counts: state.counts.clone(), ..Report::default() };
            let (words, width) = step(job, state.step, reached);
            return Telling {
                badge: ("quiet", "○", "under way"),
                words,
                width,
                summary: (state.counts.read > 0).then(|| so_far.summary()),
                stream: Some(format!("{}/progress", job.page())),
            };
        };
        let (badge, words) = match (&ended.stopped, ended.report.wrong()) {
            (Some(why), _) => (
                ("bad", "✗", "stopped"),
                format!(
                    "{} What was imported before stays; import the files again, and it is recognised.",
                    sentence(why)
                ),
            ),
            (None, Some(wrong)) if ended.report.is_nothing() || ended.report.is_all_refused() => {
                (("bad", "✗", "failed"), sentence(&wrong))
            }
            (None, Some(wrong)) => (("warn", "!", "in part"), sentence(&wrong)),
            (None, None) => (("good", "✓", "done"), "Everything was read.".to_owned()),
        };
        let is_told = ended.report.counts.read > 0 || badge.0 == "good";
        let summary = is_told.then(|| ended.report.summary());
        Telling { badge, words, width: None, summary, stream: None }
    }
}

/// What an import does now, and how much of its file was read.
fn step(job: &Job, step: Step, reached: u64) -> (String, Option<String>) {
    let Step::Reads { file, bytes, is_survey } = step else {
        return ("The files have arrived and are unpacked.".to_owned(), None);
    };
    let act = if is_survey { "Looking through" } else { "Importing" };
    let name = job.names.get(file).map(String::as_str).unwrap_or_default();
    let mut words = format!("{act} {name}");
    if job.names.len() > 1 {
        words.push_str(&format!(", file {} of {}", file + 1, job.names.len()));
    }
    words.push_str(&format!(": {} of {}", size(reached.min(bytes)), size(bytes)));
    let width = reached.min(bytes) as f64 / bytes.max(1) as f64 * 100.0;
    (words, Some(format!("{width:.0}")))
}

/// What an import left out, and where to go from here.
#[derive(Template)]
#[template(path = "imports/ended.html")]
struct Rest {
    lines: Vec<String>,
    advice: Vec<String>,
    links: Vec<Link>,
}

impl Rest {
    fn of(app: &str, report: &Report) -> Rest {
        let mut advice = vec![];
        if report.counts.refused > 0 {
            advice.push(
                "A refused record stays out. Correct it at its line, or export the log again, and import \
                 the file once more: what is known is not imported twice."
                    .to_owned(),
            );
        }
        if report.counts.of_others > 0 {
            advice.push(format!(
                "If the entries of another application are this one's: provlog app set {app} \
                 --service-principal ID, then import the file once more."
            ));
        }
        let pairs = [("app", app), ("source", "imported")];
        let operations = with_query("/operations".to_owned(), pairs.into_iter());
        let links = vec![
            Link::to("Imports and another file", format!("/apps/{}/imports", encoded(app))),
            Link::to("What the imported log says", operations),
        ];
        Rest { lines: report.lines(), advice, links }
    }
}

/// A number of bytes as people read it.
fn size(bytes: u64) -> String {
    const MIB: u64 = 1 << 20;
    match bytes {
        0..MIB => format!("{} KiB", grouped(bytes.div_ceil(1 << 10))),
        _ if bytes.is_multiple_of(1 << 30) => format!("{} GiB", bytes >> 30),
        _ => format!("{} MiB", grouped(bytes / MIB)),
    }
}
