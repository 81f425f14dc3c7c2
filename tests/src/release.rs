//! Releases that a controller offers: versions of the agent under test, good and bad, signed with keys of a root; and servers that run one of
//! them without systemd.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::host::own_user;
use crate::process::{self, Process, Ran};
use crate::{World, wait};

/// The namespace of manifests.
const AGENTS: &str = "shanty-agents";

/// A root, and a release key that it certified; another root, and its.
pub struct Keys {
    dir: TempDir,
    /// The program, small enough to be packed often.
    stripped: OnceCell<PathBuf>,
}

impl Keys {
    /// Makes all of them; nothing where OpenSSH is not installed, which is said.
    ///
    /// # Panics
    /// When they cannot be made.
    #[must_use]
    #[expect(
        clippy::print_stderr,
        reason = "whoever reads a test's output must see that it tried nothing"
    )]
    pub fn make() -> Option<Self> {
        if let Err(error) = Command::new("ssh-keygen").arg("-?").output() {
            eprintln!("SKIPPED, nothing was tried: ssh-keygen: {error}");
            return None;
        }
        let keys = Self {
            dir: TempDir::with_prefix("shanty-keys-").expect("a directory can be made"),
            stripped: OnceCell::new(),
        };
        for (root, key) in [("root", "release"), ("other-root", "other")] {
            for name in [root, key] {
                keys.keygen(&["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", name]);
            }
            let public = format!("{key}.pub");
            keys.keygen(&[
                "-q", "-s", root, "-I", key, "-n", "release", "-V", "-1d:+1d", &public,
            ]);
        }
        Some(keys)
    }

    fn keygen(&self, args: &[&str]) {
        let made = Command::new("ssh-keygen")
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null())
            .output()
            .expect("ssh-keygen runs");
        assert!(made.status.success(), "{args:?}: {made:?}");
    }

    /// The line of the root, as `release-roots` has it.
    ///
    /// # Panics
    /// When it cannot be read.
    #[must_use]
    pub fn roots(&self) -> String {
        let root = std::fs::read_to_string(self.dir.path().join("root.pub"));
        let root = root.expect("the root was made");
        format!("release cert-authority,namespaces=\"shanty-agents,shanty-release\" {root}")
    }

    /// Signs a file as an agents' manifest, with the key `release` or `other`.
    pub fn sign(&self, file: &Path, key: &str) {
        let file = file.to_string_lossy();
        std::fs::remove_file(format!("{file}.sig")).ok(); // There is none yet.
        let certificate = format!("{key}-cert.pub");
        self.keygen(&["-q", "-Y", "sign", "-f", &certificate, "-n", AGENTS, &file]);
    }

    /// Puts a version of the agent under test into a folder, as an archive brings it.
    ///
    /// # Panics
    /// When it cannot be put there.
    pub fn put(&self, world: &World, said: &str, folder: &Path) {
        std::fs::create_dir_all(folder).expect("a folder can be made");
        let own = self.stripped.get_or_init(|| {
            let small = self.dir.path().join("shanty-agent");
            let agent = &world.programs().agent;
            std::fs::copy(agent, &small).expect("the program can be copied");
            // Only smaller: without binutils it is packed as it is.
            Command::new("strip").arg(&small).status().ok();
            small
        });
        let program = folder.join("shanty-agent");
        std::fs::hard_link(own, &program)
            .or_else(|_| std::fs::copy(own, &program).map(drop))
            .expect("the program can be copied");
        std::fs::write(folder.join("under-test"), said).expect("it can be written");
        std::fs::write(folder.join("release-roots"), self.roots()).expect("it can be written");
    }

    /// Lets a controller offer a version, such as `0.2.0` or `0.2.0 crash`, with a manifest that is changed before it is signed.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn offer(&self, world: &World, said: &str, change: impl FnOnce(&mut Value)) {
        let version = said.split(' ').next().unwrap_or(said);
        let stage = self.dir.path().join("stage");
        std::fs::remove_dir_all(&stage).ok(); // There is none yet.
        self.put(world, said, &stage);
        self.offer_folder(world, version, &stage, change);
    }

    /// The same of any folder.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn offer_folder(
        &self,
        world: &World,
        version: &str,
        folder: &Path,
        change: impl FnOnce(&mut Value),
    ) {
        let agents = world.artifacts();
        std::fs::remove_dir_all(&agents).ok(); // There is none yet.
        std::fs::create_dir_all(&agents).expect("a folder can be made");
        let arch = std::env::consts::ARCH;
        let name = format!("shanty-agent-{version}-{arch}.tar.gz");
        let pack = format!("tar -C \"$1\" -c . | gzip -1 >{name} && sha256sum {name}");
        let packed = Command::new("sh")
            .args(["-ec", &pack, "sh"])
            .arg(folder)
            .current_dir(&agents)
            .output()
            .expect("a shell runs");
        assert!(packed.status.success(), "{packed:?}");
        let sha256 = String::from_utf8_lossy(&packed.stdout);
        let sha256 = sha256.split(' ').next().unwrap_or_default();
        let size = std::fs::metadata(agents.join(&name)).expect("it is there");
        let mut manifest = json!({"version": version, "files": [{
            "name": name, "arch": arch, "kind": "tar", "glibc": "2.17", "size": size.len(), "sha256": sha256,
        }]});
        change(&mut manifest);
        let file = agents.join("manifest.json");
        std::fs::write(&file, manifest.to_string()).expect("it can be written");
        self.sign(&file, "release");
    }
}

