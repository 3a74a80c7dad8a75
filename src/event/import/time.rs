//! Times as pretix writes them: to the minute, in the order of the file's language, without a time zone.

use std::borrow::Cow;

use chrono::{NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Timelike, Utc};
use chrono_tz::Tz;

use super::languages::DateOrder;
use crate::{clock::Moment, limits};

/// Months that are written as words, in the two languages whose short dates have them.
const MONTHS: [[&str; 12]; 2] = [
    ["ม.ค.", "ก.พ.", "มี.ค.", "เม.ย.", "พ.ค.", "มิ.ย.", "ก.ค.", "ส.ค.", "ก.ย.", "ต.ค.", "พ.ย.", "ธ.ค."],
    ["Oca", "Şub", "Mar", "Nis", "May", "Haz", "Tem", "Ağu", "Eyl", "Eki", "Kas", "Ara"],
];

/// Years are written with four digits.
const YEAR_WRITTEN: i32 = 1_000;

/// Arabic counts the hours of half a day, and has words for its two ends.
const MORNING: char = 'ص';
const AFTERNOON: char = 'م';
const NOON: &str = "ظهر";
const MIDNIGHT: &str = "منتصف الليل";

/// A time of day on a date, wherever it is.
pub(super) fn parse(cell: &str, order: DateOrder) -> Option<NaiveDateTime> {
    let numbers = numbers(&with_months_as_numbers(cell))?;
    let (date, time) = numbers.split_at_checked(3)?;
    let &[first, second, third] = date else { return None };
    let (year, month, day) = match order {
        _ if first >= 1_000 => (first, second, third),
        DateOrder::Mdy => (third, first, second),
        DateOrder::Ymd | DateOrder::Dmy => (third, second, first),
    };
    let year = i32::try_from(year).ok().filter(|year| (YEAR_WRITTEN..=limits::YEAR_MAX).contains(year))?;
    let (hour, minute, second) = match *time {
        [] if cell.contains(NOON) => (12, 0, 0),
        [] if cell.contains(MIDNIGHT) => (0, 0, 0),
        [hour] if cell.contains([MORNING, AFTERNOON]) => (of_the_day(hour, cell), 0, 0),
        [hour, minute] => (of_the_day(hour, cell), minute, 0),
        [hour, minute, second] => (of_the_day(hour, cell), minute, second),
        _ => return None,
    };
    Some(NaiveDate::from_ymd_opt(year, month, day)?.and_time(NaiveTime::from_hms_opt(hour, minute, second)?))
}

fn with_months_as_numbers(cell: &str) -> Cow<'_, str> {
    if !cell.contains(char::is_alphabetic) {
        return Cow::Borrowed(cell);
    }
    let found = MONTHS.iter().flat_map(|names| (1..).zip(names)).find(|(_, name)| cell.contains(**name));
    found.map_or(Cow::Borrowed(cell), |(number, name): (u32, _)| Cow::Owned(cell.replace(name, &format!(" {number} "))))
}

fn numbers(cell: &str) -> Option<Vec<u32>> {
    cell.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty()).map(|digits| digits.parse().ok()).collect()
}

fn of_the_day(hour: u32, cell: &str) -> u32 {
    match hour {
        12 if cell.contains(MORNING) => 0,
        1..12 if cell.contains(AFTERNOON) => hour + 12,
        hour => hour,
    }
}

/// Which of two moments is meant when the clock showed a time twice.
#[derive(Clone, Copy, Debug)]
pub(super) enum Edge {
    /// The first: what begins.
    Begin,
    /// The second: what ends.
    End,
}

/// The moment of a local time. One that the clock skipped is taken for an hour later.
pub(super) fn moment(local: NaiveDateTime, zone: Tz, edge: Edge) -> Moment {
    let at = |local: NaiveDateTime| {
        let found = zone.from_local_datetime(&local);
        match edge {
            Edge::Begin => found.earliest(),
            Edge::End => found.latest(),
        }
    };
    let skipped = || at(local + TimeDelta::hours(1));
    at(local).or_else(skipped).map_or_else(|| local.and_utc(), |found| found.with_timezone(&Utc))
}

