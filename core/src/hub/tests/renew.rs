//! Certificates of hosts: which are good for a link, when there are others, and what is lost or killed on the way.

use super::*;
use crate::hub::{LinkRefusal, Renewal};
use crate::journal::HostChange;

const HOUR_MS: u64 = 3_600_000;

/// A certificate with this key, as a stand-in issues it.
fn leaf(key: u8) -> Vec<u8> {
    vec![key; 3]
}

/// What the host comes with: what it joined with, or what came after that.
fn presented(key: u8) -> Presented {
    let leaf = if key == 1 { vec![1] } else { leaf(key) };
    Presented {
        leaf,
        ..super::presented(key)
    }
}

fn renewal(holds: u8, wants: u8) -> Renewal {
    Renewal {
        agent: agent(1),
        holds: presented(holds),
        key_sha256: [wants; 32],
        late: None,
    }
}

/// What became of a renewal, if that is known by now.
fn renewed(effects: &[Effect]) -> Option<Result<Vec<u8>, String>> {
    effects.iter().find_map(|effect| match effect {
        Effect::Renewed { renewed, .. } => {
            let refused = |refusal: &Refusal| format!("{} {}", refusal.code, refusal.what);
            Some(renewed.clone().map_err(|refusal| refused(&refusal)))
        }
        _ => None,
    })
}

impl Rig {
    /// Host 1 asks; when it is let, the certificate is issued at once, and its record waits to be written.
    fn renewal(&mut self, renewal: Renewal) -> Vec<Effect> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let issued = Some(leaf(renewal.key_sha256[0]));
        let mut effects = self.give(Event::Renewing { ticket, renewal });
        let is_let = |effect: &Effect| matches!(effect, Effect::IssueCertificate { .. });
        if effects.iter().any(is_let) {
            effects.extend(self.give(Event::Issued {
                ticket,
                leaf: issued,
            }));
        }
        effects
    }

    /// Host 1 wants a link with this key; whether it gets one.
    fn links_with(&mut self, key: u8) -> Result<(), LinkRefusal> {
        self.tickets += 1;
        let effects = self.give(Event::LinkWanted {
            ticket: Ticket(self.tickets),
            agent: agent(1),
            certificate: presented(key),
            instance: instance("boot"),
        });
        let admitted = effects.iter().find_map(|effect| match effect {
            Effect::LinkAdmitted { admitted, .. } => Some(*admitted),
            _ => None,
        });
        admitted.expect("an answer")?;
        self.give(Event::LinkUp(LinkUp {
            unknown: BTreeSet::new(),
            more: false,
            agent: agent(1),
            certificate: presented(key),
            link: u64::from(key),
            instance: instance("boot"),
            version: "1.0.0".into(),
            takes_input: true,
            takes_upkeep: true,
            executions: BTreeMap::new(),
        }));
        Ok(())
    }

    /// The process is killed: what was not written is gone.
    fn killed(&mut self) {
        self.appends.clear();
        let state = self.hub.known.state.clone();
        let settings = (*self.hub.known.settings).clone();
        self.hub = Hub::new(state, Fleet::default(), settings);
    }

    fn keys(&self) -> (u8, Option<u8>) {
        let certificates = &self.hub.known.state.hosts[&agent(1)].certificates;
        let next = certificates.next().map(|next| next.key_sha256[0]);
        (certificates.current().key_sha256[0], next)
    }
}

/// A host that has joined long ago.
fn rig() -> Rig {
    let mut rig = Rig::new();
    rig.now_ms += 1_000 * HOUR_MS;
    rig
}

#[test]
fn a_certificate_is_handed_out_when_it_is_recorded_and_the_first_link_with_it_voids_the_former() {
    let mut rig = rig();
    let asked = rig.renewal(renewal(1, 7));
    assert_eq!(renewed(&asked), None, "nothing is recorded yet");
    assert_eq!(renewed(&rig.commit()), Some(Ok(leaf(7))));
    assert_eq!(rig.keys(), (1, Some(7)));
    // Its answer may have been lost: the one in use is good still, and the same request has the same answer.
    assert_eq!(rig.links_with(1), Ok(()));
    assert_eq!(renewed(&rig.renewal(renewal(1, 7))), Some(Ok(leaf(7))));
    assert!(rig.commit().is_empty() && rig.keys() == (1, Some(7)));
    assert_eq!(rig.links_with(7), Ok(()));
    rig.commit();
    assert_eq!(rig.keys(), (7, None));
    assert_eq!(rig.links_with(1), Err(LinkRefusal::Superseded));
    // A start with a checkpoint knows the same.
    let mut again = State::default();
    for record in rig.hub.known.state.checkpoint() {
        again.apply(&record);
    }
    assert_eq!(again.hosts, rig.hub.known.state.hosts);
}

