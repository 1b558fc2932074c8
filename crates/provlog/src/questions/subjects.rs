//! Finds people, shows what is held about them, erases them and holds them back from it; and sets for how long
//! what is sent is kept.

use std::path::PathBuf;

use answers::act::{
    Erased, FoundSubjects, Held, RetentionOf, Retentions, Subject as Found, SubjectNumbers,
};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::additions::told;
use super::arguments::under;
use crate::client::Client;
use crate::config::ClientConfig;
use crate::export::save;
use crate::failure::Failure;
use crate::output::Output;
use crate::table::{Column, Table};
use crate::text::escaped;

#[derive(Subcommand, Debug)]
pub(crate) enum Subject {
    /// Find every number of a person: accounts, former ones, and names that were only mentioned
    Find(Find),
    /// Save everything that the record holds about one number, as a zip
    Export(Export),
    /// Erase people: destroy the keys of all that the record holds about them. This cannot be undone
    Erase(Erase),
    /// Put a legal hold on people: they cannot be erased while it lasts
    Hold(Hold),
    /// End a legal hold
    Release(Hold),
}

#[derive(Args, Debug)]
pub(crate) struct Find {
    /// A userName, e-mail address, externalId, display name or SCIM id
    name: String,
    /// The application to look in; without it all
    #[arg(long, value_name = "SLUG")]
    app: Option<String>,
    #[command(flatten)]
    client: ClientConfig,
}

#[derive(Args, Debug)]
pub(crate) struct Export {
    /// The number, as `provlog subject find` shows it
    number: u32,
    /// The application, by its name in addresses
    #[arg(long, value_name = "SLUG")]
    app: String,
    /// File to write the zip to; it must not exist yet
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    client: ClientConfig,
}

#[derive(Args, Debug)]
pub(crate) struct Whom {
    /// The numbers, as `provlog subject find` shows them
    #[arg(required = true, value_name = "NUMBER")]
    numbers: Vec<u32>,
    /// The application, by its name in addresses; without it lists of the whole server
    #[arg(long, value_name = "SLUG")]
    app: Option<String>,
    #[command(flatten)]
    client: ClientConfig,
}

