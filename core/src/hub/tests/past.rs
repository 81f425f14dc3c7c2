//! Runs that are not whole any more: what names them reads them again, and hosts need not hold them.

use super::*;
use crate::ask::{InventoryAsk, Part, Question};
use crate::ids::RunNumber;
use crate::journal::{Runs, Window};
use crate::run::{Held, Outcome};

impl Rig {
    /// The same with links, and runs are past as soon as they are over and shown.
    fn forgetful() -> Self {
        let mut rig = Self::with_links(&[1, 2, 3]);
        rig.hub.known.state.runs = Runs::within(Window {
            runs: 0,
            executions: 0,
        });
        rig
    }

    /// A run from its beginning to its end.
    fn over(&mut self, on: &str, hosts: &[u8]) -> RunId {
        let (run, _) = self.run(on, None);
        for n in hosts {
            self.give(Event::Exit {
                run,
                agent: agent(*n),
                outcome: Outcome::without_output(How::Exited(0)),
            });
        }
        self.commit();
        assert!(matches!(self.phase(run), Phase::Closed { .. }));
        run
    }

    /// Everybody has been shown what there is, and time passes.
    fn shown(&mut self) {
        self.hub.take_changed();
        self.give(Event::Tick);
    }

    /// What must be read again for something, as an edge does it; and in how many goes.
    fn recall(&self, asker: &Asker, ask: &Ask) -> (Recalled, Vec<Vec<u64>>) {
        let (mut recalled, mut goes) = (Recalled::default(), Vec::new());
        loop {
            let past = self.hub.known.recall(asker, ask, &recalled, self.now_ms);
            let past = past.unwrap();
            if past.is_empty() {
                return (recalled, goes);
            }
            goes.push(past.iter().map(|run| run.number.0).collect());
            for run in past {
                let whole = run.whole(&self.written).expect("it is written");
                recalled.insert(Arc::new(whole));
            }
        }
    }

    fn look(&self, asker: &Asker, question: Question) -> Result<Answer, Refusal> {
        let (recalled, _) = self.recall(asker, &Ask::Look(question.clone()));
        let known = &self.hub.known;
        known.answer(asker, &question, &recalled, Fresh::default(), self.now_ms)
    }

