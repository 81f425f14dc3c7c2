//! Small pieces of wording that every view shares: counts, durations and sizes, and how long a text is and where it is cut.

mod quoted;
mod typographic;

use crate::output::sanitise::push_visible;

pub use quoted::{Reading, readings};
pub use typographic::{Finding, plain, typographic};

/// `1 host`, `3 hosts`, `10,000 hosts`: a count with its noun, which takes a plain `s`.
#[must_use]
pub fn count(n: usize, noun: &str) -> String {
    if n == 1 {
        format!("1 {noun}")
    } else {
        format!("{} {noun}s", thousands(n as u64))
    }
}

/// A number as a person reads it: `999`, `48,211`.
#[must_use]
pub fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A duration as a person reads it: `40 ms`, `1.3 s`, `42 s`, `1m 52s`, `2h 05m`, `3d 4h`.
#[must_use]
pub fn duration(ms: u64) -> String {
    let s = ms / 1_000;
    match s {
        0 => format!("{ms} ms"),
        1..=9 => format!("{s}.{} s", ms % 1_000 / 100),
        10..=59 => format!("{s} s"),
        60..=3_599 if s.is_multiple_of(60) => format!("{}m", s / 60),
        60..=3_599 => format!("{}m {:02}s", s / 60, s % 60),
        3_600..=86_399 if s.is_multiple_of(3_600) => format!("{}h", s / 3_600),
        3_600..=86_399 => format!("{}h {:02}m", s / 3_600, s % 3_600 / 60),
        _ if s % 86_400 < 3_600 => format!("{}d", s / 86_400),
        _ => format!("{}d {}h", s / 86_400, s % 86_400 / 3_600),
    }
}

/// Characters as Discord may count them at most: UTF-16 units.
#[must_use]
pub fn units(text: &str) -> usize {
    if text.is_ascii() {
        return text.len();
    }
    text.chars().map(char::len_utf16).sum()
}

/// The longest beginning of a text that has at most so many UTF-16 units, cut at a character.
#[must_use]
pub fn prefix(text: &str, units_max: usize) -> &str {
    // No character has more UTF-16 units than bytes.
    if text.len() <= units_max {
        return text;
    }
    let mut used = 0;
    let over = text.char_indices().find(|(_, c)| {
        used += c.len_utf16();
        used > units_max
    });
    over.and_then(|(at, _)| text.get(..at)).unwrap_or(text)
}

/// A text of at most so many characters; the last of them is `…` where some were left out.
#[must_use]
pub fn cut(text: &str, chars_max: usize) -> String {
    if text.chars().nth(chars_max).is_none() {
        return text.to_owned();
    }
    let kept = text.chars().take(chars_max.saturating_sub(1));
    kept.chain(['…']).collect()
}

/// What an error repeats of somebody else's text, between backticks: at most so many characters, with what cannot be seen made visible,
/// and nothing that ends the code span.
#[must_use]
pub fn shown(text: &str, chars_max: usize) -> String {
    let mut shown = String::new();
    for (at, c) in text.chars().enumerate() {
        if at == chars_max {
            shown.push('…');
            break;
        }
        match c {
            '`' => shown.push('\''),
            c => push_visible(c, &mut shown),
        }
    }
    shown
}

/// What an error says as a sentence: with a capital, and a full stop where it is no question.
#[must_use]
pub fn sentence(fragment: &str) -> String {
    let mut rest = fragment.chars();
    let first = rest.next().into_iter().flat_map(char::to_uppercase);
    let stop = (!fragment.ends_with('?')).then_some('.');
    first.chain(rest.clone()).chain(stop).collect()
}

/// Parses what people type for a duration: a whole number and one of `s`, `m`, `h`, `d`. Nothing else: `5` could mean anything.
///
/// # Errors
/// None when the text has another form or does not fit.
#[must_use]
pub fn parse_duration(text: &str) -> Option<u64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.parse::<u64>().ok()?.checked_mul(unit_ms)
}

/// A duration as [`parse_duration`] reads it, in the largest unit that says it exactly, whole seconds at least; nothing for zero, which
/// cannot be typed.
#[must_use]
pub fn typed_duration(ms: u64) -> String {
    match ms {
        0 => String::new(),
        _ if ms.is_multiple_of(3_600_000) => format!("{}h", ms / 3_600_000),
        _ if ms.is_multiple_of(60_000) => format!("{}m", ms / 60_000),
        _ => format!("{}s", ms.div_ceil(1_000)),
    }
}

/// Parses what people type for a size: a number, maybe with up to three decimals, and one of `k`, `m`, `g`, `t`, each 1,024 of the
/// one before. Nothing else: `16` could mean anything.
#[must_use]
pub fn parse_size(text: &str) -> Option<u64> {
    let (number, shift) = match text.as_bytes().split_last()? {
        (b'k', number) => (number, 10),
        (b'm', number) => (number, 20),
        (b'g', number) => (number, 30),
        (b't', number) => (number, 40),
        _ => return None,
    };
    let number = std::str::from_utf8(number).ok()?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let plain = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if !plain(whole) || !plain(part) || part.len() > 3 {
        return None;
    }
    let thousandths: u128 = Some(whole)
        .filter(|whole| whole.len() <= 12)
        .and_then(|whole| format!("{whole}{part:0<3}").parse().ok())?;
    u64::try_from((thousandths << shift) / 1_000).ok()
}

