//! Every ask by everybody who may not: a new one without a rule does not compile, or fails here.

use super::*;
use crate::ask::{One, Part, RunOption, Steer, TokenRequest, Topic, Typed, UpkeepRequest, YES};
use crate::journal::{Needs, Proposal};
use crate::run::{Rollout, Strategy};

const UPDATE: UpkeepRequest = UpkeepRequest::Update {
    version: String::new(),
    older: false,
};
/// An update that is over.
const UPDATED: RunId = RunId::from_bytes([2; 16]);
/// An update that was shown.
const TO_UPDATE: RunId = RunId::from_bytes([3; 16]);

fn upkeep(asked: UpkeepRequest) -> RunRequest {
    RunRequest {
        on: "web-01".into(),
        typed: Typed::default().with(RunOption::Seen, YES),
        upkeep: Some(asked),
        ..RunRequest::default()
    }
}

/// What must be had, by what this world knows.
fn right(world: &World, ask: &Ask) -> Right {
    ask.right(|run| world.context().what_of(run))
}

/// One of each.
fn every_ask(run: RunId) -> Vec<Ask> {
    let on = || "web-01".to_owned();
    let name = || "web".to_owned();
    let all = vec![
        Ask::Run(super::run("web-01", "true")),
        Ask::Run(upkeep(UPDATE)),
        Ask::Run(upkeep(UpkeepRequest::Doctor)),
        Ask::Again {
            run: UPDATED,
            part: Part::All,
            seen: Some(YES.to_owned()),
        },
        Ask::Confirm {
            run: TO_UPDATE,
            choice: Confirm::AsAsked,
        },
        Ask::TakeBack { run: TO_UPDATE },
        Ask::Again {
            run: RunId::from_bytes([1; 16]),
            part: Part::All,
            seen: None,
        },
        Ask::Confirm {
            run,
            choice: Confirm::AsAsked,
        },
        Ask::TakeBack { run },
        Ask::Cancel {
            which: Which::All,
            force: false,
        },
        Ask::Steer {
            which: One::Id(RunId::from_bytes([1; 16])),
            to: Steer::Pause,
        },
        Ask::Hold(Hold::on("db move")),
        Ask::Inventory(InventoryAsk::Label {
            on: on(),
            changes: "a=b".into(),
        }),
        Ask::Inventory(InventoryAsk::Drain {
            on: on(),
            drain: true,
        }),
        Ask::Inventory(InventoryAsk::Release { on: on() }),
        Ask::Inventory(InventoryAsk::SaveGroup {
            name: name(),
            on: on(),
        }),
        Ask::Inventory(InventoryAsk::RemoveGroup { name: name() }),
        Ask::RemoveHost { name: on() },
        Ask::FreeName {
            name: "gone-01".into(),
        },
        Ask::CreateToken(TokenRequest {
            id: "t2".into(),
            secret_sha256: [1; 32],
            labels: Labels::default(),
            names: String::new(),
            uses_max: 1,
            ttl_ms: 60_000,
        }),
        Ask::RevokeToken { id: "t1".into() },
    ];
    let questions = [
        Question::Hosts { on: on() },
        Question::Complete { typed: "w".into() },
        Question::Runs { limit: 10 },
        Question::Run {
            number: RunNumber(1),
        },
        Question::RunOf {
            id: RunId::from_bytes([1; 16]),
        },
        Question::Edit {
            id: RunId::from_bytes([1; 16]),
        },
        Question::History {
            wanted: crate::history::Wanted::default(),
        },
        Question::Commands,
        Question::Versions,
        Question::Plan(super::run("web-01", "true")),
        Question::Plan(upkeep(UPDATE)),
        Question::Plan(upkeep(UpkeepRequest::Doctor)),
        Question::PlanAgain {
            run: UPDATED,
            part: Part::All,
        },
        Question::PlanAgain {
            run: RunId::from_bytes([1; 16]),
            part: Part::All,
        },
        Question::Groups,
        Question::Hold,
        Question::Tokens,
        Question::Help(Topic::Start),
        Question::Whoami,
        Question::Welcome,
    ];
    for question in &questions {
        match question {
            Question::Hosts { .. }
            | Question::Complete { .. }
            | Question::Runs { .. }
            | Question::Run { .. }
            | Question::RunOf { .. }
            | Question::Edit { .. }
            | Question::History { .. }
            | Question::Commands
            | Question::Versions
            | Question::Plan(_)
            | Question::PlanAgain { .. }
            | Question::Groups
            | Question::Hold
            | Question::Tokens
            | Question::Help(_)
            | Question::Whoami
            | Question::Welcome => {}
        }
    }
    let all: Vec<Ask> = all
        .into_iter()
        .chain(questions.into_iter().map(Ask::Look))
        .collect();
    for ask in &all {
        // Whoever adds one adds it above.
        match ask {
            Ask::Run(_)
            | Ask::Again { .. }
            | Ask::Confirm { .. }
            | Ask::TakeBack { .. }
            | Ask::Cancel { .. }
            | Ask::Steer { .. }
            | Ask::Hold(_)
            | Ask::Inventory(
                InventoryAsk::Label { .. }
                | InventoryAsk::Drain { .. }
                | InventoryAsk::Release { .. }
                | InventoryAsk::SaveGroup { .. }
                | InventoryAsk::RemoveGroup { .. },
            )
            | Ask::RemoveHost { .. }
            | Ask::FreeName { .. }
            | Ask::CreateToken(_)
            | Ask::RevokeToken { .. }
            | Ask::Look(_) => {}
        }
    }
    all
}

