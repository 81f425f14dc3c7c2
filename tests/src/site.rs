//! A folder in place of a server's root, into which the script installs an agent; and the agents that a controller hands out.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tokio::io::AsyncWriteExt as _;

use crate::World;
use crate::process::{self, Ran, code};
use crate::wait::BOUND;

/// What the script calls, besides what downloads.
const TOOLS: &[&str] = &[
    "awk",
    "bash",
    "busybox",
    "cat",
    "chmod",
    "chown",
    "cmp",
    "cp",
    "dash",
    "date",
    "df",
    "env",
    "flock",
    "getconf",
    "grep",
    "gzip",
    "head",
    "id",
    "ldd",
    "ln",
    "ls",
    "mkdir",
    "mktemp",
    "mv",
    "rm",
    "rmdir",
    "sed",
    "sh",
    "sha256sum",
    "sleep",
    "sort",
    "stty",
    "tail",
    "tar",
    "tr",
    "uname",
];

/// The tools that tests of the script need besides those of every system.
const NEEDED: &[&str] = &["curl", "wget", "dash", "busybox"];

/// Whether the script can be tried here; says so when it cannot.
///
/// # Panics
/// When it must be tried (`SHANTY_INSTALL=required`) and cannot.
#[must_use]
pub fn can_be_tried() -> bool {
    let missing: Vec<&&str> = NEEDED.iter().filter(|tool| found(tool).is_none()).collect();
    assert!(
        missing.is_empty() || !must_be_tried(),
        "not installed: {missing:?}"
    );
    if !missing.is_empty() {
        skipped(&format!("not installed: {missing:?}"));
    }
    missing.is_empty()
}

/// Whether tests of the script may not be passed over.
#[must_use]
pub fn must_be_tried() -> bool {
    std::env::var_os("SHANTY_INSTALL").is_some_and(|value| value == "required")
}

#[expect(
    clippy::print_stderr,
    reason = "whoever reads a test's output must see that it tried nothing"
)]
fn skipped(why: &str) {
    eprintln!("SKIPPED, nothing was tried: {why}");
}

/// Where a program lies.
#[must_use]
pub fn found(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|path| path.is_file())
}

/// Hands out an agent of this version: a shell script with these lines before it becomes the agent under test.
///
/// # Panics
/// When it cannot be made.
pub fn hand_out(world: &World, lines: &str) {
    let agents = world.artifacts();
    std::fs::create_dir_all(&agents).expect("a folder can be made");
    let agent = agents.join("shanty-agent");
    let program = world.programs().agent.display();
    put_program(
        &agent,
        &format!("#!/bin/sh\n{lines}\nexec {program} \"$@\"\n"),
    );
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("shanty-agent-{version}-x86_64.tar.gz");
    let tar = format!("tar -czf {name} shanty-agent && rm shanty-agent && sha256sum {name}");
    let made = Command::new("sh")
        .args(["-c", &tar])
        .current_dir(&agents)
        .output();
    let made = made.expect("a shell runs");
    assert!(made.status.success(), "{made:?}");
    let sha256 = String::from_utf8_lossy(&made.stdout)[..64].to_owned();
    let size = std::fs::metadata(agents.join(&name))
        .expect("it is there")
        .len();
    let file = |arch: &str| serde_json::json!({"name": name, "arch": arch, "kind": "tar", "glibc": "2.17", "size": size, "sha256": sha256});
    // It runs here, whatever this is.
    let files = [file("x86_64"), file("aarch64")];
    let manifest = serde_json::json!({"version": version, "files": files});
    std::fs::write(agents.join("manifest.json"), manifest.to_string()).expect("it can be written");
}

fn put_program(path: &Path, text: &str) {
    std::fs::write(path, text).expect("a program can be written");
    let open = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, open).expect("it can be made to run");
}

/// One server's root.
pub struct Site {
    /// The name of the host.
    pub name: String,
    /// What stands for `/`.
    pub root: PathBuf,
    shell: String,
    bin: PathBuf,
    path: String,
}

