//! The report: rows with their limits and goals, as a table and as JSON.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use crate::figures::{median, spread_percent};
use crate::machine::Machine;

/// Above this, other processes disturb the measurement.
const OTHERS_PERCENT_MAX: f64 = 5.0;

/// A goal of a row.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Goal {
    /// Whether the ratio to the limit is judged, or the value itself.
    pub of_ratio: bool,
    /// Whether more is better.
    pub at_least: bool,
    /// Below this (or above) the row fails.
    pub must: f64,
    /// The target.
    pub aim: f64,
}

impl Goal {
    /// The ratio to the limit is at least so much.
    pub const fn ratio_at_least(must: f64, aim: f64) -> Goal {
        Goal { of_ratio: true, at_least: true, must, aim }
    }

    /// The ratio to the limit is at most so much.
    pub const fn ratio_at_most(must: f64, aim: f64) -> Goal {
        Goal { of_ratio: true, at_least: false, must, aim }
    }

    /// The value is at most so much.
    pub const fn at_most(must: f64, aim: f64) -> Goal {
        Goal { of_ratio: false, at_least: false, must, aim }
    }

    /// The value is at least so much.
    pub const fn at_least(must: f64, aim: f64) -> Goal {
        Goal { of_ratio: false, at_least: true, must, aim }
    }

    fn verdict(&self, judged: f64) -> &'static str {
        let meets = |goal: f64| if self.at_least { judged >= goal } else { judged <= goal };
        match (meets(self.aim), meets(self.must)) {
            (true, _) if self.aim == self.must => "met",
            (true, _) => "aim",
            (false, true) => "must",
            (false, false) => "MISSED",
        }
    }
}

/// One line of the table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// What was measured; the same in every run.
    pub name: String,
    /// What it was measured on in this run.
    pub note: Option<String>,
    /// The median over the rounds.
    pub value: f64,
    /// The unit of the value, and of the limit.
    pub unit: String,
    /// The median of the limit, measured in the same rounds.
    pub limit: Option<f64>,
    /// What the limit is.
    pub limit_name: Option<String>,
    /// The value divided by the limit.
    pub ratio: Option<f64>,
    /// What it should be.
    pub goal: Option<Goal>,
    /// `aim`, `must` or `MISSED`; `met` where both are the same.
    pub verdict: Option<String>,
    /// How often it was measured.
    pub rounds: usize,
    /// The range of the rounds in percent of the value.
    pub spread_percent: f64,
    /// Whether it must not grow with the number of operations.
    pub is_compared: bool,
}

impl Row {
    /// A row of the values of some rounds.
    pub fn new(name: impl Into<String>, unit: &str, rounds: &[f64]) -> Row {
        Row {
            name: name.into(),
            note: None,
            value: median(rounds),
            unit: unit.to_owned(),
            limit: None,
            limit_name: None,
            ratio: None,
            goal: None,
            verdict: None,
            rounds: rounds.len(),
            spread_percent: spread_percent(rounds),
            is_compared: false,
        }
    }

    /// Says what it was measured on.
    pub fn on(mut self, note: impl Into<String>) -> Row {
        self.note = Some(note.into());
        self
    }

    /// Sets the limit, measured in the same rounds.
    pub fn beside(mut self, name: &str, rounds: &[f64]) -> Row {
        let limit = median(rounds);
        self.limit = Some(limit);
        self.limit_name = Some(name.to_owned());
        self.ratio = (limit > 0.0).then(|| self.value / limit);
        self.judged()
    }

    /// Sets what it should be.
    pub fn with_goal(mut self, goal: Goal) -> Row {
        self.goal = Some(goal);
        self.judged()
    }

    /// Marks a row that must not grow with the number of operations.
    pub fn compared(mut self) -> Row {
        self.is_compared = true;
        self
    }

    fn judged(mut self) -> Row {
        self.verdict = self.goal.and_then(|goal| {
            let judged = if goal.of_ratio { self.ratio? } else { self.value };
            Some(goal.verdict(judged).to_owned())
        });
        self
    }
}

/// Everything that one run found.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Where.
    pub machine: Machine,
    /// Requests that the store holds.
    pub operations: u64,
    /// The seed of the workload.
    pub seed: u64,
    /// The share of the machine that other processes used, in percent.
    pub others_percent: f64,
    /// What was measured.
    pub rows: Vec<Row>,
}

