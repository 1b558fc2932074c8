//! The filters that all questions about the log of operations share, and the words that they take.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::table::word;
use crate::words::plain;
use crate::{AppFilter, Resource};

pub(crate) const ONE_CODE: &str =
    "its value alone: one of errorCode, skipReason, cycleId and changeId at a time";

/// Defines a question whose parameters are these filters and its own. The filters are written out in each,
/// because a description needs the fields of one plain struct.
macro_rules! filtered {
    ($(#[$doc:meta])* $name:ident { $($own:tt)* }) => {
        $(#[$doc])*
        #[derive(Serialize, Deserialize, JsonSchema, Clone, Debug, Default)]
        #[serde(rename_all = "camelCase")]
        pub struct $name {

            /// Only this application's
            pub app: Option<$crate::AppFilter>,
            /// Only operations that ended like this
            pub status: Option<$crate::choice::Status>,
            /// Only operations that asked for this
            pub action: Option<$crate::choice::Action>,
            /// Only operations on this user or group: SCIM id, or userName:NAME, externalId:ID, displayName:NAME
            pub resource: Option<$crate::Resource>,
            /// Only operations with the token of this id, or with none
            #[schemars(extend("x-accepts" = "the id of a token, or none", "x-value" = "ID|none", "x-label" = "Token"))]
            pub credential: Option<String>,
            /// Only operations of the request with this id
            pub request_id: Option<String>,
            /// Only operations recorded here, or only entries of imported logs
            pub source: Option<$crate::choice::Source>,
            /// Only imported entries of this log
            pub log: Option<$crate::choice::Log>,
            /// Only imported entries with this error code
            #[schemars(extend("x-accepts" = $crate::operation_filter::ONE_CODE))]
            pub error_code: Option<String>,
            /// Only imported entries with this skip reason
            #[schemars(extend("x-accepts" = $crate::operation_filter::ONE_CODE))]
            pub skip_reason: Option<String>,
            /// Only imported entries of this cycle of the provider
            #[schemars(extend("x-accepts" = $crate::operation_filter::ONE_CODE))]
            pub cycle_id: Option<String>,
            /// Only imported entries of this change of the provider
            #[schemars(extend("x-accepts" = $crate::operation_filter::ONE_CODE))]
            pub change_id: Option<String>,
            /// Only operations on resources of this type, such as User
            #[schemars(extend("x-accepts" = "the name of a resource type, such as User or Group", "x-value" = "TYPE"))]
            pub resource_type: Option<String>,
            /// Only operations that did this
            pub effect: Option<$crate::choice::Effect>,
            /// Only requests that were answered with this HTTP status
            #[schemars(range(min = 100, max = 599), extend("x-label" = "Status of the answer"))]
            pub http_status: Option<u16>,
            $($own)*
        }

        impl $name {
            /// Its filters.
            #[must_use]
            pub fn filters(&self) -> $crate::OperationFilters {
                $crate::OperationFilters {
                    app: self.app.clone(),
                    status: self.status.clone(),
                    action: self.action.clone(),
                    resource: self.resource.clone(),
                    credential: self.credential.clone(),
                    request_id: self.request_id.clone(),
                    source: self.source.clone(),
                    log: self.log.clone(),
                    error_code: self.error_code.clone(),
                    skip_reason: self.skip_reason.clone(),
                    cycle_id: self.cycle_id.clone(),
                    change_id: self.change_id.clone(),
                    resource_type: self.resource_type.clone(),
                    effect: self.effect.clone(),
                    http_status: self.http_status.clone(),
                }
            }
        }
    };
}
pub(crate) use filtered;

/// The filters of a question about the log; each is the parameter of its name.
#[derive(Clone, Debug, Default)]
pub struct OperationFilters {
    /// `app`
    pub app: Option<AppFilter>,
    /// `status`
    pub status: Option<Status>,
    /// `action`
    pub action: Option<Action>,
    /// `resource`
    pub resource: Option<Resource>,
    /// `credential`
    pub credential: Option<String>,
    /// `requestId`
    pub request_id: Option<String>,
    /// `source`
    pub source: Option<Source>,
    /// `log`
    pub log: Option<Log>,
    /// `errorCode`
    pub error_code: Option<String>,
    /// `skipReason`
    pub skip_reason: Option<String>,
    /// `cycleId`
    pub cycle_id: Option<String>,
    /// `changeId`
    pub change_id: Option<String>,
    /// `resourceType`
    pub resource_type: Option<String>,
    /// `effect`
    pub effect: Option<Effect>,
    /// `httpStatus`
    pub http_status: Option<u16>,
}

impl OperationFilters {
    /// The filters as the end of a title.
    pub(crate) fn in_words(&self) -> String {
        let parts = [
            ("in", self.app.as_ref().map(|app| app.0.clone())),
            ("with status", self.status.as_ref().map(word)),
            ("with action", self.action.as_ref().map(|action| plain(&word(action)))),
            ("on resource", self.resource.as_ref().map(|name| name.0.clone())),
            ("by credential", self.credential.clone()),
            ("of request", self.request_id.clone()),
            ("that were", self.source.as_ref().map(word)),
            ("of log", self.log.as_ref().map(|log| plain(&word(log)))),
            ("with error code", self.error_code.clone()),
            ("with skip reason", self.skip_reason.clone()),
            ("of cycle", self.cycle_id.clone()),
            ("of change", self.change_id.clone()),
            ("on type", self.resource_type.clone()),
            ("with effect", self.effect.as_ref().map(|effect| plain(&word(effect)))),
            ("with HTTP status", self.http_status.map(|status| status.to_string())),
        ];
        let mut title = String::new();
        for (words, value) in parts {
            if let Some(value) = value {
                title.push_str(&format!(" {words} {value}"));
            }
        }
        title
    }
}

/// How an operation ended.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// It did what was asked
    Success,
    /// It was refused
    Failure,
    /// It was not carried out
    Skipped,
    /// It succeeded with a warning; only in imported entries
    Warning,
}

/// What an operation asked for.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Action {
    /// To create a resource
    Create,
    /// To change a resource
    Update,
    /// To switch an account off
    Disable,
    /// To delete a resource
    Delete,
    /// To delete a resource later; only in imported entries
    StagedDelete,
    /// Everything else, mostly reads
    Other,
}

/// Who says it.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Source {
    /// Recorded here
    Recorded,
    /// Imported from a provider's log
    Imported,
}

/// A log of a provider.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
pub enum Log {
    /// The provisioning log: what was provisioned, object by object
    Provisioning,
    /// The directory audit log: changes of the provider's configuration
    DirectoryAudit,
}

/// What an operation did.
#[derive(Serialize, Deserialize, JsonSchema, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It changed what is stored
    Applied,
    /// It was accepted and changed nothing
    NoOp,
    /// It read
    Read,
    /// It was refused and changed nothing
    Rejected,
    /// It was not carried out
    Skipped,
    /// No answer came, so it is not known
    Unknown,
    /// The answer does not show it
    Unverified,
    /// It was acknowledged, and a later look contradicts it
    Contradicted,
}
