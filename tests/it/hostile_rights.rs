//! Somebody who may not any more: what they left behind starts nothing.

use std::fmt::Write as _;

use serde_json::json;
use shanty_tests::{Message, Options, World};

use crate::chat_refusals::{add_to_guild, person_at};
use crate::programs;

const HOSTS: [(&str, &str); 2] = [("web-01", "role=web"), ("web-02", "role=web")];

#[tokio::test]
async fn what_waits_for_a_host_does_not_start_for_who_lost_the_role_meanwhile() {
    let mut world = World::with_hosts(&programs(), Options::default(), &HOSTS).await;
    let operator = world.operator();
    let people = json!({"people": [
        {"name": "leaver", "roles": ["Operator"]}, {"name": "stayer", "roles": ["Operator"]},
    ]});
    let guild = add_to_guild(&world, &people).await;
    let role = guild["roles"]["Operator"].as_str().unwrap();
    let mut config = std::fs::read_to_string(world.config_path()).unwrap();
    write!(
        config,
        "[[grant]]\nid = \"by-role\"\nwho = {{ roles = [\"{role}\"] }}\nwhere = {{ channels = [\"{}\"] }}\n\
         what = [\"view\", \"run\"]\nhosts = \"role=web\"\n",
        operator.channel
    )
    .unwrap();
    world.take_controller().stop().await;
    std::fs::write(world.config_path(), config).unwrap();
    world.start_controller().await;
    world.is_online("web-01", true).await;
    world.host("web-02").stop().await;
    world.is_online("web-02", false).await;

    let trace = world.dir.path().join("trace");
    let mut asked = Vec::new();
    for name in ["leaver", "stayer"] {
        let channel = json!(operator.channel);
        let person = person_at(
            &operator,
            &guild["guild_id"],
            &channel,
            &guild["people"][name],
        );
        let command = format!("echo {name} >> {}", trace.display());
        let options = [
            ("on", "web-02"),
            ("command", &command),
            ("offline", "queue:1h"),
        ];
        let interaction = person.slash("run", &options).await;
        let waits = |card: &Message| card.text().contains("⏳ waits for web-02");
        person.card(&interaction, "to wait", waits).await;
        asked.push((person, interaction));
    }
    let taken = json!({"members": [{"user_id": guild["people"]["leaver"], "roles": []}]});
    add_to_guild(&world, &taken).await;
    world.host("web-02").run("keep").await;

    let [(leaver, theirs), (stayer, others)] = asked.as_slice() else {
        panic!("two asked");
    };
    stayer.card_end(others, "exit 0").await;
    let card = leaver.card_end(theirs, "not started").await.text();
    assert!(card.contains("may not run it any more"), "{card}");
    assert_eq!(std::fs::read_to_string(&trace).unwrap(), "stayer\n");
    world.end().await;
}
