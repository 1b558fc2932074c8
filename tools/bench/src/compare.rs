//! What grows with the number of operations: two results of the bench, side by side.

use std::fmt::Write as _;
use std::path::Path;

use crate::Outcome;
use crate::table::{Report, aligned, number};

/// From a million to ten million operations nothing may grow by more.
const GROWTH_MAX: f64 = 1.5;

/// The rows that must not grow, of a smaller and a larger workload.
pub fn text(smaller: &Path, larger: &Path) -> Outcome<String> {
    let read =
        |path: &Path| -> Outcome<Report> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };
    let (smaller, larger) = (read(smaller)?, read(larger)?);
    let head = |report: &Report| format!("{} operations", number(report.operations as f64));
    let mut lines = vec![vec![
        String::new(),
        head(&smaller),
        head(&larger),
        "growth".to_owned(),
        format!("≤ {GROWTH_MAX}×"),
    ]];
    let mut missed = 0;
    for row in smaller.rows.iter().filter(|row| row.is_compared && row.value > 0.0) {
        let Some(other) = larger.rows.iter().find(|other| other.name == row.name) else { continue };
        let growth = other.value / row.value;
        let verdict = if growth <= GROWTH_MAX { "met" } else { "MISSED" };
        missed += u32::from(growth > GROWTH_MAX);
        lines.push(vec![
            row.name.clone(),
            format!("{} {}", number(row.value), row.unit),
            format!("{} {}", number(other.value), other.unit),
            format!("{growth:.2}×"),
            verdict.to_owned(),
        ]);
    }
    let mut text = aligned(&lines);
    let _ = writeln!(text, "\n{} rows, {missed} of them grow by more", lines.len() - 1);
    Ok(text)
}
