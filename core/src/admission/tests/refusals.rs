//! What everybody is told who is refused: what happened, and what to do next, in words that they know.

use super::*;
use crate::ask::{One, Part, Steer, TokenRequest};
use crate::history::Wanted;
use crate::hold::{Held, HoldAnswer};
use crate::refusal::Meant;
use crate::run::{Input, InputKind, Spec};
use crate::view::refusal_card;

/// Ops may do everything on web hosts in #ops; `see` may only see them; `dba` may run on db-01, and see web hosts.
fn policy() -> Policy {
    let grant = |id: &str, roles: &[u64], people: &[u64], what: &[Verb], hosts: &str| Grant {
        id: id.into(),
        roles: roles.to_vec(),
        people: people.to_vec(),
        channels: vec![OPS],
        what: what.to_vec(),
        hosts: Selector::parse_for_grant(hosts).unwrap(),
    };
    let elsewhere = Grant {
        channels: vec![OPS + 1, OPS + 2],
        ..grant("night", &[11], &[], &[Verb::Run], "all")
    };
    Policy {
        grants: vec![
            grant("ops", &[9], &[], &Verb::ALL, "role=web"),
            grant("ann", &[], &[33], &[Verb::Run, Verb::View], "all"),
            grant("see", &[8], &[], &[Verb::View], "role=web"),
            grant("dba", &[7], &[], &[Verb::Run], "db-01"),
            grant("dba-see", &[7], &[], &[Verb::View], "role=web"),
            grant("dba-web", &[7], &[], &[Verb::Run], "web-01"),
            elsewhere,
        ],
    }
}

fn ops() -> Asker {
    person(OPERATOR, &[9])
}

/// What ops did before, for which no interaction stands.
fn by_ops() -> Actor {
    Actor::Chat {
        user: OPERATOR,
        place: None,
    }
}

fn world() -> World {
    let mut world = World::with_policy(policy());
    for (name, selector) in [("front", "role=web"), ("all-front", "@front,db-01")] {
        let (name, selector) = (name.to_owned(), selector.to_owned());
        world.record(2, Kind::GroupSaved { name, selector });
    }
    let id = RunId::from_bytes([1; 16]);
    let spec = Spec {
        id,
        ..Spec::example(vec![Target {
            agent: agent(1),
            name: "web-01".parse().unwrap(),
            away: None,
        }])
    };
    world.record(3, Kind::Accepted(spec));
    world.record(4, Kind::Go(id));
    world.record(5, Kind::Closed(id));
    world
}

fn plain(on: &str) -> Ask {
    Ask::Run(run(on, "true"))
}

fn command(text: &str) -> Ask {
    Ask::Run(run("web-01", text))
}

