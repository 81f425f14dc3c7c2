//! The sandbox over real HTTP and WebSockets: as a client library sees it, as scripts see it, and as a program.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on should stop where it stands"
)]

mod accounts;
mod bounds;
mod channels;
mod clients;
mod commands;
mod components;
mod content;
mod ephemeral;
mod errors;
mod flood;
mod flow;
mod foreign;
mod forums;
mod gateway;
mod gateway_session;
mod gateway_stream;
mod guard;
mod hostile;
mod interactions;
mod judge;
mod key;
mod limits;
mod markup;
mod members;
mod options;
mod permissions;
mod pins;
mod posting;
mod program;
mod reactions;
mod rig;
mod roles;
mod rules;
mod seed;
mod shapes;
mod shards;
mod staging;
mod strangers;
mod thread_lists;
mod thread_members;
mod threads;
mod twilight;
mod web;
