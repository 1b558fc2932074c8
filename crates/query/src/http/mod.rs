//! Every address of this crate, one file per subject.

mod access;
mod access_log;
mod admin;
mod apps;
mod ask;
mod blame;
mod body;
mod bundle;
mod configuration_log;
mod counts;
mod coverage;
mod cycles;
mod exports;
mod graph;
mod groups;
mod health;
mod history;
mod imports;
mod jobs;
mod leavers;
mod links;
mod lists;
mod matrix;
mod of_export;
mod openapi;
mod operations;
mod overview;
mod privileged;
mod profiles;
mod proof;
mod question;
mod reports;
mod resource;
mod reviews;
mod saved;
mod sizes;
mod subjects;
mod timeline;
mod tlog;
mod tokens;
mod users;
mod verification;
mod why;

use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request};
use axum::http::Method;
use axum::middleware::from_fn_with_state;
use axum::response::Response;
use axum::routing::{MethodRouter, any, delete, get, patch, post};
use axum::{Extension, Router};
use tower::ServiceExt;

pub(crate) use self::ask::{Ask, Reading};
pub(crate) use self::body::{Kept, Upload};
pub use self::matrix::GROUPS_MAX as MATRIX_GROUPS_MAX;
pub(crate) use self::of_export::Questions;
pub use self::question::Answered;
pub(crate) use self::question::answer;
pub(crate) use self::tlog::last_checkpoint;
pub(crate) use self::verification::told as told_verification;

use self::graph::Version;
use self::question::serve;
use crate::Query;
use crate::error::Error;
use crate::frame::frame;

/// Serves every HTTP address except SCIM's. Unknown addresses get a problem with status 404, so a server
/// merges this router with one that has no fallback.
pub fn router(query: Arc<Query>) -> Router {
    let face = Router::new().route("/api/v1/export", get(exports::export));
    let questions = questions(&query);
    let face = face.with_state(Arc::clone(&query)).merge(questions.clone());
    let face = face.layer(Extension(Questions(questions.clone())));
    let questions = questions.fallback(nothing);
    face.fallback(move |request: Request| elsewhere(questions, request))
        .method_not_allowed_fallback(async || Error::Method)
        .layer(from_fn_with_state(Arc::clone(&query), frame))
}

/// Serves further addresses in the same frame: request id, log line, limits, access events. Their
/// handlers take a [`crate::visit::Visitor`].
pub fn framed(router: Router<Arc<Query>>, query: &Arc<Query>) -> Router {
    router
        .method_not_allowed_fallback(async || Error::Method)
        .route_layer(from_fn_with_state(Arc::clone(query), admin::recorded))
        .with_state(Arc::clone(query))
        .layer(Extension(Questions(questions(query))))
        .layer(from_fn_with_state(Arc::clone(query), frame))
}

