//! Forms: the parameters of a question, or an act.

use askama::Template;

/// How a form is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Method {
    /// A question: the address holds every value.
    #[default]
    Get,
    /// An act, with the token that proves that our own page sent it.
    Post {
        /// The token.
        csrf: String,
        /// Whether it sends a file.
        is_upload: bool,
    },
}

/// One choice of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// What is sent.
    pub value: String,
    /// What is read.
    pub label: String,
}

impl Choice {
    /// A choice.
    pub fn new(value: impl Into<String>, label: impl Into<String>) -> Choice {
        Choice { value: value.into(), label: label.into() }
    }
}

/// What can be put in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// A line of text.
    #[default]
    Text,
    /// A line of text that narrows what is shown; the key `/` leads here.
    Search,
    /// An instant: a time, a date, or relative like `-90d`.
    Date,
    /// A whole number.
    Number,
    /// One of several choices. A first choice with an empty value means none.
    Select(Vec<Choice>),
    /// A text with suggestions.
    Suggest(Vec<String>),
    /// Yes (`true`) or nothing.
    Checkbox,
    /// Several lines of text.
    Lines,
    /// A file.
    File,
    /// One or more files, which may be large: a script shows how much of them was sent.
    Files {
        /// More bytes together are refused.
        bytes_max: u64,
        /// More files at once are refused.
        files_max: usize,
    },
    /// A text that is not shown while it is written.
    Secret,
    /// A value that is sent and not shown.
    Hidden,
}

/// One field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Field {
    /// The name that is sent.
    pub name: String,
    /// What is read.
    pub label: String,
    /// What it means and which values it takes.
    pub help: String,
    /// What can be put in.
    pub kind: Kind,
    /// The value now; of a checkbox `true` or nothing.
    pub value: String,
    /// Whether the form cannot be sent without it.
    pub required: bool,
    /// What is wrong with the value.
    pub error: Option<String>,
}

impl Field {
    /// A field that is sent and not shown.
    pub fn hidden(name: impl Into<String>, value: impl Into<String>) -> Field {
        Field { name: name.into(), value: value.into(), kind: Kind::Hidden, ..Field::default() }
    }
}

/// A form.
#[derive(Template, Clone, Debug, Default, PartialEq, Eq)]
#[template(path = "view/form.html")]
pub struct FormView {
    /// Tells forms of one page apart: the start of every field's id. May be empty if there is one.
    pub id: String,
    /// What the form is for, if it needs a heading.
    pub caption: Option<String>,
    /// Where it leads.
    pub action: String,
    /// How it is sent.
    pub method: Method,
    /// The fields that most people use.
    pub fields: Vec<Field>,
    /// Fields that few people use: folded away unless one has a value.
    pub more: Vec<Field>,
    /// The word on the button.
    pub submit: String,
    /// Whether the act cannot be taken back: the button says so.
    pub is_grave: bool,
}

impl FormView {
    fn csrf(&self) -> Option<&str> {
        match &self.method {
            Method::Get => None,
            Method::Post { csrf, .. } => Some(csrf),
        }
    }

    fn is_upload(&self) -> bool {
        matches!(self.method, Method::Post { is_upload: true, .. })
    }

    fn field_id(&self, field: &Field) -> String {
        format!("{}-{}", if self.id.is_empty() { "f" } else { &self.id }, field.name)
    }

    fn has_more_values(&self) -> bool {
        self.more.iter().any(|field| !field.value.is_empty() || field.error.is_some())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_comes_back_as_it_was_sent() {
        let value = "a\u{202e}\"b<&";
        let field = Field { name: "q".into(), value: value.into(), ..Field::default() };
        let form = FormView { fields: vec![field], ..FormView::default() }.to_string();
        assert!(form.contains("value=\"a\u{202e}&#34;b&#60;&#38;\""), "{form}");
    }

    #[test]
    fn an_act_carries_its_token_and_a_question_does_not() {
        let mut form = FormView::default();
        assert!(form.to_string().contains("method=\"get\""));
        assert!(!form.to_string().contains("csrf"));
        form.method = Method::Post { csrf: "t0k".into(), is_upload: true };
        let text = form.to_string();
        assert!(text.contains("method=\"post\" enctype=\"multipart/form-data\""), "{text}");
        assert!(text.contains("name=\"csrf\" value=\"t0k\""), "{text}");
    }
}
