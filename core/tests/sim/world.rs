//! A controller, its journal, links and hosts; and everything that may happen to them.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use shanty_core::admission::{Identities, Rates, Settings};
use shanty_core::ask::{Answer, Ask, InventoryAsk};
use shanty_core::fleet::{Fleet, Instance};
use shanty_core::hold::Hold;
use shanty_core::hub::{AppendId, Effect, Event, Hub, LinkUp, Presented};
use shanty_core::ids::{AgentId, Labels, RunId};
use shanty_core::journal::{Enrolment, HostChange, Kind, Record, Runs, State, Window};
use shanty_core::members::Membership;
use shanty_core::policy::{Grant, Policy, Verb};
use shanty_core::principal::Actor;
use shanty_core::refusal::Code;
use shanty_core::run::{How, Outcome, Reason, Told};
use shanty_core::selector::Selector;
use shanty_core::time::{LinkTime, Now};

use super::fault::{Fault, keeps_back};
use super::host::{Down, Host, Up};
use super::people::local;
use super::random::Random;

mod links;

/// Hosts that have joined.
pub(crate) const HOSTS: u8 = 4;
const BEGIN_MS: u64 = 1_000_000;

/// All that there is.
pub(crate) struct World {
    pub(crate) random: Random,
    pub(crate) fault: Option<Fault>,
    pub(crate) now_ms: u64,
    pub(crate) hub: Hub,
    /// What is durable, in order.
    pub(crate) journal: Vec<Record>,
    appends: VecDeque<(AppendId, Arc<[Record]>)>,
    pub(crate) hosts: BTreeMap<AgentId, Host>,
    removed: BTreeSet<AgentId>,
    /// Ends whose last record is stored, durable like the journal.
    pub(crate) exits: BTreeMap<(RunId, AgentId), i32>,
    /// Runs whose answer is on its way to people.
    answered: Vec<RunId>,
    pub(crate) proposals: Vec<RunId>,
    links: u64,
    pub(crate) tickets: u64,
    pub(crate) fresh: u128,
    told: bool,
}

fn agent(n: u8) -> AgentId {
    AgentId::from_bytes([n; 16])
}

fn settings() -> Settings {
    let grant = Grant {
        id: "ops".to_owned(),
        roles: vec![9],
        people: Vec::new(),
        channels: vec![5],
        what: Verb::ALL.to_vec(),
        hosts: Selector::parse_for_grant("role=a").expect("a grant"),
    };
    Settings {
        policy: Policy {
            grants: vec![grant],
        },
        guilds: vec![1],
        agent_version: "1.0.0".to_owned(),
        confirm_hosts: 2,
        output_max: 64,
        grace_ms: 10_000,
        runs_ms: None,
        rates: Rates::default(),
        identities: Identities::default(),
    }
}

/// A state that keeps few runs whole.
fn small() -> State {
    let window = Window {
        runs: 3,
        executions: 8,
    };
    State {
        runs: Runs::within(window),
        ..State::default()
    }
}

fn read(mut state: State, records: &[Record]) -> State {
    for record in records {
        state.apply(record);
        state.shrink();
    }
    state
}

impl World {
    pub(crate) fn new(seed: u64, fault: Option<Fault>) -> Self {
        let joined = |n: u8| Record {
            at_ms: 1,
            actor: Actor::Host(agent(n)),
            kind: Kind::Enrolled(Enrolment {
                agent: agent(n),
                name: format!("h{n}").parse().expect("a name"),
                labels: Labels::parse(if n < HOSTS { "role=a" } else { "role=b" }).expect("labels"),
                token: String::new(),
                key_sha256: [n; 32],
                leaf: Vec::new(),
            }),
        };
        let journal: Vec<Record> = (1..=HOSTS).map(joined).collect();
        let mut world = Self {
            random: Random::new(seed),
            fault,
            now_ms: BEGIN_MS,
            hub: Hub::new(State::default(), Fleet::default(), settings()),
            journal,
            appends: VecDeque::new(),
            hosts: (1..=HOSTS).map(|n| (agent(n), Host::default())).collect(),
            removed: BTreeSet::new(),
            exits: BTreeMap::new(),
            answered: Vec::new(),
            proposals: Vec::new(),
            links: 0,
            tickets: 0,
            fresh: u128::from(seed) << 64,
            told: std::env::var("SIM_SEED").is_ok(),
        };
        world.restart();
        world
    }

    pub(crate) fn tell(&self, what: impl FnOnce() -> String) {
        if self.told {
            println!("{:>9} {}", self.now_ms - BEGIN_MS, what());
        }
    }

    /// Everything that was recorded, all of it whole.
    pub(crate) fn fold(&self) -> State {
        let mut state = State::default();
        self.journal.iter().for_each(|record| state.apply(record));
        state
    }

