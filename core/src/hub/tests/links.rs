//! Who is connected: let in, replaced, refused, cut off.

use super::*;
use crate::run::Reason;

fn closed(effects: &[Effect]) -> Vec<(u64, LinkRefusal)> {
    let closed = |effect: &Effect| match effect {
        Effect::CloseLink { link, why, .. } => Some((*link, *why)),
        _ => None,
    };
    effects.iter().filter_map(closed).collect()
}

fn welcomed(effects: &[Effect]) -> bool {
    effects
        .iter()
        .any(|effect| matches!(effect, Effect::Welcome { .. }))
}

#[test]
fn only_hosts_that_have_joined_are_let_in() {
    let mut rig = Rig::new();
    let effects = rig.link(9, 1, "boot");
    assert_eq!(closed(&effects), [(1, LinkRefusal::Unknown)]);
    let name = "web-01".to_owned();
    rig.ask(&local(), Ask::RemoveHost { name });
    rig.commit();
    let effects = rig.link(1, 2, "boot");
    assert_eq!(closed(&effects), [(2, LinkRefusal::Revoked)]);
    assert!(!rig.hub.known.fleet.is_online(agent(1)));
    assert!(welcomed(&rig.link(2, 3, "boot")));
}

#[test]
fn another_machine_with_the_same_identity_is_refused_while_the_first_talks() {
    let mut rig = Rig::with_links(&[1]);
    rig.now_ms += limits::OFFLINE_MS;
    let effects = rig.link(1, 8, "other boot");
    assert_eq!(closed(&effects), [(8, LinkRefusal::Duplicate)]);
    // The same machine comes back on a new link.
    assert!(welcomed(&rig.link(1, 9, "boot")));
    // What is silent for too long has gone, whatever its connection says.
    rig.now_ms += limits::OFFLINE_MS + 1;
    assert!(welcomed(&rig.link(1, 10, "other boot")));
    rig.now_ms += limits::OFFLINE_MS + 1;
    rig.give(Event::Heard(vec![(agent(1), rig.now_ms), (agent(9), 5)]));
    let effects = rig.link(1, 11, "third boot");
    assert_eq!(closed(&effects), [(11, LinkRefusal::Duplicate)]);
    assert!(
        rig.hub.known.fleet.get(agent(9)).is_none(),
        "nobody is made up"
    );
}

#[test]
fn the_end_of_an_older_link_changes_nothing() {
    let mut rig = Rig::with_links(&[1]);
    rig.link(1, 9, "boot");
    rig.give(Event::LinkDown {
        agent: agent(1),
        link: 1,
    });
    assert!(rig.hub.known.fleet.is_online(agent(1)));
    rig.give(Event::LinkDown {
        agent: agent(1),
        link: 9,
    });
    assert!(!rig.hub.known.fleet.is_online(agent(1)));
}

#[test]
fn a_removed_host_is_cut_off() {
    let mut rig = Rig::with_links(&[1, 2]);
    let (run, _) = rig.run("role=web", Some("queue"));
    let name = "web-01".to_owned();
    rig.ask(&local(), Ask::RemoveHost { name });
    let effects = rig.commit();
    assert_eq!(closed(&effects), [(1, LinkRefusal::Revoked)]);
    let revoked =
        |effect: &Effect| matches!(effect, Effect::RevokeCertificate(host) if *host == agent(1));
    assert!(effects.iter().any(revoked));
    let run = rig.hub.known.state.run_of(run).unwrap();
    assert_eq!(
        run.execution(agent(1)).unwrap().state(),
        "lost",
        "it may run there"
    );
    assert!(run.execution(agent(2)).unwrap().outcome().is_none());
}

