//! SCIM requests become decisions.
//!
//! ```text
//!  request ─▶ http/      arrive: application, credential, bounded body     the connection's task
//!             cuts       what must never be stored is cut out
//!             read, list a read is answered from a snapshot
//!             decide     a write is decided on the committer's thread
//!             record     arrival and outcome become one event
//! ```
//!
//! Every request on an address below `/apps/{app}/scim/v2` leaves exactly one operation event,
//! whatever becomes of it, and is answered after that event is written.

#![warn(unreachable_pub)]

mod address;
mod catalog;
mod conditions;
mod context;
mod cuts;
mod decide;
mod discovery;
mod errors;
mod http;
pub mod import;
mod limits;
mod list;
mod members;
mod numbers;
mod outcome;
mod proxy;
mod read;
mod record;
mod render;

pub use catalog::{Catalog, CatalogError};
pub use http::{Ingest, Shared, router};
pub use proxy::drift::{Difference, DriftError, DriftReport, Problem};
pub use proxy::upstream::LOOKUPS_MAX;
