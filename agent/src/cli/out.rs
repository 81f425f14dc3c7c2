//! The one place of the program that writes to standard output and standard error, its log apart. Nobody reads a closed pipe: that is
//! said to nobody. What cannot be written for another reason, such as a full disk, is told.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::{ErrorKind, Write as _};

use shanty_core::view::terminal::{lines, one_line};

use crate::failure::{Failure, exit};

/// What failures of this kind are called: they are not told.
pub(super) const CLOSED: &str = "E_PIPE";

/// Writes a line.
pub(super) fn line(text: &dyn Display) -> Result<(), Failure> {
    let line = format!("{text}\n");
    written(std::io::stdout().write_all(line.as_bytes()))
}

/// Writes lines in which names and what others said may stand: nothing of that does anything but be seen.
pub(super) fn text(text: &str) -> Result<(), Failure> {
    line(&lines(text))
}

/// Prints help or a version, with what clap knows of colours.
pub(super) fn help(help: &clap::Error) -> Result<(), Failure> {
    written(help.print())
}

/// Says something on standard error: names, paths and what was typed may be in it, and nothing of that does anything but be seen.
pub(super) fn note(text: &str) {
    let line = format!("{}\n", lines(text));
    std::io::stderr().write_all(line.as_bytes()).ok(); // Nobody to tell.
}

/// What was typed, as it can be said again.
pub(super) fn seen(args: &[OsString]) -> Vec<OsString> {
    let seen = args.iter().map(|arg| one_line(&arg.to_string_lossy()));
    seen.map(OsString::from).collect()
}

/// Says what was typed wrongly. clap says again what that was: `seen` is the same mistake in what can be seen of it.
pub(super) fn mistake(error: &clap::Error, seen: Option<clap::Error>) {
    match seen.filter(|seen| seen.use_stderr()) {
        Some(seen) => {
            seen.print().ok(); // Nobody to tell.
        }
        None => note(error.to_string().trim_end()),
    }
}

fn written(done: std::io::Result<()>) -> Result<(), Failure> {
    let done = done.and_then(|()| std::io::stdout().flush());
    done.map_err(|error| match error.kind() {
        ErrorKind::BrokenPipe => Failure::new(CLOSED, exit::PIPE, ""),
        _ => {
            let text = format!("standard output cannot be written: {error}");
            Failure::new("E_OUTPUT", exit::IO, text)
        }
    })
}
