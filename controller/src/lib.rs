//! `shanty`: the controller, and the operator's command line.
//!
//! Edges (`link`, `discord`, `admin`, `http`) do not know one another; all use [`hub::Handle`] and the store. Read in this order.

#![forbid(unsafe_code)]

pub mod clock;
pub mod config;
pub mod log;
pub mod supervise;
pub mod version;

pub mod store;

pub mod audit;
pub mod authority;
pub mod backup;
pub mod checkpoints;
pub mod disk;
pub mod hub;
pub mod upgrade;

pub mod history;
pub mod retention;

pub mod health;
pub mod service_manager;
pub mod status;

pub mod install;

pub mod actions;

pub mod admin;
pub mod discord;
pub mod http;
pub mod link;

pub mod bot_token;
pub mod check;
pub mod reload;

pub mod app;
mod cli;
pub mod init;
pub mod stop;

#[cfg(feature = "demo")]
pub mod demo;

#[cfg(test)]
mod testing;

pub use cli::{main_as, main_from};
