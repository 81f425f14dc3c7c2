//! Tells the operators' channel of hosts that join, go and come back, and of what is done on the controller's machine; the audit channel of all that is
//! done and refused; and the bot's profile how many hosts are there. What is news is decided in `core::news`; here somebody looks every two
//! seconds, and messages are posted and edited.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use shanty_core::hub::Known;
use shanty_core::ids::AgentId;
use shanty_core::news::{
    AWAY_MS, About, Bulletin, Deed, Feed, News, Noted, Scope, Sheet, Sighting,
};
use shanty_core::view;
use tokio::sync::broadcast::{self, error::TryRecvError};
use tokio::sync::watch;

use super::Edge;
use super::requests::Sound;
use crate::clock::now_ms;

mod board;

pub(super) use board::{Board, Posting};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(2);

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
    /// What was kept last.
    kept: Option<BTreeMap<AgentId, Noted>>,
    /// Where news of hosts are shown; nowhere when operators want none.
    bulletins: Option<Board>,
    /// What was done, and where it is told.
    deeds: broadcast::Receiver<Deed>,
    desks: Vec<Desk>,
}

/// What one channel is told of what was done.
struct Desk {
    feed: Feed,
    board: Board,
}

impl Desk {
    fn new(channel: u64, scope: Scope, started_ms: u64) -> Self {
        Self {
            feed: Feed::new(scope),
            board: Board::new(channel, format!("deeds {channel} {started_ms}")),
        }
    }

    /// Shows what is to be told. What comes while Discord is away comes together.
    async fn show(&mut self, edge: &Edge) {
        let now_ms = now_ms();
        self.board.forget_old(now_ms, &BTreeSet::new());
        if self.board.is_shown() {
            for sheet in self.feed.due(now_ms) {
                self.board.put(sheet.id, posting(&sheet));
            }
        }
        self.board.show(edge).await;
    }
}

fn posting(sheet: &Sheet) -> Posting {
    Posting {
        card: view::sheet_card(sheet),
        sound: match view::is_loud(sheet) {
            true => Sound::Loud,
            false => Sound::Quiet,
        },
        at_ms: sheet.at_ms,
    }
}

/// Which channels are told what of what was done: nothing twice where one channel is for both. Where operators want no news it is told in a
/// channel of its own only.
fn scopes(ops: Option<u64>, has_news: bool, audit: Option<u64>) -> Vec<(u64, Scope)> {
    let both = audit.is_some() && audit == ops;
    let audit = audit.filter(|_| has_news || !both).map(|channel| {
        let joins = !both;
        (channel, Scope::Audit { channel, joins })
    });
    let ops = ops.filter(|_| has_news && !both);
    let ops = ops.map(|ops| (ops, Scope::Machine));
    audit.into_iter().chain(ops).collect()
}

/// Looks until shutdown.
pub(super) async fn tell(
    edge: Arc<Edge>,
    attendance: watch::Sender<Option<String>>,
    deeds: broadcast::Receiver<Deed>,
) -> anyhow::Result<()> {
    let noted = noted(&edge).await;
    let started_ms = now_ms();
    let ops = edge.news_channel();
    let desks = scopes(edge.ops_channel, ops.is_some(), edge.audit_channel).into_iter();
    let mut teller = Teller {
        news: News::new(noted.clone(), edge.gone_ms.unwrap_or(AWAY_MS), started_ms),
        kept: noted,
        bulletins: ops.map(|ops| Board::new(ops, format!("news {started_ms}"))),
        deeds,
        desks: desks
            .map(|(channel, scope)| Desk::new(channel, scope, started_ms))
            .collect(),
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
        let bulletins = self.news.look(&sightings, now_ms);
        if let Some(board) = &mut self.bulletins {
            board.forget_old(now_ms, &self.news.open());
            for bulletin in &bulletins {
                board.put(bulletin.id, bulletin_posting(bulletin));
            }
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
        self.take_deeds(now_ms);
    }

    /// Takes what was done meanwhile.
    fn take_deeds(&mut self, now_ms: u64) {
        loop {
            match self.deeds.try_recv() {
                Ok(deed) => {
                    for desk in &mut self.desks {
                        desk.feed.take(deed.clone(), now_ms);
                    }
                }
                Err(TryRecvError::Lagged(missed)) => {
                    tracing::warn!(missed, "operators are not told of all that was done");
                    for desk in &mut self.desks {
                        desk.feed.missed(missed, now_ms);
                    }
                }
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
    }

    async fn show(&mut self) {
        if let Some(board) = &mut self.bulletins {
            board.show(&self.edge).await;
        }
        for desk in &mut self.desks {
            desk.show(&self.edge).await;
        }
    }

    /// Keeps what was told, once it is told: a crash before tells it again rather than never.
    async fn keep(&mut self) {
        let is_shown = self.bulletins.as_ref().is_none_or(Board::is_shown);
        if !is_shown || self.news.is_gathering() {
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

fn bulletin_posting(bulletin: &Bulletin) -> Posting {
    Posting {
        card: view::news_card(bulletin),
        sound: match bulletin.about {
            About::Gone | About::Duplicated => Sound::Loud,
            About::Joined | About::Back => Sound::Quiet,
        },
        at_ms: bulletin.at_ms,
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

    #[test]
    fn a_channel_that_is_for_both_is_told_nothing_twice() {
        let audit = |channel, joins| (channel, Scope::Audit { channel, joins });
        let machine = (1, Scope::Machine);
        for (ops, has_news, audited, told) in [
            (Some(1), true, Some(1), vec![audit(1, false)]),
            (Some(1), true, Some(2), vec![audit(2, true), machine]),
            (Some(1), true, None, vec![machine]),
            (Some(1), false, Some(1), vec![]),
            (Some(1), false, Some(2), vec![audit(2, true)]),
            (None, false, Some(1), vec![audit(1, true)]),
            (None, false, None, vec![]),
        ] {
            assert_eq!(scopes(ops, has_news, audited), told);
        }
    }
}
