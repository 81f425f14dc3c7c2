//! Every record comes back as it was, and what makes no sense is refused.

use shanty_core::authority::AuthorityKey;

use super::*;
use shanty_core::ids::Labels;
use shanty_core::principal::Place;
use shanty_core::run::{
    About, Away, Colours, How, Input, InputKind, Offline, Options, Origin, Outcome, Reason,
    Rollout, Strategy, Streams, Terminal, Update, Upkeep, What,
};
use shanty_core::spool::{Left, OomKill, Process};

#[test]
fn every_record_comes_back_as_it_was_stored() {
    let (run, agent) = (RunId::from_bytes([1; 16]), AgentId::from_bytes([2; 16]));
    let labels = Labels::parse("env=prod").unwrap();
    let place = Place {
        guild: 1,
        channel: 2,
        parent: Some(4),
        interaction: 3,
    };
    let spec = Spec {
        id: run,
        origin: Origin::Chat {
            user: 7,
            name: "ann".into(),
            place,
            grant: "ops".into(),
        },
        what: What::Shell("true".into()),
        input: Some(Input {
            kind: InputKind::Script,
            name: "deploy.sh".into(),
            bytes: 7,
            sha256: [4; 32],
            about: About {
                lines: 2,
                head: "echo".into(),
                crlf: true,
            },
        }),
        selector: "all".into(),
        targets: vec![shanty_core::run::Target {
            agent,
            name: "h1".parse().unwrap(),
            away: Some(Away::Draining),
        }],
        digest: [3; 32],
        seed: Some(7),
        strategy: Strategy {
            offline: Offline::Queue { for_ms: 60_000 },
            rollout: Some(Rollout::default()),
        },
        options: Options {
            run_as: Some("root".into()),
            timeout_ms: 5,
            streams: Streams::Apart,
            colours: Colours::Kept,
            terminal: Terminal::Own,
            leave: true,
        },
    };
    let reason = Reason {
        code: "E_OFFLINE".into(),
        text: "the host was offline".into(),
    };
    let mut kinds = vec![
        Kind::TokenCreated {
            token: "t".into(),
            secret_sha256: [4; 32],
            labels: labels.clone(),
            names: "h*".into(),
            uses_max: 1,
            expires_ms: 9,
        },
        Kind::TokenRevoked { token: "t".into() },
        Kind::Enrolled(Enrolment {
            agent,
            name: "h1".parse().unwrap(),
            labels: labels.clone(),
            token: "t".into(),
            key_sha256: [5; 32],
            leaf: vec![1],
        }),
        HostChange::Labelled(labels).of(agent),
        HostChange::Revoked.of(agent),
        HostChange::NameFreed.of(agent),
        HostChange::OrderKeyTaken { key: [9; 32] }.of(agent),
        HostChange::Renewed {
            key_sha256: [8; 32],
            leaf: vec![8],
        }
        .of(agent),
        HostChange::Promoted {
            key_sha256: [8; 32],
        }
        .of(agent),
        HostChange::Released { runs: vec![run] }.of(agent),
        Kind::Accepted(Spec {
            strategy: Strategy {
                offline: Offline::Skip,
                rollout: None,
            },
            what: What::Argv(vec!["ls".into(), "-l a".into()]),
            origin: Origin::Socket {
                user: "root".into(),
            },
            ..spec.clone()
        }),
        Kind::Accepted(Spec {
            what: What::Upkeep(Upkeep::Update(Update {
                version: "0.2.0".parse().unwrap(),
                older: true,
            })),
            ..spec.clone()
        }),
        Kind::Accepted(Spec {
            what: What::Upkeep(Upkeep::Doctor),
            ..spec.clone()
        }),
        Kind::Proposed(Proposal {
            spec: Spec {
                strategy: Strategy {
                    offline: Offline::Fail,
                    rollout: None,
                },
                ..spec.clone()
            },
            needs: Needs::OwnWord,
            until_ms: 77,
        }),
        Kind::Accepted(spec),
        Kind::Sent { run, agent },
        Kind::Paused { run },
        Kind::Continued { run, waves: 2 },
        Kind::GroupSaved {
            name: "web".into(),
            selector: "role=web".into(),
        },
        Kind::GroupRemoved { name: "web".into() },
        HostChange::Drained { on: true }.of(agent),
        Kind::Denied(Denied {
            verb: "run".into(),
            code: "E_DENIED".into(),
            text: "no".into(),
            asked: "run on all: id".into(),
            times: 7,
        }),
        Kind::GrantsLoaded(vec![GrantSpec {
            id: "ops".into(),
            roles: vec![1],
            people: vec![2, 3],
            channels: vec![4],
            what: vec!["run".into()],
            hosts: "role=web".into(),
        }]),
        Kind::GrantsLoaded(Vec::new()),
        Kind::Go(run),
        Kind::Expired {
            run,
            reason: "late".into(),
        },
        Kind::CancelRequested { run, force: true },
        Kind::Started { run, agent },
        Kind::Closed(run),
        Kind::Hold(Hold::on("db move")),
        Kind::Hold(Hold::on("")),
        Kind::Hold(Hold::Off),
        Kind::PolicyChanged {
            changes: vec!["grant ops: added".into()],
        },
        Kind::VersionChanged(VersionChange {
            version: "0.2.0".into(),
            was: "0.1.0".into(),
            backup: "/b".into(),
        }),
        Kind::AuthorityChanged(AuthorityChange::Rotated {
            key: AuthorityKey::Issuing,
            former: [1; 32],
            to: [2; 32],
            over_ms: 3,
        }),
        Kind::AuthorityChanged(AuthorityChange::Retired {
            key: AuthorityKey::Orders,
            former: [1; 32],
            lost: vec![agent],
        }),
        Kind::AuthorityChanged(AuthorityChange::RootExported { shredded: true }),
        Kind::Checkpoint(Checkpoint {
            newest: RunNumber(9),
            past: vec![PastRun {
                number: RunNumber(8),
                id: run,
                accepted_ms: 7,
            }],
            interactions: vec![(u64::MAX, 6)],
        }),
    ];
    for how in [
        How::Exited(3),
        How::Signaled(9),
        How::TimedOut(143),
        How::OutOfMemory(OomKill::Host),
        How::OutOfMemory(OomKill::Group { limit_bytes: None }),
        How::OutOfMemory(OomKill::Group {
            limit_bytes: Some(1 << 30),
        }),
        How::Cancelled(137),
        How::StoppedOnHost(143),
        How::Refused(reason.clone()),
        How::NotStarted(reason.clone()),
        How::Lost(reason),
    ] {
        let outcome = Outcome {
            duration_ms: 1,
            output_bytes: 2,
            dropped_bytes: 3,
            left_over: 4,
            left: Box::new(Left {
                count: 3,
                named: vec![Process::new(4_711, "nginx")],
            }),
            shell: Some("/bin/bash".into()),
            user: Some("deploy".into()),
            masked: 5,
            output_sha256: Some([6; 32]),
            content_sha256: Some([7; 32]),
            ..Outcome::without_output(how)
        };
        kinds.push(Kind::Finished {
            run,
            agent,
            outcome,
        });
    }
    let actors = [
        Actor::Chat {
            user: 7,
            place: Some(place),
        },
        Actor::Chat {
            user: 7,
            place: None,
        },
        Actor::Socket {
            user: "root".into(),
        },
        Actor::Host(agent),
        Actor::Controller,
    ];
    for (kind, actor) in kinds.into_iter().zip(actors.into_iter().cycle()) {
        let at_ms = 42;
        let record = Record { at_ms, actor, kind };
        assert_eq!(record_from_wire(&record_to_wire(&record)).unwrap(), record);
    }
}

#[test]
fn a_kind_of_a_newer_program_is_skipped_and_a_damaged_one_is_not() {
    let actor = Some(actor_to_wire(&Actor::Controller));
    let unknown = v1::Record {
        at_ms: 1,
        actor: actor.clone(),
        kind: None,
    };
    assert_eq!(record_from_wire(&unknown).unwrap().kind, Kind::Unknown);
    let damaged = v1::record::Kind::Go(v1::Go {
        run: "nonsense".into(),
    });
    assert!(
        record_from_wire(&v1::Record {
            at_ms: 1,
            actor,
            kind: Some(damaged)
        })
        .is_err()
    );
    let nobody = v1::Record {
        at_ms: 1,
        actor: None,
        kind: Some(v1::record::Kind::Hold(v1::Hold::default())),
    };
    assert!(record_from_wire(&nobody).is_err(), "somebody did it");
}
