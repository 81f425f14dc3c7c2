//! A control group for one execution, where the host offers one: what all of its processes may use together, and who belongs to it.
//!
//! Version 1 and version 2 are both known, also side by side. A group is made below the agent's own and nowhere else. With version 2 no process may
//! be in a group that gives its members limits, so the agent has to be in one called [`LEAF`] of a tree that was handed to it, as systemd does with
//! `Delegate=yes` and `DelegateSubgroup=agent`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::text::{size, thousands};

/// The group of the agent itself within the tree that it was handed.
const LEAF: &str = "agent";

/// Lists the processes of a group, and takes more.
const PROCESSES: &str = "cgroup.procs";

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

/// The group of one execution. It is removed when this is dropped, unless something still runs in it.
#[derive(Debug)]
pub(crate) struct Group {
    parts: Vec<Part>,
}

/// The group in one tree of groups.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    resource: Resource,
    version: Version,
    folder: PathBuf,
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

/// What a command writes itself into: its group, in each tree.
#[derive(Debug)]
pub(crate) struct Entrance(Vec<OwnedFd>);

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

    /// The group below which others can be made that limit this.
    fn base(&self, resource: Resource) -> Option<(Version, PathBuf)> {
        let own = fs::read_to_string(self.proc.join("self/cgroup")).ok()?;
        let lines = || {
            own.lines()
                .filter_map(|line| line.split_once(':')?.1.split_once(':'))
        };
        let name = resource.controller();
        if let Some((_, path)) = lines().find(|(of, _)| of.split(',').any(|one| one == name)) {
            let folder = self.groups.join(name).join(below(path)?);
            return folder.is_dir().then_some((Version::One, folder));
        }
        let (_, path) = lines().find(|(of, _)| of.is_empty())?;
        let own = Path::new(below(path)?);
        let base = match own.file_name() {
            Some(leaf) if leaf == LEAF => own.parent()?,
            Some(_) | None => own,
        };
        let mounts = [self.groups.clone(), self.groups.join("unified")];
        let mut folders = mounts.iter().map(|mount| mount.join(base));
        let folder = folders.find(|folder| has(folder, "cgroup.controllers", name))?;
        Some((Version::Two, folder))
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
                None => ": not offered here",
            };
            match resource {
                Resource::Memory => format!("memory at most {}{by}", size(limit)),
                Resource::Processes => format!("processes at most {}{by}", thousands(limit)),
            }
        };
        let said: Vec<String> = limits.each().map(tried).collect();
        said.join(", ")
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
            .map(|(_, base)| base.join(name))
            .collect();
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
    fn limit(&self, limit: u64) -> io::Result<()> {
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

/// The same on every look, and another for each agent: several may share a kernel.
fn name(run: RunId, agent: AgentId) -> String {
    format!("shanty-{run}-{agent}")
}

/// A path of `/proc/self/cgroup`, to be put below a mount; nothing for one outside what can be seen.
fn below(path: &str) -> Option<&str> {
    let outside = Path::new(path)
        .components()
        .any(|part| part.as_os_str() == "..");
    (!outside).then(|| path.trim_start_matches('/'))
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

fn processes(folder: &Path) -> Vec<Pid> {
    let text = fs::read_to_string(folder.join(PROCESSES)).unwrap_or_default();
    let pids = text.lines().filter_map(|line| line.parse().ok());
    // Zero stands for processes that cannot be seen from here.
    pids.filter(|pid| *pid > 0).map(Pid::from_raw).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: RunId = RunId::from_bytes([1; 16]);
    const AGENT: AgentId = AgentId::from_bytes([2; 16]);
    const ALLOWANCE: Allowance = Allowance {
        memory: Some(1 << 30),
        processes: Some(5_000),
    };

    /// Files as a kernel shows them. It does not make those of a new group: they are laid there before.
    struct Fake(tempfile::TempDir);

    impl Fake {
        fn new(own: &str) -> Self {
            let fake = Self(tempfile::tempdir().unwrap());
            fake.write("proc/self/cgroup", own);
            fake
        }

        fn write(&self, file: &str, text: &str) {
            let path = self.0.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn read(&self, file: &str) -> String {
            fs::read_to_string(self.0.path().join(file)).unwrap_or_default()
        }

        fn kernel(&self) -> Kernel {
            Kernel::at(self.0.path().join("proc"), self.0.path().join("groups"))
        }

        /// A group of this name, as the kernel fills it.
        fn group(&self, folder: &str, files: &[&str]) {
            for file in files {
                self.write(&format!("groups/{folder}/{}/{file}", name(RUN, AGENT)), "");
            }
        }
    }

    fn folders(group: Option<&Group>) -> Vec<String> {
        let parts = group.into_iter().flat_map(|group| &group.parts);
        let folder = |part: &Part| {
            let base = part.folder.parent().unwrap();
            let text = base.to_string_lossy().into_owned();
            text.split_once("/groups/").unwrap().1.to_owned()
        };
        parts.map(folder).collect()
    }

    #[test]
    fn each_limit_is_put_where_the_host_has_it() {
        // Two trees of version 1, an empty one of version 2 beside them.
        let own = "8:pids:/\n4:cpu,memory:/process/a\n1:name=systemd:/x\n0::/\n";
        let fake = Fake::new(own);
        fake.group(
            "memory/process/a",
            &["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"],
        );
        fake.group("pids", &["pids.max"]);
        let group = fake.kernel().make((RUN, AGENT), ALLOWANCE).unwrap();
        assert_eq!(folders(group.as_ref()), ["memory/process/a", "pids"]);
        let own = name(RUN, AGENT);
        for file in ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"] {
            assert_eq!(
                fake.read(&format!("groups/memory/process/a/{own}/{file}")),
                "1073741824"
            );
        }
        assert_eq!(fake.read(&format!("groups/pids/{own}/pids.max")), "5000");

        // One tree of version 2, handed to the agent.
        let fake = Fake::new("0::/system.slice/shanty.service/agent\n");
        let base = "system.slice/shanty.service";
        fake.write(
            &format!("groups/{base}/cgroup.controllers"),
            "cpu memory pids\n",
        );
        fake.write(
            &format!("groups/{base}/cgroup.subtree_control"),
            "memory pids\n",
        );
        fake.group(base, &["memory.max", "memory.oom.group", "pids.max"]);
        let group = fake.kernel().make((RUN, AGENT), ALLOWANCE).unwrap();
        assert_eq!(folders(group.as_ref()), [base, base]);
        assert_eq!(
            fake.read(&format!("groups/{base}/{own}/memory.max")),
            "1073741824"
        );
        assert_eq!(
            fake.read(&format!("groups/{base}/{own}/memory.oom.group")),
            "1"
        );
        assert_eq!(fake.read(&format!("groups/{base}/{own}/pids.max")), "5000");
    }

    #[test]
    fn what_is_not_offered_is_left_out_and_said() {
        let said = |own: &str| Fake::new(own).kernel().said(AGENT, ALLOWANCE);
        let none =
            "memory at most 1.0 GiB: not offered here, processes at most 5,000: not offered here";
        for own in [
            "",
            "0::/\n",
            "4:memory:/gone\n",
            "0::/../outside\n",
            "nonsense",
        ] {
            assert_eq!(said(own), none, "{own:?}");
            let made = Fake::new(own).kernel().make((RUN, AGENT), ALLOWANCE);
            assert!(made.unwrap().is_none(), "{own:?}");
        }
        assert_eq!(Kernel::here().said(AGENT, Allowance::default()), "");
        // The tree is not handed over: nothing may be enabled in it.
        let fake = Fake::new("0::/a\n");
        fake.write("groups/a/cgroup.controllers", "memory pids\n");
        assert_eq!(fake.kernel().said(AGENT, ALLOWANCE), none);
        // A limit that could be had and is not taken is no limit to run without.
        let fake = Fake::new("4:memory:/\n");
        fake.write("groups/memory/tasks", "");
        let failed = fake.kernel().make((RUN, AGENT), ALLOWANCE).unwrap_err();
        assert!(
            failed.starts_with("the host does not limit memory: "),
            "{failed}"
        );
    }

    #[test]
    fn what_an_earlier_shim_left_is_found_and_removed() {
        let fake = Fake::new("8:pids:/\n4:memory:/\n");
        let (kernel, own) = (fake.kernel(), name(RUN, AGENT));
        fake.write(&format!("groups/pids/{own}/cgroup.procs"), "17\n0\n23\n");
        fs::create_dir_all(fake.0.path().join(format!("groups/memory/{own}"))).unwrap();
        assert_eq!(kernel.processes(RUN, AGENT), [17, 23].map(Pid::from_raw));
        let others = [
            name(RUN, AgentId::from_bytes([3; 16])),
            name(RunId::from_bytes([4; 16]), AGENT),
            "other".to_owned(),
        ];
        let memory = |name: &String| fake.0.path().join("groups/memory").join(name);
        for other in &others {
            fs::create_dir(memory(other)).unwrap();
        }
        kernel.remove_old(AGENT, &[RUN]);
        let there = others.each_ref().map(|other| memory(other).exists());
        assert_eq!(there, [true, false, true]);
        kernel.remove(RUN, AGENT);
        assert!(!memory(&own).exists());
        assert!(
            fake.0.path().join("groups/pids").join(own).exists(),
            "it is not empty"
        );
    }
}
