//! The state of the sandbox: everything that exists, and the version that tells of changes.
//!
//! Knows of no edge and no lock: `sandbox` shares it out.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;

use tokio::sync::watch;

use crate::faults::Faults;
use crate::limits::Limits;
use crate::model::budget::Budget;
use crate::model::commands::Commands;
use crate::model::guild::{Channel, DM, Guild, User, permissions};
use crate::model::interaction::Interactions;
use crate::model::message::Message;
use crate::model::presence::Presence;
use crate::options::Options;
use crate::snowflake::{Clock, Mint, Snowflake};
use crate::traffic::Traffic;
use crate::world::sessions::Sessions;

pub(crate) mod channels;
mod commands;
pub(crate) mod files;
pub(crate) mod fresh;
mod furnish;
pub(crate) mod interactions;
pub(crate) mod keeping;
pub(crate) mod members;
pub(crate) mod pins;
pub(crate) mod posting;
mod presence;
pub(crate) mod publish;
pub(crate) mod reactions;
mod ready;
mod render;
pub(crate) mod sessions;
mod sight;
pub(crate) mod threads;

use files::Files;
use fresh::Seeds;
use keeping::Keeping;

/// Nonces remembered; Discord promises uniqueness for "the past few minutes" only.
const NONCES_MAX: usize = 10_000;
/// How long a nonce finds its first message again, in milliseconds.
const NONCE_MS: u64 = 3 * 60 * 1000;

/// The bot's application; its user has the same id, as with every application made since 2016.
#[derive(Clone, Debug)]
pub(crate) struct Application {
    pub(crate) id: Snowflake,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) tags: Vec<String>,
    pub(crate) token: String,
    /// Bits of the privileged intents that it was granted.
    pub(crate) privileged_intents: u64,
    /// Of its own role, in every guild that it joins.
    pub(crate) permissions: u64,
    pub(crate) color: u32,
}

/// Everything that exists.
#[derive(Debug)]
pub(crate) struct World {
    clock: Clock,
    mint: Mint,
    /// Another one at every start.
    pub(crate) start: String,
    pub(crate) address: SocketAddr,
    pub(crate) application: Application,
    pub(crate) seeds: Seeds,
    pub(crate) users: HashMap<Snowflake, User>,
    pub(crate) guilds: BTreeMap<Snowflake, Guild>,
    pub(crate) channels: HashMap<Snowflake, Channel>,
    pub(crate) files: Files,
    pub(crate) keeping: Keeping,
    pub(crate) commands: Commands,
    pub(crate) interactions: Interactions,
    pub(crate) sessions: Sessions,
    pub(crate) budget: Budget,
    /// What people last saw of the bot.
    pub(crate) shown_presence: Presence,
    /// People who let a program act for them, by its token.
    pub(crate) bearers: HashMap<String, Snowflake>,
    pub(crate) limits: Limits,
    pub(crate) faults: Faults,
    pub(crate) traffic: Traffic,
    nonces: VecDeque<Nonce>,
    version: u64,
    /// The version at which channels, people, roles or commands last changed.
    pub(crate) structure_version: u64,
    changed: watch::Sender<u64>,
    /// Raised when an interaction starts or a thread changes, for whoever watches the clocks.
    started: watch::Sender<u64>,
}

#[derive(Debug)]
struct Nonce {
    channel: Snowflake,
    text: String,
    message: Snowflake,
    at_ms: u64,
}

impl World {
    /// A fresh world that is reached at `address`.
    pub(crate) fn new(address: SocketAddr, options: &Options) -> Self {
        let clock = Clock::start();
        let mut mint = Mint::default();
        let bot = &options.seed.bot;
        let id = bot.id.unwrap_or_else(|| mint.next(clock.now_ms()));
        let user = User::new(id, bot.name.clone(), true);
        let mut world = Self {
            clock,
            mint,
            start: crate::token::session(),
            address,
            application: Application {
                id,
                name: bot.name.clone(),
                description: String::new(),
                tags: Vec::new(),
                token: bot.token.clone().unwrap_or_else(|| crate::token::bot(id)),
                privileged_intents: bot.intents.unwrap_or(options.privileged_intents),
                permissions: bot.permissions,
                color: bot.color,
            },
            seeds: Seeds {
                guild: id,
                general: id,
                owner: id,
                operator: id,
                approver: id,
                guest: id,
            },
            users: HashMap::from([(id, user)]),
            guilds: BTreeMap::new(),
            channels: HashMap::new(),
            files: Files::default(),
            keeping: Keeping::default(),
            commands: Commands::default(),
            interactions: Interactions::default(),
            sessions: Sessions::default(),
            budget: Budget::new(options.identifies_per_day, options.identify_interval_ms),
            shown_presence: Presence::offline(),
            limits: Limits::new(options.limits),
            bearers: HashMap::new(),
            faults: Faults::default(),
            traffic: Traffic::default(),
            nonces: VecDeque::new(),
            version: 1,
            structure_version: 1,
            changed: watch::Sender::new(0),
            started: watch::Sender::new(0),
        };
        world.seeds = furnish::furnish(&mut world, &options.seed);
        world
    }

