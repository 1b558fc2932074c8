//! The answers as HTML pages, for people who open a browser.
//!
//! ```text
//!  request ──▶ query::visit   who asks, one snapshot, the access event
//!              question       a page of any question: form, table, coverage, ways to take it along
//!              its own folder what a page shows beyond that: charts, tabs, trees
//!              view           the pieces that all pages are made of, with their templates
//! ```
//!
//! A page is at the address of its question without `/api/v1`; its address holds its whole state. It asks
//! the same functions as the API. Everything works without JavaScript. This crate computes no answer.

#![warn(unreachable_pub)]

mod address;
mod admin;
mod application;
mod around;
pub mod assets;
pub mod charts;
mod compress;
mod contents;
mod dress;
mod error;
#[cfg(test)]
mod gallery;
mod group;
mod imports;
mod integrity;
mod login;
#[cfg(test)]
mod markup;
mod matrix;
mod multipart;
mod operation;
mod operations;
mod overlap;
mod pages;
mod place;
mod plain;
mod question;
mod reports;
mod resource;
mod reviews;
mod start;
mod stays;
mod stream;
pub mod text;
mod user;
pub mod view;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use axum::routing::{get, post};
use query::Query;

pub use imports::Uploads;

/// Adds the pages to the routes of a server, and gives errors that a browser sees the dress of a page.
pub fn serve(router: Router, query: &Arc<Query>, uploads: Uploads) -> Router {
    let of_pages = Router::new()
        .route("/", get(start::page))
        .route("/ask/{question}", get(start::lead))
        .route("/reports", get(reports::page))
        .route("/integrity", get(integrity::page))
        .route("/integrity/verify", post(integrity::verify))
        .route("/login", get(login::form).post(login::sign_in))
        .route("/login/oidc", get(login::to_provider))
        .route("/login/oidc/callback", get(login::from_provider))
        .route("/login/{link}", get(login::link).post(login::sign_in_by_link))
        .route("/logout", post(login::sign_out));
    let of_pages = reviews::acts(group::acts(admin::routes(pages::routes(of_pages))));
    let of_pages = imports::acts(of_pages, uploads);
    let of_pages = operations::tail::serve(operation::serve(of_pages));
    router
        .merge(query::framed(of_pages, query))
        .merge(assets::router())
        .layer(from_fn(dress::dressed))
        .layer(from_fn(compress::compressed))
}