/// Everything that could be asked for is there, and operators have every verb everywhere.
fn world() -> (World, RunId) {
    let mut policy = policy();
    policy.grants[0].what = Verb::ALL.to_vec();
    policy.grants[0].hosts = Selector::parse_for_grant("all").unwrap();
    let mut world = World::with_policy(policy);
    let operator = person(OPERATOR, &[9]);
    world.enrol(9, "gone-01", "role=web");
    world.record(2, HostChange::Revoked.of(agent(9)));
    let token = Kind::TokenCreated {
        token: "t1".into(),
        secret_sha256: [0; 32],
        labels: Labels::default(),
        names: String::new(),
        uses_max: 1,
        expires_ms: u64::MAX,
    };
    world.record(1, token);
    let group = Kind::GroupSaved {
        name: "web".into(),
        selector: "role=web".into(),
    };
    world.record(1, group);
    let spec = world.plan(&operator, &run("web-01", "true")).unwrap().spec;
    world.offer("0.2.0");
    for n in [1, 2, 3] {
        world.agent_is(n, "0.1.0", true);
    }
    let update = world.plan(&operator, &upkeep(UPDATE)).unwrap().spec;
    let accepted = Spec {
        id: RunId::from_bytes([1; 16]),
        strategy: Strategy {
            rollout: Some(Rollout::default()),
            ..spec.strategy.clone()
        },
        ..spec.clone()
    };
    // By earlier interactions than the one that is asked by.
    let earlier = || Actor::Chat {
        user: OPERATOR,
        place: None,
    };
    world.record_by(2, earlier(), Kind::Accepted(accepted));
    let id = spec.id;
    let proposal = Proposal {
        spec,
        needs: Needs::OwnWord,
        until_ms: u64::MAX,
    };
    world.record_by(3, earlier(), Kind::Proposed(proposal));
    let updated = Spec {
        id: UPDATED,
        ..update.clone()
    };
    world.record_by(3, earlier(), Kind::Accepted(updated));
    let proposal = Proposal {
        spec: Spec {
            id: TO_UPDATE,
            ..update
        },
        needs: Needs::OwnWord,
        until_ms: u64::MAX,
    };
    world.record_by(3, earlier(), Kind::Proposed(proposal));
    // What was asked for is not asked for by the same press again.
    world.now_ms += limits::PRESSED_AGAIN_MS;
    (world, id)
}

