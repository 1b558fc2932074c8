//! Adds evidence to an operation, and uploads lists of people that SCIM does not provide.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use answers::act;
use answers::act::{AddedEvidence, AddedList};
use clap::{Args, Subcommand};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::arguments::with_query;
use crate::client::{Client, encoded};
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::listing::strange;
use crate::output::Output;
use crate::text::{self, escaped};

/// The server refuses longer lists.
const LIST_BYTES_MAX: u64 = act::UPLOAD_BYTES_MAX as u64;

#[derive(Subcommand, Debug)]
pub(crate) enum Evidence {
    /// Add evidence to an operation; it cannot be changed or removed
    Add(NewEvidence),
}

#[derive(Args, Debug)]
pub(crate) struct NewEvidence {
    /// The operation: its event id, or the number of its event
    id: String,
    /// Its kind, such as ticket or approval
    #[arg(long)]
    kind: String,
    /// Its reference, such as the number of a ticket
    #[arg(long = "ref", value_name = "REF")]
    reference: String,
    /// Its URL
    #[arg(long)]
    url: Option<String>,
    /// Who approved the change
    #[arg(long, value_name = "NAME")]
    approved_by: Option<String>,
    /// When it was approved: 2026-03-31T17:00:00Z
    #[arg(long, value_name = "TIME")]
    approved_at: Option<String>,
    #[command(flatten)]
    client: ClientConfig,
}

impl NewEvidence {
    fn path(&self) -> String {
        format!("/api/v1/operations/{}/evidence", encoded(&self.id))
    }

    fn body(&self) -> Value {
        let mut body = json!(act::NewEvidence {
            kind: self.kind.clone(),
            reference: self.reference.clone(),
            url: self.url.clone(),
            approved_by: self.approved_by.clone(),
            approved_at: self.approved_at.clone(),
        });
        if let Some(members) = body.as_object_mut() {
            members.retain(|_, value| !value.is_null());
        }
        body
    }

    /// Adds the evidence and prints which event holds it.
    pub(super) fn send(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let answer = Client::new(&self.client)?.post(&self.path(), &self.body())?;
        output.print(&told(&self.client, answer, |added: AddedEvidence| {
            let (id, seq) = (escaped(&self.id), added.seq);
            format!("Evidence was added to operation {id} (event {seq}).\n")
        })?)
    }
}

#[derive(Subcommand, Debug)]
pub(crate) enum ReferenceList {
    /// Upload a list; from then on it replaces an earlier one of the same name
    Add(Upload),
}

#[derive(Args, Debug)]
pub(crate) struct Upload {
    /// Its name, as reports take it
    name: String,
    /// CSV with a line of column names, or a JSON array of objects
    file: PathBuf,
    /// The application that it belongs to; without it the whole server
    #[arg(long, value_name = "SLUG")]
    app: Option<String>,
    #[command(flatten)]
    client: ClientConfig,
}

impl Upload {
    fn path(&self) -> String {
        let parameters = vec![("name", Some(self.name.clone())), ("app", self.app.clone())];
        with_query("/api/v1/reference-lists", parameters)
    }

    /// Uploads the list and prints which event holds it.
    pub(super) fn send(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let bytes = read(&self.file)?;
        let media_type = media_type(&bytes);
        let answer = Client::new(&self.client)?.post_bytes(&self.path(), media_type, &bytes)?;
        output.print(&told(&self.client, answer, |added: AddedList| {
            let AddedList { seq, rows, sha256, ignored_columns, .. } = added;
            let name = escaped(&self.name);
            let mut told = format!("List {name} is there (event {seq}). Rows: {rows}\n");
            if ignored_columns > 0 {
                told.push_str(&format!("Columns that no report reads: {ignored_columns}\n"));
            }
            told + &format!("SHA-256 {}\n", escaped(&sha256))
        })?)
    }
}

/// The bytes of a list. Stops reading when the file is too long.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = vec![];
    let read =
        File::open(path).and_then(|file| file.take(LIST_BYTES_MAX + 1).read_to_end(&mut bytes));
    read.map_err(|error| Failure::Wrong(format!("cannot read {}: {error}", path.display())))?;
    if bytes.len() as u64 > LIST_BYTES_MAX {
        let max = LIST_BYTES_MAX >> 20;
        return Err(Failure::Wrong(format!(
            "{} has more than {max} MiB; give the list the columns that a report needs only",
            path.display()
        )));
    }
    Ok(bytes)
}

/// Only JSON begins with a bracket: no name of a CSV column does.
fn media_type(bytes: &[u8]) -> &'static str {
    match bytes.trim_ascii_start().first() {
        Some(b'[') => "application/json",
        Some(_) | None => "text/csv",
    }
}

/// What is printed after a change.
pub(crate) fn told<Reply: DeserializeOwned>(
    client: &ClientConfig,
    answer: Map<String, Value>,
    words: impl FnOnce(Reply) -> String,
) -> Result<String, Failure> {
    match client.json {
        true => Ok(format!("{}\n", text::json(&answer.into()))),
        false => Ok(words(serde_json::from_value(answer.into()).map_err(strange)?)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Add {
        #[command(flatten)]
        evidence: NewEvidence,
    }

    #[test]
    fn evidence_has_what_was_given() {
        let check = |arguments: &[&str], expected: Value| {
            let given =
                [&["add", "4182", "--kind", "ticket", "--ref", "OPS-7"], arguments].concat();
            let evidence = Add::try_parse_from(given).unwrap().evidence;
            assert_eq!(evidence.path(), "/api/v1/operations/4182/evidence");
            assert_eq!(evidence.body(), expected);
        };
        check(&[], json!({"kind": "ticket", "ref": "OPS-7"}));
        check(
            &["--approved-by", "Ole Brandt", "--approved-at", "2026-03-31T17:00:00Z"],
            json!({"kind": "ticket", "ref": "OPS-7", "approvedBy": "Ole Brandt",
                   "approvedAt": "2026-03-31T17:00:00Z"}),
        );
        check(
            &["--url", "https://desk.fjord.example/7"],
            json!({"kind": "ticket", "ref": "OPS-7", "url": "https://desk.fjord.example/7"}),
        );
        assert!(Add::try_parse_from(["add", "4182", "--kind", "ticket"]).is_err(), "what is it?");
    }

    #[test]
    fn a_list_is_csv_or_json_and_of_bounded_length() {
        assert_eq!(media_type(b"\n [{\"userName\":\"mira\"}]"), "application/json");
        assert_eq!(media_type(b"userName,terminatedAt\r\nmira,2026-03-31\r\n"), "text/csv");
        assert_eq!(media_type(b""), "text/csv");

        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hr.csv");
        let check = |bytes: u64, is_taken: bool| {
            File::create(&path).unwrap().set_len(bytes).unwrap();
            assert_eq!(read(&path).is_ok(), is_taken, "{bytes}");
        };
        check(LIST_BYTES_MAX, true);
        check(LIST_BYTES_MAX + 1, false);
        assert!(read(&folder.path().join("absent")).is_err());
    }
}
