//! Commits to the states of applications by a schedule, beside the requests.

use std::sync::Arc;
use std::time::Duration;

use event::{Application, Timestamp};
use projector::{Committer, Schedule, StateCommitter};
use store::with_causes;
use tokio_util::sync::CancellationToken;

/// How often the schedule is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// At an orderly stop an application is committed to if the log has so many events since.
pub(super) const AT_STOP: Schedule = Schedule { events: 1 << 10, time_us: i64::MAX };

/// Commits until the server stops.
pub(super) async fn commit_by_schedule(
    states: Arc<StateCommitter>,
    committer: Committer,
    stopping: CancellationToken,
) {
    while stopping.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
        // What the clock shows is not believed while it is behind; then nothing is due.
        commit_due(&states, &committer, Schedule::DEFAULT, committer.now()).await;
    }
}

/// Commits to the applications for which it is time; one that another commitment keeps from it is left out.
pub(super) async fn commit_due(
    states: &Arc<StateCommitter>,
    committer: &Committer,
    schedule: Schedule,
    now: Timestamp,
) {
    let store = Arc::clone(committer.store());
    let due = tokio::task::spawn_blocking(move || schedule.due(&store, now)).await;
    let due: Vec<Application> = match due {
        Ok(Ok(due)) => due,
        Ok(Err(error)) => {
            tracing::error!(error = with_causes(&error), "the last commitments cannot be read");
            return;
        }
        Err(_) => return,
    };
    for application in due {
        let mut random = [0; 32];
        if let Err(error) = getrandom::fill(&mut random) {
            tracing::error!(%error, "no random bits for a commitment");
            return;
        }
        if let Err(error) = states.commit_if_idle(application, random).await {
            let (error, app) = (with_causes(&error), application.0);
            tracing::error!(error, app, "a state was not committed to");
        }
    }
}
