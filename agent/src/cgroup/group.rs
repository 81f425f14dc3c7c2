//! One group, in each tree of groups: its limits, who is in it, and how a command goes in.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{Resource, Version};

/// Lists the processes of a group, and takes more.
const PROCESSES: &str = "cgroup.procs";

/// The group of one execution. It is removed when this is dropped, unless something still runs in it.
#[derive(Debug)]
pub(crate) struct Group {
    pub(super) parts: Vec<Part>,
}

/// The group in one tree of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) resource: Resource,
    pub(super) version: Version,
    pub(super) folder: PathBuf,
}

/// What a command writes itself into: its group, in each tree.
#[derive(Debug)]
pub(crate) struct Entrance(Vec<OwnedFd>);

impl Group {
    /// Where a command goes into it.
    pub(crate) fn entrance(&self) -> io::Result<Entrance> {
        let open = |part: &Part| {
            let file = OpenOptions::new()
                .write(true)
                .open(part.folder.join(PROCESSES))?;
            Ok(OwnedFd::from(file))
        };
        self.parts
            .iter()
            .map(open)
            .collect::<io::Result<_>>()
            .map(Entrance)
    }

    /// The folder of the group that limits memory.
    pub(crate) fn memory(&self) -> Option<(Version, &Path)> {
        let mut parts = self.parts.iter();
        let part = parts.find(|part| part.resource == Resource::Memory)?;
        Some((part.version, &part.folder))
    }

    /// Kills all that is in it.
    pub(crate) fn kill(&self) {
        for part in &self.parts {
            let all = fs::write(part.folder.join("cgroup.kill"), "1");
            if all.is_err() {
                for pid in processes(&part.folder) {
                    kill(pid, Signal::SIGKILL).ok(); // It ended meanwhile.
                }
            }
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for part in &self.parts {
            fs::remove_dir(&part.folder).ok(); // What was left on purpose runs in it.
        }
    }
}

impl Part {
    pub(super) fn limit(&self, limit: u64) -> io::Result<()> {
        let text = limit.to_string();
        match (self.resource, self.version) {
            (Resource::Memory, Version::One) => {
                self.set("memory.limit_in_bytes", &text)?;
                // Where swap is counted it is no way around.
                self.set_if_there("memory.memsw.limit_in_bytes", &text)
            }
            (Resource::Memory, Version::Two) => {
                self.set("memory.max", &text)?;
                self.set_if_there("memory.swap.max", "0")?;
                // Half of a command is worth nothing.
                self.set_if_there("memory.oom.group", "1")
            }
            (Resource::Processes, _) => self.set("pids.max", &text),
        }
    }

    fn set(&self, file: &str, text: &str) -> io::Result<()> {
        // Not made where there is none.
        let mut file = OpenOptions::new()
            .write(true)
            .open(self.folder.join(file))?;
        file.write_all(text.as_bytes())
    }

    fn set_if_there(&self, file: &str, text: &str) -> io::Result<()> {
        match self.set(file, text) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            done => done,
        }
    }
}

impl Entrance {
    /// This process goes in, and what it starts with it. Allocates nothing.
    pub(crate) fn enter(&self) -> Result<(), nix::Error> {
        for file in &self.0 {
            nix::unistd::write(file, b"0")?;
        }
        Ok(())
    }
}

pub(super) fn processes(folder: &Path) -> Vec<Pid> {
    let text = fs::read_to_string(folder.join(PROCESSES)).unwrap_or_default();
    let pids = text.lines().filter_map(|line| line.parse().ok());
    // Zero stands for processes that cannot be seen from here.
    pids.filter(|pid| *pid > 0).map(Pid::from_raw).collect()
}
