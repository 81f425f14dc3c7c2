//! What must hold, by the names that the security page gives them.

use std::collections::BTreeMap;

use shanty_core::hold::Hold;
use shanty_core::ids::{AgentId, RunId, RunNumber};
use shanty_core::journal::{HostChange, Kind, Record};
use shanty_core::refusal::Code;
use shanty_core::run::{How, Offline, Outcome, Pauses, Phase, Run};

use super::host::Host;
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
        let in_waves = spec.is_some_and(|s| s.strategy.rollout.is_some());
        assert!(
            sent || !(waits && away || in_waves),
            "I5: an order of {run} for {agent}, which was away or has its turn, without `Sent`"
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

    /// A run in waves starts no host while it rests, before the waves before it are over, beside more than it may, or after more failures
    /// than it bears.
    pub(crate) fn starts_in_turn(&self, host: AgentId, id: RunId) {
        let spec = self.journal.iter().find_map(|record| match &record.kind {
            Kind::Accepted(spec) if spec.id == id => Some(spec),
            _ => None,
        });
        let Some((spec, rollout)) = spec.and_then(|s| Some((s, s.strategy.rollout.as_ref()?)))
        else {
            return;
        };
        let (mut ends, mut rests, mut passed) = (BTreeMap::new(), false, 0);
        for record in self.journal.iter().filter(|r| r.run() == Some(id)) {
            match &record.kind {
                Kind::Finished { agent, outcome, .. } => {
                    ends.insert(*agent, outcome);
                }
                Kind::Paused { .. } => rests = true,
                Kind::Continued { waves, .. } => (rests, passed) = (false, *waves),
                _ => {}
            }
        }
        assert!(!rests, "turn: while {id} rests {host} starts");
        let run = Run::new(RunNumber(1), spec.clone(), 0);
        let waves = run.wave_list();
        let hosts = waves.iter().map(|wave| wave.hosts.len()).sum::<usize>();
        let counts = |agent: &AgentId| waves.iter().any(|wave| wave.hosts.contains(agent));
        let failed = ends
            .iter()
            .filter(|(agent, end)| counts(agent) && !end.is_ok());
        let kept = |end: &&Outcome| match &end.how {
            How::NotStarted(reason) => reason.code == Code::MaxFail.as_str(),
            _ => false,
        };
        let failed = failed.filter(|(_, end)| !kept(end)).count();
        let borne = rollout.max_fail.map_or(usize::MAX, |max| max.of(hosts));
        assert!(
            failed <= borne,
            "turn: after {failed} failures {host} starts"
        );
        let wave = waves.iter().position(|wave| wave.hosts.contains(&host));
        let wave = wave.unwrap_or_else(|| panic!("turn: {host} is in no wave of {id}"));
        let earlier = waves.iter().take(wave).flat_map(|wave| &wave.hosts);
        let open = earlier.filter(|agent| !ends.contains_key(agent)).count();
        assert_eq!(
            open, 0,
            "turn: {host} starts before the waves before it are over"
        );
        let asked = match rollout.pause {
            Pauses::Never => true,
            Pauses::First => wave == 0 || passed > 0,
            Pauses::Every => passed >= wave,
        };
        assert!(asked, "turn: nobody said that {id} goes on with {host}");
        let beside = |(agent, other): (&AgentId, &Host)| {
            *agent != host && other.running().contains(&id) && !ends.contains_key(agent)
        };
        let beside = self.hosts.iter().filter(|host| beside(*host)).count();
        let at_once = rollout.parallel.map_or(usize::MAX, |n| n as usize);
        assert!(
            beside < at_once,
            "turn: {host} starts beside {beside} others"
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
                    reason.text.as_data()
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
                Some(whole) => {
                    assert_eq!(whole.phase, run.phase, "fold: {id}");
                    let rests = |run: &Run| run.waves().map(|w| (w.pause().cloned(), w.passed()));
                    assert_eq!(rests(whole), rests(run), "fold: {id}");
                }
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
