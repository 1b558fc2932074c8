//! Reviews: somebody signs off who was in the groups of an application. Adds, lists and checks them.

mod reviewed;

use std::collections::BTreeMap;
use std::sync::Arc;

use answers::act::{AddReview, AddedReview, NewReview, REVIEW_BYTES_MAX};
use answers::row::{Review, WholeReview};
use answers::{AccessMatrix, Members, OneReview, Outcome, Question, Reviews, question_at, row};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use budget::UNMADE_BYTES;
use data_encoding::HEXLOWER;
use event::{
    Application, Content, Credential, Event, Fact, Number, Origin, ResourceType, ReviewAdded,
    ReviewOutcome, Revocation, Seq, Timestamp,
};
use projector::{Decision, Draft, MemberSince, PassedPart, Stamp, View};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use store::key::Set;

use self::reviewed::{Reviewed, Rows, pinned, repeated};
use super::admin::refusal;
use super::ask::{Ask, Reading};
use super::body::Upload;
use super::question::{Answered, Asked, NamesOf, read_act};
use crate::Query;
use crate::answer::Found;
use crate::as_of::scim_id;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::export::Signed;
use crate::person::{identity, moment};
use crate::record::Record;

const QUESTION_BYTES_MAX: usize = 4_096;
const REMARK_BYTES_MAX: usize = 4_096;
const REVOCATIONS_MAX: usize = 5_000;
/// A manifest names at most so many reviews, the newest.
const IN_MANIFEST_MAX: usize = 1_000;
/// A manifest names at most so many memberships that are to end; reviews beyond have only their number.
const REVOCATIONS_IN_MANIFEST_MAX: usize = 20_000;

const UNKNOWN: Error = Error::NotFound("there is no such review");
const QUESTION: &str = "`question` takes the address of the members of a group or of an access matrix, as \
                        a path: /api/v1/apps/paperboat/matrix?at=2026-03-31; at most 4,096 bytes";
const FORM: &str =
    r#"{"question": TEXT, "outcome": TEXT, "remark": TEXT, "revoke": [{"userId", "groupId"}, …]}"#;

/// The texts of a review, as its event stores them.
#[derive(Serialize, Deserialize)]
struct Said {
    /// The address of the question, without instants.
    question: String,
    remark: Option<String>,
    /// The members of a row that the digest covers.
    members: Vec<String>,
}

/// `POST /api/v1/reviews`
pub(super) async fn add(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<(StatusCode, Json<AddedReview>), Error> {
    let owner = ask.owner;
    let asked = ask.act::<AddReview, _>(move |reading| {
        let AddReview {} = read_act(reading, &names)?;
        Ok(reading.caller.clone())
    });
    let (actor, caller) = asked.await?;
    let new: NewReview = body.json_within(FORM, REVIEW_BYTES_MAX).await?;
    let new = checked(new)?;
    let texts = [Some(&new.question), new.remark.as_ref()];
    if texts.into_iter().flatten().any(|text| !query.committer.gate().lets_pass(text)) {
        return Err(Error::Body("the review holds what looks like a secret".into()));
    }
    // A refusal can reveal who is in a group, so the question must be recorded.
    actor.asks(&new.question);
    let share = query.budget.reserve(owner, UNMADE_BYTES).await?;
    let outcome = stored(new.outcome);
    let prepared = query.look_as(caller, move |reading| prepared(reading, new)).await?;
    drop(share);
    let Prepared { application, said, at, known_at, rows, revoke } = prepared;
    actor.concerns(application);
    let question = pinned(&said.question, at, Some(known_at));
    let (count, sha256) = (rows.count, rows.sha256);
    let note = serde_json::to_vec(&said).map_err(|_| Error::Defect)?;
    let passed = query.committer.gate().passed(Content::Note(note));
    let decide = move |origin: Origin, _: &View<'_>, stamp: Stamp| {
        if let Some(fault) = stamp.clock_fault {
            return refusal(fault.into());
        }
        let review = ReviewAdded { at, known_at, rows: count, sha256, outcome, revoke };
        let (origin, fact) = (Some(origin), Fact::ReviewAdded(review));
        let passed = vec![PassedPart::new(Number::NOBODY, passed)];
        let event = Draft { application, origin, fact, parts: vec![], passed };
        Ok(Decision { events: vec![event], reply: Ok(stamp.seq) })
    };
    let seq = query.decide(actor, decide).await?;
    let sha256 = HEXLOWER.encode(&sha256);
    Ok((StatusCode::CREATED, Json(AddedReview { seq, question, rows: count, sha256 })))
}

