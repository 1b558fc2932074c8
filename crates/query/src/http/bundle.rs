//! Bundles: answers that anybody derives again offline.

use std::sync::Arc;

use answers::act::{BundleKind, MadeBundle, MakeBundle};
use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use event::{Application, Number, ResourceType, Seq};
use evidence::bundle::Kind;
use projector::{
    BundleAsk, BundleError, Commitment, CommitmentError, Signer, View, bundle, replayed,
};
use tlog::SignedCheckpoint;
use tokio::task::spawn_blocking;

use super::ask::{Ask, Reading};
use super::operations::found;
use super::proof::checkpoint;
use super::question::{NamesOf, read_act};
use super::resource;
use crate::Query;
use crate::answer::Told;
use crate::error::Error;
use crate::imported_accounts::is_only_imported;
use crate::instant::{self, Role, Zone};
use crate::token::NoRandomBits;

/// What `at` takes.
const PAST: Error = Error::Parameter {
    name: "at",
    accepts: "an RFC 3339 time (2026-03-31T17:00:00Z), a date (2026-03-31: its last instant, in UTC), or a time \
              before now (-90d), which is past",
};

/// `GET /api/v1/apps/{app}/bundles/{kind}`
pub(super) async fn make(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Response, Error> {
    let Asked(asked) = ask.answer(move |reading| asked(&reading, &names)).await?;
    let (earlier, later) = commitments(&query, &asked).await?;
    let last = [
        earlier.as_ref().map(|one| one.event),
        later.as_ref().map(|one| one.event),
        asked.at_seq,
        // Behind it stands at least the event that says who asked.
        asked.instant.map(|_| asked.at_seq.map_or(0, |seq| seq + 1)),
    ];
    let signed = checkpoint(&query, last.into_iter().flatten().max().unwrap_or_default()).await?;
    let thread = query.budget.thread().await;
    let made = spawn_blocking(move || {
        let _thread = thread;
        made(&query, &asked, (earlier.as_ref(), later.as_ref()), &signed)
    });
    Ok(Json(made.await.map_err(|_| Error::Defect)??).into_response())
}

fn made(
    query: &Query,
    asked: &BundleAsk,
    around: (Option<&Commitment>, Option<&Commitment>),
    signed: &SignedCheckpoint,
) -> Result<MadeBundle, Error> {
    let store = query.committer.store();
    let made = match bundle(store, asked, around, signed) {
        // Then an earlier commitment than those that are remembered makes it shorter.
        Err(BundleError::TooMany) if asked.may_begin_later() => {
            let snapshot = store.snapshot();
            let at = asked.at_seq.ok_or(TOO_LARGE)?;
            let before = View::new(&snapshot).commitments_around(asked.application, at)?.0;
            let before = replayed(store, before.ok_or(TOO_LARGE)?)?.ok_or(TOO_LARGE)?;
            bundle(store, asked, (Some(&before), around.1), signed)
        }
        made => made,
    };
    let made = made.map_err(failed)?;
    let bytes = made.to_bytes().map_err(|_| TOO_LARGE)?;
    let keys = query.committer.signer().map(Signer::verifiers);
    Ok(MadeBundle {
        at_seq: asked.at_seq,
        number: asked.number.0,
        size: signed.unverified().head().size,
        keys: keys.into_iter().flatten().map(ToString::to_string).collect(),
        bundle: String::from_utf8(bytes).map_err(|_| Error::Defect)?,
    })
}

const TOO_LARGE: Error =
    Error::Option("the answer rests on too many events for one bundle: ask for a later instant");

fn failed(error: BundleError) -> Error {
    match error {
        BundleError::Read(error) => Error::Read(error),
        BundleError::TooMany => TOO_LARGE,
        BundleError::Unfit => Error::Defect,
    }
}

/// The commitments around an answer; the later one is made if there is none.
async fn commitments(
    query: &Query,
    asked: &BundleAsk,
) -> Result<(Option<Commitment>, Option<Commitment>), Error> {
    if asked.kind == Kind::Operation {
        return Ok((None, None));
    }
    let around = |all: &[Commitment]| {
        let (earlier, later) = asked.around(all);
        (earlier.cloned(), later.cloned())
    };
    let application = asked.application;
    let known = around(&query.states.remembered(application));
    if known.1.is_some() {
        return Ok(known);
    }
    let mut random = [0; 32];
    getrandom::fill(&mut random).map_err(NoRandomBits::of)?;
    let made = query.states.commit(application, random).await.map_err(|error| match error {
        CommitmentError::Commit(error) => Error::Commit(error),
        CommitmentError::Read(error) => Error::Read(error),
        CommitmentError::Ended => Error::Defect,
    })?;
    Ok((known.0, Some(made)))
}

/// The question, with its names resolved.
fn asked(reading: &Reading<'_>, names: &NamesOf) -> Result<Asked, Error> {
    let MakeBundle { app, kind, subject, at, values } = read_act(reading, names)?;
    let record = &reading.record;
    let application = reading.caller.application(&record.view, &app.0)?.number;
    if is_only_imported(record, application)? {
        return Err(Error::NotFound("imported logs alone have no state that the log commits to"));
    }
    let parse = |text: &str| instant::parse(text, Role::At, record.now, Zone::UTC);
    let instant =
        at.map(|at| parse(&at.0).filter(|at| *at < record.now).ok_or(PAST)).transpose()?;
    let mut at_seq = match instant {
        Some(instant) => record.seq_at(record.size, instant)?,
        None => record.size.checked_sub(1),
    };
    let kind = kind_of(kind);
    let subject = subject.as_deref();
    let view = &record.view;
    let (mut instant, mut number) = (instant, Number::NOBODY);
    match (kind, subject) {
        (Kind::Users, None) => {}
        (Kind::Users, Some(_)) => return Err(wrong_subject("nothing: users are all of them")),
        (_, None) => return Err(wrong_subject("who or what the bundle is about")),
        (Kind::Operation, Some(id)) => {
            let (event, about) = found(reading, id)?;
            if event.header.application != application {
                return Err(Error::NotFound("there is no such operation in this application"));
            }
            (instant, at_seq, number) = (None, Some(event.seq), about);
        }
        (Kind::Members, Some(group)) => {
            number = named(view, application, ResourceType::GROUP, group, at_seq)?;
        }
        (Kind::Groups | Kind::User | Kind::Why, Some(user)) => {
            number = named(view, application, ResourceType::USER, user, at_seq)?;
        }
    }
    Ok(Asked(BundleAsk { kind, application, number, instant, at_seq, opens: values }))
}

fn named(
    view: &View<'_>,
    application: Application,
    resource_type: ResourceType,
    name: &str,
    at: Option<Seq>,
) -> Result<Number, Error> {
    Ok(resource::named(view, application, resource_type, name, at)?.number)
}

fn wrong_subject(accepts: &'static str) -> Error {
    Error::Parameter { name: "subject", accepts }
}

fn kind_of(kind: BundleKind) -> Kind {
    match kind {
        BundleKind::Users => Kind::Users,
        BundleKind::Members => Kind::Members,
        BundleKind::Groups => Kind::Groups,
        BundleKind::User => Kind::User,
        BundleKind::Operation => Kind::Operation,
        BundleKind::Why => Kind::Why,
    }
}

/// A bundle was asked for.
struct Asked(BundleAsk);

impl Told for Asked {
    fn row_count(&self) -> u64 {
        1
    }

    fn about(&self) -> Option<(Application, Number)> {
        Some((self.0.application, self.0.number))
    }
}
