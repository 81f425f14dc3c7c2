//! The agent in two processes: what the link cannot do, and that nothing is lost when either of them is killed.

use std::os::unix::fs::MetadataExt as _;

use nix::sys::signal::Signal;
use nix::unistd::geteuid;
use serde_json::Value;
use shanty_tests::host::own_user;
use shanty_tests::split::SplitHost;
use shanty_tests::{Gate, Options, World, wait};

use crate::programs;

/// Lines to 1,000, the gate, lines to 2,000, the gate, lines to 3,000.
fn slow(gate: &Gate) -> String {
    format!(
        "{}; seq 1 1000; read x <&3; seq 1001 2000; read x <&3; seq 2001 3000",
        gate.open_in_shell()
    )
}

async fn refusal(world: &World, number: &str) -> String {
    let run = world.run_ends(number).await;
    let execution = &run["executions"][0];
    assert_eq!(execution["state"], "refused", "{run}");
    execution.to_string()
}

#[tokio::test]
async fn commands_run_and_survive_the_death_of_either_half() {
    let world = World::start(&programs(), Options::default()).await;
    let mut host = SplitHost::start(&world, "web-01").await;
    let ran = world
        .shanty(&["run", "--on", "web-01", "--", "echo out; exit 3"])
        .await;
    assert!(ran.code == 3 && ran.out.contains("out"), "{ran:?}");
    let run = world.shanty(&["runs", "show", "1", "--json"]).await.json();
    assert_eq!(run["executions"][0]["user"], own_user(), "{run}");
    assert_eq!(run["users"], serde_json::json!([own_user()]), "{run}");
    let shown = world.shanty(&["runs", "show", "1"]).await.out;
    let who = format!(" · as {} · ", own_user());
    assert!(shown.contains(&who), "{shown}");

    let mut gate = Gate::new(world.dir.path(), "gate");
    let number = world.detach("web-01", &slow(&gate)).await;
    world.output_has(&number, "\n1000\n").await;
    host.take_link().kill().await;
    world.is_online("web-01", false).await;
    gate.say("on");
    host.start_link().await;
    world.output_has(&number, "\n2000\n").await;
    // The link ends its connection to the controller, and comes back when the executor is there again.
    host.take_executor().kill().await;
    world.is_online("web-01", false).await;
    gate.say("on");
    let mut config = std::fs::read_to_string(host.config()).unwrap();
    config.push_str("[command]\nmax_processes = 4000\n");
    std::fs::write(host.config(), config).unwrap();
    host.start_executor().await;
    let run = world.run_ends(&number).await;
    assert_eq!(run["executions"][0]["exit_code"], 0, "{run}");
    let lines: String = (1..=3_000).map(|n| format!("{n}\n")).collect();
    assert!(world.output(&number).await == lines.into_bytes());

    world.is_online("web-01", true).await;
    // The link cannot know what only the executor may try.
    wait::until("the limit of each command to be told", || async {
        let ran = world.shanty(&["hosts", "web-01", "--json"]).await;
        let told: Value = serde_json::from_str(&ran.out).unwrap_or_default();
        let limits = told["facts"]["limits"].as_str().unwrap_or_default();
        let is_told = limits.starts_with("processes at most 4,000");
        if is_told { Ok(()) } else { Err(ran) }
    })
    .await;
    let shown = world.shanty(&["hosts", "show", "web-01"]).await.out;
    assert!(shown.contains("processes at most 4,000"), "{shown}");
    let found = host.doctor().await;
    assert!(found["healthy"] == true, "{found:#}");
    let long = world.detach("web-01", "echo begun; sleep 1000").await;
    world.output_has(&long, "begun").await;
    let cancelled = world.shanty(&["runs", "cancel", &long]).await;
    assert_eq!(cancelled.code, 0, "{cancelled:?}");
    world.run_ends(&long).await;
    host.stop().await;
    world.end().await;
}

