//! Where the answer to an interaction meets the publisher of its run, whichever comes first.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use shanty_core::ids::RunId;

use super::edits::ByToken;
use tokio::sync::oneshot;

/// The card that Discord took as the answer, or why it did not.
pub(in crate::discord) type Answered = Result<Posted, NotPosted>;

/// Why there is no card that a run may begin with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::discord) struct NotPosted {
    /// For people.
    pub(in crate::discord) why: String,
    /// A message may answer the interaction all the same: a card that came late, or a promise that nothing filled.
    pub(in crate::discord) may_stand: bool,
    /// What edits that message for a while, besides the bot's own token.
    pub(in crate::discord) by_token: Option<ByToken>,
}

impl NotPosted {
    /// Discord has no answer, and that is known.
    pub(in crate::discord) const fn nowhere(why: String) -> Self {
        Self {
            why,
            may_stand: false,
            by_token: None,
        }
    }
}

/// A card that answers an interaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::discord) struct Posted {
    /// The channel of the card.
    pub(in crate::discord) channel: u64,
    /// The card.
    pub(in crate::discord) message: u64,
    /// The digest of what it shows.
    pub(in crate::discord) digest: u64,
    /// The thread, when the card itself is in one.
    pub(in crate::discord) thread: Option<u64>,
    /// What edits it for a while, besides the bot's own token.
    pub(in crate::discord) by_token: Option<ByToken>,
}

/// The answers that are on their way, by run.
#[derive(Debug, Default)]
pub(in crate::discord) struct Callbacks(Mutex<HashMap<RunId, Half>>);

/// The half of a channel that waits for its owner.
#[derive(Debug)]
enum Half {
    Interaction(oneshot::Sender<Answered>),
    Publisher(oneshot::Receiver<Answered>),
}

impl Callbacks {
    /// What the interaction hands its answer over with: taken before it answers, so that the publisher waits for it.
    pub(in crate::discord) fn sender(&self, run: RunId) -> oneshot::Sender<Answered> {
        let mut halves = self.halves();
        match halves.remove(&run) {
            Some(Half::Interaction(sender)) => sender,
            Some(Half::Publisher(_)) | None => {
                let (sender, receiver) = oneshot::channel();
                halves.insert(run, Half::Publisher(receiver));
                sender
            }
        }
    }

    /// What the publisher waits with.
    pub(super) fn receiver(&self, run: RunId) -> oneshot::Receiver<Answered> {
        let mut halves = self.halves();
        match halves.remove(&run) {
            Some(Half::Publisher(receiver)) => receiver,
            Some(Half::Interaction(_)) | None => {
                let (sender, receiver) = oneshot::channel();
                halves.insert(run, Half::Interaction(sender));
                receiver
            }
        }
    }

    /// The publisher waits no more unless an interaction is answering; true when none is.
    pub(super) fn withdraw(&self, run: RunId) -> bool {
        self.halves().remove(&run).is_some()
    }

    fn halves(&self) -> MutexGuard<'_, HashMap<RunId, Half>> {
        // Nothing that holds the lock can leave the map half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: RunId = RunId::from_bytes([7; 16]);

    #[test]
    fn both_meet_whoever_comes_first_and_nothing_is_left() {
        let callbacks = Callbacks::default();
        for interaction_first in [true, false] {
            let (sender, mut receiver) = if interaction_first {
                let sender = callbacks.sender(RUN);
                (sender, callbacks.receiver(RUN))
            } else {
                let receiver = callbacks.receiver(RUN);
                (callbacks.sender(RUN), receiver)
            };
            let no = NotPosted::nowhere("no".to_owned());
            sender.send(Err(no.clone())).unwrap();
            assert_eq!(receiver.try_recv(), Ok(Err(no)));
            assert!(callbacks.halves().is_empty());
        }
    }

    #[test]
    fn a_publisher_withdraws_only_from_an_interaction_that_does_not_answer() {
        let callbacks = Callbacks::default();
        let mut receiver = callbacks.receiver(RUN);
        assert!(callbacks.withdraw(RUN));
        assert!(receiver.try_recv().is_err());
        let receiver = callbacks.receiver(RUN);
        let _sender = callbacks.sender(RUN);
        assert!(!callbacks.withdraw(RUN), "it is answering");
        drop(receiver);
    }
}
