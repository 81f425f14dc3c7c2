//! What somebody may not see: no answer tells them that it is there.

use super::*;
use crate::ask::{InventoryAsk, One, Steer, Which};

/// A run on db-01, which operators may not see, and one on web-01.
fn two_runs() -> (World, [RunId; 2]) {
    let mut world = World::new();
    world.online(&[1, 2, 3]);
    let mut ids = Vec::new();
    for (n, on) in [(1_u8, "db-01"), (2, "web-01")] {
        let mut spec = world.plan(&local(), &seen(run(on, "true"))).unwrap().spec;
        spec.id = RunId::from_bytes([n; 16]);
        ids.push(spec.id);
        world.record(2, Kind::Accepted(spec.clone()));
        world.record(3, Kind::Go(spec.id));
    }
    (world, [ids[0], ids[1]])
}

fn refusal(world: &World, ask: &Ask) -> Refusal {
    let answer = world.admit(&person(OPERATOR, &[9]), ask);
    answer.map(|admitted| panic!("{admitted:?}")).unwrap_err()
}

#[test]
fn a_run_that_one_may_not_see_is_stopped_and_steered_as_one_that_is_not_there() {
    let (world, [hidden, shown]) = two_runs();
    let cancel = |which| Ask::Cancel {
        which,
        force: false,
    };
    let steer = |which, to| Ask::Steer { which, to };
    let nobody = RunId::from_bytes([9; 16]);
    let none = RunNumber(99);
    for (there, not) in [
        (cancel(Which::Id(hidden)), cancel(Which::Id(nobody))),
        (
            cancel(Which::Number(RunNumber(1))),
            cancel(Which::Number(none)),
        ),
        (
            steer(One::Id(hidden), Steer::Pause),
            steer(One::Id(nobody), Steer::Pause),
        ),
        (
            steer(One::Number(RunNumber(1)), Steer::Continue),
            steer(One::Number(none), Steer::Continue),
        ),
    ] {
        let (there, not) = (refusal(&world, &there), refusal(&world, &not));
        assert_eq!((&there.what, &there.next), (&not.what, &not.next));
        assert_eq!(there.code, Code::NotFound);
    }
    // All of them are all that they know of.
    match world.admit(&person(OPERATOR, &[9]), &cancel(Which::All)) {
        Ok(Admitted::Cancel { runs, .. }) => assert_eq!(runs, [shown]),
        other => panic!("{other:?}"),
    }
    match world.admit(&local(), &cancel(Which::All)) {
        Ok(Admitted::Cancel { runs, .. }) => assert_eq!(runs.len(), 2),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_run_that_one_sees_and_may_not_stop_is_said_so() {
    let mut policy = policy();
    policy.grants.push(Grant {
        id: "look".into(),
        what: vec![Verb::View],
        hosts: Selector::parse_for_grant("role=db").unwrap(),
        ..policy.grants[0].clone()
    });
    let (mut world, [hidden, _]) = two_runs();
    world.settings.policy = policy;
    for which in [Which::Id(hidden), Which::All] {
        let refusal = refusal(
            &world,
            &Ask::Cancel {
                which,
                force: false,
            },
        );
        assert_eq!(refusal.code, Code::Denied, "{refusal:?}");
    }
}

#[test]
fn a_group_is_not_saved_beside_one_that_it_would_be_taken_for_nor_over_a_hidden_one() {
    let mut policy = policy();
    policy.grants[0].what.push(Verb::Manage);
    let mut world = World::with_policy(policy);
    for (name, selector) in [("front", "role=web"), ("o1d-dbs", "role=db")] {
        let kind = Kind::GroupSaved {
            name: name.into(),
            selector: selector.into(),
        };
        world.record(5, kind);
    }
    let save = |asker: &Asker, name: &str| {
        let (name, on) = (name.to_owned(), "web-01".to_owned());
        let ask = Ask::Inventory(InventoryAsk::SaveGroup { name, on });
        world.change(asker, &ask).map(drop)
    };
    let operator = person(OPERATOR, &[9]);
    for alike in ["fr0nt", "f-r-ont", "fron-t"] {
        let answer = save(&operator, alike);
        let expected = alike == "fr0nt";
        assert_eq!(answer.is_err(), expected, "{alike}");
        if let Err(refusal) = answer {
            assert_eq!(refusal.code, Code::NameConfusable);
            assert!(refusal.what.contains("the group `@front`"), "{refusal:?}");
        }
    }
    // Whether it is that name or one like it, nobody learns.
    for hidden in ["o1d-dbs", "old-dbs", "o1d_dbs", "0ld.dbs"] {
        let refusal = save(&operator, hidden).unwrap_err();
        let said = format!("`@{hidden}` cannot be the name of a group here. Nothing was changed.");
        assert_eq!((refusal.code, refusal.what), (Code::Name, said));
    }
    assert!(save(&operator, "new-dbs").is_ok());
    assert_eq!(save(&local(), "o1d-dbs"), Ok(()), "who sees it may");
    let refusal = save(&local(), "old-dbs").unwrap_err();
    assert!(refusal.what.contains("`@o1d-dbs`"), "{refusal:?}");
}
