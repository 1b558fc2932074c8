//! The event: header, origin, and the kinds of fact.

use std::net::IpAddr;

use crate::action::Action;
use crate::claim::{
    Access, EvidenceAdded, GroupMarked, ImportBatch, Imported, QuestionRemoved, QuestionSaved,
    ReferenceListAdded, ReviewAdded, ServicePrincipalSet,
};
use crate::clock::Timestamp;
use crate::commitment::StateCommitted;
use crate::content::Part;
use crate::id::{Application, Credential, Number, Seq};
use crate::privacy::{ErasureCompleted, LegalHold, RetentionSet, SentErased, SubjectsErased};

/// A stored fact. It is never changed.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its place in the log. It is the log's key and not part of the stored bytes.
    pub seq: Seq,
    /// Small, and without personal data, so that a scan reads nothing else.
    pub header: Header,
    /// What is structural of the whole event. What is structural of one number stands in its changes.
    pub structure: Structure,
    /// What was sent and what it changed. Each part can be erased on its own.
    pub parts: Vec<Part>,
}

/// The structural facts of an event that belong to no single number. The committer fills them in.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Structure {
    /// What an operation or observation asked for or found; `None` for other kinds of event.
    pub action: Option<Action>,
    /// Of an event that changes who exists or is active in its application: the one that did before.
    pub population: Option<Seq>,
    /// Of an event about what was watched (a start, a stop, refused connections): the one before.
    pub recorder: Option<Seq>,
    /// Whether an operation was sent to the upstream.
    pub forwarded: bool,
    /// The intent of an operation that was sent.
    pub intent: Option<Seq>,
    /// Of an operation or observation: the first bytes of the hash of its request's id, by which it is found
    /// also when the origin cannot be read any more.
    pub request_hash: Option<[u8; 6]>,
}

/// The part of an event that stays readable for ever: codes, numbers, times; no personal data.
#[derive(Clone, PartialEq, Debug)]
pub struct Header {
    /// The application; the recorder for what belongs to none.
    pub application: Application,
    /// When it was recorded, by our clock. Never decreases with `seq`; ties are possible.
    pub recorded_at: Timestamp,
    /// What the clock really showed.
    pub raw_clock: Timestamp,
    /// Where the request came from; `None` for what the recorder did by itself.
    pub origin: Option<Origin>,
    /// What happened.
    pub fact: Fact,
}

/// Where a request came from.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Origin {
    /// The presented credential, if it is one of ours and valid for the application.
    pub credential: Credential,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// The `User-Agent`, at most [`Origin::USER_AGENT_BYTES_MAX`] bytes.
    pub user_agent: String,
    /// The client's `X-Request-Id`, or one that we made. 1 to [`Origin::REQUEST_ID_BYTES_MAX`] bytes.
    pub request_id: String,
}

impl Origin {
    /// Longer user agents are cut here.
    pub const USER_AGENT_BYTES_MAX: usize = 256;
    /// Longer request ids are replaced by our own.
    pub const REQUEST_ID_BYTES_MAX: usize = 128;
}

/// The kinds of event; [`crate::codec`] has their stored numbers.
#[derive(Clone, PartialEq, Debug)]
pub enum Fact {
    /// A request on a SCIM address.
    Operation(Operation),
    /// A write is about to be sent to the upstream. Its outcome is a separate operation.
    Intent(Operation),
    /// The state of a resource was read from the upstream. It counts from this event on and says nothing
    /// about earlier times.
    Observation(Observation),
    /// A listing of everything that an upstream has ended. Its news are in observations before this
    /// event.
    Listed(Listed),
    /// The recorder started.
    RecorderStarted(RecorderStarted),
    /// The recorder stopped in order. A killed recorder leaves no such event.
    RecorderStopped(RecorderStopped),
    /// An application was added.
    ApplicationAdded(ApplicationAdded),
    /// The upstream of an application was set.
    UpstreamSet(UpstreamSet),
    /// The service principal of an application at the provider was set.
    ServicePrincipalSet(ServicePrincipalSet),
    /// A token was issued.
    CredentialAdded(CredentialAdded),
    /// A token was revoked.
    CredentialRevoked(CredentialRevoked),
    /// Somebody signed in with an identity provider, first or with another role than before.
    IdentitySet(IdentitySet),
    /// A resource type beyond `User` and `Group` got its stored number.
    ResourceTypeAdded(ResourceTypeAdded),
    /// A count of requests without a valid credential that have no events of their own.
    Unauthenticated(Unauthenticated),
    /// The server was overloaded, and closed connections or kept them waiting.
    ConnectionsRefused(ConnectionsRefused),
    /// An entry of a provider's log was imported.
    Imported(Imported),
    /// A request of an import ended.
    ImportBatch(ImportBatch),
    /// A question about the record was answered.
    Access(Access),
    /// Evidence was added to an operation.
    EvidenceAdded(EvidenceAdded),
    /// The answer to a question was reviewed.
    ReviewAdded(ReviewAdded),
    /// A list of people was uploaded.
    ReferenceListAdded(ReferenceListAdded),
    /// The profile of an application changed.
    ProfileChanged(ProfileChanged),
    /// A group was marked as privileged, or the mark was taken away.
    GroupMarked(GroupMarked),
    /// A question was saved under a name.
    QuestionSaved(QuestionSaved),
    /// A saved question was removed.
    QuestionRemoved(QuestionRemoved),
    /// People are erased.
    SubjectsErased(SubjectsErased),
    /// An erasure was carried out.
    ErasureCompleted(ErasureCompleted),
    /// People must not be erased, or may be again.
    LegalHold(LegalHold),
    /// It was set for how long what is sent is kept.
    RetentionSet(RetentionSet),
    /// What was sent was kept for as long as it may be.
    SentErased(SentErased),
    /// The state of the application was committed to.
    StateCommitted(StateCommitted),
}

