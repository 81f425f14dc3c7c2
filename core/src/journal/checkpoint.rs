//! A state as few records: folded, they give the same state again. So a start need not read the whole journal.

use crate::hold::Hold;
use crate::ids::{AgentId, RunId, RunNumber};
use crate::principal::{Actor, Principal};
use crate::run::{Execution, Phase, Progress, Run, Waves};

use super::past::PastRun;
use super::record::{Checkpoint, Kind, Proposal, Record, VersionChange};
use super::state::{State, TokenEntry};

/// Past runs of one record.
const PAST_MAX: usize = 1_000;

impl State {
    /// Records that fold to this state, but for [`State::seq`]. Of a state that nothing but records has moved: what a run only asked to be
    /// recorded is not in it.
    #[must_use]
    pub fn checkpoint(&self) -> Vec<Record> {
        let mut out = Vec::new();
        let past = self.runs.past().runs();
        out.extend(
            past.chunks(PAST_MAX)
                .map(|runs| beside(runs.to_vec(), RunNumber(0))),
        );
        for (token, entry) in self.tokens.iter() {
            token_records(token, entry, &mut out);
        }
        for host in self.hosts.values() {
            out.extend(host.records());
        }
        for (name, group) in self.groups.iter() {
            let kind = Kind::GroupSaved {
                name: name.clone(),
                selector: group.selector.to_string(),
            };
            out.push(record(group.saved_ms, by(&group.by), kind));
        }
        if let Some(held) = &self.hold {
            let actor = held.by.as_ref().map_or(Actor::Controller, by);
            let kind = Kind::Hold(Hold::on(&held.reason));
            out.push(record(held.since_ms, actor, kind));
        }
        if !self.grants.is_empty() {
            out.push(plain(0, Kind::GrantsLoaded(self.grants.to_vec())));
        }
        if let Some(version) = &self.version {
            let change = VersionChange {
                version: version.clone(),
                ..VersionChange::default()
            };
            out.push(plain(0, Kind::VersionChanged(change)));
        }
        let changes = self.authority.changes().into_iter();
        out.extend(changes.map(|(at_ms, change)| plain(at_ms, Kind::AuthorityChanged(change))));
        self.run_records(&mut out);
        let proposals = self.proposals.values();
        out.extend(proposals.map(|proposal: &Proposal| plain(0, Kind::Proposed(proposal.clone()))));
        // Last: what stands before spends no interaction.
        let interactions = self.interactions.iter();
        let last = Checkpoint {
            newest: self.runs.newest(),
            past: Vec::new(),
            interactions: interactions.map(|(id, at_ms)| (*id, *at_ms)).collect(),
        };
        out.push(plain(0, Kind::Checkpoint(last)));
        out
    }

    /// Each run gets the next number, so those before it are counted first.
    fn run_records(&self, out: &mut Vec<Record>) {
        let mut counted = RunNumber(0);
        let runs: Vec<_> = self.runs.newest_whole().collect();
        for run in runs.into_iter().rev() {
            let before = RunNumber(run.number.0.saturating_sub(1));
            if before > counted {
                out.push(beside(Vec::new(), before));
            }
            counted = run.number;
            run_records(run, out);
        }
    }
}

fn beside(past: Vec<PastRun>, newest: RunNumber) -> Record {
    let checkpoint = Checkpoint {
        newest,
        past,
        interactions: Vec::new(),
    };
    plain(0, Kind::Checkpoint(checkpoint))
}

fn token_records(token: &str, entry: &TokenEntry, out: &mut Vec<Record>) {
    let token = token.to_owned();
    let created = Kind::TokenCreated {
        token: token.clone(),
        secret_sha256: entry.secret_sha256,
        labels: entry.labels.clone(),
        names: entry.names.clone(),
        uses_max: entry.uses_max,
        expires_ms: entry.expires_ms,
    };
    out.push(plain(0, created));
    if entry.revoked {
        out.push(plain(0, Kind::TokenRevoked { token }));
    }
}

fn run_records(run: &Run, out: &mut Vec<Record>) {
    let id = run.spec.id;
    out.push(plain(run.accepted_ms, Kind::Accepted((*run.spec).clone())));
    if matches!(run.phase, Phase::Running | Phase::Closed { .. }) {
        out.push(plain(0, Kind::Go(id)));
    }
    if let Some(cancel) = &run.cancel {
        let force = cancel.force;
        let kind = Kind::CancelRequested { run: id, force };
        out.push(record(cancel.at_ms, by(&cancel.by), kind));
    }
    for (agent, execution) in run.executions() {
        out.extend(execution_record(run, agent, execution));
    }
    out.extend(
        run.waves()
            .into_iter()
            .flat_map(|waves| waves_records(id, waves)),
    );
    match &run.phase {
        Phase::Accepted | Phase::Running => {}
        Phase::Expired(reason) => {
            let reason = reason.clone();
            out.push(plain(0, Kind::Expired { run: id, reason }));
        }
        Phase::Closed { at_ms } => out.push(plain(*at_ms, Kind::Closed(id))),
    }
}

