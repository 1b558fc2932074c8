//! The cycles of a provider's log: what belongs to one, and when an answer without any is not complete.

use serde_json::{Value, json};

use super::imports::{IN_SCOPE, Imports, entry};

async fn cycles(imports: &Imports, query: &str) -> Value {
    imports.ask(&format!("/api/v1/apps/paperboat/cycles{query}")).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cycle_has_all_its_entries_in_whatever_order_they_were_imported() {
    let imports = Imports::new().await;
    let none = cycles(&imports, "").await;
    assert_eq!((&none["rowCount"], &none["coverage"]["state"]), (&json!(0), &json!("partial")));
    assert_eq!(none["coverage"]["gaps"][0]["reason"], "no imported log");

    let mut times = vec![];
    for _ in 0..4 {
        times.push(imports.now());
        imports.pass(60);
    }
    let told = |id: u32, at: &str, cycle: &str, status: &str| {
        let mut told = entry(id, at, "mira", ("update", status), IN_SCOPE);
        told["cycleId"] = cycle.into();
        told
    };
    // The newer ones are imported first, so the start of the first cycle is known later.
    let newer = [
        told(1, &times[1], "first", "failure"),
        told(2, &times[2], "first", "success"),
        told(3, &times[3], "second", "skipped"),
    ];
    imports.import(&newer).await;
    let seq = imports.ask("/api/v1/apps").await["atSeq"].clone();
    imports.import(&[told(4, &times[0], "first", "success")]).await;

    let answer = cycles(&imports, "").await;
    let seconds = |row: usize| (&answer["rows"][row]["cycleId"], &answer["rows"][row]["seconds"]);
    assert_eq!(seconds(0), (&json!("second"), &json!(0)));
    assert_eq!(seconds(1), (&json!("first"), &json!(120)));
    let first = &answer["rows"][1];
    assert_eq!((&first["startedAt"], &first["lastAt"]), (&json!(times[0]), &json!(times[2])));
    let counts = ["entries", "success", "warning", "failure", "skipped"].map(|one| &first[one]);
    assert_eq!(counts, [3, 2, 0, 1, 0].map(|count| json!(count)).each_ref());
    // It counts in the time in which it began, with all its entries.
    let begun = cycles(&imports, &format!("?to={}", times[1])).await;
    assert_eq!((&begun["rowCount"], &begun["rows"][0]["entries"]), (&json!(1), &json!(3)));
    let later = cycles(&imports, &format!("?from={}", times[1])).await;
    assert_eq!((&later["rowCount"], &later["rows"][0]["cycleId"]), (&json!(1), &json!("second")));
    // What was known before the older entry came.
    let before = cycles(&imports, &format!("?knownAt={seq}")).await;
    assert_eq!(before["rows"][1]["startedAt"], json!(times[1]));
    assert_eq!(before["rows"][1]["entries"], 2);
    imports.server.close().await;
}
