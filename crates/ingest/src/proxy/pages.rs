//! The pages of a listing (RFC 7644 §3.4.2.4), and whether they are complete. An upstream's
//! `totalResults` is not trusted: pages are read until one is empty or shows nothing new.

use std::collections::BTreeSet;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::cuts::percent_encode;
use crate::proxy::probe::is_error;

/// At most this many resources of one type are listed, in case the pages never end.
const RESOURCES_MAX: u64 = 5_000_000;
/// Longer cursors are not sent back.
const CURSOR_BYTES_MAX: usize = 4 << 10;
/// The `count` of a page.
const PAGE: u64 = 100;

/// One page.
pub(crate) struct Page {
    /// `totalResults`.
    pub total: Option<u64>,
    /// The resources.
    pub shown: Vec<Value>,
    /// `nextCursor` (RFC 9865 §2).
    pub next: Option<String>,
    /// Whether it has a `nextCursor` that cannot be sent back.
    pub is_cut: bool,
}

impl Page {
    /// Reads the page in an answer; `None` if it is not a list.
    pub(crate) fn of(answer: &Value) -> Option<Page> {
        if is_error(answer) {
            return None;
        }
        let total = answer.get("totalResults").and_then(|total| match total {
            Value::String(text) => text.parse().ok(),
            other => other.as_u64(),
        });
        let shown = match answer.get("Resources") {
            Some(Value::Array(shown)) => shown.clone(),
            // RFC 7644 §3.4.2: an empty list may omit it.
            None | Some(Value::Null) if total.is_some() => vec![],
            _ => return None,
        };
        let (next, is_cut) = match answer.get("nextCursor") {
            None | Some(Value::Null | Value::Bool(false)) => (None, false),
            Some(Value::String(text)) if text.is_empty() => (None, false),
            Some(Value::String(text)) if text.len() <= CURSOR_BYTES_MAX => {
                (Some(text.clone()), false)
            }
            Some(_) => (None, true),
        };
        Some(Page { total, shown, next, is_cut })
    }
}

/// The pages of one listing so far.
#[derive(Default)]
pub(crate) struct Pages {
    /// The ids shown so far.
    pub ids: BTreeSet<String>,
    /// How many resources without a usable id were shown.
    pub without_id: u64,
    /// How many resources were shown, repetitions included.
    shown: u64,
    total: Option<u64>,
    /// The cursor of the next page.
    next: Option<String>,
    /// Digests of pages with such resources, to recognize repeated pages.
    pages_without_ids: BTreeSet<[u8; 32]>,
    has_repeated: bool,
    problem: Option<String>,
}

impl Pages {
    /// The `startIndex` of the next page.
    pub(crate) fn start(&self) -> u64 {
        self.shown + 1
    }

    /// The query for the next page.
    pub(crate) fn query(&self) -> String {
        match &self.next {
            Some(cursor) => format!("cursor={}&count={PAGE}", percent_encode(cursor)),
            None => format!("startIndex={}&count={PAGE}", self.start()),
        }
    }

    /// Whether as many were shown as `totalResults` says.
    pub(crate) fn has_all(&self) -> bool {
        self.total.is_some_and(|total| self.distinct() >= total)
    }

    fn distinct(&self) -> u64 {
        self.ids.len() as u64 + self.without_id
    }

    /// Adds the next page and the ids of its resources. Returns whether to read on.
    pub(crate) fn add(&mut self, page: &Page, ids: Vec<Option<String>>) -> bool {
        if page.is_cut {
            let words = format!(
                "it has a nextCursor that is no text of up to {CURSOR_BYTES_MAX} bytes, so what \
                 follows was not read"
            );
            self.problem.get_or_insert(words);
        }
        if page.shown.is_empty() {
            // Beyond the end an upstream may say `totalResults: 0`, so that counts only on the first
            // page.
            if self.shown == 0 {
                self.total = page.total;
            }
            if page.next.is_some() && self.total.is_none() {
                let words = "it has no totalResults, and an empty page before its last".to_owned();
                self.problem.get_or_insert(words);
            }
            return false;
        }
        let by_cursor = std::mem::replace(&mut self.next, page.next.clone()).is_some();
        let without_id = ids.iter().filter(|id| id.is_none()).count() as u64;
        let digest = || Sha256::digest(canonical::json(&Value::Array(page.shown.clone()))).into();
        let is_new_page = without_id > 0 && self.pages_without_ids.insert(digest());
        let before = self.ids.len();
        self.ids.extend(ids.into_iter().flatten());
        if self.ids.len() == before && !is_new_page {
            self.has_repeated = true;
            return false;
        }
        self.shown += page.shown.len() as u64;
        self.without_id += if is_new_page { without_id } else { 0 };
        if let Some(total) = page.total {
            if total < self.distinct() {
                let words = "it shows more than its totalResults says".to_owned();
                self.problem.get_or_insert(words);
            } else if self.total.is_some_and(|before| total < before) {
                let words =
                    "its totalResults fell while its pages were read, so some may have been \
                             passed over"
                        .to_owned();
                self.problem.get_or_insert(words);
            }
            self.total = Some(total);
        }
        if self.shown >= RESOURCES_MAX {
            let words = format!("it shows {RESOURCES_MAX} and more; the rest was not read");
            self.problem.get_or_insert(words);
            return false;
        }
        // With cursors, the last page has none.
        !by_cursor || self.next.is_some()
    }

