//! The seam between link and executor where they are two processes: the same requests as over the channel, over a unix socket.
//!
//! The link may be anybody who took it over: whatever it says is bounded, and the executor believes of it only what the controller signed,
//! the time too.

mod client;
mod pipe;
mod server;
mod wire;

pub use client::connect;
pub use server::{Listener, SocketError};
