//! Parses the instants in questions.

use chrono::{
    DateTime, Datelike, Days, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeZone,
};
use chrono_tz::Tz;
use event::Timestamp;

use crate::duration;

/// What an instant is used for, which decides what a date means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    /// The instant that is asked about: a date means its last instant.
    At,
    /// The start of a time range, included: a date means its first instant.
    From,
    /// The end of a time range, excluded: a date means the first instant of the next day.
    To,
}

impl Role {
    /// The accepted forms, for the error.
    pub(crate) fn accepted(self) -> &'static str {
        match self {
            Role::At => {
                "an RFC 3339 time (2026-03-31T17:00:00Z, an offset is fine), a date (2026-03-31: its \
                 last instant, in UTC unless `tz` says otherwise), or a time before now (-90d; units s, m, h, d, w)"
            }
            Role::From => {
                "an RFC 3339 time (2026-03-31T17:00:00Z, an offset is fine), a date (2026-03-31: from \
                 its start on, in UTC unless `tz` says otherwise), or a time before now (-90d; units s, m, h, d, w)"
            }
            Role::To => {
                "an RFC 3339 time (2026-03-31T17:00:00Z, an offset is fine), a date (2026-03-31: to \
                 its end, in UTC unless `tz` says otherwise), or a time before now (-90d; units s, m, h, d, w)"
            }
        }
    }
}

/// Where days begin: a zone by its name in the IANA database, or an offset.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Zone {
    Named(Tz),
    Offset(FixedOffset),
}

impl Zone {
    pub(crate) const UTC: Zone = Zone::Named(Tz::UTC);
    pub(crate) const ACCEPTED: &'static str =
        "a time zone by name (Europe/Oslo) or an offset from UTC (+02:00)";

    pub(crate) fn parse(text: &str) -> Option<Zone> {
        if let Ok(zone) = text.parse::<Tz>() {
            return Some(Zone::Named(zone));
        }
        // In a query `+` means a space.
        let offset = match text.strip_prefix(' ') {
            Some(rest) => format!("+{rest}"),
            None => text.to_owned(),
        };
        let is_offset = offset.len() == 6 && offset.as_bytes().get(3) == Some(&b':');
        offset.parse().ok().filter(|_| is_offset).map(Zone::Offset)
    }

    /// The first instant of a day; not midnight if the clocks skip midnight.
    fn start_of(self, date: NaiveDate) -> Option<i64> {
        let midnight = date.and_time(NaiveTime::MIN);
        (0..=26).find_map(|quarters| {
            let local = midnight + chrono::TimeDelta::minutes(15 * quarters);
            self.micros_of(local)
        })
    }

    fn micros_of(self, local: NaiveDateTime) -> Option<i64> {
        match self {
            Zone::Named(zone) => {
                zone.from_local_datetime(&local).earliest().map(|time| time.timestamp_micros())
            }
            Zone::Offset(zone) => {
                zone.from_local_datetime(&local).earliest().map(|time| time.timestamp_micros())
            }
        }
    }
}

/// The instant that a text means at `now`. Also `None` for years that RFC 3339 cannot write, so that an
/// answer can repeat every accepted instant.
pub(crate) fn parse(text: &str, role: Role, now: Timestamp, zone: Zone) -> Option<Timestamp> {
    let found = resolve(text, role, now, zone)?;
    let time = DateTime::from_timestamp_micros(found.0)?;
    (0..=9_999).contains(&time.year()).then_some(found)
}

fn resolve(text: &str, role: Role, now: Timestamp, zone: Zone) -> Option<Timestamp> {
    if let Some(back) = text.strip_prefix('-') {
        return relative(back, now);
    }
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        // chrono accepts years and months of any length; we accept only the form that the error shows.
        return if text.len() == 10 { of_date(date, role, zone) } else { None };
    }
    let time = DateTime::parse_from_rfc3339(&with_plus(text)).ok()?;
    Some(Timestamp(time.timestamp_micros()))
}

/// In a query `+` means a space, and few clients escape the one before an offset.
fn with_plus(text: &str) -> String {
    match text.len().checked_sub(6).and_then(|place| text.split_at_checked(place)) {
        Some((time, offset)) if offset.starts_with(' ') => format!("{time}+{}", &offset[1..]),
        Some(_) | None => text.to_owned(),
    }
}

fn of_date(date: NaiveDate, role: Role, zone: Zone) -> Option<Timestamp> {
    let next = date.checked_add_days(Days::new(1))?;
    Some(Timestamp(match role {
        Role::At => zone.start_of(next)? - 1,
        Role::From => zone.start_of(date)?,
        Role::To => zone.start_of(next)?,
    }))
}

