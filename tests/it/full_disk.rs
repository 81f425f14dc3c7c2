//! A disk that is really full, of the controller or of a host. It is named everywhere, nothing is lost, and when there is room it goes on by itself.

use std::fs;
use std::process::Command;

use nix::sys::signal::Signal;
use shanty_tests::{Gate, Options, SmallDisk, World, wait, write_trusted};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::programs;

/// A world whose controller keeps all of its data on this disk.
pub(crate) async fn on(disk: &SmallDisk) -> World {
    let mut world = World::start(&programs(), Options::default()).await;
    world.take_controller().stop().await;
    let before = world.dir.path().join("controller");
    let after = disk.path().join("controller");
    let moved = Command::new("cp")
        .arg("-a")
        .arg(&before)
        .arg(&after)
        .status();
    assert!(moved.unwrap().success());
    fs::remove_dir_all(&before).unwrap();
    let config = fs::read_to_string(world.config_path()).unwrap();
    let path = |path: &std::path::Path| format!("{path:?}");
    write_trusted(
        &world.config_path(),
        &config.replace(&path(&before), &path(&after)),
    );
    world.start_controller().await;
    world.add_host("web-01", "role=web").await;
    world
}

/// What `/readyz` says, with its status.
async fn readyz(world: &World) -> String {
    let address = world.ready["http"].as_str().unwrap().to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

async fn readyz_says(world: &World, what: &[&str]) {
    wait::until(&format!("/readyz with {what:?}"), || async {
        let answer = readyz(world).await;
        let says = what.iter().all(|what| answer.contains(what));
        if says { Ok(()) } else { Err(answer) }
    })
    .await;
}

const FULL: &[&str] = &[" 503 ", "the disk is full"];
const FINE: &[&str] = &[" 200 "];

/// On a full disk nothing new is run, which is said in chat, on the command line, in the log and by `/readyz`; links stay, what stops and holds
/// runs works, and when there is room it goes on by itself.
#[tokio::test]
async fn a_full_disk_of_the_controller_is_named_and_gone_on_from() {
    let Some(disk) = SmallDisk::mounted(32) else {
        return;
    };
    let mut world = on(&disk).await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let waits = format!(
        "{}; echo before; read x <&3; echo after",
        gate.open_in_shell()
    );
    let goes_on = world.detach("web-01", &waits).await;
    world.output_has(&goes_on, "before").await;
    let stopped = world.detach("web-01", "echo begun; exec sleep 1000").await;
    world.output_has(&stopped, "begun").await;

    let filling = disk.fill();
    readyz_says(&world, FULL).await;
    let log = world.dir.path().join("controller.log");
    let log = &|| fs::read_to_string(&log).unwrap();
    let says = |what: &'static str| wait::until_true(what, move || log().contains(what));
    says("the disk of the data directory is full").await;
    let refused = world.shanty(&["run", "--on", "web-01", "--", "true"]).await;
    assert_ne!(refused.code, 0);
    let said = "The controller's disk is full. Nothing was run.";
    assert!(refused.err.contains(said), "{refused:?}");
    let operator = world.operator();
    let refusal = operator
        .refused("run", &[("on", "web-01"), ("command", "true")])
        .await;
    assert!(refusal.contains(said), "{refusal}");
    for args in [
        &["hold", "on", "a full disk"][..],
        &["hold", "off"],
        &["runs", "cancel", &stopped],
        &["runs", "show", &goes_on],
        &["runs", "output", &goes_on],
        &["hosts"],
    ] {
        let ran = world.shanty(args).await;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    world.is_online("web-01", true).await;
    gate.say("go");

    drop(filling);
    readyz_says(&world, FINE).await;
    says("the disk of the data directory has room again").await;
    world.output_has(&goes_on, "after").await;
    let state = |run: &serde_json::Value| run["executions"][0]["state"].as_str().map(str::to_owned);
    assert_eq!(
        state(&world.run_ends(&goes_on).await).as_deref(),
        Some("exited")
    );
    assert_eq!(
        state(&world.run_ends(&stopped).await).as_deref(),
        Some("cancelled")
    );

    // The next one starts on a disk that is full, and says the same.
    let filling = disk.fill();
    readyz_says(&world, FULL).await;
    let controller = world.take_controller();
    controller.signal(Signal::SIGKILL);
    controller.kill().await;
    world.start_controller().await;
    readyz_says(&world, FULL).await;
    world.is_online("web-01", true).await;
    let refused = world.shanty(&["run", "--on", "web-01", "--", "true"]).await;
    assert!(refused.err.contains(said), "{refused:?}");
    drop(filling);
    readyz_says(&world, FINE).await;
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", "echo fine"])
        .await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "fine\n"), "{ran:?}");
    world.end().await;
}

/// Whether the command of a run waits on its host, since what it prints finds no room.
async fn waits(world: &World, number: &str, wanted: bool) {
    wait::until(&format!("#{number} to wait: {wanted}"), || async {
        let shown = world.shanty(&["runs", "show", number]).await;
        let waits = shown.out.contains("commands wait on web-01");
        if waits == wanted { Ok(()) } else { Err(shown) }
    })
    .await;
}

/// On a full disk of a host the command that prints is held and nothing of it is lost; what is ordered anew does not run, and says why; the host
/// keeps its link, also when its agent is killed, and when there is room it goes on by itself.
#[tokio::test]
async fn a_full_disk_of_a_host_is_named_and_gone_on_from() {
    // Too small for the room that an agent keeps for orders on a full disk.
    let Some(disk) = SmallDisk::mounted(32) else {
        return;
    };
    let mut world = World::start(&programs(), Options::default()).await;
    let token = world.token(&["--name", "web-01"]).await;
    let mut host = world.new_host("web-01");
    host.data = disk.path().join("agent");
    let joined = host.join(&world.join_address(), &token).await;
    assert_eq!(joined.code, 0, "{joined:?}");
    host.run("keep").await;
    world.hosts.push(host);
    let mut gate = Gate::new(world.dir.path(), "gate");
    let prints = format!(
        "{}; echo before; read x <&3; seq 1 400000; echo after",
        gate.open_in_shell()
    );
    let held = world.detach("web-01", &prints).await;
    world.output_has(&held, "before").await;

    let filling = disk.fill();
    gate.say("go");
    waits(&world, &held, true).await;
    let ran = world.shanty(&["run", "--on", "web-01", "--", "true"]).await;
    assert_ne!(ran.code, 0);
    let said = format!("{}{}", ran.out, ran.err);
    let full = "is full, and nothing was run: make room there";
    assert!(said.contains(full), "{said}");
    world.run_ends("2").await;
    world.host("web-01").take_agent().kill().await;
    world.is_online("web-01", false).await;
    world.host("web-01").run("keep").await;
    waits(&world, &held, true).await;

    drop(filling);
    let run = world.run_ends(&held).await;
    assert_eq!(run["executions"][0]["exit_code"], 0, "{run}");
    let lines: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    assert!(world.output(&held).await == format!("before\n{lines}after\n").into_bytes());
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", "echo fine"])
        .await;
    assert_eq!((ran.code, ran.out.as_str()), (0, "fine\n"), "{ran:?}");
    world.end().await;
}