#[tokio::test]
async fn what_the_owner_of_a_host_forbids_does_not_run_whoever_asks() {
    let world = World::start(&programs(), Options::default()).await;
    let host = SplitHost::start(&world, "web-01").await;
    let made = world.dir.path().join("made");
    let mode = |wanted: &'static str| {
        let world = &world;
        async move {
            wait::until("the mode to be told", || async {
                let ran = world.shanty(&["hosts", "web-01", "--json"]).await;
                let host: Value = serde_json::from_str(&ran.out).unwrap_or_default();
                if host["facts"]["policy_mode"] == wanted {
                    Ok(())
                } else {
                    Err(ran)
                }
            })
            .await;
        }
    };
    mode("shell").await;
    host.write_policy("mode = \"off\"");
    host.executor().signal(Signal::SIGHUP);
    mode("off").await;
    let number = world
        .detach("web-01", &format!("echo > {}", made.display()))
        .await;
    let said = refusal(&world, &number).await;
    assert!(
        said.contains("host.toml") && said.contains("nothing runs on this host"),
        "{said}"
    );
    let shown = world.shanty(&["hosts", "show", "web-01"]).await.out;
    assert!(shown.contains("mode off"), "{shown}");

    // A broken one gives nothing back.
    host.write_policy("mode = \"shell");
    host.executor().signal(Signal::SIGHUP);
    wait::until_true("the error to be logged", || {
        host.executor().log().contains("stays as it was")
    })
    .await;
    let number = world
        .detach("web-01", &format!("echo > {}", made.display()))
        .await;
    refusal(&world, &number).await;
    assert!(!made.exists());

    host.write_policy("[limits]\nmax_timeout = \"20m\"\noutput_max = \"1k\"\n");
    host.executor().signal(Signal::SIGHUP);
    mode("shell").await;
    let args = ["run", "--on", "web-01", "--timeout", "30m", "--", "true"];
    let ran = world.shanty(&args).await;
    assert!(
        ran.code != 0 && (ran.err.contains("20m at most") || ran.out.contains("20m at most")),
        "{ran:?}"
    );
    let number = world.detach("web-01", "seq 100000").await;
    world.run_ends(&number).await;
    // The first bytes, and a ring of the last.
    let kept = world.output(&number).await.len();
    assert!((1_000..400_000).contains(&kept), "{kept}");
    host.stop().await;
    world.end().await;
}

#[tokio::test]
async fn the_link_is_another_user_who_reads_nothing_of_the_executor() {
    if !geteuid().is_root() {
        eprintln!("SKIPPED: only root can run the link as another user");
        assert!(std::env::var_os("CI").is_none(), "CI runs this as root");
        return;
    }
    let world = World::start(&programs(), Options::default()).await;
    let mut host = SplitHost::start(&world, "web-01").await;
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let owner = |path: &std::path::Path| {
        let meta = std::fs::metadata(path).unwrap();
        (meta.uid(), meta.mode() & 0o777)
    };
    assert_eq!(owner(&host.executor_dir()), (0, 0o700));
    assert_eq!(owner(&host.executor_dir().join("orders.pub")), (0, 0o600));
    assert_eq!(owner(&host.config()), (0, 0o640));
    assert_eq!(owner(&host.data()), (nobody.uid.as_raw(), 0o700));
    assert_eq!(owner(&host.socket()), (nobody.uid.as_raw(), 0o600));
    let as_nobody = |shell: String| {
        let mut command = tokio::process::Command::new("/bin/sh");
        command
            .args(["-c", &shell])
            .uid(nobody.uid.as_raw())
            .gid(nobody.gid.as_raw());
        async move { command.status().await.unwrap().success() }
    };
    let (keys, config) = (host.executor_dir().join("orders.pub"), host.config());
    assert!(as_nobody(format!("cat {} > /dev/null", config.display())).await);
    for forbidden in [
        format!("cat {}", keys.display()),
        format!("ls {}", host.executor_dir().display()),
        format!("echo >> {}", config.display()),
        format!("rm {}", config.display()),
        format!(
            "mv {} {}.x",
            host.socket().display(),
            host.socket().display()
        ),
    ] {
        assert!(
            !as_nobody(format!("{forbidden} 2> /dev/null")).await,
            "{forbidden}"
        );
    }
    // The user of the link is whom the configuration names, and nobody else, whatever the modes of the socket are.
    host.take_link().stop().await;
    host.take_executor().stop().await;
    let text = std::fs::read_to_string(host.config()).unwrap();
    let games = text.replace("link_user = \"nobody\"", "link_user = \"games\"");
    assert_ne!(text, games);
    std::fs::write(host.config(), games).unwrap();
    host.start_executor().await;
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(host.socket(), open).unwrap();
    let stranger = host.launch_link();
    wait::until_true("the stranger to be turned away", || {
        host.executor()
            .log()
            .contains("is not the link's and was turned away")
    })
    .await;
    world.is_online("web-01", false).await;
    stranger.stop().await;
    host.stop().await;
    world.end().await;
}
