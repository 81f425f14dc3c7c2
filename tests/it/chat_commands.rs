//! What a command finds on its host and leaves there, as people in the channel and on the command line are told.

use std::fs::OpenOptions;
use std::io::Write as _;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use shanty_tests::{Grant, Options, Person, World, left, wait};

use crate::programs;

const WEB: (&str, &str) = ("web-01", "env=prod,role=web");

/// A daemon as people start one: it reads and prints nothing, and stays.
const DAEMON: &str = "nohup sleep 1000 >/dev/null 2>&1 </dev/null & echo started";

async fn run_and_leave(person: &Person, command: &str) -> String {
    let mut body = person.command("run", &[("on", "web-01"), ("command", command)]);
    let options = body["options"].as_array_mut().unwrap();
    options.push(json!({"name": "leave", "type": 5, "value": true}));
    let (status, answer) = person.act("slash", &body).await;
    assert_eq!(status, 200, "{answer}");
    answer["interaction_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_is_left_behind_is_stopped_and_said_everywhere() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let asked = operator.run("web-01", DAEMON).await;
    let said = "1 process left behind was stopped";
    let card = operator.card_end(&asked, said).await.text();
    assert!(
        card.starts_with(&format!("### ⚠ #1 · web-01 · exit 0 · {said} · ")),
        "{card}"
    );
    assert!(
        card.contains("`leave:yes` lets such processes live"),
        "{card}"
    );
    let thread = operator.in_thread_of(&asked).await;
    thread
        .sees("it on the page", |page| page.text().contains(said))
        .await;
    let shown = world.shanty(&["runs", "show", "1"]).await;
    assert!(shown.out.contains(said), "{shown:?}");
    let list = world.shanty(&["runs", "list"]).await;
    assert!(list.out.contains(&format!("1 ok · {said}")), "{list:?}");
    let execution = &world.show("1").await["executions"][0];
    assert_eq!(execution["left_over"], 1, "{execution}");
    assert_eq!(execution["left"]["count"], 0, "{execution}");
    world.end().await;
}

/// Holds: `leave:yes` takes the verb `leave` in the grant that gives `run`.
#[tokio::test]
async fn who_may_lets_a_daemon_live_and_it_is_named() {
    let options = Options {
        grants: vec![Grant {
            who: "owner_id",
            what: &["view", "run", "leave"],
            hosts: "all",
        }],
        ..Options::default()
    };
    let mut world = World::with_hosts(&programs(), options, &[WEB]).await;
    let operator = world.operator();
    let asked = run_and_leave(&operator, DAEMON).await;
    let answer = operator.answer(&asked).await;
    let said = "You may run this here, but not leave processes running. Nothing was run.";
    assert!(
        answer.is_ephemeral() && answer.text().contains(said),
        "{}",
        answer.text()
    );

    let owner = world.person("owner_id");
    let asked = run_and_leave(&owner, DAEMON).await;
    let card = owner.card_end(&asked, "sleep").await.text();
    assert!(card.starts_with("### ✅ #1 · web-01 · exit 0 · "), "{card}");
    assert!(card.contains("may leave processes running"), "{card}");
    let run = world.show("1").await;
    assert_eq!(run["leave"], true, "{run}");
    let left = &run["executions"][0]["left"];
    assert_eq!(left["count"], 1, "{run}");
    let pid = left["named"][0]["pid"].as_i64().unwrap();
    assert_eq!(left["named"][0]["program"], "sleep", "{run}");
    let shown = world.shanty(&["runs", "show", "1"]).await;
    assert!(
        shown.out.contains(&format!("left running: sleep ({pid})")),
        "{shown:?}"
    );

    // It is not the agent's any more.
    let host = world.host("web-01");
    host.stop().await;
    host.run("kill").await;
    world.is_online("web-01", true).await;
    let pid = Pid::from_raw(i32::try_from(pid).unwrap());
    kill(pid, Signal::SIGKILL).expect("it lived");
    wait::until("it to be gone", || async {
        let left = left::of_runs(run["run"].as_str());
        if left.is_empty() { Ok(()) } else { Err(left) }
    })
    .await;
    world.end().await;
}

#[tokio::test]
async fn a_command_knows_its_run_and_words_of_bash_are_explained() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let command =
        "echo $SHANTY_HOST $SHANTY_NUMBER $SHANTY_BY $SHANTY_BY_ID $PYTHONUNBUFFERED $(umask)";
    let asked = operator.run("web-01", command).await;
    let user = world.defaults["user_id"].as_str().unwrap();
    let expected = format!("```\nweb-01 1 operator {user} 1 0022\n```");
    operator.card_end(&asked, &expected).await;
    let typed = world
        .shanty(&["run", "--on", "web-01", "--", "echo $SHANTY_BY"])
        .await;
    assert!(typed.out.starts_with("local:"), "{typed:?}");

    // What dash says of it: /bin/sh may know these words on the machine of this test.
    let command = "echo '/bin/sh: 1: [[: not found'; exit 127";
    let asked = operator.run("web-01", command).await;
    operator
        .card_end(&asked, "`/bin/sh` read this, and some of it is bash")
        .await;
    world.end().await;
}

/// Holds: The card names the shell when it is not `/bin/sh`.
#[tokio::test]
async fn a_host_with_a_shell_of_its_own_is_told_of() {
    let mut world = World::start(&programs(), Options::default()).await;
    let token = world.token(&["--labels", "role=web"]).await;
    let mut host = world.new_host("web-01");
    let joined = host.join(&world.join_address(), &token).await;
    assert_eq!(joined.code, 0, "{joined:?}");
    let mut config = OpenOptions::new()
        .append(true)
        .open(host.data.join("agent.toml"))
        .unwrap();
    let lines = "[command]\nshell = \"/bin/bash\"\nnice = 3\n[command.env]\nSITE = \"north\"\n";
    config.write_all(lines.as_bytes()).unwrap();
    host.run("keep").await;
    world.hosts.push(host);
    world.is_online("web-01", true).await;

    let operator = world.operator();
    let command = "[[ $SITE == north ]] && echo \"of ${SITE^^}, nice $(nice)\"";
    let asked = operator.run("web-01", command).await;
    let card = operator.card_end(&asked, "of NORTH, nice 3").await.text();
    assert!(card.contains("-# shell: /bin/bash on web-01"), "{card}");
    let execution = &world.show("1").await["executions"][0];
    assert_eq!(execution["shell"], "/bin/bash", "{execution}");
    world.end().await;
}
