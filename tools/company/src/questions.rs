//! Three audit questions, and the answers from the identity provider's own memory.

use std::collections::BTreeSet;

use event::Timestamp;

use crate::ask::command;
use crate::book::{Book, Operation};
use crate::calendar::{Ending, date};
use crate::company::App;
use crate::history::History;

/// A question, as a command, with the facts that its answer must show.
#[derive(Clone, Debug)]
pub struct Question {
    /// The question in words.
    pub words: String,
    /// What to look at in the answer.
    pub remark: String,
    /// The arguments of `provlog`, with human-readable names.
    pub command: Vec<String>,
    /// What the answer must show.
    pub expected: Expected,
}

/// Facts that an answer must show.
#[derive(Clone, PartialEq, Debug)]
pub enum Expected {
    /// Exactly these user names, with complete coverage.
    Members(BTreeSet<String>),
    /// These changes and refusals, in this order.
    Timeline(Vec<Operation>),
    /// Exactly these user names, with this gap.
    UsersUnwatched(BTreeSet<String>, Gap),
}

/// A gap: a time without a recorder.
#[derive(Clone, PartialEq, Debug)]
pub struct Gap {
    /// The last time at which the recorder is known to have run.
    pub from: Timestamp,
    /// When it ran again.
    pub to: Timestamp,
    /// How it ended.
    pub ending: Ending,
}

/// The questions about a played history; `books` are in the order of [`App::ALL`]. `None` if the story
/// did not happen as planned.
pub(crate) fn questions(
    history: &History,
    books: &[Book; 4],
    killed: Option<&Gap>,
) -> Option<Vec<Question>> {
    let book = |app: App| &books[app as usize];
    let (story, people) = (&history.story, &history.people);
    let day_end = |day: Timestamp| Timestamp(day.0 + crate::calendar::DAY_US - 1);

    let hootsuite = book(App::Hootsuite);
    let (group, day) = (&history.groups[story.approvers].name, date(story.members_day));
    let leaver = people[story.approver].display_name();
    let members = hootsuite.members_at(story.approvers, day_end(story.members_day));
    let first = Question {
        words: format!("Who was in {group} of hootsuite on {day}?"),
        remark: format!("{leaver} is on the list; the account was switched off and deleted since."),
        command: command(&["members", "--app", "hootsuite", group, "--at", &day]),
        expected: Expected::Members(members),
    };

    let howspace = book(App::Howspace);
    let returner = story.returner;
    let user_name = {
        let now = history.changes.iter().rev().find_map(|change| match &change.kind {
            crate::history::ChangeKind::Become { person, now } if *person == returner => Some(now),
            _ => None,
        });
        now.map_or(people[returner].user_name(), |now| now.user_name())
    };
    let second = Question {
        words: format!("What happened to the account of {user_name} in howspace?"),
        remark: "Refused, made, renamed, switched off, deleted, and made again under another id. \
                 In brackets stands what the profile of the application does not expect."
            .to_owned(),
        command: command(&["timeline", "--app", "howspace", &user_name]),
        expected: Expected::Timeline(howspace.timeline(returner)),
    };

    let leaver = &people[story.social_leaver];
    let day = date(story.day_after);
    let users = command(&["users", "--app", "hootsuite", "--active", "true", "--at", &day]);
    let active = hootsuite.active_at(day_end(story.day_after));
    let left = story.left_at.to_utc().format("%Y-%m-%d at %H:%M UTC");
    let third = Question {
        words: format!(
            "{} left on {left}. Who still had an active account in hootsuite the day after?",
            leaver.display_name()
        ),
        remark: format!(
            "{} is on the list, and nobody was watching: the recorder had been killed. The answer \
             says so instead of looking certain.",
            leaver.user_name()
        ),
        command: users,
        expected: Expected::UsersUnwatched(active, killed?.clone()),
    };
    Some(vec![first, second, third])
}
