//! Which message shows the card, and which ones say where it goes on.
//!
//! A card is edited for as long as its run goes on. Nobody is told of an edit, after hours the message is far up the channel, and Discord
//! takes few edits of messages older than an hour: three in six seconds for all of a channel. So there are two occasions at which a run
//! whose newest card is older than [`Style::new_card_ms`](super::Style::new_card_ms) goes on with a new card: the first failure while
//! other hosts go on, and the end. The new one mentions who asked and stands for the message that ends a long run; the older ones say
//! where it goes on and have nothing to press. All else is an edit, however old the card is, as seldom as [`crate::outbox`] says. A run
//! thus has [`CARDS_MAX`] cards at most, and one that goes well two: its beginning and its end. A cancel is no occasion: who cancels
//! looks at the card or at an answer, and the end comes after it.
//!
//! What is decided goes by moments that stay as they are: when Discord made a message, when the run was accepted, when the first failure
//! was seen and when the run was closed. So it is the same after a restart, and however late it is written. A card is old only when
//! Discord's clock and ours both say so; when either is wrong, cards are edited. Where a new card cannot be posted, or somebody deleted
//! it, the one before it is edited on.

use super::host::Host;
use super::{Block, FAREWELL_MS, Look, Message, NoThread, Output, Status, Thread};
use crate::limits;
use crate::outbox::Urgency;
use crate::principal::Principal;
use crate::run::{Phase, Rank, Run};
use crate::view::groups::Told;
use crate::view::{self, Card, Scene};

/// Cards of a run at most: the first, one for the first failure, and one for the end.
pub const CARDS_MAX: usize = 3;

/// What became of a message that shows the card, or should.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CardAt {
    /// There is none yet, as far as is known.
    #[default]
    Waiting,
    /// It is there.
    There {
        /// The message.
        message: u64,
        /// When Discord made it, milliseconds since the Unix epoch.
        made_ms: u64,
    },
    /// It will not be edited or posted any more.
    Gone {
        /// True when people could see it until somebody deleted it.
        was_there: bool,
    },
}

/// How one card looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Face {
    /// As the run stands.
    Whole(Urgency),
    /// As a note that it goes on in this message.
    Moved(u64),
}

/// What cards there should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Due {
    /// The number of the newest.
    newest: usize,
    /// Since when there should be the newest, or when Discord made it if that is later, milliseconds since the Unix epoch.
    since_ms: u64,
    /// When the run ended, and whether the newest card is there to say so.
    ended: Option<(u64, bool)>,
}

impl Due {
    /// The cards of a run of which this is known.
    pub(super) fn of(status: &Status<'_>, failed_ms: Option<u64>, new_card_ms: u64) -> Self {
        let run = status.run;
        let mut due = Self {
            newest: 0,
            since_ms: run.accepted_ms.max(status.made_ms(0)),
            ended: None,
        };
        if let Some(at_ms) = failed_ms {
            due.turn(status, at_ms, new_card_ms);
        }
        let ended_ms = ended_ms(run, status.now_ms);
        due.ended = ended_ms.map(|at_ms| (at_ms, due.turn(status, at_ms, new_card_ms)));
        let is_there = |number: &usize| matches!(status.card(*number), CardAt::There { .. });
        if let Some(last) = (due.newest + 1..CARDS_MAX).rev().find(is_there) {
            due.newest = last;
            due.since_ms = due.since_ms.max(status.made_ms(last));
        }
        due
    }

    /// Takes an occasion; true when it comes as a new card.
    fn turn(&mut self, status: &Status<'_>, at_ms: u64, new_card_ms: u64) -> bool {
        // One that is still to be posted will show this too.
        let waits = status.card(self.newest) == CardAt::Waiting;
        let is_old = at_ms.saturating_sub(self.since_ms) >= new_card_ms;
        // What an earlier process posted stays, whatever it was told to go by.
        let is_there = status.card(self.newest + 1) != CardAt::Waiting;
        let is_new = !waits && (is_old || is_there) && self.newest + 1 < CARDS_MAX;
        if is_new {
            self.newest += 1;
            self.since_ms = at_ms.max(status.made_ms(self.newest));
        }
        is_new
    }

