//! Questions about the record itself: what arrived, who looked, what was not watched.

use clap::Subcommand;

use super::Plan;
use super::arguments::{Known, with_query};
use crate::client::encoded;
use crate::config::ClientConfig;
use crate::readable;

#[derive(Subcommand, Debug)]
pub(crate) enum OfRecord {
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

impl OfRecord {
    pub(super) fn plan(self) -> Plan {
        match self {
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
