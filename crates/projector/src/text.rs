//! How names are compared in the keys of rows, and which names are unique.

use event::{Attribute, ResourceType};

/// A value whose [`case_folded`] form has more bytes than this gets no lookup row; to find it, scan the
/// resources. Names of at most 1 KiB (`userName`, `externalId`, `displayName`) always get a row, because
/// case folding at most triples the length. The limit is on the folded form, so that all spellings of a
/// name either have a row or have none.
pub const LOOKUP_BYTES_MAX: usize = 3 * 1_024;

/// The form in which a looked-up value is compared: ids unchanged, names without letter case and in
/// Unicode normal form (RFC 7643 §3.1, §8.7.1, RFC 7644 §5).
pub fn case_folded(attribute: Attribute, value: &str) -> String {
    match attribute {
        Attribute::Id | Attribute::ExternalId | Attribute::SourceId => value.to_owned(),
        Attribute::UserName | Attribute::DisplayName | Attribute::Email => {
            caseless::case_folded(value)
        }
    }
}

/// Whether decide keeps the value unique among living resources. An upstream may still give it to two.
pub(crate) fn unique(resource_type: ResourceType, attribute: Attribute) -> bool {
    resource_type == ResourceType::USER && attribute == Attribute::UserName
}

#[cfg(test)]
mod tests {
    use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

    use super::*;

    /// A name of 1 KiB, the longest that decide accepts, must get its row: uniqueness depends on it. The
    /// composed form is never longer than the decomposed one, so it is enough to check the decomposed
    /// form of each letter.
    #[test]
    fn the_form_of_a_text_is_at_most_three_times_as_long() {
        let (composing, decomposing) =
            (ComposingNormalizerBorrowed::new_nfc(), DecomposingNormalizerBorrowed::new_nfd());
        for c in '\0'..=char::MAX {
            let text = c.to_string();
            let form = caseless::case_folded(&text);
            assert_eq!(caseless::case_folded(&form), form, "{c:?} folds further");
            let parts = decomposing.normalize(&text);
            let letters = parts.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase);
            let largest: String = letters.flat_map(char::to_lowercase).collect();
            let largest = decomposing.normalize(&largest);
            assert!(largest.len() * 1_024 <= c.len_utf8() * LOOKUP_BYTES_MAX, "{c:?}");
            assert!(form.len() <= largest.len(), "{c:?}");
            assert!(composing.normalize(&largest).len() <= largest.len(), "{c:?}");
        }
    }

    #[test]
    fn names_are_one_in_either_normal_form_and_ids_are_not() {
        let (composed, decomposed) = ("J\u{fc}rgen", "ju\u{308}rgen");
        for attribute in [Attribute::UserName, Attribute::DisplayName, Attribute::Email] {
            assert_eq!(case_folded(attribute, composed), case_folded(attribute, decomposed));
        }
        for attribute in [Attribute::Id, Attribute::ExternalId, Attribute::SourceId] {
            assert_eq!(case_folded(attribute, decomposed), decomposed);
        }
    }
}
