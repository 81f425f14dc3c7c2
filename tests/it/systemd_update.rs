//! Updates on a booted systemd: of a version that works, and of all kinds that do not; with commands under way, a power cut in the middle, and
//! releases that nobody should take.

use std::path::Path;
use std::process::Command;

use serde_json::Value;
use shanty_tests::process::Ran;
use shanty_tests::release::Keys;
use shanty_tests::{Agents, Machine, Options, World, wait};
use tempfile::TempDir;

use crate::programs;
use crate::systemd_machine::{begin, goes_on, property};

/// What is tried has this long where a test waits for its end; as an administrator would say it.
const SHORT: &str = "for u in shanty-agent-exp shanty-executor-exp; do
    install -d /etc/systemd/system/$u.service.d
    printf '[Service]\\nRuntimeMaxSec=5\\n' >/etc/systemd/system/$u.service.d/short.conf
done
systemctl daemon-reload";

const EXPERIMENTS: &str = "shanty-executor-exp shanty-agent-exp";

/// A machine with an agent of the install line, and a controller that offers versions.
struct Updated {
    world: World,
    machine: Machine,
    keys: Keys,
    /// What an archive holds.
    folder: TempDir,
}

impl Updated {
    async fn new() -> Option<Self> {
        let keys = Keys::make()?;
        let keep = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let agents = Agents::made(&programs(), keep).await;
        let world = World::start(&programs(), Options::default()).await;
        let Some(machine) = Machine::boot("m-01", &[]).await else {
            world.end().await;
            return None;
        };
        let folder = TempDir::new().unwrap();
        let mut unpack = Command::new("tar");
        unpack
            .arg("-xzf")
            .arg(agents.archive())
            .arg("-C")
            .arg(folder.path());
        assert!(unpack.status().unwrap().success(), "{unpack:?}");
        std::fs::write(folder.path().join("release-roots"), keys.roots()).unwrap();
        let updated = Self {
            world,
            machine,
            keys,
            folder,
        };
        updated.offer(env!("CARGO_PKG_VERSION"));
        updated.machine.sh("useradd --create-home deploy").await;
        updated.install().await;
        Some(updated)
    }

    async fn install(&self) {
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
        let line = made.json()["install"]["curl"].as_str().unwrap().to_owned();
        self.machine.sh(&line).await;
        self.world.is_online("m-01", true).await;
    }

    /// Offers a version, such as `0.2.0 crash`.
    fn offer(&self, said: &str) {
        std::fs::write(self.folder.path().join("under-test"), said).unwrap();
        let version = said.split(' ').next().unwrap();
        self.keys
            .offer_folder(&self.world, version, self.folder.path(), |_| {});
    }

    /// Types `shanty-agent update` on the machine.
    async fn update(&self, version: &str) -> Ran {
        let call = ["shanty-agent", "update", "--to", version];
        self.machine.exec(&call).await
    }

    /// Waits until the controller says that this version is linked.
    async fn is(&self, version: &str) {
        wait::until(&format!("m-01 as {version}"), || async {
            let ran = self.world.shanty(&["hosts", "m-01", "--json"]).await;
            let host: Value = serde_json::from_str(&ran.out).unwrap_or_default();
            match host["online"] == true && host["version"] == version {
                true => Ok(()),
                false => Err(ran),
            }
        })
        .await;
    }

    /// This version is the one in use, nothing is tried, and both units are as they should be.
    async fn settles_as(&self, version: &str) {
        self.is(version).await;
        let up = "systemctl is-active -q shanty-agent shanty-executor && [ ! -L /opt/shanty/experiment ]";
        self.machine
            .until("the stable units to be up, and nothing to be tried", up)
            .await;
        let stable = self.machine.sh("readlink /opt/shanty/stable").await;
        assert_eq!(stable.trim(), format!("versions/{version}"));
        let tried = self
            .machine
            .sh(&format!("systemctl is-active {EXPERIMENTS} || :"))
            .await;
        assert!(
            !tried.contains("\nactive") && !tried.starts_with("active"),
            "{tried}"
        );
        let enabled = self
            .machine
            .sh(&format!("systemctl is-enabled {EXPERIMENTS} || :"))
            .await;
        assert!(
            !enabled.contains("enabled\n"),
            "a power cut boots the stable one: {enabled}"
        );
    }

    async fn status(&self) -> Value {
        let ran = self
            .machine
            .exec(&["shanty-agent", "status", "--json"])
            .await;
        ran.json()
    }

