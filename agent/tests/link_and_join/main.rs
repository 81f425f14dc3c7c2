//! The agent through its front door: the built program against a controller of a few lines, over real TLS.

mod controller;
mod join;
mod link;
mod program;
