//! Which message to write next, so that people see the newest state within Discord's limits.
//!
//! A key stands for one message that is created once and edited afterwards; what it shows is not known here, only the digest of it. Only
//! the newest wanted state counts: states in between are never sent. One write is in flight for each lane; how fast a channel may be
//! written to is not known here but asked of the sender, who believes the headers of every answer. Messages of one lane are created in
//! the order of their keys.

use std::collections::BTreeMap;

/// The longest wait before a write that failed is tried again, milliseconds: when Discord is back, people see it in so long, and in the
/// time that the last attempt hung.
const AGAIN_MS_MAX: u64 = 5_000;
/// After so many failures in a row, an hour and more, a message is given up.
const FAILURES_MAX: u32 = 720;

/// What names a message. Their order is the order in which the messages of a lane are created.
pub trait Key: Copy + Ord {
    /// Where the message lives.
    fn lane(self) -> Lane;
}

/// Where a message lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// The channel in which the run was asked for.
    Channel,
    /// The run's thread.
    Thread,
}

/// How urgent a state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Urgency {
    /// Progress: paced, newest wins.
    Progress,
    /// A person waits for it: the end, or the answer to a cancel.
    Now,
}

/// What to do in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next<K> {
    /// Create the message.
    Create(K),
    /// Edit the message.
    Edit(K, u64),
    /// Nothing before this time, milliseconds since the Unix epoch.
    At(u64),
    /// Nothing until something is wanted.
    Idle,
}

/// A write that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// It was certainly not done.
    NotDone,
    /// It may have been done: people may see the state of this digest.
    Unknown(u64),
}

/// What people see of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// There is no message.
    Nothing,
    /// A create may have been done. The next one is answered with the message that it made, and that shows the state of this digest, or
    /// of one that nobody knows.
    Maybe(Option<u64>),
    /// This message, and the digest of the state that it shows, when that is known.
    Message(u64, Option<u64>),
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Digest of the state that people should see, once there is one.
    wanted: Option<u64>,
    urgency: Urgency,
    seen: Seen,
    /// Not before, after a failure.
    not_before_ms: u64,
    /// Failures in a row.
    failures: u32,
    /// Given up: Discord will never take it.
    dead: bool,
}

impl Entry {
    const fn new(seen: Seen) -> Self {
        Self {
            wanted: None,
            urgency: Urgency::Progress,
            seen,
            not_before_ms: 0,
            failures: 0,
            dead: false,
        }
    }

    /// True when people do not see yet what they should.
    fn is_pending(&self) -> bool {
        let seen = match self.seen {
            Seen::Nothing | Seen::Maybe(_) => None,
            Seen::Message(_, digest) => digest,
        };
        self.wanted.is_some() && self.wanted != seen
    }

    const fn message(&self) -> Option<u64> {
        match self.seen {
            Seen::Nothing | Seen::Maybe(_) => None,
            Seen::Message(message, _) => Some(message),
        }
    }
}

/// What people should see of one run, and what they see.
#[derive(Clone, Debug)]
pub struct Outbox<K> {
    begun_ms: u64,
    entries: BTreeMap<K, Entry>,
    writes: BTreeMap<Lane, Writes>,
}

/// What was written in a lane.
#[derive(Clone, Copy, Debug, Default)]
struct Writes {
    /// How many.
    count: u32,
    /// When the last was, milliseconds since the Unix epoch.
    last_ms: u64,
}

impl<K: Key> Outbox<K> {
    /// The outbox of a run that began at this time, milliseconds since the Unix epoch.
    #[must_use]
    pub const fn new(begun_ms: u64) -> Self {
        Self {
            begun_ms,
            entries: BTreeMap::new(),
            writes: BTreeMap::new(),
        }
    }

    /// A message that exists already, and the digest of what it shows; nothing when that is not known.
    pub fn exists(&mut self, key: K, message: u64, digest: Option<u64>) {
        let entry = Entry::new(Seen::Message(message, digest));
        self.entries.insert(key, entry);
    }

    /// A message that an earlier process may have created: nobody knows with what.
    pub fn may_exist(&mut self, key: K) {
        self.entries.insert(key, Entry::new(Seen::Maybe(None)));
    }

    /// People should see this state of a message from now on.
    pub fn want(&mut self, key: K, digest: u64, urgency: Urgency) {
        let entry = self.entries.entry(key).or_insert(Entry::new(Seen::Nothing));
        // An urgent state that is not written yet stays urgent when a newer one replaces it.
        entry.urgency = if entry.is_pending() {
            entry.urgency.max(urgency)
        } else {
            urgency
        };
        entry.wanted = Some(digest);
    }

    /// Nothing new should be seen of a message: it stays as it is until something is wanted again.
    pub fn leave(&mut self, key: K) {
        if let Some(entry) = self
            .entries
            .get_mut(&key)
            .filter(|entry| entry.is_pending())
        {
            entry.wanted = None;
        }
    }

    /// The messages of which people do not see yet what they should.
    pub fn pending(&self) -> impl Iterator<Item = K> {
        let pending = self.entries.iter().filter(|(_, entry)| entry.is_pending());
        pending.map(|(key, _)| *key)
    }

