//! What somebody did on the controller's machine that operators in chat are told, as they see what is done in chat: nobody there sees a
//! terminal. Runs are not among it: they have cards.

use crate::hold::{Held, Hold};
use crate::ids::{AgentId, HostName, Labels};
use crate::journal::{HostChange, Kind, Record, State};
use crate::principal::{Actor, Principal};

/// What somebody did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Who.
    pub by: Principal,
    /// When, milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// What.
    pub did: Did,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Did {
    /// New runs are refused from now on.
    Hold(Held),
    /// They are allowed again.
    EndHold,
    /// These hosts have these labels.
    Label(Vec<(HostName, Labels)>),
    /// These hosts take no new runs.
    Drain(Vec<HostName>),
    /// They take them again.
    Undrain(Vec<HostName>),
    /// What these hosts hold of runs that are not known here is given up.
    Release(Vec<HostName>),
    /// These hosts are removed for good.
    Remove(Vec<HostName>),
    /// The names of these hosts, which were removed, may be taken again.
    FreeName(Vec<HostName>),
    /// A selector has this name.
    SaveGroup {
        /// The name, without `@`.
        name: String,
        /// What it stands for.
        selector: String,
    },
    /// A saved group is gone.
    RemoveGroup(String),
    /// Hosts may join with a token.
    CreateToken {
        /// Its public half.
        token: String,
        /// How many hosts.
        uses_max: u32,
        /// Until when, milliseconds since the Unix epoch.
        expires_ms: u64,
    },
    /// A token is void: its public half.
    RevokeToken(String),
}

impl Deed {
    /// What the records of one append tell, if operators are told of it, by the state before them.
    #[must_use]
    pub fn of(state: &State, records: &[Record]) -> Option<Self> {
        let first = records.first()?;
        let Actor::Socket { user } = &first.actor else {
            return None;
        };
        let by = Principal::Local(user.clone());
        let at_ms = first.at_ms;
        let did = match &first.kind {
            Kind::Hold(Hold::On { reason }) => Did::Hold(Held {
                by: Some(by.clone()),
                since_ms: at_ms,
                reason: reason.clone(),
            }),
            // Where there is none nothing changes.
            Kind::Hold(Hold::Off) => {
                state.hold.as_ref()?;
                Did::EndHold
            }
            Kind::HostChanged { .. } => changed(state, records)?,
            Kind::GroupSaved { name, selector } => Did::SaveGroup {
                name: name.clone(),
                selector: selector.clone(),
            },
            Kind::GroupRemoved { name } => Did::RemoveGroup(name.clone()),
            Kind::TokenCreated {
                token,
                uses_max,
                expires_ms,
                ..
            } => Did::CreateToken {
                token: token.clone(),
                uses_max: *uses_max,
                expires_ms: *expires_ms,
            },
            Kind::TokenRevoked { token } => Did::RevokeToken(token.clone()),
            Kind::Enrolled(_)
            | Kind::Accepted(_)
            | Kind::Denied { .. }
            | Kind::Go(_)
            | Kind::Expired { .. }
            | Kind::CancelRequested { .. }
            | Kind::Started { .. }
            | Kind::Finished { .. }
            | Kind::Paused { .. }
            | Kind::Continued { .. }
            | Kind::Sent { .. }
            | Kind::Closed(_)
            | Kind::Proposed(_)
            | Kind::Checkpoint(_)
            | Kind::Unknown => return None,
        };
        Some(Self { by, at_ms, did })
    }
}

