//! Renders why a user was or was not provisioned, as a tree.

use answers::row::{Node, Reasons};
use answers::table::count;
use answers::{Described, Table};
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Answer, basis, heading, labelled, sections, texts};
use crate::text::escaped;

/// A node lists at most this many events and counts the others.
const SEQS_MAX: usize = 6;

/// Renders the conclusion, the tree, and what to do about it.
pub(crate) fn why(
    described: &'static Described,
    table: Table,
) -> impl Fn(&Map<String, Value>, Option<usize>) -> Result<String, serde_json::Error> {
    move |members, _| {
        let answer = Answer::of(members)?;
        let heading = format!("{}\n", heading(described, &table, &answer)?);
        let resource = answer.resource().cloned().unwrap_or_default();
        let reasons = Reasons::deserialize(&resource)?;
        let conclusion = format!("{}\n", escaped(&reasons.conclusion));
        let cells = table.cells(resource)?;
        let cells = texts(&cells).into_iter();
        let labels = table.headings.iter().map(|heading| heading.text);
        let lines = labelled(&labels.zip(cells).collect::<Vec<_>>());
        let mut tree = String::new();
        branches(&reasons.nodes, "", true, &mut tree);
        let remedy = reasons.remedy.map(|remedy| format!("What to do: {}\n", escaped(&remedy)));
        Ok(sections([
            heading,
            conclusion + &basis(Some(&reasons.basis)),
            lines,
            tree,
            remedy.unwrap_or_default(),
            answer.end_of_one(),
        ]))
    }
}

/// The lines of nodes, each above its children. Root nodes have no branch before them.
fn branches(nodes: &[Node], indent: &str, is_root: bool, text: &mut String) {
    for (place, node) in nodes.iter().enumerate() {
        let (branch, below) = match (is_root, place + 1 == nodes.len()) {
            (true, _) => ("", ""),
            (false, false) => ("├─ ", "│  "),
            (false, true) => ("└─ ", "   "),
        };
        text.push_str(&format!("{indent}{branch}{}\n", line(node)));
        let indent = match is_root {
            // Aligns with the name, which follows the mark.
            true => "  ".to_owned(),
            false => format!("{indent}{below}"),
        };
        branches(&node.nodes, &indent, false, text);
    }
}

