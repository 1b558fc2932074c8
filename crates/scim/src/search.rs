//! Search requests: the query of a GET, or the body of a POST to `.search` (RFC 7644 §3.4.2 and §3.4.3,
//! cursors in RFC 9865).

use serde_json::{Map, Value};

use crate::error::{ScimError, ScimType};

/// Maximum number of names in `attributes` or `excludedAttributes`.
const NAMES_MAX: usize = 1_000;

/// A search as the client sent it. Filter, names and cursor are not parsed yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRequest {
    /// The filter; `None` if it is missing or blank.
    pub filter: Option<String>,
    /// Which attributes to show.
    pub selection: Selection,
    /// Path of the attribute to sort by.
    pub sort_by: Option<String>,
    /// Whether to sort in descending order.
    pub descending: bool,
    /// Place of the first result, from 1; unused with a cursor.
    pub start_index: usize,
    /// Maximum number of results in the page; 0 asks for the total only.
    pub count: Option<usize>,
    /// Set if the client uses cursors: where the page begins, empty for the first page.
    pub cursor: Option<String>,
}

/// Which attributes to show (RFC 7644 §3.9); names as written, never an empty list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Selection {
    /// The default attributes.
    #[default]
    Default,
    /// Only these (`attributes`).
    Only(Vec<String>),
    /// The default attributes without these (`excludedAttributes`).
    Without(Vec<String>),
}

impl Default for SearchRequest {
    /// All resources from the first, with the default attributes.
    fn default() -> SearchRequest {
        SearchRequest {
            filter: None,
            selection: Selection::Default,
            sort_by: None,
            descending: false,
            start_index: 1,
            count: None,
            cursor: None,
        }
    }
}

impl SearchRequest {
    /// Reads percent-decoded query parameters. Names may have any case; unknown names are ignored. If a
    /// name comes twice the last one counts, except that lists are joined.
    ///
    /// A `startIndex` or `count` out of range is set to the nearest allowed value. 400 `invalidValue`
    /// for an unreadable integer or `sortOrder`, for `attributes` together with `excludedAttributes`,
    /// and for more than 1,000 names in them. With a cursor, 400 `invalidCount` for a count that is not
    /// an integer or is negative (RFC 9865).
    pub fn from_parameters<'a>(
        parameters: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<SearchRequest, ScimError> {
        let mut draft = Draft::default();
        for (name, value) in parameters {
            let text = || Some(value.to_owned());
            match known(name) {
                Some(Name::Filter) => draft.filter = text(),
                Some(Name::SortBy) => draft.sort_by = text(),
                Some(Name::SortOrder) => draft.sort_order = text(),
                Some(Name::Cursor) => draft.cursor = text(),
                Some(Name::StartIndex) => draft.start_index = integer(value).into(),
                Some(Name::Count) => draft.count = integer(value).into(),
                Some(Name::Attributes) => add_names(&mut draft.only, split_names(value))?,
                Some(Name::ExcludedAttributes) => {
                    add_names(&mut draft.without, split_names(value))?;
                }
                None => {}
            }
        }
        draft.finish()
    }

    /// Reads the body of a POST to `.search`. Names may have any case; unknown names and `schemas` are
    /// ignored; `null` is the same as absent. Lists of attributes may be one string with commas, integers
    /// may be strings.
    ///
    /// Refuses what [`SearchRequest::from_parameters`] refuses, and wrong types as 400 `invalidValue`;
    /// 400 `invalidSyntax` if the body is not an object, 400 `invalidCursor` if the cursor is not a
    /// string.
    pub fn from_body(body: &Value) -> Result<SearchRequest, ScimError> {
        let Value::Object(body) = body else {
            return Err(ScimError::invalid_syntax("the body must be a JSON object"));
        };
        Draft::from_object(body)?.finish()
    }
}

#[derive(Clone, Copy)]
enum Name {
    Filter,
    Attributes,
    ExcludedAttributes,
    SortBy,
    SortOrder,
    StartIndex,
    Count,
    Cursor,
}

fn known(name: &str) -> Option<Name> {
    Some(match name.to_ascii_lowercase().as_str() {
        "filter" => Name::Filter,
        "attributes" => Name::Attributes,
        "excludedattributes" => Name::ExcludedAttributes,
        "sortby" => Name::SortBy,
        "sortorder" => Name::SortOrder,
        "startindex" => Name::StartIndex,
        "count" => Name::Count,
        "cursor" => Name::Cursor,
        _ => return None,
    })
}

