//! Random histories: the steps, and a player that executes them.

use std::path::Path;

use event::{Seq, Timestamp};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::imports::{Seed, Sent, record, seed};
use super::in_process::InProcess;
use super::listing::Upstream;
use super::server::{encoded, patch};
use crate::oracle::reports::Termination;

const DAY_MICROS: i64 = 86_400_000_000;
const DEPARTMENT: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department";

/// One step of a history. Indexes choose among what exists then, so most steps do something; names come
/// from a small pool, so that deleted ones are created again.
#[derive(Clone, Debug)]
pub enum Step {
    CreateUser {
        name: u8,
        active: Option<bool>,
    },
    CreateGroup {
        name: u8,
        members: Vec<u8>,
    },
    Delete {
        resource: u8,
    },
    Set {
        resource: u8,
        attribute: u8,
        value: u8,
    },
    Emails {
        resource: u8,
        emails: Vec<(u8, u8)>,
    },
    Join {
        group: u8,
        members: Vec<u8>,
    },
    Leave {
        group: u8,
        members: Vec<u8>,
    },
    Members {
        group: u8,
        members: Vec<u8>,
    },
    JoinUnknown {
        group: u8,
        name: u8,
    },
    Lookup {
        name: u8,
    },
    /// Removes the title or the department.
    Unset {
        resource: u8,
        attribute: u8,
    },
    /// Deactivates or activates a user.
    Switch {
        resource: u8,
        active: bool,
    },
    /// Deletes a user and creates one with the same name.
    Recreate {
        resource: u8,
    },
    Rename {
        group: u8,
        name: u8,
    },
    /// Makes a group a member of a group, also of itself and in circles.
    Nest {
        group: u8,
        member: u8,
    },
    /// A refused create that names somebody.
    Refused {
        name: u8,
    },
    /// Adds evidence to an earlier event, if that is an operation.
    Approve {
        event: u16,
    },
    /// Reviews the members of a group, or a matrix, some seconds ago; `what` chooses the question.
    Review {
        group: u8,
        what: u8,
        ago: u8,
        revoke: bool,
    },
    /// Marks a group as privileged, or takes the mark away.
    Mark {
        group: u8,
        privileged: bool,
    },
    /// Uploads a list of leavers, always under the same name.
    List {
        left: Vec<(u8, u8, i8)>,
    },
    /// Imports entries of the provider's log, optionally with those of the previous import.
    Import {
        /// Into the application that is known only from imports.
        elsewhere: bool,
        run: u8,
        again: bool,
        entries: Vec<Seed>,
    },
    /// The upstream changes by itself, and a baseline or drift check runs.
    Look {
        baseline: bool,
        changes: Vec<(u8, u8)>,
    },
    /// A question, by an admin or by an auditor of this application.
    Ask {
        what: u8,
        as_admin: bool,
    },
    /// Advances the clock. Without it events have the same time.
    Pass {
        micros: i64,
    },
}

/// The name of a group, with a letter that Unicode can write in two ways.
pub fn group_name(number: u8) -> String {
    format!("gr\u{fc}pp-{number}")
}

