//! Questions about users.

use clap::Subcommand;

use super::Plan;
use super::arguments::{App, Paging, Range, segment, with_query};
use crate::config::ClientConfig;
use crate::listing::List;
use crate::readable;
use crate::text::escaped;

#[derive(Subcommand, Debug)]
pub(crate) enum People {
    /// What happened to a user or a group, newest first
    Timeline {
        #[command(flatten)]
        app: App,
        /// SCIM id, userName:NAME, externalId:ID or displayName:NAME; any other text is a user name
        #[arg(required_unless_present = "group", conflicts_with = "group")]
        user: Option<String>,
        /// The group to ask about: SCIM id, displayName:NAME or externalId:ID; any other text is a
        /// display name
        #[arg(long)]
        group: Option<String>,
        #[command(flatten)]
        range: Range,
        #[command(flatten)]
        paging: Paging,
        #[command(flatten)]
        client: ClientConfig,
    },
}

/// The user or the group that is asked about, of which clap sees to it that one is there; and by which
/// attribute a text names it.
fn one_of(user: Option<String>, group: Option<String>) -> (&'static str, String, &'static str) {
    match (user, group) {
        (_, Some(group)) => ("group", group, "displayName"),
        (user, None) => ("user", user.unwrap_or_default(), "userName"),
    }
}

impl People {
    pub(super) fn plan(self) -> Plan {
        match self {
            People::Timeline { app, user, group, range, paging, client } => {
                let (kind, name, attribute) = one_of(user, group);
                let path = app.under(&format!("{kind}s/{}/timeline", segment(&name, attribute)));
                let path = with_query(&path, range.parameters());
                let list = List::new(path, &readable::OPERATIONS, kind, move |answer| {
                    let (name, app) = (escaped(&name), escaped(&app.slug));
                    let stretch = readable::stretch(answer);
                    let stands = readable::stands(answer);
                    format!("Timeline of {kind} {name} in {app}{stretch}, newest first {stands}")
                });
                Plan::list(list, paging, client)
            }
        }
    }
}
