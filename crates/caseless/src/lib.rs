//! The form in which texts are compared without letter case, in Unicode normal form. Filters, sorting
//! and the keys of rows use the same form, so that they agree on which names are equal.

#![warn(unreachable_pub)]

use std::borrow::Cow;

use icu_normalizer::ComposingNormalizerBorrowed;

/// The form in which texts are compared unless the schema sets `caseExact`: NFC, then each character
/// mapped to lower, upper and lower case (Unicode, independent of language), then NFC again. Texts have
/// the same form if they differ only in case, even if cases are not pairs (`ς` and `σ`, `ſ` and `s`,
/// `ß` and `SS`), and if they are canonically equivalent (`ü` and `u` with U+0308).
///
/// RFC 7644 §5 refers to PRECIS profiles, which map and restrict names. Only the mapping is done here,
/// because a profile would refuse names that people have, such as names with spaces.
///
/// The form has at most three times the length of the text. Applying the function again does not change
/// it.
pub fn case_folded(text: &str) -> String {
    const NFC: ComposingNormalizerBorrowed<'static> = ComposingNormalizerBorrowed::new_nfc();
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let mut form = String::with_capacity(text.len());
    for c in NFC.normalize(text).chars() {
        // Lower case first: `ẞ` is upper case already, but its lower case `ß` becomes `SS`.
        for upper in c.to_lowercase().flat_map(char::to_uppercase) {
            form.extend(upper.to_lowercase());
        }
    }
    match NFC.normalize(&form) {
        Cow::Borrowed(_) => form,
        Cow::Owned(composed) => composed,
    }
}

#[cfg(test)]
mod tests {
    use icu_normalizer::DecomposingNormalizerBorrowed;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn texts_that_look_alike_have_one_form() {
        for (one, other) in [
            ("j\u{fc}rgen@x.example", "ju\u{308}rgen@x.example"),
            ("J\u{dc}RGEN", "ju\u{308}rgen"),
            ("JU\u{308}RGEN", "j\u{fc}rgen"),
            ("\u{1e9b}\u{323}", "\u{1e69}"),
            ("\u{c5}se", "\u{212b}SE"),
            ("\u{212a}ari", "kari"),
            ("\u{ac00}", "\u{1100}\u{1161}"),
            ("\u{390}", "\u{3b9}\u{308}\u{301}"),
            ("\u{1fb4}", "\u{386}\u{399}"),
            ("a\u{323}\u{302}", "A\u{302}\u{323}"),
            ("STRASSE", "stra\u{df}e"),
        ] {
            assert_eq!(case_folded(one), case_folded(other), "{one:?} and {other:?}");
        }
        for (one, other) in [("jurgen", "j\u{fc}rgen"), ("z\u{308}", "z"), ("\u{2460}", "1")] {
            assert_ne!(case_folded(one), case_folded(other), "{one:?} and {other:?}");
        }
    }

    /// Letters whose cases are no pairs, and marks that meet them in another order.
    const STRANGE: &str = "[aAiIuUsSkK\u{fc}\u{130}\u{131}\u{149}\u{1c4}\u{1c5}\u{1f0}\u{345}\u{390}\u{3b1}\u{3a3}\u{3c2}\u{587}\u{1e9b}\u{1e9e}\u{1f52}\u{1f80}\u{1fb4}\u{1fb7}\u{212b}\u{fb01}\u{fb2c}\u{10a0}\u{13a0}\u{ab70}\u{1100}\u{1161}\u{300}-\u{328}\u{3099}\u{344}]{0,8}";

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(5_000))]

        #[test]
        fn the_form_is_its_own_form_and_that_of_equivalent_texts(
            text in prop_oneof!["\\PC{0,8}", STRANGE],
        ) {
            let decomposing = DecomposingNormalizerBorrowed::new_nfd();
            let composing = ComposingNormalizerBorrowed::new_nfc();
            let form = case_folded(&text);
            prop_assert_eq!(&case_folded(&form), &form);
            prop_assert_eq!(&case_folded(&decomposing.normalize(&text)), &form);
            prop_assert_eq!(&case_folded(&composing.normalize(&text)), &form);
        }
    }
}
