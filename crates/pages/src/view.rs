//! What pages are made of: each piece is a struct of plain values beside its template. No piece knows a question.
//!
//! A page's template extends `layout.html`, has a field `shell`, and writes a piece with `{{ piece.html() }}`.

mod cell;
mod coverage;
mod diff;
mod facts;
mod form;
mod part;
mod shell;
mod table;
mod take_away;
mod tile;
mod tree;

pub use answers::Look;
pub use cell::{Cell, Tone, class, tone};
pub use coverage::{CoverageView, GapView};
pub use diff::{DiffRow, DiffView};
pub use facts::{Fact, Facts};
pub use form::{Choice, Field, FormView, Kind, Method};
pub use part::PartView;
pub use shell::{Crumb, ErrorPage, LoginPage, Notice, Section, Shell, SignedIn, Stamp};
pub use table::{Empty, Heading, NewRows, Row, Sort, TableView};
pub use take_away::TakeAway;
pub use tile::{Tab, Tabs, Tile};
pub use tree::{Mark, TreeNode};

use askama::filters::Safe;

/// A piece of a page that is HTML already, so that a template does not escape it again.
pub trait Html: askama::Template + std::fmt::Display {
    /// The piece for a template that contains it.
    fn html(&self) -> Safe<&Self> {
        Safe(self)
    }
}

impl<T: askama::Template + std::fmt::Display> Html for T {}

/// A text that leads somewhere, or a plain text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// What is read.
    pub text: String,
    /// Where it leads.
    pub href: Option<String>,
}

impl Link {
    /// A plain text.
    pub fn text(text: impl Into<String>) -> Link {
        Link { text: text.into(), href: None }
    }

    /// A text that leads to an address.
    pub fn to(text: impl Into<String>, href: impl Into<String>) -> Link {
        Link { text: text.into(), href: Some(href.into()) }
    }
}
