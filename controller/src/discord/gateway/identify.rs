//! Counts logins (identifies), and lets a shard make the one that was counted. Discord resets the token of a bot that makes too many.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::oneshot;
use tokio::time::Instant;
use twilight_gateway::queue::Queue;

use crate::discord::answers::SessionStarts;

const DAY_MS: u64 = 24 * 3_600_000;

/// The logins of this process, and the rule for the next. Pure: time is an argument.
#[derive(Debug)]
pub(super) struct Identifies {
    times_ms: VecDeque<u64>,
    per_day: u32,
    gap_ms: u64,
}

/// Whether the bot may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Decision {
    /// After this many milliseconds.
    In(u64),
    /// Not today: `used` logins are counted, some are free again after `retry_ms`.
    Exhausted { used: u32, retry_ms: u64 },
}

impl Identifies {
    pub(super) fn new(per_day: u32, gap_ms: u64) -> Self {
        Self {
            times_ms: VecDeque::new(),
            per_day,
            gap_ms,
        }
    }

    /// Notes a login that was made.
    pub(super) fn record(&mut self, at_ms: u64) {
        self.times_ms.push_back(at_ms);
        if self.times_ms.len() > self.per_day as usize {
            self.times_ms.pop_front();
        }
    }

    /// Decides about the next. Discord's count includes those of earlier processes and of others; ours those that it has not told yet.
    pub(super) fn decide(&self, starts: &SessionStarts, now_ms: u64) -> Decision {
        let day_ago_ms = now_ms.checked_sub(DAY_MS);
        let today = |at_ms: &&u64| day_ago_ms.is_none_or(|ago_ms| **at_ms > ago_ms);
        let own = u32::try_from(self.times_ms.iter().filter(today).count()).unwrap_or(u32::MAX);
        let used = own.max(starts.total.saturating_sub(starts.remaining));
        if used >= self.per_day || starts.remaining == 0 {
            return Decision::Exhausted {
                used,
                retry_ms: starts.reset_after_ms.max(1_000),
            };
        }
        let free_ms = self
            .times_ms
            .back()
            .map_or(0, |at_ms| at_ms.saturating_add(self.gap_ms));
        Decision::In(free_ms.saturating_sub(now_ms))
    }
}

/// Lets one login through, and only when there is one to make.
#[derive(Clone, Debug)]
pub(super) struct Gate(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    open: bool,
    used_at: Option<Instant>,
    /// A login that waits for ever. Were it dropped, the shard would ask again at once, and again.
    held: Option<oneshot::Sender<()>>,
}

impl Gate {
    /// A gate that lets one login through, or none.
    pub(super) fn new(open: bool) -> Self {
        Self(Arc::new(Mutex::new(State {
            open,
            used_at: None,
            held: None,
        })))
    }

    /// When the login was let through, if it was.
    pub(super) fn used_at(&self) -> Option<Instant> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .used_at
    }
}

impl Queue for Gate {
    fn enqueue(&self, _shard: u32) -> oneshot::Receiver<()> {
        let (tx, rx) = oneshot::channel();
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut state.open) {
            state.used_at = Some(Instant::now());
            tx.send(()).ok(); // The receiver is in our hand.
        } else {
            state.held = Some(tx);
        }
        rx
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRESH: SessionStarts = SessionStarts {
        total: 1_000,
        remaining: 1_000,
        reset_after_ms: 7_000,
    };

    #[test]
    fn logins_keep_their_distance() {
        let mut identifies = Identifies::new(200, 5_000);
        assert_eq!(identifies.decide(&FRESH, 10), Decision::In(0));
        identifies.record(10);
        assert_eq!(identifies.decide(&FRESH, 1_010), Decision::In(4_000));
        assert_eq!(identifies.decide(&FRESH, 9_000), Decision::In(0));
    }

    #[test]
    fn the_day_has_an_end() {
        let mut identifies = Identifies::new(3, 0);
        (1..=3).for_each(|at_ms| identifies.record(at_ms));
        let exhausted = Decision::Exhausted {
            used: 3,
            retry_ms: 7_000,
        };
        assert_eq!(identifies.decide(&FRESH, 5), exhausted);
        assert_eq!(identifies.decide(&FRESH, DAY_MS + 1), Decision::In(0));
    }

    #[test]
    fn discords_count_covers_other_processes() {
        let identifies = Identifies::new(200, 0);
        let starts = |remaining| SessionStarts { remaining, ..FRESH };
        assert_eq!(identifies.decide(&starts(801), 0), Decision::In(0));
        let refused = |remaining| {
            matches!(
                identifies.decide(&starts(remaining), 0),
                Decision::Exhausted { .. }
            )
        };
        assert!(refused(800) && refused(0));
    }

    #[test]
    fn a_gate_lets_one_through() {
        let gate = Gate::new(true);
        assert!(gate.enqueue(0).try_recv().is_ok());
        assert!(gate.used_at().is_some());
        let mut second = gate.enqueue(0);
        assert_eq!(second.try_recv(), Err(oneshot::error::TryRecvError::Empty));
        let mut closed = Gate::new(false).enqueue(0);
        // Its gate is gone, so it may end, but it never succeeds.
        assert!(closed.try_recv().is_err());
    }
}
