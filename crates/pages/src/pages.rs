//! The page of every question.

use std::sync::Arc;

use axum::Router;
use query::Query;

use crate::question::{Page, serve};

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
    Overview, Apps, Profiles, Users, TimelineOfUser, TimelineOfGroup, BlameOfUser,
    BlameOfGroup, EveryGroup, GroupSizes, PrivilegedGroups,
    Joiners, Leavers, Movers, Reactivated, Orphans, Failing, Unapproved, Drifted,
    OperationFacets, AccessLog, ConfigurationLog, Unwatched, Job, Cycles, EvidenceOf, Reviews,
    OneReview, OneSaved;
    Imports, OperationHistogram, Overlap, AccessMatrix, Members, OneUser, Why, OneGroup, Diff, StaysInGroup, StaysOfUser, OneApp, Operations, OneOperation, ReferenceLists, Tokens, SavedQuestions
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
