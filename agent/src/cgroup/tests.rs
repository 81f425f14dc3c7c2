//! Groups on trees that are made up, as a kernel shows them.

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
    // The tree is handed over, but nothing can be enabled in it.
    let fake = Fake::new("0::/a/agent\n");
    fake.write("groups/a/cgroup.controllers", "memory pids\n");
    assert_eq!(fake.kernel().said(AGENT, ALLOWANCE), none);
    // Whoever starts the agent again puts it into its own group, where nobody may be once that gives its members limits. So none is given,
    // whatever the kernel would let us do now.
    for own in ["0::/system.slice/shanty.service\n", "0::/\n"] {
        let fake = Fake::new(own);
        let base = format!("groups{}", own.trim().trim_start_matches("0::"));
        for file in ["cgroup.controllers", "cgroup.subtree_control"] {
            fake.write(&format!("{base}/{file}"), "memory pids\n");
        }
        fake.group(
            base.trim_start_matches("groups"),
            &["memory.max", "pids.max"],
        );
        assert!(
            fake.kernel()
                .make((RUN, AGENT), ALLOWANCE)
                .unwrap()
                .is_none()
        );
        let said = fake.kernel().said(AGENT, ALLOWANCE);
        let why = ": not offered without DelegateSubgroup=agent";
        assert_eq!(
            said,
            format!("memory at most 1.0 GiB{why}, processes at most 5,000{why}")
        );
    }
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

#[test]
fn what_another_version_started_while_it_was_tried_is_found() {
    let unit = "system.slice/shanty-executor";
    for (own, other) in [(".service", "-exp.service"), ("-exp.service", ".service")] {
        let fake = Fake::new(&format!("8:pids:/{unit}{own}\n"));
        let run = name(RUN, AGENT);
        fs::create_dir_all(fake.0.path().join(format!("groups/pids/{unit}{own}"))).unwrap();
        assert!(fake.kernel().processes(RUN, AGENT).is_empty());
        fake.write(
            &format!("groups/pids/{unit}{other}/{run}/cgroup.procs"),
            "17\n",
        );
        fake.write(
            &format!("groups/pids/{unit}{own}/{run}/cgroup.procs"),
            "23\n",
        );
        let mut found = fake.kernel().processes(RUN, AGENT);
        found.sort();
        assert_eq!(found, [17, 23].map(Pid::from_raw));
    }
    // A service of another name has no twin.
    let fake = Fake::new("8:pids:/system.slice/other.service\n");
    fs::create_dir_all(fake.0.path().join("groups/pids/system.slice/other.service")).unwrap();
    fake.write(
        &format!(
            "groups/pids/{unit}.service/{}/cgroup.procs",
            name(RUN, AGENT)
        ),
        "17\n",
    );
    assert!(fake.kernel().processes(RUN, AGENT).is_empty());
}
