//! Decides whether to believe the wall clock.
//!
//! `recorded_at` never decreases, so one event stamped far ahead would hold every later event at that
//! time. The expected time is therefore computed from the machine's running time, which nobody can set,
//! and the wall clock is compared with it:
//!
//! ```text
//!  the wall clock shows                     events are stamped with    changes
//!  within 60 s of the expected time         what it shows              are accepted
//!  over 60 s ahead of the expected time     the expected time          are refused
//!  over 60 s behind the last event          the last event's time      are refused
//! ```
//!
//! Each believed time resets the expected time, so a clock may be corrected in small steps. Every event
//! also stores what the clock really showed.
//!
//! A clock that is behind the last event at the start gives no expected time: the machine has probably
//! not synchronised its clock yet. Then the first time is believed that is neither behind the last event
//! nor over a year ahead of it.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use event::{Clock, Timestamp};

/// How far the clock may be behind the last event.
const BEHIND_MAX_US: i64 = 60_000_000;
/// How far the clock may be ahead of the expected time.
const AHEAD_MAX_US: i64 = 60_000_000;
/// How far the clock may be ahead of the last event while there is no expected time.
const FIRST_AHEAD_MAX_US: i64 = 365 * 24 * 3_600 * 1_000_000;
/// The offset while the clock was never believed.
const NEVER_US: i64 = i64::MIN;

/// Why the clock is not believed, and so no change may be recorded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ClockFault {
    /// It is more than a minute behind the last event.
    #[error(
        "the server's clock is more than a minute behind its last event; changes are refused until it \
         has caught up"
    )]
    Behind,
    /// It was set ahead by more than a minute while the server ran.
    #[error(
        "the server's clock jumped ahead by more than a minute; changes are refused until it is set \
         back, or the server is restarted with the clock as it is"
    )]
    Ahead,
}

/// One reading of the clock, and whether it is believed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ClockReading {
    /// What the clock shows.
    pub raw: Timestamp,
    /// What is believed instead; the same as `raw` while the clock is believed.
    pub time: Timestamp,
    pub fault: Option<ClockFault>,
}

/// The clock, and what it showed when it was last believed.
pub(crate) struct ClockGuard {
    clock: Clock,
    /// Believe a clock that is far behind (`--accept-clock`).
    accept_behind: bool,
    /// The wall clock less the machine's running time, when last believed; [`NEVER_US`] before that.
    offset_us: AtomicI64,
    /// The time of the last event at the start, believed until the clock is.
    last: Timestamp,
    /// Whether the last reading was not believed. Each change of this is logged.
    is_faulty: AtomicBool,
}

