//! Seed files: another bot and other guilds to begin with, and everything that can be wrong with one.

use std::io::{BufRead, BufReader, Write};

use serde_json::{Value, json};
use shanty_sandbox::{Options, Seed};

use crate::program::sandbox;
use crate::rig::{Bot, Rig, text};

/// The seed file of the documentation.
fn documented() -> &'static str {
    let page = include_str!("../../../docs/SANDBOX.md");
    let (_, rest) = page.split_once("```toml\n").unwrap();
    rest.split_once("```").unwrap().0
}

const ANOTHER: &str = r##"
[bot]
id = "1100000000000000001"
name = "Butler"
token = "a-token-of-my-own"
privileged_intents = ["GUILD_PRESENCES"]
permissions = ["KICK_MEMBERS"]

[[guilds]]
id = "1100000000000000002"
name = "House"
everyone = ["VIEW_CHANNEL"]

[[guilds.roles]]
id = "1100000000000000003"
name = "Cook"
permissions = ["SEND_MESSAGES", "MANAGE_THREADS"]
color = "#ff0000"
mentionable = false

[[guilds.people]]
name = "lady"
owner = true

[[guilds.people]]
id = "1100000000000000004"
name = "anna"
roles = ["Cook"]

[[guilds.channels]]
name = "news"
type = "announcement"

[[guilds.channels]]
id = "1100000000000000005"
name = "kitchen"
topic = "What to eat"
slowmode = 5

[[guilds.channels.overwrites]]
role = "@everyone"
deny = ["VIEW_CHANNEL"]

[[guilds.channels.overwrites]]
person = "anna"
allow = ["VIEW_CHANNEL"]

[[guilds]]
name = "Elsewhere"
bot = false

[[guilds.people]]
name = "anna"
owner = true

[[guilds.channels]]
name = "hall"
"##;

async fn another() -> Rig {
    Rig::start_with(Options {
        limits: false,
        seed: Seed::from_toml(ANOTHER).unwrap(),
        ..Options::default()
    })
    .await
}

#[test]
fn the_documented_file_is_the_default() {
    assert_eq!(Seed::from_toml(documented()), Ok(Seed::default()));
}

#[tokio::test]
async fn the_bot_and_its_guilds_are_as_the_file_says() {
    let rig = another().await;
    assert_eq!(rig.token, "a-token-of-my-own");
    let me = rig.ok("GET", "/users/@me", Value::Null).await;
    assert_eq!(
        (&me["id"], &me["username"]),
        (&json!("1100000000000000001"), &json!("Butler"))
    );
    let guilds = rig.ok("GET", "/users/@me/guilds", Value::Null).await;
    assert_eq!(
        guilds.as_array().unwrap().len(),
        1,
        "it is not in the second one"
    );
    let guild = rig
        .ok("GET", "/guilds/1100000000000000002", Value::Null)
        .await;
    let roles = guild["roles"].as_array().unwrap();
    let named = |name: &str| roles.iter().find(|role| role["name"] == name).unwrap();
    assert_eq!(named("@everyone")["permissions"], "1024");
    assert_eq!(named("Butler")["permissions"], "2");
    assert_eq!(named("Butler")["managed"], true);
    let cook = named("Cook");
    assert_eq!(cook["id"], "1100000000000000003");
    assert_eq!(cook["permissions"], (1_u64 << 11 | 1 << 34).to_string());
    assert_eq!(
        (&cook["color"], &cook["mentionable"]),
        (&json!(0xff_00_00), &json!(false))
    );
    let path = "/guilds/1100000000000000002/members/1100000000000000004";
    let anna = rig.ok("GET", path, Value::Null).await;
    assert_eq!(anna["roles"], json!(["1100000000000000003"]));
    let channels = rig
        .ok("GET", "/guilds/1100000000000000002/channels", Value::Null)
        .await;
    let list = channels.as_array().unwrap();
    let kitchen = list
        .iter()
        .find(|channel| channel["name"] == "kitchen")
        .unwrap();
    assert_eq!(
        (&kitchen["topic"], &kitchen["rate_limit_per_user"]),
        (&json!("What to eat"), &json!(5))
    );
    assert_eq!(
        list.iter()
            .find(|channel| channel["name"] == "news")
            .unwrap()["type"],
        5
    );
}

#[tokio::test]
async fn overwrites_and_intents_of_the_file_hold() {
    let rig = another().await;
    let hidden = rig
        .api("GET", "/channels/1100000000000000005", Value::Null)
        .await;
    assert_eq!(
        (hidden.status, hidden.code()),
        (403, 50001),
        "@everyone may not see it"
    );
    let anna = json!({"channel_id": "1100000000000000005", "user_id": "1100000000000000004"});
    rig.act("view", anna).await;
    let mut bot = Bot::connect(rig.address).await;
    bot.identify(&rig.token, 1 << 15).await;
    assert_eq!(
        bot.close_code().await,
        4014,
        "MESSAGE_CONTENT was not granted"
    );
    let mut bot = Bot::connect(rig.address).await;
    bot.identify(&rig.token, 1 | 1 << 8).await;
    bot.event("READY").await;
}