#[test]
fn an_older_copy_of_a_host_is_told_as_one() {
    let mut rig = rig();
    rig.renewal(renewal(1, 7));
    rig.commit();
    assert_eq!(rig.links_with(7), Ok(()));
    rig.commit();
    let told = |rig: &Rig| {
        let presence = rig.hub.known.fleet.get(agent(1)).unwrap();
        presence.is_duplicated(rig.now_ms)
    };
    assert!(!told(&rig));
    assert_eq!(rig.links_with(1), Err(LinkRefusal::Superseded));
    assert!(told(&rig), "by its link");
    rig.now_ms += limits::DUPLICATE_MS;
    assert!(!told(&rig));
    let refused = renewed(&rig.renewal(renewal(1, 8))).unwrap().unwrap_err();
    assert!(refused.contains("was replaced by a newer one"), "{refused}");
    assert!(told(&rig), "by what it asks for");
    assert!(rig.commit().is_empty() && rig.keys() == (7, None));
}

#[test]
fn what_may_not_be_is_refused_and_changes_nothing() {
    let mut rig = rig();
    rig.renewal(renewal(1, 7));
    rig.commit();
    assert_eq!(rig.links_with(7), Ok(()));
    rig.commit();
    rig.now_ms += HOUR_MS;
    let stranger = Renewal {
        agent: agent(9),
        ..renewal(7, 8)
    };
    for (asked, expected) in [
        (renewal(7, 7), "E_CSR This key belongs to a host already"),
        (renewal(7, 1), "E_CSR This key belongs to a host already"),
        (renewal(7, 2), "E_CSR This key belongs to a host already"),
        (renewal(2, 8), "E_DENIED This certificate was replaced"),
        (stranger, "E_NOT_FOUND No host with this identity"),
    ] {
        let refused = renewed(&rig.renewal(asked)).unwrap().unwrap_err();
        assert!(refused.starts_with(expected), "{refused}");
        assert!(rig.commit().is_empty() && rig.keys() == (7, None));
    }
    let name = "web-01".to_owned();
    rig.ask(&local(), Ask::RemoveHost { name });
    rig.commit();
    let refused = renewed(&rig.renewal(renewal(7, 8))).unwrap().unwrap_err();
    assert!(refused.starts_with("E_DENIED This host was removed"));
}

#[test]
fn a_host_gets_one_certificate_at_a_time_and_not_many_in_a_row() {
    let mut rig = rig();
    assert_eq!(renewed(&rig.renewal(renewal(1, 7))), None);
    let refused = renewed(&rig.renewal(renewal(1, 8))).unwrap().unwrap_err();
    assert!(refused.starts_with("E_RATE"), "{refused}");
    rig.commit();
    let refused = renewed(&rig.renewal(renewal(1, 8))).unwrap().unwrap_err();
    assert!(refused.starts_with("E_RATE"), "{refused}");
    rig.now_ms += limits::RENEWAL_MS;
    assert_eq!(renewed(&rig.renewal(renewal(1, 8))), None);
    assert_eq!(renewed(&rig.commit()), Some(Ok(leaf(8))));
    assert_eq!(
        rig.keys(),
        (1, Some(8)),
        "the one that was never used is void"
    );
    // A clock that was set back keeps nobody waiting.
    rig.now_ms -= HOUR_MS / 2;
    assert_eq!(renewed(&rig.renewal(renewal(1, 9))), None);
    // What cannot be recorded is not handed out.
    let refused = renewed(&rig.fail()).unwrap().unwrap_err();
    assert!(refused.starts_with("E_STORAGE"), "{refused}");
    assert_eq!(rig.keys(), (1, Some(8)));
}

#[test]
fn one_that_was_off_gets_the_next_with_the_certificate_that_ran_out_for_a_while() {
    let late = |key: u8, wants: u8, not_after_ms: u64| Renewal {
        late: Some(not_after_ms),
        ..renewal(key, wants)
    };
    let mut rig = rig();
    rig.renewal(renewal(1, 7));
    rig.commit();
    rig.now_ms += 10 * HOUR_MS;
    let ran_out_ms = rig.now_ms - HOUR_MS;
    // Another certificate of the same key than the recorded one.
    let mut other = late(7, 8, ran_out_ms);
    other.holds.leaf = leaf(9);
    let refused = renewed(&rig.renewal(other)).unwrap().unwrap_err();
    assert!(refused.starts_with("E_DENIED"), "{refused}");
    let too_late = late(7, 8, rig.now_ms - limits::LATE_MS - 1);
    let refused = renewed(&rig.renewal(too_late)).unwrap().unwrap_err();
    assert!(
        refused.starts_with("E_EXPIRED") && refused.contains("for 7d only"),
        "{refused}"
    );
    // It had got the next one, and never used it.
    assert_eq!(renewed(&rig.renewal(late(7, 8, ran_out_ms))), None);
    assert_eq!(renewed(&rig.commit()), Some(Ok(leaf(8))));
    assert_eq!(rig.keys(), (7, Some(8)));
    let kinds: Vec<_> = rig.kinds().into_iter().rev().take(2).collect();
    let promoted = HostChange::Promoted {
        key_sha256: [7; 32],
    };
    assert_eq!(
        kinds[1],
        &promoted.of(agent(1)),
        "the one that it used counts"
    );
}

