//! Where an installed agent has something, below the prefix that it was installed with.

use std::fs;
use std::path::{Path, PathBuf};

use super::{Extent, owner};

/// Our units. Those of a version that is tried go first, since with their end the usual ones begin; and the link before its executor: without
/// it nothing new begins.
pub(super) const UNITS: [&str; 4] = [
    "shanty-agent-exp.service",
    "shanty-executor-exp.service",
    "shanty-agent.service",
    "shanty-executor.service",
];

/// The places of one installation.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    root: PathBuf,
    opt: PathBuf,
}

impl Places {
    /// Of what was installed below this folder; `/` is the host itself.
    pub(crate) fn below(root: &Path) -> Self {
        Self {
            opt: root.join("opt/shanty"),
            root: root.to_owned(),
        }
    }

    /// Where programs are.
    pub(super) fn opt(&self) -> &Path {
        &self.opt
    }

    /// The host itself, with its units and users.
    pub(super) fn is_system(&self) -> bool {
        self.root == Path::new("/")
    }

    /// For people.
    pub(crate) fn shown(&self) -> String {
        match self.is_system() {
            true => "this host".to_owned(),
            false => self.root.display().to_string(),
        }
    }

    fn link(&self) -> PathBuf {
        self.root.join("usr/bin/shanty-agent")
    }

    fn state(&self) -> PathBuf {
        self.root.join("var/lib/shanty-agent")
    }

    fn etc(&self) -> PathBuf {
        self.root.join("etc/shanty")
    }

    /// Folders that an agent may work in.
    pub(super) fn works(&self) -> impl Iterator<Item = PathBuf> {
        [self.state(), self.root.join("var/lib/shanty-executor")].into_iter()
    }

    pub(super) fn configurations(&self) -> impl Iterator<Item = PathBuf> {
        [
            self.etc().join("agent.toml"),
            self.state().join("agent.toml"),
        ]
        .into_iter()
    }

    pub(super) fn is_anything_here(&self) -> bool {
        let all = self.works().chain([self.opt.clone(), self.link()]);
        all.into_iter()
            .any(|path| fs::symlink_metadata(path).is_ok())
    }

    /// Something here that is neither this user's nor root's to take away.
    pub(super) fn of_somebody_else(&self, own: u32) -> Option<&Path> {
        let theirs = owner(&self.opt).is_some_and(|owner| own != 0 && owner != own);
        theirs.then_some(self.opt.as_path())
    }

    /// What goes, in order: nothing starts what is not there any more.
    pub(super) fn removed(&self, extent: Extent) -> Vec<PathBuf> {
        let mut paths = Vec::new();
        if self.is_system() {
            let units = self.root.join("etc/systemd/system");
            paths.extend(UNITS.map(|unit| units.join(unit)));
        }
        // Somebody's own program of that name stays.
        paths.extend(Some(self.link()).filter(|link| link.is_symlink()));
        paths.push(self.opt.clone());
        if extent == Extent::Everything {
            paths.extend(self.works());
            paths.extend(self.configuration_files());
        }
        paths
    }

    /// A controller on the same machine has its own there.
    fn configuration_files(&self) -> Vec<PathBuf> {
        let there = fs::read_dir(self.etc()).into_iter().flatten().flatten();
        let ours = there.filter(|entry| {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            ["agent.toml", "host.toml", "release-roots"].contains(&name.as_ref())
                || name.starts_with("agent.toml.old")
        });
        ours.map(|entry| entry.path()).collect()
    }

    /// Folders that go when nothing is left in them.
    pub(super) fn emptied(&self, extent: Extent) -> Vec<PathBuf> {
        let mut folders = Vec::new();
        if extent == Extent::Everything {
            folders.push(self.etc());
        }
        if !self.is_system() {
            // Below a prefix only we made them.
            let below = ["opt", "usr/bin", "usr", "var/lib", "var", "etc"];
            folders.extend(below.map(|folder| self.root.join(folder)));
            folders.push(self.root.clone());
        }
        folders
    }

    /// What is left of who the host is.
    pub(super) fn kept(&self) -> Vec<PathBuf> {
        let all = self.works().chain([self.etc().join("agent.toml")]);
        all.filter(|path| path.exists()).collect()
    }
}
