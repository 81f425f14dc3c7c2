//! What docs/COMMANDS.md says of stopping, killing and leaving, on hosts that are meddled with.

use std::path::Path;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use shanty_tests::{Gate, Options, World, left, wait};

use crate::programs;
use crate::systemd_units::NEWER;

const TWO: [(&str, &str); 2] = [("web-01", "role=web"), ("db-01", "role=db")];

async fn world() -> World {
    World::with_hosts(&programs(), Options::default(), &TWO).await
}

fn pid(text: &str) -> Pid {
    Pid::from_raw(text.trim().parse().unwrap())
}

/// A process that is there, and more than a zombie.
fn lives(pid: Pid) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

async fn gone(pid: Pid) {
    wait::until_true(&format!("{pid} to be gone"), || !lives(pid)).await;
}

/// The one shim below a data directory. For a moment its child looks like it, which becomes the command.
async fn shim(data: &Path) -> Pid {
    let one = wait::until("one shim", || async {
        match left::shims(data)[..] {
            [one] => Ok(one),
            ref more => Err(more.to_vec()),
        }
    });
    Pid::from_raw(one.await)
}

async fn text_of(world: &World, number: &str, host: &str) -> String {
    let run = world.show(number).await;
    execution(&run, host)["text"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn execution<'a>(run: &'a Value, host: &str) -> &'a Value {
    let mut executions = run["executions"].as_array().unwrap().iter();
    executions.find(|one| one["host"] == host).unwrap()
}

async fn cancel(world: &World, number: &str, force: &[&str]) {
    let ran = world
        .shanty(&[&["runs", "cancel", number], force].concat())
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
}

/// Holds: Cancel is TERM to all of its processes, as a timeout is; *Kill now* kills them and does not wait.
/// Holds: TERM to the shim, the process that watches the command, stops it: `stopped on the host, not by Shanty`.
/// Holds: A program that keeps what it prints until it ends, as many in C do without a terminal, prints at once below `stdbuf -oL`.
#[tokio::test]
async fn whoever_stops_a_command_is_told_and_how() {
    let mut world = world().await;
    let gentle = world
        .detach("web-01", "echo ready; setsid sleep 1000 & wait")
        .await;
    let deaf = "trap '' TERM; echo ready; while :; do sleep 1000; done";
    let deaf = world.detach("web-01", deaf).await;
    let buffered = world
        .detach("web-01", "(echo a; sleep 1000) | stdbuf -oL tr a b")
        .await;
    let watched = world.detach("db-01", "echo ready; sleep 1000").await;
    for (number, said) in [
        (&gentle, "ready"),
        (&deaf, "ready"),
        (&buffered, "b"),
        (&watched, "ready"),
    ] {
        world.output_has(number, said).await;
    }
    cancel(&world, &gentle, &[]).await;
    cancel(&world, &buffered, &[]).await;
    world.run_ends(&gentle).await;
    assert_eq!(
        text_of(&world, &gentle, "web-01").await,
        "stopped, exit 143"
    );
    world.run_ends(&buffered).await;
    // Ten seconds of grace would be over before a test that waits for them.
    cancel(&world, &deaf, &["--force"]).await;
    world.run_ends(&deaf).await;
    assert_eq!(text_of(&world, &deaf, "web-01").await, "stopped, exit 137");

    let shim = shim(&world.host("db-01").data).await;
    kill(shim, Signal::SIGTERM).unwrap();
    world.run_ends(&watched).await;
    let said = "stopped on the host, not by Shanty, exit 143";
    assert_eq!(text_of(&world, &watched, "db-01").await, said);
    world.end().await;
}

/// Holds: An agent that is killed, stopped or updated ends neither what runs nor what was left: the next one finds what runs, and nothing of its output is missing.
/// Holds: What is left belongs to nobody: nothing that it prints later is seen, and who writes to the command's output gets SIGPIPE, so send the output of a daemon to a file or to `logger`.
/// Holds: `KillMode=process` stops the agent alone, so that neither commands nor what was left by `leave:yes` end with it; any other would end both.
#[tokio::test]
async fn an_agent_that_ends_takes_nothing_along() {
    let mut world = world().await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let mut late = Gate::new(world.dir.path(), "late");
    let lines = format!(
        "{}; echo begun; while read -r line <&3; do echo \"$line\"; done",
        gate.open_in_shell()
    );
    let runs = world.detach("web-01", &lines).await;
    world.output_has(&runs, "begun").await;
    let trace = world.dir.path().join("trace");
    let leaves = format!(
        "{}; (read -r line <&3; echo $line; : >{}) & echo $!; exec sleep 1000 >/dev/null 2>&1 & echo $!",
        late.open_in_shell(),
        trace.display()
    );
    let left = world
        .shanty(&["run", "--on", "web-01", "--leave", "--", &leaves])
        .await;
    assert_eq!(left.code, 0, "{left:?}");
    let pids: Vec<Pid> = left.out.lines().map(pid).collect();
    let [writes, sleeps] = pids[..] else {
        panic!("{left:?}")
    };

    world.host("web-01").take_agent().kill().await;
    gate.say("one");
    world.host("web-01").run("keep").await;
    world.output_has(&runs, "begun\none\n").await;
    // What systemd does with `KillMode=process`: TERM to the agent and to nobody else.
    let mut agent = world.host("web-01").take_agent();
    agent.signal(Signal::SIGTERM);
    assert_eq!(agent.ended().await, 0);
    gate.say("two");
    world.host("web-01").run("keep").await;
    gate.say("three");
    world.output_has(&runs, "begun\none\ntwo\nthree\n").await;
    drop(gate);
    world.run_ends(&runs).await;
    assert_eq!(text_of(&world, &runs, "web-01").await, "exit 0");
    assert!(lives(writes) && lives(sleeps));

    late.say("late");
    gone(writes).await;
    assert!(!trace.exists(), "it was not ended by what it wrote");
    let number = world.runs().await[0]["number"].to_string();
    assert_eq!(world.output(&number).await, left.out.as_bytes());
    kill(sleeps, Signal::SIGKILL).unwrap();
    gone(sleeps).await;
    world.end().await;
}

