//! Who was in several groups at once: the title names the groups.

use answers::{GroupSizes, Overlap};
use query::visit::Refusal;

use crate::place::bare;
use crate::question::{More, Page, Shown};

impl Page for Overlap {
    fn more(shown: &Shown<'_, Overlap>) -> Result<More, Refusal> {
        let app = &shown.question.app.0;
        let groups = &shown.question.groups.0;
        // A name in double quotes may have commas: it stays as it was typed.
        let names: Vec<String> = match groups.contains('"') {
            true => vec![groups.clone()],
            false => groups.split(',').map(|group| name(shown, group.trim())).collect(),
        };
        let title = format!("Members of {} at once, in {app}", names.join(" and "));
        Ok(More { title: Some(title), ..More::default() })
    }
}

/// The name of a group; its id where it had none.
fn name(shown: &Shown<'_, Overlap>, group: &str) -> String {
    if bare(group) != group {
        return bare(group).to_owned();
    }
    let asked = [("app", shown.question.app.0.as_str()), ("group", group), ("limit", "1")];
    let sizes = shown.visit.ask::<GroupSizes>(&asked).ok();
    sizes.and_then(|sizes| sizes.beside.group_name).unwrap_or_else(|| group.to_owned())
}
