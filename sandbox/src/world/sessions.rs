//! Gateway sessions: their events with sequence numbers, and what is kept for a resume.
//!
//! Sockets are `gateway`'s; a session outlives its socket. A connection reads its session's events by cursor, so a slow
//! client loses nothing until the replay buffer is full, and then it is told to start over. Who gets which event is
//! decided in `publish`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::watch;

use crate::model::presence::Presence;
use crate::snowflake::Snowflake;

/// Events kept for a resume; a client that is further behind must identify anew.
const REPLAY_MAX: usize = 10_000;
/// Bytes of those events. Sessions share what they all got, so this is far from being used once for each of them.
const REPLAY_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Events handed to a connection at once.
const BATCH: usize = 256;
/// Orders of scripts that wait for a connection; beyond it further ones are refused.
const CONTROLS_MAX: usize = 1000;
/// Bytes of those orders, the first one not counted.
const CONTROLS_BYTES_MAX: usize = 1024 * 1024;
/// How long a session waits for its client to come back, in milliseconds.
const KEPT_MS: u64 = 5 * 60 * 1000;
/// Sessions at once; beyond it the longest waiting are dropped, then the oldest.
const SESSIONS_MAX: usize = 64;

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

/// What a client says about itself when it identifies.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Terms {
    pub(crate) intents: u64,
    /// Number and count.
    pub(crate) shard: (u64, u64),
    pub(crate) presence: Presence,
    /// Members from which on a guild counts as large.
    pub(crate) large_threshold: u64,
}

/// One session of a client.
#[derive(Debug)]
pub(crate) struct Session {
    terms: Terms,
    /// The order in which presences were said; the latest is what people see.
    presence_at: u64,
    seq: u64,
    kept: VecDeque<Frame>,
    kept_bytes: usize,
    controls: VecDeque<Control>,
    /// The connection that holds it, by number.
    holder: Option<u64>,
    opened_by: u64,
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
    presences: u64,
    /// When all members of a guild were last asked for, in milliseconds.
    pub(crate) asked_ms: HashMap<Snowflake, u64>,
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
        terms: Terms,
        now_ms: u64,
    ) -> watch::Receiver<u64> {
        self.sweep(now_ms);
        let (wake, woken) = watch::channel(0);
        self.presences = self.presences.saturating_add(1);
        let session = Session {
            terms,
            presence_at: self.presences,
            seq: 0,
            kept: VecDeque::new(),
            kept_bytes: 0,
            controls: VecDeque::new(),
            holder: Some(holder),
            opened_by: holder,
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
        session.wake();
        Resumed::Yes(session.wake.subscribe())
    }

    /// What a connection has to send after `cursor`.
    pub(crate) fn due(&mut self, id: &str, holder: u64, cursor: u64) -> Due {
        let lost = Due {
            cursor,
            lost: true,
            ..Due::default()
        };
        let held = self.by_id.get_mut(id);
        let Some(session) = held.filter(|session| session.holder == Some(holder)) else {
            return lost;
        };
        if !session.remembers(cursor) {
            self.by_id.remove(id);
            return lost;
        }
        let skipped = session.kept.partition_point(|kept| kept.seq <= cursor);
        let waiting = session.kept.range(skipped..);
        let frames: Vec<Frame> = waiting.take(BATCH).cloned().collect();
        let cursor = frames.last().map_or(cursor, |last| last.seq);
        let more = cursor < session.seq;
        // What a script orders comes after the events before it.
        let controls = if more {
            Vec::new()
        } else {
            session.controls.drain(..).collect()
        };
        Due {
            frames,
            controls,
            cursor,
            more,
            lost: false,
        }
    }

    /// The connection is gone; the session waits for a resume, unless there can be none.
    pub(crate) fn detach(&mut self, id: &str, holder: u64, now_ms: u64) {
        let held = self.by_id.get_mut(id);
        let Some(session) = held.filter(|session| session.holder == Some(holder)) else {
            return;
        };
        session.holder = None;
        session.detached_ms = now_ms;
        if session.forgotten {
            self.by_id.remove(id);
        }
    }

    /// The client said goodbye on this connection: a resume will fail.
    pub(crate) fn end(&mut self, id: &str, holder: u64) {
        let held = self.by_id.get(id);
        if held.is_some_and(|session| session.holder == Some(holder)) {
            self.by_id.remove(id);
        }
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
            .filter(|session| session.holder.is_some() && session.takes_orders());
        connected
            .map(|session| {
                session.controls.push_back(control.clone());
                session.wake();
            })
            .count()
    }

    /// Sessions with a connection.
    pub(crate) fn connected(&self) -> usize {
        let sessions = self.by_id.values();
        sessions.filter(|session| session.holder.is_some()).count()
    }

    /// Every session, also those that wait for their client.
    pub(crate) fn all(&mut self) -> impl Iterator<Item = &mut Session> {
        self.by_id.values_mut()
    }

    /// A session by its id.
    pub(crate) fn find(&mut self, id: &str) -> Option<&mut Session> {
        self.by_id.get_mut(id)
    }

    /// What every session asked for, by its id.
    pub(crate) fn terms(&self) -> Vec<(String, Terms)> {
        let sessions = self.by_id.iter();
        sessions
            .map(|(id, session)| (id.clone(), session.terms.clone()))
            .collect()
    }

    /// Changes what a session says of the bot.
    pub(crate) fn say_presence(&mut self, id: &str, presence: Presence) {
        self.presences = self.presences.saturating_add(1);
        if let Some(session) = self.by_id.get_mut(id) {
            session.terms.presence = presence;
            session.presence_at = self.presences;
        }
    }

    /// What the bot last said of itself on a connection that is still there.
    pub(crate) fn presence(&self) -> Option<&Presence> {
        let connected = self.by_id.values().filter(|s| s.holder.is_some());
        let latest = connected.max_by_key(|session| session.presence_at)?;
        Some(&latest.terms.presence)
    }

    fn sweep(&mut self, now_ms: u64) {
        self.by_id
            .retain(|_, s| s.holder.is_some() || now_ms.saturating_sub(s.detached_ms) < KEPT_MS);
        while self.by_id.len() >= SESSIONS_MAX {
            // Held ones come last; a connection whose session is gone is closed and told to start over.
            let age = |session: &Session| match session.holder {
                None => (false, session.detached_ms),
                Some(_) => (true, session.opened_by),
            };
            let oldest = self.by_id.iter().min_by_key(|(_, session)| age(session));
            let Some(id) = oldest.map(|(id, _)| id.clone()) else {
                break;
            };
            self.by_id.remove(&id);
        }
    }
}

