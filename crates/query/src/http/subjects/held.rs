//! Everything that is held about one number, as a zip: what a person may ask for by law.

use std::io::Write as _;

use event::{Answer, Application, Content, Event, MentionedName, Number, Part, Seq, Values};
use projector::{ApplicationRow, View};
use serde_json::{Map, Value, json};
use store::key::{Moment, Set};

use super::super::ask::Reading;
use crate::as_of::identity_at;
use crate::error::Error;
use crate::export::{Sink as _, Target as _, Zip};
use crate::values::changed;

/// A zip of more than so many bytes is not made: nobody has so much.
const BYTES_MAX: usize = 64 << 20;

const README: &str = "\
What provlog holds about one account or name: its state, its memberships and its operations.

subject.json   its names, when it existed, and its groups
events.json    the events about it, one on each line, with what was sent and what changed

Where a part of an event names other people too, it is left out, and `withheld` says so.
Not here: evidence that was added to its operations (`provlog evidence list`), and who looked at it (`provlog access-log`).
";

/// The application and the zip.
pub(super) fn zip(
    reading: &Reading<'_>,
    application: &ApplicationRow,
    number: Number,
) -> Result<(Application, Vec<u8>), Error> {
    let record = &reading.record;
    let (view, slug) = (&record.view, &application.slug);
    let application = application.number;
    if number == Number::NOBODY || number >= view.next_number(application)? {
        return Err(Error::NotFound("there is no such number in the application"));
    }
    let failed = |_: std::io::Error| Error::Defect;
    let mut bytes = vec![];
    let mut zip = Zip::new(&mut bytes);
    let write = |zip: &mut Zip<&mut Vec<u8>>, name: &str, bytes: &[u8]| -> Result<(), Error> {
        let mut file = zip.create(name).map_err(failed)?;
        file.write_all(bytes).map_err(failed)?;
        file.close().map_err(failed)
    };
    write(&mut zip, "README.txt", README.as_bytes())?;
    let about = about(view, (application, slug), number)?;
    write(&mut zip, "subject.json", about.to_string().as_bytes())?;
    let mut lines = vec![];
    for seq in seqs(view, application, number, record.size)? {
        let event = record.event(seq)?;
        serde_json::to_writer(&mut lines, &event_of(&event, number)?).map_err(|_| Error::Defect)?;
        lines.push(b'\n');
        if lines.len() > BYTES_MAX {
            return Err(Error::Subject(format!("there are more than {BYTES_MAX} bytes about it")));
        }
    }
    write(&mut zip, "events.json", &lines)?;
    zip.finish().map_err(failed)?;
    Ok((application, bytes))
}

/// Its names, its existence and its groups.
fn about(
    view: &View<'_>,
    (application, slug): (Application, &str),
    number: Number,
) -> Result<Value, Error> {
    let identity = identity_at(view, application, number, View::NOW)?;
    let version = view.version(application, number, View::NOW)?;
    let state = version.as_ref().map(|version| version.attributes()).transpose()?;
    let mut groups = vec![];
    for stay in view.stays(application, number)? {
        let Set::Members(group) = stay.set else { continue };
        let name = identity_at(view, application, group, stay.start)?.display_name;
        groups.push(json!({"group": name, "joinedSeq": stay.start, "leftSeq": stay.end}));
    }
    Ok(json!({
        "application": slug,
        "number": number.0,
        "id": identity.id,
        "userName": identity.user_name,
        "externalId": identity.external_id,
        "displayName": identity.display_name,
        "attributes": state.filter(|state| !state.is_empty()),
        "createdAt": version.as_ref().map(|version| version.created_at.to_string()),
        "groups": groups,
        "erasedBySeq": view.erased(application, number)?,
        "heldBySeq": view.hold(application, number)?,
    }))
}

/// The events about a number, oldest first: operations, observations and imported entries.
fn seqs(
    view: &View<'_>,
    application: Application,
    number: Number,
    size: Seq,
) -> Result<Vec<Seq>, Error> {
    let mut seqs = view.by_resource(application, number, 0..size, usize::MAX)?;
    let all = (Moment::start_of(event::Timestamp(i64::MIN)), Moment::END);
    view.claims_about(application, number, all, &mut |claim| {
        seqs.push(claim.moment.seq);
        std::ops::ControlFlow::Continue(())
    })?;
    seqs.sort_unstable();
    seqs.dedup();
    Ok(seqs)
}

/// An event with the parts that are about the number alone.
fn event_of(event: &Event, number: Number) -> Result<Value, Error> {
    let (mut parts, mut withheld) = (vec![], 0_u64);
    for part in &event.parts {
        match part.subject == number && part.others.is_empty() {
            true => parts.push(part_of(part)?),
            false => withheld += u64::from(part.subject != Number::NOBODY),
        }
    }
    Ok(json!({
        "seq": event.seq,
        "recordedAt": event.header.recorded_at.to_string(),
        "parts": parts,
        "withheld": withheld,
    }))
}

fn part_of(part: &Part) -> Result<Value, Error> {
    let text = |bytes: &[u8]| -> Value {
        serde_json::from_slice(bytes)
            .unwrap_or_else(|_| String::from_utf8_lossy(bytes).into_owned().into())
    };
    Ok(match &part.content {
        Content::Target(target) => json!({"address": target}),
        Content::Body(body) => json!({"body": text(body)}),
        Content::Entry(entry) => json!({"importedEntry": text(entry)}),
        Content::Note(note) => json!({"note": text(note)}),
        Content::Detail(detail) => json!({"error": detail.error}),
        Content::Flags(flags) => {
            json!({"flags": flags.iter().map(|flag| flag.path.clone()).collect::<Vec<_>>()})
        }
        Content::Answer(Answer { body, location, .. }) => {
            json!({"answer": body.as_deref().map(text), "location": location})
        }
        Content::Changes(changes) => {
            let name = changes.mention.as_ref().and_then(|mention| mention.name.as_ref());
            if let Some(MentionedName { value, display }) = name {
                return Ok(json!({"name": value, "display": display}));
            }
            if let Values::State(state) = &changes.values {
                return Ok(json!({"state": text(state)}));
            }
            let mut values = Map::new();
            for change in changed(&changes.values)?.iter() {
                let (old, new) = (change.old.as_deref().map(text), change.new.as_deref().map(text));
                values.insert(change.path.to_string(), json!({"old": old, "new": new}));
            }
            json!({"changed": values})
        }
        Content::Unreadable(_) => json!("erased"),
    })
}
