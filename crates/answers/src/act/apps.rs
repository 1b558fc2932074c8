//! Applications: added, changed, looked at.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Act, Method, Takes};
use crate::{App, Moment, Nothing};

/// Add an application, with its first secret token
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct AddApp {}

/// A new application.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct NewApp {
    /// Its name in addresses: 1 to 63 of a-z, 0-9 and -, not beginning with -
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9-]{0,62}$"))]
    pub application: String,
    /// Its profile; `generic` without it
    #[serde(default)]
    pub profile: Option<String>,
    /// Settings of the application; they win over those of its profile
    #[serde(default)]
    pub settings: Option<Map<String, Value>>,
    /// The application to send its requests on to; without it this server answers itself
    #[serde(default)]
    pub upstream: Option<NewUpstream>,
}

/// The application behind this server.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewUpstream {
    /// Its SCIM base address
    pub url: String,
    /// File on the server with its bearer token, as an absolute path
    pub token_file: String,
    /// File on the server with the certificates of the authorities to trust; without it those of the
    /// system
    #[serde(default)]
    pub ca_file: Option<String>,
    /// Whether its own addresses in its answers are rewritten to those of this server
    #[serde(default = "yes")]
    pub rewrites_locations: bool,
    /// Whether it shows the members of groups
    #[serde(default = "yes")]
    pub shows_members: bool,
}

fn yes() -> bool {
    true
}

/// What the identity provider of a new application needs.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct AddedApp {
    /// Its name in addresses
    pub application: String,
    /// The tenant URL to give to its identity provider
    pub tenant_url: String,
    /// Its secret token, shown only this once
    pub secret_token: String,
}

impl Act for AddApp {
    type Body = NewApp;
    type Reply = AddedApp;
    const COMMAND: &'static str = "app add";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/apps";
    const TAKES: Takes = Takes::Json;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("application/json", r#"{"application": "paperboat", "profile": "generic"}"#)];
    const STATUS: u16 = 201;
    const REFUSALS: &'static [u16] = &[408, 409, 413];
}

/// Set which application at the provider this is, so that imports leave entries of others out
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct ChangeApp {
    /// The application's name in addresses
    pub app: App,
}

/// Which application it is at its provider.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServicePrincipal {
    /// The id of its service principal, or its display name where logs have no ids, 1 to 256 bytes; null
    /// removes it
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(required)]
    pub service_principal: Option<String>,
}

/// An application that was changed.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ChangedApp {
    /// Its name in addresses
    pub application: String,
    /// Its service principal at the provider; null if not set
    pub service_principal: Option<String>,
}

impl Act for ChangeApp {
    type Body = ServicePrincipal;
    type Reply = ChangedApp;
    const COMMAND: &'static str = "app set";
    const METHOD: Method = Method::Patch;
    const PATH: &'static str = "/api/v1/apps/{app}";
    const TAKES: Takes = Takes::Json;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("application/json", r#"{"servicePrincipal": "51f2e6d0-9a3c-4b8e-8d17-2c6f0a4b9e13"}"#)];
    const REFUSALS: &'static [u16] = &[408, 413];
}

/// Record all users and groups that an application behind the proxy has
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Baseline {
    /// The application's name in addresses
    pub app: App,
    /// Accept a list that lacks more than a quarter of what the record has
    #[serde(default)]
    pub accept_shrink: bool,
}

/// Compare an application behind the proxy with the record, and record what differs
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Drift {
    /// The application's name in addresses
    pub app: App,
    /// Accept a list that lacks more than a quarter of what the record has
    #[serde(default)]
    pub accept_shrink: bool,
}

/// What was seen at an upstream.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct DriftReport {
    /// The application
    pub application: String,
    /// When the answer was made
    pub generated_at: Moment,
    /// How many resources were seen, by type
    pub seen: BTreeMap<String, u64>,
    /// How many had to be refused, by type
    pub refused: BTreeMap<String, u64>,
    /// How many have values that their schema does not allow, by type
    pub flagged: BTreeMap<String, u64>,
    /// Types that the upstream does not serve
    pub not_served: Vec<String>,
    /// Whether a list was incomplete
    pub incomplete: bool,
    /// Why a list was incomplete
    pub problems: Vec<UpstreamProblem>,
    /// How many observations were recorded
    pub recorded: u64,
    /// How many differences are shown
    pub row_count: u64,
    /// Whether there are more differences than are shown
    pub more: bool,
    /// Where the upstream differs from the record
    pub rows: Vec<SeenDifference>,
}

/// Why a list of an upstream was incomplete.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct UpstreamProblem {
    /// The type that was listed
    pub resource_type: String,
    /// What was wrong
    pub detail: String,
}

/// Where an upstream differs from the record.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct SeenDifference {
    /// The type of the resource
    pub resource_type: String,
    /// Its SCIM id
    pub resource_id: String,
    /// The attribute; empty for the whole resource
    pub path: String,
    /// What the record has; null if nothing
    pub recorded: Value,
    /// What the upstream shows; null if nothing
    pub seen: Value,
}

impl Act for Baseline {
    type Body = Nothing;
    type Reply = DriftReport;
    const COMMAND: &'static str = "app baseline";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/apps/{app}/baseline";
    const REFUSALS: &'static [u16] = &[409, 502];
}

impl Act for Drift {
    type Body = Nothing;
    type Reply = DriftReport;
    const COMMAND: &'static str = "app drift";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/apps/{app}/drift";
    const REFUSALS: &'static [u16] = &[409, 502];
}
