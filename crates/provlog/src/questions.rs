//! The commands that ask a question. Each one sends a request to one address of the questions API.

mod additions;
mod arguments;
mod described;
mod privileged;
mod reviews;
mod saved;
mod subjects;

use answers::act::DriftReport;
use clap::Subcommand;
use serde::Deserialize;
use serde_json::{Map, Value};

pub(crate) use self::additions::told;
use self::additions::{Evidence, ReferenceList};
pub(crate) use self::arguments::Paging;
pub(crate) use self::described::{Asked as Described, add_to, find};
use self::privileged::Privileged;
use self::reviews::Review;
use self::saved::Saved;
use self::subjects::{Retention, Subject};
use crate::client::Client;
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::listing::{self, List};
use crate::output::Output;
use crate::{readable, text};

#[derive(Subcommand, Debug)]
pub(crate) enum Question {
    /// Add evidence to an operation, such as a ticket, or show it
    #[command(subcommand)]
    Evidence(Evidence),
    /// Mark groups that need more care than others, and show them
    #[command(subcommand)]
    Privileged(Privileged),
    /// Sign off who was in which groups, and show what has become of it
    #[command(subcommand)]
    Review(Review),
    /// Keep questions under a name, to ask them again
    #[command(subcommand)]
    Saved(Saved),
    /// Find people, show what is held about them, and erase them
    #[command(subcommand)]
    Subject(Subject),
    /// Set and show for how long what is sent is kept
    #[command(subcommand)]
    Retention(Retention),
    /// Upload and show lists of people, such as employees, or who left when
    #[command(subcommand, name = "list")]
    ReferenceList(ReferenceList),
}

/// The request of a question, and how its answer is rendered.
pub(crate) struct Plan {
    ask: Ask,
    client: ClientConfig,
}

enum Ask {
    List(List, Paging),
    One(One),
}

/// Renders an answer, given the width of the terminal.
type Readable =
    Box<dyn Fn(&Map<String, Value>, Option<usize>) -> Result<String, serde_json::Error>>;

/// A question about one thing.
struct One {
    path: String,
    readable: Readable,
    /// A second address, whose answer is shown below.
    below: Option<(String, Readable)>,
}

impl Plan {
    fn carry_out(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let Plan { ask, client: config } = self;
        let One { path, readable, below } = match ask {
            Ask::List(list, paging) => return listing::show(&config, &list, &paging, output),
            Ask::One(one) => one,
        };
        let client = Client::new(&config)?;
        let answer = client.get(&path)?;
        if config.json {
            return output.print(&format!("{}\n", text::json(&answer.into())));
        }
        let mut text = readable(&answer, output.columns).map_err(listing::strange)?;
        if let Some((path, readable)) = below {
            let answer = client.get(&path)?;
            text.push('\n');
            text.push_str(&readable(&answer, output.columns).map_err(listing::strange)?);
        }
        output.print(&text)
    }
}

/// Asks a question that `answers` describes, and prints the answer.
pub(crate) fn ask_described(asked: Described, output: &mut Output<'_>) -> Result<(), Failure> {
    asked.plan()?.carry_out(output)
}

/// The same, at a given address.
fn ask_at(asked: Described, address: String, output: &mut Output<'_>) -> Result<(), Failure> {
    asked.plan_at(address)?.carry_out(output)
}

/// Runs a command that changes something or uses a saved question.
pub(crate) fn ask(question: Question, output: &mut Output<'_>) -> Result<(), Failure> {
    match question {
        Question::Evidence(Evidence::Add(evidence)) => evidence.send(output),
        Question::ReferenceList(ReferenceList::Add(upload)) => upload.send(output),
        Question::Privileged(marked) => marked.send(output),
        Question::Review(Review::Add(review)) => review.send(output),
        Question::Saved(saved) => saved.carry_out(output),
        Question::Subject(subject) => subject.send(output),
        Question::Retention(retention) => retention.send(output),
    }
}

/// Has the server compare with an upstream, and prints the result. Fails when the upstream's list was
/// incomplete, and when a drift check found differences.
pub(crate) fn look(
    (slug, what): (&str, &str),
    accept_shrink: bool,
    client: &ClientConfig,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    let mut path = arguments::under(slug, what);
    if accept_shrink {
        path.push_str("?acceptShrink=true");
    }
    let answer = Client::new(client)?.post(&path, &Value::Null)?;
    let report = DriftReport::deserialize(&answer).map_err(listing::strange)?;
    output.print(&match client.json {
        true => format!("{}\n", text::json(&answer.into())),
        false => readable::looked(slug, what, &report, output.columns),
    })?;
    if report.incomplete {
        let words = "the upstream's list is incomplete, so not all that it has is known";
        return Err(Failure::Failed(words.to_owned()));
    }
    match report.row_count {
        _ if what == "baseline" => Ok(()),
        0 => Ok(()),
        1 => Err(Failure::Failed("the upstream differs in one place".to_owned())),
        count => Err(Failure::Failed(format!("the upstream differs in {count} places"))),
    }
}

#[cfg(test)]
mod tests;
