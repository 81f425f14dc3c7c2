//! Writes to standard output, and says what became of it: a closed pipe ends silently, anything else with why.

use std::io::{ErrorKind, Write as _};

use crate::cli::client::Failure;
use crate::cli::exit;

/// Writes all of a text.
pub(super) fn print(text: &str) -> Result<u8, Failure> {
    let mut out = std::io::stdout().lock();
    wrote(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// What a write comes to.
pub(super) fn wrote(written: std::io::Result<()>) -> Result<u8, Failure> {
    match written {
        Ok(()) => Ok(exit::OK),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(exit::PIPE),
        Err(error) => Err(Failure::new(
            "E_WRITE",
            exit::IO,
            format!("cannot write: {error}"),
            "What was written so far is not all of it.",
        )),
    }
}
