//! Events in, effects out.

use super::*;
use crate::admission::{Identities, Rates};
use crate::ask::{Confirm, InventoryAsk, RunOption, RunRequest, Typed, Which};
use crate::hold::Hold;
use crate::ids::{HostName, Labels};
use crate::journal::{Enrolment, HostChange};
use crate::limits;
use crate::policy::{Grant, Policy, Verb};
use crate::refusal::Code;
use crate::run::{Gate, Held, How, Outcome, Phase};
use crate::selector::Selector;
use crate::time::LinkTime;

mod asks;
mod authority;
mod configured;
mod joins;
mod later;
mod links;
mod past;
mod renew;
mod repeated;
mod runs;

const AT: u64 = 1_000_000;
const GUILD: u64 = 1;
const OPS: u64 = 5;

/// A hub with its journal, which writes when it is told to.
struct Rig {
    hub: Hub,
    now_ms: u64,
    appends: VecDeque<(AppendId, Arc<[Record]>)>,
    written: Vec<Record>,
    tickets: u64,
    interactions: u64,
}

/// The first start of an agent on this boot.
fn instance(boot_id: &str) -> Instance {
    Instance {
        boot_id: boot_id.into(),
        drawn: "one".into(),
    }
}

/// The certificate that the host with this number joined with.
fn presented(n: u8) -> Presented {
    Presented {
        key_sha256: [n; 32],
        issued_ms: 0,
        leaf: vec![n],
    }
}

impl Rig {
    /// web-01, web-02 and db-01 have joined; nobody has a link.
    fn new() -> Self {
        let mut state = State::default();
        for (n, name, labels) in [
            (1, "web-01", "role=web"),
            (2, "web-02", "role=web"),
            (3, "db-01", "role=db"),
        ] {
            state.apply(&Record {
                at_ms: 1,
                actor: Actor::Host(agent(n)),
                kind: Kind::Enrolled(Enrolment {
                    agent: agent(n),
                    name: name.parse().unwrap(),
                    labels: Labels::parse(labels).unwrap(),
                    token: "t".into(),
                    key_sha256: [n; 32],
                    leaf: vec![n],
                }),
            });
        }
        let grant = Grant {
            id: "ops".into(),
            roles: vec![9],
            people: vec![],
            channels: vec![OPS],
            what: Verb::ALL.to_vec(),
            hosts: Selector::parse_for_grant("role=web").unwrap(),
        };
        let settings = Settings {
            policy: Policy {
                grants: vec![grant],
            },
            guilds: vec![GUILD],
            agent_version: "1.0.0".into(),
            confirm_hosts: 10,
            output_max: 64,
            grace_ms: 10_000,
            runs_ms: None,
            rates: Rates::default(),
            identities: Identities::default(),
        };
        Self {
            hub: Hub::new(state, Fleet::default(), settings),
            now_ms: AT,
            appends: VecDeque::new(),
            written: Vec::new(),
            tickets: 0,
            interactions: 100,
        }
    }

    /// The same, and these have a link.
    fn with_links(hosts: &[u8]) -> Self {
        let mut rig = Self::new();
        for n in hosts {
            rig.link(*n, u64::from(*n), "boot");
        }
        rig
    }

    fn now(&self) -> Now {
        Now {
            wall_ms: self.now_ms,
            link: LinkTime::from_ms(self.now_ms),
        }
    }

    /// What an event asks for beside records, which are kept until [`Rig::commit`].
    fn give(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        self.hub.handle(event, self.now(), &mut out);
        self.sort(out)
    }

    fn sort(&mut self, effects: Vec<Effect>) -> Vec<Effect> {
        let mut rest = Vec::new();
        for effect in effects {
            match effect {
                Effect::Append { append, records } => {
                    assert!(!records.is_empty(), "an append of nothing");
                    self.appends.push_back((append, records));
                }
                other => rest.push(other),
            }
        }
        rest
    }

    /// Writes everything that waits, also what that leads to.
    fn commit(&mut self) -> Vec<Effect> {
        let mut all = Vec::new();
        while !self.appends.is_empty() {
            all.extend(self.commit_one());
        }
        all
    }

