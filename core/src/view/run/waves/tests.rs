//! Every look of the card of a run in waves.

use super::*;
use crate::ids::{AgentId, RunNumber};
use crate::principal::Principal;
use crate::run::{
    CancelRequest, Effect, Event, Gate, Offline, Phase, Spec, Strategy, Target, What,
};
use crate::time::{LinkTime, Now};
use crate::view::run::{Scene, run_card};
use crate::view::{ButtonTarget, Card};

const BEGAN: u64 = 1_795_341_000_000;

/// A run whose records are written at once and whose hosts can all take it.
struct Rig {
    run: Run,
    now_ms: u64,
}

fn agent(n: usize) -> AgentId {
    AgentId::from_bytes((n as u128).to_be_bytes())
}

fn rollout(batch: &str, max_fail: &str, pause: Option<&str>) -> Rollout {
    let rollout = Rollout::parse(Some(batch), None, Some(max_fail), pause);
    rollout.unwrap().unwrap()
}

impl Rig {
    fn new(names: &[String], rollout: Rollout) -> Self {
        let target = |(n, name): (usize, &String)| Target {
            agent: agent(n),
            name: name.parse().unwrap(),
            away: None,
        };
        let spec = Spec {
            strategy: Strategy {
                offline: Offline::Fail,
                rollout: Some(rollout),
            },
            selector: "env=prod".to_owned(),
            what: What::Shell("apt-get -qy install --only-upgrade openssl".to_owned()),
            ..Spec::example(names.iter().enumerate().map(target).collect())
        };
        let mut run = Run::new(RunNumber(144), spec, BEGAN);
        run.phase = Phase::Running;
        let gates = run.executions().map(|(agent, _)| (agent, Gate::Open));
        let gates = gates.collect();
        let mut rig = Self { run, now_ms: BEGAN };
        rig.give(Event::Begin { gates });
        rig
    }

    fn give(&mut self, event: Event) {
        let mut effects = Vec::new();
        let now = Now {
            wall_ms: self.now_ms,
            link: LinkTime::from_ms(self.now_ms),
        };
        self.run.handle(event, now, &mut effects);
        for effect in effects {
            let (gate, at_ms) = (Gate::Open, self.now_ms);
            match effect {
                Effect::Look(agents) => {
                    let gates = agents.into_iter().map(|agent| (agent, gate));
                    self.give(Event::Looked(gates.collect()));
                }
                Effect::RecordSent(agent) => {
                    self.run.apply_sent(agent, at_ms);
                    self.give(Event::GateChanged { agent, gate });
                }
                Effect::RecordPaused => {
                    self.run.apply_paused(None, at_ms);
                    self.give(Event::Steered);
                }
                Effect::RecordFinished(agent, outcome) => {
                    self.run.apply_finished(agent, outcome);
                    self.give(Event::FinishedRecorded { agent });
                }
                Effect::RecordClosed => self.run.phase = Phase::Closed { at_ms },
                Effect::SendOrder { .. }
                | Effect::SendCancel { .. }
                | Effect::RecordStarted(_)
                | Effect::Release(_) => {}
            }
        }
    }

    fn ends(&mut self, n: usize, how: How) {
        self.now_ms += 80;
        let outcome = Outcome {
            duration_ms: 1_300,
            ..Outcome::without_output(how)
        };
        let agent = agent(n);
        self.give(Event::Exit { agent, outcome });
    }

    fn end_well(&mut self, hosts: Range<usize>) {
        for n in hosts {
            self.ends(n, How::Exited(0));
        }
    }

    fn show(&self) -> String {
        show(&run_card(&self.run, &Scene::default()))
    }
}

fn show(card: &Card) -> String {
    let buttons = card.buttons.iter().map(|button| match &button.target {
        ButtonTarget::Press(_) | ButtonTarget::Link(_) => format!("[{}]", button.label),
    });
    let buttons: Vec<String> = buttons.collect();
    format!(
        "{:?}\n{}\n{}",
        card.accent,
        card.texts.join("\n--\n"),
        buttons.join(" ")
    )
}

