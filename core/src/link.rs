//! What a link remembers of spools: which bytes to send next, and what to do with bytes that arrive.
//!
//! Offsets into spools are the only sequence numbers there are. Nothing here reads, stores or sends a byte.

pub mod bucket;
pub mod budget;
pub mod pace;
pub mod receiver;
pub mod sender;

#[cfg(test)]
mod tests;
