//! The end of a membership: the predecessor kept a local date and a local time without a zone (F45).

use jiff::Timestamp;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{Offset, TimeZone};
use tollhouse_core::membership::END_LATEST_SECONDS;

use super::finding::Why;

/// Nothing was sold for crypto before: an earlier year is a slip.
const YEAR_EARLIEST: i16 = 2009;

/// An instant, and what a person should know of how it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// When.
    pub at: Timestamp,
    /// What was done to find it.
    pub note: Option<Why>,
}

/// The end that a date and a time mean in a zone. Where a change of clocks makes them mean two instants, or none, the later one counts.
///
/// # Errors
/// [`Why::NoEnd`] or [`Why::ImpossibleEnd`].
pub fn end(date: Option<&str>, time: Option<&str>, zone: &TimeZone) -> Result<Found, Why> {
    let date = date.ok_or(Why::NoEnd)?;
    if is_far_off(date) {
        let at = Timestamp::from_second(END_LATEST_SECONDS).map_err(|_| Why::ImpossibleEnd)?;
        return Ok(Found { at, note: Some(Why::FarFuture) });
    }
    // A column that was made a timestamp has its time with it.
    let (date, time_of_date) = match date.split_once([' ', 'T']) {
        Some((date, time)) => (date, Some(time)),
        None => (date, None),
    };
    let day: Date = date.parse().map_err(|_| Why::ImpossibleEnd)?;
    if day.year() < YEAR_EARLIEST {
        return Err(Why::ImpossibleEnd);
    }
    match time.or(time_of_date) {
        Some(time) => {
            let (local, offset) = time_of_day(day, time).ok_or(Why::ImpossibleEnd)?;
            let zone = offset.map_or_else(|| zone.clone(), TimeZone::fixed);
            instant(local, &zone).map(|at| Found { at, note: None })
        }
        None => {
            let midnight = day.tomorrow().map_err(|_| Why::ImpossibleEnd)?.to_datetime(Time::midnight());
            instant(midnight, zone).map(|at| Found { at, note: Some(Why::NoTime) })
        }
    }
}

/// A moment that the predecessor noted, `2025-11-07 14:30:00.25`; for comparing only.
pub fn moment(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let (date, time) = text.split_once([' ', 'T'])?;
    end(Some(date), Some(time), zone).ok().filter(|found| found.note.is_none()).map(|found| found.at)
}

fn instant(local: DateTime, zone: &TimeZone) -> Result<Timestamp, Why> {
    zone.to_ambiguous_timestamp(local).later().map_err(|_| Why::ImpossibleEnd)
}

/// `infinity`, or a year of five digits.
fn is_far_off(date: &str) -> bool {
    let year = date.split('-').next().unwrap_or_default();
    date.eq_ignore_ascii_case("infinity")
        || (year.len() > 4 && year.bytes().all(|b| b.is_ascii_digit()) && !date.ends_with("BC"))
}

/// A time of a day, which may be the midnight that ends it, and may carry an offset of its own.
fn time_of_day(day: Date, text: &str) -> Option<(DateTime, Option<Offset>)> {
    let (clock, offset) = match text.find(['+', '-']) {
        Some(place) => (&text[..place], Some(offset(&text[place..])?)),
        None => (text, None),
    };
    let clock = clock.trim();
    if clock.starts_with("24:00") {
        return Some((day.tomorrow().ok()?.to_datetime(Time::midnight()), offset));
    }
    let time: Time = clock.parse().ok()?;
    Some((day.to_datetime(time), offset))
}

/// `+02`, `-05:30`.
fn offset(text: &str) -> Option<Offset> {
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let mut parts = text[1..].split(':');
    let hours: i32 = parts.next()?.parse().ok()?;
    let minutes: i32 = parts.next().map_or(Some(0), |part| part.parse().ok())?;
    Offset::from_seconds(sign * (hours.checked_mul(60)?.checked_add(minutes)?).checked_mul(60)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(date: &str, time: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap();
        end(Some(date), Some(time), &zone).unwrap().at.to_string()
    }

    #[test]
    fn f45_a_local_time_means_the_instant_of_its_zone() {
        assert_eq!(at("2025-12-07", "14:30:00", "UTC"), "2025-12-07T14:30:00Z");
        assert_eq!(at("2025-12-07", "14:30:00.25", "America/New_York"), "2025-12-07T19:30:00.25Z");
        assert_eq!(at("2025-07-07", "14:30:00", "America/New_York"), "2025-07-07T18:30:00Z");
        assert_eq!(at("2025-12-07", "24:00:00", "UTC"), "2025-12-08T00:00:00Z");
        assert_eq!(at("2025-12-07", "14:30:00+02", "UTC"), "2025-12-07T12:30:00Z");
        assert_eq!(at("2025-12-07", "14:30:00-05:30", "UTC"), "2025-12-07T20:00:00Z");
    }

    #[test]
    fn a_change_of_clocks_is_read_in_the_members_favour() {
        // Half past one came twice: the second time counts.
        assert_eq!(at("2025-11-02", "01:30:00", "America/New_York"), "2025-11-02T06:30:00Z");
        // Half past two never came: an hour later by the clock on the wall.
        assert_eq!(at("2025-03-09", "02:30:00", "America/New_York"), "2025-03-09T07:30:00Z");
    }

    #[test]
    fn a_day_without_a_time_ends_with_the_day() {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let found = end(Some("2025-12-07"), None, &zone).unwrap();
        assert_eq!((found.at.to_string().as_str(), found.note), ("2025-12-07T23:00:00Z", Some(Why::NoTime)));
        let stamp = end(Some("2025-12-07 10:00:00"), None, &zone).unwrap();
        assert_eq!((stamp.at.to_string().as_str(), stamp.note), ("2025-12-07T09:00:00Z", None));
    }

    #[test]
    fn impossible_dates_are_told_from_far_ones() {
        let zone = TimeZone::UTC;
        for (date, time) in [
            ("2025-02-30", "10:00:00"),
            ("2025-13-01", "10:00:00"),
            ("0001-01-01", "10:00:00"),
            ("1970-01-01", "00:00:00"),
            ("-infinity", "10:00:00"),
            ("10044-03-15 BC", "10:00:00"),
            ("soon", "10:00:00"),
            ("2025-12-07", "25:00:00"),
            ("2025-12-07", "half past"),
        ] {
            assert_eq!(end(Some(date), Some(time), &zone), Err(Why::ImpossibleEnd), "{date} {time}");
        }
        for date in ["infinity", "30025-01-01"] {
            assert_eq!(end(Some(date), None, &zone).unwrap().note, Some(Why::FarFuture), "{date}");
        }
        assert_eq!(end(None, Some("10:00:00"), &zone), Err(Why::NoEnd));
    }
}
