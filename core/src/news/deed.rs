//! What operators are told of what is recorded: changes, whoever made them and wherever, what was refused, who joined, and what grants hold. Runs
//! are not among it: they have cards.

use crate::authority::{AuthorityChange, AuthorityKey};
use crate::hold::{Held, Hold};
use crate::ids::{AgentId, HostName, Labels, RunNumber};
use crate::journal::{Denied, HostChange, Kind, Record, State, VersionChange};
use crate::output::mask::Masks;
use crate::policy::{GrantChanges, GrantSpec};
use crate::principal::{Actor, Principal};
use crate::refusal::Code;
use crate::run::{Run, Spec};
use crate::version::Version;

/// What somebody did, or wanted to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Who, and where.
    pub by: Actor,
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
    /// A host joined.
    Join {
        /// Its name.
        name: HostName,
        /// The public half of its token.
        token: String,
    },
    /// Other grants hold than before.
    LoadGrants(Box<GrantChanges>),
    /// The configuration was changed and taken.
    Configure {
        /// What changed, a line each.
        changes: Vec<String>,
        /// The grants, where they are others.
        grants: Option<Box<GrantChanges>>,
    },
    /// The controller is another version than before.
    ChangeVersion(VersionChange),
    /// Another key of the authority is in use.
    RotateKey(AuthorityKey),
    /// What the former key signed is good for nothing any more.
    RetireKey {
        /// Which.
        key: AuthorityKey,
        /// Hosts that have to join anew.
        lost: Vec<HostName>,
    },
    /// The root's private key was copied.
    ExportRoot {
        /// And is deleted on the controller.
        shredded: bool,
    },
    /// Agents are being updated.
    Update {
        /// The run.
        number: RunNumber,
        /// To which version.
        version: Version,
        /// The hosts, as they were named.
        selector: String,
        /// How many they are.
        hosts: usize,
    },
    /// An update started on no further host, because more came back as they were than it bears.
    StopUpdate {
        /// The run.
        number: RunNumber,
        /// To which version.
        version: Version,
        /// How many failed of how many, in words.
        why: String,
    },
    /// Nothing: it was refused.
    Refused(Denied),
}

impl Deed {
    /// What the records of one append tell, if operators are told of it, by the state before them.
    #[must_use]
    pub fn of(state: &State, records: &[Record]) -> Option<Self> {
        let first = records.first()?;
        Some(Self {
            by: first.actor.clone(),
            at_ms: first.at_ms,
            did: Did::of(state, first, records)?,
        })
    }

    /// Who; nothing when it was no person.
    #[must_use]
    pub fn who(&self) -> Option<Principal> {
        self.by.principal()
    }

    /// The same without secrets: people type texts of their own.
    #[must_use]
    pub fn masked(mut self, masks: &Masks) -> Self {
        if let Did::Hold(held) = &mut self.did {
            held.reason = masks.text(&held.reason);
        } else if let Did::SaveGroup { selector, .. } = &mut self.did {
            *selector = masks.text(selector);
        } else if let Did::Update { selector, .. } = &mut self.did {
            *selector = masks.text(selector);
        } else if let Did::Refused(denied) = &mut self.did {
            denied.asked = masks.text(&denied.asked);
            denied.text = masks.text(&denied.text);
        }
        self
    }
}

