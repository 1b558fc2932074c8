//! Marks groups as privileged, and removes the mark.

use answers::act::MarkedGroup;
use clap::{Args, Subcommand};
use serde_json::Value;

use super::additions::told;
use super::arguments::under;
use crate::client::{Client, encoded};
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::escaped;
use answers::named;

#[derive(Subcommand, Debug)]
pub(crate) enum Privileged {
    /// Mark a group as privileged: what its members may do needs more care than usual
    Add(Marked),
    /// Remove the mark of a privileged group
    Remove(Marked),
}

#[derive(Args, Debug)]
pub(crate) struct Marked {
    /// SCIM id, displayName:NAME or externalId:ID; any other text is a display name
    group: String,
    /// The application, by its name in addresses
    #[arg(long, value_name = "SLUG")]
    app: String,
    #[command(flatten)]
    client: ClientConfig,
}

impl Privileged {
    pub(super) fn send(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let (Privileged::Add(marked) | Privileged::Remove(marked)) = &self;
        let group = encoded(&named(&marked.group, "displayName"));
        let path = under(&marked.app, &format!("groups/{group}/privileged"));
        let client = Client::new(&marked.client)?;
        let answer = match self {
            Privileged::Add(_) => client.post(&path, &Value::Null)?,
            Privileged::Remove(_) => client.delete(&path)?,
        };
        output.print(&told(&marked.client, answer, |group: MarkedGroup| {
            let name = group.group_name.or(group.group_id).unwrap_or_default();
            let is = if group.privileged { "is privileged" } else { "is not privileged" };
            let by = match group.seq {
                Some(seq) => format!("event {seq}"),
                None => "it was never marked".to_owned(),
            };
            format!("Group {} {is} ({by}).\n", escaped(&name))
        })?)
    }
}
