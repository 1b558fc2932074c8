//! People as data protection law sees them: what is held about them, erasing them, holding them back from
//! erasure, and for how long what is sent is kept.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{Act, Gives, Method, Takes};
use crate::question::Who;
use crate::{App, Moment, Nothing};

/// Find every number of a person: accounts, former ones, and names that were only mentioned
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct FindSubjects {}

/// Whom to find. It stands in the body, so that no name stands in the access log.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SubjectName {
    /// A userName, e-mail address, externalId, display name or SCIM id, of 1 to 1,024 bytes
    pub name: String,
    /// The application to look in; without it all
    pub application: Option<String>,
}

/// The numbers that a name leads to.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct FoundSubjects {
    /// By application and number
    pub subjects: Vec<Subject>,
    /// Uploads of lists that name one of them
    pub lists: Vec<SubjectList>,
}

/// One number of a person.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Subject {
    /// The application
    pub application: String,
    /// The number by which the record knows this account or name
    pub number: u32,
    /// `exists`, `deleted`, `mentioned` if it never had an account, or `erased`
    pub state: String,
    /// The SCIM id
    pub id: Option<String>,
    /// The present or last userName
    pub user_name: Option<String>,
    /// The present or last externalId
    pub external_id: Option<String>,
    /// The present or last display name
    pub display_name: Option<String>,
    /// Which name led to it, such as `userName`
    pub found_by: String,
    /// The event of the legal hold on it; null if there is none
    pub held_by_seq: Option<u64>,
}

/// An upload of a list that names a person. It is erased as a whole.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct SubjectList {
    /// The list's name
    pub name: String,
    /// The application that it belongs to; null for the whole server
    pub application: Option<String>,
    /// The event of the upload
    pub seq: u64,
    /// The number by which the record knows this upload
    pub number: u32,
}

impl Act for FindSubjects {
    type Body = SubjectName;
    type Reply = FoundSubjects;
    const COMMAND: &'static str = "subject find";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/subjects/find";
    const TAKES: Takes = Takes::Json;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("application/json", r#"{"name": "mira.lund@fjord.example"}"#)];
    const REFUSALS: &'static [u16] = &[408, 409, 413];
}

/// Everything that the record holds about one number, as a zip
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct ExportSubject {
    /// The application's name in addresses
    pub app: App,
    /// Its number, as the finding says
    #[schemars(range(min = 1))]
    pub number: u32,
}

impl Act for ExportSubject {
    type Body = Nothing;
    type Reply = Nothing;
    const COMMAND: &'static str = "subject export";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/apps/{app}/subjects/{number}/export";
    const GIVES: Gives = Gives::Zip;
}

/// Erase people: destroy the keys of all that the record holds about them. This cannot be undone
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct EraseSubjects {}

/// Whom something is to be done with.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct SubjectNumbers {
    /// The application, by its name in addresses; null for lists of the whole server
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(required)]
    pub application: Option<String>,
    /// 1 to 1,000 numbers of the application, as the finding says
    pub numbers: Vec<u32>,
    /// Why, in at most 1,024 bytes; without names, because it is kept. Needed for a legal hold
    pub reason: Option<String>,
}

/// An erasure.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Erased {
    /// The application; null for lists of the whole server
    pub application: Option<String>,
    /// Whom
    pub numbers: Vec<u32>,
    /// The event that ordered it
    pub seq: u64,
    /// When it was ordered
    pub erased_at: Moment,
    /// The event that says it was carried out. `provlog proof` of it is the receipt
    pub completed_seq: u64,
}

impl Act for EraseSubjects {
    type Body = SubjectNumbers;
    type Reply = Erased;
    const COMMAND: &'static str = "subject erase";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/subjects/erase";
    const TAKES: Takes = Takes::Json;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("application/json", r#"{"application": "boat", "numbers": [7, 8]}"#)];
    const REFUSALS: &'static [u16] = &[408, 409, 413];
}

/// Put a legal hold on people: they cannot be erased while it lasts
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct HoldSubjects {}

/// End a legal hold
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct ReleaseSubjects {}

/// A legal hold that was put on people, or ended.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Held {
    /// The application; null for lists of the whole server
    pub application: Option<String>,
    /// Whom
    pub numbers: Vec<u32>,
    /// Whether they are held now
    pub held: bool,
    /// The event that recorded it
    pub seq: u64,
}

impl Act for HoldSubjects {
    type Body = SubjectNumbers;
    type Reply = Held;
    const COMMAND: &'static str = "subject hold";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/subjects/hold";
    const TAKES: Takes = Takes::Json;
    const EXAMPLES: &'static [(&'static str, &'static str)] = &[(
        "application/json",
        r#"{"application": "boat", "numbers": [9], "reason": "case 2026-118"}"#,
    )];
    const REFUSALS: &'static [u16] = &[408, 409, 413];
}

impl Act for ReleaseSubjects {
    type Body = SubjectNumbers;
    type Reply = Held;
    const COMMAND: &'static str = "subject release";
    const METHOD: Method = Method::Post;
    const PATH: &'static str = "/api/v1/subjects/release";
    const TAKES: Takes = Takes::Json;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("application/json", r#"{"application": "boat", "numbers": [10]}"#)];
    const REFUSALS: &'static [u16] = &[408, 409, 413];
}

/// Set for how long what is sent to an application is kept: addresses, bodies, answers and their origins
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct SetRetention {
    /// The application's name in addresses
    pub app: App,
}

/// For how long what is sent is kept.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct NewRetention {
    /// So many whole months behind the present one, 1 to 600; null for ever
    #[serde(deserialize_with = "Option::deserialize")]
    #[schemars(required)]
    pub months: Option<u16>,
}

impl Act for SetRetention {
    type Body = NewRetention;
    type Reply = RetentionOf;
    const COMMAND: &'static str = "retention set";
    const METHOD: Method = Method::Patch;
    const PATH: &'static str = "/api/v1/apps/{app}/retention";
    const TAKES: Takes = Takes::Json;
    const EXAMPLES: &'static [(&'static str, &'static str)] =
        &[("application/json", r#"{"months": 12}"#)];
    const REFUSALS: &'static [u16] = &[408, 413];
}

/// For how long each application keeps what is sent to it, and what is held and erased
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
pub struct ShowRetention {}

/// For how long things are kept.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct Retentions {
    /// By application
    pub applications: Vec<RetentionOf>,
    /// Erasures, the oldest first
    pub erasures: Vec<ErasureOf>,
}

/// For how long an application keeps what is sent to it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct RetentionOf {
    /// The application
    pub application: String,
    /// So many whole months behind the present one; null for ever
    pub months: Option<u16>,
    /// What was sent up to this month is erased; null if nothing is
    pub erased_through: Option<String>,
    /// The numbers under a legal hold
    pub held: Vec<u32>,
}

/// An erasure.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Debug)]
#[serde(rename_all = "camelCase")]
pub struct ErasureOf {
    /// The application; null for lists of the whole server
    pub application: Option<String>,
    /// The event that ordered it
    pub seq: u64,
    /// When it was ordered
    pub erased_at: Moment,
    /// Whom
    pub numbers: Vec<u32>,
    /// The event that says it was carried out; null if it goes on
    pub completed_seq: Option<u64>,
}

impl Act for ShowRetention {
    type Body = Nothing;
    type Reply = Retentions;
    const COMMAND: &'static str = "retention show";
    const METHOD: Method = Method::Get;
    const PATH: &'static str = "/api/v1/retention";
    const WHO: Who = Who::Reader;
}
