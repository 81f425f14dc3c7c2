//! Updates of a host without systemd: a version takes over or the one before comes back, whatever is wrong and whoever is killed, and what
//! runs goes on.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::{Value, json};
use shanty_tests::release::{Keys, Supervised};
use shanty_tests::{Options, World, left, process, wait};
use tokio::process::Child;

use crate::programs;

const AS_IT_IS: fn(&mut Value) = |_| {};

/// A command that begins, and ends when it is let.
struct Long {
    child: Child,
    gate: PathBuf,
}

impl Long {
    async fn begin(world: &World, host: &str) -> Self {
        let gate = world.dir.path().join(format!("gate-{host}"));
        let begun = gate.with_extension("begun");
        let command = format!(
            "echo first; touch {}; n=0; until [ -e {} ]; do n=$((n+1)); echo $n; sleep 0.2; done; echo last $n",
            begun.display(),
            gate.display()
        );
        let mut call = world.shanty_call(&["run", "--on", host, "--", &command]);
        call.stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = call.spawn().unwrap();
        wait::until_true("the command to begin", || begun.exists()).await;
        Self { child, gate }
    }

    /// Lets it end: all that it printed has come, once.
    async fn end(self) {
        std::fs::write(&self.gate, "").unwrap();
        let ended = tokio::time::timeout(wait::BOUND, self.child.wait_with_output()).await;
        let output = ended.expect("it ends").unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{printed}");
        let words: Vec<&str> = printed.split_whitespace().collect();
        let numbers: Vec<u32> = words.iter().filter_map(|word| word.parse().ok()).collect();
        let (last, counted) = numbers.split_last().unwrap();
        let expected: Vec<u32> = (1..=*last).collect();
        assert_eq!(counted, expected, "{printed}");
        assert!(printed.contains("first"), "{printed}");
    }
}

async fn start() -> Option<(World, Keys)> {
    let keys = Keys::make()?;
    Some((World::start(&programs(), Options::default()).await, keys))
}

#[tokio::test]
async fn a_version_takes_over_while_a_command_runs() {
    let Some((world, keys)) = start().await else {
        return;
    };
    let mut host = Supervised::start(&world, &keys, "web-01", "0.1.0", "60s").await;
    keys.offer(&world, "0.2.0", AS_IT_IS);
    let long = Long::begin(&world, "web-01").await;
    let looked = host.update(&["0.2.0", "--check"]).await;
    assert!(
        looked.code == 0 && looked.out.contains("0.2.0 can be taken"),
        "{looked:?}"
    );
    assert_eq!(
        (host.versions(), host.record()),
        (vec!["0.1.0".to_owned()], Value::Null)
    );

    let updated = host.update(&["0.2.0"]).await;
    assert_eq!(updated.code, 0, "{updated:?}");
    let lines: Vec<&str> = updated.out.lines().collect();
    assert_eq!(lines[0], "Update from 0.1.0 to 0.2.0.");
    assert_eq!(lines[1], "It is signed with the release key release.");
    assert_eq!(lines.last().unwrap(), &"0.2.0 is in use.");
    host.is(&world, "0.2.0").await;
    assert_eq!(
        (host.link("stable").as_deref(), host.link("experiment")),
        (Some("0.2.0"), None)
    );
    assert_eq!(host.record()["outcome"], "in_use", "{}", host.record());
    long.end().await;
    let again = host.update(&["0.2.0"]).await;
    assert_eq!(
        (again.code, again.out.as_str()),
        (0, "0.2.0 is in use already.\n")
    );

    // Back to an older one: its release and who asks have to say so.
    keys.offer(&world, "0.1.0", AS_IT_IS);
    let refused = host.update(&["0.1.0", "--older"]).await;
    assert!(
        refused.code == 77 && refused.err.contains("does not let anybody go back"),
        "{refused:?}"
    );
    keys.offer(&world, "0.1.0", |manifest| {
        manifest["older_ok"] = json!(true)
    });
    let unsaid = host.update(&["0.1.0"]).await;
    assert!(
        unsaid.code == 77 && unsaid.err.contains("say `--older`"),
        "{unsaid:?}"
    );
    let back = host.update(&["0.1.0", "--older"]).await;
    assert_eq!(back.code, 0, "{back:?}");
    host.is(&world, "0.1.0").await;
    assert_eq!(host.versions(), ["0.1.0", "0.2.0"]);
    host.stop().await;
    world.end().await;
}

