//! The runs that the journal tells of: whole while something may still happen to them and while they are new, few bytes each afterwards.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::ids::{AgentId, RunId, RunNumber};
use crate::limits;
use crate::run::{Run, Spec};

use super::past::{Past, PastRun};

/// How much of what is over stays whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Runs that are whole at most, when all others are over.
    pub runs: usize,
    /// Executions of whole runs at most, likewise.
    pub executions: usize,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            runs: limits::RUNS_WHOLE_MAX,
            executions: limits::EXECUTIONS_WHOLE_MAX,
        }
    }
}

/// Every run that is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs {
    window: Window,
    whole: Arc<BTreeMap<RunId, Arc<Run>>>,
    /// Of whole runs.
    numbers: Arc<BTreeMap<RunNumber, RunId>>,
    open: Arc<BTreeSet<RunId>>,
    /// Whole runs of which nothing more can become known.
    settled: Arc<BTreeSet<RunNumber>>,
    /// Executions of whole runs.
    executions: usize,
    past: Arc<Past>,
    newest: RunNumber,
}

impl Runs {
    /// None yet, of which so much will stay whole.
    #[must_use]
    pub fn within(window: Window) -> Self {
        Self {
            window,
            ..Self::default()
        }
    }

    /// A whole run.
    #[must_use]
    pub fn get(&self, id: RunId) -> Option<&Arc<Run>> {
        self.whole.get(&id)
    }

    /// A whole run.
    #[must_use]
    pub fn numbered(&self, number: RunNumber) -> Option<&Arc<Run>> {
        self.get(*self.numbers.get(&number)?)
    }

    /// A run that is past.
    #[must_use]
    pub fn past_of(&self, id: RunId) -> Option<PastRun> {
        self.past.numbered(self.past.number_of(id)?)
    }

    /// The id of a run, whole or past.
    #[must_use]
    pub fn id_of(&self, number: RunNumber) -> Option<RunId> {
        let whole = self.numbers.get(&number).copied();
        whole.or_else(|| self.past.numbered(number).map(|run| run.id))
    }

    /// The number of a run, whole or past.
    #[must_use]
    pub fn number_of(&self, id: RunId) -> Option<RunNumber> {
        let whole = self.get(id).map(|run| run.number);
        whole.or_else(|| self.past.number_of(id))
    }

    /// Runs that are not over.
    pub fn open(&self) -> impl Iterator<Item = &Arc<Run>> {
        self.open.iter().filter_map(|id| self.get(*id))
    }

    /// Whether a run is not over.
    #[must_use]
    pub fn is_open(&self, id: RunId) -> bool {
        self.open.contains(&id)
    }

    /// Whole runs, newest first.
    pub fn newest_whole(&self) -> impl Iterator<Item = &Arc<Run>> {
        let ids = self.numbers.values().rev();
        ids.filter_map(|id| self.get(*id))
    }

    /// The number of the oldest run that is known; zero when there is none.
    #[must_use]
    pub fn oldest(&self) -> RunNumber {
        let whole = self.numbers.keys().next().copied();
        let past = self.past.runs().first().map(|run| run.number);
        whole.into_iter().chain(past).min().unwrap_or_default()
    }

    /// The number of the newest run; zero before the first.
    #[must_use]
    pub const fn newest(&self) -> RunNumber {
        self.newest
    }

    /// Those that are not whole any more.
    #[must_use]
    pub fn past(&self) -> &Past {
        &self.past
    }

    /// Takes a run that was accepted. An id is accepted once, whatever comes.
    pub(super) fn accept(&mut self, spec: &Spec, at_ms: u64) {
        if self.number_of(spec.id).is_some() {
            return;
        }
        self.newest = RunNumber(self.newest.0 + 1);
        let run = Run::new(self.newest, spec.clone(), at_ms);
        self.executions += spec.targets.len();
        Arc::make_mut(&mut self.numbers).insert(run.number, spec.id);
        Arc::make_mut(&mut self.open).insert(spec.id);
        Arc::make_mut(&mut self.whole).insert(spec.id, Arc::new(run));
    }

    /// A run, for what is no record.
    pub(super) fn get_mut(&mut self, id: RunId) -> Option<&mut Run> {
        Arc::make_mut(&mut self.whole)
            .get_mut(&id)
            .map(Arc::make_mut)
    }

