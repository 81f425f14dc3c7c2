//! What one host may cost: how fast it may speak, and how much output of its it keeps here that nobody has let go of. It belongs to the host and not
//! to one of its links, so that who comes again has what it had.

use std::collections::BTreeMap;

use super::bucket::Bucket;
use crate::ids::RunId;
use crate::limits;

/// Runs whose output one host may have under way: more than an agent remembers.
const RUNS_MAX: usize = 16_384;

/// Executions of a first message that cost as much as another message.
const NAMED_PER_MESSAGE: usize = 20;

/// What one host has used of what it may.
#[derive(Clone, Debug)]
pub struct Budget {
    control: Bucket,
    calls: Bucket,
    /// How far it has sent each output that nobody has let go of.
    sent: BTreeMap<RunId, Sent>,
    used_ms: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sent {
    bytes: u64,
    /// Since when the host does not say that it holds it.
    missed_ms: Option<u64>,
}

impl Budget {
    /// Of a host that has used nothing.
    #[must_use]
    pub const fn new(now_ms: u64) -> Self {
        let (burst, per_second) = limits::CONTROL_MAX;
        let bucket = Bucket::new(burst, per_second, now_ms);
        Self {
            control: bucket,
            calls: bucket,
            sent: BTreeMap::new(),
            used_ms: now_ms,
        }
    }

    /// Takes a message besides output; false when it has to wait.
    pub fn message(&mut self, now_ms: u64) -> bool {
        self.used_ms = self.used_ms.max(now_ms);
        self.control.take(now_ms)
    }

    /// Milliseconds until it may say something besides output.
    pub fn wait_ms(&mut self, now_ms: u64) -> u64 {
        self.control.wait_ms(now_ms)
    }

    /// Takes a call beside the link; false when that is one too many.
    pub fn call(&mut self, now_ms: u64) -> bool {
        self.used_ms = self.used_ms.max(now_ms);
        self.calls.take(now_ms)
    }

    /// A link begins: the host says that it holds these runs, and so much is stored of each. What it does not name any more counts for an hour, as
    /// it may just not be named.
    pub fn holds(&mut self, held: &BTreeMap<RunId, u64>, now_ms: u64) {
        self.used_ms = self.used_ms.max(now_ms);
        for (run, sent) in &mut self.sent {
            sent.missed_ms = match held.contains_key(run) {
                true => None,
                false => Some(sent.missed_ms.unwrap_or(now_ms)),
            };
        }
        self.sent.retain(|_, sent| {
            let missed_ms = sent.missed_ms.map(|since| now_ms.saturating_sub(since));
            missed_ms.is_none_or(|missed_ms| missed_ms < limits::BUDGET_MEMORY_MS)
        });
        for (run, stored) in held {
            let sent = self.sent.entry(*run).or_default();
            sent.bytes = sent.bytes.max(*stored);
        }
    }

    /// It sends output of a run up to this offset; false when that is more than a host may have here that nobody has let go of.
    pub fn send(&mut self, run: RunId, end: u64) -> bool {
        let sent = self.sent.entry(run).or_default();
        sent.bytes = sent.bytes.max(end);
        sent.missed_ms = None;
        let all = self.sent.values().map(|sent| sent.bytes);
        let held = all.fold(0_u64, u64::saturating_add);
        held <= limits::HELD_BYTES_MAX && self.sent.len() <= RUNS_MAX
    }

    /// The host is told to let go of a run, or need not keep it.
    pub fn release(&mut self, run: RunId) {
        self.sent.remove(&run);
    }

    /// Whether a new one would be the same, or near enough: nothing was used of it for so long.
    pub fn is_spent(&mut self, now_ms: u64) -> bool {
        let idle_ms = now_ms.saturating_sub(self.used_ms);
        let full = self.control.is_full(now_ms) && self.calls.is_full(now_ms);
        (full && self.sent.is_empty()) || idle_ms >= limits::BUDGET_MEMORY_MS
    }
}

/// How many messages a first message counts for that names so many executions: each of them is looked up.
#[must_use]
pub const fn messages_of_hello(executions: usize) -> usize {
    1 + executions / NAMED_PER_MESSAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = limits::BUDGET_MEMORY_MS;

    fn run(n: u8) -> RunId {
        RunId::from_bytes([n; 16])
    }

    #[test]
    fn who_comes_again_has_what_it_had() {
        let mut budget = Budget::new(0);
        assert!(budget.send(run(1), limits::HELD_BYTES_MAX));
        // It says nothing of it in its next first message, or does.
        budget.holds(&BTreeMap::new(), 1_000);
        assert!(!budget.send(run(2), 1));
        budget.release(run(2));
        budget.holds(&BTreeMap::from([(run(1), 5)]), 2_000);
        assert!(!budget.send(run(2), 1));
        budget.release(run(1));
        assert!(budget.send(run(2), limits::HELD_BYTES_MAX));
        assert!(!budget.send(run(2), limits::HELD_BYTES_MAX + 1));
    }

    #[test]
    fn what_is_stored_counts_before_more_of_it_comes() {
        let mut budget = Budget::new(0);
        budget.holds(&BTreeMap::from([(run(1), limits::HELD_BYTES_MAX)]), 0);
        assert!(budget.send(run(1), 7), "that is there already");
        assert!(!budget.send(run(2), 1));
    }

    #[test]
    fn what_a_host_has_lost_is_not_held_against_it_for_ever() {
        let mut budget = Budget::new(0);
        assert!(budget.send(run(1), limits::HELD_BYTES_MAX));
        budget.holds(&BTreeMap::new(), 1_000);
        budget.holds(&BTreeMap::new(), HOUR);
        assert!(!budget.send(run(2), 1), "one second is missing");
        budget.holds(&BTreeMap::new(), 1_000 + HOUR);
        assert!(budget.send(run(2), 1));
    }

    #[test]
    fn no_number_of_runs_gets_past_it() {
        let mut budget = Budget::new(0);
        let mut runs = (0_u128..).map(|n| RunId::from_bytes(n.to_be_bytes()));
        assert!(runs.by_ref().take(RUNS_MAX).all(|run| budget.send(run, 0)));
        assert!(!runs.next().is_some_and(|run| budget.send(run, 0)));
        let mut budget = Budget::new(0);
        assert!(!budget.send(run(1), u64::MAX) && !budget.send(run(2), u64::MAX));
    }

    #[test]
    fn it_is_forgotten_when_a_new_one_would_be_the_same() {
        let mut budget = Budget::new(0);
        assert!(budget.is_spent(0));
        assert!(budget.message(0) && !budget.is_spent(0) && budget.is_spent(20));
        assert!(budget.call(20) && !budget.is_spent(20));
        assert!(budget.send(run(1), 1));
        assert!(!budget.is_spent(HOUR + 19) && budget.is_spent(HOUR + 20));
        assert_eq!([0, 19, 1_000].map(messages_of_hello), [1, 1, 51]);
    }
}
