//! Coverage gaps: when nothing was recorded.

use answers::{Unwatched, row};
use event::Number;

use super::question::{Answered, Asked};
use crate::answer::Found;
use crate::coverage::{Coverage, Hole};
use crate::error::Error;

impl Answered for Unwatched {
    /// Every gap, oldest first.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Unwatched>, Error> {
        let reading = asked.reading;
        let application = asked.narrowed_to(self.app.as_ref())?;
        let stand = asked.standpoint()?;
        let record = &reading.record.limited_to(stand.size);
        let applications = reading.applications(application)?;
        let coverage = Coverage::between(record, &stand, &applications)?;
        let coverage = coverage.with_imports(record, &stand, &applications, false)?;
        let mut holes: Vec<&Hole> = coverage.holes().iter().collect();
        holes.sort_by_key(|hole| (hole.from, hole.to, hole.application));
        let (page, next) = stand.part_of(&holes);
        let slugs = reading.slugs()?;
        let rows = page.iter().map(|hole| row::Stretch {
            application: hole.application.and_then(|one| slugs.get(&one).cloned()),
            from: hole.from.map(|time| time.to_string().into()),
            to: hole.to.map(|time| time.to_string().into()),
            reason: hole.reason.to_owned(),
        });
        let found = Found::new(record, &stand, &coverage);
        let found = found.about(reading.asked_application(application), Number::NOBODY);
        Ok(found.rows(rows, holes.len() as u64, next))
    }
}