impl Site {
    /// An empty one, whose `sudo` runs the script with this shell, below this folder.
    ///
    /// # Panics
    /// When it cannot be made.
    #[must_use]
    pub fn new(dir: &Path, name: &str, shell: &str) -> Self {
        let root = dir.join(format!("site-{name}"));
        let bin = dir.join(format!("bin-{name}"));
        std::fs::create_dir_all(&bin).expect("a folder can be made");
        let usual = std::env::var("PATH").unwrap_or_default();
        let site = Self {
            name: name.to_owned(),
            shell: shell.to_owned(),
            path: format!("{}:{usual}", bin.display()),
            root,
            bin,
        };
        site.put_sudo();
        site
    }

    fn put_sudo(&self) {
        let (below, shell, name) = (self.root.display(), &self.shell, &self.name);
        let user = crate::host::own_user();
        self.replace(
            "sudo",
            &format!(
                "shift\nif [ \"${{1:-}}\" = -s ]; then shift 2; fi\nexec {shell} -s -- --prefix {below} --name {name} --run-as {user} \"$@\""
            ),
        );
    }

    /// Lets it lie somewhere else.
    pub fn lies_at(&mut self, root: &Path) {
        root.clone_into(&mut self.root);
        self.put_sudo();
    }

    /// Puts another program in the place of one.
    pub fn replace(&self, program: &str, lines: &str) {
        put_program(&self.bin.join(program), &format!("#!/bin/sh\n{lines}\n"));
    }

    /// Puts a program back.
    ///
    /// # Panics
    /// When it was not replaced.
    pub fn restore(&self, program: &str) {
        std::fs::remove_file(self.bin.join(program)).expect("it was replaced");
    }

    /// Leaves the tools of every system, and these.
    ///
    /// # Panics
    /// When one cannot be had.
    pub fn has_only(&mut self, more: &[&str]) {
        for tool in TOOLS.iter().chain(more) {
            if let Some(path) = found(tool) {
                std::os::unix::fs::symlink(path, self.bin.join(tool)).expect("it can be linked");
            }
        }
        self.path = self.bin.display().to_string();
    }

    /// Types a line into a shell.
    ///
    /// # Panics
    /// When it does not end in time.
    pub async fn types(&self, line: &str) -> Ran {
        // A session of its own: nobody sits at its terminal.
        let setsid = found("setsid").expect("util-linux is everywhere");
        let mut shell = process::call(&setsid, &["-w", "/bin/sh"]);
        for proxy in ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
            shell.env_remove(proxy);
        }
        shell
            .env("PATH", &self.path)
            .env("TMPDIR", &self.bin)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = shell.spawn().expect("a shell runs");
        let mut stdin = child.stdin.take().expect("invariant: it is piped");
        let line = format!("{line}\n");
        stdin
            .write_all(line.as_bytes())
            .await
            .expect("the shell reads");
        drop(stdin);
        let ended = tokio::time::timeout(BOUND, child.wait_with_output()).await;
        let output = ended
            .expect("the line ends in time")
            .expect("it can be waited for");
        Ran {
            code: code(output.status),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// The agent, as it is run.
    #[must_use]
    pub fn agent(&self) -> PathBuf {
        self.root.join("usr/bin/shanty-agent")
    }

    /// Where it keeps its identity.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.root.join("var/lib/shanty-agent")
    }

    /// Everything below the root: names, times of change and contents.
    ///
    /// # Panics
    /// When it cannot be looked at.
    #[must_use]
    pub fn tree(&self) -> String {
        let look = "find . -printf '%p %i %T@ %m %l\\n' | sort; find . -type f -exec sha256sum {} + | sort";
        let looked = Command::new("sh")
            .args(["-c", look])
            .current_dir(&self.root)
            .output();
        let looked = looked.expect("a shell runs");
        assert!(looked.status.success(), "{looked:?}");
        String::from_utf8_lossy(&looked.stdout).into_owned()
    }

    /// Whether nothing of an agent is here.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        !self.root.exists()
            || std::fs::read_dir(&self.root).is_ok_and(|mut files| files.next().is_none())
    }
}
