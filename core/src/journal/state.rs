//! Everything that the records say, folded. Pure and total: a record that does not fit (a `Go` for an unknown run) changes nothing,
//! because an older or newer program may have written it.
//!
//! A clone is cheap: the parts are shared until one of the two changes. So questions are answered from a clone, beside the hub.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::authority::Authority;
use crate::hold::{Held, Hold};
use crate::ids::{AgentId, Labels, RunId, RunNumber};
use crate::limits;
use crate::policy::GrantSpec;
use crate::run::{CancelRequest, Phase, Run};
use crate::selector::{Group, Selector};

use super::host::{HostChange, HostEntry};
use super::record::{Enrolment, Kind, Proposal, Record};
use super::runs::Runs;

/// What records come to, as a number: raised when the same records come to something else, so that nothing is built on an older reading.
pub const FOLD: u32 = 4;

/// Records that are read between two looks at what can be dropped.
const FORGET_EVERY: u64 = 1_024;

/// A join token as the journal knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenEntry {
    /// SHA-256 of its secret half.
    pub secret_sha256: [u8; 32],
    /// Given to every host that joins with it.
    pub labels: Labels,
    /// The names that hosts may join under with it, as a selector of names; empty means any.
    pub names: String,
    /// How many hosts have joined.
    pub uses: u32,
    /// How many may.
    pub uses_max: u32,
    /// Until when.
    pub expires_ms: u64,
    /// Void.
    pub revoked: bool,
}

/// Everything that the journal says, folded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Hosts by id, revoked ones included.
    pub hosts: Arc<BTreeMap<AgentId, HostEntry>>,
    /// Tokens by their public half.
    pub tokens: Arc<BTreeMap<String, TokenEntry>>,
    /// The place of the newest record in the journal; zero before the first.
    pub seq: u64,
    /// Runs.
    pub runs: Runs,
    /// Interactions that something was done for, with when.
    pub interactions: Arc<BTreeMap<u64, u64>>,
    /// New runs are refused.
    pub hold: Option<Held>,
    /// Saved groups by name, without `@`.
    pub groups: Arc<BTreeMap<String, Group>>,
    /// What waits for a word, by the id that the run will have.
    pub proposals: Arc<BTreeMap<RunId, Proposal>>,
    /// The grants that were loaded last.
    pub grants: Arc<[GrantSpec]>,
    /// The version of the controller that was recorded last; nothing while none took the place of another.
    pub version: Option<String>,
    /// How far changes of the authority have come.
    pub authority: Authority,
}

impl State {
    /// Takes one record of a journal that is read, with its place in it. What can matter no more by then is dropped on the way, as the hub does
    /// with time.
    pub fn read(&mut self, seq: u64, record: &Record) {
        // Such a record stands in checkpoints only.
        if !matches!(record.kind, Kind::Checkpoint(_)) {
            self.apply(record);
        }
        self.seq = seq;
        self.shrink();
        if seq.is_multiple_of(FORGET_EVERY) {
            self.forget(record.at_ms, None);
        }
    }

