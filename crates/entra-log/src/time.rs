//! Parses the notations of an instant in the source's exports.
//!
//! ```text
//!  2026-03-09T08:02:11.441Z   ISO 8601: `T` or a space, fractions and zone or none
//!  2026/3/9 8:02:11           the same with slashes or dots
//!  3/9/2026 8:02:11 PM        day and month in the order of the whole file
//!  9.3.2026 20:02:11          with dots the day is first
//!  /Date(1773043331000)/      of old .NET: milliseconds since 1970
//!  1773043331441              seconds, milli- or microseconds since 1970
//! ```
//!
//! Without a zone it is UTC. Digits finer than a microsecond are dropped.

use chrono::{DateTime, NaiveDate, SecondsFormat};

use super::dates::DateOrder;

/// Why a text cannot be read as an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotRead {
    /// It is not an instant, or not in the years 2000 to 2199.
    NoInstant,
    /// The order of day and month is not known, and both readings are dates.
    NoOrder,
}

impl NotRead {
    /// What is expected instead.
    pub(super) fn text(self) -> &'static str {
        match self {
            NotRead::NoInstant => "expected an instant from 2000 to 2199",
            NotRead::NoOrder => {
                "expected a date whose day and month are told apart; say which is first with \
                 `dates`: dmy or mdy"
            }
        }
    }
}

/// Microseconds since 1970. `dates` is the order of day and month in the file.
pub(super) fn parse(text: &str, dates: Option<DateOrder>) -> Result<i64, NotRead> {
    let text = plain(text);
    if let Some(at_us) = of_number_text(&text) {
        return at_us.ok_or(NotRead::NoInstant);
    }
    let mut reader = Reader { rest: text.trim().as_bytes() };
    let date = reader.date().ok_or(NotRead::NoInstant)?;
    let day = match date {
        Date::Known(day) => Some(day),
        Date::Slashed { first, second, year } => {
            let month_first = NaiveDate::from_ymd_opt(year, first, second);
            let day_first = NaiveDate::from_ymd_opt(year, second, first);
            match (dates, month_first, day_first) {
                (Some(DateOrder::MonthFirst), day, _) | (Some(DateOrder::DayFirst), _, day) => day,
                (None, Some(one), Some(other)) if one != other => return Err(NotRead::NoOrder),
                (None, one, other) => one.or(other),
            }
        }
    };
    let local_us = reader.time_us();
    let at_us = day.zip(local_us).and_then(|(day, time_us)| {
        let midnight = day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_micros();
        in_range(midnight + time_us)
    });
    at_us.ok_or(NotRead::NoInstant)
}

/// The first two numbers of a date with slashes or dashes and the year at the end. [`super::Dates`] finds
/// their order from all dates of the file.
pub(super) fn slashed(text: &str) -> Option<(u32, u32)> {
    let text = plain(text);
    let mut reader = Reader { rest: text.trim().as_bytes() };
    match reader.date()? {
        Date::Slashed { first, second, .. } => Some((first, second)),
        Date::Known(_) => None,
    }
}

/// Seconds, milliseconds or microseconds since 1970. For the years 2000 to 2199 their ranges do not
/// overlap.
pub(super) fn of_number(number: &serde_json::Number) -> Option<i64> {
    if let Some(whole) = number.as_i64() {
        return [1_000_000, 1_000, 1]
            .into_iter()
            .find_map(|unit| in_range(whole.checked_mul(unit)?));
    }
    let number = number.as_f64()?;
    [1e6, 1e3, 1.0].into_iter().find_map(|unit| {
        let us = (number * unit).floor();
        // Floats beyond this are not exact, and our range ends before it.
        (us.abs() < 9e15).then_some(us as i64).and_then(in_range)
    })
}

/// The instant of a number in a text; the outer `None` if the text is not a number.
fn of_number_text(text: &str) -> Option<Option<i64>> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix("/Date(").or_else(|| text.strip_prefix("\\/Date(")) {
        let digits = rest.strip_suffix(")/").or_else(|| rest.strip_suffix(")\\/"))?;
        // A zone behind the number does not change the instant.
        let zone = digits.char_indices().skip(1).find(|(_, c)| matches!(c, '+' | '-'));
        let digits = zone.map_or(digits, |(at, _)| &digits[..at]);
        let ms = digits.parse::<i64>().ok();
        return Some(ms.and_then(|ms| in_range(ms.checked_mul(1_000)?)));
    }
    let is_number =
        !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number = text.parse::<serde_json::Number>().ok().filter(|_| is_number)?;
    Some(of_number(&number))
}

fn in_range(at_us: i64) -> Option<i64> {
    // 2000-01-01 and 2200-01-01.
    (946_684_800_000_000..7_258_118_400_000_000).contains(&at_us).then_some(at_us)
}

/// Replaces the no-break spaces, and removes the direction marks, that browsers write.
fn plain(text: &str) -> std::borrow::Cow<'_, str> {
    if text.is_ascii() {
        return text.into();
    }
    let chars = text.chars().filter(|c| !matches!(c, '\u{200e}' | '\u{200f}'));
    let plain = chars.map(|c| if matches!(c, '\u{a0}' | '\u{202f}') { ' ' } else { c });
    plain.collect::<String>().into()
}

