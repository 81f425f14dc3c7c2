//! The agent: a link to the controller, and an executor that runs what it is told.
//!
//! Unlike the other crates this one does not forbid unsafe code: the shim needs it between fork and exec, and only there.

pub mod facts;

pub mod shim;

pub mod executor;

/// Runs the program with these arguments, the first of which is its name.
#[must_use]
pub fn main_from(args: impl IntoIterator<Item = std::ffi::OsString>) -> std::process::ExitCode {
    let mut args = args.into_iter().skip(1);
    match (args.next(), args.next()) {
        (Some(verb), Some(dir)) if verb == "shim" => shim::main(&dir),
        _ => std::process::ExitCode::from(64),
    }
}
