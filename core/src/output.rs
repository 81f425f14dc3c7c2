//! Output: from the bytes that a command wrote to what a person reads. Stored and attached bytes stay raw; only views pass through here.

pub mod content;
pub mod diff;
pub mod excerpt;
pub mod pages;
pub mod same_but;
pub mod sanitise;
