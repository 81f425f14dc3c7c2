//! Each kind of message as people read it, and as nobody can style it.

use super::*;
use crate::authority::AuthorityKey;
use crate::hold::Held;
use crate::ids::RunNumber;
use crate::limits::TEXT_DISPLAY_CHARS_MAX;
use crate::principal::Place;
use crate::text::units;

const AT: u64 = 1_700_000_000_000;

fn root() -> Actor {
    Actor::Socket {
        user: "root".to_owned(),
    }
}

fn ann(channel: u64) -> Actor {
    Actor::Chat {
        user: 7,
        place: Some(Place {
            guild: 1,
            channel,
            parent: None,
            interaction: 3,
        }),
    }
}

fn deed(by: Actor, did: Did) -> Deed {
    Deed { by, at_ms: AT, did }
}

fn line(deed: Deed, times: u64) -> Line {
    Line {
        deed,
        times,
        first_ms: AT,
    }
}

fn sheet(topic: Topic, lines: impl IntoIterator<Item = Line>, more: u64) -> Sheet {
    Sheet {
        id: 1,
        topic,
        at_ms: AT,
        lines: lines.into_iter().collect(),
        more,
        more_kinds: usize::try_from(more / 3).unwrap(),
    }
}

fn shown(sheet: &Sheet) -> String {
    let card = sheet_card(sheet);
    for text in &card.texts {
        assert!(units(text) <= TEXT_DISPLAY_CHARS_MAX, "{text}");
    }
    format!("{:?}\n{}", card.accent, card.texts.join("\n--\n"))
}

fn done(deeds: &[Deed]) -> String {
    let lines = deeds.iter().map(|deed| line(deed.clone(), 1));
    shown(&sheet(Topic::Done, lines, 0))
}

fn held() -> Did {
    Did::Hold(Held {
        by: Some(Principal::Local("root".to_owned())),
        since_ms: AT,
        reason: "db *move*".to_owned(),
    })
}

fn names() -> Vec<HostName> {
    ["web-01", "web-02", "db_1"]
        .map(|name| name.parse().unwrap())
        .into()
}

#[test]
fn each_deed_is_a_line_and_a_hold_looks_as_in_chat() {
    let names = names();
    let labels = Labels::parse("env=prod").unwrap();
    let each = |name: &HostName| (name.clone(), labels.clone());
    let lines = [
        Did::Drain(names.clone()),
        Did::Undrain(names[..1].to_vec()),
        Did::Label(names.iter().map(each).collect()),
        Did::Label(vec![each(&names[0])]),
        Did::Label(vec![(names[0].clone(), Labels::default())]),
        Did::Release(names[..1].to_vec()),
        Did::Remove(names[2..].to_vec()),
        Did::FreeName(names[2..].to_vec()),
        Did::SaveGroup {
            name: "web".to_owned(),
            selector: "role=web".to_owned(),
        },
        Did::RemoveGroup("web".to_owned()),
        Did::CreateToken {
            token: "k7Qm".to_owned(),
            uses_max: 5,
            expires_ms: AT + 3_600_000,
        },
        Did::RevokeToken("k7Qm".to_owned()),
        Did::Update {
            number: RunNumber(151),
            version: "0.2.0".parse().unwrap(),
            selector: "role=web `env`".to_owned(),
            hosts: 12,
        },
        Did::StopUpdate {
            number: RunNumber(151),
            version: "0.2.0".parse().unwrap(),
            why: "stopped after 2 of 12 failed".to_owned(),
        },
        Did::RotateKey(AuthorityKey::Issuing),
        Did::RetireKey {
            key: AuthorityKey::Orders,
            lost: Vec::new(),
        },
        Did::RetireKey {
            key: AuthorityKey::Issuing,
            lost: names[..1].to_vec(),
        },
        Did::ExportRoot { shredded: true },
        Did::ExportRoot { shredded: false },
        Did::Configure {
            changes: vec![
                "grant ops: removed".to_owned(),
                "mask: other files".to_owned(),
            ],
            grants: Some(Box::default()),
        },
        Did::ChangeVersion(VersionChange {
            version: "0.2.0".to_owned(),
            was: "0.1.0".to_owned(),
            backup: "/var/lib/shanty/backups/before-0.2.0".to_owned(),
        }),
        Did::ChangeVersion(VersionChange {
            version: "0.2.1-rc_1".to_owned(),
            was: "0.2.0".to_owned(),
            backup: String::new(),
        }),
    ];
    let lines = lines.map(|did| deed(root(), did));
    let of = |did| deed(root(), did);
    let all = [
        done(&lines),
        done(&[of(Did::EndHold), lines[0].clone(), of(held())]),
        done(&[of(held()), of(Did::EndHold)]),
        // Where it is not all done in one place, each says where.
        done(&[lines[0].clone(), deed(ann(5), Did::Drain(names))]),
        done(&[deed(ann(5), Did::EndHold)]),
        shown(&sheet(Topic::Done, [], 12)),
    ];
    insta::assert_snapshot!(all.join("\n====\n"));
    let long = done(&vec![lines[0].clone(); 200]);
    assert!(long.contains("… and") && long.len() < 4_000, "{long}");
}