    /// A record of it has been taken. Of hosts that are gone nothing more is expected.
    pub(super) fn changed(&mut self, id: RunId, is_gone: impl Fn(AgentId) -> bool) {
        let Some(run) = self.whole.get(&id).filter(|run| run.is_over()) else {
            return;
        };
        Arc::make_mut(&mut self.open).remove(&id);
        if run.unsettled().all(is_gone) {
            Arc::make_mut(&mut self.settled).insert(run.number);
        }
    }

    /// Hosts have gone: nothing more is expected of them.
    pub(super) fn hosts_gone(&mut self, is_gone: impl Fn(AgentId) -> bool) {
        let over = self
            .numbers
            .iter()
            .filter(|(number, id)| !self.settled.contains(number) && !self.open.contains(id));
        let over: Vec<RunId> = over.map(|(_, id)| *id).collect();
        for id in over {
            self.changed(id, &is_gone);
        }
    }

    /// Takes past runs as they are, and how many runs there have been.
    pub(super) fn resume(&mut self, past: &[PastRun], newest: RunNumber) {
        self.newest = self.newest.max(newest);
        if !past.is_empty() {
            let all = Arc::make_mut(&mut self.past);
            past.iter().for_each(|run| all.insert(*run));
        }
    }

    /// Makes the oldest runs past while there are more whole ones than should be. Those of which something may become known stay whole.
    pub(super) fn shrink(&mut self) {
        while self.whole.len() > self.window.runs || self.executions > self.window.executions {
            let Some(number) = Arc::make_mut(&mut self.settled).pop_first() else {
                return;
            };
            if let Some(run) = self.drop_whole(number) {
                Arc::make_mut(&mut self.past).insert(run);
            }
        }
    }

    /// Drops what was accepted before then and of which nothing more can become known.
    pub(super) fn forget(&mut self, accepted_ms: u64) {
        if self.past.has_before(accepted_ms) {
            Arc::make_mut(&mut self.past).forget(accepted_ms);
        }
        let is_old = |run: &&Arc<Run>| run.accepted_ms < accepted_ms;
        let settled = self
            .settled
            .iter()
            .filter_map(|number| self.numbered(*number));
        let old: Vec<RunNumber> = settled.filter(is_old).map(|run| run.number).collect();
        for number in old {
            Arc::make_mut(&mut self.settled).remove(&number);
            self.drop_whole(number);
        }
    }

