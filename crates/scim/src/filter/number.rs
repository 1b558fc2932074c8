//! Numbers in filters. They are compared exactly as decimals, because a float cannot hold all integers or
//! all decimals.

use std::cmp::Ordering;

use serde_json::Number;

/// Beyond the exponent of any float, and far from the limits of `i64`.
const EXPONENT_MAX: i64 = 1 << 40;

/// A number to compare with.
#[derive(Clone, Debug, PartialEq)]
pub struct Numeral {
    number: Number,
    decimal: Decimal,
}

impl Numeral {
    /// Reads a JSON number; `None` for other texts, and beyond the range of floats.
    pub(super) fn parse(text: &str) -> Option<Numeral> {
        let number = text.parse().ok()?;
        Some(Numeral { number, decimal: Decimal::of(text) })
    }

    /// As a JSON value, which may be rounded.
    pub(crate) fn as_number(&self) -> &Number {
        &self.number
    }

    /// Compares with a stored number exactly; neither is rounded.
    pub(super) fn compare(&self, stored: &Number) -> Ordering {
        self.decimal.compare(&Decimal::of(&stored.to_string()))
    }
}

/// `±0.d₁d₂d₃… · 10^point`, without zeros at either end.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Decimal {
    is_negative: bool,
    digits: Vec<u8>,
    point: i64,
}

impl Decimal {
    /// The value of a text that is a JSON number.
    fn of(text: &str) -> Decimal {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let mut digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).collect();
        let leading = digits.iter().take_while(|digit| **digit == b'0').count();
        digits.drain(..leading);
        digits.truncate(digits.iter().rposition(|digit| *digit != b'0').map_or(0, |at| at + 1));
        if digits.is_empty() {
            return Decimal { is_negative: false, digits, point: 0 };
        }
        // A number too small for a float can have an exponent of any length.
        let least = if exponent.starts_with('-') { -EXPONENT_MAX } else { EXPONENT_MAX };
        let exponent = exponent.parse().unwrap_or(least).clamp(-EXPONENT_MAX, EXPONENT_MAX);
        let point = exponent + whole.len() as i64 - leading as i64;
        Decimal { is_negative, digits, point }
    }

    fn compare(&self, other: &Decimal) -> Ordering {
        let sign = |one: &Decimal| match (one.digits.is_empty(), one.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let size = || self.point.cmp(&other.point).then_with(|| self.digits.cmp(&other.digits));
        sign(self).cmp(&sign(other)).then_with(|| match self.is_negative {
            true => size().reverse(),
            false => size(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_compared_without_rounding() {
        // Each is greater than the one before.
        let ascending = [
            "-1e300",
            "-9223372036854775809",
            "-9223372036854775808",
            "-9007199254740993",
            "-9007199254740992",
            "-1.5",
            "-1",
            "-0.25",
            "-1e-9223372036854775808",
            "0",
            "0.001e-99999999999999999999",
            "0.1",
            "0.5",
            "1",
            "9007199254740992",
            "9007199254740992.5",
            "9007199254740993",
            "9223372036854775807",
            "9223372036854775808",
            "9223372036854775809",
            "18446744073709551615",
            "18446744073709551615.5",
            "18446744073709551617",
            "1e300",
        ];
        for (i, one) in ascending.iter().enumerate() {
            for (j, other) in ascending.iter().enumerate() {
                let one = Numeral::parse(one).unwrap();
                assert_eq!(one.decimal.compare(&Decimal::of(other)), i.cmp(&j), "{one:?} {other}");
            }
        }
        for (one, other) in [("0", "-0.0"), ("0", "0e9"), ("10", "1e1"), ("1.50", "15E-1")] {
            let number: Number = other.parse().unwrap();
            assert_eq!(Numeral::parse(one).unwrap().compare(&number), Ordering::Equal, "{other}");
        }
        for text in ["", "1.", "x", "1e999", "01", "--1", "NaN"] {
            assert_eq!(Numeral::parse(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn integers_and_floats_are_ordered_as_they_are(
            a in any::<i64>(), b in any::<u64>(), x in -1e18..1e18_f64, y in -1e-3..1e3_f64,
        ) {
            let compare = |one: Number, other: Number| {
                Numeral::parse(&one.to_string()).unwrap().compare(&other)
            };
            prop_assert_eq!(compare(a.into(), b.into()), i128::from(a).cmp(&i128::from(b)));
            let (x_number, y_number) = (Number::from_f64(x).unwrap(), Number::from_f64(y).unwrap());
            prop_assert_eq!(compare(x_number.clone(), y_number), x.partial_cmp(&y).unwrap());
            prop_assert_eq!(compare(x_number.clone(), x_number), Ordering::Equal);
        }
    }
}
