//! Lists and counts the imported entries that match a filter.

use std::ops::ControlFlow;

use event::{Application, Number};
use projector::{Claim, ClaimFilter, ProjectorError};
use store::key::Moment;

use super::{Filter, Log};

impl Filter {
    pub(super) fn of_claims(&self) -> ClaimFilter {
        ClaimFilter {
            source: self.log,
            action: self.action,
            status: self.status,
            resource_type: self.resource_type,
            credential: self.credential,
        }
    }
}

impl Log<'_> {
    /// The matching claims of a stretch, newest first, at most `wanted`.
    pub(super) fn claimed(
        &self,
        filter: &Filter,
        stretch: (Moment, Moment),
        wanted: usize,
    ) -> Result<Vec<Claim>, ProjectorError> {
        let mut found = vec![];
        self.visit_claims(filter, stretch, wanted, &mut |claim| found.push(claim))?;
        found.sort_by_key(|claim| std::cmp::Reverse(claim.moment));
        found.truncate(wanted);
        Ok(found)
    }

    /// The number of matching claims in a stretch.
    pub(super) fn claimed_count(
        &self,
        filter: &Filter,
        stretch: (Moment, Moment),
    ) -> Result<u64, ProjectorError> {
        let mut count = 0;
        if filter.resources.is_some() || filter.code.is_some() {
            self.visit_claims(filter, stretch, usize::MAX, &mut |_| count += 1)?;
            return Ok(count);
        }
        for application in self.claiming(filter)? {
            count += self.view.claim_count(application, &filter.of_claims(), stretch)?;
        }
        Ok(count)
    }

    /// The applications with imports that a filter selects.
    pub(super) fn claiming(&self, filter: &Filter) -> Result<Vec<Application>, ProjectorError> {
        let all = match filter.application {
            Some(one) => vec![one],
            None => self.view.applications()?.into_iter().map(|row| row.number).collect(),
        };
        let mut claiming = vec![];
        for application in all {
            if self.view.has_imports(application)? {
                claiming.push(application);
            }
        }
        Ok(claiming)
    }

    /// Visits the matching claims, at most `wanted` from each index, newest first within each.
    pub(super) fn visit_claims(
        &self,
        filter: &Filter,
        stretch: (Moment, Moment),
        wanted: usize,
        visit: &mut dyn FnMut(Claim),
    ) -> Result<(), ProjectorError> {
        let classes = filter.of_claims();
        let about = |application: Application, number: Number| {
            filter.resources.as_ref().is_none_or(|wanted| wanted.contains(&(application, number)))
        };
        for application in self.claiming(filter)? {
            let mut left = wanted;
            let mut take = |claim: Claim| {
                if classes.fits(&claim.kind()) && about(application, claim.number) {
                    visit(claim);
                    left -= 1;
                }
                if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            };
            if let Some((kind, code)) = &filter.code {
                let code = (*kind, code.as_str());
                let moments = self.view.claims_by_code(application, code, stretch, usize::MAX)?;
                for moment in moments {
                    if take(self.claim(application, moment)?).is_break() {
                        break;
                    }
                }
            } else if let Some(resources) = &filter.resources {
                for (_, number) in resources.iter().filter(|(of, _)| *of == application) {
                    // Any index may have the newest ones, so take `wanted` from each.
                    let mut left = wanted;
                    self.view.claims_about(application, *number, stretch, &mut |claim| {
                        if classes.fits(&claim.kind()) {
                            visit(claim);
                            left -= 1;
                        }
                        if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
                    })?;
                }
            } else {
                self.view.claims(application, stretch, &mut take)?;
            }
        }
        Ok(())
    }
}
