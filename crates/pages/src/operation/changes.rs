//! What an operation changed, before and after.

use answers::row::{Change, WholeOperation};
use answers::{encoded, table};
use serde_json::Value;

use crate::view::{Cell, DiffRow, DiffView};

/// What a provider's log writes in place of a value that it withholds.
const REDACTED: &str = query::REDACTED;

pub(super) fn changes(one: &WholeOperation) -> DiffView {
    let rows = one.changes.iter().map(|change| row(one, change)).collect();
    DiffView { caption: "Changes".to_owned(), rows, ..DiffView::default() }
}

fn row(one: &WholeOperation, change: &Change) -> DiffRow {
    let application = one.row.application.as_deref();
    let value = |value: &Value| {
        let text = Some(table::any(value)).filter(|_| !value.is_null())?;
        let cell = Cell::text(text);
        // A member of a group is a user, or now and then another group, whose page the user's names.
        let member = application.filter(|_| change.path == "members");
        Some(match (member, value) {
            (Some(app), Value::String(id)) => {
                let href = format!(
                    "/apps/{}/users/{}",
                    encoded(app),
                    encoded(&crate::operation::named(id))
                );
                cell.linked(href)
            }
            _ => cell,
        })
    };
    let path = Cell::id(change.path.clone());
    let other = change.resource_id.iter().flatten().next();
    let path = match other {
        Some(id) => path.noted(format!("of {id}")),
        None => path,
    };
    let is_imported = one.row.source == "imported";
    let hides = |value: &Value| value == REDACTED;
    DiffRow {
        path,
        old: value(&change.old_value),
        new: value(&change.new_value),
        is_redacted: is_imported && (hides(&change.old_value) || hides(&change.new_value)),
    }
}
