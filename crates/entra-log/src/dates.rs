//! Decides whether `05/10/2026` is in May or in October: one order for a whole file, from all of its
//! dates, before the first entry is imported.

use std::fmt;
use std::str::FromStr;

use serde_json::value::RawValue;
use serde_json::{Map, Value};

use super::shape::get;
use super::time;

/// The order of day and month in a date that ends with the year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DateOrder {
    /// The day: `25/10/2026`.
    DayFirst,
    /// The month: `10/25/2026`.
    MonthFirst,
}

/// No order has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the order of dates is `dmy` or `mdy`")]
pub struct NoSuchOrder;

impl DateOrder {
    /// Its name for `--dates`.
    pub fn name(self) -> &'static str {
        match self {
            DateOrder::DayFirst => "dmy",
            DateOrder::MonthFirst => "mdy",
        }
    }
}

impl fmt::Display for DateOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for DateOrder {
    type Err = NoSuchOrder;

    fn from_str(name: &str) -> Result<DateOrder, NoSuchOrder> {
        let all = [DateOrder::DayFirst, DateOrder::MonthFirst];
        all.into_iter().find(|order| order.name() == name).ok_or(NoSuchOrder)
    }
}

/// Why the order of a file's dates is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Undecided {
    /// Every date can be read both ways.
    #[error(
        "each of its dates can be read with the day or with the month first, as 05/10/2026 can: say which \
         with `dates`, dmy or mdy"
    )]
    Open,
    /// Some have the day first, others the month.
    #[error(
        "some of its dates have the day first and others the month: say which to believe with `dates`, \
         dmy or mdy; the others are refused"
    )]
    Both,
}

/// What the dates of a file seen so far say about their order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Dates {
    day_first: bool,
    month_first: bool,
    /// Whether there is a date that can be read both ways.
    is_open: bool,
}

impl Dates {
    /// Adds the times of a record. Ignores what is not a record.
    pub fn add(&mut self, record: &RawValue) {
        // Most files have no such date, so avoid parsing.
        if !has_slashed(record.get().as_bytes()) {
            return;
        }
        let Ok(Value::Object(members)) = serde_json::from_str(record.get()) else { return };
        self.add_members(&members);
        match get(&members, "properties") {
            Some(Value::Object(inner)) => self.add_members(inner),
            Some(Value::String(text)) => {
                if let Ok(Value::Object(inner)) = serde_json::from_str(text) {
                    self.add_members(&inner);
                }
            }
            _ => {}
        }
    }

    /// Adds the times of a line of a file, if it is a record.
    pub fn add_line(&mut self, line: &[u8]) {
        // Looking for such a date is cheaper than parsing.
        if has_slashed(line)
            && let Ok(record) = serde_json::from_slice::<&RawValue>(line)
        {
            self.add(record);
        }
    }

    fn add_members(&mut self, members: &Map<String, Value>) {
        let times = ["activityDateTime", "TimeGenerated", "time"];
        let texts = times.iter().filter_map(|name| get(members, name)?.as_str());
        for (first, second) in texts.filter_map(time::slashed) {
            match (first > 12, second > 12) {
                (true, false) => self.day_first = true,
                (false, true) => self.month_first = true,
                // 07/07 is the same date in both orders.
                (false, false) => self.is_open |= first != second,
                (true, true) => {}
            }
        }
    }

    /// The order of the file's dates; `None` if no date needs one.
    ///
    /// # Errors
    ///
    /// When all dates can be read both ways, or dates contradict each other.
    pub fn order(self) -> Result<Option<DateOrder>, Undecided> {
        match (self.day_first, self.month_first) {
            (true, true) => Err(Undecided::Both),
            (true, false) => Ok(Some(DateOrder::DayFirst)),
            (false, true) => Ok(Some(DateOrder::MonthFirst)),
            (false, false) if self.is_open => Err(Undecided::Open),
            (false, false) => Ok(None),
        }
    }
}

/// Whether there is a slash or dash followed by four digits, as before a year at the end of a date. ISO
/// dates have none.
fn has_slashed(bytes: &[u8]) -> bool {
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let separators = bytes.iter().enumerate().filter(|(_, byte)| matches!(byte, b'/' | b'-'));
    separators.map(|(at, _)| at + 1).any(|at| (at..at + 4).all(digit))
}

#[cfg(test)]
mod tests {
    use serde_json::value::to_raw_value;
    use serde_json::{Value, json};

    use super::{DateOrder, Dates, Undecided};

    fn order(times: &[&str]) -> Result<Option<DateOrder>, Undecided> {
        of_records(&times.iter().map(|time| json!({"TimeGenerated": time})).collect::<Vec<_>>())
    }

    fn of_records(records: &[Value]) -> Result<Option<DateOrder>, Undecided> {
        let mut dates = Dates::default();
        records.iter().for_each(|record| dates.add(&to_raw_value(record).unwrap()));
        dates.order()
    }

    #[test]
    fn one_date_decides_for_all() {
        let day = Ok(Some(DateOrder::DayFirst));
        assert_eq!(order(&["05/10/2026 08:00:00", "25/10/2026 08:00:00"]), day);
        assert_eq!(order(&["25/10/2026 08:00:00", "05/10/2026 08:00:00"]), day);
        let month = Ok(Some(DateOrder::MonthFirst));
        assert_eq!(order(&["5/10/2026, 8:00:00 AM", "5/25/2026, 8:00:00 AM"]), month);
        assert_eq!(order(&["05/10/2026 08:00:00"]), Err(Undecided::Open));
        let both = ["05/25/2026 08:00:00", "25/05/2026 08:00:00"];
        assert_eq!(order(&both), Err(Undecided::Both));
    }

    #[test]
    fn dates_of_one_reading_need_no_order() {
        let one = ["2026-10-05T08:00:00Z", "2026/10/05 08:00:00", "5.10.2026 08:00:00"];
        assert_eq!(order(&one), Ok(None));
        assert_eq!(order(&["07/07/2026 08:00:00"]), Ok(None));
        assert_eq!(order(&[]), Ok(None));
    }

    #[test]
    fn only_the_times_of_a_record_tell() {
        let time = "05/10/2026 08:00:00";
        let hired = json!({"TimeGenerated": time, "note": "25/10/2026 08:00:00"});
        assert_eq!(of_records(&[hired]), Err(Undecided::Open));
        let inner = json!({"time": time, "properties": {"activityDateTime": "25/10/2026 08:00"}});
        assert_eq!(of_records(&[inner]), Ok(Some(DateOrder::DayFirst)));
        let text = json!({"properties": "{\"activityDateTime\":\"10\\/25\\/2026 08:00\"}"});
        assert_eq!(of_records(&[text]), Ok(Some(DateOrder::MonthFirst)));
        let mut lines = Dates::default();
        for line in
            [r#"{"time": "13/10/2026 08:00""#, r#"{"time": "10\/25\/2026 08:00"}"#, "", "\u{ff}"]
        {
            lines.add_line(line.as_bytes());
        }
        assert_eq!(lines.order(), Ok(Some(DateOrder::MonthFirst)));
    }
}