/// An integer as written. The error for an unreadable one depends on the other parameters.
#[derive(Clone, Copy, Default)]
enum Written {
    #[default]
    Absent,
    Unreadable,
    Integer(i64),
}

impl From<Option<i64>> for Written {
    fn from(read: Option<i64>) -> Written {
        read.map_or(Written::Unreadable, Written::Integer)
    }
}

#[derive(Default)]
struct Draft {
    filter: Option<String>,
    only: Vec<String>,
    without: Vec<String>,
    sort_by: Option<String>,
    sort_order: Option<String>,
    start_index: Written,
    count: Written,
    cursor: Option<String>,
}

impl Draft {
    fn from_object(body: &Map<String, Value>) -> Result<Draft, ScimError> {
        let mut draft = Draft::default();
        for (name, value) in body.iter().filter(|(_, value)| !value.is_null()) {
            match known(name) {
                Some(Name::Filter) => draft.filter = Some(text("filter", value)?),
                Some(Name::SortBy) => draft.sort_by = Some(text("sortBy", value)?),
                Some(Name::SortOrder) => draft.sort_order = Some(text("sortOrder", value)?),
                Some(Name::Cursor) => match value {
                    Value::String(cursor) => draft.cursor = Some(cursor.clone()),
                    _ => {
                        let detail = "cursor must be a string";
                        return Err(ScimError::new(400, Some(ScimType::InvalidCursor), detail));
                    }
                },
                Some(Name::StartIndex) => draft.start_index = json_integer(value).into(),
                Some(Name::Count) => draft.count = json_integer(value).into(),
                Some(Name::Attributes) => json_names("attributes", value, &mut draft.only)?,
                Some(Name::ExcludedAttributes) => {
                    json_names("excludedAttributes", value, &mut draft.without)?;
                }
                None => {}
            }
        }
        Ok(draft)
    }

    fn finish(self) -> Result<SearchRequest, ScimError> {
        let selection = match (self.only.is_empty(), self.without.is_empty()) {
            (true, true) => Selection::Default,
            (false, true) => Selection::Only(self.only),
            (true, false) => Selection::Without(self.without),
            (false, false) => {
                return Err(ScimError::invalid_value(
                    "attributes and excludedAttributes exclude each other",
                ));
            }
        };
        let descending = match self.sort_order.as_deref().map(str::trim) {
            None | Some("") => false,
            Some(order) if order.eq_ignore_ascii_case("ascending") => false,
            Some(order) if order.eq_ignore_ascii_case("descending") => true,
            Some(_) => {
                return Err(ScimError::invalid_value("sortOrder must be ascending or descending"));
            }
        };
        let count = match (self.count, &self.cursor) {
            (Written::Absent, _) => None,
            (Written::Integer(count), None) => Some(at_least(0, count)),
            (Written::Integer(count), Some(_)) if count >= 0 => Some(at_least(0, count)),
            (_, None) => return Err(no_integer("count")),
            (_, Some(_)) => {
                let detail = "with a cursor, count must be an integer that is not negative";
                return Err(ScimError::new(400, Some(ScimType::InvalidCount), detail));
            }
        };
        let start_index = match (self.start_index, &self.cursor) {
            // The cursor says where the page begins.
            (_, Some(_)) | (Written::Absent, None) => 1,
            (Written::Integer(index), None) => at_least(1, index),
            (Written::Unreadable, None) => return Err(no_integer("startIndex")),
        };
        let not_blank = |text: &String| !text.trim().is_empty();
        Ok(SearchRequest {
            filter: self.filter.filter(not_blank),
            selection,
            sort_by: self.sort_by.filter(not_blank).map(|path| path.trim().to_owned()),
            descending,
            start_index,
            count,
            cursor: self.cursor,
        })
    }
}

fn no_integer(name: &str) -> ScimError {
    ScimError::invalid_value(format!("{name} must be an integer"))
}

fn text(name: &str, value: &Value) -> Result<String, ScimError> {
    match value {
        Value::String(text) => Ok(text.clone()),
        _ => Err(ScimError::invalid_value(format!("{name} must be a string"))),
    }
}

fn at_least(min: i64, number: i64) -> usize {
    usize::try_from(number.max(min)).unwrap_or(usize::MAX)
}

/// An integer of any length, saturated to the range of `i64`.
fn integer(text: &str) -> Option<i64> {
    let text = text.trim();
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse().unwrap_or(i64::MAX);
    Some(if negative { -size } else { size })
}

