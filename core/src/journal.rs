//! The records of everything that was decided and done, and the state that they fold to.
//!
//! Folding is pure and total: the hub's memory is this same fold. A record that does not fit the state (a `Go` for an unknown run)
//! changes nothing, because an older or newer program may have written it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use crate::ids::{AgentId, HostName, Labels, RunId, RunNumber};
use crate::limits;
use crate::principal::{Place, Principal};
use crate::run::{CancelRequest, Outcome, Phase, Run, Spec};
use crate::selector::{Group, Selector};

/// One record with its time, milliseconds since the Unix epoch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// When it was decided.
    pub at_ms: u64,
    /// What.
    pub kind: Kind,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A join token exists.
    TokenCreated {
        /// Its public half.
        token: String,
        /// SHA-256 of its secret half.
        secret_sha256: [u8; 32],
        /// Given to every host that joins with it.
        labels: Labels,
        /// How many hosts may join with it.
        uses_max: u32,
        /// Until when, milliseconds since the Unix epoch.
        expires_ms: u64,
        /// Who made it.
        by: Principal,
    },
    /// A join token is void.
    TokenRevoked {
        /// Its public half.
        token: String,
        /// Who.
        by: Principal,
    },
    /// A host joined.
    Enrolled(Enrolment),
    /// The labels of a host are these from now on.
    Labelled {
        /// The host.
        agent: AgentId,
        /// All its labels.
        labels: Labels,
        /// Who.
        by: Principal,
        /// Where.
        place: Option<Place>,
    },
    /// A host may not come back.
    Revoked {
        /// The host.
        agent: AgentId,
        /// Who.
        by: Principal,
    },
    /// A run was accepted; nothing runs before `Go`.
    Accepted(Spec),
    /// Something was refused.
    Denied {
        /// Who asked.
        by: Principal,
        /// Where.
        place: Option<Place>,
        /// For what.
        verb: String,
        /// The refusal's code.
        code: String,
        /// The refusal's first sentence.
        text: String,
    },
    /// The run may start.
    Go(RunId),
    /// The run was given up before `Go`.
    Expired {
        /// The run.
        run: RunId,
        /// Why, for people.
        reason: String,
    },
    /// Somebody asked to stop a run.
    CancelRequested {
        /// The run.
        run: RunId,
        /// Who.
        by: Principal,
        /// KILL at once.
        force: bool,
    },
    /// A host confirmed an execution.
    Started {
        /// The run.
        run: RunId,
        /// The host.
        agent: AgentId,
    },
    /// An execution ended. A later record of the same execution stands: what was unknown can become known.
    Finished {
        /// The run.
        run: RunId,
        /// The host.
        agent: AgentId,
        /// How.
        outcome: Outcome,
    },
    /// The order of a run goes to a host that was waited for.
    Sent {
        /// The run.
        run: RunId,
        /// The host.
        agent: AgentId,
    },
    /// Every execution of a run has ended.
    Closed(RunId),
    /// Somebody was shown exactly what would run, and on which hosts; it waits for their word.
    Previewed(Spec),
    /// A selector has this name from now on.
    GroupSaved {
        /// The name, without `@`.
        name: String,
        /// The selector in normal form. One that this version cannot parse is kept and stands for nothing.
        selector: String,
        /// Who.
        by: Principal,
        /// Where.
        place: Option<Place>,
    },
    /// A saved group is gone.
    GroupRemoved {
        /// Its name, without `@`.
        name: String,
        /// Who.
        by: Principal,
        /// Where.
        place: Option<Place>,
    },
    /// A host takes no new runs, or takes them again.
    Drained {
        /// The host.
        agent: AgentId,
        /// It takes none.
        on: bool,
        /// Who.
        by: Principal,
        /// Where.
        place: Option<Place>,
    },
    /// New runs are refused, or allowed again.
    Hold {
        /// Refused.
        on: bool,
        /// Who.
        by: Principal,
        /// Where.
        place: Option<Place>,
    },
    /// A kind of a newer program: kept and skipped.
    Unknown,
}

impl Kind {
    /// Where in Discord something was asked that this did; nothing for the command line, and where nothing was done.
    #[must_use]
    pub const fn place(&self) -> Option<Place> {
        match self {
            Self::Accepted(spec) => spec.place,
            Self::Labelled { place, .. }
            | Self::Hold { place, .. }
            | Self::GroupSaved { place, .. }
            | Self::GroupRemoved { place, .. }
            | Self::Drained { place, .. } => *place,
            Self::TokenCreated { .. }
            | Self::TokenRevoked { .. }
            | Self::Enrolled(_)
            | Self::Revoked { .. }
            | Self::Denied { .. }
            | Self::Go(_)
            | Self::Expired { .. }
            | Self::CancelRequested { .. }
            | Self::Started { .. }
            | Self::Finished { .. }
            | Self::Sent { .. }
            | Self::Closed(_)
            | Self::Previewed(_)
            | Self::Unknown => None,
        }
    }
}

