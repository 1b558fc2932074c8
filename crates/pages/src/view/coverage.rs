//! Whether everything was watched that an answer is about.

use askama::Template;

/// A time that was not watched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GapView {
    /// The application; empty if it concerns all.
    pub application: String,
    /// Its start, RFC 3339; none if unknown.
    pub from: Option<String>,
    /// Its end, RFC 3339; none while it lasts.
    pub to: Option<String>,
    /// Why nothing was watched.
    pub reason: String,
}

impl GapView {
    fn from(&self) -> super::Cell {
        self.from.as_ref().map_or_else(|| super::Cell::text("the beginning"), super::Cell::time)
    }

    fn to(&self) -> super::Cell {
        self.to.as_ref().map_or_else(|| super::Cell::text("now"), super::Cell::time)
    }
}

/// Whether everything was watched, and what was not.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "view/coverage.html")]
pub struct CoverageView {
    /// Whether something was not watched.
    pub is_partial: bool,
    /// The times that were not watched.
    pub gaps: Vec<GapView>,
}

/// More gaps than this are folded away.
const GAPS_SHOWN: usize = 3;

impl CoverageView {
    fn shown(&self) -> &[GapView] {
        &self.gaps[..self.gaps.len().min(GAPS_SHOWN)]
    }

    fn more(&self) -> &[GapView] {
        self.gaps.get(GAPS_SHOWN..).unwrap_or_default()
    }

    /// The same in a few words, for the foot of a page.
    #[must_use]
    pub fn words(&self) -> String {
        match (self.is_partial, self.gaps.len()) {
            (false, _) => "coverage complete".to_owned(),
            (true, 0) => "coverage partial".to_owned(),
            (true, 1) => "coverage partial: 1 gap".to_owned(),
            (true, gaps) => format!("coverage partial: {gaps} gaps"),
        }
    }
}
