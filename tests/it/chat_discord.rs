//! Discord at its worst: limits, failures before and after the deed, broken gateways, stale and repeated interactions.

use std::collections::BTreeSet;

use nix::sys::signal::Signal;
use serde_json::{Value, json};
use shanty_tests::{Gate, Message, Options, Person, World, wait};

use crate::programs;

const WEB: (&str, &str) = ("web-01", "role=web");
const CALLBACK: &str = "/interactions/*/callback";

async fn world() -> World {
    World::with_hosts(&programs(), Options::default(), &[WEB]).await
}

async fn fail_next(world: &World, method: &str, path_glob: &str, status: u16, after_commit: bool) {
    let fault = json!({
        "method": method, "path_glob": path_glob, "count": 1, "status": status,
        "after_commit": after_commit, "code": if status == 404 { 10_062 } else { 0 },
    });
    world.act("fail_next", &fault).await;
}

/// A command that leaves a trace when it runs, and the trace.
fn traced(world: &World) -> (String, std::path::PathBuf) {
    let trace = world.dir.path().join("trace");
    (format!("echo ran >> {}", trace.display()), trace)
}

/// Waits until the channel says that a run was not started, and checks that it was not.
async fn check_not_started(world: &World, operator: &Person, number: usize) {
    let start = format!("#{number} was not started and nothing was run: ");
    let said = operator
        .sees("that nothing was run", |message| {
            message.text().replace('\\', "").starts_with(&start)
        })
        .await;
    assert!(!said.is_ephemeral());
    assert!(
        said.text().ends_with("Please ask again."),
        "{}",
        said.text()
    );
    wait::until("the run to be given up", || async {
        let runs = world.runs().await;
        if runs[0]["state"] == "expired" {
            Ok(())
        } else {
            Err(runs)
        }
    })
    .await;
}

/// Runs a command of more output than fits pages, and checks that every message of it is there once.
async fn check_each_message_once(world: &World) {
    let operator = world.operator();
    let asked = operator.run("web-01", "seq 1 3000").await;
    operator.card_end(&asked, "exit 0").await;
    let thread = operator.in_thread_of(&asked).await;
    thread
        .sees("the whole output", |message| !message.files().is_empty())
        .await;
    thread
        .sees("the end of the tail", |page| {
            page.text().contains("\n3000\n```\n-# exit 0")
        })
        .await;
    let pages = thread.view().await;
    let texts: BTreeSet<String> = pages.iter().map(Message::text).collect();
    assert_eq!(
        (pages.len(), texts.len()),
        (5, 5),
        "three pages, the tail and the file: {texts:#?}"
    );
    assert_eq!(operator.view().await.len(), 1, "one card");
}

#[tokio::test]
async fn limits_are_kept_and_a_limited_message_comes_later() {
    let world = world().await;
    for (method, path_glob, scope) in [
        ("POST", "/channels/*/messages", "shared"),
        ("PATCH", "/webhooks/*", "user"),
    ] {
        let limit = json!({
            "method": method, "path_glob": path_glob, "count": 1, "retry_after": 0.2, "scope": scope,
        });
        world.act("ratelimit_next", &limit).await;
    }
    check_each_message_once(&world).await;
    let stats = world.act("stats", &json!({})).await;
    assert_eq!(stats["rate_limited"], 2, "only what was staged: {stats}");
    world.end().await;
}

#[tokio::test]
async fn failures_before_and_after_the_deed_neither_lose_nor_double_a_message() {
    let options = Options {
        rate_limits: false,
        ..Options::default()
    };
    let world = World::with_hosts(&programs(), options, &[WEB]).await;
    for (method, path_glob, status, after_commit) in [
        ("POST", "/channels/*/threads", 500, true),
        ("POST", "/channels/*/messages", 502, false),
        ("POST", "/channels/*/messages", 500, true),
        ("PATCH", "/webhooks/*", 503, true),
    ] {
        fail_next(&world, method, path_glob, status, after_commit).await;
    }
    check_each_message_once(&world).await;
    let traffic = world.traffic().await;
    let failed = traffic
        .iter()
        .filter(|call| call["status"].as_u64() >= Some(500));
    assert_eq!(failed.count(), 4, "everything that was staged happened");
    let creates = traffic.iter().filter(|call| {
        let path = call["path"].as_str().unwrap_or_default();
        call["method"] == "POST" && path.ends_with("/messages")
    });
    for call in creates {
        let message = match &call["request"]["payload_json"] {
            Value::Null => &call["request"],
            form => form,
        };
        assert_eq!(message["enforce_nonce"], true, "{call}");
    }
    world.end().await;
}

