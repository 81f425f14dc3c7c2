//! The links as the hub's task holds them: where words to an agent go, and in which form.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use prost::Message as _;
use shanty_core::fleet::Instance;
use shanty_core::hub::{Event, LinkRefusal, LinkUp, Ticket};
use shanty_core::ids::{AgentId, RunId};
use shanty_core::order::Order;
use shanty_proto::convert::order_to_wire;
use shanty_proto::v1;
use tokio::sync::{mpsc, oneshot};

use super::{Holder, NewLink, Shell};
use crate::clock::link_ms;
use crate::log::{self, Peer};

/// Something that an operator should read of what a host did, or somebody who wants to be one.
pub(super) fn warn_of(agent: Option<AgentId>, what: &str) {
    match agent {
        Some(agent) => log::of(Peer::Agent(agent), || {
            tracing::warn!(agent.id = %agent, "a host is not believed: {what}");
        }),
        None => log::of(Peer::Stranger, || tracing::warn!("{what}")),
    }
}

/// Where words to agents go.
#[derive(Default)]
pub(super) struct Links {
    last: u64,
    up: HashMap<AgentId, Link>,
    /// Hosts that want a link and are not told yet whether they may have one.
    wanted: HashMap<Ticket, oneshot::Sender<Result<(), v1::Refused>>>,
    /// A link that the machine is being asked about.
    arriving: Option<Arriving>,
}

struct Link {
    id: u64,
    tx: mpsc::Sender<v1::Down>,
    seen_ms: Arc<AtomicU64>,
}

struct Arriving {
    link: Link,
    acked: Vec<v1::Ack>,
    renewal: v1::Renewal,
    reply: oneshot::Sender<Result<u64, v1::Refused>>,
}

impl Shell {
    pub(super) fn link_wanted(
        &mut self,
        holder: Holder,
        instance: Instance,
        reply: oneshot::Sender<Result<(), v1::Refused>>,
    ) {
        let Holder { agent, certificate } = holder;
        // How silent another link of the same host has been is part of the decision.
        self.take(Event::Heard(self.links.heard_of(agent)));
        let ticket = self.ticket();
        self.links.wanted.insert(ticket, reply);
        self.take(Event::LinkWanted {
            ticket,
            agent,
            certificate,
            instance,
        });
    }

    pub(super) fn link_up(
        &mut self,
        up: NewLink,
        reply: oneshot::Sender<Result<u64, v1::Refused>>,
    ) {
        let agent = up.holder.agent;
        self.take(Event::Heard(self.links.heard_of(agent)));
        let event = self.links.arrive(up, reply);
        self.take(Event::LinkUp(event));
        self.note_new(agent);
    }

    pub(super) fn link_down(&mut self, agent: AgentId, link: u64) {
        self.take(Event::Heard(self.links.heard_of(agent)));
        self.links.forget(agent, link);
        log::of(
            Peer::Agent(agent),
            || tracing::info!(agent.id = %agent, link.id = link, "a link has ended"),
        );
        self.take(Event::LinkDown { agent, link });
    }
}

impl Links {
    /// When something was last heard of each host that has a link.
    pub(super) fn heard(&self) -> Vec<(AgentId, u64)> {
        let heard = |(agent, link): (&AgentId, &Link)| (*agent, link.heard_ms());
        self.up.iter().map(heard).collect()
    }

    fn heard_of(&self, agent: AgentId) -> Vec<(AgentId, u64)> {
        let link = self.up.get(&agent);
        link.map(|link| (agent, link.heard_ms()))
            .into_iter()
            .collect()
    }

    fn arrive(&mut self, up: NewLink, reply: oneshot::Sender<Result<u64, v1::Refused>>) -> LinkUp {
        self.last += 1;
        let id = self.last;
        let acked = up.executions.iter().map(|holds| v1::Ack {
            run: holds.run.to_string(),
            offset: holds.stored,
        });
        self.arriving = Some(Arriving {
            acked: acked.collect(),
            renewal: up.renewal,
            link: Link {
                id,
                tx: up.tx,
                seen_ms: up.seen_ms,
            },
            reply,
        });
        let executions = up.executions.into_iter();
        LinkUp {
            agent: up.holder.agent,
            certificate: up.holder.certificate,
            link: id,
            instance: up.instance,
            version: up.version,
            takes_input: up.takes_input,
            takes_upkeep: up.takes_upkeep,
            unknown: up.unknown,
            more: up.more,
            executions: executions.map(|holds| (holds.run, holds.held)).collect(),
        }
    }

    /// Says whether a host may have a link.
    pub(super) fn admitted(&mut self, ticket: Ticket, admitted: Result<(), LinkRefusal>) {
        if let Some(reply) = self.wanted.remove(&ticket) {
            reply.send(admitted.map_err(refused)).ok(); // it has gone by itself
        }
    }

