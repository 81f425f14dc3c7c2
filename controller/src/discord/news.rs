//! Tells the operators' channel of hosts that join, go and come back, and of what is done on the controller's machine, and the bot's profile how
//! many are there. What is news is decided in `core::news`; here somebody looks every two seconds, and messages are posted and edited.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shanty_core::causes::chain;
use shanty_core::hub::Known;
use shanty_core::ids::AgentId;
use shanty_core::news::{AWAY_MS, About, Bulletin, Deed, Did, News, Noted, Sighting, YOUNG_MS};
use shanty_core::view;
use tokio::sync::broadcast::{self, error::TryRecvError};
use tokio::sync::watch;
use tokio::time::Instant;

use super::Edge;
use super::requests::{Content, NewMessage, Nonce, Sound};
use crate::clock::now_ms;

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);

/// After Discord did not take a message, the next is tried so much later.
const AGAIN: Duration = Duration::from_secs(10);

/// Deeds that are told later; past it the oldest are in the journal only.
const UNTOLD_MAX: usize = 100;

/// Where it is kept what was told.
const KEPT: &str = "news";

/// What was told of a host.
#[derive(Serialize, Deserialize)]
struct KeptNote {
    agent: String,
    gone_ms: Option<u64>,
    told_ms: Vec<u64>,
}

struct Teller {
    edge: Arc<Edge>,
    news: News,
    started_ms: u64,
    /// What was kept last.
    kept: Option<BTreeMap<AgentId, Noted>>,
    /// Bulletins that are to be shown; only the newest state of each.
    pending: BTreeMap<u64, Bulletin>,
    /// Where the young ones are, and since when.
    messages: BTreeMap<u64, (u64, u64)>,
    /// What was done on the controller's machine, and what of it is to be told yet.
    deeds: broadcast::Receiver<Deed>,
    untold: Untold,
    not_before: Instant,
}

/// Deeds that are to be told. What is being told stays as it is until that is known to be done: it is repeated with its nonce, and what was
/// done meanwhile comes after it.
#[derive(Default)]
struct Untold {
    telling: Vec<Deed>,
    later: Vec<Deed>,
    /// Messages that were told.
    told: u64,
}

impl Untold {
    fn push(&mut self, deed: Deed) {
        self.later.push(deed);
        let too_many = self.later.len().saturating_sub(UNTOLD_MAX);
        self.later.drain(..too_many);
    }

    /// What the next message tells, and its number; nothing when all is told.
    fn next(&mut self) -> Option<(&[Deed], u64)> {
        if self.telling.is_empty() {
            self.telling = std::mem::take(&mut self.later);
        }
        (!self.telling.is_empty()).then_some((&self.telling[..], self.told))
    }

    fn is_told(&mut self) {
        self.telling.clear();
        self.told += 1;
    }

    fn clear(&mut self) {
        self.telling.clear();
        self.later.clear();
    }
}

/// Looks until shutdown.
pub(super) async fn tell(
    edge: Arc<Edge>,
    attendance: watch::Sender<Option<String>>,
    deeds: broadcast::Receiver<Deed>,
) -> anyhow::Result<()> {
    let noted = noted(&edge).await;
    let mut teller = Teller {
        news: News::new(noted.clone(), edge.gone_ms.unwrap_or(AWAY_MS), now_ms()),
        started_ms: now_ms(),
        kept: noted,
        pending: BTreeMap::new(),
        messages: BTreeMap::new(),
        deeds,
        untold: Untold::default(),
        not_before: Instant::now(),
        edge,
    };
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let shutdown = teller.edge.shutdown.clone();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = looks.tick() => {}
        }
        let Ok(known) = teller.edge.hub.known().await else {
            shutdown.cancelled().await;
            return Ok(());
        };
        teller.look(&known, &attendance);
        drop(known);
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = teller.show() => {}
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = teller.tell_deeds() => {}
        }
        teller.keep().await;
    }
}

impl Teller {
    fn look(&mut self, known: &Known, attendance: &watch::Sender<Option<String>>) {
        let now_ms = now_ms();
        let hosts = known.state.hosts.iter().filter(|(_, host)| !host.revoked);
        let sightings: Vec<Sighting<'_>> = hosts
            .map(|(agent, host)| {
                let presence = known.fleet.get(*agent);
                Sighting {
                    agent: *agent,
                    name: host.enrolment.name.as_str(),
                    online: presence.is_some_and(|presence| presence.link.is_some()),
                    heard_ms: presence.map_or(0, |presence| presence.heard_ms),
                    duplicated: presence.is_some_and(|presence| presence.is_duplicated(now_ms)),
                }
            })
            .collect();
        for bulletin in self.news.look(&sightings, now_ms) {
            self.pending.insert(bulletin.id, bulletin);
        }
        let counted = self.news.attendance(&sightings, now_ms);
        let text = counted.map(view::attendance_text);
        attendance.send_if_modified(|said| {
            let changed = text.is_some() && *said != text;
            if changed {
                said.clone_from(&text);
            }
            changed
        });
        self.messages
            .retain(|_, (_, at_ms)| now_ms < at_ms.saturating_add(2 * YOUNG_MS));
    }