/// A request on a SCIM address, and what was decided.
#[derive(Clone, PartialEq, Debug)]
pub struct Operation {
    /// The address's template.
    pub route: Route,
    /// The request's method.
    pub method: Method,
    /// The type of resource that the address names.
    pub resource_type: ResourceType,
    /// The resource, or the person that a lookup or refused create mentions.
    pub number: Number,
    /// The other resources that this event changes or concerns, ascending, without `number`.
    pub touches: Vec<Number>,
    /// The HTTP status that was answered.
    pub status: u16,
    /// The SCIM error keyword's stored number (RFC 7644 §3.12); 0 for none.
    pub scim_type: u8,
    /// What the request did to our state.
    pub effect: Effect,
    /// Place within a Bulk request, from 0; 0 for other requests.
    pub index: u32,
    /// For a read: the last event whose effects it saw; `None` if the log was empty.
    pub saw_seq: Option<Seq>,
    /// For a read: how many resources it answered.
    pub results: Option<u32>,
    /// Time from the arrival of the request's head to the decision, in microseconds.
    pub decided_after_us: u32,
}

/// One resource as it was seen at the upstream. The event's changes hold what differs from our state.
#[derive(Clone, PartialEq, Debug)]
pub struct Observation {
    /// The type of the resource.
    pub resource_type: ResourceType,
    /// The resource, or the person that a lookup which found nobody mentions.
    pub number: Number,
    /// The other resources that this event changes or concerns, ascending, without `number`.
    pub touches: Vec<Number>,
    /// Why it was read.
    pub occasion: Occasion,
    /// Earlier operations whose outcome this settles, ascending.
    pub settles: Vec<Seq>,
    /// Whether those operations did what was asked.
    pub verdict: Verdict,
}

/// A listing of everything that an upstream has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Why it was listed.
    pub occasion: Occasion,
    /// Whether the listing was complete.
    pub extent: Extent,
    /// How many resources were recorded or found unchanged.
    pub seen: u64,
    /// How many resources were left out because they have no usable id.
    pub refused: u64,
}

/// How complete a listing was. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Extent {
    /// Complete, as far as the upstream says.
    Whole = 1,
    /// It contradicts itself, has resources that cannot be recorded, or lacks so many recorded resources
    /// that it is not believed.
    Incomplete = 2,
    /// It broke off, and says nothing.
    Failed = 3,
}

impl Extent {
    /// The extent with a stored number.
    pub fn from_code(code: u8) -> Option<Extent> {
        match code {
            1 => Some(Extent::Whole),
            2 => Some(Extent::Incomplete),
            3 => Some(Extent::Failed),
            _ => None,
        }
    }
}

/// Why the upstream was read. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Occasion {
    /// A baseline: a listing of everything to begin with.
    Baseline = 1,
    /// A client's read was forwarded.
    Read = 2,
    /// A drift check: a listing of everything to compare with the record.
    Drift = 3,
    /// The recorder read the resource because the answer to a write left its outcome in doubt.
    ReadBack = 4,
}

impl Occasion {
    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Occasion::Baseline => "baseline",
            Occasion::Read => "read",
            Occasion::Drift => "drift",
            Occasion::ReadBack => "read-back",
        }
    }
}

