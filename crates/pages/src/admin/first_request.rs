//! Waits for the first request of an application's identity provider.
//!
//! With JavaScript the panel asks for its next state, which is answered when the request arrives or after a
//! while. Without, a page of its own is loaded anew every few seconds.

use std::time::Duration;

use answers::{Job, Moment};
use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use query::visit::{Refusal, Visit, Visitor};
use tokio::time::{MissedTickBehavior, interval};

use super::page as admin_page;
use crate::error::rendered;
use crate::plain::PlainPage;
use crate::view::{Cell, Html};

/// How often the state is looked at while somebody waits.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// After so many looks the answer is that nothing has arrived, and the script asks again.
const LOOKS_MAX: u32 = 20;
const REFRESH_SECONDS: u32 = 5;

/// The panel.
#[derive(Template)]
#[template(path = "admin/first_request.html")]
struct Panel<'a> {
    app: &'a str,
    arrived: Option<Cell>,
}

/// When the last request to an application arrived; none if none ever did.
fn arrival(visit: &Visit<'_>, app: &str) -> Result<Option<Moment>, Refusal> {
    let job = visit.ask::<Job>(&[("job", app)])?;
    Ok(job.content.rows().first().and_then(|one| one.last_request_at.clone()))
}

/// The panel as it is now.
pub(crate) fn panel(visit: &Visit<'_>, app: &str) -> Result<String, Refusal> {
    let arrived = arrival(visit, app)?.map(|at| Cell::time(at.0));
    Ok(Panel { app, arrived }.to_string())
}

fn show(visit: &Visit<'_>, app: &str) -> Result<PlainPage, Refusal> {
    let title = format!("First request to {app}");
    let mut page = admin_page(visit, &title, "", None, |_| Ok(vec![panel(visit, app)?]))?;
    let waits = arrival(visit, app)?.is_none();
    page.refresh_seconds = waits.then_some(REFRESH_SECONDS);
    Ok(page)
}

/// `GET /admin/applications/{app}/first-request`
pub(crate) async fn page(visitor: Visitor, Path(app): Path<String>) -> Result<Response, Refusal> {
    Ok(rendered(&visitor.page(None, move |visit| show(visit, &app)).await?))
}

/// `GET /admin/applications/{app}/first-request/next`: the same page, once a request has arrived or after
/// a while.
pub(crate) async fn next(visitor: Visitor, Path(app): Path<String>) -> Result<Response, Refusal> {
    let look = |app: String| {
        move |visit: &Visit<'_>| Ok((arrival(visit, &app)?.is_some(), show(visit, &app)?))
    };
    let ((mut has_arrived, mut page), watch) = visitor.watch(None, look(app.clone())).await?;
    let mut ticks = interval(LOOK_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for _ in 0..LOOKS_MAX {
        if has_arrived {
            break;
        }
        ticks.tick().await;
        (has_arrived, page) = watch.look(look(app.clone())).await?;
    }
    Ok(rendered(&page))
}