/// Holds: When the shim is killed the outcome is unknown, and all that the command started is killed, also what cleared its environment and has a session of its own; nothing of another agent on the same machine is.
#[tokio::test]
async fn a_killed_shim_takes_its_own_along_and_no_other_agents() {
    let mut world = world().await;
    let command = "env -i setsid sleep 1000 & echo $SHANTY_HOST $!; wait";
    let number = world.detach("all", command).await;
    let mut pids = Vec::new();
    for host in ["web-01", "db-01"] {
        world.output_has(&number, host).await;
        let output = String::from_utf8(world.output(&number).await).unwrap();
        let line = output
            .lines()
            .find_map(|line| line.split_once(&format!("{host} ")));
        pids.push(pid(line.unwrap().1));
    }
    let shim = shim(&world.host("web-01").data).await;
    kill(shim, Signal::SIGKILL).unwrap();
    let lost = |run: &Value| execution(run, "web-01")["state"] == "lost";
    let run = world.run_is(&number, "to be lost on web-01", lost).await;
    let text = execution(&run, "web-01")["text"].as_str().unwrap();
    assert_eq!(text, "outcome unknown: the host lost track of it");
    assert!(!lives(pids[0]), "it lives on");
    assert!(lives(pids[1]), "it was another agent's");
    assert_eq!(execution(&run, "db-01")["state"], "running");
    cancel(&world, &number, &["--force"]).await;
    world.run_ends(&number).await;
    gone(pids[1]).await;
    world.end().await;
}

/// Holds: None of `NoNewPrivileges`, `ProtectSystem`, `ProtectHome`, `PrivateTmp`, `CapabilityBoundingSet`, `SystemCallFilter` and the like: commands would inherit them.
/// Holds: 77 (the host was removed) and 78 (something is not set up) are for a person: systemd does not start it again.
#[test]
fn the_unit_is_one_that_systemd_takes_and_says_what_is_said_of_it() {
    let doc = include_str!("../../docs/COMMANDS.md");
    let unit = doc.split("```ini\n").nth(1).unwrap();
    let unit = unit.split("```").next().unwrap();
    let mut keys: Vec<(&str, &str)> = unit
        .lines()
        .filter_map(|line| line.split_once('='))
        .collect();
    for needed in [
        ("KillMode", "process"),
        ("OOMPolicy", "continue"),
        ("Delegate", "yes"),
        ("DelegateSubgroup", "agent"),
        ("RestartPreventExitStatus", "77 78"),
        ("Restart", "always"),
        ("StartLimitIntervalSec", "0"),
    ] {
        let at = keys.iter().position(|key| *key == needed);
        keys.remove(at.unwrap_or_else(|| panic!("{needed:?} is not there")));
    }
    // Whatever else stands there, commands inherit none of it.
    let harmless = [
        "Description",
        "Wants",
        "After",
        "ExecStart",
        "RestartSec",
        "WantedBy",
    ];
    keys.retain(|(key, _)| !harmless.contains(key));
    assert_eq!(keys, []);

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shanty-agent.service");
    let agent = programs().agent;
    let there = unit.replace("/usr/local/bin/shanty-agent", &agent.to_string_lossy());
    assert_ne!(there, unit);
    std::fs::write(&path, there).unwrap();
    let mut call = std::process::Command::new("systemd-analyze");
    match call.args(["verify", "--man=no"]).arg(&path).output() {
        Ok(verified) => {
            let said = String::from_utf8_lossy(&verified.stderr);
            let mut own = said
                .lines()
                .filter(|line| line.contains("shanty-agent.service"));
            let wrong = own.find(|line| !line.contains(NEWER));
            assert!(verified.status.success() && wrong.is_none(), "{said}");
        }
        Err(error) => println!("SKIPPED: systemd-analyze cannot be run: {error}"),
    }
}
