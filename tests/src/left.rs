//! Finds what was left running: shims carry their data directory in their arguments, commands `SHANTY_RUN` in their environment.

use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Processes that have this text among their arguments, as `pid: arguments`.
#[must_use]
pub fn with_argument(text: &str) -> Vec<String> {
    scan("cmdline", |arguments| arguments.contains(text))
}

/// Processes of commands of this run, or of any run, as `pid: arguments`.
#[must_use]
pub fn of_runs(run: Option<&str>) -> Vec<String> {
    let variable = run.map_or_else(
        || "SHANTY_RUN=".to_owned(),
        |run| format!("SHANTY_RUN={run}"),
    );
    scan("environ", |environment| {
        environment
            .split('\0')
            .any(|each| each.starts_with(&variable))
    })
}

/// The shims below a data directory: their process ids.
#[must_use]
pub fn shims(dir: &Path) -> Vec<i32> {
    let dir = dir.to_string_lossy().into_owned();
    with_argument(&dir)
        .into_iter()
        .filter(|process| process.contains("/executions/"))
        .filter_map(|process| pid(&process))
        .collect()
}

/// Kills every process that has this directory among its arguments, and the commands of the shims among them: for what a failed test
/// leaves.
pub fn kill_all(dir: &Path) {
    let runs: Vec<String> = with_argument(&format!("{}/", dir.display()))
        .iter()
        .filter(|process| process.contains("shim "))
        .filter_map(|shim| Some(shim.rsplit('/').next()?.to_owned()))
        .collect();
    let mut left = with_argument(&dir.to_string_lossy());
    left.extend(runs.iter().flat_map(|run| of_runs(Some(run))));
    for pid in left.iter().filter_map(|process| pid(process)) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).ok(); // it ended meanwhile
    }
}

fn pid(process: &str) -> Option<i32> {
    process.split(':').next()?.parse().ok()
}

fn scan(file: &str, matches: impl Fn(&str) -> bool) -> Vec<String> {
    let Ok(processes) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for process in processes.flatten() {
        let name = process.file_name().to_string_lossy().into_owned();
        if name.parse::<u32>().is_err() || name == std::process::id().to_string() {
            continue;
        }
        let read = |file: &str| std::fs::read(process.path().join(file)).unwrap_or_default();
        if matches(&String::from_utf8_lossy(&read(file))) {
            let arguments = String::from_utf8_lossy(&read("cmdline")).replace('\0', " ");
            found.push(format!("{name}: {}", arguments.trim()));
        }
    }
    found
}
