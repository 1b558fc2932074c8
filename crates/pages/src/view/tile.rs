//! Tiles and tabs.

use askama::Template;

use super::{Cell, Fact};

/// One thing at a glance.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "view/tile.html")]
pub struct Tile {
    /// Its name.
    pub title: String,
    /// Its page.
    pub href: Option<String>,
    /// Its state.
    pub status: Option<Cell>,
    /// A line under the name.
    pub text: String,
    /// What is known of it.
    pub facts: Vec<Fact>,
    /// Charts, as the chart module made them.
    pub charts: Vec<String>,
}

/// One tab.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tab {
    /// Its name.
    pub label: String,
    /// Its address.
    pub href: String,
    /// How much is behind it.
    pub count: Option<u64>,
    /// Whether it is the one that is shown.
    pub is_current: bool,
}

impl Tab {
    fn grouped(&self) -> Option<String> {
        self.count.map(crate::text::grouped)
    }
}

/// The parts of a page, one of which is shown.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "view/tabs.html")]
pub struct Tabs {
    /// What they are parts of.
    pub label: String,
    /// The parts.
    pub tabs: Vec<Tab>,
}