    fn list(&self, asker: &Asker, limit: usize) -> Vec<u64> {
        match self.look(asker, Question::Runs { limit }) {
            Ok(Answer::Runs(runs)) => runs.iter().map(|run| run.number.0).collect(),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_run_is_past_once_it_is_over_and_shown() {
    let mut rig = Rig::forgetful();
    let run = rig.over("web-01", &[1]);
    rig.give(Event::Tick);
    assert!(!rig.hub.known.is_past(run), "its end is not shown yet");
    rig.shown();
    assert!(rig.hub.known.is_past(run));
    assert!(rig.hub.known.snapshot(run).is_none());
}

#[test]
fn a_past_run_is_read_again_for_whatever_names_it() {
    let mut rig = Rig::forgetful();
    let first = rig.over("role=web", &[1, 2]);
    rig.over("db-01", &[3]);
    let open = rig.run("web-02", None).0;
    rig.shown();

    let number = RunNumber(1);
    match rig.look(&local(), Question::Run { number }) {
        Ok(Answer::Run(run)) => {
            assert_eq!((run.spec.id, run.number), (first, number));
            assert!(matches!(run.phase, Phase::Closed { .. }));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(rig.list(&local(), 10), [3, 2, 1]);
    assert_eq!(rig.list(&local(), 2), [3, 2]);
    let on = "#1:ok !web-01".to_owned();
    match rig.look(&local(), Question::Hosts { on }) {
        Ok(Answer::Hosts(hosts)) => assert_eq!(hosts.rows.len(), 1),
        other => panic!("{other:?}"),
    }

    for (ask, numbers) in [
        (
            Ask::Run(RunRequest {
                on: "#1,#2,#3".into(),
                ..RunRequest::default()
            }),
            vec![1, 2],
        ),
        (
            Ask::Inventory(InventoryAsk::Drain {
                on: "#2:".into(),
                drain: true,
            }),
            vec![2],
        ),
        (
            Ask::Inventory(InventoryAsk::Label {
                on: "web#1".into(),
                changes: String::new(),
            }),
            vec![1],
        ),
        (
            Ask::Look(Question::Complete {
                typed: "all !#2".into(),
            }),
            vec![2],
        ),
        (
            Ask::Again {
                run: first,
                part: Part::Missed,
                seen: None,
            },
            vec![1],
        ),
        (Ask::Look(Question::RunOf { id: first }), vec![1]),
        (Ask::Look(Question::Edit { id: first }), vec![1]),
        (
            Ask::Look(Question::PlanAgain {
                run: first,
                part: Part::All,
            }),
            vec![1],
        ),
        (
            Ask::Cancel {
                which: Which::Number(number),
                force: false,
            },
            vec![1],
        ),
        (
            Ask::Cancel {
                which: Which::Id(first),
                force: false,
            },
            vec![1],
        ),
        (
            Ask::Confirm {
                run: first,
                choice: Confirm::AsAsked,
            },
            vec![1],
        ),
        (Ask::TakeBack { run: first }, vec![1]),
        (
            Ask::Cancel {
                which: Which::Id(open),
                force: false,
            },
            vec![],
        ),
        (
            Ask::Cancel {
                which: Which::All,
                force: false,
            },
            vec![],
        ),
        (
            Ask::Run(RunRequest {
                on: "web # #x #99999999999999999999 #7".into(),
                ..RunRequest::default()
            }),
            vec![],
        ),
    ] {
        let goes = rig.recall(&local(), &ask).1;
        assert_eq!(goes.concat(), numbers, "{ask:?}");
        assert!(numbers.is_empty() || ask.is_about_runs(), "{ask:?}");
    }

    // Nobody need be asked about these.
    for ask in [
        Ask::Hold(Hold::on("db move")),
        Ask::Look(Question::Groups),
        Ask::Cancel {
            which: Which::All,
            force: true,
        },
        Ask::Run(RunRequest {
            on: "role=web".into(),
            command: "echo '#1'".into(),
            ..RunRequest::default()
        }),
    ] {
        assert!(!ask.is_about_runs(), "{ask:?}");
    }

    let cancel = Ask::Cancel {
        which: Which::Id(first),
        force: false,
    };
    assert_eq!(
        rig.refused(cancel),
        "E_CLOSED The run is over. There is nothing to stop."
    );
    let confirm = Ask::Confirm {
        run: first,
        choice: Confirm::AsAsked,
    };
    assert_eq!(
        rig.refused(confirm),
        "E_STALE This was confirmed already: it is #1. Nothing was run twice."
    );
}

impl Rig {
    /// The refusal of something that is asked on the command line, with what it needs read again.
    fn refused(&mut self, ask: Ask) -> String {
        let recalled = self.recall(&local(), &ask).0;
        self.tickets += 1;
        let effects = self.give(Event::Asked {
            ticket: Ticket(self.tickets),
            asker: local(),
            ask,
            recalled,
            fresh: Fresh::default(),
        });
        refused(&effects)
    }
}

#[test]
fn whoever_may_not_ask_makes_nobody_read() {
    let mut rig = Rig::forgetful();
    rig.over("db-01", &[3]);
    rig.shown();
    let stranger = match rig.operator() {
        Asker::Discord {
            user,
            name,
            guild,
            channel,
            interaction,
            ..
        } => Asker::Discord {
            user,
            name,
            bot: false,
            guild,
            channel,
            parent_channel: None,
            roles: vec![1],
            interaction,
        },
        Asker::Local { .. } => unreachable!("a person in chat"),
    };
    let number = RunNumber(1);
    for ask in [
        Ask::Look(Question::Run { number }),
        Ask::Look(Question::Runs { limit: 5 }),
        Ask::Run(RunRequest {
            on: "#1".into(),
            ..RunRequest::default()
        }),
        Ask::Cancel {
            which: Which::Number(number),
            force: true,
        },
    ] {
        assert_eq!(rig.recall(&stranger, &ask).1.len(), 0, "{ask:?}");
    }
    // One who may ask and may not see it is told what they are told of one that is not there.
    let operator = rig.operator();
    let hidden = rig.look(&operator, Question::Run { number }).unwrap_err();
    let number = RunNumber(99);
    let none = rig.look(&operator, Question::Run { number }).unwrap_err();
    assert_eq!(hidden, none);
}

#[test]
fn a_run_that_one_may_not_see_names_no_host_to_them_whole_or_past() {
    let mut rig = Rig::forgetful();
    rig.over("db-01", &[3]);
    rig.over("web-01", &[1]);
    let operator = rig.operator();
    for past in [false, true] {
        let named = |on: &str| {
            let on = on.to_owned();
            let hosts = rig.look(&operator, Question::Hosts { on });
            hosts.map(|_| ()).map_err(|refusal| refusal.what)
        };
        let hidden = named("#1:ok").unwrap_err();
        assert_eq!(
            hidden,
            named("#9:ok").unwrap_err().replace("#9", "#1"),
            "past: {past}"
        );
        assert_eq!(named("#2:ok"), Ok(()), "past: {past}");
        rig.shown();
    }
}

#[test]
fn one_selector_names_only_so_many() {
    let mut rig = Rig::forgetful();
    for _ in 0..17 {
        rig.over("web-01", &[1]);
    }
    rig.shown();
    let named = |n: u64| (1..=n).map(|n| format!("#{n},#{n}")).collect::<Vec<_>>();
    let on = |n| named(n).join(",");
    let recall = |question: Question| {
        let ask = Ask::Look(question);
        let recalled = Recalled::default();
        rig.hub.known.recall(&local(), &ask, &recalled, AT)
    };
    let past = recall(Question::Hosts { on: on(16) }).unwrap();
    assert_eq!(past.len(), 16);
    let refusal = recall(Question::Hosts { on: on(17) }).unwrap_err();
    let told = "The selector names 17 runs of long ago, and 16 is the limit. Nothing was done.";
    assert_eq!(
        (refusal.code, refusal.what.as_str()),
        (Code::Selector, told)
    );
    // Whoever is typing is offered what there is.
    let typed = on(17);
    let (_, goes) = rig.recall(&local(), &Ask::Look(Question::Complete { typed }));
    assert_eq!(goes.concat().len(), 16);
}

#[test]
fn a_list_reads_on_until_it_is_full() {
    let mut rig = Rig::forgetful();
    rig.over("web-01", &[1]);
    for _ in 0..3 {
        rig.over("db-01", &[3]);
    }
    rig.shown();
    let operator = rig.operator();
    assert_eq!(rig.list(&operator, 1), [1], "they may not see the others");
    let ask = Ask::Look(Question::Runs { limit: 1 });
    assert_eq!(rig.recall(&operator, &ask).1, [[4], [3], [2], [1]]);
    assert_eq!(rig.recall(&local(), &ask).1, [[4]]);
}

#[test]
fn hosts_need_not_hold_what_is_past() {
    let mut rig = Rig::forgetful();
    let run = rig.over("web-01", &[1]);
    rig.shown();
    let held = Held {
        told: Told::Ended,
        complete: true,
        short: false,
    };
    let unknown = RunId::from_bytes([77; 16]);
    let holds = BTreeMap::from([(run, held.clone()), (unknown, held)]);
    let effects = rig.link_with(1, 9, "boot", holds);
    let released = |effect: &Effect| match effect {
        Effect::Release { run, .. } => Some(*run),
        _ => None,
    };
    let released: Vec<RunId> = effects.iter().filter_map(released).collect();
    assert_eq!(released, [run]);
    let effects = rig.give(Event::Told {
        agent: agent(1),
        run,
        told: Told::Ended,
        spool_full: false,
    });
    assert!(matches!(&effects[..], [Effect::Release { run: told, .. }] if *told == run));
}

#[test]
fn a_past_run_in_a_group_is_read_again_for_whatever_names_the_group() {
    let mut rig = Rig::forgetful();
    rig.over("web-01", &[1]);
    for (name, on) in [("cohort", "#1"), ("rest", "role=web !@cohort")] {
        let (name, on) = (name.to_owned(), on.to_owned());
        let operator = rig.operator();
        rig.ask(
            &operator,
            Ask::Inventory(InventoryAsk::SaveGroup { name, on }),
        );
        rig.commit();
    }
    rig.shown();
    let hosts = |on: &str| {
        let on = on.to_owned();
        match rig.look(&local(), Question::Hosts { on }) {
            Ok(Answer::Hosts(hosts)) => hosts.rows.len(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(
        (hosts("@cohort"), hosts("@rest"), hosts("all !@rest")),
        (1, 1, 2)
    );
    match rig.look(&local(), Question::Groups) {
        Ok(Answer::Groups(groups)) => {
            let counts: Vec<_> = groups.iter().map(|group| group.hosts).collect();
            assert_eq!(counts, [Some(1), Some(1)]);
        }
        other => panic!("{other:?}"),
    }
    let name = || "@rest".to_owned();
    for ask in [
        Ask::Run(RunRequest {
            on: name(),
            ..RunRequest::default()
        }),
        Ask::Inventory(InventoryAsk::RemoveGroup { name: name() }),
        Ask::Inventory(InventoryAsk::SaveGroup {
            name: "cohort".into(),
            on: "web-02".into(),
        }),
    ] {
        assert!(ask.is_about_runs(), "{ask:?}");
        assert_eq!(rig.recall(&local(), &ask).1, [[1]], "{ask:?}");
    }
    // Without the run it is not known whom the group stands for: who does not manage everything changes nothing.
    let operator = rig.operator();
    let on = "web-02".to_owned();
    let name = "cohort".to_owned();
    let effects = rig.ask(
        &operator,
        Ask::Inventory(InventoryAsk::SaveGroup { name, on }),
    );
    assert!(
        refused(&effects).starts_with("E_DENIED `@cohort` stands for hosts"),
        "{effects:?}"
    );
}

#[test]
fn what_was_forgotten_is_let_go_of_and_what_was_never_known_is_not() {
    let mut rig = Rig::with_links(&[]);
    rig.now_ms = 100 * 24 * 3_600_000;
    let mut settings = (*rig.hub.known.settings).clone();
    settings.runs_ms = Some(30 * 24 * 3_600_000);
    rig.hub.known.settings = Arc::new(settings);
    let drawn = |days_ago: u64| {
        let at_ms = rig.now_ms - days_ago * 24 * 3_600_000;
        RunId::from_bytes(((u128::from(at_ms) << 80) | (0x7 << 76)).to_be_bytes())
    };
    let held = Held {
        told: Told::Ended,
        complete: false,
        short: false,
    };
    let (old, young) = (drawn(31), drawn(29));
    let odd = RunId::from_bytes([3; 16]);
    let holds = [old, young, odd].map(|run| (run, held.clone()));
    let effects = rig.link_with(1, 1, "boot", BTreeMap::from(holds));
    let released = |effect: &Effect| match effect {
        Effect::Release { run, .. } => Some(*run),
        _ => None,
    };
    let released: Vec<RunId> = effects.iter().filter_map(released).collect();
    assert_eq!(released, [old]);
    let standing = |run| rig.hub.known.standing(agent(1), run, rig.now_ms);
    assert_eq!(
        [old, young, odd].map(standing),
        [Standing::Over, Standing::Unknown, Standing::Unknown]
    );
}
