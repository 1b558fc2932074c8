//! Lists applications and adds one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use answers::act::{
    Act, AddApp, AddedApp, Baseline, ChangeApp, ChangedApp, Drift, DriftReport, NewApp,
    NewUpstream, ServicePrincipal,
};
use answers::row;
use answers::{App, Apps, OneApp};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use event::{
    ApplicationAdded, CredentialAdded, Fact, Number, Occasion, Origin, Role, ServicePrincipalSet,
    UpstreamSet,
};
use incoming::HasLeft;
use projector::{ApplicationRow, Decision, Draft, Stamp, View};
use scim::Settings;
use serde_json::Value;
use tokio::task::spawn_blocking;

use super::admin::refusal;
use super::ask::{Ask, Reading};
use super::body::Upload;
use super::imports::{SERVICE_PRINCIPAL, is_service_principal};
use super::question::{Answered, Asked, NamesOf, read_act};
use crate::answer::Found;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::token::Token;
use crate::{LookFailure, LookRequest, Query};

/// Longest name of an application or list.
const NAME_BYTES_MAX: usize = 63;
/// How often a baseline or drift check looks whether its client has left.
const LEFT_AFTER: Duration = Duration::from_secs(1);
const URL_BYTES_MAX: usize = 2_048;
/// The profile of an application that names none.
const PROFILE: &str = "generic";

impl Answered for Apps {
    /// In the order in which they were added.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Apps>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let mut all = reading.record.view.applications()?;
        all.retain(|one| one.added_seq < stand.size && reading.caller.may_see(one.number));
        let (page, next) = stand.part_of(&all);
        let rows = page.iter().map(|one| application(reading.query, one));
        let found = Found::new(&reading.record, &stand, &Coverage::complete());
        let found = found.about(reading.asked_application(None), Number::NOBODY);
        Ok(found.rows(rows, all.len() as u64, next))
    }
}

impl Answered for OneApp {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<OneApp>, Error> {
        let (reading, stand) = (asked.reading, asked.standpoint()?);
        let one = asked.application(&self.app)?;
        let application = application(reading.query, &one);
        let found = Found::new(&reading.record, &stand, &Coverage::complete());
        let found = found.about(one.number, Number::NOBODY);
        let service_principal = one.service_principal;
        Ok(found.resource(Some(row::WholeApplication { application, service_principal })))
    }
}

fn application(query: &Query, one: &ApplicationRow) -> row::Application {
    row::Application {
        application: one.slug.clone(),
        profile: one.profile.clone(),
        tenant_url: query.tenant_url(&one.slug),
        added_at: one.added_at.to_string().into(),
        added_seq: one.added_seq,
        upstream: one.upstream.as_ref().map(|upstream| upstream.url.clone()),
    }
}

