//! The whole answer of a question as files.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Gives, Method};
use crate::{Nothing, Who};

/// Download the whole answer of a question as a zip, with a manifest
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct Export {
    /// The address of a list below `/api/v1`, with its parameters, such as
    /// `apps/paperboat/users?at=2026-03-31`
    #[schemars(extend("x-accepts" = "the address of a list below /api/v1, such as apps/paperboat/users?at=2026-03-31"))]
    pub question: String,
    /// The form of the files; `csv` without it
    pub format: Option<Form>,
    /// Begin CSV with a byte order mark, which some spreadsheets need
    #[serde(default)]
    #[schemars(extend("x-label" = "For spreadsheets"))]
    pub bom: bool,
}

/// The form of an exported file.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Comma-separated values (RFC 4180)
    Csv,
    /// One JSON object in each line
    Ndjson,
}

impl Act for Export {
    type Body = Nothing;
    type Reply = Nothing;
    const COMMAND: &'static str = "export";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/export";
    const WHO: Who = Who::Reader;
    const GIVES: Gives = Gives::Zip;
    const REFUSALS: &'static [u16] = &[429];
}
