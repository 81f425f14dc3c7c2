//! A machine of its own: Debian in a container with a booted systemd, which can be rebooted and lose its power.
//!
//! Its network is that of the machine that the tests run on, so agents in it reach a controller on loopback. What it writes is kept in
//! memory over an untouched root, and gone with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::geteuid;
use tempfile::TempDir;

use crate::process::{self, Ran};
use crate::wait;

/// What machines have for a PATH.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Runs the rest of its arguments in a control group of its name: systemd takes those that it finds for its own, and units of the same name in two
/// machines would be one.
const APART: &str = r#"
while IFS=: read -r _ kind path; do
    case $kind in
    '') base=/sys/fs/cgroup/unified; [ -d "$base" ] || base=/sys/fs/cgroup ;;
    name=systemd) base=/sys/fs/cgroup/systemd ;;
    *) continue ;;
    esac
    mkdir -p "$base$path/$0" && echo $$ >"$base$path/$0/cgroup.procs"
done </proc/self/cgroup 2>/dev/null
exec "$@""#;

/// Two tests of one process may each have a machine of the same name.
static MACHINES: AtomicU32 = AtomicU32::new(0);

/// A booted machine. Whatever becomes of the test, nothing is left of it.
pub struct Machine {
    name: String,
    dir: TempDir,
    /// What of the tests' machine is seen in it: from, to.
    shown: Vec<(PathBuf, PathBuf)>,
    /// The container and the first process in it, while it runs.
    power: Option<Power>,
}

struct Power {
    container: tokio::process::Child,
    init: String,
    /// The name of its control group.
    unique: String,
}

impl Machine {
    /// Boots a machine with this name. Where none can be had it says why and gives nothing, unless `SHANTY_MACHINES=required`.
    ///
    /// # Panics
    /// When it does not boot, or none can be had and one is required.
    pub async fn boot(name: &str, shown: &[(&Path, &str)]) -> Option<Self> {
        let required = std::env::var("SHANTY_MACHINES").is_ok_and(|v| v == "required");
        Self::boot_from(root(""), required, name, shown).await
    }

    /// The same of another release of Debian, unless `SHANTY_MACHINE_RELEASES` has its name in it.
    ///
    /// # Panics
    /// As [`Self::boot`].
    pub async fn boot_release(release: &str, name: &str, shown: &[(&Path, &str)]) -> Option<Self> {
        let required = std::env::var("SHANTY_MACHINE_RELEASES").unwrap_or_default();
        let required = required.split_whitespace().any(|one| one == release);
        Self::boot_from(root(&format!("-{release}")), required, name, shown).await
    }

    async fn boot_from(
        root: Result<PathBuf, String>,
        required: bool,
        name: &str,
        shown: &[(&Path, &str)],
    ) -> Option<Self> {
        let root = match root {
            Ok(root) => root,
            Err(why) => {
                assert!(!required, "a machine is required: {why}");
                #[expect(clippy::print_stderr, reason = "a skipped test says so")]
                {
                    eprintln!("SKIPPED, no machine is booted: {why}");
                }
                return None;
            }
        };
        let dir = TempDir::with_prefix("shanty-machine-").expect("a directory can be made");
        let mut machine = Self {
            name: name.to_owned(),
            dir,
            shown: shown
                .iter()
                .map(|(from, to)| ((*from).to_owned(), to.into()))
                .collect(),
            power: None,
        };
        machine.make_disk(&root);
        machine.power_on().await;
        Some(machine)
    }

    /// Runs a program in the machine to its end.
    pub async fn exec(&self, program: &[&str]) -> Ran {
        process::run(&mut self.call(program)).await
    }

