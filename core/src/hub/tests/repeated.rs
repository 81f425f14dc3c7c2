//! Discord may bring an interaction once more, after a lost connection: no change is made twice for it, nor later than it was asked for.

use super::*;
use crate::ask::{One, Steer};
use crate::ids::RunNumber;

/// Somebody who may do everything that can be done from chat.
fn manager(rig: &mut Rig) -> Asker {
    let settings = Arc::make_mut(&mut rig.hub.known.settings);
    settings.policy.grants[0].hosts = Selector::parse_for_grant("all").unwrap();
    rig.operator()
}

const DONE_ALREADY: &str = "E_STALE This was done already. Nothing was done twice.";

/// Every change that can be asked for in chat, in an order in which each changes something.
fn changes() -> Vec<Ask> {
    let on = || "web-01".to_owned();
    let drain = |drain| Ask::Inventory(InventoryAsk::Drain { on: on(), drain });
    let steer = |to| Ask::Steer {
        which: One::Number(RunNumber(1)),
        to,
    };
    let cancel = |which| Ask::Cancel {
        which,
        force: false,
    };
    let token = crate::ask::TokenRequest {
        id: "t1".into(),
        secret_sha256: [1; 32],
        labels: Labels::default(),
        names: String::new(),
        uses_max: 2,
        ttl_ms: 60_000,
    };
    vec![
        Ask::Hold(Hold::on("db move")),
        Ask::Hold(Hold::Off),
        Ask::Inventory(InventoryAsk::Label {
            on: on(),
            changes: "env=prod".to_owned(),
        }),
        drain(true),
        drain(false),
        Ask::Inventory(InventoryAsk::SaveGroup {
            name: "@front".to_owned(),
            on: on(),
        }),
        Ask::Inventory(InventoryAsk::RemoveGroup {
            name: "@front".to_owned(),
        }),
        Ask::CreateToken(token),
        Ask::RevokeToken { id: "t1".into() },
        steer(Steer::Pause),
        steer(Steer::Continue),
        cancel(Which::Number(RunNumber(1))),
        cancel(Which::All),
    ]
}

#[test]
fn no_change_is_made_twice_for_one_interaction() {
    let mut rig = Rig::with_links(&[1, 2]);
    let first = manager(&mut rig);
    let request = RunRequest {
        on: "role=web".into(),
        command: "true".into(),
        typed: Typed::default().with(RunOption::Batch, "1"),
        ..RunRequest::default()
    };
    for _ in 0..2 {
        rig.ask(&local(), Ask::Run(request.clone()));
        let run = accepted(&rig.commit());
        rig.give(Event::Taken { run });
        rig.commit();
    }
    let mut before = first;
    for ask in changes() {
        let asker = rig.operator();
        let mut effects = rig.ask(&asker, ask.clone());
        assert!(!rig.appends.is_empty(), "it changes nothing: {ask:?}");
        effects.extend(rig.commit());
        assert!(answer(&effects).is_ok(), "{ask:?}: {effects:?}");
        let told = refused(&rig.ask(&asker, ask.clone()));
        assert_eq!(told, DONE_ALREADY, "{ask:?}");
        rig.commit();
        // The next process knows it by the records.
        let interaction = asker.place().unwrap().interaction;
        let known = &rig.hub.known.state.interactions;
        assert!(known.contains_key(&interaction), "{ask:?}");
        before = asker;
    }
    // Nor is anything else, should somebody make it up.
    let told = refused(&rig.ask(&before, Ask::Hold(Hold::Off)));
    assert_eq!(told, DONE_ALREADY);
}

#[test]
fn what_changed_nothing_is_not_done_later_when_it_is_repeated() {
    let mut rig = Rig::with_links(&[1, 2]);
    let takes_none = |rig: &Rig| rig.hub.known.state.hosts[&agent(1)].draining.is_some();
    let drain = |drain| {
        let on = "web-01".to_owned();
        Ask::Inventory(InventoryAsk::Drain { on, drain })
    };
    let undrain = rig.operator();
    let effects = rig.ask(&undrain, drain(false));
    assert!(answer(&effects).is_ok(), "it is so already");
    let label = rig.operator();
    let labels = |changes: &str| {
        let (on, changes) = ("web-01".to_owned(), changes.to_owned());
        Ask::Inventory(InventoryAsk::Label { on, changes })
    };
    let told = refused(&rig.ask(&label, labels("role=web")));
    assert!(told.contains("exactly these labels already"), "{told}");
    let cancel = rig.operator();
    let all = Ask::Cancel {
        which: Which::All,
        force: false,
    };
    assert!(answer(&rig.ask(&cancel, all.clone())).is_ok());
    rig.commit();

    // By then it would be something to do.
    rig.ask(&local(), drain(true));
    rig.ask(&local(), labels("role=db"));
    rig.commit();
    let (run, _) = rig.run("web-02", None);
    for (asker, ask) in [(undrain, drain(false)), (label, labels("role=web"))] {
        assert_eq!(refused(&rig.ask(&asker, ask)), DONE_ALREADY);
    }
    assert_eq!(refused(&rig.ask(&cancel, all)), DONE_ALREADY);
    rig.commit();
    assert!(takes_none(&rig));
    let host = &rig.hub.known.state.hosts[&agent(1)];
    assert_eq!(host.labels.to_string(), "role=db");
    assert!(rig.hub.known.state.run_of(run).unwrap().cancel.is_none());
}
