//! One connection of an agent: it carries one link, and ends with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use shanty_core::limits;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// What was said last, such as why a link is refused, goes out in this time.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What is known of a connection beside its bytes.
#[derive(Debug, Default)]
pub(super) struct Connection {
    linked: AtomicBool,
    /// The hub has taken its link, which is not over.
    admitted: Arc<AtomicBool>,
    over: CancellationToken,
}

/// The link of a connection: when it is dropped, the connection is over.
#[derive(Debug)]
pub(super) struct Linked {
    admitted: Arc<AtomicBool>,
    over: CancellationToken,
}

impl Connection {
    /// The one link of this connection; nothing when it has, or had, another.
    pub(super) fn link(&self) -> Option<Linked> {
        let first = !self.linked.swap(true, Ordering::Relaxed);
        first.then(|| Linked {
            admitted: Arc::clone(&self.admitted),
            over: self.over.clone(),
        })
    }

    /// Whether another call beside the link is taken now: only what the hub let in is, and is as long as it is there.
    pub(super) fn takes_call(&self) -> Result<(), Status> {
        match self.admitted.load(Ordering::Acquire) {
            true => Ok(()),
            false => Err(Status::failed_precondition(
                "this connection has no link that was taken",
            )),
        }
    }

    /// Ends when the connection is over: its link was, or it had none in time.
    pub(super) async fn over(self: Arc<Self>) {
        let in_time = Duration::from_millis(limits::HANDSHAKE_MS_MAX);
        let over = tokio::time::timeout(in_time, self.over.cancelled()).await;
        if over.is_err() && !self.linked.load(Ordering::Relaxed) {
            return;
        }
        self.over.cancelled().await;
        tokio::time::sleep(LAST_WORDS).await;
    }
}

impl Linked {
    /// The hub has taken the link.
    pub(super) fn admit(&self) {
        self.admitted.store(true, Ordering::Release);
    }
}

impl Drop for Linked {
    fn drop(&mut self) {
        self.admitted.store(false, Ordering::Release);
        self.over.cancel();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_carries_one_link_and_ends_with_it() {
        let connection = Arc::new(Connection::default());
        let link = connection.link();
        assert!(link.is_some() && connection.link().is_none());
        let mut over = std::pin::pin!(Arc::clone(&connection).over());
        assert!(futures_util::poll!(&mut over).is_pending());
        assert!(!connection.over.is_cancelled());
        drop(link);
        assert!(connection.link().is_none(), "it had its link");
        over.await;
    }

    #[test]
    fn calls_are_taken_beside_a_link_that_was_taken() {
        let connection = Connection::default();
        assert!(connection.takes_call().is_err(), "it has no link");
        let link = connection.link().unwrap();
        assert!(connection.takes_call().is_err(), "nobody has taken it");
        link.admit();
        assert!(connection.takes_call().is_ok());
        drop(link);
        assert!(connection.takes_call().is_err(), "it is over");
    }
}
