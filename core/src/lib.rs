//! What Shanty decides, without doing any of it.
//!
//! No I/O, no async, no clock, no randomness, no wire, database or chat types: events go in, effects come out, time is an argument.
//! Read the modules in this order.

#![forbid(unsafe_code)]
#![warn(clippy::wildcard_enum_match_arm)]

pub mod ids;
pub mod limits;
pub mod principal;
pub mod refusal;
pub mod text;

pub mod facts;
pub mod selector;

pub mod admission;
pub mod policy;

pub mod journal;
pub mod run;

pub mod link;
pub mod spool;

pub mod output;

pub mod outbox;
pub mod view;