    /// Takes one record.
    pub fn apply(&mut self, record: &Record) {
        let at_ms = record.at_ms;
        if let Some(interaction) = record.spends() {
            Arc::make_mut(&mut self.interactions).insert(interaction, at_ms);
        }
        match &record.kind {
            Kind::TokenCreated {
                token,
                secret_sha256,
                labels,
                names,
                uses_max,
                expires_ms,
            } => {
                let entry = TokenEntry {
                    secret_sha256: *secret_sha256,
                    labels: labels.clone(),
                    names: names.clone(),
                    uses: 0,
                    uses_max: *uses_max,
                    expires_ms: *expires_ms,
                    revoked: false,
                };
                Arc::make_mut(&mut self.tokens).insert(token.clone(), entry);
            }
            Kind::TokenRevoked { token } => {
                if let Some(entry) = Arc::make_mut(&mut self.tokens).get_mut(token) {
                    entry.revoked = true;
                }
            }
            Kind::Enrolled(enrolment) => self.enrolled(enrolment, at_ms),
            Kind::HostChanged { agent, change } => self.host_changed(*agent, change, record),
            Kind::Accepted(spec) => {
                Arc::make_mut(&mut self.proposals).remove(&spec.id);
                self.runs.accept(spec, at_ms);
            }
            Kind::Proposed(proposal) => self.proposed(proposal, at_ms),
            Kind::Expired { run, reason } => {
                Arc::make_mut(&mut self.proposals).remove(run);
                self.run(*run, |run| {
                    if run.phase == Phase::Accepted {
                        run.phase = Phase::Expired(reason.clone());
                    }
                });
            }
            // Whichever of the two comes first stands.
            Kind::Go(run) => self.run(*run, |run| {
                if run.phase == Phase::Accepted {
                    run.phase = Phase::Running;
                }
            }),
            Kind::CancelRequested { run, force } => {
                if let Some(by) = record.actor.principal() {
                    let force = *force;
                    let request = CancelRequest { by, force, at_ms };
                    self.run(*run, |run| run.cancel = Some(request));
                }
            }
            Kind::Started { run, agent } => self.run(*run, |run| run.apply_started(*agent, at_ms)),
            Kind::Finished {
                run,
                agent,
                outcome,
            } => self.run(*run, |run| run.apply_finished(*agent, outcome.clone())),
            Kind::Sent { run, agent } => self.run(*run, |run| run.apply_sent(*agent, at_ms)),
            Kind::Paused { run } => {
                let by = record.actor.principal();
                self.run(*run, |run| run.apply_paused(by, at_ms));
            }
            Kind::Continued { run, waves } => {
                self.run(*run, |run| run.apply_continued(*waves));
            }
            Kind::Closed(run) => self.run(*run, |run| run.phase = Phase::Closed { at_ms }),
            Kind::Hold(hold) => self.hold = held(hold, record),
            Kind::GroupSaved { name, selector } => {
                let selector = Selector::parse_for_group(selector);
                if let (Ok(selector), Some(by)) = (selector, record.actor.principal()) {
                    let group = Group {
                        selector,
                        by,
                        saved_ms: at_ms,
                    };
                    Arc::make_mut(&mut self.groups).insert(name.clone(), group);
                }
            }
            Kind::GroupRemoved { name } => {
                Arc::make_mut(&mut self.groups).remove(name);
            }
            Kind::Checkpoint(checkpoint) => {
                self.runs.resume(&checkpoint.past, checkpoint.newest);
                let interactions = checkpoint.interactions.iter().copied();
                Arc::make_mut(&mut self.interactions).extend(interactions);
            }
            Kind::GrantsLoaded(grants) => self.grants = grants.as_slice().into(),
            Kind::VersionChanged(change) => self.version = Some(change.version.clone()),
            Kind::AuthorityChanged(change) => self.authority.apply(change, at_ms),
            Kind::Denied(_) | Kind::PolicyChanged { .. } | Kind::Unknown => {}
        }
    }

    /// The host of that name which may come back.
    #[must_use]
    pub fn host_named(&self, name: &str) -> Option<(AgentId, &HostEntry)> {
        self.hosts
            .iter()
            .find(|(_, host)| !host.revoked && host.enrolment.name.as_str() == name)
            .map(|(agent, host)| (*agent, host))
    }

    /// The whole run of that number.
    #[must_use]
    pub fn run_numbered(&self, number: RunNumber) -> Option<&Run> {
        self.runs.numbered(number).map(AsRef::as_ref)
    }

    /// The whole run of that id.
    #[must_use]
    pub fn run_of(&self, id: RunId) -> Option<&Run> {
        self.runs.get(id).map(AsRef::as_ref)
    }

    /// True when a run was accepted and neither began nor was given up.
    #[must_use]
    pub fn is_accepted(&self, run: RunId) -> bool {
        let run = self.run_of(run);
        run.is_some_and(|run| run.phase == Phase::Accepted)
    }

    /// Changes a run, by what is no record.
    pub(crate) fn run_mut(&mut self, id: RunId) -> Option<&mut Run> {
        self.runs.get_mut(id)
    }

    /// Makes old runs past while there are more whole ones than should be.
    pub fn shrink(&mut self) {
        self.runs.shrink();
    }

