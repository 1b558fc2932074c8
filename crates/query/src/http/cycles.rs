//! The cycles of a provider, from its imported log.

use std::cmp::Reverse;

use answers::{Cycles, row};
use event::{Application, CodeKind, Number, Timestamp};
use store::key::Moment;

use super::question::{Answered, Asked, Found};
use crate::coverage::{Coverage, NOT_IMPORTED};
use crate::error::Error;
use crate::log::ByStatus;
use crate::record::Record;

impl Answered for Cycles {
    /// Newest first. Only the entries of the cycles on the page are read.
    fn answer(self, asked: &Asked<'_>) -> Result<Found<Cycles>, Error> {
        let application = asked.application(&self.app)?.number;
        let stand = asked.standpoint()?;
        let record = &asked.reading.record.limited_to(stand.size);
        let mut cycles = record.view.claim_code_starts(application, CodeKind::Cycle)?;
        cycles.retain(|(_, start)| {
            stand.from.is_none_or(|from| from <= start.occurred_at)
                && stand.to.is_none_or(|to| start.occurred_at < to)
        });
        cycles.sort_by_key(|(_, start)| Reverse(*start));
        let (page, next) = stand.part_of(&cycles);
        let rows = page.iter().map(|(id, start)| cycle(record, application, id, *start));
        let rows = rows.collect::<Result<Vec<_>, Error>>()?;
        let coverage = Coverage::between(record, &stand, &[application])?;
        let coverage = match record.view.has_imports(application)? {
            true => coverage.with_imports(record, &stand, &[application], false)?,
            false => coverage.with(NOT_IMPORTED),
        };
        let found = Found::new(record, &stand, &coverage).about(application, Number::NOBODY);
        Ok(found.rows(rows, cycles.len() as u64, next))
    }
}

fn cycle(
    record: &Record<'_>,
    application: Application,
    id: &str,
    start: Moment,
) -> Result<row::Cycle, Error> {
    let always = (Moment::start_of(Timestamp(i64::MIN)), Moment::END);
    let code = (CodeKind::Cycle, id);
    let moments = record.view.claims_by_code(application, code, always, usize::MAX)?;
    let mut counts = ByStatus::default();
    for moment in &moments {
        let claim = record.view.claim(application, *moment)?;
        *counts.of(claim.ok_or(Error::Damaged("an imported entry"))?.status) += 1;
    }
    let last = moments.first().copied().unwrap_or(start);
    let micros = last.occurred_at.0.saturating_sub(start.occurred_at.0);
    Ok(row::Cycle {
        cycle_id: id.to_owned(),
        started_at: start.occurred_at.to_string().into(),
        started_seq: start.seq,
        last_at: last.occurred_at.to_string().into(),
        seconds: micros.unsigned_abs() / 1_000_000,
        entries: moments.len() as u64,
        success: counts.success,
        warning: counts.warning,
        failure: counts.failure,
        skipped: counts.skipped,
    })
}
