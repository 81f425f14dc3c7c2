//! Gives permits in turn, and wakes nobody else. Nothing is sent or awaited here, and time is an argument.
//!
//! Whenever something changes, whoever may go now gets a grant. When only time can help, one of those who wait keeps an alarm for all; when
//! that one leaves, another one does. A grant that was not fetched, because its owner is gone, goes to the next.

use std::collections::HashMap;
use std::sync::Arc;

use shanty_core::outbox::Urgency;
use tokio::sync::Notify;

use super::limiter::{Grant, Limited, Limiter, Stop, Use};
use super::queue::{Queue, Ticket};
use crate::discord::answers::Answer;
use crate::discord::call::{Class, Route};

/// The limits, and those who wait for them.
#[derive(Debug, Default)]
pub(super) struct Turns {
    limiter: Limiter,
    queue: Queue,
    waiting: HashMap<Ticket, Waiter>,
    /// Who keeps the alarm.
    keeper: Option<Ticket>,
    /// When somebody may go although nothing else changed.
    alarm_ms: Option<u64>,
}

/// One that waits, or was granted what it waited for and has not fetched it yet.
#[derive(Debug)]
struct Waiter {
    wake: Arc<Notify>,
    grant: Option<Grant>,
}

/// What one that waits finds.
#[derive(Debug)]
pub(super) enum Found {
    /// It may go.
    Granted(Grant),
    /// It waits until it is woken, and not longer than until this time.
    Waits(Option<u64>),
}

impl Turns {
    /// Takes a place in line, or a grant for what never waits. Whoever waits must [`Self::look`] at once, and each time when woken.
    pub(super) fn join(
        &mut self,
        route: Route,
        urgency: Urgency,
        now_ms: u64,
    ) -> Result<(Ticket, Arc<Notify>), Grant> {
        if route.class() == Class::Callback {
            return Err(self.limiter.take(&route, now_ms));
        }
        let ticket = self.queue.join(route, urgency);
        let wake = Arc::new(Notify::new());
        let waiter = Waiter {
            wake: Arc::clone(&wake),
            grant: None,
        };
        self.waiting.insert(ticket, waiter);
        self.deal(now_ms);
        Ok((ticket, wake))
    }

    /// Whether one that waits may go.
    pub(super) fn look(&mut self, ticket: &Ticket, now_ms: u64) -> Found {
        self.deal(now_ms);
        let granted = self.waiting.get_mut(ticket);
        if let Some(grant) = granted.and_then(|waiter| waiter.grant.take()) {
            self.waiting.remove(ticket);
            return Found::Granted(grant);
        }
        let keeps = self.keeper.as_ref() == Some(ticket);
        Found::Waits(self.alarm_ms.filter(|_| keeps))
    }

    /// One waits no more. Nothing happens when it has fetched its grant.
    pub(super) fn leave(&mut self, ticket: &Ticket, now_ms: u64) {
        let Some(waiter) = self.waiting.remove(ticket) else {
            return;
        };
        match waiter.grant {
            Some(grant) => self.limiter.release(grant, Use::Unused),
            None => self.queue.leave(ticket),
        }
        self.deal(now_ms);
    }

    /// Gives a grant back.
    pub(super) fn release(&mut self, grant: Grant, used: Use, now_ms: u64) {
        self.limiter.release(grant, used);
        self.deal(now_ms);
    }

    /// Learns from an answer, and takes the grant of its call back.
    pub(super) fn answered(
        &mut self,
        route: &Route,
        answer: &Answer,
        grant: Option<Grant>,
        now_ms: u64,
    ) -> Option<Limited> {
        let limited = self.limiter.observe(route, answer, now_ms);
        if let Some(grant) = grant {
            self.limiter.release(grant, Use::Answered);
        }
        self.deal(now_ms);
        limited
    }

    /// There is another token: what was refused because of the old one counts no more.
    pub(super) fn renewed(&mut self) {
        self.limiter.renewed();
    }

    /// Why a call must not be sent at all, if so.
    pub(super) fn stopped(&self, route: &Route, now_ms: u64) -> Option<Stop> {
        self.limiter.stopped(route, now_ms)
    }

    /// Grants what may go now, in turn, and sees to it that somebody keeps the alarm.
    fn deal(&mut self, now_ms: u64) {
        loop {
            let limiter = &self.limiter;
            let may_go = |route: &Route| {
                limiter
                    .ready_at(route, now_ms)
                    .is_some_and(|at| at <= now_ms)
            };
            let Some(ticket) = self.queue.next(may_go) else {
                break;
            };
            let grant = self.limiter.take(ticket.route(), now_ms);
            match self.waiting.get_mut(&ticket) {
                Some(waiter) => {
                    waiter.grant = Some(grant);
                    waiter.wake.notify_one();
                }
                None => self.limiter.release(grant, Use::Unused),
            }
        }
        let times = self.queue.routes();
        let alarm_ms = times
            .filter_map(|route| self.limiter.ready_at(route, now_ms))
            .min();
        let kept = self.keeper.filter(|keeper| self.queue.holds(keeper));
        let keeper = kept.or_else(|| self.queue.somebody());
        if (alarm_ms, keeper) == (self.alarm_ms, self.keeper) {
            return;
        }
        (self.alarm_ms, self.keeper) = (alarm_ms, keeper);
        if let Some(waiter) = keeper.and_then(|keeper| self.waiting.get(&keeper)) {
            waiter.wake.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