/// Checks what needs no answer. An empty remark is none.
fn checked(mut new: NewReview) -> Result<NewReview, Error> {
    if new.question.len() > QUESTION_BYTES_MAX || new.question.contains('#') {
        return Err(Error::Body(QUESTION.into()));
    }
    new.remark = new.remark.filter(|remark| !remark.is_empty());
    if new.remark.as_ref().is_some_and(|remark| remark.len() > REMARK_BYTES_MAX) {
        return Err(Error::Body("`remark` takes at most 4,096 bytes".into()));
    }
    let wrong = match (new.outcome, new.revoke.len()) {
        (Outcome::Approved, 1..) => "whoever approves all has nothing to `revoke`",
        (Outcome::ApprovedWithRevocations, 0) => "`revoke` names the memberships that are to end",
        (_, count) if count > REVOCATIONS_MAX => "`revoke` takes at most 5,000 memberships",
        _ => return Ok(new),
    };
    Err(Error::Body(wrong.into()))
}

fn stored(outcome: Outcome) -> ReviewOutcome {
    match outcome {
        Outcome::Approved => ReviewOutcome::Approved,
        Outcome::ApprovedWithRevocations => ReviewOutcome::ApprovedWithRevocations,
        Outcome::Rejected => ReviewOutcome::Rejected,
    }
}

fn told(outcome: ReviewOutcome) -> Outcome {
    match outcome {
        ReviewOutcome::Approved => Outcome::Approved,
        ReviewOutcome::ApprovedWithRevocations => Outcome::ApprovedWithRevocations,
        ReviewOutcome::Rejected => Outcome::Rejected,
    }
}

/// A review that can be recorded.
struct Prepared {
    application: Application,
    said: Said,
    at: Timestamp,
    known_at: Seq,
    rows: Rows,
    revoke: Vec<Revocation>,
}

/// Asks the question for the reviewer, and finds the memberships that are to end in its answer.
fn prepared(reading: &Reading<'_>, new: NewReview) -> Result<Prepared, Error> {
    let record = &reading.record;
    let reviewed = of_caller(reading, &new.question)?;
    let reviewed = reviewed.ok_or_else(|| Error::Body(QUESTION.into()))?;
    if reviewed.at > record.now {
        return Err(Error::Body("`question` is about an instant that has not passed".into()));
    }
    let known_at = reviewed.size.checked_sub(1).ok_or(Error::Defect)?;
    // Nothing happened after the last event, so the answer is the same at that instant; and at a later
    // one it would not be known to be complete.
    let reviewed = reviewed.not_after(record.recorded_at(known_at)?);
    let at = reviewed.at;
    let mut wanted = Wanted::of(&new);
    let members = reviewed.members();
    let rows = reviewed.answer(reading, (reviewed.size, at), &members, &mut |answer, row| {
        wanted.look(answer, row);
    })?;
    let known = record.limited_to(reviewed.size);
    let at_seq = known.seq_at(reviewed.size, at)?;
    let revoke = wanted.found(&known, reviewed.application, at_seq)?;
    let said = Said { question: reviewed.subject(), remark: new.remark, members };
    Ok(Prepared { application: reviewed.application, said, at, known_at, rows, revoke })
}

/// A question that can be reviewed, if the caller may ask it.
fn of_caller(reading: &Reading<'_>, address: &str) -> Result<Option<Reviewed>, Error> {
    let view = &reading.record.view;
    Reviewed::read(&reading.record, address, |slug| reading.caller.application(view, slug))
}

/// The memberships that are to end, while they are sought in an answer.
struct Wanted {
    /// Member and group of each, and whether it was found. Without a group, the one of the answer.
    all: Vec<(String, Option<String>, bool)>,
    /// Their places by member.
    places: BTreeMap<String, Vec<usize>>,
}

