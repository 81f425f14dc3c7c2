//! Who is connected, and what they tell.

use std::collections::BTreeSet;

use crate::facts::{Facts, Metrics};
use crate::fleet::Link;
use crate::ids::{AgentId, RunId};
use crate::output::sanitise::push_visible;
use crate::run::{Event, Told};
use crate::time::Now;

use super::{Effect, Hub, LinkRefusal, LinkUp, Standing};

/// Characters of an agent's version that are kept.
const VERSION_CHARS_MAX: usize = 32;

impl Hub {
    pub(super) fn link_up(&mut self, up: LinkUp, now: Now, out: &mut Vec<Effect>) {
        let (agent, link) = (up.agent, up.link);
        // Admitted before it said what it holds; another may have come meanwhile.
        if let Err(why) = self.may_link(agent, &up.certificate, &up.instance, now) {
            return out.push(Effect::CloseLink { agent, link, why });
        }
        out.push(Effect::Welcome { agent, link });
        self.is_there(agent, now, out);
        self.used(agent, &up.certificate, now, out);
        let presence = self.known.fleet.entry(agent);
        presence.link = Some(Link {
            id: link,
            instance: up.instance,
        });
        presence.heard_ms = now.wall_ms;
        presence.takes_input = up.takes_input;
        let mut version = String::new();
        let seen = up.version.chars().filter(|c| !c.is_control());
        seen.take(VERSION_CHARS_MAX)
            .for_each(|c| push_visible(c, &mut version));
        presence.version = version.chars().take(VERSION_CHARS_MAX).collect();
        presence.spool_full.clear();
        presence.unknown = up.unknown;
        let mut concerned: BTreeSet<RunId> = up.executions.keys().copied().collect();
        concerned.extend(self.open_runs_of(agent));
        for run in concerned {
            if self.is_let_go(run, now) {
                out.push(Effect::Release { agent, run });
            } else if !self.known.state.is_accepted(run) {
                let gate = self.gate(run, agent, now, out);
                let holds = up.executions.get(&run).cloned();
                self.drive(run, Event::LinkUp { agent, holds, gate }, now, out);
            }
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
        self.has_gone(agent, out);
        for run in self.open_runs_of(agent) {
            self.drive(run, Event::LinkDown { agent }, now, out);
        }
    }

    /// Whether hosts need not hold a run, whatever they say of it.
    fn is_let_go(&self, run: RunId, now: Now) -> bool {
        self.known.is_past(run) || self.known.is_forgotten(run, now.wall_ms)
    }

    /// An agent broke a rule: its link goes on no longer.
    fn close(&mut self, agent: AgentId, why: LinkRefusal, now: Now, out: &mut Vec<Effect>) {
        let link = self.known.fleet.get(agent).and_then(|p| p.link.as_ref());
        if let Some(link) = link.map(|link| link.id) {
            out.push(Effect::CloseLink { agent, link, why });
            self.link_down(agent, link, now, out);
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
        let presence = self.known.fleet.get(agent);
        if presence.is_some_and(|presence| presence.unknown.contains(&run)) {
            // That was told when it came.
            return;
        }
        match self.known.standing(agent, run, now.wall_ms) {
            Standing::Ordered => {}
            // What a host says to run it may not forget.
            Standing::Over if told == Told::Running && !self.is_let_go(run, now) => return,
            Standing::Over => return out.push(Effect::Release { agent, run }),
            Standing::NotOrdered => {
                let what = format!("it speaks of run {run}, which it was never ordered");
                return out.push(Effect::WarnOf {
                    agent: Some(agent),
                    what,
                });
            }
            Standing::Unknown => {
                let what = format!("it speaks of run {run}, which is not known here");
                return out.push(Effect::WarnOf {
                    agent: Some(agent),
                    what,
                });
            }
            Standing::Foreign => return self.close(agent, LinkRefusal::Foreign, now, out),
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

    /// Somebody gave up what a host holds of runs that are not known here.
    pub(super) fn let_go(&mut self, agent: AgentId, runs: &[RunId], out: &mut Vec<Effect>) {
        if let Some(presence) = self.known.fleet.get_mut(agent) {
            presence.unknown.retain(|run| !runs.contains(run));
        }
        let runs = runs.iter().filter(|run| {
            let known = self.known.state.run_of(**run);
            known.is_none_or(|run| run.execution(agent).is_none())
        });
        out.extend(runs.map(|run| Effect::Release { agent, run: *run }));
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
