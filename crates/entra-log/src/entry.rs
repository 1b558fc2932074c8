//! An entry of Microsoft Entra's logs, independent of the form it came in.

use std::fmt;

pub use event::{Action, Source, Status};

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

/// A parsed entry of the provisioning log or of the directory audit log. All of it is what the source
/// claims.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// The log that it comes from.
    #[serde(serialize_with = "source_word")]
    pub source: Source,
    /// Its id at the source, 1 to 256 bytes.
    pub id: String,
    /// When it happened by the source's clock; microseconds since 1970.
    pub occurred_at_us: i64,
    /// What was intended. `status` says whether it happened.
    #[serde(serialize_with = "action_word")]
    pub action: Action,
    /// How it ended. `Warning` if the entry does not say or uses an unknown word, because neither success
    /// nor failure is certain then.
    #[serde(serialize_with = "status_word")]
    pub status: Status,
    /// The error code, such as `EntryConflict`.
    pub error_code: Option<String>,
    /// Why the source skipped the object, such as `NotEffectivelyEntitled`.
    pub skip_reason: Option<String>,
    /// The names of the steps in order; an empty string for a step without a name.
    pub step_names: Vec<String>,
    /// The id of the provisioning job.
    pub job_id: Option<String>,
    /// The id of the job's cycle.
    pub cycle_id: Option<String>,
    /// The id of the change within the cycle; for an audit entry its correlation id.
    pub change_id: Option<String>,
    /// How long the source took, in milliseconds.
    pub duration_ms: Option<u32>,
    /// What kind of object it is about.
    pub kind: Kind,
    /// The object's id in the source system.
    pub source_id: Option<String>,
    /// The object's display name in the source system.
    pub source_name: Option<String>,
    /// The name by which a user signs in.
    pub user_name: Option<String>,
    /// The object's id in the application; never empty.
    pub target_id: Option<String>,
    /// The values that the source wrote or tried to write.
    pub modified: Vec<Modified>,
    /// The whole entry with the member names of Graph v1.0, sorted, so that equal entries have equal
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
    /// The attribute in the application, in the source's notation.
    pub path: String,
    /// The old value; `None` if there was none.
    pub old: Option<String>,
    /// The new value; `None` if it was removed.
    pub new: Option<String>,
}

/// Why a record is refused: which member is wrong and what is expected. It never quotes the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Refused {
    /// The path of the member as the record spells it, such as
    /// `properties.provisioningSteps[2].status`; empty for the record itself.
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
