//! Why somebody has an account or has none, as a tree of boxes.

use answers::Why;
use answers::row::{Node, Reasons};
use askama::Template;
use query::visit::Refusal;

use crate::question::{More, Page, Shown};
use crate::view::{Link, Mark, TreeNode};

/// The conclusion, the steps below it, and what would have to change.
#[derive(Template)]
#[template(path = "user/why.html")]
struct Tree {
    root: TreeNode,
    remedy: Option<String>,
}

impl Page for Why {
    fn more(shown: &Shown<'_, Why>) -> Result<More, Refusal> {
        let reasons = shown.answer.content.rows().first();
        let tree = reasons.map(|reasons| {
            Tree { root: root(reasons), remedy: reasons.remedy.clone() }.to_string()
        });
        let name = reasons.and_then(|one| one.user_name.as_ref().or(one.display_name.as_ref()));
        let app = &shown.question.app.0;
        Ok(More {
            title: reasons.zip(name).map(|(reasons, name)| match can_be_used(reasons) {
                true => format!("Why {name} has an account in {app}"),
                false => format!("Why {name} has no account in {app}"),
            }),
            above: tree.into_iter().collect(),
            ..More::default()
        })
    }
}

/// Whether the account was there and was not switched off.
fn can_be_used(reasons: &Reasons) -> bool {
    reasons.exists && reasons.active != Some(false)
}

fn root(reasons: &Reasons) -> TreeNode {
    let basis = match reasons.basis.as_str() {
        "imported" => " The account is known only from imported logs.",
        _ => "",
    };
    let is_there = can_be_used(reasons);
    TreeNode {
        name: "has an account that can be used".to_owned(),
        mark: if is_there { Mark::Yes } else { Mark::No },
        text: format!("{}{basis}", reasons.conclusion),
        links: events(reasons.cause.iter().flat_map(|cause| &cause.seqs)),
        children: reasons.nodes.iter().map(node).collect(),
        is_decisive: true,
    }
}

fn node(node: &Node) -> TreeNode {
    TreeNode {
        name: node.words().to_owned(),
        mark: match node.state.as_str() {
            "yes" => Mark::Yes,
            "no" => Mark::No,
            "notObservable" => Mark::NotObservable,
            _ => Mark::Unknown,
        },
        text: node.text.clone(),
        links: events(&node.seqs),
        children: node.nodes.iter().map(self::node).collect(),
        is_decisive: false,
    }
}

fn events<'a>(seqs: impl IntoIterator<Item = &'a u64>) -> Vec<Link> {
    let link = |seq: &u64| Link::to(format!("event {seq}"), format!("/operations/{seq}"));
    seqs.into_iter().map(link).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_leads_to_its_events() {
        let step = |name: &str, state: &str, seqs: &[u64], nodes: Vec<Node>| Node {
            name: name.to_owned(),
            state: state.to_owned(),
            text: "x".to_owned(),
            seqs: seqs.to_vec(),
            nodes,
        };
        let below = step("activeInSource", "notObservable", &[], vec![]);
        let tree = node(&step("knownToSource", "yes", &[7, 9], vec![below])).to_string();
        for part in ["known to the source", "✓", "/operations/7", "/operations/9"] {
            assert!(tree.contains(part), "{part}: {tree}");
        }
        assert!(tree.contains("active in the source"), "{tree}");
        assert!(tree.contains("not observable from here"), "{tree}");
        assert_eq!(node(&step("matched", "unknown", &[], vec![])).mark, Mark::Unknown);
    }
}