impl Did {
    fn of(state: &State, first: &Record, records: &[Record]) -> Option<Self> {
        match &first.kind {
            Kind::Hold(Hold::On { reason }) => Some(held(first, reason)),
            // Where there is none nothing changes.
            Kind::Hold(Hold::Off) => state.hold.as_ref().map(|_| Self::EndHold),
            Kind::HostChanged { .. } => changed(state, records),
            Kind::GroupSaved { name, selector } => Some(Self::SaveGroup {
                name: name.clone(),
                selector: selector.clone(),
            }),
            Kind::GroupRemoved { name } => Some(Self::RemoveGroup(name.clone())),
            Kind::TokenCreated {
                token,
                uses_max,
                expires_ms,
                ..
            } => Some(Self::CreateToken {
                token: token.clone(),
                uses_max: *uses_max,
                expires_ms: *expires_ms,
            }),
            Kind::TokenRevoked { token } => Some(Self::RevokeToken(token.clone())),
            Kind::Enrolled(enrolment) => Some(Self::Join {
                name: enrolment.name.clone(),
                token: enrolment.token.clone(),
            }),
            Kind::GrantsLoaded(grants) => loaded(state, grants).map(Self::LoadGrants),
            Kind::PolicyChanged { changes } => Some(Self::Configure {
                changes: changes.clone(),
                grants: records.iter().find_map(|record| grants_of(state, record)),
            }),
            Kind::VersionChanged(change) => Some(Self::ChangeVersion(change.clone())),
            Kind::AuthorityChanged(change) => Some(authority(state, change)),
            Kind::Denied(denied) => is_told(denied).then(|| Self::Refused(denied.clone())),
            Kind::Accepted(spec) => updating(state, spec),
            Kind::Closed(run) => state.run_of(*run).and_then(update_stopped),
            Kind::Go(_)
            | Kind::Expired { .. }
            | Kind::CancelRequested { .. }
            | Kind::Started { .. }
            | Kind::Finished { .. }
            | Kind::Paused { .. }
            | Kind::Continued { .. }
            | Kind::Sent { .. }
            | Kind::Proposed(_)
            | Kind::Checkpoint(_)
            | Kind::Unknown => None,
        }
    }
}

/// A run is told of that replaces programs which run as root.
fn updating(state: &State, spec: &Spec) -> Option<Did> {
    let update = spec.what.update()?;
    Some(Did::Update {
        number: RunNumber(state.runs.newest().0 + 1),
        version: update.version.clone(),
        selector: spec.selector.clone(),
        hosts: spec.targets.len(),
    })
}

fn update_stopped(run: &Run) -> Option<Did> {
    let update = run.spec.what.update()?;
    let why = run.waves()?.given_up()?.text;
    Some(Did::StopUpdate {
        number: run.number,
        version: update.version.clone(),
        why: why.as_data().to_owned(),
    })
}

fn held(record: &Record, reason: &str) -> Did {
    Did::Hold(Held {
        by: record.actor.principal(),
        since_ms: record.at_ms,
        reason: reason.to_owned(),
    })
}

fn authority(state: &State, change: &AuthorityChange) -> Did {
    match change {
        AuthorityChange::Rotated { key, .. } => Did::RotateKey(*key),
        AuthorityChange::Retired { key, lost, .. } => {
            let host = |agent| Some(state.hosts.get(agent)?.enrolment.name.clone());
            let lost = lost.iter().filter_map(host).collect();
            Did::RetireKey { key: *key, lost }
        }
        AuthorityChange::RootExported { shredded } => Did::ExportRoot {
            shredded: *shredded,
        },
    }
}

fn loaded(state: &State, grants: &[GrantSpec]) -> Option<Box<GrantChanges>> {
    let same = *state.grants == *grants;
    (!same).then(|| Box::new(GrantChanges::between(&state.grants, grants)))
}

fn grants_of(state: &State, record: &Record) -> Option<Box<GrantChanges>> {
    if let Kind::GrantsLoaded(grants) = &record.kind {
        return loaded(state, grants);
    }
    None
}

