//! Fuzzing: parsers of requests and of stored bytes must not panic, hang or violate their properties.
//!
//! Each target first runs its files in `data/fuzz/`, then mutations of them for
//! `PROVLOG_TEST_FUZZ_SECONDS` (10); `tools/test` sets it. A failing input is minimized and stored
//! under `regressions/`; commit it with the repair.

mod fuzz {
    mod driver;
    mod targets;

    #[test]
    fn filter() {
        driver::fuzz("filter", targets::filter);
    }

    #[test]
    fn patch_path() {
        driver::fuzz("patch_path", targets::patch_path);
    }

    #[test]
    fn patch_body() {
        driver::fuzz("patch_body", targets::patch_body);
    }

    #[test]
    fn bulk() {
        driver::fuzz("bulk", targets::bulk);
    }

    #[test]
    fn json_bounds() {
        driver::fuzz("json_bounds", targets::json_bounds);
    }

    #[test]
    fn plain_body() {
        driver::fuzz("plain_body", targets::plain_body);
    }

    #[test]
    fn stored_event() {
        driver::fuzz("stored_event", targets::stored_event);
    }
}

/// How long each target runs.
fn seconds() -> u64 {
    match std::env::var("PROVLOG_TEST_FUZZ_SECONDS") {
        Ok(text) => text.parse().expect("PROVLOG_TEST_FUZZ_SECONDS must be a number"),
        Err(_) => 10,
    }
}
