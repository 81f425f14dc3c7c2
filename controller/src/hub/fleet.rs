//! Who is connected, and what they tell.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shanty_core::admission::Seen;
use shanty_core::facts::{Facts, Metrics};
use shanty_core::ids::{AgentId, Labels, RunId};
use shanty_core::journal::Kind;
use shanty_core::limits;
use shanty_core::principal::Principal;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Event, Held, Phase, Told};
use shanty_core::selector;
use shanty_core::view::HostRow;
use shanty_proto::v1;
use tokio::sync::{mpsc, oneshot};

use super::{After, Hub};
use crate::clock::{link_ms, now_ms};

/// What is known of a host beside the journal.
#[derive(Default)]
pub(super) struct Presence {
    link: Option<Link>,
    /// When the last link ended, milliseconds since the Unix epoch.
    seen_ms: u64,
    version: String,
    pub(super) facts: Option<Facts>,
    metrics: Option<Metrics>,
    /// Executions whose output waits.
    pub(super) spool_full: BTreeSet<RunId>,
}

struct Link {
    id: u64,
    boot_id: String,
    tx: mpsc::Sender<v1::Down>,
    seen_ms: Arc<AtomicU64>,
}

impl Presence {
    pub(super) const fn is_online(&self) -> bool {
        self.link.is_some()
    }

    /// As selectors see it.
    pub(super) fn seen(&self) -> Seen<'_> {
        let silent_ms = |link: &Link| now_ms().saturating_sub(link.seen_ms.load(Ordering::Relaxed));
        Seen {
            online: self.is_online(),
            stale: self
                .link
                .as_ref()
                .is_some_and(|link| silent_ms(link) > limits::STALE_MS),
            told: selector::Told {
                facts: self.facts.as_ref(),
                metrics: self.metrics.as_ref(),
                version: &self.version,
            },
        }
    }
}

/// A link whose agent has said who it is.
pub struct LinkUp {
    /// By its certificate.
    pub agent: AgentId,
    /// Of the host's kernel.
    pub boot_id: String,
    /// Of the agent.
    pub version: String,
    /// What it holds.
    pub executions: Vec<Holds>,
    /// What is sent to it; dropped to close the link.
    pub tx: mpsc::Sender<v1::Down>,
    /// When something came from it, milliseconds since the Unix epoch; the link keeps it.
    pub seen_ms: Arc<AtomicU64>,
}

/// An execution that an agent holds.
#[derive(Clone, Debug)]
pub struct Holds {
    /// Its run.
    pub run: RunId,
    /// How it stands.
    pub held: Held,
    /// Bytes of it that are committed here.
    pub stored: u64,
}

impl Hub {
    pub(super) fn link_up(
        &mut self,
        link: LinkUp,
        reply: oneshot::Sender<Result<u64, v1::Refused>>,
    ) {
        let agent = link.agent;
        if let Err((code, text)) = self.admit_link(&link) {
            tracing::warn!(agent.id = %agent, "a link was refused: {text}");
            let refused = v1::Refused {
                code: code.into(),
                text: text.to_owned(),
            };
            drop(reply.send(Err(refused)));
            return;
        }
        self.link_ids += 1;
        let id = self.link_ids;
        if reply.send(Ok(id)).is_err() {
            return;
        }
        let welcome = v1::Welcome {
            now_ms: link_ms(),
            acked: link
                .executions
                .iter()
                .map(|holds| v1::Ack {
                    run: holds.run.to_string(),
                    offset: holds.stored,
                })
                .collect(),
        };
        // The queue of a link that was just made has room.
        link.tx
            .try_send(down(v1::down::Kind::Welcome(welcome)))
            .ok();
        let presence = self.presence.entry(agent).or_default();
        let new = Link {
            id,
            boot_id: link.boot_id,
            tx: link.tx,
            seen_ms: link.seen_ms,
        };
        let old = presence.link.replace(new);
        presence.version = link
            .version
            .chars()
            .filter(|c| !c.is_control())
            .take(32)
            .collect();
        presence.spool_full.clear();
        tracing::info!(agent.id = %agent, link.id = id, replaced = old.is_some(), "a link is up");
        self.tell_runs_of(agent, &link.executions);
    }

