//! Reviews of memberships, with the answers that were reviewed.

use event::{Content, Event, Fact, ReviewAdded, ReviewOutcome, Revocation, Seq};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::known::Known;
use super::members::{matrix, members, stays};
use super::questions::{Expected, Parameters};
use super::resources::identity;

/// A review, and the address of its question without instants.
fn review_of(event: &Event) -> Option<(&ReviewAdded, Map<String, Value>)> {
    let Fact::ReviewAdded(added) = &event.header.fact else { return None };
    let note = event.parts.iter().find_map(|part| match &part.content {
        Content::Note(note) => Some(note),
        _ => None,
    });
    Some((added, serde_json::from_slice(note.expect("it has a question")).expect("JSON")))
}

/// The digest and the number of the rows that were reviewed, computed from the events before the review.
/// Histories review the members of a group by its id, and matrices of all groups.
fn answer_of(known: &Known<'_>, added: &ReviewAdded, question: &str) -> (String, usize) {
    let before = known.limited_to(added.known_at as usize + 1);
    let group = question.split("/groups/").nth(1).and_then(|rest| rest.split("/members").next());
    let asked = Parameters {
        at: Some(added.at),
        group: group.unwrap_or_default().to_owned(),
        nested: question.contains("nested=true"),
        all: question.contains("allUsers=true"),
        ..Parameters::default()
    };
    let answer = if group.is_some() { members(&before, &asked) } else { matrix(&before, &asked) };
    let rows = answer.members["rows"].as_array().expect("rows").clone();
    let lines: String = rows.iter().map(|row| canonical::text(row) + "\n").collect();
    let digest = Sha256::digest(lines).iter().map(|byte| format!("{byte:02x}")).collect();
    (digest, rows.len())
}

fn row(known: &Known<'_>, event: &Event) -> Map<String, Value> {
    let (added, said) = review_of(event).expect("a review");
    let question = said["question"].as_str().expect("a text");
    let (sha256, rows) = answer_of(known, added, question);
    let origin = event.header.origin.as_ref().expect("somebody reviewed it");
    let role = known.events().iter().find_map(|event| match &event.header.fact {
        Fact::CredentialAdded(one) if one.number == origin.credential => Some(one.role.name()),
        _ => None,
    });
    let joint = if question.contains('?') { '&' } else { '?' };
    let row = json!({
        "seq": event.seq,
        "recordedAt": known.time(event.seq),
        "application": known.slug(event.header.application),
        "question": format!("{question}{joint}at={}&knownAt={}", added.at, added.known_at),
        "at": added.at.to_string(),
        "knownAt": added.known_at,
        "outcome": match added.outcome {
            ReviewOutcome::Approved => "approved",
            ReviewOutcome::ApprovedWithRevocations => "approvedWithRevocations",
            ReviewOutcome::Rejected => "rejected",
        },
        "remark": said["remark"],
        "revocations": added.revoke.len(),
        "rows": rows,
        "sha256": sha256,
        "actorId": origin.credential.to_string(),
        "role": role,
        "sourceIp": origin.client.map(|client| client.to_string()),
    });
    row.as_object().expect("an object").clone()
}

/// `GET /reviews`
pub fn list(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let (start, end) = parameters.stretch(known);
    let wanted = known.applications(parameters.app);
    let reviews = known.events()[start..end]
        .iter()
        .rev()
        .filter(|event| review_of(event).is_some() && wanted.contains(&event.header.application));
    Expected::rows(reviews.map(|event| row(known, event).into()).collect())
}

/// `GET /reviews/{review}`
pub fn one(known: &Known<'_>, parameters: &Parameters) -> Expected {
    let event = known.events().get(parameters.event as usize);
    let Some(event) = event.filter(|event| review_of(event).is_some()) else {
        return Expected::not_found();
    };
    let (added, _) = review_of(event).expect("a review");
    let mut whole = row(known, event);
    let before = known.limited_to(added.known_at as usize + 1);
    let revoke: Vec<Value> = added
        .revoke
        .iter()
        .map(|one| revocation(known, event, *one, before.through(added.at)))
        .collect();
    whole
        .insert("lasting".into(), revoke.iter().filter(|row| row["ended"] == false).count().into());
    whole.insert("revoke".into(), revoke.into());
    whole.insert("sameAnswer".into(), true.into());
    whole.insert("sha256Now".into(), whole["sha256"].clone());
    Expected::answer().with("resource", whole).with("rowCount", 1)
}

fn revocation(
    known: &Known<'_>,
    event: &Event,
    Revocation { member, group }: Revocation,
    at: usize,
) -> Value {
    let application = event.header.application;
    let all = stays(known, application);
    let own: Vec<_> =
        all.iter().filter(|stay| (stay.member, stay.group) == (member, group)).collect();
    let covers = |start: Seq, end: Option<Seq>| {
        (start as usize) < at && end.is_none_or(|end| end as usize >= at)
    };
    let reviewed = own.iter().find(|stay| covers(stay.start, stay.end.map(|(seq, _)| seq)));
    let reviewed = reviewed.expect("it was a membership then");
    let end = reviewed.end.map(|(seq, _)| seq);
    let (who, of_group) =
        (identity(known, application, member, at), identity(known, application, group, at));
    json!({
        "userId": who["userId"],
        "userName": who["userName"],
        "displayName": who["displayName"],
        "groupId": of_group["userId"],
        "groupName": of_group["displayName"],
        "memberSince": known.time(reviewed.start),
        "addedBySeq": reviewed.start,
        "ended": end.is_some(),
        "endedAt": end.map(|end| known.time(end)),
        "endedSeq": end,
        "memberNow": own.iter().any(|stay| stay.end.is_none()),
    })
}