    /// Drops what can happen no more: proposals whose time is up, interactions that Discord repeats no more, and runs that are over and were
    /// accepted longer ago than they are kept.
    pub fn forget(&mut self, now_ms: u64, runs_ms: Option<u64>) {
        if let Some(runs_ms) = runs_ms {
            self.runs.forget(now_ms.saturating_sub(runs_ms));
        }
        if self.proposals.values().any(|p| now_ms > p.until_ms) {
            Arc::make_mut(&mut self.proposals).retain(|_, proposal| now_ms <= proposal.until_ms);
        }
        let is_old = |at_ms: u64| now_ms.saturating_sub(at_ms) > limits::INTERACTION_MS;
        if self.interactions.values().any(|at_ms| is_old(*at_ms)) {
            Arc::make_mut(&mut self.interactions).retain(|_, at_ms| !is_old(*at_ms));
        }
    }

    fn enrolled(&mut self, enrolment: &Enrolment, at_ms: u64) {
        if let Some(token) = Arc::make_mut(&mut self.tokens).get_mut(&enrolment.token) {
            token.uses = token.uses.saturating_add(1);
        }
        let host = HostEntry::new(enrolment, at_ms);
        Arc::make_mut(&mut self.hosts).insert(enrolment.agent, host);
    }

    fn host_changed(&mut self, agent: AgentId, change: &HostChange, record: &Record) {
        if self.hosts.contains_key(&agent)
            && let Some(host) = Arc::make_mut(&mut self.hosts).get_mut(&agent)
        {
            change.apply(host, &record.actor, record.at_ms);
        }
        let hosts = &self.hosts;
        if is_gone(hosts, agent) {
            self.runs.hosts_gone(|agent| is_gone(hosts, agent));
        }
    }

    /// Old ones go when a new one comes: nobody presses their buttons any more.
    fn proposed(&mut self, proposal: &Proposal, at_ms: u64) {
        let proposals = Arc::make_mut(&mut self.proposals);
        proposals.retain(|_, proposal| at_ms <= proposal.until_ms);
        while proposals.len() >= limits::PREVIEWS_MAX {
            proposals.pop_first();
        }
        proposals.insert(proposal.spec.id, proposal.clone());
    }

    fn run(&mut self, id: RunId, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.get_mut(id) {
            change(run);
        }
        let hosts = &self.hosts;
        self.runs.changed(id, |agent| is_gone(hosts, agent));
    }
}

/// Whether a host may not come back.
fn is_gone(hosts: &BTreeMap<AgentId, HostEntry>, agent: AgentId) -> bool {
    hosts.get(&agent).is_some_and(|host| host.revoked)
}

/// What stands of a hold once it is recorded.
fn held(hold: &Hold, record: &Record) -> Option<Held> {
    match hold {
        Hold::On { reason } => Some(Held {
            by: record.actor.principal(),
            since_ms: record.at_ms,
            reason: reason.clone(),
        }),
        Hold::Off => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::principal::Actor;
    use crate::run::{Spec, What};

    fn record(at_ms: u64, kind: Kind) -> Record {
        let actor = Actor::Controller;
        Record { at_ms, actor, kind }
    }

    #[test]
    fn the_first_of_go_and_expired_stands() {
        let id = RunId::from_bytes([7; 16]);
        let spec = Spec {
            id,
            ..Spec::example(Vec::new())
        };
        let expired = Kind::Expired {
            run: id,
            reason: "late".into(),
        };
        let phase_after = |kinds: [Kind; 2]| {
            let mut state = State::default();
            state.apply(&record(1, Kind::Accepted(spec.clone())));
            assert!(state.runs.is_open(id));
            for kind in kinds {
                state.apply(&record(2, kind));
            }
            (
                state.run_of(id).unwrap().phase.clone(),
                state.runs.is_open(id),
            )
        };
        let late = (Phase::Expired("late".into()), false);
        let again = Kind::Accepted(Spec {
            what: What::Shell("false".into()),
            ..spec.clone()
        });
        let mut state = State::default();
        for kind in [Kind::Accepted(spec.clone()), Kind::Go(id), again] {
            state.apply(&record(1, kind));
        }
        let kept = (
            &state.run_of(id).unwrap().phase,
            state.run_of(id).unwrap().spec.what.text().into_owned(),
        );
        assert_eq!(
            kept,
            (&Phase::Running, "true".to_owned()),
            "an id is accepted once"
        );
        assert_eq!(state.runs.newest(), RunNumber(1));
        assert_eq!(phase_after([expired.clone(), Kind::Go(id)]), late);
        assert_eq!(phase_after([Kind::Go(id), expired]), (Phase::Running, true));
    }
}