    /// The cards that should be written, by number.
    pub(super) fn faces(&self, status: &Status<'_>) -> Vec<(usize, Face)> {
        let there = |number: usize| match status.card(number) {
            CardAt::There { message, .. } => Some((number, message)),
            CardAt::Waiting | CardAt::Gone { .. } => None,
        };
        let current = (0..=self.newest).rev().find_map(there);
        let is_coming = status.card(self.newest) == CardAt::Waiting;
        let face = |number: usize| match (status.card(number), current) {
            (CardAt::There { .. }, Some((newest, message))) if newest != number => {
                Some(Face::Moved(message))
            }
            // What replaces it comes first.
            (CardAt::There { .. }, _) if is_coming => Some(Face::Whole(Urgency::Progress)),
            (CardAt::There { .. }, _) => Some(Face::Whole(urgency(status.run))),
            (CardAt::Waiting, _) if number < self.newest => None,
            (CardAt::Waiting, None) => Some(Face::Whole(urgency(status.run))),
            (CardAt::Waiting, Some(_)) => Some(Face::Whole(Urgency::Now)),
            (CardAt::Gone { .. }, _) => None,
        };
        let faces = (0..=self.newest).map(|number| Some((number, face(number)?)));
        faces.flatten().collect()
    }

    /// True when there is no card to write to, and none comes.
    pub(super) fn is_nowhere(&self, status: &Status<'_>) -> bool {
        self.faces(status).is_empty()
    }

    /// Whom a new card notifies: who asked, when that was long ago.
    pub(super) fn mention(&self, run: &Run, number: usize) -> Option<u64> {
        let long_ago = self.since_ms.saturating_sub(run.accepted_ms) > FAREWELL_MS;
        asker(run).filter(|_| number > 0 && long_ago)
    }

    /// Whom a message at the end mentions: nobody when a card has just done so, or will.
    pub(super) fn farewell(&self, status: &Status<'_>) -> Option<u64> {
        let (ended_ms, by_card) = self.ended?;
        let told = match status.card(self.newest) {
            CardAt::Gone { was_there } if by_card => was_there,
            CardAt::Waiting => true,
            CardAt::There { .. } | CardAt::Gone { .. } => {
                by_card || ended_ms.saturating_sub(self.since_ms) <= FAREWELL_MS
            }
        };
        let run = status.run;
        let recorded = matches!(run.phase, Phase::Closed { .. });
        let long_ago = ended_ms.saturating_sub(run.accepted_ms) > FAREWELL_MS;
        asker(run).filter(|_| recorded && long_ago && !told)
    }
}

/// True when a host failed and others go on, and nobody has asked to stop them: what people must see before the end.
pub(super) fn has_failed(run: &Run) -> bool {
    let failed = run.executions().any(|(_, execution)| {
        let rank = |how| Rank::of(how, run.is_skipped(execution));
        let outcome = execution.outcome();
        outcome.is_some_and(|outcome| rank(&outcome.how).is_failure())
    });
    failed && run.phase == Phase::Running && run.cancel.is_none() && !run.all_ended()
}

/// When a run ended, milliseconds since the Unix epoch; now when that is not recorded yet.
fn ended_ms(run: &Run, now_ms: u64) -> Option<u64> {
    match run.phase {
        Phase::Closed { at_ms } => Some(at_ms),
        Phase::Running => run.all_ended().then_some(now_ms),
        Phase::Accepted | Phase::Expired(_) => None,
    }
}

fn asker(run: &Run) -> Option<u64> {
    match run.spec.origin.principal() {
        Principal::Discord(user) => Some(user),
        Principal::Local(_) => None,
    }
}

