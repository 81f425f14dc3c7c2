//! Others who use the same machine as the sandbox: loopback is theirs too, and the address that was printed is not.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use shanty_tests::{Options, World};

use crate::guard::{JSON, post};
use crate::programs;

#[tokio::test]
async fn who_was_not_given_the_address_runs_nothing() {
    let world = World::with_three(&programs()).await;
    let operator = world.operator();
    let body = operator.command("run", &[("on", "web-01"), ("command", "id")]);
    let (bare, key) = world.web.split_once("k/").unwrap();
    let other = format!("{bare}k/{}/", "0".repeat(key.len() - 1));
    for front in [bare, &other] {
        for action in ["slash", "view", "defaults", "message", "traffic"] {
            let url = format!("{front}sandbox/{action}");
            let (status, said) = post(&url, &[JSON], &body).await;
            assert_eq!(status, 403, "{url}: {said}");
            assert!(!said.contains(key.trim_end_matches('/')), "{said}");
        }
    }
    assert!(world.runs().await.is_empty());
    operator.act("slash", &body).await;
    operator.sees_end("web-01").await;
    // The controller is a bot like any other: nothing that it was given has the key.
    let config = std::fs::read_to_string(world.config_path()).unwrap();
    assert!(!config.contains(key.trim_end_matches('/')));
    world.end().await;
}

/// Whoever starts our programs has the usual umask, and what commands make has it too; what we keep is ours alone.
#[tokio::test]
async fn what_controller_and_agents_keep_is_closed_to_others() {
    let world = World::with_hosts(&programs(), Options::default(), &[("web-01", "")]).await;
    let made = world.dir.path().join("made");
    let command = format!("echo one; echo two > {}", made.display());
    world.detach("web-01", "sleep 300").await;
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", &command])
        .await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "one\n"), "{ran:?}");
    let mode = |path: &Path| std::fs::symlink_metadata(path).unwrap().mode() & 0o7777;
    assert_eq!(mode(&made), 0o644, "commands have the umask of the host");
    let kept = ["controller", "web-01"].map(|name| world.dir.path().join(name));
    let mut left: Vec<PathBuf> = kept.to_vec();
    let mut files = 0;
    while let Some(path) = left.pop() {
        if path.is_symlink() {
            continue; // nobody can change one, and it gives nothing away but a name
        }
        assert_eq!(
            mode(&path) & 0o077,
            0,
            "{:o} {}",
            mode(&path),
            path.display()
        );
        files += 1;
        if path.is_dir() {
            let entries = std::fs::read_dir(&path).unwrap();
            left.extend(entries.map(|entry| entry.unwrap().path()));
        }
    }
    assert!(files > 20, "{files} files");
    let ran = world.shanty(&["runs", "cancel", "--all", "--force"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    world.end().await;
}