#[test]
fn what_an_agent_tells_is_kept_to_itself() {
    let mut rig = Rig::with_links(&[1, 2]);
    let (run, _) = rig.run("web-01", None);
    let told = |n: u8, told: Told, spool_full: bool| Event::Told {
        agent: agent(n),
        run,
        told,
        spool_full,
    };
    let refused = Told::Refused(Reason::new(Code::RunAs, "no"));
    let effects = rig.give(told(2, refused, true));
    assert_eq!(closed(&effects), [(2, LinkRefusal::Foreign)], "{effects:?}");
    assert!(!rig.hub.known.fleet.is_online(agent(2)));
    let unknown = Event::Told {
        agent: agent(1),
        run: RunId::from_bytes([3; 16]),
        told: Told::Ended,
        spool_full: true,
    };
    let effects = rig.give(unknown);
    assert!(
        matches!(&effects[..], [Effect::WarnOf { .. }]),
        "{effects:?}"
    );
    assert!(rig.appends.is_empty());

    rig.hub.take_changed();
    rig.give(told(1, Told::Running, true));
    assert!(rig.hub.take_changed().contains(&run));
    let full = |rig: &Rig| rig.hub.known.snapshot(run).unwrap().spool_full;
    assert_eq!(full(&rig), ["web-01"]);
    rig.commit();
    rig.give(told(1, Told::Running, false));
    assert!(full(&rig).is_empty());

    rig.give(Event::Facts {
        agent: agent(1),
        facts: Facts {
            run_as: "deploy".into(),
            ..Facts::default()
        },
    });
    assert_eq!(rig.hub.known.snapshot(run).unwrap().run_as, ["deploy"]);
    rig.give(Event::Facts {
        agent: agent(9),
        facts: Facts::default(),
    });
    rig.give(Event::Metrics {
        agent: agent(9),
        metrics: Metrics::default(),
    });
    assert!(rig.hub.known.fleet.get(agent(9)).is_none());
    rig.give(Event::Metrics {
        agent: agent(1),
        metrics: Metrics::default(),
    });
    assert!(rig.hub.known.fleet.get(agent(1)).unwrap().metrics.is_some());
}

#[test]
fn a_version_is_short_and_plain() {
    let mut rig = Rig::new();
    let up = LinkUp {
        unknown: BTreeSet::new(),
        more: false,
        agent: agent(1),
        certificate: presented(1),
        link: 1,
        instance: instance("boot"),
        version: format!("1\u{1b}[31m{}", "9".repeat(100)),
        takes_input: true,
        takes_upkeep: true,
        executions: BTreeMap::new(),
    };
    rig.give(Event::LinkUp(up));
    let version = &rig.hub.known.fleet.get(agent(1)).unwrap().version;
    assert_eq!(version.as_data().chars().count(), 32);
    assert!(!version.as_data().contains('\u{1b}'));
}

/// Somebody with the identity of a host wants a link; what is said to it.
fn wanted(rig: &mut Rig, ticket: u64, n: u8, boot_id: &str, drawn: &str) -> Vec<Effect> {
    rig.give(Event::LinkWanted {
        ticket: Ticket(ticket),
        agent: agent(n),
        certificate: presented(n),
        instance: Instance {
            boot_id: boot_id.into(),
            drawn: drawn.into(),
        },
    })
}

fn admitted(effects: &[Effect]) -> Vec<(u64, Result<(), LinkRefusal>)> {
    let admitted = |effect: &Effect| match effect {
        Effect::LinkAdmitted { ticket, admitted } => Some((ticket.0, *admitted)),
        _ => None,
    };
    effects.iter().filter_map(admitted).collect()
}

fn probed(effects: &[Effect]) -> Vec<u64> {
    let probed = |effect: &Effect| match effect {
        Effect::Probe { link, .. } => Some(*link),
        _ => None,
    };
    effects.iter().filter_map(probed).collect()
}

#[test]
fn nothing_is_asked_of_whom_no_other_has_a_link() {
    let mut rig = Rig::with_links(&[1]);
    let name = "web-02".to_owned();
    rig.ask(&local(), Ask::RemoveHost { name });
    rig.commit();
    for (n, drawn, expected) in [
        (1, "one", Ok(())),
        (3, "one", Ok(())),
        (9, "one", Err(LinkRefusal::Unknown)),
        (2, "one", Err(LinkRefusal::Revoked)),
    ] {
        let effects = wanted(&mut rig, 7, n, "boot", drawn);
        assert_eq!(admitted(&effects), [(7, expected)], "{n} {drawn}");
        assert!(probed(&effects).is_empty());
    }
}

