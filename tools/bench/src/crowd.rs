//! A group of 40,000 members, and users who are not in it: what a change of one member is measured on.

use std::path::Path;

use event::Clock;
use serde_json::Value;
use uuid::Uuid;

use crate::in_process::{InProcess, Message, send};
use crate::load::{Ask, Requests};
use crate::play::Filled;
use crate::{Outcome, bodies};

/// The members, if there are as many users.
const MEMBERS_MAX: usize = 40_000;
/// Users beside them who are added and removed, at most; fewer if there are few users.
const OTHERS_MAX: usize = 10_000;
/// Members added in one request while the group is made.
const PER_REQUEST: usize = 1_000;
/// The number of a group that the workload does not have.
const GROUP: u32 = 4_000_000;

/// The group, and the requests that change it.
pub struct Crowd {
    /// How many members it has.
    pub members: usize,
    /// How many others there are: as many requests add them all, or remove them all.
    pub others: usize,
    /// Adds each of the others.
    pub adds: Requests,
    /// Removes each of the others.
    pub removes: Requests,
}

impl Crowd {
    /// Makes it in the first application of a closed store.
    pub async fn make(store: &Path, filled: &Filled) -> Outcome<Crowd> {
        let (slug, token) = filled.applications.first().ok_or("no application")?;
        let open = InProcess::open(store, Clock::manual(filled.end())).await?;
        let users = users(&open, slug).await?;
        let others = (users.len() / 5).min(OTHERS_MAX);
        let members = (users.len() - others).min(MEMBERS_MAX);
        if others == 0 {
            return Err("there are too few users for a group".into());
        }
        let base = format!("/apps/{slug}/scim/v2/Groups");
        let made = ask(&open, "POST", &base, token, bodies::group(GROUP), 201).await?;
        let id = made["id"].as_str().ok_or("a group without an id")?;
        let path = format!("{base}/{id}");
        for some in users[others..][..members].chunks(PER_REQUEST) {
            ask(&open, "PATCH", &path, token, bodies::members(true, some), 204).await?;
        }
        open.close().await;
        let requests = |add: bool| {
            let mut requests = Requests::expecting(204);
            for user in &users[..others] {
                let body = bodies::members(add, std::slice::from_ref(user));
                requests.push(&Ask { method: "PATCH", path: &path, token, body: &body });
            }
            requests
        };
        Ok(Crowd { members, others, adds: requests(true), removes: requests(false) })
    }
}

/// The ids of an application's users; enough of them.
async fn users(open: &InProcess, slug: &str) -> Outcome<Vec<Uuid>> {
    let mut users = Vec::new();
    let mut cursor = String::new();
    while users.len() < MEMBERS_MAX + OTHERS_MAX {
        let path = format!("/api/v1/apps/{slug}/users?limit=1000{cursor}");
        let page = ask(open, "GET", &path, &open.admin_token, String::new(), 200).await?;
        for row in page["rows"].as_array().into_iter().flatten() {
            users.push(row["userId"].as_str().ok_or("a user without an id")?.parse()?);
        }
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    Ok(users)
}

async fn ask(
    open: &InProcess,
    method: &'static str,
    path: &str,
    token: &str,
    body: String,
    expected: u16,
) -> Outcome<Value> {
    let message = Message {
        method,
        target: path.to_owned(),
        token: token.to_owned(),
        request_id: None,
        body: body.into_bytes(),
    };
    let (status, bytes) = send(open.router(), message).await?;
    if status != expected {
        let text = String::from_utf8_lossy(&bytes);
        return Err(format!("{method} {path} answers {status}: {text}").into());
    }
    Ok(if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes)? })
}
