//! What is known of hosts is changed: labels, drains, saved groups, and hosts that are removed.

use std::collections::{BTreeMap, HashSet};

use shanty_core::admission::{self, GroupRow, LabelChange};
use shanty_core::ids::{AgentId, HostName, Labels, RunId};
use shanty_core::journal::Kind;
use shanty_core::policy::Verb;
use shanty_core::principal::{Asker, Principal};
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::Event;
use shanty_core::text::count;

use super::request::{Reply, SavedGroup};
use super::{After, Hub, storage_refusal};

/// Hosts that get other labels.
pub(super) type Labelling = Vec<(AgentId, HostName, Labels)>;

impl Hub {
    pub(super) fn ask_label(
        &mut self,
        asker: &Asker,
        on: &str,
        changes: &str,
        reply: Reply<Vec<(HostName, Labels)>>,
    ) {
        let seen = |agent| self.seen(agent);
        let parsed = self
            .is_new(asker)
            .and_then(|()| LabelChange::parse(changes));
        let changed = parsed.and_then(|change| {
            admission::admit_labels(
                &self.context(&seen),
                asker,
                on,
                &change,
                &self.labels_asked(),
            )
        });
        let changed = match changed {
            Ok(changed) => changed,
            Err(refusal) => return self.answer(asker, Verb::Manage, Err(refusal), reply),
        };
        let kinds = changed.iter().map(|(agent, _, labels)| Kind::Labelled {
            agent: *agent,
            labels: labels.clone(),
            by: asker.principal(),
            place: asker.place(),
        });
        self.append_all(kinds.collect(), After::Labelled(changed, reply));
    }

    /// What was asked just before may not be committed yet.
    fn labels_asked(&self) -> BTreeMap<AgentId, Labels> {
        let mut asked = BTreeMap::new();
        for pending in &self.pending {
            if let Kind::Labelled { agent, labels, .. } = &pending.record.kind {
                asked.insert(*agent, labels.clone());
            }
        }
        asked
    }

    /// The last of the records is committed, or could not be.
    pub(super) fn labelled(&self, changed: Labelling, reply: Reply<Vec<(HostName, Labels)>>) {
        let has = |(agent, _, labels): &(AgentId, HostName, Labels)| {
            self.state
                .hosts
                .get(agent)
                .is_some_and(|host| host.labels == *labels)
        };
        let done = changed.iter().filter(|change| has(change)).count();
        let answer = if done == changed.len() {
            Ok(changed
                .into_iter()
                .map(|(_, name, labels)| (name, labels))
                .collect())
        } else {
            Err(partly(done, changed.len()))
        };
        drop(reply.send(answer));
    }

    pub(super) fn ask_drain(
        &mut self,
        asker: &Asker,
        on: &str,
        drain: bool,
        reply: Reply<Vec<HostName>>,
    ) {
        let seen = |agent| self.seen(agent);
        let admitted = self
            .is_new(asker)
            .and_then(|()| admission::admit_drain(&self.context(&seen), asker, on, drain));
        let hosts = match admitted {
            // All of them are so already.
            Ok(hosts) if hosts.is_empty() => return drop(reply.send(Ok(Vec::new()))),
            Ok(hosts) => hosts,
            Err(refusal) => return self.answer(asker, Verb::Manage, Err(refusal), reply),
        };
        let kinds = hosts.iter().map(|(agent, _)| Kind::Drained {
            agent: *agent,
            on: drain,
            by: asker.principal(),
            place: asker.place(),
        });
        self.append_all(kinds.collect(), After::Drained(drain, hosts, reply));
    }

    /// The last of the records is committed, or could not be. What waited for hosts that take new runs again may start.
    pub(super) fn drained(
        &mut self,
        drain: bool,
        hosts: Vec<(AgentId, HostName)>,
        reply: Reply<Vec<HostName>>,
    ) {
        let so = |(agent, _): &&(AgentId, HostName)| self.is_draining(*agent) == drain;
        let changed: Vec<AgentId> = hosts.iter().filter(so).map(|(agent, _)| *agent).collect();
        if !drain {
            self.may_start(&changed);
        }
        let answer = match changed.len() == hosts.len() {
            true => Ok(hosts.into_iter().map(|(_, name)| name).collect()),
            false => Err(partly(changed.len(), hosts.len())),
        };
        drop(reply.send(answer));
    }

    /// The hold is over: what waited for that may start.
    pub(super) fn hold_ended(&mut self) {
        let online = self
            .presence
            .iter()
            .filter(|(_, presence)| presence.is_online());
        let online: Vec<AgentId> = online.map(|(agent, _)| *agent).collect();
        self.may_start(&online);
    }

    /// Whether a host that has a link may be given a new run.
    pub(super) fn may_be_given(&self, agent: AgentId) -> bool {
        !self.state.hold && !self.is_draining(agent)
    }

