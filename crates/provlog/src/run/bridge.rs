//! What `query` needs of `ingest`, which it does not depend on: to import a provider's log, and to
//! check an upstream for drift.

use std::sync::Arc;

use answers::act::{
    DriftReport, ImportRefusal, Imported, OtherApplication, OtherEntry, SeenDifference,
    UpstreamProblem,
};
use ingest::import::{self, ImportError};
use ingest::{DriftError, Ingest};
use projector::{CommitError, Committer};
use query::{ImportFailure, ImportRequest};
use store::with_causes;

/// Imports a provider's log and converts the result to the API's types.
pub(super) fn import(committer: Committer) -> query::Import {
    Arc::new(move |request: ImportRequest| {
        let committer = committer.clone();
        Box::pin(async move {
            let ImportRequest { application, origin, body, .. } = request;
            let options = import::Options {
                run: request.run,
                dates: request.dates,
                service_principal: request.service_principal,
                lists_others: request.lists_others,
                is_check: request.is_check,
            };
            let done = import::import(&committer, application, origin, options, body).await;
            let done = done.map_err(|error| match &error {
                ImportError::Several(all) => {
                    let keys = all.iter().filter_map(|one| one.key().map(str::to_owned)).collect();
                    ImportFailure::Records(error.to_string(), keys)
                }
                ImportError::Dates(_) | ImportError::NotOwn => {
                    ImportFailure::Records(error.to_string(), vec![])
                }
                // A retry with the same records would fail again.
                ImportError::Commit(CommitError::Defect) | ImportError::Defect => {
                    ImportFailure::Records(with_causes(&error), vec![])
                }
                ImportError::Commit(_) | ImportError::Refused | ImportError::Revoked(_) => {
                    ImportFailure::Log(with_causes(&error))
                }
            })?;
            let refusals = done.refusals.into_iter().map(|(line, refused)| ImportRefusal {
                line: line.into(),
                path: refused.path,
                what: refused.what,
            });
            let principals = done.principals.into_iter().map(|one| OtherApplication {
                service_principal: one.id,
                display_name: one.name,
                entries: one.entries,
                joined: one.joined,
            });
            let others = done.others.into_iter().map(|(line, entry_id, service_principal)| {
                OtherEntry { line: line.into(), entry_id, service_principal }
            });
            Ok(Imported {
                read: done.read.into(),
                new: done.new.into(),
                known: done.known.into(),
                refused: done.refused.into(),
                refusals: refusals.collect(),
                passed_over: done.passed_over.into(),
                of_other_applications: done.of_others.into(),
                other_applications: principals.collect(),
                others: others.collect(),
                service_principal: done.own,
                imported_service_principals: done.before,
            })
        })
    })
}

/// Checks an upstream for drift and converts the report to the API's types.
pub(super) fn check_drift(ingest: Arc<Ingest>, committer: Committer) -> query::Look {
    Arc::new(move |request| {
        let (ingest, committer) = (Arc::clone(&ingest), committer.clone());
        Box::pin(async move {
            let query::LookRequest { slug, origin, occasion, accept_shrink } = request;
            let report = ingest.check_drift(&slug, origin, occasion, accept_shrink).await;
            let report = report.map_err(|error| match error {
                // A client with a revoked token is told so, whatever this returns.
                DriftError::NoUpstream | DriftError::Revoked(_) => {
                    query::LookFailure::Request(with_causes(&error))
                }
                DriftError::Broken(_) | DriftError::Answer { .. } | DriftError::NoLists { .. } => {
                    query::LookFailure::Upstream(with_causes(&error))
                }
                DriftError::Commit(error) => query::LookFailure::Commit(error),
                DriftError::Read(error) => query::LookFailure::Read(error),
            })?;
            let incomplete = !report.problems.is_empty();
            let problems = report.problems.into_iter().map(|one| UpstreamProblem {
                resource_type: one.resource_type,
                detail: one.detail,
            });
            let differences = report.differences.into_iter().map(|one| SeenDifference {
                resource_type: one.resource_type,
                resource_id: one.id,
                path: one.path,
                recorded: one.recorded,
                seen: one.seen,
            });
            let rows: Vec<SeenDifference> = differences.collect();
            Ok(DriftReport {
                application: slug,
                generated_at: committer.now().to_string().into(),
                seen: report.seen,
                refused: report.refused,
                flagged: report.flagged,
                not_served: report.not_served,
                incomplete,
                problems: problems.collect(),
                recorded: report.recorded,
                row_count: rows.len() as u64,
                more: report.more,
                rows,
            })
        })
    })
}
