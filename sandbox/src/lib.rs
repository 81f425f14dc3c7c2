//! A local Discord: REST, gateway, people and a web client, for trying a bot without Discord.
//!
//! Follows Discord's documentation for the part that a bot of slash commands, cards and threads uses, and is strict where
//! Discord is. It knows nothing of Shanty, so it stays an independent judge. Everything is in memory; every start begins
//! with a fresh guild.

#![forbid(unsafe_code)]
// Discord's guild object is one long `json!`.
#![recursion_limit = "256"]

mod cli;
mod server;

mod gateway;
mod guard;
mod intake;
mod key;
mod live;
mod markup;
mod people;
mod rest;
mod sandbox;
mod web;

mod options;
mod seed;
mod world;

mod faults;
mod limits;
mod model;
mod traffic;

mod error;
mod field;
mod snowflake;
mod token;

pub use cli::main_from;
pub use options::Options;
pub use seed::{Seed, SeedErrors};
pub use server::{Ready, ServeError, serve, serve_with};