impl Wanted {
    fn of(new: &NewReview) -> Wanted {
        let mut places: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (place, one) in new.revoke.iter().enumerate() {
            places.entry(one.user_id.clone()).or_default().push(place);
        }
        let all = new.revoke.iter();
        let all = all.map(|one| (one.user_id.clone(), one.group_id.clone(), false));
        Wanted { all: all.collect(), places }
    }

    /// Notes which of them a row has.
    fn look(&mut self, answer: &Map<String, Value>, row: &Map<String, Value>) {
        let id = row.get("userId").and_then(Value::as_str);
        let Some(places) = id.and_then(|id| self.places.get(id)) else { return };
        for place in places {
            let Some((_, group, found)) = self.all.get_mut(*place) else { continue };
            if group.is_none() {
                *group = answer.get("groupId").and_then(Value::as_str).map(str::to_owned);
            }
            *found |= group.as_ref().is_some_and(|group| holds(answer, row, group));
        }
    }

    /// The numbers of what was found.
    fn found(
        self,
        record: &Record<'_>,
        application: Application,
        at: Option<Seq>,
    ) -> Result<Vec<Revocation>, Error> {
        let view = &record.view;
        let (mut groups, mut revoke) = (BTreeMap::new(), vec![]);
        for (place, (user, group, found)) in self.all.into_iter().enumerate() {
            let missing = || {
                let place = place + 1;
                Error::Body(format!(
                    "membership {place} of `revoke` is no direct one of the answer"
                ))
            };
            let (Some(group), true, Some(at)) = (group, found, at) else { return Err(missing()) };
            if !groups.contains_key(&group) {
                let number = view.number_of_id(application, ResourceType::GROUP, &group)?;
                let number = number.ok_or_else(missing)?;
                let members = view.members(application, Set::Members(number), at)?;
                groups.insert(group.clone(), (number, members));
            }
            let Some((group, members)) = groups.get(&group) else { return Err(missing()) };
            let member = member_of_id(record, application, members, &user)?.ok_or_else(missing)?;
            let one = Revocation { member, group: *group };
            if !revoke.contains(&one) {
                revoke.push(one);
            }
        }
        Ok(revoke)
    }
}

/// Whether a row has a direct membership in a group.
fn holds(answer: &Map<String, Value>, row: &Map<String, Value>, group: &str) -> bool {
    let is_group = |of: &Value| of.get("groupId").and_then(Value::as_str) == Some(group);
    let is_direct = |of: &Value| of.get("direct") == Some(&Value::Bool(true));
    match answer.get("groups").and_then(Value::as_array) {
        Some(groups) => {
            let place = groups.iter().position(is_group);
            let cell = place.and_then(|place| row.get("cells")?.get(place));
            cell.is_some_and(is_direct)
        }
        None => {
            answer.get("groupId").and_then(Value::as_str) == Some(group)
                && row.get("direct") == Some(&Value::Bool(true))
        }
    }
}

/// The member of a group that has a SCIM id. It may be an id that no event created.
fn member_of_id(
    record: &Record<'_>,
    application: Application,
    members: &[MemberSince],
    id: &str,
) -> Result<Option<Number>, Error> {
    for kind in [ResourceType::USER, ResourceType::GROUP] {
        let number = record.view.number_of_id(application, kind, id)?;
        let is_member = |number: &Number| {
            members.binary_search_by_key(number, |standing| standing.member).is_ok()
        };
        if let Some(number) = number.filter(is_member) {
            return Ok(Some(number));
        }
    }
    for MemberSince { member, .. } in members {
        if scim_id(&record.view, application, *member)?.as_deref() == Some(id) {
            return Ok(Some(*member));
        }
    }
    Ok(None)
}

/// What an event stores of a review; `None` if it is another event.
fn read(event: &Event) -> Result<Option<(&ReviewAdded, Said)>, Error> {
    let Fact::ReviewAdded(added) = &event.header.fact else { return Ok(None) };
    let note = event.parts.iter().find_map(|part| match &part.content {
        Content::Note(note) => Some(note),
        _ => None,
    });
    let said = note.and_then(|note| serde_json::from_slice(note).ok());
    Ok(Some((added, said.ok_or(Error::Damaged("a review"))?)))
}

