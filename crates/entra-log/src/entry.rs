//! What an entry of Microsoft Entra's logs says, whatever form it came in.

use std::fmt;

pub use event::{Action, Source, Status};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// An entry of the provisioning log or of the directory audit log, understood.
///
/// Nothing here is a fact of ours: it is what the source claims.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The log that it stood in.
    #[serde(serialize_with = "source_word")]
    pub source: Source,
    /// Its key at the source, 1 to 256 bytes.
    pub id: String,
    /// When it happened, as the source claims; microseconds since 1970.
    pub occurred_at_us: i64,
    /// What was intended. Only `status` says whether it happened.
    #[serde(serialize_with = "action_word")]
    pub action: Action,
    /// What became of it. An entry that does not say, or says an unknown word, is a `Warning`: neither
    /// success nor failure may be claimed of it.
    #[serde(serialize_with = "status_word")]
    pub status: Status,
    /// The code of the error, such as `EntryConflict`.
    pub error_code: Option<String>,
    /// Why the source wrote nothing, such as `NotEffectivelyEntitled`.
    pub skip_reason: Option<String>,
    /// The names of the steps, in the order in which they happened; empty text where a step has none.
    pub step_names: Vec<String>,
    /// The provisioning job.
    pub job_id: Option<String>,
    /// The run of the job.
    pub cycle_id: Option<String>,
    /// The change within the run; of an audit entry, its correlation id.
    pub change_id: Option<String>,
    /// How long the source took.
    pub duration_ms: Option<u32>,
    /// What kind of object it is about.
    pub kind: Kind,
    /// The object's id in the source system.
    pub source_id: Option<String>,
    /// The object's display name in the source system.
    pub source_name: Option<String>,
    /// The name by which a user signs in.
    pub user_name: Option<String>,
    /// The object's id in the application; never empty text.
    pub target_id: Option<String>,
    /// The values that were written, or that the source tried to write.
    pub modified: Vec<Modified>,
    /// The whole entry in the spelling of Graph v1.0. Its names are sorted, so equal entries have equal
    /// text.
    pub body: Map<String, Value>,
}

fn source_word<S: Serializer>(source: &Source, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(source.name())
}

fn action_word<S: Serializer>(action: &Action, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(action.name())
}

fn status_word<S: Serializer>(status: &Status, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(status.name())
}

/// What kind of object an entry is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// A person's account.
    User,
    /// A group.
    Group,
    /// Anything else, such as the configuration of a job.
    Other,
}

/// A value that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Modified {
    /// The attribute of the application, in the source's notation.
    pub path: String,
    /// The value before; absent when there was none.
    pub old: Option<String>,
    /// The value after; absent when it was removed.
    pub new: Option<String>,
}

/// Why a record could not be understood: which member is wrong and what is expected there, never what
/// stands there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refused {
    /// The member, in the record's own spelling, such as `properties.provisioningSteps[2].status`; empty
    /// for the record itself.
    pub path: String,
    /// What is expected.
    pub what: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path.is_empty() { "the record" } else { &self.path };
        write!(f, "{path}: {}", self.what)
    }
}
