//! Hosts, tokens and holds, as somebody at the command line keeps them.

use shanty_tests::Gate;

use crate::cli::{ONE, events, world};

#[tokio::test]
async fn hosts_are_listed_selected_shown_and_labelled() {
    let world = world(&[
        ("web-01", "env=prod,role=web"),
        ("db-01", "env=prod,role=db"),
    ])
    .await;
    let ran = world.shanty(&["hosts"]).await;
    assert!(ran.out.starts_with("NAME "), "{ran:?}");
    for part in ["db-01", "web-01", "env=prod role=web"] {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }
    assert_eq!(ran.err, "2 hosts, 2 online\n");
    let names = async |selector: &str| world.shanty(&["hosts", selector, "--names"]).await.out;
    assert_eq!(names("env=prod").await, "db-01\nweb-01\n");
    assert_eq!(names("env=prod !role=db").await, "web-01\n");

    let ran = world.shanty(&["hosts", "--json"]).await;
    let hosts = events(&ran.out);
    assert_eq!(hosts.len(), 2, "{ran:?}");
    assert_eq!(
        (&hosts[0]["name"], &hosts[0]["online"]),
        (&"db-01".into(), &true.into())
    );
    assert!(hosts[0]["facts"]["cpus"].as_u64().unwrap() > 0, "{ran:?}");
    assert!(hosts[0]["metrics"]["disks"].is_array(), "{ran:?}");
    let ran = world.shanty(&["hosts", "show", "web-01"]).await;
    for part in ["web-01  ", "system", "memory", "env=prod role=web"] {
        assert!(ran.out.contains(part), "{part}: {ran:?}");
    }

    let ran = world
        .shanty(&["hosts", "label", "web-01", "env=stage", "tier=1", "role-"])
        .await;
    assert_eq!(
        (ran.code, ran.out.as_str()),
        (0, "web-01 has the labels: env=stage tier=1\n"),
        "{ran:?}"
    );
    assert_eq!(names("env=stage").await, "web-01\n");
    let host = world.shanty(&["hosts", "web-01", "--json"]).await.json();
    assert_eq!(
        host["labels"],
        serde_json::json!({"env": "stage", "tier": "1"})
    );
    for label in ["noequals", "bad key=1", "=x"] {
        let ran = world.shanty(&["hosts", "label", "web-01", label]).await;
        assert_eq!(ran.code, 64, "{label}: {ran:?}");
    }
    let ran = world.shanty(&["hosts", "weeb-01"]).await;
    assert_eq!(ran.code, 64, "{ran:?}");
    assert!(ran.err.contains("web-01"), "the nearest name: {ran:?}");
    world.end().await;
}

#[tokio::test]
async fn tokens_are_made_listed_and_revoked_and_shown_once() {
    let world = world(&[]).await;
    assert_eq!(
        world.shanty(&["token", "list"]).await.out,
        "There are no tokens.\n"
    );
    let args = [
        "token", "create", "--labels", "env=prod", "--uses", "3", "--ttl", "2h",
    ];
    let ran = world.shanty(&args).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let token = ran.out.trim_end();
    assert_eq!(token.split('.').count(), 4, "{ran:?}");
    for part in ["SHANTY_TOKEN=", "3 hosts, for 2h.", &world.join_address()] {
        assert!(ran.err.contains(part), "{part}: {ran:?}");
    }
    let list = world.shanty(&["token", "list"]).await.out;
    for part in [
        token.split('.').nth(1).unwrap(),
        "0/3 used",
        "good for 1h 59m",
        "env=prod",
    ] {
        assert!(list.contains(part), "{part}: {list}");
    }
    let secret = token.split('.').nth(2).unwrap();
    for ran in [world.shanty(&["token", "list", "--json"]).await.out, list] {
        assert!(!ran.contains(secret), "{ran}");
    }
    let id = token.split('.').nth(1).unwrap();
    let ran = world.shanty(&["token", "revoke", id]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    let list = world.shanty(&["token", "list"]).await.out;
    assert!(list.contains("revoked"), "{list}");
    for (args, code) in [
        (["token", "revoke", "nothing"].as_slice(), 65),
        (&["token", "create", "--ttl", "5"], 64),
        (&["token", "create", "--ttl", "900d"], 64),
        (&["token", "create", "--ttl", "0s"], 64),
        (&["token", "create", "--uses", "0"], 64),
        (&["token", "create", "--uses", "1000000"], 64),
        (&["token", "create", "--labels", "env"], 64),
    ] {
        let ran = world.shanty(args).await;
        assert_eq!(ran.code, code, "{args:?}: {ran:?}");
    }
    world.end().await;
}

#[tokio::test]
async fn hold_refuses_new_runs_and_lets_the_others_go_on() {
    let world = world(&ONE).await;
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!("{}; read x <&3; echo done", gate.open_in_shell());
    let number = world.detach("web-01", &command).await;
    assert_eq!(world.shanty(&["hold", "on", "db move"]).await.code, 0);
    let ran = world.shanty(&["run", "--on", "web-01", "--", "true"]).await;
    assert_eq!(ran.code, 77, "{ran:?}");
    assert!(ran.err.contains("hold"), "{ran:?}");
    gate.say("on");
    let run = world.run_ends(&number).await;
    assert_eq!(run["executions"][0]["exit_code"], 0, "{run}");
    assert_eq!(world.shanty(&["hold", "off"]).await.code, 0);
    let ran = world.shanty(&["run", "--on", "web-01", "--", "true"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(world.runs().await.len(), 2);
    world.end().await;
}
