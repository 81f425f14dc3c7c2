//! What a command may use as a whole, where the host offers control groups: tried with real ones.

#![expect(
    clippy::print_stdout,
    reason = "what is skipped must be seen in the test output"
)]

use std::fs;
use std::path::PathBuf;

use nix::unistd::geteuid;
use shanty_core::ids::RunId;
use shanty_core::spool::{Cause, How, OomKill};

use crate::world::{AGENT, World, commands, order, wait};

const MEMORY: u64 = 64 << 20;

/// The groups of a run, wherever this host has some.
fn groups(run: RunId) -> Vec<PathBuf> {
    let name = format!("shanty-{run}-{AGENT}");
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            if entry.file_name().to_str() == Some(&name) {
                found.push(entry.path());
            } else if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(entry.path());
            }
        }
    }
    found
}

/// A world whose commands are limited; nothing where no group can be made.
async fn limited() -> Option<World> {
    let world = World::with(|config| {
        config.surroundings.max_memory = Some(MEMORY);
        config.surroundings.max_processes = Some(20);
    })
    .await;
    let run = world
        .start(&order("read line < /dev/zero; sleep 1000"))
        .await;
    let begun = || commands(&run.to_string()).is_empty();
    wait(|| begun().then(|| "it does not begin".to_owned()));
    let offered = groups(run).len();
    world.handle.cancel(run, true).await;
    world.ended(run).await;
    if offered > 0 {
        return Some(world);
    }
    let ci = std::env::var_os("CI").is_some_and(|ci| ci == "true");
    assert!(!(ci && geteuid().is_root()), "no control group can be made");
    println!("SKIPPED: no control group can be made here");
    None
}

/// Holds: Who needs more memory than `max_memory` allows is killed, and the card says that and the limit.
#[tokio::test]
async fn who_needs_too_much_memory_is_killed_for_that() {
    let Some(world) = limited().await else { return };
    let ended = world
        .run(&order("exec dd if=/dev/zero of=/dev/null bs=300M count=1"))
        .await;
    assert_eq!(ended.end(), (How::Signal(9), Cause::Command, 0));
    let limit_bytes = Some(MEMORY);
    assert_eq!(ended.exit.oom_kill, Some(OomKill::Group { limit_bytes }));
    // What has enough is not disturbed, and counts for itself.
    let ended = world
        .run(&order(
            "dd if=/dev/zero of=/dev/null bs=3M count=1 2>/dev/null; echo fine",
        ))
        .await;
    assert_eq!(
        (ended.text().as_str(), ended.exit.oom_kill),
        ("fine\n", None)
    );
}

/// Holds: Where the host offers control groups `max_processes` holds each command, also as root.
#[tokio::test]
async fn who_wants_too_many_processes_gets_no_more() {
    let Some(world) = limited().await else { return };
    let many = "i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i+1)); done; echo all";
    let order = order(many);
    let run = world.start(&order).await;
    let ended = world.ended(run).await;
    assert_eq!(ended.out, b"", "{}", ended.err_text());
    assert!(matches!(ended.exit.how, How::Code(code) if code != 0));
    assert!(commands(&run.to_string()).is_empty());
    assert_eq!(groups(run), Vec::<PathBuf>::new(), "nothing is left of it");
}

#[tokio::test]
async fn the_group_of_what_was_lost_ends_with_it() {
    let Some(mut world) = limited().await else {
        return;
    };
    let run = world.start(&order("echo ready; sleep 1000")).await;
    world.wrote(run, "ready\n").await;
    let members: Vec<String> = groups(run)
        .iter()
        .map(|group| fs::read_to_string(group.join("cgroup.procs")).unwrap())
        .collect();
    for pid in commands(&run.to_string()) {
        let listed = |text: &String| text.lines().any(|line| line == pid.to_string());
        assert!(members.iter().all(listed), "{pid} of {members:?}");
    }
    let shim = world.shim(run);
    world.stop().await;
    nix::sys::signal::kill(shim, nix::sys::signal::Signal::SIGKILL).unwrap();
    world.open().await;
    world.ended(run).await;
    assert!(commands(&run.to_string()).is_empty());
    assert_eq!(groups(run), Vec::<PathBuf>::new());
}
