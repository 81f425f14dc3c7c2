//! Hosts that join: one after another, each name and each use of a token once.

use super::*;

const SECRET: [u8; 32] = [7; 32];

fn with_token(uses_max: u32) -> Rig {
    let mut rig = Rig::new();
    let token = crate::ask::TokenRequest {
        id: "t1".into(),
        secret_sha256: SECRET,
        labels: Labels::parse("env=new").unwrap(),
        names: String::new(),
        uses_max,
        ttl_ms: 60_000,
    };
    rig.ask(&local(), Ask::CreateToken(token));
    rig.commit();
    rig
}

fn join(name: &str, key: u8) -> Join {
    Join {
        token: "t1".into(),
        secret_sha256: SECRET,
        name: name.into(),
        key_sha256: [key; 32],
    }
}

impl Rig {
    fn join(&mut self, join: Join) -> (Ticket, Vec<Effect>) {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let fresh = Fresh::new([u8::try_from(100 + self.tickets).unwrap(); 16]);
        let effects = self.give(Event::Joining {
            ticket,
            join,
            fresh,
        });
        (ticket, effects)
    }

    /// Lets one in, to the end.
    fn enrol(&mut self, asked: Join) -> Result<Joined, String> {
        let (ticket, effects) = self.join(asked);
        if let [Effect::IssueCertificate { ticket: of, .. }] = &effects[..] {
            assert_eq!(*of, ticket);
            let leaf = Some(vec![1, 2, 3]);
            assert!(self.give(Event::Issued { ticket, leaf }).is_empty());
            let effects = self.commit();
            return joined(&effects);
        }
        joined(&effects)
    }
}

fn joined(effects: &[Effect]) -> Result<Joined, String> {
    let told = effects.iter().find_map(|effect| match effect {
        Effect::Joined { joined, .. } => Some(joined.clone()),
        _ => None,
    });
    let told = told.unwrap_or_else(|| panic!("{effects:?}"));
    told.map_err(|refusal| format!("{} {}", refusal.code, refusal.what))
}

#[test]
fn a_host_joins_with_the_labels_of_its_token() {
    let mut rig = with_token(1);
    let got = rig.enrol(join("new-1", 50)).unwrap();
    assert_eq!(
        (got.name.as_str(), &got.leaf[..]),
        ("new-1", &[1, 2, 3][..])
    );
    let host = &rig.hub.known.state.hosts[&got.agent];
    assert_eq!(host.labels.to_string(), "env=new");
    assert_eq!(rig.written.last().unwrap().actor, Actor::Host(got.agent));

    // The same request again gets the same identity for a while, though the token is used up.
    assert_eq!(rig.enrol(join("new-1", 50)), Ok(got.clone()));
    let key = "E_CSR This key belongs to a host that has joined already.";
    assert_eq!(rig.enrol(join("other", 50)), Err(key.to_owned()));
    rig.now_ms += 10 * 60_000;
    assert_eq!(rig.enrol(join("new-1", 50)), Ok(got));
    rig.now_ms += 1;
    assert_eq!(rig.enrol(join("new-1", 50)), Err(key.to_owned()));
}

#[test]
fn a_bad_token_tells_nothing() {
    let bad = "E_TOKEN The join token is not valid: unknown, used up, expired or revoked.";
    let mut rig = with_token(1);
    let mut told = |change: &dyn Fn(&mut Join)| {
        let mut join = join("new-1", 50);
        change(&mut join);
        rig.enrol(join).map(|_| ())
    };
    assert_eq!(told(&|j| j.token = "t2".into()), Err(bad.to_owned()));
    assert_eq!(told(&|j| j.secret_sha256 = [8; 32]), Err(bad.to_owned()));
    let unknown = |j: &mut Join| (j.token, j.secret_sha256) = ("t2".into(), [0; 32]);
    assert_eq!(told(&unknown), Err(bad.to_owned()), "the hash of no token");
    assert_eq!(told(&|_| {}), Ok(()));
    let second = |j: &mut Join| (j.name, j.key_sha256) = ("new-2".into(), [51; 32]);
    assert_eq!(told(&second), Err(bad.to_owned()), "it is used up");

    let mut late = with_token(5);
    late.now_ms += 60_000;
    assert_eq!(late.enrol(join("new-1", 50)), Err(bad.to_owned()));
    let mut revoked = with_token(5);
    revoked.ask(&local(), Ask::RevokeToken { id: "t1".into() });
    revoked.commit();
    assert_eq!(revoked.enrol(join("new-1", 50)), Err(bad.to_owned()));
}

#[test]
fn a_name_is_taken_once_and_none_looks_like_another() {
    let mut rig = with_token(9);
    for (name, expected) in [
        (
            "web-01",
            "E_NAME_TAKEN A host named web-01 has joined already.",
        ),
        (
            "web-0l",
            "E_NAME_CONFUSABLE web-0l would be taken for the host web-01",
        ),
        ("w_e b", "E_NAME"),
        ("", "E_NAME"),
    ] {
        let told = rig.enrol(join(name, 50)).unwrap_err();
        assert!(told.starts_with(expected), "{name}: {told}");
    }
    // The name of a host that was removed is kept, and what looks like it, until somebody frees it.
    let name = || "web-01".to_owned();
    let freed = |rig: &mut Rig| rig.ask(&local(), Ask::FreeName { name: name() });
    assert!(refused(&freed(&mut rig)).starts_with("E_NAME_TAKEN"));
    rig.commit();
    rig.ask(&local(), Ask::RemoveHost { name: name() });
    rig.commit();
    for kept in ["web-01", "web-0l"] {
        let told = rig.enrol(join(kept, 50)).unwrap_err();
        assert!(
            told.starts_with("E_NAME_TAKEN The host web-01 was removed"),
            "{told}"
        );
    }
    freed(&mut rig);
    rig.commit();
    assert!(
        refused(&freed(&mut rig)).starts_with("E_NOT_FOUND"),
        "it is free"
    );
    rig.commit();
    assert!(rig.enrol(join("web-01", 50)).is_ok());
}

