//! `[identities]`: how long certificates of hosts are good.

use std::str::FromStr;

use shanty_core::admission::Identities;
use shanty_core::text::parse_duration;

use super::read::{Errors, Section};

/// Shortest and longest life of a certificate, milliseconds. Short ones are for trying out.
const LEAF_MS: (u64, u64) = (2_000, 366 * 86_400_000);
/// Longest time after it ran out, milliseconds.
const LATE_MS_MAX: u64 = 90 * 86_400_000;

pub(super) fn read(mut section: Section<'_, '_>, errors: &mut Errors<'_>) -> Identities {
    let standard = Identities::default();
    let leaf = section.text::<Life>("leaf", errors);
    let late = section.text::<Lateness>("late", errors);
    section.finish(errors);
    Identities {
        leaf_ms: leaf.map_or(standard.leaf_ms, |life| life.0),
        late_ms: late.map_or(standard.late_ms, |late| late.0),
    }
}

/// How long a certificate is good, milliseconds.
#[derive(Debug)]
struct Life(u64);

impl FromStr for Life {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (min, max) = LEAF_MS;
        parse_duration(text)
            .filter(|ms| (min..=max).contains(ms))
            .map(Self)
            .ok_or_else(|| format!("`{text}` is no time from 2s to 366d, such as 72h"))
    }
}

/// How late one may be renewed, milliseconds.
#[derive(Debug)]
struct Lateness(u64);

impl FromStr for Lateness {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        parse_duration(text)
            .filter(|ms| *ms <= LATE_MS_MAX)
            .map(Self)
            .ok_or_else(|| {
                format!("`{text}` is no time up to 90d, such as 7d; 0s lets nobody renew late")
            })
    }
}
