//! Questions about groups.

use clap::Subcommand;

use super::Plan;
use super::arguments::{App, Instant, segment, with_query};
use crate::config::ClientConfig;
use crate::readable;

#[derive(Subcommand, Debug)]
pub(crate) enum Groups {
    /// What a group looked like
    Group {
        #[command(flatten)]
        app: App,
        /// SCIM id, displayName:NAME or externalId:ID; any other text is a display name
        group: String,
        #[command(flatten)]
        instant: Instant,
        #[command(flatten)]
        client: ClientConfig,
    },
}

impl Groups {
    pub(super) fn plan(self) -> Plan {
        match self {
            Groups::Group { app, group, instant, client } => {
                let path = app.under(&format!("groups/{}", segment(&group, "displayName")));
                let path = with_query(&path, instant.parameters());
                Plan::one(path, client, move |answer, columns| {
                    readable::resource("group", "displayName", &app.slug, &group, answer, columns)
                })
            }
        }
    }
}
