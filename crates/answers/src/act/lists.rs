//! What people add: evidence of operations, and lists of people.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Method, Takes, UPLOAD_BYTES_MAX};
use crate::{AppFilter, ListName, Nothing};

/// Add evidence to an operation, such as a ticket
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct AddEvidence {
    /// The operation: its event id, or the number of its event
    pub operation: String,
}

/// What somebody adds to an operation. Each text has 1 to 1,024 bytes.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewEvidence {
    /// What kind of evidence it is, such as `ticket`
    pub kind: String,
    /// Its reference, such as the number of the ticket
    #[serde(rename = "ref")]
    pub reference: String,
    /// Its address
    pub url: Option<String>,
    /// Who approved the operation
    pub approved_by: Option<String>,
    /// When it was approved: an RFC 3339 time or a date
    pub approved_at: Option<String>,
}

/// Evidence that was added.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AddedEvidence {
    /// The event that recorded it
    pub seq: u64,
    /// The event of the operation
    pub operation_seq: u64,
}

impl Act for AddEvidence {
    type Body = NewEvidence;
    type Reply = AddedEvidence;
    const COMMAND: &'static str = "evidence add";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/operations/{operation}/evidence";
    const TAKES: Takes = Takes::Json;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "application/json",
        r#"{"kind": "ticket", "ref": "CHG-1042", "approvedBy": "Nils Berg", "approvedAt": "2026-03-31"}"#,
    )];
    const STATUS: u16 = 201;
    const REFUSALS: &'static [u16] = &[408, 413];
}

/// Upload a list of people, such as employees, or who left when
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct AddList {
    /// A name for the list: 1 to 63 of a-z, 0-9 and -
    #[schemars(extend("x-accepts" = "a name for the list: 1 to 63 of a-z, 0-9 and -"))]
    pub name: ListName,
    /// The application that it belongs to; without it the whole server
    pub app: Option<AppFilter>,
}

/// A list that was kept.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AddedList {
    /// Its name
    pub name: String,
    /// The event that recorded it
    pub seq: u64,
    /// How many people it has
    pub rows: u64,
    /// The SHA-256 of the upload, in hexadecimal
    pub sha256: String,
    /// How many columns were not recognised, and are not kept
    pub ignored_columns: u64,
}

impl Act for AddList {
    type Body = Nothing;
    type Reply = AddedList;
    const COMMAND: &'static str = "list add";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/reference-lists";
    const TAKES: Takes = Takes::Bytes {
        words: "A list of people, as CSV with a head or as a JSON array of objects, with the columns \
                userName, externalId, email and terminatedAt",
        bytes_max: UPLOAD_BYTES_MAX,
    };
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("text/csv", "userName,terminatedAt\nmira.lund@fjord.example,2026-03-31\n")];
    const STATUS: u16 = 201;
    const REFUSALS: &'static [u16] = &[408, 413];
}
