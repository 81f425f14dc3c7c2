//! Every way by which an order can go out later than somebody in chat asked for it: they are heard of first, and who may not any more
//! starts nothing.

use super::*;
use crate::ids::RunNumber;
use crate::members::{Member, Membership};

const ASKER: Member = Member {
    guild: GUILD,
    user: 30,
};

/// Something that makes the order to web-01 go out, which the run of [`start`] could not send when it was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Path {
    /// It was away, and comes back.
    Back,
    /// It was draining, and that ends.
    Undrained,
    /// New runs were put on hold meanwhile, and that ends.
    HoldEnds,
    /// It comes back after the controller was started again.
    Restart,
    /// Its turn comes.
    Turn,
    /// Its turn comes after a rest.
    Continued,
    /// That the order goes could not be recorded at first.
    RecordedLate,
    /// It lost its link with the order, and comes back after the order's own deadline.
    LostOrder,
}

impl Path {
    const ALL: [Self; 8] = [
        Self::Back,
        Self::Undrained,
        Self::HoldEnds,
        Self::Restart,
        Self::Turn,
        Self::Continued,
        Self::RecordedLate,
        Self::LostOrder,
    ];

    fn typed(self) -> Typed {
        match self {
            Self::Turn => Typed::default().with(RunOption::Batch, "1"),
            Self::Continued => Typed::default()
                .with(RunOption::Batch, "1")
                .with(RunOption::Pause, "first"),
            Self::Back
            | Self::Undrained
            | Self::HoldEnds
            | Self::Restart
            | Self::RecordedLate
            | Self::LostOrder => Typed::default().with(RunOption::Offline, "queue"),
        }
    }

    /// A run of the operator that has not gone to web-02 yet, and what is left to happen until it may.
    fn start(self, parent: Option<u64>) -> (Rig, RunId) {
        let mut rig = match self {
            Self::Back | Self::HoldEnds | Self::Restart | Self::RecordedLate => {
                Rig::with_links(&[1])
            }
            Self::Undrained | Self::Turn | Self::Continued | Self::LostOrder => {
                Rig::with_links(&[1, 2])
            }
        };
        if self == Self::Undrained {
            rig.ask(&local(), drain(true));
            rig.commit();
        }
        let request = RunRequest {
            on: "role=web".into(),
            command: "true".into(),
            typed: self.typed(),
            ..RunRequest::default()
        };
        let mut operator = rig.operator();
        if let Asker::Discord {
            channel,
            parent_channel,
            ..
        } = &mut operator
            && parent.is_some()
        {
            (*channel, *parent_channel) = (OPS + 1, parent);
        }
        rig.ask(&operator, Ask::Run(request));
        let run = accepted(&rig.commit());
        rig.give(Event::Taken { run });
        let orders = orders(&rig.commit());
        assert!(orders.contains(&agent(1)), "{self:?}: {orders:?}");
        assert_eq!(orders.contains(&agent(2)), self == Self::LostOrder);
        rig.now_ms += limits::MEMBER_MS + 1;
        (rig, run)
    }

    /// What makes it go; everything that follows, until nothing is left but the answer about who asked.
    fn happen(self, rig: &mut Rig, run: RunId) -> Vec<Effect> {
        let mut effects = Vec::new();
        let mut all = |more: Vec<Effect>| effects.extend(more);
        match self {
            Self::Back => all(rig.link(2, 8, "boot")),
            Self::Undrained => all(rig.ask(&local(), drain(false))),
            Self::HoldEnds => {
                rig.ask(&local(), Ask::Hold(Hold::on("db move")));
                all(rig.commit());
                all(rig.link(2, 8, "boot"));
                all(rig.ask(&local(), Ask::Hold(Hold::Off)));
            }
            Self::Restart => {
                rig.restart();
                all(rig.link(2, 8, "boot"));
            }
            Self::Turn => all(rig.ended(run, 1)),
            Self::Continued => {
                all(rig.ended(run, 1));
                all(rig.commit());
                let asker = rig.operator();
                let which = crate::ask::One::Number(RunNumber(1));
                let to = crate::ask::Steer::Continue;
                all(rig.ask(&asker, Ask::Steer { which, to }));
            }
            Self::RecordedLate => {
                all(rig.link(2, 8, "boot"));
            }
            Self::LostOrder => {
                rig.give(Event::LinkDown {
                    agent: agent(2),
                    link: 2,
                });
                rig.now_ms += limits::ORDER_NOT_AFTER_MS + 1;
                all(rig.link(2, 9, "boot"));
            }
        }
        all(rig.commit());
        effects
    }
}

impl Rig {
    fn ended(&mut self, run: RunId, n: u8) -> Vec<Effect> {
        self.give(Event::Exit {
            run,
            agent: agent(n),
            outcome: Outcome::without_output(How::Exited(0)),
        })
    }

    /// The next process knows what is written, and nothing else.
    fn restart(&mut self) {
        let known = &self.hub.known;
        let settings = Settings::clone(&known.settings);
        self.hub = Hub::new(known.state.clone(), Fleet::default(), settings);
        let mut out = Vec::new();
        self.hub.recover(self.now(), &mut out);
        self.sort(out);
        self.commit();
    }