enum Date {
    Known(NaiveDate),
    /// Either of the first two may be the day.
    Slashed {
        first: u32,
        second: u32,
        year: i32,
    },
}

/// RFC 3339 in UTC, in microseconds.
pub(super) fn text(at_us: i64) -> Option<String> {
    let at = DateTime::from_timestamp_micros(at_us)?;
    Some(at.to_rfc3339_opts(SecondsFormat::Micros, true))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    /// Reads the date and what separates it from the time.
    fn date(&mut self) -> Option<Date> {
        let (first, first_digits) = self.number(4)?;
        let separator = self.one(b"-/.")?;
        let second = self.number(2)?.0;
        self.one(&[separator])?;
        let (third, third_digits) = self.number(4)?;
        let year = |year: u32| i32::try_from(year).ok();
        let date = if first_digits == 4 {
            Date::Known(NaiveDate::from_ymd_opt(year(first)?, second, third)?)
        } else if third_digits != 4 || first_digits > 2 {
            return None;
        } else if separator == b'.' {
            Date::Known(NaiveDate::from_ymd_opt(year(third)?, second, first)?)
        } else {
            Date::Slashed { first, second, year: year(third)? }
        };
        let _ = self.one(b",");
        self.one(b"Tt ")?;
        self.spaces();
        Some(date)
    }

    /// Reads the time of day and the zone to the end of the text: microseconds since midnight UTC.
    fn time_us(&mut self) -> Option<i64> {
        let mut hour = self.number(2)?.0;
        self.one(b":")?;
        let minute = self.number(2)?.0;
        let second = if self.one(b":").is_some() { self.number(2)?.0 } else { 0 };
        let fraction_us = if self.one(b".,").is_some() { self.fraction_us()? } else { 0 };
        self.spaces();
        if let Some(half) = self.one(b"AaPp") {
            let _ = self.one(b".");
            self.spaces();
            self.one(b"Mm")?;
            let _ = self.one(b".");
            if !(1..=12).contains(&hour) {
                return None;
            }
            hour = hour % 12 + if half.eq_ignore_ascii_case(&b'p') { 12 } else { 0 };
            self.spaces();
        }
        let offset_minutes = self.offset_minutes()?;
        // A leap second counts as the next second, as in Unix time.
        if !self.rest.is_empty() || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let seconds =
            i64::from(hour * 3_600 + minute * 60 + second) - i64::from(offset_minutes) * 60;
        Some(seconds * 1_000_000 + i64::from(fraction_us))
    }

    /// Reads one byte out of `any`.
    fn one(&mut self, any: &[u8]) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        any.contains(byte).then(|| self.rest = rest)?;
        Some(*byte)
    }

    fn spaces(&mut self) {
        while self.one(b" ").is_some() {}
    }

    /// Reads 1 to `digits_max` digits: the number, and how many digits.
    fn number(&mut self, digits_max: usize) -> Option<(u32, usize)> {
        let mut number = 0;
        let mut digits = 0;
        while digits < digits_max
            && let Some(digit) = self.one(b"0123456789")
        {
            number = number * 10 + u32::from(digit - b'0');
            digits += 1;
        }
        (digits > 0).then_some((number, digits))
    }

    fn fraction_us(&mut self) -> Option<u32> {
        let (number, digits) = self.number(9)?;
        let scale = 10_u32.pow(u32::try_from(digits).ok()?);
        u32::try_from(u64::from(number) * 1_000_000 / u64::from(scale)).ok()
    }

    /// `Z`, `UTC`, `+02:00`, `+0200`, `+02` or nothing.
    fn offset_minutes(&mut self) -> Option<i32> {
        if self.one(b"Zz").is_some() || self.rest.is_empty() {
            return Some(0);
        }
        if let Some(rest) = self.rest.strip_prefix(b"UTC") {
            self.rest = rest;
            return Some(0);
        }
        let sign = if self.one(b"+-")? == b'-' { -1 } else { 1 };
        let hours = i32::try_from(self.number(2)?.0).ok()?;
        let _ = self.one(b":");
        let minutes = if self.rest.is_empty() { 0 } else { self.number(2)?.0 };
        let minutes = i32::try_from(minutes).ok()?;
        (hours <= 18 && minutes < 60).then_some(sign * (hours * 60 + minutes))
    }
}

#[cfg(test)]
mod tests {
    use super::{DateOrder, NotRead, of_number, parse, text};

    /// Dates with slashes are those of a file whose month is first.
    fn check(written: &str, instant: Option<&str>) {
        let found = parse(written, Some(DateOrder::MonthFirst)).ok().and_then(text);
        assert_eq!(found.as_deref(), instant, "{written}");
    }