#[test]
fn one_that_has_a_newer_certificate_than_an_older_journal_knows_is_let_in_and_known_again() {
    let mut rig = rig();
    let ahead = Presented {
        issued_ms: rig.now_ms,
        ..presented(9)
    };
    let up = |rig: &mut Rig, certificate: &Presented| {
        rig.give(Event::LinkUp(LinkUp {
            unknown: BTreeSet::new(),
            more: false,
            agent: agent(1),
            certificate: certificate.clone(),
            link: 1,
            instance: instance("boot"),
            version: "1.0.0".into(),
            takes_input: true,
            takes_upkeep: true,
            executions: BTreeMap::new(),
        }))
    };
    rig.now_ms += HOUR_MS;
    let welcomed = |effects: &[Effect]| matches!(effects[0], Effect::Welcome { .. });
    assert!(welcomed(&up(&mut rig, &ahead)));
    rig.commit();
    assert_eq!(rig.keys(), (9, None));
    // And only that one: what was known before is older, whatever it says.
    assert!(!welcomed(&up(&mut rig, &presented(1))));
    // The same late, after an older journal was put back while the host was off.
    let mut rig = self::rig();
    let holds = Presented {
        issued_ms: rig.now_ms,
        ..presented(9)
    };
    rig.now_ms += HOUR_MS;
    let late = Renewal {
        holds,
        late: Some(rig.now_ms),
        ..renewal(9, 10)
    };
    assert_eq!(renewed(&rig.renewal(late)), None);
    assert_eq!(renewed(&rig.commit()), Some(Ok(leaf(10))));
    assert_eq!(rig.keys(), (9, Some(10)));
}

/// Where the host is killed, in the order of its steps: with the key that it holds on disk, and the next one that it has got.
const STEPS: usize = 5;

/// A host renews: it asks, gets an answer, keeps it, dials with it, and hears that it may. It is killed before the step `host`, and the
/// controller before the step `controller`, with what is being written either written or lost.
fn history(host: usize, controller: usize, written: bool) {
    let mut rig = rig();
    let (mut current, mut next, mut wants) = (1, None, 7);
    let mut answer = None;
    let mut step = 0;
    let mut killed = false;
    while step < STEPS {
        if step == controller && !killed {
            killed = true;
            if written {
                rig.commit();
            }
            rig.killed();
            rig.now_ms += 1_000;
            // Its links are gone, and what was asked over them.
            if step == 1 {
                step = 0;
            }
        }
        if step == host && host != usize::MAX {
            return recovers(rig, current, next, (wants, host, controller));
        }
        match step {
            0 => {
                assert_eq!(rig.links_with(current), Ok(()));
                answer = renewed(&rig.renewal(renewal(current, wants)));
            }
            1 => {
                let asked = answer.take().or_else(|| renewed(&rig.commit()));
                let asked = asked.expect("an answer").expect("a certificate");
                assert_eq!(asked, leaf(wants));
            }
            2 => next = Some(wants),
            3 => assert_eq!(rig.links_with(next.unwrap()), Ok(())),
            _ => {
                current = next.take().unwrap();
                wants += 1;
            }
        }
        step += 1;
    }
    recovers(rig, current, next, (wants, host, controller));
}

/// A host that starts with these has a link, and gets a certificate that is good.
fn recovers(
    mut rig: Rig,
    mut current: u8,
    next: Option<u8>,
    (wants, host, controller): (u8, usize, usize),
) {
    let told = format!("host killed before {host}, controller before {controller}");
    if let Some(next) = next {
        assert_eq!(rig.links_with(next), Ok(()), "{told}");
        current = next;
    }
    assert_eq!(rig.links_with(current), Ok(()), "{told}");
    rig.commit();
    rig.now_ms += HOUR_MS;
    rig.renewal(renewal(current, wants.max(current + 1)));
    rig.commit();
    let (_, next) = rig.keys();
    let next = next.expect("a next one");
    assert_eq!(rig.links_with(next), Ok(()), "{told}");
    rig.commit();
    assert_eq!(rig.keys(), (next, None), "{told}");
}

#[test]
fn whoever_is_killed_at_whatever_step_the_host_is_never_locked_out() {
    for host in (0..=STEPS).chain([usize::MAX]) {
        for controller in (0..=STEPS).chain([usize::MAX]) {
            for written in [true, false] {
                history(host, controller, written);
            }
        }
    }
}