    /// What to write next in a lane.
    #[must_use]
    pub fn next(&self, lane: Lane, now_ms: u64) -> Next<K> {
        let writes = self.writes.get(&lane);
        let paced_ms = writes.map_or(0, |writes| {
            let gap_ms = self.gap_ms(lane, writes.count, now_ms);
            writes.last_ms.saturating_add(gap_ms)
        });
        let mut soonest: Option<u64> = None;
        let mut best: Option<(Urgency, Next<K>)> = None;
        for (&key, entry) in self.entries.iter().filter(|(key, _)| key.lane() == lane) {
            if entry.dead || !entry.is_pending() {
                continue;
            }
            let message = entry.message();
            let paced = if entry.urgency == Urgency::Now || message.is_none() {
                0
            } else {
                paced_ms
            };
            let at_ms = paced.max(entry.not_before_ms);
            if at_ms > now_ms {
                soonest = Some(soonest.map_or(at_ms, |s: u64| s.min(at_ms)));
                if message.is_none() {
                    // Later messages wait for this one: people read them in order.
                    break;
                }
                continue;
            }
            let next = message.map_or(Next::Create(key), |message| Next::Edit(key, message));
            // Creation goes in key order, edits by urgency.
            if best.is_none_or(|(urgency, _)| entry.urgency > urgency) {
                best = Some((entry.urgency, next));
            }
            if message.is_none() {
                break;
            }
        }
        match (best, soonest) {
            (Some((_, next)), _) => next,
            (None, Some(at)) => Next::At(at),
            (None, None) => Next::Idle,
        }
    }

    /// How urgent the wanted state of a message is.
    #[must_use]
    pub fn urgency(&self, key: K) -> Urgency {
        let entry = self.entries.get(&key);
        entry.map_or(Urgency::Progress, |entry| entry.urgency)
    }

    /// A write of this state was taken by Discord as this message. After a create that may have been done before, that message shows what
    /// the first attempt said: an edit follows when it differs.
    pub fn written(&mut self, key: K, digest: u64, message: u64, now_ms: u64) {
        let writes = self.writes.entry(key.lane()).or_default();
        writes.count = writes.count.saturating_add(1);
        writes.last_ms = now_ms;
        if let Some(entry) = self.entries.get_mut(&key) {
            let shows = match entry.seen {
                Seen::Nothing | Seen::Message(..) => Some(digest),
                Seen::Maybe(first) => first.filter(|first| *first == digest),
            };
            entry.seen = Seen::Message(message, shows);
            entry.failures = 0;
        }
    }

    /// A write failed and may be tried again after this time, milliseconds, and later each time; in the end it is given up.
    pub fn failed(&mut self, key: K, failed: Failed, after_ms: u64, now_ms: u64) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.seen = match (entry.seen, failed) {
                (seen, Failed::NotDone) => seen,
                (Seen::Nothing, Failed::Unknown(digest)) => Seen::Maybe(Some(digest)),
                (Seen::Maybe(first), Failed::Unknown(digest)) => {
                    Seen::Maybe(first.filter(|first| *first == digest))
                }
                (Seen::Message(message, _), Failed::Unknown(_)) => Seen::Message(message, None),
            };
            let longer = after_ms.saturating_mul(1 << entry.failures.min(5));
            entry.not_before_ms = now_ms.saturating_add(longer.min(AGAIN_MS_MAX).max(after_ms));
            entry.failures += 1;
            entry.dead = entry.failures >= FAILURES_MAX;
        }
    }

    /// Nothing can be written in a lane for this time, milliseconds: every message of it that waits is tried again later.
    pub fn lane_failed(&mut self, lane: Lane, after_ms: u64, now_ms: u64) {
        for key in self.keys_of(lane) {
            self.failed(key, Failed::NotDone, after_ms, now_ms);
        }
    }

    /// True when a message was given up.
    #[must_use]
    pub fn is_dead(&self, key: K) -> bool {
        self.entries.get(&key).is_some_and(|entry| entry.dead)
    }

    /// Discord will never take this message: it, or what it lives in, is gone.
    pub fn give_up(&mut self, key: K) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.dead = true;
        }
    }

    /// Discord will never take a message of this lane.
    pub fn give_up_lane(&mut self, lane: Lane) {
        for key in self.keys_of(lane) {
            self.give_up(key);
        }
    }

    /// The message of a key, once it exists.
    #[must_use]
    pub fn message(&self, key: K) -> Option<u64> {
        self.entries.get(&key)?.message()
    }

    /// True when people see the wanted state of a message, or never will; false for one that was never wanted.
    #[must_use]
    pub fn is_settled(&self, key: K) -> bool {
        let done = |entry: &Entry| entry.dead || (entry.wanted.is_some() && !entry.is_pending());
        self.entries.get(&key).is_some_and(done)
    }

    /// True when people see everything that they should see, or never will.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.entries
            .values()
            .all(|entry| entry.dead || !entry.is_pending())
    }

    fn keys_of(&self, lane: Lane) -> Vec<K> {
        let keys = self.entries.keys().copied();
        keys.filter(|key| key.lane() == lane).collect()
    }

    /// Between two edits in one lane, milliseconds: fast while somebody watches, slow in a long run. A thread is the run's own, and Discord
    /// takes five edits in five seconds there: the first lines come at once, then four edits in five seconds, so that the last edit of a full page
    /// has room. The channel is shared with other
    /// cards. Messages older than an hour may be edited three times in six seconds in a channel (Discord), and nobody reads that fast.
    const fn gap_ms(&self, lane: Lane, count: u32, now_ms: u64) -> u64 {
        let age_ms = now_ms.saturating_sub(self.begun_ms);
        match (lane, age_ms) {
            (Lane::Thread, 0..=119_999) if count < 3 => 150,
            (Lane::Thread, 0..=119_999) => 1_150,
            (Lane::Thread, 120_000..=599_999) => 2_500,
            (Lane::Channel, 0..=9_999) => 1_000,
            (Lane::Channel, 10_000..=59_999) => 2_500,
            (Lane::Channel, 60_000..=599_999) => 5_000,
            (_, 600_000..=3_599_999) => 15_000,
            (_, 3_600_000..) => 30_000,
        }
    }
}

#[cfg(test)]
mod tests;
