//! Time and ids: the sandbox's clock, Discord's snowflakes and timestamps.
//!
//! Knows nothing of what the ids stand for. One `Snowflake` type serves all of Discord's ids, as Discord's own API
//! does: the id of a thread *is* the id of a message.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Serialize, Serializer};
use tokio::time::Instant;

/// Discord's epoch, 2015-01-01T00:00:00Z, in milliseconds of the Unix epoch.
const EPOCH_MS: u64 = 1_420_070_400_000;

/// An id of Discord: `(milliseconds since 2015) << 22 | increment`, printed in decimal and never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Snowflake(u64);

impl Snowflake {
    /// The lowest and highest id, as bounds of a range.
    pub(crate) const MIN: Self = Self(0);
    pub(crate) const MAX: Self = Self(u64::MAX);

    /// The milliseconds of the Unix epoch at which this id was made.
    pub(crate) const fn unix_ms(self) -> u64 {
        (self.0 >> 22).saturating_add(EPOCH_MS)
    }

    /// The id before this one, by which Discord means all channels of a guild.
    pub(crate) const fn before(self) -> Self {
        Self(self.0.saturating_sub(1))
    }

    /// The shard of `count` that carries the guild with this id.
    pub(crate) const fn shard(self, count: u64) -> u64 {
        match (self.0 >> 22).checked_rem(count) {
            Some(shard) => shard,
            None => 0,
        }
    }
}

impl fmt::Display for Snowflake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl Serialize for Snowflake {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The text is not an id: not 1 to 20 digits, zero, or beyond 64 bits.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("value is not a snowflake")]
pub(crate) struct NotSnowflake;

impl FromStr for Snowflake {
    type Err = NotSnowflake;

    fn from_str(text: &str) -> Result<Self, NotSnowflake> {
        if text.is_empty() || text.len() > 20 || !text.bytes().all(|b| b.is_ascii_digit()) {
            return Err(NotSnowflake);
        }
        match text.parse() {
            Ok(0) | Err(_) => Err(NotSnowflake),
            Ok(raw) => Ok(Self(raw)),
        }
    }
}

/// Wall time that never goes back: read once at the start, then carried by the monotonic clock.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started_ms: u64,
    started: Instant,
}

impl Clock {
    /// Starts the clock at the present wall time.
    pub(crate) fn start() -> Self {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let started_ms = u64::try_from(since.as_millis())
            .unwrap_or(EPOCH_MS)
            .max(EPOCH_MS + 1);
        Self {
            started_ms,
            started: Instant::now(),
        }
    }

    /// Milliseconds of the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.started_ms.saturating_add(elapsed)
    }

    /// The instant at which `now_ms` will read `at_ms`; the past gives an instant that has passed.
    pub(crate) fn instant(&self, at_ms: u64) -> Instant {
        let ahead = Duration::from_millis(at_ms.saturating_sub(self.started_ms));
        self.started.checked_add(ahead).unwrap_or(self.started)
    }
}

/// Makes ids, each greater than all before it.
#[derive(Debug, Default)]
pub(crate) struct Mint {
    last: u64,
    /// An id that somebody chose for the next thing.
    given: Option<Snowflake>,
}

impl Mint {
    /// Chooses the id of the next thing; whoever calls sees to it that it is unused and in the past.
    pub(crate) const fn give(&mut self, id: Snowflake) {
        self.given = Some(id);
    }

    /// The next id for something made at `now_ms`.
    pub(crate) const fn next(&mut self, now_ms: u64) -> Snowflake {
        if let Some(given) = self.given.take() {
            return given;
        }
        let fresh = now_ms.saturating_sub(EPOCH_MS) << 22;
        self.last = if fresh > self.last {
            fresh
        } else {
            self.last.saturating_add(1)
        };
        Snowflake(self.last)
    }
}

/// A timestamp as Discord writes it: `2026-01-02T03:04:05.678000+00:00`.
pub(crate) fn rfc3339(unix_ms: u64) -> String {
    let (days, of_day) = (unix_ms / 86_400_000, unix_ms % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute) = (of_day / 3_600_000, of_day / 60_000 % 60);
    let (second, millis) = (of_day / 1000 % 60, of_day % 1000);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{millis:03}000+00:00")
}

