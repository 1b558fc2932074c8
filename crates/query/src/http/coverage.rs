//! Which stretches were not watched.

use event::Number;
use serde_json::json;

use super::ask::Ask;
use crate::answer::Answer;
use crate::coverage::{Coverage, Hole};
use crate::error::Error;
use crate::stand::Stand;

/// `GET /api/v1/coverage`: every stretch that was not watched, oldest first.
pub(super) async fn list(ask: Ask) -> Result<Answer, Error> {
    ask.answer(|reading| {
        let params = reading.params(&["app", "from", "to", "knownAt", "tz", "limit", "cursor"])?;
        let application = reading.application_in(&params)?;
        let stand = Stand::of_page(&reading.record, &params, &[], "coverage")?;
        let record = &reading.record.of_first(stand.size);
        let applications = reading.applications(application)?;
        let coverage = Coverage::between(record, &stand, &applications)?;
        let coverage = coverage.with_imports(record, &stand, &applications, false)?;
        let mut holes: Vec<&Hole> = coverage.holes().iter().collect();
        holes.sort_by_key(|hole| (hole.from, hole.to, hole.application));
        let (page, next) = stand.part_of(&holes);
        let slugs = reading.slugs()?;
        let rows = page.iter().map(|hole| {
            json!({
                "application": hole.application.and_then(|one| slugs.get(&one)),
                "from": hole.from.map(|time| time.to_string()),
                "to": hole.to.map(|time| time.to_string()),
                "reason": hole.reason,
            })
        });
        let answer = Answer::new(record, &stand, &coverage);
        let answer = answer.about(reading.asked_application(application), Number::NOBODY);
        Ok(answer.rows(rows.collect(), holes.len() as u64, next))
    })
    .await
}