/// Whether others should know that somebody was refused: not of a slip in how something was typed, nor of what the controller could not do. A selector
/// that names nothing may be a slip, and is also all that is said of hosts that a grant does not cover.
fn is_told(denied: &Denied) -> bool {
    match denied.code.parse() {
        Ok(
            Code::Denied
            | Code::Guild
            | Code::GuildOnly
            | Code::Selector
            | Code::Masked
            | Code::RunAs
            | Code::Hold
            | Code::NotFound
            | Code::Token
            | Code::NameTaken
            | Code::NameConfusable
            | Code::Name
            | Code::Csr
            | Code::Rate,
        )
        // Of another version: rather too much.
        | Err(_) => true,
        Ok(
            Code::AllOffline
            | Code::EmptyCommand
            | Code::TooLong
            | Code::BadChar
            | Code::Duration
            | Code::BadOption
            | Code::Closed
            | Code::Stale
            | Code::Storage
            | Code::Damaged
            | Code::Deleted
            | Code::Offline
            | Code::Draining
            | Code::Expired
            | Code::MaxFail
            | Code::Paused
            | Code::ControllerRestart
            | Code::AckFailed
            | Code::Label
            | Code::Agent
            | Code::Action
            | Code::ActionUnknown
            | Code::Param
            | Code::On
            | Code::Unsupported
            | Code::Version
            | Code::Stopping,
        ) => false,
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
            | HostChange::NameFreed
            | HostChange::Renewed { .. }
            | HostChange::OrderKeyTaken { .. }
            | HostChange::Promoted { .. } => {
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
        // Nobody does that here: hosts do.
        HostChange::Renewed { .. }
        | HostChange::OrderKeyTaken { .. }
        | HostChange::Promoted { .. } => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Enrolment;
    use crate::output::mask::Secret;

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
    fn steps_of_the_authority_are_deeds_that_name_who_is_lost() {
        let state = state();
        let key = AuthorityKey::Issuing;
        let (former, to, over_ms) = ([1; 32], [2; 32], 9);
        let lost = vec![agent(2), agent(9)];
        let (rotated, retired) = (
            AuthorityChange::Rotated {
                key,
                former,
                to,
                over_ms,
            },
            AuthorityChange::Retired { key, former, lost },
        );
        let lost = vec!["web-02".parse().unwrap()];
        let shredded = true;
        for (change, expected) in [
            (rotated, Did::RotateKey(key)),
            (retired, Did::RetireKey { key, lost }),
            (
                AuthorityChange::RootExported { shredded },
                Did::ExportRoot { shredded },
            ),
        ] {
            let told = did(&state, &[root(Kind::AuthorityChanged(change))]);
            assert_eq!(told, Some(expected));
        }
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
    fn a_configuration_that_was_taken_is_told_whoever_had_it_taken() {
        let state = state();
        let changes = vec!["grant ops: added".to_owned()];
        let kind = Kind::PolicyChanged {
            changes: changes.clone(),
        };
        let by = |actor| {
            let record = Record {
                actor,
                ..root(kind.clone())
            };
            let deed = Deed::of(&state, &[record]).unwrap();
            let changes = changes.clone();
            let grants = None;
            assert_eq!(deed.did, Did::Configure { changes, grants });
            deed.who().map(|who| who.to_string())
        };
        let user = "root".to_owned();
        assert_eq!(by(Actor::Socket { user }).as_deref(), Some("local:root"));
        assert_eq!(
            by(Actor::Controller),
            None,
            "who sent a signal is not known"
        );
        let loaded = root(Kind::GrantsLoaded(vec![GrantSpec::default()]));
        let deed = Deed::of(&state, &[root(kind.clone()), loaded]).unwrap();
        let told =
            matches!(&deed.did, Did::Configure { grants: Some(grants), .. } if grants.all == 1);
        assert!(told, "{deed:?}");
    }

    #[test]
    fn a_hold_that_ends_was_there_and_what_is_done_in_chat_is_seen_there() {
        let mut state = state();
        let off = [root(Kind::Hold(Hold::Off))];
        assert_eq!(did(&state, &off), None, "there was none");
        let on = Kind::Hold(Hold::on("db move"));
        let deed = Deed::of(&state, &[root(on.clone())]).unwrap();
        let root_is = Principal::Local("root".to_owned());
        assert_eq!((deed.who(), deed.at_ms), (Some(root_is), 7));
        assert!(matches!(deed.did, Did::Hold(held) if held.reason == "db move"));
        state.apply(&root(on.clone()));
        assert_eq!(did(&state, &off), Some(Did::EndHold));
        let chat = Actor::Chat {
            user: 1,
            place: None,
        };
        let told = Deed::of(&state, &[by(chat.clone(), on)]).unwrap();
        assert_eq!(told.by, chat, "wherever it is done");
        assert_eq!(did(&state, &[by(Actor::Controller, Kind::Unknown)]), None);
        assert_eq!(did(&state, &[]), None);
    }

    #[test]
    fn what_is_refused_is_told_unless_it_was_a_slip_or_our_own_fault() {
        let refused = |code: Code| {
            let denied = Denied {
                code: code.to_string(),
                asked: "run on db-01: id".to_owned(),
                ..Denied::default()
            };
            did(&state(), &[root(Kind::Denied(denied))]).is_some()
        };
        let told: Vec<Code> = Code::ALL
            .into_iter()
            .filter(|code| refused(*code))
            .collect();
        assert!(told.contains(&Code::Denied) && told.contains(&Code::Selector));
        assert!(!told.contains(&Code::EmptyCommand) && !told.contains(&Code::Storage));
        let unknown = Kind::Denied(Denied {
            code: "E_TEAPOT".to_owned(),
            ..Denied::default()
        });
        assert!(did(&state(), &[root(unknown)]).is_some());
    }

    #[test]
    fn grants_are_told_when_others_hold_and_hosts_when_they_join() {
        let grant = |id: &str| GrantSpec {
            id: id.to_owned(),
            ..GrantSpec::default()
        };
        let load =
            |grants: &[GrantSpec]| by(Actor::Controller, Kind::GrantsLoaded(grants.to_vec()));
        let mut state = state();
        let first = load(&[grant("web")]);
        let Some(Did::LoadGrants(changes)) = did(&state, std::slice::from_ref(&first)) else {
            panic!("told")
        };
        assert_eq!(changes.came, [grant("web")]);
        state.apply(&first);
        assert_eq!(did(&state, &[first]), None, "the same again");
        let Some(Did::LoadGrants(changes)) = did(&state, &[load(&[])]) else {
            panic!("told")
        };
        assert_eq!((changes.went, changes.all), (vec![grant("web")], 0));
    }

    #[test]
    fn what_people_type_is_masked() {
        let masks = Masks::new(&[Secret::new(b"s3cret-value").unwrap()], true);
        let refused = Denied {
            code: Code::Denied.to_string(),
            asked: "run on web: login s3cret-value".to_owned(),
            text: "`s3cret-value` is no host".to_owned(),
            ..Denied::default()
        };
        for kind in [
            Kind::Denied(refused),
            Kind::Hold(Hold::on("it is s3cret-value")),
            Kind::GroupSaved {
                name: "web".to_owned(),
                selector: "s3cret-value".to_owned(),
            },
        ] {
            let deed = Deed::of(&State::default(), &[root(kind)]).unwrap();
            assert!(format!("{deed:?}").contains("s3cret"));
            let masked = format!("{:?}", deed.masked(&masks));
            assert!(
                !masked.contains("s3cret") && masked.contains("[masked]"),
                "{masked}"
            );
        }
    }

    #[test]
    fn an_update_is_told_of_when_it_is_asked_for_and_when_it_stops_at_what_it_bears() {
        use crate::run::{How, Outcome, Rollout, Strategy, Target, Update, Upkeep, What};
        let mut state = state();
        let target = |n| Target {
            agent: agent(n),
            name: format!("web-0{n}").parse().unwrap(),
            away: None,
        };
        let rollout = Rollout::parse(Some("1"), None, None, None).unwrap();
        let spec = |what| Spec {
            what,
            selector: "web*".to_owned(),
            strategy: Strategy {
                rollout: rollout.clone(),
                offline: crate::run::Offline::Fail,
            },
            ..Spec::example(vec![target(1), target(2)])
        };
        let version: Version = "0.2.0".parse().unwrap();
        let update = Update {
            version: version.clone(),
            older: false,
        };
        let update = spec(What::Upkeep(Upkeep::Update(update)));
        let plain = Kind::Accepted(spec(What::Shell("id".to_owned())));
        assert_eq!(did(&state, &[root(plain)]), None, "runs have cards");
        let accepted = root(Kind::Accepted(update.clone()));
        let expected = Did::Update {
            number: RunNumber(1),
            version: version.clone(),
            selector: "web*".to_owned(),
            hosts: 2,
        };
        assert_eq!(did(&state, std::slice::from_ref(&accepted)), Some(expected));
        let run = update.id;
        let closed = |state: &State| {
            let kind = Kind::Closed(run);
            did(state, &[by(Actor::Controller, kind)])
        };
        state.apply(&accepted);
        state.apply(&root(Kind::Go(run)));
        assert_eq!(closed(&state), None, "nothing failed");
        state.apply(&root(Kind::Finished {
            run,
            agent: agent(1),
            outcome: Outcome::without_output(How::Exited(1)),
        }));
        let expected = Did::StopUpdate {
            number: RunNumber(1),
            version,
            why: "stopped after 1 of 2 failed".to_owned(),
        };
        assert_eq!(closed(&state), Some(expected));
    }
}
