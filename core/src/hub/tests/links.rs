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
    assert!(matches!(&effects[..], [Effect::Warn(_)]), "{effects:?}");
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
        agent: agent(1),
        link: 1,
        boot_id: "boot".into(),
        version: format!("1\u{1b}[31m{}", "9".repeat(100)),
        takes_input: true,
        executions: BTreeMap::new(),
    };
    rig.give(Event::LinkUp(up));
    let version = &rig.hub.known.fleet.get(agent(1)).unwrap().version;
    assert_eq!(version.chars().count(), 32);
    assert!(!version.contains('\u{1b}'));
}