/// `POST /api/v1/apps`: adds an application with its first token, in one decision.
pub(super) async fn add(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<(StatusCode, Json<AddedApp>), Error> {
    let (admin, AddApp {}) = ask.act::<AddApp, _>(move |reading| read_act(reading, &names)).await?;
    let form = r#"{"application": TEXT, "profile": TEXT, "settings": {…}, "upstream": {…}}"#;
    let new: NewApp = body.json(form).await?;
    let (profile, settings) = check(&query, &new)?;
    let upstream = match &new.upstream {
        None => None,
        Some(new) => Some(upstream(&query, new).await?),
    };

    let token = Token::generate()?;
    let sha256 = token.sha256();
    let slug = new.application.clone();
    let profile_sha256 = query.profiles.get(&profile).map(|profile| profile.sha256);
    let decide = move |origin: Origin, view: &View<'_>, stamp: Stamp| {
        if view.application(&slug)?.is_some() {
            return refusal(Error::SlugTaken);
        }
        if let Some(fault) = stamp.clock_fault {
            return refusal(fault.into());
        }
        let number = view.next_application()?;
        let added = ApplicationAdded { number, slug, profile, settings, profile_sha256 };
        let credential = CredentialAdded {
            number: view.next_credential()?,
            role: Role::Scim,
            sha256,
            name: None,
            expires_at: None,
        };
        let draft = |fact| Draft {
            application: number,
            origin: Some(origin.clone()),
            fact,
            parts: vec![],
            passed: vec![],
        };
        let mut events = vec![Fact::ApplicationAdded(added)];
        events.extend(upstream.map(Fact::UpstreamSet));
        events.push(Fact::CredentialAdded(credential));
        Ok(Decision { events: events.into_iter().map(draft).collect(), reply: Ok(()) })
    };
    query.decide(admin, decide).await?;
    let answer = AddedApp {
        tenant_url: query.tenant_url(&new.application),
        application: new.application,
        secret_token: token.as_str().to_owned(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

/// `PATCH /api/v1/apps/{app}`: sets which service principal of the provider an application is. From then
/// on, log entries of others are not imported.
pub(super) async fn change(
    State(query): State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
    body: Upload,
) -> Result<Json<ChangedApp>, Error> {
    let asked = ask.act::<ChangeApp, _>(move |reading| {
        let ChangeApp { app: App(slug) } = read_act(reading, &names)?;
        Ok((reading.caller.application(&reading.record.view, &slug)?.number, slug))
    });
    let (admin, (application, slug)) = asked.await?;
    admin.concerns(application);
    let form = r#"{"servicePrincipal": TEXT or null}"#;
    let ServicePrincipal { service_principal: id } = body.json(form).await?;
    if !id.as_deref().is_none_or(is_service_principal) {
        return Err(Error::Body(format!("`servicePrincipal` takes {SERVICE_PRINCIPAL}, or null")));
    }
    // A name with its secret cut out would match no log entry, so every entry would seem another's.
    if id.as_ref().is_some_and(|id| !query.committer.gate().lets_pass(id)) {
        return Err(Error::Body("`servicePrincipal` holds what looks like a secret".into()));
    }
    let answer = ChangedApp { application: slug, service_principal: id.clone() };
    let decide = move |origin: Origin, _: &View<'_>, stamp: Stamp| {
        if let Some(fault) = stamp.clock_fault {
            return refusal(fault.into());
        }
        let fact = Fact::ServicePrincipalSet(ServicePrincipalSet { id });
        let draft =
            Draft { application, origin: Some(origin), fact, parts: vec![], passed: vec![] };
        Ok(Decision { events: vec![draft], reply: Ok(()) })
    };
    query.decide(admin, decide).await?;
    Ok(Json(answer))
}

/// `POST /api/v1/apps/{app}/baseline`: lists what the upstream has and adopts it.
pub(super) async fn baseline(
    state: State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Json<DriftReport>, Error> {
    let what = move |reading: &Reading<'_>| {
        let Baseline { app, accept_shrink } = read_act(reading, &names)?;
        Ok((app, accept_shrink))
    };
    look::<Baseline>(state, ask, what, Occasion::Baseline).await
}

/// `POST /api/v1/apps/{app}/drift`: lists what the upstream has and reports where the record differs.
pub(super) async fn drift(
    state: State<Arc<Query>>,
    ask: Ask,
    names: NamesOf,
) -> Result<Json<DriftReport>, Error> {
    let what = move |reading: &Reading<'_>| {
        let Drift { app, accept_shrink } = read_act(reading, &names)?;
        Ok((app, accept_shrink))
    };
    look::<Drift>(state, ask, what, Occasion::Drift).await
}

async fn look<A: Act>(
    State(query): State<Arc<Query>>,
    ask: Ask,
    what: impl FnOnce(&Reading<'_>) -> Result<(App, bool), Error> + Send + 'static,
    occasion: Occasion,
) -> Result<Json<DriftReport>, Error> {
    let has_left = ask.has_left.clone();
    let asked = ask.act::<A, _>(move |reading| {
        let (App(slug), accept_shrink) = what(reading)?;
        let application = reading.caller.application(&reading.record.view, &slug)?.number;
        Ok((application, slug, accept_shrink))
    });
    let (admin, (application, slug, accept_shrink)) = asked.await?;
    admin.concerns(application);
    query.committer.check()?;
    let origin = admin.origin().clone();
    let request = LookRequest { slug, origin, occasion, accept_shrink };
    // If the client leaves, what was seen until then stays recorded.
    let looked = tokio::select! {
        looked = (query.look)(request) => looked,
        () = left(has_left) => {
            Err(LookFailure::Request("nobody waits for the answer any more".to_owned()))
        }
    };
    let looked = looked.map_err(Error::of_look);
    query.hand_over(admin, looked, true).await.map(Json)
}

/// Ends once the client has left.
async fn left(has_left: Option<HasLeft>) {
    let Some(has_left) = has_left else { return std::future::pending().await };
    while !has_left.by_now() {
        tokio::time::sleep(LEFT_AFTER).await;
    }
}

/// Checks a new application; returns its profile and the text of its settings.
fn check(query: &Query, new: &NewApp) -> Result<(String, Vec<u8>), Error> {
    if !is_slug(&new.application) {
        return Err(Error::Body(
            "`application` takes 1 to 63 of a-z, 0-9 and -, and does not begin with -".into(),
        ));
    }
    let profile = new.profile.as_deref().unwrap_or(PROFILE);
    if query.profiles.get(profile).is_none() {
        let known: Vec<&str> = query.profiles.all().map(|one| one.name.as_str()).collect();
        let known = known.join(", ");
        return Err(Error::Body(format!("`profile` names none that is known; there are {known}")));
    }
    let settings = Value::Object(new.settings.clone().unwrap_or_default());
    if serde_json::from_value::<Settings>(settings.clone()).is_err() {
        // Do not name the member: its name comes from the sender, like its value.
        return Err(Error::Body(
            "`settings` has an unknown member or a value of the wrong kind; see docs/scim.md"
                .into(),
        ));
    }
    Ok((profile.to_owned(), canonical::json(&settings)))
}

/// Checks a new upstream. Does not call it: it may be down.
async fn upstream(query: &Query, new: &NewUpstream) -> Result<UpstreamSet, Error> {
    let url = new.url.trim_end_matches('/');
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let is_base = rest.is_some_and(|rest| !rest.is_empty() && !rest.contains(['?', '#', ' ', '@']));
    if !is_base || url.len() > URL_BYTES_MAX || url.parse::<Uri>().is_err() {
        let detail = "`upstream.url` takes a SCIM base address such as https://app.example/scim/v2";
        return Err(Error::Body(detail.into()));
    }
    let is_path = |path: &str| {
        path.starts_with('/') && path.len() <= URL_BYTES_MAX && !path.contains(char::is_control)
    };
    if !is_path(&new.token_file) || !new.ca_file.as_deref().is_none_or(is_path) {
        let detail = "`upstream.tokenFile` and `upstream.caFile` take absolute paths on the server";
        return Err(Error::Body(detail.into()));
    }
    let files = [("tokenFile", Some(&new.token_file)), ("caFile", new.ca_file.as_ref())];
    for (name, file) in files {
        let Some(file) = file else { continue };
        let (secrets, path) = (query.secrets.clone(), PathBuf::from(file));
        let is_token = name == "tokenFile";
        let read = spawn_blocking(move || match is_token {
            true => secrets.read_token(&path).map(|_| ()),
            false => secrets.read(&path).map(|_| ()),
        });
        let read = read.await.map_err(|_| Error::Defect)?;
        read.map_err(|error| Error::Body(format!("the file of `upstream.{name}` {error}")))?;
    }
    Ok(UpstreamSet {
        url: url.to_owned(),
        token_file: new.token_file.clone(),
        ca_file: new.ca_file.clone(),
        rewrites_locations: new.rewrites_locations,
        shows_members: new.shows_members,
    })
}

/// Whether an application can have that name, which is part of addresses.
fn is_slug(text: &str) -> bool {
    is_plain(text) && !text.starts_with('-')
}

/// Whether it is 1 to 63 of a-z, 0-9 and -.
pub(super) fn is_plain(text: &str) -> bool {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    (1..=NAME_BYTES_MAX).contains(&text.len()) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_short_and_plain() {
        for slug in ["a", "0", "paperboat", "paper-boat-2", "a-", &"a".repeat(63)] {
            assert!(is_slug(slug), "{slug}");
        }
        for other in ["", "-a", "A", "a_b", "a b", "é", "a/b", &"a".repeat(64)] {
            assert!(!is_slug(other), "{other}");
        }
    }
}
