//! What changed between two runs, read from what is stored of both, for somebody who may see both.

use std::collections::BTreeMap;
use std::sync::Arc;

use shanty_core::ask::{Answer, Ask, Question};
use shanty_core::history::{Between, Side};
use shanty_core::ids::{AgentId, RunNumber};
use shanty_core::principal::Asker;
use shanty_core::refusal::{Code, Refusal};
use shanty_core::run::{Execution, Run};

use super::{History, beginning};
use crate::store::StoreError;

/// Bytes of each output that are compared: its beginning.
const COMPARED_BYTES_MAX: usize = 64 * 1024;

/// Hosts that are compared.
const HOSTS_MAX: usize = 2_000;

/// Two runs, and what changed between them.
pub struct Differences {
    /// The first.
    pub from: Arc<Run>,
    /// The second.
    pub to: Arc<Run>,
    /// What changed.
    pub between: Between,
}

impl History {
    /// What changed between two runs.
    ///
    /// # Errors
    /// The refusal to show.
    pub async fn differences(
        &self,
        asker: Asker,
        from: RunNumber,
        to: RunNumber,
    ) -> Result<Differences, Refusal> {
        let from = self.seen(asker.clone(), from).await?;
        let to = self.seen(asker, to).await?;
        for run in [&from, &to] {
            if !run.all_ended() && !run.is_over() {
                return Err(Refusal::new(
                    Code::Stale,
                    format!("{} is not over. Nothing was compared.", run.number),
                    "Compare it when it has ended.",
                ));
            }
        }
        let between = self.between(&from, &to).await;
        let between = between.map_err(|error| super::unreadable(&error))?;
        Ok(Differences { from, to, between })
    }

    async fn seen(&self, asker: Asker, number: RunNumber) -> Result<Arc<Run>, Refusal> {
        let asked = self
            .parts
            .hub
            .ask(asker, Ask::Look(Question::Run { number }));
        match asked.await? {
            Answer::Run(run) => Ok(run),
            _ => Err(Refusal::new(
                Code::NotFound,
                "There is no such run.",
                "`/runs` shows the last ones.",
            )),
        }
    }

    async fn between(&self, from: &Run, to: &Run) -> Result<Between, StoreError> {
        let (first, second) = (hosts(from), hosts(to));
        let all: BTreeMap<&str, ()> = first
            .keys()
            .chain(second.keys())
            .map(|h| (*h, ()))
            .collect();
        let mut between = Between::default();
        between.leave_out(all.len().saturating_sub(HOSTS_MAX));
        for host in all.into_keys().take(HOSTS_MAX) {
            let (one, other) = (first.get(host), second.get(host));
            // What is known to be the same need not be read.
            let same = one.zip(other).is_some_and(|((_, a), (_, b))| same(a, b));
            let one = match one {
                Some(of) => Some(self.side(from, *of, same).await?),
                None => None,
            };
            let other = match other {
                Some(of) => Some(self.side(to, *of, same).await?),
                None => None,
            };
            between.take(host, one.as_ref(), other.as_ref());
        }
        Ok(between)
    }

    async fn side(
        &self,
        run: &Run,
        (agent, execution): (AgentId, &Execution),
        same: bool,
    ) -> Result<Side, StoreError> {
        let how = execution.outcome().map(|outcome| outcome.how.plain());
        let silent = execution
            .outcome()
            .is_none_or(|outcome| outcome.output_bytes == 0);
        let printed = if same || silent {
            Some(String::new())
        } else {
            let of = (run.spec.id, agent);
            beginning(&self.parts.output, of, COMPARED_BYTES_MAX).await?
        };
        Ok(Side {
            how: how.unwrap_or_else(|| "did not end".to_owned()),
            printed,
        })
    }
}

/// Hosts are the same by their names: one that joined anew is still the machine that people mean.
fn hosts(run: &Run) -> BTreeMap<&str, (AgentId, &Execution)> {
    let executions = run.executions();
    executions
        .map(|(agent, execution)| (execution.name.as_str(), (agent, execution)))
        .collect()
}

fn same(one: &Execution, other: &Execution) -> bool {
    let digest = |execution: &Execution| execution.outcome()?.content_sha256;
    digest(one).is_some_and(|one| digest(other) == Some(one))
}
