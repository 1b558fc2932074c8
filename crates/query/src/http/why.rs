//! Why somebody has an account or not.

use answers::Why;
use event::{Number, ResourceType};

use super::question::{Answered, Asked};
use super::resource;
use crate::answer::Found;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::name::{self, Name};
use crate::why::About;

impl Answered for Why {
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Why>, Error> {
        let application = asked.application(&self.app)?.number;
        let stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        let (view, kind) = (&record.view, ResourceType::USER);
        let name = Name::parse(&self.user.0);
        let ever: Vec<Number> = name.ever(view, application, kind)?.into_iter().collect();
        // Somebody without an account may be known from a lookup, a refusal or an import.
        let number = match name.at(view, application, kind, stand.at_seq)? {
            name::Found::One(number) => number,
            name::Found::Several(numbers) => {
                return Err(resource::ambiguous(view, application, &numbers)?);
            }
            name::Found::Nobody => *ever.last().ok_or(NOBODY)?,
        };
        let (time, at) = (stand.time, stand.at_seq);
        let about = About { record, application, number, numbers: &ever, time, at };
        let reasons = about.answer()?;
        let coverage = Coverage::at(record, &stand, &[application])?;
        let coverage = coverage.with_imports(record, &stand, &[application], true)?;
        let answer = Found::new(record, &stand, &coverage).about(application, number);
        Ok(answer.resource(Some(reasons)))
    }
}

const NOBODY: Error = Error::NotFound(
    "nothing that was recorded or imported tells of anybody of that name; see whether they are \
     assigned at the provider, or ask by another name",
);
