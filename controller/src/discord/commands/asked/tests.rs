//! Tests of reading interactions, from JSON as Discord sends it.

use serde_json::{Value, json};

use super::*;
use shanty_core::ask::{InventoryAsk, RunOption, RunRequest, Typed, YES};
use shanty_core::hold::Hold;
use shanty_core::ids::RunId;

mod presses;

const RUN: &str = "0192f3a4b5c67d8e9fa0b1c2d3e4f506";

fn interaction(kind: u8, data: Value) -> Value {
    json!({
        "id": "1300000000000000000", "application_id": "100", "type": kind, "token": "tok", "version": 1,
        "guild_id": "1", "channel_id": "5", "channel": {"id": "5", "type": 0, "guild_id": "1"},
        "member": {
            "user": {"id": "42", "username": "ann", "discriminator": "0"},
            "roles": ["3", "4"], "deaf": false, "mute": false, "flags": 0, "permissions": "0",
        },
        "app_permissions": "309237763072", "context": 0, "entitlements": [],
        "attachment_size_limit": 10, "authorizing_integration_owners": {"0": "1"},
        "data": data,
    })
}

fn heard(value: Value) -> Heard {
    hear(serde_json::from_value(value).unwrap()).unwrap()
}

fn slash(name: &str, options: Value) -> Value {
    interaction(
        2,
        json!({"id": "9", "name": name, "type": 1, "options": options}),
    )
}

fn option(name: &str, value: &str) -> Value {
    json!({"name": name, "type": 3, "value": value})
}

fn pressed(custom_id: &str) -> Value {
    let mut value = interaction(3, json!({"custom_id": custom_id, "component_type": 2}));
    value["message"] = json!({
        "id": "77", "channel_id": "5", "author": {"id": "100", "username": "b", "discriminator": "0"},
        "content": "", "timestamp": "2026-01-02T03:04:05.678000+00:00", "tts": false,
        "mention_everyone": false, "mentions": [], "mention_roles": [], "attachments": [],
        "embeds": [], "pinned": false, "type": 20,
    });
    value
}

#[test]
fn commands_are_read_with_their_options() {
    let run = slash(
        "run",
        json!([
            option("command", "uptime"),
            option("on", "role=web"),
            option("timeout", "5m"),
            option("as", "www"),
            option("offline", "skip"),
            option("streams", "apart"),
            json!({"name": "color", "type": 5, "value": true}),
        ]),
    );
    assert_eq!(
        heard(run).asked,
        Asked::Ask(Ask::Run(RunRequest {
            on: "role=web".to_owned(),
            command: "uptime".to_owned(),
            typed: Typed::default()
                .with(RunOption::Timeout, "5m")
                .with(RunOption::As, "www")
                .with(RunOption::Offline, "skip")
                .with(RunOption::Streams, "apart")
                .with(RunOption::Color, YES),
            like: None,
            input: None,
            upkeep: None,
        }))
    );
    assert_eq!(
        heard(slash("hosts", json!([]))).asked,
        Asked::Ask(Ask::Look(Question::Hosts { on: String::new() }))
    );
    let hosts = heard(slash("hosts", json!([option("on", "web*")])));
    assert_eq!(
        hosts.asked,
        Asked::Ask(Ask::Look(Question::Hosts {
            on: "web*".to_owned()
        }))
    );
    let runs = Asked::History(Wanted::default());
    assert_eq!(heard(slash("runs", json!([]))).asked, runs);
    let who = json!({"name": "who", "type": 6, "value": "42"});
    let some = slash(
        "runs",
        json!([who, option("state", "failed"), option("text", "disk")]),
    );
    let wanted = Wanted {
        who: vec![shanty_core::principal::Principal::Discord(42)],
        state: Some("failed".to_owned()),
        text: Some("disk".to_owned()),
        ..Wanted::default()
    };
    assert_eq!(heard(some).asked, Asked::History(wanted));
    let diff = slash("runs", json!([option("diff", "1 2")]));
    assert_eq!(heard(diff).asked, Asked::Between("1 2".to_owned()));
    let hold =
        |word: &str, options: Value| heard(slash("hold", json!([below(word, 1, options)]))).asked;
    assert_eq!(
        hold("on", json!([option("reason", "db move")])),
        Asked::Ask(Ask::Hold(Hold::on("db move")))
    );
    assert_eq!(hold("on", json!([])), Asked::Unknown, "without a reason");
    assert_eq!(hold("off", json!([])), Asked::Ask(Ask::Hold(Hold::Off)));
    assert_eq!(
        hold("show", json!([])),
        Asked::Ask(Ask::Look(Question::Hold))
    );
}

fn below(name: &str, kind: u8, options: Value) -> Value {
    json!({"name": name, "type": kind, "options": options})
}

