//! Whether one execution may start now: the one place that decides it, for a run that begins, a host that comes back, a hold or a drain
//! that ends, a host that is removed, and time that passes.
//!
//! An order to a host that was waited for is recorded before it is sent. So it is known, also after a restart of the controller, that a host
//! to which none was recorded has never run it.

use crate::limits;
use crate::refusal::Code;
use crate::time::{LinkTime, Now};

use super::waves::Turn;
use super::{Away, Execution, Offline, Progress, Reason, Run, Waiting};

/// Whether a host could be given a run's order now, and if not, what keeps it from that. The first that is true stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Gate {
    /// It was removed: it cannot come back.
    Removed,
    /// It has no link.
    Offline,
    /// What the run was asked under does not cover it any more.
    Denied,
    /// Its agent is too old for what the run asks for.
    Old,
    /// Somebody asked it to take no new runs.
    Draining,
    /// New runs are on hold.
    Hold,
    /// Whoever asked for it may not any more.
    Dismissed,
    /// It must be heard first whether whoever asked for it still may.
    Asking,
    /// Nothing keeps it.
    Open,
}

/// What made somebody look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// The run begins.
    Begin,
    /// The host has a link, and does not hold the execution.
    NotHeld,
    /// What keeps the host, or what is recorded, has changed.
    Changed,
}

/// What follows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Launch {
    /// The order is sent.
    Send,
    /// The order was sent, and goes again with its old deadline.
    SendAgain(LinkTime),
    /// That the order goes is recorded first.
    Record,
    /// It waits for what keeps its host.
    Wait,
    /// It waits for others of its run, or for somebody who says that the run goes on.
    Line,
    /// It has not run and will not.
    NotStarted(Reason),
    /// It may have run, and nobody will ever know.
    Lost(Reason),
    /// It is under way or over: there is nothing to start.
    Nothing,
}

/// Decides about one execution of a run.
pub(super) fn launch(
    run: &Run,
    execution: &Execution,
    gate: Gate,
    moment: Moment,
    now: Now,
) -> Launch {
    match (&execution.progress, gate) {
        (Progress::Ending(_) | Progress::Done(_), _) => Launch::Nothing,
        // What no order went to has never begun; what may have begun is heard of no more.
        (Progress::Waiting(_), Gate::Removed) => Launch::NotStarted(removed()),
        (Progress::Ordered(_) | Progress::Running { .. }, Gate::Removed) => Launch::Lost(removed()),
        (Progress::Running { .. }, _) => match moment {
            // An agent keeps every execution that it ever accepted until it is released.
            Moment::NotHeld => {
                let text = "the host came back and does not know it any more";
                Launch::Lost(Reason::new(Code::Agent, text))
            }
            Moment::Begin | Moment::Changed => Launch::Nothing,
        },
        (Progress::Waiting(Waiting::Record), _)
            if moment != Moment::NotHeld && run.cancel.is_none() =>
        {
            Launch::Wait
        }
        (Progress::Waiting(_), _) => waiting(run, execution, gate, moment, now),
        (Progress::Ordered(sent), _) if run.waves().is_some() => {
            ordered_in_turn(run, execution, *sent, gate, moment, now)
        }
        (Progress::Ordered(sent), _) => ordered(run, *sent, gate, moment, now),
    }
}

/// No order went to it.
fn waiting(run: &Run, execution: &Execution, gate: Gate, moment: Moment, now: Now) -> Launch {
    if run.cancel.is_some() {
        return Launch::NotStarted(cancelled(moment));
    }
    if let (true, Some(away)) = (run.is_skipped(execution), execution.away) {
        return Launch::NotStarted(kept(away, "skipped: "));
    }
    if run.waves().is_some() {
        return in_turn(run, execution, gate, now).unwrap_or(Launch::Record);
    }
    let until_ms = run.queued_until_ms();
    if until_ms.is_some_and(|until_ms| now.wall_ms >= until_ms) {
        return Launch::NotStarted(queue_expired());
    }
    let waits = until_ms.is_some();
    // A run that waits for nobody has begun, and this part of it was never ended: an earlier process was cut off in between.
    let cut_off = !waits && moment != Moment::Begin;
    if cut_off
        && !matches!(
            gate,
            Gate::Removed | Gate::Denied | Gate::Old | Gate::Dismissed
        )
    {
        return Launch::NotStarted(restarted());
    }
    let first = waits && (execution.away.is_some() || moment != Moment::Begin);
    kept_by(gate, waits).unwrap_or(if first { Launch::Record } else { Launch::Send })
}

/// An order may have gone to it, and the host has not confirmed it.
fn ordered(run: &Run, sent: Option<LinkTime>, gate: Gate, moment: Moment, now: Now) -> Launch {
    let deadline = sent.map(|sent| sent.plus_ms(limits::ORDER_NOT_AFTER_MS));
    let on_its_way = deadline.filter(|deadline| now.link < *deadline);
    let in_time = run
        .queued_until_ms()
        .is_some_and(|until_ms| now.wall_ms < until_ms);
    if moment != Moment::NotHeld {
        // It is not known that the host does not hold it, unless that it goes was recorded just now.
        let idle = on_its_way.is_none() && run.cancel.is_none() && in_time;
        return match gate {
            Gate::Open if idle => Launch::Send,
            Gate::Denied if idle && sent.is_none() => Launch::NotStarted(denied()),
            Gate::Old if idle && sent.is_none() => Launch::NotStarted(old()),
            Gate::Dismissed if idle && sent.is_none() => Launch::NotStarted(dismissed()),
            Gate::Open
            | Gate::Denied
            | Gate::Old
            | Gate::Draining
            | Gate::Hold
            | Gate::Dismissed
            | Gate::Asking
            | Gate::Offline => Launch::Nothing,
            Gate::Removed => Launch::Lost(removed()),
        };
    }
    if run.cancel.is_some() {
        return Launch::NotStarted(cancelled(moment));
    }
    if on_its_way.is_none() && !in_time {
        return Launch::NotStarted(too_late(run, sent));
    }
    // It does not hold it, and nothing of the old link can reach it any more: it is as if no order had gone.
    kept_by(of_sent(gate, on_its_way), in_time)
        .unwrap_or_else(|| on_its_way.map_or(Launch::Send, Launch::SendAgain))
}

