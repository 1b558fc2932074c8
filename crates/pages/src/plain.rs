//! A page that is not one question's: pieces one below the other.

use askama::Template;

use crate::view::{Html, Shell, Tabs, TakeAway};

/// Such a page. The pieces are HTML that templates made.
#[derive(Template, Default)]
#[template(path = "plain.html")]
pub(crate) struct PlainPage {
    pub(crate) shell: Shell,
    pub(crate) tabs: Option<Tabs>,
    pub(crate) pieces: Vec<String>,
    pub(crate) take_away: Option<TakeAway>,
    /// Without JavaScript, the page is loaded anew after so many seconds.
    pub(crate) refresh_seconds: Option<u32>,
}
