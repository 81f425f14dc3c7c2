//! A host as an honest agent makes it: an order becomes durable before it starts, so the same execution never starts twice while it is held.

use std::collections::{BTreeMap, VecDeque};

use shanty_core::ids::RunId;
use shanty_core::run::{Held, Told};
use shanty_core::time::LinkTime;

/// What goes down a link.
#[derive(Clone, Debug)]
pub(crate) enum Down {
    Order { run: RunId, not_after: LinkTime },
    Cancel(RunId),
    Release(RunId),
}

/// What goes up a link.
#[derive(Clone, Debug)]
pub(crate) enum Up {
    Runs(RunId),
    Refused(RunId),
    /// The last record of the spool, with the exit code.
    Ended(RunId, i32),
}

/// An execution that the host holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Execution {
    Runs,
    Ended(i32),
}

/// One host.
#[derive(Debug, Default)]
pub(crate) struct Host {
    /// Its link, while it has one.
    pub(crate) link: Option<u64>,
    pub(crate) holds: BTreeMap<RunId, Execution>,
    /// How many times each execution was ever started.
    pub(crate) started: BTreeMap<RunId, u32>,
    pub(crate) down: VecDeque<Down>,
    pub(crate) up: VecDeque<Up>,
}

impl Host {
    /// The link is gone, and everything that was on it.
    pub(crate) fn cut(&mut self) {
        self.link = None;
        self.down.clear();
        self.up.clear();
    }

    /// What its first message says.
    pub(crate) fn hello(&self, complete: impl Fn(RunId) -> bool) -> BTreeMap<RunId, Held> {
        let held = |(run, execution): (&RunId, &Execution)| {
            let told = match execution {
                Execution::Runs => Told::Running,
                Execution::Ended(_) => Told::Ended,
            };
            let complete = complete(*run);
            let held = Held {
                told,
                complete,
                short: false,
            };
            (*run, held)
        };
        self.holds.iter().map(held).collect()
    }

    /// Says again what the controller may lack, as an agent does on a new link.
    pub(crate) fn say_again(&mut self) {
        for (run, execution) in &self.holds {
            if let Execution::Ended(code) = execution {
                self.up.push_back(Up::Ended(*run, *code));
            }
        }
    }

    pub(crate) fn take(&mut self, down: Down, now: LinkTime) {
        match down {
            Down::Order { run, .. } if self.holds.contains_key(&run) => {}
            Down::Order { run, not_after } if now >= not_after => {
                self.up.push_back(Up::Refused(run));
            }
            Down::Order { run, .. } => {
                *self.started.entry(run).or_default() += 1;
                self.holds.insert(run, Execution::Runs);
                self.up.push_back(Up::Runs(run));
            }
            Down::Cancel(run) => self.end(run, 143),
            Down::Release(run) => {
                self.holds.remove(&run);
            }
        }
    }

    /// What runs comes to its end.
    pub(crate) fn end(&mut self, run: RunId, code: i32) {
        if let Some(execution @ Execution::Runs) = self.holds.get_mut(&run) {
            *execution = Execution::Ended(code);
            if self.link.is_some() {
                self.up.push_back(Up::Ended(run, code));
            }
        }
    }

    pub(crate) fn running(&self) -> Vec<RunId> {
        let runs = self.holds.iter();
        let runs = runs.filter(|(_, execution)| matches!(execution, Execution::Runs));
        runs.map(|(run, _)| *run).collect()
    }
}
