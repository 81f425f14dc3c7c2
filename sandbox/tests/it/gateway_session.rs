//! Logging in to the gateway and what a session is told: intents, the identify budget, guilds, members, presence.

use serde_json::{Value, json};
use shanty_sandbox::Options;

use crate::rig::{Bot, INTENTS, Rig, text};

const GUILD_MEMBERS: u64 = 1 << 1;
const GUILD_PRESENCES: u64 = 1 << 8;

fn options() -> Options {
    Options {
        limits: false,
        ..Options::default()
    }
}

async fn ready(rig: &Rig, intents: u64) -> (Bot, Value) {
    let mut bot = Bot::connect(rig.address).await;
    bot.identify(&rig.token, intents).await;
    let ready = bot.event("READY").await;
    (bot, ready)
}

/// The answer to op 8, or `null` if an event published after it comes first.
async fn chunk(rig: &Rig, bot: &mut Bot, mut ask: Value) -> Value {
    ask["guild_id"] = rig.defaults["guild_id"].clone();
    bot.say(8, ask).await;
    bot.say(1, Value::Null).await;
    let frame = bot.frame().await;
    if frame["op"] == 11 {
        return Value::Null;
    }
    assert_eq!(frame["t"], "GUILD_MEMBERS_CHUNK");
    assert_eq!(bot.frame().await["op"], 11);
    frame["d"].clone()
}

#[tokio::test]
async fn privileged_intents_are_granted_by_option_or_by_script() {
    let mut some = options();
    some.privileged_intents = GUILD_PRESENCES;
    let rig = Rig::start_with(some).await;
    ready(&rig, GUILD_PRESENCES).await;
    let mut bot = Bot::connect(rig.address).await;
    bot.identify(&rig.token, GUILD_MEMBERS).await;
    assert_eq!(bot.close_code().await, 4014);
    let granted = json!({"privileged_intents": ["GUILD_MEMBERS"]});
    assert_eq!(rig.act("application", granted).await["flags"], 1 << 15);
    let (_, said) = ready(&rig, GUILD_MEMBERS).await;
    assert_eq!(said["application"]["flags"], 1 << 15);
    let me = rig.ok("GET", "/applications/@me", Value::Null).await;
    assert_eq!(me["flags"], 1 << 15);
    let mut bot = Bot::connect(rig.address).await;
    bot.identify(&rig.token, GUILD_PRESENCES).await;
    assert_eq!(bot.close_code().await, 4014);
    let wrong = json!({"privileged_intents": ["EVERYTHING"]});
    let refused = rig.try_act("application", wrong).await;
    assert_eq!(refused.json()["field"], "privileged_intents");
}

#[tokio::test]
async fn the_days_identifies_count_and_one_too_many_costs_the_token() {
    let mut few = options();
    few.identifies_per_day = 2;
    let rig = Rig::start_with(few).await;
    let left = async || {
        let info = rig.ok("GET", "/gateway/bot", Value::Null).await;
        info["session_start_limit"]["remaining"].as_u64().unwrap()
    };
    assert_eq!(left().await, 2);
    let (mut first, _) = ready(&rig, INTENTS).await;
    assert_eq!(left().await, 1);
    // A resume costs nothing.
    rig.act("drop_gateway", json!({"how": "tcp"})).await;
    assert_eq!(first.close_code().await, 1006);
    let mut back = Bot::connect(rig.address).await;
    let resume = json!({"token": rig.token, "session_id": first.session, "seq": first.seq});
    back.say(6, resume).await;
    back.event("RESUMED").await;
    assert_eq!(left().await, 1);
    ready(&rig, INTENTS).await;
    assert_eq!(left().await, 0);
    let mut late = Bot::connect(rig.address).await;
    late.identify(&rig.token, INTENTS).await;
    assert_eq!(late.close_code().await, 4004);
    assert_eq!(back.close_code().await, 4004, "the other sessions end too");
    let refused = rig.api("GET", "/gateway/bot", Value::Null).await;
    assert_eq!(refused.status, 401);
    let token = text(&rig.act("defaults", json!({})).await["bot_token"]);
    assert_ne!(token, rig.token);
    let mut renewed = Bot::connect(rig.address).await;
    renewed.identify(&token, INTENTS).await;
    renewed.event("READY").await;
}