/// What one mistake each is asked as, and by whom.
fn mistakes() -> Vec<(&'static str, Asker, Ask)> {
    let person_of = |roles: &[u64]| person(50, roles);
    let label = |on: &str, changes: &str| {
        let (on, changes) = (on.to_owned(), changes.to_owned());
        Ask::Inventory(InventoryAsk::Label { on, changes })
    };
    let save = |name: &str, on: &str| {
        let (name, on) = (name.to_owned(), on.to_owned());
        Ask::Inventory(InventoryAsk::SaveGroup { name, on })
    };
    let remove = |name: &str| {
        let name = name.to_owned();
        Ask::Inventory(InventoryAsk::RemoveGroup { name })
    };
    let token = |uses_max, ttl_ms| {
        Ask::CreateToken(TokenRequest {
            id: "t2".into(),
            secret_sha256: [1; 32],
            labels: Labels::default(),
            names: String::new(),
            uses_max,
            ttl_ms,
        })
    };
    let cancel = |which| Ask::Cancel {
        which,
        force: false,
    };
    let hold = |reason: &str| Ask::Hold(Hold::on(reason));
    let stop = cancel(Which::Number(RunNumber(1)));
    let (long, robot) = ("x".repeat(6_001), bot());
    let see = || person_of(&[8]);
    let dba = || person_of(&[7]);
    vec![
        ("nobody runs", person_of(&[]), plain("web-01")),
        ("nobody looks", person_of(&[]), look_at("")),
        ("nobody stops", person_of(&[]), stop.clone()),
        ("nobody holds", person_of(&[]), hold("db move")),
        ("nobody ends a hold", person_of(&[]), Ask::Hold(Hold::Off)),
        ("nobody drains", person_of(&[]), remove("front")),
        ("elsewhere they may", person_of(&[11]), plain("web-01")),
        ("a bot", robot, plain("web-01")),
        ("another server", in_guild(Some(GUILD + 1)), plain("web-01")),
        ("a direct message", in_guild(None), plain("web-01")),
        (
            "in chat",
            ops(),
            Ask::RemoveHost {
                name: "web-01".into(),
            },
        ),
        ("not on this one", dba(), plain("web-02")),
        ("not on these", dba(), plain("web-01,web-02,db-01")),
        ("not at once", dba(), plain("web-01,db-01")),
        ("a name", ops(), plain("web-1")),
        ("a name among others", ops(), plain("web-02,web-1")),
        ("a name that is a part", ops(), plain("web")),
        ("a label's value", ops(), plain("role=wbe")),
        ("a label's key", ops(), plain("colour=red")),
        ("a glob", ops(), plain("web-9*")),
        ("a range", ops(), plain("web-[05-09]")),
        ("nothing left", ops(), plain("role=web !web-01 !web-02")),
        ("only exclusions", ops(), plain("!web-01")),
        ("no hosts", ops(), plain(" ")),
        ("a character", ops(), plain("web-01 $(reboot)")),
        ("a list", ops(), plain("web-01,,web-02")),
        ("two mistakes", ops(), plain("wbe-01 | role=wbe")),
        ("a group", ops(), plain("@frnot")),
        ("a run", ops(), plain("#77:failed")),
        ("a part of a run", ops(), plain("#1:explode")),
        ("a comparison", ops(), plain("mem>lots")),
        ("a mount", ops(), plain("disk.srv>10%")),
        ("a pick", ops(), plain("role=web pick:9")),
        ("a long selector", ops(), plain(&long)),
        (
            "all hosts of a person who sees none",
            person_of(&[11]),
            plain("all"),
        ),
        ("an empty command", ops(), command(" ")),
        ("a long command", ops(), command(&long)),
        ("a NUL", ops(), command("a\0b")),
        ("curly quotes", ops(), command("ls “a”")),
        ("curly quotes on the machine", local(), command("ls “a”")),
        ("a cancel of what is over", ops(), stop),
        (
            "a run that is none",
            ops(),
            cancel(Which::Number(RunNumber(9))),
        ),
        ("a hold without a reason", ops(), hold(" \u{200b}\n")),
        ("a hold without a reason on the machine", local(), hold("")),
        ("a hold of many words", ops(), hold(&"why ".repeat(60))),
        ("labels that are none", ops(), label("web-01", "Env=prod")),
        ("labels twice", ops(), label("web-01", "a=b a=c")),
        ("labels both ways", ops(), label("web-01", "a=b a-")),
        ("no change of labels", ops(), label("web-01", " ")),
        ("labels as they are", ops(), label("web-01", "role=web")),
        ("labels out of the grant", ops(), label("web-01", "role=db")),
        ("labels of others", see(), label("web-01", "a=b")),
        ("a group's name", ops(), save("a b", "web-01")),
        ("a group of itself", local(), save("front", "@all-front")),
        ("a group of others", ops(), save("all-front", "web-01")),
        ("a group in use", local(), remove("front")),
        ("no group", ops(), remove("none")),
        (
            "no host",
            local(),
            Ask::RemoveHost {
                name: "web-9".into(),
            },
        ),
        ("no token", local(), Ask::RevokeToken { id: "t9".into() }),
        ("a token for none", local(), token(0, 60_000)),
        ("a token for ever", local(), token(1, u64::MAX)),
    ]
}

fn look_at(on: &str) -> Ask {
    let on = on.to_owned();
    Ask::Look(Question::Hosts { on })
}

fn bot() -> Asker {
    match ops() {
        Asker::Discord {
            user,
            name,
            guild,
            channel,
            roles,
            interaction,
            ..
        } => Asker::Discord {
            user,
            name,
            bot: true,
            guild,
            channel,
            parent_channel: None,
            roles,
            interaction,
        },
        local @ Asker::Local { .. } => local,
    }
}

fn in_guild(other: Option<u64>) -> Asker {
    match ops() {
        Asker::Discord {
            user,
            name,
            bot,
            channel,
            roles,
            interaction,
            ..
        } => Asker::Discord {
            user,
            name,
            bot,
            guild: other,
            channel,
            parent_channel: None,
            roles,
            interaction,
        },
        local @ Asker::Local { .. } => local,
    }
}

