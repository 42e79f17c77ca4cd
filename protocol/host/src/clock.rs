//! The only place that asks the operating system what time it is.
//!
//! Deadlines use `CLOCK_BOOTTIME`: it goes on during suspend and never steps. The wall clock is
//! read for people only; nothing is ever decided by it.

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};
use palisade_protocol::time::Instant;

/// The boot clock now.
///
/// # Panics
/// If the kernel has no `CLOCK_BOOTTIME` (Linux has had it since 2.6.39): without a clock nothing
/// here may run.
pub fn now() -> Instant {
    let reading = read(ClockId::CLOCK_BOOTTIME);
    let seconds = u64::try_from(reading.tv_sec()).unwrap_or(0);
    let nanos = u64::try_from(reading.tv_nsec()).unwrap_or(0);
    Instant::from_nanos(seconds.saturating_mul(1_000_000_000).saturating_add(nanos))
}

/// The wall clock in UTC for people, such as `2026-03-01 04:05:06.789Z`.
pub fn wall_clock_text() -> String {
    let reading = read(ClockId::CLOCK_REALTIME);
    utc_text(reading.tv_sec(), reading.tv_nsec() / 1_000_000)
}

fn read(clock: ClockId) -> TimeSpec {
    let reading = clock_gettime(clock);
    assert!(reading.is_ok(), "the kernel does not answer {clock:?}: {reading:?}");
    reading.unwrap_or(TimeSpec::new(0, 0))
}

/// Seconds and milliseconds since 1970 as text.
fn utc_text(seconds: i64, millis: i64) -> String {
    let (year, month, day) = civil_date(seconds.div_euclid(86_400));
    let second_of_day = seconds.rem_euclid(86_400);
    let (hour, minute, second) =
        (second_of_day / 3_600, second_of_day / 60 % 60, second_of_day % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{millis:03}Z")
}

/// Year, month and day of the day that lies `days` after 1970-01-01, in the Gregorian calendar.
///
/// Counts in eras of 400 years that begin on 1 March, so that the leap day is the last of a year.
fn civil_date(days: i64) -> (i64, i64, i64) {
    const DAYS_PER_ERA: i64 = 146_097;
    let shifted = days + 719_468; // 0000-03-01 to 1970-01-01
    let era = shifted.div_euclid(DAYS_PER_ERA);
    let day_of_era = shifted.rem_euclid(DAYS_PER_ERA);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_clock_never_runs_backwards() {
        let earlier = now();
        let later = now();
        assert!(later >= earlier && earlier > Instant::BOOT);
    }

    #[test]
    fn leap_days_and_turns_of_the_year_are_shown_right() {
        assert_eq!(utc_text(0, 0), "1970-01-01 00:00:00.000Z");
        assert_eq!(utc_text(951_782_400, 7), "2000-02-29 00:00:00.007Z");
        assert_eq!(utc_text(1_772_337_906, 789), "2026-03-01 04:05:06.789Z");
        assert_eq!(utc_text(1_798_761_599, 999), "2026-12-31 23:59:59.999Z");
    }

    #[test]
    fn the_wall_clock_reads_like_a_date() {
        let text = wall_clock_text();
        assert!(text.starts_with("20") && text.ends_with('Z') && text.len() == 24, "{text}");
    }
}
