//! A small disk of its own, to be filled.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Some megabytes of memory as a file system. It is gone when this is dropped, whoever still uses it.
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// Mounts one; nothing where this user may mount none, which is said. Root on a machine that checks changes may.
    ///
    /// # Panics
    /// When it cannot be mounted there.
    #[must_use]
    #[expect(
        clippy::print_stdout,
        reason = "what is skipped must be seen in the test output"
    )]
    pub fn mounted(megabytes: u32) -> Option<Self> {
        let folder = TempDir::with_prefix("shanty-disk-").expect("a directory can be made");
        let size = format!("size={megabytes}m");
        let words = ["mount", "-t", "tmpfs", "-o", &size, "shanty-test"];
        if run(&words, folder.path()) {
            return Some(Self { folder });
        }
        let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
        let must = ci && nix::unistd::geteuid().is_root();
        assert!(!must, "no small disk can be mounted");
        println!("SKIPPED: no small disk can be mounted here");
        None
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Takes all that is left, and gives it back when the answer is dropped.
    ///
    /// # Panics
    /// When it does not get full.
    pub fn fill(&self) -> Filling {
        let path = self.path().join("filling");
        let mut file = File::create(&path).expect("a file can be made");
        let full = io::copy(&mut io::repeat(7), &mut file).expect_err("it ends");
        assert_eq!(full.kind(), io::ErrorKind::StorageFull);
        Filling(path)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = run(&["umount", "--lazy"], self.folder.path());
        assert!(unmounted || std::thread::panicking(), "it stays mounted");
    }
}

/// What takes all the room of a disk.
#[must_use]
pub struct Filling(PathBuf);

impl Drop for Filling {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).ok(); // The disk is gone.
    }
}

fn run(words: &[&str], folder: &Path) -> bool {
    let mut words = words.iter();
    let mut command = Command::new(words.next().expect("invariant: there is a program"));
    command.args(words).arg(folder);
    command.status().is_ok_and(|status| status.success())
}