/// What an observation says of the operations it settles. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Verdict {
    /// Nothing was in doubt, or it cannot be told.
    None = 0,
    /// The operation did what was asked.
    Confirmed = 1,
    /// It did not.
    Contradicted = 2,
}

/// The upstream that the requests of the event's application are forwarded to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpstreamSet {
    /// SCIM base address, without a slash at the end.
    pub url: String,
    /// Path of the file with its bearer token. The token itself is never stored.
    pub token_file: String,
    /// Path of a file with the CA certificates to trust; `None` for those of the system.
    pub ca_file: Option<String>,
    /// Whether the upstream's addresses in its answers are replaced by ours.
    pub rewrites_locations: bool,
    /// Whether a group shown without members has none. False for servers that never show members.
    pub shows_members: bool,
}

/// The recorder started.
#[derive(Clone, PartialEq, Debug)]
pub struct RecorderStarted {
    /// The log's id, so that the log itself holds it.
    pub log: u64,
    /// Version of the program.
    pub version: String,
    /// When the recorder was last known to run before; `None` at the first start. From then until
    /// `recorded_at` nothing was recorded.
    pub last_alive: Option<Timestamp>,
}

/// The recorder stopped in order.
#[derive(Clone, PartialEq, Debug)]
pub struct RecorderStopped {
    /// How many requests since its start could not be parsed as HTTP (a broken request line or header,
    /// say) and so have no event.
    pub broken_requests: u64,
}

/// An application was added.
#[derive(Clone, PartialEq, Debug)]
pub struct ApplicationAdded {
    /// Its number; the event's `application` is the same.
    pub number: Application,
    /// Its name in addresses.
    pub slug: String,
    /// The name of its profile.
    pub profile: String,
    /// Settings that override the profile's, as JSON text.
    pub settings: Vec<u8>,
    /// SHA-256 of the profile as it was then; `None` in events of before it was kept.
    pub profile_sha256: Option<[u8; 32]>,
}

/// The profile of the event's application is not what it was: its file was changed, or the program
/// brings another one. Written at a start, which is when profiles are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ProfileChanged {
    /// SHA-256 of the profile as it is now.
    pub sha256: [u8; 32],
}

/// A token was issued. The token itself is never stored.
#[derive(Clone, PartialEq, Debug)]
pub struct CredentialAdded {
    /// Its number.
    pub number: Credential,
    /// What it allows: in the event's `application` only, unless that is the recorder.
    pub role: Role,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
    /// What it is for, in the words of whoever issued it: at most [`CredentialAdded::NAME_BYTES_MAX`].
    pub name: Option<String>,
    /// From then on it is refused; it has no end without.
    pub expires_at: Option<Timestamp>,
}

impl CredentialAdded {
    /// Longer names are refused.
    pub const NAME_BYTES_MAX: usize = 128;
}

/// A token was revoked. The event's `application` is the credential's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CredentialRevoked {
    /// Its number, which is never reused.
    pub number: Credential,
}

/// Somebody who signs in with an identity provider got a credential, or their credential got another role
/// or application. The event's `application` is the one that the credential is limited to from then on.
/// Their name stands in a part.
#[derive(Clone, PartialEq, Debug)]
pub struct IdentitySet {
    /// The credential's number.
    pub number: Credential,
    /// What it allows from then on.
    pub role: Role,
    /// The digest of the issuer and the subject. It is the digest of no token.
    pub sha256: [u8; 32],
    /// The identity provider.
    pub issuer: String,
}

/// A resource type beyond `User` and `Group` got its stored number. The number is the same in all
/// applications, so the event's `application` is the recorder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResourceTypeAdded {
    /// Its stored number, which is never reused.
    pub number: ResourceType,
    /// Its name (RFC 7643 §6).
    pub name: String,
}

/// Requests to the event's `application` without a valid credential, beyond what is recorded one by one.
/// They are only counted, so that nobody can fill the log from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unauthenticated {
    /// How many there were.
    pub count: u64,
    /// What the clock showed at the first. May be earlier than the `recorded_at` of the event before.
    pub first: Timestamp,
    /// What the clock showed at the last.
    pub last: Timestamp,
}

/// The server was overloaded, and closed connections or kept them waiting. Requests on them may have left
/// no event. The event's `application` is the recorder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionsRefused {
    /// How many times.
    pub count: u64,
    /// What the clock showed the first time. May be earlier than the `recorded_at` of the event before.
    pub first: Timestamp,
    /// What the clock showed the last time.
    pub last: Timestamp,
}