    fn admit_link(&self, link: &LinkUp) -> Result<(), (v1::RefusedCode, &'static str)> {
        match self.state.hosts.get(&link.agent) {
            None => {
                return Err((
                    v1::RefusedCode::UnknownAgent,
                    "no host with this identity has joined here",
                ));
            }
            Some(host) if host.revoked => {
                return Err((v1::RefusedCode::Revoked, "this host was removed"));
            }
            Some(_) => {}
        }
        // The same identity from a machine that was booted otherwise, while the first still talks: a copied data directory.
        let other = self
            .presence
            .get(&link.agent)
            .and_then(|presence| presence.link.as_ref());
        match other {
            Some(other) if other.boot_id != link.boot_id && !is_silent(other) => Err((
                v1::RefusedCode::Duplicate,
                "another machine with this identity is connected",
            )),
            Some(_) | None => Ok(()),
        }
    }

    fn tell_runs_of(&mut self, agent: AgentId, executions: &[Holds]) {
        let mut concerned: BTreeSet<RunId> = executions.iter().map(|holds| holds.run).collect();
        concerned.extend(self.open_runs_of(agent));
        for run in concerned {
            let holds = executions.iter().find(|holds| holds.run == run);
            let holds = holds.map(|holds| holds.held.clone());
            let begun = self
                .state
                .runs
                .get(&run)
                .is_some_and(|run| run.phase != Phase::Accepted);
            if begun {
                self.drive(run, Event::LinkUp { agent, holds });
            }
        }
    }

    pub(super) fn link_down(&mut self, agent: AgentId, link: u64) {
        let Some(presence) = self.presence.get_mut(&agent) else {
            return;
        };
        if presence
            .link
            .as_ref()
            .is_none_or(|current| current.id != link)
        {
            return;
        }
        presence.seen_ms = presence
            .link
            .take()
            .map_or(0, |link| link.seen_ms.load(Ordering::Relaxed));
        presence.spool_full.clear();
        tracing::info!(agent.id = %agent, link.id = link, "a link has ended");
        let open: Vec<RunId> = self.open_runs_of(agent);
        for run in open {
            self.drive(run, Event::LinkDown { agent });
        }
    }

    fn open_runs_of(&self, agent: AgentId) -> Vec<RunId> {
        let of = |id: &&RunId| {
            self.state
                .runs
                .get(id)
                .is_some_and(|run| run.execution(agent).is_some())
        };
        self.state.open.iter().filter(of).copied().collect()
    }

    pub(super) fn told(&mut self, agent: AgentId, run: RunId, told: Told, spool_full: bool) {
        let run_here = self.state.runs.get(&run);
        if run_here.is_none_or(|run| run.execution(agent).is_none()) {
            tracing::warn!(agent.id = %agent, run.id = %run, "an agent speaks of a run that is not its own");
            return;
        }
        if let Some(presence) = self.presence.get_mut(&agent) {
            let changed = if spool_full {
                presence.spool_full.insert(run)
            } else {
                presence.spool_full.remove(&run)
            };
            if changed {
                self.dirty.insert(run);
            }
        }
        self.drive(run, Event::Told { agent, told });
    }

    pub(super) fn facts(&mut self, agent: AgentId, facts: Facts) {
        if let Some(presence) = self.presence.get_mut(&agent) {
            presence.facts = Some(facts);
        }
    }

    pub(super) fn metrics(&mut self, agent: AgentId, metrics: Metrics) {
        if let Some(presence) = self.presence.get_mut(&agent) {
            presence.metrics = Some(metrics);
        }
    }

