//! What must hold, by the names that the security page gives them.

use shanty_core::hold::Hold;
use shanty_core::ids::{AgentId, RunId};
use shanty_core::journal::{HostChange, Kind, Record};
use shanty_core::run::{How, Offline, Phase};

use super::world::World;

impl World {
    fn is_written(&self, what: impl Fn(&Record) -> bool) -> bool {
        self.journal.iter().any(what)
    }

    /// I1: each execution starts at most once on its host.
    pub(crate) fn started_once(&self) {
        for (agent, host) in &self.hosts {
            for (run, times) in &host.started {
                assert!(*times <= 1, "I1: {run} started {times} times on {agent}");
            }
        }
    }

    /// I2: a host forgets an execution only when all of it is stored here, and that is recorded.
    pub(crate) fn released_when_stored(&self, agent: AgentId, run: RunId) {
        let holds = self.hosts[&agent].holds.contains_key(&run);
        let stored = self.exits.contains_key(&(run, agent));
        assert!(
            !holds || stored,
            "I2: {agent} forgets {run}, which is not stored"
        );
        let recorded = self.is_written(|record| {
            matches!(&record.kind, Kind::Finished { run: r, agent: a, .. } if (*r, *a) == (run, agent))
        });
        assert!(
            recorded,
            "I2: {agent} forgets {run}, whose end is not recorded"
        );
    }

    /// I4: what somebody was told is written.
    pub(crate) fn told_when_written(&self, run: RunId) {
        let accepted = self
            .is_written(|record| matches!(&record.kind, Kind::Accepted(spec) if spec.id == run));
        assert!(accepted, "I4: {run} was answered and is not written");
    }

    /// I5: no order without `Go`; and to a host that a run waits for, none without `Sent`.
    pub(crate) fn ordered_when_written(&self, agent: AgentId, run: RunId) {
        let go = self.is_written(|record| matches!(record.kind, Kind::Go(r) if r == run));
        assert!(go, "I5: an order of {run} without `Go`");
        let spec = self.journal.iter().find_map(|record| match &record.kind {
            Kind::Accepted(spec) if spec.id == run => Some(spec),
            _ => None,
        });
        let target = spec.and_then(|spec| spec.targets.iter().find(|t| t.agent == agent));
        assert!(target.is_some(), "I5: {run} is not for {agent}");
        let waits = spec.is_some_and(|s| matches!(s.strategy.offline, Offline::Queue { .. }));
        let away = target.is_some_and(|target| target.away.is_some());
        let sent = self.is_written(|record| {
            matches!(record.kind, Kind::Sent { run: r, agent: a } if (r, a) == (run, agent))
        });
        assert!(
            sent || !(waits && away),
            "I5: an order of {run} for {agent}, which was away, without `Sent`"
        );
    }

    /// I6: nothing is sent to a host after its removal is written.
    pub(crate) fn nothing_for_the_removed(&self, agent: AgentId) {
        let removed = self.is_written(|record| record.kind == HostChange::Revoked.of(agent));
        assert!(!removed, "I6: a frame for {agent}, which was removed");
    }

    /// New runs do not start while they are on hold, nor on a host that drains.
    pub(crate) fn nothing_starts_on_hold(&self, agent: AgentId) {
        let (mut hold, mut drains) = (false, false);
        for record in &self.journal {
            match &record.kind {
                Kind::Hold(now) => hold = *now != Hold::Off,
                Kind::HostChanged {
                    agent: a,
                    change: HostChange::Drained { on },
                } if *a == agent => drains = *on,
                _ => {}
            }
        }
        assert!(
            !hold,
            "hold: an order for {agent} while new runs are on hold"
        );
        assert!(
            !drains,
            "hold: an order for {agent}, which takes no new runs"
        );
    }

    /// What is recorded of an execution is what happened: never "not started" of what ran, and no exit code but its own.
    pub(crate) fn truth(&self) {
        for record in &self.journal {
            let Kind::Finished {
                run,
                agent,
                outcome,
            } = &record.kind
            else {
                continue;
            };
            let started = self.hosts[agent].started.contains_key(run);
            match &outcome.how {
                How::NotStarted(reason) => assert!(
                    !started,
                    "truth: {run} ran on {agent}, and is said not to have: {}",
                    reason.text
                ),
                How::Exited(code) => {
                    let own = self.exits.get(&(*run, *agent));
                    assert_eq!(own, Some(code), "truth: {run} on {agent}");
                }
                How::Refused(_)
                | How::Lost(_)
                | How::Signaled(_)
                | How::TimedOut(_)
                | How::OutOfMemory(_)
                | How::Cancelled(_)
                | How::StoppedOnHost(_) => {}
            }
        }
    }

    /// The state is the fold of the journal, and of nothing else.
    pub(crate) fn state_is_the_fold(&self) {
        let known = &self.hub.known().state;
        let fold = self.fold();
        assert_eq!(known.hold, fold.hold, "fold: hold");
        assert_eq!(known.runs.newest(), fold.runs.newest(), "fold: numbers");
        for run in fold.runs.newest_whole() {
            let (id, number) = (run.spec.id, run.number);
            assert_eq!(known.runs.number_of(id), Some(number), "fold: {id}");
            match known.run_of(id) {
                Some(whole) => assert_eq!(whole.phase, run.phase, "fold: {id}"),
                None => {
                    let is_gone = |agent| fold.hosts[&agent].revoked;
                    let settled = run.is_over() && run.unsettled().all(is_gone);
                    assert!(settled, "fold: {id} is past too early");
                }
            }
        }
    }

    /// Once everything is well again, everything comes to its end.
    pub(crate) fn everything_has_ended(&self) {
        for run in self.hub.known().state.runs.newest_whole() {
            let over = matches!(run.phase, Phase::Closed { .. } | Phase::Expired(_));
            assert!(over, "end: {} is {:?}: {:#?}", run.number, run.phase, run);
            let ended = run.all_ended() || matches!(run.phase, Phase::Expired(_));
            assert!(
                ended,
                "end: {} is over and not all of it has ended",
                run.number
            );
        }
        for (agent, host) in &self.hosts {
            let held = host
                .holds
                .keys()
                .filter(|run| !self.is_cut_off(*agent, **run));
            assert_eq!(held.count(), 0, "end: {agent} still holds {:?}", host.holds);
        }
    }
}
