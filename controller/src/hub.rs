//! The hub's shell: one task around the machine of `core::hub`. Channels, tickets, the wire, certificates and the clock are here; every
//! decision is there.
//!
//! Edges ask through a [`Handle`]. The task never awaits anybody: records that are appended come back as events, links are told with
//! `try_send`. Questions are answered beside it. Output never passes through here.

mod certificates;
mod handle;
pub mod last_seen;
mod links;
mod message;
mod moment;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use shanty_certs::ca::Ca;
use shanty_certs::csr::Csr;
use shanty_certs::revocation::Revoked;
use shanty_core::admission::Settings;
use shanty_core::ask::{Answer, Snapshot};
use shanty_core::hub::{AppendId, Effect, Event, Hub, Ticket};
use shanty_core::ids::{RunId, RunNumber};
use shanty_core::journal::{Record, VersionChange};
use shanty_core::members::Member;
use shanty_core::news::Deed;
use shanty_core::output::mask::Masks;
use shanty_core::refusal::Refusal;
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::clock::now_ms;
use crate::store::{Inputs, Journal, Kept, Output, StoreError};

pub use handle::Handle;
pub use message::{Chain, Holder, Holds, Identity, JoinRequest, Message, NewLink};

use message::{AtHand, Reply};
use moment::{fresh, now};

/// Messages that may wait for the hub. Edges wait when it is full; the hub never waits for an edge.
const MESSAGES_MAX: usize = 4_096;

/// Deeds that wait to be told; of what is more than this between two looks the number is told.
const DEEDS_MAX: usize = 256;

/// Events after which people see the newest states, however busy the hub is.
const PUBLISH_EVENTS: u32 = 64;

/// Between two ticks of the machine.
const TICK: Duration = Duration::from_secs(5);

/// What the hub is made of.
pub struct Parts {
    /// The journal.
    pub journal: Journal,
    /// Output: only what has ended is heard of it.
    pub output: Output,
    /// When hosts were last seen.
    pub kept: Kept,
    /// What commands are given: what an earlier run was given may be gone.
    pub inputs: Inputs,
    /// Signs certificates of agents.
    pub ca: Arc<Ca>,
    /// Checked in every handshake.
    pub revoked: Revoked,
    /// What decisions rest on beside the journal.
    pub settings: Settings,
    /// What nobody is shown of a command.
    pub masks: Masks,
}

/// The machine with what it needs to touch the world.
pub struct Shell {
    machine: Hub,
    journal: Journal,
    output: Output,
    ca: Arc<Ca>,
    revoked: Revoked,
    /// Records that are being committed, in order.
    committing: VecDeque<Committing>,
    /// Who waits for an answer.
    tickets: HashMap<Ticket, Reply<Answer>>,
    /// Hosts that wait to be let in, with what they want signed.
    joins: HashMap<Ticket, (Csr, Reply<Identity>)>,
    /// Hosts that wait for their next certificate.
    renewals: HashMap<Ticket, (Csr, Reply<Chain>)>,
    last_ticket: u64,
    links: links::Links,
    snapshots: HashMap<RunId, watch::Sender<Arc<Snapshot>>>,
    /// The newest run: whoever shows runs goes by it.
    accepted: watch::Sender<RunNumber>,
    /// What was done, for whoever tells operators; who does not keep up misses the oldest.
    deeds: broadcast::Sender<Deed>,
    /// Those who are asked about: whoever speaks with Discord goes by it.
    members: watch::Sender<BTreeSet<Member>>,
    notes: last_seen::Notes,
    masks: Masks,
}

struct Committing {
    append: AppendId,
    records: Arc<[Record]>,
    answer: oneshot::Receiver<Result<u64, StoreError>>,
}