/// A node's mark, its name, the word for its mark, and its text.
fn line(node: &Node) -> String {
    let (mark, word) = node.mark();
    let told = escaped(&node.text).into_owned();
    // Do not repeat the word if the text begins with it.
    let told = match told.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)) {
        true => told,
        false if told.is_empty() => word.to_owned(),
        false => format!("{word} – {told}"),
    };
    let mut line = format!("{mark} {}: {told}", escaped(node.words()));
    let (seqs, word) = (&node.seqs, if node.seqs.len() == 1 { "event" } else { "events" });
    if !seqs.is_empty() {
        let named: Vec<String> = seqs.iter().take(SEQS_MAX).map(u64::to_string).collect();
        let more = match seqs.len().saturating_sub(SEQS_MAX) {
            0 => String::new(),
            more => format!(" and {} more", count(more as u64)),
        };
        line.push_str(&format!(" ({word} {}{more})", named.join(", ")));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use serde_json::json;

    fn told(user: &str, answer: &Value) -> String {
        let described = answers::described::<answers::Why>().unwrap();
        let table = described.table(&[("app", "paperboat"), ("user", user)]).unwrap();
        why(described, table)(&sample::answer(answer.clone()), None).unwrap()
    }

    #[test]
    fn a_tree_says_in_words_what_its_marks_mean() {
        let answer = json!({
            "query": {"at": "2026-03-31T23:59:59.999999Z"},
            "atSeq": 1842,
            "coverage": {"state": "complete", "gaps": []},
            "resource": {
                "userId": "26", "userName": "mira.lund", "externalId": null, "displayName": null,
                "exists": false, "active": null, "basis": "recorded", "cause": null,
                "conclusion": "mira.lund was not provisioned: the create was refused.",
                "remedy": "Give the other account another user name.",
                "nodes": [
                    {"name": "knownToSource", "state": "notObservable", "text": "", "seqs": [],
                     "nodes": []},
                    {"name": "matched", "state": "notObservable",
                     "text": "Not observable from here; a log would tell.", "seqs": [],
                     "nodes": []},
                    {"name": "requested", "state": "no", "text": "refused with 409",
                     "seqs": [1801], "nodes": [
                        {"name": "scopeFilter", "state": "no", "text": "the user name is taken",
                         "seqs": [12, 13], "nodes": [
                            {"name": "roleName", "state": "yes", "text": "active",
                             "seqs": [12], "nodes": []},
                         ]},
                        {"name": "Retried\u{1b}", "state": "later", "text": "", "seqs": [],
                         "nodes": []},
                    ]},
                    {"name": "stillSo", "state": "unknown", "text": "", "seqs": [], "nodes": []},
                ],
            },
        });
        let expected = r"Why user mira.lund in paperboat as of 2026-03-31T23:59:59Z (event 1842)

mira.lund was not provisioned: the create was refused.

Account    none
User name  mira.lund
Id         26

· known to the source: not observable from here
· matched: Not observable from here; a log would tell.
✗ requested: no – refused with 409 (event 1801)
  ├─ ✗ scope filter: no – the user name is taken (events 12, 13)
  │  └─ ✓ name of the role: yes – active (event 12)
  └─ ? Retried\u{1b}: unknown
? still so: unknown

What to do: Give the other account another user name.
";
        assert_eq!(told("mira.lund", &answer), expected);
    }

    #[test]
    fn a_cause_is_told_with_its_events_or_with_what_it_can_be() {
        let check = |cause: Value, expected: &str| {
            let answer = json!({
                "query": {}, "atSeq": 7, "coverage": {"state": "complete", "gaps": []},
                "resource": {
                    "userId": null, "userName": null, "externalId": null, "displayName": null,
                    "exists": true, "active": false, "basis": "recorded", "cause": cause,
                    "conclusion": "The account is switched off.", "remedy": null, "nodes": [],
                },
            });
            let expected = format!("\n\nAccount  inactive\nCause    {expected}\n");
            let text = told("ole", &answer);
            assert!(text.ends_with(&expected), "{text}");
        };
        check(
            json!({"known": true, "kind": "filteredOut", "seqs": [5, 6], "candidates": []}),
            "out of scope (events 5, 6)",
        );
        check(
            json!({"known": false, "kind": null, "seqs": [5],
                   "candidates": ["unassigned", "filteredOut", "softDeleted", "disabledAtSource"]}),
            "not known; it can be: unassigned, out of scope, deleted at the source, \
             switched off at the source (event 5)",
        );
    }

    #[test]
    fn what_is_not_known_stays_unsaid() {
        let gaps = json!([{"from": null, "to": null, "reason": "no imported log"}]);
        let answer = json!({
            "query": {}, "atSeq": null, "coverage": {"state": "partial", "gaps": gaps},
            "resource": {"userId": null, "userName": null, "externalId": null, "displayName": null,
                         "exists": false, "active": null, "cause": null, "remedy": null,
                         "conclusion": "Nothing is known.", "nodes": [], "basis": "imported"},
        });
        let expected = "\
Why user ole in paperboat as of now (before the first event)

Nothing is known.
This rests on imported logs alone, not on what was recorded here.

Account  none

Not everything was watched.
Not watched: the beginning to now (no imported log)
";
        assert_eq!(told("ole", &answer), expected);
        let many: Vec<u64> = (1..=9).collect();
        let node =
            json!({"name": "requested", "state": "yes", "text": "", "seqs": many, "nodes": []});
        let node: Node = serde_json::from_value(node).unwrap();
        assert_eq!(line(&node), "✓ requested: yes (events 1, 2, 3, 4, 5, 6 and 3 more)");
    }
}