#[test]
fn commands_below_a_command_are_read() {
    let label = below(
        "label",
        1,
        json!([option("on", "web*"), option("set", "env=prod")]),
    );
    assert_eq!(
        heard(slash("host", json!([label]))).asked,
        Asked::Ask(Ask::Inventory(InventoryAsk::Label {
            on: "web*".to_owned(),
            changes: "env=prod".to_owned()
        }))
    );
    for (word, drain) in [("drain", true), ("undrain", false)] {
        let asked = below(word, 1, json!([option("on", "web-01")]));
        let on = "web-01".to_owned();
        assert_eq!(
            heard(slash("host", json!([asked]))).asked,
            Asked::Ask(Ask::Inventory(InventoryAsk::Drain { on, drain }))
        );
    }
    let group =
        |name: &str, options: Value| heard(slash("group", json!([below(name, 1, options)]))).asked;
    assert_eq!(
        group(
            "save",
            json!([option("name", "web"), option("hosts", "role=web")])
        ),
        Asked::Ask(Ask::Inventory(InventoryAsk::SaveGroup {
            name: "web".to_owned(),
            on: "role=web".to_owned()
        }))
    );
    assert_eq!(
        group("remove", json!([option("name", "web")])),
        Asked::Ask(Ask::Inventory(InventoryAsk::RemoveGroup {
            name: "web".to_owned()
        }))
    );
    assert_eq!(
        group("list", json!([])),
        Asked::Ask(Ask::Look(Question::Groups))
    );
    for unknown in [
        json!([]),
        json!([below("explode", 1, json!([]))]),
        json!([below("label", 1, json!([option("on", "web*")]))]),
        json!([below("drain", 1, json!([option("state", "on")]))]),
        json!([below("label", 2, json!([]))]),
        json!([option("group", "x")]),
    ] {
        assert_eq!(
            heard(slash("host", unknown.clone())).asked,
            Asked::Unknown,
            "{unknown}"
        );
    }
}

#[test]
fn what_is_typed_below_a_command_is_found() {
    let typing = |name: &str, typed: &str| {
        let option = json!({"name": name, "type": 3, "value": typed, "focused": true});
        let inner = below("remove", 1, json!([option]));
        let data = json!({"id": "9", "name": "group", "type": 1, "options": [inner]});
        heard(interaction(4, data)).asked
    };
    let wants = |text: &str| {
        Asked::Ask(Ask::Look(Question::Complete {
            typed: text.to_owned(),
        }))
    };
    assert_eq!(typing("hosts", "role="), wants("role="));
    assert_eq!(typing("name", "we"), wants("@we"));
    assert_eq!(typing("name", "@we"), wants("@we"));
    assert_eq!(typing("set", "x"), Asked::Unknown);
}

#[test]
fn the_asker_is_who_discord_says() {
    let asker = heard(slash("runs", json!([]))).invocation;
    let expected = Invocation {
        guild: Some(1),
        channel: 5,
        parent_channel: None,
        channel_is_thread: false,
        user: 42,
        name: "ann".to_owned(),
        bot: false,
        roles: vec![3, 4],
        interaction: 1_300_000_000_000_000_000,
        token: Secret::new("tok".to_owned()),
        application: 100,
        promised: None,
    };
    assert_eq!(asker, expected);
    assert!(!format!("{asker:?}").contains("tok\""));
}

#[test]
fn threads_tell_their_channel() {
    let mut value = slash("runs", json!([]));
    value["channel"] = json!({"id": "8", "type": 11, "guild_id": "1", "parent_id": "5"});
    let asker = heard(value).invocation;
    assert!(asker.channel_is_thread);
    assert_eq!((asker.channel, asker.parent_channel), (8, Some(5)));
}

#[test]
fn a_category_is_no_parent() {
    let mut value = slash("runs", json!([]));
    value["channel"] = json!({"id": "5", "type": 0, "guild_id": "1", "parent_id": "4"});
    assert_eq!(heard(value).invocation.parent_channel, None);
}

#[test]
fn direct_messages_and_bots_are_told_apart() {
    let mut value = slash("runs", json!([]));
    let map = value.as_object_mut().unwrap();
    map.remove("guild_id");
    map.remove("member");
    map.insert(
        "user".to_owned(),
        json!({"id": "42", "username": "ann", "discriminator": "0", "bot": true}),
    );
    let asker = heard(value).invocation;
    assert_eq!((asker.guild, asker.bot, asker.roles), (None, true, vec![]));
}

