//! What Shanty decides, without doing any of it.
//!
//! No I/O, no async, no clock, no randomness, no wire, database or chat types: events go in, effects come out, time is an argument.
//! Read the modules in this order.

#![forbid(unsafe_code)]
// Tests pick out what they look at.
#![cfg_attr(not(test), warn(clippy::wildcard_enum_match_arm))]

pub mod ids;
pub mod limits;
pub mod principal;
pub mod refusal;
pub mod text;
pub mod time;
pub mod version;

pub mod causes;

pub mod facts;
pub mod install;
pub mod said;
pub mod selector;

pub mod authority;
pub mod hold;
pub mod members;

pub mod ask;

pub mod admission;
pub mod policy;

pub mod fleet;
pub mod journal;
pub mod offer;
pub mod order;
pub mod run;

pub mod action;

pub mod history;

pub mod hub;

pub mod link;
pub mod spool;

pub mod output;

pub mod outbox;
pub mod view;

pub mod thread;

pub mod manners;
pub mod news;
pub mod quiet;
