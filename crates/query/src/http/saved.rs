//! Saved questions: lists, saves and removes them.

use std::sync::Arc;

use answers::act::{NewQuestion, RemoveQuestion, RemovedQuestion, SaveQuestion, SavedAs};
use answers::{OneSaved, QuestionName, SavedQuestions, question_at, row};
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Request, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use event::{
    Application, Content, Credential, Fact, Number, Origin, QuestionRemoved, QuestionSaved,
};
use projector::{Decision, Draft, PassedPart, SavedQuestion, Stamp, View};
use tower::ServiceExt;

use super::admin::refusal;
use super::apps::is_plain;
use super::ask::Ask;
use super::body::Upload;
use super::configuration_log::question_of;
use super::of_export::{OfExport, Questions};
use super::question::{Answered, Asked, NamesOf, read_act};
use crate::answer::Found;
use budget::UNMADE_BYTES;

use crate::Query;
use crate::answer::Seen;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::record::Record;

const QUESTION_BYTES_MAX: usize = 4_096;
/// More are refused, because all of them are read at once.
const SAVED_MAX: usize = 1_000;

const UNKNOWN: Error = Error::NotFound("no question is saved under that name");

/// The saved questions that the question knows and the caller may see.
fn visible(asked: &Asked<'_>, record: &Record<'_>) -> Result<Vec<SavedQuestion>, Error> {
    let mut all = record.view.saved_questions(View::NOW)?;
    all.retain(|one| asked.reading.caller.may_see(one.application));
    Ok(all)
}

fn row(
    asked: &Asked<'_>,
    record: &Record<'_>,
    saved: &SavedQuestion,
) -> Result<row::SavedQuestion, Error> {
    let event = record.event(saved.seq)?;
    let question = question_of(&event)?;
    let application = asked.reading.record.view.application_of(saved.application)?;
    let actor = event.header.origin.map(|origin| origin.credential);
    Ok(row::SavedQuestion {
        name: saved.name.clone(),
        question,
        application: application.map(|row| row.slug),
        saved_at: event.header.recorded_at.to_string().into(),
        saved_seq: saved.seq,
        actor_id: actor.filter(|one| *one != Credential::NONE).map(|one| one.to_string()),
    })
}

impl Answered for SavedQuestions {
    /// By name.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<SavedQuestions>, Error> {
        let stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        let all = visible(asked, record)?;
        let (page, next) = stand.part_of(&all);
        let rows = page.iter().map(|saved| row(asked, record, saved));
        let rows = rows.collect::<Result<Vec<_>, _>>()?;
        let found = Found::new(record, &stand, &Coverage::complete());
        let found = found.about(asked.reading.asked_application(None), Number::NOBODY);
        Ok(found.rows(rows, all.len() as u64, next))
    }
}

impl Answered for OneSaved {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<OneSaved>, Error> {
        let stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        let all = visible(asked, record)?;
        let saved = all.iter().find(|one| one.name == self.name.0).ok_or(UNKNOWN)?;
        let found = Found::new(record, &stand, &Coverage::complete());
        let found = found.about(saved.application, Number::NOBODY);
        Ok(found.resource(Some(row(asked, record, saved)?)))
    }
}

/// The result of trying a question before it is saved.
enum Tried {
    /// It has an answer, about this application (the recorder for all).
    Answered(Application),
    /// It is refused with this response.
    Refused(Response),
}

/// Asks a question for the admin who saves it. Returns only whether it has an answer.
async fn tried(
    Questions(questions): Questions,
    mut headers: HeaderMap,
    question: &str,
    is_list: bool,
) -> Result<Tried, Error> {
    let joint = if question.contains('?') { '&' } else { '?' };
    let target = match is_list {
        true => format!("{question}{joint}limit=1"),
        false => question.to_owned(),
    };
    let request = Request::get(target).body(Body::empty());
    let mut request = request.map_err(|_| Error::Body(QUESTION.into()))?;
    // These describe the body of the saving request; this one has none.
    headers.remove(axum::http::header::CONTENT_LENGTH);
    headers.remove(axum::http::header::CONTENT_TYPE);
    *request.headers_mut() = headers;
    request.extensions_mut().insert(OfExport { first: None });
    let Ok(response) = questions.oneshot(request).await;
    if !response.status().is_success() {
        return Ok(Tried::Refused(response));
    }
    let about = response.extensions().get::<Seen>().and_then(|page| page.about);
    Ok(Tried::Answered(about.map_or(Application::RECORDER, |(application, _)| application)))
}

