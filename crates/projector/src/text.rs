//! How names are compared, in the keys of rows and wherever the fold looks for an element, and which of them
//! are one resource's alone.

use event::{Attribute, ResourceType};

/// A value whose [`case_folded`] form has more bytes than this is not looked up by: it has no lookup row,
/// and to find it one must look through the resources. Of the names that have at most 1 KiB each
/// (`userName`, `externalId`, `displayName`) every one has its row, for the form of a text is at most
/// three times as long. The bound is on the case_folded form, so that spellings that are equal in it either
/// all have a row or none has.
pub const LOOKUP_BYTES_MAX: usize = 3 * 1_024;

/// A looked-up value as it is compared: ids exactly, names without regard to case and to how Unicode
/// composes their letters (RFC 7643 §3.1, §8.7.1, RFC 7644 §5).
pub fn case_folded(attribute: Attribute, value: &str) -> String {
    match attribute {
        Attribute::Id | Attribute::ExternalId | Attribute::SourceId => value.to_owned(),
        Attribute::UserName | Attribute::DisplayName | Attribute::Email => {
            caseless::case_folded(value)
        }
    }
}

/// Whether no two living resources have the same value, because decide sees to it. Where an upstream
/// decides, two may.
pub(crate) fn unique(resource_type: ResourceType, attribute: Attribute) -> bool {
    resource_type == ResourceType::USER && attribute == Attribute::UserName
}

#[cfg(test)]
mod tests {
    use icu_normalizer::{ComposingNormalizerBorrowed, DecomposingNormalizerBorrowed};

    use super::*;

    /// A name of 1 KiB, the most that decide lets through, always has its row: uniqueness rests on it.
    /// What is composed is never longer than what it is composed of, so the bound on each letter's
    /// decomposed form is one on every text's.
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