pub fn step() -> impl Strategy<Value = Step> {
    let few = || prop::collection::vec(0..12_u8, 0..4);
    prop_oneof![
        5 => (0..6_u8, any::<Option<bool>>())
            .prop_map(|(name, active)| Step::CreateUser { name, active }),
        3 => (0..3_u8, few()).prop_map(|(name, members)| Step::CreateGroup { name, members }),
        2 => any::<u8>().prop_map(|resource| Step::Delete { resource }),
        8 => (any::<u8>(), 0..8_u8, 0..3_u8)
            .prop_map(|(resource, attribute, value)| Step::Set { resource, attribute, value }),
        2 => (any::<u8>(), prop::collection::vec((0..3_u8, 0..3_u8), 0..3))
            .prop_map(|(resource, emails)| Step::Emails { resource, emails }),
        4 => (any::<u8>(), few()).prop_map(|(group, members)| Step::Join { group, members }),
        3 => (any::<u8>(), few()).prop_map(|(group, members)| Step::Leave { group, members }),
        1 => (any::<u8>(), few()).prop_map(|(group, members)| Step::Members { group, members }),
        1 => (any::<u8>(), 0..3_u8).prop_map(|(group, name)| Step::JoinUnknown { group, name }),
        1 => (0..6_u8).prop_map(|name| Step::Lookup { name }),
        1 => (any::<u8>(), 0..2_u8)
            .prop_map(|(resource, attribute)| Step::Unset { resource, attribute }),
        3 => (any::<u8>(), any::<bool>())
            .prop_map(|(resource, active)| Step::Switch { resource, active }),
        1 => any::<u8>().prop_map(|resource| Step::Recreate { resource }),
        1 => (any::<u8>(), 0..3_u8).prop_map(|(group, name)| Step::Rename { group, name }),
        6 => (any::<u8>(), any::<u8>()).prop_map(|(group, member)| Step::Nest { group, member }),
        1 => (0..6_u8).prop_map(|name| Step::Refused { name }),
        2 => any::<u16>().prop_map(|event| Step::Approve { event }),
        2 => (any::<u8>(), any::<u8>(), 0..4_u8, any::<bool>())
            .prop_map(|(group, what, ago, revoke)| Step::Review { group, what, ago, revoke }),
        2 => (any::<u8>(), any::<bool>())
            .prop_map(|(group, privileged)| Step::Mark { group, privileged }),
        1 => prop::collection::vec((0..3_u8, 0..6_u8, any::<i8>()), 0..4)
            .prop_map(|left| Step::List { left }),
        7 => (any::<bool>(), 1..4_u8, any::<bool>(), prop::collection::vec(seed(), 1..5))
            .prop_map(|(elsewhere, run, again, entries)| {
                Step::Import { elsewhere, run, again, entries }
            }),
        3 => (any::<bool>(), prop::collection::vec((0..4_u8, 0..6_u8), 0..4))
            .prop_map(|(baseline, changes)| Step::Look { baseline, changes }),
        4 => (any::<u8>(), any::<bool>()).prop_map(|(what, as_admin)| Step::Ask { what, as_admin }),
        4 => prop_oneof![
            Just(1),
            1..1000_i64,
            1..5_000_000_i64,
            (1..7_i64).prop_map(|halves| halves * DAY_MICROS / 2),
        ]
        .prop_map(|micros| Step::Pass { micros }),
    ]
}

impl Step {
    /// The application in which it happens.
    pub fn application(&self) -> &'static str {
        match self {
            Step::Look { .. } => "punt",
            Step::Import { elsewhere: true, .. } => "raft",
            _ => "boat",
        }
    }
}

/// Plays steps against a server and keeps the ids that it gave.
pub struct Player<'a> {
    server: &'a InProcess,
    pub app: &'static str,
    token: String,
    /// The token of an auditor of this application.
    auditor: String,
    /// Its upstream.
    upstream: Option<Upstream>,
    /// Type and id of existing and deleted resources: histories include requests for deleted ones.
    pub ids: Vec<(&'static str, String)>,
    /// The uploaded lists, each with its event.
    pub lists: Vec<(Seq, Vec<Termination>)>,
    sent: Vec<Sent>,
    /// Every imported record, and which were imported last.
    records: Vec<Value>,
    last_records: Vec<Value>,
}

