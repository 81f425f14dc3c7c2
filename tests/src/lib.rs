//! Rigs for whole-system tests and benches: the real programs as processes, people who type, and servers that join.
//!
//! Everything goes through the front doors: the command lines, the script actions of the sandbox, the sockets. Nothing here sleeps;
//! everything waits for a condition, at most [`wait::BOUND`].

#![forbid(unsafe_code)]

pub mod agents;
pub mod alone;
pub mod bench;
pub mod browser;
pub mod call;
pub mod demo;
pub mod disk;
pub mod gate;
pub mod host;
pub mod left;
pub mod machine;
pub mod peer;
pub mod person;
pub mod process;
pub mod release;
pub mod site;
pub mod split;
pub mod terminal;
pub mod under_test;
pub mod wait;
pub mod words;
pub mod world;

mod http;
mod judged;
mod runs;

pub use agents::Agents;
pub use alone::Alone;
pub use browser::{Browser, Screen};
pub use call::Call;
pub use demo::Demo;
pub use disk::SmallDisk;
pub use gate::Gate;
pub use host::Host;
pub use machine::Machine;
pub use person::{Message, Person};
pub use process::Programs;
pub use terminal::Terminal;
pub use world::{Grant, Options, World, write_trusted};