    /// The last update, as the host tells it.
    async fn told(&self) -> (String, String) {
        let status = self.status().await;
        let text = |key: &str| {
            status["update"][key]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        (text("version"), text("outcome"))
    }
}

#[tokio::test]
async fn a_host_is_updated_or_stays_as_it_was_whatever_happens() {
    let Some(mut updated) = Updated::new().await else {
        return;
    };
    works(&updated).await;
    for refused in [Refused::OtherRoot, Refused::Older] {
        is_refused(&updated, refused).await;
    }
    updated.machine.sh(SHORT).await;
    for (said, why) in [
        ("0.3.0 crash", "status 1"),
        ("0.3.1 hang", "did not connect"),
        ("0.3.2 deaf", "did not connect"),
    ] {
        comes_back(&updated, said, why).await;
    }
    loses_power(&mut updated).await;
    reboots(&mut updated).await;
    let gone = updated
        .machine
        .exec(&["shanty-agent", "uninstall", "--purge", "--yes"])
        .await;
    assert_eq!(gone.code, 0, "{gone:?}");
    let left = "find / -xdev -name '*shanty*' ! -path '/proc/*' ! -path '/sys/*' ! -path '*-exp.service.d' ! -path '/var/log/*'; find /run -name '*shanty*'; id shanty 2>/dev/null || :";
    assert_eq!(updated.machine.sh(left).await, "");
    let Updated { machine, world, .. } = updated;
    machine.end().await;
    world.end().await;
}

/// With a command under way, which knows nothing of it.
async fn works(updated: &Updated) {
    let number = begin(&updated.world, &updated.machine).await;
    updated.offer("0.2.0");
    let ran = updated.update("0.2.0").await;
    assert!(
        ran.code == 0 && ran.out.contains("0.2.0 is in use"),
        "{ran:?}"
    );
    updated.settles_as("0.2.0").await;
    assert_eq!(
        updated.told().await,
        ("0.2.0".to_owned(), "in_use".to_owned())
    );
    let status = updated.status().await;
    assert!(
        status["up"] == true && status["runs_under_way"] == 1,
        "{status:#}"
    );
    goes_on(&updated.world, &updated.machine, &number).await;
}

#[derive(Clone, Copy)]
enum Refused {
    OtherRoot,
    Older,
}

/// Nothing is touched: the processes are the same.
async fn is_refused(updated: &Updated, refused: Refused) {
    let pid = property(&updated.machine, "shanty-executor", "MainPID").await;
    let version = match refused {
        Refused::OtherRoot => {
            updated.offer("0.2.1");
            let manifest = updated.world.artifacts().join("manifest.json");
            updated.keys.sign(&manifest, "other");
            "0.2.1"
        }
        Refused::Older => {
            updated.offer("0.1.9");
            "0.1.9"
        }
    };
    let ran = updated.update(version).await;
    assert!(ran.code != 0 && !ran.err.is_empty(), "{ran:?}");
    updated.settles_as("0.2.0").await;
    assert_eq!(
        property(&updated.machine, "shanty-executor", "MainPID").await,
        pid
    );
    let there = updated.machine.sh("ls /opt/shanty/versions").await;
    assert!(!there.contains(version), "{there}");
}

/// A version that does not work, with a command under way.
async fn comes_back(updated: &Updated, said: &str, why: &str) {
    let number = begin(&updated.world, &updated.machine).await;
    updated.offer(said);
    let version = said.split(' ').next().unwrap();
    let ran = updated.update(version).await;
    let told = format!("{}{}", ran.out, ran.err);
    assert!(
        ran.code == 1 && told.contains("0.2.0 is back") && told.contains(why),
        "{said}: {ran:?}"
    );
    updated.settles_as("0.2.0").await;
    assert_eq!(
        updated.told().await,
        (version.to_owned(), "came_back".to_owned())
    );
    goes_on(&updated.world, &updated.machine, &number).await;
}

/// In the middle of a trial nobody is told anything.
async fn loses_power(updated: &mut Updated) {
    updated.offer("0.4.0 hang");
    let mut update = updated
        .machine
        .call(&["shanty-agent", "update", "--to", "0.4.0"]);
    update
        .stdin(std::process::Stdio::null())
        .stdout(std::process::Stdio::null());
    let mut update = update.spawn().unwrap();
    updated
        .machine
        .until("the trial", "systemctl is-active -q shanty-executor-exp")
        .await;
    updated.machine.power_cut().await;
    update.wait().await.unwrap();
    updated.settles_as("0.2.0").await;
    assert_ne!(updated.told().await.1, "in_use");
}

/// What is in use stays in use.
async fn reboots(updated: &mut Updated) {
    updated
        .machine
        .sh("rm -r /etc/systemd/system/shanty-*-exp.service.d; systemctl daemon-reload")
        .await;
    updated.offer("0.5.0");
    let ran = updated.update("0.5.0").await;
    assert_eq!(ran.code, 0, "{ran:?}");
    updated.machine.reboot().await;
    updated.settles_as("0.5.0").await;
}
