//! Takes in request bodies within bounds of size, time and memory, whoever sends them.
//!
//! Knows nothing of what a body says. A body that drips in or never ends is given up after a while, and all bodies that
//! are on their way share one budget, so that many half-sent ones cannot fill the memory.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// Bytes of all bodies that are being read or answered at one time: ten of the largest.
const BUDGET: usize = 256 * 1024 * 1024;
/// Bytes of a body that is too large which are still read and dropped, so that a client that sends before it listens
/// gets the refusal; beyond it the connection just ends.
const DRAINED_MAX: usize = 128 * 1024 * 1024;

/// Why a body was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum NotTaken {
    #[error("the body is too large")]
    TooLarge,
    #[error("the body did not come to its end in time")]
    TooSlow,
    #[error("the body is broken")]
    Broken,
    #[error("too many bodies are on their way")]
    Busy,
}

/// A whole body, and its share of the budget for as long as it is needed.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) bytes: Bytes,
    _share: Option<OwnedSemaphorePermit>,
}

/// The budget of all bodies.
#[derive(Debug)]
pub(crate) struct Intake {
    budget: Arc<Semaphore>,
    patience: Duration,
}

impl Intake {
    /// With so much time for one body.
    pub(crate) fn new(patience: Duration) -> Self {
        Self {
            budget: Arc::new(Semaphore::new(BUDGET)),
            patience,
        }
    }

    /// The whole body, at most so many bytes.
    pub(crate) async fn take(&self, body: Body, bytes_max: usize) -> Result<Taken, NotTaken> {
        let taking = timeout(self.patience, self.read(body, bytes_max));
        taking.await.unwrap_or(Err(NotTaken::TooSlow))
    }

    async fn read(&self, mut body: Body, bytes_max: usize) -> Result<Taken, NotTaken> {
        let mut held = BytesMut::new();
        let mut share: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let Ok(data) = frame.map_err(|_| NotTaken::Broken)?.into_data() else {
                continue;
            };
            if held.len().saturating_add(data.len()) > bytes_max {
                drop((held, share));
                return Err(drained(body).await);
            }
            let more = u32::try_from(data.len()).map_err(|_| NotTaken::TooLarge)?;
            let more = Arc::clone(&self.budget).try_acquire_many_owned(more);
            let more = more.map_err(|_| NotTaken::Busy)?;
            match &mut share {
                Some(share) => share.merge(more),
                None => share = Some(more),
            }
            held.extend_from_slice(&data);
        }
        Ok(Taken {
            bytes: held.freeze(),
            _share: share,
        })
    }
}

async fn drained(mut body: Body) -> NotTaken {
    let mut dropped = 0_usize;
    while let Some(Ok(frame)) = body.frame().await {
        dropped = dropped.saturating_add(frame.data_ref().map_or(0, Bytes::len));
        if dropped > DRAINED_MAX {
            break;
        }
    }
    NotTaken::TooLarge
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake() -> Intake {
        Intake::new(Duration::from_secs(30))
    }

    #[tokio::test]
    async fn bodies_are_taken_whole_or_not_at_all() {
        let intake = intake();
        let taken = intake.take(Body::from("abc"), 3).await.unwrap();
        assert_eq!(taken.bytes, "abc");
        let refused = intake.take(Body::from("abcd"), 3).await;
        assert_eq!(refused.map(|_| ()), Err(NotTaken::TooLarge));
    }

    #[tokio::test]
    async fn the_budget_is_shared_and_given_back() {
        let mut intake = intake();
        intake.budget = Arc::new(Semaphore::new(4));
        let first = intake.take(Body::from("abc"), 10).await.unwrap();
        let second = intake.take(Body::from("de"), 10).await;
        assert_eq!(second.map(|_| ()), Err(NotTaken::Busy));
        drop(first);
        assert!(intake.take(Body::from("de"), 10).await.is_ok());
        assert_eq!(intake.budget.available_permits(), 4);
    }

    #[tokio::test]
    async fn a_body_that_never_ends_is_given_up() {
        let stalled = futures_util::stream::pending::<Result<Bytes, std::convert::Infallible>>();
        let intake = Intake::new(Duration::from_millis(1));
        let refused = intake.take(Body::from_stream(stalled), 10).await;
        assert_eq!(refused.map(|_| ()), Err(NotTaken::TooSlow));
    }
}
