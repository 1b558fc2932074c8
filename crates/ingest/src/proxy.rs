//! The proxy: forwards requests to an application's upstream, and derives the upstream's state from its
//! answers.
//!
//! ```text
//!  request ─▶ http/forward   intent      synced before anything is sent      (writes)
//!             upstream       the request, and the answer as it came
//!             effect         what the answer means: the one table
//!             derive         the answer, or the request where there is no body, becomes changes
//!             parts          what an answer leaves open that shows less than there should be
//!             http/forward   outcome     one operation event; then the answer is relayed
//!             read_back      what it leaves in doubt is read again, until that is settled
//!             observe        what a read shows, a baseline or a comparison: observations
//! ```

pub(crate) mod coding;
pub(crate) mod derive;
pub(crate) mod drift;
pub(crate) mod effect;
pub(crate) mod in_flight;
pub(crate) mod observe;
pub(crate) mod pages;
pub(crate) mod partial;
pub(crate) mod probe;
pub(crate) mod read_back;
pub(crate) mod request;
pub(crate) mod rewrite;
pub(crate) mod settle;
pub(crate) mod upstream;
pub(crate) mod waiting;
