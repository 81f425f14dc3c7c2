//! Whether a version that was just unpacked runs on this host at all, before anything goes by it.

use std::ffi::OsString;
use std::path::Path;
use std::process::{Output, Stdio};
use std::time::Duration;

use shanty_core::version::Version;
use tokio::process::Command;

use crate::failure::printable;

/// A program that says its version takes longer than this on no host.
const VERSION_WITHIN: Duration = Duration::from_secs(20);

/// The trial starts two commands and stops one.
const TRIAL_WITHIN: Duration = Duration::from_secs(60);

/// Lets it say its version, and start a command as this host would have it.
///
/// # Errors
/// What is wrong, for people.
pub(super) async fn try_here(
    program: &Path,
    version: &Version,
    place: &[OsString],
) -> Result<(), String> {
    let said = run(program, &["--version".into()], VERSION_WITHIN).await?;
    let text = String::from_utf8_lossy(&said.stdout);
    let expected = format!("shanty-agent {version}");
    if !said.status.success() || text.trim() != expected {
        let text = last_line(&said).unwrap_or_else(|| said.status.to_string());
        return Err(format!("it does not run here as `{expected}`: {text}"));
    }
    let mut words: Vec<OsString> = vec!["trial".into()];
    words.extend_from_slice(place);
    let tried = run(program, &words, TRIAL_WITHIN).await?;
    match tried.status.success() {
        true => Ok(()),
        false => {
            let why = last_line(&tried).unwrap_or_else(|| tried.status.to_string());
            Err(format!("its trial on this host failed: {why}"))
        }
    }
}

async fn run(program: &Path, words: &[OsString], within: Duration) -> Result<Output, String> {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).kill_on_drop(true);
    let ran = tokio::time::timeout(within, command.output()).await;
    let ran = ran.map_err(|_| format!("it does nothing for {} s", within.as_secs()))?;
    ran.map_err(|error| format!("it cannot be started: {error}"))
}

/// The last thing that it said.
fn last_line(output: &Output) -> Option<String> {
    let all = [output.stdout.as_slice(), b"\n", &output.stderr].concat();
    let all = String::from_utf8_lossy(&all).into_owned();
    let last = all.lines().map(str::trim).rfind(|line| !line.is_empty());
    last.map(printable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_program_that_does_not_run_here_is_found_out() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("shanty-agent");
        let version: Version = "0.2.0".parse().unwrap();
        let script = dir.path().join("script");
        let wrapper = format!("#!/bin/sh\nexec sh {} \"$@\"\n", script.display());
        std::fs::write(dir.path().join("wrapper"), wrapper).unwrap();
        // Written by another process: what this one writes may be open yet in a child of another test.
        let install = std::process::Command::new("install")
            .args(["-m", "755"])
            .args([dir.path().join("wrapper"), path.clone()])
            .status();
        assert!(install.unwrap().success());
        let tried = async |text: &str| {
            std::fs::write(&script, text).unwrap();
            try_here(&path, &version, &["--config".into(), "x".into()]).await
        };
        let version_is = "if [ $1 = --version ]; then echo shanty-agent 0.2.0; exit; fi\n";
        let good = format!("{version_is}[ \"$*\" = 'trial --config x' ]");
        assert_eq!(tried(&good).await, Ok(()));
        let other = tried("echo shanty-agent 0.3.0").await.unwrap_err();
        assert!(
            other.contains("as `shanty-agent 0.2.0`: shanty-agent 0.3.0"),
            "{other}"
        );
        let loader = tried("echo 'GLIBC_9 not found' >&2; exit 1")
            .await
            .unwrap_err();
        assert!(loader.ends_with("GLIBC_9 not found"), "{loader}");
        let trial = tried(&format!("{version_is}echo x; echo 'no user' >&2; exit 1")).await;
        assert_eq!(trial.unwrap_err(), "its trial on this host failed: no user");
    }
}