#[test]
fn two_at_once_are_decided_one_after_the_other() {
    let mut rig = with_token(1);
    let (first, effects) = rig.join(join("new-1", 50));
    assert_eq!(effects.len(), 1);
    let (_, effects) = rig.join(join("new-2", 51));
    assert!(effects.is_empty(), "it waits: {effects:?}");
    let leaf = Some(vec![1]);
    rig.give(Event::Issued {
        ticket: first,
        leaf,
    });
    let effects = rig.commit();
    let told: Vec<bool> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Joined { joined, .. } => Some(joined.is_ok()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [true, false], "one use, one host");
}

#[test]
fn one_that_fails_does_not_hold_up_the_next() {
    // No certificate.
    let mut rig = with_token(1);
    let (first, _) = rig.join(join("new-1", 50));
    let (second, _) = rig.join(join("new-2", 51));
    let effects = rig.give(Event::Issued {
        ticket: first,
        leaf: None,
    });
    let told = joined(&effects).unwrap_err();
    assert_eq!(told, "E_CSR No certificate could be issued for this key.");
    let next = |effect: &Effect| matches!(effect, Effect::IssueCertificate { ticket, .. } if *ticket == second);
    assert!(effects.iter().any(next), "{effects:?}");
    // No journal.
    let leaf = Some(vec![1]);
    rig.give(Event::Issued {
        ticket: second,
        leaf,
    });
    let (third, _) = rig.join(join("new-3", 52));
    let effects = rig.fail();
    let told = joined(&effects).unwrap_err();
    assert!(told.starts_with("E_STORAGE"), "{told}");
    let leaf = Some(vec![1]);
    rig.give(Event::Issued {
        ticket: third,
        leaf,
    });
    assert!(joined(&rig.commit()).is_ok());
    // A certificate that nobody waits for changes nothing.
    let leaf = Some(vec![1]);
    assert!(
        rig.give(Event::Issued {
            ticket: first,
            leaf
        })
        .is_empty()
    );
    assert!(rig.appends.is_empty());
    let names: Vec<&HostName> = rig
        .hub
        .known
        .state
        .hosts
        .values()
        .map(|h| &h.enrolment.name)
        .collect();
    assert!(names.iter().any(|name| name.as_str() == "new-3"));
}

#[test]
fn a_token_is_good_for_the_names_that_it_was_made_for_and_no_grant_goes_by_another() {
    let with = |names: &str, grant: &str| {
        let mut rig = Rig::new();
        let token = crate::ask::TokenRequest {
            id: "t1".into(),
            secret_sha256: SECRET,
            labels: Labels::default(),
            names: names.into(),
            uses_max: 9,
            ttl_ms: 60_000,
        };
        rig.ask(&local(), Ask::CreateToken(token));
        rig.commit();
        let mut settings = Settings::clone(&rig.hub.known.settings);
        settings.policy.grants[0].hosts = Selector::parse_for_grant(grant).unwrap();
        rig.hub.known.settings = Arc::new(settings);
        rig
    };
    for (names, grant, name, expected) in [
        ("", "role=web", "new-1", None),
        ("new-*", "role=web", "new-1", None),
        ("new-[1-3],x", "role=web", "new-3", None),
        (
            "new-[1-3],x",
            "role=web",
            "new-4",
            Some("was made for other names than new-4: for new-[1-3],x."),
        ),
        ("new-1", "new*", "new-1", None),
        ("new-* !new-13", "role=web", "new-12", None),
        (
            "new-* !new-13",
            "role=web",
            "new-13",
            Some("was made for other names than new-13"),
        ),
        (
            "new-* *-1",
            "role=web",
            "new-2",
            Some("was made for other names than new-2"),
        ),
        ("new-* *-1 | x", "role=web", "new-1", None),
        (
            "x-* !(x-1,new-1)",
            "role=web",
            "new-1",
            Some("was made for other names than new-1"),
        ),
        ("", "all", "new-1", None),
        ("", "new*", "new-1", Some("A grant goes by the name new-1")),
        (
            "",
            "role=web !new-1",
            "new-1",
            Some("A grant goes by the name new-1"),
        ),
        ("", "new*", "other-1", None),
    ] {
        let told = with(names, grant).enrol(join(name, 50));
        match (told, expected) {
            (Ok(_), None) => {}
            (Err(told), Some(part)) if told.starts_with("E_NAME ") && told.contains(part) => {}
            (told, _) => panic!("{names} {grant} {name}: {told:?}"),
        }
    }
    let mut rig = Rig::new();
    for bad in ["all", "role=web", "@web", "is:online", "web-[", "#1"] {
        let token = crate::ask::TokenRequest {
            id: "t2".into(),
            secret_sha256: SECRET,
            labels: Labels::default(),
            names: bad.into(),
            uses_max: 1,
            ttl_ms: 60_000,
        };
        let effects = rig.ask(&local(), Ask::CreateToken(token));
        assert!(
            refused(&effects).starts_with("E_SELECTOR The names of a token"),
            "{bad}"
        );
        rig.commit();
    }
}