    /// The same as a process reads it that starts: from a checkpoint of any age, and what came after it.
    fn read_again(&mut self) -> State {
        let cut = self.random.below(self.journal.len() as u64 + 1);
        let (before, after) = self.journal.split_at(usize::try_from(cut).unwrap_or(0));
        let checkpoint = read(small(), before).checkpoint();
        let state = read(read(small(), &checkpoint), after);
        assert_eq!(state, read(small(), &self.journal), "checkpoint: at {cut}");
        state
    }

    fn now(&self) -> Now {
        // The wall clock is behind, so that mixing the two up shows.
        Now {
            wall_ms: self.now_ms,
            link: LinkTime::from_ms(self.now_ms + 77_000_000),
        }
    }

    /// One thing happens, and everything that must hold is asked for.
    pub(crate) fn step(&mut self) {
        match self.random.below(100) {
            0..14 => self.asks_for_a_run(),
            14..38 => self.writes(),
            38..40 => self.steers(),
            40..48 => self.is_taken(),
            48..56 => self.links_come_and_go(),
            56..76 => self.delivers(),
            76..82 => self.ends_something(),
            82..85 => self.stops_something(),
            85..88 => self.holds(),
            88..91 => self.drains(),
            91..92 => self.removes(),
            92..94 => self.confirms(),
            94..95 => self.relabels(),
            95..98 => self.passes_time(),
            _ => self.dies(),
        }
        self.holds_true();
    }

    fn holds_true(&self) {
        self.started_once();
        self.truth();
        self.state_is_the_fold();
    }

    /// Everything is well again: what is left comes to its end.
    pub(crate) fn heal(&mut self) {
        self.tell(|| "everything heals".to_owned());
        for hold in [Hold::on("all is well"), Hold::Off] {
            self.ask(&local(), Ask::Hold(hold));
        }
        let on = "all?".to_owned();
        let drain = false;
        self.ask(&local(), Ask::Inventory(InventoryAsk::Drain { on, drain }));
        for round in 0..60 {
            for agent in self.hosts.keys().copied().collect::<Vec<_>>() {
                self.link(agent);
            }
            self.lets_everything_go_on();
            while self.delivers_one() || self.writes_one(false) {}
            for run in std::mem::take(&mut self.answered) {
                self.give(Event::Taken { run });
            }
            for agent in self.hosts.keys().copied().collect::<Vec<_>>() {
                for run in self.hosts[&agent].running() {
                    self.host(agent).end(run, 0);
                }
            }
            self.now_ms += if round < 10 { 5_000 } else { 3_600_000 };
            self.give(Event::Tick);
            self.holds_true();
        }
        while self.delivers_one() || self.writes_one(false) {}
        self.holds_true();
        self.everything_has_ended();
    }

    fn host(&mut self, agent: AgentId) -> &mut Host {
        self.hosts.get_mut(&agent).expect("a host")
    }

    fn any_host(&mut self) -> AgentId {
        agent(u8::try_from(1 + self.random.below(u64::from(HOSTS))).unwrap_or(1))
    }

    /// The answer was seen, or it was not.
    fn is_taken(&mut self) {
        if let Some(run) = self.answered.pop() {
            let event = match self.random.percent(90) {
                true => Event::Taken { run },
                false => Event::NotTaken {
                    run,
                    reason: "nobody saw it".to_owned(),
                },
            };
            self.give(event);
        }
    }

    fn passes_time(&mut self) {
        let by_ms = [1_000, 6_000, 40_000, 400_000, 7_200_000];
        self.now_ms += self.random.pick(&by_ms).unwrap_or(1_000);
        self.give(Event::Tick);
    }

    fn ends_something(&mut self) {
        let agent = self.any_host();
        let running = self.hosts[&agent].running();
        if let Some(run) = self.random.pick(&running) {
            let code = i32::try_from(self.random.below(3)).unwrap_or(0);
            self.tell(|| format!("{run} ends on {agent} with {code}"));
            self.host(agent).end(run, code);
        }
    }

    fn writes(&mut self) {
        let fails = self.random.percent(4);
        self.writes_one(fails);
    }

    /// The oldest append is committed, or fails; false when there is none.
    fn writes_one(&mut self, fails: bool) -> bool {
        let Some((append, records)) = self.appends.pop_front() else {
            return false;
        };
        if fails {
            self.tell(|| format!("not written: {records:?}"));
            self.give(Event::NotRecorded {
                append,
                full: false,
            });
        } else {
            self.commit(&records);
            let append = Some(append);
            let seq = self.hub.known().state.seq + 1;
            self.give(Event::Recorded {
                append,
                seq,
                records,
            });
        }
        true
    }

