//! Who is connected, and what they tell.

use std::collections::BTreeSet;

use crate::facts::{Facts, Metrics};
use crate::fleet::Link;
use crate::ids::{AgentId, RunId};
use crate::run::{Event, Execution, Held, Told};
use crate::said::Said;
use crate::time::Now;

use super::{Effect, Hub, LinkRefusal, LinkUp, Standing};

/// Characters of an agent's version that are kept.
const VERSION_CHARS_MAX: usize = 32;

/// Runs that are not known here and are noted of one host: more than an agent remembers.
const UNKNOWN_MAX: usize = 16_384;

impl Hub {
    pub(super) fn link_up(&mut self, up: LinkUp, now: Now, out: &mut Vec<Effect>) {
        let (agent, link) = (up.agent, up.link);
        // Admitted before it said what it holds; another may have come meanwhile.
        if let Err(why) = self.may_link(agent, &up.certificate, &up.instance, now) {
            return out.push(Effect::CloseLink { agent, link, why });
        }
        out.push(Effect::Welcome { agent, link });
        self.known.fleet.entry(agent).taken_over(&up.instance);
        let refuses = self.probes.contains_key(&agent);
        self.is_there(agent, now, out);
        self.used(agent, &up.certificate, now, out);
        let presence = self.known.fleet.entry(agent);
        if refuses {
            presence.duplicate_of = Some(up.instance.clone());
        }
        presence.link = Some(Link {
            id: link,
            instance: up.instance,
        });
        presence.heard_ms = now.wall_ms;
        presence.takes_input = up.takes_input;
        presence.takes_upkeep = up.takes_upkeep;
        presence.version = Said::of(&up.version, VERSION_CHARS_MAX);
        presence.spool_full.clear();
        presence.unknown = up.unknown;
        presence.unnamed = up.more.then(BTreeSet::new);
        let mut concerned: BTreeSet<RunId> = up.executions.keys().copied().collect();
        concerned.extend(self.open_runs_of(agent));
        for run in concerned {
            if self.is_let_go(run, now) {
                out.push(Effect::Release { agent, run });
            } else if up.more && !up.executions.contains_key(&run) && self.may_hold(agent, run) {
                self.doubt(agent, run);
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
        presence.unnamed = None;
        self.has_gone(agent, out);
        for run in self.open_runs_of(agent) {
            self.drive(run, Event::LinkDown { agent }, now, out);
        }
    }

    /// Whether an order of this run went to the host, or may have.
    fn may_hold(&self, agent: AgentId, run: RunId) -> bool {
        let run = self.known.state.run_of(run);
        let execution = run.and_then(|run| run.execution(agent));
        !execution.is_none_or(Execution::has_not_begun)
    }

    /// Whether the host holds the run is not known before it has named all that it holds.
    fn doubt(&mut self, agent: AgentId, run: RunId) {
        let presence = self.known.fleet.entry(agent);
        presence.unnamed.get_or_insert_default().insert(run);
    }

    /// The host has named all that it holds: what it did not name it does not hold.
    pub(super) fn held_all(&mut self, agent: AgentId, now: Now, out: &mut Vec<Effect>) {
        let presence = self.known.fleet.get_mut(agent);
        let unnamed = presence.and_then(|presence| presence.unnamed.take());
        for run in unnamed.unwrap_or_default() {
            let gate = self.gate(run, agent, now, out);
            let holds = None;
            self.drive(run, Event::LinkUp { agent, holds, gate }, now, out);
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
        let names = presence.is_some_and(|presence| presence.unnamed.is_some());
        match self.known.standing(agent, run, now.wall_ms) {
            Standing::Ordered => {}
            // It is as if its first message had said it.
            Standing::Foreign | Standing::Unknown if names && self.note_unknown(agent, run) => {
                return;
            }
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
        let unnamed = self.known.fleet.get_mut(agent);
        let unnamed = unnamed.and_then(|presence| presence.unnamed.as_mut());
        let event = if unnamed.is_some_and(|unnamed| unnamed.remove(&run)) {
            let gate = self.gate(run, agent, now, out);
            let held = Held {
                told,
                complete: false,
                short: false,
            };
            let holds = Some(held);
            Event::LinkUp { agent, holds, gate }
        } else {
            Event::Told { agent, told }
        };
        self.drive(run, event, now, out);
    }

    /// Notes what a host holds of a run that is not known here, or was not for it; false when that is more than any agent holds.
    fn note_unknown(&mut self, agent: AgentId, run: RunId) -> bool {
        let unknown = &mut self.known.fleet.entry(agent).unknown;
        let room = unknown.len() < UNKNOWN_MAX;
        room && unknown.insert(run)
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
