//! Where the versions of this program lie: a folder for each, and two links. `stable` is the one that is started; `experiment` is there
//! while another is tried.
//!
//! What a link points at changes in one step, and is on the disk before anything goes by it: at any moment a whole version is stable.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::statvfs::statvfs;
use shanty_core::version::Version;
use thiserror::Error;

/// Where packages and the installing script put it.
pub(crate) const USUAL: &str = "/opt/shanty";

/// The program in the folder of a version.
pub(crate) const PROGRAM: &str = "shanty-agent";

const VERSIONS: &str = "versions";
const STABLE: &str = "stable";
const EXPERIMENT: &str = "experiment";
const LOCK: &str = "update.lock";

/// Something in it cannot be done.
#[derive(Debug, Error)]
#[error("{doing} {}", path.display())]
pub(crate) struct HomeError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The folder above the versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Home(PathBuf);

impl Home {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// The one that this program lies in; nothing when it lies elsewhere.
    pub(crate) fn of_program(program: &Path) -> Option<Self> {
        let versions = program.parent()?.parent()?;
        let named = versions.file_name().is_some_and(|name| name == VERSIONS);
        let home = versions.parent().filter(|_| named)?;
        Some(Self(home.to_owned()))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// The folder of a version, which need not be there.
    pub(crate) fn folder(&self, version: &Version) -> PathBuf {
        self.0.join(VERSIONS).join(version.as_str())
    }

    /// The program of a version.
    pub(crate) fn program(&self, version: &Version) -> PathBuf {
        self.folder(version).join(PROGRAM)
    }

    /// Where a version is unpacked before it has its name.
    pub(crate) fn staging(&self, version: &Version) -> PathBuf {
        self.0.join(VERSIONS).join(format!(".{version}.new"))
    }

    /// What is started.
    pub(crate) fn stable(&self) -> Option<Version> {
        self.named_by(STABLE)
    }

    /// What is tried.
    pub(crate) fn experiment(&self) -> Option<Version> {
        self.named_by(EXPERIMENT)
    }

    fn named_by(&self, link: &str) -> Option<Version> {
        let target = fs::read_link(self.0.join(link)).ok()?;
        target.file_name()?.to_str()?.parse().ok()
    }

    /// Lets a version be tried.
    pub(crate) fn try_out(&self, version: &Version) -> Result<(), HomeError> {
        self.point(EXPERIMENT, version)
    }

    /// Nothing is tried any more.
    pub(crate) fn end_trial(&self) -> Result<(), HomeError> {
        let link = self.0.join(EXPERIMENT);
        match fs::remove_file(&link) {
            Ok(()) => self.synced(&self.0),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(failed("remove", &link)(error)),
        }
    }

    /// From now on this version is started, also after a power cut.
    pub(crate) fn commit(&self, version: &Version) -> Result<(), HomeError> {
        self.point(STABLE, version)
    }

    fn point(&self, name: &str, version: &Version) -> Result<(), HomeError> {
        let link = self.0.join(name);
        let new = self.0.join(format!(".{name}.new"));
        remove(&new)?;
        symlink(Path::new(VERSIONS).join(version.as_str()), &new)
            .map_err(failed("make the link", &new))?;
        fs::rename(&new, &link).map_err(failed("replace the link", &link))?;
        self.synced(&self.0)
    }

    /// Gives what was unpacked its name: whole and on the disk, or not at all.
    pub(crate) fn publish(&self, version: &Version) -> Result<(), HomeError> {
        let (staging, folder) = (self.staging(version), self.folder(version));
        sync_below(&staging)?;
        // Of an attempt before: nothing points at it.
        remove(&folder)?;
        fs::rename(&staging, &folder).map_err(failed("rename", &staging))?;
        self.synced(&self.0.join(VERSIONS))
    }

    /// Removes what an attempt that was cut off has left, and every version but these. What still runs from one goes on.
    pub(crate) fn tidy(&self, keep: &[&Version]) -> Result<(), HomeError> {
        let versions = self.0.join(VERSIONS);
        let found = fs::read_dir(&versions).map_err(failed("list", &versions))?;
        for entry in found.flatten() {
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            let left = name.starts_with('.');
            let version: Option<Version> = name.parse().ok();
            if left || version.is_some_and(|version| !keep.contains(&&version)) {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Removes what attempts have left, and no version.
    pub(crate) fn sweep(&self) -> Result<(), HomeError> {
        let versions = self.0.join(VERSIONS);
        let found = fs::read_dir(&versions).map_err(failed("list", &versions))?;
        for entry in found.flatten() {
            if entry.file_name().to_string_lossy().starts_with('.') {
                remove(&entry.path())?;
            }
        }
        Ok(())
    }

    /// Keeps other updates out while it is held; nothing when there is one already.
    pub(crate) fn lock(&self) -> Result<Option<Flock<File>>, HomeError> {
        lock(&self.0.join(LOCK))
    }

    /// Bytes that are free for us.
    pub(crate) fn room(&self) -> Result<u64, HomeError> {
        let room = statvfs(&self.0).map_err(|errno| failed("look at", &self.0)(errno.into()))?;
        Ok(room.blocks_available().saturating_mul(room.fragment_size()))
    }

    fn synced(&self, folder: &Path) -> Result<(), HomeError> {
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(failed("sync", folder))
    }
}

/// Takes a lock at once or not at all.
pub(crate) fn lock(path: &Path) -> Result<Option<Flock<File>>, HomeError> {
    let file = File::options()
        .write(true)
        .create(true)
        .truncate(false)
        .open(path);
    let file = file.map_err(failed("open", path))?;
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(held) => Ok(Some(held)),
        Err((_, nix::errno::Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, errno)) => Err(failed("lock", path)(errno.into())),
    }
}

fn sync_below(folder: &Path) -> Result<(), HomeError> {
    for entry in fs::read_dir(folder).map_err(failed("list", folder))? {
        let path = entry.map_err(failed("list", folder))?.path();
        if path.is_dir() {
            sync_below(&path)?;
        } else {
            let synced = File::open(&path).and_then(|file| file.sync_all());
            synced.map_err(failed("sync", &path))?;
        }
    }
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(failed("sync", folder))
}

fn remove(path: &Path) -> Result<(), HomeError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn failed(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HomeError {
    let path = path.to_owned();
    move |source| HomeError {
        doing,
        path,
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn home(versions: &[&str]) -> (tempfile::TempDir, Home) {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path().to_owned());
        for name in versions {
            let folder = dir.path().join(VERSIONS).join(name);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join(PROGRAM), name).unwrap();
        }
        (dir, home)
    }

    fn names(home: &Home) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(home.path().join(VERSIONS))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_program_knows_where_it_lies() {
        let home = |path: &str| Home::of_program(Path::new(path)).map(|home| home.0);
        let usual = home("/opt/shanty/versions/0.2.0/shanty-agent");
        assert_eq!(usual, Some(PathBuf::from("/opt/shanty")));
        assert_eq!(home("/usr/bin/shanty-agent"), None);
        assert_eq!(home("/shanty-agent"), None);
    }

    #[test]
    fn links_point_at_one_version_and_then_at_another() {
        let (_dir, home) = home(&["0.1.0", "0.2.0"]);
        let [one, two] = ["0.1.0", "0.2.0"].map(version);
        assert_eq!(home.stable(), None);
        home.commit(&one).unwrap();
        // What an attempt that was cut off has left is in nobody's way.
        symlink("nowhere", home.path().join(".experiment.new")).unwrap();
        home.try_out(&two).unwrap();
        assert_eq!(
            (home.stable(), home.experiment()),
            (Some(one), Some(two.clone()))
        );
        let program = fs::read_to_string(home.path().join("experiment/shanty-agent"));
        assert_eq!(program.unwrap(), "0.2.0");
        home.commit(&two).unwrap();
        home.end_trial().unwrap();
        home.end_trial().unwrap();
        assert_eq!((home.stable(), home.experiment()), (Some(two), None));
    }

    #[test]
    fn what_is_left_goes_and_what_is_kept_stays() {
        let (_dir, home) = home(&["0.1.0", "0.2.0", "0.3.0", ".0.4.0.new", ".cut"]);
        home.sweep().unwrap();
        assert_eq!(names(&home), ["0.1.0", "0.2.0", "0.3.0"]);
        home.tidy(&[&version("0.2.0"), &version("0.3.0")]).unwrap();
        assert_eq!(names(&home), ["0.2.0", "0.3.0"]);
    }

    #[test]
    fn what_was_unpacked_takes_the_place_of_an_attempt_before() {
        let (_dir, home) = home(&["0.2.0", ".0.2.0.new"]);
        let two = version("0.2.0");
        home.publish(&two).unwrap();
        assert_eq!(
            fs::read_to_string(home.program(&two)).unwrap(),
            ".0.2.0.new"
        );
        assert_eq!(names(&home), ["0.2.0"]);
    }

    #[test]
    fn one_update_at_a_time() {
        let (_dir, home) = home(&[]);
        let held = home.lock().unwrap().unwrap();
        assert!(home.lock().unwrap().is_none());
        drop(held);
        assert!(home.lock().unwrap().is_some());
    }
}