fn five_hundred() -> Vec<String> {
    let web = (1..=400).map(|n| format!("web{n:03}"));
    let db = (1..=50).map(|n| format!("db{n:03}"));
    let cache = (1..=50).map(|n| format!("cache{n:02}"));
    // As they are taken: by name.
    cache.chain(db).chain(web).collect()
}

fn six() -> Vec<String> {
    (1..=6).map(|n| format!("web-0{n}")).collect()
}

#[test]
fn five_hundred_hosts_are_counts_waves_and_failures() {
    let mut rig = Rig::new(&five_hundred(), rollout("50", "10", None));
    rig.end_well(0..113);
    for n in 113..350 {
        let how = match n {
            113 | 121 | 160 => How::Exited(100),
            176 => How::TimedOut(143),
            _ => How::Exited(0),
        };
        rig.ends(n, how);
    }
    rig.ends(351, How::Exited(0));
    insta::assert_snapshot!("live", rig.show());
    let card = run_card(&rig.run, &Scene::default());
    let text = card.texts.join("\n");
    assert!(
        text.lines().count() < 20,
        "never a line for each host: {text}"
    );
}

#[test]
fn a_run_that_rests_says_why_and_what_to_press() {
    let mut rig = Rig::new(&six(), rollout("1,2", "0", Some("first")));
    insta::assert_snapshot!("first_wave", rig.show());
    rig.end_well(0..1);
    insta::assert_snapshot!("paused_after_the_first_wave", rig.show());
    rig.run.apply_continued(1);
    rig.give(Event::Steered);
    rig.ends(1, How::Exited(0));
    rig.run
        .apply_paused(Some(Principal::Discord(9)), rig.now_ms);
    rig.give(Event::Steered);
    insta::assert_snapshot!("paused_by_somebody", rig.show());
}

#[test]
fn one_that_was_stopped_keeps_apart_what_became_of_its_hosts() {
    let mut rig = Rig::new(&six(), rollout("1,2", "0", None));
    rig.end_well(0..1);
    rig.ends(1, How::Exited(100));
    insta::assert_snapshot!("stops_after_a_failure", rig.show());
    rig.end_well(2..3);
    insta::assert_snapshot!("stopped_after_a_failure", rig.show());
    let mut rig = Rig::new(&six(), rollout("2", "100%", None));
    rig.end_well(0..1);
    rig.ends(1, How::Exited(1));
    rig.end_well(2..3);
    let at_ms = rig.now_ms;
    let by = Principal::Discord(9);
    rig.give(Event::Cancel(CancelRequest {
        by,
        force: false,
        at_ms,
    }));
    rig.ends(3, How::Cancelled(143));
    insta::assert_snapshot!("stopped_by_somebody", rig.show());
}

#[test]
fn a_window_has_no_table() {
    let window = Rollout::parse(None, Some("2"), None, None);
    let mut rig = Rig::new(&six(), window.unwrap().unwrap());
    rig.end_well(0..1);
    insta::assert_snapshot!("window", rig.show());
}

#[test]
fn how_it_will_go_is_said_in_words() {
    let said = |batch: Option<&str>, parallel: Option<&str>, max_fail: Option<&str>, pause| {
        let rollout = Rollout::parse(batch, parallel, max_fail, pause);
        let rollout = rollout.unwrap().unwrap();
        (words(&rollout), sizes(&rollout, 40))
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(
        said(Some("1,10%,100%"), None, Some("2%"), Some("first")),
        (
            "waves of 1, 10%, 100%, stops after more than 2% failed, pauses after the first wave"
                .to_owned(),
            some("wave 1: 1 host, wave 2: 4, wave 3: 35")
        )
    );
    assert_eq!(
        said(Some("1"), Some("5"), None, Some("every")),
        (
            "waves of 1, 5 at once, the first failure stops it, pauses after every wave".to_owned(),
            some(
                "wave 1: 1 host, wave 2: 1, wave 3: 1, wave 4: 1, wave 5: 1, wave 6: 1, … wave 40: 1"
            )
        )
    );
    let at_once = ("20 at once".to_owned(), None);
    assert_eq!(said(None, Some("20"), None, None), at_once);
}