#[tokio::test]
async fn a_page_whose_answer_was_lost_shows_what_came_later() {
    let options = Options {
        rate_limits: false,
        ..Options::default()
    };
    let world = World::with_hosts(&programs(), options, &[WEB]).await;
    let operator = world.operator();
    let mut gate = Gate::new(world.dir.path(), "gate");
    let command = format!(
        "{}; echo first; read x <&3; seq 1 100",
        gate.open_in_shell()
    );
    fail_next(&world, "POST", "/channels/*/messages", 500, true).await;
    let asked = operator.run("web-01", &command).await;
    let thread = operator.in_thread_of(&asked).await;
    thread
        .sees("the first line", |page| {
            page.text()
                .ends_with("\nfirst\n```\n-# 1 line · 6 B · live")
        })
        .await;
    // The page is there, and nobody here knows. What is posted again is that page, with its old text.
    gate.say("on");
    operator.card_end(&asked, "exit 0").await;
    thread
        .sees("the end", |page| {
            page.text().contains("\n100\n```\n-# exit 0")
        })
        .await;
    assert_eq!(thread.view().await.len(), 1, "one page");
    let creates = world.traffic().await;
    let creates = creates.iter().filter(|call| {
        let path = call["path"].as_str().unwrap_or_default();
        call["method"] == "POST" && path.ends_with("/messages")
    });
    assert_eq!(creates.count(), 2, "the page was posted twice");
    world.end().await;
}

#[tokio::test]
async fn a_thread_that_may_not_be_made_is_said_on_the_card_and_the_command_runs() {
    let world = world().await;
    let operator = world.operator();
    fail_next(&world, "POST", "/channels/*/threads", 403, false).await;
    let asked = operator.run("web-01", "seq 1 100").await;
    let card = operator
        .card(&asked, "to say where the output is", |card| {
            card.is_over() && card.text().contains("`shanty runs output 1`")
        })
        .await;
    let text = card.text();
    assert!(
        text.contains("exit 0") && text.contains("output cannot be shown here"),
        "{text}"
    );
    assert_eq!(card.thread(), None);
    let expected: String = (1..=100).map(|line| format!("{line}\n")).collect();
    let ran = world.shanty(&["runs", "output", "1"]).await;
    assert!(ran.out.ends_with(&expected), "{ran:?}");
    let show = world.shanty(&["runs", "show", "1"]).await.out;
    assert!(
        show.starts_with("#1 · 1 ok · web-01 · by operator"),
        "{show}"
    );
    world.end().await;
}

#[tokio::test]
async fn a_gateway_that_breaks_is_resumed_and_the_next_command_works() {
    let world = world().await;
    let operator = world.operator();
    let ways = [
        json!({"how": "tcp"}),
        json!({"how": "close", "code": 4_000}),
        json!({"how": "close", "code": 1_001}),
    ];
    for (before, how) in ways.iter().enumerate() {
        let dropped = world.act("drop_gateway", how).await;
        assert_eq!(dropped["dropped"], 1, "{how}");
        wait::until("the session to be resumed", || async {
            let stats = world.act("stats", &json!({})).await;
            let resumed = stats["resumes"].as_u64() == u64::try_from(before + 1).ok();
            if resumed && stats["gateway_connections"] == 1 {
                Ok(())
            } else {
                Err(stats)
            }
        })
        .await;
        let asked = operator.run("web-01", "true").await;
        operator.card_end(&asked, "exit 0").await;
    }
    let stats = world.act("stats", &json!({})).await;
    assert_eq!(stats["identifies"], 1, "{stats}");
    world.end().await;
}

