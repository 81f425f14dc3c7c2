//! The edge towards Discord: what is said to it and what is heard from it, without any decision.
//!
//! [`gateway`] hears interactions, [`commands`] turns them into the closed set of things that people can ask, [`requests`] turns what
//! we want to say into calls, [`sender`] makes each call once, when the limits allow it. What to answer, whether somebody may, and
//! which message to write next is decided elsewhere.
//!
//! **Before anything here is used, `main` (and each test) installs a TLS provider**:
//! `rustls::crypto::ring::default_provider().install_default()`. twilight builds TLS connectors when a gateway configuration or an HTTP
//! client is made, also for plain addresses, and panics when no provider was chosen. [`requests::Requests::new`] and [`gateway::run`]
//! must also be called inside a Tokio runtime.

pub mod answers;
pub mod api;
pub mod call;
pub mod cards;
pub mod commands;
pub mod gateway;
pub mod requests;
pub mod secret;
pub mod sender;

#[cfg(test)]
mod fake;
