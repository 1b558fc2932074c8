//! Tokens: which there are, a new one, and one that is taken back.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use event::{Application, Credential, CredentialAdded, CredentialRevoked, Fact, Role};
use projector::{CredentialRow, Decision, Draft, Durability};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, Names, read_body};
use crate::Query;
use crate::answer::Answer;
use crate::coverage::Coverage;
use crate::cursor::List;
use crate::error::Error;
use crate::stand::Stand;
use crate::token::Token;

/// An identity provider changes its token while the old one still works; there is no use for a third.
const SCIM_TOKENS_MAX: usize = 2;

/// `GET /api/v1/tokens`: every token that was issued, without the token itself.
pub(super) async fn list(ask: Ask) -> Result<Answer, Error> {
    ask.answer(|reading| {
        let params = reading.params(&["limit", "cursor"])?;
        reading.caller.clone().into_admin()?;
        let stand = Stand::of_page(&reading.record, &params, &[], List::Tokens)?;
        let view = &reading.record.view;
        let applications = view.applications()?.into_iter();
        let slugs: BTreeMap<_, _> = applications.map(|one| (one.number, one.slug)).collect();
        let mut all = view.credentials()?;
        all.retain(|one| one.added_seq < stand.size);
        let count = all.len() as u64;
        all.retain(|one| stand.after.is_none_or(|after| u64::from(one.number.0) > after));
        let more = all.len() > stand.limit;
        all.truncate(stand.limit);
        let last = all.last().filter(|_| more);
        let next = last.map(|one| stand.next(List::Tokens, one.number.0.into()));
        let rows = all.iter().map(|one| {
            json!({
                "id": one.number.to_string(),
                "role": one.role.name(),
                "application": slugs.get(&one.application),
                "addedAt": one.added_at.to_string(),
                "addedSeq": one.added_seq,
                "revokedSeq": one.revoked_seq.filter(|seq| *seq < stand.size),
            })
        });
        let answer = Answer::new(&reading.record, &stand, &Coverage::complete());
        Ok(answer.rows(rows.collect(), count, next))
    })
    .await
}

/// `DELETE /api/v1/tokens/{id}`: takes a token back. It is refused from the next request on; doing it
/// again changes nothing.
pub(super) async fn revoke(
    State(query): State<Arc<Query>>,
    ask: Ask,
    Names(id): Names<String>,
) -> Result<Json<Value>, Error> {
    let origin = ask.read(|reading| {
        reading.params(&[])?;
        reading.caller.into_admin()
    });
    let origin = origin.await?;
    let unknown = || Error::NotFound("there is no such token; see /api/v1/tokens");
    let number = Credential(id.parse().map_err(|_| unknown())?);
    let decide = move |view: &projector::View<'_>, stamp: projector::Stamp| {
        let refused = |error| Ok(Decision { events: vec![], reply: Err(error) });
        let Some(credential) = view.credential_of(number)? else { return refused(unknown()) };
        // Whoever does that may be left with none that can undo it.
        if origin.credential == number {
            return refused(Error::OwnToken);
        }
        if let Some(seq) = credential.revoked_seq {
            return Ok(Decision { events: vec![], reply: Ok((credential.role, seq)) });
        }
        if stamp.clock_behind {
            return refused(Error::ClockBehind);
        }
        let fact = Fact::CredentialRevoked(CredentialRevoked { number });
        let application = credential.application;
        let event = Draft { application, origin: Some(origin), fact, parts: vec![] };
        Ok(Decision { events: vec![event], reply: Ok((credential.role, stamp.seq)) })
    };
    let (role, seq) = query.committer.submit(Durability::Synced, decide).await??;
    Ok(Json(json!({"id": number.to_string(), "role": role.name(), "revokedSeq": seq})))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    role: String,
    application: Option<String>,
}

/// `POST /api/v1/tokens`: issues a token.
pub(super) async fn add(
    State(query): State<Arc<Query>>,
    ask: Ask,
    body: Body,
) -> Result<(StatusCode, Json<Value>), Error> {
    let admin = ask.read(|reading| {
        reading.params(&[])?;
        reading.caller.into_admin()
    });
    let origin = admin.await?;
    let new: NewToken = read_body(body, r#"{"role": TEXT, "application": TEXT}"#).await?;
    let role = role(&new)?;

    let token = Token::generate()?;
    let sha256 = token.sha256();
    let slug = new.application.clone();
    let decide = move |view: &projector::View<'_>, stamp: projector::Stamp| {
        let refused = |error| Ok(Decision { events: vec![], reply: Err(error) });
        let application = match &slug {
            None => Application::RECORDER,
            Some(slug) => match view.application(slug)? {
                Some(application) => application.number,
                None => return refused(Error::NotFound("there is no such application")),
            },
        };
        let is_like = |one: &CredentialRow| {
            let valid = one.revoked_seq.is_none();
            valid && one.role == Role::Scim && one.application == application
        };
        if role == Role::Scim
            && view.credentials()?.iter().filter(|one| is_like(one)).count() >= SCIM_TOKENS_MAX
        {
            return refused(Error::TwoTokens);
        }
        if stamp.clock_behind {
            return refused(Error::ClockBehind);
        }
        let number = view.next_credential()?;
        let fact = Fact::CredentialAdded(CredentialAdded { number, role, sha256 });
        let event = Draft { application, origin: Some(origin), fact, parts: vec![] };
        Ok(Decision { events: vec![event], reply: Ok(number) })
    };
    let number = query.committer.submit(Durability::Synced, decide).await??;
    let mut answer =
        json!({"token": token.as_str(), "id": number.to_string(), "role": role.name()});
    if let Some(slug) = new.application {
        answer["application"] = slug.into();
    }
    Ok((StatusCode::CREATED, Json(answer)))
}

/// The role that is asked for, when it goes with what is said of an application.
fn role(new: &NewToken) -> Result<Role, Error> {
    let role = match new.role.as_str() {
        "admin" => Role::Admin,
        "auditor" => Role::Auditor,
        "app-auditor" => Role::AppAuditor,
        "scim" => Role::Scim,
        _ => {
            return Err(Error::Body("`role` takes admin, auditor, app-auditor or scim".into()));
        }
    };
    let limited = match role {
        Role::Admin | Role::Auditor => false,
        Role::AppAuditor | Role::Scim => true,
    };
    match (limited, &new.application) {
        (true, None) => Err(Error::Body("a token of that role needs an `application`".into())),
        (false, Some(_)) => Err(Error::Body("a token of that role takes no `application`".into())),
        (true, Some(_)) | (false, None) => Ok(role),
    }
}