#[tokio::test]
async fn defaults_answer_as_well_as_they_can() {
    let rig = another().await;
    assert_eq!(rig.id("guild_id"), "1100000000000000002");
    assert_eq!(
        rig.id("channel_id"),
        "1100000000000000005",
        "the first text channel"
    );
    assert_eq!(
        rig.id("user_id"),
        "1100000000000000004",
        "the first who is not the owner"
    );
    assert_eq!(
        rig.id("guest_id"),
        rig.id("owner_id"),
        "there is nobody else"
    );
    let ids = rig
        .act("guild", json!({"guild_id": rig.id("guild_id")}))
        .await;
    assert_eq!(text(&ids["people"]["lady"]), rig.id("owner_id"));
}

#[test]
fn everything_that_is_wrong_is_told_at_once_with_its_line() {
    let wrong = r#"
[bot]
nmae = "Butler"
token = "short"
privileged_intents = ["GUILDS"]
[[guilds]]
name = "House"
everyone = ["SEND MESSAGES"]
[[guilds.roles]]
name = "Cook"
color = "red"
[[guilds.people]]
name = "anna"
roles = ["Gardener"]
id = "99999999999999999999999"
[[guilds.channels]]
name = "kitchen"
type = "room"
slowmode = -1
[[guilds.channels.overwrites]]
role = "Cook"
person = "anna"
"#;
    let errors = Seed::from_toml(wrong).unwrap_err();
    let lines: Vec<usize> = errors.iter().map(|(line, _)| line).collect();
    assert_eq!(lines, [3, 4, 5, 6, 8, 11, 14, 15, 18, 19, 20], "{errors}");
    let said = errors.to_string();
    for part in [
        "`nmae` of bot is unknown; known are color, id, name",
        "is it SEND_MESSAGES?",
        "`color` must be like \"#2ecc71\"",
        "the guild has no role \"Gardener\"",
        "one of text, voice, category, announcement, forum",
        "a guild must have one owner",
        "line 20: an overwrite is for one `role`",
    ] {
        assert!(said.contains(part), "{part:?} is not in:\n{said}");
    }
    assert!(
        Seed::from_toml("")
            .unwrap_err()
            .to_string()
            .contains("there must be a guild")
    );
    assert!(
        Seed::from_toml("[bot\nname = ")
            .unwrap_err()
            .to_string()
            .starts_with("line 1: ")
    );
}

#[test]
fn ids_are_used_once_and_agree_with_the_token() {
    let twice = ANOTHER.replace("1100000000000000003", "1100000000000000002");
    let said = Seed::from_toml(&twice).unwrap_err().to_string();
    assert!(said.contains("1100000000000000002 is used twice"), "{said}");
    // The first part says 1100000000000000009.
    let other = ANOTHER.replace("a-token-of-my-own", "MTEwMDAwMDAwMDAwMDAwMDAwOQ.abc.def");
    let said = Seed::from_toml(&other).unwrap_err().to_string();
    assert!(
        said.contains("says that its bot is 1100000000000000009"),
        "{said}"
    );
    let future = ANOTHER.replace("1100000000000000003", "9100000000000000003");
    let said = Seed::from_toml(&future).unwrap_err().to_string();
    assert!(said.contains("from the future"), "{said}");
}

#[test]
fn the_program_takes_a_file_and_says_what_a_script_needs() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(ANOTHER.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let args = [
        "--listen",
        "127.0.0.1:0",
        "--exit-with-stdin",
        "--seed-file",
        path,
    ];
    let mut child = sandbox(&args).spawn().unwrap();
    let mut line = String::new();
    let stdout = child.stdout.take().unwrap();
    BufReader::new(stdout).read_line(&mut line).unwrap();
    let ready: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(ready["bot_token"], "a-token-of-my-own");
    assert_eq!(ready["application_id"], "1100000000000000001");
    let web = text(&ready["web"]);
    let address = web.split_once("/k/").unwrap().0;
    let port = address.rsplit_once(':').unwrap().1;
    assert_eq!(ready["api"], format!("http://127.0.0.1:{port}/api/v10"));
    assert_eq!(ready["gateway"], format!("ws://127.0.0.1:{port}/gateway"));
    drop(child.stdin.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_wrong_file_is_78_and_names_path_and_lines() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"[bot]\nx = 1\n").unwrap();
    let path = file.path().to_str().unwrap();
    let output = sandbox(&["--listen", "127.0.0.1:0", "--seed-file", path])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(78));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains(&format!("{path}:2: `x` of bot is unknown")),
        "{said}"
    );
    let missing = sandbox(&["--seed-file", "/nonexistent/seed.toml"])
        .output()
        .unwrap();
    assert_eq!(missing.status.code(), Some(78));
}
