//! What exists on Discord, as plain data with its own rules: messages, guilds, interactions, commands.

pub(crate) mod budget;
pub(crate) mod commands;
pub(crate) mod guild;
pub(crate) mod intents;
pub(crate) mod interaction;
pub(crate) mod message;
pub(crate) mod presence;
