//! Files of a provider's log, of any size, become requests of the import address, and what it answers becomes
//! one report.
//!
//! ```text
//!  file ──▶ files     unpacked, as UTF-8, readable more than once: each is read once to find its date order and
//!                     service principal, and again to import it
//!           run       which files belong together, what must be known of them before the first entry is sent
//!           pieces    records by the megabyte, each with its place
//!  Server ◀── a piece, and what came of it
//!           report    counts, refusals with file and line, in the words of the command line and the page
//! ```
//!
//! The command line sends the pieces over HTTP, a page hands them to the router: both are a [`Server`]. A file
//! that cannot be read is reported and the others are still imported. What was imported stays, whatever
//! happens after it, and a repeated import recognises it.

#![warn(unreachable_pub)]

mod files;
mod pieces;
mod report;
mod run;

pub use entra_log::{DateOrder, Form, NoSuchForm, NoSuchOrder, PORTAL_ROWS_MAX};
pub use files::{File, Room};
pub use pieces::{Counts, Parameters, Place, Principal};
pub use report::Report;
pub use run::{Begun, Wording, checking};

use serde_json::{Map, Value};

/// Answers the requests of an import.
pub trait Server: Sync {
    /// Why a request was not answered.
    type Failure: Send;

    /// Sends records, one in each line, to the import address with these parameters. Returns what came of them.
    ///
    /// # Errors
    /// When the server refuses the request or cannot be reached.
    fn post(
        &self,
        parameters: &[(&'static str, String)],
        lines: &[u8],
    ) -> Result<Map<String, Value>, Self::Failure>;
}

/// What somebody wants imported.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// A number for all requests of this import.
    pub run: u64,
    /// The form of the files; recognised without it.
    pub form: Option<Form>,
    /// Whether the day or the month comes first; decided from all dates of a file without it.
    pub dates: Option<DateOrder>,
    /// The application's service principal at the provider.
    pub service_principal: Option<&'a str>,
    /// Whether to list each entry of another application.
    pub lists_others: bool,
    /// How many rows the portal's file of steps, or of modified properties, may have. They are indexed in
    /// memory.
    pub portal_rows_max: usize,
    /// How its reader gives what cannot be decided from the files.
    pub wording: Wording,
}

/// Sees how far an import is.
pub trait Progress: Sync {
    /// A file is read from its beginning, to learn what must be known of it, or to import it. Of the portal's
    /// three files it is said first of any, then of the one with the entries.
    fn begins(&self, file: usize, bytes: u64, is_survey: bool);
    /// So many bytes of that file were read.
    fn reached(&self, bytes: u64);
    /// This came of the records sent so far.
    fn counted(&self, counts: &Counts);
    /// Whether to go on. Looked at before each record.
    fn goes_on(&self) -> bool {
        true
    }
}
