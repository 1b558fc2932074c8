//! Limits what requests without a valid credential write into the log. Anybody who knows the address can
//! send them, so both their rate and their bytes are limited. Requests above a limit are only counted,
//! and a summary event holds the count.

pub(crate) mod limit;

use event::{Application, Fact, Unauthenticated};

use self::limit::Admission;
use crate::command::{Decision, Durability};
use crate::committer::Committer;
use crate::draft::Draft;

fn summary(application: Application, counted: Unauthenticated) -> Draft {
    Draft {
        application,
        origin: None,
        fact: Fact::Unauthenticated(counted),
        parts: vec![],
        passed: vec![],
    }
}

impl Committer {
    /// Whether to record an event for a request that is refused because it has no valid credential. If
    /// not, the request is counted here and the count is recorded within a minute. `bytes` is the length
    /// of the event's texts that the sender chose. Must be called on a Tokio runtime.
    pub fn admits_unauthenticated(&self, application: Application, bytes: usize) -> bool {
        let now = self.now();
        let record_after = match self.unauthenticated().admit(application, bytes, now) {
            Admission::Recorded => return true,
            Admission::Counted { record_after } => record_after,
        };
        metrics::counter!("provlog_unauthenticated_counted_total").increment(1);
        if let Some(after) = record_after {
            // A weak reference, so that the wait does not keep the committer's thread running.
            let committer = self.downgrade();
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                if let Some(committer) = committer.upgrade() {
                    committer.record_unauthenticated_count(application).await;
                }
            });
        }
        false
    }

    /// Summaries of the requests counted but not recorded yet, for the last decision before the process
    /// ends.
    pub fn take_unauthenticated_counts(&self) -> Vec<Draft> {
        let counted = self.unauthenticated().take_all().into_iter();
        counted.map(|(application, counted)| summary(application, counted)).collect()
    }

    async fn record_unauthenticated_count(&self, application: Application) {
        let Some(counted) = self.unauthenticated().take(application) else { return };
        let count = counted.count;
        let event = summary(application, counted);
        let decide = move |_: &crate::View<'_>, _| Ok(Decision { events: vec![event], reply: () });
        if let Err(error) = self.submit(Durability::Appended, decide).await {
            tracing::error!(app = application.0, count, %error, "a count could not be recorded");
        }
    }
}
