//! Who waits for the next call, and in which order. Pure: when a route may be called is an argument.
//!
//! Those who wait for one route stand in line. Among routes it goes round, so that one that always wants something takes no more of what
//! all share than any other. In a line what a person waits for goes before progress, but not without end.

use std::collections::{HashMap, VecDeque};

use shanty_core::outbox::Urgency;

use crate::discord::call::Route;

/// So many urgent ones in a row overtake progress that waits for the same route; then it has its turn.
const URGENT_IN_A_ROW_MAX: u32 = 4;

/// A place in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ticket {
    number: u64,
    route: Route,
    urgency: Urgency,
}

impl Ticket {
    /// What it waits for.
    #[must_use]
    pub(super) const fn route(&self) -> &Route {
        &self.route
    }
}

/// Everybody who waits.
#[derive(Debug, Default)]
pub(super) struct Queue {
    lines: HashMap<Route, Line>,
    /// The routes that somebody waits for; the first is asked first.
    round: VecDeque<Route>,
    last: u64,
}

/// Those who wait for one route.
#[derive(Debug, Default)]
struct Line {
    urgent: VecDeque<Ticket>,
    progress: VecDeque<Ticket>,
    urgent_in_a_row: u32,
}

impl Queue {
    /// Takes a place at the end of the route's line.
    pub(super) fn join(&mut self, route: Route, urgency: Urgency) -> Ticket {
        self.last += 1;
        let ticket = Ticket {
            number: self.last,
            route,
            urgency,
        };
        let line = self.lines.entry(route).or_insert_with(|| {
            self.round.push_back(route);
            Line::default()
        });
        line.of(urgency).push_back(ticket);
        ticket
    }

    /// Gives a place up, if it is still there.
    pub(super) fn leave(&mut self, ticket: &Ticket) {
        let Some(line) = self.lines.get_mut(&ticket.route) else {
            return;
        };
        if line.progress.front() == Some(ticket) {
            line.urgent_in_a_row = 0;
        }
        line.of(ticket.urgency).retain(|other| other != ticket);
        if line.is_empty() {
            self.lines.remove(&ticket.route);
            self.round.retain(|route| *route != ticket.route);
        }
    }

    /// Takes out whoever is next among those whose route may be called; that route is asked last then.
    pub(super) fn next(&mut self, may_go: impl Fn(&Route) -> bool) -> Option<Ticket> {
        let at = self.round.iter().position(may_go)?;
        let route = self.round.remove(at)?;
        let line = self.lines.get_mut(&route)?;
        let next = line.next();
        if line.is_empty() {
            self.lines.remove(&route);
        } else {
            self.round.push_back(route);
        }
        next
    }

    /// The routes that somebody waits for.
    pub(super) fn routes(&self) -> impl Iterator<Item = &Route> {
        self.round.iter()
    }

    /// Somebody who waits, always the same one as long as nobody came or went.
    #[must_use]
    pub(super) fn somebody(&self) -> Option<Ticket> {
        self.lines.get(self.round.front()?)?.head().copied()
    }

    /// Whether this place is still waited at.
    #[must_use]
    pub(super) fn holds(&self, ticket: &Ticket) -> bool {
        let line = self.lines.get(&ticket.route);
        line.is_some_and(|line| line.urgent.contains(ticket) || line.progress.contains(ticket))
    }
}

impl Line {
    fn of(&mut self, urgency: Urgency) -> &mut VecDeque<Ticket> {
        match urgency {
            Urgency::Now => &mut self.urgent,
            Urgency::Progress => &mut self.progress,
        }
    }

    fn is_progress_next(&self) -> bool {
        self.urgent.is_empty()
            || (self.urgent_in_a_row >= URGENT_IN_A_ROW_MAX && !self.progress.is_empty())
    }

    fn head(&self) -> Option<&Ticket> {
        if self.is_progress_next() {
            self.progress.front()
        } else {
            self.urgent.front()
        }
    }

    fn next(&mut self) -> Option<Ticket> {
        if self.is_progress_next() {
            self.urgent_in_a_row = 0;
            self.progress.pop_front()
        } else {
            let next = self.urgent.pop_front()?;
            // Only those count who overtake somebody that came before.
            let waits = self.progress.front();
            if waits.is_some_and(|waits| waits.number < next.number) {
                self.urgent_in_a_row += 1;
            }
            Some(next)
        }
    }

    fn is_empty(&self) -> bool {
        self.urgent.is_empty() && self.progress.is_empty()
    }
}

#[cfg(test)]
mod tests;
