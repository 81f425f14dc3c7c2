//! How long the one function that every entry point asks takes on a large fleet, for somebody with grants. Prints a table.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench reads the clock and prints"
)]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use shanty_core::admission::{Admitted, Context, Fresh, Settings, UnderWay, admit, look};
use shanty_core::ask::{Ask, Confirm, Question, RunRequest};
use shanty_core::facts::{Facts, Metrics};
use shanty_core::fleet::{Fleet, Instance, Link};
use shanty_core::ids::{AgentId, Labels, RunId};
use shanty_core::journal::{Enrolment, Kind, Needs, Proposal, Recalled, Record, State};
use shanty_core::offer::Offer;
use shanty_core::policy::{Grant, Policy, Verb};
use shanty_core::principal::{Actor, Asker};
use shanty_core::run::{Event, Gate, Phase, Run, Spec};
use shanty_core::selector::Selector;
use shanty_core::time::{LinkTime, Now};

const HOSTS: u64 = 10_000;
const AT: u64 = 1_000_000;

fn measure(name: &str, rounds: usize, mut f: impl FnMut()) {
    let mut times: Vec<Duration> = (0..rounds)
        .map(|_| {
            let begun = Instant::now();
            f();
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    let at = |share: usize| {
        let place = (times.len() * share).div_ceil(100).saturating_sub(1);
        times.get(place).copied().unwrap_or_default().as_secs_f64() * 1e3
    };
    println!(
        "| {name} | {rounds} | {:.2} | {:.2} | {:.2} |",
        at(50),
        at(99),
        at(100)
    );
}

fn agent(n: u64) -> AgentId {
    AgentId::from_bytes(u128::from(n).to_be_bytes())
}

fn run_id(n: u64) -> RunId {
    RunId::from_bytes(u128::from(n).to_be_bytes())
}

fn record(kind: Kind) -> Record {
    // By no interaction: every ask here is a new one.
    let (user, place) = (1, None);
    Record {
        at_ms: AT,
        actor: Actor::Chat { user, place },
        kind,
    }
}

/// Ten thousand hosts and a hundred groups.
fn state() -> State {
    let mut state = State::default();
    let mut record = |kind| state.apply(&record(kind));
    for n in 0..HOSTS {
        let labels = format!("role=r{},env=e{},rack=k{}", n % 7, n % 3, n / 40);
        record(Kind::Enrolled(Enrolment {
            agent: agent(n),
            name: format!("r{}-{n:05}", n % 7).parse().expect("a name"),
            labels: Labels::parse(&labels).expect("labels"),
            token: String::new(),
            key_sha256: [0; 32],
            leaf: Vec::new(),
        }));
    }
    for n in 0..100 {
        record(Kind::GroupSaved {
            name: format!("rack{n}"),
            selector: format!("rack=k{n} env=e1"),
        });
    }
    record(Kind::GroupSaved {
        name: "globs".to_owned(),
        selector: "*0*1*2*,".repeat(15) + "*0*",
    });
    state
}

fn grant(id: &str, what: &[Verb], hosts: &str) -> Grant {
    Grant {
        id: id.to_owned(),
        roles: vec![9],
        people: Vec::new(),
        channels: vec![5],
        what: what.to_vec(),
        hosts: Selector::parse_for_grant(hosts).expect("a grant"),
    }
}

/// Nine of ten are online, and all of them tell something.
fn fleet() -> Fleet {
    let mut fleet = Fleet::default();
    for agent in (0..HOSTS).map(agent) {
        let online = !agent.as_bytes()[15].is_multiple_of(10);
        let presence = fleet.entry(agent);
        presence.link = online.then(|| Link {
            id: 1,
            instance: Instance::default(),
        });
        presence.heard_ms = AT;
        presence.version = "0.1.0".to_owned().into();
        presence.facts = Some(Facts::default());
        presence.metrics = Some(Metrics::default());
    }
    fleet
}

fn main() {
    let (mut state, fleet) = (state(), fleet());
    let asker = Asker::Discord {
        user: 1,
        name: "ann".to_owned(),
        bot: false,
        guild: Some(1),
        channel: 5,
        parent_channel: None,
        roles: vec![9],
        interaction: 1,
    };
    let policy = Policy {
        grants: vec![
            grant("run", &[Verb::Run, Verb::Cancel], "env=e0|e1 !role=r6"),
            grant("view", &[Verb::View], "env=e0,env=e1"),
            grant("lab", &[Verb::View, Verb::Run, Verb::Manage], "rack=k1"),
        ],
    };
    let settings = Settings {
        policy,
        guilds: vec![1],
        agent_version: "0.1.0".to_owned(),
        confirm_hosts: 10,
        ..Settings::default()
    };
    let request = |on: &str| RunRequest {
        on: on.to_owned(),
        command: "true".to_owned(),
        ..RunRequest::default()
    };
    let spec = |state: &State, on: &str, id: RunId| {
        let ask = Ask::Run(request(on));
        let admitted = with(state, &fleet, &settings, |ctx| admit(ctx, &asker, &ask));
        match admitted.expect("it is admitted") {
            Admitted::Run(plan) => Spec { id, ..plan.spec },
            other => panic!("{other:?}"),
        }
    };
    // Five hundred runs of what somebody may see, one of them large.
    for n in 0..500 {
        let on = format!("rack=k{} env=e1 !role=r6", n % 100);
        let spec = spec(&state, &on, run_id(n));
        state.apply(&record(Kind::Accepted(spec)));
    }
    let large = spec(&state, "env=e0|e1 !role=r6", run_id(1_000));
    state.apply(&record(Kind::Accepted(large.clone())));
    let proposal = Proposal {
        spec: Spec {
            id: run_id(1_001),
            ..large.clone()
        },
        needs: Needs::OwnWord,
        until_ms: u64::MAX,
    };
    state.apply(&record(Kind::Proposed(proposal)));

    println!(
        "| what, {HOSTS} hosts, 100 groups, 501 runs, 3 grants | times | p50 ms | p99 ms | max ms |"
    );
    println!("|---|---|---|---|---|");
    let rows = |name: &str, rounds, f: &dyn Fn(&Context<'_>)| {
        with(&state, &fleet, &settings, |ctx| {
            measure(name, rounds, || f(ctx));
        });
    };
    for typed in [
        "",
        "r",
        "r1-0",
        "env=",
        "env=e0 role",
        "@",
        "@rack1 !r1",
        "#",
        "#501:d",
        "is:",
        "nothing",
    ] {
        rows(&format!("complete `{typed}`"), 200, &|ctx| {
            let typed = typed.to_owned();
            black_box(look(ctx, &asker, &Question::Complete { typed })).ok();
        });
    }
    let targets = large.targets.len();
    rows(&format!("admit a run on {targets} hosts"), 100, &|ctx| {
        black_box(admit(ctx, &asker, &Ask::Run(request("env=e0|e1 !role=r6")))).ok();
    });
    // What is typed may be as hostile as it can: sixteen globs, here of a group, which is looked at twice.
    rows("refuse a group of 16 globs and its like", 50, &|ctx| {
        black_box(admit(ctx, &asker, &Ask::Run(request("@globs")))).ok();
    });
    rows("confirm it", 100, &|ctx| {
        let ask = Ask::Confirm {
            run: run_id(1_001),
            choice: Confirm::AsAsked,
        };
        black_box(admit(ctx, &asker, &ask)).ok();
    });
    rows("list the hosts that one may see", 100, &|ctx| {
        black_box(look(ctx, &asker, &Question::Hosts { on: String::new() })).ok();
    });
    rows("list the groups", 50, &|ctx| {
        black_box(look(ctx, &asker, &Question::Groups)).ok();
    });
    let gates: BTreeMap<AgentId, Gate> = (0..HOSTS).map(|n| (agent(n), Gate::Open)).collect();
    let now = Now {
        wall_ms: AT,
        link: LinkTime::from_ms(AT),
    };
    measure(&format!("begin on {targets} hosts"), 50, || {
        let mut run = Run::new(shanty_core::ids::RunNumber(1), large.clone(), AT);
        run.phase = Phase::Running;
        let begin = Event::Begin {
            gates: gates.clone(),
        };
        let mut effects = Vec::new();
        run.handle(begin, now, &mut effects);
        black_box(effects);
    });
    // What a question costs the hub: a copy of what it knows, and what changes while somebody looks at it.
    measure("copy what is known for a question", 100, || {
        black_box((state.clone(), fleet.clone()));
    });
    let mut changing = fleet.clone();
    measure("change a host while somebody looks", 100, || {
        let looking = changing.clone();
        changing.entry(agent(7)).heard_ms += 1;
        black_box(looking);
    });
}

fn with<T>(
    state: &State,
    fleet: &Fleet,
    settings: &Settings,
    f: impl FnOnce(&Context<'_>) -> T,
) -> T {
    f(&Context {
        disk_full: false,
        state,
        fleet,
        settings,
        offer: &Offer::default(),
        under_way: &UnderWay::default(),
        recalled: &Recalled::default(),
        fresh: Fresh::new([7; 16]),
        now_ms: AT,
    })
}
