//! Who is connected, and what they tell.

use std::collections::BTreeSet;

use crate::facts::{Facts, Metrics};
use crate::fleet::Link;
use crate::ids::{AgentId, RunId};
use crate::limits;
use crate::run::{Event, Told};
use crate::time::Now;

use super::{Effect, Hub, LinkRefusal, LinkUp};

/// Characters of an agent's version that are kept.
const VERSION_CHARS_MAX: usize = 32;

impl Hub {
    pub(super) fn link_up(&mut self, up: LinkUp, now: Now, out: &mut Vec<Effect>) {
        let (agent, link) = (up.agent, up.link);
        if let Err(why) = self.admit_link(&up, now) {
            return out.push(Effect::CloseLink { agent, link, why });
        }
        out.push(Effect::Welcome { agent, link });
        let presence = self.known.fleet.entry(agent);
        presence.link = Some(Link {
            id: link,
            boot_id: up.boot_id,
        });
        presence.heard_ms = now.wall_ms;
        presence.takes_input = up.takes_input;
        presence.version = up
            .version
            .chars()
            .filter(|c| !c.is_control())
            .take(VERSION_CHARS_MAX)
            .collect();
        presence.spool_full.clear();
        let mut concerned: BTreeSet<RunId> = up.executions.keys().copied().collect();
        concerned.extend(self.open_runs_of(agent));
        for run in concerned {
            if self.known.is_past(run) || self.known.is_forgotten(run, now.wall_ms) {
                out.push(Effect::Release { agent, run });
            } else if !self.known.state.is_accepted(run) {
                let gate = self.gate(run, agent, now, out);
                let holds = up.executions.get(&run).cloned();
                self.drive(run, Event::LinkUp { agent, holds, gate }, now, out);
            }
        }
    }

    fn admit_link(&self, up: &LinkUp, now: Now) -> Result<(), LinkRefusal> {
        match self.known.state.hosts.get(&up.agent) {
            None => return Err(LinkRefusal::Unknown),
            Some(host) if host.revoked => return Err(LinkRefusal::Revoked),
            Some(_) => {}
        }
        // The same identity from a machine that was booted otherwise, while the first still talks: a copied data directory.
        let Some(presence) = self.known.fleet.get(up.agent) else {
            return Ok(());
        };
        let is_silent = presence.silent_ms(now.wall_ms) > limits::OFFLINE_MS;
        match &presence.link {
            Some(other) if other.boot_id != up.boot_id && !is_silent => Err(LinkRefusal::Duplicate),
            Some(_) | None => Ok(()),
        }
    }

    pub(super) fn link_down(&mut self, agent: AgentId, link: u64, now: Now, out: &mut Vec<Effect>) {
        let current = |presence: &crate::fleet::Presence| {
            let current = presence.link.as_ref();
            current.is_some_and(|current| current.id == link)
        };
        if !self.known.fleet.get(agent).is_some_and(current) {
            return;
        }
        let presence = self.known.fleet.entry(agent);
        presence.link = None;
        presence.spool_full.clear();
        for run in self.open_runs_of(agent) {
            self.drive(run, Event::LinkDown { agent }, now, out);
        }
    }

    pub(super) fn heard(&mut self, heard: Vec<(AgentId, u64)>) {
        for (agent, at_ms) in heard {
            if let Some(presence) = self.known.fleet.get_mut(agent) {
                presence.heard_ms = presence.heard_ms.max(at_ms);
            }
        }
    }

    pub(super) fn open_runs_of(&self, agent: AgentId) -> Vec<RunId> {
        let open = self.known.state.runs.open();
        let of = open.filter(|run| run.execution(agent).is_some());
        of.map(|run| run.spec.id).collect()
    }

    pub(super) fn told(
        &mut self,
        (run, agent): (RunId, AgentId),
        told: Told,
        spool_full: bool,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        if self.known.is_past(run) || self.known.is_forgotten(run, now.wall_ms) {
            return out.push(Effect::Release { agent, run });
        }
        if !self.known.is_target(agent, run) {
            let what = format!("host {agent} speaks of run {run}, which is not its own");
            return out.push(Effect::Warn(what));
        }
        if let Some(presence) = self.known.fleet.get_mut(agent) {
            let changed = if spool_full {
                presence.spool_full.insert(run)
            } else {
                presence.spool_full.remove(&run)
            };
            if changed {
                self.changed.insert(run);
            }
        }
        self.drive(run, Event::Told { agent, told }, now, out);
    }

    pub(super) fn facts(&mut self, agent: AgentId, facts: Facts) {
        if let Some(presence) = self.known.fleet.get_mut(agent) {
            presence.facts = Some(facts);
        }
    }

    pub(super) fn metrics(&mut self, agent: AgentId, metrics: Metrics) {
        if let Some(presence) = self.known.fleet.get_mut(agent) {
            presence.metrics = Some(metrics);
        }
    }
}
