//! The provlog binary: the only place that wires everything.
//!
//! [`cli`] is the command line with what can be set, [`run`](mod@run) the running server. The
//! rest of the binary is in the other crates; tests call [`run::Server`] in process, and another
//! program runs a command with [`run()`].

#![warn(unreachable_pub)]

mod bundle;
mod catalog;
pub mod cli;
mod client;
mod client_address;
mod config;
mod export;
mod failure;
mod import;
pub mod listen;
mod listing;
mod logging;
mod offline;
mod output;
mod peer;
mod questions;
mod readable;
pub mod run;
mod scrub;
mod settings;
pub mod signing;
mod start;
mod table;
mod text;
mod tls;
pub mod unlock;
mod verify;
mod witness;
pub mod witnesses;

pub use cli::run;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