#[tokio::test]
async fn identifying_too_soon_is_answered_with_op_9() {
    let mut slow = options();
    slow.identify_interval_ms = 3_600_000;
    let rig = Rig::start_with(slow).await;
    ready(&rig, INTENTS).await;
    let mut soon = Bot::connect(rig.address).await;
    soon.identify(&rig.token, INTENTS).await;
    let frame = soon.frame().await;
    assert_eq!(
        (frame["op"].as_u64(), &frame["d"]),
        (Some(9), &json!(false))
    );
    soon.say(1, Value::Null).await;
    assert_eq!(soon.frame().await["op"], 11, "the connection stays");
}

#[tokio::test]
async fn every_session_gets_each_event_once_and_by_its_intents() {
    let rig = Rig::start().await;
    let (mut all, _) = ready(&rig, INTENTS).await;
    let (mut same, _) = ready(&rig, INTENTS).await;
    let (mut few, _) = ready(&rig, 1 << 9).await;
    all.event("GUILD_CREATE").await;
    same.event("GUILD_CREATE").await;
    let channel = rig.id("channel_id");
    let created = json!({"channels": [{"name": "new"}]});
    rig.act("guild", created).await;
    rig.post(&channel, "1").await;
    rig.post(&channel, "2").await;
    for bot in [&mut all, &mut same] {
        assert_eq!(bot.frame().await["t"], "CHANNEL_CREATE");
        assert_eq!(bot.frame().await["d"]["content"], "1");
        assert_eq!(bot.frame().await["d"]["content"], "2");
    }
    let first = few.frame().await;
    assert_eq!(
        (&first["d"]["content"], &first["s"]),
        (&json!("1"), &json!(2))
    );
    assert_eq!(few.frame().await["d"]["content"], "2");
}

#[tokio::test]
async fn guilds_are_whole_and_list_people_by_intent() {
    let rig = Rig::start().await;
    let granted = json!({"privileged_intents": ["GUILD_PRESENCES", "GUILD_MEMBERS"]});
    rig.act("application", granted).await;
    let (mut few, said) = ready(&rig, INTENTS).await;
    assert_eq!(
        said["guilds"],
        json!([{"id": rig.id("guild_id"), "unavailable": true}])
    );
    assert_eq!(
        said["resume_gateway_url"],
        json!(format!("ws://{}/gateway", rig.address))
    );
    let guild = few.event("GUILD_CREATE").await;
    assert_eq!(guild["members"].as_array().unwrap().len(), 1);
    assert_eq!(
        guild["members"][0]["user"]["id"],
        rig.defaults["application_id"]
    );
    assert_eq!(
        (&guild["member_count"], &guild["large"]),
        (&json!(5), &json!(false))
    );
    assert_eq!(guild["presences"], json!([]));
    assert!(
        guild["roles"]
            .as_array()
            .unwrap()
            .iter()
            .any(|role| role["id"] == guild["id"])
    );
    let (mut all, _) = ready(&rig, INTENTS | GUILD_PRESENCES).await;
    let guild = all.event("GUILD_CREATE").await;
    assert_eq!(guild["members"].as_array().unwrap().len(), 5);
    assert_eq!(guild["presences"].as_array().unwrap().len(), 5);
    assert_eq!(guild["presences"][0]["status"], "online");
}

