//! What a fact is.

use std::net::IpAddr;

use crate::claim::{
    Access, EvidenceAdded, ImportBatch, Imported, ReferenceListAdded, ServicePrincipalSet,
};
use crate::clock::Timestamp;
use crate::content::Part;
use crate::id::{Application, Credential, Number, Seq};

/// A fact that was stored. It is never changed.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Its place in the log; the log's key, not repeated in the stored bytes.
    pub seq: Seq,
    /// What a scan needs: small, without the values of persons.
    pub header: Header,
    /// What was sent and what it changed. A part can be sealed, and so erased, on its own.
    pub parts: Vec<Part>,
}

/// The part of an event that stays readable for ever: codes, numbers, times; no person's values.
#[derive(Clone, PartialEq, Debug)]
pub struct Header {
    /// Whose event it is.
    pub application: Application,
    /// Our clock, made never to decrease with `seq`. Ties happen; `seq` breaks them.
    pub recorded_at: Timestamp,
    /// What the clock really showed.
    pub raw_clock: Timestamp,
    /// The request behind the event; `None` for what the recorder did by itself.
    pub origin: Option<Origin>,
    /// What happened.
    pub fact: Fact,
}

/// Where a request came from.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Origin {
    /// The credential that was presented, when it is one of ours and fits the application.
    pub credential: Credential,
    /// The client's address.
    pub client: Option<IpAddr>,
    /// At most [`Origin::USER_AGENT_BYTES_MAX`] bytes.
    pub user_agent: String,
    /// The client's `X-Request-Id`, or one that we made. Never empty, at most 128 bytes.
    pub request_id: String,
}

impl Origin {
    /// Longer user agents are cut here.
    pub const USER_AGENT_BYTES_MAX: usize = 256;
    /// Longer request ids are replaced by our own.
    pub const REQUEST_ID_BYTES_MAX: usize = 128;
}

/// The kinds of event. Their stored numbers are in the codec.
#[derive(Clone, PartialEq, Debug)]
pub enum Fact {
    /// A request on a SCIM address.
    Operation(Operation),
    /// A write is about to be sent to the upstream; what became of it is an operation of its own.
    Intent(Operation),
    /// The state of a resource at the upstream, as it was seen. It holds from here on and says nothing
    /// of earlier times.
    Observation(Observation),
    /// Everything that an upstream has was listed, or was to be. What of it was new to us stands in
    /// observations before this event.
    Listed(Listed),
    /// The recorder began to watch.
    RecorderStarted(RecorderStarted),
    /// The recorder stopped in order. A killed recorder leaves no such event.
    RecorderStopped(RecorderStopped),
    /// An application was configured.
    ApplicationAdded(ApplicationAdded),
    /// Where the requests of an application are sent on to.
    UpstreamSet(UpstreamSet),
    /// Which application at the provider an application is.
    ServicePrincipalSet(ServicePrincipalSet),
    /// A token was issued.
    CredentialAdded(CredentialAdded),
    /// A token was taken back.
    CredentialRevoked(CredentialRevoked),
    /// A resource type beyond `User` and `Group` got its stored number.
    ResourceTypeAdded(ResourceTypeAdded),
    /// Requests without a valid credential that left no event of their own.
    Unauthenticated(Unauthenticated),
    /// Connections were closed, or kept waiting, for want of room.
    ConnectionsRefused(ConnectionsRefused),
    /// An entry of a provider's log was imported.
    Imported(Imported),
    /// A request of an import ended.
    ImportBatch(ImportBatch),
    /// A question was answered.
    Access(Access),
    /// Evidence was added to an operation.
    EvidenceAdded(EvidenceAdded),
    /// A list of people was uploaded.
    ReferenceListAdded(ReferenceListAdded),
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
    /// The resource, or the person a lookup or refused create mentions.
    pub number: Number,
    /// The other resources that this event changes or concerns: ascending, without `number`.
    pub touches: Vec<Number>,
    /// The status that was answered.
    pub status: u16,
    /// The SCIM error keyword's stored number (RFC 7644 §3.12); 0 for none.
    pub scim_type: u8,
    /// What the request did to our state.
    pub effect: Effect,
    /// Place within a Bulk request; 0 elsewhere.
    pub index: u32,
    /// For a read: the last event whose effects it saw; `None` when it saw an empty log.
    pub saw_seq: Option<Seq>,
    /// For a read: how many resources it answered.
    pub results: Option<u32>,
    /// From the arrival of the request's head to the decision, in microseconds.
    pub decided_after_us: u32,
}

