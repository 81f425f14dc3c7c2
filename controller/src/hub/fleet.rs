//! Who is connected, and what they tell.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use shanty_core::admission::Seen;
use shanty_core::facts::{Facts, Metrics};
use shanty_core::ids::{AgentId, RunId};
use shanty_core::limits;
use shanty_core::run::{Event, Held, Phase, Told};
use shanty_core::selector;
use shanty_core::view::HostRow;
use shanty_proto::v1;
use tokio::sync::{mpsc, oneshot};

use super::Hub;
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
    /// A host that an earlier process knew.
    pub(super) fn was(seen_ms: u64, version: String) -> Self {
        Self {
            seen_ms,
            version,
            ..Self::default()
        }
    }

    /// The version of its agent when it last had a link; empty before.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    pub(super) const fn is_online(&self) -> bool {
        self.link.is_some()
    }

    /// When a message of it was last seen, milliseconds since the Unix epoch; zero means never.
    pub(super) fn last_seen_ms(&self) -> u64 {
        let linked = self.link.as_ref();
        linked.map_or(self.seen_ms, |link| link.seen_ms.load(Ordering::Relaxed))
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
                let may_start = self.may_be_given(agent);
                let up = Event::LinkUp {
                    agent,
                    holds,
                    may_start,
                };
                self.drive(run, up);
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

    pub(super) fn open_runs_of(&self, agent: AgentId) -> Vec<RunId> {
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
        let seen = presence.map_or_else(Seen::default, Presence::seen);
        let row = HostRow {
            name: host.enrolment.name.clone(),
            labels: host.labels.clone(),
            online: seen.online,
            stale: seen.stale,
            draining: host.draining.clone(),
            seen_ms: presence.map_or(0, Presence::last_seen_ms),
            version: seen.told.version.to_owned(),
            outdated: selector::is_outdated(seen.told.version, env!("CARGO_PKG_VERSION")),
            facts: seen.told.facts.cloned(),
            metrics: seen.told.metrics.cloned(),
        };
        Some((agent, host.enrolled_ms, row))
    }
}

fn is_silent(link: &Link) -> bool {
    now_ms().saturating_sub(link.seen_ms.load(Ordering::Relaxed)) > limits::OFFLINE_MS
}

pub(super) const fn down(kind: v1::down::Kind) -> v1::Down {
    v1::Down { kind: Some(kind) }
}
