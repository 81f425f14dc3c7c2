//! `[limits]`: what an operator may change of the limits.

use shanty_core::admission::Rates;
use shanty_core::limits;

use super::read::{Errors, Section};

/// Limits that an operator may change; the defaults and their reasons are in `shanty_core::limits`.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Output kept of one execution, bytes.
    pub output_max: u64,
    /// Between TERM and KILL, milliseconds.
    pub grace_ms: u64,
    /// More hosts than this are shown to the person before anything runs on them.
    pub confirm_hosts: usize,
    /// How often people may start runs.
    pub rates: Rates,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            output_max: limits::OUTPUT_BYTES_MAX,
            grace_ms: limits::GRACE_MS,
            confirm_hosts: limits::CONFIRM_HOSTS,
            rates: Rates::default(),
        }
    }
}

/// Runs a minute, and at once, that can be allowed.
const RUNS_MAX: usize = 100_000;

/// What runs on more hosts than this is always shown first.
const CONFIRM_HOSTS_MAX: usize = 1_000;

impl Limits {
    pub(super) fn read(mut section: Section<'_, '_>, errors: &mut Errors<'_>) -> Self {
        let standard = Self::default();
        let start = section.start();
        let output_max = section
            .number("output_max", errors)
            .unwrap_or(standard.output_max);
        if !(1 << 20..=limits::OUTPUT_BYTES_MAX).contains(&output_max) {
            errors.at(
                start,
                "`output_max` in [limits] must be from 1 MiB to 64 MiB, in bytes: agents keep no more",
            );
        }
        let grace_ms = section
            .number("grace_ms", errors)
            .unwrap_or(standard.grace_ms);
        if !(100..=600_000).contains(&grace_ms) {
            errors.at(
                start,
                "`grace_ms` in [limits] must be from 100 to 600000 milliseconds",
            );
        }
        let confirm_hosts = section.number("confirm_hosts", errors).map(usize::try_from);
        let confirm_hosts =
            confirm_hosts.map_or(standard.confirm_hosts, |hosts| hosts.unwrap_or(usize::MAX));
        if confirm_hosts > CONFIRM_HOSTS_MAX {
            errors.at(
                start,
                format!("`confirm_hosts` in [limits] must be from 0 to {CONFIRM_HOSTS_MAX}: what runs on more hosts is shown first"),
            );
        }
        let rates = rates(&mut section, errors);
        section.finish(errors);
        Self {
            output_max,
            grace_ms,
            confirm_hosts,
            rates,
        }
    }
}

fn rates(section: &mut Section<'_, '_>, errors: &mut Errors<'_>) -> Rates {
    let start = section.start();
    let standard = Rates::default();
    let mut runs = |key, standard, unit: &str| {
        let runs = section.number(key, errors).map(usize::try_from);
        let runs = runs.map_or(standard, |runs| runs.unwrap_or(usize::MAX));
        if !(1..=RUNS_MAX).contains(&runs) {
            let what = format!("`{key}` in [limits] must be from 1 to {RUNS_MAX} runs {unit}");
            errors.at(start, what);
        }
        runs
    };
    Rates {
        person: runs("person_runs", standard.person, "a minute"),
        channel: runs("channel_runs", standard.channel, "a minute"),
        person_running: runs("person_running", standard.person_running, "at once"),
        channel_running: runs("channel_running", standard.channel_running, "at once"),
    }
}
