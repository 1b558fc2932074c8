//! Tokens: lists, issues and revokes them.

use std::sync::Arc;

use answers::Tokens;
use answers::act::{AddToken, AddedToken, NewToken, RevokeToken, RevokedToken};
use answers::row::IssuedToken;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use event::{Application, Credential, CredentialRevoked, Fact, Number, Origin, Role};
use projector::{CredentialRow, Decision, Draft, Stamp, View};

use super::admin::refusal;
use super::ask::Ask;
use super::body::Upload;
use super::question::{Answered, Asked, NamesOf, read_act};
use crate::Query;
use crate::answer::Found;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::identity::name_of;
use crate::issue::Issue;
use crate::token::Token;

impl Answered for Tokens {
    /// Every issued token, by number; without the secret itself.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Tokens>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let slugs = reading.slugs()?;
        let mut all = reading.record.view.credentials()?;
        all.retain(|one| one.added_seq < stand.size);
        let (page, next) = stand.part_of(&all);
        let record = &reading.record;
        let last_uses = record.view.last_uses()?;
        let rows = page.iter().map(|one| {
            let origin = record.header(one.added_seq)?.origin;
            let by = origin.map(|origin| origin.credential);
            let by = by.filter(|number| *number != Credential::NONE);
            let last_use = last_uses.get(&one.number).copied();
            Ok(IssuedToken {
                id: one.number.to_string(),
                role: one.role.name().to_owned(),
                application: slugs.get(&one.application).cloned(),
                added_at: one.added_at.to_string().into(),
                added_seq: one.added_seq,
                revoked_seq: one.revoked_seq.filter(|seq| *seq < stand.size),
                name: name_of(record, one)?,
                added_by: by.map(|number| number.to_string()),
                expires_at: one.expires_at.map(|end| end.to_string().into()),
                valid: one.is_valid_at(record.now),
                last_used_at: last_use.map(|seq| record.moment(seq)).transpose()?,
                last_used_seq: last_use,
                issuer: one.identity.as_ref().map(|identity| identity.issuer.clone()),
            })
        });
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let found = Found::new(&reading.record, &stand, &Coverage::complete());
        let found = found.about(Application::RECORDER, Number::NOBODY);
        Ok(found.rows(rows, all.len() as u64, next))
    }
}

/// `DELETE /api/v1/tokens/{id}`: revokes a token, from the next decision on. Repeating it changes
/// nothing. A wrong clock or a full disk does not keep a token valid.
pub(super) async fn revoke(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Json<RevokedToken>, Error> {
    let (admin, RevokeToken { id }) =
        ask.act::<RevokeToken, _>(move |reading| read_act(reading, &names)).await?;
    let unknown = || Error::NotFound("there is no such token; see /api/v1/tokens");
    let number = Credential(id.parse().map_err(|_| unknown())?);
    if number.to_string() != id {
        return Err(unknown()); // a number has one name
    }
    let decide = move |origin: Origin, view: &View<'_>, stamp: Stamp| {
        let Some(credential) = view.credential_of(number)? else { return refusal(unknown()) };
        if let Some(seq) = credential.revoked_seq {
            return Ok(Decision { events: vec![], reply: Ok((credential.role, seq)) });
        }
        let now = stamp.recorded_at;
        // Without a token of an admin, nobody could get in when the identity provider fails.
        let is_admin = |one: &CredentialRow| {
            one.role == Role::Admin && one.identity.is_none() && one.is_valid_at(now)
        };
        if is_admin(&credential)
            && view.credentials()?.iter().filter(|one| is_admin(one)).count() < 2
        {
            return refusal(Error::LastAdmin);
        }
        // Otherwise an admin could be left without a token to undo it.
        if origin.credential == number {
            return refusal(Error::OwnToken);
        }
        let fact = Fact::CredentialRevoked(CredentialRevoked { number });
        let application = credential.application;
        let event =
            Draft { application, origin: Some(origin), fact, parts: vec![], passed: vec![] };
        Ok(Decision { events: vec![event], reply: Ok((credential.role, stamp.seq)) })
    };
    let (role, seq) = query.decide(admin, decide).await?;
    let role = role.name().to_owned();
    Ok(Json(RevokedToken { id: number.to_string(), role, revoked_seq: seq }))
}

/// `POST /api/v1/tokens`: issues a token.
pub(super) async fn add(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<(StatusCode, Json<AddedToken>), Error> {
    let (admin, AddToken {}) =
        ask.act::<AddToken, _>(move |reading| read_act(reading, &names)).await?;
    let form = r#"{"role": TEXT, "application": TEXT, "name": TEXT, "expires": TEXT}"#;
    let new: NewToken = body.json(form).await?;
    let issue = Issue::new(&new.role, new.application)?;
    let issue = issue.named(new.name)?.until(new.expires.as_deref())?;
    if issue.name().is_some_and(|name| !query.committer.gate().lets_pass(name)) {
        return Err(Error::Body("`name` holds what looks like a secret".into()));
    }

    let token = Token::generate()?;
    let sha256 = token.sha256();
    let asked = issue.clone();
    let decide = move |origin, view: &View<'_>, stamp: Stamp| {
        if let Some(fault) = stamp.clock_fault {
            return refusal(fault.into());
        }
        Ok(match asked.decide(view, Some(origin), stamp.recorded_at, sha256)? {
            Ok((issued, event)) => Decision { events: vec![event], reply: Ok(issued) },
            Err(error) => Decision { events: vec![], reply: Err(error.into()) },
        })
    };
    let issued = query.decide(admin, decide).await?;
    let answer = AddedToken {
        token: token.as_str().to_owned(),
        id: issued.number.to_string(),
        role: issue.role().to_owned(),
        application: issue.application().map(str::to_owned),
        name: issue.name().map(str::to_owned),
        expires_at: issued.expires_at.map(|end| end.to_string().into()),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}
