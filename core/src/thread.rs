//! What people see of one run: its card, the pages and files of its thread, and the message that ends a long run.
//!
//! A [`Thread`] is fed with the records of each host and told how the run stands; it says which messages there should be and how each
//! looks. Their words and their layout are here, and nothing else: which message is written next is decided by [`crate::outbox`]. No bytes
//! of files and no limits of Discord's calls are known, and of messages only which cards there are, since older ones lead to newer ones.

mod cards;
mod files;
mod host;
mod pages;
mod single;
mod together;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::ops::Range;

use crate::ids::{AgentId, RunNumber};
use crate::limits;
use crate::outbox::{Key, Lane, Urgency};
use crate::output::same_but::SameBut;
use crate::run::{Phase, Run};
use crate::spool::Record;
use crate::view::groups::Told;
use crate::view::{self, Card};
use cards::{Due, has_failed};
use host::Host;
use pages::Pages;
pub use single::Single;
use together::Together;

pub use cards::{CARDS_MAX, CardAt};

/// A run that took longer than this ends with a message that mentions who asked, milliseconds: edits notify nobody.
const FAREWELL_MS: u64 = 60_000;
/// A card of this age is not edited to say what people must see, milliseconds: Discord takes few edits from an hour on.
pub const NEW_CARD_MS: u64 = 55 * 60_000;

/// What a message shows. Their order is the order in which the messages of one place are created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Block {
    /// The card, in the channel: the first is 0, and a later one is where a long run goes on.
    Card(usize),
    /// That nothing was run, in the channel, where there is no card that could say it.
    NotStarted,
    /// A message of the thread that holds output, from 0: a page of the one host's, or what all print, and later a group of hosts.
    Page(usize),
    /// The files with all of the output, in the thread.
    Files,
    /// The end of a long run, in the channel: mentions who asked.
    Farewell,
}

impl Key for Block {
    fn lane(self) -> Lane {
        match self {
            Self::Card(_) | Self::NotStarted | Self::Farewell => Lane::Channel,
            Self::Page(_) | Self::Files => Lane::Thread,
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
    /// Guild and channel of the cards; nothing when the guild is not known.
    pub place: Option<(u64, u64)>,
    /// Which cards there are, by number.
    pub cards: [CardAt; CARDS_MAX],
    /// The time, milliseconds since the Unix epoch.
    pub now_ms: u64,
}

/// Whether a run has a thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Threads {
    /// As soon as something is printed.
    #[default]
    Always,
    /// Only when a run outgrows its card.
    Auto,
}

/// How runs are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// Whether they have threads.
    pub threads: Threads,
    /// What outputs may differ in and be shown as one.
    pub same_but: SameBut,
    /// What people must see comes as a new card when the newest is older than this, milliseconds.
    pub new_card_ms: u64,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            threads: Threads::default(),
            same_but: SameBut::default(),
            new_card_ms: NEW_CARD_MS,
        }
    }
}

/// The messages of one run.
#[derive(Debug)]
pub struct Thread {
    style: Style,
    hosts: BTreeMap<AgentId, Host>,
    output: Output,
    /// There is no card, and there will be none.
    missing: bool,
    /// Why there is no thread, and will be none.
    closed: Option<NoThread>,
    /// The thread is there, or is needed.
    opened: bool,
    /// What is to be known of the files, as a sentence.
    files_note: Option<String>,
    /// When a host was first seen to have failed while others went on.
    failed_ms: Option<u64>,
    /// The last layout.
    messages: Vec<Message>,
}

/// Why a run has no thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoThread {
    /// Discord does not let the bot make one, or write there.
    Refused,
    /// Somebody deleted it.
    Deleted,
    /// It is archived, and only moderators may open it again.
    Locked,
    /// The server has as many open threads as Discord allows.
    Crowded,
}

/// How output is shown in the thread.
#[derive(Debug)]
enum Output {
    /// Of one host, page by page.
    Alone(Box<Pages>),
    /// Of several.
    Together(Together),
}

