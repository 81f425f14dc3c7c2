//! Everything that is refused in chat: the answer says what happened and what to do next, only to who asked, and nothing ran.

use std::fmt::Write as _;

use hyper::Method;
use serde_json::{Value, json};
use shanty_tests::words::without_ids;
use shanty_tests::{Gate, Grant, Message, Options, Person, World};

use crate::programs;

const WEB: (&str, &str) = ("web-01", "env=prod,role=web");

/// Options of a command as somebody types them: name and value.
type Typed<'a> = &'a [(&'a str, &'a str)];

/// One more answer of a snapshot. Whoever it mentions, and where, has another id each time.
fn note(all: &mut String, what: &str, answer: &str) {
    let shown: String = what.chars().take(70).collect();
    let answer = without_ids(answer.trim_end());
    writeln!(all, "{}\n{answer}\n", shown.escape_debug()).unwrap();
}

async fn check_nothing_ran(world: &World) {
    assert_eq!(world.runs().await, Vec::<Value>::new());
}

/// The ids that the `guild` action tells after adding this.
pub(crate) async fn add_to_guild(world: &World, more: &Value) -> Value {
    world.act("guild", more).await
}

/// The same, for somebody else and elsewhere, whether or not a client of Discord's would offer the commands there.
pub(crate) fn person_at(person: &Person, guild: &Value, channel: &Value, user: &Value) -> Person {
    let text = |id: &Value| id.as_str().unwrap_or_default().to_owned();
    let mut other = person.in_channel(&text(channel));
    other.id = text(user);
    other.guild = text(guild);
    other.forges = true;
    other
}