impl<'a> Player<'a> {
    /// Adds the application in which the steps will happen.
    pub async fn new(server: &'a InProcess, app: &'static str) -> Player<'a> {
        let token = server.add_app(app).await;
        Player::of(server, app, token, None).await
    }

    /// The same with an application that is a proxy; `folder` has the upstream's token.
    pub async fn proxied(server: &'a InProcess, app: &'static str, folder: &Path) -> Player<'a> {
        let upstream = Upstream::start().await;
        let file = folder.join("upstream.token");
        std::fs::write(&file, "any").unwrap();
        let new = json!({"application": app,
            "upstream": {"url": upstream.url, "tokenFile": file}});
        let added = server.admin("POST", "/api/v1/apps", &new).await;
        let token = added.body["secretToken"].as_str().unwrap().to_owned();
        Player::of(server, app, token, Some(upstream)).await
    }

    async fn of(
        server: &'a InProcess,
        app: &'static str,
        token: String,
        upstream: Option<Upstream>,
    ) -> Player<'a> {
        let new = json!({"role": "app-auditor", "application": app});
        let added = server.admin("POST", "/api/v1/tokens", &new).await;
        let auditor = added.body["token"].as_str().unwrap().to_owned();
        let (ids, lists, sent) = (vec![], vec![], vec![]);
        let (records, last_records) = (vec![], vec![]);
        Player { server, app, token, auditor, upstream, ids, lists, sent, records, last_records }
    }

    async fn ask(&self, what: u8, as_admin: bool) {
        let app = self.app;
        let path = match what % 8 {
            0 => format!("apps/{app}/users?limit=3"),
            1 => format!("apps/{app}/users/userName:user-{}", what / 8),
            2 => {
                let name = encoded(&group_name(what / 8));
                format!("apps/{app}/groups/displayName:{name}/members")
            }
            3 => "operations".to_owned(),
            4 => format!("operations/{what}"),
            5 => "reports/joiners?limit=none".to_owned(),
            6 => format!("operations?app={app}"),
            _ => format!("access-log?app={app}"),
        };
        let path = format!("/api/v1/{path}");
        match as_admin {
            true => self.server.admin("GET", &path, &Value::Null).await,
            false => self.server.send("GET", &path, &self.auditor, &Value::Null).await,
        };
    }

    async fn send(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let target = format!("/apps/{}/scim/v2{path}", self.app);
        let answer = self.server.send(method, &target, &self.token, body).await;
        assert!(answer.status < 500, "{method} {target}: {answer:?}");
        if let Some(rest) = path.strip_prefix("/Users").filter(|_| method != "GET") {
            let of_answer = answer.body["id"].as_str();
            let id = rest.strip_prefix('/').or(of_answer).map(str::to_owned);
            let before = self.sent.iter().find(|sent| id.is_some() && sent.id == id);
            let name = body["userName"].as_str().map(str::to_owned);
            let name = name.or(before.and_then(|sent| sent.name.clone()));
            self.sent.push(Sent {
                at: self.server.clock.now(),
                method: method.to_owned(),
                id,
                name,
                status: answer.status,
                written: Sent::written(body),
            });
        }
        answer.body
    }

    /// Imports entries; repeated ones are recorded once.
    async fn import(&mut self, run: u8, again: bool, entries: &[Seed]) {
        let now = self.server.clock.now();
        let first = self.records.len();
        let new: Vec<Value> = entries
            .iter()
            .zip(first..)
            .map(|(seed, id)| record(seed, id, now, &self.sent))
            .collect();
        let mut sent = if again { self.last_records.clone() } else { vec![] };
        let known = sent.len();
        sent.extend(new.iter().cloned());
        let lines: Vec<String> = sent.iter().map(Value::to_string).collect();
        let path = format!("/api/v1/apps/{}/imports?run={run}", self.app);
        let answer = self.server.admin_text("POST", &path, &lines.join("\n")).await;
        let told = ["new", "known", "refused"].map(|name| answer.body[name].as_u64());
        let wanted = [new.len(), known, 0].map(|count| Some(count as u64));
        assert_eq!(told, wanted, "{answer:?}");
        self.records.extend(new.iter().cloned());
        self.last_records = new;
    }

    fn pick(&self, kind: Option<&str>, index: u8) -> Option<&(&'static str, String)> {
        let fitting: Vec<_> =
            self.ids.iter().filter(|(found, _)| kind.is_none_or(|kind| kind == *found)).collect();
        let index = usize::from(index).checked_rem(fitting.len())?;
        Some(fitting[index])
    }

    fn members(&self, members: &[u8]) -> Value {
        let ids = members.iter().filter_map(|index| self.pick(None, *index));
        ids.map(|(_, id)| json!({ "value": id })).collect()
    }

    /// Reviews the direct members of a group, its nested ones, or a matrix. With `revoke`, the first direct
    /// membership is to end.
    async fn review(&mut self, group: u8, what: u8, ago: u8, revoke: bool) {
        let group = self.pick(Some("Groups"), group).map(|(_, id)| id.clone());
        let (app, ago) = (self.app, u32::from(ago) * 7);
        let question = match (what % 5, group) {
            (0, Some(id)) => format!("/api/v1/apps/{app}/groups/{id}/members?at=-{ago}s"),
            (1, Some(id)) => {
                format!("/api/v1/apps/{app}/groups/{id}/members?at=-{ago}s&nested=true")
            }
            (2, _) => format!("/api/v1/apps/{app}/matrix?at=-{ago}s&nested=true"),
            (3, _) => format!("/api/v1/apps/{app}/matrix?at=-{ago}s&allUsers=true"),
            _ => format!("/api/v1/apps/{app}/matrix"),
        };
        let mut body = json!({"question": question, "outcome": "approved", "remark": "fine"});
        if revoke {
            let answer = self.server.admin("GET", &question, &Value::Null).await.body;
            let rows = answer["rows"].as_array().cloned().unwrap_or_default();
            let first = rows.iter().find_map(|row| {
                let group = match row["cells"].as_array() {
                    None => (row["direct"] == true).then_some(&answer["groupId"]),
                    Some(cells) => cells
                        .iter()
                        .position(|cell| cell["direct"] == true)
                        .map(|place| &answer["groups"][place]["groupId"]),
                };
                let user = row["userId"].as_str()?;
                Some(json!({"userId": user, "groupId": group?.as_str()?}))
            });
            if let Some(first) = first {
                body["outcome"] = json!("approvedWithRevocations");
                body["revoke"] = json!([first]);
            }
        }
        self.server.admin("POST", "/api/v1/reviews", &body).await;
    }

    pub async fn create(&mut self, kind: &'static str, body: Value) {
        let created = self.send("POST", &format!("/{kind}"), &body).await;
        if let Some(id) = created["id"].as_str() {
            self.ids.push((kind, id.to_owned()));
        }
    }

    async fn patch(&mut self, kind: Option<&str>, index: u8, operation: Value) {
        if let Some((kind, id)) = self.pick(kind, index).cloned() {
            self.send("PATCH", &format!("/{kind}/{id}"), &patch(&json!([operation]))).await;
        }
    }

    /// Uploads a list of people who left around now.
    async fn upload(&mut self, left: &[(u8, u8, i8)]) {
        let now = self.server.clock.now();
        let list: Vec<Termination> = left
            .iter()
            .map(|(attribute, name, hours)| {
                let (attribute, value) = match attribute {
                    0 => ("userName", format!("user-{name}")),
                    1 => ("externalId", format!("external-{name}")),
                    _ => ("email", format!("{name}@fjord.example")),
                };
                let at = Timestamp(now.0 + i64::from(*hours) * DAY_MICROS / 24);
                Termination { attribute, value, at }
            })
            .collect();
        let rows = list.iter().map(|left| {
            let mut row = json!({ "terminatedAt": left.at.to_string() });
            row[left.attribute] = left.value.as_str().into();
            row
        });
        let body = rows.collect();
        let answer = self.server.admin("POST", "/api/v1/reference-lists?name=left", &body).await;
        if let Some(seq) = answer.body["seq"].as_u64() {
            self.lists.push((seq, list));
        }
    }

    pub async fn play(&mut self, step: &Step) {
        match step {
            Step::CreateUser { name, active } => {
                let mut body = json!({ "userName": format!("user-{name}") });
                if let Some(active) = active {
                    body["active"] = json!(active);
                }
                self.create("Users", body).await;
            }
            Step::CreateGroup { name, members } => {
                let members = self.members(members);
                let body = json!({"displayName": group_name(*name), "members": members});
                self.create("Groups", body).await;
            }
            Step::Delete { resource } => {
                if let Some((kind, id)) = self.pick(None, *resource).cloned() {
                    self.send("DELETE", &format!("/{kind}/{id}"), &Value::Null).await;
                }
            }
            Step::Set { resource, attribute, value } => {
                let (path, value) = match attribute {
                    0 => ("active", json!(*value == 0)),
                    1 => ("title", json!(format!("title-{value}"))),
                    2 => ("name.givenName", json!(format!("name-{value}"))),
                    3 => ("userName", json!(format!("User-{value}"))),
                    4 => ("externalId", json!(format!("external-{value}"))),
                    _ => (DEPARTMENT, json!(format!("department-{value}"))),
                };
                let operation = json!({"op": "replace", "path": path, "value": value});
                self.patch(Some("Users"), *resource, operation).await;
            }
            Step::Emails { resource, emails } => {
                let emails: Value = emails
                    .iter()
                    .map(|(kind, value)| match kind {
                        0 => json!({"value": format!("{value}@fjord.example")}),
                        1 => json!({"type": "work", "value": format!("{value}@fjord.example")}),
                        _ => json!({"type": "home", "value": format!("{value}@fjord.example")}),
                    })
                    .collect();
                let operation = json!({"op": "replace", "path": "emails", "value": emails});
                self.patch(Some("Users"), *resource, operation).await;
            }
            Step::Join { group, members } => {
                let operation =
                    json!({"op": "add", "path": "members", "value": self.members(members)});
                self.patch(Some("Groups"), *group, operation).await;
            }
            Step::Leave { group, members } => {
                let operation =
                    json!({"op": "remove", "path": "members", "value": self.members(members)});
                self.patch(Some("Groups"), *group, operation).await;
            }
            Step::Members { group, members } => {
                let operation =
                    json!({"op": "replace", "path": "members", "value": self.members(members)});
                self.patch(Some("Groups"), *group, operation).await;
            }
            Step::JoinUnknown { group, name } => {
                let stranger = format!("stranger-{name}");
                let operation = json!({"op": "add", "path": "members", "value": stranger});
                if let Some((kind, id)) = self.pick(Some("Groups"), *group).cloned() {
                    let twice = patch(&json!([operation, operation]));
                    self.send("PATCH", &format!("/{kind}/{id}"), &twice).await;
                }
            }
            Step::Lookup { name } => {
                let path = format!("/Users?filter=userName%20eq%20%22user-{name}%22");
                self.send("GET", &path, &Value::Null).await;
            }
            Step::Unset { resource, attribute } => {
                let path = if *attribute == 0 { "title" } else { DEPARTMENT };
                let operation = json!({"op": "remove", "path": path});
                self.patch(Some("Users"), *resource, operation).await;
            }
            Step::Switch { resource, active } => {
                let operation = json!({"op": "replace", "path": "active", "value": active});
                self.patch(Some("Users"), *resource, operation).await;
            }
            Step::Recreate { resource } => {
                if let Some((kind, id)) = self.pick(Some("Users"), *resource).cloned() {
                    let path = format!("/{kind}/{id}");
                    let user = self.send("GET", &path, &Value::Null).await;
                    self.send("DELETE", &path, &Value::Null).await;
                    if user["userName"].is_string() {
                        self.create(kind, json!({ "userName": user["userName"] })).await;
                    }
                }
            }
            Step::Rename { group, name } => {
                // The same name as Unicode decomposes it.
                let name = group_name(*name).replace('\u{fc}', "u\u{308}");
                let operation = json!({"op": "replace", "path": "displayName", "value": name});
                self.patch(Some("Groups"), *group, operation).await;
            }
            Step::Nest { group, member } => {
                if let Some((_, id)) = self.pick(Some("Groups"), *member) {
                    let value = json!([{ "value": id }]);
                    let operation = json!({"op": "add", "path": "members", "value": value});
                    self.patch(Some("Groups"), *group, operation).await;
                }
            }
            Step::Refused { name } => {
                let body = json!({"userName": format!("user-{name}"), "emails": "none"});
                self.create("Users", body).await;
            }
            Step::Approve { event } => {
                let size = self.server.server.committer().store().log_size().unwrap();
                let path = format!("/api/v1/operations/{}/evidence", u64::from(*event) % size);
                let mut body = json!({"kind": "ticket", "ref": format!("CHG-{event}")});
                if event % 2 == 0 {
                    body["approvedBy"] = json!("Mira Ness");
                    body["approvedAt"] = json!("2026-03-01T08:00:00.000000Z");
                }
                self.server.admin("POST", &path, &body).await;
            }
            Step::Review { group, what, ago, revoke } => {
                self.review(*group, *what, *ago, *revoke).await;
            }
            Step::Mark { group, privileged } => {
                let Some((_, id)) = self.pick(Some("Groups"), *group) else { return };
                let path = format!("/api/v1/apps/{}/groups/{id}/privileged", self.app);
                let method = if *privileged { "POST" } else { "DELETE" };
                let answer = self.server.admin(method, &path, &Value::Null).await;
                // A group that was deleted is not marked.
                let is_refused = *privileged && answer.status == 404;
                assert!(answer.status == 200 || is_refused, "{answer:?}");
            }
            Step::List { left } => self.upload(left).await,
            Step::Look { baseline, changes } => {
                let Some(upstream) = &self.upstream else { return };
                upstream.change(changes);
                let how = if *baseline { "baseline" } else { "drift" };
                let path = format!("/api/v1/apps/{}/{how}?acceptShrink=true", self.app);
                let answer = self.server.admin("POST", &path, &Value::Null).await;
                assert_eq!(answer.status, 200, "{answer:?}");
            }
            Step::Ask { what, as_admin } => self.ask(*what, *as_admin).await,
            Step::Import { run, again, entries, .. } => self.import(*run, *again, entries).await,
            Step::Pass { micros } => {
                let now = self.server.clock.now();
                self.server.clock.set(Timestamp(now.0 + micros));
            }
        }
    }
}
