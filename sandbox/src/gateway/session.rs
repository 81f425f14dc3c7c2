//! Gateway sessions: which events each one gets, their sequence numbers, and what is kept for a resume.
//!
//! Sockets are `gateway`'s; a session outlives its socket. A connection reads its session's events by cursor, so a slow
//! client loses nothing until the replay buffer is full, and then it is told to start over.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::watch;

use crate::guild::permissions::VIEW_CHANNEL;
use crate::snowflake::Snowflake;
use crate::world::World;

pub(crate) const GUILDS: u64 = 1;
pub(crate) const GUILD_MESSAGES: u64 = 1 << 9;
pub(crate) const GUILD_REACTIONS: u64 = 1 << 10;
pub(crate) const GUILD_TYPING: u64 = 1 << 11;
pub(crate) const DIRECT_MESSAGES: u64 = 1 << 12;
pub(crate) const DIRECT_REACTIONS: u64 = 1 << 13;
pub(crate) const MESSAGE_CONTENT: u64 = 1 << 15;

/// Events kept for a resume; a client that is further behind must identify anew.
const REPLAY_MAX: usize = 10_000;
/// Bytes of those events.
const REPLAY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Events handed to a connection at once.
const BATCH: usize = 256;
/// How long a session waits for its client to come back, in milliseconds.
const KEPT_MS: u64 = 5 * 60 * 1000;
/// Sessions at once; beyond it the longest waiting are dropped.
const SESSIONS_MAX: usize = 64;

/// An event for all sessions that may see it.
#[derive(Debug)]
pub(crate) struct Dispatch {
    pub(crate) name: &'static str,
    /// The bot must be able to see this channel.
    pub(crate) channel: Option<Snowflake>,
    pub(crate) guild: Option<Snowflake>,
    /// A session needs one of these intents; 0 is for all.
    pub(crate) intents: u64,
    pub(crate) d: Value,
    /// What a session without MESSAGE_CONTENT gets instead.
    pub(crate) blanked: Option<Value>,
}

/// What the server says on a session's connection besides events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    Send(String),
    Close(u16),
    /// The connection breaks without a word.
    Drop,
}

/// An event with its number in one session. What it says is written once for all of them.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    seq: u64,
    name: &'static str,
    d: Arc<str>,
}

impl Frame {
    /// The frame as it is sent.
    pub(crate) fn text(&self) -> String {
        let Self { seq, name, d } = self;
        format!("{{\"t\":\"{name}\",\"s\":{seq},\"op\":0,\"d\":{d}}}")
    }
}

/// One session of a client.
#[derive(Debug)]
pub(crate) struct Session {
    intents: u64,
    shard: (u64, u64),
    seq: u64,
    kept: VecDeque<Frame>,
    kept_bytes: usize,
    controls: VecDeque<Control>,
    /// The connection that holds it, by number.
    holder: Option<u64>,
    detached_ms: u64,
    /// No resume will find it.
    forgotten: bool,
    wake: watch::Sender<u64>,
}

/// What a connection sends next.
#[derive(Debug, Default)]
pub(crate) struct Due {
    pub(crate) frames: Vec<Frame>,
    pub(crate) controls: Vec<Control>,
    pub(crate) cursor: u64,
    /// There are further events.
    pub(crate) more: bool,
    /// The session is gone, held by another connection, or has forgotten events that were due.
    pub(crate) lost: bool,
}

/// How a resume ended.
#[derive(Debug)]
pub(crate) enum Resumed {
    Yes(watch::Receiver<u64>),
    /// The client must identify.
    Unknown,
    /// The client says that it saw more than was ever sent.
    FromTheFuture,
}

/// All sessions.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_id: HashMap<String, Session>,
    connections: u64,
}

impl Sessions {
    /// A number for a new connection.
    pub(crate) const fn number(&mut self) -> u64 {
        self.connections = self.connections.saturating_add(1);
        self.connections
    }

    /// Opens a session held by a connection.
    pub(crate) fn open(
        &mut self,
        id: String,
        holder: u64,
        intents: u64,
        shard: (u64, u64),
        now_ms: u64,
    ) -> watch::Receiver<u64> {
        self.sweep(now_ms);
        let (wake, woken) = watch::channel(0);
        let session = Session {
            intents,
            shard,
            seq: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            controls: VecDeque::new(),
            holder: Some(holder),
            detached_ms: now_ms,
            forgotten: false,
            wake,
        };
        self.by_id.insert(id, session);
        woken
    }