/// What was seen of one resource at the upstream. What of it is new to us stands in the event's changes.
#[derive(Clone, PartialEq, Debug)]
pub struct Observation {
    /// The type of the resource.
    pub resource_type: ResourceType,
    /// The resource, or the person a lookup that found nobody mentions.
    pub number: Number,
    /// The other resources that this event changes or concerns: ascending, without `number`.
    pub touches: Vec<Number>,
    /// On what occasion it was seen.
    pub occasion: Occasion,
    /// Earlier operations whose outcome was not known or not confirmed until now: ascending.
    pub settles: Vec<Seq>,
    /// Whether those did what they were to do.
    pub verdict: Verdict,
}

/// A listing of everything that an upstream has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listed {
    /// Why it was listed.
    pub occasion: Occasion,
    /// How far what was seen is all that there is.
    pub extent: Extent,
    /// How many resources were seen that the record could take.
    pub seen: u64,
    /// How many it could not: their ids cannot be told.
    pub refused: u64,
}

/// How far a listing shows all that an upstream has.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Extent {
    /// All of it, as far as the upstream says.
    Whole = 1,
    /// It contradicts itself, shows what cannot be taken, or lacks more of what the record has than is
    /// believed.
    Incomplete = 2,
    /// It came to no end, and says nothing.
    Failed = 3,
}

impl Extent {
    /// The extent of a stored number.
    pub fn from_code(code: u8) -> Option<Extent> {
        match code {
            1 => Some(Extent::Whole),
            2 => Some(Extent::Incomplete),
            3 => Some(Extent::Failed),
            _ => None,
        }
    }
}

/// Why somebody looked at the upstream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Occasion {
    /// A listing of everything, to begin with.
    Baseline = 1,
    /// A read that a client sent.
    Read = 2,
    /// A listing of everything, to compare.
    Drift = 3,
    /// The recorder read it by itself, because the answer to a write left its outcome in doubt.
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

/// What a later look says of an operation.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Verdict {
    /// Nothing was to be settled.
    None = 0,
    /// It did what it was to do.
    Confirmed = 1,
    /// It did not.
    Contradicted = 2,
}

/// Where the requests of the event's application are sent on to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpstreamSet {
    /// SCIM base address, without a slash at the end.
    pub url: String,
    /// The file with its bearer token; the token itself is never stored.
    pub token_file: String,
    /// The file with the certificates of the authorities that are trusted; those of the system without.
    pub ca_file: Option<String>,
    /// Whether addresses of the upstream in its answers become ours.
    pub rewrites_locations: bool,
    /// Whether a group that shows no members has none; some servers never show them.
    pub shows_members: bool,
}

/// What the recorder knew when it began.
#[derive(Clone, PartialEq, Debug)]
pub struct RecorderStarted {
    /// The log's name, so that the log says whose it is.
    pub log: u64,
    /// Version of the program.
    pub version: String,
    /// The last moment at which the recorder is known to have been alive before; `None` at the
    /// first start. What lies between then and `recorded_at` was not watched.
    pub last_alive: Option<Timestamp>,
}

/// What the recorder knew when it stopped.
#[derive(Clone, PartialEq, Debug)]
pub struct RecorderStopped {
    /// Requests since its start that broke before they were requests, and so left no event: an
    /// unreadable request line or header, say.
    pub broken_requests: u64,
}

