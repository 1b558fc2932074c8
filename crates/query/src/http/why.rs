//! Why somebody has an account, or has none.

use event::{Number, ResourceType};
use serde_json::Value;

use super::ask::{Ask, Names, Reading};
use super::resource;
use crate::answer::Answer;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::name::{Found, Name};
use crate::person::columns;
use crate::stand::Stand;
use crate::why::About;

/// `GET /api/v1/apps/{app}/users/{user}/why`
pub(super) async fn of_user(ask: Ask, names: Names<(String, String)>) -> Result<Answer, Error> {
    ask.answer(move |reading| why(&reading, &names)).await
}

fn why(
    reading: &Reading<'_>,
    Names((slug, named)): &Names<(String, String)>,
) -> Result<Answer, Error> {
    let application = reading.caller.application(&reading.record.view, slug)?.number;
    let params = reading.params(&["at", "knownAt", "tz"])?;
    let names = [("app", slug.as_str()), ("user", named)];
    let stand = Stand::of_one(&reading.record, &params, &names)?;
    let record = &reading.record.of_first(stand.size);
    let (view, kind) = (&record.view, ResourceType::USER);
    let name = Name::parse(named);
    let ever: Vec<Number> = name.ever(view, application, kind)?.into_iter().collect();
    // Somebody may never have had an account, and be known by a lookup, a refusal or an import.
    let number = match name.at(view, application, kind, stand.at_seq)? {
        Found::One(number) => number,
        Found::Several(numbers) => {
            return Err(resource::ambiguous(view, application, &numbers)?);
        }
        Found::Nobody => *ever.last().ok_or(NOBODY)?,
    };
    let about =
        About { record, application, number, numbers: &ever, time: stand.time, at: stand.at_seq };
    let mut told = about.answer()?;
    if let Value::Object(told) = &mut told {
        told.append(&mut columns(record, application, number, stand.at_seq)?);
    }
    let coverage = Coverage::at(record, &stand, &[application])?;
    let coverage = coverage.with_imports(record, &stand, &[application], true)?;
    let answer = Answer::new(record, &stand, &coverage).about(application, number);
    Ok(answer.resource(Some(told)))
}

const NOBODY: Error = Error::NotFound(
    "nothing that was recorded or imported tells of anybody of that name; see whether they are \
     assigned at the provider, or ask by another name",
);
