//! A control group for one execution, where the host offers one: what all of its processes may use together, and who belongs to it.
//!
//! Version 1 and version 2 are both known, also side by side. A group is made below the agent's own and nowhere else. With version 2 no process may
//! be in a group that gives its members limits, so the agent has to be in one called [`LEAF`] of a tree that was handed to it, as systemd does with
//! `Delegate=yes` and `DelegateSubgroup=agent` from version 254 on. The agent does not move itself there: an older systemd starts a service in the
//! tree's own group, which the kernel refuses (EBUSY, exit 219) while a command runs in a group with limits, so that an agent that was stopped then
//! would not come back. Systemd 252 was seen to do so.

mod group;

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use nix::unistd::Pid;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::text::{size, thousands};

pub(crate) use group::{Entrance, Group};
use group::{Part, processes};

/// The group of the agent itself within the tree that it was handed.
const LEAF: &str = "agent";

/// What one execution may use, as the host says it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allowance {
    /// Bytes of memory.
    pub(crate) memory: Option<u64>,
    /// Processes, and threads with them.
    pub(crate) processes: Option<u64>,
}

/// Where the kernel shows its processes and its groups.
#[derive(Clone, Debug)]
pub(crate) struct Kernel {
    proc: PathBuf,
    groups: PathBuf,
}

/// Of which kind a tree of groups is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resource {
    Memory,
    Processes,
}

impl Kernel {
    /// Of this host.
    pub(crate) fn here() -> Self {
        Self::at("/proc", "/sys/fs/cgroup")
    }

    pub(crate) fn at(proc: impl Into<PathBuf>, groups: impl Into<PathBuf>) -> Self {
        Self {
            proc: proc.into(),
            groups: groups.into(),
        }
    }

    /// The group that this process is in, of the tree that limits this; below the place where that tree is mounted.
    fn own(&self, resource: Resource) -> Option<(Version, PathBuf)> {
        let own = fs::read_to_string(self.proc.join("self/cgroup")).ok()?;
        let lines = || {
            own.lines()
                .filter_map(|line| line.split_once(':')?.1.split_once(':'))
        };
        let name = resource.controller();
        let one = lines().find(|(of, _)| of.split(',').any(|one| one == name));
        let (version, (_, path)) = match one {
            Some(line) => (Version::One, line),
            None => (Version::Two, lines().find(|(of, _)| of.is_empty())?),
        };
        Some((version, below(path)?.into()))
    }

    /// The group below which others can be made that limit this.
    fn base(&self, resource: Resource) -> Option<(Version, PathBuf)> {
        let (version, own) = self.own(resource)?;
        let folder = match version {
            Version::One => {
                let folder = self.groups.join(resource.controller()).join(own);
                folder.is_dir().then_some(folder)?
            }
            Version::Two if is_leaf(&own) => self.unified(own.parent()?, resource)?,
            Version::Two => return None,
        };
        Some((version, folder))
    }

    /// The folder of a group of version 2 that has this to give.
    fn unified(&self, group: &Path, resource: Resource) -> Option<PathBuf> {
        let mounts = [self.groups.clone(), self.groups.join("unified")];
        let mut folders = mounts.iter().map(|mount| mount.join(group));
        folders.find(|folder| has(folder, "cgroup.controllers", resource.controller()))
    }

    /// Makes the group of an execution with these limits; none where there is nothing to limit, or the host offers none. An execution that an
    /// earlier process left a group for has that one.
    ///
    /// # Errors
    /// A limit that can be had cannot be set: a sentence for people.
    pub(crate) fn make(
        &self,
        (run, agent): (RunId, AgentId),
        limits: Allowance,
    ) -> Result<Option<Group>, String> {
        self.make_named(&name(run, agent), limits)
    }

    fn make_named(&self, name: &str, limits: Allowance) -> Result<Option<Group>, String> {
        let mut group = Group { parts: Vec::new() };
        for (resource, limit) in limits.each() {
            let Some((version, base)) = self.base(resource) else {
                continue;
            };
            if !enable(version, &base, resource) {
                continue;
            }
            let folder = base.join(name);
            let made = fs::create_dir(&folder);
            if made.is_err_and(|error| error.kind() != io::ErrorKind::AlreadyExists) {
                continue;
            }
            let part = Part {
                resource,
                version,
                folder,
            };
            group.parts.push(part.clone());
            part.limit(limit)
                .map_err(|error| format!("the host does not limit {}: {error}", resource.noun()))?;
        }
        Ok((!group.parts.is_empty()).then_some(group))
    }

    /// What of these limits each execution gets here, for people. It is tried.
    pub(crate) fn said(&self, agent: AgentId, limits: Allowance) -> String {
        let tried = |(resource, limit)| {
            let only = limits.only(resource);
            let made = self.make_named(&format!("shanty-tried-{agent}"), only);
            let part = made
                .ok()
                .flatten()
                .and_then(|group| group.parts.first().map(|part| part.version));
            let by = match part {
                Some(Version::One) => " by cgroup v1",
                Some(Version::Two) => " by cgroup v2",
                None => self.why_not(resource),
            };
            match resource {
                Resource::Memory => format!("memory at most {}{by}", size(limit)),
                Resource::Processes => format!("processes at most {}{by}", thousands(limit)),
            }
        };
        let said: Vec<String> = limits.each().map(tried).collect();
        said.join(", ")
    }