    /// Runs a line of shell in the machine, which must succeed, and gives what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub async fn sh(&self, line: &str) -> String {
        let ran = self.exec(&["/bin/sh", "-euc", line]).await;
        if ran.code != 0 {
            let journal = self
                .exec(&["journalctl", "-b", "-n", "30", "-o", "short"])
                .await;
            panic!("{line}: {ran:?}\n{}", journal.out);
        }
        ran.out
    }

    /// A program's call in the machine, not started yet.
    ///
    /// # Panics
    /// When the machine has no power.
    #[must_use]
    pub fn call(&self, program: &[&str]) -> tokio::process::Command {
        let power = self.power.as_ref().expect("the machine runs");
        let mut call = process::call(&"nsenter".into(), &[]);
        call.env_clear().env("PATH", PATH).env("TERM", "dumb");
        call.args(["-t", &power.init, "-m", "-u", "-i", "-n", "-p", "-C", "--"]);
        call.args(program);
        call
    }

    /// Waits until a line of shell succeeds in the machine.
    pub async fn until(&self, what: &str, line: &str) {
        wait::until(what, || async {
            let ran = self.exec(&["/bin/sh", "-euc", line]).await;
            if ran.code == 0 { Ok(()) } else { Err(ran) }
        })
        .await;
    }

    /// Restarts it as an administrator does.
    pub async fn reboot(&mut self) {
        self.exec(&["systemctl", "reboot"]).await;
        self.wait_for_the_end().await;
        self.power_on().await;
    }

    /// Takes its power away and gives it back: nothing is stopped in order.
    pub async fn power_cut(&mut self) {
        self.kill();
        self.wait_for_the_end().await;
        self.power_on().await;
    }

    /// Shuts it down.
    pub async fn end(mut self) {
        self.exec(&["systemctl", "poweroff"]).await;
        self.wait_for_the_end().await;
    }

    /// The machine's own disk, in memory: below it lies the root that all share.
    fn make_disk(&self, root: &Path) {
        let disk = self.dir.path().join("disk");
        std::fs::create_dir(&disk).expect("a directory can be made");
        mount(
            Some("shanty-machine"),
            &disk,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("size=1g,mode=700"),
        )
        .expect("memory can be mounted");
        for folder in ["upper", "work", "root"] {
            std::fs::create_dir(disk.join(folder)).expect("a directory can be made");
        }
        let layers = format!(
            "lowerdir={},upperdir={},workdir={}",
            root.display(),
            disk.join("upper").display(),
            disk.join("work").display()
        );
        mount(
            Some("overlay"),
            &disk.join("root"),
            Some("overlay"),
            MsFlags::empty(),
            Some(layers.as_str()),
        )
        .expect("an overlay can be mounted");
    }

    async fn power_on(&mut self) {
        let root = self.dir.path().join("disk/root");
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.log());
        let log = log.expect("the log can be written");
        let number = MACHINES.fetch_add(1, Ordering::Relaxed);
        let unique = format!("shanty-{}-{number}", std::process::id());
        let mut call = process::call(&"/bin/sh".into(), &["-c", APART, &unique]);
        call.args(["systemd-nspawn", "--quiet", "--boot"]);
        call.arg("--directory").arg(&root);
        call.arg(format!("--machine={unique}"));
        call.arg(format!("--hostname={}", self.name));
        // Nobody has to be told of it, and it has no unit of its own.
        call.args(["--register=no", "--keep-unit", "--console=pipe"]);
        for (from, to) in &self.shown {
            call.arg(format!("--bind-ro={}:{}", from.display(), to.display()));
        }
        call.stdin(Stdio::null()).process_group(0);
        call.stdout(log.try_clone().expect("the log can be shared"))
            .stderr(log);
        let mut container = call.spawn().expect("systemd-nspawn starts");
        let id = container.id().unwrap_or_default();
        let init = wait::until("the first process of the machine", || {
            let ended = container.try_wait().ok().flatten();
            assert!(ended.is_none(), "it ended: {ended:?}\n{}", self.said());
            std::future::ready(init_of(id).ok_or_else(|| self.said()))
        })
        .await;
        self.power = Some(Power {
            container,
            init,
            unique,
        });
        let up = "s=$(systemctl is-system-running 2>&1) || :; [ \"$s\" = running ] || [ \"$s\" = degraded ]";
        self.until("the machine to be up", up).await;
    }

    async fn wait_for_the_end(&mut self) {
        if let Some(mut power) = self.power.take() {
            let ended = tokio::time::timeout(wait::BOUND, power.container.wait()).await;
            assert!(ended.is_ok(), "the machine does not end:\n{}", self.said());
            forget_groups(&power.unique);
        }
    }

    /// The first process of a namespace takes all others along.
    fn kill(&self) {
        let ids = self.power.iter().flat_map(|power| {
            let container = power.container.id().map(|id| id.to_string());
            [Some(power.init.clone()), container].into_iter().flatten()
        });
        for id in ids.filter_map(|id| id.parse().ok()) {
            let id = nix::unistd::Pid::from_raw(id);
            nix::sys::signal::kill(id, nix::sys::signal::Signal::SIGKILL).ok(); // gone: that was the aim
        }
    }

    fn log(&self) -> PathBuf {
        self.dir.path().join("console.log")
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.log()).unwrap_or_default()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
        let disk = self.dir.path().join("disk");
        // Lazily: what was killed a moment ago may not be gone yet.
        for place in [disk.join("root"), disk] {
            umount2(&place, MntFlags::MNT_DETACH).ok(); // never mounted: the machine was not made
        }
    }
}

/// Removes the control groups of a machine that ended, as far as nothing is in them.
fn forget_groups(unique: &str) {
    let mut find = Command::new("find");
    find.args(["/sys/fs/cgroup", "-depth", "-type", "d"]);
    // Not those of another whose name begins alike: it may be about to use one.
    let (own, below) = (format!("*/{unique}"), format!("*/{unique}/*"));
    find.args(["(", "-path", &own, "-o", "-path", &below, ")"]);
    find.args(["-exec", "rmdir", "{}", ";"]);
    find.stderr(Stdio::null()).status().ok(); // Empty groups are in nobody's way.
}

/// The first process of a container: its child that has become systemd.
fn init_of(container: u32) -> Option<String> {
    let children = format!("/proc/{container}/task/{container}/children");
    let children = std::fs::read_to_string(children).ok()?;
    let init = children.split_whitespace().find(|id| {
        let name = std::fs::read_to_string(format!("/proc/{id}/comm"));
        name.is_ok_and(|name| name.trim() == "systemd")
    });
    init.map(str::to_owned)
}

/// The root that machines are made of, or why there can be none. Those of other releases lie beside it, by their names.
fn root(release: &str) -> Result<PathBuf, String> {
    if !geteuid().is_root() {
        return Err("only root can boot one".to_owned());
    }
    let runs = |program: &str| {
        let mut call = Command::new(program);
        call.arg("--version").stdout(Stdio::null());
        call.status().is_ok_and(|status| status.success())
    };
    for program in ["systemd-nspawn", "nsenter"] {
        if !runs(program) {
            return Err(format!("{program} is not installed"));
        }
    }
    let root = std::env::var_os("SHANTY_MACHINE_ROOT");
    let root = root.map(|mut root| {
        root.push(release);
        PathBuf::from(root)
    });
    root.filter(|root| root.is_dir()).ok_or_else(|| {
        format!("SHANTY_MACHINE_ROOT{release} is no root; .ci/machine-root makes one")
    })
}