/// A size as a person reads it: `131 B`, `3.9 MiB`.
#[must_use]
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let (mut whole, mut tenth, mut unit) = (bytes / 1024, bytes % 1024 * 10 / 1024, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        (whole, tenth, unit) = (whole / 1024, whole % 1024 * 10 / 1024, unit + 1);
    }
    format!(
        "{whole}.{tenth} {}",
        UNITS.get(unit).copied().unwrap_or("PiB")
    )
}

/// A moment for people who share no time zone, by the minute: `2026-11-30 10:14`. Days are counted in the proleptic Gregorian calendar
/// (Howard Hinnant's `civil_from_days`).
#[must_use]
pub fn utc(ms: u64) -> String {
    let minutes = ms / 60_000;
    let (days, minute) = (minutes / 1_440, minutes % 1_440);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let (hour, minute) = (minute / 60, minute % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_they_are_typed() {
        for (ms, text) in [
            (0, ""),
            (1_000, "1s"),
            (90_000, "90s"),
            (300_000, "5m"),
            (7_200_000, "2h"),
        ] {
            assert_eq!(typed_duration(ms), text);
            if ms > 0 {
                assert_eq!(parse_duration(text), Some(ms));
            }
        }
    }

    #[test]
    fn moments_have_a_date() {
        for (ms, said) in [
            (0, "1970-01-01 00:00"),
            (951_782_340_000, "2000-02-28 23:59"),
            (951_782_400_000, "2000-02-29 00:00"),
            (1_709_251_199_999, "2024-02-29 23:59"),
            (1_796_033_640_000, "2026-11-30 10:14"),
            (4_107_542_400_000, "2100-03-01 00:00"),
        ] {
            assert_eq!(utc(ms), said);
        }
        assert!(utc(u64::MAX).len() > 16, "nothing overflows");
    }

    #[test]
    fn numbers_are_cut_into_thousands() {
        let shown = [0, 7, 999, 1_000, 48_211, 1_000_000, u64::MAX].map(thousands);
        let expected = [
            "0",
            "7",
            "999",
            "1,000",
            "48,211",
            "1,000,000",
            "18,446,744,073,709,551,615",
        ];
        assert_eq!(shown, expected);
        assert_eq!(count(10_000, "line"), "10,000 lines");
    }

    #[test]
    fn what_is_repeated_stays_inside_of_its_code_span() {
        assert_eq!(shown("a`b\u{202e}c\n", 10), "a'b⟨U+202E⟩c␊");
        assert_eq!(shown("abcd", 3), "abc…");
    }

    #[test]
    fn what_an_error_says_is_a_sentence() {
        let said = ["the order has no command", "`a` is none", "élan", ""].map(sentence);
        let sentences = ["The order has no command.", "`a` is none.", "Élan.", "."];
        assert_eq!(said, sentences);
    }

    #[test]
    fn texts_are_cut_at_characters() {
        assert_eq!([units("ab"), units("é"), units("a🙂")], [2, 1, 3]);
        for (text, max, expected) in [
            ("", 0, ""),
            ("abc", 3, "abc"),
            ("abc", 2, "ab"),
            ("a🙂b", 2, "a"),
            ("a🙂b", 3, "a🙂"),
            ("ééé", 3, "ééé"),
            ("🙂", 0, ""),
        ] {
            assert_eq!(prefix(text, max), expected, "{text} {max}");
        }
        for (text, max, expected) in [
            ("", 3, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "ab…"),
            ("🙂🙂🙂🙂", 3, "🙂🙂…"),
            ("ab", 1, "…"),
        ] {
            assert_eq!(cut(text, max), expected, "{text} {max}");
        }
    }

    #[test]
    fn durations_read_well() {
        let shown: Vec<_> = [
            0,
            40,
            1_300,
            9_999,
            42_000,
            112_000,
            7_200_000,
            7_500_000,
            86_400_000,
            273_600_000,
        ]
        .into_iter()
        .map(duration)
        .collect();
        assert_eq!(
            shown,
            [
                "0 ms", "40 ms", "1.3 s", "9.9 s", "42 s", "1m 52s", "2h", "2h 05m", "1d", "3d 4h"
            ]
        );
    }

    #[test]
    fn durations_are_parsed_exactly_or_not_at_all() {
        assert_eq!(parse_duration("90s"), Some(90_000));
        assert_eq!(parse_duration("2h"), Some(7_200_000));
        for bad in [
            "",
            "5",
            "-5s",
            "5 m",
            "1h1h",
            "NaN",
            "s",
            "99999999999999999999s",
            "\u{663}s",
        ] {
            assert_eq!(parse_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_are_parsed_exactly_or_not_at_all() {
        assert_eq!(parse_size("16g"), Some(16 << 30));
        assert_eq!(parse_size("1.5k"), Some(1_536));
        for bad in [
            "",
            "16",
            "g",
            "1.g",
            ".5g",
            "1.2345g",
            "-1g",
            "1 g",
            "16G",
            "999999999999t",
            "9999999999999k",
            "\u{663}g",
        ] {
            assert_eq!(parse_size(bad), None, "{bad}");
        }
    }

    #[test]
    fn sizes_and_counts_read_well() {
        assert_eq!(
            [131, 2_048, 4_089_446, u64::MAX].map(size),
            ["131 B", "2.0 KiB", "3.8 MiB", "16383.9 PiB"]
        );
        assert_eq!([count(1, "host"), count(0, "host")], ["1 host", "0 hosts"]);
    }
}
