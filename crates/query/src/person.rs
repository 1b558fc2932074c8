//! Names, types and times of users and members for rows of answers.

use answers::Moment;
use event::{Application, Number, Seq};
use projector::Identity;

use crate::as_of::identity_at;
use crate::error::Error;
use crate::record::Record;
use crate::report::people::last_state;
use crate::type_names::TypeNames;

/// Somebody's names right after an event, or before their deletion. Before the first event, the names
/// right after it: the log begins with the recorder's start, and ids do not change.
pub(crate) fn identity(
    record: &Record<'_>,
    application: Application,
    number: Number,
    at: Option<Seq>,
) -> Result<Identity, Error> {
    Ok(identity_at(&record.view, application, number, at.unwrap_or(0))?)
}

/// The resource type of a member, which may be a group; `None` if it never existed.
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

/// Whether a group is marked as privileged right after an event.
pub(crate) fn is_privileged(
    record: &Record<'_>,
    application: Application,
    group: Number,
    at: Option<Seq>,
) -> Result<bool, Error> {
    let Some(at) = at else { return Ok(false) };
    Ok(record.view.mark(application, group, at)?.is_some_and(|(_, privileged)| privileged))
}

/// When an event was recorded; `None` without an event.
pub(crate) fn moment(record: &Record<'_>, seq: Option<Seq>) -> Result<Option<Moment>, Error> {
    let at = seq.map(|seq| record.recorded_at(seq)).transpose()?;
    Ok(at.map(|at| at.to_string().into()))
}
