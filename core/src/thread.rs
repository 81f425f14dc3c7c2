//! What people see of one run: its card, the pages and files of its thread, and the message that ends a long run.
//!
//! A [`Thread`] is fed with the records of each host and told how the run stands; it says which messages there should be and how each
//! looks. Their words and their layout are here, and nothing else: which message is written next is decided by [`crate::outbox`], and no
//! bytes of files, ids of messages or limits of Discord's calls are known.

mod host;

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use crate::ids::{AgentId, RunNumber};
use crate::limits;
use crate::outbox::{Key, Lane, Urgency};
use crate::principal::Principal;
use crate::run::{Phase, Run};
use crate::spool::Record;
use crate::view::{self, Card, Scene};
use host::Host;

/// A run that took longer than this ends with a message that mentions who asked, milliseconds: edits notify nobody.
const FAREWELL_MS: u64 = 60_000;

/// What a message shows. Their order is the order in which the messages of one place are created: hosts by their ids.
///
/// It names content, not places in a list, so that a message stays the same one whatever else comes to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Block {
    /// The card, in the channel.
    Card,
    /// That nothing was run, in the channel, where there is no card that could say it.
    NotStarted,
    /// A page of one host's output, from 0, in the thread.
    Page(AgentId, usize),
    /// The files with all of one host's output, in the thread.
    Files(AgentId),
    /// The end of a long run, in the channel: mentions who asked.
    Farewell,
}

impl Key for Block {
    fn lane(self) -> Lane {
        match self {
            Self::Card | Self::NotStarted | Self::Farewell => Lane::Channel,
            Self::Page(..) | Self::Files(_) => Lane::Thread,
        }
    }
}

/// A message as it should look now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// What it shows.
    pub block: Block,
    /// Tells its looks apart; never zero.
    pub digest: u64,
    /// How soon people should see it.
    pub urgency: Urgency,
    /// How it looks.
    pub look: Look,
    /// Whom it notifies when it is created.
    pub mention: Option<u64>,
}

/// How a message looks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Look {
    /// A card.
    Card(Card),
    /// Markdown, with the files of [`Thread::files`] for [`Block::Files`].
    Text(String),
}

/// A file to attach: a part of what a host printed, both outputs as they came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilePart {
    /// Its name.
    pub name: String,
    /// Which bytes of the output.
    pub bytes: Range<u64>,
}

/// How a run stands, with what its card needs besides.
#[derive(Clone, Copy, Debug)]
pub struct Status<'a> {
    /// The run.
    pub run: &'a Run,
    /// The users that its commands run as.
    pub run_as: &'a [String],
    /// Hosts whose commands wait because too much output is not stored.
    pub spool_full: &'a [String],
    /// Guild and thread, once there is one.
    pub thread: Option<(u64, u64)>,
}

/// The messages of one run.
#[derive(Debug)]
pub struct Thread {
    hosts: Vec<Host>,
    card: CardState,
    /// No thread could be made.
    closed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CardState {
    /// All that it shows, this process shows.
    Whole,
    /// An earlier process began to show the run.
    Resumed,
    /// There is none, and there will be none.
    Missing,
}

impl Thread {
    /// The messages of a run that nobody has seen anything of, but maybe its card.
    #[must_use]
    pub fn new(run: &Run) -> Self {
        let targets = run.spec.targets.iter().take(limits::THREAD_HOSTS_MAX);
        let mut hosts: Vec<Host> = targets.map(Host::new).collect();
        hosts.sort_by_key(|host| host.agent);
        Self {
            hosts,
            card: CardState::Whole,
            closed: false,
        }
    }

    /// The messages of a run that an earlier process began to show. What had begun is not begun again; what still waits for its host has
    /// nothing in the thread, and gets its pages.
    #[must_use]
    pub fn resumed(run: &Run) -> Self {
        let mut thread = Self::new(run);
        thread.card = CardState::Resumed;
        thread.hosts.retain(|host| host.waits(run));
        thread
    }

    /// No thread can be made: only the channel shows the run.
    pub const fn without_thread(&mut self) {
        self.closed = true;
    }

    /// There is no card, and none can be made: the channel is told by a message that nothing was run.
    pub const fn without_card(&mut self) {
        self.card = CardState::Missing;
    }

    /// The hosts whose records are shown, in their order.
    pub fn agents(&self) -> impl Iterator<Item = AgentId> {
        self.hosts.iter().map(|host| host.agent)
    }

    /// Takes the next record of a host.
    pub fn feed(&mut self, agent: AgentId, record: &Record) {
        if let Some(host) = self.host_mut(agent) {
            host.feed(record);
        }
    }

    /// Takes that a host has no more records.
    pub fn finish(&mut self, agent: AgentId) {
        if let Some(host) = self.host_mut(agent) {
            host.finish();
        }
    }

    /// Takes that the rest of a host's records cannot be read, and why, as a part of a sentence.
    pub fn break_off(&mut self, agent: AgentId, why: &str) {
        if let Some(host) = self.host_mut(agent) {
            host.break_off(why);
        }
    }

    /// True when no record and no end can come that would change a message.
    #[must_use]
    pub fn is_complete(&self, run: &Run) -> bool {
        match run.phase {
            Phase::Accepted | Phase::Running => false,
            // Nothing ran: no host will say anything.
            Phase::Expired(_) => true,
            Phase::Closed { .. } => self.hosts.iter().all(|host| host.is_done(run)),
        }
    }

    /// The messages that people should see, as they should look. One that is not among them stays as it is.
    #[must_use]
    pub fn messages(&self, status: &Status<'_>) -> Vec<Message> {
        let blocks = self.blocks(status.run);
        let message = |block| self.message(block, status);
        blocks.into_iter().filter_map(message).collect()
    }

