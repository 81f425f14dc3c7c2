//! Who may have a link: hosts that have joined and were not removed, and of each the agent that is there.
//!
//! An agent that comes back is the same start of the same agent on the same boot of the same machine, and takes over from its own link at
//! once. Anybody else with the identity of a host that has a link may be the same machine, started anew, or a copy of it: the agent that has
//! the link is asked whether it is there. When it answers, the other is refused, and people are told.

use std::collections::{BTreeMap, BTreeSet};

use crate::fleet::Instance;
use crate::ids::{AgentId, RunId};
use crate::journal::KeyStanding;
use crate::limits;
use crate::run::Held;
use crate::time::{LinkTime, Now};

use super::{Effect, Hub, Presented, Ticket};

/// A link that is asked whether its agent is there, and who waits for that.
#[derive(Debug)]
pub(super) struct Probe {
    pub(super) link: u64,
    pub(super) since: LinkTime,
    pub(super) ticket: Ticket,
}

/// A link whose agent has said who it is.
#[derive(Clone, Debug)]
pub struct LinkUp {
    /// By its certificate.
    pub agent: AgentId,
    /// That certificate.
    pub certificate: Presented,
    /// Tells it from earlier ones of the same host.
    pub link: u64,
    /// Which agent, on which boot of which machine.
    pub instance: Instance,
    /// Of the agent.
    pub version: String,
    /// The agent can give commands an input and a terminal.
    pub takes_input: bool,
    /// The agent can be updated and asked how it is.
    pub takes_upkeep: bool,
    /// The executions that it holds, by run.
    pub executions: BTreeMap<RunId, Held>,
    /// The runs of those that it holds and that are not known here.
    pub unknown: BTreeSet<RunId>,
    /// It holds more than these: the others are told one by one, and then [`Event::HeldAll`](super::Event::HeldAll).
    pub more: bool,
}

/// Why a link is not taken, or goes on no longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkRefusal {
    /// No host with this identity has joined here.
    Unknown,
    /// The host was removed.
    Revoked,
    /// Its certificate was replaced by a newer one, which was used.
    Superseded,
    /// Another machine with this identity is connected.
    Duplicate,
    /// It speaks of a run of other hosts.
    Foreign,
}

impl Hub {
    /// A host wants a link: it is answered at once, or when it is known whether the agent that has one is there.
    pub(super) fn link_wanted(
        &mut self,
        ticket: Ticket,
        (agent, certificate): (AgentId, &Presented),
        instance: &Instance,
        now: Now,
        out: &mut Vec<Effect>,
    ) {
        let admitted = self.may_link(agent, certificate, instance, now);
        if admitted == Err(LinkRefusal::Superseded) {
            self.is_superseded(agent, now);
        }
        let link = self.known.fleet.get(agent).and_then(|p| p.link.as_ref());
        match (admitted, link.map(|link| link.id)) {
            // One at a time: whoever else wants it meanwhile comes again.
            (Err(LinkRefusal::Duplicate), Some(link)) if !self.probes.contains_key(&agent) => {
                let since = now.link;
                let probe = Probe {
                    link,
                    since,
                    ticket,
                };
                self.probes.insert(agent, probe);
                out.push(Effect::Probe { agent, link });
            }
            (admitted, _) => out.push(Effect::LinkAdmitted { ticket, admitted }),
        }
    }

    /// Whether a host may have a link, as far as that is known without asking the agent that has it.
    pub(super) fn may_link(
        &self,
        agent: AgentId,
        certificate: &Presented,
        instance: &Instance,
        now: Now,
    ) -> Result<(), LinkRefusal> {
        match self.known.state.hosts.get(&agent) {
            None => return Err(LinkRefusal::Unknown),
            Some(host) if host.revoked => return Err(LinkRefusal::Revoked),
            Some(host) => match certificate.standing(&host.certificates) {
                KeyStanding::Current | KeyStanding::Next | KeyStanding::Ahead => {}
                KeyStanding::Void => return Err(LinkRefusal::Superseded),
            },
        }
        let Some(presence) = self.known.fleet.get(agent) else {
            return Ok(());
        };
        let is_silent = presence.silent_ms(now.wall_ms) > limits::OFFLINE_MS;
        match &presence.link {
            Some(other) if other.instance != *instance && !is_silent => Err(LinkRefusal::Duplicate),
            Some(_) | None => Ok(()),
        }
    }

    /// The agent that was probed has answered.
    pub(super) fn probed(&mut self, agent: AgentId, link: u64, now: Now, out: &mut Vec<Effect>) {
        if self
            .probes
            .get(&agent)
            .is_some_and(|probe| probe.link == link)
        {
            self.is_there(agent, now, out);
        }
    }

    /// The agent that has the link is there: who wanted it is another machine.
    pub(super) fn is_there(&mut self, agent: AgentId, now: Now, out: &mut Vec<Effect>) {
        let Some(Probe { ticket, .. }) = self.probes.remove(&agent) else {
            return;
        };
        if let Some(presence) = self.known.fleet.get_mut(agent) {
            presence.duplicate_ms = Some(now.wall_ms);
            presence.duplicate_of = presence.link.as_ref().map(|link| link.instance.clone());
        }
        let admitted = Err(LinkRefusal::Duplicate);
        out.push(Effect::LinkAdmitted { ticket, admitted });
    }

    /// The link is no more: who wanted it may have one.
    pub(super) fn has_gone(&mut self, agent: AgentId, out: &mut Vec<Effect>) {
        let Some(Probe { ticket, .. }) = self.probes.remove(&agent) else {
            return;
        };
        let revoked = self.known.state.hosts.get(&agent);
        let admitted = match revoked.is_none_or(|host| host.revoked) {
            true => Err(LinkRefusal::Revoked),
            false => Ok(()),
        };
        out.push(Effect::LinkAdmitted { ticket, admitted });
    }

    /// Agents that did not answer in time are gone, whatever their connections say.
    pub(super) fn end_probes(&mut self, now: Now, out: &mut Vec<Effect>) {
        let late = |probe: &Probe| now.link.since_ms(probe.since) >= limits::PROBE_MS;
        let late = self.probes.iter().filter(|(_, probe)| late(probe));
        let late: Vec<(AgentId, u64)> = late.map(|(agent, probe)| (*agent, probe.link)).collect();
        for (agent, link) in late {
            let why = LinkRefusal::Duplicate;
            out.push(Effect::CloseLink { agent, link, why });
            self.link_down(agent, link, now, out);
        }
    }
}
