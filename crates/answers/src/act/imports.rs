//! Entries of a provider's logs come in.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Method, Takes, UPLOAD_BYTES_MAX};
use crate::{App, Nothing};

/// Import entries of a provider's logs; entries that were imported before are recognised
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Import {
    /// The application's name in addresses
    pub app: App,
    /// 1 to 16 hexadecimal digits, the same for all requests of one import
    #[schemars(extend("x-accepts" = "1 to 16 hexadecimal digits, the same for all requests of one import"))]
    #[schemars(regex(pattern = "^[0-9a-fA-F]{1,16}$"))]
    pub run: Option<String>,
    /// The order of day and month in dates such as 05/10/2026
    pub dates: Option<DateOrder>,
    /// The application's service principal at the provider, for this import only
    #[schemars(extend("x-accepts" = "the id of a service principal, or its display name, 1 to 256 bytes"))]
    #[schemars(length(min = 1, max = 256))]
    pub service_principal: Option<String>,
    /// Also list the entries of other applications, which are not imported
    pub list: Option<ListOf>,
    /// Import nothing, and report what would be imported
    #[serde(default)]
    pub check: bool,
}

/// The order of day and month.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum DateOrder {
    /// 31/3/2026
    Dmy,
    /// 3/31/2026
    Mdy,
}

/// What is listed beside the counts.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum ListOf {
    /// Entries of other applications
    Others,
}

/// What came of an import.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Imported {
    /// How many records were read
    pub read: u64,
    /// How many were new
    pub new: u64,
    /// How many were imported before
    pub known: u64,
    /// How many were refused
    pub refused: u64,
    /// The first that were refused
    pub refusals: Vec<ImportRefusal>,
    /// How many are of logs other than provisioning
    pub passed_over: u64,
    /// How many are of other applications
    pub of_other_applications: u64,
    /// The other applications
    pub other_applications: Vec<OtherApplication>,
    /// The entries of other applications, if asked for
    pub others: Vec<OtherEntry>,
    /// The application's service principal at the provider; null if not known
    pub service_principal: Option<String>,
    /// The service principals whose entries were imported before
    pub imported_service_principals: Vec<String>,
}

/// A record that was refused.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct ImportRefusal {
    /// Its line, from 1
    pub line: u64,
    /// The member that is wrong
    pub path: String,
    /// What is wrong with it
    pub what: String,
}

/// Another application that a log names.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct OtherApplication {
    /// The id of its service principal
    pub service_principal: Option<String>,
    /// Its display name
    pub display_name: Option<String>,
    /// How many entries it has
    pub entries: u64,
    /// How many of them match requests that this server recorded
    pub joined: u64,
}

/// An entry of another application.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct OtherEntry {
    /// Its line, from 1
    pub line: u64,
    /// Its id
    pub entry_id: String,
    /// The service principal that it belongs to
    pub service_principal: Option<String>,
}

impl Act for Import {
    type Body = Nothing;
    type Reply = Imported;
    const COMMAND: &'static str = "import";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/apps/{app}/imports";
    const TAKES: Takes = Takes::Bytes {
        words: "Records of a provider's log, one JSON object in each line",
        bytes_max: UPLOAD_BYTES_MAX,
    };
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "application/x-ndjson",
        concat!(
            r#"{"id": "e7d1a0b2-6c3f-4d84-95ea-000000000001", "#,
            r#""activityDateTime": "2026-03-09T08:02:11Z", "provisioningAction": "create", "#,
            r#""provisioningStatusInfo": {"status": "success"}, "#,
            r#""targetIdentity": {"identityType": "User", "displayName": "Mira Lund"}}"#,
            "\n"
        ),
    )];
    const REFUSALS: &'static [u16] = &[408, 409, 413];
}
