//! What of the history somebody may look for: by the same rule as each run alone.

use super::*;
use crate::admission::caller::authenticate;
use crate::admission::hosts::sight;
use crate::history::{Query, Sight, Wanted};

fn target(n: u8) -> Target {
    Target {
        agent: agent(n),
        name: format!("h{n}").parse().unwrap(),
        away: None,
    }
}

fn query(world: &World, asker: &Asker, wanted: Wanted) -> Result<Query, Refusal> {
    match look(&world.context(), asker, &Question::History { wanted })? {
        Answer::History(query) => Ok(*query),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_sight_of_somebody_is_what_they_may_see_of_each_run_alone() {
    let grant = |hosts: &str, channels: &[u64], what: &[Verb]| Grant {
        id: hosts.to_owned(),
        roles: vec![9],
        people: vec![],
        channels: channels.to_vec(),
        what: what.to_vec(),
        hosts: Selector::parse_for_grant(hosts).unwrap(),
    };
    let view = &[Verb::View][..];
    let policies = [
        vec![],
        vec![grant("all", &[OPS], view)],
        vec![
            grant("role=web", &[OPS], view),
            grant("role=db", &[OPS], view),
        ],
        vec![
            grant("web-01", &[OPS], view),
            grant("all", &[OPS], &[Verb::Run]),
        ],
        vec![
            grant("all", &[6], view),
            grant("web-02 db-01", &[OPS], view),
        ],
        vec![grant("web-02,db-01", &[OPS], view)],
    ];
    let mut seen = 0;
    for grants in policies {
        let mut world = World::with_policy(Policy { grants });
        // Hosts that were removed keep guarding what was done on them.
        world.record(2, HostChange::Revoked.of(agent(2)));
        for asker in [person(OPERATOR, &[9]), person(GUEST, &[]), local()] {
            let ctx = world.context();
            let caller = authenticate(&ctx, &asker).unwrap();
            let sight = sight(&ctx, &caller);
            for hosts in 1..8_u8 {
                let hosts = (1..=3).filter(|n| hosts & (1 << (n - 1)) != 0);
                let targets: Vec<Target> = hosts.map(target).collect();
                let agents: Vec<AgentId> = targets.iter().map(|target| target.agent).collect();
                let may = covers_run(&ctx, &caller, Verb::View, &targets).is_ok();
                assert_eq!(sight.covers(&agents), may, "{asker:?} {targets:?}");
                seen += usize::from(may);
            }
        }
    }
    assert!(seen > 40, "{seen}");
}

#[test]
fn what_is_typed_is_checked_and_names_only_hosts_that_are_seen() {
    let world = World::new();
    let operator = person(OPERATOR, &[9]);
    let typed = |on: Option<&str>, since: &str, state: &str, text: &str| Wanted {
        who: Vec::new(),
        on: on.map(str::to_owned),
        since: Some(since.to_owned()),
        state: Some(state.to_owned()),
        text: Some(text.to_owned()),
    };
    let found = query(
        &world,
        &operator,
        typed(Some("web*"), "10s", "failed", "disk full"),
    )
    .unwrap();
    assert_eq!(
        found.on.unwrap().into_iter().collect::<Vec<_>>(),
        [agent(1), agent(2)]
    );
    assert_eq!(found.since_ms, world.now_ms - 10_000);
    assert!(matches!(found.sight, Sight::Under(grants) if grants.len() == 1));
    for (wrong, code) in [
        (typed(Some("db-01"), "1d", "ok", "x"), Code::Selector),
        (typed(Some(" "), "1d", "ok", "x"), Code::Selector),
        (typed(None, "", "ok", "x"), Code::Duration),
        (typed(None, "1d", "", "x"), Code::BadOption),
        (typed(None, "soon", "ok", "x"), Code::Duration),
        (typed(None, "1d", "good", "x"), Code::BadOption),
        (typed(None, "1d", "ok", ""), Code::BadOption),
        (typed(None, "1d", "ok", &"x".repeat(6_000)), Code::TooLong),
    ] {
        let refusal = query(&world, &operator, wrong.clone()).unwrap_err();
        assert_eq!(refusal.code, code, "{wrong:?}");
        assert!(
            !refusal.what.contains(&"x".repeat(201)),
            "it repeats no more than it must"
        );
    }
    let refused = query(&world, &person(GUEST, &[]), Wanted::default()).unwrap_err();
    assert_eq!(refused.code, Code::Denied);
}
