//! What is asked before it runs, and that what was shown is what runs.

use super::*;
use crate::ids::RunId;
use crate::limits;
use crate::run::{Away, Offline, Spec};

const AT: u64 = 1_000_000;

/// A fleet of which db-01 is offline, and an operator who may run on all of it.
struct World {
    state: State,
    policy: Policy,
    offline: Vec<AgentId>,
}

impl World {
    fn new() -> Self {
        let mut policy = policy();
        policy.grants[0].hosts = Selector::parse_for_grant("all").unwrap();
        policy.grants[0].what.push(Verb::Manage);
        Self {
            state: state(),
            policy,
            offline: vec![agent(3)],
        }
    }

    fn with<T>(&self, f: impl FnOnce(&Context<'_>) -> T) -> T {
        let seen = |id: AgentId| online(!self.offline.contains(&id));
        f(&Context {
            state: &self.state,
            policy: &self.policy,
            guilds: &[GUILD],
            seen: &seen,
            agent_version: "1.0.0",
            seed: 5,
            confirm_hosts: 2,
        })
    }

    fn ask(&self, on: &str, offline: Option<&str>) -> Result<Plan, Refusal> {
        let request = RunRequest {
            offline: offline.map(str::to_owned),
            ..run(on, "true")
        };
        self.with(|ctx| admit_run(ctx, &operator(), &request))
    }

    fn record(&mut self, at_ms: u64, kind: Kind) {
        self.state.apply(&Record { at_ms, kind });
    }

    /// Shows what `on` stands for, and gives the id of it.
    fn show(&mut self, on: &str, offline: Option<&str>) -> RunId {
        let plan = self.ask(on, offline).unwrap();
        let id = RunId::from_bytes([7; 16]);
        let spec = plan.into_spec(id, &operator());
        self.record(AT, Kind::Previewed(spec));
        id
    }

    fn confirm(&self, asker: &Asker, id: RunId, choice: Confirm) -> Result<Spec, Refusal> {
        self.with(|ctx| admit_preview(ctx, asker, id, choice, AT + 1_000))
    }
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
    let world = World::new();
    let asks = |on: &str, offline| world.ask(on, offline).unwrap().asks;
    assert_eq!(asks("web-01", None), []);
    assert_eq!(asks("web*", None), []);
    assert_eq!(asks("web-01,db-01", None), [Ask::Away]);
    assert_eq!(asks("web*,db-01", None), [Ask::Many(2), Ask::Away]);
    assert_eq!(asks("all", None), [Ask::Every, Ask::Many(2), Ask::Away]);
    assert_eq!(asks("all !db-01", None), [Ask::Every]);
    // Whoever said what becomes of them need not be asked for that.
    for offline in ["fail", "skip", "queue", "queue:2h"] {
        assert_eq!(asks("web-01,db-01", Some(offline)), [], "{offline}");
    }
    // A group is no way around it.
    let mut world = World::new();
    world.record(
        1,
        Kind::GroupSaved {
            name: "every".into(),
            selector: "all".into(),
            by: operator().principal(),
            place: None,
        },
    );
    assert_eq!(world.ask("@every web-01", None).unwrap().asks, [Ask::Every]);
    // The command line is for scripts.
    let local = Asker::Local {
        user: "root".into(),
    };
    let plan = world.with(|ctx| admit_run(ctx, &local, &run("all", "true")));
    assert_eq!(plan.unwrap().asks, []);
}

#[test]
fn what_becomes_of_hosts_that_are_away_is_typed_exactly() {
    let world = World::new();
    let offline = |text| world.ask("web-01", Some(text)).map(|plan| plan.offline);
    assert_eq!(offline("fail"), Ok(Offline::Fail));
    assert_eq!(offline(" skip "), Ok(Offline::Skip));
    let for_ms = limits::QUEUE_MS.1;
    assert_eq!(offline("queue"), Ok(Offline::Queue { for_ms }));
    let for_ms = 7_200_000;
    assert_eq!(offline("queue:2h"), Ok(Offline::Queue { for_ms }));
    for bad in [
        "",
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
    let mut world = World::new();
    let text = "E_ALL_OFFLINE None of the hosts is online: db-01. Nothing was run.";
    for offline in [None, Some("fail"), Some("skip")] {
        assert_eq!(refused(world.ask("db-01", offline)), text);
    }
    assert_eq!(world.ask("db-01", Some("queue")).unwrap().asks, []);
    world.record(
        2,
        Kind::Drained {
            agent: agent(1),
            on: true,
            by: operator().principal(),
            place: None,
        },
    );
    assert_eq!(
        refused(world.ask("web-01,db-01", None)),
        "E_ALL_OFFLINE None of the hosts takes new runs: web-01 is draining, db-01 offline. Nothing was run."
    );
    let plan = world.ask("all", None).unwrap();
    let away: Vec<_> = plan.targets.iter().map(|target| target.away).collect();
    assert_eq!(away, [Some(Away::Draining), None, Some(Away::Offline)]);
}

#[test]
fn what_was_shown_is_what_runs_whoever_comes_and_goes() {
    let mut world = World::new();
    let id = world.show("all", None);
    let shown = world.state.previews[&id].spec.clone();

    // One host comes back, another goes, a third joins, and labels change.
    world.offline = vec![agent(2)];
    let enrolment = Enrolment {
        agent: agent(4),
        name: "web-04".parse().unwrap(),
        labels: Labels::default(),
        token: "t".into(),
        key_sha256: [4; 32],
        leaf: vec![],
    };
    world.record(AT + 1, Kind::Enrolled(enrolment));
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
            (&spec.targets, spec.digest, spec.offline),
            (&shown.targets, shown.digest, offline)
        );
        // With the hosts that were away as they were shown.
        assert_eq!(spec.targets[2].away, Some(Away::Offline));
        assert_eq!(spec.targets[1].away, None);
        assert_eq!((spec.id, spec.command), (id, shown.command.clone()));
    }
    // Of those that were online then, none is left.
    world.offline = vec![agent(1), agent(2)];
    assert!(refused(world.confirm(&operator(), id, Confirm::OnlineOnly)).contains("web-[01-02]"));
    assert!(world.confirm(&operator(), id, Confirm::AsAsked).is_ok());
}

