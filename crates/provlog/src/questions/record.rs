//! Questions about the record itself: what arrived, who looked, what was not watched.

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use event::{Action, Status};

use super::Plan;
use super::arguments::{Known, Paging, Parameters, Range, with_query};
use crate::client::encoded;
use crate::config::ClientConfig;
use crate::listing::List;
use crate::readable;
use crate::text::escaped;

#[derive(Subcommand, Debug)]
pub(crate) enum OfRecord {
    /// Which requests arrived and what came of them, newest first
    Log {
        #[command(flatten)]
        filters: Box<LogFilters>,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        client: ClientConfig,
    },
    /// What one operation was: what it changed, what was asked and answered, why it was right
    Operation {
        /// Its event id, or the number of its event
        id: String,
        #[command(flatten)]
        known: Known,
        #[command(flatten)]
        client: ClientConfig,
    },
}

/// Which operations a log shows.
#[derive(Args, Debug)]
pub(crate) struct LogFilters {
    /// Only this application's
    #[arg(long, value_name = "SLUG")]
    app: Option<String>,
    /// Only those that ended so
    #[arg(long, value_parser = names(Status::ALL.map(Status::name)))]
    status: Option<String>,
    /// Only those that asked for this
    #[arg(long, value_parser = names(Action::ALL.map(Action::name)))]
    action: Option<String>,
    /// Only those on this user or group: SCIM id, or userName:NAME, externalId:ID, displayName:NAME
    #[arg(long, value_name = "NAME")]
    resource: Option<String>,
    /// Only those with the token of this id, or with none
    #[arg(long, value_name = "ID|none")]
    credential: Option<String>,
    /// Only those of the request that came with this id
    #[arg(long, value_name = "ID")]
    request_id: Option<String>,
    /// Only what was recorded here, or only entries of imported logs
    #[arg(long, value_parser = ["recorded", "imported"])]
    source: Option<String>,
    /// Only imported entries of this log
    #[arg(long, value_parser = ["provisioning", "directoryAudit"])]
    log: Option<String>,
    /// Only imported entries with this error code
    #[arg(long, value_name = "CODE")]
    error_code: Option<String>,
    /// Only imported entries with this skip reason
    #[arg(long, value_name = "REASON")]
    skip_reason: Option<String>,
    /// Only imported entries of this cycle of the provider
    #[arg(long, value_name = "ID")]
    cycle_id: Option<String>,
    /// Only imported entries of this change of the provider
    #[arg(long, value_name = "ID")]
    change_id: Option<String>,
}

/// The choices of a flag.
fn names<const COUNT: usize>(names: [&'static str; COUNT]) -> PossibleValuesParser {
    PossibleValuesParser::new(names)
}

impl LogFilters {
    /// Every filter as the API calls it and as people read it.
    fn parts(self) -> [(&'static str, &'static str, Option<String>); 12] {
        [
            ("app", "in", self.app),
            ("status", "with status", self.status),
            ("action", "with action", self.action),
            ("resource", "on resource", self.resource),
            ("credential", "by credential", self.credential),
            ("requestId", "of request", self.request_id),
            ("source", "that were", self.source),
            ("log", "of log", self.log),
            ("errorCode", "with error code", self.error_code),
            ("skipReason", "with skip reason", self.skip_reason),
            ("cycleId", "of cycle", self.cycle_id),
            ("changeId", "of change", self.change_id),
        ]
    }
}

/// What was asked for, in words and as parameters.
pub(super) fn filtered(
    title: &str,
    parts: impl IntoIterator<Item = (&'static str, &'static str, Option<String>)>,
) -> (String, Parameters) {
    let (mut title, mut parameters) = (title.to_owned(), vec![]);
    for (name, words, value) in parts {
        if let Some(value) = &value {
            title.push_str(&format!(" {words} {}", escaped(value)));
        }
        parameters.push((name, value));
    }
    (title, parameters)
}

impl OfRecord {
    pub(super) fn plan(self) -> Plan {
        match self {
            OfRecord::Log { filters, range, paging, client } => {
                let is_of_application = filters.app.is_some();
                let (title, mut parameters) = filtered("Operations", filters.parts());
                parameters.extend(range.parameters());
                let path = with_query("/api/v1/operations", parameters);
                let mut list =
                    List::new(path, &readable::OPERATIONS, "application", move |answer| {
                        let stretch = readable::stretch(answer);
                        format!("{title}{stretch}, newest first {}", readable::stands(answer))
                    });
                list.is_of_application = is_of_application;
                Plan::list(list, paging, client)
            }
            OfRecord::Operation { id, known, client } => {
                let path = format!("/api/v1/operations/{}", encoded(&id));
                let known = known.parameters();
                let mut all = known.clone();
                all.push(("limit", Some("1000".to_owned())));
                let evidence = with_query(&format!("{path}/evidence"), all);
                let path = with_query(&path, known);
                Plan::one(path, client, readable::whole_operation).beside("evidence", evidence)
            }
        }
    }
}