    fn commit(&mut self, records: &[Record]) {
        for record in records {
            self.tell(|| format!("written: {:?}", record.kind));
            if let Kind::HostChanged {
                agent,
                change: HostChange::Revoked,
            } = record.kind
            {
                self.removed.insert(agent);
            }
            self.journal.push(record.clone());
            self.faults_of_waves(record);
        }
    }

    /// The process is killed: some of what was being written is, and nobody was told. Then the next one starts.
    fn dies(&mut self) {
        let durable = self.random.below(self.appends.len() as u64 + 1);
        for _ in 0..durable {
            if let Some((_, records)) = self.appends.pop_front() {
                self.commit(&records);
            }
        }
        self.tell(|| "the controller is killed".to_owned());
        self.restart();
    }

    fn restart(&mut self) {
        self.appends.clear();
        self.answered.clear();
        self.hosts.values_mut().for_each(Host::cut);
        self.hub = Hub::new(self.read_again(), Fleet::default(), settings());
        let mut out = Vec::new();
        self.hub.recover(self.now(), &mut out);
        self.carry_out_all(out);
        let mut out = Vec::new();
        self.hub.recovered(self.now(), &mut out);
        self.carry_out_all(out);
    }

    pub(crate) fn give(&mut self, event: Event) {
        let mut out = Vec::new();
        self.hub.handle(event, self.now(), &mut out);
        self.carry_out_all(out);
        // Everybody is shown what changed.
        self.hub.take_changed();
    }

    fn carry_out_all(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            if !keeps_back(self.fault, &effect) {
                self.carry_out(effect);
            }
        }
    }

    fn send(&mut self, agent: AgentId, down: Down) {
        // Without a link there is nowhere to send it.
        if self.hosts[&agent].link.is_some() {
            self.nothing_for_the_removed(agent);
            self.tell(|| format!("to {agent}: {down:?}"));
            self.host(agent).down.push_back(down);
        }
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Append { append, records } => {
                if self.fault == Some(Fault::AnswersBeforeTheRecord)
                    && let Kind::Accepted(spec) = &records[0].kind
                {
                    self.told_when_written(spec.id);
                }
                self.appends.push_back((append, records));
            }
            Effect::Answer { answer, .. } => self.answers(answer.ok()),
            Effect::Order(order) => {
                let (agent, run) = (order.agent, order.run);
                self.ordered_when_written(agent, run);
                self.nothing_starts_on_hold(agent);
                self.starts_in_turn(agent, run);
                let not_after = order.not_after;
                self.send(agent, Down::Order { run, not_after });
            }
            Effect::Cancel { agent, run, .. } => self.send(agent, Down::Cancel(run)),
            Effect::Release { agent, run } => {
                self.released_when_stored(agent, run);
                self.send(agent, Down::Release(run));
                let ran = self.hosts[&agent].started.contains_key(&run);
                if ran && self.fault == Some(Fault::OrdersAgainAfterRelease) {
                    let not_after = self.now().link.plus_ms(30_000);
                    self.send(agent, Down::Order { run, not_after });
                }
            }
            Effect::CloseLink { agent, link, .. } => {
                if self.hosts[&agent].link == Some(link) {
                    self.host(agent).cut();
                }
            }
            Effect::RevokeCertificate(agent) => {
                if self.fault == Some(Fault::SpeaksToTheRemoved) {
                    self.send(agent, Down::Cancel(RunId::from_bytes([0; 16])));
                }
            }
            Effect::FindExit { run, agent } => {
                if let Some(code) = self.exits.get(&(run, agent)) {
                    let outcome = Outcome::without_output(How::Exited(*code));
                    self.give(Event::Exit {
                        run,
                        agent,
                        outcome,
                    });
                }
            }
            // Everybody keeps their roles here.
            Effect::AskMember(member) => {
                let membership = Some(Membership::Roles(vec![9]));
                self.give(Event::MemberHeard { member, membership });
            }
            Effect::Publish(run) => self.faults_of_accepting(run),
            Effect::Joined { .. }
            | Effect::Renewed { .. }
            | Effect::IssueCertificate { .. }
            | Effect::Welcome { .. }
            | Effect::LinkAdmitted { .. }
            | Effect::Probe { .. }
            | Effect::Settled { .. }
            | Effect::Warn(_)
            | Effect::WarnOf { .. } => {}
        }
    }

    fn answers(&mut self, answer: Option<Answer>) {
        match answer {
            Some(Answer::Accepted(snapshot)) => {
                let run = snapshot.run.spec.id;
                self.told_when_written(run);
                self.answered.push(run);
            }
            Some(Answer::Previewed(preview)) => self.proposals.push(preview.spec.id),
            _ => {}
        }
    }

    /// Nobody will ever hear of this execution: its host was removed, or called lost for good.
    pub(crate) fn is_cut_off(&self, agent: AgentId, run: RunId) -> bool {
        self.removed.contains(&agent) || !self.exits.contains_key(&(run, agent))
    }
}