    /// Hands a session to a connection that says it has seen everything up to `seq`.
    pub(crate) fn resume(&mut self, id: &str, holder: u64, seq: u64, now_ms: u64) -> Resumed {
        self.sweep(now_ms);
        let Some(session) = self.by_id.get_mut(id) else {
            return Resumed::Unknown;
        };
        if seq > session.seq {
            return Resumed::FromTheFuture;
        }
        if session.forgotten || !session.remembers(seq) {
            self.by_id.remove(id);
            return Resumed::Unknown;
        }
        session.holder = Some(holder);
        session.controls.clear();
        // Whoever held it so far notices by this that it lost the session.
        session
            .wake
            .send_modify(|count| *count = count.wrapping_add(1));
        Resumed::Yes(session.wake.subscribe())
    }

    /// What a connection has to send after `cursor`.
    pub(crate) fn due(&mut self, id: &str, holder: u64, cursor: u64) -> Due {
        let Some(session) = self
            .by_id
            .get_mut(id)
            .filter(|session| session.holder == Some(holder))
        else {
            return Due {
                cursor,
                lost: true,
                ..Due::default()
            };
        };
        if !session.remembers(cursor) {
            self.by_id.remove(id);
            return Due {
                cursor,
                lost: true,
                ..Due::default()
            };
        }
        let skipped = session.kept.partition_point(|kept| kept.seq <= cursor);
        let frames: Vec<Frame> = session.kept.range(skipped..).take(BATCH).cloned().collect();
        let cursor = frames.last().map_or(cursor, |last| last.seq);
        let more = cursor < session.seq;
        // What a script orders comes after the events before it.
        let controls = match more {
            true => Vec::new(),
            false => session.controls.drain(..).collect(),
        };
        Due {
            frames,
            controls,
            cursor,
            more,
            lost: false,
        }
    }

    /// The connection is gone; the session waits for a resume.
    pub(crate) fn detach(&mut self, id: &str, holder: u64, now_ms: u64) {
        if let Some(session) = self
            .by_id
            .get_mut(id)
            .filter(|session| session.holder == Some(holder))
        {
            session.holder = None;
            session.detached_ms = now_ms;
        }
    }

    /// Forgets a session: a resume of it will fail.
    pub(crate) fn forget(&mut self, id: &str) {
        self.by_id.remove(id);
    }

    /// Makes every resume fail from now on; connections are told what they still have to do first.
    pub(crate) fn forget_all(&mut self) {
        self.by_id.retain(|_, session| session.holder.is_some());
        for session in self.by_id.values_mut() {
            session.forgotten = true;
        }
    }

    /// Gives every connected session something to say or do, and counts them.
    pub(crate) fn control(&mut self, control: &Control) -> usize {
        let connected = self
            .by_id
            .values_mut()
            .filter(|session| session.holder.is_some());
        connected
            .map(|session| {
                session.controls.push_back(control.clone());
                session
                    .wake
                    .send_modify(|count| *count = count.wrapping_add(1));
            })
            .count()
    }

    /// Sessions with a connection.
    pub(crate) fn connected(&self) -> usize {
        self.by_id
            .values()
            .filter(|session| session.holder.is_some())
            .count()
    }

    fn sweep(&mut self, now_ms: u64) {
        self.by_id
            .retain(|_, s| s.holder.is_some() || now_ms.saturating_sub(s.detached_ms) < KEPT_MS);
        while self.by_id.len() >= SESSIONS_MAX {
            let oldest = self
                .by_id
                .iter()
                .filter(|(_, s)| s.holder.is_none())
                .min_by_key(|(_, s)| s.detached_ms);
            let Some(id) = oldest.map(|(id, _)| id.clone()) else {
                break;
            };
            self.by_id.remove(&id);
        }
    }
}

impl Session {
    fn wants(&self, dispatch: &Dispatch) -> bool {
        let (shard, count) = self.shard;
        let ours = dispatch
            .guild
            .map_or(shard == 0, |guild| guild.shard(count) == shard);
        ours && (dispatch.intents == 0 || self.intents & dispatch.intents != 0)
    }