#[test]
fn the_agent_that_is_there_is_asked_before_another_with_its_identity_is_believed() {
    // The same machine with another start, a copy that says the same boot, and another machine.
    for (boot_id, drawn) in [
        ("boot", "two"),
        ("boot", ""),
        ("clone", "one"),
        ("clone", "two"),
    ] {
        let mut rig = Rig::with_links(&[1]);
        let effects = wanted(&mut rig, 7, 1, boot_id, drawn);
        assert_eq!((probed(&effects), admitted(&effects)), (vec![1], vec![]));
        let effects = wanted(&mut rig, 8, 1, "third", "three");
        assert_eq!(admitted(&effects), [(8, Err(LinkRefusal::Duplicate))]);
        let now_ms = rig.now_ms;
        assert!(
            !rig.hub
                .known
                .fleet
                .get(agent(1))
                .unwrap()
                .is_duplicated(now_ms)
        );
        // An answer of a link of long ago is none.
        assert!(
            rig.give(Event::Probed {
                agent: agent(1),
                link: 0
            })
            .is_empty()
        );
        let effects = rig.give(Event::Probed {
            agent: agent(1),
            link: 1,
        });
        assert_eq!(admitted(&effects), [(7, Err(LinkRefusal::Duplicate))]);
        let presence = rig.hub.known.fleet.get(agent(1)).unwrap();
        assert!(presence.link.is_some() && presence.is_duplicated(now_ms));
        assert!(!presence.is_duplicated(now_ms + limits::DUPLICATE_MS));
        rig.now_ms += limits::PROBE_MS;
        assert!(closed(&rig.give(Event::Tick)).is_empty(), "it has answered");
    }
}

#[test]
fn an_agent_that_does_not_answer_is_gone_and_the_next_is_let_in() {
    let mut rig = Rig::with_links(&[1]);
    wanted(&mut rig, 7, 1, "boot", "two");
    rig.now_ms += limits::PROBE_MS - 1;
    assert!(admitted(&rig.give(Event::Tick)).is_empty());
    rig.now_ms += 1;
    let effects = rig.give(Event::Tick);
    assert_eq!(closed(&effects), [(1, LinkRefusal::Duplicate)]);
    assert_eq!(admitted(&effects), [(7, Ok(()))]);
    let up = rig.link(1, 8, "boot");
    assert!(welcomed(&up));
    // Another was refused while it was there: that is over when another takes over, and not when the same comes back.
    let twice = |rig: &Rig| {
        let presence = rig.hub.known.fleet.get(agent(1)).unwrap();
        presence.is_duplicated(rig.now_ms)
    };
    wanted(&mut rig, 20, 1, "clone", "two");
    let (answers, gone) = (
        Event::Probed {
            agent: agent(1),
            link: 8,
        },
        |link| Event::LinkDown {
            agent: agent(1),
            link,
        },
    );
    rig.give(answers);
    assert!(twice(&rig));
    rig.give(gone(8));
    assert!(welcomed(&rig.link(1, 8, "boot")) && twice(&rig));
    rig.give(gone(8));
    assert!(welcomed(&rig.link(1, 21, "clone")) && !twice(&rig));
    rig.give(gone(21));
    rig.link(1, 8, "boot");

    // It may also just end, or come back by itself.
    wanted(&mut rig, 9, 1, "boot", "three");
    let down = Event::LinkDown {
        agent: agent(1),
        link: 8,
    };
    assert_eq!(admitted(&rig.give(down)), [(9, Ok(()))]);
    rig.link(1, 9, "boot");
    wanted(&mut rig, 10, 1, "boot", "three");
    let effects = rig.link(1, 10, "boot");
    assert_eq!(admitted(&effects), [(10, Err(LinkRefusal::Duplicate))]);
    assert!(welcomed(&effects));
}

