//! Parses durations in questions: `1d`, `1h30m`, or ISO 8601 such as `P1DT12H`. Used for every parameter
//! that takes a duration or a time before now.

/// The accepted forms, for the error.
pub(crate) const ACCEPTED: &str = "a duration such as 1d, 24h or 1h30m (units s, m, h, d, w), or one of ISO 8601 such as P1D or PT24H";

const WEEK: u64 = 7 * DAY;
const DAY: u64 = 86_400;
const HOUR: u64 = 3_600;
const MINUTE: u64 = 60;

/// Units and their seconds, the largest first.
type Units = [(char, u64)];

const SHORT: &Units = &[('w', WEEK), ('d', DAY), ('h', HOUR), ('m', MINUTE), ('s', 1)];
const ISO_DATE: &Units = &[('W', WEEK), ('D', DAY)];
const ISO_TIME: &Units = &[('H', HOUR), ('M', MINUTE), ('S', 1)];

/// The seconds of a duration without a sign; `None` if it is invalid or too large. A month has no fixed
/// length, so there is no unit for it.
pub(crate) fn seconds(text: &str) -> Option<u64> {
    let Some(iso) = text.strip_prefix('P') else { return sum(text, SHORT) };
    match iso.split_once('T') {
        None => sum(iso, ISO_DATE),
        Some(("", time)) => sum(time, ISO_TIME),
        Some((date, time)) => sum(date, ISO_DATE)?.checked_add(sum(time, ISO_TIME)?),
    }
}

/// Adds up counts with their units, from large to small, each at most once; at least one.
fn sum(mut text: &str, mut units: &Units) -> Option<u64> {
    let mut total = 0_u64;
    loop {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (count, rest) = text.split_at(digits);
        let unit = rest.chars().next()?;
        let place = units.iter().position(|(name, _)| *name == unit)?;
        let (_, seconds) = units.get(place)?;
        total = total.checked_add(count.parse::<u64>().ok()?.checked_mul(*seconds)?)?;
        units = units.get(place + 1..)?;
        text = rest.get(unit.len_utf8()..)?;
        if text.is_empty() {
            return Some(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::seconds;

    #[test]
    fn durations_are_counted_in_seconds() {
        let check =
            |text: &str, expected: Option<u64>| assert_eq!(seconds(text), expected, "{text}");
        for (text, expected) in [
            ("PT24H", 86_400),
            ("P1D", 86_400),
            ("P1W", 604_800),
            ("P1DT2H3M4S", 93_784),
            ("PT0S", 0),
            ("1d", 86_400),
            ("24h", 86_400),
            ("40m", 2_400),
            ("90s", 90),
            ("2w", 1_209_600),
            ("1h30m", 5_400),
        ] {
            check(text, Some(expected));
        }
        for other in [
            "",
            "P",
            "PT",
            "24H",
            "P1",
            "P1H",
            "PT1D",
            "P1DT",
            "PT1S1H",
            "PT1H1H",
            "P-1D",
            "P1.5D",
            "PTé",
            "1",
            "d",
            "-1d",
            "1 d",
            "1M",
            "1y",
            "1m1h",
            "1.5h",
            "1é",
            "P1d",
            "+1d",
            "18446744073709551615d",
        ] {
            check(other, None);
        }
    }
}