#[tokio::test]
async fn a_version_that_does_not_work_is_replaced_by_the_one_before() {
    let Some((world, keys)) = start().await else {
        return;
    };
    let mut host = Supervised::start(&world, &keys, "web-01", "0.1.0", "4s").await;
    let long = Long::begin(&world, "web-01").await;
    for (said, expected) in [
        ("0.2.0 crash", "0.2.0 ended with status 1: 0.1.0 is back"),
        (
            "0.3.0 hang",
            "0.3.0 did not connect within 4 s: 0.1.0 is back",
        ),
        ("0.4.0 deaf", "cannot connect to 127.0.0.1:1"),
    ] {
        let version = said.split(' ').next().unwrap();
        keys.offer(&world, said, AS_IT_IS);
        let failed = host.update(&[version]).await;
        assert!(
            failed.code == 1 && failed.err.contains(expected),
            "{failed:?}"
        );
        assert!(
            failed.err.trim_end().ends_with(": 0.1.0 is back"),
            "{failed:?}"
        );
        host.is(&world, "0.1.0").await;
        let record = host.record();
        assert_eq!(
            (&record["outcome"], &record["version"]),
            (&json!("came_back"), &json!(version))
        );
        assert_eq!(
            (host.link("stable").as_deref(), host.link("experiment")),
            (Some("0.1.0"), None)
        );
    }
    // Of itself it is not tried again.
    let refused = host.update(&["0.4.0"]).await;
    assert!(
        refused.code == 77 && refused.err.contains("0.4.0 was tried at "),
        "{refused:?}"
    );
    assert!(refused.err.contains("--to 0.4.0 --again"), "{refused:?}");
    let again = host.update(&["0.4.0", "--again"]).await;
    assert_eq!(again.code, 1, "{again:?}");
    host.is(&world, "0.1.0").await;
    long.end().await;
    host.stop().await;
    world.end().await;
}