#[test]
fn nobody_is_believed_of_a_run_that_it_was_not_ordered() {
    let mut rig = Rig::with_links(&[2]);
    // web-01 is away and waited for: no order went to it.
    let (run, _) = rig.run("role=web", Some("queue"));
    rig.commit();
    let held = Held {
        told: Told::Ended,
        complete: true,
        short: true,
    };
    let effects = rig.link_with(1, 8, "boot", BTreeMap::from([(run, held)]));
    assert!(
        closed(&effects).is_empty(),
        "a restored journal may know less than its hosts"
    );
    let execution = |rig: &Rig| {
        let run = rig.hub.known.state.run_of(run).unwrap();
        run.execution(agent(1)).unwrap().clone()
    };
    assert_eq!(execution(&rig).state(), "queued");
    assert_eq!(
        rig.hub.known.standing(agent(1), run, rig.now_ms),
        Standing::NotOrdered
    );
    let outcome = Outcome::without_output(How::Exited(0));
    rig.give(Event::Exit {
        run,
        agent: agent(1),
        outcome,
    });
    assert_eq!(execution(&rig).state(), "queued");
    let told = Told::Refused(Reason::new(Code::RunAs, "no"));
    rig.give(Event::Told {
        agent: agent(1),
        run,
        told,
        spool_full: false,
    });
    assert_eq!(execution(&rig).state(), "queued");
    // It goes its way as if nothing had been said.
    rig.commit();
    assert_eq!(
        rig.hub.known.standing(agent(1), run, rig.now_ms),
        Standing::Ordered
    );
}

/// What is known for good is over; what was lost is heard until its last record has come.
#[test]
fn a_host_may_speak_of_what_it_was_ordered_until_how_it_ended_is_known_for_good() {
    let lost = |sha256: Option<[u8; 32]>| Outcome {
        output_sha256: sha256,
        ..Outcome::without_output(How::Lost(Reason::new(Code::Offline, "gone")))
    };
    for (outcome, standing) in [
        (Outcome::without_output(How::Exited(3)), Standing::Over),
        (Outcome::without_output(How::TimedOut(143)), Standing::Over),
        (lost(None), Standing::Ordered),
        (lost(Some([7; 32])), Standing::Over),
    ] {
        let mut rig = Rig::with_links(&[1, 2]);
        let (run, _) = rig.run("web-01", None);
        rig.commit();
        let stands = |rig: &Rig, n| rig.hub.known.standing(agent(n), run, rig.now_ms);
        assert_eq!(stands(&rig, 1), Standing::Ordered);
        assert_eq!(stands(&rig, 2), Standing::Foreign);
        rig.give(Event::Exit {
            run,
            agent: agent(1),
            outcome: outcome.clone(),
        });
        rig.commit();
        assert_eq!(stands(&rig, 1), standing, "{outcome:?}");
        assert_eq!(stands(&rig, 2), Standing::Foreign);
    }
}

#[test]
fn what_is_not_known_stays_on_the_host_until_somebody_gives_it_up() {
    let mut rig = Rig::new();
    let run = RunId::from_bytes([9; 16]);
    let up = LinkUp {
        unknown: BTreeSet::from([run]),
        more: false,
        agent: agent(1),
        certificate: presented(1),
        link: 1,
        instance: Instance {
            boot_id: "boot".into(),
            drawn: "one".into(),
        },
        version: "1".into(),
        takes_input: true,
        takes_upkeep: true,
        executions: BTreeMap::new(),
    };
    let effects = rig.give(Event::LinkUp(up));
    assert!(welcomed(&effects) && closed(&effects).is_empty());
    let released = |effects: &[Effect]| {
        effects.iter().any(|effect| {
            matches!(effect, Effect::Release { agent: host, run: of } if (*host, *of) == (agent(1), run))
        })
    };
    assert!(!released(&effects));
    let effects = rig.give(Event::Told {
        agent: agent(1),
        run,
        told: Told::Running,
        spool_full: false,
    });
    assert!(effects.is_empty(), "it was told already: {effects:?}");
    let unknown = |rig: &Rig| rig.hub.known.fleet.get(agent(1)).unwrap().unknown.len();
    assert_eq!(unknown(&rig), 1);
    let release = || {
        Ask::Inventory(InventoryAsk::Release {
            on: "web-01".into(),
        })
    };
    rig.ask(&local(), release());
    assert!(released(&rig.commit()));
    assert_eq!(unknown(&rig), 0);
    rig.ask(&local(), release());
    assert!(!released(&rig.commit()), "there is nothing more");
}

