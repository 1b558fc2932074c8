//! Builds the commands of the questions that the crate `answers` describes.

use answers::{
    Described, EvidenceOf, Kind, OneGroup, OneOperation, OneUser, Parameter, Place, Question,
    Shape, Why, described,
};
use clap::builder::PossibleValue;
use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgGroup, ArgMatches, Args, Command, FromArgMatches};
use query::name::{joined, parted};

use super::arguments::with_query;
use super::{Ask, One, Paging, Plan, Readable};
use crate::client::encoded;
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::listing::List;
use crate::readable;
use answers::named;

/// Commands that only group others, with their help.
const PARENTS: [(&str, &str); 1] =
    [("report", "Reports over all accounts: who joined, who left, who should not have one")];

/// A question that is asked on the command line.
#[derive(Debug)]
pub(crate) struct Asked {
    described: &'static Described,
    /// Names of parameters, and their texts as typed.
    given: Vec<(&'static str, String)>,
    paging: Option<Paging>,
    client: ClientConfig,
}

/// The place in help of what follows the questions. clap gives `help` the place 999.
const AFTER_QUESTIONS: usize = 500;

/// Adds a command for every question. Help lists the questions after the first command that exists
/// already, in the order of the list. Within a command they come before subcommands that change something.
pub(crate) fn add_to(command: Command) -> Command {
    let mut command = after_questions(command).mut_subcommands(after_questions);
    let first = command.get_subcommands().next().map(|one| one.get_name().to_owned());
    if let Some(first) = first {
        command = command.mut_subcommand(first, |first| first.display_order(0));
    }
    let mut done: Vec<&str> = vec![];
    for (place, one) in (1..).zip(answers::all()) {
        if done.contains(&one.name) {
            continue;
        }
        done.push(one.name);
        let variants = Described::variants(one.name);
        command = match one.name.split_once(' ') {
            None => command.subcommand(command_of(one.name, &variants).display_order(place)),
            Some((parent, name)) => {
                let below = command_of(name, &variants).display_order(place);
                if command.find_subcommand(parent).is_none() {
                    let about = PARENTS.iter().find(|(name, _)| *name == parent);
                    let about = about.map(|(_, about)| *about).unwrap_or_default();
                    let new = Command::new(parent).about(about).display_order(place);
                    command = command
                        .subcommand(new.subcommand_required(true).arg_required_else_help(true));
                }
                command.mut_subcommand(parent, |parent| parent.subcommand(below))
            }
        };
    }
    command
}

/// Lists the subcommands after all questions, in their present order.
fn after_questions(command: Command) -> Command {
    let mut place = AFTER_QUESTIONS;
    command.mut_subcommands(|one| {
        place += 1;
        one.display_order(place)
    })
}

/// The question that was asked, if the command is one.
///
/// # Errors
/// Errors of clap when it reads the arguments that it parsed.
pub(crate) fn find(matches: &ArgMatches) -> Result<Option<Asked>, clap::Error> {
    let Some((first, below)) = matches.subcommand() else { return Ok(None) };
    let (name, matches) = match below.subcommand() {
        Some((second, deeper)) => (format!("{first} {second}"), deeper),
        None => (first.to_owned(), below),
    };
    let variants = Described::variants(&name);
    if variants.is_empty() {
        return Ok(None);
    }
    let parameters = union(&variants);
    let given = parameters.iter().filter_map(|one| Some((one.name, value(matches, one)?)));
    let given: Vec<(&'static str, String)> = given.collect();
    // Choose the variant whose path is given completely and that has every parameter given.
    let fits = |one: &&&'static Described| {
        let is_given = |name: &str| given.iter().any(|(given, _)| *given == name);
        let mut path = one.parameters.iter().filter(|one| one.place == Place::Path);
        path.all(|one| is_given(one.name))
            && given.iter().all(|(name, _)| one.parameter(name).is_some())
    };
    let described = variants.iter().find(fits).or(variants.first()).copied();
    let Some(described) = described else { return Ok(None) };
    let paging = match described.is_list() {
        true => Some(Paging::from_arg_matches(matches)?),
        false => None,
    };
    let client = ClientConfig::from_arg_matches(matches)?;
    Ok(Some(Asked { described, given, paging, client }))
}

/// The parameters of all variants, each once, without `limit` and `cursor`.
fn union(variants: &[&'static Described]) -> Vec<&'static Parameter> {
    let mut all: Vec<&Parameter> = vec![];
    let own = |one: &&Parameter| one.place != Place::Page;
    for parameter in variants.iter().flat_map(|one| &one.parameters).filter(own) {
        if all.iter().all(|one| one.name != parameter.name) {
            all.push(parameter);
        }
    }
    all
}

fn command_of(name: &'static str, variants: &[&'static Described]) -> Command {
    let mut command = Command::new(name);
    let mut choices: Vec<&'static str> = vec![];
    for parameter in union(variants) {
        let is_path = |one: &&Described| {
            one.parameter(parameter.name).is_some_and(|one| one.place == Place::Path)
        };
        let everywhere = variants.iter().all(is_path);
        let argument = argument(parameter, variants);
        let somewhere = variants.iter().any(is_path);
        command = command.arg(match (everywhere, somewhere) {
            (true, _) => argument.required(true),
            // The argument group below requires one of them.
            (false, true) => argument.required(false),
            (false, false) => argument,
        });
        if !everywhere && somewhere {
            choices.push(parameter.name);
        }
    }
    if !choices.is_empty() {
        let both =
            variants.iter().any(|one| choices.iter().all(|name| one.parameter(name).is_some()));
        command = command.group(ArgGroup::new("whose").args(choices).required(true).multiple(both));
    }
    if variants.iter().any(|one| one.is_list()) {
        command = Paging::augment_args(command);
    }
    command = ClientConfig::augment_args(command);
    // Set this last: the flattened arguments bring an `about` of their own.
    match variants {
        [first, ..] => command.about(&first.about),
        [] => command,
    }
}

/// A parameter as an argument of clap.
fn argument(parameter: &'static Parameter, variants: &[&'static Described]) -> Arg {
    let argument = Arg::new(parameter.name).help(&parameter.help).required(parameter.is_required);
    let is_positional = parameter.is_positional(variants);
    let argument = match is_positional {
        true => argument,
        false => argument.long(parameter.flag()),
    };
    let argument = match &parameter.requires {
        Some(other) => argument.requires(other),
        None => argument,
    };
    let is_plain = matches!(parameter.kind, Kind::Text | Kind::App);
    let value_name = match is_positional && is_plain {
        true => parameter.name.to_uppercase(),
        false => parameter.value_name.clone(),
    };
    match &parameter.kind {
        Kind::Flag => argument.action(ArgAction::SetTrue),
        Kind::Choice(words) if words.len() == 1 => argument.action(ArgAction::SetTrue),
        Kind::Choice(words) => {
            let words = words.iter().map(|one| {
                let value = PossibleValue::new(&one.word);
                if one.help.is_empty() { value } else { value.help(&one.help) }
            });
            argument.value_parser(PossibleValuesParser::new(words))
        }
        Kind::Bool => argument.value_name(value_name).value_parser(["true", "false"]),
        Kind::Instant(_) | Kind::KnownAt | Kind::Zone => {
            argument.value_name(value_name).allow_hyphen_values(true)
        }
        _ => argument.value_name(value_name),
    }
}

/// The text typed for a parameter.
fn value(matches: &ArgMatches, parameter: &Parameter) -> Option<String> {
    let is_set = || matches.get_flag(parameter.name);
    match &parameter.kind {
        Kind::Flag => is_set().then(|| "true".to_owned()),
        Kind::Choice(words) if words.len() == 1 => {
            words.first().filter(|_| is_set()).map(|one| one.word.clone())
        }
        _ => matches.get_one::<String>(parameter.name).cloned(),
    }
}

/// The parameter's value for a typed text: a bare name gets its prefix.
fn meant(kind: &Kind, text: &str) -> String {
    match kind {
        Kind::User => named(text, "userName"),
        Kind::Group => named(text, "displayName"),
        // Send it as typed if it cannot be split: the server says what is wrong.
        Kind::Groups => parted(text).map_or_else(
            || text.to_owned(),
            |groups| {
                let groups: Vec<String> =
                    groups.iter().map(|group| named(group, "displayName")).collect();
                joined(&groups)
            },
        ),
        _ => text.to_owned(),
    }
}

/// Path and query of a question, given the texts of its parameters.
pub(super) fn address(described: &Described, given: &[(&'static str, &str)]) -> String {
    let mut path = described.path.to_owned();
    let mut pairs = vec![];
    for (name, text) in given {
        let Some(parameter) = described.parameter(name) else { continue };
        let text = meant(&parameter.kind, text);
        match parameter.place {
            Place::Path => path = path.replace(&format!("{{{name}}}"), &encoded(&text)),
            Place::Query | Place::Time | Place::Page => pairs.push((*name, Some(text))),
        }
    }
    with_query(&path, pairs)
}

/// The address of an operation's evidence, and how it is rendered. Asks for one page of the largest size.
fn evidence(given: &[(&'static str, &str)]) -> Result<Option<(String, Readable)>, Failure> {
    let Some(described) = described::<EvidenceOf>() else { return Ok(None) };
    let table = described.table(given).map_err(|_| defect())?;
    let given = [given, &[("limit", "1000")]].concat();
    Ok(Some((address(described, &given), Box::new(readable::evidence(table)))))
}

fn defect() -> Failure {
    Failure::Failed("the question cannot be read: a defect of this program".to_owned())
}

impl Asked {
    /// A question whose parameters are known.
    pub(super) fn new(
        described: &'static Described,
        given: Vec<(&'static str, String)>,
        paging: Paging,
        client: ClientConfig,
    ) -> Asked {
        Asked { described, given, paging: Some(paging), client }
    }

    /// Names and texts of the parameters given.
    pub(super) fn given(&self) -> Vec<(&'static str, &str)> {
        self.given.iter().map(|(name, text)| (*name, text.as_str())).collect()
    }

    /// Path and query of the question.
    pub(crate) fn address(&self) -> String {
        address(self.described, &self.given())
    }

    /// The request, and how its answer is rendered.
    pub(crate) fn plan(self) -> Result<Plan, Failure> {
        let address = self.address();
        self.plan_at(address)
    }

    /// The same, at a given address.
    pub(super) fn plan_at(self, address: String) -> Result<Plan, Failure> {
        let described = self.described;
        let given: Vec<(&'static str, &str)> =
            self.given.iter().map(|(name, text)| (*name, text.as_str())).collect();
        let table = described.table(&given).map_err(|_| defect())?;
        if let (Some(paging), true) = (self.paging, described.shape != Shape::One) {
            let is_of_application = given.iter().any(|(name, _)| *name == "app");
            let mut list = List::of(address, described, table);
            list.is_of_application = is_of_application;
            return Ok(Plan { ask: Ask::List(list, paging), client: self.client });
        }
        let below = match described.path {
            OneOperation::PATH => evidence(&given)?,
            _ => None,
        };
        let readable: Readable = match described.path {
            OneUser::PATH | OneGroup::PATH => Box::new(readable::resource(described, self.given)),
            Why::PATH => Box::new(readable::why(described, table)),
            _ => Box::new(readable::lines(described, table)),
        };
        let one = One { path: address, readable, below };
        Ok(Plan { ask: Ask::One(one), client: self.client })
    }
}
