//! The spellings of an instant in the source's exports.
//!
//! ISO 8601 with `T` or a space, with or without fractions and zone, and the American `3/9/2026 8:02:11
//! PM`. No zone means UTC. Digits finer than a microsecond are cut off.

use chrono::{DateTime, NaiveDate, SecondsFormat};

/// Microseconds since 1970; nothing when it is no instant of the years 2000 to 2199.
pub(super) fn parse(text: &str) -> Option<i64> {
    let mut reader = Reader { rest: text.trim().as_bytes() };
    let (first, first_digits) = reader.number(4)?;
    let (year, month, day) = if first_digits == 4 {
        reader.one(b"-")?;
        let month = reader.number(2)?.0;
        reader.one(b"-")?;
        (first, month, reader.number(2)?.0)
    } else {
        reader.one(b"/")?;
        let day = reader.number(2)?.0;
        reader.one(b"/")?;
        (reader.number(4)?.0, first, day)
    };
    let _ = reader.one(b",");
    reader.one(b"Tt ")?;
    reader.spaces();
    let mut hour = reader.number(2)?.0;
    reader.one(b":")?;
    let minute = reader.number(2)?.0;
    let second = if reader.one(b":").is_some() { reader.number(2)?.0 } else { 0 };
    let fraction_us = if reader.one(b".,").is_some() { reader.fraction_us()? } else { 0 };
    reader.spaces();
    if let Some(half) = reader.one(b"AaPp") {
        reader.one(b"Mm")?;
        if !(1..=12).contains(&hour) {
            return None;
        }
        hour = hour % 12 + if half.eq_ignore_ascii_case(&b'p') { 12 } else { 0 };
        reader.spaces();
    }
    let offset_minutes = reader.offset_minutes()?;
    if !reader.rest.is_empty() || !(2000..2200).contains(&year) {
        return None;
    }
    let local = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?.and_hms_micro_opt(
        hour,
        minute,
        second,
        fraction_us,
    )?;
    Some(local.and_utc().timestamp_micros() - i64::from(offset_minutes) * 60_000_000)
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
    /// One byte of `any`.
    fn one(&mut self, any: &[u8]) -> Option<u8> {
        let (byte, rest) = self.rest.split_first()?;
        any.contains(byte).then(|| self.rest = rest)?;
        Some(*byte)
    }

    fn spaces(&mut self) {
        while self.one(b" ").is_some() {}
    }

    /// One to `digits_max` digits, and how many they were.
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
    use super::{parse, text};

    fn check(written: &str, instant: Option<&str>) {
        let found = parse(written).and_then(text);
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
        ] {
            check(written, None);
        }
    }
}