    fn hears(&mut self, membership: Option<Membership>) -> Vec<Effect> {
        let member = ASKER;
        self.give(Event::MemberHeard { member, membership })
    }
}

fn drain(drain: bool) -> Ask {
    Ask::Inventory(InventoryAsk::Drain {
        on: "web-02".into(),
        drain,
    })
}

fn asked(effects: &[Effect]) -> usize {
    let asks = |effect: &&Effect| matches!(effect, Effect::AskMember(ASKER));
    effects.iter().filter(asks).count()
}

fn outcome(rig: &Rig, run: RunId) -> Option<String> {
    let run = rig.hub.known.state.run_of(run)?;
    let outcome = run.execution(agent(2))?.outcome()?;
    Some(outcome.how.plain())
}

#[test]
fn who_may_not_any_more_starts_nothing_by_any_path() {
    for path in Path::ALL {
        for membership in [
            Membership::Gone,
            Membership::Roles(vec![]),
            Membership::Roles(vec![8, 30, OPS]),
        ] {
            let (mut rig, run) = path.start(None);
            let effects = path.happen(&mut rig, run);
            assert_eq!(asked(&effects), 1, "{path:?}: {effects:?}");
            assert!(orders(&effects).is_empty(), "{path:?}: {effects:?}");
            let mut effects = rig.hears(Some(membership.clone()));
            effects.extend(rig.commit());
            assert!(orders(&effects).is_empty(), "{path:?} {membership:?}");
            let outcome = outcome(&rig, run).expect("it ended");
            assert!(
                outcome.contains("may not run it any more"),
                "{path:?} {membership:?}: {outcome}"
            );
        }
    }
}

#[test]
fn who_still_may_starts_by_every_path_also_from_a_thread() {
    for path in Path::ALL {
        for parent in [None, Some(OPS)] {
            let (mut rig, run) = path.start(parent);
            let effects = path.happen(&mut rig, run);
            assert_eq!(asked(&effects), 1, "{path:?}: {effects:?}");
            let mut effects = rig.hears(Some(Membership::Roles(vec![4, 9])));
            if path == Path::RecordedLate {
                effects.extend(rig.fail());
                assert!(orders(&effects).is_empty(), "not before it is recorded");
                effects.extend(rig.give(Event::Tick));
            }
            effects.extend(rig.commit());
            assert_eq!(orders(&effects), [agent(2)], "{path:?}");
        }
    }
}

#[test]
fn who_cannot_be_asked_about_waits_and_is_asked_about_again() {
    for path in Path::ALL {
        let (mut rig, run) = path.start(None);
        path.happen(&mut rig, run);
        for _ in 0..3 {
            let mut effects = rig.hears(None);
            effects.extend(rig.commit());
            assert!(orders(&effects).is_empty() && asked(&effects) == 0);
            effects = rig.give(Event::Tick);
            effects.extend(rig.commit());
            assert_eq!(asked(&effects), 1, "{path:?}: once at a time");
            assert!(orders(&effects).is_empty());
        }
        let mut effects = rig.hears(Some(Membership::Roles(vec![9])));
        effects.extend(rig.commit());
        assert_eq!(orders(&effects), [agent(2)], "{path:?}");
    }
}

#[test]
fn what_else_was_taken_away_counts_as_well() {
    let change: [fn(&mut Settings); 4] = [
        |settings| settings.guilds.clear(),
        |settings| settings.policy.grants.clear(),
        |settings| settings.policy.grants[0].channels = vec![OPS + 7],
        |settings| settings.policy.grants[0].roles = vec![10],
    ];
    for change in change {
        let (mut rig, run) = Path::Back.start(None);
        let mut settings = Settings::clone(&rig.hub.known.settings);
        change(&mut settings);
        rig.hub.known.settings = Arc::new(settings);
        let mut effects = Path::Back.happen(&mut rig, run);
        effects.extend(rig.hears(Some(Membership::Roles(vec![9]))));
        effects.extend(rig.commit());
        assert!(orders(&effects).is_empty());
        let outcome = outcome(&rig, run).expect("it ended");
        assert!(outcome.starts_with("not started: "), "{outcome}");
    }
}

/// A cancel, and a hold that comes while somebody is asked about, stand.
#[test]
fn what_comes_between_stands() {
    let (mut rig, run) = Path::Back.start(None);
    Path::Back.happen(&mut rig, run);
    rig.ask(&local(), Ask::Hold(Hold::on("db move")));
    rig.commit();
    let mut effects = rig.hears(Some(Membership::Roles(vec![9])));
    effects.extend(rig.commit());
    assert!(orders(&effects).is_empty());
    rig.ask(
        &local(),
        Ask::Cancel {
            which: Which::Number(RunNumber(1)),
            force: false,
        },
    );
    rig.commit();
    rig.ask(&local(), Ask::Hold(Hold::Off));
    let mut effects = rig.commit();
    effects.extend(rig.hears(Some(Membership::Roles(vec![9]))));
    effects.extend(rig.commit());
    assert!(orders(&effects).is_empty());
    assert!(outcome(&rig, run).expect("it ended").contains("cancelled"));
}