/// What somebody is told: the code of the refusal, or nothing.
fn refused(world: &World, asker: &Asker, ask: &Ask) -> Option<Code> {
    let Ask::Look(question) = ask else {
        return world.admit(asker, ask).err().map(|refusal| refusal.code);
    };
    let told = look(&world.context(), asker, question);
    match (question, told) {
        // Nobody is told why nothing is suggested.
        (Question::Complete { .. } | Question::Versions, Ok(Answer::Choices(choices))) => {
            choices.is_empty().then_some(Code::Denied)
        }
        // The one function says the same.
        (_, told) => {
            let admitted = world.admit(asker, ask).err().map(|refusal| refusal.code);
            let told = told.err().map(|refusal| refusal.code);
            assert_eq!(admitted, told, "{ask:?}");
            told
        }
    }
}

#[test]
fn whoever_has_every_right_may_ask_everything_but_what_needs_the_machine() {
    let (world, id) = world();
    for ask in every_ask(id) {
        assert_eq!(
            refused(&world, &person(OPERATOR, &[9]), &ask),
            (right(&world, &ask) == Right::Operator).then_some(Code::Denied),
            "{ask:?}"
        );
        // What was shown to somebody else is not confirmed by the command line either.
        let own = matches!(ask, Ask::Confirm { .. } | Ask::TakeBack { .. });
        assert_eq!(
            refused(&world, &local(), &ask),
            own.then_some(Code::Stale),
            "{ask:?}"
        );
    }
}

#[test]
fn nobody_else_may_ask_anything() {
    let (world, id) = world();
    let outside = |change: &dyn Fn(&mut Asker)| {
        let mut asker = person(OPERATOR, &[9]);
        change(&mut asker);
        asker
    };
    let nobodies = [
        ("without a role", person(GUEST, &[]), Code::Denied),
        (
            "in another guild",
            outside(&|a| {
                if let Asker::Discord { guild, .. } = a {
                    *guild = Some(2);
                }
            }),
            Code::Guild,
        ),
        (
            "in a direct message",
            outside(&|a| {
                if let Asker::Discord { guild, .. } = a {
                    *guild = None;
                }
            }),
            Code::GuildOnly,
        ),
        (
            "in another channel",
            outside(&|a| {
                if let Asker::Discord { channel, .. } = a {
                    *channel = 6;
                }
            }),
            Code::Denied,
        ),
        (
            "a bot",
            outside(&|a| {
                if let Asker::Discord { bot, .. } = a {
                    *bot = true;
                }
            }),
            Code::Denied,
        ),
    ];
    for ask in every_ask(id) {
        for (who, asker, code) in &nobodies {
            let told = refused(&world, asker, &ask);
            let is_member = who.starts_with("without") || who.ends_with("channel");
            let expected = match ask {
                Ask::Look(Question::Complete { .. } | Question::Versions) => Some(Code::Denied),
                // What is their own is told to everybody whom the controller serves.
                _ if right(&world, &ask) == Right::Anybody && is_member => None,
                _ => Some(*code),
            };
            assert_eq!(told, expected, "{who}: {ask:?}");
        }
    }
}

#[test]
fn one_verb_gives_what_needs_it_and_nothing_else() {
    for verb in Verb::ALL {
        let (mut world, id) = world();
        world.settings.policy.grants[0].what = vec![verb];
        for ask in every_ask(id) {
            // Suggestions are for whoever may do anything to hosts.
            if matches!(ask, Ask::Look(Question::Complete { .. })) {
                continue;
            }
            let told = refused(&world, &person(OPERATOR, &[9]), &ask);
            let may = matches!(right(&world, &ask), Right::Anybody)
                || right(&world, &ask) == Right::Grant(verb);
            // The web group may be changed by who may see its hosts as well: that is another rule.
            assert_eq!(told != Some(Code::Denied), may, "{verb}: {ask:?}: {told:?}");
        }
    }
}

