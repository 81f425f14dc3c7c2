//! Steps of the authority, and hosts that take up a key for orders.

use super::*;
use crate::authority::{AuthorityChange, AuthorityKey};

fn root() -> Actor {
    Actor::Socket {
        user: "root".into(),
    }
}

fn step(rig: &mut Rig, change: AuthorityChange) -> Vec<Effect> {
    rig.give(Event::Authority(Ticket(77), root(), Box::new(change)))
}

const fn rotated(to: u8) -> AuthorityChange {
    AuthorityChange::Rotated {
        key: AuthorityKey::Orders,
        former: [1; 32],
        to: [to; 32],
        over_ms: 0,
    }
}

/// What is recorded of hosts that took up a key.
fn taken(rig: &Rig) -> usize {
    let kinds = rig.written.iter().map(|record| &record.kind);
    let taken = |kind: &&Kind| {
        matches!(
            kind,
            Kind::HostChanged {
                change: HostChange::OrderKeyTaken { .. },
                ..
            }
        )
    };
    kinds.filter(taken).count()
}

#[test]
fn a_step_counts_when_it_is_recorded_and_of_two_that_wait_for_that_one_is_refused_after_it() {
    let mut rig = Rig::new();
    assert!(step(&mut rig, rotated(2)).is_empty());
    let known = |rig: &Rig| {
        rig.hub
            .known()
            .state
            .authority
            .rotating(AuthorityKey::Orders)
            .map(|one| one.to)
    };
    assert_eq!(known(&rig), None);
    let told = rig.commit();
    let said = [Effect::Answer {
        ticket: Ticket(77),
        answer: Ok(Answer::AuthorityChanged),
    }];
    assert_eq!(format!("{told:?}"), format!("{said:?}"));
    assert_eq!(known(&rig), Some([2; 32]));
    let told = step(&mut rig, rotated(3));
    assert!(
        matches!(told.as_slice(), [Effect::Answer { answer: Err(refusal), .. }] if refusal.code == Code::Stale),
        "{told:?}"
    );
    assert_eq!(known(&rig), Some([2; 32]));
}

#[test]
fn that_a_host_knows_a_key_is_recorded_once_and_only_while_that_key_comes() {
    let mut rig = Rig::new();
    let says = |rig: &mut Rig, n: u8, key: u8| {
        rig.give(Event::OrderKeyTaken(agent(n), [key; 32]));
        rig.commit();
    };
    says(&mut rig, 1, 2);
    assert_eq!(taken(&rig), 0, "no key comes");
    step(&mut rig, rotated(2));
    rig.commit();
    for (n, key) in [(1, 2), (1, 2), (1, 3), (99, 2)] {
        says(&mut rig, n, key);
    }
    assert_eq!(taken(&rig), 1);
    assert_eq!(
        rig.hub.known().state.hosts[&agent(1)].order_key,
        Some([2; 32])
    );
}