    fn commit_one(&mut self) -> Vec<Effect> {
        let (append, records) = self.appends.pop_front().expect("something to write");
        self.written.extend(records.iter().cloned());
        let seq = self.hub.known.state.seq + 1;
        let append = Some(append);
        self.give(Event::Recorded {
            append,
            seq,
            records,
        })
    }

    /// The disk is full: nothing that waits is written.
    fn fail(&mut self) -> Vec<Effect> {
        let mut all = Vec::new();
        for (append, _) in std::mem::take(&mut self.appends) {
            all.extend(self.give(Event::NotRecorded {
                append,
                full: false,
            }));
        }
        all
    }

    fn ask(&mut self, asker: &Asker, ask: Ask) -> Vec<Effect> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let mut fresh = [0; 16];
        fresh[15] = u8::try_from(self.tickets).unwrap();
        self.give(Event::Asked {
            ticket,
            asker: asker.clone(),
            ask,
            recalled: Recalled::default(),
            fresh: Fresh::new(fresh),
        })
    }

    /// Somebody with every right on web hosts, by a new interaction.
    fn operator(&mut self) -> Asker {
        self.interactions += 1;
        Asker::Discord {
            user: 30,
            name: "ann".to_owned(),
            bot: false,
            guild: Some(GUILD),
            channel: OPS,
            parent_channel: None,
            roles: vec![9],
            interaction: self.interactions,
        }
    }

    fn link(&mut self, n: u8, link: u64, boot_id: &str) -> Vec<Effect> {
        self.link_with(n, link, boot_id, BTreeMap::new())
    }

    fn link_with(
        &mut self,
        n: u8,
        link: u64,
        boot_id: &str,
        executions: BTreeMap<RunId, Held>,
    ) -> Vec<Effect> {
        self.give(Event::LinkUp(LinkUp {
            unknown: BTreeSet::new(),
            more: false,
            agent: agent(n),
            certificate: presented(n),
            link,
            instance: instance(boot_id),
            version: "1.0.0".into(),
            takes_input: true,
            takes_upkeep: true,
            executions,
        }))
    }

    /// Asks for a run on the command line, and lets it begin; what beginning leads to, and its id.
    fn run(&mut self, on: &str, offline: Option<&str>) -> (RunId, Vec<Effect>) {
        let request = RunRequest {
            on: on.into(),
            command: "true".into(),
            typed: Typed::default().with(RunOption::Offline, offline.unwrap_or_default()),
            ..RunRequest::default()
        };
        let refused = self.ask(&local(), Ask::Run(request));
        assert!(refused.is_empty(), "{refused:?}");
        let effects = self.commit();
        let run = accepted(&effects);
        assert!(self.give(Event::Taken { run }).is_empty());
        (run, self.commit())
    }

    fn phase(&self, run: RunId) -> Phase {
        self.hub.known.state.run_of(run).unwrap().phase.clone()
    }

    fn kinds(&self) -> Vec<&Kind> {
        self.written.iter().map(|record| &record.kind).collect()
    }
}

fn agent(n: u8) -> AgentId {
    AgentId::from_bytes([n; 16])
}

fn local() -> Asker {
    Asker::Local {
        user: "root".into(),
    }
}

/// The one answer among effects.
fn answer(effects: &[Effect]) -> Result<&Answer, &Refusal> {
    let answers: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Answer { answer, .. } => Some(answer.as_ref()),
            _ => None,
        })
        .collect();
    assert_eq!(answers.len(), 1, "{effects:?}");
    answers[0]
}

fn refused(effects: &[Effect]) -> String {
    let refusal = answer(effects).expect_err("a refusal");
    format!("{} {}", refusal.code, refusal.what)
}

fn accepted(effects: &[Effect]) -> RunId {
    match answer(effects) {
        Ok(Answer::Accepted(snapshot)) => snapshot.run.spec.id,
        other => panic!("{other:?}"),
    }
}

fn orders(effects: &[Effect]) -> Vec<AgentId> {
    let order = |effect: &Effect| match effect {
        Effect::Order(order) => Some(order.agent),
        _ => None,
    };
    effects.iter().filter_map(order).collect()
}
