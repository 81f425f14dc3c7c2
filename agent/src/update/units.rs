//! What keeps an agent under systemd: its units, and those of a version that is tried.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use tokio::process::Command;

use crate::failure::printable;

/// The link, and what runs commands.
pub(crate) const STABLE: [&str; 2] = ["shanty-executor.service", "shanty-agent.service"];

/// The same of a version that is tried.
pub(crate) const EXPERIMENT: [&str; 2] =
    ["shanty-executor-exp.service", "shanty-agent-exp.service"];

/// Where an administrator, the installing script and we put units; they stand above those of packages.
const OURS: &str = "/etc/systemd/system";

/// Stands first in a unit that takes the place of a package's: the next package removes it.
const MARK: &str = "# Put here by shanty-agent update, above that of the package, until there is a newer package.\n";

/// systemd answers at once; it stops a unit within 30 s.
const WITHIN: Duration = Duration::from_secs(90);

/// Whether this host is kept by systemd.
pub(crate) fn is_systemd() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

/// How a unit stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// Such as `active`.
    pub(crate) state: String,
    /// Such as `exit-code`.
    result: String,
    /// Of its main process.
    status: String,
    /// The file that counts.
    file: String,
}

impl Standing {
    /// It runs, or is about to.
    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state.as_str(), "active" | "activating" | "reloading")
    }

    /// It is over.
    pub(crate) fn is_down(&self) -> bool {
        matches!(self.state.as_str(), "failed" | "inactive" | "")
    }

    /// How it ended, for people.
    pub(crate) fn ended(&self) -> String {
        match self.result.as_str() {
            "timeout" => "did not connect in time".to_owned(),
            "signal" | "core-dump" => format!("was ended by signal {}", self.status),
            _ if self.status == "0" || self.status.is_empty() => "ended".to_owned(),
            _ => format!("ended with status {}", self.status),
        }
    }

    fn parse(shown: &str) -> Self {
        let value = |key: &str| {
            let line = shown
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim().to_owned()
        };
        Self {
            state: value("ActiveState"),
            result: value("Result"),
            status: value("ExecMainStatus"),
            file: value("FragmentPath"),
        }
    }
}

/// Asks systemd how a unit stands.
pub(crate) async fn standing(unit: &str) -> Standing {
    let properties = "--property=ActiveState,Result,ExecMainStatus,FragmentPath";
    match call("systemctl", &["show", properties, unit]).await {
        Ok(output) => Standing::parse(&String::from_utf8_lossy(&output.stdout)),
        Err(_) => Standing::default(),
    }
}

/// Starts units, and with that stops those that they conflict with. Waits until that is done.
///
/// # Errors
/// What systemd said.
pub(crate) async fn start(units: &[&str]) -> Result<(), String> {
    let words = [&["start"], units].concat();
    succeeded(call("systemctl", &words).await?)
}

/// The same without waiting: whoever asks may be what is stopped.
///
/// # Errors
/// What systemd said.
pub(crate) async fn ask_to_start(units: &[&str]) -> Result<(), String> {
    let words = [&["--no-block", "start"], units].concat();
    succeeded(call("systemctl", &words).await?)
}

/// Starts units anew.
///
/// # Errors
/// What systemd said.
pub(crate) async fn restart(units: &[&str]) -> Result<(), String> {
    let words = [&["restart"], units].concat();
    succeeded(call("systemctl", &words).await?)
}

/// Nobody has to look at these any more.
pub(crate) async fn forget_failures(units: &[&str]) {
    let words = [&["reset-failed"], units].concat();
    call("systemctl", &words).await.ok(); // They did not fail.
}

/// The last line that a version said while it was tried, since this time, Unix seconds.
pub(crate) async fn last_line(since: u64) -> Option<String> {
    let since = format!("--since=@{since}");
    let [one, two] = EXPERIMENT.map(|unit| format!("_SYSTEMD_UNIT={unit}"));
    let words = [
        "--no-pager",
        "-q",
        "-o",
        "cat",
        "-n",
        "1",
        &since,
        &two,
        "+",
        &one,
    ];
    let output = call("journalctl", &words).await.ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = text.lines().rfind(|line| !line.trim().is_empty())?;
    Some(printable(line.trim()))
}

/// Puts the units of a version where they count, as far as they are others. Whether any was put.
///
/// # Errors
/// Which cannot be put, and why.
pub(crate) async fn place(folder: &Path, units: &[&str]) -> Result<bool, String> {
    let mut placed = false;
    for unit in units {
        let Ok(new) = fs::read_to_string(folder.join("systemd").join(unit)) else {
            continue; // An archive without it: what is there stays.
        };
        let counts = standing(unit).await.file;
        let there = fs::read_to_string(&counts).unwrap_or_default();
        if same(&there, &new) {
            continue;
        }
        put(&placed_at(unit), &there_now(&counts, new))?;
        placed = true;
    }
    if placed {
        succeeded(call("systemctl", &["daemon-reload"]).await?)?;
    }
    Ok(placed)
}