impl ClockGuard {
    /// Believes what the clock shows now, unless that is behind the `last` event.
    pub(crate) fn new(clock: Clock, accept_behind: bool, last: Timestamp) -> ClockGuard {
        let raw = clock.now();
        let offset_us = match is_behind(raw, last) && !accept_behind {
            true => NEVER_US,
            false => raw.0.saturating_sub(clock.running_us()),
        };
        let offset_us = AtomicI64::new(offset_us);
        ClockGuard { clock, accept_behind, offset_us, last, is_faulty: AtomicBool::new(false) }
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The present time as far as the clock is believed. It may be earlier than the last event.
    pub(crate) fn now(&self) -> Timestamp {
        let (raw, expected) = self.look();
        too_far(raw, expected, self.last).unwrap_or(raw)
    }

    /// Reads the clock for the next event, when the one before was recorded at `last`. A time that is
    /// believed becomes the base of the expected time.
    pub(crate) fn read(&self, last: Timestamp) -> ClockReading {
        let seen = self.judge(last);
        if self.is_faulty.swap(seen.fault.is_some(), Ordering::Relaxed) != seen.fault.is_some() {
            match seen.fault {
                Some(fault) => tracing::warn!(shows = %seen.raw, believed = %seen.time, "{fault}"),
                None => tracing::info!(shows = %seen.raw, "the clock is believed again"),
            }
        }
        seen
    }

    fn judge(&self, last: Timestamp) -> ClockReading {
        let (raw, expected) = self.look();
        if let Some(time) = too_far(raw, expected, last) {
            return ClockReading { raw, time, fault: Some(ClockFault::Ahead) };
        }
        if is_behind(raw, last) && !self.accept_behind {
            return ClockReading { raw, time: raw, fault: Some(ClockFault::Behind) };
        }
        let offset_us = raw.0.saturating_sub(self.clock.running_us());
        self.offset_us.store(offset_us, Ordering::SeqCst);
        ClockReading { raw, time: raw, fault: None }
    }

    /// What the clock shows, and the expected time if there is one.
    fn look(&self) -> (Timestamp, Option<Timestamp>) {
        let expected = match self.offset_us.load(Ordering::SeqCst) {
            NEVER_US => None,
            offset_us => Some(Timestamp(self.clock.running_us().saturating_add(offset_us))),
        };
        (self.clock.now(), expected)
    }
}

fn is_behind(raw: Timestamp, last: Timestamp) -> bool {
    // Before anything was recorded there is nothing to be behind.
    last.micros_since(raw) > BEHIND_MAX_US && last.0 != i64::MIN
}

/// The time to believe instead when the clock is too far ahead; `None` when it is not.
fn too_far(raw: Timestamp, expected: Option<Timestamp>, last: Timestamp) -> Option<Timestamp> {
    let (believed, ahead_max_us) = match expected {
        Some(expected) => (expected, AHEAD_MAX_US),
        None => (last, FIRST_AHEAD_MAX_US),
    };
    (raw.micros_since(believed) > ahead_max_us).then_some(believed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp(1_772_442_847_000_000);
    const MINUTE_US: i64 = 60_000_000;
    const YEARS_US: i64 = 50 * 365 * 24 * 60 * MINUTE_US;

    fn after(micros: i64) -> Timestamp {
        Timestamp(START.0 + micros)
    }

    #[test]
    fn a_jump_ahead_is_not_believed_and_small_steps_are() {
        let clock = Clock::manual(START);
        let guard = ClockGuard::new(clock.clone(), false, START);
        let check = |last: Timestamp, time: Timestamp, fault: Option<ClockFault>| {
            let raw = clock.now();
            assert_eq!(guard.read(last), ClockReading { raw, time, fault });
        };
        clock.set(after(YEARS_US));
        check(START, after(YEARS_US), None);
        let base = YEARS_US;
        clock.jump(after(base + MINUTE_US));
        check(after(base), after(base + MINUTE_US), None);
        clock.jump(after(base + 2 * MINUTE_US));
        check(after(base), after(base + 2 * MINUTE_US), None);

        let ahead = Some(ClockFault::Ahead);
        let at = base + 2 * MINUTE_US;
        for jump in [MINUTE_US + 1, YEARS_US, 180 * YEARS_US, i64::MAX / 2] {
            clock.jump(Timestamp(after(at).0.saturating_add(jump)));
            check(after(at), after(at), ahead);
            assert_eq!(guard.now(), after(at));
        }
        // Time goes on meanwhile, and the clock is set right again.
        clock.jump(after(at + 10 * MINUTE_US));
        clock.set(after(at + 15 * MINUTE_US));
        check(after(at), after(at + 5 * MINUTE_US), ahead);
        clock.jump(after(at + 5 * MINUTE_US));
        check(after(at), after(at + 5 * MINUTE_US), None);
    }

    #[test]
    fn a_clock_that_is_behind_is_believed_again_when_it_has_caught_up() {
        let clock = Clock::manual(START);
        let guard = ClockGuard::new(clock.clone(), false, START);
        clock.jump(after(-5 * MINUTE_US));
        assert_eq!(guard.read(START).fault, Some(ClockFault::Behind));
        clock.set(after(-MINUTE_US));
        assert_eq!(guard.read(START).fault, None);
        // Before anything was recorded there is nothing to be behind.
        let guard = ClockGuard::new(clock.clone(), false, Timestamp(i64::MIN));
        clock.jump(Timestamp(-1));
        assert_eq!(guard.read(Timestamp(i64::MIN)).fault, None);
        let accepting = ClockGuard::new(clock.clone(), true, START);
        assert_eq!(
            accepting.read(START),
            ClockReading { raw: clock.now(), time: clock.now(), fault: None }
        );
    }

    /// A machine that asks for the time after the recorder began: it needs no second start.
    #[test]
    fn a_clock_that_was_behind_from_the_start_on_is_believed_once_it_is_set() {
        for wrong in [after(-2 * MINUTE_US), after(-YEARS_US), Timestamp(0)] {
            for right in [after(0), after(MINUTE_US), after(300 * 24 * 60 * MINUTE_US)] {
                let clock = Clock::manual(wrong);
                let guard = ClockGuard::new(clock.clone(), false, START);
                assert_eq!(guard.read(START).fault, Some(ClockFault::Behind), "{wrong}");
                assert_eq!(guard.now(), wrong, "it is no later");
                clock.jump(right);
                assert_eq!(guard.now(), right);
                assert_eq!(
                    guard.read(START),
                    ClockReading { raw: right, time: right, fault: None }
                );
                // From here on it is a clock like any other.
                clock.jump(Timestamp(right.0 + 2 * MINUTE_US));
                let seen = guard.read(right);
                assert_eq!((seen.time, seen.fault), (right, Some(ClockFault::Ahead)));
                assert_eq!(guard.now(), right);
            }
        }
        for wrong in [after(366 * 24 * 60 * MINUTE_US), after(YEARS_US), Timestamp(i64::MAX)] {
            let clock = Clock::manual(Timestamp(0));
            let guard = ClockGuard::new(clock.clone(), false, START);
            clock.jump(wrong);
            assert_eq!(guard.now(), START, "whoever asks before an event is told the same");
            let seen = guard.read(START);
            assert_eq!((seen.time, seen.fault), (START, Some(ClockFault::Ahead)));
            assert_eq!(guard.now(), START);
            clock.jump(after(0));
            assert_eq!(guard.read(START).fault, None);
        }
    }
}