/// The bot's commands as Discord knows them: all that it was told of them, in the order of their names.
async fn commands(world: &World) -> Vec<Value> {
    let told = world
        .as_bot(hyper::Method::GET, &commands_path(world), &json!(null))
        .await;
    let mut told = told.as_array().cloned().unwrap_or_default();
    for command in &mut told {
        // What Discord gives anew each time.
        for field in ["id", "version"] {
            assert_ne!(command[field].take(), Value::Null, "{command}");
        }
    }
    told.sort_by_key(|command| command["name"].to_string());
    told
}

fn commands_path(world: &World) -> String {
    let id = |field: &str| world.defaults[field].as_str().unwrap_or_default();
    let (application, guild) = (id("application_id"), id("guild_id"));
    format!("/applications/{application}/guilds/{guild}/commands")
}

/// Waits until Discord knows these commands, with each option and description, and one of them works.
async fn has_commands(world: &World, before: &[Value]) {
    wait::until("the commands to be set again", || async {
        let now = commands(world).await;
        if now == before { Ok(()) } else { Err(now) }
    })
    .await;
    let operator = world.operator();
    let asked = operator.run("web-01", "true").await;
    operator.card_end(&asked, "exit 0").await;
}

/// A world without rate limits, and its commands.
async fn with_commands() -> (World, Vec<Value>) {
    let options = Options {
        rate_limits: false,
        ..Options::default()
    };
    let world = World::with_hosts(&programs(), options, &[WEB]).await;
    let before = commands(&world).await;
    let options = before.iter().filter(|command| {
        let options = command["options"].as_array();
        options.is_some_and(|options| !options.is_empty())
    });
    assert!(options.count() >= 3, "{before:#?}");
    (world, before)
}

#[tokio::test]
async fn commands_that_were_taken_away_are_there_again_after_the_next_login() {
    let (world, before) = with_commands().await;
    world
        .as_bot(hyper::Method::PUT, &commands_path(&world), &json!([]))
        .await;
    // The session has timed out: it cannot be resumed.
    world
        .act("drop_gateway", &json!({"how": "close", "code": 4_009}))
        .await;
    has_commands(&world, &before).await;
    world.end().await;
}

