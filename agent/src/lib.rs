//! The agent: a link to the controller, and an executor that runs what it is told.
//!
//! Unlike the other crates this one does not forbid unsafe code: the shim needs it between fork and exec, and only there.

mod clock;

mod version;

pub mod facts;

pub mod shim;

pub mod executor;

pub mod config;

pub mod policy;

mod mask;

mod surroundings;

mod cgroup;

mod failure;

mod identity;

mod join;

pub mod seam;

mod doctor;

mod support;

mod status;

mod uninstall;

mod link;

mod update;

mod parent;

mod supervise;

mod service_manager;

mod agent;

mod cli;

pub use cli::{main_as, main_from};
