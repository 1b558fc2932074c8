//! A list of pages, each with a line of what it is for.

use answers::Described;
use askama::Template;

use crate::address::template;
use crate::view::Link;

/// A list of pages.
#[derive(Template, Default)]
#[template(path = "contents.html")]
pub(crate) struct Contents {
    pub(crate) caption: Option<String>,
    pub(crate) entries: Vec<Entry>,
}

/// One of them.
#[derive(Default)]
pub(crate) struct Entry {
    pub(crate) link: Link,
    /// What it shows, as a sentence.
    pub(crate) about: String,
    /// How many of what it has.
    pub(crate) count: String,
    /// What can be done there.
    pub(crate) acts: Vec<Link>,
}

impl Entry {
    /// The page of a question without names in its path.
    pub(crate) fn of(described: &'static Described) -> Entry {
        Entry {
            link: Link::to(described.label, template(described)),
            about: format!("{}.", described.about),
            ..Entry::default()
        }
    }
}
