//! Why a person has an account or has none: what the evidence says about each step from the provider's
//! directory to the application.

use answers::row::Reasons;
use event::Status;

use self::cause::cause_of;
pub(crate) use self::evidence::About;
use self::evidence::{ASSIGNED, Evidence, second};
use self::node::Node;
pub use self::words::advice_for_error;
use self::words::{advice_for_skip, sentence_for_skip};
use crate::error::Error;
use crate::imported_accounts::account_at;
use crate::person::identity;

mod cause;
mod evidence;
mod node;
mod provider;
mod request;
mod unfulfilled;
mod words;

impl About<'_> {
    /// The answer: the conclusion, the remedy, and the steps.
    pub(crate) fn answer(&self) -> Result<Reasons, Error> {
        let evidence = self.evidence()?;
        let version = match self.at {
            Some(at) => self.record.view.version(self.application, self.number, at)?,
            None => None,
        };
        // Without log entries the answer rests on the record alone, even if no account was ever created.
        let is_recorded = version.is_some() || evidence.entries.is_empty();
        let mut off = None;
        let (exists, active, is_deleted) = match &version {
            Some(version) => (version.state.is_some(), version.active, version.state.is_none()),
            None => {
                // Nothing was recorded, so only the provider's log can tell.
                let account = account_at(self.record, self.application, self.number, self.time)?;
                off = account.off;
                (account.exists, account.active, account.was_deleted && !account.exists)
            }
        };
        let mut nodes = vec![
            self.source(&evidence),
            self.check(&evidence, "assigned", ASSIGNED, "assigned to the application"),
            self.role(&evidence),
            self.scope(&evidence),
            self.matched(&evidence),
        ];
        nodes.extend(self.requested(&evidence)?);
        nodes.push(self.still(&evidence, exists, active, is_deleted)?);
        nodes.extend(self.configuration()?);

        let mut cause = None;
        let (conclusion, remedy) = if exists && active {
            ("The account is there and active.".to_owned(), None)
        } else if exists {
            let found = cause_of(self, &evidence, off)?;
            let told = (found.conclusion(), Some(found.remedy().to_owned()));
            cause = Some(found.into_row());
            told
        } else if is_deleted {
            ("The account was there and was deleted.".to_owned(), None)
        } else {
            self.why_not(&evidence)?
        };
        let person = identity(self.record, self.application, self.number, self.at)?;
        Ok(Reasons {
            user_id: person.id,
            user_name: person.user_name,
            external_id: person.external_id,
            display_name: person.display_name,
            exists,
            active: exists.then_some(active),
            basis: if is_recorded { "recorded" } else { "imported" }.to_owned(),
            conclusion,
            remedy,
            cause,
            nodes: nodes.into_iter().map(Node::into_row).collect(),
        })
    }

    /// Why there never was an account, and the remedy.
    fn why_not(&self, evidence: &Evidence) -> Result<(String, Option<String>), Error> {
        if let Some((claim, entry, skip)) = evidence.entries.first() {
            let when = second(claim.moment.occurred_at);
            match claim.status {
                Status::Skipped => {
                    let sentence = sentence_for_skip(skip.as_deref(), entry);
                    let remedy = advice_for_skip(skip.as_deref(), entry);
                    return Ok((format!("{sentence} ({when})"), Some(remedy)));
                }
                Status::Failure => {
                    let code = entry.error_code().unwrap_or("an error without a code");
                    let reason = entry.reason().map(|reason| format!(": {reason}"));
                    let text = format!(
                        "The provider tried at {when} and failed with {code}{}",
                        reason.unwrap_or_else(|| ".".to_owned())
                    );
                    return Ok((text, Some(advice_for_error(code).to_owned())));
                }
                Status::Success | Status::Warning => {}
            }
        }
        if let Some(last) = &evidence.requests.last_write {
            let (text, remedy) = self.unfulfilled(last)?;
            return Ok((text, Some(remedy.to_owned())));
        }
        if let Some((seq, _)) = evidence.requests.matching {
            let when = second(self.record.recorded_at(seq)?);
            let text = format!(
                "The provider looked for the account at {when}, found none, and sent no request to \
                 create it: it decided against it, or has not come to it yet."
            );
            let remedy = "Import the provider's log: it says what kept the person out.";
            return Ok((text, Some(remedy.to_owned())));
        }
        let text = "Nothing that was recorded or imported up to then tells of an attempt.";
        let remedy = "See whether the person is assigned to the application at the provider, and \
                      import its log.";
        Ok((text.to_owned(), Some(remedy.to_owned())))
    }
}
