//! Placeholder of the crate, filled by the next commits.

pub mod discord;
