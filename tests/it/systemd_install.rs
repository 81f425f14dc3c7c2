//! The line that people paste, on machines that have never seen Shanty and boot systemd: installed, used, restarted, replaced by a package and
//! back, revoked, and gone.

use std::path::Path;

use serde_json::Value;
use shanty_tests::process::Ran;
use shanty_tests::{Agents, Machine, Options, World};

use crate::programs;
use crate::systemd_machine::{begin, goes_on, property};

/// Everything that a machine has on its disk, and what stands in its configuration. What is left out changes by itself, or is dpkg's and the
/// user tools' own memory; /opt goes with the last package that had something in it.
const ALL: &str = r"
find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/log -o -path /var/cache \
    -o -path /var/lib/dpkg -o -path /var/lib/systemd \) -prune -o -print | grep -vxE '/opt|/etc/\.pwd\.lock|/etc/[a-z]+-' | sort
find /run /tmp -name '*shanty*' | sort
cd /etc; find . -type f ! -name '*-' ! -name .pwd.lock ! -name machine-id -exec sha256sum {} + | sort
systemctl list-units --all --plain --no-legend '*shanty*' | grep -v ' not-found ' || :
id shanty 2>/dev/null || :";

/// What joining anew keeps, and what the owner of a host writes.
const MORE: &str = "cd /etc/shanty; touch agent.toml.old agent.toml.old.2 host.toml release-roots";

const UNITS: [&str; 2] = ["shanty-agent", "shanty-executor"];

/// Both in one world: a controller that hands out agents, and a machine.
struct Fresh {
    world: World,
    machine: Machine,
    /// What it had before anything was done.
    before: String,
}

impl Fresh {
    /// A world that tells of everything, and a machine that can sudo and has somebody to run as.
    async fn new(release: Option<&str>, agents: &Agents) -> Option<Self> {
        let options = Options {
            ops_channel: true,
            ..Options::default()
        };
        let world = World::start(&programs(), options).await;
        agents.hand_out(&world, &["tar"]);
        let machine = match release {
            None => Machine::boot("m-01", &[]).await,
            Some(release) => Machine::boot_release(release, "m-01", &[]).await,
        };
        let Some(machine) = machine else {
            world.end().await;
            return None;
        };
        machine.sh("useradd --create-home deploy; sudo true").await;
        let before = machine.sh(ALL).await;
        Some(Self {
            world,
            machine,
            before,
        })
    }

    /// What is printed for people to paste, of one kind.
    async fn line(&self, form: &str) -> String {
        let made = self
            .world
            .shanty(&[
                "token",
                "create",
                "--json",
                "--run-as",
                "deploy",
                "--install",
            ])
            .await;
        assert_eq!(made.code, 0, "{made:?}");
        made.json()["install"][form].as_str().unwrap().to_owned()
    }

    /// Pastes it.
    async fn paste(&self, line: &str) -> Ran {
        self.machine.exec(&["/bin/sh", "-c", line]).await
    }

    /// Pastes it, and it joins or stays joined.
    async fn installs(&self, line: &str) -> String {
        let ran = self.paste(line).await;
        assert!(
            ran.code == 0
                && ran
                    .out
                    .contains("Seen by the controller: yes, as m-01. It runs under systemd."),
            "{ran:?}"
        );
        self.world.is_online("m-01", true).await;
        ran.out
    }

    /// `shanty-agent` with these arguments: exit code and what it printed.
    async fn agent(&self, args: &[&str]) -> Ran {
        self.machine.exec(&[&["shanty-agent"], args].concat()).await
    }

    async fn status(&self) -> Value {
        let ran = self.agent(&["status", "--json"]).await;
        let status = ran.json();
        assert_eq!(ran.code == 0, status["up"] == true, "{status:#}");
        status
    }

    async fn pids(&self) -> Vec<String> {
        let mut pids = Vec::new();
        for unit in UNITS {
            pids.push(property(&self.machine, unit, "MainPID").await);
        }
        pids
    }

    /// Nothing of it is there, and nothing else is missing or changed.
    async fn is_as_before(&self, after: &str) {
        let now = self.machine.sh(ALL).await;
        let only = |one: &str, other: &str| -> Vec<String> {
            let other: Vec<&str> = other.lines().collect();
            let lines = one.lines().filter(|line| !other.contains(line));
            lines.map(str::to_owned).collect()
        };
        let (left, missing) = (only(&now, &self.before), only(&self.before, &now));
        assert!(
            left.is_empty() && missing.is_empty(),
            "{after}: left {left:#?}, missing {missing:#?}"
        );
    }