fn waves_records(run: RunId, waves: &Waves) -> Vec<Record> {
    let mut out = Vec::new();
    if waves.passed() > 0 {
        let waves = waves.passed();
        out.push(plain(0, Kind::Continued { run, waves }));
    }
    if let Some(pause) = waves.pause() {
        let actor = pause.by.as_ref().map_or(Actor::Controller, by);
        out.push(record(pause.at_ms, actor, Kind::Paused { run }));
    }
    out
}

fn execution_record(run: &Run, agent: AgentId, execution: &Execution) -> Option<Record> {
    let run = run.spec.id;
    match &execution.progress {
        Progress::Waiting(_) | Progress::Ending(_) => None,
        Progress::Ordered(_) => {
            let at_ms = execution.sent_ms.unwrap_or(0);
            Some(plain(at_ms, Kind::Sent { run, agent }))
        }
        Progress::Running { since_ms } => Some(plain(*since_ms, Kind::Started { run, agent })),
        Progress::Done(outcome) => {
            let outcome = outcome.clone();
            Some(plain(
                0,
                Kind::Finished {
                    run,
                    agent,
                    outcome,
                },
            ))
        }
    }
}

/// A record of which nobody asks who made it.
pub(super) const fn plain(at_ms: u64, kind: Kind) -> Record {
    record(at_ms, Actor::Controller, kind)
}

pub(super) const fn record(at_ms: u64, actor: Actor, kind: Kind) -> Record {
    Record { at_ms, actor, kind }
}

