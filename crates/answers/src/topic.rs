//! How the questions are ordered for people who choose one: by topic, and by the thing that they are about.

use crate::{Described, all};

/// What a question is about, for a menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Requests, and what came of them.
    Operations,
    /// Users and their accounts.
    People,
    /// Groups and their members.
    Groups,
    /// Reports over all accounts.
    Reports,
    /// Applications, and whether provisioning into them is alive.
    Applications,
    /// Whether the record is complete, and who read it.
    Integrity,
    /// What admins set up.
    Configuration,
}

impl Topic {
    /// All topics, in the order of a menu.
    pub const ALL: [Topic; 7] = [
        Topic::Operations,
        Topic::People,
        Topic::Groups,
        Topic::Reports,
        Topic::Applications,
        Topic::Integrity,
        Topic::Configuration,
    ];

    /// Its name.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Topic::Operations => "Operations",
            Topic::People => "People",
            Topic::Groups => "Groups",
            Topic::Reports => "Reports",
            Topic::Applications => "Applications",
            Topic::Integrity => "Integrity",
            Topic::Configuration => "Configuration",
        }
    }

    /// Its questions, in the order of help and reference.
    pub fn questions(self) -> impl Iterator<Item = &'static Described> {
        all().iter().filter(move |one| one.topic == self)
    }
}

impl Described {
    /// The questions about the same thing, this one included: of a user their timeline, why, stays; of an
    /// application its users and groups. Empty for a question that is not about one thing.
    #[must_use]
    pub fn related(&self) -> Vec<&'static Described> {
        let Some(end) = self.path.rfind('}') else { return vec![] };
        let thing = &self.path[..=end];
        let is_about = |one: &&Described| {
            let rest = one.path.strip_prefix(thing);
            rest.is_some_and(|rest| {
                rest.is_empty() || !rest.contains('{') && !rest[1..].contains('/')
            })
        };
        all().iter().filter(is_about).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{EveryGroup, OneUser, Operations, Question, Why, described};

    #[test]
    fn every_question_is_in_the_menu_once() {
        let mut paths = BTreeSet::new();
        for topic in Topic::ALL {
            let mut labels = BTreeSet::new();
            for one in topic.questions() {
                assert!(paths.insert(one.path), "{}", one.path);
                assert!(one.label.starts_with(char::is_uppercase), "{}", one.path);
                // Users and groups have questions of one name; a menu of either shows one of them.
                let is_new = labels.insert((one.label, one.thing(), one.is_list()));
                assert!(is_new, "{}: another question is called {}", one.path, one.label);
            }
            assert!(!labels.is_empty(), "{}", topic.label());
        }
        assert_eq!(paths.len(), all().len());
        let reports = Topic::Reports.questions().map(|one| one.path);
        let below = all().iter().map(|one| one.path).filter(|path| path.contains("/reports/"));
        assert_eq!(reports.collect::<Vec<_>>(), below.collect::<Vec<_>>());
    }

    #[test]
    fn questions_about_one_thing_are_related() {
        let labels = |path: &str| -> Vec<&str> {
            let one = all().iter().find(|one| one.path == path).unwrap();
            one.related().iter().map(|one| one.label).collect()
        };
        let of_user = ["User", "Timeline", "Why", "What set it", "Stays in groups"];
        assert_eq!(labels(OneUser::PATH), of_user);
        assert_eq!(labels(Why::PATH), of_user);
        assert_eq!(
            labels(EveryGroup::PATH),
            ["Configuration", "Users", "Groups", "Access matrix", "Cycles", "Imports"]
        );
        assert!(described::<Operations>().unwrap().related().is_empty());
    }
}
