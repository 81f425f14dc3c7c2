//! What is asked before it runs, and that what was shown is what runs.

use super::*;
use crate::journal::{Needs, Proposal};
use crate::run::{Away, Offline};

const AT: u64 = 1_000_000;

/// A fleet of which db-01 is offline, and an operator who may run on all of it.
fn fleet() -> World {
    let mut policy = policy();
    policy.grants[0].hosts = Selector::parse_for_grant("all").unwrap();
    policy.grants[0].what.push(Verb::Manage);
    let mut world = World::with_policy(policy);
    world.settings.confirm_hosts = 2;
    world.now_ms = AT + 1_000;
    world
}

impl World {
    fn ask(&self, on: &str, offline: Option<&str>) -> Result<Plan, Refusal> {
        let request = RunRequest {
            typed: Typed::default().with(RunOption::Offline, offline.unwrap_or_default()),
            ..run(on, "true")
        };
        self.plan(&operator(), &request)
    }

    /// Shows what `on` stands for, and gives the id of it.
    fn show(&mut self, on: &str, offline: Option<&str>) -> RunId {
        let spec = self.ask(on, offline).unwrap().spec;
        let id = spec.id;
        self.record_by(AT, operator().actor(), proposed(spec, AT));
        id
    }

    fn confirm(&self, asker: &Asker, run: RunId, choice: Confirm) -> Result<Spec, Refusal> {
        match self.admit(asker, &Ask::Confirm { run, choice })? {
            Admitted::Confirmed(spec) => Ok(*spec),
            other => panic!("{other:?}"),
        }
    }
}

fn proposed(spec: Spec, at_ms: u64) -> Kind {
    Kind::Proposed(Proposal {
        spec,
        needs: Needs::OwnWord,
        until_ms: at_ms + limits::PREVIEW_MS,
    })
}

fn operator() -> Asker {
    person(OPERATOR, &[9])
}

fn refused<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
    let refusal = result.unwrap_err();
    format!("{} {}", refusal.code, refusal.what)
}

#[test]
fn people_are_asked_for_all_for_many_and_for_hosts_that_are_away() {
    let world = fleet();
    let asks = |on: &str, offline| world.ask(on, offline).unwrap().cautions;
    assert_eq!(asks("web-01", None), []);
    assert_eq!(asks("web*", None), []);
    assert_eq!(asks("web-01,db-01", None), [Caution::Away]);
    assert_eq!(asks("web*,db-01", None), [Caution::Many(2), Caution::Away]);
    assert_eq!(
        asks("all", None),
        [Caution::Every, Caution::Many(2), Caution::Away]
    );
    assert_eq!(asks("all !db-01", None), [Caution::Every]);
    // Whoever said what becomes of them need not be asked for that.
    for offline in ["fail", "skip", "queue", "queue:2h"] {
        assert_eq!(asks("web-01,db-01", Some(offline)), [], "{offline}");
    }
    // A group is no way around it.
    let mut world = fleet();
    world.record(
        1,
        Kind::GroupSaved {
            name: "every".into(),
            selector: "all".into(),
        },
    );
    assert_eq!(
        world.ask("@every web-01", None).unwrap().cautions,
        [Caution::Every]
    );
}

#[test]
fn the_command_line_says_that_it_was_seen_or_is_refused_what_chat_would_ask_about() {
    let mut world = fleet();
    let asked = |world: &World, request: &RunRequest| world.plan(&local(), request);
    let all = run("all", "true");
    let refusal = asked(&world, &all).unwrap_err();
    assert_eq!(refusal.code, Code::BadOption);
    assert!(refusal.what.contains("`all` was named"), "{refusal:?}");
    assert_eq!(asked(&world, &seen(all.clone())).unwrap().cautions, []);
    assert_eq!(asked(&world, &run("web-01", "true")).unwrap().cautions, []);

    // It may look at it first; nothing comes of that.
    let shown_to = |world: &World, asker: &Asker| {
        let question = Question::Plan(all.clone());
        match look(&world.context(), asker, &question) {
            Ok(Answer::Previewed(preview)) => *preview,
            other => panic!("{other:?}"),
        }
    };
    let preview = shown_to(&world, &local());
    assert_eq!(
        preview.cautions,
        [Caution::Every, Caution::Many(2), Caution::Away]
    );
    assert_eq!(preview.away.len(), 1);
    assert_eq!(shown_to(&world, &operator()).cautions[0], Caution::Every);

    // What was seen is what runs.
    let mut shown = all.clone();
    let set = hex::encode(preview.spec.digest);
    shown.typed = shown.typed.with(RunOption::Seen, set);
    assert_eq!(
        asked(&world, &shown).unwrap().spec.digest,
        preview.spec.digest
    );
    world.record(
        1,
        Kind::HostChanged {
            agent: preview.spec.targets[0].agent,
            change: HostChange::Revoked,
        },
    );
    assert_eq!(asked(&world, &shown).unwrap_err().code, Code::Stale);

    // In chat nobody gets around a preview so.
    let plan = world.plan(&operator(), &seen(run("all", "true")));
    assert_eq!(plan.unwrap().cautions[0], Caution::Every);
}