/// A server whose agent is kept by `shanty-agent supervise`.
pub struct Supervised {
    /// Its name.
    pub name: String,
    /// The folder above the versions.
    pub home: PathBuf,
    /// The agent's data directory.
    pub data: PathBuf,
    within: String,
    parent: Option<Process>,
}

impl Supervised {
    /// A server with this version, whose link is up. What is tried there has so long to connect, such as `60s`.
    ///
    /// # Panics
    /// When it does not get so far.
    pub async fn start(
        world: &World,
        keys: &Keys,
        name: &str,
        version: &str,
        within: &str,
    ) -> Self {
        let home = world.dir.path().join(format!("home-{name}"));
        keys.put(world, version, &home.join("versions").join(version));
        std::os::unix::fs::symlink(format!("versions/{version}"), home.join("stable"))
            .expect("a link can be made");
        let mut host = Self {
            name: name.to_owned(),
            data: world.dir.path().join(name),
            home,
            within: within.to_owned(),
            parent: None,
        };
        let token = world.token(&["--name", name]).await;
        let user = own_user();
        let (server, data) = (
            world.join_address(),
            host.data.to_string_lossy().into_owned(),
        );
        let args = [
            "join",
            "--name",
            name,
            "--server",
            &server,
            "--data-dir",
            &data,
            "--run-as",
            &user,
        ];
        let joined = process::run(host.call(&args).env("SHANTY_TOKEN", token)).await;
        assert_eq!(joined.code, 0, "{joined:?}");
        host.supervise().await;
        world.is_online(name, true).await;
        host
    }

    /// The stable program.
    #[must_use]
    pub fn call(&self, args: &[&str]) -> tokio::process::Command {
        process::call(&self.home.join("stable/shanty-agent"), args)
    }

    /// Starts what keeps the agent, and waits until its link is up.
    pub async fn supervise(&mut self) {
        let paths = [&self.home, &self.data].map(|path| path.to_string_lossy().into_owned());
        let [home, data] = paths;
        let args = [
            "supervise",
            "--home",
            &home,
            "--data-dir",
            &data,
            "--within",
            &self.within,
        ];
        let log = self.home.join("log");
        let (parent, _) = Process::start(&self.name, self.call(&args), log).await;
        self.parent = Some(parent);
    }

    /// What keeps the agent.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn take_parent(&mut self) -> Process {
        self.parent.take().expect("it runs")
    }

    /// Stops everything.
    pub async fn stop(&mut self) {
        let parent = self.take_parent();
        parent.signal(Signal::SIGTERM);
        parent.stop().await;
    }

    /// `shanty-agent update`, as an administrator of the host types it.
    pub async fn update(&self, args: &[&str]) -> Ran {
        process::run(&mut self.update_call(args)).await
    }

    /// The same, not started yet.
    #[must_use]
    pub fn update_call(&self, args: &[&str]) -> tokio::process::Command {
        let data = self.data.to_string_lossy().into_owned();
        self.call(&[&["update", "--data-dir", &data, "--to"], args].concat())
    }

    /// What is kept of the last update.
    #[must_use]
    pub fn record(&self) -> Value {
        let text = std::fs::read_to_string(self.data.join("update.json")).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }

    /// The version that a link points at.
    #[must_use]
    pub fn link(&self, link: &str) -> Option<String> {
        let target = std::fs::read_link(self.home.join(link)).ok()?;
        Some(target.file_name()?.to_string_lossy().into_owned())
    }

    /// The folders of versions.
    ///
    /// # Panics
    /// When they cannot be listed.
    #[must_use]
    pub fn versions(&self) -> Vec<String> {
        let found = std::fs::read_dir(self.home.join("versions")).expect("it is there");
        let mut names: Vec<String> = found
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Waits until the controller says that this version is linked.
    pub async fn is(&self, world: &World, version: &str) {
        wait::until(&format!("{} as {version}", self.name), || async {
            let ran = world.shanty(&["hosts", &self.name, "--json"]).await;
            let host: Value = serde_json::from_str(&ran.out).unwrap_or_default();
            if host["online"] == true && host["version"] == version {
                Ok(())
            } else {
                Err(ran)
            }
        })
        .await;
    }
}