impl Shell {
    /// Folds the journal, says what an earlier process left unfinished, and gives the handle for edges.
    ///
    /// # Errors
    /// The journal or the output cannot be read: nothing may be decided without them.
    pub async fn open(parts: Parts) -> Result<(Self, Handle, mpsc::Receiver<Message>), StoreError> {
        let state = parts.journal.state()?;
        let revoked = state.hosts.iter().filter(|(_, host)| host.revoked);
        parts.revoked.replace(revoked.map(|(id, _)| *id.as_bytes()));
        let fleet = last_seen::load(&parts.kept).await?;
        let notes = last_seen::Notes::after(&fleet);
        let (tx, rx) = mpsc::channel(MESSAGES_MAX);
        let accepted = watch::Sender::new(state.runs.newest());
        let deeds = broadcast::Sender::new(DEEDS_MAX);
        let members = watch::Sender::new(BTreeSet::new());
        let handle = Handle::new(
            tx,
            accepted.subscribe(),
            deeds.clone(),
            members.subscribe(),
            parts.journal.reader(),
            parts.inputs,
            parts.masks.clone(),
        );
        let mut hub = Self {
            machine: Hub::new(state, fleet, parts.settings),
            journal: parts.journal,
            output: parts.output,
            ca: parts.ca,
            revoked: parts.revoked,
            committing: VecDeque::new(),
            tickets: HashMap::new(),
            joins: HashMap::new(),
            renewals: HashMap::new(),
            last_ticket: 0,
            links: links::Links::default(),
            snapshots: HashMap::new(),
            accepted,
            deeds,
            members,
            notes,
            masks: parts.masks,
        };
        hub.recover().await?;
        hub.publish();
        Ok((hub, handle, rx))
    }

    /// Another version than before decides from now on: recorded once.
    pub fn note_version(&mut self, change: VersionChange) {
        let mut effects = Vec::new();
        self.machine.note_version(change, now(), &mut effects);
        self.carry_out_all(effects);
    }