/// A host's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolment {
    /// Its id.
    pub agent: AgentId,
    /// Its name, unique among hosts that are not revoked.
    pub name: HostName,
    /// From the token.
    pub labels: Labels,
    /// The token's public half.
    pub token: String,
    /// SHA-256 of the agent's public key: the same request again gets the same identity.
    pub key_sha256: [u8; 32],
    /// DER of the leaf that it got.
    pub leaf: Vec<u8>,
}

/// A host as the journal knows it.
#[derive(Clone, Debug)]
pub struct HostEntry {
    /// Its enrolment.
    pub enrolment: Enrolment,
    /// Its labels now.
    pub labels: Labels,
    /// When it joined, milliseconds since the Unix epoch.
    pub enrolled_ms: u64,
    /// It takes no new runs.
    pub draining: Option<Draining>,
    /// It may not come back.
    pub revoked: bool,
}

/// Somebody asked a host to take no new runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Draining {
    /// Who.
    pub by: Principal,
    /// When, milliseconds since the Unix epoch.
    pub since_ms: u64,
}

/// A run that somebody was shown and has not confirmed.
#[derive(Clone, Debug)]
pub struct Preview {
    /// Exactly what was shown.
    pub spec: Spec,
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
}

/// A join token as the journal knows it.
#[derive(Clone, Debug)]
pub struct TokenEntry {
    /// SHA-256 of its secret half.
    pub secret_sha256: [u8; 32],
    /// Given to every host that joins with it.
    pub labels: Labels,
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
#[derive(Clone, Debug, Default)]
pub struct State {
    /// Hosts by id, revoked ones included.
    pub hosts: BTreeMap<AgentId, HostEntry>,
    /// Tokens by their public half.
    pub tokens: BTreeMap<String, TokenEntry>,
    /// Runs by id.
    pub runs: BTreeMap<RunId, Run>,
    /// Runs that are not over.
    pub open: BTreeSet<RunId>,
    /// Runs by number.
    pub numbers: BTreeMap<RunNumber, RunId>,
    /// Interactions that something was done for: nothing is done for one twice, though Discord may repeat it after a lost connection.
    pub interactions: HashSet<u64>,
    /// New runs are refused.
    pub hold: bool,
    /// Saved groups by name, without `@`.
    pub groups: BTreeMap<String, Group>,
    /// What waits for a word of the person who was shown it, by the id that the run will have.
    pub previews: BTreeMap<RunId, Preview>,
}

impl State {
    /// Takes one record.
    pub fn apply(&mut self, record: &Record) {
        let at_ms = record.at_ms;
        let place = record.kind.place();
        self.interactions
            .extend(place.map(|place| place.interaction));
        match &record.kind {
            Kind::TokenCreated {
                token,
                secret_sha256,
                labels,
                uses_max,
                expires_ms,
                by: _,
            } => {
                let entry = TokenEntry {
                    secret_sha256: *secret_sha256,
                    labels: labels.clone(),
                    uses: 0,
                    uses_max: *uses_max,
                    expires_ms: *expires_ms,
                    revoked: false,
                };
                self.tokens.insert(token.clone(), entry);
            }
            Kind::TokenRevoked { token, by: _ } => {
                if let Some(entry) = self.tokens.get_mut(token) {
                    entry.revoked = true;
                }
            }
            Kind::Enrolled(enrolment) => self.enrolled(enrolment, at_ms),
            Kind::Labelled { agent, labels, .. } => {
                if let Some(host) = self.hosts.get_mut(agent) {
                    host.labels = labels.clone();
                }
            }
            Kind::Revoked { agent, by: _ } => {
                if let Some(host) = self.hosts.get_mut(agent) {
                    host.revoked = true;
                }
            }
            Kind::Accepted(spec) => self.accepted(spec, at_ms),
            // Whichever of the two comes first stands.
            Kind::Go(run) => self.with(*run, |run| {
                if run.phase == Phase::Accepted {
                    run.phase = Phase::Running;
                }
            }),
            Kind::Expired { run, reason } => {
                self.previews.remove(run);
                self.with(*run, |run| {
                    if run.phase == Phase::Accepted {
                        run.phase = Phase::Expired(reason.clone());
                    }
                });
            }
            Kind::CancelRequested { run, by, force } => self.with(*run, |run| {
                run.cancel = Some(CancelRequest {
                    by: by.clone(),
                    force: *force,
                    at_ms,
                });
            }),
            Kind::Started { run, agent } => self.with(*run, |run| run.apply_started(*agent, at_ms)),
            Kind::Finished {
                run,
                agent,
                outcome,
            } => {
                self.with(*run, |run| run.apply_finished(*agent, outcome.clone()));
            }
            Kind::Sent { run, agent } => self.with(*run, |run| run.apply_sent(*agent)),
            Kind::Closed(run) => self.with(*run, |run| run.phase = Phase::Closed { at_ms }),
            Kind::Hold { on, .. } => self.hold = *on,
            Kind::Previewed(spec) => self.previewed(spec, at_ms),
            Kind::GroupSaved {
                name,
                selector,
                by,
                place: _,
            } => {
                if let Ok(selector) = Selector::parse_for_group(selector) {
                    let group = Group {
                        selector,
                        by: by.clone(),
                        saved_ms: at_ms,
                    };
                    self.groups.insert(name.clone(), group);
                }
            }
            Kind::GroupRemoved { name, .. } => {
                self.groups.remove(name);
            }
            Kind::Drained {
                agent,
                on,
                by,
                place: _,
            } => {
                if let Some(host) = self.hosts.get_mut(agent) {
                    let draining = || Draining {
                        by: by.clone(),
                        since_ms: at_ms,
                    };
                    host.draining = on.then(draining);
                }
            }
            Kind::Denied { .. } | Kind::Unknown => {}
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

    /// The run of that number.
    #[must_use]
    pub fn run_numbered(&self, number: RunNumber) -> Option<&Run> {
        self.runs.get(self.numbers.get(&number)?)
    }

    /// Drops what can be confirmed no more.
    pub fn forget_previews(&mut self, now_ms: u64) {
        self.previews
            .retain(|_, preview| now_ms <= preview.at_ms.saturating_add(limits::PREVIEW_MS));
    }

    fn enrolled(&mut self, enrolment: &Enrolment, at_ms: u64) {
        if let Some(token) = self.tokens.get_mut(&enrolment.token) {
            token.uses = token.uses.saturating_add(1);
        }
        let host = HostEntry {
            enrolment: enrolment.clone(),
            labels: enrolment.labels.clone(),
            enrolled_ms: at_ms,
            draining: None,
            revoked: false,
        };
        self.hosts.insert(enrolment.agent, host);
    }

    /// Old ones go when a new one comes: nobody presses their buttons any more.
    fn previewed(&mut self, spec: &Spec, at_ms: u64) {
        self.forget_previews(at_ms);
        while self.previews.len() >= limits::PREVIEWS_MAX {
            self.previews.pop_first();
        }
        let spec = spec.clone();
        self.previews.insert(spec.id, Preview { spec, at_ms });
    }

    fn accepted(&mut self, spec: &Spec, at_ms: u64) {
        self.previews.remove(&spec.id);
        // An id is accepted once, whatever comes.
        if self.runs.contains_key(&spec.id) {
            return;
        }
        let last = self
            .numbers
            .last_key_value()
            .map_or(0, |(number, _)| number.0);
        let number = RunNumber(last + 1);
        self.numbers.insert(number, spec.id);
        self.open.insert(spec.id);
        self.runs
            .insert(spec.id, Run::new(number, spec.clone(), at_ms));
    }

    fn with(&mut self, run: RunId, change: impl FnOnce(&mut Run)) {
        if let Some(run) = self.runs.get_mut(&run) {
            change(run);
            if run.is_over() {
                self.open.remove(&run.spec.id);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::{Offline, Target};

    #[test]
    fn the_first_of_go_and_expired_stands() {
        let id = RunId::from_bytes([7; 16]);
        let spec = Spec {
            id,
            by: Principal::Local("root".into()),
            place: None,
            selector: "all".into(),
            command: "true".into(),
            run_as: None,
            timeout_ms: 0,
            targets: Vec::<Target>::new(),
            digest: [0; 32],
            seed: None,
            grant: None,
            offline: Offline::Fail,
        };
        let expired = Kind::Expired {
            run: id,
            reason: "late".into(),
        };
        let phase_after = |kinds: [Kind; 2]| {
            let mut state = State::default();
            state.apply(&Record {
                at_ms: 1,
                kind: Kind::Accepted(spec.clone()),
            });
            assert!(state.open.contains(&id));
            for kind in kinds {
                state.apply(&Record { at_ms: 2, kind });
            }
            (state.runs[&id].phase.clone(), state.open.contains(&id))
        };
        let late = (Phase::Expired("late".into()), false);
        let again = Kind::Accepted(Spec {
            command: "false".into(),
            ..spec.clone()
        });
        let mut state = State::default();
        for kind in [Kind::Accepted(spec.clone()), Kind::Go(id), again] {
            state.apply(&Record { at_ms: 1, kind });
        }
        let kept = (
            &state.runs[&id].phase,
            state.runs[&id].spec.command.as_str(),
        );
        assert_eq!(kept, (&Phase::Running, "true"), "an id is accepted once");
        assert_eq!(state.numbers.len(), 1);
        assert_eq!(phase_after([expired.clone(), Kind::Go(id)]), late);
        assert_eq!(phase_after([Kind::Go(id), expired]), (Phase::Running, true));
    }
}