    fn drop_whole(&mut self, number: RunNumber) -> Option<PastRun> {
        let id = Arc::make_mut(&mut self.numbers).remove(&number)?;
        let run = Arc::make_mut(&mut self.whole).remove(&id)?;
        self.executions = self.executions.saturating_sub(run.spec.targets.len());
        Some(PastRun {
            number,
            id,
            accepted_ms: run.accepted_ms,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Enrolment, HostChange, Kind, Record, State};
    use crate::principal::Actor;
    use crate::refusal::Code;
    use crate::run::{How, Outcome, Reason, Target};

    fn id(n: u8) -> RunId {
        RunId::from_bytes([n; 16])
    }

    fn agent(n: u8) -> AgentId {
        AgentId::from_bytes([n; 16])
    }

    /// A state that keeps so much whole.
    fn within(runs: usize, executions: usize) -> State {
        let window = Window { runs, executions };
        State {
            runs: Runs::within(window),
            ..State::default()
        }
    }

    fn apply(state: &mut State, at_ms: u64, kind: Kind) {
        let actor = Actor::Controller;
        state.apply(&Record { at_ms, actor, kind });
    }

    fn accept(state: &mut State, n: u8, hosts: u8) {
        let target = |n| Target {
            agent: agent(n),
            name: format!("h{n}").parse().unwrap(),
            away: None,
        };
        let spec = Spec {
            id: id(n),
            ..Spec::example((1..=hosts).map(target).collect())
        };
        apply(state, u64::from(n) * 10, Kind::Accepted(spec));
        apply(state, 1, Kind::Go(id(n)));
    }

    fn finish(state: &mut State, n: u8, host: u8, how: How) {
        let (run, agent) = (id(n), agent(host));
        let outcome = Outcome::without_output(how);
        apply(
            state,
            1,
            Kind::Finished {
                run,
                agent,
                outcome,
            },
        );
    }

    /// A run of one host that is over.
    fn over(state: &mut State, n: u8, how: How) {
        accept(state, n, 1);
        finish(state, n, 1, how);
        apply(state, 1, Kind::Closed(id(n)));
    }

    fn lost() -> How {
        How::Lost(Reason::new(Code::Offline, "it did not come back"))
    }

    fn whole(state: &State) -> Vec<u64> {
        state.runs.newest_whole().map(|run| run.number.0).collect()
    }

    fn past(state: &State) -> Vec<u64> {
        let past = state.runs.past().runs();
        past.iter().map(|run| run.number.0).collect()
    }

    #[test]
    fn the_oldest_that_are_over_become_past() {
        let mut state = within(2, 100);
        (1..=4).for_each(|n| over(&mut state, n, How::Exited(0)));
        assert_eq!(whole(&state), [4, 3, 2, 1], "not before it is asked for");
        state.shrink();
        assert_eq!((whole(&state), past(&state)), (vec![4, 3], vec![1, 2]));
        let known = &state.runs;
        assert_eq!(known.number_of(id(1)), Some(RunNumber(1)));
        assert_eq!(known.id_of(RunNumber(2)), Some(id(2)));
        assert_eq!(known.past_of(id(2)).unwrap().accepted_ms, 20);
        assert_eq!(known.past_of(id(3)), None);
        accept(&mut state, 1, 1);
        assert_eq!(state.runs.newest(), RunNumber(4), "an id is accepted once");
    }

    #[test]
    fn what_is_open_stays_whole_and_is_past_when_its_time_comes() {
        let mut state = within(1, 100);
        accept(&mut state, 1, 1);
        (2..=4).for_each(|n| over(&mut state, n, How::Exited(0)));
        state.shrink();
        assert_eq!((whole(&state), past(&state)), (vec![1], vec![2, 3, 4]));
        finish(&mut state, 1, 1, How::Exited(0));
        apply(&mut state, 1, Kind::Closed(id(1)));
        accept(&mut state, 5, 1);
        state.shrink();
        assert_eq!((whole(&state), past(&state)), (vec![5], vec![1, 2, 3, 4]));
    }

    #[test]
    fn hosts_count_too() {
        let mut state = within(100, 5);
        for n in 1..=3 {
            accept(&mut state, n, 3);
            (1..=3).for_each(|host| finish(&mut state, n, host, How::Exited(0)));
            apply(&mut state, 1, Kind::Closed(id(n)));
        }
        state.shrink();
        assert_eq!((whole(&state), past(&state)), (vec![3], vec![1, 2]));
    }

    #[test]
    fn what_is_lost_stays_whole_until_its_end_is_heard_or_its_host_is_gone() {
        let mut state = within(0, 0);
        let enrolment = Enrolment {
            agent: agent(1),
            name: "h1".parse().unwrap(),
            labels: crate::ids::Labels::default(),
            token: String::new(),
            key_sha256: [0; 32],
            leaf: Vec::new(),
        };
        apply(&mut state, 1, Kind::Enrolled(enrolment));
        over(&mut state, 1, lost());
        over(&mut state, 2, lost());
        state.shrink();
        assert_eq!(whole(&state), [2, 1]);
        finish(&mut state, 1, 1, How::Exited(0));
        state.shrink();
        assert_eq!((whole(&state), past(&state)), (vec![2], vec![1]));
        apply(&mut state, 1, HostChange::Revoked.of(agent(1)));
        state.shrink();
        assert_eq!(past(&state), [1, 2]);
        over(&mut state, 3, lost());
        state.shrink();
        assert_eq!(past(&state), [1, 2, 3], "also when it was gone before");
    }

    #[test]
    fn old_runs_are_forgotten_but_not_their_numbers() {
        let mut state = within(2, 100);
        accept(&mut state, 1, 1);
        (2..=5).for_each(|n| over(&mut state, n, How::Exited(0)));
        state.shrink();
        assert_eq!((whole(&state), past(&state)), (vec![5, 1], vec![2, 3, 4]));
        state.forget(1_040, None);
        assert_eq!(past(&state), [2, 3, 4]);
        state.forget(1_040, Some(1_000));
        assert_eq!((whole(&state), past(&state)), (vec![5, 1], vec![4]));
        state.forget(9_000, Some(1_000));
        assert_eq!(
            (whole(&state), past(&state)),
            (vec![1], vec![]),
            "what is open stays"
        );
        over(&mut state, 9, lost());
        state.forget(9_000, Some(1_000));
        assert_eq!(whole(&state), [6, 1], "its end may still be heard");
        assert_eq!(state.runs.number_of(id(5)), None);
        over(&mut state, 6, How::Exited(0));
        assert_eq!(whole(&state), [7, 6, 1]);
        assert_eq!(state.runs.oldest(), RunNumber(1));
    }
}