/// Somebody, without the interaction: it is spent by the last record.
pub(super) fn by(principal: &Principal) -> Actor {
    match principal {
        Principal::Discord(user) => Actor::Chat {
            user: *user,
            place: None,
        },
        Principal::Local(user) => Actor::Socket { user: user.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authority::{AuthorityChange, AuthorityKey};
    use crate::ids::Labels;
    use crate::journal::{Enrolment, HostChange, Needs, Runs, Window};
    use crate::policy::GrantSpec;
    use crate::principal::Place;
    use crate::refusal::Code;
    use crate::run::{How, Offline, Outcome, Reason, Rollout, Spec, Strategy, Target};

    fn id(n: u8) -> RunId {
        RunId::from_bytes([n; 16])
    }

    fn agent(n: u8) -> AgentId {
        AgentId::from_bytes([n; 16])
    }

    fn chat(interaction: u64) -> Actor {
        Actor::Chat {
            user: 30,
            place: Some(Place {
                guild: 1,
                channel: 5,
                parent: None,
                interaction,
            }),
        }
    }

    fn spec(n: u8) -> Spec {
        let target = |n| Target {
            agent: agent(n),
            name: format!("h{n}").parse().unwrap(),
            away: None,
        };
        Spec {
            id: id(n),
            ..Spec::example((1..=3).map(target).collect())
        }
    }

    fn finished(n: u8, host: u8, how: How) -> Kind {
        Kind::Finished {
            run: id(n),
            agent: agent(host),
            outcome: Outcome {
                output_bytes: 7,
                ..Outcome::without_output(how)
            },
        }
    }

    /// One of everything that a state can hold.
    fn kinds() -> Vec<Kind> {
        let token = |token: &str| Kind::TokenCreated {
            token: token.into(),
            secret_sha256: [1; 32],
            labels: Labels::parse("env=prod").unwrap(),
            names: "h*".into(),
            uses_max: 3,
            expires_ms: 99,
        };
        let enrolled = |n: u8| {
            Kind::Enrolled(Enrolment {
                agent: agent(n),
                name: format!("h{n}").parse().unwrap(),
                labels: Labels::parse("env=prod").unwrap(),
                token: "a".into(),
                key_sha256: [n; 32],
                leaf: vec![n],
            })
        };
        let drained = |n, on| HostChange::Drained { on }.of(agent(n));
        let group = |name: &str| Kind::GroupSaved {
            name: name.into(),
            selector: "role=web !h2".into(),
        };
        let lost = How::Lost(Reason::new(Code::Offline, "gone"));
        let labels = Labels::parse("role=web").unwrap();
        let mut kinds = vec![token("a"), token("b")];
        kinds.push(Kind::TokenRevoked { token: "b".into() });
        kinds.extend([1, 2, 3, 4].map(enrolled));
        kinds.push(HostChange::Labelled(labels).of(agent(1)));
        kinds.push(drained(2, true));
        kinds.push(drained(3, true));
        kinds.push(drained(3, false));
        kinds.push(HostChange::OrderKeyTaken { key: [7; 32] }.of(agent(2)));
        kinds.push(HostChange::Revoked.of(agent(4)));
        for n in [11, 12, 13] {
            let key_sha256 = [n; 32];
            let leaf = vec![n];
            kinds.push(HostChange::Renewed { key_sha256, leaf }.of(agent(1)));
            if n == 12 {
                kinds.push(HostChange::Promoted { key_sha256 }.of(agent(1)));
            }
        }
        kinds.extend([group("web"), group("old")]);
        kinds.push(Kind::GroupRemoved { name: "old".into() });
        kinds.push(Kind::GrantsLoaded(vec![GrantSpec {
            id: "ops".into(),
            what: vec!["run".into()],
            hosts: "all".into(),
            ..GrantSpec::default()
        }]));
        // Past, lost, given up, stopped while it runs, just accepted.
        for n in 1..=6 {
            kinds.push(Kind::Accepted(spec(n)));
        }
        for n in 1..=3 {
            kinds.push(Kind::Go(id(n)));
            kinds.push(finished(n, 1, How::Exited(0)));
            kinds.push(finished(n, 2, How::Signaled(9)));
            let last = if n == 2 {
                lost.clone()
            } else {
                How::TimedOut(143)
            };
            kinds.push(finished(n, 3, last));
            kinds.push(Kind::Closed(id(n)));
        }
        kinds.push(Kind::Expired {
            run: id(4),
            reason: "late".into(),
        });
        kinds.push(Kind::Go(id(5)));
        kinds.push(Kind::Started {
            run: id(5),
            agent: agent(1),
        });
        kinds.push(Kind::Sent {
            run: id(5),
            agent: agent(2),
        });
        kinds.push(finished(5, 3, How::Exited(1)));
        kinds.push(Kind::CancelRequested {
            run: id(5),
            force: true,
        });
        let rollout = Rollout::parse(Some("1"), None, None, Some("every"));
        let in_waves = Spec {
            strategy: Strategy {
                offline: Offline::Fail,
                rollout: rollout.unwrap(),
            },
            ..spec(9)
        };
        let (run, waves) = (id(9), 1);
        kinds.extend([Kind::Accepted(in_waves), Kind::Go(run)]);
        kinds.push(Kind::Sent {
            run,
            agent: agent(1),
        });
        kinds.push(finished(9, 1, How::Exited(0)));
        kinds.push(Kind::Paused { run });
        kinds.push(Kind::Continued { run, waves });
        kinds.push(Kind::Sent {
            run,
            agent: agent(2),
        });
        kinds.push(Kind::Paused { run });
        kinds.push(Kind::Proposed(Proposal {
            spec: spec(7),
            needs: Needs::OwnWord,
            until_ms: 10_000,
        }));
        kinds.push(Kind::Hold(Hold::on("db move")));
        kinds.push(Kind::VersionChanged(VersionChange {
            version: "0.2.0".to_owned(),
            ..VersionChange::default()
        }));
        for key in AuthorityKey::ALL {
            let (former, to, over_ms) = ([1; 32], [2; 32], 9);
            let rotated = AuthorityChange::Rotated {
                key,
                former,
                to,
                over_ms,
            };
            let lost = vec![agent(1)];
            let retired = AuthorityChange::Retired { key, former, lost };
            kinds.extend([rotated.clone(), retired, rotated].map(Kind::AuthorityChanged));
        }
        let exported = AuthorityChange::RootExported { shredded: true };
        kinds.push(Kind::AuthorityChanged(exported));
        kinds
    }

    fn state() -> State {
        let window = Window {
            runs: 4,
            executions: 100,
        };
        State {
            runs: Runs::within(window),
            ..State::default()
        }
    }

    #[test]
    fn it_folds_to_the_same_state_after_every_record() {
        let mut whole = state();
        for (n, kind) in (0..).zip(kinds()) {
            let actor = if n % 3 == 0 {
                chat(n)
            } else {
                Actor::Socket { user: "ann".into() }
            };
            whole.apply(&record(100 + n, actor, kind));
            whole.shrink();
            let mut again = state();
            for record in whole.checkpoint() {
                again.apply(&record);
            }
            assert_eq!(again, whole, "after record {n}");
        }
        assert_eq!(
            whole.runs.past().runs().len(),
            3,
            "not the one that was lost"
        );
        assert!(whole.interactions.len() > 3);
        // What comes later comes to the same.
        let mut again = state();
        whole
            .checkpoint()
            .iter()
            .for_each(|record| again.apply(record));
        for state in [&mut whole, &mut again] {
            state.apply(&plain(500, Kind::Accepted(spec(8))));
            state.apply(&plain(500, finished(5, 2, How::Exited(4))));
        }
        assert_eq!(again, whole);
        assert_eq!(whole.runs.number_of(id(8)), Some(RunNumber(8)));
    }
}