/// An application as it was configured.
#[derive(Clone, PartialEq, Debug)]
pub struct ApplicationAdded {
    /// Its number; the event's `application` is the same.
    pub number: Application,
    /// Its name in addresses.
    pub slug: String,
    /// The profile by which its requests are judged.
    pub profile: String,
    /// Settings over the profile's, as JSON text.
    pub settings: Vec<u8>,
}

/// A token as it was issued. The token itself is never stored.
#[derive(Clone, PartialEq, Debug)]
pub struct CredentialAdded {
    /// Its number.
    pub number: Credential,
    /// What it allows; limited to the event's `application` unless that is the recorder.
    pub role: Role,
    /// SHA-256 of the token.
    pub sha256: [u8; 32],
}

/// A token that nothing is allowed with from here on. The event's `application` is the credential's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CredentialRevoked {
    /// Its number; never given again.
    pub number: Credential,
}

/// A resource type beyond `User` and `Group` as it was configured. Its number holds in all
/// applications, so the event's `application` is the recorder.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ResourceTypeAdded {
    /// Its stored number; never given again.
    pub number: ResourceType,
    /// Its name (RFC 7643 §6).
    pub name: String,
}

/// Requests without a valid credential on the event's `application` that came faster than the stated
/// rate: counted, so that nobody fills the log from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Unauthenticated {
    /// How many there were.
    pub count: u64,
    /// What the clock showed at the first of them. It is not made to keep the log's order.
    pub first: Timestamp,
    /// What the clock showed at the last of them.
    pub last: Timestamp,
}

/// Connections that were closed, or kept waiting, for want of room: a request that was on its way on one
/// of them may have left no event. The event's `application` is the recorder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionsRefused {
    /// How often that was so.
    pub count: u64,
    /// What the clock showed the first time. It is not made to keep the log's order.
    pub first: Timestamp,
    /// What the clock showed the last time.
    pub last: Timestamp,
}

/// What a credential allows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Role {
    /// Everything an auditor may, and configure.
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

/// The template of a SCIM address; with the resource type it is the whole template.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Route {
    /// No address that we serve.
    Unknown = 0,
    /// `/Users`, `/Groups`.
    Collection = 1,
    /// `/Users/{id}`, `/Groups/{id}`.
    Resource = 2,
    /// `/ServiceProviderConfig`.
    ServiceProviderConfig = 3,
    /// `/ResourceTypes` and one of them.
    ResourceTypes = 4,
    /// `/Schemas` and one of them.
    Schemas = 5,
    /// `/`: a search over all resource types (RFC 7644 §3.4.2.1).
    Root = 6,
    /// `/.search`, or `/Users/.search` where there is a resource type (RFC 7644 §3.4.3).
    Search = 7,
    /// `/Bulk` (RFC 7644 §3.7).
    Bulk = 8,
    /// `/Me` (RFC 7644 §3.11).
    Me = 9,
}

/// The method of a request.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Method {
    /// Any method that SCIM does not use; the request's detail has its name.
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

/// A SCIM resource type by its stored number. Further types are numbered where they are configured.
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

/// What a request did to our state.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum Effect {
    /// State changed as the event's changes say.
    Applied = 1,
    /// Accepted, and nothing was different afterwards.
    NoOp = 2,
    /// Answered without intent to change.
    Read = 3,
    /// Refused; nothing changed.
    Rejected = 4,
    /// A source reported that it passed this over.
    Skipped = 5,
    /// Sent on, and the connection broke before an answer.
    Unknown = 6,
    /// Acknowledged by an upstream without a body that would confirm it.
    Unverified = 7,
    /// Acknowledged, and a later look disagreed.
    Contradicted = 8,
}

impl Effect {
    /// The effect of a stored number.
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
