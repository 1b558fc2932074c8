//! The bytes of a cursor (RFC 9865): where its page begins.
//!
//! ```text
//! | form 1 | binding 16 | seq u64 | issued at i64 (s) | count u32 | kind u8 | place u64, u32 |
//! ```

use event::{Application, Number, ResourceType, Seq};
use scim::{SearchRequest, Selection};
use sha2::{Digest, Sha256};

/// A resource that may match, in the order of creation.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Candidate {
    pub created: Seq,
    pub number: Number,
}

/// Where the next page begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Next {
    /// After a resource, in the order of creation.
    After(Candidate),
    /// At this index of the sorted list.
    Sorted(usize),
}

impl Next {
    /// The place after the first `end` matches; `None` if no match is left.
    pub(super) fn of(is_sorted: bool, matching: &[Candidate], end: usize) -> Option<Next> {
        let last = *matching.get(..end)?.last()?;
        let next = if is_sorted { Next::Sorted(end) } else { Next::After(last) };
        (end < matching.len()).then_some(next)
    }
}

/// The content of a cursor.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cursor {
    /// The seq whose state all its pages show.
    pub seq: Seq,
    pub issued_at_s: i64,
    /// Resources in a page.
    pub count: u32,
    pub next: Next,
}

const FORM: u8 = 1;

impl Cursor {
    /// The content to be sealed.
    pub(super) fn to_bytes(self, binding: &[u8; 16]) -> Vec<u8> {
        let mut bytes = vec![FORM];
        bytes.extend_from_slice(binding);
        bytes.extend_from_slice(&self.seq.to_be_bytes());
        bytes.extend_from_slice(&self.issued_at_s.to_be_bytes());
        bytes.extend_from_slice(&self.count.to_be_bytes());
        let (kind, place, number) = match self.next {
            Next::After(candidate) => (1, candidate.created, candidate.number.0),
            Next::Sorted(offset) => (2, offset as u64, 0),
        };
        bytes.push(kind);
        bytes.extend_from_slice(&place.to_be_bytes());
        bytes.extend_from_slice(&number.to_be_bytes());
        bytes
    }

    /// Reads what [`Cursor::to_bytes`] wrote for the same query.
    pub(super) fn from_bytes(bytes: &[u8], binding: &[u8; 16]) -> Option<Cursor> {
        let (head, rest) = bytes.split_first_chunk::<17>()?;
        if head[0] != FORM || head[1..] != binding[..] {
            return None;
        }
        let (seq, rest) = rest.split_first_chunk::<8>()?;
        let (issued_at_s, rest) = rest.split_first_chunk::<8>()?;
        let (count, rest) = rest.split_first_chunk::<4>()?;
        let (kind, rest) = rest.split_first_chunk::<1>()?;
        let (place, rest) = rest.split_first_chunk::<8>()?;
        let place = u64::from_be_bytes(*place);
        let number = Number(u32::from_be_bytes(rest.try_into().ok()?));
        Some(Cursor {
            seq: Seq::from_be_bytes(*seq),
            issued_at_s: i64::from_be_bytes(*issued_at_s),
            count: u32::from_be_bytes(*count),
            next: match kind {
                [1] => Next::After(Candidate { created: place, number }),
                [2] => Next::Sorted(usize::try_from(place).ok()?),
                _ => return None,
            },
        })
    }
}

/// What a cursor is bound to: the application, and every parameter but the count, which the cursor
/// carries.
pub(super) fn binding(
    application: Application,
    types: &[ResourceType],
    request: &SearchRequest,
) -> [u8; 16] {
    let mut hash = Sha256::new();
    let mut add = |text: &str| {
        hash.update((text.len() as u64).to_be_bytes());
        hash.update(text.as_bytes());
    };
    add(&application.to_string());
    for stored in types {
        add(&stored.0.to_string());
    }
    add(request.filter.as_deref().unwrap_or_default());
    add(request.sort_by.as_deref().unwrap_or_default());
    add(if request.descending { "descending" } else { "ascending" });
    let (kind, names): (&str, &[String]) = match &request.selection {
        Selection::Default => ("default", &[]),
        Selection::Only(names) => ("only", names),
        Selection::Without(names) => ("without", names),
    };
    add(kind);
    names.iter().for_each(|name| add(name));
    let digest: [u8; 32] = hash.finalize().into();
    let mut binding = [0; 16];
    binding.copy_from_slice(&digest[..16]);
    binding
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates() -> Vec<Candidate> {
        (1..=3).map(|number| Candidate { created: 9, number: Number(number) }).collect()
    }

    #[test]
    fn every_page_but_the_last_has_a_next_one() {
        let matching = candidates();
        let check = |is_sorted: bool, end: usize, expected: Option<Next>| {
            assert_eq!(Next::of(is_sorted, &matching, end), expected, "{is_sorted} {end}");
        };
        check(false, 2, Some(Next::After(matching[1])));
        check(true, 2, Some(Next::Sorted(2)));
        for end in [0, 3, 4, usize::MAX] {
            check(false, end, None);
            check(true, end, None);
        }
    }

    #[test]
    fn a_cursor_reads_back_for_its_own_query_and_in_no_other_form() {
        for next in [Next::After(candidates()[2]), Next::Sorted(77)] {
            let cursor = Cursor { seq: 5, issued_at_s: -6, count: 7, next };
            let bytes = cursor.to_bytes(&[3; 16]);
            assert_eq!(Cursor::from_bytes(&bytes, &[3; 16]), Some(cursor));
            assert_eq!(Cursor::from_bytes(&bytes, &[4; 16]), None);
            for end in 0..bytes.len() {
                assert_eq!(Cursor::from_bytes(&bytes[..end], &[3; 16]), None);
            }
        }
    }
}