    /// Why the listing may be incomplete, to be put after "the list is not whole:".
    pub(crate) fn problem(&self) -> Option<String> {
        if self.problem.is_some() {
            return self.problem.clone();
        }
        let distinct = self.distinct();
        match self.total {
            Some(total) if distinct < total => Some(format!(
                "it shows {distinct} of the {total} that its totalResults says{}",
                if self.has_repeated { ", and then the same again" } else { "" }
            )),
            Some(_) => None,
            None if self.has_repeated && (distinct >= PAGE || self.next.is_some()) => {
                Some("it has no totalResults, and shows the same again for every page".to_owned())
            }
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Reads an upstream's pages: `page` maps a start index to the total and the ids shown.
    fn list(page: impl Fn(u64) -> (Option<u64>, std::ops::Range<u64>)) -> (usize, Option<String>) {
        let mut pages = Pages::default();
        for _ in 0..1_000 {
            let (total, range) = page(pages.start());
            let shown: Vec<Value> = range.map(|id| json!({"id": id.to_string()})).collect();
            let ids = shown.iter().map(|one| scim::id_text(&one["id"])).collect();
            if !pages.add(&Page { total, shown, next: None, is_cut: false }, ids) {
                return (pages.ids.len(), pages.problem());
            }
        }
        panic!("it does not end");
    }

    #[track_caller]
    fn check(
        page: impl Fn(u64) -> (Option<u64>, std::ops::Range<u64>),
        seen: usize,
        problem: Option<&str>,
    ) {
        let (got, why) = list(page);
        assert_eq!(got, seen);
        match (why.as_deref(), problem) {
            (None, None) => {}
            (Some(why), Some(problem)) => assert!(why.contains(problem), "{why}"),
            (why, problem) => panic!("{why:?} is not {problem:?}"),
        }
    }

    fn cut(start: u64, count: u64, all: u64) -> std::ops::Range<u64> {
        start..(start + count).min(all + 1).max(start)
    }

    #[test]
    fn pages_are_read_until_one_is_empty_or_repeats() {
        check(|start| (Some(250), cut(start, 100, 250)), 250, None);
        check(|start| (Some(200), cut(start, 100, 200)), 200, None);
        check(|_| (Some(0), 1..1), 0, None);
        // Fewer on each page than requested; then without a total.
        check(|start| (Some(25), cut(start, 7, 25)), 25, None);
        check(|start| (None, cut(start, 100, 250)), 250, None);
        // Everything at once, whatever is requested.
        check(|_| (Some(150), 1..151), 150, None);
        check(|_| (None, 1..51), 50, None);
        // Beyond the end the total is 0.
        check(|start| (Some(if start > 150 { 0 } else { 150 }), cut(start, 100, 150)), 150, None);
        // More come while the pages are read.
        check(|start| (Some(if start == 1 { 100 } else { 150 }), cut(start, 100, 150)), 150, None);
    }

    #[test]
    fn a_total_that_the_pages_contradict_is_a_problem() {
        let more = Some("more than its totalResults");
        check(|start| (Some(100), cut(start, 100, 150)), 150, more);
        let of_the_page = |start| {
            let page = cut(start, 100, 150);
            (Some(page.end - page.start), page)
        };
        check(of_the_page, 150, more);
        check(|start| (Some(0), cut(start, 100, 3)), 3, more);
        check(|_| (Some(150), 1..101), 100, Some("100 of the 150"));
        check(|start| (Some(150), cut(start, 100, 120)), 120, Some("120 of the 150"));
        check(|_| (Some(5), 1..1), 0, Some("0 of the 5"));
        check(|_| (None, 1..101), 100, Some("same again"));
        // One was deleted, so the next one moved to the page before.
        let fell = |start| match start {
            1 => (Some(150), 1..101),
            101 => (Some(149), 102..151),
            _ => (Some(149), 0..0),
        };
        check(fell, 149, Some("fell"));
        // One is on two pages, and another on none.
        let overlaps = |start| match start {
            1 => (Some(150), 1..101),
            101 => (Some(150), 100..150),
            _ => (Some(150), 0..0),
        };
        check(overlaps, 149, Some("149 of the 150"));
    }

    #[test]
    fn cursors_lead_to_the_last_page() {
        let page = |ids: &[u64], next: Option<&str>| {
            let shown: Vec<Value> = ids.iter().map(|id| json!({"id": id.to_string()})).collect();
            let answer = json!({"Resources": shown, "nextCursor": next});
            let ids = ids.iter().map(|id| Some(id.to_string())).collect();
            (Page::of(&answer).unwrap(), ids)
        };
        let add = |pages: &mut Pages, (page, ids): (Page, _)| pages.add(&page, ids);
        let mut pages = Pages::default();
        assert!(add(&mut pages, page(&[1, 2], Some("b c"))));
        assert_eq!(pages.query(), "cursor=b%20c&count=100");
        assert!(add(&mut pages, page(&[3, 4], Some("d"))));
        assert!(!add(&mut pages, page(&[5], None)));
        assert_eq!((pages.ids.len(), pages.problem()), (5, None));
        // It has cursors, and ignores those that are sent back.
        let mut pages = Pages::default();
        assert!(add(&mut pages, page(&[1, 2], Some("b"))));
        assert!(!add(&mut pages, page(&[1, 2], Some("b"))));
        assert!(pages.problem().is_some_and(|why| why.contains("same again")));
        let mut pages = Pages::default();
        assert!(add(&mut pages, page(&[1, 2], Some("b"))));
        assert!(!add(&mut pages, page(&[], Some("c"))));
        assert!(pages.problem().is_some_and(|why| why.contains("empty page")));
    }

    #[test]
    fn a_cursor_that_cannot_be_sent_back_is_no_end() {
        let page = |id: u64, next: Value| {
            let answer = json!({"Resources": [{"id": id.to_string()}], "nextCursor": next});
            (Page::of(&answer).unwrap(), vec![Some(id.to_string())])
        };
        let longest = "c".repeat(CURSOR_BYTES_MAX);
        let ends = [Value::Null, json!(""), json!(false)];
        let cut = [json!(format!("{longest}c")), json!(7), json!(0), json!(["d"]), json!({"a": 1})];
        let all = ends.iter().map(|end| (end, false)).chain(cut.iter().map(|cut| (cut, true)));
        for (next, is_problem) in all {
            let mut pages = Pages::default();
            let (first, ids) = page(1, json!(longest));
            assert!(pages.add(&first, ids));
            let (last, ids) = page(2, next.clone());
            assert!(!pages.add(&last, ids), "{next}");
            let why = pages.problem();
            assert_eq!(why.is_some_and(|why| why.contains("nextCursor")), is_problem, "{next}");
            // And where it is the first of all.
            let mut pages = Pages::default();
            let (first, ids) = page(1, next.clone());
            pages.add(&first, ids);
            assert_eq!(pages.problem().is_some(), is_problem, "{next}");
        }
    }

    #[test]
    fn what_has_no_id_ends_too() {
        let mut pages = Pages::default();
        let page = |name: &str| {
            let shown = vec![json!({"userName": name})];
            Page { total: Some(3), shown, next: None, is_cut: false }
        };
        assert!(pages.add(&page("a"), vec![None]));
        assert!(pages.add(&page("b"), vec![None]));
        assert!(!pages.add(&page("a"), vec![None]));
        assert_eq!(pages.without_id, 2);
        assert!(pages.problem().is_some_and(|why| why.contains("2 of the 3")));
    }

    #[test]
    fn a_list_has_resources_or_says_that_there_are_none() {
        let total = |answer: Value| Page::of(&answer).map(|page| (page.total, page.shown.len()));
        assert_eq!(total(json!({"totalResults": 1, "Resources": [{}]})), Some((Some(1), 1)));
        assert_eq!(total(json!({"totalResults": "1", "Resources": [{}]})), Some((Some(1), 1)));
        assert_eq!(total(json!({"Resources": []})), Some((None, 0)));
        assert_eq!(total(json!({"totalResults": 0})), Some((Some(0), 0)));
        assert_eq!(total(json!({"totalResults": -1, "Resources": []})), Some((None, 0)));
        for other in [
            json!({}),
            json!({"status": "ok"}),
            json!([]),
            json!({"Resources": {}}),
            json!({"totalResults": 1, "Resources": "x"}),
            json!({"totalResults": 0, "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"]}),
        ] {
            assert_eq!(total(other.clone()), None, "{other}");
        }
    }
}
