//! A JSON object that is kept as canonical text.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use serde_json::{Map, Value};

use crate::raw::{self, Damaged, Members};

/// A JSON object as canonical text: a resource from the body of a request to the answer. Cheap to clone.
///
/// Its readers go over the text each time and parse only what is asked for. Who needs many members goes
/// over [`Document::members`] once. Text that was damaged gives errors or `None`; see [`crate::raw`].
#[derive(Clone, PartialEq, Eq)]
pub struct Document(Arc<Vec<u8>>);

impl Document {
    /// The text of an object.
    #[must_use]
    pub fn of(members: &Map<String, Value>) -> Document {
        Document::from_canonical(crate::object(members))
    }

    /// Takes text that is canonical already, which is not checked.
    #[must_use]
    pub fn from_canonical(text: Vec<u8>) -> Document {
        Document(Arc::new(text))
    }

    /// The text.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The text, copied only if there are other clones.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        Arc::unwrap_or_clone(self.0)
    }

    /// The text, shared.
    #[must_use]
    pub fn shared(&self) -> Arc<Vec<u8>> {
        Arc::clone(&self.0)
    }

    /// Whether it has no members.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes() == b"{}"
    }

    /// The members in the order of their names; see [`raw::members`].
    pub fn members(&self) -> Members<'_> {
        raw::members(self.bytes())
    }

    /// The text of a member.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        raw::get(self.bytes(), name)
    }

    /// A member that is a string.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<Cow<'_, str>> {
        raw::text(self.get(name)?)
    }

    /// A member that is `true` or `false`.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        raw::flag(self.get(name)?)
    }

    /// Visits the strings of one part in the elements of a list; see [`raw::each_text`].
    pub fn each_text<'a>(&'a self, list: &str, part: &str, visit: impl FnMut(Cow<'a, str>)) {
        if let Some(list) = self.get(list) {
            raw::each_text(list, part, visit);
        }
    }

    /// The document with other members; see [`raw::with`].
    ///
    /// # Errors
    /// If it is damaged.
    pub fn with(&self, changes: &[(&str, Option<&[u8]>)]) -> Result<Document, Damaged> {
        let mut out = Vec::new();
        raw::with(self.bytes(), changes, &mut out)?;
        Ok(Document::from_canonical(out))
    }

    /// The members as parsed values.
    ///
    /// # Errors
    /// If it is damaged.
    pub fn to_map(&self) -> serde_json::Result<Map<String, Value>> {
        serde_json::from_slice(self.bytes())
    }
}

/// Shares text that is canonical already, which is not checked.
impl From<Arc<Vec<u8>>> for Document {
    fn from(text: Arc<Vec<u8>>) -> Document {
        Document(text)
    }
}

/// Without members.
impl Default for Document {
    fn default() -> Document {
        Document::from_canonical(b"{}".to_vec())
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.bytes()))
    }
}

#[cfg(test)]
mod tests;
