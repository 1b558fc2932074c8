//! Compares two results of the bench. Of the same size: what became slower. Of different sizes: what
//! grows with the number of operations.

use std::fmt::Write as _;
use std::path::Path;

use crate::table::{Report, Row, aligned, number};
use crate::{Outcome, yardstick};

/// From a million to ten million operations no compared row may grow by more.
const GROWTH_MAX: f64 = 1.5;
/// No compared row may become slower by more.
const SLOWER_MAX: f64 = 1.1;
/// A row should not become slower at all, but two runs never find quite the same.
const SLOWER_AIM: f64 = 1.005;

/// Reads a result that was written with `--json`.
pub fn read(path: &Path) -> Outcome<Report> {
    Ok(serde_json::from_slice(&std::fs::read(path)?)?)
}

/// Compares two results that were written with `--json`.
pub fn files(first: &Path, second: &Path) -> Outcome<String> {
    Ok(text(&read(first)?, &read(second)?))
}

/// Compares an earlier or smaller result with a later or larger one.
pub fn text(first: &Report, second: &Report) -> String {
    // Two runs of the same size may differ by a few requests.
    if first.operations / 10 == second.operations / 10 {
        change(first, second)
    } else {
        growth(first, second)
    }
}

fn found<'a>(row: &Row, report: &'a Report) -> Option<&'a Row> {
    report.rows.iter().find(|other| other.name == row.name && other.unit == row.unit)
}

fn with_unit(row: &Row) -> String {
    format!("{} {}", number(row.value), row.unit)
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
        let Some(other) = found(row, larger) else { continue };
        let growth = other.value / row.value;
        let verdict = if growth <= GROWTH_MAX { "met" } else { "MISSED" };
        missed += u32::from(growth > GROWTH_MAX);
        lines.push(vec![
            row.name.clone(),
            with_unit(row),
            with_unit(other),
            format!("{growth:.2}×"),
            verdict.to_owned(),
        ]);
    }
    let mut text = aligned(&lines);
    let _ = writeln!(text, "\n{} rows, {missed} of them grow by more", lines.len() - 1);
    text
}

/// How many times as long the fixed piece of work took; 1 if a result is older than it.
fn machine(before: &Report, after: &Report) -> f64 {
    let took = |report: &Report| {
        let row = report.rows.iter().find(|row| row.name == yardstick::NAME);
        row.map(|row| row.value).filter(|value| *value > 0.0)
    };
    took(before).zip(took(after)).map_or(1.0, |(before, after)| after / before)
}

fn change(before: &Report, after: &Report) -> String {
    let machine = machine(before, after);
    let mut text = format!(
        "before: {}, after: {}; the machine took {machine:.2}× as long for a fixed piece of work, which is\n\
         taken out of times and rates without a limit; rows with a limit are compared by their ratios\n\n",
        before.machine.date, after.machine.date
    );
    let mut lines = vec![vec![
        String::new(),
        "before".to_owned(),
        "after".to_owned(),
        "worse by".to_owned(),
        format!("≤ {SLOWER_MAX}× / 1×"),
    ]];
    let (mut judged, mut missed) = (0, 0);
    for row in before.rows.iter().filter(|row| row.value > 0.0) {
        let Some(other) = found(row, after).filter(|other| other.value > 0.0) else { continue };
        let Some(worse) = worse(row, other, machine) else { continue };
        let mut verdict = "";
        if row.is_compared {
            judged += 1;
            verdict = match worse {
                ..=SLOWER_AIM => "aim",
                ..=SLOWER_MAX => "must",
                _ => "MISSED",
            };
            missed += u32::from(worse > SLOWER_MAX);
        }
        lines.push(vec![
            row.name.clone(),
            with_unit(row),
            with_unit(other),
            format!("{worse:.2}×"),
            verdict.to_owned(),
        ]);
    }
    text.push_str(&aligned(&lines));
    let _ = writeln!(text, "\n{judged} rows are judged, {missed} of them became slower by more");
    text
}

/// How many times as slow, or as large, a row became; `None` for rows that are only checks.
fn worse(before: &Row, after: &Row, machine: f64) -> Option<f64> {
    // The past beside now is not a limit of the machine.
    let ratios = before.ratio.zip(after.ratio).filter(|_| !before.is_compared);
    let grown = match ratios {
        Some((before, after)) => after / before,
        None => after.value / before.value,
    };
    match (before.unit.as_str(), ratios.is_some()) {
        ("%", _) => None,
        ("/s", true) => Some(1.0 / grown),
        ("/s", false) => Some(1.0 / grown / machine),
        ("ms" | "µs", false) => Some(grown / machine),
        _ => Some(grown),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;

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

    fn row(name: &str, value: f64) -> Row {
        Row::new(name, "µs", &[value])
    }

    #[test]
    fn what_is_in_both_results_is_compared() {
        let small = vec![row("a", 10.0).compared(), row("b", 1.0), row("c", 2.0).compared()];
        let large = vec![row("a", 16.0).compared(), row("b", 9.0), row("d", 2.0).compared()];
        let text = text(&report(1_000, small), &report(10_000, large));
        assert!(text.contains("1.60×  MISSED"), "{text}");
        assert!(text.contains("1 rows, 1 of them"), "{text}");
    }

    #[test]
    fn two_results_of_one_size_show_what_became_slower() {
        let yardstick = |value| Row::new(yardstick::NAME, "ms", &[value]);
        let rate = |value, limit| Row::new("rate", "/s", &[value]).beside("empty", &[limit]);
        let before = vec![
            yardstick(100.0),
            row("a", 10.0).compared(),
            row("b", 10.0).compared(),
            row("c", 10.0).compared(),
            rate(100.0, 1_000.0),
        ];
        let after = vec![
            yardstick(200.0),
            row("a", 20.0).compared(),
            row("b", 21.0).compared(),
            row("c", 30.0).compared(),
            rate(100.0, 500.0),
        ];
        let text = text(&report(1_000, before), &report(1_002, after));
        let verdict = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_whitespace().rev().take(2).map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(verdict("a "), ["aim", "1.00×"]);
        assert_eq!(verdict("b "), ["must", "1.05×"]);
        assert_eq!(verdict("c "), ["MISSED", "1.50×"]);
        assert_eq!(verdict("rate "), ["0.50×", "/s"], "a ratio that doubled");
        assert!(text.contains("3 rows are judged, 1 of them"), "{text}");
    }
}