    #[test]
    fn every_spelling_of_an_instant_is_read() {
        let whole = Some("2026-03-09T08:02:11.000000Z");
        for written in [
            "2026-03-09T08:02:11Z",
            "2026-03-09T08:02:11",
            "2026-03-09 08:02:11",
            "2026-03-09T08:02:11.00Z",
            "2026-03-09T08:02:11.000000000Z",
            "2026-03-09T10:02:11+02:00",
            "2026-03-09T10:02:11+0200",
            "2026-03-09T02:32:11-05:30",
            "2026-03-09 08:02:11 UTC",
            "03/09/2026 08:02:11",
            "3/9/2026 8:02:11",
            "3/9/2026 8:02:11 AM",
            "3/9/2026, 8:02:11 AM",
            "03/09/2026 08:02:11 +00:00",
            "03/09/2026 10:02:11 AM +02:00",
            " 2026-03-09T08:02:11Z ",
            "2026/3/9 8:02:11",
            "2026/03/09T08:02:11Z",
            "2026.3.9 8:02:11",
            "9.3.2026 8:02:11",
            "3-9-2026 08:02:11",
            "3/9/2026, 8:02:11\u{202f}AM",
            "\u{200e}3/9/2026 8:02:11 a.m.",
            "/Date(1773043331000)/",
            "\\/Date(1773043331000)\\/",
            "/Date(1773043331000+0100)/",
            "1773043331",
            "1773043331000",
            "1773043331000000",
        ] {
            check(written, whole);
        }
        check("3/9/2026 8:02:11 PM", Some("2026-03-09T20:02:11.000000Z"));
        check("3/9/2026 12:02:11 AM", Some("2026-03-09T00:02:11.000000Z"));
        check("3/9/2026 12:02:11 PM", Some("2026-03-09T12:02:11.000000Z"));
    }

    #[test]
    fn digits_finer_than_a_microsecond_are_cut_off() {
        check("2026-03-09T08:02:11.4410279Z", Some("2026-03-09T08:02:11.441027Z"));
        check("2026-03-09T08:02:11.999999999Z", Some("2026-03-09T08:02:11.999999Z"));
        check("2026-03-09T08:02:11.5Z", Some("2026-03-09T08:02:11.500000Z"));
    }

    #[test]
    fn what_is_no_instant_or_an_absurd_one_is_not_read() {
        for written in [
            "",
            "yesterday",
            "2026-03-09",
            "2026-13-09T08:02:11Z",
            "2026-02-30T08:02:11Z",
            "2026-03-09T25:02:11Z",
            "2026-03-09T08:02:11.Z",
            "2026-03-09T08:02:11Zulu",
            "2026-03-09T08:02:11+99:00",
            "3/9/2026 13:02:11 PM",
            "13/9/2026 08:02:11",
            "1999-12-31T23:59:59Z",
            "2200-01-01T00:00:00Z",
            "0001-01-01T00:00:00Z",
            "2026/13/9 8:02:11",
            "2026/3-9 8:02:11",
            "3/9/26 8:02:11",
            "/Date(12)/",
            "/Date(x)/",
            "/Date(-1773043331000)/",
            "1",
            "17730433310000000000",
            "2026-03-09T08:60:11Z",
        ] {
            check(written, None);
        }
    }

    #[test]
    fn day_and_month_change_places_with_the_order_of_the_file() {
        let read = |written, dates| parse(written, dates).map(|at_us| text(at_us).unwrap());
        let (may, october) = ("2026-05-10T08:00:00.000000Z", "2026-10-05T08:00:00.000000Z");
        let written = "05/10/2026 08:00:00";
        assert_eq!(read(written, Some(DateOrder::MonthFirst)), Ok(may.to_owned()));
        assert_eq!(read(written, Some(DateOrder::DayFirst)), Ok(october.to_owned()));
        assert_eq!(read(written, None), Err(NotRead::NoOrder));
        // What has one reading needs no order, and takes none that contradicts it.
        let one = "25/10/2026 08:00:00";
        assert_eq!(read(one, None), Ok("2026-10-25T08:00:00.000000Z".to_owned()));
        assert_eq!(read(one, Some(DateOrder::MonthFirst)), Err(NotRead::NoInstant));
        assert_eq!(read("07/07/2026 08:00:00", None), Ok("2026-07-07T08:00:00.000000Z".to_owned()));
    }

    #[test]
    fn numbers_are_seconds_or_fractions_of_them() {
        let check = |json: &str, instant: Option<&str>| {
            let number: serde_json::Number = serde_json::from_str(json).unwrap();
            assert_eq!(of_number(&number).and_then(text).as_deref(), instant, "{json}");
        };
        let instant = Some("2026-09-14T08:02:11.441000Z");
        for json in ["1789372931441", "1789372931441000", "1.789372931441e12"] {
            check(json, instant);
        }
        check("1789372931", Some("2026-09-14T08:02:11.000000Z"));
        check("1789372931.5", Some("2026-09-14T08:02:11.500000Z"));
        for json in ["0", "-1789372931441", "1e300", "18446744073709551615", "5"] {
            check(json, None);
        }
    }
}