#[tokio::test]
async fn members_come_as_they_were_asked_for() {
    let rig = Rig::start().await;
    let granted = json!({"privileged_intents": ["GUILD_PRESENCES", "GUILD_MEMBERS"]});
    rig.act("application", granted).await;
    let (mut bot, _) = ready(&rig, INTENTS).await;
    bot.event("GUILD_CREATE").await;
    let everyone = json!({"query": "", "limit": 0});
    assert_eq!(chunk(&rig, &mut bot, everyone.clone()).await, Value::Null);
    let prefix = json!({"query": "OP", "limit": 1, "nonce": "n"});
    let found = chunk(&rig, &mut bot, prefix).await;
    assert_eq!(found["members"][0]["user"]["username"], "operator");
    assert_eq!(
        (&found["nonce"], &found["chunk_count"]),
        (&json!("n"), &json!(1))
    );
    let ids = json!({"user_ids": [rig.id("owner_id"), "1", "x"], "nonce": "n".repeat(33)});
    let found = chunk(&rig, &mut bot, ids).await;
    assert_eq!(found["members"].as_array().unwrap().len(), 1);
    assert_eq!(found["not_found"], json!(["1", "x"]));
    assert!(found.get("nonce").is_none(), "too long");
    let seen = json!({"user_ids": rig.id("owner_id"), "presences": true});
    assert_eq!(chunk(&rig, &mut bot, seen.clone()).await, Value::Null);

    let (mut bot, _) = ready(&rig, GUILD_MEMBERS | GUILD_PRESENCES).await;
    let found = chunk(&rig, &mut bot, everyone).await;
    assert_eq!(found["members"].as_array().unwrap().len(), 5);
    let found = chunk(&rig, &mut bot, seen).await;
    assert_eq!(
        found["presences"][0]["user"]["id"],
        rig.defaults["owner_id"]
    );
}