/// The routes for questions and configuration, without the frame.
fn questions(query: &Arc<Query>) -> Router {
    let router = Router::new();
    let router = serve::<answers::Apps>(router);
    let router = serve::<answers::OneApp>(router);
    let router = serve::<answers::Overview>(router);
    let router = serve::<answers::Profiles>(router);
    let router = serve::<answers::Users>(router);
    let router = serve::<answers::OneUser>(router);
    let router = serve::<answers::Why>(router);
    let router = serve::<answers::BlameOfUser>(router);
    let router = serve::<answers::BlameOfGroup>(router);
    let router = serve::<answers::EveryGroup>(router);
    let router = serve::<answers::OneGroup>(router);
    let router = serve::<answers::Members>(router);
    let router = serve::<answers::AccessMatrix>(router);
    let router = serve::<answers::PrivilegedGroups>(router);
    let router = serve::<answers::Diff>(router);
    let router = serve::<answers::GroupSizes>(router);
    let router = serve::<answers::StaysInGroup>(router);
    let router = serve::<answers::StaysOfUser>(router);
    let router = serve::<answers::Joiners>(router);
    let router = serve::<answers::Leavers>(router);
    let router = serve::<answers::Movers>(router);
    let router = serve::<answers::Reactivated>(router);
    let router = serve::<answers::Orphans>(router);
    let router = serve::<answers::Overlap>(router);
    let router = serve::<answers::Failing>(router);
    let router = serve::<answers::Unapproved>(router);
    let router = serve::<answers::Drifted>(router);
    let router = serve::<answers::AccessLog>(router);
    let router = serve::<answers::ConfigurationLog>(router);
    let router = serve::<answers::Unwatched>(router);
    let router = serve::<answers::Job>(router);
    let router = serve::<answers::Cycles>(router);
    let router = serve::<answers::Imports>(router);
    let router = serve::<answers::EvidenceOf>(router);
    let router = serve::<answers::Reviews>(router);
    let router = serve::<answers::OneReview>(router);
    let router = serve::<answers::ReferenceLists>(router);
    let router = serve::<answers::SavedQuestions>(router);
    let router = serve::<answers::OneSaved>(router);
    let router = serve::<answers::Tokens>(router);
    let router = serve::<answers::TimelineOfUser>(router);
    let router = serve::<answers::TimelineOfGroup>(router);
    let router = serve::<answers::Operations>(router);
    let router = serve::<answers::OperationHistogram>(router);
    let router = serve::<answers::OperationFacets>(router);
    let router = serve::<answers::OneOperation>(router);
    router
        .route("/livez", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/metrics", get(health::metrics))
        .route("/openapi.json", get(openapi::document))
        .route("/api/v1/apps", post(apps::add))
        .route("/api/v1/apps/{app}", patch(apps::change))
        .route("/api/v1/apps/{app}/baseline", post(apps::baseline))
        .route("/api/v1/apps/{app}/drift", post(apps::drift))
        .route("/api/v1/apps/{app}/imports", post(imports::add))
        .route("/api/v1/tokens", post(tokens::add))
        .route("/api/v1/tokens/{id}", delete(tokens::revoke))
        .route("/api/v1/login-links", post(links::add))
        .route("/api/v1/checkpoint", post(tlog::sign))
        .route("/api/v1/verification", post(verification::begin).get(verification::show))
        .route("/api/v1/subjects/find", post(subjects::find))
        .route("/api/v1/subjects/erase", post(subjects::erase))
        .route("/api/v1/subjects/hold", post(subjects::hold))
        .route("/api/v1/subjects/release", post(subjects::release))
        .route("/api/v1/apps/{app}/subjects/{number}/export", get(subjects::export))
        .route("/api/v1/apps/{app}/retention", patch(subjects::set_retention))
        .route("/api/v1/retention", get(subjects::retention))
        .route("/tlog/checkpoint", get(tlog::checkpoint))
        .route("/tlog/tile/{*tile}", get(tlog::tile))
        .route("/api/v1/reviews", post(reviews::add))
        .route("/api/v1/saved-questions", post(saved::save))
        .route("/api/v1/saved-questions/{name}", delete(saved::remove))
        .route(
            "/api/v1/apps/{app}/groups/{group}/privileged",
            post(privileged::mark).delete(privileged::unmark),
        )
        .route("/v1.0", graph_of(Version::V1))
        .route("/v1.0/{*rest}", graph_of(Version::V1))
        .route("/beta", graph_of(Version::Beta))
        .route("/beta/{*rest}", graph_of(Version::Beta))
        .route("/api/v1/operations/{operation}/evidence", post(lists::add_evidence))
        .route("/api/v1/operations/{operation}/proof", get(proof::prove))
        .route("/api/v1/apps/{app}/bundles/{kind}", get(bundle::make))
        .route("/api/v1/reference-lists", post(lists::add))
        .route_layer(from_fn_with_state(Arc::clone(query), admin::recorded))
        .with_state(Arc::clone(query))
}

/// Handles unknown addresses. Graph ignores case, so its version may be in upper case.
async fn elsewhere(questions: Router, mut request: Request) -> Response {
    if let Some(uri) = Version::respelled(request.uri()) {
        *request.uri_mut() = uri;
    }
    match questions.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    }
}

async fn nothing() -> Error {
    Error::NotFound("there is nothing at this address")
}

/// Handles every request to a version of Microsoft Graph.
fn graph_of(version: Version) -> MethodRouter<Arc<Query>> {
    any(move |method: Method, below: Result<Path<String>, PathRejection>, ask: Ask| {
        graph::any(version, method, below, ask)
    })
}
