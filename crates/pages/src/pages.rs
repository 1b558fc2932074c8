//! The page of every question.

use std::sync::Arc;

use answers::Content;
use answers::row::ScimResource;
use axum::Router;
use query::Query;
use query::visit::Refusal;

use crate::question::{More, Page, Shown, serve};
use crate::resource::attributes;

impl Page for answers::OneUser {
    fn more(shown: &Shown<'_, answers::OneUser>) -> Result<More, Refusal> {
        Ok(of_resource(&shown.answer.content))
    }
}

impl Page for answers::OneGroup {
    fn more(shown: &Shown<'_, answers::OneGroup>) -> Result<More, Refusal> {
        Ok(of_resource(&shown.answer.content))
    }
}

fn of_resource(content: &Content<ScimResource>) -> More {
    let attributes = content.rows().iter().map(|one| attributes(one).to_string());
    More { above: attributes.collect(), replaces_rows: true, ..More::default() }
}

/// Names the questions with a page. Those before the semicolon show their rows and nothing beyond.
macro_rules! pages {
    ($($plain:ident),+; $($own:ident),*) => {
        $(impl Page for answers::$plain {})+

        /// Adds all of them.
        pub(crate) fn routes(router: Router<Arc<Query>>) -> Router<Arc<Query>> {
            $(let router = serve::<answers::$plain>(router);)+
            $(let router = serve::<answers::$own>(router);)*
            router
        }

        #[cfg(test)]
        fn paths() -> Vec<&'static str> {
            use answers::Question;
            vec![$(answers::$plain::PATH,)+ $(answers::$own::PATH,)*]
        }
    };
}

pages! {
    Apps, Profiles, Users, TimelineOfUser, TimelineOfGroup, Why, BlameOfUser,
    BlameOfGroup, EveryGroup, AccessMatrix, Members, GroupSizes, PrivilegedGroups, Diff, StaysInGroup, StaysOfUser,
    Joiners, Leavers, Movers, Reactivated, Orphans, Overlap, Failing, Unapproved, Drifted,
    OperationHistogram, OperationFacets, OneOperation, AccessLog, ConfigurationLog, Unwatched, Job, EvidenceOf, OneSaved;
    OneUser, OneGroup, OneApp, Operations, ReferenceLists, Tokens, SavedQuestions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_has_one_page() {
        let mut pages = paths();
        pages.sort_unstable();
        let mut questions: Vec<&str> = answers::all().iter().map(|one| one.path).collect();
        questions.sort_unstable();
        assert_eq!(pages, questions);
    }
}
