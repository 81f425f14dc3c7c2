//! Connections that are lent: so many look at once, and each look ends when its time is over.
//!
//! Who waits for a connection and gives up leaves nothing behind; a statement that has begun goes on to its end or is stopped by SQLite.

use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::store::StoreError;

/// Steps of SQLite's machine between two looks at the time: some microseconds.
pub(super) const STEPS: i32 = 500;

/// Says that a look is to be stopped.
type Stop = Box<dyn FnMut() -> bool + Send>;

/// A connection whose statements can be stopped.
pub(super) struct Reader {
    pub(super) connection: Connection,
    stop: Arc<Mutex<Option<Stop>>>,
}

impl Reader {
    pub(super) fn new(mut connection: Connection, steps: i32) -> Result<Self, StoreError> {
        let stop: Arc<Mutex<Option<Stop>>> = Arc::default();
        let asked = Arc::clone(&stop);
        let is_over = move || {
            let mut stop = asked.lock().unwrap_or_else(PoisonError::into_inner);
            stop.as_mut().is_some_and(|stop| stop())
        };
        connection.progress_handler(steps, Some(is_over))?;
        Ok(Self { connection, stop })
    }

    /// Works, with statements that are stopped as soon as that is said: they fail then, as [`was_stopped`] tells.
    pub(super) fn until<T>(
        &self,
        stop: impl FnMut() -> bool + Send + 'static,
        work: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.set(Some(Box::new(stop)));
        let done = work(&self.connection);
        self.set(None);
        done
    }

    fn set(&self, stop: Option<Stop>) {
        *self.stop.lock().unwrap_or_else(PoisonError::into_inner) = stop;
    }
}

/// Whether a statement ended because it was stopped.
pub(super) fn was_stopped(error: &StoreError) -> bool {
    let StoreError::Sqlite(error) = error else {
        return false;
    };
    error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted)
}

/// Some connections of one kind, for any number of users.
pub(super) struct Lane<C> {
    free: Arc<Mutex<Vec<C>>>,
    permits: Arc<Semaphore>,
}

impl<C> Clone for Lane<C> {
    fn clone(&self) -> Self {
        Self {
            free: Arc::clone(&self.free),
            permits: Arc::clone(&self.permits),
        }
    }
}

impl<C: Send + 'static> Lane<C> {
    pub(super) fn new(connections: Vec<C>) -> Self {
        Self {
            permits: Arc::new(Semaphore::new(connections.len())),
            free: Arc::new(Mutex::new(connections)),
        }
    }

    /// Works with one of them on a thread where that may take its time; those who came before have theirs first.
    pub(super) async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut C) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        let permit = permit.map_err(|_| StoreError::Stopped)?;
        self.with(permit, work).await
    }

    /// The same when one of them is free before then; nothing otherwise.
    pub(super) async fn work_before<T: Send + 'static>(
        &self,
        until: Instant,
        work: impl FnOnce(&mut C) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<Option<T>, StoreError> {
        let permit = Arc::clone(&self.permits).acquire_owned();
        match tokio::time::timeout_at(until, permit).await {
            Ok(permit) => {
                let permit = permit.map_err(|_| StoreError::Stopped)?;
                self.with(permit, work).await.map(Some)
            }
            Err(_) => Ok(None),
        }
    }

    /// Keeps all of them from others.
    #[cfg(test)]
    pub(super) async fn hold_all(&self) -> OwnedSemaphorePermit {
        let all = u32::try_from(self.permits.available_permits()).unwrap();
        let permits = Arc::clone(&self.permits).acquire_many_owned(all);
        permits.await.unwrap()
    }

    async fn with<T: Send + 'static>(
        &self,
        permit: OwnedSemaphorePermit,
        work: impl FnOnce(&mut C) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let free = Arc::clone(&self.free);
        let working = tokio::task::spawn_blocking(move || {
            let connection = free.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let mut lent = Lent { connection, free };
            let done = match &mut lent.connection {
                Some(connection) => work(connection),
                None => Err(StoreError::Stopped),
            };
            // It is back before somebody else may take one.
            drop(lent);
            drop(permit);
            done
        });
        working.await.map_err(|_| StoreError::Stopped)?
    }
}

/// A connection that is given back, also by work that panicked.
struct Lent<C> {
    connection: Option<C>,
    free: Arc<Mutex<Vec<C>>>,
}

impl<C> Drop for Lent<C> {
    fn drop(&mut self) {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.extend(self.connection.take());
    }
}