fn json_integer(value: &Value) -> Option<i64> {
    match value {
        Value::String(text) => integer(text),
        Value::Number(number) => match (number.as_i64(), number.as_u64(), number.as_f64()) {
            (Some(integer), _, _) => Some(integer),
            (None, Some(_), _) => Some(i64::MAX),
            // The conversion saturates.
            (None, None, Some(decimal)) if decimal.fract() == 0.0 => Some(decimal as i64),
            _ => None,
        },
        _ => None,
    }
}

fn json_names(name: &str, value: &Value, names: &mut Vec<String>) -> Result<(), ScimError> {
    let wrong = || ScimError::invalid_value(format!("{name} must be a list of strings"));
    match value {
        Value::String(text) => add_names(names, split_names(text)),
        Value::Array(list) => {
            for one in list {
                let one = one.as_str().ok_or_else(wrong)?;
                add_names(names, std::iter::once(one))?;
            }
            Ok(())
        }
        _ => Err(wrong()),
    }
}

fn add_names<'a>(
    names: &mut Vec<String>,
    more: impl Iterator<Item = &'a str>,
) -> Result<(), ScimError> {
    for name in more.map(str::trim).filter(|name| !name.is_empty()) {
        if names.len() == NAMES_MAX {
            return Err(ScimError::invalid_value(format!(
                "attributes and excludedAttributes must have at most {NAMES_MAX} names"
            )));
        }
        names.push(name.to_owned());
    }
    Ok(())
}

