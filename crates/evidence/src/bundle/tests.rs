//! The form of the file; `projector` tests bundles of random histories.

use tlog::{Policy, VerifierKey};

use super::*;

const FILE: &str = include_str!("../../../../tests/data/evidence/bundle.json");
const TOLD: &str = include_str!("../../../../tests/data/evidence/bundle.txt");
const KEY: &str = include_str!("../../../../tests/data/evidence/bundle.vkey");

fn trust() -> Policy {
    let key = VerifierKey::parse(KEY.trim()).unwrap();
    Policy::new("log.example/a", vec![key], vec![], 0).unwrap()
}

/// Whoever has a bundle of today derives the same from it later.
#[test]
fn a_bundle_of_the_golden_file_gives_its_answer() {
    assert_eq!(verify(FILE.as_bytes(), &trust()).unwrap().to_string(), TOLD);
    assert_eq!(Bundle::parse(FILE.as_bytes()).unwrap().to_bytes().unwrap(), FILE.as_bytes());
}

#[test]
fn another_form_is_refused() {
    let refused = |from: &str, to: &str| {
        assert!(FILE.contains(from), "{from}");
        verify(FILE.replacen(from, to, 1).as_bytes(), &trust()).unwrap_err()
    };
    assert_eq!(refused("evidence/1", "evidence/2"), BundleRefusal::Version);
    assert_eq!(refused("{\"format\":", "{ \"format\":"), BundleRefusal::Form);
    assert_eq!(refused("\n", ""), BundleRefusal::Form);
    assert!(matches!(refused("\"events\":", "\"event\":"), BundleRefusal::Json { .. }));
    assert!(matches!(
        refused("\"question\":{", "\"question\":{\"a\":1,"),
        BundleRefusal::Json { .. }
    ));
    assert_eq!(verify(b"", &trust()).unwrap_err(), BundleRefusal::Json { line: 1, column: 0 });
    let long = vec![b' '; BUNDLE_BYTES_MAX + 1];
    assert_eq!(verify(&long, &trust()).unwrap_err(), BundleRefusal::TooLong);
}
