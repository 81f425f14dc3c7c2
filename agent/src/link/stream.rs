//! One link, from `Hello` to its end: hears the controller, tells what changes here, sends output as far as it is allowed.
//!
//! One loop that owns all of it. Bytes come from the executor a slice at a time and only when the last one went out, so a slow
//! controller costs no memory here.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use shanty_certs::orders::OrderPublicKey;
use shanty_core::causes::chain;
use shanty_core::ids::RunId;
use shanty_core::limits;
use shanty_core::link::sender::{Sender, Slice};
use shanty_proto::v1;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tonic::Streaming;
use tonic::transport::Channel;
use v1::agents_client::AgentsClient;
use v1::down::Kind as Down;
use v1::up::Kind as Up;

use super::error::{LinkError, same_agent};
use super::hello;
use super::inputs::{self, WANTED_MAX};
use super::instructions::{self, INSTRUCTIONS_MAX, Instruction};
use super::renewal::{self, Due};
use super::saying::{Reading, hand_over, read, until_the_last};
use super::vitals::Vitals;
use super::wire::{self, BadMessage};
use super::{Context, OnStop};
use crate::executor::{ClockOffset, Handle, KeysTold, ReadError, Signed, State, Status};
use crate::facts;

/// Messages handed to HTTP/2 and not yet sent. Small: they wait here only for flow control.
const UP_MAX: usize = 16;

/// Messages of ours that wait for a place among those. A controller that pings faster than it reads is cut off here.
const WAITING_MAX: usize = 16_384;

/// Longest time that a controller may ask an agent to stay away.
const DRAIN_MAX: Duration = Duration::from_secs(600);

/// An agent that leaves to come back with another certificate waits for so long at most.
const LEAVE: Duration = Duration::from_secs(10);

/// How a link ended that did not break.
#[derive(Debug)]
pub(crate) enum End {
    /// We are stopping, and said what could be said.
    Stopped,
    /// The controller asks to come back within this time.
    Drain(Duration),
    /// There is another certificate: the next link is made with that, at once.
    Renewed,
    /// The controller gives us no link.
    Refused { code: v1::RefusedCode, text: String },
}

/// What of a state is worth sending again when it changes; its length is told by the output itself.
type StateKey = (std::mem::Discriminant<State>, bool);

/// Opens a link and serves it to its end, or to that of this connection to the executor. `up` is called when the controller has greeted.
pub(crate) async fn serve(
    ctx: &Context,
    session: u64,
    channel: Channel,
    up: impl FnOnce(),
) -> Result<End, LinkError> {
    same_agent(ctx.executor.agent(), ctx.agent)?;
    let asked = tokio::select! {
        asked = ask(&ctx.executor) => asked,
        () = ctx.executor.gone(session) => return Err(LinkError::Executor),
        () = ctx.stop.cancelled() => return Ok(End::Stopped),
    };
    let (executions, nonce, order_keys) = asked;
    let unproven = nonce.is_empty();
    let held = ctx.executor.watch();
    let (out, messages) = mpsc::channel(UP_MAX);
    out.try_send(Some(wire::up(Up::Hello(hello::hello(
        ctx,
        &executions,
        nonce,
        order_keys,
    )))))
    .map_err(|_| LinkError::Flood)?;
    let limit = Duration::from_millis(limits::HANDSHAKE_MS_MAX);
    let opened = tokio::time::timeout(limit, greet(channel.clone(), messages)).await;
    let (down, first) = opened.unwrap_or(Err(LinkError::NoWelcome))?;
    let welcome = match first {
        Down::Welcome(welcome) => welcome,
        Down::Refused(refused) => return Ok(refusal(refused)),
        Down::Drain(drain) => return Ok(end_of(&drain)),
        _ => return Err(BadMessage("something else than Welcome first").into()),
    };
    if let Some(key) = OrderPublicKey::from_bytes(&welcome.order_key) {
        ctx.executor.learn(key).await;
    }
    let clock = ClockOffset::new(welcome.now_ms);
    if !unproven {
        let told = ctx
            .executor
            .told_time(welcome.now_ms, welcome.time_sig.clone());
        let signed = tokio::select! {
            signed = told => signed,
            () = ctx.executor.gone(session) => return Err(LinkError::Executor),
        };
        if !signed {
            return Err(LinkError::Time);
        }
    }
    up();

    let (instructions, waiting) = mpsc::channel(INSTRUCTIONS_MAX);
    let (inputs, wanted) = mpsc::channel(WANTED_MAX);
    let executor = ctx.executor.clone();
    let carrying = instructions::carry_out(waiting, executor, clock, inputs, out.clone());
    let fetching = inputs::fetch_all(wanted, channel.clone());
    let carrying = async move {
        tokio::join!(carrying, fetching);
    };
    let (due, asked) = watch::channel(renewal::due(welcome.renewal.as_ref()));
    let renewing = renewal::over_link(ctx, channel, asked);
    let mut stream = Stream {
        ctx,
        out: Some(out),
        instructions: Some(instructions),
        sender: Sender::default(),
        sent_states: BTreeMap::new(),
        waiting: VecDeque::new(),
        reading: None,
        stop_by: None,
        due,
        renewed: false,
        leave_by: None,
    };
    stream.take_up(&executions, &welcome)?;
    stream
        .talk(down, (held, session), (carrying, renewing))
        .await
}

