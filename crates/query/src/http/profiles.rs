//! Profiles: which an application can have.

use serde_json::json;

use super::ask::Ask;
use crate::answer::Answer;
use crate::coverage::Coverage;
use crate::error::Error;
use crate::stand::Stand;

/// `GET /api/v1/profiles`: every profile with its versions, by name. They are part of the program and of
/// its files, not of the record.
pub(super) async fn list(ask: Ask) -> Result<Answer, Error> {
    ask.answer(|reading| {
        let params = reading.params(&["limit", "cursor"])?;
        let stand = Stand::of_page(&reading.record, &params, &[], "profiles")?;
        let all: Vec<_> = reading.query.profiles.all().collect();
        let count = all.len() as u64;
        let begin = stand.after.map_or(0, |after| after as usize + 1).min(all.len());
        let end = begin.saturating_add(stand.limit).min(all.len());
        let next = (end < all.len()).then(|| stand.next(end as u64 - 1));
        let rows = all[begin..end].iter().map(|profile| {
            let versions = profile.versions().iter().map(|version| {
                let from = version.from.map(|from| from.to_string());
                json!({"from": from, "groups": version.has_groups()})
            });
            let versions: Vec<_> = versions.collect();
            json!({"profile": profile.name, "title": profile.title, "versions": versions})
        });
        let answer = Answer::new(&reading.record, &stand, &Coverage::complete());
        Ok(answer.rows(rows.collect(), count, next))
    })
    .await
}
