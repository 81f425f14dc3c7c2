//! A disk that is full.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::process::Command;

use shanty_core::spool::{Cause, How};
use tempfile::TempDir;

use crate::world::{World, order};

/// A few megabytes in memory.
pub(crate) struct SmallDisk(pub(crate) TempDir);

impl SmallDisk {
    /// Nothing where this user may mount none.
    pub(crate) fn mounted(megabytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={megabytes}m");
        let words = ["mount", "-t", "tmpfs", "-o", &size, "shanty-test"];
        mount(&words, &folder).then(|| Self(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let unmounted = mount(&["umount", "--lazy"], &self.0);
        assert!(unmounted || std::thread::panicking(), "it stays mounted");
    }
}

fn mount(words: &[&str], folder: &TempDir) -> bool {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).arg(folder.path());
    command.status().is_ok_and(|status| status.success())
}

/// Holds: On a full disk a command that makes room still runs.
#[tokio::test]
async fn on_a_full_disk_the_command_that_makes_room_still_runs() {
    // The agent takes nothing of a disk that has little left: this one has enough at first.
    let Some(disk) = SmallDisk::mounted(72) else {
        println!("SKIPPED: no small disk can be mounted here");
        return;
    };
    let data_dir = disk.0.path().join("data");
    let world = World::with(|config| config.data_dir = data_dir).await;
    let fills = disk.0.path().join("fills");
    let mut file = File::create(&fills).unwrap();
    let full = io::copy(&mut io::repeat(7), &mut file).unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    let full = fs::write(disk.0.path().join("more"), "x").unwrap_err();
    assert_eq!(full.kind(), ErrorKind::StorageFull);
    let command = format!("rm {}; echo there is room", fills.display());
    let ended = world.run(&order(&command)).await;
    assert_eq!(ended.text(), "there is room\n");
    assert_eq!(ended.end(), (How::Code(0), Cause::Command, 0));
}