impl Session {
    /// Whether it asked for one of these intents (0 is none) and its shard carries the guild.
    pub(crate) fn wants(&self, guild: Option<Snowflake>, needed: u64) -> bool {
        let (shard, count) = self.terms.shard;
        let ours = guild.map_or(shard == 0, |guild| guild.shard(count) == shard);
        ours && (needed == 0 || self.has(needed))
    }

    /// Whether it asked for one of these intents.
    pub(crate) const fn has(&self, intents: u64) -> bool {
        self.terms.intents & intents != 0
    }

    /// Adds an event.
    pub(crate) fn push(&mut self, name: &'static str, d: Arc<str>) {
        self.seq = self.seq.saturating_add(1);
        self.kept_bytes = self.kept_bytes.saturating_add(d.len());
        let seq = self.seq;
        self.kept.push_back(Frame { seq, name, d });
        // The newest stays, however long it is: there is nothing to send without it.
        while self.kept.len() > 1
            && (self.kept.len() > REPLAY_MAX || self.kept_bytes > REPLAY_BYTES_MAX)
        {
            let Some(old) = self.kept.pop_front() else {
                break;
            };
            self.kept_bytes = self.kept_bytes.saturating_sub(old.d.len());
        }
        self.wake();
    }

    fn wake(&self) {
        self.wake
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    fn takes_orders(&self) -> bool {
        let bytes = self.controls.iter().map(|control| match control {
            Control::Send(frame) => frame.len(),
            Control::Close(_) | Control::Drop => 0,
        });
        self.controls.len() < CONTROLS_MAX && bytes.sum::<usize>() < CONTROLS_BYTES_MAX
    }

    /// Whether everything after `seq` is still there.
    fn remembers(&self, seq: u64) -> bool {
        self.kept
            .front()
            .is_none_or(|first| first.seq <= seq.saturating_add(1))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::intents::{GUILD_MESSAGES, GUILDS};
    use crate::world::World;
    use crate::world::publish::Dispatch;

    /// Opens a session held by connection 1.
    pub(in crate::world) fn open(
        world: &mut World,
        id: &str,
        intents: u64,
        shard: (u64, u64),
    ) -> watch::Receiver<u64> {
        let terms = Terms {
            intents,
            shard,
            presence: Presence::online(),
            large_threshold: 50,
        };
        world.sessions.open(id.into(), 1, terms, 0)
    }

    fn event(name: &'static str) -> Dispatch {
        Dispatch {
            name,
            channel: None,
            guild: None,
            d: json!({"x": 1}),
        }
    }

    #[test]
    fn a_resume_replays_exactly_what_was_missed() {
        let mut world = World::for_tests();
        let mut woken = open(&mut world, "s", GUILDS, (0, 1));
        for _ in 0..3 {
            world.publish(event("CHANNEL_CREATE"));
        }
        assert!(woken.has_changed().unwrap());
        woken.mark_unchanged();
        assert_eq!(world.sessions.due("s", 1, 0).frames.len(), 3);
        world.sessions.detach("s", 1, 0);
        world.publish(event("CHANNEL_DELETE"));
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
        let text = due.frames[1].text();
        assert!(text.contains("\"t\":\"CHANNEL_DELETE\",\"s\":4"));
        assert!(
            world.sessions.due("s", 1, 4).lost,
            "the first connection lost it"
        );
        world.sessions.end("s", 1);
        assert!(
            !world.sessions.due("s", 2, 4).lost,
            "and cannot end it for the second"
        );
    }

    #[test]
    fn intents_and_shards_filter() {
        let mut world = World::for_tests();
        open(&mut world, "a", GUILD_MESSAGES, (0, 1));
        open(&mut world, "b", GUILDS, (0, 2));
        assert_eq!(world.publish(event("CHANNEL_CREATE")), 1);
        assert_eq!(world.publish(event("INTERACTION_CREATE")), 2);
    }

    #[test]
    fn sessions_wait_for_minutes_not_forever() {
        let mut world = World::for_tests();
        open(&mut world, "s", GUILDS, (0, 1));
        world.sessions.detach("s", 1, 0);
        assert!(matches!(
            world.sessions.resume("s", 2, 0, KEPT_MS - 1),
            Resumed::Yes(_)
        ));
        world.sessions.detach("s", 2, 0);
        assert!(matches!(
            world.sessions.resume("s", 3, 0, KEPT_MS),
            Resumed::Unknown
        ));
    }

    #[test]
    fn a_client_too_far_behind_starts_over() {
        let mut world = World::for_tests();
        open(&mut world, "s", GUILDS, (0, 1));
        for _ in 0..=REPLAY_MAX {
            world.publish(event("CHANNEL_CREATE"));
        }
        assert!(world.sessions.due("s", 1, 0).lost);
        open(&mut world, "t", GUILDS, (0, 1));
        for _ in 0..=REPLAY_MAX {
            world.publish(event("CHANNEL_CREATE"));
        }
        world.sessions.detach("t", 1, 0);
        assert!(matches!(
            world.sessions.resume("t", 2, 0, 0),
            Resumed::Unknown
        ));
    }

    #[test]
    fn many_events_come_in_batches_and_orders_after_them() {
        let mut world = World::for_tests();
        open(&mut world, "s", GUILDS, (0, 1));
        for _ in 0..BATCH + 1 {
            world.publish(event("CHANNEL_CREATE"));
        }
        assert_eq!(world.sessions.control(&Control::Drop), 1);
        let first = world.sessions.due("s", 1, 0);
        assert_eq!((first.frames.len(), first.more), (BATCH, true));
        assert!(first.controls.is_empty());
        let second = world.sessions.due("s", 1, first.cursor);
        assert_eq!((second.frames.len(), second.more), (1, false));
        assert_eq!(second.controls, [Control::Drop]);
    }

    #[test]
    fn there_are_only_so_many_sessions() {
        let mut world = World::for_tests();
        for number in 0..=SESSIONS_MAX {
            open(&mut world, &number.to_string(), GUILDS, (0, 1));
            if number == 3 {
                world.sessions.detach("3", 1, 0);
            }
        }
        assert_eq!(world.sessions.by_id.len(), SESSIONS_MAX);
        assert!(
            !world.sessions.by_id.contains_key("3"),
            "the one that waits goes first"
        );
        open(&mut world, "next", GUILDS, (0, 1));
        assert_eq!(world.sessions.by_id.len(), SESSIONS_MAX);
        assert!(world.sessions.by_id.contains_key("next"));
    }
}
