//! An export while the log goes on.

use std::collections::BTreeSet;
use std::io::{Cursor, Read};

use axum::body::to_bytes;
use event::{Changes, Method, ResourceType, Seq};
use projector::{Decision, Durability};
use serde_json::{Value, json};

use crate::harness::{Server, applied, change, operation, part};

/// More than a page, and more than waits for a client: an agent's name that cannot be made shorter.
const OPERATIONS: u64 = 6_000;

/// Renames a user, once for each of some numbers.
async fn renames(server: &Server, numbers: std::ops::Range<u64>) -> Seq {
    let drafts = numbers.map(|number| {
        let name = |number: u64| Some(json!(format!("name {number}")));
        let values = vec![change("displayName", name(number), name(number + 1))];
        let changes = Changes { values: values.into(), ..Changes::default() };
        let patch = operation(Method::Patch, ResourceType::USER, 1, 200);
        let mut draft = applied(patch, vec![part(1, changes)]);
        // Numbers that look like chance; a generator would do no better here.
        let noise = (1..32_u64).map(|place| {
            format!("{:08x}", (number * 31 + place).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32)
        });
        draft.origin.as_mut().unwrap().user_agent = noise.collect();
        draft
    });
    let events = drafts.collect();
    let decide = |_: &projector::View<'_>, stamp: projector::Stamp| {
        Ok(Decision { events, reply: stamp.seq })
    };
    server.committer().submit(Durability::Appended, decide).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_files_of_an_export_stand_at_the_event_of_its_first_page() {
    let server = Server::with_application().await;
    server.user(1, None).await;
    let first = renames(&server, 0..OPERATIONS).await;
    let response = server.begin("/api/v1/export?question=operations&format=ndjson").await;
    // The client has read nothing yet, so that the first file is under way.
    let later = renames(&server, OPERATIONS..OPERATIONS + 10).await;
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    let mut zip = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let mut lines = |name: &str| -> Vec<Value> {
        let mut text = String::new();
        zip.by_name(name).unwrap().read_to_string(&mut text).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let seqs = |rows: &[Value]| -> BTreeSet<u64> {
        rows.iter().map(|row| row["seq"].as_u64().unwrap()).collect()
    };
    let operations = lines("operations.ndjson");
    assert_eq!(operations.len() as u64, OPERATIONS + 1);
    assert!(first > 0 && seqs(&operations).last() < Some(&later));
    assert_eq!(seqs(&lines("changes.ndjson")), seqs(&operations));
    let mut text = String::new();
    zip.by_name("manifest.json").unwrap().read_to_string(&mut text).unwrap();
    let manifest: Value = serde_json::from_str(&text).unwrap();
    let end = seqs(&operations).last().copied();
    assert_eq!((manifest["atSeq"].as_u64(), manifest["head"]["seq"].as_u64()), (end, end));
}