    fn push(&mut self, name: &'static str, d: Arc<str>) {
        self.seq = self.seq.saturating_add(1);
        self.kept_bytes = self.kept_bytes.saturating_add(d.len());
        let seq = self.seq;
        self.kept.push_back(Frame { seq, name, d });
        while self.kept.len() > REPLAY_MAX || self.kept_bytes > REPLAY_BYTES_MAX {
            let Some(old) = self.kept.pop_front() else {
                break;
            };
            self.kept_bytes = self.kept_bytes.saturating_sub(old.d.len());
        }
        self.wake
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// Whether everything after `seq` is still there.
    fn remembers(&self, seq: u64) -> bool {
        self.kept
            .front()
            .is_none_or(|first| first.seq <= seq.saturating_add(1))
    }
}

impl World {
    /// Sends an event to every session that wants it and may see it, and counts them.
    pub(crate) fn publish(&mut self, dispatch: Dispatch) -> usize {
        let Dispatch {
            name,
            channel,
            ref d,
            ref blanked,
            ..
        } = dispatch;
        self.traffic.count_event(name);
        if !channel.is_none_or(|id| self.bot_sees(id)) {
            return 0;
        }
        let written = |d: &Value| Arc::<str>::from(d.to_string());
        let (full, reduced) = (written(d), blanked.as_ref().map(written));
        let wanting = self
            .sessions
            .by_id
            .values_mut()
            .filter(|session| session.wants(&dispatch));
        wanting
            .map(|session| {
                let complete = session.intents & MESSAGE_CONTENT != 0;
                let d = reduced.as_ref().filter(|_| !complete).unwrap_or(&full);
                session.push(name, Arc::clone(d));
            })
            .count()
    }

    /// Sends an event to one session only, as the first ones after its start are.
    pub(crate) fn publish_to(&mut self, session: &str, name: &'static str, d: &Value) {
        self.traffic.count_event(name);
        if let Some(session) = self.sessions.by_id.get_mut(session) {
            session.push(name, d.to_string().into());
        }
    }

    fn bot_sees(&self, channel: Snowflake) -> bool {
        let channel = self.channels.get(&channel);
        channel.is_some_and(|c| self.permissions(self.application.id, c) & VIEW_CHANNEL != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(name: &'static str, intents: u64) -> Dispatch {
        Dispatch {
            name,
            channel: None,
            guild: None,
            intents,
            d: json!({"x": 1}),
            blanked: None,
        }
    }

    #[test]
    fn a_resume_replays_exactly_what_was_missed() {
        let mut world = World::for_tests();
        let mut woken = world.sessions.open("s".into(), 1, GUILDS, (0, 1), 0);
        for _ in 0..3 {
            world.publish(event("A", GUILDS));
        }
        assert!(woken.has_changed().unwrap());
        woken.mark_unchanged();
        assert_eq!(world.sessions.due("s", 1, 0).frames.len(), 3);
        world.sessions.detach("s", 1, 0);
        world.publish(event("B", GUILDS));
        assert!(matches!(
            world.sessions.resume("s", 2, 9, 0),
            Resumed::FromTheFuture
        ));
        assert!(matches!(
            world.sessions.resume("s", 2, 2, 0),
            Resumed::Yes(_)
        ));
        let due = world.sessions.due("s", 2, 2);
        assert_eq!((due.frames.len(), due.cursor), (2, 4));
        assert!(due.frames[1].text().contains("\"t\":\"B\",\"s\":4"));
        assert!(
            world.sessions.due("s", 1, 4).lost,
            "the first connection lost it"
        );
    }

    #[test]
    fn intents_and_shards_filter() {
        let mut world = World::for_tests();
        let _a = world
            .sessions
            .open("a".into(), 1, GUILD_MESSAGES, (0, 1), 0);
        let _b = world.sessions.open("b".into(), 2, GUILDS, (0, 2), 0);
        assert_eq!(world.publish(event("A", GUILDS)), 1);
        assert_eq!(world.publish(event("A", 0)), 2);
    }

    #[test]
    fn sessions_wait_for_minutes_not_forever() {
        let mut world = World::for_tests();
        let _woken = world.sessions.open("s".into(), 1, GUILDS, (0, 1), 0);
        world.sessions.detach("s", 1, 0);
        assert!(matches!(
            world.sessions.resume("s", 2, 0, KEPT_MS),
            Resumed::Unknown
        ));
    }

    #[test]
    fn a_client_too_far_behind_starts_over() {
        let mut world = World::for_tests();
        let _woken = world.sessions.open("s".into(), 1, GUILDS, (0, 1), 0);
        for _ in 0..=REPLAY_MAX {
            world.publish(event("A", GUILDS));
        }
        assert!(world.sessions.due("s", 1, 0).lost);
    }
}
