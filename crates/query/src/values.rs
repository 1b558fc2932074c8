//! The changed values of an event, as answers show them.

use std::borrow::Cow;
use std::sync::Arc;

use canonical::Document;
use event::{Element, Path, ValueChange, Values};
use projector::ProjectorError;

use crate::as_of::ERASED;

/// The changed values. Those of a resource that begins are the difference of its state from nothing,
/// because the event stores the state alone. Values that were erased show as one change at the path
/// `erased`.
///
/// # Errors
/// When the stored state is not what a state is.
pub(crate) fn changed(values: &Values) -> Result<Cow<'_, [ValueChange]>, ProjectorError> {
    let state = match values {
        Values::State(state) => state,
        Values::None | Values::Changed(_) => return Ok(Cow::Borrowed(values.changed())),
        Values::Unreadable => {
            let attribute = ERASED.to_owned();
            let path = Path { schema: None, attribute, element: None, sub: None };
            return Ok(Cow::Owned(vec![ValueChange { path, old: None, new: None }]));
        }
    };
    let changes = scim::diff_from_nothing(&Document::from(Arc::clone(state)));
    let changes = changes.map_err(|_| ProjectorError::damaged("a state"))?;
    let changes = changes.into_iter().map(|change| ValueChange {
        path: Path {
            schema: change.path.schema,
            attribute: change.path.attribute,
            element: change.path.element.map(|element| match element {
                scim::Element::Type(text) => Element::Type(text),
                scim::Element::Value(text) => Element::Value(text),
            }),
            sub: change.path.sub,
        },
        old: change.old.as_ref().map(canonical::json),
        new: change.new.as_ref().map(canonical::json),
    });
    Ok(Cow::Owned(changes.collect()))
}
