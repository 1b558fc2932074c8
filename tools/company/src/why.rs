//! Why accounts are inactive or were never created: what provlog can tell only after an import of the
//! identity provider's log.

use std::collections::BTreeSet;
use std::path::PathBuf;

use serde_json::Value;

use crate::ask::command;
use crate::company::App;
use crate::entra::{Cause, PASSED_OVER, PASSED_OVER_APP};
use crate::history::{History, OFF_APP};

/// Why is somebody's account as it is?
#[derive(Clone, Debug)]
pub struct Why {
    /// The application.
    pub app: App,
    /// Whose account.
    pub user_name: String,
    /// The date of the question; `None` for today.
    pub at: Option<&'static str>,
    /// The file with the provider's log of that time: one entry per line.
    pub log: PathBuf,
    /// The expected reason.
    pub expected: Reason,
}

/// The reason that an answer must name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Reason {
    /// The account was deactivated for a cause.
    Off(Cause),
    /// There never was an account: the person had only the role Default Access.
    DefaultAccess,
}

/// The four whose accounts are inactive, and the one who was skipped. `log` returns the file of an
/// application's log; `log_of_2020` is the file of that year.
pub(crate) fn whys(
    history: &History,
    log: impl Fn(App) -> PathBuf,
    log_of_2020: PathBuf,
) -> Vec<Why> {
    let off = history.story.switched_off.iter().map(|(person, cause)| Why {
        app: OFF_APP,
        user_name: history.people[*person].user_name(),
        at: None,
        log: log(OFF_APP),
        expected: Reason::Off(*cause),
    });
    let passed_over = Why {
        app: PASSED_OVER_APP,
        user_name: PASSED_OVER.0.to_owned(),
        at: Some(PASSED_OVER.1),
        log: log_of_2020,
        expected: Reason::DefaultAccess,
    };
    off.chain([passed_over]).collect()
}

impl Why {
    /// The arguments of `provlog` that ask it.
    pub fn command(&self) -> Vec<String> {
        let mut words = vec!["why", "--app", self.app.slug(), &self.user_name];
        words.extend(self.at.into_iter().flat_map(|at| ["--at", at]));
        command(&words)
    }

    /// The arguments of `provlog` that import the provider's log.
    pub fn import(&self) -> Vec<String> {
        command(&["import", "--app", self.app.slug(), &self.log.to_string_lossy()])
    }
}

/// Answers as text: each person's cause, the conclusion, what to do, and the gaps.
pub fn table(answers: &[(&Why, &Value)]) -> String {
    let mut text = String::new();
    let mut gaps = BTreeSet::new();
    let width = answers.iter().map(|(why, _)| why.user_name.len()).max().unwrap_or_default();
    let mut answers = answers.iter().peekable();
    while let Some((why, answer)) = answers.next() {
        let line = format!("{:<width$}  {}", why.user_name, cause(answer));
        text.push_str(&format!("{}\n", line.trim_end()));
        gaps.extend(unwatched(answer));
        // A conclusion that several share is printed once, below the last of them.
        let words = conclusion(answer);
        if answers.peek().is_none_or(|(_, next)| conclusion(next) != words) {
            text.push_str(&words);
        }
    }
    text.extend(gaps);
    text
}

/// Lines with the conclusion, the scoping filters that failed, and the remedy.
fn conclusion(answer: &Value) -> String {
    let told = |name: &str| answer["resource"][name].as_str();
    let conclusion = told("conclusion").map(|words| format!("    {words}\n"));
    let remedy = told("remedy")
        .map(|words| format!("    To do: {}\n", words.strip_prefix("To do: ").unwrap_or(words)));
    let nodes = |nodes: &Value| nodes.as_array().cloned().unwrap_or_default();
    let filters = nodes(&answer["resource"]["nodes"]).into_iter();
    let filters = filters.flat_map(|node| nodes(&node["nodes"])).filter_map(|node| {
        let is_failed = node["name"] == "scopeFilter" && node["state"] == "no";
        is_failed
            .then(|| format!("    Not passed: {}\n", node["text"].as_str().unwrap_or_default()))
    });
    conclusion.into_iter().chain(filters).chain(remedy).collect()
}

/// The cause of a deactivation, or the possible causes; empty if there is none.
fn cause(answer: &Value) -> String {
    let cause = &answer["resource"]["cause"];
    if let Some(kind) = cause["kind"].as_str() {
        return kind.to_owned();
    }
    let candidates = cause["candidates"].as_array().into_iter().flatten();
    let candidates: Vec<&str> = candidates.filter_map(Value::as_str).collect();
    match candidates.split_last() {
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

/// The coverage gaps, as lines.
fn unwatched(answer: &Value) -> Vec<String> {
    let gaps = answer["coverage"]["gaps"].as_array().into_iter().flatten();
    let line = |gap: &Value| {
        let time = |name: &str| Some(format!("{}Z", gap[name].as_str()?.get(..19)?));
        let from = time("from").unwrap_or_else(|| "the beginning".to_owned());
        let to = time("to").unwrap_or_else(|| "now".to_owned());
        let reason = gap["reason"].as_str().unwrap_or_default();
        format!("Not watched: {from} to {to} ({reason})\n")
    };
    gaps.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cause_is_named_or_those_that_it_may_be() {
        let check = |told: Value, expected: &str| {
            assert_eq!(cause(&json!({"resource": {"cause": told}})), expected);
        };
        check(json!({"kind": "unassigned", "candidates": []}), "unassigned");
        check(json!({"kind": null, "candidates": ["a", "b", "c"]}), "a, b or c");
        check(Value::Null, "");
    }
}