impl Thread {
    /// The messages of a run of which nothing was read yet.
    #[must_use]
    pub fn new(run: &Run, style: Style) -> Self {
        let colours = run.spec.options.colours;
        let targets = run.spec.targets.iter();
        let hosts = targets.map(|to| (to.agent, Host::new(to).with(colours)));
        let hosts: BTreeMap<AgentId, Host> = hosts.collect();
        let mut all = hosts.values();
        let output = match (all.next(), all.next()) {
            (Some(one), None) => Output::Alone(Box::new(Pages::new(one, colours))),
            (_, _) => Output::Together(Together::default()),
        };
        Self {
            style,
            hosts,
            output,
            missing: false,
            closed: None,
            opened: style.threads == Threads::Always,
            files_note: None,
            failed_ms: None,
            messages: Vec::new(),
        }
    }

    /// The files are written: what is not in them, as a sentence.
    pub fn attached(&mut self, note: Option<String>) {
        self.files_note = note;
    }

    /// There is no thread, and none can be made: only the channel shows the run.
    pub const fn without_thread(&mut self, why: NoThread) {
        self.closed = Some(why);
    }

    /// There is no card, and none can be made: the channel is told by a message that nothing was run.
    pub const fn without_card(&mut self) {
        self.missing = true;
    }

    /// An earlier process saw the first failure, at this time, milliseconds since the Unix epoch.
    pub const fn failed_at(&mut self, at_ms: Option<u64>) {
        self.failed_ms = at_ms;
    }

    /// When a host was first seen to have failed while others went on, milliseconds since the Unix epoch.
    #[must_use]
    pub const fn failed_ms(&self) -> Option<u64> {
        self.failed_ms
    }

    /// The hosts whose records are shown, in their order.
    pub fn agents(&self) -> impl Iterator<Item = AgentId> {
        self.hosts.keys().copied()
    }

    /// Takes the next record of a host.
    pub fn feed(&mut self, agent: AgentId, record: &Record) {
        self.take(agent, |host| host.feed(record));
    }

    /// Takes that a host has no more records.
    pub fn finish(&mut self, agent: AgentId) {
        self.take(agent, Host::finish);
    }

    /// Takes that the rest of a host's records cannot be read, and why, as a part of a sentence.
    pub fn break_off(&mut self, agent: AgentId, why: &str) {
        self.take(agent, |host| host.break_off(why));
    }

    fn take(&mut self, agent: AgentId, take: impl FnOnce(&mut Host) -> String) {
        if let Some(host) = self.hosts.get_mut(&agent) {
            let text = take(host);
            match &mut self.output {
                Output::Alone(pages) => pages.push(&text),
                Output::Together(together) => together.push(agent, &text),
            }
        }
    }

    /// True when no record and no end can come that would change a message.
    #[must_use]
    pub fn is_complete(&self, run: &Run) -> bool {
        match run.phase {
            Phase::Accepted | Phase::Running => false,
            // Nothing ran: no host will say anything.
            Phase::Expired(_) => true,
            Phase::Closed { .. } => self.is_read(run),
        }
    }

    /// True when all has ended, and all that was printed is read.
    fn is_read(&self, run: &Run) -> bool {
        run.all_ended() && self.hosts.values().all(|host| host.is_done(run))
    }

    /// The messages that people should see, as they should look now. One that is not among them stays as it is.
    pub fn lay_out(&mut self, status: &Status<'_>) -> &[Message] {
        let groups = self.groups(status.run);
        self.opened |= self.outgrows_its_card(status.run, &groups);
        if self.failed_ms.is_none() && has_failed(status.run) {
            self.failed_ms = Some(status.now_ms);
        }
        let due = self.due(status);
        let cards = self.cards(status, &due, &groups);
        let blocks = self.blocks(status.run, &groups);
        let message = |block| self.message(block, status, &groups);
        let blocks = blocks.into_iter().filter_map(message);
        let farewell = self.farewell(status, &due);
        self.messages = cards.into_iter().chain(blocks).chain(farewell).collect();
        &self.messages
    }

    /// True when there is no card, and none can come: nobody would see anything of the run.
    #[must_use]
    pub fn is_nowhere(&self, status: &Status<'_>) -> bool {
        !self.missing && self.due(status).is_nowhere(status)
    }

    fn due(&self, status: &Status<'_>) -> Due {
        Due::of(status, self.failed_ms, self.style.new_card_ms)
    }

    /// A message of the last layout.
    #[must_use]
    pub fn message_of(&self, block: Block) -> Option<&Message> {
        self.messages.iter().find(|message| message.block == block)
    }