#[tokio::test]
async fn many_members_come_in_chunks_and_not_too_often() {
    let rig = Rig::start_with(Options::default()).await;
    for _ in 0..2 {
        let people: Vec<Value> = (0..600).map(|n| json!({"name": format!("p{n}")})).collect();
        rig.act("guild", json!({"people": people})).await;
    }
    let (mut bot, _) = ready(&rig, GUILD_MEMBERS).await;
    let ask = json!({"guild_id": rig.id("guild_id"), "query": "", "limit": 0, "nonce": "all"});
    bot.say(8, ask.clone()).await;
    let mut total = 0;
    for index in 0..2 {
        let chunk = bot.event("GUILD_MEMBERS_CHUNK").await;
        assert_eq!(
            (&chunk["chunk_index"], &chunk["chunk_count"]),
            (&json!(index), &json!(2))
        );
        total += chunk["members"].as_array().unwrap().len();
    }
    assert_eq!(total, 1205);
    bot.say(8, ask).await;
    let limited = bot.event("RATE_LIMITED").await;
    assert_eq!(limited["opcode"], 8);
    assert_eq!(limited["meta"]["nonce"], "all");
    assert!(limited["retry_after"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn the_bots_status_is_seen_by_people_and_sessions() {
    let rig = Rig::start().await;
    let granted = json!({"privileged_intents": ["GUILD_PRESENCES"]});
    rig.act("application", granted).await;
    let status = async || {
        let client = rig
            .act("client", json!({"user_id": rig.id("user_id")}))
            .await;
        (
            client["bot_status"].clone(),
            client["bot_activities"].clone(),
        )
    };
    assert_eq!(status().await.0, "offline");
    let (mut watcher, _) = ready(&rig, GUILD_PRESENCES).await;
    assert_eq!(watcher.event("PRESENCE_UPDATE").await["status"], "online");
    let (mut bot, _) = ready(&rig, INTENTS).await;
    let activity = json!({"name": "the logs", "type": 3});
    let presence = json!({"since": null, "activities": [activity], "status": "dnd", "afk": false});
    bot.say(3, presence).await;
    let told = watcher.event("PRESENCE_UPDATE").await;
    assert_eq!(told["user"]["id"], rig.defaults["application_id"]);
    assert_eq!(
        (&told["status"], &told["guild_id"]),
        (&json!("dnd"), &json!(rig.id("guild_id")))
    );
    let (said, activities) = status().await;
    assert_eq!(
        (said, &activities[0]["name"]),
        (json!("dnd"), &json!("the logs"))
    );
    bot.say(3, json!({"status": "asleep"})).await;
    assert_eq!(bot.close_code().await, 4002);
    assert_eq!(watcher.event("PRESENCE_UPDATE").await["status"], "online");
}

#[tokio::test]
async fn a_private_thread_is_heard_by_its_members_only() {
    let rig = Rig::start().await;
    let (mut bot, _) = ready(&rig, INTENTS).await;
    bot.event("GUILD_CREATE").await;
    let channel = rig.id("channel_id");
    let made = json!({"name": "secret", "type": 12, "invitable": false});
    let path = format!("/channels/{channel}/threads");
    let thread = text(&rig.ok("POST", &path, made).await["id"]);
    assert_eq!(bot.event("THREAD_CREATE").await["id"], json!(thread));
    let place = |id: &str| json!({"channel_id": id, "user_id": rig.id("user_id"), "content": id});
    let invite = json!({"id": thread, "add": [rig.id("user_id")]});
    rig.act("guild", json!({"threads": [invite]})).await;
    rig.act("message", place(&thread)).await;
    assert_eq!(
        bot.event("MESSAGE_CREATE").await["channel_id"],
        json!(thread)
    );
    // As neither member nor moderator the bot does not see into it any more.
    let roles = rig.act("guild", json!({})).await["roles"].clone();
    let powerless = json!({"role_id": roles["Shanty"], "permissions": "0"});
    rig.act("guild", json!({"role_permissions": [powerless]}))
        .await;
    let leaving = format!("/channels/{thread}/thread-members/@me");
    rig.ok("DELETE", &leaving, Value::Null).await;
    rig.act("message", place(&thread)).await;
    rig.act("message", place(&channel)).await;
    assert_eq!(
        bot.event("MESSAGE_CREATE").await["channel_id"],
        json!(channel)
    );
}

#[tokio::test]
async fn a_client_that_asks_twice_for_its_session_loses_the_first_connection() {
    let rig = Rig::start().await;
    let (mut first, _) = ready(&rig, INTENTS).await;
    first.event("GUILD_CREATE").await;
    let mut second = Bot::connect(rig.address).await;
    let resume = json!({"token": rig.token, "session_id": first.session, "seq": first.seq});
    second.say(6, resume).await;
    second.event("RESUMED").await;
    assert_eq!(first.close_code().await, 4000);
    rig.post(&rig.id("channel_id"), "once").await;
    assert_eq!(second.event("MESSAGE_CREATE").await["content"], "once");
}

#[tokio::test]
async fn the_server_may_ask_for_a_heartbeat() {
    let rig = Rig::start().await;
    let mut bot = rig.bot().await;
    rig.act("gateway_send", json!({"op": 1})).await;
    assert_eq!(bot.frame().await["op"], 1);
    bot.say(1, json!(bot.seq)).await;
    assert_eq!(bot.frame().await["op"], 11);
    for op in [4, 31, 43] {
        bot.say(op, json!({})).await;
    }
    bot.say(1, Value::Null).await;
    assert_eq!(
        bot.frame().await["op"],
        11,
        "the others are taken in silence"
    );
}

#[tokio::test]
async fn who_comes_to_see_a_channel_is_told_of_its_threads() {
    let rig = Rig::start().await;
    let channel = rig.id("channel_id");
    let made = json!({"name": "talk", "type": 11});
    let path = format!("/channels/{channel}/threads");
    let thread = rig.ok("POST", &path, made).await["id"].clone();
    let sees = |bits: &str| {
        let one = json!({"channel_id": channel, "id": rig.id("application_id"), "deny": bits});
        json!({"overwrites": [one]})
    };
    rig.act("guild", sees("1024")).await;
    let (mut bot, _) = ready(&rig, INTENTS).await;
    let guild = bot.event("GUILD_CREATE").await;
    assert_eq!(guild["threads"], json!([]));
    rig.act("guild", sees("0")).await;
    let synced = bot.event("THREAD_LIST_SYNC").await;
    assert_eq!(synced["guild_id"], rig.defaults["guild_id"]);
    assert_eq!(synced["channel_ids"], json!([channel]));
    assert_eq!(synced["threads"][0]["id"], thread);
    assert_eq!(
        synced["members"][0]["user_id"],
        rig.defaults["application_id"]
    );
}