/// Words that people who use this do not know, and codes that are for scripts.
const INTERNAL: [&str; 9] = [
    "E_",
    "sha256",
    "subreaper",
    "digest",
    "execution",
    "interaction",
    "principal",
    "journal",
    "grants that",
];

fn check(what: &str, asker: &Asker, refusal: &Refusal) -> String {
    let card = refusal_card(refusal).texts.concat();
    let shown = match asker {
        Asker::Discord { .. } => card.clone(),
        Asker::Local { .. } => refusal.to_string(),
    };
    assert!(!refusal.what.is_empty(), "{what}");
    assert!(
        !refusal.next.is_empty() || refusal.meant.is_some(),
        "{what}: nothing to do next: {shown}"
    );
    let ends = [".", "?", "`", ":"];
    let lines = [&refusal.what, &refusal.next];
    for line in lines.iter().filter_map(|text| text.lines().next()) {
        assert!(ends.iter().any(|end| line.ends_with(end)), "{what}: {line}");
        let first = line.chars().next().unwrap();
        assert!(!first.is_lowercase(), "{what}: {line}");
    }
    for word in INTERNAL {
        assert!(!shown.contains(word), "{what}: {word} in {shown}");
    }
    shown
}

/// What somebody is told who asks this, and is refused.
fn told(world: &World, what: &str, asker: &Asker, ask: &Ask) -> String {
    let refused = match ask {
        Ask::Look(question) => look(&world.context(), asker, question).err(),
        ask => world.admit(asker, ask).err(),
    };
    let refusal = refused.unwrap_or_else(|| panic!("{what} is not refused"));
    let shown = check(what, asker, &refusal);
    let meant = match refusal.meant.as_deref() {
        Some(Meant::Name { name, .. }) => format!("\n[{name}]"),
        Some(Meant::Plain { kind, .. }) => format!("\n[plain {kind}]"),
        Some(Meant::Others { who }) => format!("\n[ask {who}]"),
        None => String::new(),
    };
    format!("{what}\n{shown}{meant}\n\n")
}

#[test]
fn whoever_is_refused_is_told_what_to_do_next_in_plain_words() {
    let mut all = String::new();
    let mut note = |world: &World, what: &str, asker: &Asker, ask: &Ask| {
        all.push_str(&told(world, what, asker, ask));
    };
    let mut world = world();
    for (what, asker, ask) in mistakes() {
        note(&world, what, &asker, &ask);
    }
    for (what, option, text) in [
        ("a timeout", RunOption::Timeout, "5"),
        ("a user", RunOption::As, "#0"),
        ("offline", RunOption::Offline, "maybe"),
        ("streams", RunOption::Streams, "two"),
        ("color", RunOption::Color, "maybe"),
    ] {
        let typed = Typed::default().with(option, text);
        let request = RunRequest {
            typed,
            ..run("web-01", "true")
        };
        note(&world, what, &ops(), &Ask::Run(request));
    }
    world.record(7, HostChange::Drained { on: true }.of(agent(1)));
    world.online(&[1]);
    note(&world, "one draining, one away", &ops(), &plain("role=web"));
    world.online(&[]);
    note(&world, "all away", &ops(), &plain("role=web"));
    world.record_by(8, by_ops(), Kind::Hold(Hold::on("db *move*")));
    note(&world, "on hold", &ops(), &plain("web-01"));
    note(
        &world,
        "on hold, on the machine",
        &local(),
        &plain("web-01"),
    );
    world.record(9, Kind::Hold(Hold::Off));
    world.under_way.interactions.insert(77);
    note(&world, "twice", &ops(), &plain("web-01"));
    world.under_way = UnderWay::default();
    world.now_ms = asked_ms(77) + limits::REPEATED_MS + 1;
    let label = InventoryAsk::Label {
        on: "web-01".into(),
        changes: "a=b".into(),
    };
    note(&world, "late", &ops(), &Ask::Inventory(label));
    insta::assert_snapshot!(all);
}

/// A run with these options typed.
fn with(options: &[(RunOption, &str)]) -> Ask {
    let typed = options.iter();
    Ask::Run(RunRequest {
        typed: typed
            .map(|(option, text)| (*option, (*text).to_owned()))
            .collect(),
        ..run("role=web", "true")
    })
}

