//! The provlog binary: the only place that wires everything.
//!
//! [`cli`] is the command line, [`config`] what can be set, [`run`] the running server. The rest of
//! the binary is in the other crates; tests call [`run::Server`] in process.

pub mod cli;
mod client;
mod client_address;
pub mod config;
pub mod listen;
mod logging;
mod offline;
pub mod run;
mod schemas;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
