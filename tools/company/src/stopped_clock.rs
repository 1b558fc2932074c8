//! A clock that stands still while the demo serves, so that answers and pages are the same in each run.
//! Lines on stdin move it.

use std::io::{BufRead, Write};

use chrono::{DateTime, Utc};
use event::{Clock, Timestamp};

const SECOND_US: i64 = 1_000_000;
/// What a line may say.
const LINES: &str = "a line is 'clock +90m' (s, m, h or d) or 'clock 2026-06-30T12:00:00Z'";

/// An instant of RFC 3339.
pub(crate) fn instant(text: &str) -> Result<Timestamp, String> {
    let time: DateTime<Utc> = text.parse().map_err(|_| "not a time like 2026-06-30T12:00:00Z")?;
    let time = Timestamp(time.timestamp_micros());
    if time.is_writable() { Ok(time) } else { Err("not in the years 1970 to 9999".to_owned()) }
}

/// Obeys lines until there are no more, and answers each with what the clock shows then.
pub(crate) fn obey(clock: &Clock, lines: impl BufRead, mut answers: impl Write) {
    for line in lines.lines().map_while(Result::ok) {
        let answer = match moved(clock.now(), &line) {
            Ok(time) => {
                clock.set(time);
                format!("clock {time}")
            }
            Err(refused) => format!("refused: {refused}"),
        };
        if writeln!(answers, "{answer}").and_then(|()| answers.flush()).is_err() {
            break;
        }
    }
}

/// What the clock shows after a line. It never goes back: events would be stamped with the last event's
/// time.
fn moved(now: Timestamp, line: &str) -> Result<Timestamp, String> {
    let text = line.trim().strip_prefix("clock ").ok_or(LINES)?;
    let Some(step) = text.strip_prefix('+') else {
        let time = instant(text)?;
        return if time >= now { Ok(time) } else { Err(format!("the clock shows {now} already")) };
    };
    let unit_us: i64 = match step.chars().last() {
        Some('s') => SECOND_US,
        Some('m') => 60 * SECOND_US,
        Some('h') => 3_600 * SECOND_US,
        Some('d') => 86_400 * SECOND_US,
        _ => return Err(LINES.to_owned()),
    };
    let count: u32 = step[..step.len() - 1].parse().map_err(|_| LINES)?;
    let time = Timestamp(now.0.saturating_add(i64::from(count).saturating_mul(unit_us)));
    if time.is_writable() { Ok(time) } else { Err("that is after the year 9999".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_move_the_clock_ahead_and_are_answered() {
        let clock = Clock::manual(instant("2026-06-30T12:00:00Z").unwrap());
        let lines = "clock +90m\nclock 2026-07-01T08:00:00Z\nclock 2026-06-30T12:00:00Z\n\
                     clock +5\nclock +xd\nclock +\nclock +4294967295d\nstop\nclock +1s\n";
        let mut answers = Vec::new();
        obey(&clock, lines.as_bytes(), &mut answers);
        let answers = String::from_utf8(answers).unwrap();
        let refused = format!("refused: {LINES}");
        assert_eq!(
            answers.lines().collect::<Vec<&str>>(),
            [
                "clock 2026-06-30T13:30:00.000000Z",
                "clock 2026-07-01T08:00:00.000000Z",
                "refused: the clock shows 2026-07-01T08:00:00.000000Z already",
                &refused,
                &refused,
                &refused,
                "refused: that is after the year 9999",
                &refused,
                "clock 2026-07-01T08:00:01.000000Z",
            ]
        );
        assert_eq!(clock.now(), clock_at("2026-07-01T08:00:01Z"));
    }

    fn clock_at(text: &str) -> Timestamp {
        instant(text).unwrap()
    }

    #[test]
    fn only_instants_of_the_calendar_are_times() {
        for text in ["", "2026-06-30", "12:00", "now", "-1d"] {
            assert!(instant(text).is_err(), "{text}");
        }
        assert!(instant("1969-12-31T23:59:59Z").is_err());
        assert_eq!(clock_at("2026-06-30T14:00:00+02:00"), clock_at("2026-06-30T12:00:00Z"));
    }
}