/// The milliseconds of the Unix epoch that an ISO 8601 timestamp means; `None` when it is none, or before 1970.
pub(crate) fn parse_rfc3339(text: &str) -> Option<u64> {
    let number = |range: std::ops::Range<usize>| -> Option<u64> {
        let digits = text.get(range)?;
        let all_digits = digits.bytes().all(|b| b.is_ascii_digit());
        digits.parse().ok().filter(|_| all_digits)
    };
    let separators = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    let bytes = text.as_bytes();
    let shaped = separators.iter().all(|(at, b)| bytes.get(*at) == Some(b));
    if !shaped || !matches!(bytes.get(10), Some(b'T' | b't' | b' ')) {
        return None;
    }
    let (year, month, day) = (number(0..4)?, number(5..7)?, number(8..10)?);
    let (hour, minute, second) = (number(11..13)?, number(14..16)?, number(17..19)?);
    let possible = (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && hour < 24
        && minute < 60
        && second < 61;
    let days = days_from_civil(year, month, day).filter(|_| possible)?;
    let (millis, offset) = fraction(text.get(19..)?)?;
    let local_s = days * 86_400 + hour * 3600 + minute * 60 + second;
    let utc_s = local_s.checked_add_signed(-offset_s(offset)?)?;
    Some(utc_s * 1000 + millis)
}

/// Splits `.678000+00:00` into milliseconds and the offset.
fn fraction(text: &str) -> Option<(u64, &str)> {
    let Some(rest) = text.strip_prefix('.') else {
        return Some((0, text));
    };
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    let (digits, offset) = (rest.get(..end)?, rest.get(end..)?);
    let mut padded: String = digits.chars().take(3).collect();
    while padded.len() < 3 {
        padded.push('0');
    }
    let millis = padded.parse().ok().filter(|_| !digits.is_empty())?;
    Some((millis, offset))
}

/// An offset such as `+02:00`, in seconds; none at all means UTC, as Discord takes it.
fn offset_s(text: &str) -> Option<i64> {
    if matches!(text, "" | "Z" | "z") {
        return Some(0);
    }
    let (sign, rest) = match text.strip_prefix('+') {
        Some(rest) => (1, rest),
        None => (-1, text.strip_prefix('-')?),
    };
    let (hours, minutes) = match rest.split_once(':') {
        Some(parts) => parts,
        None => rest.split_at_checked(2)?,
    };
    let (hours, minutes): (i64, i64) = (hours.parse().ok()?, minutes.parse().ok()?);
    let sane = (0..24).contains(&hours) && (0..60).contains(&minutes);
    sane.then_some(sign * (hours * 3600 + minutes * 60))
}

/// Days since 1970 (Howard Hinnant's `days_from_civil`); `None` before.
const fn days_from_civil(year: u64, month: u64, day: u64) -> Option<u64> {
    let year = if month <= 2 {
        year.saturating_sub(1)
    } else {
        year
    };
    let (era, of_era) = (year / 400, year % 400);
    let shifted_month = if month > 2 {
        month.saturating_sub(3)
    } else {
        month + 9
    };
    let day_of_year = (153 * shifted_month + 2) / 5 + day.saturating_sub(1);
    let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + day_of_year;
    (era * 146_097 + day_of_era).checked_sub(719_468)
}

/// Days since 1970 to year, month and day (Howard Hinnant's `civil_from_days`, for days after the epoch).
const fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400;
    (if month <= 2 { year + 1 } else { year }, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timestamps_read_as_discord_writes_them() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000+00:00");
        assert_eq!(
            rfc3339(1_767_323_045_678),
            "2026-01-02T03:04:05.678000+00:00"
        );
        assert_eq!(
            rfc3339(1_709_208_000_000),
            "2024-02-29T12:00:00.000000+00:00"
        );
    }

    #[test]
    fn timestamps_are_read_as_they_are_written() {
        for ms in [0, 1_767_323_045_678, 1_709_208_000_000] {
            assert_eq!(parse_rfc3339(&rfc3339(ms)), Some(ms));
        }
        for (text, want) in [
            ("1970-01-01T00:00:01Z", Some(1000)),
            ("1970-01-01T02:00:00.5+02:00", Some(500)),
            ("1970-01-01T00:00:00", Some(0)),
            ("1970-01-01T00:00:00+01:00", None),
            ("1970-13-01T00:00:00Z", None),
            ("1970-01-01T00:00:00.Z", None),
            ("1970-01-01T00:00:00+é0:00", None),
            ("+970-01-01T00:00:00Z", None),
            ("yesterday", None),
            ("", None),
        ] {
            assert_eq!(parse_rfc3339(text), want, "{text}");
        }
    }

    #[test]
    fn ids_ascend_and_tell_their_time() {
        let mut mint = Mint::default();
        let (first, second) = (mint.next(EPOCH_MS + 5), mint.next(EPOCH_MS + 5));
        assert!(first < second);
        assert_eq!(second.unix_ms(), EPOCH_MS + 5);
        assert!(
            mint.next(EPOCH_MS) > second,
            "a clock that went back still gives greater ids"
        );
    }

    #[test]
    fn only_decimal_ids_parse() {
        assert_eq!(
            "175928847299117063"
                .parse::<Snowflake>()
                .map(|id| id.to_string()),
            Ok("175928847299117063".into())
        );
        for bad in [
            "",
            "0",
            "+1",
            "-1",
            "1.0",
            "abc",
            "99999999999999999999",
            "123456789012345678901",
        ] {
            assert_eq!(bad.parse::<Snowflake>(), Err(NotSnowflake), "{bad}");
        }
    }
}
