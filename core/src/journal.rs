//! The records of everything that was decided and done, and the state that they fold to. The hub's memory is this same fold.

mod record;
mod state;

pub use record::{Enrolment, Kind, Needs, Proposal, Record};
pub use state::{Draining, HostEntry, State, TokenEntry};
