//! The agent as a service of a booted systemd: installed as the archive says, restarted, killed and rebooted while commands run.

use std::path::Path;

use serde_json::Value;
use shanty_tests::{Machine, Options, World};

use crate::programs;

/// What a command does that waits for the test's word and has said something before.
const WAITS: &str = "echo begun; touch /run/lock/begun; until [ -e /run/lock/go ]; do sleep 0.05; done; echo went on; id -un";

/// A machine with the agent's files where packages put them, joined and started.
async fn installed(world: &World, name: &str) -> Option<Machine> {
    let packaging = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging");
    let shown = [
        (programs().agent, "/run/host-agent"),
        (packaging.canonicalize().unwrap(), "/run/host-packaging"),
    ];
    let shown: Vec<_> = shown
        .iter()
        .map(|(from, to)| (from.as_path(), *to))
        .collect();
    let machine = Machine::boot(name, &shown).await?;
    machine
        .sh("install -D /run/host-agent /opt/shanty/versions/0.1.0/shanty-agent
            ln -s versions/0.1.0 /opt/shanty/stable
            ln -s /opt/shanty/stable/shanty-agent /usr/bin/shanty-agent
            install -d /etc/shanty
            install -D -m 644 /run/host-packaging/sysusers-agent.conf /usr/lib/sysusers.d/shanty-agent.conf
            install -m 644 /run/host-packaging/systemd/shanty-agent.service /run/host-packaging/systemd/shanty-executor.service /etc/systemd/system
            systemd-sysusers shanty-agent.conf
            useradd --create-home deploy
            systemctl daemon-reload
            systemctl enable --now shanty-executor shanty-agent")
        .await;
    let skipped = machine
        .sh("systemctl show -p ConditionResult shanty-agent")
        .await;
    assert_eq!(skipped, "ConditionResult=no\n", "nobody has joined yet");

    let token = world.token(&["--name", name]).await;
    let server = world.join_address();
    let mut join = machine.call(&[
        "shanty-agent",
        "join",
        "--server",
        &server,
        "--name",
        name,
        "--run-as",
        "deploy",
        "--link-user",
        "shanty",
    ]);
    let joined = shanty_tests::process::run(join.env("SHANTY_TOKEN", token)).await;
    assert_eq!(joined.code, 0, "{joined:?}");
    machine
        .sh("systemctl start shanty-executor shanty-agent")
        .await;
    world.is_online(name, true).await;
    Some(machine)
}

pub(crate) async fn begin(world: &World, machine: &Machine) -> String {
    machine.sh("rm -f /run/lock/begun /run/lock/go").await;
    let number = world.detach("m-01", WAITS).await;
    machine
        .until("the command to have begun", "[ -e /run/lock/begun ]")
        .await;
    number
}

/// Lets the command go on, and checks that nothing of it is missing.
pub(crate) async fn goes_on(world: &World, machine: &Machine, number: &str) {
    world.is_online("m-01", true).await;
    machine.sh("touch /run/lock/go").await;
    let followed = world.shanty(&["runs", "follow", number]).await;
    assert_eq!(followed.code, 0, "{followed:?}");
    let output = world.shanty(&["runs", "output", number, "--raw"]).await;
    assert_eq!(output.out, "begun\nwent on\ndeploy\n", "{output:?}");
}

pub(crate) async fn property(machine: &Machine, unit: &str, name: &str) -> String {
    machine
        .sh(&format!("systemctl show --value -p {name} {unit}"))
        .await
        .trim()
        .to_owned()
}

#[tokio::test]
async fn commands_outlive_the_services_and_are_lost_with_the_machine() {
    let world = World::start(&programs(), Options::default()).await;
    let Some(mut machine) = installed(&world, "m-01").await else {
        return world.end().await;
    };
    let status = property(&machine, "shanty-agent", "StatusText").await;
    assert_eq!(status, "Works as host m-01.");

    for line in [
        "systemctl restart shanty-agent",
        "systemctl kill --kill-who=main --signal=KILL shanty-agent",
        "systemctl restart shanty-executor",
        "systemctl kill --kill-who=main --signal=KILL shanty-executor",
    ] {
        let unit = line.rsplit(' ').next().unwrap();
        let before = property(&machine, unit, "MainPID").await;
        let number = begin(&world, &machine).await;
        machine.sh(line).await;
        machine
            .until(
                "another process to be the service",
                &format!(
                    "systemctl is-active -q {unit}; p=$(systemctl show --value -p MainPID {unit}); [ $p != 0 ]; [ $p != {before} ]"
                ),
            )
            .await;
        goes_on(&world, &machine, &number).await;
    }

    // Shutting down is telling everybody to stop; a power cut tells nobody anything.
    for (power_cut, told) in [
        (false, "stopped on the host, not by Shanty"),
        (true, "the host restarted"),
    ] {
        let number = begin(&world, &machine).await;
        if power_cut {
            machine.power_cut().await;
        } else {
            machine.reboot().await;
        }
        let run: Value = world.run_ends(&number).await;
        let text = run["executions"][0]["text"].as_str().unwrap_or_default();
        assert!(text.contains(told), "{run:#}");
        world.is_online("m-01", true).await;
    }
    machine.end().await;
    world.end().await;
}
