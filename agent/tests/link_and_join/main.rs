//! The agent through its front door: the built program against a controller of a few lines, over real TLS.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are not marked as tests themselves"
)]

mod controller;
mod doctor;
mod join;
mod link;
mod program;
mod proxy;
mod renewal;
mod signed;
