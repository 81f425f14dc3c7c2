//! The hosts of the demo: their names and labels, and what is on them. They differ, so that there is something to find.
//!
//! All of them are this machine. What tells them apart is a folder of each, with programs that look at it, first in the path of commands.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The first hosts: name, labels, and what is on them. More of the first kind continue the row.
const HOSTS: [Plan; 6] = [
    Plan::new("web-01", WEB, NEW, 0),
    Plan::new("web-02", WEB, NEW, 0),
    Plan::new("db-01", "env=prod,role=db", NEW, 7),
    Plan::new("web-03", WEB, OLD, 0),
    Plan::new("db-02", "env=staging,role=db", NEW, 2),
    Plan::new("web-04", WEB, NEW, 0),
];

const WEB: &str = "env=prod,role=web";
/// The release that most have, and the one that was forgotten somewhere.
const NEW: &str = "2.4.1";
const OLD: &str = "2.3.9";

/// Programs of every host.
const COMMANDS: [(&str, &str); 4] = [
    ("release", include_str!("commands/release")),
    ("deploy", include_str!("commands/deploy")),
    ("check", include_str!("commands/check")),
    ("work", include_str!("commands/work")),
];

/// Where else programs are looked for.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// How many hosts the tour needs.
pub(super) const FULL: u16 = 6;

/// A host before it is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) name: std::borrow::Cow<'static, str>,
    pub(super) labels: &'static str,
    release: &'static str,
    waiting: u8,
}

impl Plan {
    const fn new(
        name: &'static str,
        labels: &'static str,
        release: &'static str,
        waiting: u8,
    ) -> Self {
        Self {
            name: std::borrow::Cow::Borrowed(name),
            labels,
            release,
            waiting,
        }
    }

    /// Makes the folder of this host below `dir`, and gives what its agent must be told of it.
    pub(super) fn furnish(&self, dir: &Path) -> std::io::Result<String> {
        let home = dir.join("hosts").join(&*self.name);
        for folder in ["bin", "shop", "queue", "done"] {
            fs::create_dir_all(home.join(folder))?;
        }
        for (name, text) in COMMANDS {
            program(&home.join("bin").join(name), text)?;
        }
        let release = format!("shop {}\nschema 17\nworkers 4\n", self.release);
        fs::write(home.join("shop/release"), release)?;
        for number in 1..=self.waiting {
            fs::write(home.join(format!("queue/invoice-{number:02}")), "")?;
        }
        Ok(command_table(&home.join("bin")))
    }
}

/// What is written into `agent.toml`, so that commands find the programs of their host.
fn command_table(bin: &Path) -> String {
    format!(
        "\n[command]\npath = {:?}\n",
        format!("{}:{PATH}", bin.display())
    )
}

fn program(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o755);
    options.open(path)?.write_all(text.as_bytes())
}

/// So many hosts.
pub(super) fn plans(agents: u16) -> Vec<Plan> {
    let more = (5..).map(|n| Plan {
        name: format!("web-{n:02}").into(),
        ..HOSTS[0].clone()
    });
    HOSTS
        .into_iter()
        .chain(more)
        .take(usize::from(agents))
        .collect()
}

/// Where the data of a host's agent are.
pub(super) fn agent_dir(dir: &Path, name: &str) -> PathBuf {
    dir.join(name)
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn hosts_continue_the_row() {
        let names = |agents| -> Vec<String> {
            plans(agents)
                .iter()
                .map(|plan| plan.name.to_string())
                .collect()
        };
        assert_eq!(names(3), ["web-01", "web-02", "db-01"]);
        assert_eq!(names(FULL).last().map(String::as_str), Some("web-04"));
        assert_eq!(names(8)[6..], ["web-05", "web-06"]);
        let mut all = names(200);
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 200);
    }

    /// Runs a program of a host as a command there does.
    fn runs(dir: &Path, host: &str, command: &str) -> (Option<i32>, String) {
        let bin = dir.join("hosts").join(host).join("bin");
        let output = Command::new("/bin/sh")
            .args(["-c", command])
            .env("PATH", format!("{}:{PATH}", bin.display()))
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), text)
    }

    #[test]
    fn hosts_differ_and_can_be_mended() {
        let dir = tempfile::tempdir().unwrap();
        for plan in plans(FULL) {
            let table = plan.furnish(dir.path()).unwrap();
            assert!(
                table.contains(&format!("hosts/{}/bin:", plan.name)),
                "{table}"
            );
        }
        let dir = dir.path();
        let (code, most) = runs(dir, "web-01", "release");
        assert_eq!((code, most.lines().next()), (Some(0), Some("shop 2.4.1")));
        assert_eq!(runs(dir, "web-04", "release").1, most);
        assert_ne!(runs(dir, "web-03", "release").1, most);
        assert_eq!(runs(dir, "web-03", "deploy 2.4.1").0, Some(0));
        assert_eq!(runs(dir, "web-03", "release").1, most);

        assert_eq!(runs(dir, "db-02", "check").0, Some(0));
        let (code, out) = runs(dir, "db-01", "check");
        assert_eq!((code, out.as_str()), (Some(2), "queue: 7 waiting\n"));
        let (code, out) = runs(dir, "db-01", "work");
        assert_eq!((code, out.lines().count()), (Some(0), 8));
        assert_eq!(runs(dir, "db-01", "check").0, Some(0));
    }
}