    pub(super) fn is_draining(&self, agent: AgentId) -> bool {
        self.state
            .hosts
            .get(&agent)
            .is_some_and(|host| host.draining.is_some())
    }

    /// What waits for these hosts may start, unless something else still keeps it.
    fn may_start(&mut self, agents: &[AgentId]) {
        let may = |agent: &&AgentId| self.may_be_given(**agent);
        let agents: HashSet<AgentId> = agents.iter().filter(may).copied().collect();
        for (run, agent) in self.waiting(|agent| agents.contains(&agent)) {
            self.drive(run, Event::MayStart { agent });
        }
    }

    /// A removed host cannot come back: nothing waits for it any more.
    pub(super) fn removed(&mut self, agent: AgentId) {
        for run in self.open_runs_of(agent) {
            self.drive(run, Event::Removed { agent });
        }
    }

    /// The same for all that an earlier process removed.
    pub(super) fn removed_meanwhile(&mut self) {
        let removed = self.state.hosts.iter().filter(|(_, host)| host.revoked);
        let removed: Vec<AgentId> = removed.map(|(agent, _)| *agent).collect();
        for agent in removed {
            self.removed(agent);
        }
    }

    /// Whether the grant under which a run was asked for still covers a host. The command line needs none.
    pub(super) fn still_granted(&self, run: RunId, agent: AgentId) -> bool {
        let (Some(run), Some(entry)) = (self.state.runs.get(&run), self.state.hosts.get(&agent))
        else {
            return false;
        };
        let Some(id) = &run.spec.grant else {
            return true;
        };
        let seen = |agent| self.seen(agent);
        let host = admission::as_host(&self.context(&seen), agent, entry);
        let mut grants = self.parts.policy.grants.iter();
        grants.any(|grant| {
            grant.id == *id && grant.what.contains(&Verb::Run) && grant.hosts.contains(&host)
        })
    }

    /// The runs that wait for such hosts, and for which.
    fn waiting(&self, such: impl Fn(AgentId) -> bool) -> Vec<(RunId, AgentId)> {
        let runs = self
            .state
            .open
            .iter()
            .filter_map(|id| self.state.runs.get(id));
        runs.flat_map(|run| run.waits_for().map(|agent| (run.spec.id, agent)))
            .filter(|(_, agent)| such(*agent))
            .collect()
    }

    pub(super) fn ask_groups(&self, asker: &Asker) -> Result<Vec<GroupRow>, Refusal> {
        let seen = |agent| self.seen(agent);
        admission::admit_groups(&self.context(&seen), asker)
    }

    pub(super) fn ask_group_save(
        &mut self,
        asker: &Asker,
        name: &str,
        on: &str,
        reply: Reply<SavedGroup>,
    ) {
        let seen = |agent| self.seen(agent);
        let admitted = self
            .is_new(asker)
            .and_then(|()| admission::admit_group_save(&self.context(&seen), asker, name, on));
        match admitted {
            Ok((name, selector, hosts)) => {
                let saved = SavedGroup {
                    name: name.clone(),
                    selector: selector.clone(),
                    hosts,
                };
                let kind = Kind::GroupSaved {
                    name,
                    selector: selector.to_string(),
                    by: asker.principal(),
                    place: asker.place(),
                };
                self.append(kind, After::GroupSaved(saved, reply));
            }
            Err(refusal) => self.answer(asker, Verb::Manage, Err(refusal), reply),
        }
    }

    pub(super) fn ask_group_remove(&mut self, asker: &Asker, name: &str, reply: Reply<()>) {
        let seen = |agent| self.seen(agent);
        let admitted = self
            .is_new(asker)
            .and_then(|()| admission::admit_group_remove(&self.context(&seen), asker, name));
        match admitted {
            Ok(name) => {
                let kind = Kind::GroupRemoved {
                    name,
                    by: asker.principal(),
                    place: asker.place(),
                };
                self.append(kind, After::Reply(reply));
            }
            Err(refusal) => self.answer(asker, Verb::Manage, Err(refusal), reply),
        }
    }

    pub(super) fn host_remove(&mut self, user: String, name: &str, reply: Reply<()>) {
        let Some((agent, _)) = self.state.host_named(name) else {
            drop(reply.send(Err(no_host(name))));
            return;
        };
        let kind = Kind::Revoked {
            agent,
            by: Principal::Local(user),
        };
        self.append(kind, After::Revoked(agent, reply));
    }
}

fn partly(done: usize, all: usize) -> Refusal {
    if done == 0 {
        return storage_refusal();
    }
    Refusal::new(
        Code::Storage,
        format!(
            "The journal could not be written for all: {done} of {} were changed.",
            count(all, "host")
        ),
        "Look at the controller's log and its disk, then do it again.",
    )
}

fn no_host(name: &str) -> Refusal {
    let shown = shanty_core::text::shown(name, 80);
    Refusal::new(
        Code::NotFound,
        format!("There is no host named {shown}."),
        "`shanty hosts` shows all.",
    )
}