/// What is held, what the controller has to sign its time for, and the keys that orders are taken of.
async fn ask(executor: &Handle) -> (BTreeMap<RunId, Status>, Vec<u8>, Vec<String>) {
    // Asked for, not only looked at: an order that the last link handed over in its last moment is among them.
    let keys = executor.order_keys(KeysTold::default());
    (executor.list().await, executor.nonce().await, keys.await)
}

async fn greet(
    channel: Channel,
    messages: mpsc::Receiver<Option<v1::Up>>,
) -> Result<(Streaming<v1::Down>, Down), LinkError> {
    let mut client = AgentsClient::new(channel)
        .max_decoding_message_size(limits::FRAME_BYTES_MAX)
        .max_encoding_message_size(limits::FRAME_BYTES_MAX);
    let answer = client.link(until_the_last(messages)).await?;
    let mut down = answer.into_inner();
    let first = down.message().await?.ok_or(LinkError::Closed)?;
    let first = first.kind.ok_or(BadMessage("an empty first message"))?;
    Ok((down, first))
}

fn refusal(refused: v1::Refused) -> End {
    End::Refused {
        code: refused.code(),
        text: refused.text,
    }
}

fn end_of(drain: &v1::Drain) -> End {
    End::Drain(Duration::from_millis(drain.over_ms).min(DRAIN_MAX))
}

/// A link that is up.
struct Stream<'a> {
    ctx: &'a Context,
    /// Gone once everything is said.
    out: Option<mpsc::Sender<Option<v1::Up>>>,
    instructions: Option<mpsc::Sender<Instruction>>,
    sender: Sender,
    sent_states: BTreeMap<RunId, StateKey>,
    waiting: VecDeque<Option<v1::Up>>,
    reading: Option<Reading>,
    /// When stopping: the end of patience.
    stop_by: Option<Instant>,
    /// When the next certificate is asked for.
    due: watch::Sender<Due>,
    /// There is another certificate.
    renewed: bool,
    /// Our last is said, to come back with that: the end of patience.
    leave_by: Option<Instant>,
}

