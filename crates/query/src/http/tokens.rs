//! A new token.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use event::{Application, CredentialAdded, Fact, Role};
use projector::{Decision, Draft, Durability};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Ask, read_body};
use crate::Query;
use crate::error::Error;
use crate::token::Token;

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