#[test]
fn typing_tells_the_selector_so_far() {
    let focused = |command: &str, name: &str| {
        let options = json!([
            {"name": "command", "type": 3, "value": "x"},
            {"name": name, "type": 3, "value": "ro", "focused": true},
        ]);
        heard(interaction(
            4,
            json!({"id": "9", "name": command, "type": 1, "options": options}),
        ))
        .asked
    };
    assert_eq!(
        focused("run", "on"),
        Asked::Ask(Ask::Look(Question::Complete {
            typed: "ro".to_owned()
        }))
    );
    assert_eq!(
        focused("hosts", "on"),
        Asked::Ask(Ask::Look(Question::Complete {
            typed: "ro".to_owned()
        }))
    );
    assert_eq!(focused("run", "as"), Asked::Unknown);
    assert_eq!(focused("other", "on"), Asked::Unknown);
}

#[test]
fn a_run_is_a_command_a_file_or_what_is_still_to_be_written() {
    let request = |command: &str| RunRequest {
        on: "all".to_owned(),
        command: command.to_owned(),
        ..RunRequest::default()
    };
    let only_on = json!([option("on", "all")]);
    let asked = heard(slash("script", only_on.clone())).asked;
    assert_eq!(asked, Asked::Write(request("")));
    assert_eq!(heard(slash("run", only_on)).asked, Asked::Unknown);
    let empty = json!([option("on", "all"), option("command", "")]);
    let asked = heard(slash("run", empty)).asked;
    assert_eq!(asked, Asked::Ask(Ask::Run(request(""))));
    let script = json!({"name": "file", "type": 11, "value": "7"});
    let options = json!([option("on", "all"), option("args", "-x"), script]);
    let mut with_file = slash("script", options);
    let address = "https://cdn.discordapp.com/ephemeral-attachments/1/7/x.sh";
    with_file["data"]["resolved"] = json!({"attachments": {"7": {
        "id": "7", "filename": "x.sh", "size": 12, "url": address, "proxy_url": address,
    }}});
    let attached = Attached {
        url: address.to_owned(),
        name: "x.sh".to_owned(),
        bytes: 12,
    };
    let asked = heard(with_file.clone()).asked;
    assert_eq!(asked, Asked::Script(request("-x"), attached));
    // Of a file that Discord says nothing of, what is given to it is no command.
    with_file["data"]["resolved"] = json!({});
    assert_eq!(heard(with_file).asked, Asked::Unknown);
}

#[test]
fn what_is_not_ours_is_unknown() {
    for value in [
        slash("other", json!([])),
        slash("run", json!([])),
        slash(
            "run",
            json!([option("on", "all"), {"name": "command", "type": 4, "value": 5}]),
        ),
        slash("hold", json!([option("state", "on")])),
        // What it was called before.
        slash(
            "agent",
            json!([below(
                "drain",
                1,
                json!([option("on", "x"), option("state", "on")])
            )]),
        ),
        interaction(
            2,
            json!({"id": "9", "name": "run", "type": 3, "target_id": "7"}),
        ),
        interaction(5, json!({"custom_id": "v1:x:y", "components": []})),
    ] {
        assert_eq!(heard(value.clone()).asked, Asked::Unknown, "{value}");
    }
}

#[test]
fn in_a_server_only_what_was_installed_there_is_heard() {
    let with = |field: &str, given: Value| {
        let mut value = slash("runs", json!([]));
        value[field] = given;
        hear(serde_json::from_value(value).unwrap()).map(|_| ())
    };
    let owners = "authorizing_integration_owners";
    assert_eq!(with(owners, json!({"0": "1"})), Ok(()));
    assert_eq!(with(owners, json!({"0": "1", "1": "3"})), Ok(()));
    for wrong in [
        json!({}),
        json!({"1": "3"}),
        json!({"0": "2"}),
        json!({"0": "0"}),
    ] {
        assert_eq!(
            with(owners, wrong.clone()),
            Err(HearError::Install),
            "{wrong}"
        );
    }
    // Also for somebody whom a grant names without any role.
    let mut value = slash("runs", json!([]));
    let user = value["member"]["user"].clone();
    let map = value.as_object_mut().unwrap();
    map.remove("member");
    map.insert("user".to_owned(), user);
    let heard = hear(serde_json::from_value(value).unwrap());
    assert_eq!(heard, Err(HearError::Install));
}

#[test]
fn without_person_or_channel_there_is_nobody_to_tell() {
    let without = |fields: &[&str]| {
        let mut value = slash("runs", json!([]));
        let map = value.as_object_mut().unwrap();
        fields.iter().for_each(|field| drop(map.remove(*field)));
        hear(serde_json::from_value(value).unwrap())
    };
    assert_eq!(without(&["member", "guild_id"]), Err(HearError::Person));
    assert_eq!(without(&["channel", "channel_id"]), Err(HearError::Channel));
    assert_eq!(without(&["channel"]).unwrap().invocation.channel, 5);
}