    /// The controller forgets the host, so that its name is free.
    async fn forget(&self) {
        let ran = self
            .world
            .shanty(&["hosts", "remove", "m-01", "--yes"])
            .await;
        assert_eq!(ran.code, 0, "{ran:?}");
        self.free().await;
    }

    async fn free(&self) {
        let ran = self.world.shanty(&["hosts", "free", "m-01"]).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }

    async fn end(self) {
        self.machine.end().await;
        self.world.end().await;
    }
}

/// A line without its token: the controller's script, as it is.
fn without_token(line: &str) -> String {
    let (_, script) = line.split_once("; ").unwrap();
    format!("{{ {script}")
}

async fn agents() -> Agents {
    Agents::made(&programs(), Path::new(env!("CARGO_TARGET_TMPDIR"))).await
}

#[tokio::test]
async fn the_line_installs_on_a_fresh_machine_and_everything_of_it_goes_again() {
    let agents = agents().await;
    let Some(fresh) = Fresh::new(None, &agents).await else {
        return;
    };
    let line = fresh.line("curl").await;
    fresh.installs(&line).await;
    let operator = fresh.world.operator();
    operator
        .sees("who joined", |message| {
            message.text().contains("1 host joined")
        })
        .await;
    let asked = operator.run("m-01", "id -un; echo it runs").await;
    let card = operator.card_end(&asked, "it runs").await;
    assert!(card.text().contains("deploy"), "{}", card.text());
    is_told(&fresh).await;

    // The same line again.
    let before = (fresh.pids().await, fresh.machine.sh(ALL).await);
    let again = fresh.paste(&line).await;
    assert!(
        again.out.contains("was here already; nothing was changed."),
        "{again:?}"
    );
    assert_eq!((fresh.pids().await, fresh.machine.sh(ALL).await), before);

    let script = without_token(&line);
    goes_on_through_everything(&fresh, &agents, &script).await;
    comes_back_as_the_same_host(&fresh, &script).await;
    fresh.forget().await;
    fresh.installs(&fresh.line("wget").await).await;
    is_revoked(&fresh).await;
    fresh.free().await;
    fresh.installs(&fresh.line("digest").await).await;
    fresh.machine.sh(MORE).await;
    let gone = fresh
        .paste(&format!("{script} --uninstall --purge --yes"))
        .await;
    assert_eq!(gone.code, 0, "{gone:?}");
    fresh.is_as_before("purged by the script").await;
    fresh.end().await;
}

/// Root sees all of it; somebody else is told what they do not see.
async fn is_told(fresh: &Fresh) {
    let status = fresh.status().await;
    assert_eq!(status["up"], true, "{status:#}");
    assert_eq!(status["name"], "m-01");
    assert_eq!(
        status["controller"], fresh.world.ready["agents"],
        "{status:#}"
    );
    assert_eq!(status["parts"][0]["says"], "Works as host m-01.");
    assert_eq!(status["unseen"].as_array().unwrap().len(), 0, "{status:#}");
    assert!(status["certificate_until_ms"].as_u64().unwrap() > 0);
    let nobody = ["sudo", "-u", "nobody", "shanty-agent", "status"];
    let ran = fresh.machine.exec(&nobody).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains("this user may not see it"), "{ran:?}");
}

/// One command, and meanwhile both services restarted, the agent killed, a package put over what the script installed, and the script's again.
async fn goes_on_through_everything(fresh: &Fresh, agents: &Agents, script: &str) {
    let Fresh { world, machine, .. } = fresh;
    let number = begin(world, machine).await;
    machine
        .sh("systemctl restart shanty-agent shanty-executor")
        .await;
    assert_eq!(fresh.status().await["runs_under_way"], 1);
    machine
        .sh("systemctl kill --kill-who=main --signal=KILL shanty-agent")
        .await;
    world.is_online("m-01", true).await;
    if agents.has("deb") {
        agents.hand_out(world, &["tar", "deb", "rpm"]);
        let packaged = fresh.installs(script).await;
        assert!(packaged.contains("Installed shanty-agent"), "{packaged}");
        machine
            .sh("test ! -e /etc/systemd/system/shanty-agent.service; dpkg --verify shanty-agent")
            .await;
        let refused = fresh.agent(&["uninstall", "--purge", "--yes"]).await;
        assert!(
            refused.code == 1 && refused.err.contains("`apt purge shanty-agent`"),
            "{refused:?}"
        );
        agents.hand_out(world, &["tar"]);
        fresh.installs(script).await;
    }
    goes_on(world, machine, &number).await;
    if agents.has("deb") {
        machine.sh(MORE).await;
        machine.sh("dpkg --purge shanty-agent").await;
        fresh.is_as_before("purged by dpkg").await;
        fresh.forget().await;
        fresh.installs(&fresh.line("curl").await).await;
    }
}