    /// A furnished world without a listener.
    #[cfg(test)]
    pub(crate) fn for_tests() -> Self {
        let options = Options {
            limits: false,
            ..Options::default()
        };
        Self::new(SocketAddr::from(([127, 0, 0, 1], 1)), &options)
    }

    /// Milliseconds of the Unix epoch.
    pub(crate) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// The clock by itself, for waits outside of the lock.
    pub(crate) const fn clock(&self) -> Clock {
        self.clock
    }

    /// Chooses the id of the next thing that is made, if there is a choice.
    pub(crate) const fn give_id(&mut self, id: Option<Snowflake>) {
        if let Some(id) = id {
            self.mint.give(id);
        }
    }

    /// A new id.
    pub(crate) fn next_id(&mut self) -> Snowflake {
        self.mint.next(self.clock.now_ms())
    }

    /// So many new ids at once.
    pub(crate) fn reserve_ids(&mut self, count: usize) -> Vec<Snowflake> {
        (0..count).map(|_| self.next_id()).collect()
    }

    /// The version that every change raises.
    pub(crate) const fn version(&self) -> u64 {
        self.version
    }

    /// The bot's user.
    pub(crate) fn bot_user(&self) -> Option<&User> {
        self.users.get(&self.application.id)
    }

    /// Notes that what is seen in a channel has changed.
    pub(crate) fn touch(&mut self, channel: Snowflake) {
        let version = self.bump();
        if let Some(channel) = self.channels.get_mut(&channel) {
            channel.version = version;
            channel.messages.stamp(version, &mut self.keeping.bytes);
        }
    }

    /// Notes that channels, people, roles or commands have changed.
    pub(crate) fn structure_changed(&mut self) {
        self.structure_version = self.bump();
    }

    /// Raises the version; whoever waits for a change looks again.
    pub(crate) fn bump(&mut self) -> u64 {
        self.version = self.version.saturating_add(1);
        self.changed.send_replace(self.version);
        self.version
    }

    /// What someone may do in a channel; everything in their own direct messages, nothing in others'.
    pub(crate) fn permissions(&self, who: Snowflake, channel: &Channel) -> u64 {
        let Some(guild) = channel.guild.and_then(|id| self.guilds.get(&id)) else {
            let ours = channel.recipient == Some(who) || who == self.application.id;
            return if ours { permissions::ALL } else { 0 };
        };
        let ruling = self.channels.get(&channel.ruling()).unwrap_or(channel);
        permissions::in_channel(guild, who, channel, ruling, self.now_ms())
    }

    /// Tells of every new version.
    pub(crate) fn versions(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Tells whenever there may be an earlier deadline than before.
    pub(crate) fn deadlines(&self) -> watch::Receiver<u64> {
        self.started.subscribe()
    }

    /// Wakes whoever watches the clocks of interactions and threads.
    pub(crate) fn clocks_changed(&self) {
        self.started
            .send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The direct-message channel with a person, made when it is first asked for.
    pub(crate) fn dm_with(&mut self, person: Snowflake) -> Snowflake {
        let found = self
            .channels
            .values()
            .find(|c| c.kind == DM && c.recipient == Some(person));
        if let Some(channel) = found {
            return channel.id;
        }
        let id = self.next_id();
        self.channels.insert(id, Channel::dm(id, person));
        self.structure_changed();
        id
    }

    /// The message that was created with this nonce in the last few minutes.
    pub(crate) fn message_with_nonce(&self, channel: Snowflake, nonce: &str) -> Option<&Message> {
        let since = self.now_ms().saturating_sub(NONCE_MS);
        let found = self
            .nonces
            .iter()
            .rev()
            .take_while(|seen| seen.at_ms >= since);
        let id = found
            .into_iter()
            .find(|seen| seen.channel == channel && seen.text == nonce)?
            .message;
        self.channels.get(&channel)?.messages.get(&id)
    }

    /// Remembers the nonce of a new message.
    pub(crate) fn remember_nonce(&mut self, channel: Snowflake, text: String, message: Snowflake) {
        if self.nonces.len() >= NONCES_MAX {
            self.nonces.pop_front();
        }
        let at_ms = self.now_ms();
        self.nonces.push_back(Nonce {
            channel,
            text,
            message,
            at_ms,
        });
    }
}
