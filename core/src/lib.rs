//! What Shanty decides, without doing any of it.
//!
//! No I/O, no async, no clock, no randomness, no wire, database or chat types: events go in, effects come out, time is an argument.
//! Read the modules in this order.

#![forbid(unsafe_code)]
#![warn(clippy::wildcard_enum_match_arm)]

pub mod ids;
pub mod limits;
pub mod refusal;
pub mod text;

pub mod selector;

pub mod spool;

pub mod output;

pub mod view;
