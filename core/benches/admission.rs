//! How long the one function that every entry point asks takes on a large fleet, for somebody with grants. Prints a table.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a bench reads the clock and prints"
)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use shanty_core::admission::{
    Confirm, Context, RunRequest, Seen, admit_groups, admit_hosts, admit_preview, admit_run,
    complete,
};
use shanty_core::facts::{Facts, Metrics};
use shanty_core::ids::{AgentId, Labels, RunId};
use shanty_core::journal::{Enrolment, Kind, Record, State};
use shanty_core::policy::{Grant, Policy, Verb};
use shanty_core::principal::{Asker, Principal};
use shanty_core::run::{Event, Phase, Run, Spec};
use shanty_core::selector::{Selector, Told};

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

/// Ten thousand hosts and a hundred groups.
fn fleet() -> State {
    let mut state = State::default();
    let mut record = |kind| state.apply(&Record { at_ms: AT, kind });
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
            by: Principal::Discord(1),
            place: None,
        });
    }
    record(Kind::GroupSaved {
        name: "globs".to_owned(),
        selector: "*0*1*2*,".repeat(15) + "*0*",
        by: Principal::Discord(1),
        place: None,
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

fn main() {
    let mut state = fleet();
    let asker = Asker::Discord {
        user: 1,
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
    let (facts, metrics) = (Facts::default(), Metrics::default());
    let told = Told {
        facts: Some(&facts),
        metrics: Some(&metrics),
        version: "0.1.0",
    };
    let request = |on: &str| RunRequest {
        on: on.to_owned(),
        command: "true".to_owned(),
        ..RunRequest::default()
    };
    let plan = |state: &State, on: &str| {
        with(state, &policy, told, |ctx| {
            admit_run(ctx, &asker, &request(on)).expect("it is admitted")
        })
    };
    let spec = |state: &State, on: &str, id: RunId| plan(state, on).into_spec(id, &asker);
    // Five hundred runs of what somebody may see, one of them large.
    for n in 0..500 {
        let on = format!("rack=k{} env=e1 !role=r6", n % 100);
        let spec = spec(&state, &on, run_id(n));
        state.apply(&Record {
            at_ms: AT,
            kind: Kind::Accepted(spec),
        });
    }
    let large = spec(&state, "env=e0|e1 !role=r6", run_id(1_000));
    state.apply(&Record {
        at_ms: AT,
        kind: Kind::Accepted(large.clone()),
    });
    let shown = Spec {
        id: run_id(1_001),
        ..large.clone()
    };
    state.apply(&Record {
        at_ms: AT,
        kind: Kind::Previewed(shown),
    });

    println!(
        "| what, {HOSTS} hosts, 100 groups, 501 runs, 3 grants | times | p50 ms | p99 ms | max ms |"
    );
    println!("|---|---|---|---|---|");
    let rows = |name: &str, rounds, f: &dyn Fn(&Context<'_>)| {
        with(&state, &policy, told, |ctx| {
            measure(name, rounds, || f(ctx))
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
            black_box(complete(ctx, &asker, typed));
        });
    }
    let targets = large.targets.len();
    rows(&format!("admit a run on {targets} hosts"), 100, &|ctx| {
        black_box(admit_run(ctx, &asker, &request("env=e0|e1 !role=r6"))).ok();
    });
    // What is typed may be as hostile as it can: sixteen globs, here of a group, which is looked at twice.
    rows("refuse a group of 16 globs and its like", 50, &|ctx| {
        black_box(admit_run(ctx, &asker, &request("@globs"))).ok();
    });
    rows("confirm it", 100, &|ctx| {
        black_box(admit_preview(
            ctx,
            &asker,
            run_id(1_001),
            Confirm::AsAsked,
            AT,
        ))
        .ok();
    });
    rows("list the hosts that one may see", 100, &|ctx| {
        black_box(admit_hosts(ctx, &asker, "")).ok();
    });
    rows("list the groups", 50, &|ctx| {
        black_box(admit_groups(ctx, &asker)).ok();
    });
    let online: std::collections::BTreeSet<AgentId> = (0..HOSTS).map(agent).collect();
    measure(&format!("begin on {targets} hosts"), 50, || {
        let mut run = Run::new(shanty_core::ids::RunNumber(1), large.clone(), AT);
        run.phase = Phase::Running;
        let begin = Event::Begin {
            online: online.clone(),
            draining: std::collections::BTreeSet::new(),
        };
        let mut effects = Vec::new();
        run.handle(begin, AT, &mut effects);
        black_box(effects);
    });
}

fn with<T>(state: &State, policy: &Policy, told: Told<'_>, f: impl FnOnce(&Context<'_>) -> T) -> T {
    let seen = |id: AgentId| Seen {
        online: !id.as_bytes()[15].is_multiple_of(10),
        stale: false,
        told,
    };
    f(&Context {
        state,
        policy,
        guilds: &[1],
        seen: &seen,
        agent_version: "0.1.0",
        seed: 7,
        confirm_hosts: 10,
    })
}
