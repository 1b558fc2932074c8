//! Compares two results of the bench: what grows with the number of operations.

use std::fmt::Write as _;
use std::path::Path;

use crate::Outcome;
use crate::table::{Report, aligned, number};

/// From a million to ten million operations no compared row may grow by more.
const GROWTH_MAX: f64 = 1.5;

/// The rows that must not grow, of a smaller and a larger workload.
pub fn text(smaller: &Path, larger: &Path) -> Outcome<String> {
    let read =
        |path: &Path| -> Outcome<Report> { Ok(serde_json::from_slice(&std::fs::read(path)?)?) };
    Ok(growth(&read(smaller)?, &read(larger)?))
}

fn growth(smaller: &Report, larger: &Report) -> String {
    let head = |report: &Report| format!("{} operations", number(report.operations as f64));
    let mut lines = vec![vec![
        String::new(),
        head(smaller),
        head(larger),
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
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::table::Row;

    fn report(operations: u64, rows: Vec<Row>) -> Report {
        let machine = Machine {
            cores: 2,
            processor: "p".to_owned(),
            kernel: "k".to_owned(),
            disk: "d".to_owned(),
            date: "now".to_owned(),
        };
        Report { machine, operations, seed: 1, others_percent: 0.0, rows }
    }

    #[test]
    fn what_is_in_both_results_is_compared() {
        let row = |name: &str, value: f64| Row::new(name, "µs", &[value]);
        let small = vec![row("a", 10.0).compared(), row("b", 1.0), row("c", 2.0).compared()];
        let large = vec![row("a", 16.0).compared(), row("b", 9.0), row("d", 2.0).compared()];
        let text = growth(&report(1_000, small), &report(10_000, large));
        assert!(text.contains("1.60×  MISSED"), "{text}");
        assert!(text.contains("1 rows, 1 of them"), "{text}");
    }
}
