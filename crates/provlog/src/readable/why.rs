//! Why a user was provisioned or was not, as a tree.

use serde_json::{Map, Value};

use super::{as_of, caution, list, sections, several};
use crate::text::{escaped, shown};

/// More events than these of one node are only counted.
const SEQS_MAX: usize = 6;

/// The tree with its conclusion above and what to do below it; `asked` is how the question named the
/// user.
pub(crate) fn why(app: &str, asked: &str, answer: &Map<String, Value>) -> String {
    let heading = format!("Why user {} in {} {}\n", escaped(asked), escaped(app), as_of(answer));
    let resource = answer.get("resource").unwrap_or(&Value::Null);
    let sentence = |words: &str, name: &str| match &resource[name] {
        Value::Null => String::new(),
        text => format!("{words}{}\n", shown(text)),
    };
    let mut tree = String::new();
    branches(&resource["nodes"], "", true, &mut tree);
    let basis = match resource["basis"].as_str() {
        Some("imported") => "This rests on imported logs alone, not on what was recorded here.\n",
        _ => "",
    };
    sections([
        heading,
        sentence("", "conclusion") + basis,
        tree,
        sentence("What to do: ", "remedy"),
        caution("user", answer),
    ])
}

/// The lines of nodes, each below its own. Those at the root hang on nothing.
fn branches(nodes: &Value, indent: &str, is_root: bool, text: &mut String) {
    let nodes = list(nodes);
    for (place, node) in nodes.iter().enumerate() {
        let (branch, below) = match (is_root, place + 1 == nodes.len()) {
            (true, _) => ("", ""),
            (false, false) => ("├─ ", "│  "),
            (false, true) => ("└─ ", "   "),
        };
        text.push_str(&format!("{indent}{branch}{}\n", line(node)));
        let indent = match is_root {
            // Under the name, which stands after the mark.
            true => "  ".to_owned(),
            false => format!("{indent}{below}"),
        };
        branches(&node["nodes"], &indent, false, text);
    }
}

/// A node's mark, its name, the mark's word, and what is known.
fn line(node: &Value) -> String {
    let (mark, word) = match node["state"].as_str() {
        Some("yes") => ('✓', "yes"),
        Some("no") => ('✗', "no"),
        Some("notObservable") => ('·', "not observable from here"),
        Some(_) | None => ('?', "unknown"),
    };
    let told = shown(&node["text"]);
    // A text that begins with the mark's word says it already.
    let told = match told.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word)) {
        true => told,
        false if told.is_empty() => word.to_owned(),
        false => format!("{word} – {told}"),
    };
    let mut line = format!("{mark} {}: {told}", shown(&node["name"]));
    let seqs = list(&node["seqs"]);
    if !seqs.is_empty() {
        let word = if seqs.len() == 1 { "event" } else { "events" };
        line.push_str(&format!(" ({word} {})", several(seqs.iter(), SEQS_MAX)));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_tree_says_in_words_what_its_marks_mean() {
        let answer = json!({
            "query": {"at": "2026-03-31T23:59:59.999999Z"},
            "atSeq": 1842,
            "coverage": {"state": "complete", "gaps": []},
            "exists": "no", "existsSeq": 1900,
            "resource": {
                "conclusion": "mira.lund was not provisioned: the create was refused.",
                "remedy": "Give the other account another user name.",
                "nodes": [
                    {"name": "In scope", "state": "notObservable", "text": "", "seqs": [],
                     "nodes": []},
                    {"name": "Matched", "state": "notObservable",
                     "text": "Not observable from here; a log would tell.", "seqs": [],
                     "nodes": []},
                    {"name": "Exported", "state": "no", "text": "refused with 409",
                     "seqs": [1801], "nodes": [
                        {"name": "Unique", "state": "no", "text": "the user name is taken",
                         "seqs": [12, 13], "nodes": [
                            {"name": "Other account", "state": "yes", "text": "active",
                             "seqs": [12], "nodes": []},
                         ]},
                        {"name": "Retried\u{1b}", "state": "later", "text": "", "nodes": []},
                    ]},
                    {"name": "In effect", "state": "unknown", "text": "", "seqs": [], "nodes": []},
                ],
            },
        });
        let expected = r"Why user mira.lund in paperboat as of 2026-03-31T23:59:59Z (event 1842)

mira.lund was not provisioned: the create was refused.

· In scope: not observable from here
· Matched: Not observable from here; a log would tell.
✗ Exported: no – refused with 409 (event 1801)
  ├─ ✗ Unique: no – the user name is taken (events 12, 13)
  │  └─ ✓ Other account: yes – active (event 12)
  └─ ? Retried\u{1b}: unknown
? In effect: unknown

What to do: Give the other account another user name.

The user was not there yet; event 1900 created it.
";
        assert_eq!(why("paperboat", "mira.lund", answer.as_object().unwrap()), expected);
    }

    #[test]
    fn what_is_not_known_stays_unsaid() {
        let gaps = json!([{"from": null, "to": null, "reason": "no imported log"}]);
        let answer = json!({
            "query": {}, "atSeq": null, "coverage": {"state": "partial", "gaps": gaps},
            "resource": {"conclusion": "Nothing is known.", "remedy": null, "nodes": [],
                         "basis": "imported"},
        });
        let expected = "\
Why user ole in paperboat as of now (before the first event)

Nothing is known.
This rests on imported logs alone, not on what was recorded here.

Not everything was watched.
Not watched: the beginning to now (no imported log)
";
        let text = why("paperboat", "ole", answer.as_object().unwrap());
        assert_eq!(text, expected);
        let many: Vec<u64> = (1..=9).collect();
        let node = json!({"name": "Changed", "state": "yes", "text": "", "seqs": many});
        assert_eq!(line(&node), "✓ Changed: yes (events 1, 2, 3, 4, 5, 6 and 3 more)");
    }
}