#[test]
fn words_of_roll_outs() {
    use RunOption::{Batch, MaxFail, Parallel, Pause};
    let mut world = world();
    let mut all = String::new();
    let very_many = vec!["1"; 80].join(",");
    for (what, options) in [
        ("no wave", &[(Batch, "0")][..]),
        ("a wave over all", &[(Batch, "101%")]),
        ("a wave that is none", &[(Batch, "1,some")]),
        ("a wave of more than there are", &[(Batch, "3")]),
        ("a wave of nothing", &[(Batch, "1,,5")]),
        ("very many waves", &[(Batch, very_many.as_str())]),
        ("nobody at once", &[(Parallel, "0")]),
        ("some at once", &[(Parallel, "some")]),
        ("failures of all at once", &[(MaxFail, "2%")]),
        ("failures over all", &[(Batch, "1,100%"), (MaxFail, "101%")]),
        ("a pause without waves", &[(Pause, "first")]),
        (
            "a pause that is none",
            &[(Batch, "1,100%"), (Pause, "often")],
        ),
    ] {
        for (who, asker) in [("in chat", ops()), ("on the machine", local())] {
            let what = format!("{what}, {who}");
            all.push_str(&told(&world, &what, &asker, &with(options)));
        }
    }
    let spec = world
        .plan(&local(), &seen(run("role=web", "true")))
        .unwrap();
    let id = spec.spec.id;
    let steer = |to| Ask::Steer {
        which: One::Id(id),
        to,
    };
    world.record(10, Kind::Accepted(spec.spec));
    world.record(11, Kind::Go(id));
    let viewer = person(50, &[8]);
    for (what, asker, to) in [
        ("a pause of one without waves", ops(), Steer::Pause),
        ("going on with it", ops(), Steer::Continue),
        ("a pause of others", viewer.clone(), Steer::Pause),
        ("going on with others", viewer, Steer::Continue),
    ] {
        all.push_str(&told(&world, what, &asker, &steer(to)));
    }
    world.record(12, Kind::Closed(id));
    all.push_str(&told(
        &world,
        "a pause of what is over",
        &ops(),
        &steer(Steer::Pause),
    ));
    let none = Ask::Steer {
        which: One::Number(RunNumber(99)),
        to: Steer::Pause,
    };
    all.push_str(&told(&world, "a pause of none", &ops(), &none));
    insta::assert_snapshot!(all);
}