/// The last second of a day is written without its seconds: 23:59 in the event's time zone means 23:59:59.
pub(super) fn to_the_end(until: Moment, zone: Tz) -> Moment {
    let local = until.with_timezone(&zone);
    let last_minute = (local.hour(), local.minute(), local.second()) == (23, 59, 0);
    if last_minute { until + TimeDelta::seconds(59) } else { until }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> Tz {
        chrono_tz::Europe::Berlin
    }

    #[test]
    fn every_language_writes_its_dates_in_its_way() {
        for (cell, order) in [
            ("2026-10-05 07:09", DateOrder::Ymd),
            ("05.10.2026 07:09", DateOrder::Dmy),
            ("5.10.2026. 07:09", DateOrder::Dmy),
            ("05/10/2026 7:09", DateOrder::Dmy),
            ("5-10-2026 07:09", DateOrder::Dmy),
            ("05-10-2026  07:09", DateOrder::Dmy),
            ("05-10-2026, 07:09", DateOrder::Dmy),
            ("5.10.2026 7.09", DateOrder::Dmy),
            ("2026.10.05. 07:09", DateOrder::Ymd),
            ("2026/10/05 7:09", DateOrder::Ymd),
            ("2026年10月5日 07:09", DateOrder::Ymd),
            ("5 ต.ค. 2026, 7:09", DateOrder::Dmy),
            ("05 Eki 2026 07:09", DateOrder::Dmy),
            ("10/05/2026 7:09 ص", DateOrder::Mdy),
            ("2026-10-05 07:09:00", DateOrder::Ymd),
        ] {
            assert_eq!(parse(cell, order).unwrap().to_string(), "2026-10-05 07:09:00", "{cell}");
        }
    }

    #[test]
    fn half_days_have_two_twelves() {
        for (cell, hour) in [
            ("10/05/2026 12:05 ص", "00:05:00"),
            ("10/05/2026 5 ص", "05:00:00"),
            ("10/05/2026 ظهراً", "12:00:00"),
            ("10/05/2026 12:30 م", "12:30:00"),
            ("10/05/2026 1 م", "13:00:00"),
            ("10/05/2026 11:59 م", "23:59:00"),
            ("10/05/2026 منتصف الليل", "00:00:00"),
        ] {
            assert_eq!(parse(cell, DateOrder::Mdy).unwrap().to_string(), format!("2026-10-05 {hour}"), "{cell}");
        }
    }

    #[test]
    fn what_is_no_time_is_none() {
        for cell in
            ["", "soon", "2026-10-05", "2026-13-05 07:09", "2026-10-05 25:00", "99999999999 1 1 1 1", "0026-10-05 07:09", "1 2 3 4 5 6 7"]
        {
            assert_eq!(parse(cell, DateOrder::Ymd), None, "{cell}");
        }
    }

    #[test]
    fn a_local_time_is_placed_across_the_change_of_clocks() {
        let at = |text: &str, edge| moment(parse(text, DateOrder::Ymd).unwrap(), berlin(), edge).to_rfc3339();
        assert_eq!(at("2026-10-24 10:00", Edge::Begin), "2026-10-24T08:00:00+00:00");
        assert_eq!(at("2026-10-25 05:00", Edge::End), "2026-10-25T04:00:00+00:00");
        // 02:30 occurs twice in the night in which summer time ends, and not at all in the one in which it begins.
        assert_eq!(at("2026-10-25 02:30", Edge::Begin), "2026-10-25T00:30:00+00:00");
        assert_eq!(at("2026-10-25 02:30", Edge::End), "2026-10-25T01:30:00+00:00");
        assert_eq!(at("2026-03-29 02:30", Edge::Begin), "2026-03-29T01:30:00+00:00");
    }

    #[test]
    fn the_last_minute_of_a_day_is_meant_to_its_end() {
        let until = |text: &str| to_the_end(parse(text, DateOrder::Ymd).unwrap().and_utc(), berlin()).to_rfc3339();
        assert_eq!(until("2026-10-25 22:59"), "2026-10-25T22:59:59+00:00");
        assert_eq!(until("2026-10-25 23:59"), "2026-10-25T23:59:00+00:00");
        assert_eq!(until("2026-10-25 22:59:59"), "2026-10-25T22:59:59+00:00");
    }
}