/// What a credential allows. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Role {
    /// Read everything, and configure.
    Admin = 1,
    /// Read everything.
    Auditor = 2,
    /// Read one application.
    AppAuditor = 3,
    /// Provision into one application over SCIM.
    Scim = 4,
}

impl Role {
    /// All roles.
    pub const ALL: [Role; 4] = [Role::Admin, Role::Auditor, Role::AppAuditor, Role::Scim];

    /// The role of a name.
    pub fn of_name(name: &str) -> Option<Role> {
        Role::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether a token of this role is limited to one application.
    pub fn is_of_application(self) -> bool {
        match self {
            Role::Admin | Role::Auditor => false,
            Role::AppAuditor | Role::Scim => true,
        }
    }

    /// The role's name on the command line and in answers.
    pub fn name(self) -> &'static str {
        match self {
            Role::Admin => "admin",
            Role::Auditor => "auditor",
            Role::AppAuditor => "app-auditor",
            Role::Scim => "scim",
        }
    }
}

/// The template of a SCIM address, apart from the resource type. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Route {
    /// An address that we do not serve.
    Unknown = 0,
    /// `/Users`, `/Groups`.
    Collection = 1,
    /// `/Users/{id}`, `/Groups/{id}`.
    Resource = 2,
    /// `/ServiceProviderConfig`.
    ServiceProviderConfig = 3,
    /// `/ResourceTypes`, `/ResourceTypes/{name}`.
    ResourceTypes = 4,
    /// `/Schemas`, `/Schemas/{urn}`.
    Schemas = 5,
    /// `/`: a search over all resource types (RFC 7644 §3.4.2.1).
    Root = 6,
    /// `/.search`, or with a resource type `/Users/.search` (RFC 7644 §3.4.3).
    Search = 7,
    /// `/Bulk` (RFC 7644 §3.7).
    Bulk = 8,
    /// `/Me` (RFC 7644 §3.11).
    Me = 9,
}

/// The method of a request. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Method {
    /// A method that SCIM does not use; [`crate::Detail`] has its name.
    Other = 0,
    /// GET
    Get = 1,
    /// POST
    Post = 2,
    /// PUT
    Put = 3,
    /// PATCH
    Patch = 4,
    /// DELETE
    Delete = 5,
    /// HEAD
    Head = 6,
}

impl Method {
    /// The method's name; `OTHER` for those that SCIM does not use.
    pub fn name(self) -> &'static str {
        match self {
            Method::Other => "OTHER",
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
            Method::Head => "HEAD",
        }
    }
}

/// The stored number of a SCIM resource type. Further types get their number when they are first
/// configured ([`ResourceTypeAdded`]).
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Default)]
pub struct ResourceType(pub u8);

impl ResourceType {
    /// No resource type.
    pub const NONE: ResourceType = ResourceType(0);
    /// `User` (RFC 7643 §4.1).
    pub const USER: ResourceType = ResourceType(1);
    /// `Group` (RFC 7643 §4.2).
    pub const GROUP: ResourceType = ResourceType(2);
}

/// What a request did to our state. The numbers are stored.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Effect {
    /// The state changed as the event's changes say.
    Applied = 1,
    /// Accepted, but nothing changed.
    NoOp = 2,
    /// A read.
    Read = 3,
    /// Refused; nothing changed.
    Rejected = 4,
    /// The provider reported that it skipped this.
    Skipped = 5,
    /// Forwarded, but no answer came, so the outcome is not known.
    Unknown = 6,
    /// Acknowledged by the upstream, but its answer does not show what it did.
    Unverified = 7,
    /// Acknowledged, but a later observation showed that it was not done.
    Contradicted = 8,
}

impl Effect {
    /// The effect with a stored number.
    pub fn from_code(code: u8) -> Option<Effect> {
        match code {
            1 => Some(Effect::Applied),
            2 => Some(Effect::NoOp),
            3 => Some(Effect::Read),
            4 => Some(Effect::Rejected),
            5 => Some(Effect::Skipped),
            6 => Some(Effect::Unknown),
            7 => Some(Effect::Unverified),
            8 => Some(Effect::Contradicted),
            _ => None,
        }
    }

    /// The word in answers.
    pub fn name(self) -> &'static str {
        match self {
            Effect::Applied => "applied",
            Effect::NoOp => "no_op",
            Effect::Read => "read",
            Effect::Rejected => "rejected",
            Effect::Skipped => "skipped",
            Effect::Unknown => "unknown",
            Effect::Unverified => "unverified",
            Effect::Contradicted => "contradicted",
        }
    }
}
