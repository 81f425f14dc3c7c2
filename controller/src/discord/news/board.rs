//! Messages of one channel that are posted and changed: the newest state of each, one after another, again when Discord could not be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shanty_core::causes::chain;
use shanty_core::news::YOUNG_MS;
use shanty_core::view::Card;
use tokio::time::Instant;

use crate::discord::Edge;
use crate::discord::requests::{Content, NewMessage, Nonce, Sound};
use crate::discord::sender::Outcome;

/// After Discord did not take a message, the next is tried so much later.
const AGAIN: Duration = Duration::from_secs(10);

/// A message as it should look.
pub(in crate::discord) struct Posting {
    /// What it says.
    pub(in crate::discord) card: Card,
    /// Whether people hear that it is posted.
    pub(in crate::discord) sound: Sound,
    /// When what it tells began, milliseconds since the Unix epoch.
    pub(in crate::discord) at_ms: u64,
}

/// The messages of one channel.
pub(in crate::discord) struct Board {
    channel: u64,
    /// Tells its messages from those of others, and of other processes.
    name: String,
    /// What is to be shown; only the newest state of each.
    pending: BTreeMap<u64, Posting>,
    /// Where the young ones are, and since when.
    messages: BTreeMap<u64, (u64, u64)>,
    /// Posts of which nobody knows whether they were taken: what stands there may be older than what is to be shown.
    unsure: BTreeSet<u64>,
    not_before: Instant,
}

impl Board {
    /// Nothing is shown yet. The name is of this process alone.
    pub(in crate::discord) fn new(channel: u64, name: String) -> Self {
        Self {
            channel,
            name,
            pending: BTreeMap::new(),
            messages: BTreeMap::new(),
            unsure: BTreeSet::new(),
            not_before: Instant::now(),
        }
    }

    /// From now on a message should look so.
    pub(in crate::discord) fn put(&mut self, id: u64, posting: Posting) {
        self.pending.insert(id, posting);
    }

    /// Whether all is shown.
    pub(in crate::discord) fn is_shown(&self) -> bool {
        self.pending.is_empty()
    }

    /// Forgets where messages are that are not changed any more: the old ones but these.
    pub(in crate::discord) fn forget_old(&mut self, now_ms: u64, open: &BTreeSet<u64>) {
        self.messages.retain(|id, (_, at_ms)| {
            now_ms < at_ms.saturating_add(2 * YOUNG_MS) || open.contains(id)
        });
    }

    /// Shows what is to be shown. What Discord did not take, and may take later, stays.
    pub(in crate::discord) async fn show(&mut self, edge: &Edge) {
        while Instant::now() >= self.not_before
            && let Some((&id, posting)) = self.pending.first_key_value()
        {
            let at = self.messages.get(&id).map(|(message, _)| *message);
            let at_ms = posting.at_ms;
            let call = match at {
                Some(message) => edge
                    .requests
                    .edit_card(self.channel, message, &posting.card),
                None => edge.requests.create_message(
                    self.channel,
                    &NewMessage {
                        content: Content::Card(&posting.card),
                        nonce: Nonce::named(&format!("{} {id}", self.name)),
                        sound: posting.sound,
                        mention: None,
                    },
                ),
            };
            let answer = match call {
                Ok(call) => edge.sender.call(&call).await,
                Err(error) => {
                    tracing::error!("news could not be formed: {}", chain(&error));
                    self.pending.remove(&id);
                    continue;
                }
            };
            match answer {
                Ok(answer) => {
                    if let (None, Ok(posted)) = (at, answer.message()) {
                        self.messages.insert(id, (posted.message, at_ms));
                    }
                    // It may be what was tried first: then it is changed now.
                    if !self.unsure.remove(&id) {
                        self.pending.remove(&id);
                    }
                }
                Err(error) => {
                    tracing::warn!("news did not reach Discord: {}", chain(&error));
                    if error.is_final() {
                        self.pending.remove(&id);
                        self.messages.remove(&id);
                        self.unsure.remove(&id);
                    } else if at.is_none() && error.outcome() == Outcome::Unknown {
                        self.unsure.insert(id);
                    }
                    self.not_before = Instant::now() + AGAIN;
                }
            }
        }
    }

    /// Discord may be asked again at once.
    #[cfg(test)]
    pub(in crate::discord) fn try_now(&mut self) {
        self.not_before = Instant::now();
    }
}
