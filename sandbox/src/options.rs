//! How a sandbox behaves, as whoever starts it chooses.

use std::time::Duration;

use crate::model::intents::{GUILD_MEMBERS, MESSAGE_CONTENT};
use crate::seed::Seed;

/// Discord's heartbeat interval.
const HEARTBEAT_MS: u64 = 41_250;
/// Identifies that Discord gives to a bot of ordinary size.
const IDENTIFIES_PER_DAY: u64 = 1000;
/// Connections at once: far more than clients need, and below the files that systems let a program open.
const CONNECTIONS_MAX: u32 = 16_000;
/// Longer than clients keep idle connections, most of them 15 to 30 seconds; also the bound of slow requests.
const PATIENCE: Duration = Duration::from_secs(60);

/// How the sandbox behaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Whether whoever reaches the address may do what people do; otherwise only who was given the key that stands in it.
    pub open: bool,
    /// Whether rate limits are enforced; switched off, the headers tell of limits that nobody reaches.
    pub limits: bool,
    /// The heartbeat interval that clients are told, in milliseconds; one and a half of it without a heartbeat and the
    /// connection is closed.
    pub heartbeat_interval_ms: u64,
    /// Connections at once, WebSockets among them; whoever comes beyond it is refused with a 503.
    pub connections_max: u32,
    /// How long a client may be silent between requests, take to send one, leave an answer unread, or be connected to
    /// the gateway without a session.
    pub patience: Duration,
    /// The privileged intents that the bot's application was granted, as bits: `GUILD_MEMBERS` is `1 << 1`,
    /// `GUILD_PRESENCES` `1 << 8`, `MESSAGE_CONTENT` `1 << 15`. Identifying with another closes with 4014.
    pub privileged_intents: u64,
    /// How often the bot may identify per day; one more time and all its sessions end and its token is another.
    pub identifies_per_day: u64,
    /// The least time between two identifies in milliseconds, 5000 at Discord; earlier ones are answered with op 9. 0
    /// lets tests restart as often as they like.
    pub identify_interval_ms: u64,
    /// The bot and the guilds that it begins with.
    pub seed: Seed,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            open: false,
            limits: true,
            heartbeat_interval_ms: HEARTBEAT_MS,
            connections_max: CONNECTIONS_MAX,
            patience: PATIENCE,
            privileged_intents: GUILD_MEMBERS | MESSAGE_CONTENT,
            identifies_per_day: IDENTIFIES_PER_DAY,
            identify_interval_ms: 0,
            seed: Seed::default(),
        }
    }
}
