//! Hubs that are broken on purpose: each changes what a sound hub asks for, and must be found out.

use shanty_core::hub::Effect;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::journal::{Kind, Record};
use shanty_core::principal::Actor;
use shanty_core::refusal::Code;
use shanty_core::run::{How, Outcome, Reason};

use super::world::World;

/// What is wrong with the hub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// An order goes out again when the host was told to forget the execution.
    OrdersAgainAfterRelease,
    /// A host may forget an execution as soon as it says that it runs.
    ReleasesBeforeTheEndIsStored,
    /// A person is told before the record is written.
    AnswersBeforeTheRecord,
    /// Orders go out when a run is accepted.
    OrdersBeforeGo,
    /// A removed host is told to stop what it runs.
    SpeaksToTheRemoved,
    /// A hold is not looked at.
    StartsOnHold,
    /// A link that ends means that nothing has begun.
    SaysNotStartedOfWhatRan,
    /// A host starts while its run rests.
    StartsWhilePaused,
    /// A host starts when more have failed than its run bears.
    StartsAfterTooManyFailed,
    /// That a run is over is not recorded.
    ForgetsToClose,
}

/// True for a host that was kept from starting because others had failed.
fn is_kept(outcome: &Outcome) -> bool {
    let max_fail = Code::MaxFail.as_str();
    matches!(&outcome.how, How::NotStarted(reason) if reason.code == max_fail)
}

/// True for an effect that this fault keeps back.
pub(crate) fn keeps_back(fault: Option<Fault>, effect: &Effect) -> bool {
    match (fault, effect) {
        (Some(Fault::ForgetsToClose), Effect::Append { records, .. }) => {
            records.iter().any(|r| matches!(r.kind, Kind::Closed(_)))
        }
        _ => false,
    }
}

impl World {
    /// A record that is not true.
    pub(crate) fn lie(&mut self, agent: AgentId) {
        if let Some(run) = self.hosts[&agent].running().first().copied() {
            let how = How::NotStarted(Reason::new(Code::Offline, "the link ended"));
            let outcome = Outcome::without_output(how);
            let kind = Kind::Finished {
                run,
                agent,
                outcome,
            };
            let (at_ms, actor) = (self.now_ms, Actor::Controller);
            self.journal.push(Record { at_ms, actor, kind });
        }
    }

    /// An order that goes out just after this record.
    pub(crate) fn faults_of_waves(&self, record: &Record) {
        match (&record.kind, self.fault) {
            (Kind::Paused { run }, Some(Fault::StartsWhilePaused)) => {
                let run = self.hub.known().state.run_of(*run);
                if let Some((agent, _)) = run.and_then(|run| run.executions().next()) {
                    self.starts_in_turn(agent, run.expect("a run").spec.id);
                }
            }
            (
                Kind::Finished {
                    run,
                    agent,
                    outcome,
                },
                Some(Fault::StartsAfterTooManyFailed),
            ) if is_kept(outcome) => self.starts_in_turn(*agent, *run),
            _ => {}
        }
    }

    /// What a hub asks for that does not wait for `Go`, or looks at no hold.
    pub(crate) fn faults_of_accepting(&self, run: RunId) {
        let Some(run) = self.hub.known().state.run_of(run) else {
            return;
        };
        let agent = run.spec.targets[0].agent;
        match self.fault {
            Some(Fault::OrdersBeforeGo) => self.ordered_when_written(agent, run.spec.id),
            Some(Fault::StartsOnHold) => self.nothing_starts_on_hold(agent),
            _ => {}
        }
    }
}