#[tokio::test]
async fn whoever_is_killed_in_the_middle_an_agent_works_afterwards() {
    let Some((world, keys)) = start().await else {
        return;
    };
    let mut host = Supervised::start(&world, &keys, "web-01", "0.1.0", "8s").await;
    let long = Long::begin(&world, "web-01").await;
    let tried = |host: &Supervised, version: &str| {
        let program = host
            .home
            .join("versions")
            .join(version)
            .join("shanty-agent");
        let program = program.to_string_lossy().into_owned();
        let runs = left::with_argument(&program);
        runs.iter().any(|process| process.contains("--experiment"))
    };

    // Who waits for the outcome.
    keys.offer(&world, "0.2.0 hang", AS_IT_IS);
    let mut updater = host
        .update_call(&["0.2.0"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait::until_true("0.2.0 to be tried", || tried(&host, "0.2.0")).await;
    let second = host.update(&["0.2.0"]).await;
    assert!(
        second.code == 75 && second.err.contains("another update"),
        "{second:?}"
    );
    updater.kill().await.unwrap();
    wait::until_true("0.1.0 to come back", || {
        host.record()["outcome"] == "came_back"
    })
    .await;
    host.is(&world, "0.1.0").await;

    // Who keeps the agent.
    keys.offer(&world, "0.3.0 hang", AS_IT_IS);
    let mut updater = host
        .update_call(&["0.3.0"])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait::until_true("0.3.0 to be tried", || tried(&host, "0.3.0")).await;
    host.take_parent().kill().await;
    let ended = tokio::time::timeout(wait::BOUND, updater.wait()).await;
    assert_eq!(ended.unwrap().unwrap().code(), Some(1));
    host.supervise().await;
    host.is(&world, "0.1.0").await;
    assert!(!tried(&host, "0.3.0"), "it goes with who tried it");
    let record = host.record();
    assert_eq!(
        (&record["version"], &record["outcome"]),
        (&json!("0.3.0"), &json!("came_back"))
    );

    // The agent itself.
    let program = host.home.join("versions/0.1.0/shanty-agent run");
    let agents = left::with_argument(&program.to_string_lossy().replace(' ', "\0"));
    let pid: i32 = agents[0].split(':').next().unwrap().parse().unwrap();
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(pid),
        nix::sys::signal::Signal::SIGKILL,
    )
    .unwrap();
    wait::until_true("another agent", || {
        let now = left::with_argument(&program.to_string_lossy().replace(' ', "\0"));
        now.first().is_some_and(|now| *now != agents[0])
    })
    .await;
    host.is(&world, "0.1.0").await;

    // And then it works.
    keys.offer(&world, "0.4.0", AS_IT_IS);
    long.end().await;
    host.stop().await;
    world.end().await;
}

#[tokio::test]
async fn what_is_no_release_changes_nothing() {
    let Some((world, keys)) = start().await else {
        return;
    };
    let mut host = Supervised::start(&world, &keys, "web-01", "0.1.0", "60s").await;
    let manifest = world.artifacts().join("manifest.json");
    let signature = world.artifacts().join("manifest.json.sig");
    let refused = async |code: i32, expected: &str| {
        let ran = host.update(&["0.2.0"]).await;
        assert!(
            ran.code == code && ran.err.contains(expected),
            "{expected}: {ran:?}"
        );
        let stable = host.link("stable");
        assert_eq!(
            (stable.as_deref(), host.link("experiment")),
            (Some("0.1.0"), None)
        );
        assert_eq!(host.versions(), ["0.1.0"], "{expected}");
    };
    keys.offer(&world, "0.2.0", AS_IT_IS);
    keys.sign(&manifest, "other");
    refused(77, "which is no root here").await;
    keys.sign(&manifest, "release");
    let text = std::fs::read_to_string(&manifest).unwrap();
    std::fs::write(&manifest, text.replace("2.17", "2.18")).unwrap();
    refused(77, "it was changed since").await;
    std::fs::remove_file(&signature).unwrap();
    refused(75, "is not signed").await;
    keys.offer(&world, "0.2.0", |manifest| {
        manifest["not_after"] = json!(1_000_000_000)
    });
    refused(77, "counted until 2001-09-09 01:46 UTC").await;
    keys.offer(&world, "0.2.0", |manifest| {
        manifest["min_from"] = json!("0.1.5")
    });
    refused(77, "update to 0.1.5 first").await;
    keys.offer(&world, "0.2.0", |manifest| {
        manifest["files"][0]["glibc"] = json!("9.9")
    });
    refused(77, "0.2.0 needs glibc 9.9").await;
    keys.offer(&world, "0.2.0", |manifest| {
        manifest["files"][0]["arch"] = json!("riscv64")
    });
    refused(77, "no archive of 0.2.0 is offered").await;
    keys.offer(&world, "0.3.0", AS_IT_IS);
    refused(77, "the controller offers 0.3.0").await;
    // Signed, and not what it says.
    keys.offer(&world, "0.2.0", |manifest| {
        manifest["files"][0]["sha256"] = json!("ab".repeat(32))
    });
    refused(77, "is not the file that its manifest means").await;
    let folder = world.dir.path().join("odd");
    keys.put(&world, "0.2.1", &folder);
    keys.offer_folder(&world, "0.2.0", &folder, AS_IT_IS);
    refused(
        1,
        "it does not run here as `shanty-agent 0.2.0`: shanty-agent 0.2.1",
    )
    .await;
    std::os::unix::fs::symlink("/etc", folder.join("etc")).unwrap();
    keys.offer_folder(&world, "0.2.0", &folder, AS_IT_IS);
    refused(1, "`./etc` in it is neither a file nor a folder").await;
    // A host's own word stands above what came with its program.
    keys.offer(&world, "0.2.0", AS_IT_IS);
    let own = world.dir.path().join("own-roots");
    std::fs::write(&own, keys.roots().replace("shanty-agents,", "")).unwrap();
    let ran = host
        .update(&["0.2.0", "--roots", own.to_str().unwrap()])
        .await;
    assert!(
        ran.code == 77 && ran.err.contains("may not do so for `shanty-agents`"),
        "{ran:?}"
    );
    std::fs::remove_file(host.home.join("versions/0.1.0/release-roots")).unwrap();
    refused(78, "knows no root of releases").await;
    host.is(&world, "0.1.0").await;
    host.stop().await;
    world.end().await;
}

/// What was built and is not installed replaces nothing.
#[tokio::test]
async fn a_program_that_is_not_one_of_several_versions_says_so() {
    let call = process::call(&programs().agent, &["update", "--to", "0.2.0"]);
    let ran = process::run(&mut { call }).await;
    assert!(
        ran.code == 78 && ran.err.contains("folder of versions"),
        "{ran:?}"
    );
    assert!(!Path::new("/opt/shanty/update.lock").exists());
}