#[test]
fn what_becomes_of_hosts_that_are_away_is_typed_exactly() {
    let world = fleet();
    let offline = |text| {
        world
            .ask("web-01", Some(text))
            .map(|plan| plan.spec.strategy.offline)
    };
    assert_eq!(offline("fail"), Ok(Offline::Fail));
    assert_eq!(offline(" skip "), Ok(Offline::Skip));
    let for_ms = limits::QUEUE_MS.1;
    assert_eq!(offline("queue"), Ok(Offline::Queue { for_ms }));
    let for_ms = 7_200_000;
    assert_eq!(offline("queue:2h"), Ok(Offline::Queue { for_ms }));
    for bad in [
        "Skip",
        "queue:",
        "queue:0s",
        "queue:59s",
        "queue:8d",
        "queue:2",
        "wait",
        "queue 2h",
    ] {
        assert_eq!(offline(bad).unwrap_err().code, Code::BadOption, "{bad}");
    }
}

#[test]
fn nothing_runs_where_nobody_can_take_it_unless_it_may_wait() {
    let mut world = fleet();
    let text = "E_ALL_OFFLINE None of the hosts is online: db-01. Nothing was run.";
    for offline in [None, Some("fail"), Some("skip")] {
        assert_eq!(refused(world.ask("db-01", offline)), text);
    }
    assert_eq!(world.ask("db-01", Some("queue")).unwrap().cautions, []);
    world.record(2, HostChange::Drained { on: true }.of(agent(1)));
    assert_eq!(
        refused(world.ask("web-01,db-01", None)),
        "E_ALL_OFFLINE None of the hosts takes new runs: web-01 is draining, db-01 offline. Nothing was run."
    );
    let plan = world.ask("all", None).unwrap();
    let away: Vec<_> = plan.spec.targets.iter().map(|target| target.away).collect();
    assert_eq!(away, [Some(Away::Draining), None, Some(Away::Offline)]);
}

#[test]
fn what_was_shown_is_what_runs_whoever_comes_and_goes() {
    let mut world = fleet();
    let id = world.show("all", None);
    let shown = world.state.proposals[&id].spec.clone();

    // One host comes back, another goes, a third joins, and labels change.
    world.online(&[1, 3]);
    world.enrol(4, "web-04", "");
    for (choice, offline) in [
        (Confirm::AsAsked, Offline::Fail),
        (Confirm::OnlineOnly, Offline::Skip),
        (
            Confirm::Queue,
            Offline::Queue {
                for_ms: limits::QUEUE_MS.1,
            },
        ),
    ] {
        let spec = world.confirm(&operator(), id, choice).unwrap();
        assert_eq!(
            (&spec.targets, spec.digest, spec.strategy.offline),
            (&shown.targets, shown.digest, offline)
        );
        // With the hosts that were away as they were shown.
        assert_eq!(spec.targets[2].away, Some(Away::Offline));
        assert_eq!(spec.targets[1].away, None);
        assert_eq!((spec.id, spec.what), (id, shown.what.clone()));
    }
    // Of those that were online then, none is left.
    world.online(&[3]);
    assert!(refused(world.confirm(&operator(), id, Confirm::OnlineOnly)).contains("web-[01-02]"));
    assert!(world.confirm(&operator(), id, Confirm::AsAsked).is_ok());
}

