//! Whether the kernel killed for memory while a command ran, as nobody says who sent a KILL: counters of before and after.
//!
//! The execution's own control group is asked where it has one that limits memory, or else the nearest one (v2) that counts, and where there is none the whole host. Only the group that the command began
//! in speaks of it for sure; what runs beside it in that group, as other commands of the same agent do, is counted there too.

use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use shanty_core::spool::OomKill;

use crate::cgroup::{Group, Version};

/// Bytes of a file of the kernel that are read: each of these is far shorter.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Counters of before the command.
#[derive(Debug)]
pub(super) struct Watch {
    place: Place,
    before: Counted,
}

/// Where the counters are.
#[derive(Debug, PartialEq, Eq)]
enum Place {
    /// The folder of the command's own group, or of this process's.
    Own(PathBuf),
    /// That of the command's own group of version 1.
    OwnOld(PathBuf),
    /// The file of a group around it, or of the host.
    Around(PathBuf),
}

/// What the kernel counted until some moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Counted {
    /// Processes that it killed for memory.
    killed: u64,
    /// Times that the group's own limit, or one below it, was reached.
    reached: u64,
}

impl Watch {
    /// Counts before the command begins. `proc` and `groups` are where those file systems are mounted; nothing when nothing counts there.
    pub(super) fn begin(proc: &Path, groups: &Path) -> Option<Self> {
        let group = read(&proc.join("self/cgroup"));
        let group = group.as_deref().and_then(own_group).map(Path::to_path_buf);
        let inside = group.iter().flat_map(|group| group.ancestors());
        let mut counting = inside.map(|group| groups.join(group));
        let found = counting.find_map(|folder| {
            let events = read(&folder.join(EVENTS))?;
            Some((folder, counted(&events)?))
        });
        if let Some((folder, before)) = found {
            let own = group.is_some_and(|group| groups.join(group) == folder);
            let place = if own {
                Place::Own(folder)
            } else {
                Place::Around(folder.join(EVENTS))
            };
            return Some(Self { place, before });
        }
        let host = proc.join("vmstat");
        let before = read(&host).as_deref().and_then(counted)?;
        let place = Place::Around(host);
        Some(Self { place, before })
    }

    /// Counts in the group of a command that did not begin yet; nothing when its memory is not limited, or not counted.
    pub(super) fn of(group: &Group) -> Option<Self> {
        let (version, folder) = group.memory()?;
        let folder = folder.to_path_buf();
        let place = match version {
            Version::One => Place::OwnOld(folder),
            Version::Two => Place::Own(folder),
        };
        let before = place.counted()?;
        Some(Self { place, before })
    }

    /// What happened since.
    pub(super) fn end(&self) -> Option<OomKill> {
        let after = self.place.counted()?;
        if after.killed <= self.before.killed {
            return None;
        }
        let limit = match &self.place {
            Place::Own(folder) => folder.join("memory.max"),
            Place::OwnOld(folder) => folder.join("memory.limit_in_bytes"),
            Place::Around(_) => return Some(OomKill::Host),
        };
        let limit_bytes = || read(&limit)?.trim().parse().ok();
        let reached = after.reached > self.before.reached;
        let limit_bytes = reached.then(limit_bytes).flatten();
        Some(OomKill::Group { limit_bytes })
    }
}

impl Place {
    fn counted(&self) -> Option<Counted> {
        let file = match self {
            Self::Own(folder) => folder.join(EVENTS),
            Self::OwnOld(folder) => {
                let events = counted(&read(&folder.join("memory.oom_control"))?)?;
                let bytes = |file: &str| read(&folder.join(file))?.trim().parse().ok();
                // Kernels of today do not count how often it was reached.
                let most: Option<u64> = bytes("memory.max_usage_in_bytes");
                let limit = bytes("memory.limit_in_bytes");
                let reached = u64::from(most.zip(limit).is_some_and(|(most, limit)| most >= limit));
                return Some(Counted { reached, ..events });
            }
            Self::Around(file) => file.clone(),
        };
        counted(&read(&file)?)
    }
}

/// The file of a group that counts.
const EVENTS: &str = "memory.events";

/// The path of this process's group below the mount, from `/proc/self/cgroup`: the line of version 2 is the one numbered 0 without a
/// controller. A group outside what can be seen begins with `/..`.
fn own_group(text: &str) -> Option<&Path> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let path = Path::new(path);
    let outside = path.components().any(|part| part.as_os_str() == "..");
    (!outside).then_some(path)
}

/// What `memory.events` or `vmstat` count; nothing when kills are not among it, as with kernels before 4.13.
fn counted(text: &str) -> Option<Counted> {
    let value = |name: &str| {
        text.lines().find_map(|line| {
            let (found, value) = line.split_once(' ')?;
            (found == name).then(|| value.trim().parse().ok()).flatten()
        })
    };
    Some(Counted {
        killed: value("oom_kill")?,
        reached: value("oom").unwrap_or(0),
    })
}

