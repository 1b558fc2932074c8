//! A change as a row: a path, and its value before and after, in the words of PATCH (RFC 7644 §3.5.2).

use answers::row;
use serde_json::Value;

/// The value was absent before.
pub(crate) const ADD: &str = "add";
/// The value is absent afterwards.
pub(crate) const REMOVE: &str = "remove";
const REPLACE: &str = "replace";

/// The operation that leads from the old to the new presence of a value.
pub(crate) fn op<T>(old: Option<T>, new: Option<T>) -> &'static str {
    match (old, new) {
        (None, _) => ADD,
        (Some(_), None) => REMOVE,
        (Some(_), Some(_)) => REPLACE,
    }
}

/// A change of the operation's resource.
pub(crate) fn change_row(path: &str, op: &str, old: Value, new: Value) -> row::Change {
    row::Change {
        path: path.to_owned(),
        op: op.to_owned(),
        old_value: old,
        new_value: new,
        resource_id: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_named_by_what_was_there() {
        assert_eq!(op(None, Some(1)), "add");
        assert_eq!(op(None::<()>, None), "add");
        assert_eq!(op(Some(1), None), "remove");
        assert_eq!(op(Some(1), Some(2)), "replace");
    }
}
