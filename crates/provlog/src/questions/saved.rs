//! Saves questions, asks saved ones, and removes them.

use answers::act::{RemovedQuestion, SavedAs};
use answers::row::SavedQuestion;
use answers::{Place, question_at};
use clap::{Args, Command, Subcommand};
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::additions::told;
use super::described::{Asked, add_to, find};
use super::{Paging, ask_at};
use crate::client::{Client, encoded};
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::listing::strange;
use crate::output::Output;
use crate::text::escaped;

#[derive(Subcommand, Debug)]
pub(crate) enum Saved {
    /// Save a question under a name; one of the same name is replaced
    Add(NewSaved),
    /// Ask a saved question
    Ask(AskSaved),
    /// Remove a saved question
    Remove(RemoveSaved),
}

#[derive(Args, Debug)]
pub(crate) struct NewSaved {
    /// Its name: 1 to 63 of a-z, 0-9 and -
    name: String,
    #[command(flatten)]
    client: ClientConfig,
    /// The question as a command without the program's name, such as: log --status failure --from -7d.
    /// Times such as -7d count from when it is asked. It comes last
    #[arg(
        value_name = "QUESTION",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    question: Vec<String>,
}

#[derive(Args, Debug)]
pub(crate) struct AskSaved {
    /// Its name
    name: String,
    #[command(flatten)]
    paging: Paging,
    #[command(flatten)]
    client: ClientConfig,
}

#[derive(Args, Debug)]
pub(crate) struct RemoveSaved {
    /// Its name
    name: String,
    #[command(flatten)]
    client: ClientConfig,
}

const SAVED: &str = "/api/v1/saved-questions";

impl Saved {
    pub(super) fn carry_out(self, output: &mut Output<'_>) -> Result<(), Failure> {
        match self {
            Saved::Add(new) => new.send(output),
            Saved::Ask(asked) => asked.ask(output),
            Saved::Remove(gone) => gone.send(output),
        }
    }
}

impl NewSaved {
    fn send(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let question = address_of(&self.question, "saved")?;
        let body = json!({"name": self.name, "question": question});
        let answer = Client::new(&self.client)?.post(SAVED, &body)?;
        output.print(&told(&self.client, answer, |SavedAs { name, question, seq }| {
            format!("Question {} is saved (event {seq}): {}\n", escaped(&name), escaped(&question))
        })?)
    }
}

/// The address of a question that is written as a command. `done` says what cannot be done if it is none.
pub(super) fn address_of(words: &[String], done: &str) -> Result<String, Failure> {
    let wrong = |why: &str| Failure::Wrong(format!("the question cannot be {done}: {why}"));
    let all = ["provlog".to_owned()].into_iter().chain(words.iter().cloned());
    let command = add_to(Command::new("provlog").disable_help_flag(true));
    let matches = command.try_get_matches_from(all).map_err(|error| {
        // clap's first line says what is wrong; the others show usage.
        let told = error.render().to_string();
        wrong(told.lines().next().unwrap_or_default().trim_start_matches("error: "))
    })?;
    let asked = find(&matches).map_err(|error| wrong(&error.to_string()))?;
    Ok(asked.ok_or_else(|| wrong("it is no question"))?.address())
}

impl AskSaved {
    fn ask(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let path = format!("{SAVED}/{}", encoded(&self.name));
        let mut saved = Client::new(&self.client)?.get(&path)?;
        let saved = saved.remove("resource").unwrap_or_default();
        let SavedQuestion { question: address, .. } =
            serde_json::from_value(saved).map_err(strange)?;
        let asked = asked_at(&address, self.paging, self.client).ok_or_else(|| {
            Failure::Failed(format!(
                "this program does not know the question {}; the server may be newer",
                escaped(&address)
            ))
        })?;
        ask_at(asked, address, output)
    }
}

/// The question at an address, rendered as its own command does; `None` if no question is there.
fn asked_at(address: &str, paging: Paging, client: ClientConfig) -> Option<Asked> {
    let (path, query) = address.split_once('?').unwrap_or((address, ""));
    let described = question_at(path)?;
    let text = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
    let mut given = vec![];
    for (name, segment) in described.path.split('/').zip(path.split('/')) {
        let name = name.strip_prefix('{').and_then(|name| name.strip_suffix('}'));
        if let Some(parameter) = name.and_then(|name| described.parameter(name)) {
            given.push((parameter.name, text(segment)));
        }
    }
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let parameter = described.parameter(name);
        if let Some(parameter) = parameter.filter(|one| one.place != Place::Page) {
            given.push((parameter.name, text(&value.replace('+', " "))));
        }
    }
    Some(Asked::new(described, given, paging, client))
}

impl RemoveSaved {
    fn send(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let path = format!("{SAVED}/{}", encoded(&self.name));
        let answer = Client::new(&self.client)?.delete(&path)?;
        output.print(&told(&self.client, answer, |RemovedQuestion { name, removed_seq }| {
            format!("Question {} is saved no more (event {removed_seq}).\n", escaped(&name))
        })?)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Add {
        #[command(flatten)]
        new: NewSaved,
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn a_question_is_saved_by_its_address_with_times_as_they_were_typed() {
        let check = |text: &str, expected: &str| {
            let given = [words("add weekly"), words(text)].concat();
            let new = Add::try_parse_from(given).unwrap().new;
            assert_eq!(new.name, "weekly");
            assert_eq!(address_of(&new.question, "saved").unwrap(), expected, "{text}");
        };
        check("log --status failure --from -7d", "/api/v1/operations?status=failure&from=-7d");
        check("-- log --status failure", "/api/v1/operations?status=failure");
        check(
            "members Crew --app paperboat --at -1d",
            "/api/v1/apps/paperboat/groups/displayName%3ACrew/members?at=-1d",
        );
        check("report leavers --within 24h", "/api/v1/reports/leavers?within=24h");
    }

    #[test]
    fn what_is_no_question_is_refused_in_one_line() {
        for text in ["serve", "log --status odd", "members --app paperboat", "report", "--help"] {
            match address_of(&words(text), "saved") {
                Err(Failure::Wrong(why)) => {
                    assert!(why.starts_with("the question cannot be saved: "), "{why}");
                    assert!(!why.contains('\n'), "{why}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn the_question_of_an_address_is_told_with_its_names() {
        #[derive(Parser)]
        struct Ask {
            #[command(flatten)]
            asked: AskSaved,
        }
        let AskSaved { paging, client, .. } = Ask::parse_from(["ask", "weekly"]).asked;
        let address = "/api/v1/apps/paperboat/groups/displayName%3ACrew/members?at=-1d&limit=3";
        let asked = asked_at(address, paging, client).unwrap();
        assert_eq!(
            asked.given(),
            [("app", "paperboat"), ("group", "displayName:Crew"), ("at", "-1d")]
        );
    }
}