#[test]
fn an_interaction_does_something_once_and_not_long_before_or_after() {
    let (mut world, id) = world();
    const INTERACTION: u64 = 1_300_000_000_000_000_000;
    let asked_ms = (INTERACTION >> 22) + 1_420_070_400_000;
    let mut asker = person(OPERATOR, &[9]);
    if let Asker::Discord { interaction, .. } = &mut asker {
        *interaction = INTERACTION;
    }
    for (at_ms, late) in [
        (asked_ms, false),
        (asked_ms + limits::REPEATED_MS + 1, true),
    ] {
        world.now_ms = at_ms;
        for ask in every_ask(id) {
            let stale = refused(&world, &asker, &ask) == Some(Code::Stale);
            let expected = late && ask.needs_fresh() && right(&world, &ask) != Right::Operator;
            assert_eq!(stale, expected, "{late} {ask:?}");
        }
    }
    // A clock may be behind, but not by much.
    for (ahead_ms, early) in [(limits::AHEAD_MS, false), (limits::AHEAD_MS + 1, true)] {
        world.now_ms = asked_ms - ahead_ms;
        let changes =
            |ask: &Ask| !matches!(ask, Ask::Look(_)) && right(&world, ask) != Right::Operator;
        for ask in every_ask(id).into_iter().filter(changes) {
            let stale = refused(&world, &asker, &ask) == Some(Code::Stale);
            assert_eq!(stale, early, "{early} {ask:?}");
        }
    }
    // Being recorded, and recorded.
    world.now_ms = asked_ms;
    world.under_way.interactions.insert(INTERACTION);
    let twice = |world: &World| {
        let changes =
            |ask: &Ask| !matches!(ask, Ask::Look(_)) && right(world, ask) != Right::Operator;
        for ask in every_ask(id).into_iter().filter(changes) {
            let told = refused(world, &asker, &ask);
            assert_eq!(told, Some(Code::Stale), "{ask:?}");
        }
    };
    twice(&world);
    world.under_way = UnderWay::default();
    world.record_by(asked_ms, asker.actor(), Kind::Hold(Hold::Off));
    twice(&world);
    // Discord repeats nothing for an hour: then it need not be known any more.
    world.state.forget(asked_ms + limits::INTERACTION_MS, None);
    twice(&world);
    world
        .state
        .forget(asked_ms + limits::INTERACTION_MS + 1, None);
    assert!(world.state.interactions.is_empty());
}

#[test]
fn what_is_being_confirmed_or_taken_back_is_not_decided_twice() {
    let (mut world, id) = world();
    let asker = person(OPERATOR, &[9]);
    let confirm = Ask::Confirm {
        run: id,
        choice: Confirm::AsAsked,
    };
    let take_back = Ask::TakeBack { run: id };
    let told = |world: &World, ask: &Ask| {
        let admitted = world.admit(&asker, ask);
        admitted.map(|_| ()).map_err(|refusal| refusal.what)
    };
    world.under_way.accepted.insert(id);
    let twice = "This is being confirmed already. Nothing was run twice.";
    assert_eq!(told(&world, &confirm), Err(twice.to_owned()));
    let late = "This is being confirmed already.";
    assert_eq!(told(&world, &take_back), Err(late.to_owned()));
    world.under_way = UnderWay::default();
    world.under_way.given_up.insert(id);
    let gone = "This was taken back. Nothing was run.";
    assert_eq!(told(&world, &confirm), Err(gone.to_owned()));
}

#[test]
fn tokens_and_removals_keep_their_bounds() {
    let (world, _) = world();
    let token = |uses_max, ttl_ms| {
        let request = TokenRequest {
            id: "t2".into(),
            secret_sha256: [1; 32],
            labels: Labels::default(),
            names: String::new(),
            uses_max,
            ttl_ms,
        };
        match world.change(&local(), &Ask::CreateToken(request)) {
            Ok(change) => match change.answer {
                Answer::TokenCreated { expires_ms } => Ok(expires_ms),
                other => panic!("{other:?}"),
            },
            Err(refusal) => Err(refusal.code),
        }
    };
    assert_eq!(token(1, 1_000), Ok(world.now_ms + 1_000));
    assert_eq!(token(0, 1_000), Err(Code::BadOption));
    assert_eq!(
        token(limits::TOKEN_USES_MAX + 1, 1_000),
        Err(Code::BadOption)
    );
    assert_eq!(token(1, 999), Err(Code::Duration));
    assert_eq!(token(1, limits::TOKEN_MS.1 + 1), Err(Code::Duration));
    let refused = |ask: Ask| world.admit(&local(), &ask).unwrap_err().to_string();
    let none = refused(Ask::RevokeToken { id: "none".into() });
    assert!(none.contains("There is no such token."), "{none}");
    let name = "nobody`\u{202e}".to_owned();
    let none = refused(Ask::RemoveHost { name });
    assert!(none.starts_with("There is no host named"), "{none}");
    assert!(!none.contains('\u{202e}'), "{none}");
}

