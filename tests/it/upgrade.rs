//! Another version of the controller takes over the data of the one before: with all that is known, with what runs, and with a way back.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use shanty_tests::process::Process;
use shanty_tests::{Gate, Options, SmallDisk, World, wait};

use crate::programs;

/// Newer than the source ever is.
const NEWER: &str = "99.2.0";
const HERE: &str = env!("CARGO_PKG_VERSION");

fn ops() -> Options {
    Options {
        ops_channel: true,
        ..Options::default()
    }
}

fn data(world: &World) -> PathBuf {
    world.dir.path().join("controller")
}

/// Starts a controller without waiting for anything.
fn launch(world: &World) -> Process {
    let config = world.config_path().display().to_string();
    let call = world.shanty_call(&["serve", "--config", &config]);
    Process::launch("controller", call, world.dir.path().join("controller.log"))
}

/// What the backups of before are called, and those that are not whole.
fn backups(world: &World) -> Vec<String> {
    let entries = fs::read_dir(data(world).join("backups"))
        .into_iter()
        .flatten();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.collect()
}

/// The records that say that another version decides.
async fn changes(world: &World) -> Vec<Value> {
    let ran = world.shanty(&["audit", "export"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let records = ran
        .out
        .lines()
        .map(|line| serde_json::from_str(line).unwrap());
    records
        .filter(|record: &Value| record["kind"] == "version_changed")
        .collect()
}

#[tokio::test]
async fn a_newer_controller_goes_on_with_all_and_the_older_one_comes_back_by_its_backup_only() {
    let mut world = World::with_hosts(&programs(), ops(), &[("web-01", "role=web")]).await;
    let operator = world.operator();
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", "echo before"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let token = world.token(&["--name", "web-02"]).await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let waits = format!(
        "{}; seq 20000; read x <&3; seq 20001 40000",
        gate.open_in_shell()
    );
    let asked = operator.run("web-01", &waits).await;
    world.output_has("2", "20000").await;
    world.take_controller().stop().await;

    world.version = Some(NEWER.to_owned());
    let config = world.config_path().display().to_string();
    let checked = world.shanty(&["check", "--config", &config]).await;
    let told = format!("the data is of Shanty {HERE}: the next start makes a backup in");
    assert!(checked.out.contains(&told), "{checked:?}");
    assert!(backups(&world).is_empty(), "it only looked");
    world.start_controller().await;
    let kept = backups(&world);
    assert!(
        kept.len() == 1 && kept[0].starts_with("before-99.2.0-"),
        "{kept:?}"
    );
    operator
        .sees("which version it is", |message| {
            let text = message.text();
            let is = text.contains(&format!("Shanty is **{NEWER}** now (was {HERE})"));
            is && text.contains(&kept[0])
        })
        .await;

    // What ran goes on, on the host and on its card; what was known is known.
    world.is_online("web-01", true).await;
    gate.say("go");
    operator.card_end(&asked, "exit 0").await;
    let numbers: String = (1..=40_000).map(|n| format!("{n}\n")).collect();
    assert!(world.output("2").await == numbers.as_bytes(), "all of it");
    assert_eq!(world.output("1").await, b"before\n");
    let mut second = world.new_host("web-02");
    let joined = second.join(&world.join_address(), &token).await;
    assert_eq!(joined.code, 0, "the token of before: {joined:?}");
    second.stop().await;
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", "echo since"])
        .await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let records = changes(&world).await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!([&records[0]["was"], &records[0]["version"]], [HERE, NEWER]);
    let verified = world.shanty(&["audit", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    world.take_controller().stop().await;

    // The older one is told how it can come back, and comes back so.
    world.version = None;
    let mut older = launch(&world);
    assert_eq!(older.ended().await, 65);
    let (data, away) = (data(&world), world.dir.path().join("controller.newer"));
    let restore = format!(
        "`shanty restore {} --data-dir {}`",
        away.join("backups").join(&kept[0]).display(),
        data.display()
    );
    let log = older.log();
    for said in [&format!("Install Shanty {NEWER} again"), &restore] {
        assert!(log.contains(said.as_str()), "{said}: {log}");
    }
    fs::rename(&data, &away).unwrap();
    let words: Vec<&str> = restore.trim_matches('`').split(' ').skip(1).collect();
    let restored = world.shanty(&words).await;
    assert_eq!(restored.code, 0, "{restored:?}");
    world.start_controller().await;
    world.is_online("web-01", true).await;
    assert_eq!(world.output("1").await, b"before\n");
    assert_eq!(world.show("2").await["state"], "closed");
    assert_eq!(
        world.runs().await.len(),
        2,
        "what was done since is not known"
    );
    assert!(changes(&world).await.is_empty());
    world.end().await;
}

#[tokio::test]
async fn killed_at_any_moment_it_is_done_once_and_two_at_once_are_one() {
    let mut world = World::with_hosts(&programs(), ops(), &[("web-01", "role=web")]).await;
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", "seq 400000"])
        .await;
    assert_eq!(ran.code, 0);
    world.take_controller().stop().await;
    world.version = Some(NEWER.to_owned());
    let whole = |dir: &Path| {
        let entries = fs::read_dir(dir.join("backups"))
            .into_iter()
            .flatten()
            .flatten();
        entries
            .filter(|entry| entry.path().join("manifest.json").exists())
            .count()
    };
    let is_said = |dir: &Path| {
        let said = fs::read_to_string(dir.join("version.json"));
        said.is_ok_and(|said| said.contains(NEWER))
    };
    type Moment<'a> = (&'a str, &'a dyn Fn(&Path) -> bool);
    let moments: [Moment<'_>; 5] = [
        ("a place for backups", &|dir| dir.join("backups").exists()),
        ("a backup that is coming", &|dir| {
            dir.join("backups")
                .read_dir()
                .is_ok_and(|all| all.count() > 0)
        }),
        ("a manifest", &|dir| whole(dir) > 0),
        ("a manifest, again", &|dir| whole(dir) > 0),
        ("whose it is", &is_said),
    ];
    let dir = data(&world);
    for (what, is) in moments {
        let controller = launch(&world);
        wait::until_true(what, || is(&dir)).await;
        controller.kill().await;
    }
    let (mut one, mut other) = (launch(&world), launch(&world));
    let (left, serves) = tokio::select! {
        code = one.ended() => (code, other),
        code = other.ended() => (code, one),
    };
    assert_eq!(left, 73, "{}", serves.log());
    wait::until("the other to serve", || async {
        let ran = world.shanty(&["hosts"]).await;
        if ran.code == 0 { Ok(()) } else { Err(ran) }
    })
    .await;
    assert!(
        serves.log().contains("another controller uses"),
        "{}",
        serves.log()
    );
    world.is_online("web-01", true).await;
    let records = changes(&world).await;
    assert_eq!(records.len(), 1, "{records:?}");
    assert_eq!([&records[0]["was"], &records[0]["version"]], [HERE, NEWER]);
    let kept = backups(&world);
    assert_eq!((kept.len(), whole(&dir)), (1, 1), "{kept:?}");
    assert!(records[0]["backup"].as_str().unwrap().ends_with(&kept[0]));
    let numbers: String = (1..=400_000).map(|n| format!("{n}\n")).collect();
    assert!(world.output("1").await == numbers.as_bytes(), "all of it");
    let verified = world.shanty(&["audit", "verify"]).await;
    assert_eq!(verified.code, 0, "{verified:?}");
    serves.stop().await;
    world.end().await;
}

#[tokio::test]
async fn without_room_for_the_backup_nothing_is_changed_and_the_older_one_goes_on() {
    let Some(disk) = SmallDisk::mounted(32) else {
        return;
    };
    let mut world = crate::full_disk::on(&disk).await;
    world.take_controller().stop().await;
    let filling = disk.fill();
    world.version = Some(NEWER.to_owned());
    let mut newer = launch(&world);
    assert_eq!(newer.ended().await, 74, "{}", newer.log());
    let log = newer.log();
    let told = format!("for the backup that it makes before it takes over from {HERE}");
    assert!(
        log.contains(&told) && log.contains("Nothing was changed"),
        "{log}"
    );
    world.version = None;
    world.start_controller().await;
    world.is_online("web-01", true).await;
    world.take_controller().stop().await;
    drop(filling);
    world.version = Some(NEWER.to_owned());
    world.start_controller().await;
    world.is_online("web-01", true).await;
    assert_eq!(changes(&world).await.len(), 1);
    world.end().await;
}
