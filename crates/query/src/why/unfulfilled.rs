//! Why the last request for an account made none, as far as its answer and later looks tell.

use event::{Effect, Status, Verdict};
use projector::OperationSummary;

use super::evidence::About;
use crate::error::Error;

impl About<'_> {
    /// Why the last request made no account, and what would have to change.
    pub(super) fn unfulfilled(
        &self,
        last: &OperationSummary,
    ) -> Result<(String, &'static str), Error> {
        let settled = self.record.view.settled(last.seq)?.map(|(_, verdict)| verdict);
        let retried = "The provider tries again by itself.";
        let look = "Read the account through its SCIM address, or run `provlog app baseline`: that \
                    settles it.";
        let status = last.http_status;
        let (text, remedy) = match (last.effect, settled) {
            (Effect::Unknown | Effect::Unverified, Some(Verdict::Contradicted)) => {
                let text = "The provider asked for it, and a later look found that the application \
                            had not done it.";
                (text.to_owned(), retried)
            }
            (Effect::Unknown, _) => {
                let text = "The provider asked for it, and no answer was heard: whether the \
                            application did it is not known.";
                (text.to_owned(), look)
            }
            (Effect::Unverified, _) => {
                let text = format!(
                    "The provider asked for it, and the application answered {status}, which does \
                     not show that it did it."
                );
                (text, look)
            }
            (Effect::Skipped, _) => {
                let detail = self.refusal(last.seq)?;
                (
                    format!("The provider asked for it, and the request was passed over{detail}"),
                    retried,
                )
            }
            _ if last.status == Status::Success => {
                let text =
                    format!("The last request was answered {status}, and no account is on record.");
                (text, look)
            }
            _ => {
                let detail = self.refusal(last.seq)?;
                let text = format!(
                    "The provider asked for it, and the last request was refused with \
                     {status}{detail}"
                );
                let remedy = "Correct what the refusal names; the provider tries again by itself.";
                (text, remedy)
            }
        };
        Ok((text, remedy))
    }
}
