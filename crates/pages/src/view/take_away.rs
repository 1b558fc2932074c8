//! The same answer for other tools.

use askama::Template;

/// Where the same answer is found in other forms.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "view/take_away.html")]
pub struct TakeAway {
    /// The address of the JSON.
    pub json: String,
    /// The address of the CSV, if the answer has rows.
    pub csv: Option<String>,
    /// The line of the command line tool.
    pub command: String,
    /// The line for curl, with a placeholder for the token.
    pub curl: String,
    /// Where the question is saved under a name, for those who may.
    pub save: Option<String>,
}