#[tokio::test]
async fn commands_are_there_again_when_the_bot_was_removed_and_invited_again() {
    let (world, before) = with_commands().await;
    let bot = json!([{"user_id": world.defaults["application_id"]}]);
    for at_once in [true, false] {
        // A bot that is removed loses them.
        world
            .as_bot(hyper::Method::PUT, &commands_path(&world), &json!([]))
            .await;
        if at_once {
            // Both are heard in the same moment.
            world.controller().signal(Signal::SIGSTOP);
        }
        world.act("guild", &json!({"leave": bot})).await;
        if !at_once {
            let path = commands_path(&world);
            let refused = |call: &Value| {
                let at = call["path"].as_str().unwrap_or_default();
                at.ends_with(&path) && call["status"] == 403
            };
            wait::until("the bot to have noticed", || async {
                let traffic = world.traffic().await;
                let noticed = traffic.iter().any(refused);
                noticed.then_some(()).ok_or(traffic.len())
            })
            .await;
        }
        world.act("guild", &json!({"members": bot})).await;
        if at_once {
            world.controller().signal(Signal::SIGCONT);
        }
        has_commands(&world, &before).await;
    }
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_discord_refuses_runs_nothing_and_the_channel_is_told() {
    let world = world().await;
    let operator = world.operator();
    let (command, trace) = traced(&world);
    for (number, status) in [(1, 404), (2, 500)] {
        fail_next(&world, "POST", CALLBACK, status, false).await;
        operator.run("web-01", &command).await;
        check_not_started(&world, &operator, number).await;
    }

    // The three seconds are over before the controller gets to it.
    world.controller().signal(Signal::SIGSTOP);
    let asked = operator.run("web-01", &command).await;
    world
        .act("expire_interaction", &json!({"interaction_id": asked}))
        .await;
    world.controller().signal(Signal::SIGCONT);
    check_not_started(&world, &operator, 3).await;

    let asked = operator.run("web-01", "true").await;
    operator.card_end(&asked, "exit 0").await;
    assert!(!trace.exists(), "none of the three ran");
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_arrived_although_it_failed_runs_once() {
    let world = world().await;
    let operator = world.operator();
    let (command, trace) = traced(&world);
    fail_next(&world, "POST", CALLBACK, 500, true).await;
    let asked = operator.run("web-01", &command).await;
    operator.card_end(&asked, "exit 0").await;
    assert_eq!(std::fs::read_to_string(trace).unwrap(), "ran\n");
    assert_eq!(operator.view().await.len(), 1, "one card");
    world.end().await;
}

/// The event of an interaction once more, as a gateway that resumes may send it.
fn repeated(world: &World, operator: &Person, (id, token): (&str, &str), data: &Value) -> Value {
    let defaults = &world.defaults;
    let user = json!({
        "id": operator.id, "username": "operator", "discriminator": "0", "avatar": null, "bot": false,
    });
    json!({
        "id": id, "application_id": defaults["application_id"], "type": 2, "token": token,
        "version": 1, "guild_id": operator.guild, "channel_id": operator.channel,
        "channel": {"id": operator.channel, "type": 0, "name": "general", "guild_id": operator.guild},
        "member": {
            "user": user, "roles": [], "permissions": "0", "joined_at": "2024-01-01T00:00:00.000000+00:00",
            "deaf": false, "mute": false, "flags": 0, "nick": null, "avatar": null,
        },
        "locale": "en-US", "entitlements": [], "authorizing_integration_owners": {"0": operator.guild}, "context": 0,
        "attachment_size_limit": 10_485_760,
        "data": data,
    })
}

/// What Discord was told of this interaction: where, and what, oldest first.
async fn answers(world: &World, interaction: &str) -> Vec<(String, String)> {
    let begins = format!("/interactions/{interaction}/");
    let told = |call: &Value| {
        let path = call["path"].as_str().unwrap_or_default();
        let of_it = path.contains(&begins) && path.contains("/callback");
        of_it.then(|| (path.to_owned(), call["request"].to_string()))
    };
    world.traffic().await.iter().filter_map(told).collect()
}

/// Discord brings an interaction once more; the controller does nothing, and says so.
async fn is_not_done_twice(world: &World, operator: &Person, interaction: &str, data: &Value) {
    let before = answers(world, interaction).await;
    let (path, _) = before.first().expect("it was answered");
    let token = path.rsplit('/').nth(1).unwrap_or_default();
    let event = repeated(world, operator, (interaction, token), data);
    let sent = json!({"op": 0, "t": "INTERACTION_CREATE", "d": event});
    assert_eq!(world.act("gateway_send", &sent).await["sent"], 1);
    let refused = wait::until("the repetition to be refused", || async {
        let now = answers(world, interaction).await;
        now.get(before.len()).cloned().ok_or(now.len())
    })
    .await;
    assert!(refused.1.contains("Nothing was done twice."), "{refused:?}");
}

#[tokio::test]
async fn the_same_interaction_does_once_what_it_asks_also_after_a_restart() {
    let mut world = world().await;
    let operator = world.operator();
    let (command, trace) = traced(&world);
    let ran = operator.run("web-01", &command).await;
    operator.card_end(&ran, "exit 0").await;
    let run = json!({"id": "1", "name": "run", "type": 1, "options": [
        {"name": "on", "type": 3, "value": "web-01"},
        {"name": "command", "type": 3, "value": command},
    ]});
    // It ends what somebody begins anew before it is repeated.
    operator.below("hold", "on", &[("reason", "db move")]).await;
    let ended = operator.below("hold", "off", &[]).await;
    operator.answer(&ended).await;
    let hold_off = json!({"id": "1", "name": "hold", "type": 1, "options": [{"name": "off", "type": 1, "options": []}]});
    let held = world.shanty(&["hold", "on", "again"]).await;
    assert_eq!(held.code, 0, "{held:?}");

    for restart in [false, true] {
        if restart {
            world.take_controller().stop().await;
            world.start_controller().await;
            world.is_online("web-01", true).await;
        }
        is_not_done_twice(&world, &operator, &ran, &run).await;
        is_not_done_twice(&world, &operator, &ended, &hold_off).await;
    }
    assert_eq!(world.runs().await.len(), 1);
    assert_eq!(std::fs::read_to_string(trace).unwrap(), "ran\n");
    let refused = world.shanty(&["run", "--on", "web-01", "--", "true"]).await;
    assert!(refused.err.contains("again"), "it is on hold: {refused:?}");
    world.end().await;
}