/// What one ask changed of hosts: the same of all of them.
fn changed(state: &State, records: &[Record]) -> Option<Did> {
    let name = |agent: &AgentId| Some(state.hosts.get(agent)?.enrolment.name.clone());
    let mut labelled = Vec::new();
    let mut others = Vec::new();
    let mut last = None;
    for record in records {
        let Kind::HostChanged { agent, change } = &record.kind else {
            continue;
        };
        match change {
            HostChange::Labelled(labels) => labelled.push((name(agent)?, labels.clone())),
            HostChange::Drained { .. }
            | HostChange::Released { .. }
            | HostChange::Revoked
            | HostChange::NameFreed => {
                others.push(name(agent)?);
            }
        }
        last = Some(change);
    }
    Some(match last? {
        HostChange::Labelled(_) => Did::Label(labelled),
        HostChange::Drained { on: true } => Did::Drain(others),
        HostChange::Drained { on: false } => Did::Undrain(others),
        HostChange::Released { .. } => Did::Release(others),
        HostChange::Revoked => Did::Remove(others),
        HostChange::NameFreed => Did::FreeName(others),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Enrolment;

    fn by(actor: Actor, kind: Kind) -> Record {
        Record {
            at_ms: 7,
            actor,
            kind,
        }
    }

    fn root(kind: Kind) -> Record {
        let user = "root".to_owned();
        by(Actor::Socket { user }, kind)
    }

    fn agent(n: u8) -> AgentId {
        AgentId::from_bytes([n; 16])
    }

    fn state() -> State {
        let mut state = State::default();
        for n in [1, 2] {
            state.apply(&root(Kind::Enrolled(Enrolment {
                agent: agent(n),
                name: format!("web-0{n}").parse().unwrap(),
                labels: Labels::default(),
                token: "t".to_owned(),
                key_sha256: [n; 32],
                leaf: vec![n],
            })));
        }
        state
    }

    fn did(state: &State, records: &[Record]) -> Option<Did> {
        Deed::of(state, records).map(|deed| deed.did)
    }

    #[test]
    fn what_is_done_at_once_to_several_hosts_is_one_deed() {
        let state = state();
        let names: Vec<HostName> = ["web-01", "web-02"]
            .map(|name| name.parse().unwrap())
            .into();
        let each = |change: &HostChange| [1, 2].map(|n| root(change.clone().of(agent(n))));
        for (change, expected) in [
            (HostChange::Drained { on: true }, Did::Drain(names.clone())),
            (
                HostChange::Drained { on: false },
                Did::Undrain(names.clone()),
            ),
            (
                HostChange::Released { runs: Vec::new() },
                Did::Release(names.clone()),
            ),
            (HostChange::Revoked, Did::Remove(names.clone())),
            (HostChange::NameFreed, Did::FreeName(names.clone())),
        ] {
            assert_eq!(did(&state, &each(&change)), Some(expected), "{change:?}");
        }
        let labels = Labels::parse("env=prod").unwrap();
        let labelled = names.iter().map(|name| (name.clone(), labels.clone()));
        let expected = Did::Label(labelled.collect());
        let change = HostChange::Labelled(labels.clone());
        assert_eq!(did(&state, &each(&change)), Some(expected));
    }

    #[test]
    fn a_hold_that_ends_was_there_and_what_is_done_in_chat_is_seen_there() {
        let mut state = state();
        let off = [root(Kind::Hold(Hold::Off))];
        assert_eq!(did(&state, &off), None, "there was none");
        let on = Kind::Hold(Hold::on("db move"));
        let deed = Deed::of(&state, &[root(on.clone())]).unwrap();
        assert_eq!(
            (deed.by.to_string().as_str(), deed.at_ms),
            ("local:root", 7)
        );
        assert!(matches!(deed.did, Did::Hold(held) if held.reason == "db move"));
        state.apply(&root(on.clone()));
        assert_eq!(did(&state, &off), Some(Did::EndHold));
        let chat = Actor::Chat {
            user: 1,
            place: None,
        };
        assert_eq!(did(&state, &[by(chat, on)]), None);
        assert_eq!(did(&state, &[by(Actor::Controller, Kind::Unknown)]), None);
        let refused = Kind::Denied {
            verb: "run".to_owned(),
            code: "E_HOLD".to_owned(),
            text: String::new(),
        };
        assert_eq!(did(&state, &[root(refused)]), None);
        assert_eq!(did(&state, &[]), None);
    }
}
