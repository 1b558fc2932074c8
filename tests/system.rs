//! System tests: the real binary over real sockets, with real kills, and the router in process where a
//! manual clock is needed.
//!
//! `PROVLOG_TEST_KILLS`, `PROVLOG_TEST_HISTORIES`, `PROVLOG_TEST_OVERLOAD` and `PROVLOG_TEST_EXAMPLES`
//! set the length of the long tests; `tools/test` sets them.

mod harness {
    pub mod habits;
    pub mod history;
    pub mod imports;
    pub mod in_process;
    pub mod listing;
    pub mod pages;
    pub mod samples;
    pub mod script;
    pub mod server;
    pub mod stub;
    pub mod tls;
    pub mod unread;
    pub mod upstream;

    /// How often a long test repeats itself.
    pub fn repetitions(variable: &str, default: u32) -> u32 {
        match std::env::var(variable) {
            Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} must be a number")),
            Err(_) => default,
        }
    }
}

mod oracle;

mod cases {
    mod abuse;
    mod administration;
    mod append_failure;
    mod as_of;
    mod asking;
    mod audience;
    mod authority;
    mod bounds;
    mod browser_pages;
    mod bundles;
    mod clock;
    mod command_line;
    mod concurrency;
    mod configuration;
    mod conformance;
    mod coverage;
    mod crash;
    mod cycles;
    mod damage;
    mod dialects;
    mod disk;
    mod documents;
    mod erasure;
    mod exports;
    mod fairness;
    mod graph;
    mod import_by_form;
    mod import_edges;
    mod import_files;
    mod import_people;
    mod imports;
    mod large_groups;
    mod matrix;
    mod offline_token;
    mod openapi;
    mod operation_log;
    mod overload;
    mod overview;
    mod page_truth;
    mod profiles;
    mod proxy;
    mod proxy_answers;
    mod proxy_doubt;
    mod proxy_read_back;
    mod proxy_spelling;
    mod public_client;
    mod questions;
    mod refused_creates;
    mod reviews;
    mod roles;
    mod schemas_from_files;
    mod scim;
    mod secrets;
    mod sessions;
    mod starts;
    mod strangers;
    mod tails;
    mod tamper;
    mod tls;
    mod tree;
    mod two_ways;
    mod unrecorded;
    mod upstream_habits;
    mod witness;
}