    /// Runs until shutdown, then until everything that was decided is committed.
    pub async fn run(mut self, mut messages: mpsc::Receiver<Message>, shutdown: CancellationToken) {
        let Some(mut exits) = self.output.exits() else {
            return;
        };
        let mut ticks = tokio::time::interval(TICK);
        let mut unpublished = 0;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                committed = next_committed(&mut self.committing) => self.take(committed),
                Some((run, agent, outcome)) = exits.recv() => self.take(Event::Exit { run, agent, outcome }),
                Some(message) = messages.recv() => self.hear(message),
                _ = ticks.tick() => self.tick(),
            }
            unpublished += 1;
            if (messages.is_empty() && exits.is_empty()) || unpublished >= PUBLISH_EVENTS {
                self.publish();
                unpublished = 0;
            }
        }
        while !self.committing.is_empty() {
            let committed = next_committed(&mut self.committing).await;
            self.take(committed);
        }
        self.publish();
        self.note_seen();
    }

    async fn recover(&mut self) -> Result<(), StoreError> {
        let mut effects = Vec::new();
        self.machine.recover(now(), &mut effects);
        let mut asked = Vec::new();
        for effect in effects {
            match effect {
                Effect::FindExit { run, agent } => asked.push((run, agent)),
                other => self.carry_out_all(vec![other]),
            }
        }
        for (run, agent) in asked {
            if let Some(outcome) = self.output.load(run, agent).await?.outcome {
                self.take(Event::Exit {
                    run,
                    agent,
                    outcome,
                });
            }
        }
        let mut effects = Vec::new();
        self.machine.recovered(now(), &mut effects);
        self.machine.note_grants(now(), &mut effects);
        self.carry_out_all(effects);
        Ok(())
    }

    /// Takes one message of an edge.
    fn hear(&mut self, message: Message) {
        match message {
            Message::Ask {
                asker,
                ask,
                recalled,
                reply,
            } => {
                let ticket = self.ticket();
                self.tickets.insert(ticket, reply);
                let fresh = fresh();
                self.take(Event::Asked {
                    ticket,
                    asker,
                    ask,
                    recalled,
                    fresh,
                });
            }
            Message::Refused {
                asker,
                ask,
                refusal,
            } => self.take(Event::Refused {
                asker,
                ask,
                refusal,
            }),
            Message::Known { reply } => drop(reply.send(self.machine.known().clone())),
            Message::Standing { agent, run, reply } => {
                let standing = self.machine.known().standing(agent, run, now_ms());
                reply.send(standing).ok(); // the link has gone
            }
            Message::Taken { run } => self.take(Event::Taken { run }),
            Message::NotTaken { run, reason } => self.take(Event::NotTaken { run, reason }),
            Message::Watch { run, reply } => {
                drop(reply.send(self.at_hand(run, |shell| shell.watch(run))));
            }
            Message::WatchNumbered { number, reply } => {
                let run = self.machine.known().state.runs.id_of(number);
                let watch = run.map(|run| self.at_hand(run, |shell| shell.watch(run)));
                drop(reply.send(watch.unwrap_or(AtHand::Unknown)));
            }
            Message::MemberHeard { member, membership } => {
                self.members.send_if_modified(|asked| asked.remove(&member));
                self.take(Event::MemberHeard { member, membership });
            }
            Message::Join { join, reply } => self.join(join, reply),
            Message::Renew {
                renewal,
                csr,
                reply,
            } => self.renew(renewal, *csr, reply),
            Message::LinkWanted {
                holder,
                instance,
                reply,
            } => self.link_wanted(holder, instance, reply),
            Message::Probed { agent, link } => self.take(Event::Probed { agent, link }),
            Message::Disk { full } => self.take(Event::Disk(full)),
            Message::Offered(offer) => self.take(Event::Offered(offer)),
            Message::LinkUp { link, reply } => self.link_up(link, reply),
            Message::LinkDown { agent, link } => self.link_down(agent, link),
            Message::Told {
                agent,
                run,
                told,
                spool_full,
            } => self.take(Event::Told {
                agent,
                run,
                told,
                spool_full,
            }),
            Message::HeldAll(agent) => self.take(Event::HeldAll(agent)),
            Message::Facts { agent, facts } => self.take(Event::Facts { agent, facts }),
            Message::Metrics { agent, metrics } => self.take(Event::Metrics { agent, metrics }),
            Message::Configure { to, reply } => {
                let ticket = self.ticket();
                self.tickets.insert(ticket, reply);
                self.take(Event::Configured(ticket, to));
            }
            Message::OrderKeyTaken { agent, key } => self.take(Event::OrderKeyTaken(agent, key)),
            Message::Authority { by, change, reply } => self.step(by, change, reply),
        }
    }

    fn tick(&mut self) {
        // What is over may be past after it.
        self.publish();
        self.take(Event::Heard(self.links.heard()));
        self.note_seen_at_times();
        self.take(Event::Tick);
    }

    /// Gives an event to the machine and does what it asks for.
    fn take(&mut self, event: Event) {
        if let Event::Recorded { records, .. } = &event
            && let Some(deed) = Deed::of(&self.machine.known().state, records)
        {
            self.deeds.send(deed.masked(&self.masks)).ok(); // nobody tells operators
        }
        let mut effects = Vec::new();
        self.machine.handle(event, now(), &mut effects);
        self.carry_out_all(effects);
    }

    /// Does what the machine asks for, and what it asks for because of what came of it.
    fn carry_out_all(&mut self, effects: Vec<Effect>) {
        let mut events = VecDeque::new();
        for effect in effects {
            self.carry_out(effect, &mut events);
        }
        while let Some(event) = events.pop_front() {
            let mut effects = Vec::new();
            self.machine.handle(event, now(), &mut effects);
            for effect in effects {
                self.carry_out(effect, &mut events);
            }
        }
    }

    fn carry_out(&mut self, effect: Effect, events: &mut VecDeque<Event>) {
        match effect {
            Effect::Append { append, records } => {
                let answer = self.journal.append(&records);
                self.committing.push_back(Committing {
                    append,
                    records,
                    answer,
                });
            }
            Effect::Answer { ticket, answer } => self.answer(ticket, answer, events),
            Effect::IssueCertificate { ticket, agent } => {
                let leaf = self.issue(ticket, agent);
                events.push_back(Event::Issued { ticket, leaf });
            }
            Effect::Joined { ticket, joined } => {
                if let Some((_, reply)) = self.joins.remove(&ticket) {
                    drop(reply.send(joined.map(|joined| self.with_chain(joined))));
                }
            }
            Effect::Renewed { ticket, renewed } => self.renewed(ticket, renewed),
            Effect::RevokeCertificate(agent) => self.revoked.insert(*agent.as_bytes()),
            Effect::LinkAdmitted { ticket, admitted } => self.links.admitted(ticket, admitted),
            Effect::Probe { agent, link } => events.extend(self.links.probe(agent, link)),
            Effect::Welcome { agent, link } => events.extend(self.links.welcome(agent, link)),
            Effect::CloseLink { agent, link, why } => self.links.close(agent, link, why),
            Effect::Order(order) => {
                let sent = self.links.order(&order);
                events.extend(sent);
            }
            Effect::Cancel { agent, run, force } => {
                events.extend(self.links.cancel(agent, run, force));
            }
            Effect::Release { agent, run } => events.extend(self.links.release(agent, run)),
            Effect::AskMember(member) => {
                self.members.send_if_modified(|asked| asked.insert(member));
            }
            Effect::Publish(run) => {
                let accepted = self.machine.known().state.run_of(run);
                if let Some(number) = accepted.map(|run| run.number) {
                    self.accepted
                        .send_modify(|newest| *newest = number.max(*newest));
                }
            }
            Effect::Settled { run, agent } => self.output.forget(run, agent),
            // Only a machine that recovers asks for it: see `Shell::recover`.
            Effect::FindExit { .. } => {}
            Effect::Warn(what) => tracing::warn!("{what}"),
            Effect::WarnOf { agent, what } => links::warn_of(agent, &what),
        }
    }

    /// Tells whoever asked. A run of which nobody hears is given up.
    fn answer(
        &mut self,
        ticket: Ticket,
        answer: Result<Answer, Refusal>,
        events: &mut VecDeque<Event>,
    ) {
        let Some(reply) = self.tickets.remove(&ticket) else {
            return;
        };
        if let Err(Ok(Answer::Accepted(snapshot))) = reply.send(answer) {
            events.push_back(Event::NotTaken {
                run: snapshot.run.spec.id,
                reason: "nobody waited for the answer any more".to_owned(),
            });
        }
    }

    fn ticket(&mut self) -> Ticket {
        self.last_ticket += 1;
        Ticket(self.last_ticket)
    }

    /// Says something of a run, if that can be said without reading it again.
    fn at_hand<T>(&mut self, run: RunId, say: impl FnOnce(&mut Self) -> Option<T>) -> AtHand<T> {
        match self.machine.known().state.runs.past_of(run) {
            Some(past) => AtHand::Past(past),
            None => say(self).map_or(AtHand::Unknown, AtHand::Whole),
        }
    }

    /// Shows the newest state of every run that changed, and which runs are not over.
    fn publish(&mut self) {
        for id in self.machine.take_changed() {
            let Some(snapshot) = self.snapshot(id) else {
                continue;
            };
            let over = snapshot.run.is_over();
            if let Some(sender) = self.snapshots.get(&id) {
                sender.send_replace(snapshot);
            } else if !over {
                self.snapshots.insert(id, watch::channel(snapshot).0);
            }
            if over {
                self.snapshots.remove(&id);
            }
        }
    }

    /// A run as it is shown.
    fn snapshot(&self, id: RunId) -> Option<Arc<Snapshot>> {
        let snapshot = self.machine.known().snapshot(id)?;
        Some(Arc::new(snapshot.masked(&self.masks)))
    }

    fn watch(&mut self, id: RunId) -> Option<watch::Receiver<Arc<Snapshot>>> {
        self.publish();
        if let Some(sender) = self.snapshots.get(&id) {
            return Some(sender.subscribe());
        }
        let snapshot = self.snapshot(id)?;
        let over = snapshot.run.is_over();
        let (sender, watch) = watch::channel(snapshot);
        // When it is over: one last state, and no more to come.
        if !over {
            self.snapshots.insert(id, sender);
        }
        Some(watch)
    }
}

/// The oldest append, once it is committed, or could not be. Never ends while there is none. Cancel-safe: an append leaves the queue only when
/// its answer is there.
async fn next_committed(committing: &mut VecDeque<Committing>) -> Event {
    let Some(front) = committing.front_mut() else {
        return std::future::pending().await;
    };
    let committed = (&mut front.answer).await;
    let Some(Committing {
        append, records, ..
    }) = committing.pop_front()
    else {
        return std::future::pending().await;
    };
    match committed {
        Ok(Ok(seq)) => Event::Recorded {
            append: Some(append),
            seq,
            records,
        },
        Ok(Err(StoreError::Full)) => Event::NotRecorded { append, full: true },
        Ok(Err(_)) | Err(_) => Event::NotRecorded {
            append,
            full: false,
        },
    }
}

#[cfg(test)]
mod tests;
