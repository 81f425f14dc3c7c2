//! Agents as `packaging/release` makes them, with the programs under test in them, for a controller to hand out.

use std::fmt::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tokio::sync::OnceCell;

use crate::World;
use crate::process::{self, Programs};
use crate::site::found;

/// A folder of agents, as a release has it.
#[derive(Clone, Debug)]
pub struct Agents(PathBuf);

/// Made once by the tests of one process.
static MADE: OnceCell<PathBuf> = OnceCell::const_new();

impl Agents {
    /// Those of the release that `SHANTY_RELEASE` names; otherwise made here, below a folder that may be kept, of the programs under test.
    ///
    /// # Panics
    /// When they cannot be made.
    pub async fn made(programs: &Programs, keep: &Path) -> Self {
        if let Some(release) = std::env::var_os("SHANTY_RELEASE") {
            return Self(PathBuf::from(release).join("agents"));
        }
        let made = MADE.get_or_init(|| make(programs, keep)).await;
        Self(made.join("agents"))
    }

    /// Whether there is a package or archive of this kind.
    #[must_use]
    pub fn has(&self, kind: &str) -> bool {
        self.files().iter().any(|file| file["kind"] == kind)
    }

    /// Lets the controller of this world hand out those of these kinds, and nothing else from now on.
    ///
    /// # Panics
    /// When they cannot be put there.
    pub fn hand_out(&self, world: &World, kinds: &[&str]) {
        let folder = world.artifacts();
        std::fs::create_dir_all(&folder).expect("a folder can be made");
        let mut manifest = self.manifest();
        let wanted = |file: &Value| kinds.iter().any(|kind| file["kind"] == *kind);
        let mut files = self.files();
        files.retain(wanted);
        for file in &files {
            let name = file["name"].as_str().expect("a file has a name");
            std::fs::copy(self.0.join(name), folder.join(name)).expect("it can be copied");
        }
        manifest["files"] = files.into();
        std::fs::write(folder.join("manifest.json"), manifest.to_string())
            .expect("it can be written");
    }

    /// The archive.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn archive(&self) -> PathBuf {
        let files = self.files();
        let tar = files.iter().find(|file| file["kind"] == "tar");
        self.0.join(
            tar.and_then(|tar| tar["name"].as_str())
                .expect("a release has an archive"),
        )
    }

    fn manifest(&self) -> Value {
        let text = std::fs::read(self.0.join("manifest.json")).expect("a release has a manifest");
        serde_json::from_slice(&text).expect("a manifest is JSON")
    }

    fn files(&self) -> Vec<Value> {
        let files = self.manifest()["files"].as_array().cloned();
        files.unwrap_or_default()
    }
}

async fn make(programs: &Programs, keep: &Path) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let nfpm = found("nfpm");
    let required = std::env::var("SHANTY_NFPM").is_ok_and(|value| value == "required");
    assert!(nfpm.is_some() || !required, "nfpm is not installed");
    if nfpm.is_none() {
        #[expect(
            clippy::print_stderr,
            reason = "whoever reads it must see what was not tried"
        )]
        {
            eprintln!("SKIPPED, no package is tried: nfpm is not installed");
        }
    }
    let (out, with) = (keep.join("release"), keep.join("release-with"));
    let stamp = stamp(&root.join("packaging"), &programs.agent, nfpm.as_deref());
    let stamped = keep.join("release.stamp");
    if std::fs::read_to_string(&stamped).is_ok_and(|there| there == stamp) {
        return out;
    }
    for folder in [&out, &with] {
        std::fs::remove_dir_all(folder).ok(); // Not there: the first time.
    }
    std::fs::create_dir_all(&with).expect("a folder can be made");
    let mut strip = Command::new("strip");
    strip
        .arg("-o")
        .arg(with.join("shanty-agent"))
        .arg(&programs.agent);
    let stripped = strip.status().expect("binutils are installed");
    assert!(stripped.success(), "{strip:?}");
    put_program(
        &with.join("shanty"),
        &format!("exec {} \"$@\"", programs.shanty.display()),
    );
    // One that makes nothing: what is left of a release is its archives.
    put_program(&with.join("nfpm"), "exit 0");
    let path = std::env::var("PATH").unwrap_or_default();
    let path = match nfpm {
        Some(_) => path,
        None => format!("{}:{path}", with.display()),
    };
    let mut release = process::call(&root.join("packaging/release"), &["--with"]);
    release.arg(&with).arg(&out);
    release
        .env("PATH", path)
        .env("SOURCE_DATE_EPOCH", "1700000000");
    let ran = process::run(&mut release).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    std::fs::write(&stamped, stamp).expect("it can be written");
    out
}

fn put_program(path: &Path, line: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{line}\n")).expect("a program can be written");
    let runs = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(path, runs).expect("it can be made to run");
}

/// Changes with everything that a release is made of.
fn stamp(packaging: &Path, agent: &Path, nfpm: Option<&Path>) -> String {
    let mut files = vec![agent.to_owned()];
    files.extend(nfpm.map(Path::to_owned));
    for folder in ["", "scripts", "systemd"] {
        let there = std::fs::read_dir(packaging.join(folder)).expect("it is part of the source");
        files.extend(there.flatten().map(|entry| entry.path()));
    }
    files.sort();
    let mut stamp = String::new();
    for file in files {
        let found = std::fs::metadata(&file).expect("it was found");
        let (seconds, nanoseconds) = (found.mtime(), found.mtime_nsec());
        writeln!(
            stamp,
            "{} {} {seconds}.{nanoseconds}",
            file.display(),
            found.len()
        )
        .expect("a text takes everything");
    }
    stamp
}