#[test]
fn words_of_inputs() {
    let mut world = world();
    let mut all = String::new();
    let script = Input::example();
    let stdin = Input {
        kind: InputKind::Stdin,
        name: String::new(),
        ..script.clone()
    };
    let fed = |command: &str, input: &Input| {
        Ask::Run(RunRequest {
            input: Some(input.clone()),
            ..run("web-01", command)
        })
    };
    let long = |input: &Input| Input {
        bytes: input.kind.bytes_max() + (1 << 20),
        ..input.clone()
    };
    world.online(&[1, 2, 3]);
    for (what, ask) in [
        ("a long script", fed("", &long(&script))),
        ("long standard input", fed("sh", &long(&stdin))),
        ("an old agent", fed("", &script)),
    ] {
        all.push_str(&told(&world, what, &ops(), &ask));
    }
    for agent in [1, 2, 3].map(agent) {
        world.fleet.entry(agent).takes_input = true;
    }
    for (n, input) in [script, stdin].into_iter().enumerate() {
        let id = RunId::from_bytes([20 + u8::try_from(n).unwrap(); 16]);
        let plan = world.plan(&local(), &seen(run("web-01", &input.command("sh"))));
        let spec = Spec {
            id,
            input: Some(input.clone()),
            ..plan.unwrap().spec
        };
        world.record(10, Kind::Accepted(spec));
        world.record(11, Kind::Closed(id));
        let again = Ask::Again {
            run: id,
            part: Part::All,
            seen: Some(YES.to_owned()),
        };
        let like = Ask::Run(RunRequest {
            like: Some(id),
            ..run("web-01", &input.command("other"))
        });
        assert!(world.admit(&ops(), &again).is_ok(), "it is there");
        for deleted_ms in [None, Some(1_795_341_000_000)] {
            world.recalled.input_gone(input.sha256, deleted_ms);
            for asker in [ops(), local()] {
                let what = format!("a deleted {}", input.kind.as_str());
                all.push_str(&told(&world, &what, &asker, &again));
                let code = world.admit(&asker, &like).unwrap_err().code;
                assert_eq!(code, Code::Deleted, "edited");
            }
        }
        let stranger = world.admit(&person(50, &[]), &again).unwrap_err();
        assert_eq!(
            stranger.code,
            Code::Denied,
            "whoever may not learns nothing"
        );
        world.recalled = Recalled::default();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn words_of_searches() {
    let world = world();
    let mut all = String::new();
    let text = |text: &str| Some(text.to_owned());
    let nothing = Wanted::default;
    let wanted = [
        (
            "a state",
            Wanted {
                state: text("broken"),
                ..nothing()
            },
        ),
        (
            "a time",
            Wanted {
                since: text("yesterday"),
                ..nothing()
            },
        ),
        (
            "no word",
            Wanted {
                text: text("\"()\""),
                ..nothing()
            },
        ),
        (
            "a long search",
            Wanted {
                text: text(&"x".repeat(6_000)),
                ..nothing()
            },
        ),
        (
            "many words",
            Wanted {
                text: text(
                    &(100..150)
                        .map(|word| format!("{word} "))
                        .collect::<String>(),
                ),
                ..nothing()
            },
        ),
        (
            "no such host",
            Wanted {
                on: text("wbe-01"),
                ..nothing()
            },
        ),
    ];
    for (what, wanted) in wanted {
        let ask = Ask::Look(Question::History { wanted });
        all.push_str(&told(&world, what, &ops(), &ask));
    }
    let ask = Ask::Look(Question::History { wanted: nothing() });
    all.push_str(&told(&world, "nobody looks back", &person(50, &[]), &ask));
    insta::assert_snapshot!(all);
}

#[test]
fn a_hold_has_a_reason_and_is_ended_once() {
    let mut world = world();
    let hold = |world: &World, hold: Hold| {
        let change = world.change(&ops(), &Ask::Hold(hold)).unwrap();
        let Answer::Hold(answer) = change.answer else {
            panic!("another answer")
        };
        (change.kinds, answer)
    };
    // One that begins may be on its way to the journal: what is asked last stands.
    let none = (vec![Kind::Hold(Hold::Off)], HoldAnswer::Stands(None));
    assert_eq!(hold(&world, Hold::Off), none, "there is none yet");
    let (kinds, began) = hold(&world, Hold::on("  db\n\u{200b}  move "));
    assert_eq!(kinds, [Kind::Hold(Hold::on("db move"))]);
    let held = Held {
        by: Some(ops().principal()),
        since_ms: world.now_ms,
        reason: "db move".into(),
    };
    assert_eq!(began, HoldAnswer::Began(held.clone()));
    world.record_by(world.now_ms, by_ops(), kinds[0].clone());
    assert_eq!(world.state.hold, Some(held.clone()));
    let asked = look(&world.context(), &person(50, &[8]), &Question::Hold).unwrap();
    assert!(matches!(asked, Answer::Hold(HoldAnswer::Stands(Some(stands))) if stands == held));
    // Somebody else says why it goes on.
    let (kinds, _) = hold(&world, Hold::on("still"));
    world.record_by(world.now_ms, local().actor(), kinds[0].clone());
    let stands = world.state.hold.clone().unwrap();
    assert_eq!(
        (stands.by, stands.reason.as_str()),
        (Some(local().principal()), "still")
    );
    let (kinds, ended) = hold(&world, Hold::Off);
    assert_eq!(ended, HoldAnswer::Ended);
    world.record(9, kinds[0].clone());
    assert_eq!(world.state.hold, None);
}

#[test]
fn on_a_full_disk_nothing_begins_and_what_stops_it_works() {
    let mut world = world();
    world.disk_full = true;
    let run = Ask::Run(RunRequest {
        on: "web-01".into(),
        command: "uptime".into(),
        ..RunRequest::default()
    });
    let refusal = world.admit(&ops(), &run).unwrap_err();
    assert_eq!(refusal.code, Code::Storage);
    assert!(
        refusal.what.contains("disk is full. Nothing was run."),
        "{refusal}"
    );
    assert!(world.admit(&ops(), &Ask::Hold(Hold::on("disk"))).is_ok());
    let looked = look(&world.context(), &ops(), &Question::Hold);
    assert!(looked.is_ok());
    world.disk_full = false;
    assert!(world.admit(&ops(), &run).is_ok());
}
