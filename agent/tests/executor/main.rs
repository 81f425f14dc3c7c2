//! The executor and the shim over real processes, through the seam that the link uses.
//!
//! Every test ends with a look for processes and shims that it left; there must be none.

#![expect(
    clippy::unwrap_used,
    reason = "everything here is a test; the lint's own exception ends at functions that are not marked as one"
)]

mod accepting;
mod disk;
mod endings;
mod inputs;
mod limits;
mod masks;
mod orders;
mod output;
mod recovery;
mod seam;
mod surroundings;
mod world;
