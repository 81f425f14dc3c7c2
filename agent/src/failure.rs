//! What the program says when it stops for a reason that a person can do something about, and with which exit code.

use std::error::Error;
use std::fmt;

use shanty_core::causes::chain;
use tonic::Code;

/// Exit codes, as in `sysexits.h`: stable for scripts and units.
pub(crate) mod exit {
    /// Something failed that is no fault of the caller.
    pub(crate) const FAILED: u8 = 1;
    /// The command line, or a token, is not well-formed.
    pub(crate) const USAGE: u8 = 64;
    /// What was to be created cannot be, such as because it is there already.
    pub(crate) const CREATE: u8 = 73;
    /// What is to be printed cannot be written: a full disk.
    pub(crate) const IO: u8 = 74;
    /// Nobody reads what is printed any more, as a shell says it of SIGPIPE.
    pub(crate) const PIPE: u8 = 141;
    /// It may work later.
    pub(crate) const TRY_AGAIN: u8 = 75;
    /// The controller said no.
    pub(crate) const REFUSED: u8 = 77;
    /// Something is not set up as it must be.
    pub(crate) const CONFIG: u8 = 78;
}

/// A stop with a stable code, an exit code and a text for a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    /// `E_...`, stable for scripts.
    pub(crate) code: &'static str,
    /// The exit code.
    pub(crate) exit: u8,
    /// What happened and what to do next.
    pub(crate) text: String,
}

impl Failure {
    pub(crate) fn new(code: &'static str, exit: u8, text: impl Into<String>) -> Self {
        Self {
            code,
            exit,
            text: text.into(),
        }
    }

    /// Something is not set up as it must be: exit code 78.
    pub(crate) fn config(error: &dyn Error) -> Self {
        Self::new("E_CONFIG", exit::CONFIG, chain(error))
    }

    /// A fault of ours or of the machine: exit code 1.
    pub(crate) fn internal(error: &dyn Error) -> Self {
        Self::new("E_INTERNAL", exit::FAILED, chain(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A text from the other side as one line that is safe to print: bounded, nothing that moves a cursor.
pub(crate) fn printable(text: &str) -> String {
    const CHARS_MAX: usize = 500;
    text.chars()
        .take(CHARS_MAX)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// What a controller said with a status, or what its code means where it said nothing.
pub(crate) fn words(status: &tonic::Status) -> String {
    match (status.message().trim(), status.code()) {
        ("", Code::Unimplemented) => {
            "what answers there is a join port, or no controller that takes links".to_owned()
        }
        ("", code) => format!("it gave no reason ({})", code.description()),
        (said, _) => printable(said),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_without_words_is_told_all_the_same() {
        for (code, message, told) in [
            (Code::Unimplemented, "", "what answers there is a join port"),
            (Code::Internal, " ", "it gave no reason (Internal error)"),
            (Code::Internal, "full\n", "full"),
        ] {
            let told_of_it = words(&tonic::Status::new(code, message));
            assert!(told_of_it.starts_with(told), "{told_of_it}");
        }
    }

    #[test]
    fn what_the_other_side_says_moves_no_cursor() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a [2Jb c");
        assert_eq!(printable(&"x".repeat(9_999)).len(), 500);
    }
}