    /// What is said where no group limits this.
    fn why_not(&self, resource: Resource) -> &'static str {
        match self.own(resource) {
            Some((Version::Two, own))
                if !is_leaf(&own) && self.unified(&own, resource).is_some() =>
            {
                ": not offered without DelegateSubgroup=agent"
            }
            Some(_) | None => ": not offered here",
        }
    }

    /// Whether processes of one execution are counted here.
    pub(crate) fn limits_processes(&self, agent: AgentId, limits: Allowance) -> bool {
        let made = self.make_named(
            &format!("shanty-tried-{agent}"),
            limits.only(Resource::Processes),
        );
        made.is_ok_and(|group| group.is_some())
    }

    /// What is in the group of an execution, if it has one.
    pub(crate) fn processes(&self, run: RunId, agent: AgentId) -> Vec<Pid> {
        let parts = self.folders(&name(run, agent));
        parts.iter().flat_map(|folder| processes(folder)).collect()
    }

    /// Removes the groups of an execution that nothing is in any more.
    pub(crate) fn remove(&self, run: RunId, agent: AgentId) {
        for folder in self.folders(&name(run, agent)) {
            fs::remove_dir(folder).ok(); // Usually there is none.
        }
    }

    /// Removes what nothing is in any more of the groups of this agent's executions, but of these.
    pub(crate) fn remove_old(&self, agent: AgentId, held: &[RunId]) {
        let kept: Vec<String> = held.iter().map(|run| name(*run, agent)).collect();
        for base in self.folders("") {
            let names = fs::read_dir(base).into_iter().flatten().flatten();
            let old = names.filter(|entry| {
                let found = entry.file_name();
                let found = found.to_str().unwrap_or_default();
                let own = found.starts_with("shanty-") && found.ends_with(&agent.to_string());
                own && !kept.iter().any(|kept| kept == found)
            });
            for entry in old {
                fs::remove_dir(entry.path()).ok(); // What was left on purpose runs in it.
            }
        }
    }

    fn folders(&self, name: &str) -> Vec<PathBuf> {
        let bases = [Resource::Memory, Resource::Processes].map(|of| self.base(of));
        let mut folders: Vec<PathBuf> = bases
            .into_iter()
            .flatten()
            .flat_map(|(_, base)| [twin(&base), Some(base)])
            .flatten()
            .map(|base| base.join(name))
            .collect();
        folders.sort();
        folders.dedup();
        folders
    }
}

impl Allowance {
    fn each(self) -> impl Iterator<Item = (Resource, u64)> {
        let both = [
            (Resource::Memory, self.memory),
            (Resource::Processes, self.processes),
        ];
        both.into_iter()
            .filter_map(|(of, limit)| Some((of, limit?)))
    }

    fn only(self, resource: Resource) -> Self {
        match resource {
            Resource::Memory => Self {
                memory: self.memory,
                processes: None,
            },
            Resource::Processes => Self {
                memory: None,
                processes: self.processes,
            },
        }
    }
}

impl Resource {
    const fn controller(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "pids",
        }
    }

    const fn noun(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "the number of processes",
        }
    }
}

/// The same on every look, and another for each agent: several may share a kernel.
fn name(run: RunId, agent: AgentId) -> String {
    format!("shanty-{run}-{agent}")
}

/// Where an executor of this host is whose version is tried, or is not: what one of them starts goes on under the other.
fn twin(base: &Path) -> Option<PathBuf> {
    const UNITS: [&str; 2] = ["shanty-executor.service", "shanty-executor-exp.service"];
    let [stable, tried] = UNITS;
    let other = match base.file_name()?.to_str()? {
        own if own == stable => tried,
        own if own == tried => stable,
        _ => return None,
    };
    Some(base.with_file_name(other)).filter(|twin| twin.is_dir())
}

/// A path of `/proc/self/cgroup`, to be put below a mount; nothing for one outside what can be seen.
fn below(path: &str) -> Option<&str> {
    let outside = Path::new(path)
        .components()
        .any(|part| part.as_os_str() == "..");
    (!outside).then(|| path.trim_start_matches('/'))
}

fn is_leaf(own: &Path) -> bool {
    own.file_name().is_some_and(|name| name == LEAF)
}

/// Lets groups below this one limit this; false where that cannot be.
fn enable(version: Version, base: &Path, resource: Resource) -> bool {
    match version {
        Version::One => true,
        Version::Two => {
            let (file, name) = ("cgroup.subtree_control", resource.controller());
            let asks = || {
                let mut file = File::options().write(true).open(base.join(file)).ok()?;
                file.write_all(format!("+{name}").as_bytes()).ok()
            };
            has(base, file, name) || asks().is_some()
        }
    }
}

fn has(folder: &Path, file: &str, word: &str) -> bool {
    let text = fs::read_to_string(folder.join(file)).unwrap_or_default();
    text.split_ascii_whitespace().any(|one| one == word)
}

#[cfg(test)]
mod tests;