/// Uninstalled with a command under way, installed again, and by the script's own hand the same is removed.
async fn comes_back_as_the_same_host(fresh: &Fresh, script: &str) {
    let Fresh { world, machine, .. } = fresh;
    let agent = fresh.status().await["agent"].clone();
    let number = begin(world, machine).await;
    let asked = fresh.agent(&["uninstall"]).await;
    assert!(asked.code == 64 && asked.err.contains("--yes"), "{asked:?}");
    let gone = fresh.agent(&["uninstall", "--yes"]).await;
    for said in [
        "1 run is under way and goes on",
        "`shanty hosts remove m-01`",
        "/var/lib/shanty-agent",
    ] {
        assert!(
            gone.code == 0 && gone.out.contains(said),
            "{said}: {gone:?}"
        );
    }
    world.is_online("m-01", false).await;
    let by_program = machine.sh(ALL).await;
    fresh.installs(script).await;
    assert_eq!(fresh.status().await["agent"], agent);
    goes_on(world, machine, &number).await;

    let gone = fresh.paste(&format!("{script} --uninstall --yes")).await;
    assert_eq!(gone.code, 0, "{gone:?}");
    // What ran is another matter than what was installed.
    let kept = |all: &str| -> Vec<String> {
        let lines = all
            .lines()
            .filter(|line| !line.starts_with("/var/lib/shanty-executor/"));
        lines.map(str::to_owned).collect()
    };
    assert_eq!(kept(&machine.sh(ALL).await), kept(&by_program));
    let gone = fresh
        .paste(&format!("{script} --uninstall --purge --yes"))
        .await;
    assert_eq!(gone.code, 0, "{gone:?}");
    fresh.is_as_before("purged by the script").await;
}

/// A host that was revoked stays down, says why, and goes without the controller.
async fn is_revoked(fresh: &Fresh) {
    let Fresh { world, machine, .. } = fresh;
    let revoked = world.shanty(&["hosts", "revoke", "m-01", "--yes"]).await;
    assert_eq!(revoked.code, 0, "{revoked:?}");
    machine
        .until(
            "the link to be given up",
            "systemctl is-failed -q shanty-agent",
        )
        .await;
    assert_eq!(
        property(machine, "shanty-agent", "ExecMainStatus").await,
        "77"
    );
    assert_eq!(property(machine, "shanty-agent", "NRestarts").await, "0");
    let status = fresh.agent(&["status"]).await;
    assert!(
        status.code == 1 && status.out.contains("join again with a new token"),
        "{status:?}"
    );
    machine.sh(MORE).await;
    let gone = fresh.agent(&["uninstall", "--purge", "--yes"]).await;
    assert_eq!(gone.code, 0, "{gone:?}");
    fresh.is_as_before("purged by itself").await;
}

/// On another Debian: installed, used, restarted, gone.
async fn short(release: &str) {
    let agents = agents().await;
    let Some(fresh) = Fresh::new(Some(release), &agents).await else {
        return;
    };
    let Fresh { world, machine, .. } = &fresh;
    fresh.installs(&fresh.line("curl").await).await;
    let number = begin(world, machine).await;
    machine
        .sh("systemctl restart shanty-agent shanty-executor")
        .await;
    goes_on(world, machine, &number).await;
    assert_eq!(fresh.status().await["up"], true);
    let gone = fresh.agent(&["uninstall", "--purge", "--yes"]).await;
    assert_eq!(gone.code, 0, "{gone:?}");
    fresh.is_as_before("purged by itself").await;
    fresh.end().await;
}

#[tokio::test]
async fn it_is_the_same_on_trixie() {
    short("trixie").await;
}

/// What is built with a newer C library does not run there: only a release does, as `SHANTY_RELEASE` names one.
#[tokio::test]
async fn it_is_the_same_on_bullseye() {
    if std::env::var_os("SHANTY_RELEASE").is_none() {
        eprintln!("SKIPPED, nothing is tried on bullseye: SHANTY_RELEASE names no release");
        return;
    }
    short("bullseye").await;
}
