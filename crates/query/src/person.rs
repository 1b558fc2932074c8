//! Users and members as rows name them.

use answers::Moment;
use event::{Application, Number, Seq};
use projector::Identity;

use crate::as_of::identity_at;
use crate::error::Error;
use crate::record::Record;
use crate::report::people::last_state;
use crate::type_names::TypeNames;

/// What somebody was called right after an event, or before they went. What is known of somebody before the first event is what is known right after
/// it: the log begins with its recorder, and the id is the same before it was there.
pub(crate) fn identity(
    record: &Record<'_>,
    application: Application,
    number: Number,
    at: Option<Seq>,
) -> Result<Identity, Error> {
    Ok(identity_at(&record.view, application, number, at.unwrap_or(0))?)
}

/// The type of a member, which may be a group; `None` for somebody who was never there.
pub(crate) fn member_type(
    record: &Record<'_>,
    types: &TypeNames,
    application: Application,
    number: Number,
    at: Option<Seq>,
) -> Result<Option<String>, Error> {
    let Some(at) = at else { return Ok(None) };
    let version = last_state(&record.view, application, number, at)?;
    Ok(version.and_then(|version| types.name(version.resource_type).map(str::to_owned)))
}

/// When an event was recorded, where there is one.
pub(crate) fn moment(record: &Record<'_>, seq: Option<Seq>) -> Result<Option<Moment>, Error> {
    let at = seq.map(|seq| record.recorded_at(seq)).transpose()?;
    Ok(at.map(|at| at.to_string().into()))
}
