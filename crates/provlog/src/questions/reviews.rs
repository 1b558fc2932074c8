//! Signs off who was in a group, or an access matrix.

use answers::Outcome;
use answers::act::{Act, AddReview, AddedReview, NewReview, NewRevocation};
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::additions::told;
use super::saved::address_of;
use crate::client::Client;
use crate::config::ClientConfig;
use crate::failure::Failure;
use crate::output::Output;
use crate::text::escaped;

#[derive(Subcommand, Debug)]
pub(crate) enum Review {
    /// Sign off who was in a group, or an access matrix; it cannot be changed or removed
    Add(AddOne),
}

#[derive(Args, Debug)]
pub(crate) struct AddOne {
    /// What you decided
    #[arg(long, value_enum)]
    outcome: Decided,
    /// What you have to say
    #[arg(long, value_name = "TEXT")]
    remark: Option<String>,
    /// A membership that is to end, by the SCIM id of the member; of a matrix also of the group, behind @.
    /// Can be given repeatedly
    #[arg(long, value_name = "MEMBER[@GROUP]")]
    revoke: Vec<String>,
    #[command(flatten)]
    client: ClientConfig,
    /// The question as a command without the program's name, such as: members --app paperboat Crew
    /// --at 2026-03-31. It comes last
    #[arg(
        value_name = "QUESTION",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    question: Vec<String>,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum Decided {
    /// Everything is as it should be
    Approved,
    /// Everything but the memberships that are to end
    ApprovedWithRevocations,
    /// It is not as it should be
    Rejected,
}

impl AddOne {
    /// What is sent.
    fn body(&self) -> Result<Value, Failure> {
        let question = address_of(&self.question, "reviewed")?;
        // In the question about one group the group is known.
        let is_matrix = question.contains("/matrix");
        let revoke = self.revoke.iter().map(|one| match one.rsplit_once('@') {
            Some((user, group)) if is_matrix => {
                NewRevocation { user_id: user.to_owned(), group_id: Some(group.to_owned()) }
            }
            _ => NewRevocation { user_id: one.clone(), group_id: None },
        });
        Ok(json!(NewReview {
            outcome: match self.outcome {
                Decided::Approved => Outcome::Approved,
                Decided::ApprovedWithRevocations => Outcome::ApprovedWithRevocations,
                Decided::Rejected => Outcome::Rejected,
            },
            remark: self.remark.clone(),
            revoke: revoke.collect(),
            question,
        }))
    }

    /// Adds the review and prints which event holds it.
    pub(super) fn send(self, output: &mut Output<'_>) -> Result<(), Failure> {
        let answer = Client::new(&self.client)?.post(AddReview::PATH, &self.body()?)?;
        output.print(&told(&self.client, answer, |added: AddedReview| {
            let AddedReview { seq, question, rows, sha256 } = added;
            let question = escaped(&question);
            format!("Review {seq} is recorded: {question}\nRows: {rows}, SHA-256 {sha256}\n")
        })?)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Add {
        #[command(flatten)]
        review: AddOne,
    }

    fn body(text: &str) -> Value {
        let words = ["add"].into_iter().chain(text.split(' '));
        Add::try_parse_from(words).unwrap().review.body().unwrap()
    }

    #[test]
    fn a_review_names_its_question_by_the_address() {
        let members = "/api/v1/apps/paperboat/groups/displayName%3ACrew/members?at=2026-03-31";
        let expected = json!({"question": members, "outcome": "approvedWithRevocations", "remark": "fine",
                              "revoke": [{"userId": "a@b", "groupId": null}]});
        let text = "--outcome approved-with-revocations --remark fine --revoke a@b members Crew --app \
                    paperboat --at 2026-03-31";
        assert_eq!(body(text), expected);
        let expected = json!({"question": "/api/v1/apps/paperboat/matrix", "outcome": "rejected", "remark": null,
                              "revoke": [{"userId": "7", "groupId": "9"}]});
        assert_eq!(body("--outcome rejected --revoke 7@9 matrix --app paperboat"), expected);
    }
}