/// Whoever chooses the labels of a host chooses whose grants hold it.
#[test]
fn only_who_manages_all_lets_hosts_join() {
    let token = || {
        Ask::CreateToken(TokenRequest {
            id: "t2".into(),
            secret_sha256: [1; 32],
            labels: Labels::parse("role=web").unwrap(),
            names: "web-*".into(),
            uses_max: 1,
            ttl_ms: 60_000,
        })
    };
    let revoke = || Ask::RevokeToken { id: "t1".into() };
    for (hosts, may) in [
        ("all", true),
        ("role=web", false),
        ("w*", false),
        ("all !db-01", false),
        ("all role=web", false),
    ] {
        let (mut world, _) = world();
        world.settings.policy.grants.truncate(1);
        world.settings.policy.grants[0].hosts = Selector::parse_for_grant(hosts).unwrap();
        let operator = person(OPERATOR, &[9]);
        for ask in [token(), revoke()] {
            let expected = (!may).then_some(Code::Denied);
            assert_eq!(
                refused(&world, &operator, &ask),
                expected,
                "{hosts} {ask:?}"
            );
            assert_eq!(refused(&world, &local(), &ask), None);
        }
    }
}

#[test]
fn somebody_is_told_their_own_grants_and_who_has_the_others() {
    let mut world = World::new();
    let extra = |id: &str, what: Verb, person: u64, channel: u64| Grant {
        id: id.into(),
        roles: vec![],
        people: vec![person],
        channels: vec![channel],
        what: vec![what],
        hosts: Selector::parse_for_grant("db-01").unwrap(),
    };
    let grants = &mut world.settings.policy.grants;
    grants.push(extra("db", Verb::View, OPERATOR, OPS));
    grants.push(extra("holds", Verb::Hold, GUEST, OPS));
    grants.push(extra("away", Verb::Manage, OPERATOR, 6));
    let rights = |asker: &Asker| match look(&world.context(), asker, &Question::Whoami) {
        Ok(Answer::Rights(rights)) => *rights,
        other => panic!("{other:?}"),
    };
    let own = rights(&person(OPERATOR, &[9]));
    let view = own.of(Verb::View).unwrap();
    let by: Vec<(&str, Option<u64>, usize)> = view
        .by
        .iter()
        .map(|by| (by.grant.as_str(), by.role, by.hosts))
        .collect();
    assert_eq!(by, [("web", Some(9), 2), ("db", None, 1)]);
    assert_eq!((view.hosts, view.by[0].selector.as_str()), (3, "role=web"));
    assert!(own.may(Verb::Run) && !own.may(Verb::Hold) && !own.may(Verb::Manage));
    let hold = own.of(Verb::Hold).unwrap();
    assert_eq!((hold.hosts, hold.people.as_slice()), (0, &[GUEST][..]));
    assert_eq!(own.elsewhere, [6]);
    let label = Some("role=web".to_owned());
    assert_eq!(own.example, Some(("web-01".to_owned(), label)));
    // Whoever has nothing hears of no host.
    let guest = rights(&person(32, &[]));
    assert!(
        guest
            .verbs
            .iter()
            .all(|verb| verb.by.is_empty() && verb.hosts == 0)
    );
    assert_eq!((guest.example, guest.elsewhere.len()), (None, 0));
    assert_eq!(rights(&local()).channel, None);
}
