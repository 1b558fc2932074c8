//! The changed values of an event, as answers show them.

use std::borrow::Cow;
use std::sync::Arc;

use canonical::Document;
use event::{Element, Path, ValueChange, Values};
use projector::ProjectorError;

/// The changed values. Those of a resource that begins are the difference of its state from nothing,
/// because the event stores the state alone. None if they cannot be read.
///
/// # Errors
/// When the stored state is not what a state is.
pub(crate) fn changed(values: &Values) -> Result<Cow<'_, [ValueChange]>, ProjectorError> {
    let state = match values {
        Values::State(state) => state,
        Values::None | Values::Unreadable | Values::Changed(_) => {
            return Ok(Cow::Borrowed(values.changed()));
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
