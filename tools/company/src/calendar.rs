//! When things happen: working days, the provider's cycles, and the times without a recorder.

use chrono::{Datelike, NaiveTime, Weekday};
use event::Timestamp;

use crate::Plan;

pub(crate) const SECOND_US: i64 = 1_000_000;
pub(crate) const MINUTE_US: i64 = 60 * SECOND_US;
pub(crate) const HOUR_US: i64 = 60 * MINUTE_US;
pub(crate) const DAY_US: i64 = 24 * HOUR_US;

const CYCLE_US: i64 = 40 * MINUTE_US;
const FIRST_CYCLE_US: i64 = 7 * HOUR_US;
const CYCLES_PER_DAY: i64 = 18;

/// How an outage of the recorder began.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// An orderly stop, for an upgrade.
    Stopped,
    /// Killed in the middle of a cycle.
    Killed,
}

/// A time without a recorder.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Outage {
    pub(crate) from: Timestamp,
    pub(crate) to: Timestamp,
    pub(crate) ending: Ending,
}

/// The days of a history.
pub(crate) struct Calendar {
    pub(crate) start: Timestamp,
    /// Midnights of the working days; the last one may be today and incomplete.
    pub(crate) workdays: Vec<Timestamp>,
    /// How many of them are complete.
    full: usize,
    end: Timestamp,
}

impl Calendar {
    pub(crate) fn new(plan: &Plan) -> Calendar {
        let start = after(plan.end, -(i64::from(plan.days) * DAY_US));
        let today = plan.end.to_utc().date_naive().and_time(NaiveTime::MIN).and_utc();
        let today = Timestamp(today.timestamp_micros());
        let days = (0..i64::from(plan.days)).rev().map(|back| after(today, -(back * DAY_US)));
        let workdays: Vec<Timestamp> = days.filter(|day| is_workday(*day)).collect();
        let over = |day: &&Timestamp| after(**day, 20 * HOUR_US) <= plan.end;
        let full = workdays.iter().filter(over).count();
        Calendar { start, workdays, full, end: plan.end }
    }

    /// The index of the working day at `permille` thousandths of the history.
    pub(crate) fn place(&self, permille: usize) -> usize {
        ((self.full - 1) * permille + 500) / 1000
    }

    /// The nearest working day to that which is followed by another one.
    fn place_with_next(&self, permille: usize) -> usize {
        let wanted = self.place(permille);
        let followed = |place: &usize| {
            self.workdays.get(place + 1) == Some(&after(self.workdays[*place], DAY_US))
        };
        let places = (0..self.full).filter(followed);
        places.min_by_key(|place| place.abs_diff(wanted)).unwrap_or(wanted)
    }

    /// When the cycles of a working day begin.
    pub(crate) fn cycles(&self, place: usize) -> impl Iterator<Item = Timestamp> {
        let (day, end) = (self.workdays[place], self.end);
        let begins =
            (0..CYCLES_PER_DAY).map(move |cycle| after(day, FIRST_CYCLE_US + cycle * CYCLE_US));
        begins.filter(move |begin| after(*begin, CYCLE_US) <= end)
    }

    /// The upgrade: five hours from a morning on.
    pub(crate) fn upgrade(&self) -> Outage {
        let day = self.workdays[self.place(280)];
        let from = after(day, 10 * HOUR_US + 5 * MINUTE_US);
        Outage { from, to: after(from, 5 * HOUR_US), ending: Ending::Stopped }
    }

    /// The working day on which the recorder is killed in the afternoon.
    pub(crate) fn crash_place(&self) -> usize {
        self.place_with_next(500)
    }

    /// The crash: noticed only two days later in the morning.
    pub(crate) fn crash(&self) -> Outage {
        let day = self.workdays[self.crash_place()];
        let cycle = after(day, FIRST_CYCLE_US + 14 * CYCLE_US);
        let to = after(day, 2 * DAY_US + 8 * HOUR_US + 5 * MINUTE_US);
        Outage { from: after(cycle, 3 * SECOND_US), to, ending: Ending::Killed }
    }
}

pub(crate) fn after(time: Timestamp, micros: i64) -> Timestamp {
    Timestamp(time.0 + micros)
}

/// The date of an instant, as questions write it.
pub(crate) fn date(time: Timestamp) -> String {
    time.to_utc().format("%Y-%m-%d").to_string()
}

fn is_workday(day: Timestamp) -> bool {
    !matches!(day.to_utc().weekday(), Weekday::Sat | Weekday::Sun)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DAYS_MIN;

    /// 2026-03-20T00:00:00Z.
    const MIDNIGHT: Timestamp = Timestamp(1_773_964_800_000_000);

    #[test]
    fn the_recorder_is_down_over_the_end_of_the_day_after_the_crash() {
        for (days, hours) in
            (DAYS_MIN..40).flat_map(|days| (0..168).map(move |hours| (days, hours)))
        {
            let end = after(MIDNIGHT, hours * HOUR_US);
            let calendar = Calendar::new(&Plan { seed: 1, days, end, headcount: 50 });
            let (upgrade, crash) = (calendar.upgrade(), calendar.crash());
            let day = calendar.workdays[calendar.crash_place()];
            let day_after = after(day, 2 * DAY_US - 1);
            assert!(crash.covers(day_after), "{days} {hours}");
            assert!(is_workday(after(day, DAY_US)), "somebody works on the day after");
            assert!(upgrade.to < crash.from && crash.to < end, "{days} {hours}");
            assert!(calendar.crash_place() > 0 && calendar.workdays[0] > calendar.start);
            let last = calendar.cycles(calendar.workdays.len() - 1).last();
            assert!(last.is_none_or(|last| after(last, CYCLE_US) <= end));
            // The steps of the story are on different days.
            let places = [120, 400, 750, 870, 1000].map(|permille| calendar.place(permille));
            assert!(places.is_sorted_by(|one, next| one < next), "{days} {hours}: {places:?}");
        }
    }
}