fn review_row(
    record: &Record<'_>,
    event: &Event,
    (added, said): (&ReviewAdded, &Said),
) -> Result<Review, Error> {
    let header = &event.header;
    let application = record.view.application_of(header.application)?;
    let actor = header.origin.as_ref().map(|origin| origin.credential);
    let actor = actor.filter(|one| *one != Credential::NONE);
    let role = match actor {
        Some(actor) => record.view.role_at(actor, event.seq)?.map(|role| role.name().to_owned()),
        None => None,
    };
    let client = header.origin.as_ref().and_then(|origin| origin.client);
    Ok(Review {
        seq: event.seq,
        recorded_at: header.recorded_at.to_string().into(),
        application: application.ok_or(Error::Damaged("a review"))?.slug,
        question: pinned(&said.question, added.at, Some(added.known_at)),
        at: added.at.to_string().into(),
        known_at: added.known_at,
        outcome: told(added.outcome),
        remark: said.remark.clone(),
        revocations: added.revoke.len() as u64,
        rows: added.rows,
        sha256: HEXLOWER.encode(&added.sha256),
        actor_id: actor.map(|actor| actor.to_string()),
        role,
        source_ip: client.map(|client| client.to_string()),
    })
}

/// Whether nothing was recorded between two instants, so that both have the same state. A review is of the last
/// event's time if its reader asked about a later instant.
fn is_same_state(record: &Record<'_>, one: Timestamp, other: Timestamp) -> Result<bool, Error> {
    let last = |time: Timestamp| record.seq_at(record.size, time);
    Ok(one == other || last(one)? == last(other)?)
}

/// The reviews among some events that are of a question, in their order.
fn of_question(
    record: &Record<'_>,
    seqs: &[Seq],
    question: Option<&Reviewed>,
) -> Result<Vec<Seq>, Error> {
    let Some(question) = question else { return Ok(seqs.to_vec()) };
    let subject = question.subject();
    let mut all = vec![];
    for event in record.events(seqs) {
        let event = event?;
        let Some((added, said)) = read(&event)? else { return Err(Error::Damaged("a review")) };
        if said.question == subject
            && (!question.names_at || is_same_state(record, added.at, question.at)?)
        {
            all.push(event.seq);
        }
    }
    Ok(all)
}

impl Answered for Reviews {
    /// Newest first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Reviews>, Error> {
        let one = asked.narrowed_to(self.app.as_ref())?;
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let record = &reading.record.limited_to(stand.size);
        let mut all = vec![];
        for application in reading.applications(one)? {
            all.extend(record.view.reviews(application, stand.seqs.clone())?);
        }
        all.sort_unstable_by(|one, other| other.cmp(one));
        if let Some(question) = &self.question {
            let address = match question.starts_with('/') {
                true => question.clone(),
                false => format!("/api/v1/{question}"),
            };
            let path = address.split('?').next().unwrap_or_default();
            question_at(path).ok_or_else(|| asked.refusal("question"))?;
            all = match of_caller(reading, &address)? {
                Some(reviewed) => of_question(record, &all, Some(&reviewed))?,
                // It is a question that nobody can review.
                None => vec![],
            };
        }
        let (page, next) = stand.part_of(&all);
        let rows = record.events(page).map(|event| {
            let event = event?;
            let (added, said) = read(&event)?.ok_or(Error::Damaged("a review"))?;
            review_row(record, &event, (added, &said))
        });
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let found = Found::new(record, &stand, &Coverage::complete());
        let found = found.about(reading.asked_application(one), Number::NOBODY);
        Ok(found.rows(rows, all.len() as u64, next))
    }
}

impl Answered for OneReview {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<OneReview>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let record = &reading.record.limited_to(stand.size);
        if self.review >= record.size {
            return Err(UNKNOWN);
        }
        let event = record.event(self.review)?;
        let application = event.header.application;
        let Some((added, said)) = read(&event)? else { return Err(UNKNOWN) };
        if !reading.caller.may_see(application) {
            return Err(UNKNOWN);
        }
        let reviewed = of_caller(reading, &said.question)?.ok_or(Error::Damaged("a review"))?;
        let size = added.known_at.saturating_add(1);
        let rows = reviewed.answer(reading, (size, added.at), &said.members, &mut |_, _| {})?;
        let at_seq = reading.record.seq_at(size, added.at)?;
        let revoke = revocations(record, &event, added, at_seq)?;
        let whole = WholeReview {
            review: review_row(record, &event, (added, &said))?,
            lasting: revoke.iter().filter(|one| !one.ended).count() as u64,
            revoke,
            same_answer: rows.sha256 == added.sha256,
            sha256_now: HEXLOWER.encode(&rows.sha256),
        };
        let found = Found::new(record, &stand, &Coverage::complete());
        Ok(found.about(application, Number::NOBODY).resource(Some(whole)))
    }
}

