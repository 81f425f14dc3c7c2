//! Several connections that share a bot's guilds.

use serde_json::{Value, json};

use crate::rig::{Bot, INTENTS, Rig, text};

/// The bot on one of two shards, and its READY.
async fn shard(rig: &Rig, number: u64) -> (Bot, Value) {
    let mut bot = Bot::connect(rig.address).await;
    let identify =
        json!({"token": rig.token, "intents": INTENTS, "properties": {}, "shard": [number, 2]});
    bot.say(2, identify).await;
    let ready = bot.event("READY").await;
    (bot, ready)
}

#[tokio::test]
async fn a_guild_is_of_the_shard_that_its_id_says() {
    let rig = Rig::start().await;
    let guild = rig.id("guild_id");
    let own = (guild.parse::<u64>().unwrap() >> 22) % 2;
    let (mut owner, said) = shard(&rig, own).await;
    assert_eq!(
        (&said["shard"], &said["guilds"][0]["id"]),
        (&json!([own, 2]), &json!(guild))
    );
    let (mut other, said) = shard(&rig, 1 - own).await;
    assert_eq!(
        (&said["shard"], &said["guilds"]),
        (&json!([1 - own, 2]), &json!([]))
    );

    rig.post(&rig.id("channel_id"), "in the guild").await;
    let dm = json!({"recipient_id": rig.id("user_id")});
    let dm = text(&rig.ok("POST", "/users/@me/channels", dm).await["id"]);
    rig.post(&dm, "to one person").await;
    // The guild's events go to its shard, direct messages to shard 0, and nothing twice.
    assert_eq!(
        owner.event("MESSAGE_CREATE").await["content"],
        "in the guild"
    );
    let zero = if own == 0 { &mut owner } else { &mut other };
    assert_eq!(
        zero.event("MESSAGE_CREATE").await["content"],
        "to one person"
    );
    let one = if own == 0 { &mut other } else { &mut owner };
    one.say(1, Value::Null).await;
    assert_eq!(one.frame().await["op"], 11, "shard 1 hears nothing else");
}
