//! From a place to a card: the answer to the interaction that asked for the run, or a message of our own.
//!
//! A run of chat begins here, when its card's message is kept; or it is given up here, and the channel is told.

use std::time::Duration;

use shanty_core::run::Phase;
use shanty_core::thread::{Block, CARDS_MAX, CardAt};

use super::callback::Answered;
use super::write::again_ms;
use super::{Beginning, Publisher};
use crate::clock::now_ms;
use crate::discord::sender::SendError;

/// Discord takes an answer within three seconds of the interaction, and a run is accepted later than that; what is not there a little
/// later does not come.
const ANSWER_MS: u64 = 4_000;

/// The first moment of Discord's ids, milliseconds since the Unix epoch.
const EPOCH_MS: u64 = 1_420_070_400_000;

/// When Discord gave an id, milliseconds since the Unix epoch.
pub(super) const fn made_ms(id: u64) -> u64 {
    (id >> 22) + EPOCH_MS
}

/// Nobody can see the card of this run now: the process stops.
pub(super) struct Stopped;

impl Publisher {
    /// Which messages show the card, or showed it.
    pub(super) fn cards(&self) -> [CardAt; CARDS_MAX] {
        std::array::from_fn(|number| {
            let block = Block::Card(number);
            let message = self.outbox.message(block);
            match message {
                _ if self.outbox.is_dead(block) => CardAt::Gone {
                    was_there: message.is_some(),
                },
                Some(message) => CardAt::There {
                    message,
                    made_ms: made_ms(message),
                },
                None => CardAt::Waiting,
            }
        })
    }

    /// Brings the run to where its card can be shown.
    pub(super) async fn card(&mut self) -> Result<(), Stopped> {
        if self.has_card() {
            return Ok(());
        }
        let place = self.snapshot().run.spec.origin.place();
        match place {
            Some(place) => self.answered(place.interaction).await,
            None => self.posted().await,
        }
    }

    /// The command line has its answer in the same moment: the card comes when the run begins, or did not.
    async fn posted(&mut self) -> Result<(), Stopped> {
        if self.beginning == Beginning::Resumed {
            self.outbox.may_exist(Block::Card(0));
        }
        let shutdown = self.edge.shutdown.clone();
        tokio::select! {
            () = shutdown.cancelled() => Err(Stopped),
            decided = self.watch.wait_for(|snapshot| snapshot.run.phase != Phase::Accepted) => {
                decided.map(|_| ()).map_err(|_| Stopped)
            }
        }
    }

    async fn answered(&mut self, interaction: u64) -> Result<(), Stopped> {
        match self.answer().await {
            Some(Ok(posted)) => {
                self.channel = posted.channel;
                self.thread_id = posted.thread;
                self.by_token = posted.by_token;
                let digest = Some(posted.digest);
                self.outbox.exists(Block::Card(0), posted.message, digest);
                self.cursor().keep(&self.edge).await;
                self.edge.hub.taken(self.run).await;
            }
            Some(Err(not)) => {
                self.edge.hub.not_taken(self.run, &not.why).await;
                self.by_token = not.by_token;
                match not.may_stand {
                    true => self.found(interaction).await?,
                    false => self.thread.without_card(),
                }
            }
            None if self.edge.shutdown.is_cancelled() => return Err(Stopped),
            None => self.found(interaction).await?,
        }
        Ok(())
    }

    /// What answers the interaction is the card, and shows how the run stands; where nothing does, the run has none.
    async fn found(&mut self, interaction: u64) -> Result<(), Stopped> {
        match self.find(interaction).await? {
            Some(card) => {
                self.outbox.exists(Block::Card(0), card, None);
                self.cursor().keep(&self.edge).await;
            }
            None => self.thread.without_card(),
        }
        Ok(())
    }

    /// What the interaction was answered with; nothing when nobody answers it and the run is given up: this process or an earlier one
    /// did not get so far.
    async fn answer(&mut self) -> Option<Answered> {
        let mut answer = self.edge.callbacks.receiver(self.run);
        let shutdown = self.edge.shutdown.clone();
        tokio::select! {
            biased;
            answered = &mut answer => return answered.ok(),
            () = shutdown.cancelled() => {}
            _ = self.watch.wait_for(|snapshot| snapshot.run.is_over()) => {}
        }
        if self.edge.callbacks.withdraw(self.run) {
            return None;
        }
        // It is being answered: what Discord says to that comes within the time of a call.
        answer.await.ok()
    }

    /// Looks for a card that answers the interaction although nobody here knows: Discord may have taken it when an earlier process ended.
    async fn find(&self, interaction: u64) -> Result<Option<u64>, Stopped> {
        let accepted_ms = self.snapshot().run.accepted_ms;
        // However the clock was set meanwhile.
        let late_ms = accepted_ms.min(now_ms()).saturating_add(ANSWER_MS);
        loop {
            let at_ms = now_ms();
            let wait_ms = match self.look(interaction).await {
                Ok(None) if at_ms < late_ms => late_ms - at_ms,
                Ok(found) => return Ok(found),
                Err(error) if error.is_final() => {
                    tracing::warn!(run.id = %self.run, "the card of a run cannot be looked for: {error}");
                    return Ok(None);
                }
                Err(error) => {
                    tracing::warn!(run.id = %self.run, "the card of a run is looked for again: {error}");
                    again_ms(&error)
                }
            };
            tokio::select! {
                () = self.edge.shutdown.cancelled() => return Err(Stopped),
                () = tokio::time::sleep(Duration::from_millis(wait_ms)) => {}
            }
        }
    }

    async fn look(&self, interaction: u64) -> Result<Option<u64>, SendError> {
        let call = self.edge.requests.list_after(self.channel, interaction);
        let call = match call {
            Ok(call) => call,
            Err(error) => {
                tracing::error!(run.id = %self.run, "the card of a run cannot be looked for: {error}");
                return Ok(None);
            }
        };
        let answer = self.edge.sender.call(&call).await?;
        let message = answer.message_that_answers(interaction)?;
        Ok(message.map(|at| at.message))
    }
}