#[test]
fn a_press_is_decided_anew() {
    let mut world = fleet();
    let id = world.show("all", None);
    let go = |world: &World, asker: &Asker| world.confirm(asker, id, Confirm::AsAsked);
    let told = |world: &World, asker: &Asker| refused(go(world, asker));
    assert!(go(&world, &operator()).is_ok());

    // Somebody else, with the same rights.
    assert_eq!(
        told(&world, &person(99, &[9])),
        "E_STALE It was shown to somebody else. Nothing was run."
    );
    assert!(told(&world, &person(OPERATOR, &[])).starts_with("E_DENIED"));
    world.record(AT + 1, Kind::Hold(Hold::on("db move")));
    assert!(told(&world, &operator()).starts_with("E_HOLD"));
    world.record(AT + 2, Kind::Hold(Hold::Off));

    // Too late.
    world.now_ms = AT + limits::PREVIEW_MS + 1;
    let refusal = go(&world, &operator()).unwrap_err();
    assert_eq!(refusal.code, Code::Stale);
    world.now_ms = AT + limits::PREVIEW_MS;
    assert!(go(&world, &operator()).is_ok());

    // The grant does not cover every host any more.
    world.settings.policy.grants[0].hosts = Selector::parse_for_grant("role=web").unwrap();
    assert!(told(&world, &operator()).starts_with("E_DENIED"));
    world.settings.policy.grants[0].hosts = Selector::parse_for_grant("all").unwrap();

    let removed = HostChange::Revoked.of(agent(3));
    let mut without = fleet();
    without.state = world.state.clone();
    without.record(AT + 3, removed);
    assert_eq!(
        told(&without, &operator()),
        "E_STALE db-01 was removed since this was shown. Nothing was run."
    );

    // Once.
    let spec = go(&world, &operator()).unwrap();
    world.record(AT + 4, Kind::Accepted(spec));
    assert_eq!(
        told(&world, &operator()),
        "E_STALE This was confirmed already: it is #1. Nothing was run twice."
    );
    assert!(told(&world, &person(99, &[9])).contains("not open any more"));
}

#[test]
fn what_nobody_confirms_is_forgotten() {
    let mut world = fleet();
    let id = world.show("all", None);
    let dropped = Kind::Expired {
        run: id,
        reason: "taken back".into(),
    };
    let mut taken_back = world.state.clone();
    taken_back.apply(&Record {
        at_ms: AT + 1,
        actor: operator().actor(),
        kind: dropped,
    });
    assert!(taken_back.proposals.is_empty());

    let spec = world.state.proposals[&id].spec.clone();
    let later = |n: u64| Spec {
        id: RunId::from_bytes((u128::MAX / 2 + u128::from(n)).to_be_bytes()),
        ..spec.clone()
    };
    for n in 0..=limits::PREVIEWS_MAX as u64 {
        world.record(AT + 1, proposed(later(n), AT + 1));
    }
    assert_eq!(world.state.proposals.len(), limits::PREVIEWS_MAX);
    assert!(
        !world.state.proposals.contains_key(&id),
        "the oldest goes first"
    );
    let at_ms = AT + limits::PREVIEW_MS + 2;
    world.record(at_ms, proposed(later(9_999), at_ms));
    assert_eq!(world.state.proposals.len(), 1, "old ones go with the next");
}

#[test]
fn what_exclusions_removed_is_told() {
    let told = |world: &World, on: &str| {
        let plan = world.ask(on, None)?;
        let names: Vec<String> = plan.excluded.iter().map(ToString::to_string).collect();
        Ok(names.join(" "))
    };
    let world = fleet();
    assert_eq!(told(&world, "web-01,db-01 !db*"), Ok("db-01".to_owned()));
    // Whoever knows only web hosts cannot even exclude others: a guess would be right or wrong.
    let mut narrow = fleet();
    narrow.settings.policy = policy();
    let on = |on| told(&narrow, on).map_err(|refusal: Refusal| refusal.code.as_str());
    assert_eq!(on("web-01 !web-02,db-01"), Err("E_SELECTOR"));
    assert_eq!(on("web-01 !web-02,db-09"), Err("E_SELECTOR"));
    assert_eq!(on("all !web-02"), Ok("web-02".to_owned()));
}
