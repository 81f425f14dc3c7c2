//! `[retention]`: how long output is kept, and how much of it.

use std::str::FromStr;

use shanty_core::text::{parse_duration, parse_size};

use super::read::{Errors, Section};

const DAY_MS: u64 = 86_400_000;
const GIB: u64 = 1 << 30;

/// How long output and runs are kept, and how much output. What was run and how it ended stays in the journal for good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retention {
    /// Runs that are over are found and shown so long after they were asked for, milliseconds.
    pub runs_ms: u64,
    /// Output is deleted so long after its execution ended, milliseconds.
    pub output_ms: u64,
    /// All output together, bytes; past it the oldest is deleted earlier.
    pub output_bytes_max: u64,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            runs_ms: 730 * DAY_MS,
            // A quarter: long enough for most questions after an incident.
            output_ms: 90 * DAY_MS,
            // What a small disk can spare.
            output_bytes_max: 20 * GIB,
        }
    }
}

impl Retention {
    pub(super) fn read(mut section: Section<'_, '_>, errors: &mut Errors<'_>) -> Self {
        let standard = Self::default();
        let runs = section.text::<Age>("runs", errors);
        let output = section.text::<Age>("output", errors);
        let output_max = section.text::<Size>("output_max", errors);
        let runs_ms = runs.map_or(standard.runs_ms, |age| age.0);
        let output_ms = output.map_or(standard.output_ms, |age| age.0);
        if runs_ms < output_ms {
            let what =
                "`runs` in [retention] is shorter than `output`: nobody could find what is kept";
            errors.at(section.start(), what);
        }
        section.finish(errors);
        Self {
            runs_ms,
            output_ms,
            output_bytes_max: output_max.map_or(standard.output_bytes_max, |size| size.0),
        }
    }
}

/// How long something is kept, milliseconds.
#[derive(Debug)]
struct Age(u64);

impl FromStr for Age {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let years = || {
            text.strip_suffix('y')?
                .parse::<u64>()
                .ok()?
                .checked_mul(365 * DAY_MS)
        };
        parse_duration(text)
            .or_else(years)
            .filter(|ms| (DAY_MS..=3_650 * DAY_MS).contains(ms))
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no time from 1d to 10y, such as 90d or 2y"))
    }
}

/// How much output is kept, bytes.
#[derive(Debug)]
struct Size(u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.strip_suffix("iB")
            .and_then(|number| parse_size(&number.to_ascii_lowercase()))
            // One host may print 64 MiB, which must be kept until people have seen it.
            .filter(|bytes| (GIB..=1_024 * 1_024 * GIB).contains(bytes))
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no size from 1GiB to 1024TiB, such as 20GiB"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn retention(lines: &str) -> Result<Retention, String> {
        let text = format!("data_dir = \"/x\"\n{lines}");
        Config::parse("shanty.toml", &text)
            .map(|config| config.retention)
            .map_err(|errors| errors.to_string())
    }

    #[test]
    fn what_is_not_said_has_its_default() {
        let standard = Retention {
            runs_ms: 63_072_000_000,
            output_ms: 7_776_000_000,
            output_bytes_max: 21_474_836_480,
        };
        assert_eq!(retention("").unwrap(), standard);
        let lines = "[retention]\nruns = \"3y\"\noutput = \"2d\"\noutput_max = \"1.5GiB\"\n";
        let said = retention(lines).unwrap();
        assert_eq!(said.runs_ms, 3 * 365 * DAY_MS);
        assert_eq!(said.output_ms, 2 * DAY_MS);
        assert_eq!(said.output_bytes_max, 3 << 29);
    }

    #[test]
    fn runs_are_kept_at_least_as_long_as_their_output() {
        let kept = |runs: &str, output: &str| {
            retention(&format!(
                "[retention]\nruns = \"{runs}\"\noutput = \"{output}\"\n"
            ))
        };
        assert!(kept("30d", "30d").is_ok());
        let told = kept("29d", "30d").unwrap_err();
        assert!(
            told.starts_with("shanty.toml:2: `runs` in [retention] is shorter than `output`"),
            "{told}"
        );
        let told = retention("[retention]\nruns = \"89d\"\n").unwrap_err();
        assert!(
            told.contains("is shorter than `output`"),
            "also than its default: {told}"
        );
    }

    #[test]
    fn what_cannot_be_meant_is_refused_with_its_line() {
        for (line, wrong) in [
            ("output = \"90\"", "is no time from 1d to 10y"),
            ("output = \"23h\"", "is no time from 1d to 10y"),
            ("output = \"3651d\"", "is no time from 1d to 10y"),
            ("runs = \"11y\"", "is no time from 1d to 10y"),
            ("runs = \"y\"", "is no time from 1d to 10y"),
            ("runs = \"-1y\"", "is no time from 1d to 10y"),
            ("output_max = \"20G\"", "is no size from 1GiB"),
            ("output_max = \"20 GiB\"", "is no size from 1GiB"),
            ("output_max = \"1000MiB\"", "is no size from 1GiB"),
            ("output_max = 20", "must be text in quotes"),
            ("run = \"2y\"", "unknown key"),
        ] {
            let told = retention(&format!("[retention]\n{line}\n")).unwrap_err();
            assert!(told.starts_with("shanty.toml:3: "), "{line}: {told}");
            assert!(told.contains(wrong), "{line}: {told}");
        }
    }
}
