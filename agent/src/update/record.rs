//! `update.json`: what became of the last update, for the next attempt, the doctor and whoever asks how this host is.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use shanty_certs::files::{self, FileError};
use shanty_core::text::utc;
use shanty_core::version::Version;

/// In the folder of the executor.
pub(crate) const FILE: &str = "update.json";

const BYTES_MAX: u64 = 16 * 1024;

/// Longest reason that is kept, characters.
const REASON_CHARS_MAX: usize = 500;

/// How far an update came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The version is being tried.
    Trying,
    /// It is in use.
    InUse,
    /// The version before is in use again.
    CameBack,
}

/// The last update.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What was tried.
    pub(crate) version: String,
    /// What there was before.
    pub(crate) from: String,
    /// When that was decided, Unix seconds.
    pub(crate) at: u64,
    pub(crate) outcome: Outcome,
    /// Why it came back; nothing otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// Where it is kept.
#[derive(Clone, Debug)]
pub(crate) struct Records(PathBuf);

impl Records {
    /// Of the agent whose executor keeps its things in this folder.
    pub(crate) fn of(executor_dir: &Path) -> Self {
        Self(executor_dir.join(FILE))
    }

    /// The last one; nothing where there was none, or where it cannot be read: nothing hangs on it but whether an attempt is repeated.
    pub(crate) fn last(&self) -> Option<Record> {
        let text = files::read_secret(&self.0, BYTES_MAX).ok()?;
        serde_json::from_slice(&text).ok()
    }

    pub(crate) fn write(&self, record: &Record) -> Result<(), FileError> {
        let text = serde_json::to_vec(record).unwrap_or_default();
        files::write_secret(&self.0, &text)
    }
}

impl Record {
    pub(crate) fn new(version: &Version, from: &Version, outcome: Outcome) -> Self {
        Self {
            version: version.to_string(),
            from: from.to_string(),
            at: now(),
            outcome,
            reason: None,
        }
    }

    /// That it came back, and why.
    pub(crate) fn came_back(self, reason: &str) -> Self {
        Self {
            at: now(),
            outcome: Outcome::CameBack,
            reason: Some(reason.chars().take(REASON_CHARS_MAX).collect()),
            ..self
        }
    }

    /// That it is in use.
    pub(crate) fn in_use(self) -> Self {
        Self {
            at: now(),
            outcome: Outcome::InUse,
            reason: None,
            ..self
        }
    }

    /// Why this version should not be tried again; nothing when nothing speaks against it.
    pub(crate) fn against(&self, version: &Version) -> Option<String> {
        if self.outcome != Outcome::CameBack || self.version != version.as_str() {
            return None;
        }
        Some(format!(
            "{} was tried at {} UTC, and {} came back: {}",
            self.version,
            utc(self.at.saturating_mul(1_000)),
            self.from,
            self.reason.as_deref().unwrap_or("nobody knows why")
        ))
    }

    /// For people, in a line.
    pub(crate) fn said(&self) -> String {
        let at = utc(self.at.saturating_mul(1_000));
        let (version, from) = (&self.version, &self.from);
        match self.outcome {
            Outcome::Trying => format!("{version} is being tried since {at} UTC; before it {from}"),
            Outcome::InUse => format!("{version} since {at} UTC, before it {from}"),
            Outcome::CameBack => {
                let reason = self.reason.as_deref().unwrap_or("nobody knows why");
                format!("{version} was tried at {at} UTC, and {from} came back: {reason}")
            }
        }
    }
}

fn now() -> u64 {
    crate::clock::wall_ms() / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_is_not_tried_again_and_what_is_in_use_is_nothing_against() {
        let dir = tempfile::tempdir().unwrap();
        let records = Records::of(dir.path());
        assert_eq!(records.last(), None);
        let [one, two] = ["0.1.0", "0.2.0"].map(|text| text.parse::<Version>().unwrap());
        let trying = Record::new(&two, &one, Outcome::Trying);
        for record in [trying.clone(), trying.clone().in_use()] {
            records.write(&record).unwrap();
            assert_eq!(records.last().unwrap(), record);
            assert_eq!(record.against(&two), None);
        }
        let back = Record {
            at: 0,
            ..trying.came_back("it ended with status 1")
        };
        let said = back.against(&two).unwrap();
        assert_eq!(
            said,
            "0.2.0 was tried at 1970-01-01 00:00 UTC, and 0.1.0 came back: it ended with status 1"
        );
        assert_eq!((back.said(), back.against(&one)), (said, None));
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(records.last(), None);
    }
}
