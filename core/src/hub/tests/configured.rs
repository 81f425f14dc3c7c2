//! A configuration that changed.

use super::*;

/// The rig's settings, with runs on more than so many hosts shown first.
fn settings(rig: &Rig, confirm_hosts: usize) -> Settings {
    Settings {
        confirm_hosts,
        ..(*rig.hub.known().settings).clone()
    }
}

fn configure(rig: &mut Rig, confirm_hosts: usize) -> Vec<Effect> {
    let to = Configured {
        actor: Actor::Socket {
            user: "root".into(),
        },
        settings: settings(rig, confirm_hosts),
        changes: vec!["limits: confirm_hosts".into()],
    };
    rig.give(Event::Configured(Ticket(77), Box::new(to)))
}

#[test]
fn it_counts_when_it_is_recorded_and_not_before() {
    let mut rig = Rig::new();
    assert!(configure(&mut rig, 3).is_empty());
    assert_eq!(rig.hub.known().settings.confirm_hosts, 10);
    let told = rig.commit();
    assert!(
        matches!(
            told.as_slice(),
            [Effect::Answer {
                ticket: Ticket(77),
                answer: Ok(Answer::Configured)
            }]
        ),
        "{told:?}"
    );
    assert_eq!(rig.hub.known().settings.confirm_hosts, 3);
    let changes = vec!["limits: confirm_hosts".to_owned()];
    let kinds: Vec<&Kind> = rig.written.iter().map(|record| &record.kind).collect();
    let grants = rig.hub.known().settings.policy.specs();
    assert_eq!(
        kinds,
        [
            &Kind::PolicyChanged { changes },
            &Kind::GrantsLoaded(grants)
        ],
        "the journal knew none of the grants"
    );
    configure(&mut rig, 4);
    rig.commit();
    assert_eq!(rig.written.len(), 3, "now it does");
}

#[test]
fn what_cannot_be_recorded_does_not_count() {
    let mut rig = Rig::new();
    configure(&mut rig, 3);
    let told = rig.fail();
    assert!(
        matches!(
            told.as_slice(),
            [Effect::Answer {
                ticket: Ticket(77),
                answer: Err(_)
            }]
        ),
        "{told:?}"
    );
    assert_eq!(rig.hub.known().settings.confirm_hosts, 10);
}
