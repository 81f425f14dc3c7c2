//! The long-lived tasks of the process: named, joined, and none may end before shutdown.

use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::store::StoreError;

/// A task that ended before it was told to.
#[derive(Debug, thiserror::Error)]
pub enum EndedEarly {
    /// It returned.
    #[error("`{0}` ended before it was told to")]
    Returned(&'static str),
    /// It failed.
    #[error("`{name}` failed")]
    Failed {
        /// Its name.
        name: &'static str,
        /// Why.
        #[source]
        source: anyhow::Error,
    },
    /// It panicked.
    #[error("a task panicked: {0}")]
    Panicked(tokio::task::JoinError),
}

impl EndedEarly {
    /// What the store said, where that is why.
    ///
    /// # Errors
    /// It was something else.
    pub fn into_store(self) -> Result<StoreError, Self> {
        match self {
            Self::Failed { name, source } => source
                .downcast()
                .map_err(|source| Self::Failed { name, source }),
            other @ (Self::Returned(_) | Self::Panicked(_)) => Err(other),
        }
    }
}

/// The tasks of one process.
pub struct Supervisor {
    tasks: JoinSet<(&'static str, anyhow::Result<()>)>,
    short: TaskTracker,
    shutdown: CancellationToken,
}

impl Default for Supervisor {
    fn default() -> Self {
        Self::new(CancellationToken::new())
    }
}

impl Supervisor {
    /// No tasks yet; they stop when this token is cancelled.
    #[must_use]
    pub fn new(shutdown: CancellationToken) -> Self {
        Self {
            tasks: JoinSet::new(),
            short: TaskTracker::new(),
            shutdown,
        }
    }

    /// Cancelled when the process stops.
    #[must_use]
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }

    /// Starts a task that lives as long as the process.
    pub fn start(
        &mut self,
        name: &'static str,
        task: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.tasks.spawn(async move { (name, task.await) });
    }

    /// Where connections and other short tasks are started.
    #[must_use]
    pub fn spawner(&self) -> Spawner {
        Spawner {
            short: self.short.clone(),
        }
    }

    /// Waits until the token is cancelled, or a task ends early, which cancels it; then for every task, at most this long.
    ///
    /// # Errors
    /// The first task that ended early.
    pub async fn wait(mut self, grace: Duration) -> Result<(), EndedEarly> {
        let early = tokio::select! {
            () = self.shutdown.cancelled() => None,
            Some(ended) = self.tasks.join_next() => Some(match ended {
                Ok((name, Ok(()))) if !self.shutdown.is_cancelled() => EndedEarly::Returned(name),
                Ok((_, Ok(()))) => return self.drain(grace, None).await,
                Ok((name, Err(source))) => EndedEarly::Failed { name, source },
                Err(panic) => EndedEarly::Panicked(panic),
            }),
        };
        self.shutdown.cancel();
        self.drain(grace, early).await
    }

    async fn drain(mut self, grace: Duration, early: Option<EndedEarly>) -> Result<(), EndedEarly> {
        self.short.close();
        let all = async {
            while let Some(ended) = self.tasks.join_next().await {
                if let Ok((name, Err(error))) = ended {
                    tracing::warn!(
                        task = name,
                        error = format!("{error:#}"),
                        "a task failed while stopping"
                    );
                }
            }
            self.short.wait().await;
        };
        if tokio::time::timeout(grace, all).await.is_err() {
            tracing::warn!(
                grace_ms = grace.as_millis(),
                "tasks did not stop in time and are dropped"
            );
        }
        early.map_or(Ok(()), Err)
    }
}

/// Starts short tasks, which are waited for at shutdown.
#[derive(Clone)]
pub struct Spawner {
    short: TaskTracker,
}

impl Spawner {
    /// Starts a task that ends by itself.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.short.spawn(task);
    }
}