const QUESTION: &str = "`question` takes the address of a question and its parameters, as a path: \
                        /api/v1/operations?status=failure&from=-7d; at most 4,096 bytes";

/// The address without its paging parameters.
fn without_pages(question: &str) -> String {
    let Some((path, query)) = question.split_once('?') else { return question.to_owned() };
    let is_kept = |pair: &&str| !pair.starts_with("limit=") && !pair.starts_with("cursor=");
    let kept: Vec<&str> = query.split('&').filter(is_kept).collect();
    match kept.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", kept.join("&")),
    }
}

/// `POST /api/v1/saved-questions`
pub(super) async fn save(
    State(query): State<Arc<Query>>,
    Extension(questions): Extension<Questions>,
    headers: HeaderMap,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<Response, Error> {
    let owner = ask.owner;
    let (admin, SaveQuestion {}) =
        ask.act::<SaveQuestion, _>(move |reading| read_act(reading, &names)).await?;
    let form = r#"{"name": TEXT, "question": TEXT}"#;
    let NewQuestion { name, question } = body.json(form).await?;
    if !is_plain(&name) {
        return Err(Error::Body("`name` takes 1 to 63 of a-z, 0-9 and -".into()));
    }
    let path = question.split_once('?').map_or(question.as_str(), |(path, _)| path);
    let fits = question.len() <= QUESTION_BYTES_MAX && !question.contains('#');
    let described = question_at(path).filter(|_| fits);
    let described = described.ok_or_else(|| Error::Body(QUESTION.into()))?;
    let question = without_pages(&question);
    if [&name, &question].into_iter().any(|text| !query.committer.gate().lets_pass(text)) {
        return Err(Error::Body("the question holds what looks like a secret".into()));
    }
    // A refusal can reveal who exists, so the question must be recorded.
    admin.asks(&question);
    let share = query.budget.reserve(owner, UNMADE_BYTES).await?;
    let tried = tried(questions, headers, &question, described.is_list()).await?;
    drop(share);
    let application = match tried {
        Tried::Answered(application) => application,
        Tried::Refused(refusal) => return Ok(refusal),
    };
    admin.concerns(application);
    let (told, text) = (question.clone(), name.clone());
    let note = serde_json::to_vec(&question).map_err(|_| Error::Defect)?;
    let passed = query.committer.gate().passed(Content::Note(note));
    let decide = move |origin: Origin, view: &View<'_>, stamp: Stamp| {
        if let Some(fault) = stamp.clock_fault {
            return refusal(fault.into());
        }
        let all = view.saved_questions(View::NOW)?;
        if all.len() >= SAVED_MAX && !all.iter().any(|one| one.name == name) {
            return refusal(Error::SavedFull { saved_max: SAVED_MAX });
        }
        let fact = Fact::QuestionSaved(QuestionSaved { name });
        let passed = vec![PassedPart::new(Number::NOBODY, passed)];
        let event = Draft { application, origin: Some(origin), fact, parts: vec![], passed };
        Ok(Decision { events: vec![event], reply: Ok(stamp.seq) })
    };
    let seq = query.decide(admin, decide).await?;
    let answer = SavedAs { name: text, question: told, seq };
    Ok((StatusCode::CREATED, Json(answer)).into_response())
}

/// `DELETE /api/v1/saved-questions/{name}`
pub(super) async fn remove(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Json<RemovedQuestion>, Error> {
    let asked = ask.act::<RemoveQuestion, _>(move |reading| read_act(reading, &names));
    let (admin, RemoveQuestion { name: QuestionName(name) }) = asked.await?;
    let told = name.clone();
    let decide = move |origin: Origin, view: &View<'_>, stamp: Stamp| {
        let all = view.saved_questions(View::NOW)?;
        let Some(saved) = all.into_iter().find(|one| one.name == name) else {
            return refusal(UNKNOWN);
        };
        if let Some(fault) = stamp.clock_fault {
            return refusal(fault.into());
        }
        let fact = Fact::QuestionRemoved(QuestionRemoved { name });
        let event = Draft {
            application: saved.application,
            origin: Some(origin),
            fact,
            parts: vec![],
            passed: vec![],
        };
        Ok(Decision { events: vec![event], reply: Ok(stamp.seq) })
    };
    let removed_seq = query.decide(admin, decide).await?;
    Ok(Json(RemovedQuestion { name: told, removed_seq }))
}