fn relative(back: &str, now: Timestamp) -> Option<Timestamp> {
    let micros = i64::try_from(duration::seconds(back)?).ok()?.checked_mul(1_000_000)?;
    Some(Timestamp(now.0.checked_sub(micros)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_accepted_form_resolves() {
        let now = Timestamp(1_772_442_847_000_000); // 2026-03-02T09:14:07Z
        let check = |text: &str, expected: &str| {
            let found = parse(text, Role::At, now, Zone::UTC).map(|time| time.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{text}");
        };
        check("2026-03-31T17:00:00Z", "2026-03-31T17:00:00.000000Z");
        check("2026-03-31T17:00:00+02:00", "2026-03-31T15:00:00.000000Z");
        check("2026-03-31T17:00:00 02:00", "2026-03-31T15:00:00.000000Z");
        check("2026-03-31T17:00:00.1234567-01:30", "2026-03-31T18:30:00.123456Z");
        check("2026-03-31", "2026-03-31T23:59:59.999999Z");
        check("2024-02-29", "2024-02-29T23:59:59.999999Z");
        check("-7s", "2026-03-02T09:14:00.000000Z");
        check("-14m", "2026-03-02T09:00:07.000000Z");
        check("-9h", "2026-03-02T00:14:07.000000Z");
        check("-1d", "2026-03-01T09:14:07.000000Z");
        check("-1w", "2026-02-23T09:14:07.000000Z");
    }

    #[test]
    fn a_date_is_its_end_its_start_or_the_start_of_the_next() {
        let check = |role: Role, text: &str, expected: &str| {
            let found = parse(text, role, Timestamp(0), Zone::UTC).map(|time| time.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{role:?} {text}");
        };
        check(Role::At, "2026-03-31", "2026-03-31T23:59:59.999999Z");
        check(Role::From, "2026-03-31", "2026-03-31T00:00:00.000000Z");
        check(Role::To, "2026-03-31", "2026-04-01T00:00:00.000000Z");
        for role in [Role::At, Role::From, Role::To] {
            check(role, "2026-03-31T17:00:00Z", "2026-03-31T17:00:00.000000Z");
        }
        assert_eq!(parse("9999-12-31", Role::To, Timestamp(0), Zone::UTC), None, "no year 10000");
    }

    #[test]
    fn other_forms_are_refused() {
        let refused = [
            "",
            "-",
            "-d",
            "-1",
            "-1y",
            "--1d",
            "-+1d",
            "-1.5d",
            "1d",
            "-99999999999999w",
            "-9999999w",
            "now",
            "2026-3-1",
            "2026-02-30",
            "2026-03",
            "2026-03-31T17:00",
            "-1é",
            "2026-03-31T17:00:00",
            "0000-01-01T00:00:00+01:00",
            "éééé",
            "1772442847",
        ];
        for text in refused {
            assert_eq!(parse(text, Role::At, Timestamp(0), Zone::UTC), None, "{text}");
        }
    }

    #[test]
    fn a_day_is_that_of_its_zone() {
        let check = |zone: &str, role: Role, text: &str, expected: &str| {
            let zone = Zone::parse(zone).unwrap();
            let found = parse(text, role, Timestamp(0), zone).map(|time| time.to_string());
            assert_eq!(found.as_deref(), Some(expected), "{zone:?} {role:?} {text}");
        };
        check("Europe/Oslo", Role::At, "2026-03-31", "2026-03-31T21:59:59.999999Z");
        check("Europe/Oslo", Role::From, "2026-03-29", "2026-03-28T23:00:00.000000Z");
        check("Europe/Oslo", Role::To, "2026-03-29", "2026-03-29T22:00:00.000000Z");
        check("+05:30", Role::From, "2026-03-31", "2026-03-30T18:30:00.000000Z");
        check(" 05:30", Role::From, "2026-03-31", "2026-03-30T18:30:00.000000Z");
        // The clocks went from 24:00 to 01:00: the day began at 01:00.
        check("Asia/Beirut", Role::From, "2022-03-27", "2022-03-26T22:00:00.000000Z");
        check("Europe/Oslo", Role::At, "2026-03-31T12:00:00Z", "2026-03-31T12:00:00.000000Z");
        for other in ["", "Oslo", "2", "+2", "+0200", "+25:00", "UTC+1"] {
            assert_eq!(Zone::parse(other), None, "{other}");
        }
    }
}