    /// Asks the agent of a link whether it is there.
    pub(super) fn probe(&mut self, agent: AgentId, link: u64) -> Option<Event> {
        let is_up = self.up.get(&agent).is_some_and(|up| up.id == link);
        let probe = v1::down::Kind::Ping(v1::Ping { id: link });
        is_up.then(|| self.send(agent, probe)).flatten()
    }

    /// The machine takes the link; one that has gone meanwhile is down again.
    pub(super) fn welcome(&mut self, agent: AgentId, id: u64) -> Option<Event> {
        let arriving = self.arriving.take().filter(|new| new.link.id == id)?;
        if arriving.reply.send(Ok(id)).is_err() {
            // Nothing goes down the link that it would have replaced.
            self.up.remove(&agent);
            return Some(Event::LinkDown { agent, link: id });
        }
        let welcome = v1::Welcome {
            now_ms: link_ms(),
            acked: arriving.acked,
            renewal: Some(arriving.renewal),
            ..v1::Welcome::default()
        };
        // The queue of a link that was just made has room.
        let welcome = down(v1::down::Kind::Welcome(welcome));
        arriving.link.tx.try_send(welcome).ok();
        let replaced = self.up.insert(agent, arriving.link).is_some();
        log::of(
            Peer::Agent(agent),
            || tracing::info!(agent.id = %agent, link.id = id, replaced, "a link is up"),
        );
        None
    }

    /// The machine does not take a link, or lets it go on no longer.
    pub(super) fn close(&mut self, agent: AgentId, id: u64, why: LinkRefusal) {
        let refused = refused(why);
        log::of(
            Peer::Agent(agent),
            || tracing::warn!(agent.id = %agent, link.id = id, "a link is refused: {}", refused.text),
        );
        if let Some(arriving) = self.arriving.take_if(|new| new.link.id == id) {
            arriving.reply.send(Err(refused)).ok(); // it has gone by itself
            return;
        }
        if let Some(link) = self.up.get(&agent).filter(|link| link.id == id) {
            let refused = down(v1::down::Kind::Refused(refused));
            link.tx.try_send(refused).ok(); // it is closed all the same
        }
        self.forget(agent, id);
    }

    pub(super) fn order(&mut self, order: &Order) -> Option<Event> {
        let start = v1::Start {
            run: order.run.to_string(),
            order: order_to_wire(order).encode_to_vec(),
            // The task of the link signs it.
            ..v1::Start::default()
        };
        self.send(order.agent, v1::down::Kind::Start(start))
    }

    pub(super) fn cancel(&mut self, agent: AgentId, run: RunId, force: bool) -> Option<Event> {
        let run = run.to_string();
        self.send(agent, v1::down::Kind::Cancel(v1::Cancel { run, force }))
    }

    pub(super) fn release(&mut self, agent: AgentId, run: RunId) -> Option<Event> {
        let run = run.to_string();
        self.send(agent, v1::down::Kind::Release(v1::Release { run }))
    }

    /// Sends to a host, if it has a link that takes it. A link that does not take what it is sent is closed: the agent comes back and
    /// is told anew.
    fn send(&mut self, agent: AgentId, kind: v1::down::Kind) -> Option<Event> {
        let link = self.up.get(&agent)?;
        if link.tx.try_send(down(kind)).is_ok() {
            return None;
        }
        let link = link.id;
        log::of(Peer::Agent(agent), || {
            tracing::warn!(agent.id = %agent, link.id = link, "a link does not take what it is sent and is closed");
        });
        self.forget(agent, link);
        Some(Event::LinkDown { agent, link })
    }

    fn forget(&mut self, agent: AgentId, id: u64) {
        if self.up.get(&agent).is_some_and(|link| link.id == id) {
            self.up.remove(&agent);
        }
    }
}

impl Link {
    fn heard_ms(&self) -> u64 {
        self.seen_ms.load(Ordering::Relaxed)
    }
}

fn refused(why: LinkRefusal) -> v1::Refused {
    let (code, text) = match why {
        LinkRefusal::Unknown => (
            v1::RefusedCode::UnknownAgent,
            "no host with this identity has joined here",
        ),
        LinkRefusal::Revoked => (v1::RefusedCode::Revoked, "this host was removed"),
        LinkRefusal::Superseded => (
            v1::RefusedCode::Superseded,
            "this certificate was replaced by a newer one: the agent's files were copied, or an older backup of them was put back",
        ),
        LinkRefusal::Duplicate => (
            v1::RefusedCode::Duplicate,
            "another machine with this identity is connected",
        ),
        LinkRefusal::Foreign => (
            v1::RefusedCode::Protocol,
            "it speaks of a run of other hosts",
        ),
    };
    v1::Refused {
        code: code.into(),
        text: text.to_owned(),
    }
}

const fn down(kind: v1::down::Kind) -> v1::Down {
    v1::Down { kind: Some(kind) }
}