fn read(path: &Path) -> Option<String> {
    let mut text = String::new();
    let file = fs::File::open(path).ok()?;
    file.take(FILE_BYTES_MAX).read_to_string(&mut text).ok()?;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// File systems of a kernel, as far as they are read.
    struct Kernel {
        root: tempfile::TempDir,
    }

    impl Kernel {
        fn new(cgroup: &str) -> Self {
            let kernel = Self {
                root: tempfile::tempdir().unwrap(),
            };
            kernel.write("proc/self/cgroup", cgroup);
            kernel
        }

        fn write(&self, file: &str, text: &str) {
            let path = self.root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }

        fn events(&self, group: &str, reached: u32, killed: u32) {
            let text = format!(
                "low 0\nhigh 0\nmax 7\noom {reached}\noom_kill {killed}\noom_group_kill 0\n"
            );
            self.write(&format!("groups/{group}/memory.events"), &text);
        }

        fn vmstat(&self, killed: u32) {
            let text = format!("nr_free_pages 9\noom_kill {killed}\nswap_ra 1\n");
            self.write("proc/vmstat", &text);
        }

        fn begin(&self) -> Option<Watch> {
            let root = self.root.path();
            Watch::begin(&root.join("proc"), &root.join("groups"))
        }
    }

    /// A host with systemd: the agent has a group of its own.
    fn service() -> Kernel {
        let kernel = Kernel::new("0::/system.slice/shanty-agent.service\n");
        kernel.vmstat(3);
        kernel.events("system.slice", 1, 5);
        kernel.events("system.slice/shanty-agent.service", 0, 2);
        kernel
    }

    #[test]
    fn a_kill_in_the_own_group_is_known_for_sure() {
        let kernel = service();
        let group = "system.slice/shanty-agent.service";
        kernel.write(&format!("groups/{group}/memory.max"), "536870912\n");
        let watch = kernel.begin().unwrap();
        assert_eq!(watch.end(), None);
        // The host ran out of it, not the group.
        kernel.events(group, 0, 3);
        let limit_bytes = None;
        assert_eq!(watch.end(), Some(OomKill::Group { limit_bytes }));
        kernel.events(group, 1, 3);
        let limit_bytes = Some(512 << 20);
        assert_eq!(watch.end(), Some(OomKill::Group { limit_bytes }));
        // A group below it reached its limit; this one has none.
        kernel.write(&format!("groups/{group}/memory.max"), "max\n");
        let limit_bytes = None;
        assert_eq!(watch.end(), Some(OomKill::Group { limit_bytes }));
    }

    #[test]
    fn what_the_kernel_kills_elsewhere_is_not_ours_where_the_own_group_counts() {
        let kernel = service();
        let watch = kernel.begin().unwrap();
        kernel.vmstat(9);
        kernel.events("system.slice", 4, 9);
        assert_eq!(watch.end(), None);
    }

    #[test]
    fn a_group_around_it_and_the_host_are_a_hint_only() {
        let kernel = Kernel::new("1:name=systemd:/\n0::/a/b/c\n");
        kernel.vmstat(3);
        kernel.events("a", 0, 5);
        let watch = kernel.begin().unwrap();
        kernel.vmstat(4);
        assert_eq!(watch.end(), None);
        kernel.events("a", 0, 6);
        assert_eq!(watch.end(), Some(OomKill::Host));

        for cgroup in ["0::/\n", "4:memory:/x\n0::/x\n", "", "0::/../sibling\n"] {
            let kernel = Kernel::new(cgroup);
            kernel.events("sibling", 0, 1);
            kernel.vmstat(3);
            let watch = kernel.begin().unwrap();
            assert_eq!(watch.end(), None, "{cgroup:?}");
            kernel.vmstat(4);
            assert_eq!(watch.end(), Some(OomKill::Host), "{cgroup:?}");
        }
    }

    #[test]
    fn a_container_sees_its_own_group_as_the_root() {
        let kernel = Kernel::new("0::/\n");
        kernel.vmstat(3);
        kernel.events("", 0, 0);
        kernel.write("groups/memory.max", "1073741824");
        let watch = kernel.begin().unwrap();
        kernel.events("", 2, 2);
        let limit_bytes = Some(1 << 30);
        assert_eq!(watch.end(), Some(OomKill::Group { limit_bytes }));
    }

    #[test]
    fn what_cannot_be_read_says_nothing() {
        let kernel = Kernel::new("0::/a\n");
        assert!(kernel.begin().is_none(), "nothing counts there");
        kernel.write("proc/vmstat", "nr_free_pages 9\noom_kill many\n");
        assert!(kernel.begin().is_none(), "no number");
        kernel.events("a", 0, 7);
        let watch = kernel.begin().unwrap();
        fs::remove_dir_all(kernel.root.path().join("groups")).unwrap();
        assert_eq!(watch.end(), None, "the group is gone");
        kernel.events("a", 0, 1);
        assert_eq!(watch.end(), None, "another group of that name");
    }
}