/// An order that is out already, with its own deadline, is not decided anew while it is asked who wanted it.
fn of_sent(gate: Gate, on_its_way: Option<LinkTime>) -> Gate {
    match (gate, on_its_way) {
        (Gate::Asking, Some(_)) => Gate::Open,
        (gate, _) => gate,
    }
}

/// What keeps a host of a run with waves from an order that it does not hold: others of its run, then what keeps the host; nothing when it
/// may start now. While new runs are on hold the run goes no further.
fn in_turn(run: &Run, execution: &Execution, gate: Gate, now: Now) -> Option<Launch> {
    match run.turn(execution) {
        Turn::Never(reason) => Some(Launch::NotStarted(reason)),
        Turn::Later => Some(Launch::Line),
        Turn::Now if gate == Gate::Hold => Some(Launch::Wait),
        Turn::Now => kept_by(gate, run.may_be_back(now)),
    }
}

/// The same, where it was recorded that the order goes, or it went.
fn ordered_in_turn(
    run: &Run,
    execution: &Execution,
    sent: Option<LinkTime>,
    gate: Gate,
    moment: Moment,
    now: Now,
) -> Launch {
    // It is on its way, or was.
    if sent.is_some() && moment != Moment::NotHeld {
        return Launch::Nothing;
    }
    if run.cancel.is_some() {
        return match moment {
            Moment::NotHeld => Launch::NotStarted(cancelled(moment)),
            // A run that was cancelled records no more orders.
            Moment::Begin | Moment::Changed => Launch::Nothing,
        };
    }
    // That it goes was recorded just now, or its host does not hold it: it never took it.
    let deadline = sent.map(|sent| sent.plus_ms(limits::ORDER_NOT_AFTER_MS));
    let on_its_way = deadline.filter(|deadline| now.link < *deadline);
    in_turn(run, execution, of_sent(gate, on_its_way), now)
        .unwrap_or_else(|| on_its_way.map_or(Launch::Send, Launch::SendAgain))
}

/// What follows for a host that is kept from an order that it never had; nothing when nothing keeps it.
fn kept_by(gate: Gate, waits: bool) -> Option<Launch> {
    let reason = match gate {
        Gate::Open => return None,
        Gate::Removed => removed(),
        Gate::Denied => denied(),
        Gate::Old => old(),
        Gate::Dismissed => dismissed(),
        // Who could not be asked about may nothing yet.
        Gate::Asking => return Some(Launch::Wait),
        Gate::Offline | Gate::Draining | Gate::Hold if waits => return Some(Launch::Wait),
        Gate::Offline => kept(Away::Offline, ""),
        Gate::Draining => kept(Away::Draining, ""),
        Gate::Hold => Reason::new(Code::Hold, "new runs are on hold"),
    };
    Some(Launch::NotStarted(reason))
}

fn too_late(run: &Run, sent: Option<LinkTime>) -> Reason {
    match sent {
        Some(_) => {
            let text = "the order did not reach the host in time";
            Reason::new(Code::Expired, text)
        }
        None if run.waits() => queue_expired(),
        None => restarted(),
    }
}

fn removed() -> Reason {
    Reason::new(Code::NotFound, "the host was removed")
}

fn denied() -> Reason {
    let text = "the grant that it was asked under does not cover the host any more";
    Reason::new(Code::Denied, text)
}

fn old() -> Reason {
    let text = "its agent is too old for this: run the line of /host add there once";
    Reason::new(Code::Version, text)
}

fn dismissed() -> Reason {
    let text = "whoever asked for it may not run it any more";
    Reason::new(Code::Denied, text)
}

fn restarted() -> Reason {
    let text = "the controller restarted before it was sent";
    Reason::new(Code::ControllerRestart, text)
}

fn cancelled(moment: Moment) -> Reason {
    let text = match moment {
        Moment::Begin | Moment::Changed => "cancelled before it began",
        Moment::NotHeld => "cancelled before it reached the host",
    };
    Reason::new(Code::Closed, text)
}

fn queue_expired() -> Reason {
    let text = "the host could not take it before the time was up";
    Reason::new(Code::Expired, text)
}

fn kept(away: Away, skipped: &str) -> Reason {
    match away {
        Away::Offline => Reason::new(Code::Offline, format!("{skipped}the host was offline")),
        Away::Draining => Reason::new(Code::Draining, format!("{skipped}the host is draining")),
    }
}

impl Run {
    /// True when it waits for hosts that cannot take the order.
    #[must_use]
    pub(super) fn waits(&self) -> bool {
        matches!(self.spec.strategy.offline, Offline::Queue { .. })
    }
}

#[cfg(test)]
mod tests;
