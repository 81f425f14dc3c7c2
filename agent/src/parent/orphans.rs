//! Agents that a parent which was killed has left. In order they stop with it; one that hangs does not, and no other could work beside it.

use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::time::{Instant, sleep};

use super::LOOK;
use crate::update::home::Home;

/// What stops in order has stopped by then.
const WITHIN: Duration = Duration::from_secs(10);

/// Waits until none of this home is left that was started with these arguments, and kills what does not go.
pub(super) async fn end(home: &Home, run: &[OsString]) {
    let until = Instant::now() + WITHIN;
    loop {
        let left = left(Path::new("/proc"), home, run);
        if left.is_empty() {
            return;
        }
        if Instant::now() >= until {
            for pid in left {
                tracing::warn!(
                    pid = pid.as_raw(),
                    "An agent that was left over does not stop, and is killed."
                );
                kill(pid, Signal::SIGKILL).ok(); // It ended meanwhile.
            }
            return;
        }
        sleep(LOOK).await;
    }
}

fn left(proc: &Path, home: &Home, run: &[OsString]) -> Vec<Pid> {
    let processes = fs::read_dir(proc).into_iter().flatten().flatten();
    let ours = |folder: &Path| {
        // Of a version that was removed meanwhile ` (deleted)` stands behind it.
        let program = fs::read_link(folder.join("exe")).ok()?;
        let line = fs::read(folder.join("cmdline")).ok()?;
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        let mut ends = run.to_vec();
        ends.push(OsString::new()); // Behind the last zero.
        let ends: Vec<&[u8]> = ends.iter().map(|word| word.as_bytes()).collect();
        let agent = words.get(1..3) == Some(&[b"run".as_slice(), b"--exit-with-stdin"]);
        (agent && words.ends_with(&ends) && program.starts_with(home.path())).then_some(())
    };
    processes
        .filter_map(|entry| {
            let pid = entry.file_name().to_str()?.parse().ok()?;
            ours(&entry.path()).map(|()| Pid::from_raw(pid))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_another_parent_started_so_is_left_over() {
        let dir = tempfile::tempdir().unwrap();
        let put = |pid: &str, program: &str, line: &str| {
            let folder = dir.path().join(pid);
            fs::create_dir_all(&folder).unwrap();
            std::os::unix::fs::symlink(program, folder.join("exe")).unwrap();
            fs::write(folder.join("cmdline"), line.replace(' ', "\0") + "\0").unwrap();
        };
        let program = "/opt/shanty/versions/1/shanty-agent";
        put(
            "1",
            program,
            "x run --exit-with-stdin --experiment --data-dir /d",
        );
        put(
            "2",
            &format!("{program} (deleted)"),
            "x run --exit-with-stdin --data-dir /d",
        );
        put("3", program, "x run --exit-with-stdin --data-dir /other");
        put("4", program, "x run --data-dir /d");
        put("5", program, "x shim /d");
        put("6", "/usr/bin/x", "x run --exit-with-stdin --data-dir /d");
        put("none", program, "x run --exit-with-stdin --data-dir /d");
        let home = Home::new("/opt/shanty".into());
        let run = ["--data-dir", "/d"].map(OsString::from);
        let mut found = left(dir.path(), &home, &run);
        found.sort();
        assert_eq!(found, [1, 2].map(Pid::from_raw));
    }
}
