//! The words of SCIM 2.0 (RFC 7643, RFC 7644) as pure functions over JSON: no I/O, no clock, no state.
//!
//! The way of a write through this crate:
//!
//! ```text
//! bytes ── parse_json ──▶ Value ── Resource::read ──────────────▶ Resource          (POST, PUT)
//!                           └───── parse_patch ── apply_patch ──▶ Patched           (PATCH)
//!                                                                   │
//!          stored attributes ── settle, diff ───────────────────────┴─▶ what to store, what changed
//! ```
//!
//! Plain bodies go a quicker way, from bytes to the same canonical text in one pass: [`Plan`]. It also
//! applies a PATCH to a stored text and parses only what changes.
//!
//! A [`SearchRequest`] asks for a list: its [`Filter`] selects resources, its [`Sort`] orders them, its
//! [`Projection`] selects attributes. [`EntityTags`] are the precondition of a write, and a
//! [`BulkRequest`] is a list of writes that may refer to each other.
//!
//! Schemas are data ([`Registry`]), and files may add to them. Where clients contradict each other, an
//! application's [`Settings`] decide. Every refusal is a [`ScimError`], which names attributes and never
//! repeats values.
//!
//! The work that a request can cause is limited: by [`Bounds`] when it is read, then by [`ELEMENTS_MAX`],
//! [`MEMBERS_MAX`], [`LOOKED_AT_MAX`] and [`RESOURCE_BYTES_MAX`].
//!
//! Stored attributes are a JSON object in a normal form: names spelled as in the schema, extensions as
//! objects under their URN, nothing empty, nothing readOnly, no password, no members.

#![warn(unreachable_pub)]

mod bulk;
mod cursor;
mod diff;
mod draft;
mod error;
mod filter;
mod flat;
mod json;
mod limits;
mod member;
mod patch;
mod patch_path;
mod path;
mod precondition;
mod profile;
mod projection;
mod resource;
mod schema;
mod search;
mod settings;
mod sort;
mod value;

pub use bulk::{
    BULK_URN, BulkMethod, BulkOperation, BulkRequest, Resolved, parse_bulk, resolve_value,
};
pub use cursor::CursorKey;
pub use diff::{Change, ChangePath, Element, diff, diff_from_nothing, settle};
pub use draft::UpstreamResource;
pub use error::{ScimError, ScimType};
pub use filter::{CompareOp, Filter, Literal, Numeral, Text};
pub use flat::{Flat, FlatPatch, Plan};
pub use json::{Bounds, JsonError, JsonErrorKind, parse_json, without_mark};
pub use limits::{ELEMENTS_MAX, LOOKED_AT_MAX, MEMBERS_MAX, RESOURCE_BYTES_MAX};
pub use member::{Member, MemberId, check_member_id, is_unseen};
pub use patch::{
    MemberOperation, PATCH_URN, PatchOp, PatchOperation, Patched, apply_patch, parse_patch,
};
pub use patch_path::PatchPath;
pub use path::AttrPath;
pub use precondition::EntityTags;
pub use profile::{Profile, ProfileVersion, Profiles};
pub use projection::Projection;
pub use resource::{Resource, check_immutable, check_schemas};
pub use schema::{
    Attribute, FileError, Kind, Mutability, Registry, RegistryError, ResourceType, Returned,
    Schema, Uniqueness,
};
pub use search::{SearchRequest, Selection};
pub use settings::{
    EmptyMembers, FilterOnDiscovery, MemberIds, OmittedActive, PatchMiss, PatchResponse, Settings,
};
pub use sort::{Sort, SortKey};
pub use value::{Misfits, id_text};
