//! The records of everything that was decided and done, and the state that they fold to. The hub's memory is this same fold.

mod anchor;
mod certificate;
mod checkpoint;
mod consequence;
mod host;
mod past;
mod record;
mod runs;
mod state;

pub use anchor::{Anchor, NotAnAnchor};
pub use certificate::{Certificate, Certificates, KeyStanding};
pub use consequence::Consequence;
pub use host::{Draining, HostChange, HostEntry};
pub use past::{Past, PastRun, Recalled};
pub use record::{Checkpoint, Denied, Enrolment, Kind, Needs, Proposal, Record, VersionChange};
pub use runs::{Runs, Window};
pub use state::{FOLD, State, TokenEntry};