#[test]
fn a_press_is_decided_anew() {
    let mut world = World::new();
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
    world.record(
        AT + 1,
        Kind::Hold {
            on: true,
            by: operator().principal(),
            place: None,
        },
    );
    assert!(told(&world, &operator()).starts_with("E_HOLD"));
    world.record(
        AT + 2,
        Kind::Hold {
            on: false,
            by: operator().principal(),
            place: None,
        },
    );

    // Too late.
    let late = AT + limits::PREVIEW_MS + 1;
    let refusal = world
        .with(|ctx| admit_preview(ctx, &operator(), id, Confirm::AsAsked, late))
        .unwrap_err();
    assert_eq!(refusal.code, Code::Stale);

    // The grant does not cover every host any more.
    world.policy.grants[0].hosts = Selector::parse_for_grant("role=web").unwrap();
    assert!(told(&world, &operator()).starts_with("E_DENIED"));
    world.policy.grants[0].hosts = Selector::parse_for_grant("all").unwrap();

    let removed = Kind::Revoked {
        agent: agent(3),
        by: operator().principal(),
    };
    let mut without = World::new();
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
    let mut world = World::new();
    let id = world.show("all", None);
    let dropped = Kind::Expired {
        run: id,
        reason: "taken back".into(),
    };
    let mut taken_back = world.state.clone();
    taken_back.apply(&Record {
        at_ms: AT + 1,
        kind: dropped,
    });
    assert!(taken_back.previews.is_empty());

    let spec = world.state.previews[&id].spec.clone();
    let later = |n: u64| Spec {
        id: RunId::from_bytes((u128::MAX / 2 + u128::from(n)).to_be_bytes()),
        ..spec.clone()
    };
    for n in 0..=limits::PREVIEWS_MAX as u64 {
        world.record(AT + 1, Kind::Previewed(later(n)));
    }
    assert_eq!(world.state.previews.len(), limits::PREVIEWS_MAX);
    assert!(
        !world.state.previews.contains_key(&id),
        "the oldest goes first"
    );
    world.record(AT + limits::PREVIEW_MS + 2, Kind::Previewed(later(9_999)));
    assert_eq!(world.state.previews.len(), 1, "old ones go with the next");
}

#[test]
fn what_exclusions_removed_is_told() {
    let told = |world: &World, on: &str| {
        let plan = world.ask(on, None)?;
        let names: Vec<String> = plan.excluded.iter().map(ToString::to_string).collect();
        Ok(names.join(" "))
    };
    let world = World::new();
    assert_eq!(told(&world, "web-01,db-01 !db*"), Ok("db-01".to_owned()));
    // Whoever knows only web hosts cannot even exclude others: a guess would be right or wrong.
    let mut narrow = World::new();
    narrow.policy = policy();
    let on = |on| told(&narrow, on).map_err(|refusal: Refusal| refusal.code.as_str());
    assert_eq!(on("web-01 !web-02,db-01"), Err("E_SELECTOR"));
    assert_eq!(on("web-01 !web-02,db-09"), Err("E_SELECTOR"));
    assert_eq!(on("all !web-02"), Ok("web-02".to_owned()));
}
