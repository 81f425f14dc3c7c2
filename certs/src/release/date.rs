//! Points in time as people and lines of roots write them, in UTC.

use std::fmt;

/// Unix seconds, shown as `2027-01-31 12:00 UTC`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Utc(pub u64);

const DAY: u64 = 24 * 60 * 60;

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.0 / DAY;
        // What a certificate without an end says; no calendar has that day.
        if days > 3_000_000 {
            return f.write_str("for ever");
        }
        let (year, month, day) = date(days);
        let minutes = self.0 % DAY / 60;
        let (hour, minute) = (minutes / 60, minutes % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
    }
}

/// Reads `YYYYMMDD`, `YYYYMMDDHHMM` or `YYYYMMDDHHMMSS`, with or without the `Z` that says UTC.
pub(super) fn parse(text: &str) -> Option<u64> {
    let digits = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 8 | 12 | 14) {
        return None;
    }
    let number = |at: usize, len: usize| match digits.get(at..at + len) {
        Some(part) => part.parse::<u64>().ok(),
        None => Some(0),
    };
    let (year, month, day) = (number(0, 4)?, number(4, 2)?, number(6, 2)?);
    let (hour, minute, second) = (number(8, 2)?, number(10, 2)?, number(12, 2)?);
    if year < 1970 || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    // A day that no month has is another one when it is counted back.
    let days = (0..366)
        .map(|of_year| first_of_january(year) + of_year)
        .find(|days| date(*days) == (year, month, day))?;
    Some(days * DAY + hour * 3600 + minute * 60 + second)
}

/// Days since 1970 of a first of January.
const fn first_of_january(year: u64) -> u64 {
    let before = year - 1;
    let leaps = before / 4 - before / 100 + before / 400;
    // 719,162 days from 0001-01-01 to 1970-01-01.
    before * 365 + leaps - 719_162
}

/// The date of a day since 1970.
fn date(days: u64) -> (u64, u64, u64) {
    let mut year = 1970 + days / 366;
    while first_of_january(year + 1) <= days {
        year += 1;
    }
    let mut rest = days - first_of_january(year);
    let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let february = if leap { 29 } else { 28 };
    let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    for (month, length) in (1..).zip(lengths) {
        if rest < length {
            return (year, month, rest + 1);
        }
        rest -= length;
    }
    (year, 12, 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_shown() {
        for (text, seconds, shown) in [
            ("19700101", 0, "1970-01-01 00:00 UTC"),
            ("20000229", 951_782_400, "2000-02-29 00:00 UTC"),
            ("20270131Z", 1_801_353_600, "2027-01-31 00:00 UTC"),
            ("202412312359", 1_735_689_540, "2024-12-31 23:59 UTC"),
            ("20380119031407Z", 2_147_483_647, "2038-01-19 03:14 UTC"),
            ("99991231", 253_402_214_400, "9999-12-31 00:00 UTC"),
        ] {
            assert_eq!(parse(text), Some(seconds), "{text}");
            assert_eq!(Utc(seconds).to_string(), shown);
        }
        assert_eq!(Utc(u64::MAX).to_string(), "for ever");
        for wrong in [
            "",
            "2027",
            "20270230",
            "20271301",
            "202701012460",
            "2027013x",
            "+2027013",
            "19691231",
            "20230229",
            "1d",
        ] {
            assert_eq!(parse(wrong), None, "{wrong}");
        }
    }
}
