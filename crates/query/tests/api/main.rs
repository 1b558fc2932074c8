//! The questions over HTTP, asked of the router in process over a real store.

mod access;
mod as_of;
mod attempts;
mod authority;
mod config;
mod exports;
mod harness;
mod known;
mod names;
mod operations;
mod pages;
#[path = "../../../../tests/harness/samples.rs"]
mod samples;
mod upstream;