    /// One message as it should look.
    #[must_use]
    pub fn message(&self, block: Block, status: &Status<'_>) -> Option<Message> {
        let run = status.run;
        let mut mention = None;
        let (urgency, look) = match block {
            Block::Card => (card_urgency(run), Look::Card(self.look_of_card(status))),
            Block::NotStarted => (Urgency::Now, Look::Text(not_started(run)?)),
            Block::Page(agent, number) => {
                let host = self.host(agent)?;
                let urgency = if host.is_done(run) {
                    Urgency::Now
                } else {
                    Urgency::Progress
                };
                (urgency, Look::Text(host.page(number, run)))
            }
            Block::Files(agent) => {
                let text = self.host(agent)?.files_text(run.number);
                (Urgency::Now, Look::Text(text))
            }
            Block::Farewell => {
                mention = Some(waited(run)?);
                (Urgency::Now, Look::Text(farewell(run)?))
            }
        };
        Some(Message {
            block,
            digest: look.digest(),
            urgency,
            look,
            mention,
        })
    }

    /// The files that hold all of a host's output, or its beginning and its end when it is too long.
    #[must_use]
    pub fn files(&self, agent: AgentId, run: RunNumber) -> Vec<FilePart> {
        self.host(agent)
            .map_or_else(Vec::new, |host| host.files(run))
    }

    fn blocks(&self, run: &Run) -> Vec<Block> {
        if self.card == CardState::Missing {
            return vec![Block::NotStarted];
        }
        let mut blocks = Vec::new();
        // A short output is read in a moment and stands on the card: its end is not shown without it, to be shown again.
        if !self.hosts.iter().any(|host| host.is_about_to_be_done(run)) {
            blocks.push(Block::Card);
        }
        let open = self.hosts.iter().filter(|_| !self.closed);
        for host in open {
            let pages = host.page_numbers(run);
            blocks.extend(pages.map(|number| Block::Page(host.agent, number)));
            if host.is_done(run) && host.has_files() {
                blocks.push(Block::Files(host.agent));
            }
        }
        blocks.push(Block::Farewell);
        blocks
    }

    fn look_of_card(&self, status: &Status<'_>) -> Card {
        let expired = matches!(status.run.phase, Phase::Expired(_));
        // Beside what is not shown any more, the rest would look like all.
        let shown = self.hosts.iter().filter(|_| self.is_whole(status.run));
        let outputs = shown.filter_map(|host| {
            let text = host.short(status.run)?;
            (!text.trim().is_empty()).then(|| (host.name.to_string(), text))
        });
        let scene = Scene {
            run_as: status.run_as.to_vec(),
            // Of what did not run there is no output, and maybe no thread.
            thread: status.thread.filter(|_| !expired),
            outputs: outputs.collect(),
            spool_full: status.spool_full.to_vec(),
            remark: self.remark(status.run).filter(|_| !expired),
        };
        view::run_card(status.run, &scene)
    }

    /// What people should know about how the run is shown.
    fn remark(&self, run: &Run) -> Option<String> {
        let number = run.number.0;
        if self.closed {
            return Some(format!(
                "-# output cannot be shown here: the bot needs the rights to create and write in threads · `shanty runs output {number}`"
            ));
        }
        if self.card == CardState::Resumed {
            return Some(format!(
                "-# the controller restarted meanwhile: the thread may lack the end · all: `shanty runs output {number}`"
            ));
        }
        let shown = limits::THREAD_HOSTS_MAX;
        (run.spec.targets.len() > shown).then(|| {
            format!("-# the thread has the output of the first {shown} hosts · all: `shanty runs output {number}`")
        })
    }

    /// True when no host is missing that an earlier process showed.
    fn is_whole(&self, run: &Run) -> bool {
        self.hosts.len() == run.spec.targets.len().min(limits::THREAD_HOSTS_MAX)
    }

    fn host(&self, agent: AgentId) -> Option<&Host> {
        self.hosts.iter().find(|host| host.agent == agent)
    }

    fn host_mut(&mut self, agent: AgentId) -> Option<&mut Host> {
        self.hosts.iter_mut().find(|host| host.agent == agent)
    }
}

impl Look {
    /// Tells looks apart; never zero.
    #[must_use]
    pub fn digest(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        match self {
            Self::Card(card) => format!("{card:?}").hash(&mut hasher),
            Self::Text(text) => text.hash(&mut hasher),
        }
        hasher.finish().max(1)
    }
}

fn card_urgency(run: &Run) -> Urgency {
    if run.is_over() || run.all_ended() || run.cancel.is_some() {
        Urgency::Now
    } else {
        Urgency::Progress
    }
}

/// Who is mentioned at the end of a run, when it was long enough for people to have looked away.
fn waited(run: &Run) -> Option<u64> {
    let Principal::Discord(user) = run.spec.origin.principal() else {
        return None;
    };
    let Phase::Closed { at_ms } = run.phase else {
        return None;
    };
    (at_ms.saturating_sub(run.accepted_ms) > FAREWELL_MS).then_some(user)
}

fn farewell(run: &Run) -> Option<String> {
    let who = view::mention(&Principal::Discord(waited(run)?));
    Some(format!("{who} {}", view::run_summary(run)))
}

fn not_started(run: &Run) -> Option<String> {
    let Phase::Expired(reason) = &run.phase else {
        return None;
    };
    let why = view::escape_markdown(reason);
    let number = run.number;
    Some(format!(
        "{number} was not started and nothing was run: {why}. Please ask again."
    ))
}

#[cfg(test)]
mod tests;
