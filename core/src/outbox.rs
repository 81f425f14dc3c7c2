//! Which message to write next, so that people see the newest state within Discord's limits.
//!
//! A block is one message that is created once and edited afterwards. Only its newest wanted state counts: states in between are never
//! sent. One write is in flight for each channel; how fast the channel may be written to is not known here but asked of the sender,
//! who believes the headers of every answer. Blocks of one channel are created in the order of their keys.

use std::collections::BTreeMap;

/// The longest wait before a write that failed is tried again, milliseconds.
const AGAIN_MS_MAX: u64 = 60_000;
/// After so many failures in a row, about an hour, a block is given up.
const FAILURES_MAX: u32 = 60;

/// A block of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Block {
    /// The card in the channel.
    Card,
    /// A page of one host's output: host by its place in the run, page from 0.
    Page(usize, usize),
    /// The files with the whole output: host by its place in the run.
    Whole(usize),
    /// The message that ends a long run and mentions who asked.
    Farewell,
}

/// Where a block lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// The channel in which the run was asked for.
    Channel,
    /// The run's thread.
    Thread,
}

impl Block {
    /// Where it lives.
    #[must_use]
    pub const fn lane(self) -> Lane {
        match self {
            Self::Card | Self::Farewell => Lane::Channel,
            Self::Page(..) | Self::Whole(_) => Lane::Thread,
        }
    }
}

/// How urgent a state is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Urgency {
    /// Progress: paced, newest wins.
    Progress,
    /// A person waits for it: the end, or the answer to a cancel.
    Now,
}

/// What to do in a lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Create the block's message.
    Create(Block),
    /// Edit the block's message.
    Edit(Block, u64),
    /// Nothing before this time, milliseconds since the Unix epoch.
    At(u64),
    /// Nothing until something is wanted.
    Idle,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Digest of the state that people should see.
    wanted: u64,
    urgency: Urgency,
    /// Digest of the state that they see.
    written: Option<u64>,
    message: Option<u64>,
    /// Not before, after a failure.
    not_before_ms: u64,
    /// Failures in a row.
    failures: u32,
    /// Given up: Discord will never take it.
    dead: bool,
}

/// What people should see of one run, and what they see.
#[derive(Clone, Debug)]
pub struct Outbox {
    begun_ms: u64,
    entries: BTreeMap<Block, Entry>,
    last_write_ms: BTreeMap<Lane, u64>,
}

impl Outbox {
    /// The outbox of a run that began at this time, milliseconds since the Unix epoch.
    #[must_use]
    pub const fn new(begun_ms: u64) -> Self {
        Self {
            begun_ms,
            entries: BTreeMap::new(),
            last_write_ms: BTreeMap::new(),
        }
    }

    /// A message that exists already, and the digest of what it shows.
    pub fn exists(&mut self, block: Block, message: u64, digest: u64) {
        let entry = Entry {
            wanted: digest,
            urgency: Urgency::Progress,
            written: Some(digest),
            message: Some(message),
            not_before_ms: 0,
            failures: 0,
            dead: false,
        };
        self.entries.insert(block, entry);
    }

    /// People should see this state of a block from now on.
    pub fn want(&mut self, block: Block, digest: u64, urgency: Urgency) {
        let entry = self.entries.entry(block).or_insert(Entry {
            wanted: digest,
            urgency,
            written: None,
            message: None,
            not_before_ms: 0,
            failures: 0,
            dead: false,
        });
        // An urgent state that is not written yet stays urgent when a newer one replaces it.
        let pending = entry.written != Some(entry.wanted);
        entry.urgency = if pending {
            entry.urgency.max(urgency)
        } else {
            urgency
        };
        entry.wanted = digest;
    }

    /// What to write next in a lane.
    #[must_use]
    pub fn next(&self, lane: Lane, now_ms: u64) -> Next {
        let last = self.last_write_ms.get(&lane).copied();
        let paced_ms = last.map_or(0, |at| at.saturating_add(self.gap_ms(now_ms)));
        let mut soonest: Option<u64> = None;
        let mut best: Option<(Urgency, Block, Next)> = None;
        for (&block, entry) in self
            .entries
            .iter()
            .filter(|(block, _)| block.lane() == lane)
        {
            if entry.dead || entry.written == Some(entry.wanted) {
                continue;
            }
            let paced = if entry.urgency == Urgency::Now || entry.message.is_none() {
                0
            } else {
                paced_ms
            };
            let at_ms = paced.max(entry.not_before_ms);
            if at_ms > now_ms {
                soonest = Some(soonest.map_or(at_ms, |s: u64| s.min(at_ms)));
                if entry.message.is_none() {
                    // Later blocks wait for this one: people read them in order.
                    break;
                }
                continue;
            }
            let next = entry
                .message
                .map_or(Next::Create(block), |message| Next::Edit(block, message));
            let creates = matches!(next, Next::Create(_));
            // Creation goes in key order, edits by urgency.
            if best.is_none_or(|(urgency, _, _)| entry.urgency > urgency) {
                best = Some((entry.urgency, block, next));
            }
            if creates {
                break;
            }
        }
        match (best, soonest) {
            (Some((_, _, next)), _) => next,
            (None, Some(at)) => Next::At(at),
            (None, None) => Next::Idle,
        }
    }