fn urgency(run: &Run) -> Urgency {
    if run.is_over() || run.all_ended() || run.cancel.is_some() {
        Urgency::Now
    } else {
        Urgency::Progress
    }
}

impl Thread {
    /// The cards as they should look now.
    pub(super) fn cards(&self, status: &Status<'_>, due: &Due, groups: &[Told]) -> Vec<Message> {
        let run = status.run;
        // A short output is read in a moment and stands on the card: its end is not shown without it, to be shown again.
        let soon = |host: &Host| host.is_about_to_be_done(run);
        let is_soon = run.all_ended() && self.hosts.values().any(soon);
        let message = |(number, face)| {
            let (urgency, card) = match face {
                Face::Whole(_) if is_soon => return None,
                Face::Whole(urgency) => (urgency, self.card(status, groups)),
                Face::Moved(to) => (Urgency::Now, moved(status, to)),
            };
            let mention = due.mention(run, number);
            let look = Look::Card(card);
            Some(Message::new(Block::Card(number), urgency, look, mention))
        };
        let faces = if self.missing {
            Vec::new()
        } else {
            due.faces(status)
        };
        faces.into_iter().filter_map(message).collect()
    }

    /// The message that ends a run that was long enough for people to have looked away.
    pub(super) fn farewell(&self, status: &Status<'_>, due: &Due) -> Option<Message> {
        let who = due.farewell(status).filter(|_| !self.missing)?;
        let mention = view::mention(&Principal::Discord(who));
        let text = format!("{mention} {}", view::run_summary(status.run));
        let look = Look::Text(text);
        Some(Message::new(Block::Farewell, Urgency::Now, look, Some(who)))
    }

    fn card(&self, status: &Status<'_>, groups: &[Told]) -> Card {
        let expired = matches!(status.run.phase, Phase::Expired(_));
        let deleted = self.closed == Some(NoThread::Deleted);
        let live = || {
            let (lines_max, units_max) = limits::CARD_OUTPUT_MAX;
            let host = self.hosts.values().next()?;
            let text = host.live(lines_max, units_max);
            let alone = matches!(self.output, Output::Alone(_)) && !self.opened;
            (alone && !text.trim().is_empty() && !host.is_binary()).then_some(text)
        };
        let scene = Scene {
            run_as: status.run_as.to_vec(),
            // Of what did not run there is no output, and maybe no thread.
            thread: status.thread.filter(|_| !expired && !deleted),
            groups: groups.to_vec(),
            live: live(),
            spool_full: status.spool_full.to_vec(),
            without_files: self.is_read(status.run)
                && (!self.opened || self.closed.is_some() || !self.has_files(status.run, groups)),
            remark: self.remark(status.run).filter(|_| !expired),
        };
        view::run_card(status.run, &scene)
    }

    /// What people should know about how the run is shown.
    fn remark(&self, run: &Run) -> Option<String> {
        let number = run.number.0;
        let why = match self.closed? {
            NoThread::Refused => {
                "output cannot be shown here: the bot needs the rights to create and write in threads"
            }
            NoThread::Deleted => "the thread with its output was deleted",
            NoThread::Locked => {
                "its thread is closed and the bot may not open it: the rest of its output is not shown there"
            }
            NoThread::Crowded => {
                "output cannot be shown here: this server has too many open threads; close some"
            }
        };
        Some(format!("-# {why} · `shanty runs output {number}`"))
    }
}

/// What an older card shows.
fn moved(status: &Status<'_>, to: u64) -> Card {
    let link = |(guild, channel)| format!("https://discord.com/channels/{guild}/{channel}/{to}");
    view::moved_card(status.run, status.place.map(link).as_deref())
}

impl Status<'_> {
    fn card(&self, number: usize) -> CardAt {
        self.cards.get(number).copied().unwrap_or_default()
    }

    fn made_ms(&self, number: usize) -> u64 {
        match self.card(number) {
            CardAt::There { made_ms, .. } => made_ms,
            CardAt::Waiting | CardAt::Gone { .. } => 0,
        }
    }
}