    /// Shows what is to be shown. What Discord did not take, and may take later, stays.
    async fn show(&mut self) {
        let Some(channel) = self.edge.news_channel() else {
            return self.pending.clear();
        };
        while let Some((_, bulletin)) = self.pending.first_key_value() {
            if Instant::now() < self.not_before {
                return;
            }
            let (id, about, at_ms) = (bulletin.id, bulletin.about, bulletin.at_ms);
            let card = view::news_card(bulletin);
            let at = self.messages.get(&id).map(|(message, _)| *message);
            let call = match at {
                Some(message) => self.edge.requests.edit_card(channel, message, &card),
                None => self.edge.requests.create_message(
                    channel,
                    &NewMessage {
                        content: Content::Card(&card),
                        nonce: Nonce::named(&format!("news {} {id}", self.started_ms)),
                        sound: match about {
                            About::Gone | About::Duplicated => Sound::Loud,
                            About::Joined | About::Back => Sound::Quiet,
                        },
                        mention: None,
                    },
                ),
            };
            let answer = match call {
                Ok(call) => self.edge.sender.call(&call).await,
                Err(error) => {
                    tracing::error!("news of hosts could not be formed: {}", chain(&error));
                    self.pending.remove(&id);
                    continue;
                }
            };
            match answer {
                Ok(answer) => {
                    if let (None, Ok(posted)) = (at, answer.message()) {
                        self.messages.insert(id, (posted.message, at_ms));
                    }
                    self.pending.remove(&id);
                }
                Err(error) => {
                    tracing::warn!("news of hosts did not reach Discord: {}", chain(&error));
                    if error.is_final() {
                        self.pending.remove(&id);
                        self.messages.remove(&id);
                    }
                    self.not_before = Instant::now() + AGAIN;
                }
            }
        }
    }

    /// Tells what was done meanwhile on the controller's machine, in one message. What Discord did not take, and may take later, stays.
    async fn tell_deeds(&mut self) {
        loop {
            match self.deeds.try_recv() {
                Ok(deed) => self.untold.push(deed),
                Err(TryRecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "operators are not told of all that was done");
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        let Some(channel) = self.edge.news_channel() else {
            return self.untold.clear();
        };
        if Instant::now() < self.not_before {
            return;
        }
        let Some((deeds, number)) = self.untold.next() else {
            return;
        };
        let is_hold = |deed: &Deed| matches!(deed.did, Did::Hold(_) | Did::EndHold);
        let call = self.edge.requests.create_message(
            channel,
            &NewMessage {
                content: Content::Card(&view::deeds_card(deeds)),
                nonce: Nonce::named(&format!("deeds {} {number}", self.started_ms)),
                sound: match deeds.iter().any(is_hold) {
                    true => Sound::Loud,
                    false => Sound::Quiet,
                },
                mention: None,
            },
        );
        let told = match call {
            Ok(call) => self.edge.sender.call(&call).await.map(drop),
            Err(error) => {
                tracing::error!("what was done could not be formed: {}", chain(&error));
                Ok(())
            }
        };
        match told {
            Ok(()) => self.untold.is_told(),
            Err(error) => {
                tracing::warn!("what was done did not reach Discord: {}", chain(&error));
                if error.is_final() {
                    self.untold.is_told();
                }
                self.not_before = Instant::now() + AGAIN;
            }
        }
    }

    /// Keeps what was told, once it is told: a crash before tells it again rather than never.
    async fn keep(&mut self) {
        if !self.pending.is_empty() || self.news.is_gathering() {
            return;
        }
        let noted = self.news.noted();
        if self.kept.as_ref() == Some(&noted) {
            return;
        }
        let note = |(agent, noted): (&AgentId, &Noted)| KeptNote {
            agent: agent.to_string(),
            gone_ms: noted.gone_ms,
            told_ms: noted.told_ms.clone(),
        };
        let notes: Vec<KeptNote> = noted.iter().map(note).collect();
        match self.edge.kept.keep(KEPT, &notes).await {
            Ok(()) => self.kept = Some(noted),
            Err(error) => tracing::warn!(%error, "what was told of hosts could not be kept"),
        }
    }
}

/// What an earlier process told; nothing when there was none.
async fn noted(edge: &Edge) -> Option<BTreeMap<AgentId, Noted>> {
    let notes: Vec<KeptNote> = match edge.kept.read(KEPT).await {
        Ok(notes) => notes?,
        Err(error) => {
            tracing::warn!(%error, "what was told of hosts cannot be read");
            return None;
        }
    };
    let note = |kept: KeptNote| {
        let noted = Noted {
            gone_ms: kept.gone_ms,
            told_ms: kept.told_ms,
        };
        Some((kept.agent.parse().ok()?, noted))
    };
    Some(notes.into_iter().filter_map(note).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use shanty_core::principal::Principal;

    fn deed(at_ms: u64) -> Deed {
        Deed {
            by: Principal::Discord(7),
            at_ms,
            did: Did::EndHold,
        }
    }

    #[test]
    fn what_is_told_again_is_the_same_message_and_what_came_meanwhile_is_the_next() {
        let mut untold = Untold::default();
        assert_eq!(untold.next(), None);
        untold.push(deed(1));
        assert_eq!(untold.next(), Some((&[deed(1)][..], 0)));
        untold.push(deed(2));
        assert_eq!(untold.next(), Some((&[deed(1)][..], 0)), "told again");
        untold.is_told();
        assert_eq!(untold.next(), Some((&[deed(2)][..], 1)));
        untold.is_told();
        assert_eq!(untold.next(), None);
    }
}