/// Splits at commas, except within brackets.
fn split_names(text: &str) -> impl Iterator<Item = &str> {
    let (mut bracket, mut quoted, mut escaped) = (false, false, false);
    text.split(move |c: char| {
        let was_escaped = std::mem::take(&mut escaped);
        match c {
            '[' if !bracket => bracket = true,
            '"' if bracket && !was_escaped => quoted = !quoted,
            '\\' if quoted => escaped = !was_escaped,
            ']' if !quoted => bracket = false,
            ',' => return !bracket,
            _ => {}
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    type Read = Result<SearchRequest, (u16, ScimType)>;

    fn refusal(error: ScimError) -> (u16, ScimType) {
        assert!(!error.detail.contains("secret"), "{error}");
        (error.status, error.scim_type.unwrap())
    }

    fn parameters(query: &str) -> Read {
        let pairs = query.split('&').filter(|one| !one.is_empty());
        let pairs = pairs.map(|one| one.split_once('=').unwrap_or((one, "")));
        SearchRequest::from_parameters(pairs).map_err(refusal)
    }

    fn body(body: &Value) -> Read {
        SearchRequest::from_body(body).map_err(refusal)
    }

    fn names(list: &[&str]) -> Vec<String> {
        list.iter().map(|one| (*one).to_owned()).collect()
    }

    /// The same search as query and as body.
    #[track_caller]
    fn check(query: &str, as_body: Value, expected: Result<SearchRequest, ScimType>) {
        let expected = expected.map_err(|scim_type| (400, scim_type));
        assert_eq!(parameters(query), expected, "{query}");
        assert_eq!(body(&as_body), expected, "{as_body}");
    }

    fn all() -> SearchRequest {
        SearchRequest::default()
    }

    #[test]
    fn names_in_any_case_and_unknown_ones() {
        check(
            "FILTER=title pr&SortBy= userName &SORTORDER=Descending&startindex=7&Count=5&x=secret",
            json!({"FILTER": "title pr", "SortBy": " userName ", "SORTORDER": "Descending",
                "startindex": 7, "Count": 5, "x": "secret", "schemas": ["secret"]}),
            Ok(SearchRequest {
                filter: Some("title pr".to_owned()),
                sort_by: Some("userName".to_owned()),
                descending: true,
                start_index: 7,
                count: Some(5),
                ..all()
            }),
        );
        check("", json!({}), Ok(all()));
        check(
            "filter= &sortBy=&sortOrder=&attributes=,",
            json!({"filter": " ", "sortBy": "", "sortOrder": "", "attributes": []}),
            Ok(all()),
        );
        let absent = json!({"filter": null, "count": null, "cursor": null, "attributes": null});
        assert_eq!(body(&absent), Ok(all()));
    }

    #[test]
    fn integers() {
        let page = |start_index, count| Ok(SearchRequest { start_index, count, ..all() });
        check("startIndex=0&count=-4", json!({"startIndex": 0, "count": -4}), page(1, Some(0)));
        check("startIndex=-1&count=0", json!({"startIndex": "-1", "count": "0"}), page(1, Some(0)));
        let huge = "99999999999999999999";
        let max = i64::MAX as usize;
        check(
            &format!("startIndex={huge}&count=-{huge}"),
            json!({"startIndex": u64::MAX, "count": -1e300}),
            page(max, Some(0)),
        );
        for (query, bad) in [("secret", json!("secret")), ("1.5", json!(1.5)), ("", json!(true))] {
            let refused = Err(ScimType::InvalidValue);
            check(&format!("count={query}"), json!({"count": bad}), refused.clone());
            check(&format!("startIndex={query}"), json!({"startIndex": bad}), refused);
        }
    }

    #[test]
    fn cursors() {
        let page = |cursor: &str, count| {
            Ok(SearchRequest { cursor: Some(cursor.to_owned()), count, ..all() })
        };
        check("cursor", json!({"cursor": ""}), page("", None));
        check("cursor=aB-_&count=5", json!({"cursor": "aB-_", "count": 5}), page("aB-_", Some(5)));
        // Where the page begins is said twice; the cursor counts.
        check("cursor=x&startIndex=9", json!({"cursor": "x", "startIndex": 9}), page("x", None));
        for (query, bad) in [("-1", json!(-1)), ("secret", json!("secret"))] {
            check(
                &format!("count={query}&cursor="),
                json!({"cursor": "", "count": bad}),
                Err(ScimType::InvalidCount),
            );
        }
        assert_eq!(body(&json!({"cursor": 7})), Err((400, ScimType::InvalidCursor)));
    }

    #[test]
    fn selections() {
        let only =
            |list: &[&str]| Ok(SearchRequest { selection: Selection::Only(names(list)), ..all() });
        let listed = [r#"emails[type eq "a,]\"b"].value"#, "name"];
        check(
            r#"attributes=, emails[type eq "a,]\"b"].value ,,name"#,
            json!({"attributes": [listed[0], "", " name"]}),
            only(&listed),
        );
        check(
            "attributes=a,b&attributes=c",
            json!({"Attributes": "a,b,c"}),
            only(&["a", "b", "c"]),
        );
        check(
            "excludedAttributes=members&attributes=",
            json!({"excludedAttributes": ["members"], "attributes": []}),
            Ok(SearchRequest { selection: Selection::Without(names(&["members"])), ..all() }),
        );
        check(
            "excludedAttributes=a&attributes=b",
            json!({"excludedAttributes": ["a"], "attributes": ["b"]}),
            Err(ScimType::InvalidValue),
        );
        let many = vec!["a"; NAMES_MAX];
        check(&format!("attributes={}", many.join(",")), json!({"attributes": many}), only(&many));
        let more = vec!["a"; NAMES_MAX + 1];
        check(
            &format!("excludedAttributes={}", more.join(",")),
            json!({"excludedAttributes": more}),
            Err(ScimType::InvalidValue),
        );
    }

    #[test]
    fn refusals() {
        check("sortOrder=secret", json!({"sortOrder": "secret"}), Err(ScimType::InvalidValue));
        for bad in [
            json!({"filter": ["secret"]}),
            json!({"sortBy": 7}),
            json!({"sortOrder": true}),
            json!({"attributes": {"secret": 1}}),
            json!({"attributes": ["a", 7]}),
        ] {
            assert_eq!(body(&bad), Err((400, ScimType::InvalidValue)), "{bad}");
        }
        assert_eq!(body(&json!(["secret"])), Err((400, ScimType::InvalidSyntax)));
    }

    proptest! {
        #[test]
        fn never_panics(
            name in "filter|attributes|excludedAttributes|sortBy|sortOrder|startIndex|count|cursor",
            text in "\\PC*|[-+]?[0-9]{0,30}|[\\[\\],\\\\\"aé]{0,12}",
            number in any::<f64>(),
        ) {
            let cursor = [("cursor", "x")];
            for more in [&cursor[..0], &cursor] {
                let pairs = more.iter().copied().chain([(name.as_str(), text.as_str())]);
                let _ = SearchRequest::from_parameters(pairs);
            }
            let _ = SearchRequest::from_body(&json!({name.clone(): text}));
            let _ = SearchRequest::from_body(&json!({name: number}));
        }
    }
}