impl Stream<'_> {
    /// Starts from what the controller holds of each execution that `Hello` named.
    fn take_up(
        &mut self,
        executions: &BTreeMap<RunId, Status>,
        welcome: &v1::Welcome,
    ) -> Result<(), LinkError> {
        self.sender.observe(lengths(executions));
        let said = hello::named(executions).into_iter();
        self.sent_states = said.map(|(run, status)| (run, state_key(status))).collect();
        for ack in &welcome.acked {
            if let Err(error) = self.sender.welcome(wire::run(&ack.run)?, ack.offset) {
                // Closing would not help: the next link would start the same way.
                tracing::error!(run.id = %error.run, "The controller holds more of a spool than this host: {error}.");
            }
        }
        let all_named = self.sent_states.len() == executions.len();
        self.observe(executions);
        if !all_named {
            self.tell(Up::HeldAll(v1::HeldAll {}));
        }
        Ok(())
    }

    async fn talk(
        mut self,
        mut down: Streaming<v1::Down>,
        (mut held, session): (watch::Receiver<BTreeMap<RunId, Status>>, u64),
        (carrying, renewing): (impl Future<Output = ()>, impl Future<Output = ()>),
    ) -> Result<End, LinkError> {
        let (mut carrying, mut renewing) = (pin!(carrying), pin!(renewing));
        let mut gone = pin!(self.ctx.executor.gone(session));
        let mut carried = false;
        let mut vitals = self.ctx.vitals.seen();
        vitals.mark_changed();
        let mut policy = self.ctx.executor.policy();
        let mut last_facts = None;
        let mut silence = Instant::now() + self.ctx.times.offline;
        loop {
            self.read_on();
            self.say_goodbye_when_done(&held.borrow());
            self.leave_when_nothing_begins(&held.borrow());
            let patience = self
                .stop_by
                .or(self.leave_by)
                .unwrap_or(silence)
                .min(silence);
            tokio::select! {
                message = down.message() => {
                    let Some(message) = message? else {
                        break;
                    };
                    silence = Instant::now() + self.ctx.times.offline;
                    if let Some(end) = self.hear(message)? {
                        return Ok(end);
                    }
                }
                handed = hand_over(self.out.as_ref(), &mut self.waiting), if !self.waiting.is_empty() => {
                    handed.map_err(|()| LinkError::Closed)?;
                }
                (slice, bytes) = read(&mut self.reading), if self.reading.is_some() => self.take_slice(slice, bytes),
                changed = held.changed() => {
                    // The executor's end is noticed by the supervisor.
                    if changed.is_err() { return Err(LinkError::Closed); }
                    self.observe(&held.borrow_and_update());
                }
                Ok(()) = vitals.changed() => self.tell_vitals(&vitals.borrow_and_update(), &mut last_facts),
                Ok(()) = policy.changed() => self.tell_vitals(&vitals.borrow_and_update(), &mut last_facts),
                () = &mut gone => return Err(LinkError::Executor),
                () = &mut carrying, if !carried => carried = true,
                () = &mut renewing, if !self.renewed => self.renewed = true,
                () = self.ctx.stop.cancelled(), if self.stop_by.is_none() => self.begin_to_stop(),
                () = tokio::time::sleep_until(patience) => {
                    if self.stop_by.is_some_and(|by| by <= Instant::now()) {
                        return Ok(End::Stopped);
                    }
                    if self.leave_by.is_some_and(|by| by <= Instant::now()) {
                        return Ok(End::Renewed);
                    }
                    return Err(LinkError::Silent(self.ctx.times.offline));
                }
            }
            if self.waiting.len() > WAITING_MAX {
                return Err(LinkError::Flood);
            }
        }
        match (self.stop_by, self.leave_by) {
            (Some(_), _) => Ok(End::Stopped),
            (None, None) => Err(LinkError::Closed),
            (None, Some(by)) => {
                // What was ordered before the controller heard our last is held when the next link says what is.
                self.instructions = None;
                if !carried {
                    tokio::time::timeout_at(by, carrying).await.ok(); // what then is not held is told as that
                }
                Ok(End::Renewed)
            }
        }
    }

    /// With another certificate the link is made anew; not while an execution begins, which may wait for what only this connection brings.
    fn leave_when_nothing_begins(&mut self, held: &BTreeMap<RunId, Status>) {
        let begins = |status: &Status| status.state == State::Running && status.spool_len == 0;
        if self.renewed
            && self.leave_by.is_none()
            && self.stop_by.is_none()
            && !held.values().any(begins)
        {
            self.waiting.push_back(None);
            self.leave_by = Some(Instant::now() + LEAVE);
        }
    }

    /// Reads the next slice when the last one is out.
    fn read_on(&mut self) {
        let closed = self.out.is_none() || self.leave_by.is_some();
        if self.reading.is_some() || !self.waiting.is_empty() || closed {
            return;
        }
        if let Some(slice) = self.sender.next() {
            let executor: Handle = self.ctx.executor.clone();
            self.reading = Some(Box::pin(async move {
                let bytes = executor.read(slice.run, slice.offset, slice.max).await;
                (slice, bytes)
            }));
        }
    }

    fn take_slice(&mut self, slice: Slice, bytes: Result<Vec<u8>, ReadError>) {
        self.reading = None;
        let bytes = bytes.unwrap_or_else(|error| {
            tracing::warn!(run.id = %slice.run, "Output cannot be read: {}.", chain(&error));
            Vec::new()
        });
        self.sender.sent(slice, bytes.len());
        if !bytes.is_empty() {
            let output = v1::Output {
                run: slice.run.to_string(),
                offset: slice.offset,
                bytes,
            };
            self.tell(Up::Output(output));
        }
    }

    fn observe(&mut self, held: &BTreeMap<RunId, Status>) {
        self.sender.observe(lengths(held));
        self.sent_states.retain(|run, _| held.contains_key(run));
        for (run, status) in held {
            if self.sent_states.insert(*run, state_key(status)) != Some(state_key(status)) {
                self.tell(Up::State(wire::state(*run, status)));
            }
        }
    }

    fn tell_vitals(&mut self, vitals: &Vitals, last_facts: &mut Option<v1::Facts>) {
        let policy = self.ctx.executor.policy().borrow().clone();
        let offers = self.ctx.executor.offers();
        let facts = vitals.facts.clone().map(|facts| v1::Facts {
            run_as: facts::shown(&offers.run_as),
            limits: facts::shown(&offers.limits),
            policy_mode: policy.mode,
            policy_digest: policy.digest,
            ..facts
        });
        if facts != *last_facts
            && let Some(facts) = facts
        {
            *last_facts = Some(facts.clone());
            self.tell(Up::Facts(facts));
        }
        if let Some(metrics) = vitals.metrics.clone() {
            self.tell(Up::Metrics(metrics));
        }
    }

    fn tell(&mut self, kind: Up) {
        if self.out.is_some() && self.leave_by.is_none() {
            self.waiting.push_back(Some(wire::up(kind)));
        }
    }

    /// One message of the controller; the end of the link when it says so.
    fn hear(&mut self, message: v1::Down) -> Result<Option<End>, LinkError> {
        match message.kind {
            // A kind that a newer controller knows.
            None => {}
            Some(Down::Welcome(_)) => return Err(BadMessage("a second Welcome").into()),
            Some(Down::Start(start)) => self.start(start)?,
            Some(Down::Cancel(cancel)) => {
                let run = wire::run(&cancel.run)?;
                let force = cancel.force;
                self.instruct(Instruction::Cancel { run, force })?;
            }
            Some(Down::Release(release)) => {
                let run = wire::run(&release.run)?;
                self.instruct(Instruction::Release { run })?;
            }
            Some(Down::Ack(ack)) => self.sender.ack(wire::run(&ack.run)?, ack.offset)?,
            Some(Down::Resume(resume)) => {
                self.reading = None;
                self.sender.resume(wire::run(&resume.run)?, resume.from)?;
            }
            Some(Down::Ping(ping)) => self.tell(Up::Pong(v1::Pong { id: ping.id })),
            Some(Down::Drain(drain)) => return Ok(Some(end_of(&drain))),
            Some(Down::Refused(refused)) => return Ok(Some(refusal(refused))),
            Some(Down::OrderKeys(keys)) => {
                self.instruct(Instruction::Keys(wire::keys_told(keys)))?;
            }
            Some(Down::Renewal(renewal)) => {
                self.due.send_replace(renewal::due(Some(&renewal)));
            }
        }
        Ok(None)
    }

    fn start(&mut self, start: v1::Start) -> Result<(), LinkError> {
        let run = wire::run(&start.run)?;
        if self.stop_by.is_some() {
            self.tell(Up::State(instructions::stopping(run)));
            return Ok(());
        }
        let order = Signed {
            order: start.order,
            sig: start.sig,
            key_id: start.key_id,
        };
        self.instruct(Instruction::Start { run, order })
    }

    fn instruct(&self, instruction: Instruction) -> Result<(), LinkError> {
        match &self.instructions {
            Some(instructions) => instructions
                .try_send(instruction)
                .map_err(|_| LinkError::Flood),
            // Stopping and already saying goodbye: the next link tells what came of it.
            None => Ok(()),
        }
    }

    fn begin_to_stop(&mut self) {
        let patience = match self.ctx.on_stop {
            OnStop::Keep => super::FLUSH,
            OnStop::Kill => super::FLUSH + super::KILL,
        };
        self.stop_by = Some(Instant::now() + patience);
    }

    /// When stopping and everything is sent, says so by ending our half; the controller ends its own when it has read it all.
    fn say_goodbye_when_done(&mut self, held: &BTreeMap<RunId, Status>) {
        if self.stop_by.is_none() || self.out.is_none() {
            return;
        }
        let running = held.values().any(|status| status.state == State::Running);
        let wait_for_ends = self.ctx.on_stop == OnStop::Kill && running;
        let silent = self.waiting.is_empty() && self.reading.is_none();
        if !wait_for_ends && silent && self.sender.is_drained() {
            self.instructions = None;
            self.out = None;
        }
    }
}

fn lengths(held: &BTreeMap<RunId, Status>) -> impl Iterator<Item = (RunId, u64)> {
    held.iter().map(|(run, status)| (*run, status.spool_len))
}

fn state_key(status: &Status) -> StateKey {
    (std::mem::discriminant(&status.state), status.spool_full)
}