impl Report {
    /// The table for people.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let Machine { cores, processor, kernel, disk, date } = &self.machine;
        let _ = writeln!(text, "{date}; {cores} cores, {processor}; Linux {kernel}; {disk}");
        let _ = writeln!(
            text,
            "{} operations, seed {}; medians, and in brackets the rounds and how far they lie apart\n",
            self.operations, self.seed
        );
        if self.others_percent > OTHERS_PERCENT_MAX {
            let _ = writeln!(
                text,
                "NOT ALONE: other processes took {:.0} % of the machine, so the numbers are worth little\n",
                self.others_percent
            );
        }
        let mut lines =
            vec![["", "provlog", "limit", "ratio", "must / aim", ""].map(str::to_owned).to_vec()];
        lines.extend(self.rows.iter().map(cells));
        text.push_str(&aligned(&lines));
        text
    }
}

/// Aligns cells in columns: the first to the left, the others to the right.
pub fn aligned(lines: &[Vec<String>]) -> String {
    let mut text = String::new();
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        lines.iter().filter_map(|line| Some(line.get(column)?.chars().count())).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for line in lines {
        let mut shown = String::new();
        for (column, cell) in line.iter().enumerate() {
            let width = widths[column];
            let _ = if column == 0 {
                write!(shown, "{cell:width$}")
            } else {
                write!(shown, "  {cell:>width$}")
            };
        }
        let _ = writeln!(text, "{}", shown.trim_end());
    }
    text
}

fn cells(row: &Row) -> Vec<String> {
    let value = format!(
        "{} {} ({} ±{:.0} %)",
        number(row.value),
        row.unit,
        row.rounds,
        row.spread_percent / 2.0
    );
    let limit = match (&row.limit, &row.limit_name) {
        (Some(limit), Some(name)) => format!("{name} {}", number(*limit)),
        (Some(_) | None, _) => String::new(),
    };
    let ratio = row.ratio.map(number).unwrap_or_default();
    let goal = row.goal.map_or_else(String::new, |goal| {
        let sign = if goal.at_least { "≥" } else { "≤" };
        let of = if goal.of_ratio { "×" } else { "" };
        if goal.must == goal.aim {
            return format!("{sign} {}{of}", number(goal.must));
        }
        format!("{sign} {}{of} / {}{of}", number(goal.must), number(goal.aim))
    });
    let name = match &row.note {
        Some(note) => format!("{} ({note})", row.name),
        None => row.name.clone(),
    };
    vec![name, value, limit, ratio, goal, row.verdict.clone().unwrap_or_default()]
}

/// Three significant digits, with separators for thousands.
pub fn number(value: f64) -> String {
    if value.abs() >= 1_000.0 {
        let whole = format!("{value:.0}");
        let mut text = String::new();
        for (place, digit) in whole.chars().enumerate() {
            if place > 0 && (whole.len() - place) % 3 == 0 {
                text.push(',');
            }
            text.push(digit);
        }
        return text;
    }
    let decimals = match value.abs() {
        ..0.1 => 3,
        ..10.0 => 2,
        ..100.0 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_matter() {
        let check = |value, text: &str| assert_eq!(number(value), text);
        check(1_234_567.4, "1,234,567");
        check(999.6, "1000");
        check(1_000.0, "1,000");
        check(42.25, "42.2");
        check(3.24159, "3.24");
        check(0.0123, "0.012");
        check(0.0, "0.000");
    }

    #[test]
    fn rows_are_judged_by_what_their_goal_names() {
        let row = |value: f64| Row::new("x", "/s", &[value]);
        let verdict = |row: Row| row.verdict.unwrap_or_default();
        let goal = Goal::ratio_at_least(0.1, 0.18);
        assert_eq!(verdict(row(20.0).with_goal(goal)), "", "no limit yet");
        assert_eq!(verdict(row(20.0).beside("y", &[100.0]).with_goal(goal)), "aim");
        assert_eq!(verdict(row(12.0).with_goal(goal).beside("y", &[100.0])), "must");
        assert_eq!(verdict(row(9.0).beside("y", &[100.0]).with_goal(goal)), "MISSED");
        let goal = Goal::at_most(12.0, 5.0);
        assert_eq!(verdict(row(5.0).with_goal(goal)), "aim");
        assert_eq!(verdict(row(13.0).with_goal(goal)), "MISSED");
        assert_eq!(verdict(row(2.0).with_goal(Goal::at_most(2.0, 2.0))), "met");
    }
}
