//! The file of a bundle: JSON in one form. What was read prints as the same bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::BundleRefusal;

/// The version that this program reads and writes.
pub const BUNDLE_FORMAT: &str = "provlog evidence/1";
/// A bundle has at most so many bytes.
pub const BUNDLE_BYTES_MAX: usize = 64 << 20;

/// A bundle as it stands in its file. `docs/proofs.md` says what each member is for.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Bundle {
    /// [`BUNDLE_FORMAT`].
    pub format: String,
    /// What was asked.
    pub question: Question,
    /// The signed checkpoint under which all events are proven, as text.
    pub checkpoint: String,
    /// The event that the answer stands at; none if the instant is before the first one.
    pub at_seq: Option<u64>,
    /// The last commitment up to that event; none before the first one.
    pub earlier: Option<Committed>,
    /// The first commitment from that event on; none if the question needs none.
    pub later: Option<Committed>,
    /// The events, ascending.
    pub events: Vec<Shown>,
}

/// A question that a bundle can answer.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Question {
    /// Which.
    pub kind: Kind,
    /// The number of the application.
    pub application: u32,
    /// The number of the person or resource; 0 for questions about all.
    pub number: u32,
    /// The instant, in microseconds since 1970; none if it is about an event and not about an instant.
    pub at_us: Option<i64>,
}

/// The kinds of question.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Kind {
    /// The direct members of a group.
    Members,
    /// The groups that a user is a direct member of.
    Groups,
    /// Whether a user exists and is active.
    User,
    /// The users of an application.
    Users,
    /// One operation.
    Operation,
    /// All events that changed a user.
    Why,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] =
        [Kind::Members, Kind::Groups, Kind::User, Kind::Users, Kind::Operation, Kind::Why];

    /// The word on the command line and in addresses.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Kind::Members => "members",
            Kind::Groups => "groups",
            Kind::User => "user",
            Kind::Users => "users",
            Kind::Operation => "operation",
            Kind::Why => "why",
        }
    }

    /// The kind of a word.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A commitment, and what is shown of its state.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Committed {
    /// The event that holds the root.
    pub event: u64,
    /// The bytes of [`crate::state::Top`].
    pub top: Bytes,
    /// The leaf of the number that the question is about; none if the state has no such number, or the question
    /// is about none.
    pub leaf: Option<LeafShown>,
    /// Lists of the state.
    pub lists: Vec<List>,
}

/// A leaf and its way to the top.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LeafShown {
    /// The bytes of [`crate::state::Leaf`].
    pub bytes: Bytes,
    /// The hashes beside the way, from the leaf on.
    pub proof: Bytes,
}

/// A list, or the salt of one that follows from another and the events between.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct List {
    /// The salt.
    pub salt: Bytes,
    /// Numbers, ascending, each with the event since which it is in the list; none of a later commitment.
    pub entries: Option<Vec<(u32, u64)>>,
}

/// An event, as far as it is shown.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Shown {
    /// Its place.
    pub seq: u64,
    /// Its entry in the tree.
    pub entry: Bytes,
    /// The hashes beside the way to the checkpoint's root.
    pub proof: Bytes,
    /// What is stored of it beside its parts; none if only its place and time matter.
    pub facts: Option<Facts>,
    /// What is opened of its parts.
    pub openings: Option<Openings>,
}

/// The stored bytes of an event, without its parts.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Facts {
    /// Of the header.
    pub header: Bytes,
    /// Of the structural facts.
    pub structure: Bytes,
}

/// What is opened of the parts of an event.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Openings {
    /// The record of each part in the entry, in the stored order.
    pub records: Vec<Bytes>,
    /// What is opened.
    pub opened: Vec<Opened>,
}

/// One opening.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Opened {
    /// Which part, from 0.
    pub part: u32,
    /// The stored bytes of a part, whose SHA-256 is in its record.
    pub stored: Option<Bytes>,
    /// A content, or a value of it, and the salt, for the commitment in the record.
    pub committed: Option<OpenedCommitment>,
}

/// The opening of a commitment.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenedCommitment {
    /// The salt.
    pub salt: Bytes,
    /// The content, or the value.
    pub content: Bytes,
    /// Of a value: its name, place, how many there are, and the hashes beside its way.
    pub value: Option<OpenedValue>,
}

/// Where a value stands among those of its part.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OpenedValue {
    /// What it is called.
    pub name: Bytes,
    /// Its place, from 0.
    pub place: u32,
    /// How many values there are.
    pub values: u32,
    /// The hashes beside its way.
    pub proof: Bytes,
}

impl Bundle {
    /// The bytes of the file.
    ///
    /// # Errors
    /// When they would be more than [`BUNDLE_BYTES_MAX`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, BundleRefusal> {
        let mut bytes = serde_json::to_vec(self).map_err(|_| BundleRefusal::Form)?;
        bytes.push(b'\n');
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(BundleRefusal::TooLong);
        }
        Ok(bytes)
    }

    /// Reads what [`to_bytes`](Self::to_bytes) gave, and nothing else.
    ///
    /// # Errors
    /// When it is something else.
    pub fn parse(bytes: &[u8]) -> Result<Bundle, BundleRefusal> {
        if bytes.len() > BUNDLE_BYTES_MAX {
            return Err(BundleRefusal::TooLong);
        }
        let bundle: Bundle = serde_json::from_slice(bytes)
            .map_err(|error| BundleRefusal::Json { line: error.line(), column: error.column() })?;
        if bundle.format != BUNDLE_FORMAT {
            return Err(BundleRefusal::Version);
        }
        match bundle.to_bytes()? == bytes {
            true => Ok(bundle),
            false => Err(BundleRefusal::Form),
        }
    }
}

/// Bytes, in base64.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Bytes(pub Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(&self.0))
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        STANDARD.decode(text.as_bytes()).map(Bytes).map_err(|_| serde::de::Error::custom("base64"))
    }
}
