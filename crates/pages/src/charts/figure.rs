//! A picture with its caption, what its hues mean, and its numbers.

use askama::Template;

use crate::view::{Cell, Heading, Look, Tone};

/// What a hue and its hatching mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Legend {
    /// The hue.
    pub tone: Tone,
    /// The word.
    pub word: String,
    /// How often, over all.
    pub total: Option<u64>,
}

impl Legend {
    fn fill(&self) -> &'static str {
        super::fill(self.tone)
    }

    fn pattern(&self) -> Option<&'static str> {
        super::pattern(self.tone)
    }

    fn count(&self) -> Option<String> {
        self.total.map(crate::text::grouped)
    }
}

/// A chart as a page shows it.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "charts/figure.html")]
pub struct Figure {
    /// What is drawn.
    pub caption: String,
    /// A remark after the caption: mostly the times that are shown.
    pub remark: String,
    /// The picture: SVG that a template made.
    pub picture: String,
    /// What the hues mean.
    pub legend: Vec<Legend>,
    /// The columns of the table of the same numbers.
    pub headings: Vec<Heading>,
    /// Its rows. Without rows there is no table.
    pub rows: Vec<Vec<Cell>>,
    /// Whether a hatched band says that something was not watched.
    pub has_gaps: bool,
}

impl Figure {
    /// The figure without its table, for a page that shows the same rows anyway.
    #[must_use]
    pub fn without_table(mut self) -> Figure {
        self.rows.clear();
        self
    }

    pub(super) fn columns(columns: &[(Look, &str)]) -> Vec<Heading> {
        columns.iter().map(|(look, text)| Heading::new(*look, *text)).collect()
    }
}
