//! Discord's own OpenAPI file as the judge of REST exchanges and gateway events, for tests only.
//!
//! Says whether what went over the wire has the shape that Discord publishes. Decides nothing about behaviour: which status
//! a request deserves is for the test that made it. The file is not part of the repository; where it is missing the judge
//! is missing too, and says so once.

#![forbid(unsafe_code)]

mod corrections;
mod events;
mod exchange;
mod judge;
mod routes;
mod violation;

pub use exchange::{Exchange, json_body};
pub use judge::{BadDocument, Judge};
pub use violation::{Part, Violation, demand};
