//! This machine's clock against Discord's.

use std::time::UNIX_EPOCH;

use shanty_core::text::{duration, utc};

use super::{Check, Finding, Seen};

pub(super) const CHECKS: &[Check] = &[Check {
    name: "clock",
    look,
}];

/// As far as a header of whole seconds and a slow network can be off.
const NEAR_MS: u64 = 30_000;

/// Past it certificates are refused, and times in the journal are wrong for everybody who reads them.
const FAR_MS: u64 = 300_000;

fn look(seen: &Seen) -> Vec<Finding> {
    let Some((date, ours_ms)) = seen
        .survey
        .as_ref()
        .and_then(|survey| survey.clock.as_ref())
    else {
        return Vec::new();
    };
    match parse(date) {
        Some(theirs_ms) => vec![judged(*ours_ms, theirs_ms)],
        None => vec![Finding::warning(
            "Discord told no time that can be read",
            "Compare `date -u` with another clock.",
        )],
    }
}

fn judged(ours_ms: u64, theirs_ms: u64) -> Finding {
    let off_ms = ours_ms.abs_diff(theirs_ms);
    if off_ms <= NEAR_MS {
        return Finding::good(format!("as Discord's: {} UTC", utc(ours_ms)));
    }
    let side = if ours_ms < theirs_ms {
        "behind"
    } else {
        "ahead"
    };
    let measured = format!(
        "this machine says {} UTC, Discord says {} UTC: {} {side}",
        utc(ours_ms),
        utc(theirs_ms),
        duration(off_ms),
    );
    let mend = "`timedatectl set-ntp true`, or set it by hand.";
    match off_ms > FAR_MS {
        true => Finding::bad(measured, mend),
        false => Finding::warning(measured, mend),
    }
}

/// A time as HTTP writes it, such as `Mon, 30 Nov 2026 18:17:08 GMT`: milliseconds since the Unix epoch.
fn parse(date: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(date).ok()?;
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    #[test]
    fn times_of_headers_are_read() {
        for (date, text) in [
            ("Mon, 30 Nov 2026 18:17:08 GMT", Some("2026-11-30 18:17")),
            ("Thu, 29 Feb 2024 23:59:59 GMT", Some("2024-02-29 23:59")),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some("1970-01-01 00:00")),
            ("Fri, 31 Dec 1999 00:00:00 GMT", Some("1999-12-31 00:00")),
            ("Sun, 29 Feb 2026 18:17:08 GMT", None),
            ("Mon, 30 Nov 2026 18:17:08 CET", None),
            ("Mon, 30 Nov 2026 25:17:08 GMT", None),
            ("Mon, 32 Nov 2026 18:17:08 GMT", None),
            ("Mon, 30 Nov 1869 18:17:08 GMT", None),
            ("Mon, 30 November 2026 18:17:08 GMT", None),
            ("soon", None),
        ] {
            assert_eq!(parse(date).map(utc).as_deref(), text, "{date}");
        }
    }

    #[test]
    fn a_clock_that_is_a_day_off_is_told_with_both_times() {
        let now = parse("Mon, 30 Nov 2026 18:17:08 GMT").unwrap();
        let day = 86_400_000;
        let ahead = judged(now + day, now);
        assert_eq!(ahead.state, State::Bad);
        assert_eq!(
            ahead.measured,
            "this machine says 2026-12-01 18:17 UTC, Discord says 2026-11-30 18:17 UTC: 1d ahead"
        );
        assert!(
            judged(now - day, now).measured.ends_with("1d behind"),
            "{:?}",
            judged(now - day, now)
        );
        assert_eq!(judged(now, now + 60_000).state, State::Warning);
        assert_eq!(
            judged(now, now + 29_000),
            Finding::good("as Discord's: 2026-11-30 18:17 UTC")
        );
    }
}