/// The memberships that are to end by a review about the state right after an event.
fn revocations(
    record: &Record<'_>,
    event: &Event,
    added: &ReviewAdded,
    at: Option<Seq>,
) -> Result<Vec<row::Revocation>, Error> {
    let application = event.header.application;
    added.revoke.iter().map(|one| revocation(record, application, *one, at)).collect()
}

/// A membership that is to end, and what has become of it since the instant of the review.
fn revocation(
    record: &Record<'_>,
    application: Application,
    Revocation { member, group }: Revocation,
    at: Option<Seq>,
) -> Result<row::Revocation, Error> {
    let stays = record.view.stays_in(application, member, group)?;
    let reviewed = stays.iter().find(|stay| at.is_some_and(|at| stay.covers(at)));
    let end = reviewed.and_then(|stay| stay.end);
    let who = identity(record, application, member, at)?;
    let of_group = identity(record, application, group, at)?;
    Ok(row::Revocation {
        user_id: who.id,
        user_name: who.user_name,
        display_name: who.display_name,
        group_id: of_group.id,
        group_name: of_group.display_name,
        member_since: moment(record, reviewed.map(|stay| stay.start))?,
        added_by_seq: reviewed.map(|stay| stay.start),
        ended: end.is_some(),
        ended_at: moment(record, end)?,
        ended_seq: end,
        member_now: stays.iter().any(|stay| stay.end.is_none()),
    })
}

/// The reviews of an exported question at the same instant, newest first, for the manifest; `None` if
/// nobody can review it. `asked` is the `query` of its answer, so the caller may see it.
pub(super) fn of_export(query: &Query, path: &str, asked: &Value) -> Result<Option<Signed>, Error> {
    let asked = question_at(path).zip(asked.as_object());
    let Some((described, asked)) = asked else { return Ok(None) };
    if !matches!(described.path, Members::PATH | AccessMatrix::PATH) {
        return Ok(None);
    }
    let store = query.committer.store();
    let snapshot = store.snapshot();
    let record = Record::new(store, &snapshot, query.committer.now(), &query.cursor_key)?;
    let find = |slug: &str| record.view.application(slug)?.ok_or(UNKNOWN);
    let mut address = asked.clone();
    // What was known does not matter for whether it is the same question.
    address.remove("knownAt");
    let Some(reviewed) = Reviewed::read(&record, &repeated(described, &address), find)? else {
        return Ok(None);
    };
    let all = record.view.reviews(reviewed.application, 0..record.size)?;
    let mut all = of_question(&record, &all, Some(&reviewed))?;
    let count = all.len();
    all.truncate(IN_MANIFEST_MAX);
    let mut left = REVOCATIONS_IN_MANIFEST_MAX;
    let rows = record.events(&all).map(|event| {
        let event = event?;
        let (added, said) = read(&event)?.ok_or(Error::Damaged("a review"))?;
        let row = review_row(&record, &event, (added, &said))?;
        let mut row = serde_json::to_value(row).map_err(|_| Error::Defect)?;
        let revoke = match left.checked_sub(added.revoke.len()) {
            None => Value::Null,
            Some(rest) => {
                left = rest;
                let at = record.seq_at(added.known_at.saturating_add(1), added.at)?;
                let revoke = revocations(&record, &event, added, at)?;
                serde_json::to_value(revoke).map_err(|_| Error::Defect)?
            }
        };
        if let Some(row) = row.as_object_mut() {
            row.insert("revoke".to_owned(), revoke);
        }
        Ok(row)
    });
    let rows = rows.collect::<Result<Vec<Value>, Error>>()?;
    Ok(Some(Signed { reviews: rows.into(), count: count as u64 }))
}