    /// Sends to a host, if it has a link that takes it. A link that does not take what it is sent is closed: the agent comes back and
    /// is told anew.
    pub(super) fn send(&mut self, agent: AgentId, kind: v1::down::Kind) {
        let Some(presence) = self.presence.get_mut(&agent) else {
            return;
        };
        let taken = presence
            .link
            .as_ref()
            .is_some_and(|link| link.tx.try_send(down(kind)).is_ok());
        if !taken && let Some(link) = presence.link.as_ref() {
            tracing::warn!(agent.id = %agent, link.id = link.id, "a link does not take what it is sent and is closed");
            let id = link.id;
            self.link_down(agent, id);
        }
    }

    /// A removed host is told, and its link closed.
    pub(super) fn cut_off(&mut self, agent: AgentId) {
        self.parts.revoked.insert(*agent.as_bytes());
        let text = "this host was removed".to_owned();
        let refused = v1::Refused {
            code: v1::RefusedCode::Revoked.into(),
            text,
        };
        self.send(agent, v1::down::Kind::Refused(refused));
        if let Some(link) = self
            .presence
            .get(&agent)
            .and_then(|presence| presence.link.as_ref())
        {
            let id = link.id;
            self.link_down(agent, id);
        }
    }

    pub(super) fn host_row(&self, agent: AgentId) -> Option<(AgentId, u64, HostRow)> {
        let host = self.state.hosts.get(&agent)?;
        let presence = self.presence.get(&agent);
        let seen_ms = presence.map_or(0, |presence| {
            presence.link.as_ref().map_or(presence.seen_ms, |link| {
                link.seen_ms.load(Ordering::Relaxed)
            })
        });
        let row = HostRow {
            name: host.enrolment.name.clone(),
            labels: host.labels.clone(),
            online: self.is_online(agent),
            seen_ms,
            version: presence
                .map(|presence| presence.version.clone())
                .unwrap_or_default(),
            facts: presence.and_then(|presence| presence.facts.clone()),
            metrics: presence.and_then(|presence| presence.metrics.clone()),
        };
        Some((agent, host.enrolled_ms, row))
    }

    pub(super) fn host_label(
        &mut self,
        user: String,
        name: &str,
        set: &Labels,
        remove: &[String],
        reply: oneshot::Sender<Result<(), Refusal>>,
    ) {
        let Some((agent, host)) = self.state.host_named(name) else {
            drop(reply.send(Err(no_host(name))));
            return;
        };
        let mut labels = Labels::default();
        // What was asked just before may not be committed yet.
        let asked = self
            .pending
            .iter()
            .rev()
            .find_map(|pending| match &pending.record.kind {
                Kind::Labelled {
                    agent: of,
                    labels,
                    by: _,
                } if *of == agent => Some(labels),
                _ => None,
            });
        let kept = asked
            .unwrap_or(&host.labels)
            .iter()
            .filter(|(key, _)| !remove.iter().any(|gone| gone == key));
        for (key, value) in kept.chain(set.iter()) {
            labels.insert(key, value).ok(); // both were checked when they were made
        }
        let kind = Kind::Labelled {
            agent,
            labels,
            by: Principal::Local(user),
        };
        self.append(kind, After::Reply(reply));
    }

    pub(super) fn host_remove(
        &mut self,
        user: String,
        name: &str,
        reply: oneshot::Sender<Result<(), Refusal>>,
    ) {
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

fn is_silent(link: &Link) -> bool {
    now_ms().saturating_sub(link.seen_ms.load(Ordering::Relaxed)) > limits::OFFLINE_MS
}

fn no_host(name: &str) -> Refusal {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(80).collect();
    Refusal::new(
        Code::NotFound,
        format!("There is no host named {shown}."),
        "`shanty hosts` shows all.",
    )
}

pub(super) const fn down(kind: v1::down::Kind) -> v1::Down {
    v1::Down { kind: Some(kind) }
}
