//! Reads entries of Microsoft Entra's logs from every form in which they are exported.
//!
//! ```text
//!  files ──▶ detect       which form
//!            Records      JSON of any size becomes records, broken ones reported     split, scan
//!            PortalCsv    the portal's three CSV files become such records too       rows, headings
//!            TableCsv     so does the CSV download of Log Analytics
//!            Dates        whether their dates have the day or the month first
//!            service_principal_id   the application that a record names    peek
//!  record ─▶ understand   one normal form for all of them
//!            forms        out of the envelope
//!            shape        into Graph's spelling, by a table of members
//!            settle       members that repeat another are dropped or moved
//!            provisioning, audit   the typed members
//!            said         what a body says of people, accounts and applications
//! ```
//!
//! This crate knows neither the store nor the server. Its input is untrusted: sizes, depths and counts
//! are limited, and no message repeats the content of a record.

#![warn(unreachable_pub)]

mod audit;
mod dates;
mod detect;
mod entry;
mod form;
mod forms;
mod headings;
mod peek;
mod portal_csv;
mod provisioning;
mod rows;
pub mod said;
mod scan;
mod settle;
mod shape;
mod split;
mod table_csv;
#[cfg(test)]
mod tests;
mod time;
mod window;

pub use dates::{DateOrder, Dates, NoSuchOrder, Undecided};
pub use detect::{HEAD_BYTES, Undetected, detect};
pub use entry::{Action, Entry, Kind, Modified, Refused, Source, Status};
pub use form::{Form, NoSuchForm};
pub use forms::understand;
pub use peek::service_principal_id;
pub use portal_csv::{PORTAL_ROWS_MAX, PortalCsv, PortalCsvError};
pub use shape::entry_id;
pub use split::{Record, Records};
pub use table_csv::{TableCsv, TableCsvError};