#[tokio::test]
async fn what_is_typed_wrong_gets_a_clear_answer_and_runs_nothing() {
    let world = World::with_three(&programs()).await;
    let operator = world.operator();
    let long = "é".repeat(3_001);
    let long_selector = "é".repeat(3_001);
    let typed: [(&str, &str, Typed<'_>); 23] = [
        ("wbe-01", "true", &[]),
        ("web-1", "true", &[]),
        ("role=wbe", "true", &[]),
        ("colour=red", "true", &[]),
        ("web-9*", "true", &[]),
        ("web-[05-09]", "true", &[]),
        ("role=web role=db", "true", &[]),
        ("!db-01", "true", &[]),
        ("", "true", &[]),
        ("  ", "true", &[]),
        ("web-01,,db-01", "true", &[]),
        ("web-01 $(reboot)", "true", &[]),
        ("wbe-01 | role=wbe", "true", &[]),
        (&long_selector, "true", &[]),
        ("web-01", "", &[]),
        ("web-01", " \t\u{200b}", &[]),
        ("web-01", &long, &[]),
        ("web-01", "echo a\0b", &[]),
        ("web-01", "true", &[("timeout", "5")]),
        ("web-01", "true", &[("timeout", "0s")]),
        ("web-01", "true", &[("timeout", "25h")]),
        ("web-01", "true", &[("as", "root; reboot")]),
        ("web-01", "true", &[("as", "#0")]),
    ];
    let mut all = String::new();
    for (on, command, more) in typed {
        let options = [&[("on", on), ("command", command)], more].concat();
        let refused = operator.refused("run", &options).await;
        note(&mut all, &format!("/run {options:?}"), &refused);
    }
    note(
        &mut all,
        "/hosts on:wbe",
        &operator.refused("hosts", &[("on", "wbe")]).await,
    );
    insta::assert_snapshot!("typed_wrong", all);
    check_nothing_ran(&world).await;

    // What a client of Discord's does not even send.
    let too_long = "x".repeat(6_001);
    for options in [
        vec![("on", "web-01"), ("command", too_long.as_str())],
        vec![("on", too_long.as_str()), ("command", "true")],
        vec![("command", "true")],
    ] {
        let (status, answer) = operator
            .act("slash", &operator.command("run", &options))
            .await;
        assert_eq!(status, 400, "{answer}");
    }
    let (status, answer) = operator
        .act("slash", &operator.command("hold on", &[]))
        .await;
    assert_eq!(status, 400, "{answer}");
    check_nothing_ran(&world).await;
    world.end().await;
}

#[tokio::test]
async fn who_has_no_grant_learns_nothing() {
    let world = World::with_three(&programs()).await;
    let (guest, viewer) = (world.guest(), world.viewer());
    let mut all = String::new();
    let asked: [(&str, Typed<'_>); 6] = [
        ("run", &[("on", "web-01"), ("command", "true")]),
        ("run", &[("on", "no such host"), ("command", "")]),
        ("hosts", &[]),
        ("hosts", &[("on", "db-0")]),
        ("runs", &[]),
        ("hold on", &[("reason", "db move")]),
    ];
    for (name, options) in asked {
        let refused = guest.refused(name, options).await;
        assert!(
            !refused.contains("db-01") && !refused.contains("web-01"),
            "{refused}"
        );
        note(&mut all, &format!("guest /{name} {options:?}"), &refused);
    }
    let asked: [(&str, Typed<'_>); 4] = [
        ("run", &[("on", "web-01"), ("command", "true")]),
        ("hosts", &[("on", "db-0")]),
        ("hosts", &[("on", "role=db")]),
        ("hold on", &[("reason", "db move")]),
    ];
    for (name, options) in asked {
        let refused = viewer.refused(name, options).await;
        assert!(!refused.contains("db-01"), "{refused}");
        note(&mut all, &format!("viewer /{name} {options:?}"), &refused);
    }
    insta::assert_snapshot!("no_grant", all);
    check_nothing_ran(&world).await;

    // Not even in a channel where the operator has no grant.
    let more = add_to_guild(&world, &json!({"channels": [{"name": "elsewhere"}]})).await;
    let elsewhere = more["channels"]["elsewhere"].as_str().unwrap();
    let operator = world.operator().in_channel(elsewhere);
    let refused = operator
        .refused("run", &[("on", "web-01"), ("command", "true")])
        .await;
    assert!(
        refused.contains("You may not run commands here. Nothing was run."),
        "{refused}"
    );
    assert_eq!(operator.complete("run", "web").await, []);
    check_nothing_ran(&world).await;
    world.end().await;
}

#[tokio::test]
async fn a_grant_for_some_hosts_is_none_for_the_others() {
    let options = Options {
        grants: vec![
            Grant {
                who: "owner_id",
                what: &["view", "run"],
                hosts: "role=web",
            },
            Grant {
                who: "guest_id",
                what: &["run"],
                hosts: "db-01",
            },
            Grant {
                who: "user2_id",
                what: &["run"],
                hosts: "db-01",
            },
        ],
        ..Options::default()
    };
    let hosts = [WEB, ("db-01", "env=prod,role=db")];
    let world = World::with_hosts(&programs(), options, &hosts).await;
    let mut all = String::new();
    for (who, field) in [
        ("may see and use web", "owner_id"),
        ("may use db-01", "guest_id"),
        ("may use db-01 and see web", "user2_id"),
    ] {
        let person = world.person(field);
        for on in [
            "db-01,web-01",
            "wbe-01",
            "web-01 !db-01",
            "web-01,db*?",
            "env=prod",
        ] {
            // To somebody who may neither see nor use the other host there is no other.
            if matches!(
                (on, field),
                ("env=prod", "owner_id" | "guest_id") | ("web-01,db*?", "owner_id")
            ) {
                let asked = person.run(on, "true").await;
                let card = person.card_end(&asked, "exit 0").await.text();
                let own = if field == "owner_id" {
                    "web-01"
                } else {
                    "db-01"
                };
                assert!(
                    card.lines().next().unwrap_or_default().contains(own),
                    "{card}"
                );
                continue;
            }
            let refused = person
                .refused("run", &[("on", on), ("command", "true")])
                .await;
            note(&mut all, &format!("{who}: on:{on}"), &refused);
        }
    }
    insta::assert_snapshot!("some_hosts", all);
    assert_eq!(world.runs().await.len(), 3);
    let owner = world.person("owner_id");
    let asked = owner.run("role=web", "true").await;
    owner.card_end(&asked, "exit 0").await;
    world.end().await;
}

#[tokio::test]
async fn other_guilds_and_direct_messages_are_refused() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let me = json!(operator.id);
    let other = json!({
        "new": {"name": "Other", "owner_id": operator.id}, "channels": [{"name": "general"}],
    });
    let other = add_to_guild(&world, &other).await;
    let there = person_at(
        &operator,
        &other["guild_id"],
        &other["channels"]["general"],
        &me,
    );
    let direct = add_to_guild(&world, &json!({"dms": [{"user_id": operator.id}]})).await;
    let direct = person_at(&operator, &Value::Null, &direct["dms"][&operator.id], &me);

    let mut all = String::new();
    let asked: [(&str, Typed<'_>); 3] = [
        ("run", &[("on", "web-01"), ("command", "true")]),
        ("hosts", &[]),
        ("hold on", &[("reason", "db move")]),
    ];
    for (name, options) in asked {
        note(
            &mut all,
            &format!("other guild /{name}"),
            &there.refused(name, options).await,
        );

        let mut body = direct.command(name, options);
        body["guild_id"] = Value::Null;
        body["forged"] = json!(true);
        let (status, answer) = direct.act("slash", &body).await;
        assert_eq!(status, 200, "{answer}");
        let answer = direct
            .answer(answer["interaction_id"].as_str().unwrap())
            .await;
        assert!(answer.is_ephemeral());
        note(&mut all, &format!("direct message /{name}"), &answer.text());
    }
    insta::assert_snapshot!("other_places", all);
    assert_eq!(there.complete("run", "web").await, []);
    check_nothing_ran(&world).await;
    world.end().await;
}

#[tokio::test]
async fn a_bot_is_refused_also_when_it_has_a_grant() {
    let mut world = World::start(&programs(), Options::default()).await;
    let operator = world.operator();
    let people = json!({"people": [
        {"name": "robot", "bot": true, "roles": ["Operator"]}, {"name": "human", "roles": ["Operator"]},
    ]});
    let guild = add_to_guild(&world, &people).await;
    let role = guild["roles"]["Operator"].as_str().unwrap();
    world.grant_to_role(role, "all").await;
    world.add_host(WEB.0, WEB.1).await;

    let as_one = |name: &str| {
        let channel = json!(operator.channel);
        person_at(
            &operator,
            &guild["guild_id"],
            &channel,
            &guild["people"][name],
        )
    };
    let refused = as_one("robot")
        .refused("run", &[("on", "web-01"), ("command", "true")])
        .await;
    assert!(
        refused.contains("Bots may not do this. Nothing was done."),
        "{refused}"
    );
    check_nothing_ran(&world).await;
    let human = as_one("human");
    let asked = human.run("web-01", "true").await;
    human.card_end(&asked, "exit 0").await;
    world.end().await;
}

/// A message of the bot's with these buttons, such as another version may have left behind.
async fn old_message(world: &World, channel: &str, ids: &[String]) -> Message {
    let button = |id: &String| json!({"type": 2, "style": 4, "label": "x", "custom_id": id});
    let rows: Vec<Value> = ids
        .chunks(5)
        .map(|row| json!({"type": 1, "components": row.iter().map(button).collect::<Vec<_>>()}))
        .collect();
    let body = json!({"content": "from another time", "components": rows});
    Message(
        world
            .as_bot(
                Method::POST,
                &format!("/channels/{channel}/messages"),
                &body,
            )
            .await,
    )
}

#[tokio::test]
async fn forged_and_old_buttons_do_nothing() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let gate = Gate::new(world.dir.path(), "gate");
    let command = format!("{}; echo waiting; cat <&3", gate.open_in_shell());
    let asked = operator.run("web-01", &command).await;
    operator.in_thread_of(&asked).await;
    let run = world.runs().await[0]["run"].as_str().unwrap().to_owned();

    let forged = [
        format!("v1:cancel:{}", "0".repeat(32)),
        format!("v1:kill:{}", "f".repeat(32)),
        format!("v2:cancel:{run}"),
        format!("v1:explode:{run}"),
        format!("v1:CANCEL:{run}"),
        format!("v1:cancel:{run}0"),
        format!("v1:cancel:{}", run.to_uppercase()),
        "v1:cancel:#1".to_owned(),
        "v1:cancel:".to_owned(),
        "v2:x".to_owned(),
        "garbage \u{202e}\0".to_owned(),
    ];
    let old = old_message(&world, &operator.channel, &forged).await;
    let mut all = String::new();
    for id in &forged {
        let pressed = operator.click(&old, id).await;
        let answer = operator.answer(&pressed).await;
        assert!(answer.is_ephemeral(), "{answer:?}");
        let shown = id
            .replace(&run, "<run>")
            .replace(&run.to_uppercase(), "<RUN>");
        note(&mut all, &shown, &answer.text());
    }
    insta::assert_snapshot!("forged_buttons", all);
    let now = operator.answer(&asked).await;
    assert!(
        now.text().starts_with("### ▶ #1 · web-01\n"),
        "{}",
        now.text()
    );
    assert_eq!(
        now.buttons(),
        [format!("v1:cancel:{run}")],
        "the run is as it was"
    );
    drop(gate);
    operator.card_end(&asked, "exit 0").await;
    world.end().await;
}

#[tokio::test]
async fn cancel_needs_the_right_to_it_and_a_run_that_goes_on() {
    let world = World::with_hosts(&programs(), Options::default(), &[WEB]).await;
    let operator = world.operator();
    let gate = Gate::new(world.dir.path(), "gate");
    let command = format!("{}; echo waiting; cat <&3", gate.open_in_shell());
    let asked = operator.run("web-01", &command).await;
    let card = operator
        .card(&asked, "to have a button", |card| {
            !card.buttons().is_empty()
        })
        .await;
    // The card is there before the run begins, and a gate that closes before the command is at it holds it for ever.
    let thread = operator.in_thread_of(&asked).await;
    thread
        .sees("the command at its gate", |page| {
            page.text().contains("waiting")
        })
        .await;
    let button = card.buttons()[0].clone();

    let mut all = String::new();
    for (name, person) in [("viewer", world.viewer()), ("guest", world.guest())] {
        let pressed = person.click(&card, &button).await;
        let answer = person.answer(&pressed).await;
        assert!(answer.is_ephemeral(), "{answer:?}");
        note(&mut all, &format!("{name} presses Cancel"), &answer.text());
    }
    assert_eq!(world.runs().await[0]["state"], "running");
    drop(gate);
    let card = operator
        .card(&asked, "to be complete", |card| {
            let text = card.text();
            card.is_over() && text.contains("\nwaiting\n")
        })
        .await;
    // It shows the end before that is written down.
    world.run_ends("1").await;
    assert!(!card.text().contains("asked to stop it"), "{}", card.text());

    // Somebody whose client still showed the button, and pressed it just then.
    let old = old_message(&world, &operator.channel, std::slice::from_ref(&button)).await;
    let pressed = operator.click(&old, &button).await;
    let answer = operator.answer(&pressed).await;
    assert!(answer.is_ephemeral(), "{answer:?}");
    note(
        &mut all,
        "operator presses Cancel of a run that is over",
        &answer.text(),
    );
    insta::assert_snapshot!("cancel_refused", all);
    let after = operator.answer(&asked).await;
    assert_eq!(after.text(), card.text());
    world.end().await;
}

#[tokio::test]
async fn hosts_that_are_away_are_named_and_nothing_runs_when_all_are() {
    let hosts = [WEB, ("web-02", "role=web")];
    let mut world = World::with_hosts(&programs(), Options::default(), &hosts).await;
    let operator = world.operator();
    world.host("web-02").stop().await;
    world.is_online("web-02", false).await;
    let asked = operator.run_confirmed("role=web", "echo here").await;
    let text = operator
        .card_end(&asked, " · 1 ok, 1 not started · ")
        .await
        .text();
    assert!(text.starts_with("### ⚠ #1 · 2 hosts"), "{text}");
    assert!(
        text.contains("⚪ **web-02** · not started: the host was offline"),
        "{text}"
    );
    assert!(text.contains("✅ **web-01** · exit 0 · "), "{text}");

    let asked = operator.slash("hosts", &[]).await;
    let text = operator.answer(&asked).await.text();
    // In between stands that something is to be looked at, when the disk of this machine is nearly full.
    for told in ["🟢\u{a0}1 online · ", " · ⚪\u{a0}1 offline\n"] {
        assert!(text.contains(told), "{told}: {text}");
    }
    assert!(text.contains("- web-02  offline for "), "{text}");

    world.host("web-01").stop().await;
    world.is_online("web-01", false).await;
    let refused = operator
        .refused("run", &[("on", "role=web"), ("command", "true")])
        .await;
    insta::assert_snapshot!("all_away", refused);
    assert_eq!(world.runs().await.len(), 1);
    world.end().await;
}