#[derive(Args, Debug)]
pub(crate) struct Erase {
    #[command(flatten)]
    whom: Whom,
    /// Say that you mean it: what is erased cannot be brought back
    #[arg(long)]
    yes: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Hold {
    #[command(flatten)]
    whom: Whom,
    /// Why, such as the number of a case; without names, because it is kept
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
}

impl Whom {
    fn send(&self, what: &str, reason: Option<String>) -> Result<Answer, Failure> {
        let (application, numbers) = (self.app.clone(), self.numbers.clone());
        let mut body = json!(SubjectNumbers { application, numbers, reason });
        if let Some(members) = body.as_object_mut() {
            members.retain(|name, value| name != "reason" || !value.is_null());
        }
        Client::new(&self.client)?.post(&format!("/api/v1/subjects/{what}"), &body)
    }
}

type Answer = serde_json::Map<String, Value>;

impl Subject {
    pub(super) fn send(self, output: &mut Output<'_>) -> Result<(), Failure> {
        match self {
            Subject::Find(find) => find.send(output),
            Subject::Export(export) => export.send(output),
            Subject::Erase(Erase { yes: false, .. }) => Err(Failure::Wrong(
                "what is erased cannot be brought back: look at it with `provlog subject export` first, \
                 then repeat this with --yes"
                    .to_owned(),
            )),
            Subject::Erase(Erase { whom, .. }) => {
                let answer = whom.send("erase", None)?;
                output.print(&told(&whom.client, answer, |erased: Erased| {
                    format!(
                        "Erased {} (event {}). Carried out by event {}; its proof is the receipt:\n\
                         provlog proof {}\n",
                        numbers(&erased.numbers),
                        erased.seq,
                        erased.completed_seq,
                        erased.completed_seq
                    )
                })?)
            }
            Subject::Hold(hold) => held(&hold, "hold", output),
            Subject::Release(hold) => held(&hold, "release", output),
        }
    }
}

fn held(hold: &Hold, what: &str, output: &mut Output<'_>) -> Result<(), Failure> {
    let answer = hold.whom.send(what, hold.reason.clone())?;
    output.print(&told(&hold.whom.client, answer, |held: Held| {
        let is = if held.held { "cannot be erased" } else { "can be erased" };
        format!("{} {is} (event {}).\n", numbers(&held.numbers), held.seq)
    })?)
}

fn numbers(numbers: &[u32]) -> String {
    let all: Vec<String> = numbers.iter().map(u32::to_string).collect();
    let word = if all.len() == 1 { "number" } else { "numbers" };
    format!("{word} {}", all.join(", "))
}

impl Find {
    fn send(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let mut body = json!({"name": self.name});
        if let (Some(app), Some(members)) = (&self.app, body.as_object_mut()) {
            members.insert("application".to_owned(), app.as_str().into());
        }
        let answer = Client::new(&self.client)?.post("/api/v1/subjects/find", &body)?;
        let columns = output.columns;
        output.print(&told(&self.client, answer, |found: FoundSubjects| {
            if found.subjects.is_empty() && found.lists.is_empty() {
                return "Nobody bears this name.\n".to_owned();
            }
            let or_none = |text: &Option<String>| text.clone().unwrap_or_default();
            let row = |one: &Found| {
                vec![
                    one.application.clone(),
                    one.number.to_string(),
                    one.state.clone(),
                    or_none(&one.user_name),
                    or_none(&one.display_name),
                    or_none(&one.id),
                    one.found_by.clone(),
                    one.held_by_seq.map_or(String::new(), |seq| format!("event {seq}")),
                ]
            };
            const COLUMNS: [Column; 8] = [
                Column::whole("application"),
                Column::number("number"),
                Column::whole("state"),
                Column::text("userName"),
                Column::text("displayName"),
                Column::text("id"),
                Column::whole("foundBy"),
                Column::whole("held"),
            ];
            let rows = found.subjects.iter().map(row).collect();
            let mut text = Table::new(&COLUMNS, columns).page(rows);
            for list in &found.lists {
                let of = match &list.application {
                    Some(slug) => format!("--app {}", escaped(slug)),
                    None => "the whole server".to_owned(),
                };
                text += &format!(
                    "List {} (event {}) names this person: number {} of {of}\n",
                    escaped(&list.name),
                    list.seq,
                    list.number
                );
            }
            text
        })?)
    }
}

impl Export {
    fn send(&self, output: &mut Output<'_>) -> Result<(), Failure> {
        let path = under(&self.app, &format!("subjects/{}/export", self.number));
        let bytes = save(&Client::new(&self.client)?, &path, &self.out)?;
        let out = escaped(&self.out.display().to_string()).into_owned();
        output.print(&format!("{out} has {bytes} bytes\n"))
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum Retention {
    /// Set for how long what is sent to an application is kept: addresses, bodies, answers and their origins
    Set(SetRetention),
    /// Show for how long what is sent is kept, who is held, and who was erased
    Show(ClientConfig),
}

#[derive(Args, Debug)]
pub(crate) struct SetRetention {
    /// The application, by its name in addresses
    #[arg(long, value_name = "SLUG")]
    app: String,
    /// So many whole months behind the present one
    #[arg(long, required_unless_present = "forever", conflicts_with = "forever",
          value_parser = clap::value_parser!(u16).range(1..=600))]
    months: Option<u16>,
    /// Keep all of it
    #[arg(long)]
    forever: bool,
    #[command(flatten)]
    client: ClientConfig,
}

impl Retention {
    pub(super) fn send(self, output: &mut Output<'_>) -> Result<(), Failure> {
        match self {
            Retention::Set(set) => {
                let path = under(&set.app, "retention");
                let body = json!({"months": set.months});
                let answer = Client::new(&set.client)?.patch(&path, &body)?;
                output.print(&told(&set.client, answer, |one: RetentionOf| line(&one))?)
            }
            Retention::Show(client) => {
                let answer = Client::new(&client)?.get("/api/v1/retention")?;
                output.print(&told(&client, answer, |all: Retentions| {
                    let mut text: String = all.applications.iter().map(line).collect();
                    for erasure in all.erasures {
                        let slug = erasure.application.unwrap_or_else(|| "the server".to_owned());
                        let how = match erasure.completed_seq {
                            Some(seq) => format!("carried out by event {seq}"),
                            None => "goes on".to_owned(),
                        };
                        text += &format!(
                            "{}: {} erased by event {}, {how}\n",
                            escaped(&slug),
                            numbers(&erasure.numbers),
                            erasure.seq
                        );
                    }
                    text
                })?)
            }
        }
    }
}

fn line(one: &RetentionOf) -> String {
    let kept = match one.months {
        Some(1) => "1 month".to_owned(),
        Some(months) => format!("{months} months"),
        None => "for ever".to_owned(),
    };
    let erased = one.erased_through.as_ref();
    let erased = erased.map_or(String::new(), |month| format!("; erased up to {}", escaped(month)));
    let held = match one.held.is_empty() {
        true => String::new(),
        false => format!("; {} held", numbers(&one.held)),
    };
    format!("{}: what is sent is kept {kept}{erased}{held}\n", escaped(&one.application))
}