    /// A write of this state was taken by Discord as this message.
    pub fn written(&mut self, block: Block, digest: u64, message: u64, now_ms: u64) {
        self.last_write_ms.insert(block.lane(), now_ms);
        if let Some(entry) = self.entries.get_mut(&block) {
            entry.written = Some(digest);
            entry.message = Some(message);
            entry.failures = 0;
        }
    }

    /// A write failed and may be tried again after this time, milliseconds, and later each time; in the end it is given up.
    pub fn failed(&mut self, block: Block, after_ms: u64, now_ms: u64) {
        if let Some(entry) = self.entries.get_mut(&block) {
            let longer = after_ms.saturating_mul(1 << entry.failures.min(5));
            entry.not_before_ms = now_ms.saturating_add(longer.min(AGAIN_MS_MAX).max(after_ms));
            entry.failures += 1;
            entry.dead = entry.failures >= FAILURES_MAX;
        }
    }

    /// True when a block was given up.
    #[must_use]
    pub fn is_dead(&self, block: Block) -> bool {
        self.entries.get(&block).is_some_and(|entry| entry.dead)
    }

    /// Discord will never take this block: the message or its thread is gone.
    pub fn give_up(&mut self, block: Block) {
        if let Some(entry) = self.entries.get_mut(&block) {
            entry.dead = true;
        }
    }

    /// The message of a block, once it exists.
    #[must_use]
    pub fn message(&self, block: Block) -> Option<u64> {
        self.entries.get(&block)?.message
    }

    /// True when people see the wanted state of a block, or never will; false for one that was never wanted.
    #[must_use]
    pub fn is_settled(&self, block: Block) -> bool {
        let done = |entry: &Entry| entry.dead || entry.written == Some(entry.wanted);
        self.entries.get(&block).is_some_and(done)
    }

    /// True when people see everything that they should see, or never will.
    #[must_use]
    pub fn settled(&self) -> bool {
        self.entries
            .values()
            .all(|entry| entry.dead || entry.written == Some(entry.wanted))
    }

    /// Between two edits in one lane, milliseconds: fast while somebody watches, slow in a long run. Messages older than an hour may be
    /// edited three times in six seconds in a channel (Discord), and nobody reads that fast.
    const fn gap_ms(&self, now_ms: u64) -> u64 {
        match now_ms.saturating_sub(self.begun_ms) {
            0..=9_999 => 1_000,
            10_000..=59_999 => 1_500,
            60_000..=599_999 => 5_000,
            600_000..=3_599_999 => 15_000,
            _ => 30_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 50_000;

    #[test]
    fn states_in_between_are_never_sent() {
        let mut outbox = Outbox::new(NOW);
        outbox.exists(Block::Card, 77, 1);
        assert_eq!(outbox.next(Lane::Channel, NOW), Next::Idle);
        outbox.want(Block::Card, 2, Urgency::Progress);
        outbox.want(Block::Card, 3, Urgency::Progress);
        assert_eq!(outbox.next(Lane::Channel, NOW), Next::Edit(Block::Card, 77));
        outbox.written(Block::Card, 3, 77, NOW);
        assert!(outbox.settled());
    }

    #[test]
    fn progress_is_paced_and_the_end_is_not() {
        let mut outbox = Outbox::new(NOW);
        outbox.exists(Block::Card, 77, 1);
        outbox.want(Block::Card, 2, Urgency::Progress);
        outbox.written(Block::Card, 2, 77, NOW);
        outbox.want(Block::Card, 3, Urgency::Progress);
        assert_eq!(outbox.next(Lane::Channel, NOW + 1), Next::At(NOW + 1_000));
        assert_eq!(
            outbox.next(Lane::Channel, NOW + 1_000),
            Next::Edit(Block::Card, 77)
        );
        outbox.want(Block::Card, 4, Urgency::Now);
        assert_eq!(
            outbox.next(Lane::Channel, NOW + 1),
            Next::Edit(Block::Card, 77)
        );
        outbox.want(Block::Card, 5, Urgency::Progress);
        assert_eq!(
            outbox.next(Lane::Channel, NOW + 1),
            Next::Edit(Block::Card, 77),
            "still urgent"
        );
    }

    #[test]
    fn pages_are_created_in_order_also_after_a_failure() {
        let mut outbox = Outbox::new(NOW);
        outbox.want(Block::Page(0, 1), 1, Urgency::Progress);
        outbox.want(Block::Page(0, 0), 1, Urgency::Progress);
        outbox.want(Block::Whole(0), 1, Urgency::Now);
        assert_eq!(
            outbox.next(Lane::Thread, NOW),
            Next::Create(Block::Page(0, 0))
        );
        outbox.failed(Block::Page(0, 0), 500, NOW);
        assert_eq!(
            outbox.next(Lane::Thread, NOW),
            Next::At(NOW + 500),
            "nobody overtakes"
        );
        outbox.give_up(Block::Page(0, 0));
        assert_eq!(
            outbox.next(Lane::Thread, NOW),
            Next::Create(Block::Page(0, 1))
        );
        assert_eq!(outbox.next(Lane::Channel, NOW), Next::Idle);
    }
}
