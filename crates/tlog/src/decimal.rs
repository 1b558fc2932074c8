//! Numbers in the texts of a log: ASCII decimal, with no leading zero unless the number is 0.

use crate::SIZE_MAX;

/// Why a text is not a number of the log's formats.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecimalError {
    /// There is nothing.
    #[error("the number is missing")]
    Empty,
    /// A character is not one of the digits 0 to 9. Signs and spaces are none.
    #[error("the number has a character that is not a digit")]
    NotDigits,
    /// The number begins with 0 and goes on.
    #[error("the number has a leading zero")]
    LeadingZero,
    /// It is above [`SIZE_MAX`].
    #[error("the number is above 9223372036854775807")]
    TooLarge,
}

/// Reads a number of at most [`SIZE_MAX`].
pub(crate) fn parse(text: &str) -> Result<u64, DecimalError> {
    if text.is_empty() {
        return Err(DecimalError::Empty);
    }
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(DecimalError::NotDigits);
    }
    if text.len() > 1 && text.starts_with('0') {
        return Err(DecimalError::LeadingZero);
    }
    // Only digits are left, so an error can only be an overflow.
    match text.parse::<u64>() {
        Ok(number) if number <= SIZE_MAX => Ok(number),
        _ => Err(DecimalError::TooLarge),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_has_one_form() {
        for number in [0, 1, 9, 10, 20_852_163, SIZE_MAX] {
            assert_eq!(parse(&number.to_string()), Ok(number));
        }
        for (text, error) in [
            ("", DecimalError::Empty),
            ("00", DecimalError::LeadingZero),
            ("01", DecimalError::LeadingZero),
            ("+1", DecimalError::NotDigits),
            ("-1", DecimalError::NotDigits),
            (" 1", DecimalError::NotDigits),
            ("1 ", DecimalError::NotDigits),
            ("0x1", DecimalError::NotDigits),
            ("1_000", DecimalError::NotDigits),
            ("\u{661}", DecimalError::NotDigits),
            ("9223372036854775808", DecimalError::TooLarge),
            ("18446744073709551616", DecimalError::TooLarge),
        ] {
            assert_eq!(parse(text), Err(error), "{text:?}");
        }
        assert_eq!(parse(&"9".repeat(100_000)), Err(DecimalError::TooLarge));
    }
}