/// A host comes back and holds more than it says now.
fn comes_with_more(rig: &mut Rig, executions: BTreeMap<RunId, Held>) {
    rig.give(Event::LinkUp(LinkUp {
        unknown: BTreeSet::new(),
        more: true,
        agent: agent(1),
        certificate: presented(1),
        link: 8,
        instance: instance("boot"),
        version: "1.0.0".into(),
        takes_input: true,
        takes_upkeep: true,
        executions,
    }));
}

fn tells(rig: &mut Rig, run: RunId, told: Told) -> Vec<Effect> {
    rig.give(Event::Told {
        agent: agent(1),
        run,
        told,
        spool_full: false,
    })
}

/// However many executions a host holds, none of them is called lost or not started because its first message had no room.
#[test]
fn what_a_first_message_had_no_room_for_is_not_called_lost() {
    let mut rig = Rig::with_links(&[1]);
    let runs = [0; 4].map(|_| rig.run("web-01", None).0);
    let [named, follows, refused, gone] = runs;
    tells(&mut rig, gone, Told::Running);
    rig.commit();
    let down = Event::LinkDown {
        agent: agent(1),
        link: 1,
    };
    rig.give(down);
    let held = Held {
        told: Told::Running,
        complete: false,
        short: false,
    };
    comes_with_more(&mut rig, BTreeMap::from([(named, held)]));
    rig.commit();
    let states = |rig: &Rig| {
        runs.map(|run| {
            let run = rig.hub.known.state.run_of(run).unwrap();
            run.execution(agent(1)).unwrap().state()
        })
    };
    assert_eq!(states(&rig)[1..], ["queued", "queued", "running"]);
    tells(&mut rig, follows, Told::Ended);
    let no = Told::Refused(Reason::new(Code::RunAs, "no"));
    tells(&mut rig, refused, no);
    rig.commit();
    assert_eq!(states(&rig), ["running", "running", "refused", "running"]);
    // A new order goes to it meanwhile.
    let (new, effects) = rig.run("web-01", None);
    assert_eq!(orders(&effects), [agent(1)]);
    rig.give(Event::HeldAll(agent(1)));
    rig.commit();
    assert_eq!(states(&rig), ["running", "running", "refused", "lost"]);
    let new = rig.hub.known.state.run_of(new).unwrap();
    assert!(new.execution(agent(1)).unwrap().outcome().is_none());
    // Nothing is left to be decided.
    assert!(rig.give(Event::HeldAll(agent(1))).is_empty() && rig.appends.is_empty());
}

/// However many executions a host holds, none of them is called lost or not started because its first message had no room.
#[test]
fn what_follows_a_first_message_may_not_be_known_here() {
    let mut rig = Rig::new();
    comes_with_more(&mut rig, BTreeMap::new());
    let runs = [3, 4].map(|n| RunId::from_bytes([n; 16]));
    for run in runs {
        assert!(tells(&mut rig, run, Told::Ended).is_empty());
    }
    let unknown = |rig: &Rig| rig.hub.known.fleet.get(agent(1)).unwrap().unknown.clone();
    assert_eq!(unknown(&rig), BTreeSet::from(runs));
    rig.give(Event::HeldAll(agent(1)));
    let late = tells(&mut rig, RunId::from_bytes([5; 16]), Told::Ended);
    assert!(matches!(&late[..], [Effect::WarnOf { .. }]), "{late:?}");
    assert_eq!(unknown(&rig), BTreeSet::from(runs));
}
