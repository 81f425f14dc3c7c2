//! Output: from the bytes that a command wrote to what a person reads. Stored and attached bytes stay raw but for what is masked; the rest is
//! for views only.

pub mod colours;
pub mod content;
pub mod diff;
pub mod excerpt;
pub mod mask;
pub mod pages;
pub mod same_but;
pub mod sanitise;