#[test]
fn grants_say_what_came_what_went_and_what_is_otherwise() {
    let spec = |id: &str, people: usize, hosts: &str| GrantSpec {
        id: id.to_owned(),
        roles: vec![9],
        people: (0..people as u64).map(|n| 3_001 + n).collect(),
        channels: vec![5],
        what: vec!["run".to_owned(), "view".to_owned()],
        hosts: hosts.to_owned(),
    };
    let before = [spec("web", 1, "role=web"), spec("old`", 0, "all")];
    let now = [spec("db", 9, "role=db"), spec("web", 0, "all")];
    let load = |before: &[GrantSpec], now: &[GrantSpec]| {
        let changes = GrantChanges::between(before, now);
        done(&[deed(Actor::Controller, Did::LoadGrants(Box::new(changes)))])
    };
    let all = [
        load(&[], &before[..1]),
        load(&before, &now),
        load(&before, &[]),
    ];
    insta::assert_snapshot!(all.join("\n====\n"));
    let many: Vec<GrantSpec> = (0..100)
        .map(|n| spec(&format!("g{n}"), 99, &"x".repeat(3_000)))
        .collect();
    assert!(load(&[], &many).contains("… and"));
}

#[test]
fn hosts_that_joined_are_named_with_their_token() {
    let join = |name: &HostName, token: &str| {
        let by = Actor::Host(crate::ids::AgentId::from_bytes([1; 16]));
        let (name, token) = (name.clone(), token.to_owned());
        line(deed(by, Did::Join { name, token }), 1)
    };
    let names = names();
    let lines = [join(&names[0], "k7Qm"), join(&names[1], "k7Qm")];
    assert_eq!(
        shown(&sheet(Topic::Joined, lines, 0)),
        "Green\n### 🟢 2 hosts joined\n**web-[01-02]** with the join token `k7Qm`"
    );
    let many = (0..300).map(|n| {
        join(
            &format!("h{n}x{}", n * 7).parse().unwrap(),
            &format!("t{n}"),
        )
    });
    let many = shown(&sheet(Topic::Joined, many, 700));
    assert!(
        many.contains("1,000 hosts joined") && many.contains("… and more"),
        "{many}"
    );
}

#[test]
fn who_was_refused_where_what_and_why_is_one_line_that_nobody_can_style() {
    let refused = |by: Actor, asked: &str, text: &str| {
        let denied = Denied {
            asked: asked.to_owned(),
            text: text.to_owned(),
            ..Denied::default()
        };
        deed(by, Did::Refused(denied))
    };
    let why = "You may not run commands here. Nothing was run.";
    let direct = Actor::Chat {
        user: 8,
        place: None,
    };
    let lines = [
        line(refused(ann(5), "run on web-01: id", why), 1),
        line(refused(direct.clone(), "run on web-01: id", why), 12),
        line(
            refused(direct, "", "49 more were refused within a minute"),
            49,
        ),
        line(refused(root(), "stop #9", "There is no such run."), 1),
    ];
    let hostile = "`` @everyone <@&9> ### **x**\n\u{202e}[a](http://e)".repeat(9);
    let all = [
        shown(&sheet(Topic::Refused, lines.clone(), 0)),
        shown(&sheet(Topic::Refused, lines[..1].to_vec(), 0)),
        shown(&sheet(
            Topic::Refused,
            [line(refused(ann(5), &hostile, &hostile), 1)],
            85,
        )),
    ];
    insta::assert_snapshot!(all.join("\n====\n"));
    let many = (0..6).map(|_| line(refused(ann(u64::MAX), &hostile, &hostile), 99_999));
    let many = shown(&sheet(Topic::Refused, many, 5));
    assert_eq!(many.lines().count(), 9, "a line for each: {many}");
}
