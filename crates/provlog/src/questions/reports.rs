//! Reports: each is a line of one table, from which come its command, its address and its columns.

use clap::error::ErrorKind;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches, Subcommand};

use super::Plan;
use super::arguments::{Paging, Parameters, Range, with_query};
use super::record::filtered;
use crate::config::ClientConfig;
use crate::listing::List;
use crate::readable::{self, Shape};

/// A report as it can be asked for.
struct Report {
    /// Of the command, and the last segment of the address.
    name: &'static str,
    about: &'static str,
    /// Begins the heading.
    title: &'static str,
    /// Besides those of its time and of lists, in the order in which the heading tells them.
    parameters: &'static [Parameter],
    shape: &'static Shape,
}

struct Parameter {
    /// Of the flag, and in the address.
    name: &'static str,
    value_name: &'static str,
    help: &'static str,
    /// Stand before the value in the heading.
    words: &'static str,
    is_required: bool,
    /// What is asked for where this was given.
    read: fn(&str) -> String,
}

const APP: Parameter = Parameter {
    name: "app",
    value_name: "SLUG",
    help: "Only this application's; of all that the token may see when it is missing",
    words: "in",
    is_required: false,
    read: str::to_owned,
};

const NEWEST_FIRST: &str = ", newest first";

const REPORTS: &[Report] = &[
    Report {
        name: "unapproved",
        about: "Which changes have no evidence",
        title: "Changes without evidence",
        parameters: &[APP],
        shape: &readable::OPERATIONS,
    },
    Report {
        name: "drift",
        about: "Where a look at an upstream differed from the record",
        title: "Differences at the upstream",
        parameters: &[APP],
        shape: &readable::OPERATIONS,
    },
];

impl Report {
    fn command(&self) -> Command {
        let arguments = self.parameters.iter().map(|parameter| {
            Arg::new(parameter.name)
                .long(parameter.name)
                .value_name(parameter.value_name)
                .help(parameter.help)
                .required(parameter.is_required)
        });
        let command = Command::new(self.name).args(arguments);
        let command = Range::augment_args(command);
        ClientConfig::augment_args(Paging::augment_args(command)).about(self.about)
    }
}

/// A report that is asked for.
pub(crate) struct Asked {
    report: &'static Report,
    /// Of its parameters, in their order.
    values: Vec<Option<String>>,
    /// Its instants.
    times: Parameters,
    paging: Paging,
    client: ClientConfig,
}

impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Asked").field("report", &self.report.name).finish_non_exhaustive()
    }
}

impl Subcommand for Asked {
    fn augment_subcommands(command: Command) -> Command {
        command.subcommands(REPORTS.iter().map(Report::command))
    }

    fn augment_subcommands_for_update(command: Command) -> Command {
        Asked::augment_subcommands(command)
    }

    fn has_subcommand(name: &str) -> bool {
        REPORTS.iter().any(|report| report.name == name)
    }
}

impl FromArgMatches for Asked {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Asked, clap::Error> {
        let missing = || clap::Error::new(ErrorKind::MissingSubcommand);
        let (name, matches) = matches.subcommand().ok_or_else(missing)?;
        let report = REPORTS.iter().find(|report| report.name == name).ok_or_else(missing)?;
        let value = |parameter: &Parameter| matches.get_one::<String>(parameter.name).cloned();
        let times = Range::from_arg_matches(matches)?.parameters();
        Ok(Asked {
            report,
            values: report.parameters.iter().map(value).collect(),
            times,
            paging: Paging::from_arg_matches(matches)?,
            client: ClientConfig::from_arg_matches(matches)?,
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Asked::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Asked {
    pub(super) fn plan(self) -> Plan {
        let Asked { report, values, times, paging, client } = self;
        let given = report.parameters.iter().zip(&values);
        let is_of_application =
            given.clone().any(|(one, value)| one.name == APP.name && value.is_some());
        let (title, _) = filtered(
            report.title,
            given.clone().map(|(one, value)| (one.name, one.words, value.clone())),
        );
        let asked = given.map(|(one, value)| (one.name, value.as_deref().map(one.read)));
        let path = format!("/api/v1/reports/{}", report.name);
        let path = with_query(&path, asked.chain(times).collect());
        let mut list = List::new(path, report.shape, "application", move |answer| {
            let (stretch, stands) = (readable::stretch(answer), readable::stands(answer));
            format!("{title}{stretch}{NEWEST_FIRST} {stands}")
        });
        list.is_of_application = is_of_application;
        Plan::list(list, paging, client)
    }
}