fn placed_at(unit: &str) -> PathBuf {
    Path::new(OURS).join(unit)
}

/// The text to put, with a mark where it stands above that of a package.
fn there_now(counts: &str, new: String) -> String {
    let of_package = !counts.is_empty() && !counts.starts_with(OURS);
    let marked = fs::read_to_string(counts).is_ok_and(|text| text.starts_with(MARK));
    if of_package || marked {
        format!("{MARK}{new}")
    } else {
        new
    }
}

fn same(there: &str, new: &str) -> bool {
    there.strip_prefix(MARK).unwrap_or(there) == new
}

fn put(path: &Path, text: &str) -> Result<(), String> {
    let access = shanty_certs::files::Access {
        mode: 0o644,
        ..shanty_certs::files::Access::OURS
    };
    let put = shanty_certs::files::write_with(path, text.as_bytes(), access);
    put.map_err(|error| shanty_core::causes::chain(&error))
}

async fn call(program: &str, words: &[&str]) -> Result<Output, String> {
    let mut command = Command::new(program);
    command
        .args(words)
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    let ran = tokio::time::timeout(WITHIN, command.output()).await;
    let ran = ran.map_err(|_| format!("{program} does not answer"))?;
    ran.map_err(|error| format!("{program} cannot be run: {error}"))
}

fn succeeded(output: Output) -> Result<(), String> {
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let first = said.lines().find(|line| !line.trim().is_empty());
    Err(format!(
        "systemd did not do it: {}",
        printable(first.unwrap_or("it does not say why").trim())
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_a_unit_stands_is_read() {
        let shown = "Result=exit-code\nExecMainStatus=78\nActiveState=failed\nFragmentPath=/etc/systemd/system/a.service\n";
        let failed = Standing::parse(shown);
        assert!(failed.is_down() && !failed.is_up());
        assert_eq!(failed.ended(), "ended with status 78");
        let with = |result: &str, status: &str| Standing {
            result: result.to_owned(),
            status: status.to_owned(),
            ..Standing::default()
        };
        assert_eq!(with("timeout", "15").ended(), "did not connect in time");
        assert_eq!(with("signal", "11").ended(), "was ended by signal 11");
        assert_eq!(with("exit-code", "0").ended(), "ended");
        let unknown = Standing::parse("");
        assert!(unknown.is_down(), "a unit that is not there is not up");
        assert!(Standing::parse("ActiveState=activating\n").is_up());
    }

    #[test]
    fn only_what_stands_above_a_package_is_marked() {
        let text = |counts: &str| there_now(counts, "[Unit]\n".to_owned());
        assert_eq!(text(""), "[Unit]\n");
        assert_eq!(text("/etc/systemd/system/none.service"), "[Unit]\n");
        let marked = text("/usr/lib/systemd/system/none.service");
        assert!(marked.starts_with("# Put here by shanty-agent update,"));
        assert!(same(&marked, "[Unit]\n") && same("[Unit]\n", "[Unit]\n"));
        assert!(!same("[Unit]\n#\n", "[Unit]\n"));
    }

    /// Whatever holds for the two that are tried holds for the two that stay, but for what makes them an experiment.
    #[test]
    fn what_is_tried_is_tried_as_it_will_run() {
        let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/systemd");
        for (stable, experiment) in STABLE.into_iter().zip(EXPERIMENT) {
            let lines = |unit: &str| -> Vec<String> {
                let text = fs::read_to_string(packaging.join(unit)).unwrap();
                let of_both = |line: &&str| {
                    let own = [
                        "#",
                        "Description",
                        "Wants",
                        "After",
                        "Conflicts",
                        "OnFailure",
                        "Type",
                        "NotifyAccess",
                        "WatchdogSec",
                        "ExecStart",
                        "ExecStopPost",
                        "Restart",
                        "RuntimeMaxSec",
                        "Timeout",
                        "[Install]",
                        "WantedBy",
                    ];
                    !line.is_empty() && !own.iter().any(|word| line.starts_with(word))
                };
                text.lines().filter(of_both).map(str::to_owned).collect()
            };
            assert_eq!(lines(stable), lines(experiment), "{experiment}");
            let text = fs::read_to_string(packaging.join(experiment)).unwrap();
            for needed in [
                "ExecStopPost=/bin/false",
                "Restart=no",
                "OnFailure=shanty-executor.service shanty-agent.service",
            ] {
                assert!(
                    text.lines().any(|line| line == needed),
                    "{experiment}: {needed}"
                );
            }
            assert!(
                !text.contains("[Install]"),
                "{experiment} is enabled by nobody"
            );
            assert!(text.lines().any(|line| line.starts_with("RuntimeMaxSec=")));
            assert!(text.contains("/opt/shanty/experiment/shanty-agent"));
        }
    }
}