    /// The groups of the hosts, once all have ended and all is read.
    fn groups(&self, run: &Run) -> Vec<Told> {
        if self.is_read(run) {
            together::groups(&self.hosts, run, self.style.same_but)
        } else {
            Vec::new()
        }
    }

    fn message(&self, block: Block, status: &Status<'_>, groups: &[Told]) -> Option<Message> {
        let run = status.run;
        let (urgency, text) = match block {
            Block::NotStarted => (Urgency::Now, not_started(run)?),
            Block::Page(number) => (
                self.page_urgency(number, run),
                self.page(number, run, groups)?,
            ),
            Block::Files => (Urgency::Now, self.files_text(run.number)),
            // These are laid out by themselves.
            Block::Card(_) | Block::Farewell => return None,
        };
        Some(Message::new(block, urgency, Look::Text(text), None))
    }

    fn page(&self, number: usize, run: &Run, groups: &[Told]) -> Option<String> {
        match &self.output {
            Output::Alone(pages) => Some(pages.page(number, self.hosts.values().next()?, run)),
            Output::Together(together) if groups.is_empty() => {
                Some(together.live(&self.hosts, run))
            }
            Output::Together(_) => together::page(groups, number),
        }
    }

    /// The last edit of a page that is full must not take the turn of the page after it, which goes on.
    fn page_urgency(&self, number: usize, run: &Run) -> Urgency {
        let full = match &self.output {
            Output::Alone(pages) => pages.is_full(number),
            Output::Together(_) => false,
        };
        if full || self.is_read(run) {
            Urgency::Now
        } else {
            Urgency::Progress
        }
    }

    fn blocks(&self, run: &Run, groups: &[Told]) -> Vec<Block> {
        if self.missing {
            return vec![Block::NotStarted];
        }
        let mut blocks = Vec::new();
        if self.opened && self.closed.is_none() {
            blocks.extend(self.page_numbers(run, groups).map(Block::Page));
            if self.has_files(run, groups) {
                blocks.push(Block::Files);
            }
        }
        blocks
    }

    fn page_numbers(&self, run: &Run, groups: &[Told]) -> Range<usize> {
        match &self.output {
            Output::Alone(pages) => {
                let host = self.hosts.values().next();
                host.map_or(0..0, |host| pages.numbers(host, run))
            }
            Output::Together(_) if groups.is_empty() => {
                let began = self.hosts.values().any(|host| host.bytes() > 0);
                0..usize::from(began)
            }
            Output::Together(_) => 0..together::pages(groups),
        }
    }

    fn has_files(&self, run: &Run, groups: &[Told]) -> bool {
        self.is_read(run)
            && match &self.output {
                Output::Alone(pages) => self.hosts.values().all(|host| pages.has_files(host)),
                Output::Together(_) => together::has_files(groups),
            }
    }

    /// True when the card has no room for what was printed, so that a thread is needed.
    fn outgrows_its_card(&self, run: &Run, groups: &[Told]) -> bool {
        if self.is_read(run) {
            return !view::card_is_whole(groups);
        }
        let (lines_max, units_max) = limits::CARD_OUTPUT_MAX;
        let is_long = |host: &Host| {
            let short = host.whole().is_some_and(|text| text.len() <= units_max);
            host.bytes() > 0 && (!short || host.lines() > lines_max as u64)
        };
        self.hosts.values().any(is_long)
    }

    /// What stands above the files.
    fn files_text(&self, run: RunNumber) -> String {
        let mut hosts = self.hosts.values();
        match (hosts.next(), hosts.next()) {
            (Some(one), None) => files::text_of_one(one, run),
            (_, _) => files::text_of_several(&self.hosts, run, self.files_note.as_deref()),
        }
    }

    /// The files that hold all of the output of a run on one host, or its beginning and its end when it is too long.
    #[must_use]
    pub fn files(&self, agent: AgentId, run: RunNumber) -> Vec<FilePart> {
        self.hosts
            .get(&agent)
            .map_or_else(Vec::new, |host| files::parts(host, run))
    }
}

impl Message {
    fn new(block: Block, urgency: Urgency, look: Look, mention: Option<u64>) -> Self {
        Self {
            block,
            digest: look.digest(),
            urgency,
            look,
            mention,
        }
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
