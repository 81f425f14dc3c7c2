//! Somebody who may not any more, or never might: what they left behind starts nothing, and what they were handed opens no other door.

use std::cell::Cell;

use serde_json::json;
use shanty_tests::{Grant, Message, Options, Person, World};

use crate::chat_refusals::{add_to_guild, person_at};
use crate::programs;

const HOSTS: [(&str, &str); 2] = [("web-01", "role=web"), ("web-02", "role=web")];

/// Asks for something on a host that is away, which waits for it.
async fn leaves_behind(person: &Person, command: &str) -> String {
    let options = [
        ("on", "web-02"),
        ("command", command),
        ("offline", "queue:1h"),
    ];
    let asked = person.slash("run", &options).await;
    let waits = |card: &Message| card.text().contains("⏳ waits for web-02");
    person.card(&asked, "to wait", waits).await;
    asked
}

#[tokio::test]
async fn what_waits_for_a_host_does_not_start_for_who_lost_the_role_or_left_meanwhile() {
    let mut world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    let operator = world.operator();
    let names = ["dismissed", "gone", "stayer"];
    let people = names.map(|name| json!({"name": name, "roles": ["Operator"]}));
    let guild = add_to_guild(&world, &json!({"people": people})).await;
    let role = guild["roles"]["Operator"].as_str().unwrap();
    world.grant_to_role(role, "role=web").await;
    world.is_online("web-01", true).await;
    world.host("web-02").stop().await;
    world.is_online("web-02", false).await;

    let trace = world.dir.path().join("trace");
    let mut asked = Vec::new();
    for name in names {
        let channel = json!(operator.channel);
        let user = &guild["people"][name];
        let person = person_at(&operator, &guild["guild_id"], &channel, user);
        let command = format!("echo {name} >> {}", trace.display());
        asked.push(leaves_behind(&person, &command).await);
    }
    let people = &guild["people"];
    let change = json!({
        "members": [{"user_id": people["dismissed"], "roles": []}],
        "leave": [{"user_id": people["gone"]}],
    });
    add_to_guild(&world, &change).await;
    // While Discord does not say where somebody stands, nothing of theirs starts, and it is asked again.
    let fault = json!({
        "method": "GET", "path_glob": "/guilds/*/members/*", "status": 500, "count": 2,
    });
    world.act("fail_next", &fault).await;
    world.host("web-02").run("keep").await;

    operator.card_end(&asked[2], "exit 0").await;
    for asked in &asked[..2] {
        let card = operator.card_end(asked, "not started").await.text();
        assert!(card.contains("may not run it any more"), "{card}");
    }
    assert_eq!(std::fs::read_to_string(&trace).unwrap(), "stayer\n");
    world.end().await;
}

/// Whoever holds a token chooses the name that its host has, and grants may go by names.
#[tokio::test]
async fn who_holds_a_token_does_not_choose_what_people_may_do_there() {
    let by_name = Grant {
        who: "guest_id",
        what: &["view", "run"],
        hosts: "shop-[01-20],*-pay !lab-pay",
    };
    let options = Options {
        grants: vec![by_name],
        ..Options::default()
    };
    let world = World::start(&programs(), options).await;
    let tried = Cell::new(0);
    let joins = async |name: &str, token: &str| {
        let mut host = world.new_host(name);
        host.data = world.dir.path().join(format!("try-{}", tried.get()));
        tried.set(tried.get() + 1);
        host.join(&world.join_address(), token).await
    };
    let refused = async |name: &str, token: &str, why: &str| {
        let ran = joins(name, token).await;
        assert_eq!(ran.code, 77, "{name}: {ran:?}");
        assert!(ran.err.contains(why), "{name}: {ran:?}");
    };
    let any = world.token(&["--labels", "env=lab", "--uses", "9"]).await;
    for name in ["shop-07", "shop-20", "eu-pay", "x-pay"] {
        refused(name, &any, &format!("A grant goes by the name {name}")).await;
    }
    let lab = [
        "--labels",
        "env=lab",
        "--uses",
        "9",
        "--name",
        "lab-* !lab-13",
    ];
    let lab = world.token(&lab).await;
    for name in ["shop-07", "eu-pay", "my-lab-1", "lab", "lab-13"] {
        refused(name, &lab, "The token was made for other names").await;
    }
    for (name, token) in [("lab-1", &lab), ("shop-21", &any), ("lab-pay", &lab)] {
        let ran = joins(name, token).await;
        assert_eq!(ran.code, 0, "{name}: {ran:?}");
    }
    // The guest's grant gives none of these, by whatever it is asked for.
    for on in ["all", "shop-*", "env=lab", "*-pay", "lab-1"] {
        let options = [("on", on), ("command", "id")];
        world.guest().refused("run", &options).await;
    }

    // What a host was called that is no more is nobody's, nor is what would be taken for it.
    let pay = world.token(&["--uses", "9", "--name", "*-pay"]).await;
    assert_eq!(joins("o1-pay", &pay).await.code, 0);
    let ran = world.shanty(&["hosts", "remove", "o1-pay", "--yes"]).await;
    assert_eq!(ran.code, 0, "{ran:?}");
    for name in ["o1-pay", "0l-pay"] {
        refused(name, &pay, "`shanty hosts free o1-pay`").await;
    }
    assert!(world.runs().await.is_empty());
    world.end().await;
}
