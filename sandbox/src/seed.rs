//! What a sandbox begins with, as data: the bot, and guilds with their roles, people and channels.
//!
//! The default and every seed file become the same `Seed`; making a world of it is `world::furnish`'s.

use std::fmt;

use crate::model::guild::permissions::{EVERYONE, MANAGE_THREADS, PIN_MESSAGES};
use crate::snowflake::Snowflake;

mod names;
mod read;
mod section;

/// Bytes of a seed file; far more than any guild needs.
pub(crate) const FILE_MAX: u64 = 1024 * 1024;

/// What a sandbox begins with.
///
/// The default is a guild with the channels general, ops and audit, and with an owner, an operator, an approver and a
/// guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seed {
    pub(crate) bot: BotSeed,
    pub(crate) guilds: Vec<GuildSeed>,
}

impl Seed {
    /// Reads a seed file (TOML; the format is in `docs/SANDBOX.md`).
    ///
    /// # Errors
    /// Everything that is wrong with it, by line.
    pub fn from_toml(text: &str) -> Result<Self, SeedErrors> {
        read::seed(text).map_err(SeedErrors)
    }
}

/// Everything that is wrong with a seed file, by line.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SeedErrors(Vec<(usize, String)>);

impl SeedErrors {
    /// Line numbers, from 1, and what is wrong there.
    pub fn iter(&self) -> impl Iterator<Item = (usize, &str)> {
        self.0.iter().map(|(line, what)| (*line, what.as_str()))
    }
}

impl fmt::Display for SeedErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (line, what)) in self.0.iter().enumerate() {
            let between = if index > 0 { "\n" } else { "" };
            write!(f, "{between}line {line}: {what}")?;
        }
        Ok(())
    }
}

/// The bot and its application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BotSeed {
    pub(crate) id: Option<Snowflake>,
    pub(crate) name: String,
    pub(crate) token: Option<String>,
    /// Bits of the privileged intents that it was granted; `Options` says it when the file does not.
    pub(crate) intents: Option<u64>,
    /// Of its own role, in every guild that it is in.
    pub(crate) permissions: u64,
    pub(crate) color: u32,
}

/// A guild.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GuildSeed {
    pub(crate) id: Option<Snowflake>,
    pub(crate) name: String,
    /// Permissions of `@everyone`.
    pub(crate) everyone: u64,
    /// Whether the bot is in it.
    pub(crate) bot: bool,
    /// The lowest first.
    pub(crate) roles: Vec<RoleSeed>,
    /// The owner among them, once.
    pub(crate) people: Vec<PersonSeed>,
    pub(crate) channels: Vec<ChannelSeed>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleSeed {
    pub(crate) id: Option<Snowflake>,
    pub(crate) name: String,
    pub(crate) permissions: u64,
    pub(crate) color: u32,
    pub(crate) mentionable: bool,
}

/// Somebody in a guild; whoever has the same name in another guild is the same person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PersonSeed {
    pub(crate) id: Option<Snowflake>,
    pub(crate) name: String,
    pub(crate) owner: bool,
    /// Names of roles.
    pub(crate) roles: Vec<String>,
}

/// A channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChannelSeed {
    pub(crate) id: Option<Snowflake>,
    pub(crate) name: String,
    /// Discord's channel type.
    pub(crate) kind: u8,
    pub(crate) topic: Option<String>,
    pub(crate) slowmode_s: u64,
    pub(crate) overwrites: Vec<OverwriteSeed>,
}

/// Who an overwrite is for, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ForWhom {
    Everyone,
    Role(String),
    Person(String),
}

/// A permission overwrite of a channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OverwriteSeed {
    pub(crate) whom: ForWhom,
    pub(crate) allow: u64,
    pub(crate) deny: u64,
}

impl Default for BotSeed {
    fn default() -> Self {
        Self {
            id: None,
            name: "Shanty".to_owned(),
            token: None,
            intents: None,
            permissions: MANAGE_THREADS | PIN_MESSAGES,
            color: 0x58_65_f2,
        }
    }
}

impl Default for Seed {
    fn default() -> Self {
        let role = |name: &str, color| RoleSeed {
            id: None,
            name: name.to_owned(),
            permissions: 0,
            color,
            mentionable: true,
        };
        let person = |name: &str, owner, roles: &[&str]| PersonSeed {
            id: None,
            name: name.to_owned(),
            owner,
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
        };
        let channel = |name: &str| ChannelSeed::text(name.to_owned());
        Self {
            bot: BotSeed::default(),
            guilds: vec![GuildSeed {
                id: None,
                name: "Shanty".to_owned(),
                everyone: EVERYONE,
                bot: true,
                roles: vec![role("Operator", 0x2e_cc_71), role("Approver", 0xe0_a0_00)],
                people: vec![
                    person("owner", true, &[]),
                    person("operator", false, &["Operator"]),
                    person("approver", false, &["Approver"]),
                    person("guest", false, &[]),
                ],
                channels: ["general", "ops", "audit"].map(channel).to_vec(),
            }],
        }
    }
}

impl ChannelSeed {
    const fn text(name: String) -> Self {
        Self {
            id: None,
            name,
            kind: 0,
            topic: None,
            slowmode_s: 0,
            overwrites: Vec::new(),
        }
    }
}
