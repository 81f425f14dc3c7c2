//! Reads and writes points in time, `<t:seconds:style>`: the page shows them in the reader's zone and lets them tick.
//!
//! Without a script they read as UTC.

use super::write::Page;

/// The furthest point in time that a client can show, in seconds from 1970; beyond it Discord leaves the text alone.
const SECONDS_MAX: i64 = 8_640_000_000_000;
/// The years 1 to 9999, which `datetime` can say, in seconds from 1970.
const WRITABLE: std::ops::RangeInclusive<i64> = -62_135_596_800..=253_402_300_799;

/// Writes what stands between `<t:` and `>`.
pub(super) fn write(page: &mut Page<'_>, body: &str) -> Option<()> {
    let (digits, style) = body.split_once(':').unwrap_or((body, "f"));
    if !matches!(style, "t" | "T" | "d" | "D" | "f" | "F" | "s" | "S" | "R") {
        return None;
    }
    let bare = digits.strip_prefix('-').unwrap_or(digits);
    if bare.is_empty() || bare.len() > 17 || !bare.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let at: i64 = digits.parse().ok()?;
    if !(-SECONDS_MAX..=SECONDS_MAX).contains(&at) {
        return None;
    }
    let seconds = at.to_string();
    let mut attributes = vec![
        ("class", "when"),
        ("data-at", seconds.as_str()),
        ("data-style", style),
    ];
    if !WRITABLE.contains(&at) {
        page.time(&attributes, &format!("{seconds} seconds from 1970"));
        return Some(());
    }
    let moment = Moment::at(at);
    let machine = moment.machine();
    attributes.push(("datetime", &machine));
    page.time(&attributes, &moment.text(style));
    Some(())
}

/// A point in time by the calendar of UTC.
struct Moment {
    year: i64,
    month: i64,
    day: i64,
    of_day: i64,
}

impl Moment {
    /// Howard Hinnant's `civil_from_days`, with days counted from the first of March of the year 0.
    const fn at(seconds: i64) -> Self {
        let shifted = seconds.div_euclid(86_400) + 719_468;
        let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
        let year_of_era = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
        let day_of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * day_of_year + 2) / 153;
        let month = if from_march < 10 {
            from_march + 3
        } else {
            from_march - 9
        };
        let year = year_of_era + era * 400;
        Self {
            year: if month <= 2 { year + 1 } else { year },
            month,
            day: day_of_year - (153 * from_march + 2) / 5 + 1,
            of_day: seconds.rem_euclid(86_400),
        }
    }

    fn date(&self) -> String {
        format!("{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }

    fn minutes(&self) -> String {
        format!("{:02}:{:02}", self.of_day / 3600, self.of_day / 60 % 60)
    }

    fn machine(&self) -> String {
        format!(
            "{}T{}:{:02}Z",
            self.date(),
            self.minutes(),
            self.of_day % 60
        )
    }

    fn text(&self, style: &str) -> String {
        let (date, minutes) = (self.date(), self.minutes());
        match style {
            "t" => format!("{minutes} UTC"),
            "T" => format!("{minutes}:{:02} UTC", self.of_day % 60),
            "d" | "D" => date,
            "S" => format!("{date} {minutes}:{:02} UTC", self.of_day % 60),
            _ => format!("{date} {minutes} UTC"),
        }
    }
}
