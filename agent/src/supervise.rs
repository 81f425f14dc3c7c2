//! Long-lived parts by name: one that ends or panics while the agent works stops the agent with an error.
//!
//! The only place of this crate where a future is given away to run on its own.

use std::collections::HashMap;

use thiserror::Error;
use tokio::task::{AbortHandle, Id, JoinSet};

/// A part that ended although the agent still needs it.
#[derive(Debug, Error, PartialEq, Eq)]
pub(crate) enum PartFailed {
    /// It returned.
    #[error("the {0} stopped")]
    Ended(&'static str),
    /// It panicked; the panic itself was printed where it happened.
    #[error("the {0} panicked")]
    Panicked(&'static str),
}

/// The parts that run. Dropping it aborts them.
#[derive(Debug, Default)]
pub(crate) struct Supervisor {
    parts: JoinSet<()>,
    names: HashMap<Id, &'static str>,
}

impl Supervisor {
    /// Starts a part.
    pub(crate) fn start(
        &mut self,
        name: &'static str,
        part: impl Future<Output = ()> + Send + 'static,
    ) {
        let handle: AbortHandle = self.parts.spawn(part);
        self.names.insert(handle.id(), name);
    }

    /// Waits until a part fails; forever when there is none. Cancel-safe.
    pub(crate) async fn failed(&mut self) -> PartFailed {
        let Some(ended) = self.parts.join_next_with_id().await else {
            return std::future::pending().await;
        };
        match ended {
            Ok((id, ())) => PartFailed::Ended(self.name(id)),
            Err(error) => PartFailed::Panicked(self.name(error.id())),
        }
    }

    /// Waits until every part has ended of its own accord.
    pub(crate) async fn ended(&mut self) {
        while self.parts.join_next().await.is_some() {}
    }

    fn name(&self, id: Id) -> &'static str {
        self.names.get(&id).copied().unwrap_or("part")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_early_end_and_a_panic_are_told_apart_by_name() {
        let mut supervisor = Supervisor::default();
        supervisor.start("idle one", std::future::pending());
        supervisor.start("short one", async {});
        assert_eq!(supervisor.failed().await, PartFailed::Ended("short one"));
        supervisor.start("broken one", async { panic!("on purpose") });
        assert_eq!(
            supervisor.failed().await,
            PartFailed::Panicked("broken one")
        );
    }
}
